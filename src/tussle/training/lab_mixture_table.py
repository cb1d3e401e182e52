"""What the spectra of the mixture of Gaussians come to: table, pictures' numbers, and the sentence that follows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tussle.training.lab_mixture import FORMS, NEAR, SLOW, WINDOW, Measured, Moment
from tussle.training.laboratories import Laboratory, Panel

KEPT = 512  # samples of a moment that are kept for pictures
PAPER = (
    "Mescheder, Nowozin, Geiger: The Numerics of GANs, NIPS 2017: under simultaneous steps the eigenvalues of the "
    "field lie along the imaginary axis and the run hops between modes; consensus moves them left and covers all 8. "
    "No numbers are published. The public notebook cannot reproduce its picture (it keeps one row of the Jacobian a "
    "tensor) and draws the short form, in the window -3.5 < Re < 0.75, |Im| < 1.2."
)
COLUMNS = (
    "run", "step", "|v|", "modes", "good samples", "W1", "near axis: J", "near axis: exact", "|Im/Re|: J",
    "|Im/Re|: exact", "|Im/Re|: short", "max Re: J", "max Re: exact", "max Re: short", "min Re: J", "min Re: exact",
    "mean Re: J", "mean Re: exact", "in window: J",
)  # fmt: skip
WORDS = {"plain": "J, simultaneous steps", "exact": "consensus, exact", "short": "consensus, short form"}
MOST, LEAST = 0.1, 0.5  # near the axis: at most so many of consensus, at least so many of simultaneous steps


def written(
    found: Sequence[Moment],
    floor: Mapping[str, Any],
    real: np.ndarray,
    size: str,
    settings: dict[str, Any],
    cost: dict[str, float],
) -> Laboratory:
    """Return the laboratory of some moments.

    Args:
        found: the moments of both runs, ascending within each.
        floor: modes, share of good samples and W1 of real samples, with their floors.
        real: real samples, (n, 2).
        size: `small` or `full`.
        settings: everything that the numbers depend on.
        cost: seconds by what they were spent on.
    """
    gamma = float(settings["gamma"])
    return Laboratory(
        "mixture",
        "The spectrum of 2,003 parameters along training",
        size,
        COLUMNS,
        tuple(_row(m) for m in found),
        PAPER,
        sentence_of(found, gamma),
        _notes(floor, gamma, settings),
        cost,
        settings,
        _panels(found, real),
        {
            "floors": {name: one.to_json() for name, one in floor.items()},
            "bound of the short form": 1 / (4 * gamma) if gamma > 0 else None,
            "window": WINDOW,
            "real": pairs(real[:KEPT]),
            "moments": [_plain(m) for m in found],
        },
    )


def _row(m: Moment) -> tuple[Any, ...]:
    j, exact, short = (m.measured[form] for form in FORMS)
    return (
        m.run, m.step, m.speed, m.modes, m.quality, m.w1, j.near, exact.near, j.rotation, exact.rotation,
        short.rotation, j.abscissa, exact.abscissa, short.abscissa, j.leftmost, exact.leftmost, j.mean, exact.mean,
        j.within,
    )  # fmt: skip


# Words ------------------------------------------------------------------------------------------------------------


def sentence_of(found: Sequence[Moment], gamma: float) -> str:
    """Return the conclusion; every word of it follows from the numbers.

    Args:
        found: the moments of both runs.
        gamma: the weight of consensus.
    """
    last = {m.run: m for m in found}
    if set(last) != {"simultaneous", "consensus"} or min(m.step for m in last.values()) == 0:
        return "A run did not come to its last moment, so nothing follows."
    rest, other = last["consensus"], last["simultaneous"]
    j, exact = rest.measured["plain"], rest.measured["exact"]
    return " ".join([
        f"The spectrum {'crosses as published' if crosses(rest) else 'does not cross as published'} where consensus "
        f"has come after {rest.step:,} steps (|v| = {rest.speed:.2g}): there {j.near:.0%} of the moving eigenvalues of "
        f"J, which simultaneous steps follow, lie near the imaginary axis with |Im/Re| up to {j.rotation:.3g}, and "
        f"{exact.near:.0%} of those of the consensus field, with |Im/Re| up to {exact.rotation:.3g} and a mean real "
        f"part of {exact.mean:.2g} after {j.mean:.2g}.",
        _own(other),
        f"Modes covered: {rest.modes} by consensus, {other.modes} by simultaneous steps (W1 {rest.w1:.3g} and "
        f"{other.w1:.3g}).",
        _forms(found, gamma),
        _stable(exact),
    ])  # fmt: skip


def crosses(rest: Moment) -> bool:
    """Say whether simultaneous steps would hug the imaginary axis at a point, and consensus moves away to its left."""
    j, exact = rest.measured["plain"], rest.measured["exact"]
    return bool(j.near >= LEAST and exact.near <= MOST and exact.mean < j.mean and exact.rotation < j.rotation)


def _own(other: Moment) -> str:
    """Say where the run by simultaneous steps itself has come."""
    own = other.measured["plain"]
    where = f"after {other.step:,} steps (|v| = {other.speed:.3g})"
    if own.near >= LEAST:
        return f"The run by simultaneous steps hugs the axis itself {where}: {own.near:.0%} are near it."
    return (
        f"The run by simultaneous steps does not come to such a point {where}: {own.near:.0%} are near the axis, "
        f"{own.within:.0%} in the published window, and real parts reach from {own.leftmost:.3g} to {own.abscissa:.3g}."
    )


def _forms(found: Sequence[Moment], gamma: float) -> str:
    """Say how far the short form is from the Jacobian."""
    gap = lambda m: abs(m.measured["exact"].abscissa - m.measured["short"].abscissa)
    least, most = min(found, key=gap), max(found, key=gap)
    bound = f" (it is bounded by 1/(4 gamma) = {1 / (4 * gamma):.3g} for every matrix)" if gamma > 0 else ""
    return (
        f"The largest real part of the short form{bound} is off the exact one by {gap(least):.2g} at {least.run} "
        f"{least.step:,} and by {gap(most):.3g} at {most.run} {most.step:,}."
    )


def _stable(exact: Measured) -> str:
    side = "left of the axis" if exact.abscissa < 0 else "not all left of the axis"
    return f"At the end the eigenvalues of consensus are {side}: their largest real part is {exact.abscissa:.2g}."


def _notes(floor: Mapping[str, Any], gamma: float, settings: dict[str, Any]) -> tuple[str, ...]:
    changed = ", ".join(settings["changed"])
    return (
        f"Moving eigenvalues have a modulus above {SLOW}; most of all are 0 but for rounding, since units are idle and "
        f"weights redundant. Near the axis: |Re| at most {NEAR} times the modulus, 5.7 degrees.",
        f"The field and its Jacobians are averaged over {settings['minibatches']} minibatch(es) of "
        f"{settings['reading']}, in {settings['kind']}; eigenvalues are found in float64. The consensus field is that "
        "of the averaged field; the training descends its estimate from single batches, which noise biases upward.",
        "Noise of few samples moves small eigenvalues off the axis: the share near it grows with the samples read.",
        "Exact: J - gamma (J^T J + sum_i v_i Hess(v_i)). Short: J - gamma J^T J, right only where v = 0. For a unit "
        "vector u, Re u*Ju - gamma |Ju|^2 is at most 1/(4 gamma), so that the short form looks nearly stable whatever "
        "J is.",
        f"RMSProp rescales every weight, so that these are spectra of the flow, not of the steps; gamma is {gamma:g}.",
        f"Between real samples: {floor['w1']}; {floor['quality']}.",
        "One seed: how a run by simultaneous steps ends differs from seed to seed.",
        *((f"In place of what the size says came other {changed}.",) if changed else ()),
    )


# Pictures ---------------------------------------------------------------------------------------------------------


def _panels(found: Sequence[Moment], real: np.ndarray) -> tuple[Panel, ...]:
    last = {m.run: m for m in found}
    panels = [_spectra(m) for m in last.values()]
    if len(last) == 2:
        groups = {name: pairs(m.samples[:KEPT]) for name, m in last.items()}
        data = {"real": pairs(real[:KEPT]), "groups": groups}
        panels.append(Panel("samples", "Samples at the end", "Real and generated samples of both runs.", data))
        panels += [_lines(found, *which) for which in CURVES]
    return tuple(panels)


CURVES: tuple[Any, ...] = (
    ("W1", "distance from the law", True, lambda m: m.w1),
    ("Modes", "modes covered", False, lambda m: m.modes),
    ("|v|", "length of the field", True, lambda m: m.speed),
)


def _lines(found: Sequence[Moment], title: str, y: str, log: bool, read: Any) -> Panel:
    steps = sorted({m.step for m in found})
    at = {(m.run, m.step): float(read(m)) for m in found}
    lines = {run: [at.get((run, step)) for step in steps] for run in dict.fromkeys(m.run for m in found)}
    return Panel(
        "lines", title, f"{y} along training.", {"steps": steps, "lines": lines, "x": "step", "y": y, "log": log}
    )


def _spectra(m: Moment) -> Panel:
    groups = {WORDS[form]: pairs(moving(m.spectra[form])) for form in FORMS}
    caption = f"Three fields at the same point: the {m.run} run after {m.step:,} steps, |v| = {m.speed:.2g}."
    return Panel("spectra", f"{m.run} run, step {m.step:,}", caption, {"groups": groups})


def _plain(m: Moment) -> dict[str, Any]:
    return {
        "run": m.run, "step": m.step, "speed": m.speed, "modes": m.modes, "quality": m.quality, "w1": m.w1,
        "measured": {form: vars(one) for form, one in m.measured.items()},
        "spectra": {form: pairs(moving(m.spectra[form])) for form in FORMS},
        "samples": pairs(m.samples[:KEPT]),
    }  # fmt: skip


def moving(eigenvalues: np.ndarray) -> np.ndarray:
    """Return the eigenvalues that move and do not lie below the real axis, as points (n, 2); the others mirror them."""
    kept = eigenvalues[(np.abs(eigenvalues) > SLOW) & (np.imag(eigenvalues) >= 0)]
    return np.stack([np.real(kept), np.imag(kept)], axis=1)


def pairs(points: np.ndarray) -> list[list[float]]:
    """Return points as pairs of four digits."""
    return [[float(f"{x:.4g}"), float(f"{y:.4g}")] for x, y in np.asarray(points, dtype=float).tolist()]
