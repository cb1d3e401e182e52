"""The command line of the erf-LSGANs: cases, costs, plateaux, ensembles, basins and the counterexample."""

import json

import pytest

from battery import printed
from tussle.cli.app import code

BASE = ["analyze", "erf-lsgan", "--rule", "simultaneous", "--lr", "0.4", "--steps", "249"]


def document(capsys, *arguments):
    assert code([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_case_is_analyzed_with_its_plateau_and_certificates(capsys):
    found = document(capsys, *BASE, "--case", "A")
    h, b = found["path"]["end"]
    assert (h, b) == (printed("1.4333417959"), printed("1.6028697571"))
    assert found["path"]["ending"] == "plateau"
    assert found["plateau"]["class"] == "D1"
    assert found["certificates"]["monotone_gain"] == printed("0.007229")
    assert found["certificates"]["kl"] == "inf"
    assert set(found) >= {"model", "equilibrium", "flow", "map", "max_stable_lr", "path", "sources"}


def test_values_can_be_set_in_one_list_and_four_be_free(capsys):
    values = "a=0.5,b=-0.2,g=1.5,h=0.2,c=1"
    found = document(capsys, *BASE, "--set", values, "--free", "a,b,g,h", "--cost", "labels=0,1,1")
    assert found["path"]["end"][0] == printed("1.1000571033")  # spec 5.4: converged by n = 249
    assert found["path"]["ending"] == "converged"


def test_other_laws_are_given_by_their_text(capsys):
    values = "a=1,b=-0.5,g=0.6,h=-1,latent=normal,data=normal(1,1)"
    found = document(capsys, *BASE, "--set", values, "--free", "b,h")
    assert found["path"]["end"] == [printed("1.6915090099"), printed("2.7695295194")]


def test_an_ensemble_comes_with_its_forecast(capsys, tmp_path):
    out = tmp_path / "out"
    found = document(capsys, *BASE, "--case", "A", "--batch", "100", "--runs", "40", "--seed", "3", "--out", str(out))
    cloud = found["ensemble"]
    assert cloud["axes"] == ["h", "b"]
    assert cloud["forecast_end_sd"] == pytest.approx([0.0443, 0.0080], rel=0.05)  # spec 6, 200 runs
    assert cloud["end_sd"] == pytest.approx([0.0443, 0.0080], rel=0.5)
    assert found["path"]["end"][0] == printed("1.4333417959")  # the exact path beside it
    names = {"portrait.png", "path.png", "surface.png", "bands.png", "analysis.json"}
    assert {p.name for p in out.iterdir()} == names
    assert json.loads((out / "analysis.json").read_text()) == found


def test_a_basin_counts_the_plateaux(capsys, tmp_path):
    arguments = ["basin", "erf-lsgan", "--case", "B", "--window=-6,4,-12,6", "--rule", "simultaneous", "--lr", "0.4"]
    found = document(capsys, *arguments, "--steps", "2000", "--count", "11,10", "--out", str(tmp_path / "b"))
    assert found["counts"] == {"D1": 40, "D0": 26, "J2": 27, "J0": 17, "none": 0}  # spec 5.2
    assert {p.name for p in (tmp_path / "b").iterdir()} == {"basin.png", "basin.json"}


def test_a_person_is_told_what_the_plateau_says(capsys):
    assert code([*BASE, "--case", "B", "--batch", "50", "--runs", "5", "--frozen"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "saturated, still drifting" in said
    assert "5 runs with one frozen batch of 50" in said
    assert "monotone_gain 0.314688" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--case", "C"], "`case` is 'C'; it may be one of A, B"),
        (["--set", "a=1,b=0,g=1"], "`h, c` of erf-lsgan came without a value"),
        (["--case", "A", "--set", "c=0"], "`c` is 0; it must be above 0"),
        (["--case", "A", "--set", "sigma=-1"], "`sigma` is -1"),
        (["--case", "A", "--set", "b=nan"], "`b` is nan; it must be finite"),
        (["--case", "A", "--set", "a=-1", "--policy", "stop"], "with policy stop it must be above 0"),
        (["--case", "A", "--free", "b,q"], "`free` is 'q'"),
        (["--case", "A", "--cost", "papre"], "did you mean `paper`?"),
        (["--case", "A", "--cost", "labels=0,1"], "labels takes three numbers"),
        (["--case", "A", "--runs", "4"], "`--runs` is 4 without --batch"),
        (["--case", "A", "--frozen"], "`--frozen` was given without --runs"),
        (["--case", "A", "--set", "panels=1"], "twice as many change the losses at the start by"),
        (["--case", "A", "--set", "case=B"], "`--case` came with --set case"),
        (["--case", "A", "--set", "data=cauchy(1)"], "cauchy is no law"),
    ],
)
def test_wrong_requests_end_with_one_sentence(arguments, words, capsys):
    assert code([*BASE, *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert len(said.err.strip().splitlines()) == 1


def test_options_of_the_family_are_refused_elsewhere(capsys):
    assert code(["analyze", "dirac", "--case", "A"]) == 2
    assert "`--case` was given, but the model dirac has none" in capsys.readouterr().err


def test_the_counterexample_is_a_command(capsys):
    found = document(capsys, "counterexample", "--samples", "1000")
    assert found
