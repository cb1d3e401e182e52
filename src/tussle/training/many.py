"""Many runs at once: one method from many starts and seeds, or over many rates and weights, in compiled loops.

The lanes of a group are one program, mapped over its arrays; groups are shared between threads. A lane equals
its own single run to rounding, not bit for bit: a product of matrices that is mapped over lanes is another routine,
which adds in another order. For the same reason a run repeats bit for bit only with the same number of lanes.
"""

import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import jax_engine, leaves, to_numpy, tree_map
from tussle.endings import Ending
from tussle.game import Pair, Point, reading, sizes_of
from tussle.gan import GAN
from tussle.map import Map
from tussle.records import record as frozen
from tussle.records import static
from tussle.training.compiled import BAD, Method, held, kind_of, precision, step

CHUNK = 64  # batches that a group holds at a time
WIDE = 8  # lanes of a group, at most
WORK = 1 << 21  # samples x parameters of its lanes together, at most: beyond it lanes gain nothing from one another
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@frozen
class ManyRecord:
    """The record of many runs, in NumPy; the first axis is the lane.

    Attributes:
        at: (k,), how many steps had been taken at each line.
        losses: (lanes, k, 2), what generator and discriminator minimize at the point of the line, on the batch of its
            last step; nan from where a lane stopped.
        speeds: (lanes, k, 2), Euclidean norms of the velocities that the last step read.
        logits: (lanes, k, 2), mean logits of real data and of fakes.
        extra: what `record` asked for, by name, (lanes, k, ...).
        point: each lane's last finite point, one array (lanes, d_i) a player.
        state: the rule's states that belong to them, a tree of arrays (lanes, ...).
        steps: (lanes,), how many steps led to it, earlier runs included.
        endings: how each lane ended: `running` or `nonfinite`.
        reasons: one sentence about each ending.
        seconds: that all runs took together, compilation included.
    """

    at: np.ndarray = static()
    losses: np.ndarray = static()
    speeds: np.ndarray = static()
    logits: np.ndarray = static()
    extra: dict[str, np.ndarray] = static()
    point: Point = static()
    state: Any = static()
    steps: np.ndarray = static()
    endings: tuple[Ending, ...] = static()
    reasons: tuple[str, ...] = static()
    seconds: float = static()

    def lane(self, k: int) -> tuple[Point, Any]:
        """Return the last point and state of one lane."""
        return tree_map(lambda a: a[k], (self.point, self.state))

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Return the lines of the log by name."""
        return {name: getattr(self, name) for name in ("at", "losses", "speeds", "logits")} | self.extra


def train_many(
    map: Map | Method,
    starts: Point,
    steps: int,
    *,
    batches: int | Callable[[int, int], Any] = 64,
    seeds: int | Sequence[int],
    values: Mapping[str, Any] | None = None,
    every: int = 100,
    record: Mapping[str, Callable[[Point, Any], Any]] | None = None,
    progress: Callable[[float], Any] | None = None,
    states: Any = None,
    taken: int = 0,
) -> ManyRecord:
    """Train one GAN many times at once: from many starts, on many seeds, or with many rates and weights.

    Args:
        map: the method on its GAN, the same for all lanes; or `map(values)` that makes it from a lane's own numbers.
        starts: one array a player, (lanes, d_i) in float32 or float64; see `stacked_starts`.
        steps: how many steps.
        batches: samples per batch, or `batches(seed, step)` -> batch.
        seeds: the seed of the batches of each lane; one number gives all lanes the same batches.
        values: numbers that differ from lane to lane, by name, (lanes,) each.
        every: how often a line is logged; the last step always is.
        record: more to log, by name: `function(point, batch)` -> a number or array, in the arithmetic of JAX.
        progress: told the share that is done, from 0 to 1, at each line.
        states: the rule's states to go on from, as `ManyRecord.state`; fresh ones by default.
        taken: how many steps were taken before.

    Returns:
        the log, each lane's last finite point and how it ended; a lane that overflows stops and leaves the others be.

    Raises:
        ValueError: if the game is no GAN, a count is wrong, or starts, seeds and values differ in number.
    """
    began = time.perf_counter()
    starts = tuple(np.asarray(to_numpy(x)) for x in starts)
    lanes = _lanes(starts, seeds, values)
    numbers = {name: np.asarray(v, kind_of(starts)) for name, v in (values or {}).items()}
    first = map if isinstance(map, Map) else map({name: v[0] for name, v in numbers.items()})
    game = _gan(first)
    checks.count("steps", steps, least=0)
    checks.count("every", every)
    draw = batches if callable(batches) else game.sampler(batches).streams(first.rule.readings)
    work, clock = _Work(map, first, draw, steps, every, taken), _Clock(progress)
    groups = _groups(lanes, _size(draw(_seed_of(seeds, 0), taken)) * sum(sizes_of(starts)))
    clock.total = max(len(groups) * steps, 1)
    parts = [(tree_map(lambda a, k=k: np.asarray(a)[k], (starts, states, numbers)), _chosen(seeds, k)) for k in groups]
    done = _shared(work, clock, tuple((record or {}).items()), parts)
    return _collected(work, done, lanes, tuple(record or {}), time.perf_counter() - began)


def stacked_starts(starts: Sequence[Point]) -> Point:
    """Return the starts of lanes, a point each, as one array (lanes, d_i) a player.

    Example:
        >>> [x.shape for x in stacked_starts([(np.ones(3), np.ones(2))] * 4)]
        [(4, 3), (4, 2)]
    """
    return tuple(np.stack([to_numpy(x) for x in parts]) for parts in zip(*starts, strict=True))


# Arguments --------------------------------------------------------------------------------------------------


def _lanes(starts: Point, seeds: int | Sequence[int], values: Mapping[str, Any] | None) -> int:
    came = {f"`starts` of player {i}": np.shape(x)[:1] for i, x in enumerate(starts) if np.ndim(x) == 2}
    if len(came) != len(starts) or not starts:
        message = (
            f"`starts` have shapes {[np.shape(x) for x in starts]}; each must be (lanes, d); stack the points of all "
            "lanes by stacked_starts."
        )
        raise ValueError(message)
    if not isinstance(seeds, (int, np.integer)):
        came["`seeds`"] = (len(seeds),)
    came |= {f"`values` of {name}": np.shape(v)[:1] for name, v in (values or {}).items()}
    if len(set(came.values())) > 1:
        shown = ", ".join(f"{name} {shape[0] if shape else 'none'}" for name, shape in came.items())
        message = f"lanes differ in number ({shown}); there must be one entry for each lane; give as many of each."
        raise ValueError(message)
    return checks.count("lanes", len(starts[0]))


def _gan(map: Map) -> GAN:
    game = map.field.game
    if not isinstance(game, GAN):
        message = f"`map` is on a {type(game).__name__}; training draws batches from a GAN's data; give a GAN."
        raise ValueError(message)
    return game


def _seed_of(seeds: int | Sequence[int], lane: int) -> int:
    return int(seeds) if isinstance(seeds, (int, np.integer)) else int(seeds[lane])


def _chosen(seeds: int | Sequence[int], lanes: np.ndarray) -> int | np.ndarray:
    return int(seeds) if isinstance(seeds, (int, np.integer)) else np.asarray(seeds)[lanes]


def _size(batch: Any) -> int:
    """Return how many samples a batch has, of the kind of which it has most."""
    return max((len(x) for x in leaves(batch)), default=1)


def _groups(lanes: int, work: int) -> list[np.ndarray]:
    """Return the lanes of each group, all groups of one size; the last lane fills up the last."""
    wide = min(max(WORK // work, 1), WIDE, lanes)
    count = -(-lanes // wide)
    return list(np.minimum(np.arange(count * wide), lanes - 1).reshape(count, wide))


# The loop ---------------------------------------------------------------------------------------------------


class _Clock:
    """Counts the steps of all groups, and ends the others when one of them fails or is interrupted."""

    def __init__(self, progress: Callable[[float], Any] | None) -> None:
        self.progress, self.total, self.done = progress, 1, 0
        self.halt, self.lock, self.compiling = threading.Event(), threading.Lock(), threading.Lock()

    def __call__(self, steps: int) -> None:
        with self.lock:
            self.done += steps
            if self.progress is not None:
                self.progress(self.done / self.total)


class _Work:
    """What all groups have in common."""

    def __init__(self, map: Map | Method, first: Map, batches: Any, steps: int, every: int, taken: int) -> None:
        self.map: Map | None = map if isinstance(map, Map) else None
        self.method: Method | None = None if isinstance(map, Map) else map
        self.first, self.batches, self.steps, self.every, self.taken = first, batches, steps, every, taken
        self.room: int = min(CHUNK, every, max(steps, 1))
        self.at: np.ndarray = np.unique([*range(every, steps + 1, every), *([steps] if steps else [])]).astype(int)

    def drawn(self, seeds: int | np.ndarray, begin: int, count: int, kind: np.dtype) -> Any:
        """Return the batches of some steps, (room, lanes, ...), or (room, ...) where all lanes have the same."""
        if isinstance(seeds, int):
            return held([self.batches(seeds, begin + k) for k in range(count)], self.room, kind)
        lanes = [held([self.batches(int(s), begin + k) for k in range(count)], self.room, kind) for s in seeds]
        return jax_engine().tree_util.tree_map(lambda *parts: np.stack(parts, axis=1), *lanes)


def _run(work: _Work, clock: _Clock, extra: Any, part: Any) -> tuple[Any, list[dict[str, np.ndarray]]]:
    """Run one group; return its last carry and its lines."""
    (point, state, numbers), seeds = part
    kind = kind_of(point)
    with precision(kind):
        jax = jax_engine()
        state = jax.vmap(work.first.init)(point) if state is None else state
        zero = np.zeros(len(point[0]), np.int64 if kind == np.float64 else np.int32)
        carry, done, lines = (zero, zero, (point, state), tree_map(np.zeros_like, point)), 0, []
        while done < work.steps and not clock.halt.is_set() and not np.all(np.asarray(carry[1])):
            count = min(work.room, work.every - done % work.every, work.steps - done)
            buffer = work.drawn(seeds, work.taken + done, count, kind)
            shared = isinstance(seeds, int)
            # The groups share a program: the first one that comes compiles it, the others wait.
            with contextlib.nullcontext() if done else clock.compiling:
                carry = _walk()(work.method, shared, work.map, carry, buffer, numbers, count)
            carry = tree_map(np.asarray, carry)
            done += count
            if done in work.at:
                batch = tree_map(lambda a, k=count - 1: a[k], buffer)
                read = _gauge()(work.method, shared, extra, work.map, carry[2][0], carry[3], batch, numbers)
                lines.append(tree_map(lambda a, ok=carry[0] == done: _hidden(a, ok), read))
            clock(count)
    return carry, lines


def _hidden(values: Any, ok: np.ndarray) -> np.ndarray:
    """Return the values of the lanes that took all steps, and nan for the others."""
    values = np.asarray(values)
    return np.where(ok.reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)


@functools.cache
def _walk() -> Callable[..., Any]:
    return jax_engine().jit(_walk_lanes, static_argnums=(0, 1))


def _walk_lanes(
    method: Method | None, shared: bool, map: Map | None, start: Any, buffer: Any, numbers: Any, count: Any
) -> Any:
    """Take `count` steps of all lanes; those that are no longer finite stay where they were."""
    jax = jax_engine()

    def one(numbers: Any, batch: Any, carry: Any) -> Any:
        return step(map if method is None else method(numbers), batch, carry)

    def body(carry: Any) -> Any:
        k, lanes = carry
        batch = tree_map(lambda a: a[k], buffer)
        return k + 1, mapped(numbers, batch, lanes)

    mapped = _mapped(one, (True, not shared, True), len(start[0]))

    def go_on(carry: Any) -> Any:
        return (carry[0] < count) & jax.numpy.any(carry[1][1] == 0)

    return jax.lax.while_loop(go_on, body, (0, start))[1]


@functools.cache
def _gauge() -> Callable[..., Any]:
    return jax_engine().jit(_gauge_lanes, static_argnums=(0, 1, 2))


def _gauge_lanes(
    method: Method | None, shared: bool, extra: Any, map: Any, point: Any, velocity: Any, batch: Any, numbers: Any
) -> Any:
    """Return what a line says of all lanes."""
    jax = jax_engine()
    xp = jax.numpy

    def one(point: Point, velocity: Point, batch: Any, numbers: Any) -> dict[str, Any]:
        batch = reading(batch, 0)
        batch = batch.first if isinstance(batch, Pair) else batch
        game: Any = (map if method is None else method(numbers)).field.game
        real, fake = game.scores(point, batch)
        found = {
            "losses": xp.stack([game.loss(i, point, batch) for i in range(2)]),
            "speeds": xp.stack([xp.sqrt(xp.sum(v * v)) for v in velocity]),
            "logits": xp.stack([real.mean(real.points), fake.mean(fake.points)]),
        }
        return found | {"extra": {name: xp.asarray(function(point, batch)) for name, function in extra}}

    return _mapped(one, (True, True, not shared, True), len(point[0]))(point, velocity, batch, numbers)


def _mapped(function: Callable[..., Any], laned: tuple[bool, ...], lanes: int) -> Callable[..., Any]:
    """Return a function mapped over the lanes of those arguments that have them; one lane is left the plain program."""
    jax = jax_engine()
    if lanes > 1:
        return jax.vmap(function, in_axes=tuple(0 if has else None for has in laned))

    def alone(*arguments: Any) -> Any:
        plain = [tree_map(lambda a: a[0], x) if has else x for x, has in zip(arguments, laned, strict=True)]
        return tree_map(lambda a: a[None], function(*plain))

    return alone


def _shared(work: _Work, clock: _Clock, extra: Any, parts: list[Any]) -> list[Any]:
    """Share the groups between threads: a compiled loop holds no lock."""
    with ThreadPoolExecutor(min(CORES, len(parts))) as pool:
        try:
            return list(pool.map(lambda part: _run(work, clock, extra, part), parts))
        except BaseException:
            clock.halt.set()
            raise


# The record -------------------------------------------------------------------------------------------------


def _collected(work: _Work, done: list[Any], lanes: int, names: tuple[str, ...], seconds: float) -> ManyRecord:
    def together(trees: list[Any]) -> Any:
        return jax_engine().tree_util.tree_map(lambda *parts: np.concatenate(parts)[:lanes], *trees)

    taken, code, (point, state), _ = together([carry for carry, _ in done])
    like = next((lines[-1] for _, lines in done if lines), None)
    blank = None if like is None else tree_map(lambda a: np.full_like(a, np.nan), like)
    lines = [_padded(lines or [blank], len(work.at)) for _, lines in done]
    log = together(lines) if like is not None else _empty(lanes, names, len(work.at))
    steps = work.taken + taken.astype(int)
    bad = [BAD[c] for c in code]
    return ManyRecord(
        work.taken + work.at,
        log["losses"],
        log["speeds"],
        log["logits"],
        log["extra"],
        point,
        state,
        steps,
        tuple(Ending.NONFINITE if b else Ending.RUNNING for b in bad),
        tuple(_reason(b, s, work.steps) for b, s in zip(bad, steps, strict=True)),
        seconds,
    )


def _padded(lines: list[Any], count: int) -> Any:
    """Return the lines of a group as arrays (lanes, count, ...), nan behind the last."""
    if lines == [None]:
        return None
    lines = lines + [tree_map(lambda a: np.full_like(a, np.nan), lines[-1])] * (count - len(lines))
    return jax_engine().tree_util.tree_map(lambda *parts: np.stack(parts, axis=1), *lines)


def _empty(lanes: int, names: tuple[str, ...], count: int) -> dict[str, Any]:
    """Return a log without steps, or of nothing but nan where every lane stopped before its first line."""
    base = {name: np.full((lanes, count, 2), np.nan) for name in ("losses", "speeds", "logits")}
    return base | {"extra": {name: np.full((lanes, count), np.nan) for name in names}}


def _reason(bad: str, steps: int, wanted: int) -> str:
    if bad:
        return f"the {bad} were no longer finite at step {steps + 1}"
    return f"all {wanted} step(s) were taken; whether it has settled is another question"
