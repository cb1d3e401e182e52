"""Networks as players: flat vectors, and a GAN of two networks that is tried before it runs."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn
from torch.nn import functional

import tussle
from tussle.game import placed
from tussle.measures import Atoms
from tussle.networks import StandardNormal, channel_norm, network_gan, player, small_networks
from tussle.training import train

DATA = np.random.default_rng(0).uniform(-1, 1, (50, 1, 8, 8))


class Sum(nn.Module):
    """A discriminator that ends in a sum of a module's outputs."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x).flatten(1).sum(1)


def small_game(dtype=torch.float64, **options):
    networks = [m.to(dtype) for m in small_networks(2, 1, seed=1)]
    return network_gan(*networks, data=DATA, latent=2, **{"penalties": [tussle.r1(1.0)]} | options)


def snapshot(module):
    return {k: v.clone() for k, v in module.state_dict().items()}, module.training


def same(first, second):
    (a, mode), (b, other) = first, second
    return mode == other and a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


# Players ----------------------------------------------------------------------------------------------------


def test_a_player_says_what_its_module_says():
    generator, _ = small_networks(4, 2)
    one, z = player(generator), torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(one.function(one.vector, z), generator(z).detach(), rtol=0, atol=0)
    assert one.size == sum(p.numel() for p in generator.parameters())
    moved = one.to_module(2 * one.vector)
    torch.testing.assert_close(one.function(2 * one.vector, z), moved(z).detach(), rtol=0, atol=0)
    torch.testing.assert_close(one.state_dict(2 * one.vector)["last.bias"], 2 * generator.last.bias.detach())


def test_the_gradient_is_one_concatenation_in_the_order_of_the_parameters():
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    one, x = player(module), torch.ones(2, 3, dtype=torch.float64)
    flat = one.vector.requires_grad_()
    (slope,) = torch.autograd.grad(one.function(flat, x).sum(), flat, create_graph=True)
    own = torch.autograd.grad(module(x).sum(), tuple(module.parameters()))
    torch.testing.assert_close(slope, torch.cat([g.reshape(-1) for g in own]))
    assert type(slope.grad_fn).__name__ == "CatBackward0"


def test_second_and_third_derivatives_are_those_of_the_formula():
    """For sum tanh(W x): d^k/ds^k at W + s V is sum tanh^(k)(W x) (V x)^k."""
    one = player(nn.Sequential(nn.Linear(3, 2, bias=False), nn.Tanh()).double())
    rng = torch.Generator().manual_seed(0)
    x, v = (torch.randn(n, generator=rng, dtype=torch.float64) for n in ((5, 3), (6,)))
    flat = one.vector.requires_grad_()
    value, found = one.function(flat, x).sum(), []
    for _ in range(3):
        (slope,) = torch.autograd.grad(value, flat, create_graph=True)
        value = slope @ v
        found.append(value.detach())
    y, u = torch.tanh(x @ flat.detach().view(2, 3).T), x @ v.view(2, 3).T
    s = 1 - y * y
    wanted = [(s * u).sum(), (-2 * y * s * u**2).sum(), ((6 * y * y - 2) * s * u**3).sum()]
    torch.testing.assert_close(torch.stack(found), torch.stack(wanted), rtol=1e-12, atol=1e-12)


def test_buffers_mode_and_random_numbers_of_the_users_module_stay():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))
    before, random = snapshot(module), torch.random.get_rng_state()
    one, x = player(module, seed=5), torch.eye(3)
    first, again = one.function(one.vector, x), one.function(one.vector, x)
    one.to_module(0 * one.vector)
    assert torch.equal(first, again)
    assert same(before, snapshot(module))
    assert torch.equal(random, torch.random.get_rng_state())
    assert one.module[1].num_batches_tracked == 0


def test_buffers_are_constants_in_the_type_of_the_vector():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).eval()
    one = player(module)
    out = one.function(one.vector.double(), torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(out, module.double()(torch.eye(3, dtype=torch.float64)).detach(), rtol=1e-6, atol=1e-6)


def test_tied_parameters_count_once_and_frozen_ones_not_at_all():
    tied = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False), nn.Linear(2, 1))
    tied[1].weight = tied[0].weight
    tied[2].requires_grad_(False)
    one = player(tied)
    assert one.size == 4
    out = one.function(torch.tensor([2.0, 0.0, 0.0, 2.0]), torch.eye(2))
    torch.testing.assert_close(out, tied[2](4 * torch.eye(2)).detach())


@pytest.mark.parametrize(
    ("module", "match"),
    [
        (nn.Tanh(), "`module` Tanh has no trainable parameter; .*; set requires_grad"),
        (nn.Linear(1, 1).requires_grad_(False), "has no trainable parameter"),
        (nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1).double()), "dtypes torch.float32, torch.float64; .*; move it"),
        (lambda x: x, "`module` is a function; .*; wrap"),
    ],
)
def test_modules_that_are_no_players_are_refused_in_a_sentence(module, match):
    with pytest.raises(ValueError, match=match):
        player(module)


