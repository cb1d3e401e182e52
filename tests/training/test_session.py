"""Runs: the loop, its folder, and that stopping anywhere changes nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from tussle.training import checkpoints
from tussle.training.checkpoints import Checkpoint
from tussle.training.folder import RunFolder
from tussle.training.recipes import recipe
from tussle.training.session import Session, train_recipe

TINY = {
    "run__steps": 12, "run__batch": 8, "run__threads": 1, "networks__width": 2, "networks__latent": 4, "log__every": 3,
    "log__checkpoint_every": 4, "log__probe_every": 0, "log__sample_every": 0, "log__samples": 4, "metrics__names": [],
}  # fmt: skip


def digits(**changes):
    """A small convolutional run under PyTorch."""
    return recipe("digits-quick", **{**TINY, **changes})


def ring(**changes):
    """A small dense run under JAX."""
    small = {**TINY, "networks__depth": 1, "networks__width": 4, "run__batch": 16}
    return recipe("ring-8", **{**small, **changes})


def same(first, second):
    """Whether two folders hold the same state and, but for the seconds, the same log."""
    logs = [[{k: v for k, v in row.items() if k != "seconds"} for row in RunFolder(p).log()] for p in (first, second)]
    states = [(Path(p) / "last.safetensors").read_bytes() for p in (first, second)]
    return logs[0] == logs[1] and states[0] == states[1]


def dirac(**changes):
    """An exact model under JAX, in float64."""
    return recipe("dirac-noise", **{"run__steps": 12, "log__every": 3, "log__checkpoint_every": 4, **changes})


@pytest.mark.parametrize(("make", "cut"), [(digits, 1), (digits, 5), (digits, 8), (ring, 5), (dirac, 5)])
def test_a_run_cut_anywhere_equals_one_that_never_stopped(make, cut, tmp_path):
    train_recipe(make(), tmp_path / "whole")
    train_recipe(make(run__steps=cut), tmp_path / "cut")
    ended = train_recipe(make(), tmp_path / "cut", resume=True)
    assert ended.step == 12
    rows = RunFolder(tmp_path / "cut").log()
    assert [row["step"] for row in rows] == [3, 6, 9, 12]
    assert same(tmp_path / "whole", tmp_path / "cut")


def test_adam_schedules_lazy_penalties_and_averages_resume_bit_for_bit(tmp_path):
    more = {
        "pace": {"name": "adam", "lr": {"start": 1e-3, "end": 1e-4, "over": 10}, "beta1": 0.0, "beta2": 0.9},
        "penalties": [{"name": "r1", "weight": {"start": 1.0, "end": 0.1, "over": 10}, "every": 2},
                      {"name": "wgan_gp", "weight": 0.1}],
        "average": {"half_life": {"start": 0, "end": 100, "over": 10}}, "noise": 0.1,
    }  # fmt: skip
    train_recipe(digits(**more), tmp_path / "whole")
    train_recipe(digits(run__steps=7, **more), tmp_path / "cut")
    train_recipe(digits(**more), tmp_path / "cut", resume=True)
    assert same(tmp_path / "whole", tmp_path / "cut")


def test_a_run_leaves_what_its_folder_is_documented_to_hold(tmp_path):
    ended = train_recipe(digits(metrics__names=["sliced"], metrics__samples=40), tmp_path)
    assert {p.name for p in tmp_path.iterdir()} >= {
        "recipe.toml", "run.json", "last.safetensors", "log.parquet", "metrics.json", "samples",
        "generator.safetensors", "discriminator.safetensors",
    }  # fmt: skip
    note = json.loads((tmp_path / "run.json").read_text())
    assert (note["status"], note["step"], note["engine"]) == ("running", 12, "torch")
    assert note["data"]["digest"]
    assert set(note["versions"]) >= {"torch", "numpy"}
    assert ended.ending == "running"
    assert np.load(RunFolder(tmp_path).samples()[-1])["samples"].shape == (4, 1, 8, 8)
    (measured,) = json.loads((tmp_path / "metrics.json").read_text())
    assert measured["metrics"]["sliced"]["floor"] > 0


def test_the_exported_weights_are_those_of_the_run(tmp_path):
    from safetensors.torch import load_file

    ended = train_recipe(digits(average__decay=0.5), tmp_path)
    named = load_file(tmp_path / "generator.safetensors")
    averaged = ended.setup.network.generator.state_dict(ended.average[0])
    assert named.keys() == averaged.keys()
    assert all(torch.equal(named[k], averaged[k]) for k in named)
    assert not torch.equal(ended.average[0], ended.point[0])


def test_a_recipe_that_changed_is_not_resumed_and_says_what_changed(tmp_path):
    train_recipe(digits(run__steps=4), tmp_path)
    before = (tmp_path / "recipe.toml").read_text()
    with pytest.raises(ValueError, match=r"recipe changed: pace.lr was 0.3 and is 0.1.*only steps, device, log"):
        train_recipe(digits(pace__lr=0.1), tmp_path, resume=True)
    assert (tmp_path / "recipe.toml").read_text() == before
    assert train_recipe(digits(log__every=2), tmp_path, resume=True).step == 12


def test_folders_that_hold_a_run_or_none_are_told_apart(tmp_path):
    with pytest.raises(ValueError, match="holds no run"):
        train_recipe(digits(), tmp_path / "none", resume=True)
    train_recipe(digits(run__steps=0), tmp_path)
    with pytest.raises(ValueError, match=r"holds a run already; go on with it by --resume"):
        train_recipe(digits(), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot be made a folder"):
        train_recipe(digits(), tmp_path / "file" / "run")


@pytest.mark.parametrize("make", [digits, ring], ids=["torch", "jax"])
def test_a_run_that_overflows_keeps_the_last_finite_state_and_names_the_step(make, tmp_path):
    ended = train_recipe(make(pace={"name": "sgd", "lr": 1e30}, penalties=[], run__steps=50), tmp_path)
    assert ended.ending == "nonfinite"
    assert f"no longer finite at step {ended.step + 1}" in ended.reason
    found = checkpoints.load(tmp_path / "last.safetensors", torch.zeros(1))
    assert found.step == ended.step
    assert all(bool(torch.isfinite(x).all()) for x in found.point)


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path, monkeypatch):
    train_recipe(digits(run__steps=4), tmp_path)
    good = (tmp_path / "last.safetensors").read_bytes()

    written = []

    def full(handle):
        written.append(handle)
        if len(written) > 1:  # the note that the run begins still fits
            raise OSError(28, "No space left on device")

    session = Session(digits(), tmp_path, resume=True)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match=r"step 8 could not be written to .*No space left.*the last good one stays: that of"
    ):
        session.run()
    assert (tmp_path / "last.safetensors").read_bytes() == good
    assert not list(tmp_path.rglob(".tussle.*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_leaves_a_run_that_can_go_on(number, tmp_path):
    class Impatient:
        def progress(self, step, total, line):
            if step == 5:
                os.kill(os.getpid(), number)

        def sampled(self, path):
            pass

    before = signal.getsignal(number)
    ended = train_recipe(digits(), tmp_path / "cut", watcher=Impatient())
    assert signal.getsignal(number) is before
    assert ended.step == 5
    assert "--resume goes on" in ended.reason
    assert RunFolder(tmp_path / "cut").note()["status"] == "stopped"
    train_recipe(digits(), tmp_path / "cut", resume=True)
    train_recipe(digits(), tmp_path / "whole")
    assert same(tmp_path / "whole", tmp_path / "cut")


def test_killed_runs_equal_uninterrupted_ones(tmp_path):
    root = Path(__file__).resolve().parents[2]
    line = [sys.executable, str(root / "scripts" / "check_resume.py"), "2"]
    found = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "killed 2 times; equal bit for bit" in found.stdout


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_trackers_that_are_not_installed_are_named_before_anything_is_written(name, tmp_path):
    import importlib.util

    if importlib.util.find_spec(name) is not None:
        pytest.skip(f"{name} is installed")
    with pytest.raises(
        ModuleNotFoundError, match=f"`log.trackers` has {name}, which is not installed; run pip install"
    ):
        train_recipe(digits(log__trackers=[name]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_works_outside_the_main_thread(tmp_path):
    found = []
    thread = threading.Thread(target=lambda: found.append(train_recipe(digits(run__steps=2), tmp_path)))
    thread.start()
    thread.join()
    assert found[0].step == 2


# Parts ------------------------------------------------------------------------------------------------------


def test_what_trains_is_the_map_of_the_grammar(tmp_path):
    """The loop against steps written out by hand: alternating plain steps with R1, the discriminator first."""
    from tussle import Field, Map, alternating, r1, sgd
    from tussle.game import placed
    from tussle.networks import network_gan

    ended = train_recipe(digits(run__steps=3), tmp_path)
    from tussle.data import load
    from tussle.networks.zoo import make_networks

    data = load("digits")
    network = network_gan(*make_networks("digits", seed=0, width=2, latent=4), data=data.train, latent=4,
                          penalties=(r1(1.0),))  # fmt: skip
    method = Map(Field(network.game), alternating(sgd(0.3), first="discriminator"))
    point, state = network.start, method.init(network.start)
    for step in range(3):
        batch = placed(network.game.sampler(8).streams(2)(0, step), point[0])
        point, state, _ = method.step(point, state, batch)
    assert all(torch.equal(a, b) for a, b in zip(ended.point, point, strict=True))


def test_micro_batches_lead_where_whole_ones_lead(tmp_path):
    whole = train_recipe(digits(loss={"name": "ra-logistic"}), tmp_path / "whole")
    parts = train_recipe(digits(loss={"name": "ra-logistic"}, run__micro=3), tmp_path / "parts")
    for a, b in zip(whole.point, parts.point, strict=True):
        assert float((a - b).abs().max()) < 1e-5


def test_both_engines_lead_to_the_same_point(tmp_path):
    jax = train_recipe(ring(), tmp_path / "jax")
    pytorch = train_recipe(ring(run__engine="torch"), tmp_path / "torch")
    assert (jax.setup.engine, pytorch.setup.engine) == ("jax", "torch")
    for a, b in zip(jax.point, pytorch.point, strict=True):
        assert float(np.abs(np.asarray(a) - b.numpy()).max()) < 1e-5


def test_the_probes_are_written_into_the_log(tmp_path):
    for make, name in ((digits, "torch"), (ring, "jax")):
        train_recipe(make(log__probe_every=6, log__probes=["kappa", "scores", "held_out_gap"]), tmp_path / name)
        rows = {row["step"]: row for row in RunFolder(tmp_path / name).log()}
        assert "probe/scores/real_mean" in rows[6], sorted(rows[6])
        assert not any(k.startswith("probe/") for k in rows[3])


def test_conditional_networks_train_on_labeled_data(tmp_path):
    networks = {"name": "dcgan", "size": 8, "channels": 1, "width": 4, "latent": 4, "classes": 10, "norm": "none"}
    networks["layers"] = 2
    ended = train_recipe(digits(networks=networks, run__steps=2), tmp_path)
    assert ended.setup.data.labeled
    assert np.load(RunFolder(tmp_path).samples()[-1])["samples"].shape == (4, 65)


def test_the_dirac_gan_under_noise_comes_to_rest(tmp_path):
    ended = train_recipe(recipe("dirac-noise", run__steps=300, log__every=100), tmp_path)
    assert np.hypot(*[float(x[0]) for x in ended.point]) < 0.25  # from 1.41; what is left is the noise of the batches


def test_automatic_gamma_and_an_adjustment_are_taken(tmp_path):
    ended = train_recipe(
        digits(penalties=[{"name": "r1", "weight": "auto"}], adjustments=[{"name": "consensus", "weight": 0.1}],
               rule={"name": "simultaneous"}, run__steps=2), tmp_path,
    )  # fmt: skip
    assert ended.setup.game.penalties[0].weight == pytest.approx(0.0002 * 64 / 8)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"loss": {"name": "hinje"}}, r"`loss` is 'hinje'.*did you mean `hinge`"),
        ({"networks": {"name": "digitz"}}, r"`name` is 'digitz'.*did you mean `digits`"),
        ({"data": {"name": "digitz"}}, r"digitz"),
        ({"data": {"name": "mnist5k"}}, r"makes samples of shape \(1, 8, 8\), but `data` mnist5k has \(1, 28, 28\)"),
        ({"penalties": [{"name": "r3", "weight": 1}]}, r"`penalties.name` is 'r3'"),
        (
            {"penalties": [{"name": "r1", "weight": 1, "centre": 2}]},
            r"`option of penalties r1` is 'centre'",
        ),
        ({"rule": {"name": "extragradient", "first": "generator"}}, r"only alternating has turns"),
        ({"pace": {"name": "sgd", "lr": 0.1, "beta": 0.9}}, r"`option of pace sgd` is 'beta'"),
        ({"run__engine": "jax"}, r"runs dense networks alone, not digits; take torch"),
        ({"run__device": "cuda"}, r"`--device` is cuda, and PyTorch finds none here; take cpu"),
        ({"run__device": "gpu"}, r"`--device` is 'gpu'; it may be auto, cpu, cuda"),
        (
            {"run__micro": 4, "adjustments": [{"name": "consensus", "weight": 1.0}]},
            r"`run.micro` came with adjustments",
        ),
        ({"metrics__names": ["fidd"]}, r"`metrics.names` is 'fidd'"),
        ({"log__probes": ["kapa"]}, r"`probe` is 'kapa'.*did you mean `kappa`"),
    ],
)
def test_a_recipe_whose_parts_do_not_fit_is_refused_before_anything_is_written(changes, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        train_recipe(digits(**changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


# Checkpoints ------------------------------------------------------------------------------------------------


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    from tussle.paces import Aside

    state = ((torch.arange(3.0), Aside(torch.ones(1))), (), torch.tensor([float("inf")]))
    path = checkpoints.save(tmp_path / "x.safetensors", Checkpoint(7, (torch.ones(2), torch.zeros(3)), state, {"a": 1}))
    found = checkpoints.load(path, torch.zeros(1))
    assert (found.step, found.notes) == (7, {"a": 1})
    assert isinstance(found.state[0][1], Aside)
    assert torch.equal(found.state[0][0], torch.arange(3.0))
    assert found.state[1] == ()
    assert torch.isinf(found.state[2]).all()


def test_files_that_are_no_checkpoints_are_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no checkpoint that can be read"):
        checkpoints.load(path, torch.zeros(1))
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r"has the format None; it must be 'tussle run 1'"):
        checkpoints.load(path, torch.zeros(1))


# What a review found ----------------------------------------------------------------------------------------


def test_stacked_digits_train_and_are_judged_by_their_modes(tmp_path):
    small = {"run__steps": 2, "run__batch": 8, "networks__width": 4, "metrics__samples": 30, "log__samples": 4}
    ended = train_recipe(recipe("stacked-mnist-small", **small, metrics__names=[]), tmp_path)
    assert ended.step == 2
    assert np.load(RunFolder(tmp_path).samples()[-1])["samples"].shape == (4, 3, 32, 32)


def test_a_short_run_logs_its_last_step(tmp_path):
    train_recipe(digits(run__steps=2, log__every=100), tmp_path)
    assert [row["step"] for row in RunFolder(tmp_path).log()] == [2]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"metrics__names": ["fid"]}, r"`metrics` cannot be measured as asked for: .*fid"),
        ({"metrics__names": ["kid"], "metrics__features": "efficientnet"}, r"`metrics.features` is 'efficientnet'"),
        ({"pace": {"name": "adam", "lr": 0.1, "bta1": 0.3}}, r"did you mean `beta1`\?"),
        ({"rule": {"name": "alternating", "stepz": [1, 1]}}, r"`option of rule alternating` is 'stepz'"),
        ({"pace": {"name": "adam", "lr": 0.1, "beta1": {"start": 0, "end": 1, "ovr": 3}}}, r"`ovr` of a schedule"),
        (
            {"penalties": [{"name": "r1", "weight": {"start": 1, "end": 2, "ovr": 3}}]},
            r"`penalties.0.weight.ovr` is no",
        ),
        (
            {"networks": {"name": "dcgan", "size": 8, "channels": 1, "layers": 2, "width": 4, "classes": 3}},
            r"`networks.classes` is 3, but `data` digits has 10 classes",
        ),
    ],
)
def test_what_would_fail_later_is_refused_before_anything_is_written(changes, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        train_recipe(digits(**changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_features_of_points_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"has points, not images; leave it out"):
        train_recipe(ring(metrics__names=["kid"], metrics__features="efficientnet-lite0"), tmp_path / "run")


def test_a_lost_or_damaged_checkpoint_is_not_taken_for_a_good_one(tmp_path):
    train_recipe(digits(log__keep=1), tmp_path)
    path = tmp_path / "last.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 0x55
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"is damaged: .*take another: copy .*step-000000012.safetensors there"):
        train_recipe(digits(run__steps=14), tmp_path, resume=True)
    path.unlink()
    with pytest.raises(ValueError, match=r"is missing, and the run had reached step 12; put it back"):
        train_recipe(digits(run__steps=14), tmp_path, resume=True)


def test_fewer_steps_than_were_taken_are_refused(tmp_path):
    train_recipe(digits(), tmp_path)
    with pytest.raises(ValueError, match=r"`run.steps` is 3, and the run has taken 12 already"):
        train_recipe(digits(run__steps=3), tmp_path, resume=True)


def test_stratified_batches_do_not_lower_the_noise_floor():
    from tussle.data import load
    from tussle.training.judging import Judging

    found = recipe("mog-2003", metrics__names=["w1"], metrics__samples=200)
    data = load("ring-8", stratified=True)
    rng = np.random.default_rng(5)
    perfect = lambda z: data.law.sample(rng, len(z)).astype(np.float32)
    measured = Judging(found, data).measure(1, perfect, np.zeros((200, 1)))["metrics"]["w1"]
    assert measured["value"] < measured["floor"] + 4 * measured["floor_deviation"]
    assert measured["floor"] > 0.05  # between stratified samples it would be 0.007
