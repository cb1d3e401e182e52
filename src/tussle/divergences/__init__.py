"""Divergences between any two measures: f-divergences, transport, kernels; in closed form, by quadrature, from samples.

>>> from tussle import Normal
>>> round(divergence("kl", Normal(0, 1), Normal(1, 1)).value, 6)
0.5
"""

from tussle.divergences.between import divergence, divergences
from tussle.divergences.names import divergence_names
from tussle.divergences.result import Divergence

__all__ = ["Divergence", "divergence", "divergence_names", "divergences"]
