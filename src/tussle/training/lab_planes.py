"""The 2-D problems of Mescheder et al. (2018): six laws, ten methods, plain and scaled steps, over rates and weights.

A cell is one law, method and kind of step with all its rates, weights and seeds: the lanes of one `train_many`. The
program of a method is compiled once and runs for every law, since a law only enters by its batches.
"""

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tussle import adjust, checks, paces, penalties, rules
from tussle.data import load
from tussle.endings import Ending
from tussle.field import Field
from tussle.game import Point
from tussle.gan import GAN
from tussle.map import Map
from tussle.metrics.distances import transport_statistic
from tussle.networks.dense import dense_gan
from tussle.records import rebuild
from tussle.training.lab_planes_table import concluded
from tussle.training.laboratories import Cells, Laboratory, Told
from tussle.training.many import CHUNK, stacked_starts, train_many

LAWS = ("gaussian", "segment", "circle", "lines", "eight", "squares")
RATES = {"sgd": (5e-3, 1e-2, 2e-2, 5e-2), "rmsprop": (5e-5, 1e-4, 2e-4, 5e-4)}  # as reported for the paper
WEIGHTS = (1.0, 10.0, 100.0)  # likewise, in the gamma/2 convention
SPREADS = (0.1, 0.3, 1.0)  # of instance noise, in place of weights: this library's choice
LATENT = 16
SHOWN = 200  # samples of a cell's best run that are kept for pictures
FLOORS = 16  # pairs of real samples that a floor is averaged over


class Way(NamedTuple):
    """A method: its loss, what is added to it, and how often the critic steps.

    Attributes:
        title: for tables.
        loss: name of the loss.
        penalties: weight -> penalties on the critic.
        bend: weight -> adjustment of the field, or None; such methods step simultaneously, as published.
        critic: steps of the critic for each of the generator.
        strengths: the values that its number takes; one 0 for a method without a number.
        noisy: whether that number is the standard deviation of instance noise.
    """

    title: str
    loss: str = "nonsaturating"
    penalties: Callable[[Any], tuple[Any, ...]] = lambda weight: ()
    bend: Callable[[Any], Any] | None = None
    critic: int = 1
    strengths: tuple[float, ...] = WEIGHTS
    noisy: bool = False


WAYS: dict[str, Way] = {
    "none": Way("none", strengths=(0.0,)),
    "gp-1": Way("WGAN-GP, 1 critic step", "wasserstein", lambda w: (penalties.wgan_gp(w),)),
    "gp-5": Way("WGAN-GP, 5 critic steps", "wasserstein", lambda w: (penalties.wgan_gp(w),), critic=5),
    "dragan": Way("DRAGAN", penalties=lambda w: (penalties.dragan(w),)),
    "r1": Way("R1", penalties=lambda w: (penalties.r1(w),)),
    "r2": Way("R2", penalties=lambda w: (penalties.r2(w),)),
    "r1-r2": Way("R1 + R2", penalties=lambda w: (penalties.r1(w), penalties.r2(w))),
    "noise": Way("instance noise", strengths=SPREADS, noisy=True),
    "consensus": Way("consensus", bend=adjust.consensus),
    "jare": Way("JARE", bend=adjust.jare),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "small": {
        "laws": ("gaussian", "circle"), "methods": ("none", "gp-1", "gp-5", "r1", "r2"), "sgd": (),
        "rmsprop": (5e-4, 2e-3), "weights": (1.0, 10.0), "seeds": 3, "steps": 1500, "batch": 64, "width": 16,
        "samples": 512,
    },
    "full": {
        "laws": LAWS, "methods": tuple(WAYS), **RATES, "weights": WEIGHTS, "seeds": 3, "steps": 10000, "batch": 64,
        "width": 64, "samples": 1024,
    },
}  # fmt: skip


class Cell(NamedTuple):
    """A law, a method and a kind of step, and the lanes of it: rates x strengths x seeds, the seeds outermost."""

    law: str
    way: str
    pace: str
    lanes: tuple[tuple[int, float, float], ...]  # seed, rate, strength


