"""Where a run computes, on how many threads, and with which versions."""

import contextlib
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from tussle.training.threads import threads

PACKAGES = ("tussle", "torch", "jax", "numpy", "safetensors")


def chosen(device: str) -> str:
    """Return the device that a name stands for.

    Args:
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        ValueError: if there is no such device here.

    Example:
        >>> chosen("cpu")
        'cpu'
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        asked = torch.device(device)
    except RuntimeError as wrong:
        message = f"`--device` is {device!r}; it may be auto, cpu, cuda, cuda:0 or mps; give one of these."
        raise ValueError(message) from wrong
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if not found.get(asked.type, False):
        message = f"`--device` is {device}, and PyTorch finds none here; take cpu, or a PyTorch that is built for it."
        raise ValueError(message)
    if asked.type == "cuda" and asked.index is not None and asked.index >= torch.cuda.device_count():
        message = f"`--device` is {device}; there are {torch.cuda.device_count()} of them, counted from 0; take one."
        raise ValueError(message)
    return str(asked)


@contextlib.contextmanager
def threads_of(count: int | None) -> Iterator[None]:
    """Compute on so many threads within this context; None leaves the number alone."""
    if count is None:
        yield
        return
    with threads(count):
        yield


def versions() -> dict[str, Any]:
    """Return what a run was computed with; a run repeats bit for bit where these are the same."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return {
        "versions": found,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
    }
