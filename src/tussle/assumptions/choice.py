"""Assumption 5, the choice of divergence: what the generator really descends, and how far its pull is from that of JS.

Against the optimal critic C a generator moves a fake x along v(x) = -dL_G/dC(x) grad C(x). Where C is a function of
log u, u = p/q, this is v = w(u) grad log u with the weight w of an f-divergence, u^2 f''(u): D = u/(1+u) for 2 JS,
which Nie and Patel assume, 1 - D for 2 KL(m || p), the non-saturating loss. The gap compares where the two pull,
whatever their size (which the learning rate takes up):

    1/2 int q |v/|v|_q - v_JS/|v_JS|_q|,    |v|_q = int q |v|,

the share (0 to 1) of the pull that goes to other fakes, or elsewhere, than under JS.

References:
    Nowozin, Cseke, Tomioka, NIPS 2016. Nie, Patel, UAI 2019 (the choice of f as an assumption).
"""

from typing import Any, NamedTuple

import numpy as np

from tussle.assumptions.optimum import FAR, Optimum, best_outputs, in_numpy
from tussle.assumptions.ratio import shift_of
from tussle.assumptions.rows import Row, measured, unknown
from tussle.assumptions.scene import Common, Scene
from tussle.autodiff import Array, compiled, gradient, to_numpy
from tussle.critics.descent import descended
from tussle.critics.finite import is_linear
from tussle.critics.kinds import kind_of, objective_of
from tussle.critics.masses import Masses
from tussle.critics.summary import loss_divergences
from tussle.critics.weights import loss_weight
from tussle.losses import Loss

SHOWN = (0.01, 1.0, 100.0)  # ratios u at which weights are told
ROUNDING = 1e-6  # shares of the pull below it are those of the digits of slopes
DIGITS = 1e-8  # of slopes by differences
STEP = 1e-5  # relative to the spread of the points, for slopes of log densities
NONE = 1e-12  # a mean pull that is rounding
NOTHING = 1e-290  # a pull that is none
JS = "2 JS(p, q)"


class Pull(NamedTuple):
    """Where a generator pulls its fakes.

    Attributes:
        share: of the pull that goes elsewhere than under JS.
        error: of the share.
        whole: the mean size of the pull on the fakes.
        js: that of 2 JS.
    """

    share: float
    error: float
    whole: float
    js: float


def choice(scene: Scene, best: Optimum | str) -> Row:
    """Return the row of the choice of divergence."""
    loss = scene.loss
    name = descends(loss)
    extra: dict[str, Any] = {"descends": name, **_weights(loss)}
    if scene.common is None:
        return unknown(5, f"the generator of {loss.name} descends {name}; {scene.why}", "share")
    if isinstance(best, str):
        return unknown(5, f"the generator of {loss.name} descends {name}; {best}", "share")
    found = pull(scene, best)
    if isinstance(found, str):
        return unknown(5, f"the generator of {loss.name} descends {name}; {found}", "share")
    if max(found.whole, found.js) <= NONE and JS not in name:
        words = f"the generator of {loss.name} descends {name}, not 2 JS; but here neither pulls at the fakes"
        return unknown(5, words + _told(extra), "share")
    kind = kind_of(loss)
    formula = descended(kind)
    if formula is not None:
        extra["value"] = float(formula[1](scene.common.masses))
    extra |= {"pull": found.whole, "pull of JS": found.js}
    words = _words(scene, name, found) + _told(extra)
    return measured(5, found.share, found.error, "share", words, ROUNDING, **extra)


def descends(loss: Loss) -> str:
    """Return the functional that a loss's generator descends against the optimal critic, by name.

    >>> from tussle.losses import loss
    >>> descends(loss("nonsaturating"))
    '2 KL(m || p)'
    """
    found = loss_divergences(loss).generator
    if not found.startswith(("the f-functional", "none known", "a divergence without")):
        return found
    if is_zero_sum(loss):
        return "the divergence that its critic measures"
    return "an f-functional without a name" if loss.coupling == "plain" else "no divergence that is known"


def is_zero_sum(loss: Loss) -> bool:
    """Say whether the generator's payoffs are minus the critic's, read at a few outputs."""
    if objective_of(loss) == "zero-sum":
        return True
    y = np.linspace(-3.0, 3.0, 13)
    pairs = ((loss.critic_real, loss.generator_real), (loss.critic_fake, loss.generator_fake))
    return all(bool(np.allclose(in_numpy(f)(y), -in_numpy(g)(y), rtol=1e-12, atol=1e-12)) for f, g in pairs)


# Pulls ------------------------------------------------------------------------------------------------------------


