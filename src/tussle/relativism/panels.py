"""Panels: the expected output of the critic while a generator learns, in the three ways of the relativistic paper.

A  the divergence itself is minimized, the critic optimal at all times: E_p D falls and E_q D rises, both to 1/2,
   exactly 1/2 + Delta/4 and 1/2 - Delta/4 with Delta = int (p - q)^2/(p + q).
B  the generator of the standard loss steps against a frozen critic: E_p D stays where it is, E_q D rises to 1.
C  the same step under a relativistic loss: E D(x_r, x_f) falls as E D(x_f, x_r) rises, their sum near 1.

References:
    Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", ICLR 2019, fig. 1.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tussle import checks
from tussle.laws import AbstractLaw, Located, composite
from tussle.losses import Loss
from tussle.records import record, static
from tussle.relativism.critics import Affine, fit
from tussle.relativism.frozen import PANELS, STANDARD, Reading, as_critic, laboratory, read, read_many

FLAT = 1e-9  # a curve that moves less than this is flat


@record
class Panel:
    """What a critic says while the generator moves.

    Attributes:
        theta: where the generator is, (n,).
        real: E D on real data, (n,).
        fake: E D on fakes, (n,).
        a: mean weight on real data in the critic's update, (n,).
        b: mean weight on fakes in the critic's update, (n,).
        name: of the loss, or of the divergence.
        critic: `optimal` or `frozen`.
    """

    theta: np.ndarray
    real: np.ndarray
    fake: np.ndarray
    a: np.ndarray
    b: np.ndarray
    name: str = static(default="")
    critic: str = static(default="frozen")

    @property
    def kappa(self) -> np.ndarray:
        """E_p D + E_q D - 1."""
        return self.real + self.fake - 1.0

    @property
    def rho(self) -> np.ndarray:
        """The real share a/(a + b)."""
        with np.errstate(invalid="ignore"):
            return self.a / (self.a + self.b)

    @property
    def trend(self) -> float:
        """The rank correlation of E D on fakes with E D on real data."""
        return trend(self.real, self.fake)


@record
class Optimum:
    """The optimal critic of the log loss between two laws.

    Attributes:
        real: E_p D*.
        fake: E_q D*.
        delta: int (p - q)^2/(p + q).
        js: the Jensen-Shannon divergence.
        error: standard errors of the first two; 0 where the expectations are exact.
    """

    real: float
    fake: float
    delta: float
    js: float
    error: tuple[float, float] = (0.0, 0.0)


def optimum(p: AbstractLaw, q: AbstractLaw, *, count: int | None = None, seed: int = 0) -> Optimum:
    """Return what the optimal critic D* = p/(p + q) says of both laws.

    Args:
        p: law of the data.
        q: law of the fakes.
        count: samples of each, or None for exact expectations (one dimension: panels; more: the laws' own nodes).
        seed: of the samples.

    Returns:
        the optimum.

    >>> from tussle.laws import Normal
    >>> found = optimum(Normal(0.0), Normal(3.0))
    >>> [round(x, 5) for x in (found.real, found.fake, found.delta, found.js)]
    [0.90138, 0.09862, 1.60551, 0.52678]
    """
    rng = np.random.default_rng(seed)
    means, errors = [], []
    for law in (p, q):
        x, weights = _points(law, (p, q), count, rng)
        ratio = p.log_density(x) - q.log_density(x)
        chance = np.exp(-np.logaddexp(0.0, -ratio))
        said = chance, np.tanh(ratio / 2), -np.logaddexp(0.0, -ratio if law is p else ratio)
        means.append([float(weights @ y) for y in said])
        errors.append(0.0 if count is None else float(chance.std(ddof=1) / np.sqrt(count)))
    (real, up, first), (fake, down, second) = means
    return Optimum(real, fake, up - down, math.log(2.0) + (first + second) / 2, (errors[0], errors[1]))


def _points(law: Any, both: Any, count: int | None, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    if count is not None:
        count = checks.count("count", count, 2)
        return law.sample(rng, count), np.full(count, 1.0 / count)
    edges = [b for other in both for b in other.breaks] if law.dimension == 1 else []
    nodes = composite(law, 2 * PANELS, 16, edges) if law.dimension == 1 else law.nodes()
    return nodes.points, np.asarray(nodes.weights)


def optimal_panel(
    values: Sequence[float],
    *,
    real: AbstractLaw = STANDARD,
    noise: AbstractLaw = STANDARD,
    count: int | None = None,
    seed: int = 0,
) -> Panel:
    """Return panel A: E D* for fakes theta + noise at each theta of `values`.

    Args:
        values: places of the generator.
        real: law of the data.
        noise: law of the noise, in one dimension.
        count: samples, or None for exact expectations.
        seed: of the samples.

    Returns:
        the panel; its weights are a = 1 - E_p D* and b = E_q D*.

    >>> panel = optimal_panel([6.0, 1.0])
    >>> print(panel.real.round(5), panel.fake.round(5))
    [0.99792 0.60203] [0.00208 0.39797]
    """
    places = np.asarray(values, dtype=np.float64)
    found = [optimum(real, Located(noise, float(t)), count=count, seed=seed) for t in places]
    on_real, on_fake = (np.array([getattr(o, side) for o in found]) for side in ("real", "fake"))
    return Panel(places, on_real, on_fake, 1.0 - on_real, on_fake, "divergence", "optimal")


def moved_panel(
    loss: Loss,
    values: Sequence[float],
    *,
    critic: Any = None,
    real: AbstractLaw = STANDARD,
    noise: AbstractLaw = STANDARD,
    count: int | None = None,
    seed: int = 0,
) -> Panel:
    """Return what a frozen critic says, and the weights of its next update, with the generator at given places.

    Args:
        loss: the loss.
        values: places of the generator.
        critic: from points (n,) to outputs; by default the log ratio of N(0, 1) and N(values[0], 1).
        real: law of the data.
        noise: law of the noise.
        count: samples, or None for exact expectations.
        seed: of the samples.

    Returns:
        the panel.

    >>> from tussle.losses import loss
    >>> print(moved_panel(loss("minimax"), [3.0, 1.5, 0.0]).rho.round(4))
    [0.5    0.1647 0.0986]
    """
    places = np.asarray(values, dtype=np.float64)
    s = laboratory(real, noise, count, seed)
    return _panel(loss, places, read_many(loss, as_critic(critic, float(places[0])), places, s), "frozen")


def generator_panel(
    loss: Loss,
    *,
    start: float = 3.0,
    lr: float = 0.05,
    steps: int = 100,
    critic: Any = "frozen",
    real: AbstractLaw = STANDARD,
    noise: AbstractLaw = STANDARD,
    count: int | None = None,
    seed: int = 0,
) -> Panel:
    """Return panel B or C: the generator steps down its own loss, theta - lr dL_G/dtheta.

    Args:
        loss: the loss; a plain one gives panel B, a relativistic one panel C.
        start: where the generator begins.
        lr: length of a step.
        steps: how many.
        critic: `frozen`: the log ratio of N(0, 1) and N(start, 1), kept; `optimal`: the best affine critic of the
            loss, found anew before each step; or a function of points (n,), kept.
        real: law of the data.
        noise: law of the noise.
        count: samples, or None for exact expectations.
        seed: of the samples.

    Returns:
        the panel, with steps + 1 places.

    >>> from tussle.losses import loss
    >>> panel = generator_panel(loss("nonsaturating"), steps=20)
    >>> print(panel.real[[0, -1]].round(6), bool(panel.fake[-1] > 0.6))
    [0.901379 0.901379] True
    """
    checks.positive("lr", lr)
    checks.count("steps", steps, 0)
    fitted = isinstance(critic, str) and checks.choice("critic", critic, ("frozen", "optimal")) == "optimal"
    s = laboratory(real, noise, count, seed)
    theta, found, places = float(start), [], []
    made: Any = Affine(0.0, 0.0) if fitted else as_critic(None if isinstance(critic, str) else critic, theta)
    for _ in range(steps + 1):
        if fitted:
            made = fit(loss, s._replace(fake=s.fake + theta), made)
        found.append([float(x) for x in read(loss, made, theta, s)])
        places.append(theta)
        theta -= lr * found[-1][Reading._fields.index("gradient")]
    return _panel(loss, np.array(places), Reading(*np.array(found).T), "optimal" if fitted else "frozen")


def trend(real: Any, fake: Any) -> float:
    """Return Spearman's rank correlation of E D on fakes with E D on real data over a run.

    Relativistic losses bind the two: it is near -1. A standard critic answers each separately: near 0, or above.

    Args:
        real: E D on real data at each step, (n,).
        fake: E D on fakes, (n,).

    Returns:
        a number from -1 to 1; 0 if one of the two does not move.

    Raises:
        ValueError: if the two are not of one length of at least 2.

    >>> trend([0.9, 0.8, 0.7], [0.1, 0.15, 0.3]), trend([0.9, 0.9, 0.9], [0.1, 0.5, 0.9])
    (-1.0, 0.0)
    """
    from scipy.stats import spearmanr

    first, second = (np.asarray(x, dtype=np.float64) for x in (real, fake))
    if first.ndim != 1 or first.shape != second.shape or len(first) < 2:
        message = f"`fake` has shape {second.shape} and `real` {first.shape}; a trend is of two series of one length, "
        message += "at least 2; give these."
        raise ValueError(message)
    if np.ptp(first) < FLAT or np.ptp(second) < FLAT:
        return 0.0
    found: Any = spearmanr(first, second)
    return float(found.statistic)


def _panel(loss: Loss, places: np.ndarray, found: Reading, critic: str) -> Panel:
    return Panel(places, found.real, found.fake, found.a, found.b, loss.name, critic)
