"""Arrays in `.npy` and `.npz` files as data sets."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tussle.data.base import LIMITS, DataSet
from tussle.data.images import check_channels, refitted
from tussle.data.splits import check_finite, split_set

IMAGES = ("images", "x", "data", "samples", "arr_0")
LABELS = ("labels", "y", "targets", "arr_1")
LAYOUTS = ("NCHW", "NHWC")


def file_set(
    path: Path,
    held_out: float,
    seed: int,
    *,
    size: int | None = None,
    channels: int | None = None,
    layout: str | None = None,
    limits: tuple[float, float] | None = None,
    flip: bool = False,
    dequantize: bool = False,
    limit: int | None = None,
) -> DataSet:
    """Return the samples of a file: uint8 images, or floats of any shape, which are mapped into memory and kept as is.

    Args:
        path: an `.npy` file, or an `.npz` file with `images` and, if there are classes, `labels`.
        held_out: share to keep back.
        seed: seed of the split.
        size: side of the square that uint8 images are cut and resized to.
        channels: 1 or 3, for uint8 images.
        layout: `NCHW` or `NHWC`, where the shape alone does not say.
        limits: the two numbers that stand for black and white in floating images; they become -1 and 1.
        flip: whether half of what is drawn is mirrored.
        dequantize: whether what is drawn is spread over its gray level.
        limit: how many samples to use, or None.

    Returns:
        the data set.
    """
    values, labels = _read(path)
    _check_values(path, values)
    check_channels(channels)
    values = _channels_first(path, values, layout)
    _check_image_options(path, values, size, channels, limits)
    span = LIMITS
    if values.dtype == np.uint8:
        values = refitted(values, size, channels) if values.ndim == 4 else values
    else:
        check_finite(f"`{path}`", values)
        values, span = _scaled(path, values, limits)
    return split_set(
        str(path),
        values,
        held_out=held_out,
        seed=seed,
        source=f"{len(values):,} samples of the file {path.name}.",
        labels=labels,
        limits=span,
        flip=flip,
        dequantize=dequantize,
        limit=limit,
    )


# Reading ----------------------------------------------------------------------------------------------------


def _read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Return samples and labels of a file; objects are never unpickled."""
    try:
        if path.suffix == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False), None
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as wrong:
        if isinstance(wrong, (FileNotFoundError, PermissionError)):
            raise
        message = (
            f"`{path}` cannot be read ({' '.join(str(wrong).split()).rstrip('.')}); it must be a whole .npy or .npz "
            "file of plain numbers; write it again with numpy.savez."
        )
        raise ValueError(message) from wrong
    return _named(path, arrays)


def _named(path: Path, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the arrays that are samples and labels."""
    label = next((name for name in LABELS if name in arrays), None)
    others = [name for name in arrays if name != label]
    image = next((name for name in IMAGES if name in others), others[0] if len(others) == 1 else None)
    if image is None:
        message = (
            f"`{path}` holds the arrays {', '.join(arrays) or 'of no name'}; the samples must be called `images` and "
            "their labels `labels`; write it with numpy.savez(path, images=..., labels=...)."
        )
        raise ValueError(message)
    return arrays[image], None if label is None else checked_labels(path, arrays[label], len(arrays[image]))


def checked_labels(where: Any, labels: np.ndarray, count: int) -> np.ndarray:
    """Return labels as int64.

    Raises:
        ValueError: if there is not a whole number of at least 0 for each sample.
    """
    labels = np.asarray(labels)
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer) or labels.min(initial=0) < 0:
        message = (
            f"`labels` of {where} have shape {labels.shape} and dtype {labels.dtype} for {count} samples; they must "
            "be a whole number of at least 0 for each; number the classes from 0."
        )
        raise ValueError(message)
    return labels.astype(np.int64)


# Shapes and scales ------------------------------------------------------------------------------------------


def _check_values(path: Path, values: np.ndarray) -> None:
    right = values.dtype == np.uint8 or np.issubdtype(values.dtype, np.floating)
    if values.ndim < 2 or len(values) == 0 or values.size == 0 or not right:
        message = (
            f"`{path}` holds shape {values.shape} of {values.dtype}; it must hold samples (n, ...) of uint8 or "
            "floating type; convert them, and give each sample an axis."
        )
        raise ValueError(message)


def _channels_first(path: Path, values: np.ndarray, layout: str | None) -> np.ndarray:
    """Return images as (n, channels, h, w), and other samples as they are."""
    if layout not in (None, *LAYOUTS):
        message = f"`layout` is {layout!r}; it may be NCHW or NHWC; choose one of these."
        raise ValueError(message)
    if values.ndim == 3:
        return values[:, None]
    if values.ndim != 4:
        return values
    first, last = values.shape[1] in (1, 3), values.shape[3] in (1, 3)
    if layout is None and first == last:
        message = (
            f"`{path}` holds images of shape {values.shape[1:]}, which does not show where the channels, 1 or 3, are; "
            "give layout='NCHW' or layout='NHWC'."
        )
        raise ValueError(message)
    return values.transpose(0, 3, 1, 2) if layout == "NHWC" or (layout is None and last) else values


def _check_image_options(
    path: Path, values: np.ndarray, size: int | None, channels: int | None, limits: tuple[float, float] | None
) -> None:
    images = values.ndim == 4 and values.dtype == np.uint8
    if (size is not None or channels is not None) and not (images and values.shape[1] in (1, 3)):
        message = (
            f"`size` or `channels` is given for {path}, which holds shape {values.shape} of {values.dtype}; they are "
            "for uint8 images of 1 or 3 channels; leave them out."
        )
        raise ValueError(message)
    if limits is not None and values.dtype == np.uint8:
        message = f"`limits` is {limits} for {path} of uint8, whose limits are 0 and 255; leave it out."
        raise ValueError(message)


def _scaled(
    path: Path, values: np.ndarray, limits: tuple[float, float] | None
) -> tuple[np.ndarray, tuple[float, float] | None]:
    """Return floats mapped from the limits to -1 and 1, or as they are where there are none."""
    if limits is None:
        return values, None
    if np.shape(limits) != (2,) or not np.all(np.isfinite(limits)) or not limits[0] < limits[1]:
        message = f"`limits` is {limits!r}; it must hold two numbers in ascending order; give such as [0, 1]."
        raise ValueError(message)
    low, high = (float(v) for v in limits)
    least, most = float(values.min()), float(values.max())
    if least < low or most > high:
        message = (
            f"`limits` is {limits}, but {path} holds values from {least:g} to {most:g}; it must hold them all; give "
            "wider ones."
        )
        raise ValueError(message)
    return (2 * ((values - low) / (high - low)) - 1).astype(np.float32), LIMITS
