"""Panels and frozen steps: the published tables, 30-digit integrals, and samples against exact expectations."""

import mpmath
import numpy as np
import pytest

from tussle.laws import Exponential, Laplace, Normal, composite
from tussle.losses import loss
from tussle.measures import Nodes
from tussle.relativism import (
    Affine,
    best_affine,
    frozen_step,
    generator_panel,
    moved_panel,
    optimal_panel,
    optimum,
    trend,
)

RSGAN = loss("rp-logistic", scale=0.5)

# spec 2.2, panel A: t, E_p D*, E_q D*, Delta, JS
PANEL_A = [
    (6.0, 0.99792, 0.00208, 1.99170, 0.68930),
    (4.0, 0.96570, 0.03430, 1.86281, 0.63272),
    (3.0, 0.90138, 0.09862, 1.60551, 0.52678),
    (2.0, 0.77520, 0.22480, 1.10080, 0.33683),
    (1.0, 0.60203, 0.39797, 0.40811, 0.11142),
    (0.5, 0.52947, 0.47053, 0.11789, 0.03031),
    (0.0, 0.5, 0.5, 0.0, 0.0),
]


# Panel A ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", PANEL_A)
def test_the_optimal_critic_says_what_the_table_says(row):
    found = optimum(Normal(0.0), Normal(row[0]))
    assert [found.real, found.fake, found.delta, found.js] == pytest.approx(list(row[1:]), abs=5.1e-6)


@pytest.mark.parametrize("t", [0.5, 3.0, 6.0])
def test_the_curves_are_a_half_plus_and_minus_a_quarter_of_delta(t):
    with mpmath.workdps(30):
        p, q = (lambda x, m=m: mpmath.npdf(x, m, 1) for m in (0, t))
        cuts = [-mpmath.inf, 0, t / 2, t, mpmath.inf]
        delta = mpmath.quad(lambda x: (p(x) - q(x)) ** 2 / (p(x) + q(x)), cuts)
        divergence = mpmath.quad(lambda x: p(x) * mpmath.log(2 * p(x) / (p(x) + q(x))), [-12, 0, t, t + 12])
    found = optimum(Normal(0.0), Normal(t))
    assert found.real == pytest.approx(float(0.5 + delta / 4), abs=1e-13)
    assert found.fake == pytest.approx(float(0.5 - delta / 4), abs=1e-13)
    assert found.delta == pytest.approx(float(delta), abs=1e-13)
    assert found.js == pytest.approx(float(divergence), abs=1e-13)  # both halves are equal by symmetry


@pytest.mark.parametrize(
    ("p", "q"), [(Exponential(1.0), Normal(1.0, 2.0)), (Laplace(0.0, 1.0), Normal(0.5, 0.7))], ids=["jump", "kink"]
)
def test_the_optimal_critic_is_calibrated_for_any_two_laws(p, q):
    found = optimum(p, q)
    assert found.real + found.fake == pytest.approx(1.0, abs=1e-9)
    assert found.real - found.fake == pytest.approx(found.delta / 2, abs=1e-12)


def test_panel_a_is_made_of_optima_and_can_be_measured():
    places = [row[0] for row in PANEL_A]
    exact, sampled = optimal_panel(places), optimal_panel(places, count=20_000, seed=3)
    assert exact.real == pytest.approx([row[1] for row in PANEL_A], abs=5.1e-6)
    assert exact.kappa == pytest.approx(np.zeros(7), abs=1e-13)
    errors = [optimum(Normal(0.0), Normal(t), count=20_000, seed=3).error for t in places]
    for k, (first, second) in enumerate(errors):
        assert abs(sampled.real[k] - exact.real[k]) <= 4 * first + 1e-12
        assert abs(sampled.fake[k] - exact.fake[k]) <= 4 * second + 1e-12
    assert errors[2][0] < 0.005


def test_two_dimensions_read_the_distance_of_the_means_only():
    plane = optimum(Normal([0.0, 0.0]), Normal([0.6, 0.8]))
    assert [plane.real, plane.js] == pytest.approx([0.60203, 0.11142], abs=5.1e-6)


# Table 2.1: a frozen critic and a generator that has moved ------------------------------------------------------------

MOVED = [
    (3.0, 0.0986, 0.5000),
    (1.5, 0.5000, 0.1647),
    (0.0, 0.9014, 0.0986),
    (-1.0, 0.9834, 0.0911),
    (-3.0, 0.9999, 0.0898),
]


