"""How stored samples become a data set: thinned, checked, and split into what is trained on and what is kept back."""

import hashlib
from collections.abc import Sequence

import numpy as np

from tussle import checks
from tussle.data.base import LIMITS, DataSet, Part

BLOCK = 1 << 24  # values that are looked at together, so that memory-mapped files stay on the disk


def share_of(held_out: float) -> float:
    """Return the share to keep back.

    Raises:
        ValueError: if it is not from 0 up to but not including 1.
    """
    checks.nonnegative("held_out", held_out)
    if held_out >= 1:
        message = f"`held_out` is {held_out}; it must be at least 0 and below 1; give the share to keep back, say 0.1."
        raise ValueError(message)
    return float(held_out)


def thinned(count: int, limit: int | None) -> np.ndarray:
    """Return which of `count` samples in order to use: all, or `limit` of them, evenly spread.

    Example:
        >>> thinned(10, 4).tolist()
        [0, 2, 5, 7]
    """
    if limit is None or checks.count("limit", limit) >= count:
        return np.arange(count)
    return np.arange(limit) * count // limit


def split(rows: np.ndarray, held_out: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to train on and those to keep back, each in a random order that the seed gives.

    Raises:
        ValueError: if nothing would be left to train on.
    """
    share = share_of(held_out)
    order = np.random.default_rng(checks.count("seed", seed, least=0)).permutation(len(rows))
    cut = round(share * len(rows))
    if cut == len(rows):
        message = (
            f"`held_out` is {held_out} of {len(rows)} sample(s), which leaves nothing to train on; it must leave some; "
            "give a smaller share or more samples."
        )
        raise ValueError(message)
    return rows[order[cut:]], rows[order[:cut]]


def split_set(
    name: str,
    values: np.ndarray,
    *,
    held_out: float,
    seed: int,
    source: str,
    labels: np.ndarray | None = None,
    classes: int | None = None,
    class_names: Sequence[str] = (),
    limits: tuple[float, float] | None = LIMITS,
    levels: int = 256,
    flip: bool = False,
    dequantize: bool = False,
    limit: int | None = None,
    digest: str | None = None,
    parts: tuple[np.ndarray, np.ndarray] | None = None,
) -> DataSet:
    """Return the data set of stored samples.

    Args:
        name: its name.
        values: (n, ...), uint8 or floating.
        held_out: share to keep back.
        seed: seed of the split.
        source: where they come from.
        labels: (n,), whole numbers of at least 0, or None.
        classes: how many classes; the largest label and one by default.
        class_names: names of the classes.
        limits: (low, high) that gray levels are mapped to, or that floats lie within.
        levels: how many gray levels uint8 values have.
        flip: whether half of what is drawn is mirrored.
        dequantize: whether what is drawn is spread over its gray level.
        limit: how many samples to use, or None.
        digest: sha256 of the values, where it is known.
        parts: the two lists of rows, where the split is not at random.

    Returns:
        the data set.

    Raises:
        ValueError: if an option does not fit the values.
    """
    _check_drawing(values, checks.flag("flip", flip), checks.flag("dequantize", dequantize))
    rows = split(thinned(len(values), limit), held_out, seed) if parts is None else parts
    train, kept = (Part(values, chosen, labels, limits, levels, flip, dequantize) for chosen in rows)
    count = 1 if labels is None else classes or int(labels.max()) + 1
    return DataSet(
        name,
        train,
        kept,
        tuple(values.shape[1:]),
        classes=count,
        class_names=tuple(class_names),
        limits=limits,
        source=source,
        digest=digest_of(values) if digest is None else digest,
    )


def _check_drawing(values: np.ndarray, flip: bool, dequantize: bool) -> None:
    if flip and values.ndim != 4:
        message = f"`flip` is true for samples of shape {values.shape[1:]}; only images can be mirrored; leave it out."
        raise ValueError(message)
    if dequantize and values.dtype != np.uint8:
        message = (
            f"`dequantize` is true for values of {values.dtype}; only whole gray levels of uint8 can be dequantized; "
            "leave it out."
        )
        raise ValueError(message)


def blocks(values: np.ndarray) -> list[slice]:
    """Return slices that cut stored samples into blocks of at most about 16 million values."""
    step = max(1, BLOCK // max(1, int(np.prod(values.shape[1:]))))
    return [slice(k, k + step) for k in range(0, len(values), step)]


def digest_of(values: np.ndarray) -> str:
    """Return the sha256 of values in order.

    Example:
        >>> digest_of(np.zeros((1, 1), np.uint8))[:8]
        '6e340b9c'
    """
    total = hashlib.sha256()
    for block in blocks(values):
        total.update(np.ascontiguousarray(values[block]).data)
    return total.hexdigest()


def check_finite(what: str, values: np.ndarray) -> None:
    """Check that floating values are finite, as float32 too.

    Raises:
        ValueError: if some are not; the message names the first sample that holds one.
    """
    if not np.issubdtype(values.dtype, np.floating):
        return
    for block in blocks(values):
        sizes = np.abs(values[block]).reshape(len(values[block]), -1)
        good = (sizes <= np.finfo(np.float32).max).all(axis=1)
        if not good.all():
            first = block.start + int(np.argmin(good))
            message = (
                f"{what} holds values that are not finite in float32, first in sample {first}; all must be; drop or "
                "repair those samples."
            )
            raise ValueError(message)
