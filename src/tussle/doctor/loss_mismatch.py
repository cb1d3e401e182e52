"""Check: the discriminator's last operation and the loss disagree, or the two players' losses do.

Four disagreements, each read off the outputs and the slopes of the loss, and confirmed by the operation that made the
outputs where the autograd graph shows it:

- bounded outputs (a sigmoid) under a loss that wants them further out: it still pulls at the bound;
- a loss of probabilities (binary cross entropy) on outputs that leave [0, 1];
- both players pull the outputs on fakes the same way: the labels of one are swapped;
- the discriminator has learned to score fakes above real data, which its own loss is high for.

References:
    Goodfellow et al., "Generative adversarial nets", NIPS 2014 (D = sigmoid of a logit).
    Mao et al., "Least squares generative adversarial networks", ICCV 2017 (no sigmoid).
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tussle.autodiff import array
from tussle.doctor.examination import Cannot, Examination
from tussle.doctor.findings import ILLNESS, WARNING, Checked, Evidence, Finding, clear, confidence, found

NAME = "loss_mismatch"
CUT = 0.1  # pull at the bound as a share of that in the middle; the log loss has 0.71, least squares 0
BARRIER = 5.0  # of a loss between a probability of 1/2 and of 1e-7: log(1e-7) is -16, a logit's loss moves by 0.3
REVERSED = 0.1  # probability that real data are scored above fakes
LEAST = 20  # samples of each side
MUST = ("P8", "P15")  # derivatives are those of the values; the same outputs give the same loss
CONFORMANCE = 8.0  # seconds that the properties of a loss take at most
FAR = 100.0  # times the data, where a function without bounds leaves (0, 1)
SHAPES = ("View", "Reshape", "UnsafeView", "Squeeze", "Unsqueeze", "Select", "Slice", "Alias", "Transpose", "Permute",
          "Expand", "AsStrided", "Clone", "ToCopy", "Contiguous", "T0", "TBackward", "Flatten", "Index")  # fmt: skip
BOUNDS = {"Sigmoid": (0.0, 1.0), "Softmax": (0.0, 1.0), "Tanh": (-1.0, 1.0), "Hardtanh": (-1.0, 1.0),
          "Hardsigmoid": (0.0, 1.0)}  # fmt: skip
SOURCE = (
    "at the bound of the outputs a loss that fits pulls no further (least squares: 0), the log loss still with 0.71 of "
    f"its pull in the middle; more than {CUT} counts as cut off"
)


class Ends(NamedTuple):
    """What the discriminator's outputs end in.

    Attributes:
        operation: the last operation that is no mere reshaping, such as Sigmoid, or empty where it is not known.
        low: lower bound of the outputs, or -inf.
        high: upper bound, or inf.
    """

    operation: str
    low: float
    high: float

    @property
    def bounded(self) -> bool:
        """Whether the outputs are bounded on both sides."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def bends_to_a_share(self) -> bool:
        """Whether the outputs are those of a sigmoid."""
        return self.operation == "Sigmoid"


def last_operation(out: Tensor) -> str:
    """Return the name of the last operation behind a tensor that is no mere reshaping; empty where there is none.

    >>> last_operation(torch.ones(2, 1, requires_grad=True).sigmoid()[:, 0])
    'Sigmoid'
    """
    node: Any = out.grad_fn
    while node is not None:
        name = node.name().partition("Backward")[0].rpartition("::")[2]
        onward = [one for one, _ in node.next_functions if one is not None]
        if not onward or not (name == "Cat" or any(node.name().startswith(shape) for shape in SHAPES)):
            return "" if "Accumulate" in node.name() else name
        node = onward[0]
    return ""


def ends_of(exam: Examination) -> Ends:
    """Return what the discriminator's outputs end in; shared by several checks."""

    def make() -> Ends:
        psi = exam.point[1].detach().requires_grad_()
        few = array(np.concatenate([exam.real[:8], exam.fake[:8]]), psi)
        with torch.enable_grad():
            operation = last_operation(exam.patient.game.logits(psi, few))
        if operation in BOUNDS:
            return Ends(operation, *BOUNDS[operation])
        return Ends(operation, *_seen_bounds(exam))

    return exam.once("ends of the discriminator", make)


def _seen_bounds(exam: Examination) -> tuple[float, float]:
    """Return (0, 1) where no input, however far away, leads out of it; infinite bounds otherwise."""
    scale = np.abs(exam.real).max() * FAR
    far = np.random.default_rng(exam.seed).standard_normal(exam.real[:64].shape).astype(exam.real.dtype) * scale
    if exam.patient.classes > 1:
        far[:, -1] = exam.real[:64, -1]
    y = np.concatenate([exam.scores.real, exam.scores.fake, exam.patient.logits(far)])
    inside = np.isfinite(y).all() and y.min() >= 0 and y.max() <= 1 and y.max() - y.min() > 1e-3
    return (0.0, 1.0) if inside else (-math.inf, math.inf)


