"""Probes: named cheap readings of a training, and what they cost.

A probe reads one step and changes nothing. What several probes need (the critic's outputs, its input gradients, the
field and its products) is computed once for all of them. The numbers depend on the seed, on the step and on what was
read; never on the clock.

On a residual network of 32 x 32 images with R1, one reading of everything but eigenvalues takes about as long as a
dozen steps, most of them for `rotation_share`, and one of the eigenvalues as long as some four hundred; hence the
default intervals. Both hold more of the field's record in memory than a step does, eigenvalues also `BASIS` vectors as
long as the parameters and the rule's state together: leave them out where memory is short.

Jacobian products are as right as the derivatives of the networks: `tussle.networks.verify_product` says how right.
"""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import torch

from tussle import checks
from tussle.autodiff import float64, is_torch
from tussle.game import Point, as_point, placed
from tussle.map import Map
from tussle.records import record, static
from tussle.training import probe_readings as readings
from tussle.training.probe_cost import Clock, Cost
from tussle.training.probe_scene import Scene

EVERY = 500  # steps between two readings
EIGEN_EVERY = 20_000  # steps between two readings of eigenvalues
BUDGET = 0.05  # share of the time that probes may take where they choose their interval


@record
class Probe:
    """A named reading.

    Attributes:
        name: what it is called.
        read: the function from a scene to numbers by name.
        columns: the names of its numbers.
        steep: whether it needs the critic's input gradients.
        tangent: whether it needs Jacobian products.
    """

    name: str = static()
    read: Callable[[Scene], dict[str, float]] = static()
    columns: tuple[str, ...] = static()
    steep: bool = static(default=False)
    tangent: bool = static(default=False)

    @property
    def summary(self) -> str:
        """What it reads, in one line."""
        return (self.read.__doc__ or "").strip().splitlines()[0]


def _probe(read: Callable[[Scene], dict[str, float]], steep: bool = False, tangent: bool = False) -> Probe:
    name = read.__name__
    parts = readings.COLUMNS[name]
    return Probe(name, read, tuple(f"{name}/{part}" for part in parts) or (name,), steep, tangent)


PROBES: dict[str, Probe] = {
    found.name: found
    for found in (
        _probe(readings.gradient_norms),
        _probe(readings.input_gradients, steep=True),
        _probe(readings.fake_gradient, steep=True),
        _probe(readings.path_angle),
        _probe(readings.rotation_share, tangent=True),
        _probe(readings.eigenvalues),
        _probe(readings.kappa),
        _probe(readings.weights),
        _probe(readings.pair_accuracy),
        _probe(readings.scores),
        _probe(readings.real_share),
        _probe(readings.held_out_gap),
        _probe(readings.dominance),
    )
}


def probe_names() -> tuple[str, ...]:
    """Return the names that `Probes` knows."""
    return tuple(PROBES)


