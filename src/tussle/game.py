r"""Games: n players, each with a loss that it minimizes over its own parameters.

A point is a tuple with one flat vector per player. A game says what each player loses at a point; a Python function is
enough to define one:

>>> import tussle
>>> def tug(x, y):
...     return (x * y).sum(), -(x * y).sum()
>>> field = tussle.Field(tussle.Game(tug))
>>> [v.tolist() for v in field.at([[1.0], [2.0]])]
[[-2.0], [1.0]]
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from tussle.autodiff import Array, array, is_torch, namespace, to_numpy, tree_map
from tussle.records import record, static

Point = tuple[Array, ...]


class AbstractGame(Protocol):
    """What a game must offer: its players, their losses, its own expectation and its feasible set."""

    @property
    def players(self) -> tuple[str, ...]:
        """Names of the players, in the order of the point."""
        ...

    def loss(self, player: int, point: Point, batch: Any) -> Array:
        """Return the loss (a scalar) that `player` minimizes."""
        ...

    def expectation(self) -> Any:
        """Return the batch that stands for the exact expectations (None where the game needs none)."""
        ...

    def project(self, player: int, x: Array) -> Array:
        """Return the feasible point nearest to `x` (`x` itself where there is no constraint)."""
        ...


@record
class Game:
    """A game from a Python function of the players' vectors, which returns one loss for each.

    Args:
        function: `function(x_1, ..., x_n)` -> n scalars, or with a keyword `batch` if `takes_batch`.
        players: the names of the players; two players are called generator and discriminator.
        takes_batch: whether the function wants a batch.
    """

    function: Callable[..., Sequence[Array]] = static()
    players: tuple[str, ...] = static(default=("generator", "discriminator"))
    takes_batch: bool = static(default=False)

    def losses(self, point: Point, batch: Any = None) -> Sequence[Array]:
        """Return the losses of all players."""
        found = self.function(*point, batch=batch) if self.takes_batch else self.function(*point)
        if not isinstance(found, (tuple, list)) or len(found) != len(point):
            came = len(found) if isinstance(found, (tuple, list)) else 1
            message = (
                f"`function` returned {came} loss(es) for {len(point)} players; it must return a tuple with one "
                "scalar for each player; for a zero-sum game use ZeroSum."
            )
            raise ValueError(message)
        return found

    def loss(self, player: int, point: Point, batch: Any = None) -> Array:
        """Return the loss of one player."""
        return scalar(self.losses(point, batch)[player])

    def expectation(self) -> None:
        """Return None: the function needs no expectation of its own."""
        return

    def project(self, player: int, x: Array) -> Array:  # noqa: ARG002
        """Return `x`: the game is unconstrained."""
        return x


@record
class ZeroSum:
    """A two-player game from one function: the first player minimizes it, the second maximizes it."""

    function: Callable[..., Array] = static()
    players: tuple[str, ...] = static(default=("generator", "discriminator"))
    takes_batch: bool = static(default=False)

    def loss(self, player: int, point: Point, batch: Any = None) -> Array:
        """Return the function for player 0 and its negative for player 1."""
        value = scalar(self.function(*point, batch=batch) if self.takes_batch else self.function(*point))
        return -value if player else value

    def expectation(self) -> None:
        """Return None: the function needs no expectation of its own."""
        return

    def project(self, player: int, x: Array) -> Array:  # noqa: ARG002
        """Return `x`: the game is unconstrained."""
        return x


class Pair(NamedTuple):
    """Two independent batches, for estimators that need both (unbiased consensus)."""

    first: Any
    second: Any


class Stream(NamedTuple):
    """One batch for each time that a step reads the field, in order."""

    batches: tuple[Any, ...]


def reading(batch: Any, index: int) -> Any:
    """Return the batch for the `index`-th reading within a step."""
    if not isinstance(batch, Stream):
        return batch
    if index >= len(batch.batches):
        message = (
            f"`batch` is a stream of {len(batch.batches)}; this rule reads the field {index + 1} times or more; "
            "take sampler.streams(rule.readings)."
        )
        raise ValueError(message)
    return batch.batches[index]


def scalar(x: Array) -> Array:
    """Return a loss of one element as a scalar.

    Raises:
        ValueError: if it has more than one element.
    """
    xp = namespace(x)
    if x.ndim == 0:
        return x
    if any(n != 1 for n in x.shape):
        message = f"a loss has shape {tuple(x.shape)}; it must be a scalar; take its sum or mean."
        raise ValueError(message)
    return xp.reshape(x, ())


def replaced(point: Point, player: int, x: Array) -> Point:
    """Return the point with one player's vector replaced."""
    return (*point[:player], x, *point[player + 1 :])


