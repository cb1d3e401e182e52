"""Proven ranges and statements over boxes: they contain what they must, prove what is known, and do not guess."""

import itertools
import math
import random

import numpy as np
import pytest

flint = pytest.importorskip("flint")

from flint import arb, ctx

from tussle.lowdim import boxes, enclosed, ranges, reference, rigorous
from tussle.lowdim.boxes import attracts, no_critical_point, unique_equilibrium

CASE_A = {"a": 2.2, "g": 1.5, "c": 0.5}
CASE_B = {"a": 1.21, "g": 0.35, "c": 4.04}


def around(center, radius, free=None):
    """A box around a point, wide in all or in the `free` parameters."""
    return {n: (x - radius, x + radius) if free is None or n in free else x for n, x in center.items()}


# Ranges of Psi ------------------------------------------------------------------------------------------------------


def rectangles(count, seed):
    rng = random.Random(seed)
    for k in range(count):
        A = rng.choice((-1, 1)) * 10 ** rng.uniform(-3, 1.5) if k % 4 else rng.uniform(-0.3, 0.3)
        rA, rB = abs(A) * 10 ** rng.uniform(-12, 0.3), 10 ** rng.uniform(-12, 0.5)
        yield A, rng.gauss(0, 6), rA, rB, rng.choice((0, 1, 0.5, rng.uniform(-1, 2))), rng


def test_ranges_of_psi_contain_its_values_all_over_the_rectangle():
    for A, B, rA, rB, t, rng in rectangles(50, seed=7):
        over = ranges.psi_over(arb(A, rA), arb(B, rB), arb(t))
        for x, y in [(-0.99, -0.99), (0.99, 0.99), (rng.uniform(-0.99, 0.99), rng.uniform(-0.99, 0.99))]:
            with ctx.workprec(200):
                at = rigorous.psi(arb(A) + arb(rA) * x, arb(B) + arb(rB) * y, t)
            assert all(r.overlaps(p) for r, p in zip(over.balls, at.balls, strict=True)), (A, B, rA, rB, t)


def test_panels_alone_contain_the_derivatives_all_over_the_rectangle():
    for A, B, rA, rB, t, rng in rectangles(40, seed=8):
        found = ranges.panels(arb(A, rA), arb(B, rB), arb(t))
        with ctx.workprec(200):
            at = rigorous.psi(arb(A) + arb(rA) * rng.uniform(-0.99, 0.99), arb(B) - arb(rB) * 0.9, t)
        for end, value in zip(found.first, at.gradient[::-1], strict=True):
            assert end.low <= value.upper()
            assert value.lower() <= end.high
        second = (at.hessian[1][1], at.hessian[0][1], at.hessian[0][0])
        assert all(r.overlaps(value) for r, value in zip(found.second, second, strict=True))


def test_panels_contain_the_third_derivatives():
    # By difference quotients of the second derivatives, which are off by far less than the width of the panels.
    A, B, t, h = 1.3, -0.4, 0.3, 1e-6
    third = ranges.panels(arb(A), arb(B), arb(t)).third
    quotient = lambda dA, dB: [
        float(x.mid() - y.mid()) / (2 * h)
        for s, r in zip(*(rigorous.psi(A + k * dA, B + k * dB, t).hessian for k in (1, -1)), strict=True)
        for x, y in zip(s, r, strict=True)
    ]
    AA_A, AB_A, _, BB_A = quotient(h, 0)
    _, _, _, BB_B = quotient(0, h)
    for ball, value in zip(third, (BB_B, BB_A, AB_A, AA_A), strict=True):
        assert ball.contains(value)
        assert float(ball.rad()) < 1


def test_the_excess_of_a_range_is_of_second_order():
    A, B, t = 1.2, -0.3, 0
    slope = sum(abs(float(x)) for x in rigorous.psi(A, B, t).gradient)
    excess = [float(ranges.psi_over(arb(A, r), arb(B, r), arb(t)).value.rad()) - slope * r for r in (1e-2, 1e-3)]
    assert 80 < excess[0] / excess[1] < 120


