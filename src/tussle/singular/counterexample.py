r"""The counterexample: D* = p_r / (p_r + p_g) fails where the generator has fewer latent numbers than the data.

Data uniform on the unit square, z uniform on [0, 1], G(z) = (z, 1/2). The supremum of V over all discriminators is 0;
three families of smooth or Lipschitz discriminators come as near as one likes, and none reaches it.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tussle import checks
from tussle.analysis import plain
from tussle.records import record, static
from tussle.singular.costs import UNATTAINED, Constant, Costs, Measurable, SampledCosts, sampled_costs
from tussle.singular.curves import Line, Parabola
from tussle.singular.lipschitz import LipschitzExtremes, Wedge, lipschitz_extremes
from tussle.singular.noise import InstanceNoise
from tussle.singular.strips import DimensionRow, dimension_table
from tussle.singular.tube import Tube, slope, tangent_slope

WIDTHS = (0.1, 0.03, 0.01, 0.001)
LEAST = 1e-100
LIPSCHITZ = (2.0, 5.0, 10.0, 50.0, 100.0)
SOURCES = (
    "Pulford, Kondrashov: Convergence and Optimality Analysis of Low-Dimensional Generative Adversarial Networks "
    "Using Error Function Integrals, IEEE Access 2021",
    "Arjovsky, Bottou: Towards Principled Methods for Training Generative Adversarial Networks, ICLR 2017, "
    "arXiv 1701.04862",
)


@record
class Row:
    """One discriminator of a family.

    Attributes:
        parameter: its width w, its Lipschitz constant L, or its probability off the line.
        lipschitz: its Lipschitz constant; infinite where it jumps.
        exact: its three costs.
        sampled: the same from samples.
    """

    parameter: float
    lipschitz: float
    exact: Costs
    sampled: SampledCosts

    def to_json(self, name: str = "parameter") -> dict[str, Any]:
        """Return the row as JSON knows it, its parameter under a name."""
        found = {name: self.parameter, "lipschitz": self.lipschitz, "exact": self.exact.to_json()}
        return plain({**found, "sampled": self.sampled.to_json()})


@record
class Counterexample:
    """All that is known of the counterexample.

    Attributes:
        tube: the tubes around the line, one row a width.
        lipschitz: the extremes over all L-Lipschitz discriminators, one row an L.
        noise: the density discriminators of the blurred line, one row a width.
        curved: the tubes around the parabola (z, z^2), one row a width.
        dimension: the table by dimension.
        naive: D = 1, the formula read with p_g = 0.
        measurable: D = 1 off the line and 0 on it.
        seed: of the samples.
    """

    tube: tuple[Row, ...]
    lipschitz: tuple[Row, ...]
    noise: tuple[Row, ...]
    curved: tuple[Row, ...]
    dimension: tuple[DimensionRow, ...]
    naive: Row
    measurable: Row
    seed: int = static(default=0)

    @property
    def widths(self) -> np.ndarray:
        """The widths, (n,)."""
        return np.array([row.parameter for row in self.tube])

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON knows it; infinities and nan as strings."""
        families = {"tube": "width", "lipschitz": "bound", "noise": "width", "curved": "width"}
        document: dict[str, Any] = {
            "model": "singular-support",
            "samples": self.naive.sampled.samples,
            "seed": self.seed,
            "unattained": UNATTAINED.to_json(),
            "naive": self.naive.to_json("off_the_line"),
            "measurable": self.measurable.to_json("off_the_line"),
        }
        for family, name in families.items():
            document[family] = {"rows": [row.to_json(name) for row in getattr(self, family)]}
        document["tube"]["slope"] = slope()
        document["curved"] |= {
            "length": Parabola().length,
            "slope": slope(Parabola().length),
            "slope_at_width": [tangent_slope(w) for w in self.widths],
            "note": "V/w tends to `slope` only as sqrt(w): the curve is tangent to the border of the square at z = 0.",
        }
        document["dimension"] = [row.to_json() for row in self.dimension]
        return plain({**document, "sources": list(SOURCES)})


def counterexample(
    widths: Sequence[float] = WIDTHS,
    lipschitz: Sequence[float] = LIPSCHITZ,
    *,
    samples: int = 100_000,
    seed: int = 0,
) -> Counterexample:
    """Compute the counterexample: each family exactly and by Monte Carlo, and the table by dimension.

    Args:
        widths: of the tubes, of the instance noise and of the strips.
        lipschitz: constants L.
        samples: of each Monte Carlo estimate, at least 2.
        seed: of the samples; each row draws its own.

    Returns:
        the record.

    Raises:
        ValueError: if a width is not between 1e-100 and 1e6, a constant not between 1e-100 and 1e100, or the counts
            are not whole.

    Example:
        >>> found = counterexample([0.1], [10], samples=1000)
        >>> found.tube[0].exact.value, found.lipschitz[0].exact.value, found.naive.exact.value
        (-0.65482524759, -0.19867447134302, -inf)
    """
    widths, bounds = _numbers("widths", widths, 1e6), _numbers("lipschitz", lipschitz, 1e100)
    samples, seed = checks.count("samples", samples, 2), checks.count("seed", seed, 0)
    one, best = Constant(1.0), Measurable()
    return Counterexample(
        tube=_widths(Tube, widths, samples, (seed, 0)),
        lipschitz=tuple(_bound(lipschitz_extremes(b), samples, (seed, 1, k)) for k, b in enumerate(bounds)),
        noise=_widths(InstanceNoise, widths, samples, (seed, 2)),
        curved=_widths(lambda w: Tube(w, Parabola()), widths, samples, (seed, 3)),
        dimension=dimension_table(widths),
        naive=Row(1.0, 0.0, one.exact(), sampled_costs(one, samples=samples, seed=(seed, 4))),
        measurable=Row(1.0, math.inf, best.exact(), sampled_costs(best, samples=samples, seed=(seed, 5))),
        seed=seed,
    )


def _widths(made: Any, widths: list[float], samples: int, seed: tuple[int, ...]) -> tuple[Row, ...]:
    """Return the rows of a family of discriminators with a width."""
    rows = []
    for k, d in enumerate(made(w) for w in widths):
        curve = d.curve if isinstance(d, Tube) else Line()
        found = sampled_costs(d, curve, samples=samples, seed=(*seed, k))
        rows.append(Row(d.width, d.lipschitz, d.exact(), found))
    return tuple(rows)


def _bound(found: LipschitzExtremes, samples: int, seed: tuple[int, ...]) -> Row:
    """Return the row of one Lipschitz constant; each cost is sampled with its own best wedge."""
    floors = (found.floors.value, found.floors.mao, found.floors.paper)
    value, mao, paper = (
        sampled_costs(Wedge(f, found.lipschitz), samples=samples, seed=(*seed, k)) for k, f in enumerate(floors)
    )
    mean = Costs(value.mean.value, mao.mean.mao, paper.mean.paper)
    error = Costs(value.error.value, mao.error.mao, paper.error.paper)
    return Row(found.lipschitz, found.lipschitz, found.best, SampledCosts(mean, error, value.near, samples))


def _numbers(name: str, values: Any, most: float) -> list[float]:
    """Return numbers as floats, if their squares are floats too."""
    listed = list(np.atleast_1d(np.asarray(values, dtype=object)))
    if not listed:
        message = f"`{name}` is empty; it must hold one number or more; give one."
        raise ValueError(message)
    found = [float(checks.positive(name, v)) for v in listed]
    for value in found:
        if not LEAST <= value <= most:
            message = f"`{name}` holds {value}; it must lie between {LEAST:g} and {most:g}; give such numbers."
            raise ValueError(message)
    return found
