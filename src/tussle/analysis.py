"""Analysis: one call that reads a game from all sides.

>>> import tussle
>>> model = tussle.models.dirac(penalties=[tussle.r1(0.3)])
>>> found = tussle.analyze(model, tussle.simultaneous(tussle.sgd(0.2)))
>>> str(found.map.verdict), round(found.stable.largest, 9), str(found.outcome.ending)
('converges', 1.2, 'converged')
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tussle import checks
from tussle.adjust import AbstractAdjustment
from tussle.citations import citations
from tussle.endings import Outcome, outcome
from tussle.equilibria import Regularity, find_root, regularity
from tussle.field import AbstractField, Field
from tussle.game import AbstractGame, Game, Point, split
from tussle.jacobian import field_jacobian, map_jacobian
from tussle.map import Map
from tussle.models.base import Model
from tussle.records import record, static
from tussle.rules.base import AbstractRule
from tussle.spectra import Spectrum, spectrum
from tussle.stability import StableRange, stable_range
from tussle.trajectory import MOST, Keep, Trajectory, run

TOLERANCE = 1e-9  # how near to the boundary a verdict counts as marginal
BUDGET = 2.0e4  # kept points of a path at most; longer runs keep every n-th


@record
class Analysis:
    """What there is to say of a game under a method.

    Attributes:
        model: the game with its equilibrium, start and sources.
        method: the map that was studied.
        equilibrium: one vector per player, or None where none was found.
        flow: spectrum of the field's Jacobian at the equilibrium, or None.
        map: spectrum of the map's Jacobian there, state included, or None.
        sides: what the field is like around the equilibrium, or None.
        stable: the stable range of the rate, or None.
        trajectory: the run from the start.
        outcome: how it ended.
        told: what the model itself has to say of the run, further entries of the JSON document.
    """

    model: Model
    method: Map
    equilibrium: Point | None
    flow: Spectrum | None
    map: Spectrum | None
    sides: Regularity | None
    stable: StableRange | None
    trajectory: Trajectory
    outcome: Outcome
    told: dict[str, Any] = static(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the analysis as a JSON document (contract of the command line)."""
        largest = None if self.stable is None else self.stable.largest
        lr = self.method.lr
        if largest is not None and isinstance(lr, (tuple, list)):
            largest = [largest * float(h) / float(lr[0]) for h in lr]
        return plain(
            {
                "model": self.model.name,
                "equilibrium": None if self.equilibrium is None else np.concatenate(self.equilibrium),
                "flow": _spectrum_json(self.flow, "abscissa"),
                "map": _spectrum_json(self.map, "radius"),
                "max_stable_lr": largest,
                "stable_intervals": None if self.stable is None else self.stable.intervals,
                "path": {
                    "start": self.trajectory.start,
                    "end": self.trajectory.end,
                    "ending": str(self.outcome.ending),
                    "reason": self.outcome.reason,
                    "steps": self.trajectory.steps,
                    "period": self.outcome.period,
                    "amplitude": self.outcome.amplitude,
                },
                "sources": list(citations(self.method, self.model.sources)),
                **self.told,
            }
        )


