"""Normal laws, in any dimension."""

import math
from typing import Any

import numpy as np

from tussle import checks
from tussle.laws.base import FAR, check_one_dimension, tensor_rule
from tussle.measures import Nodes
from tussle.records import record, static


@record
class Normal:
    """A normal law by Gauss-Hermite quadrature: exact for polynomials of degree 2 order - 1.

    Args:
        mean: mean, a number or a vector (d,).
        std: standard deviation, a number or a vector, or a matrix (d, d) that maps standard normals (a Cholesky root).
        order: nodes per dimension.
    """

    mean: Any = static(default=0.0)
    std: Any = static(default=1.0)
    order: int = static(default=60)

    def __post_init__(self) -> None:
        """Check the order and the standard deviation."""
        checks.count("order", self.order)
        std = np.asarray(self.std, dtype=np.float64)
        if not np.all(np.isfinite(std)) or (std.ndim < 2 and np.any(std <= 0)) or not np.all(np.isfinite(self.mean)):
            message = f"`std` is {self.std} with `mean` {self.mean}; both must be finite and std above 0; give such."
            raise ValueError(message)

    def _shape(self, standard: np.ndarray) -> np.ndarray:
        std = np.asarray(self.std, dtype=np.float64)
        spread = standard @ std.T if std.ndim == 2 else standard * std
        return np.atleast_1d(np.asarray(self.mean, dtype=np.float64)) + spread

    @property
    def dimension(self) -> int:
        """Dimension of the space."""
        return max(np.size(self.mean), np.shape(self.std)[0] if np.ndim(self.std) else 1)

    @property
    def support(self) -> tuple[np.ndarray, np.ndarray]:
        """The whole space."""
        ends = np.full(self.dimension, math.inf)
        return -ends, ends

    @property
    def window(self) -> tuple[np.ndarray, np.ndarray]:
        """A box around the mean."""
        reach = math.sqrt(2 * FAR) * self._spread()
        return self._center() - reach, self._center() + reach

    @property
    def breaks(self) -> tuple[float, ...]:
        """None."""
        return ()

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return the log density at points (n, d), shape (n,)."""
        away = np.asarray(x, dtype=np.float64).reshape(-1, self.dimension) - self._center()
        if np.ndim(self.std) < 2:
            std = np.broadcast_to(np.asarray(self.std, dtype=np.float64), (self.dimension,))
            standard, log_volume = away / std, float(np.sum(np.log(std)))
        else:
            root = self._root()
            standard, log_volume = np.linalg.solve(root, away.T).T, float(np.linalg.slogdet(root)[1])
        log_volume += 0.5 * self.dimension * math.log(2 * math.pi)
        return -0.5 * np.einsum("nd,nd->n", standard, standard) - log_volume

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Return P(X <= x), shape of `x`."""
        from scipy.special import ndtr

        check_one_dimension(self)
        return ndtr((np.asarray(x, dtype=np.float64) - self._center()[0]) / self._spread()[0])

    def _center(self) -> np.ndarray:
        return np.broadcast_to(np.atleast_1d(np.asarray(self.mean, dtype=np.float64)), (self.dimension,))

    def _root(self) -> np.ndarray:
        std = np.asarray(self.std, dtype=np.float64)
        return std if std.ndim == 2 else np.diag(np.broadcast_to(std, (self.dimension,)))

    def _spread(self) -> np.ndarray:
        return np.linalg.norm(self._root(), axis=1)

    def nodes(self) -> Nodes:
        """Return the quadrature nodes."""
        points, weights = np.polynomial.hermite_e.hermegauss(self.order)
        rule = tensor_rule(points, weights / weights.sum(), self.dimension)
        return Nodes(self._shape(rule.points), rule.weights)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw normal samples."""
        return self._shape(rng.standard_normal((count, self.dimension)))
