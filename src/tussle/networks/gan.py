"""A GAN of two PyTorch modules: the same `tussle.gan.GAN` as the exact models, with networks for players."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tussle import checks
from tussle.autodiff import array, is_torch, to_numpy
from tussle.game import Point, placed
from tussle.gan import GAN, Batch
from tussle.losses import Loss, parse_loss
from tussle.measures import AbstractMeasure, Samples
from tussle.networks.functional import ChangedParametersError, Player, player
from tussle.networks.latent import StandardNormal
from tussle.penalties import Penalty
from tussle.records import record, static

PROBE = 4  # samples of the batch that the parts are tried on


@record
class NetworkGAN:
    """A game between two networks, and where it starts.

    Attributes:
        game: the GAN; take its batches from `game.sampler(size)`, it has no exact expectation.
        start: the parameters that the modules came with, one flat vector each.
        generator: the generator as a player.
        discriminator: the discriminator as a player.
    """

    game: GAN
    start: Point = static()
    generator: Player = static()
    discriminator: Player = static()

    def samples(self, point: Point, count: int, seed: int = 0) -> np.ndarray:
        """Return generated samples.

        Args:
            point: the parameters of both players.
            count: how many samples.
            seed: seed of the latents.

        Returns:
            the samples, (count, ...).
        """
        checks.count("count", count)
        rng = np.random.Generator(np.random.Philox(key=checks.count("seed", seed, least=0)))
        latents = array(self.game.latent.sample(rng, count), point[0])
        with torch.no_grad():
            return to_numpy(self.game.generator(point[0], latents))

    def modules(self, point: Point) -> tuple[torch.nn.Module, torch.nn.Module]:
        """Return generator and discriminator as ordinary modules with a point's parameters.

        Args:
            point: the parameters of both players.

        Returns:
            copies of the two modules.
        """
        return self.generator.to_module(point[0]), self.discriminator.to_module(point[1])


def network_gan(
    generator: torch.nn.Module | Player,
    discriminator: torch.nn.Module | Player,
    *,
    data: Any,
    latent: int | tuple[int, ...] | AbstractMeasure,
    loss: str | Loss = "nonsaturating",
    penalties: Sequence[Penalty] = (),
    noise: Any = None,
    clip: Any = None,
) -> NetworkGAN:
    """Return the GAN of two networks, after trying all parts on a few samples.

    Args:
        generator: maps latents (n, ...) to samples shaped as the data's.
        discriminator: maps samples to one logit each (no sigmoid at its end), large on real ones.
        data: array or tensor of samples (n, ...) of floating type, or a measure that samples.
        latent: dimension (or shape) of standard normal latents, or a measure that samples.
        loss: a loss or its name.
        penalties: penalties on the discriminator.
        noise: standard deviation of instance noise, or None.
        clip: bound of the discriminator's parameters after each of its steps, or None.

    Returns:
        the game, its start and its players.

    Raises:
        ValueError: if the parts do not fit each other or give values that are not finite.

    Example:
        >>> from tussle.data import digits
        >>> from tussle.networks import small_networks
        >>> game = network_gan(*small_networks(4, 1), data=digits().train.images, latent=4).game
        >>> game.sizes
        (189, 60)
    """
    players = tuple(p if isinstance(p, Player) else player(p) for p in (generator, discriminator))
    start = tuple(p.vector for p in players)
    _same_kind(*start)
    game = GAN(
        players[0].function,
        _one_logit(players[1].function),
        _data(data),
        StandardNormal(latent) if isinstance(latent, (int, tuple)) else latent,
        parse_loss(loss) if isinstance(loss, str) else loss,
        tuple(penalties),
        noise,
        clip,
        sizes=(players[0].size, players[1].size),
    )
    _preflight(game, start)
    return NetworkGAN(game, start, *players)


def _is_measure(x: Any) -> bool:
    return callable(getattr(x, "sample", None))


def _data(data: Any) -> AbstractMeasure:
    """Return the measure of the data."""
    if _is_measure(data):
        return data
    points = to_numpy(data) if is_torch(data) else np.asarray(data)
    if points.ndim < 2 or len(points) == 0 or not np.issubdtype(points.dtype, np.floating):
        message = (
            f"`data` has shape {points.shape} and dtype {points.dtype}; it must hold samples (n, ...) of floating "
            "type; scale integers first, for instance to [-1, 1], and give each sample an axis."
        )
        raise ValueError(message)
    if not np.all(np.isfinite(points)):
        message = "`data` holds values that are not finite; all must be; drop or repair those samples."
        raise ValueError(message)
    return Samples(points)


def _one_logit(function: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the critic with an output (n, 1, 1, 1), as a last convolution leaves it, as (n,)."""

    def critic(psi: Tensor, x: Tensor) -> Tensor:
        out = _tensor("discriminator", function(psi, x))
        return out.reshape(-1) if out.ndim > 1 and out.numel() == len(out) == len(x) else out

    return critic


