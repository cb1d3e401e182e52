"""Pictures of the experiments: both themes, words inside the page and apart, and what they show."""

import math

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from tussle import plots
from tussle.assumptions import segments
from tussle.assumptions.experiments import Experiment, experiment, experiment_names
from tussle.plots.relaxations import FIGURES, relaxation_figure

# Those that train, run or search are drawn from a few rows of their tables.
RINGS = tuple(
    (name, step, 0.1, push * step**power, push)
    for name, push, power in (
        ("minimax", 0.2, -0.7), ("NS", 0.2, 0.5), ("Rp", 0.4, 0.5), ("Ra", 0.4, 0.5), ("IPM", 0.6, 0.1)
    )
    for step in (1, 10, 100, 1000)
)  # fmt: skip
MOTION = (
    ("Dirac", "plain", 0.0, math.inf, 1.0, 0.0, 1.00125, 1.00125, "cycles outward"),
    ("toy, sigma 0.3", "plain", -0.02, 22.2, 14.7, 0.18, 0.999, 0.999, "slow spiral"),
    ("normal mean, linear critic", "plain", -0.1, 0.0, 23.0, 0.8, 0.9896, 0.9896, "converges"),
)
FACTS = (
    ("i", "vanilla on 6 points", "gain at (p_r, 1/2)", 0.0, "yes"),
    ("i", "vanilla on 6 points", "gain at (another law, 1/2)", 0.37, "yes"),
    ("ii", "least_squares,a=0,b=1,c=0.5", "gain at (p_r, constant)", 0.0, "yes"),
    ("ii", "least_squares,a=0,b=1,c=0.5", "spread", 4e-16, "yes"),
)
MOTION_COLUMNS = (
    "game", "method", "abscissa", "|Im/Re|", "condition", "largest step", "factor expected", "factor measured",
    "behavior",
)  # fmt: skip
MADE = {
    "rings": Experiment("rings", "rings", (1,), segments.RING_COLUMNS, RINGS, (), ""),
    "dynamics": Experiment("dynamics", "Two finite players", (3, 4), MOTION_COLUMNS, MOTION, (), ""),
    "nash": Experiment("nash", "facts", (3, 4), ("fact", "game", "number", "value", "holds"), FACTS, (), ""),
    "ranks": Experiment(
        "ranks", "Latents, and the rank", (1,),
        ("latents", "data", "rank", "smallest kept", "largest dropped", "density"),
        ((1, 2, 1, 1.0, 0.0, "no"), (2, 2, 2, 0.1, 0.0, "yes")), (), "",
    ),
    "moments": Experiment(
        "moments", "A finite critic", (3,),
        ("generated law", "mean", "variance", "2 JS", "2 JS seen", "generator's gradient"),
        (("N(0, 17)", 0.0, 17.0, 0.402, 0.0, 0.0), ("N(1, 17)", 1.0, 17.0, 0.412, 0.0146, 0.03)), (), "",
    ),
}  # fmt: skip
FEWER = {
    "transport": {"dimensions": (1, 50), "counts": (20, 80)},
    "line": {"repeats": 20},
    "discrepancy": {"repeats": 10},
    "birthday": {"batches": 100},
    "fits": {"names": ("kl", "reverse_kl", "js", "hellinger2")},
    "crossover": {"distances": (4.0, 4.5)},
}


@pytest.fixture(scope="module")
def drawn():
    """One drawing of each picture in each theme, made when it is first asked for."""
    tables, pages = dict(MADE), {}

    def draw(name, theme="light"):
        if name not in tables:
            tables[name] = experiment(name, **FEWER.get(name, {}))
        if (name, theme) not in pages:
            pages[name, theme] = relaxation_figure(tables[name], theme=theme)
            if theme == "light":  # words stand at the same places in both
                pages[name, theme].canvas.draw()
        return pages[name, theme]

    return draw


def test_every_experiment_has_its_picture():
    assert set(FIGURES) == set(experiment_names())


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_picture_draws_in_both_themes_with_its_words_inside_and_apart(drawn, name):
    for theme in plots.THEMES:
        assert to_rgb(drawn(name, theme).get_facecolor()) == to_rgb(plots.THEMES[theme].paper)
        assert all(
            to_rgb(ax.get_facecolor()) == to_rgb(plots.THEMES[theme].panel)
            for ax in drawn(name, theme).axes
            if ax.axison
        )
    page = drawn(name)
    renderer = page.canvas.get_renderer()
    ticks = {tick for ax in page.axes for axis in (ax.xaxis, ax.yaxis) for tick in axis.get_ticklabels(which="both")}
    words = [t for t in page.findobj(Text) if t.get_visible() and t.get_text().strip() and t not in ticks]
    boxes = [Text.get_window_extent(t, renderer).extents for t in words]  # without the lines that lead to them
    for text, box in zip(words, boxes, strict=True):
        assert box[0] >= -1, text
        assert box[1] >= -1, text
        assert box[2] <= page.bbox.width + 1, text
        assert box[3] <= page.bbox.height + 1, text
    for k, (text, box) in enumerate(zip(words, boxes, strict=True)):
        for other, second in zip(words[:k], boxes[:k], strict=True):
            across = min(box[2], second[2]) - max(box[0], second[0])
            up = min(box[3], second[3]) - max(box[1], second[1])
            assert min(across, up) < 1.5, (text, other)


def test_lines_are_the_columns_of_the_table(drawn):
    lines = [x for x in drawn("rings").axes[0].get_lines() if x.get_gid() == "line"]
    assert len(lines) == 5
    assert lines[1].get_ydata() == pytest.approx([0.2 * s**0.5 for s in (1, 10, 100, 1000)])


def test_bars_are_as_long_as_their_numbers(drawn):
    bars = [p.get_width() for p in drawn("moments").axes[0].patches if p.get_gid() == "bar"]
    assert bars == pytest.approx([0.402, 0.412, 0.0, 0.0146])


def test_each_fit_is_drawn_over_its_modes(drawn):
    curves = drawn("fits").axes[0].get_lines()
    x, y = curves[0].get_data()
    assert np.max(y) == pytest.approx(1 / math.sqrt(2 * math.pi * 17), rel=1e-4)
    assert abs(x[np.argmax(y)]) < 0.05
    assert len(drawn("fits").axes[2].get_lines()) == 2  # JS has two minima


@pytest.mark.parametrize(
    ("thing", "match"),
    [
        (3, "`experiment` is a int; it must be an Experiment"),
        (Experiment("own", "t", (1,), ("a",), ((1,),), (), ""), "`experiment` is 'own'; it may be one of"),
    ],
)
def test_what_is_no_experiment_is_refused(thing, match):
    with pytest.raises(ValueError, match=match):
        relaxation_figure(thing)
