"""Optimality of an end state: how far the generator is from the data, and what a better discriminator would gain.

For the paper's cost J, a non-decreasing discriminator reaches at most 1 + D+, an unrestricted one 1 + TV; what is left
of these bounds says whether a plateau is near its optimum or only flat.
"""

import itertools
import math
from typing import Any

import numpy as np

from tussle.autodiff import float64
from tussle.laws import Erlang, Located, Mixture, Normal, Rayleigh, Uniform, composite
from tussle.lowdim.plateau import values
from tussle.models.erf_lsgan import ErfLSGAN
from tussle.moments import Part
from tussle.records import record


@record
class Optimality:
    """Distances of the generated law from the data, and what the discriminator could still gain.

    Attributes:
        value: the game's value at the state.
        d_plus: sup of S_r - S_g, the one-sided Kolmogorov-Smirnov distance (S are survival functions).
        d_minus: sup of S_g - S_r.
        tv: total variation.
        kl: KL(p_r || p_g); infinite where the generated support does not hold the data.
        w1: Wasserstein-1 distance.
        mean_error: E G - E X.
        variance_error: Var G - Var X.
        mao_optimum: int p_r p_g / (p_r + p_g), the least squares value of the best discriminator with labels 0, 1.
        monotone_gain: 1 + D+ - J, what a non-decreasing discriminator could gain (paper's cost, else None).
        unrestricted_gain: 1 + TV - J (paper's cost, else None).
    """

    value: float
    d_plus: float
    d_minus: float
    tv: float
    kl: float
    w1: float
    mean_error: float
    variance_error: float
    mao_optimum: float
    monotone_gain: float | None
    unrestricted_gain: float | None

    @property
    def ks(self) -> float:
        """The two-sided Kolmogorov-Smirnov distance."""
        return max(self.d_plus, self.d_minus)

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, and `ks`."""
        return {**vars(self), "ks": self.ks}


def law_of(parts: tuple[Part, ...], location: float = 0.0, scale: float = 1.0) -> Any:
    """Return the law that moved standard shapes stand for, moved once more."""
    standard = {"normal": Normal(), "uniform": Uniform(), "rayleigh": Rayleigh()}

    def one(part: Part) -> Any:
        name = part.shape.name
        law = Erlang(int(name.split()[1])) if name.startswith("erlang") else standard[name]
        return Located(law, location + scale * float(part.location), scale * float(part.scale))

    laws = [one(p) for p in parts]
    return laws[0] if len(laws) == 1 else Mixture(tuple(laws), tuple(float(p.weight) for p in parts))


def optimality(model: Any, point: Any) -> Optimality:
    """Return the distances and gains at a state of an erf-LSGAN.

    Args:
        model: from `models.erf_lsgan`, with closed forms.
        point: one vector per player.

    Example:
        >>> import tussle
        >>> found = optimality(tussle.models.erf_lsgan("A"), ([-2.0], [-3.0]))
        >>> round(found.d_plus, 6), round(found.monotone_gain, 6)
        (0.736403, 0.392234)
    """
    game: ErfLSGAN = model.game
    vectors = tuple(np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in point)
    value = float(values(game, np.concatenate(vectors)[None])[0])
    _, _, g, h = (float(v) for v in game.full(vectors))
    if _exponential(game) and g > 0:
        found = shifted_exponentials(g * float(game.latent[0].scale), h, 1.0 / float(game.data[0].scale))
    else:
        found = between(law_of(game.data), law_of(game.latent, h, g))
    paper = game.cost.name == "paper"
    gains = (1 + found["d_plus"] - value, 1 + found["tv"] - value) if paper else (None, None)
    return Optimality(value, **found, monotone_gain=gains[0], unrestricted_gain=gains[1])


def _exponential(game: ErfLSGAN) -> bool:
    parts = (*game.data, *game.latent)
    plain = all(p.shape.name == "erlang 1" and p.location == 0 and float(p.scale) > 0 for p in parts)
    return len(parts) == 2 and plain


# Two exponentials, one of them shifted: everything in closed form -----------------------------------------------------


def shifted_exponentials(g: float, h: float, c: float) -> dict[str, float]:
    """Return the distances between data of rate c and h + g E with E standard exponential, g > 0.

    Args:
        g: scale of the generated law.
        h: its shift.
        c: rate of the data.
    """
    x0 = max(0.0, h)
    slope = c - 1 / g
    cross = (math.log(c * g) - h / g) / slope if slope != 0 else math.nan
    cross = cross if math.isfinite(cross) and cross > x0 else None
    places = [0.0, h] + ([] if cross is None else [cross])
    gaps = [_survive(x, 0.0, 1 / c) - _survive(x, h, g) for x in places]
    d_plus, d_minus = max(0.0, *gaps), max(0.0, *(-v for v in gaps))
    cuts = [x0, *([] if cross is None else [cross]), math.inf]
    tv = -math.expm1(-c * h) if h > 0 else 0.0
    for low, high in itertools.pairwise(cuts):
        mass = [_survive(low, s, w) - _survive(high, s, w) for s, w in ((0.0, 1 / c), (h, g))]
        tv += max(0.0, mass[0] - mass[1])
    kl = math.log(c * g) - 1 + (1 - c * h) / (c * g) if h <= 0 else math.inf
    return {
        "d_plus": d_plus, "d_minus": d_minus, "tv": tv, "kl": kl, "w1": _transport(g, h, c),
        "mean_error": g + h - 1 / c, "variance_error": g * g - 1 / c**2, "mao_optimum": mao_optimum(g, h, c),
    }  # fmt: skip


def _survive(x: float, shift: float, scale: float) -> float:
    return math.exp(-max(x - shift, 0.0) / scale) if math.isfinite(x) else 0.0


def _transport(g: float, h: float, c: float) -> float:
    """Return int |F_r - F_g| = int_0^1 |Q_r(u) - Q_g(u)| du, Q_g - Q_r = h + (g - 1/c) e with e exponential."""
    gain = g - 1 / c
    if gain == 0 or h == 0 or h * gain > 0:
        return abs(h + gain)
    turn = -h / gain  # the quantiles cross at this exponential quantile
    return abs(h + gain - 2 * gain * math.exp(-turn))


def mao_optimum(g: float, h: float, c: float) -> float:
    """Return int p_r p_g / (p_r + p_g) of data of rate c and h + g E, by Gauss's hypergeometric function.

    Example:
        >>> round(mao_optimum(1.5, -2.0, 0.5), 15)
        0.206182917641816
    """
    from tussle.lowdim.closed import hypergeometric

    x0, d = max(0.0, h), 1 / g - c
    at = h / g - math.log(g * c) - d * x0  # log K'
    if abs(d) * max(g, 1 / c) < 1e-9:
        return _survive(x0, h, g) / (1 + math.exp(at))
    # The library's own 2F1(1, s; 1 + s; -z): SciPy's loses digits where s is near a whole number.
    with float64():
        if d > 0:
            return _survive(x0, h, g) * float(hypergeometric(1 / (g * d), math.exp(at)))
        return _survive(x0, 0.0, 1 / c) * float(hypergeometric(c / -d, math.exp(-at)))


# Any two laws of one dimension, by quadrature -----------------------------------------------------------------------


def between(data: Any, fake: Any) -> dict[str, float]:
    """Return the same distances between any two laws of one dimension, by quadrature on common panels (about 1e-12).

    Panels end where the densities or the distribution functions cross, so that every integrand is smooth on each.
    """
    edges = {*data.breaks, *fake.breaks, *(float(v[0]) for law in (data, fake) for v in law.window)}
    low, high = min(edges), max(edges)
    crossings = _crossings(data, fake, np.linspace(low, high, 4001)[1:-1])
    edges = tuple(edges | set(crossings))
    nodes = composite(Uniform(low, high), 24, 16, edges)
    x, w = nodes.points[:, 0], np.asarray(nodes.weights) * (high - low)
    log_p, log_q = data.log_density(x[:, None]), fake.log_density(x[:, None])
    p, q = np.exp(log_p), np.exp(log_q)
    places = np.array([*edges])
    gaps = np.append(fake.cdf(places) - data.cdf(places), 0.0)  # S_r - S_g at the only places where it can be extreme
    with np.errstate(divide="ignore", invalid="ignore"):
        surprise = np.where(p > 0, p * (log_p - log_q), 0.0)
        both = np.where(p + q > 0, p * q / (p + q), 0.0)
    moments = [(np.sum(w * f * x), np.sum(w * f * x * x)) for f in (p, q)]
    variance = [m2 - m1 * m1 for m1, m2 in moments]
    return {
        "d_plus": float(gaps.max()), "d_minus": float((-gaps).max()), "tv": float(0.5 * np.sum(w * np.abs(p - q))),
        "kl": float(np.sum(w * surprise)), "w1": float(np.sum(w * np.abs(fake.cdf(x) - data.cdf(x)))),
        "mean_error": float(moments[1][0] - moments[0][0]), "variance_error": float(variance[1] - variance[0]),
        "mao_optimum": float(np.sum(w * both)),
    }  # fmt: skip


def _crossings(data: Any, fake: Any, grid: np.ndarray) -> list[float]:
    """Return where the two densities and the two distribution functions cross."""
    from scipy.optimize import brentq

    def densities(x: float) -> float:
        at = np.array([[x]])
        return float(data.log_density(at)[0] - fake.log_density(at)[0])

    def functions(x: float) -> float:
        at = np.array([x])
        return float(data.cdf(at)[0] - fake.cdf(at)[0])

    found = []
    for function in (densities, functions):
        with np.errstate(invalid="ignore"):
            values = np.array([function(x) for x in grid])
        good = np.isfinite(values)
        turns = np.flatnonzero(good[:-1] & good[1:] & ((values[:-1] < 0) != (values[1:] < 0)))
        for k in turns:
            root: Any = brentq(function, grid[k], grid[k + 1], xtol=1e-15)
            found.append(float(root))
    return found
