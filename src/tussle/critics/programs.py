"""The optimal critic as a linear programme: hinges under every coupling, and Wasserstein critics on a metric space.

Each payoff max(0, margin - y) becomes a slack s >= margin - y, s >= 0 of which the weighted sum is minimized; y is a
linear function of the outputs under every coupling. The programme's own multipliers bound the optimum from the other
side, so that the gap reported is a proof, up to the solver's rounding.
"""

from typing import Any, NamedTuple

import numpy as np

from tussle.critics.masses import Masses
from tussle.losses import Loss


class Optimum(NamedTuple):
    """The answer of a linear programme.

    Attributes:
        critic: the outputs, (n,).
        value: what the programme minimizes (hinge) or maximizes (Wasserstein).
        gap: the distance to the bound that the multipliers prove.
    """

    critic: np.ndarray
    value: float
    gap: float


LARGEST = 250  # points: the pairs of twice as many are a programme of minutes


def hinge(loss: Loss, m: Masses) -> Optimum:
    """Minimize a hinge loss without its scale over all outputs.

    Args:
        loss: a loss of two hinges.
        m: the masses; all points must be reached.

    Raises:
        ValueError: for a paired loss on more points than a programme can hold.
    """
    from scipy.optimize import linprog
    from scipy.sparse import block_array, eye_array

    rows, weights, margins = _arguments(loss, m)
    k, n = rows.shape
    cost = np.concatenate([np.zeros(n), weights])
    # Relativistic losses ignore a constant; the first output is then 0.
    free: list[tuple[Any, Any]] = [(None, None)] * n
    if loss.coupling != "plain":
        free[0] = (0.0, 0.0)
    table = block_array([[-rows, -eye_array(k)]])
    found = linprog(cost, A_ub=table, b_ub=-margins, bounds=free + [(0.0, None)] * k, method="highs")
    critic = np.asarray(found.x[:n])
    value = float(weights @ np.maximum(margins - rows @ critic, 0.0))
    # The multipliers lie in [0, weights] and balance the rows; their sum with the margins is a lower bound.
    multipliers = np.clip(-np.asarray(found.ineqlin.marginals), 0.0, weights)
    gap = abs(value - float(multipliers @ margins))
    if loss.coupling != "plain":
        critic = critic - 0.5 * (m.p @ critic + m.q @ critic)
    return Optimum(critic, value, gap)


def _arguments(loss: Loss, m: Masses) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return the rows A, weights and margins with loss = sum w max(0, margin - A c)."""
    from scipy.sparse import csr_array

    real, fake = loss.critic_real.margin, loss.critic_fake.of.margin  # pyright: ignore[reportAttributeAccessIssue]
    p, q = m.p, m.q
    n = len(p)
    one, unit = np.ones((n, 1)), np.eye(n)
    match loss.coupling:
        case "paired":
            return _pairs(p, q, real, fake)
        case "average":
            rows, weights = np.vstack([unit - one * q, one * p - unit]), np.concatenate([p, q])
        case "one_sided":
            rows, weights = unit - one * q, 2.0 * p
        case "centered":
            middle = one * (0.5 * (p + q))
            rows, weights = np.vstack([unit - middle, middle - unit]), np.concatenate([p, q])
        case _:
            rows, weights = np.vstack([unit, -unit]), np.concatenate([p, q])
    margins = np.concatenate([np.full(n, real), np.full(len(rows) - n, fake)])
    used = weights > 0
    return csr_array(rows[used]), weights[used], margins[used]


def _pairs(p: np.ndarray, q: np.ndarray, real: float, fake: float) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return rows c_i - c_j for all pairs with mass; pairs (i, i) are rows of zeros."""
    from scipy.sparse import csr_array

    n = len(p)
    if n > LARGEST:
        message = (
            f"`p` has {n} points under a paired hinge, whose programme has {n * n} pairs; at most {LARGEST} points may "
            "come; merge points, or take rp-logistic or rp-exponential, which have closed forms."
        )
        raise ValueError(message)
    i, j = (x.reshape(-1) for x in np.indices((n, n)))
    mass = (p[:, None] * q[None, :]).reshape(-1)
    used = mass > 0
    i, j, mass = i[used], j[used], mass[used]
    k = np.arange(len(mass))
    ones = np.ones(len(mass))
    rows = csr_array((np.concatenate([ones, -ones]), (np.concatenate([k, k]), np.concatenate([i, j]))), (len(k), n))
    if real == fake:
        return rows, 2.0 * mass, real * ones
    from scipy.sparse import vstack

    return vstack([rows, rows]), np.concatenate([mass, mass]), np.concatenate([real * ones, fake * ones])


def lipschitz(m: Masses, distance: np.ndarray) -> Optimum:
    """Maximize E_p C - E_q C over the critics with |C(x) - C(y)| <= d(x, y): the Wasserstein-1 distance.

    Args:
        m: the masses.
        distance: (n, n), a metric.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    n = len(m.p)
    i, j = (x.reshape(-1) for x in np.indices((n, n)))
    i, j = i[i != j], j[i != j]
    bounds = distance[i, j]
    k, ones = np.arange(len(i)), np.ones(len(i))
    table = csr_array((np.concatenate([ones, -ones]), (np.concatenate([k, k]), np.concatenate([i, j]))), (len(k), n))
    if n == 1:
        return Optimum(np.zeros(1), 0.0, 0.0)
    ends: list[tuple[Any, Any]] = [(0.0, 0.0)] + [(None, None)] * (n - 1)
    found = linprog(m.q - m.p, A_ub=table, b_ub=bounds, bounds=ends, method="highs")
    critic = np.asarray(found.x)
    value = float((m.p - m.q) @ critic)
    plan = np.maximum(-np.asarray(found.ineqlin.marginals), 0.0)  # the transport plan, mass moved from x to y
    return Optimum(critic - 0.5 * (m.p + m.q) @ critic, value, abs(value - float(plan @ bounds)))


def metric(distance: object, count: int) -> np.ndarray:
    """Return a metric on `count` points.

    Raises:
        ValueError: if it is missing, of another shape, or not a metric.
    """
    if distance is None:
        message = (
            "`distance` is missing; a linear payoff has no optimal critic without a bound; give the (n, n) matrix of "
            "distances, and critics are those of Lipschitz constant 1."
        )
        raise ValueError(message)
    d = np.asarray(distance, dtype=np.float64)
    if d.shape != (count, count) or not np.all(np.isfinite(d)):
        message = (
            f"`distance` has shape {d.shape} for {count} point(s); it must be finite and of shape ({count}, {count}); "
            "give the distance of every two points."
        )
        raise ValueError(message)
    scale = 1e-9 * max(float(np.abs(d).max()), 1e-300)
    detour = min(float(np.min(d[:, k, None] + d[None, k, :] - d)) for k in range(count))
    if np.any(d < 0) or np.abs(d - d.T).max() > scale or np.abs(np.diag(d)).max() > scale or detour < -scale:
        message = (
            f"`distance` is no metric (shortest detour less the way itself: {detour:.3g}); it must be symmetric, 0 on "
            "the diagonal and obey the triangle inequality; give such distances, say |x - y|."
        )
        raise ValueError(message)
    return d
