"""Labels: heads that pick, and labels that travel with latents and data through a plain game."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.game import placed
from tussle.networks import network_gan, player
from tussle.networks.conditional import LabeledNormal, labels_of, pack_labels, packed_pair, unpack_labels
from tussle.networks.zoo import architecture, make_networks

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.uniform(-1, 1, (12, 3, 8, 8)), RNG.integers(0, 3, 12)
OPTIONS = {"latent": 2, "size": 8, "width": 2, "classes": 3}


def conditional_game(**options):
    networks = [m.double() for m in make_networks("resnet", **OPTIONS)]
    data, latent = pack_labels(IMAGES, LABELS), LabeledNormal(2, 3)
    return networks, network_gan(*packed_pair(*networks, (3, 8, 8)), data=data, latent=latent, **options)


def test_labels_come_back_as_they_were_packed():
    images, labels = unpack_labels(pack_labels(IMAGES, LABELS), (3, 8, 8))
    assert np.array_equal(images, IMAGES)
    assert np.array_equal(labels, LABELS)
    assert pack_labels(IMAGES.astype(np.float32), LABELS).dtype == np.float32


def test_a_fake_has_the_label_of_its_latent_and_the_image_of_its_class():
    (generator, _), network = conditional_game()
    batch = placed(network.game.sampler(6)(0, 0), network.start[0])
    packed = network.game.fakes(network.start[0], batch).points
    z, y = batch.latent.points[:, :-1], batch.latent.points[:, -1]
    assert torch.equal(packed[:, -1], y)
    torch.testing.assert_close(packed[:, :-1].view(6, 3, 8, 8), generator(z, y.long()))
    images, labels = unpack_labels(network.samples(network.start, 5), (3, 8, 8))
    assert images.shape == (5, 3, 8, 8)
    assert set(labels) <= {0, 1, 2}


def test_r1_of_packed_samples_is_that_of_the_images():
    (_, discriminator), network = conditional_game(penalties=[tussle.r1(3.0)])
    batch = placed(network.game.sampler(6)(0, 0), network.start[0])
    images, labels = unpack_labels(batch.real.points.numpy(), (3, 8, 8))
    x = torch.as_tensor(images).requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(x, torch.as_tensor(labels)).sum(), x)
    by_hand = 1.5 * slope.square().sum((1, 2, 3)).mean()
    torch.testing.assert_close(network.game.penalty(network.start, batch).detach(), by_hand)


def test_a_conditional_network_is_a_player_of_two_inputs():
    generator, _ = make_networks("resnet", **OPTIONS)
    one, z, y = player(generator), torch.randn(4, 2), torch.tensor([0, 1, 2, 1])
    torch.testing.assert_close(one.function(one.vector, z, y), generator(z, y))


@pytest.mark.parametrize("name", ["mlp", "dcgan", "standard-cnn"])
def test_a_plain_family_becomes_conditional_by_an_embedding_and_a_logit_a_class(name):
    sized = {"width": 2} if name == "mlp" else {"width": 2, "size": 16}
    plan = architecture(name, latent=3, classes=4, **sized)
    generator, discriminator = plan.make()
    z, y = torch.randn(5, 3), torch.tensor([0, 1, 2, 3, 3])
    table = generator.embedding(torch.arange(4))
    torch.testing.assert_close(table.norm(dim=1), torch.ones(4))
    generator, discriminator = generator.eval(), discriminator.eval()
    x = generator(z, y)
    torch.testing.assert_close(x, generator.inner(torch.cat([z, table[y]], 1)))
    assert x.shape == (5, *plan.shape)
    torch.testing.assert_close(discriminator(x, y), discriminator.inner(x)[range(5), y])


def test_classes_are_drawn_in_their_shares():
    packed = LabeledNormal(2, 3, (0.5, 0.0, 0.5)).sample(np.random.default_rng(0), 4000)
    assert packed.shape == (4000, 3)
    share = [(packed[:, -1] == k).mean() for k in range(3)]
    assert share == pytest.approx([0.5, 0.0, 0.5], abs=5 * (0.25 / 4000) ** 0.5)
    assert share[1] == 0


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: labels_of(None, torch.ones(2, 1), 3), r"`y` is missing for 2 samples and 3 class\(es\); .*; give"),
        (lambda: labels_of(torch.zeros(2), torch.ones(2, 1), 3), r"`y` is of shape \(2,\) and dtype torch.float32"),
        (lambda: labels_of(torch.tensor([1]), torch.ones(2, 1), 3), r"`y` is of shape \(1,\)"),
        (lambda: pack_labels(IMAGES, LABELS[:3]), r"`y` has shape \(3,\) .* for 12 samples; .*; number"),
        (lambda: pack_labels(IMAGES, LABELS - 1), "it must hold a whole number of at least 0"),
        (lambda: pack_labels(IMAGES, LABELS + 0.5), "dtype float64 for 12 samples"),
        (lambda: LabeledNormal(0, 3), "`dimension` is 0"),
        (lambda: LabeledNormal(2, 3, (0.5, 0.5)), "`shares` is .*; it must hold 3 numbers .*; give"),
        (lambda: LabeledNormal(2, 2, (0.5, 0.6)), "that sum to 1"),
        (lambda: LabeledNormal(2, 2).nodes(), "`latent` is only sampled; .*; take batches"),
    ],
)
def test_labels_that_do_not_fit_are_refused_in_a_sentence(make, match):
    with pytest.raises(ValueError, match=match):
        make()
