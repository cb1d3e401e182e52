r"""The best that discriminators with a bounded slope can do against the line G(z) = (z, 1/2).

Let D be L-Lipschitz with D = delta on the line. Then D <= min(1, delta + L t) at the distance t, and this wedge is
itself L-Lipschitz: only delta is left to choose. For L >= 2 (1 - 1/e)

    V_L = max_delta log(1 - delta) + (2/L) (-1 - delta log delta + delta),    -log delta = L / (2 (1 - delta)),

which is -2/L up to an exponentially small rest. For smaller L the wedge does not reach 1 inside the square, and L -> 0
gives the constant D = 1/2 with V = -log 4. Likewise for the squared costs:

    Mao     delta^2 + 2 (1 - delta)^3 / (3L),   delta = ((L+2) - sqrt((L+2)^2 - 4)) / 2     (L >= 4/3)
    paper   2 - 4 / (3L), with delta = 0                                                     (L >= 2)
"""

import math

import numpy as np

from tussle import checks
from tussle.records import record, static
from tussle.singular.costs import Costs
from tussle.singular.curves import AbstractCurve, Line

BEND = 2 * (1 - math.exp(-1))  # from this L on the best wedge of the log value reaches 1 inside the square


@record
class Wedge:
    """The discriminator min(1, floor + slope t) of the distance t from a curve."""

    floor: float = static(default=0.0)
    slope: float = static(default=10.0)
    curve: AbstractCurve = static(default=Line())

    def __post_init__(self) -> None:
        """Check the two numbers."""
        checks.positive("slope", self.slope)
        if not 0 <= checks.number("floor", self.floor) <= 1:
            message = f"`floor` is {self.floor}; it must lie between 0 and 1; give such a number."
            raise ValueError(message)

    def logs(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log D and log(1 - D) at points (n, 2), (n,) each."""
        with np.errstate(divide="ignore", over="ignore"):
            d = np.minimum(1.0, self.floor + self.slope * self.curve.distance(points))
            return np.log(d), np.log1p(-d)


@record
class LipschitzExtremes:
    """The extremes of the three costs over all L-Lipschitz discriminators, each reached by a wedge.

    Attributes:
        lipschitz: L.
        best: largest log value, smallest Mao cost, largest paper cost.
        floors: delta, the value on the line, of the best wedge of each; 0 where it is below the smallest float.
    """

    lipschitz: float
    best: Costs
    floors: Costs


def lipschitz_extremes(lipschitz: float) -> LipschitzExtremes:
    """Return the exact extremes over all discriminators with a Lipschitz constant of at most L.

    Args:
        lipschitz: L, above 0.

    Returns:
        the extremes and the wedges that reach them, to about 1e-15.

    Example:
        >>> found = lipschitz_extremes(10)
        >>> found.best.value, found.best.mao
        (-0.19867447134302, 0.058294345535)
    """
    big = float(checks.positive("lipschitz", lipschitz))
    (floor, value), (low, mao) = _log(big), _mao(big)
    paper = 2 - 4 / (3 * big) if big >= 2 else 1 + big * big / 12
    return LipschitzExtremes(big, Costs(value, mao, paper), Costs(floor, low, 0.0))


def _log(big: float) -> tuple[float, float]:
    """Return delta and V_L."""
    from scipy.optimize import brentq

    if big >= BEND:  # in lambda = -log delta, for delta underflows from L = 1490 on
        balance = lambda r: -r * math.expm1(-r) - big / 2
        rate = float(brentq(balance, big / 2, big / 2 + 1, xtol=1e-300, rtol=1e-15))  # pyright: ignore[reportArgumentType]
        floor = math.exp(-rate)
        return floor, math.log1p(-floor) + 2 / big * (floor * (1 + rate) - 1)
    balance = lambda d: math.log1p(0.5 * big / d) / (0.5 * big) - 1 / (1 - d)
    floor = float(brentq(balance, 0.3, 0.6, xtol=1e-300, rtol=1e-15))  # pyright: ignore[reportArgumentType]
    points, weights = np.polynomial.legendre.leggauss(40)
    rise = np.log(floor + 0.25 * big * (1 + points))
    return floor, math.log1p(-floor) + 0.5 * float(np.sum(weights * rise))


def _mao(big: float) -> tuple[float, float]:
    """Return delta and the smallest Mao cost."""
    if big >= 4 / 3:
        floor = 2 / (big + 2 + math.sqrt(big * (big + 4)))  # the root of the docstring without its cancellation
        return floor, floor**2 + 2 * (1 - floor) ** 3 / (3 * big)
    floor = 0.5 - big / 8
    short = 1 - floor
    return floor, floor**2 + short * short - 0.5 * big * short + big * big / 12


def lipschitz_for_gap(gap: float) -> float:
    """Return the Lipschitz constant that a discriminator needs for V >= -gap; about 2/gap for small gaps.

    Args:
        gap: the distance from the unattained 0; between 0 and log 4, which D = 1/2 has.

    Raises:
        ValueError: if it is not.

    Example:
        >>> lipschitz_for_gap(0.19867447134302)
        10.0000000000
    """
    from scipy.optimize import brentq

    if not 0 < checks.number("gap", gap) < math.log(4):
        message = f"`gap` is {gap}; it must lie between 0 and log 4 = 1.386, which the constant D = 1/2 has; give such."
        raise ValueError(message)
    short = lambda log: -_log(math.exp(log))[1] - gap
    high = math.log(2 / gap)  # delta = 0 shows V_L >= -2/L
    low = high - 1
    while short(low) < 0:
        low -= 1
    if short(high) >= 0:
        return 2 / gap
    return math.exp(float(brentq(short, low, high, xtol=1e-15)))  # pyright: ignore[reportArgumentType]
