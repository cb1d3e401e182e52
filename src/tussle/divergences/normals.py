"""Two normal laws of any dimension: all closed forms, by solves and singular values, never by an inverse.

For roots with S = R R^T, the singular values s of R_q^-1 R_p and the turned shift v = U^T R_q^-1 (m_p - m_q) carry the
pair to N(v, diag s^2) against N(0, I). Every f-divergence is unchanged by this, axes on which both agree drop out, and
axes that differ only by a shift become a single one.
"""

import math
from typing import NamedTuple

import numpy as np

from tussle.divergences.supports import mean_and_root
from tussle.laws import Normal

STEP = 1e-9  # by which parameters are moved, relative, to see what their roundings do
SAME = 1e-14  # standard deviations whose ratio is this near to 1 count as equal


class Pair(NamedTuple):
    """N(shift, diag scale^2) against N(0, I) on the axes where they differ.

    Attributes:
        shift: (r,).
        scale: (r,).
        condition: of the second law's correlations; roundings grow by it.
    """

    shift: np.ndarray
    scale: np.ndarray
    condition: float

    @property
    def excess(self) -> np.ndarray:
        """scale^2 - 1, without cancellation."""
        return (self.scale - 1) * (self.scale + 1)

    @property
    def log_square(self) -> np.ndarray:
        """The log of scale^2, to the last digits near 1 and far from it."""
        near = np.abs(self.excess) < 0.5
        return np.where(near, np.log1p(np.where(near, self.excess, 0.0)), 2 * np.log(self.scale))

    def kl(self) -> float:
        """Return KL(p || q) = (1/2) sum s^2 - 1 - log s^2 + v^2."""
        return float(0.5 * np.sum(self.excess - self.log_square + self.shift**2))

    def reverse_kl(self) -> float:
        """Return KL(q || p)."""
        t = -self.excess / self.scale**2  # s^-2 - 1
        return float(0.5 * np.sum(t + self.log_square + (self.shift / self.scale) ** 2))

    def log_overlap(self, a: float) -> float:
        """Return log int p^a q^(1-a); infinite where the mixed precision is not positive."""
        mixed = a + (1 - a) * self.scale**2
        if np.any(mixed <= 0):
            return math.inf
        near = np.abs((1 - a) * self.excess) < 0.5
        log_mixed = np.where(near, np.log1p(np.where(near, (1 - a) * self.excess, 0.0)), np.log(mixed))
        bend = log_mixed - (1 - a) * self.log_square
        return float(-0.5 * np.sum(a * (1 - a) * self.shift**2 / mixed + bend))

    def tv(self) -> float | None:
        """Return the total variation where it needs one axis only, from the crossings of the densities."""
        if len(self.shift) == 0:
            return 0.0
        if len(self.shift) > 1:
            return None
        return _line_tv(float(self.shift[0]), float(self.scale[0]))

    def nearby(self) -> list["Pair"]:
        """Return the pairs of which one shift or one scale is off by `STEP` of the largest."""
        far, wide = STEP * float(np.linalg.norm(self.shift)), STEP * float(self.scale.max(initial=0.0))
        moves = np.eye(len(self.shift))
        return [
            *(self._replace(shift=self.shift + far * move) for move in moves if far > 0),
            *(self._replace(scale=self.scale - wide * move * np.sign(self.scale - 1.0)) for move in moves),
        ]

    def laws(self) -> tuple[Normal, Normal]:
        """Return the two laws that the pair was carried to."""
        r = len(self.shift)
        return Normal(self.shift, self.scale), Normal(np.zeros(r), np.ones(r))


def _line_tv(v: float, s: float) -> float:
    """Return the total variation of N(v, s^2) and N(0, 1): mass between the roots of a x^2 + 2 b x + c = 0."""
    from scipy.special import erf, ndtr

    if s == 1:
        return float(erf(abs(v) / math.sqrt(8)))
    a, b, c = (s - 1) * (s + 1), v, -v * v - 2 * s * s * math.log(s)
    root = b + math.copysign(math.sqrt(b * b - a * c), b)
    x = np.array([-root / a, -c / root])
    first, second = ndtr((x - v) / s), ndtr(x)
    return float(abs(abs(first[1] - first[0]) - abs(second[1] - second[0])))


