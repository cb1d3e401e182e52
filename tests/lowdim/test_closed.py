"""The published closed forms (Owen's T, erfcx, 2F1) against mpmath, printed numbers, and the first route."""

import functools
import math

import mpmath
import numpy as np
import pytest

import tussle
from battery import numbers, printed
from tussle import moments
from tussle.autodiff import jax_engine
from tussle.lowdim import closed, reference
from tussle.moments import EXPONENTIAL

# alpha, beta, lambda; E erf, E erf^2 of the exponential law, all digits correct
GOLDEN = {
    (2.2, -3.0, 0.5): (0.02453766481140376229957, 0.8146135162505194532752),
    (2.2, -7.4, 2 / 3): (-0.7826660613929347208301, 0.9476526692008628099942),
    (1.21, -1.0, 4.04): (-0.6447232393199624392016, 0.4798751242480719868333),
    (1.0, 0.0, 1.0): (0.6156903441929258748708, 0.4889333183649960915881),
    (0.5, 1.0, 2.0): (0.9085516364153694668313, 0.8273899126370124745015),
    (3.0, 0.7, 0.2): (0.992161416163565916016, 0.9857183587485915275155),
    (0.05, 2.5, 1.0): (0.9996799031661691419953, 0.9993599137753742230292),
    (0.001, 0.3, 1.0): (0.3296573999244305353786, 0.108675062263099059989),
    (50.0, -30.0, 0.1): (0.8835309506985063524192, 0.9969943199702333176155),
    (0.01, 4.0, 100.0): (0.9999999845954301836711, 0.9999999691908606046432),
    (30.0, 5.0, 0.01): (0.9999999999999999506235, 0.9999999999999999012469),
    (-1.5, 0.8, 1.2): (-0.1417645015780784150749, 0.4103486060108731933143),
}


def read(call, *arrays):
    """What a closed form returns for arrays, in NumPy."""
    with tussle.float64():
        return [np.asarray(x) for x in call(*arrays)]


def test_moments_of_the_exponential_law_are_the_printed_ones():
    alpha, beta, rate = np.array(list(GOLDEN)).T
    found = read(closed.exponential, alpha / rate, beta)
    for k in (0, 1):
        assert found[k] == pytest.approx([value[k] for value in GOLDEN.values()], rel=0, abs=2e-15)


def closed_moments(law, a, b):
    return read(lambda x, y: closed.erf_moments_closed(law, x, y), a, b)


def test_owen_is_used_exactly_where_its_exponent_is_at_most_four():
    a = np.array([2.2, -2.2, 0.05, 0.05, -0.05, 0.125, 0.125, 0.0, 1.0, 1.0, -9.0, -9.0])
    b = np.array([-3.0, 3.0, 2.5, -8.0, 8.0, -1.51, -1.49, 0.3, 3.74, 3.76, 9.0, -99.0])
    size, turned = np.abs(a), np.where(a < 0, -b, b)
    kappa = 0.5 / np.where(size > 0, size, np.nan)
    expected = kappa * (kappa + 2 * turned) <= 4
    assert expected.tolist() == [True, True, False, True, True, True, False, False, True, False, True, False]
    assert read(closed.exponential, a, b)[2].tolist() == expected.tolist()


def test_owen_without_the_rule_loses_digits_as_published(monkeypatch):
    a, exponent = np.full(12, 0.2), np.linspace(16.0, 20.0, 12)
    kappa = 0.5 / a
    b = (exponent / kappa - kappa) / 2
    exact = read(closed.exponential, a, b)[1]
    monkeypatch.setattr(closed, "OWEN_LIMIT", 30.0)
    assert 1e-10 < np.abs(read(closed.exponential, a, b)[1] - exact).max() < 8e-8


# Every law of the table against integration with mpmath -------------------------------------------------------------

