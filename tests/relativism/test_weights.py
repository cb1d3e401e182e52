"""Weights and readings: gradient identities, calibration, histograms, and the numbers a training logs."""

import numpy as np
import pytest
import torch

from tussle import autodiff
from tussle.losses import loss
from tussle.payoffs import AlphaPayoff, Exponential, HingePayoff, Logistic, Mirror, Negative, Square, Tanh
from tussle.relativism import kappa, reading, shares
from tussle.relativism.readings import least

rng = np.random.default_rng(4)
REAL, FAKE = rng.normal(0.6, 1.2, 8), rng.normal(-0.4, 0.9, 8)
RATIO = np.log(np.array([0.7, 0.2, 0.1]) / np.array([0.2, 0.3, 0.5]))  # the reference instance of spec 1.6
ON_REAL, ON_FAKE = np.repeat(RATIO, (7, 2, 1)), np.repeat(RATIO, (2, 3, 5))


def sigma(y):
    return 1 / (1 + np.exp(-y))


# Weights ------------------------------------------------------------------------------------------------------------


def test_weights_of_the_log_loss_are_what_the_critic_doubts():
    found = shares(loss("nonsaturating"), REAL, FAKE)
    np.testing.assert_allclose(found.real, 1 - sigma(REAL), rtol=1e-12)
    np.testing.assert_allclose(found.fake, sigma(FAKE), rtol=1e-12)
    np.testing.assert_allclose(found.generator, 1 - sigma(FAKE), rtol=1e-12)
    assert found.rho == pytest.approx(np.mean(1 - sigma(REAL)) / (np.mean(1 - sigma(REAL)) + np.mean(sigma(FAKE))))


def test_every_fake_gets_the_floor_of_the_average_loss():
    # Spec 1.7: (1 - Dbar(x_f)) + E_p Dbar(x_r), so no fake's weight is below the mean belief in real data.
    found = shares(loss("ra-logistic"), REAL, FAKE).generator
    floor = sigma(REAL - FAKE.mean()).mean()
    np.testing.assert_allclose(found, 1 - sigma(FAKE - REAL.mean()) + floor, rtol=1e-12)
    assert np.all(found > floor)


def test_weights_under_probabilities_are_those_of_repeated_samples():
    chosen = loss("rp-logistic", pairing="all")
    weighted = shares(chosen, [0.3, -1.2], [0.9, -0.4], np.array([0.75, 0.25]), np.array([0.5, 0.5]))
    repeated = shares(chosen, [0.3, 0.3, 0.3, -1.2], [0.9, -0.4, 0.9, -0.4])
    np.testing.assert_allclose(weighted.real, repeated.real[[0, 3]], rtol=1e-12)
    assert weighted.a == pytest.approx(repeated.a, rel=1e-12)
    unseen = shares(chosen, [0.3, 5.0], [0.9], np.array([1.0, 0.0]), np.array([1.0]))
    assert unseen.real[1] == 0.0


@pytest.mark.parametrize("kind", ["float64", "float32", "bfloat16"])
def test_outputs_may_come_from_any_engine_and_type(kind):
    half = np.round(REAL * 8) / 8, np.round(FAKE * 8) / 8
    tensors = [torch.tensor(y, dtype=getattr(torch, kind), requires_grad=True) for y in half]
    expected, found = shares(loss("ra-hinge"), *half), shares(loss("ra-hinge"), *tensors)
    np.testing.assert_allclose(found.generator, expected.generator, rtol=1e-12)
    with autodiff.float64():
        arrays = [autodiff.array(y) for y in half]
    assert shares(loss("ra-hinge"), *arrays).rho == pytest.approx(0.5, abs=1e-14)


# P6 -----------------------------------------------------------------------------------------------------------------


def test_a_saturating_generator_leaves_rejected_fakes_without_a_weight():
    real, fake = np.full(8, 9.0), np.array([-9.0, -8.0, -2.0, 0.0] * 2)
    assert shares(loss("minimax"), real, fake).vanished() == 0.5  # sigma(-8) = 3.4e-4, sigma(-2) = 0.12
    for name in ("nonsaturating", "ra-logistic"):
        assert shares(loss(name), real, fake).vanished() == 0.0


def test_a_histogram_counts_every_fake_once():
    found = shares(loss("minimax"), REAL, np.array([-40.0, -9.0, -8.0, -3.0, 0.0, 1.0, 1.5, 2.0]))
    spread = found.histogram(bins=12)
    assert spread.share.sum() == pytest.approx(1.0)
    assert spread.share[0] == pytest.approx(1 / 8)  # sigma(-40) = 4e-18 is below the first edge
    assert spread.edges[0] == pytest.approx(1e-6)
    assert spread.edges[-1] >= sigma(2.0)
    assert spread.vanished == pytest.approx(3 / 8)


