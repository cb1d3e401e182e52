"""The cost surface of an erf-LSGAN: its value over two parameters, the plateaux on it, and where a run goes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from contourpy import contour_generator
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy.ndimage import maximum_filter

from tussle import checks
from tussle.game import split
from tussle.lowdim.critical import gradients
from tussle.lowdim.plateau import CLASSES, classes, corners, values
from tussle.models.erf_lsgan import NAMES, ErfLSGAN
from tussle.plots.labels import Placer, number, symbol
from tussle.plots.plateaux import SHORT, key, region_names, regions, stretches, swatch
from tussle.plots.slices import Window, window_of
from tussle.plots.style import SIZE, Theme, color_bar, dress, figure, halo, mixed, quiet_map, theme_of
from tussle.records import record
from tussle.trajectory import Trajectory

FINE = 161  # grid points a side
NOUGHT = 1e-13  # slopes below which a sign is not trusted
VALUES = {"paper": ("cost", "J"), "zero_sum": ("value", "V"), "labels": ("cost", "L_D")}
DASHES = ((0, (5, 2)), (0, (1.2, 1.6)))  # of the two lines where the value is level


@record
class Surface:
    """The value and its relatives on a grid over two parameters.

    Attributes:
        x: (n,).
        y: (n,).
        value: (n, n), rows along y.
        real: p = E D(X)^2, (n, n).
        fake: q = E (1 - D(G))^2, (n, n).
        slopes: derivatives of the value along x and y, (2, n, n).
    """

    x: np.ndarray
    y: np.ndarray
    value: np.ndarray
    real: np.ndarray
    fake: np.ndarray
    slopes: np.ndarray


def cost_surface(
    model: Any,
    path: Trajectory | None = None,
    *,
    window: Any,
    axes: Sequence[str] = ("b", "h"),
    title: str | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Draw the value of an erf-LSGAN over two of a, b, g, h, its plateaux, and a run on it.

    Hatched are the four plateaux, where the discriminator is saturated; dashed the lines where a derivative of the
    value vanishes. With a run the value along it stands beside the surface.

    Args:
        model: from `models.erf_lsgan`, with closed forms.
        path: a run of the model from one start.
        window: ((left, right), (bottom, top)).
        axes: the two parameters, (horizontal, vertical); the others keep the model's values.
        title: of the picture; by default the value and what the other parameters are.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if an argument does not fit; the message says which.

    Example:
        >>> import tussle
        >>> picture = cost_surface(tussle.models.erf_lsgan("A"), window=((-4, 2), (-2.1, 3.1)))
        >>> picture.axes[0].get_title(loc="left")
        'cost $J$ at $a$ = 2.2, $g$ = 1.5'
    """
    look = theme_of(theme)
    game, names, bounds = _game(model), _axes(axes), window_of(window)
    if path is not None:
        _check_path(path, game)
    seen = _surface(game, names, bounds)
    page = figure(look, 9.6 if path is not None else 6.4, 5.4)
    kind, sign = VALUES[game.cost.name]
    word = f"{kind} ${sign}$"
    heading = _heading(word, game, path, names) if title is None else title
    columns = 1 if path is None else 2
    panels: Any = page.subplots(1, columns, squeeze=False, width_ratios=(1.7, 1)[:columns])[0]
    ax = dress(panels[0], look, symbol(names[0]), symbol(names[1]), heading)
    ax.set(xlim=bounds[0], ylim=bounds[1])
    color_bar(page, ax, _filled(ax, seen, look), look, word)
    slopes = [rf"\partial {sign}/\partial {name}" for name in names]
    there = regions(ax, seen.x, seen.y, (seen.real, seen.fake), look)
    level = _level_lines(ax, seen, names, look)
    walk = None
    if path is not None:
        walk = _walk(path, game, names)
        _run(ax, walk, look)
        there |= _along(dress(panels[1], look, "step", "", f"{word} along the run"), path, game, look)
    _key(page, there, level, seen, slopes, look)
    _words(ax, seen, level, walk, slopes, bounds, look)
    return page


# What is asked for -----------------------------------------------------------------------------------------------


def _game(model: Any) -> ErfLSGAN:
    game = getattr(model, "game", model)
    if not isinstance(game, ErfLSGAN):
        message = f"`model` has a {type(game).__name__} as its game; it must be an erf-LSGAN with closed forms; give "
        message += "that of models.erf_lsgan without panels, log costs or the logistic discriminator."
        raise ValueError(message)
    return game


