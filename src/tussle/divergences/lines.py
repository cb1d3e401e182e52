"""Transport and energy distance on a line, from distribution functions: between laws, and between laws and atoms."""

import math
from collections.abc import Callable

import numpy as np

from tussle.divergences.quadrature import Integral, adaptive, crossings, roots
from tussle.divergences.result import EPS, Divergence
from tussle.divergences.supports import Side, cuts_of, leaves

Function = Callable[[np.ndarray], np.ndarray]


def marks_of(side: Side) -> np.ndarray:
    """Return where panels end: at atoms, breaks, and at ends, middles and shoulders of windows."""
    if side.kind != "law":
        return np.unique(side.points[:, 0])
    windows = np.array([[float(v[0]) for v in part.window] for _, part in leaves(side.law)])
    shares = np.array([0.0, 1 / 3, 0.5, 2 / 3, 1.0])
    places = windows[:, :1] + (windows[:, 1:] - windows[:, :1]) * shares
    return np.unique(np.concatenate([places.reshape(-1), cuts_of(side.law, 0)]))


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
    return (lambda x: first(x) - second(x)), np.unique(np.concatenate([marks_of(p), marks_of(q)]))


def w1(p: Side, q: Side, tolerance: float) -> Divergence:
    """Return Wasserstein-1, int |F - G|, the line cut where F and G cross."""
    gap, marks = _apart(p, q)
    inside = np.concatenate([marks[:-1, None] + np.diff(marks)[:, None] * (np.arange(32) + 0.5) / 32])
    cuts = np.unique(np.concatenate([marks, crossings(gap, np.sort(inside.reshape(-1)))]))
    return _found(adaptive(lambda x: np.abs(gap(x))[None], cuts, tolerance), 1.0, marks, "int |F - G|")


def energy(p: Side, q: Side, tolerance: float) -> Divergence:
    """Return the energy distance, 2 int (F - G)^2."""
    gap, marks = _apart(p, q)
    return _found(adaptive(lambda x: gap(x)[None] ** 2, marks, tolerance), 2.0, marks, "2 int (F - G)^2")


def w2(p: Side, q: Side, tolerance: float) -> Divergence:
    """Return Wasserstein-2 from the monotone map T = G^-1(F(x)): int (x - T(x))^2 p(x) dx."""
    if p.kind != "law":
        p, q = q, p
    below, back = cdf(p), quantile(q)
    steps = np.cumsum(q.shares)[:-1] if q.kind != "law" else cdf(q)(np.asarray(cuts_of(q.law, 0)))
    if q.kind != "law":
        order = np.argsort(q.points[:, 0], kind="stable")
        steps = np.cumsum(q.shares[order])[:-1]
    own = marks_of(p)
    jumps = quantile(p)(steps[(steps > 0) & (steps < 1)])
    cuts = np.unique(np.clip(np.concatenate([own, jumps]), own[0], own[-1]))

    def rows(x: np.ndarray) -> np.ndarray:
        density = np.exp(p.law.log_density(x[:, None]))
        return np.stack([(x - back(below(x))) ** 2 * density, density])

    square = _found(
        adaptive(rows, cuts, tolerance), 1.0, np.concatenate([own, marks_of(q)]), "int (x - T(x))^2 p(x) dx"
    )
    return rooted(square)


def rooted(square: Divergence) -> Divergence:
    """Return the root of a squared distance with its error."""
    v, error = max(square.value, 0.0), square.error
    return Divergence(math.sqrt(v), math.sqrt(v) - math.sqrt(max(v - error, 0.0)), square.route, square.note)


def _found(got: Integral, factor: float, marks: np.ndarray, formula: str) -> Divergence:
    value = factor * float(got.values[0])
    rounding = 8 * EPS * (abs(value) + float(marks[-1] - marks[0]))
    note = f"{formula}, panels halved, {got.nodes} nodes"
    note += "" if got.reached else "; the tolerance was not reached"
    return Divergence(value, factor * got.error + rounding, "quadrature", note)
