"""Row 6 of a real GAN's ledger: what its critic and its generator know by heart.

References:
    Karras et al., "Training generative adversarial networks with limited data", NeurIPS 2020 (the gap of a critic).
    Arora, Risteski, Zhang, "Do GANs learn the distribution?", ICLR 2018 (the birthday test).
"""

import math
from typing import Any

import numpy as np
import torch

from tussle.assumptions.rows import RELAXED, Row, measured, unknown
from tussle.autodiff import to_numpy, value_and_gradient
from tussle.losses import Loss
from tussle.metrics import birthday_test
from tussle.metrics.birthday import closest_pair
from tussle.metrics.neighbors import blocks, squared_distances
from tussle.records import rebuild
from tussle.training.ledger_probes import Estimate
from tussle.training.ledger_scene import RunScene, outputs

MOST = 400  # fakes where a loss compares all pairs
SURE = 1.5  # times two deviations, for a second finding


def objective(loss: Loss, real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    """Return the critic's loss at outputs, and the variance that it owes to the real samples.

    A sample's influence on the loss is the derivative in its weight, for losses that tie samples too.
    """
    whole = loss if loss.coupling != "paired" else rebuild(Loss, {**vars(loss), "pairing": "all"})
    fake = fake if loss.coupling == "plain" else fake[:MOST]
    r, f = torch.as_tensor(real), torch.as_tensor(fake)
    shares = [torch.full((len(x),), 1 / len(x), dtype=r.dtype) for x in (r, f)]
    value, slope = value_and_gradient(lambda w: whole.critic(r, f, w, shares[1]), shares[0])
    return float(value), float(to_numpy(slope).var(ddof=1)) / len(real)


def finite_data(scene: RunScene, critic: Any) -> Row:
    """Return the row of finite data: the run's critic on what it has learned from and on held-out data.

    Args:
        scene: what is looked at.
        critic: the run's, samples -> outputs.
    """
    if scene.blind:
        return unknown(6, scene.blind, "loss")
    train, held, fake = (outputs(critic, x) for x in (scene.sets.train, scene.sets.held, scene.sets.fakes))
    if not all(np.isfinite(y).all() for y in (train, held, fake)):
        return unknown(6, "the run's critic has outputs that are not finite", "loss")
    if len(train) < 2:
        return unknown(6, f"{len(train)} sample to train on has no spread to tell an error from", "loss")
    (known, first), (new, second) = (objective(scene.loss, y, fake) for y in (train, held))
    gap = Estimate(new - known, 2 * math.sqrt(first + second) + 1e-12)
    score = Estimate(float(train.mean() - held.mean()), 2 * math.sqrt(_of_mean(train) + _of_mean(held)))
    nearer = memorized(scene)
    words = f"{_source(scene)}; the critic's loss is {known:.4g} on training data and {new:.4g} on held-out data, its "
    words += f"mean output {score.value:.3g} +- {score.error:.1g} larger on the former"
    extra = {"train": known, "held out": new, "score gap": score.value, "score error": score.error}
    extra |= {"nearer to training data": nearer.value, "nearer error": nearer.error}
    more, birthday = _birthday(scene)
    row = measured(6, gap.value, gap.error, "loss", words + _near(nearer) + more, **extra, **birthday)
    copied = nearer.value - 0.5 > SURE * nearer.error
    return rebuild(Row, {**vars(row), "status": RELAXED}) if copied else row


def _of_mean(y: np.ndarray) -> float:
    return float(y.var(ddof=1)) / len(y)


def _source(scene: RunScene) -> str:
    if scene.count is None:
        return "every batch was drawn afresh from the law"
    return f"trained on {scene.count} samples"


def _near(nearer: Estimate) -> str:
    words = f"; {nearer.value:.0%} +- {nearer.error:.1%} of the fakes lie nearer to training data than to as many "
    return words + "held-out ones (one half without memory)"


def memorized(scene: RunScene) -> Estimate:
    """Return the share of fakes whose nearest sample is one of the training data, among as many held-out ones.

    Without memory either kind is as likely, for each sample that is nearest to some fakes: the error is that of coins
    with the weights of these samples.
    """
    sides = [scene.flat(x) for x in (scene.sets.train, scene.sets.held)]
    count = min(map(len, sides))
    both, fakes = np.concatenate([x[:count] for x in sides]), scene.flat(scene.sets.fakes)
    nearest = np.concatenate([squared_distances(fakes[k], both)[0].argmin(1) for k in blocks(len(fakes), len(both))])
    chance = np.bincount(nearest, minlength=2 * count) / len(fakes)
    return Estimate(float(chance[:count].sum()), float(np.linalg.norm(chance)))


def _birthday(scene: RunScene) -> tuple[str, dict[str, Any]]:
    """Say how many different fakes there seem to be: pairs no farther apart than the closest two held-out samples."""
    threshold = closest_pair(scene.flat(scene.sets.held))
    found = birthday_test(scene.flat(scene.sets.fakes), threshold=threshold)
    size = f"at least {found.low:.2g}" if math.isinf(found.support) else f"about {found.support:.3g}"
    words = f"; by the birthday test the generator has {size} different samples ({found.collisions} pairs met)"
    return words, {"support": found.support, "pairs met": found.collisions}
