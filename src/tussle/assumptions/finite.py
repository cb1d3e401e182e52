"""Assumption 6, finite data: how far an objective on n samples is from the one in expectation.

A critic trained on n samples of each law reaches on them a loss L_n(psi_n) below what it has in expectation,
L(psi_n); the difference is what a held-out set would show. With psi* the best critic in expectation its mean is

    gap = E [ L(psi_n) - L(psi*) ] + E [ L_n(psi*) - L_n(psi_n) ],

both terms 0 or more, and free of the noise L_n(psi*) - L(psi*) of the sample itself, whose mean is 0 and whose size is
told beside it. A critic that may do anything learns n points of a continuous law by heart: its JS is log 2 whatever
the laws. The birthday estimate reads the size of a law's support off the pairs that meet in a batch of s samples:
s (s - 1) / (2 pairs).

References:
    Arora, Ge, Liang, Ma, Zhang, "Generalization and equilibrium in generative adversarial nets", ICML 2017.
    Arora, Risteski, Zhang, "Do GANs learn the distribution?", ICLR 2018 (the birthday test).
"""

import math
from typing import Any, NamedTuple

import numpy as np

from tussle import checks
from tussle.assumptions.capacity_critic import Best, Expectation, best_critic, expectation, read_loss, unit_of
from tussle.assumptions.rows import HELD, Row, measured, unknown
from tussle.assumptions.scene import Scene
from tussle.critics.finite import is_linear
from tussle.measures import Nodes, Samples

REPEATS = 12  # draws of a data set
NONE = 3.0  # pairs below which, with 95 % confidence, the expected number lies where none was met
FOLDS = 2  # of data that are samples themselves


class Birthday(NamedTuple):
    """How large a law's support is, from the samples that meet in a batch.

    Attributes:
        size: samples in the batch.
        pairs: how many of them are the same.
        support: the estimate s (s - 1) / (2 pairs) of 1 / sum p^2; infinite without a pair.
        least: the support is at least so large, with 95 % confidence.
    """

    size: int
    pairs: int
    support: float
    least: float


def birthday_support(samples: Any, tolerance: float = 0.0) -> Birthday:
    """Return the birthday estimate of the support's size.

    Args:
        samples: (s, d) or (s,).
        tolerance: samples at most so far apart count as the same; 0 asks for equal ones.

    Raises:
        ValueError: if there are fewer than two samples, or the tolerance is negative.

    >>> birthday_support([1.0, 2.0, 2.0, 3.0]).support
    6.0
    """
    x = checks.real_array("samples", samples, "an array of samples (s, d)")
    x = x.reshape(len(x), -1) if x.ndim else x.reshape(1, 1)
    checks.nonnegative("tolerance", tolerance)
    if len(x) < 2:
        message = f"`samples` holds {len(x)} sample; pairs need at least 2; give more."
        raise ValueError(message)
    size = len(x)
    pairs = _met(x, float(tolerance))
    whole = size * (size - 1) / 2
    # The upper 95 % limit of a Poisson mean: 3.0 without an event, about pairs + 1.645 sqrt(pairs) + 2 with some.
    most = NONE if pairs == 0 else pairs + 1.645 * math.sqrt(pairs) + 2.0
    return Birthday(size, pairs, math.inf if pairs == 0 else whole / pairs, whole / most)


