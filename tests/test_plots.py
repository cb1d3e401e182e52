"""Every picture draws in both themes, shows what it should, and reaches its file whole."""

import os
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import to_rgb
from matplotlib.text import Annotation, Text

import tussle
from tussle import plots, stability
from tussle.charts import Basin, Bifurcation, Chart, EigenvaluePath
from tussle.endings import Ending, Outcome
from tussle.field import read_many
from tussle.models import dirac
from tussle.models.dirac import stable_step
from tussle.plots import style
from tussle.plots.chart import edges, log_spaced
from tussle.plots.labels import symbol
from tussle.spectra import Spectrum

THEMES = sorted(plots.THEMES)
WINDOW = ((-2.0, 2.0), (-2.0, 2.0))
PLAIN, R1 = dirac(), dirac(penalties=[tussle.r1(0.3)])
FIELDS = {
    "simultaneous": tussle.Field(PLAIN.game),
    "R1": tussle.Field(R1.game),
    "consensus": tussle.consensus(0.8)(tussle.Field(PLAIN.game)),
}
MAPS = {name: tussle.Map(field, tussle.simultaneous(tussle.sgd(0.2))) for name, field in FIELDS.items()}
RUNS = {name: tussle.run(method, PLAIN.start, 150) for name, method in MAPS.items()}


def spectrum_of(values, of="flow"):
    return Spectrum(np.array(values, dtype=complex), of, 1e-9)


HOME = PLAIN.equilibrium
FLOWS = {name: spectrum_of(np.linalg.eigvals(tussle.field_jacobian(field, HOME))) for name, field in FIELDS.items()}
STEPS = {name: spectrum_of(np.linalg.eigvals(tussle.map_jacobian(step, HOME)), "map") for name, step in MAPS.items()}


def r1_method(gamma, lr):
    game = dirac(penalties=[tussle.r1(gamma)]).game
    return tussle.Map(tussle.Field(game), tussle.simultaneous(tussle.sgd(lr)))


GAMMAS, RATES = np.linspace(0.05, 2.5, 30), np.linspace(0.05, 6.0, 25)
CHART = stability.chart(r1_method, GAMMAS, RATES, HOME, names=("gamma", "lr"))
EDGE = np.array([stable_step(gamma) for gamma in GAMMAS])
PATH = stability.eigenvalue_path(
    lambda gamma: tussle.Field(dirac(penalties=[tussle.r1(gamma)]).game),
    np.linspace(0.0, 2.0, 60),
    HOME,
    name="gamma",
)
SIDE = np.linspace(-3.0, 3.0, 13)
FATE = np.where(np.add.outer(SIDE**2, SIDE**2) < 6, 0, -1)
FATE[0, :3], FATE[-1, -1] = -3, -2
BASIN = Basin(("theta", "psi"), SIDE, SIDE, FATE, np.ones((13, 13)), np.zeros((1, 2)), 500)
VALUES = np.linspace(0.5, 1.5, 41)
SWING = np.sqrt(np.maximum(VALUES - 1, 0))[:, None] * [1.0, 0.5]
SWING[-4:] = np.nan
BRANCH = Bifurcation("lr", VALUES, np.zeros((41, 2)), VALUES**0.5, 1.0, SWING, np.full(41, np.nan), "neimark_sacker")
LOG = {
    "step": np.arange(300) * 10,
    "loss_generator": 0.7 + 0.1 * np.cos(np.arange(300)),
    "loss_discriminator": 0.5 + 0.1 * np.sin(np.arange(300)),
    "logit_real": np.linspace(2, -1, 300),
    "logit_fake": np.linspace(-2, 1, 300),
    "gradient_norm": np.geomspace(10, 1e-3, 300),
}
IMAGES = np.random.default_rng(0).random((10, 1, 8, 8))

