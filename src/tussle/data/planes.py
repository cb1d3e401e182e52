"""Laws in the plane that GANs are tried on: curves without a density, and mixtures of small normals with one.

The six problems of Mescheder et al. (2018) are `gaussian`, `line`, `circle`, `four_lines`, `eight` and `squares`;
`ring` and `grid` are the usual mixtures. Each samples exactly; those with a density are laws of the library.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tussle import checks
from tussle.laws import Mixture, Normal
from tussle.measures import Nodes
from tussle.records import record, static


@record
class Segments:
    """The uniform law on line segments, each drawn in proportion to its length.

    Attributes:
        begin: (k, 2).
        end: (k, 2).
        nodes_each: nodes a segment for expectations.
    """

    begin: np.ndarray = static()
    end: np.ndarray = static()
    nodes_each: int = static(default=64)

    @property
    def lengths(self) -> np.ndarray:
        """Length of each segment, (k,)."""
        return np.linalg.norm(self.end - self.begin, axis=1)

    def nodes(self) -> Nodes:
        """Return Gauss-Legendre nodes on every segment."""
        points, weights = np.polynomial.legendre.leggauss(self.nodes_each)
        share = ((points + 1) / 2)[None, :, None]
        at = self.begin[:, None] + share * (self.end - self.begin)[:, None]
        mass = (self.lengths / self.lengths.sum())[:, None] * (weights / 2)
        return Nodes(at.reshape(-1, 2), mass.ravel())

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw points on the segments."""
        which = rng.choice(len(self.begin), size=count, p=self.lengths / self.lengths.sum())
        share = rng.random((count, 1))
        return self.begin[which] + share * (self.end - self.begin)[which]

    def distance(self, x: np.ndarray) -> np.ndarray:
        """Return the distance of points (n, 2) from the nearest segment, (n,)."""
        along = self.end - self.begin
        share = np.einsum("nkd,kd->nk", x[:, None] - self.begin, along) / self.lengths**2
        nearest = self.begin + np.clip(share, 0, 1)[..., None] * along
        return np.linalg.norm(x[:, None] - nearest, axis=-1).min(axis=1)


@record
class Circles:
    """The uniform law on circles of one radius, each equally likely.

    Attributes:
        centers: (k, 2).
        radius: of all.
        nodes_each: nodes a circle for expectations.
    """

    centers: np.ndarray = static()
    radius: float = static(default=1.0)
    nodes_each: int = static(default=128)

    def nodes(self) -> Nodes:
        """Return equally spaced nodes on every circle."""
        angle = 2 * np.pi * np.arange(self.nodes_each) / self.nodes_each
        rim = self.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        points = (self.centers[:, None] + rim).reshape(-1, 2)
        return Nodes(points, np.full(len(points), 1.0 / len(points)))

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw points on the circles."""
        angle = 2 * np.pi * rng.random(count)
        which = rng.integers(len(self.centers), size=count)
        return self.centers[which] + self.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def distance(self, x: np.ndarray) -> np.ndarray:
        """Return the distance of points (n, 2) from the nearest circle, (n,)."""
        away = np.linalg.norm(x[:, None] - self.centers, axis=-1)
        return np.abs(away - self.radius).min(axis=1)


def gaussian(std: float = 0.4) -> Normal:
    """Return the isotropic normal law N(0, std^2 I)."""
    return Normal((0.0, 0.0), checks.positive("std", std), 20)


def line() -> Segments:
    """Return the segment from (-1, 0) to (1, 0)."""
    return Segments(np.array([[-1.0, 0.0]]), np.array([[1.0, 0.0]]))


def circle(radius: float = 1.0) -> Circles:
    """Return a circle around the origin."""
    return Circles(np.zeros((1, 2)), checks.positive("radius", radius))


def eight(radius: float = 0.7) -> Circles:
    """Return two circles that touch at the origin, one above the other."""
    return Circles(np.array([[0.0, radius], [0.0, -radius]]), checks.positive("radius", radius))


def four_lines() -> Segments:
    """Return the segments y = -1 and 1 with x from -1.5 to -0.5 and from 0.5 to 1.5."""
    begin = np.array([[x, y] for y in (-1.0, 1.0) for x in (-1.5, 0.5)])
    return Segments(begin, begin + np.array([1.0, 0.0]))


def squares() -> Segments:
    """Return the outlines of four squares of side 1 with centers (+-1, +-1)."""
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    begin = [c + corners for c in np.array([[x, y] for x in (-1.0, 1.0) for y in (-1.0, 1.0)])]
    end = [np.roll(b, -1, axis=0) for b in begin]
    return Segments(np.concatenate(begin), np.concatenate(end), 32)


def mixture(centers: np.ndarray, std: float) -> Mixture:
    """Return equally likely normals of one standard deviation around centers (k, 2)."""
    checks.positive("std", std)
    return Mixture(tuple(Normal(tuple(float(v) for v in c), std, 8) for c in np.asarray(centers, dtype=float)))


def ring(modes: int = 8, radius: float = 1.0, std: float = 0.01) -> Mixture:
    """Return a ring of normals: the mixture of Mescheder et al. (2017) by default."""
    angle = 2 * math.pi * np.arange(checks.count("modes", modes)) / modes
    checks.positive("radius", radius)
    return mixture(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1), std)


def grid(side: int = 5, spacing: float = 1.0, std: float = 0.05) -> Mixture:
    """Return a square grid of normals around the origin, `side` along each side."""
    place = checks.positive("spacing", spacing) * (np.arange(checks.count("side", side)) - (side - 1) / 2)
    return mixture(np.array([[x, y] for x in place for y in place]), std)


def centers_of(law: Mixture) -> np.ndarray:
    """Return the centers of a mixture of normals, (k, 2)."""
    return np.array([np.asarray(part.mean, dtype=float) for part in law.laws])


PLANES: dict[str, Callable[..., Any]] = {
    "gaussian": gaussian,
    "line": line,
    "circle": circle,
    "four_lines": four_lines,
    "eight": eight,
    "squares": squares,
    "ring": ring,
    "grid": grid,
}


def plane(name: str, **options: Any) -> Any:
    """Return one of the laws in the plane by its name.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> plane("ring", modes=3).sample(np.random.default_rng(0), 5).shape
        (5, 2)
    """
    return PLANES[checks.choice("name", name, PLANES)](**options)
