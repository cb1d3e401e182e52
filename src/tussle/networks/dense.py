"""Perceptrons as functions of one flat vector in plain arithmetic, which both engines run.

The layout of the vector and the weights of a seed are those of the modules of `make_networks`, so that a point moves
between the engines as it is. Inside, a batch lies on its side, (features, samples): a layer of sixteen features is then
a product of a small matrix and long rows, which compiled loops run about twice as fast as the other way around.
"""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tussle import checks
from tussle.autodiff import Array, namespace, sigmoid, softplus, to_numpy
from tussle.game import Point
from tussle.gan import GAN
from tussle.networks.functional import Player
from tussle.networks.gan import NetworkGAN, network_gan
from tussle.networks.mlp import mlp_networks
from tussle.networks.zoo import architecture
from tussle.records import record, static


def _relu(x: Array) -> Array:
    xp = namespace(x)
    return xp.where(x <= 0, xp.zeros_like(x), x)  # slope 0 at 0, as PyTorch has it, and nan stays nan


def _leaky_relu(x: Array) -> Array:
    return namespace(x).where(x > 0, x, 0.2 * x)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "silu": lambda x: x * sigmoid(x),
    "softplus": softplus,
    "tanh": lambda x: namespace(x).tanh(x),
}


@functools.cache
def perceptron(widths: tuple[int, ...], activation: str = "relu", single: bool = False) -> Callable[..., Array]:
    """Return `function(flat, x)`: linear layers with an activation between them.

    Args:
        widths: of the inputs, of each hidden layer and of the outputs.
        activation: one of `ACTIVATIONS`.
        single: whether the one output is returned as (n,) and not as (n, 1).

    Returns:
        the function; `flat` holds each layer's weights (outputs, inputs), row by row, and then its biases. Equal
        arguments give the same function, so that what was compiled for it once is used again.

    Example:
        >>> line = perceptron((2, 1), single=True)
        >>> line(np.array([1.0, 2.0, 3.0]), np.array([[10.0, 100.0]])).tolist()
        [213.0]
    """
    bend = ACTIVATIONS[checks.choice("activation", activation, ACTIVATIONS)]
    ends = list(itertools.pairwise(widths))
    wanted = parameters(widths)

    def function(flat: Array, x: Array) -> Array:
        if flat.shape != (wanted,):
            message = (
                f"`vector` has shape {tuple(flat.shape)}; a perceptron of widths {widths} has {wanted} parameters; "
                "give a flat vector of that many."
            )
            raise ValueError(message)
        xp, at = namespace(flat, x), 0
        rows = xp.reshape(x, (x.shape[0], math.prod(x.shape[1:]))).T
        for k, (inputs, outputs) in enumerate(ends):
            weights = xp.reshape(flat[at : at + inputs * outputs], (outputs, inputs))
            at += inputs * outputs
            rows = weights @ rows + flat[at : at + outputs][:, None]
            at += outputs
            rows = rows if k == len(ends) - 1 else bend(rows)
        return rows[0] if single else rows.T

    return function


def parameters(widths: tuple[int, ...]) -> int:
    """Return how many weights and biases a perceptron of these widths has.

    Example:
        >>> parameters((16, 16, 16, 16, 16, 2)) + parameters((2, 16, 16, 16, 16, 1))
        2003
    """
    return sum((a + 1) * b for a, b in itertools.pairwise(widths))


@record
class DenseGAN:
    """A game between two perceptrons in plain arithmetic, and where it starts.

    Attributes:
        game: the GAN; take its batches from `game.sampler(size)`, and run it under JAX or PyTorch.
        start: the parameters of the modules of the same name and seed, a float32 NumPy vector each.
        network: the same game with those modules for players, under PyTorch.
    """

    game: GAN
    start: Point = static()
    network: NetworkGAN = static()

    @property
    def generator(self) -> Player:
        """The module that the generator stands for, as a player."""
        return self.network.generator

    @property
    def discriminator(self) -> Player:
        """The module that the discriminator stands for, as a player."""
        return self.network.discriminator

    def samples(self, point: Point, count: int, seed: int = 0) -> np.ndarray:
        """Return generated samples, those of `NetworkGAN.samples` to rounding.

        Args:
            point: the parameters of both players.
            count: how many samples.
            seed: seed of the latents.

        Returns:
            the samples, (count, dimension).
        """
        return self.network.samples(to_torch(point), count, seed)

    def modules(self, point: Point) -> tuple[torch.nn.Module, torch.nn.Module]:
        """Return generator and discriminator as ordinary modules with a point's parameters."""
        return self.network.modules(to_torch(point))


