"""Rows 1, 4 and 5 of a real GAN's ledger: where its fakes live, how far they are, and how they are pulled.

References:
    Arjovsky, Bottou, ICLR 2017 (supports). Nowozin, Cseke, Tomioka, NIPS 2016 (weights). Nie, Patel, UAI 2019.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tussle.assumptions.rows import HELD, UNKNOWN, Row, measured, unknown
from tussle.autodiff import array, gradient, input_gradient, to_numpy
from tussle.critics.finite import is_linear
from tussle.critics.kinds import kind_of
from tussle.critics.masses import Masses
from tussle.critics.named import named
from tussle.critics.summary import loss_divergences
from tussle.critics.weights import loss_weight
from tussle.data.planes import Circles, Segments
from tussle.data.problems import Draws
from tussle.losses import Loss
from tussle.measures import Atoms, Samples
from tussle.metrics import evaluate
from tussle.relativism.readings import QUANTILES
from tussle.relativism.weights import VANISHED
from tussle.singular.rank import dimension_check
from tussle.training.ledger_probes import LOG2, Reading
from tussle.training.ledger_scene import BLOCK, LATENTS, RunScene, outputs

LATENT_COUNT = 16  # latents at which the rank is read
COMPANIONS = 3  # latents beside each, for layers that look across a batch
WIDE = 256  # numbers in a sample beyond which the Jacobian is read through random directions
APART = 0.1  # share of the laws that must lie where the other has next to nothing to speak of other supports
PLANE = 3  # dimensions up to which W1 is exact, beyond sliced
POINTS, REPEATS = 300, 12  # of transport, and pairs of real samples for its floor
TIED = 800  # samples of each side where a loss ties all of them
RESAMPLED = 60  # times, for the error of a share
FAR = 30.0  # log ratios are brought to +- this


# Row 1 ----------------------------------------------------------------------------------------------------------------


class Thin(NamedTuple):
    """Whether the generated law has a density.

    Attributes:
        share: of latents at which the Jacobian's rank is below the dimension of the data.
        rank: the largest rank.
        latent: dimension of the latents.
        words: the same in words.
    """

    share: float
    rank: int
    latent: int
    words: str


def thinness(scene: RunScene) -> Thin:
    """Return whether the generated law has a density, by the rank of the generator's Jacobian."""
    if isinstance(scene.game.latent, (Atoms, Samples)):
        return Thin(1.0, 0, 0, "the latents are atoms, and so are the fakes")
    rng, theta, n = scene.stream(LATENTS), scene.point[0], scene.dimension
    z = scene.game.latent.sample(rng, LATENT_COUNT + COMPANIONS)
    shape, m = z.shape[1:], int(np.prod(z.shape[1:]))
    others = array(z[LATENT_COUNT:], theta)
    least = min(n, m + COMPANIONS) if n > WIDE else n  # a random map to more than m dimensions keeps a rank of m
    view = None if least == n else array(rng.standard_normal((n, least)) / math.sqrt(n), theta)

    def generator(theta: Any, latent: Any) -> Any:
        made = scene.game.generator(theta, torch.cat([latent.reshape(-1, *shape), others])).reshape(1 + COMPANIONS, -1)
        row = made[:1, :n]
        return row if view is None else row @ view

    found = dimension_check(generator, theta, z[:LATENT_COUNT].reshape(LATENT_COUNT, -1))
    share, latent = float(np.mean(found.ranks < n)), m - int(scene.labeled)
    words = f"the generator's Jacobian has rank {found.rank} of {n} at its best of {LATENT_COUNT} latents"
    return Thin(share, found.rank, latent, words)


def has_density(measure: Any) -> bool | None:
    """Say whether a measure has a density, None where that is not known.

    >>> from tussle.data import planes
    >>> has_density(planes.gaussian()), has_density(planes.circle()), has_density([[0.0, 1.0]])
    (True, False, None)
    """
    if isinstance(measure, Draws):
        return has_density(measure.law)
    if isinstance(measure, (Segments, Circles, Atoms)):
        return False
    return True if callable(getattr(measure, "log_density", None)) else None


def alone(scene: RunScene, best: Reading) -> tuple[float, float, float]:
    """Return how much of the data and of the fakes lies where the other has next to nothing, and the error of the mean.

    The place is the probe's: beyond the outermost output of the other side, on the fakes that choose and on one half of
    the held-out data. What lies there of both sides is then counted on the rest.
    """
    half = len(best.held) // 2
    first, held = best.held[:half], best.held[half:]
    chosen = best.scale * outputs(best.critic, scene.sets.valid_fakes) + best.shift
    sides = ((held, best.fake, float(chosen.max())), (-best.fake, -held, -float(first.min())))
    found, spread = [], 0.0
    for own, other, edge in sides:
        shares = float(np.mean(own > edge)), float(np.mean(other > edge))
        found.append(max(shares[0] - shares[1], 0.0))
        spread += sum((s * (1 - s) + 1 / len(x)) / len(x) for s, x in zip(shares, (own, other), strict=True))
    return found[0], found[1], math.sqrt(spread)