def _axes(axes: Sequence[str]) -> tuple[str, str]:
    names = tuple(axes)
    if len(names) != 2 or names[0] == names[1]:
        message = f"`axes` is {tuple(axes)!r}; it must hold two different ones of a, b, g, h; give such as ('b', 'h')."
        raise ValueError(message)
    for name in names:
        checks.choice("axes", name, NAMES)
    return names[0], names[1]


def _check_path(path: Any, game: ErfLSGAN) -> None:
    if not isinstance(path, Trajectory):
        message = f"`path` is a {type(path).__name__}; it must be a Trajectory; give that of run(...)."
        raise ValueError(message)
    if path.path.ndim != 2 or tuple(path.sizes) != game.sizes:
        message = f"`path` is of shape {path.path.shape} for players of {tuple(path.sizes)} parameters; it must be one "
        message += f"run of the model, whose players have {game.sizes}; give such a run."
        raise ValueError(message)


def _walk(path: Trajectory, game: ErfLSGAN, names: tuple[str, str]) -> np.ndarray:
    """Return the two parameters along a run."""
    whole: dict[str, Any] = dict(zip(NAMES, game.full(split(path.path, game.sizes)), strict=True))
    walk = np.column_stack([np.broadcast_to(np.asarray(whole[n], float), path.at.shape) for n in names])
    return np.where(np.isfinite(walk), walk, np.nan)


def _heading(word: str, game: ErfLSGAN, path: Trajectory | None, names: tuple[str, str]) -> str:
    """Say what is drawn, where the other parameters stand, and whether the run moves them."""
    others = [n for n in NAMES if n not in names]
    moved = [symbol(n) for n in others if path is not None and n in game.free]
    told = f"; the run moves {' and '.join(moved)} too" if moved else ""
    return f"{word} at " + ", ".join(f"{symbol(n)} = {number(float(getattr(game, n)))}" for n in others) + told


def _surface(game: ErfLSGAN, names: tuple[str, str], bounds: Window) -> Surface:
    x, y = (np.linspace(*side, FINE) for side in bounds)
    full = np.tile([float(getattr(game, n)) for n in NAMES], (FINE * FINE, 1))
    places = [NAMES.index(n) for n in names]
    full[:, places[0]], full[:, places[1]] = (v.ravel() for v in np.meshgrid(x, y))
    whole = replace(game, free=("g", "h", "a", "b"), policy="allow")
    points = full[:, [2, 3, 0, 1]]
    grid = (FINE, FINE)
    slopes = gradients(game, full)[:, places].T.reshape(2, *grid)
    p, q = corners(whole, points)
    return Surface(x, y, values(whole, points).reshape(grid), p.reshape(grid), q.reshape(grid), slopes)


# What is drawn ---------------------------------------------------------------------------------------------------


def _filled(ax: Axes, seen: Surface, theme: Theme) -> Any:
    """Fill the surface between its level lines; return what the color bar is for."""
    low, high = float(seen.value.min()), float(seen.value.max())
    levels = MaxNLocator(14, min_n_ticks=6).tick_values(low, high if high > low else low + 1e-9)
    drawn = ax.contourf(seen.x, seen.y, seen.value, levels=levels, cmap=quiet_map(theme), zorder=1)
    thin = mixed(theme.panel, theme.ink, 0.25)
    ax.contour(seen.x, seen.y, seen.value, levels=levels, colors=[thin], linewidths=0.35, zorder=1.7)
    drawn.set_gid("value")
    return drawn


def _level_lines(ax: Axes, seen: Surface, names: tuple[str, str], theme: Theme) -> list[list[np.ndarray]]:
    """Draw where the derivative along x, and along y, vanishes; return the points of both."""
    found = []
    for name, slope, dashes in zip(names, seen.slopes, DASHES, strict=True):
        trusted = maximum_filter(np.abs(slope), 3) > NOUGHT  # elsewhere rounding decides the sign
        made: Any = contour_generator(seen.x, seen.y, np.ma.array(slope, mask=~trusted)).lines(0.0)
        pieces = [np.asarray(line) for line in made]
        for piece in pieces:
            line = ax.plot(*piece.T, color=theme.ink, linestyle=dashes, lw=1.5, zorder=3, gid=f"level {name}")[0]
            line.set(path_effects=halo(theme, 3))
        found.append(pieces)
    return found


