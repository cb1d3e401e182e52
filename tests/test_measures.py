"""Measures: quadrature to its exact degree, products, weights, and batches that depend on seed and step alone."""

import math

import numpy as np
import pytest

import tussle
from tussle import models
from tussle.game import Pair, Stream
from tussle.gan import Batch
from tussle.measures import Nodes, paired


def expectation(measure, function):
    nodes = measure.nodes()
    return nodes.mean(function(nodes.points))


# Exactness --------------------------------------------------------------------------------------------------------


def normal_moment(k, mean=0.0, std=1.0):
    terms = (
        math.comb(k, 2 * j) * mean ** (k - 2 * j) * std ** (2 * j) * math.prod(range(1, 2 * j, 2))
        for j in range(k // 2 + 1)
    )
    return float(sum(terms))


RULES = {
    "normal": (lambda n: tussle.Normal(0.0, 1.0, n), lambda k: normal_moment(k)),
    "shifted normal": (lambda n: tussle.Normal(0.3, 1.7, n), lambda k: normal_moment(k, 0.3, 1.7)),
    "uniform": (lambda n: tussle.Uniform(0.0, 1.0, n), lambda k: 1 / (k + 1)),
    "shifted uniform": (
        lambda n: tussle.Uniform(-1.0, 2.0, n),
        lambda k: (2.0 ** (k + 1) - (-1.0) ** (k + 1)) / (3 * (k + 1)),
    ),
    "exponential": (lambda n: tussle.Exponential(1.0, n), lambda k: float(math.factorial(k))),
    "fast exponential": (lambda n: tussle.Exponential(2.5, n), lambda k: math.factorial(k) / 2.5**k),
}


@pytest.mark.parametrize("order", [1, 2, 5, 9])
@pytest.mark.parametrize("name", RULES)
def test_a_rule_of_n_nodes_is_exact_to_degree_2n_minus_1_and_no_further(name, order):
    rule, moment = RULES[name]
    for k in range(2 * order):
        # Terms of a sum of degree k are as large as their absolute moments; rounding is relative to those.
        scale = max(1.0, float(expectation(rule(order), lambda x, k=k: np.abs(x) ** k)[0]))
        assert expectation(rule(order), lambda x, k=k: x**k)[0] == pytest.approx(moment(k), abs=1e-12 * scale)
    beyond = expectation(rule(order), lambda x: x ** (2 * order))[0]
    assert abs(beyond / moment(2 * order) - 1) > 1e-11


@pytest.mark.parametrize(
    "measure", [tussle.Normal(), tussle.Uniform(), tussle.Exponential()], ids=lambda m: type(m).__name__
)
def test_weights_are_probabilities(measure):
    nodes = measure.nodes()
    assert nodes.weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert np.all(nodes.weights > 0)
    assert nodes.points.shape == (len(nodes.weights), 1)


def test_a_normal_in_several_dimensions_has_its_mean_and_covariance():
    root = np.array([[1.2, 0.0], [0.5, 0.7]])
    nodes = tussle.Normal((0.3, -1.0), root, 6).nodes()
    assert nodes.points.shape == (36, 2)
    mean = nodes.mean(nodes.points)
    assert mean == pytest.approx([0.3, -1.0], abs=1e-13)
    centered = nodes.points - mean
    assert nodes.mean(centered[:, :, None] * centered[:, None, :]) == pytest.approx(root @ root.T, abs=1e-12)


def test_a_uniform_box_has_its_mean_and_independent_sides():
    nodes = tussle.Uniform((0.0, -1.0), (1.0, 3.0), 4).nodes()
    assert nodes.mean(nodes.points) == pytest.approx([0.5, 1.0], abs=1e-14)
    product = nodes.mean((nodes.points[:, 0] - 0.5) * (nodes.points[:, 1] - 1.0))
    assert product == pytest.approx(0.0, abs=1e-14)


def test_sixty_nodes_integrate_the_logistic_slope_to_rounding():
    from scipy.integrate import quad

    exact, _ = quad(
        lambda x: np.exp(-x * x / 2) / np.sqrt(2 * np.pi) / (1 + np.exp(0.7 * x + 0.4)), -12, 12, epsabs=1e-14
    )
    found = expectation(tussle.Normal(0.0, 1.0, 60), lambda x: 1 / (1 + np.exp(0.7 * x + 0.4)))[0]
    assert found == pytest.approx(exact, abs=1e-13)


# Atoms, samples, products -----------------------------------------------------------------------------------------


def test_atoms_are_equally_likely_unless_said_otherwise():
    assert tussle.Atoms((1.0, 2.0)).nodes().weights.tolist() == [0.5, 0.5]
    nodes = tussle.Atoms(((0.0, 1.0), (2.0, 3.0)), (0.25, 0.75)).nodes()
    assert nodes.points.shape == (2, 2)
    assert nodes.mean(nodes.points).tolist() == [1.5, 2.5]


def test_samples_keep_their_shape_and_have_no_weights():
    nodes = tussle.Samples(np.zeros((5, 2, 3))).nodes()
    assert nodes.points.shape == (5, 2, 3)
    assert nodes.weights is None


def test_a_mean_takes_values_of_any_shape():
    nodes = Nodes(np.zeros((2, 1)), np.array([0.25, 0.75]))
    values = np.arange(12.0).reshape(2, 3, 2)
    assert nodes.mean(values) == pytest.approx(0.25 * values[0] + 0.75 * values[1])
    assert Nodes(np.zeros((2, 1))).mean(values) == pytest.approx(values.mean(axis=0))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.array([0.2, 0.8]), np.array([0.5, 0.3, 0.2])),
        (None, np.array([0.5, 0.3, 0.2])),
        (np.array([0.2, 0.8]), None),
    ],
    ids=["both weighted", "first sampled", "second sampled"],
)
def test_a_product_lets_every_point_meet_every_other(first, second):
    a, b = np.array([[1.0], [2.0]]), np.array([[10.0], [20.0], [30.0]])
    left, right, weights = paired(Nodes(a, first), Nodes(b, second))
    assert left[:, 0].tolist() == [1, 1, 1, 2, 2, 2]
    assert right[:, 0].tolist() == [10, 20, 30, 10, 20, 30]
    p = np.full(2, 1 / 2) if first is None else first
    q = np.full(3, 1 / 3) if second is None else second
    assert weights == pytest.approx(np.outer(p, q).ravel(), abs=1e-15)


