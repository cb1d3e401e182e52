"""What a network makes and how its training goes: grids of samples, and curves of what was logged."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from tussle.autodiff import to_numpy
from tussle.plots.labels import line_ends
from tussle.plots.style import Theme, category, dress, figure, theme_of

CELL = 0.62  # inches a sample
GAP = 0.06  # between samples, as a share of their width


def sample_grid(
    images: Any,
    *,
    columns: int | None = None,
    limits: tuple[float, float] | None = None,
    title: str = "",
    theme: str | Theme = "light",
) -> Figure:
    """Draw images side by side.

    Args:
        images: (n, h, w), (n, 1, h, w) or (n, 3, h, w), NumPy or PyTorch.
        columns: images in a row; by default as many as make the grid square.
        limits: the values of black and white, such as (-1, 1); by default the least and the largest that come.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if the shape is another.
    """
    look = theme_of(theme)
    pixels = _pixels(images, limits)
    wide = min(columns or math.ceil(math.sqrt(len(pixels))), len(pixels))
    sheet = _sheet(pixels, wide, look.paper)
    width = min(max(CELL * wide, 2.4), 9.0)
    page = figure(look, width, width * sheet.shape[0] / sheet.shape[1] + (0.35 if title else 0.05))
    ax = dress(page.add_subplot(), look, title=title)
    ax.imshow(sheet, interpolation="nearest", gid="samples")
    ax.set_axis_off()
    return page


def _pixels(images: Any, limits: tuple[float, float] | None) -> np.ndarray:
    """Return images as (n, h, w, 3) with values from 0 to 1."""
    found = np.asarray(to_numpy(images), dtype=float)
    found = found[:, None] if found.ndim == 3 else found
    if found.ndim != 4 or found.shape[1] not in (1, 3) or len(found) == 0:
        message = f"`images` has shape {found.shape}; it may be (n, h, w), (n, 1, h, w) or (n, 3, h, w); bring the "
        message += "channels to the second place."
        raise ValueError(message)
    finite = found[np.isfinite(found)]
    low, high = limits or (float(finite.min(initial=0.0)), float(finite.max(initial=0.0)))
    scaled = np.clip((np.nan_to_num(found, nan=low) - low) / ((high - low) or 1.0), 0, 1)
    return np.moveaxis(np.broadcast_to(scaled, (len(found), 3, *found.shape[2:])), 1, -1)


def _sheet(pixels: np.ndarray, columns: int, paper: str) -> np.ndarray:
    """Put images into rows, the paper between them."""
    blow = math.ceil(32 / pixels.shape[2])  # small images are enlarged, so that the gaps stay narrow
    pixels = pixels.repeat(blow, axis=1).repeat(blow, axis=2)
    count, high, wide, _ = pixels.shape
    gap = max(1, round(GAP * wide))
    rows = math.ceil(count / columns)
    sheet = np.tile(to_rgb(paper), (rows * (high + gap) - gap, columns * (wide + gap) - gap, 1))
    for k, image in enumerate(pixels):
        top, left = (k // columns) * (high + gap), (k % columns) * (wide + gap)
        sheet[top : top + high, left : left + wide] = image
    return sheet


# Curves ----------------------------------------------------------------------------------------------------------


def curves(
    record: Mapping[str, Any],
    *,
    x: str = "step",
    smooth: int = 1,
    title: str = "",
    theme: str | Theme = "light",
) -> Figure:
    """Draw what a training logged, one panel for each first word of the names.

    `loss_generator` and `loss_discriminator` share the panel `loss`, `logit_real` and `logit_fake` the panel `logit`.
    A panel whose values are positive and span three decades is logarithmic.

    Args:
        record: values by name, (n,) each; under `x` the steps that they belong to.
        x: name of the steps; without it they are counted.
        smooth: values that are averaged; the raw ones stay visible behind.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if there is nothing to draw, or the lengths differ.
    """
    look = theme_of(theme)
    values = {name: np.asarray(to_numpy(v), dtype=float).reshape(-1) for name, v in record.items()}
    steps = values.pop(x, None)
    _check(values, steps)
    groups: dict[str, list[str]] = {}
    for name in values:
        groups.setdefault(_group(name), []).append(name)
    page = figure(look, 7.2, 1.75 * len(groups) + 0.7)
    panels = page.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    for row, (ax, (group, names)) in enumerate(zip(panels, groups.items(), strict=True)):
        word = group if len(names) > 1 else names[0].replace("_", " ")
        dress(ax, look, x if ax is panels[-1] else "", word, title if row == 0 else "")
        ax.tick_params(labelbottom=ax is panels[-1])
        _panel(ax, {name: values[name] for name in names}, steps, smooth, look)
    for ax, (group, names) in zip(panels, groups.items(), strict=True):
        if len(names) > 1:
            _ends(ax, group, {name: values[name] for name in names}, smooth, look)
    page.align_ylabels(panels)
    return page


def _check(values: Mapping[str, np.ndarray], steps: np.ndarray | None) -> None:
    lengths = {len(v) for v in values.values()} | ({len(steps)} if steps is not None else set())
    if not values or len(lengths) != 1 or lengths == {0}:
        came = f"lists of lengths {sorted(lengths)}" if values else "nothing to draw"
        message = f"`record` holds {came}; it may hold values of one length under their names; give at least one."
        raise ValueError(message)


def _group(name: str) -> str:
    return name.replace("/", "_").split("_")[0]


def _smoothed(values: np.ndarray, width: int) -> np.ndarray:
    """Return the mean of each value and up to `width` - 1 before it."""
    total = np.cumsum(np.concatenate([[0.0], values]))
    end = np.arange(1, len(values) + 1)
    begin = np.maximum(end - width, 0)
    return (total[end] - total[begin]) / (end - begin)


def _panel(ax: Axes, values: Mapping[str, np.ndarray], steps: np.ndarray | None, smooth: int, theme: Theme) -> None:
    known = np.concatenate([v[np.isfinite(v)] for v in values.values()])
    if len(known) and known.min() > 0 and known.max() > 1e3 * known.min():
        ax.set_yscale("log")
    elif len(known) and known.min() < 0 < known.max():
        ax.axhline(0, color=theme.faint, lw=0.8, zorder=1)
    for k, (name, raw) in enumerate(values.items()):
        at = np.arange(len(raw)) if steps is None else steps
        dense = len(raw) > 20_000
        look: dict[str, Any] = {"color": category(theme, k), "rasterized": dense}
        if smooth > 1:
            ax.plot(at, raw, lw=0.7, alpha=0.3, zorder=2, **look)
        ax.plot(at, _smoothed(raw, smooth) if smooth > 1 else raw, lw=1.5, zorder=3, gid=name, **look)
        ax.set_xlim(at[0], at[-1] if at[-1] > at[0] else at[0] + 1)


def _ends(ax: Axes, group: str, values: Mapping[str, np.ndarray], smooth: int, theme: Theme) -> None:
    found = []
    for k, (name, raw) in enumerate(values.items()):
        known = _smoothed(raw, smooth)
        word = name[len(group) :].strip("_/ ").replace("_", " ") or name
        found.append((ax.get_xlim()[1], float(known[-1]), word, category(theme, k)))
    line_ends(ax, theme, found)
