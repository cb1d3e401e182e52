"""`tussle assumptions`: the six assumptions behind a GAN's loss, each measured; and the experiments that relax them."""

import importlib
import importlib.util
from pathlib import Path
from typing import Annotated, Any

import typer

from tussle.cli import output, own
from tussle.cli.request import CASE, COST, FREE, JSON, LOSS, NOISE, OUT, SET, Request
from tussle.cli.words import start_of

TARGET = Annotated[
    str | None,
    typer.Argument(
        metavar="[MODEL]",
        help="dirac, gaussian, isotropic or erf-lsgan; FILE.py:FUNCTION that returns a GAN or a Model of one, or "
        "PyTorch players; or the folder of a training run.",
    ),
]
POINT = Annotated[str | None, typer.Option(help="Where: x,..;y,.. (generator; critic); the model's start by default.")]
SAMPLES = Annotated[int | None, typer.Option(help="Samples of each law in a data set; exact expectations without.")]
EXPERIMENT = Annotated[str | None, typer.Option(help="A relaxation experiment in place of a model, or `list`.")]
RUNNER = "tussle.training.ledger"
STYLES = {"held": "green", "relaxed": "bold red", "unknown": "yellow"}


def assumptions(
    model: TARGET = None,
    loss: LOSS = None,
    settings: SET = None,
    point: POINT = None,
    noise: NOISE = None,
    case: CASE = None,
    free: FREE = None,
    cost: COST = None,
    samples: SAMPLES = None,
    seed: Annotated[int, typer.Option(help="Seed of starts and of all that is drawn.")] = 0,
    experiment: EXPERIMENT = None,
    theme: Annotated[str, typer.Option(help="light or dark pictures.")] = "light",
    out: OUT = None,
    as_json: JSON = False,
) -> None:
    """Say which of the six assumptions behind a GAN's loss hold, and what is lost where they do not.

    Example: tussle assumptions gaussian --loss nonsaturating --samples 200

    Example: tussle assumptions --experiment fits
    """
    output.ready(out, theme)
    options = (loss, settings, point, noise, case, free, cost, samples)
    if experiment is not None:
        _experiment(experiment, model, options, out, theme, as_json)
        return
    if model is None:
        message = "`MODEL` is missing; it may be dirac, gaussian, isotropic, erf-lsgan, FILE.py:FUNCTION or the folder "
        raise ValueError(message + "of a run; give one, or --experiment NAME.")
    request = Request(model, loss, noise=noise, settings=tuple(settings or ()), case=case, free=free, cost=cost)
    with output.waiting("measuring", as_json), own.blamed(model):
        found = _found(request, point, samples, seed)
    _shown(found, out, theme, as_json)


# Ledgers ----------------------------------------------------------------------------------------------------------


def _found(request: Request, point: str | None, samples: int | None, seed: int) -> Any:
    """Return the ledger of a model, of a user's GAN, or of a run."""
    from tussle.assumptions import ledger
    from tussle.gan import GAN
    from tussle.models.base import Model

    at = None if point is None else start_of(point)
    if own.is_own(request.model):
        made = _own(request.model)
        if not isinstance(made, (GAN, Model)):
            return _of_a_run(request, point, samples)
        _no_parts(request)
        return ledger(made, at, loss=request.loss, samples=samples, seed=seed)
    if Path(request.model).is_dir():
        return _of_a_run(request, point, samples)
    made, _ = request.build()
    _only_gans(request.model, made)
    return ledger(made, at, samples=samples, seed=seed)


def _own(target: str) -> Any:
    """Return what FILE.py:FUNCTION makes, or None if it takes arguments."""
    import inspect

    function = own.load(target)
    return None if inspect.signature(function).parameters else own.guarded(target, function)()


def _no_parts(request: Request) -> None:
    """Check that nothing was asked for that a GAN of one's own has already.

    Raises:
        ValueError: if so.
    """
    asked = {"--set": request.settings, "--noise": request.noise, "--case": request.case, "--free": request.free,
             "--cost": request.cost}  # fmt: skip
    for option, value in asked.items():
        if value not in (None, ()):
            message = f"`{option}` was given, but {request.model} makes its own GAN; only --loss and --point may come; "
            raise ValueError(message + "drop it.")


def _only_gans(name: str, made: Any) -> None:
    """Check that a model of the library is a GAN.

    Raises:
        ValueError: if it is another game.
    """
    from tussle.gan import GAN
    from tussle.models import MODELS
    from tussle.models.erf_lsgan import ErfLSGAN

    if not isinstance(made.game, (GAN, ErfLSGAN)):
        gans = ", ".join(n for n in MODELS if n not in ("bilinear", "quadratic"))
        message = f"`MODEL` is {name}, a game that is no GAN; the assumptions are those of a GAN; give one of {gans}."
        raise ValueError(message)


