"""Exponential laws and sums of them."""

import math
from typing import Any

import numpy as np

from tussle import checks
from tussle.laws.base import FAR, box, column, composite
from tussle.measures import Nodes
from tussle.records import record, static


@record
class Exponential:
    """An exponential law with the given rate by Gauss-Laguerre quadrature, on [0, infinity)."""

    rate: Any = static(default=1.0)
    order: int = static(default=40)

    def __post_init__(self) -> None:
        """Check the rate and the order."""
        checks.positive("rate", self.rate)
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
        """From 0 to forty times the mean."""
        return box(0.0, FAR / self.rate)

    @property
    def breaks(self) -> tuple[float, ...]:
        """Zero."""
        return (0.0,)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return the log density at points (n, 1) or (n,), shape (n,); -inf below 0."""
        x = column(x)
        return np.where(x >= 0, math.log(self.rate) - self.rate * x, -math.inf)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Return P(X <= x), shape of `x`."""
        return -np.expm1(-self.rate * np.maximum(np.asarray(x, dtype=np.float64), 0.0))

    def nodes(self) -> Nodes:
        """Return the quadrature nodes."""
        points, weights = np.polynomial.laguerre.laggauss(self.order)
        return Nodes((points / self.rate)[:, None], weights / weights.sum())

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw exponential samples."""
        return rng.exponential(1.0 / self.rate, (count, 1))


@record
class Erlang:
    """An Erlang law: the sum of `shape` exponential variables of the given rate."""

    shape: int = static(default=2)
    rate: Any = static(default=1.0)
    order: int = static(default=16)

    def __post_init__(self) -> None:
        """Check the shape, the rate and the order."""
        checks.count("shape", self.shape)
        checks.positive("rate", self.rate)
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
        """From 0 to where the tail is gone."""
        return box(0.0, (FAR + 4 * self.shape + 2 * math.sqrt(FAR * self.shape)) / self.rate)

    @property
    def breaks(self) -> tuple[float, ...]:
        """Zero."""
        return (0.0,)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return the log density at points (n, 1) or (n,), shape (n,); -inf below 0."""
        u = column(x) * self.rate
        inside = u > 0 if self.shape > 1 else u >= 0
        power = (self.shape - 1) * np.log(np.where(u > 0, u, 1.0))
        return np.where(inside, power - u - math.lgamma(self.shape) + math.log(self.rate), -math.inf)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Return P(X <= x), shape of `x`."""
        from scipy.special import gammainc

        return gammainc(float(self.shape), np.maximum(np.asarray(x, dtype=np.float64), 0.0) * self.rate)

    def nodes(self) -> Nodes:
        """Return the quadrature nodes."""
        return composite(self, 12, self.order)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw Erlang samples."""
        return rng.gamma(float(self.shape), 1.0 / self.rate, (count, 1))