def continuity(scene: RunScene, thin: Thin, best: Reading | None) -> Row:
    """Return the row of absolute continuity."""
    noise = scene.noise
    smooth = True if noise > 0 else has_density(scene.data if scene.law is None else scene.law)
    told = f"; {thin.words}"
    if noise > 0:
        told = f"; instance noise of {noise:g} gives both laws a density" + told
    elif thin.share > 0:
        also = 1.0 if smooth is False or thin.share == 1 else 0.0
        error = 2 * math.sqrt(thin.share * (1 - thin.share) / LATENT_COUNT)
        words = f"{'the' if thin.share == 1 else f'about {thin.share:.0%} of the'} fakes have no density"
        words += f" ({_data(scene, smooth)}), so p_r/p_g is no ratio of densities{told}"
        return measured(1, 0.5 * (thin.share + also), error, "mass", words, rank=thin.rank, latent=thin.latent)
    elif smooth is False:
        words = f"{_data(scene, smooth)} and the fakes have one: they share no mass{told}"
        return measured(1, 1.0, 0.0, "mass", words, rank=thin.rank, latent=thin.latent)
    return _separated(scene, thin, best, smooth, told)


def _data(scene: RunScene, smooth: bool | None) -> str:
    if smooth is not None:
        return f"the data's law has {'a' if smooth else 'no'} density"
    count = "samples" if scene.count is None else f"{scene.count} samples"
    return f"the data are {count}, and whether the law behind them has a density is not known"


def _separated(scene: RunScene, thin: Thin, best: Reading | None, smooth: bool | None, told: str) -> Row:
    """Judge two laws that may have densities by how far a probe parts them."""
    if best is None:
        return unknown(1, f"{_data(scene, smooth)}{told}; {scene.blind}", "mass")
    real, fake, error = alone(scene, best)
    gap = 0.5 * (real + fake)
    words = f"a probe finds {real:.1%} of held-out data where there are next to no fakes, and {fake:.1%} of the fakes "
    words += f"where there are next to no data{told}"
    extra = {"data alone": real, "fakes alone": fake, "rank": thin.rank, "latent": thin.latent}
    if smooth is None and gap <= max(APART, error):
        return Row(1, UNKNOWN, None, None, "mass", f"{_data(scene, smooth)}; {words}", extra)
    return measured(1, gap, error, "mass", words, APART, **extra)


# Row 4 ----------------------------------------------------------------------------------------------------------------


def generator_capacity(scene: RunScene, thin: Thin, readings: list[Reading]) -> Row:
    """Return the row of the generator's capacity: what remains between fakes and held-out data.

    What remains bounds the realizability gap from neither side alone: training may have stopped short of the best
    generator. So a difference that is found leaves the row unknown, and one that is not found is held to that error.
    """
    smooth = has_density(scene.data if scene.law is None else scene.law)
    if smooth and scene.noise == 0 and thin.latent < scene.dimension:
        words = f"{thin.latent} latents cannot fill {scene.dimension} dimensions, where the data have a density: no "
        return measured(4, LOG2, 0.0, "nats", f"{words}generator of this kind comes nearer than JS = log 2")
    if scene.blind:
        return unknown(4, scene.blind, "nats")
    best = min(readings, key=lambda one: one.chosen)
    js, far = best.js, transport(scene)
    extra = {"js bound": js.value, "js bound error": js.error, **far}
    words = f"{best.name} tells fakes from held-out data: JS is at least {js.value:.3g} +- {js.error:.1g} nats"
    if not js.shown:
        words = f"no probe tells fakes from held-out data (JS at least {max(js.value, 0.0):.2g} +- {js.error:.1g} nats)"
    words += f"; {far['metric']} is {far['value']:.3g} where real data have {far['floor']:.3g} among themselves"
    if js.shown or far["value"] > far["floor"] + 3 * far["floor deviation"]:
        words += "; whether a better generator of this kind exists is not identified, training may have stopped short"
        return Row(4, UNKNOWN, None, None, "nats", words, extra)
    return measured(4, js.value, js.error, "nats", f"{words}; a difference below these errors is not excluded", **extra)


def transport(scene: RunScene) -> dict[str, Any]:
    """Return W1 (in few dimensions) or sliced W2 between held-out data and fakes, with its floor."""
    name = "w1" if scene.dimension <= PLANE else "sliced"
    real, fake = (scene.flat(x)[:POINTS] for x in (scene.sets.held, scene.sets.fakes))
    rest = np.concatenate([scene.flat(scene.sets.held)[POINTS:], scene.flat(scene.sets.train)])
    found = evaluate(name, real, fake, held_out=rest, seed=scene.seed, repeats=REPEATS)[name]
    value = found.value if found.matched is None else found.matched
    return {"metric": name, "value": value, "floor": found.floor, "floor deviation": found.floor_deviation}


# Row 5 ----------------------------------------------------------------------------------------------------------------


