"""The training loop: one map, one start, batches drawn as it goes, and a log."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch

from tussle import checks
from tussle.autodiff import to_numpy
from tussle.endings import Ending
from tussle.game import Pair, Point, placed, reading
from tussle.gan import GAN
from tussle.map import Map
from tussle.records import record as frozen
from tussle.records import static

Batches = Callable[[int, int], Any]


class Progress(Protocol):
    """What is called whenever a line is logged."""

    def __call__(self, step: int, info: Mapping[str, Any]) -> None:
        """Show how far the run has come: the steps taken, and the line by name."""
        ...


@frozen
class TrainingRecord:
    """The record of a training run, in NumPy.

    The values of a line are those of the last step's batch, at the point that the step led to; the speeds are those
    that the step itself read.

    Attributes:
        at: (k,), how many steps had been taken at each line.
        losses: (k, 2), what generator and discriminator minimize, penalties included.
        speeds: (k, 2), Euclidean norms of the two velocities.
        logits: (k, 2), mean logits of real data and of fakes.
        seconds: (k,), since the run began; the one thing here that no two runs share.
        extra: what `record` asked for, by name, (k, ...).
        point: the last point whose numbers are all finite.
        state: the rule's state that belongs to it.
        steps: how many steps led to it, earlier runs included.
        ending: `running` (all steps were taken, and nothing is claimed) or `nonfinite` (it stopped early).
        reason: one sentence about the ending.
    """

    at: np.ndarray = static()
    losses: np.ndarray = static()
    speeds: np.ndarray = static()
    logits: np.ndarray = static()
    seconds: np.ndarray = static()
    extra: dict[str, np.ndarray] = static()
    point: Point = static()
    state: Any = static()
    steps: int = static()
    ending: Ending = static()
    reason: str = static()

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Return the lines of the log by name."""
        named = {name: getattr(self, name) for name in ("at", "losses", "speeds", "logits", "seconds")}
        return named | self.extra


def train(
    map: Map,
    start: Point,
    steps: int,
    *,
    batch: int | Batches = 64,
    seed: int = 0,
    every: int = 100,
    record: Mapping[str, Callable[[Point, Any], Any]] | None = None,
    progress: Progress | None = None,
    state: Any = None,
    taken: int = 0,
) -> TrainingRecord:
    """Run a map on a GAN of networks, with fresh batches for each reading of the field.

    The batches depend on the seed and on the number of the step alone: with the same number of threads a run repeats
    bit for bit, and one that goes on from `point`, `state` and `steps` of another equals one that never stopped.

    Args:
        map: the method on its GAN, such as `Map(Field(network.game), alternating(adam(1e-3)))`.
        start: the parameters of generator and discriminator, flat tensors.
        steps: how many steps.
        batch: samples per batch, or `batches(seed, step)` -> batch, such as a `Sampler` of pairs.
        seed: seed of the batches.
        every: how often a line is logged; the last step always is.
        record: more to log, by name: `function(point, batch)` -> a number or an array.
        progress: called with the step and the line whenever one is logged.
        state: the rule's state to go on from; a fresh one by default.
        taken: how many steps were taken before.

    Returns:
        the log, the last finite point and how it ended; mathematics that overflows ends the run and never raises.

    Raises:
        ValueError: if the game is no GAN or a count is wrong.
    """
    game = _gan(map)
    checks.count("steps", steps, least=0)
    checks.count("every", every)
    batches = batch if callable(batch) else game.sampler(batch).streams(map.rule.readings)
    point = _start(start)
    state = map.init(point) if state is None else state
    log, clock, done = _Log(game, record or {}, progress), time.perf_counter(), 0
    bad = None if _finite(point) else "the parameters of the start are not finite"
    while done < steps and bad is None:
        drawn = placed(batches(seed, taken + done), point[0])
        after, later, info = map.step(point, state, drawn)
        if not (_finite(after) and _finite(info.velocity)):
            what = "parameters" if _finite(info.velocity) else "velocities"
            bad = f"the {what} were no longer finite at step {taken + done + 1}"
            break
        point, state, done = after, later, done + 1
        if done % every == 0 or done == steps:
            log.line(taken + done, point, info.velocity, drawn, time.perf_counter() - clock)
    ending = Ending.RUNNING if bad is None else Ending.NONFINITE
    reason = bad or f"all {steps} step(s) were taken; whether it has settled is another question"
    return TrainingRecord(**log.arrays(), point=point, state=state, steps=taken + done, ending=ending, reason=reason)


def _gan(map: Map) -> GAN:
    game = map.field.game
    if not isinstance(game, GAN):
        message = (
            f"`map` is on a {type(game).__name__}; training draws batches from a GAN's data; give a GAN, or use run "
            "for other games."
        )
        raise ValueError(message)
    return game


def _start(start: Point) -> Point:
    if not all(isinstance(x, torch.Tensor) for x in start):
        message = (
            f"`start` holds {', '.join(type(x).__name__ for x in start)}; all must be flat tensors; "
            "give network.start, or use run for games that are solved exactly."
        )
        raise ValueError(message)
    return tuple(x.detach() for x in start)


def _finite(point: Point) -> bool:
    return all(bool(torch.isfinite(x).all()) for x in point)


class _Log:
    """The lines of a run."""

    def __init__(self, game: GAN, record: Mapping[str, Any], progress: Progress | None) -> None:
        self.game, self.record, self.progress = game, record, progress
        self.lines: list[dict[str, Any]] = []

    def line(self, step: int, point: Point, velocity: Point, batch: Any, seconds: float) -> None:
        """Log one line."""
        batch = reading(batch, 0)
        batch = batch.first if isinstance(batch, Pair) else batch
        with torch.no_grad():
            real, fake = self.game.scores(point, batch)
            losses = [float(self.game.loss(i, point, batch)) for i in range(2)]
        found = {
            "at": step,
            "losses": losses,
            "speeds": [float(v.norm()) for v in velocity],
            "logits": [float(real.mean(real.points)), float(fake.mean(fake.points))],
            "seconds": seconds,
        }
        found |= {name: _plain(function(point, batch)) for name, function in self.record.items()}
        self.lines.append(found)
        if self.progress is not None:
            self.progress(step, found)

    def arrays(self) -> dict[str, Any]:
        """Return the lines as arrays."""
        shapes = {"at": (0,), "losses": (0, 2), "speeds": (0, 2), "logits": (0, 2), "seconds": (0,)}
        base = {name: _column(self.lines, name, shape) for name, shape in shapes.items()}
        return base | {"extra": {name: _column(self.lines, name, (0,)) for name in self.record}}


def _plain(value: Any) -> Any:
    return to_numpy(value) if isinstance(value, torch.Tensor) else np.asarray(value)


def _column(lines: list[dict[str, Any]], name: str, empty: tuple[int, ...]) -> np.ndarray:
    return np.array([line[name] for line in lines]) if lines else np.zeros(empty)
