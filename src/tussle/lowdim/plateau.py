"""Plateaux: where an error-function discriminator is saturated, and a small gradient says nothing of an equilibrium.

The paper's cost has no critical point for a > 0 and g > 0; a run ends on one of four plateaux, told apart by
p = E D(X)^2 and q = E (1 - D(G))^2. On `D1` the discriminator calls everything real and creeps on for ever, b growing
like the root of the logarithm of the number of updates.
"""

import math
from typing import Any

import numpy as np

from tussle.autodiff import Array, compiled, to_numpy, vectorized
from tussle.endings import Ending, Outcome
from tussle.field import Field
from tussle.game import Point, split
from tussle.map import Map
from tussle.models.erf_lsgan import NAMES, ErfLSGAN
from tussle.records import record
from tussle.trajectory import Trajectory

CLASSES = ("D1", "D0", "J2", "J0", "none")
HIGH, LOW = 0.9, 0.1  # of p and q: where D counts as saturated
SLOW = 0.1  # length of the gradient below which a saturated state counts as resting on its plateau
MEANING = {
    "D1": "the discriminator calls everything real, D = 1 on data and fakes",
    "D0": "the discriminator calls everything fake, D = 0 on data and fakes",
    "J2": "the discriminator is perfect, D = 1 on data and 0 on fakes, and the generator sees no gradient",
    "J0": "the discriminator is inverted, D = 0 on data and 1 on fakes",
    "none": "the discriminator is not saturated",
}


@record
class Plateau:
    """What a state looks like: which plateau it lies on, if any.

    Attributes:
        name: `D1`, `D0`, `J2`, `J0` or `none`.
        real: p = E D(X)^2.
        fake: q = E (1 - D(G))^2.
        value: the game's value.
        gradient: length of the field of the free parameters.
        resting: whether the state is saturated and its gradient is short.
        predicted: b of the creep law after as many updates, or None where there is no such law.
        growth: d exp(b^2) / d(updates) of the run over that of the creep law (1 where it holds), or None.
    """

    name: str
    real: float
    fake: float
    value: float
    gradient: float
    resting: bool
    predicted: float | None = None
    growth: float | None = None

    @property
    def sentence(self) -> str:
        """One sentence for a person."""
        if not self.resting:
            return f"not on a plateau (p = {self.real:.3g}, q = {self.fake:.3g}, gradient {self.gradient:.3g})"
        drift = "saturated, still drifting: " if self.gradient > 0 else "saturated: "
        return f"{drift}{MEANING[self.name]}; the gradient is {self.gradient:.3g}, yet no equilibrium is near"

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {
            "class": self.name, "p": self.real, "q": self.fake, "value": self.value, "gradient": self.gradient,
            "resting": self.resting, "creep_predicted_b": self.predicted, "creep_growth_ratio": self.growth,
            "sentence": self.sentence,
        }  # fmt: skip


def classes(real: Any, fake: Any) -> np.ndarray:
    """Return the index in `CLASSES` of each pair of p and q."""
    p, q = np.asarray(real), np.asarray(fake)
    conditions = [(p > HIGH) & (q < LOW), (p < LOW) & (q > HIGH), (p > HIGH) & (q > HIGH), (p < LOW) & (q < LOW)]
    return np.select(conditions, [0, 1, 2, 3], 4)


@compiled
def _corners(game: ErfLSGAN, points: Point) -> tuple[Array, Array]:
    def one(*point: Array) -> tuple[Array, Array]:
        return game.term("real", 0.0, point), game.term("fake", 1.0, point)

    return vectorized(one)(*points)