def _met(x: np.ndarray, tolerance: float) -> int:
    if tolerance == 0:
        counts = np.unique(x, axis=0, return_counts=True)[1]
        return int(np.sum(counts * (counts - 1) // 2))
    from scipy.spatial import KDTree

    return len(KDTree(x).query_pairs(tolerance))


# The row ----------------------------------------------------------------------------------------------------------


def finite_data(scene: Scene, best: Best | None, samples: int | None = None, seed: int = 0) -> Row:
    """Return the row of finite data.

    Args:
        scene: what is looked at.
        best: the best critic of the class in expectation.
        samples: how many of each law a data set has; None for the expectations that the game itself takes.
        seed: of all that is drawn.
    """
    unit = unit_of(scene)
    if isinstance(scene.game.data, Samples):
        return _split(scene, seed)
    if samples is None:
        return _exact(scene, unit)
    checks.count("samples", samples, 2)
    where = expectation(scene)
    if where is None or best is None:
        return unknown(6, f"{scene.why or 'the best critic in expectation is not known'}", unit)
    return _drawn(scene, where, best, samples, seed)


def _exact(scene: Scene, unit: str) -> Row:
    p, q = scene.real, scene.fake
    if p is not None and q is not None and p.kind != "law" and q.kind != "law":
        words = f"expectations are sums over all of the {len(p.points)} data and {len(q.points)} generated atoms: exact"
        return Row(6, HELD, 0.0, 0.0, unit, words)
    error = 0.0 if scene.common is None else 4 * scene.common.error
    words = "expectations are integrals over the laws themselves, by quadrature: no data are finite here"
    return Row(6, HELD, 0.0, error, unit, words)


# Draws ------------------------------------------------------------------------------------------------------------


class Draw(NamedTuple):
    """One data set.

    Attributes:
        gap: L(psi_n) - L(psi*) + L_n(psi*) - L_n(psi_n).
        noise: L_n(psi) - L(psi) at the point's own critic psi.
        real: the samples of the real law.
        fake: of the generated one.
    """

    gap: float
    noise: float
    real: np.ndarray
    fake: np.ndarray


def _drawn(scene: Scene, where: Expectation, best: Best, samples: int, seed: int) -> Row:
    rng = np.random.default_rng(seed)
    draws = [_draw(scene, where, best, samples, rng) for _ in range(REPEATS)]
    gaps, noise = np.array([d.gap for d in draws]), np.array([d.noise for d in draws])
    gap, error = float(gaps.mean()), 2 * float(gaps.std(ddof=1)) / math.sqrt(REPEATS) + 1e-14
    spread = float(np.sqrt(np.mean(noise**2)))
    births = [birthday_support(x) for x in (draws[0].real, draws[0].fake)]
    words = f"on {samples} samples of each law the best critic looks {gap:.3g} better than on held-out ones; the "
    words += f"objective at this point is {noise[0]:+.3g} off in one data set, {spread:.3g} root mean square; "
    words += _births(births)
    extra: dict[str, Any] = {"samples": samples, "repeats": REPEATS, "objective off": float(noise[0])}
    extra |= {"objective deviation": spread, "support of the data": births[0].support}
    extra |= {"support of the fakes": births[1].support}
    return measured(6, gap, error, unit_of(scene), words, 1e-12, **extra)


def _births(births: list[Birthday]) -> str:
    told = []
    for name, one in zip(("data", "fakes"), births, strict=True):
        size = f"about {one.support:.3g}" if one.pairs else f"at least {one.least:.3g}"
        told.append(f"{size} points in the {name} ({one.pairs} pairs met)")
    return "by the birthday test there are " + " and ".join(told)


def _draw(scene: Scene, where: Expectation, best: Best, samples: int, rng: np.random.Generator) -> Draw:
    real, fake = (_sampled(scene, which, samples, rng) for which in ("real", "fake"))
    share = np.full(samples, 1 / samples)
    own = Expectation(Nodes(real, share), Nodes(fake, share), where.places)
    found = best_critic(scene.game, own, [best.psi, np.asarray(scene.point[1], dtype=np.float64)])
    trained, in_truth = found.loss, read_loss(scene.game, found.psi, where)
    truly, on_sample = best.loss, read_loss(scene.game, best.psi, own)
    psi = np.asarray(scene.point[1], dtype=np.float64)
    noise = read_loss(scene.game, psi, own) - read_loss(scene.game, psi, where)
    return Draw((in_truth - truly) + (on_sample - trained), noise, real, fake)


def _sampled(scene: Scene, which: str, samples: int, rng: np.random.Generator) -> np.ndarray:
    side = scene.real if which == "real" else scene.fake
    assert side is not None
    if side.kind == "law":
        return np.asarray(side.law.sample(rng, samples), dtype=np.float64)
    return side.points[rng.choice(len(side.points), size=samples, p=side.shares)]


# Data that are samples --------------------------------------------------------------------------------------------


def _split(scene: Scene, seed: int) -> Row:
    """Return the row of data that are samples: train on one half, hold out the other, and the other way round."""
    unit, fake = unit_of(scene), scene.fake
    data = np.asarray(scene.game.data.nodes().points, dtype=np.float64)
    data = data.reshape(len(data), -1)
    births = birthday_support(data) if len(data) > 1 else None
    told = "" if births is None else f"; {_births([births, births]).split(' and ')[0]}"
    if fake is None or scene.real is None or scene.real.kind == "law" or len(data) < 4:
        return unknown(6, f"the data are {len(data)} samples, too few or too thin for a held-out half{told}", unit)
    rng = np.random.default_rng(seed)
    order, count = rng.permutation(len(data)), len(data) // FOLDS
    halves = [data[order[:count]], data[order[count : 2 * count]]]
    drawn = [_sampled(scene, "fake", count, rng) for _ in halves]
    share = np.full(count, 1 / count)
    sets = [Expectation(Nodes(x, share), Nodes(y, share)) for x, y in zip(halves, drawn, strict=True)]
    if is_linear(scene.loss):
        places = np.concatenate([*halves, *drawn])
        sets = [one._replace(places=places) for one in sets]
    psi = np.asarray(scene.point[1], dtype=np.float64)
    gaps = []
    for train, held in (sets, sets[::-1]):
        found = best_critic(scene.game, train, [psi, np.zeros_like(psi)])
        gaps.append(read_loss(scene.game, found.psi, held) - found.loss)
    gap, error = float(np.mean(gaps)), abs(gaps[0] - gaps[1]) / math.sqrt(2)
    words = f"the data are {len(data)} samples: trained on one half, the best critic is {gap:.3g} worse on the other"
    return measured(6, gap, error, unit, words + told, 1e-12, samples=len(data))
