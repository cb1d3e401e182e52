r"""Instance noise: the discriminator of the density formula, after p_g was replaced by a blurred law that has one.

With N(1/2, w^2) across the line in place of the line itself,

    D_w = p_r / (p_r + p_w) = 1 / (1 + K exp(-s^2/2)),    s = (y - 1/2)/w,    K = 1 / (w sqrt(2 pi)),

which is right for the blurred generator. On the true line it gives

    V = -2w int_0^{1/(2w)} log(1 + K exp(-s^2/2)) ds - log(1 + 1/K)  ~  -(4 sqrt(2)/3) w (log K)^{3/2},

slower than the tube by the power of a logarithm.
"""

import math

import numpy as np

from tussle import checks
from tussle.records import record, static
from tussle.singular.costs import Costs
from tussle.singular.curves import Line

ORDER = 24  # Gauss-Legendre nodes a panel
TAIL = 50.0  # exp(-TAIL) = 2e-22: where the blurred density is gone


@record
class InstanceNoise:
    """The discriminator p_r / (p_r + p_w) of the line blurred by normal noise of a width.

    Example:
        >>> from tussle.singular import InstanceNoise
        >>> InstanceNoise(0.01).exact().value
        -0.171171550866
    """

    width: float = static(default=0.1)

    def __post_init__(self) -> None:
        """Check the width."""
        checks.positive("width", self.width)

    @property
    def log_peak(self) -> float:
        """The logarithm of K, the blurred density on the line."""
        return -math.log(self.width) - 0.5 * math.log(2 * math.pi)

    @property
    def lipschitz(self) -> float:
        """The Lipschitz constant, max |s| D (1 - D) / w; it is where 1 + s^2 tanh(u/2) = 0, u = log K - s^2/2."""
        from scipy.optimize import brentq

        u = lambda s: self.log_peak - 0.5 * s * s
        s = float(brentq(lambda s: 1 + s * s * math.tanh(0.5 * u(s)), 1.0, self._reach(), xtol=1e-14))  # pyright: ignore[reportArgumentType]
        return s / (4 * math.cosh(0.5 * u(s)) ** 2) / self.width

    def logs(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log D and log(1 - D) at points (n, 2), (n,) each."""
        with np.errstate(over="ignore"):
            return self._logs(Line().distance(points) / self.width)

    def _logs(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log D and log(1 - D) at s widths from the line."""
        with np.errstate(over="ignore"):
            u = self.log_peak - 0.5 * s * s
        return -np.logaddexp(0.0, u), -np.logaddexp(0.0, -u)

    def exact(self) -> Costs:
        """Return the three costs by quadrature, to about 1e-14."""
        s, weights = self._nodes()
        log_right, log_wrong = self._logs(s)
        scaled, wrong = 2 * self.width * weights, np.exp(log_wrong)
        log_on, log_off = (float(found[0]) for found in self._logs(np.zeros(1)))
        on_line, value = math.exp(log_on), float(np.sum(scaled * log_right)) + log_off
        mao = float(np.sum(scaled * wrong**2)) + on_line**2
        lost = float(np.sum(scaled * wrong * (2 - wrong))) + on_line * (2 - on_line)
        return Costs(value, mao, 2 - lost)

    def _reach(self) -> float:
        return math.sqrt(2 * (max(self.log_peak, 0.0) + TAIL))

    def _nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return nodes s and weights from 0 to the border, panels no longer than the nearest pole is far."""
        end = min(0.5 / self.width, self._reach())
        panel = min(1.0, 2 * float(np.sqrt(complex(2 * self.log_peak, 2 * math.pi)).imag), end)
        count = math.ceil(end / panel)
        points, weights = np.polynomial.legendre.leggauss(ORDER)
        left = np.arange(count)[:, None] * (end / count)
        s = left + end / count * (1 + points) / 2
        return s.reshape(-1), np.tile(weights * end / count / 2, count)
