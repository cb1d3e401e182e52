"""The command line: its contract, its JSON documents and its errors."""

import json
import subprocess
import sys

import pytest

from tussle.cli.app import code


@pytest.fixture
def ask(capsys):
    """Run a command line in this process; return exit code, standard output and standard error."""

    def run(line):
        result = code(line.split())
        captured = capsys.readouterr()
        return result, captured.out, captured.err

    return run


def test_analyze_prints_one_json_document_with_the_keys_of_the_contract(ask):
    result, out, err = ask("analyze dirac --penalty r1=0.3 --rule simultaneous --lr 0.2 --json")
    found = json.loads(out)
    assert (result, err) == (0, "")
    assert {"model", "equilibrium", "flow", "map", "max_stable_lr", "path", "sources"} <= set(found)
    assert found["model"] == "dirac"
    assert found["equilibrium"] == [0.0, 0.0]
    # Spec 2.2 and 2.7: -gamma/2 +- sqrt(gamma^2/4 - 1/4), gamma 0.3; radius and stable range of 2.4.
    assert found["flow"]["eigenvalues"][0] == pytest.approx([-0.15, 0.4769696007085], abs=1e-12)
    assert found["flow"]["eigenvalues"][1] == pytest.approx([-0.15, -0.4769696007085], abs=1e-12)
    assert (found["flow"]["abscissa"], found["flow"]["verdict"]) == (pytest.approx(-0.15), "converges")
    assert (found["map"]["radius"], found["map"]["verdict"]) == (pytest.approx(0.9746794344809, abs=1e-12), "converges")
    assert found["max_stable_lr"] == pytest.approx(1.2, abs=1e-10)
    assert found["path"]["end"] == pytest.approx([1.1103367488e-6, -2.3980793511e-6], rel=1e-9)
    assert (found["path"]["ending"], found["path"]["steps"]) == ("converged", 500)
    assert any("Mescheder" in source for source in found["sources"])


def test_alternating_steps_without_a_penalty_are_marginal(ask):
    _, out, _ = ask("analyze dirac --rule alternating --json")
    found = json.loads(out)
    assert (found["map"]["verdict"], found["max_stable_lr"]) == ("marginal", None)
    assert found["path"]["ending"] == "limit_cycle"


def test_turns_and_order_reach_the_rule(ask):
    _, out, _ = ask("analyze dirac --steps-per-player 1,5 --steps 10 --json")
    assert json.loads(out)["path"]["end"] == pytest.approx([0.10557696786, 2.4718883706], abs=1e-9)
    _, out, _ = ask("analyze dirac --loss wasserstein --first discriminator --steps 1 --json")
    assert json.loads(out)["path"]["end"] == pytest.approx([1 - 0.2 * 1.2, 1.2], abs=1e-14)


def test_a_jump_of_the_field_gives_undefined_and_a_false_equilibrium(ask):
    _, out, _ = ask("analyze dirac --loss wasserstein --penalty wgan_gp=2.5 --lr 0.05 --steps 5000 --json")
    found = json.loads(out)
    assert (found["flow"]["verdict"], found["flow"]["eigenvalues"]) == ("undefined", [])
    assert found["path"]["ending"] == "false_equilibrium"
    assert found["path"]["end"][0] == pytest.approx(-2.5, abs=1e-9)


def test_adjustments_noise_clip_and_paces_reach_the_method(ask):
    _, out, _ = ask("analyze dirac --adjust consensus=1 --rule simultaneous --json")
    assert json.loads(out)["map"]["radius"] == pytest.approx(0.9552486587271, abs=1e-12)
    _, out, _ = ask("analyze dirac --noise 0.7 --rule simultaneous --json")
    assert json.loads(out)["map"]["radius"] == pytest.approx(0.9803060746522, abs=1e-12)
    _, out, _ = ask("analyze dirac --loss wasserstein --clip 1 --rule simultaneous --steps 10 --json")
    assert json.loads(out)["path"]["end"] == pytest.approx([-0.92032, 0.608], abs=1e-12)
    _, out, _ = ask("analyze dirac --pace momentum --beta -0.5 --json")
    assert json.loads(out)["map"]["radius"] == pytest.approx(0.9985177891006, abs=1e-12)
    _, out, _ = ask("analyze dirac --rule lookahead,k=5,alpha=0.5 --json")
    assert json.loads(out)["map"]["radius"] == pytest.approx(0.9813269141958, abs=1e-12)
    _, out, _ = ask("analyze dirac --set energy=1 --json")
    assert json.loads(out)["flow"]["abscissa"] == pytest.approx(-0.5, abs=1e-7)


