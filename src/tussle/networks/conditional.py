"""Class-conditional networks: heads, adapters for plain networks, and labels that travel with latents and data.

A conditional network takes its labels as second input: `generator(z, y)`, `discriminator(x, y)`, with y a tensor of
int64 of shape (n,). With one class the labels may be left out, and the network is a plain one.

A GAN of the grammar hands one array to each network. There the label travels as the last number of a sample: latents
(n, latent + 1) and samples (n, values + 1), made by `LabeledNormal` and `pack_labels` and taken apart by the networks
of `packed_pair`. A label has no derivative, so that R1 and R2 see the image alone. Penalties between real and fake, and
instance noise, would mix the labels too: they make no sense here.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tussle import checks
from tussle.measures import Nodes
from tussle.records import record, static


def labels_of(y: Tensor | None, x: Tensor, classes: int) -> Tensor:
    """Return the labels of a batch; those of a network with one class may be left out.

    Args:
        y: labels (n,) of int64, or None.
        x: the batch they belong to, (n, ...).
        classes: how many classes the network knows.

    Returns:
        the labels.

    Raises:
        ValueError: if they are missing, or are not one whole number a sample.
    """
    if y is None and classes == 1:
        return torch.zeros(len(x), dtype=torch.int64, device=x.device)
    if y is None or y.shape != (len(x),) or y.is_floating_point():
        came = "missing" if y is None else f"of shape {tuple(y.shape)} and dtype {y.dtype}"
        message = (
            f"`y` is {came} for {len(x)} samples and {classes} class(es); it must hold a label for each, of int64; "
            "give network(x, y)."
        )
        raise ValueError(message)
    return y


def picked(scores: Tensor, y: Tensor) -> Tensor:
    """Return of each sample's scores (n, classes) the one of its own class, (n,).

    Example:
        >>> picked(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1, 0])).tolist()
        [2.0, 3.0]
    """
    return scores.gather(1, y[:, None])[:, 0]


class UnitEmbedding(nn.Module):
    """A learned vector for each class, scaled to length 1 (Mescheder et al. 2018, reference code).

    Args:
        classes: how many classes.
        size: length of the vectors.
    """

    def __init__(self, classes: int, size: int) -> None:
        super().__init__()
        self.table: nn.Embedding = nn.Embedding(checks.count("classes", classes), checks.count("embed", size))

    def forward(self, y: Tensor) -> Tensor:
        """Return the vectors of labels (n,), (n, size)."""
        rows = self.table(y)
        return rows / rows.square().sum(1, keepdim=True).sqrt()


class LabeledGenerator(nn.Module):
    """A plain generator of latents with the label's unit embedding appended.

    Args:
        inner: a generator of latents (n, latent + size).
        classes: how many classes.
        size: length of the embedding.
    """

    def __init__(self, inner: nn.Module, classes: int, size: int) -> None:
        super().__init__()
        self.classes: int = classes
        self.embedding: UnitEmbedding = UnitEmbedding(classes, size)
        self.inner: nn.Module = inner

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return samples of the classes `y`."""
        return self.inner(torch.cat([z, self.embedding(labels_of(y, z, self.classes))], 1))


