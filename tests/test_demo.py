"""The demonstration's words: they follow the numbers, whichever these are."""

from types import SimpleNamespace

import numpy as np
import pytest

import tussle
from tussle import models
from tussle.demo import digits as part
from tussle.demo import dirac as exact


def reading(pair=-0.1 + 1j, radius=10.0, abscissa=0.5, trusted=True):
    values = np.array([pair, np.conj(pair)])
    found = SimpleNamespace(
        imaginary=SimpleNamespace(eigenvalues=values),
        modulus=SimpleNamespace(radius=radius),
        real=SimpleNamespace(abscissa=abscissa),
    )
    return part.Reading(SimpleNamespace(trusted=trusted), found)


def words(bare=None, damped=None, removed=None):
    parts = {"no penalty": bare, "R1 1": damped, part.REMOVED: removed}
    return part._words({name: one or reading() for name, one in parts.items()})


@pytest.mark.parametrize(
    ("damped", "said"),
    [
        (-0.5 + 1j, "R1 damps the rotation"),
        (0.3 + 1j, "R1 does not damp this rotation"),
        (-0.1001 + 1j, "R1 hardly changes the damping"),
        (-0.5 + 0j, "nothing rotates with the penalty, while without it something does"),
    ],
)
def test_what_r1_does_to_the_rotation_is_read_off_the_pairs(damped, said):
    assert said in words(damped=reading(damped))


def test_pairs_that_are_missing_are_not_spoken_of():
    assert "something rotates with the penalty, while without it nothing does" in words(removed=reading(-1.0 + 0j))
    assert "nothing rotates, with the penalty or without" in words(
        damped=reading(-1.0 + 0j), removed=reading(complex(np.nan))
    )


@pytest.mark.parametrize(
    ("bare", "said"),
    [
        (100.0, "R1 kept it 10 times smaller"),
        (2.0, "R1 did not keep it down here, it is 5 times larger"),
        (11.0, "about the same"),
        (np.inf, "has no scale to compare"),
    ],
)
def test_the_scale_of_the_field_is_compared_as_it_was_found(bare, said):
    assert said in words(bare=reading(radius=bare))


def test_products_that_disagree_are_named_and_the_end_follows_the_real_parts():
    assert "do not rely" not in words()
    assert "differences (no penalty): do not rely" in words(bare=reading(trusted=False))
    assert "real parts above zero (no penalty, R1 1, same point, R1 removed)" in words()
    calm = reading(abscissa=-0.1)
    assert "real parts above zero" not in words(calm, calm, calm)
    assert "no real part above zero was found" in words(calm, calm, calm)


def test_the_exact_part_says_of_each_method_what_its_spectrum_says():
    rule = tussle.simultaneous(tussle.sgd(0.2))
    bare, damped = models.dirac(), models.dirac(penalties=[tussle.r1(0.3)])
    found = {"simultaneous": tussle.analyze(bare, rule, steps=2), "R1 0.3": tussle.analyze(damped, rule, steps=2)}
    assert "simultaneous spirals out, R1 0.3 spirals in" in exact._words(found)
    # Far too long a step: the words must turn with it.
    found["R1 0.3"] = tussle.analyze(damped, tussle.simultaneous(tussle.sgd(2.0)), steps=2)
    assert "R1 0.3 spirals out" in exact._words(found)
    assert "circles around it for ever" in exact._words(found)
    found["simultaneous"] = found["R1 0.3"]
    assert "circles around it for ever" not in exact._words(found)
