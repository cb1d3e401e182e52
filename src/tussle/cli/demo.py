"""`tussle demo`: the exact Dirac-GAN and a real GAN on digits, in one report."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("demo"),
    steps: Annotated[int, typer.Option(help="Steps of each digits GAN.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the digits GANs.")] = 0,
    theme: Annotated[str, typer.Option(help="light or dark pictures.")] = "light",
) -> None:
    """Write a report: the Dirac-GAN under four methods, and a GAN on handwritten digits with and without R1."""
    from tussle.demo import write_demo

    path = write_demo(out, steps=steps, seed=seed, theme=theme)
    typer.echo(str(path))
