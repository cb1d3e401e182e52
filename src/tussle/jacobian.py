"""Jacobians of fields and maps: dense by differentiation, or as operators by products.

The Jacobian of a map includes the rule's state, so that momentum, optimism or Adam need no hand-made formula.
"""

import functools
from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import (
    Array,
    array,
    compiled,
    float64,
    is_torch,
    jacobian,
    jvp,
    namespace,
    pullback,
    to_numpy,
    vjp,
)
from tussle.field import AbstractField
from tussle.field import at as read_at
from tussle.game import Point, as_point, joined, placed, sizes_of, split
from tussle.map import Map, ravel, unravel


def _field_matrix(field: AbstractField, point: Point, batch: Any) -> Array:
    sizes = sizes_of(point)
    return jacobian(lambda x: joined(field(split(x, sizes), batch)), joined(point))


def _map_matrix(map: Map, point: Point, state: Any, batch: Any) -> Array:
    whole, pattern = ravel((point, state))

    def step(x: Array) -> Array:
        now, before = unravel(x, pattern)
        after, state, _ = map.step(now, before, batch)
        return ravel((after, state))[0]

    return jacobian(step, whole)


_field_matrix_jax = compiled(_field_matrix)
_map_matrix_jax = compiled(_map_matrix)


def field_jacobian(field: AbstractField, at: Any, batch: Any = None) -> np.ndarray:
    """Return the dense Jacobian of a field, (d, d), rows and columns in the order of the players.

    Args:
        field: the field.
        at: a point, one number or vector per player.
        batch: the batch; the game's exact expectation by default.

    Example:
        >>> import tussle
        >>> field = tussle.Field(tussle.ZeroSum(lambda x, y: (x * y).sum()))
        >>> tussle.field_jacobian(field, (0.0, 0.0)).tolist()
        [[0.0, -1.0], [1.0, 0.0]]
    """
    if any(is_torch(v) for v in at):
        point = as_point(at)
        return to_numpy(_field_matrix(field, point, placed(batch, point[0])))
    with float64():
        return to_numpy(_field_matrix_jax(field, as_point(at), batch))


def map_jacobian(map: Map, at: Any, state: Any = None, batch: Any = None) -> np.ndarray:
    """Return the dense Jacobian of a map with respect to the point and the rule's state.

    Args:
        map: the map.
        at: a point, one number or vector per player.
        state: the rule's state; the state at rest by default.
        batch: the batch; the game's exact expectation by default.

    Returns:
        the matrix, (d + s, d + s), the point's entries before the state's.
    """
    if any(is_torch(v) for v in at):
        point = as_point(at)
        state = map.rule.rest(point) if state is None else state
        return to_numpy(_map_matrix(map, point, state, placed(batch, point[0])))
    with float64():
        point = as_point(at)
        state = map.rule.rest(point) if state is None else state
        return to_numpy(_map_matrix_jax(map, point, state, batch))


def path_angle(field: AbstractField, start: Any, end: Any, *, count: int = 121, batch: Any = None) -> Any:
    """Return the cosine of the angle between a field and the way from start to end, along that segment.

    cos(v(x_t), end - start) at x_t = start + t (end - start), t from -0.1 to 1.1: attraction turns its sign at t = 1, a
    pure rotation shows as 0 with a bump.

    Args:
        field: the field.
        start: one number or vector per player.
        end: the same, such as an equilibrium or the end of training.
        count: points along the segment.
        batch: the batch; the game's exact expectation by default.

    Returns:
        t, (count,), and the cosines, (count,); nan where the field vanishes.

    Reference:
        Berard et al., "A closer look at the optimization landscapes of generative adversarial networks", ICLR 2020.
    """

    def plain(point: Any) -> tuple[np.ndarray, ...]:
        return tuple(np.atleast_1d(to_numpy(x) if is_torch(x) else np.asarray(x, dtype=float)) for x in point)

    one, two = plain(start), plain(end)
    shares = np.linspace(-0.1, 1.1, checks.count("count", count, 2))
    way = np.concatenate([b - a for a, b in zip(one, two, strict=True)])
    found = []
    for t in shares:
        point = tuple(a + t * (b - a) for a, b in zip(one, two, strict=True))
        if any(is_torch(x) for x in start):
            point = tuple(array(x, like) for x, like in zip(point, start, strict=True))
        v = np.concatenate([to_numpy(x) for x in read_at(field, point, batch)])
        length = np.linalg.norm(v) * np.linalg.norm(way)
        found.append(float(v @ way) / length if length > 0 else np.nan)
    return shares, np.array(found)


def field_operator(field: AbstractField, at: Any, batch: Any = None, transposed: bool = False) -> Any:
    """Return the Jacobian of a field as a SciPy operator that never forms the matrix.

    J^T u costs one pass back through the recorded field, J t one through the longer record of J^T u. Both matrices have
    the same spectrum, so eigenvalues are found through the transposed operator.

    Args:
        field: the field.
        at: a point of PyTorch tensors, or of numbers (JAX).
        batch: the batch; the game's exact expectation by default.
        transposed: whether `operator @ u` is J^T u.

    Returns:
        a `scipy.sparse.linalg.LinearOperator` of shape (d, d).
    """
    from scipy.sparse import linalg

    forward, backward = products(field, at, batch)
    size = sum(len(x) for x in at) if any(is_torch(v) for v in at) else sum(np.size(x) for x in at)
    ahead, back = (backward, forward) if transposed else (forward, backward)
    operator: Any = linalg.LinearOperator  # SciPy's constructor picks a subclass, which its types do not tell
    return operator((size, size), matvec=ahead, rmatvec=back, dtype=np.float64)


def products(field: AbstractField, at: Any, batch: Any = None) -> tuple[Any, Any]:
    """Return t -> J t and u -> J^T u on NumPy vectors.

    Under PyTorch the field is recorded once and each product is one pass back through a record.
    """
    if any(is_torch(v) for v in at):
        return _torch_products(field, as_point(at), batch)
    with float64():
        point = as_point(at)
        batch = placed(field.game.expectation() if batch is None else batch, point[0])
    return (lambda t: to_numpy(_push(field, point, batch, t))), (lambda u: to_numpy(_pull(field, point, batch, u)))


def _read(field: AbstractField, point: Point, batch: Any) -> Any:
    sizes = sizes_of(point)
    return lambda x: joined(field(split(x, sizes), batch))


@compiled
def _push(field: AbstractField, point: Point, batch: Any, t: Array) -> Array:
    return jvp(_read(field, point, batch), joined(point), t)


@compiled
def _pull(field: AbstractField, point: Point, batch: Any, u: Array) -> Array:
    return vjp(_read(field, point, batch), joined(point), u)


def _torch_products(field: AbstractField, point: Point, batch: Any) -> tuple[Any, Any]:
    batch = placed(field.game.expectation() if batch is None else batch, point[0])
    whole = joined(point)
    _, pull = pullback(_read(field, point, batch), whole)

    @functools.cache
    def push() -> Any:
        # u -> J^T u is linear and its transpose is t -> J t: recorded at the first use, then one pass back each time.
        return pullback(pull, namespace(whole).zeros_like(whole))[1]

    def tensor(x: np.ndarray) -> Array:
        return array(np.array(x.reshape(-1)), whole)  # a copy: NumPy may lend a buffer that it writes to later

    return (lambda t: to_numpy(push()(tensor(t)))), (lambda u: to_numpy(pull(tensor(u))))
