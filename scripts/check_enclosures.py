"""Check that the proven enclosures contain the independent reference, in many random cases.

Half of the cases are Psi_t(A, B), half are costs of a parameter set; both with gradient and Hessian, extremes included.
An entry fails if its ball, widened by the reference's own 1e-30, does not contain the quadrature of
`tussle.lowdim.reference`, or if its radius is above 1e-25; all relative to max(1, |value|).
Prints its progress and one closing line; the exit code is 1 if an entry failed.
"""

import argparse
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

RADIUS = 1e-25
REFERENCE = 1e-30
BATCH = 50


class Outcome(NamedTuple):
    """One case: what it was, the entries outside their balls, the largest radius, and the seconds of the enclosure."""

    case: str
    entries: int
    outside: int
    radius: float
    seconds: float


def slope(rng: random.Random) -> float:
    """Draw A: mostly 1e-3..50 in size, sometimes tiny or 0, of both signs."""
    kind = rng.random()
    size = 0.0 if kind < 0.04 else 10 ** (rng.uniform(-14, -3) if kind < 0.12 else rng.uniform(-3, 1.7))
    return rng.choice((-1.0, 1.0)) * size


def position(rng: random.Random) -> float:
    """Draw B: half of the cases where things happen, half far out in the tails."""
    return rng.gauss(0, 2) if rng.random() < 0.5 else rng.uniform(-40, 40)


def target(rng: random.Random) -> float:
    """Draw a label: 0, 1, 1/2 or any."""
    return rng.choice((0.0, 1.0, 0.5, rng.uniform(-1, 2)))


def draw(seed: int, index: int) -> tuple[str, tuple[Any, ...]]:
    """Return the case of a number: (`psi`, (A, B, t)) or (`cost`, (a, b, g, h, c, real, fake))."""
    rng = random.Random(1_000_003 * seed + index)
    if index % 2 == 0:
        return "psi", (slope(rng), position(rng), target(rng))
    a, b, g, h = slope(rng) / 5, rng.gauss(0, 3), slope(rng) / 5, rng.gauss(0, 3)
    labels = rng.choice(((0.0, 1.0), (1.0, 0.0), (target(rng), target(rng)), (None, target(rng))))
    return "cost", (a, b, g, h, 10 ** rng.uniform(-1, 1), *labels)


def check(seed: int, index: int) -> Outcome:
    """Compare one case."""
    from flint import arb, ctx

    from tussle.lowdim import reference, rigorous

    kind, x = draw(seed, index)
    began = time.perf_counter()
    if kind == "psi":
        found = rigorous.psi(*x, radius=RADIUS)
        seconds = time.perf_counter() - began
        exact = reference.psi(*x)
    else:
        found = rigorous.cost(*x[:5], real=x[5], fake=x[6], radius=RADIUS)
        seconds = time.perf_counter() - began
        exact = reference.cost(*x[:5], real=x[5], fake=x[6])
    numbers = (exact.value, *exact.gradient, *(y for row in exact.hessian for y in row))
    with ctx.workprec(400):  # an mpmath number is taken over exactly
        wider = [ball + arb(0, REFERENCE * max(1.0, abs(float(ball)))) for ball in found.balls]
        outside = sum(not ball.contains(arb(number)) for ball, number in zip(wider, numbers, strict=True))
    return Outcome(f"{kind}{x}", len(numbers), outside, found.radius, seconds)


def batch(seed: int, begin: int, end: int) -> list[Outcome]:
    """Compare a range of cases."""
    return [check(seed, index) for index in range(begin, end)]


def main() -> int:
    """Run the cases and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    began, done, failed = time.perf_counter(), 0, 0
    entries, outside, radius, seconds = 0, 0, 0.0, 0.0
    with ProcessPoolExecutor(chosen.workers) as pool:
        ranges = [(i, min(i + BATCH, chosen.cases)) for i in range(0, chosen.cases, BATCH)]
        for outcomes in pool.map(batch, *zip(*((chosen.seed, *r) for r in ranges), strict=True)):
            for one in outcomes:
                done, entries, outside = done + 1, entries + one.entries, outside + one.outside
                radius, seconds = max(radius, one.radius), seconds + one.seconds
                if one.outside or not one.radius <= RADIUS:
                    failed += 1
                    if failed <= 20:
                        print(f"FAILED {one.case}: {one.outside} entries outside, radius {one.radius:.2e}", flush=True)
            if done % 1000 == 0:
                print(f"{done} of {chosen.cases} cases, {time.perf_counter() - began:.0f} s", flush=True)
    print(
        f"{done - failed} of {done} cases hold: {entries - outside} of {entries} enclosures contain the reference, "
        f"largest radius {radius:.1e}, {1e3 * seconds / max(done, 1):.1f} ms per enclosure (seed {chosen.seed})"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
