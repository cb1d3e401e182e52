"""Cases: a loss under test with the batches that it is read on, and what is known of it before any property."""

import functools
from typing import NamedTuple, final

import numpy as np

from tussle.autodiff import float64
from tussle.conformance.claims import (
    AGREE,
    Batch,
    Claim,
    Match,
    Recognized,
    claim_of,
    compared,
    match,
    outputs_that_move,
    recognized,
    reference_engine,
    tolerance_of,
)
from tussle.conformance.mistakes import MISTAKES, Mistake
from tussle.conformance.subject import Slopes, Subject, placed, scalar, slopes_of
from tussle.losses import Loss, loss

PLAYERS = ("critic", "generator")
SIZE = 12
USUAL = ("nonsaturating", "hinge", "rp-logistic", "ra-logistic", "ra-least_squares", "ra-hinge", "rp-hinge")
MOVE, MOVES = 0.5, 10  # mean rise of the fakes' outputs in a step of the generator, and the steps of a run


class Run(NamedTuple):
    """Mean weights on real and on fake data in the critic's update while the generator moves, critic frozen.

    Attributes:
        a: mean weights on real data.
        b: mean weights on fakes.
        rise: of the mean output on fakes.
    """

    a: np.ndarray
    b: np.ndarray
    rise: float


def _batches() -> list[Batch]:
    """Return seeded batches: overlapping, real above, fakes above. No output lies on the corner of a hinge."""
    rng = np.random.default_rng(20_180_702)
    places = ((0.5, 1.3, -0.4, 1.1), (2.2, 0.8, -1.7, 0.7), (-1.4, 0.9, 1.6, 1.2))
    return [Batch(a + b * rng.standard_normal(SIZE), c + d * rng.standard_normal(SIZE)) for a, b, c, d in places]


