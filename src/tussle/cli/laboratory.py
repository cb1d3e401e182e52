"""`tussle laboratory`: run a published experiment, with its table, its pictures and what follows from them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tussle.cli import output
from tussle.cli.request import JSON

NAME = Annotated[str | None, typer.Argument(metavar="[NAME]", help="A laboratory by name; see --list.")]
PARTS = "cells"  # the folder of finished parts, below that of the page


def laboratory(
    name: NAME = None,
    size: Annotated[str, typer.Option(help="small (about a minute) or full (hours).")] = "small",
    out: Annotated[Path | None, typer.Option(help="Folder for the page, the numbers and the finished parts.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of networks and batches.")] = 0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the size, e.g. steps=4000.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Take the finished parts that the folder holds.")] = False,
    theme: Annotated[str, typer.Option(help="light or dark pictures.")] = "light",
    listed: Annotated[bool, typer.Option("--list", help="Show the laboratories and stop.")] = False,
    as_json: JSON = False,
) -> None:
    """Run a laboratory: a published experiment whose page says what was found and what the paper says.

    Examples: tussle laboratory problems-2d --out lab; tussle laboratory problems-2d --size full --out lab --resume
    """
    from tussle.training.laboratories import laboratory as run

    if listed:
        _list(as_json)
        return
    if name is None:
        message = "`NAME` is missing; give a laboratory (tussle laboratory --list)."
        raise ValueError(message)
    output.ready(out, theme)
    parts = _parts(out, resume)
    with output.waiting(f"{name}, {size}", as_json) as told:
        found = run(name, size, seed, told, cells=parts, **_options(settings or []))
    document = found.to_json()
    paths = [] if out is None else _written(found, document, out, theme)
    if as_json:
        typer.echo(output.document(document))
        return
    _shown(found)
    output.pictures(paths)


def _list(as_json: bool) -> None:
    from tussle.training.laboratories import LABORATORIES

    if as_json:
        typer.echo(output.document({name: one.about for name, one in LABORATORIES.items()}))
        return
    output.table("laboratories", [(name, one.about) for name, one in LABORATORIES.items()])


def _parts(out: Path | None, resume: bool) -> Path | None:
    """Return the folder of finished parts, which is empty unless the run is to be gone on with."""
    if out is None:
        if resume:
            message = "`--resume` came without --out; finished parts are in a folder; give --out DIR."
            raise ValueError(message)
        return None
    parts = out / PARTS
    if not resume and parts.is_dir() and any(parts.iterdir()):
        message = (
            f"`--out` is {out}, which holds finished parts of a run; give --resume to take them, or another place."
        )
        raise ValueError(message)
    return parts


def _options(settings: list[str]) -> dict[str, Any]:
    if not settings:
        return {}
    from tussle.training.recipes import setting

    return dict(setting(text) for text in settings)


# What is shown ----------------------------------------------------------------------------------------------------


def _written(found: Any, document: dict[str, Any], out: Path, theme: str) -> list[Path]:
    from tussle.cli.laboratory_page import results_page

    with output.staged(out) as folder:
        paths = [output.write(folder / "index.html", results_page(found, theme))]
        paths.append(output.write(folder / "laboratory.json", output.document(document)))
    return [out / path.name for path in paths]


def _shown(found: Any) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    lines, wide = _fitting([found.columns, *([cell(value) for value in row] for row in found.rows)], console.width)
    if not console.is_terminal:
        console = Console(width=max(console.width, wide))
    title = f"{found.title}  (size: {found.size})"
    made = Table(title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for k, name in enumerate(lines[0]):
        made.add_column(escape(name), justify="right" if k else "left", overflow="fold")
    for line in lines[1:]:
        made.add_row(*map(escape, line))
    console.print(made)
    console.print(f"  {escape(found.sentence)}", highlight=False)


def _fitting(lines: list[Any], room: int) -> tuple[list[Any], int]:
    """Return a table as it is, or with rows for columns where that alone fits or is narrower; and its width."""
    ways = [lines, list(zip(*lines, strict=True))]
    widths = [sum(max(map(len, column)) + 2 for column in zip(*way, strict=True)) + 2 for way in ways]
    k = int(widths[0] > room and widths[1] < widths[0])
    return ways[k], widths[k]


def cell(value: Any) -> str:
    """Return a cell for a person.

    Example:
        >>> [cell(v) for v in (None, "R1", 3, 0.12345, float("inf"), 8.0)]
        ['-', 'R1', '3', '0.123', 'infinite', '8']
    """
    if value is None or (isinstance(value, float) and value != value):
        return "-"
    if isinstance(value, float):
        return "infinite" if abs(value) == float("inf") else f"{value:.3g}" if abs(value) < 1000 else f"{value:.4g}"
    return str(value)
