"""The picture of a divergence: both themes, words inside the page and apart, and what it shows."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Annotation, Text

import tussle
from tussle import plots
from tussle.divergences import divergences
from tussle.plots.divergence import divergence_plot

RNG = np.random.default_rng(0)
PAIRS = {
    "normals": (tussle.Normal(0.0, 1.0), tussle.Normal(2.0, 1.0)),
    "nothing shared": (tussle.Uniform(0.0, 1.0), tussle.Uniform(5.0, 6.0)),
    "one inside": (tussle.Uniform(0.0, 1.0), tussle.Normal(0.0, 1.0)),
    "atoms": (tussle.Atoms((0.0, 1.0), (0.5, 0.5)), tussle.Atoms((0.0, 1.0), (0.2, 0.8))),
    "plane": (tussle.Normal((0.0, 0.0), (1.0, 1.0)), tussle.Normal((1.0, 0.0), (1.0, 2.0))),
    "samples": (tussle.Samples(RNG.normal(size=(60, 5))), tussle.Samples(RNG.normal(1.0, 1.0, (60, 5)))),
}
NAMES = ("kl", "reverse_kl", "js", "tv", "energy")


@pytest.fixture(scope="module")
def drawn():
    made = {}

    def draw(name, theme="light"):
        if (name, theme) not in made:
            p, q = PAIRS[name]
            found = divergences(p, q, names=NAMES)
            made[name, theme] = divergence_plot(p, q, found, labels=("normal(0,1)", "the other"), theme=theme)
            made[name, theme].canvas.draw()
        return made[name, theme]

    return draw


def words(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


@pytest.mark.parametrize("theme", sorted(plots.THEMES))
@pytest.mark.parametrize("name", PAIRS)
def test_every_picture_draws_in_both_themes_with_its_words_inside_and_apart(drawn, name, theme):
    figure = drawn(name, theme)
    assert to_rgb(figure.get_facecolor()) == to_rgb(plots.THEMES[theme].paper)
    width, height = figure.get_size_inches()
    whole = figure.get_tightbbox(figure.canvas.get_renderer())
    assert min(whole.x0, whole.y0) > -0.01
    assert whole.x1 < width + 0.01
    assert whole.y1 < height + 0.01
    labels = [t for t in figure.findobj(Text) if t.get_text() and (isinstance(t, Annotation) or "only" in t.get_text())]
    boxes = [Text.get_window_extent(text, figure.canvas.get_renderer()).padded(-2) for text in labels]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


@pytest.mark.parametrize("name", ["normals", "one inside", "nothing shared"])
def test_every_curve_is_named_on_the_picture(drawn, name):
    figure = drawn(name)
    page = figure.bbox
    for text in ("KL(p‖q)", "KL(q‖p)", "JS"):
        (label,) = [t for t in figure.findobj(Annotation) if t.get_text() == text]
        box = Text.get_window_extent(label, figure.canvas.get_renderer())
        assert np.all(np.isfinite(box.extents))
        assert page.x0 <= box.x0 <= box.x1 <= page.x1
        assert page.y0 <= box.y0 <= box.y1 <= page.y1


def test_where_one_law_lives_alone_the_picture_says_which_divergence_is_infinite(drawn):
    assert "only q: KL(q‖p) = ∞" in words(drawn("one inside"))
    assert {"only p: KL(p‖q) = ∞", "only q: KL(q‖p) = ∞"} <= set(words(drawn("nothing shared")))


def test_the_area_under_the_gap_is_called_w1_only_where_it_is(drawn):
    assert any(text.endswith("the area is W1") for text in words(drawn("atoms")))
    assert any(text.endswith("along this line only") for text in words(drawn("samples")))
