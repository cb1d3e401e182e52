"""Precision and layout: the same game with cheaper arithmetic inside its networks.

Only the networks are touched. Parameters, the state of the pace and the gradients of the vectors stay in the type of
the point; logits and fakes come back in it, so that losses are computed in full, and with them the differences of
logits that 8 bits would round away.

float16 has five bits of exponent: gradients under a penalty leave its range, and no loss scaling is done here, since
the scale would have to pass through second derivatives. R3GAN reports that float16 breaks training where bfloat16 on
the highest resolutions does not. It is therefore refused under penalties unless `force` is set.

Measured on one core of a CPU with bfloat16 instructions (residual networks of 32 x 32 pixels, batch 16, R1, time of a
critic's gradient): float32 64 ms, channels last 60 ms, bfloat16 50 ms, both 40 ms.

References:
    Huang et al., "The GAN is dead; long live the GAN!", NeurIPS 2024, code.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tussle import checks
from tussle.gan import GAN
from tussle.records import record, static
from tussle.training.parallel import SharedLoss

PRECISIONS: dict[str, torch.dtype | None] = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}

Function = Callable[..., Tensor]


@record
class Autocast:
    """A network whose products and convolutions are computed in another type; its output has the type of the vector.

    Args:
        function: the network, (vector, *inputs) -> output.
        dtype: the type inside.
    """

    function: Function = static()
    dtype: torch.dtype = static(default=torch.bfloat16)

    def __call__(self, flat: Tensor, *inputs: Tensor) -> Tensor:
        """Return the network's output."""
        with torch.autocast(flat.device.type, self.dtype):
            out = self.function(flat, *inputs)
        return out.to(flat.dtype)


@record
class ChannelsLast:
    """A network whose images come in with their channels last in memory; the numbers are the same.

    Args:
        function: the network, (vector, *inputs) -> output.
    """

    function: Function = static()

    def __call__(self, flat: Tensor, *inputs: Tensor) -> Tensor:
        """Return the network's output."""
        return self.function(flat, *(_channels_last(x) for x in inputs))


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def with_precision(gan: GAN, precision: str, *, force: bool = False) -> GAN:
    """Return the game with its networks computed in another precision.

    Args:
        gan: the game.
        precision: `float32` (the game as it is), `bfloat16` or `float16`.
        force: whether float16 may be used under penalties.

    Returns:
        the game.

    Raises:
        ValueError: if the precision is unknown, is float16 under penalties, or the game is already parallel.

    Example:
        >>> from tussle.networks import network_gan, small_networks
        >>> from tussle.data import digits
        >>> net = network_gan(*small_networks(4, 1), data=digits().train.images, latent=4)
        >>> psi, x = net.start[1], torch.linspace(-1, 1, 192).reshape(3, 1, 8, 8)
        >>> half, full = (game.critic(psi, x) for game in (with_precision(net.game, "bfloat16"), net.game))
        >>> half.dtype, bool((half - full).abs().max() < 0.05)
        (torch.float32, True)
    """
    dtype = PRECISIONS[checks.choice("precision", precision, PRECISIONS)]
    if dtype is None:
        return gan
    if dtype is torch.float16 and gan.penalties and not force:
        message = (
            f"`precision` is 'float16' with {', '.join(p.name for p in gan.penalties)}; gradients of a penalty leave "
            "its range and training breaks; give 'bfloat16', or force=True if you know better."
        )
        raise ValueError(message)
    return _wrapped(gan, "precision", lambda function: Autocast(function, dtype))


def channels_last(gan: GAN) -> GAN:
    """Return the game with images handed to its critic with their channels last, which convolutions may prefer.

    The layout changes no number but the order of sums. The generator begins with a vector and is left as it is.

    Args:
        gan: the game.

    Returns:
        the game.

    Raises:
        ValueError: if the game is already parallel.
    """
    wrapped = _wrapped(gan, "layout", ChannelsLast)
    return dataclasses.replace(wrapped, generator=gan.generator)


def _wrapped(gan: GAN, what: str, wrap: Callable[[Any], Function]) -> GAN:
    if isinstance(gan.loss_function, SharedLoss):
        message = f"`gan` is already parallel; its {what} must be set before; call parallel(...) last."
        raise ValueError(message)
    return dataclasses.replace(gan, generator=wrap(gan.generator), critic=wrap(gan.critic))