PICTURES = {
    "phase portrait": lambda theme: plots.phase_portrait(
        FIELDS["simultaneous"], RUNS, PLAIN.equilibria, window=WINDOW, theme=theme, title="Dirac-GAN"
    ),
    "arrows": lambda theme: plots.phase_portrait(FIELDS["R1"], window=WINDOW, flow="arrows", theme=theme),
    "flow spectrum": lambda theme: plots.flow_spectrum(FLOWS, theme=theme, title="Dirac-GAN"),
    "map spectrum": lambda theme: plots.map_spectrum(STEPS, theme=theme, title="Dirac-GAN"),
    "whole map spectrum": lambda theme: plots.map_spectrum(STEPS, zoom=False, theme=theme),
    "eigenvalue path": lambda theme: plots.eigenvalue_path(PATH, theme=theme),
    "stability chart": lambda theme: plots.stability_chart(CHART, curves={"published": (GAMMAS, EDGE)}, theme=theme),
    "basin map": lambda theme: plots.basin_map(BASIN, theme=theme),
    "bifurcation diagram": lambda theme: plots.bifurcation_diagram(BRANCH, name="theta", theme=theme),
    "path plot": lambda theme: plots.path_plot(RUNS, equilibrium=PLAIN.equilibrium, axes=PLAIN.axes, theme=theme),
    "sample grid": lambda theme: plots.sample_grid(IMAGES, theme=theme, title="samples"),
    "curves": lambda theme: plots.curves(LOG, smooth=10, theme=theme),
}


@pytest.fixture(scope="module")
def drawn():
    """One drawing of each picture, made when it is first asked for."""
    made = {}

    def draw(name, theme="light"):
        if (name, theme) not in made:
            made[name, theme] = PICTURES[name](theme)
            made[name, theme].canvas.draw()
        return made[name, theme]

    return draw


def by_gid(figure, gid, axes=0):
    return [artist for artist in figure.axes[axes].get_children() if artist.get_gid() == gid]


def words(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def box(text, figure):
    return Text.get_window_extent(text, figure.canvas.get_renderer())


# All pictures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_draws_in_both_themes_with_its_words_inside(drawn, name, theme):
    figure = drawn(name, theme)
    assert to_rgb(figure.get_facecolor()) == to_rgb(plots.THEMES[theme].paper)
    width, height = figure.get_size_inches()
    whole = figure.get_tightbbox(figure.canvas.get_renderer())
    boxes = [box(text, figure).transformed(figure.dpi_scale_trans.inverted()) for text in figure.findobj(Annotation)]
    for extent in [whole, *boxes]:
        assert min(extent.x0, extent.y0) > -0.01, extent
        assert extent.x1 < width + 0.01, extent
        assert extent.y1 < height + 0.01, extent


@pytest.mark.parametrize("name", PICTURES)
def test_direct_labels_do_not_cover_each_other(drawn, name):
    figure = drawn(name)
    labels = [text for text in figure.findobj(Annotation) if text.get_text()]
    for k, first in enumerate(labels):
        for second in labels[:k]:
            assert not box(first, figure).padded(-2).overlaps(box(second, figure).padded(-2)), (first, second)


def test_drawing_leaves_no_trace_outside_its_figure(tmp_path):
    code = f"""
import sys, warnings
warnings.simplefilter("error")
import numpy as np, matplotlib as mpl
before = dict(mpl.rcParams)
from tussle import plots
from tussle.spectra import Spectrum
made = plots.flow_spectrum(Spectrum(np.array([-1 + 1j, -1 - 1j]), "flow", 1e-9))
for kind in ("png", "svg", "pdf"):
    plots.save(made, {str(tmp_path)!r} + "/a." + kind)
assert dict(mpl.rcParams) == before
assert "matplotlib.pyplot" not in sys.modules
assert "jax" not in sys.modules and "torch" not in sys.modules
"""
    environment = os.environ | {"MPLBACKEND": "agg"}  # else reading the settings would look for a backend
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=environment)


# Each picture shows what it should -------------------------------------------------------------------------------


