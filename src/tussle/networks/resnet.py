"""Residual networks without any norm, whose branches are scaled by 0.1: those of GAN_stability.

A block is x_s + 0.1 conv(a(conv(a(x)))) with a the leaky ReLU of slope 0.2, the hidden width that of the narrower end,
and for x_s the input itself or, where the width changes, a 1 x 1 convolution without bias. The networks start and end
at 4 x 4 pixels; the generator doubles by repeating pixels and ends in tanh, the discriminator averages over 3 x 3 at
stride 2. With one block a resolution (ResNet) the generator narrows before it doubles and the discriminator widens
after it halves; with two (ResNet2) the generator narrows after doubling, the discriminator widens before halving.
"""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tussle import checks
from tussle.networks.conditional import UnitEmbedding, labels_of, picked
from tussle.networks.mlp import ACTIVATIONS

START = 4  # pixels at which the networks start and end


class ResidualBlock(nn.Module):
    """x_s + scale * conv(a(conv(a(x)))), 3 x 3, at the same resolution.

    Args:
        inputs: channels in.
        outputs: channels out.
        hidden: channels between the two convolutions; None for the smaller of the two others.
        activation: one of `ACTIVATIONS`.
        scale: what the branch is scaled by.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: int | None = None,
        activation: str = "leaky_relu",
        scale: float = 0.1,
    ) -> None:
        super().__init__()
        hidden = min(inputs, outputs) if hidden is None else hidden
        self.activation: Callable[[Tensor], Tensor] = ACTIVATIONS[checks.choice("activation", activation, ACTIVATIONS)]
        self.scale: float = checks.number("scale", scale)
        self.first: nn.Conv2d = nn.Conv2d(inputs, hidden, 3, padding=1)
        self.second: nn.Conv2d = nn.Conv2d(hidden, outputs, 3, padding=1)
        self.shortcut: nn.Module = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, outputs, height, width)."""
        branch = self.second(self.activation(self.first(self.activation(x))))
        return self.shortcut(x) + self.scale * branch


class ResnetGenerator(nn.Module):
    """Latents and labels to images in (-1, 1).

    Args:
        latent: dimension of the latents.
        classes: how many classes.
        embed: length of the label embedding, which is scaled to length 1.
        widths: channels from the last resolution down to the first, 4 x 4.
        channels: channels of the images.
        blocks: blocks a resolution, 1 or 2.
        activation: one of `ACTIVATIONS`.
        scale: what the branches are scaled by.
    """

    def __init__(
        self,
        latent: int,
        classes: int,
        embed: int,
        widths: tuple[int, ...],
        channels: int,
        blocks: int,
        activation: str,
        scale: float,
    ) -> None:
        super().__init__()
        self.classes: int = classes
        self.activation: Callable[[Tensor], Tensor] = ACTIVATIONS[checks.choice("activation", activation, ACTIVATIONS)]
        self.embedding: UnitEmbedding = UnitEmbedding(classes, embed)
        self.first: nn.Linear = nn.Linear(latent + embed, widths[-1] * START**2)

        def block(inputs: int, outputs: int) -> nn.Module:
            return ResidualBlock(inputs, outputs, None, activation, scale)

        self.body: nn.Sequential = nn.Sequential(*_rising(widths[::-1], blocks, block))
        self.last: nn.Conv2d = nn.Conv2d(widths[0], channels, 3, padding=1)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images (n, channels, size, size)."""
        start = self.first(torch.cat([z, self.embedding(labels_of(y, z, self.classes))], 1))
        x = self.body(start.view(len(z), -1, START, START))
        return torch.tanh(self.last(self.activation(x)))


class ResnetDiscriminator(nn.Module):
    """Images and labels to one logit each: the network has one logit a class, and the label picks.

    Args:
        classes: how many classes.
        widths: channels from the first resolution down to the last, 4 x 4.
        channels: channels of the images.
        blocks: blocks a resolution, 1 or 2.
        activation: one of `ACTIVATIONS`.
        scale: what the branches are scaled by.
    """

    def __init__(
        self, classes: int, widths: tuple[int, ...], channels: int, blocks: int, activation: str, scale: float
    ) -> None:
        super().__init__()
        self.classes: int = classes
        self.activation: Callable[[Tensor], Tensor] = ACTIVATIONS[checks.choice("activation", activation, ACTIVATIONS)]
        self.first: nn.Conv2d = nn.Conv2d(channels, widths[0], 3, padding=1)

        def block(inputs: int, outputs: int) -> nn.Module:
            return ResidualBlock(inputs, outputs, None, activation, scale)

        self.body: nn.Sequential = nn.Sequential(*_falling(widths, blocks, block))
        self.last: nn.Linear = nn.Linear(widths[-1] * START**2, classes)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits (n,)."""
        features = self.activation(self.body(self.first(x)).flatten(1))
        return picked(self.last(features), labels_of(y, x, self.classes))


