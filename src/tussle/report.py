"""Reports: one self-contained HTML page with words, tables and pictures; nothing is fetched when it is opened."""

import base64
import html
import io
from typing import Any, NamedTuple

STYLE = """
:root { color-scheme: %(scheme)s; }
body { margin: 0; background: %(paper)s; color: %(ink)s; font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; margin: 3rem 0 .5rem; border-top: 1px solid %(line)s; padding-top: 1.5rem; }
p { max-width: 46rem; } .lead { font-size: 1.1rem; color: %(quiet)s; }
table { border-collapse: collapse; width: 100%%; font-variant-numeric: tabular-nums; font-size: .92rem; }
.scroll { overflow-x: auto; } pre { overflow-x: auto; font-size: .85rem; }
th, td { text-align: left; padding: .45rem .8rem .45rem 0; border-bottom: 1px solid %(line)s; vertical-align: top; }
th { color: %(quiet)s; font-weight: 600; white-space: nowrap; }
figure { margin: 0; min-width: 0; } figure img { width: 100%%; height: auto; display: block; border-radius: 6px; }
figcaption { font-size: .9rem; color: %(quiet)s; margin: .35rem 0 0; }
.row { display: grid; gap: 1.5rem; margin: 1.25rem 0; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); }
.pairs { grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); }
.wide { margin: 1.25rem 0; max-width: 46rem; }
.good { color: %(good)s; font-weight: 600; } .bad { color: %(bad)s; font-weight: 600; }
.open { color: %(open)s; font-weight: 600; }
footer { margin-top: 3rem; color: %(quiet)s; font-size: .85rem; }
"""
COLORS = {
    "light": {
        "scheme": "light", "paper": "#ffffff", "ink": "#1b1f24", "quiet": "#59636e", "line": "#d8dee4",
        "good": "#005a9c", "bad": "#a63d00", "open": "#6b5200",
    },
    "dark": {
        "scheme": "dark", "paper": "#15181c", "ink": "#e6e9ed", "quiet": "#9aa4af", "line": "#333a42",
        "good": "#6cb8f2", "bad": "#f4a06b", "open": "#e0c25c",
    },
}  # fmt: skip
MOODS = {
    "converges": "good", "converged": "good", "diverges": "bad", "escaped": "bad", "nonfinite": "bad",
    "false_equilibrium": "bad", "marginal": "open", "undefined": "open", "limit_cycle": "open", "plateau": "open",
    "running": "open",
}  # fmt: skip


class Picture(NamedTuple):
    """A figure with its caption; the caption also stands for it where it cannot be seen."""

    figure: Any
    caption: str


def mood(word: str) -> str:
    """Return a verdict or an ending as colored HTML."""
    return f'<span class="{MOODS.get(word, "open")}">{html.escape(word)}</span>'


def paragraph(text: str, lead: bool = False) -> str:
    """Return a paragraph of plain text."""
    return f'<p class="lead">{html.escape(text)}</p>' if lead else f"<p>{html.escape(text)}</p>"


def heading(text: str) -> str:
    """Return a section's heading."""
    return f"<h2>{html.escape(text)}</h2>"


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a table; cells are HTML already (use `html.escape` for plain text)."""
    head = "".join(f"<th>{html.escape(h)}</th>" for h in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def pictures(*shown: Picture) -> str:
    """Return pictures side by side, three or two in a row; one alone is set wide."""
    figures = "".join(_figure(p) for p in shown)
    kind = {1: "wide", 3: "row"}.get(len(shown), "row pairs")
    return f'<div class="{kind}">{figures}</div>'


def _figure(picture: Picture) -> str:
    buffer = io.BytesIO()
    picture.figure.savefig(buffer, format="png", dpi=130, facecolor=picture.figure.get_facecolor())
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    words = html.escape(picture.caption)
    return f'<figure><img alt="{words}" src="data:image/png;base64,{data}"><figcaption>{words}</figcaption></figure>'


def page(title: str, lead: str, parts: list[str], footer: str, theme: str = "light") -> str:
    """Return the whole page.

    Args:
        title: plain text.
        lead: plain text below it.
        parts: HTML of the sections.
        footer: plain text.
        theme: `light` or `dark`.
    """
    style = STYLE % COLORS[theme]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{style}</style></head><body><main>"
        f"<h1>{html.escape(title)}</h1>{paragraph(lead, lead=True)}{''.join(parts)}"
        f"<footer>{html.escape(footer)}</footer></main></body></html>\n"
    )
