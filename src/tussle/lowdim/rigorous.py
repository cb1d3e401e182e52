"""Proven enclosures of the erf least-squares GAN: ball arithmetic with python-flint (the extra `certify`).

A ball is a midpoint with a radius; each operation of Arb rounds outward, so that the ball of a result contains the
result of every choice of numbers from the balls of its arguments. To that come three inequalities:

1. The one integral, with p = B + 1/(2A), A > 0:  E[erf(u) phi(u)] = (A sqrt pi)^-1 int_0^inf erf(B + s) exp(-q(s)) ds,
   q(s) = s^2 + 2 p s + B^2. `acb.integral` encloses it on a bounded [l, r] (the integrand is entire, which is what the
   method requires). Outside, |erf| <= 1 and Mills' inequality int_x^inf exp(-v^2) dv <= exp(-x^2) / (2x), x > 0, bound
   what is left out by exp(-q(r)) / (2 (r + p)) if r + p > 0, and by exp(-q(l)) / (-2 (l + p)) if l > 0 > l + p.
   For p <= 0 the same is written in v = s + p, q = v^2 - k (k + 2 B), k = 1/(2A).
   If even E[phi(u)], which is closed, is too small to matter, |E[erf(u) phi(u)]| <= E[phi(u)] is used alone. If A and B
   are balls, the integral is taken at their midpoints; the mean moves by at most 9/8 (|dA| + |dB|), because
   |(erf phi)'| <= 2/pi + sup |2 u phi| < 9/8 and E[E] = 1.
2. All derivatives follow from this integral by E[f(A E + B)] = f(B) + A E[f'(A E + B)] (integration by parts). This
   divides by A up to four times, so the working precision is raised until the radius is small.
3. Where |A| is tiny, Taylor's theorem in A with Lagrange's remainder: E[E^i f(A E + B)] is the sum over k < N of
   (i + k)!/k! f^(k)(B) A^k, with an error of at most |A|^N (i + N)!/N! sup |f^(N)|. The supremum is bounded by Leibniz'
   rule and Cramér's inequality |H_n(u)| exp(-u^2/2) <= 1.0865 sqrt(2^n n!) (Abramowitz, Stegun 22.14.17).
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from flint import acb, arb, arb_poly, ctx

from tussle import checks

TINY = 2.0**-9  # below this slope Taylor's theorem takes over
TERMS = 48  # of it, at most
MOST_BITS = 4096  # working precision at which no smaller radius is sought


class Enclosure(NamedTuple):
    """Balls that contain a value, its gradient and its Hessian (a tuple of rows)."""

    value: arb
    gradient: tuple[arb, ...]
    hessian: tuple[tuple[arb, ...], ...]

    @property
    def balls(self) -> tuple[arb, ...]:
        """All balls in one tuple."""
        return (self.value, *self.gradient, *(ball for row in self.hessian for ball in row))

    @property
    def radius(self) -> float:
        """The largest radius, relative to max(1, |midpoint|); infinite if a ball says nothing."""
        radii = [float(ball.rad()) / max(1.0, float(abs(ball.mid()))) for ball in self.balls]
        return max(math.inf if math.isnan(r) else r for r in radii)


def ball(name: str, value: Any) -> arb:
    """Return an argument as a ball: a number is the binary number that it is, a ball stays as it is.

    Raises:
        ValueError: if it is not finite.
    """
    found = value if isinstance(value, arb) else arb(checks.number(name, value))
    if not found.is_finite():
        message = f"`{name}` is {value}; it must be finite; give a number or a bounded ball."
        raise ValueError(message)
    return found


def gaussian(u: arb) -> arb:
    """Return phi(u) = exp(-u^2)/sqrt pi."""
    return (-u * u).exp() / arb.pi().sqrt()


def offset(B: arb, t: arb) -> arb:
    """Return D0(B) - t without cancellation in the tails if t is 0 or 1."""
    return ((1 - t) * (-B).erfc() - t * B.erfc()) / 2


def until(build: Callable[[], Enclosure], radius: float) -> Enclosure:
    """Return `build()` at the lowest tried precision at which its radius is small enough, or no longer shrinks."""
    bits = max(53, 12 - math.floor(math.log2(checks.positive("radius", radius))))
    best: Enclosure | None = None
    while True:
        with ctx.workprec(bits):
            found = build()
        gain = best is None or not math.isfinite(best.radius) or found.radius < best.radius / 2
        best = found if best is None or found.radius < best.radius else best
        if best.radius <= radius or not gain or bits >= MOST_BITS:
            return best
        bits *= 2


# Psi ------------------------------------------------------------------------------------------------------------------


def psi(A: Any, B: Any, target: Any = 0, *, radius: float = 1e-25) -> Enclosure:
    """Enclose Psi_t(A, B) = E[(D0(A E + B) - t)^2] and its derivatives by (A, B), E ~ Exp(1).

    Proven: the balls contain the truth for every (A, B, t) in the balls given (numbers are taken exactly). See the head
    of this module for the inequalities.

    Args:
        A: slope, of any sign; a number or a ball.
        B: offset; a number or a ball.
        target: the label t.
        radius: wanted of each ball, relative to max(1, |midpoint|). It is reached for numbers; with balls as arguments
            the result is as narrow as they allow.

    Returns:
        value, gradient (A, B) and Hessian.

    Raises:
        ValueError: if an argument is not finite.

    Example:
        >>> found = psi(1, 0, 0.5)
        >>> print((4 * found.value).str(15, radius=False), found.radius < 1e-25)
        0.488933318364996 True
    """
    A, B, t = ball("A", A), ball("B", B), ball("target", target)
    return until(lambda: _psi(A, B, t), radius)


def _psi(A: arb, B: arb, t: arb) -> Enclosure:
    if A.abs_upper() < TINY:
        return _near_zero(A, B, t, TERMS)
    if A > 0:
        lost = 6 * math.log2(max(1.0, 1 / float(A.abs_lower()))) + 3 * math.log2(1 + float(B.abs_upper()))
        with ctx.workprec(ctx.prec + min(200, math.ceil(lost)) + 8):  # what the divisions by A will lose
            return _chain(A, B, t)
    if A < 0:
        value, (dA, dB), hessian = _psi(-A, -B, 1 - t)
        return Enclosure(value, (-dA, -dB), hessian)
    return _near_zero(A, B, t, 0)  # a wide ball around 0: only the global bounds


def _chain(A: arb, B: arb, t: arb) -> Enclosure:
    """Enclose Psi for A > 0: every derivative is algebraic in one integral (spec 3.3)."""
    square, phi, d = B * B, gaussian(B), offset(B, t)
    kappa = 1 / (2 * A)
    weight = (kappa * (kappa + 2 * B)).exp() * (B + kappa).erfc() / (2 * A)  # E[phi(u)]
    first = _skewed(A, B, weight) + (1 - 2 * t) * weight
    value, second = d * d + A * first, (first - 2 * d * phi) / A
    root = arb(2).sqrt()
    z = root * B + kappa / root
    P0 = (z * z - 2 * square).exp() * z.erfc() / (2 * A * (2 * arb.pi()).sqrt())
    dA = (2 * P0 - 2 * B * first - second) / (2 * A)
    mixed = (dA - first) / A
    P1 = -((P0 - phi * phi) / A + 4 * B * P0) / (4 * A)
    Q2 = (2 * P1 - 2 * B * dA - mixed) / (2 * A)
    return Enclosure(value, (dA, first), (((Q2 - 2 * dA) / A, mixed), (mixed, second)))


def _skewed(A: arb, B: arb, weight: arb) -> arb:
    """Enclose E[erf(u) phi(u)] for A > 0, given E[phi(u)]: inequality 1 of the head of this module."""
    goal = arb(2) ** (-ctx.prec)
    most = weight.abs_upper()
    if most < goal:
        return arb(0, most)
    slack = (A.rad() + B.rad()) * 9 / 8
    A, B = A.mid(), B.mid()
    kappa = 1 / (2 * A)
    p = B + kappa
    left, right = _span(float(p), 0.6932 * (ctx.prec + 10))
    if p > 0:  # from s = 0; else from the peak, v = s + p, where no square cancels another
        start, move, exponent = arb(0), B, lambda s: s * (s + 2 * p) + B * B
        outside = _tail(exponent(arb(right)), right + p)
    else:
        start, move, exponent = p, -kappa, lambda v: v * v - kappa * (kappa + 2 * B)
        outside = _tail(exponent(arb(right)), arb(right))
        if p < left:
            start = arb(left)
            outside += _tail(exponent(start), -start)

    def integrand(x: acb, _: bool) -> acb:
        return (x + move).erf() * (-exponent(x)).exp()

    inside = acb.integral(integrand, acb(start), acb(right), rel_tol=goal, abs_tol=goal).real
    return (inside + arb(0, outside)) / (A * arb.pi().sqrt()) + arb(0, slack)


def _span(p: float, nats: float) -> tuple[float, float]:
    """Return where the exponent is about `nats` above its least value, seen from s = 0 if p > 0, else from v = 0."""
    reach = math.sqrt(nats)
    return (0.0, nats / (p + math.hypot(p, reach))) if p > 0 else (-reach, reach)


def _tail(exponent: arb, distance: arb) -> arb:
    """Bound int exp(-v^2) beyond a point at a distance from its peak, by Mills' inequality; infinite if it fails."""
    return ((-exponent).exp() / (2 * distance)).abs_upper() if distance > 0 else arb.pos_inf()