def pull(scene: Scene, best: Optimum) -> Pull | str:
    """Return where the generator pulls, against the pull of JS, or the reason why that is not known."""
    common = scene.common
    assert common is not None
    m = common.masses
    ell = np.clip(m.logit, -FAR, FAR)
    with np.errstate(under="ignore"):
        js = np.exp(-np.logaddexp(0.0, -ell))
    slopes = None if _on_atoms(scene) else ratio_slopes(scene, common.points)
    if is_linear(scene.loss):
        fields = _of_potential(scene, js, slopes)
        return fields if isinstance(fields, str) else _compared(common, *fields)
    if best.outputs is None:
        return "its optimal critic has no outputs here"
    coefficient = pulls(scene.loss, best.outputs, m)
    if best.slope is None:
        return _jumping(common, js, coefficient, slopes)
    weight = coefficient * best.slope
    if slopes is None:
        return _compared(common, weight[:, None], js[:, None])
    return _compared(common, weight[:, None] * slopes, js[:, None] * slopes, 1e-5 if best.route == "points" else DIGITS)


def _on_atoms(scene: Scene) -> bool:
    return any(side is None or side.kind != "law" for side in (scene.real, scene.fake))


def pulls(loss: Loss, outputs: np.ndarray, m: Masses) -> np.ndarray:
    """Return -dL_G/dC at the fakes, for one unit of their mass, (n,)."""
    found = to_numpy(_pulls(loss, outputs, m.p, m.q))
    return np.where(m.q > NOTHING, -found / np.maximum(m.q, NOTHING), 0.0)


@compiled
def _pulls(loss: Loss, c: Array, p: Array, q: Array) -> Array:
    return gradient(lambda fake: loss.generator(c, fake, p, q), c)


def ratio_slopes(scene: Scene, points: np.ndarray) -> np.ndarray:
    """Return grad log(p/q) at points (n, d), by central differences of log densities; 0 where one has no density."""
    assert scene.real is not None
    assert scene.fake is not None
    p, q = scene.real.law, scene.fake.law
    found = np.zeros_like(points)
    for axis in range(points.shape[1]):
        step = STEP * _scale(scene, axis)
        ends = []
        for sign in (1.0, -1.0):
            moved = points.copy()
            moved[:, axis] += sign * step
            ends.append(_finite(p.log_density(moved)) - _finite(q.log_density(moved)))
        found[:, axis] = (ends[0] - ends[1]) / (2 * step)
    return np.where(np.isfinite(found), found, 0.0)


def _finite(logs: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(logs), logs, np.nan)


def _scale(scene: Scene, axis: int) -> float:
    """Return the width of the narrower window, over the 18 deviations that a window has."""
    assert scene.real is not None
    assert scene.fake is not None
    widths = [float(side.law.window[1][axis] - side.law.window[0][axis]) for side in (scene.real, scene.fake)]
    return min(widths) / 18


def _of_potential(scene: Scene, js: np.ndarray, slopes: np.ndarray | None) -> tuple[np.ndarray, np.ndarray] | str:
    """Return the pulls of W1 and of JS: the potential of transport has slope 1."""
    common, p, q = scene.common, scene.real, scene.fake
    assert common is not None
    if slopes is None:
        return np.ones((len(js), 1)), js[:, None]
    if p is not None and q is not None and p.dimension > 1:
        way = shift_of(p, q)
        if way is not None:
            return np.broadcast_to(way, slopes.shape), js[:, None] * slopes
    if p is None or q is None or p.dimension != 1:
        return "the slope of its transport potential has no formula here"
    x = common.points[:, 0]
    gap = q.law.cdf(x) - p.law.cdf(x)
    return np.sign(np.where(np.abs(gap) > 1e-13, gap, 0.0))[:, None], js[:, None] * slopes


def _jumping(common: Common, js: np.ndarray, pulls: np.ndarray, slopes: np.ndarray | None) -> Pull:
    """Return the pull of a critic that is a step at p = q: all of it on the fakes there, which have no mass."""
    if slopes is None:
        weight = np.abs(pulls)  # atoms have no place p = q between them: what is left are the outputs themselves
        return _compared(common, weight[:, None], js[:, None])
    m = common.masses
    whole = float(m.q @ np.abs(js * np.linalg.norm(slopes, axis=1)))
    same = whole <= NOTHING or float(np.sum(np.abs(m.p - m.q))) <= 1e-12
    return Pull(0.0 if same else 1.0, 0.0, float("nan"), whole)


