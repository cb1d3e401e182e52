"""`tussle diagnose`: a GAN of your own, or a training run, diagnosed with evidence, and the cures tried."""

import importlib.util
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from tussle.cli import output
from tussle.cli.own import said
from tussle.cli.request import JSON, OUT

COLORS = {"illness": "bold red", "warning": "yellow", "note": "green"}


def diagnose(
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py:FUNCTION|RUN_DIR",
            help="A function without arguments that returns what tussle.adopt(...) returns, or the folder of a run of "
            "`tussle train`.",
        ),
    ],
    budget: Annotated[float, typer.Option(help="Seconds that it may take.")] = 60.0,
    depth: Annotated[str, typer.Option(help="quick, standard or deep.")] = "standard",
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 0,
    no_cures: Annotated[bool, typer.Option("--no-cures", help="Do not try cures.")] = False,
    theme: Annotated[str, typer.Option(help="light or dark pictures.")] = "light",
    out: OUT = None,
    as_json: JSON = False,
) -> None:
    """Diagnose a GAN of your own: what is wrong, by which numbers, and which change helped when it was tried.

    Your modules are only read. Exit code 0 if the diagnosis was made, whatever it says; 1 if it was interrupted: what
    was found until then is written all the same.

    Examples: tussle diagnose my_gan.py:patient --out diagnosis; tussle diagnose runs/ring --budget 120 --json
    """
    from tussle import checks
    from tussle.doctor.examination import DEPTHS

    checks.positive("--budget", budget)
    checks.choice("--depth", depth, DEPTHS)
    checks.count("--seed", seed, least=0)
    output.ready(out, theme)
    report = _diagnosed(target, device, as_json, budget=budget, depth=depth, seed=seed, cures=not no_cures)
    paths = [] if out is None else [report.write(out, theme), Path(out) / "report.json"]
    if as_json:
        typer.echo(output.document({"target": target, **report.to_json()}))
    else:
        _shown(report)
        output.pictures(paths)
    if report.interrupted:
        typer.echo("tussle: interrupted; the report is partial.", err=True)
        raise typer.Exit(1)


def _diagnosed(target: str, device: str | None, quiet: bool, **options: Any) -> Any:
    from tussle.doctor.diagnose import diagnose as examine

    with output.waiting("reading the networks", quiet):
        patient = _patient(target, device)
    with output.waiting(f"diagnosing {patient.name}", quiet) as told, _blamed(target):
        return examine(patient, progress=lambda what, share: told(share), **options)


def _patient(target: str, device: str | None) -> Any:
    """Return the patient that a file's function returns, or that a run is."""
    from tussle.doctor.changes import on_device
    from tussle.doctor.runs import patient_of_run
    from tussle.training.devices import chosen

    place = None if device is None else chosen(device)
    if ".py:" not in target:
        if not Path(target).is_dir():
            message = (
                f"`TARGET` is {target!r}, which is neither FILE.py:FUNCTION nor a folder; give a function that returns "
                "tussle.adopt(...), or the folder of a run."
            )
            raise ValueError(message)
        return patient_of_run(target, place or "cpu")
    found = _called(target)
    return found if place is None else on_device(found, place)


def _called(target: str) -> Any:
    """Return what FILE.py:FUNCTION returns.

    Raises:
        ValueError: if there is no such function, it fails, or it returns something else than a patient.
    """
    from tussle.doctor.patient import Patient

    path, _, name = target.rpartition(":")
    names = _names(target, path)
    function = names.get(name)
    if not callable(function):
        own = [n for n, v in names.items() if inspect.isfunction(v) and not n.startswith("_")]
        message = f"`FUNCTION` is {name!r}, but {path} has {', '.join(own) or 'no functions'}; name one of these."
        raise ValueError(message)
    if any(p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
           for p in inspect.signature(function).parameters.values()):  # fmt: skip
        message = f"`FUNCTION` {target} takes arguments; it must be called without any; give them defaults."
        raise ValueError(message)
    with _blamed(target):
        found = function()
    if not isinstance(found, Patient):
        message = (
            f"`FUNCTION` {target} returns a {type(found).__name__}; it must return what tussle.adopt(generator, "
            "discriminator, loss=..., data=..., latent=...) returns; return that."
        )
        raise ValueError(message)
    return found


def _names(target: str, path: str) -> dict[str, Any]:
    """Return the names that a Python file defines; files beside it can be imported by it."""
    file = Path(path)
    if not file.is_file():
        message = f"`TARGET` is {target!r}, but there is no file {path}; give the path of a Python file."
        raise ValueError(message)
    spec = importlib.util.spec_from_file_location(f"own_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    sys.path.insert(0, str(file.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as wrong:
        message = f"`TARGET` is {target!r}, but {path} does not import ({said(wrong)}); mend it first."
        raise ValueError(message) from wrong
    finally:
        sys.path.remove(str(file.resolve().parent))
    return vars(module)


@contextmanager
def _blamed(target: str) -> Iterator[None]:
    """Within this context an unexpected failure of a user's own code is told as such."""
    try:
        yield
    except (ValueError, OSError, MemoryError):
        raise
    except (Exception, SystemExit) as wrong:
        message = f"`FUNCTION` {target} fails ({said(wrong)}); mend it first."
        raise ValueError(message) from wrong


def _shown(report: Any) -> None:
    """Print the verdict, the findings, the cures and what could not be checked."""
    from rich.console import Console
    from rich.markup import escape

    console = Console()
    mood = {"healthy": "green", "ill": "bold red"}.get(report.verdict, "yellow")
    console.print(escape(report.sentence), style=mood)
    console.print(_findings(report.findings))
    if report.trials:
        console.print(_cures(report.trials))
    left = [one for one in report.checks if one.status == "unknown"]
    for one in left:
        console.print(f"[dim]not checked: {escape(one.name)}: {escape(one.why)}[/]")
    for one in report.patient.assumed:
        console.print(f"[dim]assumed: {escape(one)}[/]")
    cost = ", ".join(f"{name} {value:.3g}" for name, value in report.cost.items())
    console.print(f"[dim]{escape(cost)} (seconds; products of the Jacobian)[/]")


def _table(title: str, *columns: str) -> Any:
    from rich import box
    from rich.table import Table

    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for k, name in enumerate(columns):
        made.add_column(name, overflow="fold", style="cyan" if k == 0 else None, no_wrap=k == 0)
    return made


def _findings(findings: Any) -> Any:
    from rich.markup import escape

    made = _table("findings", "finding", "severity", "sure", "what was seen", "advice")
    for one in findings:
        mood = COLORS[one.severity]
        made.add_row(
            one.name, f"[{mood}]{one.severity}[/]", f"{one.confidence:.0%}", escape(one.words), escape(one.advice)
        )
    return made


def _cures(trials: Any) -> Any:
    from rich.markup import escape

    made = _table("cures that were tried", "cure", "", "change", "what happened")
    for one in trials:
        plan = one.prescription
        mark = one.status if one.status != "tried" else "[green]better[/]" if one.better else "no better"
        happened = one.why if one.status != "tried" else f"{one.why} (gain {one.gain:.2g} ± {one.uncertainty:.2g})"
        made.add_row(plan.name, mark, escape(plan.change), escape(happened))
    return made
