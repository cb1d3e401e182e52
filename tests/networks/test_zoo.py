"""Networks by name: published numbers of parameters, seeds, options."""

import pytest

torch = pytest.importorskip("torch")

from tussle.networks import network_gan, player, small_networks
from tussle.networks.zoo import ENTRIES, architecture, make_networks, network_names

SMALL = {"mlp": {}, "digits": {}, "dcgan": {"width": 1}, "standard-cnn": {"width": 1}, "r3gan": {"width": 8}}
SMALL |= {"resnet": {"width": 2}, "resnet2": {"width": 2}}

# Dirac-and-numerics 4.3 and 4.4, exact; losses-and-assumptions 3.4.4, in millions, rounded to 0.1.
EXACT = {
    "resnet-imagenet-128": (100_535_747, 108_260_776),
    "resnet-lsun-256": (52_154_052, 47_944_385),
    "resnet-celebahq-1024": (18_810_036, 16_705_201),
    "numerics-mog": (1122, 881),
}
ROUNDED = {
    "r3gan-stacked-mnist": (20.7, 20.7),
    "r3gan-cifar10": (20.8, 21.3),
    "r3gan-ffhq-256": (23.1, 23.0),
    "r3gan-ffhq-64": (22.4, 22.4),
    "r3gan-imagenet-32": (82.9, 86.6),
    "r3gan-imagenet-64": (103.6, 107.2),
}


def counts(name):
    with torch.device("meta"):
        return tuple(sum(p.numel() for p in m.parameters()) for m in make_networks(name))


@pytest.mark.parametrize("name", EXACT)
def test_published_numbers_of_parameters_are_reproduced(name):
    assert counts(name) == EXACT[name]
    assert architecture(name).parameters == EXACT[name]


@pytest.mark.parametrize("name", ROUNDED)
def test_published_millions_of_parameters_are_reproduced(name):
    """Half a unit of the last digit; ImageNet-32's 86,548,992 is printed as 86.6, rounded by way of 86.55."""
    assert tuple(n / 1e6 for n in counts(name)) == pytest.approx(ROUNDED[name], abs=0.052)
    assert architecture(name).parameters == pytest.approx([1e6 * n for n in ROUNDED[name]])


def test_published_settings_are_those_of_the_papers():
    imagenet, celeba = architecture("resnet-imagenet-128"), architecture("resnet-celebahq-1024")
    assert (imagenet.latent, imagenet.shape, imagenet.classes) == (256, (3, 128, 128), 1000)
    assert (celeba.options["width"], celeba.options["most"], celeba.shape) == (16, 512, (3, 1024, 1024))
    ring = architecture("jare-ring")
    assert (ring.latent, ring.shape, ring.options["width"], ring.options["depth"]) == (64, (2,), 256, 4)
    assert "not published" in architecture("mescheder-2d").note
    assert all(ENTRIES[name].source for name in network_names())


@pytest.mark.parametrize("name", SMALL)
def test_the_networks_of_a_family_fit_each_other_and_leave_the_random_numbers_alone(name):
    random, plan = torch.random.get_rng_state(), architecture(name, **SMALL[name])
    first, again, other = (plan.make(seed) for seed in (0, 0, 1))
    assert torch.equal(random, torch.random.get_rng_state())
    for a, b, c in zip(first, again, other, strict=True):
        assert torch.equal(player(a).vector, player(b).vector)
        assert not torch.equal(player(a).vector, player(c).vector)
    data = torch.rand(5, *plan.shape).numpy()
    network_gan(*first, data=data, latent=plan.latent)
    torch.random.set_rng_state(random)


def test_a_seed_gives_the_digits_networks_of_small_networks():
    for ours, theirs in zip(make_networks("digits", seed=3), small_networks(seed=3), strict=True):
        assert torch.equal(player(ours).vector, player(theirs).vector)


def test_options_replace_the_published_ones_and_drop_the_published_numbers():
    plan = architecture("resnet-imagenet-128", classes=10, width=4)
    assert plan.parameters is None
    assert (plan.classes, plan.options["width"], plan.options["blocks"]) == (10, 4, 2)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: make_networks("resnett"), "`name` is 'resnett'; it may be one of .*; did you mean `resnet`"),
        (lambda: make_networks("resnet", widht=3), "`option of resnet` is 'widht'; .*; did you mean `width`"),
        (lambda: make_networks("mlp", seed=-1), "`seed` is -1; it must be a whole number"),
        (lambda: make_networks("numerics-dcgan4", size=30), "`size` is 30 with 4 layers"),
    ],
)
def test_unknown_names_and_options_are_refused_in_a_sentence(make, match):
    with pytest.raises(ValueError, match=match):
        make()
