"""Local Nash equilibria of parametric games: slopes, each player's own curvature, and the deviation that disproves.

A point is a strict local Nash equilibrium if each player's slope vanishes and its own Hessian (a diagonal block of
minus the field's Jacobian) is positive definite. A vanishing slope with a negative curvature disproves it, and the
eigenvector is the deviation. In between, where a curvature is 0, second order decides nothing: deviations are searched
for, and the verdict says so. None of this is stability: the field may be attracted to points that are no equilibria,
and leave strict ones.

References:
    Ratliff, Burden, Sastry, "On the characterization of local Nash equilibria in continuous games", 2016.
    Mazumdar, Jordan, Sastry, "On finding local Nash equilibria (and only local Nash equilibria)", 2019.
"""

import functools
from enum import StrEnum
from typing import Any

import numpy as np

from tussle import checks
from tussle.analysis import plain
from tussle.autodiff import Array, compiled, float64, to_numpy, value_and_gradient
from tussle.field import Field
from tussle.game import AbstractGame, Point, as_point, check_point, replaced
from tussle.jacobian import field_jacobian
from tussle.nash.deviations import Deviation
from tussle.nash.stackelberg import Stackelberg, stackelberg
from tussle.records import record, static
from tussle.spectra import Spectrum, spectrum

NOISE = 1e-13  # rounding of a loss, relative to 1 + its size


class LocalStatus(StrEnum):
    """What is known of a point."""

    STRICT = "strict local Nash equilibrium"
    FLAT = "no improving deviation found, second order undecided"
    REFUTED = "not a local Nash equilibrium"


@record
class LocalNash:
    """What a check of a parametric game found.

    Attributes:
        players: their names.
        point: one vector per player.
        slopes: length of each player's own gradient (of the step that is left after projection, under a constraint).
        curvatures: eigenvalues of each player's own Hessian, ascending.
        status: strict, flat or refuted.
        deviations: for each player, the best small deviation found, or None.
        far: for each player, the best deviation within `reach`, or None.
        stackelberg: the differential Stackelberg test with each player as leader; empty unless there are two.
        flow: spectrum of the field's Jacobian: whether the field is attracted, another question altogether.
        tolerance: slope and curvature that count as 0.
        radius: how far small deviations go.
        reach: how far the others were looked for, or None.
    """

    players: tuple[str, ...] = static()
    point: Point
    slopes: np.ndarray
    curvatures: tuple[np.ndarray, ...]
    status: LocalStatus = static()
    deviations: tuple[Deviation | None, ...]
    far: tuple[Deviation | None, ...]
    stackelberg: tuple[Stackelberg, ...]
    flow: Spectrum
    tolerance: float
    radius: float
    reach: float | None

    @property
    def holds(self) -> bool:
        """Whether nothing disproves the point, near or (with a reach) far."""
        return self.status is not LocalStatus.REFUTED and self.disproof is None

    @property
    def disproof(self) -> Deviation | None:
        """The deviation with the largest gain, None if there is none."""
        found = [d for d in (*self.deviations, *self.far) if d is not None]
        return max(found, key=lambda d: d.gain) if found else None

    def __str__(self) -> str:
        """Return the verdict, the disproof and the stability as sentences."""
        lines = [str(self.status)]
        if self.disproof is not None:
            lines.append(str(self.disproof))
        lines.append(f"the field's linearization there {self.flow.verdict} (abscissa {self.flow.abscissa + 0.0:.6g})")
        lines += [
            f"leader {s.leader}: {'differential Stackelberg' if s.holds else 'not'}: {s.reason}"
            for s in self.stackelberg
        ]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON knows it."""
        return plain(
            {
                "players": list(self.players),
                "point": list(self.point),
                "slopes": self.slopes,
                "curvatures": list(self.curvatures),
                "status": str(self.status),
                "holds": self.holds,
                "disproof": None if self.disproof is None else self.disproof.to_json(),
                "stackelberg": [s.to_json() for s in self.stackelberg],
                "flow": {"abscissa": self.flow.abscissa, "verdict": str(self.flow.verdict)},
                "tolerance": self.tolerance,
                "radius": self.radius,
                "reach": self.reach,
            }
        )


@compiled(static=("player",))
def _own(game: AbstractGame, point: Point, batch: Any, x: Array, player: int) -> tuple[Array, Array]:
    """Return a player's loss and slope at its own parameters x."""
    return value_and_gradient(lambda s: game.loss(player, replaced(point, player, s), batch), x)


