"""Divergences of normal laws and mixtures by routes that share nothing with the library: what is true, to compare with.

Closed forms are evaluated in 30 digits. Integrals are Gauss-Legendre sums over panels laid along every part of both
laws, a fraction of a spread wide, in numpy's longest floating-point numbers.
"""

import functools
import itertools
import math
from typing import Any, NamedTuple

import mpmath
import numpy as np

LONG = np.longdouble
Number = Any  # of mpmath, which has no types
DIGITS = 30
NODES = 24, 16  # of a panel on a line, in the plane
FADED = 44.0  # places where all densities are below e^-44 of the top are left out in the plane
BANDWIDTH = 1.0


class Part(NamedTuple):
    """A share of a mixture: a normal law with its mean (d,) and covariance root (d, d)."""

    weight: float
    mean: np.ndarray
    root: np.ndarray


Parts = tuple[Part, ...]


def mp(value: Any) -> Number:
    """Return a number of numpy with all its digits."""
    return mpmath.mpf(float(value))


# Closed forms of two normal laws -----------------------------------------------------------------------------------


def exact(p: Parts, q: Parts, order: float) -> dict[str, Number]:
    """Return the divergences of two normal laws that have a closed form, in 30 digits; nothing for mixtures."""
    with mpmath.workdps(DIGITS):
        one, other = p[0], q[0]
        found = _kernels(p, q) if len(one.mean) == 1 else {}
        if len(p) > 1 or len(q) > 1:
            return found
        shift, scale = carried(one, other)
        found |= _f_divergences(shift, scale, order)
        if len(shift) == 1:
            m, s, n, t = (mp(v) for v in (one.mean[0], one.root[0, 0], other.mean[0], other.root[0, 0]))
            d, e = abs(m - n), abs(s - t)
            found["w1"] = e * mpmath.sqrt(2 / mpmath.pi) * mpmath.exp(-((d / e) ** 2) / 2) + d * mpmath.erf(
                d / e / mpmath.sqrt(2)
            )
            found["w2"] = mpmath.sqrt(d * d + e * e)
        return found


def carried(one: Part, other: Part) -> tuple[list[Number], list[Number]]:
    """Return shift and scales of the first law where the second is standard, by 30-digit linear algebra."""
    with mpmath.workdps(DIGITS + 10):
        root, base = mpmath.matrix(one.root.tolist()), mpmath.matrix(other.root.tolist())
        solved = base**-1 * root
        values, turn = mpmath.eigsy(solved * solved.T)
        delta = mpmath.matrix([mp(a) - mp(b) for a, b in zip(one.mean, other.mean, strict=True)])
        shift = turn.T * (base**-1 * delta)
        return [shift[k] for k in range(len(values))], [mpmath.sqrt(v) for v in values]


def _f_divergences(shift: list, scale: list, order: float) -> dict[str, Number]:
    kl = sum((s * s + v * v - 1) / 2 - mpmath.log(s) for v, s in zip(shift, scale, strict=True))
    back = sum((1 / s**2 + (v / s) ** 2 - 1) / 2 + mpmath.log(s) for v, s in zip(shift, scale, strict=True))

    def log_overlap(a: Number) -> Number:
        total = mpmath.mpf(0)
        for v, s in zip(shift, scale, strict=True):
            mixed = a + (1 - a) * s * s
            if mixed <= 0:
                return mpmath.inf
            total += -a * (1 - a) * v * v / (2 * mixed) - mpmath.log(mixed) / 2 + (1 - a) * mpmath.log(s)
        return total

    a = mp(order)
    half = log_overlap(mpmath.mpf("0.5"))
    found = {"kl": kl, "reverse_kl": back, "jeffreys": kl + back, "hellinger2": -2 * mpmath.expm1(half)}
    found |= {"bhattacharyya": -half, "renyi": log_overlap(a) / (a - 1)}
    found |= {"chi2": mpmath.expm1(log_overlap(mpmath.mpf(2))), "neyman": mpmath.expm1(log_overlap(mpmath.mpf(-1)))}
    return found | {"alpha": mpmath.expm1(log_overlap(a)) / (a * (a - 1))}


def _kernels(p: Parts, q: Parts) -> dict[str, Number]:
    """Return energy distance and Gaussian-kernel MMD^2 on a line, where both are finite sums."""
    parts = [(mp(x.weight), x) for x in p] + [(-mp(x.weight), x) for x in q]
    energy, mmd = mpmath.mpf(0), mpmath.mpf(0)
    for a, one in parts:
        for b, other in parts:
            m = mp(one.mean[0]) - mp(other.mean[0])
            v = mp(one.root[0, 0]) ** 2 + mp(other.root[0, 0]) ** 2
            s, h = mpmath.sqrt(v), mp(BANDWIDTH) ** 2
            size = s * mpmath.sqrt(2 / mpmath.pi) * mpmath.exp(-m * m / (2 * v)) + m * mpmath.erf(
                m / s / mpmath.sqrt(2)
            )
            energy -= a * b * size
            mmd += a * b * mpmath.sqrt(h / (h + v)) * mpmath.exp(-m * m / (2 * (h + v)))
    return {"energy": energy, "mmd2": mmd}


