"""Engines: how a run goes from one step to the next.

`advance` takes as many steps as it is given batches. It stops before a step whose numbers are not finite, so that the
point that it returns is always the last finite one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from tussle.autodiff import array, compiled, float64, is_torch
from tussle.game import Pair, Point, placed, reading
from tussle.gan import Batch
from tussle.map import Map
from tussle.training.compiled import Advanced

Method = Callable[[Mapping[str, Any]], Map]


class AbstractEngine(Protocol):
    """What an engine must offer."""

    most: int
    """How many batches `advance` may be given at once."""

    def place(self, point: Any) -> Point:
        """Return a point in the arrays of the engine."""
        ...

    def advance(
        self, point: Point, state: Any, batches: Sequence[Any], values: Sequence[Mapping[str, float]]
    ) -> Advanced:
        """Take a step for each batch, with the scheduled numbers of each."""
        ...


class TorchEngine:
    """One step at a time under PyTorch.

    Args:
        method: the method, given the scheduled numbers.
    """

    most: int = 1

    def __init__(self, method: Method) -> None:
        self.method: Method = method

    def place(self, point: Any) -> Point:
        """Return a point as tensors."""
        return tuple(x if is_torch(x) else torch.as_tensor(np.asarray(x)) for x in point)

    def advance(
        self, point: Point, state: Any, batches: Sequence[Any], values: Sequence[Mapping[str, float]]
    ) -> Advanced:
        """Take a step for each batch."""
        velocity = tuple(torch.zeros_like(x) for x in point)
        for taken, (batch, now) in enumerate(zip(batches, values, strict=True)):
            after, later, info = self.method(now).step(point, state, placed(batch, point[0]))
            if not (finite(after) and finite(info.velocity)):
                return Advanced(point, state, velocity, taken, "parameters" if finite(info.velocity) else "velocities")
            point, state, velocity = after, later, info.velocity
        return Advanced(point, state, velocity, len(batches), "")


def finite(point: Point) -> bool:
    """Say whether all numbers of a point of tensors are finite."""
    return all(bool(torch.isfinite(x).all()) for x in point)


def first_batch(batch: Any) -> Batch:
    """Return the batch that a step reads first."""
    batch = reading(batch, 0)
    return batch.first if isinstance(batch, Pair) else batch


class Gauges:
    """What a line of the log says of a point: losses and mean logits.

    Args:
        method: the method, given the scheduled numbers.
    """

    def __init__(self, method: Method) -> None:
        self.method: Method = method
        self._compiled: Any = compiled(self._read)

    def __call__(self, point: Point, batch: Any, values: Mapping[str, float]) -> dict[str, float]:
        """Return the numbers by name.

        Args:
            point: the parameters of both players.
            batch: the batch of a step.
            values: the scheduled numbers.
        """
        if is_torch(point[0]):
            with torch.no_grad():
                found = self._read(point, placed(first_batch(batch), point[0]), values)
        else:
            with float64():
                found = self._compiled(point, placed(first_batch(batch), point[0]), dict(values))
        return {name: float(value) for name, value in found.items()}

    def _read(self, point: Point, batch: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        game: Any = self.method(values).field.game
        real, fake = game.scores(point, batch)
        return {
            "loss/generator": game.loss(0, point, batch),
            "loss/discriminator": game.loss(1, point, batch),
            "logit/real": real.mean(real.points),
            "logit/fake": fake.mean(fake.points),
        }


class Drawer:
    """Draws samples of a generator.

    Args:
        generator: `generator(theta, z)`.
    """

    def __init__(self, generator: Callable[..., Any]) -> None:
        self.generator: Callable[..., Any] = generator
        self._compiled: Any = compiled(lambda theta, z: generator(theta, z))

    def __call__(self, theta: Any, z: np.ndarray, most: int = 256) -> np.ndarray:
        """Return the samples of latents, read `most` at a time.

        Args:
            theta: the generator's parameters.
            z: latents.
            most: bounds the memory.
        """
        parts = [z[k : k + most] for k in range(0, len(z), most)]
        if is_torch(theta):
            with torch.no_grad():
                return np.concatenate(
                    [self.generator(theta, array(part, theta)).float().cpu().numpy() for part in parts]
                )
        with float64():
            return np.concatenate([np.asarray(self._compiled(theta, array(part, theta))) for part in parts])
