"""Averages of the iterates, kept beside the raw path."""

from typing import Any

from tussle import checks
from tussle.field import AbstractField
from tussle.game import Point
from tussle.paces import AbstractPace, Aside
from tussle.records import record
from tussle.rules.base import AbstractRule, Info


@record
class Averaging:
    """The inner rule, with a running average of its points in the state: (inner state, Aside((average, rest, count))).

    Without `decay` the average is uniform over all iterates (on a bilinear game it tends to the equilibrium as 1/k
    while the iterates circle); with it the average is exponential: a <- decay a + (1 - decay) x.

    What rounding takes off a step is kept and added to the next (Kahan's sum): a decay of 0.9999 in float32 would
    otherwise stand still wherever iterates differ from their average by less than a thousandth of its size.
    """

    inner: AbstractRule
    decay: Any = None

    def __post_init__(self) -> None:
        """Check the decay."""
        if self.decay is not None:
            checks.nonnegative("decay", self.decay)

    @property
    def pace(self) -> AbstractPace:
        """The pace of the inner rule."""
        return self.inner.pace

    @property
    def readings(self) -> int:
        """The readings of the inner rule."""
        return self.inner.readings

    def with_pace(self, pace: AbstractPace) -> "Averaging":
        """Return the same rule with another pace."""
        return Averaging(self.inner.with_pace(pace), self.decay)

    def init(self, point: Point) -> Any:
        """Return the inner state, the point itself as average, nothing left over, and a count of one."""
        return self.inner.init(point), Aside((point, _zeros(point), 0 * point[0][:1] + 1))

    def rest(self, point: Point) -> Any:
        """Return the state at rest, after infinitely many steps."""
        return self.inner.rest(point), Aside((point, _zeros(point), 0 * point[0][:1] + float("inf")))

    def average(self, state: Any) -> Point:
        """Return the averaged point."""
        return state[1].value[0]

    def step(self, field: AbstractField, point: Point, state: Any, batch: Any) -> tuple[Point, Any, Info]:
        """Take one inner step and update the average."""
        inner, aside = state
        average, rest, count = aside.value
        point, inner, info = self.inner.step(field, point, inner, batch)
        share = 1 / (count + 1) if self.decay is None else 1 - self.decay
        added = [share * (x - a) + r for a, r, x in zip(average, rest, point, strict=True)]
        sums = tuple(a + d for a, d in zip(average, added, strict=True))
        rest = tuple(d - (s - a) for a, d, s in zip(average, added, sums, strict=True))
        return point, (inner, Aside((sums, rest, count + 1))), info


def _zeros(point: Point) -> Point:
    return tuple(0 * x for x in point)


def averaging(inner: AbstractRule, decay: Any = None) -> Averaging:
    """Return the inner rule with an average of its iterates in the state."""
    return Averaging(inner, decay)