def choice(scene: RunScene, probe: Reading) -> Row:
    """Return the row of the choice of divergence: the pull of the loss beside that of JS, by the probe's log ratio."""
    loss = scene.loss
    name = loss_divergences(loss).generator
    name = "an f-functional without a name" if name.startswith("the f-functional") else name
    name = "no divergence that is known" if name.startswith("none known") else name
    extra: dict[str, Any] = {"descends": name}
    who = f"the generator of {loss.name} descends {name}"
    found = weights(loss, probe)
    if isinstance(found, str):
        return Row(5, UNKNOWN, None, None, "share", f"{who}; {found}", extra)
    extra |= _shown(found)
    told = f"; its weight w(p/q) on the fakes has the quantiles {', '.join(f'{w:.2g}' for w in extra['weights'])} at "
    told += (
        f"{', '.join(f'{q:.0%}' for q in QUANTILES)}, and {extra['vanished']:.1%} of them weigh less than {VANISHED:g}"
    )
    if len(probe.held) and probe.held.min() > probe.fake.max():
        told += ", as far as a probe tells that parts both sides: smaller ratios it cannot"
    if name == "2 JS(p, q)":
        return Row(5, HELD, 0.0, 0.0, "share", f"{who}, as assumed{told}", extra)
    slope = steepness(probe, scene.sets.fakes[: len(found)])
    if not np.any(slope > 0):
        words = f"{who}; the probe tells nothing apart, and nothing pulls{told}"
        return Row(5, UNKNOWN, None, None, "share", words, extra)
    share, error = elsewhere(found * slope, _says(probe.fake[: len(found)]) * slope, scene.stream(LATENTS, 1))
    words = f"{who}: by the probe's ratio {share:.1%} of its pull goes to other fakes than under 2 JS{told}"
    return measured(5, share, error, "share", words, 1e-6, **extra)


def _says(ratio: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * ratio))


def _shown(found: np.ndarray) -> dict[str, Any]:
    vanished = float(np.mean(np.abs(found) < VANISHED))
    return {"weights": np.quantile(found, QUANTILES).tolist(), "vanished": vanished}


def weights(loss: Loss, probe: Reading) -> "np.ndarray | str":
    """Return the weight of each fake against a loss's optimal critic at the probe's ratio, or why there is none.

    Of a loss that ties samples the first fakes alone.
    """
    kind, form = kind_of(loss), named(kind_of(loss))
    fake, real = np.clip(probe.fake, -FAR, FAR), np.clip(probe.held, -FAR, FAR)
    if loss.coupling == "plain":
        try:
            return to_numpy(loss_weight(loss)(torch.as_tensor(fake)))
        except ValueError:
            pass
    if is_linear(loss):
        return "its optimal critic is a potential of transport, which no ratio tells"
    if kind is None or form is None or form.output is None:
        return "its optimal critic has no formula in p/q"
    if kind.name in ("hinge", "tanh", "total_variation"):
        return "its optimal critic jumps where p = q and pulls at no fake elsewhere"
    return _coupled(loss, form.output, np.concatenate([fake[:TIED], real[:TIED]]), len(fake[:TIED]))


def _coupled(loss: Loss, output: Any, ratio: np.ndarray, count: int) -> np.ndarray:
    """Return the weights of a loss that ties samples: all samples stand for the mixture, with masses by their ratio."""
    says = _says(ratio)
    p, q = says / says.sum(), (1 - says) / (1 - says).sum()
    with np.errstate(divide="ignore"):
        masses = Masses(np.log(p), np.log(q))
    at = [np.asarray(output(ratio + step, masses), dtype=np.float64) for step in (-1e-4, 0.0, 1e-4)]
    c, one, two = (torch.as_tensor(x) for x in (at[1], p, q))
    slope = to_numpy(gradient(lambda f: loss.generator(c, f, one, two), c))
    return (-slope / np.maximum(q, 1e-300) * (at[2] - at[0]) / 2e-4)[:count]


def steepness(probe: Reading, x: Tensor) -> np.ndarray:
    """Return the length of the gradient of the probe's log ratio at samples."""
    parts = [to_numpy(input_gradient(lambda y: probe.critic(y).reshape(-1), part)) for part in x.split(BLOCK)]
    found = np.concatenate(parts).astype(np.float64)
    return abs(probe.scale) * np.linalg.norm(found.reshape(len(found), -1), axis=1)


def elsewhere(own: np.ndarray, js: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Return half of the mean |own/mean|own| - js/mean|js||, with two deviations of its resampled values."""

    def share(rows: Any) -> float:
        a, b = own[rows], js[rows]
        sizes = float(np.abs(a).mean()), float(np.abs(b).mean())
        if min(sizes) <= 1e-12 * max(sizes):
            return float(max(sizes) > 0)
        return 0.5 * float(np.abs(a / sizes[0] - b / sizes[1]).mean())

    again = [share(rng.integers(len(own), size=len(own))) for _ in range(RESAMPLED)]
    return share(slice(None)), 2 * float(np.std(again, ddof=1)) + 1e-12
