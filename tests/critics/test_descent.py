"""What generators descend: each named functional against finite differences, and the curl of the others."""

import json
import math

import numpy as np
import pytest

from tussle.critics import generator_descent
from tussle.critics.descent import descended
from tussle.critics.kinds import resolved
from tussle.critics.masses import masses

P, Q = np.array([0.7, 0.2, 0.1]), np.array([0.2, 0.3, 0.5])
DIRECTIONS = np.array([[1.0, -1.0, 0.0], [1.0, 0.0, -1.0]])  # what keeps the sum

NAMED = {
    ("minimax", "zero-sum"): "2 JS(p, q)",
    ("nonsaturating", "swap"): "2 KL(m || p)",
    ("logit", "logit"): "KL(q || p)",
    ("least_squares", "labels"): "KL(p || m) - 0.125 Delta",
    ("least_squares", "zero-sum"): "0.125 Delta",
    ("least_squares", "logit"): "KL(p || m)",
    ("least_squares,a=-1,b=1,c=0", "labels"): "2 KL(p || m) - 0.5 Delta",
    ("hinge", "logit"): "2 TV",
    ("hinge", "swap"): "2 TV",
    ("exponential", "zero-sum"): "H2 = 2 - 2 BC",
    ("exponential", "swap"): "0.5 alpha-divergence of order -0.5",
    ("smooth_tv", "swap"): "2 TV",
    ("kl", "zero-sum"): "KL(p || q)",
    ("kl", "swap"): "KL(q || p)",
    ("reverse_kl", "swap"): "0.5 chi2(q || p)",
    ("pearson", "swap"): "2 KL(p || q)",
    ("pearson", "logit"): "2 KL(p || q)",
    ("neyman", "swap"): "2 alpha-divergence of order -2",
    ("hellinger", "logit"): "0.5 KL(q || p)",
    ("jensen_shannon", "swap"): "2 KL(m || p)",
    ("total_variation", "zero-sum"): "TV",
    ("f_alpha", "swap"): "alpha-divergence of order -0.5",
    ("rp-logistic", "zero-sum"): "2 JS(p x q, q x p)",
    ("rp-logistic", "swap"): "2 KL(q || p) - 2 JS(p x q, q x p)",
    ("rp-logistic", "logit"): "2 KL(q || p)",
    ("rp-least_squares", "zero-sum"): "4 Delta / (2 + Delta)",
    ("ra-least_squares", "zero-sum"): "8 Delta / (2 + 3 Delta)",
    ("ra-exponential", "zero-sum"): "2 - exp(-KL(p || q)) - exp(-KL(q || p))",
    ("rc-least_squares", "swap"): "8 KL(p || m) - Delta",
    ("rc-least_squares", "logit"): "2 KL(p || m)",
    ("ralf-least_squares", "swap"): "4 log(1 + x) - 2 x/(1 + x), x = chi2(q || p)",
    ("ralf-least_squares", "logit"): "log(1 + chi2(q || p))",
    ("ralf-exponential", "logit"): "2 KL(q || p)",
}


def chosen(name, objective):
    return f"{name},objective={objective}"


def sloped(function, direction, h=1e-4):
    """Fourth-order central difference."""
    ahead = function(h * direction) - function(-h * direction)
    return (8 * ahead - function(2 * h * direction) + function(-2 * h * direction)) / (12 * h)


@pytest.mark.parametrize(("name", "objective", "text"), [(*key, text) for key, text in NAMED.items()])
def test_the_generator_follows_the_gradient_of_the_named_functional(name, objective, text):
    found = generator_descent(chosen(name, objective), P, Q)
    assert found.name == text
    assert found.integrable
    formula = descended(resolved(chosen(name, objective), {})[1])[1]
    for direction in DIRECTIONS:
        expected = sloped(lambda step: formula(masses(P, Q + step)), direction)
        assert found.gradient @ direction == pytest.approx(expected, abs=1e-10 * max(1, abs(expected)))


def test_the_published_numbers_of_the_three_vanilla_generators():
    assert generator_descent("nonsaturating", P, Q).divergence == pytest.approx(0.3730896718, abs=1e-10)
    assert generator_descent("logit", P, Q).divergence == pytest.approx(0.6758058950, abs=1e-10)
    assert generator_descent("minimax", P, Q).divergence == pytest.approx(2 * 0.1513581116, abs=2e-10)


