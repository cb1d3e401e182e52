"""Exact erf moments: values, gradients and Hessians against 30-digit integrals, also far out."""

import functools
import itertools

import mpmath
import numpy as np
import pytest
from mpmath.calculus.quadrature import GaussLegendre

import tussle
from tussle.autodiff import jax_engine, to_numpy
from tussle.lowdim import reference
from tussle.lowdim.reference import psi
from tussle.moments import EXPONENTIAL, Part, erf_moments, parts_of, square, value_gradient_hessian

# Spec 3.1: alpha, beta, lambda, M1, M2.
GOLDEN = """
2.2 -3 0.5 0.02453766481140376229957 0.8146135162505194532752
2.2 -7.4 2/3 -0.7826660613929347208301 0.9476526692008628099942
1.21 -1 4.04 -0.6447232393199624392016 0.4798751242480719868333
1 0 1 0.6156903441929258748708 0.4889333183649960915881
0.5 1 2 0.9085516364153694668313 0.8273899126370124745015
3 0.7 0.2 0.992161416163565916016 0.9857183587485915275155
0.05 2.5 1 0.9996799031661691419953 0.9993599137753742230292
0.001 0.3 1 0.3296573999244305353786 0.108675062263099059989
50 -30 0.1 0.8835309506985063524192 0.9969943199702333176155
0.01 4 100 0.9999999845954301836711 0.9999999691908606046432
30 5 0.01 0.9999999999999999506235 0.9999999999999999012469
-1.5 0.8 1.2 -0.1417645015780784150749 0.4103486060108731933143
""".strip().splitlines()

LAWS = {
    "normal": tussle.Normal(0.7, 1.3),
    "uniform": tussle.Uniform(-1.0, 2.0),
    "laplace": tussle.Laplace(0.4, 0.8),
    "rayleigh": tussle.Rayleigh(1.2),
    "erlang": tussle.Erlang(3, 2.0),
    "mixture": tussle.Mixture((tussle.Normal(-1.0, 0.5), tussle.Exponential(2.0)), (0.3, 0.7)),
    "moved": tussle.Located(tussle.Exponential(), 0.5, -1.5),
}


def numbers_of(row):
    return [eval_fraction(t) for t in row.split()]


def eval_fraction(text):
    top, _, bottom = text.partition("/")
    return float(top) / float(bottom) if bottom else float(top)


@pytest.mark.parametrize("row", GOLDEN)
def test_the_published_moments_of_the_exponential_law(row):
    alpha, beta, rate, first, second = numbers_of(row)
    with tussle.float64():
        found = erf_moments(tussle.Exponential(rate), alpha, beta)
    assert [float(v) for v in found] == pytest.approx([first, second], abs=2e-14)


def random_sets(count, seed=0):
    """A over five decades and both signs, B from -12 to 12 and now and then far out, targets 0, 1 and 0.3."""
    rng = np.random.default_rng(seed)
    a = rng.choice([-1.0, 1.0], count) * 10.0 ** rng.uniform(-3, 1.7, count)
    b = rng.uniform(-12, 12, count) * rng.choice([1.0, 3.0], count, p=[0.85, 0.15])
    return a, b, rng.choice([0.0, 1.0, 0.3], count)


def by_target(a, b, t):
    """Value, gradient and Hessian, (count, 6), of the library."""
    found = np.empty((len(a), 6))
    with tussle.float64():
        for target in np.unique(t):
            which = t == target
            parts = (Part(EXPONENTIAL),)
            value, first, second = value_gradient_hessian(parts, float(target), a[which], b[which])
            found[which] = np.stack([to_numpy(x) for x in (value, *first, *second)], axis=1)
    return found


def references(a, b, t):
    found = [psi(float(x), float(y), float(z)) for x, y, z in zip(a, b, t, strict=True)]
    return np.array(
        [[float(v) for v in (r.value, *r.gradient, r.hessian[0][0], r.hessian[0][1], r.hessian[1][1])] for r in found]
    )


def test_values_gradients_and_hessians_agree_with_30_digits():
    a, b, t = random_sets(60)
    assert np.abs(by_target(a, b, t) - references(a, b, t)).max() < 1e-13


