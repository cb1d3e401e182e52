"""Special functions in float64 against mpmath with 40 digits: stated errors, derivatives, extremes."""

import math

import mpmath
import numpy as np
import pytest
from scipy import special as scipy_special

import tussle
from tussle import special
from tussle.autodiff import jax_engine

DIGITS = 40
with mpmath.workdps(DIGITS + 5):
    ROOT_PI = mpmath.sqrt(mpmath.pi)


def read(function, *arrays):
    with tussle.float64():
        return np.asarray(function(*arrays))


def derivatives(function, x):
    """First and second derivative of a function of one number at many."""
    jax = jax_engine()
    slope = jax.grad(function)
    with tussle.float64():
        both = jax.jit(jax.vmap(lambda v: (slope(v), jax.grad(slope)(v))))(x)
    return [np.asarray(d) for d in both]


def exactly(function, x):
    """A function of an mpmath number at many floats, as mpmath numbers."""
    with mpmath.workdps(DIGITS):
        return [function(mpmath.mpf(v)) for v in x.tolist()]


def relative(found, exact):
    with mpmath.workdps(DIGITS):
        return np.array([float(abs(mpmath.mpf(f) / e - 1)) for f, e in zip(found.tolist(), exact, strict=True)])


def absolute(found, exact):
    with mpmath.workdps(DIGITS):
        return np.array([float(abs(mpmath.mpf(f) - e)) for f, e in zip(found.tolist(), exact, strict=True)])


def scaled(x):
    """exp(x^2) erfc(x); far out by its asymptotic series, since mpmath's erfc underflows in time, not in value."""
    if x < 100:
        return mpmath.exp(x * x) * mpmath.erfc(x)
    return sum((-1) ** n * mpmath.fac2(2 * n - 1) / (2 * x * x) ** n for n in range(20)) / (x * ROOT_PI)


# erf, erfc and the discriminator -------------------------------------------------------------------------------------

MIDDLE = np.concatenate([np.linspace(-6, 6, 121), [0.9446, -0.9446, 1e-12, -1e-300, 0.0]])


def test_erf_and_the_bump_hold_their_stated_errors():
    assert absolute(read(special.erf, MIDDLE), exactly(mpmath.erf, MIDDLE)).max() < 2e-16
    hump = exactly(lambda x: mpmath.exp(-x * x) / ROOT_PI, MIDDLE)
    assert absolute(read(special.bump, MIDDLE), hump).max() < 2e-16


def test_erfc_and_the_discriminator_keep_their_relative_accuracy_in_the_tail():
    x = np.concatenate([MIDDLE, np.linspace(6, 26, 60)])
    bound = 5e-16 * (2 + x * x)  # 1 - erf cancels a little below 1; beyond, exp(-x^2) rounds x^2
    assert np.all(relative(read(special.erfc, x), exactly(mpmath.erfc, x)) < bound)
    assert np.all(relative(read(special.rise, -x), exactly(lambda v: mpmath.erfc(v) / 2, x)) < bound)


def test_the_slope_of_the_discriminator_is_the_bump():
    first, second = derivatives(special.rise, MIDDLE)
    assert absolute(first, exactly(lambda x: mpmath.exp(-x * x) / ROOT_PI, MIDDLE)).max() < 2e-16
    assert absolute(second, exactly(lambda x: -2 * x * mpmath.exp(-x * x) / ROOT_PI, MIDDLE)).max() < 4e-16


def test_tails_end_in_zero_and_one_not_in_nan():
    ends = np.array([-np.inf, -40.0, 40.0, np.inf])
    assert read(special.erfc, ends).tolist() == [2.0, 2.0, 0.0, 0.0]
    assert read(special.rise, ends).tolist() == [0.0, 0.0, 1.0, 1.0]
    assert read(special.bump, ends).tolist() == [0.0, 0.0, 0.0, 0.0]


# erfcx ---------------------------------------------------------------------------------------------------------------

POSITIVE = np.concatenate([[0.0], 10.0 ** np.linspace(-12, 15, 109), np.linspace(0.02, 6, 60), [1e15, 1.1e15, 1e300]])
NEGATIVE = -np.concatenate([10.0 ** np.linspace(-12, 0, 40), np.linspace(1, 26.5, 80)])


def test_erfcx_holds_its_stated_errors():
    assert relative(read(special.erfcx, POSITIVE), exactly(scaled, POSITIVE)).max() < 3e-15
    error = relative(read(special.erfcx, NEGATIVE), exactly(scaled, NEGATIVE))
    assert np.all(error < 1e-15 * (2 + NEGATIVE**2) + 1e-15)


