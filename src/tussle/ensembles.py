"""Ensembles: many independent stochastic runs of a GAN from one start, and how far their mean is from the exact path.

>>> import tussle
>>> model = tussle.models.erf_lsgan("A", panels=24)
>>> method = tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.sgd(0.4)))
>>> runs = tussle.ensemble(method, model.start, 249, size=100, runs=50, seed=1)
>>> runs.path.shape, bool(abs(runs.mean[-1, 1] - 1.603) < 0.01)
((50, 250, 2), True)
"""

from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import (
    array,
    compiled,
    float64,
    iterate,
    leaves,
    namespace,
    stacked,
    to_numpy,
    tree_map,
    vectorized,
)
from tussle.game import as_point, check_point, placed
from tussle.gan import GAN, Sampler
from tussle.map import Map
from tussle.records import record
from tussle.trajectory import CHUNK, HELD, Trajectory


@record
class Ensemble:
    """Independent stochastic runs.

    Attributes:
        path: (runs, kept, d), the players' vectors joined.
        at: the step numbers, (kept,); the first is 0.
        sizes: number of parameters of each player.
        size: samples in a batch.
        frozen: whether each run keeps one batch for all its steps.
        seed: of the samples.
    """

    path: np.ndarray
    at: np.ndarray
    sizes: tuple[int, ...]
    size: int
    frozen: bool
    seed: int

    @property
    def mean(self) -> np.ndarray:
        """Mean over the runs, (kept, d)."""
        return self.path.mean(axis=0)

    @property
    def sd(self) -> np.ndarray:
        """Standard deviation over the runs, (kept, d)."""
        return self.path.std(axis=0, ddof=1)

    def band(self, share: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the central band that holds a share of the runs, (kept, d) each."""
        checks.positive("share", share)
        low, high = np.quantile(self.path, [(1 - share) / 2, (1 + share) / 2], axis=0)
        return low, high

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Return the paths and their step numbers by name."""
        return {"path": self.path, "at": self.at}


@record
class Deviation:
    """How far the mean of an ensemble is from an exact path.

    Attributes:
        largest: the largest deviation of each coordinate, (d,).
        at: the step numbers of these, (d,).
        sd: the standard deviation over the runs there, (d,).
        score: the deviation in standard errors of the mean there, (d,).
        relative: root mean square deviation over the length of the exact path.
        end: deviation of the last mean, (d,).
        end_sd: standard deviation of the last points, (d,).
    """

    largest: np.ndarray
    at: np.ndarray
    sd: np.ndarray
    score: np.ndarray
    relative: float
    end: np.ndarray
    end_sd: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return dict(vars(self))


@compiled(static=("kept",))
def _advance(map: Map, carry: Any, kept: int, batch: Any, inputs: Any) -> Any:
    def body(carry: Any, given: Any) -> Any:
        def one(point: Any, state: Any, batch: Any) -> Any:
            after, then, _ = map.step(point, state, batch)
            return after, then

        return vectorized(one)(carry[0], carry[1], batch if given is None else given)

    return iterate(body, carry, kept, 1, lambda c: _side_by_side(c[0]), carry[0][0], inputs)


def _side_by_side(point: Any) -> Any:
    return namespace(*point).concat(point, axis=-1)


def ensemble(
    map: Map, start: Any, steps: int, *, size: int, runs: int, seed: int = 0, frozen: bool = False
) -> Ensemble:
    """Run a GAN many times from one start, each run with batches of its own (JAX, float64).

    Args:
        map: the method; its game must be a GAN whose measures can be sampled.
        start: one vector per player.
        steps: of every run.
        size: samples in a batch.
        runs: how many runs.
        seed: of the samples; the batch of a step depends on the seed, the step, `size` and `runs` alone.
        frozen: whether each run draws one batch and keeps it.

    Raises:
        ValueError: if the game has nothing to sample, or a count is wrong.
    """
    gan: Any = map.field.game
    if not isinstance(gan, GAN):
        message = f"`map` is on a {type(gan).__name__}, which has nothing to sample; give a GAN made of measures."
        raise ValueError(message)
    runs, steps = checks.count("runs", runs), checks.count("steps", steps)
    Sampler(gan, size)  # checks the size against the loss

    def drawn(step: int) -> Any:
        batch = Sampler(gan, size * runs)(seed, step)
        return tree_map(lambda x: x.reshape(runs, size, *x.shape[1:]), batch)

    with float64():
        point = as_point(start)
        check_point(gan, point)
        many = tree_map(lambda x: array(np.tile(to_numpy(x), (runs, 1))), point)
        carry = (many, vectorized(map.init)(many))
        first = drawn(0)
        chunk = int(min(max(HELD // max(sum(x.nbytes for x in leaves(first)), 1), 1), CHUNK))
        pieces, taken = [to_numpy(_side_by_side(many))[:, None]], 0
        while taken < steps:
            count = min(chunk, steps - taken)
            inputs = None if frozen else placed(stacked([drawn(taken + k) for k in range(count)]), point[0])
            carry, path = _advance(map, carry, count, placed(first, point[0]) if frozen else None, inputs)
            pieces.append(np.moveaxis(to_numpy(path), 0, 1))
            taken += count
    sizes = tuple(int(x.shape[-1]) for x in point)
    return Ensemble(np.concatenate(pieces, axis=1), np.arange(steps + 1), sizes, size, frozen, seed)


def deviation(runs: Ensemble, exact: Trajectory) -> Deviation:
    """Compare the mean of an ensemble with the exact path.

    Args:
        runs: the ensemble.
        exact: the exact path from the same start, every point kept.

    Raises:
        ValueError: if the two have other step numbers.
    """
    if exact.path.shape != runs.path.shape[1:]:
        message = (
            f"`exact` has a path of shape {exact.path.shape} for runs of {runs.path.shape[1:]}; both must keep the "
            "same points; run the exact path for as many steps with Keep.all()."
        )
        raise ValueError(message)
    gap = runs.mean - exact.path
    worst = np.abs(gap).argmax(axis=0)
    columns = np.arange(gap.shape[1])
    sd = runs.sd[worst, columns]
    largest = np.abs(gap)[worst, columns]
    error = sd / np.sqrt(len(runs.path))
    length = float(np.linalg.norm(np.diff(exact.path, axis=0), axis=1).sum())
    relative = float(np.sqrt(np.mean(np.sum(gap * gap, axis=1)))) / length
    score = np.divide(largest, error, out=np.full_like(largest, np.inf), where=error > 0)
    return Deviation(largest, exact.at[worst], sd, score, relative, gap[-1], runs.sd[-1])


def crossing(path: np.ndarray, at: np.ndarray, level: float) -> np.ndarray:
    """Return when each path (..., kept) first crosses a level, in steps, linearly between kept points; nan if never."""
    values = np.asarray(path, dtype=float)
    above = values > level
    turned = above[..., 1:] != above[..., :1]
    first = turned.argmax(axis=-1)
    before = np.take_along_axis(values, first[..., None], -1)[..., 0]
    after = np.take_along_axis(values, first[..., None] + 1, -1)[..., 0]
    share = np.divide(level - before, after - before, out=np.zeros_like(before), where=after != before)
    found = at[first] + share * (at[first + 1] - at[first])
    return np.where(turned.any(axis=-1), found, np.nan)
