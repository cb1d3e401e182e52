"""The Frechet distance between the normal laws that have the means and covariances of two samples."""

from typing import Any

import numpy as np

from tussle import checks
from tussle.metrics.floors import Values


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Return |m_1 - m_2|^2 + Tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2)) of two samples.

    With centered samples A, B over the roots of n - 1, the last trace is the sum of the singular values of A B^T: no
    root of a matrix is taken, and samples fewer than their dimension need no correction.

    Args:
        real: points (n, d).
        fake: points (m, d).

    Returns:
        the squared 2-Wasserstein distance of the two normal laws, which is what FID reports.

    Reference:
        Dowson, Landau, "The Frechet distance between multivariate normal distributions", 1982.

    Example:
        >>> x = np.array([[0.0], [2.0]])
        >>> round(frechet_distance(x, 2 * x), 9)  # means 1 and 2, deviations sqrt 2 and 2 sqrt 2
        3.0
    """
    shift = real.mean(axis=0) - fake.mean(axis=0)
    a, b = _root(real), _root(fake)
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(max(shift @ shift + np.sum(a * a) + np.sum(b * b) - 2 * cross, 0.0))


def _root(x: np.ndarray) -> np.ndarray:
    """Return R with R^T R the covariance, of no more rows than columns."""
    centered = (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)
    return centered if len(x) <= x.shape[1] else np.asarray(np.linalg.qr(centered, mode="r"))


def frechet_torchmetrics(real: np.ndarray, fake: np.ndarray) -> float:
    """Return the same distance from torchmetrics, given the features.

    Args:
        real: points (n, d).
        fake: points (m, d).

    Returns:
        the distance.

    Raises:
        ModuleNotFoundError: if torchmetrics is not installed.
    """
    import torch

    fid = torchmetrics_class("fid", "FrechetInceptionDistance")
    measured = fid(feature=identity(real.shape[1])).set_dtype(torch.float64)
    for points, is_real in ((real, True), (fake, False)):
        measured.update(torch.from_numpy(points), real=is_real)
    return float(measured.compute())


def torchmetrics_class(module: str, name: str) -> type:
    """Return a metric class of torchmetrics.

    Raises:
        ModuleNotFoundError: if torchmetrics is not installed.
    """
    import importlib

    try:
        return getattr(importlib.import_module(f"torchmetrics.image.{module}"), name)
    except ModuleNotFoundError as missing:
        message = "this metric is that of torchmetrics, which is not installed; run pip install tussle[torch]."
        raise ModuleNotFoundError(message, name=missing.name) from missing


def identity(dimension: int) -> Any:
    """Return a network that hands features through, as torchmetrics wants one."""
    import torch

    made: Any = torch.nn.Identity()
    made.num_features = dimension
    return made


def frechet_values(real: np.ndarray, fake: np.ndarray) -> Values:
    """Return the distance by name."""
    return {"frechet": frechet_distance(real, fake)}


def frechet_limit(real: np.ndarray, fake: np.ndarray, seed: int = 0, sizes: int = 10) -> tuple[float, float]:
    """Return the distance extrapolated to infinitely many samples, and the standard error of that fit.

    The bias of the plug-in distance falls like 1/n. The distance is measured at several sizes (both samples are thinned
    alike), a line in 1/n is fitted, and its value at 1/n = 0 returned. It needs many more samples than dimensions.

    Args:
        real: points (n, d).
        fake: points (m, d).
        seed: of the subsets.
        sizes: how many, from a fifth of the samples to all.

    Returns:
        the limit and its standard error.

    Raises:
        ValueError: if there are fewer than 5 samples in a fifth.

    Reference:
        Chong, Forsyth, "Effectively unbiased FID and Inception score and where to find them", CVPR 2020.
    """
    checks.count("sizes", sizes, least=3)
    if min(len(real), len(fake)) < 25:
        message = f"`samples` are {len(real)} and {len(fake)}; an extrapolation needs 25 or more of each; draw more."
        raise ValueError(message)
    rng = np.random.default_rng(seed)
    shares = np.linspace(0.2, 1.0, sizes)
    found = []
    for share in shares:
        i = rng.permutation(len(real))[: round(share * len(real))]
        j = rng.permutation(len(fake))[: round(share * len(fake))]
        found.append(frechet_distance(real[i], fake[j]))
    design = np.stack([np.ones(sizes), 1 / shares], axis=1)
    fit, *_ = np.linalg.lstsq(design, np.array(found), rcond=None)
    rest = np.array(found) - design @ fit
    error = np.sqrt(rest @ rest / (sizes - 2) * np.linalg.inv(design.T @ design)[0, 0])
    return float(fit[0]), float(error)
