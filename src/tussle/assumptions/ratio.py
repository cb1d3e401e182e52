"""Assumption 2, the ratio by classification: how much of p/q the optimal critic of a loss still tells.

A classifier D of real against fake has the log loss L(D) = -E_p log D - E_q log(1 - D), and with D* = p/(p+q)

    2 JS - (2 log 2 - L(D)) = L(D) - L(D*) = 2 E_m KL(Bern(D*) || Bern(D)) >= 0,    m = (p + q)/2.

The optimal critic of a loss is read by the best classifier that sees nothing but its output. What that classifier lacks
is the gap, in nats: 0 where the output tells the ratio, more where it tells only a part, as sign(p - q) of the hinge.

References:
    Goodfellow et al., "Generative adversarial nets", NIPS 2014. Nie, Patel, UAI 2019.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from tussle.assumptions.optimum import FAR, Optimum, in_numpy
from tussle.assumptions.rows import Row, measured, unknown
from tussle.assumptions.scene import Scene
from tussle.critics.densities import density_critic
from tussle.critics.finite import is_linear
from tussle.critics.masses import Masses
from tussle.divergences import divergence
from tussle.divergences.supports import Side, leaves, mean_and_root
from tussle.laws import Normal
from tussle.losses import Loss

LOG2 = math.log(2.0)
DIGITS = 12  # to which payoffs must agree for two outputs to tell the same
NOISE = 1e-13  # differences of distribution functions below it have no sign
ROUNDING = 1e-12  # gaps below it are none


class ExcessRisk(NamedTuple):
    """What a classifier lacks, both ways.

    Attributes:
        direct: 2 JS - (2 log 2 - L(D)), JS found apart from D.
        identity: 2 E_m KL(Bern(D*) || Bern(D)).
        loss: L(D).
        js: the Jensen-Shannon divergence.
        error: of the quadrature.
    """

    direct: float
    identity: float
    loss: float
    js: float
    error: float


def excess_risk(critic: Any, p: Any, q: Any) -> ExcessRisk:
    """Return the excess risk of D = sigma(C) on two laws of a line, by both sides of the identity.

    Args:
        critic: C, from points (n,) to logits (n,), in NumPy.
        p: the real law.
        q: the generated law.

    >>> from tussle.laws import Normal
    >>> found = excess_risk(lambda x: 0.5 - 0.8 * x, Normal(0.0), Normal(1.0))
    >>> round(found.direct, 6), round(found.identity, 6)
    (0.009138, 0.009138)
    """
    grid = density_critic("minimax", p, q)
    masses = Masses(grid.masses.log_p.reshape(-1), grid.masses.log_q.reshape(-1))
    logits = np.asarray(critic(grid.points.reshape(-1)), dtype=np.float64)
    js = divergence("js", p, q)
    return excess_of(masses, logits, js.value, 2 * js.error + 4 * grid.error + 1e-15)


def excess_of(m: Masses, logits: np.ndarray, js: float, error: float = 0.0) -> ExcessRisk:
    """Return the excess risk of logits at common points.

    Args:
        m: masses of both laws, (n,).
        logits: of D, (n,); infinite ones may come where only one law has mass.
        js: the Jensen-Shannon divergence, found by another route.
        error: of what is known so far.
    """
    p, q, best = m.p, m.q, np.clip(m.logit, -FAR, FAR)
    given = np.clip(logits, -FAR, FAR)
    costs = [np.logaddexp(0.0, -x) for x in (given, best)], [np.logaddexp(0.0, x) for x in (given, best)]
    loss = float(p @ costs[0][0] + q @ costs[1][0])
    identity = float(p @ (costs[0][0] - costs[0][1]) + q @ (costs[1][0] - costs[1][1]))
    return ExcessRisk(2 * js - (2 * LOG2 - loss), identity, loss, js, error)


def ratio(scene: Scene, best: Optimum | str) -> Row:
    """Return the row of the ratio by classification."""
    common, loss = scene.common, scene.game.loss_function
    if common is None:
        return unknown(2, f"{scene.why}; without both densities there is no ratio to compare with", "nats")
    if isinstance(best, str):
        return unknown(2, best, "nats")
    logits = _of_potential(scene) if is_linear(loss) else _of_outputs(loss, best, common.masses)
    if logits is None:
        return unknown(2, "the transport potential, which is this critic's optimum, has no formula here", "nats")
    js = _js(scene)
    found = excess_of(common.masses, logits, js[0], js[1] + 4 * common.error + 1e-15)
    apart = abs(found.direct - found.identity)
    error = max(apart, found.error) + best.blur
    words = _words(best, loss, found, common.js)
    evidence = f"{words} ({found.direct:.4g} by 2 JS - (2 log 2 - L), {found.identity:.4g} by 2 E_m KL)"
    return measured(2, found.identity, error, "nats", evidence, least=_least(best))


def _least(best: Optimum) -> float:
    """Return the gap that is none: rounding, or what cells and the digits of a program cannot tell apart."""
    return max(ROUNDING, 2 * best.blur)


def _words(best: Optimum, loss: Loss, found: ExcessRisk, js: float) -> str:
    lost = max(found.identity, 0.0)
    if lost <= max(_least(best), found.error):
        words = f"from the optimal critic of {loss.name} the ratio p/q can be read off: "
        return f"{words}nothing is lost of 2 JS = {2 * js:.4g}"
    whole = 2 * js
    share = f", {lost / whole:.0%} of it" if whole > 0 else ""
    words = f"the optimal critic of {loss.name} does not tell the ratio p/q: "
    return f"{words}of 2 JS = {whole:.4g}, {lost:.4g} is lost{share}"


def _js(scene: Scene) -> tuple[float, float]:
    """Return JS and its error by the library's divergences, that is by another rule than the common points."""
    p, q = scene.real, scene.fake
    if p is None or q is None or scene.common is None:
        return math.nan, math.nan
    if p.kind == q.kind == "law":
        found = divergence("js", p.law, q.law)
        if found.route != "samples":
            return found.value, 2 * found.error
    if p.kind != q.kind and "law" in (p.kind, q.kind):
        return LOG2, 0.0
    return scene.common.js, 1e-15


