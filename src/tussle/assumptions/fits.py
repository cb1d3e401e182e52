"""Relaxing the choice of divergence and the generator: the best normal law for two modes, and what is left to see.

The target is N(-a, 1)/2 + N(a, 1)/2. All local minima over (mu, sigma) are found: those of a grid, each polished. The
smooth divergences are read by the trapezoid, which converges geometrically, and their stationary points solved for
with exact derivatives; total variation and W1 have kinks and are minimized by their values.

Reference:
    Minka, "Divergence measures and message passing", MSR-TR-2005-173 (which divergence covers, which takes one mode).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tussle import checks
from tussle.assumptions.experiments import Experiment, Value
from tussle.critics.densities import density_critic
from tussle.divergences import divergence
from tussle.laws import Mixture, Normal
from tussle.laws.base import AbstractLaw

NAMES = ("kl", "reverse_kl", "js", "hellinger2", "w1", "tv")
SMOOTH = ("kl", "reverse_kl", "js", "hellinger2")
TITLES = {"kl": "KL", "reverse_kl": "reverse KL", "js": "JS", "hellinger2": "H2", "w1": "W1", "tv": "TV"}
NODES = 1201  # of the trapezoid
GRID = (33, 33)  # values of mu and of sigma


class Fit(NamedTuple):
    """A local minimum.

    Attributes:
        mean: mu, 0 or more (minus mu is one too).
        std: sigma.
        value: of the divergence there.
    """

    mean: float
    std: float
    value: float


def two_modes(a: float) -> Mixture:
    """Return the target N(-a, 1)/2 + N(a, 1)/2."""
    return Mixture((Normal(-float(a), 1.0), Normal(float(a), 1.0)))


def fits(a: float = 4.0, names: Sequence[str] = NAMES) -> Experiment:
    """Return the best normal laws for two modes under several divergences, all local minima.

    Args:
        a: the modes are at -a and a; from 1 to 12.
        names: of the divergences: kl, reverse_kl, js, hellinger2, w1, tv.

    Raises:
        ValueError: for another distance or divergence.

    >>> found = fits(names=("kl",))
    >>> [round(x, 4) for x in found.rows[0][2:5]]
    [0.0, 4.1231, 0.7236]
    """
    _check_distance("a", a)
    rows: list[tuple[Value, ...]] = []
    words = []
    for name in names:
        checks.choice("names", name, NAMES)
        found = minima(name, float(a))
        for fit in found:
            kind = "covers both" if fit.mean < 1e-3 else "takes one mode" if fit.std < 1.5 else "leans to one mode"
            rank = "global" if fit is found[0] else "local"
            rows.append((TITLES[name], float(a), fit.mean, fit.std, fit.value, kind, rank))
            words += [f"{TITLES[name]} {kind}"] if rank == "global" else []
    notes = (
        "A minimum at mu > 0 has a mirror image at -mu.",
        "Under KL the best normal law matches mean and variance: sigma^2 = 1 + a^2.",
    )
    columns = ("divergence", "a", "mu", "sigma", "value", "kind", "minimum")
    sentence = f"Of the same two modes at +-{a:g}, " + ", ".join(words) + ": the divergence decides what is lost."
    title = f"The best single normal law for two modes at +-{a:g}"
    return Experiment("fits", title, (4, 5), columns, tuple(rows), notes, sentence)


def crossover(distances: Sequence[float] = (2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0), name: str = "js") -> Experiment:
    """Return where a divergence switches from covering both modes to taking one, as their distance grows.

    Args:
        distances: a of the modes at -a and a, from 1 to 12, in increasing order.
        name: js or hellinger2.

    Raises:
        ValueError: for another divergence, a wrong distance, or if the minima do not change places in between.

    >>> round(float(crossover((4.0, 4.5)).rows[1][0]), 3)
    4.245
    """
    checks.choice("name", name, ("js", "hellinger2"))
    for a in distances:
        _check_distance("distances", a)
    if sorted(set(distances)) != list(distances) or not distances:
        message = f"`distances` is {list(distances)}; it must increase; sort it and drop what comes twice."
        raise ValueError(message)
    found = {float(a): _pair(name, float(a)) for a in distances}
    place = crossing(name, tuple(found))
    found[place] = _pair(name, place)
    apart = {"js": single_js(), "hellinger2": 2 - math.sqrt(2)}[name]
    rows = tuple(_crossover_row(a, *found[a]) for a in sorted(found))
    notes = (
        "nan: there is no such local minimum at this distance.",
        f"As a goes to infinity the one-mode minimum goes to {apart:.5f}, that of N(a, 1) itself.",
    )
    sentence = (
        f"{TITLES[name]} covers both modes up to a = {place:.4f} and takes one beyond: it favors neither by law, but "
        "by distance."
    )
    columns = ("a", "cover sigma", "cover value", "one-mode mu", "one-mode sigma", "one-mode value", "winner")
    title = f"{TITLES[name]}: covering two modes at +-a, or taking one"
    return Experiment("crossover", title, (4, 5), columns, rows, notes, sentence)


def single_js() -> float:
    """Return JS of a law and one half of it: its limit at a one-mode minimum as the modes go apart.

    >>> round(single_js(), 5)
    0.21576
    """
    return 0.5 * math.log(4 / 3) + 0.25 * math.log(2 / 3) + 0.25 * math.log(2)


def _crossover_row(a: float, cover: Fit | None, one: Fit | None) -> tuple[Value, ...]:
    missing = Fit(math.nan, math.nan, math.nan)
    left, right = cover or missing, one or missing
    if cover is None or one is None:
        winner = "one mode" if cover is None else "cover"
    elif abs(left.value - right.value) < 1e-9:
        winner = "tie"
    else:
        winner = "cover" if left.value < right.value else "one mode"
    return (a, left.std, left.value, right.mean, right.std, right.value, winner)


def crossing(name: str, distances: Sequence[float]) -> float:
    """Return the distance at which both minima have one value, by root finding between two of the distances.

    Raises:
        ValueError: if they do not change places there.
    """
    from scipy.optimize import brentq

    def excess(a: float) -> float:
        cover, one = _pair(name, a)
        if cover is None or one is None:
            return -1.0 if one is None else 1.0
        return cover.value - one.value

    heights = [excess(a) for a in distances]
    for low, high, first, second in zip(distances, distances[1:], heights, heights[1:], strict=False):
        if first < 0 <= second:
            found: Any = brentq(excess, low, high, xtol=1e-10)
            return float(found)
    message = f"`distances` go from {distances[0]:g} to {distances[-1]:g}, where the minima do not change places; "
    raise ValueError(message + "give a range around 4.2.")


def _pair(name: str, a: float) -> tuple[Fit | None, Fit | None]:
    """Return the minimum at mu = 0 and the one nearest to a single mode, where there are such."""
    target = _target(a)
    cover, one = (_solved(name, target, start) for start in ((0.0, math.sqrt(1 + a * a)), (0.97 * a, 1.1)))
    cover = cover if cover is not None and abs(cover.mean) < 1e-6 else None
    return cover, one if one is not None and one.mean > 1e-3 else None


# An ideal critic, a finite generator ---------------------------------------------------------------------------------


def realizability(a: float = 4.0) -> Experiment:
    """Return how near generators of several families come to two modes under the ideal critic of the log loss.

    Args:
        a: the modes are at -a and a, from 1 to 12.

    >>> round(realizability().rows[1][3], 5)
    0.40193
    """
    _check_distance("a", a)
    target = two_modes(a)
    best = minima("js", float(a))[0]
    place = _best_place(target, float(a))
    families: list[tuple[str, int, AbstractLaw]] = [
        ("N(mu, 1)", 1, Normal(place, 1.0)),
        ("N(mu, sigma^2)", 2, Normal(best.mean, best.std)),
        ("two modes at +-mu", 1, two_modes(a)),
    ]
    rows: list[tuple[Value, ...]] = []
    for name, count, law in families:
        critic = density_critic("minimax", target, law)
        least = 2 * divergence("js", target, law, tolerance=1e-12).value
        rows.append((name, count, _words(law), least, -critic.value, 2 * math.log(2)))
    notes = (
        "L_D is the loss of the ideal critic at the best generator; at a generator that makes the data it is log 4.",
        "Their difference is the realizability gap, min 2 JS.",
    )
    sentence = (
        f"Against two modes at +-{a:g} a single normal law leaves the ideal critic {rows[1][3]:.5f} below log 4: it "
        "wins for good; only the family that holds the data brings it to log 4."
    )
    columns = ("generator", "parameters", "best", "min 2 JS", "L_D", "log 4")
    title = "An ideal critic against finite generators"
    return Experiment("realizability", title, (4,), columns, tuple(rows), notes, sentence)


def _best_place(target: Mixture, a: float) -> float:
    """Return the mu >= 0 at which N(mu, 1) has the least JS to the target."""
    from scipy.optimize import minimize_scalar

    def height(mu: float) -> float:
        return divergence("js", target, Normal(float(mu), 1.0), tolerance=1e-12).value

    grid = np.linspace(0.0, 1.5 * a, 25)
    k = int(np.argmin([height(mu) for mu in grid]))
    bounds = (float(grid[max(k - 1, 0)]), float(grid[min(k + 1, len(grid) - 1)]))
    found: Any = minimize_scalar(height, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    return float(found.x)


def _words(law: AbstractLaw) -> str:
    if isinstance(law, Mixture):
        return f"mu = {max(float(part.mean) for part in law.laws):.4g}"
    assert isinstance(law, Normal)
    return f"mu = {float(law.mean):.4f}, sigma = {float(law.std):.4f}"


# Minima -------------------------------------------------------------------------------------------------------------


class _Target(NamedTuple):
    """The target at the nodes of the trapezoid."""

    law: Mixture
    x: np.ndarray
    step: float
    log_p: np.ndarray
    cdf: np.ndarray


def _target(a: float) -> _Target:
    law, reach = two_modes(a), 40.0 + 5 * a
    x = np.linspace(-reach, reach, NODES)
    return _Target(law, x, float(x[1] - x[0]), law.log_density(x[:, None]), law.cdf(x))


def minima(name: str, a: float) -> list[Fit]:
    """Return all local minima over mu >= 0 and sigma, the lowest first.

    Args:
        name: of the divergence.
        a: the modes are at -a and a.
    """
    target = _target(a)
    means, stds = np.linspace(0.0, 1.5 * a, GRID[0]), np.geomspace(0.3, 3 * a, GRID[1])
    heights = np.array([[_height(name, target, m, s) for s in stds] for m in means])
    mirrored = np.vstack([heights[1:2], heights])  # the row at -mu
    found: list[Fit] = []
    for i, j in _lowest(mirrored):
        start = (float(means[i - 1]), float(stds[j]))
        fit = _solved(name, target, start) if name in SMOOTH else _polished(name, target, start)
        if fit is not None and all(math.hypot(fit.mean - o.mean, fit.std - o.std) > 1e-4 for o in found):
            found.append(fit)
    return sorted(found, key=lambda fit: fit.value)


def _lowest(heights: np.ndarray) -> list[tuple[int, int]]:
    """Return the inner cells of a table that none of their eight neighbors undercuts."""
    inner = heights[1:-1, 1:-1]
    low = np.ones_like(inner, dtype=bool)
    n, m = heights.shape
    for i in range(3):
        for j in range(3):
            low &= inner <= heights[i : n - 2 + i, j : m - 2 + j]
    return [(int(i) + 1, int(j) + 1) for i, j in np.argwhere(low)]


def _height(name: str, target: _Target, mean: float, std: float) -> float:
    """Return the divergence by the trapezoid; roughly where it has kinks."""
    from scipy.special import ndtr

    x, log_p = target.x, target.log_p
    z = (x - mean) / std
    log_q = -0.5 * z * z - math.log(std) - 0.5 * math.log(2 * math.pi)
    p, q = np.exp(log_p), np.exp(log_q)
    if name == "w1":
        return float(np.sum(np.abs(target.cdf - ndtr(z)))) * target.step
    middle = np.logaddexp(log_p, log_q) - math.log(2)
    terms = {
        "kl": lambda: p * (log_p - log_q),
        "reverse_kl": lambda: q * (log_q - log_p),
        "js": lambda: 0.5 * (p * (log_p - middle) + q * (log_q - middle)),
        "hellinger2": lambda: (np.exp(0.5 * log_p) - np.exp(0.5 * log_q)) ** 2,
        "tv": lambda: 0.5 * np.abs(p - q),
    }[name]()
    return float(np.sum(terms)) * target.step


def _slope(name: str, target: _Target, mean: float, std: float) -> np.ndarray:
    """Return the derivatives of a smooth divergence in mu and sigma, the integral of h(p/q) times those of q."""
    x, log_p = target.x, target.log_p
    z = (x - mean) / std
    log_q = -0.5 * z * z - math.log(std) - 0.5 * math.log(2 * math.pi)
    q = np.exp(log_q)
    weight = {
        "kl": lambda: -np.exp(log_p),
        "reverse_kl": lambda: q * (log_q - log_p),
        "js": lambda: -0.5 * q * np.logaddexp(0.0, log_p - log_q),
        "hellinger2": lambda: -np.exp(0.5 * (log_p + log_q)),
    }[name]()
    return np.array([np.sum(weight * z), np.sum(weight * (z * z - 1))]) * (target.step / std)


def _solved(name: str, target: _Target, start: tuple[float, float]) -> Fit | None:
    """Return the stationary point near a start, None if it is no minimum or there is none."""
    from scipy.optimize import root

    def equations(v: np.ndarray) -> np.ndarray:
        return _slope(name, target, float(v[0]), float(np.exp(v[1])))

    found: Any = root(equations, (start[0], math.log(start[1])), tol=1e-14)
    mean, std = abs(float(found.x[0])), float(np.exp(np.clip(found.x[1], -5.0, 5.0)))
    if np.abs(equations(np.array([mean, math.log(std)]))).max() > 1e-9 or not _is_bowl(equations, mean, std):
        return None
    mean = 0.0 if mean < 1e-9 else mean
    return Fit(mean, std, divergence(name, target.law, Normal(mean, std), tolerance=1e-12).value)


def _is_bowl(equations: Callable[[np.ndarray], np.ndarray], mean: float, std: float) -> bool:
    """Say whether the second derivatives at a stationary point are positive definite."""
    at, h = np.array([mean, math.log(std)]), 1e-5
    rows = [(equations(at + h * e) - equations(at - h * e)) / (2 * h) for e in np.eye(2)]
    bend = np.array(rows)
    bend[1] /= std  # the second coordinate is log sigma
    return bool(np.all(np.linalg.eigvalsh(0.5 * (bend + bend.T)) > 0))


def _polished(name: str, target: _Target, start: tuple[float, float]) -> Fit:
    """Return the minimum near a start by the values alone."""
    from scipy.optimize import minimize

    def value(v: np.ndarray) -> float:
        return divergence(name, target.law, Normal(float(v[0]), float(np.exp(v[1])))).value

    options = {"xatol": 1e-6, "fatol": 1e-11, "initial_simplex": _simplex(start)}
    found: Any = minimize(value, (start[0], math.log(start[1])), method="Nelder-Mead", options=options)
    mean = abs(float(found.x[0]))
    return Fit(0.0 if mean < 1e-4 else mean, float(np.exp(found.x[1])), float(found.fun))


def _simplex(start: tuple[float, float]) -> np.ndarray:
    mean, log_std = start[0], math.log(start[1])
    return np.array([[mean, log_std], [mean + 0.1, log_std], [mean, log_std + 0.05]])


def _check_distance(name: str, a: float) -> None:
    if not 1 <= checks.number(name, a) <= 12:
        message = f"`{name}` is {a}; it must lie from 1 to 12, where two modes are told apart; give such a distance."
        raise ValueError(message)
