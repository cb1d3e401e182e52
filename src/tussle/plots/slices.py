"""Slices: planes through the space of parameters, on which a field is read for a picture."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tussle.field import AbstractField, read_many
from tussle.gan import GAN
from tussle.records import record

Window = tuple[tuple[float, float], tuple[float, float]]


@record
class Slice:
    """A plane through the space of parameters, on which a field is read.

    Attributes:
        field: the field.
        base: the point that the plane goes through, joined, (d,).
        sizes: number of parameters of each player.
        coordinates: the two that vary, (horizontal, vertical).
    """

    field: AbstractField
    base: np.ndarray
    sizes: tuple[int, ...]
    coordinates: tuple[int, int]

    def read(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the two velocities in the plane at some places, (2, ...)."""
        points = np.tile(self.base, (np.size(x), 1))
        points[:, self.coordinates[0]], points[:, self.coordinates[1]] = np.ravel(x), np.ravel(y)
        found = read_many(self.field, points, self.sizes)[:, list(self.coordinates)]
        return np.where(np.isfinite(found), found, np.nan).T.reshape(2, *np.shape(x))

    def owner(self, index: int) -> int:
        """Return the player whose parameter is the horizontal (0) or the vertical (1) one."""
        return int(np.searchsorted(np.cumsum(self.sizes), self.coordinates[index], side="right"))

    def player(self, index: int) -> str:
        """Return that player's name."""
        return self.field.game.players[self.owner(index)]


def window_of(window: Any) -> Window:
    """Return a window's bounds as numbers.

    Raises:
        ValueError: if it is not ((left, right), (bottom, top)).
    """
    bounds = np.asarray(window, dtype=float)
    if bounds.shape != (2, 2) or not np.all(np.isfinite(bounds)) or np.any(bounds[:, 0] >= bounds[:, 1]):
        message = f"`window` is {window!r}; it must be ((left, right), (bottom, top)) with left < right and "
        message += "bottom < top; give for instance ((-2, 2), (-2, 2))."
        raise ValueError(message)
    return (float(bounds[0, 0]), float(bounds[0, 1])), (float(bounds[1, 0]), float(bounds[1, 1]))


def joined_point(point: Any) -> np.ndarray:
    """Return a point, one number or vector per player, as one vector."""
    return np.concatenate([np.atleast_1d(np.asarray(x, dtype=float)) for x in point])


def slice_of(
    field: AbstractField, runs: Any, equilibria: Sequence[Any], at: Any, coordinates: tuple[int, int]
) -> Slice:
    """Return the plane of two coordinates, its players' sizes read off what was given.

    Raises:
        ValueError: if more than two parameters are there and no point is given, or the coordinates do not fit.
    """
    if at is not None:
        sizes = tuple(np.size(x) for x in at)
    elif runs:
        sizes = runs[0][1].sizes
    elif len(equilibria):
        sizes = tuple(np.size(x) for x in equilibria[0])
    elif isinstance(field.game, GAN) and field.game.sizes is not None:
        sizes = field.game.sizes
    else:
        sizes = (1, 1)
    total = sum(sizes)
    if at is None and total != 2:
        message = f"`at` is None for a game of {total} parameters; a portrait shows two and needs the values of the "
        message += "others; give a point, such as model.equilibrium."
        raise ValueError(message)
    if len(set(coordinates)) != 2 or not all(0 <= c < total for c in coordinates):
        message = f"`coordinates` is {coordinates!r}; it must hold two different numbers from 0 to {total - 1}; "
        message += "give the indices of the parameters to show."
        raise ValueError(message)
    base = np.zeros(2) if at is None else joined_point(at)
    return Slice(field, base, sizes, coordinates)
