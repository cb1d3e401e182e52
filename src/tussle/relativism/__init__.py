"""The relativistic laboratory: the argument for relativistic losses, made executable.

Panels and frozen steps show what the critic says of real data while the generator moves; shares and readings say who
drives an update, in theory and on real networks; the landscape shows why pairs by index remove the barriers around
collapsed states and all pairs do not; estimators tell what a batch makes of the population's loss.

References:
    Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", ICLR 2019.
    Jolicoeur-Martineau, "On relativistic f-divergences", ICML 2020.
    Sun, Fang, Schwing, "Towards a better global loss landscape of GANs", NeurIPS 2020.
"""

from tussle.relativism.collapse import ELSEWHERE, KINDS, Landscape, Way, collapsed_count, height, landscape
from tussle.relativism.critics import Affine, best_affine
from tussle.relativism.estimators import (
    BatchBias,
    PairVariance,
    batch_bias,
    pair_variance,
    population,
    predicted_bias,
)
from tussle.relativism.frozen import FrozenStep, frozen_step
from tussle.relativism.panels import Optimum, Panel, generator_panel, moved_panel, optimal_panel, optimum, trend
from tussle.relativism.readings import CriticReading, reading
from tussle.relativism.weights import Histogram, Shares, beliefs, kappa, shares

__all__ = [
    "Panel",
    "Optimum",
    "optimum",
    "optimal_panel",
    "moved_panel",
    "generator_panel",
    "trend",
    "FrozenStep",
    "frozen_step",
    "Affine",
    "best_affine",
    "Shares",
    "Histogram",
    "shares",
    "beliefs",
    "kappa",
    "CriticReading",
    "reading",
    "Landscape",
    "Way",
    "landscape",
    "height",
    "collapsed_count",
    "KINDS",
    "ELSEWHERE",
    "BatchBias",
    "PairVariance",
    "batch_bias",
    "pair_variance",
    "population",
    "predicted_bias",
]
