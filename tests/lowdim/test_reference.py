"""The arbitrary-precision reference: published digits, closed forms it does not use, and finite differences."""

import ast
import itertools
from pathlib import Path

import mpmath
import pytest

from tussle.lowdim import reference

mpf = mpmath.mpf

# alpha, beta, lambda, E erf(alpha X + beta), E erf^2, X ~ Exp(lambda): the published table
MOMENTS = [
    (2.2, -3, 0.5, "0.02453766481140376229957", "0.8146135162505194532752"),
    (2.2, -7.4, "2/3", "-0.7826660613929347208301", "0.9476526692008628099942"),
    (1.21, -1, 4.04, "-0.6447232393199624392016", "0.4798751242480719868333"),
    (1, 0, 1, "0.6156903441929258748708", "0.4889333183649960915881"),
    (0.5, 1, 2, "0.9085516364153694668313", "0.8273899126370124745015"),
    (3, 0.7, 0.2, "0.992161416163565916016", "0.9857183587485915275155"),
    (0.05, 2.5, 1, "0.9996799031661691419953", "0.9993599137753742230292"),
    (0.001, 0.3, 1, "0.3296573999244305353786", "0.108675062263099059989"),
    (50, -30, 0.1, "0.8835309506985063524192", "0.9969943199702333176155"),
    (0.01, 4, 100, "0.9999999845954301836711", "0.9999999691908606046432"),
    (30, 5, 0.01, "0.9999999999999999506235", "0.9999999999999999012469"),
    (-1.5, 0.8, 1.2, "-0.1417645015780784150749", "0.4103486060108731933143"),
]

# (a, b, g, h, c): J, its gradient by (a, b, g, h) and its Hessian aa ab ag ah bb bg bh gg gh hh, as published
COSTS = [
    (
        ("2.2", "-3", "1.5", "-2", "0.5"),
        "1.34416840946502",
        ("0.11803675810684", "0.06899632015347", "-0.16963101136994", "-0.08116920133554"),
        "-0.065966321392 -0.007707194797 -0.031603114666 -0.027911549813 0.012885898813 "
        "-0.026806609101 -0.024596727677 -0.011896613961 -0.058974540023 -0.054112800890",
    ),
    (
        ("1.21", "-1", "0.35", "-4", "4.04"),
        "1.04759987388928",
        ("0.06758895783440", "0.13828234682246", "-0.00022353459762", "-0.00002082146502"),
        "0.048300894758 0.111381906886 0.000075699286 0.000011921490 0.352713184781 "
        "-0.000478661470 -0.000049165207 -0.005718830805 -0.000579180379 -0.000059489900",
    ),
    (
        ("0.8", "0.4", "0.6", "0.5", "1.3"),
        "0.77759018715598",
        ("0.14926069230289", "0.40229271535461", "-0.00585440669933", "-0.01962575228147"),
        "-0.175484353706 -0.188031754559 0.017548339433 0.036174441453 -0.313613223923 "
        "0.028690303296 0.086984899654 0.014028261545 0.022952242637 0.069587919723",
    ),
]
UPPER = list(itertools.combinations_with_replacement(range(4), 2))

EXTREMES = [
    (1e-3, 0.3),
    (1e-3, -40),
    (0.02, -40),
    (0.1, -40),
    (50, -40),
    (50, 40),
    (50, -30),
    (1e-12, 1),
    (0, -40),
    (3, 2),
]


@pytest.fixture(autouse=True)
def forty_digits():
    with mpmath.workdps(40):
        yield


def decimal(text):
    """A published decimal, or a float that the publication took as a decimal."""
    numerator, _, denominator = str(text).partition("/")
    return mpf(numerator) / mpf(denominator or 1)


def entries(found):
    return [found.value, *found.gradient, *itertools.chain.from_iterable(found.hessian)]


# Published digits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("alpha", "beta", "rate", "first", "second"), MOMENTS)
def test_the_moments_of_the_exponential_law_have_the_published_digits(alpha, beta, rate, first, second):
    found = reference.erf_moments(reference.exponential(decimal(rate)), decimal(alpha), decimal(beta), digits=24)
    assert mpmath.almosteq(found.first, mpf(first), rel_eps=mpf("1e-20"))
    assert mpmath.almosteq(found.second, mpf(second), rel_eps=mpf("1e-20"))


