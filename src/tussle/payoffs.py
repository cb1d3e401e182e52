"""Payoffs: scalar functions of a critic's output, of which every loss is made.

A payoff takes an array of critic outputs y (logits, differences of logits) and returns one number for each.
Read as a loss on real data it falls with y; `Mirror` of it then serves the fake data. Payoffs are records:
their numbers may be varied, differentiated and vectorized.

Exponentials would overflow far out. Here they go on linearly beyond a bound, half the logarithm of the
largest number of the type (44.36 in float32, 354.89 in float64), so that values, slopes and squares of slopes
stay finite; up to the bound they are exact.
"""

import math
from collections.abc import Callable
from typing import Any, Protocol

from tussle import checks
from tussle.autodiff import Array, erfc, log_erfc, namespace, sigmoid, softplus
from tussle.records import record, static


class AbstractPayoff(Protocol):
    """What a payoff must offer: one number for each critic output."""

    def __call__(self, y: Array) -> Array:
        """Return the payoff of each output."""
        ...


# The exponential that goes on linearly ----------------------------------------------------------------------


def exponent_bound(y: Array) -> float:
    """Return the exponent up to which `bounded_exp` is exact in the type of `y`."""
    return 0.5 * math.log(float(namespace(y).finfo(y.dtype).max))


def bounded_exp(y: Array) -> Array:
    """Return exp(y) up to the bound B of the type, and its tangent exp(B) (1 + y - B) beyond."""
    xp = namespace(y)
    low = _below(y, exponent_bound(y))
    return xp.exp(low) * (1.0 + (y - low))


def bounded_expm1(y: Array, reserve: Any = 0.0) -> Array:
    """Return exp(y) - 1 without cancellation; beyond the bound (less `reserve`) its tangent."""
    xp = namespace(y)
    low = _below(y, exponent_bound(y) - reserve)
    return xp.expm1(low) + xp.exp(low) * (y - low)


def _below(y: Array, bound: Any) -> Array:
    xp = namespace(y)
    return xp.where(y > bound, bound * xp.ones_like(y), y)


# Payoffs ----------------------------------------------------------------------------------------------------


@record
class Logistic:
    """log(1 + exp(-y)), the log loss of a logit (Goodfellow et al. 2014)."""

    def __call__(self, y: Array) -> Array:
        """Return the payoff of each output."""
        return softplus(-y)


@record
class Linear:
    """slope y: the payoff of integral probability metrics (Arjovsky et al. 2017)."""

    slope: Any = -1.0

    def __post_init__(self) -> None:
        """Check the slope."""
        checks.number("slope", self.slope)

    def __call__(self, y: Array) -> Array:
        """Return the payoff of each output."""
        return self.slope * y


@record
class Square:
    """scale (y - target)^2, least squares towards a label (Mao et al. 2017)."""

    target: Any = 1.0
    scale: Any = 0.5

    def __post_init__(self) -> None:
        """Check target and scale."""
        checks.number("target", self.target)
        checks.number("scale", self.scale)

    def __call__(self, y: Array) -> Array:
        """Return the payoff of each output."""
        gap = y - self.target
        return self.scale * gap * gap


LINKS = ("erf", "logistic")


@record
class LinkedSquare:
    """scale (D(y) - target)^2 of a discriminator D in (0, 1): (1 + erf y) / 2, or the logistic function.

    Targets 0 and 1 keep their relative accuracy where D saturates.
    """

    target: float = static(default=1.0)
    scale: Any = 1.0
    link: str = static(default="erf")

    def __post_init__(self) -> None:
        """Check target, scale and link."""
        checks.number("target", self.target)
        checks.number("scale", self.scale)
        checks.choice("link", self.link, LINKS)

    def __call__(self, y: Array) -> Array:
        """Return the payoff of each output."""
        gap = self._share(-y) if self.target == 1 else self._share(y) - self.target
        return self.scale * gap * gap

    def _share(self, y: Array) -> Array:
        return 0.5 * erfc(-y) if self.link == "erf" else sigmoid(y)


