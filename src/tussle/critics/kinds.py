"""What a loss is made of, read off its payoffs: the ground for saying which divergence belongs to it."""

import math
from typing import Any, NamedTuple

from tussle import losses
from tussle.fgan import divergence_names
from tussle.losses import Loss
from tussle.payoffs import (
    AbstractPayoff,
    AlphaPayoff,
    Exponential,
    Function,
    HingePayoff,
    Linear,
    Logistic,
    Mirror,
    Negative,
    Square,
    Tanh,
)


class Kind(NamedTuple):
    """A loss whose critic is understood.

    Attributes:
        name: logistic, least_squares, hinge, exponential, alpha, linear, tanh, or a member of `divergence_names()`.
        coupling: the loss's coupling.
        objective: the generator's: zero-sum, swap, logit, labels or custom.
        scale: the loss's own factor.
        size: factor of the critic's loss (scale, and the payoffs' own).
        stretch: factor of the optimal output (label, margin).
        order: alpha of alpha, a of f_alpha, else None.
        labels: (a, b, c) of least_squares: of fakes, of real data, and the generator's where it has one.
    """

    name: str
    coupling: str
    objective: str
    scale: float = 1.0
    size: float = 1.0
    stretch: float = 1.0
    order: float | None = None
    labels: tuple[float, float, float] | None = None

    @property
    def symmetric(self) -> bool:
        """Whether f2(y) = f1(-y)."""
        return self.labels is None or self.labels[0] == -self.labels[1]


def resolved(loss: Loss | str, options: dict[str, Any]) -> tuple[Loss, Kind | None]:
    """Return a loss and its kind, from a name with options, a text NAME,option=value or a loss.

    Args:
        loss: which loss.
        options: as `losses.loss` takes them, for a name.

    Raises:
        ValueError: for an unknown name or option, or options beside a ready loss.
    """
    if isinstance(loss, str):
        made = losses.parse_loss(loss) if "," in loss else losses.loss(loss, **options)
        if "," in loss and options:
            message = f"`loss` is {loss!r} together with options {sorted(options)}; give them in one of the two places."
            raise ValueError(message)
        written = dict(part.replace(" ", "").split("=") for part in loss.split(",")[1:]) | options
        return made, kind_of(made, float(written.get("a", 0.5)))
    if not isinstance(loss, Loss) or options:
        came = f"{loss.name!r} with options {sorted(options)}" if isinstance(loss, Loss) else repr(loss)
        message = f"`loss` is {came}; it must be a name, with options, or a Loss, without; give one of these."
        raise ValueError(message)
    return loss, kind_of(loss, None)


def kind_of(loss: Loss, order: float | None = None) -> Kind | None:
    """Return what kind of loss this is, or None where its critic is not one that is known.

    Args:
        loss: the loss.
        order: a of f_alpha, which its payoffs do not tell.
    """
    first, second = loss.critic_real, _mirrored(loss.critic_fake)
    base = Kind("", loss.coupling, objective_of(loss), float(loss.scale), float(loss.scale))
    match first, second:
        case Logistic(), Logistic():
            return base._replace(name="logistic")
        case Exponential(), Exponential():
            return base._replace(name="exponential")
        case Tanh(), Tanh() if loss.coupling == "plain":
            return base._replace(name="tanh")
        case HingePayoff(), HingePayoff() if first.margin == second.margin and first.margin > 0:
            return base._replace(name="hinge", size=base.size * first.margin, stretch=float(first.margin))
        case AlphaPayoff(), AlphaPayoff() if first.alpha == second.alpha:
            # The log loss and the exponential one are members of the family.
            same = {1.0: "logistic", 0.5: "exponential"}.get(float(first.alpha))
            return base._replace(name=same) if same else base._replace(name="alpha", order=float(first.alpha))
        case Linear(), Linear() if first.slope == second.slope and first.slope < 0:
            return base._replace(name="linear", size=-base.size * first.slope)
        case Square(), Square() if first.scale == second.scale and first.scale > 0:
            return _squares(base, first, second, loss)
    return _member(base, loss, order)


def _squares(base: Kind, first: Square, second: Square, loss: Loss) -> Kind | None:
    """Return least squares: with opposite labels stretched from 1 and -1, with others by the labels themselves."""
    b, a = float(first.target), -float(second.target)
    own = loss.generator_fake
    c = float(own.target) if isinstance(own, Square) and own.scale == first.scale else math.nan
    if b <= a or (loss.coupling != "plain" and a != -b):
        return None
    size = base.size * float(first.scale)
    if a == -b:
        return base._replace(name="least_squares", size=size * b * b, stretch=b, labels=(-1.0, 1.0, c / b))
    return base._replace(name="least_squares", size=size, labels=(a, b, c))


def _member(base: Kind, loss: Loss, order: float | None) -> Kind | None:
    """Return an f-divergence's game."""
    made = isinstance(loss.critic_real, Negative) and isinstance(loss.critic_fake, Function)
    if not made or loss.coupling != "plain" or loss.name not in divergence_names():
        return None
    if loss.name == "f_alpha":
        return None if order is None else base._replace(name="f_alpha", order=order)
    return base._replace(name=loss.name)


def _mirrored(payoff: AbstractPayoff) -> AbstractPayoff | None:
    """Return y -> payoff(-y) as a plain payoff, None where that is none."""
    match payoff:
        case Mirror():
            return payoff.of
        case Square():
            return Square(-payoff.target, payoff.scale)
        case Linear():
            return Linear(-payoff.slope)
    return None


def objective_of(loss: Loss) -> str:
    """Return the generator's objective: zero-sum, swap, logit, labels or custom."""
    real, fake = loss.generator_real, loss.generator_fake
    if isinstance(real, Negative) and isinstance(fake, Negative):
        return "zero-sum" if real.of is loss.critic_real and fake.of is loss.critic_fake else "custom"
    if fake is loss.critic_real and real is loss.critic_fake:
        return "swap"
    if isinstance(real, Linear) and isinstance(fake, Linear):
        return "logit" if (real.slope, fake.slope) == (1.0, -1.0) else "custom"
    return "labels" if isinstance(fake, Square) else "custom"
