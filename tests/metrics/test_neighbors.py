"""Precision, recall, density, coverage: against loops written from the definitions, and their laws."""

import math

import numpy as np
import pytest

from tussle.metrics import evaluate, manifold, neighbors


def by_hand(real, fake, k, k_density):
    """All four, from their definitions, one pair at a time."""
    distance = lambda a, b: math.sqrt(sum((p - q) ** 2 for p, q in zip(a, b, strict=True)))
    radius = lambda points, i, k: sorted(distance(points[i], p) for j, p in enumerate(points) if j != i)[k - 1]
    inside = lambda points, k, y: [distance(points[i], y) <= radius(points, i, k) for i in range(len(points))]
    precision = np.mean([any(inside(real, k, y)) for y in fake])
    recall = np.mean([any(inside(fake, k, x)) for x in real])
    balls = [inside(real, k_density, y) for y in fake]
    return precision, recall, np.sum(balls) / (k_density * len(fake)), np.any(balls, axis=0).mean()


@pytest.mark.parametrize("dimension", [1, 2, 20])
@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_all_four_are_as_defined(dimension, shift):
    rng = np.random.default_rng(dimension)
    real, fake = rng.standard_normal((15, dimension)), shift + 0.8 * rng.standard_normal((11, dimension))
    assert tuple(manifold(real, fake, 2, 4)) == pytest.approx(by_hand(real, fake, 2, 4), abs=1e-15)


def test_blocks_of_rows_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((70, 30)), rng.standard_normal((50, 30)) + 0.2
    whole = manifold(real, fake)
    monkeypatch.setattr(neighbors, "ENTRIES", 130)
    assert manifold(real, fake) == whole


@pytest.mark.parametrize("dimension", [2, 40])
def test_copies_of_the_data_are_in_every_ball_in_spite_of_rounding(dimension):
    real = 100 + np.random.default_rng(1).standard_normal((60, dimension))
    found = manifold(real, real[::-1].copy(), 3, 5)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    assert found.density == pytest.approx(6 / 5, rel=1e-12)  # a ball holds its center and five neighbors


def test_equal_laws_have_the_density_and_coverage_of_their_formulas():
    rng, n, k, repeats = np.random.default_rng(2), 300, 5, 30
    found = [manifold(rng.standard_normal((n, 2)), rng.standard_normal((n, 2)), 3, k) for _ in range(repeats)]
    coverage = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))  # Naeem et al. 2020, lemma 2
    for name, expected in (("density", 1.0), ("coverage", coverage)):
        values = np.array([getattr(f, name) for f in found])
        assert values.mean() == pytest.approx(expected, abs=4 * values.std() / math.sqrt(repeats))


def test_a_generator_that_drops_half_the_data_has_precision_without_recall():
    rng = np.random.default_rng(3)
    real = np.concatenate([rng.standard_normal((100, 2)), rng.standard_normal((100, 2)) + 20])
    found = evaluate(("precision", "recall", "coverage"), real, rng.standard_normal((100, 2)))
    assert found["precision"].value > 0.9
    assert found["recall"].value < 0.55
    assert found["recall"].floor > 0.85
    assert found["precision"].better == "higher"
    assert found["precision"].note.endswith("rank 3")
    assert found["coverage"].note.endswith("rank 5")


def test_too_few_samples_for_the_neighbors_are_refused():
    x = np.zeros((5, 2))
    with pytest.raises(ValueError, match=r"`real` has 5 sample.s.; balls to the 5-th neighbor need more than 5"):
        manifold(x, np.zeros((9, 2)))
    with pytest.raises(ValueError, match=r"`fake` has 3 sample.s.; balls to the 3-th neighbor"):
        manifold(np.zeros((9, 2)), x[:3])
