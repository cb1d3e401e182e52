"""One start x 10,000 steps: what is left is the latency of a step, and Python before and after the loop."""

import models
from measure import Row, best

import tussle


def benchmark(tiny: bool) -> list[Row]:
    """Time a whole call of `tussle.run`, and one of a single step for Python's share."""
    steps, rounds = (20, 1) if tiny else (10_000, 100)
    method = models.dirac_r1()

    def run(count: int) -> tussle.Trajectory:
        return tussle.run(method, (1.0, 1.0), count, keep=tussle.Keep.ends())

    times = best(rounds, whole=lambda: run(steps), python=lambda: run(1))
    inside = times["whole"] - times["python"]
    note = f"compiled loop {1e3 * inside:.2f} ms, Python around it {1e3 * times['python']:.2f} ms"
    return [Row(f"one start x {steps:,} steps", times["whole"], None, 2e-3, note)]
