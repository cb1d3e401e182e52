"""The pictures of laboratories: values by method, courses along training, samples and spectra side by side."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from tussle import checks
from tussle.plots.labels import line_ends
from tussle.plots.plane import coordinates, flow_frame, half_plane, plane
from tussle.plots.planes import window_around
from tussle.plots.style import SMALL, Theme, category, dress, figure, font, halo, marker, theme_of

ACROSS = 3  # small pictures in a row


def laboratory_panel(panel: Any, *, theme: str | Theme = "light") -> Figure:
    """Draw one panel of a laboratory.

    Args:
        panel: with `kind`, `title` and `data`, as `tussle.training.laboratories.Panel` says.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if there is no such kind, or nothing to draw.
    """
    draw = DRAWN[checks.choice("kind", panel.kind, DRAWN)]
    return draw(panel.data, panel.title, theme_of(theme))


# Values by method -------------------------------------------------------------------------------------------------


def _dots(data: Mapping[str, Any], title: str, look: Theme) -> Figure:
    """Draw a line of marks for each label, the first on top."""
    labels, marks = list(data["labels"]), {name: _numbers(values) for name, values in data["marks"].items()}
    _some("labels", labels)
    page = figure(look, 7.2, 0.36 * len(labels) + 1.5)
    ax = dress(page.add_subplot(), look, data.get("x", ""), title=title)
    place = np.arange(len(labels))
    for row in place:
        ax.axhline(float(row), color=look.faint, lw=0.7, zorder=1)
    for k, (name, values) in enumerate(marks.items()):
        shape: dict[str, Any] = {"color": category(look, k), "markersize": 8, "markeredgecolor": look.panel, "mew": 0.9}
        off = 0.14 * (k - (len(marks) - 1) / 2)  # equal values stay side by side
        ax.plot(values, place + off, marker(k), label=name, zorder=4, gid=name, **shape)
    if data.get("floor") is not None:
        ax.axvline(data["floor"], color=look.ink, lw=1.2, ls=(0, (4, 3)), zorder=2, label="noise floor", gid="floor")
    known = np.concatenate([v[np.isfinite(v)] for v in marks.values()])
    if data.get("log") and len(known) and known.min() > 0:
        _logarithmic(ax, known)
    ax.set_yticks(place, labels)
    ax.tick_params(axis="y", labelcolor=look.ink, length=0)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.margins(x=0.06)
    handles, words = ax.get_legend_handles_labels()
    page.legend(handles, words, loc="outside lower center", ncols=min(len(words), 5), frameon=False,
                labelcolor=look.ink, fontsize=SMALL)  # fmt: skip
    return page


def _logarithmic(ax: Axes, known: np.ndarray) -> None:
    """Make the horizontal axis logarithmic, with plain numbers where they are few."""
    ax.set_xscale("log")
    few = known.max() < 1e3 * known.min()
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_locator(NullLocator())


# Courses along training -------------------------------------------------------------------------------------------


def _lines(data: Mapping[str, Any], title: str, look: Theme) -> Figure:
    lines = {name: _numbers(values) for name, values in data["lines"].items()}
    steps = _numbers(data["steps"])
    _some("lines", lines)
    page = figure(look, 7.2, 3.4)
    ax = dress(page.add_subplot(), look, data.get("x", "step"), data.get("y", ""), title)
    known = np.concatenate([v[np.isfinite(v)] for v in lines.values()])
    if data.get("log") and len(known) and known.min() > 0:
        ax.set_yscale("log")
    ends = []
    for k, (name, values) in enumerate(lines.items()):
        color = category(look, k)
        ax.plot(steps, values, f"-{marker(k)}", color=color, lw=1.5, markersize=4.5, gid=name, zorder=3 + 0.01 * k)
        last = np.flatnonzero(np.isfinite(values))
        if len(last):
            ends.append((float(steps[last[-1]]), float(values[last[-1]]), name, color))
    line_ends(ax, look, ends)
    return page


# Samples and spectra ----------------------------------------------------------------------------------------------


def _samples(data: Mapping[str, Any], title: str, look: Theme) -> Figure:
    """Draw each group's samples over the real ones, all in one window."""
    real = _points(data["real"])
    groups = {name: _points(points) for name, points in data["groups"].items()}
    _some("groups", groups)
    window = window_around(real)
    page, axes = _grid(len(groups), look, title)
    for k, (ax, (name, points)) in enumerate(zip(axes, groups.items(), strict=True)):
        dress(ax, look, title=name)
        fake: dict[str, Any] = {"s": 12, "marker": "x", "color": category(look, 1), "linewidths": 0.9, "alpha": 0.8}
        ax.scatter(*real.T, s=7, color=category(look, 0), alpha=0.55, linewidths=0, gid="real", label="real")
        ax.scatter(*points.T, gid=name, label="generated", **fake)
        ax.set(xlim=window[:2], ylim=window[2:], aspect="equal")
        x, y = points.T
        inside = (x >= window[0]) & (x <= window[1]) & (y >= window[2]) & (y <= window[3])
        if not inside.all():
            words = f"{np.count_nonzero(~inside)} of {len(points)} outside"
            ax.text(0.03, 0.03, words, transform=ax.transAxes, path_effects=halo(look), **font(look.ink, SMALL))
        if k == 0:
            handles, words = ax.get_legend_handles_labels()
            page.legend(handles, words, loc="outside lower center", ncols=2, frameon=False, labelcolor=look.ink)
    return page


