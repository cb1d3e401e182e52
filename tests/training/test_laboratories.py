"""Laboratories: the registry, what is kept of a run, the conclusions, and two of them at a tiny size."""

import itertools
import json
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.data import load
from tussle.networks.dense import to_torch
from tussle.plots.laboratories import laboratory_panel
from tussle.training import lab_planes
from tussle.training.lab_jare import jare_ring
from tussle.training.lab_planes import WAYS
from tussle.training.lab_planes_table import PUBLISHED, claims, standing
from tussle.training.laboratories import Cells, Laboratory, Panel, laboratory, laboratory_names, plain

TINY = {
    "laws": ["circle", "segment"], "methods": ["none", "r1"], "sgd": [0.01], "rmsprop": [], "weights": [1.0, 2.0],
    "seeds": 2, "steps": 4, "batch": 8, "width": 3, "samples": 32,
}  # fmt: skip
RING = {"methods": ["jare"], "steps": 4, "points": 2, "width": 3, "batch": 8, "seeds": 2, "samples": 64}


# The registry -----------------------------------------------------------------------------------------------------


def test_the_laboratories_of_the_papers_are_there():
    assert laboratory_names() == ("problems-2d", "jare-ring", "mixture", "stacked-digits")


@pytest.mark.parametrize(
    ("arguments", "options", "match"),
    [
        (("problems-3d",), {}, r"`laboratory` is 'problems-3d'; it may be one of .*; did you mean `problems-2d`\?"),
        (("jare-ring", "large"), {}, "`size` is 'large'; it may be one of full, small"),
        (("jare-ring", "small", -1), {}, "`seed` is -1; it must be a whole number"),
        (("jare-ring",), {"stepps": 3}, "`option` is 'stepps'; the laboratory jare-ring may be one of methods"),
        (("jare-ring",), {"steps": 10, "points": 3}, "`points` is 3; they must divide the 10 steps"),
        (("jare-ring",), {"methods": ["jam"]}, "`methods` is 'jam'; it may be one of consensus, jare, simultaneous"),
        (("jare-ring",), {"methods": []}, "`methods` is empty"),
        (("problems-2d",), {"laws": ["cube"]}, "`laws` is 'cube'"),
        (("problems-2d",), {"methods": ["r3"]}, "`methods` is 'r3'"),
        (("problems-2d",), {"sgd": [-1.0]}, "`sgd` is -1.0; it must be"),
        (("problems-2d",), {"rmsprop": []}, "`laws`, `methods` or the rates are empty"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(arguments, options, match):
    with pytest.raises(ValueError, match=match):
        laboratory(*arguments, **options)


def test_a_row_fills_the_columns_and_a_panel_has_a_kind():
    with pytest.raises(ValueError, match="`rows` have one of 1 cells for 2 columns"):
        Laboratory("a", "A", "small", ("x", "y"), ((1,),), "", "")
    with pytest.raises(ValueError, match="`kind` is 'pie'; it may be one of dots, lines, samples, spectra"):
        Panel("pie", "", "", {})


def test_a_laboratory_is_json_whatever_its_numbers_are():
    made = Laboratory("a", "A", "small", ("x",), ((math.inf,), (np.float32(0.5),)), "", "", details={1: np.arange(2)})
    found = json.loads(json.dumps(made.to_json(), allow_nan=False))
    assert found["rows"] == [[None], [0.5]]
    assert found["details"] == {"1": [0, 1]}


# Finished parts ---------------------------------------------------------------------------------------------------


def test_a_part_is_kept_under_all_that_it_depends_on(tmp_path):
    made = itertools.count()
    cells = Cells(tmp_path / "cells")
    first = [cells.kept({"lr": lr}, lambda: {"n": next(made)})["n"] for lr in (0.1, 0.2, 0.1)]
    assert first == [0, 1, 0]
    again = Cells(tmp_path / "cells")
    assert again.kept({"lr": 0.2}, lambda: {"n": next(made)}) == {"n": 1}
    assert (cells.found, again.found) == (1, 1)


def test_a_part_that_was_cut_off_is_made_again(tmp_path):
    Cells(tmp_path).kept({"lr": 0.1}, lambda: {"n": 0})
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text()[:-4])
    assert Cells(tmp_path).kept({"lr": 0.1}, lambda: {"n": 1}) == {"n": 1}


# The 2-D problems -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def problems(tmp_path_factory):
    """Two laws and two methods of the 2-D problems, run once and gone on with once."""
    path, seen = tmp_path_factory.mktemp("planes"), []
    first = laboratory("problems-2d", progress=seen.append, cells=path, **TINY)
    return first, laboratory("problems-2d", cells=path, **TINY), seen


def test_every_run_of_the_2d_problems_is_counted(problems):
    found, again, seen = problems
    rows = {row[0]: row for row in found.rows}
    assert [rows[name][-1] for name in ("none", "R1")] == [4, 8]
    assert found.cost["runs"] == 12
    assert found.size == f"small, but for {', '.join(sorted(TINY))}"
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert (found.cost["cells_kept"], again.cost["cells_kept"]) == (0, 4)
    assert again.rows == found.rows
    assert again.sentence == found.sentence


def test_a_lane_of_a_cell_is_its_own_run_measured_by_the_metric(problems):
    cell = next(c for c in problems[0].details["cells"] if (c["law"], c["way"]) == ("segment", "r1"))
    k = cell["lanes"].index([1, 0.01, 2.0])
    made = lab_planes._game("r1", "segment", 3, 1)
    game = tussle.gan.GAN(**(vars(made.game) | {"penalties": (tussle.r1(2.0),)}))
    map = tussle.Map(tussle.Field(game), tussle.alternating(tussle.sgd(0.01), first="discriminator"))
    steps = tussle.training.CompiledSteps(map)
    point = steps.place(made.start)
    draw = game.sampler(8).streams(2)
    point = steps.advance(point, steps.init(point), [draw(1, t) for t in range(4)]).point
    latents = game.latent.sample(np.random.Generator(np.random.Philox(key=[1, 1 << 41])), 32)
    real = load("segment").train.sample(np.random.Generator(np.random.Philox(key=[1, 1 << 42])), 32)
    fake = np.asarray(game.generator(np.asarray(point[0]), latents.astype(np.float32)))
    wanted = tussle.metrics.evaluate(("w1",), real, fake)["w1"].value
    assert cell["w1"][k] == pytest.approx(wanted, rel=1e-3)  # lanes are mapped: another order of sums in float32


@pytest.mark.parametrize("name", WAYS)
def test_each_method_is_a_map_of_the_library(name):
    way, values = WAYS[name], {"lr": 0.01, "strength": 2.0}
    made = lab_planes._method(name, "sgd", 3)(values)
    assert [p.weight for p in made.field.game.penalties] == [2.0] * {"r1-r2": 2, "none": 0}.get(
        name, int(name in ("gp-1", "gp-5", "dragan", "r1", "r2"))
    )
    assert made.field.game.noise == (2.0 if name == "noise" else None)
    assert made.rule.readings == {"gp-5": 6, "consensus": 1, "jare": 1}.get(name, 2)
    assert made.field.game.loss_function.coupling == "plain"
    assert (way.bend is None) == (name not in ("consensus", "jare"))


def test_best_median_and_failures_are_those_of_the_runs():
    cells = [
        {"pace": "sgd", "lanes": [[0, 0.1, 1], [1, 0.1, 1], [0, 0.2, 1], [1, 0.2, 1]], "w1": [0.2, 0.4, 0.1, None]},
        {"pace": "rmsprop", "lanes": [[0, 0.1, 1], [1, 0.1, 1]], "w1": [0.8, 1.0]},
    ]
    found = standing(cells)
    assert found.setting == ("sgd", 0.1, 1)
    assert found.best == pytest.approx(0.3)
    assert found.error == pytest.approx(0.1)  # half the distance of two values
    assert found.median == pytest.approx(0.6)  # between 0.4 and 0.8
    assert (found.failed, found.runs) == (1, 6)


def test_a_method_of_which_most_runs_fail_has_an_infinite_median():
    found = standing([{"pace": "sgd", "lanes": [[0, 0.1, 1], [0, 0.2, 1]], "w1": [0.2, None]}])
    assert (found.best, found.median) == (0.2, math.inf)


def test_runs_that_all_overflow_are_counted_and_leave_no_picture():
    changed = {"laws": ["circle"], "methods": ["none"], "sgd": [1e30, 1e25], "steps": 70}
    found = laboratory("problems-2d", **(TINY | changed))
    row = dict(zip(found.columns, found.rows[0], strict=True))
    assert (row["best"], row["median"], row["failed"], row["runs"]) == (math.inf, math.inf, 4, 4)
    assert [panel.kind for panel in found.panels] == ["dots"]
    laboratory_panel(found.panels[0])


def test_the_published_table_has_the_published_ranking():
    assert [verdict for _, verdict in claims(PUBLISHED, dict.fromkeys(PUBLISHED, 0.0))] == ["holds"] * 3


def test_a_ranking_that_fails_or_is_within_the_noise_is_not_said_to_hold():
    values = {"none": 0.1, "gp-1": 0.12, "gp-5": 0.09, "r1": 0.2, "r2": 0.095}
    found = dict(claims(values, dict.fromkeys(values, 0.005)))
    assert list(found.values()) == ["fails", "open", "fails"]
    assert claims({"r1": 0.1}, {"r1": 0.0}) == []


# JARE's ring ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    return laboratory("jare-ring", cells=tmp_path_factory.mktemp("ring"), **RING)


def test_the_ring_is_read_at_every_point_of_every_run(ring):
    for name in RING["methods"]:
        for lines in ring.details[name]["lines"]:
            assert [line["step"] for line in lines] == [0, 2, 4]
            assert all(line["modulus"] >= line["abscissa"] - 1e-6 for line in lines)
    assert [row[:2] for row in ring.rows] == [("JARE", 1000.0)]
    assert ring.rows[0][-2:] == (0, 2)
    assert "there are no published numbers" in ring.published


def test_the_ends_of_the_ring_are_those_of_the_dense_jacobian_of_the_bent_field(ring):
    one = tussle.training.lab_jare._game(3, 0)
    field = tussle.jare(1000.0)(tussle.Field(one.network.game))
    batch = one.network.game.sampler(8)(0, 1 << 40)
    values = np.linalg.eigvals(tussle.field_jacobian(field, to_torch(one.start, torch.float64), batch))
    line = ring.details["jare"]["lines"][0][0]
    near = 0.02 * abs(values).max()
    assert line["modulus"] == pytest.approx(abs(values).max(), abs=near)
    assert line["abscissa"] == pytest.approx(values.real.max(), abs=near)


def test_a_ring_that_overflows_is_counted_as_failed():
    found = jare_ring("small", **{**RING, "methods": ["simultaneous"], "lr": 1e30})
    (row,) = found.rows
    assert row[-2] >= 1  # a critic whose units are all off has no velocity, and stands
    assert f"{row[-2]} run(s) were no longer finite" in found.sentence
    assert plain(found.to_json()) == found.to_json()
