"""A first real GAN: 8 x 8 handwritten digits, small convolutional networks, plain alternating gradient steps.

Plain steps are the method that the spectrum of the field speaks about. Adaptive paces rescale every coordinate: they
train these networks too, with R1 or without it, but then the Jacobian of the map is the one to look at.
"""

import numpy as np

from tussle import checks
from tussle.data.digits import digits
from tussle.field import Field
from tussle.map import Map
from tussle.networks.convolutional import small_networks
from tussle.networks.gan import NetworkGAN, network_gan
from tussle.paces import Rate, sgd
from tussle.penalties import r1
from tussle.records import record, static
from tussle.rules import alternating
from tussle.training.loop import Progress, TrainingRecord, train


@record
class DigitsRun:
    """A GAN on the digits, and how its training went."""

    network: NetworkGAN = static()
    training: TrainingRecord = static()

    def samples(self, count: int, seed: int = 0) -> np.ndarray:
        """Return generated digits of the last point.

        Args:
            count: how many.
            seed: seed of the latents.

        Returns:
            images, (count, 1, 8, 8) in (-1, 1).
        """
        return self.network.samples(self.training.point, count, seed)


def digits_gan(
    penalty_weight: float = 1.0, seed: int = 0, width: int = 12, *, latent: int = 16, loss: str = "nonsaturating"
) -> NetworkGAN:
    """Return the GAN of two small convolutional networks on the digits that are trained on.

    Args:
        penalty_weight: gamma of R1, in the gamma/2 convention; 0 for no penalty.
        seed: seed of the initial weights.
        width: width of the networks.
        latent: dimension of the latents.
        loss: name of the loss.

    Returns:
        the game and its start.

    Raises:
        ValueError: if the weight is negative.
    """
    checks.nonnegative("penalty_weight", penalty_weight)
    return network_gan(
        *small_networks(latent, width, seed=seed),
        data=digits().train.images,
        latent=latent,
        loss=loss,
        penalties=(r1(penalty_weight),) if penalty_weight else (),
    )


def train_digits(
    penalty_weight: float = 1.0,
    steps: int = 2000,
    *,
    seed: int = 0,
    width: int = 12,
    lr: Rate = 0.3,
    batch: int = 32,
    every: int = 50,
    progress: Progress | None = None,
) -> DigitsRun:
    """Train a GAN on the digits by alternating plain steps, the discriminator first.

    At the default rate the digits come out with R1, while without it the discriminator's slopes grow, the players turn
    around each other and the generator falls back to a few shapes.

    Args:
        penalty_weight: gamma of R1; 0 for no penalty.
        steps: how many steps of both players.
        seed: seed of the initial weights and of the batches.
        width: width of the networks.
        lr: rate of the steps.
        batch: samples per batch.
        every: how often a line is logged.
        progress: called with the step and the line whenever one is logged.

    Returns:
        the game and the record of its training.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> run = train_digits(steps=2, width=2)
        >>> run.training.ending.value, run.samples(4).shape
        ('running', (4, 1, 8, 8))
    """
    network = digits_gan(penalty_weight, seed, width)
    method = Map(Field(network.game), alternating(sgd(lr), first="discriminator"))
    return DigitsRun(
        network, train(method, network.start, steps, batch=batch, seed=seed, every=every, progress=progress)
    )
