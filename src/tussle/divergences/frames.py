"""Where the mass of two laws is: parts, windows, scales, and the coordinates in which their integrals are easiest."""

import math
from typing import Any, NamedTuple

import numpy as np

from tussle.divergences.supports import cuts_of, ladders, leaves, mean_and_root
from tussle.laws import Normal


class Frame(NamedTuple):
    """Coordinates y with x = center + basis y, and what there is to see in them.

    Attributes:
        center: (d,).
        basis: (d, d).
        boxes: windows of all parts of both laws in y, (parts, 2, d).
        scales: the smallest length on which each part varies, (parts, d).
        cuts: on each axis, the places where a density is not smooth.
        rungs: on each axis, further ends of panels, for laws of which nothing is known.
    """

    center: np.ndarray
    basis: np.ndarray
    boxes: np.ndarray
    scales: np.ndarray
    cuts: tuple[tuple[float, ...], ...]
    rungs: tuple[tuple[float, ...], ...] = ((), ())

    @property
    def volume(self) -> float:
        """The volume of the unit cube of y in x."""
        return abs(float(np.linalg.det(self.basis)))

    @property
    def low(self) -> np.ndarray:
        """Lower corner of the hull of all windows."""
        return self.boxes[:, 0].min(axis=0)

    @property
    def high(self) -> np.ndarray:
        """Upper corner of the hull of all windows."""
        return self.boxes[:, 1].max(axis=0)

    @property
    def smooth(self) -> bool:
        """Whether both densities are known to be smooth everywhere."""
        return not any(self.cuts) and not any(self.rungs)

    def points(self, y: np.ndarray) -> np.ndarray:
        """Return the points of some coordinates, (n, d)."""
        return self.center + y @ self.basis.T

    @property
    def condition(self) -> float:
        """By how much roundings of places grow: distance from 0 over the smallest scale."""
        reach = float(np.abs(self.center).max(initial=0.0))
        sizes = np.abs(self.basis).sum(axis=1).max() * float(self.scales.min())
        return 1.0 + reach / max(sizes, 1e-300)

    def marks(self, axis: int, low: float, high: float) -> np.ndarray:
        """Return where panels of an axis end: at the cuts, at ends, middles and shoulders of all windows, and beyond.

        Beyond its window a density is nothing, but its root is not: panels grow from there by factors of four.
        """
        left, right = self.boxes[:, 0, axis], self.boxes[:, 1, axis]
        middle, half = (left + right) / 2, (right - left) / 2
        shares = np.array([-1.0, -1 / 3, 0.0, 1 / 3, 1.0])
        steps = 4.0 ** np.arange(1, 2 + math.ceil(math.log(max((high - low) / half.min(), 1.0), 4)))
        places = middle[:, None] + half[:, None] * np.concatenate([shares, steps, -steps])
        found = np.concatenate([places.reshape(-1), self.cuts[axis], self.rungs[axis]])
        found = np.unique(np.clip(np.concatenate([found, [low, high]]), low, high))
        near = np.diff(found) <= 1e-13 * np.abs(found[1:])
        return np.delete(found, np.flatnonzero(near))


def frame_of(p: Any, q: Any) -> Frame:
    """Return the frame of two laws of one or two dimensions.

    Normal laws are whitened together, so that both become round or stand along the axes; other laws keep their axes.
    """
    parts = [(w, law) for side in (p, q) for w, law in leaves(side)]
    if all(isinstance(law, Normal) for _, law in parts):
        return _whitened(p, q, [law for _, law in parts])
    windows = [law.window for _, law in parts]
    boxes = np.array([[np.broadcast_to(v, (p.dimension,)) for v in w] for w in windows], dtype=np.float64)
    cuts = tuple(tuple(sorted({*cuts_of(p, k), *cuts_of(q, k)})) for k in range(p.dimension))
    rungs = tuple(tuple(np.concatenate([*ladders(p, k), *ladders(q, k), []])) for k in range(p.dimension))
    return Frame(np.zeros(p.dimension), np.eye(p.dimension), boxes, (boxes[:, 1] - boxes[:, 0]) / 18.0, cuts, rungs)


def _whitened(p: Any, q: Any, parts: list[Normal]) -> Frame:
    inner = [_inner_covariance(law) for law in (p, q)]
    base = np.linalg.cholesky(inner[1])
    u, _, _ = np.linalg.svd(np.linalg.solve(base, np.linalg.cholesky(inner[0])))
    basis = base @ u
    found = [mean_and_root(law) for law in parts]
    center = np.mean([m for m, _ in found], axis=0)
    boxes, scales = [], []
    for mean, root in found:
        moved = np.linalg.solve(basis, np.column_stack([root, mean - center]))
        spread = np.linalg.norm(moved[:, :-1], axis=1)
        reach = math.sqrt(80.0) * spread
        boxes.append([moved[:, -1] - reach, moved[:, -1] + reach])
        scales.append(1 / np.linalg.norm(np.linalg.solve(moved[:, :-1], np.eye(len(mean))), axis=0))
    return Frame(center, basis, np.array(boxes), np.array(scales), ((),) * len(center))


def _inner_covariance(law: Any) -> np.ndarray:
    parts = [(w, mean_and_root(part)[1]) for w, part in leaves(law)]
    return np.sum([w * root @ root.T for w, root in parts], axis=0)
