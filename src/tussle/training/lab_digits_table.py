"""What stacked digits come to: the table, whether the published order holds, and the pictures' numbers."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tussle.training.lab_digits import ARMS, Arm
from tussle.training.laboratories import Laboratory, Panel

GROWTH = 10.0  # a critic's slope on fakes that ends so many times above its least has exploded
COLUMNS = (
    "loss and penalties", "seeds", "modes", "modes, least", "D_KL", "D_KL, worst", "slope on fakes", "its growth",
    "diverged", "published modes", "published D_KL",
)  # fmt: skip
PAPER = (
    "Huang et al., NeurIPS 2024, 1,000 modes, a small ResNet without norms: RpGAN + R1 + R2 covers 1,000 modes with "
    "D_KL 0.0781, GAN + R1 + R2 covers 693 with 0.9270; with R1 alone both diverge, for every gamma from 0.1 to 100, "
    "which shows as an exploding slope of the critic on fakes."
)
Runs = Sequence[Mapping[str, Any]]


def growth(slopes: Sequence[float | None]) -> float:
    """Return how many times the last slope is the least one; infinite where it is not finite, nan without any.

    Example:
        >>> growth([0.4, 0.1, 0.3]), growth([0.1, float("nan")]), growth([1.0, 2.0, 1.0])
        (3.0, inf, 1.0)
    """
    values = np.array([math.nan if v is None else v for v in slopes], dtype=float)
    if not len(values):
        return math.nan
    least = np.nanmin(values) if np.any(np.isfinite(values)) else math.nan
    if not math.isfinite(values[-1]) or not math.isfinite(least):
        return math.inf
    return round(float(values[-1] / least), 12) if least > 0 else math.inf


def diverged(run: Mapping[str, Any]) -> bool:
    """Say whether a run diverged: it overflowed, or its critic's slope on fakes exploded."""
    return run["ending"] == "nonfinite" or growth(run["slopes"]) >= GROWTH


def written(
    found: Mapping[Arm, Runs], floor: dict[str, Any], size: str, settings: dict[str, Any], cost: dict[str, float]
) -> Laboratory:
    """Return the laboratory of all runs.

    Args:
        found: runs by arm.
        floor: modes and D_KL of real samples.
        size: `small` or `full`.
        settings: everything that the numbers depend on.
        cost: seconds.
    """
    runs = {arm.name: list(several) for arm, several in found.items()}
    return Laboratory(
        "stacked-digits",
        "Stacked digits: GAN and RpGAN with R1 and with R1 + R2",
        size,
        COLUMNS,
        tuple(_row(arm, runs[arm.name]) for arm in found),
        PAPER,
        sentence_of(runs, floor),
        _notes(floor, size, settings),
        cost,
        settings,
        _panels(runs),
        {"floors": floor, "runs": runs},
    )


def _last(runs: Runs, name: str) -> np.ndarray:
    return np.array(
        [math.nan if not run[name] or run[name][-1] is None else run[name][-1] for run in runs], dtype=float
    )


def _row(arm: Arm, runs: Runs) -> tuple[Any, ...]:
    modes, d_kl, slopes = (_last(runs, name) for name in ("modes", "d_kl", "slopes"))
    published = arm.published or (None, None)
    return (
        arm.name, len(runs), float(modes.mean()), float(modes.min()), float(d_kl.mean()), float(d_kl.max()),
        float(slopes.mean()), max(growth(run["slopes"]) for run in runs), sum(map(diverged, runs)), *published,
    )  # fmt: skip


# Words ------------------------------------------------------------------------------------------------------------


def order(better: Runs, worse: Runs) -> str:
    """Say whether D_KL is lower in all runs of one arm than in all of the other: `holds`, `is reversed`, `is open`."""
    first, second = _last(better, "d_kl"), _last(worse, "d_kl")
    if not np.all(np.isfinite(first)) and np.all(np.isfinite(second)):
        return "is reversed"
    if np.nanmax(first, initial=-math.inf) < np.min(np.where(np.isnan(second), math.inf, second)):
        return "holds"
    return "is reversed" if np.min(first) > np.max(second) else "is open (the seeds overlap)"


