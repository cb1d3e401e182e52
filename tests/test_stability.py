"""Stability: exact stable steps, critical values, charts and eigenvalue paths against closed forms."""

import numpy as np
import pytest

import tussle
from battery import printed
from tussle import models
from tussle.models.dirac import flow_eigenvalues, stable_step
from tussle.stability import matrices, radius_of

ORIGIN = (0.0, 0.0)
F = 0.5


def dirac(*args, **kwargs):
    return tussle.Field(models.dirac(*args, **kwargs).game)


def r1(gamma, loss="minimax"):
    return dirac(loss, [tussle.r1(gamma)])


RULES = {"simultaneous": tussle.simultaneous, "alternating": tussle.alternating}


def method(field, rule="simultaneous", h=0.2):
    return tussle.Map(field, RULES[rule](tussle.sgd(h)))


def radius(map, h):
    return np.abs(np.linalg.eigvals(tussle.map_jacobian(map.with_lr(h), ORIGIN))).max()


# Stable ranges ----------------------------------------------------------------------------------------------------

TABLE = [
    (0.3, "simultaneous", "1.2"),
    (1.0, "simultaneous", "4.0"),
    (2.0, "simultaneous", "1.071796769724"),
    (0.3, "alternating", "2.976122603564"),
    (1.0, "alternating", "1.656854249492"),
    (2.0, "alternating", "0.9442719099992"),
]


@pytest.mark.parametrize(("gamma", "rule", "expected"), TABLE)
def test_stable_ranges_of_r1_as_printed_and_checked_on_both_sides(gamma, rule, expected):
    map = method(r1(gamma), rule)
    found = tussle.stable_range(map, ORIGIN)
    assert found.intervals.shape == (1, 2)
    assert found.intervals[0, 0] == 0.0
    assert found.largest == pytest.approx(float(expected), abs=1e-10)
    assert found.largest == pytest.approx(stable_step(gamma, rule), rel=1e-12)
    assert radius(map, 0.9999 * found.largest) < 1 < radius(map, 1.0001 * found.largest)


@pytest.mark.parametrize("loss", ["minimax", "wasserstein"])
@pytest.mark.parametrize("gamma", [0.1, 0.9, 1.5, 3.0])
def test_stable_ranges_of_r1_are_the_closed_forms(loss, gamma):
    slope = 0.5 if loss == "minimax" else 1.0
    for rule in RULES:
        found = tussle.stable_range(method(r1(gamma, loss), rule), ORIGIN).largest
        assert found == pytest.approx(stable_step(gamma, rule, slope), rel=1e-10)


def test_alternating_and_simultaneous_steps_have_the_same_range_at_the_printed_penalty():
    crossover = 2 * F / np.sqrt(3)
    assert crossover == printed("0.5773502692")
    ranges = lambda g: [tussle.stable_range(method(r1(g), rule), ORIGIN).largest for rule in RULES]
    assert ranges(crossover) == pytest.approx([2.3094010768, 2.3094010768], abs=1e-10)
    simultaneous, alternating = ranges(0.999 * crossover)
    assert alternating > simultaneous
    simultaneous, alternating = ranges(1.001 * crossover)
    assert alternating < simultaneous


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: dirac(noise=0.7), "0.98"),
        (lambda: tussle.consensus(1.0)(dirac()), "1.6"),
        (lambda: tussle.consensus(10.0)(dirac()), "0.7692307692"),
    ],
    ids=["noise", "consensus 1", "consensus 10"],
)
def test_other_stable_ranges_as_printed(build, expected):
    found = tussle.stable_range(method(build()), ORIGIN).largest
    assert found == pytest.approx(float(expected), abs=1e-10)


