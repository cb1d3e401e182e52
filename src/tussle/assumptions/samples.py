"""Relaxing enough data: what two samples of one and the same law say of their distance.

Strong classes of critics tell samples apart that come of one law, the stronger the more dimensions there are; weak ones
do not. All that is drawn here is drawn from N(0, I_d/d), whose points are sqrt(2) apart in high dimension, or from a
finite law.

References:
    Arora, Ge, Liang, Ma, Zhang, "Generalization and equilibrium in generative adversarial nets", ICML 2017.
    Arora, Risteski, Zhang, "Do GANs learn the distribution? Some theory and empirics", ICLR 2018 (the birthday test).
    del Barrio, Gine, Matran, Annals of Probability 27, 1999 (W1 of samples on a line).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tussle import checks
from tussle.assumptions.experiments import Experiment, Value
from tussle.divergences import divergence
from tussle.divergences.kernels import Kernel, between_points, unbiased
from tussle.divergences.transport import exact
from tussle.laws import Normal
from tussle.laws.base import AbstractLaw, check_one_dimension
from tussle.measures import Atoms


def _pairs(d: int, n: int, repeats: int, seed: int) -> Any:
    """Draw pairs of n-samples of N(0, I_d/d); the k-th pair depends on all numbers alone."""
    for k in range(repeats):
        rng = np.random.default_rng((seed, d, n, k))
        yield rng.standard_normal((2, n, d)) / math.sqrt(d)


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard error."""
    found = np.asarray(values, dtype=np.float64)
    return float(found.mean()), float(found.std(ddof=1) / math.sqrt(len(found)))


# Transport and linear critics ---------------------------------------------------------------------------------------


def transport(
    dimensions: Sequence[int] = (1, 2, 10, 50, 200),
    counts: Sequence[int] = (50, 200, 800),
    repeats: int = 3,
    seed: int = 0,
) -> Experiment:
    """Return W1, the linear IPM and JS of two samples of one law, N(0, I_d/d).

    The linear class {w . x, |w| <= 1} has the IPM |mean - mean'|, whose expectation is exact:
    sqrt(2/n) sqrt(2/d) Gamma((d+1)/2)/Gamma(d/2).

    Args:
        dimensions: d.
        counts: n points in each sample.
        repeats: independent pairs of samples, 2 or more.
        seed: of all that is drawn.

    >>> round(linear(10, 50), 4)
    0.1951
    """
    checks.count("repeats", repeats, 2)
    rows: list[tuple[Value, ...]] = []
    for d in dimensions:
        for n in counts:
            checks.count("dimensions", d)
            checks.count("counts", n, 2)
            rows.append(_transport_row(d, n, repeats, seed))
    notes = (
        f"Mean of {repeats} pairs of samples with its standard error; the true distance is 0.",
        "JS of the two samples themselves: they share no point, so that it is log 2 almost surely, for any n.",
    )
    columns = ("d", "n", "W1", "W1 error", "linear IPM", "IPM error", "linear IPM expected", "JS")
    title = "Two samples of one law, N(0, I/d): what critics make of them"
    return Experiment("transport", title, (6,), columns, tuple(rows), notes, _transport_sentence(rows))


def _transport_row(d: int, n: int, repeats: int, seed: int) -> tuple[Value, ...]:
    share = np.full(n, 1.0 / n)
    far, means, apart = [], [], []
    for x, y in _pairs(d, n, repeats, seed):
        far.append(exact(x, share, y, share))
        means.append(float(np.linalg.norm(x.mean(axis=0) - y.mean(axis=0))))
        apart.append(divergence("js", Atoms(x), Atoms(y), route="closed").value)
    return (d, n, *_mean(far), *_mean(means), linear(d, n), float(np.mean(apart)))


def linear(d: int, n: int) -> float:
    """Return the expectation of |mean - mean'| of two n-samples of N(0, I_d/d)."""
    return math.sqrt(2 / n) * math.sqrt(2 / d) * math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))


def _transport_sentence(rows: list[tuple[Value, ...]]) -> str:
    d = max(int(row[0]) for row in rows)
    own = sorted((int(row[1]), float(row[2]), float(row[4])) for row in rows if row[0] == d)
    (few, far, weak), (many, later, weaker) = own[0], own[-1]
    return (
        f"From {few} to {many} points in {d} dimensions W1 between samples of one law falls from {far:.3f} to "
        f"{later:.3f} and the linear IPM from {weak:.3f} to {weaker:.3f}: weak critics generalize, strong ones do not."
    )


# On a line ----------------------------------------------------------------------------------------------------------