def test_a_sign_survives_on_a_rectangle_of_any_size():
    # f' = -2 (1 - D0) phi < 0 everywhere, by as little as exp(-2 90^2) here.
    found = ranges.panels(arb(5, 4.9), arb(0, 90), arb(1))
    assert [end.sign for end in found.first] == [-1, -1]
    assert found.first[0].ball.contains(0)  # as a ball the sign would have been lost


# The field over boxes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cost", "critic", "generator", "signs"),
    [
        ("paper", (0, 1), (0, 1), (1, -1)),
        ("zero_sum", (1, 0), (1, 0), (-1, 1)),
        ("labels=0,1,0.5", (1, 0), (None, 0.5), (-1, -1)),
    ],
)
def test_the_field_over_a_box_contains_the_players_own_gradients(cost, critic, generator, signs):
    center = {"a": 0.7, "b": -0.3, "g": -1.4, "h": 0.9, "c": 0.6}
    rng = random.Random(1)
    for radius in (0.0, 1e-3, 0.1):
        field, jacobian = enclosed.field_over(enclosed.balls_of(around(center, radius)), enclosed.players(cost))
        point = {n: x + radius * rng.uniform(-1, 1) for n, x in center.items()}
        exact = [reference.cost(*point.values(), real=real, fake=fake, digits=15) for real, fake in (critic, generator)]
        for i, n in enumerate("abgh"):
            sign, own = signs[i // 2], exact[i // 2]
            assert (field[n] + arb(0, 1e-14)).contains(sign * arb(own.gradient[i]))
            for j, k in enumerate("abgh"):
                assert (jacobian[n, k] + arb(0, 1e-14)).contains(sign * arb(own.hessian[i][j]))


def test_gershgorin_bounds_contain_the_eigenvalues_of_every_matrix_inside():
    rng = np.random.default_rng(3)
    names = "abgh"
    for radius in (0.0, 1e-3, 0.1):
        center = rng.standard_normal((4, 4))
        jacobian = {
            (n, k): arb(center[i, j], radius) for (i, n), (j, k) in itertools.product(enumerate(names), repeat=2)
        }
        low, high = boxes._real_parts(jacobian, names)
        for _ in range(20):
            parts = np.linalg.eigvals(center + radius * rng.uniform(-1, 1, (4, 4))).real
            assert low - 1e-12 <= parts.min() <= parts.max() <= high + 1e-12
    assert high - low < 20  # the bounds say something


# No critical point --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "box",
    [{**CASE_A, "b": (-4, 2), "h": (-2.1, 3.1)}, {**CASE_B, "b": (-2, 3), "h": (-5, 1)}],
    ids=["window A", "window B"],
)
def test_the_windows_of_the_paper_contain_no_critical_point(box):
    found = no_critical_point(box, "paper", ("b", "h"))
    assert found.proven
    assert found.signs == {"h' > 0": 1}
    assert found.undecided is None


def test_for_positive_slopes_the_paper_game_has_no_critical_point_in_a_huge_box():
    box = {"a": (1e-6, 50), "b": (-100, 100), "g": (-5, 5), "h": (-100, 100), "c": (0.1, 10)}
    assert no_critical_point(box, "paper", ("a", "b", "g", "h")).proven


def test_without_the_critical_line_a_box_with_slopes_of_both_signs_is_decided_by_parts():
    # The critical line is a = b = 0, g + h = 1/c; here g + h is at least 1.4 > 1/c.
    box = {"a": (-0.5, 0.5), "b": (-0.5, 0.5), "g": 1.2, "h": (0.2, 0.5), "c": 1}
    found = no_critical_point(box, "paper", ("a", "b", "h"))
    assert found.proven
    assert sum(found.signs.values()) > 1


def test_on_the_critical_line_nothing_is_claimed_and_the_place_is_named():
    box = {"a": (-0.5, 0.5), "b": (-0.5, 0.5), "g": 1.2, "h": (-0.5, 0.5), "c": 1}
    found = no_critical_point(box, "paper", ("a", "b", "h"))
    assert not found.proven
    assert found.reason.startswith("undecided: on the smallest part that is tried no component of the field keeps")
    for name, value in (("a", 0.0), ("b", 0.0), ("h", -0.2)):
        assert found.undecided[name] == pytest.approx((value, value), abs=1e-3)


