"""What a metric comes to, beside what it is between samples of the real law alone."""

import math
from collections.abc import Mapping
from typing import Any

from tussle.analysis import plain
from tussle.metrics.features import Features
from tussle.records import record, static


@record
class Metric:
    """A metric of generated samples, its noise floor, and how both were measured.

    A distance between two finite samples of the *same* law is not zero, and a share is not one. The floor is what the
    metric gives where the generator is perfect: differences smaller than the floor's deviation say nothing.

    Attributes:
        name: of the metric.
        value: between the real and the generated samples.
        floor: mean of the same statistic between independent samples of the real law; for shares and supports this
            is a ceiling. None where it was not measured.
        floor_deviation: standard deviation of a single such value.
        samples: how many real and how many generated samples the value is of.
        floor_samples: how many samples the floor is of; fewer where the real data are too few for two disjoint sets.
        matched: the value at the sizes of the floor, where these are smaller: compare this one with the floor.
        deviation: standard deviation of the value itself, where the metric has one.
        better: `lower` or `higher`.
        note: the convention, in words.
        features: the network whose features were compared, None for the samples themselves.
        details: further numbers by name.
    """

    name: str = static()
    value: float
    floor: float | None
    floor_deviation: float | None
    samples: tuple[int, int] = static()
    floor_samples: tuple[int, int] | None = static(default=None)
    matched: float | None = None
    deviation: float | None = None
    better: str = static(default="lower")
    note: str = static(default="")
    features: Features | None = static(default=None)
    details: Mapping[str, Any] = static(default_factory=dict)

    @property
    def excess(self) -> float | None:
        """The value less its floor, both at the same number of samples; None without a finite floor."""
        value = self.value if self.matched is None else self.matched
        return value - self.floor if self.floor is not None and math.isfinite(self.floor) else None

    def to_json(self) -> dict[str, Any]:
        """Return all that was measured as JSON knows it."""
        return plain(
            {
                "name": self.name,
                "value": self.value,
                "floor": self.floor,
                "floor_deviation": self.floor_deviation,
                "samples": self.samples,
                "floor_samples": self.floor_samples,
                "matched": self.matched,
                "deviation": self.deviation,
                "better": self.better,
                "note": self.note,
                "features": None if self.features is None else self.features.to_json(),
                "details": dict(self.details),
            }
        )

    def __str__(self) -> str:
        if self.floor is None:
            return f"{self.name} {self.value:.4g}"
        spread = f" +- {self.floor_deviation:.2g}" if self.floor_deviation is not None else ""
        word = "floor" if self.better == "lower" else "real data"
        return f"{self.name} {self.value:.4g} ({word} {self.floor:.4g}{spread})"
