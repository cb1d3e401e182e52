"""Deep convolutional GANs: strided convolutions, with or without norms, growing or constant in width.

The generator starts from a square of size / 2^layers pixels and doubles; the discriminator halves to the same square.
In a network with a batch or instance norm no layer has a bias, as usual: the norm would take it away again.
"""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tussle import checks
from tussle.networks.conditional import conditional_pair
from tussle.networks.mlp import ACTIVATIONS, draw_glorot
from tussle.networks.norms import NORMS, BatchNorm
from tussle.networks.norms import norm as named_norm
from tussle.networks.resnet import ResidualBlock

CENTERING = ("batch", "instance")  # norms after which a bias per channel has no effect


def draw_normal(module: nn.Module, spread: float = 0.02, linear: bool = True) -> None:
    """Draw convolutional and linear weights from N(0, spread^2), gains of batch norms from N(1, spread^2); biases 0.

    Args:
        module: what is drawn.
        spread: the standard deviation.
        linear: whether linear layers are drawn too.

    Reference:
        Radford, Metz, Chintala: Unsupervised Representation Learning with Deep Convolutional GANs, ICLR 2016.
    """
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear) if linear else (nn.Conv2d, nn.ConvTranspose2d)
    for layer in module.modules():
        if isinstance(layer, kinds):
            nn.init.normal_(layer.weight, 0.0, spread)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, BatchNorm):
            nn.init.normal_(layer.weight, 1.0, spread)


INITIAL: dict[str, Callable[[nn.Module], None]] = {"normal": draw_normal, "glorot": draw_glorot}


class Activation(nn.Module):
    """An activation by its name, as a module.

    Args:
        name: one of `ACTIVATIONS`.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.function: Callable[[Tensor], Tensor] = ACTIVATIONS[checks.choice("activation", name, ACTIVATIONS)]

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of each number."""
        return self.function(x)


class DCGANGenerator(nn.Module):
    """Latents to images in (-1, 1): a linear layer, and transposed convolutions of stride 2.

    Args:
        latent: dimension of the latents.
        base: height and width after the linear layer.
        widths: channels after the linear layer and after each convolution but the last.
        channels: channels of the images.
        kernel: size of the convolutions, 4 or 5.
        norm: name of the norm of all hidden layers.
        activation: of all hidden layers.
        residual: whether a residual block follows each convolution but the last.
    """

    def __init__(
        self,
        latent: int,
        base: int,
        widths: tuple[int, ...],
        channels: int,
        kernel: int,
        norm: str,
        activation: str,
        residual: bool,
    ) -> None:
        super().__init__()
        bias = norm not in CENTERING
        self.base: int = base
        self.first: nn.Linear = nn.Linear(latent, widths[0] * base**2, bias=bias)
        parts: list[nn.Module] = [named_norm(norm, widths[0]), Activation(activation)]
        for inputs, outputs in itertools.pairwise(widths):
            parts.append(_doubling(inputs, outputs, kernel, bias))
            parts += [ResidualBlock(outputs, outputs, _half(outputs))] if residual else []
            parts += [named_norm(norm, outputs), Activation(activation)]
        self.body: nn.Sequential = nn.Sequential(*parts, _doubling(widths[-1], channels, kernel, bias))

    def forward(self, z: Tensor) -> Tensor:
        """Return images (n, channels, size, size)."""
        return torch.tanh(self.body(self.first(z).view(len(z), -1, self.base, self.base)))


