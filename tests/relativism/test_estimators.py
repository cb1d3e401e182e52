"""Estimators: biases and variances of batches by formula and by seeded Monte Carlo."""

import numpy as np
import pytest

from tussle import autodiff
from tussle.laws import Laplace, Normal
from tussle.losses import loss
from tussle.relativism import batch_bias, pair_variance, population, predicted_bias

REAL, FAKE = Normal(0.6, 1.2), Normal(-0.5, 0.8)
SQUARES, GAP = 1.2**2 + 0.8**2, 1.1


# Biases -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [4, 16])
def test_the_least_squares_biases_are_those_of_the_paper(k):
    # Spec 1.8: (var_r + var_f)/k for average, -(var_r + var_f)/(2k) for centered coupling.
    assert predicted_bias(loss("ra-least_squares"), REAL, FAKE, k) == pytest.approx(SQUARES / k, rel=1e-12)
    assert predicted_bias(loss("rc-least_squares"), REAL, FAKE, k) == pytest.approx(-SQUARES / (2 * k), rel=1e-12)
    assert predicted_bias(loss("rp-least_squares"), REAL, FAKE, k) == 0.0
    assert predicted_bias(loss("hinge"), REAL, FAKE, k) == 0.0


def test_the_population_is_known_in_closed_form_for_least_squares():
    assert population(loss("ra-least_squares"), REAL, FAKE) == pytest.approx(SQUARES + 2 * (GAP - 1) ** 2, rel=1e-12)
    assert population(loss("rc-least_squares"), REAL, FAKE) == pytest.approx(
        SQUARES + 2 * (GAP / 2 - 1) ** 2, rel=1e-12
    )
    assert population(loss("rp-least_squares"), REAL, FAKE) == pytest.approx(2 * (SQUARES + (GAP - 1) ** 2), rel=1e-12)


@pytest.mark.parametrize("name", ["ra-least_squares", "rc-least_squares", "ralf-least_squares"])
def test_monte_carlo_finds_the_bias_and_the_correction_takes_it_off(name):
    plain = batch_bias(loss(name), REAL, FAKE, (4, 6), batches=60_000, seed=2)
    assert abs(plain.sigmas) < 3
    assert abs(plain.predicted) > 20 * plain.error
    corrected = batch_bias(loss(name, unbiased=True), REAL, FAKE, (4, 6), batches=60_000, seed=2)
    assert (corrected.predicted, abs(corrected.sigmas) < 3) == (0.0, True)


@pytest.mark.parametrize("name", ["ra-logistic", "rc-logistic"])
def test_other_losses_are_biased_as_predicted_to_first_order(name):
    found = batch_bias(loss(name), REAL, FAKE, 24, batches=100_000, seed=0)
    second = abs(predicted_bias(loss(name), REAL, FAKE, 24)) / 24  # what the next order may add
    assert abs(found.measured - found.predicted) < 3 * found.error + second
    assert abs(found.predicted) > 4 * found.error


def test_paired_and_plain_losses_have_no_bias():
    for name in ("rp-logistic", "hinge"):
        assert abs(batch_bias(loss(name), REAL, FAKE, 3, batches=40_000, seed=1).sigmas) < 3


# Variances ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "pairing"), [("rp-logistic", "index"), ("rp-logistic", "all")])
def test_monte_carlo_finds_the_variance_of_both_estimators(name, pairing):
    k, batches = 6, 40_000
    rng = np.random.default_rng(8)
    r, f = (law.sample(rng, batches * k).reshape(batches, k) for law in (REAL, FAKE))
    with autodiff.float64():
        critic = autodiff.vectorized(loss(name, pairing=pairing).critic)
        values = np.asarray(critic(autodiff.array(r), autodiff.array(f)))
    exact = pair_variance(loss(name), REAL, FAKE, k)
    expected = exact.index if pairing == "index" else exact.every
    # The standard error of a variance is sqrt((kurtosis - 1)/n) of it.
    kurtosis = np.mean((values - values.mean()) ** 4) / values.var() ** 2
    assert abs(values.var() / expected - 1) < 4 * np.sqrt((kurtosis - 1) / batches)


def test_variances_of_least_squares_pairs_in_closed_form():
    # h = 2 (g - 1)^2 with g = r - f normal: Var h = 4 (2 s^4 + 4 s^2 m^2), s^2 = var r + var f, m = E g - 1.
    m = GAP - 1
    found = pair_variance(loss("rp-least_squares"), REAL, FAKE, 8)
    assert found.whole == pytest.approx(4 * (2 * SQUARES**2 + 4 * SQUARES * m * m), rel=1e-10)
    # E[h | r] = 2 ((r - Ef - 1)^2 + var f).
    assert found.on_real == pytest.approx(4 * (2 * 1.2**4 + 4 * 1.2**2 * m * m), rel=1e-10)
    assert found.on_fake == pytest.approx(4 * (2 * 0.8**4 + 4 * 0.8**2 * m * m), rel=1e-10)


@pytest.mark.parametrize("name", ["rp-logistic", "rp-hinge"])
def test_all_pairs_never_vary_more_than_index_pairs(name):
    for laws in ((REAL, FAKE), (Laplace(0.0, 0.3), Normal(1.0, 0.4))):
        found = pair_variance(loss(name), *laws, 5)
        assert found.every <= found.index * (1 + 1e-12)
        assert found.gain >= 1 - 1e-12
    assert pair_variance(loss("rp-wasserstein"), REAL, FAKE, 5).gain == pytest.approx(1.0, rel=1e-12)


# Identities ---------------------------------------------------------------------------------------------------------


def test_all_pairs_of_least_squares_and_hinges_are_their_double_sums():
    rng = np.random.default_rng(6)
    r, f = rng.normal(0.4, 1.3, 9), rng.normal(-0.3, 0.9, 7)
    gap = np.subtract.outer(r, f)
    brute = {"rp-least_squares": np.mean((gap - 1) ** 2), "rp-hinge": np.mean(np.maximum(0, 1 - gap))}
    with autodiff.float64():
        y = autodiff.array(r), autodiff.array(f)
        for name, value in brute.items():
            assert float(loss(name, pairing="all", scale=0.5).critic(*y)) == pytest.approx(value, rel=1e-14)
    # Spec 1.8: without the table, from biased variances.
    assert brute["rp-least_squares"] == pytest.approx(r.var() + f.var() + (r.mean() - f.mean() - 1) ** 2, rel=1e-14)


# What may come ------------------------------------------------------------------------------------------------------


def test_refusals_say_what_to_do():
    with pytest.raises(ValueError, match="`loss` ra-logistic is average; pairs are of a paired loss"):
        pair_variance(loss("ra-logistic"), REAL, FAKE, 4)
    with pytest.raises(ValueError, match=r"`size` is \(1, 2, 3\); it may be one whole number or two"):
        predicted_bias(loss("ra-logistic"), REAL, FAKE, (1, 2, 3))
    with pytest.raises(ValueError, match="`size` is 0; it must be a whole number of at least 1"):
        batch_bias(loss("ra-logistic"), REAL, FAKE, 0)
