"""Spectra in the complex plane: of fields against the imaginary axis, of maps against the unit circle."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tussle.plots.labels import Placer, named, number
from tussle.plots.plane import CIRCLE, circles, coordinates, flow_frame, half_plane, plane, upper_half
from tussle.plots.style import SMALL, Theme, category, figure, font, marker, page_of, theme_of
from tussle.spectra import Spectrum


def flow_spectrum(spectra: Any, labels: Sequence[str] = (), *, title: str = "", theme: str | Theme = "light") -> Figure:
    """Draw spectra of fields: an equilibrium attracts the flow if all lie left of the imaginary axis.

    Args:
        spectra: a spectrum, several, or a mapping from their labels.
        labels: one for each.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if a spectrum is that of a map, or the labels do not fit.
    """
    look, found = theme_of(theme), _of("flow", spectra, labels)
    frame = flow_frame(np.concatenate([s.eigenvalues for _, s in found]))
    page = figure(look, 5.8, 4.6, "compressed")
    ax = plane(page.add_subplot(), frame, look, title)
    half_plane(ax, frame, look)
    _eigenvalues(ax, found, "flow", look)
    return page


def map_spectrum(
    spectra: Any, labels: Sequence[str] = (), *, zoom: bool | None = None, title: str = "", theme: str | Theme = "light"
) -> Figure:
    """Draw spectra of maps: an equilibrium attracts the steps if all lie inside the unit circle.

    Args:
        spectra: a spectrum, several, or a mapping from their labels.
        labels: one for each.
        zoom: whether to draw the neighborhood of the eigenvalues beside the whole circle; by default where they
            stand so close together that the whole circle would not show them apart.
        title: of the picture.
        theme: `light`, `dark` or a `Theme`.

    Returns:
        the figure.

    Raises:
        ValueError: if a spectrum is that of a field, or the labels do not fit.
    """
    look, found = theme_of(theme), _of("map", spectra, labels)
    ax, beside = circles(np.concatenate([s.eigenvalues for _, s in found]), zoom, look, title)
    if beside is not None:
        _dots(beside, found, look, 3.5)
    _eigenvalues(ax, found, "map", look)
    return page_of(ax)


def _of(kind: str, spectra: Any, labels: Sequence[str]) -> list[tuple[str, Spectrum]]:
    found = named(spectra, labels, Spectrum, "spectra")
    if not found or any(s.of != kind for _, s in found):
        came = "empty" if not found else f"of a {next(s.of for _, s in found if s.of != kind)}"
        other = "map_spectrum" if kind == "flow" else "flow_spectrum"
        message = f"`spectra` is {came}; here it must be of a {kind}; use {other} for the other kind."
        raise ValueError(message)
    return found


def _dots(ax: Axes, found: list[tuple[str, Spectrum]], theme: Theme, size: float = 7.5) -> None:
    for k, (_, spectrum) in enumerate(found):
        values = spectrum.eigenvalues
        look: dict[str, Any] = {"markersize": size, "markeredgecolor": theme.panel, "mew": 0.9, "zorder": 5 + 0.01 * k}
        ax.plot(*coordinates(values).T, marker(k), color=category(theme, k), gid="eigenvalues", **look)


def _eigenvalues(ax: Axes, found: list[tuple[str, Spectrum]], of: str, theme: Theme) -> None:
    """Draw all eigenvalues and name each method once, at its leading one."""
    _dots(ax, found, theme)
    note = "number: max Re λ" if of == "flow" else "number: max |λ|"
    ax.set_title(note, loc="right", pad=8, **font(theme.soft, SMALL))
    placer = Placer(ax, theme)
    for _, spectrum in found:
        placer.avoid(*coordinates(spectrum.eigenvalues).T, line=False)
    boundary = np.array([[0.0, y] for y in ax.get_ylim()]) if of == "flow" else coordinates(CIRCLE)
    placer.avoid(boundary[:, 0], boundary[:, 1])
    for k, (label, spectrum) in enumerate(found):
        values = upper_half(spectrum.eigenvalues)
        rank = np.argsort(-(np.real(values) if of == "flow" else np.abs(values)), kind="stable")
        anchors = coordinates(values)[rank]
        if len(anchors) == 0:  # nothing of it can be drawn: say so in a corner
            anchors = np.array([[ax.get_xlim()[0], ax.get_ylim()[0]]])
        placer.label(_name(label, spectrum), anchors, category(theme, k), near=7)


def _name(label: str, spectrum: Spectrum) -> str:
    measure = number(spectrum.abscissa) if spectrum.of == "flow" else _near_one(spectrum.radius, spectrum.tolerance)
    return f"{label}: {measure}" if label else measure


def _near_one(radius: float, tolerance: float) -> str:
    """Return a radius with so many digits that it can be told from 1."""
    beyond = radius - 1
    if tolerance < abs(beyond) < 5e-4:
        return f"1 {'+' if beyond > 0 else '−'} {number(abs(beyond), 1)}"
    return number(radius, 4)
