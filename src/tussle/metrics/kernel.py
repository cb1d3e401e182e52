"""The kernel distance KID: the unbiased squared maximum mean discrepancy with the kernel (x.y/d + 1)^3."""

import warnings

import numpy as np

from tussle import checks
from tussle.metrics.floors import Values
from tussle.metrics.frechet import identity, torchmetrics_class

BLOCK = 1024  # rows of a kernel matrix that are held at a time


def kernel_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Return the unbiased estimate from all samples; it is centered at 0 and may fall below.

    Args:
        real: points (n, d).
        fake: points (m, d).

    Returns:
        mean k(x, x') + mean k(y, y') - 2 mean k(x, y), without pairs of a point and itself.

    Reference:
        Binkowski, Sutherland, Arbel, Gretton, "Demystifying MMD GANs", ICLR 2018.

    Example:
        >>> kernel_distance(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]]))
        9.5
    """
    n, m = len(real), len(fake)
    own = [(_total(x, x) - np.sum((np.einsum("ij,ij->i", x, x) / x.shape[1] + 1) ** 3)) for x in (real, fake)]
    return float(own[0] / (n * (n - 1)) + own[1] / (m * (m - 1)) - 2 * _total(real, fake) / (n * m))


def _total(x: np.ndarray, y: np.ndarray) -> float:
    """Return the sum of all entries of the kernel matrix."""
    return sum(float(np.sum((x[k : k + BLOCK] @ y.T / x.shape[1] + 1) ** 3)) for k in range(0, len(x), BLOCK))


def kid_torchmetrics(
    real: np.ndarray, fake: np.ndarray, subset: int = 1000, seed: int = 0, subsets: int = 100
) -> tuple[float, float]:
    """Return KID from torchmetrics, given the features: mean and deviation over random subsets.

    Args:
        real: points (n, d).
        fake: points (m, d).
        subset: points of each sample in a subset; fewer where there are fewer.
        seed: of the subsets.
        subsets: how many at most: ten times as many as would hold all points, and one if it holds them all.

    Returns:
        mean and standard deviation over the subsets.

    Raises:
        ModuleNotFoundError: if torchmetrics is not installed.
    """
    import torch

    size = min(checks.count("subset", subset, least=2), len(real), len(fake))
    most = max(len(real), len(fake))
    number = 1 if size == len(real) == len(fake) else min(checks.count("subsets", subsets), -(-10 * most // size))
    kid = torchmetrics_class("kid", "KernelInceptionDistance")
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.filterwarnings("ignore", message=".*will save all extracted features", category=UserWarning)
        torch.manual_seed(seed)
        measured = kid(feature=identity(real.shape[1]), subsets=number, subset_size=size).set_dtype(torch.float64)
        for points, is_real in ((real, True), (fake, False)):
            measured.update(torch.from_numpy(points), real=is_real)
        mean, deviation = measured.compute()
    return float(mean), float(deviation)


def kernel_values(real: np.ndarray, fake: np.ndarray) -> Values:
    """Return the distance by name."""
    return {"kid": kernel_distance(real, fake)}
