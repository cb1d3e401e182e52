"""Data sets of torchvision, where it is installed; nothing is downloaded unless that is asked for."""

import difflib
import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tussle import checks
from tussle.data.base import DataSet
from tussle.data.files import checked_labels
from tussle.data.images import check_channels, fitted, refitted
from tussle.data.splits import split_set, thinned

PREFIX = "torchvision:"


def vision_set(
    kind: str,
    held_out: float,
    seed: int,
    *,
    root: str | Path | None = None,
    download: bool = False,
    size: int | None = None,
    channels: int | None = None,
    flip: bool = False,
    dequantize: bool = False,
    limit: int | None = None,
) -> DataSet:
    """Return the training images of a torchvision data set, (channels, h, w); the held-out part is taken from them.

    Args:
        kind: name of the class in `torchvision.datasets`, such as CIFAR10.
        held_out: share to keep back.
        seed: seed of the split.
        root: the folder that it is, or will be, stored in.
        download: whether torchvision may download it there.
        size: side of the square that images are cut and resized to.
        channels: 1 or 3, or None for those of the images.
        flip: whether half of what is drawn is mirrored.
        dequantize: whether what is drawn is spread over its gray level.
        limit: how many samples to use, or None.

    Returns:
        the data set.
    """
    check_channels(channels)
    if root is None:
        message = f"`root` is missing for {PREFIX}{kind}; it must be the folder that holds the data; give root=FOLDER."
        raise ValueError(message)
    made = _made(_kind(kind), kind, Path(root).expanduser(), checks.flag("download", download))
    values, labels = _arrays(made, kind, size, channels, limit)
    names = [str(name) for name in getattr(made, "classes", [])] if labels is not None else []
    return split_set(
        f"{PREFIX}{kind}",
        values,
        held_out=held_out,
        seed=seed,
        source=f"{len(values):,} training images of {kind} from torchvision.",
        labels=labels,
        classes=len(names) or None,
        class_names=names,
        flip=flip,
        dequantize=dequantize,
    )


def _kind(kind: str) -> Any:
    """Return a class of torchvision."""
    try:
        datasets = import_module("torchvision.datasets")
    except ModuleNotFoundError as missing:
        message = (
            f"`{PREFIX}{kind}` needs torchvision, which is not installed; run pip install torchvision, or load a "
            "folder or an .npz file."
        )
        raise ModuleNotFoundError(message, name=missing.name) from missing
    found = getattr(datasets, kind, None)
    if not inspect.isclass(found):
        near = difflib.get_close_matches(kind, dir(datasets), n=1)
        hint = f"did you mean `{near[0]}`?" if near else "choose one of these."
        message = f"`name` is {PREFIX}{kind}; it may be a data set of torchvision.datasets, such as CIFAR10; {hint}"
        raise ValueError(message)
    return found


def _made(kind: Any, name: str, root: Path, download: bool) -> Any:
    """Return the training part of a torchvision data set."""
    known = inspect.signature(kind).parameters
    wanted = {"train": True, "split": "train", "download": download}
    options = {key: value for key, value in wanted.items() if key in known}
    try:
        return kind(str(root), **options)
    except RuntimeError as wrong:
        if download:
            raise
        message = (
            f"`root` {root} does not hold {name} ({' '.join(str(wrong).split()).rstrip('.')}); it must; name another "
            "folder, or give download=True to have torchvision fetch it."
        )
        raise ValueError(message) from wrong


def _arrays(
    made: Any, name: str, size: int | None, channels: int | None, limit: int | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return images (n, c, h, w) of uint8 and labels, from the arrays that it holds or one by one."""
    stored = getattr(made, "data", None)
    stored = None if stored is None or isinstance(stored, list) else np.asarray(stored)
    if stored is None or stored.dtype != np.uint8 or stored.ndim not in (3, 4):
        return _one_by_one(made, name, size, channels, limit)
    chosen = thinned(len(stored), limit)
    stored = stored[:, None] if stored.ndim == 3 else stored
    stored = stored.transpose(0, 3, 1, 2) if stored.shape[1] not in (1, 3) else stored
    targets = getattr(made, "targets", getattr(made, "labels", None))
    labels = None if targets is None else checked_labels(name, np.asarray(targets), len(stored))[chosen]
    return refitted(np.ascontiguousarray(stored[chosen]), size, channels), labels


def _one_by_one(
    made: Any, name: str, size: int | None, channels: int | None, limit: int | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the images and labels of a data set that decodes its images when it is asked for them."""
    items = [made[int(k)] for k in thinned(len(made), limit)]
    images = [fitted(item[0], size, channels or 3) for item in items]
    odd = next((k for k, image in enumerate(images) if image.shape != images[0].shape), None)
    if odd is not None:
        message = (
            f"`{PREFIX}{name}` has images of the shapes {images[0].shape} and {images[odd].shape}; they must be of one "
            "size; give size=64, say, to cut and resize them."
        )
        raise ValueError(message)
    plain = all(isinstance(item[1], (int, np.integer)) for item in items)
    return np.stack(images), checked_labels(name, np.array([i[1] for i in items]), len(items)) if plain else None
