"""Stability: exact stable step ranges, critical values, paths of eigenvalues and charts, for any rule.

Everything is read off the Jacobian of the map (or of the field) by differentiation, vectorized over the
hyper-parameter; edges are then found by bisection to rounding.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import Array, compiled, float64, jacobian, jax_engine, namespace, to_numpy, vectorized
from tussle.charts import Chart, EigenvaluePath
from tussle.equilibria import regularity
from tussle.field import AbstractField
from tussle.game import Point, as_point, check_point, joined, sizes_of, split
from tussle.map import Map, ravel, unravel
from tussle.records import record

Build = Callable[..., Map | AbstractField]
BLOCK = 64  # values of a hyper-parameter that are read at a time
PART = 1 << 14  # settings of a chart that are read at a time


@record
class StableRange:
    """The steps for which a map converges.

    Attributes:
        intervals: (k, 2), open intervals of the rate; the first begins at 0 if small steps converge.
        scanned: the lowest and the highest rate that were looked at.
    """

    intervals: np.ndarray
    scanned: tuple[float, float]

    @property
    def largest(self) -> float | None:
        """The upper end of the interval that begins at 0, or None if small steps do not converge."""
        if len(self.intervals) == 0 or self.intervals[0, 0] > 0:
            return None
        return float(self.intervals[0, 1])


def matrix_of(subject: Map | AbstractField, point: Point) -> Array:
    """Return the Jacobian of a map (state at rest included) or of a field at a point, in the engine."""
    if isinstance(subject, Map):
        whole, pattern = ravel((point, subject.rule.rest(point)))

        def step(x: Array) -> Array:
            now, before = unravel(x, pattern)
            after, state, _ = subject.step(now, before)
            return ravel((after, state))[0]

        return jacobian(step, whole)
    sizes = sizes_of(point)
    return jacobian(lambda x: joined(subject(split(x, sizes), None)), joined(point))


def radius_of(matrices: Array) -> Array:
    """Return the largest modulus of the eigenvalues of each (..., n, n) matrix; in closed form for n = 2."""
    xp = namespace(matrices)
    if matrices.shape[-1] != 2:
        values = np.linalg.eigvals(to_numpy(matrices))
        return np.abs(values).max(axis=-1)
    a, b, c, d = matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 1, 0], matrices[..., 1, 1]
    half, det = (a + d) / 2, a * d - b * c
    under = half * half - det
    real = xp.abs(half) + xp.sqrt(xp.maximum(under, 0 * under))
    return xp.where(under >= 0, real, xp.sqrt(xp.maximum(det, 0 * det)))


@functools.lru_cache(maxsize=32)
def _family(build: Build, radius: bool) -> Callable[..., Array]:
    """Compile (values..., point) -> Jacobians (or radii), vectorized over the values."""
    jax = jax_engine()

    def one(point: Point, *values: Array) -> Array:
        matrix = matrix_of(build(*values), point)
        return radius_of(matrix) if radius and matrix.shape[-1] == 2 else matrix

    def many(point: Point, *values: Array) -> Array:
        return vectorized(lambda *v: one(point, *v))(*values)

    return jax.jit(many)


def matrices(build: Build, values: Any, at: Any) -> np.ndarray:
    """Return the Jacobians of a family of maps or fields at one point, (n, k, k).

    Args:
        build: from one value to a map or a field; it is traced once, so it must not branch on the value.
        values: (n,).
        at: the point.
    """
    with float64():
        point = as_point(at)
        return _blocks(lambda part: _family(build, False)(point, part), values)


def stable_range(
    map: Map, at: Any, *, tolerance: float = 1e-10, span: tuple[float, float] = (1e-6, 1e6), count: int = 1536
) -> StableRange:
    """Return the steps for which a map converges to an equilibrium, whatever its rule and pace.

    Args:
        map: the map; all its rates are scaled together.
        at: the equilibrium.
        tolerance: a radius above 1 - tolerance does not count as convergence.
        span: lowest and highest rate (of the first player) to look at.
        count: rates scanned (on a logarithmic scale) before the edges are bisected.

    Returns:
        the open intervals of the rate (of the first player, if the players' rates differ); none where the field has
        no Jacobian.

    Example:
        >>> import tussle
        >>> model = tussle.models.dirac(penalties=[tussle.r1(0.3)])
        >>> method = tussle.Map(tussle.Field(model.game), tussle.alternating(tussle.sgd(0.2)))
        >>> round(tussle.stable_range(method, model.equilibrium).largest, 10)
        2.9761226036
    """
    _check_at(map, at)
    rate = float(map.lr[0] if isinstance(map.lr, (tuple, list)) else map.lr)
    if not regularity(map.field, at).differentiable:
        return StableRange(np.zeros((0, 2)), span)

    def jacobians(rates: np.ndarray) -> np.ndarray:
        with float64():
            return _blocks(lambda part: _scaled(map, as_point(at), part / rate), rates)

    rates = np.geomspace(*span, count)
    radii = radius_of(jacobians(rates))
    stable = radii < 1 - tolerance
    if np.any(stable) and np.all(radii[: np.argmax(stable)] <= 1 + tolerance):
        # Tiny steps contract by less than the tolerance (by h^2 on a rotation); nothing below is unstable.
        stable[: np.argmax(stable)] = True
    edges = np.flatnonzero(np.diff(stable.astype(int)))
    cuts = [_bisected(lambda h: contracts(jacobians(h)), float(rates[k]), float(rates[k + 1])) for k in edges]
    if stable[0]:
        cuts.insert(0, 0.0)
    if stable[-1]:
        cuts.append(np.inf)
    return StableRange(np.array(cuts).reshape(-1, 2), span)


def _check_at(subject: Map | AbstractField, at: Any) -> None:
    """Check that an equilibrium has one finite vector for each player of the game."""
    game = subject.field.game if isinstance(subject, Map) else subject.game
    with float64():
        check_point(game, as_point(at), "at")


def _values(name: str, values: Any) -> np.ndarray:
    """Return the values of a hyper-parameter as a vector of finite numbers."""
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or found.size == 0 or not np.all(np.isfinite(found)):
        came = f"of shape {found.shape}" + ("" if np.all(np.isfinite(found)) else ", not all finite")
        message = f"`{name}` is an array {came}; it must be a list of at least one finite number; give such values."
        raise ValueError(message)
    return found


@compiled
def _scaled(map: Map, point: Point, factors: Array) -> Array:
    return vectorized(lambda factor: matrix_of(map.at_scale(factor), point))(factors)


def _blocks(read: Callable[[np.ndarray], Array], values: np.ndarray) -> np.ndarray:
    """Read a vectorized function in blocks of one length, so that it is compiled once."""
    values = np.atleast_1d(np.asarray(values, dtype=np.float64))
    padded = np.concatenate([values, np.repeat(values[-1:], -len(values) % BLOCK)])
    found = [to_numpy(read(part)) for part in padded.reshape(-1, BLOCK)]
    return np.concatenate(found)[: len(values)]


def contracts(found: np.ndarray) -> np.ndarray:
    """Say which matrices have all moduli below 1; for n = 2 by the Jury test, exact at double eigenvalues too."""
    if found.shape[-1] != 2:
        return radius_of(found) < 1
    trace, det = np.trace(found, axis1=-2, axis2=-1), found[..., 0, 0] * found[..., 1, 1]
    det = det - found[..., 0, 1] * found[..., 1, 0]
    # At a double eigenvalue -1 the second margin vanishes quadratically; its rounding must not decide.
    return (np.abs(det) < 1) & (np.abs(trace) < 1 + det + 1e-13)


def _bisected(holds: Callable[[np.ndarray], np.ndarray], low: float, high: float, rounds: int = 8) -> float:
    """Find where a property changes between two values, a block of values at a time, to rounding."""
    first = bool(holds(np.array([low]))[0])
    for _ in range(rounds):
        grid = np.linspace(low, high, BLOCK)
        same = holds(grid) == first
        k = int(np.argmin(same)) if not same.all() else len(grid) - 1
        low, high = float(grid[max(k - 1, 0)]), float(grid[k])
    return (low + high) / 2


def critical_value(
    build: Build, at: Any, low: float, high: float, *, what: str = "real", tolerance: float = 1e-6
) -> float | None:
    """Return the smallest value between `low` and `high` at which a property of the spectrum changes.

    Args:
        build: from the value (gamma, sigma, eta, tau, a rate, ...) to a field or a map.
        at: the equilibrium.
        low: where to begin.
        high: where to end.
        what: `real`: all eigenvalues become real (critical damping: the local rotation ends) or cease to be;
            `stable`: the flow's abscissa crosses 0, or the map's radius crosses 1.
        tolerance: for `real`, the |Im / lambda| that counts as none; at a double eigenvalue the imaginary part grows
            with the root of the distance, so 1e-6 places the value to about 1e-12.

    Returns:
        the value, or None if the property does not change or the field has no Jacobian.
    """
    checks.choice("what", what, ("real", "stable"))
    with float64():
        is_map = isinstance(build(low), Map)

    def holds(values: np.ndarray) -> np.ndarray:
        found = np.linalg.eigvals(matrices(build, values, at))
        if what == "real":
            scale = np.maximum(np.abs(found).max(axis=1, keepdims=True), 1e-300)
            return np.all(np.abs(found.imag) <= tolerance * scale, axis=1)
        return np.abs(found).max(axis=1) < 1 if is_map else found.real.max(axis=1) < 0

    for end in (low, high):
        made = build(end)
        _check_at(made, at)
        if not regularity(made.field if isinstance(made, Map) else made, at).differentiable:
            return None
    grid = np.linspace(low, high, 400)
    changes = np.flatnonzero(np.diff(holds(grid).astype(int)))
    if len(changes) == 0:
        return None
    return _bisected(holds, float(grid[changes[0]]), float(grid[changes[0] + 1]))


def eigenvalue_path(build: Build, values: Any, at: Any, *, name: str) -> EigenvaluePath:
    """Follow the eigenvalues of a family of fields or maps over one hyper-parameter.

    Args:
        build: from the value to a field or a map.
        values: (n,), in order.
        at: the equilibrium.
        name: of the hyper-parameter.
    """
    from scipy.optimize import linear_sum_assignment

    values = _values("values", values)
    with float64():
        first = build(float(values[0]))
    kind = "map" if isinstance(first, Map) else "flow"
    _check_at(first, at)
    found = np.linalg.eigvals(matrices(build, values, at)).astype(complex)
    for k in range(1, len(found)):
        guess = found[k - 1] if k == 1 else 2 * found[k - 1] - found[k - 2]
        _, order = linear_sum_assignment(np.abs(guess[:, None] - found[k][None, :]))
        found[k] = found[k][order]
    return EigenvaluePath(name, values, found, kind)


def chart(
    build: Callable[[Any, Any], Map],
    x: Any,
    y: Any,
    at: Any,
    *,
    names: Sequence[str],
    tolerance: float = 1e-10,
    progress: Callable[[float], Any] | None = None,
) -> Chart:
    """Return the radius of a map at an equilibrium over two hyper-parameters.

    Args:
        build: from the two values to a map; traced once.
        x: values of the first, (n,).
        y: values of the second, (m,).
        at: the equilibrium.
        names: names of the two.
        tolerance: how near to 1 counts as marginal.
        progress: told the share that is done, from 0 to 1, now and then.

    Returns:
        the chart; all nan where the field has no Jacobian at the equilibrium.
    """
    x, y = _values("x", x), _values("y", y)
    if isinstance(names, str) or len(names) != 2:
        message = f"`names` is {names!r}; it must hold the names of the two hyper-parameters; give two."
        raise ValueError(message)
    for corner in ((x[0], y[0]), (x[-1], y[-1])):
        made = build(*(float(v) for v in corner))
        _check_at(made, at)
        if not regularity(made.field, at).differentiable:
            return Chart((names[0], names[1]), x, y, np.full((len(y), len(x)), np.nan), tolerance)
    first, second = np.meshgrid(x, y)
    radius = _radii(build, first.ravel(), second.ravel(), at, progress)
    return Chart((names[0], names[1]), x, y, radius.reshape(len(y), len(x)), tolerance)


def _radii(
    build: Callable[[Any, Any], Map], first: np.ndarray, second: np.ndarray, at: Any, progress: Any
) -> np.ndarray:
    """Return the radius at each setting; many settings are read in parts of one length, compiled once."""
    total = len(first)
    size = min(total, PART)
    filled = [np.concatenate([v, np.repeat(v[-1:], -total % size)]).reshape(-1, size) for v in (first, second)]
    found = []
    with float64():
        point = as_point(at)
        for done, part in enumerate(zip(*filled, strict=True)):
            radii = _family(build, True)(point, *part)
            found.append(to_numpy(radii if radii.ndim == 1 else radius_of(radii)))
            if progress is not None:
                progress(min((done + 1) * size / total, 1.0))
    return np.concatenate(found)[:total]
