"""Check: the fakes are fewer than the data, or all the same.

Four numbers, each beside what real data of the same size give among themselves. *Coverage* is the share of real samples
in whose neighborhood (the ball to its k-th real neighbor) a fake lies, *precision* the share of fakes in such a ball.
 *Spread* is the fakes' root mean square distance from their mean over that of the data. The *number of kinds* is
the exponential of the entropy of the similarity matrix, the similarity being a Gaussian as wide as a quarter of the
sample's own spread, so that it counts clumps and not size; it is held against the smaller one of the data and the
latents. Fakes that are not there yet have low coverage, too: collapsed are those that are the same, that are a few
clumps, or that lie on the data and leave most of them out. The generator's Jacobian (SVD) says whether it listens to
its latents at all.

References:
    Naeem et al., "Reliable fidelity and diversity metrics for generative models", ICML 2020 (coverage).
    Kynkaanniemi et al., "Improved precision and recall metric", NeurIPS 2019 (precision).
    Friedman, Dieng, "The Vendi score", TMLR 2023 (number of kinds).
    Odena et al., "Is generator conditioning causally related to GAN performance?", ICML 2018 (its Jacobian's values).
"""

import math
from typing import NamedTuple

import numpy as np
import torch

from tussle.autodiff import array, jacobian, to_numpy
from tussle.doctor.examination import Cannot, Examination, OutOfTime
from tussle.doctor.findings import ILLNESS, NOTE, WARNING, Checked, Evidence, Finding, clear, confidence, found

NAME = "mode_collapse"
LEFT_OUT = 0.5  # of the data, of those that real data would cover: half of the modes
RISK = 0.3
POINT = 0.05  # of the data's spread: new generators have a tenth and more
LITTLE = 0.15  # the same: what is left around a single sample or two, if it is no beginning
CLUMPS = 0.35  # of the kinds that data or latents have
FEW = 85.0  # kinds of data among 512: modes, or a plane; images have hundreds
YOUNG = 0.3  # of the data's spread: new generators have up to that, and might look collapsed
STEPS, AHEAD = 30, 1000  # of training, to see whether they spread; number of the first batch
SINGLE = 1e-12  # relative spread of data that are one sample: rounding in double precision
GROWS = 1.2  # a factor of their spread in these steps: what is new spreads
MATRIX, DRAWN = 16, 0.01  # numbers of a matrix, and level of the test that it is as drawn
PRECISE = 0.5  # of the precision of real data: the fakes lie on the data
DEAF = 1e-3  # of the data's spread: how far a latent of its own size moves a sample
NEIGHBORS = 5  # as published
NEAR = 0.1  # of the data's spread: a ball is at least as large, so that fakes beside a thin mode count as there
COUNT = 512  # samples of each kind
WIDTH = 0.25  # of the similarity, in spreads
VIEW = 32  # principal axes of the data that samples are looked at in
LATENTS = 4  # at which the Jacobian is read
WIDE = 12  # random directions through which the Jacobian of wider samples is read
SOURCE = (
    f"real data cover each other; collapsed are fakes that miss {LEFT_OUT:.0%} of what they cover and are the same, "
    "clumps, or lie on the data (coverage: Naeem et al. 2020)"
)


class Diversity(NamedTuple):
    """How diverse fakes are beside real data.

    Attributes:
        missed: share of what real data cover that the fakes leave out, and its standard error.
        error: the error.
        precision: the fakes' precision over that of real data.
        spread: their spread over that of the data.
        kinds: their number of kinds over the smaller one of the data and the latents.
        counts: numbers of kinds of fakes, data and latents.
    """

    missed: float
    error: float
    precision: float
    spread: float
    kinds: float
    counts: tuple[float, float, float]


class Hearing(NamedTuple):
    """How the generator listens to its latents.

    Attributes:
        moved: root mean square move of a sample for a latent of its own size, in spreads of the data.
        error: standard error over latents.
        rank: effective number of directions, exp of the entropy of the squared singular values.
    """

    moved: float
    error: float
    rank: float


