"""Diagnosis: every check in its turn, and a report whose findings are sorted by importance."""

import time
from collections.abc import Sequence
from typing import Any

from tussle import checks
from tussle.doctor.examination import DEPTHS, Cannot, Examination, OutOfTime
from tussle.doctor.findings import Checked, Evidence, Finding, unknown
from tussle.doctor.intake import left_alone
from tussle.doctor.patient import Patient, changes, snapshot
from tussle.doctor.registry import CHECKS, Check
from tussle.doctor.reports import Report


def diagnose(
    gan: Patient,
    *,
    budget: float = 60.0,
    depth: str = "standard",
    seed: int = 0,
    names: Sequence[str] | None = None,
    cures: bool = True,
    progress: Any = None,
) -> Report:
    """Diagnose a GAN: measure, explain, and try the cures before they are recommended.

    Nothing of the user's modules is changed: parameters, gradients, buffers, training modes and the process's random
    numbers are compared before and after.

    Args:
        gan: the patient, from `adopt`.
        budget: seconds; checks that do not fit any more are `unknown`.
        depth: quick, standard or deep: how many samples and eigenvalues are looked at.
        seed: of everything that is drawn.
        names: of the checks to run; all by default.
        cures: whether cures are tried.
        progress: `progress(what, share)`, called as it goes on.

    Returns:
        the report.

    Raises:
        ValueError: if an argument is out of its range.
        RuntimeError: if the user's modules were changed, which would be a mistake of the library.
    """
    checks.positive("budget", budget)
    checks.choice("depth", depth, DEPTHS)
    if not isinstance(gan, Patient):
        message = f"`gan` is a {type(gan).__name__}; it must be what tussle.adopt returns; adopt your modules first."
        raise ValueError(message)
    for name in names or ():
        checks.choice("names", name, [check.name for check in CHECKS])
    chosen = [check for check in CHECKS if names is None or check.name in names]
    before = snapshot(gan.modules)
    exam = Examination(gan, depth, budget, seed)
    done: list[Checked] = []
    interrupted = False
    tell = progress or (lambda what, share: None)
    try:
        with left_alone():
            for k, check in enumerate(chosen):
                tell(check.name, k / (len(chosen) + 1))
                done.append(run_check(check, exam))
            tell("trying cures", len(chosen) / (len(chosen) + 1))
            tried = _cures(exam, done) if cures else ()
    except KeyboardInterrupt:
        interrupted, tried = True, tuple(exam.once("trials", list))
        rest = chosen[len(done) :]
        done += [unknown(check.name, "the diagnosis was interrupted before it") for check in rest]
    different = changes(before, snapshot(gan.modules))
    if different:
        message = f"the diagnosis changed {', '.join(different[:5])} of the user's own; please report this"
        raise RuntimeError(message)
    return Report(gan, exam, tuple(done), tuple(tried), interrupted)


def run_check(check: Check, exam: Examination) -> Checked:
    """Run one check; one that cannot run is `unknown`, with the reason."""
    began = time.perf_counter()
    try:
        if exam.left <= 0:
            message = f"the budget of {exam.budget:g} s was spent before it"
            raise OutOfTime(message)
        seen = check.look(exam)
    except (Cannot, OutOfTime) as reason:
        seen = unknown(check.name, str(reason))
    except Exception as trouble:  # a user's module may raise anything; the other checks go on
        seen = unknown(check.name, f"it failed: {' '.join(str(trouble).split())[:300]}")
    return Checked(seen.name, seen.status, seen.evidence, seen.finding, seen.why, time.perf_counter() - began)


def _cures(exam: Examination, done: list[Checked]) -> Sequence[Any]:
    from tussle.doctor.prescriptions import prescriptions
    from tussle.doctor.trials import try_all

    ill = [one.finding for one in done if one.finding is not None and one.finding.severity != "note"]
    return try_all(exam, prescriptions(exam, ill)) if ill else ()


__all__ = ["Evidence", "Finding", "diagnose", "run_check"]
