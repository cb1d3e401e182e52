"""Singular support: golden values, 30-digit references, second routes, bounds, samples, ranks and refusals."""

import itertools
import json
import math

import matplotlib as mpl
import mpmath
import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.optimize import minimize, minimize_scalar

import tussle
from tussle import plots
from tussle.plots.singular import counterexample_figure
from tussle.singular import (
    UNATTAINED,
    Constant,
    Counterexample,
    InstanceNoise,
    Line,
    Measurable,
    Parabola,
    Plain,
    Tube,
    Wedge,
    counterexample,
    density_discriminator,
    dimension_check,
    dimension_table,
    lipschitz_extremes,
    lipschitz_for_gap,
    sampled_costs,
    slope,
    strip_value,
    tangent_slope,
)
from tussle.singular.tube import log_integral, log_moment

EPS = np.finfo(float).eps
NAMES = ("value", "mao", "paper")


def costs(found):
    return [getattr(found, name) for name in NAMES]


def digits(text):
    """Half a unit of the last digit of a number as it is printed."""
    places = len(text.split("e")[0].partition(".")[2])
    return 0.501 * 10.0 ** (int(text.partition("e")[2] or 0) - places)


def assert_printed(value, text):
    assert value == pytest.approx(float(text), abs=digits(text), rel=0)


# Golden values of spec 1.2 ----------------------------------------------------------------------------------------

TUBES = [
    (0.1, "-0.654825247590", "0.1772453851", "1.675920018", "6.06531"),
    (0.03, "-0.196447617389", "0.05317361553", "1.902775919", "20.2177"),
    (0.01, "-0.0654825391296", "0.01772453851", "1.967591973", "60.6531"),
    (0.001, "-0.00654825391296", "0.001772453851", "1.996759197", "606.531"),
]
BOUNDS = [
    (2, "0.2592463566", "-0.69086433202782", "0.202565051529"),
    (5, "0.06833301588", "-0.37010174130804", "0.104360767918"),
    (10, "0.006520422609", "-0.19867447134302", "0.058294345535"),
    (50, "1.388794386e-11", "-0.039999999999444", "0.012948623070"),
    (100, "1.9287e-22", "-0.02", "0.006568621168"),
]
NOISES = [
    (0.1, "-0.725621149739"),
    (0.03, "-0.354837020905"),
    (0.01, "-0.171171550866"),
    (0.001, "-0.031119452223"),
    (1e-4, "-0.00483453320606"),
]


@pytest.mark.parametrize(("width", "value", "mao", "paper", "constant"), TUBES)
def test_tubes_have_the_golden_costs(width, value, mao, paper, constant):
    tube = Tube(width)
    for found, text in zip((*costs(tube.exact()), tube.lipschitz), (value, mao, paper, constant), strict=True):
        assert_printed(found, text)


@pytest.mark.parametrize(("constant", "floor", "value", "mao"), BOUNDS)
def test_lipschitz_extremes_are_the_golden_ones(constant, floor, value, mao):
    found = lipschitz_extremes(constant)
    # 1.9287e-22 is exp(-50): the spec cuts its digits, 1.92875e-22, in place of rounding them.
    assert found.floors.value == pytest.approx(float(floor), abs=2 * digits(floor), rel=0)
    assert found.best.value == pytest.approx(float(value), abs=1e-14, rel=0)
    assert_printed(found.best.mao, mao)


@pytest.mark.parametrize(("width", "value"), NOISES)
def test_instance_noise_has_the_golden_values(width, value):
    assert_printed(InstanceNoise(width).exact().value, value)


def test_the_slope_of_the_tube_is_the_golden_constant():
    assert_printed(slope(), "-6.54825391296406")
    assert Tube(1e-6).exact().value / 1e-6 == pytest.approx(slope(), rel=8 * EPS)


def test_the_parabola_has_the_golden_length():
    assert_printed(Parabola().length, "1.4789428575446")


# 30-digit references ----------------------------------------------------------------------------------------------


def reference(log_d, log_c, width, on_line):
    """The three costs across the line by mpmath, from log D and log(1 - D) of s = t/w."""
    with mpmath.workdps(30):
        end = mpmath.mpf(1) / (2 * mpmath.mpf(width))
        cuts = [0, *[c for c in (0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 40) if c < end], end]
        integral = lambda f: 2 * mpmath.mpf(width) * mpmath.quad(f, cuts)
        log_right, log_wrong = on_line
        right = 0 if log_right == -mpmath.inf else mpmath.exp(log_right)
        value = integral(log_d) + log_wrong
        mao = integral(lambda s: mpmath.exp(2 * log_c(s))) + right**2
        paper = integral(lambda s: mpmath.exp(2 * log_d(s))) + mpmath.exp(2 * log_wrong)
        return [float(v) for v in (value, mao, paper)]


@pytest.mark.parametrize("width", [3.0, 0.7, 0.5, 0.3, 0.05, 0.004])
def test_tubes_agree_with_30_digits(width):
    u = lambda s: -(mpmath.mpf(s) ** 2) / 2
    expected = reference(lambda s: mpmath.log(-mpmath.expm1(u(s))), u, width, (-mpmath.inf, mpmath.mpf(0)))
    assert costs(Tube(width).exact()) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("width", [3.0, 0.7, 0.3, 0.05, 0.004])
