"""Probe critics: fresh classifiers of held-out data against fakes, and what a critic's outputs tell as log ratios.

For a classifier D = sigma(C) that has not seen the data it is judged on, the log loss
L = -E_p log D - E_q log(1 - D) is at least 2 log 2 - 2 JS, so that log 2 - L/2 is a lower bound of JS, and the
difference of two losses is a lower bound of the excess risk of the worse of the two. Errors are two standard errors of
means over held-out samples; differences are taken sample by sample.

References:
    Goodfellow et al., "Generative adversarial nets", NIPS 2014 (the log loss and JS).
    Platt, "Probabilistic outputs for support vector machines", 1999 (the affine reading).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from tussle.networks.functional import Player, player
from tussle.networks.mlp import MLP
from tussle.training.ledger_scene import STEPS, RunScene, outputs

LOG2 = math.log(2.0)
BATCH = 128  # samples of each side in a step of a probe
RATE = 2e-3  # of Adam, falling to 0 as half a cosine
LOOKS = 10  # at the samples that choose, during a training
NEWTON = 30  # steps of the fit of two numbers
WIDTH, DEPTH = 96, 2  # of the perceptron that is added to a critic


class Estimate(NamedTuple):
    """A number and two standard errors of it."""

    value: float
    error: float

    @property
    def shown(self) -> bool:
        """Whether it lies above its error."""
        return self.value > self.error


class Reading(NamedTuple):
    """A critic as a classifier: outputs C are read as the log ratio scale C + shift.

    Attributes:
        name: of the critic.
        critic: samples -> outputs.
        scale: the factor.
        shift: the offset.
        chosen: log loss on the samples that choose.
        held: log ratios at held-out real data.
        fake: log ratios at fakes.
        late: by how much its log loss on the samples that choose still fell in the second half of its training.
    """

    name: str
    critic: Callable[[Tensor], Tensor]
    scale: float
    shift: float
    chosen: float
    held: np.ndarray
    fake: np.ndarray
    late: float = 0.0

    @property
    def terms(self) -> tuple[np.ndarray, np.ndarray]:
        """What each sample adds to the log loss."""
        return np.logaddexp(0.0, -self.held), np.logaddexp(0.0, self.fake)

    @property
    def loss(self) -> Estimate:
        """The log loss on held-out data; 2 log 2 of a critic that knows nothing."""
        return _mean(*self.terms)

    @property
    def js(self) -> Estimate:
        """A lower bound of the Jensen-Shannon divergence, log 2 - L/2."""
        value, error = self.loss
        return Estimate(LOG2 - value / 2, error / 2)

    def over(self, other: "Reading") -> Estimate:
        """Return by how much the log loss of the other critic is smaller."""
        return _mean(*(a - b for a, b in zip(self.terms, other.terms, strict=True)))


def _mean(real: np.ndarray, fake: np.ndarray) -> Estimate:
    spread = sum(float(x.var(ddof=1)) / len(x) for x in (real, fake))
    return Estimate(float(real.mean() + fake.mean()), 2 * math.sqrt(spread) + 1e-12)


# Readings -------------------------------------------------------------------------------------------------------------


def read(scene: RunScene, name: str, critic: Callable[[Tensor], Tensor], raw: bool = False) -> Reading:
    """Return a critic as a classifier.

    Args:
        scene: what is looked at.
        name: of the critic.
        critic: samples -> outputs.
        raw: whether outputs are log ratios as they are; else the best of these, of an affine function of them and of
            a constant is taken, as the samples that choose have it.
    """
    sets = scene.sets
    valid = outputs(critic, sets.valid), outputs(critic, sets.valid_fakes)
    ways = [(1.0, 0.0)] if raw else [(0.0, 0.0), (1.0, 0.0), affine(*valid)]
    losses = [log_loss(*(scale * y + shift for y in valid)) for scale, shift in ways]
    best = int(np.argmin(losses))
    scale, shift = ways[best]
    seen = [scale * outputs(critic, x) + shift for x in (sets.held, sets.fakes)]
    return Reading(name, critic, scale, shift, losses[best], seen[0], seen[1])


def log_loss(real: np.ndarray, fake: np.ndarray) -> float:
    """Return -E log D on real data - E log(1 - D) on fakes, D the sigmoid."""
    return float(np.logaddexp(0.0, -real).mean() + np.logaddexp(0.0, fake).mean())


def affine(real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    """Return scale and shift with which outputs are the best log ratios, by Newton's method.

    The scale in units of the outputs' spread pays 1/n for its square, so that it stays finite where one output parts
    both sides.

    >>> z = np.random.default_rng(0).normal(size=(2, 4000))
    >>> scale, shift = affine(5 * (z[0] + 1) + 7, 5 * z[1] + 7)  # the log ratio is z - 1/2
    >>> round(scale, 1), round(shift, 0)
    (0.2, -2.0)
    """
    whole = np.concatenate([real, fake])
    middle, spread = float(whole.mean()), float(whole.std())
    if not spread > 1e-12 * (1 + abs(middle)) or not math.isfinite(spread):
        return 0.0, 0.0
    x = (whole - middle) / spread
    truth = np.repeat([1.0, 0.0], [len(real), len(fake)])
    mass = np.repeat([1 / len(real), 1 / len(fake)], [len(real), len(fake)])
    design, at = np.stack([x, np.ones_like(x)]), np.zeros(2)
    ridge = np.array([1.0 / min(len(real), len(fake)), 0.0])
    for _ in range(NEWTON):
        says = 1 / (1 + np.exp(-np.clip(at @ design, -500, 500)))
        slope = design @ (mass * (says - truth)) + ridge * at
        bend = (design * (mass * says * (1 - says))) @ design.T + np.diag(ridge + 1e-9)
        step = np.linalg.solve(bend, slope)
        at = at - step * min(1.0, 2.0 / float(np.abs(step).max() + 1e-300))
    return float(at[0]) / spread, float(at[1]) - float(at[0]) * middle / spread


# Training -------------------------------------------------------------------------------------------------------------


def trained(scene: RunScene, name: str, made: Player, steps: int, clip: float | None = None) -> Reading:
    """Train a probe critic by the log loss on training data and fresh fakes, and return it as a classifier.

    The weights that did best on the samples that choose are kept: a probe that learns its data by heart stops there.

    Args:
        scene: what is looked at.
        name: of the probe.
        made: a critic with new weights.
        steps: of Adam.
        clip: bound of the weights, or None.
    """
    weights = made.vector.detach().clone().requires_grad_()
    kept, seen = weights.detach().clone(), []
    pace = torch.optim.Adam([weights], lr=RATE, betas=(0.9, 0.99))
    for step in range(steps):
        for group in pace.param_groups:
            group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        real, fake = scene.batch(scene.stream(STEPS, step), BATCH)
        scores = made.function(weights, torch.cat([real, fake])).reshape(-1)
        pace.zero_grad()
        (softplus(-scores[: len(real)]).mean() + softplus(scores[len(real) :]).mean()).backward()
        pace.step()
        if clip is not None:
            weights.data.clamp_(-clip, clip)
        if (step + 1) % max(steps // LOOKS, 1) == 0 or step + 1 == steps:
            seen.append(_looked(scene, made, weights))
            if seen[-1] == min(seen):
                kept = weights.detach().clone()
    late = seen[(len(seen) - 1) // 2] - min(seen)
    return read(scene, name, lambda x: made.function(kept, x))._replace(late=max(late, 0.0))


def _looked(scene: RunScene, made: Player, weights: Tensor) -> float:
    frozen = weights.detach()
    seen = [outputs(lambda x: made.function(frozen, x), x) for x in (scene.sets.valid, scene.sets.valid_fakes)]
    return log_loss(*seen)


# Networks -------------------------------------------------------------------------------------------------------------


class Added(nn.Module):
    """A critic plus a perceptron that begins as 0: whatever the critic can tell, this can.

    Args:
        inner: the critic.
        inputs: numbers in a sample.
    """

    def __init__(self, inner: nn.Module, inputs: int) -> None:
        super().__init__()
        self.inner: nn.Module = inner
        self.more: MLP = MLP(inputs, None, WIDTH, DEPTH, "leaky_relu")
        for weight in self.more.layers[-1].parameters():
            nn.init.zeros_(weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return one number for each sample, (n,)."""
        return self.inner(x).reshape(-1) + self.more(x)


def renewed(critic: Player, seed: int) -> Player:
    """Return a critic's own architecture with new weights.

    Weights are shuffled, which keeps their size and nothing that they have learned; layers that know how they begin
    then draw anew.
    """
    module = critic.to_module(critic.vector)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(seed)
        for layer in module.modules():
            for weight in layer.parameters(recurse=False):
                weight.copy_(weight.reshape(-1)[torch.randperm(weight.numel())].reshape(weight.shape))
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
    return player(module)


def enlarged(critic: Player, inputs: int, seed: int) -> Player:
    """Return the sum of a critic with new weights and a perceptron."""
    fresh = renewed(critic, seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed + 1)
        made = Added(fresh.module, inputs).to(fresh.vector)
    return player(made)
