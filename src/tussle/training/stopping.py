"""Ctrl-C and SIGTERM during a run: the step is finished, the state is written, the run can go on later."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether somebody asked the run to stop.

    Attributes:
        asked: the signal's name, or nothing.
    """

    def __init__(self) -> None:
        self.asked: str = ""

    def __call__(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Take note of a signal; a second Ctrl-C stops at once."""
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = signal.Signals(number).name


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Take Ctrl-C and SIGTERM as a wish to stop within this context; afterwards they mean what they meant before.

    Outside the main thread, where signals cannot be taken, nothing changes.

    Yields:
        the wish.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
