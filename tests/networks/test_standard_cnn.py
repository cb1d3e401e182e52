"""The standard CNN: layers as in the table, spectral norms or batch norms in the discriminator."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn

from tussle.networks.norms import BatchNorm, SpectralNorm
from tussle.networks.standard_cnn import standard_cnn_networks


@pytest.fixture
def networks():
    with torch.device("meta"):
        return standard_cnn_networks()


def test_convolutions_are_those_of_the_table(networks):
    generator, discriminator = networks
    assert [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in (*generator.steps, generator.last)] == [
        (256, 4, 2), (128, 4, 2), (64, 4, 2), (3, 3, 1),
    ]  # fmt: skip
    assert [(c.layer.out_channels, c.layer.kernel_size[0], c.layer.stride[0]) for c in discriminator.steps] == [
        (64, 3, 1), (64, 4, 2), (128, 3, 1), (128, 4, 2), (256, 3, 1), (256, 4, 2), (512, 3, 1),
    ]  # fmt: skip


def test_parameters_are_those_of_the_layers(networks):
    generator = 128 * 8192 + 8192 + sum(16 * a * b + 3 * b for a, b in ((512, 256), (256, 128), (128, 64)))
    generator += 9 * 64 * 3 + 3
    pairs = ((3, 64, 9), (64, 64, 16), (64, 128, 9), (128, 128, 16), (128, 256, 9), (256, 256, 16), (256, 512, 9))
    discriminator = sum(k * a * b + b for a, b, k in pairs) + 512 * 16 + 1
    assert [sum(p.numel() for p in m.parameters()) for m in networks] == [generator, discriminator]


def test_spectral_norms_take_the_place_of_batch_norms_in_the_discriminator():
    kinds = {}
    for spectral in (True, False):
        _, discriminator = standard_cnn_networks(2, 8, width=1, spectral=spectral)
        kinds[spectral] = [sum(isinstance(m, k) for m in discriminator.modules()) for k in (SpectralNorm, BatchNorm)]
    assert kinds == {True: [8, 0], False: [0, 6]}


def test_weights_under_spectral_norm_start_near_unit_length_and_convolutions_near_a_fiftieth():
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        generator, discriminator = standard_cnn_networks(2, 8, width=16)
    norms = [m for m in discriminator.modules() if isinstance(m, SpectralNorm)]
    lengths = [float(torch.linalg.matrix_norm(m.normalized_weight().detach().flatten(1), 2)) for m in norms]
    assert all(1 - 1e-6 < s < 1.1 for s in lengths)  # u^T W v is never more than the largest singular value
    weights = torch.cat([c.weight.flatten() for c in (*generator.steps, *(m.layer for m in discriminator.steps))])
    assert float(weights.detach().std()) == pytest.approx(0.02, rel=5 / (2 * len(weights)) ** 0.5)
    assert isinstance(generator.norms[0], BatchNorm)


def test_the_leaky_slope_is_a_tenth():
    _, discriminator = standard_cnn_networks(2, 8, width=1)
    assert discriminator.activation(torch.tensor([-1.0, 2.0])).tolist() == pytest.approx([-0.1, 2.0])


@pytest.mark.parametrize("size", [8, 48])
def test_images_have_the_size_that_was_asked_for(size):
    generator, discriminator = standard_cnn_networks(3, size, 2, 1, norm="none", generator_activation="tanh")
    images = generator(torch.randn(2, 3))
    assert images.shape == (2, 2, size, size)
    assert discriminator(images).shape == (2,)
    assert not any(isinstance(m, nn.BatchNorm2d | BatchNorm) for m in generator.modules())


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"size": 20}, "`size` is 20; it must be a multiple of 8; resize"),
        ({"width": 0}, "`width` is 0"),
        ({"spectral": "on"}, "`spectral` is 'on'; it may be true or false"),
        ({"norm": "x"}, "`norm` is 'x'; it may be one of"),
        ({"activation": "x", "width": 1}, "`activation` is 'x'; it may be one of"),
    ],
)
def test_options_out_of_range_are_refused_in_a_sentence(options, match):
    with pytest.raises(ValueError, match=match):
        standard_cnn_networks(**options)
