"""Convolutions whose derivatives of every order are convolutions, and activations that send nothing where they bend.

A convolution y = w * x is bilinear, so that three products make all of its derivatives:

    forward(x, w),    inward(u, w) = dL/dx,    onward(u, x) = dL/dw,    with u = dL/dy.

Each of the three is bilinear again and its derivatives are the two others. PyTorch's own double derivative takes the
gradient of the weights as a convolution with a filter as large as the image, which is slow, and reads a leaky ReLU's
second derivative as zeros, which then travel through the whole network. Here the weights' gradient is always the
product made for it, nothing is computed that the derivative in hand does not ask for, and the slope of a piecewise
linear activation is a constant.

Within `closed()` the functions that layers call are these; outside nothing changes. Images lie with their channels last
in memory where there are more than 4 x 4 pixels, which oneDNN reads without rearranging; the numbers are the same up to
the order of sums. What is not covered (transposed convolutions, other than two axes, padding by name, autocast,
transforms of `torch.func`, activations in place, other devices than the CPU) goes to PyTorch. The result of a ReLU must
not be written into afterwards: its slope is read from it.

Measured on one core (residual networks of 32 x 32 pixels, width 32, batch 16): a convolution of 32 to 32 channels at
full resolution takes 3.2 ms as PyTorch's layers call it and 1.2 ms here.

Reference:
    Karras et al., "Training generative adversarial networks with limited data", NeurIPS 2020, code: there the weights'
    gradient is mended in the same place.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from tussle.gan import GAN
from tussle.records import record, static

FEW = 16  # pixels up to which images keep the layout that they came with
_aten = torch.ops.aten
Map = Callable[[Tensor], Tensor]


class _Geometry(NamedTuple):
    """Stride, padding, dilation and groups of a convolution, and the layout of its images and weights."""

    stride: list[int]
    padding: list[int]
    dilation: list[int]
    groups: int
    layout: torch.memory_format

    def laid(self, x: Tensor) -> Tensor:
        """Return a tensor in the layout; derivatives pass."""
        return x.contiguous(memory_format=self.layout)

    def product(self, x: Tensor, w: Tensor, bias: Tensor | None = None) -> Tensor:
        return _aten.convolution(x, w, bias, *self[:3], False, [0, 0], self.groups)

    def backward(self, u: Tensor, x: Tensor, w: Tensor, which: int) -> Tensor:
        wanted = [which == 0, which == 1, False]  # a bias asked for beside x alone costs as much as the weights
        found = _aten.convolution_backward(u, x, w, None, *self[:3], False, [0, 0], self.groups, wanted)
        return found[which]

    def empty(self, like: Tensor, shape: torch.Size) -> Tensor:
        """Return a tensor that only says what shape and layout are meant."""
        return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=self.layout)


def _asked(ctx: Any, k: int) -> bool:
    """Say whether the derivative in hand needs that of the k-th input (tensors come first)."""
    if not ctx.needs_input_grad[k]:
        return False
    node = ctx.next_functions[k][0]
    if node is None or node.name() == "torch::autograd::AccumulateGrad":  # of leaves PyTorch does not say
        return node is not None
    return torch._C._will_engine_execute_node(node)


class _Forward(torch.autograd.Function):
    """(x, w, bias) -> w * x + bias."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor | None, how: _Geometry) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.how = how
        ctx.set_materialize_grads(False)
        return how.product(x, w, bias)

    @staticmethod
    def backward(ctx: Any, *us: Tensor | None) -> tuple[Tensor | None, ...]:
        if us[0] is None:
            return None, None, None, None
        x, w = ctx.saved_tensors
        how, u = ctx.how, ctx.how.laid(us[0])
        biased = _asked(ctx, 2)
        gx = gb = None
        if _asked(ctx, 0):
            gx, gb = cast(Any, _Inward.apply(u, w, x.shape, biased, how))
        elif biased:
            gb = u.sum((0, 2, 3))
        gw = cast(Tensor, _Onward.apply(u, x, w.shape, how)) if _asked(ctx, 1) else None
        return gx, gw, gb, None


