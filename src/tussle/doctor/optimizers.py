"""Optimizers: the paces that a user's own torch optimizers stand for, moments included."""

from typing import Any

import torch
from torch import Tensor, nn

from tussle.paces import SGD, Adam, Aside, Momentum, RMSProp, adam, momentum, rmsprop, sgd

KNOWN = ("SGD", "RMSprop", "Adam", "AdamW")


def pace_of(pace: Any, start: Any, modules: tuple[nn.Module, nn.Module]) -> tuple[Any, Any, list[str]]:
    """Return a pace, the states of both players (or None for fresh ones), and what had to be assumed.

    Args:
        pace: a pace, a text, or two torch optimizers.
        start: both players' flat vectors.
        modules: the user's modules, whose parameters the optimizers hold.

    Raises:
        ValueError: if it is none of these, or an optimizer has no pace of the library.
    """
    if isinstance(pace, str):
        from tussle.doctor.adopt import read_pace

        return read_pace(pace), None, []
    if isinstance(pace, (SGD, Momentum, RMSProp, Adam)) or (callable(getattr(pace, "step", None)) and _is_pace(pace)):
        return pace, None, []
    if isinstance(pace, (tuple, list)) and len(pace) == 2 and all(isinstance(p, torch.optim.Optimizer) for p in pace):
        return _of_optimizers(tuple(pace), start, modules)
    message = (
        f"`pace` is {pace!r:.60}; it may be a pace such as tussle.adam(2e-4), a text such as adam,lr=2e-4, or the two "
        "torch optimizers (generator's first); give one of these."
    )
    raise ValueError(message)


def _is_pace(pace: Any) -> bool:
    """Say whether something is a pace of the grammar and no torch optimizer."""
    return callable(getattr(pace, "init", None)) and not isinstance(pace, torch.optim.Optimizer)


def _of_optimizers(
    pair: tuple[Any, ...], start: Any, modules: tuple[nn.Module, nn.Module]
) -> tuple[Any, Any, list[str]]:
    kinds = [type(one).__name__ for one in pair]
    if kinds[0] != kinds[1] or kinds[0] not in KNOWN:
        message = (
            f"`pace` holds {kinds[0]} and {kinds[1]}; both must be of one kind among {', '.join(KNOWN)}; give a pace "
            "of the library instead."
        )
        raise ValueError(message)
    groups = [_only_group(name, one) for name, one in zip(("generator", "discriminator"), pair, strict=True)]
    assumed = [words for k in (0, 1) for words in _holdings(k, groups[k], modules)]
    if any(group.get("weight_decay") for group in groups):
        assumed.append("the optimizers' weight decay is not part of the model and was left out")
    rates = tuple(float(group["lr"]) for group in groups)
    shared = {key: groups[0][key] for key in ("betas", "eps", "alpha", "momentum") if key in groups[0]}
    if any(groups[1].get(key) != value for key, value in shared.items()):
        assumed.append("betas and eps of the generator's optimizer were taken for both players")
    pace = _pace(kinds[0], rates, groups[0])
    states = tuple(_state(pace, one, module, x) for one, module, x in zip(pair, modules, start, strict=True))
    return pace, states, assumed


def _only_group(name: str, optimizer: Any) -> dict[str, Any]:
    if len(optimizer.param_groups) != 1:
        message = (
            f"`pace` has {len(optimizer.param_groups)} groups of parameters for the {name}; one rate a player can be "
            "read; give a pace of the library instead."
        )
        raise ValueError(message)
    return optimizer.param_groups[0]


def _holdings(player: int, group: dict[str, Any], modules: tuple[nn.Module, nn.Module]) -> list[str]:
    """Check whose parameters an optimizer holds; return what must be assumed where it holds a part of them."""
    names = ("generator", "discriminator")
    held = {id(p) for p in group["params"]}
    own, other = ({id(p) for p in m.parameters() if p.requires_grad} for m in (modules[player], modules[1 - player]))
    if not held & own:
        whose = f"those of the {names[1 - player]}" if held & other else "others"
        message = (
            f"`pace` has an optimizer for the {names[player]} that holds none of its parameters but {whose}; give the "
            "generator's optimizer first, then the discriminator's, each over its own module's parameters."
        )
        raise ValueError(message)
    left = len(own - held)
    if not left:
        return []
    return [f"the {names[player]}'s optimizer leaves {left} of its parameter tensors out; they were taken as trained"]


def _refuse(what: str, instead: str) -> None:
    message = f"`pace` is {what}, which no pace of the library is; give {instead} instead."
    raise ValueError(message)


def _pace(kind: str, rates: tuple[float, ...], group: dict[str, Any]) -> Any:
    if group.get("maximize"):
        _refuse(f"{kind} with maximize", "losses to minimize")
    if kind == "SGD":
        if group.get("momentum") and (group.get("nesterov") or group.get("dampening")):
            _refuse("SGD with nesterov or dampening", "tussle.momentum(...)")
        return momentum(rates, group["momentum"]) if group.get("momentum") else sgd(rates)
    if kind == "RMSprop":
        if group.get("momentum") or group.get("centered"):
            _refuse("RMSprop with momentum or centered", "tussle.rmsprop(...)")
        return rmsprop(rates, group["alpha"], group["eps"])
    if group.get("amsgrad"):
        _refuse(f"{kind} with amsgrad", "tussle.adam(...)")
    return adam(rates, *group["betas"], eps=group["eps"])


def _state(pace: Any, optimizer: Any, module: nn.Module, x: Tensor) -> Any:
    """Return a player's moments as flat vectors; fresh ones where the optimizer has taken no step."""
    fresh = pace.init(x)
    trainable = [p for p in module.parameters() if p.requires_grad and p.numel() > 0]
    held = [optimizer.state.get(p, {}) for p in trainable]
    names = {"Momentum": ("momentum_buffer",), "RMSProp": ("square_avg",), "Adam": ("exp_avg", "exp_avg_sq")}.get(
        type(pace).__name__, ()
    )
    if not names or not any(one.get(name) is not None for one in held for name in names):
        return fresh
    # velocities are minus gradients: first moments change their sign, second ones do not; what has had no gradient
    # yet has no moments
    signs = {"momentum_buffer": -1.0, "exp_avg": -1.0}

    def moments(name: str) -> Tensor:
        parts = [p if (m := one.get(name)) is None else m for p, one in zip(zeros, held, strict=True)]
        return signs.get(name, 1.0) * torch.cat([part.detach().reshape(-1) for part in parts])

    zeros = [torch.zeros_like(p) for p in trainable]
    flat = [moments(name) for name in names]
    if type(pace).__name__ != "Adam":
        return tuple(flat)
    count = max(float(one.get("step", 0.0)) for one in held)
    return flat[0], flat[1], Aside(torch.full_like(x[:1], count))