def analyze(
    game: Model | AbstractGame | Callable[..., Any],
    rule: AbstractRule,
    *,
    adjust: Sequence[AbstractAdjustment] = (),
    field: AbstractField | None = None,
    start: Any = None,
    steps: int = 500,
    batches: Any = None,
    seed: int = 0,
    progress: Callable[[float], Any] | None = None,
) -> Analysis:
    """Analyze a game under a method: equilibrium, spectra, verdicts, stable steps, and a run.

    Args:
        game: a model, a game, or a Python function of the players' vectors that returns one loss for each.
        rule: the rule with its pace.
        adjust: adjustments of the field, the first applied first.
        field: a field of the game to use in place of its gradient field (it is adjusted all the same).
        start: the start of the run, one number or vector per player, or all numbers in one list; the model's own by
            default.
        steps: of the run.
        batches: source of random batches for the run; None for exact expectations.
        seed: of the batches.
        progress: told the share of the run that is done, from 0 to 1, now and then.

    Returns:
        the analysis.

    Raises:
        ValueError: if a start is missing, of the wrong length or not finite.
    """
    checks.count("steps", steps, most=MOST)
    model = as_model(game, start)
    point = model.start if start is None else start_point(start, model.sizes)
    field = Field(model.game) if field is None else field
    for bend in adjust:
        field = bend(field)
    method = Map(field, rule)
    equilibrium = model.equilibrium if model.equilibria else _searched(Field(model.game), point)
    flow = mapped = sides = stable = None
    if equilibrium is not None:
        sides = regularity(field, equilibrium)
        smooth = sides.differentiable
        flow = spectrum(field_jacobian(field, equilibrium), of="flow", tolerance=TOLERANCE, smooth=smooth)
        mapped = spectrum(map_jacobian(method, equilibrium), of="map", tolerance=TOLERANCE, smooth=smooth)
        stable = stable_range(method, equilibrium) if smooth else None
    # Every point is kept where the run is short; a long one keeps every n-th,
    # so that memory stays small.
    stride = max(1, math.ceil(steps / BUDGET))
    path = run(method, point, steps, keep=Keep.every(stride), batches=batches, seed=seed, progress=progress)
    ended = outcome(method, path, [equilibrium] if equilibrium is not None else [])
    told: dict[str, Any] = {}
    if model.judge is not None:
        path, ended, told = model.judge(model, method, path, ended)
    return Analysis(model, method, equilibrium, flow, mapped, sides, stable, path, ended, told)


def as_model(game: Any, start: Any) -> Model:
    """Return a model of a game or a function: no known equilibrium, its parameters named after the start.

    Raises:
        ValueError: if there is no start, or `game` is none of these.
    """
    if isinstance(game, Model):
        return game
    if start is None:
        message = "`start` is missing; a game that is no model of the library needs one; give one vector per player."
        raise ValueError(message)
    made: Any = game
    if not callable(getattr(game, "expectation", None)):
        if not callable(game):
            message = f"`game` is {type(game).__name__}; it must be a model, a game or a function; give one of these."
            raise ValueError(message)
        function: Any = game
        made = (
            Game(function) if len(start) == 2 else Game(function, tuple(f"player {i + 1}" for i in range(len(start))))
        )
    point = tuple(np.atleast_1d(np.asarray(x, dtype=float)) for x in start)
    names = tuple(f"x{i + 1}{chr(97 + k) if len(x) > 1 else ''}" for i, x in enumerate(point) for k in range(len(x)))
    return Model(getattr(game, "__name__", "game"), made, (), point, names)


def start_point(start: Any, sizes: Sequence[int]) -> Point:
    """Return a start as one vector per player.

    Args:
        start: one number or vector per player, or all numbers in one list.
        sizes: number of parameters of each player.

    Raises:
        ValueError: if it is of the wrong length or not finite.
    """
    entries = [np.atleast_1d(np.asarray(x, dtype=float)) for x in start]
    if len(entries) == len(sizes) and all(len(e) == s for e, s in zip(entries, sizes, strict=True)):
        point = tuple(entries)
    else:
        point = split(np.concatenate(entries), sizes)
    bad = [x.tolist() for x in point if not np.all(np.isfinite(x))]
    if bad:
        message = f"`start` has {bad[0]}; every entry must be finite; give finite numbers."
        raise ValueError(message)
    return point


def _searched(field: AbstractField, point: Point) -> Point | None:
    root = find_root(field, point)
    return root.point if root.found else None


def _spectrum_json(found: Spectrum | None, extreme: str) -> dict[str, Any] | None:
    if found is None:
        return None
    smooth = found.smooth
    return {
        "eigenvalues": [[z.real, z.imag] for z in found.eigenvalues] if smooth else [],
        extreme: getattr(found, extreme) if smooth else None,
        "verdict": str(found.verdict),
        "tolerance": found.tolerance,
    }


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: lists, numbers, strings; infinities and nan as strings."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value
