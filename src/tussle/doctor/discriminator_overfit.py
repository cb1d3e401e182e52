"""Check: the discriminator scores its training data above new real data.

r = (E D(train) - E D(held out)) / (E D(train) - E D(fake)): 0 where it generalizes, 1 where it has learned its data by
heart and new real data look to it like fakes.

Reference:
    Karras et al., "Training generative adversarial networks with limited data", NeurIPS 2020, equation 1 (r_v).
"""

import math

import numpy as np

from tussle.doctor.examination import Cannot, Examination
from tussle.doctor.findings import ILLNESS, WARNING, Checked, Evidence, Finding, clear, confidence, found

NAME = "discriminator_overfit"
ILL = 0.5  # Karras et al. hold r_v near 0.5 as the most that still trains well
RISK = 0.25
SHOWN = 3.0  # standard errors of the gap between training and held-out scores
LEAST = 20  # samples of each side
SOURCE = "Karras et al. 2020 keep r_v at 0.5 at most, where augmentation sets in"


def look(exam: Examination) -> Checked:
    """Compare the scores of training data with those of held-out data and fakes."""
    kept = exam.held_out
    scores = exam.scores
    held = scores.held_out
    if held is None or min(len(kept), len(scores.real), len(scores.fake)) < LEAST:
        message = f"{len(kept)} held-out and {len(scores.real)} real samples were given, and {LEAST} of each are needed"
        raise Cannot(message)
    sides = (scores.real, held, scores.fake)
    if not all(np.isfinite(x).all() for x in sides):
        message = "the discriminator's outputs are not finite"
        raise Cannot(message)
    means = [float(x.mean()) for x in sides]
    noise = [float(x.var(ddof=1)) / len(x) for x in sides]
    gap, error = means[0] - means[1], math.sqrt(noise[0] + noise[1])
    span = means[0] - means[2]
    seen = Evidence("gap of the mean scores of training and held-out data", gap, error, SHOWN * error)
    words = f"training data score {means[0]:.3g}, held-out data {means[1]:.3g} and fakes {means[2]:.3g}"
    if gap <= SHOWN * error:
        return clear(NAME, f"{words}: no gap between training and held-out data is shown", seen)
    if span <= 0:
        return clear(NAME, f"{words}: fakes score above training data, and the ratio says nothing", seen)
    ratio = gap / span
    # of the ratio, to first order: the training mean is in both its parts
    spread = math.sqrt(noise[0] * (1 - ratio) ** 2 + noise[1] + noise[2] * ratio**2) / span
    number = Evidence("(train - held out) / (train - fake) of the scores", ratio, spread, ILL if ratio > ILL else RISK)
    if ratio <= RISK:
        return clear(NAME, words, number, seen)
    words = f"T{words[1:]}: {ratio:.0%} of the way from training data to fakes, new real data have gone."
    advice = (
        "more data, augmentation of both real data and fakes, a stronger gradient penalty, or a smaller discriminator"
    )
    severity = ILLNESS if ratio > ILL else WARNING
    return found(Finding(NAME, severity, confidence(number), (number, seen), words, SOURCE, advice))
