"""Patches are cut from the photographs, and no pixel is both trained on and held out."""

import numpy as np
import pytest

from tussle.data import load
from tussle.data.patches import _cut, _parts

pytest.importorskip("skimage")


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_patches_have_their_size_in_both_parts(size, channels):
    data = load("patches", size=size, channels=channels)
    assert data.shape == (channels, size, size)
    assert data.classes == (5 if channels == 3 else 10)
    assert min(len(data.train), 10 * len(data.held_out)) > 1000
    assert set(data.train.labels) == set(data.held_out.labels) == set(range(data.classes))


def test_a_patch_is_a_window_of_its_photograph():
    from skimage import data as photographs

    data = load("patches", size=64)
    views = np.lib.stride_tricks.sliding_window_view(photographs.coffee(), (64, 64), axis=(0, 1))
    name = data.class_names.index("coffee")
    for part in (data.train, data.held_out):
        patch = part.values[part.rows[part.labels == name][0]]
        corner = np.all(views[..., 0, 0] == patch[:, 0, 0], axis=2).nonzero()
        assert any(np.array_equal(views[y, x], patch) for y, x in zip(*corner, strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_no_pixel_is_both_trained_on_and_held_out(seed):
    # Each pixel of these photographs has a number of its own.
    photographs = [np.arange(90 * 70).reshape(1, 90, 70), 10_000 + np.arange(50 * 99).reshape(1, 50, 99)]
    patches, numbers, kept = _cut(photographs, 16, 4, 0.2, np.random.default_rng(seed))
    assert not set(patches[kept].ravel()) & set(patches[~kept].ravel())
    assert set(numbers[kept]) == set(numbers[~kept]) == {0, 1}
    assert np.array_equal(numbers, patches[:, 0, 0, 0] // 10_000)
    assert len(np.unique(patches.reshape(len(patches), -1), axis=0)) == len(patches)


@pytest.mark.parametrize("side", range(4))
def test_the_strip_that_is_held_out_is_the_asked_share_of_one_side(side):
    photo = np.arange(100 * 200).reshape(1, 100, 200)
    rest, strip = _parts(photo, 16, 0.3, side)
    assert strip.size == 0.3 * photo.size
    assert sorted([*rest.ravel(), *strip.ravel()]) == list(range(photo.size))


def test_nothing_is_held_out_where_that_is_asked():
    data = load("patches", size=64, held_out=0.0)
    assert len(data.held_out) == 0
    assert len(data.train) == len(data.train.values)


def test_the_seed_chooses_the_strips():
    first, again, other = (load("patches", size=64, seed=seed).train.values for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_smaller_stride_gives_more_patches_and_a_limit_fewer():
    wide, few = load("patches", size=64, stride=64), load("patches", size=64, limit=100)
    # Five photographs hold 64 + 28 + 54 + 60 + 77 patches side by side; the cut through each may cost a row.
    assert 190 < len(wide.train) + len(wide.held_out) <= 283
    assert len(few.train) + len(few.held_out) == 100
    assert set(few.train.labels) == set(range(5))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"size": 48}, "`size` is 48; it may be one of 16, 32, 64"),
        ({"channels": 2}, r"`channels` is 2; it may be 1 \(gray\) or 3 \(color\)"),
        ({"stride": 0}, "`stride` is 0"),
        ({"held_out": 1}, "`held_out` is 1; it must be at least 0 and below 1"),
    ],
)
def test_patches_that_cannot_be_cut_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        load("patches", **options)
