"""What probes cost, and when one more reading can be afforded."""

import math
import time

from tussle.records import record, static

FIRST = {"plain": 12, "eigenvalues": 400}  # steps that a reading is taken to last before there was one


@record
class Cost:
    """What probes have cost.

    Attributes:
        seconds: spent on readings, by kind: `plain` and `eigenvalues`.
        readings: how many there were, by kind.
        elapsed: seconds from the first question whether a reading is due to the last event, readings included.
    """

    seconds: dict[str, float] = static()
    readings: dict[str, int] = static()
    elapsed: float = static()

    @property
    def total(self) -> float:
        """Seconds spent on all readings."""
        return sum(self.seconds.values())

    @property
    def share(self) -> float:
        """Share of the loop's time, readings included."""
        return self.total / self.elapsed if self.elapsed > 0 else 0.0

    def __str__(self) -> str:
        """Return the cost in one line."""
        eigen = self.readings["eigenvalues"]
        tail = f", {self.seconds['eigenvalues']:.2f} s of it on {eigen} of eigenvalues" if eigen else ""
        return (
            f"probes took {self.total:.2f} s of {self.elapsed:.1f} s ({100 * self.share:.1f} %) in "
            f"{self.readings['plain']} reading(s){tail}"
        )


class Clock:
    """The time that readings have taken so far, and how long steps last."""

    start: float
    last: float
    steps: int
    seconds: dict[str, float]
    readings: dict[str, int]
    open: dict[str, float]

    def __init__(self) -> None:
        self.start = self.last = math.nan
        self.steps = 0
        self.seconds = {"plain": 0.0, "eigenvalues": 0.0}
        self.readings = {"plain": 0, "eigenvalues": 0}
        self.latest: dict[str, float] = {}
        self.open = {"plain": 0.0, "eigenvalues": 0.0}

    def tick(self, step: bool = True) -> None:
        """Note the time."""
        self.last = time.perf_counter()
        if math.isnan(self.start):
            self.start = self.last
        else:
            self.steps += step

    def spent(self, kind: str) -> None:
        """Book the time since the last event."""
        before, self.last = self.last, time.perf_counter()
        self.open[kind] += self.last - before
        self.seconds[kind] += self.last - before

    def finished(self, **kinds: bool) -> None:
        """Count a reading."""
        for name, read in (("plain", kinds["plain"]), ("eigenvalues", kinds["eigen"])):
            if read:
                self.readings[name] += 1
                self.latest[name] = self.open[name]
            self.open[name] = 0.0

    def affords(self, kind: str, share: float) -> bool:
        """Say whether one more reading stays within a share of the time passed."""
        if self.steps == 0:
            return False
        elapsed = self.last - self.start
        one_step = (elapsed - sum(self.seconds.values())) / self.steps
        expected = self.latest.get(kind, FIRST[kind] * one_step)
        return self.seconds[kind] + expected <= share * elapsed

    def cost(self) -> Cost:
        """Return the sum."""
        elapsed = 0.0 if math.isnan(self.start) else self.last - self.start
        return Cost(dict(self.seconds), dict(self.readings), elapsed)
