"""Alternating steps: the players move in turn, each seeing where the others have already gone."""

from typing import Any

from tussle import checks
from tussle.field import AbstractField
from tussle.game import Point, reading, replaced
from tussle.paces import AbstractPace
from tussle.records import record, static
from tussle.rules.base import Info, moved_one, paces_init, paces_rest


@record
class Alternating:
    """Player i takes `steps[i]` steps in its turn; `first` begins, the others follow in their order.

    On a pure rotation with one plain step each the map has determinant 1: orbits close where simultaneous steps
    spiral out.
    """

    pace: AbstractPace
    steps: tuple[int, ...] = static(default=(1, 1))
    first: str = static(default="generator")

    def __post_init__(self) -> None:
        """Check the counts."""
        for value in self.steps:
            checks.count("steps", value)

    @property
    def readings(self) -> int:
        """One reading for each player's step."""
        return sum(self.steps)

    def with_pace(self, pace: AbstractPace) -> "Alternating":
        """Return the same rule with another pace."""
        return Alternating(pace, self.steps, self.first)

    def init(self, point: Point) -> Any:
        """Return the pace's state for each player."""
        return paces_init(self.pace, point)

    def rest(self, point: Point) -> Any:
        """Return the pace's state at rest."""
        return paces_rest(self.pace, point)

    def step(self, field: AbstractField, point: Point, state: Any, batch: Any) -> tuple[Point, Any, Info]:
        """Let every player take its turn once."""
        velocity, states, read = list(point), list(state), 0
        for i in self._order(field, point):
            for _ in range(self.steps[i]):
                velocity[i] = field.player(i, point, reading(batch, read))
                x, states[i] = moved_one(field, self.pace, i, point[i], states[i], velocity[i])
                point = replaced(point, i, x)
                read += 1
        return point, tuple(states), Info(tuple(velocity))

    def _order(self, field: AbstractField, point: Point) -> list[int]:
        names = field.game.players
        if len(self.steps) != len(point):
            message = (
                f"`steps` is {self.steps} for {len(point)} players; it must hold one count for each; give "
                f"{len(point)} counts."
            )
            raise ValueError(message)
        start = names.index(checks.choice("first", self.first, names))
        return [start, *(i for i in range(len(names)) if i != start)]


def alternating(pace: AbstractPace, steps: tuple[int, ...] = (1, 1), first: str = "generator") -> Alternating:
    """Return alternating steps: `steps` turns of each player (generator, discriminator), `first` begins."""
    return Alternating(pace, tuple(steps), first)
