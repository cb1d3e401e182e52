"""Modules mended: what stands in the place of a user's module when a cure changes it. Everything works on copies."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tussle.doctor.adopt import bare
from tussle.networks.norms import BatchNorm, GroupNorm, SpectralNorm, standardized

Maker = Callable[[Any], nn.Module]
EDGE = 1e-6  # probabilities are kept this far from 0 and 1 before their logit is taken
SLOPE = 0.2  # of leaky units, as everywhere in the literature on GANs
LEAST = 4  # channels of a group, below which a group norm takes too much away

batch_norms: Any = nn.modules.batchnorm._BatchNorm
instance_norms: Any = nn.modules.instancenorm._InstanceNorm


# Around a module ---------------------------------------------------------------------------------------------------


class Affine(nn.Module):
    """A module whose output is scaled and shifted: scale y + shift.

    Args:
        inner: the module.
        scale: a number.
        shift: a number.
    """

    def __init__(self, inner: nn.Module, scale: float, shift: float = 0.0) -> None:
        super().__init__()
        self.inner: nn.Module = inner
        self.scale: float = float(scale)
        self.shift: float = float(shift)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the scaled output."""
        return self.scale * self.inner(*inputs) + self.shift


class Logit(nn.Module):
    """A module that returns probabilities, as one that returns logits: log(p / (1 - p)).

    Args:
        inner: the module.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner: nn.Module = inner

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return logits."""
        p = self.inner(*inputs).clamp(EDGE, 1 - EDGE)
        return p.log() - (-p).log1p()


class Probability(nn.Module):
    """A module that returns logits, as one that returns probabilities.

    Args:
        inner: the module.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner: nn.Module = inner

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return probabilities."""
        return self.inner(*inputs).sigmoid()


class Precise(nn.Module):
    """A module without autocast and with attention in plain arithmetic, so that it can be differentiated twice.

    Args:
        inner: the module.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner: nn.Module = inner

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the output."""
        from torch.nn.attention import SDPBackend, sdpa_kernel

        with torch.autocast(inputs[0].device.type, enabled=False), sdpa_kernel(SDPBackend.MATH):
            return self.inner(*inputs)


# Within a module ---------------------------------------------------------------------------------------------------


def exchanged(module: nn.Module, wanted: Callable[[nn.Module], bool], make: Maker) -> nn.Module:
    """Put something else in the place of all parts that are wanted; the module itself is changed and returned."""
    if wanted(module):
        return make(module)
    for name, child in list(module.named_children()):
        setattr(module, name, exchanged(child, wanted, make))
    return module


def differentiable(module: nn.Module) -> nn.Module:
    """Return a module that can be differentiated twice: out of its wrappers, in no place, with plain attention."""
    module = bare(module)
    for part in module.modules():
        if getattr(part, "inplace", False):
            part.inplace = False  # type: ignore[assignment]
    return Precise(written_out(module))


def leaky(module: nn.Module) -> nn.Module:
    """Return a module whose rectifiers leak, so that no unit can die."""
    return exchanged(module, lambda m: isinstance(m, (nn.ReLU, nn.ReLU6)), lambda m: nn.LeakyReLU(SLOPE))


def sigmoid_at_end(module: nn.Module, *inputs: Tensor) -> bool:
    """Say whether a module ends with a `torch.nn.Sigmoid`."""
    return bool(_ending(module, nn.Sigmoid, *inputs))


def without_sigmoid(module: nn.Module, *inputs: Tensor) -> nn.Module:
    """Return a module of probabilities as one of logits: without its last sigmoid, or with that undone.

    Args:
        module: the module; it is changed.
        inputs: what it is tried on.
    """
    last = _ending(module, nn.Sigmoid, *inputs)
    if last:
        return exchanged(module, lambda m: m is last[0], lambda m: nn.Identity())
    return Logit(module)


