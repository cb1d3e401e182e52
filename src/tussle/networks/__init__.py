"""Networks as players: PyTorch modules through the same grammar as the exact models."""

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as _missing:
    _message = "`tussle.networks` needs PyTorch, which is not installed; run pip install tussle[torch]."
    raise ModuleNotFoundError(_message, name="torch") from _missing

from tussle.networks.convolutional import Discriminator, Generator, channel_norm, small_networks
from tussle.networks.functional import Player, player
from tussle.networks.gan import NetworkGAN, network_gan
from tussle.networks.latent import StandardNormal
from tussle.networks.spectrum import LeadingSpectrum, Verification, leading_spectrum, verify_product

__all__ = [
    "Discriminator",
    "Generator",
    "LeadingSpectrum",
    "NetworkGAN",
    "Player",
    "StandardNormal",
    "Verification",
    "channel_norm",
    "leading_spectrum",
    "network_gan",
    "player",
    "small_networks",
    "verify_product",
]
