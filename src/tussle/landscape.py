"""Landscape: which starts lead where, and what becomes of equilibria as a hyper-parameter moves."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tussle import checks
from tussle.charts import Basin, Bifurcation
from tussle.endings import Ending, outcome
from tussle.equilibria import find_root
from tussle.game import split
from tussle.jacobian import map_jacobian
from tussle.map import Map
from tussle.stability import contracts
from tussle.trajectory import Keep, run

ESCAPE = 1e6  # distance from every equilibrium beyond which a run has left


def basin(
    map: Map,
    equilibria: Sequence[Any],
    *,
    window: Sequence[float],
    count: int | tuple[int, int],
    steps: int,
    radius: float,
    vary: tuple[int, int] = (0, 1),
    fixed: Any = None,
    names: tuple[str, str] = ("theta", "psi"),
    progress: Callable[[float], Any] | None = None,
) -> Basin:
    """Run a map from a grid of starts and say which equilibrium each one reached.

    Args:
        map: the map.
        equilibria: the equilibria, one vector per player each.
        window: left, right, bottom, top of the grid.
        count: starts along each side, one number or two.
        steps: of every run.
        radius: distance from an equilibrium that counts as reached.
        vary: indices (in the joined point) of the two parameters that vary.
        fixed: the joined point that gives the others; the first equilibrium by default.
        names: of the two parameters.
        progress: told the share that is done, from 0 to 1, now and then.

    Returns:
        the basin; memory does not depend on the number of steps.

    Raises:
        ValueError: if the window is empty or a number is not positive.
    """
    left, right, bottom, top = (float(v) for v in window)
    checks.count("steps", steps)
    if not (left < right and bottom < top):
        message = f"`window` is {tuple(window)}; it must be left < right, bottom < top; give such four numbers."
        raise ValueError(message)
    columns, rows = (count, count) if isinstance(count, (int, np.integer)) else count
    x = np.linspace(left, right, checks.count("count", columns, 2))
    y = np.linspace(bottom, top, checks.count("count", rows, 2))
    known = np.array([np.concatenate([np.atleast_1d(v) for v in e]) for e in equilibria], dtype=float)
    sizes = [len(np.atleast_1d(v)) for v in equilibria[0]]
    starts = np.tile(known[0] if fixed is None else np.asarray(fixed, dtype=float), (len(x) * len(y), 1))
    starts[:, vary[0]], starts[:, vary[1]] = (a.ravel() for a in np.meshgrid(x, y))
    end = run(map, split(starts, sizes), steps, keep=Keep.ends(), progress=progress).end
    which, distance = _reached(end, known, checks.positive("radius", radius))
    shape = (len(y), len(x))
    return Basin(names, x, y, which.reshape(shape), distance.reshape(shape), known, steps)


def _reached(end: np.ndarray, known: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(over="ignore", invalid="ignore"):
        distances = np.linalg.norm(end[:, None, :] - known[None], axis=-1)
    nearest = distances.argmin(axis=1)
    distance = distances[np.arange(len(end)), nearest]
    which = np.where(distance < radius, nearest, -1)
    which = np.where(distance > ESCAPE, -3, which)
    return np.where(np.all(np.isfinite(end), axis=1), which, -2), distance


def bifurcation(
    build: Callable[[Any], Map], values: Any, start: Any, *, name: str, steps: int = 4000, nudge: float = 1e-2
) -> Bifurcation:
    """Follow an equilibrium over one hyper-parameter and measure what surrounds it once it has lost its stability.

    At each value the equilibrium is continued by Newton's method from its predecessor. The onset is where the map's
    radius there crosses 1, by bisection. The amplitude is read off the second half of a run that begins a nudge away
    from the equilibrium (or on the last attractor found).

    Args:
        build: from a value to a map; it must not branch on the value.
        values: (n,), in order.
        start: a point near the first equilibrium, one vector per player.
        name: of the hyper-parameter.
        steps: of each run.
        nudge: first distance from the equilibrium.
    """
    values = np.asarray(values, dtype=float)
    point = tuple(np.atleast_1d(np.asarray(p, dtype=float)) for p in start)
    sizes = [len(p) for p in point]
    equilibria, radii, amplitudes, periods = [], [], [], []
    last = None
    for value in values:
        map = build(float(value))
        root = find_root(map.field, point)
        point = root.point if root.found else point
        here = np.concatenate(point)
        moduli = np.abs(np.linalg.eigvals(map_jacobian(map, point)))
        amplitude, period, last = _attractor(map, here, sizes, last, float(moduli.max()), steps, nudge)
        equilibria.append(here)
        radii.append(float(moduli.max()))
        amplitudes.append(amplitude)
        periods.append(period)
    onset, kind = _onset(build, values, np.array(radii), equilibria, sizes)
    return Bifurcation(
        name, values, np.array(equilibria), np.array(radii), onset, np.array(amplitudes), np.array(periods), kind
    )


def _attractor(
    map: Map, here: np.ndarray, sizes: list[int], last: Any, radius: float, steps: int, nudge: float
) -> tuple[np.ndarray, float, Any]:
    if radius < 1:
        return np.zeros(len(here)), np.nan, None
    begin = here + nudge / np.sqrt(len(here)) if last is None else last
    path = run(map, split(begin, sizes), steps, keep=Keep.all())
    found = outcome(map, path, [split(here, sizes)])
    if found.ending in (Ending.ESCAPED, Ending.NONFINITE):
        return np.full(len(here), np.nan), np.nan, None
    tail = path.path[len(path.path) // 2 :]
    period = found.period if found.period is not None else np.nan
    return (tail.max(axis=0) - tail.min(axis=0)) / 2, float(period), path.end


def _onset(
    build: Callable[[Any], Map], values: np.ndarray, radii: np.ndarray, equilibria: list[np.ndarray], sizes: list[int]
) -> tuple[float | None, str | None]:
    crossings = np.flatnonzero((radii[:-1] < 1) & (radii[1:] >= 1) | (radii[:-1] >= 1) & (radii[1:] < 1))
    if len(crossings) == 0:
        return None, None
    k = int(crossings[0])
    low, high, at = float(values[k]), float(values[k + 1]), split(equilibria[k], sizes)
    stable = bool(radii[k] < 1)
    matrix, point = _at_equilibrium(build, low, at)
    # The equilibrium moves with the value, so it is found anew at each point of the bisection.
    for _ in range(60):
        middle = (low + high) / 2
        matrix, point = _at_equilibrium(build, middle, at)
        if bool(contracts(matrix[None])[0]) == stable:
            low, at = middle, point
        else:
            high = middle
    found = np.linalg.eigvals(matrix)
    leader = found[np.argmax(np.abs(found))]
    kind = "neimark_sacker" if abs(leader.imag) > 1e-6 else ("fold" if leader.real > 0 else "flip")
    return (low + high) / 2, kind


def _at_equilibrium(build: Callable[[Any], Map], value: float, near: Any) -> tuple[np.ndarray, Any]:
    map = build(value)
    root = find_root(map.field, near)
    point = root.point if root.found else near
    return map_jacobian(map, point), point