def test_a_box_that_a_critical_line_crosses_is_never_proven_to_have_no_critical_point():
    rng = random.Random(6)
    for cost in ("paper", "zero_sum", "labels", "labels=0,1,0.5"):
        for _ in range(3):
            g, c, radius = rng.uniform(-2, 2), rng.uniform(0.3, 3), 10 ** rng.uniform(-4, 0.5)
            box = {"a": (-radius, 0.7 * radius), "b": (-0.6 * radius, radius), "g": g, "h": 1 / c - g, "c": c}
            box |= {"h": (box["h"] - radius, box["h"] + 0.3 * radius), "g": (g - radius, g)}
            assert not no_critical_point(box, cost, ("a", "b", "g", "h"), limit=12).proven


def test_a_search_that_is_cut_short_says_so():
    box = {"a": (-0.5, 0.5), "b": (-0.5, 0.5), "g": 1.2, "h": (0.2, 0.5), "c": 1}
    found = no_critical_point(box, "paper", ("a", "b", "h"), limit=3)
    assert not found.proven
    assert found.reason.startswith("undecided: within 3 parts")


# Exactly one equilibrium --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("radius", [0.02, 0.5])
def test_the_zero_sum_game_with_a_fixed_scale_has_one_equilibrium_and_it_attracts(radius):
    box = {"a": (-radius, radius), "b": (-radius, radius), "g": 1.2, "h": (-0.2 - radius, -0.19 + radius), "c": 1}
    found = unique_equilibrium(box, "zero_sum", ("a", "b", "h"))
    assert found.proven
    assert found.contraction < 1
    for name, exact in (("a", 0.0), ("b", 0.0), ("h", 1 - 1.2)):  # 1 - 1.2 is exact in binary arithmetic
        low, high = found.enclosure[name]
        assert low <= exact <= high
        assert high - low < 1e-14
    stable = attracts({**box, **found.enclosure}, "zero_sum", ("a", "b", "h"))
    assert stable.proven
    assert stable.abscissa[1] < -0.3


@pytest.mark.parametrize(
    ("game", "b", "h", "root"),
    [
        (CASE_A, (0.1, 0.7), -2, 0.3814610205),
        (CASE_A, (-0.5, 0), -1, -0.2406481534),
        (CASE_A, (-6.7, -6.66), 0, -6.6827696822),
        (CASE_A, (-0.9, -0.4), 0, -0.6483549695),
        (CASE_A, (-2.8, -2.2), 1, -2.5017817356),
        (CASE_B, (1.5, 2.2), -4, 1.8752148153),
        (CASE_B, (-4.7, -4.6), -2, -4.6376894603),
        (CASE_B, (0.5, 1.2), -2, 0.8863157619),
        (CASE_B, (-1.8, -1.6), -1, -1.7022291766),
        (CASE_B, (0, 0.8), -1, 0.3763177351),
        (CASE_B, (3, 3.2), -1, 3.1070594806),
        (CASE_B, (-0.6, 0), 0, -0.3208438830),
    ],
)
def test_the_published_points_of_the_nullcline_are_unique_and_inside_their_enclosures(game, b, h, root):
    found = unique_equilibrium({**game, "b": b, "h": h}, "paper", ("b",))
    assert found.proven
    low, high = found.enclosure["b"]
    assert low - 5.1e-11 <= root <= high + 5.1e-11
    assert high - low < 1e-12


def test_pruning_never_loses_an_equilibrium():
    whole = enclosed.intervals({"a": (-1, 1), "b": (-1, 1), "g": 1.2, "h": (-1.2, 0.9), "c": 1}, ("a", "b", "h"))
    rng = random.Random(4)
    for _ in range(12):
        radii = [10 ** rng.uniform(-6, 0) for _ in range(6)]  # down to parts that are not halved any more
        box = whole | {
            n: (root - low, root + high)
            for n, root, low, high in zip("abh", (0.0, 0.0, 1 - 1.2), radii[:3], radii[3:], strict=True)
        }
        rest = boxes._remaining(box, whole, enclosed.players("zero_sum"), ("a", "b", "h"), 16)
        for n, root in zip("abh", (0.0, 0.0, 1 - 1.2), strict=True):
            assert box[n][0] <= rest[n][0] <= root <= rest[n][1] <= box[n][1]


