"""Check that the error of a divergence is never smaller than the true one, on many random pairs of laws.

A pair is two normal laws or mixtures, in one dimension or two, with spreads of ratio up to 100 and means up to 20
spreads apart. What is true comes from 30-digit closed forms where there are some (and there quadrature must agree to
1e-12 as well), else from a second route: Gauss-Legendre panels laid along every part of both laws, in the longest
floating-point numbers there are, and on a line for tv, w1, energy and mmd2 30-digit antiderivatives between crossings.
Prints its progress and one closing table; the exit code is 1 if one error was too small.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from divergence_oracle import Part, exact
from divergence_truth import second_route

AGREE = 1e-12
BATCH = 10
NAMES = (
    "kl", "reverse_kl", "jeffreys", "js", "tv", "hellinger2", "chi2", "neyman", "delta", "nonsaturating", "alpha",
    "bhattacharyya", "renyi", "w1", "w2", "energy", "mmd2",
)  # fmt: skip
CLOSED = "closed forms"
ORDER = 0.3


class Pair(NamedTuple):
    """Two mixtures of normal laws, each a list of parts."""

    kind: str
    p: tuple[Part, ...]
    q: tuple[Part, ...]

    def laws(self) -> tuple[Any, Any]:
        """Return the two laws."""
        return _law(self.p), _law(self.q)


class Outcome(NamedTuple):
    """One divergence of one pair: what was found, its error, and what is true."""

    case: str
    name: str
    value: float
    error: float
    true: float
    gap: float
    closed: bool
    note: str

    @property
    def holds(self) -> bool:
        """Whether the error is no smaller than the true one, and closed forms agree to 1e-12."""
        if not np.isfinite(self.true):
            return self.value == self.true
        size = max(1.0, abs(self.true))
        size *= max(1.0, np.log(size) / 100)  # beyond e^100 it is the logarithm that has so many digits
        agrees = not self.closed or self.gap <= AGREE * size
        return self.gap <= self.error and agrees


def _law(parts: tuple[Part, ...]) -> Any:
    from tussle import Mixture, Normal

    flat = [
        Normal(float(one.mean[0]), float(one.root[0, 0])) if len(one.mean) == 1 else Normal(one.mean, one.root)
        for one in parts
    ]
    return flat[0] if len(flat) == 1 else Mixture(tuple(flat), tuple(one.weight for one in parts))


# The pairs ---------------------------------------------------------------------------------------------------------

LINE = ("normals", "mixture and normal", "mixtures")
KINDS = (*LINE, *LINE, "normals in the plane", *LINE[1:], "mixtures in the plane")


def draw(seed: int, index: int) -> Pair:
    """Return the pair of a number."""
    rng = np.random.default_rng([seed, index])
    kind = KINDS[index % len(KINDS)]
    if kind == "normals":
        counts = 1, 1
    elif kind == "mixture and normal":
        counts = (int(rng.integers(2, 4)), 1) if rng.random() < 0.5 else (1, int(rng.integers(2, 4)))
    elif kind == "mixtures":
        counts = int(rng.integers(2, 4)), int(rng.integers(2, 4))
    elif kind == "normals in the plane":
        return Pair(kind, _plane(rng, 1, 1.0, 20.0), _plane(rng, 1, 1.0, 20.0))
    else:
        return Pair(kind, _plane(rng, 2, 0.25, 5.0), _plane(rng, 1, 0.25, 5.0))
    return Pair(kind, _line(rng, counts[0]), _line(rng, counts[1]))


def _line(rng: np.random.Generator, count: int) -> tuple[Part, ...]:
    spreads = 10 ** rng.uniform(-1, 1, count)
    means = rng.uniform(-10, 10, count) * spreads * rng.choice([0.1, 1.0])
    return tuple(
        Part(w, np.array([m]), np.array([[s]])) for w, m, s in zip(_weights(rng, count), means, spreads, strict=True)
    )


def _plane(rng: np.random.Generator, count: int, decades: float, reach: float) -> tuple[Part, ...]:
    parts = []
    for w in _weights(rng, count):
        spread = 10 ** rng.uniform(-decades, decades, 2)
        mean = rng.uniform(-reach / 2, reach / 2, 2) * spread * rng.choice([0.1, 1.0])
        angle = rng.uniform(0, np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        parts.append(Part(w, mean, turn * spread if rng.random() < 0.7 else np.diag(spread)))
    return tuple(parts)


def _weights(rng: np.random.Generator, count: int) -> list[float]:
    """Return weights that sum to 1, a few of them small."""
    raw = 10 ** rng.uniform(-3 if rng.random() < 0.2 else -0.5, 0, count)
    shares = raw / raw.sum()
    return [*shares[:-1].tolist(), float(1 - shares[:-1].sum())]


# The check ---------------------------------------------------------------------------------------------------------


def check(seed: int, index: int) -> Iterator[Outcome]:
    """Compare all divergences of one pair, by quadrature and in closed form."""
    from tussle.divergences import divergences

    pair = draw(seed, index)
    found, closed = (divergences(*pair.laws(), names=NAMES, route=r, order=ORDER) for r in ("quadrature", "closed"))
    known = exact(pair.p, pair.q, ORDER)
    truths = second_route(pair.p, pair.q, tuple(found), ORDER) | known
    for route, kind in ((found, ""), (closed, CLOSED)):
        for name, one in route.items():
            true = truths.get(name)
            if true is None:
                continue
            gap = float(abs(one.value - true)) if np.isfinite(float(true)) else 0.0
            case = f"{index}: {pair.kind}"
            yield Outcome(
                case, kind or name, one.value, one.error, float(true), gap, name in known, f"{name}: {one.note}"
            )


def batch(seed: int, begin: int, end: int) -> list[list[Outcome]]:
    """Compare a range of pairs."""
    return [list(check(seed, index)) for index in range(begin, end)]


class Tally:
    """What has been found so far, by divergence."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Outcome]] = {name: [] for name in (*NAMES, CLOSED)}
        self.pairs = self.bad = 0

    def add(self, outcomes: list[Outcome]) -> None:
        """Take in one pair, and print what does not hold."""
        self.pairs += 1
        wrong = [one for one in outcomes if not one.holds]
        self.bad += bool(wrong)
        for one in outcomes:
            self.rows[one.name].append(one)
        for one in wrong:
            print(f"FAILED {one.case}: {one.name} {one.value!r} +- {one.error:.2e}, truly {one.true!r} ({one.note})")

    def table(self) -> Iterator[str]:
        """Yield a line for each divergence."""
        heads = "pairs", "exact", "worst true error", "worst estimate", "true/estimate"
        yield f"{'divergence':14}" + "".join(f"{h:>{w}}" for h, w in zip(heads, (7, 7, 18, 16, 15), strict=True))
        for name, rows in self.rows.items():
            sized = [(o.gap / max(1.0, abs(o.true)), o.error / max(1.0, abs(o.true)), o) for o in rows]
            sized = [s for s in sized if np.isfinite(s[2].true)]
            if sized:
                ratio = max(o.gap / o.error if o.error > 0 else float(o.gap > 0) for _, _, o in sized)
                worst = max(s[0] for s in sized), max(s[1] for s in sized)
                closed = sum(o.closed for o in rows)
                yield f"{name:14}{len(rows):7}{closed:7}{worst[0]:18.1e}{worst[1]:16.1e}{ratio:15.2f}"


def main() -> int:
    """Run the cases and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    began, tally, end = time.perf_counter(), Tally(), chosen.first + chosen.pairs
    with ProcessPoolExecutor(chosen.workers) as pool:
        ranges = [(i, min(i + BATCH, end)) for i in range(chosen.first, end, BATCH)]
        for pairs in pool.map(batch, *zip(*((chosen.seed, *r) for r in ranges), strict=True)):
            for outcomes in pairs:
                tally.add(outcomes)
            if tally.pairs % 100 == 0:
                print(f"{tally.pairs} of {chosen.pairs} pairs, {time.perf_counter() - began:.0f} s", flush=True)
    print("\n".join(tally.table()))
    print(f"{tally.pairs - tally.bad} of {tally.pairs} pairs hold (seed {chosen.seed})")
    return 1 if tally.bad else 0


if __name__ == "__main__":
    sys.exit(main())
