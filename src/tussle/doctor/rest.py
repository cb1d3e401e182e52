"""How fast a patient still moves, and whether its fakes can be told from the data.

Motion is that of what the players make: the fakes move with J_G (mean step), told in units of how far there is to go
(the data's spread and the distance of the means together), the critic's outputs with J_D (mean step). Two halves of the
batches are kept apart, so that what both agree on is motion and what they do not is noise.

Whether fakes differ from data is asked of the energy distance, by permutations: it needs no trained critic.

Reference:
    Szekely, Rizzo, "Energy statistics: a class of statistics based on distances", J. Stat. Plan. Inference 143 (2013).
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tussle.autodiff import array, jvp, to_numpy
from tussle.doctor.examination import Examination
from tussle.doctor.held import held
from tussle.doctor.products import cast, looked, precise, recorded, whole_field
from tussle.game import Point, joined, placed

BATCHES = {"quick": 4, "standard": 8, "deep": 16}
FIRST = 3000  # numbers of the batches
TRAINING = 1e5  # steps that a training has (Mescheder et al. 2018 train 1e5 to 5e5)
COMPARED = 256  # samples of each side whose distances are taken
PERMUTATIONS = 100
SURE = 2.0  # standard errors within which a mean counts as none
NEAR = 1e-3  # Newton distance to a zero, relative to the point, that counts as arrived (as `endings.NEAR`)


class Motion(NamedTuple):
    """Root mean square motion within `TRAINING` steps, relative, and what noise makes of it."""

    value: float
    error: float

    @property
    def most(self) -> float:
        """The motion with its noise: an upper bound."""
        return math.hypot(self.value, self.error)


class Rest(NamedTuple):
    """How fast a patient moves.

    Attributes:
        fakes: motion of the fakes, relative to the way that they have to go.
        outputs: motion of the critic's outputs, relative to their size (1 at least).
        speed: length of the mean velocity.
        speed_error: its standard error.
        reach: Newton distance |v|^2 / |J^T v| to a zero of the field, relative to the point; 0 where v is.
        noise: length of the velocity of one batch around its mean.
    """

    fakes: Motion
    outputs: Motion
    speed: float
    speed_error: float
    reach: float
    noise: float

    @property
    def still(self) -> bool:
        """Whether it rests: nothing moves within a training, and the field has a zero here or nothing but noise."""
        slow = self.fakes.most < 1 and self.outputs.most < 1
        return slow and (self.speed <= SURE * self.speed_error or self.reach <= NEAR)


class Distinction(NamedTuple):
    """How far fakes and data differ.

    Attributes:
        coefficient: the energy distance over twice the mean distance of a fake from a real sample, 0 to 1.
        score: its distance from what permutations give, in their standard deviations.
        error: their standard deviation, in units of the coefficient.
    """

    coefficient: float
    score: float
    error: float


def rest(exam: Examination) -> Rest:
    """Return how fast the patient moves."""
    return exam.once("rest", lambda: _rest(exam))


def _rest(exam: Examination) -> Rest:
    exam.needs(BATCHES[exam.depth] * 3 * exam.once("step seconds", lambda: exam.step_seconds), "the mean step")
    moves, velocities = _halves(exam)
    game, (theta, psi) = exam.patient.game, (x.to(precise(exam)) for x in exam.point)
    latents = array(latents_of(exam), theta)
    real = array(exam.real[:COMPARED], psi)
    with torch.no_grad():
        fake = game.generator(theta, latents)
    x = torch.cat([real, fake])
    shifts = [jvp(lambda t: game.generator(t, latents), theta, m[0]) for m in moves]
    turns = [jvp(lambda p: game.logits(p, x), psi, m[1]) for m in moves]
    with torch.no_grad():
        size = max(float(game.logits(psi, x).square().mean().sqrt()), 1.0)
    first, second = (joined(v).double() for v in velocities)
    mean, error = (first + second) / 2, float((first - second).norm()) / 2
    return Rest(
        _motion(shifts, way_to_go(exam)), _motion(turns, size), float(mean.norm()), error, _reach(exam, mean),
        error * math.sqrt(BATCHES[exam.depth]),
    )  # fmt: skip


def _halves(exam: Examination) -> tuple[list[Point], list[Point]]:
    """Return the mean steps and the mean velocities of two halves of the batches."""
    point = tuple(x.to(precise(exam)) for x in exam.point)  # in float32 a small step is lost beside the point
    model = held(exam).at(point)
    method = model.map if model.plain is None else model.plain
    state: Any = model.state if model.plain is None else method.init(point)
    sums: list[list[Any]] = [[0.0, 0.0], [0.0, 0.0]]
    count = BATCHES[exam.depth]
    for k in range(count):
        batch = placed(exam.batch(FIRST + k), point[0])
        after, _, _ = method.step(point, state, batch)
        sums[0][k % 2] = sums[0][k % 2] + joined(after).detach() - joined(point)
        sums[1][k % 2] = sums[1][k % 2] + joined(exam.patient.field(point, batch)).detach()
    cut = len(exam.point[0])
    moves, velocities = ([(s[:cut] * 2 / count, s[cut:] * 2 / count) for s in part] for part in sums)
    return moves, velocities


def latents_of(exam: Examination) -> Tensor:
    """Return the latents of the fakes whose motion is looked at."""
    rng = np.random.Generator(np.random.Philox(key=[exam.seed, FIRST]))
    return array(exam.patient.game.latent.sample(rng, COMPARED), exam.point[0])


def _motion(parts: list[Tensor], scale: float) -> Motion:
    """Return the motion that two halves agree on, and the one that they do not."""
    one, two = (to_numpy(p).astype(np.float64) for p in parts)
    mean, error = (np.sqrt(np.mean(np.square(x))) for x in ((one + two) / 2, (one - two) / 2))
    factor = TRAINING / max(scale, 1e-300)
    return Motion(factor * math.sqrt(max(mean**2 - error**2, 0.0)), factor * float(error))


def way_to_go(exam: Examination) -> float:
    """Return how far the fakes have to go: the data's spread and the distance of the means, root mean square."""
    real, fake = (x.reshape(len(x), -1).astype(np.float64) for x in (exam.real, exam.fake))
    shift = real.mean(axis=0) - fake.mean(axis=0)
    return float(np.sqrt(np.mean(real.var(axis=0) + shift**2)))


