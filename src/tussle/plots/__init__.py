"""Pictures of records: each function takes records and returns a matplotlib figure; `save` writes it to a file.

No window is opened and nothing global is changed. Each picture comes in a `light` and a `dark` theme.
"""

from tussle.plots.bands import ensemble_bands
from tussle.plots.basin import basin_map
from tussle.plots.bifurcation import bifurcation_diagram
from tussle.plots.chart import stability_chart
from tussle.plots.eigenvalues import eigenvalue_path
from tussle.plots.path import path_plot
from tussle.plots.plateaux import plateau_map
from tussle.plots.portrait import phase_portrait
from tussle.plots.samples import curves, sample_grid
from tussle.plots.singular import counterexample_figure
from tussle.plots.spectrum import flow_spectrum, map_spectrum
from tussle.plots.style import THEMES, Theme, save, theme_of
from tussle.plots.surface import cost_surface

__all__ = [
    "THEMES",
    "Theme",
    "basin_map",
    "bifurcation_diagram",
    "cost_surface",
    "counterexample_figure",
    "curves",
    "eigenvalue_path",
    "ensemble_bands",
    "flow_spectrum",
    "map_spectrum",
    "path_plot",
    "phase_portrait",
    "plateau_map",
    "sample_grid",
    "save",
    "stability_chart",
    "theme_of",
]
