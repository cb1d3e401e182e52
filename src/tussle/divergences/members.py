r"""f-divergences, each as a function of half the log ratio, so that densities may be as small as they like.

With m = (p + q)/2 and z = (log p - log q)/2, every f-divergence is D_f(P || Q) = int m b(z), where

    b(z) = q f(p/q) / m,  f normalized to f(1) = f'(1) = 0,

and b is written so that it neither overflows nor cancels: log b is what is kept. Where only q lives it is f(0) q,
where only p lives f'(inf) p; these two numbers are all there is to know about supports.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tussle import checks

LOG2 = math.log(2.0)


class Member(NamedTuple):
    """An f-divergence, or the integral of p^a q^(1-a).

    Attributes:
        name: its name.
        log_weight: log b(z).
        at_zero: f(0), what a unit of mass of Q costs where P has none.
        at_infinity: f'(inf), what a unit of mass of P costs where Q has none.
        smooth: whether the integrand is smooth where the densities are.
    """

    name: str
    log_weight: Callable[[np.ndarray], np.ndarray]
    at_zero: float
    at_infinity: float
    smooth: bool = True

    @property
    def bounded(self) -> bool:
        """Whether it can never be infinite; it is then at most f(0) + f'(inf), reached by disjoint laws."""
        return math.isfinite(self.at_zero) and math.isfinite(self.at_infinity)

    def log_integrand(self, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
        """Return the log of q f(p/q) at log densities; -inf in both means that there is nothing."""
        with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
            inside = np.isfinite(log_p) & np.isfinite(log_q)
            z = np.where(inside, 0.5 * (log_p - log_q), 0.0)
            both = np.logaddexp(log_p, log_q) - LOG2 + self.log_weight(z)
            if np.all(inside):
                return both
            left = log_p + np.log(self.at_infinity)
            right = log_q + np.log(self.at_zero)
            alone = np.where(np.isfinite(log_p), left, np.where(np.isfinite(log_q), right, -np.inf))
            return np.where(inside, both, alone)


# Pieces: all are even or one-sided functions written for both signs of z -------------------------------------------


def log_cosh(z: np.ndarray) -> np.ndarray:
    """Return log cosh z, to full relative precision near 0 and without overflow."""
    a = np.abs(z)
    near = np.log1p(2 * np.sinh(0.5 * np.minimum(a, 1.0)) ** 2)
    return np.where(a < 1.0, near, a + np.log1p(np.exp(-2 * a)) - LOG2)


def _beyond(z: np.ndarray) -> np.ndarray:
    """Return log cosh z - |z|, without the cancellation of two large numbers."""
    return np.log1p(np.exp(-2 * np.abs(z))) - LOG2


_TAYLOR = [1 / math.factorial(k) for k in range(15, 1, -1)]  # of (e^s - 1 - s)/s^2


def _excess(s: np.ndarray) -> np.ndarray:
    """Return e^s - 1 - s >= 0 for s of either sign."""
    near = np.abs(s) < 0.35
    small = np.where(near, s, 0.0)
    return np.where(near, small * small * np.polyval(_TAYLOR, small), np.expm1(np.where(near, 0.0, s)) - s)


def _kl_weight(z: np.ndarray) -> np.ndarray:
    """Return (p log(p/q) - p + q)/m: p/m (e^-2z - 1 + 2z) for z >= 0, and the same divided through by u below."""
    above, below = np.maximum(z, 0.0), np.minimum(z, 0.0)
    left = 2 / (1 + np.exp(-2 * above)) * _excess(-2 * above)
    r = 2 * below
    slow = np.exp(r) * _excess(-np.maximum(r, -1.0))
    right = 2 / (1 + np.exp(r)) * np.where(r > -1.0, slow, r * np.exp(r) - np.expm1(r))
    return np.where(z >= 0, left, right)


def _js_weight(z: np.ndarray) -> np.ndarray:
    """Return z tanh z - log cosh z, which tends to log 2."""
    a = np.abs(z)
    e = np.exp(-2 * a)
    far = LOG2 - np.log1p(e) - 2 * a * e / (1 + e)
    near = np.minimum(a, 1.0)
    return np.where(a < 1.0, near * np.tanh(near) - log_cosh(near), far)


def _hellinger_weight(z: np.ndarray) -> np.ndarray:
    """Return 2 (1 - 1/cosh z)."""
    a = np.abs(z)
    e = np.exp(-a)
    near = np.minimum(a, 1.0)
    return np.where(a < 1.0, 4 * np.sinh(near / 2) ** 2 / np.cosh(near), 2 - 4 * e / (1 + e * e))


def _nonsaturating_weight(z: np.ndarray) -> np.ndarray:
    """Return 2 (m log(m/p) - m + p)/m, with log(p/m) = z - log cosh z."""
    return 2 * _excess(z - log_cosh(z))


def _chi2_log_weight(z: np.ndarray) -> np.ndarray:
    """Return the log of (p - q)^2/(q m) = 4 tanh^2 z e^z cosh z."""
    return 2 * LOG2 + 2 * np.log(np.abs(np.tanh(z))) + 2 * np.maximum(z, 0.0) + _beyond(z)


def _alpha_log_weight(a: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return the log of (e^(bz) - a e^z - (1-a) e^-z)/(a (a-1) cosh z), b = 2a - 1.

    Near 0 the bracket is 2 sinh(az) sinh((a-1)z) + (sinh bz - b sinh z), the second as a series in odd powers.
    """
    b, room = 2 * a - 1, a * (a - 1)
    sums = np.cumsum(b ** (2.0 * np.arange(10)))
    series = [4 * b * s / math.factorial(2 * k + 3) for k, s in enumerate(sums)][::-1]

    def log_weight(z: np.ndarray) -> np.ndarray:
        near = np.abs(z) * (abs(b) + 1) < 1.0
        s = np.where(near, z, 0.0)
        small = 2 * np.sinh(a * s) * np.sinh((a - 1) * s) / room + s**3 * np.polyval(series, s * s)
        top = np.maximum(b * z, np.abs(z))
        large = (np.exp(b * z - top) - a * np.exp(z - top) - (1 - a) * np.exp(-z - top)) / room
        return np.where(near, np.log(np.abs(small)) - np.abs(z), (top - np.abs(z)) + np.log(np.abs(large))) - _beyond(z)

    return log_weight


def _logged(weight: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda z: np.log(weight(z))


# The members -------------------------------------------------------------------------------------------------------

_MEMBERS = {
    "kl": Member("kl", _logged(_kl_weight), 1.0, math.inf),
    "reverse_kl": Member("reverse_kl", _logged(lambda z: _kl_weight(-z)), math.inf, 1.0),
    "js": Member("js", _logged(_js_weight), LOG2 / 2, LOG2 / 2),
    "tv": Member("tv", _logged(lambda z: np.abs(np.tanh(z))), 0.5, 0.5, smooth=False),
    "hellinger2": Member("hellinger2", _logged(_hellinger_weight), 1.0, 1.0),
    "chi2": Member("chi2", _chi2_log_weight, 1.0, math.inf),
    "neyman": Member("neyman", lambda z: _chi2_log_weight(-z), math.inf, 1.0),
    "jeffreys": Member("jeffreys", _logged(lambda z: 4 * z * np.tanh(z)), math.inf, math.inf),
    "delta": Member("delta", _logged(lambda z: 2 * np.tanh(z) ** 2), 1.0, 1.0),
    "nonsaturating": Member("nonsaturating", _logged(_nonsaturating_weight), math.inf, 1.0 - LOG2),
}
MEMBER_NAMES = (*_MEMBERS, "alpha")


def member(name: str, order: float = 0.5) -> Member:
    """Return an f-divergence by name.

    Args:
        name: one of `MEMBER_NAMES`.
        order: the order of `alpha`, any number but 0 and 1.

    Returns:
        the member.

    Raises:
        ValueError: for an unknown name or an order that does not exist.

    >>> round(float(member("js").at_zero + member("js").at_infinity), 6)
    0.693147
    """
    checks.choice("name", name, MEMBER_NAMES)
    return _alpha(order) if name == "alpha" else _MEMBERS[name]


def _alpha(a: float) -> Member:
    checks.number("order", a)
    if a in (0.0, 1.0):
        message = f"`order` is {a}; alpha may have any order but 0 and 1; its limits there are reverse_kl and kl."
        raise ValueError(message)
    at_zero = 1 / a if a > 0 else math.inf
    at_infinity = 1 / (1 - a) if a < 1 else math.inf
    return Member("alpha", _alpha_log_weight(a), at_zero, at_infinity)


def overlap(a: float) -> Member:
    """Return the integral of p^a q^(1-a), of which Bhattacharyya and Renyi are logs: log b = (2a-1) z - log cosh z."""
    at_zero = 0.0 if a > 0 else math.inf
    at_infinity = 0.0 if a < 1 else math.inf
    return Member("overlap", lambda z: (2 * a - 1) * z - np.abs(z) - _beyond(z), at_zero, at_infinity)
