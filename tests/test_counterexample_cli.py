"""`tussle counterexample`: its tables, its JSON document, its files and its errors."""

import json

import pytest
import typer
from typer.testing import CliRunner

from tussle.cli.counterexample import counterexample

APP = typer.Typer(pretty_exceptions_enable=False)
APP.command()(counterexample)
FAST = ("--widths", "0.1,0.01", "--lipschitz", "2,10", "--samples", "500")


def ask(*arguments):
    return CliRunner().invoke(APP, list(arguments), env={"COLUMNS": "120", "NO_COLOR": "1"})


def test_json_is_one_document_with_every_family():
    result = ask(*FAST, "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert set(found) == {
        "model", "samples", "seed", "unattained", "naive", "measurable", "tube", "lipschitz", "noise", "curved",
        "dimension", "sources",
    }  # fmt: skip
    assert [row["width"] for row in found["tube"]["rows"]] == [0.1, 0.01]
    assert [row["bound"] for row in found["lipschitz"]["rows"]] == [2.0, 10.0]
    # Spec 1.2.
    assert found["tube"]["rows"][1]["exact"]["value"] == pytest.approx(-0.0654825391296, abs=1e-13)
    assert found["lipschitz"]["rows"][1]["exact"]["value"] == pytest.approx(-0.19867447134302, abs=1e-14)
    assert found["noise"]["rows"][0]["exact"]["value"] == pytest.approx(-0.725621149739, abs=1e-12)
    assert found["naive"]["exact"]["value"] == "-inf"
    assert (found["samples"], found["seed"]) == (500, 0)


def test_a_person_gets_tables_of_all_parts():
    result = ask(*FAST)
    assert result.exit_code == 0
    for words in (
        "no continuous D reaches it", "as if p_g were 0", "-inf", "1 off the line, 0 on it", "tube: V/w -> -6.548254",
        "-0.654825", "best of all D of Lipschitz constant L", "-0.690864", "instance noise", "-0.725621",
        "only like sqrt(w)", "no density", "by dimension", "-0.3351",
    ):  # fmt: skip
        assert words in " ".join(result.stdout.split())


def test_estimates_from_too_few_samples_are_marked():
    result = ask("--widths", "1e-6", "--lipschitz", "1e6", "--samples", "100")
    assert "0 ± 0 (0)" in result.stdout


def test_the_seed_reaches_the_samples_and_repeats_them():
    first, again, other = (ask(*FAST, "--seed", s, "--json").stdout for s in ("3", "3", "4"))
    assert first == again
    estimate = lambda text: json.loads(text)["tube"]["rows"][0]["sampled"]["mean"]["value"]
    assert estimate(first) != estimate(other)


def test_out_gets_a_picture_and_the_same_document(tmp_path):
    folder = tmp_path / "new" / "folder"
    result = ask(*FAST, "--theme", "dark", "--out", str(folder))
    assert result.exit_code == 0
    assert sorted(p.name for p in folder.iterdir()) == ["counterexample.json", "counterexample.png"]
    assert (folder / "counterexample.json").read_text() == ask(*FAST, "--json").stdout.rstrip("\n")
    assert (folder / "counterexample.png").read_bytes()[:4] == b"\x89PNG"
    assert str(folder / "counterexample.png") in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--widths", "0"), "`--widths` is 0.0; it must be above 0"),
        (("--widths", "0.1,-2"), "`--widths` is -2.0; it must be above 0"),
        (("--widths", "nan"), "`--widths` is nan; it must be finite"),
        (("--widths", "wide"), "`--widths` is 'wide'; it must be numbers with commas between"),
        (("--widths", ""), "`--widths` is ''; it must be numbers"),
        (("--widths", "1e-300"), "`widths` holds 1e-300; it must lie between"),
        (("--lipschitz", "0"), "`--lipschitz` is 0.0; it must be above 0"),
        (("--samples", "1"), "`samples` is 1; it must be a whole number of at least 2"),
        (("--seed", "-1"), "`seed` is -1; it must be a whole number of at least 0"),
        (("--theme", "blue"), "`--theme` is 'blue'"),
        (("--out", "/dev/null/x"), "`--out` is /dev/null/x, which cannot be made a folder"),
    ],
)
def test_a_wrong_request_is_one_sentence(arguments, words):
    result = ask("--samples", "100", *arguments)
    assert isinstance(result.exception, ValueError)
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)
    assert result.stdout == ""