def test_pruning_finds_the_one_root_of_a_wide_box():
    found = unique_equilibrium({**CASE_A, "b": (-3, 3), "h": -2}, "paper", ("b",))
    assert found.proven
    assert found.enclosure["b"][0] == pytest.approx(0.3814610205, abs=1e-10)


def test_a_rate_that_is_only_known_within_limits_gives_one_equilibrium_for_each():
    box = {"a": (-0.1, 0.1), "b": (-0.1, 0.1), "g": 1.2, "h": (-0.3, -0.1), "c": (0.995, 1.005)}
    found = unique_equilibrium(box, "zero_sum", ("a", "b", "h"))
    assert found.proven
    low, high = found.enclosure["h"]
    assert low <= 1 / 1.005 - 1.2 <= 1 / 0.995 - 1.2 <= high
    assert high - low < 0.0101


def test_two_roots_in_a_box_are_not_called_one():
    found = unique_equilibrium({**CASE_A, "b": (-7, -0.4), "h": 0}, "paper", ("b",), limit=8)
    assert not found.proven
    assert found.reason.startswith("undecided")
    assert found.enclosure is None


def test_a_line_of_equilibria_is_not_called_one():
    box = {"a": (-0.02, 0.02), "b": (-0.02, 0.02), "g": (1.1, 1.3), "h": (-0.3, -0.1), "c": 1}
    found = unique_equilibrium(box, "zero_sum", ("a", "b", "g", "h"), limit=16)
    assert not found.proven
    assert found.reason.startswith("undecided: interval Newton does not contract")


def test_a_degenerate_equilibrium_is_not_called_one():
    # With the generator's label at 1/2 the field of h vanishes to second order on the line.
    box = {"a": (-0.02, 0.02), "b": (-0.02, 0.02), "g": 1.2, "h": (-0.21, -0.19), "c": 1}
    assert not unique_equilibrium(box, "labels=0,1,0.5", ("a", "b", "h"), limit=8).proven


def test_an_equilibrium_on_the_edge_of_the_box_is_not_claimed():
    box = {"a": (0, 0.02), "b": (-0.02, 0.02), "g": 1.2, "h": (-0.22, -0.19), "c": 1}
    found = unique_equilibrium(box, "zero_sum", ("a", "b", "h"), limit=16)
    assert not found.proven
    assert found.reason.startswith("undecided")


def test_a_box_without_an_equilibrium_is_refuted():
    box = {"a": (-0.02, 0.02), "b": (-0.02, 0.02), "g": 1.2, "h": (-0.1, 0.1), "c": 1}
    found = unique_equilibrium(box, "zero_sum", ("a", "b", "h"))
    assert not found.proven
    assert found.reason == "refuted: the box is proven to contain no equilibrium"


# Attraction ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("g", "lowest", "slowest"), [(1.0, -3.191946, -0.313886), (1.2180462632, -3.422607, -0.352502)]
)
def test_the_real_parts_are_the_published_ones(g, lowest, slowest):
    # Published for all four parameters; the eigenvalue 0 belongs to the direction along the line of equilibria.
    box = around({"a": 0.0, "b": 0.0, "g": g, "h": 1 - g, "c": 1.0}, 1e-10, "abgh")
    free = ("a", "b", "g", "h")
    whole = attracts(box, "zero_sum", free, limit=1)
    assert not whole.proven
    assert whole.reason.startswith("undecided: the real parts are only known to lie in")
    assert whole.abscissa == pytest.approx((lowest, 0.0), abs=6e-7)
    field, jacobian = enclosed.field_over(
        enclosed.balls_of(enclosed.intervals(box, free)), enclosed.players("zero_sum")
    )
    exact = np.linalg.eigvals([[float(jacobian[n, k].mid()) for k in free] for n in free])
    assert sorted(exact.real)[1] == pytest.approx(slowest, abs=6e-7)
    assert max(abs(float(ball)) for ball in field.values()) < 1e-9


