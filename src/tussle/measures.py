"""Measures: distributions as a way of taking expectations, that is nodes with weights.

Atoms and quadrature rules give exact, deterministic expectations; samples give stochastic ones. All nodes are NumPy
arrays of shape (nodes, dimension); a game moves them to the engine of its point.
"""

from typing import Any, Protocol

import numpy as np

from tussle.autodiff import Array, namespace
from tussle.records import record, static


@record
class Nodes:
    """Points (n, d) with weights (n,) that sum to 1, or without weights: n equally likely samples."""

    points: Array
    weights: Array | None = None

    def mean(self, values: Array) -> Array:
        """Return the expectation of values given at the nodes, shape (n, ...)."""
        xp = namespace(values)
        if self.weights is None:
            return xp.mean(values, axis=0)
        weights = xp.reshape(self.weights, (-1,) + (1,) * (values.ndim - 1))
        return xp.sum(weights * values, axis=0)


class AbstractMeasure(Protocol):
    """What a measure must offer."""

    def nodes(self) -> Nodes:
        """Return the nodes that stand for the measure."""
        ...

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw independent samples, shape (count, d)."""
        ...


def _points(values: Any) -> np.ndarray:
    points = np.atleast_1d(np.asarray(values, dtype=np.float64))
    points = points[:, None] if points.ndim == 1 else points
    if points.size == 0 or not np.all(np.isfinite(points)):
        message = f"`points` of shape {points.shape} are empty or not finite; give at least one finite point."
        raise ValueError(message)
    return points


@record
class Atoms:
    """Finitely many points with given weights; one atom is the data of the Dirac-GAN."""

    points: Any = static()
    weights: Any = static(default=None)

    def nodes(self) -> Nodes:
        """Return the atoms."""
        points = _points(self.points)
        weights = np.full(len(points), 1.0 / len(points)) if self.weights is None else np.asarray(self.weights, float)
        if weights.shape != (len(points),) or np.any(weights < 0) or abs(weights.sum() - 1) > 1e-12:
            message = (
                f"`weights` {weights.tolist()} are wrong for {len(points)} atom(s); they must be one number of 0 or "
                "more for each and sum to 1; divide them by their sum."
            )
            raise ValueError(message)
        return Nodes(points, weights)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw atoms by their weights."""
        nodes = self.nodes()
        return nodes.points[rng.choice(len(nodes.points), size=count, p=nodes.weights)]


@record
class Samples:
    """The empirical measure of an array of samples, shape (n, ...): equally likely, drawn with replacement."""

    points: Any = static()

    def nodes(self) -> Nodes:
        """Return all samples, without weights."""
        return Nodes(np.asarray(self.points))

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw samples with replacement."""
        points = np.asarray(self.points)
        return points[rng.integers(len(points), size=count)]


def paired(first: Nodes, second: Nodes) -> tuple[Array, Array, Array | None]:
    """Return the points of two independent measures side by side, with the weights of their product.

    Two lists of samples of the same length are paired by index; otherwise every point meets every other.

    Returns:
        points of the first, points of the second, shape (m, ...) each, and weights (m,) or None.
    """
    n, m = first.points.shape[0], second.points.shape[0]
    if first.weights is None and second.weights is None and n == m:
        return first.points, second.points, None
    xp = namespace(first.points, second.points)
    left = xp.repeat(first.points, m, axis=0)
    right = xp.tile(second.points, (n,) + (1,) * (second.points.ndim - 1))
    ones = xp.ones((1,), dtype=first.points.dtype)
    one = (ones + xp.zeros((n,), dtype=ones.dtype)) / n if first.weights is None else first.weights
    two = (ones + xp.zeros((m,), dtype=ones.dtype)) / m if second.weights is None else second.weights
    return left, right, xp.reshape(one[:, None] * two[None, :], (-1,))
