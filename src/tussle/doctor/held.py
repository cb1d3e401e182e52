"""The linear model of a method's step: the pace with its second moments held.

RMSProp and Adam divide by a root mean square that a step changes by one part in a hundred or a thousand. Held at its
value it makes them momentum steps with a rate for each parameter: m <- beta m + (1 - beta) v, x <- x + h P m. At an
equilibrium of the mean field this is no approximation: the mean square's derivative there is of second order.

Momentum adds as many eigenvalues near beta as there are parameters, among which no iteration finds those that matter.
So it is left out of large problems and put back into each eigenvalue: where steps without it have the displacement's
eigenvalue k, those with it have (z - 1)(z - beta) = (1 - beta) k z, and optimistic ones
(z - 1)(z - beta) = (1 - beta)(2 z - 1) k. Both are exact for simultaneous steps and right to second order in the rate
for alternating ones.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tussle import paces, rules
from tussle.doctor.examination import Examination
from tussle.game import Point
from tussle.map import Map, ravel, unravel
from tussle.paces import Aside
from tussle.records import record, static
from tussle.rules.averaging import Averaging

MOMENTS = 4  # batches from which mean squares are estimated where the optimizer has none yet
FIRST = 1000  # numbers of the batches: those of the noise come before
TURNS = (rules.Alternating, rules.Simultaneous, rules.Optimistic)


@record
class Steady:
    """Momentum steps with a rate for each parameter: m <- beta m + (1 - beta) v, x <- x + h P m.

    Args:
        lr: the rate of each player.
        scale: P, one vector or number for each player.
        beta: 0 keeps no state.
    """

    lr: Any
    scale: tuple[Any, ...]
    beta: float = static(default=0.0)

    def init(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return a zero buffer, or nothing."""
        return (torch.zeros_like(x),) if self.beta else ()

    def rest(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the state at rest."""
        return self.init(x)

    def step(self, player: int, v: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return the move and the new buffer."""
        m = self.beta * state[0] + (1 - self.beta) * v if self.beta else v
        return paces.rate(self.lr, player) * self.scale[player] * m, ((m,) if self.beta else ())


@record
class Held:
    """A patient's method with its second moments held.

    Attributes:
        map: the method with momentum, or the patient's own where the pace is not known.
        state: its state at the patient's point: the mean velocity in its buffers.
        plain: the method without momentum, or None where it is not of a known form.
        beta: the momentum.
        rates: h P, one tensor for each player, or None.
        steps: of a `Steady` pace: whether P was estimated from batches, in words.
        optimistic: whether the rule is.
    """

    map: Map = static()
    state: Any = static()
    plain: Map | None = static()
    beta: float = static()
    rates: tuple[Tensor, ...] | None = static()
    words: str = static()
    optimistic: bool = static(default=False)

    def displacement(self, batch: Any, plain: bool = True) -> tuple[Any, Tensor]:
        """Return x -> step(x) - x on one vector (with the state unless `plain`), and that vector at the point."""
        chosen, state = (self.plain, ()) if plain and self.plain is not None else (self.map, self.state)
        point = self.point
        held = state if chosen is self.map else chosen.init(point)
        whole, pattern = ravel((point, held))

        def function(x: Tensor) -> Tensor:
            now, before = unravel(x, pattern)
            after, later, _ = chosen.step(now, before, batch)
            return ravel((after, later))[0] - x

        return function, whole

    point: Point = static(default=())

    def at_scale(self, factor: float) -> "Held":
        """Return the same with all rates times a factor."""
        plain = None if self.plain is None else self.plain.at_scale(factor)
        return Held(**{**vars(self), "map": self.map.at_scale(factor), "plain": plain})

    def at(self, point: Point) -> "Held":
        """Return the same at another point, in its type."""
        dtype = point[0].dtype
        maps = (
            None if m is None else Map(m.field, m.rule.with_pace(_cast(m.rule.pace, dtype)))
            for m in (self.map, self.plain)
        )
        values = {"point": point, "state": _moved(self.state, dtype)} | dict(zip(("map", "plain"), maps, strict=True))
        return Held(**{**vars(self), **values})

    def with_momentum(self, values: Any) -> np.ndarray:
        """Return eigenvalues of the displacement with momentum, two for each without; the nearest to 0 first."""
        found = [_roots(k, self.beta, self.optimistic) for k in values]
        return np.concatenate(found) if found else np.zeros(0, complex)


def _moved(state: Any, dtype: torch.dtype) -> Any:
    """Return a state with its tensors in another type."""
    if isinstance(state, Aside):
        return Aside(_moved(state.value, dtype))
    if isinstance(state, tuple):
        return tuple(_moved(one, dtype) for one in state)
    return state.to(dtype) if isinstance(state, Tensor) else state


def _cast(pace: Any, dtype: torch.dtype) -> Any:
    if not isinstance(pace, Steady):
        return pace
    return Steady(pace.lr, tuple(s.to(dtype) if isinstance(s, Tensor) else s for s in pace.scale), pace.beta)


def _roots(k: complex, beta: float, optimistic: bool) -> np.ndarray:
    """Return z - 1 for the roots z of the momentum's polynomial, written in z - 1 so that small ones do not cancel."""
    if not beta and not optimistic:
        return np.array([k], dtype=complex)
    gain = (1 - beta) * k
    # with d = z - 1: d (d + 1 - beta) = gain (1 + d), or gain (1 + 2 d)
    return np.roots([1.0, 1 - beta - (2 if optimistic else 1) * gain, -gain]).astype(complex)


def held(exam: Examination) -> Held:
    """Return the linear model of the patient's method."""
    return exam.once("held method", lambda: _held(exam))


def _held(exam: Examination) -> Held:
    method, point = exam.patient.method, exam.point
    rule: Any = method.rule
    while isinstance(rule, Averaging):
        rule = rule.inner
    pace = rule.pace
    velocities = _velocities(exam) if _needs_moments(pace) else []
    known = _known(pace, exam, rule, velocities)
    if known is None:
        words = f"the pace {type(pace).__name__} as it is"
        return Held(Map(method.field, rule), rule.init(point), None, 0.0, None, words, False, point)
    lr, scale, beta, words = known
    steady = Steady(lr, scale, beta)
    turned = isinstance(rule, TURNS)
    made = Map(method.field, rule.with_pace(steady))
    plain_rule = rules.simultaneous(Steady(lr, scale)) if isinstance(rule, rules.Optimistic) else rule.with_pace(
        Steady(lr, scale))  # fmt: skip
    state = made.rule.rest(point)
    if beta and isinstance(rule, (rules.Alternating, rules.Simultaneous)):
        mean = [torch.stack(v).mean(0) for v in zip(*(velocities or _velocities(exam)), strict=True)]
        state = tuple((m,) for m in mean)
    rates = tuple(paces.rate(lr, i) * s * torch.ones_like(x) for i, (s, x) in enumerate(zip(scale, point, strict=True)))
    plain = Map(method.field, plain_rule) if turned else None
    return Held(made, state, plain, beta, rates, words, isinstance(rule, rules.Optimistic), point)


def _needs_moments(pace: Any) -> bool:
    return isinstance(pace, (paces.RMSProp, paces.Adam))


def _velocities(exam: Examination) -> list[Point]:
    field, point = exam.patient.field, exam.point
    return [tuple(v.detach() for v in field(point, exam.batch(FIRST + k))) for k in range(MOMENTS)]


def _known(
    pace: Any, exam: Examination, rule: Any, drawn: list[Point]
) -> tuple[Any, tuple[Any, ...], float, str] | None:
    """Return rates, P, momentum and words of a pace of the library, or None."""
    players = range(len(exam.point))
    lr = tuple(float(paces.rate(pace.lr, i)) for i in players)
    if isinstance(pace, paces.SGD):
        return lr, tuple(1.0 for _ in players), 0.0, "plain steps"
    if isinstance(pace, paces.Momentum):
        beta = float(pace.beta)
        return tuple(h / (1 - beta) for h in lr), tuple(1.0 for _ in players), beta, f"momentum {beta:g}"
    if not _needs_moments(pace):
        return None
    squares, counts, own = _squares(pace, exam, rule, drawn)
    whence = "the optimizer's own mean squares" if own else f"mean squares of {MOMENTS} batches"
    scale = tuple(_scale(pace, s, count) for s, count in zip(squares, counts, strict=True))
    beta = float(pace.beta1) if isinstance(pace, paces.Adam) else 0.0
    return lr, scale, beta, f"{type(pace).__name__} with {whence}, held"


def _squares(pace: Any, exam: Examination, rule: Any, drawn: list[Point]) -> tuple[list[Tensor], list[float], bool]:
    """Return each player's mean squares and how many steps they hold; estimated where there are none yet."""
    place = 1 if isinstance(pace, paces.Adam) else 0
    states = exam.patient.state if isinstance(rule, (rules.Alternating, rules.Simultaneous)) else ()
    try:
        squares = [s[place] for s in states]
        counts = [float(s[2].value[0]) if place else float("inf") for s in states]
        own = bool(squares) and all(bool((s > 0).any()) for s in squares) and min(counts) > 0
        own = own and not (getattr(pace, "flavor", "") == "tensorflow1" and all(bool((s == 1).all()) for s in squares))
    except (TypeError, IndexError, AttributeError):
        own, squares, counts = False, [], []
    means = [torch.stack([v * v for v in one]).mean(0) for one in zip(*drawn, strict=True)]
    if own:  # those that the next step divides by
        keep = float(pace.beta2) if isinstance(pace, paces.Adam) else float(pace.alpha)
        nexts = [keep * s + (1 - keep) * m for s, m in zip(squares, means, strict=True)]
        return nexts, [count + 1 for count in counts], True
    return means, [float("inf")] * len(means), False


def _scale(pace: Any, square: Tensor, count: float) -> Tensor:
    if isinstance(pace, paces.Adam):
        faded = 1 - float(pace.beta2) ** count
        return 1 / (torch.sqrt(square / faded + pace.eps_inside) + pace.eps)
    if pace.flavor == "tensorflow1":
        return 1 / torch.sqrt(square + pace.eps)
    return 1 / (torch.sqrt(square) + pace.eps)
