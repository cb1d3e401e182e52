"""The continuous flow x' = v(x): the limit of small steps."""

from typing import Any

import numpy as np

from tussle import checks
from tussle.field import AbstractField, read_many
from tussle.game import check_point
from tussle.records import record


@record
class Flow:
    """A solution of the flow.

    Attributes:
        time: (n,).
        path: (n, d), the players' vectors joined.
        ending: `reached` the end time, or `stopped` where the solver could not go on (the reason is in `message`).
        message: the solver's own word.
    """

    time: np.ndarray
    path: np.ndarray
    ending: str
    message: str

    @property
    def end(self) -> np.ndarray:
        """The last point, (d,)."""
        return self.path[-1]


def flow(field: AbstractField, start: Any, time: float, *, rtol: float, atol: float, count: int = 201) -> Flow:
    """Solve x' = v(x) from a start by an explicit Runge-Kutta method of order 8 (DOP853).

    Args:
        field: the field.
        start: one vector per player.
        time: end time.
        rtol: relative tolerance.
        atol: absolute tolerance.
        count: points returned, evenly spaced in time.

    Example:
        >>> import tussle
        >>> field = tussle.Field(tussle.models.dirac().game)
        >>> end = tussle.flow(field, (1.0, 1.0), 10.0, rtol=1e-10, atol=1e-12).end
        >>> round(float(end @ end), 8)
        2.0
    """
    from scipy.integrate import solve_ivp

    x = [np.atleast_1d(np.asarray(p, dtype=float)) for p in start]
    check_point(field.game, tuple(x))
    sizes = [len(p) for p in x]
    grid = np.linspace(0.0, checks.positive("time", time), checks.count("count", count, 2))

    def velocity(_: float, point: np.ndarray) -> np.ndarray:
        return read_many(field, point[None], sizes)[0]

    found = solve_ivp(velocity, (0.0, time), np.concatenate(x), "DOP853", grid, rtol=rtol, atol=atol)
    return Flow(found.t, found.y.T, "reached" if found.success else "stopped", found.message)
