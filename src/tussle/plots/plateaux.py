"""The plateaux in pictures: one color, hatch and marker for each, and the map of which start ends on which."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from contourpy import contour_generator
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from scipy.ndimage import distance_transform_edt

from tussle.lowdim.basins import PlateauBasin
from tussle.lowdim.plateau import CLASSES, HIGH, LOW
from tussle.plots.chart import edges, set_scales
from tussle.plots.labels import settled, symbol
from tussle.plots.style import FONT, SMALL, TITLE, Theme, category, dress, figure, font, halo, marker, mixed, theme_of

SHORT = {
    "D1": "all called real: $D = 1$ on data and fakes",
    "D0": "all called fake: $D = 0$ on data and fakes",
    "J2": "perfect: $D = 1$ on data, 0 on fakes",
    "J0": "inverted: $D = 0$ on data, 1 on fakes",
    "none": "not saturated",
}
HATCHES = ("///", "\\\\\\", "...", "xx", "")
FEW = 900  # cells up to which each carries its own marker; beyond, regions are hatched


def plateau_map(basin: PlateauBasin, *, title: str | None = None, theme: str | Theme = "light") -> Figure:
    """Draw for each start on which plateau its run ended.

    Args:
        basin: of `lowdim.basins.plateau_basin`.
        title: of the picture; by default how many starts ended on a plateau.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if the basin is not a `PlateauBasin`, or there is no such theme.
    """
    look = theme_of(theme)
    if not isinstance(basin, PlateauBasin):
        message = f"`basin` is a {type(basin).__name__}; it must be a PlateauBasin; give that of plateau_basin."
        raise ValueError(message)
    total, few = basin.which.size, basin.which.size <= FEW
    if title is None:
        ended = total - basin.counts["none"]
        title = f"{ended:,} of {total:,} starts end on a plateau after {basin.steps:,} steps"
    page = figure(look, 7.4, 4.4)
    across, up = (f"start of {symbol(name)}" for name in basin.names)
    ax = dress(page.add_subplot(), look, across, up, title)
    set_scales(ax, basin.x, basin.y, (False, False))
    cells = edges(basin.x, False), edges(basin.y, False)
    shown = [k for k, name in enumerate(CLASSES) if name != "none" or basin.counts[name]]
    for k in shown:
        if basin.counts[CLASSES[k]]:
            region(ax, _cells(*cells, basin.which == k), k, look, hatched=not few)
    handles = [_handle(look, k, few) for k in shown]
    labels = [_share(name, basin.counts[name], total) for name in (CLASSES[k] for k in shown)]
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.015), "labelspacing": 1.1}
    key(ax, handles, labels, look, "the run ends on plateau", **place)
    if few:
        settled(ax)  # the size of a cell must be known
        _marks(ax, basin, look)
    return page


def _share(name: str, count: int, total: int) -> str:
    share = 100 * count / total
    text = "0 %" if count == 0 else "below 1 %" if share < 1 else f"{share:.0f} %" if share < 99 else f"{share:.2f} %"
    return f"{name}: {count:,} ({text})\n{SHORT[name].replace(': ', ':' + chr(10), 1)}"


def _marks(ax: Axes, basin: PlateauBasin, theme: Theme) -> None:
    """Put a plateau's marker on each of its starts."""
    x, y = np.meshgrid(basin.x, basin.y)
    box = ax.get_window_extent()
    room = min(box.width / len(basin.x), box.height / len(basin.y)) * 72 / ax.figure.dpi
    size = float(np.clip(0.4 * room, 2.0, 7.0))
    for k, name in enumerate(CLASSES):
        there = basin.which == k
        if np.any(there):
            style: dict[str, Any] = {"markersize": size, "markeredgecolor": "none", "zorder": 3}
            ax.plot(x[there], y[there], marker(k), color=strong(theme, k), **style, gid=f"starts {name}")


def _handle(theme: Theme, k: int, marked: bool) -> Any:
    """Return what the legend shows of a plateau: its patch, with its marker where the map has markers."""
    if not marked:
        return swatch(theme, k)
    patch = Patch(facecolor=tint(theme, k), edgecolor="none")
    return patch, Line2D([], [], marker=marker(k), color=strong(theme, k), markersize=6, mec="none", ls="none")


# The look of a plateau, for every picture that shows some ---------------------------------------------------------


def tint(theme: Theme, k: int) -> str:
    """Return the color that fills the `k`-th of `CLASSES`."""
    if CLASSES[k] == "none":
        return mixed(theme.panel, theme.ink, 0.12)
    return mixed(category(theme, k), theme.panel, 0.62)


def strong(theme: Theme, k: int) -> str:
    """Return the color of its hatch, its marker and its name."""
    return theme.soft if CLASSES[k] == "none" else mixed(category(theme, k), theme.ink, 0.25)


def swatch(theme: Theme, k: int) -> Patch:
    """Return the patch that stands for it in a legend."""
    return Patch(facecolor=tint(theme, k), edgecolor=strong(theme, k), hatch=HATCHES[k] * 2, linewidth=0.8)


