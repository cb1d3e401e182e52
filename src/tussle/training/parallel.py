"""The same game on several processes, each with its share of every batch.

Values are of two kinds. A *common* value is the same on all processes (the players' vectors, the loss); an *own* one
belongs to a process (its samples, their scores). Two maps lead from one kind to the other and are each other's adjoint:

    copied  common -> own     forward: the identity              backward: the sum over processes
    summed  own -> common     forward: the sum over processes    backward: the identity

The vectors are copied where they enter the networks. The scores are placed in a vector as long as the whole batch and
summed, and so are the means of the penalties; the loss is then a common function of all scores, whatever its coupling.
Derivatives of it are exact on every process, to every order, so that adjustments and rules need not know. A gradient
costs one sum of the flat vector, and two or three messages of a few numbers.

Parameters whose gradient is rounding alone (the critic's last bias under relativistic losses, which no loss and no
sample depends on) go their own way under paces that divide by the gradient, with any number of processes.

A network must not mix the samples of a batch: a batch norm in training mode would see its share only. `check_apart` of
`tussle.training.mixing` says whether one does.

References:
    Shoeybi et al., "Megatron-LM: training multi-billion parameter language models using model parallelism", 2019
    (there the two maps are called f and g).
"""

import dataclasses
import os
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn import functional

from tussle.autodiff import Array, tree_map
from tussle.gan import GAN
from tussle.losses import Loss
from tussle.measures import Nodes
from tussle.penalties import Penalty
from tussle.records import record, static
from tussle.training.processes import LAUNCHED

Batches = Callable[[int, int], Any]


# The two adjoint maps ---------------------------------------------------------------------------------------


class _Copied(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.group = group
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *u: Tensor) -> tuple[Tensor, None]:
        return summed(u[0], ctx.group), None


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.group = group
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, *u: Tensor) -> tuple[Tensor, None]:
        return copied(u[0], ctx.group), None


def copied(x: Tensor, group: Any = None) -> Tensor:
    """Return a common value as one's own; derivatives are summed over the processes.

    Args:
        x: a tensor that is the same on all processes.
        group: the processes; None for all.
    """
    return cast(Tensor, _Copied.apply(x, group))


def summed(x: Tensor, group: Any = None) -> Tensor:
    """Return the sum of all processes' own values; each then has the derivative of the sum.

    Args:
        x: this process's own tensor, of the same shape on all.
        group: the processes; None for all.
    """
    return cast(Tensor, _Summed.apply(x, group))


# The parts of the game --------------------------------------------------------------------------------------


@record
class Entrance:
    """A network whose flat vector is copied where it enters.

    A vector that comes again is not copied again: one loss reads the critic two or three times, and its gradient is
    then still one sum.
    """

    function: Callable[..., Tensor] = static()
    group: Any = static(default=None)
    last: list[Tensor] = static(default_factory=list)

    def __call__(self, flat: Tensor, *inputs: Tensor) -> Tensor:
        """Return the network's output."""
        return self.function(self._own(flat), *inputs)

    def _own(self, flat: Tensor) -> Tensor:
        if not (flat.requires_grad and torch.is_grad_enabled()):
            return flat
        if not self.last or self.last[0] is not flat:
            self.last[:] = [flat, copied(flat, self.group)]
        return self.last[1]


@record
class SharedLoss:
    """A loss of the scores of all processes."""

    inner: Loss
    rank: int = static(default=0)
    world: int = static(default=1)
    group: Any = static(default=None)

    @property
    def coupling(self) -> str:
        """The coupling of the loss."""
        return self.inner.coupling

    @property
    def name(self) -> str:
        """What the loss is called."""
        return self.inner.name

    def critic(self, real: Array, fake: Array, real_weights: Any = None, fake_weights: Any = None) -> Array:
        """Return the critic's loss on the scores of all processes, given one's own."""
        return self.inner.critic(*self._all(real, fake, real_weights, fake_weights))

    def generator(self, real: Array, fake: Array, real_weights: Any = None, fake_weights: Any = None) -> Array:
        """Return the generator's loss on the scores of all processes, given one's own."""
        return self.inner.generator(*self._all(real, fake, real_weights, fake_weights))

    def _all(self, real: Tensor, fake: Tensor, real_weights: Any, fake_weights: Any) -> list[Tensor]:
        """Return the real and the fake scores of all processes, in the order of the whole batch."""
        if real_weights is not None or fake_weights is not None:
            message = "`batch` has weights; processes share samples, which have none; take game.sampler(size)."
            raise ValueError(message)
        sides = []
        for own in (real, fake):
            own = own.float() if own.dtype.itemsize < 4 else own
            sides.append(functional.pad(own, (self.rank * len(own), (self.world - 1 - self.rank) * len(own))))
        return list(summed(torch.cat(sides), self.group).split([len(x) for x in sides]))


