"""Ensembles of stochastic runs: the published spread, and a forecast that needs no sample."""

import numpy as np
import pytest

import tussle
from tussle.ensembles import crossing

SIMULTANEOUS = tussle.simultaneous(tussle.sgd(0.4))


def method_of(case="A", rule=SIMULTANEOUS, **options):
    model = tussle.models.erf_lsgan(case, panels=12, **options)
    return model, tussle.Map(tussle.Field(model.game), rule)


# Spec 6: case, size, frozen, runs, end mean (b, h), end sd (b, h); standard errors follow from these.
ROWS = {
    "A 100": ("A", 100, False, 100, (1.6034, 1.4276), (0.0080, 0.0443)),
    "A frozen": ("A", 1000, True, 50, (1.6015, 1.4301), (0.0306, 0.0642)),
    "B 100": ("B", 100, False, 100, (2.1643, -0.1306), (0.0036, 0.0107)),
    "B 10": ("B", 10, False, 100, (2.1636, -0.1309), (0.0118, 0.0324)),
}
EXACT = {"A": (1.6028697571, 1.4333417959), "B": (2.1646202326, -0.1318056815)}


@pytest.mark.parametrize("name", ROWS)
def test_ends_and_spread_are_the_published_ones(name):
    case, size, frozen, runs, mean, sd = ROWS[name]
    model, method = method_of(case)
    found = tussle.ensemble(method, model.start, 249, size=size, runs=runs, seed=7, frozen=frozen)
    error = np.array(sd) / np.sqrt(runs)
    ends = found.mean[-1, ::-1], found.sd[-1, ::-1]  # b, h
    assert np.abs(ends[0] - np.array(mean)).max() < 4 * np.sqrt(2) * error.max()
    assert np.all(np.abs(ends[0] - np.array(EXACT[case])) < 4 * error + 0.01 * np.abs(EXACT[case]))
    # The standard deviation of an estimated one is sd / sqrt(2 runs); both sides are estimates.
    assert ends[1] == pytest.approx(np.array(sd), rel=4 / np.sqrt(2 * runs) + 0.15)


@pytest.mark.parametrize(("case", "size", "frozen"), [("A", 100, False), ("A", 1000, True), ("B", 1000, False)])
def test_the_forecast_gives_the_spread_of_the_ensemble(case, size, frozen):
    model, method = method_of(case)
    runs = tussle.ensemble(method, model.start, 249, size=size, runs=200, seed=3, frozen=frozen)
    found = tussle.forecast(method, model.start, 249, size=size, frozen=frozen)
    for k in (10, 60, 249):
        # 200 runs know a standard deviation to 5 %; off the cliffs first order in the noise is as good.
        assert found.sd[k] == pytest.approx(runs.sd[k], rel=0.2)
        assert np.all(np.abs(found.mean[k] - runs.mean[k]) < 5 * found.sd[k] / np.sqrt(200) + 0.005)


def test_the_forecast_of_a_linear_game_is_exact():
    """A quadratic critic-free toy: x <- x - h (x - mean of batch): variance h^2 s^2 / m sum (1 - h)^(2 j)."""
    gan = tussle.GAN(
        lambda theta, z: theta[None, :] + 0 * z, lambda psi, x: psi[0] * x[:, 0],
        tussle.Normal(0.0, 2.0, 20), tussle.Atoms((0.0,)), tussle.loss("wasserstein"), (tussle.r1(1.0),), sizes=(1, 1),
    )  # fmt: skip
    method = tussle.Map(tussle.Field(gan), tussle.simultaneous(tussle.sgd((1e-30, 0.2))))
    found = tussle.forecast(method, ([0.0], [0.0]), 30, size=10)
    shares = np.cumsum(0.8 ** (2 * np.arange(30)))
    assert found.covariance[1:, 1, 1] == pytest.approx(0.04 * 4.0 / 10 * shares, rel=1e-12)
    again = tussle.forecast(method, ([0.0], [0.0]), 30, size=10, frozen=True)
    sums = np.cumsum(0.8 ** np.arange(30))
    assert again.covariance[1:, 1, 1] == pytest.approx(0.04 * 4.0 / 10 * sums**2, rel=1e-12)


