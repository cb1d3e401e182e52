"""Compiled steps: a small GAN under JAX, many steps a call, and the same numbers wherever the calls begin and end.

One loop is compiled for a buffer of a fixed number of batches. How many of them are used is a number that the loop is
told, not a part of the program: a step is always the same machine code on the same shapes, so that a run that was cut
anywhere and gone on with equals one that never stopped, bit for bit.
"""

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tussle import checks
from tussle.autodiff import jax_engine, leaves, to_numpy, tree_map
from tussle.game import Point
from tussle.map import Map

Method = Callable[[Mapping[str, Any]], Map]
BAD = ("", "parameters", "velocities")  # what a stop is called; the velocities, where both are bad


class Advanced(NamedTuple):
    """Where compiled steps have come.

    Attributes:
        point: the parameters after the last finite step, in JAX arrays.
        state: the rule's state that belongs to them.
        velocity: what that step read last; zeros if no step was taken.
        taken: how many steps were taken.
        bad: what was no longer finite in the next step, `parameters` or `velocities`; empty if all were taken.
    """

    point: Point
    state: Any
    velocity: Point
    taken: int
    bad: str

    @property
    def ok(self) -> bool:
        """Whether all steps were taken."""
        return not self.bad


class CompiledSteps:
    """Takes steps of a map in compiled loops.

    Args:
        map: the method on its game; or a function `map(values)` that makes it from the numbers that change from step
            to step, by name (rates, penalty weights and all that is no `static` field of a record may change).
        chunk: how many batches the loop holds; a shorter call runs the same loop.

    Raises:
        ValueError: if `chunk` is no positive whole number, or `map` neither a map nor a function.

    Example:
        >>> import tussle
        >>> model = tussle.models.dirac(penalties=[tussle.r1(0.3)])
        >>> steps = CompiledSteps(tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.sgd(0.2))))
        >>> point = steps.place((np.ones(1), np.ones(1)))
        >>> [round(float(x[0]), 6) for x in steps.advance(point, steps.init(point), [None]).point]
        [0.946212, 0.993788]
    """

    def __init__(self, map: Map | Method, chunk: int = 64) -> None:
        if not isinstance(map, Map) and not callable(map):
            message = f"`map` is {map!r:.60}; it must be a Map or a function that makes one; give Map(field, rule)."
            raise ValueError(message)
        self.most: int = checks.count("chunk", chunk)
        self._map: Map | None = map if isinstance(map, Map) else None
        self._method: Method | None = None if isinstance(map, Map) else map

    def place(self, point: Any) -> Point:
        """Return a point of either engine as JAX arrays of its own type, float32 or float64."""
        arrays = [np.atleast_1d(to_numpy(x)) for x in point]
        with precision(kind_of(arrays)):
            return tuple(map(jax_engine().numpy.asarray, arrays))

    def init(self, point: Point, values: Mapping[str, float] | None = None) -> Any:
        """Return the rule's state before the first step.

        Args:
            point: the parameters, as `place` returns them.
            values: the numbers that change, of the first step.
        """
        chosen = self._map if self._method is None else self._method(values or {})
        assert chosen is not None
        with precision(kind_of(point)):
            return chosen.init(point)

    def advance(
        self,
        point: Point,
        state: Any,
        batches: Sequence[Any],
        values: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None,
    ) -> Advanced:
        """Take a step for each batch.

        Args:
            point: the parameters.
            state: the rule's state that belongs to them, in arrays of any engine.
            batches: at most `chunk` of them, alike in shape; None for the game's own exact expectation.
            values: the numbers that change, one mapping a step, or one of arrays with an entry a step.

        Returns:
            the last finite point, what belongs to it, and how many steps led there.

        Raises:
            ValueError: if there are too many batches, or they or the values do not fit each other.
        """
        count = checks.count("len(batches)", len(batches), least=0, most=self.most)
        kind = kind_of(point)
        if count == 0:
            return Advanced(tuple(point), state, tuple(0 * x for x in point), 0, "")
        with precision(kind):
            found = _compiled_walk()(
                self._method,
                self._map,
                tree_map(np.asarray, (tuple(point), state)),
                held(batches, self.most, kind),
                _columns(values, count, self.most, kind),
                count,
            )
        taken, code, (point, state), velocity = found
        return Advanced(point, state, velocity, int(taken), BAD[int(code)])


