"""Gradient penalties on the discriminator.

A penalty is weight/2 E (|grad_x C(x)| - center)^2 with x at a place: real data, fakes, interpolates of both, or
perturbed real data. Weights are in the gamma/2 convention; `conventions` converts others. At a zero gradient the
derivative of the norm is taken as 0 (that is sign(0) = 0 in one dimension).
"""

import math
from collections.abc import Callable
from typing import Any

from tussle import checks
from tussle.autodiff import Array, input_gradient, namespace, safe_sqrt
from tussle.measures import Nodes, paired
from tussle.records import record, static

PLACES = ("real", "fake", "interpolates", "perturbed")


@record
class Penalty:
    """weight/2 E (|grad_x C| - center)^2, or weight/2 E max(0, |grad_x C| - center)^2 if one-sided.

    Args:
        weight: gamma, in the gamma/2 convention.
        center: the norm that is not penalized; 0 for R1 and R2.
        place: where the critic's gradient is taken, one of `real`, `fake`, `interpolates`, `perturbed`.
        one_sided: whether only norms above the center are penalized.
        spread: standard deviation of the perturbation (`perturbed` only).
    """

    weight: Any
    center: Any = static(default=0.0)
    place: str = static(default="real")
    one_sided: bool = static(default=False)
    spread: Any = 0.5
    name: str = static(default="penalty")

    def __post_init__(self) -> None:
        """Check weight, center, place and spread."""
        checks.nonnegative(f"{self.name} weight", self.weight)
        checks.nonnegative(f"{self.name} center", self.center)
        checks.choice("place", self.place, PLACES)
        checks.nonnegative("spread", self.spread)

    def points(self, real: Nodes, fake: Nodes, mix: Nodes | None, shift: Nodes | None) -> Nodes:
        """Return the nodes at which the gradient is taken."""
        if self.place == "real":
            return real
        if self.place == "fake":
            return fake
        if self.place == "interpolates":
            return _interpolates(real, fake, _needed(mix, self.place))
        base, noise, weights = paired(real, _needed(shift, self.place))
        return Nodes(base + self.spread * noise, weights)

    def value(self, critic: Callable[[Array], Array], nodes: Nodes) -> Array:
        """Return the penalty of a critic (a batch of inputs -> one number each) at nodes."""
        return self.of_slopes(input_gradient(critic, nodes.points), nodes)

    def of_slopes(self, slopes: Array, nodes: Nodes) -> Array:
        """Return the penalty of the critic's gradients at nodes, shape of the points."""
        xp = namespace(slopes)
        square = xp.sum(xp.reshape(slopes * slopes, (slopes.shape[0], math.prod(slopes.shape[1:]))), axis=1)
        if not self.one_sided and self.center == 0:
            return 0.5 * self.weight * nodes.mean(square)
        excess = safe_sqrt(square) - self.center
        if self.one_sided:
            excess = xp.where(excess > 0, excess, xp.zeros_like(excess))
        return 0.5 * self.weight * nodes.mean(excess * excess)


def _needed(nodes: Nodes | None, place: str) -> Nodes:
    if nodes is None:
        message = f"`batch` has no nodes for {place}; a penalty there needs them; take the batch from the GAN itself."
        raise ValueError(message)
    return nodes


def _interpolates(real: Nodes, fake: Nodes, mix: Nodes) -> Nodes:
    left, right, weights = paired(real, fake)
    pairs = Nodes(left, weights)
    left, share, both = paired(pairs, mix)
    right, _, _ = paired(Nodes(right, weights), mix)
    share = namespace(share).reshape(share, (-1,) + (1,) * (left.ndim - 1))
    return Nodes(share * left + (1 - share) * right, both)


def r1(weight: Any) -> Penalty:
    """Return R1: gamma/2 E_real |grad C|^2 (Mescheder et al. 2018)."""
    return Penalty(weight, place="real", name="r1")


def r2(weight: Any) -> Penalty:
    """Return R2: gamma/2 E_fake |grad C|^2."""
    return Penalty(weight, place="fake", name="r2")


def wgan_gp(weight: Any, center: Any = 1.0, place: str = "interpolates") -> Penalty:
    """Return the two-sided penalty of WGAN-GP (Gulrajani et al. 2017)."""
    return Penalty(weight, center, place, name="wgan_gp")


def wgan_lp(weight: Any, center: Any = 1.0, place: str = "interpolates") -> Penalty:
    """Return the one-sided penalty of WGAN-LP (Petzka et al. 2018)."""
    return Penalty(weight, center, place, one_sided=True, name="wgan_lp")


def dragan(weight: Any, center: Any = 1.0, spread: Any = 0.5) -> Penalty:
    """Return the penalty of DRAGAN around the real data (Kodali et al. 2017)."""
    return Penalty(weight, center, "perturbed", spread=spread, name="dragan")


PENALTIES: dict[str, Callable[..., Penalty]] = {
    "r1": r1,
    "r2": r2,
    "wgan_gp": wgan_gp,
    "wgan_lp": wgan_lp,
    "dragan": dragan,
}
