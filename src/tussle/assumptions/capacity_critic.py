"""Assumption 3, critic capacity: what the best critic of the model's own class loses against the optimal one.

With L_D the critic's loss (without penalties), C* the optimal critic and psi the class's parameters, the gap is

    min_psi L_D(C_psi) - L_D(C*) >= 0,

for log losses the excess risk 2 E_m KL(Bern(D*) || Bern(D_psi)), m = (p + q)/2. Linear losses are measured with the
critic scaled to slope 1, against W1: W1(p, q) - max_psi (E_p C_psi - E_q C_psi) / |C_psi|_slope.

References:
    Goodfellow et al., "Generative adversarial nets", NIPS 2014. Nie, Patel, UAI 2019.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tussle.assumptions.optimum import Optimum
from tussle.assumptions.ratio import excess_of
from tussle.assumptions.rows import Row, measured, unknown
from tussle.assumptions.scene import Scene
from tussle.autodiff import (
    Array,
    array,
    compiled,
    float64,
    gradient,
    input_gradient,
    jacobian,
    namespace,
    to_numpy,
    value_and_gradient,
)
from tussle.critics.finite import is_linear
from tussle.critics.kinds import kind_of
from tussle.gan import GAN
from tussle.laws.base import composite
from tussle.measures import Nodes

DRAWN = 4  # random starts
RAY = 2.0 ** np.arange(1, 11)  # along which an end is followed outwards
SMALL = 40  # parameters up to which the Hessian is taken
SIMPLEX = 6  # parameters up to which a loss with kinks is polished by its values
SAME = 1e-6  # relative to 1 + |loss|: ends that are one minimum
KINKS = ("hinge",)
BETWEEN = 129  # places at which slopes between atoms are read
FLAT = 1e-12  # slopes below it are those of a constant


class Best(NamedTuple):
    """The best critic of a class.

    Attributes:
        psi: its parameters.
        loss: the critic's loss there, of a linear loss that of the critic scaled to slope 1.
        error: what is left to gain there, and the spread of the ends that agree.
        starts: how many descents were made.
        agreeing: how many of them ended at this loss.
        far: whether the loss still falls at the end of the ray, so that the optimum lies at infinity.
    """

    psi: np.ndarray
    loss: float
    error: float
    starts: int
    agreeing: int
    far: bool


class Expectation(NamedTuple):
    """What a critic's loss is read on: points of both laws with weights, and places where slopes are read."""

    real: Nodes
    fake: Nodes
    places: np.ndarray | None = None


# Losses of the class ----------------------------------------------------------------------------------------------


def critic_loss(game: GAN, psi: Array, x: Array, p: Any, y: Array, q: Any, places: Array | None) -> Array:
    """Return the critic's loss without penalties; with places, divided by the largest slope there."""
    value = game.loss_function.critic(game.logits(psi, x), game.logits(psi, y), p, q)
    if places is None:
        return value
    slopes = input_gradient(lambda points: game.logits(psi, points), places)
    xp = namespace(slopes)
    squares = xp.max(xp.sum(slopes * slopes, axis=1))
    flat = squares < FLAT**2
    steepness = xp.sqrt(xp.where(flat, xp.ones_like(squares), squares))
    return xp.where(flat, 0.0 * value, value / steepness)


_lossed = compiled(critic_loss)


@compiled
def _valued(game: GAN, psi: Array, x: Array, p: Any, y: Array, q: Any, places: Any) -> tuple[Array, Array]:
    return value_and_gradient(lambda t: critic_loss(game, t, x, p, y, q, places), psi)


@compiled
def _bent(game: GAN, psi: Array, x: Array, p: Any, y: Array, q: Any, places: Any) -> Array:
    def slope(t: Array) -> Array:
        return gradient(lambda s: critic_loss(game, s, x, p, y, q, places), t)

    return jacobian(slope, psi)


def read_loss(game: GAN, psi: Any, where: Expectation) -> float:
    """Return the critic's loss on an expectation; with places, that of the critic scaled to slope 1."""
    real, fake = where.real, where.fake
    known = (psi, real.points, real.weights, fake.points, fake.weights, where.places)
    return float(_lossed(bare(game), *known))


def expectation(scene: Scene) -> Expectation | None:
    """Return the common points of both laws as what a critic's loss is read on."""
    common = scene.common
    if common is None:
        return None
    m = common.masses
    places = _between(scene, common.points) if is_linear(scene.loss) else None
    return Expectation(Nodes(common.points, m.p), Nodes(common.points, m.q), places)


def _between(scene: Scene, points: np.ndarray) -> np.ndarray:
    """Return where slopes are read: the nodes of laws; of atoms the places between them."""
    if scene.real is not None and scene.real.kind == "law":
        return points
    if points.shape[1] == 1:
        return np.linspace(points.min(), points.max(), BETWEEN)[:, None]
    rng = np.random.default_rng(0)
    i, j = rng.integers(len(points), size=(2, BETWEEN))
    share = rng.random((BETWEEN, 1))
    return np.concatenate([points, share * points[i] + (1 - share) * points[j]])