def kind_of(point: Sequence[Any]) -> np.dtype:
    """Return the floating type of a point.

    Raises:
        ValueError: if it is not float32 or float64, the same for all players.
    """
    kinds = sorted({str(x.dtype) for x in point})
    if len(kinds) != 1 or kinds[0] not in ("float32", "float64"):
        message = f"`point` has arrays of {', '.join(kinds)}; all must be float32 or all float64; convert them."
        raise ValueError(message)
    return np.dtype(kinds[0])


def precision(kind: np.dtype) -> contextlib.AbstractContextManager[None]:
    """Return a context in which JAX computes in a type: without it one float64 constant would widen all float32."""
    return jax_engine().enable_x64(kind == np.float64)


def held(batches: Sequence[Any], room: int, kind: np.dtype) -> Any:
    """Return batches as one tree of NumPy arrays, (room, ...) each; what is behind the last batch is never read.

    Raises:
        ValueError: if two of them differ in structure or shape.
    """

    def column(*parts: Any) -> np.ndarray:
        buffer = np.zeros((room, *np.shape(parts[0])), kind)
        for k, part in enumerate(parts):
            if np.shape(part) != buffer.shape[1:]:
                message = (
                    f"`batches` hold arrays of shapes {buffer.shape[1:]} and {np.shape(part)}; those of one call must "
                    "be alike; give batches of one size."
                )
                raise ValueError(message)
            buffer[k] = part
        return buffer

    return jax_engine().tree_util.tree_map(column, *batches)


def _columns(values: Any, count: int, room: int, kind: np.dtype) -> dict[str, np.ndarray]:
    """Return the numbers that change as arrays (room,) by name."""
    if not isinstance(values, Mapping):
        rows = list(values or [])
        if rows and len(rows) != count:
            message = f"`values` are {len(rows)} for {count} batches; there must be one mapping for each; give these."
            raise ValueError(message)
        values = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    found = {}
    for name, entries in values.items():
        if np.shape(entries) != (count,):
            message = (
                f"`values` of {name} have shape {np.shape(entries)}; they must be {count}, one a step; give these."
            )
            raise ValueError(message)
        found[name] = np.zeros(room, kind)
        found[name][:count] = entries
    return found


# The loop ---------------------------------------------------------------------------------------------------


@functools.cache
def _compiled_walk() -> Callable[..., Any]:
    return jax_engine().jit(_walk, static_argnums=0)


def _walk(method: Method | None, map: Map | None, start: Any, buffer: Any, values: Any, count: Any) -> Any:
    """Take `count` steps, or fewer if one is not finite."""
    jax = jax_engine()

    def go_on(carry: Any) -> Any:
        return (carry[0] < count) & (carry[1] == 0)

    def body(carry: Any) -> Any:
        taken, code, now, velocity = carry
        batch, numbers = tree_map(lambda a: a[taken], (buffer, values))
        return step(map if method is None else method(numbers), batch, (taken, code, now, velocity))

    zero = jax.numpy.zeros((), int)
    return jax.lax.while_loop(go_on, body, (zero, zero, start, tree_map(lambda x: 0 * x, start[0])))


def step(map: Any, batch: Any, carry: Any) -> Any:
    """Take one step of (taken, code, (point, state), velocity), or leave all but the code if it is not finite."""
    xp = jax_engine().numpy
    taken, code, (point, state), velocity = carry
    after, later, info = map.step(point, state, batch)
    seen = _finite(info.velocity)
    fresh = xp.where(seen, xp.where(_finite(after), 0, 1), 2)
    code = xp.where(code == 0, fresh, code)

    def choose(new: Any, old: Any) -> Any:
        return xp.where(code == 0, new, old).astype(old.dtype)

    chosen = jax_engine().tree_util.tree_map(choose, ((after, later), info.velocity), ((point, state), velocity))
    return taken + (code == 0), code, *chosen


def _finite(point: Point) -> Any:
    xp = jax_engine().numpy
    return functools.reduce(xp.logical_and, [xp.all(xp.isfinite(x)) for x in leaves(point)])
