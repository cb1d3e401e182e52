"""Stacked digits at a size for a laptop: averaged down to 8 x 8, perceptrons for players, all seeds in one program."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tussle.autodiff import Array, input_gradient, namespace
from tussle.field import Field
from tussle.game import Point
from tussle.losses import loss
from tussle.map import Map
from tussle.measures import Nodes
from tussle.metrics import Classes, data_classifier, mode_counts
from tussle.networks.dense import DenseGAN, dense_gan
from tussle.paces import adam
from tussle.penalties import r1, r2
from tussle.records import record, static
from tussle.rules import alternating
from tussle.training.many import stacked_starts, train_many

SIDE = 8  # after averaging
BORDERED = 32  # before
CHANNELS = 3
APART = 1 << 43


@record
class Pooled:
    """Stacks of digits whose pixels are averaged in squares, as flat vectors.

    Attributes:
        inner: the stacks, (n, channels, 32, 32).
    """

    inner: Any = static()

    def nodes(self) -> Nodes:
        """Refuse: there are too many stacks."""
        return self.inner.nodes()

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw stacks, (count, 192) of float32."""
        return pooled(self.inner.sample(rng, count)).reshape(count, -1)


def pooled(images: np.ndarray) -> np.ndarray:
    """Return images (n, c, h, w) of 8 x 8 pixels, each the mean of a square.

    Raises:
        ValueError: if height or width is no multiple of 8.

    Example:
        >>> pooled(np.arange(256.0).reshape(1, 1, 16, 16))[0, 0, 0, :2].tolist()
        [8.5, 10.5]
    """
    count, channels, high, wide = images.shape
    if high % SIDE or wide % SIDE:
        message = f"`images` are {high} x {wide}; both must be multiples of {SIDE}; pad them."
        raise ValueError(message)
    squares = images.reshape(count, channels, SIDE, high // SIDE, SIDE, wide // SIDE)
    return squares.mean(axis=(3, 5), dtype=images.dtype)


class Scene:
    """The pooled stacks and the judge of their modes, made once for all runs.

    Args:
        modes: how many modes: the cube of the digit classes used.
        seed: of the classifier and of the real samples.
        epochs: of the classifier; its own default by None.
    """

    def __init__(self, modes: int, seed: int, epochs: int | None = None) -> None:
        from tussle.data import load

        used = round(modes ** (1 / CHANNELS))
        stacks, single = load("stacked-mnist", size=BORDERED, modes=modes), load("mnist5k", size=BORDERED)
        keep = single.train.labels < used
        images, labels = pooled(single.train.points[keep]), single.train.labels[keep]
        self.seed: int = seed
        self.data: Pooled = Pooled(stacks.train)
        self.source: str = stacks.source
        self.judge: Classes = Classes(data_classifier(images, labels, seed=seed, epochs=epochs), CHANNELS)

    def counted(self, samples: np.ndarray) -> tuple[int, float]:
        """Return the modes that samples reach, and their D_KL."""
        found = mode_counts(samples.reshape(-1, CHANNELS, SIDE, SIDE), self.judge)
        return found.covered, found.reverse_kl

    def floor(self, count: int, repeats: int = 5) -> dict[str, float]:
        """Return what real samples come to: means and standard deviations."""
        rng = np.random.Generator(np.random.Philox(key=[self.seed, APART]))
        found = np.array([self.counted(self.data.sample(rng, count)) for _ in range(repeats)], dtype=float)
        mean, deviation = found.mean(axis=0), found.std(axis=0, ddof=1)
        return {"modes": mean[0], "modes sd": deviation[0], "d_kl": mean[1], "d_kl sd": deviation[1]}


def penalties_of(names: Sequence[str], weight: float) -> tuple[Any, ...]:
    """Return R1, or R1 and R2, of one weight."""
    return tuple({"r1": r1, "r2": r2}[name](weight) for name in names)


def fake_slope(game: Any) -> Callable[[Point, Any], Array]:
    """Return a function of point and batch: the root of the mean square of the critic's slope on fakes."""

    def read(point: Point, batch: Any) -> Array:
        slope = input_gradient(lambda x: game.critic(point[1], x), game.generator(point[0], batch.latent.points))
        xp = namespace(slope)
        return xp.sqrt(xp.mean(xp.sum(slope * slope, axis=-1)))

    return read


def slim_runs(
    plan: Any, arm: Any, scene: Scene, seeds: Sequence[int], told: Callable[[float], Any] | None
) -> list[dict[str, Any]]:
    """Train one arm on all seeds at once, and count modes on the way.

    Args:
        plan: steps, looks, batch, samples, gamma, lr, width, depth, latent.
        arm: loss, scale and penalties.
        scene: data and judge.
        seeds: of networks and batches.
        told: the share that is done.

    Returns:
        one record a seed: steps, modes, d_kl, slopes, ending, samples.
    """
    made = [_gan(plan, arm, scene, seed) for seed in seeds]
    game = made[0].game
    pace = adam(plan.lr, beta1=0.0, beta2=0.99)
    method = Map(Field(game), alternating(pace, first="discriminator"))
    point, state, found = stacked_starts([one.start for one in made]), None, [_empty(seed) for seed in seeds]
    ends = [plan.steps * (k + 1) // plan.looks for k in range(plan.looks)]
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        done = train_many(
            method, point, end - begin, batches=plan.batch, seeds=list(seeds), every=max((end - begin) // 4, 1),
            record={"slope": fake_slope(game)}, states=state, taken=begin,
            progress=None if told is None else lambda x, a=begin, b=end: told((a + x * (b - a)) / plan.steps),
        )  # fmt: skip
        point, state = done.point, done.state
        for k, one in enumerate(found):
            _look(one, made[k], done, k, scene, plan.samples)
    return found


def _gan(plan: Any, arm: Any, scene: Scene, seed: int) -> DenseGAN:
    options = {"latent": plan.latent, "dimension": CHANNELS * SIDE**2, "width": plan.width, "depth": plan.depth}
    penalties = penalties_of(arm.penalties, plan.gamma)
    options["activation"] = "leaky_relu"  # as in R3GAN
    objective = loss(arm.loss, **arm.options)
    return dense_gan("mlp", data=scene.data, loss=objective, penalties=penalties, seed=seed, options=options)


def _empty(seed: int) -> dict[str, Any]:
    return {"seed": seed, "steps": [], "modes": [], "d_kl": [], "slope_steps": [], "slopes": [], "ending": "running"}


def _look(one: dict[str, Any], gan: DenseGAN, done: Any, lane: int, scene: Scene, count: int) -> None:
    """Write down what a run has come to."""
    point, _ = done.lane(lane)
    samples = gan.samples(point, count, scene.seed + 1)
    modes, d_kl = scene.counted(samples) if np.all(np.isfinite(samples)) else (0, float("inf"))
    one["steps"].append(int(done.at[-1]))
    one["modes"].append(modes)
    one["d_kl"].append(d_kl)
    one["slope_steps"] += [int(k) for k in done.at]
    one["slopes"] += [float(v) for v in done.extra["slope"][lane]]
    one["ending"] = str(done.endings[lane])
    one["samples"] = np.round(samples[:8].astype(float).reshape(-1, CHANNELS, SIDE, SIDE), 2)
