"""Differential Stackelberg equilibria: one player leads, the other answers with its best response.

With leader x, follower y, losses f and g, and the answer r(x) with grad_y g(x, r(x)) = 0, the leader minimizes
F(x) = f(x, r(x)). A point is a differential Stackelberg equilibrium if grad_y g = 0, g_yy > 0, F' = 0 and F'' > 0. In a
zero-sum game F'' is the Schur complement f_xx - f_xy f_yy^{-1} f_yx.

References:
    Fiez, Chasnov, Ratliff, "Implicit learning dynamics in Stackelberg games", ICML 2020.
    Jin, Netrapalli, Jordan, "What is local optimality in nonconvex-nonconcave minimax optimization?", ICML 2020.
"""

from typing import Any

import numpy as np

from tussle.analysis import plain
from tussle.autodiff import Array, compiled, gradient, jacobian, jvp, to_numpy
from tussle.game import AbstractGame, Point, joined, sizes_of, split
from tussle.records import record, static


@record
class Stackelberg:
    """Whether a point is a differential Stackelberg equilibrium with a given leader.

    Attributes:
        leader: who leads.
        holds: whether it is one.
        reason: why, in a sentence.
        slope: length of F'.
        curvatures: eigenvalues of F'', ascending; nan where the follower's answer is not defined.
        follower: smallest eigenvalue of the follower's own Hessian.
    """

    leader: str = static()
    holds: bool = static()
    reason: str = static()
    slope: float
    curvatures: np.ndarray
    follower: float

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON knows it."""
        keys = ("leader", "holds", "reason", "slope", "curvatures", "follower")
        return plain({key: getattr(self, key) for key in keys})


def _joint(game: AbstractGame, point: Point, batch: Any, player: int) -> Any:
    """Return one player's loss as a function of all parameters in one vector."""
    sizes = sizes_of(point)
    return lambda x: game.loss(player, split(x, sizes), batch)


@compiled(static=("player",))
def _first(game: AbstractGame, point: Point, batch: Any, player: int) -> Array:
    return gradient(_joint(game, point, batch, player), joined(point))


@compiled(static=("player",))
def _second(game: AbstractGame, point: Point, batch: Any, player: int) -> Array:
    loss = _joint(game, point, batch, player)
    return jacobian(lambda x: gradient(loss, x), joined(point))


@compiled(static=("player",))
def _third(game: AbstractGame, point: Point, batch: Any, direction: Array, player: int) -> Array:
    """Return the Hessian of the derivative of one player's loss along a direction."""
    loss = _joint(game, point, batch, player)
    along = lambda x: jvp(loss, x, direction)
    return jacobian(lambda x: gradient(along, x), joined(point))


def reduced(game: AbstractGame, point: Point, leader: int, batch: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return F' and F'' of the leader's loss along the follower's answers.

    With r' = -g_yy^{-1} g_yx and the multiplier l = g_yy^{-1} f_y, F' and F'' are the derivatives of the Lagrangian f -
    l . g_y along (dx, r' dx); l = 0 in a zero-sum game, which leaves the Schur complement.
    """
    sizes = sizes_of(point)
    whole = np.arange(sum(sizes))
    x, y = whole[: sizes[0]], whole[sizes[0] :]
    x, y = (x, y) if leader == 0 else (y, x)
    slope, bend = to_numpy(_first(game, point, batch, leader)), to_numpy(_second(game, point, batch, leader))
    other = to_numpy(_second(game, point, batch, 1 - leader))
    answer = -np.linalg.solve(other[np.ix_(y, y)], other[np.ix_(y, x)])
    path = np.zeros((len(whole), len(x)))
    path[x], path[y] = np.eye(len(x)), answer
    multiplier = np.zeros(len(whole))
    multiplier[y] = np.linalg.solve(other[np.ix_(y, y)], slope[y])
    if np.abs(multiplier).max() > 1e-14:
        bend = bend - to_numpy(_third(game, point, batch, multiplier, 1 - leader))
    return slope[x] + answer.T @ slope[y], path.T @ bend @ path


def stackelberg(
    game: AbstractGame, point: Point, leader: int, hessians: tuple[np.ndarray, np.ndarray], batch: Any, tolerance: float
) -> Stackelberg:
    """Test a stationary point of a two-player game.

    Args:
        game: the game.
        point: one JAX vector per player.
        leader: which player leads, 0 or 1.
        hessians: both players' own Hessians there.
        batch: the batch.
        tolerance: curvature and slope that count as 0.
    """
    name, other = game.players[leader], game.players[1 - leader]
    lowest = float(np.linalg.eigvalsh(hessians[1 - leader])[0])
    if not lowest > tolerance:
        reason = f"the {other} has the curvature {lowest:.4g} in its own parameters: no strict best response to follow"
        none = np.full(len(hessians[leader]), np.nan)
        return Stackelberg(name, False, reason, np.nan, none, lowest)
    first, second = reduced(game, point, leader, batch)
    slope, found = float(np.linalg.norm(first)), np.linalg.eigvalsh(0.5 * (second + second.T))
    if slope > tolerance:
        reason = f"the leader's total derivative has length {slope:.4g}"
    elif not found[0] > tolerance:
        reason = f"the leader's loss along the follower's answers has the curvature {found[0]:.4g}"
    else:
        reason = (
            f"both are strictly curved: the follower by {lowest:.4g}, the leader along the answers by {found[0]:.4g}"
        )
    return Stackelberg(name, bool(slope <= tolerance and found[0] > tolerance), reason, slope, found, lowest)
