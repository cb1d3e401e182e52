"""Arrays in files: layouts, scales, labels, and what is refused."""

import numpy as np
import pytest

from tussle.data import load


def pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def write(path, *arrays, **named):
    if path.suffix == ".npy":
        np.save(path, *arrays)
    else:
        np.savez(path, *arrays, **named)
    return path


def whole(data):
    return data.train.points[np.argsort(data.train.rows)]


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        ((10, 3, 6, 5), (0, 1, 2, 3), (3, 6, 5)),
        ((10, 6, 5, 3), (0, 3, 1, 2), (3, 6, 5)),
        ((10, 6, 5, 1), (0, 3, 1, 2), (1, 6, 5)),
        ((10, 6, 5), None, (1, 6, 5)),
        ((10, 4), None, (4,)),
    ],
)
def test_images_are_found_with_their_channels_first(tmp_path, shape, axes, expected):
    x = pixels(*shape)
    data = load(write(tmp_path / "x.npy", x), held_out=0.0)
    assert data.shape == expected
    y = x.transpose(axes) if axes else x.reshape(10, *expected)
    np.testing.assert_allclose(whole(data), y / 127.5 - 1, atol=2e-7)
    assert isinstance(data.train.values, np.memmap)
    drawn = data.train.sample(np.random.default_rng(0), 3)
    assert (type(drawn), drawn.flags.c_contiguous) == (np.ndarray, True)


def test_the_layout_is_asked_for_where_the_shape_does_not_say(tmp_path):
    path = write(tmp_path / "x.npy", pixels(5, 3, 8, 3))
    with pytest.raises(ValueError, match=r"does not show where the channels, 1 or 3, are; give layout='NCHW' or"):
        load(path)
    assert load(path, layout="NHWC").shape == (3, 3, 8)
    assert load(path, layout="NCHW").shape == (3, 8, 3)
    with pytest.raises(ValueError, match="`layout` is 'CHW'; it may be NCHW or NHWC"):
        load(path, layout="CHW")


def test_labels_and_images_are_found_by_their_names(tmp_path):
    x, y = pixels(12, 3, 4, 4), np.arange(12) % 3
    for names in (("images", "labels"), ("x", "y"), ("arr_0", "arr_1"), ("faces", "targets")):
        data = load(write(tmp_path / "x.npz", **dict(zip(names, (x, y), strict=True))), labeled=True)
        assert (data.classes, data.labeled) == (3, True)
        assert np.array_equal(data.held_out.labels, y[data.held_out.inner.rows])


def test_floats_stay_what_they_are_or_are_scaled_from_given_limits(tmp_path):
    x = np.random.default_rng(0).random((8, 1, 4, 4))
    path = write(tmp_path / "x.npy", x)
    plain, scaled = load(path, held_out=0.0), load(path, held_out=0.0, limits=[0, 1], flip=True)
    assert (plain.limits, scaled.limits) == (None, (-1, 1))
    assert np.array_equal(whole(plain), x.astype(np.float32))
    np.testing.assert_allclose(whole(scaled), 2 * x - 1, atol=1e-7)


def test_images_of_a_file_are_resized_and_made_gray(tmp_path):
    path = write(tmp_path / "x.npy", np.full((4, 10, 20, 3), 90, np.uint8))
    data = load(path, size=8, channels=1, held_out=0.0)
    assert data.shape == (1, 8, 8)
    np.testing.assert_allclose(whole(data), 90 / 127.5 - 1, atol=1e-6)
    assert load(path, limit=2, held_out=0.5).train.sample(np.random.default_rng(0), 3).shape == (3, 3, 10, 20)


def truncated(path):
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_a_broken_file_is_refused(tmp_path, name):
    path = write(tmp_path / name, pixels(4, 3, 4, 4))
    truncated(path)
    with pytest.raises(ValueError, match=rf"`.*{name}` cannot be read \(.*\); it must be a whole .npy or .npz file"):
        load(path)


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_objects_are_never_unpickled(tmp_path, name):
    path = tmp_path / name
    (np.save if name == "x.npy" else np.savez)(path, np.array([{"a": 1}, [2]], dtype=object))
    with pytest.raises(ValueError, match=r"cannot be read \(.*(allow_pickle=False|Python objects in dtype)\)"):
        load(path)


@pytest.mark.parametrize(
    ("arrays", "options", "match"),
    [
        ({"x": np.zeros((4, 2), np.int64)}, {}, r"holds shape \(4, 2\) of int64; it must hold samples .* of uint8 or"),
        ({"x": np.zeros(4)}, {}, r"holds shape \(4,\) of float64"),
        ({"x": np.zeros((0, 2))}, {}, r"holds shape \(0, 2\)"),
        ({"x": np.full((4, 2), np.nan)}, {}, "holds values that are not finite in float32, first in sample 0"),
        (
            {"one": np.zeros((4, 2)), "two": np.zeros((4, 2))},
            {},
            "holds the arrays one, two; the samples must be called",
        ),
        ({"x": np.zeros((4, 2)), "y": np.zeros(4)}, {}, r"`labels` of .* have shape \(4,\) and dtype float64"),
        ({"x": np.zeros((4, 2)), "y": np.zeros(3, int)}, {}, r"`labels` of .* have shape \(3,\)"),
        ({"x": np.zeros((4, 2)), "y": -np.ones(4, int)}, {}, "number the classes from 0"),
        ({"x": np.zeros((4, 2))}, {"size": 8}, "`size` or `channels` is given for .*; they are for uint8 images"),
        ({"x": np.zeros((4, 3, 2, 2), np.uint8)}, {"limits": (0, 1)}, "`limits` is .* of uint8, whose limits are 0"),
        ({"x": np.zeros((4, 2))}, {"limits": (1, 0)}, "`limits` is .*; it must hold two numbers in ascending order"),
        ({"x": 2 * np.ones((4, 2))}, {"limits": (0, 1)}, "holds values from 2 to 2; it must hold them all"),
        ({"x": np.zeros((4, 2))}, {"dequantize": True}, "`dequantize` is true for values of float64"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, arrays, options, match):
    with pytest.raises(ValueError, match=match):
        load(write(tmp_path / "x.npz", **arrays), **options)
