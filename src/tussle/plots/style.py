"""The look of all pictures: two themes, the figure they are drawn on, and how it is written to a file.

Nothing global is touched: figures are made without pyplot, every artist is given its own colors and fonts, and the
few settings that only the writers know are set for the length of one `save`.
"""

import contextlib
import os
import threading
import uuid
from pathlib import Path
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap, ListedColormap, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from tussle import checks

FONT = "DejaVu Sans"  # ships with matplotlib: the same picture on every machine
SIZE, SMALL, TITLE = 9.0, 8.0, 10.5
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
FORMATS = ("pdf", "png", "svg")

Layout = Literal["compressed", "constrained"]

_saving = threading.Lock()
_writers: Any = {
    "pdf.fonttype": 42,  # fonts embedded whole, as text that can be edited
    "svg.fonttype": "path",  # glyphs as curves: no font is needed to read the file
    "svg.hashsalt": "tussle",
    "savefig.bbox": None,
    "path.simplify": True,
}


class Theme(NamedTuple):
    """The colors of a picture.

    Attributes:
        name: `light` or `dark`, or your own.
        paper: the background.
        panel: the background of the axes.
        ink: text and the lines that matter.
        soft: ticks and secondary text.
        faint: grids and frames.
        colors: of categories, told apart with any color vision (Okabe and Ito 2008).
        stable: the ramp below the boundary, from far to near.
        unstable: the ramp above the boundary, from near to far.
        quiet: the ramp of backgrounds, from small to large.
        values: the perceptually uniform map of values, and the part of it that shows on the paper.
    """

    name: str
    paper: str
    panel: str
    ink: str
    soft: str
    faint: str
    colors: tuple[str, ...]
    stable: tuple[str, ...]
    unstable: tuple[str, ...]
    quiet: tuple[str, ...]
    values: tuple[str, float, float]


LIGHT = Theme(
    name="light",
    paper="#FFFFFF",
    panel="#FFFFFF",
    ink="#1A1C20",
    soft="#5A5F69",
    faint="#D3D6DB",
    colors=("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6B6F76"),
    stable=("#0A3D6B", "#2B7BB5", "#84B9DE", "#DCEBF6"),
    unstable=("#FCE8D6", "#F2AD72", "#D0651B", "#7D3200"),
    quiet=("#DADFE6", "#98A3B3", "#4C5A70"),
    values=("viridis", 0.0, 0.88),
)
DARK = Theme(
    name="dark",
    paper="#14171C",
    panel="#14171C",
    ink="#EEF0F3",
    soft="#A3A9B4",
    faint="#3A404A",
    colors=("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#F2F3F5"),
    stable=("#8FC7EC", "#4F9ED2", "#22608F", "#173149"),
    unstable=("#402616", "#8F4A17", "#C9752E", "#EBA96E"),
    quiet=("#3C4452", "#667387", "#A6B3C7"),
    values=("viridis", 0.34, 1.0),
)
THEMES = {"light": LIGHT, "dark": DARK}


def theme_of(theme: str | Theme) -> Theme:
    """Return the theme of that name; a `Theme` stays what it is.

    Raises:
        ValueError: if there is no such theme.

    Example:
        >>> theme_of("dark").paper
        '#14171C'
    """
    return theme if isinstance(theme, Theme) else THEMES[checks.choice("theme", theme, THEMES)]


# Colors ----------------------------------------------------------------------------------------------------------


def category(theme: Theme, index: int) -> str:
    """Return the color of the `index`-th category; they repeat after the last."""
    return theme.colors[index % len(theme.colors)]


def marker(index: int) -> str:
    """Return the marker of the `index`-th category, so that color never stands alone."""
    return MARKERS[index % len(MARKERS)]


def mixed(color: str, other: str, share: float) -> str:
    """Return a color with a share of another mixed in.

    Example:
        >>> mixed("#000000", "#ffffff", 0.5)
        '#808080'
    """
    a, b = np.array(to_rgb(color)), np.array(to_rgb(other))
    return to_hex(tuple(float(x) for x in a + share * (b - a)))  # type: ignore[arg-type]


def text_color(theme: Theme, color: str) -> str:
    """Return a category's color as its text is written: nearer to the ink, so that it can be read."""
    return mixed(color, theme.ink, 0.3)


def shade(theme: Theme) -> str:
    """Return the color that fills stable regions behind other things."""
    return mixed(theme.stable[-1], theme.panel, 0.35)


