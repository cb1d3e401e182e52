r"""The published closed forms of erf moments, as a second route beside the quadrature of `tussle.moments`.

With v = A U + B and U of a standard law, each function returns E erf v and E erf^2 v, vectorized and in float64 (call
them within `tussle.float64()`). Where a closed form loses digits, the quadrature takes its place, and `closed` says so:

    exponential    E erf^2 multiplies a cancelling bracket by exp(x), x = kappa (kappa + 2 B), kappa = 1 / (2 A):
                   Owen's T for x <= 4, quadrature otherwise
    Erlang         a recursion that divides by A^2 at each step: used where its running error bound is below 1e-12
    uniform        differences over A: used for |A| >= 1/16
    normal, Rayleigh    always

Absolute errors: exponential, normal, uniform and Rayleigh below 1e-13, Erlang below 1e-12.

References:
    Pulford, Kondrashov, "Convergence and optimality analysis of low-dimensional generative adversarial networks using
    error function integrals", IEEE Access 9 (2021); Owen, Ann. Math. Statist. 27 (1956).
"""

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from tussle import checks, moments
from tussle.autodiff import Array, array, jax_engine
from tussle.moments import EXPONENTIAL, Part, Shape, parts_of
from tussle.special import ROOT_2, bump, erf, erfc, erfcx, owens_t, rise

OWEN_LIMIT = 4.0  # of the exponent x beyond which Owen's form is not used
CHAIN_LIMIT = 0.5  # of |A| below which the chain of derivatives is not used
UNIFORM_LIMIT = 1 / 16  # of |A| below which differences over A are not used
ERLANG_ERROR = 1e-12  # largest running error bound of the recursion that is accepted
UNIT = 4e-15  # relative error of the numbers that the recursion starts from
TERMS = 24  # of alternating sums


class ClosedMoments(NamedTuple):
    """E erf, E erf^2, and where both came from the closed form (elsewhere quadrature was used)."""

    first: Array
    second: Array
    closed: Array


class ClosedDerivatives(NamedTuple):
    """Psi_t, (d/dA, d/dB), (AA, AB, BB), and where they came from the closed chain (elsewhere quadrature was used)."""

    value: Array
    gradient: tuple[Array, Array]
    hessian: tuple[Array, Array, Array]
    closed: Array


def _pair(a: Array, b: Array) -> tuple[Array, Array]:
    return jax_engine().numpy.broadcast_arrays(array(a), array(b))


