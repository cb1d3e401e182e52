"""A player from a PyTorch module: its parameters are one flat vector.

The flat vector is split into views in the order of `module.named_parameters()`, and the module is called with them in
place of its own. The gradient with respect to the vector is then one concatenation, and derivatives of every order pass
through it.

What belongs to the vector and what does not:

- Trainable parameters are the player's strategy. Parameters that are frozen (`requires_grad=False`) are constants.
- Buffers are constants too, with the values they had when the player was made. A batch norm in training mode reads the
  statistics of the batch and its running statistics never move; in evaluation mode it reads those it came with. The
  power iteration of a spectral norm in training mode starts over from its stored vector at every call.
- The player works on a copy. Neither the module, its mode, its buffers nor the state of the random numbers changes.
- A module that draws random numbers (dropout in training mode) has no fixed field. Give a `seed` and it draws the same
  numbers at each call; the process's own random numbers stay where they are.
"""

import contextlib
import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.func import functional_call

from tussle import checks
from tussle.records import record, static


@record
class Player:
    """A module as a function of one flat vector; made by `player`.

    Attributes:
        function: `function(flat, *inputs)` is the module's output with the parameters in `flat`, which may also come in
            pieces, from `pieces(flat)`.
        vector: a copy of the module's own trainable parameters, flat.
        names: the names of the parameters, in the order of the vector.
        shapes: their shapes.
        module: the player's own copy of the module.
    """

    function: Callable[..., Tensor] = static()
    vector: Tensor = static()
    names: tuple[str, ...] = static()
    shapes: tuple[torch.Size, ...] = static()
    module: torch.nn.Module = static()

    @property
    def size(self) -> int:
        """The number of parameters."""
        return len(self.vector)

    def pieces(self, vector: Tensor) -> list[Tensor]:
        """Return a vector as the parameters that it holds: views of their shapes, in the order of `names`.

        Raises:
            ValueError: if the length is another one.
        """
        return _pieces(vector, self.shapes)

    def state_dict(self, vector: Tensor) -> dict[str, Tensor]:
        """Return the state of the module (frozen parameters and buffers included) with a vector written in.

        Args:
            vector: as many numbers as the module has trainable parameters.

        Returns:
            copies by name, as `module.load_state_dict` takes them.

        Raises:
            ValueError: if the length is another one.
        """
        return {name: value.clone() for name, value in self.to_module(vector).state_dict().items()}

    def to_module(self, vector: Tensor) -> torch.nn.Module:
        """Return a copy of the module with a vector written into its parameters.

        Args:
            vector: as many numbers as the module has trainable parameters.

        Returns:
            an ordinary module, apart from the player's and from the user's.

        Raises:
            ValueError: if the length is another one.
        """
        parts = _pieces(vector.detach(), self.shapes)
        module = copy.deepcopy(self.module)
        own = dict(module.named_parameters())
        with torch.no_grad():
            for name, part in zip(self.names, parts, strict=True):
                own[name].copy_(part)
        return module


def player(module: torch.nn.Module, seed: int | None = None) -> Player:
    """Return a module as a player: a function of one flat vector of its trainable parameters.

    Args:
        module: any module with at least one trainable parameter, all of one dtype and on one device.
        seed: None for modules that draw no random numbers; else the seed of what is drawn at each call.

    Returns:
        the player, which works on a copy of the module.

    Raises:
        ValueError: if the parameters cannot be one vector, or the module cannot be copied.

    Example:
        >>> import torch
        >>> line = player(torch.nn.Linear(2, 1))
        >>> line.function(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([[10.0, 100.0]])).tolist()
        [[213.0]]
    """
    if not isinstance(module, torch.nn.Module):
        message = f"`module` is a {type(module).__name__}; it must be a torch.nn.Module; wrap a function in one."
        raise ValueError(message)
    if seed is not None:
        checks.count("seed", seed, least=0)
    parameters = _trainable(module)
    own = _copied(module)
    shapes = tuple(p.shape for p in parameters.values())
    vector = torch.cat([p.detach().reshape(-1) for p in parameters.values()])
    return Player(_caller(own, tuple(parameters), shapes, seed), vector, tuple(parameters), shapes, own)


def _caller(
    module: torch.nn.Module, names: tuple[str, ...], shapes: tuple[torch.Size, ...], seed: int | None
) -> Callable[..., Tensor]:
    """Return (flat, *inputs) -> output of the module."""
    trainable = set(names)
    frozen = {name: p.detach() for name, p in module.named_parameters() if name not in trainable}
    buffers = dict(module.named_buffers())  # a forward pass may write into them: it gets copies
    tied = len(list(module.named_parameters(remove_duplicate=False))) > len(names) + len(frozen)

    def function(flat: Tensor | list[Tensor], *inputs: Tensor) -> Tensor:
        parts = flat if isinstance(flat, list) else _pieces(flat, shapes)
        values = dict(zip(names, parts, strict=True))
        values |= {name: _constant(value, parts[0], copied=False) for name, value in frozen.items()}
        values |= {name: _constant(value, parts[0], copied=True) for name, value in buffers.items()}
        with _watched(module, values), _fixed_draws(seed, parts[0].device):
            return functional_call(module, values, inputs, tie_weights=tied)

    return function


