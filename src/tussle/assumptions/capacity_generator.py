"""Assumption 4, generator capacity: how near to the data the best generator of the model's own class comes.

The realizability gap is min_theta D(P_r, P_theta), D the divergence that the critic of the loss measures at its
optimum: 2 JS for the log losses, (b-a)^2/8 Delta for least squares, 2 TV for hinges, W1 for linear losses. Candidates
(the point, the equilibria, generators with the moments of the data or of one of its modes, and random ones) are
compared by a quick rule; the best of them are descended from and read exactly at the end.

References:
    Goodfellow et al., "Generative adversarial nets", NIPS 2014. Nie, Patel, UAI 2019.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tussle.assumptions.capacity_critic import unit_of
from tussle.assumptions.optimum import best_outputs, transported
from tussle.assumptions.pushforward import Monotone
from tussle.assumptions.rows import Row, measured, unknown
from tussle.assumptions.scene import Scene, commonly, generated
from tussle.critics.finite import is_linear, linear_factor
from tussle.critics.kinds import kind_of
from tussle.critics.masses import Masses
from tussle.critics.named import named
from tussle.critics.sums import jensen_shannon
from tussle.divergences.supports import Side, leaves
from tussle.laws.base import composite
from tussle.losses import Loss

DRAWN = 12  # random candidates
MODES = 4  # parts of mixed data whose moments are tried
DESCENTS = 3  # of the best candidates
PANELS = 24  # of the quick rule: JS of smooth laws to 1e-12
CLOSE = 1e-7  # relative to 1 + the divergence: the quick rule is as good as the exact one
SAME = 1e-4  # relative to 1 + the divergence: ends that are one minimum
ZERO = 1e-13  # divergences below it are 0
TABLE = 2001  # log ratios at which a loss without a formula is tabulated
SNAP = 1e-9  # atoms nearer than this share of their spread are one


class Realized(NamedTuple):
    """The best generator of a class.

    Attributes:
        theta: its parameters.
        value: the divergence there.
        error: of the quadrature, and the spread of the ends that agree.
        starts: how many descents were made.
        agreeing: how many of them ended there.
        name: of the divergence.
    """

    theta: np.ndarray
    value: float
    error: float
    starts: int
    agreeing: int
    name: str


class Measure(NamedTuple):
    """The divergence that a loss measures.

    Attributes:
        name: of the divergence.
        of: its value of masses.
        own: whether it is the loss's own.
        table: a faster value, where the loss has no formula.
    """

    name: str
    of: Callable[[Masses], float]
    own: bool = True
    table: Callable[[Masses], float] | None = None


def measure_of(scene: Scene) -> Measure:
    """Return the divergence that the critic of the scene's loss measures; 2 JS where it has no quick value."""
    loss = scene.loss
    known = named(kind_of(loss))
    if known is not None:
        return Measure(known.text, known.value)
    if loss.coupling == "plain" and not is_linear(loss):
        return Measure("the divergence of its own", lambda m: _gained(loss, m), table=_tabulated(scene))
    return Measure("2 JS(p, q)", lambda m: 2 * jensen_shannon(m), False)


def _gained(loss: Loss, m: Masses) -> float:
    """Return what the best outputs gain over the best constant."""
    rest = float(best_outputs(loss, np.zeros(1))[1][0])
    return float(loss.scale) * float(np.sum((m.p + m.q) * (rest - best_outputs(loss, np.clip(m.logit, -400, 400))[1])))


def _tabulated(scene: Scene) -> Callable[[Masses], float]:
    """Return what the best outputs gain, from a table over log(p/q)."""
    from scipy.interpolate import PchipInterpolator

    ell = np.concatenate([[-400.0], np.linspace(-40, 40, TABLE - 2), [400.0]])
    heights = best_outputs(scene.loss, ell)[1]
    rest = float(best_outputs(scene.loss, np.zeros(1))[1][0])
    read, scale = PchipInterpolator(ell, heights), float(scene.loss.scale)

    def value(m: Masses) -> float:
        mass = m.p + m.q
        gains = rest - read(np.clip(m.logit, -400, 400))
        return scale * float(np.sum(mass * gains))

    return value


# Divergences along theta ------------------------------------------------------------------------------------------


