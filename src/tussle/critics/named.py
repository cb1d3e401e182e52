"""Which loss is which divergence: the supremum of the critic's payoff, by name and by formula.

What a critic reaches above the best constant critic is a divergence between real and generated law: 0 where they
agree, and known by name for most losses. Each entry here has the formula and the critic that attains it.

References:
    Goodfellow et al., NIPS 2014; Mao et al., ICCV 2017; Lim and Ye 2017; Nowozin et al., NIPS 2016.
    Jolicoeur-Martineau, "On relativistic f-divergences", ICML 2020.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tussle.critics import sums
from tussle.critics.kinds import Kind
from tussle.critics.masses import APART, Masses
from tussle.fgan import f_divergence

Output = Callable[[np.ndarray, Masses], np.ndarray]


class Named(NamedTuple):
    """A divergence: its name, its formula, and the optimal output as a function of log(p/q).

    Attributes:
        text: the name, as a formula.
        value: the divergence of masses.
        output: (log ratios, masses) -> optimal outputs; None where only a program finds them.
    """

    text: str
    value: Callable[[Masses], float]
    output: Output | None = None

    @property
    def maximum(self) -> float:
        """The value for laws that share no point."""
        return self.value(APART)


# Outputs ------------------------------------------------------------------------------------------------------------


def _ratio(factor: float) -> Output:
    """Return the output factor log(p/q)."""
    return lambda ell, m: factor * ell


def _sign(level: float) -> Output:
    """Return the output level sign(p - q), 0 on ties."""
    return lambda ell, m: np.where(ell > 0, level, np.where(ell < 0, -level, 0.0))


def _contrast(factor: Callable[[float], float]) -> Output:
    """Return the output factor(Delta) (p - q)/(p + q)."""
    return lambda ell, m: factor(sums.triangular(m)) * np.tanh(0.5 * ell)


def _labels(a: float, b: float) -> Output:
    """Return the output (b p + a q)/(p + q)."""
    return lambda ell, m: 0.5 * (b + a) + 0.5 * (b - a) * np.tanh(0.5 * ell)


def _one_sided_squares(ell: np.ndarray, m: Masses) -> np.ndarray:
    """Return 1 - (q/p)/(1 + chi2(q || p)), which has mean 0 under q; one level where p has no mass."""
    chi = sums.chi2(m.swapped())
    with np.errstate(over="ignore", invalid="ignore"):
        found = 1.0 - np.exp(-ell) / (1.0 + chi) if math.isfinite(chi) else np.ones_like(ell)
    only_q = np.isneginf(m.log_p)
    alone = float(np.sum(m.q[only_q]))
    return np.where(np.isneginf(ell), -(1.0 - alone) / alone if alone > 0 else 0.0, found)


def _one_sided_exponential(ell: np.ndarray, m: Masses) -> np.ndarray:
    level = sums.reverse_kl(m)
    return ell + level if math.isfinite(level) else ell


# The table ----------------------------------------------------------------------------------------------------------

_TABLE: dict[tuple[str, str], Named] = {
    ("logistic", "plain"): Named("2 JS(p, q)", lambda m: 2 * sums.jensen_shannon(m), _ratio(1.0)),
    ("logistic", "paired"): Named("2 JS(p x q, q x p)", lambda m: 2 * sums.jensen_shannon(m.product()), _ratio(1.0)),
    ("least_squares", "plain"): Named("Delta", sums.triangular, _labels(-1.0, 1.0)),
    ("least_squares", "paired"): Named(
        "4 Delta / (2 + Delta)", lambda m: _share(4, 2, 1, sums.triangular(m)), _contrast(lambda d: 2 / (2 + d))
    ),
    ("least_squares", "average"): Named(
        "8 Delta / (2 + 3 Delta)", lambda m: _share(8, 2, 3, sums.triangular(m)), _contrast(lambda d: 4 / (2 + 3 * d))
    ),
    ("least_squares", "one_sided"): Named(
        "2 chi2(q || p) / (1 + chi2(q || p))", lambda m: _share(2, 1, 1, sums.chi2(m.swapped())), _one_sided_squares
    ),
    ("least_squares", "centered"): Named("Delta", sums.triangular, _labels(-1.0, 1.0)),
    ("hinge", "plain"): Named("2 TV", lambda m: 2 * sums.total_variation(m), _sign(1.0)),
    ("hinge", "one_sided"): Named("2 (1 - min p/q)", lambda m: -2 * math.expm1(-sums.renyi_max(m.swapped()))),
    ("exponential", "plain"): Named("H2 = 2 - 2 BC", sums.hellinger, _ratio(0.5)),
    ("exponential", "paired"): Named("2 (1 - BC^2)", lambda m: _pair_affinity(sums.hellinger(m)), _ratio(0.5)),
    ("exponential", "average"): Named(
        "2 - exp(-KL(p || q)) - exp(-KL(q || p))",
        lambda m: -math.expm1(-sums.kl(m)) - math.expm1(-sums.reverse_kl(m)),
        _ratio(1.0),
    ),
    ("exponential", "one_sided"): Named(
        "2 (1 - exp(-KL(q || p)))", lambda m: -2 * math.expm1(-sums.reverse_kl(m)), _one_sided_exponential
    ),
    ("tanh", "plain"): Named("2 TV", lambda m: 2 * sums.total_variation(m), _sign(math.inf)),
}


def _share(top: float, first: float, second: float, x: float) -> float:
    """Return top x / (first + second x), right for infinite x too."""
    return top / second if math.isinf(x) else top * x / (first + second * x)


def _pair_affinity(h2: float) -> float:
    """Return 2 (1 - BC^2) with BC = 1 - H2/2, without cancellation."""
    return 2 * h2 * (1 - h2 / 4)


_MEMBERS: dict[str, tuple[str, Callable[[Masses], float]]] = {
    "kl": ("KL(p || q)", sums.kl),
    "reverse_kl": ("KL(q || p)", sums.reverse_kl),
    "pearson": ("chi2(p || q)", sums.chi2),
    "neyman": ("chi2(q || p)", lambda m: sums.chi2(m.swapped())),
    "hellinger": ("H2 = 2 - 2 BC", sums.hellinger),
    "jensen_shannon": ("2 JS(p, q)", lambda m: 2 * sums.jensen_shannon(m)),
    "f_gan": ("2 JS(p, q)", lambda m: 2 * sums.jensen_shannon(m)),
    "total_variation": ("TV", sums.total_variation),
}


def named(kind: Kind | None) -> Named | None:
    """Return the divergence that the critic of a loss measures, None where it has no formula.

    The value is what the critic's payoff, less that of the best constant critic, reaches at most.

    Args:
        kind: what the loss is made of.
    """
    if kind is None or kind.name == "linear":
        return None
    found = _ordered(kind) or _labelled(kind) or _TABLE.get((kind.name, kind.coupling)) or _member(kind)
    return None if found is None else _sized(found, kind)


def _ordered(kind: Kind) -> Named | None:
    """Return the alpha-losses, whose critic alpha log(p/q) is additive, so that pairing costs nothing."""
    if kind.name != "alpha" or kind.order is None or kind.coupling not in ("plain", "paired"):
        return None
    a, paired = kind.order, kind.coupling == "paired"
    text = f"Arimoto divergence of order {a:g}" + (" of (p x q, q x p)" if paired else "")
    return Named(text, lambda m: sums.arimoto(m.product() if paired else m, a), _ratio(a))


def _labelled(kind: Kind) -> Named | None:
    """Return least squares with general labels: (b - a)^2/4 Delta, by the critic (b p + a q)/(p + q)."""
    if kind.name != "least_squares" or kind.labels is None or kind.labels[:2] == (-1.0, 1.0):
        return None
    a, b, _ = kind.labels
    return Named("Delta", lambda m: sums.triangular(m), _labels(a, b))


def _member(kind: Kind) -> Named | None:
    if kind.name == "f_alpha" and kind.order is not None:
        a = kind.order
        text, value = f"alpha-divergence of order {a:g}", lambda m: sums.order(m, a)
    elif kind.name in _MEMBERS:
        text, value = _MEMBERS[kind.name]
    else:
        return None
    if kind.name == "total_variation":
        return Named(text, value, _sign(math.inf))
    return Named(text, value, lambda ell, m: _member_output(kind, ell))


_AFFINE = {"kl": (1.0, 1.0), "reverse_kl": (0.0, 1.0), "neyman": (0.0, 2.0), "hellinger": (0.0, 0.5)}
_AFFINE |= {"jensen_shannon": (0.0, 1.0), "f_gan": (0.0, 1.0)}


def _member_output(kind: Kind, ell: np.ndarray) -> np.ndarray:
    if kind.name in _AFFINE:  # in logarithms, where the ratio itself may overflow
        level, slope = _AFFINE[kind.name]
        return level + slope * ell
    with np.errstate(over="ignore", divide="ignore"):
        return np.asarray(f_divergence(kind.name, kind.order).optimal_output(np.exp(ell)))


def _sized(found: Named, kind: Kind) -> Named:
    """Return the divergence with the loss's own factor and labels."""
    factor = kind.size
    if kind.labels is not None and kind.labels[:2] != (-1.0, 1.0):
        factor *= (kind.labels[1] - kind.labels[0]) ** 2 / 4
    if factor == 1.0 and kind.stretch == 1.0:
        return found
    text = (
        found.text
        if factor == 1.0
        else f"{factor:g} {found.text}"
        if " " not in found.text
        else (f"{factor:g} ({found.text})")
    )
    output = found.output
    stretched = None if output is None else lambda ell, m: kind.stretch * output(ell, m)
    return Named(text, lambda m: factor * found.value(m), stretched)


def plain_maximum(kind: Kind) -> float:
    """Return the value for laws that share no point: the same under every coupling."""
    found = named(kind._replace(coupling="plain"))
    return math.nan if found is None else found.maximum
