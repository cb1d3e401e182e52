"""Divergences of normal laws and mixtures by a second route: integrals on panels, and differences between crossings.

On a line tv and w1 are differences of 30-digit antiderivatives between crossings, which an error of the crossing moves
in second order only; w2 is an integral along the monotone map. In the plane each line is cut where it crosses.
"""

import itertools
import math
from typing import Any

import mpmath
import numpy as np
from divergence_oracle import DIGITS, NODES, Number, Part, Parts, carried, integrals, legendre, mp, rungs, turns
from scipy import optimize, special


def second_route(p: Parts, q: Parts, names: tuple[str, ...], order: float) -> dict[str, Any]:
    """Return the divergences of two mixtures by the second route; what it does not have is left out."""
    d = len(p[0].mean)
    found: dict[str, Any] = {}
    if d == 1:
        found |= {n: f for n, f in (("tv", _tv_line), ("w1", _w1_line), ("w2", _w2_line)) if n in names}
        found = {n: f(p, q) for n, f in found.items()}
    elif len(p) == len(q) == 1:
        p, q = _diagonal(p[0], q[0])
        if "tv" in names:
            found["tv"] = _tv_plane(p[0])
    wanted = [n for n in names if n not in ("tv", "w1", "w2", "energy", "mmd2", "sliced")]
    if d > 1:  # chi2 of mixtures in the plane needs places far out
        wanted = [n for n in wanted if n not in ("chi2", "neyman")]
    return found | integrals(p, q, wanted, order)


def _diagonal(one: Part, other: Part) -> tuple[Parts, Parts]:
    shift, scale = carried(one, other)
    first = Part(1.0, np.array([float(v) for v in shift]), np.diag([float(s) for s in scale]))
    return (first,), (Part(1.0, np.zeros(2), np.eye(2)),)


# On a line, between crossings --------------------------------------------------------------------------------------


def _density(parts: Parts, x: np.ndarray) -> np.ndarray:
    logs = [math.log(o.weight) - 0.5 * ((x - o.mean[0]) / o.root[0, 0]) ** 2 - math.log(o.root[0, 0]) for o in parts]
    return np.asarray(special.logsumexp(logs, axis=0))


