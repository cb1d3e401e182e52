"""Optimistic steps: twice the new move minus the last one."""

from typing import Any

from tussle.field import AbstractField
from tussle.game import Point, reading
from tussle.paces import AbstractPace, Aside
from tussle.records import record
from tussle.rules.base import Info, paces_init, paces_rest


@record
class Optimistic:
    """x_{k+1} = x_k + 2 d_k - d_{k-1}, d_k the pace's move along v(x_k) (Daskalakis et al. 2018).

    The first step has no past and is a plain one. On a rotation a = h |lambda| it is stable for a < 1/sqrt(3).
    """

    pace: AbstractPace
    readings = 1

    def with_pace(self, pace: AbstractPace) -> "Optimistic":
        """Return the same rule with another pace."""
        return Optimistic(pace)

    def init(self, point: Point) -> Any:
        """Return the pace's states, no last moves, and a mark that there is no past."""
        return paces_init(self.pace, point), tuple(0 * x for x in point), Aside(0 * point[0][:1])

    def rest(self, point: Point) -> Any:
        """Return the state at rest: the last moves are zero."""
        return paces_rest(self.pace, point), tuple(0 * x for x in point), Aside(0 * point[0][:1] + 1)

    def step(self, field: AbstractField, point: Point, state: Any, batch: Any) -> tuple[Point, Any, Info]:
        """Take one step."""
        paces, last, aside = state
        begun = aside.value
        velocity = field(point, reading(batch, 0))
        stepped = [self.pace.step(i, v, s) for i, (v, s) in enumerate(zip(velocity, paces, strict=True))]
        moves = tuple(move for move, _ in stepped)
        point = tuple(
            field.game.project(i, x + move + begun * (move - old))
            for i, (x, move, old) in enumerate(zip(point, moves, last, strict=True))
        )
        return point, (tuple(s for _, s in stepped), moves, Aside(0 * begun + 1)), Info(velocity)


def optimistic(pace: AbstractPace) -> Optimistic:
    """Return optimistic steps with the given pace."""
    return Optimistic(pace)
