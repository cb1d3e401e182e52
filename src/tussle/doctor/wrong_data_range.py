"""Check: the range of the generator's outputs and that of the data differ.

A generator that ends in a bounded activation reaches its bounds at most: what share of the data's values lies beyond
them, and what share of its range do the data use? One without bounds has a scale: how many times larger or smaller are
the data?

Reference:
    Radford, Metz, Chintala, "Unsupervised representation learning with DCGANs", ICLR 2016, section 4 (images scaled to
    the range of the tanh, [-1, 1]).
"""

import math

import numpy as np
import torch

from tussle.autodiff import array
from tussle.doctor.examination import Cannot, Examination
from tussle.doctor.findings import ILLNESS, WARNING, Checked, Evidence, Finding, clear, confidence, found
from tussle.doctor.loss_mismatch import last_operation

NAME = "wrong_data_range"
RANGES = {"Tanh": (-1.0, 1.0), "Sigmoid": (0.0, 1.0), "Hardtanh": (-1.0, 1.0), "Hardsigmoid": (0.0, 1.0),
          "Softmax": (0.0, 1.0), "Relu": (0.0, math.inf), "Softplus": (0.0, math.inf)}  # fmt: skip
BEYOND = 0.01  # share of the data's values out of reach: a discriminator finds one in a hundred
SLACK = 0.02  # of the range, at either end: dequantized or centered data go a little over
UNUSED = 0.45  # of the range: [0, 1] is half of [-1, 1]
APART = (35.0, 100.0)  # times larger or smaller: a risk, and an illness; new weights give a scale of 0.03 to 3
SOURCE = "data are scaled to the range of the generator's last activation (Radford et al. 2016, section 4)"


def look(exam: Examination) -> Checked:
    """Compare the reach of the generator with the data."""
    real, fake = (_values(exam, x) for x in (exam.real, exam.fake))
    operation = generator_ends_in(exam)
    low, high = RANGES.get(operation, (-math.inf, math.inf))
    bounded = math.isfinite(low) or math.isfinite(high)
    told = f"the data go from {real.min():.3g} to {real.max():.3g}, the fakes from {fake.min():.3g} to {fake.max():.3g}"
    if bounded:
        told += f", and the generator ends in a {operation.lower()} ({low:g} to {high:g})"
        seen = _beyond(real, low, high, told) or _unused(real, low, high, told)
        if seen is not None:
            return found(seen)
    scale, error = _scale(real, fake)
    ill = abs(scale) > math.log10(APART[1])
    number = Evidence("how many powers of ten lie between the sizes of data and fakes", abs(scale), error,
                      math.log10(APART[1] if ill else APART[0]))  # fmt: skip
    if abs(scale) <= math.log10(APART[0]) or (bounded and math.isfinite(high)):
        return clear(NAME, told, number)
    words = f"T{told[1:]}: the data are {10 ** abs(scale):.3g} times {'larger' if scale > 0 else 'smaller'}."
    advice = "scale the data to a size of about 1, for instance images to [-1, 1], and the fakes back afterwards"
    severity = ILLNESS if ill else WARNING
    return found(Finding(NAME, severity, confidence(number), (number,), words, SOURCE, advice))


def _values(exam: Examination, x: np.ndarray) -> np.ndarray:
    """Return samples as rows without labels, float64."""
    rows = x.reshape(len(x), -1).astype(np.float64)
    return rows[:, :-1] if exam.patient.classes > 1 else rows


def generator_ends_in(exam: Examination) -> str:
    """Return the generator's last operation that is no mere reshaping."""
    theta = exam.point[0].detach().requires_grad_()
    latents = array(exam.patient.game.latent.sample(np.random.default_rng(exam.seed), 4), theta)
    with torch.enable_grad():
        return last_operation(exam.patient.game.generator(theta, latents))


def _beyond(real: np.ndarray, low: float, high: float, told: str) -> Finding | None:
    """Data beyond the generator's bounds."""
    slack = SLACK * (high - low) if math.isfinite(high) else SLACK * float(real.std())
    out = ((real < low - slack) | (real > high + slack)).mean(axis=1)  # of each sample's values
    share, error = float(out.mean()), float(out.std(ddof=1)) / math.sqrt(len(out))
    if share <= BEYOND:
        return None
    number = Evidence("share of the data's values that the generator cannot reach", share, error, BEYOND)
    words = f"T{told[1:]}: {share:.0%} of the data's values lie out of its reach."
    advice = f"scale the data to [{low:g}, {high:g}], or end the generator in no activation"
    return Finding(NAME, ILLNESS, confidence(number), (number,), words, SOURCE, advice)


def _unused(real: np.ndarray, low: float, high: float, told: str) -> Finding | None:
    """Data that use a part of the range only."""
    if not math.isfinite(high):
        return None
    share = 1 - (float(real.max()) - float(real.min())) / (high - low)
    if share <= UNUSED:
        return None
    number = Evidence("share of the generator's range that no data use", share, (high - low) / len(real), UNUSED)
    words = f"T{told[1:]}: {share:.0%} of its range is never used."
    return Finding(
        NAME, WARNING, confidence(number), (number,), words, SOURCE, f"scale the data to [{low:g}, {high:g}]"
    )


def _scale(real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    """Return log10 of the ratio of the root mean squares of data and fakes, and its standard error."""
    parts, spread = [], 0.0
    for rows in (real, fake):
        square = np.square(rows).mean(axis=1)
        mean = float(square.mean())
        if not 0 < mean < math.inf:
            message = "data or fakes are all 0 or not finite: they have no size to compare"
            raise Cannot(message)
        parts.append(0.5 * math.log10(mean))
        spread += float(square.var(ddof=1)) / len(square) / mean**2 / 4
    return parts[0] - parts[1], math.sqrt(spread) / math.log(10) + 1e-9