def test_erfcx_has_its_limits():
    assert read(special.erfcx, np.array([np.inf, -27.0, -np.inf])).tolist() == [0.0, np.inf, np.inf]


def test_erfcx_has_the_derivatives_of_its_equation():
    x = np.concatenate([NEGATIVE[-60::4], -(10.0 ** np.linspace(-9, 0, 10)), 10.0 ** np.linspace(-9, 5, 57)])
    slope = lambda v: 2 * v * scaled(v) - 2 / ROOT_PI
    bend = lambda v: 2 * scaled(v) + 2 * v * slope(v)
    first, second = derivatives(special.erfcx, x)
    rough = 1e-15 * (2 + np.where(x < 0, x * x, 0))
    # Derivatives of the Chebyshev series lose two digits a time at its end x = 0.
    assert np.all(relative(first, exactly(slope, x)) < rough + 2e-13)
    assert np.all(relative(second, exactly(bend, x)) < rough + 2e-11)
    away = x > 1
    assert relative(first[away], exactly(slope, x[away])).max() < 4e-15
    assert relative(second[away], exactly(bend, x[away])).max() < 3e-14


# log erfc ------------------------------------------------------------------------------------------------------------


def logarithm(x):
    return mpmath.log(scaled(x)) - x * x


LOGS = np.concatenate([-(10.0 ** np.linspace(-9, 0.7, 30)), np.linspace(0.25, 8, 60), 10.0 ** np.linspace(1, 150, 60)])
SMALL = 10.0 ** np.linspace(-9, -1, 30)


def test_log_erfc_holds_its_stated_error_without_underflow():
    assert relative(read(special.log_erfc, LOGS), exactly(logarithm, LOGS)).max() < 4e-15
    assert absolute(read(special.log_erfc, SMALL), exactly(logarithm, SMALL)).max() < 4e-15
    assert read(special.log_erfc, np.array([0.0, -30.0, -np.inf])).tolist() == [0.0, math.log(2), math.log(2)]
    assert read(special.log_erfc, np.inf) == -np.inf


def test_log_erfc_holds_its_relative_error_right_of_zero():
    assert relative(read(special.log_erfc, SMALL), exactly(logarithm, SMALL)).max() < 4e-15


def test_log_erfc_has_its_derivatives():
    x = np.concatenate([np.linspace(-5, 8, 60), 10.0 ** np.linspace(1, 5, 20)])
    slope = lambda v: -2 / (ROOT_PI * scaled(v))
    bend = lambda v: 2 / ROOT_PI * (2 * v * scaled(v) - 2 / ROOT_PI) / scaled(v) ** 2
    first, second = derivatives(special.log_erfc, x)
    rough = 1e-15 * (4 + np.where(x < 0, x * x, 0))
    assert np.all(relative(first, exactly(slope, x)) < rough)
    assert np.all(relative(second, exactly(bend, x)) < rough + 2e-13)


# Owen's T ------------------------------------------------------------------------------------------------------------


def owen(h, a):
    """T(h, a) by integration of its definition."""
    with mpmath.workdps(DIGITS):
        if math.isinf(a):
            return mpmath.sign(a) * mpmath.erfc(abs(mpmath.mpf(h)) / mpmath.sqrt(2)) / 4
        h, end = abs(mpmath.mpf(h)), abs(mpmath.mpf(a))
        cuts = [c / h for c in (1, 3, 6, 10, 14)] if h else []
        inside = [c for c in (*cuts, mpmath.mpf(1), mpmath.mpf(4), mpmath.mpf(30)) if c < end]
        integrand = lambda x: mpmath.exp(-h * h * (1 + x * x) / 2) / (1 + x * x)
        found = mpmath.quad(integrand, sorted({mpmath.mpf(0), *inside, end}), maxdegree=5) / (2 * mpmath.pi)
        return mpmath.sign(a) * found


HEIGHTS = np.array([0.0, 1e-300, 1e-9, -0.3, 0.92, -1.7, 3.0, 5.0, -8.0, 12.0, 37.0])
SLOPES = np.array([0.0, 1e-10, 0.4, -0.97, 1.0, -1.0, 1.0328, 2.3, -7.0, 60.0, 1e6, np.inf, -np.inf])


def test_owens_t_holds_its_stated_error_for_every_sign_and_extreme():
    h, a = (x.ravel() for x in np.meshgrid(HEIGHTS, SLOPES))
    exact = [owen(x, y) for x, y in zip(h.tolist(), a.tolist(), strict=True)]
    assert absolute(read(special.owens_t, h, a), exact).max() < 1e-16


