"""JARE's ring: eight normals under simultaneous steps, consensus and JARE, with the ends of the spectrum on the way.

The spectrum is that of the field that the method follows, on one batch, by products J^T u alone. RMSProp scales that
field, so the spectrum says how the field bends, not which steps converge.
"""

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tussle import adjust, checks, paces, rules
from tussle.data import load
from tussle.endings import Ending
from tussle.field import Field
from tussle.laws import Normal
from tussle.map import Map
from tussle.metrics.modes import Centers, mode_counts
from tussle.networks.dense import DenseGAN, dense_gan, to_torch
from tussle.training.devices import threads_of
from tussle.training.lab_jare_table import concluded
from tussle.training.laboratories import Cells, Laboratory, Told
from tussle.training.many import CHUNK, stacked_starts, train_many
from tussle.training.probe_spectrum import field_ends

LATENT, LATENT_STD = 64, 2.0  # the public code has sd sqrt(mu) with mu = 4
NARROW = 64  # up to this width one thread is faster than several
SHOWN = 200  # samples of the first seed that are kept for the picture


class Bent(NamedTuple):
    """A method of the ring: its title, and how it bends the field given its weight."""

    title: str
    bend: Callable[[float], Any] | None


WAYS: dict[str, Bent] = {
    "simultaneous": Bent("simultaneous", None),
    "consensus": Bent("consensus", adjust.consensus),
    "jare": Bent("JARE", adjust.jare),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"steps": 3000, "points": 3, "width": 32, "batch": 64, "lr": 1e-3, "seeds": 2, "samples": 2048},
    "full": {"steps": 20000, "points": 20, "width": 256, "batch": 128, "lr": 1e-4, "seeds": 3, "samples": 4096},
}


def jare_ring(
    size: str,
    seed: int = 0,
    progress: Told = None,
    *,
    cells: Cells | None = None,
    methods: Sequence[str] = tuple(WAYS),
    jare: float = 1000.0,
    consensus: float = 10.0,
    steps: int | None = None,
    points: int | None = None,
    width: int | None = None,
    batch: int | None = None,
    lr: float | None = None,
    seeds: int | None = None,
    samples: int | None = None,
) -> Laboratory:
    """Run the ring of JARE.

    Args:
        size: `small` or `full`; full has the published width, batch, rate and steps.
        seed: added to those of networks and batches.
        progress: told the share that is done.
        cells: where finished methods are kept.
        methods: of `WAYS`.
        jare: weight of JARE; 1000 is published.
        consensus: weight of consensus; not published for this ring, 10 is that of the mixture of 2017.
        steps: of both players.
        points: how often modes and spectrum are read, evenly spread over the steps.
        width: of the four hidden layers of both networks.
        batch: samples in a batch.
        lr: rate of RMSProp.
        seeds: runs of each method.
        samples: generated samples whose modes are counted.

    Returns:
        modes, quality and ends of the spectrum of every method.

    Raises:
        ValueError: if a method is unknown or a number out of its range.
    """
    asked = {"steps": steps, "points": points, "width": width, "batch": batch, "lr": lr, "seeds": seeds,
             "samples": samples}  # fmt: skip
    settings = SETTINGS[size] | {name: value for name, value in asked.items() if value is not None}
    _check(settings, methods)
    weights = {"simultaneous": 0.0, "jare": checks.positive("jare", jare),
               "consensus": checks.positive("consensus", consensus)}  # fmt: skip
    cells, found, began = cells or Cells(None), {}, time.perf_counter()
    for k, name in enumerate(methods):

        def told(share: float, k: int = k) -> None:
            if progress is not None:
                progress((k + share) / len(methods))

        key = {"method": name, "weight": float(weights[name]), "seed": seed, **settings}
        found[name] = cells.kept(key, functools.partial(_run, key, told), name)
        told(1.0)
    changed = sorted(name for name, value in asked.items() if value is not None)
    facts = {"size": size, "seed": seed, "changed": changed, "wall": time.perf_counter() - began, "known": cells.found}
    return concluded(found, {name: WAYS[name].title for name in methods}, {**settings, **weights}, facts)