def _turned(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """Return sign s, |A| and s B: E erf changes its sign with s, E erf^2 does not."""
    xp = jax_engine().numpy
    sign = xp.where(a < 0, -1.0, 1.0)
    return sign, xp.abs(a), sign * b


def _quadrature(shape: Shape, a: Array, b: Array, count: int = moments.NODES) -> tuple[Array, Array]:
    zero, one = (moments.square((Part(shape),), t, a, b, count) for t in (0.0, 1.0))
    return zero - one, 2 * (zero + one) - 1


def _tail(exponent: Array, offset: Array, p: Array) -> Array:
    """Return exp(exponent) erfc(p), exponent = p^2 - offset, without overflow."""
    xp = jax_engine().numpy
    right = p >= 0
    far = xp.exp(-offset) * erfcx(xp.where(right, p, 0.0))
    return xp.where(right, far, xp.exp(xp.where(right, 0.0, exponent)) * erfc(xp.where(right, 0.0, p)))


# The exponential law -------------------------------------------------------------------------------------------------


def _owen(a: Array, b: Array) -> tuple[Array, Array, Array, Array]:
    """Return E phi(v) and E[erf(v) phi(v)] for A > 0 by erfcx and Owen's T, the exponent x, and kappa.

    The second is exp(x) / A times q(kappa) - 2 T(kappa, 1 + 2 B / kappa) + 2 T(sqrt2 p, B / p) - [p < 0], with
    p = B + kappa and q(kappa) = erfc(kappa / sqrt2) / 2.
    """
    xp = jax_engine().numpy
    kappa = 0.5 / a
    p = b + kappa
    x = kappa * (kappa + 2 * b)
    first = _tail(x, b * b, p) / (2 * a)
    bracket = 0.5 * erfc(kappa / ROOT_2) - 2 * owens_t(kappa, 1 + 2 * b / kappa) + _through_zero(p, b)
    return first, xp.exp(xp.minimum(x, OWEN_LIMIT)) * bracket / a, x, kappa


def _through_zero(p: Array, b: Array) -> Array:
    """Return 2 T(sqrt2 p, B / p) - [p < 0], smooth at p = 0 by Owen's reflection, where T's argument is infinite."""
    xp = jax_engine().numpy
    steep = xp.abs(b) > xp.abs(p)
    direct = 2 * owens_t(ROOT_2 * p, b / xp.where(steep, 1.0, p)) - xp.where(p < 0, 1.0, 0.0)
    one, two = rise(p), rise(b)
    turned = one + two - 2 * one * two - xp.where(b < 0, 1.0, 0.0)
    return xp.where(steep, turned - 2 * owens_t(ROOT_2 * b, p / xp.where(steep, b, 1.0)), direct)


def exponential(a: Array, b: Array) -> ClosedMoments:
    """Return the moments for v = A E + B with E standard exponential, by erfcx and Owen's T.

    M1 = erf B + exp(x) erfc(p), M2 = erf^2 B + 4 exp(x) (2 Phi2 - erfc(p) / 2), with kappa = 1 / (2 A), p = B + kappa,
    x = kappa (kappa + 2 B) and Phi2 a bivariate normal distribution function, four terms with Owen's T.

    Data of rate lambda have A = alpha / lambda. Absolute error below 1e-13; `closed` is False for x > 4 and A = 0.

    Example:
        >>> import tussle
        >>> with tussle.float64():
        ...     first, second, closed = exponential(1.0, 0.0)
        ...     print(f"{first:.13f} {second:.13f} {closed}")
        0.6156903441929 0.4889333183650 True
    """
    xp = jax_engine().numpy
    a, b = _pair(a, b)
    sign, size, turned = _turned(a, b)
    apart = size > 0
    size = xp.where(apart, size, 1.0)
    one, two, x, _ = _owen(size, turned)
    start = erf(turned)
    first = sign * (start + 2 * size * one)
    used = apart & (x <= OWEN_LIMIT)
    second = xp.where(used, start * start + 4 * size * two, _quadrature(EXPONENTIAL, a, b)[1])
    return ClosedMoments(xp.where(apart, first, erf(b)), second, used)


def chain(t: float, a: Array, b: Array) -> ClosedDerivatives:
    """Return Psi_t(A, B) = E[(D0(A E + B) - t)^2] with its derivatives, all algebraic in the two moments.

    With f0 = (D0(B) - t)^2 and f' = 2 (D0(B) - t) phi(B), integration by parts gives Psi_B = (Psi - f0) / A,
    Psi_BB = (Psi_B - f') / A, P_0 = E phi^2 by erfcx, Psi_A = (2 P_0 - 2 B Psi_B - Psi_BB) / (2 A),
    Psi_AB = (Psi_A - Psi_B) / A, P_1 = -((P_0 - phi(B)^2) / A + 4 B P_0) / (4 A),
    Q_2 = (2 P_1 - 2 B Psi_A - Psi_AB) / (2 A), Psi_AA = (Q_2 - 2 Psi_A) / A.

    Args:
        t: the target.
        a: A, any sign.
        b: B.

    Returns:
        value, gradient and Hessian; absolute error below 2e-12. `closed` is False for |A| < 0.5, where divisions by A
        lose digits, and where `exponential` needed the quadrature.
    """
    xp = jax_engine().numpy
    a, b = _pair(a, b)
    sign, size, turned = _turned(a, b)
    used = size >= CHAIN_LIMIT
    size, turned = xp.where(used, size, 1.0), xp.where(used, turned, 0.0)
    target = xp.where(sign < 0, 1.0 - t, float(t))
    first, second, closed = exponential(size, turned)
    value = (1 + 2 * first + second) / 4 - target * (1 + first) + target * target
    found = _chained(value, target, size, turned)
    found = (value, sign * found[0], sign * found[1], *found[2:])
    by_quadrature = moments.value_gradient_hessian((Part(EXPONENTIAL),), t, a, b)
    other = (by_quadrature[0], *by_quadrature[1], *by_quadrature[2])
    v, d1, d2, h11, h12, h22 = (xp.where(used, new, old) for new, old in zip(found, other, strict=True))
    return ClosedDerivatives(v, (d1, d2), (h11, h12, h22), used & closed)


def _chained(value: Array, t: Array, a: Array, b: Array) -> tuple[Array, ...]:
    """Return Psi_A, Psi_B, Psi_AA, Psi_AB, Psi_BB from Psi, A > 0."""
    gap, hump, kappa = (1 - t) * rise(b) - t * rise(-b), bump(b), 0.5 / a
    by_b = (value - gap * gap) / a
    bb = (by_b - 2 * gap * hump) / a
    p0 = _tail(kappa * (2 * b + kappa / 2), 2 * b * b, ROOT_2 * b + kappa / ROOT_2) / (2 * a * math.sqrt(2 * math.pi))
    by_a = (2 * p0 - 2 * b * by_b - bb) / (2 * a)
    ab = (by_a - by_b) / a
    p1 = -((p0 - hump * hump) / a + 4 * b * p0) / (4 * a)
    q2 = (2 * p1 - 2 * b * by_a - ab) / (2 * a)
    return by_a, by_b, (q2 - 2 * by_a) / a, ab, bb


# The other standard laws ----------------------------------------------------------------------------------------------


def normal(a: Array, b: Array) -> ClosedMoments:
    """Return the moments for v = A U + B with U standard normal: erf(B / n) and 1 - 8 T(w, r).

    n = sqrt(1 + 2 A^2), w = sqrt2 B / n, r = 1 / sqrt(1 + 4 A^2); absolute error below 4e-15.
    """
    xp = jax_engine().numpy
    a, b = _pair(a, b)
    n = xp.sqrt(1 + 2 * a * a)
    second = 1 - 8 * owens_t(ROOT_2 * b / n, 1 / xp.sqrt(1 + 4 * a * a))
    return ClosedMoments(erf(b / n), second, xp.ones_like(a, dtype=bool))


def uniform(a: Array, b: Array) -> ClosedMoments:
    """Return the moments for v = A U + B with U uniform on [0, 1]: (U_j(A + B) - U_j(B)) / A.

    U_1(u) = u erf u + exp(-u^2) / sqrt pi and U_2(u) = u erf^2 u + (2 / sqrt pi) exp(-u^2) erf u - sqrt(2 / pi)
    erf(sqrt2 u), each without its growing part, |u| and u, whose differences are exact. Absolute error below 2e-14;
    `closed` is False for |A| < 1/16.
    """
    xp = jax_engine().numpy
    a, b = _pair(a, b)
    used = xp.abs(a) >= UNIFORM_LIMIT
    step = xp.where(used, a, 1.0)

    def bounded(u: Array) -> tuple[Array, Array]:
        size = xp.abs(u)
        rest, hump = erfc(size), bump(u)
        two = 2 * hump * erf(u) - u * rest * (2 - rest) - math.sqrt(2 / math.pi) * erf(ROOT_2 * u)
        return hump - size * rest, two

    low, high = bounded(b), bounded(b + step)
    grown = xp.where(b * (b + step) > 0, xp.sign(b) * step, xp.abs(b + step) - xp.abs(b))  # |A + B| - |B|
    first = (grown + high[0] - low[0]) / step
    second = 1 + (high[1] - low[1]) / step
    other = _quadrature(moments.UNIFORM, a, b)
    return ClosedMoments(xp.where(used, first, other[0]), xp.where(used, second, other[1]), used)


def rayleigh(a: Array, b: Array) -> ClosedMoments:
    """Return the moments for v = A U + B with U of the Rayleigh law of scale 1.

    With L^2 = A^2 + 1/2, k = A / L, mu = k B and w = sqrt2 B (1 - k^2) / sqrt(1 + k^2), for A > 0:
    E erf = erf B + k exp(mu^2 - B^2) erfc(mu), and E erf^2 = erf^2 B + 4 k exp(mu^2 - B^2) [2 T(w, 2 k / (1 - k^2)) +
    2 T(sqrt2 mu, 1 / k) - erfc(w / sqrt2) / 2]. The exponent is never positive; absolute error below 1e-14.
    """
    xp = jax_engine().numpy
    a, b = _pair(a, b)
    sign, size, turned = _turned(a, b)
    square = size * size + 0.5  # L^2
    k, rest = size / xp.sqrt(square), 0.5 / square  # rest = 1 - k^2, without cancellation
    weight = k * xp.exp(-turned * turned * rest)
    mu, w = k * turned, ROOT_2 * turned * rest / xp.sqrt(1 + k * k)
    start = erf(turned)
    bracket = 2 * owens_t(w, 2 * k / rest) + 2 * owens_t(ROOT_2 * mu, 1 / xp.maximum(k, 1e-300))
    second = start * start + 4 * weight * (bracket - 0.5 * erfc(w / ROOT_2))
    return ClosedMoments(sign * (start + weight * erfc(mu)), second, xp.ones_like(a, dtype=bool))


def erlang(k: int, a: Array, b: Array) -> ClosedMoments:
    """Return the moments for v = A U + B with U the sum of k standard exponentials: the form of k = 1, differentiated.

    (1 - lambda d/dlambda) and its like turn k into k + 1. Written out, M1 = erf B + 2 A sum_{n<k} T_n / n! and
    M2 = erf^2 B + 4 A sum_{n<k} Q_n / n!, with T_n = E[E^n phi(v)], Q_n = E[E^n erf(v) phi(v)], P_n = E[E^n phi(v)^2],

        2 A^2 T_{n+1} = n T_{n-1} - (1 + 2 A B) T_n + [n = 0] phi(B),
        2 A^2 Q_{n+1} = n Q_{n-1} - (1 + 2 A B) Q_n + 2 A P_n + [n = 0] erf(B) phi(B),
        4 A^2 P_{n+1} = n P_{n-1} - (1 + 4 A B) P_n + [n = 0] phi(B)^2.

    Absolute error below 1e-12. `closed` is False where the running error bound of the recursions does not promise it:
    for small |A|, and for large k wherever 1 + 2 A B is large against A^2.
    """
    xp = jax_engine().numpy
    a, b = _pair(a, b)
    if checks.count("k", k) == 1:
        return exponential(a, b)
    sign, size, turned = _turned(a, b)
    safe = xp.where(size > 1e-3, size, 1.0)
    one, two, x, kappa = _owen(safe, turned)
    hump, start = bump(turned), erf(turned)
    p0 = _tail(kappa * (2 * turned + kappa / 2), 2 * turned**2, ROOT_2 * turned + kappa / ROOT_2)
    p0 = p0 / (2 * safe * math.sqrt(2 * math.pi))
    near, wide, twice = 1 + 2 * safe * turned, 1 + 4 * safe * turned, 2 * safe * safe
    t = _recursion(k, one, UNIT * one, near, twice, hump, None)
    p = _recursion(k, p0, UNIT * p0, wide, 2 * twice, hump * hump, None)
    inflow = [(2 * safe * value, 2 * safe * error) for value, error in p]
    rough = UNIT * (xp.abs(two) + xp.exp(xp.minimum(x, OWEN_LIMIT)) / safe)
    q = _recursion(k, two, rough, near, twice, start * hump, inflow)
    sums = [[sum(terms[n][i] / float(math.factorial(n)) for n in range(k)) for i in (0, 1)] for terms in (t, q)]
    bound = safe * xp.maximum(2 * sums[0][1], 4 * sums[1][1])
    used = (size > 1e-3) & (x <= OWEN_LIMIT) & (bound < ERLANG_ERROR)
    first, second = sign * (start + 2 * safe * sums[0][0]), start * start + 4 * safe * sums[1][0]
    other = _quadrature(moments.erlang(k), a, b, moments.NODES + 4 * k)  # its window grows with the shape
    return ClosedMoments(xp.where(used, first, other[0]), xp.where(used, second, other[1]), used)


def _recursion(
    count: int, value: Array, error: Array, slope: Array, divisor: Array, source: Array, inflow: Any
) -> list[tuple[Array, Array]]:
    """Solve divisor y_{n+1} = n y_{n-1} - slope y_n + inflow_n + [n = 0] source; return y_n with error bounds."""
    xp = jax_engine().numpy
    zero = 0.0 * value
    found, before = [(value, error)], (zero, zero)
    for n in range(count - 1):
        now, extra = found[-1], (zero, zero) if inflow is None else inflow[n]
        terms = [n * before[0], -slope * now[0], extra[0], zero if n else source]
        rounding = UNIT / 4 * sum(xp.abs(term) for term in terms)
        errors = n * before[1] + xp.abs(slope) * now[1] + extra[1] + rounding
        before = now
        found.append((sum(terms) / divisor, errors / divisor))
    return found


# Any law of the table -------------------------------------------------------------------------------------------------


def erf_moments_closed(law: Any, a: Array, b: Array) -> ClosedMoments:
    """Return E erf(a X + b) and E erf(a X + b)^2 by the closed forms.

    Args:
        law: a law in one dimension: normal, uniform, exponential, Laplace (two one-sided exponentials), Rayleigh or
            Erlang, moved or mixed.
        a: slope, any sign.
        b: offset.

    Returns:
        both moments, and where every part of the law had its closed form.

    Raises:
        ValueError: if the law has no such form.

    Example:
        >>> import tussle
        >>> with tussle.float64():
        ...     found = erf_moments_closed(tussle.Normal(1.0, 2.0), 0.7, -0.3)
        ...     print(f"{found.first:.12f} {found.second:.12f}")
        0.201300600732 0.600590358699
    """
    a, b = _pair(a, b)
    forms = {"normal": normal, "uniform": uniform, "rayleigh": rayleigh}
    total = ClosedMoments(0.0 * a, 0.0 * a, jax_engine().numpy.ones_like(a, dtype=bool))
    for part in parts_of(law):
        slope, offset, name, w = a * part.scale, a * part.location + b, part.shape.name, part.weight
        found = forms[name](slope, offset) if name in forms else erlang(int(name.split()[1]), slope, offset)
        first, second = total.first + w * found.first, total.second + w * found.second
        total = ClosedMoments(first, second, total.closed & found.closed)
    return total


def normal_square(a: Array, b: Array, mean: Array, std: Array) -> tuple[Array, tuple[Array, Array, Array, Array]]:
    """Return E D^2 = Phi(w) - 2 T(w, r) for D = D0(a X + b), X of N(mean, std^2), and its gradient.

    With N(w) = exp(-w^2 / 2) / sqrt(2 pi): d/dw = 2 N(w) Phi(r w), d/dr = -exp(-w^2 (1 + r^2) / 2) / (pi (1 + r^2)),
    w = sqrt2 (a mean + b) / n, n = sqrt(1 + 2 a^2 std^2), r = 1 / sqrt(1 + 4 a^2 std^2). E (1 - D)^2 is the same at
    (-a, -b).

    Returns:
        the value, and its derivatives by a, b, mean and std; absolute error below 1e-14 where these are of order 1.
    """
    xp = jax_engine().numpy
    a, b, m, s = xp.broadcast_arrays(*(array(x) for x in (a, b, mean, std)))
    n, r = xp.sqrt(1 + 2 * a * a * s * s), 1 / xp.sqrt(1 + 4 * a * a * s * s)
    w = ROOT_2 * (a * m + b) / n
    value = 0.5 * erfc(-w / ROOT_2) - 2 * owens_t(w, r)
    by_w = xp.exp(-0.5 * w * w) / math.sqrt(2 * math.pi) * erfc(-r * w / ROOT_2)
    by_r = -xp.exp(-0.5 * w * w * (1 + r * r)) / (math.pi * (1 + r * r))
    w_a, w_s = ROOT_2 * m / n - 2 * w * a * s * s / (n * n), -2 * w * a * a * s / (n * n)
    r_a, r_s = -4 * a * s * s * r**3, -4 * a * a * s * r**3
    return value, (by_w * w_a + by_r * r_a, by_w * ROOT_2 / n, by_w * ROOT_2 * a / n, by_w * w_s + by_r * r_s)


def hypergeometric(s: Array, k: Array) -> Array:
    """Return 2F1(1, s; 1 + s; -k) = s int_0^1 t^(s-1) / (1 + k t) dt, s > 0, k > 0; absolute error below 1e-15.

    With L = log k > 0 the integral is k^-s [sum_n (-1)^n (e^(x_n L) - 1) / x_n + sum_n (-1)^n / (n + s)],
    x_n = s - 1 - n, regular at whole s, where SciPy's function loses up to ten digits; for k <= 1 it is
    sum_n (-1)^n k^n / (n + s). These alternating sums of moments converge like 5.8^-n by Cohen's weights.

    Reference:
        Cohen, Rodriguez Villegas, Zagier, Convergence acceleration of alternating series, Exp. Math. 9 (2000).
    """
    xp = jax_engine().numpy
    s, k = (x[..., None] for x in _pair(s, k))
    n, log = np.arange(TERMS), xp.log(xp.maximum(k, 1.0))
    x = s - 1 - n
    reach = xp.abs(x) * log
    ratio = xp.where(reach < 1e-8, 1 - reach / 2, -xp.expm1(-reach) / xp.where(reach == 0, 1.0, reach))
    large = xp.exp(-xp.minimum(s, 1 + n) * log) * log * ratio + xp.exp(-s * log) / (n + s)
    return xp.sum(_cohen() * xp.where(k > 1, s * large, s * xp.minimum(k, 1.0) ** n / (n + s)), axis=-1)


@functools.cache
def _cohen() -> np.ndarray:
    """Return the weights w with sum_n (-1)^n a_n = sum_{n<TERMS} w_n a_n, up to 2 * 5.8^-TERMS a_0."""
    total = math.cosh(TERMS * math.log(3 + math.sqrt(8)))
    b, c, found = -1.0, -total, []
    for n in range(TERMS):
        c = b - c
        found.append(c / total)
        b *= (n + TERMS) * (n - TERMS) / ((n + 0.5) * (n + 1))
    return np.array(found)


def logistic(rate: Array, k: Array, b: Array) -> tuple[Array, Array]:
    """Return E D and E D^2 of the logistic D(x) = 1 / (1 + k exp(-b x)), k > 0, b > 0, for exponential data of a rate.

    With s = rate / b: E D = 2F1(1, s; 1 + s; -k) and E D^2 = 2F1(2, s; 1 + s; -k) = (1 - s) E D + s / (1 + k);
    absolute errors below 1e-15 and 1e-15 (1 + s).

    Raises:
        ValueError: if a plain number is not above 0.
    """
    for name, value in (("rate", rate), ("k", k), ("b", b)):
        checks.positive(name, value)
    s = array(rate) / array(b)
    first = hypergeometric(s, k)
    return first, (1 - s) * first + s / (1 + array(k))
