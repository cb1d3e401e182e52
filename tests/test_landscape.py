"""Landscape: basins counted as published, and what becomes of an equilibrium as a hyper-parameter moves."""

import numpy as np
import pytest
from scipy.optimize import brentq

import tussle
from tussle import models
from tussle.autodiff import namespace
from tussle.models.dirac import notebook_consensus

ORIGIN = (0.0, 0.0)
WINDOW = (-3.0, 3.0, -3.0, 3.0)


def dirac(*args, **kwargs):
    return tussle.Field(models.dirac(*args, **kwargs).game)


def plain(field, h):
    return tussle.Map(field, tussle.simultaneous(tussle.sgd(h)))


def basin(map, **options):
    options = {"window": WINDOW, "count": 13, "steps": 3000, "radius": 1e-2} | options
    return tussle.basin(map, [ORIGIN], **options)


# Basins -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gamma", "h", "reached"), [(0.3, 0.05, 139), (1.0, 0.05, 75), (3.0, 0.05, 71), (10.0, 0.02, 75)]
)
def test_consensus_reaches_the_equilibrium_from_the_published_number_of_starts(gamma, h, reached):
    found = basin(plain(tussle.consensus(gamma)(dirac()), h))
    assert found.count == reached
    assert found.share == reached / 169


def test_r1_reaches_the_equilibrium_from_every_start():
    found = basin(plain(dirac(penalties=[tussle.r1(1.0)]), 0.05))
    assert found.count == 169
    assert np.all(found.which == 0)
    assert found.distance.max() < 1e-2


def test_the_notebooks_formula_has_a_wider_basin_than_the_true_gradient():
    assert basin(plain(notebook_consensus(1.0), 0.05)).count > 75


def test_a_basin_tells_starts_that_stay_escape_or_overflow_apart():
    unit = dirac("wasserstein")
    assert np.all(basin(plain(unit, 0.01), steps=20, count=2).which == -1)
    assert np.all(basin(plain(unit, 1.0), steps=60, count=2).which == -3)  # |x| grows by sqrt 2 a step
    assert np.all(basin(plain(unit, 3.0), steps=2000, count=2).which == -2)


def test_a_basin_names_the_equilibrium_that_was_reached_and_lays_the_grid_out_by_rows():
    # x' = x - x^3 has the wells -1 and 1; y' = -y.
    field = tussle.Field(tussle.Game(lambda x, y: ((x**4 / 4 - x**2 / 2).sum(), (y**2 / 2).sum())))
    found = tussle.basin(
        plain(field, 0.1), [(-1.0, 0.0), (1.0, 0.0)], window=(-2, 2, -1, 1), count=(4, 3), steps=500, radius=1e-6
    )
    assert found.which.shape == (3, 4)
    assert found.which.tolist() == [[0, 0, 1, 1]] * 3
    assert found.x.tolist() == pytest.approx([-2, -2 / 3, 2 / 3, 2])
    assert found.equilibria.tolist() == [[-1.0, 0.0], [1.0, 0.0]]


def test_a_basin_may_vary_any_two_parameters_and_fix_the_rest():
    model = models.quadratic((-1.0, -1.0, -0.5, -0.5), seed=None)
    found = tussle.basin(
        plain(tussle.Field(model.game), 0.5),
        model.equilibria,
        window=(-1, 1, -2, 2),
        count=3,
        steps=1,
        radius=1e-9,
        vary=(0, 3),
        fixed=[0.0, 0.0, 0.0, 0.0],
        names=("a", "b"),
    )
    # One step halves the first parameter and takes a quarter off the last.
    expected = [[np.hypot(0.5 * x, 0.75 * y) for x in (-1, 0, 1)] for y in (-2, 0, 2)]
    assert found.distance == pytest.approx(np.array(expected), abs=1e-15)
    assert found.names == ("a", "b")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": (1.0, -1.0, 0.0, 1.0)}, r"`window` is \(1.0, -1.0, 0.0, 1.0\); it must be left < right"),
        ({"window": (0.0, 1.0, 2.0, 2.0)}, r"`window` is .* bottom < top; give such four numbers"),
        ({"count": 1}, "`count` is 1; it must be a whole number of at least 2"),
        ({"radius": 0.0}, "`radius` is 0.0; it must be above 0"),
        ({"steps": -1}, "`steps` is -1; it must be a whole number of at least 1"),
    ],
)
def test_a_wrong_basin_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        basin(plain(dirac(), 0.1), **options)


# Bifurcations -----------------------------------------------------------------------------------------------------


