"""Dense Jacobians of the fields of small networks, averaged over minibatches, and what consensus makes of them.

The two thousand columns are forward derivatives, a few at a time in one compiled loop: of few columns the activations
stay in a core's cache. The spectrum of the mixture of Gaussians of Mescheder, Nowozin and Geiger (2017) is one call.
"""

import functools
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import Array, jax_engine, to_numpy, tree_map, vjp
from tussle.field import AbstractField
from tussle.game import Point, joined, replaced, sizes_of, split
from tussle.records import record, static
from tussle.spectra import Spectrum, spectrum
from tussle.training.compiled import precision

TOGETHER = 8192  # samples x columns that are pushed forward at a time
KINDS = ("float32", "float64")


@record
class FieldSpectra:
    """The spectrum of a field and of its consensus field at one point, the latter exactly and by its short form.

    With v the field averaged over the minibatches and J its Jacobian, the consensus field w = v - gamma J^T v has the
    Jacobian J - gamma (J^T J + sum_i v_i Hess(v_i)). The short form J - gamma J^T J leaves out the last term, which
    vanishes where v does, and nowhere else.

    Attributes:
        plain: of J.
        exact: of the Jacobian of w.
        short: of J - gamma J^T J.
        jacobian: J, (d, d).
        bend: sum_i v_i Hess(v_i), (d, d), symmetric.
        gamma: the weight of consensus.
        speed: the length of v: how far from an equilibrium this is.
        batches: how many minibatches were averaged.
        seconds: spent on the matrices, and on their eigenvalues.
    """

    plain: Spectrum
    exact: Spectrum
    short: Spectrum
    jacobian: np.ndarray
    bend: np.ndarray
    gamma: float
    speed: float
    batches: int = static()
    seconds: tuple[float, float] = static()

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Return the three spectra by name."""
        return {name: getattr(self, name).eigenvalues for name in ("plain", "exact", "short")}


def dense_jacobian(field: AbstractField, point: Any, batches: Iterable[Any], *, kind: str = "float64") -> np.ndarray:
    """Return the Jacobian of a field, averaged over minibatches; columns by forward derivatives under JAX.

    Args:
        field: the field, adjusted or not, of players in plain arithmetic such as those of `dense_gan`.
        point: the parameters, arrays of any engine.
        batches: the minibatches, alike in shape.
        kind: type to compute in, `float64` or `float32`.

    Returns:
        the matrix, (d, d) in float64, rows and columns in the order of the players.

    Raises:
        ValueError: if there is no batch, or the type is another one.

    Example:
        >>> import tussle
        >>> game = tussle.models.dirac().game
        >>> dense_jacobian(tussle.Field(game), ([0.0], [0.0]), [game.expectation()]).tolist()
        [[0.0, -0.5], [0.5, 0.0]]
    """
    return _averaged(_columns_of(_read), field, point, batches, kind)


def consensus_spectra(
    field: AbstractField, point: Any, batches: Iterable[Any], gamma: float, *, tolerance: float, kind: str = "float64"
) -> FieldSpectra:
    """Return the spectra of a field and of its consensus field, exact and short, at one point.

    Args:
        field: the field without consensus.
        point: the parameters, arrays of any engine.
        batches: the minibatches that are averaged over, alike in shape.
        gamma: the weight of consensus.
        tolerance: how near to zero a largest real part counts as marginal.
        kind: type of the Jacobian products, `float64` or `float32`; the eigenvalues are found in float64.

    Returns:
        the three spectra and the matrices.

    Raises:
        ValueError: if there is no batch, or an argument is out of its range.

    Reference:
        Mescheder, Nowozin, Geiger, "The Numerics of GANs", NIPS 2017; its code averages over ten minibatches and shows
        the short form.
    """
    began = time.perf_counter()
    checks.nonnegative("gamma", gamma)
    batches = list(batches)
    velocity = _averaged(_velocity, field, point, batches, kind)
    matrix = dense_jacobian(field, point, batches, kind=kind)
    bend = _averaged(functools.partial(_columns_of(_pull), velocity.astype(kind)), field, point, batches, kind)
    bend = 0.5 * (bend + bend.T)  # a Hessian, symmetric up to rounding
    square = matrix.T @ matrix
    made = time.perf_counter()
    found = (
        spectrum(m, of="flow", tolerance=tolerance)
        for m in (matrix, matrix - gamma * (square + bend), matrix - gamma * square)
    )
    plain, exact, short = found
    seconds = made - began, time.perf_counter() - made
    speed = float(np.linalg.norm(velocity))
    return FieldSpectra(plain, exact, short, matrix, bend, gamma, speed, len(batches), seconds)


def _averaged(
    function: Callable[..., Any], field: AbstractField, point: Any, batches: Iterable[Any], kind: str
) -> np.ndarray:
    """Return the mean over batches of `function(field, point, batch)`, summed in float64."""
    batches, dtype = list(batches), np.dtype(checks.choice("kind", kind, KINDS))
    if not batches:
        message = "`batches` is empty; the average needs at least one; give some, such as [game.sampler(512)(0, 0)]."
        raise ValueError(message)
    total: Any = 0.0
    with precision(dtype):
        place = functools.partial(tree_map, lambda x: np.asarray(to_numpy(x), dtype))
        start = place(tuple(np.atleast_1d(to_numpy(x)) for x in point))
        for batch in batches:
            total = total + np.asarray(function(field, start, place(batch)), np.float64)
    return total / len(batches)


# What is read -----------------------------------------------------------------------------------------------


def _read(field: AbstractField, point: Point, batch: Any) -> Array:
    return joined(field(point, batch))


def _pull(u: Array, field: AbstractField, point: Point, batch: Any) -> Array:
    """Return J^T u; with u held at v its Jacobian is sum_i v_i Hess(v_i)."""
    sizes = sizes_of(point)
    return vjp(lambda x: joined(field(split(x, sizes), batch)), joined(point), u)


@functools.cache
def _compiled_read() -> Callable[..., Any]:
    return jax_engine().jit(_read)


def _velocity(field: AbstractField, point: Point, batch: Any) -> Array:
    return _compiled_read()(field, point, batch)


@functools.cache
def _columns_of(function: Callable[..., Array]) -> Callable[..., Any]:
    """Return (..., field, point, batch) -> the Jacobian of `function` with respect to the point, compiled."""

    def dense(*parts: Any) -> Array:
        *first, field, point, batch = parts
        blocks = [_block(lambda p: function(*first, field, p, batch), point, i, batch) for i in range(len(point))]
        return jax_engine().numpy.concatenate(blocks, axis=1)

    return jax_engine().jit(dense)


def _block(function: Callable[[Point], Array], point: Point, player: int, batch: Any) -> Array:
    """Return the columns of one player: where the others stand still, less is pushed forward."""
    jax = jax_engine()
    own = point[player]
    size = own.shape[0]
    samples = max((x.shape[0] for x in jax.tree_util.tree_leaves(batch) if x.ndim), default=1)
    count = max(min(TOGETHER // samples, size), 1)
    _, push = jax.linearize(lambda x: function(replaced(point, player, x)), own)

    def some(k: Array) -> Array:
        return jax.vmap(push)(jax.nn.one_hot(k * count + jax.numpy.arange(count), size, dtype=own.dtype))

    rows = jax.lax.map(some, jax.numpy.arange(-(-size // count)))
    return rows.reshape(-1, rows.shape[-1])[:size].T
