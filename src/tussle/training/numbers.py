"""The numbers of a recipe that change with the steps: schedules, lazy penalties, the decay of an average."""

from collections.abc import Callable
from typing import Any

from tussle.losses import Loss
from tussle.training.gamma import automatic_gamma
from tussle.training.recipes import Number, Penalty, Recipe, Schedule, schedule


def number(value: Number) -> Callable[[int], float]:
    """Return a number or a schedule as a function of the step."""
    return value.at if isinstance(value, Schedule) else lambda step: float(value)


def weight_of(part: Penalty, shape: tuple[int, ...], found: Recipe, objective: Loss) -> Callable[[int], float]:
    """Return a penalty's weight as a function of the step; a lazy one is 0 at most steps."""
    if part.weight == "auto":
        at = number(automatic_gamma(shape, found.run.batch, objective))
    else:
        at = number(part.weight)
    if part.every == 1:
        return at
    return lambda step: part.every * at(step) if step % part.every == 0 else 0.0


def decay_of(found: Recipe) -> Callable[[int], float] | None:
    """Return the decay of the average as a function of the step; None where no average is kept."""
    if found.average is None:
        return None
    if found.average.decay is not None:
        return number(found.average.decay)
    assert found.average.half_life is not None
    half, batch = number(found.average.half_life), found.run.batch

    def decay(step: int) -> float:
        life = half(step)
        return 0.5 ** (batch / life) if life > 0 else 0.0

    return decay


def scheduled(found: Recipe, weights: list[Callable[[int], float]]) -> dict[str, Callable[[int], float]]:
    """Return the numbers that change with the steps, by name."""
    pace = {"lr": found.pace.lr, **found.pace.options}
    numbers: dict[str, Callable[[int], float]] = {}
    for name, value in pace.items():
        for key, one in each(f"pace.{name}", value):
            if isinstance(one, Schedule):
                numbers[key] = one.at
    for k, part in enumerate(found.adjustments):
        if isinstance(part.weight, Schedule):
            numbers[f"adjustments.{k}"] = part.weight.at
    for k, (part, at) in enumerate(zip(found.penalties, weights, strict=True)):
        if isinstance(part.weight, Schedule) or part.every > 1:
            numbers[f"penalties.{k}"] = at
    decay = decay_of(found)
    if decay is not None:
        numbers["average"] = decay
    return numbers


def each(name: str, value: Any) -> list[tuple[str, Any]]:
    """Return an option by name, and the entries of a pair by numbered names."""
    value = read_number(value)
    return (
        [(f"{name}.{k}", read_number(one)) for k, one in enumerate(value)]
        if isinstance(value, tuple)
        else [(name, value)]
    )


def read_number(value: Any) -> Any:
    """Return an option that may be a schedule as one."""
    return schedule(value) if isinstance(value, dict) else value
