"""Divergences as sums over masses, exact at zeros and free of cancellation at p = q.

Each formula adds to its terms a multiple of p - q, which sums to 0, so that all terms are of second order where p and q
are near: 1e-9 apart, a divergence of 1e-18 still has digits. Infinite values come out as infinity.
"""

import math

import numpy as np

from tussle.critics.masses import Masses

LOG2 = math.log(2.0)


def _sum(terms: np.ndarray) -> float:
    return float(np.sum(np.maximum(terms, 0.0)))  # each term is 0 or more but for rounding


def _times(mass: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Return mass x factor, 0 where there is no mass."""
    with np.errstate(invalid="ignore"):
        return np.where(mass > 0, mass * factor, 0.0)


def kl(m: Masses) -> float:
    """Return KL(p || q) = sum p log(p/q)."""
    p, q, ell = m.p, m.q, m.logit
    near = np.abs(ell) < 1e-2
    with np.errstate(over="ignore", invalid="ignore"):
        # p l - p + q = q (u log u - u + 1), by its series in l = log u near 0: p (l^2/2 - l^3/6 + ...).
        series = p * ell * ell * (0.5 - ell / 6 + ell**2 / 24 - ell**3 / 120 + ell**4 / 720 - ell**5 / 5040)
        return _sum(np.where(near, np.where(p > 0, series, 0.0), _times(p, ell) - p + q))


def reverse_kl(m: Masses) -> float:
    """Return KL(q || p)."""
    return kl(m.swapped())


def to_middle(m: Masses) -> float:
    """Return KL(p || m), m = (p + q)/2."""
    return kl(Masses(m.log_p, np.logaddexp(m.log_p, m.log_q) - LOG2))


def from_middle(m: Masses) -> float:
    """Return KL(m || p), m = (p + q)/2."""
    return kl(Masses(np.logaddexp(m.log_p, m.log_q) - LOG2, m.log_p))


def jensen_shannon(m: Masses) -> float:
    """Return JS(p, q) = KL(p || m)/2 + KL(q || m)/2."""
    return 0.5 * (to_middle(m) + to_middle(m.swapped()))


def total_variation(m: Masses) -> float:
    """Return TV = sum |p - q| / 2."""
    return 0.5 * float(np.sum(np.abs(m.p - m.q)))


def triangular(m: Masses) -> float:
    """Return Delta = sum (p - q)^2 / (p + q), between 0 and 2."""
    return _sum((m.p + m.q) * np.tanh(0.5 * m.logit) ** 2)


def affinity(m: Masses) -> float:
    """Return the Bhattacharyya coefficient BC = sum sqrt(p q)."""
    return float(np.sum(np.exp(0.5 * (m.log_p + m.log_q))))


def hellinger(m: Masses) -> float:
    """Return H2 = sum (sqrt p - sqrt q)^2 = 2 - 2 BC."""
    return _sum((np.exp(0.5 * m.log_p) - np.exp(0.5 * m.log_q)) ** 2)


def chi2(m: Masses) -> float:
    """Return the chi-square divergence of p from q, sum (p - q)^2 / q."""
    high, low = np.maximum(m.log_p, m.log_q), np.minimum(m.log_p, m.log_q)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        gap = high + np.log(-np.expm1(low - high))  # log |p - q|
        terms = np.exp(2 * gap - m.log_q)
    return float(np.sum(np.where(np.isneginf(high) | (high == low), 0.0, terms)))


def order(m: Masses, a: float) -> float:
    """Return the alpha-divergence (sum p^a q^(1-a) - 1) / (a (a - 1)); KL(p || q) for a = 1, KL(q || p) for a = 0."""
    if a in (0.0, 1.0):
        return kl(m) if a == 1.0 else reverse_kl(m)
    m = m.take(m.reached())
    ell = m.logit
    with np.errstate(over="ignore", invalid="ignore"):
        power = np.exp(a * m.log_p + (1 - a) * m.log_q)
        far = (power - m.q - a * (m.p - m.q)) / (a * (a - 1))
        # (e^(a l) - 1 - a (e^l - 1)) / (a (a - 1)) by its series in l near 0.
        series = sum((a ** (k - 1) - 1) / (a - 1) * ell**k / math.factorial(k) for k in range(2, 10))
    near = np.abs(ell) < 1e-2 / max(1.0, abs(a))
    return _sum(np.where(near, m.q * np.where(near, series, 0.0), far))


def arimoto(m: Masses, a: float) -> float:
    """Return a/(a-1) [sum (p^a + q^a)^(1/a) - 2^(1/a)], 0 < a <= 1: 2 JS for a = 1, H2 for a = 1/2."""
    if a == 1.0:
        return 2.0 * jensen_shannon(m)
    m = m.take(m.reached())
    log_mean = np.logaddexp(m.log_p, m.log_q) - LOG2
    first, second = m.log_p - log_mean, m.log_q - log_mean  # log of shares rho and 2 - rho
    # rho^a - rho = rho (e^((a-1) log rho) - 1), and the linear parts sum to 2.
    bend = _bend(first, a) + _bend(second, a)
    terms = np.expm1(np.log1p(0.5 * bend) / a)
    return float(np.sum(np.exp(log_mean) * terms)) * 2 ** (1 / a) * a / (a - 1)


def _bend(t: np.ndarray, a: float) -> np.ndarray:
    """Return e^(a t) - e^t without cancellation where a is near 1; 0 at t = -inf."""
    low = np.isneginf(t)
    return np.where(low, 0.0, np.exp(a * t) * -np.expm1((1 - a) * np.where(low, 0.0, t)))


def renyi_max(m: Masses) -> float:
    """Return the Renyi divergence of order infinity, max log(p/q) over the points of p."""
    return float(np.max(m.logit[m.p > 0]))
