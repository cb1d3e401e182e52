"""Rules, paces and adjustments as `torch.optim.Optimizer`, for those who keep their own loop and their own modules.

A closure returns the players' losses, built on the live parameters:

    optimizer = Extragradient((generator, discriminator), tussle.adam(2e-4, 0.5))

    def closure():
        fake = discriminator(generator(z))
        return softplus(-fake).mean(), (softplus(-discriminator(x)) + softplus(fake)).mean()

    optimizer.step(closure)

The closure is called once for each reading of the field, and nobody calls backward: `.grad` of the parameters stays as
it is. Where a closure draws its batch itself, each reading has its own; where the batch stands outside, all readings of
a step share it. Modules in training mode update their buffers at each call.

References:
    Mescheder, Nowozin, Geiger, "The numerics of GANs", NIPS 2017 (consensus).
    Balduzzi et al., "The mechanics of n-player differentiable games", ICML 2018 (symplectic).
    Daskalakis et al., "Training GANs with optimism", ICLR 2018.
    Gidel et al., "A variational inequality perspective on generative adversarial networks", ICLR 2019 (extragradient).
    Nie, Patel, "Towards a better understanding and regularization of GAN training dynamics", UAI 2019 (JARE).
    Schaefer, Anandkumar, "Competitive gradient descent", NeurIPS 2019.
    Chavdarova et al., "Taming GANs with lookahead-minmax", ICLR 2021.
"""

from collections.abc import Sequence
from typing import Any

from tussle import checks, rules
from tussle import networks as _networks  # noqa: F401  (says what to install where PyTorch is missing)
from tussle.adjust import consensus, jare, symplectic
from tussle.autodiff import namespace
from tussle.game_optimizer import GameOptimizer, as_rule
from tussle.paces import AbstractPace, Rate, sgd

__all__ = ["CGD", "Consensus", "Extragradient", "GameOptimizer", "Jare", "Lookahead", "Optimistic", "Symplectic"]


class Extragradient(GameOptimizer):
    """y = x + h v(x), then x <- x + h v(y): two calls of the closure a step.

    Args:
        players: generator and discriminator.
        pace: a pace, or the rate of plain steps.
        adjust: adjustments of the field.
    """

    def __init__(self, players: Sequence[Any], pace: AbstractPace | Rate, *, adjust: Any = ()) -> None:
        super().__init__(players, "extragradient", pace, adjust)


class Optimistic(GameOptimizer):
    """x_{k+1} = x_k + 2 d_k - d_{k-1}, d_k the pace's move.

    Args:
        players: generator and discriminator.
        pace: a pace, or the rate of plain steps.
        adjust: adjustments of the field.
    """

    def __init__(self, players: Sequence[Any], pace: AbstractPace | Rate, *, adjust: Any = ()) -> None:
        super().__init__(players, "optimistic", pace, adjust)


class Lookahead(GameOptimizer):
    """Every k-th step comes back: x <- (1 - alpha) x_0 + alpha x_k.

    Args:
        players: generator and discriminator.
        pace: a pace, or the rate of plain steps.
        k: steps between two returns.
        alpha: the share of the way that is kept.
        rule: of the steps in between.
        adjust: adjustments of the field.
    """

    def __init__(
        self,
        players: Sequence[Any],
        pace: AbstractPace | Rate,
        *,
        k: int = 5,
        alpha: float = 0.5,
        rule: Any = "alternating",
        adjust: Any = (),
    ) -> None:
        super().__init__(players, rules.lookahead(as_rule(rule, pace), k, alpha), None, adjust)


class CGD(GameOptimizer):
    """Competitive gradient descent: the Nash point of the local bilinear game, by products with the Jacobian.

    Args:
        players: generator and discriminator.
        lr: rate of the plain steps, one number or one for each player.
        tolerance: relative residual at which the solver stops; by default what the parameters' type can tell.
        iterations: most iterations of the solver; each takes two products.
        adjust: adjustments of the field.
    """

    def __init__(
        self,
        players: Sequence[Any],
        lr: Rate,
        *,
        tolerance: float | None = None,
        iterations: int = 200,
        adjust: Any = (),
    ) -> None:
        checks.count("iterations", iterations)
        first = rules.Competitive(sgd(lr), 1e-6, iterations)
        super().__init__(players, first, None, adjust)
        one = self._parameters()[0][0]
        told = 4 * float(namespace(one).finfo(one.dtype).eps) if tolerance is None else tolerance
        self.rule: Any = rules.Competitive(sgd(lr), checks.positive("tolerance", told), iterations)


class Consensus(GameOptimizer):
    """w = v - gamma J^T v: each player also descends gamma/2 of the squared length of the whole field.

    Args:
        players: generator and discriminator.
        pace: a pace, or the rate of plain steps.
        gamma: the weight.
        unbiased: whether two calls of the closure, with batches of their own, stand for the two factors.
        rule: where the field is read.
    """

    def __init__(
        self,
        players: Sequence[Any],
        pace: AbstractPace | Rate,
        gamma: float,
        *,
        unbiased: bool = False,
        rule: Any = "simultaneous",
    ) -> None:
        super().__init__(players, rule, pace, consensus(gamma, unbiased))


class Symplectic(GameOptimizer):
    """v + s (J - J^T) v / 2, the sign of s by alignment.

    Args:
        players: generator and discriminator.
        pace: a pace, or the rate of plain steps.
        weight: |s|.
        align: whether the sign is chosen; else it is +.
        rule: where the field is read.
    """

    def __init__(
        self,
        players: Sequence[Any],
        pace: AbstractPace | Rate,
        weight: float = 1.0,
        *,
        align: bool = True,
        rule: Any = "simultaneous",
    ) -> None:
        super().__init__(players, rule, pace, symplectic(weight, align))


class Jare(GameOptimizer):
    """Each player also descends gamma/2 of the other's squared velocity.

    Args:
        players: generator and discriminator.
        pace: a pace, or the rate of plain steps.
        gamma: the weight, or that of the generator.
        gamma_discriminator: that of the discriminator; `gamma` by default.
        rule: where the field is read.
    """

    def __init__(
        self,
        players: Sequence[Any],
        pace: AbstractPace | Rate,
        gamma: float,
        gamma_discriminator: float | None = None,
        *,
        rule: Any = "simultaneous",
    ) -> None:
        super().__init__(players, rule, pace, jare(gamma, gamma_discriminator))
