"""Closed forms of f-divergences within families of laws: normal, exponential with Erlang, Rayleigh, uniform."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tussle.divergences import normals
from tussle.divergences.members import MEMBER_NAMES, Member, member
from tussle.divergences.result import EPS, Divergence, exactly
from tussle.divergences.supports import leaves
from tussle.laws import Erlang, Exponential, Normal, Rayleigh, Uniform


class Family(NamedTuple):
    """What the closed f-divergences of two laws of one family are made of.

    Attributes:
        name: of the family.
        kl: KL(p || q).
        reverse_kl: KL(q || p).
        log_overlap: a -> log int p^a q^(1-a).
        tv: total variation, or None where it has no closed form.
        nearby: the families whose parameters are off by a little, `normals.STEP` of their size.
        condition: how many roundings those parameters carry.
    """

    name: str
    kl: float
    reverse_kl: float
    log_overlap: Callable[[float], float]
    tv: float | None = None
    nearby: tuple["Family", ...] = ()
    condition: float = 1.0

    def value(self, name: str, order: float) -> float | None:
        """Return a divergence by name, or None where it is not among them."""
        plain = {"kl": self.kl, "reverse_kl": self.reverse_kl, "jeffreys": self.kl + self.reverse_kl, "tv": self.tv}
        if name in plain:
            return plain[name]
        if name == "renyi" and order == 1:
            return self.kl
        powers = {"hellinger2": 0.5, "bhattacharyya": 0.5, "chi2": 2.0, "neyman": -1.0, "alpha": order, "renyi": order}
        if name not in powers:
            return None
        a = powers[name]
        found = self.log_overlap(a)
        if name == "bhattacharyya":
            return -found + 0.0  # never -0, here and below
        if name == "renyi":
            return found / (a - 1) + 0.0
        with np.errstate(over="ignore"):
            mass = float(np.expm1(found))
        return {"hellinger2": -2 * mass, "chi2": mass, "neyman": mass}.get(name, mass / (a * (a - 1) or 1)) + 0.0

    def error(self, name: str, order: float, value: float) -> float:
        """Return what roundings may do to a divergence: those of its sum, of its logarithm, and of its parameters."""
        if not math.isfinite(value):
            return 0.0
        moved = [abs((near.value(name, order) or 0.0) - value) for near in self.nearby]
        grown = sum(min(m, abs(value)) for m in moved) / normals.STEP
        size = (abs(value) + math.sqrt(abs(value))) * max(1.0, math.log(max(abs(value), 1.0)))
        return 16 * EPS * size + 4 * EPS * self.condition * grown


def closed_f(name: str, p: Any, q: Any, order: float) -> Divergence | None:
    """Return an f-divergence of two laws in closed form, or None where there is none."""
    first, second = (leaves(law) for law in (p, q))
    if len(first) > 1 or len(second) > 1:
        return None
    p, q = first[0][1], second[0][1]
    if isinstance(p, Uniform) and isinstance(q, Uniform) and name in MEMBER_NAMES:
        return _boxes(member(name, order), p, q)
    family = _family(p, q)
    value = None if family is None else family.value(name, order)
    if family is None or value is None:
        return None
    note = f"closed form of two {family.name} laws"
    if value == math.inf and name not in ("kl", "reverse_kl", "jeffreys"):
        note += ": infinite, or above 1e308"
    return Divergence(value, family.error(name, order, value), "closed", note)


def _family(p: Any, q: Any) -> Family | None:
    if isinstance(p, Normal) and isinstance(q, Normal):
        pair = normals.pair_of(p, q)
        if pair is None:
            return None
        nearby = tuple(_normal_family(near) for near in pair.nearby())
        return _normal_family(pair)._replace(nearby=nearby, condition=pair.condition)
    kinds = (Exponential, Erlang)
    if isinstance(p, kinds) and isinstance(q, kinds):
        (k, r), (l, s) = _shape_and_rate(p), _shape_and_rate(q)
        return Family("Erlang", _gamma_kl(k, r, l, s), _gamma_kl(l, s, k, r), _gamma_overlap(k, r, l, s))
    if isinstance(p, Rayleigh) and isinstance(q, Rayleigh):  # the squares are exponential
        r, s = 0.5 / float(p.scale) ** 2, 0.5 / float(q.scale) ** 2
        return Family("Rayleigh", _gamma_kl(1, r, 1, s), _gamma_kl(1, s, 1, r), _gamma_overlap(1, r, 1, s))
    return None


def _normal_family(pair: normals.Pair) -> Family:
    return Family("normal", pair.kl(), pair.reverse_kl(), pair.log_overlap, pair.tv())


def _shape_and_rate(law: Exponential | Erlang) -> tuple[int, float]:
    return (law.shape if isinstance(law, Erlang) else 1), float(law.rate)


def _gamma_kl(k: int, r: float, l: int, s: float) -> float:
    """Return KL of the law of shape k and rate r to that of shape l and rate s."""
    from scipy.special import digamma, gammaln

    t = (s - r) / r
    shapes = (k - l) * float(digamma(k)) - float(gammaln(k)) + float(gammaln(l))
    return shapes + (k - l) * math.log1p(t) + k * (t - math.log1p(t))


def _gamma_overlap(k: int, r: float, l: int, s: float) -> Callable[[float], float]:
    from scipy.special import gammaln

    def log_overlap(a: float) -> float:
        shape, rate = a * k + (1 - a) * l, a * r + (1 - a) * s
        if shape <= 0 or rate <= 0:
            return math.inf
        logs = a * (k * math.log(r) - gammaln(k)) + (1 - a) * (l * math.log(s) - gammaln(l))
        return float(gammaln(shape) - shape * math.log(rate) + logs)

    return log_overlap


def _boxes(which: Member, p: Uniform, q: Uniform) -> Divergence:
    """Return an f-divergence of two uniform laws: the ratio is one number where both live."""
    (low, high), (bottom, top) = p.support, q.support
    sizes = np.array([np.prod(high - low), np.prod(top - bottom)])
    shared = float(np.prod(np.maximum(np.minimum(high, top) - np.maximum(low, bottom), 0.0)))
    value = 0.0
    if shared > 0:
        logs = -np.log(sizes)
        value = shared * float(np.exp(which.log_integrand(logs[:1], logs[1:]))[0])
    for rest, cost in ((1 - shared / sizes[0], which.at_infinity), (1 - shared / sizes[1], which.at_zero)):
        value += float(rest) * cost if rest > 1e-15 else 0.0
    return exactly(value, "closed form of two uniform laws")
