r"""Curves: generators G of one latent number whose images are curves in the unit square.

The square is laid out along the normals of a curve: x = G(z) + t n(z), with -below(z) < t < above(z) where the normal
reaches the border of the square or a point that is as near to another part of the curve. Then

    area element = (speed(z) - bend(z) t) dz dt,    speed = |G'|,    bend = speed x curvature,

and t is the distance from the curve, so that any discriminator of this distance alone is integrated exactly.
"""

import math
from typing import NamedTuple, Protocol

import numpy as np

from tussle.records import record

ORDER = 20  # Gauss-Legendre nodes a panel
DEPTH = 52  # panels are halved this often toward both ends, where layers of width w or sqrt(w) lie


class Normals(NamedTuple):
    """The normals of a curve at quadrature nodes z with weights; all (n,)."""

    weights: np.ndarray
    speed: np.ndarray
    bend: np.ndarray
    above: np.ndarray
    below: np.ndarray


class AbstractCurve(Protocol):
    """What a generator whose image is a curve in the unit square must offer; z is uniform on [0, 1]."""

    @property
    def length(self) -> float:
        """The length of the curve."""
        ...

    def points(self, z: np.ndarray) -> np.ndarray:
        """Return G(z), shape (n, 2)."""
        ...

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Say which points (n, 2) lie on the curve, exactly as `points` makes them."""
        ...

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Return the distances of points of the square (n, 2) from the curve, (n,)."""
        ...

    def normals(self) -> Normals:
        """Return the normals, which cover the square once."""
        ...


@record
class Line:
    """The generator G(z) = (z, 1/2): a line across the middle of the square."""

    @property
    def length(self) -> float:
        """One."""
        return 1.0

    def points(self, z: np.ndarray) -> np.ndarray:
        """Return G(z), shape (n, 2)."""
        return np.stack([z, np.full_like(z, 0.5)], axis=1)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Say which points (n, 2) lie on the line."""
        return points[:, 1] == 0.5

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Return the distances of points (n, 2) from the line, (n,)."""
        return np.abs(points[:, 1] - 0.5)

    def normals(self) -> Normals:
        """Return the normals: all alike, so that one node is enough."""
        one = np.ones(1)
        return Normals(one, one, 0 * one, 0.5 * one, 0.5 * one)


@record
class Parabola:
    """The generator G(z) = (z, z^2), tangent to the border of the square at z = 0.

    Example:
        >>> Parabola().length
        1.4789428575446
    """

    @property
    def length(self) -> float:
        """sqrt(5)/2 + asinh(2)/4 = 1.4789428575446..."""
        return math.sqrt(5) / 2 + math.asinh(2) / 4

    def points(self, z: np.ndarray) -> np.ndarray:
        """Return G(z), shape (n, 2)."""
        return np.stack([z, z * z], axis=1)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Say which points (n, 2) lie on the parabola."""
        return points[:, 1] == points[:, 0] * points[:, 0]

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Return the distances of points of the square (n, 2) from the parabola, (n,).

        The nearest point solves 2 z^3 + (1 - 2y) z = x. The cubic has one positive root and is convex and not
        negative at z = 1, so Newton's method falls to it from there.
        """
        x, y = points[:, 0], points[:, 1]
        z = np.ones_like(x)
        for _ in range(100):
            slope = np.maximum(6 * z * z + 1 - 2 * y, 1e-300)
            step = np.minimum(np.maximum(((2 * z * z + 1 - 2 * y) * z - x) / slope, 0.0), z)
            z = z - step
            if np.all(step <= 1e-16):
                break
        # A rounding of 1e-17 in z must not put a point of the generator outside a tube that is thinner.
        return np.where(self.contains(points), 0.0, np.hypot(x - z, y - z * z))

    def normals(self) -> Normals:
        """Return the normals.

        Upward they end at x = 0, where a point is as near to the mirrored parabola, or at y = 1; downward at y = 0 or
        at x = 1. No point of the square is nearest to an end of the curve but those on its end normals.
        """
        z, weights = graded(_kinks())
        speed = np.sqrt(1 + 4 * z * z)
        above = speed * np.minimum(0.5, 1 - z * z)
        below = speed * np.minimum(z * z, (1 - z) / (2 * z))
        return Normals(weights, speed, 2 / speed**2, above, below)


def _kinks() -> tuple[float, float]:
    """Return where the normals of the parabola go over from one border to the next: below and above."""
    root = math.sqrt(1 / 16 + 1 / 216)  # Cardano, for z^3 + z/2 = 1/2
    return math.cbrt(1 / 4 + root) + math.cbrt(1 / 4 - root), math.sqrt(0.5)


def graded(kinks: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return Gauss-Legendre nodes and weights on [0, 1], panels halved toward both ends and cut at the kinks."""
    halves = 0.5 ** np.arange(1, DEPTH + 1)
    cuts = np.unique(np.concatenate([[0.0, 1.0], halves, 1 - halves, kinks]))
    points, weights = np.polynomial.legendre.leggauss(ORDER)
    half = np.diff(cuts)[:, None] / 2
    return (cuts[:-1, None] + half * (1 + points)).reshape(-1), (half * weights).reshape(-1)