@record
class ErfLog:
    """-log D(y) with D(y) = (1 + erf y) / 2: the log loss of an error-function discriminator."""

    def __call__(self, y: Array) -> Array:
        """Return the payoff of each output."""
        return 0.6931471805599453 - log_erfc(-y)


@record
class HingePayoff:
    """max(0, margin - y), with slope 0 at the corner (Lim and Ye 2017)."""

    margin: Any = 1.0

    def __post_init__(self) -> None:
        """Check the margin."""
        checks.number("margin", self.margin)

    def __call__(self, y: Array) -> Array:
        """Return the payoff of each output."""
        xp = namespace(y)
        return xp.where(y < self.margin, self.margin - y, xp.zeros_like(y))


@record
class Exponential:
    """exp(-y) - 1; linear where -y is beyond the bound of the type."""

    def __call__(self, y: Array) -> Array:
        """Return the payoff of each output."""
        return bounded_expm1(-y)


@record
class AlphaPayoff:
    """-F_a(y), F_a(y) = a/(a-1) [sigma(y)^((a-1)/a) - 2^((1-a)/a)]: the alpha-loss of a logit, 0 at y = 0.

    alpha = 1 is the log loss less log 2, alpha = 1/2 is `Exponential`. It grows like exp((1-a)/a |y|), and is
    exact while sigma(y)^((a-1)/a) is below exp(B), B the bound of the type; float32 so wants alpha of at
    least 0.02.

    Args:
        alpha: a, above 0 and at most 1.
    """

    alpha: Any = 0.5

    def __post_init__(self) -> None:
        """Check alpha."""
        checks.number("alpha", self.alpha)
        if checks.is_number(self.alpha) and not 0 < self.alpha <= 1:
            message = f"`alpha` is {self.alpha}; it must be above 0 and at most 1; give such a number, say 0.5."
            raise ValueError(message)

    def __call__(self, y: Array) -> Array:
        """Return the payoff of each output.

        With s = (a-1)/a and l = log sigma(y) + log 2 it is -2^(-s) (exp(s l) - 1)/s, and -l in the limit s =
        0.
        """
        xp = namespace(y)
        power = (self.alpha - 1.0) / self.alpha * xp.ones_like(y)
        level = math.log(2.0) - softplus(-y)
        flat = power == 0
        grown = bounded_expm1(power * level, -math.log(2.0) * power) / xp.where(flat, xp.ones_like(y), power)
        return -xp.exp(-math.log(2.0) * power) * xp.where(flat, level + 0.5 * power * level * level, grown)


@record
class Tanh:
    """-tanh(y), a smooth total variation."""

    def __call__(self, y: Array) -> Array:
        """Return the payoff of each output."""
        return -namespace(y).tanh(y)


@record
class Function:
    """A payoff from any function of an array, elementwise and written for both engines."""

    of: Callable[[Array], Array] = static()

    def __call__(self, y: Array) -> Array:
        """Return the payoff of each output."""
        return self.of(y)


@record
class Mirror:
    """y -> of(-y), what a symmetric loss asks of fake data."""

    of: Any

    def __call__(self, y: Array) -> Array:
        """Return the payoff of each output."""
        return self.of(-y)


@record
class Negative:
    """y -> -of(y), what a zero-sum game asks of the other player."""

    of: Any

    def __call__(self, y: Array) -> Array:
        """Return the payoff of each output."""
        return -self.of(y)


def quadratic_weight(payoff: AbstractPayoff) -> Any:
    """Return the factor of y^2 in a quadratic or linear payoff, None for any other payoff."""
    match payoff:
        case Square():
            return payoff.scale
        case Linear():
            return 0.0
        case Mirror():
            return quadratic_weight(payoff.of)
        case Negative():
            inner = quadratic_weight(payoff.of)
            return None if inner is None else -inner
    return None