def problems_2d(
    size: str,
    seed: int = 0,
    progress: Told = None,
    *,
    cells: Cells | None = None,
    laws: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    sgd: Sequence[float] | None = None,
    rmsprop: Sequence[float] | None = None,
    weights: Sequence[float] | None = None,
    seeds: int | None = None,
    steps: int | None = None,
    batch: int | None = None,
    width: int | None = None,
    samples: int | None = None,
) -> Laboratory:
    """Run the 2-D problems.

    Args:
        size: `small` or `full`.
        seed: added to those of networks and batches.
        progress: told the share that is done.
        cells: where finished cells are kept.
        laws: names of laws.
        methods: of `WAYS`.
        sgd: rates of plain steps; none leaves them out.
        rmsprop: rates of RMSProp; none leaves it out.
        weights: of penalties and adjustments, in the gamma/2 convention.
        seeds: runs of each setting.
        steps: of the generator.
        batch: samples in a batch.
        width: of the four hidden layers of both networks.
        samples: of each side that W1 is measured between.

    Returns:
        best and median W1 of every method, by law and over laws.

    Raises:
        ValueError: if a name is unknown, or nothing is left to run.
    """
    asked = {
        "laws": laws, "methods": methods, "sgd": sgd, "rmsprop": rmsprop, "weights": weights, "seeds": seeds,
        "steps": steps, "batch": batch, "width": width, "samples": samples,
    }  # fmt: skip
    settings = SETTINGS[size] | {name: value for name, value in asked.items() if value is not None}
    found, cells, began = [], cells or Cells(None), time.perf_counter()
    todo = _cells(_checked(settings), seed)
    floors = {law: _floor(law, settings["samples"]) for law in settings["laws"]}
    for k, cell in enumerate(todo):

        def told(share: float, k: int = k) -> None:
            if progress is not None:
                progress((k + share) / len(todo))

        found.append(_done(cell, settings, cells, told))
        told(1.0)
    changed = sorted(name for name, value in asked.items() if value is not None)
    facts = {"size": size, "seed": seed, "changed": changed, "wall": time.perf_counter() - began, "known": cells.found}
    return concluded(found, floors, {name: WAYS[name].title for name in settings["methods"]}, settings, facts)


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    for law in settings["laws"]:
        checks.choice("laws", law, LAWS)
    for name in settings["methods"]:
        checks.choice("methods", name, WAYS)
    for name in ("seeds", "steps", "batch", "width", "samples"):
        checks.count(name, settings[name])
    for name in ("sgd", "rmsprop", "weights"):
        for value in settings[name]:
            checks.positive(name, value)
    if not settings["laws"] or not settings["methods"] or not (*settings["sgd"], *settings["rmsprop"]):
        message = "`laws`, `methods` or the rates are empty; there must be one of each; leave them out for all."
        raise ValueError(message)
    return settings


def _cells(settings: dict[str, Any], seed: int) -> list[Cell]:
    """Return what is to be done, the laws innermost: a compiled program serves all of them."""
    found = []
    for name in settings["methods"]:
        way = WAYS[name]
        strengths = settings["weights"] if way.strengths == WEIGHTS else way.strengths
        for pace in RATES:
            lanes = tuple(
                (seed + s, float(lr), float(w))
                for s in range(settings["seeds"])
                for lr in settings[pace]
                for w in strengths
            )
            found += [Cell(law, name, pace, lanes) for law in settings["laws"] if lanes]
    return found


# A cell -----------------------------------------------------------------------------------------------------------


def _done(cell: Cell, settings: dict[str, Any], cells: Cells, told: Told) -> dict[str, Any]:
    """Return what a cell found, from where it is kept or by running it."""
    shared = {name: settings[name] for name in ("steps", "batch", "width", "samples")}
    return cells.kept(
        {**cell._asdict(), **shared}, lambda: _run(cell, shared, told), f"{cell.law}-{cell.way}-{cell.pace}"
    )


