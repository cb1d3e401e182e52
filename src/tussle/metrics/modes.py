"""Modes: which of them generated samples reach, how many samples are good, how evenly they are spread.

A judge says for each sample which mode it belongs to and whether it is good: `Centers` for mixtures of normals,
`Classes` for images that a classifier labels, with one digit a channel for stacked digits.
"""

import math
from typing import Any, Protocol

import numpy as np

from tussle import checks
from tussle.metrics.features import Features
from tussle.metrics.floors import Values
from tussle.metrics.samples import flat
from tussle.records import record, static


class Judge(Protocol):
    """What a judge of modes must offer."""

    @property
    def count(self) -> int:
        """The number of modes."""
        ...

    @property
    def convention(self) -> str:
        """How it judges, in words."""
        ...

    def assign(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mode of each sample (n,) and whether it is good (n,)."""
        ...


@record
class Centers:
    """Modes of a mixture of isotropic normals.

    A sample belongs to the nearest center and is good within 3 standard deviations of it, as published; of an exact
    mixture in the plane that is a share 1 - exp(-9/2) = 0.98889.

    Attributes:
        centers: (k, d).
        std: standard deviation of a mode along each axis.
        within: how many of them a good sample may be away.

    Reference:
        Srivastava et al., "VEEGAN: reducing mode collapse in GANs using implicit variational learning", NeurIPS 2017.
    """

    centers: np.ndarray = static()
    std: float = static()
    within: float = static(default=3.0)

    @property
    def count(self) -> int:
        """The number of modes."""
        return len(self.centers)

    @property
    def convention(self) -> str:
        """How it judges, in words."""
        return f"nearest of {self.count} centers; good within {self.within:g} standard deviations of {self.std:g}"

    def assign(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the nearest center of each sample and whether it is near enough.

        Raises:
            ValueError: if samples and centers are of different dimensions.
        """
        from scipy.spatial import KDTree

        points, centers = flat(samples), np.asarray(self.centers, dtype=float)
        if points.shape[1] != centers.shape[1]:
            message = f"`modes` has centers of dimension {centers.shape[1]} and the samples have {points.shape[1]}; "
            raise ValueError(message + "they must be the same; give the centers of this law.")
        away, which = KDTree(centers).query(points)
        return np.asarray(which), np.asarray(away) <= self.within * checks.positive("std", self.std)


@record
class Classes:
    """Modes of images: the class a classifier gives them, or, for stacked digits, the digits of all channels.

    With 3 channels and 10 classes there are 1,000 modes; the mode of (a, b, c) is 100 a + 10 b + c.

    Attributes:
        classifier: with a head; of images of one channel where there are several channels.
        channels: images stacked as channels; 1 for the classifier's own images.
    """

    classifier: Features = static()
    channels: int = static(default=1)

    @property
    def count(self) -> int:
        """The number of modes."""
        return self.classifier.classes**self.channels

    @property
    def convention(self) -> str:
        """How it judges, in words."""
        right = "" if self.classifier.accuracy is None else f" (right on {self.classifier.accuracy:.2%} of held-out)"
        stacked = f", {self.channels} channels each on its own" if self.channels > 1 else ""
        return f"labels of the {self.classifier.name}{right}{stacked}; every sample counts as good"

    def assign(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mode of each image; all are good.

        Raises:
            ValueError: if the images have another number of channels.
        """
        if self.channels > 1 and (samples.ndim != 4 or samples.shape[1] != self.channels):
            message = f"`fake` has samples of shape {samples.shape[1:]}; this judge takes {self.channels} channels; "
            raise ValueError(message + "give stacked images.")
        parts = [samples[:, c : c + 1] for c in range(self.channels)] if self.channels > 1 else [samples]
        which = np.zeros(len(samples), dtype=np.int64)
        for part in parts:
            labels = self.classifier.logits(self.classifier.of(part, 256)).argmax(axis=1)
            which = which * self.classifier.classes + labels
        return which, np.ones(len(samples), dtype=bool)


@record
class ModeCounts:
    """How samples fall on modes.

    Attributes:
        histogram: samples by mode.
        good: good samples by mode.
    """

    histogram: np.ndarray = static()
    good: np.ndarray = static()

    @property
    def covered(self) -> int:
        """Modes with at least one good sample."""
        return int(np.count_nonzero(self.good))

    @property
    def quality(self) -> float:
        """The share of good samples."""
        return float(self.good.sum() / self.histogram.sum())

    @property
    def reverse_kl(self) -> float:
        """KL(histogram || uniform) = log k - H: the D_KL of the published tables of stacked digits; never infinite."""
        p = self.histogram / self.histogram.sum()
        p = p[p > 0]
        return max(float(math.log(len(self.histogram)) + np.sum(p * np.log(p))), 0.0)

    @property
    def kl(self) -> float:
        """KL(uniform || histogram): infinite as soon as one mode has no samples."""
        p = self.histogram / self.histogram.sum()
        with np.errstate(divide="ignore"):
            return max(float(-math.log(len(p)) - np.mean(np.log(p))), 0.0)

    def values(self) -> Values:
        """Return all four by the names of the metrics."""
        return {
            "modes": float(self.covered),
            "quality": self.quality,
            "mode_kl": self.kl,
            "mode_reverse_kl": self.reverse_kl,
        }


def counts(which: np.ndarray, good: np.ndarray, modes: int) -> ModeCounts:
    """Count samples by mode."""
    return ModeCounts(np.bincount(which, minlength=modes), np.bincount(which[good], minlength=modes))


def mode_counts(samples: np.ndarray, judge: Judge) -> ModeCounts:
    """Count samples by mode.

    Args:
        samples: (n, ...).
        judge: of modes.

    Returns:
        the histograms, with modes covered, share of good samples and both KL divergences against the uniform law.

    Reference:
        Metz et al., "Unrolled generative adversarial networks", ICLR 2017; Lin et al., "PacGAN", NeurIPS 2018.

    Example:
        >>> found = mode_counts(np.array([[0.0], [0.1], [9.0]]), Centers(np.array([[0.0], [1.0]]), 0.05))
        >>> found.covered, round(found.quality, 3), round(found.reverse_kl, 4)
        (1, 0.667, 0.0566)
    """
    return counts(*judge.assign(samples), judge.count)


def judge_of(modes: Any) -> Judge:
    """Return the judge meant by `modes`: a judge, a classifier, or centers with their standard deviation.

    Raises:
        ValueError: if it is none of these.
    """
    if isinstance(modes, Features):
        return Classes(modes)
    if callable(getattr(modes, "assign", None)):
        return modes
    if isinstance(modes, tuple) and len(modes) == 2:
        return Centers(np.asarray(modes[0], dtype=float), float(modes[1]))
    message = (
        f"`modes` is {type(modes).__name__}; it must be centers (k, d) with their standard deviation, a judge or a "
    )
    raise ValueError(message + "classifier; give for example modes=(centers, 0.05) or modes=data_classifier(...).")
