"""Trials: each prescription tried on copies, beside an untreated twin that starts from the same state.

Both go on for as many steps on the same batches (real samples and latents of a step depend on the seed and the step
alone), for two or more seeds. Now and then the generator is measured by what does not know the loss (`outcomes.py`).
What counts is the mean of the last half of the curve; the gain is the untreated twin's distance less the treated
one's, averaged over the seeds. Its uncertainty is two standard errors: from how the gain differs between seeds (at
least the median over all prescriptions that were tried, since two seeds alone say little), from how it comes and goes
within that half (two that turn in different phase are not yet better or worse), and from the noise floor.
"""

import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from tussle.analysis import plain
from tussle.doctor.examination import Examination
from tussle.doctor.outcomes import Outcome, Yardstick, late, looks, yardstick
from tussle.doctor.patient import Patient
from tussle.doctor.prescriptions import Prescription
from tussle.game import Point, placed
from tussle.records import record, static
from tussle.rules import Averaging

SEEDS = {"quick": 2, "standard": 2, "deep": 4}
STEPS = {"quick": 300, "standard": 1200, "deep": 5000}  # of a continuation, at most
LEAST = 24  # steps of a continuation below which nothing can be told
LOOKS = 12  # times that a continuation is measured, the start not counted
TIMED = 5  # steps that are timed before
SHARE = 0.8  # of the budget that is left
BURST = 1e4  # times the distance at the start (1 at least): from there a run counts as diverged
FIRST = 50_000  # number of the first batch, far from those of the checks
TRIED, SKIPPED, FAILED = "tried", "skipped", "failed"
MEASURE = "energy distance of samples to real data, in units of the real data's mean distance"


class Curve(NamedTuple):
    """What happened along one continuation.

    Attributes:
        steps: at which it was measured.
        outcomes: what was measured there.
        ended: the last finite point.
        finite: whether all steps could be taken.
        seconds: that the steps took.
    """

    steps: tuple[int, ...]
    outcomes: tuple[Outcome, ...]
    ended: Point
    finite: bool
    seconds: float

    @property
    def distances(self) -> list[float]:
        """The distances along the way; infinite from where numbers were no longer finite."""
        return [one.distance for one in self.outcomes]

    @property
    def result(self) -> float:
        """The mean distance over the last half; infinite if it diverged."""
        return late(self.distances) if self.finite else math.inf


@record
class Trial:
    """What happened when a prescription was tried.

    Attributes:
        prescription: what was tried.
        status: `tried`, `skipped` or `failed`.
        why: the reason of the latter two; else what happened, in one sentence.
        before: the distance at the start.
        treated: the distance with the change, the mean of the last half over all seeds.
        untreated: the same of the twin.
        gain: the untreated distance less the treated one.
        uncertainty: two standard errors of the gain.
        floor: the distance that equal laws have, by noise alone.
        curves: of the treated continuations.
        twins: of the untreated ones.
        seconds: that it took.
        rank: 1 for the best.
    """

    prescription: Prescription = static()
    status: str = static()
    why: str = static(default="")
    before: float = static(default=math.nan)
    treated: float = static(default=math.nan)
    untreated: float = static(default=math.nan)
    gain: float = static(default=math.nan)
    uncertainty: float = static(default=math.nan)
    floor: float = static(default=math.nan)
    curves: tuple[Curve, ...] = static(default=())
    twins: tuple[Curve, ...] = static(default=())
    seconds: float = static(default=0.0)
    rank: int = static(default=0)

    @property
    def better(self) -> bool:
        """Whether the gain exceeds its uncertainty."""
        return self.status == TRIED and self.gain > self.uncertainty

    @property
    def outcome(self) -> dict[str, float]:
        """The distances before, with the change and without."""
        return {"before": self.before, "treated": self.treated, "untreated": self.untreated}

    def to_json(self) -> dict[str, Any]:
        """Return the trial as JSON knows it."""
        names = ("status", "why", "gain", "uncertainty", "floor", "rank", "better")
        found: dict[str, Any] = {**self.prescription.to_json(), **{name: getattr(self, name) for name in names}}
        found |= {"measure": MEASURE, "outcome": self.outcome, "seconds": round(self.seconds, 3)}
        if self.status == TRIED:
            found["curves"] = {"treated": list(map(_told, self.curves)), "untreated": list(map(_told, self.twins))}
        return plain(found)


