"""Experiments on finite samples: transport, linear critics, kernels, and the birthday test."""

import itertools
import math

import numpy as np
import pytest

from battery import printed
from tussle.assumptions import samples
from tussle.laws import Normal, Uniform

PUBLISHED = """
1    .195 .116 .056    .115 .052 .030
2    .373 .206 .115    .218 .099 .033
10   .878 .756 .646    .165 .088 .040
50   1.194 1.136 1.084 .207 .093 .050
200  1.303 1.280 1.253 .210 .102 .051
"""
COUNTS = (50, 200, 800)
REPEATS = {50: 12, 200: 12, 800: 10}
CELLS = [
    (int(line.split()[0]), n, *(float(line.split()[1 + k + 3 * part]) for part in range(2)))
    for line in PUBLISHED.strip().splitlines()
    for k, n in enumerate(COUNTS)
]


@pytest.fixture(scope="module")
def drawn():
    few = samples.transport(counts=COUNTS[:2], repeats=REPEATS[50])
    many = samples.transport(counts=COUNTS[2:], repeats=REPEATS[800])
    return {(row[0], row[1]): row for row in (*few.rows, *many.rows)}


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: samples.transport(repeats=1), "`repeats` is 1; it must be a whole number of at least 2"),
        (lambda: samples.transport((0,)), "`dimensions` is 0"),
        (lambda: samples.line((1,)), "`counts` is 1"),
        (lambda: samples.discrepancy(bandwidth=-1.0), "`bandwidth` is -1.0"),
        (lambda: samples.birthday((1,)), "`supports` is 1"),
        (lambda: samples.birthday(exponent=-1.0), "`exponent` is -1.0"),
    ],
)
def test_a_wrong_request_says_what_may_come(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# Transport and linear critics ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "n", "far", "weak"), CELLS)
def test_the_published_distances_agree_within_three_standard_errors(drawn, d, n, far, weak):
    row = drawn[d, n]
    # The published cell is a mean of three draws of the same spread, which is known from the repeats here.
    spread = row[3] * math.sqrt(REPEATS[n])
    assert abs(row[2] - far) < 3 * math.hypot(row[3], spread / math.sqrt(3)) + 5e-4
    # The spread of |mean - mean'| is known: its mean square is 2/n.
    expected = samples.linear(d, n)
    spread = math.sqrt(2 / n - expected**2)
    assert abs(weak - expected) < 3 * spread / math.sqrt(3) + 5e-4
    assert abs(row[4] - expected) < 3 * spread / math.sqrt(REPEATS[n])
    assert row[7] == math.log(2)


def test_the_linear_class_has_the_means_of_the_chi_laws():
    assert samples.linear(1, 50) == pytest.approx(math.sqrt(2 / 50) * math.sqrt(2 / math.pi), rel=1e-14)
    assert samples.linear(2, 50) == pytest.approx(math.sqrt(1 / 50) * math.sqrt(math.pi / 2), rel=1e-14)
    assert samples.linear(10**6, 50) == pytest.approx(math.sqrt(2 / 50), rel=1e-6)


def test_weak_critics_generalize_and_strong_ones_do_not(drawn):
    assert drawn[200, 50][2] / drawn[200, 800][2] < 1.1
    assert drawn[200, 50][4] / drawn[200, 800][4] > 3.5
    found = samples.transport((2,), (5, 20), repeats=2)
    (few, many) = found.rows
    assert f"falls from {few[2]:.3f} to {many[2]:.3f} and the linear IPM from {few[4]:.3f}" in found.sentence


# On a line ----------------------------------------------------------------------------------------------------------


def test_the_limit_on_a_line_has_the_published_digits_and_scales_with_the_law():
    assert samples.expected_w1(Normal(0.0, 1.0), 1000) == printed(".05762")
    # int sqrt(x (1 - x)) = pi/8.
    assert samples.expected_w1(Uniform(0.0, 1.0), 50) == pytest.approx(2 / math.sqrt(math.pi * 50) * math.pi / 8)
    assert samples.expected_w1(Normal(3.0, 2.0), 10) == pytest.approx(2 * samples.expected_w1(Normal(0.0, 1.0), 10))


@pytest.mark.parametrize("n", [1, 2, 7])
def test_the_expectation_on_a_line_is_that_of_two_binomials(n):
    from scipy.integrate import quad
    from scipy.special import ndtr
    from scipy.stats import binom

    k = np.arange(n + 1)

    def modulus(x):
        mass = binom.pmf(k, n, ndtr(x))
        return float(mass @ np.abs(np.subtract.outer(k, k)) @ mass) / n

    assert samples.mean_w1(n) == pytest.approx(2 * quad(modulus, 0, 9, limit=200, epsabs=1e-11)[0], abs=1e-9)


def test_measured_w1_on_a_line_agrees_with_its_expectation_and_with_the_published_measurement():
    found = samples.line()
    for _, limit, expected, measured, error in found.rows:
        assert abs(measured - expected) < 3 * error
        assert expected < limit
    (row,) = found.where(n=1000).rows
    assert abs(row[3] - 0.05757) < 3 * row[4]
    assert row[2] / row[1] > 0.99


# Kernels ------------------------------------------------------------------------------------------------------------


def test_unbiased_mmd_is_centered_at_0_and_the_biased_one_at_its_bias():
    found = samples.discrepancy(counts=(10, 50), repeats=150)
    for _, value, error, below, biased, spread, expected in found.rows:
        assert abs(value) < 3 * error
        assert 0.3 < below < 0.8
        assert abs(biased - expected) < 3 * spread
        assert biased > 20 * error
    # (2/n)(1 - E k), E k = E exp(-|X - X'|^2 / 2) with X - X' ~ N(0, I/5) in ten dimensions.
    drawn = np.random.default_rng(0).standard_normal((20000, 10)) * math.sqrt(0.2)
    kernel = np.exp(-0.5 * np.sum(drawn**2, axis=1))
    assert abs(found.rows[0][6] - 0.2 * (1 - kernel.mean())) < 3 * 0.2 * kernel.std() / math.sqrt(20000)


# Birthdays ----------------------------------------------------------------------------------------------------------


def test_duplicates_come_with_the_probability_of_all_orders_counted():
    masses = np.array([0.5, 0.3, 0.15, 0.05])
    for size in (1, 2, 3, 4, 5):
        free = sum(np.prod(masses[list(p)]) for p in itertools.permutations(range(4), size)) if size < 5 else 0.0
        assert samples.duplicate_probability(masses, size) == pytest.approx(1 - free, abs=1e-15)
    assert samples.duplicate_probability(np.full(365, 1 / 365), 23) == pytest.approx(0.507297, abs=5e-7)
    assert samples.smallest_batch(np.full(365, 1 / 365)) == 23
    assert samples.collisions(np.array([2, 2, 2, 5, 5, 7])) == 4


def test_the_birthday_test_tells_a_known_support_of_order_s_squared():
    batches = 800
    found = samples.birthday(batches=batches)
    for kind, n, truth, size, expected, measured, estimate, error, ratio in found.rows:
        assert abs(measured - expected) < 3 * math.sqrt(expected * (1 - expected) / batches)
        assert abs(estimate - truth) < 3.5 * error
        assert ratio == size**2 / n
        if kind == "equal":
            assert truth == pytest.approx(n)
            assert 1.3 < ratio < 1.8  # 2 log 2 = 1.39 for large N
        else:
            assert truth < 0.2 * n