def pair_of(p: Normal, q: Normal) -> Pair | None:
    """Return two normal laws as a pair, or None if they are mutually singular (they live in different planes)."""
    (mean, root), (other, base) = mean_and_root(p), mean_and_root(q)
    delta = mean - other
    u, values, _ = np.linalg.svd(base)
    rank = int(np.sum(values > 1e-13 * max(values[0], 1e-300)))
    if rank < len(delta):
        plane, rest = u[:, :rank], u[:, rank:]
        size = np.abs(root).max() + np.abs(delta).max() + values[0]
        off = max(np.abs(rest.T @ root).max(), np.abs(rest.T @ delta).max())
        if off > 1e-12 * size:
            return None
        delta, root, base = plane.T @ delta, _square(plane.T @ root), _square(plane.T @ base)
    if rank and np.linalg.svd(root, compute_uv=False)[-1] <= 1e-13 * np.abs(root).max():
        return None
    return _carried(delta, root, base) if rank else Pair(np.empty(0), np.empty(0), 1.0)


def _square(wide: np.ndarray) -> np.ndarray:
    """Return a square root of W W^T for a matrix W with more columns than rows."""
    return np.asarray(np.linalg.qr(wide.T, mode="r")).T


def _carried(delta: np.ndarray, root: np.ndarray, base: np.ndarray) -> Pair:
    spread = np.linalg.norm(base, axis=1)[:, None]
    scaled = base / spread
    solved = np.linalg.solve(scaled, np.column_stack([root, delta]) / spread)
    u, scale, _ = np.linalg.svd(solved[:, :-1])
    shift = u.T @ solved[:, -1]
    same = np.abs(scale - 1) <= SAME
    far = float(np.linalg.norm(shift[same]))
    shift, scale = shift[~same], scale[~same]
    if far > 0:
        shift, scale = np.append(shift, far), np.append(scale, 1.0)
    return Pair(shift, scale, float(np.linalg.cond(scaled)))


# Transport ---------------------------------------------------------------------------------------------------------


def w2(p: Normal, q: Normal) -> float:
    """Return Wasserstein-2, the distance of means and, by the best turn of one root onto the other, of spreads."""
    (mean, root), (other, base) = mean_and_root(p), mean_and_root(q)
    u, _, v = np.linalg.svd(base.T @ root)
    return float(math.hypot(np.linalg.norm(mean - other), np.linalg.norm(base @ (u @ v) - root)))


def w1(p: Normal, q: Normal) -> float | None:
    """Return Wasserstein-1 on a line or between laws of the same shape; None otherwise."""
    from scipy.special import ndtr

    (mean, root), (other, base) = mean_and_root(p), mean_and_root(q)
    d = float(np.linalg.norm(mean - other))
    if np.array_equal(root @ root.T, base @ base.T):
        return d
    if len(mean) > 1:
        return None
    e = abs(abs(float(root[0, 0])) - abs(float(base[0, 0])))
    return e * math.sqrt(2 / math.pi) * math.exp(-0.5 * (d / e) ** 2) + d * (1 - 2 * float(ndtr(-d / e)))


def sinkhorn(p: Normal, q: Normal, epsilon: float) -> tuple[float, float]:
    """Return the Sinkhorn divergence and the size of its terms (Janati, Muzellec, Peyre, Cuturi, NeurIPS 2020)."""
    (mean, root), (other, base) = mean_and_root(p), mean_and_root(q)
    terms = [_entropic(a, b, epsilon) for a, b in ((root, base), (root, root), (base, base))]
    shift = float(np.sum((mean - other) ** 2))
    return shift + terms[0] - 0.5 * (terms[1] + terms[2]), shift + sum(abs(t) for t in terms)


def _entropic(root: np.ndarray, base: np.ndarray, epsilon: float) -> float:
    """Return min E|X - Y|^2 + epsilon KL(coupling || product) of two centered normal laws."""
    half = epsilon / 2
    size = np.sum(root * root) + np.sum(base * base)
    big = np.sqrt(4 * np.linalg.svd(root.T @ base, compute_uv=False) ** 2 + half * half)
    return float(size - np.sum(big - half) + half * np.sum(np.log((big + half) / (2 * half))))
