"""The laws in the plane as data sets: the problems and mixtures that methods are tried on before images."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tussle import checks
from tussle.data import planes
from tussle.data.base import DataSet, Drawn, Modes
from tussle.data.splits import share_of
from tussle.laws import Normal
from tussle.measures import Nodes
from tussle.records import record, static

CONVERGE = "Mescheder, Geiger, Nowozin: Which Training Methods for GANs do actually Converge? ICML 2018"
NUMERICS = "Mescheder, Nowozin, Geiger: The Numerics of GANs, NIPS 2017"
JARE = "Nie, Patel: Towards a Better Understanding and Regularization of GAN Training Dynamics, UAI 2019"


@record
class Draws:
    """A law that is drawn from afresh; the samples of a mixture carry the number of their mode as label.

    Args:
        law: samples and integrates.
        modes: centers and standard deviation of a mixture of equally likely normals, or None.
        stratified: whether sample i of a batch comes from mode i mod k rather than from any.
    """

    law: Any = static()
    modes: Modes | None = static(default=None)
    stratified: bool = static(default=False)

    def nodes(self) -> Nodes:
        """Return the law's nodes."""
        return self.law.nodes()

    def draw(self, rng: np.random.Generator, count: int) -> Drawn:
        """Draw samples, and of a mixture the mode of each."""
        if self.modes is None:
            return Drawn(self.law.sample(rng, count).astype(np.float32), None)
        centers, std = self.modes
        size = len(centers)
        which = np.arange(count) % size if self.stratified else rng.integers(size, size=count)
        x = centers[which] + std * rng.standard_normal((count, centers.shape[1]))
        return Drawn(x.astype(np.float32), which)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw samples, (count, d) of float32."""
        return self.draw(rng, count).x


def law_set(name: str, law: Any, held_out: float, seed: int, source: str) -> DataSet:
    """Return a law as a data set: both of its parts are the law, and every batch is fresh."""
    _check_split(held_out, seed)
    part = Draws(law)
    return DataSet(name, part, part, (2,), source=source, law=law)


def mixture_set(name: str, law: Any, std: float, stratified: bool, source: str) -> DataSet:
    """Return a mixture of equally likely normals as a data set whose classes are its modes."""
    modes = Modes(planes.centers_of(law), float(std))
    part = Draws(law, modes, checks.flag("stratified", stratified))
    return DataSet(name, part, part, (2,), classes=len(modes.centers), source=source, law=law, modes=modes)


def _check_split(held_out: float, seed: int) -> None:
    share_of(held_out)
    checks.count("seed", seed, least=0)


# The six problems of Mescheder et al. (2018) ----------------------------------------------------------------


def gaussian_set(held_out: float, seed: int, *, std: float = 0.4) -> DataSet:
    """Return the isotropic normal law."""
    return law_set("gaussian", planes.gaussian(std), held_out, seed, f"N(0, std^2 I), {CONVERGE}.")


def segment_set(held_out: float, seed: int) -> DataSet:
    """Return the segment from (-1, 0) to (1, 0)."""
    return law_set("segment", planes.line(), held_out, seed, f"Uniform on a segment, {CONVERGE}.")


def circle_set(held_out: float, seed: int, *, radius: float = 1.0) -> DataSet:
    """Return the circle."""
    return law_set("circle", planes.circle(radius), held_out, seed, f"Uniform on a circle, {CONVERGE}.")


def lines_set(held_out: float, seed: int) -> DataSet:
    """Return the four segments."""
    return law_set("lines", planes.four_lines(), held_out, seed, f"Uniform on four segments, {CONVERGE}.")


def eight_set(held_out: float, seed: int, *, radius: float = 0.7) -> DataSet:
    """Return the two circles that touch."""
    return law_set("eight", planes.eight(radius), held_out, seed, f"Uniform on two circles that touch, {CONVERGE}.")


def squares_set(held_out: float, seed: int) -> DataSet:
    """Return the four outlines of squares."""
    return law_set("squares", planes.squares(), held_out, seed, f"Uniform on the outlines of squares, {CONVERGE}.")


# Normals and mixtures ---------------------------------------------------------------------------------------


def jare_gaussian_set(
    held_out: float, seed: int, *, mean: tuple[float, float] = (0.0, 2.0), std: float = 0.7
) -> DataSet:
    """Return the normal law that the spectra of JARE are about."""
    center = checks.real_array("mean", mean, "two numbers")
    if center.shape != (2,):
        message = f"`mean` has shape {center.shape}; it must hold two numbers; give such as [0, 2]."
        raise ValueError(message)
    law = Normal(tuple(center.tolist()), checks.positive("std", std), 20)
    return law_set("jare-gaussian", law, held_out, seed, f"N(mean, std^2 I), {JARE}.")


def jare_ring_set(
    held_out: float, seed: int, *, radius: float = 2.0, std: float = 0.06, stratified: bool = False
) -> DataSet:
    """Return the ring of eight normals that JARE is tried on."""
    _check_split(held_out, seed)
    return mixture_set("jare-ring", planes.ring(8, radius, std), std, stratified, f"Eight normals on a ring, {JARE}.")


def ring_set(modes: int) -> Callable[..., DataSet]:
    """Return the maker of rings of so many normals."""
    checks.count("modes", modes)

    def made(
        held_out: float, seed: int, *, radius: float = 1.0, std: float = 0.01, stratified: bool = False
    ) -> DataSet:
        _check_split(held_out, seed)
        source = f"{modes} normals on a ring, {NUMERICS}."
        return mixture_set(f"ring-{modes}", planes.ring(modes, radius, std), std, stratified, source)

    return made


def grid_set(modes: int) -> Callable[..., DataSet]:
    """Return the maker of square grids of so many normals.

    Raises:
        ValueError: if they do not fill a square.
    """
    side = math.isqrt(checks.count("modes", modes))
    if side * side != modes:
        message = (
            f"`name` is grid-{modes}; the modes of a grid must fill a square such as 9, 16 or 25; load "
            f"grid-{side * side} or grid-{(side + 1) ** 2}."
        )
        raise ValueError(message)

    def made(
        held_out: float, seed: int, *, spacing: float = 1.0, std: float = 0.05, stratified: bool = False
    ) -> DataSet:
        _check_split(held_out, seed)
        law = planes.grid(side, spacing, std)
        return mixture_set(f"grid-{modes}", law, std, stratified, f"{modes} normals on a square grid around 0.")

    return made
