"""Spectra: the order of eigenvalues, verdicts with their tolerance, Arnoldi against the dense matrix, regularity."""

import itertools

import numpy as np
import pytest

import tussle
from tussle import models
from tussle.spectra import rotation, sorted_spectrum

ORIGIN = (0.0, 0.0)


# Order ------------------------------------------------------------------------------------------------------------


def test_eigenvalues_are_sorted_by_real_part_then_imaginary_part_descending():
    values = [-1.0, 0.5 - 2j, 0.5 + 2j, 2.0, 0.5, -1.0 + 1e-3j]
    expected = [2.0, 0.5 + 2j, 0.5, 0.5 - 2j, -1.0 + 1e-3j, -1.0]
    for seed in range(5):
        shuffled = np.random.default_rng(seed).permutation(np.array(values))
        assert sorted_spectrum(shuffled).tolist() == expected


def test_real_parts_that_differ_by_rounding_alone_are_sorted_as_equal():
    a = 1.0 + 1e-14
    assert sorted_spectrum(np.array([1.0 + 1j, a - 1j])).tolist() == [1.0 + 1j, a - 1j]
    assert sorted_spectrum(np.array([a - 1j, 1.0 + 1j])).tolist() == [1.0 + 1j, a - 1j]
    b = 1.0 + 1e-6
    assert sorted_spectrum(np.array([1.0 + 1j, b - 1j])).tolist() == [b - 1j, 1.0 + 1j]


def test_dense_spectra_come_sorted():
    rng = np.random.default_rng(0)
    found = tussle.spectrum(rng.standard_normal((9, 9)), of="flow", tolerance=1e-9).eigenvalues
    assert np.all(np.diff(found.real) <= 1e-9)
    assert found.real[0] == found.real.max()
    for first, second in itertools.pairwise(found):
        assert abs(first.real - second.real) > 1e-9 or first.imag >= second.imag


# Verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "value", "verdict"),
    [
        ("flow", -0.1, "converges"),
        ("flow", 0.0, "marginal"),
        ("flow", 9e-7, "marginal"),
        ("flow", -9e-7, "marginal"),
        ("flow", 2e-6, "diverges"),
        ("map", 0.5, "converges"),
        ("map", -0.5, "converges"),
        ("map", 1.0, "marginal"),
        ("map", -1.0, "marginal"),
        ("map", 1 - 9e-7, "marginal"),
        ("map", 1 + 2e-6, "diverges"),
        ("map", -1.1, "diverges"),
        ("map", np.nan, "undefined"),
    ],
)
def test_verdicts_within_a_tolerance(of, value, verdict):
    matrix = np.diag([value, -0.2 if of == "flow" else 0.2])
    found = tussle.spectrum(matrix, of=of, tolerance=1e-6)
    assert found.verdict == verdict == tussle.Verdict(verdict)
    assert found.tolerance == 1e-6


def test_the_tolerance_decides_between_marginal_and_not():
    matrix = np.diag([-1e-5, -1.0])
    assert tussle.spectrum(matrix, of="flow", tolerance=1e-4).verdict == "marginal"
    assert tussle.spectrum(matrix, of="flow", tolerance=1e-6).verdict == "converges"


def test_abscissa_radius_and_rotation():
    found = tussle.spectrum(np.array([[-1.0, -2.0], [2.0, -1.0]]), of="flow", tolerance=1e-9)
    assert found.abscissa == pytest.approx(-1.0)
    assert found.radius == pytest.approx(np.sqrt(5))
    assert found.rotation == pytest.approx(2.0)
    assert found.to_numpy() is found.eigenvalues
    assert rotation(np.array([1j, -1j])) == np.inf
    assert rotation(np.array([0.0 + 0j, -1.0])) == 0.0


def test_unregularized_alternating_steps_are_marginal_and_simultaneous_ones_diverge():
    for name in ("minimax", "nonsaturating", "wasserstein"):
        field = tussle.Field(models.dirac(name).game)
        for rule, verdict in ((tussle.alternating, "marginal"), (tussle.simultaneous, "diverges")):
            matrix = tussle.map_jacobian(tussle.Map(field, rule(tussle.sgd(0.2))), ORIGIN)
            assert tussle.spectrum(matrix, of="map", tolerance=1e-9).verdict == verdict
        matrix = tussle.field_jacobian(field, ORIGIN)
        assert tussle.spectrum(matrix, of="flow", tolerance=1e-9).verdict == "marginal"