def test_zero_slopes_and_extremes_agree_with_30_digits():
    a = np.array([0.0, 0.0, 1e-3, -1e-3, 1e3, -1e3, 300.0, 40.0])
    b = np.array([0.3, -4.0, 5.0, -25.0, -40.0, 38.0, 1.0, -30.0])
    t = np.zeros(len(a))
    assert np.abs(by_target(a, b, t) - references(a, b, t)).max() < 1e-13


def test_the_derivatives_of_the_value_are_those_of_jax():
    jax = jax_engine()
    parts = (Part(EXPONENTIAL, 1.0, 0.4, 0.7),)

    def function(x):
        return square(parts, 1.0, x[0], x[1])

    for a, b in ((1.3, -0.5), (-2.0, 1.0), (0.01, 2.0)):
        with tussle.float64():
            slopes, bends = jax.grad(function)(np.array([a, b])), jax.hessian(function)(np.array([a, b]))
            _, first, second = value_gradient_hessian(parts, 1.0, a, b)
        assert to_numpy(slopes) == pytest.approx([float(v) for v in first], abs=1e-15)
        expected = [[float(second[0]), float(second[1])], [float(second[1]), float(second[2])]]
        assert to_numpy(bends) == pytest.approx(np.array(expected), abs=1e-14)


def direct(law, a, b, power):
    """E erf(a X + b)^power by mpmath, panel by panel."""
    low, high = (float(v[0]) for v in law.window)
    cuts = sorted({low, high, *(x for x in law.breaks if low < x < high)})
    turn = [-b / a + d / abs(a) for d in (-6, -2, 0, 2, 6)] if a else []
    cuts = sorted({*cuts, *(x for x in turn if low < x < high), *np.linspace(low, high, 9)[1:-1]})

    def function(x):
        x = float(x)
        return mpmath.erf(a * x + b) ** power * mpmath.mpf(float(np.exp(law.log_density(np.array([[x]]))[0])))

    return float(mpmath.quad(function, cuts, maxdegree=6))


@pytest.mark.parametrize("name", LAWS)
def test_other_laws_agree_with_direct_integrals(name):
    law = LAWS[name]
    for a, b in ((1.1, -0.4), (-2.5, 1.0), (0.05, 0.2)):
        with tussle.float64():
            first, second = erf_moments(law, a, b)
        # The oracle reads double-precision densities: good to a few 1e-15 a panel.
        assert float(first) == pytest.approx(direct(law, a, b, 1), abs=5e-14)
        assert float(second) == pytest.approx(direct(law, a, b, 2), abs=5e-14)


# The laws above as weights, densities and panels of mpmath.
EXACT = {
    "normal": reference.normal(0.7, 1.3),
    "uniform": reference.uniform(-1, 2),
    "laplace": reference.laplace(0.4, 0.8),
    "rayleigh": reference.rayleigh(1.2),
    "erlang": reference.erlang(3, 2),
    "mixture": reference.mixture((reference.normal(-1, 0.5), reference.exponential(2)), (0.3, 0.7)),
    "moved": reference.Law(
        (1,), (lambda x: mpmath.exp((x - 0.5) / 1.5) / 1.5,), (lambda nats: (0.5 - 1.5 * nats, -4.0, 0.5),)
    ),
}


@functools.cache
def gauss_rule():
    with mpmath.workdps(30):
        return GaussLegendre(mpmath.mp).calc_nodes(5, mpmath.mp.prec)  # 48 nodes a panel


def integrals(law, a, b):
    """E of erf, erf^2, x^n phi erf and x^n phi (n < 4), x^n phi^2 (n < 3), at v = a x + b, with 30 digits."""
    total = [mpmath.mpf(0)] * 13
    for weight, density, edges in zip(*law, strict=True):
        own = [mpmath.mpf(e) for e in edges(70)]
        turns = [(u - b) / a for u in (-9, -6, -4, -2, -1, 0, 1, 2, 4, 6, 9)] if a else []
        cuts = sorted({*own, *(x for x in turns if own[0] < x < own[-1]), *mpmath.linspace(own[0], own[-1], 8)})
        for low, high in itertools.pairwise(cuts):
            for node, share in gauss_rule():
                x = (low + high) / 2 + (high - low) / 2 * node
                v = a * x + b
                mass = weight * share * (high - low) / 2 * density(x)
                value, hump = mpmath.erf(v), mass * mpmath.exp(-v * v) / mpmath.sqrt(mpmath.pi)
                row = [mass * value, mass * value * value]
                row += [hump * x**n * f for n in range(4) for f in (value, 1)]
                row += [hump * hump / mass * x**n for n in range(3)]
                total = [s + r for s, r in zip(total, row, strict=True)]
    return total


