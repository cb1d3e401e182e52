"""One door to the checks of Nash equilibria: finite games, GANs on finite spaces, parametric games."""

from typing import Any, overload

import numpy as np

from tussle.game import AbstractGame
from tussle.models.base import Model
from tussle.nash.deviations import NashCheck
from tussle.nash.local import LocalNash, check_local
from tussle.nash.matrices import MatrixGame, check_matrices
from tussle.nash.spaces import FiniteGAN, check_space


@overload
def check_nash(game: MatrixGame | FiniteGAN | np.ndarray, at: Any, **options: Any) -> NashCheck: ...


@overload
def check_nash(game: Model | AbstractGame, at: Any = None, **options: Any) -> LocalNash: ...


def check_nash(game: Any, at: Any = None, **options: Any) -> NashCheck | LocalNash:
    """Check whether a point is a Nash equilibrium, with the deviation that disproves it if it is not.

    Args:
        game: a `MatrixGame` (or one matrix, the zero-sum game of it), a `FiniteGAN`, a game or a model.
        at: mixed strategies; (critic's outputs, generated law); or one vector per player (a model's own equilibrium by
            default).
        **options: tolerance; for parametric games also batch, radius, reach, draws and seed (see `check_local`).

    Returns:
        a `NashCheck` of a finite game (the answer is exact), or a `LocalNash` of a parametric one.

    Raises:
        ValueError: if the point does not fit the game.

    >>> import numpy as np
    >>> print(check_nash(np.array([[1.0, -1.0], [-1.0, 1.0]]), [(1.0, 0.0), (0.5, 0.5)]))
    no Nash equilibrium: player 2 gains 1 by playing strategy 0 alone: [1., 0.]
    """
    if isinstance(game, np.ndarray):
        game = MatrixGame([game])
    if at is None and not isinstance(game, Model):
        message = (
            "`at` is missing; only a model knows its own equilibrium; give one strategy or vector for each player."
        )
        raise ValueError(message)
    if isinstance(game, MatrixGame):
        return check_matrices(game, at, **options)
    if isinstance(game, FiniteGAN):
        return check_space(game, at, **options)
    if isinstance(game, Model):
        return check_local(game.game, game.equilibrium if at is None else at, **options)
    return check_local(game, at, **options)
