r"""The Dirac-GAN: one atom of data at 0, one fake at theta, a linear discriminator of slope psi.

The sign follows Mescheder et al. (2018): D_psi(x) = psi x is *large on fakes*, so the critic of the library's grammar,
which scores realness, is C(x) = -psi x. With f(t) = -log(1 + exp(-t)) the field is (-psi f'(theta psi),
theta f'(theta psi)), and its linearization rotates with F = f'(0) = 1/2; F2 = f''(0) = -1/4.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import Array, sigmoid
from tussle.field import Explicit
from tussle.game import Point
from tussle.gan import GAN
from tussle.losses import Loss, loss
from tussle.measures import Atoms
from tussle.models.base import Model, vectors
from tussle.penalties import Penalty

SOURCES = (
    "Mescheder, Geiger, Nowozin: Which Training Methods for GANs do actually Converge? ICML 2018, arXiv 1801.04406",
)
DATA = Atoms((0.0,))
LATENT = Atoms((1.0,))


def _generator(theta: Array, z: Array) -> Array:
    return theta[None, :] * z


def _linear(psi: Array, x: Array) -> Array:
    return -(psi[0] * x[:, 0])


def _biased(psi: Array, x: Array) -> Array:
    return -(psi[0] * x[:, 0] + psi[1])


@functools.cache
def _curved(curvature: float) -> Callable[[Array, Array], Array]:
    def critic(psi: Array, x: Array) -> Array:
        return -(psi[0] * x[:, 0] + curvature * x[:, 0] ** 2)

    return critic


def dirac(
    loss_function: Loss | str = "minimax",
    penalties: Sequence[Penalty] = (),
    noise: Any = None,
    clip: Any = None,
    bias: bool = False,
    energy: float | None = None,
) -> Model:
    """Return the Dirac-GAN.

    Args:
        loss_function: a loss or its name; `minimax` is the paper's GAN, `nonsaturating` its NS-GAN, `wasserstein` its
            WGAN.
        penalties: penalties on the critic; R1 and R2 agree here.
        noise: standard deviation of instance noise, or None.
        clip: bound of psi after each of the discriminator's steps, or None.
        bias: whether the discriminator is psi x + b.
        energy: the fixed curvature c of the discriminator psi x + c x^2, or None.

    Returns:
        the model, with equilibrium 0 and the paper's start (1, 1).

    Raises:
        ValueError: if both `bias` and `energy` are given, or one is no truth value or no finite number.
    """
    checks.flag("bias", bias)
    if energy is not None:
        checks.number("energy", energy)
    if bias and energy is not None:
        message = f"`energy` is {energy} together with `bias`; the Dirac-GAN has one or the other; drop one."
        raise ValueError(message)
    function = loss(loss_function) if isinstance(loss_function, str) else loss_function
    critic = _biased if bias else _linear if energy is None else _curved(float(energy))
    sizes = (1, 2 if bias else 1)
    game = GAN(_generator, critic, DATA, LATENT, function, tuple(penalties), noise, clip, sizes=sizes)
    axes = ("theta", "psi", "b") if bias else ("theta", "psi")
    psi = [1.0, 0.0] if bias else 1.0
    return Model("dirac", game, (vectors(0.0, np.zeros(sizes[1])),), vectors(1.0, psi), axes, SOURCES)


def notebook_consensus(gamma: float) -> Explicit:
    """Return the consensus field of the reference notebook, which is not the true gradient.

    The notebook descends gamma/2 (theta^2 + psi^2) f'(u)^2 with an extra factor 1/2 on the f' f'' term. It has the
    right linearization and other orbits: kept as a published formula to compare with.
    """

    def velocity(point: Point, batch: Any) -> Point:  # noqa: ARG001
        theta, psi = point
        u = theta * psi
        first = sigmoid(-u)
        second = -first * (1 - first)
        square = theta * theta + psi * psi
        push = theta * first**2 + 0.5 * psi * square * first * second
        pull = psi * first**2 + 0.5 * theta * square * first * second
        return -psi * first - gamma * push, theta * first - gamma * pull

    return Explicit(dirac().game, velocity)


# Closed forms ----------------------------------------------------------------------------------------------------


def _pair(center: float, discriminant: float) -> np.ndarray:
    root = np.sqrt(complex(discriminant))
    return np.array([center + root, center - root])


def flow_eigenvalues(variant: str, slope: float = 0.5, curvature: float = -0.25, **options: float) -> np.ndarray:
    """Return the published eigenvalues of the field's Jacobian at the equilibrium.

    Args:
        variant: one of `gan`, `wgan`, `r1`, `r1r2`, `noise`, `consensus`, `nagarajan_kolter`, `bias`, `energy`.
        slope: F = f'(0): 1/2 for the logistic losses, 1 for `wasserstein`.
        curvature: F2 = f''(0): -1/4 for the logistic losses, 0 for `wasserstein`.
        options: gamma, sigma, eta, c or tau, as the variant has it.

    Returns:
        the eigenvalues, complex.
    """
    f, f2 = slope, curvature
    gamma, tau = options.get("gamma", 0.0), options.get("tau", 1.0)
    if variant in ("gan", "wgan", "lp"):
        return _pair(0.0, -f * f)
    if variant == "r1":
        return _pair(-tau * gamma / 2, (tau * gamma) ** 2 / 4 - tau * f * f)
    if variant == "r1r2":
        return _pair(-gamma, gamma**2 - f * f)
    if variant == "noise":
        sigma = options["sigma"]
        return _pair(f2 * sigma**2, f2**2 * sigma**4 - f * f)
    if variant == "consensus":
        return _pair(-gamma * f * f, -f * f)
    if variant == "nagarajan_kolter":
        eta = options["eta"]
        return _pair(-eta * f * f, f * f * (eta**2 * f * f - 1))
    if variant == "bias":
        return np.append(_pair(0.0, -f * f), 2 * f2)
    if variant == "energy":
        c = options["c"]
        return _pair(-c * f, f * f * (c * c - 1))
    message = f"`variant` is {variant!r}; it may be gan, wgan, lp, r1, r1r2, noise, consensus, nagarajan_kolter, bias, "
    message += "energy; choose one."
    raise ValueError(message)


def stable_step(gamma: float, rule: str = "simultaneous", slope: float = 0.5) -> float:
    """Return the largest stable step of R1 on the Dirac-GAN, for simultaneous or alternating (1:1) plain steps."""
    f = slope
    if rule == "alternating":
        return (-gamma + np.sqrt(gamma**2 + 4 * f * f)) / f**2
    if gamma <= 2 * f:
        return gamma / f**2
    return 2 / (gamma / 2 + np.sqrt(gamma**2 / 4 - f * f))
