"""What each probe reads of a scene: functions from a scene to numbers by name.

The first part of a name is the probe's, the second says which number, as in `scores/real_mean`. A number that means
nothing here (kappa of a hinge loss, a gap without held-out data) is nan, so that a log keeps its columns.
"""

import functools
import itertools
from typing import Any

import numpy as np
import torch

from tussle.autodiff import to_numpy
from tussle.critics.kinds import kind_of
from tussle.losses import Loss
from tussle.relativism.readings import QUANTILES, least
from tussle.relativism.weights import VANISHED, Outputs, measured
from tussle.rules.averaging import Averaging
from tussle.training.probe_scene import Scene, chances, plain
from tussle.training.probe_spectrum import field_ends, update_ends

NAN = float("nan")
LOG_TYPE = ("logistic", "jensen_shannon", "f_gan")  # their optimal output is log(p/q), and D its sigmoid


# Of the field -------------------------------------------------------------------------------------------------------


def gradient_norms(scene: Scene) -> dict[str, float]:
    """Return the length of each player's velocity, as the step read it."""
    players = scene.map.field.game.players
    lengths = (float(np.linalg.norm(plain(v))) for v in scene.velocity)
    return {f"gradient_norms/{name}": length for name, length in zip(players, lengths, strict=True)}


def path_angle(scene: Scene) -> dict[str, float]:
    """Return the cosine between the field and the way to the anchor, and between the fields of two points.

    The two fields, before and after the step, are read on one batch: the angle is that of the motion, not of the noise.
    """
    now = scene.field(True)
    way, seen = _way(scene)
    toward = _cosine(now[seen], way[seen])
    return {"path_angle/anchor": toward, "path_angle/turn": _cosine(scene.field(False), now)}


