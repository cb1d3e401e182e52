"""R3GAN: fix-up weights, bilinear resampling, grouped bottlenecks, projection of classes."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional

from tussle.networks.r3gan import Bilinear, Bottleneck, r3gan_networks


def drawn(**options):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return r3gan_networks(**options)


# Blocks -----------------------------------------------------------------------------------------------------


def test_every_block_starts_as_the_identity():
    block, x = Bottleneck(4, 2, 2, 8, "leaky_relu"), torch.randn(2, 4, 5, 5)
    assert torch.equal(block(x), x)


def test_a_block_is_the_formula():
    block, x = Bottleneck(2, 2, 2, 1, "leaky_relu"), torch.randn(2, 2, 3, 3)
    with torch.no_grad():
        for p in block.parameters():
            p.normal_(generator=torch.Generator().manual_seed(0))
    leaky = lambda t: torch.where(t > 0, t, 0.2 * t)
    wide = leaky(torch.einsum("oi,nihw->nohw", block.widen.weight[..., 0, 0], x) + block.widen.bias[:, None, None])
    halves = zip(wide.split(2, 1), block.mix.weight.split(2), strict=True)
    mixed = torch.cat([functional.conv2d(a, w, padding=1) for a, w in halves], 1) + block.mix.bias[:, None, None]
    wanted = x + torch.einsum("oi,nihw->nohw", block.narrow.weight[..., 0, 0], leaky(mixed))
    torch.testing.assert_close(block(x), wanted)
    assert block.narrow.bias is None


def test_weights_start_with_the_gain_of_the_fix_up_rule():
    generator, discriminator = drawn(latent=8, size=32, width=64, blocks=2)
    gain = (2 / (1 + 0.2**2)) ** 0.5 * 8**-0.25  # four resolutions of two blocks
    for network in (generator, discriminator):
        blocks = [m for m in network.modules() if isinstance(m, Bottleneck)]
        assert len(blocks) == 8
        for weights, fan in (([b.widen.weight for b in blocks], 64), ([b.mix.weight for b in blocks], 9 * 16)):
            found = torch.cat([w.detach().flatten() for w in weights])
            assert float(found.std()) == pytest.approx(gain / fan**0.5, rel=5 / (2 * len(found)) ** 0.5)
        assert not any(p.any() for b in blocks for p in (b.widen.bias, b.mix.bias, b.narrow.weight))


# Resampling -------------------------------------------------------------------------------------------------


def test_doubling_is_bilinear_away_from_the_border():
    x = torch.randn(2, 3, 6, 6)
    wanted = functional.interpolate(x, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(Bilinear(up=True)(x)[..., 1:-1, 1:-1], wanted[..., 1:-1, 1:-1])


@pytest.mark.parametrize("up", [True, False])
def test_resampling_is_the_filter_1_2_1_after_doubling_or_before_averaging(up):
    x, filtered = torch.randn(2, 3, 8, 8).double(), torch.tensor([1.0, 2.0, 1.0]).double() / 4
    filtered = torch.outer(filtered, filtered).expand(3, 1, 3, 3)
    if up:
        inner = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        wanted = functional.conv2d(inner, filtered, padding=1, groups=3)
    else:
        wanted = functional.avg_pool2d(functional.conv2d(x, filtered, padding=1, groups=3), 2)
    inside = (..., slice(1, -1), slice(1, -1))  # at the border zeros are added before doubling, not after it
    torch.testing.assert_close(Bilinear(up).double()(x)[inside], wanted[inside])


def test_halving_is_a_quarter_of_the_transpose_of_doubling():
    x, y = torch.randn(1, 2, 4, 4).double(), torch.randn(1, 2, 8, 8).double()
    forward, back = (Bilinear(up=True).double()(x) * y).sum(), (x * Bilinear(up=False).double()(y)).sum()
    torch.testing.assert_close(forward, 4 * back)


@pytest.mark.parametrize("up", [True, False])
def test_resampling_keeps_the_middle_of_the_image(up):
    x, resample = torch.randn(1, 2, 8, 8), Bilinear(up)
    torch.testing.assert_close(resample(x.flip(2, 3)), resample(x).flip(2, 3))


def test_the_filter_is_no_part_of_the_state():
    assert list(Bilinear(up=True).state_dict()) == []


# Networks ---------------------------------------------------------------------------------------------------


def test_a_fresh_generator_is_its_basis_scaled_and_doubled():
    generator, _ = drawn(latent=3, size=8, width=4, group=2)
    z = torch.randn(2, 3)
    start = (z @ generator.scale.weight.T)[:, :, None, None] * generator.basis
    torch.testing.assert_close(generator(z), generator.last(Bilinear(up=True)(start)))


def test_a_discriminator_of_classes_projects_its_features_on_the_embedding():
    _, discriminator = drawn(latent=3, size=8, width=4, group=2, classes=3)
    x, y = torch.randn(2, 3, 8, 8), torch.tensor([2, 1])
    features = discriminator.last(discriminator.pool(discriminator.body(discriminator.first(x))).flatten(1))
    assert features.shape == (2, 4)
    torch.testing.assert_close(discriminator(x, y), (features @ discriminator.embedding.weight.T)[[0, 1], y])


def test_widths_are_full_up_to_a_resolution_and_halve_beyond_it():
    with torch.device("meta"):
        generator, discriminator = r3gan_networks(size=256)
    for network, widths in ((generator, [768] * 4 + [384, 192, 96]), (discriminator, [96, 192, 384] + [768] * 4)):
        blocks = [m for m in network.modules() if isinstance(m, Bottleneck)]
        assert [b.widen.in_channels for b in blocks[::2]] == widths
        assert {b.mix.out_channels // b.mix.groups for b in blocks} == {16}


def test_without_classes_labels_may_be_left_out():
    generator, discriminator = drawn(latent=3, size=4, width=4, group=2)
    images = generator(torch.randn(2, 3))
    assert images.shape == (2, 3, 4, 4)
    assert discriminator(images).shape == (2,)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"size": 24}, "`size` is 24; it must be 4 times a power of two"),
        ({"group": 5, "width": 4}, r"`group` is 5 for 8 channels \(2 times a width of 4\); it must divide them; give"),
        ({"blocks": 0}, "`blocks` is 0"),
        ({"expansion": 0}, "`expansion` is 0"),
        ({"full": 0}, "`full` is 0"),
        ({"activation": "gelu", "width": 8}, "`activation` is 'gelu'; it may be one of"),
    ],
)
def test_options_out_of_range_are_refused_in_a_sentence(options, match):
    with pytest.raises(ValueError, match=match):
        r3gan_networks(**options)
