"""Intervals: when a monitor may read again without costing more than its share of the time."""

import contextlib
import math
from collections.abc import Callable, Iterator

from tussle.records import record, static

FIRST = {"probes": 30.0, "checks": 60.0}  # steps that a reading is taken to last before there was one


@record
class Cost:
    """What a monitor has cost.

    Attributes:
        seconds: spent, by kind.
        readings: how many there were, by kind.
        elapsed: seconds since the first step, all of them.
        steps: steps counted.
    """

    seconds: dict[str, float] = static()
    readings: dict[str, int] = static()
    elapsed: float = static()
    steps: int = static()

    @property
    def share(self) -> float:
        """Share of the time that the monitor took."""
        return sum(self.seconds.values()) / self.elapsed if self.elapsed > 0 else 0.0

    def __str__(self) -> str:
        """Return the cost in one line."""
        spent = sum(self.seconds.values())
        counts = f"{self.readings['probes']} reading(s) and {self.readings['checks']} round(s) of checks"
        return (
            f"the monitor took {spent:.2f} s of {self.elapsed:.1f} s ({100 * self.share:.1f} %) for {counts} in "
            f"{self.steps} steps"
        )


class Intervals:
    """Keeps what a monitor spends within a share of the time passed.

    Args:
        clock: seconds of any clock that does not go back.
        shares: of the time, by kind.
    """

    def __init__(self, clock: Callable[[], float], shares: dict[str, float]) -> None:
        self.clock: Callable[[], float] = clock
        self.shares: dict[str, float] = shares
        self.began: float = math.nan
        self.steps: int = 0
        self.seconds: dict[str, float] = dict.fromkeys(shares, 0.0)
        self.readings: dict[str, int] = dict.fromkeys(shares, 0)
        self._latest: dict[str, float] = {}
        self._open: dict[str, float] = dict.fromkeys(shares, 0.0)

    def tick(self) -> None:
        """Count a step."""
        if math.isnan(self.began):
            self.began = self.clock()
        else:
            self.steps += 1

    @property
    def elapsed(self) -> float:
        """Seconds since the first step."""
        return 0.0 if math.isnan(self.began) else self.clock() - self.began

    def affords(self, kind: str) -> bool:
        """Say whether one more reading stays within the share, if it takes as long as the one before."""
        if self.steps == 0:
            return False
        elapsed = self.elapsed
        step = (elapsed - sum(self.seconds.values())) / self.steps
        expected = self._latest.get(kind, FIRST.get(kind, 1.0) * step)
        return self.seconds[kind] + expected <= self.shares[kind] * elapsed

    @contextlib.contextmanager
    def spending(self, kind: str, whole: bool = True) -> Iterator[None]:
        """Book what happens within.

        Args:
            kind: of reading.
            whole: whether a reading ends with it; else it is a part of the next one.
        """
        before = self.clock()
        try:
            yield
        finally:
            took = self.clock() - before
            self.seconds[kind] += took
            self._open[kind] += took
            if whole:
                self.readings[kind] += 1
                self._latest[kind], self._open[kind] = self._open[kind], 0.0

    def cost(self) -> Cost:
        """Return the sum."""
        return Cost(dict(self.seconds), dict(self.readings), self.elapsed, self.steps)
