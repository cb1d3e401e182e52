"""The laws as data sets: batches have the laws' distributions, and mixtures their modes."""

import numpy as np
import pytest
from scipy import stats

from tussle.data import load

SURE = 1e-4  # a right sampler falls below this once in ten thousand seeds


def drawn(name, count=4000, **options):
    return load(name, **options).train.draw(np.random.default_rng(3), count)


@pytest.mark.parametrize(("name", "mean", "std"), [("gaussian", (0, 0), 0.4), ("jare-gaussian", (0, 2), 0.7)])
def test_normal_laws_are_normal(name, mean, std):
    x = (drawn(name).x - mean) / std
    # Squared lengths of standard normals in the plane are exponential with mean 2.
    assert stats.kstest((x**2).sum(axis=1), "expon", (0, 2)).pvalue > SURE
    assert stats.kstest(x[:, 0], "norm").pvalue > SURE
    assert abs(np.mean(x[:, 0] * x[:, 1])) < 5 / np.sqrt(len(x))


@pytest.mark.parametrize("radius", [1.0, 2.5])
def test_the_circle_is_uniform_in_the_angle(radius):
    x = drawn("circle", radius=radius).x.astype(float)
    assert np.abs(np.hypot(*x.T) - radius).max() < 4e-7
    assert stats.kstest(np.arctan2(*x.T), "uniform", (-np.pi, 2 * np.pi)).pvalue > SURE


def test_the_segment_and_the_four_lines_are_uniform_along_themselves():
    segment, lines = drawn("segment").x, drawn("lines").x
    assert np.all(segment[:, 1] == 0)
    assert stats.kstest(segment[:, 0], "uniform", (-1, 2)).pvalue > SURE
    assert set(np.unique(lines[:, 1])) == {-1, 1}
    assert stats.kstest(np.abs(lines[:, 0]), "uniform", (0.5, 1)).pvalue > SURE


@pytest.mark.parametrize("name", ["eight", "squares"])
def test_single_precision_leaves_the_curves_only_by_rounding(name):
    data = load(name)
    x = data.train.sample(np.random.default_rng(0), 500)
    assert data.law.distance(x.astype(float)).max() < 2 * np.finfo(np.float32).eps


@pytest.mark.parametrize(
    ("name", "modes", "std"), [("ring-8", 8, 0.01), ("ring-5", 5, 0.01), ("grid-25", 25, 0.05), ("jare-ring", 8, 0.06)]
)
def test_the_modes_of_mixtures_are_equally_likely_normals(name, modes, std):
    data = load(name)
    assert (data.classes, len(data.modes.centers), data.modes.std) == (modes, modes, std)
    x, labels = data.train.draw(np.random.default_rng(1), 8000)
    assert stats.chisquare(np.bincount(labels, minlength=modes)).pvalue > SURE
    away = (x - data.modes.centers[labels]) / std
    assert stats.kstest((away**2).sum(axis=1), "expon", (0, 2)).pvalue > SURE
    nearest = np.linalg.norm(x[:, None] - data.modes.centers, axis=-1).argmin(axis=1)
    assert np.mean(nearest == labels) == 1.0


def test_the_rings_have_their_published_radii_and_the_grid_its_spacing():
    for name, radius in (("ring-8", 1.0), ("jare-ring", 2.0)):
        assert np.hypot(*load(name).modes.centers.T) == pytest.approx(np.full(8, radius), rel=1e-15)
    centers = load("grid-25", spacing=2.0).modes.centers
    assert sorted(set(centers[:, 0])) == [-4.0, -2.0, 0.0, 2.0, 4.0]


def test_a_stratified_batch_takes_its_modes_in_turn():
    # The Numerics of GANs: sample k comes from mode k mod 8, so that 512 samples are 64 of each.
    x, labels = drawn("ring-8", 512, stratified=True)
    assert np.array_equal(labels, np.arange(512) % 8)
    assert np.bincount(labels).tolist() == [64] * 8
    centers = load("ring-8").modes.centers
    assert np.linalg.norm(x - centers[np.arange(512) % 8], axis=1).max() < 6 * 0.01


def test_the_spread_of_a_mixture_is_an_option_of_law_and_samples_alike():
    data = load("ring-8", std=0.2, radius=3.0)
    assert data.modes.std == 0.2
    peak = data.law.log_density(np.array([[3.0, 0.0]]))[0]
    assert peak == pytest.approx(-np.log(8 * 2 * np.pi * 0.04), rel=1e-12)


def test_held_out_samples_of_a_law_are_fresh():
    data = load("gaussian")
    both = data.train.sample(np.random.default_rng(0), 5), data.held_out.sample(np.random.default_rng(1), 5)
    assert not np.array_equal(*both)
    assert len(data.train.nodes().points) == 400


def test_labels_of_modes_travel_with_the_samples():
    packed = load("grid-9", labeled=True).train.sample(np.random.default_rng(0), 50)
    centers = load("grid-9").modes.centers
    assert packed.shape == (50, 3)
    assert np.linalg.norm(packed[:, :2] - centers[packed[:, 2].astype(int)], axis=1).max() < 6 * 0.05
