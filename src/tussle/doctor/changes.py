"""Changes of a patient: each returns a new patient, and the user's own modules stay as they are."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from tussle import rules
from tussle.adjust import Adjusted
from tussle.doctor.patient import Patient
from tussle.field import Field
from tussle.gan import GAN
from tussle.map import Map
from tussle.networks.conditional import PackedDiscriminator, PackedGenerator, unpack_labels
from tussle.networks.functional import player
from tussle.networks.gan import network_gan
from tussle.paces import AbstractPace, rate
from tussle.penalties import PENALTIES, Penalty

Change = Callable[[nn.Module], nn.Module]
PACED = (rules.Alternating, rules.Simultaneous, rules.Extragradient)  # their state is the pace's, player by player


def changed(patient: Patient, **fields: Any) -> Patient:
    """Return the patient with other fields."""
    return Patient(**{**vars(patient), **fields})


def with_parts(patient: Patient, **parts: Any) -> Patient:
    """Return the patient with other parts of its game: `loss_function`, `penalties`, `noise`, `clip`, `data`."""
    game = GAN(**{**vars(patient.game), **parts})
    return patient.with_game(game, lambda made: Map(onto(patient.method.field, made), patient.method.rule))


def onto(field: Any, game: GAN) -> Any:
    """Return the same field of another game."""
    if isinstance(field, Adjusted):
        return Adjusted(field.adjustment, onto(field.inner, game))
    if isinstance(field, Field):
        return Field(game)
    message = f"`field` is a {type(field).__name__}; only gradient fields and adjusted ones can change their game; "
    message += "adopt the modules with the other parts instead."
    raise ValueError(message)


# Of the game ------------------------------------------------------------------------------------------------------


def weight_of(patient: Patient, name: str) -> float:
    """Return the weight of the penalties of that name; 0 where there is none."""
    return float(sum(float(one.weight) for one in patient.game.penalties if one.name == name))


def with_penalties(patient: Patient, weights: Mapping[str, float], only: bool = False) -> Patient:
    """Return the patient with penalties at new weights; weight 0 takes one away.

    Args:
        patient: the patient.
        weights: by name, such as `{"r1": 1.0}`, in the gamma/2 convention.
        only: whether all others go.
    """
    kept: list[Penalty] = [] if only else [one for one in patient.game.penalties if one.name not in weights]
    kept += [PENALTIES[name](float(weight)) for name, weight in weights.items() if weight > 0]
    return with_parts(patient, penalties=tuple(kept))


def with_scaled_penalties(patient: Patient, factor: float) -> Patient:
    """Return the patient with all penalties' weights times a factor."""
    scaled = tuple(Penalty(**{**vars(one), "weight": one.weight * factor}) for one in patient.game.penalties)
    return with_parts(patient, penalties=scaled)


# Of the method ----------------------------------------------------------------------------------------------------


def rates_of(patient: Patient) -> tuple[float, float]:
    """Return the rates of generator and discriminator."""
    return float(rate(patient.method.lr, 0)), float(rate(patient.method.lr, 1))


def with_rates(patient: Patient, generator: float = 1.0, discriminator: float = 1.0) -> Patient:
    """Return the patient with the players' rates times these factors; its state stays."""
    now = rates_of(patient)
    return changed(patient, method=patient.method.with_lr((now[0] * generator, now[1] * discriminator)))


def with_pace(patient: Patient, pace: AbstractPace) -> Patient:
    """Return the patient with another pace; of another kind it starts with fresh moments."""
    method = Map(patient.method.field, patient.method.rule.with_pace(pace))
    same = type(pace) is type(patient.method.rule.pace)
    return changed(patient, method=method, state=patient.state if same else method.init(patient.start))


def with_rule(patient: Patient, rule: Any) -> Patient:
    """Return the patient with another rule, which takes over the pace's moments where it can."""
    method = Map(patient.method.field, rule)
    fresh = method.init(patient.start)
    kept = isinstance(patient.method.rule, PACED) and type(rule.pace) is type(patient.method.rule.pace)
    if kept and isinstance(rule, PACED):
        fresh = patient.state
    elif kept and isinstance(rule, rules.Optimistic):
        fresh = (patient.state, *fresh[1:])
    return changed(patient, method=method, state=fresh)


