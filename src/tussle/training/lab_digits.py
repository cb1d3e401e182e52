"""Stacked digits: GAN and RpGAN with R1 and with R1 + R2, the loss ablation of R3GAN (Huang et al. 2024).

Small is another experiment than the published one: digits averaged down to 8 x 8, perceptrons, 64 modes, seconds. Full
has 1,000 modes and the published networks, and wants a GPU.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tussle import checks
from tussle.records import record, static
from tussle.training.laboratories import SIZES, Laboratory, Told


@record
class Arm:
    """A loss with its penalties.

    Attributes:
        name: as in the published table.
        loss: name of the loss.
        options: of the loss.
        penalties: names.
        published: modes and D_KL of the paper; None where it says that training diverges.
    """

    name: str = static()
    loss: str = static()
    options: dict[str, Any] = static()
    penalties: tuple[str, ...] = static()
    published: tuple[int, float] | None = static(default=None)


SLOPE = "probe/fake_gradient/norm"  # its name in the log
RP = {"scale": 0.5}  # the form of R3GAN
ARMS = (
    Arm("RpGAN + R1 + R2", "rp-logistic", RP, ("r1", "r2"), (1000, 0.0781)),
    Arm("GAN + R1 + R2", "nonsaturating", {}, ("r1", "r2"), (693, 0.9270)),
    Arm("RpGAN + R1", "rp-logistic", RP, ("r1",)),
    Arm("GAN + R1", "nonsaturating", {}, ("r1",)),
)


@record
class Plan:
    """How much is computed; of `full` only steps, seeds and samples count, the rest is its preset's.

    Attributes:
        steps: of both players.
        seeds: how many, from the one that came.
        samples: counted by mode.
        looks: how often they are counted.
        modes: that the data have.
        gamma: the weight of each penalty.
        lr: rate of Adam (0, 0.99).
        batch: samples in a batch.
        width: of the perceptrons.
        depth: hidden layers.
        latent: dimension of the latents.
        epochs: of the judging classifier; None for its default.
    """

    steps: int = static()
    seeds: int = static()
    samples: int = static()
    looks: int = static(default=4)
    modes: int = static(default=64)
    gamma: float = static(default=1.0)
    lr: float = static(default=1e-3)
    batch: int = static(default=64)
    width: int = static(default=64)
    depth: int = static(default=3)
    latent: int = static(default=32)
    epochs: int | None = static(default=None)


PLANS = {"small": Plan(2000, 3, 2000), "full": Plan(19_531, 1, 26_000, modes=1000, batch=512)}


def stacked_digits(
    size: str = "small",
    seed: int = 0,
    progress: Told = None,
    *,
    out: str | Path | None = None,
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> Laboratory:
    """Train GAN and RpGAN with R1 and with R1 + R2 on stacked digits, and count their modes.

    Args:
        size: `small` (perceptrons on 8 x 8 pixels, this library's) or `full` (the preset `stacked-mnist`).
        seed: the first seed.
        progress: told the share that is done, from 0 to 1.
        out: folder of the runs of `full`, which are gone on with where they are found; a temporary one by default.
        settings: settings of the recipe of `full`, by dotted key, such as `{"networks.width": 64}`.
        **options: of the plan, such as `steps=500`, `seeds=2`, `modes=27`.

    Returns:
        the table with modes, D_KL and the critic's slope on fakes, and the conclusion.

    Raises:
        ValueError: if the size or an option is unknown or out of its range.

    Reference:
        Huang et al., "The GAN is dead; long live the GAN! A Modern Baseline GAN", NeurIPS 2024.
    """
    from tussle.training.lab_digits_table import written

    plan, began = _plan(size, options), time.perf_counter()
    checks.count("seed", seed, least=0)
    seeds = range(seed, seed + plan.seeds)
    if size == "small":
        found, floor, judge, source = _slim(plan, seeds, progress)
    else:
        found, floor, judge, source = _published(plan, seeds, progress, out, settings or {})
    base = vars(PLANS[size])
    kept = {**vars(plan), "seed": seed, "changed": sorted(k for k, v in vars(plan).items() if v != base[k])}
    kept |= {"recipe settings": settings or {}, "judge": judge, "data": source}
    cost = {"seconds": time.perf_counter() - began}
    return written({arm: found[arm.name] for arm in ARMS}, floor, size, kept, cost)


def _plan(size: str, options: dict[str, Any]) -> Plan:
    base = vars(PLANS[checks.choice("size", size, SIZES)])
    for key in options:
        checks.choice("option of stacked-digits", key, base)
    plan = Plan(**{**base, **options})
    for name in ("steps", "seeds", "samples", "looks", "modes", "batch"):
        checks.count(name, getattr(plan, name))
    checks.positive("gamma", plan.gamma)
    if plan.steps < plan.looks:
        message = f"`looks` is {plan.looks} for {plan.steps} step(s); it must be at most the steps; look less often."
        raise ValueError(message)
    return plan


def _told(progress: Told, k: int) -> Callable[[float], Any] | None:
    return None if progress is None else lambda x: progress((k + x) / len(ARMS))


def _slim(plan: Plan, seeds: range, progress: Told) -> tuple[Any, Any, str, str]:
    from tussle.training.lab_digits_slim import Scene, slim_runs

    scene = Scene(plan.modes, seeds[0], plan.epochs)
    found = {arm.name: slim_runs(plan, arm, scene, seeds, _told(progress, k)) for k, arm in enumerate(ARMS)}
    return found, scene.floor(plan.samples), scene.judge.convention, scene.source


# The published size -----------------------------------------------------------------------------------------------


def _published(
    plan: Plan, seeds: range, progress: Told, out: str | Path | None, settings: dict[str, Any]
) -> tuple[Any, Any, str, str]:
    with tempfile.TemporaryDirectory() as spare:
        place = Path(spare if out is None else out)
        found: dict[str, list[dict[str, Any]]] = {}
        for k, arm in enumerate(ARMS):
            found[arm.name] = [_trained(plan, arm, seed, place, settings) for seed in seeds]
            if progress is not None:
                progress((k + 1) / len(ARMS))
    first = next(run["measured"] for runs in found.values() for run in runs)
    floor = {}
    for key, name in (("modes", "modes"), ("d_kl", "mode_reverse_kl")):
        one = first.get(name, {})
        floor |= {key: one.get("floor"), f"{key} sd": one.get("floor_deviation")}
    return found, floor, first.get("modes", {}).get("note", "not judged"), "the preset stacked-mnist"


def recipe_of(plan: Plan, arm: Arm, seed: int, settings: dict[str, Any]) -> Any:
    """Return the recipe of one run of the published size.

    Args:
        plan: steps, samples, modes and batch.
        arm: loss and penalties.
        seed: of the run.
        settings: to be changed, by dotted key.
    """
    from tussle.training.recipes import recipe

    preset = recipe("stacked-mnist").document()
    document = preset | {"name": f"stacked-mnist {arm.name}", "loss": {"name": arm.loss, **arm.options}}
    document["penalties"] = [one for one in preset["penalties"] if one["name"] in arm.penalties]
    changes = {"run.steps": plan.steps, "run.seed": seed, "run.batch": plan.batch, "data.modes": plan.modes}
    changes |= {"metrics.samples": plan.samples, "log.probes": ["fake_gradient"]}
    return recipe(document, **{key.replace(".", "__"): value for key, value in (changes | settings).items()})


def _trained(plan: Plan, arm: Arm, seed: int, place: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Train one run, or go on with it, and return what its folder says."""
    from tussle.training.folder import RunFolder
    from tussle.training.session import train_recipe

    path = place / f"{arm.name.lower().replace(' + ', '-')}-{seed}"
    folder = RunFolder(path)
    done = train_recipe(recipe_of(plan, arm, seed, settings), path, resume=folder.holds_run)
    lines = [line for line in folder.log() if SLOPE in line]
    measured = folder.metrics()
    modes = [one["metrics"].get("modes", {}).get("value") for one in measured]
    d_kl = [one["metrics"].get("mode_reverse_kl", {}).get("value") for one in measured]
    return {
        "seed": seed, "steps": [one["step"] for one in measured], "modes": modes, "d_kl": d_kl,
        "slope_steps": [line["step"] for line in lines], "slopes": [line[SLOPE] for line in lines],
        "ending": str(done.ending), "measured": measured[-1]["metrics"] if measured else {},
    }  # fmt: skip
