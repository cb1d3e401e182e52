"""The bifurcation diagram: an equilibrium, where it loses its stability, and what is born there."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tussle.charts import Bifurcation
from tussle.plots.chart import log_spaced
from tussle.plots.labels import Placer, number, symbol
from tussle.plots.style import Theme, category, dress, figure, mixed, shade, theme_of

KINDS = {"neimark_sacker": "Neimark–Sacker", "flip": "period doubling", "fold": "fold"}


def bifurcation_diagram(
    bifurcation: Bifurcation,
    coordinate: int = 0,
    *,
    name: str = "",
    log: bool | None = None,
    title: str = "",
    theme: str | Theme = "light",
) -> Figure:
    """Draw one coordinate of an equilibrium and of the cycle around it, and the map's radius below.

    Args:
        bifurcation: the diagram.
        coordinate: which parameter of the game to show.
        name: of that parameter.
        log: whether the hyper-parameter's axis is logarithmic; by default where its values are.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if there is no such coordinate.
    """
    look = theme_of(theme)
    count = bifurcation.equilibria.shape[1]
    if not 0 <= coordinate < count:
        message = f"`coordinate` is {coordinate}; it may be a whole number from 0 to {count - 1}; give the index of "
        message += "the parameter to show."
        raise ValueError(message)
    page = figure(look, 6.0, 5.2)
    above, below = page.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    dress(above, look, "", symbol(name) if name else f"parameter {coordinate}", title)
    dress(below, look, symbol(bifurcation.name), "radius")
    above.tick_params(labelbottom=False)
    logarithmic = log_spaced(bifurcation.values) if log is None else log
    above.set(xscale="log" if logarithmic else "linear", xlim=_ends(bifurcation.values))
    _radius(below, bifurcation, look)
    _branch(above, bifurcation, coordinate, look)
    _onset((above, below), bifurcation, look)
    return page


def _ends(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5 * abs(low or 1), high + 0.5 * abs(high or 1))


def _branch(ax: Axes, b: Bifurcation, coordinate: int, theme: Theme) -> None:
    """Draw the equilibrium, solid where it is stable, and the extent of the attractor around it."""
    center, swing = b.equilibria[:, coordinate], b.amplitude[:, coordinate]
    stable = b.radius < 1
    solid, dashed = (np.where(_with_neighbors(part), center, np.nan) for part in (stable, ~stable))
    ax.plot(b.values, solid, color=theme.ink, lw=2, zorder=4, gid="stable")
    ax.plot(b.values, dashed, color=theme.ink, lw=1.5, linestyle=(0, (4, 2.5)), zorder=3, gid="unstable")
    born = np.isfinite(swing) & (swing > 0)
    color = category(theme, 1)
    top, bottom = (np.where(born, center + s * swing, np.nan) for s in (1, -1))
    ax.fill_between(b.values, bottom, top, where=born, color=mixed(color, theme.panel, 0.8), lw=0, zorder=1)
    for line in (top, bottom):
        ax.plot(b.values, line, color=color, lw=2, zorder=5, gid="cycle")
    gone = ~np.isfinite(swing)
    ax.margins(y=0.15)
    if gone.any():
        _span(ax, b.values, gone, theme)
    _label_branches(ax, b, (solid, dashed, top), theme)


def _with_neighbors(where: np.ndarray) -> np.ndarray:
    """Let a stretch reach its neighbor on the left, so that lines of two stretches meet."""
    return where | np.append(where[1:], False)


def _span(ax: Axes, values: np.ndarray, where: np.ndarray, theme: Theme) -> None:
    ends = np.flatnonzero(np.diff(np.concatenate([[0], where.astype(int), [0]])))
    for begin, end in ends.reshape(-1, 2):
        left, right = float(values[begin]), float(values[min(end, len(values) - 1)])
        ax.axvspan(left, right, color=mixed(theme.panel, theme.ink, 0.1), lw=0, zorder=0, gid="escaped")


def _label_branches(ax: Axes, b: Bifurcation, lines: tuple[Any, ...], theme: Theme) -> None:
    placer = Placer(ax, theme)
    colors = (theme.ink, theme.ink, category(theme, 1))
    words = ("stable equilibrium", "unstable equilibrium", "cycle: its extent")
    for line in lines:
        placer.avoid(b.values, line)
    if b.onset is not None:
        placer.avoid([b.onset, b.onset], ax.get_ylim())
    gone = np.flatnonzero(~np.isfinite(b.amplitude).all(axis=1))
    if len(gone):
        middle = b.values[gone[len(gone) // 2]]
        placer.label("escapes", [(middle, y) for y in np.linspace(*ax.get_ylim(), 12)[1:-1]], theme.soft, far=False)
    for line, word, color in zip(lines, words, colors, strict=True):
        at = np.flatnonzero(np.isfinite(line))
        if len(at) > 1:
            at = at[np.linspace(len(at) * 0.2, len(at) * 0.8, 20).astype(int)]
            placer.label(word, np.column_stack([b.values[at], line[at]]), color)


def _radius(ax: Axes, b: Bifurcation, theme: Theme) -> None:
    radius = np.where(np.isfinite(b.radius), b.radius, np.nan)
    ax.plot(b.values, radius, color=category(theme, 0), lw=2, zorder=4, gid="radius")
    low, high = ax.get_ylim()
    room = 0.08 * (high - low)
    low, high = min(low, 1 - room), max(high, 1 + room)
    ax.axhspan(min(low, 0) - 1, 1, color=shade(theme), lw=0, zorder=0)
    ax.axhline(1, color=theme.ink, lw=1.2, zorder=2, gid="boundary")
    ax.set_ylim(low, high)


def _onset(panels: tuple[Axes, Axes], b: Bifurcation, theme: Theme) -> None:
    """Mark the value at which the equilibrium loses its stability."""
    if b.onset is None:
        return
    for ax in panels:
        ax.axvline(b.onset, color=theme.soft, lw=1, linestyle=(0, (1.2, 1.8)), zorder=2, gid="onset")
    placer = Placer(panels[1], theme)
    placer.avoid(b.values, b.radius)
    placer.avoid(b.values[[0, -1]], [1.0, 1.0])
    kind = f" ({KINDS.get(b.kind, b.kind)})" if b.kind else ""
    heights = np.linspace(*panels[1].get_ylim(), 14)[1:-1]
    placer.label(f"onset {number(b.onset, 4)}{kind}", [(b.onset, y) for y in heights], theme.ink, far=False)
