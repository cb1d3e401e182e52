r"""Special functions in float64 under JAX: vectorized, differentiable, right far out.

Each chooses its stable form by itself and states its error. They are for JAX arrays or NumPy input; outside a compiled
function call them within `tussle.float64()`.

>>> import tussle
>>> from tussle import special
>>> with tussle.float64():
...     print(f"{special.owens_t(0.5, 1.0):.12f} {special.erfcx(30.0):.12f}")
0.106671062961 0.018795888861
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tussle.autodiff import Array, array, jax_engine

ROOT_PI = 1.7724538509055160273
ROOT_2 = 1.4142135623730950488
CENTER = 3.75  # of the variable t = (x - CENTER) / (x + CENTER), which maps [0, inf) to [-1, 1)
EQUATION = 1.5  # below it, the slope of erfcx is taken from erfcx' = 2 x erfcx - 2 / sqrt pi


@functools.cache
def gauss(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the Gauss-Legendre nodes and weights of an order on [0, 1]."""
    points, weights = np.polynomial.legendre.leggauss(order)
    return (points + 1) / 2, weights / 2


def erf(x: Array) -> Array:
    """Return the error function; absolute error below 2e-16."""
    return jax_engine().scipy.special.erf(x)


def erfc(x: Array) -> Array:
    """Return 1 - erf(x); relative error below 5e-16 (2 + x^2), 0 where it is below the smallest number."""
    return jax_engine().scipy.special.erfc(x)


def rise(u: Array) -> Array:
    """Return D0(u) = (1 + erf u) / 2, the error-function discriminator; relative error below 5e-16 (2 + u^2)."""
    return 0.5 * erfc(-u)


def bump(u: Array) -> Array:
    """Return phi(u) = exp(-u^2) / sqrt(pi), the derivative of `rise`."""
    return jax_engine().numpy.exp(-u * u) / ROOT_PI


@functools.cache
def _erfcx_series() -> np.ndarray:
    """Return the Chebyshev coefficients of (1 + 2 x) erfcx(x) in t = (x - CENTER) / (x + CENTER)."""
    from scipy.special import erfcx as known

    count = 48
    # In long double, so that the rounding of sums does not fill the tail of the series.
    angles = (np.arange(count, dtype=np.longdouble) + 0.5) * np.longdouble(np.pi) / count
    t = np.cos(angles)
    x = (CENTER * (1 + t) / (1 - t)).astype(np.float64)
    values = (1 + 2 * x.astype(np.longdouble)) * known(x)
    found = 2 * np.cos(np.arange(count)[:, None] * angles) @ values / count
    found[0] /= 2
    return found[:24].astype(np.float64)  # the next ones are below 1e-16


def _clenshaw(coefficients: np.ndarray, t: Array) -> Array:
    later = last = 0.0 * t
    for c in coefficients[:0:-1]:
        later, last = 2 * t * later - last + float(c), later
    return t * later - last + float(coefficients[0])


def erfcx(x: Array) -> Array:
    """Return exp(x^2) erfc(x); relative error below 3e-15 for x >= 0, below 1e-15 (2 + x^2) for x < 0."""
    return _erfcx()(array(x))


@functools.cache
def _erfcx() -> Callable[[Array], Array]:
    jax = jax_engine()
    xp = jax.numpy

    def plain(x: Array) -> Array:
        size = xp.abs(x)
        far = size > 1e15
        near = xp.where(far, 1.0, size)
        inside = _clenshaw(_erfcx_series(), (near - CENTER) / (near + CENTER)) / (1 + 2 * near)
        positive = xp.where(far, 1 / (ROOT_PI * xp.where(far, size, 1.0)), inside)
        capped = xp.where(x < 0, xp.maximum(x, -27.0), 0.0)  # exp(27^2) is beyond the largest number already
        return xp.where(x < 0, 2 * xp.exp(capped * capped) - positive, positive)

    @jax.custom_jvp
    def function(x: Array) -> Array:
        return plain(x)

    def derivative(at: Any, moves: Any) -> tuple[Array, Array]:
        # By its equation where nothing cancels; the derivative of the series is worse near 0 and better far out.
        (x,), (dx,) = at, moves
        near, far = xp.minimum(x, EQUATION), xp.maximum(x, EQUATION)
        slope = jax.jvp(plain, (far,), (xp.ones_like(far),))[1]
        return function(x), xp.where(x < EQUATION, 2 * near * function(near) - 2 / ROOT_PI, slope) * dx

    function.defjvp(derivative)
    return function


