"""Divergences at the extremes: supports, scales, heavy tails, atoms, planes, and what is too large or no measure."""

import math
import tracemalloc

import mpmath
import numpy as np
import pytest
from scipy import stats

import tussle
from tussle import Atoms, Exponential, Located, Mixture, Normal, Samples, Uniform
from tussle.divergences import divergence, divergences

EPS = float(np.finfo(np.float64).eps)


class Student:
    """A law that the library does not know: its tails fall like x^-(nu+1)."""

    dimension = 1
    breaks: tuple[float, ...] = ()
    support = (np.array([-math.inf]), np.array([math.inf]))

    def __init__(self, nu: float, reach: float) -> None:
        self.law = stats.t(nu)
        self.window = (np.array([-reach]), np.array([reach]))

    def log_density(self, x):
        return self.law.logpdf(np.asarray(x, dtype=float).reshape(-1))

    def cdf(self, x):
        return self.law.cdf(x)

    def sample(self, rng, count):
        return self.law.rvs(size=(count, 1), random_state=rng)


class Pareto(Student):
    """Density a x^-(a+1) from 1 on."""

    breaks = (1.0,)
    support = (np.array([1.0]), np.array([math.inf]))

    def __init__(self, a: float, reach: float) -> None:
        self.law = stats.pareto(a)
        self.window = (np.array([1.0]), np.array([reach]))

    def log_density(self, x):
        x = np.asarray(x, dtype=float).reshape(-1)
        a = self.law.args[0]
        return np.where(x >= 1, math.log(a) - (a + 1) * np.log(np.maximum(x, 1.0)), -math.inf)


# Scales ------------------------------------------------------------------------------------------------------------

FAR = {
    "spreads of ratio 1e6": (Normal(0.0, 1.0), Normal(0.0, 1e6)),
    "a thousand spreads apart": (Normal(0.0, 1.0), Normal(1000.0, 1.0)),
    "a mixture whose parts are a thousand spreads apart": (
        Mixture((Normal(0.0, 1.0), Normal(1000.0, 1.0)), (0.5, 0.5)), Normal(0.0, 1.0),
    ),
    "a mixture with spreads of ratio 1e6": (
        Mixture((Normal(0.0, 1e-3), Normal(5.0, 1e3)), (0.5, 0.5)), Normal(0.0, 1.0),
    ),
    "thin laws across each other in the plane": (Normal((0.0, 0.0), (1.0, 1e-3)), Normal((0.0, 0.0), (1e3, 1.0))),
}  # fmt: skip


@pytest.mark.parametrize("pair", FAR)
def test_nothing_is_ever_nan_in_either_direction(pair):
    p, q = FAR[pair]
    slow = ("sinkhorn", "w1", "w2") if p.dimension == 1 else ("sinkhorn", "w1", "w2", "tv", "js", "gan", "delta")
    names = [n for n in tussle.divergences.divergence_names() if n not in slow]
    for one, other in ((p, q), (q, p)):
        for name, found in divergences(one, other, names=names, count=50).items():
            assert not math.isnan(found.value), name
            assert found.error >= 0, name


def test_half_of_a_mixture_far_away_costs_what_its_mass_does():
    """With m = 1/2 N(0,1) + 1/2 N(1000,1) the second part is a unit of mass that q lacks, and the first has log 1/2."""
    p, q = FAR["a mixture whose parts are a thousand spreads apart"]
    assert divergence("tv", p, q).value == pytest.approx(0.5, abs=1e-11)
    assert divergence("hellinger2", p, q).value == pytest.approx(2 - math.sqrt(2), abs=1e-11)
    assert divergence("reverse_kl", p, q).value == pytest.approx(math.log(2), abs=1e-11)
    assert divergence("kl", p, q).value == pytest.approx(0.5 * 1000**2 / 2 - math.log(2), rel=1e-11)
    assert divergence("chi2", p, q).value == math.inf  # e^1000000 / 4 is above what a number may be


@pytest.mark.parametrize("name", ["hellinger2", "kl", "reverse_kl", "bhattacharyya"])
def test_thin_laws_across_each_other_have_their_closed_form(name):
    p, q = FAR["thin laws across each other in the plane"]
    exact, found = (divergence(name, p, q, route=route) for route in ("closed", "quadrature"))
    assert abs(found.value - exact.value) <= min(1e-11 * max(1.0, exact.value), found.error + exact.error)


