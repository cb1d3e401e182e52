"""The arbitrary-precision reference of the erf least-squares GAN: direct quadrature with mpmath.

Data X ~ Exp(c), generated G = g E + h with E ~ Exp(1), D(x) = D0(a x + b), D0(u) = (1 + erf u)/2. All rests on

    Psi_t(A, B) = E[(D0(A E + B) - t)^2],   J = Psi_0(a/c, b) + Psi_1(a g, a h + b).

Nothing here uses a closed form of an integral, nor the float64 code that it is the reference of. It is slow.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import mpmath
from mpmath.calculus.quadrature import GaussLegendre

from tussle import checks

Mpf = Any  # an mpmath number
GUARD = 10  # decimal digits that are computed beyond those that are asked for
COARSE, FINE = 5, 6  # degrees of mpmath's Gauss-Legendre rules that are compared: 48 and 96 nodes
DEPTH = 12  # how often a panel may be halved

# log(1 / weight) of D0(u) phi(u), (1 - D0(u)) phi(u), phi(u)^2 is about k u^2, with one k for u < 0, one for u > 0
_CURVATURES: dict[str, tuple[int, int]] = {"R": (2, 1), "S": (1, 2), "P": (2, 2)}


class Derivatives(NamedTuple):
    """A value with its gradient and its Hessian (a tuple of rows)."""

    value: Mpf
    gradient: tuple[Mpf, ...]
    hessian: tuple[tuple[Mpf, ...], ...]


class Primitives(NamedTuple):
    """R_n = E[E^n D0(u) phi(u)] and S_n = E[E^n (1 - D0(u)) phi(u)], n = 0..3; P_n = E[E^n phi(u)^2], n = 0..2."""

    R: tuple[Mpf, ...]
    S: tuple[Mpf, ...]
    P: tuple[Mpf, ...]


class Moments(NamedTuple):
    """E erf(u) and E erf(u)^2."""

    first: Mpf
    second: Mpf


class Law(NamedTuple):
    """A mixture of densities.

    Attributes:
        weights: one a part, sum 1.
        densities: one a part, from an mpmath number.
        edges: one a part, from a number of nats to the points between which the density is smooth, in order; beyond the
            outer ones it is below exp(-nats) of its scale.
    """

    weights: tuple[Any, ...]
    densities: tuple[Callable[[Mpf], Mpf], ...]
    edges: tuple[Callable[[float], Sequence[Any]], ...]


# Quadrature ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _rule(degree: int, precision: int) -> list[tuple[Mpf, Mpf]]:
    return GaussLegendre(mpmath.mp).calc_nodes(degree, precision)


def _panel(function: Callable[[Mpf], Sequence[Mpf]], low: Mpf, high: Mpf, degree: int) -> list[Mpf]:
    center, half = (low + high) / 2, (high - low) / 2
    sums: list[Mpf] = []
    for node, weight in _rule(degree, mpmath.mp.prec):
        values = [weight * value for value in function(center + half * node)]
        sums = [s + v for s, v in zip(sums, values, strict=True)] if sums else values
    return [half * s for s in sums]


def _integrate(
    function: Callable[[Mpf], Sequence[Mpf]], edges: Sequence[Mpf], floor: Any = 0, depth: int = DEPTH
) -> list[Mpf]:
    """Integrate a vector of functions over panels, each halved until two Gauss rules agree.

    The finer rule has the square of the coarser one's error, so that they need to agree to 3/5 of the digits only.

    Raises:
        ArithmeticError: if a panel was halved `DEPTH` times in vain.
    """
    tolerance = mpmath.mpf(10) ** (-0.6 * mpmath.mp.dps)
    total: list[Mpf] = []
    for low, high in itertools.pairwise(edges):
        rough, fine = (_panel(function, low, high, degree) for degree in (COARSE, FINE))
        gap = max(abs(f - r) / max(abs(f), mpmath.mpf(floor), mpmath.eps**8) for r, f in zip(rough, fine, strict=True))
        if gap > tolerance:
            if depth == 0:
                message = (
                    f"the quadrature on [{mpmath.nstr(low, 8)}, {mpmath.nstr(high, 8)}] differs by "
                    f"{mpmath.nstr(gap, 3)} (relative) between two rules; it must be below {mpmath.nstr(tolerance, 3)}"
                )
                raise ArithmeticError(message)
            fine = _integrate(function, (low, (low + high) / 2, high), floor, depth - 1)
        total = [s + f for s, f in zip(total, fine, strict=True)] if total else list(fine)
    return total


def _window(A: Mpf, B: Mpf, family: str, drop: float) -> list[Mpf]:
    """Return [low, peak, high]: outside, exp(-E) times a family's weight is below exp(-drop) of its peak. A >= 0."""
    left, right = _CURVATURES[family]
    slope = float(A)
    start, inner = float(B), -1 / (2 * left * slope) if slope else -math.inf
    top = max(start, inner)  # of u, at the peak
    peak = max((mpmath.mpf(inner) - B) / A, mpmath.mpf(0)) if inner > start else mpmath.mpf(0)

    def rise(step: float) -> float:
        x = slope * step
        if top < 0 < top + x:
            return step + right * (top + x) ** 2 - left * top * top
        return step + (left if top < 0 else right) * x * (2 * top + x)

    # Where u > 0, or where the slope is at least 1/2 from the peak on, the rise is that of 1/2 per unit or more.
    low, high = 0.0, 2 * drop + (-top / slope if 4 * left * slope * top < -1 else 0.0)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if rise(middle) > drop else (middle, high)
    back = math.sqrt(drop / left) / slope if peak else 0.0  # left of an inner peak the rise is left * x^2
    return [max(mpmath.mpf(0), peak - back), peak, peak + high]


