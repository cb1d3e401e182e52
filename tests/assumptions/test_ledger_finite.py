"""The row of finite data, and the birthday estimate, against Monte Carlo that takes another way."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from tussle import laws, losses, models
from tussle.assumptions import ledger
from tussle.assumptions.finite import birthday_support
from tussle.gan import GAN


def test_exact_expectations_hold():
    for model in (models.dirac(), models.gaussian()):
        row = ledger(model)[6]
        assert (row.status, row.gap) == ("held", 0.0)


def test_samples_of_one_atom_are_all_there_is():
    row = ledger(models.dirac(), samples=50)[6]
    assert (row.status, row.gap) == ("held", 0.0)


def test_the_gap_is_the_held_out_gap_of_a_freshly_trained_critic():
    # The same quantity by plain Monte Carlo: train on n samples, read on a large fresh set, 300 times.
    n, rng = 60, np.random.default_rng(11)
    row = ledger(models.gaussian(), samples=n, seed=1)[6]
    fresh = [rng.normal(0, 1, 40_000), rng.normal(0.5, 1.5, 40_000)]

    def features(x):
        return np.stack([x, 0.5 * x * x])

    def loss(psi, x, y):
        r, f = -psi @ x, -psi @ y
        slope = x @ (1 / (1 + np.exp(r))) / x.shape[1] - y @ (1 / (1 + np.exp(-f))) / y.shape[1]
        return np.mean(np.logaddexp(0, -r)) + np.mean(np.logaddexp(0, f)), slope

    held, gaps = [features(x) for x in fresh], []
    for _ in range(300):
        x, y = features(rng.normal(0, 1, n)), features(rng.normal(0.5, 1.5, n))
        end = minimize(loss, [0.1, 0.1], (x, y), jac=True, method="BFGS")
        gaps.append(loss(end.x, *held)[0] - end.fun)
    deviation = np.std(gaps) / math.sqrt(len(gaps))
    assert row.status == "relaxed"
    assert abs(row.gap - np.mean(gaps)) < 1.5 * row.error + 3 * deviation


def test_the_noise_of_the_objective_has_its_standard_error():
    # At psi = 0 the log loss is 2 log 2 on every data set; at a linear critic its variance is that of the terms.
    n = 400
    still = ledger(models.gaussian(), ([0.5, 1.5], [0.0, 0.0]), samples=n)[6]
    assert still.values["objective deviation"] < 1e-12
    row = ledger(models.gaussian(), ([0.5, 1.5], [0.5, 0.0]), samples=n)[6]
    rng = np.random.default_rng(0)
    terms = np.var(np.logaddexp(0, 0.5 * rng.normal(0, 1, 200_000)))
    terms += np.var(np.logaddexp(0, -0.5 * rng.normal(0.5, 1.5, 200_000)))
    # The root mean square of 12 draws lies within a factor 2 of the deviation but for one case in a thousand.
    assert 0.5 < row.values["objective deviation"] / math.sqrt(terms / n) < 2.0


def test_more_samples_leave_less_of_a_gap():
    gaps = [ledger(models.gaussian(), samples=n)[6].gap for n in (30, 3000)]
    assert gaps[1] < 0.1 * gaps[0]


def test_the_same_seed_gives_the_same_row():
    first, second, other = (ledger(models.gaussian(), samples=40, seed=s)[6].gap for s in (5, 5, 6))
    assert first == second
    assert first != other


def test_the_gap_of_n_samples_of_a_linear_critic_is_about_its_parameters_over_n():
    # Asymptotically E[gap] = tr(H^-1 S)/n, H the Hessian and S the variance of the score; where both laws are N(0,1)
    # and C = psi x: H = E x^2 / 2 = 1/2 and S = 1/4 + 1/4 = 1/2, so n gap -> 1.
    def critic(psi, x):
        return psi[0] * x[:, 0]

    def shifted(theta, z):
        return theta[0] + z

    n = 500
    game = GAN(shifted, critic, laws.Normal(), laws.Normal(), losses.loss("minimax"), sizes=(1, 1))
    rows = [ledger(game, ([0.0], [0.0]), samples=n, seed=s)[6].gap for s in range(10)]
    # 120 draws of a chi-square law of one degree: the mean is within 0.4 of 1 at three deviations.
    assert n * np.mean(rows) == pytest.approx(1.0, abs=0.4)


# The birthday estimate --------------------------------------------------------------------------------------------


def test_the_birthday_estimate_of_a_uniform_support_is_right_on_average():
    rng, size = np.random.default_rng(2), 1000
    pairs = [birthday_support(rng.integers(size, size=100)).pairs for _ in range(400)]
    # E pairs = s (s - 1) / 2N = 4.95
    assert np.mean(pairs) == pytest.approx(100 * 99 / 2 / size, abs=3 * math.sqrt(4.95 / 400))


def test_the_birthday_estimate_counts_pairs_among_samples_that_come_more_than_twice():
    found = birthday_support([1.0, 1.0, 1.0, 2.0])
    assert (found.pairs, found.support) == (3, 2.0)


def test_without_a_pair_the_support_is_only_bounded_below():
    found = birthday_support(np.arange(10.0))
    assert math.isinf(found.support)
    assert found.least == pytest.approx(45 / 3.0)


def test_near_samples_count_within_a_tolerance():
    assert birthday_support([[0.0, 0.0], [0.0, 0.1], [5.0, 5.0]], tolerance=0.2).pairs == 1


def test_wrong_samples_are_told():
    with pytest.raises(ValueError, match="pairs need at least 2"):
        birthday_support([1.0])
    with pytest.raises(ValueError, match="`tolerance` is -1"):
        birthday_support([1.0, 2.0], tolerance=-1)
    with pytest.raises(ValueError, match="`samples` is"):
        birthday_support(["a", "b"])
