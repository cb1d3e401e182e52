"""`tussle basin erf-lsgan`: the plateaux on which runs end."""

from typing import Any

from tussle.cli import output


def mapped(model: Any, method: Any, window: list[float], count: tuple[int, int], steps: int, vary: str | None) -> Any:
    """Return the map of the plateaux over two free parameters (b and h by default)."""
    from tussle.field import Field
    from tussle.lowdim.basins import plateau_basin

    names = ("b", "h") if vary is None else tuple(n.strip() for n in vary.split(","))
    if len(names) != 2 or names[0] == names[1]:
        message = f"`--vary` is {vary}; it must name two of {', '.join(model.axes)}; name two."
        raise ValueError(message)
    if type(method.field) is not Field:
        message = "`--adjust` was given; a map of plateaux is of the plain field; drop it."
        raise ValueError(message)
    return plateau_basin(model, method.rule, window=window, count=count, steps=steps, names=(names[0], names[1]))


def is_map(found: Any) -> bool:
    """Say whether a basin is one of plateaux."""
    from tussle.lowdim.basins import PlateauBasin

    return isinstance(found, PlateauBasin)


def document(found: Any, name: str) -> dict[str, Any]:
    """Return the JSON document of such a map."""
    from tussle.analysis import plain

    return plain({"model": name, **found.to_json()})


def shown(found: Any, name: str, paths: list[Any]) -> None:
    """Print such a map for a person."""
    from tussle.lowdim.plateau import MEANING

    total = found.which.size
    rows = [(k, f"{n} of {total} starts: {MEANING[k]}") for k, n in found.counts.items() if n]
    output.table(f"{name}: where runs of {found.steps} steps end, over {found.names[0]} and {found.names[1]}", rows)
    output.pictures(paths)
