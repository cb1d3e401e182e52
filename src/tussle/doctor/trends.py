"""Trends: what a monitor makes of the numbers of a run so far.

A number alone is no finding: early in training a discriminator is often far ahead, and catches the generator up. A
finding needs a level beyond its threshold *and* a trend that leads there, by the Mann-Kendall test over the latest
readings, which asks nothing of the noise but that it is no trend.

References:
    Mann, "Nonparametric tests against trend", Econometrica 13, 1945.
    Kendall, "Rank correlation methods", Griffin 1975.
    Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63, 1968.
"""

import math
from collections.abc import Sequence

import numpy as np

from tussle.doctor.findings import ILLNESS, WARNING, Evidence, Finding, confidence
from tussle.records import record, static

WINDOW = 8  # readings that a trend is sought in
LEAST = 5  # of them that are needed
LATEST = 3  # whose median is the level
SURE = 2.0  # standard deviations: one-sided 2.3 %; five readings must all rise


@record
class Sign:
    """A number that is watched, and what it would mean.

    Attributes:
        name: of the finding.
        column: of the number.
        what: it is, in words.
        levels: beyond which it is a warning, and an illness; the second may be infinite.
        rises: whether it gets worse upward.
        source: of the levels.
        advice: what to change.
        fallen: for numbers that get worse downward: to which share of its median before it must have come.
    """

    name: str = static()
    column: str = static()
    what: str = static()
    levels: tuple[float, float] = static()
    rises: bool = static()
    source: str = static()
    advice: str = static()
    fallen: float = static(default=1.0)


SIGNS: tuple[Sign, ...] = (
    Sign(
        "exploding_critic_gradient",
        "slope/walk",
        "the outputs that a walk from a fake to a real sample would cross at the discriminator's slope on fakes",
        (50.0, 300.0),
        True,
        "a logit of 10 is certainty and exp overflows single precision at 88; 300 is the threshold of the check",
        "give the discriminator a gradient penalty (r1 with r2, or wgan_gp), raise its weight, or take smaller steps",
    ),
    Sign(
        "exploding_critic_gradient",
        "slope/lipschitz",
        "the slope on fakes of a critic whose loss is linear",
        (10.0, 50.0),
        True,
        "a Wasserstein critic has slope 1 by theory (Gulrajani et al. 2017)",
        "bound the critic: wgan_gp with slope 1, spectral norm or clipped weights",
    ),
    Sign(
        "vanishing_generator_gradient",
        "weights/vanished",
        "the share of fakes from which the generator's loss passes on less than a thousandth",
        (0.25, 0.75),
        True,
        "a quarter of the batch teaches the generator nothing any more (Jolicoeur-Martineau 2019, section 3)",
        "take the non-saturating or a relativistic loss, or a gradient penalty that keeps the discriminator smooth",
    ),
    Sign(
        "saturated_discriminator",
        "weights/lost",
        "the share of its pull that the discriminator's loss has lost against an undecided one",
        (0.92, 0.98),
        True,
        "an average probability of 96 % (illness: 99 %) for the right answer (Arjovsky and Bottou 2017, section 2)",
        "give the discriminator a gradient penalty or instance noise, or fewer and smaller steps",
    ),
    Sign(
        "mode_collapse",
        "diversity/nearest",
        "the distance of a fake to its nearest neighbor, in units of that between real samples",
        (0.5, 0.2),
        False,
        "below half of the data's own, where it was higher before",
        "go back to a state before the fall; take r1 with r2, a relativistic pairing loss, or a smaller generator step",
        0.6,
    ),
    Sign(
        "mode_collapse",
        "diversity/spread",
        "the mean distance between two fakes, in units of that between real samples",
        (0.5, 0.2),
        False,
        "below half of the data's own, where it was higher before",
        "go back to a state before the fall; take r1 with r2, a relativistic pairing loss, or a smaller generator step",
        0.6,
    ),
    Sign(
        "rotation",
        "probe/rotation_share",
        "the antisymmetric share of the field's Jacobian",
        (0.95, math.inf),
        True,
        "1 is a pure rotation, where simultaneous steps spiral out at every rate (Mescheder et al. 2018)",
        "damp the rotation: raise the penalty's weight, take smaller or extragradient steps; tussle.diagnose says more",
    ),
)


@record
class Trend:
    """The latest readings of a number.

    Attributes:
        level: median of the last three.
        spread: of the readings about their line, robust, one standard deviation.
        slope: Sen's, a reading.
        z: of the Mann-Kendall test, positive where the number rises.
    """

    level: float = static()
    spread: float = static()
    slope: float = static()
    z: float = static()


def trend(values: Sequence[float]) -> Trend | None:
    """Return the trend of the latest readings, or None where there are too few.

    Example:
        >>> found = trend([1.0, 2.0, 3.0, 4.0, 5.0])
        >>> found.level, found.slope, round(found.z, 3)
        (4.0, 1.0, 2.205)
    """
    y = np.asarray([v for v in values if math.isfinite(v)][-WINDOW:], dtype=float)
    n = len(y)
    if n < LEAST:
        return None
    i, j = np.triu_indices(n, 1)
    score = float(np.sign(y[j] - y[i]).sum())
    _, ties = np.unique(y, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float(np.sum(ties * (ties - 1) * (2 * ties + 5)))) / 18
    z = (score - math.copysign(1.0, score)) / math.sqrt(variance) if score and variance > 0 else 0.0
    slope = float(np.median((y[j] - y[i]) / (j - i)))
    rest = y - slope * np.arange(n)
    spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    return Trend(float(np.median(y[-LATEST:])), spread, slope, z)


def raised(sign: Sign, values: Sequence[float]) -> Finding | None:
    """Return the finding that a number's readings so far give reason to, or None."""
    found = trend(values)
    if found is None:
        return None
    way = 1.0 if sign.rises else -1.0
    warning, illness = sign.levels
    if way * (found.level - warning) <= 0 or way * found.z < SURE:
        return None
    finite = [v for v in values if math.isfinite(v)]
    before = float(np.median(finite[:-LATEST]))
    if way * (found.level - before) <= 0 or (not sign.rises and found.level > sign.fallen * before):
        return None
    ill = way * (found.level - illness) > 0
    bar = illness if ill else warning
    error = found.spread / math.sqrt(LATEST)
    level = Evidence(sign.what, way * found.level, error, way * bar)
    tendency = Evidence("Mann-Kendall statistic of the trend, in standard deviations", way * found.z, 1.0, 0.0)
    shown = Evidence(sign.what, found.level, error, bar)
    verb = "risen" if sign.rises else "fallen"
    words = (
        f"{sign.what[:1].upper()}{sign.what[1:]} has {verb} to {found.level:.3g} "
        f"(threshold {bar:g}) in the latest {min(len(finite), WINDOW)} readings."
    )
    sure = min(confidence(level), confidence(tendency))
    severity = ILLNESS if ill else WARNING
    return Finding(sign.name, severity, sure, (shown, tendency), words, sign.source, sign.advice)
