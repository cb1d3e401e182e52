"""Simultaneous steps: all players read the field at the same point."""

from typing import Any

from tussle.field import AbstractField
from tussle.game import Point, reading
from tussle.paces import AbstractPace
from tussle.records import record
from tussle.rules.base import Info, moved, paces_init, paces_rest


@record
class Simultaneous:
    """x <- x + h v(x) for all players at once; with plain steps its Jacobian is I + h v'."""

    pace: AbstractPace
    readings = 1

    def with_pace(self, pace: AbstractPace) -> "Simultaneous":
        """Return the same rule with another pace."""
        return Simultaneous(pace)

    def init(self, point: Point) -> Any:
        """Return the pace's state for each player."""
        return paces_init(self.pace, point)

    def rest(self, point: Point) -> Any:
        """Return the pace's state at rest."""
        return paces_rest(self.pace, point)

    def step(self, field: AbstractField, point: Point, state: Any, batch: Any) -> tuple[Point, Any, Info]:
        """Take one step."""
        velocity = field(point, reading(batch, 0))
        point, state = moved(field, self.pace, point, state, velocity)
        return point, state, Info(velocity)


def simultaneous(pace: AbstractPace) -> Simultaneous:
    """Return simultaneous steps with the given pace."""
    return Simultaneous(pace)
