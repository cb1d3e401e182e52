"""Paths over steps: the coordinates of runs, and how far they are from an equilibrium."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from tussle.endings import Outcome
from tussle.plots.labels import line_ends, named, symbol
from tussle.plots.style import Theme, category, dress, figure, theme_of
from tussle.trajectory import Trajectory

MOST = 4  # coordinates that are shown unless others are asked for


def path_plot(
    trajectories: Any,
    labels: Sequence[str] = (),
    *,
    equilibrium: Any = None,
    axes: Sequence[str] = (),
    coordinates: Sequence[int] | None = None,
    endings: Sequence[Any] = (),
    title: str = "",
    theme: str | Theme = "light",
) -> Figure:
    """Draw the coordinates of runs over their steps and, on a logarithmic scale, the distance from an equilibrium.

    Args:
        trajectories: a run of one start, several, or a mapping from their labels.
        labels: one for each run.
        equilibrium: the point that the distance is measured from, one number or vector per player; the origin by
            default.
        axes: names of the game's parameters, such as `model.axes`.
        coordinates: which parameters to show; by default all of up to four, and of more none but the distance.
        endings: how each run ended: outcomes, endings or words.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if the runs are of many starts or of different games, or another argument does not fit them.
    """
    look = theme_of(theme)
    runs = named(trajectories, labels, Trajectory, "trajectories")
    size = _size(runs)
    target = np.zeros(size) if equilibrium is None else _target(equilibrium, size)
    shown = tuple(coordinates) if coordinates is not None else tuple(range(size)) if size <= MOST else ()
    names = _names(axes, size, shown)
    page = figure(look, 7.2, 1.35 * len(shown) + 2.4)
    panels = page.subplots(len(shown) + 1, 1, sharex=True, squeeze=False, height_ratios=[1] * len(shown) + [1.6])[:, 0]
    for row, (ax, c) in enumerate(zip(panels, shown, strict=False)):
        dress(ax, look, "", symbol(names[c]), title if row == 0 else "")
        _coordinate(ax, runs, c, target[c], look)
    aim = "the equilibrium" if equilibrium is not None else "the origin"
    last = dress(panels[-1], look, "step", f"distance from\n{aim}", "" if shown else title)
    page.align_ylabels(panels)
    _distances(last, runs, target, _words(endings, runs), look)
    return page


# What is asked for -----------------------------------------------------------------------------------------------


def _size(runs: list[tuple[str, Trajectory]]) -> int:
    sizes = {run.path.shape[-1] for _, run in runs}
    if len(sizes) != 1 or any(run.path.ndim != 2 for _, run in runs):
        came = "is empty" if not runs else "holds runs of many starts or of different games"
        message = f"`trajectories` {came}; it may hold runs of one start each of the same game; give at least one."
        raise ValueError(message)
    return sizes.pop()


def _target(equilibrium: Any, size: int) -> np.ndarray:
    target = np.concatenate([np.atleast_1d(np.asarray(x, dtype=float)) for x in equilibrium])
    if len(target) != size:
        message = (
            f"`equilibrium` has {len(target)} parameters and the runs have {size}; both must be of the same game; "
        )
        message += "give the equilibrium of the runs' game."
        raise ValueError(message)
    return target


def _names(axes: Sequence[str], size: int, shown: tuple[int, ...]) -> Sequence[str]:
    if any(not 0 <= c < size for c in shown):
        message = f"`coordinates` is {shown}; it may hold whole numbers from 0 to {size - 1}; give the indices of the "
        message += "parameters to show."
        raise ValueError(message)
    if axes and len(axes) != size:
        message = f"`axes` has {len(axes)} names for {size} parameters; give one for each, or none."
        raise ValueError(message)
    return axes or tuple(f"x{c}" for c in range(size))


def _words(endings: Sequence[Any], runs: list[Any]) -> list[str]:
    found = [endings] if isinstance(endings, (str, Outcome)) else list(endings)
    if found and len(found) != len(runs):
        message = f"`endings` has {len(found)} entries for {len(runs)} runs; give one for each run or none."
        raise ValueError(message)
    texts = [str(e.ending if isinstance(e, Outcome) else e).replace("_", " ") for e in found]
    return texts or [""] * len(runs)


# What is drawn ---------------------------------------------------------------------------------------------------


def _coordinate(ax: Axes, runs: list[tuple[str, Trajectory]], index: int, center: float, theme: Theme) -> None:
    ax.tick_params(labelbottom=False)
    ax.yaxis.label.set(rotation=0, ha="right", va="center")
    ax.axhline(center, color=theme.faint, lw=1, zorder=1, gid="equilibrium")
    low, high = _limits([run.path[:, index] for _, run in runs], center)
    for k, (_, run) in enumerate(runs):
        _line(ax, run, _until_it_leaves(run.path[:, index], low, high), category(theme, k))
    ax.set_ylim(low, high)


def _line(ax: Axes, run: Trajectory, values: np.ndarray, color: str) -> None:
    finite = np.where(np.isfinite(values), values, np.nan)
    ax.plot(run.at, finite, color=color, lw=1.5, zorder=3, rasterized=len(finite) > 20_000)


def _limits(values: list[np.ndarray], center: float) -> tuple[float, float]:
    """Return limits that show all of every run, but of one that flies off only as much as stays readable."""
    apart = [v[np.isfinite(v)] - center for v in values]
    first = max((float(abs(v[0])) for v in apart if len(v)), default=0.0)
    usual = min((float(np.median(np.abs(v))) for v in apart if len(v)), default=0.0)
    most = max(50 * first, min(usual, 1000 * first)) or min(usual, 1e6) or 1.0
    whole = np.clip(np.concatenate([*apart, [0.0]]), -most, most)
    room = 0.08 * float(np.ptp(whole)) or 0.5
    return center + float(whole.min()) - room, center + float(whole.max()) + room


def _until_it_leaves(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Blank the values outside of limits, but for the first one: the line goes to the edge and ends there."""
    inside = (values >= low) & (values <= high)
    near = inside | np.append(True, inside[:-1])
    return np.where(near, np.clip(values, 2 * low - high, 2 * high - low), np.nan)


def _distances(
    ax: Axes, runs: list[tuple[str, Trajectory]], target: np.ndarray, words: list[str], theme: Theme
) -> None:
    """Draw the distances and say at the end of each line whose it is and how it ended."""
    ax.set_yscale("log")
    ends = []
    for k, ((label, run), word) in enumerate(zip(runs, words, strict=True)):
        with np.errstate(over="ignore", invalid="ignore"):
            distance = np.linalg.norm(run.path - target, axis=1)
        _line(ax, run, np.where(distance > 0, np.clip(distance, 0, 1e14), np.nan), category(theme, k))
        known = distance[: max(int(np.argmin(np.append(distance < 1e12, False))), 1)]
        text = "\n".join(part for part in (label, word) if part)
        ends.append((float(run.at[len(known) - 1]), float(known[-1]), text, category(theme, k)))
    ax.set_xlim(0, max(max(run.steps for _, run in runs), 1))
    low, high = np.clip(ax.get_ylim(), 1e-18, 1e12)
    floor, ceiling = np.floor(np.log10(low)), np.ceil(np.log10(high))
    ax.set_ylim(10.0**floor, 10.0 ** max(ceiling, floor + 1))
    ax.yaxis.set_minor_formatter(NullFormatter())
    line_ends(ax, theme, [end for end in ends if end[2]])
