"""The real part: a convolutional GAN on handwritten digits, with and without R1."""

import html
from typing import Any, NamedTuple

import numpy as np

from tussle import plots, report
from tussle.demo.dirac import Tick
from tussle.field import Field
from tussle.game import Point
from tussle.gan import GAN
from tussle.spectra import Spectrum

BATCH = 64  # samples of the batch on which a field's spectrum is taken
RUNS = {"no penalty": 0.0, "R1 1": 1.0}
REMOVED = "same point, R1 removed"


class Reading(NamedTuple):
    """What was found at one point: how far a product is to be trusted, and the leading eigenvalues."""

    check: Any
    found: Any


def digits_part(steps: int, seed: int, theme: str, tick: Tick) -> list[str]:
    """Return the HTML of the digits part.

    Args:
        steps: of each training.
        seed: of weights and batches.
        theme: `light` or `dark`.
        tick: told of the progress.
    """
    from tussle.data.digits import digits
    from tussle.training.digits import digits_gan, train_digits

    runs = {}
    for name, gamma in RUNS.items():
        task = f"digits GAN, {name}: training"
        runs[name] = train_digits(gamma, steps, seed=seed, progress=_told(task, steps, tick))
    readings = {
        name: _read(f"digits GAN, {name}: spectrum", run.network.game, run.training.point, seed, tick)
        for name, run in runs.items()
    }
    bare, point = digits_gan(0.0, seed).game, runs["R1 1"].training.point
    readings[REMOVED] = _read(f"digits GAN, {REMOVED}: spectrum", bare, point, seed, tick)
    shown = {name: Spectrum(readings[name].found.all, "flow", 1e-6) for name in ("R1 1", REMOVED)}
    spectra = plots.flow_spectrum(shown, theme=theme)
    caption = "The networks trained with R1: leading eigenvalues of the field with the penalty, and with it removed."
    images = len(digits().train)
    return [
        report.heading("A real GAN: handwritten digits"),
        report.paragraph(
            f"Two small convolutional networks ({readings['R1 1'].found.size:,} weights) on {images:,} real digits, "
            "non-saturating loss, alternating plain steps, with the same code for rules, losses and penalties as "
            "above. The Jacobian of their field is never formed: its leading eigenvalues come from products, one of "
            "which is first compared with a float64 central difference."
        ),
        report.pictures(*_grids(runs, theme)),
        report.pictures(*_curves(runs, theme)),
        report.paragraph("The field around the last point of each training:"),
        _table(readings),
        report.paragraph(_words(readings)),
        report.pictures(report.Picture(spectra, caption)),
    ]


def _told(task: str, steps: int, tick: Tick) -> Any:
    def progress(step: int, info: Any) -> None:  # noqa: ARG001
        tick(task, step / steps)

    return progress


def _read(task: str, game: GAN, point: Point, seed: int, tick: Tick) -> Reading:
    from tussle.networks import leading_spectrum, verify_product

    tick(task, 0.0)
    batch = game.sampler(BATCH)(seed, 0)
    check = verify_product(Field(game), point, batch)
    tick(task, 0.2)
    found = leading_spectrum(Field(game), point, batch, tolerance=1e-6)
    tick(task, 1.0)
    return Reading(check, found)


def _grids(runs: dict[str, Any], theme: str) -> list[report.Picture]:
    from tussle.data.digits import digits

    real = plots.sample_grid(digits().train.images[:64], limits=(-1, 1), theme=theme)
    shown = [report.Picture(real, "Real digits, 8 x 8.")]
    for name, run in runs.items():
        grid = plots.sample_grid(run.samples(64, seed=7), limits=(-1, 1), theme=theme)
        ended = "" if run.training.ending == "running" else f" ({run.training.reason})"
        shown.append(report.Picture(grid, f"{name}: fakes after {run.training.steps} steps{ended}."))
    return shown


def _curves(runs: dict[str, Any], theme: str) -> list[report.Picture]:
    shown = []
    for name, run in runs.items():
        log = run.training
        lines = {
            "step": log.at,
            "loss_generator": log.losses[:, 0],
            "loss_discriminator": log.losses[:, 1],
            "logit_real": log.logits[:, 0],
            "logit_fake": log.logits[:, 1],
            "speed_generator": log.speeds[:, 0],
            "speed_discriminator": log.speeds[:, 1],
        }
        shown.append(report.Picture(plots.curves(lines, title=name, theme=theme), f"{name}: what training logged."))
    return shown


