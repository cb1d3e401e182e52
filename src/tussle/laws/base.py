"""What a law is: a measure with a density, and how nodes are laid on its panels."""

import itertools
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from tussle.measures import AbstractMeasure, Nodes

FAR = 40.0  # e^-40 = 4e-18: the mass that a window leaves out


class AbstractLaw(AbstractMeasure, Protocol):
    """What a law must offer beyond a measure."""

    @property
    def dimension(self) -> int:
        """Dimension of the space."""
        ...

    @property
    def support(self) -> tuple[np.ndarray, np.ndarray]:
        """The smallest box that holds the law: lower and upper corner, (d,) each, infinite where it has no end."""
        ...

    @property
    def window(self) -> tuple[np.ndarray, np.ndarray]:
        """A finite box that leaves out a mass of about 1e-17: lower and upper corner, (d,) each."""
        ...

    @property
    def breaks(self) -> tuple[float, ...]:
        """In one dimension, the points where the density is not smooth, the ends of the support included."""
        ...

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return the log density at points (n, d), shape (n,); -inf outside the support."""
        ...

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Return P(X <= x) of a law in one dimension, shape of `x`."""
        ...


def tensor_rule(points: np.ndarray, weights: np.ndarray, dimension: int) -> Nodes:
    """Return the product rule of a rule in one dimension."""
    grid = np.array(list(itertools.product(points, repeat=dimension)))
    mass = np.array([np.prod(w) for w in itertools.product(weights, repeat=dimension)])
    return Nodes(grid, mass)


def column(x: np.ndarray) -> np.ndarray:
    """Return points (n, 1) or (n,) as (n,)."""
    x = np.asarray(x, dtype=np.float64)
    return x[:, 0] if x.ndim == 2 else x


def box(low: Any, high: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return two corners of a box as vectors."""
    return np.atleast_1d(np.asarray(low, dtype=np.float64)), np.atleast_1d(np.asarray(high, dtype=np.float64))


def check_one_dimension(law: AbstractLaw) -> None:
    """Check that a law is of one dimension.

    Raises:
        ValueError: if it is not.
    """
    if law.dimension != 1:
        message = (
            f"`law` has {law.dimension} dimensions; a distribution function is of one; give a law in one dimension."
        )
        raise ValueError(message)


def composite(law: AbstractLaw, panels: int = 8, order: int = 16, edges: Sequence[float] = ()) -> Nodes:
    """Return Gauss-Legendre nodes on panels of a law's window, weighted by its density (one dimension).

    Args:
        law: the law.
        panels: equal panels between each two of its breaks and edges.
        order: nodes a panel.
        edges: further points where panels end.

    Returns:
        the nodes; their weights sum to 1.
    """
    check_one_dimension(law)
    low, high = (float(v[0]) for v in law.window)
    inner = [b for b in (*law.breaks, *edges) if low < b < high]
    cuts = np.unique([low, *inner, high])
    cuts = np.unique(np.concatenate([np.linspace(a, b, panels + 1) for a, b in itertools.pairwise(cuts)]))
    points, weights = np.polynomial.legendre.leggauss(order)
    half = np.diff(cuts)[:, None] / 2
    x = (cuts[:-1, None] + half * (points + 1)).reshape(-1)
    mass = (half * weights).reshape(-1) * np.exp(law.log_density(x[:, None]))
    return Nodes(x[:, None], mass / mass.sum())
