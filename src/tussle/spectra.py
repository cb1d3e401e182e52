"""Spectra and what they say.

Eigenvalues are sorted by real part, then by imaginary part, both descending; parts that differ by less than 1e-10 of
the largest modulus count as equal in the sorting. A verdict is local: `converges`, `marginal`, `diverges`, or
`undefined` where the field has no Jacobian. Modulus 1 (or real part 0) within the tolerance is marginal.
"""

from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tussle.records import record


class Verdict(StrEnum):
    """What linearization says of an equilibrium."""

    CONVERGES = "converges"
    MARGINAL = "marginal"
    DIVERGES = "diverges"
    UNDEFINED = "undefined"


@record
class Spectrum:
    """Eigenvalues of a field's or of a map's Jacobian.

    Attributes:
        eigenvalues: sorted, complex, (n,).
        of: `flow` (a field: converges if all real parts are negative) or `map` (if all moduli are below 1).
        tolerance: how near to the boundary counts as marginal.
        smooth: False if the field has no Jacobian there; then the verdict is undefined.
        residuals: |J v - lambda v| of each pair where an iterative solver found them, else None.
    """

    eigenvalues: NDArray[np.complex128]
    of: str
    tolerance: float
    smooth: bool = True
    residuals: Any = None

    @property
    def abscissa(self) -> float:
        """The largest real part."""
        return float(self.eigenvalues.real.max())

    @property
    def radius(self) -> float:
        """The largest modulus."""
        return float(np.abs(self.eigenvalues).max())

    @property
    def rotation(self) -> float:
        """The largest |Im / Re|; infinite for a pure rotation, 0 where every eigenvalue is real."""
        return rotation(self.eigenvalues)

    @property
    def verdict(self) -> Verdict:
        """What the eigenvalues say."""
        if not self.smooth or not np.all(np.isfinite(self.eigenvalues)):
            return Verdict.UNDEFINED
        excess = self.abscissa if self.of == "flow" else self.radius - 1
        if abs(excess) <= self.tolerance:
            return Verdict.MARGINAL
        return Verdict.CONVERGES if excess < 0 else Verdict.DIVERGES

    def to_numpy(self) -> np.ndarray:
        """Return the eigenvalues."""
        return self.eigenvalues


def rotation(eigenvalues: NDArray[np.complex128]) -> float:
    """Return the largest |Im / Re| of some eigenvalues (0/0 counts as 0)."""
    re, im = np.abs(eigenvalues.real), np.abs(eigenvalues.imag)
    ratios = np.divide(im, re, out=np.where(im > 0, np.inf, 0.0), where=re > 0)
    return float(ratios.max(initial=0.0))


def sorted_spectrum(eigenvalues: NDArray[Any]) -> NDArray[np.complex128]:
    """Sort eigenvalues by real part, then imaginary part, both descending.

    Example:
        >>> sorted_spectrum(np.array([-1, 0.5 - 2j, 0.5 + 2j])).tolist()
        [(0.5+2j), (0.5-2j), (-1+0j)]
    """
    values: NDArray[np.complex128] = np.asarray(eigenvalues, dtype=np.complex128)
    if values.size == 0 or not np.all(np.isfinite(values)):
        return values
    return values[order_of(values)]


def order_of(values: NDArray[np.complex128]) -> NDArray[np.int64]:
    """Return the indices that sort finite eigenvalues by real part, then imaginary part, both descending."""
    first = np.argsort(-values.real, kind="stable")
    step = 1e-10 * max(float(np.abs(values).max()), 1e-300)
    group = np.concatenate([[0], np.cumsum(-np.diff(values.real[first]) > step)])
    return first[np.lexsort((-values.real[first], -values.imag[first], group))]


def spectrum(matrix: np.ndarray, *, of: str, tolerance: float, smooth: bool = True) -> Spectrum:
    """Return the spectrum of a dense Jacobian.

    Args:
        matrix: square, (n, n).
        of: `flow` or `map`.
        tolerance: how near to the boundary counts as marginal.
        smooth: whether the field has a Jacobian there.

    Raises:
        ValueError: if the matrix is not square or `of` is neither.
    """
    if of not in ("flow", "map"):
        message = f"`of` is {of!r}; it may be flow or map; say whose Jacobian this is."
        raise ValueError(message)
    matrix = np.asarray(matrix, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        message = f"`matrix` has shape {matrix.shape}; it must be square; give the Jacobian of all players at once."
        raise ValueError(message)
    if not np.all(np.isfinite(matrix)):
        return Spectrum(np.full(len(matrix), np.nan, dtype=np.complex128), of, tolerance, smooth)
    return Spectrum(sorted_spectrum(np.linalg.eigvals(matrix)), of, tolerance, smooth)


def leading(
    operator: Any, count: int, which: str, *, of: str, tolerance: float, accuracy: float = 1e-10, seed: int = 0
) -> Spectrum:
    """Return a few eigenvalues of an operator by Arnoldi iteration (ARPACK).

    Args:
        operator: a SciPy operator, (d, d), such as `field_operator(...)`.
        count: how many; at most d - 2.
        which: `LR` largest real part, `LI` largest imaginary part (in modulus), `LM` largest modulus, `SR` smallest
            real part.
        of: `flow` or `map`.
        tolerance: how near to the boundary counts as marginal.
        accuracy: residual, relative to the eigenvalue, at which ARPACK stops; float32 products reach about 1e-5.
        seed: seed of the starting vector.

    Returns:
        the spectrum, with the residual of each eigenpair; only what was found, nan if nothing was.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, eigs

    size = operator.shape[0]
    if count > size - 2:
        message = f"`count` is {count} for {size} parameters; Arnoldi finds at most {size - 2}; ask for fewer."
        raise ValueError(message)
    start = np.random.default_rng(seed).standard_normal(size)
    try:
        solver: Any = eigs
        most = max(300, 10 * count)
        values, vectors = solver(operator, k=count, which=which, v0=start, tol=accuracy, maxiter=most)
    except ArpackNoConvergence as failure:
        values, vectors = failure.eigenvalues, failure.eigenvectors
    if len(values) == 0:
        return Spectrum(np.full(1, np.nan, dtype=np.complex128), of, tolerance)
    order = order_of(np.asarray(values, dtype=np.complex128))
    images = [operator @ v.real + 1j * (operator @ v.imag) for v in vectors.T]
    residuals = np.array([np.linalg.norm(images[k] - values[k] * vectors[:, k]) for k in order])
    return Spectrum(np.asarray(values)[order], of, tolerance, residuals=residuals)
