"""Trajectories: run a map from one start or from many.

What is kept is a choice apart from how it is run: `Keep.all()`, `Keep.every(n)`, `Keep.ends()`. Memory grows with what
is kept, not with the number of steps.
"""

import math
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from tussle import checks
from tussle.autodiff import array, compiled, float64, is_torch, iterate, leaves, stacked, to_numpy, tree_map, vectorized
from tussle.game import Point, as_point, check_point, placed
from tussle.map import Map
from tussle.records import record

CHUNK = 1024  # steps whose batches are drawn and held at a time, at most
HELD = 1 << 26  # bytes of them, at most
MOST = 10**9  # steps of a run
FIRST = 1 << 15  # steps of the first compiled call, at most; between calls a run can be interrupted
WORK = 1 << 27  # steps x starts x nodes of it, at most
PAUSE = 0.5  # seconds that a later call should take
BLOCK = 1024  # starts that a thread runs at a time: their arrays stay in a core's first cache
LANES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Keep(NamedTuple):
    """What a run keeps: every `stride`-th point after the start, or only the ends (stride 0)."""

    stride: int = 1

    @classmethod
    def all(cls) -> "Keep":
        """Keep every point."""
        return cls(1)

    @classmethod
    def every(cls, stride: int) -> "Keep":
        """Keep the start and every `stride`-th point after it."""
        return cls(checks.count("stride", stride))

    @classmethod
    def ends(cls) -> "Keep":
        """Keep the start and the end."""
        return cls(0)


