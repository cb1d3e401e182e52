"""Norms in plain arithmetic, so that derivatives of every order are right, and spectral norm with constant vectors.

Third derivatives (Jacobian products of a field under R1) through PyTorch's fused batch, instance and layer norms have
been found off by up to several percent, silently. Here a norm is a mean, a mean of squares and a root, each of which
autograd differentiates any number of times. Parameters and buffers have the names and shapes of PyTorch's own norms.

Batch norm mixes samples: the input gradient of one sample then includes its effect on the others, and R1 is no longer
a penalty per sample. A discriminator that is penalized is better off without, or with a layer norm.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tussle import checks
from tussle.networks.convolutional import channel_norm


def standardized(x: Tensor, axes: tuple[int, ...], eps: float = 1e-5) -> tuple[Tensor, Tensor, Tensor]:
    """Return (x - mean) / sqrt(variance + eps) over some axes, the mean and the (biased) variance.

    Args:
        x: any tensor.
        axes: the axes that are averaged over.
        eps: what keeps the root smooth where the variance is zero.

    Returns:
        the standardized tensor; mean and variance with axes of length 1.

    Example:
        >>> standardized(torch.tensor([[1.0, 3.0]]), (1,), eps=0.0)[0].tolist()
        [[-1.0, 1.0]]
    """
    mean = x.mean(axes, keepdim=True)
    centered = x - mean
    variance = centered.square().mean(axes, keepdim=True)
    return centered / (variance + eps).sqrt(), mean, variance


def _per_channel(vector: Tensor, x: Tensor) -> Tensor:
    return vector.view(-1, *(1,) * (x.ndim - 2))


class BatchNorm(nn.Module):
    """Standardize each channel over the batch (and the image), then scale and shift it.

    y = weight (x - m) / sqrt(s^2 + eps) + bias. In training mode m and s^2 are those of the batch, and the running ones
    move towards them in place; in evaluation mode they are the running ones, which are constants.

    Args:
        channels: size of axis 1.
        momentum: how far the running statistics move; None for none: the batch's own are then used in both modes.
        eps: what is added to the variance.

    Reference:
        Ioffe, Szegedy: Batch Normalization, ICML 2015.
    """

    running_mean: Tensor | None
    running_var: Tensor | None

    def __init__(self, channels: int, momentum: float | None = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        checks.count("channels", channels)
        self.eps: float = checks.positive("eps", eps)
        self.momentum: float | None = None if momentum is None else checks.positive("momentum", momentum)
        self.weight: nn.Parameter = nn.Parameter(torch.ones(channels))
        self.bias: nn.Parameter = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", None if momentum is None else torch.zeros(channels))
        self.register_buffer("running_var", None if momentum is None else torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized batch, (n, channels, ...)."""
        if self.running_mean is not None and self.running_var is not None and not self.training:
            scale = (self.running_var + self.eps).sqrt()
            y = (x - _per_channel(self.running_mean, x)) / _per_channel(scale, x)
        else:
            y = self._of_the_batch(x)
        return y * _per_channel(self.weight, x) + _per_channel(self.bias, x)

    def _of_the_batch(self, x: Tensor) -> Tensor:
        values = x.numel() // len(self.weight)
        if values < 2:
            message = (
                f"`x` has shape {tuple(x.shape)}, {values} value(s) a channel; a batch norm must have at least 2; take "
                "a larger batch or call module.eval()."
            )
            raise ValueError(message)
        y, mean, variance = standardized(x, (0, *range(2, x.ndim)), self.eps)
        if self.running_mean is not None and self.running_var is not None:
            with torch.no_grad():
                self.running_mean.lerp_(mean.detach().flatten().to(self.running_mean.dtype), self.momentum or 0.0)
                unbiased = variance.detach().flatten() * (values / (values - 1))
                self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum or 0.0)
        return y


