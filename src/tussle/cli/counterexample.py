"""`tussle counterexample`: the optimal discriminator where the generated law has no density."""

import math
from typing import Annotated, Any

import typer

from tussle.cli import output
from tussle.cli.request import JSON, OUT

COLUMNS = ("V", "sampled V", "Mao cost", "paper cost", "Lipschitz")


def counterexample(
    widths: Annotated[str, typer.Option(help="Widths w of tube, instance noise and strips.")] = "0.1,0.03,0.01,0.001",
    lipschitz: Annotated[str, typer.Option(help="Lipschitz constants L of the exact bound.")] = "2,5,10,50,100",
    samples: Annotated[int, typer.Option(help="Samples of every Monte Carlo estimate.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Seed of the samples.")] = 0,
    theme: Annotated[str, typer.Option(help="light or dark pictures.")] = "light",
    out: OUT = None,
    as_json: JSON = False,
) -> None:
    """Show where D = p_r/(p_r + p_g) fails: data on the unit square, a generator that fills a line, G(z) = (z, 1/2).

    Example: tussle counterexample --widths 0.1,0.01 --out counterexample
    """
    output.themed(theme)
    from tussle.singular import counterexample as compute

    listed = _numbers(widths, "--widths"), _numbers(lipschitz, "--lipschitz")
    with output.waiting("sampling", as_json):
        found = compute(*listed, samples=samples, seed=seed)
        paths = [] if out is None else _drawn(found, output.folder(out), theme)
    text = output.document(found.to_json())
    if out is not None:
        paths.append(output.write(out / "counterexample.json", text))
    if as_json:
        typer.echo(text)
        return
    _tables(found)
    output.pictures(paths)


def _numbers(text: str, option: str) -> list[float]:
    """Return the positive numbers of a comma-separated list."""
    from tussle import checks

    try:
        found = [float(part) for part in text.split(",")]
    except ValueError as wrong:
        message = f"`{option}` is {text!r}; it must be numbers with commas between; give such as 0.1,0.01."
        raise ValueError(message) from wrong
    return [checks.positive(option, value) for value in found]


def _drawn(found: Any, folder: Any, theme: str) -> list[Any]:
    from tussle.plots.singular import counterexample_figure
    from tussle.plots.style import save

    return [save(counterexample_figure(found, theme), folder / "counterexample.png")]


# Tables ----------------------------------------------------------------------------------------------------------


def _tables(found: Any) -> None:
    """Print what was found for a person."""
    n = found.naive.sampled.samples
    typer.echo("Data uniform on the square [0, 1]^2, G(z) = (z, 1/2) with z uniform on [0, 1]: no density p_g.")
    typer.echo("V = E log D(x) + E log(1 - D(G(z))). Its supremum is 0; no continuous D reaches it.")
    typer.echo(
        f"Sampled: {n} samples, seed {found.seed}, with one standard error; (k): only k samples near the curve.\n"
    )
    _table("the two readings of p_r/(p_r + p_g)", ("D", *COLUMNS[:-1]), [
        _row("1, as if p_g were 0", found.naive, judged=False)[:-1],
        _row("1 off the line, 0 on it", found.measurable, judged=False)[:-1],
    ])  # fmt: skip
    slope = found.to_json()["tube"]["slope"]
    _family(f"tube: V/w -> {slope:.6f}, slope 1", "w", found.tube)
    _family("best of all D of Lipschitz constant L: V about -2/L", "L", found.lipschitz)
    _family("instance noise, p_r/(p_r + p_w): V about w (ln 1/w)^(3/2)", "w", found.noise)
    _curved(found)
    rows = [_dimension(row) for row in found.dimension]
    _table("by dimension", ("latent", "data", "w", "density", "formula V", "supremum", "JSD"), rows)


def _family(title: str, name: str, rows: Any) -> None:
    _table(title, (name, *COLUMNS), [_row(f"{row.parameter:g}", row) for row in rows])


def _row(name: str, row: Any, judged: bool = True) -> tuple[str, ...]:
    exact, sampled = row.exact, row.sampled
    text = _value(sampled.mean.value)
    if not math.isnan(sampled.error.value):
        text += f" ± {sampled.error.value:.1g}"
    if judged and not sampled.informative:
        text += f" ({sampled.near})"
    return (name, _value(exact.value), text, _value(exact.mao), _value(exact.paper), f"{row.lipschitz:.4g}")


def _curved(found: Any) -> None:
    """Print the parabola's tubes, and how slowly V/w comes to its limit."""
    document = found.to_json()["curved"]
    rows = [
        (f"{row.parameter:g}", *_row("", row)[1:3], f"{row.exact.value / row.parameter:.6f}", f"{guess:.6f}")
        for row, guess in zip(found.curved, document["slope_at_width"], strict=True)
    ]
    title = (
        f"tube of G(z) = (z, z^2), length {document['length']:.6f}: V/w -> {document['slope']:.6f}, only like sqrt(w)"
    )
    _table(title, ("w", "V", "sampled V", "V/w", "to order sqrt(w)"), rows)


def _dimension(row: Any) -> tuple[str, ...]:
    width = f"{row.width:g}" if row.width else "-"
    values = (_value(row.formula), _value(row.supremum), f"{row.divergence:.6f}")
    return (str(row.latent_dimension), str(row.data_dimension), width, "yes" if row.density else "no density", *values)


def _value(value: float) -> str:
    return f"{value + 0.0:.6g}"  # + 0.0: no minus before a zero


def _table(title: str, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print a table with a head."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for k, name in enumerate(names):
        made.add_column(name, style="cyan" if k == 0 else None, justify="left" if k == 0 else "right", overflow="fold")
    for row in rows:
        made.add_row(*row)
    Console().print(made)
