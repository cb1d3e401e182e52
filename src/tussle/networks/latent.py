"""The latent measure of networks: standard normals that are only sampled."""

import math

import numpy as np

from tussle import checks
from tussle.measures import Nodes
from tussle.records import record, static


@record
class StandardNormal:
    """Independent standard normals, drawn but never integrated: in 64 dimensions there is no quadrature.

    Args:
        dimension: how many for each sample, or the shape of a sample such as (64, 1, 1).
    """

    dimension: int | tuple[int, ...] = static()

    def __post_init__(self) -> None:
        """Check the dimension."""
        for value in self.shape:
            checks.count("dimension", value)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.dimension if isinstance(self.dimension, tuple) else (self.dimension,)

    def nodes(self) -> Nodes:
        """Refuse: there are no nodes.

        Raises:
            ValueError: always.
        """
        message = (
            f"`latent` is a standard normal of {math.prod(self.shape)} dimension(s) that is only sampled; the exact "
            "expectation needs atoms or quadrature; take batches from game.sampler(size)."
        )
        raise ValueError(message)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw normal samples.

        Args:
            rng: where the random numbers come from.
            count: how many samples.

        Returns:
            the samples, (count, ...).
        """
        return rng.standard_normal((count, *self.shape))
