"""Optimal critics of two laws in one dimension, by quadrature.

Gauss-Legendre panels end at the breaks of both densities and where the densities cross, so that total variation and
hinges, which have a kink there, converge as fast as the smooth ones. Panels are doubled until nothing changes; the last
change is the error estimate.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tussle import checks
from tussle.analysis import plain
from tussle.critics.finite import is_linear, rest_of
from tussle.critics.kinds import resolved
from tussle.critics.masses import Masses
from tussle.critics.named import Named, named
from tussle.critics.weights import Weight, loss_weight, weights_at
from tussle.laws.base import AbstractLaw, column
from tussle.losses import Loss
from tussle.records import record, static

ORDER = 16  # nodes a panel
MOST = 4096  # panels at most
PAIRS = 3000  # nodes at most where a formula runs over all pairs of them


@record
class DensityCritic:
    """The optimal critic of two laws in one dimension.

    Calling it with points x gives the optimal outputs there.

    Attributes:
        loss: name of the loss.
        name: the divergence as a formula.
        divergence: its value.
        rest: the game's value where the laws agree, of the best constant critic.
        value: rest + divergence, the game's value for the critic.
        error: estimate of the error of the divergence: the change at the last doubling of the panels.
        panels: how many there were at last.
        points: the nodes, (panels, order).
        masses: the masses of both laws at the nodes.
        laws: the real and the generated law.
        known: the divergence's formula and optimal output.
        made: the loss.
    """

    loss: str = static()
    name: str = static()
    divergence: float
    rest: float
    value: float
    error: float
    panels: int = static()
    points: np.ndarray
    masses: Masses
    laws: tuple[AbstractLaw, AbstractLaw] = static()
    known: Named = static()
    made: Loss

    def __call__(self, x: Any) -> np.ndarray:
        """Return the optimal outputs at points x, (n,)."""
        output = self.known.output
        assert output is not None
        return output(log_ratio(*self.laws, column(np.atleast_1d(x))), self.masses)

    def generator_gradient(
        self, weight: Weight | None = None, velocity: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> float:
        """Return the derivative of a divergence when the generated law flows: -E_q [w(C) C'(x) v(x)], C = log(p/q).

        Args:
            weight: logits -> generator weights; that of the loss's own generator by default.
            velocity: v(x) = dx/dtheta of a fake; 1 (the generated law is shifted) by default.

        Raises:
            ValueError: if one law has points that the other has not: there the derivative has a boundary term.
        """
        ell = self.masses.logit.reshape(self.points.shape)
        if not np.all(np.isfinite(ell)):
            message = "`laws` have different supports; log(p/q) is infinite there; give two laws of one support."
            raise ValueError(message)
        chosen = loss_weight(self.made) if weight is None else weight
        widths = self.points[:, -1] - self.points[:, 0]
        slope = ell @ _differentiation().T / widths[:, None]
        moved = slope if velocity is None else slope * velocity(self.points)
        return -float(np.sum(self.masses.q * (weights_at(chosen, ell.reshape(-1)) * moved.reshape(-1))))

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON knows it, without the nodes."""
        keys = ("loss", "name", "divergence", "rest", "value", "error", "panels")
        return plain({key: getattr(self, key) for key in keys})


def density_critic(
    loss: Loss | str, p: AbstractLaw, q: AbstractLaw, *, tolerance: float = 1e-12, **options: Any
) -> DensityCritic:
    """Return the optimal critic of two laws in one dimension as a function, with the divergence that it is.

    Args:
        loss: a plain loss, or a relativistic one whose critic has a formula: rp- ra- rc- ralf-least_squares,
            rp-logistic, rp-alpha, and rp- ra- ralf-exponential; a name, a text NAME,option=value, or a Loss.
        p: the real law.
        q: the generated law.
        tolerance: change of the divergence, relative to 1 + its value, at which panels are no longer doubled.
        **options: of the loss, for a name.

    Raises:
        ValueError: if a law is not of one dimension, or the loss has no formula.

    >>> from tussle import laws
    >>> found = density_critic("minimax", laws.Normal(0.0, 1.0), laws.Normal(1.0, 1.0))
    >>> round(found.divergence, 8), found([0.0, 0.5]).round(12).tolist()
    (0.22284297, [0.5, 0.0])
    """
    checks.positive("tolerance", tolerance)
    made, kind = resolved(loss, options)
    known = named(kind)
    if known is None or known.output is None or is_linear(made):
        message = (
            f"`loss` is {made.name}; on densities it may be a plain loss or a relativistic one with a formula "
            "(wasserstein and hinges under a coupling have none); take optimal_critic on a grid of masses."
        )
        raise ValueError(message)
    for name, law in (("p", p), ("q", q)):
        if law.dimension != 1:
            message = (
                f"`{name}` has {law.dimension} dimensions; critics on densities are of one; give a law on the line."
            )
            raise ValueError(message)
    points, found, value, error = _refined(known, p, q, tolerance, "paired" if made.coupling == "paired" else "")
    rest = rest_of(made, known)
    return DensityCritic(
        made.name, known.text, value, rest, rest + value, error, len(points), points, found, (p, q), known, made
    )


def log_ratio(p: AbstractLaw, q: AbstractLaw, x: np.ndarray) -> np.ndarray:
    """Return log p(x) - log q(x) at points (n,), 0 where neither law has a density."""
    return Masses(p.log_density(x[:, None]), q.log_density(x[:, None])).logit


def _refined(
    known: Named, p: AbstractLaw, q: AbstractLaw, tolerance: float, pairs: str
) -> tuple[np.ndarray, Masses, float, float]:
    """Double the panels until the divergence no longer changes."""
    cuts = _cuts(p, q)
    count, last = 1, math.nan
    most = PAIRS // ORDER if pairs else MOST
    while True:
        edges = np.concatenate(
            [np.linspace(a, b, count, endpoint=False) for a, b in itertools.pairwise(cuts)] + [cuts[-1:]]
        )
        points, found = _nodes(p, q, edges)
        value = known.value(found)
        error = 0.0 if value == last else abs(value - last)
        if error <= tolerance * (1 + abs(value)) or 2 * (len(edges) - 1) > most:
            missed = max(abs(1 - float(found.p.sum())), abs(1 - float(found.q.sum())))
            return points, found, value, error + missed
        count, last = 2 * count, value


def _cuts(p: AbstractLaw, q: AbstractLaw) -> np.ndarray:
    """Return where panels must end: windows, breaks, and the crossings of the densities."""
    from scipy.optimize import brentq

    ends = [float(v[0]) for law in (p, q) for v in law.window]
    low, high = min(ends), max(ends)
    inside = [b for law in (p, q) for b in law.breaks if low < b < high]
    # Each window has its own grid: a narrow law within a wide one is seen too.
    grids = [np.linspace(float(law.window[0][0]), float(law.window[1][0]), 257) for law in (p, q)]
    grid = np.unique(np.concatenate([*grids, np.asarray(inside, dtype=np.float64)]))
    ell = log_ratio(p, q, grid)
    crossings = []
    for k in np.flatnonzero(np.isfinite(ell[:-1]) & np.isfinite(ell[1:]) & (ell[:-1] * ell[1:] < 0)):
        root = brentq(lambda x: float(log_ratio(p, q, np.array([x]))[0]), grid[k], grid[k + 1], xtol=1e-15)
        crossings.append(float(np.asarray(root)))
    crossings += [float(x) for x in grid[1:-1][ell[1:-1] == 0]] if np.count_nonzero(ell == 0) < 16 else []
    coarse = [x for g in grids for x in g[::32]]
    return np.unique(np.asarray([*coarse, *inside, *crossings, low, high]))


def _nodes(p: AbstractLaw, q: AbstractLaw, edges: np.ndarray) -> tuple[np.ndarray, Masses]:
    """Return the nodes on the panels between edges and the log masses there."""
    points, weights = np.polynomial.legendre.leggauss(ORDER)
    half = np.diff(edges)[:, None] / 2
    x = edges[:-1, None] + half * (points + 1)
    flat = x.reshape(-1)[:, None]
    with np.errstate(divide="ignore"):  # panels between edges that rounding made one
        mass = np.log((half * weights).reshape(-1))
    return x, Masses(p.log_density(flat) + mass, q.log_density(flat) + mass)


def _differentiation() -> np.ndarray:
    """Return the matrix that differentiates the polynomial through the nodes of a panel of length 1 between them."""
    x = np.polynomial.legendre.leggauss(ORDER)[0]
    x = x / (x[-1] - x[0])
    gap = x[:, None] - x[None, :] + np.eye(ORDER)
    product = np.prod(gap, axis=1)
    matrix = product[:, None] / (product[None, :] * gap)
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return matrix
