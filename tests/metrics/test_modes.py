"""Modes: exact mixtures have the counts and shares of their formulas, stacked digits the modes of their digits."""

import math

import numpy as np
import pytest
from scipy.stats import entropy

from tussle.data import digits
from tussle.data.planes import centers_of, grid, ring
from tussle.metrics import Centers, Classes, Features, ModeCounts, data_classifier, evaluate, mode_counts

NAMES = ("modes", "quality", "mode_kl", "mode_reverse_kl")


def test_an_exact_mixture_has_all_modes_and_the_share_of_three_deviations():
    law = grid()
    x = law.sample(np.random.default_rng(0), 20_000)
    found = mode_counts(x, Centers(centers_of(law), 0.05))
    assert found.covered == 25
    share = 1 - math.exp(-4.5)  # of a normal law in the plane within 3 standard deviations
    assert found.quality == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 20_000))
    assert 0 < found.reverse_kl < 0.003


def test_a_collapsed_generator_has_the_divergence_of_its_modes():
    law = ring()
    centers = centers_of(law)
    fake = np.repeat(centers[:3], 100, axis=0)
    found = evaluate(NAMES, law.sample(np.random.default_rng(1), 300), fake, modes=(centers, 0.01), held_out=law)
    assert found["modes"].value == 3
    assert found["quality"].value == 1
    assert found["mode_reverse_kl"].value == pytest.approx(math.log(8 / 3), rel=1e-12)
    assert found["mode_kl"].value == math.inf
    assert found["mode_kl"].to_json()["value"] == "inf"
    assert found["modes"].floor == 8
    assert found["modes"].better == found["quality"].better == "higher"
    assert found["modes"].details["histogram"].tolist() == [100, 100, 100, 0, 0, 0, 0, 0]


def test_both_divergences_are_those_of_scipy():
    histogram = np.array([5, 1, 3, 7])
    found = ModeCounts(histogram, histogram)
    p, uniform = histogram / 16, np.full(4, 0.25)
    assert found.reverse_kl == pytest.approx(entropy(p, uniform), rel=1e-13)
    assert found.kl == pytest.approx(entropy(uniform, p), rel=1e-13)


def test_the_floor_of_the_divergence_is_that_of_a_chi_square():
    law, n, repeats = ring(), 2000, 60
    x = law.sample(np.random.default_rng(2), 50)
    fake = law.sample(np.random.default_rng(3), n)
    found = evaluate("mode_reverse_kl", x, fake, modes=(centers_of(law), 0.01), held_out=law, repeats=repeats)
    # 2 n KL is chi-square with 7 degrees of freedom: mean 7, variance 14.
    expected, spread = 7 / (2 * n), math.sqrt(14) / (2 * n)
    got = found["mode_reverse_kl"]
    assert got.floor == pytest.approx(expected, abs=4 * spread / math.sqrt(repeats) + 7e-6)
    assert got.floor_deviation == pytest.approx(spread, rel=0.5)
    assert got.floor_samples == (0, n)


def test_bad_samples_reach_no_mode():
    centers = np.array([[0.0, 0.0], [1.0, 0.0]])
    found = mode_counts(np.array([[0.0, 0.31], [1.0, 0.29]]), Centers(centers, 0.1))
    assert found.good.tolist() == [0, 1]
    assert found.histogram.tolist() == [1, 1]


def by_brightness():
    """A classifier of ten classes: the class of an image is its (constant) pixel value."""
    import torch

    return Features(
        "brightness", "0", "none", 1, "none", lambda x: x.mean(dim=(1, 2, 3))[:, None],
        lambda h: -((h - torch.arange(10.0)) ** 2), 10,
    )  # fmt: skip


def test_stacked_digits_have_a_thousand_modes():
    judge = Classes(by_brightness(), channels=3)
    assert judge.count == 1000
    which = np.arange(1000)
    colors = np.stack([which // 100, which // 10 % 10, which % 10], axis=1).astype(float)
    images = np.broadcast_to(colors[:, :, None, None], (1000, 3, 4, 4))
    labels, good = judge.assign(images)
    assert np.array_equal(labels, which)
    assert good.all()
    found = evaluate(NAMES, images, images[:10], modes=judge)
    assert found["modes"].value == 10
    assert found["mode_reverse_kl"].value == pytest.approx(math.log(100), rel=1e-12)
    assert found["modes"].details["modes"] == 1000
    assert "3 channels" in found["modes"].note
    with pytest.raises(ValueError, match=r"`fake` has samples of shape \(1, 4, 4\); this judge takes 3 channels"):
        judge.assign(images[:, :1])


def test_a_trained_classifier_counts_the_digits():
    data = digits(0.5).train
    classifier = data_classifier(data.images, data.labels, epochs=12, batch=32, width=8)
    found = mode_counts(digits(0.5).held_out.images, Classes(classifier))
    assert found.covered == 10
    true = np.bincount(digits(0.5).held_out.labels)
    assert np.abs(found.histogram - true).sum() < 0.2 * true.sum()


def test_modes_that_are_none_are_refused():
    x = np.zeros((5, 2))
    with pytest.raises(ValueError, match="`modes` is not given, and modes need it"):
        evaluate("modes", x, x)
    with pytest.raises(ValueError, match="`modes` is int; it must be centers"):
        evaluate("modes", x, x, modes=3)
    with pytest.raises(ValueError, match="`modes` has centers of dimension 3 and the samples have 2"):
        evaluate("modes", x, x, modes=(np.zeros((2, 3)), 0.1))