def check_local(
    game: AbstractGame, at: Any, *, batch: Any = None, tolerance: float = 1e-7, radius: float = 1e-2,
    reach: float | None = None, draws: int = 16, seed: int = 0,
) -> LocalNash:  # fmt: skip
    """Check a point of a parametric game.

    Args:
        game: the game.
        at: the point, one number or vector per player.
        batch: the batch; the game's exact expectation by default.
        tolerance: slope and curvature that count as 0.
        radius: how far small deviations go.
        reach: how far in each parameter to look for deviations that are not small; None for not at all.
        draws: starts of the searches of a player whose curvature decides nothing, and of the far ones.
        seed: of the starts.

    Raises:
        ValueError: if the point does not fit the game.
    """
    checks.positive("tolerance", tolerance)
    checks.positive("radius", radius)
    checks.count("draws", draws)
    if reach is not None:
        checks.positive("reach", reach)
    with float64():
        point = as_point(at)
        check_point(game, point)
        batch = game.expectation() if batch is None else batch
    matrix = field_jacobian(Field(game), point, batch)
    ends = np.cumsum([len(x) for x in point])
    spans = [slice(e - len(x), e) for e, x in zip(ends, point, strict=True)]
    hessians = tuple(-0.5 * (matrix[s, s] + matrix[s, s].T) for s in spans)
    views = [_View(game, point, batch, k, tolerance, radius, draws, seed) for k in range(len(point))]
    slopes = np.array([view.residual() for view in views])
    near = tuple(v.small(s, h) for v, s, h in zip(views, slopes, hessians, strict=True))
    far = tuple(None if reach is None else v.search(reach, "going far, to") for v in views)
    curvatures = tuple(np.linalg.eigvalsh(h) for h in hessians)
    strict = bool(np.all(slopes <= tolerance)) and all(c[0] > tolerance for c in curvatures)
    refuted = any(d is not None for d in near) or bool(np.any(slopes > tolerance))
    status = LocalStatus.REFUTED if refuted else LocalStatus.STRICT if strict else LocalStatus.FLAT
    led = ()
    if len(point) == 2 and np.all(slopes <= tolerance):
        pair = (hessians[0], hessians[1])
        led = tuple(stackelberg(game, point, k, pair, batch, tolerance) for k in (0, 1))
    flow = spectrum(matrix, of="flow", tolerance=tolerance)
    plain_point = tuple(to_numpy(x) for x in point)
    return LocalNash(
        game.players, plain_point, slopes, curvatures, status, near, far, led, flow, tolerance, radius, reach
    )


@record
class _View:
    """A game as one player sees it: its own loss over its own parameters x, the others held."""

    game: AbstractGame = static()
    point: Point = static()
    batch: Any = static()
    player: int = static()
    tolerance: float = static()
    radius: float = static()
    draws: int = static()
    seed: int = static()

    @functools.cached_property
    def here(self) -> np.ndarray:
        """The player's parameters at the point."""
        return to_numpy(self.point[self.player])

    @functools.cached_property
    def rest(self) -> tuple[float, np.ndarray]:
        """Loss and slope at the point."""
        return self.read(self.here)

    @property
    def floor(self) -> float:
        """The rounding of the loss."""
        return NOISE * (1 + abs(self.rest[0]))

    def read(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return loss and slope at the player's parameters."""
        value, slope = _own(self.game, self.point, self.batch, x, self.player)
        return float(value), to_numpy(slope)

    def feasible(self, x: np.ndarray) -> np.ndarray:
        """Return the feasible point nearest to x."""
        with float64():
            return to_numpy(self.game.project(self.player, as_point([x])[0]))

    def residual(self) -> float:
        """Return the length of the step along minus the slope that the constraints leave."""
        return float(np.linalg.norm(self.feasible(self.here - self.rest[1]) - self.here))

    def noise(self, x: np.ndarray) -> float:
        """Return the gain that rounding, a slope and a curvature within the tolerance may feign at a distance."""
        slope, distance = float(np.linalg.norm(self.rest[1])), float(np.linalg.norm(x - self.here))
        return self.floor + min(slope, self.tolerance) * distance + 0.5 * self.tolerance * distance**2

    def small(self, residual: float, hessian: np.ndarray) -> Deviation | None:
        """Return a small improving deviation: down the slope, along a negative curvature, or found by searching."""
        if residual > self.tolerance:
            direction = self.feasible(self.here - self.rest[1]) - self.here
            return self._along([direction / residual], "following its slope to")
        values, vectors = np.linalg.eigh(hessian)
        if values[0] < -self.tolerance:
            found = self._along([vectors[:, 0], -vectors[:, 0]], f"the curvature {values[0]:.4g} of its loss, to")
            if found is not None:
                return found
        return None if values[0] > self.tolerance else self.search(self.radius, "a small step to")

    def _along(self, directions: list[np.ndarray], how: str) -> Deviation | None:
        """Return the best of the steps of length radius, radius/2, ... along some directions."""
        best = None
        for length in self.radius * 0.5 ** np.arange(20):
            for direction in directions:
                best = self._better(best, self.feasible(self.here + length * direction), how)
        return best

    def search(self, reach: float, how: str) -> Deviation | None:
        """Minimize the player's loss within a box around the point, from several starts."""
        from scipy.optimize import minimize

        rng = np.random.default_rng([self.seed, self.player])
        bounds = [(x - reach, x + reach) for x in self.here]
        best = None
        for _ in range(self.draws):
            start = self.here + reach * rng.uniform(-1, 1, len(self.here))
            options = {"maxiter": 100, "ftol": 1e-16, "gtol": 1e-14}
            # Losses differ by little near the point: they are measured from it, in units that the search can see.
            unit = 1.0 / max(abs(self.read(start)[0] - self.rest[0]), self.floor)
            found: Any = minimize(
                lambda x, unit=unit: self._scaled(x, unit),
                start,
                jac=True,
                bounds=bounds,
                method="L-BFGS-B",
                options=options,
            )
            for x in (found.x, start):
                best = self._better(best, self.feasible(x), how)
        return best

    def _scaled(self, x: np.ndarray, unit: float) -> tuple[float, np.ndarray]:
        value, slope = self.read(x)
        return unit * (value - self.rest[0]), unit * slope

    def _better(self, best: Deviation | None, x: np.ndarray, how: str) -> Deviation | None:
        gain = self.rest[0] - self.read(x)[0]
        if not np.isfinite(gain) or gain <= (self.noise(x) if best is None else best.gain):
            return best
        return Deviation(self.game.players[self.player], x, gain, how)