def _table(readings: dict[str, Reading]) -> str:
    rows = []
    for name, one in readings.items():
        trusted = "trusted" if one.check.trusted else "NOT trusted"
        pair = _pair(one)
        rows.append(
            [
                html.escape(name),
                f"{one.check.relative_error:.1e} ({trusted})",
                f"{one.found.real.abscissa:+.4g}",
                "none found" if pair is None else f"{pair.real:+.3f} &plusmn; {abs(pair.imag):.3f}i",
                f"{one.found.modulus.radius:.4g}",
                str(one.found.products),
                report.mood(str(one.found.real.verdict)),
            ]
        )
    header = [
        "networks", "product against difference", "largest real part", "fastest rotation", "largest modulus",
        "products used", "flow",
    ]  # fmt: skip
    return report.table(header, rows)


def _pair(reading: Reading) -> complex | None:
    """Return the eigenvalue of largest imaginary part, if one rotates."""
    values = reading.found.imaginary.eigenvalues
    if values.size == 0 or not np.all(np.isfinite(values)):
        return None
    leader = complex(values[np.argmax(np.abs(values.imag))])
    return leader if abs(leader.imag) > 1e-9 else None


def _words(readings: dict[str, Reading]) -> str:
    """Say what the numbers of the table say, whichever they are."""
    return " ".join([_scale_words(readings), _rotation_words(readings), *_trust_words(readings), _end_words(readings)])


def _scale_words(readings: dict[str, Reading]) -> str:
    bare, damped = (readings[name].found.modulus.radius for name in ("no penalty", "R1 1"))
    words = (
        f"The field's scale (largest modulus) is {bare:.3g} after training without a penalty and {damped:.3g} with R1"
    )
    if not (np.isfinite(bare) and np.isfinite(damped)):
        return f"{words}: a training that left the finite numbers has no scale to compare."
    if bare > 1.5 * damped:
        return f"{words}: R1 kept it {bare / damped:.2g} times smaller."
    if damped > 1.5 * bare:
        return f"{words}: R1 did not keep it down here, it is {damped / bare:.2g} times larger."
    return f"{words}: about the same."


def _rotation_words(readings: dict[str, Reading]) -> str:
    damped, removed = _pair(readings["R1 1"]), _pair(readings[REMOVED])
    if damped is None and removed is None:
        return "At the point that R1 led to nothing rotates, with the penalty or without it."
    if damped is None:
        return "At the point that R1 led to nothing rotates with the penalty, while without it something does."
    if removed is None:
        return "At the point that R1 led to something rotates with the penalty, while without it nothing does."
    words = (
        f"At the point that R1 led to, the fastest rotating pair has real part {damped.real:+.3f} with the penalty and "
        f"{removed.real:+.3f} without it, at imaginary parts {abs(damped.imag):.3f} and {abs(removed.imag):.3f}"
    )
    margin = 0.01 * max(abs(damped), abs(removed))
    if damped.real < removed.real - margin:
        return f"{words}: R1 damps the rotation."
    if damped.real > removed.real + margin:
        return f"{words}: R1 does not damp this rotation."
    return f"{words}: R1 hardly changes the damping of this rotation."


def _trust_words(readings: dict[str, Reading]) -> list[str]:
    doubted = [name for name, one in readings.items() if not one.check.trusted]
    if not doubted:
        return []
    return [f"The products did not agree with their differences ({', '.join(doubted)}): do not rely on those numbers."]


def _end_words(readings: dict[str, Reading]) -> str:
    moving = [name for name, one in readings.items() if one.found.real.abscissa > 0]
    words = "These points are where training stopped, not equilibria: "
    if moving:
        words += (
            f"real parts above zero ({', '.join(moving)}) show directions in which the players are still moving, so "
        )
    else:
        words += "no real part above zero was found among the leading eigenvalues, but the field is not zero there, so "
    return f"{words}nothing here proves convergence of the networks."