def _of_a_run(request: Request, point: str | None, samples: int | None) -> Any:
    """Return the ledger of a training run or of PyTorch players.

    Raises:
        ValueError: if options came that a run decides itself, or nothing here can read runs.
    """
    asked = (request.loss, request.settings, request.noise, request.case, request.free, request.cost, point, samples)
    if any(value not in (None, ()) for value in asked):
        message = f"`MODEL` is {request.model}, a run, which has its own loss, point and data; drop the other options."
        raise ValueError(message)
    try:
        reads = importlib.util.find_spec(RUNNER) is not None
    except ImportError:
        reads = False
    if not reads:
        message = f"`MODEL` is {request.model}, a training run, which needs the torch extra; "
        raise ValueError(message + "run `pip install 'tussle[torch]'`, or give the name of an exact model.")
    return importlib.import_module(RUNNER).run_ledger(request.model)


# What is shown ----------------------------------------------------------------------------------------------------


def _shown(found: Any, out: Path | None, theme: str, as_json: bool) -> None:
    document = found.to_json()
    paths = [] if out is None else _drawn(found, document, out, theme)
    if as_json:
        typer.echo(output.document(document))
        return
    _table(found)
    output.pictures(paths)


def _drawn(found: Any, document: dict[str, Any], out: Path, theme: str) -> list[Path]:
    from tussle.plots.assumptions import assumption_figure
    from tussle.plots.style import save

    with output.staged(out) as folder:
        paths = [save(assumption_figure(found, theme=theme), folder / "assumptions.png")]
        paths.append(output.write(folder / "assumptions.json", output.document(document)))
    return [out / path.name for path in paths]


def _table(found: Any) -> None:
    """Print a row for each assumption, and below what is known of it."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.padding import Padding
    from rich.table import Table

    title = f"the six assumptions behind {found.loss} on {found.model}"
    made = Table(title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for name in ("", "assumption", "status", "gap", "unit"):
        made.add_column(name, justify="right" if name == "gap" else "left", no_wrap=True)
    for row in found.rows:
        made.add_row(str(row.number), row.name, f"[{STYLES[row.status]}]{row.status}[/]", _gap(row), row.unit)
    console = Console()
    console.print(made)
    for row in found.rows:
        console.print(Padding(f"{row.number}  {escape(row.evidence)}", (0, 0, 0, 2)), highlight=False)
    console.print()
    for line in _where(found):
        console.print(f"  {escape(line)}", style="dim", highlight=False, soft_wrap=True)


def _where(found: Any) -> list[str]:
    at = "; ".join(", ".join(f"{x:.6g}" for x in player) for player in found.point)
    return ([f"at the point ({at})"] if found.point else []) + ([found.note] if found.note else [])


def _gap(row: Any) -> str:
    if row.gap is None:
        return "-"
    return f"{row.gap:.5g} +- {row.error:.1g}" if row.gap > row.error else f"0 +- {row.error:.1g}"


# Experiments ------------------------------------------------------------------------------------------------------


def _experiment(
    name: str, model: str | None, options: tuple[Any, ...], out: Path | None, theme: str, as_json: bool
) -> None:
    from tussle import checks
    from tussle.assumptions.experiments import experiment, experiment_names

    if name == "list":
        names = list(experiment_names())
        typer.echo(output.document({"experiments": names}) if as_json else "\n".join(names))
        return
    if model is not None or any(value is not None for value in options):
        message = f"`--experiment` is {name} together with a model or its options; an experiment has its own; drop one."
        raise ValueError(message)
    checks.choice("--experiment", name, experiment_names())
    with output.waiting("running the experiment", as_json):
        found = experiment(name)
    paths = []
    if out is not None:
        with output.staged(out) as folder:
            made = _experiment_pictures(found, folder, theme)
            made.append(output.write(folder / f"{name}.json", output.document(found.to_json())))
        paths = [out / path.name for path in made]
    if as_json:
        typer.echo(output.document(found.to_json()))
        return
    _experiment_table(found)
    output.pictures(paths)


def _experiment_pictures(found: Any, folder: Path, theme: str) -> list[Path]:
    from tussle.plots.relaxations import relaxation_figure
    from tussle.plots.style import save

    return [save(relaxation_figure(found, theme=theme), folder / f"{found.name}.png")]


def _experiment_table(found: Any) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    made = Table(title=escape(found.title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for k, column in enumerate(found.columns):
        words = any(isinstance(row[k], str) for row in found.rows)
        made.add_column(escape(column), justify="left" if words else "right", no_wrap=True)
    for row in found.rows:
        made.add_row(*(escape(value) if isinstance(value, str) else f"{value:.5g}" for value in row))
    console = Console()
    width = console.measure(made).maximum  # a table that is wider than the terminal runs on: half a number is none
    (Console(width=width) if width > console.width else console).print(made)
    console.print(escape(found.sentence), highlight=False, soft_wrap=True)
    for note in found.notes:
        console.print(f"  {escape(note)}", style="dim", highlight=False, soft_wrap=True)