LAWS = {
    "exponential": (tussle.Exponential(0.7), reference.exponential(0.7)),
    "normal": (tussle.Normal(0.4, 1.3), reference.normal(0.4, 1.3)),
    "uniform": (tussle.Uniform(-0.5, 1.75), reference.uniform(-0.5, 1.75)),
    "laplace": (tussle.Laplace(0.3, 0.8), reference.laplace(0.3, 0.8)),
    "rayleigh": (tussle.Rayleigh(1.4), reference.rayleigh(1.4)),
    "erlang 2": (tussle.Erlang(2, 0.9), reference.erlang(2, 0.9)),
    "erlang 4": (tussle.Erlang(4, 1.1), reference.erlang(4, 1.1)),
    "mixture": (
        tussle.Mixture((tussle.Normal(-1.0, 0.5), tussle.Exponential(2.0), tussle.Uniform(0.0, 3.0)), (0.2, 0.5, 0.3)),
        reference.mixture(
            (reference.normal(-1, 0.5), reference.exponential(2), reference.uniform(0, 3)), (0.2, 0.5, 0.3)
        ),
    ),
}  # fmt: skip
SLOPES = np.array([2.2, -1.3, 0.6, -0.3, 0.11, 0.02, 7.0, -40.0, 0.0, 900.0, 1.0, -0.01])
OFFSETS = np.array([-3.0, 0.8, -2.4, -1.0, 0.5, 3.0, -9.0, 30.0, 0.4, -40.0, -0.5, 38.0])


@pytest.mark.parametrize("name", LAWS)
def test_moments_are_those_of_integration(name):
    law, known = LAWS[name]
    first, second, _ = closed_moments(law, SLOPES, OFFSETS)
    for k, (a, b) in enumerate(zip(SLOPES, OFFSETS, strict=True)):
        exact = reference.erf_moments(known, float(a), float(b), digits=20)
        assert [first[k], second[k]] == pytest.approx([float(exact.first), float(exact.second)], rel=0, abs=3e-14)


@pytest.mark.parametrize(
    ("form", "shape", "share", "tolerance"),
    [
        (closed.exponential, EXPONENTIAL, 0.6, 2e-14),
        (closed.normal, moments.NORMAL, 1.0, 5e-15),
        (closed.uniform, moments.UNIFORM, 0.7, 1e-14),
        (closed.rayleigh, moments.RAYLEIGH, 1.0, 1e-14),
        (lambda a, b: closed.erlang(5, a, b), moments.erlang(5), 0.5, 1e-13),
    ],
    ids=["exponential", "normal", "uniform", "rayleigh", "erlang 5"],
)
def test_both_routes_agree_at_two_thousand_parameters(form, shape, share, tolerance):
    rng = np.random.default_rng(3)
    a = 10 ** rng.uniform(-2, 2, 2000) * rng.choice([-1.0, 1.0], 2000)
    b = np.where(rng.random(2000) < 0.8, rng.uniform(-6, 6, 2000), rng.uniform(-40, 40, 2000))
    first, second, used = read(jax_engine().jit(form), a, b)
    one, two = read(lambda x, y: closed._quadrature(shape, x, y), a, b)
    assert used.mean() >= share
    assert np.abs(first - one).max() <= tolerance
    assert np.abs(second - two).max() <= tolerance


@pytest.mark.parametrize("k", [8, 21])
def test_large_shapes_of_erlang_hold_their_stated_error(k):
    a = np.array([1.08, -0.2, 7.0, 0.02, -3.67, 60.0, 0.5, -0.5, 1.0, 2.0, 0.01, -0.05])
    b = -a * k + np.linspace(-1.5, 1.5, 12)
    first, second, used = read(lambda x, y: closed.erlang(k, x, y), a, b)
    exact = [reference.erf_moments(reference.erlang(k), x, y, digits=16) for x, y in zip(a, b, strict=True)]
    assert first == pytest.approx([float(e.first) for e in exact], rel=0, abs=1e-12)
    assert second == pytest.approx([float(e.second) for e in exact], rel=0, abs=1e-12)
    assert used.any()
    assert not used.all()


