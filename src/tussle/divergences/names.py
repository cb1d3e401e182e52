"""The names of the divergences, what each tells, and how those that are no f-divergence are read off an integral."""

import math
from collections.abc import Callable
from typing import NamedTuple

from tussle import checks
from tussle.divergences.members import MEMBER_NAMES, Member, member, overlap

LOG2 = math.log(2.0)


class Told(NamedTuple):
    """What a divergence is, in words for its table.

    Attributes:
        title: how it is called.
        formula: in plain signs.
        most: its value for disjoint laws, if that is finite: the scale it is to be read on.
    """

    title: str
    formula: str
    most: float | None = None


TOLD = {
    "kl": Told("Kullback-Leibler", "∫ p log(p/q)"),
    "reverse_kl": Told("reverse Kullback-Leibler", "∫ q log(q/p)"),
    "js": Told("Jensen-Shannon", "½ KL(p‖m) + ½ KL(q‖m), m = (p+q)/2", LOG2),
    "gan": Told("GAN value", "2 JS − log 4", 0.0),
    "tv": Told("total variation", "½ ∫ |p − q|", 1.0),
    "hellinger2": Told("squared Hellinger", "∫ (√p − √q)²", 2.0),
    "chi2": Told("Pearson chi-square", "∫ (p − q)²/q"),
    "neyman": Told("Neyman chi-square", "∫ (p − q)²/p"),
    "alpha": Told("alpha-divergence", "(∫ pᵃ q¹⁻ᵃ − 1)/(a(a − 1))"),
    "jeffreys": Told("Jeffreys", "KL(p‖q) + KL(q‖p)"),
    "delta": Told("triangular", "∫ (p − q)²/(p + q)", 2.0),
    "nonsaturating": Told("non-saturating", "2 KL(m‖p), m = (p+q)/2"),
    "bhattacharyya": Told("Bhattacharyya", "−log ∫ √(pq)"),
    "renyi": Told("Rényi", "log(∫ pᵃ q¹⁻ᵃ)/(a − 1)"),
    "w1": Told("Wasserstein-1", "least E|X − Y|"),
    "w2": Told("Wasserstein-2", "√ least E|X − Y|²"),
    "sliced": Told("sliced Wasserstein-2", "√ mean of W2² over directions"),
    "sinkhorn": Told("Sinkhorn divergence", "least E|X − Y|² + ε KL, debiased"),
    "energy": Told("energy distance", "2E|X−Y| − E|X−X'| − E|Y−Y'|"),
    "mmd2": Told("squared MMD", "E k(X,X') + E k(Y,Y') − 2E k(X,Y)"),
}
ALIASES = {
    "pearson": "chi2", "total_variation": "tv", "hellinger": "hellinger2", "f_gan": "gan", "f_alpha": "alpha",
    "triangular": "delta", "wasserstein1": "w1", "wasserstein2": "w2",
}  # fmt: skip
F_NAMES = (*MEMBER_NAMES, "gan", "bhattacharyya", "renyi")


def divergence_names() -> tuple[str, ...]:
    """Return the names that `divergence` knows.

    >>> len(divergence_names())
    20
    """
    return tuple(TOLD)


def canonical(name: str) -> str:
    """Return the name of a divergence; the f-GAN names of the same divergence are known too.

    Raises:
        ValueError: for an unknown one, with the nearest that is known.
    """
    if name in ALIASES:
        return ALIASES[name]
    checks.choice("name", name, TOLD)
    return name


class Reading(NamedTuple):
    """How a divergence is read off an integral.

    Attributes:
        which: what is integrated.
        read: (value, log scale) -> divergence.
        slope: value -> by how much an error of the value counts.
    """

    which: Member
    read: Callable[[float, float], float]
    slope: Callable[[float], float]


def reading(name: str, order: float) -> Reading:
    """Return how an f-divergence, or one that is a function of one, is read off an integral.

    Args:
        name: one of `F_NAMES`.
        order: of alpha and renyi.

    Raises:
        ValueError: for an order that does not exist.
    """
    if name == "gan":
        return Reading(member("js"), lambda v, _: 2 * v - 2 * LOG2, lambda _: 2.0)
    if name == "bhattacharyya":
        return Reading(overlap(0.5), lambda v, scale: -_log(v) - scale, lambda v: 1 / max(v, 1e-300))
    if name == "renyi":
        checks.positive("order", order)
        if order == 1:
            return reading("kl", order)
        return Reading(
            overlap(order),
            lambda v, scale: (_log(v) + scale) / (order - 1),
            lambda v: 1 / (max(v, 1e-300) * abs(order - 1)),
        )
    return Reading(member(name, order), lambda v, _: v, lambda _: 1.0)


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def disjoint(name: str, order: float) -> float:
    """Return a divergence of two laws that share nothing."""
    which, read, _ = reading(name, order)
    return read(which.at_zero + which.at_infinity, 0.0)
