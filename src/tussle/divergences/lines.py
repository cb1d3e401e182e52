"""Transport and energy distance on a line, from distribution functions: between laws, and between laws and atoms."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tussle.divergences.quadrature import Integral, adaptive, crossings, roots
from tussle.divergences.result import EPS, Divergence
from tussle.divergences.supports import Side, cuts_of, ladders, leaves

FAR = 2.0**18  # half windows out, at which tails are looked at
Function = Callable[[np.ndarray], np.ndarray]


def marks_of(side: Side) -> np.ndarray:
    """Return where panels end: at atoms, breaks, and at ends, middles and shoulders of windows."""
    if side.kind != "law":
        return np.unique(side.points[:, 0])
    windows = np.array([[float(v[0]) for v in part.window] for _, part in leaves(side.law)])
    shares = np.array([0.0, 1 / 3, 0.5, 2 / 3, 1.0])
    places = windows[:, :1] + (windows[:, 1:] - windows[:, :1]) * shares
    return np.unique(np.concatenate([places.reshape(-1), cuts_of(side.law, 0), *ladders(side.law, 0)]))


def cdf(side: Side) -> Function:
    """Return the distribution function of a measure on a line."""
    if side.kind == "law":
        return side.law.cdf
    order = np.argsort(side.points[:, 0], kind="stable")
    places = side.points[order, 0]
    sums = np.concatenate([[0.0], np.cumsum(side.shares[order])])
    return lambda x: sums[np.searchsorted(places, x, side="right")]


def quantile(side: Side) -> Function:
    """Return the quantile function of a measure on a line; that of a law between the ends of its window."""
    if side.kind != "law":
        order = np.argsort(side.points[:, 0], kind="stable")
        places, sums = side.points[order, 0], np.cumsum(side.shares[order])
        return lambda u: places[np.minimum(np.searchsorted(sums, u), len(places) - 1)]
    ends, below = marks_of(side), side.law.cdf
    return lambda u: roots(lambda x: below(x) - u, np.full(np.shape(u), ends[0]), np.full(np.shape(u), ends[-1]))


def _apart(p: Side, q: Side) -> tuple[Function, np.ndarray]:
    """Return the difference of the distribution functions, and where panels of it end."""
    first, second = cdf(p), cdf(q)
    for name, side, below in (("p", p, first), ("q", q, second)):
        _check_ends(name, side, below)
    return (lambda x: first(x) - second(x)), np.unique(np.concatenate([marks_of(p), marks_of(q)]))


def _check_ends(name: str, side: Side, below: Function) -> None:
    """Check that a distribution function goes from 0 to 1 over the window of its law."""
    if side.kind != "law":
        return
    ends = below(np.array([float(v[0]) for v in side.law.window]))
    if not (abs(ends[0]) < 1e-6 and abs(ends[1] - 1) < 1e-6):
        message = (
            f"`{name}` has a distribution function that goes from {ends[0]:.6g} to {ends[1]:.6g} over its window; "
        )
        raise ValueError(message + "it must go from 0 to 1; mend the law, or widen its window.")


def w1(p: Side, q: Side, tolerance: float) -> Divergence:
    """Return Wasserstein-1, int |F - G|, the line cut where F and G cross."""
    endless = _endless(p, q, 1)
    if endless is not None:
        return endless
    gap, marks = _apart(p, q)
    inside = np.concatenate([marks[:-1, None] + np.diff(marks)[:, None] * (np.arange(32) + 0.5) / 32])
    cuts = np.unique(np.concatenate([marks, crossings(gap, np.sort(inside.reshape(-1)))]))
    return _found(adaptive(lambda x: np.abs(gap(x))[None], cuts, tolerance), 1.0, marks, "int |F - G|")


def energy(p: Side, q: Side, tolerance: float) -> Divergence:
    """Return the energy distance, 2 int (F - G)^2."""
    gap, marks = _apart(p, q)
    got = adaptive(lambda x: gap(x)[None] ** 2, marks, tolerance)
    wide = float(marks[-1] - marks[0])
    return _found(got, 2.0, marks, "2 int (F - G)^2", 16 * EPS * math.sqrt(wide * float(got.values[0])))


def w2(p: Side, q: Side, tolerance: float) -> Divergence:
    """Return Wasserstein-2 from the monotone map T = G^-1(F(x)): int (x - T(x))^2 p(x) dx."""
    endless = _endless(p, q, 2)
    if endless is not None:
        return endless
    if p.kind != "law":
        p, q = q, p
    below, back = cdf(p), quantile(q)
    steps = np.cumsum(q.shares)[:-1] if q.kind != "law" else cdf(q)(np.asarray(cuts_of(q.law, 0)))
    if q.kind != "law":
        order = np.argsort(q.points[:, 0], kind="stable")
        steps = np.cumsum(q.shares[order])[:-1]
    own = marks_of(p)
    jumps = quantile(p)(steps[(steps > 0) & (steps < 1)])
    turns = quantile(p)(_inside(cdf(q)(_rungs(q)))) if q.kind == "law" else np.empty(0)
    cuts = np.unique(np.clip(np.concatenate([own, jumps, turns]), own[0], own[-1]))

    def rows(x: np.ndarray) -> np.ndarray:
        density = np.exp(p.law.log_density(x[:, None]))
        return np.stack([(x - back(below(x))) ** 2 * density, density])

    got = adaptive(rows, cuts, 0.1 * tolerance)
    got = got._replace(error=4 * got.error)  # where T jumps from one part of q to the next, halves tell too little
    marks = np.concatenate([own, marks_of(q)])
    square, size = max(float(got.values[0]), 0.0), float(np.abs(marks).max())
    lost = (float(np.ptp(marks)) / 18) ** 2  # F and G round to 1 before their tails end
    rounding = 8 * EPS * (square + math.sqrt(square) * size) + 4 * EPS * lost
    return rooted(_found(got, 1.0, marks, "int (x - T(x))^2 p(x) dx", rounding))


def _rungs(side: Side) -> np.ndarray:
    """Return places along each part of a law, a spread apart."""
    windows = [[float(v[0]) for v in part.window] for _, part in leaves(side.law)]
    return np.unique(np.concatenate([np.linspace(low, high, 19) for low, high in windows]))


def _inside(levels: np.ndarray) -> np.ndarray:
    return np.unique(levels[(levels > 0) & (levels < 1)])


def rooted(square: Divergence) -> Divergence:
    """Return the root of a squared distance with its error."""
    v, error = max(square.value, 0.0), square.error
    return Divergence(math.sqrt(v), math.sqrt(v) - math.sqrt(max(v - error, 0.0)), square.route, square.note)


def _found(got: Integral, factor: float, marks: np.ndarray, formula: str, rounding: float | None = None) -> Divergence:
    value = factor * float(got.values[0])
    rounding = 8 * EPS * (abs(value) + float(marks[-1] - marks[0])) if rounding is None else rounding
    note = f"{formula}, panels halved, {got.nodes} nodes"
    note += "" if got.reached else "; the tolerance was not reached"
    return Divergence(value, factor * got.error + rounding, "quadrature", note)


def _endless(p: Side, q: Side, power: int) -> Divergence | None:
    """Return infinity where a measure has no moment of that power, read off its tails; None where both tails agree."""
    tails = [_tail(side.law) if side.kind == "law" else Tail(-math.inf, np.full(2, -math.inf)) for side in (p, q)]
    heavy = [tail.slope > -(power + 1) - 1e-3 for tail in tails]
    if not any(heavy) or (all(heavy) and np.allclose(tails[0].logs, tails[1].logs, rtol=0, atol=1e-4)):
        return None
    return Divergence(math.inf, 0.0, "quadrature", f"{'pq'[not heavy[0]]} has no moment of power {power}")


class Tail(NamedTuple):
    """How a law falls far out: like x to the power `slope`, on the slower side; its log density there, (2,)."""

    slope: float
    logs: np.ndarray


def _tail(law: Any) -> Tail:
    (low,), (high,) = law.window
    reach = FAR * max(abs(low), abs(high), high - low)
    near, far = (law.log_density(np.array([[-k * reach], [k * reach]])) for k in (1.0, 2.0))
    with np.errstate(invalid="ignore"):
        slopes = (far - near) / math.log(2.0)
    return Tail(float(np.max(np.where(np.isfinite(near) & np.isfinite(far), slopes, -math.inf))), near)
