"""Maps: a rule applied to a field turns (point, state) into the next (point, state)."""

from typing import Any

from tussle.autodiff import Array, namespace
from tussle.field import AbstractField
from tussle.game import Point
from tussle.paces import Aside, Rate, scaled
from tussle.records import rebuild, record
from tussle.rules.base import AbstractRule, Info


@record
class Map:
    """One step of a method on a game: `step(point, state, batch) -> (point, state, info)`."""

    field: AbstractField
    rule: AbstractRule

    def __post_init__(self) -> None:
        """Check that field and rule are what they should be, with one rate, or one for each player."""
        if not callable(getattr(self.field, "player", None)):
            message = f"`field` is {self.field!r:.60}; a map needs a field; give one, such as Field(game)."
            raise ValueError(message)
        if not callable(getattr(self.rule, "step", None)) or not callable(getattr(self.rule, "rest", None)):
            message = f"`rule` is {self.rule!r:.60}; a map needs a rule; give one, such as simultaneous(sgd(0.1))."
            raise ValueError(message)
        lr, players = self.rule.pace.lr, self.field.game.players
        if isinstance(lr, (tuple, list)) and len(lr) != len(players):
            message = f"`lr` has {len(lr)} rates for {len(players)} players; give one number or one for each player."
            raise ValueError(message)

    def init(self, point: Point) -> Any:
        """Return the state before the first step."""
        return self.rule.init(point)

    def step(self, point: Point, state: Any, batch: Any = None) -> tuple[Point, Any, Info]:
        """Take one step."""
        return self.rule.step(self.field, point, state, batch)

    @property
    def lr(self) -> Rate:
        """The rate of the pace."""
        return self.rule.pace.lr

    def with_lr(self, lr: Rate) -> "Map":
        """Return the same method at another rate (one number, or one for each player)."""
        pace = self.rule.pace
        values = {**vars(pace), "lr": lr}
        return Map(self.field, self.rule.with_pace(rebuild(type(pace), values)))

    def at_scale(self, factor: Any) -> "Map":
        """Return the same method with all rates times `factor`."""
        return self.with_lr(scaled(self.lr, factor))


def ravel(tree: Any) -> tuple[Array, Any]:
    """Return nested tuples of vectors as one vector, and the pattern that `unravel` needs; `Aside` is left out."""
    leaves: list[Array] = []

    def walk(node: Any) -> Any:
        if isinstance(node, Aside):
            return node
        if isinstance(node, tuple):
            return tuple(walk(child) for child in node)
        leaves.append(node)
        return int(node.shape[0])

    pattern = walk(tree)
    return namespace(*leaves).concat(leaves), pattern


def unravel(vector: Array, pattern: Any) -> Any:
    """Undo `ravel`."""
    position = 0

    def walk(node: Any) -> Any:
        nonlocal position
        if isinstance(node, Aside):
            return node
        if isinstance(node, tuple):
            return tuple(walk(child) for child in node)
        position += node
        return vector[position - node : position]

    return walk(pattern)