def region(ax: Axes, path: Path, k: int, theme: Theme, *, hatched: bool = True, alpha: float = 1.0) -> None:
    """Fill a region of the plane as the `k`-th of `CLASSES`, and hatch it."""
    ax.add_patch(PathPatch(path, facecolor=tint(theme, k), edgecolor="none", alpha=alpha, zorder=1.5, gid=CLASSES[k]))
    if hatched and HATCHES[k]:
        lines: dict[str, Any] = {"edgecolor": mixed(strong(theme, k), theme.panel, 0.25), "linewidth": 0.0}
        ax.add_patch(
            PathPatch(path, facecolor="none", hatch=HATCHES[k], zorder=1.6, gid=f"hatch {CLASSES[k]}", **lines)
        )


def regions(ax: Axes, x: np.ndarray, y: np.ndarray, corners: tuple[np.ndarray, np.ndarray], theme: Theme) -> set[int]:
    """Fill and hatch the four plateaux by p and q on a grid; return which of them are there."""
    p, q = ((v - HIGH, LOW - v) for v in corners)
    margins = (p[0], q[1]), (p[1], q[0]), (p[0], q[0]), (p[1], q[1])  # in the order of CLASSES
    found = set()
    for k, pair in enumerate(margins):
        inside = np.minimum(*pair)
        if inside.max() > 0:
            made: Any = contour_generator(x, y, inside, fill_type="OuterCode").filled(0.0, np.inf)
            region(ax, Path(np.concatenate(made[0]), np.concatenate(made[1])), k, theme, alpha=0.62)
            found.add(k)
    return found


def _cells(x: np.ndarray, y: np.ndarray, where: np.ndarray) -> Path:
    """Return the cells between edges where something holds, as one path of rectangles, one for each run in a row."""
    corners = []
    for row, there in enumerate(where):
        turns = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(int)))
        for left, right in turns.reshape(-1, 2):
            x0, x1, y0, y1 = x[left], x[right], y[row], y[row + 1]
            corners.append([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)])
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(corners)
    return Path(np.array(corners, dtype=float).reshape(-1, 2), codes)


def region_names(
    ax: Axes, x: np.ndarray, y: np.ndarray, which: np.ndarray, lines: Sequence[np.ndarray], theme: Theme
) -> list[Any]:
    """Write the name of each plateau where its region is widest between some lines, if there is room."""
    low, span, most = np.array([x[0], y[0]]), np.array([x[-1] - x[0], y[-1] - y[0]]), np.array([len(x), len(y)]) - 1
    which = which.copy()
    for line in lines:
        places = (line[np.isfinite(line).all(axis=1)] - low) / span * most
        if len(places):
            index = np.linspace(0, len(places) - 1, 20 * len(places))
            dense = np.column_stack([np.interp(index, np.arange(len(places)), v) for v in places.T])
            column, row = np.rint(dense[np.all((dense >= 0) & (dense <= most), axis=1)]).astype(int).T
            which[row, column] = len(CLASSES)
    made = []
    for k in range(4):
        padded: Any = distance_transform_edt(np.pad(which == k, 1), sampling=(1 / len(y), 1 / len(x)))
        depth = padded[1:-1, 1:-1]
        if depth.max() < 0.04:
            continue
        row, column = np.unravel_index(np.argmax(depth), depth.shape)
        made.append(plateau_name(ax, x[column], y[row], k, theme))
    return made


def plateau_name(ax: Axes, x: float, y: float, k: int, theme: Theme) -> Any:
    """Write the name of the `k`-th of `CLASSES` at a place."""
    style: dict[str, Any] = {"ha": "center", "va": "center", "weight": "bold", "zorder": 5}
    text = ax.text(x, y, CLASSES[k], **style, **font(strong(theme, k), TITLE + 1))
    text.set(path_effects=halo(theme, 4), in_layout=False, gid=f"name {CLASSES[k]}")
    return text


def stretches(ax: Axes, at: np.ndarray, value: np.ndarray, which: np.ndarray, theme: Theme) -> None:
    """Fill the stretches of a run that lie on a plateau, and name those that are wide enough, away from the line."""
    bottom, top = ax.get_ylim()
    for part in np.split(np.arange(len(which)), np.flatnonzero(np.diff(which)) + 1):
        k = int(which[part[0]])
        if CLASSES[k] == "none":
            continue
        left, right = float(at[part[0]]), float(at[min(part[-1] + 1, len(at) - 1)])
        corners = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
        region(ax, Path(corners, closed=True), k, theme)
        if right - left > 0.08 * at[-1]:
            high = float(np.mean(value[part])) > (bottom + top) / 2
            height = bottom + (0.05 if high else 0.95) * (top - bottom)
            plateau_name(ax, (left + right) / 2, height, k, theme)


def key(where: Any, handles: Sequence[Any], labels: Iterable[str], theme: Theme, title: str, **place: Any) -> Any:
    """Give axes or a figure a legend in the theme's letters, under a heading."""
    letters = FontProperties(family=FONT, size=SMALL)
    look: dict[str, Any] = {"frameon": False, "handlelength": 2.2, "handleheight": 1.4, "labelcolor": theme.ink}
    made = where.legend(handles=handles, labels=list(labels), prop=letters, **(look | place))
    made.set_title(title, prop=letters)
    made.set_alignment("left")
    made.get_title().set(color=theme.soft)
    return made