def value_map(theme: Theme) -> LinearSegmentedColormap:
    """Return the map of values: perceptually uniform, without the part that vanishes on the paper."""
    name, low, high = theme.values
    return LinearSegmentedColormap.from_list("values", mpl.colormaps[name](np.linspace(low, high, 256)))


def quiet_map(theme: Theme) -> LinearSegmentedColormap:
    """Return the map of backgrounds, on which everything else stands out."""
    return LinearSegmentedColormap.from_list("quiet", theme.quiet)


def boundary_map(theme: Theme) -> Colormap:
    """Return the diverging map whose middle is a boundary: stable below, unstable above, a visible step between."""
    halves = [LinearSegmentedColormap.from_list("half", ramp, 128) for ramp in (theme.stable, theme.unstable)]
    colors = ListedColormap(np.vstack([half(np.linspace(0, 1, 128)) for half in halves]), "boundary")
    return colors.with_extremes(bad=theme.faint, under=theme.stable[0], over=theme.unstable[-1])


# Figures ---------------------------------------------------------------------------------------------------------


def figure(theme: Theme, width: float, height: float, layout: Layout = "constrained") -> Figure:
    """Return an empty figure of that size in inches, which no window or global state knows of.

    The layout `compressed` is for axes of a fixed aspect.
    """
    made = Figure(figsize=(width, height), dpi=100, facecolor=theme.paper, layout=layout)
    FigureCanvasAgg(made)
    return made


def page_of(ax: Axes) -> Figure:
    """Return the figure that axes belong to."""
    found: Any = ax.get_figure(root=True)
    return found


def dress(ax: Axes, theme: Theme, x: str = "", y: str = "", title: str = "") -> Axes:
    """Give axes the theme's colors and fonts, their labels and a title."""
    ax.set_facecolor(theme.panel)
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set(color=theme.faint, linewidth=0.8)
    ticks: dict[str, Any] = {"labelcolor": theme.soft, "labelsize": SMALL, "labelfontfamily": FONT}
    ax.tick_params(which="both", color=theme.faint, width=0.8, direction="out", **ticks)
    ax.tick_params(which="major", length=3.5)
    ax.tick_params(which="minor", length=2.0)
    ax.set_xlabel(x, **font(theme.ink))
    ax.set_ylabel(y, **font(theme.ink))
    ax.set_title(title, loc="left", pad=8, **font(theme.ink, TITLE))
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_offset_text().set(**font(theme.soft, SMALL))
    return ax


def font(color: str, size: float = SIZE) -> dict[str, Any]:
    """Return the text properties of a color and a size."""
    return {"color": color, "fontsize": size, "fontfamily": FONT}


def halo(theme: Theme, width: float = 2.5) -> list[Any]:
    """Return a rim in the color of the paper, which lifts text and markers off what is behind."""
    return [withStroke(linewidth=width, foreground=theme.panel)]


def color_bar(figure: Figure, ax: Any, drawn: Any, theme: Theme, label: str, **options: Any) -> Any:
    """Add a slim color bar for what was drawn."""
    bar = figure.colorbar(drawn, ax=ax, pad=0.02, aspect=28, shrink=0.92, **options)
    dress(bar.ax, theme)
    bar.set_label(label, **font(theme.ink))
    bar.outline.set(edgecolor=theme.faint, linewidth=0.8)
    return bar


# Files -----------------------------------------------------------------------------------------------------------


def save(figure: Figure, path: str | Path, dpi: int = 200) -> Path:
    """Write a figure as PNG, SVG or PDF; the file appears whole or not at all.

    Args:
        figure: the figure.
        path: where to; the ending `.png`, `.svg` or `.pdf` says in which format. Missing folders are made.
        dpi: dots per inch of PNG, and of the dense parts of the two others.

    Returns:
        the path.

    Raises:
        ValueError: if the format is not known, or the file cannot be written there.
    """
    path = Path(path)
    kind = checks.choice("path", path.suffix.lstrip(".").lower(), FORMATS)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(figure, partial, kind, dpi)
        os.replace(partial, path)
    except OSError as failure:
        message = f"`path` is {str(path)!r}, which cannot be written ({failure.strerror}); give a file in a folder "
        message += "that you may write to."
        raise ValueError(message) from failure
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    return path


def _write(figure: Figure, path: Path, kind: str, dpi: int) -> None:
    stamp = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    with _saving, mpl.rc_context(_writers):
        figure.savefig(path, format=kind, dpi=dpi, facecolor=figure.get_facecolor(), metadata=stamp)
