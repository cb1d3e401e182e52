"""Basins of the plateaux: the published counts, by tables and directly."""

import numpy as np
import pytest

import tussle
from tussle.field import read_many
from tussle.lowdim.basins import plateau_basin, separates, tabulated

WINDOW = (-6.0, 4.0, -12.0, 6.0)
# Spec 5.2: 11 x 10 starts, 2,000 updates, step 0.4 (the last with e_h = 0.1 e_b).
COUNTS = {
    "A": ({"case": "A"}, 0.4, {"D1": 90, "J2": 20}),
    "B": ({"case": "B"}, 0.4, {"D1": 40, "J2": 27, "D0": 26, "J0": 17}),
    "(.5, 1, 1)": ({"a": 0.5, "g": 1.0, "c": 1.0}, 0.4, {"D1": 66, "D0": 42, "J2": 1, "none": 1}),
    "(.5, 1, .5)": ({"a": 0.5, "g": 1.0, "c": 0.5}, 0.4, {"D0": 72, "D1": 29, "J2": 9}),
    "(.8, 1, 1)": ({"a": 0.8, "g": 1.0, "c": 1.0}, 0.4, {"D1": 64, "D0": 28, "J2": 18}),
    "A slow": ({"case": "A"}, (0.04, 0.4), {"D1": 68, "J2": 33, "D0": 7, "none": 2}),
}


def model_of(options):
    return tussle.models.erf_lsgan(**({"b": 0.0, "h": 0.0} | options))


@pytest.mark.parametrize("name", COUNTS)
def test_the_published_counts_are_met_exactly(name):
    options, lr, counts = COUNTS[name]
    rule = tussle.simultaneous(tussle.sgd(lr))
    found = plateau_basin(model_of(options), rule, window=WINDOW, count=(11, 10), steps=2000)
    assert {k: v for k, v in found.counts.items() if v} == counts


def test_tables_and_closed_forms_give_the_same_map():
    rule = tussle.simultaneous(tussle.sgd(0.4))
    one, two = (
        plateau_basin(model_of({"case": "B"}), rule, window=WINDOW, count=(11, 10), steps=2000, tables=t)
        for t in (True, False)
    )
    assert np.array_equal(one.which, two.which)
    assert one.ends == pytest.approx(two.ends, abs=1e-11)


@pytest.mark.parametrize("case", ["A", "B"])
def test_tables_are_right_to_rounding_far_out_too(case):
    game = model_of({"case": case}).game
    points = np.random.default_rng(0).uniform((-25.0, -25.0), (12.0, 12.0), (4000, 2))
    exact = read_many(tussle.Field(game), points, (1, 1))
    assert read_many(tabulated(game), points, (1, 1)) == pytest.approx(exact, abs=1e-14)


def test_four_free_parameters_are_run_directly():
    model = tussle.models.erf_lsgan("A", free="a,b,g,h")
    assert not separates(model.game)
    rule = tussle.simultaneous(tussle.sgd(0.4))
    found = plateau_basin(model, rule, window=WINDOW, count=3, steps=300, names=("b", "h"))
    assert found.ends.shape == (3, 3, 4)
    assert sum(found.to_json()["counts"].values()) == 9
    alone = tussle.run(tussle.Map(tussle.Field(model.game), rule), ([1.5, -12.0], [2.2, -6.0]), 300).end
    assert found.ends[0, 0] == pytest.approx(alone, abs=1e-10)


def test_wrong_windows_and_names_are_refused():
    rule = tussle.simultaneous(tussle.sgd(0.4))
    with pytest.raises(ValueError, match="`window` is"):
        plateau_basin(model_of({"case": "A"}), rule, window=(1, 0, 0, 1), count=3, steps=5)
    with pytest.raises(ValueError, match="`names` is 'a'"):
        plateau_basin(model_of({"case": "A"}), rule, window=WINDOW, count=3, steps=5, names=("a", "h"))
    with pytest.raises(ValueError, match="does not separate"):
        tabulated(tussle.models.erf_lsgan("A", cost="zero_sum").game)
