"""The ends of a spectrum: its eigenvalues of largest real part, imaginary part and modulus, and how sure they are."""

from typing import Any

import numpy as np

from tussle.doctor.krylov import Subspace
from tussle.records import record, static


@record
class Ends:
    """The ends of a spectrum.

    Attributes:
        values: the eigenvalues at the ends of modulus, real and imaginary part, sorted; of an update less 1.
        residuals: |J^T y - z y| of each for |y| = 1, relative to the largest modulus.
        subspace: the subspace of J^T that they were found in.
        spread: uncertainty of real and imaginary part of the eigenvalues at the ends, by end; from other batches.
        accuracy: the relative residual at which one counts as found.
        size: of the matrix; the state is counted only where `reduced` is false.
        reduced: whether the values are those without momentum, of an update.
        products: how many were taken in all.
        words: what was looked at.
    """

    values: Any = static()
    residuals: np.ndarray = static()
    subspace: Subspace = static()
    spread: dict[str, tuple[float, float]] = static()
    accuracy: float = static()
    size: int = static()
    products: int = static()
    words: str = static(default="")
    final: Any = static(default=None)

    def leading(self, end: str) -> complex:
        """Return the eigenvalue at an end: `real`, `imaginary`, `modulus` or (of an update) `radius`."""
        return complex(self.values[place(self.values, end)])

    def uncertainty(self, end: str) -> tuple[float, float]:
        """Return the uncertainties of real and imaginary part at an end, the residual included."""
        k = place(self.values, end)
        left = float(self.residuals[k] * np.abs(self.values).max(initial=0.0))
        re, im = self.spread.get(end, (0.0, 0.0))
        return float(np.hypot(re, left)), float(np.hypot(im, left))

    @property
    def abscissa(self) -> float:
        """The largest real part."""
        return self.leading("real").real

    @property
    def frequency(self) -> float:
        """The largest imaginary part."""
        return abs(self.leading("imaginary").imag)

    @property
    def modulus(self) -> float:
        """The largest modulus."""
        return abs(self.leading("modulus"))

    @property
    def update(self) -> Any:
        """The eigenvalues of the update, 1 + nu, momentum included; only of an update's displacement."""
        return 1 + (self.values if self.final is None else self.final)

    @property
    def radius(self) -> float:
        """The largest modulus of the update's eigenvalues."""
        return float(np.abs(self.update).max(initial=0.0))

    @property
    def found(self) -> np.ndarray:
        """Which eigenvalues were found to the accuracy."""
        return self.residuals <= self.accuracy

    def to_json(self) -> dict[str, Any]:
        """Return the ends as JSON knows them."""
        return {
            "eigenvalues": [[float(z.real), float(z.imag)] for z in self.values],
            "residuals": [float(r) for r in self.residuals],
            "accuracy": self.accuracy,
            "abscissa": self.abscissa,
            "frequency": self.frequency,
            "modulus": self.modulus,
            "uncertainty": {end: list(found) for end, found in self.spread.items()},
            "size": self.size,
            "products": self.products,
            "words": self.words,
        }


def place(values: Any, end: str) -> int:
    """Return the index of the eigenvalue at an end."""
    keys = {
        "real": values.real,
        "imaginary": np.abs(values.imag),
        "modulus": np.abs(values),
        "radius": np.abs(1 + values),
    }
    return int(np.argmax(keys[end]))
