"""The birthday test: how many different samples a generator has, from the duplicates in a batch.

Among s samples of a law with N equally likely values, C = s (s - 1) / 2N pairs are expected to be equal. Duplicates in
a batch of s therefore suggest a support of the order of s^2.
"""

import math

import numpy as np

from tussle import checks
from tussle.metrics.neighbors import blocks, squared_distances
from tussle.records import record, static


@record
class Birthday:
    """The size of a support, from pairs that are the same.

    Attributes:
        support: 1 / sum p^2 estimated as s (s - 1) / 2C: the number of values if all are equally likely, and less
            than it if they are not; infinite without duplicates.
        low: lower end of the 95 % interval.
        high: upper end; infinite without duplicates.
        collisions: C, pairs that are the same.
        samples: s.
        threshold: the distance up to which two samples count as the same; 0 where the nearest reference decides.
    """

    support: float
    low: float
    high: float
    collisions: int = static()
    samples: int = static()
    threshold: float = static()

    @property
    def batch(self) -> float:
        """The batch that has a duplicate with probability one half, sqrt(2 log 2 support)."""
        return math.sqrt(2 * math.log(2) * self.support)


def birthday_test(
    samples: np.ndarray, *, threshold: float | None = None, reference: np.ndarray | None = None
) -> Birthday:
    """Estimate the size of the support of a law from duplicates among its samples.

    Args:
        samples: points (s, d).
        threshold: the distance up to which two samples are the same.
        reference: points (n, d) to judge by in place of a distance: two samples are the same if they have the same
            nearest reference point.

    Returns:
        the support with its interval. The interval counts with the scatter of unequal probabilities, as far as the
        triples among the samples show it.

    Raises:
        ValueError: if both or neither of threshold and reference are given.

    Reference:
        Arora, Risteski, Zhang, "Do GANs learn the distribution? Some theory and empirics", ICLR 2018.

    Example:
        >>> found = birthday_test(np.arange(100.0)[:, None] % 50, threshold=0.0)
        >>> found.collisions, found.support
        (50, 99.0)
    """
    if (threshold is None) == (reference is None):
        message = f"`threshold` is {threshold} and `reference` is {'not ' if reference is None else ''}given; exactly "
        raise ValueError(message + "one must be, to say which samples are the same; give one of them.")
    if reference is not None:
        from scipy.spatial import KDTree

        which = KDTree(reference).query(samples)[1]
        same = np.bincount(which)[which] - 1.0
    else:
        checks.nonnegative("threshold", threshold)
        same = _partners(samples, float(threshold or 0.0))
    return _estimate(same, 0.0 if threshold is None else float(threshold))


def closest_pair(points: np.ndarray) -> float:
    """Return the smallest distance between two of the points."""
    least, points = math.inf, points - points.mean(axis=0)
    for rows in blocks(len(points), len(points)):
        squares, _ = squared_distances(points[rows], points)
        squares[np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)] = np.inf
        least = min(least, float(squares.min()))
    return math.sqrt(least)


def _partners(points: np.ndarray, threshold: float) -> np.ndarray:
    """Return how many others each point is the same as, (s,)."""
    centered = points - points.mean(axis=0)
    found = np.empty(len(points))
    for rows in blocks(len(points), len(points)):
        squares, slack = squared_distances(centered[rows], centered)
        found[rows] = (squares - slack <= threshold**2).sum(axis=1) - 1
    return found


def _estimate(same: np.ndarray, threshold: float) -> Birthday:
    """Turn numbers of partners into a support.

    The variance of C is that of independent pairs plus that of pairs with a common sample: twice the number of such
    double pairs beyond the 3 (s choose 3) q^2 of equal probabilities.
    """
    from scipy.stats import gamma

    s = len(same)
    pairs, collisions = s * (s - 1) / 2, float(same.sum()) / 2
    share = collisions / pairs
    double = float(np.sum(same * (same - 1))) / 2
    extra = 2 * max(double - 3 * math.comb(s, 3) * share**2, 0.0)
    over = 1 + extra / collisions if collisions else 1.0
    most = over * float(gamma.ppf(0.975, collisions / over + 1))
    least = over * float(gamma.ppf(0.025, collisions / over)) if collisions else 0.0
    inverse = lambda c: pairs / c if c > 0 else math.inf
    return Birthday(inverse(collisions), inverse(most), inverse(least), int(collisions), s, threshold)