def test_erlang_two_is_the_rate_operator_applied_to_the_exponential_law():
    alpha, rate, beta = 0.9, 1.3, np.linspace(-3, 1, 12)
    p = beta + rate / (2 * alpha)
    tail = np.array([math.exp(x * x - b * b) * math.erfc(x) for x, b in zip(p, beta, strict=True)])
    slope = (2 * p * tail - 2 / math.sqrt(math.pi) * np.exp(-beta * beta)) / (2 * alpha)
    single = read(closed.exponential, np.full(12, alpha / rate), beta)[0]
    double = closed_moments(tussle.Erlang(2, rate), np.full(12, alpha), beta)
    assert double[2].all()
    assert double[0] == pytest.approx(single - rate * slope, rel=0, abs=2e-15)


def test_laplace_is_the_mean_of_two_one_sided_exponentials():
    a, b = SLOPES, OFFSETS
    sides = [read(closed.exponential, sign * a, b) for sign in (1.0, -1.0)]
    found = closed_moments(tussle.Laplace(0.0, 1.0), a, b)
    assert found[0] == pytest.approx((sides[0][0] + sides[1][0]) / 2, abs=1e-16)
    assert found[1] == pytest.approx((sides[0][1] + sides[1][1]) / 2, abs=1e-16)
    assert found[2].tolist() == (sides[0][2] & sides[1][2]).tolist()


def test_the_limit_p_to_zero_is_reached_with_its_derivative():
    b = -0.5 + np.arange(-6, 6) * 1e-8  # A = 1: p = B + 1/2
    exact = [float(reference.erf_moments(reference.exponential(1), 1.0, float(x), digits=20).second) for x in b]
    assert read(closed.exponential, np.ones(12), b)[1] == pytest.approx(exact, rel=0, abs=2e-15)
    with tussle.float64():
        slope = float(jax_engine().jit(jax_engine().grad(lambda x: closed.exponential(1.0, x).second))(-0.5))
    rise = [4 * v for v in reference.psi(1.0, -0.5, 0.5).gradient]  # E erf^2 = 4 Psi_(1/2)
    assert slope == pytest.approx(float(rise[1]), rel=0, abs=1e-14)


@pytest.mark.parametrize("law", [tussle.Erlang(2, 0.5), tussle.Rayleigh(2.0)], ids=["erlang 2", "rayleigh"])
def test_closed_forms_have_the_derivatives_of_the_first_route(law):
    jax = jax_engine()
    at = np.array([[0.7, -0.3], [2.2, -3.0], [-1.0, 0.5], [1.3, 0.0]])
    with tussle.float64():
        first = jax.jit(jax.vmap(jax.grad(lambda x: closed.erf_moments_closed(law, x[0], x[1]).second)))(at)
        second = jax.jit(jax.vmap(jax.grad(lambda x: moments.erf_moments(law, x[0], x[1])[1])))(at)
    assert np.asarray(first) == pytest.approx(np.asarray(second), rel=0, abs=5e-14)


# The chain of derivatives -------------------------------------------------------------------------------------------


def six(found):
    return [found.value, *found.gradient, *(found.hessian[i][j] for i, j in ((0, 0), (0, 1), (1, 1)))]


@pytest.mark.parametrize("target", [0.0, 1.0, 0.3])
def test_every_derivative_is_algebraic_in_the_two_moments(target):
    rng = np.random.default_rng(8)
    a = np.append(10 ** rng.uniform(-0.3, 2, 14) * rng.choice([-1.0, 1.0], 14), [0.499, -0.1, 0.0])
    b = np.append(rng.uniform(-5, 4, 14), [0.3, 1.0, 0.7])
    found = chain(target, a, b)
    exact = [six(reference.psi(float(x), float(y), target, digits=20)) for x, y in zip(a, b, strict=True)]
    for k, name in enumerate(("value", "A", "B", "AA", "AB", "BB")):
        assert found[k] == pytest.approx([float(row[k]) for row in exact], rel=0, abs=2e-13), name
    assert not found[6][-3:].any()
    assert found[6][:14].sum() >= 8