@pytest.mark.parametrize(("point", "value", "gradient", "hessian"), COSTS)
def test_the_paper_cost_has_the_published_digits(point, value, gradient, hessian):
    found = reference.cost(*map(decimal, point), digits=20)
    assert abs(found.value - mpf(value)) <= 6e-15
    assert all(abs(x - mpf(y)) <= 6e-15 for x, y in zip(found.gradient[:4], gradient, strict=True))
    for (i, j), entry in zip(UPPER, hessian.split(), strict=True):
        assert abs(found.hessian[i][j] - mpf(entry)) <= 6e-13
        assert found.hessian[i][j] == found.hessian[j][i]


# A second route -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("A", "B"), [(1.3, -0.4), (-6.0, 9.0), (0.0, 0.3)])
def test_psi_is_the_integral_of_its_definition(A, B):
    law = reference.exponential(1)
    moments = reference.erf_moments(law, A, B)
    psi0, psi1, half = (reference.psi(A, B, t).value for t in (0, 1, 0.5))
    assert abs(psi0 - psi1 - moments.first) <= mpf("1e-30")
    assert abs(4 * half - moments.second) <= mpf("1e-30")


@pytest.mark.parametrize(("A", "B", "t"), [(0.8, -0.5, 0), (-2.5, 4.0, 1), (7.0, -3.0, 0.3), (0.001, 0.2, 1)])
def test_the_derivatives_of_psi_are_its_difference_quotients(A, B, t):
    # A central difference of step h is off by h^2/6 times a third derivative, here below 40, and by 1e-40/h.
    h = mpf("1e-13")
    A, B = mpf(A), mpf(B)
    found = reference.psi(A, B, t)
    for k, (dA, dB) in enumerate(((h, 0), (0, h))):
        above, below = (reference.psi(A + s * dA, B + s * dB, t) for s in (1, -1))
        assert abs((above.value - below.value) / (2 * h) - found.gradient[k]) <= 1e-24
        for i in range(2):
            assert abs((above.gradient[i] - below.gradient[i]) / (2 * h) - found.hessian[k][i]) <= 1e-24


def test_the_derivative_by_the_rate_is_its_difference_quotient():
    h, point = mpf("1e-13"), (0.8, 0.4, 0.6, 0.5)
    above, below = (reference.cost(*point, mpf(1.3) + s * h) for s in (1, -1))
    assert abs((above.value - below.value) / (2 * h) - reference.cost(*point, 1.3).gradient[4]) <= 1e-24


@pytest.mark.parametrize(("A", "B"), [x for x in EXTREMES if x[0] > 0])
def test_the_primitives_keep_their_relative_accuracy_in_the_tails(A, B):
    # R_0 + S_0 = E[phi(u)] and P_0 = E[phi(u)^2] are closed, with kappa = 1/(2A) and p = B + kappa.
    found = reference.primitives(A, B)
    with mpmath.workdps(80):
        kappa = 1 / (2 * mpf(A))
        p, z = B + kappa, mpmath.sqrt(2) * B + kappa / mpmath.sqrt(2)
        weight = mpmath.exp(kappa * (kappa + 2 * mpf(B))) * mpmath.erfc(p) / (2 * mpf(A))
        square = mpmath.exp(z * z - 2 * mpf(B) ** 2) * mpmath.erfc(z) / (2 * mpf(A) * mpmath.sqrt(2 * mpmath.pi))
        assert abs((found.R[0] + found.S[0]) / weight - 1) <= mpf("1e-30")
        assert abs(found.P[0] / square - 1) <= mpf("1e-30")
        # Integration by parts: E[E f] = E[f] + A E[E f'] for f = phi^2, f' = -4 u phi^2.
        assert abs(found.P[0] - 4 * A * (A * found.P[2] + B * found.P[1]) - found.P[1]) <= mpf("1e-30") * max(
            found.P[0], abs(4 * A * B * found.P[1])
        )


@pytest.mark.parametrize(("A", "B"), EXTREMES)
def test_more_digits_do_not_change_those_that_were_asked_for(A, B):
    for t in (0, 1):
        rough, fine = (entries(reference.psi(A, B, t, digits=digits)) for digits in (15, 30))
        assert all(abs(r - f) <= mpf("1e-15") * max(abs(f), mpf("1e-15")) for r, f in zip(rough, fine, strict=True))


