"""What a report shows: its pictures, drawn from what the examination measured.

An interrupted or exhausted examination gives fewer of them: nothing is measured for a picture then that was not before.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tussle import report as html_report
from tussle.autodiff import array, gradient, stop, to_numpy
from tussle.doctor.changes import unlabeled
from tussle.doctor.examination import Cannot, Examination, OutOfTime
from tussle.doctor.reports import Report
from tussle.doctor.trials import LOOKS, TRIED, continued
from tussle.game import Point
from tussle.spectra import Spectrum

GRID = 36  # samples of a grid
ANGLES = 25  # points along the way
AHEAD = 40  # steps that training is taken on for the way, where no cure was tried
CURES = 9  # that are drawn
PRODUCTS = 150  # steps that a spectrum may take
EXTRA = 20.0  # seconds that pictures may take beyond the budget
CELLS = 40  # a side, of the critic's scores over the plane


def shown(report: Report, theme: str) -> list[tuple[str, list[Any]]]:
    """Return the sections of a report and their pictures; a picture that cannot be drawn is left out."""
    makers: list[tuple[str, list[Callable[[Report, str], Any]]]] = [
        ("What it makes, and what its discriminator says", [_samples, _scores]),
        ("How it is driven", [_gradients, _weights]),
        ("How it moves", [_field, _update, _angle]),
        ("What the cures did", [_cures]),
    ]
    sections = []
    for title, draw in makers:
        pictures = [found for found in (_tried(one, report, theme) for one in draw) if found is not None]
        if pictures:
            sections.append((title, pictures))
    return sections


def _tried(draw: Callable[[Report, str], Any], report: Report, theme: str) -> Any:
    """Draw a picture, or None where what it needs cannot be had."""
    try:
        return draw(report, theme)
    except (Cannot, OutOfTime, ValueError, RuntimeError, ArithmeticError, ImportError):
        return None


def _affordable(report: Report, names: tuple[str, ...], seconds: float = 0.0) -> bool:
    """Say whether parts of an examination were measured, or may be measured now."""
    exam = report.exam
    if all(name in vars(exam) for name in names) and seconds == 0:
        return True
    return not report.interrupted and exam.left + EXTRA > seconds


def _samples(report: Report, theme: str) -> Any:
    from tussle import plots
    from tussle.plots.doctor import sample_cloud
    from tussle.plots.planes import plane_samples, window_around

    exam, patient = report.exam, report.patient
    if not _affordable(report, ("real", "fake")):
        return None
    real, fake = unlabeled(patient, exam.real), unlabeled(patient, exam.fake)
    shape = patient.shape
    if len(shape) == 3 and shape[0] in (1, 3):
        limits = float(real.min()), float(real.max())
        drawn = plots.sample_grid(fake[:GRID], limits=limits, title="generated samples", theme=theme)
        return html_report.Picture(drawn, "What the generator makes, on the data's own range of brightness.")
    if shape == (2,) and patient.classes == 1 and np.isfinite(fake).all():
        window = window_around(real)
        drawn = plane_samples(real, fake, window=window, scores=_plane(exam, window), title="samples", theme=theme)
        return html_report.Picture(drawn, "Real and generated samples; behind them what the discriminator says.")
    drawn = sample_cloud(real, fake, title="samples", theme=theme)
    return html_report.Picture(drawn, "Real and generated samples: a narrower cloud of fakes is a loss of diversity.")


def _plane(exam: Examination, window: tuple[float, float, float, float]) -> np.ndarray:
    left, right, low, high = window
    x, y = np.meshgrid(np.linspace(left, right, CELLS), np.linspace(low, high, CELLS))
    return exam.patient.logits(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(CELLS, CELLS)


def _scores(report: Report, theme: str) -> Any:
    from tussle.plots.doctor import score_histograms

    if not _affordable(report, ("scores",)):
        return None
    found = report.exam.scores
    drawn = score_histograms(found.real, found.fake, found.held_out, title="scores", theme=theme)
    words = "The discriminator's outputs. Apart: it tells real from fake with ease; the generator learns little then."
    if found.held_out is not None:
        words += " Held-out real samples to the left of the trained ones: it knows its training data by heart."
    return html_report.Picture(drawn, words)


def _gradients(report: Report, theme: str) -> Any:
    from tussle.plots.doctor import gradient_bars

    if not _affordable(report, ("noise",)):
        return None
    noise, names = report.exam.noise, report.patient.game.players
    one = [error * float(np.sqrt(noise.batches)) for error in noise.errors]
    norms = {name: (length, e) for name, length, e in zip(names, noise.norms, one, strict=True)}
    words = "How hard each player is pushed, beside how much one batch differs from the next. Noise above the mean: "
    return html_report.Picture(
        gradient_bars(norms, title="gradients", theme=theme),
        words + "single steps go astray, only many of them add up.",
    )


def generator_weights(exam: Examination) -> np.ndarray:
    """Return how much of the generator's update comes from each fake: -n dL_G/d(output on it), 1 if all had as much."""
    loss: Any = exam.patient.game.loss_function
    like = exam.point[1]
    real, fake = (array(x, like) for x in (exam.scores.real, exam.scores.fake))
    slope = gradient(lambda f: loss.generator(stop(real), f), fake)
    return -to_numpy(slope).astype(np.float64) * len(fake)


