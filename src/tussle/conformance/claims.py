"""Claims: which loss of the library a user's loss is, as the user says or as its gradients say."""

import dataclasses
from typing import NamedTuple

import numpy as np

from tussle.conformance.subject import Slopes, Subject, slopes_of
from tussle.losses import Loss, loss, loss_names, parse_loss
from tussle.payoffs import AbstractPayoff, Logistic, Mirror, Negative, quadratic_weight

AGREE = 1e-6  # of the largest slope: what counts as the same slopes in float64
LABELS = ("a=-1,b=1,c=0", "a=0,b=1,c=0.5", "a=-1,b=1,c=1")  # of least squares, beside the usual 0, 1, 1
OBJECTIVES = ("swap", "zero-sum", "logit")


class Batch(NamedTuple):
    """Outputs on real data and on fakes, (k,) and (l,)."""

    real: np.ndarray
    fake: np.ndarray


class Match(NamedTuple):
    """How far slopes agree with those of a reference.

    Attributes:
        scale: the factor between them, nan if there is none.
        gap: the largest difference after that factor, as a share of the largest slope.
        tolerance: what counts as agreement.
    """

    scale: float
    gap: float
    tolerance: float = AGREE

    @property
    def holds(self) -> bool:
        """Whether they agree up to a positive factor."""
        return self.scale > 0 and self.gap <= self.tolerance


class Claim(NamedTuple):
    """A loss of the library, and how it is written.

    Attributes:
        loss: with scale 1.
        text: its name and options.
        scale: the factor that is claimed, None if none is.
        stated: whether the user said so (else it was recognized).
    """

    loss: Loss
    text: str
    scale: float | None = None
    stated: bool = True

    @property
    def linear(self) -> bool:
        """Whether the critic's loss is linear in its outputs (an integral probability metric)."""
        return all(quadratic_weight(p) == 0.0 for p in (self.loss.critic_real, self.loss.critic_fake))

    @property
    def invariant(self) -> bool:
        """Whether the critic's loss must ignore a constant added to all outputs."""
        return self.loss.coupling != "plain" or self.linear

    @property
    def logistic(self) -> bool:
        """Whether the critic's loss is the log loss."""
        return isinstance(_bare(self.loss.critic_real), Logistic)


def _bare(payoff: AbstractPayoff) -> AbstractPayoff:
    return payoff.of if isinstance(payoff, (Mirror, Negative)) else payoff


def claim_of(claims: str | Loss, scale: float | None) -> Claim:
    """Return what a user claims.

    Args:
        claims: a name with options as in `parse_loss`, or a loss.
        scale: the factor that is claimed; None for that in the text, if it names one.

    Returns:
        the claim.

    Raises:
        ValueError: if there is no such loss.
    """
    if isinstance(claims, Loss):
        stated = scale if scale is not None else float(claims.scale)
        return Claim(dataclasses.replace(claims, scale=1.0), claims.name, stated)
    made = parse_loss(claims)
    if scale is None and "scale" in claims.partition(",")[2]:
        scale = float(made.scale)
    return Claim(dataclasses.replace(made, scale=1.0), claims, scale)


def reference_engine(subject: Subject) -> str:
    """Return the engine that the library's losses are read under."""
    return "torch" if subject.engine == "torch" else "jax"


def compared(found: list[np.ndarray], wanted: list[np.ndarray], tolerance: float = AGREE) -> Match:
    """Return how far slopes agree up to one factor, which is read off where the reference is large."""
    u, v = np.concatenate(found), np.concatenate(wanted)
    largest = float(np.abs(v).max())
    if largest == 0.0 or not np.all(np.isfinite(u)):
        return Match(float("nan"), float("inf"), tolerance)
    scale = float(u @ v / (v @ v))
    gap = float(np.abs(u - scale * v).max()) / (abs(scale) * largest) if scale else float("inf")
    return Match(scale, gap, tolerance)


def match(subject: Subject, reference: Loss, player: str, batches: list[Batch], found: list[Slopes]) -> Match:
    """Return how far a player's slopes agree with a reference: the critic's on both sides, the generator's on fakes."""
    engine = reference_engine(subject)
    function = reference.critic if player == "critic" else reference.generator
    exact = [slopes_of(function, *batch, engine) for batch in batches]
    return compared(
        outputs_that_move(player, found), outputs_that_move(player, exact), tolerance_of(subject, player, batches[0])
    )


def outputs_that_move(player: str, slopes: list[Slopes]) -> list[np.ndarray]:
    """Return the slopes that a player's step uses."""
    if player == "generator":  # the outputs on real data do not move in the generator's step
        return [s.fake for s in slopes]
    return [part for s in slopes for part in s]


def tolerance_of(subject: Subject, player: str, batch: Batch) -> float:
    """Return what counts as agreement: looser where the loss computes in less than float64."""
    unit = subject.precision(player, *batch)
    return AGREE if unit < 1e-12 else 40 * unit


class Recognized(NamedTuple):
    """The library's losses that have a loss's slopes: those of both players, and those of its critic alone."""

    whole: list[Claim]
    critic: list[Claim]


def recognized(subject: Subject, batches: list[Batch], critic: list[Slopes], generator: list[Slopes]) -> Recognized:
    """Return the library's losses that have the slopes of a loss.

    Args:
        subject: the loss under test.
        batches: where to compare.
        critic: the slopes of its critic there.
        generator: those of its generator.

    Returns:
        claims, none stated, the most usual first.
    """
    near = [c for c in _candidates() if match(subject, c.loss, "critic", batches[:1], critic[:1]).holds]
    near = [c for c in near if match(subject, c.loss, "critic", batches, critic).holds]
    whole = []
    for c in near:
        for text in _objectives(c.text):
            claim = c if text == c.text else Claim(parse_loss(text), text, stated=False)
            if match(subject, claim.loss, "generator", batches, generator).holds:
                whole.append(claim)
    return Recognized(whole, near)


def _candidates() -> list[Claim]:
    texts = []
    for name in loss_names():
        texts.append(name)
        if name.startswith("rp-"):
            texts.append(f"{name},pairing=all")
        if name == "least_squares":
            texts += [f"{name},{labels}" for labels in LABELS]
    return [Claim(parse_loss(text), text, stated=False) for text in texts]


def _objectives(text: str) -> list[str]:
    """Return a name with each objective that it may have, its own first."""
    found = [text]
    for objective in OBJECTIVES:
        try:
            loss(text.partition(",")[0], objective=objective)
        except ValueError:  # this name has one objective only
            continue
        found.append(f"{text},objective={objective}")
    return found