def to_torch(point: Point, dtype: torch.dtype | None = None) -> Point:
    """Return a point of either engine as PyTorch tensors on the CPU, the same numbers in the same places."""
    return tuple(torch.as_tensor(np.array(to_numpy(x)), dtype=dtype) for x in point)


def from_torch(point: Point) -> Point:
    """Return a point of either engine as NumPy vectors of its own type, which JAX takes in as they are."""
    return tuple(np.array(to_numpy(x)) for x in point)


def is_dense(name: str, **options: Any) -> bool:
    """Say whether the networks of a name are perceptrons that `dense_gan` can make: no norm, one class.

    Args:
        name: one of `network_names()`.
        **options: as `make_networks` takes them.

    Raises:
        ValueError: if the name or an option is unknown.

    Example:
        >>> is_dense("numerics-mog"), is_dense("numerics-mog", norm="batch"), is_dense("resnet")
        (True, False, False)
    """
    found = architecture(name, **options)
    return found.maker is mlp_networks and found.options["norm"] == "none" and found.classes == 1


def dense_gan(
    name: str,
    *,
    data: Any,
    latent: Any = None,
    loss: Any = "nonsaturating",
    penalties: Any = (),
    noise: Any = None,
    clip: Any = None,
    seed: int = 0,
    options: dict[str, Any] | None = None,
) -> DenseGAN:
    """Return the GAN of two perceptrons by name, in plain arithmetic.

    Args:
        name: one of `network_names()` whose networks are perceptrons: `mlp`, `numerics-mog`, `jare-ring`,
            `mescheder-2d`.
        data: array of samples (n, d) of floating type, or a measure that samples.
        latent: dimension of standard normal latents, or a measure that samples; that of the networks by default.
        loss: a loss or its name.
        penalties: penalties on the discriminator.
        noise: standard deviation of instance noise, or None.
        clip: bound of the discriminator's parameters after each of its steps, or None.
        seed: seed of the weights; the same as of `make_networks`.
        options: options of the networks, such as `{"width": 64}`.

    Returns:
        the game and its start, after the parts were tried on a few samples.

    Raises:
        ValueError: if the networks are no perceptrons, an option is unknown, or the parts do not fit each other.

    Example:
        >>> from tussle.data.planes import ring
        >>> dense_gan("numerics-mog", data=ring()).game.sizes
        (1122, 881)
    """
    options = options or {}
    if not is_dense(name, **options):
        message = (
            f"`name` is {name!r} with options {options}; it must stand for perceptrons without norms and with one "
            "class; take network_gan(*make_networks(...)) instead."
        )
        raise ValueError(message)
    found = architecture(name, **options)
    network = network_gan(
        *found.make(seed),
        data=data,
        latent=found.latent if latent is None else latent,
        loss=loss,
        penalties=penalties,
        noise=noise,
        clip=clip,
    )
    game = network.game
    dense = GAN(
        *functions(**found.options),
        game.data,
        game.latent,
        game.loss_function,
        game.penalties,
        noise,
        clip,
        sizes=game.sizes,
    )
    return DenseGAN(dense, from_torch(network.start), network)


def functions(**options: Any) -> tuple[Callable[..., Array], Callable[..., Array]]:
    """Return generator and critic as functions of flat vectors, from the options of `mlp_networks`."""
    hidden = (options["width"],) * options["depth"]
    activation = options["activation"]
    generator = perceptron((options["latent"], *hidden, options["dimension"]), activation)
    return generator, perceptron((options["dimension"], *hidden, 1), activation, single=True)
