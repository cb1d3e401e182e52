"""Leading eigenvalues during training, at a bounded number of products.

Of two things: of the field's Jacobian J, which says what a flow would do at this point, and of the update that is
really made, optimizer state included. The latter is read as d = step(x) - x on x = (point, state): its eigenvalues are
those of the update less 1, so that small rates do not crowd them, and the radius is max |1 + nu| over those found.

Each end is right to about a hundredth of the largest modulus; of two eigenvalues whose moduli are nearly the same the
second may come for the first.

Both are those of one batch, and hold for a small neighborhood of a point that is no equilibrium: watch their course.
"""

from typing import Any

import numpy as np

from tussle.autodiff import is_torch
from tussle.field import AbstractField, Explicit
from tussle.game import Point, sizes_of
from tussle.jacobian import field_jacobian, map_jacobian
from tussle.map import Map, ravel, unravel
from tussle.networks.spectrum import leading_spectrum
from tussle.records import record, static

BASIS = 20  # Arnoldi vectors, each as long as all parameters (and the state), in float64
RESTARTS = 3
ACCURACY = 1e-2  # of an eigenvalue, relative to the largest modulus
DENSE = 48  # parameters up to which the dense Jacobian takes no more products
MOST = 3 * (BASIS * RESTARTS + 6)  # products J^T u that one spectrum may take


@record
class Ends:
    """The ends of a spectrum; nan where Arnoldi did not find one.

    Attributes:
        abscissa: the largest real part.
        frequency: the largest imaginary part.
        modulus: the largest modulus.
        values: the eigenvalues that were found.
        products: how many products it took.
    """

    abscissa: float = static()
    frequency: float = static()
    modulus: float = static()
    values: np.ndarray = static()
    products: int = static()

    @property
    def radius(self) -> float:
        """The largest |1 + nu|: that of an update, where the values are those of its displacement; nan if an end is."""
        known = np.isfinite(self.abscissa + self.modulus)
        return float(np.abs(1 + self.values).max()) if known else float("nan")


def field_ends(field: AbstractField, point: Point, batch: Any, seed: int) -> Ends:
    """Return the ends of the spectrum of a field's Jacobian.

    Args:
        field: the field.
        point: the point, of either engine; with JAX the Jacobian is dense.
        batch: the batch.
        seed: seed of the starting vector.

    Returns:
        the ends, found by at most `MOST` products for networks.
    """
    size = sum(sizes_of(point))
    if not is_torch(point[0]) or size <= DENSE:
        return _dense(field_jacobian(field, point, batch))
    found = leading_spectrum(
        field,
        point,
        batch,
        1,
        tolerance=0.0,
        accuracy=ACCURACY,
        basis=BASIS,
        restarts=RESTARTS,
        dtype=None,
        seed=seed,
    )
    return Ends(
        float(found.real.eigenvalues.real.max()),
        float(np.abs(found.imaginary.eigenvalues.imag).max()),
        float(np.abs(found.modulus.eigenvalues).max()),
        found.all,
        found.products,
    )


def update_ends(map: Map, point: Point, state: Any, batch: Any, seed: int) -> Ends:
    """Return the ends of the spectrum of d = step(x) - x, x = (point, state).

    Args:
        map: the method.
        point: the point.
        state: the rule's state.
        batch: the batch of a whole step.
        seed: seed of the starting vector.

    Returns:
        the ends; their `radius` is that of the update.
    """
    whole, pattern = ravel((point, state))
    if not is_torch(whole) or whole.shape[0] <= DENSE:
        matrix = map_jacobian(map, point, state, batch)
        return _dense(matrix - np.eye(len(matrix)))

    def displacement(x: Point, batch: Any) -> Point:
        now, before = unravel(x[0], pattern)
        after, later, _ = map.step(now, before, batch)
        return (ravel((after, later))[0] - x[0],)

    return field_ends(Explicit(map.field.game, displacement), (whole,), batch, seed)


def _dense(matrix: np.ndarray) -> Ends:
    if not np.all(np.isfinite(matrix)):
        nan = float("nan")
        return Ends(nan, nan, nan, np.zeros(0, dtype=complex), len(matrix))
    values = np.linalg.eigvals(matrix)
    ends = float(values.real.max()), float(np.abs(values.imag).max()), float(np.abs(values).max())
    return Ends(*ends, values, len(matrix))
