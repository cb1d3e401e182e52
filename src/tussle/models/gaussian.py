"""Gaussian games: the 4-parameter game of the local convergence theorem, and JARE's isotropic toy."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tussle.autodiff import Array
from tussle.gan import GAN
from tussle.laws import Normal
from tussle.losses import Loss, loss
from tussle.models.base import Model, vectors
from tussle.penalties import Penalty


def _affine(theta: Array, z: Array) -> Array:
    return theta[0] + theta[1] * z


def _parabola(psi: Array, x: Array) -> Array:
    return -(psi[0] * x[:, 0] + 0.5 * psi[1] * x[:, 0] ** 2)


@functools.cache
def _normal(dimension: int, mean: tuple[float, ...], std: float, order: int) -> Normal:
    return Normal(np.asarray(mean), np.full(dimension, std), order)


def gaussian(
    loss_function: Loss | str = "minimax", penalties: Sequence[Penalty] = (), noise: Any = None, clip: Any = None
) -> Model:
    """Return the game p_D = N(0, 1), G(z) = t0 + t1 z, D(x) = p0 x + p1 x^2 / 2 (large on fakes; C = -D).

    Its equilibrium is (0, 1; 0, 0). The full-rank features make it converge without a penalty.
    """
    function = loss(loss_function) if isinstance(loss_function, str) else loss_function
    unit = _normal(1, (0.0,), 1.0, 80)
    game = GAN(_affine, _parabola, unit, unit, function, tuple(penalties), noise, clip, 20, sizes=(2, 2))
    equilibrium = vectors([0.0, 1.0], [0.0, 0.0])
    start = vectors([0.5, 1.5], [0.1, 0.1])
    sources = ("Mescheder, Geiger, Nowozin, ICML 2018, arXiv 1801.04406, section 4 (local convergence)",)
    return Model("gaussian", game, (equilibrium,), start, ("t0", "t1", "p0", "p1"), sources)


def _shift(theta: Array, z: Array) -> Array:
    return theta[None, :] + z


def _linear(psi: Array, x: Array) -> Array:
    return x @ psi


def isotropic(
    loss_function: Loss | str = "minimax",
    penalties: Sequence[Penalty] = (),
    mean: Sequence[float] = (0.0, 2.0),
    std: float = 0.7,
    order: int = 24,
    noise: Any = None,
    clip: Any = None,
) -> Model:
    """Return JARE's toy: data N(mean, std^2 I), generator phi + z with z ~ N(0, std^2 I), critic psi . x.

    Per eigenvalue m of M = std^2 I + mean mean^T the unregularized field has lambda^2 + m lambda / 2 + 1/4 = 0.
    """
    function = loss(loss_function) if isinstance(loss_function, str) else loss_function
    place = tuple(float(x) for x in mean)
    d = len(place)
    data, latent = _normal(d, place, std, order), _normal(d, (0.0,) * d, std, order)
    game = GAN(_shift, _linear, data, latent, function, tuple(penalties), noise, clip, 8, sizes=(d, d))
    axes = tuple(f"phi{i}" for i in range(d)) + tuple(f"psi{i}" for i in range(d))
    equilibrium = (np.asarray(place), np.zeros(d))
    start = (np.asarray(place) + 0.05, np.full(d, 0.05))
    sources = ("Nie, Patel: Towards a Better Understanding and Regularization of GAN Training Dynamics, UAI 2019",)
    return Model("isotropic", game, (equilibrium,), start, axes, sources)


def isotropic_eigenvalues(
    method: str, gamma: float, mean: Sequence[float] = (0.0, 2.0), std: float = 0.7, paired: bool = False
) -> np.ndarray:
    """Return the closed-form eigenvalues of JARE's toy with the logistic loss.

    Args:
        method: `none`, `consensus`, `generator_only`, `discriminator_only` or `jare`.
        gamma: the method's weight.
        mean: mean of the data.
        std: standard deviation of data and fakes.
        paired: whether the loss is the paired relativistic one, whose critic block is a covariance (no mean term).

    Returns:
        two eigenvalues for each direction, complex.
    """
    d, s, h = len(mean), -0.5, -0.5
    square = 0.0 if paired else float(np.sum(np.square(mean)))
    found = []
    for m in [std**2] * (d - 1) + [std**2 + square]:
        trace, det = s * m, h * h
        if method == "consensus":
            trace -= 2 * gamma * h * h + gamma * s * s * m * m
            det = h * h * (1 + gamma**2 * h * h - gamma * s * m)
        elif method in ("generator_only", "discriminator_only"):
            trace -= gamma * h * h
        elif method == "jare":
            trace -= 2 * gamma * h * h
            det = h * h * (1 + gamma**2 * h * h)
        root = np.sqrt(complex(trace * trace / 4 - det))
        found += [trace / 2 + root, trace / 2 - root]
    return np.array(found)
