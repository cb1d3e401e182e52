"""Convolutions, means and ReLUs closed under differentiation, beside PyTorch's own and beside differences."""

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from tussle.data import digits
from tussle.field import Field
from tussle.game import placed
from tussle.networks import network_gan
from tussle.networks.convolution import average, closed, closed_gan, convolve, rectify
from tussle.networks.resnet import resnet_networks
from tussle.penalties import r1

PIXELS = 6  # more than the 4 x 4 up to which images keep their layout
CASES = {
    "plain": ({}, 3, True),
    "padded, no bias": ({"padding": 1}, 3, False),
    "strides": ({"stride": 2, "padding": 1}, 3, True),
    "uneven strides": ({"stride": (2, 1), "padding": (0, 2)}, 3, True),
    "dilated": ({"dilation": 2, "padding": 2}, 3, True),
    "groups": ({"groups": 2, "padding": 1}, 3, True),
    "one by one": ({}, 1, True),
}


def numbers(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def scene(case, pixels=PIXELS):
    """Inputs of a convolution that ask for derivatives, and its options."""
    options, kernel, biased = CASES[case]
    x = numbers(2, 4, pixels, pixels).requires_grad_()
    w = numbers(2, 4 // options.get("groups", 1), kernel, kernel, seed=1).requires_grad_()
    return (x, w, numbers(2, seed=2).requires_grad_()) if biased else (x, w), options


def derivatives(function, inputs, order):
    """The values of a function and its derivatives up to an order, each of the sine of the last ones' weighted mean."""
    found = last = [function(*inputs)]
    for k in range(order):
        total = sum((x * numbers(*x.shape, seed=10 + k)).mean() for x in last)
        last = torch.autograd.grad(total.sin(), inputs, create_graph=True)
        found = [*found, *last]
    return [x.detach() for x in found]


def close(first, second):
    return all(float((a - b).norm()) <= 1e-12 * float(b.norm()) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("pixels", [4, PIXELS])
def test_derivatives_up_to_the_third_are_those_of_pytorch(case, pixels):
    inputs, options = scene(case, pixels + 1 if case == "dilated" else pixels)
    ours = derivatives(lambda *a: convolve(*a, **options), inputs, 3)
    assert close(ours, derivatives(lambda *a: F.conv2d(*a, **options), inputs, 3))


@pytest.mark.parametrize("case", ["plain", "strides", "groups"])
def test_first_and_second_derivatives_are_those_of_differences(case):
    inputs, options = scene(case, 5)

    def function(*a):
        return convolve(*a, **options)

    assert torch.autograd.gradcheck(function, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


class Counted(TorchDispatchMode):
    """Counts the products that derivatives are made of."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += "convolution" in str(func)
        return func(*args, **(kwargs or {}))


def test_a_derivative_that_is_not_asked_for_is_not_computed():
    x, w = numbers(2, 4, 6, 6).requires_grad_(), numbers(3, 4, 3, 3).requires_grad_()
    y = convolve(x, w)
    with Counted() as one:
        (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    with Counted() as second:
        torch.autograd.grad(slope.sum(), w)
    # The second derivative: of what the slope is linear in, w and u; from u through y to w.
    assert (one.count, second.count) == (1, 3)


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_a_rectifier_has_pytorchs_values_and_first_three_derivatives(slope):
    x = numbers(2, 3, 5, 5).requires_grad_()
    ours = derivatives(lambda a: rectify(a, slope) ** 2, (x,), 3)
    assert close(ours, derivatives(lambda a: F.leaky_relu(a, slope) ** 2, (x,), 3))


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"padding": 1, "count_include_pad": False}])
def test_a_mean_has_pytorchs_values_and_first_three_derivatives(options):
    x = numbers(2, 3, 6, 6).requires_grad_()
    ours = derivatives(lambda a: average(a, 3, **options) ** 3, (x,), 3)
    assert close(ours, derivatives(lambda a: F.avg_pool2d(a, 3, **options) ** 3, (x,), 3))


def test_a_piecewise_linear_network_sends_nothing_back_through_its_forward_pass():
    layers = nn.Sequential(nn.Conv2d(2, 3, 3), nn.LeakyReLU(0.2), nn.AvgPool2d(2), nn.Conv2d(3, 1, 3))
    x, heard = torch.randn(2, 2, 10, 10, requires_grad=True), []
    with closed():
        hidden = layers[0](x)
        hidden.register_hook(lambda g: heard.append("forward"))
        out = layers[1:](hidden)
    (slope,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    heard.clear()
    torch.autograd.grad(slope.square().sum(), list(layers.parameters()), allow_unused=True)
    assert heard == []


def names(x):
    return type(x.grad_fn).__name__


def test_only_what_is_called_within_the_scope_changes_even_after_an_error():
    layer, x = nn.Conv2d(2, 2, 3), torch.randn(1, 2, 6, 6)
    before = names(layer(x))
    with pytest.raises(RuntimeError, match="channels"), closed():
        layer(torch.randn(1, 3, 6, 6))
    with closed():
        inside = names(layer(x)), names(F.relu(layer(x))), names(layer(x).relu())
    assert inside == ("_ForwardBackward", "_RectifiedBackward", "_RectifiedBackward")
    assert names(layer(x)) == before == "ConvolutionBackward0"


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.ConvTranspose2d(2, 2, 4, 2, 1), (1, 2, 6, 6)),
        (nn.Conv1d(2, 2, 3), (1, 2, 6)),
        (nn.Conv2d(2, 2, 3, padding="same"), (1, 2, 6, 6)),
        (nn.Conv2d(2, 2, 3), (2, 6, 6)),
        (nn.ReLU(inplace=True), (1, 2, 6, 6)),
    ],
    ids=["transposed", "one axis", "same", "one image", "in place"],
)
def test_what_is_not_covered_is_pytorchs(layer, shape):
    x = torch.randn(shape, requires_grad=True)
    with closed():
        found = layer(x * 1)
    assert names(found) == names(layer(x * 1))
    assert torch.equal(found, layer(x * 1))


def test_transforms_and_autocast_are_pytorchs_within_the_scope():
    layer, x = nn.Conv2d(2, 1, 3), torch.randn(3, 2, 6, 6)
    with closed(), torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype is torch.bfloat16
    with closed():
        slopes = torch.func.vmap(torch.func.grad(lambda one: F.relu(layer(one[None])).sum()))(x)
    whole = x.clone().requires_grad_()
    assert torch.allclose(slopes, torch.autograd.grad(F.relu(layer(whole)).sum(), whole)[0], atol=1e-6)


def test_images_lie_with_channels_last_unless_they_have_few_pixels():
    layer = nn.Conv2d(2, 3, 3, padding=1)
    with closed(), torch.no_grad():
        large, small = layer(torch.randn(2, 2, 8, 8)), layer(torch.randn(2, 2, 4, 4))
    assert large.is_contiguous(memory_format=torch.channels_last)
    assert small.is_contiguous()


def test_a_game_in_the_scope_has_the_same_field_and_the_same_products():
    data = digits().train.images.astype("float64")
    pair = [m.double() for m in resnet_networks(3, size=8, channels=1, width=2)]
    net = network_gan(*pair, data=data, latent=3, penalties=(r1(2.0),))
    batch = placed(net.game.sampler(4)(0, 0), net.start[0])
    theta, psi = (x.clone().requires_grad_() for x in net.start)
    found = []
    for game in (net.game, closed_gan(net.game)):
        velocity = Field(game).player(1, (theta, psi), batch)
        probe = numbers(len(velocity))
        found.append([velocity.detach(), *torch.autograd.grad(velocity @ probe, (theta, psi))])
    assert close(found[1], found[0])