# Readings ---------------------------------------------------------------------------------------------------------


def _of_outputs(loss: Loss, best: Optimum, m: Masses) -> np.ndarray | None:
    """Return the logits of the best classifier that sees the outputs: points of one output share their masses."""
    if best.outputs is None:
        return None
    kept = np.round(best.outputs, 5)[:, None]
    if best.route != "cells":
        told = (loss.critic_real, loss.critic_fake) if loss.coupling == "plain" else ()
        seen = np.stack([in_numpy(f)(best.outputs) for f in told] or [best.outputs], axis=1)
        size = 10.0 ** np.ceil(np.log10(np.maximum(1.0, np.abs(seen))))
        kept = np.concatenate([np.round(seen / size, DIGITS), size], axis=1)
    _, where = np.unique(kept, axis=0, return_inverse=True)
    where = where.reshape(-1)
    with np.errstate(divide="ignore"):
        logs = [np.log(np.bincount(where, mass)) for mass in (m.p, m.q)]
    joined = Masses(logs[0], logs[1]).logit
    single = np.bincount(where) == 1
    return np.where(single[where], m.logit, joined[where])


def _of_potential(scene: Scene) -> np.ndarray | None:
    """Return the logits of the best classifier that sees the potential of optimal transport."""
    p, q, common = scene.real, scene.fake, scene.common
    if p is None or q is None or common is None:
        return None
    if p.kind != "law" or q.kind != "law":
        return common.masses.logit if p.kind == q.kind and _injective(p, q) else None
    if p.dimension == 1:
        return _along_the_line(p.law, q.law, common.points[:, 0])
    return _along_the_shift(p, q, common.points)


def _injective(p: Side, q: Side) -> bool:
    """Say whether the potential of atoms tells them apart: of one atom each it does."""
    return len(p.points) == len(q.points) == 1


def _along_the_line(p: Any, q: Any, x: np.ndarray) -> np.ndarray:
    """Sum both densities over all places with the same potential C, C' = sign(F_q - F_p)."""
    order = np.argsort(x)
    at = x[order]
    gap = q.cdf(at) - p.cdf(at)
    signs = np.sign(np.where(np.abs(gap) > NOISE, gap, 0.0))
    signs = _carried(signs)
    ends = np.flatnonzero(np.diff(signs) != 0)
    edges = np.concatenate([[at[0]], [_crossing(p, q, at[k], at[k + 1]) for k in ends], [at[-1]]])
    slopes = np.concatenate([signs[ends], signs[-1:]])
    heights = np.concatenate([[0.0], np.cumsum(slopes * np.diff(edges))])
    piece = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(slopes) - 1)
    level = heights[piece] + slopes[piece] * (x - edges[piece])
    logs = [[], []]
    for k, slope in enumerate(slopes):
        place = edges[k] + (level - heights[k]) * slope
        inside = (place >= edges[k]) & (place <= edges[k + 1])
        for side, law in enumerate((p, q)):
            logs[side].append(np.where(inside, law.log_density(place[:, None]), -np.inf))
    return Masses(np.logaddexp.reduce(logs[0]), np.logaddexp.reduce(logs[1])).logit


def _carried(signs: np.ndarray) -> np.ndarray:
    """Return signs with each 0 replaced by the sign before it, or after it at the beginning; 1 if there is none."""
    known = np.flatnonzero(signs)
    if len(known) == 0:
        return np.ones(len(signs))
    before = known[np.clip(np.searchsorted(known, np.arange(len(signs)), side="right") - 1, 0, None)]
    return signs[before]


def _crossing(p: Any, q: Any, low: float, high: float) -> float:
    from scipy.optimize import brentq

    def gap(x: float) -> float:
        return float((q.cdf(np.array([x])) - p.cdf(np.array([x])))[0])

    if gap(low) * gap(high) >= 0:
        return 0.5 * (low + high)
    return float(np.asarray(brentq(gap, low, high, xtol=1e-14)))


def _along_the_shift(p: Side, q: Side, points: np.ndarray) -> np.ndarray | None:
    """Return the log ratio along the shift of two normal laws of one shape, whose potential is linear."""
    way = shift_of(p, q)
    if way is None:
        return None
    if not np.any(way):
        return np.zeros(len(points))
    (mean, root), (other, _) = (mean_and_root(leaves(side.law)[0][1]) for side in (p, q))
    std = float(np.linalg.norm(way @ root))
    first, second = (Normal(float(way @ m), std) for m in (mean, other))
    x = (points @ way)[:, None]
    return first.log_density(x) - second.log_density(x)


def shift_of(p: Side, q: Side) -> np.ndarray | None:
    """Return the direction from q to p of two normal laws of one shape, 0 where they agree; None for other laws."""
    parts = [leaves(side.law) if side.kind == "law" else [] for side in (p, q)]
    if not all(len(part) == 1 and isinstance(part[0][1], Normal) for part in parts):
        return None
    (mean, root), (other, base) = (mean_and_root(part[0][1]) for part in parts)
    if np.abs(root @ root.T - base @ base.T).max() > 1e-12 * np.abs(root @ root.T).max():
        return None
    shift = mean - other
    size = float(np.linalg.norm(shift))
    return np.zeros(len(shift)) if size == 0 else shift / size