# Densities in long numbers -----------------------------------------------------------------------------------------


class Long(NamedTuple):
    """A part in long numbers; its root is inverted."""

    log_weight: Any
    mean: np.ndarray
    inverse: np.ndarray
    log_volume: Any

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return log(weight density) at points (n, d)."""
        z = (x - self.mean) @ self.inverse.T
        return self.log_weight - np.sum(z * z, axis=1) / 2 - self.log_volume


def _long(value: Number) -> Any:
    return LONG(mpmath.nstr(value, 25))


def _longs(parts: Parts) -> list[Long]:
    found = []
    with mpmath.workdps(DIGITS):
        for one in parts:
            d = len(one.mean)
            root = mpmath.matrix(one.root.tolist())
            inverse = root**-1
            size = mpmath.log(abs(mpmath.det(root))) + d * mpmath.log(2 * mpmath.pi) / 2
            rows = np.array([[_long(inverse[i, j]) for j in range(d)] for i in range(d)], dtype=LONG)
            found.append(Long(_long(mpmath.log(mp(one.weight))), one.mean.astype(LONG), rows, _long(size)))
    return found


def _log_density(parts: list[Long], x: np.ndarray) -> np.ndarray:
    logs = np.stack([one.log_density(x) for one in parts])
    top = logs.max(axis=0)
    return top + np.log(np.sum(np.exp(logs - top), axis=0))


@functools.cache
def legendre(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of Gauss and Legendre in long numbers, refined by Newton steps in 30 digits."""
    nodes, weights = [], []
    with mpmath.workdps(DIGITS):
        for start in np.polynomial.legendre.leggauss(order)[0]:
            x = mpmath.mpf(float(start))
            for _ in range(3):
                low, high = mpmath.legendre(order - 1, x), mpmath.legendre(order, x)
                slope = order * (low - x * high) / (1 - x * x)
                x -= high / slope
            low, high = mpmath.legendre(order - 1, x), mpmath.legendre(order, x)
            slope = order * (low - x * high) / (1 - x * x)
            nodes.append(_long(x))
            weights.append(_long(2 / ((1 - x * x) * slope**2)))
    return np.array(nodes, dtype=LONG), np.array(weights, dtype=LONG)


def rungs(parts: Parts, axis: int, step: float, reach: float) -> np.ndarray:
    """Return where panels end on an axis: every fraction of a spread along each part."""
    found = []
    for one in parts:
        wide = float(np.linalg.norm(one.root[axis]))
        fine = 1 / float(np.linalg.norm(np.linalg.inv(one.root)[:, axis]))
        count = math.ceil(reach * wide / (step * fine))
        found.append(one.mean[axis] + wide * reach * np.linspace(-1, 1, 2 * count + 1))
    rungs = np.unique(np.concatenate(found))
    return rungs[np.concatenate([[True], np.diff(rungs) > 1e-12 * np.abs(rungs).max()])]


LADDER = np.concatenate([np.arange(0.0, 3.0, 0.25), 3.0 * 1.25 ** np.arange(40)])


def turns(parts: Parts) -> np.ndarray:
    """Return ends of panels around the places on a line where one part takes over from another.

    The logarithm of their sum is singular beside them, as far from the line as the steepness of their ratio says.
    """
    found = []
    for one, other in itertools.combinations(parts, 2):
        (m, s), (n, t) = ((float(o.mean[0]), float(o.root[0, 0])) for o in (one, other))
        a, b = 0.5 / t**2 - 0.5 / s**2, m / s**2 - n / t**2
        c = 0.5 * (n / t) ** 2 - 0.5 * (m / s) ** 2 + math.log(one.weight / other.weight * t / s)
        for root in np.roots([a, b, c]):
            width = math.pi / max(abs(2 * a * root + b), math.sqrt(abs(a)))
            found.append(root.real + width * np.concatenate([-LADDER[::-1], LADDER]))
    return np.concatenate(found) if found else np.empty(0)


