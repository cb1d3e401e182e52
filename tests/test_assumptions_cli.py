"""`tussle assumptions`: what it prints, the document, the files, and what it says of wrong requests."""

import json
import math

import pytest

from tussle.cli.app import code
from tussle.plots.assumptions import assumption_figure

OWN = """
from tussle import laws, losses
from tussle.gan import GAN


def affine(theta, z):
    return theta[0] + theta[1] * z


def bowl(psi, x):
    return psi[0] * x[:, 0] + psi[1] * x[:, 0] ** 2 + psi[2]


def mine():
    return GAN(affine, bowl, laws.Normal(), laws.Normal(), losses.loss("minimax"), sizes=(2, 3))


def broken():
    raise RuntimeError("no such thing")


def players(theta, psi):
    return theta, psi
"""


def run(capsys, *arguments):
    """Run the command; return its exit code and what it printed."""
    result = code(["assumptions", *arguments])
    said = capsys.readouterr()
    return result, said.out, said.err


def refused(capsys, *arguments):
    """Run a wrong request; return its one sentence."""
    result, printed, sentence = run(capsys, *arguments)
    assert result == 2
    assert printed == ""
    assert sentence.startswith("tussle: ")
    assert len(sentence.strip().splitlines()) == 1
    return sentence


@pytest.fixture
def own(tmp_path):
    file = tmp_path / "games.py"
    file.write_text(OWN)
    return str(file)


def test_the_document_holds_six_rows(capsys):
    result, printed, _ = run(capsys, "dirac", "--json")
    document = json.loads(printed)
    assert result == 0
    assert [row["status"] for row in document["rows"]] == ["relaxed", "held", "relaxed", "held", "held", "held"]
    assert document["rows"][2]["gap"] == pytest.approx(math.log(2), abs=1e-12)
    assert document["point"] == [[1.0], [1.0]]
    assert document["loss"] == "minimax"


def test_a_person_gets_a_table_with_the_evidence_below(capsys):
    result, printed, _ = run(capsys, "dirac", "--loss", "nonsaturating")
    assert result == 0
    assert "the six assumptions behind nonsaturating on dirac" in printed
    for words in ("absolute continuity", "critic capacity", "relaxed", "2 KL(m || p)", "at the point (1; 1)"):
        assert words in printed


def test_options_reach_the_model(capsys):
    options = ("dirac", "--set", "bias=true", "--noise", "0.5", "--point", "2;0.5,0", "--samples", "20", "--seed", "3")
    document = json.loads(run(capsys, *options, "--json")[1])
    assert document["point"] == [[2.0], [0.5, 0.0]]
    assert document["rows"][0]["status"] == "held"  # the noise gives densities
    assert document["rows"][2]["status"] == "held"  # the ratio of two normal laws of one width is linear
    assert document["rows"][5]["values"]["samples"] == 20
    assert "instance noise 0.5" in document["note"]


def test_pictures_and_document_go_to_a_folder(capsys, tmp_path):
    out = tmp_path / "report"
    result, printed, _ = run(capsys, "dirac", "--out", str(out), "--theme", "dark")
    assert result == 0
    assert sorted(p.name for p in out.iterdir()) == ["assumptions.json", "assumptions.png"]
    assert json.loads((out / "assumptions.json").read_text())["model"] == "dirac"
    assert "assumptions.png" in printed


def test_a_gan_of_ones_own_has_a_ledger(capsys, own):
    document = json.loads(run(capsys, f"{own}:mine", "--point", "0.5,1.5;0,0,0", "--json")[1])
    assert document["rows"][2]["status"] == "held"


def test_experiments_are_listed_and_run(capsys):
    names = json.loads(run(capsys, "--experiment", "list", "--json")[1])["experiments"]
    assert "bumps" in names
    document = json.loads(run(capsys, "--experiment", "bumps", "--json")[1])
    assert document["name"] == "bumps"
    assert len(document["rows"][0]) == len(document["columns"])
    result, printed, _ = run(capsys, "--experiment", "bumps")
    assert result == 0
    assert document["sentence"] in printed


