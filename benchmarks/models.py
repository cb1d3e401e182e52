"""The method that the exact benchmarks run: R1 on the Dirac-GAN."""

import tussle

GAMMA, RATE = 0.3, 0.2


def dirac_r1() -> tussle.Map:
    """Return simultaneous gradient steps of length 0.2 on the Dirac-GAN with R1, gamma = 0.3."""
    model = tussle.models.dirac(penalties=[tussle.r1(GAMMA)])
    return tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.sgd(RATE)))
