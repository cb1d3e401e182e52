"""Payoffs: values, derivatives of every order that is used, and how exponentials go on beyond their bound."""

import math

import mpmath
import numpy as np
import pytest
import torch

from tussle import autodiff
from tussle.losses import loss
from tussle.payoffs import (
    AlphaPayoff,
    Exponential,
    Function,
    HingePayoff,
    Linear,
    Logistic,
    Mirror,
    Negative,
    Square,
    Tanh,
    bounded_exp,
    bounded_expm1,
    exponent_bound,
    quadratic_weight,
)

mpmath.mp.dps = 40
ENGINES = {"jax": autodiff.array, "torch": lambda x: torch.tensor(x, dtype=torch.float64)}
SINGLE = {
    "jax": lambda x: autodiff.jax_engine().numpy.asarray(x, dtype="float32"),
    "torch": lambda x: torch.tensor(x, dtype=torch.float32),
}
OUTPUTS = [-30.0, -2.5, -1.0, -1e-9, 0.0, 1e-9, 0.3, 1.0, 4.0, 30.0]


@pytest.fixture(params=ENGINES)
def array(request):
    with autodiff.float64():
        yield ENGINES[request.param]


def fast(function, array):
    """The function itself, or under JAX compiled as one piece (quickly: it runs once)."""
    jit = autodiff.jax_engine().jit
    return (
        jit(function, compiler_options={"xla_backend_optimization_level": 0}) if array is autodiff.array else function
    )


def alpha_loss(alpha):
    def value(y):
        s = 1 / (1 + mpmath.exp(-y))
        power = (mpmath.mpf(alpha) - 1) / alpha
        return -(s**power - mpmath.mpf(2) ** -power) / power

    return value


CLOSED = {
    "logistic": (Logistic(), lambda y: mpmath.log(1 + mpmath.exp(-y))),
    "linear": (Linear(-2.0), lambda y: -2 * y),
    "square": (Square(-0.5, 3.0), lambda y: 3 * (y + 0.5) ** 2),
    "hinge": (HingePayoff(0.5), lambda y: max(mpmath.mpf(0), 0.5 - y)),
    "exponential": (Exponential(), lambda y: mpmath.expm1(-y)),
    "alpha 0.7": (AlphaPayoff(0.7), alpha_loss(0.7)),
    "alpha 0.1": (AlphaPayoff(0.1), alpha_loss(0.1)),
    "alpha 0.999": (AlphaPayoff(0.999), alpha_loss(0.999)),
    "tanh": (Tanh(), lambda y: -mpmath.tanh(y)),
    "function": (Function(lambda y: y * y * y), lambda y: y**3),
    "mirror": (Mirror(Exponential()), mpmath.expm1),
    "negative": (Negative(Square(2.0, 1.0)), lambda y: -((y - 2) ** 2)),
}


# Values and derivatives -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLOSED)
def test_values_agree_with_forty_digits(name, array):
    payoff, closed = CLOSED[name]
    exact = [float(closed(mpmath.mpf(y))) for y in OUTPUTS]
    np.testing.assert_allclose(
        autodiff.to_numpy(fast(payoff, array)(array(OUTPUTS))), exact, rtol=1e-12, atol=1e-13 * name.startswith("alpha")
    )


def derivative_of(function):
    """The derivative of an elementwise function, again elementwise."""
    return lambda y: autodiff.gradient(lambda z: function(z).sum(), y)