def look(exam: Examination) -> Checked:
    """Hold outputs and loss against each other."""
    if min(len(exam.scores.real), len(exam.scores.fake)) < LEAST:
        message = f"only {len(exam.scores.real)} real samples were given, and {LEAST} are needed"
        raise Cannot(message)
    for one in (_probabilities, _cut_off, _same_way, _reversed, _own_functions):
        seen = one(exam)
        if seen is not None:
            return found(seen)
    cut = _pull_at_bound(exam)
    ends = ends_of(exam)
    told = f"outputs end in {ends.operation or 'an operation that the graph does not show'}"
    told += f", bounded by {ends.low:g} and {ends.high:g}" if ends.bounded else ", without bounds"
    evidence = Evidence(
        "pull of the discriminator's loss at the outputs' bounds, as a share of that between", cut, 0.0, CUT
    )
    return clear(NAME, f"{told}; the loss fits them, and the players pull at fakes in opposite ways", evidence)


# A loss at outputs ----------------------------------------------------------------------------------------------------


def _value(exam: Examination, real: float, fake: float) -> float:
    """Return the discriminator's loss where all outputs are the same two numbers; nan where it refuses them."""
    loss: Any = exam.patient.game.loss_function
    psi = exam.point[1]
    try:
        sides = [torch.full((8,), x, dtype=psi.dtype, device=psi.device) for x in (real, fake)]
        return float(loss.critic(*sides))
    except (RuntimeError, ValueError, TypeError, IndexError):
        return math.nan


def wants_probabilities(exam: Examination) -> bool:
    """Say whether a loss is one of probabilities: with a barrier at 0 and 1, or refusing what lies outside."""
    if not math.isfinite(_value(exam, 0.5, 0.5)):
        return False
    outside = [_value(exam, 1.5, -0.5), _value(exam, -0.5, 1.5)]
    barrier = _value(exam, 1e-7, 1 - 1e-7) - _value(exam, 0.5, 0.5)
    return not all(map(math.isfinite, outside)) or barrier > BARRIER


def _probabilities(exam: Examination) -> Finding | None:
    """A loss of probabilities on outputs that are none."""
    if not wants_probabilities(exam):
        return None
    ends = ends_of(exam)
    y = np.concatenate([exam.scores.real, exam.scores.fake])
    outside = float(np.mean((y < 0) | (y > 1)))
    if outside == 0 and ends.low >= 0 and ends.high <= 1:
        return None
    error = math.sqrt(outside * (1 - outside) / len(y))
    share = Evidence("share of the outputs that lie outside [0, 1]", outside, error, 0.0)
    words = (
        f"The loss takes probabilities, and the discriminator's outputs, which end in {ends.operation or 'no bound'}, "
    )
    words += f"are none: they go from {y.min():.3g} to {y.max():.3g}, {outside:.0%} of them outside [0, 1]."
    advice = "end the discriminator in a sigmoid, or better take the loss of logits (binary_cross_entropy_with_logits)"
    source = "a loss of probabilities is not defined outside [0, 1]"
    return Finding(NAME, ILLNESS, 1.0, (share,), words, source, advice)


def _pull_at_bound(exam: Examination) -> float:
    """Return how hard the loss still pulls where outputs are right and at their bounds, as a share of the middle."""
    from tussle.doctor.saturated_discriminator import slopes_of_loss

    ends = ends_of(exam)
    if not ends.bounded or wants_probabilities(exam):
        return 0.0
    half = np.full(16, (ends.low + ends.high) / 2)
    middle = slopes_of_loss(exam, 1, half, half)
    right = slopes_of_loss(exam, 1, np.full(16, ends.high), np.full(16, ends.low))
    level = abs(middle[0].mean()) + abs(middle[1].mean())
    pull = max(-right[0].mean(), 0.0) + max(right[1].mean(), 0.0)  # upwards on real data, downwards on fakes
    return float(pull / level) if level > 0 else 0.0


def _cut_off(exam: Examination) -> Finding | None:
    """Bounded outputs under a loss that wants them further out."""
    ends, pull = ends_of(exam), _pull_at_bound(exam)
    if pull <= CUT:
        return None
    sure = 1.0 if ends.operation in BOUNDS else 0.9
    y = np.concatenate([exam.scores.real, exam.scores.fake])
    evidence = (
        Evidence("pull of the discriminator's loss at the outputs' bounds, as a share of that between", pull, 0.0, CUT),
        Evidence("smallest output", float(y.min()), 0.0, ends.low),
        Evidence("largest output", float(y.max()), 0.0, ends.high),
    )
    what = f"end in a {ends.operation.lower()}" if ends.operation in BOUNDS else "are bounded"
    words = f"The discriminator's outputs {what} (between {ends.low:g} and {ends.high:g}), and the loss "
    words += (
        f"{exam.patient.game.loss_function.name} wants them further out: at the bounds it still pulls with {pull:.2g} "
    )
    words += "of its pull in the middle."
    advice = "drop the last activation of the discriminator: the loss takes logits"
    return Finding(NAME, ILLNESS, sure, evidence, words, SOURCE, advice)


# Labels ---------------------------------------------------------------------------------------------------------------


