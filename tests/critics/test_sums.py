"""Divergences as sums: the reference instance, 30-digit arithmetic, zeros and near equality."""

import math

import mpmath
import numpy as np
import pytest

from tussle.critics import sums
from tussle.critics.masses import APART, masses

P, Q = (0.7, 0.2, 0.1), (0.2, 0.3, 0.5)
PUBLISHED = {
    sums.kl: 0.6348972651,
    sums.reverse_kl: 0.6758058950,
    sums.jensen_shannon: 0.1513581116,
    sums.total_variation: 0.5,
    sums.triangular: 0.5644444444,
    sums.hellinger: 0.3145569786,
    sums.chi2: 1.6033333333,
    lambda m: sums.chi2(m.swapped()): 2.0071428571,
    lambda m: 2 * sums.from_middle(m): 0.3730896718,
    sums.affinity: 0.8427215107,
}


def exact(name, p, q, a=None):
    """The divergence in 50 digits, from its textbook sum."""
    with mpmath.workdps(50):
        p, q = [mpmath.mpf(float(x)) for x in p], [mpmath.mpf(float(x)) for x in q]
        pairs = list(zip(p, q, strict=True))
        if name == "kl":
            terms = [x * mpmath.log(x / y) - x + y for x, y in pairs if x > 0]
            return float(mpmath.fsum(terms) + mpmath.fsum(y for x, y in pairs if x == 0))
        if name == "triangular":
            return float(mpmath.fsum((x - y) ** 2 / (x + y) for x, y in pairs if x + y > 0))
        if name == "hellinger":
            return float(mpmath.fsum((mpmath.sqrt(x) - mpmath.sqrt(y)) ** 2 for x, y in pairs))
        if name == "chi2":
            return float(mpmath.fsum((x - y) ** 2 / y for x, y in pairs if y > 0))
        if name == "order":
            terms = [x**a * y ** (1 - a) - y - a * (x - y) for x, y in pairs]
            return float(mpmath.fsum(terms) / (a * (a - 1)))
        a = mpmath.mpf(a)
        terms = [(x**a + y**a) ** (1 / a) - 2 ** (1 / a) * (x + y) / 2 for x, y in pairs]
        return float(a / (a - 1) * mpmath.fsum(terms))


def near(distance):
    p = np.array([0.5, 0.3, 0.2])
    q = p + distance * np.array([1.0, -0.6, -0.4])
    return p, q / q.sum()


@pytest.mark.parametrize(("formula", "value"), PUBLISHED.items())
def test_the_reference_instance_is_met(formula, value):
    assert formula(masses(P, Q)) == pytest.approx(value, abs=1e-10)


@pytest.mark.parametrize("distance", [0.1, 1e-3, 1e-6])
@pytest.mark.parametrize("name", ["kl", "triangular", "hellinger", "chi2"])
def test_digits_stay_where_the_laws_are_near(name, distance):
    # p and q are rounded to 1e-16: a divergence of distance^2 moves by 1e-16 x distance.
    p, q = near(distance)
    expected = exact(name, p, q)
    assert getattr(sums, name)(masses(p, q)) == pytest.approx(expected, rel=1e-14 / distance)


@pytest.mark.parametrize("distance", [0.1, 1e-3, 1e-6])
@pytest.mark.parametrize("a", [-1.0, 0.3, 0.999, 1.5, 4.0])
def test_the_alpha_divergence_is_its_sum(a, distance):
    p, q = near(distance)
    assert sums.order(masses(p, q), a) == pytest.approx(exact("order", p, q, a), rel=1e-14 / distance)


@pytest.mark.parametrize("a", [0.02, 0.3, 0.9, 0.9999999])
def test_the_arimoto_divergence_is_its_sum(a):
    assert sums.arimoto(masses(P, Q), a) == pytest.approx(exact("arimoto", P, Q, a), rel=1e-12)


def test_the_arimoto_family_ends_at_jensen_shannon_and_holds_hellinger():
    m = masses(P, Q)
    assert sums.arimoto(m, 1.0) == pytest.approx(2 * 0.1513581116, abs=2e-10)
    assert sums.arimoto(m, 0.5) == pytest.approx(0.3145569786, abs=1e-10)
    assert sums.arimoto(m, 1 - 1e-9) == pytest.approx(sums.arimoto(m, 1.0), abs=1e-8)


def test_disjoint_laws_have_the_extreme_values():
    assert sums.jensen_shannon(APART) == pytest.approx(math.log(2), abs=1e-15)
    found = [f(APART) for f in (sums.total_variation, sums.triangular, sums.hellinger, sums.affinity)]
    assert found == [1.0, 2.0, 2.0, 0.0]
    assert all(math.isinf(f(APART)) for f in (sums.kl, sums.reverse_kl, sums.chi2))
    assert math.isinf(sums.order(APART, 1.5))
    assert sums.order(APART, 0.5) == 4.0


def test_a_point_that_neither_law_reaches_changes_nothing():
    m, wide = masses(P, Q), masses((*P, 0.0), (*Q, 0.0))
    for formula in [*PUBLISHED, lambda m: sums.order(m, 0.3), lambda m: sums.arimoto(m, 0.3)]:
        assert formula(wide) == formula(m)


def test_masses_that_underflow_keep_their_ratio():
    # Two exponentially small masses: KL = 1 x 0 + e^-800 (...) is 0, and the ratio of the rare point is still e^3.
    m = masses((1.0, 0.0), (1.0, 0.0))._replace(log_p=np.array([0.0, -800.0]), log_q=np.array([0.0, -803.0]))
    assert m.logit.tolist() == [0.0, 3.0]
    assert sums.kl(m) == 0.0


def test_the_published_inequalities_hold_on_random_laws():
    rng = np.random.default_rng(0)
    for _ in range(300):
        n = rng.integers(2, 8)
        p, q = (rng.dirichlet(np.full(n, 10 ** rng.uniform(-1, 1))) for _ in range(2))
        m = masses(p / p.sum(), q / q.sum())
        delta, h2, tv, js = (f(m) for f in (sums.triangular, sums.hellinger, sums.total_variation, sums.jensen_shannon))
        slack = 1e-14
        assert h2 <= delta + slack <= 2 * h2 + 2 * slack
        assert 2 * tv**2 <= delta + slack <= 2 * tv + 2 * slack
        assert delta / 4 <= js + slack <= math.log(2) / 2 * delta + 2 * slack


@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        ((0.5, 0.6), (0.5, 0.5), r"`p` is \[0.5, 0.6\]; it must hold finite numbers of 0 or more that sum to 1"),
        ((0.5, 0.5), (1.5, -0.5), r"`q` is \[1.5, -0.5\]; it must hold finite numbers of 0 or more"),
        ((0.5, float("nan")), (0.5, 0.5), r"`p` is \[0.5, nan\]; it must hold finite numbers"),
        ((0.5, 0.5), (0.5, 0.25, 0.25), "`p` has 2 and `q` has 3 probabilities; both live on one space"),
        (((0.5, 0.5),), (0.5, 0.5), r"`p` has shape \(1, 2\); it must be a vector of probabilities"),
        ((), (), r"`p` has shape \(0,\); it must be a vector of probabilities"),
    ],
)
def test_what_is_no_pair_of_laws_is_refused_in_one_sentence(p, q, message):
    with pytest.raises(ValueError, match=message):
        masses(p, q)