def test_the_real_share_of_the_log_loss_falls_when_the_generator_answers():
    panel = moved_panel(loss("nonsaturating"), [row[0] for row in MOVED], critic=Affine(-3.0, 4.5))
    assert panel.real == pytest.approx(np.full(5, 0.9014), abs=5.1e-5)
    assert panel.fake == pytest.approx([row[1] for row in MOVED], abs=5.1e-5)
    assert panel.rho == pytest.approx([row[2] for row in MOVED], abs=5.1e-5)


@pytest.mark.parametrize(
    ("chosen", "weights"),
    [(RSGAN, [0.0256, 0.5, 0.9744]), (loss("ra-logistic"), [0.0111, 1.0, 1.9889])],
    ids=["RSGAN", "RaSGAN"],
)
def test_relativistic_weights_on_real_and_on_fake_data_are_equal_wherever_the_generator_is(chosen, weights):
    panel = moved_panel(chosen, [3.0, 0.0, -3.0])
    assert panel.a == pytest.approx(weights, abs=5.1e-5)
    assert panel.b == pytest.approx(panel.a, rel=1e-12)
    assert panel.rho == pytest.approx(np.full(3, 0.5), abs=1e-13)


@pytest.mark.parametrize("name", ["wasserstein", "rc-logistic"])
def test_the_real_share_is_a_half_for_every_loss_that_ignores_a_constant(name):
    assert moved_panel(loss(name), [3.0, 1.0, -1.0]).rho == pytest.approx(np.full(3, 0.5), abs=1e-12)


def test_at_the_optimal_critic_both_weights_are_a_half_less_a_quarter_of_delta():
    panel = moved_panel(loss("minimax"), [3.0])
    assert [panel.a[0], panel.b[0]] == pytest.approx([0.5 - optimum(Normal(0.0), Normal(3.0)).delta / 4] * 2, abs=1e-13)


# P3: one step -------------------------------------------------------------------------------------------------------

STEPS = {
    "nonsaturating": (loss("nonsaturating"), 2.704136, (0.901379, 0.901379), (0.098621, 0.449176)),
    "RSGAN": (RSGAN, 2.923078, (0.974359, 0.841947), None),
    "RaSGAN": (loss("ra-logistic"), 5.966673, (0.994446, 0.505741), (0.005554, 0.494259)),
}


@pytest.mark.parametrize("name", STEPS)
def test_one_step_against_a_frozen_critic(name):
    chosen, slope, real, fake = STEPS[name]
    step = frozen_step(chosen)
    assert step.gradient == pytest.approx(slope, abs=5.1e-7)
    assert step.real == pytest.approx(real, abs=5.1e-7)
    assert fake is None or step.fake == pytest.approx(fake, abs=5.1e-7)
    assert step.theta == (3.0, 3.0 - 0.5 * step.gradient)


def test_gradients_of_the_other_objectives():
    assert frozen_step(loss("minimax")).gradient == pytest.approx(0.295864, abs=5.1e-7)
    assert frozen_step(loss("wasserstein")).gradient == pytest.approx(3.0, abs=1e-12)


def test_calibration_is_lost_by_the_standard_step_and_kept_by_pairs():
    assert frozen_step(loss("nonsaturating")).kappa == pytest.approx((0.0, 0.350555), abs=5.1e-7)
    assert frozen_step(RSGAN).kappa == pytest.approx((0.0, 0.0), abs=1e-13)


def test_belief_in_real_data_stays_under_the_standard_loss_and_falls_under_a_relativistic_one():
    assert frozen_step(loss("nonsaturating")).drift == 0.0
    for chosen in (RSGAN, loss("ra-logistic")):
        short = frozen_step(chosen, lr=1e-5)
        assert short.drift < -0.05
        # The drift is the rate of fall: E D after a short step less E D before, over its length.
        assert short.drift == pytest.approx((short.real[1] - short.real[0]) / 1e-5, rel=1e-4)


def test_a_step_is_measured_on_samples():
    exact, sampled = (frozen_step(RSGAN, count=count, seed=1) for count in (None, 40_000))
    assert sampled.gradient == pytest.approx(exact.gradient, abs=4 * 3 * 0.5 / 200)
    assert sampled.real == pytest.approx(exact.real, abs=4 * 0.5 / 200)


def test_a_critic_may_be_any_function():
    step = frozen_step(loss("nonsaturating"), critic=lambda x: 4.5 - 3.0 * x)
    assert step.gradient == pytest.approx(2.704136, abs=5.1e-7)


# Panels B and C -----------------------------------------------------------------------------------------------------


