"""Endings: how a run ended, from its record and from the field around its end.

A small gradient or a small step is never enough for `converged`: the end must lie at a zero of the *game's* field, the
field must be smooth there, and the run must still have been closing in on it.
"""

from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np

from tussle.equilibria import find_root, regularity
from tussle.field import Field, read_many
from tussle.game import split
from tussle.jacobian import map_jacobian
from tussle.map import Map
from tussle.records import record
from tussle.trajectory import Trajectory

REST = 1e-6  # displacement over the last twentieth, relative to the path's extent, that counts as rest
NEAR = 1e-3  # distance from an equilibrium, relative to the path's extent, that counts as arrived
FAR = 5.0  # growth of the distance from the equilibrium that counts as escaped while it still grows
WHOLE = 256  # longest period in whole steps that is looked for
STEADY = 0.01  # relative change of the amplitude between quarters that counts as none


class Ending(StrEnum):
    """How a run ended."""

    CONVERGED = "converged"
    FALSE_EQUILIBRIUM = "false_equilibrium"
    LIMIT_CYCLE = "limit_cycle"
    PLATEAU = "plateau"
    ESCAPED = "escaped"
    NONFINITE = "nonfinite"
    RUNNING = "running"


@record
class Outcome:
    """How a run ended, and why we say so.

    Attributes:
        ending: the ending.
        reason: one sentence with the evidence.
        equilibrium: the equilibrium it is about, joined (d,), or None.
        period: of a cycle, in steps, or None.
        amplitude: of a cycle, half the extent of each coordinate (d,), or None.
        radius: of a cycle, the root mean square distance from the equilibrium (or from its mean), or None.
        least: of a cycle, the smallest such distance, or None.
    """

    ending: Ending
    reason: str
    equilibrium: np.ndarray | None = None
    period: float | None = None
    amplitude: np.ndarray | None = None
    radius: float | None = None
    least: float | None = None


