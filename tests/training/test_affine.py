"""The short way through piecewise affine critics, beside the general field."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.numpy import load_file
from torch import nn
from torch.nn import functional

from tussle import Map, alternating, loss, rmsprop
from tussle.data import digits
from tussle.field import Field
from tussle.game import placed
from tussle.networks import network_gan
from tussle.networks.convolution import closed_gan
from tussle.networks.resnet import resnet_networks
from tussle.penalties import dragan, r1, r2, wgan_gp, wgan_lp
from tussle.training import affine as module
from tussle.training.affine import Affine, affine, covered, fields
from tussle.training.build import setup
from tussle.training.recipes import recipe
from tussle.training.session import train_recipe

IMAGES = digits().train.images
SMALL = {
    "run__steps": 4, "run__batch": 8, "run__threads": 1, "log__every": 4, "log__probe_every": 0, "log__sample_every": 0,
    "log__samples": 4, "metrics__names": [], "networks": {"name": "resnet", "size": 8, "channels": 1, "width": 2,
    "latent": 3}, "penalties": [{"name": "r1", "weight": 1.0}, {"name": "r2", "weight": 0.5}],
    "pace": {"name": "rmsprop", "lr": 1e-3, "eps": 1e-6},
}  # fmt: skip


def network(critic=None, double=True, **parts):
    torch.manual_seed(0)
    generator, discriminator = resnet_networks(3, size=8, channels=1, width=2)
    discriminator = critic or discriminator
    if double:
        generator, discriminator = generator.double(), discriminator.double()
    data = IMAGES.astype("float64" if double else "float32")
    return network_gan(generator, discriminator, data=data, latent=3, **{"penalties": (r1(2.0),), **parts})


def short_and_general(net, size=6, step=0):
    batch = placed(net.game.sampler(size)(0, step), net.start[0])
    made = affine(net.game, net.discriminator, net.start)
    return made(net.game).player(1, net.start, batch), Field(net.game).player(1, net.start, batch), made, batch


def distance(first, second):
    return float((first - second).norm() / second.norm())


LOSSES = ["nonsaturating", "wasserstein", "least_squares", "rp-logistic", "ra-logistic", "rc-least_squares"]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("penalties", [(r1(2.0),), (r2(3.0),), (r1(1.0), r2(0.3), r1(0.5))], ids=["r1", "r2", "both"])
def test_the_short_way_gives_the_general_gradient_under_every_coupling(name, penalties):
    net = network(loss=loss(name), penalties=penalties)
    made = affine(net.game, net.discriminator, net.start)(net.game)
    batch = placed(net.game.sampler(6)(0, 0), net.start[0])
    assert made._short(net.start, batch) is not None
    assert distance(made.player(1, net.start, batch), Field(net.game).player(1, net.start, batch)) < 1e-12


@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_nearly_saturated_samples_lose_no_digits_in_float32(scale):
    net = network(double=False, loss=loss("wasserstein", scale=scale))
    short, whole, made, batch = short_and_general(net)
    assert made(net.game)._short(net.start, batch) is not None
    exact = network(loss=loss("wasserstein", scale=scale))
    point = tuple(x.double() for x in net.start)
    truth = Field(exact.game).player(1, point, placed(exact.game.sampler(6)(0, 0), point[0]))
    assert distance(short.double(), truth) < 1e-5
    assert distance(short, whole) < 1e-5


def test_a_step_in_which_the_loss_is_flat_goes_the_general_way():
    net = network(loss=loss("hinge"))
    net.start[1][-1] = 1.5  # the last bias: all logits are beyond the margin
    short, whole, made, batch = short_and_general(net)
    real = net.game.scores(net.start, batch)[0].points
    assert bool((real > 1).all())
    assert made(net.game)._short(net.start, batch) is None
    assert torch.equal(short, whole)


class Curved(nn.Module):
    """A critic of digits with an activation of one's own, and a limit where one is given."""

    def __init__(self, activation, norm=False, limit=None):
        super().__init__()
        self.first, self.last = nn.Linear(64, 6), nn.Linear(6, 1)
        self.activation, self.limit = activation, limit
        self.norm = nn.BatchNorm1d(6) if norm else nn.Identity()

    def forward(self, x):
        hidden = self.activation(self.norm(self.first(x.flatten(1))))
        return self.last(hidden if self.limit is None else hidden.clamp(max=self.limit))[:, 0]


