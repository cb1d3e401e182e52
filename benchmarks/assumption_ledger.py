"""A whole ledger of an exact model, as it comes from a process that has seen none, and again once compiled."""

import json
import subprocess
import sys
import time

from measure import Row, best

from tussle import models
from tussle.assumptions import ledger
from tussle.divergences import divergences

LIMIT = 2.0  # seconds
MODELS = {"dirac": {}, "gaussian": {}, "isotropic": {}, "erf-lsgan": {"case": "A"}}
FRESH = """
import json, sys, time
from tussle import models
from tussle.assumptions import ledger
from tussle.autodiff import float64, array
with float64():
    (array(1.0) + 1.0).block_until_ready()
name, options = sys.argv[1], json.loads(sys.argv[2])
model = models.MODELS[name](**options)
start = time.perf_counter()
ledger(model)
print(time.perf_counter() - start)
"""


def benchmark(tiny: bool) -> list[Row]:
    """Time ledgers with what they compile, each in a process of its own, and again beside all divergences."""
    rows = []
    for name, options in list(MODELS.items())[: 1 if tiny else None]:
        model = models.MODELS[name](**options)
        times = best(1 if tiny else 3, again=lambda model=model: ledger(model))
        first = fresh(name, options)
        note = f"compilation included; again in the same process {1e3 * times['again']:.0f} ms"
        rows.append(Row(f"ledger of {name}, first", first, None, LIMIT, note))
    model = models.gaussian()
    p, q = models.gaussian().game.data, "normal(0.5,1.5)"
    times = best(1 if tiny else 5, ledger=lambda: ledger(model), divergences=lambda: divergences(p, q))
    note = "six rows against the table of all divergences between the same two laws"
    return [*rows, Row("ledger of gaussian, compiled", times["ledger"], times["divergences"], None, note)]


def fresh(name: str, options: dict[str, object]) -> float:
    """Return the seconds of the first ledger of a process that has its engine ready."""
    command = [sys.executable, "-c", FRESH, name, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    began = time.perf_counter()
    for row in benchmark(tiny=False):
        ratio = "" if row.ratio is None else f", ratio {row.ratio:.2f}"
        print(f"{row.name}: {row.ours:.3f} s{ratio} ({row.note})")
    print(f"in {time.perf_counter() - began:.1f} s")