def sentence_of(found: Mapping[str, Runs], floor: Mapping[str, Any]) -> str:
    """Return the conclusion; every word of it follows from the numbers.

    Args:
        found: runs by the names of the arms.
        floor: modes and D_KL of real samples.
    """
    best, plain, alone, bare = (found[arm.name] for arm in ARMS)
    ends = {name: sum(map(diverged, runs)) for name, runs in found.items()}
    count = sum(len(found[name]) for name in ("RpGAN + R1", "GAN + R1"))
    failed = ends["RpGAN + R1"] + ends["GAN + R1"]
    held = ends["RpGAN + R1 + R2"] + ends["GAN + R1 + R2"]
    verdict = {0: "is not reproduced", count: "is reproduced"}.get(failed, "is reproduced in part")
    numbers = "; ".join(
        f"{name} {_last(runs, 'modes').mean():.4g} modes, D_KL {_last(runs, 'd_kl').mean():.3g}"
        for name, runs in found.items()
    )
    real = "" if floor.get("modes") is None else f" (real samples: {floor['modes']:.4g} and {floor['d_kl']:.2g})"
    steep = _last([*alone, *bare], "slopes").mean() / _last([*best, *plain], "slopes").mean()
    return (
        f"That R1 alone diverges {verdict}: {failed} of {count} such runs did, and {held} of those with R1 + R2; the "
        f"critic's last slope on fakes is {steep:.2g} times as large with R1 alone. With R1 + R2, that RpGAN beats GAN "
        f"in D_KL {order(best, plain)}; with RpGAN, that R1 + R2 beats R1 alone {order(best, alone)}. {numbers}{real}."
    )


def _notes(floor: Mapping[str, Any], size: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    small = (
        "Small is not the published experiment: perceptrons on digits averaged down to 8 x 8, fewer modes and minutes "
        "in place of days. What diverges in the deep published network need not diverge here.",
    )
    changed = ", ".join([*settings["changed"], *settings["recipe settings"]])
    real = "not measured"
    if floor.get("modes") is not None:
        real = f"{floor['modes']:.4g} modes, D_KL {floor['d_kl']:.3g}"
        real += "" if floor.get("d_kl sd") is None else f" +- {floor['d_kl sd']:.2g}"
    return (
        *(small if size == "small" else ()),
        f"Modes and D_KL = KL(histogram || uniform) by: {settings['judge']}; of {settings['samples']:,} samples a run. "
        f"As many real samples: {real}.",
        f"Diverged: overflowed, or the root mean square of the critic's slope on fakes ends at {GROWTH:g} times its "
        "least or more. Where the seeds of two arms overlap their order is called open.",
        f"Data: {settings['data']} Penalties have the weight gamma/2.",
        *((f"In place of what the size says came other {changed}.",) if changed else ()),
    )


# Pictures ---------------------------------------------------------------------------------------------------------


def _panels(found: Mapping[str, Runs]) -> tuple[Panel, ...]:
    labels = list(found)
    widest = max(len(runs) for runs in found.values())
    marks = {f"seed {k}": [_of(found[name], k) for name in labels] for k in range(widest)}
    dots = {"labels": labels, "marks": marks, "x": "D_KL to the uniform law over modes"}
    panels = [Panel("dots", "D_KL at the end", "Lower is better; one mark a seed.", dots)]
    for title, steps, name, log in (
        ("Slope of the critic on fakes", "slope_steps", "slopes", True),
        ("Modes covered", "steps", "modes", False),
    ):
        at = max((runs[0][steps] for runs in found.values()), key=len)
        lines = {key: _mean([run[name] for run in runs], len(at)) for key, runs in found.items()}
        data = {"steps": list(at), "lines": lines, "x": "step", "y": name, "log": log}
        panels.append(Panel("lines", title, "Mean over seeds, along training.", data))
    return tuple(panels)


def _of(runs: Runs, k: int) -> float | None:
    return float(_last(runs, "d_kl")[k]) if k < len(runs) else None


def _mean(series: Sequence[Sequence[float | None]], length: int) -> list[float | None]:
    """Return the means over runs, None where a run has no number."""
    table = np.full((len(series), length), math.nan)
    for row, values in zip(table, series, strict=True):
        row[: len(values)] = [math.nan if v is None else v for v in values]
    return [float(v) if math.isfinite(v) else None for v in table.mean(axis=0)]
