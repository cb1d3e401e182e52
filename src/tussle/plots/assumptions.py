"""The ledger of the six assumptions: which hold, and how large the gap is where one does not."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tussle.assumptions.rows import AssumptionLedger, Row
from tussle.plots.style import SMALL, Theme, category, dress, figure, font, text_color, theme_of

WHAT = (
    "both laws have densities, each where the other has",
    "the best critic's output tells the ratio p/q",
    "the critic's class holds the best critic",
    "some generator of the class makes the data",
    "the generator descends the Jensen–Shannon divergence",
    "sample means stand for expectations",
)
SYMBOLS = {"held": "o", "relaxed": "^", "unknown": "s"}
LOWEST, HIGHEST = 1e-6, 1e1  # of the axis of gaps; smaller ones stand at its left end
ZERO = 1e-7  # where a gap of 0 is drawn
EDGE = 3e-8


def assumption_figure(ledger: AssumptionLedger, *, title: str = "", theme: str | Theme = "light") -> Figure:
    """Draw a ledger: six rows with status, gap and error, the gaps on one logarithmic axis, each in its own unit.

    Args:
        ledger: from `tussle.assumptions.ledger`.
        title: of the picture; by default the model and its loss.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if `ledger` is none.
    """
    if not isinstance(ledger, AssumptionLedger):
        message = f"`ledger` is {type(ledger).__name__}; it must be an AssumptionLedger; make one by ledger(...)."
        raise ValueError(message)
    look = theme_of(theme)
    page = figure(look, 9.6, 4.3)
    grid = page.add_gridspec(1, 3, width_ratios=(3.5, 3.6, 1.9), wspace=0.02)
    names, gaps, values = (page.add_subplot(grid[0, k]) for k in range(3))
    for ax in (names, gaps, values):
        dress(ax, look)
        ax.set_ylim(6.55, 0.45)
        ax.set_yticks([])
    for ax in (names, values):
        ax.set_axis_off()
        ax.set_xlim(0, 1)
    _axis(gaps, look)
    for row in ledger.rows:
        _named(names, row, look)
        _gap(gaps, row, look)
        values.text(0.0, row.number, _value(row), va="center", **font(look.ink))
    page.suptitle(title or f"The six assumptions behind {ledger.loss} on {ledger.model}", x=0.012, ha="left",
                  **font(look.ink, 11))  # fmt: skip
    return page


def _color(row: Row, theme: Theme) -> str:
    return {"held": category(theme, 0), "relaxed": category(theme, 1), "unknown": theme.soft}[row.status]


def _named(ax: Axes, row: Row, theme: Theme) -> None:
    """Write what is assumed, what it means, and whether it holds."""
    ax.text(0.0, row.number - 0.14, f"{row.number}  {row.name}", va="center", **font(theme.ink))
    ax.text(0.05, row.number + 0.22, WHAT[row.number - 1], va="center", **font(theme.soft, SMALL - 0.5))
    color = _color(row, theme)
    ax.text(0.93, row.number - 0.14, row.status, va="center", ha="right", fontweight="bold",
            **font(text_color(theme, color)))  # fmt: skip
    ax.plot([0.97], [row.number - 0.14], SYMBOLS[row.status], color=color, markersize=6.5, gid="status")


def _axis(ax: Axes, theme: Theme) -> None:
    ax.set_xscale("log")
    ax.set_xlim(EDGE, HIGHEST)
    ticks = [10.0**k for k in range(-6, 2)]
    ax.set_xticks([ZERO, *ticks[::2], HIGHEST])
    ax.set_xticklabels(["0", *(f"$10^{{{k}}}$" for k in range(-6, 2, 2)), "10"])
    ax.minorticks_off()
    ax.set_xlabel("gap: what is lost, in the row's unit", **font(theme.ink))
    for k in range(1, 6):
        ax.axhline(k + 0.5, color=theme.faint, linewidth=0.6, zorder=0)
    ax.axvline(LOWEST / 2.5, color=theme.faint, linewidth=0.8, linestyle=(0, (3, 3)), zorder=0)


def _gap(ax: Axes, row: Row, theme: Theme) -> None:
    """Draw a gap with its error; a gap of 0 at the left, an unknown one as words."""
    color = _color(row, theme)
    if row.gap is None or row.error is None:
        ax.text(0.5, row.number, "not measured", transform=ax.get_yaxis_transform(), ha="center", va="center",
                **font(theme.soft, SMALL))  # fmt: skip
        return
    held = row.status == "held"
    at = ZERO if row.gap < LOWEST else min(row.gap, HIGHEST / 1.2)
    if not held:
        ax.plot([ZERO, at], [row.number] * 2, color=color, linewidth=2.2, alpha=0.35, solid_capstyle="butt", zorder=2)
    if not held or row.error >= LOWEST:
        low, high = max(row.gap - row.error, ZERO), min(row.gap + row.error, HIGHEST)
        ax.plot([low, high], [row.number] * 2, color=color, linewidth=2.2, zorder=3, gid="error")
    look: dict[str, Any] = {"markeredgecolor": theme.panel, "mew": 0.9, "zorder": 4, "gid": "gap"}
    ax.plot([ZERO if held else at], [row.number], SYMBOLS[row.status], color=color, markersize=9, **look)


def _value(row: Row) -> str:
    if row.gap is None or row.error is None:
        return "–"
    if row.unit == "share":
        return f"{row.gap:.1%}"
    if row.gap < LOWEST and row.status == "held":
        return f"0 {row.unit}" + (f" (± {row.error:.0e})" if row.error > 0 else "")
    loose = row.error > 1e-3 * row.gap
    return f"{row.gap:.2g} ± {row.error:.1g} {row.unit}" if loose else f"{row.gap:.4g} {row.unit}"
