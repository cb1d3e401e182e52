"""What a measure is made of: a density, atoms or samples; where it lives; and where two of them meet."""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from tussle.laws import Erlang, Exponential, Laplace, Located, Mixture, Normal, Panels, Rayleigh, Uniform
from tussle.measures import Atoms, Nodes, Samples

SMALLEST, LARGEST = 1e-100, 1e100  # of the numbers of points
PARTS = ("dimension", "support", "window", "breaks")  # of a law, beside its log density
CELLS = 100_000  # boxes of a product grid that are looked at for supports


class Side(NamedTuple):
    """A measure as the divergences read it.

    Attributes:
        kind: `law` (it has a density), `finite` (points with weights) or `samples` (points of an unknown law).
        dimension: of the space.
        law: the law, or None.
        points: (n, d), or None for a law.
        weights: (n,), or None where points are equally likely.
    """

    kind: str
    dimension: int
    law: Any = None
    points: Any = None
    weights: Any = None

    @property
    def shares(self) -> np.ndarray:
        """The weights, equal ones where none are given."""
        count = len(self.points)
        return np.full(count, 1.0 / count) if self.weights is None else self.weights


def side_of(name: str, measure: Any) -> Side:
    """Return what a measure is made of.

    Args:
        name: of the argument, for messages.
        measure: a law, `Atoms`, `Nodes`, `Samples`, an array of samples, or a law's text.

    Raises:
        ValueError: if it is none of these, or its points or weights are wrong.
    """
    if isinstance(measure, str):
        from tussle.laws.parse import parse_law

        measure = parse_law(measure)
    if isinstance(measure, (np.ndarray, list, tuple)):
        measure = Samples(measure)
    if isinstance(measure, Samples):
        points = _points(name, measure.points)
        return Side("samples", points.shape[1], None, points)
    if isinstance(measure, (Atoms, Nodes)):
        nodes = measure.nodes() if isinstance(measure, Atoms) else measure
        points = _points(name, nodes.points)
        if nodes.weights is None:
            return Side("samples", points.shape[1], None, points)
        weights = _weights(name, nodes.weights, len(points))
        return Side("finite", points.shape[1], None, points[weights > 0], weights[weights > 0])
    while isinstance(measure, Panels):
        measure = measure.law
    if isinstance(measure, Normal) and not np.any(measure.std):
        return Side("finite", measure.dimension, None, np.array([mean_and_root(measure)[0]]), np.ones(1))
    if callable(getattr(measure, "log_density", None)):
        missing = [part for part in PARTS if getattr(measure, part, None) is None]
        if missing:
            message = (
                f"`{name}` is {type(measure).__name__}, a law without {', '.join(missing)}; it must have these as "
            )
            raise ValueError(message + "tussle.laws.AbstractLaw says; add them.")
        return Side("law", int(measure.dimension), measure)
    if callable(getattr(measure, "nodes", None)):
        return side_of(name, measure.nodes())
    message = f"`{name}` is {type(measure).__name__}; it may be a law, Atoms, Nodes, Samples or an array of samples; "
    raise ValueError(message + "give one of these.")


def _points(name: str, values: Any) -> np.ndarray:
    try:
        points = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as wrong:
        message = f"`{name}` holds something that is no number ({wrong}); samples are numbers, (n, d); convert them."
        raise ValueError(message) from wrong
    if points.ndim == 0 or points.size == 0:
        message = f"`{name}` has shape {points.shape}; it must be (n, d) with at least one point; give some."
        raise ValueError(message)
    points = points.reshape(len(points), -1)
    bad = np.flatnonzero(~np.all(np.isfinite(points), axis=1))
    if len(bad):
        message = f"`{name}` has {len(bad)} point(s) that are not finite, first in row {bad[0]}: "
        message += f"{points[bad[0]][:4].tolist()}; every number must be finite; drop these rows."
        raise ValueError(message)
    size = float(np.abs(points).max())
    if size and not SMALLEST < size < LARGEST:
        message = f"`{name}` has numbers of size {size:.3g}; it may be {SMALLEST:g} to {LARGEST:g}, as distances are "
        raise ValueError(message + "squared; divide all points by a common factor.")
    return points


def _weights(name: str, values: Any, count: int) -> np.ndarray:
    weights = np.asarray(values, dtype=np.float64).reshape(-1)
    if weights.shape != (count,) or np.any(weights < 0) or not abs(weights.sum() - 1) < 1e-9:
        message = f"`{name}` has {len(weights)} weights for {count} point(s), the least {weights.min():.6g}, their sum "
        message += f"{weights.sum():.10g}; they must be 0 or more and sum to 1; divide them by their sum."
        raise ValueError(message)
    return weights


# Parts of laws -----------------------------------------------------------------------------------------------------