class Objective:
    """The divergence as a function of theta, quick or exact."""

    scene: Scene
    measure: Measure
    linear: bool
    of: Callable[[Masses], float]
    nodes: Any
    broken: bool

    def __init__(self, scene: Scene, measure: Measure) -> None:
        """Read the data once."""
        self.scene, self.measure, self.linear = scene, measure, is_linear(scene.loss)
        self.of = measure.of if measure.table is None else measure.table
        p = scene.real
        line = p is not None and p.dimension == 1
        self.nodes = _own_nodes(p) if p is not None and line and p.kind == "law" and not self.linear else None
        self.broken = p is not None and self.nodes is not None and len(p.law.breaks) > 0

    def quick(self, theta: np.ndarray) -> float:
        """Return the divergence by the quick rule; infinite where there is no law."""
        p, q = self.scene.real, self._law(theta)
        if p is None or q is None:
            return math.inf
        if self.linear and p.dimension == 1 and "law" in (p.kind, q.kind):
            return linear_factor(self.scene.loss) * _between_lines(p, q)
        if self.nodes is None or q.kind != "law" or (self.broken and not isinstance(q.law, Monotone)):
            return self.exact(theta, self.of)[0]
        return self.of(_shared(self.nodes, _own_nodes(q), p.law, q.law))

    def exact(self, theta: np.ndarray, of: Callable[[Masses], float] | None = None) -> tuple[float, float]:
        """Return the divergence and its error; `of` in place of its value of masses."""
        p, q = self.scene.real, self._law(theta)
        if p is None or q is None:
            return math.inf, 0.0
        if p.kind != "law" and q.kind != "law":
            q = _snapped(p, q)
        if self.linear:
            found = transported(self.scene._replace(fake=q))
            factor = linear_factor(self.scene.loss)
            return (math.inf, 0.0) if found is None else (factor * found.value, factor * found.error)
        common, _ = commonly(p, q, self.scene.pairs)
        return (math.inf, 0.0) if common is None else ((of or self.measure.of)(common.masses), 4 * common.error)

    def _law(self, theta: np.ndarray) -> Side | None:
        try:
            return generated(self.scene.game, theta)[0]
        except (ValueError, FloatingPointError):
            return None  # a generator that makes nothing of it


class Own(NamedTuple):
    """A law's own nodes on a line, their log masses, and its log density there."""

    points: np.ndarray
    mass: np.ndarray
    density: np.ndarray


def _own_nodes(side: Side) -> Own:
    law = side.law
    nodes = composite(law.law if isinstance(law, Monotone) else law, PANELS)
    kept = np.asarray(nodes.weights) > 0
    x = nodes.points[kept]
    x = law(x[:, 0])[:, None] if isinstance(law, Monotone) else x
    return Own(x, np.log(np.asarray(nodes.weights)[kept]), law.log_density(x))


def _shared(first: Own, second: Own, p: Any, q: Any) -> Masses:
    """Return two laws at the nodes of both: each node's mass m is p/(p+q) m of p and q/(p+q) m of q."""
    logs = []
    for ell, mass in ((first.density - q.log_density(first.points), first.mass),
                      (p.log_density(second.points) - second.density, second.mass)):  # fmt: skip
        logs.append((mass - np.logaddexp(0.0, -ell), mass - np.logaddexp(0.0, ell)))
    return Masses(*(np.concatenate(parts) for parts in zip(*logs, strict=True)))


def _between_lines(p: Side, q: Side) -> float:
    """Return about W1 on a line, the integral of |F - G| over a grid."""
    ends = np.concatenate([s.points[:, 0] if s.kind != "law" else np.ravel(s.law.window) for s in (p, q)])
    x = np.linspace(ends.min(), ends.max(), TABLE)
    return float(np.mean(np.abs(_below(p, x) - _below(q, x)))) * (ends.max() - ends.min())


def _below(side: Side, x: np.ndarray) -> np.ndarray:
    if side.kind == "law":
        return side.law.cdf(x)
    order = np.argsort(side.points[:, 0])
    sums = np.concatenate([[0.0], np.cumsum(side.shares[order])])
    return sums[np.searchsorted(side.points[order, 0], x, side="right")]


def _snapped(p: Side, q: Side) -> Side:
    """Return fakes moved onto data that are there but for rounding."""
    gaps = np.linalg.norm(q.points[:, None] - p.points[None], axis=2)
    nearest = np.argmin(gaps, axis=1)
    near = gaps[np.arange(len(gaps)), nearest] <= SNAP * (np.abs(p.points).max(initial=0.0) + 1.0)
    return q._replace(points=np.where(near[:, None], p.points[nearest], q.points))


