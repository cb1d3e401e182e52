"""Compiled steps: a field whose velocity is one compiled graph, derivatives included.

`torch.compile` of a network alone does not do for GANs: what it makes can be differentiated once, and a gradient
penalty asks for two ("torch.compile with aot_autograd does not currently support double backward"). Here the whole
velocity is traced first, with all derivatives in it taken, and the graph of plain operations that comes out is
compiled. Nothing need be differentiated any more.

Worth it for small networks, whose time is the interpreter's: five times the readings per second for perceptrons of four
layers of 64 under R1 (0.40 against 2.12 ms of one CPU core for a critic's batch of 64). Residual networks gain
less (44 against 63 ms) and their first reading takes minutes, where that of a perceptron takes ten seconds. A C++
compiler is needed on the CPU, Triton on CUDA.

All numbers of the game that are not in point or batch (rates of penalties, buffers) are those of the first reading.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from tussle import checks
from tussle.autodiff import leaves, tree_map
from tussle.field import AbstractField, at
from tussle.game import AbstractGame, Point
from tussle.records import record, static
from tussle.training.parallel import SharedLoss

BACKENDS = ("inductor", "aot_eager", "eager")


@record
class Compiled:
    """A field that is compiled when it is first read, anew for each player and each shape of batch.

    Where it is to be differentiated (by an adjustment around it, or a rule) it is read as it was; put the adjustment
    inside.

    Args:
        field: the field, adjusted or not.
        backend: `inductor` (fast), or `aot_eager` and `eager`, which run the graph as it is, to try it out.
        made: what has been compiled so far.
    """

    field: AbstractField
    backend: str = static(default="inductor")
    made: dict[Any, Callable[..., Tensor]] = static(default_factory=dict)

    def __post_init__(self) -> None:
        """Check field and backend."""
        checks.choice("backend", self.backend, BACKENDS)
        if not callable(getattr(self.field, "player", None)):
            message = f"`field` is {self.field!r:.60}; a field must be given to be compiled; give Field(gan), say."
            raise ValueError(message)
        if isinstance(getattr(self.field.game, "loss_function", None), SharedLoss):
            message = (
                "`field` is that of a parallel game; messages between processes are not compiled; train without "
                "compiled steps, or in one process."
            )
            raise ValueError(message)

    @property
    def game(self) -> AbstractGame:
        """The game of the field."""
        return self.field.game

    def player(self, player: int, point: Point, batch: Any = None) -> Tensor:
        """Return the velocity of one player.

        Raises:
            ValueError: if the field draws random numbers, or a network writes into its constants.
        """
        if torch.is_grad_enabled() and any(x.requires_grad for x in point):
            return self.field.player(player, point, batch)
        parts = [*point, *leaves(batch)]
        key = (player, type(batch), *((x.shape, x.dtype, x.device) for x in parts))
        if key not in self.made:
            graph = traced(self.field, player, point, batch)
            self.made[key] = graph if self.backend == "eager" else torch.compile(graph, backend=self.backend)
        with torch.no_grad():
            return self.made[key](*parts)

    def __call__(self, point: Point, batch: Any = None) -> Point:
        """Return the velocities of all players."""
        return tuple(self.player(i, point, batch) for i in range(len(point)))

    def at(self, values: Any, batch: Any = None) -> Point:
        """Return the velocities at a point of tensors, as NumPy arrays."""
        return at(self, values, batch)


def traced(field: AbstractField, player: int, point: Point, batch: Any) -> torch.fx.GraphModule:
    """Return a player's velocity as a graph of plain operations of the tensors in point and batch.

    Args:
        field: the field.
        player: whose velocity.
        point: where it is traced; only shapes and types matter.
        batch: the same of the batch.

    Returns:
        the graph, called with the vectors of the point and then with the arrays of the batch, in their order.

    Raises:
        ValueError: if the graph would not be the same function at every call.
    """
    count = len(point)

    def velocity(*parts: Tensor) -> Tensor:
        rest = iter(parts[count:])
        return field.player(player, tuple(parts[:count]), tree_map(lambda _: next(rest), batch))

    graph = make_fx(velocity)(*(x.detach() for x in point), *leaves(batch))
    for node in graph.graph.nodes:
        if node.op == "call_function" and isinstance(node.target, torch._ops.OpOverload):
            _check(node)
    return graph


def _check(node: torch.fx.Node) -> None:
    """Refuse an operation that makes a compiled graph another function at each call."""
    operation: Any = node.target
    if torch.Tag.nondeterministic_seeded in operation.tags:
        message = (
            f"`field` draws random numbers ({operation}); a compiled step would draw others at each call; drop the "
            "dropout, or train without compiled steps."
        )
        raise ValueError(message)
    first = node.args[0] if node.args else None
    if operation._schema.is_mutable and isinstance(first, torch.fx.Node) and first.op == "get_attr":
        message = (
            f"`field` has a network that writes into its constants ({operation}); a compiled step must be the same at "
            "every call; register them as buffers, which a player restores, or train without compiled steps."
        )
        raise ValueError(message)
