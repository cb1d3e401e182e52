"""What the 2-D problems come to: best and median of every method, and whether the published ranking holds."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tussle.training.laboratories import Laboratory, Panel

PUBLISHED = {"none": 0.112, "gp-1": 0.352, "gp-5": 0.092, "r1": 0.080, "r2": 0.078}
PAPER = (
    "Mescheder, Geiger, Nowozin: Which Training Methods for GANs do actually Converge? ICML 2018. Mean W1 of the 2-D "
    "problems in its first author's talk slides: unregularized 0.112, WGAN-GP with one critic step 0.352, with five "
    "0.092, R1 0.080, R2 0.078. Laws are read off the slides; rates and weights are those reported for the paper; its "
    "text could not be checked. Width, batch, steps and the number of samples of W1 are unknown, and no code of these "
    "problems was published."
)
NOTES = (
    "W1 is exact between equally many generated and real samples, the same latents and real samples for all methods; "
    "between two samples of one law it is not 0 but the noise floor, and differences count only beside it.",
    "Best: for each law the rate and weight with the least mean over seeds, then the mean over laws, with its standard "
    "error over seeds. The least of many noisy means is optimistic, the more so the more settings a method has: none "
    "has no weight, so fewer. Best W1 by weight compares methods at one weight each, where all have as many.",
    "One setting: the rate and weight with the least mean over laws and seeds, the same for all laws.",
    "Median: over all rates, weights and seeds of a law, then the mean over laws; a failed run counts as infinite.",
    "Failed: runs whose parameters or samples were no longer finite. Runs that left the data without overflowing are "
    "not failed; their W1 is large.",
    "Penalties are weight/2 E(|grad| - center)^2; WGAN-GP's own lambda is half of that weight. Instance noise takes "
    "standard deviations in place of weights. Consensus and JARE step simultaneously, the others critic first.",
)
CLAIMS = (
    ("r1", "R1 below none"),
    ("r2", "R2 below none"),
    ("gp-1", "WGAN-GP with one critic step worst of the published five"),
)


class Standing(NamedTuple):
    """What a method came to on one law.

    Attributes:
        best: the least mean over seeds.
        error: its standard error.
        setting: the pace, rate and strength it belongs to.
        median: over all runs.
        failed: how many were not finite.
        runs: how many there were.
        means: over seeds, by setting.
    """

    best: float
    error: float
    setting: tuple[str, float, float]
    median: float
    failed: int
    runs: int
    means: dict[tuple[str, float, float], float]


def standing(cells: Iterable[dict[str, Any]]) -> Standing:
    """Return what a method came to on one law.

    Args:
        cells: of that method and law, with `pace`, `lanes` and `w1` (None for a failed run).

    Example:
        >>> cell = {"pace": "sgd", "lanes": [[0, 0.1, 1.0], [1, 0.1, 1.0], [0, 0.2, 1.0]], "w1": [0.1, 0.3, None]}
        >>> found = standing([cell])
        >>> found.best, found.setting, found.median, found.failed
        (0.2, ('sgd', 0.1, 1.0), 0.3, 1)
    """
    by: dict[tuple[str, float, float], list[float]] = {}
    for cell in cells:
        for (_, rate, strength), value in zip(cell["lanes"], cell["w1"], strict=True):
            by.setdefault((cell["pace"], rate, strength), []).append(np.inf if value is None else value)
    means = {setting: float(np.mean(values)) for setting, values in by.items()}
    setting = min(means, key=lambda key: means[key])
    values, everything = by[setting], np.concatenate(list(by.values()))
    known = len(values) > 1 and np.isfinite(means[setting])
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if known else float("nan")
    failed = int(np.count_nonzero(~np.isfinite(everything)))
    return Standing(means[setting], error, setting, median(everything), failed, len(everything), means)


def median(values: np.ndarray) -> float:
    """Return the middle value, infinite ones included; of two middle ones of which one is infinite, infinity."""
    ordered = np.sort(values)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return float(low if low == high else 0.5 * (low + high))


def concluded(
    found: list[dict[str, Any]],
    floors: dict[str, float],
    titles: dict[str, str],
    settings: dict[str, Any],
    facts: dict[str, Any],
) -> Laboratory:
    """Return the laboratory of finished cells.

    Args:
        found: the cells.
        floors: mean W1 between two samples, by law.
        titles: of the methods, by name.
        settings: what was asked for.
        facts: `size`, `seed`, `changed` (settings that differ from those of the size), `wall` seconds and `known`.
    """
    laws = list(floors)
    table = {
        name: {law: standing(c for c in found if (c["way"], c["law"]) == (name, law)) for law in laws}
        for name in titles
    }
    rows = [_row(name, titles[name], list(by.values())) for name, by in table.items()]
    floor = float(np.mean(list(floors.values())))
    rows.append(("noise floor", None, floor, None, None, "", floor, 0, 0))
    changed = f", but for {', '.join(facts['changed'])}" if facts["changed"] else ""
    return Laboratory(
        name="problems-2d",
        title="The 2-D problems: which methods converge?",
        size=facts["size"] + changed,
        columns=("method", "published", "best", "+-", "one setting", "which", "median", "failed", "runs"),
        rows=tuple(rows),
        published=PAPER,
        sentence=_sentence(table, floor, titles),
        notes=NOTES,
        cost=_cost(found, settings, facts),
        settings={**settings, "seed": facts["seed"]},
        panels=(_dots(rows[:-1], floor), *_drawn(found, table, titles)),
        details={
            "floors": floors,
            "tables": [
                _by_weight(table, titles),
                *(_by_law(what, table, titles, floors) for what in ("best", "median")),
            ],
            "cells": [{k: v for k, v in cell.items() if k != "samples"} for cell in found],
        },
    )


def _row(name: str, title: str, by: list[Standing]) -> tuple[Any, ...]:
    common = {key: float(np.mean([one.means[key] for one in by])) for key in by[0].means}
    which = min(common, key=lambda key: common[key])
    best, error = float(np.mean([one.best for one in by])), _error(by)
    words = f"{which[0]} {which[1]:g}" + (f", {which[2]:g}" if which[2] else "")
    middle = float(np.mean([one.median for one in by]))
    counts = sum(one.failed for one in by), sum(one.runs for one in by)
    return (title, PUBLISHED.get(name), best, error, common[which], words, middle, *counts)


def _error(by: Iterable[Standing]) -> float:
    """Return the standard error of the mean over laws of the best."""
    errors = np.array([one.error for one in by])
    return float(np.sqrt(np.sum(errors**2)) / len(errors))


def _cost(found: list[dict[str, Any]], settings: dict[str, Any], facts: dict[str, Any]) -> dict[str, float]:
    runs = sum(len(cell["lanes"]) for cell in found)
    train = sum(cell["train_seconds"] for cell in found)
    return {
        "runs": runs, "steps": runs * settings["steps"], "seconds": sum(cell["seconds"] for cell in found),
        "train_seconds": train, "steps_per_second": runs * settings["steps"] / train, "wall_seconds": facts["wall"],
        "cells": len(found), "cells_kept": facts["known"],
    }  # fmt: skip


# The conclusion ---------------------------------------------------------------------------------------------------


def claims(values: dict[str, float], errors: dict[str, float]) -> list[tuple[str, str]]:
    """Return each part of the published ranking with `holds`, `open` (within two standard errors) or `fails`.

    Example:
        >>> claims({"none": 0.2, "r1": 0.1, "gp-1": 0.3}, {"none": 0.01, "r1": 0.01, "gp-1": 0.2})
        [('R1 below none', 'holds'), ('WGAN-GP with one critic step worst of the published five', 'open')]
    """
    found = []
    for name, words in CLAIMS:
        if name not in values or "none" not in values:
            continue
        rival = "none"
        if name == "gp-1":
            rival = max((k for k in PUBLISHED if k in values and k != name), key=lambda k: values[k])
        gain = values[name] - values[rival] if name == "gp-1" else values[rival] - values[name]
        doubt = 2 * float(np.hypot(errors[name], errors[rival]))
        sure = not np.isfinite(gain) or not np.isfinite(doubt) or abs(gain) > doubt
        found.append((words, ("holds" if gain > 0 else "fails") if sure else "open"))
    return found


def _sentence(table: dict[str, dict[str, Standing]], floor: float, titles: dict[str, str]) -> str:
    laws = len(next(iter(table.values())))
    best = {name: float(np.mean([one.best for one in by.values()])) for name, by in table.items()}
    middle = {name: float(np.mean([one.median for one in by.values()])) for name, by in table.items()}
    errors = {name: _error(by.values()) for name, by in table.items()}
    said = [f"Mean W1 over {laws} law(s) at the best settings, floor {floor:.3f}: {_ranked(best, titles)}"]
    found = claims(best, errors)
    if found:
        said.append(f"Of the published ranking, at the best settings: {_told(found)}")
        said.append(f"at the medians: {_told(claims(middle, dict.fromkeys(middle, 0.0)))}")
    return "; ".join(said) + "."


def _ranked(values: dict[str, float], titles: dict[str, str]) -> str:
    return ", ".join(f"{titles[name]} {values[name]:.3f}" for name in sorted(values, key=lambda k: values[k]))


def _told(found: list[tuple[str, str]]) -> str:
    return ", ".join(f"{words} {verdict}" for words, verdict in found)


# Pictures and tables ----------------------------------------------------------------------------------------------


def _by_law(
    what: str, table: dict[str, dict[str, Standing]], titles: dict[str, str], floors: dict[str, float]
) -> dict[str, Any]:
    rows = [[titles[name], *(getattr(one, what) for one in by.values())] for name, by in table.items()]
    rows.append(["noise floor", *floors.values()])
    return {"title": f"{what.capitalize()} W1 by law", "columns": ["method", *floors], "rows": rows}


def _by_weight(table: dict[str, dict[str, Standing]], titles: dict[str, str]) -> dict[str, Any]:
    """Return the mean over laws of the best at each weight alone."""
    weights = sorted({key[2] for by in table.values() for one in by.values() for key in one.means})
    rows = [[titles[name], *(_at_weight(list(by.values()), w) for w in weights)] for name, by in table.items()]
    words = ["no weight" if w == 0 else f"{w:g}" for w in weights]
    return {"title": "Best W1 by weight (of instance noise: standard deviation)", "columns": ["method", *words],
            "rows": rows}  # fmt: skip


def _at_weight(by: list[Standing], weight: float) -> float | None:
    least = [min((v for key, v in one.means.items() if key[2] == weight), default=None) for one in by]
    return None if any(v is None for v in least) else float(np.mean([v for v in least if v is not None]))


def _dots(rows: list[tuple[Any, ...]], floor: float) -> Panel:
    marks = {"best": [r[2] for r in rows], "median": [r[6] for r in rows], "published": [r[1] for r in rows]}
    words = "Mean W1 over the laws, at each law's best setting and at the median run; the line is the noise "
    words += "floor. Infinite medians are not drawn."
    data = {"labels": [r[0] for r in rows], "marks": marks, "floor": floor, "x": "W1 (lower is better)", "log": True}
    return Panel("dots", "W1 by method", words, data)


def _drawn(
    found: list[dict[str, Any]], table: dict[str, dict[str, Standing]], titles: dict[str, str]
) -> tuple[Panel, ...]:
    """Return a picture for each law: the best run's samples of the methods that the published table has."""
    from tussle.data import load

    names = [name for name in PUBLISHED if name in table] or list(table)[:5]
    panels = []
    for law in next(iter(table.values())):
        groups = {}
        for name in names:
            mine = [c for c in found if (c["way"], c["law"]) == (name, law) and c["samples"]]
            if mine:
                best = min(mine, key=lambda c: min(v for v in c["w1"] if v is not None))
                groups[titles[name]] = best["samples"]
        if not groups:
            continue
        real = load(law).train.sample(np.random.default_rng(0), 400)
        words = f"{law}: samples of the best run of each method (crosses) over real ones (dots)."
        panels.append(Panel("samples", law, words, {"real": np.round(real, 4), "groups": groups}))
    return tuple(panels)