def test_the_experiment_goes_to_a_folder(capsys, tmp_path):
    run(capsys, "--experiment", "bumps", "--out", str(tmp_path / "o"))
    assert json.loads((tmp_path / "o" / "bumps.json").read_text())["name"] == "bumps"


def test_runs_are_read_by_the_training_room(capsys, tmp_path, monkeypatch):
    from tussle.assumptions import AssumptionLedger, Row
    from tussle.cli import assumptions

    class Room:
        @staticmethod
        def run_ledger(path):
            rows = tuple(Row(k, "unknown", None, None, "nats", f"row {k}") for k in range(1, 7))
            return AssumptionLedger(f"run {path}", "hinge", rows)

    monkeypatch.setattr(assumptions.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(assumptions.importlib, "import_module", lambda name: Room)
    document = json.loads(run(capsys, str(tmp_path), "--json")[1])
    assert document["model"] == f"run {tmp_path}"


def test_without_the_room_for_runs_it_says_what_is_needed(capsys, tmp_path, monkeypatch, own):
    from tussle.cli import assumptions

    monkeypatch.setattr(assumptions.importlib.util, "find_spec", lambda name: None)
    assert "needs the torch extra" in refused(capsys, str(tmp_path))
    assert "needs the torch extra" in refused(capsys, f"{own}:players")
    assert "drop the other options" in refused(capsys, str(tmp_path), "--samples", "10")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "`MODEL` is missing"),
        (("bilinear",), "a game that is no GAN"),
        (("nothing",), "`MODEL` is 'nothing'"),
        (("dirac", "--loss", "nothing"), "`loss` is 'nothing'"),
        (("dirac", "--point", "1;2;3"), "`point` has 3 number"),
        (("dirac", "--point", "a;b"), "is no finite number"),
        (("dirac", "--samples", "1"), "`samples` is 1"),
        (("dirac", "--seed", "-1"), "`seed` is -1"),
        (("dirac", "--theme", "green"), "`--theme` is 'green'"),
        (("dirac", "--experiment", "bumps"), "together with a model"),
        (("--experiment", "bump"), "did you mean `bumps`?"),
        (("dirac", "--set", "width=3"), "`--set` is 'width'"),
        (("/no/such.py:f",), "there is no file"),
    ],
)
def test_wrong_requests_get_one_sentence(capsys, arguments, sentence):
    assert sentence in refused(capsys, *arguments)


def test_wrong_files_are_blamed(capsys, own):
    assert "no such thing" in refused(capsys, f"{own}:broken")
    assert "`--noise` was given" in refused(capsys, f"{own}:mine", "--noise", "0.1")
    assert "`point` is missing" in refused(capsys, f"{own}:mine")


# The picture ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_shows_every_row_by_color_symbol_and_word(theme):
    from tussle import models
    from tussle.assumptions import ledger
    from tussle.assumptions.rows import NAMES

    found = ledger(models.dirac("nonsaturating"))
    page = assumption_figure(found, theme=theme)
    words = [text.get_text() for ax in page.axes for text in ax.texts]
    for number, name in enumerate(NAMES, 1):
        assert f"{number}  {name}" in words
    assert words.count("relaxed") == len(found.numbers("relaxed"))
    dots = [line for line in page.axes[1].lines if line.get_gid() == "gap"]
    assert [dot.get_marker() for dot in dots] == ["o" if row.status == "held" else "^" for row in found.rows]
    for dot, row in zip(dots, found.rows, strict=True):
        assert row.status == "held" or dot.get_xdata()[0] == pytest.approx(row.gap)


def test_a_picture_wants_a_ledger():
    with pytest.raises(ValueError, match="`ledger` is int"):
        assumption_figure(3)  # type: ignore[arg-type]


def test_rows_that_are_unknown_are_drawn_as_not_measured():
    from tussle.assumptions import AssumptionLedger, Row

    rows = tuple(Row(k, "unknown", None, None, "nats", "?") for k in range(1, 7))
    page = assumption_figure(AssumptionLedger("m", "l", rows))
    assert [t.get_text() for t in page.axes[1].texts] == ["not measured"] * 6
