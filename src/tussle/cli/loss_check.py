"""`tussle loss-check`: does a loss that someone wrote do what its name says?"""

import importlib.util
import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from tussle.cli import output
from tussle.cli.own import said
from tussle.cli.request import JSON, OUT

MARKS = {"passed": "[green]passed[/]", "failed": "[bold red]FAILED[/]", "measured": "measured", "skipped": "skipped"}


def loss_check(
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py:FUNCTION",
            help="A function without arguments that returns (critic_loss, generator_loss), or that pair or dictionary "
            "itself. Both are functions of the critic's outputs on real data and on fakes (PyTorch, JAX or NumPy).",
        ),
    ],
    claims: Annotated[
        str | None, typer.Option(help="NAME[,option=value...] of the loss that it should be, e.g. rp-logistic.")
    ] = None,
    scale: Annotated[float | None, typer.Option(help="Factor over the library's loss that it should have.")] = None,
    engine: Annotated[str | None, typer.Option(help="torch, jax or numpy; the first that works by default.")] = None,
    skip: Annotated[str, typer.Option(help="Properties to leave out, e.g. P10,P11.")] = "",
    theme: Annotated[str, typer.Option(help="light or dark pictures.")] = "light",
    out: OUT = None,
    as_json: JSON = False,
) -> None:
    """Hold a GAN loss of your own against fifteen properties; exit code 0 if it conforms, 1 if not.

    Example: tussle loss-check losses.py:my_loss --claims rp-logistic
    """
    from tussle.conformance import check_loss

    output.themed(theme)
    left = [part.strip() for part in skip.split(",") if part.strip()]
    with output.waiting("reading the loss", as_json):
        found = check_loss(_loss(target), claims, scale=scale, engine=engine, skip=left)
    document = _document(target, found)
    paths = [] if out is None else _written(found, document, output.folder(out), theme)
    if as_json:
        typer.echo(output.document(document))
    else:
        _shown(target, found)
        output.pictures(paths)
    if not found.conforms:
        raise typer.Exit(1)


def _loss(target: str) -> Any:
    """Return what FILE.py:FUNCTION names, called if it takes no argument.

    Raises:
        ValueError: if there is no such file or name, or it cannot be run.
    """
    path, _, name = target.rpartition(":")
    names = _names(target, path)
    if name not in names:
        known = ", ".join(sorted(n for n, v in names.items() if not n.startswith("_") and not inspect.ismodule(v)))
        message = f"`FUNCTION` is {name!r}, but {path} has {known or 'no names'}; name one of these."
        raise ValueError(message)
    found = names[name]
    if not inspect.isfunction(found) or inspect.signature(found).parameters:
        return found
    try:
        return found()
    except (Exception, SystemExit) as wrong:
        message = f"`FUNCTION` {target} fails ({said(wrong)}); it must return (critic_loss, generator_loss); mend it."
        raise ValueError(message) from wrong


def _names(target: str, path: str) -> dict[str, Any]:
    """Return the names that a Python file defines."""
    file = Path(path)
    if not path or not file.is_file():
        message = f"`FILE.py:FUNCTION` is {target!r}, but there is no file {path or target!r}; give the path of a "
        message += "Python file, a colon and a name in it."
        raise ValueError(message)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        message = f"`FILE.py:FUNCTION` is {target!r}, but {path} is no Python file; give one that ends in .py."
        raise ValueError(message)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as wrong:
        message = f"`FILE.py:FUNCTION` is {target!r}, but {path} does not import ({said(wrong)}); mend it first."
        raise ValueError(message) from wrong
    return vars(module)


def _document(target: str, found: Any) -> dict[str, Any]:
    from tussle.analysis import plain

    return plain({"loss": target, **found.document()})


def _written(found: Any, document: dict[str, Any], folder: Path, theme: str) -> list[Path]:
    from tussle import plots
    from tussle.plots.relativism import update_weights

    paths = []
    if found.weights is not None:
        page = update_weights({document["loss"]: found.weights}, title=found.claim or "your loss", theme=theme)
        paths.append(plots.save(page, folder / "weights.png"))
    return [*paths, output.write(folder / "loss-check.json", output.document(document))]


def _shown(target: str, found: Any) -> None:
    """Print a row for each property; a failed one with what is wrong and what to do."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    made = Table(title=escape(target), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    made.add_column("", style="cyan", no_wrap=True)
    made.add_column("property", no_wrap=True)
    made.add_column("", no_wrap=True)
    made.add_column("what was found", overflow="fold")
    for finding in found.findings:
        made.add_row(finding.number, finding.name, MARKS[finding.status], escape(finding.sentence))
    console = Console()
    console.print(made)
    console.print(escape(found.headline), style="green" if found.conforms else "red")
