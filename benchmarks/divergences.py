"""Divergences: a Jensen-Shannon divergence in the plane, and exact transport against calling POT directly."""

import numpy as np
import ot
from measure import Row, best

import tussle
from tussle.divergences import divergence

TOLERANCE = 1e-10


def plane() -> tuple[tussle.Normal, tussle.Normal]:
    """Return two normal laws in the plane that share no axis."""
    turned = np.array([[1.2, 0.0], [0.5, 0.6]])
    return tussle.Normal((0.0, 0.0), (1.0, 1.0)), tussle.Normal((1.0, 0.5), turned)


def ring(tiny: bool) -> tuple[tussle.Mixture, tussle.Normal]:
    """Return four modes around a circle, and one wide normal law over them."""
    angles = np.arange(4) * np.pi / 2
    modes = tuple(tussle.Normal((2 * np.cos(a), 2 * np.sin(a)), (0.5, 0.5)) for a in angles[: 2 if tiny else 4])
    return tussle.Mixture(modes), tussle.Normal((0.0, 0.0), (1.5, 1.5))


def benchmark(tiny: bool) -> list[Row]:
    """Time the divergence of two laws and of a mixture, and exact transport of two samples."""
    rows = []
    for what, laws in (("two normal laws", plane()), ("a ring and a normal law", ring(tiny))):
        found = divergence("js", *laws, tolerance=TOLERANCE)
        seconds = best(2 if tiny else 20, js=lambda laws=laws: divergence("js", *laws, tolerance=TOLERANCE))["js"]
        note = f"to 1e-10; error estimate {found.error:.1e}; {found.note}"
        rows.append(Row(f"2-D Jensen-Shannon, {what}", seconds, None, 0.05, note))
    return [*rows, transport(tiny)]


def transport(tiny: bool) -> Row:
    """Compare exact Wasserstein-1 of samples with the two calls of POT that it takes."""
    count, rng = 30 if tiny else 1000, np.random.default_rng(0)
    x, y = rng.normal(size=(count, 2)), rng.normal(1.0, 2.0, size=(count, 2))
    shares = np.full(count, 1 / count)

    def ours() -> float:
        return divergence("w1", x, y, route="closed").value

    def direct() -> float:
        return float(ot.emd2(shares, shares, ot.dist(x, y, metric="euclidean"), numItermax=10_000_000))

    times = best(2 if tiny else 9, ours=ours, pot=direct)
    note = f"against ot.emd2 of ot.dist; the two values differ by {abs(ours() - direct()):.0e}"
    return Row(f"exact W1 of {count} x {count} points", times["ours"], times["pot"], 1.2, note)
