"""The landscape of mode collapse: the critic's best value at every place of n generated points.

The data are n distinct points x_1, ..., x_n; a state puts each of n generated points on one of them or elsewhere.
Its height is the supremum of the log loss over all values of the critic,

    separable   1/(2n) [sum log sigma(C(x_i)) + sum log sigma(-C(y_j))] = JS - log 2
    index       1/n sum log sigma(C(x_i) - C(y_i))
    all         1/n^2 sum_ij log sigma(C(x_i) - C(y_j))

A generator that descends it moves its points one after another; between two data points a point is elsewhere. With
separable terms a collapsed state is a strict local minimum, n^n - n! of them. Index pairs leave a way down from every
state. All pairs (the population's loss, or pairs drawn anew) bring the barrier back, (log 2)/4 for n = 2.

Each term is log sigma of a difference of two values (a fixed one for the separable loss), so the supremum is a concave
problem on a graph: arcs between strongly connected parts cost nothing, and within a part the maximum is attained.

References:
    Sun, Fang, Schwing, "Towards a better global loss landscape of GANs", NeurIPS 2020.
"""

import heapq
import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tussle import checks
from tussle.records import record, static

KINDS = ("separable", "index", "all")
ELSEWHERE = -1
TIE = 1e-12  # heights that differ by less are equal

State = tuple[int, ...]


class Way(NamedTuple):
    """A way between two states: the states, their heights, and how far it climbs above its start."""

    states: tuple[State, ...]
    heights: np.ndarray
    cost: float


def height(state: Sequence[int], kind: str) -> float:
    """Return the supremum of the log loss over the critic's values at a state.

    Args:
        state: for each generated point the index of the data point it is on, or `ELSEWHERE`.
        kind: `separable`, `index` or `all`.

    Returns:
        the height, between -log 2 (all matched) and 0 (none).

    Raises:
        ValueError: if the state or the kind is not of this form.

    >>> [round(height((0, 0), kind), 4) for kind in KINDS]
    [-0.4774, -0.3466, -0.3466]
    """
    checks.choice("kind", kind, KINDS)
    places = _checked(state)
    n = len(places)
    match kind:
        case "separable":  # node n + 1 is the fixed value 0
            arcs = [(i, n + 1, 0.5 / n) for i in range(n)] + [(n + 1, y, 0.5 / n) for y in places]
        case "index":
            arcs = [(i, y, 1.0 / n) for i, y in enumerate(places)]
        case _:
            arcs = [(i, y, 1.0 / n**2) for i in range(n) for y in places]
    return _supremum(arcs, n + 2)


def _checked(state: Sequence[int]) -> State:
    """Return a state with node n for elsewhere."""
    n = len(state)
    if n == 0 or any(not ELSEWHERE <= y < n or y != int(y) for y in state):
        message = f"`state` is {tuple(state)}; it must hold an index from 0 to {max(n - 1, 0)} or -1 (elsewhere) for "
        message += "each of as many generated points as data points; give these."
        raise ValueError(message)
    return tuple(n if y == ELSEWHERE else int(y) for y in state)


