"""The relativistic argument in pictures: panels, shares, weights, and the landscape of mode collapse."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tussle.plots.labels import Placer, line_ends, named, number
from tussle.plots.style import SMALL, Theme, category, dress, figure, font, marker, mixed, theme_of
from tussle.relativism.collapse import ELSEWHERE, Way
from tussle.relativism.panels import Panel
from tussle.relativism.weights import VANISHED, Shares

DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
COLUMNS = 3


def relativism_panels(
    panels: Any, labels: Sequence[str] = (), *, title: str = "", theme: str | Theme = "light"
) -> Figure:
    """Draw what critics say of real data and of fakes while generators move, one axes for each panel.

    Args:
        panels: a `Panel`, several, or a mapping from their labels.
        labels: one for each.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if there is none, or the labels do not fit.
    """
    look, found = theme_of(theme), _some(named(panels, labels, Panel, "panels"), "panels")
    columns = min(len(found), COLUMNS)
    rows = math.ceil(len(found) / columns)
    page = figure(look, 1.1 + 3.0 * columns, 0.5 + 2.75 * rows)
    axes = page.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for k, (ax, (label, panel)) in enumerate(zip(axes, found, strict=False)):
        words = "expected D" if k % columns == 0 else ""
        dress(ax, look, r"generator $\theta$ (data at 0)", words, label or panel.name)
        _beliefs(ax, panel, look)
    for ax in axes[len(found) :]:
        ax.set_axis_off()
    if title:
        page.suptitle(title, x=0.01, ha="left", **font(look.ink, 11))
    for ax, (_, panel) in zip(axes, found, strict=False):
        _name_beliefs(ax, panel, look)
    return page


def _some(found: list[Any], name: str) -> list[Any]:
    if not found:
        message = f"`{name}` is empty; there is nothing to draw; give at least one."
        raise ValueError(message)
    return found


def _beliefs(ax: Axes, panel: Panel, theme: Theme) -> None:
    """Draw both curves, time from left to right."""
    ax.axhline(0.5, color=theme.faint, lw=1.0, zorder=1)
    for k, (gid, values) in enumerate((("real", panel.real), ("fake", panel.fake))):
        look: dict[str, Any] = {"color": category(theme, k), "lw": 2.0, "linestyle": DASHES[k], "zorder": 3}
        ax.plot(panel.theta, values, gid=gid, **look)
        ax.plot(panel.theta[:1], values[:1], marker(k), color=category(theme, k), ms=5, zorder=4)
    ax.set_ylim(-0.04, 1.04)
    low, high = float(panel.theta.min()), float(panel.theta.max())
    pad = 0.03 * ((high - low) or 1.0)
    backward = panel.theta[0] >= panel.theta[-1]
    ax.set_xlim((high + pad, low - pad) if backward else (low - pad, high + pad))


def _name_beliefs(ax: Axes, panel: Panel, theme: Theme) -> None:
    placer = Placer(ax, theme)
    for values in (panel.real, panel.fake):
        placer.avoid(panel.theta, values)
    places = np.linspace(0.25, 0.75, 9) * (len(panel.theta) - 1)
    at = np.unique(places.astype(int))
    for k, (word, values) in enumerate((("real data", panel.real), ("fakes", panel.fake))):
        placer.label(word, np.column_stack([panel.theta, values])[at], category(theme, k), near=6)


def real_share(panels: Any, labels: Sequence[str] = (), *, title: str = "", theme: str | Theme = "light") -> Figure:
    """Draw which share of the critic's next update comes from real data, wherever the generator has moved.

    Args:
        panels: a `Panel` for each loss, several, or a mapping from their labels.
        labels: one for each.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if there is none, or the labels do not fit.
    """
    look, found = theme_of(theme), _some(named(panels, labels, Panel, "panels"), "panels")
    page = figure(look, 6.2, 3.6)
    ax = dress(page.add_subplot(), look, r"generator $\theta$ (data at 0)", r"real share $a/(a+b)$", title)
    ax.axhline(0.5, color=look.faint, lw=1.0, zorder=1)
    ends, grouped = [], _alike(found)
    for k, (label, panel) in enumerate(grouped):
        dash = DASHES[k % len(DASHES)]
        ax.plot(panel.theta, panel.rho, color=category(look, k), lw=2.0, linestyle=dash, gid="share", zorder=3)
        ends.append((float(panel.theta[-1]), float(panel.rho[-1]), label, category(look, k)))
    first = grouped[0][1].theta
    ax.set_xlim(float(first[0]), float(first[-1]))
    ax.set_ylim(0.0, max(0.6, 1.1 * max(float(np.nanmax(p.rho)) for _, p in found)))
    line_ends(ax, look, ends)
    return page


def _alike(found: list[tuple[str, Panel]]) -> list[tuple[str, Panel]]:
    """Put panels whose shares cannot be told apart under one label, so that no line hides another."""
    groups: list[tuple[str, Panel]] = []
    for label, panel in found:
        word = label or panel.name
        for k, (other, known) in enumerate(groups):
            if known.rho.shape == panel.rho.shape and np.allclose(known.rho, panel.rho, atol=2e-3, equal_nan=True):
                groups[k] = (f"{other}\n{word}", known)
                break
        else:
            groups.append((word, panel))
    return groups


def generator_weights(shares: Any, labels: Sequence[str] = (), *, title: str = "", theme: str | Theme = "light") -> Any:
    """Draw how the weights of fakes in the generator's update are spread, one row for each loss.

    Args:
        shares: `Shares` of one loss, several, or a mapping from their labels.
        labels: one for each.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if there is none, or the labels do not fit.
    """
    look, found = theme_of(theme), _some(named(shares, labels, Shares, "shares"), "shares")
    page = figure(look, 6.2, 0.7 + 1.25 * len(found))
    axes = page.subplots(len(found), 1, sharex=True, squeeze=False)[:, 0]
    for k, (ax, (label, share)) in enumerate(zip(axes, found, strict=True)):
        last = ax is axes[-1]
        dress(ax, look, "weight of a fake in the generator's update" if last else "", "share", title if k == 0 else "")
        spread = share.histogram()
        color = category(look, k)
        ax.stairs(spread.share, spread.edges, fill=True, color=mixed(color, look.panel, 0.45), zorder=2)
        ax.stairs(spread.share, spread.edges, color=color, lw=1.5, gid="weights", zorder=3)
        ax.axvline(VANISHED, color=look.soft, lw=1.0, linestyle=DASHES[1], zorder=1)
        ax.set_xscale("log")
        ax.set_ylim(0, 1.45 * max(float(spread.share.max()), 1e-3))
        ax.tick_params(labelbottom=last)
        text = (
            f"{label}: {spread.vanished:.0%} below {VANISHED:g}"
            if label
            else f"{spread.vanished:.0%} below {VANISHED:g}"
        )
        ax.text(0.01, 0.95, text, transform=ax.transAxes, va="top", zorder=5, **font(look.ink, SMALL))
    return page


def update_weights(weights: Mapping[str, Any], *, title: str = "", theme: str | Theme = "light") -> Figure:
    """Draw mean weights of the critic's update while the generator steps against it, from a conformance report.

    Args:
        weights: (2, steps + 1) arrays by label: the weights on real data, then those on fakes.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if there is none.
    """
    look, found = theme_of(theme), _some(list(weights.items()), "weights")
    page = figure(look, 6.2, 3.4)
    ax = dress(page.add_subplot(), look, "step of the generator", "mean weight in the critic's update", title)
    ends, top = [], 0.0
    for k, (label, pair) in enumerate(found):
        for side, (word, values) in enumerate(zip(("real data", "fakes"), np.asarray(pair), strict=True)):
            color = category(look, 2 * k + side)
            ax.plot(values, color=color, lw=3.2 - 1.4 * side, linestyle=DASHES[side], gid="weights", zorder=3 + side)
            text = f"{label}: {word}" if len(found) > 1 else word
            ends.append((len(values) - 1.0, float(values[-1]), text, color))
            top = max(top, float(np.max(values)))
    ax.set_xlim(0, max(x for x, *_ in ends))
    ax.set_ylim(min(0.0, ax.get_ylim()[0]), 1.08 * top or 1.0)
    line_ends(ax, look, ends)
    return page


def collapse_landscape(
    ways: Any, labels: Sequence[str] = (), *, title: str = "", theme: str | Theme = "light"
) -> Figure:
    """Draw the ways out of a collapsed state: heights along the way, and how far each must climb.

    Args:
        ways: a `Way`, several of one length, or a mapping from their labels.
        labels: one for each.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if there is none, or their lengths differ.
    """
    look, found = theme_of(theme), _some(named(ways, labels, Way, "ways"), "ways")
    if len({len(way.states) for _, way in found}) > 1:
        message = (
            f"`ways` have {sorted(len(w.states) for _, w in found)} states; one picture shows ways of one length; "
        )
        message += "draw the others apart."
        raise ValueError(message)
    page = figure(look, 1.2 + 2.6 * len(found), 3.7)
    axes = page.subplots(1, len(found), sharey=True, squeeze=False)[0]
    low, high = (f(float(f(w.heights)) for _, w in found) for f in (min, max))
    room = 0.22 * (high - low)
    for k, (ax, (label, way)) in enumerate(zip(axes, found, strict=True)):
        words = "data point under each fake (– none)" if k == len(found) // 2 else ""
        dress(ax, look, words, "critic's best value" if k == 0 else "", label)
        ax.set_ylim(low - 0.1 * (high - low), high + room)
        _profile(ax, way, category(look, k), look)
    if title:
        page.suptitle(title, x=0.01, ha="left", **font(look.ink, 11))
    return page


def _profile(ax: Axes, way: Way, color: str, theme: Theme) -> None:
    """Draw the heights as steps joined by slopes, and the climb above the start."""
    count = len(way.states)
    x = np.ravel([[k - 0.28, k + 0.28] for k in range(count)])
    y = np.repeat(way.heights, 2)
    ax.plot(x, y, color=color, lw=1.2, zorder=2)
    for k, height in enumerate(way.heights):
        ax.plot([k - 0.28, k + 0.28], [height] * 2, color=color, lw=3.5, solid_capstyle="butt", gid="heights", zorder=3)
    ax.axhline(float(way.heights[0]), color=theme.soft, lw=0.9, linestyle=DASHES[2], zorder=1)
    top = count - 1 - int(np.argmax(way.heights[::-1]))
    if way.cost > 1e-12:
        ends = {"xytext": (top, float(way.heights[0])), "xycoords": "data"}
        arrow = {"arrowstyle": "<|-|>", "color": theme.ink, "lw": 1.0, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8}
        ax.annotate("", (top, float(way.heights[top])), arrowprops=arrow, zorder=4, **ends)
    text = f"climbs {number(way.cost)}" if way.cost > 1e-12 else "no climb"
    ax.annotate(
        text, (top, float(way.heights[top])), (0, 6), textcoords="offset points", ha="center", va="bottom",
        **font(theme.ink, SMALL),
    )  # fmt: skip
    ax.set_xlim(-0.5, count - 0.5)
    ax.set_xticks(range(count), [_state(s) for s in way.states])


def _state(state: tuple[int, ...]) -> str:
    """Return how a state is written: the data point under each fake, a dash for elsewhere."""
    return " ".join("–" if y == ELSEWHERE else f"$x_{y + 1}$" for y in state)
