"""Averages: an exponential moving average of the generator's weights, and the statistics that belong to it.

    a <- decay a + (1 - decay) x after each step, decay given, or decay = 0.5^(batch / half-life), both in samples.

The average of a path may lie where the path never goes: on a bilinear game the iterates circle and their average tends
to the center. Diagnose the raw weights, show the averaged ones.

Buffers. A batch norm keeps running statistics beside its weights. Those of an average are not the average of anything:
they are what the averaged network does to data. A player's buffers never move, so that there is nothing to copy;
`refreshed` measures them anew under the averaged weights. (Copying weights but not buffers is a known defect of
published code.)

References:
    Mescheder, Geiger, Nowozin, ICML 2018, code: decay 0.999 a step.
    Karras et al., "Alias-free generative adversarial networks", NeurIPS 2021, code: half-life in images, and
        `ramp`: at most 0.05 times the images seen.
    Huang et al., "The GAN is dead; long live the GAN!", NeurIPS 2024, code: half-life rising from 0 by a cosine.
"""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from tussle import checks
from tussle.networks.functional import Player, player
from tussle.networks.norms import BatchNorm
from tussle.records import record


class Averaged(NamedTuple):
    """The state of an average: the average itself in float64, and how many samples it has seen."""

    vector: Tensor
    samples: int


@record
class Average:
    """An exponential moving average of a flat vector; give either `decay` or `half_life`.

    Float64, because a long average moves by less than float32 can hold: with a half-life of 5 million
    images and batches of 512 the decay is 0.99993, and a difference below a thousandth would be rounded away.

    Args:
        decay: what is kept at each step.
        half_life: samples after which half is kept.
        ramp: the half-life is at most this share of the samples seen (0.05 in StyleGAN's code); `half_life` only.
        burn_in: samples over which the half-life rises from 0 by half a cosine (R3GAN); `half_life` only.

    Example:
        >>> average = Average(half_life=1000)
        >>> state = average.init(torch.tensor([1.0]))
        >>> average.value(average.update(state, torch.tensor([3.0]), batch=1000), torch.float32).tolist()
        [2.0]
    """

    decay: Any = None
    half_life: Any = None
    ramp: Any = None
    burn_in: Any = None

    def __post_init__(self) -> None:
        """Check that there is one of the two, and that it is in its range."""
        if (self.decay is None) == (self.half_life is None):
            came = "both" if self.decay is not None else "neither"
            message = f"`decay` and `half_life`: {came} came; an average must have one of them; give decay=0.999, say."
            raise ValueError(message)
        if self.decay is not None:
            checks.nonnegative("decay", self.decay)
            if self.decay >= 1:
                message = f"`decay` is {self.decay}; it must be below 1; the usual values are 0.999 and 0.9999."
                raise ValueError(message)
        for name in ("ramp", "burn_in"):
            if getattr(self, name) is not None:
                checks.positive(name, getattr(self, name))
                if self.half_life is None:
                    message = f"`{name}` came with `decay`; it shortens a half-life; give half_life in samples."
                    raise ValueError(message)
        if self.half_life is not None:
            checks.nonnegative("half_life", self.half_life)

    def init(self, vector: Tensor) -> Averaged:
        """Return the state before the first step: the vector itself."""
        return Averaged(_wide(vector), 0)

    def update(self, state: Averaged, vector: Tensor, batch: int) -> Averaged:
        """Return the state after a step.

        Args:
            state: the state before it.
            vector: the weights that the step led to.
            batch: samples in the step's batch, of all processes together.

        Returns:
            the new state; the old one is left as it was.
        """
        samples = state.samples + batch
        kept = self.kept(samples, batch)
        return Averaged(torch.lerp(_wide(vector), state.vector, kept), samples)

    def value(self, state: Averaged, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the averaged weights in the type of the network."""
        return state.vector.to(dtype)

    def kept(self, samples: int, batch: int) -> float:
        """Return decay for the step after which `samples` have been seen.

        Example:
            >>> round(Average(half_life=500_000).kept(10**6, 512), 6)
            0.99929
        """
        if self.decay is not None:
            return float(self.decay)
        life = float(self.half_life)
        if self.burn_in is not None:
            life *= (1 - math.cos(math.pi * min(samples / self.burn_in, 1.0))) / 2
        if self.ramp is not None:
            life = min(life, self.ramp * samples)
        return 0.5 ** (batch / life) if life > 0 else 0.0


def _wide(vector: Tensor) -> Tensor:
    """Return a copy in float64 where the device has it."""
    dtype = vector.dtype if vector.device.type == "mps" else torch.float64
    return vector.detach().to(dtype, copy=True)


# Batch-norm statistics --------------------------------------------------------------------------------------


def refreshed(own: Player, vector: Tensor, batches: Iterable[Tensor | tuple[Tensor, ...]]) -> Player:
    """Return the player in evaluation mode with batch-norm statistics measured under a vector.

    The running mean and variance of each batch norm become the averages of what it sees over the batches while every
    other norm also reads its batch. A player without batch norm is only put into evaluation mode.

    Args:
        own: the player, such as `network.generator`.
        vector: its weights, such as an average.
        batches: inputs of the network (latents, or tuples of inputs); ten thousand samples or so give three digits.

    Returns:
        a new player whose `vector` is the one given.

    Raises:
        ValueError: if there is no batch.

    Reference:
        Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018, section 3.2.

    Example:
        >>> from tussle.networks.norms import BatchNorm
        >>> net = player(torch.nn.Sequential(torch.nn.Linear(1, 1), BatchNorm(1)))
        >>> found = refreshed(net, torch.tensor([2.0, 5.0, 1.0, 0.0]), [torch.tensor([[0.0], [1.0]])])
        >>> found.module[1].running_mean.tolist(), found.module[1].running_var.tolist()
        ([6.0], [2.0])
    """
    module = own.to_module(vector)
    norms: list[Any] = [m for m in module.modules() if _keeps_statistics(m)]
    momenta = [m.momentum for m in norms]
    _set(module, False, _DropoutNd)
    count = 0
    with torch.no_grad():
        for count, inputs in enumerate(batches, start=1):
            for norm in norms:
                norm.train()
                norm.momentum = 1.0 / count  # the running average is then the mean over the batches so far
            module(*(inputs if isinstance(inputs, tuple) else (inputs,)))
            module.eval()  # a spectral norm iterates once, as in a call of the player, and then stands still
    if not count:
        message = "`batches` is empty; statistics must be measured on at least one batch; give some latents."
        raise ValueError(message)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return player(module.eval())


def _set(module: torch.nn.Module, training: bool, kind: type) -> None:
    for part in module.modules():
        if isinstance(part, kind):
            part.train(training)


def _keeps_statistics(module: Any) -> bool:
    return isinstance(module, (BatchNorm, _BatchNorm)) and module.running_mean is not None