class DCGANDiscriminator(nn.Module):
    """Images to logits: convolutions of stride 2, of which the first has no norm, and a linear layer.

    Args:
        base: height and width before the linear layer.
        widths: channels after each convolution.
        channels: channels of the images.
        outputs: logits of each image, shape (n, outputs); None for one, shape (n,).
        kernel: size of the convolutions, 4 or 5.
        norm: name of the norm of all convolutions but the first.
        activation: of all hidden layers.
        residual: whether a residual block follows each convolution.
    """

    def __init__(
        self,
        base: int,
        widths: tuple[int, ...],
        channels: int,
        outputs: int | None,
        kernel: int,
        norm: str,
        activation: str,
        residual: bool,
    ) -> None:
        super().__init__()
        bias = norm not in CENTERING
        self.single: bool = outputs is None
        parts: list[nn.Module] = []
        for k, (inputs, outs) in enumerate(itertools.pairwise((channels, *widths))):
            parts.append(nn.Conv2d(inputs, outs, kernel, stride=2, padding=(kernel - 1) // 2, bias=bias))
            parts += [ResidualBlock(outs, outs, _half(outs) if k else outs)] if residual else []
            parts += [named_norm(norm if k else "none", outs), Activation(activation)]
        self.body: nn.Sequential = nn.Sequential(*parts)
        self.last: nn.Linear = nn.Linear(widths[-1] * base**2, 1 if outputs is None else outputs, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (n,) or (n, outputs)."""
        logits = self.last(self.body(x).flatten(1))
        return logits[:, 0] if self.single else logits


def _doubling(inputs: int, outputs: int, kernel: int, bias: bool) -> nn.Module:
    return nn.ConvTranspose2d(
        inputs, outputs, kernel, stride=2, padding=(kernel - 1) // 2, output_padding=kernel % 2, bias=bias
    )


def _half(width: int) -> int:
    return max(width // 2, 1)


def dcgan_networks(
    latent: int = 100,
    size: int = 64,
    channels: int = 3,
    width: int = 64,
    layers: int = 4,
    kernel: int = 4,
    norm: str = "batch",
    discriminator_norm: str | None = None,
    constant: bool = False,
    residual: bool = False,
    activation: str = "leaky_relu",
    generator_activation: str = "relu",
    initial: str = "normal",
    classes: int = 1,
) -> tuple[nn.Module, nn.Module]:
    """Return a deep convolutional generator and discriminator.

    Args:
        latent: dimension of the latents.
        size: height and width of the images, a multiple of 2^layers.
        channels: channels of the images.
        width: channels at the resolution next to the image, doubled with each halving.
        layers: how many strided convolutions each.
        kernel: size of the convolutions, 4 (PyTorch's example) or 5 (the paper, TensorFlow's versions).
        norm: norm of the hidden layers: `batch`, `none`, `instance`, `layer`, `group` or `pixel`.
        discriminator_norm: that of the discriminator; None for the same.
        constant: whether all layers have the same width.
        residual: whether residual blocks of half the width, scaled by 0.1, follow the convolutions.
        activation: of the discriminator.
        generator_activation: of the generator.
        initial: `normal` (N(0, 0.02^2), the paper's) or `glorot` (uniform, that of TensorFlow's slim).
        classes: 1, or how many classes: the networks then take labels as second input.

    Returns:
        generator and discriminator.

    Raises:
        ValueError: if an option is out of its range.

    Reference:
        Radford, Metz, Chintala: Unsupervised Representation Learning with Deep Convolutional GANs, ICLR 2016.
    """
    for name, value in (("size", size), ("channels", channels), ("width", width), ("layers", layers)):
        checks.count(name, value)
    if kernel not in (4, 5):
        message = f"`kernel` is {kernel!r}; it may be 4 or 5; give one of these."
        raise ValueError(message)
    if size % 2**layers:
        message = (
            f"`size` is {size} with {layers} layers; it must be a multiple of {2**layers}; take fewer layers or resize."
        )
        raise ValueError(message)
    norms = [
        checks.choice("norm", n, NORMS) for n in (norm, norm if discriminator_norm is None else discriminator_norm)
    ]
    checks.flag("constant", constant)
    checks.flag("residual", residual)
    base, draw = size // 2**layers, INITIAL[checks.choice("initial", initial, INITIAL)]
    widths = tuple(width if constant else width * 2**k for k in range(layers))

    def generator(inputs: int) -> nn.Module:
        return DCGANGenerator(inputs, base, widths[::-1], channels, kernel, norms[0], generator_activation, residual)

    def discriminator(outputs: int | None) -> nn.Module:
        return DCGANDiscriminator(base, widths, channels, outputs, kernel, norms[1], activation, residual)

    networks = conditional_pair(generator, discriminator, latent, classes)
    for network in networks:
        draw(network)
    return networks
