"""Rayleigh laws: the length of a normal vector in the plane."""

import math
from typing import Any

import numpy as np

from tussle import checks
from tussle.laws.base import FAR, box, column, composite
from tussle.measures import Nodes
from tussle.records import record, static


@record
class Rayleigh:
    """A Rayleigh law, density x / s^2 exp(-x^2 / (2 s^2)) for x >= 0, with scale s (the mode, not the mean)."""

    scale: Any = static(default=1.0)
    order: int = static(default=16)

    def __post_init__(self) -> None:
        """Check the scale and the order."""
        checks.positive("scale", self.scale)
        checks.count("order", self.order)

    @property
    def dimension(self) -> int:
        """One."""
        return 1

    @property
    def support(self) -> tuple[np.ndarray, np.ndarray]:
        """The half line from 0."""
        return box(0.0, math.inf)

    @property
    def window(self) -> tuple[np.ndarray, np.ndarray]:
        """From 0 to nine scales."""
        return box(0.0, math.sqrt(2 * FAR) * self.scale)

    @property
    def breaks(self) -> tuple[float, ...]:
        """Zero."""
        return (0.0,)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return the log density at points (n, 1) or (n,), shape (n,); -inf at 0 and below."""
        u = column(x) / self.scale
        inside = u > 0
        return np.where(inside, np.log(np.where(inside, u, 1.0)) - 0.5 * u * u - math.log(self.scale), -math.inf)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Return P(X <= x), shape of `x`."""
        u = np.maximum(np.asarray(x, dtype=np.float64), 0.0) / self.scale
        return -np.expm1(-0.5 * u * u)

    def nodes(self) -> Nodes:
        """Return the quadrature nodes."""
        return composite(self, 8, self.order)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw Rayleigh samples."""
        return rng.rayleigh(self.scale, (count, 1))