def with_adjustment(patient: Patient, adjustment: Callable[[Any], Any]) -> Patient:
    """Return the patient with its field bent."""
    return changed(patient, method=Map(adjustment(patient.method.field), patient.method.rule))


# Of the modules ---------------------------------------------------------------------------------------------------


def with_modules(patient: Patient, generator: Change | None = None, discriminator: Change | None = None) -> Patient:
    """Return the patient with modules that a change makes out of copies of its own.

    Args:
        patient: the patient.
        generator: takes a copy of the user's generator and returns what is to stand in its place.
        discriminator: the same for the discriminator.

    Raises:
        ValueError: if the new modules do not fit the game.
    """
    copies = own_modules(patient, packed=True)
    made = [_inside(one, how) for one, how in zip(copies, (generator, discriminator), strict=True)]
    # what is drawn at random repeats: the seed does no harm to modules that draw nothing
    players = [
        old if how is None else player(module, seed=0)
        for module, how, old in zip(
            made, (generator, discriminator), (patient.generator, patient.discriminator), strict=True
        )
    ]
    game = patient.game
    network = network_gan(
        *players, data=game.data, latent=game.latent, loss=game.loss_function, penalties=game.penalties,
        noise=game.noise, clip=game.clip,
    )  # fmt: skip
    start = tuple(
        x if how is None else new
        for x, how, new in zip(patient.start, (generator, discriminator), network.start, strict=True)
    )
    start = tuple(x.to(like) for x, like in zip(start, patient.start, strict=True))
    found = patient.with_game(network.game, lambda g: Map(onto(patient.method.field, g), patient.method.rule))
    same = all(len(x) == len(y) for x, y in zip(start, patient.start, strict=True))
    state = patient.state if same else found.method.init(start)
    modules = tuple(map(_unpacked, made))
    return changed(
        found, start=start, state=state, generator=players[0], discriminator=players[1], modules=modules
    )  # fmt: skip


def own_modules(patient: Patient, packed: bool = False) -> tuple[nn.Module, nn.Module]:
    """Return copies of the patient's modules with its parameters, as the user writes them.

    Args:
        patient: the patient.
        packed: whether those of a conditional GAN take their labels with their inputs, as the game hands them over.
    """
    generator, discriminator = patient.generator, patient.discriminator
    pair = generator.to_module(patient.start[0]), discriminator.to_module(patient.start[1])
    return pair if packed else (_unpacked(pair[0]), _unpacked(pair[1]))


def _inside(module: nn.Module, how: Change | None) -> nn.Module:
    """Change a module, or the one within where labels travel with its inputs."""
    if how is None:
        return module
    if isinstance(module, (PackedGenerator, PackedDiscriminator)):
        module.inner = how(module.inner)
        return module
    return how(module)


def _unpacked(module: nn.Module) -> nn.Module:
    return module.inner if isinstance(module, (PackedGenerator, PackedDiscriminator)) else module


def unlabeled(patient: Patient, x: np.ndarray) -> np.ndarray:
    """Return samples (n, *shape) without the labels that travel with those of a conditional GAN."""
    return unpack_labels(x, patient.shape)[0] if patient.classes > 1 else x


# Places -----------------------------------------------------------------------------------------------------------


def on_device(patient: Patient, device: str) -> Patient:
    """Return the patient with its parameters and moments on a device; batches follow them there."""

    def moved(tree: Any) -> Any:
        if isinstance(tree, torch.Tensor):
            return tree.to(device)
        if isinstance(tree, tuple):
            parts = [moved(part) for part in tree]
            return type(tree)(*parts) if type(tree) is not tuple else tuple(parts)
        return tree

    return changed(patient, start=moved(patient.start), state=moved(patient.state))
