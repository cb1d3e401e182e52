"""Critics on the line, and the best one of its kind against two measures."""

from typing import Any, NamedTuple

import numpy as np

from tussle import checks
from tussle.autodiff import Array, compiled, gradient, jacobian, to_numpy
from tussle.losses import Loss
from tussle.measures import Nodes
from tussle.records import record

MOST = 60  # Newton steps; a critic that separates its samples has no best slope


@record
class Affine:
    """C(x) = slope x + offset.

    For N(0, 1) against N(t, 1) the log ratio of the densities, the optimal critic of the log loss, is affine with
    slope -t and offset t^2/2; every paired log loss has it too, up to the offset.
    """

    slope: Any
    offset: Any = 0.0

    def __post_init__(self) -> None:
        """Check both numbers."""
        checks.number("slope", self.slope)
        checks.number("offset", self.offset)

    def __call__(self, x: Array) -> Array:
        """Return the outputs at points (n,)."""
        return self.slope * x + self.offset


class Sides(NamedTuple):
    """Points of both sides on the line, with probabilities or None for samples."""

    real: Any
    fake: Any
    real_weights: Any = None
    fake_weights: Any = None


def sides(real: Nodes, fake: Nodes) -> Sides:
    """Return the points of two sets of nodes in one dimension.

    Raises:
        ValueError: if a set is of another dimension.
    """
    for name, nodes in (("real", real), ("noise", fake)):
        if np.ndim(nodes.points) != 2 or np.shape(nodes.points)[1] != 1:
            message = f"`{name}` has points of shape {np.shape(nodes.points)}; this laboratory is on the line; give a "
            message += "law in one dimension."
            raise ValueError(message)
    return Sides(real.points[:, 0], fake.points[:, 0], real.weights, fake.weights)


def _loss_of(loss: Loss, s: Sides, c: Array) -> Array:
    critic = Affine(c[0], c[1])
    return loss.critic(critic(s.real), critic(s.fake), s.real_weights, s.fake_weights)


@compiled
def _slopes(loss: Loss, s: Sides, c: Array) -> tuple[Array, Array, Array]:
    return (
        _loss_of(loss, s, c),
        gradient(lambda z: _loss_of(loss, s, z), c),
        jacobian(lambda y: gradient(lambda z: _loss_of(loss, s, z), y), c),
    )


def best_affine(loss: Loss, real: Nodes, fake: Nodes, start: Affine | None = None) -> Affine:
    """Return the affine critic with the least loss, by Newton steps with halving.

    Where the loss ignores the offset it stays what it was.

    Args:
        loss: a smooth convex loss of the critic (log, least squares, exponential).
        real: nodes of the data.
        fake: nodes of the generator.
        start: where to begin; slope and offset 0 by default.

    Returns:
        the critic.

    Raises:
        ValueError: if there is none: the samples can be separated, or the loss has no minimum.

    >>> from tussle.losses import loss
    >>> from tussle.laws import Normal, composite
    >>> best = best_affine(loss("minimax"), composite(Normal(0.0)), composite(Normal(2.0)))
    >>> round(best.slope, 9), round(best.offset, 9)
    (-2.0, 2.0)
    """
    return fit(loss, sides(real, fake), start)


def fit(loss: Loss, s: Sides, start: Affine | None = None) -> Affine:
    """Return `best_affine` of points on the line.

    Raises:
        ValueError: as `best_affine`.
    """
    c = np.array([0.0, 0.0] if start is None else [float(start.slope), float(start.offset)])
    value, slope, curve = (to_numpy(x) for x in _slopes(loss, s, c))
    for _ in range(MOST):
        step = -np.linalg.lstsq(curve, slope, rcond=1e-10)[0]
        small = np.abs(step).max() <= 1e-10 * max(1.0, float(np.abs(c).max()))
        if small and np.abs(slope).max() <= 1e-8 * max(1.0, float(np.abs(curve).max())):
            return Affine(float(c[0]), float(c[1]))
        for _ in range(40):  # halve until the value falls, or cannot be told from what it was
            found = tuple(to_numpy(x) for x in _slopes(loss, s, c + step))
            if found[0] <= value + 4e-16 * abs(value):
                c, (value, slope, curve) = c + step, found
                break
            step = step / 2
    message = (
        f"`loss` {loss.name} has no best affine critic here (its slope is {c[0]:.3g} and still grows, or the loss is "
        "not smooth and convex); give more samples or overlapping laws, or a log, least-squares or exponential loss."
    )
    raise ValueError(message)
