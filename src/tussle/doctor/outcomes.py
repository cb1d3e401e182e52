"""Outcomes: how good a generator's samples are, by measures that know nothing of the loss.

The deciding one is the energy distance between fakes and real data, in units of the real data's own mean distance,

    E = (2 E|x - y| - E|x - x'| - E|y - y'|) / E|x - x'|,

unbiased (pairs of a sample with itself are left out), so that 0 means equal up to noise. Its noise floor is what it is
between two halves of the real data. Beside it stand the diversity of the fakes (their mean distance over the real
data's: 1 is right, 0 one single sample) and the separation by a fresh probe: how often a linear classifier on random
features, trained on one half of the samples, ranks a held-back real sample above a held-back fake (1/2 is right).

Labels of conditional GANs count as one more block of coordinates.

Reference:
    Székely, Rizzo, "Energy statistics: A class of statistics based on distances", 2013.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tussle.doctor.examination import Examination
from tussle.doctor.patient import Patient
from tussle.game import Point
from tussle.networks.conditional import unpack_labels

COUNT = {"quick": 192, "standard": 320, "deep": 512}  # samples of each side
SPLITS = 12  # halvings of the real data for the noise floor
FEATURES = 96  # random features of the probe
RIDGE = 1e-2
LATENTS = 7_000  # seed of the latents that are drawn for outcomes


class Outcome(NamedTuple):
    """What was measured of a generator.

    Attributes:
        distance: energy distance to the real data, in units of their own mean distance.
        diversity: mean distance of fakes over that of real samples.
        separation: how often a fresh probe ranks a held-back real sample above a held-back fake.
    """

    distance: float
    diversity: float
    separation: float


class Yardstick:
    """Measures generators against one set of real samples.

    Args:
        exam: the examination.
    """

    def __init__(self, exam: Examination) -> None:
        self.patient: Patient = exam.patient
        self.count: int = min(COUNT[exam.depth], len(exam.patient.real))
        self.seed: int = exam.seed
        rng = np.random.default_rng([exam.seed, 11])
        points = exam.patient.real[rng.permutation(len(exam.patient.real))[: self.count]]
        self.scale: float = 1.0
        self.real: np.ndarray = self.flat(points)
        self.within: float = _within(self.real) or 1.0
        if exam.patient.classes > 1:
            self.scale = self.within
            self.real = self.flat(points)
            self.within = _within(self.real)
        self.floor: float = self._floor(rng)

    def flat(self, x: np.ndarray) -> np.ndarray:
        """Return samples as rows of float64, with labels as a block of their own."""
        patient = self.patient
        if patient.classes == 1:
            return np.asarray(x, dtype=np.float64).reshape(len(x), -1)
        points, labels = unpack_labels(x, patient.shape)
        block = np.eye(patient.classes)[np.clip(labels, 0, patient.classes - 1)] * self.scale / np.sqrt(2)
        return np.hstack([points.reshape(len(x), -1).astype(np.float64), block])

    def _floor(self, rng: np.random.Generator) -> float:
        """Return the standard deviation of the distance between halves of the real data, at the whole's size."""
        found = []
        for _ in range(SPLITS):
            order = rng.permutation(len(self.real))
            half = len(order) // 2
            found.append(self.distance(self.real[order[:half]], self.real[order[half:]]))
        # twice as many samples on each side: the distance of equal laws falls with their number
        return float(np.sqrt(np.mean(np.square(found)))) / 2

    def distance(self, x: np.ndarray, y: np.ndarray) -> float:
        """Return the unbiased energy distance, in units of the real data's mean distance."""
        return (2 * float(_distances(x, y).mean()) - _within(x) - _within(y)) / self.within

    def measure(self, patient: Patient, point: Point, number: int = 0, probe: bool = True) -> Outcome:
        """Return the outcome of a generator's parameters.

        Args:
            patient: whose generator it is: networks may have been changed.
            point: the parameters.
            number: which latents are drawn; equal numbers give equal latents.
            probe: whether the probe is trained, which takes longest.
        """
        fake = patient.fakes(self.count, self.seed + LATENTS + number, point)
        if not np.isfinite(fake).all():
            return Outcome(np.inf, np.nan, 1.0)
        fake = self.flat(fake)
        diversity = _within(fake) / self.within
        return Outcome(self.distance(self.real, fake), diversity, self.separation(fake) if probe else np.nan)

    def separation(self, fake: np.ndarray) -> float:
        """Return how well a fresh probe tells held-back real samples from held-back fakes."""
        rng = np.random.default_rng([self.seed, 13])
        low, spread = self.real.mean(axis=0), self.real.std(axis=0).mean() or 1.0
        ways = rng.standard_normal((self.real.shape[1], FEATURES)) / np.sqrt(self.real.shape[1])
        shift = rng.uniform(0, 2 * np.pi, FEATURES)
        sides = [np.cos(2 * ((x - low) / spread) @ ways + shift) for x in (self.real, fake)]
        (train, kept), (wrong, held) = [(s[::2], s[1::2]) for s in sides]
        design = np.vstack([train, wrong])
        signs = np.repeat([1.0, -1.0], [len(train), len(wrong)])
        center = design.mean(axis=0)
        design = design - center
        weights = np.linalg.solve(design.T @ design + RIDGE * len(design) * np.eye(FEATURES), design.T @ signs)
        a, b = (kept - center) @ weights, np.sort((held - center) @ weights)
        return float((np.searchsorted(b, a) + np.searchsorted(b, a, side="right")).mean() / (2 * len(b)))


def yardstick(exam: Examination) -> Yardstick:
    """Return the yardstick of an examination, made once."""
    return exam.once("yardstick", lambda: Yardstick(exam))


def _distances(x: np.ndarray, y: np.ndarray) -> Any:
    from scipy.spatial.distance import cdist

    return cdist(x, y)


def _within(x: np.ndarray) -> float:
    """Return the mean distance of two different samples."""
    from scipy.spatial.distance import pdist

    return float(pdist(x).mean()) if len(x) > 1 else 0.0


def late(values: Sequence[float]) -> float:
    """Return the mean of the last half of a curve."""
    return float(np.mean(values[-looks(values) :]))


def looks(values: Sequence[float]) -> int:
    """Return how many values the last half of a curve has."""
    return max(len(values) // 2, 1)
