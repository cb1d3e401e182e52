"""`tussle laboratory` as a person meets it: exit codes, sentences, the page; and its pictures."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

from tussle.cli.app import code
from tussle.plots.laboratories import laboratory_panel

TINY = [
    f"--set={text}"
    for text in ('laws=["circle"]', 'methods=["none"]', "sgd=[0.01]", "rmsprop=[]", "weights=[1.0]", "seeds=2",
                 "steps=4", "batch=8", "width=3", "samples=16")
]  # fmt: skip


def laboratory(*arguments, capsys):
    """Run `tussle laboratory`; return its exit code and what it printed."""
    status = code(["laboratory", *map(str, arguments)])
    return status, capsys.readouterr()


def test_a_laboratory_writes_a_page_and_goes_on_from_its_parts(tmp_path, capsys):
    status, printed = laboratory("problems-2d", "--out", tmp_path, *TINY, "--json", capsys=capsys)
    assert status == 0
    document = json.loads(printed.out)
    page = (tmp_path / "index.html").read_text()
    assert page.count("<img") == 2
    assert 'src="http' not in page
    for words in (
        document["sentence"],
        "Size of this run: small, but for batch",
        "0.352",
        "0.112",
        "What the paper says",
    ):
        assert words in page
    assert json.loads((tmp_path / "laboratory.json").read_text())["rows"] == document["rows"]
    assert len(list((tmp_path / "cells").iterdir())) == 1
    status, printed = laboratory("problems-2d", "--out", tmp_path, *TINY, capsys=capsys)
    assert status == 2
    assert "which holds finished parts of a run; give --resume" in printed.err
    status, printed = laboratory("problems-2d", "--out", tmp_path, "--resume", *TINY, "--json", capsys=capsys)
    assert status == 0
    again = json.loads(printed.out)
    assert again["cost"]["cells_kept"] == 1
    assert again["rows"] == document["rows"]


def test_the_laboratories_can_be_listed(capsys):
    status, printed = laboratory("--list", capsys=capsys)
    assert status == 0
    assert "problems-2d" in printed.out
    status, printed = laboratory("--list", "--json", capsys=capsys)
    assert set(json.loads(printed.out)) == {"problems-2d", "jare-ring", "mixture", "stacked-digits"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "`NAME` is missing"),
        (("problems-2",), "did you mean `problems-2d`?"),
        (("problems-2d", "--resume"), "`--resume` came without --out"),
        (("problems-2d", "--size", "huge"), "`size` is 'huge'"),
        (("problems-2d", "--set", "steps"), "it must be of the form key=value"),
        (("problems-2d", "--set", "stops=1"), "`option` is 'stops'"),
        (("problems-2d", "--set", "steps=0"), "`steps` is 0; it must be a whole number"),
        (("problems-2d", "--theme", "blue"), "`--theme` is 'blue'"),
    ],
)
def test_a_wrong_request_is_one_line(arguments, words, capsys):
    status, printed = laboratory(*arguments, capsys=capsys)
    assert status == 2
    assert words in printed.err
    assert printed.err.count("\n") == 1


# Pictures ---------------------------------------------------------------------------------------------------------


def panel(kind, **data):
    return SimpleNamespace(kind=kind, title="a title", data=data)


def drawn(figure, name):
    """The data of the artist with that name in any of the axes, (n, 2)."""
    for ax in figure.axes:
        for artist in ax.get_children():
            if artist.get_gid() == name:
                return artist.get_xydata() if callable(getattr(artist, "get_xydata", None)) else artist.get_offsets()
    raise AssertionError(name)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_dots_show_every_value_and_the_floor_and_leave_out_what_is_unknown(theme):
    marks = {"best": [0.1, 0.2], "published": [0.1, None]}
    figure = laboratory_panel(panel("dots", labels=["R1", "none"], marks=marks, floor=0.05, log=True), theme=theme)
    assert figure.axes[0].get_xscale() == "log"
    np.testing.assert_allclose(drawn(figure, "best")[:, 0], [0.1, 0.2])
    assert np.isnan(drawn(figure, "published")[1, 0])
    assert drawn(figure, "floor")[0][0] == 0.05
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["R1", "none"]


def test_lines_are_named_at_their_ends():
    figure = laboratory_panel(panel("lines", steps=[0, 1, 2], lines={"a": [1, 2, 3], "b": [1, None, None]}, y="modes"))
    np.testing.assert_allclose(drawn(figure, "a"), [[0, 1], [1, 2], [2, 3]])
    assert {t.get_text() for t in figure.axes[0].texts} >= {"a", "b"}


def test_samples_outside_the_window_are_counted():
    real = [[0.0, 0.0], [1.0, 1.0]]
    figure = laboratory_panel(panel("samples", real=real, groups={"R1": [[0.5, 0.5], [9.0, 9.0]], "none": real}))
    assert any(t.get_text() == "1 of 2 outside" for ax in figure.axes for t in ax.texts)


def test_spectra_show_both_halves_of_a_pair():
    figure = laboratory_panel(panel("spectra", groups={"JARE": [[-1.0, 2.0], [-3.0, 0.0]]}))
    found = {tuple(point) for point in np.asarray(drawn(figure, "JARE")).tolist()}
    assert found == {(-1.0, 2.0), (-1.0, -2.0), (-3.0, 0.0)}


def test_a_panel_without_content_or_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="`kind` is 'pie'"):
        laboratory_panel(panel("pie"))
    with pytest.raises(ValueError, match="`groups` is empty; a panel needs at least one"):
        laboratory_panel(panel("samples", real=[[0.0, 0.0]], groups={}))
