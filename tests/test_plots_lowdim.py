"""The pictures of the exact least-squares GANs: cost surface, plateaux, and bands of sampled runs."""

import warnings

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.contour import QuadContourSet
from matplotlib.patches import PathPatch
from matplotlib.text import Annotation, Text
from scipy.integrate import quad
from scipy.special import erf

import tussle
from tussle.lowdim.basins import PlateauBasin
from tussle.lowdim.plateau import CLASSES
from tussle.plots.bands import ensemble_bands
from tussle.plots.plateaux import HATCHES, plateau_map, strong, tint
from tussle.plots.style import THEMES
from tussle.plots.surface import cost_surface
from tussle.trajectory import Trajectory

A, B = tussle.models.erf_lsgan("A"), tussle.models.erf_lsgan("B")
WINDOW, WIDE = ((-4.0, 2.0), (-2.1, 3.1)), ((-12.0, 8.0), (-20.0, 10.0))
RULE = tussle.simultaneous(tussle.sgd(0.4))


def run_of(model, steps=249):
    return tussle.run(tussle.Map(tussle.Field(model.game), RULE), model.start, steps)


RUN = run_of(A)

# Starts whose ends are told by hand, so that the picture is compared with what was put in.
X, Y = np.linspace(-6.0, 4.0, 11), np.linspace(-12.0, 6.0, 10)
WHICH = np.where(X[None] + Y[:, None] > 0, 0, 2)
WHICH[:3, :4], WHICH[-1, :2], WHICH[5, 5] = 1, 3, 4
BASIN = PlateauBasin(("b", "h"), X, Y, WHICH, 2000, np.zeros((10, 11, 2)))
FINE = PlateauBasin(
    ("b", "h"), np.linspace(0, 1, 50), np.linspace(0, 1, 40), np.resize(np.arange(4).repeat(137), (40, 50)), 7,
    np.zeros((40, 50, 2)),
)  # fmt: skip

NOISE = np.random.default_rng(3).normal(size=(40, 250, 2)).cumsum(axis=1) / 40
ENSEMBLE = tussle.Ensemble(RUN.path + NOISE, RUN.at, (1, 1), 100, False, 3)
SD = np.sqrt(np.arange(250))[:, None] * [1.0, 2.0] / 40
FORECAST = tussle.Forecast(RUN.path, SD[:, :, None] ** 2 * np.eye(2), RUN.at, 100, False)