@np.errstate(over="ignore", invalid="ignore")
def outcome(map: Map, trajectory: Trajectory, equilibria: Any = ()) -> Outcome:
    """Say how a run of one start ended.

    Args:
        map: the map that was run; its game must have an exact expectation.
        trajectory: the run, with every point kept (or every few).
        equilibria: known equilibria, one vector per player each; others are searched for.
    """
    path = trajectory.path
    if not np.all(np.isfinite(path[-1])):
        bad = int(trajectory.at[np.argmax(~np.all(np.isfinite(path), axis=1))])
        return Outcome(Ending.NONFINITE, f"the parameters were no longer finite at step {bad}")
    game_field = Field(map.field.game)
    home = _home(game_field, trajectory, equilibria)
    # Distances are judged on the scale of the run itself: its extent around the equilibrium.
    center = home if home is not None else path[0]
    distance = _lengths(path - center)
    extent = max(float(distance.max()), 1e-12)
    window = max(len(path) // 20, 2)
    moved = float(_lengths(path[-window:] - path[-1]).max())
    here = split(path[-1], trajectory.sizes)
    if home is not None and distance[-1] <= NEAR * extent:
        return _arrived(game_field, map, distance, home, trajectory, window)
    if moved <= REST * extent:
        return _resting(game_field, map, here, trajectory)
    faded = _faded(game_field, trajectory)
    if faded is not None:
        return Outcome(Ending.PLATEAU, faded, home)
    far = _escaped(distance)
    if far is not None:
        return Outcome(Ending.ESCAPED, far, home)
    radius = None if home is None else _radius(map, home, trajectory)
    cycle = _cycle(trajectory, home, radius)
    if cycle is not None:
        return cycle
    trend = "approaching" if distance[-1] < distance[len(distance) // 2] else "moving away from"
    aim = "an equilibrium" if home is not None else "its start"
    return Outcome(Ending.RUNNING, f"still {trend} {aim}; {distance[-1]:.3g} away at step {trajectory.steps}", home)


def _lengths(vectors: np.ndarray) -> np.ndarray:
    """Return the lengths of vectors (n, d), without overflow where a length is a number at all."""
    scale = np.maximum(np.abs(vectors).max(axis=1), np.finfo(float).tiny)
    return scale * np.linalg.norm(vectors / scale[:, None], axis=1)


def _radius(map: Map, home: np.ndarray, trajectory: Trajectory) -> float | None:
    """Return the radius of the map at an equilibrium, or None where it has no Jacobian."""
    at = split(home, trajectory.sizes)
    if not regularity(map.field, at).differentiable:
        return None
    matrix = map_jacobian(map, at)
    return float(np.abs(np.linalg.eigvals(matrix)).max()) if np.all(np.isfinite(matrix)) else None


def _home(field: Field, trajectory: Trajectory, equilibria: Any) -> np.ndarray | None:
    """Return the known equilibrium nearest to the end, or one found from the mean of the tail or from the end."""
    path = trajectory.path
    known = [np.concatenate([np.atleast_1d(x) for x in e]) for e in equilibria]
    if known:
        return min(known, key=lambda x: float(np.linalg.norm(x - path[-1])))
    for near in (path[-1], path[len(path) // 2 :].mean(axis=0)):
        root = find_root(field, split(near, trajectory.sizes))
        if root.found:
            return np.concatenate(root.point)
    return None


def _arrived(
    field: Field, map: Map, distance: np.ndarray, home: np.ndarray, trajectory: Trajectory, window: int
) -> Outcome:
    at, sizes = split(home, trajectory.sizes), trajectory.sizes
    speed, typical = (float(np.linalg.norm(read_many(field, x[None], sizes))) for x in (home, trajectory.path[0]))
    if speed > 1e-6 * max(typical, 1e-12):
        return Outcome(
            Ending.FALSE_EQUILIBRIUM, f"near a point where the game's own field has length {speed:.3g}", home
        )
    sides = regularity(field, at)
    if not sides.continuous and not regularity(field, split(trajectory.path[-1], sizes)).continuous:
        return Outcome(Ending.FALSE_EQUILIBRIUM, f"at rest where the field jumps by {sides.jump:.3g}", home)
    exact = distance[-1] <= 1e-13 * max(1.0, float(np.linalg.norm(home)))
    repelled = _repelled(map, home, trajectory, "at" if exact else "near")
    if repelled is not None:
        return repelled
    if exact:
        return Outcome(Ending.CONVERGED, "at an equilibrium to rounding", home)
    if not _closing(distance, window):
        return Outcome(
            Ending.RUNNING, f"{distance[-1]:.3g} from an equilibrium, but not steadily closing in on it", home
        )
    return Outcome(Ending.CONVERGED, f"{distance[-1]:.3g} from an equilibrium and closing in", home)


def _repelled(map: Map, home: np.ndarray, trajectory: Trajectory, where: str) -> Outcome | None:
    """Say so if the steps lead away from an equilibrium: whoever stands there has not converged."""
    radius = _radius(map, home, trajectory)
    if radius is None or radius <= 1 + 1e-9:
        return None
    reason = f"{where} an equilibrium that repels these steps (radius {radius:.6g}): the least disturbance leads away"
    return Outcome(Ending.RUNNING, reason, home)


def _closing(distance: np.ndarray, window: int) -> bool:
    """Say whether the largest distance fell from window to window over the last four."""
    window = max(min(window, len(distance) // 4), 1)
    peaks = [distance[len(distance) - (k + 1) * window : len(distance) - k * window].max() for k in range(3, -1, -1)]
    return all(later < earlier for earlier, later in pairwise(peaks))


def _resting(field: Field, map: Map, here: Any, trajectory: Trajectory) -> Outcome:
    sizes, path = trajectory.sizes, trajectory.path
    speed, typical = np.linalg.norm(read_many(field, path[[-1, 0]], sizes), axis=1)
    pushed, begun = np.linalg.norm(read_many(map.field, path[[-1, 0]], sizes), axis=1)
    if pushed > 1e-4 * max(begun, 1e-12):
        reason = f"it has hardly moved, yet the field still has length {pushed:.3g}: the steps are short"
        return Outcome(Ending.RUNNING, reason)
    around = _around(field, path[-1], sizes)
    if not np.all(np.isfinite(around)):
        return Outcome(Ending.PLATEAU, "at rest so far out that the field beside it is no number")
    if not np.any(around):
        return Outcome(Ending.PLATEAU, "at rest where the field has faded to exactly zero on all sides: saturated")
    for probed in (field, map.field):
        sides = regularity(probed, here)
        if not sides.continuous:
            reason = f"at rest where the field jumps by {sides.jump:.3g} beside it: it is not zero on the other side"
            return Outcome(Ending.FALSE_EQUILIBRIUM, reason)
    if speed > 1e-4 * max(typical, 1e-12):
        return Outcome(Ending.FALSE_EQUILIBRIUM, f"at rest, but the game's own field has length {speed:.3g} there")
    root = find_root(field, here)
    if root.found and root.distance <= NEAR * (1 + np.linalg.norm(path[-1])):
        home = np.concatenate(root.point)
        arrived = Outcome(Ending.CONVERGED, "at rest at an equilibrium", home)
        return _repelled(map, home, trajectory, "at rest at") or arrived
    return Outcome(Ending.PLATEAU, f"nearly at rest with a field of length {speed:.3g}, but no equilibrium is near")


def _around(field: Field, x: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Return the field at a point and a little beside it, along each parameter."""
    aside = 1e-4 * max(1.0, float(np.abs(x).max())) * np.eye(len(x))
    return read_many(field, np.vstack([x[None], x + aside, x - aside]), sizes)


def _escaped(distance: np.ndarray) -> str | None:
    begin = max(float(distance[0]), 1e-3)
    quarter = max(len(distance) // 4, 1)
    third, last = distance[-2 * quarter : -quarter], distance[-quarter:]
    growing = len(third) > 0 and last.mean() > third.mean() and distance[-1] >= 0.9 * distance.max()
    if distance[-1] > FAR * begin and growing:
        return f"the distance grew from {begin:.3g} to {distance[-1]:.3g} and still grows"
    return None


def _cycle(trajectory: Trajectory, home: np.ndarray | None, radius: float | None) -> Outcome | None:
    tail = trajectory.path[len(trajectory.path) // 2 :]
    half = len(tail) // 2
    if half < 4:
        return None
    mean = tail.mean(axis=0)
    early, late = (float(_extent(part).max()) for part in (tail[:half], tail[half:]))
    if late <= 1e-12 or abs(late / max(early, 1e-300) - 1) > STEADY:
        return None
    whole = _repeats(tail)
    if whole is None and radius is not None and radius < 1 - 1e-12 and late < early * (1 - 1e-7):
        return None  # still shrinking toward an equilibrium that attracts, only slowly
    lap = whole if whole is not None else _lap(tail - mean)
    if lap is None:
        return None
    period = float(np.diff(trajectory.at[-2:])[0]) * lap
    distance = _lengths(tail - (mean if home is None else home))
    amplitude = _extent(tail)
    reason = f"circles with period {period:.4g} steps and amplitude {amplitude.max():.4g}"
    if radius is not None and abs(radius - 1) <= 1e-9:
        reason += " (a neutral orbit: its size is set by the start)"
    most = float(distance.max())
    rms = most * float(np.sqrt(np.mean((distance / most) ** 2)))
    return Outcome(Ending.LIMIT_CYCLE, reason, home, period, amplitude, rms, float(distance.min()))


def _extent(points: np.ndarray) -> np.ndarray:
    return (points.max(axis=0) - points.min(axis=0)) / 2


def _lap(centered: np.ndarray) -> float | None:
    """Return the mean time of a turn around the mean, in the plane of the two largest components; None below 2."""
    if centered.shape[1] == 1:
        centered = np.column_stack([centered, np.gradient(centered[:, 0])])
    plane = np.linalg.svd(centered, full_matrices=False)[2][:2]
    x, y = (centered @ plane.T).T
    angle = np.unwrap(np.arctan2(y, x))
    turned = np.abs(angle - angle[0]) / (2 * np.pi)
    whole = np.arange(1, int(turned[-1]) + 1)
    if len(whole) < 2 or np.any(np.diff(turned) < -1e-9):
        return None
    times = np.interp(whole, turned, np.arange(len(turned)))
    return float((times[-1] - times[0]) / (len(whole) - 1))


def _repeats(tail: np.ndarray) -> float | None:
    """Return the smallest whole number of steps, up to `WHOLE`, after which the orbit repeats itself, or None."""
    size = float(_extent(tail).max())
    for period in range(2, min(WHOLE, len(tail) // 2) + 1):
        if np.abs(tail[period:] - tail[:-period]).max() < 1e-6 * size:
            return float(period)
    return None


def _faded(field: Field, trajectory: Trajectory) -> str | None:
    """Say so if a run drifts straight on along a field that has faded."""
    tail = trajectory.path[len(trajectory.path) // 2 :]
    length = float(np.linalg.norm(np.diff(tail, axis=0), axis=1).sum())
    straight = float(np.linalg.norm(tail[-1] - tail[0])) / max(length, 1e-300)
    ends = read_many(field, trajectory.path[[0, -1]], trajectory.sizes)
    ratio = float(np.linalg.norm(ends[1]) / max(np.linalg.norm(ends[0]), 1e-300))
    if straight > 0.9 and ratio < 1e-2:
        return f"still drifting along a field that has faded to {ratio:.2g} of its first length"
    return None
