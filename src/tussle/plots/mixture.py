"""Spectra moving along training: simultaneous steps and consensus side by side, with the samples of each moment."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tussle.plots.labels import number
from tussle.plots.plane import half_plane
from tussle.plots.style import SMALL, Theme, category, dress, figure, font, halo, text_color, theme_of

MOST = 5  # columns
CELL = (2.15, 1.36)  # inches
ROWS = (
    ("simultaneous", "plain", "run by simultaneous steps\nfield v"),
    ("consensus", "plain", "run by consensus\nplain field v there"),
    ("consensus", "exact", "run by consensus\nits field w, exact"),
    ("consensus", "short", "run by consensus\nits field w, short form"),
)
RUNS = ("simultaneous", "consensus")


def mixture_spectra(
    found: Mapping[str, Any], *, published: bool = True, title: str = "", theme: str | Theme = "light"
) -> Figure:
    """Draw how the spectra of the mixture of Gaussians move along training.

    Rows are fields, columns moments; below stand generated samples over real ones. Where eigenvalues lie outside the
    frame, a corner says how many.

    Args:
        found: what `Laboratory.to_json()` gives, or its `details`.
        published: whether all frames are the published window; else each fits its own eigenvalues.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if there are no moments.
    """
    look, details = theme_of(theme), found.get("details", found)
    moments = {(m["run"], m["step"]): m for m in details.get("moments", ())}
    if not moments:
        message = (
            f"`found` has {sorted(found)} and no moments; it must be of the laboratory mixture; give its to_json()."
        )
        raise ValueError(message)
    steps = _few(sorted({step for _, step in moments}))
    page = figure(look, CELL[0] * len(steps) + 1.0, CELL[1] * len(ROWS) + 1.45 * len(RUNS) + 0.7)
    heights = [1.0] * len(ROWS) + [1.06] * len(RUNS)
    axes = page.subplots(len(heights), len(steps), squeeze=False, height_ratios=heights)
    for row, (run, form, name) in enumerate(ROWS):
        for column, step in enumerate(steps):
            m, ax = moments.get((run, step)), axes[row, column]
            if m is None:
                ax.set_axis_off()
                continue
            frame = _window(details) if published else _frame(m["spectra"][form])
            _spectrum(ax, m, form, frame, category(look, row), look)
            _words(ax, (row, column), name, f"step {step:,}" if row == 0 else "", look)
    _sampled(axes[len(ROWS) :], moments, steps, details.get("real", []), look)
    words = r"spectra: Re $\lambda$ across, Im $\lambda$ up, the stable half-plane shaded; samples: real ones gray"
    page.supxlabel(words, **font(look.soft, SMALL))
    if title:
        page.suptitle(title, **font(look.ink, 11.0))
    return page


def _few(steps: Sequence[int]) -> list[int]:
    """Return at most so many steps as there are columns, the first and the last among them."""
    rows = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), MOST)).round().astype(int))
    return [steps[k] for k in rows]


def _window(details: Mapping[str, Any]) -> tuple[complex, complex]:
    (left, right), (low, high) = details.get("window", ((-3.5, 0.75), (-1.2, 1.2)))
    return complex(left, low), complex(right, high)


def _frame(points: Any) -> tuple[complex, complex]:
    """Return a frame that shows all eigenvalues and the origin."""
    x, y = np.asarray(points, dtype=float).reshape(-1, 2).T
    left, right, high = min(x.min(initial=0), 0), max(x.max(initial=0), 0), np.abs(y).max(initial=0)
    room = 0.08 * max(right - left, 2 * high, 1e-6)
    return complex(left - room, -high - room), complex(right + room, high + room)


def _spectrum(
    ax: Axes, m: Mapping[str, Any], form: str, frame: tuple[complex, complex], color: str, look: Theme
) -> None:
    points = np.asarray(m["spectra"][form], dtype=float).reshape(-1, 2)
    points = np.concatenate([points, points[points[:, 1] > 0] * [1, -1]])
    dress(ax, look)
    ax.set(xlim=(frame[0].real, frame[1].real), ylim=(frame[0].imag, frame[1].imag), autoscale_on=False)
    ax.set_facecolor(look.panel)
    half_plane(ax, frame, look)
    ax.texts[-1].remove()
    dots: dict[str, Any] = {"color": color, "markersize": 2.6, "mew": 0, "alpha": 0.85, "zorder": 4}
    ax.plot(*points.T, "o", gid="eigenvalues", rasterized=len(points) > 2000, **dots)
    x, y = points.T
    outside = np.count_nonzero((x < frame[0].real) | (x > frame[1].real) | (np.abs(y) > frame[1].imag))
    if outside:
        reach = f"{outside} of {len(points)} outside,\nRe from {number(x.min(), 2)} to {number(x.max(), 2)}"
        style = {"path_effects": halo(look), "va": "top", "zorder": 6, **font(look.ink, 6.6)}
        ax.text(0.03, 0.96, reach, transform=ax.transAxes, gid="outside", **style)


def _words(ax: Axes, place: tuple[int, int], name: str, title: str, look: Theme) -> None:
    row, column = place
    ax.tick_params(labelbottom=row == len(ROWS) - 1, labelleft=column == 0, labelsize=7)
    if title:
        ax.set_title(title, loc="left", pad=5, **font(look.ink))
    if column == 0:
        ax.set_ylabel(name, **font(text_color(look, category(look, row)), 7.2))


# Samples ----------------------------------------------------------------------------------------------------------


def _sampled(axes: Any, moments: Mapping[Any, Any], steps: Sequence[int], real: Any, look: Theme) -> None:
    """Draw the samples of each run below its moments."""
    law = np.asarray(real, dtype=float).reshape(-1, 2)
    for row, run in enumerate(RUNS):
        for column, step in enumerate(steps):
            m, ax = moments.get((run, step)), axes[row, column]
            if m is None:
                ax.set_axis_off()
                continue
            color = category(look, 0 if run == "simultaneous" else 2)
            dress(ax, look)
            ax.set(xlim=(-1.7, 1.7), ylim=(-1.7, 1.7), aspect="equal", autoscale_on=False)
            ax.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
            ax.plot(*law.T, "o", color=look.faint, markersize=4.5, mew=0, zorder=2, gid="real")
            points = np.asarray(m["samples"], dtype=float).reshape(-1, 2)
            ax.plot(*points.T, "o", color=color, markersize=1.8, mew=0, alpha=0.8, zorder=3, gid="samples")
            words = f"{m['modes']} modes, W1 {number(m['w1'] if m['w1'] is not None else np.inf, 2)}"
            ax.set_xlabel(words, labelpad=3, **font(look.soft, 7.2))
            if column == 0:
                name = "samples, simultaneous" if run == "simultaneous" else "samples, consensus"
                ax.set_ylabel(name, **font(text_color(look, color), 7.2))