def test_a_portrait_holds_streamlines_nullclines_runs_and_equilibria(drawn):
    figure = drawn("phase portrait")
    ax = figure.axes[0]
    assert sum(len(c.get_segments()) for c in ax.collections if isinstance(c, LineCollection)) > 100
    assert (ax.get_xlim(), ax.get_ylim()) == WINDOW
    rest_of_generator, rest_of_discriminator = (by_gid(figure, f"nullcline {k}")[0].get_xydata() for k in (0, 1))
    np.testing.assert_allclose(rest_of_generator[:, 1], 0, atol=1e-9)  # psi = 0
    np.testing.assert_allclose(rest_of_discriminator[:, 0], 0, atol=1e-9)  # theta = 0
    np.testing.assert_array_equal(by_gid(figure, "equilibria")[0].get_xydata(), [[0.0, 0.0]])
    lines = [line.get_xydata() for line in ax.lines]
    for run in RUNS.values():
        assert any(np.array_equal(line, run.path) for line in lines)
    assert {*RUNS, "start", "equilibrium", "generator rests", "discriminator rests"} <= set(words(figure))


def test_a_nullcline_stops_where_the_velocity_jumps_over_zero():
    field = tussle.Field(dirac("wasserstein", [tussle.wgan_gp(1.0)]).game)
    figure = plots.phase_portrait(field, window=WINDOW, flow="arrows")
    points = np.vstack([line.get_xydata() for line in by_gid(figure, "nullcline 1")])
    points = points[np.isfinite(points).all(axis=1)]
    assert np.abs(read_many(field, points, (1, 1))[:, 1]).max() < 0.05


def test_a_portrait_of_a_slice_shows_the_coordinates_asked_for():
    model = dirac(bias=True)
    field = tussle.Field(model.game)
    figure = plots.phase_portrait(
        field, window=WINDOW, axes=model.axes, coordinates=(0, 2), at=model.equilibrium, equilibria=model.equilibria
    )
    assert figure.axes[0].get_ylabel() == "$b$"
    points = by_gid(figure, "nullcline 1")[0].get_xydata()
    np.testing.assert_allclose(points[:, 1], 0, atol=1e-9)  # at psi = 0 the bias rests where b = 0


def test_a_run_of_many_starts_is_drawn_whole_and_one_that_overflows_does_not_disturb():
    bilinear = tussle.Field(tussle.ZeroSum(lambda x, y: (x * y).sum()))
    starts = (np.array([[1.0], [0.5]]), np.array([[0.0], [0.5]]))
    many = tussle.run(tussle.Map(bilinear, tussle.extragradient(tussle.sgd(0.3))), starts, 40)
    lost = tussle.run(tussle.Map(bilinear, tussle.simultaneous(tussle.sgd(3.0))), (1.0, 1.0), 1000)
    assert not np.isfinite(lost.end).all()
    figure = plots.phase_portrait(bilinear, {"many": many, "lost": lost}, [(0.0, 0.0)], window=WINDOW, axes=("x", "y"))
    figure.canvas.draw()
    lines = [line.get_xydata() for line in figure.axes[0].lines]
    assert all(any(np.array_equal(line, path) for line in lines) for path in many.path)
    plots.path_plot(lost, "lost", endings=[Ending.NONFINITE]).canvas.draw()


def test_a_flow_spectrum_shades_the_left_half_plane_and_marks_the_axis(drawn):
    figure = drawn("flow spectrum")
    shade = by_gid(figure, "stable")[0]
    assert shade.get_x() + shade.get_width() == 0
    assert set(by_gid(figure, "boundary")[0].get_xdata()) == {0}
    for dots, spectrum in zip(by_gid(figure, "eigenvalues"), FLOWS.values(), strict=True):
        np.testing.assert_array_equal(dots.get_xdata() + 1j * dots.get_ydata(), spectrum.eigenvalues)
    assert "R1: −0.15" in words(figure)