def _digits(digits: Any, *sizes: Any) -> int:
    """Return the digits to work with: exp(-u^2) loses those of u^2."""
    size = max(abs(float(x)) for x in sizes)
    return checks.count("digits", digits) + GUARD + max(0, math.ceil(2 * math.log10(1 + size) - 5))


def _means(A: Mpf, B: Mpf, family: str, top: int) -> tuple[Mpf, ...]:
    """Return the primitives R_n, S_n or P_n for n = 0..top; A >= 0."""

    def integrands(E: Mpf) -> list[Mpf]:
        u = A * E + B
        square = u * u
        if family == "P":
            density = mpmath.exp(-E - square - square)
        else:
            density = mpmath.exp(-E - square) * mpmath.erfc(-u if family == "R" else u)
        values = [density]
        for _ in range(top):
            values.append(values[-1] * E)
        return values

    drop = 2.31 * mpmath.mp.dps + 25  # the 25 pays for E^3
    low, peak, high = _window(A, B, family, drop)
    factor = 1 / mpmath.pi if family == "P" else 1 / mpmath.sqrt(4 * mpmath.pi)
    return tuple(factor * s for s in _integrate(integrands, (low, peak, high) if peak > low else (peak, high)))


# Psi and the cost ---------------------------------------------------------------------------------------------------


def _exact(**arguments: Any) -> list[Mpf]:
    """Return the arguments as mpmath numbers: a float is the binary number that it is."""
    return [mpmath.mpf(value) for value in (checks.number(name, value) for name, value in arguments.items())]


def primitives(A: Any, B: Any, *, digits: int = 30) -> Primitives:
    """Return R_n, S_n and P_n, with u = A E + B.

    Each is positive and has a relative error of about 10^-digits. For A < 0 the families change roles:
    R_n(A, B) = S_n(-A, -B), P_n(A, B) = P_n(-A, -B).

    Args:
        A: slope, of any sign.
        B: offset.
        digits: decimal digits.

    Returns:
        the three families, as mpmath numbers.

    Example:
        >>> p = primitives(0, 0)
        >>> print(mpmath.nstr(p.R[0], 12), mpmath.nstr(p.P[0], 12))
        0.282094791774 0.318309886184
    """
    with mpmath.workdps(_digits(digits, *_exact(A=A, B=B))):
        A, B = _exact(A=A, B=B)
        if A < 0:
            R, S, P = (_means(-A, -B, family, top) for family, top in (("S", 3), ("R", 3), ("P", 2)))
        else:
            R, S, P = (_means(A, B, family, top) for family, top in (("R", 3), ("S", 3), ("P", 2)))
        return Primitives(R, S, P)


def psi(A: Any, B: Any, target: Any = 0, *, digits: int = 30) -> Derivatives:
    """Return Psi_t(A, B) = E[(D0(A E + B) - t)^2] with its derivatives by (A, B).

    With X_n = (1 - t) R_n - t S_n:

        Psi = (D0(B) - t)^2 + 2 A X_0,   Psi_B = 2 X_0,   Psi_A = 2 X_1,
        Psi_BB, Psi_AB, Psi_AA = 2 P_k - 4 (A X_(k+1) + B X_k),   k = 0, 1, 2.

    Args:
        A: slope, of any sign.
        B: offset.
        target: the label t.
        digits: decimal digits.

    Returns:
        value, gradient (A, B) and Hessian.

    Example:
        >>> print(mpmath.nstr(psi(1, 0, 0.5).value, 22))
        0.122233329591249022897
    """
    with mpmath.workdps(_digits(digits, *_exact(A=A, B=B, target=target))):
        return _psi(*_exact(A=A, B=B, target=target))


