"""Conventions of penalty weights, and what one corresponds to in another.

The library's gamma is that of gamma/2 E |grad C|^2. A code that adds reg_param E |grad C|^2 has gamma = 2 reg_param.
"""

import math

from tussle import checks

CONVENTIONS = {
    "gamma/2": "gamma/2 E |grad|^2: this library, the papers on R1, StyleGAN2 and later, R3GAN",
    "gamma": "gamma E |grad|^2 without the half: GAN_stability's reg_param, WGAN-GP's lambda",
}


def gamma_from(value: float, convention: str = "gamma") -> float:
    """Return the library's gamma for a weight in another convention.

    Example:
        >>> gamma_from(10.0, "gamma")
        20.0
    """
    checks.nonnegative("value", value)
    checks.choice("convention", convention, CONVENTIONS)
    return 2.0 * value if convention == "gamma" else float(value)


def gamma_to(gamma: float, convention: str = "gamma") -> float:
    """Return the weight in another convention for the library's gamma."""
    checks.nonnegative("gamma", gamma)
    checks.choice("convention", convention, CONVENTIONS)
    return gamma / 2.0 if convention == "gamma" else float(gamma)


def gamma_from_noise(sigma: float, slope: float = -0.25) -> float:
    """Return the R1 weight with the same linearization as instance noise: gamma = 2 |f''(0)| sigma^2.

    Example:
        >>> round(gamma_from_noise(0.7), 12)
        0.245
    """
    return 2.0 * abs(slope) * checks.nonnegative("sigma", sigma) ** 2


def noise_from_gamma(gamma: float, slope: float = -0.25) -> float:
    """Return the instance noise with the same linearization as R1: sigma = sqrt(gamma / (2 |f''(0)|)).

    Example:
        >>> round(noise_from_gamma(10.0), 9)
        4.472135955
    """
    return math.sqrt(checks.nonnegative("gamma", gamma) / (2.0 * abs(slope)))


def gamma_for_resolution(resolution: int, batch: int) -> float:
    """Return StyleGAN2-ADA's rule of thumb for R1: 0.0002 resolution^2 / batch."""
    return 0.0002 * checks.count("resolution", resolution) ** 2 / checks.count("batch", batch)


def lazy_weight(gamma: float, interval: int) -> float:
    """Return the weight of a penalty applied every `interval` steps that is gamma on average."""
    return checks.nonnegative("gamma", gamma) * checks.count("interval", interval)