def test_samples_of_one_length_are_paired_by_index_and_others_are_not():
    a, b = np.arange(3.0)[:, None], 10 + np.arange(3.0)[:, None]
    left, right, weights = paired(Nodes(a), Nodes(b))
    assert weights is None
    assert np.array_equal(left, a)
    assert np.array_equal(right, b)
    left, right, weights = paired(Nodes(a), Nodes(b[:2]))
    assert left.shape == right.shape == (6, 1)
    assert weights == pytest.approx(np.full(6, 1 / 6))


# Drawing ----------------------------------------------------------------------------------------------------------

DRAWN = {
    "atoms": (tussle.Atoms((0.0, 1.0), (0.3, 0.7)), 0.7, 0.21),
    "samples": (tussle.Samples(np.array([[0.0], [2.0]])), 1.0, 1.0),
    "normal": (tussle.Normal(0.5, 2.0), 0.5, 4.0),
    "uniform": (tussle.Uniform(1.0, 3.0), 2.0, 1 / 3),
    "exponential": (tussle.Exponential(2.0), 0.5, 0.25),
}


@pytest.mark.parametrize("name", DRAWN)
def test_samples_have_the_mean_and_variance_of_their_measure(name):
    measure, mean, variance = DRAWN[name]
    count = 40_000
    drawn = measure.sample(np.random.default_rng(3), count)
    assert drawn.shape == (count, 1)
    # Five standard errors; that of the variance is at most sqrt(8 / n) of it (the exponential's kurtosis is 9).
    assert drawn.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / count))
    assert drawn.var() == pytest.approx(variance, rel=5 * np.sqrt(8 / count))


def test_samples_in_several_dimensions_are_correlated_as_their_root_says():
    root = np.array([[1.0, 0.0], [0.8, 0.6]])
    drawn = tussle.Normal((0.0, 0.0), root).sample(np.random.default_rng(0), 40_000)
    assert np.cov(drawn, rowvar=False) == pytest.approx(root @ root.T, abs=5 * np.sqrt(2 / 40_000))


