"""Pictures of records: each function takes records and returns a matplotlib figure; `save` writes it to a file.

No window is opened and nothing global is changed. Each picture comes in a `light` and a `dark` theme.
"""

from tussle.plots.assumptions import assumption_figure
from tussle.plots.bands import ensemble_bands
from tussle.plots.basin import basin_map
from tussle.plots.bifurcation import bifurcation_diagram
from tussle.plots.chart import stability_chart
from tussle.plots.divergence import divergence_plot
from tussle.plots.eigenvalues import eigenvalue_path
from tussle.plots.laboratories import laboratory_panel
from tussle.plots.mixture import mixture_spectra
from tussle.plots.path import path_plot
from tussle.plots.planes import animation, plane_samples
from tussle.plots.plateaux import plateau_map
from tussle.plots.portrait import phase_portrait
from tussle.plots.relativism import collapse_landscape, generator_weights, real_share, relativism_panels, update_weights
from tussle.plots.relaxations import relaxation_figure
from tussle.plots.samples import curves, sample_grid
from tussle.plots.singular import counterexample_figure
from tussle.plots.spectrum import flow_spectrum, map_spectrum
from tussle.plots.stacked_digits import stacked_digits_page
from tussle.plots.style import THEMES, Theme, save, theme_of
from tussle.plots.surface import cost_surface

__all__ = [
    "THEMES",
    "Theme",
    "animation",
    "assumption_figure",
    "basin_map",
    "bifurcation_diagram",
    "collapse_landscape",
    "cost_surface",
    "counterexample_figure",
    "curves",
    "divergence_plot",
    "eigenvalue_path",
    "ensemble_bands",
    "flow_spectrum",
    "generator_weights",
    "laboratory_panel",
    "map_spectrum",
    "mixture_spectra",
    "path_plot",
    "phase_portrait",
    "plane_samples",
    "plateau_map",
    "real_share",
    "relativism_panels",
    "relaxation_figure",
    "sample_grid",
    "save",
    "stability_chart",
    "stacked_digits_page",
    "theme_of",
    "update_weights",
]
