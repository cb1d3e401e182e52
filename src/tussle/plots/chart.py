"""The stability chart: for which pairs of hyper-parameters a method converges."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from scipy.ndimage import distance_transform_edt

from tussle.charts import Chart
from tussle.plots.labels import Placer, symbol
from tussle.plots.style import (
    SIZE,
    Theme,
    boundary_map,
    category,
    color_bar,
    dress,
    figure,
    font,
    halo,
    theme_of,
)

Curves = Mapping[str, tuple[Any, Any]]


def stability_chart(
    chart: Chart,
    *,
    curves: Curves | None = None,
    log: tuple[bool, bool] | None = None,
    title: str = "",
    theme: str | Theme = "light",
) -> Figure:
    """Draw the radius of a map over two hyper-parameters; the bold line is radius 1, the edge of stability.

    Args:
        chart: the chart.
        curves: curves to compare with, such as a published edge: their labels with (x, y) each.
        log: whether the (horizontal, vertical) axis is logarithmic; by default where its values are.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.
    """
    look = theme_of(theme)
    page = figure(look, 6.2, 4.6)
    ax = dress(page.add_subplot(), look, symbol(chart.names[0]), symbol(chart.names[1]), title)
    scales = (log_spaced(chart.x), log_spaced(chart.y)) if log is None else log
    set_scales(ax, chart.x, chart.y, scales)
    radius = np.ma.masked_invalid(np.where(np.isposinf(chart.radius), 1e300, chart.radius))
    low, high = _limits(radius)
    drawn = ax.pcolormesh(
        edges(chart.x, scales[0]),
        edges(chart.y, scales[1]),
        radius,
        cmap=boundary_map(look),
        norm=TwoSlopeNorm(1.0, low, high),
        rasterized=True,
        zorder=1,
    )
    color_bar(page, ax, drawn, look, "spectral radius", extend=_clipped(radius, low, high))
    boundary = _boundary(ax, chart, radius, look)
    _region_words(ax, chart, look)
    _overlay(ax, curves or {}, boundary, look)
    return page


# Axes shared by pictures over two hyper-parameters -----------------------------------------------------------------


def log_spaced(values: np.ndarray) -> bool:
    """Say whether values are spaced logarithmically.

    Example:
        >>> log_spaced(np.geomspace(1, 100, 5)), log_spaced(np.linspace(1, 100, 5))
        (True, False)
    """
    if len(values) < 3 or np.min(values) <= 0:
        return False
    ratios = np.diff(np.log(values))
    return bool(np.ptp(ratios) < 1e-3 * np.abs(ratios).max() and abs(ratios[0]) > 1e-6)


def edges(values: np.ndarray, log: bool) -> np.ndarray:
    """Return the borders of the cells around values, (n + 1,).

    Example:
        >>> edges(np.array([0.0, 1.0, 2.0]), False).tolist()
        [-0.5, 0.5, 1.5, 2.5]
    """
    places = np.log(values) if log else np.asarray(values, dtype=float)
    step = np.diff(places) if len(places) > 1 else np.array([1.0])
    borders = np.concatenate([[places[0] - step[0] / 2], places[: len(step)] + step / 2, [places[-1] + step[-1] / 2]])
    borders = borders if len(places) > 1 else places[0] + np.array([-0.5, 0.5])
    return np.exp(borders) if log else borders


def set_scales(ax: Axes, x: np.ndarray, y: np.ndarray, log: tuple[bool, bool]) -> None:
    """Give axes their scales and the limits of the cells around values."""
    for name, values, wanted in (("log[0]", x, log[0]), ("log[1]", y, log[1])):
        if wanted and np.min(values) <= 0:
            message = f"`{name}` is True for values down to {np.min(values):.3g}; a logarithmic axis needs values "
            message += "above 0; give False or other values."
            raise ValueError(message)
    ax.set(xscale="log" if log[0] else "linear", yscale="log" if log[1] else "linear", autoscale_on=False)
    across, up = edges(x, log[0]), edges(y, log[1])
    ax.set(xlim=(across.min(), across.max()), ylim=(up.min(), up.max()))


# The chart -------------------------------------------------------------------------------------------------------


def _limits(radius: Any) -> tuple[float, float]:
    """Return the color limits: each side of 1 as far as nine tenths of its values, and never less than a fifth."""
    found = radius.compressed()
    inside, outside = 1 - found[found < 1], found[found > 1] - 1
    far = [float(np.quantile(side, 0.9)) if len(side) else 0.0 for side in (inside, outside)]
    least = max(0.2 * max(far), 1e-3)
    return 1 - min(max(far[0], least), 1.0), 1 + min(max(far[1], least), 1.0)


def _clipped(radius: Any, low: float, high: float) -> str:
    found = radius.compressed()
    below, above = np.any(found < low), np.any(found > high)
    return {(True, True): "both", (True, False): "min", (False, True): "max"}.get((bool(below), bool(above)), "neither")


def _boundary(ax: Axes, chart: Chart, radius: Any, theme: Theme) -> Any:
    """Draw the line radius = 1 and return its points (empty if there is none)."""
    if min(radius.shape) < 2 or radius.count() == 0 or radius.min() >= 1 or radius.max() <= 1:
        return np.empty((0, 2))
    height = np.ma.log(np.ma.maximum(radius, 1e-12)).clip(-0.3, 0.3)  # tame on both sides: a smooth line
    lines = ax.contour(chart.x, chart.y, height, levels=[0.0], colors=[theme.ink], linewidths=2.4, zorder=4)
    lines.set_gid("boundary")
    return np.vstack([path.vertices for path in lines.get_paths()])


def _region_words(ax: Axes, chart: Chart, theme: Theme) -> None:
    """Write `stable` and `unstable` where each region is widest."""
    regions = (("stable", chart.radius < 1), ("unstable", chart.radius > 1))
    for word, where in regions:
        padded: Any = distance_transform_edt(np.pad(where, 1), sampling=(1 / len(chart.y), 1 / len(chart.x)))
        depth = padded[1:-1, 1:-1]
        if depth.max() < 0.09:
            continue
        row, column = np.unravel_index(np.argmax(depth), depth.shape)
        text = ax.text(
            chart.x[column], chart.y[row], word, ha="center", va="center", zorder=5, **font(theme.ink, SIZE + 2)
        )
        text.set(path_effects=halo(theme, 3), in_layout=False)


def _overlay(ax: Axes, curves: Curves, boundary: np.ndarray, theme: Theme) -> None:
    """Draw curves over the chart and name them and the boundary."""
    shown = []
    for k, (label, (x, y)) in enumerate(curves.items()):
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        line = ax.plot(x, y, color=category(theme, 2 + k), lw=2, linestyle=(0, (3, 2)), zorder=6, gid=label)[0]
        line.set(path_effects=halo(theme, 3.4))
        shown.append((label, np.column_stack([x, y]), category(theme, 2 + k)))
    placer = Placer(ax, theme)
    words = [(r"radius = 1", boundary, theme.ink)] if len(boundary) else []
    low, high = np.array([ax.get_xlim(), ax.get_ylim()]).T
    for text in ax.texts:
        placer.taken(text)
    for _, points, _ in shown + words:
        placer.avoid(points[:, 0], points[:, 1], line=False)
    for label, points, color in words + shown:
        inside = points[np.all((points > low) & (points < high), axis=1)]
        if len(inside):
            placer.label(label, inside[np.linspace(len(inside) - 1, 0, 40).astype(int)], color)