def test_images_are_drawn_with_their_shape():
    pictures = np.arange(24.0).reshape(4, 2, 3)
    drawn = tussle.Samples(pictures).sample(np.random.default_rng(0), 7)
    assert drawn.shape == (7, 2, 3)
    assert all(any(np.array_equal(d, p) for p in pictures) for d in drawn)


# Samplers ---------------------------------------------------------------------------------------------------------

GAN = models.gaussian("wasserstein", [tussle.wgan_gp(1.0), tussle.dragan(1.0)], noise=0.3).game
PARTS = ("real", "latent", "noise", "noise_fake", "mix", "shift")


def test_a_batch_depends_on_seed_and_step_alone():
    sampler = GAN.sampler(16)
    first = sampler(3, 7)
    for step in (0, 7, 1):
        sampler(3, step)
    again, later, other = GAN.sampler(16)(3, 7), sampler(3, 8), sampler(4, 7)
    for part in PARTS:
        points = getattr(first, part).points
        assert points.shape == (16, 1)
        assert np.array_equal(points, getattr(again, part).points)
        assert not np.array_equal(points, getattr(later, part).points)
        assert not np.array_equal(points, getattr(other, part).points)


def test_the_parts_of_a_batch_are_independent_draws():
    batch = GAN.sampler(16)(0, 0)
    points = [getattr(batch, part).points.ravel() for part in PARTS]
    assert len({p.tobytes() for p in points}) == len(PARTS)


def test_a_batch_has_only_what_the_game_needs():
    batch = models.gaussian().game.sampler(4)(0, 0)
    assert isinstance(batch, Batch)
    assert [getattr(batch, part) is None for part in PARTS] == [False, False, True, True, True, True]
    exact = models.gaussian().game.expectation()
    assert [getattr(exact, part) is None for part in PARTS] == [False, False, True, True, True, True]


def test_pairs_and_streams_hold_independent_batches():
    sampler = GAN.sampler(4)
    pair = sampler.pairs()(0, 0)
    assert isinstance(pair, Pair)
    assert not np.array_equal(pair.first.real.points, pair.second.real.points)
    stream = sampler.streams(3)(0, 0)
    assert isinstance(stream, Stream)
    assert len({b.real.points.tobytes() for b in stream.batches}) == 3
    both = sampler.pairs().streams(2)(0, 0)
    assert len(both.batches) == 2
    assert all(isinstance(b, Pair) for b in both.batches)


# Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tussle.Atoms((1.0, 2.0), (0.5, 0.6)).nodes(), r"`weights` \[0.5, 0.6\] are wrong for 2 atom"),
        (lambda: tussle.Atoms((1.0, 2.0), (1.5, -0.5)).nodes(), "`weights` .* must be one number of 0 or more"),
        (lambda: tussle.Atoms((1.0, 2.0), (1.0,)).nodes(), "`weights` .* sum to 1; divide them by their sum"),
        (lambda: tussle.Atoms((1.0, np.nan)).nodes(), "`points` of shape .* are empty or not finite"),
        (lambda: tussle.Atoms(()).nodes(), "`points` of shape .* give at least one finite point"),
        (lambda: tussle.Normal(order=0), "`order` is 0; it must be a whole number of at least 1"),
        (lambda: tussle.Uniform(order=1.5), "`order` is 1.5; it must be a whole number"),
        (lambda: tussle.Uniform(1.0, 1.0), "`high` is 1.0 for `low` 1.0; it must be above it; exchange them"),
        (lambda: tussle.Exponential(0.0), "`rate` is 0.0; it must be above 0"),
        (lambda: tussle.Exponential(order=-1), "`order` is -1"),
        (lambda: GAN.sampler(0), "`size` is 0; it must be a whole number of at least 1"),
        (lambda: models.dirac("rp-logistic").game.sampler(1), "`size` is 1 with a paired loss"),
        (lambda: models.dirac("ra-hinge").game.sampler(1), "`size` is 1 with an? average loss; .* needs at least 2"),
    ],
)
def test_a_wrong_measure_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_plain_loss_takes_a_batch_of_one():
    assert models.dirac().game.sampler(1)(0, 0).real.points.shape == (1, 1)