def test_reversing_time_turns_the_paper_cost_into_the_zero_sum_cost():
    a, b, g, h, c = 0.7, -0.3, -1.4, 0.9, 0.6
    paper, zero_sum = reference.cost(a, b, g, h, c), reference.cost(-a, -b, g, h, c, real=1, fake=0)
    signs = (-1, -1, 1, 1, 1)
    assert abs(paper.value - zero_sum.value) <= mpf("1e-30")
    assert all(abs(s * x - y) <= 1e-30 for s, x, y in zip(signs, paper.gradient, zero_sum.gradient, strict=True))
    for i, j in UPPER:
        assert abs(signs[i] * signs[j] * paper.hessian[i][j] - zero_sum.hessian[i][j]) <= mpf("1e-30")


def test_a_term_without_a_target_is_left_out():
    whole = reference.cost(0.7, -0.3, 1.4, 0.9, 0.6, real=1, fake=0.5)
    generator = reference.cost(0.7, -0.3, 1.4, 0.9, 0.6, real=None, fake=0.5)
    data = reference.cost(0.7, -0.3, 1.4, 0.9, 0.6, real=1, fake=None)
    assert data.gradient[2:4] == (0, 0)
    assert generator.gradient[4] == 0
    assert all(abs(x - y - z) <= 1e-30 for x, y, z in zip(*map(entries, (whole, generator, data)), strict=True))


def test_floats_are_taken_as_the_binary_numbers_that_they_are():
    with mpmath.workdps(15):  # the caller's precision plays no part
        binary = reference.psi(0.1, 0.1)
    assert binary == reference.psi(mpf(0.1), mpf(0.1))
    assert 1e-19 < abs(reference.psi(0.1, 0).value - reference.psi(mpf("0.1"), 0).value) < 1e-16
    decimal_slope = mpf("0.1")
    with mpmath.workdps(15):
        found = reference.cost(decimal_slope, 0.2, 0.3, 0.4, 0.5)
    assert found == reference.cost(decimal_slope, 0.2, 0.3, 0.4, 0.5) != reference.cost(0.1, 0.2, 0.3, 0.4, 0.5)


def test_an_offset_that_no_float_equals_is_no_trap_for_tiny_slopes():
    # E[f(A E + B)] differs from f(B) by A f'(B) and less; here B lies between two floats.
    A, B = mpf("1e-27"), mpf("2.1490171076015567890123456789")
    found = reference.psi(A, B)
    phi, d = mpmath.exp(-B * B) / mpmath.sqrt(mpmath.pi), mpmath.erfc(-B) / 2
    assert abs(found.value - d * d) <= mpf("1e-26")
    assert abs(found.gradient[0] - 2 * d * phi) <= mpf("1e-25")
    assert abs(found.gradient[1] - 2 * d * phi) <= mpf("1e-25")


@pytest.mark.parametrize(("A", "B"), [(1e6, -3e6), (1e10, -1e11), (-1e4, 1e4)])
def test_a_discriminator_that_is_nearly_a_step_gives_the_survival_function(A, B):
    # For A -> inf, E D0(A E + B)^2 -> P(E > -B/A) = exp(B/A) if B < 0; the correction is of order 1/A.
    step = mpmath.exp(mpf(B) / A)
    expected = step if A > 0 else 1 - step
    assert abs(reference.psi(A, B).value - expected) <= 1 / mpf(abs(A))


# The other laws -----------------------------------------------------------------------------------------------------


def close(found, first, second=None):
    assert abs(found.first - first) <= mpf("1e-30")
    assert second is None or abs(found.second - second) <= mpf("1e-30")


@pytest.mark.parametrize(("alpha", "beta"), [(1.3, -0.4), (-0.2, 2.0), (8.0, -3.0), (0.0, 0.7)])
def test_the_moments_of_the_other_laws_are_their_closed_forms(alpha, beta):
    alpha, beta = mpf(alpha), mpf(beta)
    exp, erf, erfc, pi, sqrt = mpmath.exp, mpmath.erf, mpmath.erfc, mpmath.pi, mpmath.sqrt

    m, s = mpf(0.5), mpf(1.5)
    n, r = sqrt(1 + 2 * (alpha * s) ** 2), 1 / sqrt(1 + 4 * (alpha * s) ** 2)
    w = sqrt(2) * (alpha * m + beta) / n
    owen = mpmath.quad(lambda x: exp(-w * w * (1 + x * x) / 2) / (1 + x * x), [0, r]) / (2 * pi)
    close(reference.erf_moments(reference.normal(m, s), alpha, beta), erf((alpha * m + beta) / n), 1 - 8 * owen)

    if alpha:
        one = lambda u: u * erf(u) + exp(-u * u) / sqrt(pi)
        two = lambda u: u * erf(u) ** 2 + 2 / sqrt(pi) * exp(-u * u) * erf(u) - sqrt(2 / pi) * erf(sqrt(2) * u)
        low, high = mpf(-1), mpf(2.5)
        means = [(f(alpha * high + beta) - f(alpha * low + beta)) / (alpha * (high - low)) for f in (one, two)]
        close(reference.erf_moments(reference.uniform(low, high), alpha, beta), *means)

    sides = [reference.erf_moments(reference.exponential(1 / s), k * alpha, alpha * m + beta) for k in (1, -1)]
    halves = [(x + y) / 2 for x, y in zip(*sides, strict=True)]
    close(reference.erf_moments(reference.laplace(m, s), alpha, beta), *halves)

    length = sqrt(alpha**2 + 1 / (2 * s * s))
    mu = alpha * beta / length
    first = erf(beta) + alpha / length * exp(mu * mu - beta * beta) * erfc(mu)
    close(reference.erf_moments(reference.rayleigh(s), alpha, beta), first)