def six_numbers(found, t, a, b):
    """Psi_t, its gradient and its Hessian aa, ab, bb from these integrals."""
    first, second, powers, squares = found[0], found[1], found[2:10], found[10:]
    push = [(powers[2 * n] + powers[2 * n + 1]) / 2 - t * powers[2 * n + 1] for n in range(4)]
    bends = [2 * squares[n] - 4 * (a * push[n + 1] + b * push[n]) for n in (2, 1, 0)]
    return [(1 + 2 * first + second) / 4 - t * (1 + first) + t * t, 2 * push[1], 2 * push[0], *bends]


@pytest.mark.parametrize("name", LAWS)
def test_gradients_and_hessians_of_other_laws_agree_with_30_digits(name):
    jax, parts = jax_engine(), parts_of(LAWS[name])
    places = ((1.1, -0.4), (-2.5, 1.0), (0.0, 0.3), (-40.0, 30.0), (0.004, -1.0))
    with mpmath.workdps(30):
        known = [integrals(EXACT[name], mpmath.mpf(a), mpmath.mpf(b)) for a, b in places]
        exact = {
            t: np.array([[float(v) for v in six_numbers(k, t, *p)] for k, p in zip(known, places, strict=True)])
            for t in (0.0, 1.0, 0.3)
        }
    a, b = np.array(places).T
    for t, wanted in exact.items():

        def function(x, t=t):
            return square(parts, t, x[0], x[1])

        with tussle.float64():
            value, first, second = value_gradient_hessian(parts, t, a, b)
            bends = jax.jit(jax.vmap(jax.hessian(function)))(np.array(places))
        found = np.stack([to_numpy(x) for x in (value, *first, *second)], axis=1)
        assert np.abs(found - wanted).max() < 5e-14
        assert np.abs(to_numpy(bends)[:, [0, 0, 1], [0, 1, 1]] - wanted[:, 3:]).max() < 5e-14


@pytest.mark.parametrize(("shape", "a", "b"), [(6, 1.08, -8.4), (8, 1.08, -9.56), (12, 1.38, -9.91)])
def test_erlang_laws_of_large_shape_agree_with_30_digits(shape, a, b):
    with mpmath.workdps(30):
        exact = six_numbers(integrals(reference.erlang(shape, 1), mpmath.mpf(a), mpmath.mpf(b)), 0.0, a, b)
    with tussle.float64():
        value, first, second = value_gradient_hessian(parts_of(tussle.Erlang(shape)), 0.0, a, b)
    found = np.array([float(x) for x in (value, *first, *second)])
    assert np.abs(found - np.array(exact, dtype=float)).max() < 2e-13


@pytest.mark.parametrize("name", LAWS)
def test_slopes_of_other_laws_are_their_finite_differences(name):
    parts, h = parts_of(LAWS[name]), 1e-4
    jax = jax_engine()
    for a, b in ((1.1, -0.4), (-2.5, 1.0)):
        with tussle.float64():
            by_a, by_b = (float(v) for v in jax.grad(lambda x, y: square(parts, 0.0, x, y), (0, 1))(a, b))
            steps = [
                [float(square(parts, 0.0, a + k * h * u, b + k * h * v)) for k in (-2, -1, 1, 2)]
                for u, v in ((1, 0), (0, 1))
            ]
        numeric = [(f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h) for f in steps]
        assert [by_a, by_b] == pytest.approx(numeric, abs=1e-10)  # rounding 1e-16 / 1e-4 and (1e-4)^4


def test_saturated_values_keep_their_relative_accuracy():
    with tussle.float64():
        found = float(square((Part(EXPONENTIAL),), 1.0, 1.0, 8.0))
    exact = psi(1.0, 8.0, 1.0).value
    assert found == pytest.approx(float(exact), rel=1e-11)
    assert 0 < found < 1e-50


def test_a_law_without_exact_moments_is_refused():
    with pytest.raises(ValueError, match="exact erf moments are for Normal"):
        erf_moments(tussle.Atoms((0.0,)), 1.0, 0.0)