def test_instance_noise_agrees_with_30_digits(width):
    with mpmath.workdps(30):
        peak = 1 / (mpmath.mpf(width) * mpmath.sqrt(2 * mpmath.pi))
    log_d = lambda s: -mpmath.log1p(peak * mpmath.exp(-(mpmath.mpf(s) ** 2) / 2))
    log_c = lambda s: -mpmath.log1p(mpmath.exp(mpmath.mpf(s) ** 2 / 2) / peak)
    expected = reference(log_d, log_c, width, (log_d(0), log_c(0)))
    assert costs(InstanceNoise(width).exact()) == pytest.approx(expected, rel=1e-13)


def test_integrals_across_a_tube_agree_with_30_digits():
    ends = [1e-8, 0.03, 0.7, 0.999, 1.0, 1.001, 2.5, 9.0]
    f = lambda s: mpmath.log(-mpmath.expm1(-(s**2) / 2))
    with mpmath.workdps(30):
        plain = [float(mpmath.quad(f, [0, mpmath.mpf(e) / 2, e])) for e in ends]
        moment = [float(mpmath.quad(lambda s: s * f(s), [0, mpmath.mpf(e) / 2, e])) for e in ends]
    assert log_integral(np.array(ends)) == pytest.approx(np.array(plain), rel=1e-14)
    assert log_moment(np.array(ends)) == pytest.approx(np.array(moment), abs=4 * EPS)
    assert log_integral(np.zeros(1))[0] == log_moment(np.zeros(1))[0] == 0


# The Lipschitz bound ----------------------------------------------------------------------------------------------


def wedge_costs(floor, constant):
    """The costs of a wedge across the line, by adaptive quadrature."""
    d = lambda t: min(1.0, floor + constant * t)
    cut = [(1 - floor) / constant] if (1 - floor) / constant < 0.5 else None
    across = lambda f: 2 * quad(f, 0, 0.5, points=cut, epsabs=1e-13, epsrel=1e-13)[0]
    value = across(lambda t: math.log(d(t))) + math.log1p(-floor)
    return value, across(lambda t: (1 - d(t)) ** 2) + floor**2, across(lambda t: d(t) ** 2) + (1 - floor) ** 2


@pytest.mark.parametrize("constant", [0.01, 0.6, 1.2, 1.27, 1.33, 1.34, 1.9, 2.1, 7.0])
def test_the_best_wedges_are_found_by_search_too(constant):
    found = lipschitz_extremes(constant)
    for k, sign in enumerate((-1, 1, -1)):
        read = lambda floor, k=k, sign=sign: sign * wedge_costs(floor, constant)[k]
        spots = [1e-9, *np.linspace(0.01, 0.999, 60)]
        start = min(spots, key=read)
        ends = (max(start - 0.02, 1e-9), min(start + 0.02, 0.999))
        best = min(read(start), minimize_scalar(read, bounds=ends, method="bounded", options={"xatol": 1e-9}).fun)
        # The search stops within 1e-9 of delta: quadratically small in the first two, linear at the paper's floor 0.
        assert costs(found.best)[k] == pytest.approx(sign * best, abs=1e-8 if k == 2 else 1e-12)
        assert wedge_costs(costs(found.floors)[k], constant)[k] == pytest.approx(costs(found.best)[k], abs=1e-12)


def test_no_lipschitz_function_is_better_than_the_bound():
    # Functions near the best wedge, made L-Lipschitz as a minimum of cones, over y; trapezoids are right to 2e-4.
    rng, y = np.random.default_rng(0), np.linspace(0, 1, 4001)
    mean = lambda values: float(np.sum(values[1:] + values[:-1]) / 8000)
    nearest_yet = np.full(3, np.inf)
    for _ in range(150):
        constant = 10 ** rng.uniform(-1, 1)
        found = lipschitz_extremes(constant)
        spots = np.append(rng.random(rng.integers(0, 6)), 0.5)
        for k, floor in enumerate(costs(found.floors)):
            top = floor + constant * abs(spots - 0.5) + rng.normal(0, 0.1 * rng.random(), len(spots))
            d = np.clip(np.min(top[:, None] + constant * abs(y - spots[:, None]), axis=0), 1e-6, 1 - 1e-6)
            at = d[2000]
            value = (
                mean(np.log(d)) + math.log1p(-at),
                mean((1 - d) ** 2) + at**2,
                mean(d**2) + (1 - at) ** 2,
            )[k]
            short = (costs(found.best)[k] - value) * (1, -1, 1)[k]
            assert short > -2e-4
            nearest_yet[k] = min(nearest_yet[k], short)
    assert np.all(nearest_yet < 0.005)  # the bound is not far away either


@pytest.mark.parametrize("family", [Tube, InstanceNoise])
@pytest.mark.parametrize("width", [2.0, 0.4, 0.1, 0.01, 1e-4])
def test_smooth_families_stay_under_the_bound_of_their_lipschitz_constant(family, width):
    made = family(width)
    best, found = lipschitz_extremes(made.lipschitz).best, made.exact()
    assert found.value < best.value
    assert found.mao > best.mao
    assert found.paper < best.paper


