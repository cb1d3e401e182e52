"""Estimates from samples, each with its noise floor: what it gives between two halves of the same sample."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tussle.divergences import kernels, transport
from tussle.divergences.names import reading
from tussle.divergences.result import Divergence
from tussle.divergences.wanted import Wanted

LEAST = 8  # samples of each law
Value = Callable[[np.ndarray, np.ndarray], float]

HALF = 5000  # points of a half, at most: what exact transport takes
BIAS = {
    "w1": "plug-in transport of all points: too large by about the floor, which falls like n^(-1/d)",
    "w2": "plug-in transport of all points: too large by about the floor, which falls like n^(-1/d)",
    "sliced": "mean over directions: too large by about the floor, which falls like n^(-1/2)",
    "sinkhorn": "plug-in, with entropy: too large by about the floor, which falls like n^(-1/2)",
    "kl": "distances to k-th neighbors: biased to either side; towards 0, by more than the error says, where they are "
    "far apart",
    "f": "log ratios from k-th neighbors: too large where the laws agree; too small, by more than the error, where "
    "they are far apart",
    "tied": "frequencies of the values that repeat: too large by about the floor",
}


def estimate(name: str, x: np.ndarray, y: np.ndarray, wanted: Wanted) -> Divergence:
    """Estimate a divergence of two laws from samples.

    Args:
        name: of the divergence.
        x: samples (n, d) of the first law.
        y: samples (m, d) of the second.
        wanted: the options.

    Returns:
        the estimate; its error is the floor plus the difference between two estimates from half of the samples, and
        for those from neighbors plus what they still have to go if their bias falls like n^(-1/d).

    Raises:
        ValueError: if there are too few samples, or too many for memory.
    """
    for side, points in (("p", x), ("q", y)):
        if len(points) < LEAST:
            message = f"`{side}` has {len(points)} sample(s); an estimate with its noise floor needs {LEAST} or more; "
            raise ValueError(message + "give more, or Atoms if these points are the whole law.")
    if name in ("mmd2", "energy"):
        kernel = kernels.Kernel("energy") if name == "energy" else kernels.kernel_of(wanted.kernel, wanted.bandwidth)
        return kernels.unbiased(kernel, x, y)
    value, note = _value(name, x, y, wanted)
    first, second, third, fourth = _remembered(wanted, ("halves",), (x, y), lambda u, v: _halves(u, v, wanted.seed))
    whole = value(x, y)
    floor = (value(first, second) + value(third, fourth)) / 2
    halves = value(first, third), value(second, fourth)
    far = _still_to_go(whole, halves, x.shape[1]) if note in (BIAS["kl"], BIAS["f"]) else 0.0
    return _with_floor(name, whole, floor, halves, far, note)


def _still_to_go(whole: float, halves: tuple[float, float], dimension: int) -> float:
    """Return how far an estimate from neighbors is from its limit, if its bias falls like n^(-1/d)."""
    change = abs(whole - sum(halves) / 2)
    return change / (2 ** (1 / max(dimension, 2)) - 1) if math.isfinite(change) else 0.0


def _halves(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    mixed = (points[rng.permutation(len(points))] for points in (x, y))
    return tuple(half[:HALF] for points in mixed for half in np.array_split(points, 2))


def _remembered(wanted: Wanted, key: tuple, points: tuple[np.ndarray, ...], make: Callable[..., Any]) -> Any:
    """Return `make(*points)`, made once for the same arrays."""
    memo = {} if wanted.memo is None else wanted.memo
    key = (*key, *map(id, points))
    if key not in memo:
        memo[key] = points, make(*points)  # the points are kept too, so that no other array gets their id
    return memo[key][1]


def _with_floor(
    name: str, whole: float, floor: float, halves: tuple[float, float], far: float, note: str
) -> Divergence:
    base = -2 * math.log(2) if name == "gan" else 0.0
    scatter = abs(halves[0] - halves[1]) if all(math.isfinite(h) for h in halves) else 0.0
    error = math.inf if not math.isfinite(floor) else abs(floor - base) + scatter + far
    return Divergence(whole, 0.0 if math.isinf(whole) else error, "samples", note, floor)


def _value(name: str, x: np.ndarray, y: np.ndarray, wanted: Wanted) -> tuple[Value, str]:
    """Return the estimator, which works on any two samples, and the words on its bias."""
    if name in ("w1", "w2"):
        order = int(name[1])
        return lambda u, v: transport.exact(u, _equal(u), v, _equal(v), order), BIAS[name]
    if name == "sliced":
        ways = transport.directions(x.shape[1], wanted.directions, wanted.seed)
        return lambda u, v: math.sqrt(transport.sliced(u, _equal(u), v, _equal(v), ways).mean()), BIAS[name]
    if name == "sinkhorn":
        note = f"epsilon {wanted.epsilon:.4g}; {BIAS[name]}"
        return lambda u, v: transport.sinkhorn(u, _equal(u), v, _equal(v), wanted.epsilon, 1e-5 * wanted.epsilon)[
            0
        ], note
    if _tied(x) or _tied(y):
        from tussle.divergences.finite import f_between

        return lambda u, v: f_between(name, u, _equal(u), v, _equal(v), wanted).value, BIAS["tied"]
    if name in ("kl", "reverse_kl"):
        turned = name == "reverse_kl"
        return lambda u, v: neighbor_kl(v, u) if turned else neighbor_kl(u, v), BIAS["kl"]
    which, read, _ = reading(name, wanted.order)

    def value(u: np.ndarray, v: np.ndarray) -> float:
        logits = _remembered(wanted, ("logits",), (u, v), neighbor_logits)
        with np.errstate(divide="ignore", over="ignore"):
            weights = [float(np.exp(which.log_weight(0.5 * z)).mean()) for z in logits]
        return read(0.5 * sum(weights), 0.0)

    return value, BIAS["f"]


def _equal(points: np.ndarray) -> np.ndarray:
    return np.full(len(points), 1.0 / len(points))


def _tied(points: np.ndarray) -> bool:
    """Say whether at least half of the points repeat others: the law has atoms."""
    return len(np.unique(points, axis=0)) <= len(points) / 2


# Neighbors ---------------------------------------------------------------------------------------------------------


def _distances(points: np.ndarray, others: np.ndarray, k: int) -> np.ndarray:
    """Return the distance of each point to its k-th neighbor among the others, never 0."""
    from scipy.spatial import KDTree

    tree: Any = KDTree(others)  # its types do not know a list of neighbors
    found = np.atleast_2d(tree.query(points, k=[k])[0])[:, 0]
    positive = found[found > 0]
    return np.maximum(found, positive.min() if len(positive) else 1e-300)


def neighbor_kl(x: np.ndarray, y: np.ndarray, k: int = 5) -> float:
    """Estimate KL(p || q) = (d/n) sum log(nu_k / rho_k) + log(m / (n-1)).

    Here rho_k and nu_k are the distances of a sample of p to its k-th neighbor among the others and among those of q.

    Args:
        x: samples of p, (n, d).
        y: samples of q, (m, d).
        k: which neighbor.

    Returns:
        the estimate; it may fall below 0.

    Wang, Kulkarni, Verdu, IEEE Transactions on Information Theory 55, 2009.
    """
    k = max(1, min(k, len(x) - 2, len(y) - 1))
    rho, nu = _distances(x, x, k + 1), _distances(x, y, k)
    return float(x.shape[1] * np.mean(np.log(nu / rho)) + math.log(len(y) / (len(x) - 1)))


def neighbor_logits(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimate log p/q at the samples of both laws, from distances to k-th neighbors; k is the root of their number.

    As D_f = int m b(z), m = (p+q)/2 and z half the log ratio, every f-divergence is a mean of b(z) over both.

    Args:
        x: samples of p, (n, d).
        y: samples of q, (m, d).

    Returns:
        the log ratios at x, (n,), and at y, (m,).
    """
    n, m, d = len(x), len(y), x.shape[1]
    k = max(1, min(round(math.sqrt(min(n, m))), n - 2, m - 2))
    at_x = d * np.log(_distances(x, y, k) / _distances(x, x, k + 1)) + math.log(m / (n - 1))
    at_y = d * np.log(_distances(y, y, k + 1) / _distances(y, x, k)) + math.log((m - 1) / n)
    return at_x, at_y