def _psi(A: Mpf, B: Mpf, t: Mpf) -> Derivatives:
    if A < 0:
        value, (dA, dB), hessian = _psi(-A, -B, 1 - t)
        return Derivatives(value, (-dA, -dB), hessian)
    none = (mpmath.mpf(0),) * 4
    R = none if t == 1 else _means(A, B, "R", 3)
    S = none if t == 0 else _means(A, B, "S", 3)
    P = _means(A, B, "P", 2)
    X = [(1 - t) * r - t * s for r, s in zip(R, S, strict=True)]
    d = ((1 - t) * mpmath.erfc(-B) - t * mpmath.erfc(B)) / 2
    BB, AB, AA = (2 * P[k] - 4 * (A * X[k + 1] + B * X[k]) for k in range(3))
    return Derivatives(d * d + 2 * A * X[0], (2 * X[1], 2 * X[0]), ((AA, AB), (AB, BB)))


def cost(a: Any, b: Any, g: Any, h: Any, c: Any, *, real: Any = 0, fake: Any = 1, digits: int = 30) -> Derivatives:
    """Return E[(D(X) - real)^2] + E[(D(G) - fake)^2] with its derivatives.

    The targets say which cost: (real, fake) = (0, 1) is the paper's J = E D(X)^2 + E (1 - D(G))^2; (1, 0) the zero-sum
    label cost V; (t_r, t_f) the discriminator's label loss; (None, t_g) the generator's.

    Args:
        a: discriminator's slope, of any sign.
        b: discriminator's offset.
        g: generator's scale, of any sign.
        h: generator's shift.
        c: rate of the data, above 0.
        real: target on the data, or None to leave that term out.
        fake: target on the generated law, or None.
        digits: decimal digits.

    Returns:
        value, gradient by (a, b, g, h, c) and Hessian by (a, b, g, h).

    Raises:
        ValueError: if a parameter is not finite or c is not above 0.

    Example:
        >>> print(mpmath.nstr(cost(2.2, -3, 1.5, -2, 0.5).value, 15))
        1.34416840946502
    """
    checks.positive("c", c)
    x = _exact(a=a, b=b, g=g, h=h, c=c)
    with mpmath.workdps(_digits(digits, x[0] / x[4], x[0] * x[2], abs(x[0] * x[3]) + abs(x[1]))):
        a, b, g, h, c = _exact(a=a, b=b, g=g, h=h, c=c)
        zero = Derivatives(mpmath.mpf(0), (mpmath.mpf(0),) * 2, ((mpmath.mpf(0),) * 2,) * 2)
        first = zero if real is None else _psi(a / c, b, *_exact(real=real))
        second = zero if fake is None else _psi(a * g, a * h + b, *_exact(fake=fake))
        return _chained(a, g, h, c, first, second)


def _chained(a: Mpf, g: Mpf, h: Mpf, c: Mpf, first: Derivatives, second: Derivatives) -> Derivatives:
    (pA, pB), ((pAA, pAB), (_, pBB)) = first.gradient, first.hessian
    (qA, qB), ((qAA, qAB), (_, qBB)) = second.gradient, second.hessian
    gradient = (pA / c + g * qA + h * qB, pB + qB, a * qA, a * qB, -a / c**2 * pA)
    aa = pAA / c**2 + g * g * qAA + 2 * g * h * qAB + h * h * qBB
    ab = pAB / c + g * qAB + h * qBB
    ag, ah = qA + a * (g * qAA + h * qAB), qB + a * (g * qAB + h * qBB)
    bb, bg, bh = pBB + qBB, a * qAB, a * qBB
    gg, gh, hh = a * a * qAA, a * a * qAB, a * a * qBB
    rows = ((aa, ab, ag, ah), (ab, bb, bg, bh), (ag, bg, gg, gh), (ah, bh, gh, hh))
    return Derivatives(first.value + second.value, gradient, rows)


# Moments of the other laws ------------------------------------------------------------------------------------------


def _law(density: Callable[[Mpf], Mpf], edges: Callable[[float], Sequence[Any]]) -> Law:
    return Law((1,), (density,), (edges,))


