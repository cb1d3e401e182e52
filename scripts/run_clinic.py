"""Diagnose the clinic's patients, whose illness is known, and show how often the doctor names it.

The patients are those of `tests/doctor/clinic.py`. Printed, and with --out written as a page and as JSON, are the
confusion table (what was expected by the first two findings), the shares, and with --cures whether the recommended cure
leads nearer to the data than its untreated twin, on batches that did not choose it.
"""

import argparse
import importlib
import json
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "doctor"))

import numpy as np
import torch

from tussle.doctor.diagnose import diagnose
from tussle.doctor.examination import Examination
from tussle.doctor.intake import left_alone
from tussle.doctor.prescriptions import prescriptions
from tussle.doctor.trials import LOOKS, continued, try_all

clinic: Any = importlib.import_module("clinic")

LOOKED = 2  # findings that count
FRESH = (20, 21)  # continuations on batches that no trial has used
TRIED = 6  # prescriptions, the first ones
NOTE = "note"
FELT = 1e-4  # gain, in mean distances of the data, below which nothing happened


class Seen(NamedTuple):
    """What came of one patient.

    Attributes:
        name: of the case.
        expected: its finding.
        half: set or judged.
        findings: names and severities, the first one first.
        seconds: that the diagnosis took.
        unknown: names of the checks that could not run.
        cure: name of the recommended cure, or empty.
        gain: what it gained on fresh batches, mean over them; nan without one.
        sure: whether the trials found its gain beyond its uncertainty.
    """

    name: str
    expected: str
    half: str
    findings: tuple[tuple[str, str], ...]
    seconds: float
    unknown: tuple[str, ...]
    cure: str = ""
    gain: float = float("nan")
    sure: bool = False

    @property
    def first(self) -> list[str]:
        """The findings that count: names of the first two above a note; `healthy` alone where there are none."""
        names = [name for name, severity in self.findings if severity != NOTE]
        return names[:LOOKED] or ["healthy"]

    @property
    def right(self) -> bool:
        """Whether what is expected is among them."""
        return self.expected in self.first


def seen(name: str, case: Any, depth: str, budget: float, cures: float) -> Seen:
    """Diagnose one patient, and try cures for as many seconds where there are any."""
    began = time.perf_counter()
    patient = case.make()
    report = diagnose(patient, depth=depth, budget=budget, cures=False)
    made = Seen(
        name, case.expected, case.half, tuple((one.name, one.severity) for one in report.findings),
        time.perf_counter() - began, tuple(c.name for c in report.checks if c.status == "unknown"),
    )  # fmt: skip
    ill = [one for one in report.findings if one.severity != NOTE]
    if not cures or not ill:
        return made
    exam = Examination(patient, depth, cures)
    with left_alone():
        tried = [one for one in try_all(exam, prescriptions(exam, ill)[:TRIED]) if one.status == "tried"]
        if not tried:
            return made
        gain = fresh_gain(exam, tried[0])
    return made._replace(cure=tried[0].prescription.name, gain=gain, sure=tried[0].better)


def fresh_gain(exam: Examination, best: Any) -> float:
    """Return how much nearer to the data a cure leads than its twin, on batches that did not choose it."""
    steps = max(best.curves[0].steps[-1], LOOKS)
    treated, gains = best.prescription.apply(exam.patient), []
    for number in FRESH:
        with_it, without = (continued(exam, one, steps, number) for one in (treated, exam.patient))
        if not without.finite and with_it.finite:
            gains.append(max(with_it.distances[0] - with_it.result, 0.0))
        else:
            gains.append(without.result - with_it.result if with_it.finite else -np.inf)
    return float(np.mean(gains))


# The table ------------------------------------------------------------------------------------------------------------


def share(right: int, count: int) -> str:
    """Return a share in words."""
    return f"{right} of {count} ({right / count:.0%})" if count else "none"