@pytest.mark.parametrize(
    ("gamma", "best", "rho"), [(1.0, "0.8", "0.894427191"), (10.0, "0.3846153846", "0.196116135138")]
)
def test_the_best_step_of_consensus_as_published(gamma, best, rho):
    map = method(tussle.consensus(gamma)(dirac()))
    h = gamma / (1 + gamma**2 * F**2)
    assert h == printed(best)
    assert radius(map, h) == printed(rho)
    assert radius(map, 0.999 * h) > radius(map, h) < radius(map, 1.001 * h)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (tussle.extragradient(tussle.sgd(0.2)), 1.0 / F),
        (tussle.optimistic(tussle.sgd(0.2)), 1.0 / np.sqrt(3) / F),
        (tussle.alternating(tussle.momentum(0.2, -0.5)), None),
    ],
    ids=["extragradient", "optimistic", "negative momentum"],
)
def test_stable_ranges_on_a_rotation_are_the_published_ones(rule, expected):
    found = tussle.stable_range(tussle.Map(dirac(), rule), ORIGIN, span=(1e-3, 1e2), count=600).largest
    if (
        expected is None
    ):  # where (mu - 1)^2 (mu - beta)^2 + a^2 mu^3 has a root on the circle: mu = -1, a = 2 (1 + beta)
        assert found == pytest.approx(2 * (1 - 0.5) / F, rel=1e-9)
    else:
        assert found == pytest.approx(expected, rel=1e-9)


def test_competitive_steps_are_stable_at_every_step():
    found = tussle.stable_range(
        tussle.Map(dirac(), tussle.competitive(tussle.sgd(0.2))), ORIGIN, span=(1e-3, 1e3), count=40
    )
    assert found.intervals.tolist() == [[0.0, np.inf]]


def test_a_rotation_has_no_stable_step():
    found = tussle.stable_range(method(dirac()), ORIGIN)
    assert found.intervals.shape == (0, 2)
    assert found.largest is None


def test_a_saddle_has_no_stable_step():
    field = tussle.Field(models.quadratic((-1.0, 0.5)).game)
    assert tussle.stable_range(method(field), ORIGIN).largest is None


def test_a_range_may_begin_above_zero():
    # On lambda = 0.01 + 0.5i extragradient damps with h^2 what grows with h: |1 + h lambda + h^2 lambda^2| < 1.
    field = tussle.Field(models.quadratic((0.01 + 0.5j, 0.01 - 0.5j)).game)
    found = tussle.stable_range(tussle.Map(field, tussle.extragradient(tussle.sgd(0.2))), ORIGIN)
    z = np.array([(0.01 + 0.5j) ** 2, 0.01 + 0.5j, 1.0])
    square = np.polymul(z, z.conjugate()).real
    square[-1] -= 1
    roots = np.roots(square[:-1])  # the root at h = 0 taken off
    edges = np.sort(roots[np.abs(roots.imag) < 1e-12].real)
    assert found.intervals == pytest.approx(edges[edges > 0].reshape(1, 2), rel=1e-9)
    assert found.largest is None


def test_rates_that_differ_keep_their_ratio():
    field = r1(0.3)
    map = tussle.Map(field, tussle.simultaneous(tussle.sgd((0.1, 0.4))))
    found = tussle.stable_range(map, ORIGIN).largest
    # trace 2 - 4h gamma, det 1 - 4h gamma + 4 h^2 F^2: stable for h < gamma / F^2 while complex.
    assert found == pytest.approx(0.3 / F**2, rel=1e-10)


# Critical values --------------------------------------------------------------------------------------------------

CRITICAL = {
    "r1": (lambda g: r1(g), 0.5, 1.5, "1"),
    "noise": (lambda s: dirac(noise=s), 0.5, 2.0, "1.414213562373"),
    "nagarajan_kolter": (lambda e: tussle.nagarajan_kolter(e)(dirac()), 0.5, 3.0, "2"),
    "time scale": (lambda t: tussle.timescale(1.0, t)(r1(0.3)), 1.0, 20.0, "11.1111111111"),
    "both penalties": (lambda g: dirac(penalties=[tussle.r1(g), tussle.r2(g)]), 0.1, 1.5, "0.5"),
    "wgan": (lambda g: r1(g, "wasserstein"), 0.1, 3.5, "2"),
}