def test_panel_b_belief_in_fakes_rises_to_one_and_belief_in_real_data_stays():
    panel = generator_panel(loss("nonsaturating"), lr=0.1, steps=200)
    assert np.ptp(panel.real) < 1e-13
    assert np.all(np.diff(panel.fake) > 0)
    assert panel.fake[-1] > 0.99
    assert panel.trend == 0.0


@pytest.mark.parametrize("chosen", [RSGAN, loss("ra-logistic")], ids=["RSGAN", "RaSGAN"])
def test_panel_c_belief_in_real_data_falls_as_belief_in_fakes_rises(chosen):
    panel = generator_panel(chosen, lr=0.05, steps=60)
    assert np.all(np.diff(panel.real) < 0)
    assert np.all(np.diff(panel.fake) > 0)
    assert panel.trend == pytest.approx(-1.0)
    crossing = np.argmin(np.abs(panel.real - 0.5))
    assert panel.fake[crossing] == pytest.approx(
        panel.real[crossing], abs=2 * np.abs(panel.real[crossing] - 0.5) + 1e-9
    )


@pytest.mark.parametrize("chosen", [loss("nonsaturating"), RSGAN], ids=["standard", "RSGAN"])
def test_with_an_optimal_critic_both_beliefs_go_to_a_half(chosen):
    panel = generator_panel(chosen, lr=0.6, steps=30, critic="optimal")
    assert panel.kappa == pytest.approx(np.zeros(31), abs=1e-9)
    assert [panel.theta[-1], panel.real[-1], panel.fake[-1]] == pytest.approx([0.0, 0.5, 0.5], abs=0.05)
    assert np.all(np.diff(panel.real) <= 1e-12)


def test_panels_are_measured_on_samples():
    exact, sampled = (
        generator_panel(RSGAN, lr=0.2, steps=10, critic="optimal", count=count, seed=5) for count in (None, 4000)
    )
    assert sampled.real == pytest.approx(exact.real, abs=0.05)
    assert sampled.kappa == pytest.approx(np.zeros(11), abs=1e-12)


# The best critic of its kind ----------------------------------------------------------------------------------------


def test_the_best_affine_critic_is_the_log_ratio():
    t = 0.5
    data, fakes = composite(Normal(0.0)), composite(Normal(t))
    plain = best_affine(loss("minimax"), data, fakes)
    assert [plain.slope, plain.offset] == pytest.approx([-t, t * t / 2], abs=1e-9)
    assert best_affine(RSGAN, data, fakes).slope == pytest.approx(-t, abs=1e-9)
    half = best_affine(loss("exponential"), data, fakes)  # spec 1.2: half the log ratio
    assert [half.slope, half.offset] == pytest.approx([-t / 2, t * t / 4], abs=1e-9)


def test_a_critic_that_separates_its_samples_has_no_best_slope():
    apart = Nodes(np.array([[0.0], [1.0]])), Nodes(np.array([[5.0], [6.0]]))
    with pytest.raises(ValueError, match=r"`loss` minimax has no best affine critic here .*; give more samples"):
        best_affine(loss("minimax"), *apart)
    with pytest.raises(ValueError, match="`loss` wasserstein has no best affine critic"):
        best_affine(loss("wasserstein"), *apart)


# P5 -----------------------------------------------------------------------------------------------------------------


def test_a_trend_is_spearmans_correlation():
    # 1 - 6 sum d^2 / (n (n^2 - 1)) with rank differences 0, 1, 1, 0: 1 - 12/60.
    assert trend([1.0, 2.0, 3.0, 4.0], [10.0, 30.0, 20.0, 90.0]) == pytest.approx(0.8)
    assert trend([0.9, 0.9 + 1e-14, 0.9], [0.1, 0.5, 0.9]) == 0.0


# What may come ------------------------------------------------------------------------------------------------------


def test_refusals_say_what_to_do():
    with pytest.raises(ValueError, match=r"`fake` has shape \(2,\) and `real` \(3,\); a trend is of two series"):
        trend([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="`critic` is 'best'; it may be one of frozen, optimal"):
        generator_panel(RSGAN, critic="best")
    with pytest.raises(ValueError, match="`lr` is 0; it must be above 0"):
        frozen_step(RSGAN, lr=0)
    with pytest.raises(ValueError, match=r"`noise` has points of shape \(\d+, 2\); this laboratory is on the line"):
        frozen_step(RSGAN, noise=Normal([0.0, 0.0]), count=5)
    with pytest.raises(ValueError, match="`slope` is nan; it must be finite"):
        Affine(float("nan"))
