"""The experiments of the assumptions in pictures, one for each table."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from tussle import checks
from tussle.assumptions.experiments import Experiment
from tussle.plots.labels import Placer, line_ends, number
from tussle.plots.style import SMALL, Theme, category, dress, figure, font, halo, marker, mixed, theme_of

DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (8, 2)), (0, (3, 1)), "-")
FLOOR = 1e-17  # where a value of 0 is drawn on a logarithmic axis


def relaxation_figure(experiment: Experiment, theme: str | Theme = "light") -> Figure:
    """Draw an experiment of the assumptions.

    Args:
        experiment: from `tussle.assumptions.experiments.experiment(name)`.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if it is no experiment, or one that has no picture.
    """
    if not isinstance(experiment, Experiment):
        message = f"`experiment` is a {type(experiment).__name__}; it must be an Experiment; run experiment(name)."
        raise ValueError(message)
    checks.choice("experiment", experiment.name, FIGURES)
    return FIGURES[experiment.name](experiment, theme_of(theme))


# Parts ----------------------------------------------------------------------------------------------------------------


class _Lines:
    """Draws labelled lines into axes, told apart by color, dash and marker."""

    def __init__(self, ax: Axes, theme: Theme) -> None:
        self.ax: Axes = ax
        self.theme: Theme = theme
        self.ends: list[tuple[float, float, str, str]] = []

    def add(self, x: Any, y: Any, text: str, error: Any = None, dots: bool = True) -> None:
        """Draw one line, with two standard errors where there are errors."""
        k = len(self.ends)
        x, y, color = np.asarray(x, dtype=float), np.asarray(y, dtype=float), category(self.theme, k)
        style: dict[str, Any] = {"color": color, "lw": 1.8, "linestyle": DASHES[k % len(DASHES)], "zorder": 3}
        if error is not None:
            bars = 2 * np.asarray(error, dtype=float)
            self.ax.errorbar(x, y, bars, fmt="none", ecolor=color, elinewidth=1.0, capsize=2.5, zorder=3)
        dot = marker(k) if dots else ""
        self.ax.plot(x, y, marker=dot, ms=5, markeredgecolor=self.theme.panel, gid="line", **style)
        self.ends.append((float(x[-1]), float(y[-1]), text, color))


def _axes(page: Figure, theme: Theme, x: str, y: str, title: str, log: str = "") -> Axes:
    ax = dress(page.add_subplot(), theme, x, y, title.replace("+-", "±"))
    _log(ax, log)
    return ax


def _curves(found: Experiment, theme: Theme, words: Sequence[str], log: str, x: str, columns: Any) -> Any:
    """Draw columns of a table as lines; they have no names yet, for the limits may still change."""
    page, table = figure(theme, 6.6, 3.8), found.to_numpy()
    ax = _axes(page, theme, words[0], words[1], words[2], log)
    lines = _Lines(ax, theme)
    for name, text, error in columns:
        lines.add(table[x], table[name], text, table[error] if error else None)
    return page, ax, lines


def _log(ax: Axes, log: str) -> None:
    if "x" in log:
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter(NullFormatter())
    if "y" in log:
        ax.set_yscale("log")
        ax.yaxis.set_minor_formatter(NullFormatter())


def _rule(ax: Axes, theme: Theme, text: str, x: float | None = None, y: float | None = None, over: bool = True) -> None:
    """Draw a thin line across the axes with words at its end."""
    look: dict[str, Any] = {"color": theme.soft, "lw": 1.0, "linestyle": DASHES[2], "zorder": 1}
    style = {"path_effects": halo(theme), **font(theme.soft, SMALL)}
    if y is not None:
        ax.axhline(y, **look)
        place = {"xycoords": ax.get_yaxis_transform(), "textcoords": "offset points", "va": "bottom" if over else "top"}
        ax.annotate(text, (0.01, y), (0, 2 if over else -3), **place, **style)
    if x is not None:
        ax.axvline(x, **look)
        place = {"xycoords": ax.get_xaxis_transform(), "textcoords": "offset points", "va": "top"}
        ax.annotate(text, (x, 1.0), (4, -4), **place, **style)


def _bars(ax: Axes, theme: Theme, names: Sequence[str], groups: Sequence[tuple[str, Any]], digits: int = 4) -> None:
    """Draw one horizontal bar for each name and group, the values written at their ends."""
    count, high = len(groups), max(float(np.max(values)) for _, values in groups)
    for k, (word, values) in enumerate(groups):
        color, place = category(theme, k), np.arange(len(names)) + (k - (count - 1) / 2) * 0.8 / count
        fill: dict[str, Any] = {"color": mixed(color, theme.panel, 0.25), "hatch": "" if k == 0 else "////"}
        ax.barh(place, values, 0.72 / count, edgecolor=theme.panel, lw=0.6, zorder=2, gid="bar", label=word, **fill)
        for y, value in zip(place, values, strict=True):
            text = number(float(value), digits)
            ax.annotate(text, (value, y), (4, 0), textcoords="offset points", va="center", **font(theme.ink, SMALL))
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0, labelcolor=theme.ink)
    ax.set_ylim(len(names) - 0.45, -0.55)
    ax.set_xlim(0, 1.25 * high)


def _legend(ax: Axes, theme: Theme, **options: Any) -> None:
    box = ax.legend(frameon=False, fontsize=SMALL, **options)
    for text in box.get_texts():
        text.set(**font(theme.ink, SMALL))


# Absolute continuity --------------------------------------------------------------------------------------------------


def _segments(found: Experiment, theme: Theme) -> Figure:
    words = ("distance $t$ of the segments (KL is infinite for $t > 0$)", "divergence", found.title)
    columns = [(name, name, "") for name in ("JS", "TV", "energy")] + [("W1", "W1 = W2", ""), ("MMD2", "MMD²", "")]
    page, ax, lines = _curves(found, theme, words, "", "t", columns)
    ax.set_xlim(0, max(float(v) for v in found.column("t")))
    ax.set_ylim(bottom=0)
    line_ends(ax, theme, lines.ends)
    return page


def _thickened(found: Experiment, theme: Theme) -> Figure:
    title = "One slope vanishes, the other explodes"
    words = (r"noise $\sigma$ across the segments", "slope in their distance $t$", title)
    columns = [("dKL/dt", r"$d\,\mathrm{KL}/dt$", ""), ("dJS/dt", r"$d\,\mathrm{JS}/dt$", "")]
    page, ax, lines = _curves(found, theme, words, "xy", "sigma", columns)
    ax.invert_xaxis()
    line_ends(ax, theme, lines.ends)
    return page


def _rings(found: Experiment, theme: Theme) -> Figure:
    page = figure(theme, 6.6, 3.9)
    title = "What trained critics tell the generator of another ring"
    ax = _axes(page, theme, "steps of the critic", "length of the generator's gradient", title, "xy")
    lines = _Lines(ax, theme)
    for name in dict.fromkeys(str(v) for v in found.column("loss")):
        table = found.where(loss=name).to_numpy()
        seen = table["critic steps"] > 0
        lines.add(table["critic steps"][seen], table["|grad L_G|"][seen], name)
    _rule(ax, theme, "W1 itself", y=1.0)
    line_ends(ax, theme, lines.ends)
    return page


def _ranks(found: Experiment, theme: Theme) -> Figure:
    page = figure(theme, 5.6, 3.4)
    ax = _axes(page, theme, "numbers in a latent", "rank of the Jacobian", found.title)
    for k, (_, _, rank, _, _, density) in enumerate(found.rows):
        lacks = density == "no"
        color = mixed(category(theme, int(lacks)), theme.panel, 0.25)
        ax.bar(k, float(rank), 0.6, color=color, hatch="////" if lacks else "", edgecolor=theme.panel, zorder=2)
    high = int(found.rows[0][1])
    _rule(ax, theme, "dimension of the data", y=high)
    names = [f"{row[0]}\n{'a' if row[5] == 'yes' else 'no'} density" for row in found.rows]
    ax.set(xticks=range(len(found.rows)), xticklabels=names, yticks=range(high + 1))
    ax.set_ylim(0, high + 0.6)
    return page


# Capacities -----------------------------------------------------------------------------------------------------------


def _realizability(found: Experiment, theme: Theme) -> Figure:
    page, table = figure(theme, 6.6, 2.9), found.to_numpy()
    title = "The ideal critic's loss at the best generator of each family"
    ax = _axes(page, theme, "loss of the ideal critic (log 4: it knows nothing)", "", title)
    names = [f"{row[0]}\n{row[2]}".replace("+-", "±").replace("^2", "²") for row in found.rows]
    _bars(ax, theme, names, [("L_D", table["L_D"])], 6)
    _rule(ax, theme, "log 4", x=float(table["log 4"][0]))
    return page


def _memory(found: Experiment, theme: Theme) -> Figure:
    page, table = figure(theme, 8.6, 3.2), found.to_numpy()
    left, right = page.subplots(1, 2, sharey=True)
    names = [str(v) for v in found.column("generator")]
    for ax, column, words in (
        (left, "2 JS to the data", "2 JS to the training set"),
        (right, "W1 to the law", "W1 to the law that the set is of"),
    ):
        dress(ax, theme, words, "", "What an ideal critic wants" if ax is left else "What one wants")
        _bars(ax, theme, names, [(column, table[column])], 3)
    return page


def _moments(found: Experiment, theme: Theme) -> Figure:
    page, table = figure(theme, 6.8, 4.0), found.to_numpy()
    ax = _axes(page, theme, "divergence from the two modes", "", found.title)
    groups = [("2 JS, seen by an ideal critic", table["2 JS"]), ("seen by a quadratic critic", table["2 JS seen"])]
    _bars(ax, theme, [str(v) for v in found.column("generated law")], groups, 3)
    ax.set_xlim(0, 1.55 * float(table["2 JS"].max()))
    _legend(ax, theme, loc="center right")
    return page


def _dynamics(found: Experiment, theme: Theme) -> Figure:
    page, table = figure(theme, 7.2, 4.0), found.to_numpy()
    words = "part of the distance that is lost in a step (log scale on both sides of 0)"
    ax = _axes(page, theme, words, "", found.title)
    kinds = ("converges", "slow spiral", "cycles outward")
    place = np.arange(len(found.rows))
    for k, word in enumerate(kinds):
        chosen = table["behavior"] == word
        dots: dict[str, Any] = {"color": category(theme, k), "linestyle": "", "zorder": 3}
        ax.plot(1 - table["factor expected"][chosen], place[chosen], marker(k), ms=10, mfc="none", mew=1.6, **dots)
        ax.plot(1 - table["factor measured"][chosen], place[chosen], marker(k), ms=4, label=word, **dots)
    ax.set_xscale("symlog", linthresh=1e-4)
    ax.axvline(0, color=theme.soft, lw=1.0, zorder=1)
    ax.set_xlim(-0.05, 0.5)
    ax.set_xticks([-1e-2, -1e-3, -1e-4, 0, 1e-4, 1e-3, 1e-2, 1e-1])
    ax.set_yticks(place, [f"{row[0]} ({row[1]})" for row in found.rows])
    ax.tick_params(axis="y", length=0, labelcolor=theme.ink)
    ax.set_ylim(len(place) - 0.4, -0.6)
    _legend(ax, theme, loc="center left", title="hollow: eigenvalues, full: run")
    ax.get_legend().get_title().set(**font(theme.soft, SMALL))  # type: ignore[union-attr]
    return page


def _nash(found: Experiment, theme: Theme) -> Figure:
    page = figure(theme, 7.2, 5.2)
    title = "At a constant critic: who gains, and what the generator minds"
    ax = _axes(page, theme, "gain of both players, spread of the generator's loss", "", title, "x")
    rows = [row for row in found.rows if "gain at" in str(row[2]) or row[2] == "spread"]
    names = list(dict.fromkeys(_player(row) for row in rows))
    for k, word in enumerate(("gain", "spread")):
        chosen = [row for row in rows if str(row[2]).startswith(word)]
        x = [max(float(row[3]), FLOOR) for row in chosen]
        y = [names.index(_player(row)) for row in chosen]
        size: dict[str, Any] = {"ms": 9, "mfc": "none", "mew": 1.6} if k else {"ms": 5}
        ax.plot(x, y, marker(k), color=category(theme, k), label=word, zorder=3, **size)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0, labelcolor=theme.ink)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(FLOOR / 3, 3)
    ax.set_xticks([FLOOR, 1e-12, 1e-8, 1e-4, 1], ["0", "1e−12", "1e−8", "1e−4", "1"])
    _rule(ax, theme, "taken for 0", x=1e-9)
    _legend(ax, theme, loc="center right")
    return page


def _player(row: Sequence[Any]) -> str:
    return f"{row[1]}, another law" if "another" in str(row[2]) else str(row[1])


# Choice of divergence -------------------------------------------------------------------------------------------------


def _bumps(found: Experiment, theme: Theme) -> Figure:
    page = figure(theme, 9.4, 3.9)
    axes = page.subplots(1, 2, sharey=True)
    said = {"real": "The generator drops a bump", "generated": "The generator invents a bump"}
    for ax, (role, title) in zip(axes, said.items(), strict=True):
        table = found.where(**{"bump of": role}).to_numpy()
        seen = table["e"] > 0
        dress(ax, theme, "mass $e$ that the other law has there", "divergence" if role == "real" else "", title)
        _log(ax, "xy")
        lines = _Lines(ax, theme)
        for name, text in (("KL(r||g)", "KL(r‖g)"), ("KL(g||r)", "KL(g‖r)"), ("TV", "TV"), ("JS", "JS")):
            lines.add(table["e"][seen], table[name][seen], text)
        ax.invert_xaxis()
        line_ends(ax, theme, lines.ends)
    return page


def _fits(found: Experiment, theme: Theme) -> Figure:
    names = list(dict.fromkeys(str(v) for v in found.column("divergence")))
    columns = min(3, len(names))
    rows = math.ceil(len(names) / columns)
    page = figure(theme, 1.0 + 2.7 * columns, 0.6 + 2.1 * rows)
    axes = page.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    a = float(found.column("a")[0])
    x = np.linspace(-1.2 * a - 4, 1.2 * a + 4, 600)
    target = 0.5 * (_normal(x, -a, 1.0) + _normal(x, a, 1.0))
    for k, (ax, name) in enumerate(zip(axes, names, strict=False)):
        dress(ax, theme, "$x$" if k >= len(names) - columns else "", "density" if k % columns == 0 else "", name)
        ax.fill_between(x, target, color=mixed(theme.soft, theme.panel, 0.6), lw=0, zorder=1)
        for row in found.where(divergence=name).rows:
            best = row[6] == "global"
            curve, color = _normal(x, float(row[2]), float(row[3])), category(theme, 0 if best else 1)
            ax.plot(x, curve, color=color, lw=2.0 if best else 1.5, linestyle=DASHES[0 if best else 1], zorder=3)
        ax.set_ylim(0, 0.46)
    for ax in axes[len(names) :]:
        ax.set_axis_off()
    words = "gray: the two modes; solid: the best normal law; dashed: another local minimum (mirror images not drawn)"
    page.supxlabel(words, **font(theme.soft, SMALL))
    return page


def _normal(x: np.ndarray, mean: float, std: float) -> np.ndarray:
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))


def _crossover(found: Experiment, theme: Theme) -> Figure:
    page, table = figure(theme, 6.6, 3.7), found.to_numpy()
    ax = _axes(page, theme, "the modes are at $-a$ and $a$", "value of the local minimum", found.title)
    lines = _Lines(ax, theme)
    for name, text in (("cover value", "covers both"), ("one-mode value", "takes one")):
        seen = np.isfinite(table[name])
        lines.add(table["a"][seen], table[name][seen], text)
    tie = table["winner"] == "tie"
    ax.plot(table["a"][tie], table["cover value"][tie], "o", ms=11, mfc="none", mec=theme.ink, zorder=4)
    placer = Placer(ax, theme)
    for name in ("cover value", "one-mode value"):
        placer.avoid(table["a"], table[name])
    for a, height in zip(table["a"][tie], table["cover value"][tie], strict=True):
        placer.label(f"equal at a = {a:.4f}", [(a, height)], theme.ink, near=9)
    line_ends(ax, theme, lines.ends)
    return page


# Finite data ----------------------------------------------------------------------------------------------------------


def _transport(found: Experiment, theme: Theme) -> Figure:
    page = figure(theme, 9.4, 3.9)
    axes = page.subplots(1, 2, sharey=True)
    said = {"W1": ("W1 error", "All 1-Lipschitz critics: W1"), "linear IPM": ("IPM error", "Linear critics")}
    dimensions, drawn = [int(v) for v in dict.fromkeys(found.column("d"))], []
    for ax, (name, (error, title)) in zip(axes, said.items(), strict=True):
        dress(ax, theme, "points $n$ in each sample", "distance of two samples" if name == "W1" else "", title)
        _log(ax, "xy")
        lines = _Lines(ax, theme)
        for d in dimensions:
            table = found.where(d=d).to_numpy()
            column = name if name == "W1" else "linear IPM expected"
            lines.add(table["n"], table[column], f"d = {d}", table[error] if name == "W1" else None, name == "W1")
            if name != "W1":
                k = len(lines.ends) - 1
                ax.plot(table["n"], table[name], marker(k), color=category(theme, k), ms=5, zorder=4)
        drawn.append(lines)
    words = "left: measured, with two standard errors; right: lines expected, points measured"
    page.supxlabel(words, **font(theme.soft, SMALL))
    for lines in drawn:  # both axes have their common limits now
        line_ends(lines.ax, theme, lines.ends)
    return page


def _line(found: Experiment, theme: Theme) -> Figure:
    words = ("points $n$ in each sample", "W1 of the two samples", found.title)
    columns = [("W1 measured", "measured", "error"), ("W1 expected", "expected", ""), ("W1 limit", "limit", "")]
    page, ax, lines = _curves(found, theme, words, "xy", "n", columns)
    line_ends(ax, theme, lines.ends)
    return page


def _discrepancy(found: Experiment, theme: Theme) -> Figure:
    words = ("points $n$ in each sample", "MMD² of the two samples", found.title)
    columns = [("unbiased MMD2", "unbiased", "error"), ("biased MMD2", "biased", "biased error")]
    page, ax, lines = _curves(found, theme, words, "x", "n", [*columns, ("bias expected", "its bias", "")])
    _rule(ax, theme, "the truth, 0", y=0.0, over=False)
    ax.set_ylim(bottom=-0.1 * float(found.to_numpy()["biased MMD2"].max()))
    line_ends(ax, theme, lines.ends)
    return page


def _birthday(found: Experiment, theme: Theme) -> Figure:
    page = figure(theme, 6.0, 4.2)
    ax = _axes(page, theme, r"true $1/\sum p^2$", "estimate from duplicates", found.title, "xy")
    truth = found.to_numpy()["1/sum p^2"]
    ends = [0.6 * float(truth.min()), 1.7 * float(truth.max())]
    ax.plot(ends, ends, color=theme.soft, lw=1.0, zorder=1)
    ax.set(xlim=ends, ylim=ends)
    placer = Placer(ax, theme)
    placer.avoid(ends, ends)
    for k, kind in enumerate(("equal", "unequal")):
        table = found.where(masses=kind).to_numpy()
        x, y, bars = table["1/sum p^2"], table["estimate"], 2 * table["estimate error"]
        ax.errorbar(x, y, bars, fmt=marker(k), color=category(theme, k), ms=6, capsize=3, label=f"{kind} masses")
        placer.avoid(x, y, line=False)
        for row in range(len(x)):
            text = f"N = {table['N'][row]:.0f}, s = {table['s'][row]:.0f}"
            placer.label(text, [(x[row], y[row])], category(theme, k), near=8)
    _legend(ax, theme, loc="upper left")
    return page


FIGURES: dict[str, Callable[[Experiment, Theme], Figure]] = {
    "segments": _segments, "thickened": _thickened, "rings": _rings, "ranks": _ranks,
    "realizability": _realizability, "memory": _memory, "moments": _moments, "dynamics": _dynamics, "nash": _nash,
    "bumps": _bumps, "fits": _fits, "crossover": _crossover,
    "transport": _transport, "line": _line, "discrepancy": _discrepancy, "birthday": _birthday,
}  # fmt: skip
