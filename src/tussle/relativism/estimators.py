"""Estimators: what a batch makes of the population's loss, its bias and its variance.

Average and centered losses read each output less a mean, and a batch knows that mean only up to its own noise. To
first order in 1/k, with v and w the variances of the batch means of r and f,

    average     E[batch] - exact = w E f1''(r - Ef)/2 + v E f2''(f - Er)/2
    one-sided   w E f1''(r - Ef)
    centered    (v + w)/8 E[f1'' + f2''] - E[f1'(r - c)(r - Er)]/(2k) - E[f2'(f - c)(f - Ef)]/(2l)

which is exact for least squares: (var r + var f)/k for average and -(var r + var f)/(2k) for centered coupling. Plain
and paired losses have none. Of the two paired estimators the mean over all pairs has the least variance of all
unbiased ones.

Reference:
    Jolicoeur-Martineau, "On relativistic f-divergences", ICML 2020, 4.
"""

import dataclasses
from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import Array, array, compiled, float64, gradient, to_numpy, vectorized
from tussle.laws import AbstractLaw, composite
from tussle.losses import Loss
from tussle.payoffs import AbstractPayoff
from tussle.records import record

BLOCK = 20_000  # batches that are evaluated at a time


@record
class BatchBias:
    """The bias of a batch's loss.

    Attributes:
        exact: the population's loss.
        predicted: the bias to first order in 1/k; exact for least squares, 0 where the loss corrects itself.
        mean: of the loss over the batches.
        error: its standard error.
    """

    exact: float
    predicted: float
    mean: float
    error: float

    @property
    def measured(self) -> float:
        """The measured bias."""
        return self.mean - self.exact

    @property
    def sigmas(self) -> float:
        """How many standard errors the measured bias lies off the predicted one."""
        return (self.measured - self.predicted) / self.error


@record
class PairVariance:
    """Variances of the two unbiased estimators of a paired loss.

    Attributes:
        index: of the mean over k index pairs.
        every: of the mean over all k l pairs.
        whole: Var h of one pair, h = f1(r - f) + f2(f - r).
        on_real: Var E[h | r].
        on_fake: Var E[h | f].
    """

    index: float
    every: float
    whole: float
    on_real: float
    on_fake: float

    @property
    def gain(self) -> float:
        """How many times the index pairs' variance is that of all pairs."""
        return self.index / self.every


def batch_bias(
    loss: Loss, real: AbstractLaw, fake: AbstractLaw, size: Any, *, batches: int = 100_000, seed: int = 0
) -> BatchBias:
    """Compare the critic's loss of batches with the population's, by Monte Carlo and by formula.

    Args:
        loss: the loss.
        real: law of the critic's outputs on real data (one dimension).
        fake: law of its outputs on fakes.
        size: outputs of each kind in a batch, k or (k, l).
        batches: how many.
        seed: of the batches.

    Returns:
        the comparison.

    >>> from tussle.laws import Normal
    >>> from tussle.losses import loss
    >>> found = batch_bias(loss("ra-least_squares"), Normal(1.0, 2.0), Normal(0.0, 1.0), 4, batches=20_000)
    >>> round(found.predicted, 9), abs(found.sigmas) < 3
    (1.25, True)
    """
    k, l = _sizes(size)
    batches = checks.count("batches", batches, 2)
    rng, found = np.random.default_rng(seed), []
    for first in range(0, batches, BLOCK):
        count = min(BLOCK, batches - first)
        r, f = (law.sample(rng, count * n).reshape(count, n) for law, n in ((real, k), (fake, l)))
        found.append(to_numpy(_each(loss, r, f)))
    values = np.concatenate(found)
    predicted = 0.0 if loss.unbiased else predicted_bias(loss, real, fake, (k, l))
    error = float(values.std(ddof=1) / np.sqrt(batches))
    return BatchBias(population(loss, real, fake), predicted, float(values.mean()), error)


@compiled
def _each(loss: Loss, r: Array, f: Array) -> Array:
    return vectorized(loss.critic)(r, f)


def _sizes(size: Any) -> tuple[int, int]:
    pair = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2:
        message = f"`size` is {size}; it may be one whole number or two; give k or (k, l)."
        raise ValueError(message)
    return checks.count("size", pair[0]), checks.count("size", pair[1])