def test_the_equilibrium_of_the_paper_game_is_refuted_to_attract():
    box = {"a": (-0.02, 0.02), "b": (-0.02, 0.02), "g": 1.2, "h": (-0.3, -0.1), "c": 1}
    found = unique_equilibrium(box, "paper", ("a", "b", "h"))
    assert found.proven
    stable = attracts({**box, **found.enclosure}, "paper", ("a", "b", "h"))
    assert not stable.proven
    assert stable.reason.startswith("refuted: the trace is positive near ")
    assert stable.abscissa[0] > 0.3


def test_attraction_is_proven_by_parts_where_one_look_is_not_enough():
    box = around({"a": 0.0, "b": 0.0, "g": 1.0, "h": 0.0, "c": 1.0}, 6e-3, "abh")
    found = attracts(box, "zero_sum", ("a", "b", "h"))
    assert found.proven
    assert found.parts > 1
    assert found.abscissa[0] < -3.191946 < -0.313886 < found.abscissa[1] < 0


def test_the_label_game_attracts_to_its_equilibrium():
    box = {"a": (-0.02, 0.02), "b": (-0.02, 0.02), "g": 1.2, "h": (-0.3, -0.1), "c": 1}
    found = unique_equilibrium(box, (0, 1, 1), ("a", "b", "h"))
    assert found.proven
    assert attracts({**box, **found.enclosure}, "labels=0,1,1", ("a", "b", "h")).proven


# Requests that cannot be met ----------------------------------------------------------------------------------------

BOX = {"a": 2.2, "b": (-4, 2), "g": 1.5, "h": (-2, 3), "c": 0.5}


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ({"a": 1, "b": 0, "g": 1, "h": (0, 1)}, "`box` lacks c; it must give a, b, g, h and c"),
        ({**BOX, "d": 1}, "`box` is 'd'; it may be one of a, b, c, g, h"),
        ({**BOX, "h": (3, -2)}, "`h` is .3, -2.; its low end must not be above its high end"),
        ({**BOX, "h": (0, math.nan)}, "`h` is nan; it must be finite"),
        ({**BOX, "c": (0, 1)}, "`c` is 0.0; it must be above 0"),
        ({**BOX, "c": (1e-30, 1)}, "`c` is .*; it must be bounded away from 0"),
        ({**BOX, "h": 1}, "`h` is free but 1.0 is no interval; give `h` a pair"),
    ],
)
def test_a_bad_box_is_refused_in_one_sentence(box, message):
    for statement in (no_critical_point, unique_equilibrium, attracts):
        with pytest.raises(ValueError, match=message):
            statement(box, "paper", ("b", "h"))


@pytest.mark.parametrize(
    ("cost", "free", "message"),
    [
        ("zero", ("b", "h"), "`cost` is 'zero'; it may be one of labels, paper, zero_sum"),
        ("paper=1", ("b", "h"), "`cost` is 'paper=1'; it may be one of"),
        ("labels=0,1", ("b", "h"), "`cost` is 'labels=0,1'; labels must be three numbers"),
        ((0, 1, math.inf), ("b", "h"), "`cost` is .*; labels must be three numbers"),
        ("paper", (), "`free` is empty; it must name at least one"),
        ("paper", ("c",), "`free` is 'c'; it may be one of a, b, g, h"),
    ],
)
def test_a_bad_cost_or_choice_is_refused_in_one_sentence(cost, free, message):
    with pytest.raises(ValueError, match=message):
        no_critical_point(BOX, cost, free)


def test_the_spellings_of_a_cost_mean_the_same():
    assert enclosed.players("zero-sum") == enclosed.players("zero_sum")
    assert enclosed.players("labels") == enclosed.players("labels=0,1,1") == enclosed.players((0, 1, 1))
