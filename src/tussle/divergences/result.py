"""What a divergence comes to, and how that was found."""

import math
from typing import Any

import numpy as np

from tussle.analysis import plain
from tussle.records import record, static

EPS = float(np.finfo(np.float64).eps)


@record
class Divergence:
    """A divergence between two measures.

    Attributes:
        value: the divergence; infinite where it is, never nan.
        error: bound of a numerical error; from samples floor and scatter (a bias beyond them, of which `note` tells, is
            not in it).
        route: `closed`, `quadrature` or `samples`.
        note: in words, how it was found and, from samples, which way it is biased.
        floor: from samples, what the same estimate gives where both laws are the same; None elsewhere.
    """

    value: float
    error: float
    route: str = static()
    note: str = static(default="")
    floor: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return value, error and route as JSON knows them; infinities are the string "inf"."""
        return plain({"value": self.value, "error": self.error, "route": self.route})


def exactly(value: float, note: str, size: float = 0.0) -> Divergence:
    """Return a value known up to rounding.

    Args:
        value: the value.
        note: how it is known.
        size: magnitude of the terms it is the sum of, if larger than its own.
    """
    magnitude = max(abs(value), size)
    error = 0.0 if not math.isfinite(magnitude) else 16 * EPS * magnitude
    return Divergence(float(value), error, "closed", note)


def extreme(value: float, note: str) -> Divergence:
    """Return a value that the supports alone decide."""
    return Divergence(float(value), 0.0, "closed", note)
