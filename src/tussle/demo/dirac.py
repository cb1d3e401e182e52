"""The exact part: the Dirac-GAN under four methods."""

import html
from collections.abc import Callable
from typing import Any

import numpy as np

from tussle import models, plots, report
from tussle.adjust import consensus
from tussle.analysis import Analysis, analyze
from tussle.field import Field
from tussle.map import Map
from tussle.paces import sgd
from tussle.penalties import r1
from tussle.rules import alternating, simultaneous
from tussle.stability import chart

Tick = Callable[[str, float], None]


def dirac_methods() -> dict[str, Analysis]:
    """Analyze the Dirac-GAN under the four methods of the demonstration."""
    bare, damped = models.dirac(), models.dirac(penalties=[r1(0.3)])
    return {
        "simultaneous": analyze(bare, simultaneous(sgd(0.2))),
        "alternating": analyze(bare, alternating(sgd(0.2))),
        "consensus 1": analyze(bare, simultaneous(sgd(0.2)), adjust=[consensus(1.0)]),
        "R1 0.3": analyze(damped, simultaneous(sgd(0.2))),
    }


def dirac_part(theme: str, tick: Tick) -> list[str]:
    """Return the HTML of the exact part."""
    tick("the Dirac-GAN under four methods", 0.0)
    found = dirac_methods()
    tick("the Dirac-GAN under four methods", 0.6)
    window = ((-2.4, 2.4), (-2.4, 2.4))
    shown = []
    for name, one in found.items():
        made = plots.phase_portrait(
            one.method.field, one.trajectory, [one.equilibrium], window=window, title=name, theme=theme
        )
        shown.append(report.Picture(made, f"{name}: {one.outcome.reason}."))
    maps = {name: one.map for name, one in found.items()}
    paths = {name: one.trajectory for name, one in found.items()}
    endings = [one.outcome for one in found.values()]
    spectra = report.Picture(
        plots.map_spectrum(maps, theme=theme), "Eigenvalues of one step: inside the circle it converges."
    )
    runs = report.Picture(plots.path_plot(paths, axes=("theta", "psi"), endings=endings, theme=theme), "The four runs.")
    tick("a stability chart", 0.8)
    stability = report.Picture(plots.stability_chart(_chart(), theme=theme), "Simultaneous steps: where R1 converges.")
    tick("a stability chart", 1.0)
    return [
        report.heading("A GAN that can be solved: the Dirac-GAN"),
        report.paragraph(
            "Data at 0, one fake at theta, a linear discriminator of slope psi. The only equilibrium is the origin. "
            + _words(found)
        ),
        _dirac_table(found),
        report.pictures(*shown),
        report.pictures(spectra, runs),
        report.pictures(stability),
    ]


def _words(found: dict[str, Analysis]) -> str:
    """Say which methods go where, as their spectra have it."""
    ways = {"diverges": "spirals out", "marginal": "neither leaves nor closes in", "converges": "spirals in"}
    said = [f"{name} {ways.get(str(one.map and one.map.verdict), 'is undecided')}" for name, one in found.items()]
    plain = found["simultaneous"].flow
    circles = plain is not None and str(plain.verdict) == "marginal"
    begin = "Without a penalty the flow circles around it for ever, so the method decides: " if circles else ""
    return f"{begin}near the origin {', '.join(said)}."


def _dirac_table(found: dict[str, Analysis]) -> str:
    rows = []
    for name, one in found.items():
        assert one.flow is not None
        assert one.map is not None
        largest = None if one.stable is None else one.stable.largest
        rows.append(
            [
                html.escape(name),
                f"{one.flow.eigenvalues[0].real + 0.0:.4g} &plusmn; {one.flow.eigenvalues[0].imag:.4g}i",
                report.mood(str(one.flow.verdict)),
                f"{one.map.radius:.9f}",
                report.mood(str(one.map.verdict)),
                "none" if largest is None else f"0 to {largest:.6g}",
                report.mood(str(one.outcome.ending)),
            ]
        )
    header = ["method", "eigenvalues of the flow", "flow", "radius of one step", "step", "stable steps", "run of 500"]
    return report.table(header, rows)


def _chart() -> Any:
    def build(lr: Any, gamma: Any) -> Map:
        return Map(Field(models.dirac(penalties=[r1(gamma)]).game), simultaneous(sgd(lr)))

    origin = ((0.0,), (0.0,))
    return chart(build, np.linspace(0.02, 4, 160), np.linspace(0.0125, 2, 160), origin, names=("lr", "r1"))