def as_point(values: Any, like: Array | None = None) -> Point:
    """Return a point from a sequence with one number or vector per player.

    Args:
        values: one entry per player; a number counts as a vector of one.
        like: an array whose engine, type and device are wanted; torch tensors stay what they are.

    Raises:
        ValueError: if tensors and other numbers are mixed, or tensors are not vectors of floating-point numbers.
    """
    entries: list[Any] = [v if is_torch(v) else np.asarray(v, dtype=np.float64) for v in values]
    torch = [is_torch(e) for e in entries]
    if any(torch) and not (all(torch) and all(e.is_floating_point() and e.ndim <= 1 for e in entries)):
        message = (
            "`start` mixes PyTorch tensors with other numbers, or holds integer or two-dimensional tensors; under "
            "PyTorch each player has one vector of floating-point numbers; convert them."
        )
        raise ValueError(message)
    if like is None and any(is_torch(e) for e in entries):
        return tuple(e.reshape(-1) if e.ndim == 0 else e for e in entries)
    shaped = [e.reshape(1) if e.ndim == 0 else e for e in entries]
    return tuple(array(e, like) for e in shaped)


def check_point(game: AbstractGame, point: Point, name: str = "start") -> None:
    """Check that a point has one finite vector for each player, of the sizes that the game knows.

    Args:
        game: the game.
        point: the point.
        name: what the argument is called in an error.

    Raises:
        ValueError: if not.
    """
    wanted = getattr(game, "sizes", None)
    came = sizes_of(point)
    if len(point) != len(game.players) or (wanted is not None and tuple(wanted) != came):
        expected = f"vectors of {tuple(wanted)}" if wanted else f"one for each of its `players` {game.players}"
        message = f"`{name}` has vectors of {came} number(s); the game takes {expected}; give these."
        raise ValueError(message)
    for player, entry in enumerate(to_numpy(x) for x in point):
        if not np.all(np.isfinite(entry)):
            shown = entry.tolist() if entry.size <= 8 else f"{int(np.sum(~np.isfinite(entry)))} times not finite"
            message = f"`{name}` of player {player} is {shown}; every entry must be finite; give finite numbers."
            raise ValueError(message)
    if len({x.shape[:-1] for x in point}) > 1:
        message = (
            f"`{name}` has arrays of shapes {[tuple(x.shape) for x in point]}; give as many starts to each player."
        )
        raise ValueError(message)


def split(vector: Any, sizes: Sequence[int]) -> Point:
    """Split the last axis of an array into the players' vectors.

    Raises:
        ValueError: if the length is not the sum of the sizes.
    """
    if vector.shape[-1] != sum(sizes):
        message = (
            f"`start` has {vector.shape[-1]} number(s); the game has {sum(sizes)} parameter(s) "
            f"({' + '.join(map(str, sizes))} for its players); give that many."
        )
        raise ValueError(message)
    ends = np.cumsum(sizes)
    return tuple(vector[..., end - size : end] for end, size in zip(ends, sizes, strict=True))


def joined(point: Point) -> Array:
    """Return a point as one vector."""
    return namespace(*point).concat(point)


def sizes_of(point: Point) -> tuple[int, ...]:
    """Return the number of parameters of each player."""
    return tuple(int(x.shape[-1]) for x in point)


def placed(batch: Any, like: Array) -> Any:
    """Return a batch with its arrays in the engine, type and device of `like`."""
    if batch is None:
        return None
    return tree_map(lambda x: array(x, like), batch)