@pytest.mark.parametrize("family", [Tube, InstanceNoise])
@pytest.mark.parametrize("width", [0.1, 0.01, 0.001])
def test_lipschitz_constants_are_the_steepest_difference_quotients(family, width):
    # On a grid of step h the steepest quotient misses the largest slope by a share of order (h/w)^2.
    t = np.linspace(0, 8 * width, 20001)
    d = np.exp(family(width).logs(np.stack([0 * t, 0.5 + t], axis=1))[0])
    assert np.max(np.diff(d) / np.diff(t)) == pytest.approx(family(width).lipschitz, rel=1e-5)


def test_a_trained_network_with_one_hidden_layer_stays_under_the_bound():
    points, weights = np.polynomial.legendre.leggauss(12)
    edges = np.linspace(0, 1, 201)
    y = (edges[:-1, None] + (1 + points) / 400).ravel()
    w = np.tile(weights / 400, 200)
    grid = np.linspace(0, 1, 40001)

    def score(p, at):
        a, b, c = p[:10], p[10:20], p[20:30]
        return np.tanh(np.multiply.outer(at - 0.5, b) + c) @ a + p[30]

    softplus = lambda x: np.logaddexp(0, x)
    value = lambda p: -np.sum(w * softplus(-score(p, y))) - softplus(score(p, np.array([0.5])))[0]
    rng = np.random.default_rng(1)
    seen = []

    def keep(p):
        d = 1 / (1 + np.exp(-score(p, grid)))
        seen.append((value(p), np.max(np.abs(np.diff(d))) * 40000))

    minimize(lambda p: -value(p), rng.normal(0, 3, 31), callback=keep, options={"maxiter": 60})
    assert seen[-1][0] > -0.25  # it learned something; D = 1/2 has -1.386
    assert all(v < lipschitz_extremes(constant).best.value for v, constant in seen)


@pytest.mark.parametrize("gap", [1.3, 0.9, 0.5, 0.1, 1e-3, 1e-9])
def test_the_constant_for_a_gap_inverts_the_bound(gap):
    constant = lipschitz_for_gap(gap)
    assert -lipschitz_extremes(constant).best.value == pytest.approx(gap, rel=1e-13)
    if gap <= 0.1:
        assert constant == pytest.approx(2 / gap, rel=0.01)


def test_without_a_slope_the_best_is_a_constant_one_half():
    found = lipschitz_extremes(1e-9).best
    assert costs(found) == pytest.approx([-math.log(4), 0.5, 1.0], abs=1e-8)
    assert costs(Constant(0.5).exact()) == pytest.approx([-math.log(4), 0.5, 0.5], abs=EPS)


# Extremes that are not attained -----------------------------------------------------------------------------------


def test_the_naive_discriminator_is_the_worst_and_says_so_without_a_warning():
    naive = Constant(1.0)
    assert costs(naive.exact()) == [-math.inf, 1.0, 1.0]
    found = sampled_costs(naive, samples=100)
    assert costs(found.mean) == [-math.inf, 1.0, 1.0]
    assert math.isnan(found.error.value)
    assert costs(sampled_costs(Constant(0.0), samples=100).mean) == [-math.inf, 1.0, 1.0]


@pytest.mark.parametrize("curve", [Line(), Parabola()])
def test_what_the_generator_makes_has_no_distance_from_its_curve(curve):
    points = curve.points(np.random.default_rng(0).random(1000))
    assert np.all(curve.distance(points) == 0)
    assert np.all(Tube(1e-100, curve).logs(points)[1] == 0)


@pytest.mark.parametrize("curve", [Line(), Parabola()])
def test_the_measurable_discriminator_reaches_all_extremes(curve):
    best = Measurable(curve)
    assert costs(best.exact()) == costs(UNATTAINED) == [0.0, 0.0, 2.0]
    found = sampled_costs(best, curve, samples=1000, seed=3)
    assert costs(found.mean) == [0.0, 0.0, 2.0]
    assert costs(found.error) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("build", [Tube, InstanceNoise, lambda w: Tube(w, Parabola())], ids=["tube", "noise", "curved"])
def test_families_tend_to_the_extremes_and_stay_short_of_them(build):
    found = np.array([costs(build(w).exact()) for w in (0.1, 0.01, 1e-3, 1e-6, 1e-9, 1e-12)])
    gaps = np.abs(found - [0, 0, 2])
    assert np.all(found * [-1, 1, -1] > [0, 0, -2])
    assert np.all(np.diff(gaps, axis=0) < 0)
    assert np.all(gaps[-1] < 1e-9)


def test_instance_noise_tends_to_zero_slower_by_a_power_of_a_logarithm():
    # V = -2w int_0 log(1 + K e^{-s^2/2}) ds - ..., with log(1 + e^u) ~ max(u, 0): -(4 sqrt 2/3) w (log K)^{3/2}, and
    # the Sommerfeld correction pi^2/(8 log K^2) relative to it; the rest of V is w sqrt(2 pi).
    for width in (1e-20, 1e-60, 1e-100):
        log_k = -math.log(width * math.sqrt(2 * math.pi))
        leading = -4 * math.sqrt(2) / 3 * width * log_k**1.5
        corrected = leading * (1 + math.pi**2 / (8 * log_k**2)) - width * math.sqrt(2 * math.pi)
        found = InstanceNoise(width).exact().value
        assert found == pytest.approx(leading, rel=3 / log_k**1.5)
        assert found == pytest.approx(corrected, rel=3 / log_k**4)


# The parabola -----------------------------------------------------------------------------------------------------


