"""Scenes: one step of a training, and what several probes need of it, computed once.

A step has two turns. The critic's is where it reads its loss for the first time in the step, the generator's is where
the generator does: at the same point under simultaneous steps, and under alternating ones the second player sees where
the first has gone. Everything is read on the batch of the critic's turn.

Nothing is written to: points are detached, networks are functions of their parameters, no random number is drawn but
from the scene's own seed.
"""

import contextlib
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch

from tussle.autodiff import array, is_torch, namespace, pullback, to_numpy
from tussle.game import Pair, Point, joined, reading, sizes_of, split
from tussle.gan import GAN, Batch
from tussle.map import Map
from tussle.measures import Nodes, paired
from tussle.records import record, static
from tussle.relativism.weights import Measured, Outputs, Shares, measured, outputs, shares_of
from tussle.rules.alternating import Alternating
from tussle.rules.averaging import Averaging


class Moment(NamedTuple):
    """Where each player is: False before the step, True after it."""

    generator: bool
    discriminator: bool


class Judged(NamedTuple):
    """What the critic says at one moment: outputs in float64, what the loss makes of them, weights of samples."""

    outputs: Outputs
    measured: Measured
    shares: Shares


class Linearization(NamedTuple):
    """The field at a point, and J v and J^T v for one random direction v, all (d,) in float64."""

    velocity: np.ndarray
    forward: np.ndarray
    backward: np.ndarray


