"""Plateau: the fakes hardly move any more, though they can be told from the data and the field has no zero here.

Small gradients are no sign of an equilibrium: a saturated loss has them, too. Three things together are a plateau:
within a whole training the fakes would move by less than the way that they have to go, they differ from the data, and
the players do not rest (the next zero of the field is not near).
"""

import math

from tussle.doctor.examination import Examination
from tussle.doctor.findings import ILLNESS, Checked, Evidence, Finding, clear, confidence, found
from tussle.doctor.rest import TRAINING, distinction, rest

NAME = "plateau"
WAY = 1.0  # the way to go, within `TRAINING` steps: less is no progress within a training
APART = 0.02  # energy coefficient; a shift by about 0.3 standard deviations of a normal law
SURE = 4.0  # standard deviations of the permutations
SOURCE = (
    f"a training has about {TRAINING:.0e} steps (Mescheder et al., ICML 2018); a small gradient is never enough for an "
    "equilibrium (Szekely and Rizzo 2013 for the distance)"
)


def look(exam: Examination) -> Checked:
    """Look whether the fakes stand still far from the data."""
    motion = rest(exam).fakes
    apart = distinction(exam)
    most = max(motion.most, 1e-30)
    slow = Evidence(
        f"decades by which the fakes' way within {TRAINING:.0e} steps falls short of the way to go",
        -math.log10(most), motion.error / most / math.log(10), -math.log10(WAY),
    )  # fmt: skip
    evidence = (
        slow,
        Evidence("energy distance of fakes and data, 0 to 1", apart.coefficient, apart.error, APART),
        Evidence("Newton distance to a zero of the field, relative to the weights", rest(exam).reach, 0.0, 0.0),
    )
    if slow.excess <= 0:
        return clear(NAME, f"within {TRAINING:.0e} steps the fakes can go {motion.most:.3g} times their way", *evidence)
    if apart.coefficient <= APART or apart.score <= SURE:
        return clear(NAME, "the fakes hardly move, and they cannot be told from the data", *evidence)
    if rest(exam).still:
        return clear(NAME, "the players rest: see false_equilibrium", *evidence)
    words = (
        f"The fakes stand still far from the data: {TRAINING:.0e} steps like this one would take them {most:.2g} of "
        f"their way, and they differ by {apart.score:.0f} standard deviations"
    )
    advice = "take a loss whose generator gradient does not fade (non-saturating, relativistic), or penalize the slopes"
    return found(Finding(NAME, ILLNESS, confidence(slow), evidence, words, SOURCE, advice))
