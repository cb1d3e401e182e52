"""A small convolutional generator and discriminator for 1 x 8 x 8 images, made to be differentiated.

Activations are smooth (SiLU), so that a Jacobian exists everywhere and finite differences can check it, and the one
norm on offer is written out in plain arithmetic: third derivatives through PyTorch's fused norms are not reliable. With
`leaky_relu` the field has kinks: its Jacobian exists almost everywhere, but it leaves out what happens at the kinks,
and finite differences that cross one disagree with it.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tussle import checks

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": functional.silu,
    "softplus": functional.softplus,
    "tanh": torch.tanh,
    "leaky_relu": functools.partial(functional.leaky_relu, negative_slope=0.2),
}


def channel_norm(x: Tensor, eps: float = 1e-4) -> Tensor:
    """Return x / sqrt(mean_c x^2 + eps): every pixel's channels at unit mean square, nothing mixed between samples.

    Args:
        x: (n, channels, height, width).
        eps: what keeps the root smooth at zero.

    Returns:
        the same shape.

    Reference:
        Karras et al., "Progressive growing of GANs", ICLR 2018, section 4.2.
    """
    return x / (x.square().mean(dim=1, keepdim=True) + eps).sqrt()


class Generator(nn.Module):
    """Latents (n, latent) to images (n, 1, 8, 8) in (-1, 1): a linear layer to 4 x 4, doubled, and two convolutions.

    Args:
        latent: dimension of the latents.
        width: channels of the second hidden layer; the first has twice as many.
        activation: one of `ACTIVATIONS`.
        norm: whether hidden layers are normalized by `channel_norm`.
    """

    def __init__(self, latent: int = 16, width: int = 12, activation: str = "silu", norm: bool = False) -> None:
        super().__init__()
        checks.count("latent", latent)
        checks.count("width", width)
        self.activation: Callable[[Tensor], Tensor] = ACTIVATIONS[checks.choice("activation", activation, ACTIVATIONS)]
        self.norm: Callable[[Tensor], Tensor] = channel_norm if norm else nn.Identity()
        self.first: nn.Linear = nn.Linear(latent, 2 * width * 16)
        self.second: nn.Conv2d = nn.Conv2d(2 * width, width, 3, padding=1)
        self.last: nn.Conv2d = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Return images."""
        x = self.norm(self.activation(self.first(z).view(len(z), -1, 4, 4)))
        x = self.norm(self.activation(self.second(_doubled(x))))
        return torch.tanh(self.last(x))


class Discriminator(nn.Module):
    """Images (n, 1, 8, 8) to one logit each, (n,), large on real ones: two convolutions of stride 2 and a linear layer.

    Args:
        width: channels of the first layer; the second has twice as many.
        activation: one of `ACTIVATIONS`.
    """

    def __init__(self, width: int = 12, activation: str = "silu") -> None:
        super().__init__()
        checks.count("width", width)
        self.activation: Callable[[Tensor], Tensor] = ACTIVATIONS[checks.choice("activation", activation, ACTIVATIONS)]
        self.first: nn.Conv2d = nn.Conv2d(1, width, 4, stride=2, padding=1)
        self.second: nn.Conv2d = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.last: nn.Linear = nn.Linear(2 * width * 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        x = self.activation(self.second(self.activation(self.first(x))))
        return self.last(x.flatten(1))[:, 0]


def _doubled(x: Tensor) -> Tensor:
    """Return the image with each pixel repeated twice in both directions."""
    n, channels, height, width = x.shape
    wide = x[:, :, :, None, :, None].expand(n, channels, height, 2, width, 2)
    return wide.reshape(n, channels, 2 * height, 2 * width)


def small_networks(
    latent: int = 16, width: int = 12, *, seed: int = 0, activation: str = "silu", norm: bool = False
) -> tuple[Generator, Discriminator]:
    """Return a generator and a discriminator for 1 x 8 x 8 images, drawn from a seed.

    Args:
        latent: dimension of the latents.
        width: width of both; with latents of 16, 12 gives 14,174 parameters together, 8 gives 7,850 and 1 gives 633.
        seed: seed of the weights; the process's random numbers are left alone.
        activation: `silu`, `softplus`, `tanh` or `leaky_relu`.
        norm: whether the generator's hidden layers are normalized.

    Returns:
        the generator and the discriminator.

    Example:
        >>> generator, discriminator = small_networks(latent=4, width=1)
        >>> sum(p.numel() for p in (*generator.parameters(), *discriminator.parameters()))
        249
    """
    checks.count("seed", seed, least=0)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Generator(latent, width, activation, norm), Discriminator(width, activation)