def _supremum(arcs: list[tuple[int, int, float]], nodes: int) -> float:
    """Return sup over C of sum w log sigma(C_u - C_v)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    tails, heads, weights = (np.array(part) for part in zip(*arcs, strict=True))
    graph = csr_array((weights, (tails, heads)), shape=(nodes, nodes))
    _, part = connected_components(graph, connection="strong")
    inside = part[tails] == part[heads]
    loops = tails == heads
    total = -math.log(2.0) * float(weights[loops].sum())
    for k in np.unique(part[tails[inside & ~loops]]):
        chosen = inside & ~loops & (part[tails] == k)
        total += _maximum(tails[chosen], heads[chosen], weights[chosen])
    return total + 0.0  # not -0.0


def _maximum(tails: np.ndarray, heads: np.ndarray, weights: np.ndarray) -> float:
    """Return the maximum over a strongly connected part, by Newton steps with halving; one value is fixed at 0."""
    _, ends = np.unique(np.concatenate([tails, heads]), return_inverse=True)
    incidence = np.zeros((len(tails), int(ends.max()) + 1))
    incidence[np.arange(len(tails)), ends[: len(tails)]] += 1.0
    incidence[np.arange(len(tails)), ends[len(tails) :]] -= 1.0
    incidence = incidence[:, 1:]

    def value(c: np.ndarray) -> float:
        return -float(weights @ np.logaddexp(0.0, -(incidence @ c)))

    c = np.zeros(incidence.shape[1])
    best = value(c)
    for _ in range(100):
        wrong = np.exp(-np.logaddexp(0.0, incidence @ c))  # sigma(-gap)
        slope = incidence.T @ (weights * wrong)
        if np.abs(slope).max() < 1e-15:
            break
        curve = incidence.T @ ((weights * wrong * (1.0 - wrong))[:, None] * incidence)
        step = np.linalg.solve(curve, slope)
        while value(c + step) < best and np.abs(step).max() > 1e-16:
            step = step / 2
        gained = value(c + step) - best
        c, best = c + step, best + max(gained, 0.0)
        if gained <= 1e-16:
            break
    return best


# The whole landscape ------------------------------------------------------------------------------------------------


@record
class Landscape:
    """The heights of all (n + 1)^n states.

    Attributes:
        points: n.
        kind: `separable`, `index` or `all`.
        heights: by state.
    """

    points: int = static()
    kind: str = static()
    heights: dict[State, float] = static()

    @property
    def lowest(self) -> tuple[State, ...]:
        """The global minima."""
        least = min(self.heights.values())
        return tuple(s for s, h in self.heights.items() if h < least + TIE)

    @property
    def bad_minima(self) -> tuple[State, ...]:
        """The strict local minima that are not global: every single move leads up."""
        lowest = set(self.lowest)
        found = (s for s in self.heights if s not in lowest)
        return tuple(s for s in found if all(self.heights[t] > self.heights[s] + TIE for t in moves(s)))

    def way(self, start: Sequence[int], goal: Sequence[int] | None = None) -> Way:
        """Return the way from a state that climbs least, to another or to the nearest global minimum.

        Args:
            start: the state to leave.
            goal: where to; None for any global minimum.

        Returns:
            the way; among those that climb least one with the fewest moves.

        Raises:
            ValueError: if a state is not of this landscape.
        """
        first = self._known("start", start)
        goals = set(self.lowest) if goal is None else {self._known("goal", goal)}
        queue: list[tuple[float, int, tuple[State, ...]]] = [(self.heights[first], 0, (first,))]
        seen: set[State] = set()
        while True:  # every state reaches every other
            top, length, path = heapq.heappop(queue)
            here = path[-1]
            if here in goals:
                heights = np.array([self.heights[s] for s in path])
                return Way(path, heights, float(heights.max() - heights[0]))
            if here in seen:
                continue
            seen.add(here)
            for there in moves(here):
                if there not in seen:
                    # Rounded, so that heights equal but for rounding do not decide over the number of moves.
                    climbed = max(top, round(self.heights[there], 12))
                    heapq.heappush(queue, (climbed, length + 1, (*path, there)))

    def barrier(self, start: Sequence[int], goal: Sequence[int] | None = None) -> float:
        """Return how far one must climb from a state to another, or to the nearest global minimum."""
        return self.way(start, goal).cost

    def _known(self, name: str, state: Sequence[int]) -> State:
        found = tuple(int(y) for y in state)
        if found not in self.heights:
            message = f"`{name}` is {found}; it must be a state of {self.points} points, each an index from 0 to "
            message += f"{self.points - 1} or -1 (elsewhere); give one."
            raise ValueError(message)
        return found


def moves(state: State) -> list[State]:
    """Return the states one move away: one generated point leaves its data point, or comes to one from elsewhere."""
    found = []
    for k, y in enumerate(state):
        targets = range(len(state)) if y == ELSEWHERE else (ELSEWHERE,)
        found += [(*state[:k], t, *state[k + 1 :]) for t in targets]
    return found


def landscape(points: int, kind: str) -> Landscape:
    """Return the heights of all states of n generated points over n data points.

    Args:
        points: n, at most 4 (625 states).
        kind: `separable`, `index` or `all`.

    Returns:
        the landscape.

    Raises:
        ValueError: if there are more points or the kind is unknown.

    >>> [round(landscape(2, kind).barrier((0, 0)), 4) for kind in KINDS]
    [0.1308, 0.0, 0.1733]
    """
    checks.choice("kind", kind, KINDS)
    if checks.count("points", points) > 4:
        message = f"`points` is {points}; (n + 1)^n states are listed, so it may be at most 4; give 2, 3 or 4."
        raise ValueError(message)
    states = itertools.product(range(ELSEWHERE, points), repeat=points)
    return Landscape(points, kind, {s: height(s, kind) for s in states})


def collapsed_count(points: int) -> int:
    """Return n^n - n!, the number of collapsed states: all points on data, not all data covered.

    >>> collapsed_count(2), collapsed_count(3)
    (2, 21)
    """
    n = checks.count("points", points)
    return n**n - math.factorial(n)
