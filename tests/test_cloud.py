"""Noise clouds: the prediction against closed forms of autoregressions and against long seeded runs."""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

import tussle
from tussle import autodiff, models

ORIGIN = (0.0, 0.0)


def _shaken(x, y, batch):
    """v = (-x - y, x - y) less the batch; the exact expectation of the batch is 0."""
    e = autodiff.namespace(x).zeros_like(joined(x, y)) if batch is None else batch
    own, cross = 0.5, (x * y).sum()
    return own * (x * x).sum() + cross + (e[:1] * x).sum(), own * (y * y).sum() - cross + (e[1:] * y).sum()


def joined(x, y):
    return autodiff.namespace(x).concat((x, y))


GAME = tussle.Game(_shaken, takes_batch=True)
J = np.array([[-1.0, -1.0], [1.0, -1.0]])
ROOT = np.array([[0.5, 0.0], [0.3, 0.8]])


def shakes(seed, step):
    return ROOT @ np.random.Generator(np.random.Philox(key=[seed, step])).standard_normal(2)


def method(rule):
    return tussle.Map(tussle.Field(GAME), rule)


# Closed forms -----------------------------------------------------------------------------------------------------


def test_one_dimension_is_the_textbook_autoregression():
    # x <- (1 - h a) x + h e: the stationary variance is h^2 s^2 / (1 - (1 - h a)^2).
    a, h, s = 0.8, 0.3, 2.0

    def losses(x, y, batch):
        e = 0.0 * x if batch is None else batch
        return 0.5 * a * (x * x).sum() + (e * x).sum(), 0.5 * (y * y).sum()

    rng = np.random.default_rng(0)
    noise = s * rng.standard_normal((4000, 1))
    noise = (noise - noise.mean()) / noise.std(ddof=1) * s  # this sample's variance is exactly s^2
    map = tussle.Map(tussle.Field(tussle.Game(losses, takes_batch=True)), tussle.simultaneous(tussle.sgd(h)))
    found = tussle.noise_cloud(map, ORIGIN, lambda seed, step: noise[step], draws=4000)
    assert found.noise == pytest.approx(np.diag([h * h * s * s, 0.0]), abs=1e-12)
    expected = h * h * s * s / (1 - (1 - h * a) ** 2)
    assert found.covariance == pytest.approx(np.diag([expected, 0.0]), rel=1e-10, abs=1e-12)
    assert found.radius == pytest.approx(max(1 - h * a, 1 - h), abs=1e-12)
    assert found.draws == 4000


def test_a_rotation_has_the_isotropic_cloud():
    # M = (1 - h) I + h R is a scaled rotation, so noise with covariance q I gives S = h^2 q / (1 - |mu|^2) I.
    h = 0.2
    draws = np.sqrt(3.0) * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) / np.sqrt(4 / 3)  # covariance 3 I exactly
    found = tussle.noise_cloud(method(tussle.simultaneous(tussle.sgd(h))), ORIGIN, lambda s, k: draws[k], draws=4)
    mu = 1 + h * (-1 + 1j)
    assert found.covariance == pytest.approx(h * h * 3.0 / (1 - abs(mu) ** 2) * np.eye(2), rel=1e-10)
    assert found.radius == pytest.approx(abs(mu), abs=1e-12)
    assert found.center.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("beta", [0.5, -0.3])
def test_the_state_of_momentum_is_part_of_the_noise(beta):
    # The parameters and the buffer are shaken together: by h e and by e.
    h = 0.2
    found = tussle.noise_cloud(method(tussle.simultaneous(tussle.momentum(h, beta))), ORIGIN, shakes, draws=500)
    e = np.array([-shakes(0, k) for k in range(500)])
    q = np.cov(np.hstack([h * e, e]), rowvar=False)
    m = np.block([[np.eye(2) + h * J, h * beta * np.eye(2)], [J, beta * np.eye(2)]])
    assert found.noise == pytest.approx(q, abs=1e-12)
    assert found.covariance == pytest.approx(solve_discrete_lyapunov(m, q)[:2, :2], rel=1e-9)


def test_where_the_map_does_not_contract_there_is_no_cloud():
    found = tussle.noise_cloud(method(tussle.simultaneous(tussle.sgd(1.5))), ORIGIN, shakes, draws=10)
    assert found.radius > 1
    assert np.all(np.isinf(found.covariance))


# Long runs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [tussle.simultaneous(tussle.sgd(0.2)), tussle.alternating(tussle.momentum(0.1, 0.5))],
    ids=["plain", "alternating momentum"],
)
def test_the_prediction_for_a_linear_game_is_met_by_a_long_run(rule):
    map = method(rule)
    predicted = tussle.noise_cloud(map, ORIGIN, shakes, draws=5000)
    steps, burn = 40_000, 1000
    mean, covariance = tussle.sampled_cloud(map, ORIGIN, shakes, steps=steps, burn=burn)
    # A correlation time of 1 / (1 - radius) < 15 steps leaves n / 30 independent points; Q itself is known to
    # sqrt(2 / 5000) = 2 %. Four standard errors.
    spread = np.sqrt(np.diag(predicted.covariance))
    independent = (steps - burn) / (2 / (1 - predicted.radius))
    assert np.all(np.abs(mean) < 4 * spread / np.sqrt(independent))
    error = 4 * np.sqrt(2 / independent + 2 / 5000) * np.outer(spread, spread)
    assert np.all(np.abs(covariance - predicted.covariance) < error)
    assert error.max() < 0.2 * predicted.covariance.max()


def test_the_prediction_for_a_gan_is_met_by_a_long_run():
    model = models.gaussian(penalties=[tussle.r1(1.0)])
    map = tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.sgd(0.1)))
    batches = model.game.sampler(256)
    predicted = tussle.noise_cloud(map, model.equilibrium, batches, draws=2000)
    steps, burn = 20_000, 500
    mean, covariance = tussle.sampled_cloud(map, model.equilibrium, batches, steps=steps, burn=burn)
    spread = np.sqrt(np.diag(predicted.covariance))
    independent = (steps - burn) / (2 / (1 - predicted.radius))
    # Linearization adds terms of the order of the spread (5 %) itself to both moments.
    assert spread.max() < 0.06
    assert np.all(np.abs(mean - predicted.center) < (4 / np.sqrt(independent) + 0.06) * spread)
    error = (4 * np.sqrt(2 / independent + 2 / 2000) + 0.06) * np.outer(spread, spread)
    assert np.all(np.abs(covariance - predicted.covariance) < error)


def test_clouds_repeat_with_their_seed():
    map = method(tussle.simultaneous(tussle.sgd(0.2)))
    first, second, other = (tussle.noise_cloud(map, ORIGIN, shakes, draws=20, seed=s) for s in (3, 3, 4))
    assert np.array_equal(first.covariance, second.covariance)
    assert not np.array_equal(first.covariance, other.covariance)
    runs = [tussle.sampled_cloud(map, ORIGIN, shakes, steps=50, burn=10, seed=s)[1] for s in (3, 3, 4)]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_a_cloud_wants_two_draws_or_more():
    map = method(tussle.simultaneous(tussle.sgd(0.2)))
    with pytest.raises(ValueError, match="`draws` is 1; it must be a whole number of at least 2"):
        tussle.noise_cloud(map, ORIGIN, shakes, draws=1)
