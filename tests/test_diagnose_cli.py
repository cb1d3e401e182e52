"""`tussle diagnose`: files and runs, exit codes, the JSON document, pages, and wrong requests."""

import json
import re
import sys

import numpy as np
import pytest
import torch
import typer

from tussle.cli import diagnose
from tussle.doctor import registry
from tussle.doctor.diagnose import diagnose as examine
from tussle.doctor.findings import NAMES
from tussle.doctor.runs import patient_of_run
from tussle.training import checkpoints
from tussle.training.folder import RunFolder
from tussle.training.recipes import recipe
from tussle.training.session import train_recipe

MINE = """
import torch
from torch import nn
from beside import scale
from tussle.doctor import adopt

print("made on import")


def patient():
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 2))
    discriminator = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))
    return adopt(generator, discriminator, loss="nonsaturating", data=scale * torch.randn(200, 2), latent=2,
                 pace="sgd,lr=0.05", batch=16, name="mine")


def number():
    return 3


def broken():
    raise RuntimeError("no weights")


def wanting(x):
    return x


word = "not a function"
"""

RECIPE = """
name = "tiny"
data = {name = "ring-8"}
networks = {name = "mlp", width = 8, depth = 1, latent = 2}
loss = {name = "nonsaturating"}
penalties = [{name = "r1", weight = 0.5, every = 4}]
pace = {name = "adam", lr = 1e-3}
average = {decay = 0.9}

[run]
steps = 6
batch = 16
engine = "torch"

[metrics]
names = []
"""

app = typer.Typer()
app.command("diagnose")(diagnose.diagnose)
app.callback()(lambda: None)


@pytest.fixture
def ask(tmp_path, capsys, monkeypatch):
    """Run a command line in a folder with `mine.py`; return exit code and standard output, or the error."""
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "beside.py").write_text("scale = 1.0\n")
    (tmp_path / "bad.py").write_text("import nothing_of_that_name\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    few = tuple(one for one in registry.CHECKS if one.name in ("wrong_data_range", "saturated_discriminator"))
    monkeypatch.setattr(sys.modules["tussle.doctor.diagnose"], "CHECKS", few)

    def run(line):
        try:
            result = app(args=["diagnose", *line.split()], standalone_mode=False)
        except ValueError as wrong:
            return 2, str(wrong)
        return result or 0, capsys.readouterr().out

    return run


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """Return a short training run."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "tiny.toml").write_text(RECIPE)
    train_recipe(recipe(folder / "tiny.toml"), folder / "run")
    return folder / "run"


def test_a_file_is_diagnosed_and_the_document_stands_alone_on_standard_output(ask):
    code, text = ask("mine.py:patient --depth quick --budget 30 --json --no-cures")
    told = json.loads(text)
    assert code == 0
    assert told["name"] == "mine"
    assert {"verdict", "findings", "spectrum", "checks", "cures", "cost", "assumed", "interrupted"} <= told.keys()
    assert told["findings"][0]["name"] in NAMES
    assert told["interrupted"] is False


def test_a_person_gets_tables_and_a_page(ask, tmp_path):
    code, text = ask("mine.py:patient --depth quick --budget 30 --no-cures --out page --theme dark")
    assert code == 0
    assert "mine is" in text
    assert "findings" in text
    assert sorted(p.name for p in (tmp_path / "page").iterdir()) == ["index.html", "report.json"]
    assert "#15181c" in (tmp_path / "page" / "index.html").read_text()


def test_an_interruption_leaves_a_partial_report_and_exit_code_1(ask, tmp_path, monkeypatch):
    def stop(exam):
        raise KeyboardInterrupt

    monkeypatch.setattr("tussle.doctor.saturated_discriminator.look", stop)
    code, text = ask("mine.py:patient --depth quick --budget 30 --out page --json")
    told = json.loads(text)
    assert code == 1
    assert told["interrupted"] is True
    assert [one["status"] for one in told["checks"]] == ["ran", "unknown"]
    assert "this report is partial" in (tmp_path / "page" / "index.html").read_text()
    assert json.loads((tmp_path / "page" / "report.json").read_text())["interrupted"] is True


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("none.py:patient", "there is no file none.py"),
        ("nowhere", "neither FILE.py:FUNCTION nor a folder"),
        (".", "holds no run"),
        ("bad.py:patient", "bad.py does not import .ModuleNotFoundError"),
        ("mine.py:nobody", "`FUNCTION` is 'nobody', but mine.py has .*patient"),
        ("mine.py:word", "`FUNCTION` is 'word', but mine.py has"),
        ("mine.py:number", "returns a int; it must return what tussle.adopt"),
        ("mine.py:broken", "fails .RuntimeError: no weights.; mend it first"),
        ("mine.py:wanting", "takes arguments; it must be called without any"),
        ("mine.py:patient --budget 0", "`--budget` is 0.0; it must be above 0"),
        ("mine.py:patient --depth shallow", "`--depth` is 'shallow'; it may be one of deep, quick, standard"),
        ("mine.py:patient --theme blue", "`--theme` is 'blue'"),
        ("mine.py:patient --seed -1", "`--seed` is -1; it must be a whole number of at least 0"),
        ("mine.py:patient --device tpu", "`--device` is 'tpu'; it may be auto, cpu"),
    ],
)
def test_a_wrong_request_is_told_in_one_sentence(ask, line, words):
    code, text = ask(line)
    assert code == 2
    assert re.search(words, text), text
    assert "\n" not in text


# Runs -----------------------------------------------------------------------------------------------------------------


def test_a_run_is_taken_up_where_its_checkpoint_stands(run_dir):
    patient = patient_of_run(run_dir)
    found = checkpoints.load(RunFolder(run_dir).last, patient.start[0])
    assert found.step == 6
    assert all(torch.equal(a, b) for a, b in zip(patient.start, found.point, strict=True))
    inner = found.state[0]  # beside the average
    assert torch.equal(patient.state[1][1], inner[1][1])
    assert float(patient.state[0][2].value[0]) == 6
    assert float(patient.game.penalties[0].weight) == 0.5
    assert patient.held_out is not None
    assert any("lazy penalty" in one for one in patient.assumed)
    module = patient.modules[1]
    x = patient.real[:8]
    assert module(torch.as_tensor(x)).detach().numpy().ravel() == pytest.approx(patient.logits(x), rel=1e-6)


def test_a_run_can_be_diagnosed(run_dir):
    report = examine(patient_of_run(run_dir), depth="quick", names=["wrong_data_range"], cures=False)
    assert report.checks[0].status == "ran"
    assert np.isfinite(report.cost["seconds"])


def test_a_run_without_a_checkpoint_and_one_of_an_exact_model_are_refused(tmp_path, run_dir):
    (tmp_path / "recipe.toml").write_text((run_dir / "recipe.toml").read_text())
    with pytest.raises(ValueError, match=r"`RUN_DIR` is .* has no checkpoint yet"):
        patient_of_run(tmp_path)
    text = RECIPE.replace(
        'networks = {name = "mlp", width = 8, depth = 1, latent = 2}', 'networks = {name = "model:dirac"}'
    )
    (tmp_path / "recipe.toml").write_text(text.replace('data = {name = "ring-8"}\n', ""))
    with pytest.raises(ValueError, match="a run of the exact model dirac; a diagnosis is for networks"):
        patient_of_run(tmp_path)
