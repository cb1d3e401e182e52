"""Stacked digits: what each loss and penalty draws, how steep the critic gets on fakes, how many modes are covered."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tussle.plots.labels import line_ends
from tussle.plots.style import Theme, category, dress, figure, font, text_color, theme_of

SHOWN = 8  # samples of an arm


def stacked_digits_page(found: Mapping[str, Any], *, title: str = "", theme: str | Theme = "light") -> Figure:
    """Draw the courses of all arms along training, and samples of the first seed of each.

    Args:
        found: what `Laboratory.to_json()` gives, or its `details`.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if there are no runs.
    """
    look, details = theme_of(theme), found.get("details", found)
    arms: dict[str, Any] = dict(details.get("runs", {}))
    if not arms:
        message = f"`found` has {sorted(found)} and no runs; it must be of stacked-digits; give its to_json()."
        raise ValueError(message)
    sampled = any(several[0].get("samples") is not None for several in arms.values())
    page = figure(look, 9.6, 3.0 + (0.58 * len(arms) + 0.3 if sampled else 0))
    parts: Any = (page,)
    if sampled:
        parts = page.subfigures(2, 1, height_ratios=(3.0, 0.58 * len(arms) + 0.3))
    upper, *lower = parts
    for part in parts:
        part.set_facecolor(look.paper)
    left, right = upper.subplots(1, 2)
    _courses(left, arms, "slope_steps", "slopes", look)
    _courses(right, arms, "steps", "modes", look)
    dress(left, look, "step", "root mean square slope", "Slope of the critic on fakes")
    dress(right, look, "step", "modes", "Modes covered")
    left.set_yscale("log")
    real = (details.get("floors") or {}).get("modes")
    if real is not None:
        right.axhline(real, color=look.ink, lw=1.1, ls=(0, (4, 3)), zorder=1, gid="floor")
        right.set_ylim(0, 1.06 * real)
    for ax, name in ((left, "slopes"), (right, "modes")):
        ends = [
            (ax.get_xlim()[1], _mean(several, name)[-1], arm, category(look, k)) for k, (arm, several) in _all(arms)
        ]
        ends += [(ax.get_xlim()[1], real, "real samples", look.ink)] if real is not None and ax is right else []
        line_ends(ax, look, ends)
    if sampled:
        _samples(lower[0], arms, look)
    if title:
        page.suptitle(title, **font(look.ink, 11.0))
    return page


def _all(arms: Mapping[str, Any]) -> Any:
    return enumerate(arms.items())


def _mean(several: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    """Return the mean over seeds as far as all of them go, nan where one has no number."""
    length = min(len(run[name]) for run in several)
    table = [[np.nan if v is None else v for v in run[name][:length]] for run in several]
    return np.mean(np.array(table, dtype=float), axis=0)


def _courses(ax: Axes, arms: Mapping[str, Any], steps: str, name: str, look: Theme) -> None:
    """Draw the mean of each arm as a line, and each seed thin behind it."""
    for k, (arm, several) in _all(arms):
        style: dict[str, Any] = {"color": category(look, k)}
        for run in several:
            values = [np.nan if v is None else v for v in run[name]]
            ax.plot(run[steps], values, lw=0.7, alpha=0.4, zorder=2, **style)
        mean = _mean(several, name)
        line = ("-", (0, (6, 2)), (0, (2, 1.5)), "-.")[k % 4]
        ax.plot(several[0][steps][: len(mean)], mean, lw=1.8, ls=line, zorder=3, gid=arm, **style)


def _samples(part: Any, arms: Mapping[str, Any], look: Theme) -> None:
    """Draw a row of samples for each arm; channels are red, green and blue."""
    axes = part.subplots(len(arms), 1, squeeze=False)[:, 0]
    for k, (arm, several) in _all(arms):
        ax, images = axes[k], several[0].get("samples")
        dress(ax, look)
        ax.set(xticks=[], yticks=[])
        ax.set_ylabel(arm, rotation=0, ha="right", va="center", **font(text_color(look, category(look, k))))
        for spine in ax.spines.values():
            spine.set_visible(False)
        if images is None:
            continue
        pixels = np.clip((np.asarray(images, dtype=float)[:SHOWN] + 1) / 2, 0, 1).transpose(0, 2, 3, 1)
        gap = np.full((pixels.shape[1], 1, 3), np.nan)
        sheet = np.concatenate([np.concatenate([image, gap], axis=1) for image in pixels], axis=1)
        ax.imshow(np.ma.masked_invalid(sheet).filled(1.0 if look.name == "light" else 0.08), gid="samples")
