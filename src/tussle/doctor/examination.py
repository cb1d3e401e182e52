"""An examination: what several checks need of a patient, measured once, within a budget.

Everything is read from the patient's copies. Batches, latents and directions come from the examination's own seed, so
that a diagnosis repeats. What does not fit into the budget any more is refused by `OutOfTime`, which turns a check into
`unknown`.
"""

import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

from tussle.autodiff import input_gradient, to_numpy
from tussle.doctor.patient import Patient
from tussle.game import Point, placed

T = TypeVar("T")
DEPTHS = ("quick", "standard", "deep")
LOOKED = {"quick": 256, "standard": 1024, "deep": 4096}  # samples of each side that are looked at


class OutOfTime(Exception):
    """The budget is spent."""


class Cannot(Exception):
    """A check cannot run here; the text says why."""


class Scores(NamedTuple):
    """The discriminator's outputs on real samples, on fakes and, where there are any, on held-out real ones."""

    real: np.ndarray
    fake: np.ndarray
    held_out: np.ndarray | None


class Slopes(NamedTuple):
    """Norms of the discriminator's input gradients, one for each sample."""

    real: np.ndarray
    fake: np.ndarray


class Noise(NamedTuple):
    """Velocities of several batches at the patient's point.

    Attributes:
        mean: mean velocity of each player, float64.
        norms: norm of the mean velocity of each player.
        errors: standard error of these norms (root of the summed variances over the number of batches).
        batches: how many batches.
    """

    mean: tuple[np.ndarray, ...]
    norms: tuple[float, ...]
    errors: tuple[float, ...]
    batches: int


class Examination:
    """A patient under examination.

    Args:
        patient: the patient.
        depth: quick, standard or deep.
        budget: seconds.
        seed: of everything that is drawn.
    """

    def __init__(self, patient: Patient, depth: str = "standard", budget: float = 60.0, seed: int = 0) -> None:
        self.patient: Patient = patient
        self.depth: str = depth
        self.budget: float = budget
        self.seed: int = seed
        self.began: float = time.perf_counter()
        self.products: int = 0
        self._kept: dict[str, Any] = {}

    # Time ---------------------------------------------------------------------------------------------------------

    @property
    def spent(self) -> float:
        """Seconds since the examination began."""
        return time.perf_counter() - self.began

    @property
    def left(self) -> float:
        """Seconds that are left of the budget."""
        return self.budget - self.spent

    def needs(self, seconds: float, what: str) -> None:
        """Refuse what would not fit into the budget any more.

        Raises:
            OutOfTime: if it would not.
        """
        if seconds > self.left:
            message = f"{what} takes about {seconds:.2g} s, and {max(self.left, 0):.2g} s of the budget are left"
            raise OutOfTime(message)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return what was made under a name, making it at the first call."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    # What is looked at ---------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many samples of each side are looked at."""
        return LOOKED[self.depth]

    @property
    def point(self) -> Point:
        """Where the patient stands."""
        return self.patient.start

    def batch(self, number: int = 0, size: int | None = None) -> Any:
        """Return a fresh batch in the patient's arrays; the number says which."""
        sampler = self.patient.game.sampler(size or self.patient.batch)
        return placed(sampler(self.seed, number), self.point[0])

    @cached_property
    def real(self) -> np.ndarray:
        """Real samples (n, ...), without repetition, in an order of their own."""
        points = self.patient.real
        return points[np.random.default_rng(self.seed).permutation(len(points))[: self.count]]

    @cached_property
    def fake(self) -> np.ndarray:
        """Generated samples, as many as `count`."""
        return self.patient.fakes(self.count, self.seed)

    @cached_property
    def held_out(self) -> np.ndarray:
        """Held-out real samples.

        Raises:
            Cannot: if there are none.
        """
        kept = self.patient.held_out
        if kept is None:
            message = "no held-out data were given (adopt(..., held_out=...))"
            raise Cannot(message)
        return kept[: self.count]

    @cached_property
    def scores(self) -> Scores:
        """The discriminator's outputs."""
        kept = None if self.patient.held_out is None else self.patient.logits(self.held_out)
        return Scores(self.patient.logits(self.real), self.patient.logits(self.fake), kept)

    @cached_property
    def slopes(self) -> Slopes:
        """Norms of the discriminator's input gradients."""
        return Slopes(self._slopes(self.real), self._slopes(self.fake))

    def _slopes(self, x: np.ndarray, most: int = 128) -> np.ndarray:
        psi, found = self.point[1], []
        for start in range(0, len(x), most):
            part = torch.as_tensor(x[start : start + most], dtype=psi.dtype, device=psi.device)
            slope = input_gradient(lambda at: self.patient.game.logits(psi, at), part)
            found.append(np.linalg.norm(to_numpy(slope).reshape(len(part), -1).astype(np.float64), axis=1))
        return np.concatenate(found)

    @cached_property
    def noise(self) -> Noise:
        """Mean velocity and its noise, from several batches of the patient's size."""
        batches = {"quick": 4, "standard": 8, "deep": 16}[self.depth]
        drawn = [self.velocity(self.batch(k)) for k in range(batches)]
        players = [np.stack([v[i] for v in drawn]) for i in range(len(self.point))]
        means = tuple(x.mean(axis=0) for x in players)
        spread = tuple(float(np.sqrt(x.var(axis=0, ddof=1).sum() / batches)) for x in players)
        return Noise(means, tuple(float(np.linalg.norm(m)) for m in means), spread, batches)

    def velocity(self, batch: Any, point: Point | None = None) -> tuple[np.ndarray, ...]:
        """Return the velocities of the method's field on a batch, float64."""
        found = self.patient.field(self.point if point is None else point, batch)
        return tuple(to_numpy(v).astype(np.float64) for v in found)

    @cached_property
    def step_seconds(self) -> float:
        """Seconds that one training step takes."""
        method, batch = self.patient.method, self.batch(0)
        state = method.init(self.point)
        method.step(self.point, state, batch)
        began = time.perf_counter()
        method.step(self.point, state, batch)
        return time.perf_counter() - began