# Regularity -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["wgan_gp", "dragan"])
def test_centered_penalties_have_no_spectrum_at_the_equilibrium(model):
    if model == "wgan_gp":
        field = tussle.Field(models.dirac("wasserstein", [tussle.wgan_gp(0.7)]).game)
    else:
        field = tussle.Field(models.dirac(penalties=[tussle.dragan(0.7)]).game)
    sides = tussle.regularity(field, ORIGIN)
    assert not sides.continuous
    assert not sides.differentiable
    assert sides.jump == pytest.approx(0.7, abs=1e-5)  # from 0 at psi = 0 to gamma beside it
    matrix = tussle.field_jacobian(field, ORIGIN)
    found = tussle.spectrum(matrix, of="flow", tolerance=1e-9, smooth=sides.differentiable)
    assert found.verdict == "undefined"


@pytest.mark.parametrize(
    "model",
    [
        models.dirac(penalties=[tussle.r1(0.7)]),
        models.dirac("wasserstein", [tussle.wgan_lp(0.7)]),
        models.dirac("hinge"),
        models.dirac(noise=0.7),
        models.gaussian(),
    ],
    ids=["r1", "wgan_lp", "hinge", "noise", "gaussian"],
)
def test_other_fields_are_smooth_at_their_equilibrium(model):
    sides = tussle.regularity(tussle.Field(model.game), model.equilibrium)
    assert sides.continuous
    assert sides.differentiable


def test_a_kink_is_continuous_and_not_differentiable():
    # WGAN-LP's field bends at |psi| = 1: its slope in psi jumps by gamma.
    field = tussle.Field(models.dirac("wasserstein", [tussle.wgan_lp(0.7)]).game)
    sides = tussle.regularity(field, (0.0, 1.0))
    assert sides.continuous
    assert not sides.differentiable


# Roots ------------------------------------------------------------------------------------------------------------


def test_roots_are_found_to_rounding():
    model = models.gaussian(penalties=[tussle.r1(1.0)])
    found = tussle.find_root(tussle.Field(model.game), model.start)
    assert found.found
    assert np.concatenate(found.point) == pytest.approx(np.concatenate(model.equilibrium), abs=1e-10)
    assert found.distance == pytest.approx(np.linalg.norm(np.concatenate(model.start) - [0, 1, 0, 0]), abs=1e-9)


def test_where_there_is_no_root_none_is_found():
    field = tussle.Field(tussle.Game(lambda x, y: ((x**3 / 3 + x).sum(), (y * y).sum())))  # v = -(x^2 + 1)
    assert not tussle.find_root(field, (0.5, 0.5)).found


# Arnoldi ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["LR", "LM", "LI", "SR"])
def test_leading_eigenvalues_are_those_of_the_dense_matrix(which):
    rng = np.random.default_rng(3)
    eigenvalues = [*(complex(-a, b) for a, b in rng.random((8, 2)) + 0.1)]
    model = models.quadratic([*eigenvalues, *(z.conjugate() for z in eigenvalues), -3.0, -0.01])
    field = tussle.Field(model.game)
    operator = tussle.field_operator(field, model.equilibrium)
    dense = np.linalg.eigvals(tussle.field_jacobian(field, model.equilibrium))
    found = tussle.leading(operator, 3, which, of="flow", tolerance=1e-9)
    key = {"LR": -dense.real, "LM": -np.abs(dense), "LI": -np.abs(dense.imag), "SR": dense.real}[which]
    leaders = dense[np.argsort(key)]
    # A conjugate pair may be cut in two: then either half may come.
    for z in found.eigenvalues:
        assert np.abs(leaders[:4] - z).min() <= 1e-9
    assert len(found.residuals) == len(found.eigenvalues)
    assert found.residuals.max() <= 1e-9
    assert found.of == "flow"


def test_leading_eigenvalues_repeat_with_their_seed():
    model = models.quadratic([-0.1 + 1j, -0.1 - 1j, -1.0, -2.0, -3.0, -4.0])
    operator = tussle.field_operator(tussle.Field(model.game), model.equilibrium)
    first, second = (tussle.leading(operator, 2, "LR", of="flow", tolerance=1e-9, seed=7) for _ in range(2))
    assert np.array_equal(first.eigenvalues, second.eigenvalues)
    assert first.eigenvalues == pytest.approx([-0.1 + 1j, -0.1 - 1j], abs=1e-10)


# Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tussle.spectrum(np.eye(2), of="flows", tolerance=0.0), "`of` is 'flows'; it may be flow or map"),
        (lambda: tussle.spectrum(np.ones((2, 3)), of="map", tolerance=0.0), r"`matrix` has shape \(2, 3\); it must be"),
        (
            lambda: tussle.leading(
                tussle.field_operator(tussle.Field(models.dirac().game), ORIGIN), 1, "LR", of="flow", tolerance=0.0
            ),
            "`count` is 1 for 2 parameters; Arnoldi finds at most 0; ask for fewer",
        ),
    ],
)
def test_a_wrong_spectrum_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