def test_two_rates_give_two_stable_rates(ask):
    _, out, _ = ask("analyze dirac --penalty r1=1 --rule simultaneous --lr 0.1,0.2 --json")
    first, second = json.loads(out)["max_stable_lr"]
    assert second == pytest.approx(2 * first)


def test_a_function_in_a_file_is_a_game(ask, tmp_path):
    (tmp_path / "tug.py").write_text("def tug(x, y):\n    return (x * y).sum(), -(x * y).sum() + 0.5 * (y * y).sum()\n")
    result, out, _ = ask(f"analyze {tmp_path}/tug.py:tug --start 1,1 --rule simultaneous --json")
    found = json.loads(out)
    assert (result, found["model"]) == (0, "tug")
    # J = [[0, -1], [1, -1]]: -1/2 +- i sqrt(3)/2.
    assert found["flow"]["eigenvalues"][0] == pytest.approx([-0.5, 0.75**0.5], abs=1e-10)


def test_a_stochastic_run_repeats_with_its_seed_and_differs_with_another(ask):
    line = "analyze gaussian --penalty r1=1 --batch 16 --steps 20 --json --seed {}"
    ends = [json.loads(ask(line.format(seed))[1])["path"]["end"] for seed in (1, 1, 2)]
    assert ends[0] == ends[1] != ends[2]


def test_out_holds_pictures_and_the_document_and_nothing_half_written(ask, tmp_path):
    result, out, _ = ask(f"analyze dirac --penalty r1=0.3 --out {tmp_path}/report")
    names = sorted(p.name for p in (tmp_path / "report").iterdir())
    assert result == 0
    assert names == ["analysis.json", "flow.png", "map.png", "path.png", "portrait.png"]
    assert json.loads((tmp_path / "report" / "analysis.json").read_text())["model"] == "dirac"
    assert all(name in out.replace("\n", "") for name in names)


def test_the_table_names_verdicts_for_a_person(ask):
    result, out, _ = ask("analyze dirac")
    assert result == 0
    assert "marginal" in out
    assert "limit_cycle" in out


def test_chart_agrees_with_the_closed_form(ask):
    line = "chart dirac --x lr=0.1:4:9 --y r1=0.1:2:7 --rule simultaneous --json"
    found = json.loads(ask(line)[1])
    for gamma, row in zip(found["y"]["values"], found["radius"], strict=True):
        limit = gamma / 0.25 if gamma <= 1 else 2 / (gamma / 2 + (gamma**2 / 4 - 0.25) ** 0.5)
        for h, radius in zip(found["x"]["values"], row, strict=True):
            assert (radius < 1) == (h < limit), (gamma, h, radius)


def test_basin_counts_of_consensus_and_r1(ask):
    line = "basin dirac --rule simultaneous --lr 0.05 --count 13 --steps 3000 --json "
    assert json.loads(ask(line + "--adjust consensus=1")[1])["count"] == 75
    found = json.loads(ask(line + "--penalty r1=1")[1])
    assert (found["count"], found["total"], found["share"]) == (169, 169, 1.0)