@pytest.mark.parametrize("ratio", [1e2, 1e4, 1e6])
def test_roots_of_densities_are_felt_beyond_their_windows(ratio):
    """p^(1/10) is e^-4 where p is e^-40: panels that grow from there see it."""
    p, q = Normal(0.0, 1.0), Normal(0.3 * ratio, ratio)
    for order in (0.1, 0.9):
        exact, found = (divergence("alpha", p, q, route=route, order=order) for route in ("closed", "quadrature"))
        assert abs(found.value - exact.value) <= min(1e-11, found.error + exact.error)


@pytest.mark.parametrize("name", ["bhattacharyya", "renyi"])
def test_overlaps_of_e_to_the_minus_1500_keep_their_digits(name):
    p, q = Normal((-3.0, 40.0), (0.3, 8.0)), Normal((20.0, -90.0), (1.1, 0.2))
    exact, found = (divergence(name, p, q, route=route, order=0.3) for route in ("closed", "quadrature"))
    assert exact.value > 100
    assert found.value == pytest.approx(exact.value, rel=1e-13)


@pytest.mark.parametrize("s", [0.017, 0.0031, 1e-3, 1.7e-5])
def test_very_unlike_spreads_keep_the_last_digits_of_closed_forms(s):
    """Log s^2 of a small s, which log1p(s^2 - 1) loses; 30 digits are the judge."""
    with mpmath.workdps(30):
        t = mpmath.mpf(s)
        kl = (t * t - 1) / 2 - mpmath.log(t)
        overlap = -mpmath.log(mpmath.sqrt(2 * t / (1 + t * t)))
    p, q = Normal(0.0, s), Normal(0.0, 1.0)
    assert divergence("kl", p, q).value == pytest.approx(float(kl), rel=4 * EPS, abs=0)
    assert divergence("bhattacharyya", p, q).value == pytest.approx(float(overlap), rel=4 * EPS, abs=0)


@pytest.mark.parametrize(
    ("d", "s", "t"), [(1.0, 1.0, 1.0), (2.6, 0.8, 1.3), (3.3, 0.7, 0.9), (0.4, 1.1, 7.0), (5.0, 3.0, 2.0)]
)
def test_the_energy_distance_has_every_digit(d, s, t):
    """Spec 5.1: 2 A(d, sqrt(s^2+t^2)) - A(0, sqrt2 s) - A(0, sqrt2 t), A(m, v) = E|N(m, v)|."""

    def size(m, v):
        z = mpmath.mpf(m) / v
        return v * mpmath.sqrt(2 / mpmath.pi) * mpmath.exp(-z * z / 2) + m * mpmath.erf(z / mpmath.sqrt(2))

    with mpmath.workdps(30):
        spread = mpmath.sqrt(mpmath.mpf(s) ** 2 + mpmath.mpf(t) ** 2)
        wanted = 2 * size(d, spread) - size(0, mpmath.sqrt(2) * s) - size(0, mpmath.sqrt(2) * t)
    assert divergence("energy", Normal(0.0, s), Normal(d, t)).value == pytest.approx(float(wanted), rel=8 * EPS, abs=0)


def test_equal_laws_are_at_plain_zero():
    for name, found in divergences(Normal(0.0, 1.0), Normal(0.0, 1.0)).items():
        zero = -2 * math.log(2) if name == "gan" else 0.0
        assert found.value == pytest.approx(zero, abs=1e-15)
        assert name == "gan" or math.copysign(1.0, found.value) == 1.0, name


# Heavy tails -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"), [("kl", 1 - math.log(2)), ("reverse_kl", math.log(2) - 0.5), ("tv", 0.25), ("neyman", 1 / 3)]
)
def test_two_pareto_laws_have_the_integrals_of_powers(name, value):
    """p = x^-2, q = 2 x^-3 cross at 2; every integral is one of a power times a logarithm, over 17 decades."""
    p, q = Pareto(1.0, 1e17), Pareto(2.0, 1e9)
    if name == "neyman":  # int q^2/p - 1 = int 4 x^-4 - 1
        assert divergence(name, p, q).value == pytest.approx(value, abs=1e-10)
    found = divergence(name, p, q)
    assert found.value == pytest.approx(value, abs=1e-10)
    assert abs(found.value - value) <= found.error


