"""The laboratory of stacked digits: its data and its critic's slope by hand, its words against its numbers."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("mlxtend")

import tussle
from tussle.autodiff import float64
from tussle.plots.stacked_digits import stacked_digits_page
from tussle.training.lab_digits import ARMS, PLANS, recipe_of, stacked_digits
from tussle.training.lab_digits_slim import fake_slope, pooled
from tussle.training.lab_digits_table import diverged, growth, order, sentence_of

TINY = {"steps": 4, "looks": 2, "seeds": 2, "samples": 30, "modes": 8, "batch": 4, "width": 4, "depth": 1, "latent": 2}


@pytest.fixture(scope="module")
def found():
    told = []
    return stacked_digits("small", 3, told.append, epochs=1, **TINY), told


def test_every_arm_has_a_row_and_a_record_of_each_seed(found):
    made, told = found
    assert [row[0] for row in made.rows] == [arm.name for arm in ARMS]
    runs = made.details["runs"]
    assert [[run["seed"] for run in several] for several in runs.values()] == [[3, 4]] * 4
    one = runs["GAN + R1"][0]
    assert (one["steps"], one["slope_steps"]) == ([2, 4], [1, 2, 3, 4])
    assert len(one["modes"]) == len(one["d_kl"]) == 2
    assert one["samples"].shape == (8, 3, 8, 8)
    assert told[-1] == pytest.approx(1.0)
    assert 7 <= made.details["floors"]["modes"] <= 8
    assert [panel["kind"] for panel in made.to_json()["panels"]] == ["dots", "lines", "lines"]


def test_it_can_be_drawn_from_its_json(found):
    page = stacked_digits_page(found[0].to_json(), theme="dark")
    drawn = {line.get_gid(): line for line in page.axes[0].lines}
    slopes = [run["slopes"] for run in found[0].details["runs"]["GAN + R1"]]
    np.testing.assert_allclose(drawn["GAN + R1"].get_ydata(), np.mean(slopes, axis=0))
    assert sum(image.get_gid() == "samples" for ax in page.axes for image in ax.images) == len(ARMS)
    with pytest.raises(ValueError, match="and no runs; it must be of stacked-digits"):
        stacked_digits_page({"details": {}})


def test_the_notes_say_that_small_is_not_the_published_experiment_and_what_was_changed(found):
    notes = " ".join(found[0].notes)
    assert "Small is not the published experiment" in notes
    assert "In place of what the size says came other batch, depth, epochs" in notes
    assert PLANS["full"].modes == 1000


def test_the_published_size_is_the_preset_with_each_arm_s_loss_and_penalties():
    for arm in ARMS:
        made = recipe_of(PLANS["full"], arm, 5, {"networks.width": 64})
        assert [one.name for one in made.penalties] == list(arm.penalties)
        assert (made.loss.name, made.run.seed, made.networks.width) == (arm.loss, 5, 64)
        assert (made.run.batch, made.pace.lr, made.penalties[0].weight.start) == (512, 2e-4, 1.0)
    assert ARMS[0].published == (1000, 0.0781)
    assert ARMS[1].published == (693, 0.9270)


def test_a_run_of_the_published_size_is_read_back_from_its_folder_and_gone_on_with(tmp_path):
    small = {
        "networks": {"name": "dcgan", "size": 32, "channels": 3, "width": 2, "latent": 2, "norm": "none"},
        "run.channels_last": False, "log.every": 1, "log.probe_every": 1, "metrics.names": [], "log.samples": 2,
    }  # fmt: skip
    options = {"steps": 2, "looks": 1, "batch": 2, "modes": 8, "settings": small, "out": tmp_path}
    first, again = stacked_digits("full", **options), stacked_digits("full", **options)
    runs = first.details["runs"]
    assert {name: several[0]["slope_steps"] for name, several in runs.items()} == {arm.name: [1, 2] for arm in ARMS}
    assert all(slope > 0 for several in runs.values() for slope in several[0]["slopes"])
    assert again.details["runs"] == runs
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "gan-r1-0", "gan-r1-r2-0", "rpgan-r1-0", "rpgan-r1-r2-0",
    ]  # fmt: skip


# Data and slope ---------------------------------------------------------------------------------------------------


def test_pooling_takes_the_mean_of_each_square():
    images = np.random.default_rng(0).normal(size=(2, 3, 32, 32))
    made = pooled(images)
    assert made.shape == (2, 3, 8, 8)
    assert made[1, 2, 3, 5] == pytest.approx(images[1, 2, 12:16, 20:24].mean(), rel=1e-13)
    with pytest.raises(ValueError, match="`images` are 30 x 32; both must be multiples of 8; pad them"):
        pooled(np.zeros((1, 1, 30, 32)))


def test_the_slope_on_fakes_of_the_dirac_gan_is_the_size_of_psi():
    """D(x) = psi x has the slope psi at every fake."""
    game = tussle.models.dirac().game
    batch = game.expectation()
    with float64():
        assert float(fake_slope(game)((np.array([0.3]), np.array([-0.8])), batch)) == pytest.approx(0.8, rel=1e-12)


# Words ------------------------------------------------------------------------------------------------------------


def runs(d_kl, slopes=(1.0, 1.0), ending="running"):
    return [{"modes": [60], "d_kl": [v], "slopes": list(slopes), "ending": ending} for v in d_kl]


def test_a_run_diverges_by_overflow_or_by_a_slope_that_ends_tenfold_above_its_least():
    assert growth([2.0, 0.5, 5.0]) == 10
    assert diverged(runs([1.0], (2.0, 0.5, 5.0))[0])
    assert not diverged(runs([1.0], (50.0, 5.0, 5.0))[0])
    assert diverged(runs([1.0], ending="nonfinite")[0])
    assert growth([1.0, None]) == np.inf
    assert np.isnan(growth([]))


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [((0.1, 0.2), (0.3, 0.4), "holds"), ((0.3, 0.4), (0.1, 0.2), "is reversed"), ((0.1, 0.3), (0.2, 0.4), "is open")],
)
def test_an_order_holds_only_where_all_seeds_agree(first, second, word):
    assert order(runs(first), runs(second)).startswith(word)


@pytest.mark.parametrize(
    ("slopes", "words"),
    [((1.0, 1.0), "is not reproduced: 0 of 4"), ((0.1, 9.0), "is reproduced: 4 of 4")],
)
def test_the_sentence_follows_the_numbers(slopes, words):
    both, alone = runs((0.1, 0.2)), runs((0.3, 0.4), slopes)
    found = dict(zip((arm.name for arm in ARMS), (both, runs((0.15, 0.5)), alone, alone), strict=True))
    said = sentence_of(found, {"modes": 64.0, "d_kl": 0.02})
    assert words in said
    assert "that RpGAN beats GAN in D_KL is open" in said
    assert "that R1 + R2 beats R1 alone holds" in said
    assert "(real samples: 64 and 0.02)" in said


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"stepps": 3}, "`option of stacked-digits` is 'stepps'"),
        ({"steps": 2}, r"`looks` is 4 for 2 step\(s\); it must be at most the steps"),
        ({"seeds": 0}, "`seeds` is 0"),
        ({"gamma": -1.0}, "`gamma` is -1.0"),
        ({"modes": 9}, "`modes` is 9 with 3 channel"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(options, match):
    with pytest.raises(ValueError, match=match):
        stacked_digits(**options)
