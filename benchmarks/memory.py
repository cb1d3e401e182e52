"""Peak memory of a run from many starts of which only the ends are kept: it must not grow with the number of steps."""

import subprocess
import sys
from pathlib import Path

from measure import Row

PROBE = """
import pathlib, resource, sys
import numpy as np
import models, tussle
starts, steps = map(int, sys.argv[1:])
start = np.random.default_rng(0).uniform(-2, 2, (2, starts, 1))
tussle.run(models.dirac_r1(), start, steps, keep=tussle.Keep.ends())
status = pathlib.Path("/proc/self/status")  # on Linux the other count begins with the peak of the parent
lines = status.read_text().splitlines() if status.exists() else []
peaks = [int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM")]
print(*peaks or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20])
"""


def benchmark(tiny: bool) -> list[Row]:
    """Compare the peaks of two processes, one with ten times the steps of the other."""
    starts, steps = (64, 100) if tiny else (10_000, 10_000)
    name = f"peak memory, {starts:,} starts x {steps:,} steps / {steps // 10:,}"
    if sys.platform == "win32":
        return [Row(name, float("nan"), None, None, "skipped: Windows does not say", "MiB")]
    long, short = _peak(starts, steps), _peak(starts, steps // 10)
    return [Row(name, long, short, 1.05, "of the whole process, libraries included", "MiB")]


def _peak(starts: int, steps: int) -> float:
    """Return the peak memory of a fresh process in MiB."""
    command = [sys.executable, "-c", PROBE, str(starts), str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    return float(done.stdout)