def expected_w1(law: AbstractLaw, n: int) -> float:
    """Return the limit of E W1 of two n-samples of a law on a line, (2/sqrt(pi n)) int sqrt(F (1 - F)).

    F_n - G_n at a point has the variance 2 F (1 - F)/n; as n grows it becomes normal, whose mean modulus this is.

    Args:
        law: of one dimension.
        n: points in each sample.

    >>> round(expected_w1(Normal(0, 1), 1000), 5)
    0.05762
    """
    from scipy.integrate import quad

    check_one_dimension(law)
    low, high = (float(v[0]) for v in law.window)

    def height(x: float) -> float:
        below = float(law.cdf(np.array(x)))
        return math.sqrt(max(below * (1 - below), 0.0))

    cuts = [b for b in law.breaks if low < b < high]
    total, _ = quad(height, low, high, points=cuts or None, limit=200)
    return 2 / math.sqrt(math.pi * checks.count("n", n)) * float(total)


def mean_w1(n: int) -> float:
    """Return E W1 of two n-samples of N(0, 1), exactly.

    At a point the two counts differ by a walk S_n of n steps +-1, each with probability F (1 - F), and its mean modulus
    is (1/pi) int_0^pi (1 - phi^n)/(1 - cos t) dt, phi = 1 - 2 F (1 - F) (1 - cos t): a trigonometric polynomial.

    Args:
        n: points in each sample.

    >>> mean_w1(1) * math.sqrt(math.pi) / 2
    1.0
    """
    from scipy.special import ndtr

    angles = (np.arange(checks.count("n", n)) + 0.5) * math.pi / n  # exact for degrees below 2n
    bend = 2 * np.sin(angles / 2) ** 2
    x = np.linspace(-9.0, 9.0, 361)
    spread = 2 * ndtr(x) * ndtr(-x)
    moduli = [float(np.mean(-np.expm1(n * np.log1p(-s * bend)) / bend)) for s in spread]
    return float(np.sum(moduli)) * float(x[1] - x[0]) / n


def line(counts: Sequence[int] = (10, 100, 1000), repeats: int = 400, seed: int = 0) -> Experiment:
    """Return W1 of two samples of N(0, 1) against its expectation and the limit for many points.

    Args:
        counts: n points in each sample.
        repeats: independent pairs, 2 or more.
        seed: of all that is drawn.
    """
    checks.count("repeats", repeats, 2)
    rows: list[tuple[Value, ...]] = []
    law = Normal(0.0, 1.0)
    for n in counts:
        checks.count("counts", n, 2)
        drawn = np.random.default_rng((seed, n)).standard_normal((2, repeats, n))
        x, y = np.sort(drawn, axis=2)
        rows.append((n, expected_w1(law, n), mean_w1(n), *_mean(np.abs(x - y).mean(axis=1).tolist())))
    notes = (
        f"Mean of {repeats} pairs of samples of N(0, 1) with its standard error.",
        "The limit is (2/sqrt(pi n)) int sqrt(F (1 - F)), for which the counts are taken for normal.",
    )
    columns = ("n", "W1 limit", "W1 expected", "W1 measured", "error")
    sentence = (
        f"On a line W1 between two samples of {rows[-1][0]} points is {rows[-1][3]:.5f} where {rows[-1][2]:.5f} is "
        f"expected and {rows[-1][1]:.5f} is the limit, which falls as 1/sqrt(n)."
    )
    title = "W1 of two samples of N(0, 1) and its expectation"
    return Experiment("line", title, (6,), columns, tuple(rows), notes, sentence)


# Kernels ------------------------------------------------------------------------------------------------------------


def discrepancy(
    dimension: int = 10,
    counts: Sequence[int] = (10, 50, 200),
    repeats: int = 200,
    bandwidth: float = 1.0,
    seed: int = 0,
) -> Experiment:
    """Return the unbiased and the biased MMD^2 of two samples of one law, N(0, I_d/d).

    The biased one, that of the two samples as measures, has the expectation (2/n)(1 - E k), with the Gaussian kernel
    E k = (1 + 2/(d h^2))^(-d/2).

    Args:
        dimension: d.
        counts: n points in each sample.
        repeats: independent pairs, 2 or more.
        bandwidth: h.
        seed: of all that is drawn.
    """
    checks.count("dimension", dimension)
    checks.count("repeats", repeats, 2)
    kernel = Kernel("gaussian", float(checks.positive("bandwidth", bandwidth)))
    own = (1 + 2 / (dimension * bandwidth**2)) ** (-dimension / 2)
    rows: list[tuple[Value, ...]] = []
    for n in counts:
        checks.count("counts", n, 2)
        found = [_discrepancies(kernel, x, y) for x, y in _pairs(dimension, n, repeats, seed)]
        free, biased = (_mean([f[k] for f in found]) for k in range(2))
        below = float(np.mean([f[0] < 0 for f in found]))
        rows.append((n, *free, below, *biased, 2 / n * (1 - own)))
    notes = (
        f"Mean of {repeats} pairs of samples with its standard error; Gaussian kernel, bandwidth {bandwidth:g}.",
        "An unbiased estimate of 0 must fall below 0 now and then.",
    )
    columns = ("n", "unbiased MMD2", "error", "share below 0", "biased MMD2", "biased error", "bias expected")
    worst = max(abs(float(row[1])) / float(row[2]) for row in rows)
    sentence = (
        f"Unbiased MMD2 between samples of one law is 0 to within {worst:.1f} standard errors at every n, while the "
        f"biased one is {float(rows[0][4]):.3g} at n = {rows[0][0]}, as its bias says."
    )
    title = f"MMD2 between two samples of one law in {dimension} dimensions"
    return Experiment("discrepancy", title, (6,), columns, tuple(rows), notes, sentence)


