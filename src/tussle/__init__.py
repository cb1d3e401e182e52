"""Will your GAN converge? If not, why, and what cures it?

A game gives a field; an adjustment may bend the field; a rule with a pace turns the field into a map; the map draws a
trajectory; the Jacobian of field or map has a spectrum; verdicts read these records. The public names follow that
sentence. They are imported on first use, so that `import tussle` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tussle import assumptions as assumptions
    from tussle import conformance as conformance
    from tussle import critics as critics
    from tussle import data as data
    from tussle import divergences as divergences
    from tussle import doctor as doctor
    from tussle import drop_in as drop_in
    from tussle import lowdim as lowdim
    from tussle import metrics as metrics
    from tussle import models as models
    from tussle import nash as nash
    from tussle import networks as networks
    from tussle import plots as plots
    from tussle import relativism as relativism
    from tussle import singular as singular
    from tussle import torch_optim as torch_optim
    from tussle import training as training
    from tussle.adjust import consensus as consensus
    from tussle.adjust import jare as jare
    from tussle.adjust import lss as lss
    from tussle.adjust import nagarajan_kolter as nagarajan_kolter
    from tussle.adjust import symplectic as symplectic
    from tussle.adjust import timescale as timescale
    from tussle.analysis import Analysis as Analysis
    from tussle.analysis import analyze as analyze
    from tussle.autodiff import float64 as float64
    from tussle.certificates import Certificate as Certificate
    from tussle.certificates import certificate as certificate
    from tussle.charts import Basin as Basin
    from tussle.charts import Bifurcation as Bifurcation
    from tussle.charts import Chart as Chart
    from tussle.charts import EigenvaluePath as EigenvaluePath
    from tussle.cloud import Cloud as Cloud
    from tussle.cloud import noise_cloud as noise_cloud
    from tussle.cloud import sampled_cloud as sampled_cloud
    from tussle.conventions import gamma_from as gamma_from
    from tussle.conventions import gamma_from_noise as gamma_from_noise
    from tussle.conventions import gamma_to as gamma_to
    from tussle.conventions import noise_from_gamma as noise_from_gamma
    from tussle.doctor import Monitor as Monitor
    from tussle.doctor import adopt as adopt
    from tussle.doctor import diagnose as diagnose
    from tussle.endings import Ending as Ending
    from tussle.endings import Outcome as Outcome
    from tussle.endings import outcome as outcome
    from tussle.ensembles import Deviation as Deviation
    from tussle.ensembles import Ensemble as Ensemble
    from tussle.ensembles import crossing as crossing
    from tussle.ensembles import deviation as deviation
    from tussle.ensembles import ensemble as ensemble
    from tussle.equilibria import find_root as find_root
    from tussle.equilibria import regularity as regularity
    from tussle.field import Explicit as Explicit
    from tussle.field import Field as Field
    from tussle.flows import Flow as Flow
    from tussle.flows import flow as flow
    from tussle.forecasts import Forecast as Forecast
    from tussle.forecasts import forecast as forecast
    from tussle.game import Game as Game
    from tussle.game import Pair as Pair
    from tussle.game import Stream as Stream
    from tussle.game import ZeroSum as ZeroSum
    from tussle.gan import GAN as GAN
    from tussle.gan import Batch as Batch
    from tussle.gan import Sampler as Sampler
    from tussle.jacobian import field_jacobian as field_jacobian
    from tussle.jacobian import field_operator as field_operator
    from tussle.jacobian import map_jacobian as map_jacobian
    from tussle.jacobian import path_angle as path_angle
    from tussle.landscape import basin as basin
    from tussle.landscape import bifurcation as bifurcation
    from tussle.laws import Erlang as Erlang
    from tussle.laws import Exponential as Exponential
    from tussle.laws import Laplace as Laplace
    from tussle.laws import Located as Located
    from tussle.laws import Mixture as Mixture
    from tussle.laws import Normal as Normal
    from tussle.laws import Panels as Panels
    from tussle.laws import Rayleigh as Rayleigh
    from tussle.laws import Uniform as Uniform
    from tussle.losses import Loss as Loss
    from tussle.losses import loss as loss
    from tussle.losses import loss_names as loss_names
    from tussle.map import Map as Map
    from tussle.measures import Atoms as Atoms
    from tussle.measures import Nodes as Nodes
    from tussle.measures import Samples as Samples
    from tussle.paces import adam as adam
    from tussle.paces import momentum as momentum
    from tussle.paces import rmsprop as rmsprop
    from tussle.paces import sgd as sgd
    from tussle.penalties import Penalty as Penalty
    from tussle.penalties import dragan as dragan
    from tussle.penalties import r1 as r1
    from tussle.penalties import r2 as r2
    from tussle.penalties import wgan_gp as wgan_gp
    from tussle.penalties import wgan_lp as wgan_lp
    from tussle.rules import alternating as alternating
    from tussle.rules import averaging as averaging
    from tussle.rules import competitive as competitive
    from tussle.rules import extragradient as extragradient
    from tussle.rules import lookahead as lookahead
    from tussle.rules import optimistic as optimistic
    from tussle.rules import simultaneous as simultaneous
    from tussle.spectra import Spectrum as Spectrum
    from tussle.spectra import Verdict as Verdict
    from tussle.spectra import leading as leading
    from tussle.spectra import spectrum as spectrum
    from tussle.stability import chart as chart
    from tussle.stability import critical_value as critical_value
    from tussle.stability import eigenvalue_path as eigenvalue_path
    from tussle.stability import stable_range as stable_range
    from tussle.trajectory import Keep as Keep
    from tussle.trajectory import Trajectory as Trajectory
    from tussle.trajectory import run as run

__version__ = "0.1.0"

_homes = {
    "game": "Game ZeroSum Pair Stream",
    "measures": "Atoms Nodes Samples",
    "laws": "Erlang Exponential Laplace Located Mixture Normal Panels Rayleigh Uniform",
    "losses": "Loss loss loss_names",
    "penalties": "Penalty r1 r2 wgan_gp wgan_lp dragan",
    "gan": "GAN Batch Sampler",
    "field": "Explicit Field",
    "adjust": "consensus jare lss nagarajan_kolter symplectic timescale",
    "rules": "alternating averaging competitive extragradient lookahead optimistic simultaneous",
    "paces": "adam momentum rmsprop sgd",
    "map": "Map",
    "autodiff": "float64",
    "trajectory": "Keep Trajectory run",
    "flows": "Flow flow",
    "jacobian": "field_jacobian field_operator map_jacobian path_angle",
    "spectra": "Spectrum Verdict leading spectrum",
    "equilibria": "find_root regularity",
    "endings": "Ending Outcome outcome",
    "stability": "chart critical_value eigenvalue_path stable_range",
    "charts": "Basin Bifurcation Chart EigenvaluePath",
    "landscape": "basin bifurcation",
    "cloud": "Cloud noise_cloud sampled_cloud",
    "ensembles": "Deviation Ensemble crossing deviation ensemble",
    "forecasts": "Forecast forecast",
    "certificates": "Certificate certificate",
    "conventions": "gamma_from gamma_from_noise gamma_to noise_from_gamma",
    "analysis": "Analysis analyze",
    "doctor": "Monitor adopt diagnose",
}
_home = {name: module for module, names in _homes.items() for name in names.split()}
_rooms = (
    "assumptions",
    "conformance",
    "critics",
    "data",
    "divergences",
    "doctor",
    "drop_in",
    "lowdim",
    "metrics",
    "models",
    "nash",
    "networks",
    "plots",
    "relativism",
    "singular",
    "torch_optim",
    "training",
)

__all__ = ["__version__", *_home, *_rooms]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _home:
        return getattr(importlib.import_module(f"tussle.{_home[name]}"), name)
    if name in _rooms:
        return importlib.import_module(f"tussle.{name}")
    message = f"module 'tussle' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
