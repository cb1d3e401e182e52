"""Folders of images, with a subfolder for each class or without."""

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tussle import checks
from tussle.data.base import DataSet
from tussle.data.cache import cached
from tussle.data.images import check_channels, read_image
from tussle.data.splits import share_of, split_set, thinned

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
AT_ONCE = 64  # images that are decoded before the first of them is stored
WORKERS = 8


def folder_set(
    path: Path,
    held_out: float,
    seed: int,
    *,
    size: int | None = None,
    channels: int = 3,
    cache: str | Path | None = None,
    flip: bool = False,
    dequantize: bool = False,
    limit: int | None = None,
) -> DataSet:
    """Return the images of a folder, (channels, h, w), those in subfolders included.

    Where all of them lie in subfolders, the first-level subfolders are the classes. With `cache` they are decoded once
    and then mapped into memory; without it they are decoded into memory each time.
    """
    check_channels(channels)
    share_of(held_out)
    if size is not None:
        checks.count("size", size)
    everything = image_files(path)
    chosen = thinned(len(everything), limit)
    files = [everything[k] for k in chosen]
    labels, names = _classes(path, everything)
    if cache is None:
        values, digest = _stored(_decoded(files, size, channels), len(files)), None
    else:
        values, digest = _mapped(path, files, size, channels, limit, Path(cache).expanduser())
    return split_set(
        str(path),
        values,
        held_out=held_out,
        seed=seed,
        source=f"{len(files):,} images of the folder {path.name}.",
        labels=None if labels is None else labels[chosen],
        classes=len(names) or None,
        class_names=names,
        flip=flip,
        dequantize=dequantize,
        digest=digest,
    )


def _stored(images: Iterator[np.ndarray], count: int) -> np.ndarray:
    """Return the images in memory, which holds them once."""
    first = next(images)
    values = np.empty((count, *first.shape), np.uint8)
    values[0] = first
    for k, image in enumerate(images, 1):
        values[k] = image
    return values


def _mapped(
    path: Path, files: list[Path], size: int | None, channels: int, limit: int | None, cache: Path
) -> tuple[np.ndarray, str]:
    """Return the images by way of the cache, and their digest."""
    full = path.resolve()
    name = f"{full.name}-{_short([str(full), size, channels, limit])}"
    return cached(cache, name, fingerprint(path, files), len(files), _decoded(files, size, channels))


def image_files(path: Path) -> list[Path]:
    """Return the image files of a folder and its subfolders in order of their names, without hidden ones.

    Raises:
        ValueError: if there are none.
    """
    found, seen = [], set()
    for place, inner, files in os.walk(path, followlinks=True):
        real = os.path.realpath(place)
        inner[:] = [] if real in seen else [name for name in inner if not name.startswith(".")]
        if real not in seen:
            found += [Path(place, f) for f in files if f.lower().endswith(ENDINGS) and not f.startswith(".")]
        seen.add(real)
    if not found:
        message = (
            f"`{path}` holds no images; it must hold PNG, JPEG or WebP files, in subfolders or not; check the path."
        )
        raise ValueError(message)
    return sorted(found, key=lambda file: file.relative_to(path).as_posix())


def _classes(path: Path, files: list[Path]) -> tuple[np.ndarray | None, list[str]]:
    """Return labels and names of classes; there are none where images lie outside of subfolders or in only one."""
    above = [file.relative_to(path).parts[:-1] for file in files]
    names = sorted({parts[0] for parts in above if parts})
    if len(names) < 2 or not all(above):
        return None, []
    number = {name: k for k, name in enumerate(names)}
    return np.array([number[parts[0]] for parts in above]), names


def fingerprint(path: Path, files: list[Path]) -> str:
    """Return what changes when a file is added, removed, renamed or written to."""
    return _short([(file.relative_to(path).as_posix(), *_state(file)) for file in files])


def _state(file: Path) -> tuple[int, int]:
    """Return size and time of change; a link to nowhere is left to the decoder to name."""
    try:
        stat = file.stat()
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns


def _short(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def _decoded(files: list[Path], size: int | None, channels: int) -> Iterator[np.ndarray]:
    """Give the images in order, decoded by several threads a few at a time.

    Raises:
        ValueError: if one is broken, or is of another size than the first.
    """
    first: np.ndarray | None = None
    with ThreadPoolExecutor(min(WORKERS, os.cpu_count() or 1)) as pool:
        for start in range(0, len(files), AT_ONCE):
            some = files[start : start + AT_ONCE]
            for file, image in zip(
                some, pool.map(lambda f: read_image(f, size=size, channels=channels), some), strict=True
            ):
                first = image if first is None else first
                if image.shape != first.shape:
                    _refuse_sizes(file, image, files[0], first)
                yield image


def _refuse_sizes(file: Path, image: np.ndarray, before: Path, first: np.ndarray) -> None:
    (h, w), (height, width) = image.shape[1:], first.shape[1:]
    message = (
        f"`{file}` is {w} x {h} pixels and `{before}` is {width} x {height}; images must be of one size; give "
        f"size={min(h, w, height, width)}, say, to cut and resize them."
    )
    raise ValueError(message)