def test_tails_that_are_too_heavy_make_infinite_divergences():
    cauchy, normal = Student(1.0, 1e17), Normal(0.0, 1.0)
    assert divergence("kl", cauchy, normal).value == math.inf  # E x^2 of a Cauchy variable
    assert divergence("w1", cauchy, normal).value == math.inf
    assert divergence("w2", Student(2.0, 1e9), normal).value == math.inf
    assert divergence("w1", Located(cauchy, 0.0, 2.0), cauchy).value == math.inf
    assert divergence("js", cauchy, normal).value == pytest.approx(0.0831700898, abs=0.02)
    assert math.isfinite(divergence("w1", Student(2.0, 1e9), normal).value)


def test_a_cauchy_law_is_as_far_from_a_moved_one_as_the_formula_says():
    """Chyzak and Nielsen 2019: KL = log(1 + d^2/4) between Cauchy laws of scale 1 that are d apart."""
    p = Student(1.0, 1e17)
    assert divergence("kl", p, Located(p, 3.0, 1.0)).value == pytest.approx(math.log1p(9 / 4), abs=1e-10)


def test_narrow_mass_in_a_wide_window_is_found():
    """Places a millionth of the window wide decide: t with 3 and 30 degrees, whose laws differ little."""
    found = divergence("mmd2", Student(3.0, 1e6), Student(30.0, 1e2))
    rng = np.random.default_rng(0)
    x, y = rng.standard_t(3.0, (1500, 1)), rng.standard_t(30.0, (1500, 1))
    drawn = divergence("mmd2", Samples(x), Samples(y), bandwidth=1.0)
    assert abs(found.value - drawn.value) <= drawn.error
    assert found.error < 1e-8


# Supports ----------------------------------------------------------------------------------------------------------


def test_atoms_share_nothing_with_a_density_but_are_near_it():
    found = divergences(Atoms((0.0, 1.0), (0.5, 0.5)), Normal(0.0, 1.0), names=["kl", "js", "tv", "delta", "w2"])
    assert (found["kl"].value, found["js"].value, found["tv"].value) == (math.inf, math.log(2), 1.0)
    assert found["delta"].value == 2.0
    # W2^2 = E x^2 + E y^2 - 2 E x T(x), T = 1 above the median: 1 + 1/2 - 2 phi(0)
    assert found["w2"].value == pytest.approx(math.sqrt(1.5 - 2 / math.sqrt(2 * math.pi)), abs=1e-10)


def test_atoms_of_almost_no_mass_are_no_zeros():
    p, q = Atoms((0.0, 1.0), (0.5, 0.5)), Atoms((0.0, 1.0), (1.0, 1e-300))
    assert divergence("kl", p, q).value == pytest.approx(
        0.5 * math.log(0.5) + 0.5 * (math.log(0.5) + 300 * math.log(10))
    )


def test_a_law_on_a_plane_is_at_the_extremes_from_one_in_space():
    flat = Normal((0.0, 0.0), np.array([[1.0, 0.0], [0.0, 0.0]]))
    found = divergences(flat, Normal((0.0, 0.0), (1.0, 1.0)), names=["js", "kl", "w2", "renyi"])
    assert (found["js"].value, found["kl"].value, found["renyi"].value) == (math.log(2), math.inf, math.inf)
    assert found["w2"].value == pytest.approx(1.0, abs=1e-14)


def test_a_density_that_starts_at_zero_makes_chi_square_infinite_where_its_integral_is():
    """int e^-2x / (x e^-x) diverges at 0, wherever 0 is moved to."""
    for place in (0.0, 5.0):
        p, q = Located(Exponential(1.0), place, 1.0), Located(tussle.Erlang(2, 1.0), place, 1.0)
        assert divergence("chi2", p, q, route="quadrature").value == math.inf
        assert divergence("chi2", q, p, route="quadrature").value == pytest.approx(1.0, abs=1e-10)  # int x^2 e^-x - 1


