"""Networks as players: PyTorch modules through the same grammar as the exact models."""

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as _missing:
    _message = "`tussle.networks` needs PyTorch, which is not installed; run pip install tussle[torch]."
    raise ModuleNotFoundError(_message, name="torch") from _missing

from tussle.networks.conditional import LabeledNormal, pack_labels, packed_pair, unpack_labels
from tussle.networks.convolutional import Discriminator, Generator, channel_norm, small_networks
from tussle.networks.dense import DenseGAN, dense_gan, from_torch, is_dense, to_torch
from tussle.networks.functional import Player, player
from tussle.networks.gan import NetworkGAN, network_gan
from tussle.networks.latent import StandardNormal
from tussle.networks.norms import BatchNorm, GroupNorm, PixelNorm, SpectralNorm, norm
from tussle.networks.spectrum import LeadingSpectrum, Verification, leading_spectrum, verify_product
from tussle.networks.zoo import Architecture, architecture, make_networks, network_names

__all__ = [
    "Architecture",
    "BatchNorm",
    "DenseGAN",
    "Discriminator",
    "Generator",
    "GroupNorm",
    "LabeledNormal",
    "LeadingSpectrum",
    "NetworkGAN",
    "PixelNorm",
    "Player",
    "SpectralNorm",
    "StandardNormal",
    "Verification",
    "architecture",
    "channel_norm",
    "dense_gan",
    "from_torch",
    "is_dense",
    "leading_spectrum",
    "make_networks",
    "network_gan",
    "network_names",
    "norm",
    "pack_labels",
    "packed_pair",
    "player",
    "small_networks",
    "to_torch",
    "unpack_labels",
    "verify_product",
]
