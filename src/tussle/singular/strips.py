r"""The table by dimension: what the density formula says of generators into the square with 1, 2 and 3 latent numbers.

    m = 1    G(z) = (z, 1/2)                            a line: no density
    m = 2    G(z) = (z_1, 1/2 + w z_2)                  density 1/w on a strip
    m = 3    G(z) = (z_1, 1/2 + w (z_2 + z_3)/2)        a triangular density across the strip

with all z uniform on [0, 1]. For m >= 2 the discriminator p_r / (p_r + p_g) is right, its value is -log 4 + 2 JSD, and
this tends to 0 as w -> 0: like w log w. For m = 1 there is no p_g; read with the density 0 that P_g has almost
everywhere, the formula gives D = 1, whose value is -inf, while the supremum is 0.
"""

import math
from dataclasses import fields
from typing import Any

import numpy as np

from tussle import checks
from tussle.analysis import plain
from tussle.records import record, static


@record
class DimensionRow:
    """What the density formula is worth for one generator.

    Attributes:
        latent_dimension: m.
        data_dimension: n, two.
        rank: of the generator's Jacobian.
        density: whether the generated law has a density.
        width: w of the strip; 0 for the line.
        formula: log-GAN value V of D = p_r / (p_r + p_g).
        supremum: the supremum of V over all D.
        divergence: Jensen-Shannon divergence of data and generated law, in nats.
    """

    latent_dimension: int = static()
    data_dimension: int = static()
    rank: int = static()
    density: bool = static()
    width: float
    formula: float
    supremum: float
    divergence: float

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON knows it."""
        return plain({f.name: getattr(self, f.name) for f in fields(self)})


def strip_value(width: float, latent_dimension: int = 2) -> float:
    """Return V of D = p_r / (p_r + p_g) for the strip, in closed form: -log 4 + 2 JSD.

    Args:
        width: w, above 0; the part of a strip beyond the square (w > 1/2) is told at no cost.
        latent_dimension: 2 for the uniform, 3 for the triangular density.

    Raises:
        ValueError: if it is another.

    Example:
        >>> strip_value(0.1)  # w log w - (1 + w) log(1 + w)
        -0.3350997071
    """
    w = float(checks.positive("width", width))
    inside = min(1.0, 0.5 / w)  # the share of the strip's width that lies in the square
    if latent_dimension == 2:
        return inside * (w * math.log(w) - (1 + w) * math.log1p(w))
    if latent_dimension == 3:
        low, top = _area(4 * min(inside, 0.5), w), _area(2.0, w)
        return low / 4 + (top - _area(4 * (1 - inside), w)) / 4 if inside > 0.5 else low / 4
    message = f"`latent_dimension` is {latent_dimension}; here it may be 2 or 3; with 1 there is no density."
    raise ValueError(message)


def _area(a: float, w: float) -> float:
    """Return int_0^a [w log(w / (w + g)) + g log(g / (w + g))] dg."""
    if a == 0:
        return 0.0
    return a * w * math.log(w) + a * a / 2 * math.log(a) - a * a / 4 - _power(w + a) + _power(w)


def _power(u: float) -> float:
    """Return the antiderivative u^2/2 log u - u^2/4 of u log u."""
    return u * u * (math.log(u) / 2 - 0.25)


def dimension_table(widths: Any = (0.1, 0.01, 0.001)) -> tuple[DimensionRow, ...]:
    """Return the table by dimension: the line, and for each width the strips with two and three latent numbers.

    Args:
        widths: of the strips.

    Returns:
        the rows, the line first.
    """
    rows = [DimensionRow(1, 2, 1, False, 0.0, -math.inf, 0.0, math.log(2))]
    for m in (2, 3):
        for width in np.atleast_1d(widths):
            value = strip_value(float(width), m)
            rows.append(DimensionRow(m, 2, 2, True, float(width), value, value, (value + math.log(4)) / 2))
    return tuple(rows)