# The best of the class --------------------------------------------------------------------------------------------


def best_critic(game: GAN, where: Expectation, starts: list[np.ndarray]) -> Best:
    """Return the best critic of the game's class on an expectation.

    Args:
        game: the GAN; its penalties do not count, its clip bounds the class unless the loss is linear.
        where: what the loss is read on.
        starts: parameters to descend from.
    """
    plain = bare(game)
    data = (where.real.points, where.real.weights, where.fake.points, where.fake.weights, where.places)

    def value(psi: np.ndarray) -> tuple[float, np.ndarray]:
        found, slope = _valued(plain, psi, *data)
        return float(found), to_numpy(slope)

    if len(starts[0]) == 0:
        return Best(starts[0], value(starts[0])[0], 0.0, 1, 1, False)
    bound = None if game.clip is None or is_linear(game.loss_function) else float(game.clip)
    kind = kind_of(game.loss_function)
    kinked = is_linear(game.loss_function) or (kind is not None and kind.name in KINKS)
    ends = [_descended(value, start, bound, kinked) for start in starts]
    ends.sort(key=lambda end: end[0])
    low, psi = ends[0]
    low, psi, left = (low, psi, 0.0) if kinked else _polished(plain, value, psi, data, bound)
    far = False
    if bound is None and not is_linear(game.loss_function):
        low, psi, left, far = _followed(value, low, psi, left)
    near = [end[0] for end in ends if end[0] - low <= SAME * (1 + abs(low))]
    spread = max(near, default=low) - low if kinked else 0.0
    return Best(psi, low, left + spread + 1e-15 * (1 + abs(low)), len(ends), max(len(near), 1), far)


def bare(game: GAN) -> GAN:
    """Return the game as far as the critic's loss depends on it, so that one program serves all its points."""
    return GAN(game.generator, game.critic, game.data, game.latent, game.loss_function, sizes=game.sizes)


Valued = Callable[[np.ndarray], tuple[float, np.ndarray]]


def _descended(value: Valued, start: np.ndarray, bound: float | None, kinked: bool) -> tuple[float, np.ndarray]:
    from scipy.optimize import minimize

    def guarded(psi: np.ndarray) -> tuple[float, np.ndarray]:
        found, slope = value(psi)
        return (found, slope) if np.isfinite(found) and np.all(np.isfinite(slope)) else (1e300, np.zeros_like(psi))

    limits = None if bound is None else [(-bound, bound)] * len(start)
    settings = {"maxiter": 300, "ftol": 1e-15, "gtol": 1e-11}
    end = minimize(guarded, start, jac=True, method="L-BFGS-B", bounds=limits, options=settings)
    if kinked and len(start) <= SIMPLEX:
        settings = {"maxiter": 300 * len(start), "xatol": 1e-11, "fatol": 1e-15}
        end = minimize(lambda psi: guarded(psi)[0], end.x, method="Nelder-Mead", bounds=limits, options=settings)
    return float(end.fun), np.asarray(end.x, dtype=np.float64)


def _polished(
    game: GAN, value: Valued, psi: np.ndarray, data: tuple[Any, ...], bound: float | None
) -> tuple[float, np.ndarray, float]:
    """Return loss, parameters and what is left to gain after Newton's steps."""
    low, slope = value(psi)
    if len(psi) > SMALL or bound is not None:
        return low, psi, float(np.linalg.norm(slope)) * 1e-3 if bound is None else 1e-12
    left = 0.0
    for _ in range(4):
        values, vectors = np.linalg.eigh(to_numpy(_bent(game, psi, *data)))
        size = np.abs(values).max(initial=0.0)
        along = vectors.T @ slope
        firm = np.abs(values) > 1e-10 * size
        step = -vectors @ np.where(firm, along / np.where(firm, np.abs(values), 1.0), 0.0)
        left = 0.5 * abs(float(slope @ step)) + float(np.abs(along[~firm]).sum())
        new, bend = value(psi + step)
        if not new < low:
            break
        low, slope, psi = new, bend, psi + step
    return low, psi, left


def _followed(value: Valued, low: float, psi: np.ndarray, left: float) -> tuple[float, np.ndarray, float, bool]:
    """Follow the ray through an end outwards, where losses fall for ever that tell apart what can be told apart."""
    reached, far = psi, False
    for factor in RAY:
        found = value(factor * psi)[0]
        if not found < low - 1e-15 * (1 + abs(low)):
            break
        left, low, reached, far = low - found, found, factor * psi, True
    return low, reached, left, far