# Candidates -------------------------------------------------------------------------------------------------------


def candidates(scene: Scene, seed: int) -> list[np.ndarray]:
    """Return generators that are worth a try, the likeliest first."""
    theta = np.atleast_1d(np.asarray(scene.point[0], dtype=np.float64))
    if len(theta) == 0:
        return [theta]
    first = [np.asarray(s, dtype=np.float64) for s in scene.starts] + [theta]
    matched = [] if scene.real is None else _matched(scene, theta)
    rng = np.random.default_rng(seed)
    size = 1.0 + float(np.abs(theta).max())
    centers = [*matched, theta]
    drawn = [centers[k % len(centers)] + size * 2.0 ** (k // 4 - 1) * rng.standard_normal(len(theta))
             for k in range(DRAWN)]  # fmt: skip
    return [*first, *matched, *drawn]


def _matched(scene: Scene, theta: np.ndarray) -> list[np.ndarray]:
    """Return generators with the mean and spread of the data, of each of its modes, or with the data as their atoms."""
    from scipy.optimize import least_squares

    assert scene.real is not None
    real, found = scene.real, []
    for mean, std in _moments(real):

        def missed(t: np.ndarray, mean: np.ndarray = mean, std: np.ndarray = std) -> np.ndarray:
            x, w = _fakes(scene, t)
            center = w @ x
            return np.concatenate([center - mean, np.sqrt(w @ (x - center) ** 2 + 1e-300) - std])

        found.append(least_squares(missed, theta, x_scale="jac", max_nfev=20).x)
    if real.kind != "law" and scene.fake is not None and scene.fake.kind != "law":
        found.append(_assigned(scene, theta))
    return found


def _fakes(scene: Scene, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from tussle.autodiff import array, float64, to_numpy

    nodes = scene.game.latent.nodes()
    count = len(nodes.points)
    weights = np.full(count, 1 / count) if nodes.weights is None else np.asarray(nodes.weights)
    with float64():
        return to_numpy(scene.game.generator(array(theta), array(nodes.points))).reshape(count, -1), weights


def _moments(real: Side) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return mean and standard deviations of the data and, where it is mixed, of its parts."""
    parts = [] if real.kind != "law" else [law for _, law in leaves(real.law)]
    found = []
    for law in [real.law, *(parts if 1 < len(parts) <= MODES else [])]:
        points, weights = (real.points, real.shares) if real.kind != "law" else _nodes(law)
        mean = weights @ points
        found.append((mean, np.sqrt(weights @ (points - mean) ** 2)))
    return found


def _nodes(law: Any) -> tuple[np.ndarray, np.ndarray]:
    nodes = law.nodes()
    return np.asarray(nodes.points), np.asarray(nodes.weights)


def _assigned(scene: Scene, theta: np.ndarray) -> np.ndarray:
    """Return a generator whose atoms lie on the data to which they are matched, as far as it can."""
    from scipy.optimize import least_squares, linear_sum_assignment
    from scipy.spatial.distance import cdist

    assert scene.real is not None
    data = scene.real.points
    for _ in range(3):
        x = _fakes(scene, theta)[0]
        cost = cdist(x, data)
        targets = np.argmin(cost, axis=1)
        if len(x) == len(data):
            targets = linear_sum_assignment(cost)[1]
        goal = data[targets]
        theta = least_squares(
            lambda t, goal=goal: (_fakes(scene, t)[0] - goal).reshape(-1), theta, xtol=1e-15, ftol=1e-15, gtol=1e-15
        ).x
    return theta


# The best of the class --------------------------------------------------------------------------------------------


def best_generator(scene: Scene, measure: Measure, seed: int = 0) -> Realized:
    """Return the generator of the class with the least divergence from the data."""
    name = measure.name if not is_linear(scene.loss) else _w1(scene)
    objective = Objective(scene, measure)
    tried = candidates(scene, seed)
    seen: list[tuple[float, int]] = []
    for k, theta in enumerate(tried):
        seen.append((objective.quick(theta), k))
        if seen[-1][0] <= ZERO:
            value, error = objective.exact(theta)
            return Realized(theta, max(value, 0.0), error, k + 1, 1, name)
    order = sorted(s for s in seen if math.isfinite(s[0]))
    if not order or len(tried[0]) == 0 or _is_flat(scene):
        theta = tried[order[0][1]] if order else tried[0]
        return Realized(theta, *objective.exact(theta), len(tried), len(tried), name)
    slow = scene.fake is not None and isinstance(scene.fake.law, Monotone)
    ends = [_descended(objective.quick, tried[k], 1e-3, 1e-5) for _, k in order[: 2 if slow else DESCENTS]]
    ends.sort(key=lambda end: end[0])
    near = [end for end in ends if end[0] - ends[0][0] <= SAME * (1 + abs(ends[0][0]))]
    last = min(_descended(objective.quick, ends[0][1], 1e-8, 1e-14), (order[0][0], tried[order[0][1]]), key=_first)
    theta, value, error = _refined(objective, *last)
    return Realized(theta, max(value, 0.0), error, len(ends), len(near), name)


def _first(end: tuple[float, np.ndarray]) -> float:
    return end[0]


def _w1(scene: Scene) -> str:
    factor = linear_factor(scene.loss)
    return "W1(p, q)" if factor == 1 else f"{factor:g} W1(p, q)"


def _is_flat(scene: Scene) -> bool:
    """Say whether no move of the generator changes the divergence: atoms against a density under an f-divergence."""
    p, q = scene.real, scene.fake
    return not is_linear(scene.loss) and p is not None and q is not None and (p.kind == "law") != (q.kind == "law")


def _descended(
    value: Callable[[np.ndarray], float], theta: np.ndarray, place: float, height: float, size: float = 0.1
) -> tuple[float, np.ndarray]:
    """Return the end of a simplex that shrinks to the given place and height."""
    from scipy.optimize import minimize

    simplex = np.concatenate([theta[None], theta + np.diag(size * (1 + np.abs(theta)))])
    settings: dict[str, Any] = {"maxfev": 80 * len(theta), "xatol": place, "fatol": height, "initial_simplex": simplex}
    end = minimize(lambda t: min(value(t), 1e300), theta, method="Nelder-Mead", options=settings)
    return float(end.fun), np.asarray(end.x, dtype=np.float64)


def _refined(objective: Objective, quickly: float, theta: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return theta, divergence and error; descended by the exact rule where the quick one was off.

    The quick rule misses where the other law's density jumps.
    """
    value, error = objective.exact(theta)
    read = objective.exact(theta, objective.of)[0]
    if abs(read - quickly) <= CLOSE * (1 + abs(value)):
        return theta, value, error
    found, place = _descended(lambda t: objective.exact(t, objective.of)[0], theta, 1e-8, 1e-11, 1e-3)
    return (place, *objective.exact(place)) if found <= read else (theta, value, error)


# The row ----------------------------------------------------------------------------------------------------------


def generator_capacity(scene: Scene, seed: int = 0) -> Row:
    """Return the row of the generator's capacity."""
    unit = unit_of(scene)
    if scene.real is None or scene.fake is None:
        return unknown(4, f"{scene.reason}; without it the distance from the data is not known", unit)
    if scene.common is None and not is_linear(scene.loss):
        return unknown(4, scene.why, unit)
    if is_linear(scene.loss) and transported(scene) is None:
        return unknown(4, "W1 has no exact value between these two laws", unit)
    measure = measure_of(scene)
    found = best_generator(scene, measure, seed)
    unit = unit if measure.own or is_linear(scene.loss) else "nats"
    gap, error = found.value, found.error + ZERO
    extra = {"theta": found.theta.tolist(), "starts": found.starts, "agreeing": found.agreeing}
    extra |= {"divergence": found.name}
    return measured(4, gap, error, unit, _words(scene, found, error), ZERO, **extra)


def _words(scene: Scene, found: Realized, error: float) -> str:
    count = len(found.theta)
    at = f"({', '.join(f'{x:.5g}' for x in found.theta[:6])}{', ...' if count > 6 else ''})"
    if found.value <= error:
        return f"the generator makes the data exactly, at theta = {at}: {found.name} is 0 there"
    if count == 0:
        return f"the generator has no parameters; it stays {found.name} = {found.value:.5g} away from the data"
    if _is_flat(scene):
        first, second = ("atoms", "a density") if scene.real is not None and scene.real.kind != "law" else (
            "a density", "atoms")  # fmt: skip
        words = f"the data have {first} and the fakes {second}: whatever theta, {found.name} stays {found.value:.5g}"
        return words + ", its largest value"
    words = f"the best generator of the class ({count} parameter{'s' if count > 1 else ''}; {found.agreeing} of "
    words += f"{found.starts} starts agree), at theta = {at}, stays {found.name} = {found.value:.5g} away from the data"
    return words
