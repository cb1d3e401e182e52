"""Micro-batches give the gradient of the whole batch, for every loss."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.game import Pair, placed
from tussle.gan import Batch
from tussle.losses import loss_names
from tussle.measures import Nodes
from tussle.networks import network_gan
from tussle.networks.mlp import MLP, mlp_networks
from tussle.training.accumulate import Accumulated, accumulated

SIZE, MICRO = 11, 4  # a last micro-batch of 3
UNBIASED = [f"{prefix}-least_squares,unbiased=true" for prefix in ("ra", "ralf", "rc")]
LOSSES = [*loss_names(), *(f"{n},pairing=all" for n in loss_names() if n.startswith("rp-")), *UNBIASED]


def game_of(loss="nonsaturating", dtype=torch.float64, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        networks = [m.to(dtype) for m in mlp_networks(3, 2, width=6, depth=2, activation="tanh")]
    data = np.random.default_rng(1).normal(size=(40, 2))
    return network_gan(*networks, data=data, latent=3, loss=loss, **options)


def both(network, micro=MICRO, size=SIZE):
    """The velocities of the whole batch and of its micro-batches."""
    batch = placed(network.game.sampler(size)(2, 0), network.start[0])
    return [
        f(network.start, batch) for f in (tussle.Field(network.game), Accumulated(tussle.Field(network.game), micro))
    ]


def farthest(whole, parts):
    return max(float((a - b).norm() / a.norm()) for a, b in zip(whole, parts, strict=True))


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_the_gradient_of_the_whole_batch(name):
    whole, parts = both(game_of(name))
    assert all(v.norm() > 1e-6 for v in whole)
    assert farthest(whole, parts) < 1e-12


@pytest.mark.parametrize("name", ["nonsaturating", "rp-logistic,pairing=all", "ra-hinge"])
@pytest.mark.parametrize("micro", [1, 5, SIZE, 100])
def test_any_size_of_micro_batches_will_do(name, micro):
    assert farthest(*both(game_of(name, penalties=[tussle.r1(2.0), tussle.r2(2.0)]), micro)) < 1e-12


@pytest.mark.parametrize("name", ["minimax", "rc-logistic"])
@pytest.mark.parametrize("kind", [tussle.r1, tussle.r2, tussle.wgan_gp, tussle.wgan_lp, tussle.dragan])
def test_penalties_add_up(name, kind):
    assert farthest(*both(game_of(name, penalties=[kind(3.0)]))) < 1e-12


@pytest.mark.parametrize("name", ["hinge", "ra-logistic"])
def test_instance_noise_keeps_its_samples(name):
    assert farthest(*both(game_of(name, penalties=[tussle.r1(1.0)], noise=0.3))) < 1e-12


def test_averaging_coupled_gradients_instead_would_be_wrong():
    network = game_of("ra-logistic")
    batch = placed(network.game.sampler(8)(2, 0), network.start[0])
    field = tussle.Field(network.game)
    halves = [Batch(*(Nodes(n.points[k : k + 4]) for n in (batch.real, batch.latent))) for k in (0, 4)]
    mean = 0.5 * sum(field.player(1, network.start, half) for half in halves)
    whole = field.player(1, network.start, batch)
    assert (mean - whole).norm() > 1e-3 * whole.norm()
    assert (Accumulated(field, 4).player(1, network.start, batch) - whole).norm() < 1e-12 * whole.norm()


def test_float32_keeps_its_digits():
    network = game_of("rp-logistic,pairing=all", torch.float32, penalties=[tussle.r1(1.0)])
    assert farthest(*both(network, 4, 64)) < 1e-5


def test_a_method_walks_the_same_path():
    network = game_of("rp-logistic,pairing=all", penalties=[tussle.r1(1.0), tussle.r2(1.0)])
    rule = tussle.alternating(tussle.sgd(0.05), first="discriminator")
    ends = []
    for field in (tussle.Field(network.game), accumulated(network.game, 3, network.start)):
        batches = network.game.sampler(SIZE).streams(rule.readings)
        ends.append(tussle.run(tussle.Map(field, rule), network.start, 4, batches=batches).last)
    assert (ends[0][0] - network.start[0]).abs().max() > 1e-3
    assert max(float((a - b).abs().max()) for a, b in zip(*ends, strict=True)) < 1e-12


def test_the_largest_graph_is_that_of_a_micro_batch():
    kept = []

    class Watched(MLP):
        def forward(self, x):
            if torch.is_grad_enabled():
                kept.append(len(x))
            return MLP.forward(self, x)

    networks = Watched(3, 2, 6, 2).double(), Watched(2, None, 6, 2).double()
    network = network_gan(*networks, data=np.eye(2), latent=3, loss="ra-logistic")
    batch = placed(network.game.sampler(SIZE)(2, 0), network.start[0])
    kept.clear()
    Accumulated(tussle.Field(network.game), MICRO)(network.start, batch)
    assert max(kept) == MICRO


def test_scaled_velocities_are_no_derivatives_and_go():
    network = game_of()
    batch = placed(network.game.sampler(SIZE)(2, 0), network.start[0])
    fields = [tussle.Field(network.game), Accumulated(tussle.Field(network.game), 4)]
    whole, parts = (tussle.adjust.timescale(1.0, 3.0)(field)(network.start, batch) for field in fields)
    assert farthest(whole, parts) < 1e-12


# Refusals ---------------------------------------------------------------------------------------------------


def test_an_adjusted_field_is_refused():
    network = game_of()
    with pytest.raises(ValueError, match=r"`field` is .* since an adjustment differentiates it; give Field"):
        Accumulated(tussle.consensus(1.0)(tussle.Field(network.game)), 4)
    with pytest.raises(ValueError, match="accumulation reads the plain field of a GAN"):
        Accumulated(tussle.Field(tussle.Game(lambda x, y: (x, y))), 4)


@pytest.mark.parametrize("bend", [tussle.consensus(1.0), tussle.jare(1.0), tussle.adjust.symplectic()])
def test_an_adjustment_of_micro_batches_is_refused(bend):
    network = game_of()
    batch = placed(network.game.sampler(SIZE)(2, 0), network.start[0])
    with pytest.raises(ValueError, match="`point` asks for derivatives of an accumulated field"):
        bend(Accumulated(tussle.Field(network.game), 4))(network.start, batch)


def test_batches_that_cannot_be_cut_are_refused():
    network = game_of()
    field, point = Accumulated(tussle.Field(network.game), 4), network.start
    batch = placed(network.game.sampler(SIZE)(2, 0), point[0])
    with pytest.raises(ValueError, match="`batch` is a NoneType; micro-batches are cut of samples"):
        field(point)
    with pytest.raises(ValueError, match="`batch` is a Pair"):
        field(point, Pair(batch, batch))
    with pytest.raises(ValueError, match="`batch` has weights"):
        field(point, Batch(Nodes(batch.real.points, torch.ones(SIZE).double() / SIZE), batch.latent))
    with pytest.raises(ValueError, match=r"`batch` has \[5, 11\] samples"):
        field(point, Batch(Nodes(batch.real.points[:5]), batch.latent))


@pytest.mark.parametrize("micro", [0, 2.5, True])
def test_the_size_is_a_whole_number(micro):
    with pytest.raises(ValueError, match=r"`micro` is .* whole number of at least 1"):
        Accumulated(tussle.Field(game_of().game), micro)


def test_a_network_that_mixes_samples_is_refused():
    networks = mlp_networks(3, 2, width=6, depth=2, norm="batch")
    network = network_gan(*networks, data=np.eye(2, dtype=np.float32), latent=3)
    with pytest.raises(ValueError, match="`generator` mixes the samples of a batch"):
        accumulated(network.game, 4, network.start)
