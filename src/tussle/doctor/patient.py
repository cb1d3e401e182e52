"""Patients: a user's own generator and discriminator as a GAN of the grammar, with the method they are trained by."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tussle.autodiff import array, to_numpy
from tussle.field import Field
from tussle.game import Point
from tussle.gan import GAN
from tussle.map import Map
from tussle.networks.functional import Player
from tussle.records import record, static


@record
class Patient:
    """A GAN of two modules, where it stands, and how it is trained; made by `adopt`.

    Attributes:
        game: the GAN of the grammar; its batches come from `game.sampler(size)`.
        start: the parameters that the modules have, one flat tensor each (copies).
        method: the map it is trained by, rule and pace included.
        state: the rule's state: zeros, or what the user's own optimizers hold.
        generator: the generator as a player.
        discriminator: the discriminator as a player.
        modules: the user's own modules, which are only read.
        batch: samples of a batch in the user's training.
        assumed: what was not given and had to be assumed, one sentence each.
        held_out: real samples that the user's discriminator has not been trained on, or None.
        shape: shape of one sample, without a label.
        classes: how many classes travel as the last number of each sample; 1 for none.
        name: what the patient is called.
    """

    game: GAN = static()
    start: Point = static()
    method: Map = static()
    state: Any = static()
    generator: Player = static()
    discriminator: Player = static()
    modules: tuple[nn.Module, nn.Module] = static()
    batch: int = static(default=64)
    assumed: tuple[str, ...] = static(default=())
    held_out: Any = static(default=None)
    shape: tuple[int, ...] = static(default=())
    classes: int = static(default=1)
    name: str = static(default="GAN")

    @property
    def field(self) -> Any:
        """The field of the method, adjustments included."""
        return self.method.field

    @property
    def plain_field(self) -> Field:
        """The gradient field of the game."""
        return Field(self.game)

    @property
    def real(self) -> np.ndarray:
        """All real samples that were taken from the data, packed with their labels where there are classes."""
        data: Any = self.game.data
        return np.asarray(data.points)

    def fakes(self, count: int, seed: int = 0, point: Point | None = None, most: int = 256) -> np.ndarray:
        """Return generated samples (count, ...), drawn from a seed and read `most` at a time."""
        at = self.start if point is None else point
        rng = np.random.Generator(np.random.Philox(key=[seed, 1 << 42]))
        latents = array(self.game.latent.sample(rng, count), at[0])
        with torch.no_grad():
            parts = [self.game.generator(at[0], z) for z in torch.split(latents, most)]
        return np.concatenate([to_numpy(part) for part in parts])

    def logits(self, x: Any, point: Point | None = None, most: int = 256) -> np.ndarray:
        """Return the discriminator's outputs at samples, (n,)."""
        at = self.start if point is None else point
        with torch.no_grad():
            parts = [self.game.logits(at[1], part) for part in torch.split(array(x, at[1]), most)]
        return np.concatenate([to_numpy(part) for part in parts])

    def with_game(self, game: GAN, method: Callable[[GAN], Map] | None = None) -> "Patient":
        """Return the patient with another game: the same networks under another loss, penalties or noise."""
        made = self.method if method is None else method(game)
        return Patient(**{**vars(self), "game": game, "method": made})


def snapshot(modules: Sequence[nn.Module]) -> dict[str, Any]:
    """Return everything of modules and process that a diagnosis must not change, for comparison.

    Returns:
        parameters, gradients, buffers, training modes and the state of PyTorch's, NumPy's and Python's random numbers.
    """
    numbers: Any = np.random.get_state()  # noqa: NPY002
    kept: dict[str, Any] = {"torch": torch.random.get_rng_state(), "python": repr(random.getstate())}
    kept |= {"numpy": numbers[1].copy(), "numpy position": np.array(numbers[2:])}
    for k, module in enumerate(modules):
        kept |= {f"{k}.{name}": p.detach().clone() for name, p in module.named_parameters()}
        kept |= {f"{k}.{name}.grad": p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}
        kept |= {f"{k}.{name}.buffer": b.clone() for name, b in module.named_buffers()}
        kept |= {f"{k}.{name}.mode": m.training for name, m in module.named_modules()}
        kept |= {f"{k}.{name}.wanted": p.requires_grad for name, p in module.named_parameters()}
    return kept


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names of what differs between two snapshots."""

    def same(a: Any, b: Any) -> bool:
        if isinstance(a, Tensor):
            return isinstance(b, Tensor) and a.shape == b.shape and torch.equal(a, b)
        return bool(np.array_equal(a, b))

    names = [*before, *(name for name in after if name not in before)]
    return [name for name in names if name not in before or name not in after or not same(before[name], after[name])]
