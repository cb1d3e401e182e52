"""Extragradient: look a step ahead, then step from where one stood."""

from typing import Any

from tussle.field import AbstractField
from tussle.game import Point, reading
from tussle.paces import AbstractPace
from tussle.records import record
from tussle.rules.base import Info, moved, paces_init, paces_rest


@record
class Extragradient:
    """y = x + h v(x), then x <- x + h v(y) (Korpelevich 1976; Gidel et al. 2019).

    A pace with a state advances it at both moves. On a rotation a = h |lambda| it is stable for a < 1.
    """

    pace: AbstractPace
    readings = 2

    def with_pace(self, pace: AbstractPace) -> "Extragradient":
        """Return the same rule with another pace."""
        return Extragradient(pace)

    def init(self, point: Point) -> Any:
        """Return the pace's state for each player."""
        return paces_init(self.pace, point)

    def rest(self, point: Point) -> Any:
        """Return the pace's state at rest."""
        return paces_rest(self.pace, point)

    def step(self, field: AbstractField, point: Point, state: Any, batch: Any) -> tuple[Point, Any, Info]:
        """Take one step."""
        ahead, state = moved(field, self.pace, point, state, field(point, reading(batch, 0)))
        velocity = field(ahead, reading(batch, 1))
        point, state = moved(field, self.pace, point, state, velocity)
        return point, state, Info(velocity)


def extragradient(pace: AbstractPace) -> Extragradient:
    """Return extragradient steps with the given pace."""
    return Extragradient(pace)
