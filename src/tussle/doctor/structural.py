"""Remedies of structure: changes of the networks themselves, made on copies.

Output that is rescaled, a sigmoid that is stripped, batch norm that becomes group norm, a sign that is turned.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tussle.autodiff import array
from tussle.doctor import changes, mended
from tussle.doctor.adopt import OwnLoss
from tussle.doctor.examination import Examination
from tussle.doctor.patient import Patient
from tussle.doctor.remedies import CONVERGE, Remedy
from tussle.networks.conditional import unpack_labels
from tussle.networks.norms import SpectralNorm

ENDS = ((nn.Tanh, (-1.0, 1.0)), (nn.Sigmoid, (0.0, 1.0)))  # what a last layer can reach at most


def _example(patient: Patient, count: int = 4) -> tuple[Tensor, ...]:
    """Return a few inputs of the user's own discriminator."""
    x = patient.real[:count]
    if patient.classes == 1:
        return (array(x, patient.start[1]),)
    points, labels = unpack_labels(x, patient.shape)
    return array(points, patient.start[1]), torch.as_tensor(labels, device=patient.start[1].device)


def _critic(patient: Patient) -> nn.Module:
    return patient.modules[1]


# The critic's output ------------------------------------------------------------------------------------------------


def _probabilities(exam: Examination) -> bool:
    """Say whether all of the critic's outputs lie between 0 and 1."""
    seen = np.concatenate([exam.scores.real, exam.scores.fake])
    return bool(seen.min() >= 0 and seen.max() <= 1)


def strip_sigmoid(exam: Examination) -> Remedy | None:
    """Logits in the place of probabilities."""
    if not _probabilities(exam):
        return None

    def apply(patient: Patient) -> Patient:
        return changes.with_modules(
            patient, discriminator=lambda m: mended.without_sigmoid(m, *_example(patient))
        )  # fmt: skip

    return Remedy(
        "strip-sigmoid", "let the discriminator return logits: take the sigmoid off its end", apply,
        "losses on logits take their own sigmoid",
        "a second sigmoid squeezes outputs into (0, 1): the loss can neither be small nor send a gradient",
    )  # fmt: skip


def add_sigmoid(exam: Examination) -> Remedy | None:
    """Probabilities in the place of logits, for a loss of the user's own that takes them."""
    if not isinstance(exam.patient.game.loss_function, OwnLoss) or _probabilities(exam):
        return None
    apply = lambda p: changes.with_modules(p, discriminator=mended.Probability)
    return Remedy(
        "add-sigmoid", "end the discriminator with a sigmoid", apply, "losses on probabilities take no logits",
        "a loss that takes logarithms of its inputs needs them between 0 and 1",
    )  # fmt: skip


def negate(exam: Examination) -> Remedy:
    """A critic that is large on real data in the place of one that is large on fakes."""
    apply = lambda p: changes.with_modules(p, discriminator=lambda m: mended.Affine(m, -1.0))
    real, fake = float(exam.scores.real.mean()), float(exam.scores.fake.mean())
    return Remedy(
        "negate-output", "change the sign of the discriminator's output (it must be large on real data)", apply,
        "convention of the losses", f"outputs are {real:.3g} on real data and {fake:.3g} on fakes on the mean now",
    )  # fmt: skip


def swap_labels(exam: Examination) -> Remedy | None:
    """The user's own critic loss with its arguments exchanged."""
    loss: Any = exam.patient.game.loss_function
    if not isinstance(loss, OwnLoss):
        return None
    function = loss.critic_function
    swapped = OwnLoss(**{**vars(loss), "critic_function": lambda real, fake: function(fake, real)})
    return Remedy(
        "swap-labels", "exchange real and fake in the discriminator's loss",
        lambda p: changes.with_parts(p, loss_function=swapped), "convention of the losses",
        "both players pull at the discriminator's output with the same sign now",
    )  # fmt: skip


# Norms and units ----------------------------------------------------------------------------------------------------


def _normed(exam: Examination) -> bool:
    return any(map(mended.is_batch_norm, _critic(exam.patient).modules()))


def _norms(name: str, change: str, how: changes.Change, words: str) -> Callable[[Examination], Remedy | None]:
    def remedy(exam: Examination) -> Remedy | None:
        if not _normed(exam):
            return None
        return Remedy(name, change, lambda p: changes.with_modules(p, discriminator=how), CONVERGE, words)

    return remedy


def written_out(exam: Examination) -> Remedy | None:
    """Norms in plain arithmetic in the place of fused ones."""
    kinds = (nn.LayerNorm, nn.GroupNorm, mended.instance_norms)
    if not any(isinstance(m, kinds) for m in _critic(exam.patient).modules()):
        return None
    return Remedy(
        "written-out-norms", "write the discriminator's fused norms out in plain arithmetic (tussle.networks.norms)",
        lambda p: changes.with_modules(p, discriminator=mended.written_out),
        "PyTorch issues 186256 and 175754", "third derivatives through fused norms are off by up to several percent",
    )  # fmt: skip


