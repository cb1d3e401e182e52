"""How a training run ended, and who looks on while it goes on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from tussle.endings import Ending
from tussle.game import Point
from tussle.records import record, static
from tussle.training.build import Setup


class Watcher(Protocol):
    """Who looks on while a run goes on."""

    def progress(self, step: int, total: int, line: Mapping[str, float]) -> None:
        """Hear of the steps taken, and of the last line of the log."""
        ...

    def sampled(self, path: Path) -> None:
        """Hear of a new file of samples."""
        ...


@record
class Trained:
    """How a run ended.

    Attributes:
        path: the run's folder.
        setup: what was run.
        point: the last finite point.
        average: the averaged point; the last one where no average is kept.
        state: the rule's state.
        step: steps taken in all.
        ending: `running` (all steps were taken, or it was stopped; nothing is claimed) or `nonfinite`.
        reason: one sentence about it.
        seconds: spent in this session.
        metrics: what was measured last, by name.
        cost: seconds spent on drawing batches, steps, logging, probes, samples, metrics and checkpoints.
    """

    path: Path = static()
    setup: Setup = static()
    point: Point = static()
    average: Point = static()
    state: Any = static()
    step: int = static()
    ending: Ending = static()
    reason: str = static()
    seconds: float = static()
    metrics: dict[str, Any] = static()
    cost: dict[str, float] = static()

    def to_json(self) -> dict[str, Any]:
        """Return how it ended as JSON knows it."""
        return {
            "run": str(self.path),
            "recipe": self.setup.recipe.name,
            "engine": self.setup.engine,
            "steps": self.step,
            "ending": str(self.ending),
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
            "cost": {name: round(value, 3) for name, value in self.cost.items()},
            "metrics": self.metrics,
        }
