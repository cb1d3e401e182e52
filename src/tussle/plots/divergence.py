"""Two laws and how far they are apart: their densities, where the distance comes from, and all divergences."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tussle.divergences import Divergence, lines
from tussle.divergences.members import member
from tussle.divergences.names import TOLD
from tussle.divergences.supports import Side, leaves, side_of
from tussle.plots.labels import Placer, number
from tussle.plots.style import SMALL, Theme, category, dress, figure, font, halo, mixed, text_color, theme_of

COUNT = 801  # places at which curves are read
SHOWN = {"kl": "KL(p‖q)", "reverse_kl": "KL(q‖p)", "js": "JS"}


def divergence_plot(
    p: Any,
    q: Any,
    found: Mapping[str, Divergence],
    *,
    labels: tuple[str, str] = ("p", "q"),
    title: str = "",
    theme: str | Theme = "light",
) -> Figure:
    """Draw two measures, where their distance comes from, and a table of divergences.

    On a line the lower picture shows, for laws, the integrands of KL both ways and of JS, each with the divergence as
    its area; for samples and atoms |F - G|, whose area is W1. In the plane it shows the integrand of JS; beyond
    the plane both are shown along the line through their means.

    Args:
        p: a measure, as in `tussle.divergences.divergence`.
        q: the other.
        found: the divergences by name, as from `tussle.divergences.divergences`.
        labels: of the two measures.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if there is nothing in `found`.
    """
    look = theme_of(theme)
    if not found:
        message = "`found` is empty; it must hold at least one divergence; give those of `divergences(p, q)`."
        raise ValueError(message)
    sides = side_of("p", p), side_of("q", q)
    page = figure(look, 10.4, 5.8)
    parts: Any = page.subfigures(1, 2, width_ratios=(1.25, 1.0), wspace=0.03)
    left, right = parts
    for part in parts:
        part.set_facecolor(look.paper)
    axes = left.subplots(2, 1, height_ratios=(1.25, 1.0))
    _table(right.subplots(), found, look)
    name = title or "Two laws"
    shown = tuple(label if len(label) <= 44 else label[:41] + "..." for label in labels)
    if sides[0].dimension == 2:
        _plane(axes, sides, shown, look, name)
    else:
        line, way = _on_a_line(sides)
        _line(axes, line, shown, look, name, way)
    return page


def _on_a_line(sides: tuple[Side, Side]) -> tuple[tuple[Side, Side], str]:
    """Return measures on a line: their own, or samples moved onto the line through both means."""
    if sides[0].dimension == 1:
        return sides, "x"
    points = [_drawn(side) for side in sides]
    way = points[1].mean(axis=0) - points[0].mean(axis=0)
    size = float(np.linalg.norm(way))
    way = way / size if size > 0 else np.eye(len(way))[0]
    first, second = (Side("samples", 1, None, (p @ way)[:, None]) for p in points)
    return (first, second), f"along the line through both means, of {sides[0].dimension} dimensions"


def _drawn(side: Side, count: int = 4000) -> np.ndarray:
    rng = np.random.default_rng(0)
    if side.kind == "law":
        return np.asarray(side.law.sample(rng, count)).reshape(count, -1)
    return side.points[rng.choice(len(side.points), min(count, len(side.points)), replace=False)]


# On a line ---------------------------------------------------------------------------------------------------------


def _line(axes: Any, sides: tuple[Side, Side], labels: tuple[str, ...], theme: Theme, title: str, way: str) -> None:
    upper, lower = axes
    laws = all(side.kind == "law" for side in sides)
    low, high = _window(sides)
    x = np.linspace(low, high, COUNT)
    dress(upper, theme, "", "density" if any(s.kind != "finite" for s in sides) else "mass", title)
    upper.set_xlim(low, high)
    for k, side in enumerate(sides):
        _density(upper, side, x, category(theme, k), k, theme)
    upper.set_ylim(0, upper.get_ylim()[1] * 1.22)
    upper.tick_params(labelbottom=False)
    _legend(upper, labels, theme)
    if laws:
        _integrands(lower, sides, x, theme, way)
    else:
        _gap(lower, sides, theme, way, (low, high))


def _legend(ax: Axes, labels: tuple[str, ...], theme: Theme) -> None:
    for k, label in enumerate(labels):
        name = f"{'pq'[k]}: {label}" if label != "pq"[k] else label
        style = font(text_color(theme, category(theme, k)), SMALL)
        ax.text(0.015, 0.96 - 0.095 * k, name, transform=ax.transAxes, va="top", path_effects=halo(theme), **style)


def _window(sides: tuple[Side, Side]) -> tuple[float, float]:
    """Return the part of the line that holds nearly all of both: 2e-4 is left out at either side."""
    ends = []
    for side in sides:
        ends += list(lines.quantile(side)(np.array([2e-4, 1 - 2e-4])))
    margin = 0.06 * (max(ends) - min(ends)) or 1.0
    return float(min(ends)) - margin, float(max(ends)) + margin


def _density(ax: Axes, side: Side, x: np.ndarray, color: str, k: int, theme: Theme) -> None:
    style: dict[str, Any] = {"color": color, "lw": 1.6, "zorder": 3 + k, "ls": ("-", (0, (5, 1.5)))[k]}
    if side.kind == "law":
        y = np.exp(side.law.log_density(x[:, None]))
        ax.plot(x, y, **style)
        ax.fill_between(x, y, color=color, alpha=0.13, lw=0, zorder=2)
    elif side.kind == "samples":
        bins = np.linspace(x[0], x[-1], int(np.clip(np.sqrt(len(side.points)), 12, 60)) + 1)
        y, ends = np.histogram(side.points[:, 0], bins)
        y = y / (len(side.points) * np.diff(ends))
        ax.stairs(y, ends, **style)
        ax.stairs(y, ends, fill=True, color=color, alpha=0.13, lw=0, zorder=2)
    else:
        places = side.points[:, 0] + (k - 0.5) * 0.004 * (x[-1] - x[0])  # beside each other where they coincide
        ax.vlines(places, 0, side.shares, **{**style, "lw": 2.2})
        ax.plot(places, side.shares, "os"[k], color=color, mec=theme.panel, ms=6, zorder=5)


def _integrands(ax: Axes, sides: tuple[Side, Side], x: np.ndarray, theme: Theme, way: str) -> None:
    logs = [side.law.log_density(x[:, None]) for side in sides]
    dress(ax, theme, way, "integrand", "Where it comes from: each area is the divergence")
    ax.set_xlim(x[0], x[-1])
    curves = {}
    for k, name in enumerate(SHOWN):
        with np.errstate(over="ignore"):
            y = np.exp(member(name).log_integrand(*logs))
        curves[name] = np.where(np.isfinite(y), y, np.nan)
        ax.plot(
            x, curves[name], color=category(theme, k + 2), lw=1.5, ls=("-", (0, (5, 1.5)), (0, (1, 1)))[k], zorder=3
        )
    known = np.concatenate(list(curves.values()))
    top = float(np.nanmax(known, initial=0.0)) or 1.0
    ax.set_ylim(0, 1.25 * min(top, 25 * float(np.nanmax(curves["js"], initial=0.0)) or top))
    _forbidden(ax, logs, x, theme)
    placer = Placer(ax, theme)
    for y in curves.values():
        placer.avoid(x, y)
    for k, (name, y) in enumerate(curves.items()):
        if np.any(np.isfinite(y)):
            there = np.isfinite(y)
            heights = np.minimum(y, 0.95 * ax.get_ylim()[1])[there]
            order = np.argsort(-heights, kind="stable")[:120:6]
            anchors = np.column_stack([x[there], heights])[order]
            placer.label(SHOWN[name], anchors, category(theme, k + 2))


def _forbidden(ax: Axes, logs: list[np.ndarray], x: np.ndarray, theme: Theme) -> None:
    """Shade where one law lives and the other does not: KL is infinite there. The words stand above all curves."""
    if np.any(np.isfinite(logs[0]) != np.isfinite(logs[1])):
        ax.set_ylim(0, 1.15 * ax.get_ylim()[1])
    for k, (own, other) in enumerate((logs, logs[::-1])):
        alone = np.isfinite(own) & ~np.isfinite(other)
        if np.any(alone):
            ax.fill_between(x, 0, ax.get_ylim()[1], where=alone, color=category(theme, k), alpha=0.12, lw=0, zorder=1)
            words = f"only {'pq'[k]}: KL({'pq'[k]}‖{'qp'[k]}) = ∞"
            style = font(text_color(theme, category(theme, k)), SMALL)
            middle = float(x[alone][len(x[alone]) // 2])
            ax.text(middle, 0.98 * ax.get_ylim()[1], words, ha="center", va="top", path_effects=halo(theme), **style)


def _gap(ax: Axes, sides: tuple[Side, Side], theme: Theme, way: str, window: tuple[float, float]) -> None:
    places = np.unique(np.concatenate([s.points[:, 0] for s in sides if s.kind != "law"]))
    x = np.unique(np.concatenate([np.linspace(*window, COUNT), places, np.nextafter(places, -np.inf)]))
    x = x[(x >= window[0]) & (x <= window[1])]
    y = np.abs(lines.cdf(sides[0])(x) - lines.cdf(sides[1])(x))
    whole = "the area is W1" if way == "x" else "along this line only"
    dress(ax, theme, way, "|F − G|", f"Difference of the distribution functions: {whole}")
    ax.plot(x, y, color=category(theme, 2), lw=1.4, zorder=3)
    ax.fill_between(x, y, color=category(theme, 2), alpha=0.15, lw=0, zorder=2)
    ax.set_xlim(*window)
    ax.set_ylim(0, 1.1 * float(y.max()) or 1.0)


# In the plane ------------------------------------------------------------------------------------------------------


def _plane(axes: Any, sides: tuple[Side, Side], labels: tuple[str, ...], theme: Theme, title: str) -> None:
    upper, lower = axes
    drawn = [_drawn(side, 2000) for side in sides]
    joined = np.concatenate(drawn)
    low, high = np.quantile(joined, 0.001, axis=0), np.quantile(joined, 0.999, axis=0)
    margin = 0.12 * (high - low) + 1e-9
    low, high = low - margin, high + margin
    dress(upper, theme, "", "x₂", title)
    for k, side in enumerate(sides):
        _cloud(upper, side, drawn[k], (low, high), category(theme, k), k)
    for ax in (upper, lower):
        ax.set_xlim(low[0], high[0])
        ax.set_ylim(low[1], high[1] + 0.22 * (high[1] - low[1]) * (ax is upper))
    _legend(upper, labels, theme)
    if all(side.kind == "law" for side in sides):
        _heat(lower, sides, (low, high), theme)
    else:
        dress(lower, theme, "x₁", "x₂", "The same, means and main axes (two standard deviations)")
        for k, points in enumerate(drawn):
            _ellipse(lower, points, category(theme, k), k, theme)


def _grid(box: tuple[np.ndarray, np.ndarray], count: int = 181) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = (np.linspace(box[0][k], box[1][k], count) for k in (0, 1))
    return x, y, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _cloud(ax: Axes, side: Side, points: np.ndarray, box: Any, color: str, k: int) -> None:
    if side.kind == "law" and not _flat(side):
        x, y, grid = _grid(box)
        log = side.law.log_density(grid).reshape(len(y), len(x))
        at = np.sort(side.law.log_density(points))
        levels = np.unique([at[int(share * len(at))] for share in (0.05, 0.35, 0.7)])
        shown = np.where(np.isfinite(log), log, at[0] - 1e3)
        ax.contour(x, y, shown, levels=levels, colors=color, linewidths=1.3, linestyles=("-", "--")[k], zorder=3 + k)
    else:
        ax.plot(*points.T, "os"[k], color=color, ms=2.6, alpha=0.45, mew=0, zorder=2 + k, rasterized=True)


def _flat(side: Side) -> bool:
    from tussle.divergences.supports import is_singular

    return any(is_singular(law) for _, law in leaves(side.law))


def _ellipse(ax: Axes, points: np.ndarray, color: str, k: int, theme: Theme) -> None:
    mean = points.mean(axis=0)
    values, turn = np.linalg.eigh(np.cov(points, rowvar=False))
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) * 2 * np.sqrt(np.maximum(values, 0))
    ax.plot(*(mean + circle @ turn.T).T, color=color, lw=1.6, ls=("-", "--")[k], zorder=3)
    ax.plot(*mean, "os"[k], color=color, ms=7, mec=theme.panel, zorder=4)


def _heat(ax: Axes, sides: tuple[Side, Side], box: Any, theme: Theme) -> None:
    from tussle.plots.style import color_bar, page_of, value_map

    dress(ax, theme, "x₁", "x₂", "Where JS comes from: its integrand")
    if any(_flat(side) for side in sides):
        ax.text(0.5, 0.5, "a law without density: nothing is shared", transform=ax.transAxes, ha="center",
                **font(theme.soft, SMALL))  # fmt: skip
        return
    x, y, grid = _grid(box)
    value = np.exp(member("js").log_integrand(*(side.law.log_density(grid) for side in sides)))
    drawn = ax.pcolormesh(
        x, y, value.reshape(len(y), len(x)), cmap=value_map(theme), rasterized=True, shading="nearest"
    )
    color_bar(page_of(ax), ax, drawn, theme, "JS integrand", ticks=MaxNLocator(4))


# The table ---------------------------------------------------------------------------------------------------------


def _table(ax: Axes, found: Mapping[str, Divergence], theme: Theme) -> None:
    """Write every divergence on a line of its own, with a bar for those that have a largest value."""
    dress(ax, theme, title="How far apart")
    ax.set_axis_off()
    rows = [name for name in found if name in TOLD]
    ax.set_xlim(0, 1)
    ax.set_ylim(len(rows) + 0.2, -1.6)
    note = "bar: from the same law to nothing shared"
    note += "; stroke: noise floor" if any(one.floor is not None for one in found.values()) else ""
    ax.text(0, -1.1, note, va="center", **font(theme.soft, SMALL))
    for k, name in enumerate(rows):
        one, told = found[name], TOLD[name]
        ax.text(0, k, told.title[0].upper() + told.title[1:], va="center", **font(theme.ink, SMALL))
        ax.text(0.75, k, _amount(one), va="center", ha="right", **font(theme.ink, SMALL))
        floor = "" if one.floor is None or not np.isfinite(one.floor) else f", floor {number(one.floor, 2)}"
        ax.text(0.775, k, one.route + floor, va="center", **font(theme.soft, SMALL - 1))
        if told.most:
            _bar(ax, k, one, told.most, theme)


def _bar(ax: Axes, row: int, one: Divergence, most: float, theme: Theme) -> None:
    left, width = 0.35, 0.24
    ax.barh(row, width, 0.34, left, color=mixed(theme.faint, theme.panel, 0.4), zorder=1)
    share = float(np.clip(one.value / most, 0, 1))
    ax.barh(row, width * share, 0.34, left, color=category(theme, 2), zorder=2)
    if one.floor is not None and np.isfinite(one.floor):
        at = left + width * float(np.clip(one.floor / most, 0, 1))
        ax.plot([at, at], [row - 0.36, row + 0.36], color=theme.ink, lw=1.2, zorder=3)


def _amount(one: Divergence) -> str:
    return number(one.value, 3 if one.route == "samples" else 5)