def test_the_normals_of_the_parabola_cover_the_square_once():
    n = Parabola().normals()
    area = n.speed * (n.above + n.below) - n.bend * (n.above**2 - n.below**2) / 2
    assert np.sum(n.weights * area) == pytest.approx(1, abs=20 * EPS)
    assert np.sum(n.weights * n.speed) == pytest.approx(Parabola().length, abs=20 * EPS)


def nearest(x, y):
    """The distance from the parabola by the roots of the cubic."""
    roots = np.roots([2, 0, 1 - 2 * y, -x])
    z = np.clip(roots[abs(roots.imag) < 1e-6].real, 0, 1)
    return np.min(np.hypot(np.append(z, [0, 1]) - x, np.append(z, [0, 1]) ** 2 - y))


def test_distances_from_the_parabola_are_those_of_the_roots_of_a_cubic():
    rng = np.random.default_rng(2)
    points = np.vstack([rng.random((500, 2)), [[0, 0], [1, 1], [0, 0.5], [1e-12, 0.5], [0, 1], [1, 0], [1e-9, 0.9]]])
    assert Parabola().distance(points) == pytest.approx(np.array([nearest(*p) for p in points]), abs=1e-8)


def test_the_costs_of_the_curved_tube_agree_with_a_double_integral():
    width = 0.3
    e = lambda y, x: math.exp(-(nearest(x, y) ** 2) / (2 * width**2))
    over = lambda f: sum(
        dblquad(f, 0, 1, low, high, epsabs=1e-4, epsrel=1e-4)[0]
        for low, high in ((0, lambda x: x * x), (lambda x: x * x, 1))
    )
    found = Tube(width, Parabola()).exact()
    assert found.mao == pytest.approx(over(lambda y, x: e(y, x) ** 2), abs=1e-4)
    assert found.paper == pytest.approx(1 + over(lambda y, x: (1 - e(y, x)) ** 2), abs=1e-4)
    assert found.value == pytest.approx(
        over(lambda y, x: math.log(max(-math.expm1(math.log(e(y, x))), 1e-300))), abs=1e-3
    )


def test_the_curved_tube_comes_to_its_slope_only_like_the_root_of_the_width():
    widths = np.array([1e-4, 1e-6, 1e-8])
    found = np.array([Tube(w, Parabola()).exact().value / w for w in widths])
    late = np.abs(found - slope(Parabola().length))
    rest = np.abs(found - [tangent_slope(w) for w in widths])
    assert late[:-1] / late[1:] == pytest.approx(10, rel=0.03)  # a hundredth of the width, a tenth of the distance
    assert rest[:-1] / rest[1:] == pytest.approx(100, rel=0.03)  # the next term is linear
    assert rest[-1] < 1e-7


# Samples ----------------------------------------------------------------------------------------------------------

SAMPLED = {
    "tube": (Tube(0.03), Line()),
    "instance noise": (InstanceNoise(0.01), Line()),
    "curved tube": (Tube(0.02, Parabola()), Parabola()),
    "constant": (Constant(0.3), Line()),
}


@pytest.mark.parametrize("name", SAMPLED)
def test_samples_agree_with_the_exact_costs_within_four_standard_errors(name):
    made, curve = SAMPLED[name]
    found, exact = sampled_costs(made, curve, samples=50_000, seed=5), made.exact()
    for k in NAMES:
        assert abs(getattr(found.mean, k) - getattr(exact, k)) <= 4 * getattr(found.error, k) + 1e-12
        assert getattr(found.error, k) < 0.01
    assert found.informative


def test_sampled_wedges_agree_with_the_extremes():
    best, floors = (getattr(lipschitz_extremes(5.0), k) for k in ("best", "floors"))
    for k in NAMES:
        found = sampled_costs(Wedge(getattr(floors, k), 5.0), samples=50_000, seed=7)
        assert abs(getattr(found.mean, k) - getattr(best, k)) <= 4 * getattr(found.error, k)


def test_standard_errors_are_the_spread_of_repeated_estimates():
    repeats = [sampled_costs(InstanceNoise(0.05), samples=2000, seed=k) for k in range(100)]
    for name in NAMES:
        spread = np.std([getattr(r.mean, name) for r in repeats], ddof=1)
        claimed = np.mean([getattr(r.error, name) for r in repeats])
        assert spread == pytest.approx(claimed, rel=4 / math.sqrt(2 * 99))


def test_samples_repeat_with_their_seed_and_not_with_another():
    first, again, other = (sampled_costs(Tube(0.1), samples=500, seed=s) for s in (4, 4, 5))
    assert costs(first.mean) == costs(again.mean)
    assert costs(first.mean) != costs(other.mean)


def test_blocks_of_samples_make_one_estimate(monkeypatch):
    # 300 samples in blocks of 128: the same moments as those of the same draws at once.
    monkeypatch.setattr("tussle.singular.costs.CHUNK", 128)
    rng = np.random.default_rng([9])
    draws = [(rng.random((count, 2)), rng.random(count)) for count in (128, 128, 44)]
    real = np.vstack([d[0] for d in draws])
    log_d = Tube(0.2).logs(real)[0]
    found = sampled_costs(Tube(0.2), samples=300, seed=9)
    assert found.mean.value == pytest.approx(log_d.mean(), rel=1e-13)
    assert found.error.value == pytest.approx(log_d.std(ddof=1) / math.sqrt(300), rel=1e-12)
    assert found.near == np.sum(log_d < math.log(0.99))


