r"""R3GAN: residual networks of inverted bottlenecks with grouped convolutions, fix-up weights and no norms.

A block is x + C(a(B(a(A x)))): A 1 x 1 to twice the width, B 3 x 3 in groups, C 1 x 1 back without bias, a the leaky
ReLU of slope 0.2. Weights of A and B start from N(0, g^2 / fan-in) with g = sqrt(2 / (1 + 0.2^2)) L^(-1/4) for L blocks
in the network, those of C at 0, so that every block starts as the identity. The generator starts from a learned
4 x 4 square, scaled by a linear map of the latent, and its output is linear; the discriminator ends in a 4 x 4
convolution a channel and a linear map. With classes the generator appends an embedding of the label to the latent and
the discriminator projects its features on another.

What the published numbers of parameters fix: the width of 768 is halved with each doubling beyond 32 pixels (ImageNet:
1536, never halved); groups have 16 channels, but 32 in the ImageNet models; the embedding is as long as the latent in
the generator and as the width in the discriminator. Nothing published fixes how embeddings start: here from N(0, 1),
as the latent they join, and from N(0, 1 / width), so that logits start of order one.
"""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tussle import checks
from tussle.networks.conditional import labels_of
from tussle.networks.mlp import ACTIVATIONS
from tussle.networks.resnet import START, doublings

GAIN = math.sqrt(2 / (1 + 0.2**2))  # of the leaky ReLU


