"""The game of a user's own closure: losses that are built on live parameters, as functions of a point.

A reading writes the point into the parameters, calls the closure once and keeps its record. `linked` then ties what was
built on the parameters to the point it was read at, so that derivatives of every order with respect to the point are
right, and the field, the adjustments and the rules of the grammar work as they are.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tussle.autodiff import Array
from tussle.game import Pair, Point, scalar

Parameters = tuple[list[Tensor], ...]


class Tie(NamedTuple):
    """Tensors that a graph was built on, and the one vector that they stand for."""

    built_on: list[Tensor]
    target: Tensor


class _Link(torch.autograd.Function):
    """A zero whose derivative with respect to one target is that of a value by what it was built on."""

    @staticmethod
    def forward(ctx: Any, target: Tensor, built: tuple[Tensor, int, tuple[Tie, ...]]) -> Tensor:  # noqa: ARG004
        ctx.built = built
        return torch.zeros_like(built[0])

    @staticmethod
    def backward(ctx: Any, u: Tensor) -> tuple[Tensor, None]:
        value, number, ties = ctx.built
        built_on, target = ties[number]
        again = torch.is_grad_enabled()
        # A stand-in for u: what u depends on is reached through its tie alone, and counted once.
        weight = u.detach().requires_grad_(again and u.requires_grad)
        found = torch.autograd.grad(value, built_on, weight, retain_graph=True, create_graph=again, allow_unused=True)
        parts = (torch.zeros_like(p) if g is None else g for p, g in zip(built_on, found, strict=True))
        slope = flat(parts).view_as(target)
        return (linked(slope, (*ties, Tie([weight], u))) if again else slope), None


def linked(value: Tensor, ties: tuple[Tie, ...]) -> Tensor:
    """Return a value as a function of what the tensors that it was built on stand for.

    Args:
        value: any tensor.
        ties: what it was built on, with the vectors that hold the same numbers.

    Returns:
        the same numbers; derivatives by the targets are those by the tensors, to every order.
    """
    tied = value.detach()
    if not value.requires_grad:
        return tied
    for number, tie in enumerate(ties):
        if tie.target.requires_grad:
            tied = tied + _Link.apply(tie.target, (value, number, ties))
    return tied


class Live:
    """A game between live parameters whose losses a closure returns.

    The batch of a reading is a number or a pair of numbers: the same number is the same call of the closure.

    Args:
        closure: `closure()` -> one loss for each player, built on the parameters.
        parameters: of each player.
        players: the names of the players.
        careful: whether the first call is asked if each loss depends on its own player; that is one more gradient.
    """

    def __init__(
        self, closure: Callable[[], Any], parameters: Parameters, players: tuple[str, ...], careful: bool = False
    ) -> None:
        self.closure: Callable[[], Any] = closure
        self.parameters: Parameters = parameters
        self.players: tuple[str, ...] = players
        self.careful: bool = careful
        self.first: tuple[Tensor, ...] | None = None  # the losses of the first call
        self._calls: dict[int, tuple[Point, tuple[Tensor, ...]]] = {}

    def loss(self, player: int, point: Point, batch: Any) -> Array:
        """Return the loss of one player."""
        number = batch.first if isinstance(batch, Pair) else batch
        ties = tuple(map(Tie, self.parameters, point))
        return linked(self._losses(point, number)[player], ties)

    def expectation(self) -> None:
        """Return None: a closure draws its batch itself."""
        return

    def project(self, player: int, x: Array) -> Array:  # noqa: ARG002
        """Return `x`: the parameters are unconstrained."""
        return x

    def _losses(self, point: Point, number: int) -> tuple[Tensor, ...]:
        at = tuple(x.detach() for x in point)
        kept = self._calls.get(number)
        if kept is not None and all(map(torch.equal, kept[0], at)):
            return kept[1]
        here = all(torch.equal(flat(own), x) for own, x in zip(self.parameters, at, strict=True))
        if not here:  # else records of this reading are still good, and must stay so
            self._calls.clear()
            write(self.parameters, at)
        self._calls = {k: call for k, call in self._calls.items() if k // 2 == number // 2}
        with torch.enable_grad():
            losses = _checked(self.closure(), self.parameters, self.players)
        self._calls[number] = at, losses
        if self.first is None:
            self.first = tuple(one.detach() for one in losses)
            if self.careful:
                _dependent(losses, self.parameters, self.players)
        return losses


def _checked(losses: Any, parameters: Parameters, players: tuple[str, ...]) -> tuple[Tensor, ...]:
    wanted = ", ".join(f"{name}_loss" for name in players)
    if not isinstance(losses, (tuple, list)) or len(losses) != len(players):
        came = f"{len(losses)} values" if isinstance(losses, (tuple, list)) else f"a {type(losses).__name__}"
        message = f"`closure` returned {came}; it must return the losses of all players; return ({wanted})."
        raise ValueError(message)
    for name, one in zip(players, losses, strict=True):
        if not isinstance(one, Tensor) or not one.requires_grad:
            came = "a tensor without a graph" if isinstance(one, Tensor) else f"a {type(one).__name__}"
            message = (
                f"`closure` returned {came} for the {name}; it must return scalar tensors built on the live "
                "parameters; drop .item(), .detach() and no_grad there."
            )
            raise ValueError(message)
    if not all(own[0].requires_grad for own in parameters):
        message = "`closure` froze parameters of a player; all must require gradients; drop requires_grad_(False)."
        raise ValueError(message)
    return tuple(scalar(one) for one in losses)


def _dependent(losses: tuple[Tensor, ...], parameters: Parameters, players: tuple[str, ...]) -> None:
    """Refuse losses that do not depend on their own player's parameters."""
    for name, one, own in zip(players, losses, parameters, strict=True):
        slopes = torch.autograd.grad(one, own, retain_graph=True, allow_unused=True)
        if all(g is None for g in slopes):
            message = (
                f"`closure` returned a loss of the {name} that does not depend on the {name}'s parameters; it must; "
                f"return the losses in the order {', '.join(players)} and drop detach() in between."
            )
            raise ValueError(message)


def flat(tensors: Iterable[Tensor]) -> Tensor:
    """Return tensors as one new vector."""
    return torch.cat([x.reshape(-1) for x in tensors])


def read(parameters: Parameters) -> Point:
    """Return the players' parameters as a point (copies)."""
    return tuple(flat(p.detach() for p in own) for own in parameters)


def write(parameters: Parameters, point: Point) -> None:
    """Write a point into the parameters."""
    with torch.no_grad():
        for own, x in zip(parameters, point, strict=True):
            for p, part in zip(own, torch.split(x, [p.numel() for p in own]), strict=True):
                p.copy_(part.view_as(p))
