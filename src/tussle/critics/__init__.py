"""Critics: the optimal one of every loss, what it is worth, and what the generator then descends."""

from tussle.critics.densities import DensityCritic, density_critic
from tussle.critics.descent import Descent, generator_descent
from tussle.critics.finite import OptimalCritic, optimal_critic
from tussle.critics.summary import LossDivergences, loss_divergences
from tussle.critics.weights import generator_gradient, loss_weight, weight, weight_of, weighted_loss

__all__ = [
    "DensityCritic",
    "Descent",
    "LossDivergences",
    "OptimalCritic",
    "density_critic",
    "generator_descent",
    "generator_gradient",
    "loss_divergences",
    "loss_weight",
    "optimal_critic",
    "weight",
    "weight_of",
    "weighted_loss",
]
