"""Models that are understood: games with their equilibria and closed forms."""

from collections.abc import Callable

from tussle.models.base import Model
from tussle.models.bilinear import bilinear
from tussle.models.dirac import dirac
from tussle.models.erf_lsgan import erf_lsgan
from tussle.models.gaussian import gaussian, isotropic
from tussle.models.quadratic import quadratic

MODELS: dict[str, Callable[..., Model]] = {
    "dirac": dirac,
    "bilinear": bilinear,
    "quadratic": quadratic,
    "gaussian": gaussian,
    "isotropic": isotropic,
    "erf-lsgan": erf_lsgan,
}

__all__ = ["MODELS", "Model", "bilinear", "dirac", "erf_lsgan", "gaussian", "isotropic", "quadratic"]
