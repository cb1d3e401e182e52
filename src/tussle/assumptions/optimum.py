"""The optimal critic of any loss on two laws: its outputs, what it is worth, and how it answers the ratio."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tussle.assumptions.scene import Common, Scene
from tussle.autodiff import Array, compiled, to_numpy
from tussle.critics.finite import describe, is_hinge, is_linear, linear_factor, optimal_critic, rest_of
from tussle.critics.kinds import Kind, kind_of
from tussle.critics.masses import Masses
from tussle.critics.named import Named, named
from tussle.critics.sums import jensen_shannon
from tussle.divergences import Divergence, divergence
from tussle.divergences.supports import Side
from tussle.losses import Loss
from tussle.measures import Atoms
from tussle.payoffs import AbstractPayoff

FAR = 300.0  # stands for an infinite output
STEP = 1e-4  # of log(p/q), over which slopes are read
JUMPS = ("hinge", "tanh", "total_variation")  # losses whose optimal critic is a step at p = q
CELLS, HINGE_CELLS = (64, 128, 256), (24, 48)  # of equal ratio, where the optimum is a program's
LENGTH = 1024  # outputs at least at a time
REACH = 1e3  # outputs are looked for up to there
GOLDEN = (math.sqrt(5) - 1) / 2


class Optimum(NamedTuple):
    """The optimal critic of a loss.

    Attributes:
        outputs: at the common points, (n,); infinite ones are brought to +-300. None where only the value is known.
        slope: of the outputs in log(p/q), (n,); None where they jump, or are no function of it.
        least: the least loss of any critic.
        divergence: how far it is below that of the best constant critic.
        error: of the two.
        name: of the divergence.
        route: `formula`, `points`, `cells` or `transport`.
        blur: what of 2 JS the cells themselves lose.
    """

    outputs: np.ndarray | None
    slope: np.ndarray | None
    least: float
    divergence: float
    error: float
    name: str
    route: str
    blur: float = 0.0


def optimum(scene: Scene) -> Optimum | str:
    """Return the optimal critic of the scene's loss, or the reason why it is not known.

    Plain losses with a name, and the relativistic ones that have a formula, are read off it; other plain losses are
    minimized point by point; other relativistic ones as a convex program on cells of equal ratio; linear ones are
    optimal transport.
    """
    common, loss = scene.common, scene.game.loss_function
    if common is None:
        return scene.why
    kind = kind_of(loss)
    if is_linear(loss):
        return _transport(scene)
    known = named(kind)
    if known is not None and known.output is not None and kind is not None:
        found = _formula(loss, kind, known, common)
        return found._replace(least=-math.inf, divergence=math.inf) if _is_infinite(scene, kind) else found
    if loss.coupling == "plain":
        return _by_points(loss, common)
    return _by_cells(loss, kind, known, common)


def _is_infinite(scene: Scene, kind: Kind) -> bool:
    """Say whether a chi-square divergence is infinite, which nodes within windows do not see."""
    p, q = scene.real, scene.fake
    if kind.name not in ("pearson", "neyman") or p is None or q is None or p.kind != "law" or q.kind != "law":
        return False
    pair = (p.law, q.law) if kind.name == "pearson" else (q.law, p.law)
    return math.isinf(divergence("chi2", *pair).value)


# Formulas ---------------------------------------------------------------------------------------------------------


def _formula(loss: Loss, kind: Kind, known: Named, common: Common) -> Optimum:
    output = known.output
    assert output is not None
    m = common.masses
    rest, value = rest_of(loss, known), known.value(m)
    made = _finite(output(m.logit, m))
    slope = None
    if kind.name not in JUMPS:
        ell = np.clip(m.logit, -FAR, FAR)
        slope = (_finite(output(ell + STEP, m)) - _finite(output(ell - STEP, m))) / (2 * STEP)
    return Optimum(made, slope, -(rest + value), value, 4 * common.error + 1e-15, known.text, "formula")


def _finite(outputs: np.ndarray) -> np.ndarray:
    return np.clip(np.asarray(outputs, dtype=np.float64), -FAR, FAR)


# Point by point ---------------------------------------------------------------------------------------------------


def _by_points(loss: Loss, common: Common) -> Optimum:
    m = common.masses
    ell = np.clip(m.logit, -FAR, FAR)
    outputs, heights = best_outputs(loss, ell)
    rest = float(best_outputs(loss, np.zeros(1))[1][0])  # of E f1 + E f2 over 2
    least, scale = float(np.sum((m.p + m.q) * heights)), float(loss.scale)
    slope = _slope(loss, ell)
    text = "the divergence of its own"
    return Optimum(outputs, slope, scale * least, scale * (2 * rest - least), 4 * common.error + 1e-12, text, "points")


def best_outputs(loss: Loss, ell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each log ratio, the output y that minimizes s f1(y) + (1 - s) f2(y), s = sigma(ell), and the minimum.

    Found on a grid from -1000 to 1000 and refined by golden sections; where the minimum is at infinity, the nearest
    place of the grid that reaches it.

    Args:
        loss: a plain loss.
        ell: log(p/q), (n,).
    """
    real, fake = in_numpy(loss.critic_real), in_numpy(loss.critic_fake)
    share = np.exp(-np.logaddexp(0.0, -ell)), np.exp(-np.logaddexp(0.0, ell))

    def height(y: np.ndarray) -> np.ndarray:
        return share[0] * real(y) + share[1] * fake(y)

    grid = np.sinh(np.linspace(-math.asinh(REACH), math.asinh(REACH), 801))
    grid = grid[np.argsort(np.abs(grid), kind="stable")]  # ties go to the nearest to 0
    first, second = real(grid), fake(grid)
    table = share[0][:, None] * first + share[1][:, None] * second
    lowest = table.min(axis=1, keepdims=True)
    k = np.argmax(table <= lowest + 1e-15 * (1 + np.abs(lowest)), axis=1)
    y = grid[k]
    pace = 2 * math.asinh(REACH) / 800
    low, high = np.sinh(np.arcsinh(y) - pace), np.sinh(np.arcsinh(y) + pace)
    a, b = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_a, at_b = height(a), height(b)
    for _ in range(48):
        left = at_a < at_b
        low, high = np.where(left, low, a), np.where(left, b, high)
        a, b = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        at_a, at_b = height(a), height(b)
    middle = 0.5 * (low + high)
    refined, coarse = height(middle), height(y)
    better = refined < coarse - 1e-15 * (1 + np.abs(coarse))
    return np.where(better, middle, y), np.where(better, refined, coarse)


