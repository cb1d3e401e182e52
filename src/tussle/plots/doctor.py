"""Pictures of a diagnosis: scores, gradients, weights, the way the field points, and what the cures did."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tussle.autodiff import to_numpy
from tussle.plots.labels import Placer
from tussle.plots.style import SMALL, Theme, category, dress, figure, font, halo, theme_of

WIDTH, HEIGHT = 5.4, 3.5  # inches of one panel
BINS = 40
LEAST = 1e-6  # weights below are drawn there
COLUMNS = 3


class Course(NamedTuple):
    """What one cure did.

    Attributes:
        name: of the cure.
        steps: at which both twins were measured, (k,).
        treated: distances with the cure, (seeds, k).
        untreated: distances without it, (seeds, k).
        better: whether the gain exceeds its uncertainty.
    """

    name: str
    steps: Any
    treated: Any
    untreated: Any
    better: bool


def score_histograms(
    real: Any, fake: Any, held_out: Any = None, *, title: str = "", theme: str | Theme = "light"
) -> Figure:
    """Draw the discriminator's outputs on real samples, on fakes and on held-out real samples.

    Args:
        real: outputs on real samples that it was trained on, (n,).
        fake: outputs on fakes, (m,).
        held_out: outputs on real samples that it has not seen, or None.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.
    """
    look = theme_of(theme)
    sides = [("real", _row(real)), ("fake", _row(fake))]
    if held_out is not None:
        sides.append(("held-out real", _row(held_out)))
    whole = np.concatenate([x for _, x in sides])
    low, high = (float(v) for v in np.quantile(whole, [0.001, 0.999])) if len(whole) else (0.0, 1.0)
    margin = 0.05 * max(high - low, 1e-3 * max(abs(high), 1.0))
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    page = figure(look, WIDTH, HEIGHT)
    ax = dress(
        page.add_subplot(), look, "discriminator's output (large: it thinks real)", "share of the samples", title
    )
    for k, (name, x) in enumerate(sides):
        heights = np.histogram(np.clip(x, edges[0], edges[-1]), edges)[0] / max(len(x), 1)
        color, line = category(look, k), ("-", "--", ":")[k]
        if k < 2:
            ax.stairs(heights, edges, fill=True, color=color, alpha=0.25, zorder=2)
        ax.stairs(heights, edges, color=color, lw=1.6, ls=line, label=name, gid=name, zorder=3)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(bottom=0)
    _legend(page, ax, look, len(sides))
    return page


def gradient_bars(norms: Mapping[str, tuple[float, float]], *, title: str = "", theme: str | Theme = "light") -> Figure:
    """Draw the length of each player's mean velocity beside the noise of one batch.

    Args:
        norms: by player: the length of the mean over batches, and the noise of a single batch.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure; lengths are logarithmic where they differ a hundredfold.
    """
    look = theme_of(theme)
    names = list(norms)
    values = np.array([norms[name] for name in names], dtype=float)
    page = figure(look, WIDTH, 0.55 * len(names) + 1.5)
    ax = dress(page.add_subplot(), look, "length of the velocity (minus the gradient)", "", title)
    at = np.arange(len(names))
    for k, (word, hatch, shift) in enumerate((("mean over batches", "", -0.2), ("noise of one batch", "///", 0.2))):
        color = category(look, k)
        ax.barh(at + shift, values[:, k], 0.36, color=color, edgecolor=look.panel, hatch=hatch, label=word, gid=word)
    ax.set_yticks(at, names, **font(look.ink))
    ax.invert_yaxis()
    known = values[np.isfinite(values) & (values > 0)]
    if len(known) and known.max() > 100 * known.min():
        ax.set_xscale("log")
    _legend(page, ax, look, 2)
    return page


def weight_histogram(weights: Any, *, title: str = "", theme: str | Theme = "light") -> Figure:
    """Draw how much of the generator's update comes from each fake.

    Args:
        weights: of the fakes, (n,); 1 is what each would have if all had as much.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure; sizes are logarithmic, and those below 1e-6 stand at its left end.
    """
    look = theme_of(theme)
    sizes = np.maximum(np.abs(_row(weights)), LEAST)
    edges = np.geomspace(LEAST, max(10.0, float(sizes.max(initial=1.0)) * 1.2), BINS + 1)
    page = figure(look, WIDTH, HEIGHT)
    ax = dress(page.add_subplot(), look, "weight of a fake in the generator's update", "share of the fakes", title)
    heights = np.histogram(sizes, edges)[0] / max(len(sizes), 1)
    ax.stairs(heights, edges, fill=True, color=category(look, 1), alpha=0.35, gid="weights")
    ax.stairs(heights, edges, color=category(look, 1), lw=1.5)
    ax.set_xscale("log")
    ax.set_xlim(edges[0], edges[-1])
    top = max(1.25 * float(heights.max(initial=0.0)), 0.05)
    ax.set_ylim(0, top)
    vanished = float(np.mean(sizes < 1e-3)) if len(sizes) else 0.0
    ax.axvline(1e-3, ymax=0.88, color=look.soft, lw=1.0, ls="--", zorder=1)
    words = f"{vanished:.0%} below 0.001: these fakes teach it nothing"
    ax.text(
        0.02, 0.97, words, transform=ax.transAxes, va="top", path_effects=halo(look), **font(look.ink, SMALL)
    )  # fmt: skip
    return page


def angle_curve(shares: Any, cosines: Any, *, title: str = "", theme: str | Theme = "light") -> Figure:
    """Draw the cosine between the field and the way from a start to an end, along that way.

    Args:
        shares: of the way, (k,): 0 is the start, 1 the end.
        cosines: of the angle, (k,).
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Reference:
        Berard et al., "A closer look at the optimization landscapes of generative adversarial networks", ICLR 2020.
    """
    look = theme_of(theme)
    x, y = np.asarray(shares, dtype=float), np.asarray(cosines, dtype=float)
    page = figure(look, WIDTH, HEIGHT)
    ax = dress(page.add_subplot(), look, "share of the way (0: here, 1: where training leads)", "cosine", title)
    ax.axhline(0, color=look.soft, lw=0.9, zorder=1)
    for at, word in ((0.0, "here"), (1.0, "there")):
        ax.axvline(at, color=look.faint, lw=1.0, zorder=1)
        ax.text(at + 0.01, 0.02, word, transform=ax.get_xaxis_transform(), **font(look.soft, SMALL))
    ax.plot(x, y, color=category(look, 0), lw=1.8, gid="angle", zorder=3)
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(-1.05, 1.05)
    placer = Placer(ax, look)
    placer.avoid(x, y)
    ends = ax.get_xlim()
    placer.label("along the way", [[ends[0] + 0.05, 0.75], [ends[1] - 0.3, 0.75]], look.soft, far=False)
    placer.label("against it", [[ends[0] + 0.05, -0.75], [ends[1] - 0.3, -0.75]], look.soft, far=False)
    return page


def sample_cloud(real: Any, fake: Any, *, title: str = "", theme: str | Theme = "light") -> Figure:
    """Draw samples that are neither points of the plane nor images.

    Args:
        real: (n, d).
        fake: (m, d).
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure: histograms of numbers, and for vectors the two principal axes of the real data.
    """
    a, b = (np.asarray(to_numpy(x), dtype=float).reshape(len(x), -1) for x in (real, fake))
    look = theme_of(theme)
    page = figure(look, WIDTH, HEIGHT + 0.4)
    if a.shape[1] == 1:
        ax = dress(page.add_subplot(), look, "value", "share of the samples", title)
        whole = np.concatenate([a, b]).ravel()
        low, high = (float(v) for v in np.quantile(whole, [0.002, 0.998]))
        edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
        for k, (name, x) in enumerate((("real", a), ("fake", b))):
            heights = np.histogram(x.ravel(), edges)[0] / len(x)
            ax.stairs(heights, edges, color=category(look, k), lw=1.6, ls=("-", "--")[k], label=name)
    else:
        center = a.mean(axis=0)
        ways = np.linalg.svd(a - center, full_matrices=False)[2][:2]
        ax = dress(page.add_subplot(), look, "first principal axis of the data", "second", title)
        for k, (name, x) in enumerate((("real", a), ("fake", b))):
            at, shape = (x[:1500] - center) @ ways.T, ("o", "x")[k]
            ax.scatter(at[:, 0], at[:, 1], s=(9, 16)[k], marker=shape, color=category(look, k), alpha=0.7, label=name,
                       linewidths=(0, 1.0)[k])  # fmt: skip
    _legend(page, ax, look, 2)
    return page


def cure_curves(
    courses: Sequence[Course], *, floor: float = 0.0, title: str = "", theme: str | Theme = "light"
) -> Figure:
    """Draw each cure beside its untreated twin, one panel a cure.

    Args:
        courses: what the cures did, the best first.
        floor: the distance that noise alone makes.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure; thin lines are the seeds, thick ones their means; the scale is that of all panels.

    Raises:
        ValueError: if there is no course.
    """
    if not courses:
        message = "`courses` is empty; at least one cure must have been tried; leave the picture out."
        raise ValueError(message)
    look = theme_of(theme)
    columns = min(COLUMNS, len(courses))
    rows = -(-len(courses) // columns)
    page = figure(look, 2.75 * columns + 0.6, 2.15 * rows + 0.75)
    axes = page.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    top = _top(courses)
    for ax, course in zip(axes.flat, courses, strict=False):
        dress(ax, look)
        _course(ax, course, floor, top, look)
    for ax in axes.flat[len(courses) :]:
        ax.set_axis_off()
    for k in range(len(courses)):
        axes.flat[k].tick_params(labelbottom=k + columns >= len(courses), labelleft=k % columns == 0)
    axes.flat[0].set_ylim(min(0.0, -0.05 * top), 1.05 * top)
    page.supxlabel("step of the continuation", **font(look.ink))
    page.supylabel("distance to the real data", **font(look.ink))
    handles, labels = axes.flat[0].get_legend_handles_labels()
    page.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, labelcolor=look.ink,
                prop={"family": "DejaVu Sans", "size": SMALL})  # fmt: skip
    if title:
        page.suptitle(title, x=0.02, ha="left", **font(look.ink))
    return page


def _top(courses: Sequence[Course]) -> float:
    """Return the top of the common scale: twice the largest start, or what is finite below it."""
    starts = np.concatenate([np.asarray(c.untreated, dtype=float)[:, 0] for c in courses])
    whole = np.concatenate([np.ravel(np.asarray(x, dtype=float)) for c in courses for x in (c.treated, c.untreated)])
    whole, starts = whole[np.isfinite(whole)], starts[np.isfinite(starts)]
    return max(min(float(whole.max(initial=0.0)), 3 * float(starts.max(initial=1e-9))), 1e-9)


def _course(ax: Axes, course: Course, floor: float, top: float, theme: Theme) -> None:
    steps = np.asarray(course.steps, dtype=float)
    looks = (
        (course.untreated, theme.soft, "--", "untreated twin"),
        (course.treated, category(theme, 0), "-", "treated"),
    )
    for values, color, line, name in looks:
        shown = np.asarray(values, dtype=float)
        shown = np.where(np.isfinite(shown), np.minimum(shown, 2 * top), 2 * top)
        for row in shown:
            ax.plot(steps, row, color=color, lw=0.7, ls=line, alpha=0.45, zorder=2)
        ax.plot(steps, shown.mean(axis=0), color=color, lw=1.9, ls=line, label=name, zorder=3, gid=name)
    ax.axhline(floor, color=theme.soft, lw=1.1, ls=":", zorder=1, label="noise floor")
    ax.set_xlim(steps[0], steps[-1])
    mark = "better" if course.better else "no better"
    ax.set_title(course.name, loc="left", pad=4, **font(theme.ink, SMALL))
    ax.set_title(mark, loc="right", pad=4, **font(category(theme, 0) if course.better else theme.soft, SMALL))


def _row(x: Any) -> np.ndarray:
    found = np.asarray(to_numpy(x), dtype=float).reshape(-1)
    return found[np.isfinite(found)]


def _legend(page: Figure, ax: Axes, theme: Theme, columns: int) -> None:
    """Name what was drawn, below the axes."""
    handles, labels = ax.get_legend_handles_labels()
    page.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False, labelcolor=theme.ink,
        prop={"family": "DejaVu Sans", "size": SMALL},
    )  # fmt: skip
