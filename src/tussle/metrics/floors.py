"""Noise floors: the same statistic between independent samples of the real law.

With an exact law fresh samples are drawn. With a finite set of real data (those compared with, and those held out) they
are disjoint random subsets, so that no point meets itself; if the data are too few for two sets of the sizes of the
value, both shrink in proportion, and the value is measured once more at those sizes.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tussle.metrics.samples import flat

Values = Mapping[str, float]
Statistic = Callable[[np.ndarray, np.ndarray], Values]  # of real and of generated points
Single = Callable[[np.ndarray], Values]  # of generated points alone


class Floor(NamedTuple):
    """Floors by name.

    Attributes:
        mean: over the repeats.
        deviation: of one repeat; nan with a single repeat.
        samples: sizes of the two sets.
        matched: means of the value at these sizes; empty where they are those of the value.
    """

    mean: Values
    deviation: Values
    samples: tuple[int, int]
    matched: Values


class Source(NamedTuple):
    """Where independent samples of the real law come from.

    Attributes:
        pool: real points (N, ...), those held out included.
        law: samples without end, or None.
        transform: from samples of the law to points.
    """

    pool: np.ndarray
    law: Any = None
    transform: Callable[[np.ndarray], np.ndarray] = flat

    def sizes(self, n: int, m: int) -> tuple[int, int]:
        """Return the sizes that two independent sets can have, if they should be n and m."""
        if self.law is not None or n + m <= len(self.pool):
            return n, m
        share = len(self.pool) / (n + m)
        return max(1, int(share * n)), max(1, int(share * m))

    def draw(self, rng: np.random.Generator, n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
        """Return two independent (or disjoint) sets of n and m points."""
        if self.law is not None:
            drawn = np.asarray(self.law.sample(rng, n + m))
            made = self.transform(drawn)
            return made[:n], made[n:]
        order = rng.permutation(len(self.pool))[: n + m]
        return self.pool[order[:n]], self.pool[order[n:]]


def floor_of(
    statistic: Statistic, source: Source, real: np.ndarray, fake: np.ndarray, seed: int, repeats: int
) -> Floor:
    """Measure the floor of a statistic of two samples.

    Args:
        statistic: values by name.
        source: of real samples.
        real: points the value is of.
        fake: generated points the value is of.
        seed: of the draws.
        repeats: how many pairs of samples.

    Returns:
        the floor.
    """
    rng = np.random.default_rng(seed)
    n, m = source.sizes(len(real), len(fake))
    found = [statistic(*source.draw(rng, n, m)) for _ in range(repeats)]
    matched: Values = {}
    if (n, m) != (len(real), len(fake)):
        picks = ((rng.permutation(len(real))[:n], rng.permutation(len(fake))[:m]) for _ in range(repeats))
        again = [statistic(real[i], fake[j]) for i, j in picks]
        matched = {name: float(np.mean([a[name] for a in again])) for name in again[0]}
    return Floor(*_spread(found), (n, m), matched)


def single_floor(
    statistic: Single, source: Source, fake: np.ndarray, seed: int, repeats: int, replaced: bool = True
) -> Floor:
    """Measure what the real law gets in a statistic of generated samples alone.

    Fewer real points than generated ones are taken all, and the deviation is then that of draws with replacement.

    Args:
        statistic: values by name.
        source: of real samples.
        fake: generated points the value is of.
        seed: of the draws.
        repeats: how many samples.
        replaced: whether draws with replacement make sense; where duplicates count they do not.

    Returns:
        the floor.
    """
    rng = np.random.default_rng(seed)
    m = len(fake) if source.law is not None else min(len(fake), len(source.pool))
    matched: Values = {}
    if m < len(fake):
        again = [statistic(fake[rng.permutation(len(fake))[:m]]) for _ in range(repeats)]
        matched = {name: float(np.mean([a[name] for a in again])) for name in again[0]}
    if source.law is not None or 2 * m <= len(source.pool):
        return Floor(*_spread([statistic(source.draw(rng, 0, m)[1]) for _ in range(repeats)]), (0, m), matched)
    whole = statistic(source.draw(rng, 0, m)[1])
    if not replaced:
        return Floor(whole, dict.fromkeys(whole, np.nan), (0, m), matched)
    drawn = [statistic(source.pool[rng.integers(len(source.pool), size=m)]) for _ in range(repeats)]
    return Floor(whole, _spread(drawn)[1], (0, m), matched)


def _spread(found: list[Values]) -> tuple[Values, Values]:
    """Return mean and deviation of each value."""
    table = {name: np.array([values[name] for values in found], dtype=float) for name in found[0]}
    mean = {name: float(v.mean()) for name, v in table.items()}
    many = len(found) > 1
    return mean, {name: float(v.std(ddof=1)) if many and np.isfinite(v).all() else np.nan for name, v in table.items()}