def test_r1_loses_its_stability_to_a_cycle_at_the_published_step():
    field = dirac(penalties=[tussle.r1(0.3)])
    steps = np.linspace(1.0, 1.5, 6)
    found = tussle.bifurcation(lambda h: plain(field, h), steps, ORIGIN, name="h", steps=2000)
    assert found.onset == pytest.approx(1.2, abs=1e-8)
    assert found.kind == "neimark_sacker"
    assert np.abs(found.equilibria).max() <= 1e-12
    assert found.radius == pytest.approx(np.sqrt(1 - 0.3 * steps + 0.25 * steps**2), abs=1e-12)
    before, after = found.radius < 1 - 1e-9, found.radius > 1 + 1e-9
    assert np.all(found.amplitude[before] == 0)
    assert np.all(np.isnan(found.period[before]))
    assert np.all(np.diff(found.amplitude[after], axis=0) > 0)
    assert np.all(found.amplitude[after] > 0.1)
    # Just beyond the onset it turns by the angle of the eigenvalues, whose real part is 1 - h gamma / 2.
    turn = 2 * np.pi / np.arccos((1 - 0.15 * steps[after][0]) / found.radius[after][0])
    assert found.period[after][0] == pytest.approx(turn, rel=0.05)


def _well(x, y):
    xp = namespace(x)
    return xp.log(xp.cosh(x)).sum(), 0.5 * ((y - x) ** 2).sum()


def test_a_saturating_well_flips_at_step_two():
    field = tussle.Field(tussle.Game(_well))
    build = lambda h: tussle.Map(field, tussle.simultaneous(tussle.sgd((h, 0.5))))
    found = tussle.bifurcation(build, np.array([1.7, 1.9, 2.1, 2.3, 2.5]), ORIGIN, name="h", steps=600)
    assert found.onset == pytest.approx(2.0, abs=1e-8)
    assert found.kind == "flip"
    exact = [brentq(lambda x, h=h: h * np.tanh(x) - 2 * x, 1e-2, 5.0, xtol=1e-15) for h in (2.1, 2.3, 2.5)]
    assert found.amplitude[2:, 0] == pytest.approx(exact, abs=1e-9)
    assert found.period[2:].tolist() == [2.0, 2.0, 2.0]


def test_a_real_eigenvalue_through_one_is_a_fold_of_the_map():
    # At 0 the game climbs at rate 1, and consensus bends that to 1 - gamma: stable from gamma = 1 on.
    field = tussle.Field(tussle.Game(lambda x, y: ((x**4 / 4 - x**2 / 2).sum(), (y**2 / 2).sum())))
    build = lambda gamma: plain(tussle.consensus(gamma)(field), 0.1)
    found = tussle.bifurcation(build, np.array([0.5, 0.8, 1.3]), ORIGIN, name="gamma", steps=2000)
    assert found.onset == pytest.approx(1.0, abs=1e-8)
    assert found.kind == "fold"
    assert np.abs(found.equilibria).max() <= 1e-12
    assert found.amplitude[:2] == pytest.approx(np.zeros((2, 2)), abs=1e-9)  # a run from beside it rests in a well


def test_a_branch_without_a_crossing_has_no_onset():
    field = dirac(penalties=[tussle.r1(0.3)])
    found = tussle.bifurcation(lambda h: plain(field, h), np.array([0.1, 0.2]), ORIGIN, name="h", steps=10)
    assert found.onset is None
    assert found.kind is None


def test_a_run_that_escapes_has_no_amplitude():
    field = dirac("wasserstein", [tussle.r1(0.3)])  # linear: nothing holds it
    found = tussle.bifurcation(lambda h: plain(field, h), np.array([0.2, 0.4]), ORIGIN, name="h", steps=600)
    assert found.onset == pytest.approx(0.3, abs=1e-8)
    assert np.all(np.isnan(found.amplitude[1]))


def test_a_basin_tells_its_share_and_takes_at_least_a_step():
    shares = []
    options = {"window": (-1, 1, -1, 1), "count": 3, "radius": 0.1}
    method = tussle.Map(
        tussle.Field(models.dirac(penalties=[tussle.r1(1.0)]).game), tussle.simultaneous(tussle.sgd(0.1))
    )
    tussle.basin(method, [(0.0, 0.0)], steps=5, progress=shares.append, **options)
    assert shares[-1] == 1.0
    with pytest.raises(ValueError, match="`steps` is 0; it must be a whole number of at least 1"):
        tussle.basin(method, [(0.0, 0.0)], steps=0, **options)
