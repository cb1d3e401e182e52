"""Multilayer perceptrons: the players of the two-dimensional problems."""

import itertools
from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

from tussle import checks
from tussle.networks.conditional import conditional_pair
from tussle.networks.convolutional import ACTIVATIONS as SMOOTH
from tussle.networks.norms import norm as named_norm

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": functional.relu, **SMOOTH}


class MLP(nn.Module):
    """Linear layers with an activation between them: `depth` hidden layers of the same width, and a linear end.

    Weights start uniform in +-sqrt(6 / (inputs + outputs)) (Glorot), biases at 0.

    Args:
        inputs: numbers in a sample; samples with more axes are flattened.
        outputs: numbers out, shape (n, outputs); None for one number each, shape (n,).
        width: width of the hidden layers.
        depth: how many hidden layers.
        activation: one of `ACTIVATIONS`.
        norm: name of a norm after each hidden linear layer.

    Example:
        >>> sum(p.numel() for p in MLP(2, None, width=16, depth=4).parameters())
        881
    """

    def __init__(
        self,
        inputs: int,
        outputs: int | None,
        width: int = 16,
        depth: int = 4,
        activation: str = "relu",
        norm: str = "none",
    ) -> None:
        super().__init__()
        checks.count("depth", depth)
        self.activation: Callable[[Tensor], Tensor] = ACTIVATIONS[checks.choice("activation", activation, ACTIVATIONS)]
        self.single: bool = outputs is None
        ends = (checks.count("inputs", inputs), 1 if outputs is None else checks.count("outputs", outputs))
        widths = [ends[0], *[checks.count("width", width)] * depth, ends[1]]
        self.layers: nn.ModuleList = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(widths))
        self.norms: nn.ModuleList = nn.ModuleList(named_norm(norm, width) for _ in range(depth))
        draw_glorot(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, (n, outputs) or (n,)."""
        x = x.flatten(1)
        *hidden, last = self.layers
        for layer, norm in zip(hidden, self.norms, strict=True):
            x = self.activation(norm(layer(x)))
        x = last(x)
        return x[:, 0] if self.single else x


def draw_glorot(module: nn.Module) -> None:
    """Draw the weights of all linear and convolutional layers uniform as Glorot and Bengio do; biases become 0."""
    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def mlp_networks(
    latent: int = 16,
    dimension: int = 2,
    width: int = 16,
    depth: int = 4,
    activation: str = "relu",
    norm: str = "none",
    classes: int = 1,
) -> tuple[nn.Module, nn.Module]:
    """Return two perceptrons of the same width and depth: latents to points, and points to logits.

    Args:
        latent: dimension of the latents.
        dimension: dimension of the points.
        width: width of the hidden layers.
        depth: how many hidden layers each.
        activation: `relu`, `leaky_relu`, `silu`, `softplus` or `tanh`.
        norm: name of a norm in both.
        classes: 1, or how many classes: the networks then take labels as second input.

    Returns:
        generator and discriminator; the defaults have 1122 and 881 parameters, 2003 together.

    Raises:
        ValueError: if an option is out of its range.

    Reference:
        Mescheder, Nowozin, Geiger: The Numerics of GANs, NIPS 2017 (mixture of Gaussians).
    """
    checks.count("dimension", dimension)

    def generator(inputs: int) -> nn.Module:
        return MLP(inputs, dimension, width, depth, activation, norm)

    def discriminator(outputs: int | None) -> nn.Module:
        return MLP(dimension, outputs, width, depth, activation, norm)

    return conditional_pair(generator, discriminator, latent, classes)
