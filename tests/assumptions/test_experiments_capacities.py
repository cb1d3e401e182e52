"""Experiments on capacities: memorizing, moment matching, finite players, and the facts of Nash."""

import math

import numpy as np
import pytest

from battery import printed
from tussle.assumptions import capacities
from tussle.critics.densities import density_critic
from tussle.divergences import divergence
from tussle.laws import Normal
from tussle.models.gaussian import isotropic_eigenvalues

LOG4 = 2 * math.log(2)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: capacities.memory(1), "`count` is 1; it must be a whole number of at least 2"),
        (lambda: capacities.moments(0.0), "`a` is 0.0; it must be above 0"),
        (lambda: capacities.dynamics(lr=0.0), "`lr` is 0.0; it must be above 0"),
        (lambda: capacities.dynamics(steps=5), "`steps` is 5; it must be a whole number of at least 10"),
        (lambda: capacities.nash((0.5, 0.6)), "`real` is .* sum to 1"),
        (lambda: capacities.best_quadratic(Normal(0, 1), Normal(1, 1), 0), "`degree` is 0"),
    ],
)
def test_a_wrong_request_says_what_may_come(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# Memory -------------------------------------------------------------------------------------------------------------


def test_the_ideal_critic_of_a_training_set_rewards_memory_alone():
    n = 12
    found = capacities.memory(n)
    for k, row in zip((1, 6, 12), found.rows, strict=False):
        # p = 1/n on n points and q = 1/k on k of them.
        p, q = 1 / n, 1 / k
        exact = k * (p * math.log(2 * p / (p + q)) + q * math.log(2 * q / (p + q))) + (n - k) * p * math.log(2)
        assert row[1] == pytest.approx(exact, abs=1e-14)
    memorized, fresh, law = found.rows[2:]
    assert memorized[1:3] == pytest.approx((0, 0), abs=1e-15)
    assert fresh[1] == law[1] == pytest.approx(LOG4)
    assert law[3] == pytest.approx(0, abs=1e-12)
    assert memorized[3] == law[2] > 0.05


# Finite critics -----------------------------------------------------------------------------------------------------


def test_any_law_of_mean_0_and_variance_17_ties_two_modes_under_quadratic_critics():
    found = capacities.moments()
    for name, mean, variance, ideal, seen, pull in found.rows[:3]:
        assert (mean, variance) == pytest.approx((0, 17), abs=1e-12), name
        assert seen < 1e-14
        assert pull < 1e-12
        assert ideal > 0.3
    for name, _, _, ideal, seen, pull in found.rows[4:]:
        assert 5e-4 < seen < ideal, name
        assert pull > 0.01
    assert found.rows[0][3] == pytest.approx(2 * divergence("js", Normal(0, math.sqrt(17)), _modes()).value, abs=1e-9)


def _modes():
    from tussle.laws import Mixture

    return Mixture((Normal(4.0, 1.0), Normal(-4.0, 1.0)))


def test_the_gan_itself_rests_where_the_moments_agree_and_is_attracted():
    velocity, abscissa = capacities._tied(_modes(), math.sqrt(17))
    assert velocity < 1e-13
    # E (1, x, x^2)(1, x, x^2)^T and the moments' slopes in (mean, std) give the Jacobian in closed form.
    m4 = (3 * 17**2 + (4**4 + 6 * 16 + 3)) / 2
    feature = np.array([[1, 0, 17], [0, 17, 0], [17, 0, m4]])
    slopes = np.array([[0, 1, 0], [0, 0, 2 * math.sqrt(17)]])
    block = np.block([[np.zeros((2, 2)), 0.5 * slopes], [-0.5 * slopes.T, -0.5 * feature]])
    assert abscissa == pytest.approx(np.linalg.eigvals(block).real.max(), abs=1e-9)
    assert abscissa < -1e-3


@pytest.mark.parametrize(("mean", "std"), [(1.0, 1.0), (0.5, 2.0)])
def test_a_quadratic_critic_is_ideal_for_normal_laws(mean, std):
    p, q = Normal(0.0, 1.0), Normal(mean, std)
    seen = capacities.best_quadratic(p, q)
    # log p/q is a parabola: log std - x^2/2 + (x - mean)^2 / 2 std^2.
    exact = [math.log(std) + mean**2 / (2 * std**2), -mean / std**2, 0.5 / std**2 - 0.5]
    assert seen.psi == pytest.approx(exact, abs=1e-9)
    assert seen.value == pytest.approx(2 * divergence("js", p, q, tolerance=1e-12).value, abs=1e-11)
    critic = density_critic("minimax", p, q)
    place, spread = critic.generator_gradient(), critic.generator_gradient(velocity=lambda x: x - mean)
    assert seen.pull == pytest.approx(math.hypot(place, spread), abs=1e-9)


# Finite players -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def motion():
    return capacities.dynamics(steps=1000)


def test_the_jacobian_decides_what_steps_do(motion):
    table = motion.to_numpy()
    assert table["factor measured"] == pytest.approx(table["factor expected"], abs=2e-4)
    assert table["behavior"].tolist() == [
        "cycles outward", "converges", "converges", "converges", "converges", "slow spiral", "cycles outward",
        "converges",
    ]  # fmt: skip
    grows = table["behavior"] == "cycles outward"
    assert np.all(table["factor measured"][grows] > 1)
    assert np.all(table["largest step"][grows] < 0.1)
    assert np.all(table["largest step"][~grows] > 0.1)
    assert "5 converge, 1 spiral slowly and 2 cycle outward" in motion.sentence


def test_the_toys_have_their_closed_eigenvalues_and_published_figures(motion):
    (row,) = motion.where(game="toy, sigma 0.7").rows
    assert row[3] == printed("3.96")
    assert row[4] == printed("18.1")
    assert row[5] == printed(".940")
    for game, method, name, gamma, std in (
        ("toy, sigma 0.3", "plain", "none", 0.0, 0.3),
        ("toy, sigma 0.1", "plain", "none", 0.0, 0.1),
        ("toy, sigma 0.1", "JARE 10", "jare", 10.0, 0.1),
    ):
        values = isotropic_eigenvalues(name, gamma, std=std)
        (row,) = motion.where(game=game, method=method).rows
        assert row[2] == pytest.approx(values.real.max(), abs=1e-12)
        assert row[3] == pytest.approx(np.max(np.abs(values.imag / values.real)), rel=1e-9)
        assert row[4] == pytest.approx(np.abs(values).max() / np.abs(values).min(), rel=1e-9)


def test_the_dirac_gan_turns_for_ever_and_r1_stops_it(motion):
    (plain,) = motion.where(game="Dirac", method="plain").rows
    assert plain[2:6] == (0.0, math.inf, 1.0, 0.0)
    assert plain[6] == pytest.approx(math.sqrt(1 + 0.05**2), rel=1e-14)  # lambda = +-i/2
    (damped,) = motion.where(game="Dirac", method="R1 0.3").rows
    assert damped[2] == pytest.approx(-0.15, abs=1e-12)
    assert damped[5] == pytest.approx(1.2, abs=1e-10)  # 2 * 0.15 / 0.25


# Nash ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def facts():
    return capacities.nash(draws=6)


def test_all_facts_of_nash_hold_on_a_six_point_space(facts):
    assert set(facts.column("fact")) == {"i", "ii", "iii", "iv"}
    assert set(facts.column("holds")) == {"yes"}
    assert facts.sentence.startswith(f"{len(facts.rows)} of {len(facts.rows)} facts hold")


def test_no_critic_beats_one_half_at_the_real_law_and_another_law_is_left(facts):
    (best,) = facts.where(number="V(D, p_r) + log 4, largest").rows
    assert best[3] < 0
    p, rng = np.asarray(capacities.REAL), np.random.default_rng(0)
    law = rng.dirichlet(np.ones(6), 6)[0]
    m = (p + law) / 2
    js = 0.5 * (p @ np.log(p / m) + law @ np.log(law / m))
    (left,) = facts.where(number="gain at (another law, 1/2)").rows
    assert left[3] == pytest.approx(2 * js, abs=1e-9)  # the critic's gain; the generator has none


def test_least_squares_leave_one_eighth_to_the_generator_and_the_toy_needs_steps_of_two_variances(facts):
    assert facts.where(number="L_G of fakes at D = 1/2").rows[0][3] == 0.125
    assert facts.where(number="largest step / 2 sigma^2").rows[0][3] == pytest.approx(1, abs=1e-3)
    assert facts.where(fact="iii").column("value") == (1.0, 0)


def test_all_relativistic_losses_and_f_gans_are_among_the_games(facts):
    games = set(facts.where(fact="ii").column("game"))
    assert {"rp-logistic", "ra-logistic", "rc-logistic", "kl", "pearson", "wasserstein", "hinge"} <= games
