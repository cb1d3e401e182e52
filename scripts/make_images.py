"""Draw the pictures of the README into docs/images."""

from pathlib import Path

import tussle
from tussle import plots


def main() -> None:
    """Draw the Dirac-GAN with and without R1, in both themes."""
    rule = tussle.simultaneous(tussle.sgd(0.05))
    damped = tussle.analyze(tussle.models.dirac(penalties=[tussle.r1(0.3)]), rule, steps=1200)
    bare = tussle.analyze(tussle.models.dirac(), tussle.alternating(tussle.sgd(0.05)), steps=320)
    runs = {"no penalty": bare.trajectory, "R1": damped.trajectory}
    window = ((-1.9, 1.9), (-1.9, 1.9))
    for theme, name in (("light", "dirac.png"), ("dark", "dirac-dark.png")):
        page = plots.phase_portrait(
            damped.method.field, runs, [damped.equilibrium], window=window, title="The Dirac-GAN under R1", theme=theme
        )
        print(plots.save(page, Path("docs/images") / name, dpi=160))


main()
