r"""Kernels, and the maximum mean discrepancy MMD^2 = E k(X, X') + E k(Y, Y') - 2 E k(X, Y).

Every kernel here is a mixture of Gaussians exp(-t r^2) over t, and between normal laws

    E exp(-t |X - Y|^2) = det(I + 2 t S)^(-1/2) exp(-t d^T (I + 2 t S)^-1 d),  d and S the mean and covariance of X - Y,

so that one integral over t serves all of them in any dimension, atoms (laws without spread) included. The energy
distance is the discrepancy of the kernel -r.
"""

import math
from typing import NamedTuple

import numpy as np

from tussle import checks
from tussle.divergences.result import EPS, Divergence
from tussle.divergences.supports import Normals

KERNELS = ("gaussian", "laplacian", "rational_quadratic", "energy")
STEP = 0.1875  # of log t: the trapezoid is exact to 1e-21 there
BLOCK = 1024  # rows of a kernel matrix that are held at a time


class Kernel(NamedTuple):
    """A kernel k(r).

    Attributes:
        name: gaussian exp(-r^2/2h^2), laplacian exp(-r/h), rational_quadratic 1/(1 + r^2/2h^2), or energy -r.
        bandwidth: h.
    """

    name: str = "gaussian"
    bandwidth: float = 1.0

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the matrix k(|x_i - y_j|), (n, m)."""
        from scipy.spatial.distance import cdist

        if self.name in ("energy", "laplacian"):
            r = cdist(x, y)
            return -r if self.name == "energy" else np.exp(-r / self.bandwidth)
        s = cdist(x, y, "sqeuclidean") / (2 * self.bandwidth**2)
        return np.exp(-s) if self.name == "gaussian" else 1 / (1 + s)

    def scales(self, near: float, far: float) -> tuple[np.ndarray, np.ndarray]:
        """Return t and weights of the mixture of exp(-t r^2) (for the energy, of exp(-t r^2) - 1).

        Args:
            near: the smallest squared length that matters.
            far: the largest.
        """
        h = self.bandwidth
        if self.name == "gaussian":
            return np.array([0.5 / h**2]), np.ones(1)
        if self.name == "rational_quadratic":
            v = _steps(-42.0, 6.7)
            return np.exp(v) / (2 * h * h), STEP * np.exp(v - np.exp(v))
        top = 84.0 - math.log(near)
        bottom = -84.0 - math.log(far) if self.name == "energy" else -math.log(4 * h * h) - math.log(745.0)
        v = _steps(bottom, top)
        if self.name == "energy":
            return np.exp(v), STEP * np.exp(-v / 2) / (2 * math.sqrt(math.pi))
        return np.exp(v), STEP * np.exp(-v / 2 - np.exp(-v) / (4 * h * h)) / (2 * math.sqrt(math.pi) * h)


def _steps(bottom: float, top: float) -> np.ndarray:
    """Return places a step apart, to the last digit: `arange` rounds its step to the digits of its start."""
    first = math.floor(bottom / STEP)
    return STEP * np.arange(first, math.ceil(top / STEP))


def kernel_of(name: str, bandwidth: float) -> Kernel:
    """Return a kernel by name.

    Raises:
        ValueError: for an unknown name or a bandwidth that is not positive.
    """
    checks.choice("kernel", name, KERNELS)
    return Kernel(name, float(checks.positive("bandwidth", bandwidth)))


def median_distance(x: np.ndarray, y: np.ndarray, most: int = 1000) -> float:
    """Return the median distance of the points of both samples (of the first of each), 1 where it is 0."""
    from scipy.spatial.distance import pdist

    return float(np.median(pdist(np.concatenate([x[:most], y[:most]])))) or 1.0


# Normal laws and atoms ---------------------------------------------------------------------------------------------


def between_normals(kernel: Kernel, p: Normals, q: Normals) -> tuple[float, float]:
    """Return MMD^2 of two mixtures of normal laws and atoms, and the rounding of its sum."""
    signs = np.concatenate([p.weights, -q.weights])
    means, roots = np.concatenate([p.means, q.means]), np.concatenate([p.roots, q.roots])
    covariances = roots @ np.swapaxes(roots, 1, 2)
    i, j = np.triu_indices(len(signs))
    sizes = signs[i] * signs[j] * np.where(i == j, 1.0, 2.0)
    spread, turn = np.linalg.eigh(covariances[i] + covariances[j])
    spread = np.maximum(spread, 0.0)
    square = np.einsum("kab,ka->kb", turn, means[i] - means[j]) ** 2
    lengths = np.concatenate([spread.ravel(), square.sum(axis=1)])
    lengths = lengths[lengths > 0]
    if len(lengths) == 0:
        return 0.0, 0.0
    t, weights = kernel.scales(float(lengths.min()), float(lengths.max()) * len(means[0]))
    terms, magnitudes = np.zeros(len(t)), np.zeros(len(t))
    for size, s, m in zip(sizes, spread, square, strict=True):
        grown = 2 * t[:, None] * s
        log = -0.5 * np.sum(np.log1p(grown), axis=1) - np.sum(t[:, None] * m / (1 + grown), axis=1)
        below = np.expm1(log)
        terms += size * below
        magnitudes -= abs(size) * below
    return float(weights @ terms), 16 * EPS * float(weights @ magnitudes)


# Points ------------------------------------------------------------------------------------------------------------


def between_points(kernel: Kernel, x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return MMD^2 of two weighted point sets as measures, and the rounding of its sums."""
    points, signs = np.concatenate([x, y]), np.concatenate([a, -b])
    total = size = 0.0
    for k in range(0, len(points), BLOCK):
        part = kernel(points[k : k + BLOCK], points) * signs
        total += float(signs[k : k + BLOCK] @ part.sum(axis=1))
        size = max(size, float(np.abs(part).max()))
    return total, 16 * EPS * (abs(total) + size * len(points))


