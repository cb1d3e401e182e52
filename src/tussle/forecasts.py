"""Forecasts: the cloud of stochastic runs around the exact path, predicted without a single sample.

To first order in the noise a batch of m samples changes one step by the mean of its samples' influences, the
derivatives of the step with respect to the weights of the nodes. With M_k the Jacobian of the exact step (state
included) and Q_k the covariance of the influences over m, the covariance of the runs obeys
S_{k+1} = M_k S_k M_k^T + Q_k with fresh batches. A frozen batch pushes the same way at every step: there each sample's
influence is carried along the path instead, D_{k+1} = M_k D_k + influence_k, and S_k is the covariance of D_k over m.

Reference:
    Mandt, Hoffman, Blei, "Stochastic gradient descent as approximate Bayesian inference", JMLR 18 (2017), for the
    stationary case.
"""

from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import Array, array, compiled, float64, iterate, jacobian, jax_engine, pullback, to_numpy
from tussle.game import as_point, check_point, joined, placed
from tussle.gan import GAN, Batch
from tussle.map import Map, ravel, unravel
from tussle.measures import Nodes
from tussle.records import record


@record
class Forecast:
    """The predicted cloud.

    Attributes:
        mean: the exact path, (steps + 1, d).
        covariance: of the runs around it, (steps + 1, d, d).
        at: the step numbers, (steps + 1,).
        size: samples in a batch.
        frozen: whether each run keeps one batch.
    """

    mean: np.ndarray
    covariance: np.ndarray
    at: np.ndarray
    size: int
    frozen: bool

    @property
    def sd(self) -> np.ndarray:
        """Predicted standard deviations, (steps + 1, d)."""
        return np.sqrt(np.maximum(np.diagonal(self.covariance, axis1=1, axis2=2), 0.0))

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Return mean, covariance and step numbers by name."""
        return {"mean": self.mean, "covariance": self.covariance, "at": self.at}


def forecast(map: Map, start: Any, steps: int, *, size: int, frozen: bool = False) -> Forecast:
    """Predict mean and covariance of stochastic runs of a GAN from the exact model (JAX, float64).

    Args:
        map: the method; its game must be a GAN whose measures have nodes with weights.
        start: one vector per player.
        steps: how many.
        size: samples in a batch.
        frozen: whether each run keeps one batch for all steps.

    Returns:
        the forecast, right to first order in 1 / size; where the path is steep (a cliff) higher orders show.

    Raises:
        ValueError: if the game is not made of weighted nodes, or a count is wrong.
    """
    gan: Any = map.field.game
    if not isinstance(gan, GAN):
        message = f"`map` is on a {type(gan).__name__}, which has no measures; give a GAN made of measures."
        raise ValueError(message)
    size, steps = checks.count("size", size), checks.count("steps", steps)
    batch = gan.expectation()
    if batch.real.weights is None or batch.latent.weights is None:
        message = "`map` is on samples without weights; a forecast reads laws or atoms; give laws as data and latent."
        raise ValueError(message)
    with float64():
        point = as_point(start)
        check_point(gan, point)
        state = map.init(point)
        whole = ravel((point, state))[0]
        weights = (batch.real.weights, batch.latent.weights)
        zero = np.zeros((len(whole), len(whole)))
        moved = tuple(np.zeros((len(whole), len(w))) for w in weights) if frozen else ()
        carry = (point, state, array(zero), tuple(array(m) for m in moved))
        _, (path, covariance) = _advance(map, carry, steps, placed(batch, point[0]), float(size), frozen)
        size_of = sum(int(x.shape[-1]) for x in point)
    mean = np.concatenate([to_numpy(joined(point))[None], to_numpy(path)])
    found = np.concatenate([zero[None], to_numpy(covariance)])[:, :size_of, :size_of]
    return Forecast(mean, found, np.arange(steps + 1), size, frozen)


@compiled(static=("steps", "frozen"))
def _advance(map: Map, carry: Any, steps: int, batch: Batch, size: Any, frozen: bool) -> Any:
    xp = jax_engine().numpy

    def body(carry: Any, _: Any) -> Any:
        point, state, spread, moved = carry
        whole, pattern = ravel((point, state))

        def step(x: Array, real: Array, latent: Array) -> Array:
            now, before = unravel(x, pattern)
            drawn = Batch(
                Nodes(batch.real.points, real), Nodes(batch.latent.points, latent), batch.noise, batch.noise_fake,
                batch.mix, batch.shift,
            )  # fmt: skip
            after, then, _ = map.step(now, before, drawn)
            return ravel((after, then))[0]

        weights = (batch.real.weights, batch.latent.weights)
        matrix = jacobian(lambda x: step(x, *weights), whole)
        pushes = [_influence(lambda w, k=k: step(whole, *_with(weights, k, w)), weights[k]) for k in (0, 1)]
        if frozen:
            moved = tuple(matrix @ old + new for old, new in zip(moved, pushes, strict=True))
            pushes = list(moved)
        noise = sum((p * w) @ p.T for p, w in zip(pushes, weights, strict=True)) / size
        spread = noise if frozen else matrix @ spread @ matrix.T + noise
        after, then = unravel(step(whole, *weights), pattern)
        return after, then, spread, moved

    return iterate(body, carry, steps, 1, lambda c: (joined(c[0]), c[2]), xp.zeros(1), None)


def _with(weights: tuple[Array, Array], index: int, value: Array) -> tuple[Array, Array]:
    return (value, weights[1]) if index == 0 else (weights[0], value)


def _influence(step: Any, weights: Array) -> Array:
    """Return the influence of each node on a step, (outputs, nodes), centered."""
    jax = jax_engine()
    value, pull = pullback(step, weights)
    rows = jax.vmap(pull)(jax.numpy.eye(value.shape[0], dtype=value.dtype))
    return rows - (rows @ weights)[:, None]