class Gained(nn.Module):
    """A critic whose biases have another name, and whose gains have one axis."""

    def __init__(self):
        super().__init__()
        self.w, self.shift = nn.Parameter(torch.randn(5, 64) / 8), nn.Parameter(torch.randn(5))
        self.prelu, self.last = nn.PReLU(), nn.Linear(5, 1, bias=False)
        self.prelu.weight.requires_grad_(False)

    def forward(self, x):
        return self.last(self.prelu(x.flatten(1) @ self.w.T + self.shift))[:, 0]


class Spread(nn.Module):
    """A critic that is homogeneous, but neither piecewise affine nor apart: it sees the spread of the batch."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(64, 5), nn.Linear(6, 1)

    def forward(self, x):
        hidden = functional.relu(self.first(x.flatten(1)))
        return self.last(torch.cat([hidden, hidden.std(0).mean().expand(len(x), 1)], 1))[:, 0]


@pytest.mark.parametrize(
    ("critic", "yes"),
    [
        (Curved(functional.relu), True),
        (Curved(functional.tanh), False),
        (Curved(functional.softplus), False),
        (Curved(functional.relu6), False),
        (Curved(functional.relu, norm=True), False),
        (Curved(torch.square), False),
        (Gained(), True),
        (Spread(), False),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.PReLU(4), nn.Linear(4, 1)), True),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 1)), True),
    ],
)
def test_a_critic_is_taken_for_piecewise_affine_exactly_where_it_is(critic, yes):
    net = network(critic)
    made = affine(net.game, net.discriminator, net.start)
    assert (made is not None) == yes
    if made is not None:
        batch = placed(net.game.sampler(6)(0, 0), net.start[0])
        assert distance(made(net.game).player(1, net.start, batch), Field(net.game).player(1, net.start, batch)) < 1e-12


def test_a_bend_that_no_probe_met_is_found_by_the_step_that_meets_it():
    net = network(Curved(functional.relu, limit=1e4))
    made = affine(net.game, net.discriminator, net.start)(net.game)
    far = (net.start[0], net.start[1] * 1e3)
    batch = placed(net.game.sampler(6)(0, 0), net.start[0])
    assert made._short(net.start, batch) is not None
    assert made._short(far, batch) is None
    assert torch.equal(made.player(1, far, batch), Field(net.game).player(1, far, batch))


@pytest.mark.parametrize("parts", [{"penalties": (p,)} for p in (wgan_gp(1.0), wgan_lp(1.0), dragan(1.0))])
def test_other_penalties_go_the_general_way(parts):
    net = network()
    other = network(**parts)
    made = affine(net.game, net.discriminator, net.start)(other.game)
    batch = placed(other.game.sampler(6)(0, 0), net.start[0])
    assert not covered(other.game)
    assert torch.equal(made.player(1, net.start, batch), Field(other.game).player(1, net.start, batch))


def test_noise_and_weights_go_the_general_way():
    net, noisy = network(), network(noise=0.1)
    assert covered(net.game)
    assert not covered(noisy.game)
    batch = placed(net.game.sampler(6)(0, 0), net.start[0])
    weights = torch.full((6,), 1 / 6, dtype=torch.float64)
    heavy = dataclasses.replace(batch, real=dataclasses.replace(batch.real, weights=weights))
    made = affine(net.game, net.discriminator, net.start)(net.game)
    assert made._plain(batch)
    assert not made._plain(heavy)


def test_the_generator_has_the_general_field():
    net = network(loss=loss("ra-logistic"))
    batch, whole = placed(net.game.sampler(6)(0, 0), net.start[0]), Field(net.game)
    for generator in (None, net.generator):
        made = affine(net.game, net.discriminator, net.start, generator)(net.game)
        assert distance(made(net.start, batch)[0], whole(net.start, batch)[0]) < 1e-12


def test_derivatives_of_the_short_way_are_refused():
    net = network()
    made = affine(net.game, net.discriminator, net.start)(net.game)
    point = (net.start[0], net.start[1].clone().requires_grad_())
    with pytest.raises(ValueError, match="`point` asks for derivatives of a fused field"):
        made.player(1, point, placed(net.game.sampler(6)(0, 0), net.start[0]))


def test_both_scopes_together_take_the_steps_of_the_general_field():
    net = network(double=False, loss=loss("rp-logistic"), penalties=(r1(1.0), r2(1.0)))
    rule = alternating(rmsprop(1e-3, eps=1e-6), first="discriminator")
    made = affine(net.game, net.discriminator, net.start)
    ends = []
    for field in (made(closed_gan(net.game)), Field(net.game)):
        method, point = Map(field, rule), net.start
        state, sampler = method.init(point), net.game.sampler(8).streams(2)
        for k in range(5):
            point, state, _ = method.step(point, state, placed(sampler(0, k), point[0]))
        ends.append(torch.cat(point))
    assert float((ends[0] - ends[1]).abs().max()) < 1e-5


# Recipes ----------------------------------------------------------------------------------------------------


@pytest.fixture
def any_size(monkeypatch):
    """The short way is taken by networks of any size."""
    monkeypatch.setattr(module, "ENOUGH", 0)


def small(**changes):
    return recipe("digits-quick", **{**copy.deepcopy(SMALL), **changes})


@pytest.mark.usefixtures("any_size")
def test_a_run_with_and_without_the_short_way_leads_to_the_same_point(tmp_path):
    ends = []
    for fused in (True, False):
        found = small(run__fused=fused)
        assert isinstance(setup(found).map(0).field, Affine) == fused
        train_recipe(found, tmp_path / str(fused))
        ends.append(load_file(Path(tmp_path / str(fused)) / "last.safetensors"))
    assert ends[0].keys() == ends[1].keys()
    for name in ends[0]:
        np.testing.assert_allclose(ends[0][name], ends[1][name], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, Affine),
        ({"penalties": []}, Field),
        ({"networks__activation": "silu"}, Field),
        ({"run__precision": "bfloat16"}, Field),
        ({"rule": {"name": "competitive"}, "pace": {"name": "sgd", "lr": 1e-3}}, Field),
        ({"adjustments": [{"name": "consensus", "weight": 0.1}]}, None),
    ],
)
@pytest.mark.usefixtures("any_size")
def test_the_short_way_is_taken_where_it_is_right(changes, kind):
    field = setup(small(**changes)).map(0).field
    assert type(field) is kind if kind else not isinstance(field, Affine)


def test_small_networks_for_which_it_does_not_pay_are_read_the_general_way():
    assert type(setup(small()).map(0).field) is Field


@pytest.mark.usefixtures("any_size")
def test_a_cut_run_that_goes_the_short_way_equals_one_that_never_stopped(tmp_path):
    train_recipe(small(log__checkpoint_every=2), tmp_path / "whole")
    train_recipe(small(log__checkpoint_every=2, run__steps=3), tmp_path / "cut")
    train_recipe(small(log__checkpoint_every=2), tmp_path / "cut", resume=True)
    ends = [(tmp_path / name / "last.safetensors").read_bytes() for name in ("whole", "cut")]
    assert ends[0] == ends[1]


@pytest.mark.usefixtures("any_size")
def test_lazy_penalties_leave_the_short_way_in_place():
    lazy = small(penalties=[{"name": "r1", "weight": 1.0, "every": 2}])
    made = setup(lazy)
    games = [made.map(k).field.game.penalties for k in range(2)]
    assert [len(x) for x in games] == [1, 0]
    assert isinstance(made.map(1).field, Affine)


@pytest.mark.usefixtures("any_size")
def test_probes_read_the_field_that_can_be_differentiated():
    made = setup(small())
    assert type(made.twin(made.values(0)).field) is Field


@pytest.mark.usefixtures("any_size")
def test_a_module_that_writes_into_what_a_relu_gave_is_left_to_pytorch():
    class Writing(Curved):
        def forward(self, x):
            return self.last(functional.leaky_relu(self.first(x.flatten(1)), 0.2).mul_(1.4))[:, 0]

    net = network(Writing(None))
    assert fields(small(), net) is Field
    plain = network(Curved(functional.relu))
    assert fields(small(), plain) is not Field