def corners(game: ErfLSGAN, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return p and q, (n,) each, at many points (n, d), the generator's parameters first."""
    p, q = _corners(game, split(np.asarray(points, dtype=np.float64), game.sizes))
    return to_numpy(p), to_numpy(q)


@compiled
def _values(game: ErfLSGAN, points: Point) -> Array:
    return vectorized(lambda *point: game.value(point))(*points)


def values(game: ErfLSGAN, points: np.ndarray) -> np.ndarray:
    """Return the game's value (J, V or L_D), (n,), at many points (n, d)."""
    return to_numpy(_values(game, split(np.asarray(points, dtype=np.float64), game.sizes)))


def creep(a: float, c: float, lr: float, updates: float) -> float:
    """Return b after many updates on the plateau D = 1: sqrt(log(4 kappa lr updates / sqrt pi)), kappa = c / (2 a).

    Args:
        a: slope of the discriminator.
        c: rate of the exponential data.
        lr: step of the discriminator.
        updates: how many.

    Returns:
        b; nan where the law does not apply yet.

    Example:
        >>> round(creep(2.2, 0.5, 0.4, 5000), 3)  # the run of case A is at 2.469 then
        2.498
    """
    inside = 4 * (c / (2 * a)) * lr * updates / math.sqrt(math.pi)
    return math.sqrt(math.log(inside)) if inside > 1 else math.nan


def left_of_one(a: float, c: float, b: float) -> float:
    """Return 1 - E D(X)^2 to its leading order on the plateau D = 1: exp(-b^2) (erfcx(b) - erfcx(b + kappa))."""
    from scipy.special import erfcx

    kappa = c / (2 * a)
    return float(math.exp(-b * b) * (erfcx(b) - erfcx(b + kappa)))


def plateau(
    model: Any, point: Any, *, updates: int | None = None, lr: float | None = None, before: Any = None
) -> Plateau:
    """Say which plateau a state of an erf-LSGAN lies on.

    Args:
        model: from `models.erf_lsgan`, with closed forms.
        point: one vector per player.
        updates: how many updates led there, for the creep law.
        lr: the discriminator's step.
        before: (updates, point) of an earlier state, for the growth of exp(b^2) against the creep law.
    """
    game = model.game
    vectors = tuple(np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in point)
    joined = np.concatenate(vectors)
    p, q = (float(v[0]) for v in corners(game, joined[None]))
    value = float(values(game, joined[None])[0])
    gradient = float(np.linalg.norm(np.concatenate(Field(game).at(vectors))))
    name = CLASSES[int(classes(p, q))]
    resting = name != "none" and gradient < SLOW
    predicted = growth = None
    rate = _rate(game)
    if name == "D1" and rate is not None and updates and lr and game.cost.name == "paper" and "b" in game.free:
        a, b, _, _ = (float(v) for v in game.full(vectors))
        if a > 0:
            predicted = creep(a, rate, lr, updates)
            growth = _growth(game, b, updates, lr * 2 * rate / (a * math.sqrt(math.pi)), before)
    return Plateau(name, p, q, value, gradient, resting, predicted, growth)


def _growth(game: ErfLSGAN, b: float, updates: int, law: float, before: Any) -> float | None:
    if before is None or before[0] >= updates:
        return None
    earlier = float(game.full(split(np.asarray(before[1]), game.sizes))[1])
    return float((math.exp(b * b) - math.exp(earlier * earlier)) / (updates - before[0]) / law)


def _rate(game: ErfLSGAN) -> float | None:
    part = game.data[0]
    if len(game.data) > 1 or part.shape.name != "erlang 1" or game.factor != 1.0:
        return None
    return 1.0 / float(part.scale) if part.location == 0 else None


# What a run of this model is judged by ------------------------------------------------------------------------------


def judged(model: Any, method: Map, run: Trajectory, found: Outcome) -> tuple[Trajectory, Outcome, dict[str, Any]]:
    """Return a run cut where it left its domain, its ending read with knowledge of the plateaux, and what to tell.

    A short gradient on a plateau is `plateau`, never `converged`.
    """
    game = model.game
    if not isinstance(game, ErfLSGAN):
        return run, found, {}
    run, left = _cut(game, run)
    if not np.all(np.isfinite(run.end)):
        return run, found, {}
    rates = method.lr if isinstance(method.lr, (tuple, list)) else (method.lr, method.lr)
    middle = len(run.at) // 2
    before = (int(run.at[middle]), run.path[middle])
    seen = plateau(model, split(run.end, game.sizes), updates=run.steps, lr=float(rates[1]), before=before)
    if left is not None:
        found = Outcome(Ending.ESCAPED, left, found.equilibrium)
    elif seen.resting and not (found.ending == Ending.CONVERGED and game.cost.name != "paper"):
        found = Outcome(Ending.PLATEAU, seen.sentence, found.equilibrium)
    from tussle.lowdim.optimality import optimality

    told = {"plateau": seen.to_json(), "certificates": optimality(model, split(run.end, game.sizes)).to_json()}
    return run, found, told


def _cut(game: ErfLSGAN, run: Trajectory) -> tuple[Trajectory, str | None]:
    """Return a run up to where a or g left (0, inf) under the policy `stop`, and the sentence that says so."""
    if game.policy != "stop":
        return run, None
    full = dict(zip(NAMES, game.full(split(run.path, game.sizes)), strict=True))
    for name in ("a", "g"):
        outside = np.flatnonzero(np.broadcast_to(np.asarray(full[name]) <= 0, run.at.shape))
        if len(outside):
            k = int(outside[0])
            where = f"{name} became {float(np.asarray(full[name])[k]):.6g} at step {int(run.at[k])}"
            reason = f"{where} and left its domain (0, inf), where policy stop ends a run; others go on"
            kept = slice(0, max(k, 1))
            return Trajectory(run.path[kept], run.at[kept], run.sizes, run.state, run.last), reason
    return run, None
