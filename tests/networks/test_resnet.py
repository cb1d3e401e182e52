"""The residual networks of GAN_stability: blocks, their order, labels."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn
from torch.nn import functional

from tussle.networks.resnet import ResidualBlock, resnet_networks


def test_a_block_adds_a_tenth_of_its_branch_to_the_shortcut():
    block, x = ResidualBlock(4, 2), torch.randn(3, 4, 5, 5)
    inner = block.first(torch.where(x > 0, x, 0.2 * x))
    wanted = functional.conv2d(x, block.shortcut.weight) + 0.1 * block.second(
        torch.where(inner > 0, inner, 0.2 * inner)
    )
    torch.testing.assert_close(block(x), wanted)
    assert block.first.out_channels == 2
    assert block.shortcut.bias is None
    assert isinstance(ResidualBlock(3, 3).shortcut, nn.Identity)


def order(module):
    names = {ResidualBlock: "block", nn.Upsample: "double", nn.AvgPool2d: "halve"}
    return [
        f"{m.first.in_channels}-{m.second.out_channels}" if isinstance(m, ResidualBlock) else names[type(m)]
        for m in module.body
    ]


@pytest.mark.parametrize(
    ("blocks", "up", "down"),
    [
        (
            1,
            ["4-4", "double", "4-2", "double", "2-1", "double", "1-1"],
            ["1-1", "halve", "1-2", "halve", "2-4", "halve", "4-4"],
        ),
        (
            2,
            ["4-4", "4-4", "double", "4-4", "4-4", "double", "4-2", "2-2", "double", "2-1", "1-1"],
            ["1-1", "1-2", "halve", "2-2", "2-4", "halve", "4-4", "4-4", "halve", "4-4", "4-4"],
        ),
    ],
)
def test_widths_change_where_the_published_networks_change_them(blocks, up, down):
    generator, discriminator = resnet_networks(2, 32, width=1, most=4, blocks=blocks)
    assert order(generator) == up
    assert order(discriminator) == down


def test_the_imagenet_networks_have_12_blocks_each():
    with torch.device("meta"):
        networks = resnet_networks(size=128, blocks=2)
    assert [sum(isinstance(m, ResidualBlock) for m in n.modules()) for n in networks] == [12, 12]


def test_doubling_repeats_pixels_and_halving_averages_three_by_three_with_zeros_outside():
    generator, discriminator = resnet_networks(2, 8, width=1)
    x = torch.arange(16.0).view(1, 1, 4, 4)
    torch.testing.assert_close(generator.body[1](x), x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    halved = discriminator.body[1](x)[0, 0]
    sums = [[0 + 1 + 4 + 5, 1 + 2 + 3 + 5 + 6 + 7], [4 + 5 + 8 + 9 + 12 + 13, 90]]
    torch.testing.assert_close(halved, torch.tensor(sums) / 9)


def test_labels_are_embedded_at_unit_length_and_pick_a_logit():
    generator, discriminator = resnet_networks(2, 8, width=2, classes=3, embed=5)
    y = torch.tensor([2, 0])
    torch.testing.assert_close(generator.embedding(y).norm(dim=1), torch.ones(2))
    z = torch.randn(2, 2)
    assert not torch.equal(generator(z, y), generator(z, 1 + 0 * y))
    x = torch.randn(2, 3, 8, 8)
    scores = torch.stack([discriminator(x, torch.full((2,), k)) for k in range(3)], 1)
    torch.testing.assert_close(discriminator(x, y), torch.stack([scores[0, 2], scores[1, 0]]))
    assert len(set(scores.flatten().tolist())) == 6


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"size": 20}, "`size` is 20; it must be 4 times a power of two; give"),
        ({"size": 2}, "`size` is 2; it must be 4 times a power of two"),
        ({"size": 0}, "`size` is 0; it must be a whole number"),
        ({"blocks": 3}, "`blocks` is 3; it must be a whole number of at most 2"),
        ({"most": 16}, "`most` is 16; it must be a whole number of at least 64"),
        ({"embed": 0}, "`embed` is 0"),
        ({"classes": -1}, "`classes` is -1"),
        ({"scale": float("nan")}, "`scale` is nan; it must be finite"),
        ({"activation": "swish"}, "`activation` is 'swish'; it may be one of"),
    ],
)
def test_options_out_of_range_are_refused_in_a_sentence(options, match):
    with pytest.raises(ValueError, match=match):
        resnet_networks(**options)