class Sums(NamedTuple):
    """Sums of a kernel over one sample against another: by row, by column, and of squares."""

    rows: np.ndarray
    columns: np.ndarray
    squares: float


def _sums(kernel: Kernel, x: np.ndarray, y: np.ndarray) -> Sums:
    rows, columns, squares = np.empty(len(x)), np.zeros(len(y)), 0.0
    for k in range(0, len(x), BLOCK):
        part = kernel(x[k : k + BLOCK], y)
        rows[k : k + BLOCK] = part.sum(axis=1)
        columns += part.sum(axis=0)
        squares += float(np.sum(part * part))
    return Sums(rows, columns, squares)


def unbiased(kernel: Kernel, x: np.ndarray, y: np.ndarray) -> Divergence:
    """Return the unbiased estimate of MMD^2 from samples of two laws.

    The error is two standard errors; the floor is two standard deviations of the estimate where both laws are the same.
    """
    n, m = len(x), len(y)
    first, second, cross = _sums(kernel, x, x), _sums(kernel, y, y), _sums(kernel, x, y)
    own = 0.0 if kernel.name == "energy" else 1.0  # k(0)
    left, right = (first.rows - own) / (n - 1), (second.rows - own) / (m - 1)
    value = float(left.mean() + right.mean() - 2 * cross.rows.mean() / m)
    spread = np.var(left - cross.rows / m) / n + np.var(right - cross.columns / n) / m
    centered = [
        max(s.squares - 2 * np.sum(s.rows**2) / len(s.rows) + np.mean(s.rows) ** 2, 0.0) for s in (first, second)
    ]
    null = math.sqrt(2 * (centered[0] / n**2 + centered[1] / m**2) / 2) * (1 / n + 1 / m)
    note = f"unbiased, so it may fall below 0; {kernel.name} kernel"
    note += "" if kernel.name == "energy" else f" of bandwidth {kernel.bandwidth:.4g}"
    return Divergence(value, 4 * math.sqrt(float(spread)) + 2 * null, "samples", note, 2 * null)