class _Inward(torch.autograd.Function):
    """(u, w) -> what a change of u = dL/dy does to dL/dx, and to dL/dbias where that is wanted."""

    @staticmethod
    def forward(
        ctx: Any, u: Tensor, w: Tensor, shape: torch.Size, biased: bool, how: _Geometry
    ) -> tuple[Tensor, Tensor | None]:
        ctx.save_for_backward(u, w)
        ctx.how = how
        ctx.set_materialize_grads(False)
        return how.backward(u, how.empty(u, shape), w, 0), u.sum((0, 2, 3)) if biased else None

    @staticmethod
    def backward(ctx: Any, *gs: Tensor | None) -> tuple[Tensor | None, ...]:
        u, w = ctx.saved_tensors
        how, (gx, gb) = ctx.how, gs
        if gx is None:
            spread = None if gb is None or not _asked(ctx, 0) else gb[:, None, None].expand_as(u)
            return spread, None, None, None, None
        gx = how.laid(gx)
        gu = cast(Tensor, _Forward.apply(gx, w, gb, how)) if _asked(ctx, 0) else None
        gw = cast(Tensor, _Onward.apply(u, gx, w.shape, how)) if _asked(ctx, 1) else None
        return gu, gw, None, None, None


class _Onward(torch.autograd.Function):
    """(u, x) -> dL/dw."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, x: Tensor, shape: torch.Size, how: _Geometry) -> Tensor:
        ctx.save_for_backward(u, x)
        ctx.how = how
        ctx.set_materialize_grads(False)
        return how.backward(u, x, how.empty(u, shape), 1)

    @staticmethod
    def backward(ctx: Any, *gs: Tensor | None) -> tuple[Tensor | None, ...]:
        if gs[0] is None:
            return None, None, None, None
        u, x = ctx.saved_tensors
        how, gw = ctx.how, ctx.how.laid(gs[0])
        gu = cast(Tensor, _Forward.apply(x, gw, None, how)) if _asked(ctx, 0) else None
        gx = cast(Any, _Inward.apply(u, gw, x.shape, False, how))[0] if _asked(ctx, 1) else None
        return gu, gx, None, None


class _Rectified(torch.autograd.Function):
    """x -> max(x, 0) + slope min(x, 0); what is kept is the result, which the next layer keeps anyway."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:
        y = _aten.leaky_relu(x, slope) if slope else _aten.relu(x)
        ctx.slope = slope
        ctx.save_for_backward(y)
        ctx.set_materialize_grads(False)
        return y

    @staticmethod
    def backward(ctx: Any, *us: Tensor | None) -> tuple[Tensor | None, None]:
        y, slope = ctx.saved_tensors[0].detach(), ctx.slope

        def times(u: Tensor) -> Tensor:
            u = _like(u, y)
            return _aten.leaky_relu_backward(u, y, slope, True) if slope else _aten.threshold_backward(u, y, 0)

        return None if us[0] is None else _linear(us[0], times, times), None


class _Linear(torch.autograd.Function):
    """x -> A x, given A and its transpose: second derivatives send nothing back to where A came from."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, there: Map, back: Map) -> Tensor:
        ctx.maps = there, back
        ctx.set_materialize_grads(False)
        return there(x)

    @staticmethod
    def backward(ctx: Any, *us: Tensor | None) -> tuple[Tensor | None, None, None]:
        there, back = ctx.maps
        return None if us[0] is None else _linear(us[0], back, there), None, None


def _linear(x: Tensor, there: Map, back: Map) -> Tensor:
    return cast(Tensor, _Linear.apply(x, there, back))


def _like(u: Tensor, y: Tensor) -> Tensor:
    """Return `u` laid out as `y` of its shape, without which elementwise loops go slowly through both."""
    return u if u.ndim != 4 or u.stride() == y.stride() else u.contiguous(memory_format=_layout_of(y))


def _layout_of(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last and not x.is_contiguous() else torch.contiguous_format


# What layers call -------------------------------------------------------------------------------------------


def convolve(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | str | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor:
    """Return what `torch.nn.functional.conv2d` returns, closed under differentiation.

    Args:
        input: images (n, channels, height, width).
        weight: filters (outputs, channels / groups, height, width).
        bias: (outputs,), or None.
        stride: one number or two.
        padding: one number or two; by name it is PyTorch's to do.
        dilation: one number or two.
        groups: into how many the channels are parted.

    Returns:
        images (n, outputs, height, width).

    Example:
        >>> x, w = torch.arange(16.0).view(1, 1, 4, 4), torch.ones(1, 1, 3, 3, requires_grad=True)
        >>> convolve(x, w).tolist()
        [[[[45.0, 54.0], [81.0, 90.0]]]]
    """
    if isinstance(padding, str) or not _covered(input, weight):
        return functional.conv2d(input, weight, bias, stride, padding, dilation, groups)
    how = _Geometry(_two(stride), _two(padding), _two(dilation), groups, _layout(input))
    tensors = [None if t is None else _inner(t) for t in (how.laid(input), how.laid(weight), bias)]
    return cast(Tensor, _Forward.apply(*tensors, how))


def rectify(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return what `torch.nn.functional.leaky_relu` returns; its slope is a constant for second derivatives.

    Args:
        input: any tensor.
        negative_slope: the slope below 0.
        inplace: left to PyTorch, as are negative slopes.

    Returns:
        a tensor of the same shape.

    Example:
        >>> rectify(torch.tensor([-1.0, 2.0]), 0.2).tolist()
        [-0.20000000298023224, 2.0]
    """
    if inplace or not negative_slope >= 0 or not _plain(input):
        return functional.leaky_relu(input, negative_slope, inplace)
    return cast(Tensor, _Rectified.apply(input, float(negative_slope)))


