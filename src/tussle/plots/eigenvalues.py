"""The way of eigenvalues through the complex plane as one hyper-parameter moves."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from tussle.charts import EigenvaluePath
from tussle.plots.labels import Placer, number, symbol
from tussle.plots.plane import CIRCLE, circles, coordinates, flow_frame, half_plane, plane
from tussle.plots.style import Theme, color_bar, figure, halo, page_of, theme_of, value_map


def eigenvalue_path(path: EigenvaluePath, *, title: str = "", theme: str | Theme = "light") -> Figure:
    """Draw how eigenvalues move as one hyper-parameter goes from its first value (ring) to its last (dot).

    Args:
        path: the eigenvalues, each followed through the values.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.
    """
    look = theme_of(theme)
    beside = None
    if path.of == "flow":
        frame = flow_frame(path.eigenvalues)
        ax = plane(figure(look, 6.3, 4.6, "compressed").add_subplot(), frame, look, title)
        half_plane(ax, frame, look)
    else:
        ax, beside = circles(path.eigenvalues.ravel(), None, look, title)
    if beside is not None:
        _moving(beside, path, look, 1.5)
    page = page_of(ax)
    color_bar(page, ax, _moving(ax, path, look, 2.6), look, symbol(path.name))
    _rings(ax, path, look)
    _label_ends(ax, path, look)
    return page


def _moving(ax: Axes, path: EigenvaluePath, theme: Theme, width: float) -> LineCollection:
    """Draw each eigenvalue's way, colored by the parameter, and return what the color bar is for."""
    points = coordinates(path.eigenvalues)
    pieces = np.stack([points[:-1], points[1:]], axis=2).reshape(-1, 2, 2)
    middle = np.repeat((path.values[:-1] + path.values[1:]) / 2, points.shape[1])
    low, high = float(path.values.min()), float(path.values.max())
    drawn = LineCollection(list(pieces), array=middle, cmap=value_map(theme), lw=width, capstyle="round", zorder=5)
    drawn.set_clim(low, high)
    drawn.set_gid("path")
    ax.add_collection(drawn, autolim=False)
    return drawn


def _rings(ax: Axes, path: EigenvaluePath, theme: Theme) -> None:
    """Mark where the eigenvalues begin (rings) and end (dots)."""
    low, high = float(path.values.min()), float(path.values.max())
    for row, filled in ((0, False), (-1, True)):
        color = value_map(theme)((path.values[row] - low) / ((high - low) or 1.0))
        ends = coordinates(path.eigenvalues[row]).T
        face = color if filled else theme.panel
        dots = ax.plot(*ends, "o", color=face, markeredgecolor=color, markersize=7, mew=1.8, zorder=6)
        dots[0].set(path_effects=halo(theme, 1.5), gid="last" if filled else "first")


def _label_ends(ax: Axes, path: EigenvaluePath, theme: Theme) -> None:
    placer = Placer(ax, theme)
    for column in coordinates(path.eigenvalues).transpose(1, 2, 0):
        placer.avoid(*column)
    if path.of == "map":
        placer.avoid(*coordinates(CIRCLE).T)
    mark = symbol(path.name)
    mark = "$h$" if path.name == "lr" else mark
    for row in (0, -1):
        ends = path.eigenvalues[row]
        ends = ends[np.isfinite(ends)]
        ends = ends[np.argsort(-np.imag(ends), kind="stable")]
        if len(ends):
            placer.label(f"{mark} = {number(path.values[row])}", coordinates(ends), theme.ink, near=7)
