"""The commands and how they end: 0 success, 1 a failure, 2 a wrong request (one line, no traceback)."""

import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from tussle.cli import (
    analyze,
    assumptions,
    basin,
    chart,
    counterexample,
    demo,
    diagnose,
    divergence,
    laboratory,
    loss_check,
    train,
)

INTERRUPTED = 130  # what typer itself returns after Ctrl-C
EXTRAS = {"torch": "torch", "safetensors": "torch", "torchmetrics": "torch", "sklearn": "data", "skimage": "data"}

app: typer.Typer = typer.Typer(
    name="tussle",
    help="Will your GAN converge? If not, why, and what cures it?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command("analyze")(analyze.analyze)
app.command("chart")(chart.chart)
app.command("basin")(basin.basin)
app.command("counterexample")(counterexample.counterexample)
app.command("assumptions")(assumptions.assumptions)
app.command("divergence")(divergence.divergence)
app.command("loss-check")(loss_check.loss_check)
app.command("train")(train.train)
app.command("laboratory")(laboratory.laboratory)
app.command("diagnose")(diagnose.diagnose)
app.command("demo")(demo.demo)


def _version(wanted: bool) -> None:
    if wanted:
        from tussle import __version__

        typer.echo(f"tussle {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """Will your GAN converge? If not, why, and what cures it?"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and exit with its code.

    Args:
        arguments: in place of the process's own.

    Returns:
        never; the process exits.
    """
    sys.exit(code(arguments))


def code(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        result = app(args=None if arguments is None else list(arguments), standalone_mode=False)
    except TyperException as wrong:
        hint = wrong.format_message().replace("\n", " ")
        typer.echo(f"tussle: {hint} Run `tussle --help` or `tussle COMMAND --help` for what may come.", err=True)
        return 2
    except (ValueError, OSError) as wrong:
        typer.echo(f"tussle: {wrong}".replace("\n", " "), err=True)
        return 2
    except ImportError as missing:
        name = missing.name or "a package"
        if name.startswith("tussle"):
            raise
        package = str(name).split(".")[0]
        what = f"'tussle[{EXTRAS[package]}]'" if package in EXTRAS else package
        typer.echo(f"tussle: {name} is not installed; this needs it; run `pip install {what}`.", err=True)
        return 2
    except MemoryError:
        typer.echo(
            "tussle: the request needs more memory than there is; ask for fewer starts, values or samples.", err=True
        )
        return 2
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    if result == INTERRUPTED:
        typer.echo("tussle: stopped.", err=True)
        return 1
    return result if isinstance(result, int) else 0
