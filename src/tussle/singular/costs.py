r"""Three costs of a discriminator D against data P_r and a generator G, and their estimates from samples.

    value   V(D) = E log D(x) + E log(1 - D(G(z)))           D maximizes; at most 0
    mao     E (1 - D(x))^2 + E D(G(z))^2                     D minimizes; at least 0
    paper   E D(x)^2 + E (1 - D(G(z)))^2                     D maximizes; at most 2

with log 0 = -inf. Where P_g is singular to P_r, all three extremes belong to the measurable D = 1 off the support of
P_g and 0 on it, and to no continuous D.
"""

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from tussle import checks
from tussle.analysis import plain
from tussle.records import record, static
from tussle.singular.curves import AbstractCurve, Line

CHUNK = 1 << 17  # samples held in memory at a time
FEW = 30  # fewer samples than these near the curve say nothing


@record
class Costs:
    """The three costs of one discriminator.

    Attributes:
        value: the log-GAN value V.
        mao: the label cost of Mao et al. with labels 0 and 1.
        paper: the squared cost of the low-dimensional least-squares GAN.
    """

    value: float
    mao: float
    paper: float

    def to_json(self) -> dict[str, Any]:
        """Return the costs as JSON knows them: infinities and nan as strings."""
        return plain({"value": self.value, "mao": self.mao, "paper": self.paper})


UNATTAINED = Costs(0.0, 0.0, 2.0)  # sup, inf and sup over all continuous D: approached, never reached


@record
class SampledCosts:
    """The three costs from samples, with their standard errors.

    Attributes:
        mean: the estimates.
        error: their standard errors; nan where an estimate is infinite.
        near: data samples with D < 0.99: those that see that there is a curve.
        samples: of the data, and as many of the latent.
    """

    mean: Costs
    error: Costs
    near: int
    samples: int

    @property
    def informative(self) -> bool:
        """Whether enough samples fell near the curve; otherwise the standard errors are too small to believe."""
        return self.near >= FEW

    def to_json(self) -> dict[str, Any]:
        """Return means and errors by name."""
        found: dict[str, Any] = {"mean": self.mean.to_json(), "error": self.error.to_json()}
        return {**found, "near": self.near, "informative": self.informative, "samples": self.samples}


class AbstractDiscriminator(Protocol):
    """What a discriminator of the square must offer."""

    def logs(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log D and log(1 - D) at points (n, 2), shape (n,) each; -inf where D is 0 or 1."""
        ...


@record
class Constant:
    """The same D everywhere; `Constant(1.0)` is p_r / (p_r + 0), what the formula says of a P_g without density."""

    probability: float = static(default=1.0)

    def __post_init__(self) -> None:
        """Check the probability."""
        if not 0 <= checks.number("probability", self.probability) <= 1:
            message = f"`probability` is {self.probability}; it must lie between 0 and 1; give such a number."
            raise ValueError(message)

    def logs(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log D and log(1 - D)."""
        return logs_of(np.full(len(points), float(self.probability)))

    def exact(self) -> Costs:
        """Return the three costs."""
        d = float(self.probability)
        value = -math.inf if d in (0.0, 1.0) else math.log(d) + math.log1p(-d)
        return Costs(value, (1 - d) ** 2 + d * d, d * d + (1 - d) ** 2)


@record
class Measurable:
    """D = 1 off a curve and 0 on it: the Radon-Nikodym derivative dP_r / d(P_r + P_g), which is not continuous."""

    curve: AbstractCurve = static(default=Line())

    def logs(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log D and log(1 - D)."""
        return logs_of(np.where(self.curve.contains(points), 0.0, 1.0))

    def exact(self) -> Costs:
        """Return the three costs, the extremes."""
        return UNATTAINED


@record
class Plain:
    """A discriminator from a function of points (n, 2) that returns probabilities (n,)."""

    function: Callable[[np.ndarray], Any] = static()

    def logs(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log D and log(1 - D).

        Raises:
            ValueError: if a probability is not one.
        """
        found = np.asarray(self.function(points), dtype=np.float64).reshape(-1)
        if found.shape != (len(points),) or not np.all((found >= 0) & (found <= 1)):
            message = f"`function` returned {found.size} number(s) for {len(points)} points, or some outside [0, 1]; "
            message += "it must return one probability for each point; put a sigmoid at its end."
            raise ValueError(message)
        return logs_of(found)


def logs_of(probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log D and log(1 - D), with log 0 = -inf and no warning."""
    with np.errstate(divide="ignore"):
        return np.log(probability), np.log1p(-probability)


# Samples ---------------------------------------------------------------------------------------------------------


def sampled_costs(
    discriminator: AbstractDiscriminator, curve: AbstractCurve | None = None, *, samples: int = 100_000, seed: Any = 0
) -> SampledCosts:
    """Estimate the three costs from samples of the data (uniform on the square) and of the latent (uniform).

    Args:
        discriminator: what has `logs`; wrap a function of your own in `Plain`.
        curve: the generator; the line G(z) = (z, 1/2) by default.
        samples: of the data and of the latent, at least 2.
        seed: a whole number, or a tuple of these.

    Returns:
        means with standard errors; a value of -inf where the discriminator is certain and wrong.

    Example:
        >>> from tussle.singular import Tube, sampled_costs
        >>> found = sampled_costs(Tube(0.1), samples=20_000, seed=1)
        >>> abs(found.mean.value + 0.654825247590) < 4 * found.error.value
        True
    """
    samples, curve = checks.count("samples", samples, 2), Line() if curve is None else curve
    seeds = [checks.count("seed", s, 0) for s in (seed if isinstance(seed, tuple) else (seed,))]
    rng, near, sums = np.random.default_rng(seeds), 0, np.zeros((2, 3, 2))
    for start in range(0, samples, CHUNK):
        count = min(CHUNK, samples - start)
        real = discriminator.logs(rng.random((count, 2)))
        fake = discriminator.logs(curve.points(rng.random(count)))
        near += int(np.sum(real[0] < math.log(0.99)))
        sums += [_moments(_terms(*real)), _moments(_terms(*fake[::-1]))]
    return SampledCosts(*_summary(sums, samples), near, samples)


def _terms(right: np.ndarray, wrong: np.ndarray) -> list[np.ndarray]:
    """Return the terms of the three costs from the log probabilities of the right and of the wrong answer."""
    return [right, np.exp(2 * wrong), np.exp(2 * right)]


def _moments(terms: list[np.ndarray]) -> list[tuple[float, float]]:
    """Return sum and sum of squares of each term."""
    return [(float(np.sum(t)), float(np.sum(t * t))) for t in terms]


def _summary(sums: np.ndarray, n: int) -> tuple[Costs, Costs]:
    mean, square = sums[..., 0] / n, sums[..., 1] / n
    finite = np.isfinite(mean)
    spread = np.where(finite, square, np.nan) - np.where(finite, mean, 0.0) ** 2
    error = np.sqrt(np.maximum(spread, 0.0) * n / (n - 1) / n)  # maximum keeps the nan of an infinite mean
    total = mean.sum(axis=0)
    return Costs(*(float(t) for t in total)), Costs(*(float(e) for e in np.hypot(*error)))
