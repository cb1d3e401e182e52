"""Divergences of two measures on finitely many points: exact sums."""

import math

import numpy as np

from tussle.divergences import kernels, transport
from tussle.divergences.names import F_NAMES, disjoint, reading
from tussle.divergences.result import EPS, Divergence, exactly, extreme
from tussle.divergences.supports import Side
from tussle.divergences.wanted import Wanted


def between(name: str, p: Side, q: Side, wanted: Wanted) -> Divergence | None:
    """Return a divergence of two finite measures.

    Args:
        name: of the divergence.
        p: the first.
        q: the second.
        wanted: the options.

    Returns:
        the divergence; None for `sliced` beyond the plane, where directions must be drawn.
    """
    x, a, y, b = p.points, p.shares, q.points, q.shares
    if name in F_NAMES:
        return f_between(name, x, a, y, b, wanted)
    size = float(np.abs(np.concatenate([x, y])).max())
    if name in ("w1", "w2"):
        return exactly(transport.exact(x, a, y, b, int(name[1])), "exact transport of finite measures", size)
    if name == "sliced":
        return _sliced(x, a, y, b, wanted)
    if name == "sinkhorn":
        value, error = transport.sinkhorn(x, a, y, b, wanted.epsilon, wanted.tolerance)
        return Divergence(value, error, "closed", f"finite measures, epsilon {wanted.epsilon:.4g}")
    kernel = kernels.Kernel("energy") if name == "energy" else kernels.kernel_of(wanted.kernel, wanted.bandwidth)
    value, error = kernels.between_points(kernel, x, a, y, b)
    return Divergence(value, error, "closed", f"double sums over finite measures, {named(kernel)}")


def named(kernel: kernels.Kernel) -> str:
    """Return a kernel in words."""
    return "kernel −r" if kernel.name == "energy" else f"{kernel.name} kernel of bandwidth {kernel.bandwidth:.4g}"


def _sliced(x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray, wanted: Wanted) -> Divergence | None:
    d = x.shape[1]
    if d > 2:
        return None
    rows = transport.sliced(x, a, y, b, transport.directions(d, wanted.directions, wanted.seed))
    value = math.sqrt(float(rows.mean()))
    if d == 1:
        return exactly(value, "on a line, Wasserstein-2")
    gap = abs(value - math.sqrt(float((rows[::2].mean() + rows[1::2].mean()) / 2)))
    halves = abs(math.sqrt(float(rows[::2].mean())) - math.sqrt(float(rows[1::2].mean())))
    return Divergence(value, gap + halves + 16 * EPS * value, "quadrature", f"{len(rows)} directions in the plane")


def shared(x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both weights on the union of the points; points are the same if all their numbers are."""
    points, where = np.unique(np.concatenate([x, y]), axis=0, return_inverse=True)
    where = where.reshape(-1)
    first, second = (np.bincount(w, m, minlength=len(points)) for w, m in ((where[: len(x)], a), (where[len(x) :], b)))
    return first, second


def f_between(name: str, x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray, wanted: Wanted) -> Divergence:
    """Return an f-divergence (or bhattacharyya, renyi, gan) of two finite measures as a sum over their points."""
    p, q = shared(x, a, y, b)
    if not np.any((p > 0) & (q > 0)):
        return extreme(disjoint(name, wanted.order), "the measures share no point")
    which, read, slope = reading(name, wanted.order)
    with np.errstate(divide="ignore"):
        logs = which.log_integrand(np.log(p), np.log(q))
    top = float(logs.max()) if which.name == "overlap" else 0.0
    if logs.max() == math.inf:
        return extreme(read(math.inf, 0.0), "one measure has a point where the other has none")
    with np.errstate(over="ignore", under="ignore"):
        total = float(np.sum(np.exp(logs - top)))
    value = read(total, top)
    size = (total + math.sqrt(total)) * slope(total) if math.isfinite(total) else math.inf
    return exactly(value, f"sum over {len(p)} points", size)
