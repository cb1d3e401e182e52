"""Assumption 1, absolute continuity: do both laws have densities, each where the other has one?

The gap is a mass from 0 to 1: half of the mass of either law that has no density, or lies where the other has none.
At 1 the laws share nothing: every f-divergence sits at its extreme, and no gradient points from one to the other.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tussle.assumptions.rows import Row, measured, unknown
from tussle.assumptions.scene import Scene
from tussle.divergences.supports import Side, is_singular, leaves, regions
from tussle.singular.rank import DimensionReport, dimension_check

LATENTS = 16  # at which the generator's rank is read
DRAWN = 4000  # samples where the mass outside a box has no formula


def continuity(scene: Scene, seed: int = 0) -> Row:
    """Return the row of absolute continuity."""
    p, q = scene.real, scene.fake
    rank = rank_of(scene, seed)
    if p is None or q is None:
        return _without_law(scene, rank)
    kinds = [_kind(side) for side in (p, q)]
    told = "" if rank is None else f"; the generator's Jacobian has rank {rank.rank} of {rank.data_dimension}"
    if "" not in kinds:
        words = f"the data are {kinds[0]} and the generated law is {kinds[1]}: neither has a density, so p_r/p_g is"
        return measured(1, 1.0, 0.0, "mass", f"{words} no ratio of densities{told}")
    if kinds != ["", ""]:
        which, kind, other = ("data are", kinds[0], "generated law") if kinds[0] else (
            "generated law is", kinds[1], "data")  # fmt: skip
        words = f"the {which} {kind} and the {other} has a density: they share no mass"
        return measured(1, 1.0, 0.0, "mass", words + told)
    alone = [_outside(*pair, seed) for pair in ((p, q), (q, p))]
    gap, error = 0.5 * sum(a[0] for a in alone), 0.5 * sum(a[1] for a in alone)
    words = "both laws have densities"
    if gap > error:
        words += f"; mass {alone[0][0]:.4g} of the data lies where the generator makes nothing, and mass "
        words += f"{alone[1][0]:.4g} of the fakes where there are no data"
    else:
        words += ", each where the other has one"
    return measured(1, gap, error, "mass", words + told)


def rank_of(scene: Scene, seed: int = 0) -> DimensionReport | None:
    """Return the rank of the generator's Jacobian at sampled latents; None where the latent is made of atoms."""
    if not callable(getattr(scene.game.latent, "log_density", None)) and not _panels(scene.game.latent):
        return None
    latents = scene.game.latent.sample(np.random.default_rng(seed), LATENTS)
    return dimension_check(scene.game.generator, scene.point[0], latents)


def _panels(latent: Any) -> bool:
    return callable(getattr(getattr(latent, "law", None), "log_density", None))


def _without_law(scene: Scene, rank: DimensionReport | None) -> Row:
    """Judge by the rank alone: a generator that is thin somewhere has no density there."""
    if rank is None:
        return unknown(1, f"{scene.reason}, and the latents are atoms, so that no rank can be read", "mass")
    if scene.game.noise:
        return unknown(1, f"{scene.reason}; under instance noise both laws have densities everywhere", "mass")
    if rank.singular_share == 0:
        return unknown(1, f"{scene.reason}; {rank.sentence.rstrip('.')}, but where it lives is not known", "mass")
    kind = "" if scene.real is None else _kind(scene.real)
    data = 1.0 if kind else rank.singular_share  # such data have no density, else no fakes on that share
    gap = 0.5 * (rank.singular_share + data)
    return measured(1, gap, 0.0, "mass", rank.sentence.rstrip("."))


def _kind(side: Side) -> str:
    """Return what a measure without a density is, in words; nothing for one that has a density."""
    if side.kind == "law":
        return "a law on a thinner plane" if all(is_singular(law) for _, law in leaves(side.law)) else ""
    count = len(side.points)
    return ("one atom" if count == 1 else f"{count} atoms") if side.kind == "finite" else f"{count} samples"


# Mass outside -----------------------------------------------------------------------------------------------------


def _outside(p: Side, q: Side, seed: int) -> tuple[float, float]:
    """Return the mass of one law where the other has no density, and its error."""
    if p.dimension == 1:
        return outside(p.law, q.law), 4e-16
    if not regions(p.law, q.law).left:
        return 0.0, 0.0
    x = p.law.sample(np.random.default_rng(seed), DRAWN)
    share = float(np.mean(np.isneginf(q.law.log_density(x))))
    return share, 2 * float(np.sqrt((share * (1 - share) + 1 / DRAWN) / DRAWN))


def outside(p: Any, q: Any) -> float:
    """Return the mass of a law on a line where another has no density.

    >>> from tussle.laws import Exponential, Uniform
    >>> round(outside(Exponential(1.0), Uniform(0.0, 2.0)), 6)  # e^-2
    0.135335
    """
    cdf: Callable[[np.ndarray], np.ndarray] = p.cdf
    held = sum(float(np.diff(cdf(np.array(ends)))[0]) for ends in intervals(q))
    return max(0.0, 1.0 - held)


def intervals(law: Any) -> list[tuple[float, float]]:
    """Return the intervals of a line that hold a law, joined where they touch."""
    ends = sorted((float(part.support[0][0]), float(part.support[1][0])) for _, part in leaves(law))
    joined = ends[:1]
    for low, high in ends[1:]:
        if low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined
