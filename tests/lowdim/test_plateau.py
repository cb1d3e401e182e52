"""Plateaux: every golden run of the paper's cost ends on one, and is never called converged."""

import math

import numpy as np
import pytest

import tussle
from battery import numbers, printed
from tussle.lowdim import plateau as module
from tussle.lowdim.plateau import classes, creep, left_of_one, plateau

SIMULTANEOUS = tussle.simultaneous(tussle.sgd(0.4))


def analysis(steps=249, rule=SIMULTANEOUS, start=None, **options):
    return tussle.analyze(tussle.models.erf_lsgan(**options), rule, steps=steps, start=start)


@pytest.mark.parametrize(
    ("case", "free", "steps", "name"),
    [
        ("A", "b,h", 249, "D1"), ("A", "b,h", 5000, "D1"), ("B", "b,h", 50, "J2"), ("B", "b,h", 249, "D1"),
        ("B", "b,h", 5000, "D1"), ("A", "a,b,g,h", 249, "D1"), ("A", "a,b,g,h", 5000, "D1"),
        ("B", "a,b,g,h", 249, "D1"), ("B", "a,b,g,h", 5000, "D1"),
    ],
)  # fmt: skip
def test_golden_runs_end_on_their_plateau(case, free, steps, name):
    found = analysis(steps, case=case, free=free)
    assert str(found.outcome.ending) == "plateau"
    assert found.told["plateau"]["class"] == name
    assert "yet no equilibrium is near" in found.outcome.reason
    assert found.to_json()["plateau"]["resting"]


@pytest.mark.parametrize(
    ("case", "start", "steps", "name"),
    [
        ("A", (-20.0, 3.0), 2000, "J2"), ("B", (9.0, -8.0), 2000, "J0"), ("B", (-6.0, -6.0), 2000, "D0"),
        ("B", (-12.0, 2.0), 2000, "J2"), ("A", (9.0, -12.0), 2000, "D1"),
    ],
)  # fmt: skip
def test_runs_stuck_elsewhere_are_told_apart(case, start, steps, name):
    found = analysis(steps, case=case, start=start)
    assert (str(found.outcome.ending), found.told["plateau"]["class"]) == ("plateau", name)


def test_a_run_that_falls_off_a_cliff_is_not_at_rest():
    found = analysis(105, case="B")
    assert str(found.outcome.ending) != "plateau"
    assert not found.told["plateau"]["resting"]
    assert "not on a plateau" in found.told["plateau"]["sentence"]


def test_the_zero_sum_label_game_does_converge():
    found = analysis(2000, a=0.5, b=-0.2, g=1.5, h=0.2, c=1.0, free="a,b,g,h", cost="zero_sum")
    assert str(found.outcome.ending) == "converged"
    assert found.told["plateau"]["class"] == "none"


@pytest.mark.parametrize("row", ["2.2 0.5 2.498", "1.21 4.04 2.988"])
def test_the_creep_law_gives_the_published_b(row):
    a, c, b = numbers(row)
    assert creep(float(a), float(c), 0.4, 5000) == printed(b)


@pytest.mark.parametrize("row", ["A 1.8735e-05", "B 1.4404e-05"])
def test_what_is_left_of_one_agrees_with_the_run(row):
    case, text = row.split()
    model = tussle.models.erf_lsgan(case)
    run = tussle.run(tussle.Map(tussle.Field(model.game), SIMULTANEOUS), model.start, 5000, keep=tussle.Keep.ends())
    values = {"A": (2.2, 0.5), "B": (1.21, 4.04)}[case]
    found = left_of_one(*values, float(run.end[1]))
    assert found == pytest.approx(float(text), rel=1e-3)
    assert found == pytest.approx(1 - float(module.values(model.game, run.end[None])[0]), rel=1e-3)


def test_the_growth_against_the_creep_law_nears_one():
    early, late = (analysis(steps, case="A").told["plateau"]["creep_growth_ratio"] for steps in (249, 20000))
    assert abs(late - 1) < abs(early - 1)
    assert late == pytest.approx(1.0, abs=0.1)


def test_the_creep_law_waits_until_it_applies():
    assert math.isnan(creep(2.2, 0.5, 0.4, 1))


def test_classes_follow_their_thresholds():
    p, q = np.array([0.95, 0.05, 0.95, 0.05, 0.5]), np.array([0.05, 0.95, 0.95, 0.05, 0.5])
    assert classes(p, q).tolist() == [0, 1, 2, 3, 4]


def test_a_state_can_be_asked_alone():
    found = plateau(tussle.models.erf_lsgan("A"), ([-2.0], [-3.0]))
    assert (found.name, found.predicted, found.growth) == ("none", None, None)
    # J1 and J2 of case A's start, spec 3.4; the gradient of (b, h) there.
    assert (found.real, found.fake) == pytest.approx((0.46592221146833, 0.87824619799668), abs=1e-13)
    assert found.value == pytest.approx(1.34416840946502, abs=1e-13)
    assert found.gradient == pytest.approx(math.hypot(0.06899632015347, 0.08116920133554), abs=1e-13)


# The policy `stop` --------------------------------------------------------------------------------------------------


def test_a_run_stops_where_it_leaves_its_domain_and_keeps_what_came_before():
    options = {"a": 0.3, "b": 1.5, "g": 0.3, "h": 1.0, "c": 0.5, "free": "a,b,g,h", "cost": "zero_sum"}
    free = analysis(400, **options)
    crossed = int(np.flatnonzero(free.trajectory.path[:, 2] <= 0)[0])
    found = analysis(400, policy="stop", **options)
    assert str(found.outcome.ending) == "escaped"
    assert f"a became {free.trajectory.path[crossed, 2]:.6g} at step {crossed}" in found.outcome.reason
    assert found.trajectory.path == pytest.approx(free.trajectory.path[:crossed], abs=0)


def test_the_policy_project_keeps_both_above_zero():
    options = {"a": 0.3, "b": 1.5, "g": 0.3, "h": 1.0, "c": 0.5, "free": "a,b,g,h", "cost": "zero_sum"}
    found = analysis(400, policy="project", **options)
    assert found.trajectory.path[:, [0, 2]].min() >= 1e-6


def test_the_policy_log_learns_the_logarithms_on_the_same_landscape():
    model = tussle.models.erf_lsgan("A", free="a,b,g,h", policy="log")
    assert model.axes == ("log g", "h", "log a", "b")
    here = tussle.Field(model.game).at(model.start)
    plain = tussle.models.erf_lsgan("A", free="a,b,g,h")
    there = tussle.Field(plain.game).at(plain.start)
    assert here[0] == pytest.approx(there[0] * [1.5, 1.0], rel=1e-12)
    assert here[1] == pytest.approx(there[1] * [2.2, 1.0], rel=1e-12)