class LabeledDiscriminator(nn.Module):
    """A plain discriminator with one logit a class, of which each sample is given that of its own.

    Args:
        inner: a discriminator with outputs (n, classes).
        classes: how many classes.
    """

    def __init__(self, inner: nn.Module, classes: int) -> None:
        super().__init__()
        self.classes: int = classes
        self.inner: nn.Module = inner

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return one logit for each sample, (n,)."""
        return picked(self.inner(x), labels_of(y, x, self.classes))


def conditional_pair(
    generator: Callable[[int], nn.Module], discriminator: Callable[[int | None], nn.Module], latent: int, classes: int
) -> tuple[nn.Module, nn.Module]:
    """Return a plain pair for one class, and for more the same networks with labels.

    The embedding is as long as the latent, as in the published conditional networks.

    Args:
        generator: makes a generator for a dimension of its inputs.
        discriminator: makes a discriminator for a number of outputs; None for one logit of shape (n,).
        latent: dimension of the latents.
        classes: how many classes.

    Returns:
        generator and discriminator.
    """
    checks.count("latent", latent)
    if checks.count("classes", classes) == 1:
        return generator(latent), discriminator(None)
    return LabeledGenerator(generator(2 * latent), classes, latent), LabeledDiscriminator(
        discriminator(classes), classes
    )


# Labels that travel -----------------------------------------------------------------------------------------


@record
class LabeledNormal:
    """Standard normal latents with a label as last number; sampled, never integrated.

    Args:
        dimension: of the latents without the label.
        classes: how many classes; labels are 0 to classes - 1.
        shares: how often each class is drawn, or None for equally often.
    """

    dimension: int = static()
    classes: int = static()
    shares: tuple[float, ...] | None = static(default=None)

    def __post_init__(self) -> None:
        """Check dimension, classes and shares."""
        checks.count("dimension", self.dimension)
        checks.count("classes", self.classes)
        shares = self.shares
        if shares is not None and (
            len(shares) != self.classes or min(shares) < 0 or not math.isclose(sum(shares), 1, rel_tol=1e-9)
        ):
            message = (
                f"`shares` is {shares!r:.80}; it must hold {self.classes} numbers of at least 0 that sum to 1; give a "
                "share for each class, or None."
            )
            raise ValueError(message)

    def nodes(self) -> Nodes:
        """Refuse: there are no nodes.

        Raises:
            ValueError: always.
        """
        message = "`latent` is only sampled; the exact expectation needs atoms; take batches from game.sampler(size)."
        raise ValueError(message)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw latents with labels, (count, dimension + 1)."""
        z = rng.standard_normal((count, self.dimension))
        return np.column_stack([z, rng.choice(self.classes, count, p=self.shares)])


def pack_labels(x: Any, y: Any) -> np.ndarray:
    """Return samples as rows with the label as last number.

    Args:
        x: samples (n, ...) of floating type.
        y: labels (n,), whole numbers of at least 0.

    Returns:
        (n, values + 1), of the type of `x`.

    Raises:
        ValueError: if there is not one such label for each sample.

    Example:
        >>> pack_labels(np.zeros((2, 1, 1, 2)), [3, 0]).tolist()
        [[0.0, 0.0, 3.0], [0.0, 0.0, 0.0]]
    """
    x, y = np.asarray(x), np.asarray(y)
    if y.shape != (len(x),) or not np.issubdtype(y.dtype, np.integer) or y.min(initial=0) < 0:
        message = (
            f"`y` has shape {y.shape} and dtype {y.dtype} for {len(x)} samples; it must hold a whole number of at "
            "least 0 for each; number the classes from 0."
        )
        raise ValueError(message)
    return np.column_stack([x.reshape(len(x), -1), y]).astype(x.dtype)


def unpack_labels(packed: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return samples of a shape and their labels: the inverse of `pack_labels`.

    Args:
        packed: (n, values + 1).
        shape: shape of one sample.

    Returns:
        samples (n, *shape) and labels (n,).
    """
    return packed[:, :-1].reshape(-1, *shape), packed[:, -1].round().astype(np.int64)


class PackedGenerator(nn.Module):
    """A conditional generator from latents with a label to samples with the same label.

    Args:
        inner: `inner(z, y)` gives samples.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner: nn.Module = inner

    def forward(self, packed: Tensor) -> Tensor:
        """Return (n, values + 1)."""
        label = packed[:, -1:].detach()
        x = self.inner(packed[:, :-1], label[:, 0].round().long())
        return torch.cat([x.flatten(1), label.to(x.dtype)], 1)


class PackedDiscriminator(nn.Module):
    """A conditional discriminator of samples with a label.

    Args:
        inner: `inner(x, y)` gives one logit each.
        shape: shape of one sample.
    """

    def __init__(self, inner: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.inner: nn.Module = inner
        self.shape: tuple[int, ...] = tuple(shape)

    def forward(self, packed: Tensor) -> Tensor:
        """Return logits, (n,)."""
        return self.inner(packed[:, :-1].view(-1, *self.shape), packed[:, -1].detach().round().long())


def packed_pair(
    generator: nn.Module, discriminator: nn.Module, shape: tuple[int, ...]
) -> tuple[PackedGenerator, PackedDiscriminator]:
    """Return two conditional networks as plain ones, whose labels travel with latents and samples.

    Args:
        generator: `generator(z, y)`.
        discriminator: `discriminator(x, y)`.
        shape: shape of one sample.

    Returns:
        networks for `network_gan(..., data=pack_labels(x, y), latent=LabeledNormal(latent, classes))`.
    """
    return PackedGenerator(generator), PackedDiscriminator(discriminator, shape)