def _spectra(data: Mapping[str, Any], title: str, look: Theme) -> Figure:
    """Draw each group's eigenvalues in a frame of its own: fields of different methods differ in size."""
    groups = {name: _points(points) for name, points in data["groups"].items()}
    _some("groups", groups)
    page, axes = _grid(len(groups), look, f"{title}  (shaded: Re $\\lambda$ < 0)")
    for k, (ax, (name, points)) in enumerate(zip(axes, groups.items(), strict=True)):
        values = points[:, 0] + 1j * points[:, 1]
        frame = flow_frame(values)
        plane(ax, frame, look, name, r"Im $\lambda$" if k % ACROSS == 0 else "")
        half_plane(ax, frame, look)
        ax.texts[-1].remove()  # there is no room for its words; the title has them
        both = coordinates(np.unique(np.concatenate([values, np.conj(values)])))
        dots: dict[str, Any] = {"markersize": 4.5 if len(both) < 200 else 2.6, "mew": 0.5}
        ax.plot(*both.T, marker(k), color=category(look, k), markeredgecolor=look.panel, gid=name, **dots)
        ax.tick_params(labelsize=7)
        ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    return page


def _grid(count: int, look: Theme, title: str) -> tuple[Figure, list[Axes]]:
    """Return a page of so many small axes."""
    columns = min(count, ACROSS)
    rows = -(-count // columns)
    page = figure(look, 2.9 * columns + 0.3, 2.75 * rows + 0.7)
    if title:
        page.suptitle(title, x=0.01, ha="left", **font(look.ink, 10.5))
    axes = list(page.subplots(rows, columns, squeeze=False).ravel())
    for ax in axes[count:]:
        ax.set_axis_off()
    return page, axes[:count]


# Numbers ----------------------------------------------------------------------------------------------------------


def _numbers(values: Any) -> np.ndarray:
    """Return numbers, nan for None."""
    return np.array([np.nan if v is None else float(v) for v in values])


def _points(values: Any) -> np.ndarray:
    found = np.asarray(values, dtype=float).reshape(-1, 2)
    return found[np.isfinite(found).all(axis=1)]


def _some(name: str, things: Any) -> None:
    if not things:
        message = f"`{name}` is empty; a panel needs at least one; leave the panel out."
        raise ValueError(message)


DRAWN: dict[str, Callable[[Mapping[str, Any], str, Theme], Figure]] = {
    "dots": _dots,
    "lines": _lines,
    "samples": _samples,
    "spectra": _spectra,
}