def test_owens_t_agrees_with_scipy_at_a_hundred_thousand_points():
    rng = np.random.default_rng(1)
    h, a = rng.normal(size=100_000) * 3, rng.standard_cauchy(100_000)
    assert np.abs(read(special.owens_t, h, a) - scipy_special.owens_t(h, a)).max() < 2.5e-16


def test_owens_t_has_its_special_values():
    a = np.array([-3.0, 0.2, 1.0, 50.0])
    assert read(special.owens_t, np.zeros(4), a) == pytest.approx(np.arctan(a) / (2 * np.pi), abs=1e-16)
    h = np.array([-2.0, 0.0, 0.7, 3.0])
    normal = scipy_special.ndtr(h)
    assert read(special.owens_t, h, np.ones(4)) == pytest.approx(normal * (1 - normal) / 2, abs=1e-16)
    assert read(special.owens_t, 1e3, 0.5) == 0.0


@pytest.mark.parametrize(("order", "tolerance"), [(1, 2e-16), (2, 1e-15)])
def test_owens_t_has_the_derivatives_of_its_definition(order, tolerance):
    jax = jax_engine()
    points = np.array([(h, a) for h in (-1.3, 0.0, 0.6, 4.0) for a in (-2.5, -0.5, 0.0, 0.8, 1.0, 6.0)])
    derive = jax.grad if order == 1 else jax.hessian
    with tussle.float64():
        found = np.asarray(jax.jit(jax.vmap(derive(lambda x: special.owens_t(x[0], x[1]))))(points))
    for row, (h, a) in zip(found, points.tolist(), strict=True):
        exact = _slopes(h, a)[0] if order == 1 else _slopes(h, a)[1]
        assert row == pytest.approx(np.array(exact, dtype=float), rel=0, abs=tolerance)


def _slopes(h, a):
    """Gradient and Hessian: T_h = -exp(-h^2/2) erf(a h / sqrt 2) / (2 sqrt(2 pi)), T_a is the integrand at a."""
    with mpmath.workdps(DIGITS):
        h, a = mpmath.mpf(h), mpmath.mpf(a)
        front = mpmath.exp(-h * h / 2)
        by_h = -front * mpmath.erf(a * h / mpmath.sqrt(2)) / (2 * mpmath.sqrt(2 * mpmath.pi))
        by_a = mpmath.exp(-h * h * (1 + a * a) / 2) / (2 * mpmath.pi * (1 + a * a))
        hh, ha = -h * by_h - a * by_a * (1 + a * a), -h * (1 + a * a) * by_a
        aa = -by_a * (h * h * a + 2 * a / (1 + a * a))
        return (by_h, by_a), ((hh, ha), (ha, aa))


def test_the_slopes_of_owens_t_are_differences_of_its_integral():
    h, a, step = 0.6, -2.5, 1e-12
    with mpmath.workdps(DIGITS):
        by_h = (owen(mpmath.mpf(h) + step, a) - owen(mpmath.mpf(h) - step, a)) / (2 * step)
        by_a = (owen(h, mpmath.mpf(a) + step) - owen(h, mpmath.mpf(a) - step)) / (2 * step)
    assert [float(v) for v in _slopes(h, a)[0]] == pytest.approx([float(by_h), float(by_a)], rel=0, abs=1e-16)


def test_owens_t_has_a_gradient_at_an_infinite_slope():
    jax = jax_engine()
    with tussle.float64():
        found = jax.vmap(jax.grad(special.owens_t, (0, 1)))(np.array([0.5, 0.0]), np.array([np.inf, -np.inf]))
    assert np.all(np.isfinite(found))


def test_functions_broadcast_and_take_plain_numbers():
    with tussle.float64():
        table = special.owens_t(np.array([[0.5], [1.5]]), np.array([0.0, 1.0, 2.0]))
        assert table.shape == (2, 3)
        assert float(table[0, 1]) == float(special.owens_t(0.5, 1.0))
        assert special.erfcx(2).dtype == np.float64
        compiled = jax_engine().jit(special.erfcx)(np.array([0.5, -0.5]))
    assert np.asarray(compiled) == pytest.approx(scipy_special.erfcx([0.5, -0.5]), rel=4e-15)


def test_gauss_rules_integrate_polynomials_on_the_unit_interval():
    for order in (5, 32, 64):
        points, weights = special.gauss(order)
        powers = np.arange(2 * order)
        assert weights @ points[:, None] ** powers == pytest.approx(1 / (powers + 1), rel=0, abs=2e-14)