@pytest.mark.parametrize("name", CRITICAL)
def test_the_rotation_ends_at_the_published_value(name):
    build, low, high, expected = CRITICAL[name]
    # A double eigenvalue: the value is where |Im / lambda| falls below 1e-6, 1e-12 of its distance from the end.
    assert tussle.critical_value(build, ORIGIN, low, high) == pytest.approx(float(expected), abs=1e-10)


def test_consensus_never_stops_rotating():
    assert tussle.critical_value(lambda g: tussle.consensus(g)(dirac()), ORIGIN, 0.1, 30.0) is None


def test_the_critical_step_of_a_map_is_the_end_of_its_stable_range():
    field = r1(0.3)
    found = tussle.critical_value(lambda h: method(field, h=h), ORIGIN, 0.5, 2.0, what="stable")
    assert found == pytest.approx(1.2, abs=1e-9)


def test_a_critical_value_of_an_unknown_property_is_refused():
    with pytest.raises(ValueError, match="`what` is 'stabel'; it may be one of real, stable; did you mean `stable`"):
        tussle.critical_value(lambda g: r1(g), ORIGIN, 0.1, 1.0, what="stabel")


# Charts and paths -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_a_chart_is_stable_exactly_where_the_closed_form_says(rule):
    steps, gammas = np.linspace(0.05, 4.5, 46), np.linspace(0.05, 3.0, 31)
    build = lambda h, g: tussle.Map(r1(g), RULES[rule](tussle.sgd(h)))
    found = tussle.chart(build, steps, gammas, ORIGIN, names=("h", "gamma"))
    assert found.radius.shape == (31, 46)
    assert found.names == ("h", "gamma")
    bound = np.array([stable_step(g, rule) for g in gammas])[:, None]
    clear = np.abs(steps[None, :] - bound) > 1e-9
    assert np.array_equal(found.stable[clear], (steps[None, :] < bound)[clear])
    assert 0.1 < found.stable.mean() < 0.9


def test_a_chart_of_a_rule_with_state_has_the_radius_of_its_map():
    build = lambda h, b: tussle.Map(dirac(), tussle.alternating(tussle.momentum(h, b)))
    steps, betas = np.array([0.1, 0.2]), np.array([-0.5, 0.0, 0.5])
    found = tussle.chart(build, steps, betas, ORIGIN, names=("h", "beta"))
    for i, b in enumerate(betas):
        for j, h in enumerate(steps):
            a = h * F
            roots = np.roots(np.polyadd(np.polymul([1, -2, 1], [1, -2 * b, b * b]), [a * a, 0, 0, 0]))
            assert found.radius[i, j] == pytest.approx(np.abs(roots).max(), abs=1e-7)  # double roots


def test_the_path_over_gamma_ends_at_twice_the_critical_value():
    gammas = np.linspace(0.0, 2.0, 21)
    path = tussle.eigenvalue_path(r1, gammas, ORIGIN, name="gamma")
    assert (path.name, path.of) == ("gamma", "flow")
    for gamma, row in zip(gammas, path.eigenvalues, strict=True):
        expected = flow_eigenvalues("r1", gamma=gamma)
        tolerance = 1e-12 if abs(gamma - 1) > 1e-9 else 1e-7
        for z in expected:
            assert np.abs(row - z).min() <= tolerance
    assert path.values[-1] == 2.0
    # Each column is followed: nowhere does it leap from one branch to the other.
    away = np.abs(gammas[1:] - 1) > 0.15
    assert np.abs(np.diff(path.eigenvalues, axis=0))[away].max() < 0.25


def test_the_path_of_a_map_says_that_it_is_one():
    path = tussle.eigenvalue_path(lambda h: method(r1(0.3), h=h), np.array([0.1, 0.2]), ORIGIN, name="h")
    assert path.of == "map"
    assert np.abs(path.eigenvalues[1]) == pytest.approx(0.9746794344809, abs=1e-12)


