"""Ill-conditioned: the fastest direction bounds the step, and what remains to be done lies in far slower ones.

With D the rates of the pace and S = D^(1/2), the eigenvalues of S J S are those of a step. The rate of what remains is
|S J^T S u| / |u| along the mean velocity u = S v; the fastest is the largest modulus. Even at the largest stable step,
2 / fastest, what remains shrinks by a factor e only once in (fastest / rate) / 2 steps.
"""

import numpy as np
import torch

from tussle.doctor.examination import Cannot, Examination
from tussle.doctor.findings import ILLNESS, WARNING, Checked, Evidence, Finding, clear, confidence, found
from tussle.doctor.held import held
from tussle.doctor.products import cast, looked, recorded, whole_field
from tussle.doctor.rest import TRAINING
from tussle.doctor.spectra import step_ends
from tussle.game import joined

NAME = "ill_conditioned"
FOLDS = 10.0  # factors e that a training should shrink what remains by
RATIO = TRAINING / FOLDS  # 1e4: beyond it a training at the largest stable step has no time for them
SURE = 3.0  # standard errors by which a mean velocity must differ from 0
SOURCE = f"a training of {TRAINING:.0e} steps at the largest stable rate shrinks what remains by less than e^{FOLDS:g}"


def look(exam: Examination) -> Checked:
    """Look how much slower than the fastest direction what remains is."""
    model = held(exam)
    if model.rates is None:
        message = f"the rates of {model.words} are not known"
        raise Cannot(message)
    noise = exam.noise
    length, error = (float(np.linalg.norm(x)) for x in (noise.norms, noise.errors))
    moves = Evidence("length of the mean velocity", length, error, SURE * error)
    if length <= SURE * error or length == 0:
        return clear(NAME, "nothing remains of the mean velocity beside its noise", moves)
    values, sure, _ = step_ends(exam)
    fastest, d_fastest = float(np.abs(values).max(initial=0.0)), float(np.hypot(*sure["modulus"]))
    rates = [_rate(exam, number) for number in range(2)]
    slow = float(np.mean(rates))
    if slow <= 0:
        return clear(NAME, "along the mean velocity the field does not change at all: that is no slow mode", moves)
    ratio = fastest / slow
    share = np.hypot(d_fastest / max(fastest, 1e-300), np.hypot(abs(rates[0] - rates[1]) / 2 / slow, error / length))
    first = Evidence("fastest rate over the rate of what remains", ratio, float(ratio * share), RATIO)
    if first.excess <= 0:
        return clear(NAME, f"what remains is {ratio:.3g} times slower than the fastest direction", first, moves)
    severity = ILLNESS if ratio > FOLDS * RATIO else WARNING
    words = (
        f"Ill-conditioned: what remains to be done is {ratio:.2g} times slower than the direction that bounds the step"
    )
    advice = "scale the data's components alike, take an adaptive pace (Adam, RMSProp), or normalize the layers"
    return found(Finding(NAME, severity, confidence(first), (first, moves), words, SOURCE, advice))


def _rate(exam: Examination, number: int) -> float:
    """Return |S J^T S u| / |u| along the mean velocity, on one batch."""
    rates = held(exam).rates
    assert rates is not None
    function, at = whole_field(exam.patient.field, *cast(exam, looked(exam, number)))
    root = torch.sqrt(joined(rates).to(at.dtype))
    u = root * torch.cat([torch.as_tensor(m, dtype=at.dtype, device=at.device) for m in exam.noise.mean])
    image = root * recorded(exam, function, at)(root * u)
    return float(image.norm() / u.norm())
