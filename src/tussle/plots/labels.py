"""Labels: the symbols of parameters, and direct labels that stand where there is room."""

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, final

import numpy as np
from matplotlib.axes import Axes

from tussle.plots.style import SMALL, Theme, font, halo, text_color

GREEK = frozenset(
    ("alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi", "rho",
     "sigma", "tau", "phi", "chi", "psi", "omega")
)  # fmt: skip
WORDS = {"lr": "learning rate $h$", "step": "step", "steps": "steps"}

SIDES = ((1, 0), (1, 1), (1, -1), (0, 1), (0, -1), (-1, 0), (-1, 1), (-1, -1))
REACHES = (1.0, 2.0, 4.0, 7.0)  # distances from the anchor; from the third on a line leads to it


def symbol(name: str) -> str:
    r"""Return how a parameter's name is written in a picture.

    Example:
        >>> [symbol(name) for name in ("theta", "t0", "lr", "noise_scale")]
        ['$\\theta$', '$t_{0}$', 'learning rate $h$', 'noise scale']
    """
    if name in WORDS:
        return WORDS[name]
    match = re.fullmatch(r"([A-Za-z]+)_?(\d*)", name)
    if match and "$" not in name:
        stem, index = match.groups()
        sign = f"\\{stem}" if stem in GREEK else stem if len(stem) == 1 else ""
        if sign:
            return f"${sign}_{{{index}}}$" if index else f"${sign}$"
    return name if "$" in name else name.replace("_", " ")


def number(value: float, digits: int = 3) -> str:
    """Return a number as it is written in a picture.

    Example:
        >>> number(-0.1504), number(-1e-17)
        ('−0.15', '0')
    """
    text = f"{0.0 if abs(value) < 1e-12 else value:.{digits}g}"
    return text.replace("-", "−").replace("nan", "undefined").replace("inf", "∞")


def bare(name: str) -> str:
    """Return the symbol of a name without its words and dollar signs, for use in a formula."""
    inside = re.search(r"\$(.*)\$", symbol(name))
    return inside.group(1) if inside else f"\\mathrm{{{name}}}".replace("_", r"\ ")


def named(things: Any, labels: Sequence[str], kind: type, name: str) -> list[tuple[str, Any]]:
    """Return (label, thing) pairs from one thing, a sequence with labels, or a mapping from labels.

    Raises:
        ValueError: if there is nothing, something of another kind, or another number of labels.
    """
    if isinstance(things, Mapping):
        labels, things = tuple(things), tuple(things.values())
    things = (things,) if isinstance(things, kind) else tuple(things)
    wrong = [type(thing).__name__ for thing in things if not isinstance(thing, kind)]
    if wrong:
        message = f"`{name}` holds a {wrong[0]}; it may hold {kind.__name__} records; give one, several, or a mapping "
        message += "from their labels."
        raise ValueError(message)
    labels = (labels,) if isinstance(labels, str) else tuple(labels) or ("",) * len(things)
    if len(labels) != len(things):
        message = f"`labels` has {len(labels)} entries for {len(things)} of `{name}`; give one label for each or none."
        raise ValueError(message)
    return list(zip(labels, things, strict=True))


def settled(ax: Axes) -> None:
    """Let the layout of the axes' figure come to rest, so that positions can be measured."""
    figure: Any = ax.get_figure(root=True)
    for _ in range(2):
        figure.get_layout_engine().execute(figure)