@pytest.mark.parametrize("name", [n for n in CLOSED if n != "hinge"])
def test_first_and_second_derivatives_agree_with_forty_digits(name, array):
    payoff, closed = CLOSED[name]
    points, slope = [-3.0, 0.0, 2.0], derivative_of(payoff)
    found = fast(lambda y: (slope(y), derivative_of(slope)(y)), array)(array(points))
    for order in (1, 2):
        exact = [float(mpmath.diff(closed, y, order)) for y in points]
        np.testing.assert_allclose(autodiff.to_numpy(found[order - 1]), exact, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("sign", [1, -1], ids=["real", "fake"])
def test_the_log_loss_has_right_derivatives_up_to_the_third(sign, array):
    points = [0.0, 50.0, -50.0, 20.0, -20.0]
    derivative = Logistic() if sign > 0 else Mirror(Logistic())
    for order in (1, 2, 3):
        derivative = derivative_of(derivative)
        found = autodiff.to_numpy(fast(derivative, array)(array(points)))
        exact = [float(mpmath.diff(lambda y: mpmath.log(1 + mpmath.exp(-sign * y)), y, order)) for y in points]
        np.testing.assert_allclose(found, exact, rtol=1e-14, atol=1e-15)


def test_the_hinge_has_slope_zero_at_its_corner(array):
    slopes = autodiff.gradient(lambda y: HingePayoff()(y).sum(), array([0.999, 1.0, 1.001]))
    assert autodiff.to_numpy(slopes).tolist() == [-1.0, 0.0, 0.0]


# The alpha family -------------------------------------------------------------------------------------------


def test_alpha_one_is_the_log_loss_and_one_half_the_exponential_one(array):
    y = array(OUTPUTS)
    log_loss = autodiff.to_numpy(Logistic()(y)) - math.log(2)
    np.testing.assert_allclose(autodiff.to_numpy(AlphaPayoff(1.0)(y)), log_loss, rtol=1e-14, atol=1e-15)
    exponential = autodiff.to_numpy(Exponential()(y))
    np.testing.assert_allclose(autodiff.to_numpy(AlphaPayoff(0.5)(y)), exponential, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", ["alpha", "rp-alpha"])
@pytest.mark.parametrize("alpha", [0.3, 0.5, 0.8, 1.0])
def test_the_optimal_critic_of_an_alpha_loss_is_alpha_times_the_log_ratio(name, alpha, array):
    p, q = np.asarray([0.7, 0.2, 0.1]), np.asarray([0.2, 0.3, 0.5])
    chosen = loss(name, alpha=alpha)
    slope = fast(lambda c: autodiff.gradient(lambda y: chosen.critic(y, y, array(p), array(q)), c), array)
    np.testing.assert_allclose(autodiff.to_numpy(slope(array(alpha * np.log(p / q)))), np.zeros(3), atol=1e-14)
    assert np.abs(autodiff.to_numpy(slope(array(1.1 * alpha * np.log(p / q))))).max() > 1e-3


def test_alpha_may_be_varied_through_one():
    with autodiff.float64():
        alphas = autodiff.array([0.25, 0.5, 1.0])
        values = autodiff.vectorized(lambda a: AlphaPayoff(a)(autodiff.array(-1.5)))(alphas)
        exact = [float(alpha_loss(a)(mpmath.mpf(-1.5))) for a in (0.25, 0.5)]
        np.testing.assert_allclose(values, [*exact, math.log1p(math.exp(1.5)) - math.log(2)], rtol=1e-13)
        slope = autodiff.gradient(lambda a: AlphaPayoff(a)(autodiff.array(-1.5)), autodiff.array(1.0))
    below = mpmath.diff(lambda a: alpha_loss(a)(mpmath.mpf(-1.5)), mpmath.mpf("0.9999999999"))
    assert float(slope) == pytest.approx(float(below), rel=1e-8)


# Beyond the bound -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", SINGLE)
def test_exponentials_are_exact_up_to_the_bound_and_go_on_along_the_tangent(engine):
    bound = exponent_bound(SINGLE[engine]([0.0]))
    assert bound == pytest.approx(0.5 * 128 * math.log(2), rel=1e-6)
    y = SINGLE[engine]([-200.0, 1.0, 44.0, 50.0, 1e4])
    value, slope = autodiff.value_and_gradient(lambda x: bounded_exp(x).sum(), y)
    top = math.exp(bound)
    expected = [0.0, math.e, math.exp(44), top * (51 - bound), top * (10001 - bound)]
    np.testing.assert_allclose(autodiff.to_numpy(bounded_exp(y)), expected, rtol=5e-6)
    np.testing.assert_allclose(autodiff.to_numpy(slope), [0.0, math.e, math.exp(44), top, top], rtol=5e-6)
    assert np.isfinite(float(value) ** 2)


def test_the_tangent_is_met_in_value_and_slope(array):
    edge = exponent_bound(array([0.0]))
    near = array([edge * (1 - 1e-9), edge * (1 + 1e-9)])
    for grown in (bounded_exp, bounded_expm1):
        low, high = autodiff.to_numpy(grown(near))
        assert high / low - 1 == pytest.approx(2e-9 * edge, rel=1e-5)
        slopes = autodiff.to_numpy(autodiff.gradient(lambda y, g=grown: g(y).sum(), near))
        assert slopes[1] / slopes[0] - 1 == pytest.approx(1e-9 * edge, rel=1e-5)


def test_the_alpha_payoff_goes_on_along_a_tangent_too(array):
    payoff = AlphaPayoff(0.02)
    power, bound = 49.0, exponent_bound(array([0.0]))
    edge = -bound / power
    y = array([edge + 1e-6, edge - 1e-6, -1e4])
    slopes = autodiff.to_numpy(autodiff.gradient(lambda v: payoff(v).sum(), y))
    assert slopes[1] / slopes[0] == pytest.approx(1.0, abs=2e-4)
    assert slopes[2] == pytest.approx(-math.exp(bound), rel=1e-3)


# What may come ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, -1.0, 1.5])
def test_alpha_outside_its_range_is_refused(alpha):
    with pytest.raises(ValueError, match=rf"`alpha` is {alpha}; it must be above 0 and at most 1; give"):
        AlphaPayoff(alpha)


@pytest.mark.parametrize(
    ("make", "name"),
    [(Linear, "slope"), (Square, "target"), (HingePayoff, "margin"), (lambda x: Square(1.0, x), "scale")],
)
def test_numbers_that_are_not_finite_are_refused(make, name):
    with pytest.raises(ValueError, match=f"`{name}` is nan; it must be finite"):
        make(float("nan"))


def test_only_quadratic_payoffs_have_a_quadratic_weight():
    assert quadratic_weight(Mirror(Square(1.0, 0.5))) == 0.5
    assert quadratic_weight(Negative(Square(1.0, 2.0))) == -2.0
    assert quadratic_weight(Linear()) == 0.0
    assert quadratic_weight(Logistic()) is None
    assert quadratic_weight(Negative(Logistic())) is None
