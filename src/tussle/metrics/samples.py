"""Samples as metrics take them: NumPy arrays, tensors, or measures that keep their points; checked at the door."""

from typing import Any

import numpy as np

LEAST = 2  # samples


def array(name: str, value: Any, least: int = LEAST) -> np.ndarray:
    """Return samples as an array (n, ...) of real numbers, in the precision they came in.

    Args:
        name: of the argument.
        value: an array, a tensor, or a record with `points`.
        least: how many samples are needed.

    Raises:
        ValueError: if they are no numbers, not finite, or too few.
    """
    points = getattr(value, "points", None)
    found = value if points is None else points
    found = np.asarray(found.detach().cpu() if callable(getattr(found, "detach", None)) else found)
    if found.dtype == object or not (np.issubdtype(found.dtype, np.number) or found.dtype == bool) or found.ndim < 1:
        message = f"`{name}` is {type(value).__name__} of {found.dtype}; it must be samples, an array of numbers "
        raise ValueError(message + "(n, ...); give an array or a tensor.")
    if not np.issubdtype(found.dtype, np.floating):
        found = found.astype(np.float64)
    if len(found) < least:
        message = f"`{name}` has {len(found)} sample(s); this metric needs {least} or more; draw more samples."
        raise ValueError(message)
    bad = np.flatnonzero(~np.isfinite(found).reshape(len(found), -1).all(axis=1))
    if len(bad):
        message = (
            f"`{name}` has {len(bad)} sample(s) that are not finite, the first at index {bad[0]}; samples must be "
        )
        raise ValueError(message + "finite; look at the run that made them, or leave those samples out.")
    return found[:, None] if found.ndim == 1 else found


def flat(values: np.ndarray) -> np.ndarray:
    """Return samples as points (n, d) in double precision."""
    return np.ascontiguousarray(values.reshape(len(values), -1), dtype=np.float64)


def points(name: str, value: Any, least: int = LEAST) -> np.ndarray:
    """Return samples as points (n, d) in double precision."""
    return flat(array(name, value, least))


def pair(real: Any, fake: Any, least: int = LEAST) -> tuple[np.ndarray, np.ndarray]:
    """Return real and generated samples as points of the same dimension.

    Raises:
        ValueError: if their shapes differ.
    """
    x, y = array("real", real, least), array("fake", fake, least)
    same_shape("fake", y, x)
    return flat(x), flat(y)


def same_shape(name: str, found: np.ndarray, real: np.ndarray) -> None:
    """Check that samples have the shape of the real ones.

    Raises:
        ValueError: if they have another one.
    """
    if found.shape[1:] != real.shape[1:]:
        message = f"`{name}` has samples of shape {found.shape[1:]}, and `real` of {real.shape[1:]}; they must be the "
        raise ValueError(message + "same; compare samples of one kind.")


def law_of(held_out: Any) -> Any | None:
    """Return what can be sampled without end: a measure that keeps no points of its own, else None."""
    if held_out is None or getattr(held_out, "points", None) is not None:
        return None
    return held_out if callable(getattr(held_out, "sample", None)) else None
