"""Proven enclosures of points: they contain published digits and the independent reference, and they are narrow."""

import importlib
import itertools
import math
import random
import sys

import mpmath
import pytest

flint = pytest.importorskip("flint")

from flint import arb, ctx

from tussle.lowdim import reference, rigorous

# alpha, beta, lambda, E erf(alpha X + beta), E erf^2, X ~ Exp(lambda): the published table
MOMENTS = [
    ("2.2", "-3", "0.5", "0.02453766481140376229957", "0.8146135162505194532752"),
    ("2.2", "-7.4", "2/3", "-0.7826660613929347208301", "0.9476526692008628099942"),
    ("1.21", "-1", "4.04", "-0.6447232393199624392016", "0.4798751242480719868333"),
    ("1", "0", "1", "0.6156903441929258748708", "0.4889333183649960915881"),
    ("0.5", "1", "2", "0.9085516364153694668313", "0.8273899126370124745015"),
    ("3", "0.7", "0.2", "0.992161416163565916016", "0.9857183587485915275155"),
    ("0.05", "2.5", "1", "0.9996799031661691419953", "0.9993599137753742230292"),
    ("0.001", "0.3", "1", "0.3296573999244305353786", "0.108675062263099059989"),
    ("50", "-30", "0.1", "0.8835309506985063524192", "0.9969943199702333176155"),
    ("0.01", "4", "100", "0.9999999845954301836711", "0.9999999691908606046432"),
    ("30", "5", "0.01", "0.9999999999999999506235", "0.9999999999999999012469"),
    ("-1.5", "0.8", "1.2", "-0.1417645015780784150749", "0.4103486060108731933143"),
]
COSTS = [
    (
        ("2.2", "-3", "1.5", "-2", "0.5"),
        ("1.34416840946502", "0.11803675810684", "0.06899632015347", "-0.16963101136994", "-0.08116920133554"),
        "-0.065966321392 -0.007707194797 -0.031603114666 -0.027911549813 0.012885898813 "
        "-0.026806609101 -0.024596727677 -0.011896613961 -0.058974540023 -0.054112800890",
    ),
    (
        ("1.21", "-1", "0.35", "-4", "4.04"),
        ("1.04759987388928", "0.06758895783440", "0.13828234682246", "-0.00022353459762", "-0.00002082146502"),
        "0.048300894758 0.111381906886 0.000075699286 0.000011921490 0.352713184781 "
        "-0.000478661470 -0.000049165207 -0.005718830805 -0.000579180379 -0.000059489900",
    ),
    (
        ("0.8", "0.4", "0.6", "0.5", "1.3"),
        ("0.77759018715598", "0.14926069230289", "0.40229271535461", "-0.00585440669933", "-0.01962575228147"),
        "-0.175484353706 -0.188031754559 0.017548339433 0.036174441453 -0.313613223923 "
        "0.028690303296 0.086984899654 0.014028261545 0.022952242637 0.069587919723",
    ),
]
UPPER = list(itertools.combinations_with_replacement(range(4), 2))
CORNERS = [
    (0.0, 0.0),
    (0.0, -40.0),
    (1e-300, 1.0),
    (-1e-3, 40.0),
    (1e-3, -40.0),
    (50.0, -40.0),
    (-50.0, -30.0),
    (1e6, -3e6),
]


def entries(exact):
    return [exact.value, *exact.gradient, *itertools.chain.from_iterable(exact.hessian)]


def assert_contains(found, exact, accuracy=1e-30):
    """Each ball, widened by the accuracy of the reference relative to max(1, |value|), contains the reference."""
    with ctx.workprec(400):  # mpmath's numbers are taken over exactly
        for ball, number in zip(found.balls, entries(exact), strict=True):
            wider = ball + arb(0, accuracy * max(1.0, abs(float(number))))
            assert wider.contains(arb(number)), (ball, number)


def decimal(text):
    numerator, _, denominator = text.partition("/")
    with ctx.workprec(200):
        return arb(numerator) / arb(denominator or 1)


