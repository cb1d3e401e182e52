"""Divergences of laws on a line that need all pairs of places: kernels and entropic transport, on quadrature nodes."""

import numpy as np

from tussle.divergences import kernels, lines, transport
from tussle.divergences.quadrature import ORDER
from tussle.divergences.result import Divergence
from tussle.divergences.supports import Side
from tussle.divergences.wanted import Wanted

LEVELS = 8  # halvings of all panels, at most
NODES = {"sinkhorn": 1300, "mmd2": 5000}  # of each law, at most
MISSED = 1e-6  # of the mass: places that miss more of it are too far apart


def nodes_of(side: Side, level: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return places (n, 1) and weights (n,) that stand for a measure, and the mass that the places found.

    Each level halves all panels of a law.
    """
    if side.kind != "law":
        return side.points, side.shares, 1.0
    marks = lines.marks_of(side)
    for _ in range(level):
        marks = np.sort(np.concatenate([marks, (marks[1:] + marks[:-1]) / 2]))
    points, weights = np.polynomial.legendre.leggauss(ORDER)
    half = np.diff(marks)[:, None] / 2
    x = (marks[:-1, None] + half * (points + 1)).reshape(-1, 1)
    mass = (half * weights).reshape(-1) * np.exp(side.law.log_density(x))
    held = mass > 1e-18  # what is farther out changes no digit
    total = float(mass.sum())
    return x[held], mass[held] / (total or 1.0), total


def _unresolved(side: Side, x: np.ndarray, a: np.ndarray, epsilon: float) -> float:
    """Return how far mass may lie from the node that stands for it, where nodes are too far apart for the entropy.

    Two levels of halving may then agree and both be wrong. Moving the mass by so much changes W2 by no more.
    """
    if side.kind != "law" or len(x) < 2:
        return 0.0
    gaps = np.gradient(x[:, 0])
    return float(np.sqrt(np.sum(a * np.where(gaps > 0.5 * epsilon**0.5, gaps, 0.0) ** 2)))


def between(name: str, p: Side, q: Side, wanted: Wanted) -> Divergence | None:
    """Return `mmd2` or `sinkhorn` of two measures on a line, panels halved until the value rests; None if too many."""
    last, error, note = None, np.inf, ""
    for level in range(LEVELS):
        (x, a, mass), (y, b, other) = nodes_of(p, level), nodes_of(q, level)
        if max(len(x), len(y)) > NODES[name] or max(abs(mass - 1), abs(other - 1)) > MISSED:
            continue
        if name == "sinkhorn":
            value, rounding = transport.sinkhorn(x, a, y, b, wanted.epsilon, 0.1 * wanted.tolerance)
        else:
            kernel = kernels.kernel_of(wanted.kernel, wanted.bandwidth)
            value, rounding = kernels.between_points(kernel, x, a, y, b)
        change, last = np.inf if last is None else abs(value - last), value
        rests = change <= max(wanted.tolerance, rounding)
        error = rounding + (1.0 if rests else 3.0) * change
        note = f"{len(x)} and {len(y)} nodes" + ("" if rests else "; the tolerance was not reached")
        if name == "sinkhorn":
            apart = max(_unresolved(side, *at, wanted.epsilon) for side, at in ((p, (x, a)), (q, (y, b))))
            error += apart * (2 * max(value, 0.0) ** 0.5 + apart)
            note += "; they are wider apart than the root of epsilon" if apart > 0 else ""
        if rests:
            break
    what = f"epsilon {wanted.epsilon:.4g}" if name == "sinkhorn" else f"{wanted.kernel} kernel"
    if last is None or not np.isfinite(error):
        return None
    return Divergence(last, error, "quadrature", f"{what}, {note}")