def _run(ax: Axes, walk: np.ndarray, theme: Theme) -> None:
    """Draw a run with a ring at its start and a square at its end."""
    line = ax.plot(*walk.T, color=theme.ink, lw=2.2, zorder=6, solid_joinstyle="round", gid="run")[0]
    line.set(path_effects=halo(theme, 4.6))
    _ends(ax, walk, theme)


def _ends(ax: Axes, walk: np.ndarray, theme: Theme) -> None:
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for point, sign, face, size in ((walk[0], "o", theme.panel, 8.0), (walk[-1], "s", theme.ink, 7.5)):
        mark = ax.plot(*point, sign, color=face, markeredgecolor=theme.ink, markersize=size, mew=1.8, zorder=7)[0]
        inside = left <= point[0] <= right and bottom <= point[1] <= top
        mark.set(path_effects=halo(theme, 4), gid="start" if sign == "o" else "end", clip_on=not inside)


def _along(ax: Axes, path: Trajectory, game: ErfLSGAN, theme: Theme) -> set[int]:
    """Draw the value along a run, with the stretches that it spends on plateaux; return which these are."""
    with np.errstate(all="ignore"):
        value, which = values(game, path.path), classes(*corners(game, path.path))
    steps, known = max(path.steps, 1), value[np.isfinite(value)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    room = 0.12 * (high - low) or 0.1
    ax.set(xlim=(-0.02 * steps, 1.03 * steps), ylim=(low - room, high + room))
    stretches(ax, path.at, value, which, theme)
    walk = np.column_stack([path.at, value])
    line = ax.plot(*walk.T, color=theme.ink, lw=2.0, zorder=5, gid="value along the run")[0]
    line.set(path_effects=halo(theme, 4))
    _ends(ax, walk, theme)
    return {int(k) for k in which if CLASSES[int(k)] != "none"}


# What is written -------------------------------------------------------------------------------------------------


def _key(
    page: Figure, there: set[int], level: list[list[np.ndarray]], seen: Surface, slopes: Any, theme: Theme
) -> None:
    """Say below the picture what the plateaux are, and which derivative has no zero."""
    handles: list[Any] = [swatch(theme, k) for k in sorted(there)]
    labels = [f"{CLASSES[k]}  {SHORT[CLASSES[k]]}" for k in sorted(there)]
    for word, pieces, slope in zip(slopes, level, seen.slopes, strict=True):
        if not pieces and (slope.max() < 0 or slope.min() > 0):
            handles.append(Line2D([], [], ls="none"))
            sign = "<" if slope.max() < 0 else ">"
            labels.append(f"${word} {sign} 0$ everywhere: no critical point in this window")
    if handles:
        heading = "hatched: plateaux, on which the discriminator is saturated" if there else ""
        columns = 2 if page.get_figwidth() > 8 else 1
        place: dict[str, Any] = {"loc": "outside lower left", "ncols": columns, "columnspacing": 2.5}
        key(page, handles, labels, theme, heading, **place)


def _words(ax: Axes, seen: Surface, level: Any, walk: Any, slopes: Any, bounds: Window, theme: Theme) -> None:
    """Name the plateaux where they are wide, the level lines, and both ends of the run."""
    which = classes(seen.real, seen.fake)
    placer = Placer(ax, theme)
    low, high = np.array(bounds).T
    for pieces in level:
        for piece in pieces:
            placer.avoid(*piece.T)
    if walk is not None:
        placer.avoid(*walk.T)
    lines = [piece for pieces in level for piece in pieces] + ([] if walk is None else [walk])
    for text in region_names(ax, seen.x, seen.y, which, lines, theme):
        placer.taken(text)
    if walk is not None:
        for word, point in (("start", walk[0]), ("end", walk[-1])):
            if np.all((point >= low) & (point <= high)):
                placer.label(word, point, theme.ink, near=9, size=SIZE)
    for word, pieces in zip(slopes, level, strict=True):
        if pieces:
            points = np.vstack(pieces)
            picks = points[np.linspace(0, len(points) - 1, 60).astype(int)]
            placer.label(f"${word} = 0$", picks, theme.ink, size=SIZE, far=False)
