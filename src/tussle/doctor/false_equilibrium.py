"""False equilibrium: both players rest at a point that is no equilibrium of the game.

Either the fakes still differ from the data though nothing moves (a dead or flat discriminator, the half-stable points
of WGAN-GP and DRAGAN), or the field that the method follows has a zero where the game's own field has none (an
adjustment that added one).
"""

import math

import numpy as np

from tussle.doctor.examination import Examination
from tussle.doctor.findings import ILLNESS, Checked, Evidence, Finding, clear, confidence, found
from tussle.doctor.rest import BATCHES, FIRST, NEAR, TRAINING, Rest, distinction, rest
from tussle.field import Field
from tussle.game import joined

NAME = "false_equilibrium"
APART = 0.02  # energy coefficient; a shift by about 0.3 standard deviations of a normal law
SURE = 4.0  # standard deviations of the permutations
FELT = 4.0  # standard errors by which the game's own field must differ from 0
SOURCE = (
    "Nie and Patel, UAI 2019, and Mescheder et al., ICML 2018: WGAN-GP and consensus have points of rest that are no "
    f"equilibria; rest is a Newton distance below {NEAR:g} (as for endings of runs)"
)


def look(exam: Examination) -> Checked:
    """Look whether the patient rests where the game has no equilibrium."""
    seen, apart = rest(exam), distinction(exam)
    own, error = _own(exam, seen)
    differ = Evidence("energy distance of fakes and data, 0 to 1", apart.coefficient, apart.error, APART)
    felt = Evidence("standard errors of the game's own field over those allowed", _ratio(own, error), 1.0, FELT)
    still = Evidence("Newton distance to a zero of the method's field, relative to the weights", seen.reach, 0.0, NEAR)
    if not seen.still:
        words = (
            f"the players do not rest: within {TRAINING:.0e} steps the fakes go {seen.fakes.most:.3g} times their way"
        )
        return clear(NAME, words, differ, still)
    if apart.coefficient > APART and apart.score > SURE:
        words = f"Both players rest, but the fakes differ from the data by {apart.score:.0f} standard deviations"
        advice = (
            "give the discriminator slopes again (another start, a smooth activation, noise on its inputs), no WGAN-GP"
        )
        return found(Finding(NAME, ILLNESS, confidence(differ), (differ, still), words, SOURCE, advice))
    if exam.patient.field is not None and _adjusted(exam) and felt.excess > 0:
        words = f"The method rests where the game's own field has length {own:.2g}"
        advice = "take the adjustment away or lower its weight: this zero is its own and not the game's"
        return found(Finding(NAME, ILLNESS, confidence(felt), (felt, differ, still), words, SOURCE, advice))
    return clear(NAME, "the players rest, and the fakes cannot be told from the data", differ, still)


def _adjusted(exam: Examination) -> bool:
    return not isinstance(exam.patient.field, Field)


def _ratio(value: float, error: float) -> float:
    return value / error if error > 0 else (math.inf if value > 0 else 0.0)


def _own(exam: Examination, seen: Rest) -> tuple[float, float]:
    """Return the length of the game's own mean field, and its standard error."""
    if not _adjusted(exam):
        return seen.speed, seen.speed_error
    field, count = exam.patient.plain_field, BATCHES[exam.depth]
    drawn = [joined(field(exam.point, exam.batch(FIRST + k))).double().cpu().numpy() for k in range(count)]
    both = [np.mean(drawn[k::2], axis=0) for k in (0, 1)]
    return float(np.linalg.norm(both[0] + both[1])) / 2, float(np.linalg.norm(both[0] - both[1])) / 2