# What is too large, and what is no measure -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "w1",
            r"`w1` is a transport problem of 20,000 x 20,000 points, .* 3.0 GiB.* `sliced`, or `sinkhorn` of fewer",
        ),
        ("w2", r"`w2` is a transport problem of 20,000 x 20,000 points"),
        ("sinkhorn", r"`sinkhorn` is a transport problem of 20,000 x 20,000 .* 3.0 GiB.* or take `sliced`"),
    ],
)
@pytest.mark.parametrize("kind", [Samples, Atoms])
def test_transport_that_is_too_large_says_so_before_it_takes_memory(name, words, kind):
    x = np.random.default_rng(0).normal(size=(20_000, 2))
    p, q = kind(x), kind(x + 1)
    tracemalloc.start()
    with pytest.raises(ValueError, match=words):
        divergence(name, p, q)
    assert tracemalloc.get_traced_memory()[1] < 100e6  # a cost matrix takes 3.2e9
    tracemalloc.stop()


def test_sliced_transport_takes_what_exact_transport_does_not():
    x = np.random.default_rng(0).normal(size=(20_000, 2))
    assert divergence("sliced", Samples(x), Samples(x + 1)).value == pytest.approx(
        1.0, abs=1e-12
    )  # mean of (w.(1,1))^2


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_points_whose_squares_are_no_numbers_are_refused(size):
    x = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(ValueError, match=r"`p` has numbers of size .*; it may be 1e-100 to 1e\+100"):
        divergence("w2", Samples(size * x), Samples(x))


class Bare:
    dimension = 1

    def log_density(self, x):
        return -0.5 * np.asarray(x).reshape(-1) ** 2


class Heavy(Student):
    def log_density(self, x):
        return Student.log_density(self, x) + 0.1

    def cdf(self, x):
        return 1.2 * Student.cdf(self, x)


class Negative(Student):
    def log_density(self, x):
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(np.sin(np.asarray(x, dtype=float).reshape(-1)))


@pytest.mark.parametrize(
    ("name", "p", "words"),
    [
        ("js", Bare(), "`p` is Bare, a law without support, window, breaks; it must have these"),
        ("js", Heavy(30.0, 1e2), "`p` integrates to 1.105.* must integrate to 1; divide it by that"),
        ("w1", Heavy(30.0, 1e2), "`p` has a distribution function that goes from .* to 1.2 over its window"),
        ("energy", Heavy(30.0, 1e2), "it must go from 0 to 1"),
        ("js", Negative(30.0, 10.0), "`p` has the log density nan at .* finite number of 0 or more"),
        ("js", None, "`p` is NoneType; it may be a law, Atoms, Nodes, Samples or an array"),
        ("w1", np.zeros((3, 2)), "`q` has 1 dimension.s. and `p` 2"),
        ("w1", np.array([[0.0], [math.nan]]), "1 point.s. that are not finite, first in row 1"),
        ("w1", np.empty((0, 1)), r"shape \(0, 1\); it must be \(n, d\) with at least one point"),
        ("w1", np.zeros((1, 1)), "`p` has 1 sample.s.; an estimate with its noise floor needs 8 or more"),
        ("w1", Atoms((0.0, 1.0), (0.5, 0.6)), "sum to 1; divide them by their sum"),
        ("w1", Atoms((0.0, 1.0), (1.5, -0.5)), "0 or more for each"),
    ],
)
def test_what_is_no_measure_is_refused_in_one_sentence(name, p, words):
    with pytest.raises(ValueError, match=words):
        divergence(name, p, Normal(0.0, 1.0))


def test_atoms_are_no_part_of_a_mixture_of_laws():
    with pytest.raises(ValueError, match=r"`laws` holds Atoms, which has no density; .* mix atoms in one Atoms"):
        Mixture((Normal(0.0, 1.0), Atoms((0.0,), (1.0,))), (0.5, 0.5))


def test_uniform_laws_in_the_plane_that_share_a_corner():
    """Areas: p on the unit square, q on [1/2, 2]^2; they share 1/4, where q/p = 4/9."""
    p, q = Uniform((0.0, 0.0), (1.0, 1.0)), Uniform((0.5, 0.5), (2.0, 2.0))
    assert divergence("tv", p, q).value == pytest.approx(1 - 0.25 * 4 / 9, abs=1e-14)
    assert divergence("hellinger2", p, q).value == pytest.approx(2 - 2 * 0.25 * math.sqrt(4 / 9), abs=1e-14)