def _pulls(exam: Examination) -> tuple[float, float, float]:
    """Return the signed pulls of critic on real, critic on fake and generator on fake, each from -1 to 1.

    A pull is minus the mean slope over the mean size of the slopes: 1 where every output is pulled upwards.
    """
    from tussle.doctor.saturated_discriminator import paired_scores, slopes_of_loss

    def signed(slopes: np.ndarray) -> float:
        size = float(np.abs(slopes).mean())
        return -float(slopes.mean()) / size if size > 0 else 0.0

    real, fake = paired_scores(exam)
    told = (0.0, 0.0, 0.0)
    # halfway between both sides most losses pull; a hinge may not, and is asked elsewhere
    for level in (float(real.mean() + fake.mean()) / 2, 0.5, 0.0):
        middle = np.full(len(real), level)
        critic, generator = slopes_of_loss(exam, 1, middle, middle), slopes_of_loss(exam, 0, middle, middle)
        told = signed(critic[0]), signed(critic[1]), signed(generator[1])
        if all(told):
            break
    return told


def _same_way(exam: Examination) -> Finding | None:
    """Both players pull the outputs on fakes the same way, or one not at all."""
    real, fake, generator = _pulls(exam)
    game = exam.patient.game
    if generator == 0.0 or (real == 0.0 and fake == 0.0):
        who = game.players[0 if generator == 0.0 else 1]
        none = Evidence(f"pull of the {who}'s loss at the outputs", 0.0, 0.0, 0.0)
        words = f"The {who}'s loss passes no gradient to the discriminator's outputs."
        return Finding(NAME, ILLNESS, 1.0, (none,), words, "a loss without slope moves nothing",
                       f"let gradients reach the outputs in the {who}'s loss: no detach, no no_grad")  # fmt: skip
    agree = fake * generator
    if agree <= 0 and real * fake <= 0:
        return None
    if real * fake > 0:
        evidence = Evidence("product of the critic's pulls on real outputs and on fakes", real * fake, 0.0, 0.0)
        words = "The discriminator's loss pulls outputs on real data and on fakes the same way: it does not part them."
        advice = "give real data and fakes different labels in the discriminator's loss"
    else:
        evidence = Evidence("product of both players' pulls at outputs on fakes", agree, 0.0, 0.0)
        words = "Both players pull the outputs on fakes the same way: the labels of one of them are swapped."
        advice = "swap the labels in one of the two losses: the generator wants its fakes scored as real data are"
    return Finding(NAME, ILLNESS, 1.0, (evidence,), words, "players who agree on fakes are no opponents", advice)


def _reversed(exam: Examination) -> Finding | None:
    """The discriminator scores fakes above real data, where its loss says the contrary."""
    from tussle.doctor.saturated_discriminator import auc, paired_scores, slopes_of_loss

    real, fake = paired_scores(exam)
    slopes = slopes_of_loss(exam, 1, real, fake)
    upwards = -slopes[0].mean() + slopes[1].mean()  # above 0 where real data are to be scored higher
    parted, error = auc(real, fake) if upwards >= 0 else auc(fake, real)
    middle = float((real.mean() + fake.mean()) / 2)
    wrong = exam.patient.game.loss_function
    psi = exam.point[1]
    now = float(wrong.critic(array(real, psi), array(fake, psi)))
    undecided = _value(exam, middle, middle)
    if parted > REVERSED or not now > 2 * undecided > 0:
        return None
    evidence = (
        Evidence("probability that a fake is scored above a real sample", 1 - parted, error, 1 - REVERSED),
        Evidence("the discriminator's loss", now, 0.0, undecided),
    )
    words = (
        f"The discriminator scores fakes above real data (with probability {1 - parted:.3f}). Its loss is {now:.3g}, "
    )
    words += (
        f"more than twice the {undecided:.3g} of one that knows nothing: it was trained with other labels than these."
    )
    advice = "check which side the training calls real: this loss wants large outputs on real data"
    source = "a discriminator trained by its loss does not do worse than a constant by a factor of two"
    return Finding(NAME, WARNING, confidence(evidence[0]), evidence, words, source, advice)


# The user's own functions ---------------------------------------------------------------------------------------------


def _own_functions(exam: Examination) -> Finding | None:
    """A user's own functions under the properties that any loss must have."""
    from tussle.losses import Loss

    loss: Any = exam.patient.game.loss_function
    if isinstance(loss, Loss) or wants_probabilities(exam) or exam.left < CONFORMANCE:
        return None
    from tussle.conformance import check_loss

    try:
        report = check_loss((loss.critic, loss.generator))
    except ValueError:  # functions of a form that the properties cannot be read of
        return None
    wrong = [one for one in report.findings if one.mistake or (one.number in MUST and one.status == "failed")]
    if not wrong:
        return None
    count = Evidence("properties of a loss that fail or show a known mistake", float(len(wrong)), 0.0, 0.0)
    words = "The loss's own functions are not what they seem: " + "; ".join(
        one.sentence.rstrip(".") for one in wrong[:2]
    )
    source = f"conformance of losses, {', '.join(f'{one.number} ({one.name})' for one in wrong)}"
    advice = "mend the function as said, or take the library's loss of that name"
    return Finding(NAME, WARNING, 0.9, (count,), words + ".", source, advice)
