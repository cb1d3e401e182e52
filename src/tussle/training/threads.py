"""Threads of PyTorch, for a while."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let PyTorch compute on `count` threads within this context, and on as many as before after it.

    Networks of a few thousand weights are done before a second thread has begun; more threads only wait for each other.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
