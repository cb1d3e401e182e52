"""`tussle train` as a person meets it: exit codes, sentences, files."""

import json

import pytest

from tussle.cli.app import code

TINY = (
    "--set", "run.batch=8", "--set", "run.threads=1", "--set", "networks.width=2", "--set", "log.every=2",
    "--set", "log.probe_every=0", "--set", "metrics.names=[]", "--set", "log.checkpoint_every=2",
    "--set", "log.sample_every=2", "--set", "log.samples=9",
)  # fmt: skip


def train(*arguments, capsys):
    """Run `tussle train`; return its exit code and what it printed."""
    status = code(["train", *arguments])
    return status, capsys.readouterr()


def test_a_preset_trains_into_a_folder_with_a_page_and_an_animation(tmp_path, capsys):
    status, printed = train("digits-quick", "--out", str(tmp_path), "--steps", "4", *TINY, "--json", capsys=capsys)
    assert status == 0
    document = json.loads(printed.out)
    assert (document["steps"], document["ending"], document["engine"]) == (4, "running", "torch")
    page = (tmp_path / "index.html").read_text()
    assert "digits-quick" in page
    assert "data:image/gif" in page
    assert page.count("<img") >= 4
    assert (tmp_path / "samples" / "step-000000004.png").is_file()
    assert not list(tmp_path.rglob(".*"))


def test_a_run_goes_on_without_naming_its_recipe(tmp_path, capsys):
    train("digits-quick", "--out", str(tmp_path), "--steps", "2", *TINY, capsys=capsys)
    status, printed = train("--resume", "--out", str(tmp_path), "--steps", "4", "--json", capsys=capsys)
    assert status == 0
    assert json.loads(printed.out)["steps"] == 4


def test_a_dense_run_draws_the_plane(tmp_path, capsys):
    small = ("--steps", "2", *TINY, "--set", "networks.depth=1")
    status, printed = train("ring-8", "--out", str(tmp_path), *small, capsys=capsys)
    assert status == 0
    assert "ring-8, jax" in printed.out
    assert (tmp_path / "samples" / "step-000000002.png").is_file()


def test_a_run_that_overflows_exits_with_1(tmp_path, capsys):
    status, printed = train(
        "digits-quick", "--out", str(tmp_path), "--steps", "40", *TINY, "--set", "pace.lr=1e30", "--json", capsys=capsys
    )
    assert status == 1
    assert json.loads(printed.out)["ending"] == "nonfinite"


def test_the_presets_can_be_listed_and_shown(capsys):
    status, printed = train("--list", capsys=capsys)
    assert status == 0
    assert "mog-2003" in printed.out
    status, printed = train("mog-2003", "--set", "pace.lr=1e-3", "--show", capsys=capsys)
    assert status == 0
    assert "lr = 0.001" in printed.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ring8", "--out", "x"), "did you mean `ring-8`?"),
        (("ring-8",), "`--out` is missing; a run needs a folder of its own; give --out RUN."),
        ((), "`PRESET` is missing; give a preset"),
        (("ring-8", "--out", "x", "--set", "pace.lrr=1"), "did you mean `lr`?"),
        (("ring-8", "--out", "x", "--set", "run.stepz=1"), "did you mean `steps`?"),
        (("ring-8", "--out", "x", "--device", "cuda"), "PyTorch finds none here; take cpu"),
        (("ring-8", "--out", "x", "--resume"), "holds no run"),
        (("resnet-imagenet-128", "--out", "x"), "path/to/imagenet"),
        (("ring-8", "--out", "x", "--steps", "-3"), "`run.steps` is -3"),
    ],
)
def test_a_wrong_request_is_one_sentence_and_leaves_nothing(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, printed = train(*arguments, capsys=capsys)
    assert status == 2
    assert words in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_two_processes_of_torchrun_lead_where_one_leads(tmp_path, capsys):
    import os
    import subprocess
    import sys

    import numpy as np
    from safetensors.numpy import load_file

    steps = ("digits-quick", "--steps", "3", *TINY, "--set", "run.device=cpu")
    assert train(*steps, "--out", str(tmp_path / "one"), capsys=capsys)[0] == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "tussle"]
    line = [*launch, "train", *steps, "--out", str(tmp_path / "two")]
    found = subprocess.run(
        line, capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert found.returncode == 0, found.stderr[-2000:]
    one, two = (load_file(tmp_path / name / "last.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name in one:
        assert float(np.abs(one[name] - two[name]).max()) < 1e-6, name
