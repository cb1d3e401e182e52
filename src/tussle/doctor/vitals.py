"""Vital signs: what a monitor reads of the live modules, all of it in one pass of each network.

Everything happens on copies: the parameters are read into new vectors, the buffers are lent to the patient's own copies
for as long as a reading lasts, and the process's random numbers go on as if nothing had been drawn.
"""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tussle.autodiff import to_numpy
from tussle.doctor.patient import Patient
from tussle.game import Pair, Point
from tussle.gan import Batch

FAR = 100.0  # outputs at which no loss is linear but one that is so everywhere
VANISHED = 1e-3  # a weight below this passes nothing on
MOST = 256  # samples whose distances are taken


class Body:
    """The live modules of a patient.

    Args:
        patient: the patient.

    Raises:
        ValueError: if the modules are not those that were adopted any more.
    """

    def __init__(self, patient: Patient) -> None:
        self.patient: Patient = patient
        self._players = tuple(zip((patient.generator, patient.discriminator), patient.modules, strict=True))
        self.point()

    def point(self) -> Point:
        """Return the live parameters as new flat vectors."""
        found = []
        for player, module in self._players:
            live = dict(module.named_parameters())
            parts = [_named(live, name, shape) for name, shape in zip(player.names, player.shapes, strict=True)]
            found.append(torch.cat([p.detach().reshape(-1) for p in parts]).clone())
        return tuple(found)

    @contextlib.contextmanager
    def dressed(self) -> Iterator[None]:
        """Lend the live buffers to the patient's copies."""
        pairs = [pair for player, module in self._players for pair in _buffers(player.module, module)]
        kept = [own.clone() for own, _ in pairs]
        try:
            with torch.no_grad():
                for own, live in pairs:
                    own.copy_(live)
            yield
        finally:
            with torch.no_grad():
                for (own, _), before in zip(pairs, kept, strict=True):
                    own.copy_(before)


def _named(live: dict[str, Any], name: str, shape: torch.Size) -> Tensor:
    found = live.get(name, live.get(name.removeprefix("inner.")))  # conditional modules are packed in one that travels
    if found is None or found.shape != shape:
        came = "is gone" if found is None else f"has shape {tuple(found.shape)} in place of {tuple(shape)}"
        message = f"`gan` has changed: parameter {name} {came}; a monitor watches what was adopted; adopt it anew."
        raise ValueError(message)
    return found