def erlang(shape: int = 2, rate: Any = 1) -> Law:
    """Return the law of a sum of `shape` exponentials of one `rate`; shape 1 is the exponential law itself."""
    k, scale = checks.count("shape", shape), lambda: mpmath.mpf(checks.positive("rate", rate))
    density = lambda x: scale() * mpmath.exp(-scale() * x) * (scale() * x) ** (k - 1) / mpmath.factorial(k - 1)
    return _law(density, lambda nats: (0, k / scale(), (nats + 4 * k * math.log(nats)) / scale()))


def exponential(rate: Any = 1) -> Law:
    """Return the exponential law."""
    return erlang(1, rate)


def normal(mean: Any = 0, std: Any = 1) -> Law:
    """Return the normal law N(mean, std^2)."""
    m, s = (lambda: mpmath.mpf(checks.number("mean", mean))), (lambda: mpmath.mpf(checks.positive("std", std)))
    density = lambda x: mpmath.npdf(x, m(), s())
    return _law(density, lambda nats: [m() + k * s() * mpmath.sqrt(2 * nats) for k in (-1, 0, 1)])


def uniform(low: Any = 0, high: Any = 1) -> Law:
    """Return the uniform law on [low, high]."""
    checks.positive("high - low", high - low)
    return _law(lambda x: 1 / (mpmath.mpf(high) - mpmath.mpf(low)), lambda nats: (low, high))


def laplace(mean: Any = 0, scale: Any = 1) -> Law:
    """Return the Laplace law with density exp(-|x - mean| / scale) / (2 scale)."""
    m, s = (lambda: mpmath.mpf(checks.number("mean", mean))), (lambda: mpmath.mpf(checks.positive("scale", scale)))
    density = lambda x: mpmath.exp(-abs(x - m()) / s()) / (2 * s())
    return _law(density, lambda nats: [m() + k * s() * nats for k in (-1, 0, 1)])


def rayleigh(scale: Any = 1) -> Law:
    """Return the Rayleigh law with density x exp(-x^2 / (2 scale^2)) / scale^2."""
    s = lambda: mpmath.mpf(checks.positive("scale", scale))
    density = lambda x: x / s() ** 2 * mpmath.exp(-((x / s()) ** 2) / 2)
    return _law(density, lambda nats: (0, s(), s() * mpmath.sqrt(2 * nats + 10)))


def mixture(laws: Iterable[Law], weights: Iterable[Any]) -> Law:
    """Return the mixture of laws with the given weights, which are scaled to the sum 1."""
    laws, weights = tuple(laws), tuple(checks.positive("weights", w) for w in weights)
    if len(laws) != len(weights):
        message = f"`weights` has {len(weights)} entries; it must have one a law ({len(laws)}); give one weight a law."
        raise ValueError(message)
    with mpmath.workdps(100):
        total = sum((mpmath.mpf(w) for w in weights), mpmath.mpf(0))
        shares = [mpmath.mpf(w) / total for w in weights]
        every = tuple(share * w for share, law in zip(shares, laws, strict=True) for w in law.weights)
    return Law(every, tuple(d for law in laws for d in law.densities), tuple(e for law in laws for e in law.edges))


def erf_moments(law: Law, alpha: Any, beta: Any, *, digits: int = 30) -> Moments:
    """Return E erf(alpha X + beta) and E erf(alpha X + beta)^2 by integration against the density of X.

    Args:
        law: of X: `exponential`, `normal`, `uniform`, `laplace`, `rayleigh`, `erlang` or a `mixture` of such.
        alpha: slope, of any sign.
        beta: offset.
        digits: decimal digits, absolute.

    Returns:
        the two moments.

    Example:
        >>> print(mpmath.nstr(erf_moments(exponential(1), 1, 0).first, 22))
        0.6156903441929258748708
    """
    with mpmath.workdps(checks.count("digits", digits) + GUARD):
        alpha, beta = _exact(alpha=alpha, beta=beta)
        first, second = mpmath.mpf(0), mpmath.mpf(0)
        for weight, density, edges in zip(*law, strict=True):
            own = [mpmath.mpf(e) for e in edges(2.31 * mpmath.mp.dps + 5)]
            turns = [(u - beta) / alpha for u in (-10, -3, 0, 3, 10)] if alpha else []
            points = sorted({*own, *(x for x in turns if own[0] < x < own[-1])})

            def integrands(x: Mpf, density: Callable[[Mpf], Mpf] = density) -> tuple[Mpf, Mpf]:
                value, p = mpmath.erf(alpha * x + beta), density(x)
                return value * p, value * value * p

            one, two = _integrate(integrands, points, floor=1)
            first, second = first + weight * one, second + weight * two
        return Moments(first, second)
