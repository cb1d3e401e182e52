"""Batches drawn ahead of the loop by a thread of their own."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from tussle import checks


class Ahead:
    """The batches of steps first, first + 1, ..., last - 1, drawn while the loop computes.

    A batch is a function of the seed and the number of its step alone, so that drawing it earlier changes nothing: the
    batches are bit for bit those of `batches(seed, step)`. What goes wrong while a batch is drawn is raised when the
    loop asks for that batch. Close it, or use it in a `with`, so that its thread ends with the loop, by Ctrl-C too.

    Args:
        batches: `batches(seed, step)` -> batch, such as `game.sampler(64)`; called by one thread, in order.
        seed: seed of the batches.
        first: number of the first step.
        last: number of the step to stop before.
        depth: how many batches wait at most.

    Attributes:
        waited: seconds that the loop has waited for batches so far.

    Raises:
        ValueError: if a count is wrong.

    Example:
        >>> with Ahead(lambda seed, step: 10 * seed + step, seed=1, first=2, last=5) as drawn:
        ...     list(drawn)
        [12, 13, 14]
    """

    def __init__(self, batches: Callable[[int, int], Any], seed: int, first: int, last: int, depth: int = 2) -> None:
        self.waited: float = 0.0
        self._batches: Callable[[int, int], Any] = batches
        self._seed: int = checks.count("seed", seed, least=0)
        self._step: int = checks.count("first", first, least=0)
        self._last: int = checks.count("last", last, least=first)
        self._depth: int = checks.count("depth", depth)
        self._waiting: deque[tuple[Any, BaseException | None]] = deque()
        self._turn: threading.Condition = threading.Condition()
        self._closed: bool = False
        self._thread: threading.Thread = threading.Thread(target=self._draw, name="tussle-batches", daemon=True)
        self._thread.start()

    def __iter__(self) -> "Ahead":
        """Return the batches themselves; those that were taken do not come again."""
        return self

    def __next__(self) -> Any:
        """Return the next batch, and wait for it where it is not there yet."""
        start = time.perf_counter()
        with self._turn:
            if self._step == self._last:
                raise StopIteration
            while not self._waiting and not self._closed:
                self._turn.wait(1.0)  # a wait without end could not be interrupted everywhere
            if self._closed:
                raise StopIteration
            batch, trouble = self._waiting.popleft()
            self._step += 1
            self._turn.notify_all()
        self.waited += time.perf_counter() - start
        if trouble is not None:
            self.close()
            raise trouble
        return batch

    def __enter__(self) -> "Ahead":
        """Return the batches."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Stop drawing and wait for the thread to end; it finishes the batch that it is at."""
        with self._turn:
            self._closed = True
            self._waiting.clear()
            self._turn.notify_all()
        self._thread.join()

    def _draw(self) -> None:
        for step in range(self._step, self._last):
            with self._turn:
                while len(self._waiting) >= self._depth and not self._closed:
                    self._turn.wait()
                if self._closed:
                    return
            drawn = self._drawn(step)
            with self._turn:
                if not self._closed:
                    self._waiting.append(drawn)
                self._turn.notify_all()
            if drawn[1] is not None:
                return

    def _drawn(self, step: int) -> tuple[Any, BaseException | None]:
        try:
            return self._batches(self._seed, step), None
        except BaseException as trouble:  # raised again where the loop asks for this batch
            return None, trouble