def _buffers(own: torch.nn.Module, live: torch.nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    theirs = dict(live.named_buffers())
    for name, buffer in own.named_buffers():
        found = theirs.get(name, theirs.get(name.removeprefix("inner.")))
        if found is not None and found.shape == buffer.shape:
            yield buffer, found


@contextlib.contextmanager
def undisturbed(like: Tensor) -> Iterator[None]:
    """Within this context nothing is autocast, and random numbers go on afterwards as if none had been drawn."""
    other = like.device.type != "cpu"
    kind = like.device.type if other else "cuda"
    numbers = np.random.get_state()  # noqa: NPY002
    with (
        torch.random.fork_rng(devices=[like.device] if other else [], device_type=kind),
        torch.inference_mode(False),
        torch.autocast(like.device.type, enabled=False),
    ):
        try:
            yield
        finally:
            np.random.set_state(numbers)  # noqa: NPY002


def settle(like: Tensor) -> None:
    """Wait for what the device still has to do, which is the training's time."""
    if like.device.type != "cpu":
        torch.get_device_module(like.device).synchronize()


def vitals(patient: Patient, point: Point, batch: Any, slope: float, held_out: np.ndarray | None) -> dict[str, float]:
    """Return scores, weights, slopes and diversity at a point.

    Args:
        patient: the patient.
        point: the live parameters.
        batch: real samples and latents.
        slope: root mean square of the discriminator's input gradients on fakes; nan if it was not read.
        held_out: real samples that the discriminator is not trained on, or None.

    Returns:
        numbers by name.
    """
    drawn: Batch = batch.first if isinstance(batch, Pair) else batch
    with torch.no_grad():
        fake = patient.game.generator(point[0], drawn.latent.points)
        outputs = [patient.game.logits(point[1], x) for x in (drawn.real.points, fake)]
    real, made = (to_numpy(x).astype(np.float64) for x in (drawn.real.points, fake))
    if patient.classes > 1:  # the label that travels is no pixel
        real, made = real[:, :-1], made[:, :-1]
    found, linear = _scores(patient, outputs)
    held = None if held_out is None else patient.logits(held_out, point)
    gap = math.nan if held is None else float(outputs[0].mean()) - float(held.mean())
    distance = float(np.sqrt(np.square((real - made).reshape(len(real), -1)).sum(1).mean()))
    walk = {"slope/walk": math.nan if linear else slope * distance, "slope/lipschitz": slope if linear else math.nan}
    return found | {"scores/held_out_gap": gap} | walk | _diversity(real, made)


def _scores(patient: Patient, outputs: list[Tensor]) -> tuple[dict[str, float], bool]:
    """Return what the scores say, and whether the discriminator's loss is linear in them."""
    r, f = (to_numpy(x).astype(np.float64) for x in outputs)
    level, spread = (r.mean() + f.mean()) / 2, math.sqrt((r.var() + f.var()) / 2)
    below = np.searchsorted(np.sort(f), r, "left") + np.searchsorted(np.sort(f), r, "right")
    loss: Any = patient.game.loss_function
    own = _weights(loss.generator, outputs)[1]
    critic = np.concatenate(_weights(loss.critic, outputs))
    pulls = [np.concatenate(_weights(loss.critic, _parted(outputs, float(level), by))) for by in (0.0, FAR, -FAR)]
    undecided = float(pulls[0].mean())
    linear = bool(np.ptp(np.concatenate([critic, *pulls])) <= 1e-5 * undecided)
    found = {
        "scores/real_mean": float(r.mean() - level),
        "scores/fake_mean": float(f.mean() - level),
        "scores/level": float(level),
        "scores/separation": float(r.mean() - f.mean()) / spread if spread > 0 else math.nan,
        "scores/pair_accuracy": float(below.mean()) / 2 / len(f),
        "weights/vanished": float(np.mean(own < VANISHED)),
        "weights/lost": 1 - float(critic.mean()) / undecided if undecided > 0 else math.nan,
    }
    return found, linear


def _parted(outputs: list[Tensor], level: float, by: float) -> list[Tensor]:
    """Return outputs of one number on each side, so far from each other."""
    return [torch.full_like(x, level + sign * by) for x, sign in zip(outputs, (1, -1), strict=True)]


def _weights(loss: Any, outputs: list[Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Return n |d loss / d output| on both sides."""
    sides = [x.detach().double().requires_grad_() for x in outputs]
    with torch.enable_grad():
        slopes = torch.autograd.grad(loss(*sides).reshape(()), sides, allow_unused=True)
    first, second = (
        np.zeros(len(x)) if g is None else len(x) * np.abs(to_numpy(g)) for x, g in zip(sides, slopes, strict=True)
    )
    return first, second


def _diversity(real: np.ndarray, made: np.ndarray) -> dict[str, float]:
    pairs = [_distances(x.reshape(len(x), -1)[:MOST]) for x in (real, made)]
    names = ("diversity/spread", "diversity/nearest")
    return {name: mine / theirs if theirs > 0 else math.nan for name, theirs, mine in zip(names, *pairs, strict=True)}


def _distances(x: np.ndarray) -> tuple[float, float]:
    """Return the mean distance of two samples, and the median of that to the nearest neighbor."""
    squares = np.square(x).sum(1)
    table = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * x @ x.T, 0.0))
    n = len(x)
    mean = float(table.sum()) / (n * (n - 1))
    np.fill_diagonal(table, np.inf)
    nearest = table.min(axis=1)
    return mean, float(np.median(nearest))