def _relu(input: Tensor, inplace: bool = False) -> Tensor:
    if inplace or not _plain(input):
        return functional.relu(input, inplace)
    return cast(Tensor, _Rectified.apply(input, 0.0))


def average(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return what `torch.nn.functional.avg_pool2d` returns; its second derivatives are not read as zeros.

    Args:
        input: images (n, channels, height, width).
        kernel_size: one number or two, as are stride and padding.
        stride: None for the kernel's size.
        padding: zeros around the images.
        ceil_mode: whether the last window may be cut.
        count_include_pad: whether zeros around the images count.
        divisor_override: what sums are divided by, in place of the size of the window.

    Returns:
        images (n, channels, height, width).

    Example:
        >>> average(torch.arange(4.0).view(1, 1, 2, 2), 2).item()
        1.5
    """
    how = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    if input.ndim != 4 or not _plain(input):
        return functional.avg_pool2d(input, *how)
    sizes = [_two(x) for x in (kernel_size, kernel_size if stride is None else stride, padding)]
    shape, layout = input.shape, _layout_of(input)

    def back(u: Tensor) -> Tensor:
        like = torch.empty(shape, dtype=u.dtype, device=u.device, memory_format=layout)
        return _aten.avg_pool2d_backward(u.contiguous(memory_format=layout), like, *sizes, *how[3:])

    return _linear(input, lambda x: _aten.avg_pool2d(x, *sizes, *how[3:]), back)


def _inner(x: Tensor) -> Tensor:
    """Return a view of a leaf: of leaves PyTorch does not say whether their derivative is asked for."""
    return x.view_as(x) if x.requires_grad and x.is_leaf else x


def _covered(x: Tensor, w: Tensor) -> bool:
    return x.ndim == w.ndim == 4 and x.dtype == w.dtype and x.numel() > 0 and _plain(x)


def _plain(x: Tensor) -> bool:
    """Say whether a tensor is one of plain numbers on the CPU, in no transform and under no autocast."""
    plain = x.device.type == "cpu" and x.is_floating_point() and not torch.is_autocast_enabled("cpu")
    return plain and cast(Any, torch._C)._functorch.peek_interpreter_stack() is None


def _layout(x: Tensor) -> torch.memory_format:
    return torch.channels_last if x.shape[2] * x.shape[3] > FEW else torch.contiguous_format


def _two(value: Any) -> list[int]:
    if isinstance(value, int):
        return [value, value]
    return [*value] * (2 if len(value) == 1 else 1)


_OWN: dict[Any, Callable[..., Tensor]] = {
    functional.conv2d: convolve,
    functional.leaky_relu: rectify,
    functional.avg_pool2d: average,
    functional.relu: _relu,
    torch.relu: _relu,
    Tensor.relu: _relu,
}


class _Closed(TorchFunctionMode):
    """Calls `_OWN` in the place of PyTorch's functions."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        own: Any = _OWN.get(func, func)
        return own(*args, **(kwargs or {}))


@contextlib.contextmanager
def closed() -> Iterator[None]:
    """Return a context in which convolutions and ReLUs are those of this file, in any module.

    Only what is called within counts; derivatives may be taken outside.

    Example:
        >>> layer, x = torch.nn.Conv2d(1, 1, 3), torch.ones(1, 1, 5, 5)
        >>> with closed():
        ...     name = type(layer(x).grad_fn).__name__
        >>> name, type(layer(x).grad_fn).__name__
        ('_ForwardBackward', 'ConvolutionBackward0')
    """
    with _Closed():
        yield


@record
class Closed:
    """A network that is called within `closed()`.

    Args:
        function: the network, (vector, *inputs) -> output.
    """

    function: Callable[..., Tensor] = static()

    def __call__(self, flat: Tensor, *inputs: Tensor) -> Tensor:
        """Return the network's output."""
        with _Closed():
            return self.function(flat, *inputs)


def closed_gan(gan: GAN) -> GAN:
    """Return the game whose networks are called within `closed()`.

    Args:
        gan: a game of PyTorch modules.

    Returns:
        the same game up to rounding.
    """
    return dataclasses.replace(gan, generator=Closed(gan.generator), critic=Closed(gan.critic))
