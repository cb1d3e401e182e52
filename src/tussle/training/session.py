"""A run from its recipe to its folder: one loop that reads top to bottom.

What a run does depends on the recipe and on the number of the step alone: batches, probes and samples are drawn from
the seed and the step. A run that is stopped at any moment goes on from its last checkpoint as if it had never stopped,
bit for bit with the same number of threads.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tussle.autodiff import float64, is_torch, to_numpy
from tussle.endings import Ending
from tussle.game import Point
from tussle.training import checkpoints
from tussle.training.build import Setup, averaged, latents, setup
from tussle.training.checkpoints import Checkpoint
from tussle.training.compiled import Advanced, CompiledSteps
from tussle.training.devices import chosen, threads_of, versions
from tussle.training.engines import AbstractEngine, Drawer, Gauges, TorchEngine
from tussle.training.folder import RunFolder
from tussle.training.judging import Judging
from tussle.training.parallel import shared
from tussle.training.probing import Probing
from tussle.training.processes import Place, anyone, check_equal, environment, processes
from tussle.training.recipes import Recipe
from tussle.training.stopping import Stop, stoppable
from tussle.training.trackers import Tracker, check_installed, trackers
from tussle.training.trained import Trained, Watcher

CHUNK = 64  # steps that a compiled loop takes at once
Draw = Callable[[int, int], Any]


def train_recipe(
    found: Recipe, out: str | Path, *, resume: bool = False, device: str | None = None, watcher: Watcher | None = None
) -> Trained:
    """Train what a recipe describes, and write everything into a folder.

    Args:
        found: the recipe, from `recipe(...)`.
        out: the folder of the run; see `tussle.training.folder` for what is in it.
        resume: whether to go on with the run that the folder holds.
        device: in place of the recipe's.
        watcher: who is told of the progress.

    Returns:
        how it ended.

    Raises:
        ValueError: if the recipe or the folder is wrong; nothing was written then.
        OSError: if the disk is full; the last good checkpoint stays.
    """
    with joined(found, device) as place:
        return Session(found, out, resume=resume, place=place, watcher=watcher).run()


@contextmanager
def joined(found: Recipe, device: str | None = None) -> Iterator[Place]:
    """Join the processes that train together, each on its device; alone, this is one process on the device asked for.

    Raises:
        ValueError: if there is no such device here.
    """
    name = chosen(device or found.run.device)
    if environment(os.environ)[1] == 1:
        yield Place(device=torch.device(name))
        return
    with processes(name.partition(":")[0]) as place:
        yield place


class Session:
    """A run that goes on: `run` is the loop, everything else is what the loop calls.

    Args:
        found: the recipe.
        out: the folder.
        resume: whether to go on with the run in the folder.
        place: where this process stands among those that train together.
        watcher: who is told of the progress.
    """

    def __init__(
        self,
        found: Recipe,
        out: str | Path,
        *,
        resume: bool = False,
        place: Place | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self.place: Place = place or Place()
        self.recipe: Recipe = found
        self.folder: RunFolder = RunFolder(out)
        if resume:
            self.folder.recipe()  # refuses a folder without a run before anything is built
        self.setup: Setup = setup(found, str(self.place.device))
        self.engine: AbstractEngine = _engine(self.setup)
        self.gauges: Gauges = Gauges(self.setup.method)
        self.drawer: Drawer = Drawer(self.setup.game.generator)
        self.probing: Probing = Probing(self.setup)
        self.judging: Judging = Judging(found, self.setup.data)
        self.trackers: list[Tracker] = []
        self.watcher: Watcher | None = watcher
        self.point: Point = self.engine.place(self.setup.start)
        self.state: Any = self.setup.map(0).init(self.point)
        self.step: int = 0
        self.saved: int | None = None
        self.bad: str = ""
        self.latest: Any = None
        self.lines: list[dict[str, Any]] = []
        self.measured: list[dict[str, Any]] = []
        self.cost: dict[str, float] = {}
        if resume:
            self._restore()
        check_installed(found.log.trackers)
        self.judging.check()
        if self.place.first:
            (self.folder.resume if resume else self.folder.begin)(found)
            self.trackers = trackers(found.log.trackers, self.folder.path, found.name, found.document())
        if self.setup.engine == "torch":
            check_equal(self.point)

    # The loop ----------------------------------------------------------------------------------------------------

    def run(self) -> Trained:
        """Take the steps that are left."""
        from tussle.data.ahead import Ahead

        began, total, run = time.perf_counter(), self.recipe.run.steps, self.recipe.run
        with threads_of(run.threads), stoppable() as stop, Ahead(
            self._batches(), run.seed, self.step, total, depth=2 * self.engine.most
        ) as batches:  # fmt: skip
            self._note("running")
            while self.step < total and not self.bad and not self._stopped(stop):
                count = self._until() - self.step
                drawn = self._timed("batches", lambda count=count: [next(batches) for _ in range(count)])
                moved = self._timed("steps", lambda count=count, drawn=drawn: self._advance(drawn))
                self._after(moved, drawn)
        return self._finished(stop, time.perf_counter() - began)

    def _batches(self) -> Callable[[int, int], Any]:
        return self.setup.batches if self.place.world == 1 else shared(self.setup.batches)

    def _stopped(self, stop: Stop) -> bool:
        """Say whether this or another process was asked to stop."""
        if self.place.world == 1:
            return bool(stop.asked)
        if anyone(bool(stop.asked), self.place.device) and not stop.asked:
            stop.asked = "another process"
        return bool(stop.asked)

    def _advance(self, drawn: list[Any]) -> Advanced:
        values = [self.setup.values(self.step + k) for k in range(len(drawn))]
        return self.engine.advance(self.point, self.state, drawn, values)

    def _after(self, moved: Advanced, drawn: list[Any]) -> None:
        """Take over what the steps led to, and do what is due."""
        before = self.point
        self.point, self.state, self.step, self.bad = moved.point, moved.state, self.step + moved.taken, moved.bad
        if self.bad or not moved.taken:
            return
        batch, log = drawn[moved.taken - 1], self.recipe.log
        self.latest = (moved, batch)
        if self._due(log.every) or self._due(log.probe_every) or self._due(log.eigen_every):
            line = self._timed("log", lambda: self._line(moved, batch))
            line |= self._timed("probes", lambda: self._probed(before, moved, batch))
            self.lines.append(line)
            self._track(line)
        if self.watcher is not None:
            self.watcher.progress(self.step, self.recipe.run.steps, self.lines[-1] if self.lines else {})
        if self._due(log.checkpoint_every):
            self._timed("checkpoints", self._save)
        if self._due(log.sample_every):
            self._timed("samples", self._sample)
        if self._due(self.recipe.metrics.every):
            self._timed("metrics", self._measure)

    # When --------------------------------------------------------------------------------------------------------

    def _every(self) -> tuple[int, ...]:
        log = self.recipe.log
        found = (log.every, log.probe_every, log.eigen_every, log.sample_every, log.checkpoint_every)
        return tuple(every for every in (*found, self.recipe.metrics.every) if every)

    def _until(self) -> int:
        """Return the step at which the loop looks up next."""
        due = min(every * (self.step // every + 1) for every in self._every())
        return min(due, self.step + self.engine.most, self.recipe.run.steps)

    def _due(self, every: int) -> bool:
        return every > 0 and self.step % every == 0

    def _timed(self, name: str, call: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        found = call()
        self.cost[name] = self.cost.get(name, 0.0) + time.perf_counter() - began
        return found

    # What is written ---------------------------------------------------------------------------------------------

    def _line(self, moved: Advanced, batch: Any) -> dict[str, Any]:
        values = self.setup.values(self.step - 1)
        line: dict[str, Any] = {"step": self.step, "seconds": sum(self.cost.values())}
        line |= self.gauges(self.point, batch, values)
        norms = [float(np.linalg.norm(to_numpy(v).astype(np.float64))) for v in moved.velocity]
        line |= {"speed/generator": norms[0], "speed/discriminator": norms[1]}
        return line | {f"set/{name}": value for name, value in values.items()}

    def _probed(self, before: Point, moved: Advanced, batch: Any) -> dict[str, Any]:
        """Return what the probes read, where they are due."""
        log, step = self.recipe.log, self.step
        if not (self.place.first and (self._due(log.probe_every) or self._due(log.eigen_every))):
            return {}
        return self.probing.read(step, before, self.point, moved.velocity, self.state, batch)

    def _track(self, line: dict[str, Any]) -> None:
        for one in self.trackers:
            one.log(self.step, line)

    def _sample(self) -> None:
        """Draw the run's own latents through the averaged generator, and write the samples."""
        if not self.place.first:
            return
        count = self.recipe.log.samples
        drawn = self.drawer(self._average()[0], latents(self.setup, count, self.recipe.run.seed))
        path = self.folder.write_samples(self.step, {"samples": drawn, "step": np.array(self.step)})
        if self.watcher is not None:
            self.watcher.sampled(path)

    def _average(self) -> Point:
        return averaged(self.setup.map(0), self.state, self.point)

    def _measure(self) -> None:
        """Measure samples of the averaged generator."""
        if not (self.judging.names and self.place.first):
            return
        drawn = latents(self.setup, self.recipe.metrics.samples, self.recipe.run.seed + 1)
        theta = self._average()[0]
        self.measured.append(self.judging.measure(self.step, lambda z: self.drawer(theta, z), drawn))
        self.folder.write_metrics(self.measured)

    def _save(self) -> None:
        """Write the log, then the checkpoint: a run that dies between the two finds lines of steps it takes again."""
        if not self.place.first:
            return
        try:
            self.folder.write_log(self.lines)
            self.folder.save(Checkpoint(self.step, self.point, self.state, {}), self.recipe.log.keep)
        except OSError as trouble:
            kept = f"that of step {self.saved}" if self.saved is not None else "none"
            message = (
                f"the checkpoint of step {self.step} could not be written to {self.folder.path} "
                f"({trouble.strerror or trouble}); "
                f"the last good one stays: {kept}; free some space and go on with --resume"
            )
            raise OSError(trouble.errno, message) from trouble
        self.saved = self.step

    def _restore(self) -> None:
        """Go back to the last checkpoint; a run that died before its first begins anew."""
        if not self.folder.last.is_file():
            reached = self.folder.note().get("step", 0)
            if reached:
                message = (
                    f"`{self.folder.last}` is missing, and the run had reached step {reached}; put it back"
                    f"{self.folder.spare()}, or begin a new run in another folder."
                )
                raise ValueError(message)
            return
        with nullcontext() if is_torch(self.point[0]) else float64():
            try:
                found = checkpoints.load(self.folder.last, self.point[0])
            except ValueError as wrong:
                message = f"{str(wrong).rstrip('.')}{self.folder.spare()}."
                raise ValueError(message) from wrong
        if [len(x) for x in found.point] != [len(x) for x in self.point]:
            message = f"`{self.folder.last}` holds players of other sizes; it is not of this run; take another one."
            raise ValueError(message)
        self.point, self.state, self.step, self.saved = found.point, found.state, found.step, found.step
        log = self.recipe.log
        marks = [every for every in (log.every, log.probe_every, log.eigen_every) if every]
        kept = [line for line in self.folder.log() if line["step"] <= self.step]
        # The last line of a run that was stopped between two marks stands at no mark of the whole run.
        self.lines = [line for line in kept if any(line["step"] % every == 0 for every in marks)]
        if self.step > self.recipe.run.steps:
            message = (
                f"`run.steps` is {self.recipe.run.steps}, and the run has taken {self.step} already; give more, for "
                "--steps counts all of them."
            )
            raise ValueError(message)
        self.measured = [one for one in self.folder.metrics() if one["step"] <= self.step]

    def _note(self, status: str, reason: str = "") -> None:
        if not self.place.first:
            return
        note = {"status": status, "step": self.step, "steps": self.recipe.run.steps, "engine": self.setup.engine}
        data = self.setup.data
        about = {} if data is None else {"data": {"source": data.source, "digest": data.digest}}
        self.folder.write_note({**note, "reason": reason, **about, **versions()})

    def _finished(self, stop: Stop, seconds: float) -> Trained:
        """Write everything that a run leaves behind."""
        ending, reason = self._ending(stop)
        if self.latest is not None and (not self.lines or self.lines[-1]["step"] != self.step):
            self.lines.append(self._timed("log", lambda: self._line(*self.latest)))  # the last step always is
        self._timed("checkpoints", self._save)
        done = self.step >= self.recipe.run.steps and not self.bad
        if done and not self._due(self.recipe.log.sample_every):
            self._timed("samples", self._sample)
        if done and not self._due(self.recipe.metrics.every):
            self._timed("metrics", self._measure)
        self._export()
        for one in self.trackers:
            one.close()
        self._note("stopped" if stop.asked else str(ending), reason)
        metrics = self.measured[-1] if self.measured else {}
        return Trained(
            self.folder.path, self.setup, self.point, self._average(), self.state, self.step, ending, reason, seconds,
            metrics, self.cost,
        )  # fmt: skip

    def _ending(self, stop: Stop) -> tuple[Ending, str]:
        if self.bad:
            return Ending.NONFINITE, f"the {self.bad} were no longer finite at step {self.step + 1}"
        if stop.asked:
            return Ending.RUNNING, f"{stop.asked} stopped it after step {self.step}; --resume goes on from there"
        return Ending.RUNNING, f"all {self.step} steps were taken; whether it has settled is another question"

    def _export(self) -> None:
        """Write the weights by the modules' own names, the averaged ones for the generator."""
        network = self.setup.network
        if network is None or not self.place.first:
            return
        from safetensors.torch import save as encoded

        from tussle.networks.dense import to_torch

        players = (network.generator, network.discriminator)
        point = to_torch((self._average()[0], self.point[1]))
        for player, vector, name in zip(players, point, checkpoints.PLAYERS, strict=True):
            tensors = {key: value.cpu().contiguous() for key, value in player.state_dict(vector).items()}
            checkpoints.written(self.folder.path / f"{name}.safetensors", encoded(tensors))


def _engine(found: Setup) -> AbstractEngine:
    if found.engine == "torch":
        return TorchEngine(found.method)
    return CompiledSteps(found.method, CHUNK)
