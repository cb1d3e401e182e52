"""The "standard CNN" of the spectral-norm and relativistic papers, for images of a multiple of 8 pixels.

Generator: linear to 512 channels at size / 8, three transposed convolutions (4 x 4, stride 2; 256, 128, 64) with batch
norm and ReLU, a 3 x 3 convolution and tanh. Discriminator: convolutions 3 x 3 at stride 1 and 4 x 4 at stride 2 in
turn (64, 64, 128, 128, 256, 256, 512), leaky ReLU of slope 0.1, a linear layer; all of them under spectral norm, and
otherwise with batch norms after all convolutions but the first.
"""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tussle import checks
from tussle.networks.conditional import conditional_pair
from tussle.networks.dcgan import draw_normal
from tussle.networks.mlp import ACTIVATIONS
from tussle.networks.norms import NORMS, SpectralNorm
from tussle.networks.norms import norm as named_norm

SLOPE = 0.1
STAGES = 3


def _activation(name: str) -> Callable[[Tensor], Tensor]:
    """Return an activation; leaky ReLU has slope 0.1 in this network."""
    if name == "leaky_relu":
        return lambda x: functional.leaky_relu(x, SLOPE)
    return ACTIVATIONS[checks.choice("activation", name, ACTIVATIONS)]


class CNNGenerator(nn.Module):
    """Latents to images in (-1, 1).

    Args:
        latent: dimension of the latents.
        size: height and width of the images, a multiple of 8.
        channels: channels of the images.
        width: channels before the last convolution.
        norm: norm after the transposed convolutions.
        activation: after each norm.
    """

    def __init__(self, latent: int, size: int, channels: int, width: int, norm: str, activation: str) -> None:
        super().__init__()
        self.base: int = size // 2**STAGES
        self.activation: Callable[[Tensor], Tensor] = _activation(activation)
        widths = [width * 2**k for k in range(STAGES, -1, -1)]
        self.first: nn.Linear = nn.Linear(latent, widths[0] * self.base**2)
        self.steps: nn.ModuleList = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(widths)
        )
        self.norms: nn.ModuleList = nn.ModuleList(named_norm(norm, w) for w in widths[1:])
        self.last: nn.Conv2d = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Return images (n, channels, size, size)."""
        x = self.first(z).view(len(z), -1, self.base, self.base)
        for step, norm in zip(self.steps, self.norms, strict=True):
            x = self.activation(norm(step(x)))
        return torch.tanh(self.last(x))


class CNNDiscriminator(nn.Module):
    """Images to logits.

    Args:
        size: height and width of the images, a multiple of 8.
        channels: channels of the images.
        width: channels of the first convolution.
        outputs: logits of each image, shape (n, outputs); None for one, shape (n,).
        spectral: whether all layers are under spectral norm.
        norm: norm after all convolutions but the first; not with spectral norm.
        activation: after each convolution.
    """

    def __init__(
        self, size: int, channels: int, width: int, outputs: int | None, spectral: bool, norm: str, activation: str
    ) -> None:
        super().__init__()
        self.single: bool = outputs is None
        self.activation: Callable[[Tensor], Tensor] = _activation(activation)
        convolutions, inputs = [], channels
        for k in range(2 * STAGES + 1):
            outs = width * 2 ** ((k + (k == 2 * STAGES)) // 2)
            convolutions.append(nn.Conv2d(inputs, outs, 4 if k % 2 else 3, stride=1 + k % 2, padding=1))
            inputs = outs
        last = nn.Linear(inputs * (size // 2**STAGES) ** 2, 1 if outputs is None else outputs)
        self.steps: nn.ModuleList = nn.ModuleList(convolutions)
        self.norms: nn.ModuleList = nn.ModuleList(
            named_norm("none" if spectral or k == 0 else norm, c.out_channels) for k, c in enumerate(convolutions)
        )
        self.last: nn.Module = last
        draw_normal(self, linear=False)
        if spectral:  # only now, since the vectors start from the weights
            self.steps = nn.ModuleList(SpectralNorm(c) for c in convolutions)
            self.last = SpectralNorm(last)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (n,) or (n, outputs)."""
        for step, norm in zip(self.steps, self.norms, strict=True):
            x = self.activation(norm(step(x)))
        logits = self.last(x.flatten(1))
        return logits[:, 0] if self.single else logits


def standard_cnn_networks(
    latent: int = 128,
    size: int = 32,
    channels: int = 3,
    width: int = 64,
    spectral: bool = True,
    norm: str = "batch",
    activation: str = "leaky_relu",
    generator_activation: str = "relu",
    classes: int = 1,
) -> tuple[nn.Module, nn.Module]:
    """Return the standard CNN pair; convolutional weights start from N(0, 0.02^2).

    Args:
        latent: dimension of the latents.
        size: height and width of the images, a multiple of 8.
        channels: channels of the images.
        width: channels at full resolution; 512 = 8 * 64 are the most.
        spectral: whether the discriminator is under spectral norm, which takes the place of its norms.
        norm: norm of the generator, and of a discriminator without spectral norm; `none` for the paper's "no BN".
        activation: of the discriminator; `leaky_relu` has slope 0.1 here, `tanh` is the paper's "tanh everywhere".
        generator_activation: of the generator.
        classes: 1, or how many classes: the networks then take labels as second input.

    Returns:
        generator and discriminator.

    Raises:
        ValueError: if an option is out of its range.

    Reference:
        Miyato et al.: Spectral Normalization for Generative Adversarial Networks, ICLR 2018, table 3;
        Jolicoeur-Martineau: The relativistic discriminator, ICLR 2019.
    """
    for name, value in (("size", size), ("channels", channels), ("width", width)):
        checks.count(name, value)
    if size % 2**STAGES:
        message = f"`size` is {size}; it must be a multiple of 8; resize the images, to 32 for instance."
        raise ValueError(message)
    checks.choice("norm", norm, NORMS)
    checks.flag("spectral", spectral)

    def generator(inputs: int) -> nn.Module:
        made = CNNGenerator(inputs, size, channels, width, norm, generator_activation)
        draw_normal(made, linear=False)
        return made

    def discriminator(outputs: int | None) -> nn.Module:
        return CNNDiscriminator(size, channels, width, outputs, spectral, norm, activation)

    return conditional_pair(generator, discriminator, latent, classes)
