"""Critics that are piecewise affine: loss and penalty from one double backward pass.

Most critics are piecewise affine in their inputs x and biases b together: convolutions, linear layers, means, sums and
leaky ReLUs. Where no kink is met they are homogeneous, and Euler's identity holds:

    r = <dr/dx, x> + <dr/db, b>.

Let c_i = dL/dr_i be the slopes of the loss, g_i = c_i dr_i/dx_i and d = d(sum c_i r_i)/db. All that the loss wants of a
weight W at fixed c is sum c_i r_i, which is <g, x> + <d, b>, and the penalty gamma/2 mean |dr_i/dx_i|^2 changes with
W as <g, v> does for the constant v_i = gamma / (n c_i^2) g_i. So

    S = <g, x + v> + <d, b>,    dL/dW = dS/dW,    dL/db = d,

since a penalty on slopes does not see b. The usual way goes through the network six times for real data with R1
(forward, back to the weights, back to the input, and three times for the second derivative); this goes four times.

Kept to where it is right: r1 and r2 alone, no instance noise, and a critic for which `affine` finds the identity and
the gradient true. Each step tries the identity again, since a bend may lie where no probe was, and is read the general
way where it fails. So is a step in which the loss is flat at a sample that is penalized (hinge beyond its margin, or a
saturated logit): v_i has c_i in its denominator, and with c_i = 0 the sample's slope is lost in g_i.

Reference:
    Euler's theorem on homogeneous functions.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from tussle.field import Field, at
from tussle.game import Point, placed
from tussle.gan import GAN, Batch
from tussle.losses import Loss
from tussle.measures import Nodes
from tussle.networks.convolution import closed_gan
from tussle.networks.functional import Player
from tussle.networks.gan import NetworkGAN
from tussle.penalties import r1
from tussle.records import record, static
from tussle.training.recipes import Recipe

FLAT = 1e-8  # |c_i| n below which a loss counts as flat
SLACK = 1e-3  # how far Euler's identity may be off in a step, of the sizes of its terms
ENOUGH = 5e7  # operations of the critic on a batch, forward, from which on less work outweighs more calls (measured)
PROBE = 3  # samples that a critic is tried on
STRETCH = 30  # how far off the second samples are, for bends that only large ones meet
TINY = 1e-9  # how far off the identity may be in float64 when a critic is tried


@record
class Affine:
    """The gradient field of a GAN whose critic is piecewise affine; see `affine`.

    It is a field of first order: adjustments and rules that differentiate it are refused.

    Args:
        field: the general field, which reads the generator and what the short way does not cover.
        critic: the critic as a player.
        biases: which of its parameters are biases, in the order of `critic.names`.
        generator: the generator as a player, whose gradient is then read piece by piece, in less memory; or None.
    """

    field: Field
    critic: Player = static()
    biases: tuple[bool, ...] = static()
    generator: Player | None = static(default=None)

    @property
    def game(self) -> GAN:
        """The game of the field."""
        return cast(GAN, self.field.game)

    def player(self, player: int, point: Point, batch: Any = None) -> Tensor:
        """Return the velocity of one player, shape of its vector.

        Raises:
            ValueError: if it is to be differentiated.
        """
        if torch.is_grad_enabled() and any(x.requires_grad for x in point):
            message = (
                "`point` asks for derivatives of a fused field; it gives velocities only, since its passes are of "
                "first order; use Field(gan) with adjustments and with rules that differentiate."
            )
            raise ValueError(message)
        if player == 0 and self.generator is not None and batch is not None:
            return self._generator(self.generator, point, batch)
        found = self._short(point, batch) if player == 1 and self._plain(batch) else None
        return self.field.player(player, point, batch) if found is None else found

    def __call__(self, point: Point, batch: Any = None) -> Point:
        """Return the velocities of all players."""
        return tuple(self.player(i, point, batch) for i in range(len(point)))

    def at(self, values: Any, batch: Any = None) -> Point:
        """Return the velocities at a point of tensors, as NumPy arrays."""
        return at(self, values, batch)

    def _generator(self, generator: Player, point: Point, batch: Batch) -> Tensor:
        """Return the generator's velocity."""
        velocity = torch.zeros_like(point[0])
        with torch.enable_grad():
            pieces = [p.requires_grad_() for p in generator.pieces(point[0].detach())]
            loss = self.game.own_loss(0, (pieces, point[1]), batch)
            _subtract(generator.pieces(velocity), torch.autograd.grad(loss, pieces, allow_unused=True))
        return velocity

    def _plain(self, batch: Any) -> bool:
        """Say whether game and batch are such that the short way is right."""
        weighted = not isinstance(batch, Batch) or batch.real.weights is not None or batch.latent.weights is not None
        return not weighted and covered(self.game)

    def _short(self, point: Point, batch: Any) -> Tensor | None:
        """Return the critic's velocity, or None where the general way is needed."""
        with torch.no_grad():
            fake = self.game.generator(point[0], batch.latent.points)
        velocity = torch.zeros_like(point[1])
        with torch.enable_grad():
            pieces = [p.requires_grad_() for p in self.critic.pieces(point[1].detach())]
            for gradients in self._gradients(pieces, batch.real.points, fake):
                if gradients is None:
                    return None
                _subtract(self.critic.pieces(velocity), gradients)
                del gradients
        return velocity

    def _gradients(self, pieces: list[Tensor], *sides: Tensor) -> Any:
        """Yield the gradients that come of real data and of fakes; None where the short way is not to be gone.

        A plain loss has slopes that one side knows by itself: then the record of one is gone before the other begins.
        """
        weights = [_weight(self.game, place) for place in ("real", "fake")]
        if self.game.loss_function.coupling == "plain":
            for k, (x, weight) in enumerate(zip(sides, weights, strict=True)):
                side = _Side.read(self.game, pieces, x, weight)
                out = side.out.detach()
                yield side.gradients(pieces, self.biases, _slopes(self.game.loss_function, out, out)[k])
            return
        read = [_Side.read(self.game, pieces, x, weight) for x, weight in zip(sides, weights, strict=True)]
        slopes = _slopes(self.game.loss_function, *(side.out.detach() for side in read))
        for side, c in zip(read, slopes, strict=True):
            yield side.gradients(pieces, self.biases, c)


