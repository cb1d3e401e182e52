"""Charts: what stability becomes as hyper-parameters vary."""

import numpy as np
from numpy.typing import NDArray

from tussle.records import record


@record
class Chart:
    """The radius of the map at the equilibrium over two hyper-parameters.

    Attributes:
        names: names of the two, (horizontal, vertical).
        x: values of the first, (n,).
        y: values of the second, (m,).
        radius: the largest modulus of the map's eigenvalues, (m, n).
        tolerance: how near to 1 counts as marginal.
    """

    names: tuple[str, str]
    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    tolerance: float

    @property
    def stable(self) -> np.ndarray:
        """Where the map converges, (m, n)."""
        return self.radius < 1 - self.tolerance


@record
class EigenvaluePath:
    """Eigenvalues as one hyper-parameter moves.

    Attributes:
        name: of the hyper-parameter.
        values: (n,).
        eigenvalues: (n, k), each column one eigenvalue followed continuously.
        of: `flow` or `map`.
    """

    name: str
    values: np.ndarray
    eigenvalues: NDArray[np.complex128]
    of: str


@record
class Bifurcation:
    """A bifurcation diagram over one hyper-parameter.

    Attributes:
        name: of the hyper-parameter.
        values: (n,).
        equilibria: the continued equilibrium, (n, d).
        radius: the map's radius there, (n,).
        onset: the value at which the leading pair leaves the unit circle, or None.
        amplitude: half the extent of each coordinate on the attractor, (n, d); 0 where the equilibrium attracts, nan
            where the run escaped.
        period: in steps, (n,); nan where there is no cycle.
        kind: how the pair leaves: `neimark_sacker` (complex), `flip` (-1), `fold` (+1), or None.
    """

    name: str
    values: np.ndarray
    equilibria: np.ndarray
    radius: np.ndarray
    onset: float | None
    amplitude: np.ndarray
    period: np.ndarray
    kind: str | None


@record
class Basin:
    """Where runs from a grid of starts end.

    Attributes:
        names: of the two varied parameters, (horizontal, vertical).
        x: (n,).
        y: (m,).
        which: index of the equilibrium that was reached, (m, n); -1 none, -2 not finite, -3 escaped.
        distance: of the end from the nearest equilibrium, (m, n).
        equilibria: (k, d).
        steps: taken by every run.
    """

    names: tuple[str, str]
    x: np.ndarray
    y: np.ndarray
    which: np.ndarray
    distance: np.ndarray
    equilibria: np.ndarray
    steps: int

    @property
    def share(self) -> float:
        """The share of starts that reached an equilibrium."""
        return float(np.mean(self.which >= 0))

    @property
    def count(self) -> int:
        """The number of starts that reached an equilibrium."""
        return int(np.sum(self.which >= 0))
