"""Pictures of an analysis."""

from pathlib import Path
from typing import Any

import numpy as np


def analysis_pictures(found: Any, folder: Path, theme: str) -> list[Path]:
    """Write the phase portrait, the spectra of flow and map, and the path of an analysis; return their places.

    Spectra that are undefined and portraits of games with a single parameter are left out.
    """
    from tussle import plots

    made = {"portrait.png": _portrait(found, theme)} if found.trajectory.path.shape[1] > 1 else {}
    if found.flow is not None and found.flow.smooth:
        made["flow.png"] = plots.flow_spectrum(found.flow, theme=theme)
        made["map.png"] = plots.map_spectrum(found.map, theme=theme)
    made["path.png"] = plots.path_plot(
        found.trajectory, axes=found.model.axes, equilibrium=found.equilibrium, endings=[found.outcome], theme=theme
    )
    if "plateau" in found.told and found.trajectory.path.shape[1] > 1:
        made["surface.png"] = _surface(found, theme)
    return [plots.save(figure, folder / name) for name, figure in made.items()]


def _surface(found: Any, theme: str) -> Any:
    """Return the value over two free parameters: b and h where both are free, else the first two."""
    from tussle import plots

    free = found.model.game.free
    axes = ("b", "h") if {"b", "h"} <= set(free) else tuple(free[:2])
    columns = (free.index(axes[0]), free.index(axes[1]))
    window = window_of(found.trajectory.path[:, list(columns)], [], columns)
    return plots.cost_surface(found.model, found.trajectory, window=(window[0], window[1]), axes=axes, theme=theme)


def _portrait(found: Any, theme: str) -> Any:
    from tussle import plots

    sizes = found.trajectory.sizes
    coordinates = (0, sizes[0])
    axes = tuple(found.model.axes[k] for k in coordinates)
    points = [] if found.equilibrium is None else [found.equilibrium]
    window = window_of(found.trajectory.path[:, list(coordinates)], points, coordinates)
    others = found.equilibrium if found.equilibrium is not None else found.model.start
    at = others if sum(sizes) > 2 else None
    return plots.phase_portrait(
        found.method.field,
        found.trajectory,
        points,
        window=window,
        axes=axes,
        at=at,
        coordinates=coordinates,
        theme=theme,
    )


def window_of(path: np.ndarray, points: list[Any], coordinates: tuple[int, int]) -> list[tuple[float, float]]:
    """Return a window around a path (n, 2) and some points, with a margin."""
    shown = [path[np.all(np.isfinite(path), axis=1)]]
    shown += [np.concatenate([np.atleast_1d(x) for x in p])[None, list(coordinates)] for p in points]
    every = np.vstack(shown)
    every = every[np.abs(every).max(axis=1) < 1e3 * (1 + np.abs(every[0]).max())]
    spans = []
    for values in every.T:
        low, high = float(values.min()), float(values.max())
        margin = 0.15 * max(high - low, 1e-3 * max(1.0, abs(low), abs(high)))
        spans.append((low - margin, high + margin))
    return spans
