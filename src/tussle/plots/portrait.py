"""The phase portrait: a field of two parameters, where each player rests, and where runs go."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from contourpy import contour_generator
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tussle import checks
from tussle.field import AbstractField
from tussle.plots.labels import Placer, bare, named, symbol
from tussle.plots.slices import Slice, Window, joined_point, slice_of, window_of
from tussle.plots.style import (
    SIZE,
    Theme,
    category,
    color_bar,
    dress,
    figure,
    halo,
    marker,
    quiet_map,
    theme_of,
)
from tussle.trajectory import Trajectory

COARSE, FINE = 40, 161  # grid points a side for the arrows and for the nullclines
FLOWS = ("arrows", "streamlines")


def phase_portrait(
    field: AbstractField,
    trajectories: Any = (),
    equilibria: Sequence[Any] = (),
    *,
    window: Any,
    axes: Sequence[str] = ("theta", "psi"),
    at: Any = None,
    coordinates: tuple[int, int] = (0, 1),
    labels: Sequence[str] = (),
    flow: str = "streamlines",
    title: str = "",
    theme: str | Theme = "light",
) -> Figure:
    """Draw a field of two parameters: its flow, the lines on which one player rests, equilibria and runs.

    Args:
        field: the field.
        trajectories: a run, several, or a mapping from their labels; a run of many starts is drawn in one color.
        equilibria: points, one number or vector per player each.
        window: ((left, right), (bottom, top)).
        axes: names of the two parameters, or of all, such as `model.axes`.
        at: the point that holds the other parameters' values, where the game has more than two.
        coordinates: which two parameters vary, counted through all players.
        labels: one for each trajectory.
        flow: `streamlines` or `arrows`.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if an argument does not fit; the message says which.

    Example:
        >>> import tussle
        >>> field = tussle.Field(tussle.ZeroSum(lambda x, y: (x * y).sum()))
        >>> picture = phase_portrait(field, window=((-1, 1), (-1, 1)), axes=("x", "y"))
        >>> [float(x) for x in picture.axes[0].get_xlim()]
        [-1.0, 1.0]
    """
    look = theme_of(theme)
    checks.choice("flow", flow, FLOWS)
    runs = named(trajectories, labels, Trajectory, "trajectories")
    bounds = window_of(window)
    plane = slice_of(field, runs, equilibria, at, coordinates)
    names = axes if len(axes) == 2 else (axes[coordinates[0]], axes[coordinates[1]])
    page = figure(look, 5.8, 4.9)
    ax = dress(page.add_subplot(), look, symbol(names[0]), symbol(names[1]), title)
    ax.set(xlim=bounds[0], ylim=bounds[1])
    ratio = (bounds[1][1] - bounds[1][0]) / (bounds[0][1] - bounds[0][0])
    ax.set_box_aspect(ratio if 0.5 <= ratio <= 2 else 0.85)
    color_bar(page, ax, _flow(ax, plane, bounds, flow, look), look, "speed $|v|$", extend="max")
    lines = _nullclines(ax, plane, bounds, look)
    paths = [_run(ax, run, plane.coordinates, k, look) for k, (_, run) in enumerate(runs)]
    spots = _equilibria(ax, equilibria, plane.coordinates, look)
    placer = Placer(ax, look)
    for points in [*paths, *(line for pieces in lines for line in pieces)]:
        placer.avoid(points[:, 0], points[:, 1])
    _label_marks(placer, paths, spots, bounds, look)
    _label_runs(placer, runs, paths, bounds)
    _label_nullclines(placer, lines, plane, names)
    return page


# What is drawn ---------------------------------------------------------------------------------------------------


def _grid(bounds: Window, count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.linspace(*bounds[0], count), np.linspace(*bounds[1], count)


def _flow(ax: Axes, plane: Slice, bounds: Window, flow: str, theme: Theme) -> Any:
    """Draw the field and return what the color bar is for."""
    count = COARSE if flow == "streamlines" else COARSE // 2 + 1
    x, y = _grid(bounds, count)
    u, v = np.ma.masked_invalid(plane.read(*np.meshgrid(x, y)))
    speed = np.ma.hypot(u, v)
    top = float(np.quantile(speed.compressed(), 0.98)) if speed.count() else 1.0
    look: dict[str, Any] = {"cmap": quiet_map(theme), "zorder": 1}
    if flow == "arrows":
        long = np.ma.masked_equal(speed, 0)
        drawn = ax.quiver(x, y, u / long, v / long, speed, angles="xy", scale=26, width=0.0032, pivot="mid", **look)
    else:
        drawn = ax.streamplot(
            x, y, u, v, color=speed, linewidth=0.9, arrowsize=0.8, density=1.15, broken_streamlines=True, **look
        ).lines
        for arrow in ax.patches:
            arrow.set_in_layout(False)
        ax.set(xlim=bounds[0], ylim=bounds[1])
    drawn.set_clim(0, top or 1.0)
    return drawn


def _nullclines(ax: Axes, plane: Slice, bounds: Window, theme: Theme) -> list[list[np.ndarray]]:
    """Draw the two lines on which a velocity vanishes and return their points."""
    x, y = _grid(bounds, FINE)
    velocities = plane.read(*np.meshgrid(x, y))
    found = []
    for index, dashes in enumerate(((0, (6, 2.5)), (0, (1.2, 1.8)))):
        v = np.ma.masked_invalid(velocities[index])
        lines = contour_generator(x, y, v).lines(0.0) if v.count() else []
        kept = [_zeros(plane, index, np.asarray(line), float(np.abs(v).max())) for line in lines]
        for line in kept:
            ax.plot(*line.T, color=theme.soft, linestyle=dashes, linewidth=1.4, zorder=3, gid=f"nullcline {index}")
        found.append([line for line in kept if np.any(np.isfinite(line))])
    return found


def _zeros(plane: Slice, index: int, line: np.ndarray, scale: float) -> np.ndarray:
    """Blank the points of a line where the velocity jumps over zero and does not vanish."""
    values = plane.read(*line.T)[index]
    return np.where((np.abs(values) <= 0.005 * scale)[:, None], line, np.nan)


def _run(ax: Axes, run: Trajectory, coordinates: tuple[int, int], index: int, theme: Theme) -> np.ndarray:
    """Draw one run (or many starts) with a dot at the start and a marker at the end, and return its points."""
    color = category(theme, index)
    paths = run.path[None] if run.path.ndim == 2 else run.path
    paths = np.where(np.abs(paths) < 1e9, paths, np.nan)[..., list(coordinates)]
    for path in paths:
        dense = len(path) > 20_000
        ax.plot(*path.T, color=color, linewidth=1.5, zorder=5, rasterized=dense, solid_joinstyle="round")
        if len(path) <= 150:
            ax.plot(*path.T, ".", color=color, markersize=3, zorder=5)
        ax.plot(*path[0], "o", color=theme.panel, markeredgecolor=color, markersize=6, mew=1.6, zorder=6)
        ax.plot(*path[-1], marker(index), color=color, markeredgecolor=theme.panel, markersize=8, mew=0.9, zorder=8)
    apart = np.full((len(paths), 1, 2), np.nan)
    return np.concatenate([paths, apart], axis=1).reshape(-1, 2)


def _equilibria(ax: Axes, equilibria: Sequence[Any], coordinates: tuple[int, int], theme: Theme) -> np.ndarray:
    spots = np.array([joined_point(point)[list(coordinates)] for point in equilibria]).reshape(-1, 2)
    ring = ax.plot(*spots.T, "o", color="none", markeredgecolor=theme.ink, markersize=12, mew=1.6, zorder=7)[0]
    ring.set(path_effects=halo(theme, 3.5), gid="equilibria")
    ax.plot(*spots.T, "+", color=theme.ink, markersize=6, mew=1.2, zorder=7)
    return spots


def _label_marks(placer: Placer, paths: list[np.ndarray], spots: np.ndarray, bounds: Window, theme: Theme) -> None:
    """Say once what the rings are: the equilibrium, and the start where all runs share one."""
    low, high = np.array(bounds).T
    inside = spots[np.all((spots >= low) & (spots <= high), axis=1)]
    if len(inside):
        placer.label("equilibrium" if len(spots) == 1 else "equilibria", inside, theme.ink, near=9)
    starts = np.array([path[0] for path in paths]).reshape(-1, 2)
    alone = all(np.count_nonzero(np.isnan(path[:, 0])) == 1 or np.isnan(path[-2, 0]) for path in paths)
    if len(starts) and alone and np.all(starts == starts[0]) and np.all((starts[0] >= low) & (starts[0] <= high)):
        placer.label("start", starts[:1], theme.ink)


def _label_runs(placer: Placer, runs: list[tuple[str, Trajectory]], paths: list[np.ndarray], bounds: Window) -> None:
    low, high = np.array(bounds).T
    for k, ((label, _), path) in enumerate(zip(runs, paths, strict=True)):
        inside = path[np.all((path >= low) & (path <= high), axis=1)]
        if label and len(inside):
            picks = np.unique(np.linspace(len(inside) - 1, 0, 60).astype(int))[::-1]
            placer.label(label, inside[picks], category(placer.theme, k), size=SIZE)


def _label_nullclines(placer: Placer, lines: list[list[np.ndarray]], plane: Slice, names: Sequence[str]) -> None:
    for index, pieces in enumerate(lines):
        if pieces:
            points = np.vstack(pieces)
            points = points[np.all(np.isfinite(points), axis=1)]
            picks = points[np.linspace(0, len(points) - 1, 60).astype(int)]
            alone = plane.sizes[plane.owner(index)] == 1
            text = f"{plane.player(index)} rests" if alone else f"$v_{{{bare(names[index])}}} = 0$"
            placer.label(text, picks, placer.theme.soft, far=False)
