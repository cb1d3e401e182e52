"""Rotation: the players circle each other, and hardly anything damps it.

The pair of largest imaginary part among the eigenvalues of a small step is held against its own damping. Its angle
atan2(|Im|, -Re) is 0 for pure damping, 90 degrees for a pure rotation and more for a growing one. In one turn its swing
shrinks by exp(-2 pi |Re| / |Im|).
"""

import math

import numpy as np

from tussle import rules
from tussle.doctor.coupling import coupling
from tussle.doctor.examination import Cannot, Examination, OutOfTime
from tussle.doctor.findings import ILLNESS, NOTE, WARNING, Checked, Evidence, Finding, clear, confidence, found
from tussle.doctor.held import held
from tussle.doctor.rest import TRAINING
from tussle.doctor.spectra import share_of_rotation, step_ends

NAME = "rotation"
KEPT = 0.5  # of the swing after one turn: a swing that keeps more than half comes back before it is settled
ANGLE = math.degrees(math.atan(2 * math.pi / math.log(1 / KEPT)))  # 83.7: exp(-2 pi / tan(angle)) = KEPT
SHARE = 0.05  # of the squared norm of the Jacobian: below, what rotates is a small part of what happens
SEEN = 3.0  # uncertainties by which an imaginary part must differ from 0
TURNS = 10.0  # turns within a training: a slower rotation cannot be told from a drift
SOURCE = (
    "a pair that keeps more than half of its swing in a turn has an angle above atan(2 pi / ln 2) = 83.7 degrees; "
    "Mescheder, Nowozin, Geiger, NIPS 2017: |Im/Re| bounds the step that converges"
)


def look(exam: Examination) -> Checked:
    """Look whether imaginary parts dominate."""
    values, sure, words = step_ends(exam)
    k = int(np.argmax(np.abs(values.imag)))
    pair = complex(values[k])
    re, im = abs(pair.real), abs(pair.imag)
    d_re, d_im = sure["imaginary"]
    share, d_share = share_of_rotation(exam)
    shares = Evidence("share of the rotating part in the squared norm of the Jacobian", share, d_share, SHARE)
    scale = float(np.abs(values).max(initial=0.0))
    if im <= SEEN * d_im or im <= 1e-9 * scale:
        most = Evidence("largest imaginary part, per step", im, d_im, SEEN * d_im)
        return clear(NAME, "no imaginary part stands out of its uncertainty", most, shares)
    angle = math.degrees(math.atan2(im, -pair.real))
    error = math.degrees(math.hypot(re * d_im, im * d_re) / (re * re + im * im))
    first = Evidence("angle of the fastest rotating pair, degrees (90 is a pure rotation)", angle, error, ANGLE)
    turns = Evidence(f"its turns within {TRAINING:.0e} steps", TRAINING * im / (2 * math.pi), 0.0, TURNS)
    evidence = (first, shares, turns)
    if first.excess <= 0:
        return clear(NAME, f"the fastest rotating pair is damped at {angle:.0f} degrees ({words})", *evidence)
    strong = confidence(first) > 0.84 and shares.excess > 0 and turns.excess > 0
    severity = ILLNESS if strong else WARNING if turns.excess > 0 and shares.excess > 0 else NOTE
    ratio = math.inf if re == 0 else im / re
    said = (
        f"The players rotate: the fastest pair has |Im/Re| = {ratio:.3g} at an angle of {angle:.0f} degrees, one turn "
    )
    said += f"in {2 * math.pi / im:.3g} steps; {_range(exam, pair)}{_damping(exam)}"
    advice = "damp it: a gradient penalty near its critical weight, or a rule that damps rotation (alternating, "
    advice += "extragradient, optimistic)"
    return found(Finding(NAME, severity, confidence(first), evidence, said, SOURCE, advice))


def stable_factor(pair: complex, alternating: bool) -> float:
    """Return the largest factor of the rates at which a pair of eigenvalues (per step) contracts.

    Simultaneous: f < 2 |Re| / |k|^2. In turn, where the pair is that of [[0, -a], [a, -g]] with g = -2 Re and a = |k|:
    f^2 a^2 + 2 f g < 4. Both are 0 where Re >= 0.

    Example:
        >>> round(stable_factor(complex(-0.15, (0.25 - 0.0225) ** 0.5), alternating=True), 10)
        2.9761226036
    """
    if pair.real >= 0:
        return 0.0
    a, g = abs(pair), -2 * pair.real
    if not alternating:
        return g / (a * a)
    return (math.sqrt(g * g + 4 * a * a) - g) / (a * a)


def _range(exam: Examination, pair: complex) -> str:
    in_turn = isinstance(held(exam).map.rule, rules.Alternating)
    factor = stable_factor(pair, in_turn)
    how = "steps in turn" if in_turn else "simultaneous steps"
    if factor == 0:
        return f"no plain {how} of any length contract it"
    return f"plain {how} contract it up to {factor:.3g} times the present rates"


def _damping(exam: Examination) -> str:
    """Return what an R1 penalty would have to weigh, where that can be said."""
    try:
        found_pair = coupling(exam)
    except (Cannot, OutOfTime, ArithmeticError):
        return ""
    needed = found_pair.needed
    if not math.isfinite(needed) or needed <= 0:
        return ""
    more = "another " if exam.patient.game.penalties else ""
    return f"; critical damping of the strongest coupling needs {more}R1 of weight {needed:.3g} in the local model"
