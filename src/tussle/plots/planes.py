"""Two-dimensional samples: what is real, what was made, and what the critic says of the plane around them."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tussle.autodiff import to_numpy
from tussle.plots.style import Theme, category, color_bar, dress, figure, font, halo, quiet_map, theme_of

SIDE = 4.6  # inches of a panel
MOST = 3000  # points that are drawn of each kind


def plane_samples(
    real: Any,
    fake: Any,
    *,
    window: tuple[float, float, float, float] | None = None,
    scores: Any = None,
    title: str = "",
    theme: str | Theme = "light",
) -> Figure:
    """Draw real and generated points of the plane over one another, and the critic's scores behind them.

    Args:
        real: (n, 2).
        fake: (m, 2).
        window: (left, right, bottom, top); by default what holds the real points with a margin.
        scores: the critic's scores on a grid of the window, (rows, columns), the first row at the bottom; or None.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure; points outside the window are counted in its corner.

    Raises:
        ValueError: if points are not of the plane.
    """
    look = theme_of(theme)
    points = [_points(name, x) for name, x in (("real", real), ("fake", fake))]
    left, right, low, high = window or window_around(points[0])
    page = figure(look, SIDE + (0.9 if scores is not None else 0.0), SIDE + 0.45)
    ax = dress(page.add_subplot(), look, title=title)
    if scores is not None:
        shown = ax.imshow(
            np.asarray(scores, dtype=float), extent=(left, right, low, high), origin="lower", cmap=quiet_map(look),
            interpolation="bilinear", aspect="equal",
        )  # fmt: skip
        color_bar(page, ax, shown, look, "critic's score: large where it thinks real")
    shapes = (("real", "o", category(look, 0), 9), ("generated", "x", category(look, 1), 16))
    for (name, shape, color, size), x in zip(shapes, points, strict=True):
        near = x[:MOST]
        edge: Any = {} if shape == "x" else {"edgecolors": "none"}
        width = 1.1 if shape == "x" else 0.0
        ax.scatter(near[:, 0], near[:, 1], s=size, marker=shape, color=color, alpha=0.75, label=name, gid=name,
                   linewidths=width, **edge)  # fmt: skip
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)
    ax.set_aspect("equal")
    made = ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=2, frameon=False, labelcolor=look.ink)
    made.set_gid("legend")
    fakes = points[1]
    inside = (fakes[:, 0] >= left) & (fakes[:, 0] <= right) & (fakes[:, 1] >= low) & (fakes[:, 1] <= high)
    if not inside.all():
        words = f"{int((~inside).sum())} of {len(fakes)} generated points lie outside"
        ax.text(0.02, 0.02, words, transform=ax.transAxes, path_effects=halo(look), **font(look.ink))
    return page


def window_around(points: np.ndarray, margin: float = 0.25) -> tuple[float, float, float, float]:
    """Return a square window that holds points of the plane, with a margin."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, (0.5 + margin) * max(float((high - low).max()), 1e-6)
    return tuple(float(v) for v in (middle[0] - half, middle[0] + half, middle[1] - half, middle[1] + half))  # type: ignore[return-value]


def _points(name: str, x: Any) -> np.ndarray:
    found = np.asarray(to_numpy(x), dtype=float)
    if found.ndim != 2 or found.shape[1] != 2 or len(found) == 0:
        message = f"`{name}` has shape {found.shape}; it must be (n, 2); draw images with sample_grid."
        raise ValueError(message)
    return found


def animation(frames: list[Path], path: Path, milliseconds: int = 200) -> Path:
    """Join pictures to an animation that anything can show, an animated GIF; the last frame stays longest.

    Args:
        frames: PNG files of one size.
        path: where to, ending in .gif.
        milliseconds: that a frame is shown.

    Returns:
        the path.

    Raises:
        ValueError: if there is no frame.
    """
    import io
    import os

    from PIL import Image

    if not frames:
        message = "`frames` is empty; an animation needs at least one picture; draw samples more often."
        raise ValueError(message)
    pictures = [Image.open(frame).convert("RGB") for frame in frames]
    colors = [one.quantize(128, dither=Image.Dither.NONE) for one in pictures]
    sink = io.BytesIO()
    lasting = [milliseconds] * (len(colors) - 1) + [8 * milliseconds]
    colors[0].save(sink, format="GIF", save_all=True, append_images=colors[1:], duration=lasting, loop=0)
    partial = path.with_name(f".{path.name}.part")
    partial.write_bytes(sink.getvalue())
    os.replace(partial, path)
    return path