def _tails(parts: Parts, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return P(X <= x) and P(X > x), each right to its last digits."""
    z = np.stack([(x - one.mean[0]) / one.root[0, 0] for one in parts])
    w = np.array([one.weight for one in parts])
    return w @ special.ndtr(z), w @ special.ndtr(-z)


def _gap(p: Parts, q: Parts, x: np.ndarray) -> np.ndarray:
    """Return F - G, taken from whichever tails are smaller."""
    (f, up), (g, over) = _tails(p, x), _tails(q, x)
    return np.where(f + g < 1, f - g, over - up)


def _zeros(function: Any, parts: Parts) -> list[float]:
    """Return where a function changes its sign on a grid of a hundredth of a spread."""
    grid = rungs(parts, 0, 0.01, 40.0)
    values = function(grid)
    turn = np.flatnonzero(np.sign(values[:-1]) * np.sign(values[1:]) < 0)
    solve: Any = optimize.brentq
    roots = [solve(lambda x: function(np.array([x]))[0], grid[k], grid[k + 1], xtol=1e-15, rtol=1e-15) for k in turn]
    return [*roots, *grid[values == 0][:1]]


def _cdf(parts: Parts, x: Number) -> Number:
    return mpmath.fsum(mp(o.weight) * mpmath.ncdf((x - mp(o.mean[0])) / mp(o.root[0, 0])) for o in parts)


def _area(parts: Parts, x: Number) -> Number:
    """Return the integral of the distribution function up to x."""
    total = mpmath.mpf(0)
    for one in parts:
        s = mp(one.root[0, 0])
        z = (x - mp(one.mean[0])) / s
        total += mp(one.weight) * s * (z * mpmath.ncdf(z) + mpmath.npdf(z))
    return total


def _tv_line(p: Parts, q: Parts) -> Number:
    with mpmath.workdps(DIGITS):
        places = sorted(_zeros(lambda x: _density(p, x) - _density(q, x), p + q))
        sums = [mpmath.mpf(0), *(_cdf(p, mp(x)) - _cdf(q, mp(x)) for x in places), mpmath.mpf(0)]
        return mpmath.fsum(abs(b - a) for a, b in itertools.pairwise(sums)) / 2


def _w1_line(p: Parts, q: Parts) -> Number:
    with mpmath.workdps(DIGITS):
        places = sorted(_zeros(lambda x: _gap(p, q, x), p + q))
        means = [mpmath.fsum(mp(o.weight) * mp(o.mean[0]) for o in side) for side in (p, q)]
        sums = [mpmath.mpf(0), *(_area(p, mp(x)) - _area(q, mp(x)) for x in places), means[1] - means[0]]
        return mpmath.fsum(abs(b - a) for a, b in itertools.pairwise(sums))


def _w2_line(p: Parts, q: Parts) -> float:
    """Return Wasserstein-2 from the monotone map, panels laid along both laws and carried over by the map."""
    ladders = [np.concatenate([rungs(side, 0, 0.5, 9.0), turns(side)]) for side in (p, q)]
    carried_over = _matched(q, p, ladders[1])
    low, high = (f(o.mean[0] + way * 9 * o.root[0, 0] for o in p) for f, way in ((min, -1), (max, 1)))
    ends = np.unique(np.clip(np.concatenate([ladders[0], carried_over]), low, high))
    nodes, weights = (v.astype(float) for v in legendre(NODES[0]))
    half = np.diff(ends)[:, None] / 2
    x = (ends[:-1, None] + half * (nodes + 1)).reshape(-1)
    mass = (half * weights).reshape(-1) * np.exp(_density(p, x)) / math.sqrt(2 * math.pi)
    return math.sqrt(math.fsum((x - _matched(p, q, x)) ** 2 * mass))


def _matched(p: Parts, q: Parts, x: np.ndarray) -> np.ndarray:
    """Return G^-1(F(x)) by bisection, in whichever tail is the smaller."""
    low_tail, high_tail = _tails(p, x)
    lower = low_tail < high_tail
    low = np.full(len(x), min(o.mean[0] - 40 * o.root[0, 0] for o in q))
    high = np.full(len(x), max(o.mean[0] + 40 * o.root[0, 0] for o in q))
    for _ in range(90):
        middle = (low + high) / 2
        below, above = _tails(q, middle)
        left = np.where(lower, below < low_tail, above > high_tail)
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return (low + high) / 2


def _tv_plane(p: Part) -> Number:
    """Return the total variation of N(v, diag s^2) and N(0, I): lines cut at their two crossings, in 30 digits."""
    with mpmath.workdps(DIGITS):
        v, s = [mp(x) for x in p.mean], [mp(p.root[k, k]) for k in (0, 1)]
        # log p - log q = sum over axes of a x^2 + b x + c
        a = [(1 - 1 / t**2) / 2 for t in s]
        b = [m / t**2 for m, t in zip(v, s, strict=True)]
        c = mpmath.fsum(-(m**2) / (2 * t**2) - mpmath.log(t) for m, t in zip(v, s, strict=True))

        def apart(y: Number) -> Number:
            rest = a[1] * y * y + b[1] * y + c
            room = b[0] ** 2 - 4 * a[0] * rest
            f, g = mpmath.npdf(y, v[1], s[1]), mpmath.npdf(y)
            if room <= 0:
                return abs(f - g)
            root = mpmath.sqrt(room)
            ends = sorted([(-b[0] - root) / (2 * a[0]), (-b[0] + root) / (2 * a[0])])
            sums = [-(f - g) * 0, *(f * mpmath.ncdf((x - v[0]) / s[0]) - g * mpmath.ncdf(x) for x in ends), f - g]
            return mpmath.fsum(abs(high - low) for low, high in itertools.pairwise(sums))

        marks = [m + t * k for m, t in ((v[1], s[1]), (mpmath.mpf(0), mpmath.mpf(1))) for k in range(-12, 13, 2)]
        births = mpmath.polyroots([-4 * a[0] * a[1], -4 * a[0] * b[1], b[0] ** 2 - 4 * a[0] * c], maxsteps=200)
        marks += [mpmath.re(r) for r in births if abs(mpmath.im(r)) < 1e-20]
        marks = sorted(x for x in marks if min(marks[:26]) <= x <= max(marks[:26]))
        total: Any = mpmath.quad(apart, marks)
        return total / 2
