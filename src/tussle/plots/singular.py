"""The counterexample in pictures: three families that come near the supremum 0 and never reach it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from tussle.plots.labels import Placer, number
from tussle.plots.style import (
    SMALL,
    Theme,
    category,
    color_bar,
    dress,
    figure,
    font,
    halo,
    marker,
    quiet_map,
    text_color,
    theme_of,
)
from tussle.singular import Counterexample, InstanceNoise, Line, Parabola, Row, Tube, lipschitz_extremes, slope
from tussle.singular.costs import FEW

FINE = 30  # points of an exact line
SHOWN = 0.05  # width of the tube in the square
CAPTION = (
    "lines: exact; points: Monte Carlo with two standard errors; hollow: too few samples near the curve to be believed"
)
NAMES = ("tube", "instance noise", "tube of the parabola", "best of all")


def counterexample_figure(record: Counterexample, theme: str | Theme = "light") -> Figure:
    """Draw how near three families of discriminators come to the supremum 0, and the tube in the square.

    Lines are exact, points are Monte Carlo estimates with two standard errors. On the left against the width w: the
    tube has slope 1. In the middle against the Lipschitz constant: nothing lies below the best of all L-Lipschitz
    discriminators. Hollow points had too few samples near the curve to be believed.

    Args:
        record: of `counterexample`.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.
    """
    look = theme_of(theme)
    page = figure(look, 12.6, 4.4)
    left, middle, right = page.subplots(1, 3, width_ratios=(1.15, 1.15, 1.0))
    _square(right, look)
    page.supxlabel(CAPTION, **font(look.soft, SMALL))
    against_width, against_slope = _widths(left, record, look), _slopes(middle, record, look)
    page.canvas.draw()  # the layout must rest before labels are placed
    for ax, lines in ((left, against_width), (middle, against_slope)):
        _name(ax, lines, look)
    return page


Drawn = list[tuple[str, np.ndarray, str]]  # text, points of the line (n, 2), color


def _widths(ax: Axes, record: Counterexample, theme: Theme) -> Drawn:
    """Draw the distance from the supremum against the width."""
    dress(ax, theme, "width $w$", "distance from the supremum, $-V$", "0 is approached, never reached")
    grid = _grid(record.widths)
    made: Sequence[Callable[[float], Any]] = (Tube, InstanceNoise, lambda w: Tube(w, Parabola()))
    lines = []
    for k, (build, rows) in enumerate(zip(made, (record.tube, record.noise, record.curved), strict=True)):
        line = np.column_stack([grid, [-build(float(w)).exact().value for w in grid]])
        lines.append((_slope_text(k), line, _draw(ax, line, rows, [r.parameter for r in rows], k, theme)))
    _log(ax, lines)
    return lines


def _slope_text(k: int) -> str:
    if k == 1:
        return "instance noise:\n$\\sim w\\,(\\ln 1/w)^{3/2}$"
    limit = -slope(1.0 if k == 0 else Parabola().length)
    return f"{NAMES[k]}:\nslope 1, $-V/w \\to$ {limit:.3f}"


def _slopes(ax: Axes, record: Counterexample, theme: Theme) -> Drawn:
    """Draw the distance from the supremum against the Lipschitz constant."""
    dress(ax, theme, "Lipschitz constant $L$ of the discriminator", "$-V$", "a small distance needs a steep slope")
    lines, widths = [], _grid(record.widths)
    families: Sequence[tuple[Callable[[float], Any], tuple[Row, ...]]] = (
        (Tube, record.tube),
        (InstanceNoise, record.noise),
    )
    for k, (build, rows) in enumerate(families):
        found = [build(float(w)) for w in widths]
        line = np.array([[d.lipschitz, -d.exact().value] for d in found])
        lines.append((NAMES[k], line, _draw(ax, line, rows, [r.lipschitz for r in rows], k, theme)))
    bounds = [r.parameter for r in record.lipschitz]
    grid = _grid(np.concatenate([lines[0][1][:, 0], lines[1][1][:, 0], bounds]))
    best = np.column_stack([grid, [-lipschitz_extremes(float(b)).best.value for b in grid]])
    color = _draw(ax, best, record.lipschitz, bounds, 3, theme)
    lines.append(("best of all,\nabout $2/L$", best, color))
    _log(ax, lines)
    low = ax.get_ylim()[0]
    ax.fill_between(best[:, 0], best[:, 1], low, color=color, alpha=0.14, lw=0, zorder=1, gid="out of reach")
    ax.set_ylim(low)
    middle = len(best) // 3
    ax.text(best[middle, 0], np.sqrt(low * best[middle, 1]), "out of reach", ha="center", **font(theme.soft, SMALL))
    return lines


def _grid(values: np.ndarray) -> np.ndarray:
    low, high = float(np.min(values)), float(np.max(values))
    return np.geomspace(low, high, FINE) if high > low else np.geomspace(low / 5, low * 5, FINE)


def _draw(ax: Axes, line: np.ndarray, rows: Sequence[Row], at: Sequence[float], k: int, theme: Theme) -> str:
    """Draw an exact line and the estimates on it; return their color."""
    color = category(theme, k)
    ax.plot(*line.T, color=color, lw=1.6, zorder=3, gid=NAMES[k])
    for x, row in zip(at, rows, strict=True):
        mean, error = -row.sampled.mean.value, 2 * row.sampled.error.value
        if not np.isfinite(error) or mean <= 0:
            continue
        down = min(error, 0.9 * mean)  # a bar that reaches 0 has no end on a logarithmic axis
        fill = color if row.sampled.near >= FEW else theme.panel
        look: dict[str, Any] = {
            "fmt": marker(k),
            "ms": 5.5,
            "mfc": fill,
            "mec": theme.panel if fill == color else color,
        }
        ax.errorbar(x, mean, [[down], [error]], color=color, ecolor=color, elinewidth=1.2, zorder=4 + 0.1 * k, **look)
    return color


def _log(ax: Axes, lines: Drawn) -> None:
    """Make both axes logarithmic; the exact lines, not what few samples say, set the limits."""
    y = np.concatenate([line[:, 1] for _, line, _ in lines])
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(y.min() / 2, y.max() * 1.6)


def _name(ax: Axes, lines: Drawn, theme: Theme) -> None:
    """Write beside each line what it is."""
    placer = Placer(ax, theme)
    for text in ax.texts:
        placer.taken(text)
    for _, line, _ in lines:
        placer.avoid(*line.T)
    for text, line, color in lines:
        n = len(line)
        first = 2 * n // 3 if NAMES[2] in text else n // 8  # where the two tubes part from the noise
        placer.label(text, line[first : n - n // 8], color, near=6)


def _square(ax: Axes, theme: Theme) -> None:
    """Draw the square, the line that the generator fills, and the tube around it."""
    dress(ax, theme, "$x$", "$y$", f"the tube of $w$ = {number(SHOWN)} in the square")
    side = np.linspace(0, 1, 301)
    points = np.stack(np.meshgrid([0.5], side), axis=-1).reshape(-1, 2)
    shade = np.exp(Tube(SHOWN).logs(points)[0])[:, None]
    drawn = ax.imshow(
        shade, extent=(0, 1, 0, 1), origin="lower", cmap=quiet_map(theme).reversed(), vmin=0, vmax=1, aspect="equal"
    )
    data = np.random.default_rng(3).random((160, 2))
    ax.plot(*data.T, ".", color=category(theme, 0), ms=4, mec="none", zorder=2)
    ax.plot(*Line().points(np.array([0.0, 1.0])).T, color=category(theme, 1), lw=2.2, zorder=3, gid="generator")
    words: dict[str, Any] = {"ha": "center", "path_effects": halo(theme, 3), "zorder": 5}
    ax.text(
        0.5, 0.53, "all that the generator makes", va="bottom", **words, **font(text_color(theme, category(theme, 1)))
    )
    ax.text(0.5, 0.9, "data, everywhere", **words, **font(text_color(theme, category(theme, 0))))
    page: Any = ax.figure
    color_bar(page, ax, drawn, theme, "discriminator $D$")