# Preflight --------------------------------------------------------------------------------------------------


def _same_kind(theta: Tensor, psi: Tensor) -> None:
    kinds = [f"{x.dtype} on {x.device}" for x in (theta, psi)]
    if kinds[0] != kinds[1]:
        message = (
            f"`generator` is {kinds[0]} and `discriminator` {kinds[1]}; they must agree; move one with module.to(...)."
        )
        raise ValueError(message)


def _preflight(game: GAN, start: Point) -> None:
    """Try generator and discriminator on a few samples, and leave the process's random numbers as they were."""
    batch = placed(game.sampler(PROBE)(0, 0), start[0])
    devices = [] if start[0].device.type == "cpu" else [start[0].device]
    kind = devices[0].type if devices else "cuda"
    with torch.random.fork_rng(devices=devices, device_type=kind), torch.no_grad():
        before = _random_state(start[0].device)
        _try_parts(game, start, batch)
        after = _random_state(start[0].device)
    if not all(map(torch.equal, before, after)):
        message = (
            "`generator` or `discriminator` draws random numbers (dropout in training mode, say); a game must repeat "
            "its answers; call module.eval(), or make it with player(module, seed=0)."
        )
        raise ValueError(message)


def _random_state(device: torch.device) -> list[Tensor]:
    states = [torch.random.get_rng_state()]
    if device.type != "cpu":
        states.append(torch.get_device_module(device).get_rng_state(device))
    return states


def _try_parts(game: GAN, start: Point, batch: Batch) -> None:
    fake = _tensor("generator", _tried("generator", game.generator, start[0], batch.latent.points))
    _shapes_agree(fake, batch.real.points)
    for x, what in ((batch.real.points, "real data"), (fake, "fakes")):
        logits = _tried("discriminator", game.critic, start[1], x)
        _one_each(logits, len(x))
        _finite("discriminator", logits, what)


def _tried(name: str, function: Callable[..., Any], flat: Tensor, x: Tensor) -> Any:
    """Call a module and say what it was called with if that fails."""
    try:
        return function(flat, x)
    except ChangedParametersError:
        raise
    except (RuntimeError, TypeError, ValueError, IndexError) as trouble:
        reason = " ".join(str(trouble).split())
        message = (
            f"`{name}` failed on inputs of shape {tuple(x.shape)} and dtype {x.dtype} ({reason}); it must take a batch "
            "of these; check `latent` and the shape of `data`."
        )
        raise ValueError(message) from trouble


def _tensor(name: str, out: Any) -> Tensor:
    if not isinstance(out, Tensor):
        message = f"`{name}` returned a {type(out).__name__}; it must return one tensor; wrap it in a module that does."
        raise ValueError(message)
    return out


def _shapes_agree(fake: Tensor, real: Tensor) -> None:
    if fake.shape != real.shape:
        message = (
            f"`generator` returned shape {tuple(fake.shape)} for {len(real)} latents; the data asks for "
            f"{tuple(real.shape)}; make its last layer return that shape."
        )
        raise ValueError(message)
    _finite("generator", fake, "latents")


def _one_each(logits: Tensor, count: int) -> None:
    if tuple(logits.shape) not in ((count,), (count, 1)):
        message = (
            f"`discriminator` returned shape {tuple(logits.shape)} for {count} samples; it must return one logit for "
            "each, shape (n,) or (n, 1); drop the other outputs or pick the class's own."
        )
        raise ValueError(message)


def _finite(name: str, x: Tensor, what: str) -> None:
    if not bool(torch.isfinite(x).all()):
        message = f"`{name}` returned values that are not finite on {what}; all must be; check its initial weights."
        raise ValueError(message)
