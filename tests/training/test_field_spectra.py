"""Dense Jacobians of small networks against PyTorch's, and the consensus field exactly and by its short form."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.data.planes import ring
from tussle.networks import leading_spectrum
from tussle.networks.dense import dense_gan, to_torch
from tussle.training.field_spectra import consensus_spectra, dense_jacobian

GAMMA = 3.0


@pytest.fixture(scope="module")
def case():
    """A small game off its kinks, its start, and three minibatches."""
    options = {"width": 4, "depth": 1, "latent": 2, "activation": "tanh"}
    dense = dense_gan("mlp", data=ring(), options=options, seed=2)
    rng = np.random.default_rng(0)
    point = tuple(x + 0.1 * rng.standard_normal(len(x)) for x in dense.start)
    return dense, point, [dense.game.sampler(8)(0, k) for k in range(3)]


@pytest.fixture(scope="module")
def found(case):
    dense, point, batches = case
    return consensus_spectra(tussle.Field(dense.game), point, batches, GAMMA, tolerance=1e-9)


def theirs(case, bend=lambda field: field, batches=None):
    """The averaged Jacobian of the modules, by PyTorch in float64."""
    dense, point, own = case
    field = bend(tussle.Field(dense.network.game))
    point = to_torch(point, torch.float64)
    return np.mean([tussle.field_jacobian(field, point, batch) for batch in batches or own], axis=0)


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def union(batches):
    """One batch of all samples: a plain loss averages over it as over the parts."""
    return tussle.autodiff.jax_engine().tree_util.tree_map(lambda *parts: np.concatenate(parts), *batches)


def test_the_averaged_jacobian_is_that_of_the_modules(case, found):
    assert relative(found.jacobian, theirs(case)) < 1e-11
    assert found.batches == 3


def test_in_float32_it_is_the_same_to_rounding(case, found):
    dense, point, batches = case
    half = dense_jacobian(tussle.Field(dense.game), point, batches, kind="float32")
    assert 1e-9 < relative(half, found.jacobian) < 1e-5


def test_the_exact_consensus_jacobian_is_that_of_the_adjusted_field_of_the_modules(case, found):
    exact = found.jacobian - GAMMA * (found.jacobian.T @ found.jacobian + found.bend)
    assert relative(exact, theirs(case, tussle.consensus(GAMMA), [union(case[2])])) < 1e-10
    np.testing.assert_array_equal(found.bend, found.bend.T)
    wanted = np.linalg.eigvals(exact)
    assert found.exact.abscissa == pytest.approx(wanted.real.max(), abs=1e-9)


def test_the_short_form_is_another_spectrum_where_the_field_does_not_vanish(case, found):
    assert found.speed > 1e-2
    assert relative(found.short.eigenvalues, found.exact.eigenvalues) > 1e-3
    plain = found.jacobian
    assert found.short.eigenvalues.sum() == pytest.approx(np.trace(plain - GAMMA * plain.T @ plain), abs=1e-9)
    assert found.exact.eigenvalues.sum() == pytest.approx(found.short.eigenvalues.sum() - GAMMA * np.trace(found.bend))
    assert set(found.to_numpy()) == {"plain", "exact", "short"}


def test_at_an_equilibrium_the_two_forms_are_one():
    model = tussle.models.dirac(penalties=[tussle.r1(0.3)])
    found = consensus_spectra(tussle.Field(model.game), ([0.0], [0.0]), [model.game.expectation()], 1.0, tolerance=1e-9)
    wanted = [-0.445 + 0.4352872614722j, -0.445 - 0.4352872614722j]
    np.testing.assert_allclose(found.exact.eigenvalues, wanted, rtol=1e-12)
    np.testing.assert_allclose(found.short.eigenvalues, wanted, rtol=1e-12)
    assert found.speed == 0


def test_leading_eigenvalues_are_those_that_arnoldi_finds_for_the_modules(case, found):
    dense, point, batches = case
    field = tussle.Field(dense.network.game)
    few = leading_spectrum(field, to_torch(point), union(batches), 3, tolerance=1e-9, accuracy=1e-10)
    for z in few.all:
        assert np.abs(found.plain.eigenvalues - z).min() < 1e-6 * np.abs(few.all).max()
    assert few.real.abscissa == pytest.approx(found.plain.abscissa, rel=1e-6)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"batches": []}, "`batches` is empty; the average needs at least one"),
        ({"kind": "float16"}, "`kind` is 'float16'; it may be one of float32, float64"),
        ({"gamma": -1.0}, "`gamma` is -1.0; it must be 0 or more"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(case, options, match):
    dense, point, batches = case
    chosen = {"batches": batches, "gamma": 1.0, "tolerance": 1e-9} | options
    with pytest.raises(ValueError, match=match):
        consensus_spectra(tussle.Field(dense.game), point, **chosen)