# Psi near A = 0 -------------------------------------------------------------------------------------------------------


def hermite_bound(n: int) -> arb:
    """Bound the n-th derivative of phi on the line, by Cramér's inequality."""
    return arb(10865) / 10000 * (arb(2) ** n * arb(math.factorial(n))).sqrt() / arb.pi().sqrt()


def derivative_bound(n: int, t: arb) -> arb:
    """Bound the n-th derivative of (D0 - t)^2 on the line, n >= 0, by Leibniz' rule."""
    size = t.abs_upper().max((1 - t).abs_upper())
    if n == 0:
        return size * size
    mixed = sum((math.comb(n, j) * hermite_bound(j - 1) * hermite_bound(n - j - 1) for j in range(1, n)), arb(0))
    return (2 * size * hermite_bound(n - 1) + mixed).abs_upper()


def _near_zero(A: arb, B: arb, t: arb, terms: int) -> Enclosure:
    """Enclose Psi by Taylor's theorem in A with Lagrange's remainder: inequality 3 of the head of this module."""
    coefficients = _taylor(B, t, terms + 2)
    small, goal = A.abs_upper(), arb(2) ** (-ctx.prec - 8)

    def mean(n: int, i: int) -> arb:
        """Enclose E[E^i f^(n)(A E + B)], f = (D0 - t)^2."""
        total, power, size, k = arb(0), arb(1), arb(1), 0
        while True:
            rest = size * (math.factorial(i + k) // math.factorial(k)) * derivative_bound(n + k, t)
            if k == terms or rest < goal:
                return total + arb(0, rest.abs_upper())
            moment = math.factorial(n + k) * math.factorial(i + k) // math.factorial(k)
            total += coefficients[n + k] * moment * power
            power, size, k = power * A, size * small, k + 1

    first, second = (mean(1, 1), mean(1, 0)), (mean(2, 2), mean(2, 1), mean(2, 0))
    return Enclosure(mean(0, 0), first, ((second[0], second[1]), (second[1], second[2])))


def _taylor(B: arb, t: arb, count: int) -> list[arb]:
    """Return the Taylor coefficients of (D0 - t)^2 at B."""
    phi, before, now = gaussian(B), arb(0), arb(1)
    own = [offset(B, t)]
    for k in range(1, count + 1):
        own.append(now * phi * (-1) ** (k - 1) / math.factorial(k))
        before, now = now, 2 * B * now - 2 * (k - 1) * before
    product = arb_poly(own) * arb_poly(own)
    return [product[k] for k in range(count + 1)]


# The cost -------------------------------------------------------------------------------------------------------------


def cost(a: Any, b: Any, g: Any, h: Any, c: Any, *, real: Any = 0, fake: Any = 1, radius: float = 1e-25) -> Enclosure:
    """Enclose E[(D(X) - real)^2] + E[(D(G) - fake)^2] and its derivatives.

    Proven as `psi` is: the chain rule through A = a/c, B = b and A = a g, B = a h + b is carried out on balls.

    Args:
        a: discriminator's slope, of any sign; here and below a number or a ball.
        b: discriminator's offset.
        g: generator's scale, of any sign.
        h: generator's shift.
        c: rate of the data, above 0.
        real: target on the data, or None to leave that term out.
        fake: target on the generated law, or None. (0, 1) is the paper's cost, (1, 0) the zero-sum label cost.
        radius: wanted of each ball, relative to max(1, |midpoint|).

    Returns:
        value, gradient by (a, b, g, h, c) and Hessian by (a, b, g, h).

    Raises:
        ValueError: if a parameter is not finite or c is not above 0.

    Example:
        >>> print(cost(2.2, -3, 1.5, -2, 0.5).value.str(15, radius=False))
        1.34416840946502
    """
    a, b, g, h, c = (ball(name, x) for name, x in zip("abghc", (a, b, g, h, c), strict=True))
    if not c > 0:
        message = f"`c` is {c}; it must be above 0; give a positive rate."
        raise ValueError(message)
    targets = [None if t is None else ball(name, t) for name, t in (("real", real), ("fake", fake))]

    def build() -> Enclosure:
        first = nothing() if targets[0] is None else _psi(a / c, b, targets[0])
        second = nothing() if targets[1] is None else _psi(a * g, a * h + b, targets[1])
        return chained(a, g, h, c, first, second)

    return until(build, radius)


def nothing() -> Enclosure:
    """Return the enclosure of a term that is left out."""
    return Enclosure(arb(0), (arb(0),) * 2, ((arb(0),) * 2,) * 2)


def chained(a: arb, g: arb, h: arb, c: arb, first: Enclosure, second: Enclosure) -> Enclosure:
    """Return the cost from its terms Psi(a/c, b) and Psi(a g, a h + b) (spec 3.4)."""
    (pA, pB), ((pAA, pAB), (_, pBB)) = first.gradient, first.hessian
    (qA, qB), ((qAA, qAB), (_, qBB)) = second.gradient, second.hessian
    slope, shift = g * qAA + h * qAB, g * qAB + h * qBB
    gradient = (pA / c + g * qA + h * qB, pB + qB, a * qA, a * qB, -a / (c * c) * pA)
    aa = pAA / (c * c) + g * slope + h * shift
    ab, ag, ah = pAB / c + shift, qA + a * slope, qB + a * shift
    bb, bg, bh = pBB + qBB, a * qAB, a * qBB
    gg, gh, hh = a * a * qAA, a * a * qAB, a * a * qBB
    rows = ((aa, ab, ag, ah), (ab, bb, bg, bh), (ag, bg, gg, gh), (ah, bh, gh, hh))
    return Enclosure(first.value + second.value, gradient, rows)