class Bilinear(nn.Module):
    """Double or halve images bilinearly: the filter [1, 2, 1] after doubling or before averaging by twos.

    Together with the box [1, 1] it is [1, 3, 3, 1] along each axis, symmetric about the image's middle; zeros lie
    beyond the borders. Halving is a quarter of the transpose of doubling.

    Args:
        up: whether to double.
    """

    kernel: Tensor

    def __init__(self, up: bool) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.up: bool = up
        self.register_buffer("kernel", torch.outer(taps, taps)[None, None] / (16 if up else 64), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the images at twice or half their height and width."""
        channels = x.shape[1]
        resize = functional.conv_transpose2d if self.up else functional.conv2d
        return resize(x, self.kernel.expand(channels, 1, 4, 4), stride=2, padding=1, groups=channels)


class Bottleneck(nn.Module):
    """x + C(a(B(a(A x)))): wide in the middle, and the identity at the start.

    Args:
        channels: channels in and out.
        expansion: how many times as many in the middle.
        group: channels in a group of the middle convolution.
        total: number of blocks in the network, for the weights.
        activation: one of `ACTIVATIONS`.
    """

    def __init__(self, channels: int, expansion: int, group: int, total: int, activation: str) -> None:
        super().__init__()
        wide = channels * expansion
        if wide % group:
            message = (
                f"`group` is {group} for {wide} channels ({expansion} times a width of {channels}); it must divide "
                "them; give a divisor."
            )
            raise ValueError(message)
        self.activation: Callable[[Tensor], Tensor] = ACTIVATIONS[checks.choice("activation", activation, ACTIVATIONS)]
        self.widen: nn.Conv2d = nn.Conv2d(channels, wide, 1)
        self.mix: nn.Conv2d = nn.Conv2d(wide, wide, 3, padding=1, groups=wide // group)
        self.narrow: nn.Conv2d = nn.Conv2d(wide, channels, 1, bias=False)
        for layer in (self.widen, self.mix):
            _draw(layer, GAIN * total**-0.25)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        return x + self.narrow(self.activation(self.mix(self.activation(self.widen(x)))))


def _draw(layer: nn.Linear | nn.Conv2d, gain: float = 1.0) -> nn.Module:
    """Draw a layer's weights from N(0, gain^2 / fan-in); its bias, if any, becomes 0."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class R3Generator(nn.Module):
    """Latents and labels to images; the output is linear, not squashed.

    Args:
        latent: dimension of the latents.
        classes: how many classes; labels are embedded only if there are several.
        widths: channels from 4 x 4 up to the full resolution.
        channels: channels of the images.
        block: makes a block for a number of channels.
        blocks: blocks a resolution.
    """

    def __init__(
        self,
        latent: int,
        classes: int,
        widths: tuple[int, ...],
        channels: int,
        block: Callable[[int], nn.Module],
        blocks: int,
    ) -> None:
        super().__init__()
        self.classes: int = classes
        self.embedding: nn.Embedding | None = nn.Embedding(classes, latent) if classes > 1 else None
        self.basis: nn.Parameter = nn.Parameter(torch.randn(widths[0], START, START))
        self.scale: nn.Module = _draw(nn.Linear(latent * (1 + (classes > 1)), widths[0], bias=False))
        parts: list[nn.Module] = [block(widths[0]) for _ in range(blocks)]
        for a, b in itertools.pairwise(widths):
            parts += [*_change(a, b), Bilinear(up=True), *(block(b) for _ in range(blocks))]
        self.body: nn.Sequential = nn.Sequential(*parts)
        self.last: nn.Module = _draw(nn.Conv2d(widths[-1], channels, 1, bias=False))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images (n, channels, size, size)."""
        labels = labels_of(y, z, self.classes)
        if self.embedding is not None:
            z = torch.cat([z, self.embedding(labels)], 1)
        return self.last(self.body(self.scale(z)[:, :, None, None] * self.basis))


class R3Discriminator(nn.Module):
    """Images and labels to one logit each.

    Args:
        classes: how many classes; labels are embedded only if there are several.
        widths: channels from 4 x 4 up to the full resolution.
        channels: channels of the images.
        block: makes a block for a number of channels.
        blocks: blocks a resolution.
    """

    def __init__(
        self, classes: int, widths: tuple[int, ...], channels: int, block: Callable[[int], nn.Module], blocks: int
    ) -> None:
        super().__init__()
        self.classes: int = classes
        self.first: nn.Module = _draw(nn.Conv2d(channels, widths[-1], 1, bias=False))
        parts: list[nn.Module] = []
        for a, b in itertools.pairwise(widths[::-1]):
            parts += [*(block(a) for _ in range(blocks)), Bilinear(up=False), *_change(a, b)]
        self.body: nn.Sequential = nn.Sequential(*parts, *(block(widths[0]) for _ in range(blocks)))
        self.pool: nn.Module = _draw(nn.Conv2d(widths[0], widths[0], START, groups=widths[0], bias=False))
        self.last: nn.Module = _draw(nn.Linear(widths[0], widths[0] if classes > 1 else 1, bias=False))
        self.embedding: nn.Embedding | None = nn.Embedding(classes, widths[0]) if classes > 1 else None
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, 0.0, widths[0] ** -0.5)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits (n,)."""
        labels = labels_of(y, x, self.classes)
        features = self.last(self.pool(self.body(self.first(x))).flatten(1))
        return features[:, 0] if self.embedding is None else (features * self.embedding(labels)).sum(1)


def _change(inputs: int, outputs: int) -> list[nn.Module]:
    """Return a 1 x 1 convolution where the width changes."""
    return [] if inputs == outputs else [_draw(nn.Conv2d(inputs, outputs, 1, bias=False))]


def r3gan_networks(
    latent: int = 64,
    size: int = 32,
    channels: int = 3,
    width: int = 768,
    full: int = 32,
    blocks: int = 2,
    group: int = 16,
    expansion: int = 2,
    classes: int = 1,
    activation: str = "leaky_relu",
) -> tuple[nn.Module, nn.Module]:
    """Return R3GAN's networks: generator(z, y) and discriminator(x, y).

    Args:
        latent: dimension of the latents.
        size: height and width of the images, 4 times a power of two.
        channels: channels of the images.
        width: channels up to `full` pixels.
        full: the resolution beyond which each doubling halves the width.
        blocks: blocks a resolution.
        group: channels in a group of the 3 x 3 convolutions.
        expansion: width within a block, in widths.
        classes: how many classes; with 1 there are no labels.
        activation: `leaky_relu`, or a smooth one where a spectrum is to be looked at.

    Returns:
        generator and discriminator.

    Raises:
        ValueError: if an option is out of its range.

    Reference:
        Huang et al.: The GAN is dead; long live the GAN! A Modern Baseline GAN, NeurIPS 2024, arXiv 2501.05441.
    """
    whole = {"latent": latent, "channels": channels, "width": width, "full": full, "blocks": blocks, "group": group}
    for name, value in (whole | {"expansion": expansion, "classes": classes}).items():
        checks.count(name, value)
    resolutions = [START * 2**k for k in range(doublings(size) + 1)]
    widths = tuple(width * full // max(r, full) for r in resolutions)
    total = blocks * len(widths)

    def block(count: int) -> nn.Module:
        return Bottleneck(count, expansion, group, total, activation)

    return (
        R3Generator(latent, classes, widths, channels, block, blocks),
        R3Discriminator(classes, widths, channels, block, blocks),
    )