class GroupNorm(nn.Module):
    """Standardize each sample over groups of its channels, then scale and shift each channel.

    One group is a layer norm of images; as many groups as channels are an instance norm. Samples are not mixed.

    Args:
        channels: size of axis 1.
        groups: how many groups; a divisor of the channels.
        eps: what is added to the variance.

    Reference:
        Wu, He: Group Normalization, ECCV 2018; Ba, Kiros, Hinton: Layer Normalization, 2016; Ulyanov, Vedaldi,
        Lempitsky: Instance Normalization, 2016.
    """

    def __init__(self, channels: int, groups: int, eps: float = 1e-5) -> None:
        super().__init__()
        checks.count("channels", channels)
        if channels % checks.count("groups", groups):
            message = f"`groups` is {groups} for {channels} channels; it must divide them; give one of their divisors."
            raise ValueError(message)
        self.eps: float = checks.positive("eps", eps)
        self.groups: int = groups
        self.weight: nn.Parameter = nn.Parameter(torch.ones(channels))
        self.bias: nn.Parameter = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized samples, (n, channels, ...)."""
        y = standardized(x.reshape(len(x), self.groups, -1), (2,), self.eps)[0].view(x.shape)
        return y * _per_channel(self.weight, x) + _per_channel(self.bias, x)


class PixelNorm(nn.Module):
    """Every pixel's channels at unit mean square: `channel_norm` as a module; nothing is learned.

    Args:
        eps: what is added to the mean square.

    Reference:
        Karras et al.: Progressive Growing of GANs, ICLR 2018, section 4.2.
    """

    def __init__(self, eps: float = 1e-8) -> None:
        super().__init__()
        self.eps: float = checks.positive("eps", eps)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized samples, (n, channels, ...)."""
        return channel_norm(x, self.eps)


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda channels: nn.Identity(),
    "batch": BatchNorm,
    "instance": lambda channels: GroupNorm(channels, channels),
    "layer": lambda channels: GroupNorm(channels, 1),
    "group": lambda channels: GroupNorm(channels, math.gcd(channels, 32)),
    "pixel": lambda channels: PixelNorm(),
}


def norm(name: str, channels: int) -> nn.Module:
    """Return a new norm by its name.

    Args:
        name: `none`, `batch`, `instance`, `layer`, `group` (of at most 32 groups) or `pixel`.
        channels: size of axis 1.

    Returns:
        the module.

    Raises:
        ValueError: if the name is unknown.
    """
    return NORMS[checks.choice("norm", name, NORMS)](checks.count("channels", channels))


# Spectral norm ----------------------------------------------------------------------------------------------


class SpectralNorm(nn.Module):
    """A linear or convolutional layer whose weight is divided by an estimate of its largest singular value.

    W / sigma with sigma = u^T W v, the weight as a matrix (outputs, everything else). The vectors u and v come from a
    power iteration and are held constant for derivatives of every order. In training mode each call first iterates
    from the stored vectors and stores what it finds; in evaluation mode the stored vectors stay. With fixed vectors
    the layer is a smooth function of W, differentiated exactly; in training mode the dependence of u and v on W is
    left out, as everywhere, and finite differences see it. Call `eval()` before looking at a spectrum.

    Args:
        layer: a `torch.nn.Linear` or `torch.nn.Conv2d`, with its initial weights.
        iterations: iterations a call in training mode.
        start: iterations at the beginning, from random vectors.

    Reference:
        Miyato et al.: Spectral Normalization for Generative Adversarial Networks, ICLR 2018, algorithm 1.
    """

    u: Tensor
    v: Tensor

    def __init__(self, layer: nn.Linear | nn.Conv2d, iterations: int = 1, start: int = 15) -> None:
        super().__init__()
        if not isinstance(layer, (nn.Linear, nn.Conv2d)):
            message = (
                f"`layer` is a {type(layer).__name__}; it may be a torch.nn.Linear or a torch.nn.Conv2d; wrap one of "
                "these."
            )
            raise ValueError(message)
        self.layer: Any = layer
        self.iterations: int = checks.count("iterations", iterations)
        rows, columns = layer.weight.flatten(1).shape
        self.register_buffer("u", functional.normalize(torch.randn(rows).to(layer.weight), dim=0))
        self.register_buffer("v", functional.normalize(torch.randn(columns).to(layer.weight), dim=0))
        self.settle(checks.count("start", start))

    def settle(self, iterations: int) -> None:
        """Iterate the stored vectors; after many iterations they are the leading singular vectors of the weight."""
        u, v = self._iterated(iterations)
        with torch.no_grad():
            self.u.copy_(u)
            self.v.copy_(v)

    def _iterated(self, iterations: int) -> tuple[Tensor, Tensor]:
        """Return u and v after some iterations; new tensors, since a later call writes into the stored ones."""
        with torch.no_grad():
            u, v, weight = self.u.clone(), self.v.clone(), self.layer.weight.flatten(1)
            for _ in range(iterations):
                v = functional.normalize(weight.T @ u, dim=0)
                u = functional.normalize(weight @ v, dim=0)
        return u, v

    def normalized_weight(self) -> Tensor:
        """Return W / u^T W v with the stored vectors."""
        u, v = self._iterated(0)
        return self.layer.weight / (u @ (self.layer.weight.flatten(1) @ v))

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output under the normalized weight."""
        if self.training:
            self.settle(self.iterations)
        layer = self.layer
        if isinstance(layer, nn.Linear):
            return functional.linear(x, self.normalized_weight(), layer.bias)
        return functional.conv2d(
            x, self.normalized_weight(), layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups
        )