PICTURES = {
    "surface": lambda theme: cost_surface(A, RUN, window=WINDOW, theme=theme),
    "wide surface": lambda theme: cost_surface(B, window=WIDE, theme=theme),
    "plateau map": lambda theme: plateau_map(BASIN, theme=theme),
    "fine plateau map": lambda theme: plateau_map(FINE, title="fine", theme=theme),
    "bands": lambda theme: ensemble_bands(ENSEMBLE, RUN, FORECAST, axes=A.axes, theme=theme),
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


def panel(figure, title):
    """The index of the axes with a title: a color bar stands among them."""
    return [ax.get_title(loc="left") for ax in figure.axes].index(title)


def words(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def lasting(figure):
    """All words but those of ticks, which matplotlib keeps also beyond the limits."""
    found = [text for legend in figure.legends for text in (*legend.get_texts(), legend.get_title())]
    for ax in figure.axes:
        key = ax.get_legend()
        found += [*ax.texts, ax.xaxis.label, ax.yaxis.label, ax._left_title, *(key.get_texts() if key else ())]
    return [text for text in found if text.get_text().strip()]


def box(text, figure):
    return Text.get_window_extent(text, figure.canvas.get_renderer())


# All pictures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", sorted(THEMES))
@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_draws_in_both_themes_with_its_words_inside(drawn, name, theme):
    figure = drawn(name, theme)
    assert to_rgb(figure.get_facecolor()) == to_rgb(THEMES[theme].paper)
    width, height = figure.get_size_inches()
    boxes = [figure.get_tightbbox(figure.canvas.get_renderer())]
    boxes += [box(t, figure).transformed(figure.dpi_scale_trans.inverted()) for t in figure.findobj(Annotation)]
    for legend in figure.legends:
        boxes.append(legend.get_window_extent().transformed(figure.dpi_scale_trans.inverted()))
    for extent in boxes:
        assert min(extent.x0, extent.y0) > -0.01, extent
        assert extent.x1 < width + 0.01, extent
        assert extent.y1 < height + 0.01, extent


@pytest.mark.parametrize("name", PICTURES)
def test_no_words_cover_each_other(drawn, name):
    figure = drawn(name)
    labels = lasting(figure)
    for k, first in enumerate(labels):
        for second in labels[:k]:
            assert not box(first, figure).padded(-2).overlaps(box(second, figure).padded(-2)), (first, second)


# The surface -----------------------------------------------------------------------------------------------------


def test_the_surface_spans_the_published_extremes_of_its_window(drawn):
    figure = drawn("surface")
    (filled,) = by_gid(figure, "value")
    assert isinstance(filled, QuadContourSet)
    low, high = 0.371202, 1.632411  # of case A on 201 x 201 points of this window
    assert filled.zmin == pytest.approx(low, abs=1e-6)  # in a corner
    assert filled.zmax == pytest.approx(high, abs=1e-4)  # between grid points
    assert filled.levels[0] <= low < high <= filled.levels[-1]
    assert (figure.axes[0].get_xlim(), figure.axes[0].get_ylim()) == WINDOW
    assert figure.axes[0].get_title(loc="left") == "cost $J$ at $a$ = 2.2, $g$ = 1.5"


def test_the_dashed_line_runs_through_the_published_zeros_of_the_discriminators_slope(drawn):
    figure = drawn("surface")
    lines = [line.get_xydata() for line in by_gid(figure, "level b")]
    cell = 6 / 160
    for h, b in ((-2, 0.3814610205), (-1, -0.2406481534), (0, -0.6483549695), (1, -2.5017817356)):
        crossings = [x for line in lines for x in at_height(line, h)]
        assert min(abs(x - b) for x in crossings) < 0.1 * cell, h
    assert not by_gid(figure, "level h")  # the generator's slope has no zero
    assert r"$\partial J/\partial h < 0$ everywhere: no critical point in this window" in words(figure)
    assert r"$\partial J/\partial b = 0$" in words(figure)


def at_height(line, height):
    """Where a broken line crosses a height."""
    x, y = line.T
    for k in np.flatnonzero((y[:-1] - height) * (y[1:] - height) <= 0):
        yield x[k] + (height - y[k]) / (y[k + 1] - y[k]) * (x[k + 1] - x[k]) if y[k + 1] != y[k] else x[k]


@pytest.mark.parametrize(
    ("model", "places"),
    [
        (A, {"D1": (1.6028697571, 1.4333417959), "J2": (3, -19.9), "J0": (-11.9, 9.0)}),
        (B, {"D0": (-6, -6), "J0": (-8, 9), "J2": (2, -12), "D1": (2.1646202326, -0.1318056815)}),
    ],
    ids=["A", "B"],
)
def test_each_published_end_lies_on_the_hatched_plateau_of_its_name(model, places):
    figure = cost_surface(model, window=WIDE)
    for name, place in places.items():
        for other in CLASSES[:4]:
            (patch,) = by_gid(figure, f"hatch {other}")
            assert patch.get_hatch() == HATCHES[CLASSES.index(other)]
            inside = patch.get_path().contains_point(place)
            assert inside == (other == name), (place, other)
    assert {*places} <= {*words(figure)}


def test_a_plateau_begins_where_the_mean_square_is_nine_tenths(drawn):
    (patch,) = by_gid(drawn("surface"), "D1")
    left = patch.get_path().vertices[:, 0].min()

    def density(x):
        return ((1 + erf(2.2 * x + left)) / 2) ** 2 * 0.5 * np.exp(-0.5 * x)

    assert quad(density, 0, np.inf)[0] == pytest.approx(0.9, abs=1e-3)  # straight between grid points


def test_the_run_lies_over_the_surface_from_its_start_to_its_end(drawn):
    figure = drawn("surface")
    (line,) = by_gid(figure, "run")
    np.testing.assert_array_equal(line.get_xydata(), RUN.path[:, ::-1])  # b across, h up
    np.testing.assert_allclose(by_gid(figure, "start")[0].get_xydata()[0], (-3, -2))
    np.testing.assert_allclose(by_gid(figure, "end")[0].get_xydata()[0], (1.6028697571, 1.4333417959), atol=1e-9)
    assert {"start", "end", "D1"} <= set(words(figure))


def test_the_value_along_the_run_is_the_published_one_and_its_plateau_is_hatched(drawn):
    figure = drawn("surface")
    k = panel(figure, "cost $J$ along the run")
    (line,) = by_gid(figure, "value along the run", k)
    for step, value in ((1, 1.3433910431), (10, 1.3252703745), (50, 0.5546102543), (249, 0.9987704612)):
        assert line.get_xydata()[step] == pytest.approx((step, value), abs=1e-9)
    (patch,) = by_gid(figure, "hatch D1", k)
    left, right = patch.get_path().vertices[:, 0].min(), patch.get_path().vertices[:, 0].max()
    assert right == 249
    assert line.get_ydata()[50] < line.get_ydata()[int(left)] < 1
    assert not by_gid(figure, "hatch J2", k)


def test_a_run_of_case_b_idles_on_the_perfect_plateau_before_it_falls():
    figure = cost_surface(B, run_of(B), window=((-2, 3), (-5, 1)))
    k = panel(figure, "cost $J$ along the run")
    spans = {}
    for name in ("J2", "D1"):
        (patch,) = by_gid(figure, f"hatch {name}", k)
        across = patch.get_path().vertices[:, 0]
        spans[name] = across.min(), across.max()
    assert spans["J2"][0] < 50 < 90 < spans["J2"][1] < 105 < spans["D1"][0] < spans["D1"][1] == 249


def test_any_two_parameters_may_be_the_axes_and_the_title_says_what_else_moves():
    model = tussle.models.erf_lsgan("A", free="a,b,g,h", policy="log")
    run = run_of(model, 20)
    figure = cost_surface(model, run, window=((0.5, 5), (0.5, 4)), axes=("a", "g"))
    np.testing.assert_allclose(by_gid(figure, "run")[0].get_xydata(), np.exp(run.path[:, [2, 0]]), rtol=1e-14)
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("$a$", "$g$")
    expected = "cost $J$ at $b$ = −3, $h$ = −2; the run moves $b$ and $h$ too"
    assert figure.axes[0].get_title(loc="left") == expected


def test_the_critical_line_of_the_extended_domain_is_where_both_dashed_lines_meet():
    model = tussle.models.erf_lsgan(a=1.0, b=0.0, g=1.0, h=0.0, c=1.0, free="a,b", cost="zero_sum")
    figure = cost_surface(model, window=((-0.4, 0.5), (-0.5, 0.4)), axes=("a", "b"))
    for name in "ab":
        points = np.vstack([line.get_xydata() for line in by_gid(figure, f"level {name}")])
        assert np.hypot(*points.T).min() < 0.9 / 160  # a = b = 0, where the means are equal
    assert figure.axes[0].get_title(loc="left").startswith("value $V$ at")


def test_a_run_that_overflows_does_not_disturb_the_picture():
    path = np.array([[-2.0, -3.0], [1.0, 1.0], [np.inf, -np.inf], [np.nan, np.nan]])
    lost = Trajectory(path, np.arange(4), (1, 1), None, ())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = cost_surface(A, lost, window=WINDOW)
        figure.canvas.draw()
    assert "start" in words(figure)
    assert "end" not in words(figure)


# The map of plateaux ---------------------------------------------------------------------------------------------


def entries(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_a_plateau_map_counts_what_it_marks(drawn):
    figure = drawn("plateau map")
    counts = [int(np.sum(k == WHICH)) for k in range(5)]
    for k, name in enumerate(CLASSES):
        (dots,) = by_gid(figure, f"starts {name}")
        there = {(float(x), float(y)) for x, y in dots.get_xydata()}
        assert there == {(float(X[j]), float(Y[i])) for i, j in np.argwhere(k == WHICH)}
    signs = [by_gid(figure, f"starts {name}")[0].get_marker() for name in CLASSES]
    assert len(set(signs)) == 5  # color never stands alone
    heads = [text.split("\n")[0] for text in entries(figure)]
    assert heads == [f"{n}: {c} ({t})" for n, c, t in zip(CLASSES, counts, shares(counts), strict=True)]
    assert figure.axes[0].get_title(loc="left") == "109 of 110 starts end on a plateau after 2,000 steps"
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("start of $b$", "start of $h$")


def shares(counts):
    return ["below 1 %" if c == 1 else f"{100 * c / 110:.0f} %" for c in counts]


def test_a_plateau_that_no_run_reaches_is_listed_with_zero():
    alone = PlateauBasin(("b", "h"), X, Y, np.zeros_like(WHICH), 10, np.zeros((10, 11, 2)))
    figure = plateau_map(alone)
    assert [text.split("\n")[0] for text in entries(figure)] == [
        "D1: 110 (100.00 %)", "D0: 0 (0 %)", "J2: 0 (0 %)", "J0: 0 (0 %)",
    ]  # fmt: skip
    assert not by_gid(figure, "D0")


def test_a_fine_map_hatches_the_cells_of_each_plateau_and_no_others(drawn):
    figure = drawn("fine plateau map")
    x, y = np.meshgrid(FINE.x, FINE.y)
    for k, name in enumerate(CLASSES[:4]):
        (fill,), (hatch,) = by_gid(figure, name), by_gid(figure, f"hatch {name}")
        assert isinstance(hatch, PathPatch)
        inside = fill.get_path().contains_points(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
        np.testing.assert_array_equal(inside, FINE.which == k)
        assert hatch.get_hatch() == HATCHES[k]
        assert hatch.get_path() is fill.get_path()
    assert len(set(HATCHES)) == 5
    assert not by_gid(figure, "starts D1")
    assert figure.axes[0].get_title(loc="left") == "fine"


@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_hatches_and_markers_stand_out_from_what_they_lie_on(theme):
    def light(color):
        c = np.array(to_rgb(color))
        return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722] + 0.05

    for k in range(5):
        ratio = light(strong(theme, k)) / light(tint(theme, k))
        assert max(ratio, 1 / ratio) > 2.5, CLASSES[k]


# Bands -----------------------------------------------------------------------------------------------------------


def test_bands_show_the_sampled_runs_and_what_is_computed_beside_them(drawn):
    figure = drawn("bands")
    assert [ax.get_ylabel() for ax in figure.axes] == ["$h$", "$b$"]
    assert [ax.get_xlabel() for ax in figure.axes] == ["", "step"]
    low, high = np.quantile(ENSEMBLE.path, [0.05, 0.95], axis=0)
    for c in range(2):
        (band,) = by_gid(figure, "band", c)
        points = band.get_paths()[0].vertices
        middle = points[points[:, 0] == 120][:, 1]
        assert sorted({*middle}) == pytest.approx([low[120, c], high[120, c]], rel=1e-12)
        np.testing.assert_allclose(by_gid(figure, "mean", c)[0].get_ydata(), ENSEMBLE.path[:, :, c].mean(axis=0))
        np.testing.assert_array_equal(by_gid(figure, "exact", c)[0].get_ydata(), RUN.path[:, c])
        below, above = (line.get_ydata() for line in by_gid(figure, "forecast", c))
        np.testing.assert_allclose(above - below, 2 * 1.6448536269514722 * SD[:, c], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose((above + below) / 2, RUN.path[:, c], rtol=1e-12)


def test_a_stranger_reads_that_the_prediction_needs_no_sampling(drawn):
    found = set(words(drawn("bands")))
    drawn_points = 40 * 100 * 249
    assert f"SAMPLED: {drawn_points:,} data points, fresh batches of 100" in found
    assert "COMPUTED: no sample, one path" in found
    assert {"the exact path", "the middle 90 % of 40 runs", "their mean"} <= found


def test_bands_without_a_forecast_hold_the_exact_path_alone():
    frozen = tussle.Ensemble(ENSEMBLE.path, RUN.at, (1, 1), 100, True, 3)
    figure = ensemble_bands(frozen, RUN, coordinates=(1,), title="b")
    assert len(figure.axes) == 1
    assert not by_gid(figure, "forecast")
    assert figure.axes[0].get_title(loc="left") == "b"
    assert "SAMPLED: 4,000 data points, one frozen batch of 100 a run" in words(figure)
    assert not any("predicted" in word for word in words(figure))


def test_of_many_parameters_the_first_four_are_shown():
    path = np.zeros((3, 5, 6))
    runs = tussle.Ensemble(path, np.arange(5), (3, 3), 1, False, 0)
    exact = Trajectory(path[0], np.arange(5), (3, 3), None, ())
    assert [ax.get_ylabel() for ax in ensemble_bands(runs, exact).axes] == [f"$x_{{{k}}}$" for k in range(4)]


# Wrong requests --------------------------------------------------------------------------------------------------

OTHER = tussle.Forecast(FORECAST.mean, FORECAST.covariance, RUN.at, 10, False)
SHORT = tussle.Forecast(FORECAST.mean[:, :1], FORECAST.covariance[:, :1, :1], RUN.at, 100, False)
MANY = Trajectory(NOISE, RUN.at, (1, 1), None, ())
WRONG = {
    "theme": (lambda: plateau_map(BASIN, theme="drak"), r"`theme` is 'drak'; it may be one of dark, light"),
    "basin": (lambda: plateau_map(WHICH), r"`basin` is a ndarray; it must be a PlateauBasin"),
    "model": (
        lambda: cost_surface(tussle.models.dirac(), window=WINDOW),
        r"`model` has a GAN as its game; it must be an erf-LSGAN with closed forms",
    ),
    "axes": (lambda: cost_surface(A, window=WINDOW, axes=("b", "b")), r"`axes` is \('b', 'b'\); it must hold two"),
    "axis": (lambda: cost_surface(A, window=WINDOW, axes=("b", "c")), r"`axes` is 'c'; it may be one of a, b, g, h"),
    "window": (lambda: cost_surface(A, window=((1, -1), (0, 1))), r"`window` is \(\(1, -1\), \(0, 1\)\)"),
    "path kind": (lambda: cost_surface(A, RUN.path, window=WINDOW), r"`path` is a ndarray; it must be a Trajectory"),
    "many": (
        lambda: cost_surface(A, MANY, window=WINDOW),
        r"`path` is of shape \(40, 250, 2\) .* one run of the model",
    ),
    "foreign path": (
        lambda: cost_surface(tussle.models.erf_lsgan("A", free="a,b,g,h"), RUN, window=WINDOW),
        r"players of \(1, 1\) parameters; it must be one run of the model, whose players have \(2, 2\)",
    ),
    "ensemble": (lambda: ensemble_bands(RUN, RUN), r"`ensemble` is a Trajectory; it must be an Ensemble"),
    "exact": (lambda: ensemble_bands(ENSEMBLE, FORECAST), r"`exact` is a Forecast; it must be a Trajectory"),
    "exact shape": (lambda: ensemble_bands(ENSEMBLE, MANY), r"`exact` has a path of shape \(40, 250, 2\)"),
    "forecast": (lambda: ensemble_bands(ENSEMBLE, RUN, RUN), r"`forecast` is a Trajectory; it must be a Forecast"),
    "forecast shape": (lambda: ensemble_bands(ENSEMBLE, RUN, SHORT), r"`forecast` has a path of shape \(250, 1\)"),
    "protocol": (
        lambda: ensemble_bands(ENSEMBLE, RUN, OTHER),
        r"`forecast` is for fresh batches of 10 and `ensemble` has fresh batches of 100; both must be sampled alike",
    ),
    "names": (lambda: ensemble_bands(ENSEMBLE, RUN, axes=("h",)), r"`axes` has 1 names for 2 parameters"),
    "coordinates": (
        lambda: ensemble_bands(ENSEMBLE, RUN, coordinates=(2,)),
        r"`coordinates` is \(2,\); it must hold whole numbers from 0 to 1",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_answered_with_a_sentence(name):
    ask, sentence = WRONG[name]
    with pytest.raises(ValueError, match=sentence):
        ask()
