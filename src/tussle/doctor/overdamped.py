"""Overdamped: a penalty so far beyond critical damping that the strongest coupling of the players only crawls.

In the Dirac-GAN's local model on the strongest coupling (see `coupling`) the penalty's weight is held against the one
of critical damping. Far beyond, the slower eigenvalue is w^2 / (gamma c): the more damping, the slower.
"""

import math

from tussle.doctor import saturated_discriminator
from tussle.doctor.coupling import coupling
from tussle.doctor.examination import Cannot, Examination
from tussle.doctor.findings import ILLNESS, WARNING, Checked, Evidence, Finding, clear, confidence, found

NAME = "overdamped"
BEYOND = 10.0  # times critical: the slower eigenvalue is then w / 20, where it would be w at critical damping
SEVERE = 30.0  # times critical: sixty times slower than at critical damping
SOURCE = (
    "Mescheder et al., ICML 2018, section 4: beyond the critical weight the larger eigenvalue returns to 0; at ten "
    "times it, settling takes twenty times longer"
)


def look(exam: Examination) -> Checked:
    """Look whether the penalties are far beyond critical damping."""
    if not exam.patient.game.penalties:
        return clear(NAME, "there is no penalty that could overdamp", Evidence("times critical damping", 0, 0, BEYOND))
    if _saturated(exam):
        return clear(NAME, "the discriminator is saturated: its loss couples the players too little to be damped")
    pair = coupling(exam)
    value, error = pair.excess
    if pair.frequency <= pair.frequency_error:
        seen = Evidence("frequency of the strongest coupling", pair.frequency, pair.frequency_error, 0.0)
        return clear(NAME, "no coupling of the players stands out of its uncertainty", seen)
    ratio = Evidence("penalty weight over that of critical damping, strongest coupling", value, error, BEYOND)
    slow, best = pair.eigenvalues()[0].real, pair.eigenvalues(min(pair.critical, 1.0))[0].real
    gain = best / slow if slow < 0 else math.inf
    speed = Evidence("how many times faster it would settle at critical damping", gain, 0.0, 1.0)
    if ratio.excess <= 0:
        return clear(NAME, f"the penalty is {value:.3g} times what damps the strongest coupling critically", ratio)
    severity = ILLNESS if value - error > SEVERE else WARNING
    words = (
        f"The penalty is {value:.3g} times what damps the strongest coupling critically: its slower eigenvalue is "
        f"{slow:.2g}, and would be {best:.2g} at {1 / value:.2g} times the weight"
    )
    advice = f"lower the penalty's weight to about {1 / value:.2g} of the present one"
    return found(Finding(NAME, severity, confidence(ratio), (ratio, speed), words, SOURCE, advice))


def _saturated(exam: Examination) -> bool:
    """Say whether the coupling is weak because the discriminator is sure: there a lighter penalty is no cure."""
    try:
        return saturated_discriminator.look(exam).finding is not None
    except Cannot:
        return False