def _rising(widths: tuple[int, ...], blocks: int, block: Callable[[int, int], nn.Module]) -> list[nn.Module]:
    """Return the generator's blocks, from 4 x 4 up."""
    first, last, steps = widths[0], widths[-1], list(itertools.pairwise(widths))
    if blocks == 1:
        return [part for a, b in steps for part in (block(a, b), nn.Upsample(scale_factor=2))] + [block(last, last)]
    rest = [part for a, b in steps for part in (nn.Upsample(scale_factor=2), block(a, b), block(b, b))]
    return [block(first, first), block(first, first), *rest]


def _falling(widths: tuple[int, ...], blocks: int, block: Callable[[int, int], nn.Module]) -> list[nn.Module]:
    """Return the discriminator's blocks, down to 4 x 4."""
    first, last, steps = widths[0], widths[-1], list(itertools.pairwise(widths))
    if blocks == 1:
        return [block(first, first)] + [part for a, b in steps for part in (_halving(), block(a, b))]
    rest = [part for a, b in steps for part in (block(a, a), block(a, b), _halving())]
    return [*rest, block(last, last), block(last, last)]


def _halving() -> nn.Module:
    return nn.AvgPool2d(3, stride=2, padding=1)


def doublings(size: int) -> int:
    """Return how often 4 must be doubled to give a size of images.

    Raises:
        ValueError: if that is not possible.
    """
    count = checks.count("size", size).bit_length() - 3
    if size != 4 * 2 ** max(count, 0):
        message = f"`size` is {size}; it must be 4 times a power of two; give 32, 64, 128 or the like."
        raise ValueError(message)
    return count


def resnet_networks(
    latent: int = 256,
    size: int = 32,
    channels: int = 3,
    width: int = 64,
    most: int = 1024,
    blocks: int = 1,
    classes: int = 1,
    embed: int | None = None,
    activation: str = "leaky_relu",
    scale: float = 0.1,
) -> tuple[nn.Module, nn.Module]:
    """Return the residual networks of GAN_stability: generator(z, y) and discriminator(x, y).

    Weights start as PyTorch's layers start them.

    Args:
        latent: dimension of the latents.
        size: height and width of the images, 4 times a power of two.
        channels: channels of the images.
        width: channels at full resolution, doubled with each halving of the image.
        most: the largest width.
        blocks: blocks a resolution, 1 (ResNet) or 2 (ResNet2).
        classes: how many classes; with 1 the labels may be left out.
        embed: length of the label embedding; None for 256 with several classes and 1 with one, as published.
        activation: `leaky_relu`, or a smooth one where a spectrum is to be looked at.
        scale: what the residual branches are scaled by.

    Returns:
        generator and discriminator.

    Raises:
        ValueError: if an option is out of its range.

    Reference:
        Mescheder, Geiger, Nowozin: Which Training Methods for GANs do actually Converge? ICML 2018.
    """
    for name, value in (("latent", latent), ("channels", channels), ("width", width), ("classes", classes)):
        checks.count(name, value)
    checks.count("most", most, least=width)
    checks.count("blocks", blocks, most=2)
    embed = (256 if classes > 1 else 1) if embed is None else checks.count("embed", embed)
    widths = tuple(min(width * 2**k, most) for k in range(doublings(size) + 1))
    return (
        ResnetGenerator(latent, classes, embed, widths, channels, blocks, activation, scale),
        ResnetDiscriminator(classes, widths, channels, blocks, activation, scale),
    )
