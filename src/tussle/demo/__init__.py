"""The demonstration: the exact Dirac-GAN under four methods, and a real GAN on digits with and without R1."""

import importlib
from pathlib import Path

from tussle import checks, report
from tussle.demo.digits import digits_part
from tussle.demo.dirac import dirac_methods, dirac_part
from tussle.training.threads import threads

__all__ = ["digits_part", "dirac_methods", "dirac_part", "write_demo"]


def write_demo(out: Path, *, steps: int, seed: int, theme: str) -> Path:
    """Write the report and return its path.

    Args:
        out: folder of the report; made if need be.
        steps: of each digits GAN.
        seed: of the digits GANs.
        theme: `light` or `dark`.

    Raises:
        ValueError: if the theme is unknown, a count is wrong or the folder cannot be made.
        ImportError: if a package is missing.
    """
    from tussle.cli import output
    from tussle.data.digits import digits

    checks.count("steps", steps)
    checks.count("seed", seed, least=0, most=2**63 - 1)
    output.ready(out, theme)
    importlib.import_module("torch")
    digits()  # what is missing is said before anything is computed
    with output.progress() as tick, threads(1):
        parts = dirac_part(theme, tick) + digits_part(steps, seed, theme, tick)
    lead = (
        "One library, one grammar: a GAN that is small enough to be solved exactly, and a convolutional GAN on real "
        "handwritten digits, read by the same lines of code."
    )
    footer = "Everything on this page was computed on this machine when the page was made; nothing is fetched."
    page = report.page("Will your GAN converge?", lead, parts, footer, theme)
    with output.staged(out) as folder:
        output.write(folder / "index.html", page)
    return out / "index.html"
