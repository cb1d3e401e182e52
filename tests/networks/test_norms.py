"""Norms written out: the values of PyTorch's own, and a spectral norm whose vectors are constants."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn

import tussle
from tussle.networks import network_gan, player, small_networks, verify_product
from tussle.networks.norms import NORMS, BatchNorm, GroupNorm, PixelNorm, SpectralNorm, norm, standardized

DATA = np.random.default_rng(0).uniform(-1, 1, (50, 1, 8, 8))


def normals(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def filled(module, like=None):
    """The module in float64 with parameters that are not those of its start; `like` lends them."""
    module = module.double()
    with torch.no_grad():
        for k, p in enumerate(module.parameters()):
            p.copy_(normals(*p.shape, seed=k + 1))
    if like is not None:
        module.load_state_dict(like.state_dict(), strict=False)
    return module


@pytest.mark.parametrize(
    ("ours", "fused"),
    [
        (BatchNorm(6), nn.BatchNorm2d(6)),
        (GroupNorm(6, 3), nn.GroupNorm(3, 6)),
        (GroupNorm(6, 6), nn.InstanceNorm2d(6, affine=True)),
        (GroupNorm(6, 1), nn.GroupNorm(1, 6)),
    ],
)
def test_a_norm_gives_the_values_and_gradients_of_the_fused_one(ours, fused):
    ours = filled(ours)
    fused = filled(fused, like=ours)
    x = 3 + normals(4, 6, 5, 5)
    found = []
    for module in (ours, fused):
        leaf = x.clone().requires_grad_()
        y = module(leaf)
        found.append((y, *torch.autograd.grad((y * normals(*y.shape, seed=9)).sum(), (leaf, *module.parameters()))))
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


def test_a_layer_norm_of_vectors_is_the_fused_one():
    x, ours = normals(3, 8), norm("layer", 8).double()
    torch.testing.assert_close(ours(x), nn.functional.layer_norm(x, (8,)), rtol=1e-12, atol=1e-12)


def test_running_statistics_move_as_the_fused_ones_and_are_used_in_evaluation_mode():
    ours, fused = BatchNorm(6).double(), nn.BatchNorm2d(6).double()
    for k in range(3):
        ours(2 + normals(4, 6, 5, 5, seed=k))
        fused(2 + normals(4, 6, 5, 5, seed=k))
    torch.testing.assert_close(ours.running_mean, fused.running_mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.running_var, fused.running_var, rtol=1e-12, atol=1e-12)
    x = normals(1, 6, 1, 1, seed=7)
    torch.testing.assert_close(ours.eval()(x), fused.eval()(x), rtol=1e-12, atol=1e-12)
    assert torch.equal(ours(x), ours(x))


def test_without_momentum_a_batch_norm_has_no_buffers_and_always_reads_the_batch():
    module, x = BatchNorm(2, momentum=None).double(), normals(5, 2, 3, 3)
    assert list(module.buffers()) == []
    assert torch.equal(module.eval()(x), module.train()(x))


def test_a_player_with_batch_norm_leaves_its_running_statistics():
    module = nn.Sequential(nn.Linear(3, 4), BatchNorm(4), nn.Linear(4, 1))
    before = copy.deepcopy(module.state_dict())
    one = player(module)
    assert torch.equal(one.function(one.vector, torch.eye(3)), one.function(one.vector, torch.eye(3)))
    assert all(torch.equal(before[k], v) for state in (module, one.module) for k, v in state.state_dict().items())


def test_a_pixel_norm_leaves_unit_mean_squares_and_a_standardized_tensor_has_mean_0_and_variance_1():
    x = normals(3, 5, 2, 2)
    torch.testing.assert_close(PixelNorm(eps=1e-300)(x).square().mean(1), torch.ones(3, 2, 2, dtype=torch.float64))
    y, _, _ = standardized(x, (1, 2, 3), eps=0.0)
    torch.testing.assert_close(y.mean((1, 2, 3)), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-14)
    torch.testing.assert_close(y.square().mean((1, 2, 3)), torch.ones(3, dtype=torch.float64))


class Normed(nn.Module):
    """A discriminator with a norm inside."""

    def __init__(self, inner):
        super().__init__()
        self.first, self.inner, self.last = nn.Conv2d(1, 4, 3, stride=2), inner, nn.Linear(36, 1)

    def forward(self, x):
        return self.last(torch.tanh(self.inner(self.first(x))).flatten(1))


@pytest.mark.parametrize("name", NORMS)
def test_third_derivatives_through_every_norm_agree_with_differences(name):
    critic = filled(Normed(norm(name, 4)))
    network = network_gan(small_networks(2, 1)[0].double(), critic, data=DATA, latent=2, penalties=[tussle.r1(10.0)])
    checked = verify_product(tussle.Field(network.game), network.start, network.game.sampler(4)(0, 0))
    assert checked.relative_error < 1e-6


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: norm("bach", 4), "`norm` is 'bach'; it may be one of .*; did you mean `batch`"),
        (lambda: GroupNorm(6, 4), "`groups` is 4 for 6 channels; it must divide them; give"),
        (lambda: BatchNorm(0), "`channels` is 0; it must be a whole number"),
        (lambda: BatchNorm(2, momentum=0.0), "`momentum` is 0.0; it must be above 0"),
        (lambda: BatchNorm(2)(torch.ones(1, 2)), r"`x` has shape \(1, 2\), 1 value\(s\) a channel; .*; take"),
        (lambda: SpectralNorm(nn.ConvTranspose2d(1, 1, 3)), "`layer` is a ConvTranspose2d; it may be .*; wrap"),
        (lambda: SpectralNorm(nn.Linear(1, 1), iterations=0), "`iterations` is 0"),
    ],
)
def test_norms_that_cannot_be_are_refused_in_a_sentence(make, match):
    with pytest.raises(ValueError, match=match):
        make()


# Spectral norm ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [nn.Linear(6, 4), nn.Conv2d(3, 4, 3, stride=2, padding=1)])
def test_a_settled_spectral_norm_leaves_a_largest_singular_value_of_one(layer):
    module = SpectralNorm(layer.double())
    module.settle(3000)
    largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
    torch.testing.assert_close(module.normalized_weight(), layer.weight / largest, rtol=1e-10, atol=1e-12)
    x = normals(2, 6) if isinstance(layer, nn.Linear) else normals(2, 3, 8, 8)
    bias = layer.bias if x.ndim == 2 else layer.bias[:, None, None]
    torch.testing.assert_close(module.eval()(x), (layer(x) - bias) / largest + bias, rtol=1e-10, atol=1e-12)


def test_a_call_in_training_mode_is_one_power_iteration_and_in_evaluation_mode_none():
    module = SpectralNorm(nn.Linear(3, 2, bias=False).double(), start=1)
    weight, u = module.layer.weight.detach(), module.u.clone()
    module.eval()(torch.eye(3, dtype=torch.float64))
    assert torch.equal(module.u, u)
    v = weight.T @ u / torch.linalg.vector_norm(weight.T @ u)
    u = weight @ v / torch.linalg.vector_norm(weight @ v)
    out = module.train()(torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(module.u, u, rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(out, (weight / (u @ weight @ v)).T, rtol=1e-12, atol=1e-12)


def test_the_vectors_are_constants_of_the_derivative():
    module = SpectralNorm(nn.Linear(3, 2, bias=False).double()).eval()
    weight, u, v = module.layer.weight, module.u, module.v
    (slope,) = torch.autograd.grad(module.normalized_weight()[0, 1], weight)
    sigma = (u @ weight @ v).detach()
    wanted = -torch.outer(u, v) * weight[0, 1].detach() / sigma**2
    wanted[0, 1] += 1 / sigma
    torch.testing.assert_close(slope, wanted, rtol=1e-12, atol=1e-12)


def test_two_calls_before_one_pass_back_do_not_disturb_each_other():
    module = SpectralNorm(nn.Linear(3, 1))
    loss = module(torch.ones(2, 3)).sum() - module(torch.zeros(2, 3)).sum()
    loss.backward()
    assert torch.isfinite(module.layer.weight.grad).all()


@pytest.mark.parametrize(("training", "trusted"), [(False, True), (True, False)])
def test_products_through_a_spectral_norm_are_exact_in_evaluation_mode_only(training, trusted):
    """In training mode the vectors follow the weight, and what they are held constant for is seen by differences."""
    generator = torch.random.get_rng_state()
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Flatten(), SpectralNorm(nn.Linear(64, 3), start=1), nn.Tanh(), nn.Linear(3, 1)).double()
    torch.random.set_rng_state(generator)
    critic.train(training)
    network = network_gan(small_networks(2, 1)[0].double(), critic, data=DATA, latent=2, penalties=[tussle.r1(1.0)])
    checked = verify_product(tussle.Field(network.game), network.start, network.game.sampler(4)(0, 0))
    assert checked.trusted is trusted