def _reach(exam: Examination, velocity: Tensor) -> float:
    length = float(velocity.norm())
    if length == 0:
        return 0.0
    function, at = whole_field(exam.patient.field, *cast(exam, looked(exam)))
    image = float(recorded(exam, function, at)(velocity.to(at.dtype)).norm())
    size = max(float(at.norm()), 1.0)
    return length * length / max(image, 1e-300) / size


def distinction(exam: Examination) -> Distinction:
    """Return how far fakes and data differ."""
    return exam.once("distinction", lambda: energy(exam.real[:COMPARED], exam.fake[:COMPARED], exam.seed))


def energy(real: np.ndarray, fake: np.ndarray, seed: int) -> Distinction:
    """Return the energy distance of two samples beside what permutations of them give.

    Example:
        >>> energy(np.zeros((8, 1)), np.ones((8, 1)), 0).coefficient
        1.0
    """
    from scipy.spatial.distance import cdist

    both = np.concatenate([x.reshape(len(x), -1).astype(np.float64) for x in (real, fake)])
    distances = cdist(both, both)
    signs = np.concatenate([np.full(len(real), 1 / len(real)), np.full(len(fake), -1 / len(fake))])
    across = 2 * float(distances[: len(real), len(real) :].mean())
    if across == 0:
        return Distinction(0.0, 0.0, 0.0)
    rng = np.random.default_rng(seed)
    chance = np.stack([rng.permutation(signs) for _ in range(PERMUTATIONS)])
    values = -np.einsum("ij,ij->i", chance @ distances, chance) / across
    value, spread = float(-signs @ distances @ signs) / across, float(values.std(ddof=1))
    return Distinction(value - float(values.mean()) if spread > 0 and value < 1 else value,
                       (value - float(values.mean())) / max(spread, 1e-12), spread)  # fmt: skip
