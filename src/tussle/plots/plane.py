"""The complex plane: the axes on which eigenvalues stand, with what is stable shaded."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle
from matplotlib.ticker import MaxNLocator

from tussle.plots.style import SMALL, Theme, dress, figure, font, mixed, shade

WIDE = 1.28  # width of a plane by its height
CIRCLE = np.exp(2j * np.pi * np.linspace(0, 1, 721))
Frame = tuple[complex, complex]  # lower left and upper right corner


def coordinates(values: Any) -> np.ndarray:
    """Return complex numbers as points of the plane, (..., 2)."""
    return np.stack([np.real(values), np.imag(values)], axis=-1)


def upper_half(values: np.ndarray) -> np.ndarray:
    """Return the finite ones among some numbers that do not lie below the real axis: the others mirror them."""
    return values[np.isfinite(values) & (np.imag(values) >= -1e-12)]


def plane(ax: Axes, frame: Frame, theme: Theme, title: str, y: str = r"imaginary part  Im $\lambda$") -> Axes:
    """Give axes the look of the complex plane, and a frame that they keep."""
    dress(ax, theme, r"real part  Re $\lambda$", y, title)
    ax.set(xlim=(frame[0].real, frame[1].real), ylim=(frame[0].imag, frame[1].imag), aspect="equal", autoscale_on=False)
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    return ax


def flow_frame(values: np.ndarray) -> Frame:
    """Return a frame that shows the eigenvalues and both sides of the imaginary axis."""
    values = np.append(values, 0.0)
    right = 0.22 * _extent(_frame(np.append(values, np.conj(values)), 0.0))
    return shaped(_frame(np.concatenate([values, np.conj(values), [right]]), 0.13), WIDE)


def _frame(values: np.ndarray, margin: float) -> Frame:
    """Return the corners of a frame around some numbers, with a margin."""
    values = np.ravel(values)[np.isfinite(np.ravel(values))]
    values = values if len(values) else np.array([0j])
    points = coordinates(values)
    low, high = complex(*points.min(axis=0)), complex(*points.max(axis=0))
    room = margin * complex(1, 1) * max(_extent((low, high)), 0.05 * float(np.abs(values).max()), 1e-6)
    return low - room, high + room


def _extent(frame: Frame) -> float:
    size = frame[1] - frame[0]
    return max(size.real, size.imag)


def shaped(frame: Frame, ratio: float) -> Frame:
    """Return the smallest frame around another whose width is `ratio` times its height."""
    middle, size = (frame[0] + frame[1]) / 2, frame[1] - frame[0]
    height = max(size.imag, size.real / ratio)
    half = complex(ratio * height, height) / 2
    return middle - half, middle + half


def half_plane(ax: Axes, frame: Frame, theme: Theme) -> None:
    """Shade the left half-plane and mark the imaginary axis."""
    ax.axvspan(min(frame[0].real, 0) - _extent(frame), 0, color=shade(theme), zorder=0, lw=0, gid="stable")
    ax.axhline(0, color=theme.faint, lw=0.8, zorder=1)
    ax.axvline(0, color=theme.ink, lw=1.5, zorder=2, gid="boundary")
    ax.text(0.02, 0.97, "stable: Re λ < 0", transform=ax.transAxes, va="top", zorder=3, **_soft(theme))


def circles(values: np.ndarray, zoom: bool | None, theme: Theme, title: str) -> tuple[Axes, Axes | None]:
    """Return the axes for eigenvalues of maps, and those of the overview beside them where they are zoomed."""
    whole = _frame(np.concatenate([values, np.conj(values), CIRCLE]), 0.1)
    near = shaped(_frame(upper_half(values), 0.4), WIDE)
    tight = _extent(near) < 0.45 * _extent(whole) if zoom is None else zoom
    if not tight or len(upper_half(values)) == 0:
        ax = plane(figure(theme, 5.8, 4.6, "compressed").add_subplot(), shaped(whole, WIDE), theme, title)
        return _disk(ax, theme), None
    first, second = figure(theme, 9.2, 4.4, "compressed").subplots(1, 2, width_ratios=(1, WIDE))
    beside = _disk(plane(first, shaped(whole, 1), theme, title), theme)
    size = near[1] - near[0]
    corner = (near[0].real, near[0].imag)
    beside.add_patch(Rectangle(corner, size.real, size.imag, fc="none", ec=theme.ink, lw=0.9, zorder=6, gid="zoom"))
    ax = _disk(plane(second, near, theme, "", ""), theme, words=False)
    ax.set_title("the framed part, enlarged", loc="left", pad=8, **font(theme.soft))
    return ax, beside


def _disk(ax: Axes, theme: Theme, words: bool = True) -> Axes:
    """Shade the unit disk and mark the circle."""
    ax.add_patch(Circle((0, 0), 1, color=shade(theme), zorder=0, lw=0, gid="stable"))
    ax.axhline(0, color=theme.faint, lw=0.8, zorder=1)
    ax.axvline(0, color=theme.faint, lw=0.8, zorder=1)
    ax.plot(*coordinates(CIRCLE).T, color=theme.ink, lw=1.5, zorder=2, gid="boundary")
    if words and np.ptp(ax.get_xlim()) < 8:
        ax.text(0, -0.62, "stable: |λ| < 1", ha="center", zorder=3, clip_on=True, **_soft(theme))
    return ax


def _soft(theme: Theme) -> dict[str, Any]:
    return font(mixed(theme.soft, theme.stable[1], 0.6), SMALL)
