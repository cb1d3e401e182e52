"""Equilibria: points where a field vanishes, found by Newton's method and examined from all sides."""

from typing import Any

import numpy as np

from tussle.field import AbstractField, read_many
from tussle.game import Point, split
from tussle.jacobian import field_jacobian
from tussle.records import record


@record
class Regularity:
    """What a field is like around a point.

    Attributes:
        continuous: whether its values close in on the value at the point.
        differentiable: whether its differences on the two sides agree.
        jump: the largest difference of values seen at the smallest distance.
    """

    continuous: bool
    differentiable: bool
    jump: float


@record
class Root:
    """A point that Newton's method found.

    Attributes:
        point: one vector per player.
        residual: length of the field there.
        distance: how far it is from where the search began.
        found: whether the residual is at the level of rounding and a further Newton step would hardly move: where a
            field fades out the residual is small too, but the step is not.
    """

    point: Point
    residual: float
    distance: float
    found: bool


def regularity(field: AbstractField, at: Any) -> Regularity:
    """Probe a field on both sides of a point, along each parameter and eight random directions.

    A difference that does not shrink with the distance is a jump, a second difference that shrinks no faster than the
    distance is a kink; either way the field has no Jacobian there.
    """
    x = _flat(at)
    rng = np.random.default_rng(0)
    directions = np.vstack([np.eye(len(x)), rng.standard_normal((8, len(x)))])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    scale = max(1.0, float(np.linalg.norm(x)))
    first, second = [], []
    for distance in (1e-4 * scale, 1e-6 * scale):
        points = np.vstack([x[None], x + distance * directions, x - distance * directions])
        v = read_many(field, points, [len(np.atleast_1d(p)) for p in at])
        ahead, behind = v[1 : 1 + len(directions)] - v[0], v[1 + len(directions) :] - v[0]
        first.append(max(np.linalg.norm(ahead, axis=1).max(), np.linalg.norm(behind, axis=1).max()))
        second.append(np.linalg.norm(ahead + behind, axis=1).max())
    floor = 1e-13 * max(1.0, float(np.abs(v).max()))
    # A Lipschitz field's first differences shrink 100-fold and its second differences 10,000-fold between the two.
    continuous = bool(first[1] <= 0.3 * first[0] + floor)
    differentiable = continuous and bool(second[1] <= 0.05 * first[1] + floor)
    return Regularity(continuous, differentiable, float(first[1]))


def find_root(field: AbstractField, near: Any, *, tolerance: float = 1e-11, iterations: int = 50) -> Root:
    """Search for a zero of a field from a point, by Newton's method with the shortest step where J is singular.

    Args:
        field: the field.
        near: where to begin, one vector per player.
        tolerance: residual that counts as zero, relative to 1 + |x|.
        iterations: most steps.
    """
    sizes = [len(np.atleast_1d(p)) for p in near]
    start = x = _flat(near)
    v = read_many(field, x[None], sizes)[0]
    for _ in range(iterations):
        if not np.all(np.isfinite(v)) or np.linalg.norm(v) <= 1e-15:
            break
        matrix = field_jacobian(field, split(x, sizes))
        if not np.all(np.isfinite(matrix)):
            break
        step = np.linalg.lstsq(matrix, -v, rcond=1e-10)[0]
        x, v, better = _backtracked(field, x, v, step, sizes)
        if not better:
            break
    residual = float(np.linalg.norm(v))
    scale = 1 + float(np.linalg.norm(x))
    found = bool(np.isfinite(residual) and residual <= tolerance * scale and _settled(field, x, v, sizes, scale))
    return Root(split(x, sizes), residual, float(np.linalg.norm(x - start)), found)


def _settled(field: AbstractField, x: np.ndarray, v: np.ndarray, sizes: list[int], scale: float) -> bool:
    if not np.any(v):
        return True
    matrix = field_jacobian(field, split(x, sizes))
    if not np.all(np.isfinite(matrix)):
        return False
    return bool(np.linalg.norm(np.linalg.lstsq(matrix, -v, rcond=1e-14)[0]) <= 1e-5 * scale)


def _backtracked(
    field: AbstractField, x: np.ndarray, v: np.ndarray, step: np.ndarray, sizes: list[int]
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Halve a Newton step until it shortens the field."""
    shares = 0.5 ** np.arange(12)
    tries = x + shares[:, None] * step
    values = read_many(field, tries, sizes)
    lengths = np.linalg.norm(values, axis=1)
    good = np.flatnonzero(lengths < np.linalg.norm(v))
    if len(good) == 0:
        return x, v, False
    return tries[good[0]], values[good[0]], True


def _flat(at: Any) -> np.ndarray:
    return np.concatenate([np.atleast_1d(np.asarray(p, dtype=np.float64)) for p in at])