@pytest.mark.parametrize(("name", "panels"), [("map spectrum", 2), ("whole map spectrum", 1)])
def test_a_map_spectrum_holds_the_unit_circle_and_all_eigenvalues(drawn, name, panels):
    figure = drawn(name)
    assert len(figure.axes) == panels
    for k in range(panels):
        circle = by_gid(figure, "boundary", k)[0].get_xydata()
        np.testing.assert_allclose(np.hypot(*circle.T), 1)
        assert by_gid(figure, "stable", k)[0].get_radius() == 1
        assert figure.axes[k].get_aspect() == 1
    shown = np.concatenate([dots.get_xdata() + 1j * dots.get_ydata() for dots in by_gid(figure, "eigenvalues", -1)])
    np.testing.assert_array_equal(shown, np.concatenate([s.eigenvalues for s in STEPS.values()]))


def test_a_radius_next_to_one_is_told_from_one():
    figure = plots.map_spectrum({"a": spectrum_of([1 + 2e-5], "map"), "b": spectrum_of([1], "map")})
    assert {"a: 1 + 2e−05", "b: 1"} <= set(words(figure))


def test_a_spectrum_that_is_undefined_is_still_named():
    figure = plots.flow_spectrum({"rough": spectrum_of([np.nan, np.nan]), "smooth": spectrum_of([-1])})
    assert "rough: undefined" in words(figure)


def test_an_eigenvalue_path_is_colored_by_its_parameter_and_marked_at_both_ends(drawn):
    figure = drawn("eigenvalue path")
    (path,) = by_gid(figure, "path")
    assert path.get_clim() == (0.0, 2.0)
    assert len(path.get_segments()) == 2 * (len(PATH.values) - 1)
    for gid, row in (("first", 0), ("last", -1)):
        dots = by_gid(figure, gid)[0]
        np.testing.assert_array_equal(dots.get_xdata() + 1j * dots.get_ydata(), PATH.eigenvalues[row])
    assert {"$\\gamma$ = 0", "$\\gamma$ = 2"} <= set(words(figure))


def test_an_eigenvalue_path_of_maps_stands_in_the_unit_circle():
    values = np.linspace(0.1, 1.0, 20)
    path = EigenvaluePath("lr", values, np.stack([1 - values + 0.5j, 1 - values - 0.5j], axis=1), "map")
    figure = plots.eigenvalue_path(path)
    assert by_gid(figure, "stable")[0].get_radius() == 1
    assert figure.axes[-1].get_ylabel() == "learning rate $h$"


def test_a_chart_is_centered_at_radius_one_and_its_bold_line_is_the_published_edge(drawn):
    figure = drawn("stability chart")
    ax = figure.axes[0]
    (mesh,) = (c for c in ax.collections if isinstance(c, QuadMesh))
    assert mesh.norm.vcenter == 1
    (line,) = by_gid(figure, "boundary")
    points = np.vstack([path.vertices for path in line.get_paths()])
    published = np.interp(points[:, 0], GAMMAS, EDGE)
    assert np.abs(points[:, 1] - published).max() < 2 * np.diff(RATES)[0]
    assert {"stable", "unstable", "radius = 1", "published"} <= set(words(figure))


def test_stable_and_unstable_colors_differ_at_once_and_darken_or_brighten_steadily():
    for theme in plots.THEMES.values():
        ramp = style.boundary_map(theme)(np.arange(256))[:, :3] ** 2.2 @ [0.2126, 0.7152, 0.0722]
        sides = np.diff(ramp[:128]), np.diff(ramp[128:])
        assert len({tuple(np.sign(side)) for side in sides}) == 2  # one rises all the way, the other falls
        assert np.abs(np.subtract(*style.boundary_map(theme)([127, 128]))).max() > 0.05


def test_axes_of_charts_are_logarithmic_where_their_values_are():
    gammas, rates = np.geomspace(0.01, 1, 6), np.linspace(0.1, 1, 6)
    chart = Chart(("gamma", "lr"), gammas, rates, np.add.outer(rates, gammas), 1e-9)
    ax = plots.stability_chart(chart).axes[0]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert plots.stability_chart(chart, log=(False, True)).axes[0].get_yscale() == "log"
    np.testing.assert_allclose(edges(np.array([1.0, 10.0]), True), 10 ** np.array([-0.5, 0.5, 1.5]))
    assert not log_spaced(np.array([0.0, 1.0, 2.0]))


