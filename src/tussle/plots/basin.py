"""The basin map: where runs from a grid of starts end."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Patch

from tussle.charts import Basin
from tussle.plots.chart import edges, set_scales
from tussle.plots.labels import number, symbol
from tussle.plots.style import FONT, SMALL, Theme, category, dress, figure, halo, mixed, theme_of

FATES = {-1: "stays elsewhere", -3: "escapes", -2: "overflows"}  # none, escaped, not finite


def basin_map(
    basin: Basin,
    *,
    coordinates: tuple[int, int] = (0, 1),
    title: str | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Draw for each start where its run ended: at which equilibrium, elsewhere, or far away.

    Args:
        basin: the basins.
        coordinates: which two parameters of the equilibria the axes show.
        title: of the picture; by default how many starts converge.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if the equilibria have no such coordinates.
    """
    look = theme_of(theme)
    spots = np.atleast_2d(np.asarray(basin.equilibria, dtype=float))
    _check(coordinates, spots.shape[1])
    if title is None:
        title = f"{basin.count} of {basin.which.size} starts converge in {basin.steps} steps"
    page = figure(look, 6.6, 4.3)
    ax = dress(page.add_subplot(), look, _start(basin.names[0]), _start(basin.names[1]), title)
    set_scales(ax, basin.x, basin.y, (False, False))
    codes = [*range(len(spots)), *FATES]
    colors = [_color(look, code) for code in codes]
    index = np.searchsorted(np.sort(codes), basin.which)
    ordered = ListedColormap([colors[k] for k in np.argsort(codes)])
    lines: dict[str, Any] = {"edgecolors": look.panel, "linewidth": 0.6} if basin.which.size <= 1600 else {}
    cells = (edges(basin.x, False), edges(basin.y, False))
    ax.pcolormesh(
        *cells, index, cmap=ordered, vmin=-0.5, vmax=len(codes) - 0.5, rasterized=not lines, zorder=1, **lines
    )
    _equilibria(ax, spots[:, list(coordinates)], look)
    _key(ax, basin, spots, codes, colors, look)
    return page


def _check(coordinates: tuple[int, int], count: int) -> None:
    if not all(0 <= c < count for c in coordinates):
        message = f"`coordinates` is {coordinates!r} for equilibria of {count} parameters; it must hold two numbers "
        message += f"from 0 to {count - 1}; give the indices of the parameters on the axes."
        raise ValueError(message)


def _start(name: str) -> str:
    return f"start of {symbol(name)}"


def _color(theme: Theme, code: int) -> str:
    if code >= 0:
        return mixed(category(theme, code), theme.panel, 0.25)
    return mixed(theme.panel, theme.ink, {-1: 0.14, -3: 0.42, -2: 0.8}[code])


def _equilibria(ax: Axes, spots: np.ndarray, theme: Theme) -> None:
    marks = ax.plot(*spots.T, "o", color="none", markeredgecolor=theme.ink, markersize=11, mew=1.8, zorder=4)[0]
    marks.set(path_effects=halo(theme, 4), gid="equilibria")
    ax.plot(*spots.T, "+", color=theme.ink, markersize=6, mew=1.2, zorder=4)


def _key(ax: Axes, basin: Basin, spots: np.ndarray, codes: list[int], colors: list[str], theme: Theme) -> None:
    """Say beside the map what each color means and how often it came."""
    handles = []
    for code, color in zip(codes, colors, strict=True):
        count = int(np.sum(basin.which == code))
        if count or code >= 0:
            handles.append(Patch(facecolor=color, label=f"{_fate(code, spots)}: {count}"))
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.015), "frameon": False}
    letters = FontProperties(family=FONT, size=SMALL)
    key = ax.legend(handles=handles, labelcolor=theme.ink, prop=letters, handlelength=1.2, handleheight=1.2, **place)
    key.set_title("the run", prop=letters)
    key.set_alignment("left")
    key.get_title().set(color=theme.soft)


def _fate(code: int, spots: np.ndarray) -> str:
    if code < 0:
        return FATES[code]
    if len(spots) == 1:
        return "reaches the equilibrium"
    where = ", ".join(number(x) for x in spots[code]) if spots.shape[1] <= 3 else f"no. {code + 1}"
    return f"reaches ({where})" if spots.shape[1] <= 3 else f"reaches equilibrium {where}"
