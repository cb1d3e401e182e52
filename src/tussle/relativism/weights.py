"""Shares: how much of each player's update comes from which sample, and what the critic says of both sides.

The gradient of a critic's loss is a weighted sum of the gradients of its outputs. With r = C(x_real) and f =
C(x_fake) a real sample counts with -k dL_D/dr, a fake one with +k dL_D/df, and in the generator's step with -k
dL_G/df. For the log loss these are 1 - D(x_r), D(x_f) and (non-saturating) 1 - D(x_f).

The real share rho = a/(a + b), with a and b the mean weights on real and on fake data, is 1/2 for every loss that
ignores a constant added to all outputs. For the log loss it is 1/2 at the optimal critic, and falls as soon as the
generator answers that critic: the next step of the critic is then driven by fakes.

Reference:
    Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", ICLR 2019, 3.
"""

from typing import Any, NamedTuple

import numpy as np

from tussle.autodiff import Array, compiled, gradient, namespace, sigmoid, to_numpy
from tussle.couplings import coupled, side
from tussle.losses import Loss
from tussle.payoffs import Function
from tussle.records import record

VANISHED = 1e-3  # a weight below this sends nothing


@record
class Shares:
    """The weights of samples in the updates of both players.

    Attributes:
        real: weights of the real samples in the critic's update, (k,).
        fake: weights of the fakes in the critic's update, (l,).
        generator: weights of the fakes in the generator's update, (l,).
        real_chance: probabilities of the real samples, (k,); equal ones for a batch.
        fake_chance: the same for the fakes, (l,).
    """

    real: np.ndarray
    fake: np.ndarray
    generator: np.ndarray
    real_chance: np.ndarray
    fake_chance: np.ndarray

    @property
    def a(self) -> float:
        """The mean weight on real data."""
        return float(self.real_chance @ self.real)

    @property
    def b(self) -> float:
        """The mean weight on fakes."""
        return float(self.fake_chance @ self.fake)

    @property
    def rho(self) -> float:
        """The real share a/(a + b); nan where both vanish."""
        return self.a / (self.a + self.b) if self.a + self.b else float("nan")

    def vanished(self, below: float = VANISHED) -> float:
        """Return the share of fakes whose weight in the generator's update is below `below`."""
        return float(self.fake_chance[np.abs(self.generator) < below].sum())

    def histogram(self, bins: int = 30, lowest: float = 1e-6) -> "Histogram":
        """Return how the generator's weights are spread, on a logarithmic scale from `lowest` to the largest."""
        sizes = np.abs(self.generator)
        edges = np.geomspace(lowest, max(float(sizes.max()), 10 * lowest), bins + 1)
        edges[-1] *= 1 + 1e-12
        counted, _ = np.histogram(np.maximum(sizes, lowest), edges, weights=self.fake_chance)
        return Histogram(edges, counted, self.vanished())


@record
class Histogram:
    """How the weights of the generator's update are spread over the fakes.

    Attributes:
        edges: of the bins, (n + 1,), logarithmic; smaller weights are counted in the first bin.
        share: of the fakes, (n,).
        vanished: share of the fakes with a weight below `VANISHED`.
    """

    edges: np.ndarray
    share: np.ndarray
    vanished: float


class Outputs(NamedTuple):
    """The critic's outputs on both sides, float64, with their probabilities or None."""

    real: Array
    fake: Array
    real_weights: Array | None
    fake_weights: Array | None


def outputs(real: Any, fake: Any, real_weights: Any = None, fake_weights: Any = None) -> Outputs:
    """Return outputs of any engine as NumPy arrays."""
    return Outputs(*(None if y is None else _plain(y) for y in (real, fake, real_weights, fake_weights)))


def _plain(y: Any) -> np.ndarray:
    if isinstance(y, (list, tuple)):
        return np.asarray(y, dtype=np.float64)
    xp = namespace(y)
    halves = xp.isdtype(y.dtype, "real floating") and xp.finfo(y.dtype).bits < 32
    return to_numpy(xp.astype(y, xp.float32) if halves else y).astype(np.float64)


