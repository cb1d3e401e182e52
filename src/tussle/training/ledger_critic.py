"""Rows 2 and 3 of a real GAN's ledger: what its critic tells of the ratio, and what its architecture could tell.

The optimal critic D* = p/(p+q) is not known here. A probe critic stands in its place: what the run's critic lacks
beside it is a lower bound of the excess risk L(D) - L(D*), and what a larger probe gains over one of the critic's own
architecture is a lower bound of what that architecture cannot tell, as far as training found its best weights.

References:
    Goodfellow et al., NIPS 2014. Nie, Patel, UAI 2019.
    Guo et al., "On calibration of modern neural networks", ICML 2017 (the expected calibration error).
"""

import math
from typing import NamedTuple

import numpy as np

from tussle.assumptions.rows import UNKNOWN, Row, measured, unknown
from tussle.critics.kinds import kind_of
from tussle.losses import Loss
from tussle.training.ledger_probes import LOG2, Reading
from tussle.training.ledger_scene import RunScene

LOG_TYPE = ("logistic", "jensen_shannon", "f_gan")  # plain losses whose optimal output is log(p/q)
BINS = 10
LEARNED = 0.01  # nats: a smaller gain is one of training and not of capacity


def is_logit(loss: Loss) -> bool:
    """Say whether the outputs of a loss's optimal critic are log ratios as they are.

    >>> from tussle.losses import loss
    >>> is_logit(loss("nonsaturating")), is_logit(loss("rp-logistic")), is_logit(loss("hinge"))
    (True, False, False)
    """
    kind = kind_of(loss)
    return kind is not None and kind.coupling == "plain" and kind.name in LOG_TYPE


class Calibration(NamedTuple):
    """How far a classifier's probabilities are from shares.

    Attributes:
        error: mean distance between the mean probability and the share of real data in bins of equal size.
        floor: what a calibrated classifier has on as many samples.
        kappa: E_p D + E_q D - 1.
    """

    error: float
    floor: float
    kappa: float


def calibration(reading: Reading) -> Calibration:
    """Return the calibration of a critic on held-out data; real and fake samples count half each."""
    sizes = len(reading.held), len(reading.fake)
    says = 0.5 * (1 + np.tanh(0.5 * np.concatenate([reading.held, reading.fake])))
    truth, mass = np.repeat([1.0, 0.0], sizes), np.repeat([0.5 / sizes[0], 0.5 / sizes[1]], sizes)
    error = floor = 0.0
    for rows in np.array_split(np.argsort(says, kind="stable"), BINS):
        weight = mass[rows] / mass[rows].sum()
        meant = float(weight @ says[rows])
        spread = math.sqrt(float(weight**2 @ (says[rows] * (1 - says[rows]))))
        error += float(mass[rows].sum()) * abs(meant - float(weight @ truth[rows]))
        floor += float(mass[rows].sum()) * math.sqrt(2 / math.pi) * spread
    half = (float(says[: sizes[0]].mean()), float(says[sizes[0] :].mean()))
    return Calibration(error, floor, half[0] + half[1] - 1.0)


# Rows -----------------------------------------------------------------------------------------------------------------


def ratio(scene: RunScene, own: Reading, probes: list[Reading]) -> Row:
    """Return the row of the ratio by classification: the run's critic beside the best probe."""
    if scene.blind:
        return unknown(2, scene.blind, "nats")
    if not np.isfinite(own.held).all() or not np.isfinite(own.fake).all():
        return unknown(2, "the run's critic has outputs that are not finite on held-out data or fakes", "nats")
    best = min(probes, key=lambda one: one.chosen)
    gap, found = own.over(best), calibration(own)
    how = "read as log p/q" if is_logit(scene.loss) else "in its best affine reading (its loss makes no logit of it)"
    words = f"the run's critic, {how}, has the log loss {own.loss.value:.4g} on held-out data and fakes, "
    words += f"{best.name} {best.loss.value:.4g} (a constant has {2 * LOG2:.4g}): "
    words += f"it lacks at least {gap.value:.3g}" if gap.shown else "no lack is shown"
    words += f"; its calibration error is {found.error:.3g} (a calibrated critic has {found.floor:.2g} here), and "
    words += f"JS is at least {max(best.js.value, 0.0):.3g} +- {best.js.error:.1g}"
    extra = {"loss": own.loss.value, "probe loss": best.loss.value, "probe": best.name, "js bound": best.js.value}
    extra |= {"js bound error": best.js.error, "calibration error": found.error, "calibration floor": found.floor}
    extra |= {"kappa": found.kappa, "scale": own.scale, "shift": own.shift}
    return measured(2, gap.value, gap.error, "nats", words, **extra)


def critic_capacity(scene: RunScene, probe: Reading, larger: Reading) -> Row:
    """Return the row of the critic's capacity: what a larger probe tells more than one of the critic's architecture."""
    if scene.blind:
        return unknown(3, scene.blind, "nats")
    gap = probe.over(larger)
    words = (
        f"trained anew, the critic's architecture comes to the log loss {probe.loss.value:.4g} on held-out data and "
    )
    words += f"fakes, {scene.bigger} in half as many steps to {larger.loss.value:.4g}: "
    extra = {"loss": probe.loss.value, "larger loss": larger.loss.value, "larger": scene.bigger, "late": probe.late}
    if gap.value <= max(gap.error, LEARNED):
        words += "no want of capacity is shown, which does not exclude one that training does not find"
    elif probe.late > gap.value / 2:
        words += f"but the former still gained {probe.late:.2g} in the second half of its training, so that this is no "
        return Row(3, UNKNOWN, None, None, "nats", f"{words}want of capacity yet; give more probe_steps", extra)
    else:
        words += f"it tells {gap.value:.3g} less"
    return measured(3, gap.value, gap.error, "nats", words, LEARNED, **extra)
