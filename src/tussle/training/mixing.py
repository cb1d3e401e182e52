"""Whether a network treats each sample of a batch by itself.

What is split over micro-batches or processes must not depend on what else is in the batch. Batch norm in training mode,
minibatch statistics and random numbers drawn anew for each place in the batch do.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from tussle.game import Point, placed
from tussle.gan import GAN

PROBE = 8  # samples that the networks are tried on


def check_apart(gan: GAN, point: Point) -> None:
    """Check that neither network mixes the samples of a batch.

    The derivative of a sample's output with respect to another sample must be zero, exactly; and half a batch
    must have its half of the outputs, up to a twentieth of their scale, which rounding does not reach.

    Args:
        gan: the game.
        point: parameters at which the networks are tried.

    Raises:
        ValueError: if one does.
    """
    batch = placed(gan.sampler(PROBE)(0, 0), point[0])
    parts = (
        ("generator", gan.generator, point[0], batch.latent.points),
        ("discriminator", gan.critic, point[1], batch.real.points),
    )
    for name, function, vector, x in parts:
        if mixes(function, vector.detach(), x):
            message = (
                f"`{name}` mixes the samples of a batch; what is split over micro-batches or processes must treat "
                "each by itself; take a norm that does not average over the batch, or call module.eval()."
            )
            raise ValueError(message)


def mixes(function: Callable[[Tensor, Tensor], Tensor], vector: Tensor, x: Tensor) -> bool:
    """Say whether a network's output for one sample depends on the others, or on the sample's place in the batch.

    Args:
        function: the network, (vector, x) -> outputs (n, ...).
        vector: its parameters.
        x: a few samples, (n, ...), n of at least 4 and even.

    Example:
        >>> mixes(lambda w, x: w * (x - x.mean(0)), torch.ones(1), torch.eye(4))
        True
    """
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        out = function(vector, leaf).reshape(len(x), -1)
        # Unequal weights: a plain sum of the outputs may be what a norm holds constant.
        sums = out @ torch.linspace(0.5, 1.5, out.shape[1], dtype=out.dtype, device=out.device)
        for k in range(len(x)):
            (slope,) = torch.autograd.grad(sums[k], leaf, retain_graph=True, allow_unused=True)
            if slope is not None and bool((slope[:k] != 0).any() or (slope[k + 1 :] != 0).any()):
                return True
    with torch.no_grad():
        half = len(x) // 2
        parts = [function(vector, x[half:]), function(vector, x[:half])]  # other places and other company
        moved = torch.cat([part.reshape(len(part), -1) for part in parts]).roll(half, 0)
        return bool((moved - out).abs().max() > 0.05 * out.abs().max())
