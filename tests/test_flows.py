"""Flows: the continuous limit, against solutions in closed form."""

import numpy as np
import pytest

import tussle
from battery import printed
from tussle import models


def dirac(*args, **kwargs):
    return tussle.Field(models.dirac(*args, **kwargs).game)


def test_a_linear_flow_is_the_matrix_exponential():
    from scipy.linalg import expm

    matrix = tussle.field_jacobian(dirac("wasserstein", [tussle.r1(0.3)]), (0.0, 0.0))
    found = tussle.flow(dirac("wasserstein", [tussle.r1(0.3)]), (1.0, -0.5), 8.0, rtol=1e-11, atol=1e-13, count=9)
    assert found.time.tolist() == list(range(9))
    assert found.path.shape == (9, 2)
    for t, x in zip(found.time, found.path, strict=True):
        assert x == pytest.approx(expm(t * matrix) @ [1.0, -0.5], abs=1e-9)
    assert found.ending == "reached"
    assert np.array_equal(found.end, found.path[-1])


def test_the_unregularized_flow_keeps_its_radius():
    found = tussle.flow(dirac(), (1.0, 1.0), 1000.0, rtol=1e-11, atol=1e-13)
    assert (found.path**2).sum(axis=1) == pytest.approx(2.0, abs=1e-9)


def test_the_nonsaturating_flow_decays_as_printed():
    found = tussle.flow(dirac("nonsaturating"), (0.5, 0.0), 1000.0, rtol=1e-11, atol=1e-13)
    radius = float(found.end @ found.end)
    assert radius == printed("0.0077557862")
    # Averaging: R(t) is about 1 / (1/R0 + t/8).
    assert printed("0.0077519380") == 1 / (4 + 1000 / 8)
    assert radius == pytest.approx(0.0077519380, rel=1e-3)


def test_small_steps_follow_the_flow_to_first_order():
    field = dirac("nonsaturating", [tussle.r1(0.3)])
    end = tussle.flow(field, (1.0, 1.0), 2.0, rtol=1e-11, atol=1e-13).end
    errors = []
    for count in (100, 200):
        map = tussle.Map(field, tussle.alternating(tussle.sgd(2.0 / count)))
        errors.append(np.linalg.norm(tussle.run(map, (1.0, 1.0), count, keep=tussle.Keep.ends()).end - end))
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.05)


def test_a_flow_that_blows_up_stops_and_says_so():
    field = tussle.Field(tussle.Game(lambda x, y: (-(x**3).sum() / 3, (y * y).sum())))  # x' = x^2: infinite at t = 1
    found = tussle.flow(field, (1.0, 1.0), 2.0, rtol=1e-8, atol=1e-10)
    assert found.ending == "stopped"
    assert found.time[-1] <= 1.0
    assert found.message


@pytest.mark.parametrize(
    ("time", "count", "words"),
    [
        (0.0, 5, "`time` is 0.0; it must be above 0"),
        (np.inf, 5, "`time` is inf; it must be finite"),
        (1.0, 1, "`count` is 1; it must be a whole number of at least 2"),
    ],
)
def test_a_wrong_flow_is_refused(time, count, words):
    with pytest.raises(ValueError, match=words):
        tussle.flow(dirac(), (1.0, 1.0), time, rtol=1e-6, atol=1e-6, count=count)