def log_erfc(x: Array) -> Array:
    """Return log(erfc(x)) without underflow; relative error below 4e-15."""
    return _log_erfc()(array(x))


@functools.cache
def _log_erfc() -> Callable[[Array], Array]:
    jax = jax_engine()
    xp = jax.numpy

    @jax.custom_jvp
    def function(x: Array) -> Array:
        right, near = xp.maximum(x, 0.5), xp.clip(x, -0.2, 0.2)
        far = xp.where(x > 0.5, xp.log(erfcx(right)) - right * right, xp.log(erfc(xp.minimum(x, 0.5))))
        return xp.where(xp.abs(x) < 0.2, xp.log1p(-erf(near)), far)

    function.defjvp(lambda x, dx: (function(*x), -2 / (ROOT_PI * erfcx(x[0])) * dx[0]))
    return function


def owens_t(h: Array, a: Array) -> Array:
    """Return Owen's T(h, a) = 1/(2 pi) int_0^a exp(-h^2 (1 + x^2) / 2) / (1 + x^2) dx; absolute error below 1e-16.

    For |a| > 1 it is reduced to 1 / a by T(h, a) + T(a h, 1/a) = (q(h) + q(a h)) / 2 - q(h) q(a h) for h >= 0, with
    q(x) = erfc(x / sqrt 2) / 2; the rest is a 32-node Gauss rule on the part of [0, |a|] where the integrand lives.

    Reference:
        Owen, Tables for computing bivariate normal probabilities, Ann. Math. Statist. 27 (1956).
    """
    xp = jax_engine().numpy
    h, a = xp.broadcast_arrays(array(h), array(a))
    return _owens_t()(h, a)


@functools.cache
def _owens_t() -> Callable[[Array, Array], Array]:
    jax = jax_engine()
    xp = jax.numpy

    def core(h: Array, a: Array) -> Array:
        nodes, weights = gauss(32)
        reach = xp.minimum(a, 9.0 / xp.maximum(h, 1e-300))
        x = reach[..., None] * nodes
        inside = xp.exp(-0.5 * (h * h)[..., None] * (1 + x * x)) / (1 + x * x)
        return reach * xp.sum(weights * inside, axis=-1) / (2 * np.pi)

    @jax.custom_jvp
    def function(h: Array, a: Array) -> Array:
        h, size = xp.abs(h), xp.abs(a)
        steep = size > 1
        low = xp.where(steep, 1 / xp.where(steep, size, 1.0), size)
        wide = h * xp.where(xp.isinf(size) & (h == 0), 1.0, size)
        one, two = 0.5 * erfc(h / ROOT_2), 0.5 * erfc(wide / ROOT_2)
        part = core(xp.where(steep, wide, h), low)
        return xp.sign(a) * xp.where(steep, 0.5 * (one + two) - one * two - part, part)

    def derivative(at: Any, moves: Any) -> tuple[Array, Array]:
        (h, a), (dh, da) = at, moves
        endless = xp.isinf(a)
        slope = xp.where(endless, 0.0, a)
        turn = xp.where(endless, xp.sign(a) * xp.sign(h), erf(slope * h / ROOT_2))
        by_h = -xp.exp(-0.5 * h * h) * turn / (2 * np.sqrt(2 * np.pi))
        by_a = xp.exp(-0.5 * h * h * (1 + slope * slope)) / (2 * np.pi * (1 + slope * slope))
        by_a = xp.where(endless, 0.0, by_a)
        return function(h, a), by_h * dh + by_a * da

    function.defjvp(derivative)
    return function
