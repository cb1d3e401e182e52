"""Uniform laws on boxes."""

import math
from typing import Any

import numpy as np

from tussle import checks
from tussle.laws.base import box, check_one_dimension, tensor_rule
from tussle.measures import Nodes
from tussle.records import record, static


@record
class Uniform:
    """A uniform law on a box by Gauss-Legendre quadrature; `low` and `high` are numbers or vectors."""

    low: Any = static(default=0.0)
    high: Any = static(default=1.0)
    order: int = static(default=20)

    def __post_init__(self) -> None:
        """Check the order and the ends."""
        checks.count("order", self.order)
        if np.any(np.asarray(self.high) <= np.asarray(self.low)):
            message = f"`high` is {self.high} for `low` {self.low}; it must be above it; exchange them."
            raise ValueError(message)

    def _scale(self, unit: np.ndarray) -> np.ndarray:
        low, high = np.atleast_1d(self.low).astype(float), np.atleast_1d(self.high).astype(float)
        return low + (high - low) * unit

    @property
    def dimension(self) -> int:
        """Dimension of the space."""
        return max(np.size(self.low), np.size(self.high))

    @property
    def support(self) -> tuple[np.ndarray, np.ndarray]:
        """The box."""
        low, high = np.broadcast_arrays(*box(self.low, self.high))
        return low, high

    @property
    def window(self) -> tuple[np.ndarray, np.ndarray]:
        """The box."""
        return self.support

    @property
    def breaks(self) -> tuple[float, ...]:
        """Both ends."""
        return tuple(float(v[0]) for v in self.support)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return the log density at points (n, d), shape (n,); -inf outside the box."""
        low, high = self.support
        x = np.asarray(x, dtype=np.float64).reshape(-1, self.dimension)
        inside = np.all((x >= low) & (x <= high), axis=1)
        return np.where(inside, -np.sum(np.log(high - low)), -math.inf)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Return P(X <= x), shape of `x`."""
        check_one_dimension(self)
        low, high = (float(v[0]) for v in self.support)
        return np.clip((np.asarray(x, dtype=np.float64) - low) / (high - low), 0.0, 1.0)

    def nodes(self) -> Nodes:
        """Return the quadrature nodes."""
        points, weights = np.polynomial.legendre.leggauss(self.order)
        rule = tensor_rule((points + 1) / 2, weights / 2, self.dimension)
        return Nodes(self._scale(rule.points), rule.weights)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw uniform samples."""
        return self._scale(rng.random((count, self.dimension)))