def _way(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Return anchor - point, and which entries of it have an anchor."""
    rule, anchor = scene.map.rule, scene.anchor
    if anchor is None and isinstance(rule, Averaging):
        anchor = rule.average(scene.state)
    anchor = (None,) * len(scene.after) if anchor is None else anchor
    ways = [
        np.full(len(x), NAN) if a is None else plain(a) - plain(x) for a, x in zip(anchor, scene.after, strict=True)
    ]
    way = np.concatenate(ways)
    return way, ~np.isnan(way)


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length > 0 else NAN


def rotation_share(scene: Scene) -> dict[str, float]:
    """Return |A v|^2 / (|A v|^2 + |S v|^2), A and S the antisymmetric and the symmetric part of the field's Jacobian.

    For a random v numerator and denominator are estimates of |A|_F^2 and of |J|_F^2: 1 is a pure rotation, 0 a
    gradient field.
    """
    found = scene.linearization
    turning = float(np.sum((found.forward - found.backward) ** 2))
    total = turning + float(np.sum((found.forward + found.backward) ** 2))
    return {"rotation_share": turning / total if total > 0 else NAN}


def eigenvalues(scene: Scene) -> dict[str, float]:
    """Return the ends of the spectra of the field and of the update at the point after the step."""
    seed, step = scene.key
    start = (seed << 32) + step
    flow = field_ends(scene.map.field, scene.after, scene.field_batch, start)
    update = update_ends(scene.map, scene.after, scene.state, scene.drawn, start)
    return {
        "eigenvalues/flow_real": flow.abscissa,
        "eigenvalues/flow_imaginary": flow.frequency,
        "eigenvalues/flow_modulus": flow.modulus,
        "eigenvalues/update_radius": update.radius,
        "eigenvalues/products": float(flow.products + update.products),
    }


# Of the critic's slope ----------------------------------------------------------------------------------------------


def input_gradients(scene: Scene) -> dict[str, float]:
    """Return mean and maximum of |grad_x C| on the real data and on the fakes that the critic's step began with."""
    found = {}
    for side in ("real", "fake"):
        lengths, chance = scene.slopes(side)
        found[f"input_gradients/{side}_mean"] = float(chance @ lengths)
        found[f"input_gradients/{side}_max"] = float(lengths.max())
    return found


def fake_gradient(scene: Scene) -> dict[str, float]:
    """Return the root of E |grad_x C|^2 on fakes, and how many times that on real data it is.

    Under R1 alone nothing holds it: it explodes in runs of R3GAN's ablation that diverge, where R2 keeps it down.
    """
    real, fake = (float(np.sqrt(c @ (x * x))) for x, c in map(scene.slopes, ("real", "fake")))
    return {"fake_gradient/norm": fake, "fake_gradient/over_real": fake / real if real > 0 else NAN}


# Of the critic's outputs --------------------------------------------------------------------------------------------


def scores(scene: Scene) -> dict[str, float]:
    """Return mean and standard deviation of the outputs on both sides, centered at the level between the two means.

    The level of a relativistic critic is a free random walk and says nothing.
    """
    y = scene.judged(scene.critic_turn).outputs
    (real, real_sd), (fake, fake_sd) = _moments(y.real, y.real_weights), _moments(y.fake, y.fake_weights)
    level = (real + fake) / 2
    return {
        "scores/real_mean": real - level,
        "scores/real_sd": real_sd,
        "scores/fake_mean": fake - level,
        "scores/fake_sd": fake_sd,
        "scores/level": level,
    }


def _moments(y: Any, weights: Any) -> tuple[float, float]:
    chance = chances(weights, len(y))
    mean = float(chance @ y)
    return mean, float(np.sqrt(chance @ (y - mean) ** 2))


def kappa(scene: Scene) -> dict[str, float]:
    """Return E_p D + E_q D - 1 at the critic's turn, zero at an optimal critic; nan for losses other than log ones."""
    kind = kind_of(scene.game.loss_function)
    if kind is None or kind.name not in LOG_TYPE:
        return {"kappa": NAN}
    says = scene.judged(scene.critic_turn).measured.says
    return {"kappa": float(says[0]) + float(says[1]) - 1.0}


def weights(scene: Scene) -> dict[str, float]:
    """Return quantiles of the fakes' weights at the generator's turn, and the share of fakes below 1e-3."""
    shares = scene.judged(scene.generator_turn).shares
    found = _quantiles(shares.generator, shares.fake_chance)
    names = (f"weights/q{round(100 * q):02d}" for q in QUANTILES)
    return dict(zip(names, map(float, found), strict=True)) | {"weights/vanished": shares.vanished(VANISHED)}


def _quantiles(values: np.ndarray, chance: np.ndarray) -> np.ndarray:
    if np.ptp(chance) == 0:
        return np.quantile(values, QUANTILES)
    return np.quantile(values, QUANTILES, weights=chance, method="inverted_cdf")


def pair_accuracy(scene: Scene) -> dict[str, float]:
    """Return P(r > f) over all pairs at the critic's turn, ties counted half."""
    return {"pair_accuracy": _accuracy(scene.judged(scene.critic_turn).outputs)}


def _accuracy(y: Outputs) -> float:
    order = np.argsort(y.fake)
    ranked = np.asarray(y.fake)[order]
    below = np.concatenate([[0.0], np.cumsum(chances(y.fake_weights, len(ranked))[order])])
    sides = (below[np.searchsorted(ranked, y.real, side="left")], below[np.searchsorted(ranked, y.real, side="right")])
    return float(chances(y.real_weights, len(y.real)) @ (sides[0] + sides[1]) / 2)


def real_share(scene: Scene) -> dict[str, float]:
    """Return the real share a/(a + b) of the critic's update where its step begins, and where it ends."""
    start, end = (scene.judged(moment).shares.rho for moment in (scene.critic_turn, scene.critic_done))
    return {"real_share/start": start, "real_share/end": end}


def held_out_gap(scene: Scene) -> dict[str, float]:
    """Return what the critic gives training data more than held-out data, in output and in loss.

    The share is that gap in units of the one between training data and fakes: 0 without overfitting, 1 where held-out
    data look as false as fakes.

    Reference:
        Karras et al., "Training generative adversarial networks with limited data", NeurIPS 2020, r_v.
    """
    held, y = scene.held_out_scores(), scene.judged(scene.critic_turn).outputs
    if held is None:
        return {"held_out_gap/score": NAN, "held_out_gap/share": NAN, "held_out_gap/loss": NAN}
    other = _beside(Outputs(plain(held.points), y.fake, _plain(held.weights), y.fake_weights))
    mean, fake, real = (_moments(*pair)[0] for pair in ((other.real, other.real_weights), y[1::2], y[::2]))
    gap, between = real - mean, real - fake
    train = float(scene.judged(scene.critic_turn).measured.value)
    return {
        "held_out_gap/score": gap,
        "held_out_gap/share": gap / between if between else NAN,
        "held_out_gap/loss": train - float(measured(scene.game.loss_function, other).value),
    }


def _beside(y: Outputs) -> Outputs:
    """Return as many outputs on both sides where they are samples, since a loss may pair them by index."""
    if y.real_weights is not None or y.fake_weights is not None:
        return y
    count = min(len(y.real), len(y.fake))
    return y._replace(real=y.real[:count], fake=y.fake[:count])


def _plain(x: Any) -> np.ndarray | None:
    return None if x is None else plain(x)


def dominance(scene: Scene) -> dict[str, float]:
    """Return the critic's loss at its turn, without penalties, in units of that of the best constant critic.

    The share is what it has gained over that critic in units of the most that can be gained: 0 where it can tell
    nothing, 1 where it has won. It estimates the divergence that the critic's game is worth, in units of its largest
    value; nan where there is no largest one.
    """
    loss = scene.game.loss_function
    value = float(scene.judged(scene.critic_turn).measured.value)
    level, lowest = ends(loss)
    bounded = np.isfinite(lowest) and level > lowest
    return {
        "dominance/loss": value / level if abs(level) > 1e-12 else NAN,
        "dominance/share": (level - value) / (level - lowest) if bounded else NAN,
    }


@functools.lru_cache(maxsize=16)
def ends(loss: Loss) -> tuple[float, float]:
    """Return the critic's loss at the best constant critic, and the least that it can be.

    >>> from tussle.losses import loss
    >>> [round(x, 6) for x in ends(loss("nonsaturating"))], [round(x, 6) for x in ends(loss("least_squares"))]
    ([1.386294, 0.0], [0.25, 0.0])
    """
    from scipy.optimize import minimize_scalar

    def constant(c: float) -> float:
        y = torch.full((2,), float(c), dtype=torch.float64)
        return float(to_numpy(loss.critic(y, y)))

    level = constant(0.0)
    if loss.coupling == "plain":  # the other couplings do not see a constant
        found: Any = minimize_scalar(constant, bounds=(-20.0, 20.0), method="bounded", options={"xatol": 1e-9})
        level = min(level, float(found.fun))
    first, second = loss.critic_real, loss.critic_fake
    payoffs = (first, first) if loss.coupling == "one_sided" else (first, second)
    return level, float(loss.scale) * sum(least(payoff) for payoff in payoffs)


COLUMNS: dict[str, tuple[str, ...]] = {
    "gradient_norms": ("generator", "discriminator"),
    "path_angle": ("anchor", "turn"),
    "rotation_share": (),
    "eigenvalues": ("flow_real", "flow_imaginary", "flow_modulus", "update_radius", "products"),
    "input_gradients": tuple(f"{side}_{what}" for side, what in itertools.product(("real", "fake"), ("mean", "max"))),
    "fake_gradient": ("norm", "over_real"),
    "scores": ("real_mean", "real_sd", "fake_mean", "fake_sd", "level"),
    "kappa": (),
    "weights": (*(f"q{round(100 * q):02d}" for q in QUANTILES), "vanished"),
    "pair_accuracy": (),
    "real_share": ("start", "end"),
    "held_out_gap": ("score", "share", "loss"),
    "dominance": ("loss", "share"),
}