@record
class SharedPenalty:
    """A penalty that is the mean over the samples of all processes."""

    inner: Penalty
    world: int = static(default=1)
    group: Any = static(default=None)

    @property
    def place(self) -> str:
        """Where the critic's gradient is taken."""
        return self.inner.place

    @property
    def name(self) -> str:
        """What the penalty is called."""
        return self.inner.name

    def points(self, real: Nodes, fake: Nodes, mix: Nodes | None, shift: Nodes | None) -> Nodes:
        """Return one's own nodes."""
        return self.inner.points(real, fake, mix, shift)

    def value(self, critic: Callable[[Array], Array], nodes: Nodes) -> Array:
        """Return the penalty of all, given one's own nodes."""
        return summed(self.inner.value(critic, nodes), self.group) / self.world

    def of_slopes(self, slopes: Array, nodes: Nodes) -> Array:
        """Return the penalty of all, given the critic's gradients at one's own nodes."""
        return summed(self.inner.of_slopes(slopes, nodes), self.group) / self.world


def parallel(gan: GAN, group: Any = None) -> GAN:
    """Return the game that all processes play together, each on its share of the batch.

    Losses and their derivatives, adjustments and rules are those of the whole batch, up to rounding; hand out the
    shares by `shared`. Change what else is to change (precision, penalties) before, not after.

    Args:
        gan: the game of one process.
        group: the processes; None for all.

    Returns:
        the game; `gan` itself if there is one process.

    Raises:
        ValueError: if the game is already parallel, or torchrun's processes have not been joined.

    Example:
        >>> from tussle.models import dirac
        >>> game = dirac().game
        >>> parallel(game) is game
        True
    """
    if isinstance(gan.loss_function, SharedLoss):
        message = "`gan` is already parallel; it must be the game of one process; give that one."
        raise ValueError(message)
    rank, world = _position(group)
    if world == 1:
        return gan
    penalties = tuple(SharedPenalty(p, world, group) for p in gan.penalties)
    return dataclasses.replace(
        gan,
        generator=Entrance(gan.generator, group),
        critic=Entrance(gan.critic, group),
        loss_function=cast(Loss, SharedLoss(gan.loss_function, rank, world, group)),
        penalties=cast(Any, penalties),
    )


def _position(group: Any) -> tuple[int, int]:
    """Return rank and number of processes."""
    if dist.is_initialized():
        return dist.get_rank(group), dist.get_world_size(group)
    if int(os.environ.get(LAUNCHED[1], "1")) > 1:
        message = (
            f"torchrun started {os.environ[LAUNCHED[1]]} processes that have not been joined; they must be before a "
            "game is parallel; write `with processes() as place:` around the training."
        )
        raise ValueError(message)
    return 0, 1


@record
class Own:
    """What a process does of a game by itself.

    Attributes:
        game: the game of one process.
        world: how many processes there are.
        group: the processes.
    """

    game: GAN
    world: int = static(default=1)
    group: Any = static(default=None)

    def total(self, x: Tensor) -> Tensor:
        """Return the sum over the processes."""
        return x if self.world == 1 else summed(x, self.group)


def own(gan: GAN) -> Own:
    """Return the game of one process that `parallel` was given, and how its results are put together.

    Args:
        gan: a game, parallel or not.

    Raises:
        ValueError: if the game was changed after it was made parallel.
    """
    loss = cast(Any, gan.loss_function)
    if not isinstance(loss, SharedLoss):
        return Own(gan)
    critic, generator, penalties = gan.critic, gan.generator, cast(tuple[Any, ...], gan.penalties)
    wrapped = isinstance(critic, Entrance) and isinstance(generator, Entrance)
    if not wrapped or not all(isinstance(p, SharedPenalty) for p in penalties):
        message = "`gan` was changed after `parallel`; it must be made parallel last; call parallel(...) at the end."
        raise ValueError(message)
    game = dataclasses.replace(
        gan,
        generator=generator.function,
        critic=critic.function,
        loss_function=loss.inner,
        penalties=tuple(p.inner for p in penalties),
    )
    return Own(game, loss.world, loss.group)


# Shares of a batch ------------------------------------------------------------------------------------------


def share_of(batch: Any, rank: int, world: int) -> Any:
    """Return a process's share of a batch: of every array in it the same slice of the first axis.

    Real samples and latents are sliced alike, so that pairs by index stay pairs.

    Args:
        batch: a batch, a `Pair` or a `Stream`.
        rank: number of the process.
        world: how many processes.

    Returns:
        the share.

    Raises:
        ValueError: if the batch cannot be shared out equally.

    Example:
        >>> import numpy as np
        >>> share_of(Nodes(np.arange(6)), rank=1, world=3).points.tolist()
        [2, 3]
    """

    def part(x: Any) -> Any:
        if len(x) % world:
            message = (
                f"`batch` has {len(x)} samples for {world} processes; their number must divide it; take a batch of "
                f"{world * max(1, len(x) // world)} or {world * (len(x) // world + 1)}."
            )
            raise ValueError(message)
        size = len(x) // world
        return x[rank * size : (rank + 1) * size]

    return tree_map(part, batch)


def shared(batches: Batches, group: Any = None) -> Batches:
    """Return the source of this process's shares of batches.

    Every process draws the whole batch of (seed, step) and keeps its share: the path does not depend on how many
    processes there are.

    Args:
        batches: source of whole batches, such as `game.sampler(64)`.
        group: the processes; None for all.

    Returns:
        `batches(seed, step)` -> the share; `batches` itself if there is one process.
    """
    rank, world = _position(group)
    return batches if world == 1 else lambda seed, step: share_of(batches(seed, step), rank, world)
