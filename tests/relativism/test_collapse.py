"""The landscape of mode collapse: the published table, closed forms, and what the theorems say."""

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize

from tussle.relativism import ELSEWHERE, KINDS, collapsed_count, height, landscape
from tussle.relativism.collapse import moves

E = ELSEWHERE

# spec 2.4
TABLE = [
    ((0, 1), -0.6931, -0.6931, -0.6931),
    ((1, 0), -0.6931, -0.6931, -0.6931),
    ((0, 0), -0.4774, -0.3466, -0.3466),
    ((0, E), -0.3466, -0.3466, -0.1733),
    ((E, E), 0.0, 0.0, 0.0),
    ((0, 0, 2), -0.5493, -0.4621, -0.4432),
    ((0, E, 2), -0.4621, -0.4621, -0.3081),
]


@pytest.mark.parametrize("row", TABLE)
def test_heights_are_those_of_the_table(row):
    assert [height(row[0], kind) for kind in KINDS] == pytest.approx(list(row[1:]), abs=5.1e-5)


def states(n):
    return list(itertools.product(range(-1, n), repeat=n))


@pytest.mark.parametrize("n", [2, 3])
def test_separable_heights_are_the_jensen_shannon_divergence_less_log_2(n):
    for state in states(n):
        p = np.append(np.full(n, 1 / n), 0.0)
        q = np.bincount([n if y == E else y for y in state], minlength=n + 1) / n
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = [np.nansum(np.where(a > 0, a * np.log(2 * a / (p + q)), 0.0)) for a in (p, q)]
        assert height(state, "separable") == pytest.approx(sum(parts) / 2 - math.log(2), abs=1e-14)


@pytest.mark.parametrize("n", [2, 3])
def test_index_heights_count_the_points_on_cycles(n):
    # x_i -> y_i has one arc out of each point; along a cycle the differences sum to 0, and log sigma(0) each is best.
    for state in states(n):
        on_cycle = 0
        for i in range(n):
            y = i
            for _ in range(n):
                y = state[y] if y != E else E
                if y == i:
                    on_cycle += 1
                    break
        assert height(state, "index") == pytest.approx(-math.log(2) * on_cycle / n, abs=1e-15)


@pytest.mark.parametrize("state", [(0, 0), (0, 0, 2), (0, 0, 0), (0, 1, 1), (2, 0, E)])
def test_all_pairs_heights_are_what_a_general_optimizer_finds(state):
    n = len(state)
    heads = np.array([n if y == E else y for y in state])

    def loss(c):
        gap = c[:n, None] - c[heads][None, :]
        wrong = 1 / (1 + np.exp(gap)) / n**2
        slope = np.append(-wrong.sum(axis=1), 0.0)
        np.add.at(slope, heads, wrong.sum(axis=0))
        return np.logaddexp(0, -gap).mean(), slope

    # Values may run away; within +-40 the supremum is met to e^-40.
    found = minimize(
        loss, np.zeros(n + 1), jac=True, bounds=[(-40, 40)] * (n + 1), options={"ftol": 1e-15, "gtol": 1e-11}
    )
    assert height(state, "all") == pytest.approx(-found.fun, abs=1e-9)


# Barriers -----------------------------------------------------------------------------------------------------------


def test_barriers_around_collapse_for_two_points():
    costs = {kind: landscape(2, kind).barrier((0, 0), (0, 1)) for kind in KINDS}
    separable = height((0, E), "separable") - height((0, 0), "separable")
    assert costs["separable"] == pytest.approx(separable, abs=1e-14)
    assert separable == pytest.approx(-0.3466 + 0.4774, abs=1.1e-4)
    assert costs["index"] == 0.0
    assert costs["all"] == pytest.approx(math.log(2) / 4, abs=1e-14)


def test_barriers_around_collapse_for_three_points():
    costs = {kind: landscape(3, kind).barrier((0, 0, 2)) for kind in KINDS}
    assert costs["separable"] == pytest.approx(-0.4621 + 0.5493, abs=1.1e-4)
    assert costs["index"] == 0.0
    assert costs["all"] == pytest.approx(-0.3081 + 0.4432, abs=1.1e-4)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_separable_losses_have_as_many_bad_minima_as_the_theorem_counts(n):
    found = landscape(n, "separable")
    assert len(found.bad_minima) == collapsed_count(n) == n**n - math.factorial(n)
    assert sorted(found.lowest) == sorted(itertools.permutations(range(n)))


@pytest.mark.parametrize("n", [2, 3, 4])
def test_index_pairs_leave_a_way_down_from_every_state(n):
    found = landscape(n, "index")
    assert found.bad_minima == ()
    assert max(found.barrier(state) for state in found.heights) == 0.0


@pytest.mark.parametrize("n", [2, 3])
def test_all_pairs_bring_every_bad_minimum_back(n):
    assert set(landscape(n, "all").bad_minima) == set(landscape(n, "separable").bad_minima)


@pytest.mark.parametrize("kind", KINDS)
def test_a_way_is_made_of_moves_and_ends_at_its_goal(kind):
    way = landscape(3, kind).way((0, 0, 0), (2, 1, 0))
    assert (way.states[0], way.states[-1]) == ((0, 0, 0), (2, 1, 0))
    assert all(after in moves(before) for before, after in itertools.pairwise(way.states))
    assert way.cost == max(way.heights) - way.heights[0]
    assert landscape(3, kind).way((0, 1, 2)).states == ((0, 1, 2),)


def test_no_way_is_cheaper_than_the_best_one():
    # Every way out of (0, 0) begins by lifting one of the two points, so the first step bounds the climb from below.
    for kind in KINDS:
        found = landscape(2, kind)
        first = min(found.heights[s] for s in moves((0, 0)))
        assert found.barrier((0, 0)) >= first - found.heights[0, 0] - 1e-15


# What may come ------------------------------------------------------------------------------------------------------


def test_refusals_say_what_to_do():
    with pytest.raises(ValueError, match=r"`state` is \(0, 5\); it must hold an index from 0 to 1 or -1"):
        height((0, 5), "all")
    with pytest.raises(ValueError, match="`kind` is 'pairs'; it may be one of all, index, separable"):
        height((0, 0), "pairs")
    with pytest.raises(ValueError, match=r"`points` is 5; .*so it may be at most 4"):
        landscape(5, "all")
    with pytest.raises(ValueError, match=r"`start` is \(0, 0, 0\); it must be a state of 2 points"):
        landscape(2, "all").way((0, 0, 0))
