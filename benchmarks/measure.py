"""How the benchmarks measure, and what they report."""

import math
import os
import platform
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("tussle", "numpy", "jax", "numba", "torch")


class Row(NamedTuple):
    """One line of the report.

    Attributes:
        name: what was measured.
        ours: seconds (or `unit`); nan if it was skipped.
        reference: what it is measured against, in the same unit, or None.
        limit: the largest ratio of the two, or the largest `ours` where there is no reference; None is no target.
        note: what a reader of the numbers should know.
        unit: of `ours`, `reference` and, where there is no reference, of `limit`: `s` or `MiB`.
    """

    name: str
    ours: float
    reference: float | None = None
    limit: float | None = None
    note: str = ""
    unit: str = "s"

    @property
    def ratio(self) -> float | None:
        return None if self.reference is None else self.ours / self.reference

    @property
    def met(self) -> bool | None:
        """Whether the target is met, or None where there is none or the row was skipped."""
        if self.limit is None or math.isnan(self.ours):
            return None
        return (self.ours if self.ratio is None else self.ratio) <= self.limit


def best(rounds: int, **calls: Callable[[], object]) -> dict[str, float]:
    """Return the shortest time of each call in seconds.

    Each is called once before the clock starts. The calls take turns, so that whatever else the machine does falls on
    all of them alike.
    """
    for call in calls.values():
        call()
    shortest = dict.fromkeys(calls, math.inf)
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            shortest[name] = min(shortest[name], time.perf_counter() - start)
    return shortest


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, str | int | float]:
    """Return what the numbers depend on."""
    found: dict[str, str | int | float] = {"processor": _processor(), "cores": cores()}
    found["load"] = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else -1.0
    found |= {"system": platform.system(), "python": platform.python_version()}
    return found | {name: _version(name) for name in PACKAGES}


def _processor() -> str:
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()} ({platform.machine()})"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
