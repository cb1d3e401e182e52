"""Folders of images: what is decoded, what is refused, and when the cache is used again."""

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tussle.data import cache as stored
from tussle.data import folder as folders
from tussle.data import load
from tussle.data.images import read_image, refitted

Image = pytest.importorskip("PIL.Image")


def picture(seed, size=(12, 8)):
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    """Three classes with four lossless images each, one of them a level deeper."""
    place = tmp_path / "pictures"
    for k in range(12):
        save(place / "abc"[k % 3] / ("deep" if k == 3 else "") / f"{k:02}.png", picture(k))
    return place


def together(data):
    """All stored samples in the order of the files."""
    return np.concatenate([data.train.points, data.held_out.points])[
        np.argsort(np.concatenate([data.train.rows, data.held_out.rows]))
    ]


# Decoding ---------------------------------------------------------------------------------------------------


def test_a_folder_is_read_in_order_with_subfolders_as_classes(folder):
    data = load(folder, held_out=0.25)
    assert (data.shape, data.classes, data.class_names) == ((3, 8, 12), 3, ("a", "b", "c"))
    order = [0, 6, 9, 3, 1, 4, 7, 10, 2, 5, 8, 11]  # "a/deep" comes after the digits
    expected = np.stack([picture(k).transpose(2, 0, 1) for k in order]) / 127.5 - 1
    np.testing.assert_allclose(together(data), expected, atol=2e-7)
    labels = np.concatenate([data.train.labels, data.held_out.labels])
    rows = np.concatenate([data.train.rows, data.held_out.rows])
    assert np.array_equal(labels, np.repeat([0, 1, 2], 4)[rows])
    assert (len(data.train), len(data.held_out)) == (9, 3)


def test_every_format_is_read_and_other_files_are_left_alone(tmp_path):
    for k, name in enumerate(("one.PNG", "two.jpg", "three.jpeg", "four.webp")):
        save(tmp_path / name, picture(k))
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._one.png").write_bytes(b"what macOS leaves behind")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "five.png").write_bytes(b"")
    data = load(tmp_path, held_out=0.0)
    assert (len(data.train), data.classes, data.train.labels) == (4, 1, None)


def test_a_link_back_to_its_own_folder_is_followed_once(folder):
    (folder / "a" / "loop").symlink_to(folder)
    assert len(folders.image_files(folder)) == 12


def test_images_are_cut_in_the_middle_and_resized(tmp_path):
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:16] = 200
    save(tmp_path / "a.png", wide)
    save(tmp_path / "b.png", np.full((30, 10, 3), 200, np.uint8))
    data = load(tmp_path, size=8, held_out=0.0)
    assert data.shape == (3, 8, 8)
    np.testing.assert_allclose(data.train.points, 200 / 127.5 - 1, atol=1e-6)
    assert load(tmp_path, size=4, channels=1, held_out=0.0).shape == (1, 4, 4)


def test_gray_is_the_usual_weighted_sum_of_the_colors(tmp_path):
    path = save(tmp_path / "a.png", picture(0))
    exact = picture(0) @ np.array([0.299, 0.587, 0.114])  # ITU-R 601
    assert np.abs(read_image(path, channels=1)[0] - exact).max() <= 1


def test_images_are_turned_as_their_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    path = save(tmp_path / "a.png", picture(0), exif=exif)
    assert np.array_equal(read_image(path), np.rot90(picture(0), -1).transpose(2, 0, 1))


def test_sixteen_bits_become_eight_and_what_is_transparent_white(tmp_path):
    deep = save(tmp_path / "deep.png", np.array([[0, 257, 65535], [514, 32896, 771]], np.uint16))
    assert read_image(deep, channels=1)[0].tolist() == [[0, 1, 255], [2, 128, 3]]
    clear = np.dstack([picture(0), np.where(np.arange(12) < 6, 255, 0)[None].repeat(8, 0)]).astype(np.uint8)
    seen = read_image(save(tmp_path / "clear.png", clear))
    assert np.array_equal(seen[..., :6], picture(0)[:, :6].transpose(2, 0, 1))
    assert np.all(seen[..., 6:] == 255)


def test_images_that_fit_are_not_copied():
    values = np.zeros((2, 3, 4, 4), np.uint8)
    assert refitted(values, 4, 3) is values
    assert refitted(values, 2, 1).shape == (2, 1, 2, 2)


# What is refused --------------------------------------------------------------------------------------------


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [cut, flip_a_byte, lambda path: path.write_bytes(b"GIF? no, nothing")])
@pytest.mark.parametrize("cached", [False, True])
def test_a_broken_image_is_named_with_the_remedy(folder, tmp_path, damage, cached):
    damage(folder / "b" / "04.png")
    options = {"cache": tmp_path / "cache"} if cached else {}
    with pytest.raises(ValueError, match=r"`.*04.png` cannot be decoded \(.*\); it must be .*; remove the file or rep"):
        load(folder, **options)
    assert not cached or list((tmp_path / "cache").iterdir()) == []