def _run(cell: Cell, shared: dict[str, int], told: Told) -> dict[str, Any]:
    """Train the lanes of a cell and measure them."""
    began = time.perf_counter()
    width, count = shared["width"], shared["steps"]
    seeds, rates, strengths = (list(part) for part in zip(*cell.lanes, strict=True))
    made = {s: _game(cell.way, cell.law, width, s) for s in dict.fromkeys(seeds)}
    game = made[seeds[0]].game
    readings = WAYS[cell.way].critic + 1 if WAYS[cell.way].bend is None else 1
    record = train_many(
        _method(cell.way, cell.pace, width),
        stacked_starts([made[s].start for s in seeds]),
        count,
        batches=_remembered(game.sampler(shared["batch"]).streams(readings)),
        seeds=seeds,
        values={"lr": rates, "strength": strengths},
        every=min(count, CHUNK),  # a group that stops before its first line would have none
        progress=told,
    )
    trained = time.perf_counter() - began
    drawn = [_samples(game, record.lane(k)[0], cell.lanes[k][0], shared["samples"]) for k in range(len(seeds))]
    whole = [e is Ending.RUNNING and bool(np.isfinite(x).all()) for e, x in zip(record.endings, drawn, strict=True)]
    w1 = [
        _w1(cell.law, x, s) if ok else None for x, s, ok in zip(drawn, seeds, whole, strict=True)
    ]  # None: it was no longer finite
    best = int(np.argmin([np.inf if value is None else value for value in w1]))
    return {
        "law": cell.law, "way": cell.way, "pace": cell.pace, "lanes": cell.lanes, "w1": w1,
        "samples": np.round(drawn[best][:SHOWN], 4) if whole[best] else [], "train_seconds": trained,
        "seconds": time.perf_counter() - began,
    }  # fmt: skip


def _game(way: str, law: str, width: int, seed: int) -> Any:
    """Return the GAN of a method on a law, and its start."""
    parts = WAYS[way]
    return dense_gan(
        "mescheder-2d",
        data=load(law).train,
        loss=parts.loss,
        penalties=parts.penalties(1.0),
        noise=1.0 if parts.noisy else None,
        seed=seed,
        options={"width": width, "latent": LATENT},
    )


@functools.cache
def _method(way: str, pace: str, width: int) -> Callable[[Any], Map]:
    """Return a method of its rate and its strength; the same function for all laws, so that it is compiled once."""
    parts, base = WAYS[way], _game(way, LAWS[0], width, 0).game

    def method(values: Any) -> Map:
        strength = values["strength"]
        changed: dict[str, Any] = {"penalties": parts.penalties(strength)}
        if parts.noisy:
            changed["noise"] = strength
        step = paces.PACES[pace](values["lr"])
        field: Any = Field(rebuild(GAN, {**vars(base), **changed}))
        if parts.bend is not None:
            return Map(parts.bend(strength)(field), rules.simultaneous(step))
        return Map(field, rules.alternating(step, steps=(1, parts.critic), first="discriminator"))

    return method


def _remembered(batches: Callable[[int, int], Any]) -> Callable[[int, int], Any]:
    """Return batches that are not drawn again for each of the neighboring lanes of one seed."""
    return functools.lru_cache(maxsize=512)(batches)


# How good it is ---------------------------------------------------------------------------------------------------


def _samples(game: GAN, point: Point, seed: int, count: int) -> np.ndarray:
    """Return generated samples; the same latents for all methods."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 1 << 41]))
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(game.generator(point[0], game.latent.sample(rng, count).astype(point[0].dtype)))


def _w1(law: str, samples: np.ndarray, seed: int) -> float:
    """Return exact W1 to as many real samples, the same ones for all methods."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 1 << 42]))
    return _measure(load(law).train.sample(rng, len(samples)), samples)


def _measure(x: np.ndarray, y: np.ndarray) -> float:
    return transport_statistic(("w1",), 2)(x.astype(float), y.astype(float))["w1"]


@functools.cache
def _floor(law: str, count: int) -> float:
    """Return the mean W1 between two independent samples of a law: what a perfect generator gets."""
    rng, part = np.random.default_rng(0), load(law).train
    return float(np.mean([_measure(part.sample(rng, count), part.sample(rng, count)) for _ in range(FLOORS)]))