def look(exam: Examination) -> Checked:
    """Compare the diversity of fakes with that of real data."""
    if _spread(_rows(exam, exam.real)) <= SINGLE * (1 + float(np.abs(exam.real).max())):
        return clear(NAME, "the data are one and the same sample: nothing of their diversity can be lost")
    hears = hearing(exam)
    deaf = Evidence(
        "move of a sample for a latent of its own size, in spreads of the data", hears.moved, hears.error, DEAF
    )
    if hears.moved < DEAF and diversity(exam).spread < POINT:
        return found(_deaf(exam, hears, deaf))
    seen = diversity(exam)
    missed = Evidence("share of what real data cover that the fakes leave out", seen.missed, seen.error, LEFT_OUT)
    more = (
        Evidence("spread of the fakes over that of the data", seen.spread, 0.0, POINT),
        Evidence(f"kinds of fakes ({seen.counts[0]:.3g}) over those of data ({seen.counts[1]:.3g}) or latents "
                 f"({seen.counts[2]:.3g})", seen.kinds, 0.0, CLUMPS),
        Evidence("precision of the fakes over that of real data", seen.precision, 0.0, PRECISE),
        Evidence("effective rank of the generator's Jacobian", hears.rank, 0.0, 1.0),
    )  # fmt: skip
    words = f"the fakes leave out {max(seen.missed, 0):.0%} of what real data cover, with {seen.spread:.2g} of their "
    words += f"spread, {seen.kinds:.2g} of the kinds and {seen.precision:.2g} of the precision"
    why = _reasons(seen)
    if seen.missed <= RISK or not why:
        return clear(NAME, words, missed, *more)
    words, ill = f"T{words[1:]}: {why[0]}", seen.missed > LEFT_OUT
    if ill and seen.spread < YOUNG:
        ill, told = _lasting(exam)
        words += f"; {told}"
    if not ill:
        missed = Evidence(missed.what, missed.value, missed.uncertainty, RISK)
    advice = "take a paired loss (rp-logistic) with r1, smaller steps for the generator, or more for the discriminator"
    begins = not ill and seen.spread < YOUNG and as_drawn(exam)  # every generator begins so
    severity = ILLNESS if ill else NOTE if begins else WARNING
    return found(Finding(NAME, severity, confidence(missed), (missed, *more), f"{words}.", SOURCE, advice))


def _reasons(seen: Diversity) -> list[str]:
    """Return in which ways fakes that miss most of the data are collapsed, and not merely elsewhere."""
    ways = (
        ("they are all but the same", seen.spread < POINT),
        ("they differ by little", seen.spread < LITTLE),
        ("they are a few clumps", seen.kinds < CLUMPS),
        # in many dimensions a blur in the middle lies in everybody's ball
        ("they lie on the data and leave the rest out", seen.precision > PRECISE and seen.counts[1] < FEW),
    )
    return [words for words, holds in ways if holds]


def _lasting(exam: Examination) -> tuple[bool, str]:
    """Return whether fakes of so little spread are more than a beginning, and why in words."""
    if as_drawn(exam):
        return False, "the generator's weights still look as they were drawn, and it may be at its beginning"
    later, moved = after_some_steps(exam)
    if math.isnan(later):
        return False, f"no time is left to see whether {STEPS} more steps change that"
    told = f"in {STEPS} more steps they move by {moved:.2g} of the data's spread, and their own becomes {later:.2g} "
    told += "times as large"
    return later < GROWS, told


def as_drawn(exam: Examination) -> bool:
    """Say whether the generator's weights look as drawn: each matrix uniform or normal (Kolmogorov and Smirnov)."""

    def make() -> bool:
        from scipy.stats import kstest

        module = exam.patient.generator.to_module(exam.point[0])
        worst = []
        for weight in module.parameters():
            w = to_numpy(weight).astype(np.float64).ravel()
            if weight.ndim < 2 or len(w) < MATRIX or w.std() == 0.0:
                continue
            end = np.abs(w).max() * (len(w) + 1) / len(w)
            worst.append(max(kstest(w, "uniform", (-end, 2 * end)).pvalue, kstest(w / w.std(), "norm").pvalue))
        return not worst or min(worst) > DRAWN / len(worst)

    return exam.once("generator as drawn", make)