def shares(rows: Iterable[Seen]) -> dict[str, str]:
    """Return the figures: expected findings, healthy ones left alone, cures that helped."""
    rows = list(rows)
    ill = [one for one in rows if one.expected != "healthy"]
    well = [one for one in rows if one.expected == "healthy"]
    told = {
        "expected finding among the first two": share(sum(one.right for one in ill), len(ill)),
        "expected finding first": share(sum(one.first[0] == one.expected for one in ill), len(ill)),
        "healthy, with no finding above a note": share(sum(one.right for one in well), len(well)),
    }
    tried = [one for one in ill if one.cure]
    if tried:
        helped = [one for one in tried if one.gain > 0]
        felt = [one for one in tried if one.gain > FELT]
        sure = [one for one in tried if one.sure]
        told |= {
            "best cure nearer than its twin on fresh batches, of the patients in whom one was tried":
                share(len(helped), len(tried)),
            "the same, of all ill patients": share(len(helped), len(ill)),
            f"the same by more than {FELT:g} of the data's mean distance, of those tried": share(len(felt), len(tried)),
            "recommended by the report (gain beyond its uncertainty), of those tried": share(len(sure), len(tried)),
            f"of those recommended, nearer by more than {FELT:g} on fresh batches":
                share(sum(one.gain > FELT for one in sure), len(sure)),
        }  # fmt: skip
    return told


def table(rows: Iterable[Seen]) -> str:
    """Return the confusion table as Markdown: a row for each expectation, with what was among the first two."""
    rows = list(rows)
    lines = ["| expected | patients | among the first two | others among the first two |", "|---|---|---|---|"]
    for expected in dict.fromkeys(one.expected for one in rows):
        own = [one for one in rows if one.expected == expected]
        others = Counter(name for one in own for name in one.first if name != expected)
        told = ", ".join(f"{name} {count}" for name, count in others.most_common())
        lines.append(f"| {expected} | {len(own)} | {sum(one.right for one in own)} | {told} |")
    return "\n".join(lines)


def patients(rows: Iterable[Seen]) -> str:
    """Return a line for each patient as Markdown."""
    lines = ["| patient | half | expected | first two | | cure | gain |", "|---|---|---|---|---|---|---|"]
    for one in rows:
        gain = "" if np.isnan(one.gain) else f"{one.gain:+.3g}"
        mark = "yes" if one.right else "**no**"
        told = ", ".join(one.first)
        lines.append(f"| {one.name} | {one.half} | {one.expected} | {told} | {mark} | {one.cure} | {gain} |")
    return "\n".join(lines)


def page(rows: list[Seen], depth: str, budget: float) -> str:
    """Return the page as Markdown."""
    parts = [f"# The clinic\n\nDepth {depth}, {budget:g} s for each patient."]
    for half in dict.fromkeys(one.half for one in rows):
        own = [one for one in rows if one.half == half]
        figures = "\n".join(f"- {what}: {value}" for what, value in shares(own).items())
        parts.append(f"## Half `{half}`\n\n{figures}\n\n{table(own)}\n\n{patients(own)}")
    return "\n\n".join(parts) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Run the clinic."""
    parser = argparse.ArgumentParser(description="Diagnose the clinic's patients and show the confusion table.")
    parser.add_argument("--half", choices=("set", "judged", "both"), default="both")
    parser.add_argument("--out", type=Path, help="folder for clinic.md and clinic.json")
    parser.add_argument("--cures", type=float, nargs="?", const=30.0, default=0.0, help="seconds of trials; 30 if none")
    parser.add_argument("--depth", choices=("quick", "standard", "deep"), default="quick")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for each patient")
    parser.add_argument("--names", nargs="*", help="of patients; all of the half by default")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows = []
    for name, case in clinic.PATIENTS.items():
        if (given.half != "both" and case.half != given.half) or (given.names and name not in given.names):
            continue
        one = seen(name, case, given.depth, given.budget, given.cures)
        rows.append(one)
        told = ", ".join(f"{finding} ({severity})" for finding, severity in one.findings)
        cure = f"  [{one.cure} {one.gain:+.3g}{' sure' * one.sure}]" if one.cure else ""
        unknown = f"  unknown: {', '.join(one.unknown)}" if one.unknown else ""
        mark = "ok  " if one.right else "MISS"
        print(f"{mark} {name} ({one.seconds:.1f} s): {told}{cure}{unknown}", flush=True)
    text = page(rows, given.depth, given.budget)
    print("\n" + text)
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "clinic.md").write_text(text, encoding="utf-8")
        (given.out / "clinic.json").write_text(json.dumps([one._asdict() for one in rows], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
