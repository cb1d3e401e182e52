"""Laws: measures with a density, from which expectations are taken by quadrature.

Each law says where it lives (`support`), its log density, and in one dimension its distribution function and the
points where the density is not smooth. Arrays are NumPy's; the games move nodes to the engine of their point.
"""

from tussle.laws.base import AbstractLaw, composite
from tussle.laws.combined import Located, Mixture, Panels
from tussle.laws.exponential import Erlang, Exponential
from tussle.laws.laplace import Laplace
from tussle.laws.normal import Normal
from tussle.laws.rayleigh import Rayleigh
from tussle.laws.uniform import Uniform

__all__ = [
    "AbstractLaw",
    "Erlang",
    "Exponential",
    "Laplace",
    "Located",
    "Mixture",
    "Normal",
    "Panels",
    "Rayleigh",
    "Uniform",
    "composite",
]
