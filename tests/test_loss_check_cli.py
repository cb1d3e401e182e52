"""`tussle loss-check`: exit codes, the table, the JSON document, files and wrong requests."""

import json

import pytest
import typer

from tussle.cli import loss_check

LOSSES = """
import torch
from torch.nn.functional import softplus


def critic(r, f):
    return softplus(f - r).mean()


def generator(r, f):
    return softplus(r - f).mean()


def overwritten(r, f):
    return softplus(-f).mean()


def right():
    return critic, generator


def wrong():
    return critic, overwritten


def both(r, f):
    return critic(r, f), generator(r, f)


def broken():
    raise RuntimeError("no weights")


pair = {"critic_loss": critic, "generator_loss": generator}
number = 3
"""

app = typer.Typer()
app.command("loss-check")(loss_check.loss_check)
app.callback()(lambda: None)


@pytest.fixture
def ask(tmp_path, capsys, monkeypatch):
    """Run a command line in a folder with `losses.py`; return exit code and standard output, or the error."""
    (tmp_path / "losses.py").write_text(LOSSES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(line):
        result = app(args=["loss-check", *line.split()], standalone_mode=False)
        return result if isinstance(result, int) else 0, capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", ["right", "pair", "both"])
def test_a_right_loss_conforms_with_exit_code_0(ask, name):
    code, out = ask(f"losses.py:{name} --claims rp-logistic")
    assert code == 0
    assert "claimed: rp-logistic; it conforms (read under torch)" in out
    assert all(f"P{k} " in out for k in range(1, 16))


def test_a_wrong_loss_fails_with_exit_code_1_and_the_cure(ask):
    code, out = ask("losses.py:wrong --claims rp-logistic")
    assert code == 1
    assert "FAILED" in out
    assert "loss overwritten" in out
    assert "it does not conform" in out


def test_json_is_one_document(ask):
    code, out = ask("losses.py:wrong --json")
    found = json.loads(out)
    assert (code, found["conforms"], found["claim"], found["stated"]) == (1, False, "rp-logistic", False)
    assert found["loss"] == "losses.py:wrong"
    assert found["scales"] == {"critic": 0.5, "generator": "nan"}
    seventh = found["properties"][6]
    assert (seventh["number"], seventh["status"], seventh["mistake"]) == ("P7", "failed", "loss overwritten")


def test_out_holds_the_document_and_a_picture(ask, tmp_path):
    code, _ = ask("losses.py:right --out report --theme dark")
    assert code == 0
    assert sorted(p.name for p in (tmp_path / "report").iterdir()) == ["loss-check.json", "weights.png"]
    assert json.loads((tmp_path / "report" / "loss-check.json").read_text())["conforms"]


def test_properties_can_be_left_out_and_factors_claimed(ask):
    assert ask("losses.py:right --claims rp-logistic --scale 1")[0] == 1
    assert ask("losses.py:right --claims rp-logistic --scale 1 --skip P11")[0] == 0
    assert ask("losses.py:right --claims rp-logistic,scale=0.5")[0] == 0


WRONG = {
    "losses.py:none": "`FUNCTION` is 'none', but losses.py has .*right.*; name one of these",
    "absent.py:right": "`FILE.py:FUNCTION` is 'absent.py:right', but there is no file 'absent.py'",
    "right": "`FILE.py:FUNCTION` is 'right', but there is no file 'right'",
    "losses.py:broken": r"`FUNCTION` losses.py:broken fails \(RuntimeError: no weights\); it must return",
    "losses.py:number": "`loss` is a int; it must be two functions",
    "losses.py:critic": r"`loss` cannot be read",
    "losses.py:right --claims rp-logit": "`loss` is 'rp-logit'; .*did you mean `rp-logistic`",
    "losses.py:right --skip P99": "`skip` is 'P99'",
    "losses.py:right --theme blue": "`--theme` is 'blue'",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_request_is_one_sentence(ask, line):
    # The command line turns a ValueError into exit code 2 and this one line.
    with pytest.raises(ValueError, match=WRONG[line]) as raised:
        ask(line)
    assert "\n" not in str(raised.value)


def test_a_file_that_does_not_import_is_told(ask, tmp_path):
    (tmp_path / "bad.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(ValueError, match=r"but bad.py does not import \(ModuleNotFoundError: .*; mend it first"):
        ask("bad.py:right")
    (tmp_path / "notes.txt").write_text("no code")
    with pytest.raises(ValueError, match=r"but notes.txt is no Python file; give one that ends in .py"):
        ask("notes.txt:right")
