"""Output: tables for a person, one JSON document for a program, files that are whole or not there."""

import importlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import typer


def document(value: dict[str, Any]) -> str:
    """Return a JSON document; numbers keep all their digits."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)


def folder(path: Path) -> Path:
    """Return a folder, made if need be.

    Raises:
        ValueError: if it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        message = f"`--out` is {path}, which cannot be made a folder ({wrong.strerror}); give another place."
        raise ValueError(message) from wrong
    return path


def write(path: Path, text: str) -> Path:
    """Write a text file whole: first beside its place, then moved there."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return path


def themed(theme: str) -> None:
    """Check the name of a theme before anything is made.

    Raises:
        ValueError: if it is unknown.
    """
    from tussle import checks

    checks.choice("--theme", theme, ("light", "dark"))


def ready(out: Path | None, theme: str) -> None:
    """Check, before anything is computed, that pictures could be made and put into a folder.

    Raises:
        ValueError: if the theme is unknown or `out` is no folder.
        ImportError: if there is nothing to draw with.
    """
    themed(theme)
    if out is None:
        return
    importlib.import_module("matplotlib")
    place = out
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        reason = "it is not writable" if place.is_dir() else f"{place} is no folder"
        message = f"`--out` is {out}, which cannot be made a folder ({reason}); give another place."
        raise ValueError(message)


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Give a folder to write into; its files move to `out` together once all of them are there, or none does.

    Raises:
        ValueError: if `out` cannot be made a folder, or holds a folder with the name of a file.
    """
    made = _missing(out)
    folder(out)
    stage = Path(tempfile.mkdtemp(dir=out, prefix=".tussle."))
    try:
        yield stage
        names = sorted(p.name for p in stage.iterdir())
        for name in names:
            if (out / name).is_dir():
                message = f"`--out` is {out}, which holds a folder {name} where a file goes; give another place."
                raise ValueError(message)
        for name in names:
            os.replace(stage / name, out / name)
        made = []
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        for place in made:  # nothing came of it: what was made for it goes
            with suppress(OSError):
                place.rmdir()


def _missing(path: Path) -> list[Path]:
    """Return the folders that have to be made for a path, the innermost first."""
    found = []
    while not path.exists():
        found.append(path)
        path = path.parent
    return found


@contextmanager
def waiting(what: str, quiet: bool) -> Iterator[Callable[[float], None]]:
    """Show a person what is being waited for, with a bar once a share is told (nothing with `--json` or in a pipe).

    What a user's own function prints goes to standard error, so that the JSON document stays alone.

    Yields:
        `told(share)` with the share that is done, from 0 to 1.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    shown = not quiet and console.is_terminal
    with (
        Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=not shown) as bar,
        redirect_stdout(sys.stderr),
    ):
        task = bar.add_task(what, total=None)

        def told(share: float) -> None:
            bar.update(task, total=1.0, completed=share)

        yield told


def table(title: str, rows: list[tuple[str, str]]) -> None:
    """Print a table of two columns."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_header=False)
    made.add_column(style="cyan", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, value)
    Console().print(made)


def number(value: float | None) -> str:
    """Return a number for a person."""
    return "-" if value is None else f"{value:.7g}"


def complex_number(value: complex) -> str:
    """Return an eigenvalue for a person."""
    if abs(value.imag) < 1e-14 * max(abs(value), 1e-300):
        return f"{value.real:.7g}"
    return f"{value.real:.7g} {'+' if value.imag > 0 else '-'} {abs(value.imag):.7g}i"


def pictures(paths: list[Path]) -> None:
    """Say where the pictures went."""
    for path in paths:
        typer.echo(f"  {path}")


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Show a progress bar for a person; in a pipe, say each new task on a line of its own.

    Yields:
        `tick(task, share)` with the share done of the task, from 0 to 1.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console, tasks = Console(stderr=True), {}
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:

        def tick(task: str, share: float) -> None:
            if task not in tasks:
                tasks[task] = bar.add_task(task, total=1.0)
                if not console.is_terminal:
                    typer.echo(task, err=True)
            bar.update(tasks[task], completed=share)

        yield tick


@contextmanager
def training(name: str, total: int, done: int, quiet: bool) -> Iterator[Callable[[int, int, Any], None]]:
    """Show how far a training run is, with its rate and the time that is left; in a pipe, now and then a line.

    Yields:
        `told(step, total, line)` with the steps taken and the last line of the log.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    shown = not quiet and console.is_terminal
    with Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[words]}"), console=console,
        disable=not shown,
    ) as bar:  # fmt: skip
        task = bar.add_task(name, total=total, completed=done, rate="", words="")

        def told(step: int, total: int, line: Any) -> None:
            speed = bar.tasks[0].speed
            rate = "" if not speed else f"{speed:.3g} steps/s"
            words = "" if not line else f"G {line['loss/generator']:.3g}  D {line['loss/discriminator']:.3g}"
            bar.update(task, completed=step, total=total, rate=rate, words=words)

        yield told