def _told(curve: Curve) -> dict[str, Any]:
    columns = {name: [getattr(one, name) for one in curve.outcomes] for name in Outcome._fields}
    return {"steps": list(curve.steps), "finite": curve.finite, **columns}


# The trials --------------------------------------------------------------------------------------------------------


def try_all(exam: Examination, prescriptions: Sequence[Prescription]) -> tuple[Trial, ...]:
    """Try prescriptions in their order, as far as the budget goes.

    Args:
        exam: the examination, whose remaining budget is used.
        prescriptions: the most promising first.

    Returns:
        one trial each, the best first; those that were skipped, with the reason, last. Finished ones are also kept
        under `exam.once("trials", list)`, where a diagnosis that is interrupted finds them.
    """
    done: list[Trial] = exam.once("trials", list)
    if not prescriptions:
        return ()
    until = exam.spent + SHARE * max(exam.left, 0.0)
    seeds = SEEDS[exam.depth]
    try:
        stick = yardstick(exam)
        steps, count = _affordable(exam, stick, prescriptions, until)
    except (RuntimeError, ValueError, ArithmeticError) as trouble:
        return tuple(Trial(one, FAILED, _said(trouble)) for one in prescriptions)
    if count == 0:
        why = f"{LEAST} steps of {seeds} pairs do not fit into the {max(exam.left, 0):.2g} s that are left"
        return tuple(Trial(one, SKIPPED, why) for one in prescriptions)
    before = stick.measure(exam.patient, sampled(exam.patient, exam.point, exam.patient.state)).distance
    twins = tuple(continued(exam, exam.patient, steps, seed) for seed in range(seeds))
    exam.once("untreated", lambda: twins)
    for k, one in enumerate(prescriptions):
        if k >= count or (done and exam.spent > until):
            done.append(Trial(one, SKIPPED, f"the budget of {exam.budget:g} s did not reach it"))
        else:
            done.append(_tried(exam, one, twins, steps, before))
        done[:] = judged(done, stick.floor)
    return tuple(done)


def _affordable(
    exam: Examination, stick: Yardstick, prescriptions: Sequence[Prescription], until: float
) -> tuple[int, int]:
    """Return how many steps a continuation may have, and how many prescriptions are tried."""
    began = time.perf_counter()
    stick.measure(exam.patient, exam.point)
    looking = (LOOKS + 1) * (time.perf_counter() - began)
    each = _step_seconds(exam)
    seeds, left = SEEDS[exam.depth], until - exam.spent
    loads = np.cumsum([1.0, *(one.cost for one in prescriptions)])  # the twin first
    for count in range(len(prescriptions), 0, -1):
        steps = int((left / seeds - (count + 1) * looking) / (loads[count] * each))
        if steps >= LEAST * (1 if count <= 3 else 2):  # fewer trials that can tell something go before many that cannot
            return min(steps, STEPS[exam.depth]), count
    return 0, 0


def _step_seconds(exam: Examination) -> float:
    """Return the seconds of a step, its batch included."""
    patient = exam.patient
    batches = patient.game.sampler(patient.batch).streams(patient.method.rule.readings)
    began = time.perf_counter()
    for step in range(TIMED):
        patient.method.step(patient.start, patient.state, placed(batches(exam.seed, FIRST + step), patient.start[0]))
    return max((time.perf_counter() - began) / TIMED, 1e-6)


def _tried(exam: Examination, one: Prescription, twins: tuple[Curve, ...], steps: int, before: float) -> Trial:
    began = time.perf_counter()
    try:
        treated = one.apply(exam.patient)
        curves = tuple(continued(exam, treated, steps, seed) for seed in range(len(twins)))
    except (RuntimeError, ValueError, TypeError, ArithmeticError) as trouble:
        return Trial(one, FAILED, _said(trouble), seconds=time.perf_counter() - began)
    seconds = time.perf_counter() - began
    return Trial(one, TRIED, "", before, curves=curves, twins=twins, seconds=seconds)


def _said(trouble: BaseException) -> str:
    return f"it failed: {' '.join(str(trouble).split())[:200]}"


