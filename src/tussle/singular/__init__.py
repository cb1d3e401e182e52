"""Singular support: what becomes of the optimal discriminator where the generated law has no density.

With fewer latent numbers than data dimensions, P_g lives on a set of volume 0 and p_r / (p_r + p_g) does not exist. The
supremum of the GAN value is then 0; here are discriminators that come near it, the exact bounds for Lipschitz ones,
and a check of any generator.
"""

from tussle.singular.costs import (
    UNATTAINED,
    Constant,
    Costs,
    Measurable,
    Plain,
    SampledCosts,
    sampled_costs,
)
from tussle.singular.counterexample import Counterexample, Row, counterexample
from tussle.singular.curves import Line, Parabola
from tussle.singular.density import DensityDiscriminator, density_discriminator
from tussle.singular.lipschitz import LipschitzExtremes, Wedge, lipschitz_extremes, lipschitz_for_gap
from tussle.singular.noise import InstanceNoise
from tussle.singular.rank import DimensionReport, dimension_check
from tussle.singular.strips import DimensionRow, dimension_table, strip_value
from tussle.singular.tube import Tube, slope, tangent_slope

__all__ = [
    "UNATTAINED",
    "Constant",
    "Costs",
    "Counterexample",
    "DensityDiscriminator",
    "DimensionReport",
    "DimensionRow",
    "InstanceNoise",
    "LipschitzExtremes",
    "Line",
    "Measurable",
    "Parabola",
    "Plain",
    "Row",
    "SampledCosts",
    "Tube",
    "Wedge",
    "counterexample",
    "density_discriminator",
    "dimension_check",
    "dimension_table",
    "lipschitz_extremes",
    "lipschitz_for_gap",
    "sampled_costs",
    "slope",
    "strip_value",
    "tangent_slope",
]
