"""Check: the discriminator is so sure of everything that its own loss hardly moves it any more.

The weight of a sample is |d loss / d output| times the number of samples: how hard it pulls. For the log loss it is the
probability of the wrong answer, 1 - D(x) on real data and D(x) on fakes. The mean weight is held against that of a
discriminator which gives everything the same output. Linear losses (Wasserstein) have constant weights and never
saturate.

Reference:
    Arjovsky, Bottou, "Towards principled methods for training GANs", ICLR 2017, section 2 (the perfect discriminator).
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch

from tussle.doctor.examination import Cannot, Examination
from tussle.doctor.findings import ILLNESS, WARNING, Checked, Evidence, Finding, clear, confidence, found
from tussle.doctor.loss_mismatch import ends_of

NAME = "saturated_discriminator"
SATURATED = 0.02  # of the undecided weight: for the log loss an average probability of the right answer of 99 %
NEAR = 0.08  # the same at 96 %: where the loss still moves, but has lost most of its pull
LEAST = 20  # samples of each side
SOURCE = (
    f"the loss pulls with less than {SATURATED:.0%} of what it does on an undecided discriminator, which for the log "
    "loss is an average probability of 99 % for the right answer (Arjovsky and Bottou 2017, section 2)"
)


class Weights(NamedTuple):
    """How hard each sample pulls at a player's loss.

    Attributes:
        real: n |d loss / d output| of each real sample.
        fake: the same of each fake.
        undecided: the critic's mean weight where all samples have one output, halfway between both sides.
    """

    real: np.ndarray
    fake: np.ndarray
    undecided: float


def slopes_of_loss(exam: Examination, player: int, real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return n times the derivatives of a player's loss with respect to outputs on real data and on fakes.

    Args:
        exam: the examination.
        player: 0 for the generator, 1 for the discriminator.
        real: outputs on real data, (n,).
        fake: outputs on fakes, (n,).

    Raises:
        Cannot: if the loss cannot be read there.
    """
    loss: Any = exam.patient.game.loss_function
    psi = exam.point[1]
    sides = [torch.tensor(x, dtype=psi.dtype, device=psi.device, requires_grad=True) for x in (real, fake)]
    try:
        with torch.enable_grad():
            value = (loss.critic if player else loss.generator)(*sides)
            parts = torch.autograd.grad(value.reshape(()), sides, allow_unused=True)
    except (RuntimeError, ValueError, TypeError, IndexError) as trouble:
        message = f"the {exam.patient.game.players[player]}'s loss fails on its outputs: {str(trouble)[:120]}"
        raise Cannot(message) from trouble
    slopes = [
        np.zeros(len(x)) if g is None else g.double().cpu().numpy() * len(x) for x, g in zip(sides, parts, strict=True)
    ]
    if not all(np.isfinite(s).all() for s in slopes):
        message = f"the {exam.patient.game.players[player]}'s loss has slopes that are not finite at its outputs"
        raise Cannot(message)
    return slopes[0], slopes[1]


def paired_scores(exam: Examination) -> tuple[np.ndarray, np.ndarray]:
    """Return as many outputs on real data as on fakes.

    Raises:
        Cannot: if there are too few, or they are not finite.
    """
    real, fake = exam.scores.real, exam.scores.fake
    count = min(len(real), len(fake))
    if count < LEAST:
        message = f"only {count} real samples were given, and {LEAST} are needed"
        raise Cannot(message)
    if not (np.isfinite(real).all() and np.isfinite(fake).all()):
        message = "the discriminator's outputs are not finite"
        raise Cannot(message)
    return real[:count], fake[:count]


def weights(exam: Examination, player: int) -> Weights:
    """Return how hard each sample pulls at a player's loss; shared by several checks."""

    def make() -> Weights:
        real, fake = paired_scores(exam)
        own = slopes_of_loss(exam, player, real, fake)
        middle = np.full(len(real), (real.mean() + fake.mean()) / 2)
        flat = slopes_of_loss(exam, 1, middle, middle)
        level = float(np.abs(flat[0]).mean() + np.abs(flat[1]).mean()) / 2
        return Weights(np.abs(own[0]), np.abs(own[1]), level)

    return exam.once(f"weights of player {player}", make)


def auc(real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    """Return the probability that a real sample has a larger output than a fake, and its standard error.

    >>> auc(np.array([2.0, 3.0]), np.array([0.0, 2.0]))[0]
    0.875
    """
    order = np.sort(fake)
    below = (np.searchsorted(order, real, "left") + np.searchsorted(order, real, "right")) / 2 / len(fake)
    value = float(below.mean())
    other = np.sort(real)
    above = 1 - (np.searchsorted(other, fake, "left") + np.searchsorted(other, fake, "right")) / 2 / len(real)
    spread = sum(float(x.var()) / len(x) for x in (below, above))  # DeLong 1988
    return value, math.sqrt(spread + 0.25 / (len(real) * len(fake)))


def look(exam: Examination) -> Checked:
    """Measure by how much the discriminator's loss pulls less than at an undecided one."""
    real, fake = paired_scores(exam)
    found_weights = weights(exam, 1)
    ends = ends_of(exam)
    parts = [found_weights.real, found_weights.fake]
    level = found_weights.undecided
    if ends.bends_to_a_share:  # the pull at what goes into the last sigmoid
        middle = (real.mean() + fake.mean()) / 2
        parts = [w * p * (1 - p) for w, p in zip(parts, (real, fake), strict=True)]
        level *= middle * (1 - middle)
    if level <= 0:
        return clear(NAME, "the loss does not pull at an undecided discriminator either: there is nothing to saturate")
    pull = sum(float(w.mean()) for w in parts) / 2 / level
    error = math.sqrt(sum(float(w.var(ddof=1)) / len(w) for w in parts)) / 2 / level + 1e-12
    parted, spread = auc(real, fake)
    lack = Evidence("share of the loss's pull that is lost", 1 - pull, error, 1 - SATURATED)
    more = Evidence("probability that a real sample is scored above a fake", parted, spread, 0.5)
    words = f"the discriminator's loss pulls with {pull:.2g} of what it does on an undecided one"
    words += f" (a real sample is scored above a fake with probability {parted:.3f})"
    if pull >= NEAR or parted < 0.5:
        return clear(NAME, words, lack, more)
    ill = pull < SATURATED
    if not ill:
        lack = Evidence(lack.what, lack.value, lack.uncertainty, 1 - NEAR)
    advice = "give the discriminator a gradient penalty (r1 or wgan_gp) or instance noise, or fewer and smaller steps"
    severity = ILLNESS if ill else WARNING
    return found(Finding(NAME, severity, confidence(lack), (lack, more), sentence(words), SOURCE, advice))


def sentence(words: str) -> str:
    """Return words with a capital at their beginning."""
    return words[:1].upper() + words[1:]
