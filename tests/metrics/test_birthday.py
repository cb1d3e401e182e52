"""The birthday test finds the support of laws whose support is known."""

import math

import numpy as np
import pytest

from tussle.metrics import birthday_test, evaluate
from tussle.metrics.birthday import closest_pair


@pytest.mark.parametrize("uneven", [False, True])
def test_the_interval_holds_the_support(uneven):
    rng, repeats = np.random.default_rng(0), 60
    p = 1 / np.arange(10.0, 1010.0) if uneven else np.ones(1000)
    p /= p.sum()
    support, inside = 1 / np.sum(p**2), 0
    for _ in range(repeats):
        found = birthday_test(rng.choice(1000, size=(400, 1), p=p).astype(float), threshold=0)
        inside += found.low <= support <= found.high
    assert inside >= repeats - 8  # of 95 %; ten misses of sixty would be one chance in a thousand
    assert found.support == pytest.approx(support, rel=0.4)


def test_pairs_are_counted_as_in_loops_also_in_many_dimensions():
    rng = np.random.default_rng(1)
    x = np.repeat(rng.standard_normal((20, 30)), 2, axis=0)[:35] + 1e-4 * rng.standard_normal((35, 30))
    pairs = sum(np.linalg.norm(x[i] - x[j]) <= 0.01 for i in range(35) for j in range(i))
    found = birthday_test(x, threshold=0.01)
    assert found.collisions == pairs == 17
    assert found.support == 35 * 34 / 2 / 17
    assert found.batch == math.sqrt(2 * math.log(2) * found.support)


def test_without_duplicates_only_a_lower_end_is_known():
    found = birthday_test(np.arange(100.0)[:, None], threshold=0.5)
    assert found.support == found.high == math.inf
    assert found.low == pytest.approx(4950 / -math.log(0.025), rel=1e-10)  # Poisson: no event with 2.5 %


def test_the_nearest_reference_can_judge():
    reference = np.arange(10.0)[:, None]
    samples = np.repeat(reference, 4, axis=0) + 0.1 * np.sin(np.arange(40.0))[:, None]
    found = birthday_test(samples, reference=reference)
    assert found.collisions == 10 * 6
    assert found.support == 40 * 39 / 2 / 60


def test_a_generator_that_has_learned_few_images_by_heart_is_found_out():
    rng = np.random.default_rng(2)
    real = rng.standard_normal((300, 20))
    fake = real[rng.integers(50, size=300)] + 1e-3 * rng.standard_normal((300, 20))
    found = evaluate("birthday", real, fake)["birthday"]
    assert found.details["low"] < 50 < found.details["high"]
    assert found.details["threshold"] == pytest.approx(closest_pair(real), rel=1e-12)
    assert found.floor > 100 * found.value
    assert found.floor_deviation is None  # draws with replacement would make duplicates of their own


def test_exactly_one_judge_is_wanted():
    x = np.zeros((5, 1))
    with pytest.raises(ValueError, match="`threshold` is None and `reference` is not given; exactly one"):
        birthday_test(x)
    with pytest.raises(ValueError, match="`threshold` is 1 and `reference` is given; exactly one"):
        birthday_test(x, threshold=1, reference=x)
    with pytest.raises(ValueError, match="`threshold` is -1"):
        birthday_test(x, threshold=-1)