def slope(rng):
    kind = rng.random()
    size = 0.0 if kind < 0.04 else 10 ** (rng.uniform(-14, -3) if kind < 0.15 else rng.uniform(-3, 1.7))
    return rng.choice((-1.0, 1.0)) * size


def position(rng):
    return rng.gauss(0, 2) if rng.random() < 0.5 else rng.uniform(-40, 40)


# Published digits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("alpha", "beta", "rate", "first", "second"), MOMENTS)
def test_the_moments_have_the_published_digits(alpha, beta, rate, first, second):
    # Psi_0 - Psi_1 = E erf and 4 Psi_1/2 = E erf^2; 22 digits, so a unit of the 22nd is 1e-22 of numbers below 1.
    with ctx.workprec(200):
        psi0, psi1, half = (rigorous.psi(decimal(alpha) / decimal(rate), decimal(beta), t) for t in (0, 1, 0.5))
        assert abs(psi0.value - psi1.value - arb(first)) < arb("1e-21")
        assert abs(4 * half.value - arb(second)) < arb("1e-21")
        assert max(psi0.radius, psi1.radius, half.radius) < 1e-25


@pytest.mark.parametrize(("point", "first", "hessian"), COSTS)
def test_the_paper_cost_has_the_published_digits(point, first, hessian):
    found = rigorous.cost(*map(decimal, point))
    with ctx.workprec(200):
        for ball, digits in zip((found.value, *found.gradient[:4]), first, strict=True):
            assert abs(ball - arb(digits)) < arb("6e-15")
        for (i, j), digits in zip(UPPER, hessian.split(), strict=True):
            assert abs(found.hessian[i][j] - arb(digits)) < arb("6e-13")


# The reference ------------------------------------------------------------------------------------------------------


def test_enclosures_of_psi_contain_the_reference_in_random_cases():
    rng = random.Random(2021)
    for _ in range(120):
        case = slope(rng), position(rng), rng.choice((0.0, 1.0, 0.5, rng.uniform(-1, 2)))
        found = rigorous.psi(*case)
        assert found.radius <= 1e-25, case
        assert_contains(found, reference.psi(*case))


def test_enclosures_of_costs_contain_the_reference_in_random_cases():
    rng = random.Random(9641798)
    for _ in range(50):
        point = slope(rng) / 5, rng.gauss(0, 3), slope(rng) / 5, rng.gauss(0, 3), 10 ** rng.uniform(-1, 1)
        real, fake = rng.choice(((0, 1), (1, 0), (None, 0.5), (rng.uniform(-1, 2), rng.uniform(-1, 2))))
        found = rigorous.cost(*point, real=real, fake=fake)
        assert found.radius <= 1e-25, point
        assert_contains(found, reference.cost(*point, real=real, fake=fake))


@pytest.mark.parametrize(("A", "B"), CORNERS)
@pytest.mark.parametrize("t", [0, 1, 0.5])
def test_enclosures_contain_the_reference_at_the_corners(A, B, t):
    found = rigorous.psi(A, B, t)
    assert found.radius <= 1e-25
    assert_contains(found, reference.psi(A, B, t))


def test_the_radius_is_what_was_asked_for():
    for radius in (1e-12, 1e-25, 1e-60, 1e-100):
        assert rigorous.psi(1.3, -0.4, radius=radius).radius <= radius
    assert_contains(rigorous.psi(1.3, -0.4, radius=1e-60), reference.psi(1.3, -0.4, digits=60), accuracy=1e-60)


# Why the enclosures are proven --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("A", "B"), [(1.0, 0.0), (2.0, -6.0), (0.3, -8.0)])
@pytest.mark.parametrize("share", [0.5, 0.2, 0.05])
def test_the_bound_of_the_tails_pays_for_a_window_that_is_too_small(monkeypatch, A, B, share):
    # Only the width of the result may depend on where the integral is cut.
    span = rigorous._span

    def short(p, nats):
        low, high = span(p, nats)
        return share * low, share * high

    monkeypatch.setattr(rigorous, "_span", short)
    with ctx.workprec(120):
        found = rigorous._psi(arb(A), arb(B), arb(0))
    assert found.radius > 1e-25
    assert_contains(found, reference.psi(A, B))


