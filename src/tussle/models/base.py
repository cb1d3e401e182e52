"""Models: a game with its equilibria, a usual start, the names of its parameters and where it comes from."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tussle.game import AbstractGame, Point
from tussle.records import record, static


@record
class Model:
    """A game that is understood.

    Attributes:
        name: what the command line calls it.
        game: the game itself.
        equilibria: points where the game is at its solution, one NumPy vector per player each.
        start: the usual start of a run.
        axes: the names of all parameters, generator first.
        sources: the papers that the model comes from.
        judge: what the model knows of its own runs: `judge(model, map, trajectory, outcome)` returns the three that
            stand in an analysis (the trajectory, its outcome, and further entries of the JSON document), or None.
    """

    name: str = static()
    game: AbstractGame
    equilibria: tuple[Point, ...] = static()
    start: Point = static()
    axes: tuple[str, ...] = static()
    sources: tuple[str, ...] = static(default=())
    judge: Callable[..., Any] | None = static(default=None)

    @property
    def equilibrium(self) -> Point:
        """The first of the equilibria."""
        return self.equilibria[0]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of parameters of each player."""
        return tuple(len(x) for x in self.start)


def vectors(*values: Any) -> Point:
    """Return one float64 vector for each value."""
    return tuple(np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in values)
