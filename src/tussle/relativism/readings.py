"""Readings: all that a training can log about its critic from two lists of outputs, without another forward pass.

What to expect. The critic's paired log loss per pair (scale 0.5) begins at log 2 = 0.693 and hovers between 0.5 and
that while the players are balanced; the generator's curve is nearly flat. A critic that ranks every pair rightly with
weights that have vanished dominates: nothing more reaches it. A constant critic is the fixed point: at the solution
both outputs agree, all weights are those of a tie, and gradients of the generator vanish.
"""

from typing import Any

import numpy as np

from tussle.autodiff import array, float64, to_numpy
from tussle.losses import Loss
from tussle.payoffs import AbstractPayoff, Mirror, Negative, Square, quadratic_weight
from tussle.records import record, static
from tussle.relativism.weights import VANISHED, measured, outputs, shares_of

FAR = 400.0  # here every bounded payoff of the library has reached its least value
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@record
class CriticReading:
    """One reading of a critic.

    Attributes:
        real: mean and standard deviation of the outputs on real data.
        fake: the same on fakes.
        says: E D on real data and on fakes; a probability for log losses only.
        kappa: their sum less 1.
        a: mean weight on real data in the critic's update.
        b: mean weight on fakes in the critic's update.
        rho: the real share a/(a + b).
        quantiles: of the fakes' weights in the generator's update, at 5, 25, 50, 75 and 95 %.
        vanished: share of fakes whose weight is below 1e-3.
        accuracy: P(r > f) over all pairs, ties counted half.
        loss: the critic's loss.
        estimate: that loss as a share of what it can gain over a constant critic: an estimate of the divergence that
            the critic's game is worth, in units of its largest value; nan where that is infinite.
        name: of the loss.
    """

    real: tuple[float, float]
    fake: tuple[float, float]
    says: tuple[float, float]
    kappa: float
    a: float
    b: float
    rho: float
    quantiles: np.ndarray
    vanished: float
    accuracy: float
    loss: float
    estimate: float
    name: str = static(default="")

    @property
    def dominated(self) -> bool:
        """Whether the critic ranks all pairs rightly and gets no update any more; a gradient penalty is the cure."""
        return self.accuracy == 1.0 and self.a < VANISHED and self.b < VANISHED


def reading(loss: Loss, real: Any, fake: Any) -> CriticReading:
    """Return what a critic's outputs on a batch say about a training.

    Args:
        loss: the loss in use.
        real: outputs on real data, (k,), of any engine.
        fake: outputs on fakes, (l,).

    Returns:
        the reading.

    >>> from tussle.losses import loss
    >>> found = reading(loss("rp-logistic", scale=0.5), [1.0, 3.0], [0.0, 2.0])
    >>> round(found.accuracy, 2), round(found.rho, 6), round(found.loss, 6), round(found.estimate, 6)
    (0.75, 0.5, 0.313262, 0.548058)
    """
    y = outputs(real, fake)
    found = measured(loss, y)
    weight, says, value = shares_of(y, found), [float(x) for x in found.says], float(found.value)
    level, least_value = _ends(loss)
    r, f = np.asarray(y.real), np.asarray(y.fake)
    return CriticReading(
        real=(float(r.mean()), float(r.std())),
        fake=(float(f.mean()), float(f.std())),
        says=(says[0], says[1]),
        kappa=says[0] + says[1] - 1.0,
        a=weight.a,
        b=weight.b,
        rho=weight.rho,
        quantiles=np.quantile(weight.generator, QUANTILES),
        vanished=weight.vanished(),
        accuracy=_accuracy(r, f),
        loss=value,
        estimate=(level - value) / (level - least_value) if np.isfinite(least_value) else float("nan"),
        name=loss.name,
    )


def _accuracy(r: np.ndarray, f: np.ndarray) -> float:
    order = np.sort(f)
    below = np.searchsorted(order, r, side="left") + np.searchsorted(order, r, side="right")
    return float(below.mean() / (2 * len(f)))


def _ends(loss: Loss) -> tuple[float, float]:
    """Return the critic's loss at the best constant critic, and the least that it can be.

    That constant is 0 for symmetric payoffs, and lies between the labels of least squares.
    """
    first, second, tie = loss.critic_real, loss.critic_fake, 0.0
    match loss.coupling, first, second:
        case "plain", Square() as real, Square() as fake:
            tie = float((real.scale * real.target + fake.scale * fake.target) / (real.scale + fake.scale))
    payoffs = (first, first) if loss.coupling == "one_sided" else (first, second)  # 2 E f1(r - E f) reads no other
    with float64():
        level = sum(float(payoff(array(tie))) for payoff in payoffs)
    return float(loss.scale) * level, float(loss.scale) * sum(least(payoff) for payoff in payoffs)


def least(payoff: AbstractPayoff) -> float:
    """Return the infimum of a payoff of the library, -inf if it has none.

    A square has it at its target; all others fall, or rise where mirrored, towards theirs.

    >>> from tussle.payoffs import Exponential, Linear, Mirror, Square
    >>> least(Exponential()), least(Linear()), least(Mirror(Square(1.0)))
    (-1.0, -inf, 0.0)
    """
    inner: Any = payoff
    while isinstance(inner, Mirror):
        inner = inner.of
    if isinstance(inner, Square):
        return 0.0 if float(inner.scale) >= 0 else -np.inf
    if isinstance(inner, Negative) or quadratic_weight(inner) is not None:
        return -np.inf
    with float64():
        ends = to_numpy(payoff(array([-2 * FAR, -FAR, FAR, 2 * FAR])))
    found = int(np.argmin(ends))
    settled = abs(ends[found] - ends[(1, 1, 2, 2)[found]]) < 1e-9
    return float(ends[found]) if settled else -np.inf
