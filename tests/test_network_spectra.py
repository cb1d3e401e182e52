"""Spectra of networks without a matrix, and the check of the products that they are made of."""

import time
import timeit

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn

import tussle
from tussle.game import placed
from tussle.networks import leading_spectrum, network_gan, small_networks, verify_product

DATA = np.random.default_rng(0).uniform(-1, 1, (50, 1, 8, 8))


@pytest.fixture(scope="module")
def case():
    """A small game with R1, a point, a batch and the dense Jacobian there."""
    networks = [m.double() for m in small_networks(2, 1, seed=1)]
    network = network_gan(*networks, data=DATA, latent=2, penalties=[tussle.r1(1.0)])
    field, batch = tussle.Field(network.game), network.game.sampler(4)(0, 0)
    return field, network.start, batch, tussle.field_jacobian(field, network.start, batch)


def test_products_are_those_of_the_dense_matrix(case):
    field, point, batch, matrix = case
    operator = tussle.field_operator(field, point, batch)
    t = np.random.default_rng(0).standard_normal(len(matrix))
    t.flags.writeable = False
    scale = np.finfo(float).eps * np.linalg.norm(matrix) * np.linalg.norm(t)
    np.testing.assert_allclose(operator @ t, matrix @ t, rtol=0, atol=10 * scale)
    np.testing.assert_allclose(operator.rmatvec(t), matrix.T @ t, rtol=0, atol=10 * scale)


def test_leading_eigenvalues_are_those_of_the_dense_matrix(case):
    field, point, batch, matrix = case
    found = leading_spectrum(field, point, batch, 4, tolerance=1e-8, accuracy=1e-10)
    dense = np.linalg.eigvals(matrix)
    for values, key in (
        (found.real.eigenvalues, dense.real),
        (found.modulus.eigenvalues, np.abs(dense)),
        (found.imaginary.eigenvalues, np.abs(dense.imag)),
    ):
        wanted = dense[np.argsort(-key)[: len(values)]]
        nearest = [wanted[np.argmin(np.abs(wanted - z))] for z in values]
        np.testing.assert_allclose(values, nearest, rtol=1e-6, atol=1e-8 * np.abs(dense).max())
    assert found.missing == {"LM": 0, "LR": 0, "LI": 0}
    assert np.abs(found.imaginary.eigenvalues.imag).min() > 0
    assert max(s.residuals.max() for s in (found.real, found.imaginary, found.modulus)) < 1e-8
    assert 3 * 4 < found.products < 3 * 12 * len(matrix)


def test_one_product_asks_for_one_pass_back(case, monkeypatch):
    field, point, batch, matrix = case
    operator, ones = tussle.field_operator(field, point, batch, transposed=True), np.ones(len(matrix))
    passes, true = [], torch.autograd.grad
    with monkeypatch.context() as watched:
        watched.setattr(torch.autograd, "grad", lambda *a, **k: passes.append(1) or true(*a, **k))
        _ = operator @ ones
    assert len(passes) == 1
    batch = placed(batch, point[0])
    clock = [least_seconds(f) for f in (lambda: operator @ ones, lambda: field(point, batch))]
    print(f"one product costs {clock[0] / clock[1]:.2f} times the field")  # shown by pytest -s


def least_seconds(function):
    return min(timeit.repeat(function, timer=time.process_time, number=5, repeat=5))


def test_more_eigenvalues_than_arnoldi_can_find_are_refused(case):
    field, point, batch, matrix = case
    with pytest.raises(ValueError, match=f"`count` is {len(matrix)} for {len(matrix)} parameters; .*; ask for fewer"):
        leading_spectrum(field, point, batch, len(matrix), tolerance=1e-8)


def test_where_the_field_is_not_finite_nothing_is_found_and_nothing_is_claimed(case):
    field, point, batch, _ = case
    found = leading_spectrum(field, (point[0] * float("nan"), point[1]), batch, 3, tolerance=1e-8)
    assert found.missing == {"LM": 3, "LR": 3, "LI": 3}
    assert found.real.verdict == "undefined"
    assert len(found.all) == 0


def test_a_right_product_is_trusted_from_float32_on(case):
    field, point, batch, _ = case
    checked = verify_product(field, tuple(x.float() for x in point), batch)
    assert checked.trusted
    assert checked.relative_error < 1e-8


@pytest.mark.parametrize("activation", ["silu", "softplus", "tanh", "leaky_relu"])
def test_every_activation_and_the_written_out_norm_pass_the_check(activation):
    networks = small_networks(2, 1, activation=activation, norm=True)
    network = network_gan(*networks, data=DATA, latent=2, penalties=[tussle.r1(1.0), tussle.r2(0.5)])
    assert verify_product(tussle.Field(network.game), network.start, network.game.sampler(4)(0, 0)).trusted


class Halved(nn.Module):
    """A layer whose derivative is silently wrong: half of it is held constant."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(64, 1)

    def forward(self, x):
        y = self.inner(x.flatten(1))
        return y * torch.tanh(y.detach())


def test_a_wrong_product_is_not_trusted_and_the_advice_says_what_to_do():
    network = network_gan(small_networks(2, 1)[0], Halved(), data=DATA, latent=2)
    checked = verify_product(tussle.Field(network.game), network.start, network.game.sampler(4)(0, 0))
    assert not checked.trusted
    assert checked.relative_error > 1e-2
    assert "write batch, instance, layer, weight and spectral norms out" in checked.advice


class Normed(nn.Module):
    """A discriminator with a norm inside."""

    def __init__(self, norm):
        super().__init__()
        self.first, self.norm, self.last = nn.Conv2d(1, 2, 3, stride=2), norm, nn.Linear(18, 1)

    def forward(self, x):
        return self.last(torch.tanh(self.norm(self.first(x))).flatten(1))


class Written(nn.Module):
    """A norm over the given axes in plain arithmetic."""

    def __init__(self, *axes):
        super().__init__()
        self.axes = axes

    def forward(self, x):
        x = x - x.mean(self.axes, keepdim=True)
        return x / (x.square().mean(self.axes, keepdim=True) + 1e-5).sqrt()


@pytest.mark.parametrize(
    ("fused", "axes"),
    [
        (nn.BatchNorm2d(2, affine=False), (0, 2, 3)),
        (nn.InstanceNorm2d(2), (2, 3)),
        (nn.LayerNorm((2, 3, 3), elementwise_affine=False), (1, 2, 3)),
    ],
)
def test_a_fused_norm_is_trusted_under_r1_only_if_its_product_is_that_of_the_written_out_norm(fused, axes):
    generator, plain = small_networks(2, 1)[0], Normed(Written(*axes)).double()
    other = Normed(fused).double()
    other.load_state_dict(plain.state_dict(), strict=False)
    found, trusted = [], []
    for critic in (plain, other):
        network = network_gan(generator.double(), critic, data=DATA, latent=2, penalties=[tussle.r1(10.0)])
        field, batch = tussle.Field(network.game), network.game.sampler(4)(0, 0)
        found.append(
            tussle.field_operator(field, network.start, batch, transposed=True) @ np.ones(sum(network.game.sizes))
        )
        trusted.append(verify_product(field, network.start, batch).trusted)
    off = np.linalg.norm(found[1] - found[0]) / np.linalg.norm(found[0])
    assert trusted == [True, bool(off < 1e-6)]
