"""The optimal critic where no formula gives it: Newton's method on the critic's own loss, which is convex.

The loss itself is differentiated, so that any coupling and any convex payoff, the user's own included, is served.
"""

from typing import NamedTuple

import numpy as np

from tussle.autodiff import Array, array, compiled, float64, gradient, jacobian, to_numpy
from tussle.critics.masses import Masses
from tussle.losses import Loss

ENOUGH = 1e-16  # Newton decrement, relative to 1 + |loss|, at which there is nothing left to gain
STEPS = 400
BOTTOM = -1e12  # a loss below this has no lower bound


class Minimum(NamedTuple):
    """Where Newton's method ended.

    Attributes:
        critic: the outputs, (n,).
        loss: the critic's loss there.
        gap: half the last Newton decrement, an estimate of what is left to gain.
        steps: how many were made.
    """

    critic: np.ndarray
    loss: float
    gap: float
    steps: int


@compiled
def _loss(loss: Loss, c: Array, p: Array, q: Array) -> Array:
    return loss.critic(c, c, p, q)


@compiled
def _derivatives(loss: Loss, c: Array, p: Array, q: Array) -> tuple[Array, Array]:
    def slope(x: Array) -> Array:
        return gradient(lambda y: loss.critic(y, y, p, q), x)

    return slope(c), jacobian(slope, c)


def critic_loss(loss: Loss, critic: np.ndarray, m: Masses) -> float:
    """Return the critic's loss of outputs on a finite space, read once and so not compiled."""
    with float64():
        c = array(critic)
        return float(loss.critic(c, c, array(m.p), array(m.q)))


def minimize(loss: Loss, m: Masses) -> Minimum:
    """Minimize the critic's loss over all outputs on the points that p or q reaches.

    Where a point has mass of one law only the infimum may lie at infinity; the outputs then stop where nothing is left
    to gain in float64.

    Args:
        loss: a loss with convex payoffs.
        m: the masses; all points must be reached.
    """
    p, q = m.p, m.q
    invariant = loss.coupling != "plain"
    if invariant and np.array_equal(p, q):
        # Jensen: a mean of convex payoffs is at least the payoff of the mean, which is 0 under every coupling.
        return Minimum(np.zeros(len(p)), critic_loss(loss, np.zeros(len(p)), m), 0.0, 0)
    c, value, gap = np.zeros(len(p)), float(_loss(loss, np.zeros(len(p)), p, q)), np.inf
    for count in range(STEPS):
        slope, bend = (to_numpy(x) for x in _derivatives(loss, c, p, q))
        most = 1e3 * (1 + float(np.abs(c).max()))
        step = np.clip(_newton_step(slope, bend, p + q, invariant), -most, most)
        gap = max(-0.5 * float(slope @ step), 0.0)
        if value < BOTTOM:
            return Minimum(c, -np.inf, 0.0, count)
        if gap <= ENOUGH * (1 + abs(value)):
            return Minimum(_centered(c, p, q, invariant), value, gap, count)
        for share in 0.5 ** np.arange(40):
            trial = float(_loss(loss, c + share * step, p, q))
            if trial <= value - 0.2 * share * gap or (
                share == 1 and gap <= 1e-13 * (1 + abs(value)) and trial <= value
            ):
                c, value = c + share * step, trial
                break
        else:
            break  # rounding decides: no step is shorter
    return Minimum(_centered(c, p, q, invariant), value, gap, STEPS)


def _newton_step(slope: np.ndarray, bend: np.ndarray, mass: np.ndarray, invariant: bool) -> np.ndarray:
    """Return minus the inverse Hessian times the gradient.

    The constant direction, where it is free, gets a curvature of its own. Rows are scaled by the root of the masses, so
    that rare points count as much as common ones.
    """
    root = np.sqrt(mass)
    matrix, right = bend / np.outer(root, root), -slope / root
    if invariant:
        flat = root / np.linalg.norm(root)
        matrix = matrix + max(float(np.abs(np.diag(matrix)).max()), 1e-300) * np.outer(flat, flat)
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    # Moduli, so that a step descends where a payoff is not convex too.
    floor = max(1e-15 * float(np.abs(values).max()), 1e-30)
    with np.errstate(over="ignore"):
        return (vectors @ ((vectors.T @ right) / np.maximum(np.abs(values), floor))) / root


def _centered(c: np.ndarray, p: np.ndarray, q: np.ndarray, invariant: bool) -> np.ndarray:
    """Return outputs whose mean under p and q together is 0, where a constant is free."""
    return c - 0.5 * (p @ c + q @ c) if invariant else c
