"""The spectrum of a network's field without its matrix, and a check of the products that it is made of.

A network's Jacobian is never formed. Arnoldi iteration asks only for products J^T u, each of which is one pass back
through the recorded field, and J^T has the eigenvalues of J.

Products can be silently wrong: under a gradient penalty they are third derivatives of the discriminator, and those
through PyTorch's fused batch, instance and layer norms have been found off by up to several percent. Hence
`verify_product`: look at one product before believing a spectrum.
"""

from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigs

from tussle import checks
from tussle.autodiff import array, to_numpy
from tussle.field import AbstractField
from tussle.game import Point, as_point, joined, placed, sizes_of, split
from tussle.jacobian import field_operator
from tussle.records import record, static
from tussle.spectra import Spectrum, sorted_spectrum

_Operator: Any = LinearOperator  # SciPy's own annotations of these two are too narrow
_eigs: Any = eigs

TARGETS = ("LM", "LR", "LI")  # as ARPACK calls largest modulus, real part and imaginary part


@record
class LeadingSpectrum:
    """The eigenvalues at three ends of a Jacobian's spectrum, found without the matrix.

    Each is a `Spectrum` with residuals |J^T v - lambda v| for |v| = 1.

    Attributes:
        real: those of largest real part: is the point attracting?
        imaginary: those of largest imaginary part (in modulus, in conjugate pairs): how fast does it rotate? Real ones
            among them mean that no further pair stood out.
        modulus: those of largest modulus: how large may a step be?
        products: how many products J^T u were used.
        size: number of parameters.
        missing: how many of the wanted eigenvalues were not found to the accuracy asked for, by target.
    """

    real: Spectrum
    imaginary: Spectrum
    modulus: Spectrum
    products: int = static()
    size: int = static()
    missing: dict[str, int] = static()

    @property
    def rotation(self) -> float:
        """The largest |Im / Re| of the pairs of largest imaginary part."""
        return self.imaginary.rotation

    @property
    def all(self) -> np.ndarray:
        """All eigenvalues that were found, each once, sorted."""
        found = np.concatenate([s.eigenvalues for s in (self.real, self.imaginary, self.modulus)])
        found = sorted_spectrum(found[np.isfinite(found)])
        step = 1e-6 * max(float(np.abs(found).max(initial=0.0)), 1e-300)
        keep = [k for k, z in enumerate(found) if np.abs(found[:k] - z).min(initial=np.inf) > step]
        return found[keep]


def leading_spectrum(
    field: AbstractField,
    point: Point,
    batch: Any,
    count: int = 6,
    *,
    tolerance: float,
    accuracy: float = 1e-6,
    basis: int | None = None,
    restarts: int = 12,
    dtype: torch.dtype | None = torch.float64,
    seed: int = 0,
) -> LeadingSpectrum:
    """Return the eigenvalues of a field's Jacobian with largest real part, imaginary part and modulus.

    The largest modulus r comes first. The other two are then sought in J^T + r I, which has the same eigenvectors: so
    an eigenvalue counts as found once its residual is small beside r, not beside the eigenvalue, which may be near 0.

    Args:
        field: the field; `Field(network.game)`.
        point: the parameters of the players.
        batch: the batch that stands for the expectations, such as `network.game.sampler(256)(0, 0)`.
        count: how many for each target.
        tolerance: how near to zero a largest real part counts as marginal.
        accuracy: residual, relative to the largest modulus, at which an eigenvalue counts as found; float32 can reach
            about 1e-5.
        basis: Arnoldi vectors; 4 count + 20 by default. More help where eigenvalues crowd, as those near 0 do.
        restarts: how often Arnoldi may start over.
        dtype: the type to compute in; None for that of the point.
        seed: seed of the starting vector.

    Returns:
        the eigenvalues; those that could not be found are missing and counted, never made up: a field that is not
        finite, or whose Jacobian is 0, gives none and the verdict `undefined`.

    Raises:
        ValueError: if more eigenvalues are asked for than Arnoldi can find.
    """
    point, batch = _cast(point, batch, dtype)
    size = sum(sizes_of(point))
    checks.count("count", count)
    if count > size - 3:
        message = (
            f"`count` is {count} for {size} parameters; Arnoldi finds at most {size - 3}; ask for fewer or take "
            "field_jacobian."
        )
        raise ValueError(message)
    operator = _Shifted(field_operator(field, point, batch, transposed=True))
    start = np.random.default_rng(seed).standard_normal(size)
    ncv = min(max(4 * count + 20 if basis is None else basis, count + 3), size)
    found, missing = {}, {}
    for which in TARGETS:
        values, residuals = _arnoldi(operator, count, which, start, accuracy, ncv, restarts)
        missing[which] = max(count - len(values), 0)
        found[which] = _spectrum(values, residuals, tolerance)
        if which == "LM":
            operator.shift = float(np.abs(values).max(initial=0.0))
    return LeadingSpectrum(
        found["LR"], found["LI"], found["LM"], products=operator.products, size=size, missing=missing
    )


