"""The results page of a laboratory: the conclusion first, then the table, the pictures and how they came about."""

import html
import importlib
import json
from typing import Any

from tussle import report

EXTRAS = {"mixture": ("tussle.plots.mixture", "mixture_spectra")}  # pictures of one laboratory alone


def results_page(found: Any, theme: str) -> str:
    """Return the page, self-contained.

    Args:
        found: a `Laboratory`.
        theme: `light` or `dark`.
    """
    from tussle import __version__

    parts = [
        report.paragraph(f"Size of this run: {found.size}."),
        report.heading("What was found"), report.table(list(found.columns), _rows(found.rows)),
        report.heading("What the paper says"), report.paragraph(found.published),
        *_pictures(found, theme), *_tables(found.details.get("tables", ())),
        report.heading("How the numbers came about"),
        *(report.paragraph(note) for note in found.notes),
        report.heading("What it cost"), report.table(["what", "value"], _pairs(found.cost)),
        report.heading("Settings"), _settings(found),
    ]  # fmt: skip
    footer = f"tussle {__version__}, laboratory {found.name}, size {found.size}."
    return report.page(found.title, found.sentence, parts, footer, theme)


def _rows(rows: Any) -> list[list[str]]:
    from tussle.cli.laboratory import cell

    return [[html.escape(cell(value)) for value in row] for row in rows]


def _pairs(values: dict[str, Any]) -> list[list[str]]:
    return _rows([(name.replace("_", " "), value) for name, value in values.items()])


def _tables(tables: Any) -> list[str]:
    parts = []
    for one in tables:
        parts += [report.heading(one["title"]), report.table(one["columns"], _rows(one["rows"]))]
    return parts


def _pictures(found: Any, theme: str) -> list[str]:
    from tussle.plots.laboratories import laboratory_panel

    shown = [report.Picture(laboratory_panel(panel, theme=theme), panel.caption) for panel in found.panels]
    if found.name in EXTRAS:
        module, name = EXTRAS[found.name]
        draw = getattr(importlib.import_module(module), name)
        shown.append(report.Picture(draw(found.to_json(), theme=theme), "The spectra along training."))
    return [report.heading("Pictures"), report.pictures(*shown)] if shown else []


def _settings(found: Any) -> str:
    from tussle.training.laboratories import plain

    return f"<pre>{html.escape(json.dumps(plain(found.settings), indent=1, ensure_ascii=False))}</pre>"