def _ending(module: nn.Module, kind: type[nn.Module], *inputs: Tensor) -> list[nn.Module]:
    """Return the part of a kind whose output is the module's own."""
    seen: list[tuple[nn.Module, Any]] = []
    hooks = [
        part.register_forward_hook(lambda part, _, out: seen.append((part, out)))
        for part in module.modules()
        if isinstance(part, kind)
    ]
    try:
        with torch.no_grad():
            out = module(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    same = [part for part, y in seen if y.numel() == out.numel() and torch.equal(y.reshape(-1), out.reshape(-1))]
    return same[-1:]


# Norms -------------------------------------------------------------------------------------------------------------


class Standardized(nn.Module):
    """Each sample standardized over groups of its channels, without anything to learn.

    Args:
        groups: how many groups.
        eps: what is added to the variance.
    """

    def __init__(self, groups: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.groups: int = groups
        self.eps: float = eps

    def forward(self, x: Tensor) -> Tensor:
        """Return the standardized samples."""
        return standardized(x.reshape(len(x), self.groups, -1), (2,), self.eps)[0].view(x.shape)


class LayerNorm(nn.Module):
    """`torch.nn.LayerNorm` in plain arithmetic.

    Args:
        like: the norm whose shape, weights and eps are taken over.
    """

    def __init__(self, like: nn.LayerNorm) -> None:
        super().__init__()
        self.axes: tuple[int, ...] = tuple(range(-len(like.normalized_shape), 0))
        self.eps: float = like.eps
        self.weight: Any = like.weight
        self.bias: Any = like.bias

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized samples."""
        y = standardized(x, self.axes, self.eps)[0]
        y = y if self.weight is None else y * self.weight
        return y if self.bias is None else y + self.bias


def _grouped(channels: int, groups: int, like: Any) -> nn.Module:
    """Return a group norm with the weights of another norm."""
    if getattr(like, "weight", None) is None:
        return Standardized(groups, like.eps)
    made = GroupNorm(channels, groups, like.eps)
    made.weight, made.bias = like.weight, like.bias
    return made


def groups_of(channels: int) -> int:
    """Return how many groups of at least four channels there are: a divisor of the channels, at most 32.

    Example:
        >>> [groups_of(c) for c in (64, 12, 7)]
        [16, 3, 1]
    """
    return max(g for g in range(1, max(min(32, channels // LEAST), 1) + 1) if channels % g == 0)


def is_batch_norm(module: nn.Module) -> bool:
    """Say whether a module normalizes over the batch."""
    return isinstance(module, (BatchNorm, batch_norms))


def without_batch_norm(module: nn.Module) -> nn.Module:
    """Return a module with group norms in the place of batch norms; their weights are taken over."""

    def make(norm: Any) -> nn.Module:
        channels = norm.num_features if isinstance(norm, batch_norms) else len(norm.weight)
        return _grouped(channels, groups_of(channels), norm)

    return exchanged(module, is_batch_norm, make)


def without_norms(module: nn.Module) -> nn.Module:
    """Return a module without norms over batch, instance, group or layer."""
    kinds = (BatchNorm, GroupNorm, batch_norms, instance_norms, nn.GroupNorm, nn.LayerNorm)
    return exchanged(module, lambda m: isinstance(m, kinds), lambda m: nn.Identity())


def written_out(module: nn.Module) -> nn.Module:
    """Return a module whose fused instance, group and layer norms are plain arithmetic, whose derivatives are right."""

    def make(norm: Any) -> nn.Module:
        if isinstance(norm, nn.LayerNorm):
            return LayerNorm(norm)
        if isinstance(norm, nn.GroupNorm):
            return _grouped(norm.num_channels, norm.num_groups, norm)
        return _grouped(norm.num_features, norm.num_features, norm)

    return exchanged(module, lambda m: isinstance(m, (nn.LayerNorm, nn.GroupNorm, instance_norms)), make)


def settled(module: nn.Module) -> nn.Module:
    """Return a module whose batch norms read their running statistics, which are constants."""
    for part in module.modules():
        if is_batch_norm(part):
            part.eval()
    return module


def spectral(module: nn.Module) -> nn.Module:
    """Return a module whose linear and convolutional layers are divided by their largest singular value."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return exchanged(module, lambda m: type(m) in (nn.Linear, nn.Conv2d), lambda m: SpectralNorm(m))
