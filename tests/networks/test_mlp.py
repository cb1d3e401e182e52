"""Perceptrons: the numbers of parameters of the mixture of Gaussians, and how the weights start."""

import pytest

torch = pytest.importorskip("torch")

from tussle.networks.mlp import MLP, mlp_networks
from tussle.networks.norms import BatchNorm


def test_a_perceptron_is_its_layers_one_after_the_other():
    module, x = MLP(3, 2, width=4, depth=2), torch.linspace(-1, 1, 15).view(5, 3)
    first, second, last = module.layers
    hidden = torch.relu(second(torch.relu(first(x))))
    torch.testing.assert_close(module(x), last(hidden))


def test_weights_start_uniform_within_the_bound_of_glorot_and_biases_at_0():
    for layer in MLP(10, 3, width=200).layers:
        bound = (6 / sum(layer.weight.shape)) ** 0.5
        # The largest of n uniform numbers is within 20 / n of the bound but for a chance of e^-20.
        assert bound * (1 - 20 / layer.weight.numel()) < float(layer.weight.detach().abs().max()) <= bound
        assert not layer.bias.any()


def test_images_are_flattened_and_norms_take_their_place():
    module = MLP(4, None, width=6, depth=2, norm="batch")
    assert module(torch.randn(3, 1, 2, 2)).shape == (3,)
    assert [type(n) for n in module.norms] == [BatchNorm, BatchNorm]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"activation": "rely"}, "`activation` is 'rely'; .*; did you mean `relu`"),
        ({"width": 0}, "`width` is 0; it must be a whole number"),
        ({"depth": 0}, "`depth` is 0; it must be a whole number"),
        ({"latent": 2.5}, "`latent` is 2.5; it must be a whole number"),
        ({"dimension": 0}, "`dimension` is 0; it must be a whole number"),
        ({"classes": 0}, "`classes` is 0; it must be a whole number"),
        ({"norm": "nothing"}, "`norm` is 'nothing'; it may be one of"),
    ],
)
def test_options_out_of_range_are_refused_in_a_sentence(options, match):
    with pytest.raises(ValueError, match=match):
        mlp_networks(**options)