def _subtract(parts: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> None:
    for part, g in zip(parts, gradients, strict=True):
        if g is not None:
            part.sub_(g.detach())


def _weight(game: GAN, place: str) -> float:
    """Return gamma of the penalties at a place, which add up."""
    return sum(float(p.weight) for p in game.penalties if p.place == place)


def _slopes(objective: Loss, real: Tensor, fake: Tensor) -> list[Tensor]:
    """Return dL/dr and dL/df."""
    leaves = [x.clone().requires_grad_() for x in (real, fake)]
    found = torch.autograd.grad(objective.critic(*leaves), leaves, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)]


@record
class _Side:
    """What the critic says of real data or of fakes, and the record of how it came to that."""

    x: Tensor = static()
    out: Tensor = static()
    weight: float = static()

    @staticmethod
    def read(game: GAN, pieces: list[Tensor], x: Tensor, weight: float) -> "_Side":
        """Read the critic, with a record of the inputs too where their slopes are penalized."""
        x = x.detach().requires_grad_(weight > 0)
        return _Side(x, game.logits(pieces, x), weight)

    def gradients(self, pieces: list[Tensor], biases: Sequence[bool], c: Tensor) -> list[Tensor | None] | None:
        """Return the gradients for the pieces, given the loss's slopes; None where the short way is not to be gone."""
        if not self.weight:
            return list(torch.autograd.grad(self.out, pieces, c, allow_unused=True))
        if not bool(c.abs().min() * len(c) >= FLAT):
            return None
        b = [p for p, yes in zip(pieces, biases, strict=True) if yes]
        g, *d = _first(self.out, [self.x, *b], c)
        if not _euler(self, c, g, d, b):
            return None
        scale = (self.weight / (len(c) * c.square())).reshape(-1, *[1] * (self.x.ndim - 1))
        along = [torch.addcmul(self.x.detach(), scale, g.detach()), *(p.detach() for p in b)]
        w = [p for p, yes in zip(pieces, biases, strict=True) if not yes]
        found, own = iter(_second([g, *d], along, w)), iter(d)
        return [next(own) if yes else next(found) for yes in biases]


