"""Pictures of the laboratory: both themes, words inside the page, and what they show."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Annotation, Text

from tussle import plots
from tussle.plots import relativism as pictures
from tussle.relativism import Panel, Shares, landscape

THETA = np.linspace(3.0, 0.0, 30)
FALL = 0.5 + 0.4 * THETA / 3
PANELS = {
    "A  divergence": Panel(THETA, FALL, 1 - FALL, 1 - FALL, 1 - FALL, "divergence", "optimal"),
    "B  standard": Panel(THETA, np.full(30, 0.9), 1 - FALL, np.full(30, 0.1), 1 - FALL, "minimax"),
    "C  paired": Panel(THETA, FALL, 1 - FALL, FALL, FALL, "rp-logistic"),
    "D  average": Panel(THETA, FALL, 1 - FALL, 2 * FALL, 2 * FALL, "ra-logistic"),
}
CHANCE = np.full(50, 0.02)
WEIGHTS = Shares(CHANCE, CHANCE, np.geomspace(1e-8, 0.5, 50), CHANCE, CHANCE)
WAYS = {kind: landscape(2, kind).way((0, 0), (0, 1)) for kind in ("separable", "index", "all")}

DRAWINGS = {
    "panels": lambda theme: pictures.relativism_panels(PANELS, title="What the critic says", theme=theme),
    "real share": lambda theme: pictures.real_share(PANELS, title="Who drives the next step", theme=theme),
    "weights": lambda theme: pictures.generator_weights({"one": WEIGHTS, "two": WEIGHTS}, title="Weights", theme=theme),
    "update": lambda theme: pictures.update_weights({"yours": [FALL, 1 - FALL]}, title="yours", theme=theme),
    "two updates": lambda theme: pictures.update_weights({"a": [FALL, FALL], "b": [FALL, 1 - FALL]}, theme=theme),
    "landscape": lambda theme: pictures.collapse_landscape(WAYS, title="Out of mode collapse", theme=theme),
}


@pytest.fixture(scope="module")
def drawn():
    """One drawing of each picture in each theme, made when it is first asked for."""
    made = {}

    def draw(name, theme="light"):
        if (name, theme) not in made:
            made[name, theme] = DRAWINGS[name](theme)
            made[name, theme].canvas.draw()
        return made[name, theme]

    return draw


def by_gid(figure, gid, axes=0):
    return [artist for artist in figure.axes[axes].get_children() if artist.get_gid() == gid]


def words(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


@pytest.mark.parametrize("theme", sorted(plots.THEMES))
@pytest.mark.parametrize("name", DRAWINGS)
def test_every_picture_draws_in_both_themes_with_its_words_inside_and_apart(drawn, name, theme):
    figure = drawn(name, theme)
    assert to_rgb(figure.get_facecolor()) == to_rgb(plots.THEMES[theme].paper)
    width, height = figure.get_size_inches()
    whole = figure.get_tightbbox(figure.canvas.get_renderer())
    assert min(whole.x0, whole.y0) > -0.01
    assert whole.x1 < width + 0.01
    assert whole.y1 < height + 0.01
    labels = [text for text in figure.findobj(Annotation) if text.get_text()]
    boxes = [Text.get_window_extent(text, figure.canvas.get_renderer()).padded(-2) for text in labels]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_panels_show_both_beliefs_with_time_from_left_to_right(drawn):
    figure = drawn("panels")
    for k, panel in enumerate(PANELS.values()):
        (real,), (fake,) = by_gid(figure, "real", k), by_gid(figure, "fake", k)
        np.testing.assert_array_equal(real.get_ydata(), panel.real)
        np.testing.assert_array_equal(fake.get_ydata(), panel.fake)
        left, right = figure.axes[k].get_xlim()
        assert left > 3.0 > 0.0 > right
    assert {"real data", "fakes", *PANELS} <= set(words(figure))


def test_shares_that_cannot_be_told_apart_are_one_line_with_all_their_names(drawn):
    figure = drawn("real share")
    lines = by_gid(figure, "share")
    assert len(lines) == 2
    np.testing.assert_allclose(lines[0].get_ydata(), 0.5)
    assert "A  divergence\nC  paired\nD  average" in words(figure)


def test_a_histogram_names_the_share_that_has_vanished(drawn):
    figure = drawn("weights")
    expected = np.mean(WEIGHTS.generator < 1e-3)
    assert f"one: {expected:.0%} below 0.001" in words(figure)
    (steps,) = by_gid(figure, "weights")[:1]
    assert steps.get_data().values.sum() == pytest.approx(1.0)


def test_a_landscape_tells_the_climb_of_each_way(drawn):
    figure = drawn("landscape")
    assert {"climbs 0.131", "no climb", "climbs 0.173"} <= set(words(figure))  # spec 2.4: .4774 - .3466, 0, log 2 / 4
    heights = [line.get_ydata()[0] for line in by_gid(figure, "heights", 2)]
    assert heights == pytest.approx([-0.3466, -0.1733, -0.6931], abs=5.1e-5)


def test_refusals_say_what_to_do():
    with pytest.raises(ValueError, match="`panels` is empty; there is nothing to draw; give at least one"):
        pictures.relativism_panels({})
    with pytest.raises(ValueError, match="`panels` holds a Shares; it may hold Panel records"):
        pictures.real_share([WEIGHTS])
    with pytest.raises(ValueError, match=r"`ways` have \[1, 3\] states; one picture shows ways of one length"):
        pictures.collapse_landscape([WAYS["all"], landscape(2, "all").way((0, 1))])