def _discrepancies(kernel: Kernel, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    free = unbiased(kernel, x, y).value
    share = np.full(len(x), 1.0 / len(x))
    return free, between_points(kernel, x, share, y, share)[0]


# Birthdays ----------------------------------------------------------------------------------------------------------


def collisions(batch: np.ndarray) -> int:
    """Return the number of pairs of equal entries in a batch of outcomes.

    >>> collisions(np.array([3, 1, 3, 3]))
    3
    """
    counts = np.unique(batch, return_counts=True)[1]
    return int(np.sum(counts * (counts - 1)) // 2)


def duplicate_probability(masses: np.ndarray, size: int) -> float:
    """Return the probability that a batch of a finite law holds an outcome twice.

    The batch has none with the probability size! e_size(p), the elementary symmetric polynomial of the masses.

    Args:
        masses: p, (N,).
        size: of the batch.

    >>> round(duplicate_probability(np.full(365, 1 / 365), 23), 4)
    0.5073
    """
    return float(1 - _free(masses, checks.count("size", size))[size])


def _free(masses: np.ndarray, most: int) -> np.ndarray:
    """Return the probabilities k! e_k that batches of 0 to `most` outcomes hold none twice."""
    free, k = np.zeros(most + 1), np.arange(1, most + 1)
    free[0] = 1.0
    for mass in np.asarray(masses, dtype=np.float64):
        free[1:] += mass * k * free[:-1]
    return free


def birthday(
    supports: Sequence[int] = (100, 1000, 10000), batches: int = 1000, seed: int = 0, exponent: float = 1.0
) -> Experiment:
    """Return what duplicates in batches say of the size of a finite law's support, where it is known.

    A batch of s outcomes has on average s(s-1)/2 sum p^2 equal pairs, so that s(s-1)/(2 pairs) estimates 1/sum p^2: the
    size N of the support of equal masses, and less than it of unequal ones.

    Args:
        supports: N.
        batches: that are drawn, 2 or more.
        seed: of all that is drawn.
        exponent: the unequal masses are 1/k^exponent, k = 1 to N.
    """
    checks.count("batches", batches, 2)
    checks.nonnegative("exponent", exponent)
    rows: list[tuple[Value, ...]] = []
    for n in supports:
        checks.count("supports", n, 2)
        tilted = np.arange(1.0, n + 1) ** -float(exponent)
        for kind, masses in (("equal", np.full(n, 1.0 / n)), ("unequal", tilted / tilted.sum())):
            rows.append(_birthday_row(kind, masses, batches, seed))
    notes = (
        "s is the smallest batch in which a duplicate is more likely than not; all masses are known.",
        "The estimate s(s-1)/(2 pairs) is of 1/sum p^2, which is N where all masses are equal, and less elsewhere.",
    )
    columns = (
        "masses", "N", "1/sum p^2", "s", "duplicate expected", "duplicate measured", "estimate", "estimate error",
        "s^2/N",
    )  # fmt: skip
    equal = [row for row in rows if row[0] == "equal"]
    low, high = (f(float(row[8]) for row in equal) for f in (min, max))
    sentence = (
        f"Duplicates become likely in batches of s with s^2 from {low:.2f} N to {high:.2f} N where all N outcomes are "
        "equally likely, so that they tell a support of order s^2; unequal masses make it look smaller."
    )
    title = "Duplicates in a batch and the size of the support"
    return Experiment("birthday", title, (6,), columns, tuple(rows), notes, sentence)


def _birthday_row(kind: str, masses: np.ndarray, batches: int, seed: int) -> tuple[Value, ...]:
    n, size = len(masses), smallest_batch(masses)
    rng = np.random.default_rng((seed, n, len(kind)))
    drawn = rng.choice(n, size=(batches, size), p=masses)
    pairs = np.array([collisions(batch) for batch in drawn])
    mean, error = _mean(pairs.tolist())
    estimate = size * (size - 1) / (2 * mean) if mean else math.inf
    return (
        kind, n, float(1 / np.sum(masses**2)), size, duplicate_probability(masses, size), float(np.mean(pairs > 0)),
        estimate, estimate * error / mean if mean else math.inf, size**2 / n,
    )  # fmt: skip


def smallest_batch(masses: np.ndarray) -> int:
    """Return the smallest batch in which a duplicate is more likely than not.

    >>> smallest_batch(np.full(365, 1 / 365))
    23
    """
    return int(np.argmax(_free(masses, int(3 * math.sqrt(len(masses))) + 3) < 0.5))
