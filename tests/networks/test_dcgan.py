"""Deep convolutional networks: numbers of parameters from the layers' shapes, and how the weights start."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn

from tussle.networks.dcgan import dcgan_networks
from tussle.networks.norms import BatchNorm
from tussle.networks.resnet import ResidualBlock


def counts(**options):
    with torch.device("meta"):
        return [sum(p.numel() for p in m.parameters()) for m in dcgan_networks(**options)]


def test_the_usual_64_pixel_pair_has_the_parameters_of_its_layers():
    """Bias-free 4 x 4 kernels between 512, 256, 128 and 64 channels, a gain and a shift for each that is normalized."""
    between = 16 * (512 * 256 + 256 * 128 + 128 * 64)
    generator = 100 * 512 * 16 + between + 16 * 64 * 3 + 2 * (512 + 256 + 128 + 64)
    discriminator = 16 * 3 * 64 + between + 512 * 16 + 2 * (512 + 256 + 128)
    assert counts() == [generator, discriminator]
    assert (generator, discriminator) == (3_576_704, 2_765_568)  # the numbers that PyTorch's own example prints


def test_without_norms_at_constant_width_every_layer_has_a_bias():
    found = counts(latent=256, size=32, kernel=5, norm="none", constant=True)
    layer = 25 * 64 * 64 + 64
    generator = 256 * 4 * 64 + 4 * 64 + 3 * layer + 25 * 64 * 3 + 3
    discriminator = 25 * 3 * 64 + 64 + 3 * layer + 4 * 64 + 1
    assert found == [generator, discriminator]


@pytest.mark.parametrize("kernel", [4, 5])
@pytest.mark.parametrize(("size", "layers"), [(28, 2), (32, 3), (48, 4)])
def test_images_have_the_size_that_was_asked_for(size, layers, kernel):
    generator, discriminator = dcgan_networks(3, size, 1, 2, layers, kernel)
    images = generator(torch.randn(2, 3))
    assert images.shape == (2, 1, size, size)
    assert float(images.detach().abs().max()) <= 1
    assert discriminator(images).shape == (2,)


def test_the_first_convolution_of_the_discriminator_has_no_norm_and_the_others_have():
    _, discriminator = dcgan_networks(3, 16, 1, 2, 3)
    assert [m.weight.numel() for m in discriminator.modules() if isinstance(m, BatchNorm)] == [4, 8]
    generator, discriminator = dcgan_networks(3, 16, 1, 2, 3, discriminator_norm="none")
    assert [m.weight.numel() for m in generator.modules() if isinstance(m, BatchNorm)] == [8, 4, 2]
    assert not any(isinstance(m, BatchNorm) for m in discriminator.modules())


def test_weights_start_from_a_normal_of_deviation_one_fiftieth():
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        networks = dcgan_networks(width=16)
    layers = [m for n in networks for m in n.modules()]
    weights = torch.cat([m.weight.flatten() for m in layers if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))])
    gains = torch.cat([m.weight for m in layers if isinstance(m, BatchNorm)])
    for found, center in ((weights, 0.0), (gains, 1.0)):
        # Mean and deviation of n normals are off by about 0.02 / sqrt(n) and 0.02 / sqrt(2 n).
        error = 5 * 0.02 / len(found) ** 0.5
        assert float(found.detach().mean()) == pytest.approx(center, abs=error)
        assert float(found.detach().std()) == pytest.approx(0.02, abs=error)


def test_residual_blocks_follow_the_convolutions_with_half_their_width():
    networks = dcgan_networks(3, 32, 3, 4, norm="none", constant=True, residual=True)
    hidden = [[m.first.out_channels for m in n.modules() if isinstance(m, ResidualBlock)] for n in networks]
    assert hidden == [[2, 2, 2], [4, 2, 2, 2]]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"size": 28}, "`size` is 28 with 4 layers; it must be a multiple of 16; take"),
        ({"kernel": 3}, "`kernel` is 3; it may be 4 or 5; give"),
        ({"norm": "bash"}, "`norm` is 'bash'; it may be one of"),
        ({"discriminator_norm": "lawyer"}, "`norm` is 'lawyer'; .*; did you mean `layer`"),
        ({"initial": "norma"}, "`initial` is 'norma'; .*; did you mean `normal`"),
        ({"residual": 1}, "`residual` is 1; it may be true or false"),
        ({"constant": "yes"}, "`constant` is 'yes'; it may be true or false"),
        ({"channels": 0}, "`channels` is 0"),
        ({"activation": "gelu", "size": 16, "width": 1}, "`activation` is 'gelu'; it may be one of"),
    ],
)
def test_options_out_of_range_are_refused_in_a_sentence(options, match):
    with pytest.raises(ValueError, match=match):
        dcgan_networks(**options)
