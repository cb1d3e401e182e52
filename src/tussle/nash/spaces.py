"""The ideal GAN on a finite space: the critic gives each point any output, the generator any law.

At a constant critic the generator is indifferent: every law costs it the same. With the real law opposite, that is a
Nash equilibrium of every loss whose optimal critic is constant where the laws agree, and there is no force that leads
the generator back to it: the root of cycling.

Reference:
    Goodfellow et al., "Generative adversarial nets", NIPS 2014, section 4.
"""

from typing import Any

import numpy as np

from tussle import checks
from tussle.analysis import plain
from tussle.autodiff import array, float64
from tussle.critics.finite import is_linear, optimal_critic
from tussle.critics.kinds import resolved
from tussle.critics.masses import probabilities
from tussle.losses import Loss
from tussle.nash.deviations import Deviation, NashCheck
from tussle.records import record, static

PLAYERS = ("generator", "discriminator")
FAR = 700.0  # stands for an infinite output
LINEAR = ("plain", "paired")  # couplings under which the generator's loss is linear in its law


@record
class FiniteGAN:
    """The GAN on a finite space.

    Args:
        real: the real law, (n,) probabilities.
        loss: a name, a text NAME,option=value, or a Loss.
        distance: for Wasserstein losses, the (n, n) distances that bound the critic.
    """

    real: Any = static()
    loss: Loss | str = static(default="minimax")
    distance: Any = static(default=None)

    def __post_init__(self) -> None:
        """Check the law and the loss."""
        probabilities("real", self.real)
        resolved(self.loss, {})

    def losses(self, critic: Any, fake: Any) -> np.ndarray:
        """Return the losses of generator and critic.

        Args:
            critic: outputs (n,); infinite ones stand for D = 1 and D = 0.
            fake: the generated law, (n,).
        """
        made = resolved(self.loss, {})[0]
        with float64():
            c = array(np.clip(critic, -FAR, FAR))
            p, q = array(np.asarray(self.real, dtype=np.float64)), array(np.asarray(fake, dtype=np.float64))
            return np.array([float(made.generator(c, c, p, q)), float(made.critic(c, c, p, q))])


def outputs(discriminator: Any) -> np.ndarray:
    """Return the critic's outputs log D - log(1 - D) of a discriminator D in [0, 1].

    Raises:
        ValueError: if a value is not in [0, 1].
    """
    d = np.asarray(discriminator, dtype=np.float64)
    if d.ndim != 1 or not np.all((d >= 0) & (d <= 1)):
        message = (
            f"`discriminator` is {d.tolist()}; it must be a vector of numbers from 0 to 1; give outputs as logits."
        )
        raise ValueError(message)
    with np.errstate(divide="ignore"):
        return np.log(d) - np.log1p(-d)


def value(discriminator: Any, real: Any, fake: Any) -> float:
    """Return V(D, p_g) = sum p_r log D + sum p_g log(1 - D) of the vanilla game, -inf where a sure D errs.

    Args:
        discriminator: D, (n,) numbers from 0 to 1.
        real: p_r, (n,).
        fake: p_g, (n,).

    >>> round(value((0.5, 0.5), (0.9, 0.1), (0.2, 0.8)), 12)
    -1.386294361120
    """
    outputs(discriminator)
    d = np.asarray(discriminator, dtype=np.float64)
    p, q = probabilities("real", real), probabilities("fake", fake)
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = np.where(p > 0, p * np.log(d), 0.0), np.where(q > 0, q * np.log1p(-d), 0.0)
    return float(first.sum() + second.sum())


def check_space(game: FiniteGAN, at: Any, tolerance: float = 1e-9) -> NashCheck:
    """Check a critic and a generated law.

    The critic's best deviation is the optimal critic. The generator's is a single point where its loss is linear in its
    law, and a mixture of two points otherwise: given the mean output of the fakes its loss is linear, and two points
    meet that one constraint.

    Args:
        game: the game.
        at: the critic's outputs (n,) and the generated law (n,).
        tolerance: gain that counts as none.

    Raises:
        ValueError: for a law that is none, outputs that are not one for each point, or a critic beyond its bound.
    """
    critic, fake = np.asarray(at[0], dtype=np.float64), probabilities("fake", at[1])
    real = probabilities("real", game.real)
    if critic.shape != real.shape or np.any(np.isnan(critic)) or fake.shape != real.shape:
        message = (
            f"`at` has outputs of shape {critic.shape} and a law of shape {fake.shape} on {len(real)} points; the "
            "critic has one output and the law one probability for each; give these."
        )
        raise ValueError(message)
    made = resolved(game.loss, {})[0]
    if is_linear(made):
        _check_bound(critic, game.distance)
    best = optimal_critic(game.loss, real, fake, distance=game.distance)
    losses = game.losses(critic, fake)
    law, lowest = _best_law(game, made, critic)
    generator = Deviation(PLAYERS[0], law, max(losses[0] - lowest, 0.0), "moving its mass to")
    other = Deviation(PLAYERS[1], best.critic, max(best.value + losses[1], 0.0), "giving the outputs")
    return NashCheck(PLAYERS, losses, (generator, other), tolerance)