def leaves(law: Any, weight: float = 1.0) -> list[tuple[float, Any]]:
    """Return the laws that a law is mixed of, with their weights; those of weight 0 are left out."""
    if isinstance(law, Panels):
        return leaves(law.law, weight)
    if isinstance(law, Mixture):
        parts = zip(law.shares, law.laws, strict=True)
        return [leaf for share, part in parts if share > 0 for leaf in leaves(part, weight * float(share))]
    if isinstance(law, Located):
        inner = leaves(law.law)
        return [(weight * share, _located(part, law.location, law.scale)) for share, part in inner]
    return [(weight, law)]


def _located(law: Any, location: float, scale: float) -> Any:
    if isinstance(law, Normal):
        mean, root = mean_and_root(law)
        return Normal(location + scale * mean[0], abs(scale * root[0, 0]))
    return Located(law, location, scale)


def mean_and_root(law: Normal) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (d,) of a normal law and a root (d, d) of its covariance."""
    d = law.dimension
    std = np.asarray(law.std, dtype=np.float64)
    mean = np.broadcast_to(np.atleast_1d(np.asarray(law.mean, dtype=np.float64)), (d,))
    return mean, std if std.ndim == 2 else np.diag(np.broadcast_to(std, (d,)))


class Normals(NamedTuple):
    """A mixture of normal laws and atoms: weights (k,), means (k, d) and covariance roots (k, d, d)."""

    weights: np.ndarray
    means: np.ndarray
    roots: np.ndarray


def normals_of(side: Side, most: int = 200) -> Normals | None:
    """Return a measure as a mixture of normal laws, atoms being normal laws without spread; None if it is not one."""
    if side.kind != "law":
        if len(side.points) > most:
            return None
        roots = np.zeros((len(side.points), side.dimension, side.dimension))
        return Normals(side.shares, side.points, roots)
    parts = leaves(side.law)
    if len(parts) > most or not all(isinstance(law, Normal) for _, law in parts):
        return None
    found = [mean_and_root(law) for _, law in parts]
    return Normals(np.array([w for w, _ in parts]), np.array([m for m, _ in found]), np.array([r for _, r in found]))


def is_singular(law: Any) -> bool:
    """Say whether a law is a normal one that lives in a plane of lower dimension."""
    if not isinstance(law, Normal):
        return False
    values = np.linalg.svd(mean_and_root(law)[1], compute_uv=False)
    return bool(values[-1] <= 1e-13 * values[0])


# Where laws live ---------------------------------------------------------------------------------------------------


def cuts_of(law: Any, axis: int) -> list[float]:
    """Return the places on an axis where a law's density is not smooth: ends of supports, and breaks on a line."""
    found: list[float] = []
    for _, part in leaves(law):
        ends = [float(v[axis]) for v in part.support]
        found += [e for e in ends if math.isfinite(e)]
        if part.dimension == 1:
            found += [float(b) for b in part.breaks]
    return sorted(set(found))


KNOWN = (Erlang, Exponential, Laplace, Normal, Rayleigh, Uniform)  # their windows are 9 to 40 times their spread


def ladders(law: Any, axis: int) -> list[np.ndarray]:
    """Return further places on an axis for each part whose shape is not known here.

    Its window may be vast (a heavy tail) and its mass anywhere in it: places draw near to both ends and the middle.
    """
    found = []
    for _, part in leaves(law):
        inner = part.law if isinstance(part, Located) else part
        if not isinstance(inner, KNOWN):
            low, high = (float(v[axis]) for v in part.window)
            steps = 0.5 * (high - low) * 2.0 ** -np.arange(1, 60)
            middle = (low + high) / 2
            found += [low + steps, middle - steps, middle + steps, high - steps]
    return found


class Regions(NamedTuple):
    """Whether there is anything where both laws live, where only the first does, and where only the second does."""

    both: bool
    left: bool
    right: bool


def regions(p: Any, q: Any) -> Regions:
    """Return where two laws live, read off the boxes that hold their parts."""
    boxes = [np.array([part.support for _, part in leaves(law)]) for law in (p, q)]
    if not np.any(np.isfinite(np.concatenate(boxes))):
        return Regions(True, False, False)
    grid = []
    for axis in range(p.dimension):
        edges = np.unique(np.concatenate([b[:, :, axis].ravel() for b in boxes]))
        edges = edges[np.isfinite(edges)]
        low, high = (edges[0], edges[-1]) if len(edges) else (0.0, 0.0)
        beyond = 1.0 + high - low
        edges = np.concatenate([[low - beyond], edges, [high + beyond]])
        grid.append((edges[1:] + edges[:-1]) / 2)
    if math.prod(len(g) for g in grid) > CELLS:
        return Regions(True, True, True)  # too many boxes to tell; the integral will
    cells = np.array(list(itertools.product(*grid)))
    p_in, q_in = (_inside(b, cells) for b in boxes)
    return Regions(bool(np.any(p_in & q_in)), bool(np.any(p_in & ~q_in)), bool(np.any(q_in & ~p_in)))


def _inside(boxes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    held = (cells[:, None] > boxes[None, :, 0]) & (cells[:, None] < boxes[None, :, 1])
    return np.any(np.all(held, axis=2), axis=1)