def test_a_tube_too_thin_for_its_samples_is_called_uninformative():
    found = sampled_costs(Tube(1e-9), samples=1000, seed=0)
    assert costs(found.mean) == [0.0, 0.0, 2.0]  # as if the supremum were reached
    assert (found.near, found.informative) == (0, False)


def test_a_function_of_ones_own_is_a_discriminator():
    own = Plain(lambda x: 1 - np.exp(-((x[:, 1] - 0.5) ** 2) / 0.02))
    found, same = (sampled_costs(d, samples=2000, seed=1) for d in (own, Tube(0.1)))
    assert costs(found.mean) == pytest.approx(costs(same.mean), rel=1e-9)
    with pytest.raises(ValueError, match="`function` returned 2 number"):
        sampled_costs(Plain(lambda x: np.array([0.5, 0.5])), samples=10)
    with pytest.raises(ValueError, match=r"outside \[0, 1\]; it must return one probability"):
        sampled_costs(Plain(lambda x: x[:, 0] + 1), samples=10)


# The table by dimension -------------------------------------------------------------------------------------------


def strip_density(v, m):
    return 1.0 if m == 2 else 4 * min(v, 1 - v)


@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize("width", [0.001, 0.1, 0.5, 0.7, 1.3, 4.0])
def test_the_formula_for_strips_is_two_divergences_less_log_four(width, m):
    # JSD by quadrature of the two Kullback-Leibler divergences from the mean law, over y; mean = (p_r + p_g)/2.
    inside = min(1.0, 0.5 / width)

    def integrand(v):
        g = strip_density(v, m) / width
        return width * (math.log(2 / (1 + g)) + (g * math.log(2 * g / (1 + g)) if g > 0 else 0.0)) / 2

    cuts = [0.5] if inside > 0.5 else None
    shared = quad(integrand, 0, inside, points=cuts, epsabs=1e-13, epsrel=1e-12)[0]
    fake_outside = 1 - quad(lambda v: strip_density(v, m), 0, inside, points=cuts)[0]
    divergence = shared + math.log(2) / 2 * ((1 - width * inside) + fake_outside)
    assert strip_value(width, m) == pytest.approx(2 * divergence - math.log(4), abs=1e-11)


def test_the_formula_is_right_for_strips_and_wrong_for_the_line():
    rows = dimension_table([0.1, 0.01, 1e-5, 1e-9])
    assert [(r.latent_dimension, r.density) for r in rows] == [(1, False)] + [(2, True)] * 4 + [(3, True)] * 4
    assert (rows[0].formula, rows[0].supremum, rows[0].divergence) == (-math.inf, 0.0, math.log(2))
    for row in rows[1:]:
        assert row.formula == row.supremum == pytest.approx(2 * row.divergence - math.log(4), abs=4 * EPS)
    for strips in (rows[1:5], rows[5:]):
        values = np.array([r.formula for r in strips])
        assert np.all(np.diff(values) > 0)
        assert -3e-8 < values[-1] < 0


def test_the_formula_for_a_strip_is_what_its_discriminator_gets_on_samples():
    # The density discriminator of two laws of the library, on 100,000 samples of each.
    width, rng = 0.1, np.random.default_rng(8)
    real = tussle.Uniform([0.0, 0.0], [1.0, 1.0])
    fake = tussle.Uniform([0.0, 0.5], [1.0, 0.5 + width])
    best = density_discriminator(real, fake)
    terms = best.logs(real.sample(rng, 100_000))[0], best.logs(fake.sample(rng, 100_000))[1]
    error = math.hypot(*(t.std() / math.sqrt(len(t)) for t in terms))
    assert sum(t.mean() for t in terms) == pytest.approx(strip_value(width), abs=4 * error)
    assert error < 0.005


def test_the_ranks_of_the_table_are_those_of_the_jacobians():
    xp = tussle.autodiff.namespace
    strip = lambda w, z: xp(z).concat((z[:, :1], 0.5 + w * xp(z).mean(z[:, 1:], axis=1, keepdims=True)), axis=1)
    line = lambda w, z: xp(z).concat((z, 0 * z + 0.5), axis=1)
    for row in dimension_table([0.001]):
        latents = np.random.default_rng(0).random((5, row.latent_dimension))
        found = dimension_check(strip if row.latent_dimension > 1 else line, row.width, latents, row.data_dimension)
        assert (found.rank, found.has_density) == (row.rank, row.density)


# Ranks of generators ----------------------------------------------------------------------------------------------


def network(sizes, seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 1 / math.sqrt(m), (m, n)).astype(dtype) for m, n in itertools.pairwise(sizes)]


def through(weights, z):
    xp = tussle.autodiff.namespace(z)
    for w in weights[:-1]:
        z = xp.tanh(z @ tussle.autodiff.array(w, like=z))
    return z @ tussle.autodiff.array(weights[-1], like=z)


def latents(k, m, dtype=np.float64):
    return np.random.default_rng(11).normal(size=(k, m)).astype(dtype)