def starts_of(scene: Scene, seed: int) -> list[np.ndarray]:
    """Return where descents begin: at the point, at 0, at the equilibria, and at random."""
    psi = np.atleast_1d(np.asarray(scene.point[1], dtype=np.float64))
    rng = np.random.default_rng(seed)
    size = 1.0 + float(np.abs(psi).max(initial=0.0))
    drawn = [size * rng.standard_normal(len(psi)) for _ in range(DRAWN)]
    others = [np.zeros_like(psi), *(np.asarray(c, dtype=np.float64) for c in scene.critics)]
    found = [psi, *others, *drawn] if len(psi) else [psi]
    kept: list[np.ndarray] = []
    for one in found:
        if not any(np.array_equal(one, other) for other in kept):
            kept.append(one)
    return kept


# The row ----------------------------------------------------------------------------------------------------------


def critic_capacity(scene: Scene, best: Optimum | str, seed: int = 0) -> tuple[Row, Best | None]:
    """Return the row of the critic's capacity, and the best critic of the class."""
    unit = unit_of(scene)
    where = expectation(scene)
    if where is None:
        return unknown(3, f"{scene.why}; without common points the class has no exact loss", unit), None
    if isinstance(best, str):
        return unknown(3, best, unit), None
    if math.isinf(best.divergence):
        return unknown(3, f"{best.name}, which the optimal critic measures, is infinite: all fall short", unit), None
    found = best_critic(scene.game, where, starts_of(scene, seed))
    gap = found.loss - best.least
    quadrature = _quadrature(scene, where, found)
    error = found.error + best.error + quadrature + 1e-15 * (1 + abs(found.loss))
    if not math.isfinite(gap) or error > max(gap, best.divergence, ROUNDING):
        words = f"the best critic of {scene.loss.name}, or the optimal one, is known too poorly here"
        return unknown(3, f"{words}: the error {error:.2g} exceeds the gap {gap:.2g}", unit), None
    words = _words(scene, best, found, gap, max(error, ROUNDING))
    extra: dict[str, Any] = {"psi": found.psi.tolist(), "starts": found.starts, "agreeing": found.agreeing}
    extra |= {"class": best.divergence - gap, "optimal": best.divergence, "divergence": best.name}
    kind = kind_of(scene.loss)
    if kind is not None and kind.name == "logistic" and kind.coupling == "plain":
        risk = _excess(scene, where, found)
        words += f"; by 2 E_m KL it is {kind.scale * risk:.4g}"
        extra["excess risk"] = kind.scale * risk
    return measured(3, gap, error, unit, words, ROUNDING, **extra), found


ROUNDING = 1e-12


def unit_of(scene: Scene) -> str:
    """Return the unit in which a loss is measured."""
    kind = kind_of(scene.loss)
    if is_linear(scene.loss):
        return "distance"
    return "nats" if kind is not None and kind.name in ("logistic", "jensen_shannon", "f_gan", "kl") else "loss"


def _excess(scene: Scene, where: Expectation, found: Best) -> float:
    assert scene.common is not None
    with float64():
        logits = to_numpy(scene.game.logits(array(found.psi), array(where.real.points)))
    return excess_of(scene.common.masses, logits, scene.common.js).identity


def _words(scene: Scene, best: Optimum, found: Best, gap: float, error: float) -> str:
    count = len(found.psi)
    who = "the critic has no parameters and" if count == 0 else (
        f"the best critic of the class ({count} parameter{'s' if count > 1 else ''}"
        f"{', at infinity' if found.far else ''}; {found.agreeing} of {found.starts} starts agree)"
    )  # fmt: skip
    scaled = ", scaled to slope 1," if is_linear(scene.loss) else ""
    whole, reached = f"what the optimal one measures, {best.name} = {_digits(best.divergence)}", best.divergence - gap
    if gap <= error:
        return f"{who}{scaled} reaches {whole}: nothing is lost"
    if reached < -error:
        words = f"{who}{scaled} is {_digits(-reached)} worse than the best constant, and loses {gap:.4g}: that and "
        return words + whole
    return f"{who}{scaled} reaches {_digits(reached)} of {whole}: {gap:.4g} is lost"


def _digits(value: float) -> str:
    return "0" if abs(value) < 1e-12 else f"{value:.5g}"


def _quadrature(scene: Scene, where: Expectation, found: Best) -> float:
    """Return how much another rule changes the loss of the best critic."""
    p, q = scene.real, scene.fake
    if p is None or q is None or p.kind != "law" or q.kind != "law":
        return 0.0
    if p.dimension != 1:
        return 0.0 if scene.common is None else 8 * scene.common.error
    nodes = [composite(side.law, 24) for side in (p, q)]
    other = read_loss(scene.game, found.psi, Expectation(nodes[0], nodes[1]))
    if where.places is None:
        return abs(found.loss - other)
    unscaled = read_loss(scene.game, found.psi, where._replace(places=None))
    return 0.0 if unscaled == 0 else abs(found.loss / unscaled) * abs(unscaled - other)
