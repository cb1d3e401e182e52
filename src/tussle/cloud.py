"""The stationary noise cloud of stochastic steps: what is left when noise, not rotation, keeps a run from settling.

Near an equilibrium a stochastic map is y <- M y + e, with M the Jacobian of the mean map (state included) and e the
noise of one step. Its stationary covariance S solves S = M S M^T + Q, with Q the covariance of e.
"""

from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import compiled, float64, stacked, to_numpy, vectorized
from tussle.game import Point, as_point, placed, sizes_of
from tussle.jacobian import map_jacobian
from tussle.map import Map, ravel
from tussle.records import record
from tussle.trajectory import Keep, run


@record
class Cloud:
    """A predicted stationary cloud.

    Attributes:
        center: the equilibrium, joined, (d,).
        covariance: of the parameters, (d, d); infinite where the map does not contract.
        noise: covariance Q of one step's noise on parameters and state, (d + s, d + s).
        radius: of the mean map; the cloud exists for radius < 1.
        draws: batches from which Q was estimated.
    """

    center: np.ndarray
    covariance: np.ndarray
    noise: np.ndarray
    radius: float
    draws: int


@compiled
def _steps(map: Map, point: Point, state: Any, batches: Any) -> Any:
    def one(batch: Any) -> Any:
        after, then, _ = map.step(point, state, batch)
        return ravel((after, then))[0]

    return vectorized(one)(batches)


def noise_cloud(map: Map, at: Any, batches: Any, *, draws: int = 2000, seed: int = 0) -> Cloud:
    """Predict the stationary cloud around an equilibrium from the linearized map.

    Args:
        map: the map; its mean is taken with the game's exact expectation.
        at: the equilibrium.
        batches: `batches(seed, step)` -> batch, such as `gan.sampler(64)`.
        draws: batches from which the noise of a step is estimated.
        seed: of these batches.
    """
    from scipy.linalg import solve_discrete_lyapunov

    draws = checks.count("draws", draws, 2)
    matrix = map_jacobian(map, at)
    with float64():
        point = as_point(at)
        drawn = placed(stacked([batches(seed, k) for k in range(draws)]), point[0])
        after = to_numpy(_steps(map, point, map.rule.rest(point), drawn))
    noise = np.atleast_2d(np.cov(after, rowvar=False))
    radius = float(np.abs(np.linalg.eigvals(matrix)).max())
    size = sum(sizes_of(point))
    center = np.concatenate([to_numpy(x) for x in point])
    if radius >= 1:
        return Cloud(center, np.full((size, size), np.inf), noise, radius, draws)
    covariance = solve_discrete_lyapunov(matrix, noise)[:size, :size]
    return Cloud(center, covariance, noise, radius, draws)


def sampled_cloud(map: Map, at: Any, batches: Any, *, steps: int = 20_000, burn: int = 2_000, seed: int = 1) -> Any:
    """Return mean (d,) and covariance (d, d) of a stochastic run around an equilibrium, after `burn` steps."""
    path = run(map, at, steps, keep=Keep.all(), batches=batches, seed=seed).path[burn:]
    return path.mean(axis=0), np.atleast_2d(np.cov(path, rowvar=False))