def after_some_steps(exam: Examination) -> tuple[float, float]:
    """Return by what factor the fakes' spread grows in some more steps, and how far they move in the data's spreads.

    Returns:
        nan twice where the steps do not fit into the budget.
    """

    def make() -> tuple[float, float]:
        method, point, state = exam.patient.method, exam.point, exam.patient.state
        try:
            exam.needs(2 * STEPS * exam.step_seconds, f"{STEPS} more steps")
        except OutOfTime:
            return math.nan, math.nan
        for k in range(STEPS):
            point, state, _ = method.step(point, state, exam.batch(AHEAD + k))
        point = tuple(x.detach() for x in point)
        before = _rows(exam, exam.fake[:COUNT])
        after = _rows(exam, exam.patient.fakes(len(exam.fake), exam.seed, point)[:COUNT])
        size = max(_spread(_rows(exam, exam.real)), 1e-300)
        moved = float(np.sqrt(np.square(after - before).sum(axis=1).mean())) / size
        return _spread(after) / max(_spread(before), 1e-300), moved

    return exam.once("spread after some steps", make)


def _deaf(exam: Examination, hears: Hearing, deaf: Evidence) -> Finding:
    still = shaken_move(exam) < DEAF
    words = f"The generator ignores its input: a latent of its own size moves a sample by {hears.moved:.2g} of the "
    words += "data's spread"
    words += ", with shaken parameters, too: no path leads from the latents to the samples." if still else "."
    advice = "let the latents reach the output" if still else "start the last layer at weights other than 0"
    severity = ILLNESS if still or hears.moved > 0 else WARNING
    # the number lies below what is asked for
    number = Evidence("powers of ten that the move of a sample by its latent lies below the data's spread",
                      -math.log10(max(hears.moved, 1e-12)), 0.0, -math.log10(DEAF))  # fmt: skip
    return Finding(NAME, severity, 1.0, (number, deaf), words, "a generator of one sample has one mode", advice)


# Diversity ------------------------------------------------------------------------------------------------------------


def _rows(exam: Examination, x: np.ndarray) -> np.ndarray:
    rows = x.reshape(len(x), -1).astype(np.float64)
    return rows[:, :-1] if exam.patient.classes > 1 else rows


def diversity(exam: Examination) -> Diversity:
    """Return the diversity of the fakes; shared by several checks."""
    return exam.once("diversity of the fakes", lambda: _diversity(exam))


