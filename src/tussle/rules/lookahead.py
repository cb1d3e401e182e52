"""Lookahead: walk k steps with another rule, then come back part of the way."""

from typing import Any

from tussle import checks
from tussle.field import AbstractField
from tussle.game import Point, Stream
from tussle.paces import AbstractPace
from tussle.records import record, static
from tussle.rules.base import AbstractRule, Info


@record
class Lookahead:
    """x <- (1 - alpha) x + alpha x_k, x_k after `k` steps of the inner rule (Chavdarova et al. 2021).

    One step of this rule is one outer step: `k` inner steps and the return.
    """

    inner: AbstractRule
    k: int = static(default=5)
    alpha: Any = 0.5

    def __post_init__(self) -> None:
        """Check the count and the share."""
        checks.count("k", self.k)
        checks.positive("alpha", self.alpha)
        if checks.is_number(self.alpha) and self.alpha > 1:
            message = f"`alpha` is {self.alpha}; it is a share of the way and at most 1; give a number up to 1."
            raise ValueError(message)

    @property
    def pace(self) -> AbstractPace:
        """The pace of the inner rule."""
        return self.inner.pace

    @property
    def readings(self) -> int:
        """All readings of the inner steps."""
        return self.k * self.inner.readings

    def with_pace(self, pace: AbstractPace) -> "Lookahead":
        """Return the same rule with another pace."""
        return Lookahead(self.inner.with_pace(pace), self.k, self.alpha)

    def init(self, point: Point) -> Any:
        """Return the inner rule's state."""
        return self.inner.init(point)

    def rest(self, point: Point) -> Any:
        """Return the inner rule's state at rest."""
        return self.inner.rest(point)

    def step(self, field: AbstractField, point: Point, state: Any, batch: Any) -> tuple[Point, Any, Info]:
        """Take one outer step."""
        slow, info, used = point, None, self.inner.readings
        for inner_step in range(self.k):
            part = batch
            if isinstance(batch, Stream):
                part = Stream(batch.batches[inner_step * used : (inner_step + 1) * used])
            point, state, info = self.inner.step(field, point, state, part)
        assert info is not None
        point = tuple(x + self.alpha * (y - x) for x, y in zip(slow, point, strict=True))
        return point, state, info


def lookahead(inner: AbstractRule, k: int = 5, alpha: Any = 0.5) -> Lookahead:
    """Return lookahead around another rule: `k` inner steps, then a share `alpha` of the way."""
    return Lookahead(inner, k, alpha)
