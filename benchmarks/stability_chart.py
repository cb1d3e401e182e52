"""A stability chart over step and penalty weight: one compiled, vectorized Jacobian, and its radius."""

from typing import Any

import numpy as np
from measure import Row, best

import tussle

AT = (0.0, 0.0)


def benchmark(tiny: bool) -> list[Row]:
    """Chart alternating steps on the Dirac-GAN with R1, plain and with momentum."""
    size, rounds = (5, 1) if tiny else (100, 20)
    steps, weights = np.linspace(0.01, 4, size), np.linspace(0, 3, size)

    def chart(build: Any) -> tussle.Chart:
        return tussle.chart(build, steps, weights, AT, names=("step", "gamma"))

    times = best(rounds, plain=lambda: chart(plain), heavy=lambda: chart(heavy))
    name = f"{size} x {size} stability chart"
    return [
        Row(name, times["plain"], None, 30e-3, "alternating steps; 2 x 2 matrices, radius in closed form"),
        Row(f"{name}, momentum", times["heavy"], None, None, "4 x 4 matrices, radius by LAPACK, one matrix at a time"),
    ]


def plain(step: Any, weight: Any) -> tussle.Map:
    """Return alternating plain steps."""
    return tussle.Map(_field(weight), tussle.alternating(tussle.sgd(step)))


def heavy(step: Any, weight: Any) -> tussle.Map:
    """Return alternating steps with negative momentum."""
    return tussle.Map(_field(weight), tussle.alternating(tussle.momentum(step, -0.2)))


def _field(weight: Any) -> tussle.Field:
    return tussle.Field(tussle.models.dirac(penalties=[tussle.r1(weight)]).game)