def _check_bound(critic: np.ndarray, distance: Any) -> None:
    steep = np.abs(np.subtract.outer(critic, critic)) - np.asarray(distance, dtype=np.float64)
    if steep.max() > 1e-9:
        message = (
            f"`at` has a critic whose outputs differ by {steep.max():.3g} more than `distance` allows; a Wasserstein "
            "critic has Lipschitz constant 1; scale it down."
        )
        raise ValueError(message)


def _best_law(game: FiniteGAN, loss: Loss, critic: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the law with the smallest generator loss against a critic."""
    n = len(critic)
    corners = np.eye(n)
    found = np.array([game.losses(critic, law)[0] for law in corners])
    best, lowest = corners[int(np.argmin(found))], float(found.min())
    if loss.coupling in LINEAR or np.ptp(critic) == 0:
        return best, lowest
    return _best_pair(game, critic, best, lowest)


def _best_pair(game: FiniteGAN, critic: np.ndarray, best: np.ndarray, lowest: float) -> tuple[np.ndarray, float]:
    """Search the mixtures of two points: a grid on each, then a local search from its best."""
    from scipy.optimize import minimize_scalar

    n = len(critic)
    shares = np.linspace(0.0, 1.0, 17)
    for i in range(n):
        for j in range(i):

            def at(share: float, i: int = i, j: int = j) -> float:
                return float(game.losses(critic, share * np.eye(n)[i] + (1 - share) * np.eye(n)[j])[0])

            k = int(np.argmin([at(s) for s in shares]))
            bounds = (shares[max(k - 1, 0)], shares[min(k + 1, 16)])
            tried: Any = minimize_scalar(at, bounds=bounds, method="bounded", options={"xatol": 1e-10})
            if tried.fun < lowest:
                best, lowest = tried.x * np.eye(n)[i] + (1 - tried.x) * np.eye(n)[j], float(tried.fun)
    return best, lowest


# Indifference -------------------------------------------------------------------------------------------------------


@record
class Indifference:
    """How much the generator's loss depends on its law at a constant critic.

    Attributes:
        loss: name of the loss.
        level: the constant output: the optimal one where the laws agree.
        value: the generator's loss there.
        spread: largest less smallest over all laws tried.
        laws: how many were tried.
    """

    loss: str = static()
    level: float
    value: float
    spread: float
    laws: int = static()

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON knows it."""
        return plain({key: getattr(self, key) for key in ("loss", "level", "value", "spread", "laws")})


def indifference(loss: Loss | str, real: Any, *, distance: Any = None, draws: int = 200, seed: int = 0) -> Indifference:
    """Return the spread of the generator's loss over laws, at the critic that is optimal where the laws agree.

    Args:
        loss: a name, a text NAME,option=value, or a Loss.
        real: the real law, (n,).
        distance: for Wasserstein losses.
        draws: random laws, beside the n points themselves.
        seed: of the draws.
    """
    checks.count("draws", draws)
    p = probabilities("real", real)
    game = FiniteGAN(p, loss, distance)
    alone = None if distance is None else [[0.0]]
    level = float(optimal_critic(loss, [1.0], [1.0], distance=alone).critic[0])
    best = np.full(len(p), level)
    rng = np.random.default_rng(seed)
    sharpness = 10.0 ** rng.uniform(-1, 1, draws)
    tried = np.vstack([np.eye(len(p)), *(rng.dirichlet(np.full(len(p), s)) for s in sharpness)])
    found = np.array([game.losses(best, law)[0] for law in tried])
    return Indifference(
        resolved(loss, {})[0].name, level, float(game.losses(best, p)[0]), float(np.ptp(found)), len(tried)
    )
