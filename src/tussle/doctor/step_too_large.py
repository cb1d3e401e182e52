"""Step too large: the update expands in a direction in which a smaller step would contract.

The radius is that of the actual update, the pace's state included. An eigenvalue m beyond the unit circle is the step's
fault if m turns over (Re m < 0), or if m - 1 points inwards by more than a rotation does; a pair that points along the
circle or outwards would grow at any step, and is a rotation's or a saddle's.
"""

import math
from typing import Any

import numpy as np

from tussle.doctor.ends import Ends
from tussle.doctor.examination import Examination, OutOfTime
from tussle.doctor.findings import ILLNESS, Checked, Evidence, Finding, clear, confidence, found
from tussle.doctor.rotation import ANGLE
from tussle.doctor.spectra import map_ends, scaled_ends

NAME = "step_too_large"
RADIUS = 1.0  # a linear map contracts if and only if its spectral radius is below 1
SMALLER = 0.25  # the rates at which the fault must be gone
ROUNDING = 1e-6  # relative error of a radius in float32 that counts as none
SOURCE = "a step expands where the radius of the update's Jacobian exceeds 1 (Ostrowski; Mescheder et al., NIPS 2017)"


def look(exam: Examination) -> Checked:
    """Look whether the update expands because of its length."""
    ends = map_ends(exam)
    update = ends.update
    error = _error(ends)
    worst = _worst(update)
    radius = Evidence("radius of the update, the pace's state included", ends.radius, error, RADIUS)
    if worst is None:
        why = f"the update's radius is {ends.radius:.6g}"
        why += "; what expands does so at any step" if ends.radius > RADIUS + error else ""
        return clear(NAME, why, radius)
    value = abs(worst)
    beyond = Evidence(
        f"modulus of the update's eigenvalue {worst:.4g} that a smaller step contracts", value,
        max(error, ROUNDING * value), RADIUS,
    )  # fmt: skip
    if beyond.excess <= 1:
        return clear(NAME, f"the update's radius is {ends.radius:.6g}, within its uncertainty of 1", beyond, radius)
    smaller = _smaller(exam)
    if smaller is not None and smaller >= value:
        why = f"an eigenvalue of modulus {value:.4g} stays at {SMALLER:g} times the rates: it is not the step's fault"
        return clear(NAME, why, beyond, radius)
    factor = _factor(worst)
    words = f"The step is too large: the update multiplies a direction by {value:.3g} each step"
    words += "" if smaller is None else f" (the worst is {smaller:.3g} at {SMALLER:g} times the rates)"
    words += f"; in the local model it contracts below {factor:.2g} times the present rates" if factor else ""
    advice = "lower the rates" + (f" to {0.67 * factor:.2g} times the present ones" if factor else "")
    return found(Finding(NAME, ILLNESS, confidence(beyond), (beyond, radius), words, SOURCE, advice))


def faulty(update: Any) -> Any:
    """Return which eigenvalues of an update would contract at smaller steps, if they expand.

    Example:
        >>> faulty(np.array([-1.2, 1 + 0.1j, 1.1])).tolist()
        [True, False, False]
    """
    move = update - 1
    angle = np.degrees(np.arctan2(np.abs(move.imag), -move.real))
    return (update.real < 0) | (angle < ANGLE)


def _worst(update: Any) -> complex | None:
    beyond = update[faulty(update) & (np.abs(update) > RADIUS)]
    return complex(beyond[np.argmax(np.abs(beyond))]) if len(beyond) else None


def _error(ends: Ends) -> float:
    """Return the uncertainty of a modulus at the ends, along the modulus."""
    found_errors = []
    for end in ("radius", "modulus"):
        z = 1 + ends.leading(end)
        re, im = ends.uncertainty(end)
        found_errors.append(math.hypot(z.real * re, z.imag * im) / max(abs(z), 1e-300))
    return max(found_errors)


def _smaller(exam: Examination) -> float | None:
    """Return the largest faulty modulus at smaller rates; None where there is no time to look."""
    if exam.depth == "quick":
        return None
    try:
        update = scaled_ends(exam, SMALLER).update
    except OutOfTime:
        return None
    return float(np.abs(update[faulty(update)]).max(initial=0.0))


def _factor(worst: complex) -> float:
    """Return the factor of the rates at which 1 + f (m - 1) comes back to the unit circle."""
    move = worst - 1
    return -2 * move.real / abs(move) ** 2
