"""Check: the discriminator's input gradients, or the gradients of the players, run away.

For a loss that is linear in the outputs (Wasserstein) the scale is that of theory: the critic should be 1-Lipschitz and
the generator's step grows with the slope. Other losses fix the unit of an output themselves (a logit of 1); there the
slope times the distance between real data and fakes says by how many units a walk from one to the other would change
the output if the slope stayed.

References:
    Arjovsky, Chintala, Bottou, "Wasserstein GAN", ICML 2017, section 3 (why the critic must be Lipschitz).
    Gulrajani et al., "Improved training of Wasserstein GANs", NIPS 2017, section 4 (slopes of 1).
"""

import math

import numpy as np

from tussle.doctor.examination import Cannot, Examination
from tussle.doctor.findings import ILLNESS, WARNING, Checked, Evidence, Finding, clear, confidence, found
from tussle.doctor.saturated_discriminator import slopes_of_loss
from tussle.doctor.vanishing_generator_gradient import distance

NAME = "exploding_critic_gradient"
LIPSCHITZ = (10.0, 50.0)  # mean slopes of a critic that should have 1: warning, illness
UNITS = (300.0, 2000.0)  # outputs a walk: double precision's exp overflows at 709, single's at 88
FAR = 50.0  # outputs up to which slopes are compared
SOURCE = {
    True: f"a Wasserstein critic has slope 1 by theory; {LIPSCHITZ[0]:g} is a risk and {LIPSCHITZ[1]:g} an illness",
    False: f"a walk from a fake to a real sample would change the output by more than {UNITS[0]:g} (illness: "
    f"{UNITS[1]:g}), where a logit of 10 is certainty and exp overflows single precision at 88",
}


def look(exam: Examination) -> Checked:
    """Measure the discriminator's slopes where real data and fakes are."""
    read = np.concatenate([exam.slopes.real, exam.slopes.fake])
    bad = float(np.mean(~np.isfinite(read)))
    velocity = [float(np.mean(~np.isfinite(v))) for v in exam.velocity(exam.batch(0))]
    if bad > 0 or max(velocity) > 0:
        share = Evidence("share of gradients that are not finite", max(bad, *velocity), 0.0, 0.0)
        words = "Gradients are not finite: " + ("the discriminator's slopes" if bad else "those of the players") + "."
        advice = "go back to a state before this, and take a smaller step or a gradient penalty"
        return found(Finding(NAME, ILLNESS, 1.0, (share,), words, "training ends at the first nan", advice))
    linear = is_linear(exam)
    slope, error = float(read.mean()), float(read.std(ddof=1)) / math.sqrt(len(read))
    scale = 1.0 if linear else distance(exam)
    low, high = LIPSCHITZ if linear else UNITS
    what = (
        "mean slope of the critic" if linear else "mean slope of the discriminator times the distance of real and fake"
    )
    value = slope * scale
    number = Evidence(what, value, error * scale + 1e-12, high if value > high else low)
    largest = Evidence(
        "largest slope of a sample over the median", float(read.max() / max(np.median(read), 1e-300)), 0.0, 100.0
    )
    words = f"the {what} is {value:.3g}"
    if value <= low:
        return clear(NAME, words, number, largest)
    guarded = exam.patient.game.penalties or exam.patient.game.clip is not None
    advice = "raise the weight of the penalty, or take smaller steps for the discriminator" if guarded else (
        "bound the critic: a gradient penalty (wgan_gp with slope 1, r1), spectral norm or clipped weights"
    )  # fmt: skip
    severity = ILLNESS if value > high else WARNING
    words = f"T{words[1:]}, more than {number.threshold:g}" + ("" if guarded else ", and nothing bounds it") + "."
    return found(Finding(NAME, severity, confidence(number), (number, largest), words, SOURCE[linear], advice))


def is_linear(exam: Examination) -> bool:
    """Say whether the discriminator's loss is linear in its outputs: its slopes are the same however far these go."""

    def make() -> bool:
        low, high = np.linspace(-FAR, FAR, 64), np.linspace(FAR, -FAR, 64)
        try:
            parts = slopes_of_loss(exam, 1, low, high)
        except Cannot:  # a loss of probabilities, or one that overflows
            return False
        size = max(float(np.abs(part).max()) for part in parts)
        return size > 0 and all(float(np.ptp(part)) <= 1e-5 * size for part in parts)

    return exam.once("loss is linear", make)
