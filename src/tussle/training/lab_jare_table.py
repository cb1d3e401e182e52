"""What JARE's ring comes to: modes, quality and ends of the spectrum by method, and the sentence that follows."""

from typing import Any

import numpy as np

from tussle.training.laboratories import Laboratory, Panel

PAPER = (
    "Nie, Patel: Towards a Better Understanding and Regularization of GAN Training Dynamics, UAI 2019. The public code "
    "has the ring (radius 2, sd 0.06), four layers of 256, RMSProp 1e-4, batch 128, 20,000 steps and JARE's weight "
    "1000; its claim is that JARE turns the spectrum off the imaginary axis and helps coverage. The ring's outcome is "
    "shown there as pictures: there are no published numbers to compare with."
)
NOTES = (
    "A mode is covered if at least one sample lies within three standard deviations of its center; quality is the "
    "share of such samples (0.989 for the law itself). Values are means over seeds.",
    "The spectrum is of the Jacobian of the field that the method follows, its adjustment included, on one batch; a "
    "method's own field is larger the heavier its weight, so compare real and imaginary parts with the largest "
    "modulus. Each end is right to about a hundredth of that: a smaller |Im| is not resolved and may read 0.",
    "RMSProp divides the field by its running size: the spectrum does not decide whether these steps converge.",
    "Consensus has no published weight on this ring; its weight here is that of the mixture of Gaussians of 2017.",
)
READ = ("modes", "quality", "abscissa", "frequency", "modulus")


def concluded(
    found: dict[str, dict[str, Any]], titles: dict[str, str], settings: dict[str, Any], facts: dict[str, Any]
) -> Laboratory:
    """Return the laboratory of finished methods.

    Args:
        found: by method, `lines` (of each seed, one a reading), `failed`, `samples` and seconds.
        titles: of the methods.
        settings: everything the numbers depend on.
        facts: `size`, `seed`, `changed`, `wall` seconds and `known`.
    """
    courses = {name: {what: course(one, what) for what in READ} for name, one in found.items()}
    rows = tuple(_row(titles[name], settings[name], courses[name], found[name]) for name in found)
    changed = f", but for {', '.join(facts['changed'])}" if facts["changed"] else ""
    return Laboratory(
        name="jare-ring",
        title="JARE's ring: does bending the field cover the modes?",
        size=facts["size"] + changed,
        columns=("method", "weight", "modes at end", "most modes", "quality", "largest Re", "largest |Im|", "modulus",
                 "Re / modulus", "failed", "runs"),
        rows=rows,
        published=PAPER,
        sentence=_sentence(rows),
        notes=NOTES,
        cost={
            "runs": sum(len(one["lines"]) for one in found.values()), "cells": len(found),
            "cells_kept": facts["known"], "wall_seconds": facts["wall"],
            **{key: sum(one[key] for one in found.values()) for key in ("train_seconds", "seconds")},
        },
        settings={**settings, "seed": facts["seed"]},
        panels=_panels(found, courses, titles),
        details={name: {"lines": one["lines"], "failed": one["failed"]} for name, one in found.items()},
    )  # fmt: skip


def course(one: dict[str, Any], what: str) -> np.ndarray:
    """Return the mean over seeds of what was read, by reading; nan once no seed is left.

    Example:
        >>> course({"lines": [[{"modes": 2}, {"modes": 8}], [{"modes": 4}]]}, "modes").tolist()
        [3.0, 8.0]
    """
    longest = max(len(lines) for lines in one["lines"])
    columns = ([lines[k][what] for lines in one["lines"] if k < len(lines)] for k in range(longest))
    known = ([value for value in column if value is not None] for column in columns)
    return np.array([float(np.mean(column)) if column else float("nan") for column in known])


def _row(title: str, weight: float, read: dict[str, np.ndarray], one: dict[str, Any]) -> tuple[Any, ...]:
    end = {name: float(values[-1]) for name, values in read.items()}
    share = end["abscissa"] / end["modulus"] if end["modulus"] > 0 else float("nan")
    most = float(np.nanmax(read["modes"])) if np.isfinite(read["modes"]).any() else float("nan")
    return (
        title, weight or None, end["modes"], most, end["quality"], end["abscissa"], end["frequency"], end["modulus"],
        share, one["failed"], len(one["lines"]),
    )  # fmt: skip


def _sentence(rows: tuple[tuple[Any, ...], ...]) -> str:
    covered = ", ".join(f"{row[0]} {row[2]:.3g} of 8 (quality {row[4]:.2f})" for row in rows)
    outward = ", ".join(f"{row[0]} {row[8]:.2g}" for row in rows)
    failed = sum(row[9] for row in rows)
    words = f"; {failed} run(s) were no longer finite" if failed else ""
    return (
        f"Modes covered at the end: {covered}; largest real part over largest modulus of each method's own field "
        f"(1: what moves fastest moves away; 0: nothing moves away): {outward}{words}."
    )


def _panels(
    found: dict[str, dict[str, Any]], courses: dict[str, dict[str, np.ndarray]], titles: dict[str, str]
) -> tuple[Panel, ...]:
    from tussle.data import load

    steps = max((lines for one in found.values() for lines in one["lines"]), key=len)
    at = [line["step"] for line in steps]
    shared = {"steps": at, "x": "step", "log": False}

    def lines(what: str) -> dict[str, np.ndarray]:
        return {titles[n]: np.pad(c[what], (0, len(at) - len(c[what])), constant_values=np.nan)
                for n, c in courses.items()}  # fmt: skip

    real = load("jare-ring").train.sample(np.random.default_rng(0), 400)
    last = {titles[name]: one["lines"][0][-1]["values"] for name, one in found.items()}
    return (
        Panel("lines", "Modes covered", "Modes covered along training, mean over seeds.",
              {**shared, "y": "modes of 8", "lines": lines("modes")}),
        Panel("lines", "Share of good samples", "Share of samples within three standard deviations of a center.",
              {**shared, "y": "quality", "lines": lines("quality")}),
        Panel("samples", "ring", "Samples of the first seed at the end (crosses) over real ones (dots).",
              {"real": np.round(real, 4), "groups": {titles[name]: one["samples"] for name, one in found.items()}}),
        Panel("spectra", "Ends of the spectrum at the end", "Leading eigenvalues of each method's own field, first "
              "seed: left of the line attracts, off the real axis turns.", {"groups": last}),
    )  # fmt: skip
