"""Check: units of an activation that are the same for every input, such as rectifiers that are never on.

Every activation, called as a module or as a function, is watched while copies of the networks read samples; a unit (a
channel of an image) is dead if its output varies by less than a millionth of the layer's largest output.

References:
    Lu et al., "Dying ReLU and initialization", 2019.
    Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013 (leaky ones).
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from tussle.autodiff import array
from tussle.doctor.examination import Cannot, Examination
from tussle.doctor.findings import ILLNESS, WARNING, Checked, Evidence, Finding, clear, confidence, found
from tussle.doctor.intake import left_alone
from tussle.networks.functional import Player

NAME = "dead_units"
DEAD = 0.85  # share of a layer's units: what is left is a bottleneck of a seventh
MANY = (
    0.65  # of units with random weights and data around 0 few are; half a layer was seen to die in GANs that did well
)
STILL = 1e-6  # of the layer's largest output
CHUNK = 128  # samples at a time
LEAST_UNITS = 4  # of a layer
RECTIFIERS = ("relu", "relu6", "threshold", "clamp", "clamp_min", "leaky_relu", "elu", "hardtanh", "hardswish")
ACTIVATIONS = frozenset((*RECTIFIERS, "gelu", "silu", "sigmoid", "tanh", "softplus", "hardsigmoid", "mish"))
SOURCE = f"random rectifiers on centered data are seldom dead (Lu et al. 2019); from {MANY:.0%} of a layer it is a risk"


class Layer(NamedTuple):
    """The activations of one place in a network.

    Attributes:
        name: of the module that called, and the activation.
        share: of the units that are dead on all inputs.
        half: the same on the first half of the inputs.
        units: how many there are.
    """

    name: str
    share: float
    half: float
    units: int


def look(exam: Examination) -> Checked:
    """Watch the activations of both players."""
    layers = _layers(exam)
    if not layers:
        message = "no activation was seen in either network"
        raise Cannot(message)
    worst = max(layers, key=lambda one: one.share)
    units = sum(one.units for one in layers)
    whole = sum(one.share * one.units for one in layers) / units
    ill = worst.share >= DEAD
    number = Evidence(f"share of dead units in the worst layer ({worst.name})", worst.share, worst.half - worst.share,
                      DEAD if ill else MANY)  # fmt: skip
    overall = Evidence(f"share of dead units in all {units}", whole, 0.0, MANY)
    words = f"of {worst.units} units in {worst.name} {worst.share:.0%} are the same for every input, "
    words += f"of all {units} {whole:.0%}"
    if worst.share < MANY:
        return clear(NAME, words, number, overall)
    advice = "take a leaky activation, a smaller step, or new weights for that layer"
    severity = ILLNESS if ill else WARNING
    return found(
        Finding(NAME, severity, max(confidence(number), 0.5), (number, overall), f"O{words[1:]}.", SOURCE, advice)
    )


def _layers(exam: Examination) -> list[Layer]:
    """Return the activations of both players, the discriminator's on real data and fakes."""
    patient, rng = exam.patient, np.random.default_rng(exam.seed)
    latents = array(patient.game.latent.sample(rng, exam.count), exam.point[0])
    mixed = array(rng.permutation(np.concatenate([exam.real, exam.fake])), exam.point[1])
    both = (("discriminator", patient.discriminator, 1, mixed), ("generator", patient.generator, 0, latents))
    return [
        one._replace(name=f"{which}: {one.name}")
        for which, player, k, inputs in both
        for one in activations(player, exam.point[k], inputs, patient.shape)
    ]


class _Ranges(NamedTuple):
    """Smallest and largest output of each unit so far, for one place."""

    low: Tensor
    high: Tensor


def activations(player: Player, vector: Tensor, inputs: Tensor, shape: tuple[int, ...] = ()) -> list[Layer]:
    """Return how many units of each activation are dead.

    Args:
        player: the network; a copy of its module is called.
        vector: its parameters.
        inputs: samples or latents.
        shape: outputs of this shape are samples and no units.
    """
    copy = player.to_module(vector)
    path: list[str] = []
    for name, module in copy.named_modules():
        module.register_forward_pre_hook(lambda m, args, name=name: path.append(name))
        module.register_forward_hook(lambda m, args, out: path.pop() and None)
    ranges: dict[tuple[int, str], _Ranges] = {}
    halves: dict[tuple[int, str], _Ranges] = {}
    parts = torch.split(inputs, min(CHUNK, max(len(inputs) // 2, 2)))
    with left_alone(), torch.no_grad():  # dropout may draw
        for k, part in enumerate(parts):
            if k == max(len(parts) // 2, 1):
                halves = dict(ranges)
            with _watch(ranges, path, shape):
                copy(part)
    halves = halves or ranges
    return [
        Layer(f"{name} (place {place + 1})", _dead(now), _dead(halves.get((place, name), now)), len(now.low))
        for (place, name), now in ranges.items()
        if len(now.low) >= LEAST_UNITS
    ]


def _dead(ranges: _Ranges) -> float:
    scale = float(torch.maximum(ranges.low.abs(), ranges.high.abs()).max())
    return float((ranges.high - ranges.low <= STILL * scale).double().mean())


def _watch(ranges: dict[tuple[int, str], _Ranges], path: list[str], shape: tuple[int, ...]) -> TorchFunctionMode:
    """Return a context within which the outputs of all activations are added to the ranges."""
    places = iter(range(1 << 30))

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            kind = getattr(func, "__name__", "").rstrip("_")
            if kind in ACTIVATIONS and isinstance(out, Tensor) and out.ndim > 1 and tuple(out.shape[1:]) != shape:
                key = (next(places), f"{path[-1] + ' ' if path and path[-1] else ''}{kind}")
                now = out.detach().transpose(1, -1) if out.ndim == 3 else out.detach()  # the last axis of tokens
                now = now.transpose(0, 1).reshape(now.shape[1], -1)
                low, high = now.amin(1), now.amax(1)
                if key in ranges:
                    low, high = torch.minimum(low, ranges[key].low), torch.maximum(high, ranges[key].high)
                ranges[key] = _Ranges(low, high)
            return out

    return Watch()
