"""Precision, recall, density and coverage: how far two samples lie within each other's neighborhoods.

The neighborhood of a point is the closed ball to its k-th nearest neighbor in its own sample. Distances are computed a
block of rows at a time, so that memory does not grow with the square of the sample.
"""

from typing import NamedTuple

import numpy as np

from tussle import checks
from tussle.metrics.floors import Values

ENTRIES = 4_000_000  # of a block of distances: 32 MB, and a few times that at work
EPS = float(np.finfo(np.float64).eps)


class Manifold(NamedTuple):
    """How two samples lie in each other's neighborhoods.

    Attributes:
        precision: share of generated points in the ball of some real point.
        recall: share of real points in the ball of some generated point.
        density: mean number of real balls a generated point lies in, over k; it may exceed 1.
        coverage: share of real points with some generated point in their ball.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def squared_distances(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return squared distances (n, m) and bounds of their rounding; exact differences where that is cheap."""
    if x.shape[1] <= 16:
        from scipy.spatial.distance import cdist

        found = cdist(x, y, "sqeuclidean")
        return found, 4 * EPS * found
    first, second = np.einsum("ij,ij->i", x, x)[:, None], np.einsum("ij,ij->i", y, y)[None, :]
    size = first + second
    return np.maximum(size - 2 * (x @ y.T), 0.0), 16 * EPS * size


def blocks(n: int, m: int) -> list[slice]:
    """Return the blocks of rows in which a matrix (n, m) is computed."""
    step = max(1, ENTRIES // max(m, 1))
    return [slice(k, min(k + step, n)) for k in range(0, n, step)]


def squared_radii(x: np.ndarray, ranks: tuple[int, ...]) -> dict[int, np.ndarray]:
    """Return the squared distance of each point to its k-th nearest neighbor among the others, for each rank k.

    Args:
        x: points (n, d).
        ranks: which neighbors, each below n.

    Returns:
        by rank, (n,).
    """
    found = {k: np.empty(len(x)) for k in ranks}
    for rows in blocks(len(x), len(x)):
        squares, _ = squared_distances(x[rows], x)
        squares[np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)] = 0.0
        near = np.partition(squares, ranks, axis=1)  # rank 0 is the point itself
        for k in ranks:
            found[k][rows] = near[:, k]
    return found


def manifold(real: np.ndarray, fake: np.ndarray, k: int = 3, k_density: int = 5) -> Manifold:
    """Measure precision and recall with k neighbors, density and coverage with theirs.

    Args:
        real: points (n, d).
        fake: generated points (m, d).
        k: neighbors of precision and recall; 3 as published.
        k_density: neighbors of density and coverage; 5 as published.

    Returns:
        all four.

    Raises:
        ValueError: if there are not more points than neighbors.

    Reference:
        Kynkaanniemi et al., "Improved precision and recall metric for assessing generative models", NeurIPS 2019;
        Naeem et al., "Reliable fidelity and diversity metrics for generative models", ICML 2020.

    Example:
        >>> x = np.arange(8.0)[:, None]
        >>> manifold(x, x[:4] + 0.5, k=1, k_density=1)
        Manifold(precision=1.0, recall=0.625, density=2.0, coverage=0.625)
    """
    for name, points, least in (("real", real, max(k, k_density)), ("fake", fake, k)):
        checks.count("neighbors", least)
        if len(points) <= least:
            message = f"`{name}` has {len(points)} sample(s); balls to the {least}-th neighbor need more than {least}; "
            raise ValueError(message + "draw more samples or take fewer `neighbors`.")
    center = real.mean(axis=0)
    x, y = real - center, fake - center  # the smaller the coordinates, the smaller the rounding
    radii, own = squared_radii(x, (k, k_density)), squared_radii(y, (k,))[k]
    hits, recalled, covered = np.zeros(len(y)), np.zeros(len(x), bool), np.zeros(len(x), bool)
    precise = np.zeros(len(y), bool)
    for rows in blocks(len(x), len(y)):
        squares, slack = squared_distances(x[rows], y)
        squares -= slack
        precise |= (squares <= radii[k][rows, None]).any(axis=0)
        recalled[rows] = (squares <= own).any(axis=1)
        inside = squares <= radii[k_density][rows, None]
        hits += inside.sum(axis=0)
        covered[rows] = inside.any(axis=1)
    return Manifold(
        float(precise.mean()), float(recalled.mean()), float(hits.mean() / k_density), float(covered.mean())
    )


def manifold_values(real: np.ndarray, fake: np.ndarray, k: int = 3, k_density: int = 5) -> Values:
    """Return the four shares by name."""
    return manifold(real, fake, k, k_density)._asdict()