def test_an_empty_image_is_named_with_the_remedy(folder):
    (folder / "c" / "05.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"`.*05.png` is empty; it must hold an image; remove the file or replace it"):
        load(folder)


@pytest.mark.parametrize("cached", [False, True])
def test_a_link_to_nowhere_is_named(folder, tmp_path, cached):
    (folder / "c" / "99.png").symlink_to(folder / "gone.png")
    with pytest.raises(ValueError, match=r"`.*99.png` cannot be decoded .*No such file"):
        load(folder, **({"cache": tmp_path / "cache"} if cached else {}))


def test_pixels_wider_than_sixteen_bits_are_refused(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((4, 4), np.float32)).save(path, format="TIFF")
    with pytest.raises(ValueError, match=r"`.*a.png` cannot be decoded \(pixels of mode F are wider than 16 bits\)"):
        read_image(path)


def test_mixed_sizes_are_refused_with_both_names_and_the_remedy(folder):
    save(folder / "c" / "odd.png", picture(0, (9, 7)))
    message = r"`.*odd.png` is 9 x 7 pixels and `.*00.png` is 12 x 8; images must be of one size; give size=7, say"
    with pytest.raises(ValueError, match=message):
        load(folder)
    assert load(folder, size=7).shape == (3, 7, 7)


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no images; it must hold PNG, JPEG or WebP files"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"size": 0}, "`size` is 0"),
        ({"channels": 4}, r"`channels` is 4; it may be 1 \(gray\) or 3 \(color\)"),
        ({"limit": -1}, "`limit` is -1"),
        ({"colour": 3}, "`option of .*` is 'colour'"),
    ],
)
def test_options_of_a_folder_are_checked(folder, options, match):
    with pytest.raises(ValueError, match=match):
        load(folder, **options)


# The cache --------------------------------------------------------------------------------------------------


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that are decoded."""
    names = []

    def watched(path, **options):
        names.append(path.name)
        return read_image(path, **options)

    monkeypatch.setattr(folders, "read_image", watched)
    return names


def test_a_cache_is_memory_mapped_and_used_again(folder, tmp_path, decoded):
    cache = tmp_path / "new" / "cache"
    plain, first = load(folder), load(folder, cache=cache)
    assert len(decoded) == 24
    again = load(folder, cache=str(cache), held_out=0.5, seed=3, flip=True)
    assert len(decoded) == 24
    assert isinstance(first.train.values, np.memmap)
    assert np.array_equal(together(first), together(plain))
    assert first.digest == again.digest == plain.digest
    assert np.array_equal(
        first.train.sample(np.random.default_rng(0), 5), plain.train.sample(np.random.default_rng(0), 5)
    )
    assert sorted(path.suffix for path in cache.iterdir()) == [".json", ".npy"]
    assert json.loads(next(cache.glob("*.json")).read_text()) == {"digest": plain.digest, "count": 12}


def added(folder):
    save(folder / "a" / "new.png", picture(99))


def written(folder):
    file = folder / "a" / "00.png"
    before = file.stat()
    save(file, picture(99))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


@pytest.mark.parametrize(
    "change", [added, written, lambda f: (f / "a" / "00.png").unlink(), lambda f: (f / "a").rename(f / "d")]
)
def test_a_changed_folder_is_decoded_again_and_the_old_cache_removed(folder, tmp_path, decoded, change):
    cache = tmp_path / "cache"
    before = load(folder, cache=cache)
    old = set(cache.iterdir())
    change(folder)
    after = load(folder, cache=cache)
    assert len(decoded) > 12
    assert np.array_equal(together(after), together(load(folder)))
    assert not old & set(cache.iterdir())
    assert len(list(cache.iterdir())) == 2
    assert len(before.train.points) == len(before.train)  # still mapped where it was


def test_options_that_change_the_pixels_have_caches_of_their_own(folder, tmp_path, decoded):
    cache = tmp_path / "cache"
    for options in ({}, {"size": 4}, {"channels": 1}, {"limit": 5}, {}):
        load(folder, cache=cache, **options)
    assert len(decoded) == 3 * 12 + 5
    assert len(list(cache.glob("*.npy"))) == 4


@pytest.mark.parametrize("damage", [cut, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
@pytest.mark.parametrize("which", ["*.npy", "*.json"])
def test_a_cache_that_is_not_whole_is_made_again(folder, tmp_path, decoded, damage, which):
    cache = tmp_path / "cache"
    before = together(load(folder, cache=cache))
    damage(next(cache.glob(which)))
    again = load(folder, cache=cache)
    assert len(decoded) == 24
    assert np.array_equal(together(again), before)


def test_a_full_disk_leaves_no_cache_and_says_so(folder, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    cache = tmp_path / "cache"
    monkeypatch.setattr(stored.os, "fsync", full)
    with pytest.raises(OSError, match=r"`cache` .* is on a disk that is full; it needs room for all decoded images"):
        load(folder, cache=cache)
    assert list(cache.iterdir()) == []


def test_a_cache_that_is_a_file_is_refused(folder, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OSError, match=r"`cache` .*taken is not a folder; it must be one, or not exist yet"):
        load(folder, cache=tmp_path / "taken")


def test_only_unfinished_files_that_nobody_writes_are_cleared(folder, tmp_path):
    cache = tmp_path / "cache"
    load(folder, cache=cache)
    stem = next(cache.glob("*.npy")).name
    dead, alive = cache / f"{stem}.dead.tmp", cache / f"{stem}.alive.tmp"
    dead.write_text("")
    alive.write_text("")
    os.utime(dead, (0, 0))
    added(folder)
    load(folder, cache=cache)
    assert (dead.exists(), alive.exists()) == (False, True)


def test_several_that_fill_one_cache_at_once_all_find_it_whole(folder, tmp_path):
    cache = tmp_path / "cache"
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda seed: load(folder, cache=cache, seed=seed), range(6)))
    expected = together(load(folder))
    assert all(np.array_equal(together(data), expected) for data in made)
    assert len(list(cache.iterdir())) == 2
