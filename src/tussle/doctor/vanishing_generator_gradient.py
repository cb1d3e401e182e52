"""Check: hardly anything of what the discriminator knows reaches the generator's samples, or its parameters.

Two numbers, each free of units. The *signal* at the fakes is E w |grad_x D| times the distance between real data and
fakes, over the gap of their scores times the critic's weight where it is undecided: a discriminator that rises evenly
from fakes to real data, under a loss that passes it on, has about 1. It is small where the loss is flat (minimax on
rejected fakes) or where the discriminator is (all its rise lies between the two). The *transfer* is how far a change of
the generator's parameters by their own size moves its samples, in units of their distance from the data: small where
the generator's own activations are saturated.

References:
    Arjovsky, Bottou, "Towards principled methods for training GANs", ICLR 2017, theorem 2.4.
    Goodfellow et al., "Generative adversarial nets", NIPS 2014 (why the generator's loss is swapped).
"""

import math

import numpy as np
import torch

from tussle.autodiff import array, pullback
from tussle.doctor.examination import Cannot, Examination
from tussle.doctor.findings import ILLNESS, WARNING, Checked, Evidence, Finding, clear, confidence, found
from tussle.doctor.saturated_discriminator import paired_scores, weights

NAME = "vanishing_generator_gradient"
GONE = 2.0  # powers of ten: a hundredth of the signal of an even rise
FAINT = 1.3  # a twentieth
STUCK = 3.0  # powers of ten: parameters must change by 1000 times their size
LOSES = 0.1  # of the weight of an undecided discriminator: below it the loss is to blame
DIRECTIONS = 4  # random directions of samples in which the transfer is read
PAIRS = 512  # of real data and fakes, for their distance
SHOWN = 3.0  # standard errors of the gap of scores below which nothing is known that could be passed on
SOURCE = (
    "a hundredth of the gradient that an even rise between fakes and real data would give; with a perfect "
    "discriminator the gradient goes to 0 (Arjovsky and Bottou 2017, theorem 2.4)"
)


def look(exam: Examination) -> Checked:
    """Measure signal and transfer."""
    if not exam.slopes.fake.any() and not exam.velocity(exam.batch(0))[1].any():
        return found(_constant())
    signal, error, shown = signal_at_fakes(exam)
    transfer, spread = transfer_of_generator(exam)
    weak = _powers("weakness of the signal at the fakes, in powers of ten", signal, error, GONE)
    stiff = _powers("weakness of its transfer to the generator's parameters, in powers of ten", transfer, spread, STUCK)
    if stiff.value > STUCK:
        words = (
            f"The generator's samples hardly follow its parameters: the transfer is {transfer:.2g} of their distance."
        )
        advice = (
            "take the generator out of saturation: smaller weights before its last activation, data within its range"
        )
        return found(Finding(NAME, ILLNESS, confidence(stiff), (stiff, weak), words, SOURCE, advice))
    words = f"the signal at the fakes is {signal:.2g} of that of an even rise, "
    words += f"its transfer to the parameters {transfer:.2g}"
    if not shown or weak.value <= FAINT:
        return clear(
            NAME,
            words if shown else f"real data and fakes have no gap of scores that could be lost; {words}",
            weak,
            stiff,
        )
    return found(_weak(exam, signal, weak, stiff))


def _weak(exam: Examination, signal: float, weak: Evidence, stiff: Evidence) -> Finding:
    """A signal that is lost in the loss or in the discriminator."""
    ill = weak.value > GONE
    if not ill:
        weak = Evidence(weak.what, weak.value, weak.uncertainty, FAINT)
    in_loss = float(weights(exam, 0).fake.mean()) < LOSES * weights(exam, 1).undecided
    where = "the loss passes little of it on" if in_loss else "the discriminator is flat where the fakes are"
    words = f"The generator gets {signal:.2g} of the gradient of an even rise between fakes and real data: {where}."
    advice = "keep the discriminator smooth: a gradient penalty (r1, wgan_gp) or instance noise"
    if in_loss:
        advice = "take the non-saturating or a relativistic loss for the generator"
    return Finding(NAME, ILLNESS if ill else WARNING, confidence(weak), (weak, stiff), words, SOURCE, advice)


def _constant() -> Finding:
    """A discriminator whose outputs depend on nothing, and which does not learn any more."""
    largest = Evidence("fakes at which the discriminator has a slope", 0.0, 0.0, 0.0)
    words = "The discriminator is constant where the fakes are and gets no gradient itself: neither player learns."
    advice = "give the discriminator new weights, a smaller step, and a leaky activation"
    return Finding(NAME, ILLNESS, 1.0, (largest,), words, SOURCE, advice)


def _powers(what: str, value: float, error: float, threshold: float) -> Evidence:
    """Return how many powers of ten a number lies below 1."""
    floor = 1e-12
    value = max(value, floor)
    return Evidence(what, -math.log10(value), error / value / math.log(10) + 1e-9, threshold)


def distance(exam: Examination) -> float:
    """Return the root mean square distance between a real sample and a fake; shared by several checks."""

    def make() -> float:
        count = min(len(exam.real), len(exam.fake), PAIRS)
        gap = (exam.real[:count].astype(np.float64) - exam.fake[:count]).reshape(count, -1)
        if exam.patient.classes > 1:
            gap = gap[:, :-1]
        return float(np.sqrt(np.square(gap).sum(axis=1).mean()))

    return exam.once("distance of real and fake", make)


def signal_at_fakes(exam: Examination) -> tuple[float, float, bool]:
    """Return the signal, its standard error, and whether the gap of the scores is shown at all."""
    real, fake = paired_scores(exam)
    own, critic = weights(exam, 0), weights(exam, 1)
    gap = abs(float(real.mean() - fake.mean()))
    error = math.sqrt(real.var(ddof=1) / len(real) + fake.var(ddof=1) / len(fake))
    felt = own.fake * exam.slopes.fake[: len(own.fake)]
    level = critic.undecided * gap
    if not np.isfinite(felt).all() or distance(exam) == 0.0:
        message = "the discriminator's input gradients are not finite, or real data and fakes are the same"
        raise Cannot(message)
    if level == 0.0:
        return 1.0, 0.0, False
    scale = distance(exam) / level
    return float(felt.mean()) * scale, float(felt.std(ddof=1) / math.sqrt(len(felt))) * scale, gap > SHOWN * error


def transfer_of_generator(exam: Examination) -> tuple[float, float]:
    """Return |J^T u| |theta| / (distance sqrt(n)) for random u of length 1 over n samples, and its error.

    A generator at parameters of 0 may listen to them very well: their size counts as 1 at least.
    """
    theta = exam.point[0]
    rng = np.random.default_rng(exam.seed + 1)
    batch = exam.batch(0, max(exam.patient.batch if exam.patient.batch < 32 else 32, 2))
    made, pull = pullback(lambda at: exam.patient.game.generator(at, batch.latent.points), theta)
    read = []
    for _ in range(DIRECTIONS):
        u = rng.standard_normal(tuple(made.shape))
        if exam.patient.classes > 1:
            u[:, -1] = 0.0  # the label that travels has no derivative
        with torch.no_grad():
            read.append(float(pull(array(u / np.linalg.norm(u), theta)).double().norm()))
    scale = max(float(theta.double().norm()), 1.0) / max(distance(exam) * math.sqrt(len(made)), 1e-300)
    return float(np.mean(read)) * scale, float(np.std(read, ddof=1)) / math.sqrt(DIRECTIONS) * scale