def test_a_lazy_module_must_be_called_first():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch calls its lazy modules experimental
        lazy = nn.LazyLinear(1)
    with pytest.raises(ValueError, match=r"`weight` without a shape; .*; call the module once"):
        player(lazy)


def test_a_vector_of_another_length_is_refused():
    one = player(nn.Linear(2, 1))
    with pytest.raises(ValueError, match=r"`vector` has shape \(4,\); the module has 3 .*; give"):
        one.function(torch.zeros(4), torch.zeros(1, 2))


# The GAN of two networks ------------------------------------------------------------------------------------


def test_velocities_are_minus_the_gradients_of_losses_written_by_hand():
    network = small_game()
    batch = placed(network.game.sampler(8)(0, 0), network.start[0])
    generator, discriminator = network.modules(network.start)
    real, fake = batch.real.points.requires_grad_(), generator(batch.latent.points)
    ones, zeros = torch.ones(8, dtype=torch.float64), torch.zeros(8, dtype=torch.float64)
    bce = functional.binary_cross_entropy_with_logits
    (slope,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    penalty = 0.5 * slope.square().sum((1, 2, 3)).mean()
    loss_d = bce(discriminator(real), ones) + bce(discriminator(fake), zeros) + penalty
    loss_g = bce(discriminator(fake), ones)
    by_hand = [
        -torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, tuple(m.parameters()), retain_graph=True)])
        for loss, m in ((loss_g, generator), (loss_d, discriminator))
    ]
    batch.real.points.requires_grad_(False)
    for v, wanted in zip(tussle.Field(network.game)(network.start, batch), by_hand, strict=True):
        torch.testing.assert_close(v, wanted, rtol=1e-10, atol=1e-12)


def test_the_dirac_gan_of_two_modules_walks_the_path_of_the_exact_model():
    line = [nn.Linear(1, 1, bias=False).double() for _ in range(2)]
    network = network_gan(*line, data=Atoms((0.0,)), latent=Atoms((1.0,)), penalties=[tussle.r1(0.3)], loss="minimax")
    rule = tussle.alternating(tussle.adam(0.1))
    start = (torch.ones(1, dtype=torch.float64), -torch.ones(1, dtype=torch.float64))
    ours = tussle.run(tussle.Map(tussle.Field(network.game), rule), start, 200)
    exact = tussle.models.dirac(penalties=[tussle.r1(0.3)])
    theirs = tussle.run(tussle.Map(tussle.Field(exact.game), rule), exact.start, 200)
    np.testing.assert_allclose(ours.path * [1, -1], theirs.path, rtol=0, atol=1e-12)


def test_samples_depend_on_point_and_seed_alone():
    network, random = small_game(), torch.random.get_rng_state()
    first = network.samples(network.start, 5, seed=1)
    assert first.shape == (5, 1, 8, 8)
    assert np.array_equal(first, network.samples(network.start, 5, seed=1))
    assert not np.array_equal(first, network.samples(network.start, 5, seed=2))
    assert torch.equal(random, torch.random.get_rng_state())


def broken(which, module):
    generator, discriminator = small_networks(2, 1)
    return (module, discriminator) if which == "generator" else (generator, module)


def infinite():
    generator, _ = small_networks(2, 1)
    with torch.no_grad():
        generator.first.bias.fill_(float("nan"))
    return generator


@pytest.mark.parametrize(
    ("which", "module", "match"),
    [
        ("discriminator", nn.Conv2d(1, 2, 8), r"`discriminator` returned shape \(4, 2, 1, 1\) for 4 samples; .*; drop"),
        ("discriminator", nn.Sequential(nn.Flatten(0), nn.Linear(256, 1)), r"returned shape \(1,\) for 4 samples"),
        ("discriminator", nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.Dropout()), "returned shape"),
        ("discriminator", nn.GRU(8, 1), "`discriminator` failed on inputs of shape"),
        ("generator", nn.Linear(2, 64), r"`generator` returned shape \(4, 64\) .* asks for \(4, 1, 8, 8\); make"),
        ("generator", nn.Linear(3, 64), r"`generator` failed on inputs of shape \(4, 2\) .*; check `latent`"),
        ("generator", nn.GRU(2, 2), "`generator` returned a tuple; .*; wrap"),
        ("generator", infinite(), "`generator` returned values that are not finite on latents"),
        ("generator", nn.Linear(2, 64).double(), "float64 on cpu and `discriminator` torch.float32 .*; move"),
        ("discriminator", Sum(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Dropout())), r"draws random numbers .*; call"),
    ],
)
def test_parts_that_do_not_fit_are_refused_before_anything_runs(which, module, match):
    random = torch.random.get_rng_state()
    with pytest.raises(ValueError, match=match):
        network_gan(*broken(which, module), data=DATA, latent=2)
    assert torch.equal(random, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (np.zeros((9, 1, 8, 8), np.uint8), "`data` has shape .* dtype uint8; .*; scale integers"),
        (np.zeros((0, 1, 8, 8)), r"`data` has shape \(0, 1, 8, 8\)"),
        (np.full((9, 1, 8, 8), np.inf), "`data` holds values that are not finite"),
    ],
)
def test_data_that_cannot_be_learned_are_refused(data, match):
    with pytest.raises(ValueError, match=match):
        network_gan(*small_networks(2, 1), data=data, latent=2)


