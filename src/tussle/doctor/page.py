"""The page of a report: one self-contained HTML file that a stranger understands, and the same as JSON."""

import html
import json
from pathlib import Path
from typing import Any

from tussle import checks
from tussle import report as pieces
from tussle.doctor.findings import RAN
from tussle.doctor.reports import Report
from tussle.doctor.shown import shown
from tussle.doctor.trials import TRIED
from tussle.training.checkpoints import written

MOODS = {"healthy": "good", "ill": "bad", "at risk": "open", "unknown": "open"}
SEVERE = {"illness": "bad", "warning": "open", "note": "good"}
MEANING = {
    "illness": "training will not go on well like this",
    "warning": "may do harm",
    "note": "worth knowing",
}


def write_page(report: Report, out: str | Path, theme: str = "light") -> Path:
    """Write a report as index.html and report.json into a folder.

    Both are made whole before the first is written, and each is moved to its place once it is on the disk.

    Args:
        report: the report.
        out: the folder; it is made if need be.
        theme: light or dark.

    Returns:
        the page's path.

    Raises:
        ValueError: if the theme is unknown, or the folder cannot be made.
        OSError: if the disk is full; nothing half-written is left.
    """
    checks.choice("theme", theme, pieces.COLORS)
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        message = f"`out` is {folder}, which cannot be made a folder ({wrong.strerror}); give another place."
        raise ValueError(message) from wrong
    page = page_of(report, theme).encode("utf-8")
    document = json.dumps(report.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    written(folder / "report.json", document.encode("utf-8"))
    return written(folder / "index.html", page)


def page_of(report: Report, theme: str = "light") -> str:
    """Return the page as HTML."""
    parts = [_verdict(report), pieces.heading("Findings"), _findings(report)]
    parts += [pieces.heading("Cures that were tried"), *_cures(report)]
    for title, pictures in shown(report, theme):
        parts += [pieces.heading(title), pieces.pictures(*pictures)]
    parts += [*_gamma(report), pieces.heading("All checks"), _checks(report), *_assumed(report)]
    parts += [pieces.heading("What it took"), _cost(report)]
    lead = (
        "A diagnosis of a generative adversarial network: a generator makes samples, a discriminator tells them from "
        "real ones. What follows was measured on copies; the networks themselves were not changed."
    )
    return pieces.page(f"Diagnosis of {report.patient.name}", lead, parts, _footer(report), theme)


def _colored(word: str, mood: str) -> str:
    return f'<span class="{mood}">{html.escape(word)}</span>'


def _verdict(report: Report) -> str:
    words = html.escape(report.sentence)
    sign = ""
    if report.interrupted:
        sign = f"<p>{_colored('Interrupted', 'bad')}: this report is partial; it says what was measured until then.</p>"
    return f"<p>Verdict: {_colored(report.verdict, MOODS[report.verdict])}.</p><p>{words}</p>{sign}"


def _findings(report: Report) -> str:
    rows = []
    for one in report.findings:
        numbers = "<br>".join(html.escape(_number(e)) for e in one.evidence)
        name = f"<b>{html.escape(one.name.replace('_', ' '))}</b><br>{_colored(one.severity, SEVERE[one.severity])}"
        name += f"<br>{one.confidence:.0%} sure"
        told = html.escape(one.words)
        advice = html.escape(one.advice)
        rows.append([name, told, numbers, advice, html.escape(one.source)])
    meaning = "; ".join(f"{name}: {words}" for name, words in MEANING.items())
    table = pieces.table(
        ["finding", "what was seen", "evidence", "what to change", "where the threshold is from"], rows
    )
    return table + pieces.paragraph(f"Severity: {meaning}.")


def _number(evidence: Any) -> str:
    error = f" ± {evidence.uncertainty:.2g}" if evidence.uncertainty else ""
    return f"{evidence.what}: {evidence.value:.4g}{error} (threshold {evidence.threshold:.4g})"


def _cures(report: Report) -> list[str]:
    if not report.trials:
        well = "nothing worse than a note was found" if report.verdict == "healthy" else "the trials were left out"
        return [pieces.paragraph(f"None: {well}.")]
    tried = [one for one in report.trials if one.status == TRIED]
    rows = [_trial(one) for one in report.trials]
    header = ["", "change", "against", "before", "with it", "without", "gain", "predicted by the local model"]
    words = (
        "Each change was made on a copy, which then went on training beside an untreated twin from the same state, on "
        "the same batches. The distance is the energy distance between generated and real samples in units of the real "
        "ones' mean distance: it knows nothing of the loss that was changed. "
    )
    if tried:
        words += (
            f"Noise alone makes {tried[0].floor:.2g}. Each went on for {tried[0].curves[0].steps[-1]} steps with "
            f"{len(tried[0].curves)} seeds; what counts is the mean of the last half. The uncertainty of a gain is two "
            "standard errors; better is what gains more than that."
        )
    best = next((one for one in tried if one.better), None)
    return [pieces.paragraph(words), pieces.table(header, rows), _advice(best)]


def _advice(best: Any) -> str:
    """Return what to do after the trials, as HTML."""
    if best is None:
        return pieces.paragraph(
            "No change was better than going on as before, within these steps and this uncertainty."
        )
    code = html.escape(f"report.apply({best.prescription.name!r})")
    return f"<p>To take the best one: <code>{code}</code> returns new modules and a method; yours stay as they are.</p>"


def _trial(one: Any) -> list[str]:
    plan = one.prescription
    against = html.escape(plan.finding.replace("_", " "))
    change = f"{html.escape(plan.change)}<br><small>{html.escape(plan.source)}</small>"
    predicted = html.escape(plan.predicted.words)
    if one.status != TRIED:
        return [f"{html.escape(one.status)}: {html.escape(one.why)}", change, against, "", "", "", "", predicted]
    mark = f"{one.rank}. " + (_colored("better", "good") if one.better else _colored("no better", "open"))
    numbers = (f"{x:.3g}" for x in (one.before, one.treated, one.untreated))
    return [mark, change, against, *numbers, f"{one.gain:+.2g} ± {one.uncertainty:.2g}", predicted]


def _gamma(report: Report) -> list[str]:
    """Return the gamma advisor's table, where it was asked."""
    found = report.gamma
    if not found:
        return []
    rows = []
    for one in found:
        cost = "-" if one.cost is None else f"{one.cost.time:.2f} x time, {one.cost.memory:.2f} x memory of a step"
        numbers = (f"{x:.3g}" for x in (one.now, one.needed, one.critical, one.limit, one.suggested, one.rule))
        rows.append([html.escape(one.penalty), *numbers, cost])
    header = ["penalty", "now", "needed", "critical", "overshoots", "suggested", "rule of thumb", "costs"]
    scale = pieces.paragraph(
        "Weights gamma of gamma/2 E|grad D|^2. At another resolution or batch take the suggestion with the pixels and "
        "against the batch (0.0002 pixels / batch of StyleGAN2-ADA); published weights go from 0.05 (R3GAN, CIFAR-10) "
        f"to 150 (R3GAN, FFHQ at 256 pixels), 20 in GAN_stability (its reg_param 10). {found[0].why[:1].upper()}"
        f"{found[0].why[1:]}."
    )
    return [pieces.heading("How much gradient penalty"), pieces.table(header, rows), scale]


def _checks(report: Report) -> str:
    rows = []
    for one in report.checks:
        state = "found" if one.finding is not None else "clear" if one.status == RAN else "unknown"
        mood = {"clear": "good", "unknown": "open"}.get(state, SEVERE[one.finding.severity] if one.finding else "open")
        rows.append([html.escape(one.name.replace("_", " ")), _colored(state, mood), html.escape(one.why)])
    return pieces.table(["check", "", "what was seen, or why it could not run"], rows)


def _assumed(report: Report) -> list[str]:
    if not report.patient.assumed:
        return []
    items = "".join(f"<li>{html.escape(one)}</li>" for one in report.patient.assumed)
    return [pieces.heading("What was assumed"), f"<ul>{items}</ul>"]


def _cost(report: Report) -> str:
    words = {
        "seconds": "in all", "checks": "checks", "trials": "trials of cures", "step": "one training step (to compare)",
        "products": "Jacobian products (a number, not seconds)",
    }  # fmt: skip
    rows = [[html.escape(words.get(name, name)), f"{value:.3g}"] for name, value in report.cost.items()]
    return pieces.table(["what", "seconds"], rows)


def _footer(report: Report) -> str:
    from tussle import __version__

    exam = report.exam
    return f"tussle {__version__}, depth {exam.depth}, budget {exam.budget:g} s, seed {exam.seed}."