@pytest.mark.parametrize("labels", [(0.0, 1.0, 1.0), (0.0, 1.0, 0.5), (-1.0, 1.0, 0.0)])
def test_the_loss_that_a_least_squares_generator_reaches_is_the_published_integral(labels):
    a, b, c = labels
    found = generator_descent("least_squares", P, Q, a=a, b=b, c=c)
    expected = 0.5 * np.sum(((b - c) * P + (a - c) * Q) ** 2 / (P + Q))
    assert found.attained == pytest.approx(expected, abs=1e-14)


def test_the_pearson_generator_of_least_squares_climbs_near_the_data():
    # With labels -1, 1 and 0 the value at the optimum is Delta/2, but a generator against a frozen critic descends
    # 2 KL(p || m) - Delta/2, which is of third order at q = p: its slope there is of second order, not of first.
    small = 1e-3 * np.array([1.0, -0.5, -0.5])
    first = generator_descent("least_squares", P, P + small, a=-1, b=1, c=0).gradient
    second = generator_descent("least_squares", P, P + 2 * small, a=-1, b=1, c=0).gradient
    assert np.linalg.norm(second) / np.linalg.norm(first) == pytest.approx(4.0, rel=2e-2)


# Curl ---------------------------------------------------------------------------------------------------------------


def field_jacobian(name, q, h=1e-5):
    """Differences of the generator's field, each critic solved anew, on the plane of the simplex."""
    columns = []
    for direction in DIRECTIONS:
        ahead, behind = (generator_descent(name, P, q + s * h * direction).gradient for s in (1, -1))
        columns.append((ahead - behind) / (2 * h))
    return DIRECTIONS @ np.array(columns).T


def test_a_swapped_relativistic_average_generator_descends_nothing():
    found = generator_descent("ra-logistic", P, Q)
    assert found.integrable is False
    assert found.name == "no divergence: the generator's field has curl"
    assert math.isnan(found.divergence)
    turned = field_jacobian("ra-logistic", Q)
    assert abs(turned[0, 1] - turned[1, 0]) > 1e-2 * np.abs(turned).max()


def test_the_swapped_rpgan_has_no_curl_and_the_paired_squares_have():
    turned = field_jacobian("rp-logistic", Q)
    assert turned[0, 1] == pytest.approx(turned[1, 0], rel=1e-8)
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.full(3, 2.0)), rng.dirichlet(np.full(3, 2.0))
    p, q = p / p.sum(), q / q.sum()
    assert generator_descent("rp-logistic", p, q).curl < 1e-12
    assert generator_descent("rp-least_squares", p, q).curl > 1e-2


def test_a_zero_sum_generator_has_no_curl_with_or_without_a_formula():
    # The theorem says so; the differences of solved critics see it.
    turned = field_jacobian("ra-logistic,objective=zero-sum", Q)
    assert turned[0, 1] == pytest.approx(turned[1, 0], rel=1e-7)
    found = generator_descent("ra-logistic,objective=zero-sum", P, Q)
    assert found.name == "the critic's own: a divergence without a formula"
    assert found.divergence == pytest.approx(0.76083624, abs=5e-9)


def test_wasserstein_generators_descend_the_distance():
    line = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))
    found = generator_descent("wasserstein", P, Q, distance=line)
    assert (found.name, found.divergence) == ("W1(p, q)", pytest.approx(0.9, abs=1e-12))
    # Moving mass 1e-3 from the third to the second point brings q nearer by 1e-3.
    assert found.gradient @ [0.0, 1.0, -1.0] == pytest.approx(-1.0, abs=1e-12)


def test_where_the_critic_jumps_or_is_infinite_it_says_so():
    assert generator_descent("rp-hinge", P, Q).name == "unknown: the optimal critic jumps with q"
    infinite = generator_descent("smooth_tv,objective=logit", P, Q)
    assert infinite.name == "nothing: the optimal outputs are infinite"
    assert json.loads(json.dumps(infinite.to_json(), allow_nan=False))["curl"] == "nan"


def test_laws_with_zeros_are_refused():
    with pytest.raises(ValueError, match="`p` or `q` has a 0; the optimal critic is infinite there"):
        generator_descent("minimax", (1.0, 0.0), (0.5, 0.5))
