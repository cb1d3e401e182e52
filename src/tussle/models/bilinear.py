"""The bilinear game x^T A y: pure rotation, the hardest easy game."""

from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import Array, array
from tussle.game import ZeroSum
from tussle.models.base import Model
from tussle.records import record, static


@record
class Bilinear:
    """x^T A y."""

    matrix: Any = static()

    def __call__(self, x: Array, y: Array) -> Array:
        """Return x^T A y."""
        return x @ (array(self.matrix, x) @ y)


def bilinear(matrix: Any = ((1.0,),)) -> Model:
    """Return the zero-sum game x^T A y: the field's eigenvalues are +-i times the singular values of A.

    Raises:
        ValueError: if the matrix is not two-dimensional and finite.
    """
    a = checks.real_array("matrix", matrix, "a matrix: rows of the same length")
    if a.ndim != 2 or a.size == 0 or not np.all(np.isfinite(a)):
        message = f"`matrix` has shape {a.shape}; it must be a finite matrix (n, m); give rows of numbers."
        raise ValueError(message)
    n, m = a.shape
    start = (np.ones(n), np.ones(m))
    axes = tuple(f"x{i}" for i in range(n)) + tuple(f"y{j}" for j in range(m))
    game = ZeroSum(Bilinear(a))
    return Model("bilinear", game, ((np.zeros(n), np.zeros(m)),), start, axes)
