"""Integrals with an error that is estimated from above: trapezoids for smooth integrands, halved panels for others.

The plain trapezoidal rule converges geometrically for integrands that are smooth and fade at both ends; the grid is
made finer until the sum rests, and the last change tells the error. Elsewhere Gauss-Legendre panels are halved where
the two halves disagree most with the whole. Every integrand gives a few rows at once, (k, n): what is wanted comes
first, the masses of the two laws follow, so that a density that is not normalized, or that the grid misses, is noticed.
"""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Integrand = Callable[[np.ndarray], np.ndarray]

ORDER = 16  # nodes of a panel
PANELS = 20_000  # at a time, at most
FAST, SLOW = 8.0, 30.0  # errors over changes: a singularity near the line leaves a small part that fades slowly
FINER = 1.5  # the next trapezoid has that many times the intervals on each axis
CHUNK = 1 << 14  # nodes that are evaluated at a time


class Integral(NamedTuple):
    """Values of a few integrals over the same nodes.

    Attributes:
        values: (k,).
        error: of the first, from above.
        nodes: how many were taken.
        reached: whether the tolerance was.
    """

    values: np.ndarray
    error: float
    nodes: int
    reached: bool


def in_chunks(function: Integrand, points: np.ndarray) -> np.ndarray:
    """Return a function's rows at many points, a part at a time."""
    if len(points) <= CHUNK:
        return function(points)
    return np.concatenate([function(points[k : k + CHUNK]) for k in range(0, len(points), CHUNK)], axis=-1)


# Trapezoids --------------------------------------------------------------------------------------------------------


def trapezoid(
    function: Integrand, low: np.ndarray, high: np.ndarray, counts: Sequence[int], tolerance: float, most: int = 1 << 22
) -> Integral:
    """Integrate over a box at whose sides the integrand has faded.

    Args:
        function: points (n, d) -> rows (k, n).
        low: lower corner, (d,).
        high: upper corner, (d,).
        counts: intervals of the first grid on each axis.
        tolerance: of the first row, relative where it exceeds 1.
        most: nodes, at most.

    Returns:
        the integrals; the error is a few times the change from the grid before, more where that falls slowly.
    """
    sides = [int(c) for c in counts]
    last, nodes, change, error = _grid_sum(function, low, high, sides), int(np.prod(sides)), np.inf, np.inf
    while nodes * FINER ** len(sides) <= most:
        sides = [math.ceil(FINER * c) for c in sides]
        nodes = int(np.prod(sides))
        new = _grid_sum(function, low, high, sides)
        before, change, last = change, float(np.max(np.abs(new - last))), new
        error = (FAST if change < 0.1 * before else SLOW) * change
        if not np.isfinite(last[0]) or error <= tolerance * max(1.0, abs(float(last[0]))):
            return Integral(last, error, nodes, True)
    return Integral(last, error, nodes, False)