def continued(exam: Examination, patient: Patient, steps: int, seed: int) -> Curve:
    """Return what happens when a patient goes on from where it stands.

    Args:
        exam: the examination.
        patient: the patient, treated or not.
        steps: how many.
        seed: which batches.
    """
    stick, map = yardstick(exam), patient.method
    batches = patient.game.sampler(patient.batch).streams(map.rule.readings)
    point, state = tuple(x.detach() for x in patient.start), patient.state
    marks = sorted({round(steps * k / LOOKS) for k in range(LOOKS + 1)})
    found, taken, finite = [], 0.0, True
    for step in range(steps + 1):
        if step in marks:
            last = step == steps
            found.append(stick.measure(patient, sampled(patient, point, state), number=seed, probe=last or step == 0))
            if not found[-1].distance <= BURST * max(found[0].distance, 1.0):
                finite = False
                break
        if step == steps:
            break
        began = time.perf_counter()
        drawn = placed(batches(exam.seed + 101 * (seed + 1), FIRST + step), point[0])
        after, later, _ = map.step(point, state, drawn)
        taken += time.perf_counter() - began
        if not all(bool(torch.isfinite(x).all()) for x in after):
            finite = False
            break
        point, state = tuple(x.detach() for x in after), later
    found += [Outcome(math.inf, math.nan, 1.0)] * (len(marks) - len(found))
    return Curve(tuple(marks), tuple(found), point, finite, taken)


def sampled(patient: Patient, point: Point, state: Any) -> Point:
    """Return the point that is sampled from: the average where the rule keeps one."""
    rule = patient.method.rule
    return tuple(rule.average(state)) if isinstance(rule, Averaging) else point


# Judgement ---------------------------------------------------------------------------------------------------------


def judged(trials: Sequence[Trial], floor: float) -> list[Trial]:
    """Return the trials with gains, uncertainties and ranks, the best first."""
    tried = [one for one in trials if one.status == TRIED]
    gains = [np.array([_gain(t, u) for t, u in zip(one.curves, one.twins, strict=True)]) for one in tried]
    finite = [g for g in gains if np.isfinite(g).all() and len(g) > 1]
    pooled = float(np.sqrt(np.median([g.var(ddof=1) for g in finite]))) if finite else 0.0
    made = [_judged(one, g, pooled, floor) for one, g in zip(tried, gains, strict=True)]
    made.sort(key=lambda one: -one.gain)
    ranked = [Trial(**{**vars(one), "rank": k + 1}) for k, one in enumerate(made)]
    return [*ranked, *(one for one in trials if one.status != TRIED)]


def _gain(treated: Curve, untreated: Curve) -> float:
    """Return how much nearer the treated one is; a divergence of both is no gain of either."""
    if not (treated.finite or untreated.finite):
        return 0.0
    if not treated.finite:
        return -math.inf
    if untreated.finite:
        return untreated.result - treated.result
    # the twin diverged: what counts is whether the treated one came nearer than the start
    return max(treated.distances[0] - treated.result, 0.0)


def _course(one: Trial) -> np.ndarray:
    """Return the gain at each look of the last half, averaged over the seeds."""
    last = looks(one.curves[0].distances)
    pairs = zip(one.curves, one.twins, strict=True)
    with np.errstate(invalid="ignore"):
        return np.mean([np.subtract(u.distances[-last:], t.distances[-last:]) for t, u in pairs], axis=0)


def _judged(one: Trial, gains: np.ndarray, pooled: float, floor: float) -> Trial:
    gain = float(gains.mean())
    spread = max(pooled, float(gains.std(ddof=1)) if np.isfinite(gains).all() and len(gains) > 1 else 0.0)
    course = _course(one)
    within = float(course.std(ddof=1)) if len(course) > 1 and np.isfinite(course).all() else 0.0
    error = math.sqrt(spread**2 / len(gains) + within**2 / len(course) + 2 * floor**2 / (len(course) * len(gains)))
    treated, untreated = (float(np.mean([c.result for c in cs])) for cs in (one.curves, one.twins))
    why = f"the distance went from {one.before:.3g} to {treated:.3g} with it and to {untreated:.3g} without"
    if not all(c.finite for c in one.curves):
        why = "it diverged: numbers were no longer finite"
    elif not all(c.finite for c in one.twins):
        why = f"the untreated twin diverged; with it the distance went from {one.before:.3g} to {treated:.3g}"
    return Trial(
        **{**vars(one), "why": why, "gain": gain, "uncertainty": 2 * error, "treated": treated, "untreated": untreated,
           "floor": floor}
    )  # fmt: skip