def test_a_network_into_a_larger_space_has_no_density():
    found = dimension_check(through, network((3, 16, 16, 10), 0), latents(12, 3), 10)
    assert (found.rank, found.latent_dimension, found.data_dimension) == (3, 3, 10)
    assert (found.has_density, found.singular_share) == (False, 1.0)
    assert found.sentence.startswith("no density: 3 latent numbers make an image of dimension 3 in 10 dimensions")
    assert "p_r / (p_r + p_g) does not exist" in found.sentence


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_bottleneck_shows_in_the_rank_though_there_are_latents_enough(dtype):
    # Six latents through two units into four dimensions: in floating point the rank is four, numerically it is two.
    narrow = dimension_check(through, network((6, 2, 9, 4), 1, dtype), latents(20, 6, dtype))
    wide = dimension_check(through, network((6, 8, 9, 4), 1, dtype), latents(20, 6, dtype))
    assert (narrow.rank, narrow.has_density) == (2, False)
    assert (wide.rank, wide.has_density) == (4, True)
    assert narrow.sentence.startswith("no density: the Jacobian has rank 2 of 4 at all 20 latents")
    assert wide.sentence == "density: the Jacobian has rank 4 of 4 at all 20 latents."
    kept, dropped = narrow.gap
    assert kept > 1e3 * dropped  # far apart on both sides of the tolerance


def test_both_engines_find_the_same_singular_values():
    torch = pytest.importorskip("torch")
    weights, z = network((2, 7, 3), 3), latents(6, 2)
    first = dimension_check(through, weights, z)
    second = dimension_check(through, weights, torch.from_numpy(z))
    assert second.singular_values == pytest.approx(first.singular_values, rel=1e-12)
    assert first.ranks.tolist() == second.ranks.tolist() == [2] * 6
    expected = [np.linalg.svd(differences(weights, row), compute_uv=False) for row in z]
    assert first.singular_values == pytest.approx(np.array(expected), rel=1e-8)


def differences(weights, z, h=1e-5):
    """The Jacobian by central differences in NumPy."""
    run = lambda z: np.tanh(z @ weights[0]) @ weights[1]
    return np.stack([(run(z + h * e) - run(z - h * e)) / (2 * h) for e in np.eye(len(z))], axis=1)


def test_a_torch_module_that_makes_images_is_checked_as_it_is():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(5, 30), torch.nn.ReLU(), torch.nn.Linear(30, 16), torch.nn.Unflatten(1, (1, 4, 4))
    )
    found = dimension_check(lambda _, z: net(z), None, torch.randn(8, 5), 16)
    assert (found.rank, found.data_dimension, found.has_density) == (5, 16, False)
    given = dimension_check(lambda scale, z: scale * net(z), torch.ones(()), latents(8, 5))
    assert given.rank == 5


def test_a_fold_that_is_flat_for_some_latents_has_no_density_there():
    xp = tussle.autodiff.namespace
    ramp = lambda theta, z: xp(z).maximum(z, 0 * z)  # rank 0 for z < 0: an atom at 0
    z = np.array([[-1.0], [-0.5], [0.3], [2.0]])
    found = dimension_check(ramp, None, z)
    assert found.ranks.tolist() == [0, 0, 1, 1]
    assert (found.rank, found.singular_share, found.has_density) == (1, 0.5, False)
    assert found.sentence.startswith("no density: the Jacobian has a rank below 1 at 2 of 4 latents, so that part")
    with pytest.raises(ValueError, match="`fake` has no density"):
        density_discriminator(tussle.Normal(), lambda x: -x[:, 0], found)


def test_a_constant_generator_has_rank_zero():
    found = dimension_check(lambda theta, z: 0 * z + theta, 1.5, latents(4, 2))
    assert found.ranks.tolist() == [0, 0, 0, 0]
    assert found.gap == (1.0, 0.0)


def test_a_larger_tolerance_asks_for_more_than_a_density_in_name():
    thin = lambda theta, z: z * np.array([1.0, 1e-5])
    assert dimension_check(thin, None, latents(4, 2)).has_density
    coarse = dimension_check(thin, None, latents(4, 2), tolerance=1e-3)
    assert (coarse.rank, coarse.tolerance, coarse.has_density) == (1, 1e-3, False)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((lambda t, z: z, None, np.zeros(3)), {}, r"`latents` has shape \(3,\); it must be \(k, m\)"),
        ((lambda t, z: z, None, np.zeros((0, 2))), {}, r"`latents` has shape \(0, 2\)"),
        ((lambda t, z: z, None, np.ones((2, 2)), 3), {}, "`dimension` is 3, but the generator returns 2 numbers"),
        ((lambda t, z: z, None, np.ones((2, 2)), 2), {"tolerance": 0.0}, "`tolerance` is 0.0; it must be above 0"),
        ((lambda t, z: z**0.5, None, np.array([[1.0], [0.0]])), {}, "not finite at latent 1"),
    ],
)
def test_wrong_arguments_of_the_check_are_told(arguments, options, words):
    with pytest.raises(ValueError, match=words):
        dimension_check(*arguments, **options)


# Density discriminators -------------------------------------------------------------------------------------------


def test_the_density_discriminator_is_the_logistic_ratio_of_normals():
    x = np.linspace(-4, 5, 19)[:, None]
    found = density_discriminator(tussle.Normal(0.0, 1.0), tussle.Normal(1.0, 1.0))
    assert found(x) == pytest.approx(1 / (1 + np.exp(x[:, 0] - 0.5)), rel=1e-13)
    log_d, log_c = found.logs(x)
    assert np.exp(log_d) + np.exp(log_c) == pytest.approx(np.ones(19), abs=4 * EPS)