def test_a_paired_loss_needs_more_than_one_sample():
    network = small_game(loss="rp-logistic")
    with pytest.raises(ValueError, match="`size` is 1 with a paired loss"):
        network.game.sampler(1)
    with pytest.raises(ValueError, match="`size` is 1 with a paired loss"):
        train(tussle.Map(tussle.Field(network.game), tussle.simultaneous(tussle.sgd(0.1))), network.start, 1, batch=1)


def test_a_last_convolution_may_leave_its_axes():
    network = network_gan(small_networks(2, 1)[0], nn.Conv2d(1, 1, 8), data=DATA, latent=2)
    assert network.game.logits(network.start[1], torch.zeros(3, 1, 8, 8)).shape == (3,)


def test_normal_latents_are_sampled_but_not_integrated():
    measure = StandardNormal((64, 1, 1))
    assert measure.sample(np.random.default_rng(0), 3).shape == (3, 64, 1, 1)
    with pytest.raises(ValueError, match=r"`latent` is a standard normal of 64 .*; take batches from"):
        measure.nodes()


def test_networks_repeat_with_their_seed_and_leave_the_random_numbers_alone():
    random = torch.random.get_rng_state()
    first, again, other = (player(small_networks(4, 2, seed=s)[0]).vector for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(random, torch.random.get_rng_state())


def test_the_channel_norm_has_unit_mean_square():
    x = torch.randn(3, 5, 2, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(channel_norm(x, eps=0.0).square().mean(1), torch.ones(3, 2, 2))


def test_without_pytorch_one_sentence_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None; import tussle.data; import tussle.networks"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stderr.splitlines()[-1].endswith("which is not installed; run pip install tussle[torch].")


# Modules that change ----------------------------------------------------------------------------------------------


class Anew(nn.Module):
    """Makes its layer anew at a call: `size` outputs, at the `when`-th call and later."""

    def __init__(self, size=1, when=1):
        super().__init__()
        self.layer, self.size, self.when, self.calls = nn.Linear(2, 1), size, when, 0

    def forward(self, x):
        self.calls += 1
        if self.calls >= self.when:
            self.layer = nn.Linear(2, self.size)
        return self.layer(x)[:, :1]


class Grows(nn.Module):
    """Adds a layer when it is first called."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        self.extra = nn.Linear(2, 1)
        return self.extra(self.layer(x))


class Replaces(nn.Module):
    """Puts another parameter in the place of its own, or other numbers into it."""

    def __init__(self, data):
        super().__init__()
        self.w, self.data = nn.Parameter(torch.zeros(2)), data

    def forward(self, x):
        if self.data:
            self.w.data = torch.ones(3)
            return x.sum(1)
        self.w = nn.Parameter(torch.ones(2))
        return x @ self.w


CHANGING = {
    "made anew, other shape": (lambda: Anew(2), "layer.weight was .1, 2. and is .2, 2."),
    "made anew, same shape": (Anew, "layer.weight was made anew"),
    "added": (Grows, "extra.weight is new"),
    "replaced": (lambda: Replaces(False), "w was made anew"),
    "other numbers": (lambda: Replaces(True), "w was .2,. and is .3,."),
}


@pytest.mark.parametrize("seed", [None, 0], ids=["no seed", "seed"])
@pytest.mark.parametrize("case", CHANGING)
def test_a_module_whose_parameters_change_is_refused(case, seed):
    make, words = CHANGING[case]
    plane = np.random.default_rng(0).normal(size=(20, 2))
    for networks in ((nn.Linear(2, 2), player(make(), seed)), (player(make(), seed), nn.Linear(2, 1))):
        with pytest.raises(ValueError, match=f"changed its parameters while it was called .{words}") as caught:
            network_gan(*networks, data=plane.astype(np.float32), latent=2)
        assert "make every layer in __init__" in str(caught.value)


def test_a_module_that_changes_at_a_later_call_is_refused_then():
    one = player(Anew(2, when=3), seed=0)
    x = torch.ones(4, 2)
    first, second = one.function(one.vector, x), one.function(one.vector, x)
    assert torch.equal(first, second)
    with pytest.raises(ValueError, match="changed its parameters"):
        one.function(one.vector, x)


def test_watching_a_module_leaves_no_hook_and_passes_tied_and_frozen_parameters():
    line = nn.Linear(2, 2)
    tied = nn.Sequential(line, line, nn.Linear(2, 1))
    tied[2].bias.requires_grad_(False)
    one = player(tied)
    assert torch.equal(one.function(one.vector, torch.ones(3, 2)), tied(torch.ones(3, 2)))
    assert len(one.to_module(one.vector)._forward_hooks) == 0