def _diversity(exam: Examination) -> Diversity:
    real, fake = _rows(exam, exam.real), _rows(exam, exam.fake)
    count = min(len(real) // 2, len(fake), COUNT)
    if count < 4 * NEIGHBORS:
        message = f"only {len(real)} real samples were given, and {8 * NEIGHBORS} are needed"
        raise Cannot(message)
    if not np.isfinite(fake).all():
        message = "the generator's samples are not finite"
        raise Cannot(message)
    axes = axes_of(real[:COUNT])
    first, second, made = (x @ axes for x in (real[:count], real[count : 2 * count], fake[:count]))
    latents = exam.patient.game.latent.sample(np.random.default_rng(exam.seed), count).reshape(count, -1)
    cover, precise = _covered(first, made)
    cover_real, precise_real = _covered(first, second)
    ratio = cover.mean() / max(cover_real.mean(), 1e-9)
    counts = kinds(_scaled(fake[:count])), kinds(_scaled(real[:count])), kinds(_scaled(latents))
    return Diversity(
        1 - ratio,
        _error(cover, cover_real, ratio),
        float(precise.mean() / max(precise_real.mean(), 1e-9)),
        _spread(fake) / max(_spread(real), 1e-300),
        counts[0] / max(min(counts[1], counts[2]), 1.0),
        counts,
    )


def axes_of(rows: np.ndarray) -> np.ndarray:
    """Return the principal axes that samples are looked at in, as columns, from the smaller Gram matrix."""
    centered = rows - rows.mean(axis=0)
    if rows.shape[1] <= VIEW:
        return np.eye(rows.shape[1])
    if rows.shape[1] <= len(rows):
        return np.linalg.eigh(centered.T @ centered)[1][:, -VIEW:]
    values, vectors = np.linalg.eigh(centered @ centered.T)
    return centered.T @ vectors[:, -VIEW:] / np.sqrt(np.maximum(values[-VIEW:], 1e-12 * values[-1] + 1e-300))


def _error(cover: np.ndarray, whole: np.ndarray, ratio: float) -> float:
    """Return the standard error of a ratio of shares; a mode is covered or not, so parts of the samples count."""
    base = max(float(whole.mean()), 1e-9)
    spread = cover.var() / len(cover) + ratio**2 * whole.var() / len(whole)
    return math.sqrt(float(spread)) / base + 1 / len(cover)


def _spread(rows: np.ndarray) -> float:
    return float(np.sqrt(rows.var(axis=0).sum()))


def _scaled(rows: np.ndarray) -> np.ndarray:
    """Return rows with a spread of 1."""
    spread = _spread(rows)
    return (rows - rows.mean(axis=0)) / spread if spread > 1e-12 * (1 + np.abs(rows).max()) else np.zeros_like(rows)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    square = np.square(a).sum(1)[:, None] + np.square(b).sum(1)[None] - 2 * a @ b.T
    return np.sqrt(np.maximum(square, 0.0))


def _covered(real: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which real samples have one of the others in their ball, and which of the others lie in a ball."""
    own = _distances(real, real)
    np.fill_diagonal(own, np.inf)
    radius = np.maximum(np.partition(own, NEIGHBORS - 1, axis=1)[:, NEIGHBORS - 1], NEAR * _spread(real))
    inside = _distances(real, others) <= radius[:, None]
    return inside.any(axis=1).astype(float), inside.any(axis=0).astype(float)


def kinds(rows: np.ndarray) -> float:
    """Return the number of kinds among rows of spread 1: exp of the entropy of the similarities' eigenvalues.

    >>> rows = np.repeat([[1.0, 0.0], [-1.0, 0.0]], 50, axis=0)
    >>> round(kinds(rows), 2)
    2.0
    """
    similar = np.exp(-np.square(_distances(rows, rows)) / (2 * WIDTH**2)) / len(rows)
    values = np.linalg.eigvalsh(similar)
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


# The generator's Jacobian ---------------------------------------------------------------------------------------------


def hearing(exam: Examination) -> Hearing:
    """Return how the generator listens to its latents; shared by several checks."""
    return exam.once("hearing of the generator", lambda: _hearing(exam))


def _hearing(exam: Examination) -> Hearing:
    moves, ranks = [], []
    for k in range(LATENTS):
        values, move = _moves(exam, exam.point[0], k)
        moves.append(move)
        share = np.square(values) / max(float(np.square(values).sum()), 1e-300)
        share = share[share > 1e-12]
        ranks.append(float(np.exp(-(share * np.log(share)).sum())) if len(share) else 0.0)
    return Hearing(float(np.mean(moves)), float(np.std(moves, ddof=1)) / math.sqrt(LATENTS), float(np.mean(ranks)))


def shaken_move(exam: Examination) -> float:
    """Return how far a latent moves a sample where the parameters are shaken by a tenth; 0 if no path leads there."""
    theta = exam.point[0]
    noise = array(np.random.default_rng(exam.seed).standard_normal(len(theta)), theta)
    return _moves(exam, theta + 0.1 * theta.norm() / math.sqrt(len(theta)) * noise, 0)[1]


def _moves(exam: Examination, theta: torch.Tensor, which: int) -> tuple[np.ndarray, float]:
    """Return the Jacobian's singular values at a latent, and how far one of its own size moves the sample."""
    rng = np.random.default_rng(exam.seed)
    latents = exam.patient.game.latent.sample(rng, 2 * LATENTS)
    labeled = exam.patient.classes > 1
    size = _spread(latents[:, :-1] if labeled else latents.reshape(len(latents), -1))
    wide = int(np.prod(exam.fake.shape[1:])) - labeled
    view = None if wide <= WIDE else rng.standard_normal((wide, WIDE)) / math.sqrt(WIDE)
    values = np.linalg.svd(_jacobian(exam, theta, latents, which, view), compute_uv=False)
    across = math.sqrt(float(np.square(values).sum()) / max(np.size(latents[0]), 1))
    return values, across * size / max(_spread(_rows(exam, exam.real)), 1e-300)


def _jacobian(
    exam: Examination, theta: torch.Tensor, latents: np.ndarray, which: int, view: np.ndarray | None
) -> np.ndarray:
    """Return the Jacobian of one sample by its latent, others beside it for layers that look across a batch."""
    game, labeled = exam.patient.game, exam.patient.classes > 1
    order = [which, *(k for k in range(4) if k != which)]
    rest = array(latents[order[1:]], theta)
    project = None if view is None else array(view, theta)

    def sample(z: torch.Tensor) -> torch.Tensor:
        row = game.generator(theta, torch.cat([z.reshape(1, *latents.shape[1:]), rest]))[0].reshape(-1)
        row = row[:-1] if labeled else row
        return row if project is None else row @ project

    found_here = to_numpy(jacobian(sample, array(latents[which].reshape(-1), theta)))
    return found_here.astype(np.float64)