def test_it_is_sure_where_one_law_is_absent_and_silent_where_both_are():
    best = density_discriminator(tussle.Uniform(0.0, 1.0), tussle.Uniform(0.5, 2.0))
    found = best(np.array([[0.25], [0.75], [1.5], [3.0]]))
    assert found[:3] == pytest.approx([1.0, 1 / (1 + 2 / 3), 0.0])
    assert math.isnan(found[3])


def test_log_densities_of_ones_own_are_taken_and_checked():
    own = lambda x: -0.5 * np.sum(x * x, axis=1) - math.log(2 * math.pi)
    found = density_discriminator(tussle.Normal([0.0, 0.0]), own)
    assert found(latents(5, 2)) == pytest.approx(np.full(5, 0.5))
    with pytest.raises(ValueError, match=r"shapes \(5,\) and \(5, 1\); there must be one for each point"):
        density_discriminator(tussle.Normal([0.0, 0.0]), lambda x: own(x)[:, None])(latents(5, 2))


def test_a_generator_with_a_density_still_needs_its_log_density():
    report = dimension_check(lambda t, z: t * z, 2.0, latents(5, 1))
    assert density_discriminator(tussle.Normal(0.0, 1.0), tussle.Normal(0.0, 2.0), report)(np.zeros((1, 1))) == (
        pytest.approx([2 / 3])
    )
    with pytest.raises(ValueError, match="`fake` is a generator of full rank without its log density"):
        density_discriminator(tussle.Normal(), report)


SINGULAR = dimension_check(lambda t, z: through([np.ones((1, 2))], z), None, latents(3, 1))
NORMAL = tussle.Normal([0.0, 0.0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((tussle.Normal(), tussle.Atoms((0.0, 1.0))), "`fake` has no density: it is a law of atoms"),
        ((tussle.Atoms((0.0,)), tussle.Normal()), "`real` has no density: it is a law of atoms"),
        ((tussle.Normal(), tussle.Samples(np.zeros((4, 1)))), "`fake` has no density: it is a law of samples"),
        ((NORMAL, SINGULAR), "`fake` has no density: 1 latent number makes an image of dimension 1 in 2"),
        ((NORMAL, NORMAL, SINGULAR), "`fake` has no density: 1 latent number makes"),
        ((NORMAL, tussle.Normal([0.0, 0.0], [[1.0, 2.0], [2.0, 4.0]])), "`fake` has no density: its covariance is"),
        ((tussle.Normal(), None), "`fake` is a generator of full rank without"),
        ((tussle.Normal(), 3.0), "`fake` is a float; it must be a law with a log density"),
        ((tussle.Normal(), NORMAL), r"`real` and `fake` are of dimensions \[1, 2\]"),
        ((tussle.Normal(), lambda x: x, dimension_check(lambda t, z: z, 0, latents(3, 2))), r"dimensions \[1, 2\]"),
    ],
)
def test_a_law_without_a_density_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        density_discriminator(*arguments)