@final
class Placer:
    """Puts labels into axes where they hide nothing: call `avoid` for what must stay visible, then `label`.

    The axes must have their final limits. Positions are judged in points, so they hold at every resolution.
    """

    def __init__(self, ax: Axes, theme: Theme) -> None:
        settled(ax)
        self.ax: Axes = ax
        self.theme: Theme = theme
        self.frame: np.ndarray = np.asarray(ax.get_window_extent().extents)
        self.points: np.ndarray = np.empty((0, 2))
        self.boxes: list[np.ndarray] = []

    def avoid(self, x: Any, y: Any, line: bool = True) -> None:
        """Keep labels off data points, or off the line through them."""
        found = self.ax.transData.transform(np.column_stack([np.ravel(x), np.ravel(y)]))
        low, high = self.frame[:2] - 200, self.frame[2:] + 200
        found = np.clip(found, low, high)  # a line that leaves the picture goes on just outside it
        if line and len(found) > 1:
            found = _dense(found)
        found = 2 * np.round(found[np.all(np.isfinite(found), axis=1)] / 2)
        self.points = np.unique(np.vstack([self.points, found]), axis=0)

    def taken(self, text: Any) -> None:
        """Keep labels off a text that stands already."""
        canvas: Any = self.ax.figure.canvas
        self.boxes.append(text.get_window_extent(canvas.get_renderer()).extents)

    def label(
        self, text: str, anchors: Any, color: str, near: float = 5.0, size: float = SMALL, far: bool = True
    ) -> Any:
        """Write a label beside the best of some anchors.

        Args:
            text: what to write.
            anchors: data points, (n, 2), the best first.
            color: the color of what is labelled.
            near: the distance from the anchor, in points.
            size: the size of the text.
            far: whether it may stand farther off, with a line that leads to it.

        Returns:
            the annotation.
        """
        anchors = np.atleast_2d(np.asarray(anchors, dtype=float))
        style = font(text_color(self.theme, color), size)
        made = self.ax.annotate(text, anchors[0], (0, 0), textcoords="offset points", zorder=9, **style)
        made.set(path_effects=halo(self.theme), in_layout=False)
        canvas: Any = self.ax.figure.canvas
        box = made.get_window_extent(canvas.get_renderer())
        made.xy, offset, (across, up), reach = self._best(anchors, np.array([box.width, box.height]), near, far)
        aligned = {"ha": ("right", "center", "left")[across + 1], "va": ("top", "center", "bottom")[up + 1]}
        made.set(position=offset, multialignment=aligned["ha"], **aligned)
        if reach >= REACHES[2]:
            line = {"arrowstyle": "-", "color": color, "lw": 0.7, "shrinkA": 1, "shrinkB": 3}
            self.ax.annotate("", made.xy, offset, textcoords="offset points", arrowprops=line, zorder=4)
        return made

    def _best(self, anchors: np.ndarray, extent: np.ndarray, near: float, far: bool) -> Any:
        """Try all anchors, sides and distances, and return the cheapest: (anchor, offset, side, reach)."""
        reaches = REACHES if far else REACHES[:2]
        tries = list(product(range(len(anchors)), range(len(SIDES)), reaches))
        index, order, reach = (np.array(part) for part in zip(*tries, strict=True))
        sides = np.array(SIDES, dtype=float)[order]
        offsets = near * reach[:, None] * sides / np.linalg.norm(sides, axis=1, keepdims=True)
        corners = self.ax.transData.transform(anchors)[index] + self.ax.figure.dpi / 72 * offsets
        corners = corners + (sides - 1) / 2 * extent
        boxes = np.hstack([corners - 2, corners + extent + 2])
        cost = self._cost(boxes) + 6 * index / len(anchors) + 0.1 * order + 2 * (reach - 1)
        k = int(np.argmin(cost))
        self.boxes.append(boxes[k])
        return tuple(anchors[index[k]]), tuple(offsets[k]), SIDES[order[k]], reach[k]

    def _cost(self, boxes: np.ndarray) -> np.ndarray:
        """Return what it costs to cover each of these boxes, (n, 4) in pixels."""
        low, high = boxes[:, :2], boxes[:, 2:]
        beyond = np.maximum(self.frame[:2] - low, 0) + np.maximum(high - self.frame[2:], 0)
        cost = 50.0 * beyond.sum(axis=1)
        for other in self.boxes:
            shared = np.minimum(high, other[2:]) - np.maximum(low, other[:2])
            cost += np.prod(np.maximum(shared, 0), axis=1)
        x, y = self.points.T
        across = (x >= low[:, :1]) & (x <= high[:, :1])
        hidden = np.count_nonzero(across & (y >= low[:, 1:]) & (y <= high[:, 1:]), axis=1)
        return cost + 2.0 * np.minimum(hidden, 30)


def _dense(points: np.ndarray, gap: float = 4.0) -> np.ndarray:
    """Return points along a broken line, none farther than `gap` from the next; breaks stay breaks."""
    ahead, behind = points[:-1], points[1:]
    length = np.linalg.norm(behind - ahead, axis=1)
    whole = np.isfinite(length)
    count = np.where(whole, np.ceil(np.where(whole, length, 0) / gap), 0).astype(int) + 1
    index = np.repeat(np.arange(len(ahead)), count)
    share = (np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)) / np.repeat(count, count)
    between = ahead[index] + share[:, None] * (behind - ahead)[index]
    return np.vstack([between, points])


def line_ends(ax: Axes, theme: Theme, ends: Sequence[tuple[float, float, str, str]]) -> list[Any]:
    """Write the labels of lines to the right of the axes, each near its line's end and none over another.

    Args:
        ax: axes with their final limits.
        theme: the theme.
        ends: (last x, last y, text, color) of each line; a y that is not finite counts as the top.
    """
    if not ends:
        return []
    settled(ax)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    points = [(np.clip(x, left, right), np.clip(y if np.isfinite(y) else high, low, high)) for x, y, _, _ in ends]
    frame = ax.get_window_extent()
    places = (ax.transData.transform(points) - [frame.x0, frame.y0]) / [frame.width, frame.height]
    lines = np.array([text.count("\n") + 1 for _, _, text, _ in ends])
    gap = SMALL * 1.25 * ax.figure.dpi / 72 / frame.height
    spread = _spread(places[:, 1], gap * lines, 0.0, 1.0)
    made = []
    for (_, _, text, color), xy, height in zip(ends, places, spread, strict=True):
        arrow = {"arrowstyle": "-", "color": color, "lw": 0.7, "shrinkA": 0, "shrinkB": 2, "relpos": (0, 0.5)}
        coords = {"xycoords": "axes fraction", "textcoords": "axes fraction", "annotation_clip": False}
        style = font(text_color(theme, color), SMALL)
        made.append(ax.annotate(text, xy, (1.03, height), va="center", arrowprops=arrow, zorder=2, **coords, **style))
    return made


def _spread(heights: np.ndarray, sizes: np.ndarray, low: float, high: float) -> np.ndarray:
    """Move heights apart until no two of those sizes overlap, as little as possible."""
    order = np.argsort(heights, kind="stable")
    placed = heights[order].astype(float)
    half = sizes[order] / 2
    for _ in range(100):
        push = np.maximum(half[:-1] + half[1:] - np.diff(placed), 0) / 2
        if push.max(initial=0.0) < 1e-4:
            break
        placed[:-1] -= push
        placed[1:] += push
        placed[0] = max(placed[0], low + half[0])
        placed[-1] = min(placed[-1], high - half[-1])
    back = np.empty_like(placed)
    back[order] = placed
    return back