def population(loss: Loss, real: AbstractLaw, fake: AbstractLaw) -> float:
    """Return the critic's loss on the laws of its outputs, by quadrature.

    Args:
        loss: the loss; pairs are all pairs here.
        real: law of the outputs on real data.
        fake: law of the outputs on fakes.

    Returns:
        the loss.
    """
    exact = dataclasses.replace(loss, pairing="all", unbiased=False)
    r, f = composite(real), composite(fake)
    with float64():
        y = array(r.points[:, 0]), array(f.points[:, 0])
        return float(exact.critic(y[0], y[1], array(r.weights), array(f.weights)))


def predicted_bias(loss: Loss, real: AbstractLaw, fake: AbstractLaw, size: Any) -> float:
    """Return the bias of a batch's loss to first order in 1/k, before any correction.

    Args:
        loss: the loss.
        real: law of the critic's outputs on real data.
        fake: law of its outputs on fakes.
        size: k or (k, l).

    Returns:
        the bias of the critic's loss.

    >>> from tussle.laws import Normal
    >>> from tussle.losses import loss
    >>> round(predicted_bias(loss("rc-least_squares"), Normal(1.0, 2.0), Normal(0.0, 1.0), 4), 12)
    -0.625
    """
    k, l = _sizes(size)
    if loss.coupling in ("plain", "paired"):
        return 0.0
    (r, wr), (f, wf) = ((n.points[:, 0], n.weights) for n in (composite(real), composite(fake)))
    mr, mf = wr @ r, wf @ f
    v, w = wr @ (r - mr) ** 2 / k, wf @ (f - mf) ** 2 / l
    if loss.coupling == "one_sided":
        return float(loss.scale * w * (wr @ _derivatives(loss.critic_real, r - mf)[1]))
    if loss.coupling == "average":
        curve_real, curve_fake = _derivatives(loss.critic_real, r - mf)[1], _derivatives(loss.critic_fake, f - mr)[1]
        return float(loss.scale * (w * (wr @ curve_real) + v * (wf @ curve_fake)) / 2)
    c = (mr + mf) / 2
    (slope_r, curve_r), (slope_f, curve_f) = (
        _derivatives(loss.critic_real, r - c),
        _derivatives(loss.critic_fake, f - c),
    )
    bend = (v + w) / 8 * (wr @ curve_r + wf @ curve_f)
    tied = wr @ (slope_r * (r - mr)) / (2 * k) + wf @ (slope_f * (f - mf)) / (2 * l)
    return float(loss.scale * (bend - tied))


def _derivatives(payoff: AbstractPayoff, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with float64():
        slope = lambda x: gradient(lambda z: payoff(z).sum(), x)
        return to_numpy(slope(array(y))), to_numpy(gradient(lambda x: slope(x).sum(), array(y)))


def pair_variance(loss: Loss, real: AbstractLaw, fake: AbstractLaw, size: Any) -> PairVariance:
    """Return the variances of the critic's paired loss over index pairs and over all pairs, by quadrature.

    With z11 = Var h, z10 = Var E[h | r] and z01 = Var E[h | f], index pairs have z11/k, all pairs
    (z11 + (l - 1) z10 + (k - 1) z01)/(k l).

    Args:
        loss: a paired loss.
        real: law of the critic's outputs on real data.
        fake: law of its outputs on fakes.
        size: k, or (k, l); index pairs are then min(k, l).

    Returns:
        the variances.

    Raises:
        ValueError: if the loss is not paired.

    Reference:
        Hoeffding, "A class of statistics with asymptotically normal distribution", 1948.

    >>> from tussle.laws import Normal
    >>> from tussle.losses import loss
    >>> round(pair_variance(loss("rp-wasserstein"), Normal(0.0), Normal(0.0), 8).gain, 12)
    1.0
    """
    if loss.coupling != "paired":
        message = f"`loss` {loss.name} is {loss.coupling}; pairs are of a paired loss; give one such as rp-logistic."
        raise ValueError(message)
    k, l = _sizes(size)
    (r, wr), (f, wf) = ((n.points[:, 0], n.weights) for n in (composite(real), composite(fake)))
    with float64():
        gap = array(r[:, None] - f[None, :])
        table = to_numpy(loss.scale * (loss.critic_real(gap) + loss.critic_fake(-gap)))
    table = table - wr @ table @ wf
    whole, on_real, on_fake = wr @ table**2 @ wf, wr @ (table @ wf) ** 2, wf @ (wr @ table) ** 2
    every = (whole + (l - 1) * on_real + (k - 1) * on_fake) / (k * l)
    return PairVariance(*(float(x) for x in (whole / min(k, l), every, whole, on_real, on_fake)))
