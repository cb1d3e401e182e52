"""Distances of transport, and the floors beside them: what a perfect generator would get."""

import math

import numpy as np
import ot
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.stats import wasserstein_distance

from tussle.data.planes import plane
from tussle.laws import Normal
from tussle.metrics import evaluate
from tussle.metrics.floors import Source, floor_of, single_floor

# Spec 4.2 of the 2-D problems: mean exact W1 between two independent samples of N = 256 points.
FLOORS = {"gaussian": 0.103, "line": 0.049, "circle": 0.100, "four_lines": 0.146, "eight": 0.153, "squares": 0.204}


def test_w1_and_w2_are_the_best_assignment():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 2)), rng.standard_normal((40, 2)) + 0.3
    found = evaluate(["w1", "w2"], x, y, repeats=0)
    cost = np.linalg.norm(x[:, None] - y[None], axis=-1)
    assert found["w1"].value == pytest.approx(cost[linear_sum_assignment(cost)].mean(), rel=1e-12)
    best = (cost**2)[linear_sum_assignment(cost**2)].mean()
    assert found["w2"].value == pytest.approx(math.sqrt(best), rel=1e-12)


def test_samples_of_different_sizes_are_transported_as_pot_does():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((30, 3)), rng.standard_normal((17, 3))
    cost = ot.dist(x, y, "euclidean")
    assert evaluate("w1", x, y, repeats=0)["w1"].value == pytest.approx(ot.emd2([], [], cost), rel=1e-12)
    line = evaluate("w1", x[:, 0], y[:, 0], repeats=0)["w1"].value
    assert line == pytest.approx(wasserstein_distance(x[:, 0], y[:, 0]), rel=1e-12)


def test_sliced_distance_is_the_mean_over_directions():
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((50, 2)), rng.standard_normal((50, 2)) * 2
    angles = np.pi * (np.arange(2000) + 0.5) / 2000
    squares = [np.mean((np.sort(x @ w) - np.sort(y @ w)) ** 2) for w in np.stack([np.cos(angles), np.sin(angles)], 1)]
    found = evaluate("sliced", x, y, repeats=0, directions=500)["sliced"].value
    assert found == pytest.approx(math.sqrt(np.mean(squares)), rel=1e-5)


@pytest.mark.parametrize("name", FLOORS)
def test_floors_are_those_published(name):
    law = plane(name)
    x = law.sample(np.random.default_rng(3), 256)
    found = evaluate("w1", x, x + 1.0, held_out=law, repeats=6)["w1"]
    # Published as means of 2 to 6 repeats, +- 0.01; single draws spread by about a fifth.
    assert found.floor == pytest.approx(FLOORS[name], abs=0.012 + 0.2 * FLOORS[name])
    assert found.floor_samples == (256, 256)
    assert found.matched is None


def test_the_floor_of_the_gaussian_falls_as_published():
    law, rng = plane("gaussian"), np.random.default_rng(4)
    for count, floor in ((512, 0.083), (1024, 0.060)):
        found = evaluate("w1", law.sample(rng, count), law.sample(rng, count), held_out=law, repeats=3)["w1"]
        assert found.floor == pytest.approx(floor, abs=0.012)
        assert abs(found.excess) < 0.02  # another sample of the law is a perfect generator


def test_the_floor_on_a_line_is_its_integral():
    # Spec 4.4: E W1 ~ (2 / sqrt(pi n)) int sqrt(F (1 - F)) = 0.05762 for N(0, 1) and n = 1000.
    law = Normal(0.0, 1.0)
    x = law.sample(np.random.default_rng(5), 1000)
    found = evaluate("w1", x, x, held_out=law, repeats=60)["w1"]
    assert found.floor == pytest.approx(0.05762, abs=4 * found.floor_deviation / math.sqrt(60))
    assert 0.005 < found.floor_deviation < 0.04


def test_without_held_out_samples_both_halves_are_compared_and_the_value_matched():
    x = np.arange(40.0)[:, None]
    seen = []

    def statistic(a, b):
        seen.append((a, b))
        return {"count": float(len(a) + len(b))}

    floor = floor_of(statistic, Source(x), x, -x[:20] - 1, seed=0, repeats=3)
    assert floor.samples == (26, 13)  # two to one, as the samples themselves
    assert floor.mean == {"count": 39.0}
    assert floor.matched == {"count": 39.0}
    for a, b in seen[:3]:
        assert np.all(a >= 0)
        assert np.all(b >= 0)
        assert not set(a[:, 0]) & set(b[:, 0])  # no point meets itself
    for a, b in seen[3:]:
        assert np.all(a >= 0)
        assert np.all(b < 0)  # the value again: real against generated


def test_held_out_samples_make_the_floor_one_of_full_size():
    rng = np.random.default_rng(6)
    x, y, held_out = (rng.standard_normal((60, 2)) for _ in range(3))
    found = evaluate("w1", x, y, held_out=held_out)["w1"]
    assert found.floor_samples == (60, 60)
    assert found.excess == found.value - found.floor
    half = evaluate("w1", x, y)["w1"]
    assert half.floor_samples == (30, 30)
    assert half.floor > found.floor
    assert half.excess == half.matched - half.floor


def test_what_one_sample_gets_is_measured_without_repeats_where_data_are_few():
    mean = lambda t: {"mean": float(t.mean())}
    pool = np.arange(10.0)[:, None]
    whole = single_floor(mean, Source(pool), pool + 5, seed=0, repeats=200)
    assert whole.mean == {"mean": 4.5}
    # Draws with replacement have the deviation of a mean: sqrt(8.25 / 10).
    assert whole.deviation["mean"] == pytest.approx(math.sqrt(0.825), rel=0.2)
    assert math.isnan(single_floor(mean, Source(pool), pool, 0, 9, replaced=False).deviation["mean"])
    fewer = single_floor(mean, Source(pool[:4]), pool, seed=0, repeats=5)
    assert fewer.samples == (0, 4)
    assert set(fewer.matched) == {"mean"}