def _first(out: Tensor, inputs: list[Tensor], c: Tensor) -> list[Tensor]:
    """Return d(sum c_i r_i)/d inputs, with their record."""
    found = torch.autograd.grad(out, inputs, c, create_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


def _second(firsts: list[Tensor], along: list[Tensor], w: list[Tensor]) -> Sequence[Tensor | None]:
    """Return d<firsts, along>/dw; what was first of all constant has no record and no part in it."""
    pairs = [(f, a) for f, a in zip(firsts, along, strict=True) if f.requires_grad]
    if not pairs or not w:
        return [None] * len(w)
    return torch.autograd.grad([f for f, _ in pairs], w, [a for _, a in pairs], allow_unused=True)


def _euler(side: _Side, c: Tensor, g: Tensor, d: list[Tensor], b: list[Tensor], slack: float = SLACK) -> bool:
    """Say whether sum c_i r_i = <g, x> + <d, b>, up to `slack` of the sizes of its terms."""
    with torch.no_grad():
        terms = [torch.sum(c * side.out), *(-torch.sum(p * q) for p, q in zip([g, *d], [side.x, *b], strict=True))]
        values = torch.stack(terms)
        return bool(values.sum().abs() <= slack * values.abs().sum())


# Which critics ----------------------------------------------------------------------------------------------


def fields(found: Recipe, network: NetworkGAN) -> Callable[[GAN], Any]:
    """Return how the fields of a recipe's game are read: the shortest way that is right.

    Args:
        found: the recipe.
        network: its game, its players and their start.

    Returns:
        a function from the game of a step to its field; `Field` itself where nothing shorter is right.
    """
    run, game, start, device = found.run, network.game, network.start, network.start[0].device.type
    second = bool(found.adjustments) or "competitive" in (found.rule.name, found.rule.options.get("inner"))
    if not run.fused or run.micro is not None or run.precision == "bfloat16" or device != "cpu" or second:
        return Field
    if _work(game, start) * run.batch < ENOUGH or not _same(game, start):
        return Field
    pair, short = (network.discriminator, network.generator), None
    if covered(game) and game.penalties:
        short = affine(closed_gan(game), pair[0], start, pair[1])

    def field(now: GAN) -> Any:
        return Field(closed_gan(now)) if short is None else short(closed_gan(now))

    return field


class _Counting(TorchFunctionMode):
    """Counts the operations of convolutions and linear layers."""

    total: int = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func in (functional.conv2d, functional.linear):
            weight = args[1] if len(args) > 1 else (kwargs or {})["weight"]
            self.total += 2 * out.numel() * (weight.numel() // len(weight))
        return out


def _work(game: GAN, start: Point) -> float:
    """Return how many operations the critic's layers take for a sample, forward."""
    x = placed(game.sampler(PROBE)(0, 0), start[1]).real.points
    with torch.no_grad(), _Counting() as counter:
        game.logits(start[1], x)
    return counter.total / PROBE


def _same(game: GAN, start: Point) -> bool:
    """Say whether the networks have the same gradients within `closed()`; they may not write into what a ReLU gave."""
    point = tuple(x.detach() for x in start)
    batch = placed(game.sampler(PROBE)(0, 0), point[0])
    try:
        ways = [Field(one)(point, batch) for one in (game, closed_gan(game))]
    except RuntimeError:
        return False
    near = torch.finfo(point[0].dtype).eps ** 0.5  # rounding may turn a kink over; what is wrong is off by far more
    return all(bool((a - b).norm() <= near * a.norm()) for a, b in zip(*ways, strict=True))


def covered(game: GAN) -> bool:
    """Say whether a game's penalties are r1 and r2 alone, its inputs without noise.

    Args:
        game: any GAN.

    Example:
        >>> from tussle.models import dirac
        >>> from tussle.penalties import wgan_gp
        >>> covered(dirac(penalties=(r1(1.0),)).game), covered(dirac(penalties=(wgan_gp(1.0),)).game)
        (True, False)
    """
    kinds = [p.place in ("real", "fake") and p.center == 0 and not p.one_sided for p in game.penalties]
    return game.noise is None and all(kinds)


def affine(game: GAN, critic: Player, start: Point, generator: Player | None = None) -> Callable[[GAN], Affine] | None:
    """Return how the fields of a game and of its kin are read the short way, or None if its critic is not affine.

    The critic is tried at its start, and at a point and samples some way off: Euler's identity must hold in float64,
    and the short way's gradient must be the general one's. A critic that cannot be called in float64 is not affine.

    Args:
        game: the game, of PyTorch modules.
        critic: the critic as a player.
        start: the parameters of both players.
        generator: the generator as a player, where its gradient is to be read in less memory.

    Returns:
        a function from games with this critic, whatever their penalties and layout, to their fields; or None.

    Example:
        >>> from tussle.data import digits; from tussle.networks import network_gan, small_networks
        >>> pair, images = small_networks(4, 1, activation="leaky_relu"), digits().train.images
        >>> net = network_gan(*pair, data=images, latent=4, penalties=(r1(1.0),))
        >>> made = affine(net.game, net.discriminator, net.start)
        >>> batch = placed(net.game.sampler(8)(0, 0), net.start[0])
        >>> short, whole = (f.player(1, net.start, batch) for f in (made(net.game), Field(net.game)))
        >>> bool((short - whole).norm() < 1e-5 * whole.norm())
        True
    """
    tried = Field(dataclasses.replace(game, loss_function=cast(Loss, _Uneven()), penalties=(r1(1.0),), noise=None))
    theta, psi = (x.detach() for x in start)
    batch = placed(game.sampler(PROBE)(0, 0), psi)
    for biases in dict.fromkeys((_named_bias(critic), tuple(len(shape) < 2 for shape in critic.shapes))):
        made = Affine(tried, critic, biases)
        try:
            if _right(made, (theta, psi), batch) and _right(made, (theta, _moved(psi)), _stretched(batch)):
                return lambda other: Affine(Field(other), critic, biases, generator)
        except RuntimeError:  # PyTorch's way to say that types do not fit
            return None
    return None


@record
class _Uneven:
    """A loss that is nowhere flat and whose slopes differ from sample to sample."""

    coupling: str = static(default="plain")

    def critic(self, real: Tensor, fake: Tensor, *_: Any) -> Tensor:
        return fake.mean() - torch.linspace(0.5, 1.5, len(real), dtype=real.dtype, device=real.device) @ real


def _named_bias(critic: Player) -> tuple[bool, ...]:
    return tuple(name.rsplit(".", 1)[-1] == "bias" for name in critic.names)


def _moved(x: Tensor) -> Tensor:
    """Return a vector some way off, so that branches whose weights start at 0 are heard too."""
    draw = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype)
    return x + 0.3 * x.square().mean().sqrt() * draw.to(x.device)


def _stretched(batch: Batch) -> Batch:
    return dataclasses.replace(batch, real=Nodes(STRETCH * batch.real.points, batch.real.weights))


def _right(made: Affine, point: Point, batch: Batch) -> bool:
    """Say whether Euler's identity and the short way's gradient are true at a point."""
    if not _homogeneous(made, point[1].double(), batch.real.points.double()):
        return False
    short, whole = made._short(point, batch), made.field.player(1, point, batch)
    near = torch.finfo(whole.dtype).eps ** 0.5
    return short is not None and bool((short - whole).norm() <= near * whole.norm())


def _homogeneous(made: Affine, psi: Tensor, x: Tensor) -> bool:
    with torch.enable_grad():
        pieces = [p.requires_grad_() for p in made.critic.pieces(psi)]
        side = _Side.read(made.game, pieces, x, 1.0)
        if not side.out.requires_grad:
            return False
        b = [p for p, yes in zip(pieces, made.biases, strict=True) if yes]
        c = torch.linspace(0.5, 1.5, len(side.out), dtype=side.out.dtype, device=side.out.device)
        g, *d = torch.autograd.grad(side.out, [side.x, *b], c, allow_unused=True, materialize_grads=True)
        return _euler(side, c, g, d, b, TINY)
