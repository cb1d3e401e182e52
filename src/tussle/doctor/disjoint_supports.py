"""Check: a new classifier, which has seen neither of them, tells held-out real data from fresh fakes without fail.

Probe critics with new weights (a perceptron, and the discriminator's own architecture where it mixes no samples) are
trained on one part of the real data and judged on another, beside the discriminator itself where held-out data were
given. Where even the best one errs on next to nothing, the supports are as good as disjoint. That alone is how every
training begins; it is an illness where the discriminator has found out, too, and its loss has no answer: one of a log
type without penalty or noise.

References:
    Arjovsky, Bottou, "Towards principled methods for training GANs", ICLR 2017, theorems 2.1 and 2.2.
    Lopez-Paz, Oquab, "Revisiting classifier two-sample tests", ICLR 2017 (held-out accuracy of a fresh classifier).
"""

import math
import time

import numpy as np
import torch
from torch import nn

from tussle.doctor.examination import Cannot, Examination, OutOfTime
from tussle.doctor.exploding_critic_gradient import is_linear
from tussle.doctor.findings import ILLNESS, NOTE, WARNING, Checked, Evidence, Finding, clear, confidence, found
from tussle.doctor.intake import left_alone
from tussle.doctor.saturated_discriminator import auc, paired_scores, weights
from tussle.measures import Samples
from tussle.networks.functional import Player, player
from tussle.networks.mlp import MLP
from tussle.records import rebuild
from tussle.training.ledger_probes import Reading, renewed, trained
from tussle.training.ledger_scene import RunScene

NAME = "disjoint_supports"
APART = 0.98  # of held-out samples told rightly, mean of both sides: fewer than one in fifty lies among the others
KNOWN = 0.99  # probability that the discriminator scores a real sample above a fake: it has found out
PULL = 0.2  # of its undecided loss: what is left of its pull when it is sure of what it knows
STEPS = {"quick": 80, "standard": 200, "deep": 600}  # of a probe
FEWEST = 40  # steps that a probe learns anything in
SHARE = 0.08  # of what is left of the budget, for each probe
LEAST = 60  # real samples: a third of them judges
WIDEST = 8192  # numbers in a sample
WIDTH, DEPTH = 64, 2  # of the perceptron
SOURCE = (
    f"a classifier that errs on fewer than one in fifty held-out samples ({APART:.0%}) has found a set that parts both "
    "laws; there a perfect discriminator exists and its gradient vanishes (Arjovsky and Bottou 2017)"
)


def look(exam: Examination) -> Checked:
    """Train probe critics and judge them on what they have not seen."""
    right, error, name, steps = accuracy(exam)
    number = Evidence(f"share of held-out samples that {name} tells rightly", right, error, APART)
    real, fake = paired_scores(exam)
    parted, spread = auc(real, fake)
    own = Evidence("probability that the discriminator scores a real sample above a fake", parted, spread, KNOWN)
    pull = (
        float(weights(exam, 1).real.mean() + weights(exam, 1).fake.mean()) / 2 / max(weights(exam, 1).undecided, 1e-300)
    )
    left = Evidence("what is left of the pull of the discriminator's loss", pull, 0.0, PULL)
    words = f"{name}, trained for {steps} steps, tells {right:.1%} of held-out real data and fresh fakes rightly"
    if right <= APART:
        return clear(NAME, words, number, own)
    game = exam.patient.game
    answered = bool(game.penalties) or game.noise is not None or is_linear(exam)
    severity = NOTE
    if parted > KNOWN and not answered:
        severity = ILLNESS if pull < PULL else WARNING
    words += ": their supports are as good as disjoint"
    words += ", and the discriminator has found out" if parted > KNOWN else ""
    words += "; penalty, noise or loss bear with it" if answered else ""
    advice = (
        "add instance noise or a gradient penalty, or take a loss that measures distance (wasserstein with wgan_gp)"
    )
    return found(
        Finding(
            NAME, severity, confidence(number), (number, own, left), f"{words[:1].upper()}{words[1:]}.", SOURCE, advice
        )
    )