@pytest.mark.parametrize("terms", [0, 1, 3, 8, 40])
@pytest.mark.parametrize("A", [0.3, -0.05, 2.0**-9, 1e-5])
def test_the_remainder_of_taylor_pays_for_terms_that_are_missing(A, terms):
    with ctx.workprec(120):
        found = rigorous._near_zero(arb(A), arb(0.4), arb(0.25), terms)
    assert_contains(found, reference.psi(A, 0.4, 0.25))


def test_both_methods_agree_where_one_takes_over_from_the_other():
    with ctx.workprec(200):
        for A, B, t in [(rigorous.TINY, 0.7, 0), (rigorous.TINY, -20.0, 1), (0.004, 3.0, 0.5)]:
            taylor = rigorous._near_zero(arb(A), arb(B), arb(t), rigorous.TERMS)
            chain = rigorous._chain(arb(A), arb(B), arb(t))
            assert max(taylor.radius, chain.radius) < 1e-28
            assert all(x.overlaps(y) for x, y in zip(taylor.balls, chain.balls, strict=True))


@pytest.mark.parametrize("t", [0, 1, 0.5, -0.7])
def test_the_global_bounds_of_the_derivatives_are_bounds(t):
    with mpmath.workdps(30):
        f = lambda u: ((1 + mpmath.erf(u)) / 2 - t) ** 2
        for k in range(61):
            series = mpmath.taylor(f, mpmath.mpf(k - 30) / 10, 7)
            for n, coefficient in enumerate(series):
                bound = rigorous.derivative_bound(n, arb(t))
                assert abs(float(coefficient)) * math.factorial(n) <= float(bound) * (1 + 1e-12)


def test_a_ball_of_arguments_gives_a_ball_around_all_results():
    rng = random.Random(5)
    for A, B, rA, rB in [
        (1.2, -0.3, 1e-3, 1e-3),
        (0.0, 0.5, 1e-3, 1e-2),
        (-4.0, 6.0, 1e-6, 1e-2),
        (0.3, 0.0, 1.0, 1.0),
    ]:
        around = rigorous.psi(arb(A, rA), arb(B, rB), 0.3)
        assert math.isfinite(around.radius)
        for _ in range(5):
            point = rigorous.psi(A + rA * rng.uniform(-1, 1), B + rB * rng.uniform(-1, 1), 0.3)
            assert all(x.contains(y) for x, y in zip(around.balls, point.balls, strict=True))


# Requests that cannot be met ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rigorous.cost(1, 0, 1, 0, 0), "`c` is 0; it must be above 0; give a positive rate"),
        (lambda: rigorous.cost(1, 0, 1, 0, arb(1, 2)), "`c` is .*; it must be above 0"),
        (lambda: rigorous.psi(float("nan"), 0), "`A` is nan; it must be finite"),
        (lambda: rigorous.psi(1, arb("inf")), "`B` is .*inf.*; it must be finite; give a number or a bounded ball"),
        (lambda: rigorous.psi(1, 0, radius=0), "`radius` is 0; it must be above 0"),
    ],
)
def test_a_bad_argument_is_refused_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("room", ["rigorous", "ranges", "enclosed", "boxes"])
def test_without_python_flint_the_import_fails_and_names_it(monkeypatch, room):
    monkeypatch.setitem(sys.modules, "flint", None)
    for known in ("rigorous", "ranges", "enclosed", "boxes"):
        monkeypatch.delitem(sys.modules, f"tussle.lowdim.{known}", raising=False)
    with pytest.raises(ImportError, match="flint"):
        importlib.import_module(f"tussle.lowdim.{room}")
