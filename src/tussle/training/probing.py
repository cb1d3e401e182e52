"""The probes of a run: when they are due, on which game they read, and on which held-out data."""

from typing import Any

from tussle.autodiff import is_torch
from tussle.game import Point
from tussle.gan import GAN
from tussle.records import rebuild
from tussle.training.build import Setup
from tussle.training.checkpoints import flattened, rebuilt
from tussle.training.engines import first_batch
from tussle.training.probes import Probes, probe_names
from tussle.training.recipes import Recipe


class Probing:
    """Reads the probes of a run.

    Dense networks that are stepped by compiled loops are read as the PyTorch modules they stand for: a reading happens
    once in a thousand steps and is not worth compiling.

    Args:
        found: the run.
    """

    def __init__(self, found: Setup) -> None:
        self.setup: Setup = found
        self.probes: Probes = chosen_probes(found.recipe)
        self.kept: Any = _kept(found)

    def read(self, step: int, before: Point, point: Point, velocity: Point, state: Any, batch: Any) -> dict[str, Any]:
        """Return what the probes read after a step, by name.

        Args:
            step: steps taken.
            before: the point before the last of them.
            point: the point after it.
            velocity: what it read.
            state: the rule's state after it.
            batch: its batch.
        """
        seed, values = self.setup.recipe.run.seed, self.setup.values(step - 1)
        kept = None if self.kept is None else first_batch(self.kept(seed, step))
        method = self.setup.method(values)
        if self.setup.twin is not None:
            from tussle.networks.dense import to_torch

            method = self.setup.twin(values)
            if not is_torch(point[0]):
                before, point, velocity = to_torch(before), to_torch(point), to_torch(velocity)
                arrays, pattern = flattened(state)
                state = rebuilt(pattern, arrays, point[0])
        found = self.probes.read(step, method, before, point, velocity, state, first_batch(batch), kept)
        return {f"probe/{name}": value for name, value in found.items()}


def chosen_probes(found: Recipe) -> Probes:
    """Return the probes of a recipe; eigenvalues are among them where they have an interval."""
    log = found.log
    names = [name for name in probe_names() if name != "eigenvalues"] if log.probes is None else list(log.probes)
    if log.eigen_every and "eigenvalues" not in names:
        names.append("eigenvalues")
    if not log.eigen_every:
        names = [name for name in names if name != "eigenvalues"]
    return Probes(names, log.probe_every or 1, log.eigen_every or 1, found.run.seed)


def _kept(found: Setup) -> Any:
    """Return batches of held-out data, or None where there are none."""
    if found.data is None or (found.data.law is None and len(found.data.held_out) == 0):
        return None
    game = rebuild(GAN, {**vars(found.game), "data": found.data.held_out})
    return game.sampler(found.recipe.run.batch)