def shares(loss: Loss, real: Any, fake: Any, real_weights: Any = None, fake_weights: Any = None) -> Shares:
    """Return the weight of each sample in the updates of both players, -k dL_D/dr, k dL_D/df and -k dL_G/df.

    Args:
        loss: the loss.
        real: the critic's outputs on real data, (k,), of any engine.
        fake: its outputs on fakes, (l,).
        real_weights: probabilities of the real outputs, or None for a batch.
        fake_weights: the same for the fakes.

    Returns:
        the weights.

    >>> from tussle.losses import loss
    >>> found = shares(loss("minimax"), [2.0, 2.0], [-2.0, 2.0])
    >>> round(found.a, 6), round(found.b, 6), round(found.rho, 6)
    (0.119203, 0.5, 0.192509)
    """
    y = outputs(real, fake, real_weights, fake_weights)
    return shares_of(y, measured(loss, y))


class Measured(NamedTuple):
    """What one compiled pass reads: slopes of both players, beliefs, and the critic's loss."""

    on_real: Array
    on_fake: Array
    moved: Array
    says: tuple[Array, Array]
    value: Array


@compiled
def measured(loss: Loss, y: Outputs) -> Measured:
    """Return what is to be known of a loss at some outputs; compiled once for each loss and size."""
    weights = y.real_weights, y.fake_weights
    return Measured(
        gradient(lambda r: loss.critic(r, y.fake, *weights), y.real),
        gradient(lambda f: loss.critic(y.real, f, *weights), y.fake),
        gradient(lambda f: loss.generator(y.real, f, *weights), y.fake),
        beliefs(loss, *y),
        loss.critic(y.real, y.fake, *weights),
    )


def shares_of(y: Outputs, found: Measured) -> Shares:
    """Return the weights that slopes stand for."""
    real, fake = _chances(y.real_weights, len(y.real)), _chances(y.fake_weights, len(y.fake))
    slopes = (to_numpy(x) for x in found[:3])
    on_real, on_fake, moved = (_each(x, chance) for x, chance in zip(slopes, (real, fake, fake), strict=True))
    return Shares(-on_real, on_fake, -moved, real, fake)


def _chances(weights: Array | None, count: int) -> np.ndarray:
    return np.full(count, 1.0 / count) if weights is None else np.asarray(weights)


def _each(slope: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Divide slopes by probabilities; a sample that never comes has no weight."""
    return np.where(chance > 0, slope, 0.0) / np.where(chance > 0, chance, 1.0)


def beliefs(
    loss: Loss, real: Array, fake: Array, real_weights: Array | None = None, fake_weights: Array | None = None
) -> tuple[Array, Array]:
    """Return E D on real data and on fakes, D = sigma of what the loss's payoffs are read at.

    That is D(x) = sigma(C(x)) for a plain loss, D(x_r, x_f) = sigma(r - f) for a paired one, sigma(r - E f) and
    sigma(f - E r) for an average one, sigma(r - c) and sigma(f - c) for a centered one. For least squares, hinges
    and integral probability metrics it is a number without a meaning.

    Args:
        loss: the loss.
        real: outputs on real data, (k,).
        fake: outputs on fakes, (l,).
        real_weights: probabilities, or None.
        fake_weights: probabilities, or None.

    Returns:
        two scalars of the engine.
    """
    r, f = side("real", real, real_weights), side("fake", fake, fake_weights)
    coupling = "average" if loss.coupling == "one_sided" else loss.coupling
    says, nothing = Function(sigmoid), Function(_zero)
    on_real = coupled(coupling, loss.pairing, says, nothing, r, f)
    return on_real, coupled(coupling, loss.pairing, nothing, says, r, f)


def _zero(y: Array) -> Array:
    return namespace(y).zeros_like(y)


def kappa(loss: Loss, real: Any, fake: Any, real_weights: Any = None, fake_weights: Any = None) -> float:
    """Return the calibration E_p D + E_q D - 1, zero at any optimal critic of the log loss.

    After a non-saturating step against that critic it is above zero: half of what the critic sees is fake, and it
    says so no more. For a paired loss it is zero always, D(a, b) + D(b, a) = 1.

    Args:
        loss: the loss; read it for log losses only.
        real: outputs on real data, (k,), of any engine.
        fake: outputs on fakes, (l,).
        real_weights: probabilities, or None.
        fake_weights: probabilities, or None.

    Returns:
        the residual.

    >>> from tussle.losses import loss
    >>> kappa(loss("minimax"), [0.0, 0.0], [0.0]), round(kappa(loss("rp-logistic"), [3.0], [1.0]), 12)
    (0.0, 0.0)
    """
    says = measured(loss, outputs(real, fake, real_weights, fake_weights)).says
    return float(says[0] + says[1]) - 1.0