def in_numpy(payoff: AbstractPayoff) -> Callable[[np.ndarray], np.ndarray]:
    """Return a payoff as a function of NumPy arrays (n,), compiled for few lengths only."""

    def call(y: np.ndarray) -> np.ndarray:
        padded = np.zeros(max(LENGTH, 1 << (len(y) - 1).bit_length()))
        padded[: len(y)] = y
        return to_numpy(_read(payoff, padded))[: len(y)]

    return call


@compiled
def _read(payoff: AbstractPayoff, y: Array) -> Array:
    return payoff(y)


def _slope(loss: Loss, ell: np.ndarray) -> np.ndarray | None:
    """Return the slope of the best outputs in log(p/q); None where they jump as p = q is crossed."""
    near = best_outputs(loss, np.array([-1e-3, 1e-3, -1e-6, 1e-6]))[0]
    if abs(near[3] - near[2]) > 0.1 * abs(near[1] - near[0]) > 0:
        return None
    pace = 1e-3  # golden sections find outputs to 1e-8 only: the slope to 1e-5
    return (best_outputs(loss, ell + pace)[0] - best_outputs(loss, ell - pace)[0]) / (2 * pace)


# On cells of equal ratio ------------------------------------------------------------------------------------------


def cells(m: Masses, count: int) -> tuple[Masses, np.ndarray]:
    """Return masses joined into cells of nearly equal log(p/q) and nearly equal mass, and the cell of each point.

    The ratio is all that a divergence depends on, so that joining points of one ratio loses nothing.
    """
    order = np.argsort(m.logit, kind="stable")
    ell = m.logit[order]
    middle = np.where(np.isfinite(ell), 0.5 * (m.p + m.q)[order], 0.0)
    share = (np.cumsum(middle) - 0.5 * middle) / max(float(middle.sum()), 1e-300)
    place = np.minimum(share * count, count - 1).astype(int)
    where = np.empty(len(order), dtype=int)
    where[order] = np.where(np.isfinite(ell), place, np.where(ell > 0, count, -1))  # where one law is alone
    _, where = np.unique(where, return_inverse=True)
    with np.errstate(divide="ignore"):
        logs = [np.log(np.bincount(where, mass)) for mass in (m.p, m.q)]
    return Masses(logs[0], logs[1]), where


def _by_cells(loss: Loss, kind: Kind | None, known: Named | None, common: Common) -> Optimum:
    found, last, joined, where = None, None, common.masses, np.zeros(0, dtype=int)
    for size in HINGE_CELLS if is_hinge(loss) else CELLS:
        fewer, places = cells(common.masses, size)
        p, q = fewer.p / fewer.p.sum(), fewer.q / fewer.q.sum()
        made = optimal_critic(loss, p, q)
        if found is not None and made.divergence < found.divergence - 1e-9 * (1 + found.divergence):
            break  # more cells never make a divergence less: the minimizer got lost in the tails
        found, last, joined, where = made, found, fewer, places
    assert found is not None
    outputs = _finite(found.critic)
    slope = None
    if not is_hinge(loss) and len(outputs) > 2:
        slope = _differences(outputs, np.clip(joined.logit, -FAR, FAR))[where]
    change = found.divergence if last is None else found.divergence - last.divergence
    text = describe(kind, known, loss)
    error = 2 * abs(change) + found.gap
    blur = 2 * max(jensen_shannon(common.masses) - jensen_shannon(joined), 0.0)
    return Optimum(outputs[where], slope, -found.value, found.divergence, error, text, "cells", blur)


def _differences(outputs: np.ndarray, ell: np.ndarray) -> np.ndarray:
    """Return the slope of outputs in the log ratio by differences; cells of one ratio share theirs."""
    levels, place = np.unique(ell, return_inverse=True)
    if len(levels) < 2:
        return np.zeros(len(ell))
    mean = np.bincount(place, outputs) / np.bincount(place)
    return np.gradient(mean, levels)[place]


# Transport --------------------------------------------------------------------------------------------------------


def _transport(scene: Scene) -> Optimum | str:
    """Return the best 1-Lipschitz critic of a linear loss: its value is W1, its outputs a potential."""
    loss = scene.game.loss_function
    found, factor = transported(scene), linear_factor(loss)
    if found is None:
        return f"W1, which the critic of {loss.name} measures, has no exact value between these two laws"
    text = "W1(p, q)" if factor == 1 else f"{factor:g} W1(p, q)"
    error = factor * found.error + 1e-15
    return Optimum(None, None, -factor * found.value, factor * found.value, error, text, "transport")


def transported(scene: Scene) -> Divergence | None:
    """Return W1 between the two laws where it is exact, else None."""
    if scene.real is None or scene.fake is None:
        return None
    p, q = (side.law if side.kind == "law" else _atoms(side) for side in (scene.real, scene.fake))
    found = divergence("w1", p, q)
    return None if found.route == "samples" else found


def _atoms(side: Side) -> Atoms:
    return Atoms(side.points, side.shares)