def test_the_radius_of_two_by_two_matrices_is_that_of_their_eigenvalues():
    rng = np.random.default_rng(0)
    found = rng.standard_normal((500, 2, 2))
    assert radius_of(found) == pytest.approx(np.abs(np.linalg.eigvals(found)).max(axis=1), rel=1e-9)


def test_families_of_fields_are_the_fields_one_by_one():
    found = matrices(r1, np.array([0.1, 0.7]), ORIGIN)
    assert found == pytest.approx(np.array([[[0, -F], [F, -0.1]], [[0, -F], [F, -0.7]]]), abs=1e-15)


# Wrong requests ---------------------------------------------------------------------------------------------------

R1_MAP = tussle.Map(
    tussle.Field(tussle.models.dirac(penalties=[tussle.r1(0.3)]).game), tussle.simultaneous(tussle.sgd(0.2))
)
AT = (0.0, 0.0)


def _bent(lr, gamma):
    model = tussle.models.dirac(penalties=[tussle.r1(gamma)])
    return tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.sgd(lr)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tussle.stable_range(R1_MAP, (0, 0, 0)), r"`at` has vectors of \(1, 1, 1\) number"),
        (lambda: tussle.stable_range(R1_MAP, (0, np.nan)), "`at` of player 1 is"),
        (lambda: tussle.chart(_bent, [0.1, 0.2], [0.1], AT, names=("a",)), "`names` is .*; it must hold the names of"),
        (lambda: tussle.chart(_bent, [0.1, np.nan], [0.1], AT, names=("a", "b")), "`x` is an array .* not all finite"),
        (lambda: tussle.chart(_bent, [0.1], [], AT, names=("a", "b")), r"`y` is an array of shape \(0,\)"),
        (lambda: tussle.chart(_bent, [0.1], [0.1], (0, 0, 0), names=("a", "b")), "`at` has vectors of"),
        (lambda: tussle.eigenvalue_path(lambda h: _bent(h, 0.3), [], AT, name="h"), "`values` is an array of shape"),
        (lambda: tussle.eigenvalue_path(lambda h: _bent(h, 0.3), [0.1], (0,), name="h"), "`at` has vectors of"),
        (lambda: tussle.critical_value(lambda h: _bent(h, 0.3), (0,), 0.1, 0.2), "`at` has vectors of"),
        (lambda: tussle.Map(R1_MAP.field, 3), "`rule` is 3; a map needs a rule"),
        (lambda: tussle.Map(3, R1_MAP.rule), "`field` is 3; a map needs a field"),
        (lambda: tussle.Field(lambda x, y: (x, y)), "`game` is <function .*; give Game"),
        (lambda: tussle.Field(tussle.models.dirac()), "`game` is .*; give model.game"),
        (lambda: tussle.consensus(1)(3), "`field` is 3; an adjustment bends a field"),
        (lambda: tussle.flow(R1_MAP.field, (np.nan, 1.0), 1.0, rtol=1e-6, atol=1e-6), "`start` of player 0 is"),
        (lambda: tussle.flow(R1_MAP.field, (1.0,), 1.0, rtol=1e-6, atol=1e-6), r"`start` has vectors of \(1,\)"),
    ],
)
def test_a_wrong_call_is_refused_in_one_sentence(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_large_chart_is_read_in_parts_without_a_seam(monkeypatch):
    x, y = np.linspace(0.1, 3, 7), np.linspace(0.1, 2, 5)
    whole = tussle.chart(_bent, x, y, AT, names=("lr", "r1"))
    monkeypatch.setattr("tussle.stability.PART", 8)
    shares = []
    parts = tussle.chart(_bent, x, y, AT, names=("lr", "r1"), progress=shares.append)
    assert np.array_equal(whole.radius, parts.radius)
    assert shares == pytest.approx([8 / 35, 16 / 35, 24 / 35, 32 / 35, 1.0])
