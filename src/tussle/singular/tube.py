r"""Tubes: discriminators D_w(x) = 1 - exp(-dist(x, curve)^2 / (2 w^2)), smooth, 0 on the curve and almost 1 off it.

On the line G(z) = (z, 1/2) of length 1, with S = 1/(2w),

    V(w) = 2w int_0^S log(1 - exp(-s^2/2)) ds  ->  -sqrt(2 pi) zeta(3/2) w,
    Mao cost sqrt(pi) w erf(S),    paper cost 2 - 2 sqrt(2 pi) w erf(S / sqrt 2) + sqrt(pi) w erf(S),

and the Lipschitz constant is exp(-1/2)/w. So V comes as near to 0 as one likes and never reaches it.
"""

import math
from collections.abc import Callable

import numpy as np

from tussle import checks
from tussle.records import record, static
from tussle.singular.costs import Costs
from tussle.singular.curves import AbstractCurve, Line

FAR = 60.0  # exp(-FAR^2 / 2) is 0: beyond so many widths nothing changes
Integral = Callable[[np.ndarray], np.ndarray]
TERMS = 90  # of the series for S >= 1: erfc(sqrt(45)) = 2e-21


@record
class Tube:
    """The tube of a width around a curve.

    Example:
        >>> from tussle.singular import Tube
        >>> Tube(0.01).exact().value
        -0.0654825391296
    """

    width: float = static(default=0.1)
    curve: AbstractCurve = static(default=Line())

    def __post_init__(self) -> None:
        """Check the width."""
        checks.positive("width", self.width)

    @property
    def lipschitz(self) -> float:
        """The Lipschitz constant exp(-1/2)/w."""
        return math.exp(-0.5) / self.width

    def logs(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log D and log(1 - D) at points (n, 2), (n,) each."""
        with np.errstate(divide="ignore", over="ignore"):
            u = -0.5 * (self.curve.distance(points) / self.width) ** 2
            return np.log(-np.expm1(u)), u

    def exact(self) -> Costs:
        """Return the three costs, to about 1e-13: in closed form across the curve, by quadrature along it."""
        from scipy.special import erf

        w = float(self.width)
        value = self._across(log_integral, log_moment)
        narrow = self._across(lambda s: 0.5 * math.sqrt(math.pi) * erf(s), lambda s: -0.5 * np.expm1(-s * s))
        wide = self._across(
            lambda s: math.sqrt(0.5 * math.pi) * erf(s / math.sqrt(2)), lambda s: -np.expm1(-0.5 * s * s)
        )
        return Costs(w * value, w * narrow, 2 - 2 * w * wide + w * narrow)

    def _across(self, integral: Integral, moment: Integral) -> float:
        """Integrate a function f(s) of the distance s = t/w over the square, divided by w.

        `integral` is S -> int_0^S f(s) ds and `moment` is S -> int_0^S s f(s) ds.
        """
        lines = self.curve.normals()
        with np.errstate(over="ignore"):
            above, below = (np.minimum(t / self.width, FAR) for t in (lines.above, lines.below))
        straight = lines.speed * (integral(above) + integral(below))
        bent = lines.bend * self.width * (moment(above) - moment(below))
        return float(np.sum(lines.weights * (straight - bent)))


def slope(length: float = 1.0) -> float:
    """Return the limit of V(w)/w for a curve of that length inside the square: -sqrt(2 pi) zeta(3/2) length.

    Example:
        >>> slope()
        -6.54825391296406
    """
    from scipy.special import zeta

    return -math.sqrt(2 * math.pi) * float(zeta(1.5)) * length


def tangent_slope(width: float) -> float:
    r"""Return V(w)/w for the parabola to the order of sqrt(w), which its tangency to the border costs.

        -sqrt(2 pi) zeta(3/2) length + 2^(-1/4) Gamma(3/4) zeta(7/4) sqrt(w) + O(w)

    Below z = sqrt(w) the lower half of the tube lies outside the square: the sqrt(w) is that share of the curve.
    """
    from scipy.special import zeta

    from tussle.singular.curves import Parabola

    lost = 2**-0.25 * math.gamma(0.75) * float(zeta(1.75))
    return slope(Parabola().length) + lost * math.sqrt(checks.positive("width", width))


# Integrals -------------------------------------------------------------------------------------------------------


def log_integral(s: np.ndarray) -> np.ndarray:
    """Return int_0^S log(1 - exp(-s^2/2)) ds for each S >= 0, to rounding.

    For S >= 1 the series of the logarithm, -sqrt(pi/2) (zeta(3/2) - sum_k k^(-3/2) erfc(S sqrt(k/2))); below, the
    singular part 2 log s - log 2 in closed form and the analytic rest by Gauss-Legendre quadrature.
    """
    from scipy.special import erfc, exprel, xlogy, zeta

    s = np.asarray(s, dtype=np.float64)[:, None]
    k = np.arange(1.0, TERMS + 1)
    far = np.sum(k**-1.5 * erfc(np.maximum(s, 1.0) * np.sqrt(k / 2)), axis=1) - zeta(1.5)
    points, weights = np.polynomial.legendre.leggauss(16)
    inner = np.minimum(s, 1.0)
    rest = np.sum(weights * np.log(exprel(-0.5 * (inner * (1 + points) / 2) ** 2)), axis=1) * inner[:, 0] / 2
    near = (2 * xlogy(inner, inner) - inner * (2 + math.log(2)))[:, 0] + rest
    return np.where(s[:, 0] >= 1, math.sqrt(0.5 * math.pi) * far, near)


def log_moment(s: np.ndarray) -> np.ndarray:
    """Return int_0^S s log(1 - exp(-s^2/2)) ds = u log v - Li_2(v), u = S^2/2, v = 1 - exp(-u), for each S >= 0.

    This is Li_2(1 - v) - pi^2/6 by the reflection of the dilogarithm, without its cancellation at small S.
    """
    from scipy.special import spence, xlogy

    u = 0.5 * np.asarray(s, dtype=np.float64) ** 2
    return xlogy(u, -np.expm1(-u)) - spence(np.exp(-u))
