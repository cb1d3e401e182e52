"""Transport between weighted points: exact by sorting or by POT, sliced, and with entropy (Sinkhorn divergence)."""

import math

import numpy as np

from tussle.divergences.result import EPS

ROUNDS = 5000  # of scalings, at most
LARGEST = 5000 * 5000  # entries of a cost matrix: 200 MB, and POT needs a few times that


def exact(x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray, order: int = 1) -> float:
    """Return the exact Wasserstein distance of two weighted point sets.

    Args:
        x: points (n, d).
        a: weights (n,), sum 1.
        y: points (m, d).
        b: weights (m,), sum 1.
        order: 1 or 2.

    Returns:
        W_order.

    Raises:
        ValueError: if the problem is too large for memory (on a line it never is).
    """
    if x.shape[1] == 1:
        return _line(x[:, 0], a, y[:, 0], b, order)
    if len(x) * len(y) > LARGEST:
        raise ValueError(_too_large(f"w{order}", len(x), len(y)) + "or take `sliced`, or `sinkhorn` of fewer.")
    import ot
    from scipy.spatial.distance import cdist

    cost = cdist(x, y, "euclidean" if order == 1 else "sqeuclidean")
    total, log = ot.emd2(a, b * (a.sum() / b.sum()), cost, numItermax=10_000_000, log=True)
    if log["warning"] is not None:
        message = f"`w{order}` of {len(x)} x {len(y)} points was not solved ({log['warning']}); take fewer points."
        raise ValueError(message)
    return max(float(total), 0.0) ** (1 / order)


def _too_large(name: str, n: int, m: int) -> str:
    """Return what is told of a problem before any of its memory is taken."""
    message = (
        f"`{name}` is a transport problem of {n:,} x {m:,} points, whose cost matrix takes {n * m * 8 / 2**30:.1f} "
    )
    return message + "GiB, and solving it a few times that; at most 5,000 x 5,000 are taken; give fewer points, "


def _line(x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray, order: int) -> float:
    """Match quantiles of two weighted point sets on a line."""
    i, j = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    x, y, first, second = x[i], y[j], np.cumsum(a[i]), np.cumsum(b[j])
    mass, left, right = _matched(first / first[-1], second / second[-1])
    return float(np.sum(mass * np.abs(x[left] - y[right]) ** order)) ** (1 / order)