@record
class Trajectory:
    """The record of a run, in NumPy.

    Attributes:
        path: the kept points, (kept, d), or (starts, kept, d) of a run from many starts; the players' vectors joined.
        at: the step numbers of the kept points, (kept,); the first is 0.
        sizes: number of parameters of each player.
        state: the rule's last state, in the engine's arrays.
        last: the last point, in the engine's arrays.
    """

    path: np.ndarray
    at: np.ndarray
    sizes: tuple[int, ...]
    state: Any
    last: Point

    @property
    def end(self) -> np.ndarray:
        """The last point, (d,) or (starts, d)."""
        return self.path[..., -1, :]

    @property
    def start(self) -> np.ndarray:
        """The first point, (d,) or (starts, d)."""
        return self.path[..., 0, :]

    @property
    def steps(self) -> int:
        """The number of steps taken."""
        return int(self.at[-1])

    def player(self, player: int) -> np.ndarray:
        """Return one player's part of the path."""
        begin = sum(self.sizes[:player])
        return self.path[..., begin : begin + self.sizes[player]]

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Return the kept points and their step numbers by name."""
        return {"path": self.path, "at": self.at}


@compiled(static=("kept", "picked", "many"))
def _advance(map: Map, carry: Any, kept: int, stride: Any, picked: bool, many: bool, batch: Any, inputs: Any) -> Any:
    def step(point: Point, state: Any, batch: Any) -> tuple[Point, Any]:
        point, state, _ = map.step(point, state, batch)
        return point, state

    def body(carry: Any, given: Any) -> Any:
        now = batch if given is None else given
        if not many:
            return step(carry[0], carry[1], now)
        return vectorized(lambda point, state: step(point, state, now))(*carry)

    pick = (lambda carry: carry[0]) if picked else None
    return iterate(body, carry, kept, stride, pick, carry[0][0], inputs)


def _advance_torch(map: Map, carry: Any, kept: int, stride: int, picked: bool, batch: Any, inputs: Any) -> Any:
    def body(carry: Any, given: Any) -> Any:
        point, state, _ = map.step(carry[0], carry[1], batch if given is None else given)
        return point, state

    return iterate(body, carry, kept, stride, (lambda c: c[0]) if picked else None, carry[0][0], inputs)


def run(
    map: Map,
    start: Any,
    steps: int,
    *,
    keep: Keep | None = None,
    batches: Any = None,
    seed: int = 0,
    state: Any = None,
    progress: Callable[[float], Any] | None = None,
) -> Trajectory:
    """Run a map.

    Args:
        map: the method on its game.
        start: one number or vector per player; vectors of shape (starts, d_i) run many starts at once (JAX). PyTorch
            tensors run under PyTorch, all else under JAX in float64.
        steps: how many steps, at most 10^9. A long run is made of many short compiled loops, so that it can be
            interrupted.
        keep: what to keep; every point by default.
        batches: `batches(seed, step)` -> batch for stochastic steps, such as `gan.sampler(64)`; None for the game's
            own exact expectation.
        seed: seed of the batches.
        state: the rule's state to go on from; a fresh one by default.
        progress: told the share that is done, from 0 to 1, now and then.

    Returns:
        the trajectory; a run that overflows goes on with infinities and never raises.

    Example:
        >>> import tussle
        >>> game = tussle.ZeroSum(lambda x, y: (x * y).sum())
        >>> method = tussle.Map(tussle.Field(game), tussle.extragradient(tussle.sgd(0.5)))
        >>> tussle.run(method, (1.0, 1.0), 100).end.round(6).tolist()
        [-0.0, 0.0]
    """
    keep = Keep.all() if keep is None else keep
    steps = checks.count("steps", steps, least=0, most=MOST)
    checks.count("seed", seed, least=0, most=2**64 - 1)
    if any(is_torch(v) for v in start):
        check_point(map.field.game, as_point(start))
        watch = _Watch(steps, progress)
        return _run(map, as_point(start), steps, keep, batches, seed, state, False, watch)
    with float64():
        point = as_point(start)
        check_point(map.field.game, point)
        many = point[0].ndim == 2
        if many and batches is None and len(point[0]) >= 2 * BLOCK:
            return _run_blocks(map, point, steps, keep, state, progress)
        return _run(map, point, steps, keep, batches, seed, state, many, _Watch(steps, progress))


class _Halted(Exception):
    """Another thread was interrupted."""


class _Watch:
    """Counts the steps that are done, of all blocks together, and ends the blocks of an interrupted run."""

    def __init__(self, total: int, progress: Callable[[float], Any] | None) -> None:
        self.total, self.progress, self.done = max(total, 1), progress, 0
        self.halt, self.lock = threading.Event(), threading.Lock()

    def __call__(self, steps: int) -> None:
        if self.halt.is_set():
            raise _Halted
        if self.progress is not None:
            with self.lock:
                self.done += steps
                self.progress(self.done / self.total)


def _run_blocks(map: Map, point: Point, steps: int, keep: Keep, state: Any, progress: Any) -> Trajectory:
    """Share many starts, in blocks of one size, between threads: the compiled loop holds no lock."""
    starts = len(point[0])
    blocks = _blocks(starts)
    watch = _Watch(steps * len(blocks), progress)

    def one(block: np.ndarray) -> Trajectory:
        watch(0)
        with float64():
            part, before = tree_map(lambda x: to_numpy(x)[block], (point, state))
            return _run(map, part, steps, keep, None, 0, before, True, watch)

    with ThreadPoolExecutor(LANES) as pool:
        try:
            done = list(pool.map(one, blocks))
        except BaseException:
            watch.halt.set()
            raise
    path = np.concatenate([d.path for d in done])[:starts]
    ends = stacked([(d.last, d.state) for d in done])
    last, state = tree_map(lambda x: array(x.reshape(-1, *x.shape[2:])[:starts], point[0]), ends)
    return Trajectory(path, done[0].at, done[0].sizes, state, last)


def _blocks(starts: int) -> np.ndarray:
    """Return the indices of each block, (blocks, size), as many for each thread; the last start fills up the last."""
    blocks = LANES * -(-starts // (LANES * BLOCK))
    size = 8 * -(-starts // (8 * blocks))  # whole vectors
    return np.minimum(np.arange(blocks * size), starts - 1).reshape(blocks, size)


def _run(
    map: Map, point: Point, steps: int, keep: Keep, batches: Any, seed: int, state: Any, many: bool, watch: _Watch
) -> Trajectory:
    torch = is_torch(point[0])
    if state is None:
        state = vectorized(map.init)(point) if many else map.init(point)
    batch = _expectation(map, point[0], torch) if batches is None else None
    stride = keep.stride or max(steps, 1)
    pieces, taken, carry = [_flat(point)[..., None, :]], 0, (point, state)
    numbers = [0]
    chunk = _first(batch, point, many) if batches is None else _chunk(batches, seed)
    while taken < steps:
        began = time.perf_counter()
        kept, length = _block(taken, steps, stride, chunk)
        whole = length == stride
        inputs = None if batches is None else _drawn(batches, seed, taken, kept * length, point[0])
        picked = bool(keep.stride) and whole
        if torch:
            carry, path = _advance_torch(map, carry, kept, length, picked, batch, inputs)
        else:
            carry, path = _advance(map, carry, kept, length, picked, many, batch, inputs)
        if path is not None:
            pieces.append(_flat(path, many))
            numbers += list(range(taken + length, taken + kept * length + 1, length))
        taken += kept * length
        if path is None and keep.stride and taken % stride == 0:
            pieces.append(_flat(carry[0])[..., None, :])
            numbers.append(taken)
        if taken < steps and batches is None:
            to_numpy(carry[0][0])  # waits: a call comes back before its loop is done
            chunk = _next(chunk, kept * length, time.perf_counter() - began)
        watch(kept * length)
    if numbers[-1] != steps:
        pieces.append(_flat(carry[0])[..., None, :])
        numbers.append(steps)
    sizes = tuple(int(x.shape[-1]) for x in point)
    return Trajectory(np.concatenate(pieces, axis=-2), np.array(numbers), sizes, carry[1], carry[0])


def _block(taken: int, steps: int, stride: int, chunk: int) -> tuple[int, int]:
    """Return how many points the next block keeps, and after how many steps each; (1, n) ends between kept points."""
    left, due = steps - taken, stride - taken % stride
    if due == stride and min(left, chunk) >= stride:
        return min(left, chunk) // stride, stride
    return 1, min(left, due, chunk)


def _first(batch: Any, point: Point, many: bool) -> int:
    """Return how many steps the first compiled call may take: some tenths of a second, by a rough count of the work."""
    starts = len(point[0]) if many else 1
    nodes = math.prod(int(np.prod(x.shape)) for x in leaves(batch) if x.ndim == 1)
    return min(max(WORK // (starts * nodes), 64), FIRST)


def _next(chunk: int, steps: int, seconds: float) -> int:
    """Return how many steps the next compiled call may take; in powers of 8, since each new length may be compiled."""
    if steps < chunk // 2:
        return chunk  # it ended at a kept point
    if seconds < PAUSE / 8:
        return 8 * chunk
    return max(chunk // 8, 1) if seconds > 4 * PAUSE else chunk


def _chunk(batches: Any, seed: int) -> int:
    """Return how many batches may be drawn and held at a time."""
    size = sum(x.nbytes for x in leaves(batches(seed, 0)))
    return int(min(max(HELD // max(size, 1), 1), CHUNK))


def _expectation(map: Map, like: Any, torch: bool) -> Any:
    """Return the game's exact expectation; for JAX in NumPy, which the compiled loop takes in faster than arrays."""
    found = map.field.game.expectation()
    if found is None or torch:
        return placed(found, like)
    return tree_map(lambda x: np.asarray(x, dtype=np.float64), found)


def _flat(point: Point, swap: bool = False) -> np.ndarray:
    joined = np.concatenate([to_numpy(x) for x in point], axis=-1)
    return np.moveaxis(joined, 0, 1) if swap else joined


def _drawn(batches: Any, seed: int, first: int, count: int, like: Any) -> Any:
    return placed(stacked([batches(seed, first + k) for k in range(count)]), like)