def _axis(rungs: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = legendre(order)
    ends = rungs.astype(LONG)
    half = np.diff(ends)[:, None] / 2
    return (ends[:-1, None] + half * (nodes + 1)).reshape(-1), (half * weights).reshape(-1)


# Integrals ---------------------------------------------------------------------------------------------------------


class Logs(NamedTuple):
    """Two log densities, the densities, and those of their mean."""

    log_p: np.ndarray
    log_q: np.ndarray
    log_m: np.ndarray
    p: np.ndarray
    q: np.ndarray
    m: np.ndarray


def logs_of(log_p: np.ndarray, log_q: np.ndarray) -> Logs:
    """Return all of them from the two log densities."""
    high, low = np.maximum(log_p, log_q), np.minimum(log_p, log_q)
    log_m = high + np.log1p(np.exp(low - high)) - np.log(LONG(2))
    p, q = np.exp(log_p), np.exp(log_q)
    return Logs(log_p, log_q, log_m, p, q, (p + q) / 2)


def integrand(name: str, at: Logs, order: float) -> np.ndarray:
    """Return q f(p/q) of a divergence, as it stands in books."""
    log_p, log_q, log_m, p, q, m = at
    a = LONG(order)
    powers = {"chi2": LONG(2), "neyman": LONG(-1), "bhattacharyya": LONG(0.5), "renyi": a, "alpha": a}
    if name in powers:
        return np.exp(powers[name] * log_p + (1 - powers[name]) * log_q)
    return {
        "kl": lambda: p * (log_p - log_q),
        "reverse_kl": lambda: q * (log_q - log_p),
        "jeffreys": lambda: (p - q) * (log_p - log_q),
        "js": lambda: (p * (log_p - log_m) + q * (log_q - log_m)) / 2,
        "hellinger2": lambda: (np.sqrt(p) - np.sqrt(q)) ** 2,
        "delta": lambda: (p - q) ** 2 / np.where(m > 0, 2 * m, 1),
        "nonsaturating": lambda: 2 * m * (log_m - log_p),
    }[name]()


def _read(name: str, total: Any, order: float) -> Any:
    a = LONG(order)
    if name in ("chi2", "neyman"):
        return total - 1
    if name == "bhattacharyya":
        return -np.log(total)
    if name == "renyi":
        return np.log(total) / (a - 1)
    return (total - 1) / (a * (a - 1)) if name == "alpha" else total


def _infinite(name: str, p: Parts, q: Parts) -> bool:
    """Say whether chi2 of mixtures on a line is infinite: the widest parts decide."""
    if name not in ("chi2", "neyman") or len(p[0].mean) > 1:
        return False
    top, bottom = (p, q) if name == "chi2" else (q, p)
    widest = [max(float(one.root[0, 0]) for one in side) for side in (top, bottom)]
    return widest[0] ** 2 >= 2 * widest[1] ** 2


def integrals(p: Parts, q: Parts, names: list[str], order: float) -> dict[str, Any]:
    """Return the f-divergences of these names as sums over panels."""
    found = {n: math.inf for n in names if _infinite(n, p, q)}
    left = [n for n in names if n not in found]
    far = [n for n in left if n in ("chi2", "neyman")]
    for some, reach in (([n for n in left if n not in far], 13.0), (far, _far_reach(p, q) if far else 0.0)):
        if some:
            found |= _sums(p, q, some, order, reach)
    return found


def _far_reach(p: Parts, q: Parts) -> float:
    """Return how many spreads out p^2/q is still felt: it falls like a normal law of its own spread and place."""
    widest = [max(float(one.root[0, 0]) for one in side) for side in (p, q)]
    worst = 1.0
    for a, b in (widest, widest[::-1]):
        precision = 2 / a**2 - 1 / b**2
        worst = max(worst, 1 / (precision * min(a, b) ** 2)) if precision > 0 else worst
    return min(14.0 * worst + 60.0, 4000.0)


def _sums(p: Parts, q: Parts, names: list[str], order: float, reach: float) -> dict[str, Any]:
    d = len(p[0].mean)
    ladders = [rungs(p + q, k, 0.5, reach) for k in range(d)]
    if d == 1:
        ends = np.concatenate([ladders[0], turns(p + q)])
        ladders[0] = np.unique(np.clip(ends, ladders[0][0], ladders[0][-1]))
    axes = [_axis(ends, NODES[d - 1]) for ends in ladders]
    longs = _longs(p), _longs(q)
    totals = dict.fromkeys(names, LONG(0))
    for x, mass in _nodes(axes, p + q, d):
        at = logs_of(*(_log_density(side, x) for side in longs))
        for name in names:
            totals[name] += integrand(name, at, order) @ mass
    return {name: _read(name, total, order) for name, total in totals.items()}


def _nodes(axes: list, parts: Parts, d: int) -> Any:
    """Yield the nodes that matter, some at a time, with their masses."""
    if d == 1:
        yield axes[0][0][:, None], axes[0][1]
        return
    (x, a), (y, b) = axes
    step = max(1, 400_000 // len(y))
    tops = [math.log(one.weight) - math.log(abs(np.linalg.det(one.root))) for one in parts]
    for k in range(0, len(x), step):
        grid = np.stack(np.meshgrid(x[k : k + step].astype(float), y.astype(float), indexing="ij"), axis=-1)
        held = np.zeros(grid.shape[:2], dtype=bool)
        for one, top in zip(parts, tops, strict=True):
            z = (grid - one.mean) @ np.linalg.inv(one.root).T
            held |= top - np.sum(z * z, axis=-1) / 2 > max(tops) - FADED
        i, j = np.nonzero(held)
        if len(i):
            yield np.stack([x[k + i], y[j]], axis=1), a[k + i] * b[j]
