"""Finite games: each player has finitely many strategies, and may mix them."""

from typing import Any

import numpy as np

from tussle.critics.masses import probabilities
from tussle.nash.deviations import Deviation, NashCheck
from tussle.records import record, static


@record
class MatrixGame:
    """A game of n players given by the losses of their pure strategies.

    Args:
        losses: one array for each player, all of shape (k_1, ..., k_n); a single (k_1, k_2) array is the zero-sum game
            whose first player minimizes it and whose second maximizes it.
        players: their names.

    >>> import numpy as np
    >>> pennies = MatrixGame([np.array([[1.0, -1.0], [-1.0, 1.0]])])
    >>> check_matrices(pennies, [(0.5, 0.5), (0.5, 0.5)]).holds
    True
    """

    losses: Any = static()
    players: tuple[str, ...] = static(default=())

    def __post_init__(self) -> None:
        """Check the arrays."""
        tables = self.tables
        shapes = [t.shape for t in tables]
        fits = len(set(shapes)) == 1 and tables[0].ndim == len(tables) and tables[0].size > 0
        if not fits or not all(np.all(np.isfinite(t)) for t in tables):
            message = (
                f"`losses` has shapes {shapes} for {len(tables)} player(s); each player needs one finite array of "
                "shape (k_1, ..., k_n); give these, or one matrix for a zero-sum game."
            )
            raise ValueError(message)

    @property
    def tables(self) -> tuple[np.ndarray, ...]:
        """The losses of all players."""
        tables = tuple(np.asarray(t, dtype=np.float64) for t in self.losses)
        return (tables[0], -tables[0]) if len(tables) == 1 and tables[0].ndim == 2 else tables

    @property
    def names(self) -> tuple[str, ...]:
        """The players' names."""
        return self.players or tuple(f"player {k + 1}" for k in range(len(self.tables)))


def check_matrices(game: MatrixGame, at: Any, tolerance: float = 1e-12) -> NashCheck:
    """Check mixed strategies: the best deviation of a player is a pure strategy.

    Args:
        game: the game.
        at: a probability vector for each player.
        tolerance: gain that counts as none.

    Raises:
        ValueError: if a strategy is no probability vector of the right length.
    """
    tables = game.tables
    mixed = [probabilities(f"at[{k}]", x) for k, x in enumerate(at)]
    came, wanted = tuple(len(x) for x in mixed), tables[0].shape
    if came != wanted:
        message = (
            f"`at` has strategies of {came} probabilities; the game has {wanted}; give one for each pure strategy."
        )
        raise ValueError(message)
    losses, deviations = [], []
    for player, table in enumerate(tables):
        pure = _against(table, mixed, player)
        best = int(np.argmin(pure))
        now = float(pure @ mixed[player])
        strategy = np.eye(len(pure))[best]
        losses.append(now)
        gain = max(now - float(pure[best]), 0.0)
        deviations.append(Deviation(game.names[player], strategy, gain, f"playing strategy {best} alone"))
    return NashCheck(game.names, np.array(losses), tuple(deviations), tolerance)


def _against(table: np.ndarray, mixed: list[np.ndarray], player: int) -> np.ndarray:
    """Return a player's loss for each of its pure strategies while the others mix."""
    for other in reversed(range(len(mixed))):
        if other != player:
            table = np.tensordot(table, mixed[other], axes=([other], [0]))
    return table