def _compared(common: Common, own: np.ndarray, js: np.ndarray, error: float = DIGITS) -> Pull:
    q = common.masses.q
    sizes = [float(q @ np.linalg.norm(v, axis=1)) for v in (own, js)]
    if max(sizes) <= NONE:  # the laws agree: nothing pulls
        return Pull(0.0, 0.0, sizes[0], sizes[1])
    if min(sizes) <= 1e-12 * max(sizes):
        return Pull(1.0, 0.0, sizes[0], sizes[1])
    gap = own / sizes[0] - js / sizes[1]
    share, kink = _share(common, gap)
    return Pull(min(share, 1.0), error + kink, sizes[0], sizes[1])


def _share(common: Common, gap: np.ndarray) -> tuple[float, float]:
    """Return 1/2 int q |gap| and its error: on panels exactly between the places where the gap changes its sign."""
    q, sizes = common.masses.q, np.linalg.norm(gap, axis=1)
    plainly = 0.5 * float(q @ sizes)
    if common.coarse is not None:
        return plainly, 2 * abs(plainly - 2.0 * float(q[common.coarse] @ sizes[common.coarse]))
    if common.order == 0:
        return plainly, 0.0
    terms = (q * gap[:, 0]).reshape(-1, common.order)
    total = float(np.abs(terms[~_turns(terms)]).sum())
    return 0.5 * (total + sum(_turning(row) for row in terms[_turns(terms)])), 0.0


def _turns(terms: np.ndarray) -> np.ndarray:
    return (terms.min(axis=1) < 0) & (terms.max(axis=1) > 0)


def _turning(terms: np.ndarray) -> float:
    """Return the integral of |f| over a panel from the terms weight x f of its Gauss-Legendre rule."""
    legendre = np.polynomial.legendre
    nodes = legendre.leggauss(len(terms))[0]
    order = np.arange(len(terms))
    whole = legendre.legint((legendre.legvander(nodes, len(terms) - 1).T @ terms) * (order + 0.5))
    f = legendre.legder(whole)
    roots = [float(z.real) for z in legendre.legroots(legendre.legtrim(f, 1e-14 * np.abs(f).max()))
             if abs(z.imag) < 1e-9 and abs(z.real) < 1]  # fmt: skip
    return float(np.abs(np.diff(legendre.legval(np.unique([-1.0, 1.0, *roots]), whole))).sum())


# Words ------------------------------------------------------------------------------------------------------------


def _weights(loss: Loss) -> dict[str, Any]:
    """Return the weights w(u) at a few ratios where the loss has such a weight, beside those of JS."""
    ell = np.log(SHOWN)
    if loss.coupling != "plain" or is_linear(loss):
        return {}
    try:
        found = to_numpy(_weighted(ell, loss=loss))
    except ValueError:
        found = _measured_weights(loss, ell)
    if found is None:
        return {}
    return {"u": list(SHOWN), "w": found.tolist(), "w of JS": (1 / (1 + np.exp(-ell))).tolist()}


@compiled(static=("loss",))
def _weighted(ell: Array, loss: Loss) -> Array:
    return loss_weight(loss)(ell)


def _measured_weights(loss: Loss, ell: np.ndarray) -> np.ndarray | None:
    """Return -g2'(c) dc/dl by differences where the optimal output c has no formula; None where it jumps."""
    near = best_outputs(loss, np.array([-1e-6, 1e-6, -1e-3, 1e-3]))[0]
    if abs(near[1] - near[0]) > 0.1 * abs(near[3] - near[2]):
        return None
    pace = 1e-3
    ends = [best_outputs(loss, ell + sign * pace)[0] for sign in (1, -1)]
    first, second = (in_numpy(loss.generator_fake)(end) for end in ends)
    return -float(loss.scale) * (first - second) / (2 * pace)


def _told(extra: dict[str, Any]) -> str:
    if "w" not in extra:
        return ""
    told = [", ".join(f"{w:.3g}" for w in extra[key]) for key in ("w", "w of JS")]
    return f"; weight w at p/q = 0.01, 1, 100: {told[0]} (2 JS: {told[1]})"


def _words(scene: Scene, name: str, found: Pull) -> str:
    who = f"the generator of {scene.loss.name} descends {name}"
    if found.share <= max(ROUNDING, found.error):
        if max(found.whole, found.js) <= NONE:
            return f"{who}; here neither it nor 2 JS pulls at the fakes"
        return f"{who}, whose pull on the fakes is that of 2 JS"
    if found.js <= 1e-12 * max(found.whole, 1e-300):
        return f"{who}; it pulls at fakes where 2 JS does not pull at all"
    if np.isnan(found.whole):
        return f"{who}: all of its pull is where its critic jumps, none of it where 2 JS pulls"
    return f"{who}: {found.share:.1%} of its pull goes to other fakes, or elsewhere, than under 2 JS"