@pytest.mark.parametrize("rule", [tussle.simultaneous(tussle.momentum(0.1, 0.5)), tussle.alternating(tussle.sgd(0.4))])
def test_the_forecast_knows_the_state_of_the_rule(rule):
    model, method = method_of("A", rule)
    runs = tussle.ensemble(method, model.start, 60, size=400, runs=200, seed=5)
    found = tussle.forecast(method, model.start, 60, size=400)
    assert found.sd[60] == pytest.approx(runs.sd[60], rel=0.25)


def test_the_mean_path_of_the_forecast_is_the_exact_path():
    model, method = method_of("B")
    exact = tussle.run(method, model.start, 40)
    assert tussle.forecast(method, model.start, 40, size=5).mean == pytest.approx(exact.path, abs=1e-13)


def test_ensembles_depend_on_their_seed_alone():
    model, method = method_of("A")
    options = {"size": 5, "runs": 3}
    one, two, other = (tussle.ensemble(method, model.start, 6, seed=s, **options) for s in (1, 1, 2))
    assert np.array_equal(one.path, two.path)
    assert not np.array_equal(one.path, other.path)
    assert one.path.shape == (3, 7, 2)
    assert len({tuple(p) for p in one.path[:, -1]}) == 3


def test_bands_and_deviations_describe_the_runs():
    path = np.array([[[0.0], [1.0], [4.0]], [[0.0], [3.0], [6.0]]])
    runs = tussle.Ensemble(path, np.arange(3), (1,), 4, False, 0)
    exact = tussle.Trajectory(np.array([[0.0], [1.5], [4.0]]), np.arange(3), (1,), None, ())
    found = tussle.deviation(runs, exact)
    assert (found.largest[0], found.at[0], found.end[0]) == (1.0, 2, 1.0)
    assert found.sd[0] == pytest.approx(np.sqrt(2.0))
    assert found.score[0] == pytest.approx(1.0)
    assert found.relative == pytest.approx(np.sqrt((0.25 + 1.0) / 3) / 4.0)
    low, high = runs.band(0.5)
    assert (low[1, 0], high[1, 0]) == (1.5, 2.5)
    assert set(found.to_json()) >= {"largest", "score", "end_sd"}
    with pytest.raises(ValueError, match="both must keep the same points"):
        tussle.deviation(runs, tussle.Trajectory(np.zeros((2, 1)), np.arange(2), (1,), None, ()))


def test_crossing_times_are_read_between_the_steps():
    paths = np.array([[0.0, 1.0, 3.0], [0.0, 0.5, 0.6], [3.0, 1.0, 0.0]])
    assert crossing(paths, np.array([0, 10, 20]), 2.0)[[0, 2]] == pytest.approx([15.0, 5.0])
    assert np.isnan(crossing(paths, np.array([0, 10, 20]), 2.0)[1])


def test_the_cliff_of_case_b_is_crossed_when_the_exact_path_says():
    """Spec 6: h > -2 at time 40.80 exactly; batches of 100: 41.02 +- 0.77."""
    model, method = method_of("B")
    exact = tussle.run(method, model.start, 249)
    assert 0.4 * crossing(exact.path[:, 0], exact.at, -2.0) == pytest.approx(40.80, abs=0.2)
    runs = tussle.ensemble(method, model.start, 249, size=100, runs=100, seed=11)
    times = 0.4 * crossing(runs.path[..., 0], runs.at, -2.0)
    assert times.mean() == pytest.approx(41.02, abs=4 * 0.77 / 10 + 0.2)
    assert times.std() == pytest.approx(0.77, rel=0.35)


def test_games_without_measures_are_refused():
    game = tussle.Map(tussle.Field(tussle.ZeroSum(lambda x, y: (x * y).sum())), SIMULTANEOUS)
    with pytest.raises(ValueError, match="nothing to sample"):
        tussle.ensemble(game, (1.0, 1.0), 3, size=2, runs=2)
    with pytest.raises(ValueError, match="no measures"):
        tussle.forecast(game, (1.0, 1.0), 3, size=2)
    model = tussle.models.dirac()
    method = tussle.Map(tussle.Field(model.game), SIMULTANEOUS)
    with pytest.raises(ValueError, match="`runs` is 0"):
        tussle.ensemble(method, model.start, 3, size=2, runs=0)