def test_a_basin_map_counts_what_it_colors(drawn):
    figure = drawn("basin map")
    assert figure.axes[0].get_title(loc="left") == f"{BASIN.count} of 169 starts converge in 500 steps"
    key = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    elsewhere = int(np.sum(FATE == -1))
    reached = f"reaches the equilibrium: {BASIN.count}"
    assert key == [reached, f"stays elsewhere: {elsewhere}", "escapes: 3", "overflows: 1"]
    np.testing.assert_array_equal(by_gid(figure, "equilibria")[0].get_xydata(), [[0.0, 0.0]])
    (mesh,) = (c for c in figure.axes[0].collections if isinstance(c, QuadMesh))
    faces = mesh.get_facecolor().reshape(13, 13, -1)
    assert len(np.unique(faces[FATE == 0], axis=0)) == 1
    assert len(np.unique(faces.reshape(169, -1), axis=0)) == 4


def test_a_bifurcation_diagram_changes_its_line_at_the_onset(drawn):
    figure = drawn("bifurcation diagram")
    (solid,), (dashed,) = by_gid(figure, "stable"), by_gid(figure, "unstable")
    at = [VALUES[np.isfinite(line.get_ydata())] for line in (solid, dashed)]
    assert at[0].max() <= 1.0 + 1e-9 <= at[1].max()
    assert at[1].min() >= VALUES[VALUES < 1].max()
    top, bottom = (line.get_ydata() for line in by_gid(figure, "cycle"))
    born = np.isfinite(SWING[:, 0]) & (SWING[:, 0] > 0)
    np.testing.assert_allclose(top[born], SWING[born, 0])
    np.testing.assert_allclose(bottom[born], -SWING[born, 0])
    assert by_gid(figure, "onset", 1)[0].get_xdata()[0] == 1.0
    assert {"onset 1 (Neimark–Sacker)", "escapes", "cycle: its extent", "stable equilibrium"} <= set(words(figure))


def test_a_path_plot_shows_each_coordinate_and_the_distance_with_its_ending():
    endings = [Outcome(Ending.LIMIT_CYCLE, "circles"), "converged", Ending.RUNNING]
    figure = plots.path_plot(RUNS, equilibrium=PLAIN.equilibrium, axes=PLAIN.axes, endings=endings)
    assert [ax.get_ylabel() for ax in figure.axes[:2]] == ["$\\theta$", "$\\psi$"]
    last = figure.axes[-1]
    assert last.get_yscale() == "log"
    distance = last.lines[1].get_ydata()
    np.testing.assert_allclose(distance, np.linalg.norm(RUNS["R1"].path, axis=1))
    assert {"simultaneous\nlimit cycle", "R1\nconverged", "consensus\nrunning"} <= set(words(figure))


def test_a_path_plot_of_a_large_game_shows_the_distance_alone():
    game = tussle.ZeroSum(lambda x, y: (x * y).sum())
    method = tussle.Map(tussle.Field(game), tussle.simultaneous(tussle.sgd(0.1)))
    run = tussle.run(method, (np.ones(3), np.ones(3)), 5)
    assert len(plots.path_plot(run).axes) == 1
    assert len(plots.path_plot(run, coordinates=(0, 5)).axes) == 3


def test_a_sample_grid_keeps_every_pixel():
    images = np.arange(5 * 40 * 40, dtype=float).reshape(5, 40, 40)
    (sheet,) = plots.sample_grid(images, columns=3).axes[0].images
    pixels = np.asarray(sheet.get_array())
    assert pixels.shape == (2 * 40 + 2, 3 * 40 + 4, 3)
    np.testing.assert_allclose(pixels[:40, 42:82, 0], images[1] / images.max())
    np.testing.assert_allclose(pixels[42:82, 42:82, 1], images[4] / images.max())
    assert np.all(pixels[42:, 84:] == to_rgb(plots.THEMES["light"].paper))