@pytest.mark.parametrize(("alpha", "beta", "rate"), [(1.3, -0.4, 0.7), (0.4, 1.5, 2.0)])
def test_the_erlang_law_is_a_derivative_of_the_exponential_law(alpha, beta, rate):
    # Of shape 2: E f = M - lambda dM/dlambda for the exponential law's M; here by a central difference of step h.
    h = mpf("1e-13")
    law = lambda rate: reference.erf_moments(reference.exponential(rate), alpha, beta)
    here, above, below = law(mpf(rate)), law(rate + h), law(rate - h)
    found = reference.erf_moments(reference.erlang(2, rate), alpha, beta)
    for x, y, u, v in zip(found, here, above, below, strict=True):
        assert abs(x - (y - rate * (u - v) / (2 * h))) <= 1e-24


def test_the_moments_of_a_mixture_are_weighted_sums():
    laws = [reference.normal(1, 2), reference.mixture([reference.uniform(), reference.erlang(3)], [1, 3])]
    found = reference.erf_moments(reference.mixture(laws, [1, 1]), 0.8, -0.6)
    parts = [reference.erf_moments(law, 0.8, -0.6) for law in (laws[0], reference.uniform(), reference.erlang(3))]
    for k in range(2):
        assert abs(found[k] - (4 * parts[0][k] + parts[1][k] + 3 * parts[2][k]) / 8) <= mpf("1e-30")


# Requests that cannot be met ----------------------------------------------------------------------------------------


def test_a_quadrature_that_does_not_settle_says_so_and_by_how_much():
    wild = lambda x: [mpmath.mpf(1) if mpmath.sin(1 / x) > 0 else mpmath.mpf(0)]
    with pytest.raises(
        ArithmeticError, match=r"the quadrature on \[.*\] differs by .* between two rules; it must be below"
    ):
        reference._integrate(wild, [mpf("1e-9"), mpf(1)])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reference.cost(1, 0, 1, 0, 0), "`c` is 0; it must be above 0"),
        (lambda: reference.cost(1, float("nan"), 1, 0, 1), "`b` is nan; it must be finite"),
        (lambda: reference.psi(float("inf"), 0), "`A` is inf; it must be finite"),
        (lambda: reference.psi(1, 0, digits=0), "`digits` is 0; it must be a whole number of at least 1"),
        (lambda: reference.erf_moments(reference.normal(0, -1), 1, 0), "`std` is -1; it must be above 0"),
        (lambda: reference.uniform(1, 1), "`high - low` is 0; it must be above 0"),
        (lambda: reference.mixture([reference.normal()], [1, 2]), "`weights` has 2 entries; it must have one a law"),
    ],
)
def test_a_bad_argument_is_refused_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_reference_and_the_proofs_import_no_code_that_they_judge():
    allowed = {"tussle", "tussle.checks", "tussle.records"}
    own = {f"tussle.lowdim.{room}" for room in ("reference", "rigorous", "ranges", "enclosed", "boxes")}
    folder = Path(reference.__file__).parent
    for room in ("__init__", "reference", "rigorous", "ranges", "enclosed", "boxes"):
        for node in ast.walk(ast.parse((folder / f"{room}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found = {node.module, *(f"tussle.{a.name}" for a in node.names if node.module == "tussle")}
            else:
                continue
            assert {name for name in found if name.startswith("tussle")} <= allowed | own, room
