"""Bands: what sampled runs scatter over, against the path and the cloud that are computed without a sample."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tussle.ensembles import Ensemble
from tussle.forecasts import Forecast
from tussle.plots.labels import symbol
from tussle.plots.plateaux import key
from tussle.plots.style import Theme, category, dress, figure, mixed, theme_of
from tussle.trajectory import Trajectory

SHARE, REACH = 0.9, 1.6448536269514722  # a normal variable is within REACH standard deviations so often
MOST = 4  # coordinates that are shown unless others are asked for


def ensemble_bands(
    ensemble: Ensemble,
    exact: Trajectory,
    forecast: Forecast | None = None,
    *,
    axes: Sequence[str] = (),
    coordinates: Sequence[int] | None = None,
    title: str = "",
    theme: str | Theme = "light",
) -> Figure:
    """Draw where nine tenths of the sampled runs are, and what is computed without sampling: path and cloud.

    Args:
        ensemble: the sampled runs.
        exact: the exact path from the same start.
        forecast: the predicted cloud, drawn as mean +- 1.645 standard deviations.
        axes: names of the game's parameters, such as `model.axes`.
        coordinates: which parameters to show; by default the first four.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure, with one panel for each coordinate.

    Raises:
        ValueError: if a record is of another kind or of another game, or an argument does not fit.
    """
    look = theme_of(theme)
    size = _check(ensemble, exact, forecast)
    shown = tuple(range(min(size, MOST))) if coordinates is None else tuple(coordinates)
    names = _names(axes, size, shown)
    page = figure(look, 7.6, 2.15 * len(shown) + 1.5)
    panels = page.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    low, high = ensemble.band(SHARE)
    for row, (ax, c) in enumerate(zip(panels, shown, strict=True)):
        last = row == len(shown) - 1
        dress(ax, look, "step" if last else "", symbol(names[c]), title if row == 0 else "")
        ax.tick_params(labelbottom=last)
        ax.yaxis.label.set(rotation=0, ha="right", va="center")
        _sampled(ax, ensemble, low[:, c], high[:, c], c, look)
        _computed(ax, exact, forecast, c, look)
        ax.set_xlim(0, max(int(ensemble.at[-1]), 1))
    page.align_ylabels(panels)
    _keys(page, ensemble, forecast, look)
    return page


# What is asked for -----------------------------------------------------------------------------------------------


def _check(ensemble: Any, exact: Any, forecast: Any) -> int:
    """Return the number of parameters of all three."""
    wanted = (("ensemble", ensemble, Ensemble), ("exact", exact, Trajectory), ("forecast", forecast, Forecast))
    for name, thing, kind in wanted:
        if not isinstance(thing, kind) and not (name == "forecast" and thing is None):
            article = "an" if kind is Ensemble else "a"
            message = f"`{name}` is a {type(thing).__name__}; it must be {article} {kind.__name__}; give one."
            raise ValueError(message)
    size = ensemble.path.shape[2]
    for name, path in (("exact", exact.path), ("forecast", None if forecast is None else forecast.mean)):
        if path is not None and (path.ndim != 2 or path.shape[1] != size):
            message = f"`{name}` has a path of shape {path.shape} for runs of {size} parameters; it must be one path "
            message += "of the same game; give that of the ensemble's method and start."
            raise ValueError(message)
    if forecast is not None and (forecast.size, forecast.frozen) != (ensemble.size, ensemble.frozen):
        message = f"`forecast` is for {_protocol(forecast)} and `ensemble` has {_protocol(ensemble)}; both must be "
        message += "sampled alike; give the same `size` and `frozen` to both."
        raise ValueError(message)
    return size


def _protocol(found: Ensemble | Forecast) -> str:
    return f"one frozen batch of {found.size:,} a run" if found.frozen else f"fresh batches of {found.size:,}"


def _names(axes: Sequence[str], size: int, shown: tuple[int, ...]) -> Sequence[str]:
    if not shown or any(not 0 <= c < size for c in shown):
        message = f"`coordinates` is {shown}; it must hold whole numbers from 0 to {size - 1}; give the indices of the "
        message += "parameters to show."
        raise ValueError(message)
    if axes and len(axes) != size:
        message = f"`axes` has {len(axes)} names for {size} parameters; give one for each, or none."
        raise ValueError(message)
    return axes or tuple(f"x{c}" for c in range(size))


# What is drawn ---------------------------------------------------------------------------------------------------


def _colors(theme: Theme) -> tuple[str, str, str]:
    """Return the colors of the band, of the sampled mean and of what is computed."""
    blue = category(theme, 0)
    return mixed(blue, theme.panel, 0.68), mixed(blue, theme.panel, 0.2), category(theme, 1)


def _sampled(ax: Axes, ensemble: Ensemble, low: np.ndarray, high: np.ndarray, c: int, theme: Theme) -> None:
    band, mean, _ = _colors(theme)
    dense = len(ensemble.at) > 20_000
    ax.fill_between(ensemble.at, low, high, color=band, lw=0, zorder=1, gid="band", rasterized=dense)
    ax.plot(ensemble.at, ensemble.mean[:, c], color=mean, lw=4.5, zorder=2, gid="mean", rasterized=dense)


def _computed(ax: Axes, exact: Trajectory, forecast: Forecast | None, c: int, theme: Theme) -> None:
    color = _colors(theme)[2]
    dense = len(exact.at) > 20_000
    ax.plot(exact.at, exact.path[:, c], color=theme.ink, lw=1.3, zorder=4, gid="exact", rasterized=dense)
    if forecast is None:
        return
    for side in (-REACH, REACH):
        edge = forecast.mean[:, c] + side * forecast.sd[:, c]
        style: dict[str, Any] = {"color": color, "ls": (0, (4, 1.6)), "lw": 1.6, "zorder": 3}
        ax.plot(forecast.at, edge, gid="forecast", rasterized=dense, **style)


def _keys(page: Figure, ensemble: Ensemble, forecast: Forecast | None, theme: Theme) -> None:
    """Say above the panels what was sampled, and what needed no sample."""
    band, mean, line = _colors(theme)
    runs, steps = len(ensemble.path), int(ensemble.at[-1])
    drawn = runs * ensemble.size * (1 if ensemble.frozen else steps)
    handles: list[Any] = [Patch(facecolor=band), Line2D([], [], color=mean, lw=4.5)]
    words = [f"the middle 90 % of {runs:,} runs", "their mean"]
    heading = f"SAMPLED: {drawn:,} data points, {_protocol(ensemble)}"
    key(page, handles, words, theme, heading, loc="outside upper left")
    handles = [Line2D([], [], color=theme.ink, lw=1.3)]
    words = ["the exact path"]
    if forecast is not None:
        handles.append(Line2D([], [], color=line, ls=(0, (4, 1.6)), lw=1.6))
        words.append("90 % of the runs, predicted: mean ± 1.645 sd")
    key(page, handles, words, theme, "COMPUTED: no sample, one path", loc="outside upper right")
