"""`tussle divergence`: every divergence between two laws, two files of samples, or one of each."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tussle.cli import output
from tussle.cli.request import JSON, OUT

SIDE = "normal(0,1), uniform(a,b), exponential(rate), erlang(k,rate), laplace(m,b), rayleigh(s), atoms([x],[w]), "
SIDE += "0.5*normal(-4,1)+0.5*normal(4,1), normal([0,0],[[1,.2],[.2,1]]), or a .npy or .csv file of samples."


def divergence(
    p: Annotated[str, typer.Argument(metavar="P", help=SIDE)],
    q: Annotated[str, typer.Argument(metavar="Q", help="The other measure, written in the same way.")],
    only: Annotated[str | None, typer.Option(help="Names of divergences, e.g. kl,js,w1; all if not given.")] = None,
    route: Annotated[str, typer.Option(help="auto, closed, quadrature or samples.")] = "auto",
    tolerance: Annotated[float, typer.Option(help="Of quadrature, relative where a value exceeds 1.")] = 1e-10,
    order: Annotated[float, typer.Option(help="Order of alpha and renyi.")] = 0.5,
    kernel: Annotated[str, typer.Option(help="Of mmd2: gaussian, laplacian, rational_quadratic, energy.")] = "gaussian",
    bandwidth: Annotated[float | None, typer.Option(help="Of the kernel; 1, or the samples' median distance.")] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Of sinkhorn; a tenth of the default bandwidth squared.")
    ] = None,
    count: Annotated[int, typer.Option(help="Samples drawn of a law, and points of exact transport.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of all that is drawn.")] = 0,
    theme: Annotated[str, typer.Option(help="light or dark pictures.")] = "light",
    out: OUT = None,
    as_json: JSON = False,
) -> None:
    """Measure how far two laws are apart, in every way there is.

    Example: tussle divergence "normal(0,1)" "0.5*normal(-4,1)+0.5*normal(4,1)"
    """
    output.themed(theme)
    options = {
        "route": route, "tolerance": tolerance, "order": order, "kernel": kernel, "bandwidth": bandwidth,
        "epsilon": epsilon, "count": count, "seed": seed,
    }  # fmt: skip
    with output.waiting("measuring", as_json):
        sides, found = _found(p, q, only, options)
        paths = [] if out is None else _drawn(sides, (p, q), found, output.folder(out), theme)
    document = _document(p, q, sides, found)
    if out is not None:
        paths.append(output.write(out / "divergence.json", output.document(document)))
    if as_json:
        typer.echo(output.document(document))
        return
    _table(p, q, found)
    output.pictures(paths)


def _found(p: str, q: str, only: str | None, options: dict[str, Any]) -> tuple[tuple[Any, Any], dict[str, Any]]:
    from tussle.divergences import divergences
    from tussle.laws.parse import parse_law

    sides = parse_law(p), parse_law(q)
    names = None if only is None else [name.strip() for name in only.split(",")]
    found = divergences(*sides, names=names, **options)
    if not found:
        message = f"`--route` is {options['route']}, which has none of the divergences between these; take auto."
        raise ValueError(message)
    return sides, found


def _document(p: str, q: str, sides: tuple[Any, Any], found: dict[str, Any]) -> dict[str, Any]:
    from tussle.analysis import plain
    from tussle.divergences.supports import side_of

    return plain(
        {
            "p": p,
            "q": q,
            "dimension": side_of("P", sides[0]).dimension,
            "divergences": {name: one.to_json() for name, one in found.items()},
            "notes": {name: one.note for name, one in found.items()},
            "floors": {name: one.floor for name, one in found.items() if one.floor is not None},
        }
    )


def _table(p: str, q: str, found: dict[str, Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from tussle.divergences.names import TOLD

    floors = any(one.floor is not None for one in found.values())
    made = Table(title=f"{p}  against  {q}", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for name in ("divergence", "value", "error", *(["noise floor"] if floors else []), "route", "what it is"):
        number = name in ("value", "error", "noise floor")
        made.add_column(name, justify="right" if number else "left", no_wrap=name != "what it is", overflow="fold")
    for name, one in found.items():
        floor = [] if not floors else ["-" if one.floor is None else f"{one.floor:.3g}"]
        cells = [name, _value(one), f"{one.error:.1e}", *floor, one.route, f"{TOLD[name].title}: {TOLD[name].formula}"]
        made.add_row(*cells)
    console = Console()
    console.print(made)
    for note in dict.fromkeys(one.note for one in found.values() if one.route == "samples"):
        names = ", ".join(name for name, one in found.items() if one.note == note)
        console.print(f"  {names}: {note}", style="dim", highlight=False, soft_wrap=True)


def _value(one: Any) -> str:
    return f"{one.value:.4g}" if one.route == "samples" else f"{one.value:.10g}"


def _drawn(sides: tuple[Any, Any], labels: tuple[str, str], found: Any, folder: Path, theme: str) -> list[Path]:
    from tussle.plots.divergence import divergence_plot
    from tussle.plots.style import save

    return [save(divergence_plot(*sides, found, labels=labels, theme=theme), folder / "divergence.png")]