def _weights(report: Report, theme: str) -> Any:
    from tussle.plots.doctor import weight_histogram

    if not _affordable(report, ("scores",)):
        return None
    drawn = weight_histogram(generator_weights(report.exam), title="generator's weights", theme=theme)
    words = "How much each fake counts in the generator's update. Weights far below 1: the loss has gone flat there."
    return html_report.Picture(drawn, words)


def _measured(report: Report, name: str) -> Any:
    """Return the ends of a spectrum: those that a check has found, or new ones where there is time."""
    from tussle.doctor import spectra

    found = report.exam.once("told spectra", dict).get(name)
    if found is not None or not _affordable(report, (), PRODUCTS * report.exam.step_seconds):
        return found
    return spectra.field_ends(report.exam) if name == "field" else spectra.map_ends(report.exam)


def _field(report: Report, theme: str) -> Any:
    from tussle import plots

    ends = _measured(report, "field")
    if ends is None:
        return None
    spectrum = Spectrum(np.asarray(ends.values), "flow", ends.uncertainty("real")[0])
    drawn = plots.flow_spectrum(spectrum, title="spectrum of the field", theme=theme)
    words = (
        "Leading eigenvalues of the field's Jacobian. Right of the line: the flow runs away; far up and down: it turns."
    )
    return html_report.Picture(drawn, words)


def _update(report: Report, theme: str) -> Any:
    from tussle import plots

    ends = _measured(report, "update")
    if ends is None:
        return None
    spectrum = Spectrum(np.asarray(ends.update), "map", ends.uncertainty("real")[0])
    drawn = plots.map_spectrum(spectrum, title="spectrum of the update", theme=theme)
    words = (
        "Leading eigenvalues of the step that is really taken, the optimizer's state included. Outside the unit circle "
        "a small deviation grows with every step."
    )
    return html_report.Picture(drawn, words)


def _angle(report: Report, theme: str) -> Any:
    from tussle.jacobian import path_angle
    from tussle.plots.doctor import angle_curve

    exam, patient = report.exam, report.patient
    end = _ahead(report)
    if end is None or not _affordable(report, (), (ANGLES + 2) * exam.step_seconds):
        return None
    batch = exam.batch(0, min(max(patient.batch, 128), 256))
    shares, cosines = path_angle(patient.field, patient.start, end, count=ANGLES, batch=batch)
    words = (
        "Angle between the field and the way from here to where training leads. A drop through 0 at 1: that end "
        "attracts. A bump with values near 0: the field turns around it."
    )
    return html_report.Picture(angle_curve(shares, cosines, title="path angle", theme=theme), words)


def _ahead(report: Report) -> Point | None:
    """Return where training leads: the end of the untreated twin, or of a short continuation."""
    exam = report.exam
    twins = [one.twins[0] for one in report.trials if one.status == TRIED and one.twins]
    if twins:
        return twins[0].ended
    if not _affordable(report, (), 2 * (AHEAD + LOOKS) * exam.step_seconds):
        return None
    return continued(exam, report.patient, AHEAD, 0).ended


def _cures(report: Report, theme: str) -> Any:
    from tussle.plots.doctor import Course, cure_curves

    tried = [one for one in report.trials if one.status == TRIED][:CURES]
    if not tried:
        return None
    courses = [
        Course(
            one.prescription.name, one.curves[0].steps, [c.distances for c in one.curves],
            [c.distances for c in one.twins], one.better,
        )
        for one in tried
    ]  # fmt: skip
    drawn = cure_curves(courses, floor=tried[0].floor, theme=theme)
    words = (
        "Each cure beside its untreated twin, from the same state and on the same batches; lower is better. Thin lines "
        "are single seeds, thick ones their mean. 'Better' means: by more than the uncertainty."
    )
    return html_report.Picture(drawn, words)
