"""Perceptrons in plain arithmetic: the same numbers as the modules, in both engines, to the second derivative."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.autodiff import array, float64, gradient, is_torch, jax_engine
from tussle.data.planes import ring
from tussle.game import placed
from tussle.networks.dense import ACTIVATIONS, dense_gan, from_torch, is_dense, parameters, perceptron, to_torch
from tussle.networks.functional import player
from tussle.networks.mlp import MLP
from tussle.networks.zoo import make_networks

EPS = np.finfo(float).eps
NAMES = ("mlp", "numerics-mog", "jare-ring", "mescheder-2d")


@pytest.mark.parametrize("name", NAMES)
def test_a_start_holds_the_weights_of_the_modules_of_the_same_seed(name):
    dense = dense_gan(name, data=ring(), seed=3)
    for flat, module in zip(dense.start, make_networks(name, seed=3), strict=True):
        assert flat.dtype == np.float32
        np.testing.assert_array_equal(flat, torch.cat([p.detach().reshape(-1) for p in module.parameters()]))
    assert dense.game.sizes == tuple(map(len, dense.start))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_values_and_gradients_are_those_of_the_module_under_both_engines(activation):
    module = MLP(3, None, width=5, depth=2, activation=activation).double()
    theirs = player(module)
    flat = theirs.vector + 0.1  # off the biases of 0
    ours = perceptron((3, 5, 5, 1), activation, single=True)
    x = np.random.default_rng(0).standard_normal((7, 3))

    def slope(function, point):
        """The gradient of |grad_x D|^2 with respect to the weights: what R1 pushes."""

        def square(v):
            inner = gradient(lambda inputs: function(v, inputs).sum(), array(x, point))
            return (inner * inner).sum()

        return np.concatenate(
            [
                np.asarray(
                    function(point, array(x, point)).detach() if is_torch(point) else function(point, array(x, point))
                ),
                np.asarray(gradient(square, point)),
            ]
        )

    wanted = slope(theirs.function, flat)
    with float64():
        found = slope(ours, array(flat.numpy()))
    # PyTorch's softplus is the identity from 20 on, which is e^-20 = 2e-9 off there; nothing here is that large.
    for values in (found, slope(ours, flat)):
        np.testing.assert_allclose(values, wanted, rtol=1e3 * EPS, atol=1e3 * EPS * np.abs(wanted).max())


@pytest.mark.parametrize(("activation", "slope"), [("relu", 0.0), ("leaky_relu", 0.2)])
def test_the_slope_at_a_kink_is_that_of_the_module_under_both_engines(activation, slope):
    bend = ACTIVATIONS[activation]
    with float64():
        assert float(gradient(lambda x: bend(x).sum(), array([0.0]))[0]) == slope
    zero = torch.zeros(1, dtype=torch.float64)
    assert float(gradient(lambda x: bend(x).sum(), zero)) == slope
    assert torch.isnan(bend(zero * torch.nan)).all()
    assert jax_engine().numpy.isnan(bend(jax_engine().numpy.asarray([np.nan]))).all()


def test_a_point_moves_to_pytorch_and_back_and_the_two_games_lose_the_same_there():
    dense = dense_gan("mlp", data=ring(), penalties=[tussle.r1(1.0)], options={"width": 6, "depth": 2}, seed=1)
    point = to_torch(dense.start, torch.float64)
    batch = placed(dense.game.sampler(16)(0, 0), point[0])
    for i in range(2):
        ours, theirs = (float(game.loss(i, point, batch)) for game in (dense.game, dense.network.game))
        assert ours == pytest.approx(theirs, rel=1e3 * EPS)
    for a, b in zip(from_torch(to_torch(dense.start)), dense.start, strict=True):
        np.testing.assert_array_equal(a, b)
    generator, discriminator = dense.modules(dense.start)
    assert sum(p.numel() for m in (generator, discriminator) for p in m.parameters()) == sum(dense.game.sizes)
    assert dense.samples(dense.start, 5).shape == (5, 2)


def test_perceptrons_are_told_from_other_networks():
    assert all(is_dense(name) for name in NAMES)
    assert not is_dense("digits")
    assert not is_dense("mlp", norm="batch")
    assert not is_dense("mlp", classes=3)
    assert parameters((16, 16, 16, 16, 16, 2)) == 1122


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: dense_gan("dcgan", data=ring()), "`name` is 'dcgan' with options {}; it must stand for perceptrons"),
        (lambda: dense_gan("mlp", data=ring(), options={"norm": "batch"}), "take network_gan"),
        (lambda: dense_gan("mlp", data=ring(), options={"wide": 3}), "`option of mlp` is 'wide'"),
        (lambda: dense_gan("mlp", data=ring(), options={"dimension": 3}), "the data asks for"),
        (lambda: perceptron((2, 1))(np.zeros(4), np.zeros((1, 2))), r"`vector` has shape \(4,\)"),
        (lambda: perceptron((2, 1), "sine"), "`activation` is 'sine'; it may be one of"),
    ],
)
def test_what_is_no_perceptron_is_refused_in_a_sentence(call, match):
    with pytest.raises(ValueError, match=match):
        call()
