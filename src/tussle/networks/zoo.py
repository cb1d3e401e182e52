"""Networks by name: the published ones with their settings, and the families with options of one's own."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from tussle import checks
from tussle.networks.convolutional import Discriminator, Generator
from tussle.networks.dcgan import dcgan_networks
from tussle.networks.mlp import mlp_networks
from tussle.networks.r3gan import r3gan_networks
from tussle.networks.resnet import resnet_networks
from tussle.networks.standard_cnn import standard_cnn_networks
from tussle.records import record, static

Maker = Callable[..., tuple[nn.Module, nn.Module]]

NUMERICS = "Mescheder, Nowozin, Geiger: The Numerics of GANs, NIPS 2017, arXiv 1705.10461"
CONVERGE = "Mescheder, Geiger, Nowozin: Which Training Methods for GANs do actually Converge? ICML 2018"
DCGAN = "Radford, Metz, Chintala: Unsupervised Representation Learning with DCGANs, ICLR 2016"
SPECTRAL = "Miyato et al.: Spectral Normalization for GANs, ICLR 2018"
RELATIVISTIC = "Jolicoeur-Martineau: The relativistic discriminator, ICLR 2019"
JARE = "Nie, Patel: Towards a Better Understanding and Regularization of GAN Training Dynamics, UAI 2019"
R3GAN = "Huang et al.: The GAN is dead; long live the GAN! NeurIPS 2024, arXiv 2501.05441"


@record
class Architecture:
    """A pair of networks that can be made: what it is called, what it takes and gives, and where it is from.

    Attributes:
        name: its name.
        maker: the function that makes it.
        options: all options that it is made with.
        source: the paper.
        parameters: the published numbers of parameters of generator and discriminator, or None. Those of R3GAN are
            rounded to 0.1 million.
        note: what is not published, if anything.
    """

    name: str = static()
    maker: Maker = static()
    options: dict[str, Any] = static()
    source: str = static()
    parameters: tuple[int, int] | None = static(default=None)
    note: str = static(default="")

    @property
    def latent(self) -> int:
        """Dimension of the latents."""
        return self.options["latent"]

    @property
    def classes(self) -> int:
        """How many classes; with more than one both networks take labels as second input."""
        return self.options.get("classes", 1)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        if "dimension" in self.options:
            return (self.options["dimension"],)
        size = self.options.get("size", 8)
        return self.options.get("channels", 1), size, size

    def make(self, seed: int = 0) -> tuple[nn.Module, nn.Module]:
        """Return new networks, drawn from a seed; the process's random numbers are left alone.

        They are made on the CPU, whatever the default device, so that a seed gives the same weights everywhere; only
        where that is `meta` are they made there, without memory.

        Args:
            seed: seed of the weights.

        Returns:
            generator and discriminator.
        """
        checks.count("seed", seed, least=0)
        place = "meta" if torch.get_default_device().type == "meta" else "cpu"
        with torch.random.fork_rng(devices=[]), torch.device(place):
            torch.default_generator.manual_seed(seed)
            return self.maker(**self.options)


def digit_networks(
    latent: int = 16, width: int = 12, activation: str = "silu", norm: bool = False
) -> tuple[Generator, Discriminator]:
    """Return the networks of `small_networks` for 1 x 8 x 8 images, from the process's own random numbers.

    Args:
        latent: dimension of the latents.
        width: width of both.
        activation: `silu`, `softplus`, `tanh` or `leaky_relu`.
        norm: whether the generator's hidden layers are normalized.

    Returns:
        generator and discriminator.
    """
    return Generator(latent, width, activation, norm), Discriminator(width, activation)


def _entries() -> dict[str, Architecture]:
    """Return all architectures by name, the families first."""
    found = [
        Architecture("mlp", mlp_networks, {}, NUMERICS),
        Architecture("digits", digit_networks, {}, "this library"),
        Architecture("dcgan", dcgan_networks, {}, DCGAN),
        Architecture("standard-cnn", standard_cnn_networks, {}, f"{SPECTRAL}; {RELATIVISTIC}"),
        Architecture("resnet", resnet_networks, {}, CONVERGE),
        Architecture("resnet2", resnet_networks, {"blocks": 2}, CONVERGE),
        Architecture("r3gan", r3gan_networks, {}, R3GAN),
        Architecture("numerics-mog", mlp_networks, {}, NUMERICS, (1122, 881)),
        Architecture("jare-ring", mlp_networks, {"latent": 64, "width": 256}, JARE),
        Architecture("mescheder-2d", mlp_networks, {}, CONVERGE, note="4 hidden layers; their width is not published"),
        *_numerics(),
        *_converge(),
        *_r3gan(),
    ]
    return {entry.name: entry for entry in found}


def _numerics() -> list[Architecture]:
    """Return the image networks of The Numerics of GANs, as its code has them: 5 x 5 kernels, Glorot weights."""
    slim = {"kernel": 5, "initial": "glorot", "latent": 256, "generator_activation": "leaky_relu"}
    bare, flat = slim | {"norm": "none"}, slim | {"norm": "none", "constant": True}
    note = "TensorFlow's batch norm had no gain and its linear layer a bias"
    found = []
    for layers in (3, 4):
        small = {"size": 32, "layers": layers}
        found += [
            Architecture(f"numerics-dcgan{layers}", dcgan_networks, slim | small, NUMERICS, note=note),
            Architecture(f"numerics-dcgan{layers}-nobn", dcgan_networks, bare | small, NUMERICS),
            Architecture(f"numerics-dcgan{layers}-nobn-cf", dcgan_networks, flat | small, NUMERICS),
        ]
    large = flat | {"size": 64, "width": 128, "residual": True}
    return [*found, Architecture("numerics-resnet-cf", dcgan_networks, large, NUMERICS)]


def _converge() -> list[Architecture]:
    """Return the residual networks of GAN_stability."""
    imagenet = {"size": 128, "classes": 1000, "blocks": 2}
    celeba = {"size": 1024, "width": 16, "most": 512}
    return [
        Architecture("resnet-imagenet-128", resnet_networks, imagenet, CONVERGE, (100_535_747, 108_260_776)),
        Architecture("resnet-lsun-256", resnet_networks, {"size": 256}, CONVERGE, (52_154_052, 47_944_385)),
        Architecture("resnet-celebahq-1024", resnet_networks, celeba, CONVERGE, (18_810_036, 16_705_201)),
    ]


def _r3gan() -> list[Architecture]:
    """Return the networks of R3GAN; the ImageNet models have groups of 32 channels, which their counts show."""
    imagenet = {"width": 1536, "group": 32, "classes": 1000}
    sizes: dict[str, tuple[dict[str, Any], tuple[int, int]]] = {
        "stacked-mnist": ({}, (20_700_000, 20_700_000)),
        "cifar10": ({"classes": 10}, (20_800_000, 21_300_000)),
        "ffhq-256": ({"size": 256}, (23_100_000, 23_000_000)),
        "ffhq-64": ({"size": 64}, (22_400_000, 22_400_000)),
        "imagenet-32": (imagenet, (82_900_000, 86_600_000)),
        "imagenet-64": (imagenet | {"size": 64, "full": 64}, (103_600_000, 107_200_000)),
    }
    return [Architecture(f"r3gan-{k}", r3gan_networks, options, R3GAN, n) for k, (options, n) in sizes.items()]


ENTRIES = _entries()


def network_names() -> tuple[str, ...]:
    """Return the names that `make_networks` knows: the families first, then the published networks."""
    return tuple(ENTRIES)


def architecture(name: str, **options: Any) -> Architecture:
    """Return what a name and options stand for, without making the networks.

    Args:
        name: one of `network_names()`.
        **options: options of its family that replace the published ones.

    Returns:
        the architecture, with the dimension of its latents, the shape of its samples and all of its options. The
        published numbers of parameters are kept only if no option was replaced.

    Raises:
        ValueError: if the name or an option is unknown.

    Example:
        >>> found = architecture("r3gan-cifar10")
        >>> found.latent, found.shape, found.classes
        (64, (3, 32, 32), 10)
    """
    entry = ENTRIES[checks.choice("name", name, ENTRIES)]
    known = {key: p.default for key, p in inspect.signature(entry.maker).parameters.items()}
    for key in options:
        checks.choice(f"option of {name}", key, known)
    return Architecture(
        name,
        entry.maker,
        known | entry.options | options,
        entry.source,
        None if options else entry.parameters,
        entry.note,
    )


def make_networks(name: str, *, seed: int = 0, **options: Any) -> tuple[nn.Module, nn.Module]:
    """Return the networks of a name, drawn from a seed.

    Args:
        name: one of `network_names()`: a family such as `resnet`, or a published network such as `resnet-lsun-256`.
        seed: seed of the weights; the process's random numbers are left alone.
        **options: options of its family that replace the published ones, such as `width=16`.

    Returns:
        generator and discriminator. With several classes they take labels as second input; `packed_pair` makes plain
        networks of them. Under `torch.device("meta")` they take no memory and can only be counted.

    Raises:
        ValueError: if the name or an option is unknown, or an option is out of its range.

    Example:
        >>> generator, discriminator = make_networks("numerics-mog")
        >>> [sum(p.numel() for p in m.parameters()) for m in (generator, discriminator)]
        [1122, 881]
    """
    return architecture(name, **options).make(seed)
