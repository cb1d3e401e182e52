"""The whole ledger of an exact GAN: six rows from one look at its laws."""

from typing import Any

import numpy as np

from tussle import checks, losses
from tussle.assumptions.capacity_critic import critic_capacity
from tussle.assumptions.capacity_generator import generator_capacity
from tussle.assumptions.choice import choice
from tussle.assumptions.continuity import continuity
from tussle.assumptions.finite import finite_data
from tussle.assumptions.optimum import optimum
from tussle.assumptions.ratio import ratio
from tussle.assumptions.rows import AssumptionLedger
from tussle.assumptions.scene import Scene, scene
from tussle.losses import Loss


def ledger(
    model: Any, point: Any = None, *, loss: Loss | str | None = None, samples: int | None = None, seed: int = 0
) -> AssumptionLedger:
    """Return the six assumptions of an exact GAN at a point: held, relaxed or unknown, each with its measured gap.

    Args:
        model: a `Model` of a GAN, or a `GAN` whose laws are known (densities, atoms, samples).
        point: the players' parameters, one vector each; the model's start by default.
        loss: in place of the model's own: a `Loss`, or a text NAME[,option=value...].
        samples: how many of each law a data set has, for the row of finite data; by default the game's own
            expectations, which are exact.
        seed: of starts and samples.

    Raises:
        ValueError: if the model is no GAN, the point does not fit, the loss is unknown, or `samples` is below 2.

    References:
        Nie, Patel, "Towards a better understanding and regularization of GAN training dynamics", UAI 2019.

    >>> from tussle import models
    >>> found = ledger(models.dirac())
    >>> found[1].status, found[3].status, round(found[3].gap, 6)  # no densities; a critic without offset loses log 2
    ('relaxed', 'relaxed', 0.693147)
    """
    if samples is not None:
        checks.count("samples", samples, 2)
    checks.count("seed", seed, 0)
    made = losses.parse_loss(loss) if isinstance(loss, str) else loss
    if made is not None and not isinstance(made, Loss):
        message = f"`loss` is {type(made).__name__}; it may be a Loss or a text such as rp-logistic; give one of these."
        raise ValueError(message)
    seen = scene(model, point, made)
    best = optimum(seen)
    third, critic = critic_capacity(seen, best, seed)
    rows = (
        continuity(seen, seed),
        ratio(seen, best),
        third,
        generator_capacity(seen, seed),
        choice(seen, best),
        finite_data(seen, critic, samples, seed),
    )
    at = tuple(tuple(float(v) for v in np.ravel(x)) for x in seen.point)
    return AssumptionLedger(seen.name, seen.loss.name, rows, at, _note(seen, samples))


def _note(seen: Scene, samples: int | None) -> str:
    parts = ["exact laws" if samples is None else f"exact laws, and data sets of {samples} samples"]
    if seen.game.noise:
        parts.append(f"instance noise {float(seen.game.noise):g} on both laws")
    if seen.game.penalties:
        parts.append("penalties left out: they are no part of the derivation")
    return "; ".join(parts)