class Probes:
    """Probes that are read every so many steps.

    Args:
        names: which, of `probe_names()`; all by default.
        every: steps between two readings. With `auto` a reading is due whenever the time spent so far and that of one
            more stay within the budget: which steps are read then depends on the machine, and no two logs have the
            same steps; what is read at a step does not.
        eigen_every: steps between two readings of eigenvalues, or `auto`; 20,000 by default, `auto` with `every`.
        seed: seed of the random directions.
        budget: share of the loop's time that readings may take under `auto`, half of it for eigenvalues where these
            are asked for.

    Raises:
        ValueError: for an unknown name or an interval that is none.

    >>> probes = Probes(["kappa", "scores"], every=50)
    >>> probes.due(100), probes.due(101), probes.columns[0]
    (True, False, 'kappa')
    """

    names: tuple[str, ...]
    every: int | str
    eigen_every: int | str
    seed: int
    budget: float

    def __init__(
        self,
        names: Iterable[str] | None = None,
        every: int | str = EVERY,
        eigen_every: int | str | None = None,
        seed: int = 0,
        *,
        budget: float = BUDGET,
    ) -> None:
        wanted = PROBES if names is None else (names,) if isinstance(names, str) else names
        self.names = tuple(dict.fromkeys(checks.choice("probe", name, PROBES) for name in wanted))
        self.every = _interval("every", every)
        if eigen_every is None:
            eigen_every = "auto" if every == "auto" else EIGEN_EVERY
        self.eigen_every = _interval("eigen_every", eigen_every)
        self.seed = checks.count("seed", seed, least=0)
        self.budget = checks.positive("budget", budget)
        self._plain = any(name != "eigenvalues" for name in self.names)
        self._clock = Clock()
        self._eigen_step: int | None = None  # the step at which `due` found eigenvalues due

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all numbers that a reading may hold, for a game of generator and discriminator."""
        return tuple(column for name in self.names for column in PROBES[name].columns)

    @property
    def repeatable(self) -> bool:
        """Whether the steps that are read are the same in every run: not under `auto`."""
        return self.every != "auto" and (self.eigen_every != "auto" or "eigenvalues" not in self.names)

    @property
    def cost(self) -> Cost:
        """What the readings have cost so far."""
        return self._clock.cost()

    def due(self, step: int) -> bool:
        """Say whether a reading is due after a step; to be asked once a step, for it is what counts them.

        Args:
            step: how many steps have been taken.

        Returns:
            whether to call `read`.
        """
        self._clock.tick()
        eigen = "eigenvalues" in self.names and self._is_due("eigenvalues", self.eigen_every, step)
        self._eigen_step = step if eigen else None
        plain = self._plain and self._is_due("plain", self.every, step)
        return plain or eigen

    def _is_due(self, kind: str, every: int | str, step: int) -> bool:
        if isinstance(every, int):
            return step % every == 0
        half = 0.5 if self._plain and "eigenvalues" in self.names else 1.0
        return self._clock.affords(kind, half * self.budget)

    def read(
        self,
        step: int,
        map: Map,
        before_point: Point,
        point: Point,
        velocity: Point,
        state: Any,
        batch: Any,
        held_out_batch: Any = None,
        *,
        anchor: tuple[Any, ...] | None = None,
    ) -> dict[str, float]:
        """Return what the probes read of one step; eigenvalues only where they are due.

        Args:
            step: how many steps have been taken, this one included.
            map: the method.
            before_point: the point before the step.
            point: the point after it.
            velocity: what the step read of the field (`info.velocity`).
            state: the rule's state after the step.
            batch: the batch of the step; None for the game's exact expectation.
            held_out_batch: a batch of held-out data, for the gap; its latents are not used.
            anchor: a point to measure the angle to, such as an average of the iterates, with None for a player that
                has none; by default the average of the rule where it keeps one.

        Returns:
            numbers by name, a subset of `columns`.

        Raises:
            ValueError: if a probe needs a GAN and the game is none.
        """
        regular = isinstance(self.eigen_every, int)
        eigen = step % int(self.eigen_every) == 0 if regular else step == self._eigen_step
        chosen = [PROBES[name] for name in self.names if name != "eigenvalues" or eigen]
        _settle(point)
        self._clock.tick(step=False)
        found: dict[str, float] = {}
        with contextlib.nullcontext() if is_torch(point[0]) else float64():
            point, before_point = _at(point), _at(before_point)
            drawn = map.field.game.expectation() if batch is None else batch
            drawn, held_out_batch = placed(drawn, point[0]), placed(held_out_batch, point[0])
            steep, tangent = any(p.steep for p in chosen), any(p.tangent for p in chosen)
            key = self.seed, step
            scene = Scene(map, before_point, point, velocity, state, drawn, held_out_batch, anchor, key, steep, tangent)
            for probe in sorted(chosen, key=lambda p: p.name == "eigenvalues"):  # last, so that its time stands apart
                found |= probe.read(scene)
                self._clock.spent("eigenvalues" if probe.name == "eigenvalues" else "plain")
        self._clock.finished(eigen="eigenvalues" in self.names and eigen, plain=self._plain)
        return {column: found[column] for column in found}


def _interval(name: str, value: int | str) -> int | str:
    if value == "auto":
        return value
    if isinstance(value, str):
        message = f"`{name}` is {value!r}; it may be a number of steps, or auto; give one of these."
        raise ValueError(message)
    return checks.count(name, value)


def _at(point: Point) -> Point:
    """Return the point as constants of its engine."""
    return tuple(x.detach() for x in point) if is_torch(point[0]) else as_point(point)


def _settle(point: Point) -> None:
    """Wait for what the device still has to do, which is not the probes' time."""
    if is_torch(point[0]) and point[0].device.type != "cpu":
        torch.get_device_module(point[0].device).synchronize()