def leaky(exam: Examination) -> Remedy | None:
    """Units that cannot die."""
    kinds = (nn.ReLU, nn.ReLU6)
    which = [any(isinstance(m, kinds) for m in module.modules()) for module in exam.patient.modules]
    if not any(which):
        return None

    def apply(patient: Patient) -> Patient:
        how = tuple(mended.leaky if wanted else None for wanted in which)
        return changes.with_modules(patient, *how)

    where = " and ".join(n for n, wanted in zip(("generator", "discriminator"), which, strict=True) if wanted)
    return Remedy(
        "leaky-units", f"leaky rectifiers of slope {mended.SLOPE} in the {where}", apply, "Radford et al., ICLR 2016",
        "a unit that is off on all inputs gets a gradient again",
    )  # fmt: skip


def spectral(exam: Examination) -> Remedy | None:
    """A critic whose slope is bounded by its layers."""
    parts = list(_critic(exam.patient).modules())
    plain = [m for m in parts if type(m) in (nn.Linear, nn.Conv2d)]
    if not plain or any(isinstance(m, SpectralNorm) or m.__class__.__name__.startswith("Parametrized") for m in parts):
        return None
    return Remedy(
        "spectral-norm", "spectral norm on the discriminator's layers",
        lambda p: changes.with_modules(p, discriminator=mended.spectral), "Miyato et al., ICLR 2018",
        "each layer's largest singular value is held at 1, so the critic's slope is at most 1 or so",
    )  # fmt: skip


def differentiable(exam: Examination) -> Remedy:  # noqa: ARG001
    """A critic that can be differentiated twice."""
    return Remedy(
        "differentiable", "no in-place operations, wrappers, autocast, fused attention or fused norms in the "
        "discriminator", lambda p: changes.with_modules(p, discriminator=mended.differentiable),
        "PyTorch on double backward", "gradient penalties differentiate the discriminator twice",
    )  # fmt: skip


# The generator's range ----------------------------------------------------------------------------------------------


def _reach(patient: Patient, fake: np.ndarray) -> tuple[float, float]:
    """Return the least and the largest value that the generator can make, as far as it is known."""
    generator = patient.modules[0]
    last = [m for m in generator.modules() if not list(m.children())][-1:]
    for kind, ends in ENDS:
        if last and isinstance(last[0], kind) and ends[0] <= fake.min() and fake.max() <= ends[1]:
            return ends
    return float(fake.min()), float(fake.max())


def _affine(name: str, scale: float, shift: float, change: str, words: str) -> Remedy | None:
    if not (np.isfinite(scale) and scale > 0) or (abs(scale - 1) < 0.02 and abs(shift) < 0.02 * scale):
        return None
    how = lambda m: mended.Affine(m, scale, shift)
    apply = lambda p: changes.with_modules(p, generator=how)
    return Remedy(name, f"{change}: {scale:.4g} y {shift:+.4g}", apply, "the samples must be able to meet", words)


def match_range(exam: Examination) -> Remedy | None:
    """The generator's range mapped onto the data's."""
    patient = exam.patient
    real, fake = changes.unlabeled(patient, exam.real), changes.unlabeled(patient, exam.fake)
    low, high = _reach(patient, fake)
    if not high > low:
        return None
    scale = float(real.max() - real.min()) / (high - low)
    return _affine(
        "match-range", scale, float(real.min()) - scale * low,
        "scale the generator's output to the data's range (or the data to the generator's)",
        f"the generator reaches {low:.3g} to {high:.3g}, the data {real.min():.3g} to {real.max():.3g}",
    )  # fmt: skip


def match_moments(exam: Examination) -> Remedy | None:
    """The generator's mean and deviation mapped onto the data's."""
    patient = exam.patient
    real, fake = changes.unlabeled(patient, exam.real), changes.unlabeled(patient, exam.fake)
    if not fake.std() > 0:
        return None
    scale = float(real.std() / fake.std())
    return _affine(
        "match-moments", scale, float(real.mean()) - scale * float(fake.mean()),
        "scale the generator's output to the data's mean and deviation",
        f"fakes have mean {fake.mean():.3g} and deviation {fake.std():.3g}, the data {real.mean():.3g} and "
        f"{real.std():.3g}",
    )  # fmt: skip


REMEDIES: dict[str, Callable[[Examination], Remedy | None]] = {
    "strip_sigmoid": strip_sigmoid,
    "add_sigmoid": add_sigmoid,
    "negate": negate,
    "swap_labels": swap_labels,
    "group_norm": _norms(
        "group-norm", "group norm in the place of batch norm in the discriminator", mended.without_batch_norm,
        "samples are no longer mixed, so the penalty is one for each sample again",
    ),
    "no_norm": _norms(
        "no-norm", "no normalization in the discriminator", mended.without_norms,
        "samples are no longer mixed, so the penalty is one for each sample again",
    ),
    "running_norm": _norms(
        "running-norm", "batch norm in evaluation mode in the discriminator (running statistics)", mended.settled,
        "running statistics are constants, so samples are not mixed",
    ),
    "written_out": written_out,
    "leaky": leaky,
    "spectral": spectral,
    "differentiable": differentiable,
    "match_range": match_range,
    "match_moments": match_moments,
}  # fmt: skip
