"""Frechet and kernel distances, and the classifier score: closed forms, loops, and torchmetrics."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from tussle.metrics import classifier_score, evaluate, frechet_distance, frechet_limit, kernel_distance
from tussle.metrics.frechet import frechet_torchmetrics
from tussle.metrics.kernel import kid_torchmetrics


def with_moments(rng, n, mean, root):
    """Samples whose mean is exactly `mean` and whose covariance is exactly root root^T."""
    x = rng.standard_normal((n, len(mean)))
    x = np.linalg.qr(x - x.mean(axis=0))[0] * math.sqrt(n - 1)
    return (x - x.mean(axis=0)) @ root.T + mean


def test_the_frechet_distance_of_diagonal_laws_is_the_closed_form():
    rng = np.random.default_rng(0)
    first, second = np.array([1.0, 2.0, 0.5]), np.array([1.5, 1.0, 3.0])
    x = with_moments(rng, 50, np.zeros(3), np.diag(first))
    y = with_moments(rng, 80, np.array([1.0, 0.0, -2.0]), np.diag(second))
    assert frechet_distance(x, y) == pytest.approx(5.0 + np.sum((first - second) ** 2), rel=1e-12)


@pytest.mark.parametrize(("n", "m", "d"), [(60, 40, 6), (8, 50, 12), (10, 9, 30)])
def test_the_frechet_distance_is_that_of_the_matrix_root_and_of_torchmetrics(n, m, d):
    rng = np.random.default_rng(d)
    x, y = rng.standard_normal((n, d)), rng.standard_normal((m, d)) @ rng.standard_normal((d, d)) + 0.3
    s, t = np.cov(x.T), np.cov(y.T)
    half = np.real(sqrtm(s + 1e-14 * np.eye(d)))
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(half @ t @ half), 0)).sum()
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(s) + np.trace(t) - 2 * cross
    found = frechet_distance(x, y)
    assert found == pytest.approx(expected, rel=1e-5)
    assert frechet_torchmetrics(x, y) == pytest.approx(found, rel=1e-5)


def test_equal_samples_have_distance_zero():
    x = np.random.default_rng(1).standard_normal((30, 50))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-10)


def test_the_extrapolation_takes_the_bias_away():
    rng, n, d = np.random.default_rng(2), 1500, 16
    x, y = rng.standard_normal((n, d)), rng.standard_normal((n, d))  # one law: the distance is 0
    limit, error = frechet_limit(x, y)
    plain = frechet_distance(x, y)
    assert plain > 2 * d / n  # the bias of the means alone
    assert abs(limit) < 0.25 * plain
    assert 0 < error < 0.25 * plain
    found = evaluate("frechet", x, y, extrapolate=True, repeats=0)["frechet"]
    assert set(found.details) == {"limit", "limit_error"}
    with pytest.raises(ValueError, match="`samples` are 20 and 20; an extrapolation needs 25"):
        frechet_limit(x[:20], y[:20])


def test_kid_is_the_unbiased_discrepancy_written_out():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((7, 3)), rng.standard_normal((5, 3)) + 1
    k = lambda a, b: (float(a @ b) / 3 + 1) ** 3
    within = lambda z: np.mean([k(z[i], z[j]) for i in range(len(z)) for j in range(len(z)) if i != j])
    expected = within(x) + within(y) - 2 * np.mean([k(a, b) for a in x for b in y])
    assert kernel_distance(x, y) == pytest.approx(expected, rel=1e-12)
    assert kid_torchmetrics(x[:5], y)[0] == pytest.approx(kernel_distance(x[:5], y), rel=1e-10)


def test_kid_over_subsets_is_centered_on_that_of_all_samples_and_depends_on_the_seed_alone():
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((300, 4)), rng.standard_normal((300, 4)) + 0.4
    before = torch.random.get_rng_state()
    mean, deviation = kid_torchmetrics(x, y, subset=60, seed=5)
    assert torch.equal(before, torch.random.get_rng_state())
    assert kid_torchmetrics(x, y, subset=60, seed=5) == (mean, deviation)
    assert kid_torchmetrics(x, y, subset=60, seed=6) != (mean, deviation)
    assert mean == pytest.approx(kernel_distance(x, y), abs=4 * deviation / math.sqrt(50))


def test_the_kernel_distance_of_equal_laws_is_centered_on_zero():
    law_like = np.random.default_rng(5).standard_normal((4000, 3))
    found = evaluate("kid", law_like[:200], law_like[200:400], held_out=law_like[400:], repeats=40)["kid"]
    assert abs(found.floor) < 4 * found.floor_deviation / math.sqrt(40)
    assert abs(found.value) < 5 * found.floor_deviation
    assert "not of the Inception network" in found.note


def test_the_frechet_distance_is_above_zero_between_equal_laws_and_its_floor_says_so():
    rng, n, d = np.random.default_rng(6), 100, 20
    x, y, z = (rng.standard_normal((n, d)) for _ in range(3))
    found = evaluate("frechet", x, y, held_out=z)["frechet"]
    assert found.value > 2
    assert abs(found.excess) < 5 * found.floor_deviation
    assert "by much" not in found.note
    assert "by much" in evaluate("frechet", x[:10], y, repeats=0)["frechet"].note


def test_the_classifier_score_is_that_of_torchmetrics():
    from torchmetrics.image.inception import InceptionScore

    logits = 3 * np.random.default_rng(7).standard_normal((200, 10))
    with pytest.warns(UserWarning, match="will save all extracted features"):
        score = InceptionScore(feature=torch.nn.Identity(), splits=1)
    score.update(torch.from_numpy(logits))
    with pytest.warns(UserWarning, match="degrees of freedom"), torch.random.fork_rng(devices=[]):
        expected = float(score.compute()[0])  # of one split, whose deviation torch warns of
    assert classifier_score(logits, splits=1)[0] == pytest.approx(expected, rel=1e-12)
    assert classifier_score(np.zeros((20, 7)), splits=2) == pytest.approx((1, 0), abs=1e-12)
    with pytest.raises(ValueError, match=r"`fake` has 19 sample.s.; a score over 10 splits needs 20"):
        classifier_score(logits[:19])