class _Shifted:
    """A real operator plus a multiple of the identity; it counts its products."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.shift, self.products = inner, 0.0, 0

    def __call__(self, u: np.ndarray) -> np.ndarray:
        """Return A u + shift u."""
        self.products += 1
        return self.inner @ u + self.shift * u


def _arnoldi(
    operator: _Shifted, count: int, which: str, start: np.ndarray, accuracy: float, ncv: int, restarts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues and residuals; a conjugate pair that the count would cut is kept whole."""
    nothing = np.zeros(0, complex), np.zeros(0)
    if not 0 < np.linalg.norm(operator(start)) < np.inf:
        return nothing
    linear = _Operator((len(start), len(start)), matvec=operator, dtype=np.float64)
    try:
        values, vectors = _eigs(linear, count, which=which, v0=start, tol=accuracy, ncv=ncv, maxiter=restarts)
    except ArpackNoConvergence as failure:
        values, vectors = failure.eigenvalues, failure.eigenvectors
    except ArpackError:
        return nothing
    residuals = np.array([_residual(operator, z, v) for z, v in zip(values, vectors.T, strict=True)])
    near = 1e-9 * np.abs(values).max(initial=0.0)
    alone = [k for k, z in enumerate(values) if abs(z.imag) > near and np.abs(values - z.conj()).min() > near]
    values, residuals = np.append(values, values[alone].conj()), np.append(residuals, residuals[alone])
    return values - operator.shift, residuals


def _residual(operator: _Shifted, value: complex, vector: Any) -> float:
    image = operator(vector.real)
    if np.any(vector.imag):
        image = image + 1j * operator(vector.imag)
    return float(np.linalg.norm(image - value * vector) / np.linalg.norm(vector))


def _spectrum(values: Any, residuals: np.ndarray, tolerance: float) -> Spectrum:
    if len(values) == 0:
        return Spectrum(np.full(1, np.nan, dtype=complex), "flow", tolerance)
    order = np.lexsort((-values.imag, -values.real))
    return Spectrum(values[order], "flow", tolerance, residuals=residuals[order])


def _cast(point: Point, batch: Any, dtype: torch.dtype | None) -> tuple[Point, Any]:
    point = tuple(x.detach().to(dtype=dtype or x.dtype) for x in as_point(point))
    return point, placed(batch, point[0])


# Verification -----------------------------------------------------------------------------------------------


@record
class Verification:
    """What came out when Jacobian products were compared with finite differences of the field.

    Attributes:
        relative_error: the largest difference found, relative to the product.
        tolerance: the largest one that is trusted.
        advice: one sentence: that the products may be trusted, or what to do.
    """

    relative_error: float = static()
    tolerance: float = static()
    advice: str = static()

    @property
    def trusted(self) -> bool:
        """Whether the products may be trusted."""
        return self.relative_error <= self.tolerance


def verify_product(
    field: AbstractField,
    point: Point,
    batch: Any,
    seed: int = 0,
    *,
    tolerance: float = 1e-5,
    directions: int = 2,
) -> Verification:
    """Compare Jacobian products with central differences of the field, in float64.

    For a random direction t, D = (v(x + h t) - v(x - h t)) / 2h is compared with J t, player by player: with u the unit
    vector along a player's part of D, |D| must be u . J t, computed as J^T u . t. The step is eps^(1/3) of the point's
    size, where truncation and rounding balance, and then smaller ones; the best of them counts, since a kink of a
    piecewise linear network between the two points disturbs a difference, but not at every step, while a wrong
    derivative stays wrong at all of them.

    Args:
        field: the field.
        point: the parameters of the players.
        batch: the batch that stands for the expectations.
        seed: seed of the directions.
        tolerance: the largest relative error that is trusted.
        directions: how many directions are tried.

    Returns:
        the error and what it means.
    """
    point, batch = _cast(point, batch, torch.float64)
    x, sizes = joined(point), sizes_of(point)
    back = field_operator(field, point, batch, transposed=True)
    rng = np.random.default_rng(seed)
    worst = 0.0
    for _ in range(checks.count("directions", directions)):
        t = rng.standard_normal(sum(sizes))
        t /= np.linalg.norm(t)
        errors = [_errors(back, _difference(field, x, sizes, batch, t, h), sizes, t) for h in _steps(x)]
        worst = max(worst, *np.min(errors, axis=0))
    return Verification(float(worst), tolerance, _advice(float(worst), tolerance))


def _steps(x: Any) -> list[float]:
    """Return the steps along a unit direction: eps^(1/3) of the point's size, and two smaller ones."""
    first = float(np.finfo(np.float64).eps ** (1 / 3)) * max(float(x.norm()), 1.0)
    return [first, first / 10, first / 100]


def _difference(
    field: AbstractField, x: Any, sizes: tuple[int, ...], batch: Any, t: np.ndarray, h: float
) -> np.ndarray:
    move = h * array(t, x)
    ahead, behind = (to_numpy(joined(field(split(y, sizes), batch))) for y in (x + move, x - move))
    return (ahead - behind) / (2 * h)


def _errors(back: Any, difference: np.ndarray, sizes: tuple[int, ...], t: np.ndarray) -> list[float]:
    """Return each player's relative error; players on which the direction has no effect count as right."""
    found, end = [], 0
    for size in sizes:
        u = np.zeros_like(difference)
        u[end : end + size] = difference[end : end + size]
        end += size
        length = float(np.linalg.norm(u))
        product = float((back @ (u / length)) @ t) if length > 0 else 0.0
        found.append(abs(product - length) / length if length > 0 else 0.0)
    return [e if np.isfinite(e) else np.inf for e in found]


def _advice(error: float, tolerance: float) -> str:
    if error <= tolerance:
        return f"Jacobian products agree with finite differences to {error:.1e}; spectra may be trusted."
    return (
        f"Jacobian products differ from finite differences by {error:.1e} (more than {tolerance:.0e}): do not trust a "
        "spectrum; write batch, instance, layer, weight and spectral norms out in plain arithmetic or put them in "
        "evaluation mode, and prefer smooth activations."
    )
