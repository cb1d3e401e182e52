"""Basins of the plateaux: from which starts a run ends on which plateau, fast enough for fine maps.

With a, g, c fixed the paper's problem in (b, h) separates, J = p(b) + q(a h + b). Its field then needs only the two
functions p' and q' of one variable each. They are tabulated by piecewise polynomials to rounding; to the left of the
table they are exact exponentials.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import Array, compiled, jax_engine, to_numpy, vectorized
from tussle.field import Field
from tussle.game import Point, split
from tussle.lowdim.plateau import CLASSES, classes, corners
from tussle.map import Map
from tussle.models.erf_lsgan import ErfLSGAN
from tussle.moments import EXPONENTIAL, Part, square
from tussle.records import record, static
from tussle.rules.base import AbstractRule
from tussle.trajectory import Keep, run

LEFT, RIGHT, WIDTH, DEGREE = -7.0, 9.0, 0.25, 13  # of the tables


@record
class PlateauBasin:
    """Which plateau a run from each start ends on.

    Attributes:
        names: of the two varied parameters, (horizontal, vertical).
        x: (n,).
        y: (m,).
        which: index in `CLASSES`, (m, n).
        steps: taken by every run.
        ends: the last points, (m, n, d), the generator's parameters first.
    """

    names: tuple[str, str]
    x: np.ndarray
    y: np.ndarray
    which: np.ndarray
    steps: int
    ends: np.ndarray

    @property
    def counts(self) -> dict[str, int]:
        """How many starts end on each plateau."""
        return {name: int(np.sum(self.which == k)) for k, name in enumerate(CLASSES)}

    def to_json(self) -> dict[str, Any]:
        """Return the counts, the shares and the grid."""
        total = max(self.which.size, 1)
        return {
            "names": list(self.names), "x": self.x, "y": self.y, "steps": self.steps, "counts": self.counts,
            "shares": {k: v / total for k, v in self.counts.items()}, "classes": list(CLASSES), "which": self.which,
        }  # fmt: skip


def plateau_basin(
    model: Any,
    rule: AbstractRule,
    *,
    window: Sequence[float],
    count: int | tuple[int, int],
    steps: int,
    names: tuple[str, str] = ("b", "h"),
    tables: bool = True,
) -> PlateauBasin:
    """Run an erf-LSGAN from a grid of starts and say on which plateau each run ends.

    Args:
        model: from `models.erf_lsgan`, with closed forms.
        rule: the rule with its pace.
        window: left, right, bottom, top of the grid.
        count: starts along each side, one number or two.
        steps: of every run.
        names: the two free parameters that vary; others start from the model's own start.
        tables: whether to read the field from tables where they hold (b and h free, exponential laws).

    Returns:
        the basin; memory does not depend on the number of steps.

    Raises:
        ValueError: if the window is empty, a name is not free, or a number is not positive.
    """
    game: ErfLSGAN = model.game
    left, right, bottom, top = (float(v) for v in window)
    if not (left < right and bottom < top):
        message = f"`window` is {tuple(window)}; it must be left < right, bottom < top; give such four numbers."
        raise ValueError(message)
    columns, rows = (count, count) if isinstance(count, (int, np.integer)) else count
    x = np.linspace(left, right, checks.count("count", columns, 2))
    y = np.linspace(bottom, top, checks.count("count", rows, 2))
    places = [game.free.index(checks.choice("names", name, game.free)) for name in names]
    starts = np.tile(np.concatenate(model.start), (len(x) * len(y), 1))
    starts[:, places[0]], starts[:, places[1]] = (a.ravel() for a in np.meshgrid(x, y))
    field: Any = tabulated(game) if tables and separates(game) else Field(game)
    ends = run(Map(field, rule), split(starts, game.sizes), steps, keep=Keep.ends()).end
    shape = (len(y), len(x))
    which = classes(*corners(game, ends)).reshape(shape)
    return PlateauBasin(names, x, y, which, steps, ends.reshape(*shape, -1))


# The separated problem -----------------------------------------------------------------------------------------------


@record
class Separated:
    """The field of b and h by tables of p' and q'.

    Attributes:
        game: the game.
        first: coefficients of p'(b), (panels, degree + 1).
        second: coefficients of q'(eta), eta = a h + b.
        rates: of the exponentials to the left of the tables.
        slope: a.
    """

    game: ErfLSGAN
    first: Array
    second: Array
    rates: tuple[Any, Any]
    slope: Any
    names: tuple[str, ...] = static(default=("h", "b"))

    def player(self, player: int, point: Point, batch: Any = None) -> Array:  # noqa: ARG002
        """Return the velocity of h (0) or of b (1)."""
        h, b = point[0], point[1]
        fake = _read(self.second, self.slope * h + b, self.rates[1])
        return _read(self.first, b, self.rates[0]) + fake if player else -self.slope * fake

    def __call__(self, point: Point, batch: Any = None) -> Point:
        """Return both velocities."""
        return self.player(0, point, batch), self.player(1, point, batch)


def separates(game: Any) -> bool:
    """Say whether the tables hold: the paper's cost in b and h alone, exponential laws, a > 0, g > 0."""
    return (
        isinstance(game, ErfLSGAN)
        and game.cost.name == "paper"
        and set(game.free) == {"b", "h"}
        and all(len(parts) == 1 and parts[0].shape is EXPONENTIAL for parts in (game.data, game.latent))
        and all(float(p.location) == 0 and float(p.scale) > 0 for p in (*game.data, *game.latent))
        and float(game.a) > 0
        and float(game.g) > 0
    )


