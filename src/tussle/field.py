"""Fields: where a game pushes its players.

The velocity of a player is minus the gradient of its own loss with respect to its own parameters. This is the one
file that holds that minus.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from tussle.autodiff import Array, compiled, float64, gradient, is_torch, to_numpy, vectorized
from tussle.game import AbstractGame, Point, as_point, joined, placed, replaced, split
from tussle.gan import GAN
from tussle.records import record, static


class AbstractField(Protocol):
    """What a field must offer."""

    @property
    def game(self) -> AbstractGame:
        """The game that the field belongs to."""
        ...

    def player(self, player: int, point: Point, batch: Any) -> Array:
        """Return the velocity of one player."""
        ...

    def __call__(self, point: Point, batch: Any) -> Point:
        """Return the velocities of all players."""
        ...


@record
class Field:
    """The gradient field of a game: v_i = -d loss_i / d x_i."""

    game: AbstractGame

    def __post_init__(self) -> None:
        """Check that there is a game."""
        _check_game(self.game)

    def player(self, player: int, point: Point, batch: Any = None) -> Array:
        """Return the velocity of one player, shape of its vector."""
        batch = placed(self.game.expectation(), point[0]) if batch is None else batch
        loss = self.game.own_loss if isinstance(self.game, GAN) else self.game.loss
        return -gradient(lambda x: loss(player, replaced(point, player, x), batch), point[player])

    def __call__(self, point: Point, batch: Any = None) -> Point:
        """Return the velocities of all players at a point of JAX arrays or PyTorch tensors."""
        batch = placed(self.game.expectation(), point[0]) if batch is None else batch
        return tuple(self.player(i, point, batch) for i in range(len(point)))

    def at(self, values: Any, batch: Any = None) -> Point:
        """Return the velocities at a point given as plain numbers, as NumPy arrays (float64)."""
        return at(self, values, batch)


@record
class Explicit:
    """A field given by its formula: `function(point, batch)` returns one velocity for each player.

    Use it for fields that are no game's gradient, such as a published formula that is to be checked.
    """

    game: AbstractGame
    function: Callable[[Point, Any], Point] = static()

    def __post_init__(self) -> None:
        """Check that there is a game."""
        _check_game(self.game)

    def player(self, player: int, point: Point, batch: Any = None) -> Array:
        """Return the velocity of one player."""
        return self.function(point, batch)[player]

    def __call__(self, point: Point, batch: Any = None) -> Point:
        """Return the velocities of all players."""
        return tuple(self.function(point, batch))

    def at(self, values: Any, batch: Any = None) -> Point:
        """Return the velocities at a point given as plain numbers, as NumPy arrays (float64)."""
        return at(self, values, batch)


def _check_game(game: Any) -> None:
    if callable(getattr(game, "loss", None)) and callable(getattr(game, "expectation", None)):
        return
    hint = "give model.game" if callable(getattr(getattr(game, "game", None), "loss", None)) else "give Game(function)"
    message = f"`game` is {game!r:.60}; a field needs a game with players and their losses; {hint}."
    raise ValueError(message)


def at(field: AbstractField, values: Any, batch: Any = None) -> Point:
    """Read a field at a point of plain numbers, of JAX arrays or of PyTorch tensors; the answer is in NumPy."""
    if any(is_torch(v) for v in values):
        point = as_point(values)
        return tuple(to_numpy(v) for v in field(point, placed(batch, point[0])))
    with float64():
        return tuple(to_numpy(v) for v in field(as_point(values), batch))


@compiled(static=("sizes",))
def _read_many(field: AbstractField, points: Array, sizes: tuple[int, ...]) -> Array:
    return vectorized(lambda x: joined(field(split(x, sizes), None)))(points)


def read_many(field: AbstractField, points: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Read a field at many points at once (JAX, float64): (n, d) points -> (n, d) velocities.

    Args:
        field: the field, read with the game's exact expectation.
        points: the players' vectors joined, (n, d).
        sizes: number of parameters of each player.
    """
    points = np.asarray(points, dtype=np.float64)
    # Padded to a few standard lengths, so that a field is compiled once and not once for each length.
    count = max(32, 1 << (len(points) - 1).bit_length())
    padded = np.concatenate([points, np.repeat(points[-1:], count - len(points), axis=0)])
    return to_numpy(_read_many(field, padded, tuple(sizes)))[: len(points)]