@record
class Scene:
    """One step of a training.

    Attributes:
        map: the method.
        before: the point before the step.
        after: the point after it.
        velocity: what the step read of the field.
        state: the rule's state after the step.
        drawn: the batch of the step; a stream where its readings have one each.
        held_out: a batch of held-out data, or None.
        anchor: a point to look towards, None for a player that has none, or None.
        key: seed and number of the step, for random directions.
        steep: whether the critic's input gradients are wanted; then its outputs come from the same pass.
        tangent: whether Jacobian products are wanted; then the field at `after` comes from the same pass.
    """

    map: Map = static()
    before: Point = static()
    after: Point = static()
    velocity: Point = static()
    state: Any = static()
    drawn: Any = static()
    held_out: Any = static(default=None)
    anchor: tuple[Any, ...] | None = static(default=None)
    key: tuple[int, int] = static(default=(0, 0))
    steep: bool = static(default=False)
    tangent: bool = static(default=False)
    kept: dict[Any, Any] = static(default_factory=dict)

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what was made under this key, making it at the first call."""
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]

    # Turns and batches ----------------------------------------------------------------------------------------------

    @property
    def game(self) -> GAN:
        """The GAN.

        Raises:
            ValueError: if the game is none.
        """
        game = self.map.field.game
        if not isinstance(game, GAN):
            message = (
                f"`map` is on a {type(game).__name__}; this probe reads a critic's outputs and needs a GAN; leave it "
                "out, or give a GAN."
            )
            raise ValueError(message)
        return game

    @cached_property
    def _order(self) -> tuple[Moment, Moment, int]:
        """The critic's turn, the generator's turn, and which reading is the critic's first."""
        rule: Any = self.map.rule
        while isinstance(rule, Averaging):
            rule = rule.inner
        start = Moment(False, False)
        if not isinstance(rule, Alternating):
            return start, start, 0
        if rule.first == self.map.field.game.players[0]:
            return Moment(True, False), start, rule.steps[0]
        return start, Moment(False, True), 0

    @property
    def critic_turn(self) -> Moment:
        """Where the critic's step begins."""
        return self._order[0]

    @property
    def critic_done(self) -> Moment:
        """Where it ends: the generator as at its start, the critic after the step."""
        return Moment(self.critic_turn.generator, True)

    @property
    def generator_turn(self) -> Moment:
        """Where the generator's step begins."""
        return self._order[1]

    @property
    def field_batch(self) -> Any:
        """The batch of the critic's turn, as the field takes it."""
        return reading(self.drawn, self._order[2])

    @property
    def batch(self) -> Batch:
        """The batch of the critic's turn, as the game takes it."""
        batch = self.field_batch
        return batch.first if isinstance(batch, Pair) else batch

    def player(self, index: int, moved: bool) -> Any:
        """Return a player's parameters before or after the step."""
        return (self.after if moved else self.before)[index]

    # The critic -----------------------------------------------------------------------------------------------------

    def seen(self, side: str, moment: Moment) -> Nodes:
        """Return what the critic sees of the real data or of the fakes, instance noise included."""
        if side == "real":
            return self.once("real", lambda: self._noisy(self.batch.real, self.batch.noise))
        return self.once(("fake", moment.generator), lambda: self._fakes(moment.generator))

    def _fakes(self, moved: bool) -> Nodes:
        with self.unrecorded():
            nodes = self.game.fakes(self.player(0, moved), self.batch)
        return self._noisy(nodes, self.batch.noise_fake)

    def _noisy(self, nodes: Nodes, noise: Nodes | None) -> Nodes:
        if self.game.noise is None or noise is None:
            return nodes
        points, shifts, weights = paired(nodes, noise)
        return Nodes(points + self.game.noise * shifts, weights)

    def scores(self, side: str, moment: Moment) -> Nodes:
        """Return the critic's outputs on one side at one moment, with their weights."""
        shared = not moment.discriminator and (side == "real" or moment == self.critic_turn)
        if self.steep and shared:
            return self._steep(side)[0]
        key = ("scores", side, moment.discriminator, side == "fake" and moment.generator)
        return self.once(key, lambda: self._scores(self.seen(side, moment), moment.discriminator))

    def _scores(self, nodes: Nodes, moved: bool) -> Nodes:
        with self.unrecorded():
            return Nodes(self.game.logits(self.player(1, moved), nodes.points), nodes.weights)

    def held_out_scores(self) -> Nodes | None:
        """Return the critic's outputs on held-out real data at its turn, or None where there are none."""
        if self.held_out is None:
            return None
        batch = reading(self.held_out, 0)
        batch = batch.first if isinstance(batch, Pair) else batch
        return self.once("held out", lambda: self._scores(self._noisy(batch.real, batch.noise), False))

    def slopes(self, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Return |grad_x C| of each sample on one side at the critic's turn, and the samples' chances."""
        return self._steep(side)[1]

    def _steep(self, side: str) -> tuple[Nodes, tuple[np.ndarray, np.ndarray]]:
        return self.once(("steep", side), lambda: self._read_slopes(self.seen(side, self.critic_turn)))

    def _read_slopes(self, nodes: Nodes) -> tuple[Nodes, tuple[np.ndarray, np.ndarray]]:
        psi = self.player(1, False)
        logits, pull = pullback(lambda x: self.game.logits(psi, x), nodes.points)
        slope = to_numpy(pull(namespace(logits).ones_like(logits))).astype(np.float64)
        lengths = np.linalg.norm(slope.reshape(len(slope), -1), axis=1)
        return Nodes(logits, nodes.weights), (lengths, chances(nodes.weights, len(lengths)))

    def judged(self, moment: Moment) -> Judged:
        """Return what the critic says at a moment and what its loss makes of it."""
        return self.once(("judged", moment), lambda: self._judged(moment))

    def _judged(self, moment: Moment) -> Judged:
        real, fake = self.scores("real", moment), self.scores("fake", moment)
        y = outputs(real.points, fake.points, real.weights, fake.weights)
        found = measured(self.game.loss_function, y)
        return Judged(y, found, shares_of(y, found))

    # The field ------------------------------------------------------------------------------------------------------

    def field(self, moved: bool) -> np.ndarray:
        """Return the field before or after the step on one and the same batch, (d,)."""
        if moved and self.tangent:
            return self.linearization.velocity
        point = self.after if moved else self.before
        return self.once(("field", moved), lambda: plain(joined(self.map.field(point, self.field_batch))))

    @cached_property
    def linearization(self) -> Linearization:
        """The field after the step and its products with one direction drawn from the scene's key.

        u -> J^T u is recorded at u = v. It is linear: one pass back through that record is v -> J v.
        """
        whole, sizes = joined(self.after), sizes_of(self.after)
        rng = np.random.Generator(np.random.Philox(key=self.key))
        direction = array(rng.standard_normal(whole.shape[0]), whole)
        velocity, pull = pullback(lambda x: joined(self.map.field(split(x, sizes), self.field_batch)), whole)
        backward, push = pullback(pull, direction)
        return Linearization(plain(velocity), plain(push(direction)), plain(backward))

    def unrecorded(self) -> contextlib.AbstractContextManager[Any]:
        """Return a context without a record for derivatives."""
        return torch.no_grad() if is_torch(self.after[0]) else contextlib.nullcontext()


def plain(x: Any) -> np.ndarray:
    """Return an array of any engine as NumPy, float64."""
    return to_numpy(x).astype(np.float64)


def chances(weights: Any, count: int) -> np.ndarray:
    """Return the probabilities of nodes, equal ones for a batch."""
    return np.full(count, 1.0 / count) if weights is None else plain(weights)