def tabulated(game: ErfLSGAN) -> Separated:
    """Return the field of a separated game by tables; absolute error below 1e-14.

    Raises:
        ValueError: if the game does not separate.
    """
    if not separates(game):
        message = (
            "`game` does not separate; tables are for the paper's cost with b and h free, exponential laws, a > 0 and "
            "g > 0; use Field(game)."
        )
        raise ValueError(message)
    a = float(game.a) * game.factor
    scales = a * float(game.data[0].scale), a * float(game.g) * float(game.latent[0].scale)
    first, second = (_table(scale, target) for scale, target in zip(scales, (0.0, 1.0), strict=True))
    return Separated(game, first, second, (1 / scales[0], 1 / scales[1]), a)


def _table(scale: float, target: float) -> np.ndarray:
    """Return polynomials, highest power first, of d Psi / dB on panels of [LEFT, RIGHT], (panels, DEGREE + 1)."""
    edges = np.arange(LEFT, RIGHT, WIDTH)
    count = DEGREE + 1
    t = np.cos(np.pi * (np.arange(count) + 0.5) / count)
    b = edges[:, None] + WIDTH * (t + 1) / 2
    values = to_numpy(_slope(Part(EXPONENTIAL), target, scale, b.ravel())).reshape(b.shape)
    chebyshev = np.polynomial.chebyshev.chebfit(t, values.T, DEGREE).T
    powers = [np.polynomial.chebyshev.cheb2poly(row) for row in chebyshev]
    return np.array([np.pad(row, (0, count - len(row)))[::-1] for row in powers])


@compiled(static=("target",))
def _slope(part: Part, target: float, scale: Any, b: Array) -> Array:
    jax = jax_engine()
    return vectorized(jax.grad(lambda x: square((part,), target, scale, x)))(b)


def _read(table: Array, x: Array, rate: Any) -> Array:
    """Return a tabulated function; to the left it decays like exp(rate x), to the right it is gone."""
    xp = jax_engine().numpy
    table = xp.asarray(table)
    inside = xp.clip(x, LEFT, RIGHT - 1e-9)
    place = (inside - LEFT) / WIDTH
    k = place.astype(xp.int32)
    t = 2 * (place - k) - 1
    rows = table[k]
    value = rows[..., 0]
    for j in range(1, DEGREE + 1):
        value = value * t + rows[..., j]
    left = xp.exp(rate * xp.minimum(x - LEFT, 0.0))
    return xp.where(x > RIGHT - 1e-9, 0.0, value * left)
