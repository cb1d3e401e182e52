"""The 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn."""

from typing import Any

import numpy as np

from tussle import checks
from tussle.data.base import DataSet
from tussle.data.splits import split_set
from tussle.records import record, static


@record
class Images:
    """Images with labels.

    Attributes:
        images: (n, 1, 8, 8), float32 in [-1, 1].
        labels: (n,), 0 to 9.
    """

    images: np.ndarray = static()
    labels: np.ndarray = static()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.labels)


@record
class Digits:
    """The digits, split into those that are trained on and those that are kept back."""

    train: Images
    held_out: Images


def digits(share: float = 0.2, seed: int = 0) -> Digits:
    """Return the handwritten digits, with a share of them kept back.

    Args:
        share: the part that is kept back, from 0 up to but not including 1.
        seed: seed of the split.

    Returns:
        the two parts, each in a random order of its own.

    Raises:
        ValueError: if the share is not in that range.
        ModuleNotFoundError: if scikit-learn is not installed.

    Reference:
        Alpaydin, Kaynak, "Optical recognition of handwritten digits", UCI machine learning repository, 1998.

    Example:
        >>> found = digits()
        >>> found.train.images.shape, len(found.held_out)
        ((1438, 1, 8, 8), 359)
    """
    checks.nonnegative("share", share)
    if share >= 1:
        message = f"`share` is {share}; it must be at least 0 and below 1; give the part to keep back, say 0.2."
        raise ValueError(message)
    images, labels = _loaded()
    order = np.random.default_rng(checks.count("seed", seed, least=0)).permutation(len(labels))
    cut = round(share * len(labels))
    kept, rest = order[:cut], order[cut:]
    return Digits(Images(images[rest], labels[rest]), Images(images[kept], labels[kept]))


def digit_set(
    held_out: float, seed: int, *, flip: bool = False, dequantize: bool = False, limit: int | None = None
) -> DataSet:
    """Return the digits as a data set, (1, 8, 8); the split is that of `digits(held_out, seed)`."""
    images, labels = _loaded()
    return split_set(
        "digits",
        (8 * (images + 1)).astype(np.uint8),
        held_out=held_out,
        seed=seed,
        source="1,797 handwritten digits (Alpaydin, Kaynak 1998) of 17 gray levels that come with scikit-learn.",
        labels=labels,
        classes=10,
        class_names=[str(k) for k in range(10)],
        levels=17,
        flip=flip,
        dequantize=dequantize,
        limit=limit,
    )


def _loaded() -> tuple[np.ndarray, np.ndarray]:
    """Return all images, (1797, 1, 8, 8) in [-1, 1], and their labels."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as missing:
        message = "`digits` come with scikit-learn, which is not installed; run pip install tussle[data]."
        raise ModuleNotFoundError(message, name=missing.name) from missing
    found: Any = load_digits()
    images = found.images.astype(np.float32)[:, None] / 8 - 1
    return images, found.target.astype(np.int64)