def _matched(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return masses between all sums of weights of either side, and which point of each side they belong to."""
    levels = np.sort(np.concatenate([first, second]))
    mass = np.diff(levels, prepend=0.0)
    middle = levels - mass / 2
    left, right = np.searchsorted(first, middle), np.searchsorted(second, middle)
    return mass, np.minimum(left, len(first) - 1), np.minimum(right, len(second) - 1)


def directions(dimension: int, count: int, seed: int) -> np.ndarray:
    """Return unit vectors: evenly spread over the half circle in the plane, drawn at random beyond."""
    if dimension == 1:
        return np.ones((1, 1))
    if dimension == 2:
        angles = (np.arange(count) + 0.5) * (math.pi / count)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)
    drawn = np.random.default_rng(seed).standard_normal((count, dimension))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def sliced(x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """Return W2^2 of the two point sets along each direction, (directions,)."""
    if np.ptp(a) > 0 or np.ptp(b) > 0:
        return np.array([_line(x @ w, a, y @ w, b, 2) ** 2 for w in ways])
    mass, left, right = _matched(np.cumsum(a) / a.sum(), np.cumsum(b) / b.sum())  # the same for all directions
    first, second = np.sort(x @ ways.T, axis=0), np.sort(y @ ways.T, axis=0)
    return mass @ (first[left] - second[right]) ** 2


# Sinkhorn ----------------------------------------------------------------------------------------------------------


def sinkhorn(
    x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray, epsilon: float, tolerance: float
) -> tuple[float, float]:
    """Return the Sinkhorn divergence S = OT(p, q) - OT(p, p)/2 - OT(q, q)/2 and what its iterations left open.

    OT is the least E|X - Y|^2 + epsilon KL(coupling || product). Unlike OT, S is 0 for equal laws and never negative.

    Args:
        x: points (n, d).
        a: weights (n,).
        y: points (m, d).
        b: weights (m,).
        epsilon: the weight of the entropy, in units of squared length.
        tolerance: of the value.

    Returns:
        value and error.

    Raises:
        ValueError: if the problem is too large for memory.
    """
    if max(len(x), len(y)) ** 2 > LARGEST:
        raise ValueError(_too_large("sinkhorn", max(len(x), len(y)), max(len(x), len(y))) + "or take `sliced`.")
    from scipy.spatial.distance import cdist

    pairs = ((x, a, y, b), (x, a, x, a), (y, b, y, b))
    terms = [_entropic(cdist(u, v, "sqeuclidean"), c, d, epsilon, u is v, 0.5 * tolerance) for u, c, v, d in pairs]
    value = terms[0][0] - 0.5 * (terms[1][0] + terms[2][0])
    return value, terms[0][1] + 0.5 * (terms[1][1] + terms[2][1])


def _soft(cost: np.ndarray, potential: np.ndarray, weights: np.ndarray, epsilon: float) -> np.ndarray:
    """Return -epsilon log sum_j b_j exp((g_j - C_ij)/epsilon), the potential that answers g."""
    inner = (potential - cost) / epsilon
    top = inner.max(axis=1)
    return -epsilon * (top + np.log(np.exp(inner - top[:, None]) @ weights))


def _warm(cost: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Return potentials after a few answers at entropies that fall from the largest cost to the wanted one."""
    f, g, now = np.zeros(len(a)), np.zeros(len(b)), max(float(cost.max()), epsilon)
    while True:
        f = _soft(cost, g, b, now)
        g = _soft(cost.T, f, a, now)
        if now <= epsilon:
            return f, g
        now = max(now / 4, epsilon)


def _entropic(
    cost: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float, same: bool, tolerance: float
) -> tuple[float, float]:
    """Return the value of one entropic problem and its error.

    The coupling is a_i u_i K_ij v_j b_j, K = exp((f + g - C)/epsilon); u and v are absorbed into the potentials before
    they grow large. Where both measures are the same, so are u and v, and the mean of old and new converges fast. The
    dual value misses the optimum by no more than the marginal's error times what the potentials have still to go.
    """
    f, g = _warm(cost, a, b, epsilon)
    f, g = (0.5 * (f + g), 0.5 * (f + g)) if same else (f, g)
    miss = math.inf
    for _ in range(ROUNDS // 50):
        kernel = np.exp((f[:, None] + g - cost) / epsilon)
        u, v, miss = _scaled(kernel, a, b, same, tolerance / epsilon)
        f, g = f + epsilon * np.log(u), g + epsilon * np.log(v)
        if epsilon * miss < tolerance:
            break
    return float(a @ f + b @ g), epsilon * miss + 64 * EPS * (float(cost.max()) + epsilon)


def _scaled(
    kernel: np.ndarray, a: np.ndarray, b: np.ndarray, same: bool, tolerance: float, rounds: int = 50
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return scalings u, v after up to 50 rounds, and what the value still misses (in units of epsilon)."""
    u, v, before, miss = np.ones(len(a)), np.ones(len(b)), math.inf, math.inf
    for _ in range(rounds):
        row = np.maximum(kernel @ (v * b), 1e-250)
        step = np.abs(np.log(u * row))
        off = float(a @ np.abs(u * row - 1))
        rate = min(off / before, 1 - 1e-4) if before > 0 else 0.0
        before, miss = off, off * float(step.max()) / (1 - rate)
        if miss < tolerance or max(np.abs(np.log(u)).max(), np.abs(np.log(v)).max()) > 50:
            break
        if same:
            u = v = np.sqrt(u / row)
            continue
        u = 1 / row
        v = 1 / np.maximum(kernel.T @ (u * a), 1e-250)
    return u, v, miss
