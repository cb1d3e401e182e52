"""Pairs of laws as masses at common points: what every divergence and every critic here is computed from.

A finite space has its probabilities; densities become masses at quadrature nodes, weight times density. Divergences
are homogeneous sums of h(p, q), so that one formula serves both. Logarithms are kept: masses that underflow still have
their ratio, and log 0 = -inf says where a law has no mass at all.
"""

from typing import Any, NamedTuple

import numpy as np

TOLERANCE = 1e-12  # how far from 1 probabilities may sum


class Masses(NamedTuple):
    """Log masses of the real law p and of the generated law q at common points, (n,) each."""

    log_p: np.ndarray
    log_q: np.ndarray

    @property
    def p(self) -> np.ndarray:
        """The masses of p."""
        return np.exp(self.log_p)

    @property
    def q(self) -> np.ndarray:
        """The masses of q."""
        return np.exp(self.log_q)

    @property
    def logit(self) -> np.ndarray:
        """log(p / q): +inf where only p has mass, -inf where only q has, 0 where neither has."""
        neither = np.isneginf(self.log_p) & np.isneginf(self.log_q)
        with np.errstate(invalid="ignore"):
            return np.where(neither, 0.0, self.log_p - self.log_q)

    def swapped(self) -> "Masses":
        """Return the pair (q, p)."""
        return Masses(self.log_q, self.log_p)

    def product(self) -> "Masses":
        """Return the pair (p x q, q x p) on pairs of points, (n^2,)."""
        first = self.log_p[:, None] + self.log_q[None, :]
        return Masses(first.reshape(-1), first.T.reshape(-1))

    def reached(self) -> np.ndarray:
        """Say which points have mass of p or of q."""
        return ~(np.isneginf(self.log_p) & np.isneginf(self.log_q))

    def take(self, chosen: np.ndarray) -> "Masses":
        """Return the pair at the chosen points."""
        return Masses(self.log_p[chosen], self.log_q[chosen])


ONE = Masses(np.zeros(1), np.zeros(1))  # one point that both laws sit on: p = q
APART = Masses(np.array([0.0, -np.inf]), np.array([-np.inf, 0.0]))  # two laws that share no point


def probabilities(name: str, values: Any) -> np.ndarray:
    """Return probabilities as a vector.

    Raises:
        ValueError: if they are not finite numbers of 0 or more that sum to 1.
    """
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or vector.size == 0:
        message = f"`{name}` has shape {vector.shape}; it must be a vector of probabilities, shape (n,); give that."
        raise ValueError(message)
    if not np.all(np.isfinite(vector)) or np.any(vector < 0) or abs(vector.sum() - 1) > TOLERANCE:
        shown = vector.tolist() if vector.size <= 8 else f"{vector.size} numbers with sum {vector.sum():.17g}"
        message = (
            f"`{name}` is {shown}; it must hold finite numbers of 0 or more that sum to 1 (to {TOLERANCE:g}); divide "
            "masses by their sum."
        )
        raise ValueError(message)
    return vector


def masses(p: Any, q: Any) -> Masses:
    """Return two probability vectors on one finite space as masses.

    Args:
        p: probabilities of the real law, (n,).
        q: probabilities of the generated law, (n,).

    Raises:
        ValueError: if they are not probabilities, or not of one length.
    """
    first, second = probabilities("p", p), probabilities("q", q)
    if len(first) != len(second):
        message = (
            f"`p` has {len(first)} and `q` has {len(second)} probabilities; both live on one space; give as many, with "
            "0 where a law has no mass."
        )
        raise ValueError(message)
    with np.errstate(divide="ignore"):
        return Masses(np.log(first), np.log(second))
