"""The two sides of a comparison: real and generated points, and where fresh real ones come from."""

from typing import Any, NamedTuple

import numpy as np

from tussle.metrics.features import Features
from tussle.metrics.floors import Floor, Single, Source, Statistic, floor_of, single_floor
from tussle.metrics.measured import Metric
from tussle.metrics.samples import array, law_of, same_shape


class Sides(NamedTuple):
    """Points to compare.

    Attributes:
        real: points (n, d).
        fake: points (m, d).
        source: of independent real points.
        features: the network the points come from, or None.
        seed: of all draws.
        repeats: of the floor; 0 for none.
    """

    real: np.ndarray
    fake: np.ndarray
    source: Source
    features: Features | None
    seed: int
    repeats: int

    def floor(self, statistic: Statistic) -> Floor | None:
        """Measure the floor of a statistic of both samples."""
        if not self.repeats:
            return None
        return floor_of(statistic, self.source, self.real, self.fake, self.seed, self.repeats)

    def ceiling(self, statistic: Single, replaced: bool = True) -> Floor | None:
        """Measure what the real law gets in a statistic of one sample; see `single_floor`."""
        if not self.repeats:
            return None
        return single_floor(statistic, self.source, self.fake, self.seed, self.repeats, replaced)

    def metric(self, name: str, value: float, floor: Floor | None, key: str = "", **rest: Any) -> Metric:
        """Return the record of one value with its floor."""
        key = key or name
        found = None if floor is None else floor.mean[key]
        deviation = None if floor is None or np.isnan(floor.deviation[key]) else floor.deviation[key]
        rest["matched"] = None if floor is None else floor.matched.get(key)
        rest["floor_samples"] = None if floor is None else floor.samples
        rest.setdefault("features", self.features)
        return Metric(name, value, found, deviation, (len(self.real), len(self.fake)), **rest)


class Inputs(NamedTuple):
    """Samples as they came, checked.

    Attributes:
        real: (n, ...).
        fake: (m, ...).
        held_out: (k, ...), without samples where there are none.
        law: of the real samples, or None.
    """

    real: np.ndarray
    fake: np.ndarray
    held_out: np.ndarray
    law: Any

    def sides(self, transform: Any, features: Features | None, seed: int, repeats: int) -> Sides:
        """Return the sides after a transform of samples (n, ...) to points."""
        real, fake = transform(self.real), transform(self.fake)
        pool = np.concatenate([real, transform(self.held_out)]) if len(self.held_out) else real
        checked = lambda drawn: transform(array("held_out", drawn))
        return Sides(real, fake, Source(pool, self.law, checked), features, seed, repeats)


def inputs(real: Any, fake: Any, held_out: Any) -> Inputs:
    """Check the samples.

    Raises:
        ValueError: if they are too few, not finite, or of different shapes.
    """
    x, y = array("real", real), array("fake", fake)
    same_shape("fake", y, x)
    law = law_of(held_out)
    if held_out is None or law is not None:
        return Inputs(x, y, x[:0], law)
    kept = array("held_out", held_out, 1)
    same_shape("held_out", kept, x)
    return Inputs(x, y, kept, None)