def accuracy(exam: Examination) -> tuple[float, float, str, int]:
    """Return the best probe's balanced accuracy on held-out samples, its standard error, its name, and its steps."""

    def make() -> tuple[float, float, str, int]:
        with left_alone():  # a probe with dropout draws
            torch.default_generator.manual_seed(exam.seed)
            scenes = probe_scene(exam)
            readings = [trained(scene, name, scene.fresh, scene.steps) for name, scene in scenes.items()]
        best = min(readings, key=lambda one: one.chosen)
        return (*_told(best), best.name, scenes[best.name].steps)

    return exam.once("held-out accuracy of probes", make)


def _told(reading: Reading) -> tuple[float, float]:
    """Return balanced accuracy and standard error (half an error is added, so that none is not certainty)."""
    shares, spread = [], 0.0
    for right in (reading.held > 0, reading.fake < 0):
        share, count = float(right.mean()), len(right)
        near = (count * share + 0.5) / (count + 1)
        shares.append(share)
        spread += near * (1 - near) / count
    return sum(shares) / 2, math.sqrt(spread) / 2


def probe_scene(exam: Examination) -> dict[str, RunScene]:
    """Return for each probe that fits into the budget where it is trained, and for how many steps.

    Raises:
        Cannot: if there are too few samples, or they are too wide.
        OutOfTime: if no probe fits.
    """
    real, wide = exam.real, int(np.prod(exam.real.shape[1:]))
    if len(real) < LEAST:
        message = f"only {len(real)} real samples were given, and {LEAST} are needed to train and judge a probe"
        raise Cannot(message)
    if wide > WIDEST:
        message = f"a sample has {wide} numbers, and a probe of up to {WIDEST} is made"
        raise Cannot(message)
    kept = exam.patient.held_out
    cut = len(real) // 3 if kept is None or len(kept) < LEAST // 3 else 0
    held = real[:cut] if cut else exam.held_out
    rest = real[cut:]
    found_here: dict[str, RunScene] = {}
    for name, fresh in _probes(exam, rest).items():
        scene = RunScene(
            name, exam.patient.game, exam.point, fresh, fresh, name, Samples(rest), Samples(held), None,
            exam.patient.classes > 1, len(held), STEPS[exam.depth], exam.seed,
        )  # fmt: skip
        if not found_here:
            trained(scene, name, fresh, 1)  # PyTorch loads much of itself at an optimizer's first step
        began = time.perf_counter()
        trained(scene, name, fresh, 2)
        each = (time.perf_counter() - began) / 2
        steps = min(STEPS[exam.depth], int(SHARE * exam.left / max(each, 1e-6)))
        if steps >= FEWEST:
            found_here[name] = rebuild(RunScene, {**vars(scene), "steps": steps})
        elif not found_here:
            message = f"{FEWEST} steps of {name} take about {FEWEST * each:.2g} s, more than a twelfth of the "
            message += f"{max(exam.left, 0.0):.2g} s of the budget that are left"
            raise OutOfTime(message)
    return found_here


def _probes(exam: Examination, real: np.ndarray) -> dict[str, Player]:
    """Return probes with new weights by name."""
    rows = real.reshape(len(real), -1).astype(np.float64)
    with left_alone():
        torch.default_generator.manual_seed(exam.seed)
        scaled = nn.BatchNorm1d(rows.shape[1], affine=False).eval()  # a fixed scaling: samples are not mixed
        scaled.running_mean = torch.as_tensor(rows.mean(axis=0), dtype=torch.float32)
        scaled.running_var = torch.as_tensor(rows.var(axis=0) + 1e-6, dtype=torch.float32)
        net = nn.Sequential(nn.Flatten(), scaled, MLP(rows.shape[1], None, WIDTH, DEPTH, "leaky_relu"))
        found_here = {"a new perceptron": player(net.to(exam.point[1]))}
    if not mixes(exam):
        found_here["the discriminator's architecture with new weights"] = renewed(exam.patient.discriminator, exam.seed)
    return found_here


def mixes(exam: Examination) -> bool:
    """Say whether an output depends on the other samples of its batch, or on random numbers."""
    x = exam.batch(0, 8).real.points
    with torch.no_grad():
        together = exam.patient.game.logits(exam.point[1], x)
        apart = exam.patient.game.logits(exam.point[1], x[:4])
    return bool((together[:4] - apart).abs().max() > 1e-4 * (together.std() + 1e-12))
