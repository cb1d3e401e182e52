"""The ledger of a real GAN: the six assumptions measured on held-out data, by probe critics that are trained afresh.

On exact models both laws are known and every gap is exact. Of a run only samples are known: what can be read on
samples that nobody has seen is measured with its error, bounds are called bounds, and what is not identified is
unknown, with the reason.

References:
    Nie, Patel, "Towards a better understanding and regularization of GAN training dynamics", UAI 2019.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tussle import checks
from tussle.assumptions import ledger
from tussle.assumptions.rows import AssumptionLedger
from tussle.autodiff import is_torch, to_numpy
from tussle.game import Point
from tussle.measures import Samples
from tussle.networks.conditional import LabeledNormal, PackedDiscriminator
from tussle.networks.dense import DenseGAN, to_torch
from tussle.networks.functional import Player, player
from tussle.networks.gan import NetworkGAN
from tussle.networks.zoo import architecture
from tussle.training import checkpoints
from tussle.training.build import Setup, averaged, setup
from tussle.training.folder import RunFolder
from tussle.training.ledger_critic import critic_capacity, is_logit, ratio
from tussle.training.ledger_data import finite_data
from tussle.training.ledger_generator import choice, continuity, generator_capacity, has_density, thinness
from tussle.training.ledger_probes import DEPTH, WIDTH, enlarged, read, renewed, trained
from tussle.training.ledger_scene import RunScene
from tussle.training.recipes import Recipe

STEPS = 400  # of the larger probe; the one of the critic's own architecture takes twice as many
PERCEPTRON = f"the same plus a perceptron of {DEPTH} x {WIDTH}"
TWICE = "the same at twice the width"


def run_ledger(
    path: str | Path, *, step: int | None = None, samples: int = 2000, probe_steps: int = STEPS, seed: int = 0
) -> AssumptionLedger:
    """Return the six assumptions of a training run, each held, relaxed or unknown; the run is not changed.

    Args:
        path: the folder of the run, as `tussle train --out` wrote it.
        step: of one of the checkpoints that were kept; the last one by default.
        samples: of data and of fakes that numbers are read on, at most.
        probe_steps: of the training of probe critics.
        seed: of probes, latents and samples.

    Returns:
        the ledger; of an exact model that was trained on samples, the exact one at the point that was reached.

    Raises:
        ValueError: if there is no run or no such checkpoint, or an argument is out of its range.

    References:
        Nie, Patel, "Towards a better understanding and regularization of GAN training dynamics", UAI 2019.
    """
    _checked(samples, probe_steps, seed)
    folder = RunFolder(path)
    made = setup(folder.recipe())
    steps, point = _reached(folder, made, step)
    network = made.network
    if network is None:
        return ledger(made.game, tuple(to_numpy(x) for x in point), seed=seed)
    network = network.network if isinstance(network, DenseGAN) else network
    fresh, larger, bigger = _critics(made.recipe, network, seed)
    data = made.data
    held_out = data.held_out if data.law is not None or len(data.held_out) else None
    psi = to_torch(point, network.start[0].dtype)
    scene = RunScene(
        made.recipe.name, network.game, psi, fresh, larger, bigger, data.train, held_out, data.law, data.labeled,
        samples, probe_steps, seed,
    )  # fmt: skip
    kind = "the averaged generator" if made.recipe.average is not None else "the generator"
    return _ledger(scene, f"{kind} and the critic after {steps} steps")


def gan_ledger(
    game: NetworkGAN | DenseGAN,
    point: Point,
    *,
    data: Any = None,
    held_out: Any = None,
    samples: int = 2000,
    probe_steps: int = STEPS,
    seed: int = 0,
    name: str = "two networks",
) -> AssumptionLedger:
    """Return the six assumptions of a GAN of two networks in memory.

    Args:
        game: the networks and their game, from `network_gan` or `dense_gan`.
        point: the parameters of both players.
        data: what was trained on, an array of samples (n, ...) or a measure; the game's own by default.
        held_out: samples that were not trained on, or the law itself; without them most rows are unknown.
        samples: of data and of fakes that numbers are read on, at most.
        probe_steps: of the training of probe critics.
        seed: of probes, latents and samples.
        name: of the model, for the ledger.

    Returns:
        the ledger.

    Raises:
        ValueError: if an argument is of the wrong kind or out of its range.

    References:
        Nie, Patel, "Towards a better understanding and regularization of GAN training dynamics", UAI 2019.
    """
    _checked(samples, probe_steps, seed)
    if not isinstance(game, (NetworkGAN, DenseGAN)):
        message = f"`game` is a {type(game).__name__}; it must be a NetworkGAN or a DenseGAN; make one by network_gan."
        raise ValueError(message)
    network = game.network if isinstance(game, DenseGAN) else game
    sizes = tuple(len(x) for x in point)
    if sizes != network.game.sizes:
        message = f"`point` has vectors of lengths {sizes}; the players have {network.game.sizes} parameters; give one "
        raise ValueError(message + "flat vector each, as `start` is.")
    placed = tuple(x.detach() for x in point) if is_torch(point[0]) else to_torch(point, network.start[0].dtype)
    known = network.game.data if data is None else _measure("data", data)
    kept = None if held_out is None else _measure("held_out", held_out)
    law = kept if has_density(kept) is not None else None
    critic, labeled = network.discriminator, isinstance(network.game.latent, LabeledNormal)
    inputs = int(np.prod(known.sample(np.random.default_rng(0), 1).shape[1:]))
    fresh, larger = renewed(critic, seed), enlarged(critic, inputs, seed)
    scene = RunScene(
        name, network.game, placed, fresh, larger, PERCEPTRON, known, kept, law, labeled, samples,
        probe_steps, seed,
    )  # fmt: skip
    return _ledger(scene, "networks in memory")


def _ledger(scene: RunScene, note: str) -> AssumptionLedger:
    """Measure the rows: first the probes, then what each row reads of them."""
    psi, clip = scene.point[1], scene.game.clip
    bound = None if clip is None else float(clip)
    own = read(scene, "the run's critic", lambda x: scene.game.critic(psi, x), is_logit(scene.loss))
    probe = trained(scene, "a probe of the critic's architecture", scene.fresh, 2 * scene.steps, bound)
    larger = trained(scene, "a larger probe", scene.larger, scene.steps)
    thin, probes = thinness(scene), [probe, larger]
    best = min(probes, key=lambda one: one.chosen)
    rows = (
        continuity(scene, thin, None if scene.blind else best),
        ratio(scene, own, probes),
        critic_capacity(scene, probe, larger),
        generator_capacity(scene, thin, [own, *probes]),
        choice(scene, best),
        finite_data(scene, own.critic),
    )
    return AssumptionLedger(scene.name, scene.loss.name, rows, (), _note(scene, note))


def _note(scene: RunScene, note: str) -> str:
    parts = [note, f"{len(scene.sets.held)} held-out samples, {len(scene.sets.fakes)} fakes"]
    parts.append(f"probe critics of {2 * scene.steps} and {scene.steps} steps; errors are two standard errors")
    if scene.noise > 0:
        parts.append(f"instance noise {scene.noise:g} on both laws")
    if scene.game.penalties:
        parts.append("penalties left out: they are no part of the derivation")
    return "; ".join(parts)


def _checked(samples: int, probe_steps: int, seed: int) -> None:
    checks.count("samples", samples, 2)
    checks.count("probe_steps", probe_steps)
    checks.count("seed", seed, 0)


# Runs -----------------------------------------------------------------------------------------------------------------


def _reached(folder: RunFolder, made: Setup, step: int | None) -> tuple[int, Point]:
    """Return the steps of a checkpoint, and its point with the generator averaged.

    Raises:
        ValueError: if there is no such checkpoint.
    """
    if not folder.last.is_file():
        message = f"`{folder.path}` holds a run without a checkpoint; it must have come to its first one; train it "
        raise ValueError(message + "further, by --resume.")
    if step is not None:
        checks.count("step", step, 0)
    path = folder.last if step is None else folder.path / "checkpoints" / f"step-{step:09d}.safetensors"
    like = to_torch(made.start)[0]
    found = checkpoints.load(folder.last if not path.is_file() else path, like)
    if step is not None and found.step != step:
        known = sorted(int(one.stem[5:]) for one in (folder.path / "checkpoints").glob("step-*.safetensors"))
        message = (
            f"`step` is {step}; the run kept {', '.join(map(str, dict.fromkeys([*known, found.step])))}; give one "
        )
        raise ValueError(message + "of these, or None for the last.")
    return found.step, (averaged(made.map(0), found.state, found.point)[0], found.point[1])


def _critics(found: Recipe, network: NetworkGAN, seed: int) -> tuple[Player, Player, str]:
    """Return the critic's architecture with new weights, and a larger one: twice as wide where it has a width."""
    name, options = found.networks.name, found.networks.options
    entry = architecture(name, **options)

    def critic(**more: Any) -> Player:
        inner = architecture(name, **{**options, **more}).make(found.run.seed + seed + 1)[1]
        module = PackedDiscriminator(inner, entry.shape) if entry.classes > 1 else inner
        return player(module.to(network.start[0].dtype))

    if "width" in entry.options:
        return critic(), critic(width=2 * entry.options["width"]), TWICE
    inputs = int(np.prod(entry.shape)) + int(entry.classes > 1)
    return critic(), enlarged(network.discriminator, inputs, seed), PERCEPTRON


def _measure(name: str, value: Any) -> Any:
    """Return samples as a measure.

    Raises:
        ValueError: if they are neither samples nor a measure.
    """
    if callable(getattr(value, "sample", None)):
        return value
    points = to_numpy(value) if is_torch(value) else np.asarray(value)
    if points.ndim < 2 or not np.issubdtype(points.dtype, np.floating) or not np.isfinite(points).all():
        message = f"`{name}` has shape {points.shape} and dtype {points.dtype}; it must be finite samples (n, ...) of "
        raise ValueError(message + "floating type, or a measure with `sample`; give one of these.")
    return Samples(points)