def test_mixtures_are_refused_for_one_flat_part_and_panels_are_their_law():
    flat = tussle.Normal([0.0, 0.0], [[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="`real` has no density: its covariance is singular"):
        density_discriminator(tussle.Mixture((NORMAL, flat)), NORMAL)
    made = density_discriminator(tussle.Panels(tussle.Normal()), tussle.Normal())
    assert made(np.zeros((2, 1))) == pytest.approx([0.5, 0.5])


# The record, its JSON and its picture -----------------------------------------------------------------------------

RECORD = counterexample([0.1, 0.01], [2, 50], samples=4000, seed=2)


def test_the_record_holds_every_family_exactly_and_sampled():
    assert RECORD.widths.tolist() == [0.1, 0.01]
    assert [r.parameter for r in RECORD.lipschitz] == [2.0, 50.0]
    for rows, built in ((RECORD.tube, Tube), (RECORD.noise, InstanceNoise)):
        assert [r.exact.value for r in rows] == [built(w).exact().value for w in (0.1, 0.01)]
    for rows in (RECORD.tube, RECORD.noise, RECORD.curved, RECORD.lipschitz):
        for row in rows:
            for k in NAMES:
                distance = abs(getattr(row.sampled.mean, k) - getattr(row.exact, k))
                assert distance <= 4.5 * getattr(row.sampled.error, k)
    again = counterexample([0.1, 0.01], [2, 50], samples=4000, seed=2)
    assert again.to_json() == RECORD.to_json()


def test_extreme_widths_and_constants_stay_numbers():
    found = counterexample([1e-100, 1e6], [1e-100, 1e100], samples=50)
    for rows in (found.tube, found.noise, found.curved, found.lipschitz):
        assert np.all(np.isfinite([costs(row.exact) for row in rows]))
        assert np.all(np.isfinite([costs(row.sampled.mean) for row in rows]))
    assert found.lipschitz[1].exact.value == pytest.approx(-2e-100, rel=1e-15)
    assert found.tube[0].exact.value == pytest.approx(1e-100 * slope(), rel=1e-15)


def test_rows_draw_samples_of_their_own():
    found = counterexample([0.1, 0.1], [5, 5], samples=100)
    for rows in (found.tube, found.noise, found.curved, found.lipschitz):
        assert rows[0].sampled.mean.value != rows[1].sampled.mean.value


def test_the_document_is_json_and_keeps_its_infinities():
    document = json.loads(json.dumps(RECORD.to_json(), allow_nan=False))
    assert document["unattained"] == {"value": 0.0, "mao": 0.0, "paper": 2.0}
    assert document["naive"]["exact"]["value"] == document["naive"]["sampled"]["mean"]["value"] == "-inf"
    assert document["measurable"]["exact"]["value"] == 0.0
    assert document["tube"]["rows"][0]["exact"]["value"] == pytest.approx(-0.654825247590, abs=1e-12)
    assert document["tube"]["slope"] == pytest.approx(-6.54825391296406, abs=1e-14)
    assert document["curved"]["length"] == pytest.approx(1.4789428575446, abs=1e-13)
    assert "sqrt(w)" in document["curved"]["note"]
    assert document["dimension"][0]["formula"] == "-inf"
    assert json.loads(json.dumps(SINGULAR.to_json(), allow_nan=False))["has_density"] is False


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (([0.1, 0.0],), {}, "`widths` is 0.0; it must be above 0"),
        (([-0.1],), {}, "`widths` is -0.1; it must be above 0"),
        (([math.nan],), {}, "`widths` is nan; it must be finite"),
        (([math.inf],), {}, "`widths` is inf; it must be finite"),
        (([],), {}, "`widths` is empty; it must hold one number"),
        (([1e-200],), {}, "`widths` holds 1e-200; it must lie between 1e-100 and 1e\\+06"),
        ((["wide"],), {}, "`widths` is 'wide'; it must be a number"),
        (([0.1], [0.0]), {}, "`lipschitz` is 0.0; it must be above 0"),
        (([0.1], [1e200]), {}, "`lipschitz` holds 1e\\+200; it must lie between"),
        (([0.1],), {"samples": 1}, "`samples` is 1; it must be a whole number of at least 2"),
        (([0.1],), {"samples": 10.5}, "`samples` is 10.5; it must be a whole number"),
        (([0.1],), {"seed": -1}, "`seed` is -1; it must be a whole number of at least 0"),
    ],
)
def test_wrong_requests_are_told_in_one_sentence(arguments, options, words):
    with pytest.raises(ValueError, match=words) as told:
        counterexample(*arguments, **options)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Tube(0.0), "`width` is 0.0; it must be above 0"),
        (lambda: Tube(math.nan), "`width` is nan; it must be finite"),
        (lambda: InstanceNoise(-1.0), "`width` is -1.0; it must be above 0"),
        (lambda: Wedge(1.5, 2.0), "`floor` is 1.5; it must lie between 0 and 1"),
        (lambda: Wedge(0.5, 0.0), "`slope` is 0.0; it must be above 0"),
        (lambda: Constant(1.2), "`probability` is 1.2; it must lie between 0 and 1"),
        (lambda: lipschitz_extremes(0), "`lipschitz` is 0; it must be above 0"),
        (lambda: lipschitz_for_gap(1.4), "`gap` is 1.4; it must lie between 0 and log 4"),
        (lambda: lipschitz_for_gap(0.0), "`gap` is 0.0; it must lie between 0 and log 4"),
        (lambda: strip_value(0.0), "`width` is 0.0; it must be above 0"),
        (lambda: strip_value(0.1, 1), "`latent_dimension` is 1; here it may be 2 or 3; with 1 there is no density"),
        (lambda: tangent_slope(-1), "`width` is -1; it must be above 0"),
    ],
)
def test_wrong_parameters_are_told(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("theme", sorted(plots.THEMES))
def test_the_picture_shows_exact_lines_estimates_and_the_square(theme, tmp_path):
    state = dict(mpl.rcParams)
    page = counterexample_figure(RECORD, theme)
    left, middle, right, bar = page.axes
    drawn = {line.get_gid(): line.get_xydata() for line in left.lines if line.get_gid()}
    assert set(drawn) == {"tube", "instance noise", "tube of the parabola"}
    assert drawn["tube"][[0, -1]] == pytest.approx(np.array([[w, -Tube(w).exact().value] for w in (0.01, 0.1)]))
    bound = next(line.get_xydata() for line in middle.lines if line.get_gid() == "best of all")
    assert bound[:, 1] == pytest.approx([-lipschitz_extremes(x).best.value for x in bound[:, 0]])
    assert left.get_xscale() == left.get_yscale() == middle.get_xscale() == middle.get_yscale() == "log"
    spots = {tuple(x) for c in left.containers for x in c.lines[0].get_xydata()}
    assert (0.1, -RECORD.tube[0].sampled.mean.value) in spots
    assert len(spots) == 6
    assert right.images[0].get_array().min() < 0.01  # D on the line
    assert bar.get_ylabel() == "discriminator $D$"
    assert plots.save(page, tmp_path / "page.png", dpi=60).stat().st_size > 10_000
    assert dict(mpl.rcParams) == state
    for ax in (left, middle, right):  # no label over another
        boxes = [t.get_window_extent() for t in ax.texts if t.get_text()]
        assert len(boxes) >= 2
        for i, one in enumerate(boxes):
            assert not any(one.overlaps(other) for other in boxes[:i])


def test_estimates_that_cannot_be_drawn_are_left_out():
    thin: Counterexample = counterexample([1e-9], [1e3], samples=100)
    page = counterexample_figure(thin)
    assert len(page.axes[0].containers) == 1  # not the tubes: no sample met them, their estimate is 0
    assert np.all(np.isfinite(page.axes[0].get_ylim()))
