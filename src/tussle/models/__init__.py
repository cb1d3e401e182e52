"""Models that are understood: games with their equilibria and closed forms."""

from collections.abc import Callable

from tussle.models.base import Model
from tussle.models.bilinear import bilinear
from tussle.models.dirac import dirac
from tussle.models.gaussian import gaussian, isotropic
from tussle.models.quadratic import quadratic

MODELS: dict[str, Callable[..., Model]] = {
    "dirac": dirac,
    "bilinear": bilinear,
    "quadratic": quadratic,
    "gaussian": gaussian,
    "isotropic": isotropic,
}

__all__ = ["MODELS", "Model", "bilinear", "dirac", "gaussian", "isotropic", "quadratic"]
