"""What the ledger of a real GAN looks at: its networks, its data, and samples that each serve one purpose.

Five sets of samples are kept apart. Probe critics are trained on `fit`, a part of the training data, and on fakes drawn
for each of their steps; `valid` and its fakes, the rest of the training data, choose between critics and set their
scale; `held` and its fakes have been seen by nobody, and every number with an error is read on them. `train` is what
the run's own critic has learned from.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tussle.autodiff import array
from tussle.data.base import Packed, Part
from tussle.game import Point
from tussle.gan import GAN
from tussle.losses import Loss
from tussle.measures import Samples
from tussle.networks.functional import Player
from tussle.records import rebuild, record, static

LEAST = 20  # held-out samples that errors can be told from
VALID = 0.2  # share of finite training data that chooses between critics
BLOCK = 512  # samples that a network sees at a time
ROWS, VALIDS, HELD, TRAIN, FAKES, VALID_FAKES, LATENTS, STEPS = range(8)  # streams of random numbers


class Sets(NamedTuple):
    """Samples as the critic sees them, instance noise included; `held` is empty where nothing was held out.

    Attributes:
        valid: real samples that choose between critics.
        valid_fakes: fakes for the same.
        held: real samples that nobody has seen.
        fakes: fakes that nobody has seen.
        train: samples of the training data.
    """

    valid: Tensor
    valid_fakes: Tensor
    held: Tensor
    fakes: Tensor
    train: Tensor


@record
class RunScene:
    """A GAN of two networks at a point, with its data.

    Attributes:
        name: what is looked at.
        game: the GAN, under PyTorch.
        point: generator and critic, the generator averaged where an average is kept.
        fresh: the critic's own architecture with new weights.
        larger: a critic that can do more.
        bigger: what the larger critic is, in words.
        data: what was trained on.
        held_out: what was kept back, or None.
        law: the law behind the data where it is known, or None.
        labeled: whether samples carry a label as last number.
        samples: how many of each kind are drawn at most.
        steps: of the training of a probe critic.
        seed: of all that is drawn.
    """

    name: str = static()
    game: GAN = static()
    point: Point = static()
    fresh: Player = static()
    larger: Player = static()
    bigger: str = static()
    data: Any = static()
    held_out: Any = static(default=None)
    law: Any = static(default=None)
    labeled: bool = static(default=False)
    samples: int = static(default=2000)
    steps: int = static(default=400)
    seed: int = static(default=0)

    @property
    def loss(self) -> Loss:
        """The loss of the game."""
        return self.game.loss_function

    @property
    def noise(self) -> float:
        """The standard deviation of the instance noise."""
        noise: Any = self.game.noise
        return 0.0 if noise is None else float(noise)

    @property
    def count(self) -> int | None:
        """How many samples there are to train on; None for a law that is drawn from afresh."""
        return rows_of(self.data)

    @property
    def blind(self) -> str:
        """Why nothing can be read on held-out data; empty where it can."""
        if self.held_out is None:
            return "no data were held out, and what was trained on says nothing of new data"
        if len(self.sets.held) < LEAST:
            return f"only {len(self.sets.held)} samples were held out, fewer than {LEAST}"
        return ""

    # Samples --------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def parts(self) -> tuple[Any, Any]:
        """The training data in two parts: those to fit probe critics to, and those to choose between them."""
        count = self.count
        if count is None:
            return self.data, self.data
        order = self.stream(ROWS).permutation(count)
        cut = min(max(int(VALID * count), 1), self.samples)
        return subset(self.data, order[cut:] if count > 1 else order), subset(self.data, order[:cut])

    @functools.cached_property
    def sets(self) -> Sets:
        """All samples that are read more than once."""
        valid = self._real(self.parts[1], VALIDS)
        held = valid[:0] if self.held_out is None else self._real(self.held_out, HELD)
        fakes = self.fakes(self.stream(FAKES), self.samples)
        return Sets(
            valid, self.fakes(self.stream(VALID_FAKES), self.samples), held, fakes, self._real(self.data, TRAIN)
        )

    def stream(self, *key: int) -> np.random.Generator:
        """Return the random numbers of one purpose."""
        return np.random.default_rng((self.seed, *key))

    def _real(self, measure: Any, key: int) -> Tensor:
        rng = self.stream(key)
        return self.noisy(array(distinct(measure, rng, self.samples), self.point[0]), rng)

    def batch(self, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
        """Return real samples to fit a critic to, and fakes."""
        real = self.noisy(array(self.parts[0].sample(rng, count), self.point[0]), rng)
        return real, self.fakes(rng, count)

    def fakes(self, rng: np.random.Generator, count: int) -> Tensor:
        """Return fresh fakes."""
        latents = array(self.game.latent.sample(rng, count), self.point[0])
        with torch.no_grad():
            made = torch.cat([self.game.generator(self.point[0], z) for z in latents.split(BLOCK)])
        return self.noisy(made, rng)

    def noisy(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """Add the game's instance noise."""
        if self.noise == 0:
            return x
        return x + self.noise * array(rng.standard_normal(tuple(x.shape)), x)

    def flat(self, x: Tensor) -> np.ndarray:
        """Return samples as points (n, d), without labels."""
        found = x.reshape(len(x), -1).double().cpu().numpy()
        return found[:, :-1] if self.labeled else found

    @property
    def dimension(self) -> int:
        """How many numbers a sample has, without its label."""
        return self.sets.fakes[0].numel() - int(self.labeled)


def outputs(critic: Callable[[Tensor], Tensor], x: Tensor) -> np.ndarray:
    """Return a critic's outputs at samples, float64."""
    with torch.no_grad():
        found = [critic(part).reshape(-1).double().cpu().numpy() for part in x.split(BLOCK)]
    return np.concatenate(found) if found else np.empty(0)


# Finite data ----------------------------------------------------------------------------------------------------------


def rows_of(measure: Any) -> int | None:
    """Return how many samples a measure holds; None where it draws new ones without end.

    >>> rows_of(Samples(np.zeros((5, 2))))
    5
    """
    if isinstance(measure, Samples):
        return len(measure.points)
    return len(measure) if isinstance(measure, (Part, Packed)) else None


def subset(measure: Any, rows: np.ndarray) -> Any:
    """Return chosen samples of a finite measure as one."""
    if isinstance(measure, Samples):
        return Samples(np.asarray(measure.points)[rows])
    if isinstance(measure, Packed):
        return Packed(subset(measure.inner, rows))
    return rebuild(Part, {**vars(measure), "rows": measure.rows[rows]})


def distinct(measure: Any, rng: np.random.Generator, most: int) -> np.ndarray:
    """Draw samples, of finite data each at most once: a sample that comes twice would feign a smaller error."""
    count = rows_of(measure)
    if count is None:
        return measure.sample(rng, most)
    if count == 0:
        return np.empty((0, 1), np.float32)
    rows = rng.permutation(count)[:most]
    return np.concatenate([subset(measure, rows[k : k + 1]).sample(rng, 1) for k in range(len(rows))])
