"""Frozen critics: what one move of the generator does to what the critic says of real data.

On the line, with data N(0, 1), fakes theta + N(0, 1) and a critic that is kept as it is. The missing property of
the log loss is seen in one step: D(x_real) does not fall when the fakes become better, although half of what the
critic sees is fake. Under a paired or average loss it must fall.

Reference:
    Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", ICLR 2019, 3.
"""

from typing import Any, NamedTuple

import numpy as np

from tussle import checks
from tussle.autodiff import Array, compiled, float64, gradient, to_numpy
from tussle.laws import AbstractLaw, Normal, composite
from tussle.losses import Loss
from tussle.measures import Nodes
from tussle.payoffs import Function
from tussle.records import record
from tussle.relativism.critics import Affine, Sides, sides
from tussle.relativism.weights import beliefs

STANDARD = Normal(0.0, 1.0)
PANELS = 12  # panels of 16 nodes: sigmoids of affine critics to rounding


@record
class FrozenStep:
    """One step of the generator against a frozen critic.

    Attributes:
        gradient: dL_G/dtheta before the step.
        theta: the generator before and after.
        real: E D on real data before and after.
        fake: E D on fakes before and after.
        drift: d/dt E D on real data along theta' = -gradient: 0 for plain losses, negative for relativistic ones.
    """

    gradient: float
    theta: tuple[float, float]
    real: tuple[float, float]
    fake: tuple[float, float]
    drift: float

    @property
    def kappa(self) -> tuple[float, float]:
        """E_p D + E_q D - 1 before and after."""
        before, after = (r + f - 1.0 for r, f in zip(self.real, self.fake, strict=True))
        return before, after


class Reading(NamedTuple):
    """What is read at one place of the generator; scalars."""

    real: Any
    fake: Any
    a: Any
    b: Any
    gradient: Any
    drift: Any


@compiled
def read(loss: Loss, critic: Any, theta: Array, s: Sides) -> Reading:
    """Return what a critic says, the weights of its update, the generator's gradient and the drift of D(x_real).

    Args:
        loss: the loss.
        critic: a record that maps points (n,) to outputs.
        theta: where the generator is.
        s: data, and the fakes of theta = 0.

    Returns:
        the reading, in the engine.
    """
    weights = s.real_weights, s.fake_weights
    r, f = critic(s.real), critic(theta + s.fake)
    on_real, on_fake = beliefs(loss, r, f, *weights)
    slope = gradient(lambda t: loss.generator(r, critic(t + s.fake), *weights), theta)
    falls = gradient(lambda t: beliefs(loss, r, critic(t + s.fake), *weights)[0], theta)
    a = -gradient(lambda y: loss.critic(y, f, *weights), r).sum()
    b = gradient(lambda y: loss.critic(r, y, *weights), f).sum()
    return Reading(on_real, on_fake, a, b, slope, -slope * falls)


def laboratory(real: AbstractLaw, noise: AbstractLaw, count: int | None, seed: int) -> Sides:
    """Return data and noise on the line: quadrature nodes, or `count` samples of each."""
    if count is None:
        return sides(_rule(real), _rule(noise))
    rng = np.random.default_rng(seed)
    count = checks.count("count", count)
    return sides(Nodes(real.sample(rng, count)), Nodes(noise.sample(rng, count)))


def _rule(law: AbstractLaw) -> Nodes:
    return composite(law, PANELS, 16)


def as_critic(critic: Any, theta: float) -> Any:
    """Return a critic as a record; by default the log ratio of N(0, 1) and N(theta, 1)."""
    if critic is None:
        return Affine(-theta, theta * theta / 2)
    return Function(critic) if callable(critic) and type(critic).__name__ == "function" else critic


def frozen_step(
    loss: Loss,
    *,
    theta: float = 3.0,
    lr: float = 0.5,
    critic: Any = None,
    real: AbstractLaw = STANDARD,
    noise: AbstractLaw = STANDARD,
    count: int | None = None,
    seed: int = 0,
) -> FrozenStep:
    """Return what one step theta - lr dL_G/dtheta does while the critic stays as it is.

    Args:
        loss: the loss.
        theta: the generator; its fakes are theta + noise.
        lr: length of the step.
        critic: from points (n,) to outputs; by default the log ratio of N(0, 1) and N(theta, 1).
        real: law of the data.
        noise: law of the noise.
        count: samples of each side, paired by index where the loss is paired; None for exact expectations.
        seed: of the samples.

    Returns:
        the step.

    >>> from tussle.losses import loss
    >>> step = frozen_step(loss("nonsaturating"))
    >>> round(step.gradient, 6), [round(x, 6) for x in (*step.real, *step.fake)]
    (2.704136, [0.901379, 0.901379, 0.098621, 0.449176])
    """
    checks.positive("lr", lr)
    s, made = laboratory(real, noise, count, seed), as_critic(critic, float(theta))
    before = Reading(*(float(x) for x in read(loss, made, float(theta), s)))
    moved = float(theta) - lr * before.gradient
    after = Reading(*(float(x) for x in read(loss, made, moved, s)))
    return FrozenStep(
        before.gradient, (float(theta), moved), (before.real, after.real), (before.fake, after.fake), before.drift
    )


def read_many(loss: Loss, critic: Any, values: np.ndarray, s: Sides) -> Reading:
    """Return readings at many places of the generator, (n,) each."""
    with float64():
        found = [[float(to_numpy(x)) for x in read(loss, critic, float(v), s)] for v in values]
    return Reading(*np.array(found).reshape(-1, len(Reading._fields)).T)
