"""What a rule is: a pair of pure functions.

`init(point) -> state` and `step(field, point, state, batch) -> (point, state, info)`; `info` holds what is only looked
at. `rest(point)` is the state in which the rule waits at an equilibrium. A rule reads its pace for the moves; the pace
of a rule can be exchanged by `with_pace`.
"""

from typing import Any, NamedTuple, Protocol

from tussle.autodiff import Array
from tussle.field import AbstractField
from tussle.game import Point
from tussle.paces import AbstractPace


class Info(NamedTuple):
    """What a step saw: the velocities that it read last."""

    velocity: Point


class AbstractRule(Protocol):
    """What a rule must offer."""

    @property
    def pace(self) -> AbstractPace:
        """The pace of the moves."""
        ...

    @property
    def readings(self) -> int:
        """How many batches one step can use, one for each reading of the field."""
        ...

    def with_pace(self, pace: AbstractPace) -> "AbstractRule":
        """Return the same rule with another pace."""
        ...

    def init(self, point: Point) -> Any:
        """Return the state before the first step."""
        ...

    def rest(self, point: Point) -> Any:
        """Return the state at rest at an equilibrium."""
        ...

    def step(self, field: AbstractField, point: Point, state: Any, batch: Any) -> tuple[Point, Any, Info]:
        """Return the next point, the next state and what was seen."""
        ...


def paces_init(pace: AbstractPace, point: Point) -> tuple[Any, ...]:
    """Return the pace's first state for each player."""
    return tuple(pace.init(x) for x in point)


def paces_rest(pace: AbstractPace, point: Point) -> tuple[Any, ...]:
    """Return the pace's state at rest for each player."""
    return tuple(pace.rest(x) for x in point)


def moved(
    field: AbstractField, pace: AbstractPace, point: Point, state: tuple[Any, ...], velocity: Point
) -> tuple[Point, tuple[Any, ...]]:
    """Move every player along its velocity and project it onto its feasible set."""
    points, states = [], []
    for i, (x, s, v) in enumerate(zip(point, state, velocity, strict=True)):
        x, s = moved_one(field, pace, i, x, s, v)
        points.append(x)
        states.append(s)
    return tuple(points), tuple(states)


def moved_one(
    field: AbstractField, pace: AbstractPace, player: int, x: Array, state: Any, velocity: Array
) -> tuple[Array, Any]:
    """Move one player along its velocity and project it onto its feasible set."""
    move, state = pace.step(player, velocity, state)
    return field.game.project(player, x + move), state
