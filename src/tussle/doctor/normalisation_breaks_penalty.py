"""Check: batch statistics in the discriminator under a penalty per sample, and norms that autograd gets wrong.

A gradient penalty takes the gradient of the summed outputs for that of each sample's own output. With batch statistics
an output depends on the whole batch, and the two differ: the number is |sum_j dD_j/dx_i - dD_i/dx_i| over |dD_i/dx_i|.

Apart from that, derivatives of the third order, which Jacobian products of a field under a penalty are made of, come
out wrong through PyTorch's fused batch and layer norms and through weight norm (pytorch issues 186256 and 175754).
Training under R1 needs two orders only and is not touched; consensus, and the spectra of this diagnosis, are. One
product is held against a central difference in double precision.

Reference:
    Gulrajani et al., "Improved training of Wasserstein GANs", NIPS 2017, section 4 (no critic batch normalization).
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tussle.autodiff import array, gradient, input_gradient, jvp, to_numpy
from tussle.doctor.examination import Examination
from tussle.doctor.findings import ILLNESS, NOTE, WARNING, Checked, Evidence, Finding, clear, confidence, found
from tussle.measures import Nodes

NAME = "normalisation_breaks_penalty"
MIXED = 0.01  # relative error of the penalized gradients: rounding of single precision is below 1e-4
BROKEN = 0.1  # where the penalty is one of something else
WRONG = 1e-3  # relative error of a product: central differences in double precision agree to 1e-6 where it is right
STEPS = (1e-5, 1e-7, 1e-8)  # of the difference, times the size of the parameters; a kink in between spoils a step
LOOKED, BATCH = 8, 32  # samples whose own gradients are read, of how many in a batch
FEW = 4  # samples of a third derivative
SOURCE = (
    "the penalty's definition is per sample (Gulrajani et al. 2017, section 4: no batch normalization in the critic)"
)
NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)


def look(exam: Examination) -> Checked:
    """Measure how far penalized gradients are from those of single samples, and how right one product is."""
    if not exam.patient.game.penalties:
        return clear(NAME, "there is no penalty on the discriminator that batch statistics could break")
    error, spread, moved = mixing(exam)
    names = fused(exam.patient.discriminator.module)
    number = Evidence(
        "relative error of the penalized input gradients", error, spread, BROKEN if error > BROKEN else MIXED
    )
    others = Evidence(
        "change of other samples' outputs when one sample is exchanged, in their spread", moved, 0.0, 1e-4
    )
    if error > MIXED:
        words = (
            f"The discriminator mixes the samples of a batch{_by(names)}: the gradients that the penalty sees are off "
        )
        words += f"by {error:.2g} of the samples' own."
        advice = (
            "take a norm per sample (layer, instance, group) or none in the discriminator, or call its norms in eval()"
        )
        severity = ILLNESS if error > BROKEN else WARNING
        return found(Finding(NAME, severity, confidence(number), (number, others), words, SOURCE, advice))
    words = f"samples are not mixed (error {error:.1g})"
    if not names:
        return clear(NAME, f"{words}, and no fused norm is in the discriminator", number, others)
    wrong = product_error(exam)
    product = Evidence("relative error of a third derivative against a central difference", wrong, WRONG / 10, WRONG)
    if wrong > WRONG:
        return found(_untrusted(exam, names, product, number))
    return clear(NAME, f"{words}, and a third derivative is right to {wrong:.1g}", number, others, product)


def _by(names: list[str]) -> str:
    return f" ({', '.join(names[:3])})" if names else ""


def _untrusted(exam: Examination, names: list[str], product: Evidence, number: Evidence) -> Finding:
    bent = type(exam.patient.field).__name__ != "Field"
    words = f"Third derivatives through {', '.join(names[:3])} are wrong in this PyTorch, by {product.value:.2g}: "
    words += (
        "the method's own steps use them" if bent else "the penalty's own gradient is right, spectra under it are not"
    )
    advice = "write the norm out in plain arithmetic (tussle.networks.norms) before spectra or consensus are trusted"
    return Finding(NAME, WARNING if bent else NOTE, confidence(product), (product, number), words + ".",
                   "pytorch issues 186256 and 175754", advice)  # fmt: skip


def mixing(exam: Examination) -> tuple[float, float, float]:
    """Return the relative error of the penalized gradients, its standard error, and the change of others' outputs."""
    psi, game = exam.point[1], exam.patient.game
    x = exam.batch(0, min(max(exam.patient.batch, 2), BATCH)).real.points
    looked = min(LOOKED, len(x))
    summed = to_numpy(input_gradient(lambda at: game.logits(psi, at), x)).astype(np.float64)
    own = []
    for i in range(looked):
        one = gradient(lambda at, i=i: game.logits(psi, at)[i], x)
        own.append(to_numpy(one[i]).astype(np.float64))
    gap = np.array([np.linalg.norm(summed[i] - own[i]) for i in range(looked)])
    size = math.sqrt(float(np.mean([np.square(g).sum() for g in own]))) + 1e-300
    with torch.no_grad():
        before = game.logits(psi, x)
        other = torch.cat([exam.batch(1, len(x)).real.points[:1], x[1:]])
        after = game.logits(psi, other)
        moved = float((after - before)[1:].abs().max() / (before.std() + 1e-30))
    return float(gap.mean()) / size, float(gap.std(ddof=1)) / math.sqrt(looked) / size + 1e-6, moved


def product_error(exam: Examination) -> float:
    """Return the relative error of one Jacobian product of the penalty's gradient, in double precision."""
    game = exam.patient.game
    exam.needs(20 * exam.step_seconds, "a third derivative with its central differences")
    batch = exam.batch(0, FEW)
    real, latent = (nodes.points.double() for nodes in (batch.real, batch.latent))
    theta, psi = (x.double() for x in exam.point)
    with torch.no_grad():
        fake = game.generator(theta, latent)
    places = {"real": real, "fake": fake, "interpolates": 0.5 * (real + fake), "perturbed": real}

    def penalty(at: Tensor) -> Any:
        return sum(p.value(lambda x: game.logits(at, x), Nodes(places[p.place])) for p in game.penalties)

    slope = lambda at: gradient(penalty, at)
    direction = array(np.random.default_rng(exam.seed).standard_normal(len(psi)), psi)
    direction = direction / direction.norm()
    told = jvp(slope, psi, direction)
    errors = []
    for step in STEPS:
        h = step * max(float(psi.norm()), 1e-3)
        seen = (slope(psi + h * direction) - slope(psi - h * direction)) / (2 * h)
        errors.append(float((told - seen).norm() / max(float(seen.norm()), float(told.norm()), 1e-300)))
        if errors[-1] <= WRONG:
            break
    return min(errors)


def fused(module: nn.Module) -> list[str]:
    """Return the names of a module's fused norms and weight norms.

    >>> fused(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)))
    ['1 (LayerNorm)']
    """
    found = [f"{name} ({type(one).__name__})" for name, one in module.named_modules() if isinstance(one, NORMS)]
    found += [f"{name} (weight norm)" for name, one in module.named_modules() if type(one).__name__ == "_WeightNorm"]
    return found
