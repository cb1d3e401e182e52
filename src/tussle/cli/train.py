"""`tussle train`: train a GAN from a preset or a recipe, into a folder from which it can go on."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tussle.cli import output
from tussle.cli.request import JSON


def train(
    recipe: Annotated[
        str | None, typer.Argument(metavar="[PRESET|RECIPE.toml]", help="A preset by name (see --list), or a file.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps in all; short for --set run.steps=N.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; short for --set run.seed=S.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe, e.g. pace.lr=1e-3.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = None,
    theme: Annotated[str, typer.Option(help="light or dark pictures.")] = "light",
    listed: Annotated[bool, typer.Option("--list", help="Show the presets and stop.")] = False,
    shown: Annotated[bool, typer.Option("--show", help="Print the recipe as it would run, and stop.")] = False,
    as_json: JSON = False,
) -> None:
    """Train a GAN: any loss, penalty, adjustment, rule and pace of the library, on any data.

    Examples: tussle train ring-8 --out ring; tussle train --resume --out ring --steps 20000;
    tussle train digits-quick --out digits --set loss.name=rp-logistic. On several devices:
    torchrun --nproc-per-node 2 -m tussle train RECIPE.toml --out RUN.
    """
    from tussle.training.recipes import written

    if listed:
        _list(as_json)
        return
    output.themed(theme)
    found = _recipe(recipe, out, steps, seed, settings or [], resume)
    if shown:
        typer.echo(written(found))
        return
    if out is None:
        message = "`--out` is missing; a run needs a folder of its own; give --out RUN."
        raise ValueError(message)
    ended = _run(found, out, resume, device, theme, as_json)
    if ended.ending != "running":
        raise typer.Exit(1)
    if "--resume goes on" in ended.reason:
        raise typer.Exit(1)


def _recipe(
    source: str | None, out: Path | None, steps: int | None, seed: int | None, settings: list[str], resume: bool
) -> Any:
    from tussle.training.folder import RunFolder
    from tussle.training.recipes import changed, checked, setting
    from tussle.training.recipes import recipe as read

    if source is None and (not resume or out is None):
        message = "`PRESET` is missing; give a preset (tussle train --list) or a recipe's file, or --resume --out RUN."
        raise ValueError(message)
    found = read(source) if source is not None else RunFolder(out or ".").recipe()
    document = found.document()
    for text in settings:
        changed(document, *setting(text))
    for key, value in (("run.steps", steps), ("run.seed", seed)):
        if value is not None:
            changed(document, key, value)
    return checked(document)


def _list(as_json: bool) -> None:
    from tussle.training.recipes import preset_names, recipe

    found = {name: recipe(name) for name in preset_names()}
    if as_json:
        typer.echo(output.document({name: one.document() for name, one in found.items()}))
        return
    output.table("presets of tussle train", [(name, one.about) for name, one in found.items()])


def _run(found: Any, out: Path, resume: bool, device: str | None, theme: str, as_json: bool) -> Any:
    from tussle.training.session import Session, joined

    with joined(found, device) as place:
        session = Session(found, out, resume=resume, place=place)
        if not place.first:
            return session.run()
        return _shown(session, found, theme, as_json)


def _shown(session: Any, found: Any, theme: str, as_json: bool) -> Any:
    from tussle.cli.run_page import Album, write_page

    album = Album(session, theme)
    with output.training(found.name, found.run.steps, session.step, as_json) as told:
        session.watcher = _Watcher(album, told)
        ended = session.run()
    document = ended.to_json()
    document["page"] = str(write_page(ended, album, theme))
    if as_json:
        typer.echo(output.document(document))
        return ended
    rows = [
        ("run", f"{ended.path} ({found.name}, {ended.setup.engine})"),
        ("steps", f"{ended.step} of {found.run.steps}"),
        ("ending", f"{ended.ending}: {ended.reason}"),
        ("time", ", ".join(f"{name} {value:.3g} s" for name, value in ended.cost.items())),
        *((name, str(one)) for name, one in _metrics(ended.metrics)),
        ("page", document["page"]),
    ]
    output.table(f"tussle train {found.name}", rows)
    return ended


def _metrics(found: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for name, one in found.get("metrics", {}).items():
        floor = one.get("floor")
        rows.append((name, f"{one['value']:.4g}" + ("" if floor is None else f" (noise floor {floor:.3g})")))
    return rows


class _Watcher:
    """Shows a run's progress and draws its samples."""

    def __init__(self, album: Any, told: Any) -> None:
        self.album = album
        self.told = told

    def progress(self, step: int, total: int, line: Any) -> None:
        """Show how far the run is."""
        self.told(step, total, line)

    def sampled(self, path: Path) -> None:
        """Draw new samples."""
        self.album.add(path)