@final
class Case:
    """A loss under test. What several properties need is computed once, when it is first asked for."""

    def __init__(self, subject: Subject, claims: str | Loss | None, scale: float | None) -> None:
        self.subject: Subject = subject
        self.batches: list[Batch] = _batches()
        self._claims: str | Loss | None = claims
        self._scale: float | None = scale
        self._differences: dict[tuple[str, int, float], Slopes] = {}

    @functools.cached_property
    def critic(self) -> list[Slopes]:
        """The critic's slopes on each batch."""
        return [self.subject.slopes("critic", *b) for b in self.batches]

    @functools.cached_property
    def generator(self) -> list[Slopes]:
        """The generator's slopes on each batch."""
        return [self.subject.slopes("generator", *b) for b in self.batches]

    def differences(self, player: str, batch: int, step: float) -> Slopes:
        """Return the slopes of a player on a batch as differences of values."""
        key = player, batch, step
        if key not in self._differences:
            self._differences[key] = self.subject.differences(player, *self.batches[batch], step=step)
        return self._differences[key]

    def slopes(self, player: str) -> list[Slopes]:
        """Return the slopes of a player on each batch."""
        return self.critic if player == "critic" else self.generator

    @functools.cached_property
    def recognized(self) -> Recognized:
        """The losses of the library that have its slopes."""
        return recognized(self.subject, self.batches, self.critic, self.generator)

    @functools.cached_property
    def claim(self) -> Claim | None:
        """What the loss is: as claimed, or as recognized by the critic's gradients; None if it is neither.

        A paired loss may be claimed without a word on its pairs; then it is taken as it is.
        """
        if self._claims is None:
            found = self.recognized.whole or self.recognized.critic
            return found[0]._replace(scale=self._scale) if found else None
        stated = claim_of(self._claims, self._scale)
        if stated.loss.coupling != "paired" or stated.loss.pairing != "auto":
            return stated
        every = claim_of(f"{stated.text},pairing=all", stated.scale) if isinstance(self._claims, str) else stated
        index, pairs = (self._match(c.loss, "critic").holds for c in (stated, every))
        return every if pairs and not index else stated

    @functools.cached_property
    def matches(self) -> dict[str, Match]:
        """How far each player's slopes agree with those of the claim."""
        assert self.claim is not None
        return {player: self._match(self.claim.loss, player) for player in ("critic", "generator")}

    def scale(self, player: str) -> float:
        """Return the factor of a player's loss over the claim's; 1 where it has none."""
        if self.claim is None or not self.matches[player].holds:
            return 1.0
        return self.matches[player].scale

    def _match(self, reference: Loss, player: str) -> Match:
        return match(self.subject, reference, player, self.batches, self.slopes(player))

    def reference(self, player: str, batch: Batch) -> Slopes:
        """Return the slopes of the claim's loss on a batch."""
        assert self.claim is not None
        chosen = self.claim.loss.critic if player == "critic" else self.claim.loss.generator
        return slopes_of(chosen, *batch, reference_engine(self.subject))

    def tolerance(self, player: str) -> float:
        """Return what counts as agreement of slopes or values, relative."""
        return tolerance_of(self.subject, player, self.batches[0])

    def rough(self, player: str) -> bool:
        """Say whether a player's loss is computed in less than float64."""
        return self.tolerance(player) > AGREE

    def mistake(self, player: str) -> Mistake | None:
        """Return the known mistake that a player's slopes show, or None."""
        assert self.claim is not None
        for known in MISTAKES:
            beside = not known.alone or self.matches["critic"].holds
            if known.player in (player, "both") and beside and self._shows(known, self.claim.loss, player):
                return known
        return None

    def _shows(self, known: Mistake, meant: Loss, player: str) -> bool:
        wrong = known.make(meant, player)
        if wrong is None:
            return False
        engine, mine = reference_engine(self.subject), self.slopes(player)
        for count in (1, len(self.batches)):  # most differ on the first batch already
            exact = [slopes_of(wrong, *b, engine) for b in self.batches[:count]]
            found, wanted = (outputs_that_move(player, s) for s in (mine[:count], exact))
            if not compared(found, wanted, self.tolerance(player)).holds:
                return False
        return True

    def resembles(self) -> tuple[str, Mistake] | None:
        """Return a usual loss and the known mistake by which it would become this critic's, or None."""
        for name in USUAL:
            for known in MISTAKES:
                if known.player != "generator" and self._shows(known, loss(name), "critic"):
                    return name, known
        return None

    @functools.cached_property
    def run(self) -> Run | None:
        """A run of the generator against a frozen critic, from clearly rejected fakes; None if it has no slopes."""
        real, fake = self.batches[1]
        a, b = [], []
        for _ in range(MOVES + 1):
            critic = self.subject.slopes("critic", real, fake)
            a.append(-critic.real.sum())
            b.append(critic.fake.sum())
            down = -self.subject.slopes("generator", real, fake).fake
            size = np.abs(down).mean()
            if size == 0 and len(a) > 2:  # all fakes are where the generator wants them
                break
            if not np.isfinite(size) or size == 0:
                return None
            fake = fake + MOVE * down / size
        return Run(np.array(a), np.array(b), float(fake.mean() - self.batches[1].fake.mean()))

    def claimed_value(self, player: str, batch: Batch, reference: Loss | None = None) -> float:
        """Return the loss that the claim gives a batch, with the factor and the constant by which the user's differs.

        Args:
            player: `critic` or `generator`.
            batch: the batch.
            reference: in place of the claim's loss on that batch.

        Returns:
            the value.
        """
        assert self.claim is not None
        engine, known = reference_engine(self.subject), self.claim.loss
        pairs = [(reference or known, batch), (known, self.batches[0])]
        with float64():
            there, here = (
                scalar(player, getattr(chosen, player)(*(placed(y, engine) for y in b))) for chosen, b in pairs
            )
        return self.scale(player) * (there - here) + self.subject.value(player, *self.batches[0])