@functools.cache
def _compiled_chain(target):
    def flat(a, b):
        found = closed.chain(target, a, b)
        return (found.value, *found.gradient, *found.hessian, found.closed)

    return jax_engine().jit(flat)


def chain(target, a, b):
    """The chain's seven answers at up to 17 parameters."""
    padded = (np.append(x, np.ones(17 - len(x))) for x in (a, b))
    return [x[: len(a)] for x in read(_compiled_chain(target), *padded)]


# J, its gradient by a, b, g, h and its Hessian aa, ab, ag, ah, bb, bg, bh, gg, gh, hh, as printed.
COSTS = {
    "A": (
        (2.2, -3.0, 1.5, -2.0, 0.5),
        "1.34416840946502",
        "0.11803675810684, 0.06899632015347, -0.16963101136994, -0.08116920133554",
        "-0.065966321392 -0.007707194797 -0.031603114666 -0.027911549813 0.012885898813 -0.026806609101 "
        "-0.024596727677 -0.011896613961 -0.058974540023 -0.054112800890",
    ),
    "B": (
        (1.21, -1.0, 0.35, -4.0, 4.04),
        "1.04759987388928",
        "0.06758895783440, 0.13828234682246, -0.00022353459762, -0.00002082146502",
        "0.048300894758 0.111381906886 0.000075699286 0.000011921490 0.352713184781 -0.000478661470 -0.000049165207 "
        "-0.005718830805 -0.000579180379 -0.000059489900",
    ),
    "generic": (
        (0.8, 0.4, 0.6, 0.5, 1.3),
        "0.77759018715598",
        "0.14926069230289, 0.40229271535461, -0.00585440669933, -0.01962575228147",
        "-0.175484353706 -0.188031754559 0.017548339433 0.036174441453 -0.313613223923 0.028690303296 0.086984899654 "
        "0.014028261545 0.022952242637 0.069587919723",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COSTS)
def test_the_papers_cost_by_closed_forms_alone_is_the_printed_one(name):
    (a, b, g, h, c), value, gradient, hessian = COSTS[name]
    p = [float(x[0]) for x in chain(0.0, [a / c], [b])]
    q = [float(x[0]) for x in chain(1.0, [a * g], [a * h + b])]
    slope, shift = g * q[3] + h * q[4], g * q[4] + h * q[5]
    found = [
        p[3] / c**2 + g * slope + h * shift, p[4] / c + shift, q[1] + a * slope, q[2] + a * shift, p[5] + q[5],
        a * q[4], a * q[5], a * a * q[3], a * a * q[4], a * a * q[5],
    ]  # fmt: skip
    # Value and gradient are printed to 14 digits: half a unit, and as much for the arithmetic.
    assert p[0] + q[0] == printed(value, 2.0)
    wanted = [printed(n, 2.0) for n in numbers(gradient)]
    assert [p[1] / c + g * q[1] + h * q[2], p[2] + q[2], a * q[1], a * q[2]] == wanted
    assert found == [printed(n) for n in numbers(hessian)]


# Normal gradients, logistic discriminator -----------------------------------------------------------------------------


def test_gradients_of_the_normal_member_are_integrals():
    at = np.array([[0.7, -0.3, 1.0, 2.0], [-1.5, 0.4, 0.2, 0.5], [3.0, 2.0, -1.0, 1.3]])
    value, gradient = read(lambda x: _joined(closed.normal_square(*x)), at.T)
    for k, (a, b, mean, std) in enumerate(at.tolist()):

        def mean_of(f, at=(a, b, mean, std)):
            a, b, mean, std = at
            full = lambda z: (
                f(mpmath.erfc(-(a * (mean + std * z) + b)) / 2, a * (mean + std * z) + b, z) * mpmath.npdf(z)
            )
            return float(mpmath.quad(full, [-10, -5, -2, 0, 2, 5, 10]))

        by_b, by_z = mean_of(_push), mean_of(lambda d, v, z: _push(d, v, z) * z)
        exact = [mean * by_b + std * by_z, by_b, a * by_b, a * by_z]
        assert value[k] == pytest.approx(mean_of(lambda d, v, z: d * d), rel=0, abs=2e-15)
        assert gradient[:, k] == pytest.approx(exact, rel=0, abs=5e-15)


def _push(d, v, _):
    return 2 * d * mpmath.exp(-v * v) / mpmath.sqrt(mpmath.pi)


def _joined(found):
    return found[0], jax_engine().numpy.stack(found[1])


def test_the_square_of_one_minus_d_is_that_of_the_turned_discriminator():
    columns = np.array([[-0.7, -1.3, 0.2], [0.3, 1.0, -2.0], [1.0, 1.0, 1.0], [2.0, 2.0, 2.0]])
    turned = read(lambda x: _joined(closed.normal_square(*x)), columns)[0]
    first, second, _ = closed_moments(tussle.Normal(1.0, 2.0), *np.pad(-columns[:2], ((0, 0), (0, 9))))
    assert turned == pytest.approx((1 - 2 * first + second)[:3] / 4, rel=0, abs=4e-16)


RATIOS = np.array([1e-3, 0.3, 0.999999, 1.0, 1.0 + 1e-12, 2.0 - 1e-9, 2.0, 5.0, 7.3, 60.0])


def test_the_logistic_discriminator_has_gauss_functions_even_at_whole_parameters():
    k = np.array([1e-4, 0.7, 1.0, 1.3, 30.0, 1e6])[:, None]
    first, second = read(lambda s: closed.logistic(2.0 * s, k, 2.0), RATIOS)
    with mpmath.workdps(30):
        exact = np.array(
            [
                [
                    [float(mpmath.hyp2f1(j, s, 1 + mpmath.mpf(s), -mpmath.mpf(x))) for s in RATIOS.tolist()]
                    for x in k.T[0]
                ]
                for j in (1, 2)
            ]
        )
    assert first == pytest.approx(exact[0], rel=0, abs=1e-15)
    assert np.all(np.abs(second - exact[1]) <= 1e-15 * (1 + RATIOS))


def test_the_logistic_moments_are_integrals():
    rate, k, b = 0.5, 0.7, 1.3
    found = read(lambda c: closed.logistic(c, k, b), np.full(10, rate))
    with mpmath.workdps(20):
        for j in (1, 2):
            density = lambda x, j=j: rate * mpmath.exp(-rate * x) / (1 + k * mpmath.exp(-b * x)) ** j
            assert found[j - 1][0] == pytest.approx(float(mpmath.quad(density, [0, 5, 20, 60, 160])), rel=0, abs=5e-16)


def test_maos_optimum_by_the_gauss_function_is_the_printed_one():
    for g, h, c, text in ((1.5, -2, 0.5, "0.206182917641816"), (1.5, 1.4, 0.5, "0.325428639140064"),
                          (2.5, 0.3, 1, "0.363428813258485")):  # fmt: skip
        x0, d = max(0.0, h), 1 / g - c
        k = math.exp(h / g - d * x0) / (g * c)
        survive, s, z = (math.exp(-(x0 - h) / g), 1 / (g * d), k) if d > 0 else (math.exp(-c * x0), c / -d, 1 / k)
        found = survive * read(lambda u, z=z: [closed.hypergeometric(u, z)], np.full(10, s))[0][0]
        assert found == printed(text, 2.0)  # the last digit is a rounding


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: closed.logistic(0.0, 1.0, 1.0), "`rate` is 0.0; it must be above 0"),
        (lambda: closed.logistic(1.0, 1.0, -2.0), "`b` is -2.0; it must be above 0"),
        (lambda: closed.erlang(0, 1.0, 1.0), "`k` is 0; it must be a whole number of at least 1"),
        (lambda: closed.erf_moments_closed(tussle.Normal((0.0, 0.0)), 1.0, 0.0), "`law` is Normal; exact erf moments"),
    ],
)
def test_wrong_arguments_are_refused(call, words):
    with pytest.raises(ValueError, match=words), tussle.float64():
        call()
