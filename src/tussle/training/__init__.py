"""Training of real networks by the maps of the grammar.

`train_recipe(recipe("ring-8"), "RUN")` trains what a recipe describes into a folder; `train` runs any map on a GAN of
networks in memory, and `train_many` many seeds of a small one at once.
"""

import importlib
from typing import TYPE_CHECKING, Any

from tussle import networks as _networks  # noqa: F401  (says what to install where PyTorch is missing)

if TYPE_CHECKING:
    from tussle.training.accumulate import Accumulated as Accumulated
    from tussle.training.accumulate import accumulated as accumulated
    from tussle.training.affine import Affine as Affine
    from tussle.training.averages import Average as Average
    from tussle.training.averages import refreshed as refreshed
    from tussle.training.compiled import Advanced as Advanced
    from tussle.training.compiled import CompiledSteps as CompiledSteps
    from tussle.training.digits import DigitsRun as DigitsRun
    from tussle.training.digits import digits_gan as digits_gan
    from tussle.training.digits import train_digits as train_digits
    from tussle.training.field_spectra import FieldSpectra as FieldSpectra
    from tussle.training.field_spectra import consensus_spectra as consensus_spectra
    from tussle.training.field_spectra import dense_jacobian as dense_jacobian
    from tussle.training.folder import RunFolder as RunFolder
    from tussle.training.gamma import automatic_gamma as automatic_gamma
    from tussle.training.laboratories import Laboratory as Laboratory
    from tussle.training.laboratories import Panel as Panel
    from tussle.training.laboratories import laboratory as laboratory
    from tussle.training.laboratories import laboratory_names as laboratory_names
    from tussle.training.ledger import gan_ledger as gan_ledger
    from tussle.training.ledger import run_ledger as run_ledger
    from tussle.training.loop import Progress as Progress
    from tussle.training.loop import TrainingRecord as TrainingRecord
    from tussle.training.loop import train as train
    from tussle.training.many import ManyRecord as ManyRecord
    from tussle.training.many import stacked_starts as stacked_starts
    from tussle.training.many import train_many as train_many
    from tussle.training.parallel import shared as shared
    from tussle.training.precision import channels_last as channels_last
    from tussle.training.precision import with_precision as with_precision
    from tussle.training.probe_cost import Cost as Cost
    from tussle.training.probes import Probe as Probe
    from tussle.training.probes import Probes as Probes
    from tussle.training.probes import probe_names as probe_names
    from tussle.training.processes import Place as Place
    from tussle.training.recipes import Recipe as Recipe
    from tussle.training.recipes import Schedule as Schedule
    from tussle.training.recipes import preset_names as preset_names
    from tussle.training.recipes import recipe as recipe
    from tussle.training.session import train_recipe as train_recipe
    from tussle.training.trained import Trained as Trained

_homes = {
    "recipes": "Recipe Schedule preset_names recipe",
    "session": "train_recipe",
    "trained": "Trained",
    "folder": "RunFolder",
    "loop": "Progress TrainingRecord train",
    "compiled": "Advanced CompiledSteps",
    "many": "ManyRecord stacked_starts train_many",
    "probes": "Probe Probes probe_names",
    "probe_cost": "Cost",
    "averages": "Average refreshed",
    "accumulate": "Accumulated accumulated",
    "processes": "Place",
    "parallel": "shared",
    "precision": "channels_last with_precision",
    "affine": "Affine",
    "gamma": "automatic_gamma",
    "field_spectra": "FieldSpectra consensus_spectra dense_jacobian",
    "ledger": "gan_ledger run_ledger",
    "laboratories": "Laboratory Panel laboratory laboratory_names",
    "digits": "DigitsRun digits_gan train_digits",
}
_home = {name: module for module, names in _homes.items() for name in names.split()}

__all__ = [*_home]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _home:
        return getattr(importlib.import_module(f"tussle.training.{_home[name]}"), name)
    message = f"module 'tussle.training' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