class ChangedParametersError(ValueError):
    """A module adds, drops, replaces or reshapes parameters while it is called."""


@contextlib.contextmanager
def _watched(module: torch.nn.Module, values: dict[str, Tensor]) -> Iterator[None]:
    """Within this context a call of the module must leave the parameters that it was called with in their places.

    A layer that is made anew in `forward` would be read with its own fresh weights, and the vector not at all.
    """
    shapes = {name: value.shape for name, value in values.items()}

    def compare(*_: object) -> None:
        now = dict(module.named_parameters())
        for name, p in now.items():
            if name not in shapes:
                raise ChangedParametersError(_changed(module, f"{name} is new"))
            if p.shape != shapes[name]:
                words = f"{name} was {tuple(shapes[name])} and is {tuple(p.shape)}"
                raise ChangedParametersError(_changed(module, words))
            if p is not values[name]:
                raise ChangedParametersError(_changed(module, f"{name} was made anew"))

    handle = module.register_forward_hook(compare)
    try:
        yield
    finally:
        handle.remove()


def _changed(module: torch.nn.Module, words: str) -> str:
    return (
        f"`module` {type(module).__name__} changed its parameters while it was called ({words}); they must keep their "
        "names and shapes, since one flat vector holds them; make every layer in __init__ and none in forward."
    )


def _pieces(flat: Tensor, shapes: tuple[torch.Size, ...]) -> list[Tensor]:
    """Split a flat vector into views; backward this is one concatenation."""
    sizes = [shape.numel() for shape in shapes]
    if flat.ndim != 1 or len(flat) != sum(sizes):
        message = (
            f"`vector` has shape {tuple(flat.shape)}; the module has {sum(sizes)} trainable parameter(s); give a "
            "flat vector of that many, and make the player anew if the module's parameters changed shape."
        )
        raise ValueError(message)
    return [part.view(shape) for part, shape in zip(torch.split(flat, sizes), shapes, strict=True)]


def _constant(value: Tensor, like: Tensor, copied: bool) -> Tensor:
    """Return a constant in the type of the parameters if it is of floating type."""
    dtype = like.dtype if value.is_floating_point() else value.dtype
    return value.to(device=like.device, dtype=dtype, copy=copied)


@contextlib.contextmanager
def _fixed_draws(seed: int | None, device: torch.device) -> Iterator[None]:
    """Within this context random numbers come from `seed`; afterwards those of the process go on as before."""
    if seed is None:
        yield
        return
    other = device.type != "cpu"
    kind = device.type if other else "cuda"
    with torch.random.fork_rng(devices=[device] if other else [], device_type=kind):
        torch.default_generator.manual_seed(seed)
        if other:
            torch.get_device_module(device).manual_seed(seed)
        yield


def _trainable(module: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """Return the trainable parameters by name, once each.

    Raises:
        ValueError: if there are none, or they cannot be one vector.
    """
    named = dict(module.named_parameters())
    lazy = [name for name, p in named.items() if isinstance(p, torch.nn.parameter.UninitializedParameter)]
    if lazy:
        message = (
            f"`module` has parameter `{lazy[0]}` without a shape; every parameter must have one before its player is "
            "made; call the module once on a batch."
        )
        raise ValueError(message)
    found = {name: p for name, p in named.items() if p.requires_grad and p.numel() > 0}
    if not found:
        message = (
            f"`module` {type(module).__name__} has no trainable parameter; a player must have at least one; set "
            "requires_grad or give another module."
        )
        raise ValueError(message)
    for what, kinds in (
        ("dtypes", {str(p.dtype) for p in found.values()}),
        ("devices", {str(p.device) for p in found.values()}),
    ):
        if len(kinds) > 1:
            message = (
                f"`module` has parameters of {what} {', '.join(sorted(kinds))}; they must agree to be one vector; "
                "move it with module.to(...)."
            )
            raise ValueError(message)
    return found


def _copied(module: torch.nn.Module) -> torch.nn.Module:
    try:
        return copy.deepcopy(module)
    except (RuntimeError, TypeError) as trouble:
        message = (
            f"`module` {type(module).__name__} cannot be copied ({trouble}); a player must work on a copy; keep "
            "computed tensors out of its attributes (use torch.nn.utils.parametrizations for weight norm)."
        )
        raise ValueError(message) from trouble