def test_curves_share_a_panel_by_the_first_word_of_their_names(drawn):
    figure = drawn("curves")
    assert [ax.get_ylabel() for ax in figure.axes] == ["loss", "logit", "gradient norm"]
    assert [ax.get_yscale() for ax in figure.axes] == ["linear", "linear", "log"]
    assert {"generator", "discriminator", "real", "fake"} <= set(words(figure))
    raw = plots.curves({"loss": [3.0, np.nan, 1.0]}).axes[0].lines[0]
    np.testing.assert_array_equal(raw.get_ydata(), [3.0, np.nan, 1.0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("theta", "$\\theta$"), ("x0", "$x_{0}$"), ("phi_1", "$\\phi_{1}$"), ("steps_g", "steps g"), ("b", "$b$")],
)
def test_names_become_symbols(name, expected):
    assert symbol(name) == expected


# Colors ----------------------------------------------------------------------------------------------------------

# Full dichromacy in linear RGB (Machado, Oliveira, Fernandes 2009).
SIGHT = {
    "all cones": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
CONES = [[0.412221, 0.536333, 0.051446], [0.211904, 0.680700, 0.107397], [0.088302, 0.281719, 0.629979]]
OKLAB = [[0.210454, 0.793618, -0.004072], [1.977998, -2.428592, 0.450594], [0.025904, 0.782772, -0.808676]]


def linear(color):
    c = np.array(to_rgb(color))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", THEMES)
def test_categories_are_told_apart_by_every_eye(theme, sight):
    seen = [np.clip(np.array(SIGHT[sight]) @ linear(c), 0, 1) for c in plots.THEMES[theme].colors]
    points = np.array([np.array(OKLAB) @ np.cbrt(np.array(CONES) @ c) for c in seen])
    apart = np.linalg.norm(points[:, None] - points[None], axis=2) + np.eye(len(points))
    assert apart.min() > 0.07


@pytest.mark.parametrize("theme", plots.THEMES.values(), ids=THEMES)
def test_words_stand_out_from_the_paper(theme):
    def light(color):
        return linear(color) @ [0.2126, 0.7152, 0.0722] + 0.05

    for color in (theme.ink, theme.soft, *(style.text_color(theme, c) for c in theme.colors)):
        ratio = light(color) / light(theme.paper)
        assert max(ratio, 1 / ratio) > 3.5, color


# Files -----------------------------------------------------------------------------------------------------------


def test_files_are_complete_and_carry_their_fonts(drawn, tmp_path):
    figure = drawn("flow spectrum")
    made = {kind: plots.save(figure, tmp_path / "new" / "folder" / f"a.{kind}").read_bytes() for kind in style.FORMATS}
    assert made["png"].startswith(b"\x89PNG")
    assert b"/FontFile2" in made["pdf"]
    assert b"/Type3" not in made["pdf"]
    assert made["svg"].rstrip().endswith(b"</svg>")
    assert b"<text" not in made["svg"]
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == ["a.pdf", "a.png", "a.svg"]


def test_the_same_picture_is_the_same_file(tmp_path):
    for kind in style.FORMATS:
        first, second = (plots.save(plots.flow_spectrum(FLOWS), tmp_path / f"{k}.{kind}").read_bytes() for k in "ab")
        assert first == second, kind


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    figure = style.figure(plots.THEMES["light"], 1, 1)
    target = tmp_path / "a.png"
    target.write_bytes(b"old")

    def half(path, **options):
        path.write_bytes(b"half a pict")
        raise KeyboardInterrupt

    monkeypatch.setattr(figure, "savefig", half)
    with pytest.raises(KeyboardInterrupt):
        plots.save(figure, target)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.png", b"old")]


def test_settings_of_the_writers_end_with_the_writing(drawn, tmp_path):
    before = dict(mpl.rcParams)
    plots.save(drawn("curves"), tmp_path / "a.svg")
    assert dict(mpl.rcParams) == before


# Wrong requests --------------------------------------------------------------------------------------------------

FLOW, MAP = spectrum_of([-1]), spectrum_of([0.5], "map")
WRONG = {
    "theme": (
        lambda: plots.sample_grid(IMAGES, theme="drak"),
        r"`theme` is 'drak'; it may be one of dark, light",
    ),
    "window order": (
        lambda: plots.phase_portrait(FIELDS["R1"], window=((1, -1), (0, 1))),
        r"`window` is \(\(1, -1\), \(0, 1\)\); it must be \(\(left, right\), \(bottom, top\)\)",
    ),
    "window shape": (lambda: plots.phase_portrait(FIELDS["R1"], window=(0, 1)), r"`window` is \(0, 1\)"),
    "flow": (lambda: plots.phase_portrait(FIELDS["R1"], window=WINDOW, flow="streams"), r"`flow` is 'streams'"),
    "no slice": (
        lambda: plots.phase_portrait(tussle.Field(dirac(bias=True).game), window=WINDOW),
        r"`at` is None for a game of 3 parameters",
    ),
    "coordinates": (
        lambda: plots.phase_portrait(FIELDS["R1"], window=WINDOW, coordinates=(0, 2)),
        r"`coordinates` is \(0, 2\); it must hold two different numbers from 0 to 1",
    ),
    "labels": (lambda: plots.flow_spectrum([FLOW], ["a", "b"]), r"`labels` has 2 entries for 1 of `spectra`"),
    "kind": (lambda: plots.flow_spectrum([FLOW, MAP]), r"`spectra` is of a map; .* use map_spectrum"),
    "record": (lambda: plots.map_spectrum([1 + 1j]), r"`spectra` holds a complex; it may hold Spectrum records"),
    "nothing": (lambda: plots.map_spectrum([]), r"`spectra` is empty"),
    "log": (lambda: plots.basin_map(BASIN, coordinates=(0, 2)), r"`coordinates` is \(0, 2\) for equilibria of 2"),
    "log axis": (
        lambda: plots.stability_chart(Chart(("a", "b"), SIDE, SIDE, np.ones((13, 13)), 0.0), log=(True, False)),
        r"`log\[0\]` is True for values down to -3",
    ),
    "coordinate": (
        lambda: plots.bifurcation_diagram(BRANCH, 2),
        r"`coordinate` is 2; it may be a whole number from 0 to 1",
    ),
    "equilibrium": (lambda: plots.path_plot(RUNS, equilibrium=(0, 0, 0)), r"`equilibrium` has 3 parameters"),
    "endings": (lambda: plots.path_plot(RUNS, endings=["converged"]), r"`endings` has 1 entries for 3 runs"),
    "no runs": (lambda: plots.path_plot([]), r"`trajectories` is empty"),
    "axes": (lambda: plots.path_plot(RUNS, axes=("x",)), r"`axes` has 1 names for 2 parameters"),
    "images": (lambda: plots.sample_grid(np.ones((4, 8, 8, 3))), r"`images` has shape \(4, 8, 8, 3\)"),
    "no curves": (lambda: plots.curves({"step": [1, 2]}), r"`record` holds nothing to draw"),
    "lengths": (lambda: plots.curves({"a": [1, 2], "b": [1]}), r"`record` holds lists of lengths \[1, 2\]"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_answered_with_a_sentence(name):
    ask, sentence = WRONG[name]
    with pytest.raises(ValueError, match=sentence):
        ask()


@pytest.mark.parametrize(
    ("path", "sentence"),
    [("a.gif", r"`path` is 'gif'; it may be one of pdf, png, svg"), ("file/a.png", r"cannot be written")],
)
def test_a_file_that_cannot_be_is_refused_with_a_sentence(tmp_path, path, sentence):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ValueError, match=sentence):
        plots.save(style.figure(plots.THEMES["light"], 1, 1), tmp_path / path)