WRONG = {
    "analyze dirak": "did you mean `dirac`",
    "analyze dirac --loss logits": "`loss` is 'logits'",
    "analyze dirac --penalty r3=1": "did you mean `r2`",
    "analyze dirac --penalty r1": "NAME=VALUE",
    "analyze dirac --penalty r1=-1": "`--penalty r1` is -1; it must be 0 or more",
    "analyze dirac --lr -1": "`--lr` is -1.0; it must be above 0",
    "analyze dirac --lr abc": "no finite number",
    "analyze dirac --lr 1,2,3": "one number or H_G,H_D",
    "analyze dirac --start 1,2,3": "`start` has 3 number",
    "analyze dirac --start nan,1": "no finite number",
    "analyze dirac --rule competitive --pace adam": "give sgd",
    "analyze dirac --rule simultaneous --steps-per-player 1,5": "only alternating has turns",
    "analyze dirac --steps-per-player 1": "one count for each",
    "analyze dirac --beta 0.5": "only momentum and adam",
    "analyze dirac --pace adam,bta=1": "option 'bta'",
    "analyze dirac --first gen": "did you mean `generator`",
    "analyze dirac --clip -1": "`clip` is -1.0",
    "analyze dirac --noise -1": "`noise` is -1.0",
    "analyze dirac --adjust consensus=-1": "`gamma` is -1",
    "analyze dirac --adjust consensus=1,2": "has 2 weights",
    "analyze dirac --adjust timescale=1": "it takes two; give 1,TAU",
    "analyze dirac --steps-per-player 1.5,2": "it takes whole numbers",
    "chart dirac --x lr=0.02:4:1e9": "at most 2000 values",
    "chart dirac --x energy=0.1:1:5": "not a parameter that can vary",
    "basin dirac --count 13.7": "it takes whole numbers",
    "analyze dirac --set energ=1": "did you mean `energy`",
    "analyze dirac --set energy=1 --set bias=true": "drop one",
    "analyze dirac --steps -4": "`steps` is -4",
    "analyze dirac --batch 1 --loss rp-logistic": "needs at least 2",
    "analyze bilinear --loss hinge": "has none; drop it",
    "analyze bilinear --batch 4": "nothing to sample",
    "analyze dirac --theme pink --out {}": "theme",
    "analyze nofile.py:f": "no file nofile.py",
    "analyze dirac --foo": "--foo",
    "analyze": "model",
    "unknown": "unknown",
    "chart dirac --x lr=3:1": "LOW below HIGH",
    "chart dirac --x lr=0:1:5:log": "begins above 0",
    "chart dirac --x zz=0:1": "not a parameter that can vary",
    "chart dirac --x lr=0.1:1 --y lr=0.1:1": "must differ",
    "chart dirac --x r1=-1:1 --y lr=0.1:1": "it must be 0 or more",
    "basin dirac --window 1,0,1,2": "left < right",
    "basin dirac --window 0,1,2": "four numbers",
    "basin dirac --count 1": "`count` is 1",
    "basin dirac --radius 0": "`radius` is 0",
    "basin dirac --vary theta,phi": "`--vary` is 'phi'",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_request_gets_one_line_and_code_2_and_leaves_nothing(ask, tmp_path, line):
    result, out, err = ask(line.format(tmp_path / "out"))
    assert result == 2
    assert err.startswith("tussle: ")
    assert err.count("\n") == 1
    assert WRONG[line] in err
    assert out == ""
    assert not any(p.is_file() for p in tmp_path.rglob("*"))


def test_a_file_that_does_not_import_is_the_users_to_mend(ask, tmp_path):
    (tmp_path / "broken.py").write_text("raise RuntimeError('no')\n")
    result, _, err = ask(f"analyze {tmp_path}/broken.py:f --start 1,1")
    assert (result, err.count("\n")) == (2, 1)
    assert "does not import (RuntimeError: no)" in err
    (tmp_path / "other.py").write_text("def g(x, y):\n    return x, y\n")
    assert "it has g; name one" in ask(f"analyze {tmp_path}/other.py:f --start 1,1")[2]
    assert "`--start` is missing" in ask(f"analyze {tmp_path}/other.py:g")[2]


def test_a_game_that_fails_or_has_its_own_losses_is_told_so(ask, tmp_path):
    (tmp_path / "mine.py").write_text(
        "def bad(x, y):\n    raise RuntimeError('oops')\n\n\ndef good(x, y):\n    print('noise')\n"
        "    return (x * y).sum(), -(x * y).sum()\n"
    )
    result, out, err = ask(f"analyze {tmp_path}/mine.py:bad --start 1,1")
    assert (result, out, err.count("\n")) == (2, "", 1)
    assert "fails at its start (RuntimeError: oops)" in err
    assert "has its own losses" in ask(f"analyze {tmp_path}/mine.py:good --start 1,1 --penalty r1=0.3")[2]
    result, out, _ = ask(f"analyze {tmp_path}/mine.py:good --start 1,1 --json")
    assert result == 0
    assert json.loads(out)["model"] == "good"


def test_an_output_folder_that_cannot_be_made_is_named(ask, tmp_path):
    (tmp_path / "file").write_text("")
    result, _, err = ask(f"analyze dirac --out {tmp_path}/file/report")
    assert result == 2
    assert "cannot be made a folder" in err


def test_the_process_itself_exits_with_2_and_no_traceback():
    done = subprocess.run(
        [sys.executable, "-c", "from tussle.cli import main; main(['analyze', 'dirak'])"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


def test_help_and_version_name_the_commands(ask):
    result, out, _ = ask("--help")
    assert result == 0
    assert all(name in out for name in ("analyze", "chart", "basin", "demo"))
    assert "tussle 0.1.0" in ask("--version")[1]
