"""Laplace laws."""

import math
from typing import Any

import numpy as np

from tussle import checks
from tussle.laws.base import FAR, box, column, composite
from tussle.measures import Nodes
from tussle.records import record, static


@record
class Laplace:
    """A Laplace law, density exp(-|x - mean| / scale) / (2 scale), by composite Gauss-Legendre quadrature."""

    mean: Any = static(default=0.0)
    scale: Any = static(default=1.0)
    order: int = static(default=16)

    def __post_init__(self) -> None:
        """Check the scale and the order."""
        checks.number("mean", self.mean)
        checks.positive("scale", self.scale)
        checks.count("order", self.order)

    @property
    def dimension(self) -> int:
        """One."""
        return 1

    @property
    def support(self) -> tuple[np.ndarray, np.ndarray]:
        """The line."""
        return box(-math.inf, math.inf)

    @property
    def window(self) -> tuple[np.ndarray, np.ndarray]:
        """Forty scales to both sides."""
        return box(self.mean - FAR * self.scale, self.mean + FAR * self.scale)

    @property
    def breaks(self) -> tuple[float, ...]:
        """The mean."""
        return (float(self.mean),)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return the log density at points (n, 1) or (n,), shape (n,)."""
        return -np.abs(column(x) - self.mean) / self.scale - math.log(2 * self.scale)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Return P(X <= x), shape of `x`."""
        u = (np.asarray(x, dtype=np.float64) - self.mean) / self.scale
        tail = 0.5 * np.exp(-np.abs(u))
        return np.where(u < 0, tail, 1.0 - tail)

    def nodes(self) -> Nodes:
        """Return the quadrature nodes."""
        return composite(self, 12, self.order)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw Laplace samples."""
        return rng.laplace(self.mean, self.scale, (count, 1))
