"""Pictures of records: each function takes records and returns a matplotlib figure; `save` writes it to a file.

No window is opened and nothing global is changed. Each picture comes in a `light` and a `dark` theme.
"""

from tussle.plots.basin import basin_map
from tussle.plots.bifurcation import bifurcation_diagram
from tussle.plots.chart import stability_chart
from tussle.plots.eigenvalues import eigenvalue_path
from tussle.plots.path import path_plot
from tussle.plots.portrait import phase_portrait
from tussle.plots.samples import curves, sample_grid
from tussle.plots.spectrum import flow_spectrum, map_spectrum
from tussle.plots.style import THEMES, Theme, save, theme_of

__all__ = [
    "THEMES",
    "Theme",
    "basin_map",
    "bifurcation_diagram",
    "curves",
    "eigenvalue_path",
    "flow_spectrum",
    "map_spectrum",
    "path_plot",
    "phase_portrait",
    "sample_grid",
    "save",
    "stability_chart",
    "theme_of",
]
