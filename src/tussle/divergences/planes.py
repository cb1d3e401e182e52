"""Total variation in the plane: the integrand has a kink along a curve, and each line is cut where it crosses it."""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tussle.divergences.frames import Frame
from tussle.divergences.quadrature import CHUNK, ORDER, Integral, adaptive, roots

Logs = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Lines(NamedTuple):
    """Parallel lines y = const, each covered by the same panels in x.

    Attributes:
        logs: the two log densities at coordinates (n, 2).
        ends: of the panels, (m + 1,).
        volume: of the unit square of coordinates.
    """

    logs: Logs
    ends: np.ndarray
    volume: float

    def rows(self, y: np.ndarray) -> np.ndarray:
        """Return for each line the integrals of |p - q|/2, p and q, (3, n)."""
        step = max(1, CHUNK // (ORDER * (len(self.ends) - 1)))
        return np.concatenate([self._some(y[k : k + step]) for k in range(0, len(y), step)], axis=1)

    def _some(self, y: np.ndarray) -> np.ndarray:
        x, mass = self._places()
        log_p, log_q = (v.reshape(len(y), -1) for v in self._at(np.tile(x, len(y)), np.repeat(y, len(x))))
        p, q = np.exp(log_p), np.exp(log_q)
        panels = np.abs((p - q) * mass).reshape(len(y), -1, ORDER).sum(axis=2) / 2
        row, place = self._crossings(x, y, log_p, log_q)
        self._mend(panels, row, place, y)
        return self.volume * np.stack([panels.sum(axis=1), p @ mass, q @ mass])

    def counts(self, y: np.ndarray) -> np.ndarray:
        """Return how often each line crosses from p > q to p < q or back, (n,)."""
        x = self._places()[0]
        logs = self._at(np.tile(x, len(y)), np.repeat(y, len(x)))
        ratio, sign = _signs(*(v.reshape(len(y), -1) for v in logs))
        rows = np.concatenate(
            [np.nonzero(sign[:, :-1] * sign[:, 1:] < 0)[0], *self._lenses(x, y, ratio, sign)[0][:1] * 2]
        )
        return np.bincount(rows, minlength=len(y))

    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        nodes, weights = np.polynomial.legendre.leggauss(ORDER)
        half = np.diff(self.ends)[:, None] / 2
        return (self.ends[:-1, None] + half * (nodes + 1)).reshape(-1), (half * weights).reshape(-1)

    def _at(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.logs(np.stack([x, y], axis=1))

    def _ratio(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        first, second = self._at(x, y)
        with np.errstate(invalid="ignore"):
            return np.nan_to_num(first - second, posinf=1e300, neginf=-1e300)

    def _crossings(
        self, x: np.ndarray, y: np.ndarray, log_p: np.ndarray, log_q: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return line index and place of every change of sign of log p - log q."""
        ratio, sign = _signs(log_p, log_q)
        row, k = np.nonzero(sign[:, :-1] * sign[:, 1:] < 0)
        found = [(row, x[k], x[k + 1]), *self._lenses(x, y, ratio, sign)]
        row, low, high = (np.concatenate(part) for part in zip(*found, strict=True))
        return row, roots(lambda at: self._ratio(at, y[row]), low, high)

    def _lenses(self, x: np.ndarray, y: np.ndarray, ratio: np.ndarray, sign: np.ndarray) -> list[tuple]:
        """Return brackets of pairs of crossings between nodes: where a parabola dips through 0 and the ratio does."""
        size = np.abs(ratio)
        dip = (size[:, 1:-1] < size[:, :-2]) & (size[:, 1:-1] <= size[:, 2:]) & (size[:, 2:] < 1e300)
        dip &= (size[:, :-2] < 1e300) & (sign[:, 1:-1] == sign[:, :-2]) & (sign[:, 1:-1] == sign[:, 2:])
        row, k = np.nonzero(dip)
        k = k + 1
        a, b, c = x[k - 1], x[k], x[k + 1]
        fa, fb, fc = ratio[row, k - 1], ratio[row, k], ratio[row, k + 1]
        up, down = (fb - fa) * (b - c), (fb - fc) * (b - a)
        vertex = b - 0.5 * ((b - a) * down - (b - c) * up) / np.where(down - up == 0, 1.0, down - up)
        vertex = np.clip(vertex, a, c)
        hit = np.sign(self._ratio(vertex, y[row])) == -sign[row, k] if len(row) else np.zeros(0, dtype=bool)
        row, k, vertex = row[hit], k[hit], vertex[hit]
        left = np.where(vertex > x[k], x[k], x[k - 1])
        right = np.where(vertex > x[k], x[k + 1], x[k])
        return [(row, left, vertex), (row, vertex, right)]

    def _mend(self, panels: np.ndarray, row: np.ndarray, place: np.ndarray, y: np.ndarray) -> None:
        """Integrate anew, piece by piece, the panels in which the densities cross."""
        if len(row) == 0:
            return
        count = len(self.ends) - 1
        panel = np.clip(np.searchsorted(self.ends, place, side="right") - 1, 0, count - 1)
        broken = np.unique(row * count + panel)
        key = np.concatenate([row * count + panel, broken, broken])
        spot = np.concatenate([place, self.ends[broken % count], self.ends[broken % count + 1]])
        order = np.lexsort([spot, key])
        key, spot = key[order], spot[order]
        inside = key[:-1] == key[1:]
        left, right, key = spot[:-1][inside], spot[1:][inside], key[:-1][inside]
        nodes, weights = np.polynomial.legendre.leggauss(ORDER)
        half = (right - left)[:, None] / 2
        x = left[:, None] + half * (nodes + 1)
        log_p, log_q = self._at(x.reshape(-1), np.repeat(y[key // count], ORDER))
        pieces = np.sum((np.exp(log_p) - np.exp(log_q)).reshape(x.shape) * half * weights, axis=1)
        flat = panels.reshape(-1)
        flat[broken] = 0.0
        np.add.at(flat, key, np.abs(pieces) / 2)


def total_variation(logs: Logs, frame: Frame, low: np.ndarray, high: np.ndarray, tolerance: float) -> Integral:
    """Integrate |p - q|/2 over a box: along each line piece by piece, across the lines by halved panels.

    Args:
        logs: the two log densities at coordinates (n, 2).
        frame: the coordinates.
        low: lower corner.
        high: upper corner.
        tolerance: of the integral.
    """
    ends = _finer(frame.marks(0, float(low[0]), float(high[0])), 2 * float(frame.scales[:, 0].min()))
    lines = Lines(logs, ends, frame.volume)
    marks = frame.marks(1, float(low[1]), float(high[1]))
    got = adaptive(lines.rows, np.unique(np.concatenate([marks, _births(lines, marks)])), 0.1 * tolerance)
    # Across the lines the integrand grows like a power 3/2 from where a crossing begins: two halves tell too little.
    return got._replace(error=10 * got.error, nodes=got.nodes * ORDER * (len(ends) - 1))


def _births(lines: Lines, marks: np.ndarray, count: int = 128) -> np.ndarray:
    """Return the lines on which crossings begin or end, by bisection between neighbors with other counts."""
    grid = _finer(marks, float(marks[-1] - marks[0]) / count)
    counts = lines.counts(grid)
    change = np.flatnonzero(counts[1:] != counts[:-1])
    low, high, here = grid[change], grid[change + 1], counts[change]
    for _ in range(45 if len(change) else 0):
        middle = (low + high) / 2
        same = lines.counts(middle) == here
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return (low + high) / 2


def _signs(log_p: np.ndarray, log_q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log p - log q and its sign, never 0: where both agree to rounding it counts as positive."""
    with np.errstate(invalid="ignore"):
        ratio = np.nan_to_num(log_p - log_q, posinf=1e300, neginf=-1e300)
        return ratio, np.where(ratio > -1e-14 * (1 + np.nan_to_num(np.abs(log_p), posinf=0.0)), 1.0, -1.0)


def _finer(ends: np.ndarray, width: float, most: int = 256) -> np.ndarray:
    """Return the ends with more of them between, until no panel is wider than that (or there are too many)."""
    width = max(width, float(ends[-1] - ends[0]) / most)
    parts = [np.linspace(a, b, int(np.ceil((b - a) / width)) + 1)[:-1] for a, b in itertools.pairwise(ends)]
    return np.concatenate([*parts, ends[-1:]])
