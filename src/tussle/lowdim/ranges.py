"""Proven ranges of Psi_t(A, B) = E[(D0(A E + B) - t)^2] and its derivatives over rectangles, with python-flint.

With f = (D0 - t)^2, each derivative is E[E^i f^(n)(A E + B)], i of the n derivatives being by A. Two enclosures are
intersected:

- *Panels.* For fixed (A, B), the part of the expectation with E in [e, e'] is f^(n) at some point there times the
  integral of E^i exp(-E) over it (mean value theorem of integration). So it lies in the range of f^(n) over
  [A][e, e'] + [B] times that integral, which is closed. What lies beyond the last panel is bounded by sup |f^(n)|.
- *Mean values.* At the middle m, `rigorous.psi` is nearly exact; a derivative of order n differs from its value at m by
  its own gradient, somewhere in the rectangle, times the distance. Third derivatives come from the panels, second ones
  from them by the mean value theorem, first ones from the second, the value from the first.

First derivatives come from f' = 2 (D0 - t) phi, two monotone or unimodal factors. Their panels are summed as lower and
upper ends, not as balls: a ball around [-1, -1e-300] would lose its sign.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from flint import arb, ctx

from tussle.lowdim.rigorous import Enclosure, derivative_bound, gaussian, offset, psi

BITS = 64  # working precision
STEP = 0.25  # of A E + B, the size of a panel
REACH = 8.0  # where |A E + B| is larger, one panel is enough
FAR = 45.0  # end of the last panel
NARROW = 1e-9  # below this width of a rectangle, global bounds of the third derivatives are enough


class Ends(NamedTuple):
    """The two ends of an interval, each a ball of rounding size or a number."""

    low: arb
    high: arb

    @property
    def sign(self) -> int:
        """1 or -1 if every number of the interval has this sign, else 0."""
        return 1 if self.low > 0 else -1 if self.high < 0 else 0

    @property
    def ball(self) -> arb:
        """A ball around the interval."""
        return self.low.union(self.high)


class Panels(NamedTuple):
    """E[E^i f^(n)] over a rectangle: `first[i]` as ends, `second[i]` and `third[i]` as balls."""

    first: tuple[Ends, ...]
    second: tuple[arb, ...]
    third: tuple[arb, ...]


# Intervals by their ends ----------------------------------------------------------------------------------------------


def ends(ball: arb) -> Ends:
    """Return the ends of a ball."""
    return Ends(ball.lower(), ball.upper())


def hull(numbers: Iterable[arb]) -> Ends:
    """Return the ends of the smallest interval around some balls."""
    known = list(numbers)
    low, high = known[0].lower(), known[0].upper()
    for other in known[1:]:
        low, high = low.min(other.lower()), high.max(other.upper())
    return Ends(low, high)


def times(one: Ends, other: Ends) -> Ends:
    """Return the ends of all products."""
    return hull(x * y for x in one for y in other)


def plus(*summands: Ends) -> Ends:
    """Return the ends of all sums."""
    return Ends(sum((s.low for s in summands), arb(0)).lower(), sum((s.high for s in summands), arb(0)).upper())


def meet(one: arb, other: arb) -> arb:
    """Return a ball around the common part of two enclosures of the same numbers."""
    if not other.is_finite():
        return one
    return one.intersection(other) if one.is_finite() else other


# Panels ---------------------------------------------------------------------------------------------------------------


def panels(A: arb, B: arb, t: arb) -> Panels:
    """Enclose E[E^i f^(n)(A E + B)], f = (D0 - t)^2, for (A, B) in a rectangle and n = 1, 2, 3.

    Proven as the head of this module says; beyond E = 45, f' lies in 2 [-t, 1 - t] [0, phi(0)], and |f''|, |f'''| are
    below the global bounds of `rigorous.derivative_bound`.
    """
    with ctx.workprec(BITS):
        caps = {n: arb(0, derivative_bound(n, t)) for n in (2, 3)}
        first = [Ends(arb(0), arb(0))] * 2
        second, third = [arb(0)] * 3, [arb(0)] * 4
        edges = [arb(e) for e in _edges(A, B)]
        moments = [_moments(e) for e in edges]
        for k, (e, following) in enumerate(itertools.pairwise(edges)):
            weights = [p - q for p, q in zip(moments[k], moments[k + 1], strict=True)]
            u = plus(times(ends(A), Ends(e, following)), ends(B))
            one, two, three = _slopes(u, t, caps)
            first = _grown(first, one, weights)
            second = [s + two * w for s, w in zip(second, weights, strict=False)]
            third = [s + three * w for s, w in zip(third, weights, strict=True)]
        rest = moments[-1]
        beyond = times(Ends((-2 * t).lower(), (2 - 2 * t).upper()), Ends(arb(0), gaussian(arb(0)).upper()))
        return Panels(
            tuple(Ends(x.low.lower(), x.high.upper()) for x in _grown(first, beyond, rest)),
            tuple(s + caps[2] * w for s, w in zip(second, rest, strict=False)),
            tuple(s + caps[3] * w for s, w in zip(third, rest, strict=True)),
        )


def _grown(sums: Sequence[Ends], value: Ends, weights: Sequence[arb]) -> list[Ends]:
    """Add an interval times each weight; the weights are positive."""
    return [Ends(s.low + value.low * w, s.high + value.high * w) for s, w in zip(sums, weights, strict=False)]


def _edges(A: arb, B: arb) -> list[float]:
    """Return the edges of the panels in E: fine where E is likely and |A E + B| small; any edges are valid."""
    slope, shift, size = float(A.mid()), float(B.mid()), float(A.abs_upper())
    found = [0.0]
    while found[-1] < FAR:
        here = found[-1]
        u = slope * here + shift
        step = 0.5 + here / 3
        if abs(u) < REACH:
            step = min(step, max(STEP / size, (1 + here) / 20)) if size else step
            step = min(step, STEP / abs(slope)) if slope else step
        elif slope * u >= 0:
            step = FAR
        elif slope:
            step = max(step, (abs(u) - 0.99 * REACH) / abs(slope))
        found.append(min(FAR, here + max(step, 1e-12 * (1 + here))))
    return found


def _moments(e: arb) -> list[arb]:
    """Return the integrals of E^i exp(-E) from e to infinity, i = 0..3."""
    total, found = arb(1), [arb(1)]
    for i in range(1, 4):
        total = i * total + e**i
        found.append(total)
    decay = (-e).exp()
    return [decay * x for x in found]


def _slopes(u: Ends, t: arb, caps: dict[int, arb]) -> tuple[Ends, arb, arb]:
    """Enclose f', f'' and f''' for u in an interval."""
    d = Ends(offset(u.low, t).lower(), offset(u.high, t).upper())  # D0 - t increases
    tips = [gaussian(u.low), gaussian(u.high)]
    if not (u.low > 0 or u.high < 0):
        tips.append(gaussian(arb(0)))
    phi = hull(tips)
    ball, D, p = u.ball, d.ball, phi.ball
    squared = ball * ball
    two = 2 * p * (p - 2 * ball * D)
    three = 4 * p * ((2 * squared - 1) * D - 3 * ball * p)
    return times(Ends(2 * d.low, 2 * d.high), phi), meet(two, caps[2]), meet(three, caps[3])


# Rectangles -----------------------------------------------------------------------------------------------------------


def psi_over(A: arb, B: arb, target: arb) -> Enclosure:
    """Enclose Psi_t and its derivatives by (A, B) over a rectangle.

    Proven for every (A, B) in the balls, by panels and mean values (see the head of this module). The excess over the
    true range is of the second order in the width for the value and the gradient.

    Args:
        A: ball of slopes, of any sign.
        B: ball of offsets.
        target: the label t.

    Returns:
        balls around all values, gradients (A, B) and Hessians.

    Example:
        >>> found = psi_over(arb(0, 0.01), arb(0, 0.01), arb(0.5))
        >>> print(found.gradient[1].abs_upper() < 0.02)
        True
    """
    with ctx.workprec(BITS):
        center = psi(A.mid(), B.mid(), target, radius=1e-17)
        x, y = A - A.mid(), B - B.mid()
        if max(float(x.abs_upper()), float(y.abs_upper())) < NARROW:
            return _mean_values(
                center, x, y, [arb(0, math.factorial(i) * derivative_bound(3, target)) for i in range(4)]
            )
        found = panels(A, B, target)
        return _mean_values(center, x, y, found.third, found)


def _mean_values(center: Enclosure, x: arb, y: arb, third: Sequence[arb], other: Panels | None = None) -> Enclosure:
    """Pass from the middle to the rectangle by the mean value theorem, from the second derivatives down."""
    (AA, AB), (_, BB) = center.hessian
    AA, AB, BB = (s + third[i + 1] * x + third[i] * y for s, i in ((AA, 2), (AB, 1), (BB, 0)))
    if other is not None:
        AA, AB, BB = meet(AA, other.second[2]), meet(AB, other.second[1]), meet(BB, other.second[0])
    dA, dB = center.gradient
    dA, dB = dA + AA * x + AB * y, dB + AB * x + BB * y
    if other is not None:
        dA, dB = meet(dA, other.first[1].ball), meet(dB, other.first[0].ball)
    return Enclosure(center.value + dA * x + dB * y, (dA, dB), ((AA, AB), (AB, BB)))