def _grid_sum(function: Integrand, low: np.ndarray, high: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    steps = (high - low) / counts
    # Nodes in the middle of intervals: never on an end of the box.
    axes = [a + h * (np.arange(c) + 0.5) for a, h, c in zip(low, steps, counts, strict=True)]
    return float(np.prod(steps)) * _product_sum(function, axes, [np.ones(c) for c in counts])


def _product_sum(function: Integrand, axes: list[np.ndarray], weights: list[np.ndarray]) -> np.ndarray:
    """Return the weighted sums over a product grid, a part of its rows at a time."""
    inner = np.array(list(itertools.product(*axes[1:])))
    rows = max(1, CHUNK // len(inner))
    inner_weights = functools.reduce(np.multiply.outer, weights[1:], np.ones(())).reshape(-1)
    total: np.ndarray | None = None
    for k in range(0, len(axes[0]), rows):
        first = axes[0][k : k + rows]
        points = np.concatenate([np.repeat(first, len(inner))[:, None], np.tile(inner, (len(first), 1))], axis=1)
        mass = np.multiply.outer(weights[0][k : k + rows], inner_weights).reshape(-1)
        found = in_chunks(function, points) @ mass
        total = found if total is None else total + found
    assert total is not None
    return total


# Panels ------------------------------------------------------------------------------------------------------------


@functools.cache
def _rule(order: int = ORDER) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(order)


def _panel_sums(function: Integrand, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the sums of each panel, (k, panels), of a function of points (n,)."""
    nodes, weights = _rule()
    half = (right - left)[:, None] / 2
    x = left[:, None] + half * (nodes + 1)
    values = in_chunks(function, x.reshape(-1))
    return np.sum(values.reshape(values.shape[0], *x.shape) * (half * weights), axis=-1)


def adaptive(function: Integrand, cuts: np.ndarray, tolerance: float, rounds: int = 60) -> Integral:
    """Integrate over a line by halving the panels on which halves and whole differ most.

    Args:
        function: points (n,) -> rows (k, n).
        cuts: the first ends of panels: where the integrand is not smooth, or changes fast.
        tolerance: of the first row, relative where it exceeds 1; the differences of all rows count.
        rounds: halvings, at most.

    Returns:
        the integrals; the error adds up the differences between wholes and halves on every panel.
    """
    left, right = cuts[:-1], cuts[1:]
    whole = _panel_sums(function, left, right)
    done, error, nodes = np.zeros(len(whole)), 0.0, 0
    for _ in range(rounds):
        middle = (left + right) / 2
        ends = np.concatenate([left, middle]), np.concatenate([middle, right])
        halves = _panel_sums(function, *ends)
        nodes += ORDER * len(middle)
        both = halves[:, : len(middle)] + halves[:, len(middle) :]
        if not np.all(np.isfinite(both)):
            return Integral(np.where(np.isfinite(both).all(axis=1), done + both.sum(axis=1), np.inf), 0.0, nodes, True)
        gaps = np.max(np.abs(both - whole), axis=0)
        target = tolerance * max(1.0, abs(float(done[0] + both[0].sum())))
        keep = _worst(gaps, target, error, (right - left) <= 1e-14 * (np.abs(left) + np.abs(right)))
        done, error = done + both[:, ~keep].sum(axis=1), error + float(gaps[~keep].sum())
        if not np.any(keep):
            return Integral(done, error, nodes, error <= 2 * target)
        again = np.concatenate([keep, keep])
        left, right, whole = ends[0][again], ends[1][again], halves[:, again]
        if len(left) > PANELS:
            break
    return Integral(done + whole.sum(axis=1), error + float(gaps[keep].sum()), nodes, False)


def _worst(gaps: np.ndarray, target: float, spent: float, narrow: np.ndarray) -> np.ndarray:
    """Return which panels must be halved, so that the gaps of the others add up to no more than is left to spend."""
    order = np.argsort(gaps, kind="stable")
    room = np.cumsum(gaps[order]) <= max(0.5 * (target - spent), 0.0)
    keep = np.ones(len(gaps), dtype=bool)
    keep[order[room]] = False
    return keep & ~narrow


def product_panels(
    function: Integrand, cuts: list[np.ndarray], tolerance: float, smooth: bool = False, most: int = 1 << 22
) -> Integral:
    """Integrate over a box cut into panels on each axis, all of which are halved until the sum rests.

    Args:
        function: points (n, d) -> rows (k, n).
        cuts: the ends of panels on each axis.
        tolerance: of the first row, relative where it exceeds 1.
        smooth: whether the integrand has no kinks but at ends of panels.
        most: nodes, at most.

    Returns:
        the integrals; the error is the last change, and where there may be kinks four times the larger of that and a
        hundredth of the change before.
    """
    last, change, before, nodes = _panel_product(function, cuts), np.inf, np.inf, 0
    while True:
        cuts = [np.sort(np.concatenate([c, (c[1:] + c[:-1]) / 2])) for c in cuts]
        nodes = int(np.prod([ORDER * (len(c) - 1) for c in cuts]))
        if nodes > most:
            return Integral(last, 4 * max(change, 0.01 * before), nodes, False)
        new = _panel_product(function, cuts)
        before, change = change, float(np.max(np.abs(new - last)))
        last = new
        if not np.isfinite(last[0]) or change <= tolerance * max(1.0, abs(float(last[0]))):
            kinks = 0.0 if smooth else 4 * max(change, 0.01 * min(before, tolerance))
            return Integral(last, max(change, kinks), nodes, True)


def _panel_product(function: Integrand, cuts: list[np.ndarray]) -> np.ndarray:
    nodes, weights = _rule()
    axes, masses = [], []
    for ends in cuts:
        half = np.diff(ends)[:, None] / 2
        axes.append((ends[:-1, None] + half * (nodes + 1)).reshape(-1))
        masses.append((half * weights).reshape(-1))
    return _product_sum(function, axes, masses)


# Crossings ---------------------------------------------------------------------------------------------------------


def crossings(function: Callable[[np.ndarray], np.ndarray], grid: np.ndarray) -> np.ndarray:
    """Return where a function of points (n,) changes its sign between the points of a grid."""
    values = np.nan_to_num(function(grid), nan=0.0, posinf=1e300, neginf=-1e300)
    change = np.flatnonzero(np.sign(values[:-1]) * np.sign(values[1:]) < 0)
    return np.concatenate([roots(function, grid[change], grid[change + 1]), grid[values == 0]])


def roots(
    function: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray, rounds: int = 80
) -> np.ndarray:
    """Return a root of each of many functions between two places where its signs differ.

    Args:
        function: places (n,) -> values (n,), the k-th of the k-th function.
        low: (n,).
        high: (n,).
        rounds: evaluations, at most.

    Chandrupatla, Advances in Engineering Software 28, 1997: inverse quadratic steps where they are safe, else halves.
    """
    if len(low) == 0:
        return low

    def at(x: np.ndarray) -> np.ndarray:
        return np.nan_to_num(function(x), nan=0.0, posinf=1e300, neginf=-1e300)

    a, b, share = high, low, np.full(len(low), 0.5)
    fa, fb = at(a), at(b)
    for _ in range(rounds):
        x = a + share * (b - a)
        fx = at(x)
        same = np.sign(fx) == np.sign(fa)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = x, fx
        best = np.where(np.abs(fa) < np.abs(fb), a, b)
        limit = np.minimum(0.5, 4e-16 * np.abs(best) / np.maximum(np.abs(b - a), 1e-300) + 1e-300)
        if np.all((limit >= 0.5) | (fa == 0)):
            break
        share = np.clip(_share(a, b, c, fa, fb, fc), limit, 1 - limit)
        share = np.where(fa == 0, 0.0, share)
    return np.where(np.abs(fa) < np.abs(fb), a, b)


def _share(a: np.ndarray, b: np.ndarray, c: np.ndarray, fa: np.ndarray, fb: np.ndarray, fc: np.ndarray) -> np.ndarray:
    """Return how far from a to b the next place lies."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        step = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi) & np.isfinite(step)
    return np.where(safe, step, 0.5)
