"""Patches of the photographs that come with scikit-image: small natural images without any download."""

from typing import Any

import numpy as np

from tussle import checks
from tussle.data.base import DataSet
from tussle.data.bundled import bundled_file
from tussle.data.images import read_image
from tussle.data.splits import digest_of, share_of, split_set, thinned

COLOR = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
GRAY = ("brick.png", "camera.png", "coins.png", "grass.png", "gravel.png")
SIZES = (16, 32, 64)


def patch_set(
    held_out: float,
    seed: int,
    *,
    size: int = 32,
    channels: int = 3,
    stride: int | None = None,
    flip: bool = False,
    dequantize: bool = False,
    limit: int | None = None,
) -> DataSet:
    """Return patches, (channels, size, size), whose classes are the photographs they were cut from.

    A strip along one side of each photograph, which side the seed says, is held out: no pixel is in both parts.
    Gray patches come from all photographs, those in color from five.
    """
    if size not in SIZES:
        message = f"`size` is {size!r}; it may be one of 16, 32, 64 for patches; choose one of these."
        raise ValueError(message)
    names = _photographs(channels)
    step = size // 4 if stride is None else checks.count("stride", stride)
    rng = np.random.default_rng(checks.count("seed", seed, least=0))
    photos = [_photograph(name, channels) for name in names]
    values, labels, kept = _cut(photos, size, step, share_of(held_out), rng)
    chosen = thinned(len(values), limit)
    return split_set(
        "patches",
        values,
        held_out=held_out,
        seed=seed,
        source=f"Patches of the photographs {', '.join(names)} that come with scikit-image.",
        labels=labels,
        classes=len(names),
        class_names=[name.split(".")[0] for name in names],
        flip=flip,
        dequantize=dequantize,
        digest=digest_of(np.concatenate([photo.ravel() for photo in photos])),
        parts=(rng.permutation(chosen[~kept[chosen]]), rng.permutation(chosen[kept[chosen]])),
    )


def _photographs(channels: int) -> tuple[str, ...]:
    if channels not in (1, 3):
        message = f"`channels` is {channels!r}; it may be 1 (gray) or 3 (color); choose one of these."
        raise ValueError(message)
    return COLOR if channels == 3 else COLOR + GRAY


def _photograph(name: str, channels: int) -> np.ndarray:
    """Return a photograph, (channels, h, w) of uint8."""
    return read_image(bundled_file("patches", "skimage", f"data/{name}"), channels=channels)


def _cut(
    photographs: list[np.ndarray], size: int, step: int, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all patches, the number of the photograph of each, and whether it is of a part that is held out."""
    patches, numbers, kept = [], [], []
    for number, photo in enumerate(photographs):
        for away, part in enumerate(_parts(photo, size, share, int(rng.integers(4)))):
            patches.append(_windows(part, size, step))
            numbers.append(np.full(len(patches[-1]), number))
            kept.append(np.full(len(patches[-1]), away == 1))
    return np.concatenate(patches), np.concatenate(numbers), np.concatenate(kept)


def _parts(photo: np.ndarray, size: int, share: float, side: int) -> list[np.ndarray]:
    """Return a photograph without a strip along one of its sides, and the strip; it is at least a patch wide."""
    if share == 0:
        return [photo]
    axis = 1 + side % 2
    length = photo.shape[axis]
    strip = min(max(round(share * length), size), length - size)
    where = strip if side < 2 else length - strip
    first, second = np.split(photo, [where], axis)
    return [second, first] if side < 2 else [first, second]


def _windows(photo: np.ndarray, size: int, step: int) -> np.ndarray:
    """Return all patches of a photograph, `step` pixels apart, (n, channels, size, size)."""
    views: Any = np.lib.stride_tricks.sliding_window_view(photo, (size, size), axis=(1, 2))[:, ::step, ::step]
    return views.transpose(1, 2, 0, 3, 4).reshape(-1, len(photo), size, size)