def _check(settings: dict[str, Any], methods: Sequence[str]) -> None:
    for name in ("steps", "points", "width", "batch", "seeds", "samples"):
        checks.count(name, settings[name])
    checks.positive("lr", settings["lr"])
    if settings["steps"] % settings["points"]:
        message = f"`points` is {settings['points']}; they must divide the {settings['steps']} steps; take another."
        raise ValueError(message)
    for name in methods:
        checks.choice("methods", name, WAYS)
    if not methods:
        message = "`methods` is empty; there must be at least one; leave it out for all."
        raise ValueError(message)


# One method -------------------------------------------------------------------------------------------------------


def _run(key: dict[str, Any], told: Callable[[float], Any]) -> dict[str, Any]:
    """Train one method on all seeds, a stretch at a time, and read modes and spectrum between the stretches."""
    began, stretch = time.perf_counter(), key["steps"] // key["points"]
    seeds = list(range(key["seed"], key["seed"] + key["seeds"]))
    made = [_game(key["width"], s) for s in seeds]
    method = Map(_bent(Field(made[0].game), key), rules.simultaneous(paces.rmsprop(key["lr"])))
    point, state, spent = stacked_starts([one.start for one in made]), None, 0.0
    lines: list[list[dict[str, Any]]] = [[_line(one, one.start, key, s, 0)] for one, s in zip(made, seeds, strict=True)]
    alive = [True] * len(seeds)
    for k in range(key["points"]):
        record = train_many(
            method,
            point,
            stretch,
            batches=key["batch"],
            seeds=seeds,
            every=min(stretch, CHUNK),
            states=state,
            taken=k * stretch,
        )
        point, state, spent = record.point, record.state, spent + record.seconds
        alive = [was and ending is Ending.RUNNING for was, ending in zip(alive, record.endings, strict=True)]
        for i, one in enumerate(made):
            if alive[i]:
                lines[i].append(_line(one, record.lane(i)[0], key, seeds[i], (k + 1) * stretch))
        told((k + 1) / key["points"])
    shown = made[0].samples(tuple(x[0] for x in point), SHOWN, seeds[0])
    failed = sum(not ok or own[-1]["modes"] is None for ok, own in zip(alive, lines, strict=True))
    return {
        "lines": lines, "failed": failed, "samples": np.round(shown, 4), "train_seconds": spent,
        "seconds": time.perf_counter() - began,
    }  # fmt: skip


def _game(width: int, seed: int) -> DenseGAN:
    latent = Normal(np.zeros(LATENT), LATENT_STD)
    options = {"width": width, "latent": LATENT}
    return dense_gan(
        "jare-ring", data=load("jare-ring").train, latent=latent, loss="minimax", seed=seed, options=options
    )


def _bent(field: Any, key: dict[str, Any]) -> Any:
    bend = WAYS[key["method"]].bend
    return field if bend is None else bend(key["weight"])(field)


def _line(one: DenseGAN, point: Any, key: dict[str, Any], seed: int, step: int) -> dict[str, Any]:
    """Return what is read of one run at one step."""
    made = one.samples(point, key["samples"], seed)
    if not np.isfinite(made).all():
        return {"step": step} | dict.fromkeys(("modes", "quality", "abscissa", "frequency", "modulus")) | {"values": []}
    modes = load("jare-ring").modes
    assert modes is not None
    counted = mode_counts(made, Centers(modes.centers, modes.std))
    field = _bent(Field(one.network.game), key)
    with threads_of(1 if key["width"] <= NARROW else None):
        ends = field_ends(field, to_torch(point), one.network.game.sampler(key["batch"])(seed, 1 << 40), seed)
    return {
        "step": step, "modes": counted.covered, "quality": counted.quality, "abscissa": ends.abscissa,
        "frequency": ends.frequency, "modulus": ends.modulus,
        "values": [[float(z.real), float(z.imag)] for z in ends.values],
    }  # fmt: skip