# P4 -----------------------------------------------------------------------------------------------------------------


def test_the_optimal_critic_is_calibrated_and_a_scaled_one_is_not():
    assert kappa(loss("minimax"), ON_REAL, ON_FAKE) == pytest.approx(0.0, abs=1e-15)
    assert abs(kappa(loss("minimax"), ON_REAL + 0.5, ON_FAKE + 0.5)) > 0.05


@pytest.mark.parametrize("pairing", ["index", "all"])
def test_pairs_are_calibrated_whatever_the_critic(pairing):
    assert kappa(loss("rp-logistic", pairing=pairing), REAL, FAKE) == pytest.approx(0.0, abs=1e-15)


# Readings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "factor", "largest", "value"),
    [  # spec 1.6: the optimal critic of these four is affine in the log ratio
        ("minimax", 1.0, 2 * np.log(2), 0.30271622),
        ("rp-logistic,all", 1.0, 2 * np.log(2), 0.52382303),
        ("exponential", 0.5, 2.0, 0.31455698),
        ("rp-exponential,all", 0.5, 2.0, 0.57964091),
    ],
)
def test_the_estimate_at_the_optimal_critic_is_the_divergence(name, factor, largest, value):
    name, _, pairing = name.partition(",")
    chosen = loss(name, **({"pairing": pairing} if pairing else {}))
    found = reading(chosen, factor * ON_REAL, factor * ON_FAKE)
    assert found.estimate * largest == pytest.approx(value, abs=5.1e-9)


def test_least_squares_with_labels_is_read_against_the_constant_between_them():
    # With labels 0 and 1 the optimal critic is D*, and its gain over the constant 1/2 is Delta/8 of at most 1/4.
    optimal = sigma(ON_REAL), sigma(ON_FAKE)
    assert reading(loss("least_squares"), *optimal).estimate == pytest.approx(0.5644444444 / 2, abs=1e-9)


def test_a_reading_counts_pairs_and_ties_and_takes_moments():
    found = reading(loss("ra-logistic"), [1.0, 2.0, 2.0], [2.0, 0.0])
    pairs = np.sign(np.subtract.outer([1.0, 2.0, 2.0], [2.0, 0.0]))
    assert found.accuracy == pytest.approx((pairs.mean() + 1) / 2)
    assert found.real == pytest.approx((5 / 3, np.std([1.0, 2.0, 2.0])))
    assert found.fake == (1.0, 1.0)
    assert found.rho == pytest.approx(0.5)
    assert found.quantiles[2] == pytest.approx(
        np.median(shares(loss("ra-logistic"), [1.0, 2.0, 2.0], [2.0, 0.0]).generator)
    )


def test_a_critic_dominates_when_it_ranks_all_pairs_and_learns_nothing_more():
    assert reading(loss("rp-logistic"), np.full(8, 20.0), np.full(8, -20.0)).dominated
    assert not reading(loss("rp-logistic"), np.full(8, 2.0), np.full(8, -2.0)).dominated
    assert not reading(loss("wasserstein"), np.full(8, 20.0), np.full(8, -20.0)).dominated


def test_a_constant_critic_is_the_fixed_point():
    found = reading(loss("rp-logistic", scale=0.5), np.zeros(8), np.zeros(8))
    assert (found.loss, found.estimate, found.accuracy) == (
        pytest.approx(np.log(2)),
        pytest.approx(0.0, abs=1e-15),
        0.5,
    )


SOME = ["kl", "ralf-exponential"]


@pytest.mark.parametrize("name", SOME)
def test_losses_of_every_coupling_can_be_read(name):
    found = reading(loss(name), REAL, FAKE)
    assert np.isfinite([found.a, found.b, found.loss, *found.quantiles]).all()
    assert np.isnan(found.estimate) or found.estimate <= 1.0


@pytest.mark.parametrize(
    ("payoff", "value"),
    [
        (Logistic(), 0.0),
        (Mirror(Logistic()), 0.0),
        (HingePayoff(), 0.0),
        (Square(2.0), 0.0),
        (Exponential(), -1.0),
        (Tanh(), -1.0),
        (AlphaPayoff(0.5), -1.0),  # the same as Exponential
        (AlphaPayoff(1.0), -np.log(2)),
        (Negative(Logistic()), -np.inf),
    ],
)
def test_least_values_of_payoffs(payoff, value):
    assert least(payoff) == pytest.approx(value, abs=1e-12)
