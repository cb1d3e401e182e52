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
    "basin dirac --count 100000": "at most 2000 starts",
    "basin dirac --steps 0": "`steps` is 0",
    "basin dirac --start 1,nan": "no finite number",
    "basin dirac --start 1,2,3 --count 3": "`start` has 3 number",
    "chart dirac --start 1": "`start` has 1 number",
    "chart dirac --x lr=.1:1:5 --lr 3": "`--lr 3` was given, but lr varies",
    "chart dirac --y r1=.1:1:5 --penalty r1=3": "`--penalty r1=3` was given, but r1 varies",
    "chart dirac --y tau=.1:1:5 --adjust timescale=1,2": "but tau varies",
    "chart dirac --y beta=.1:1:5 --pace momentum,beta=0.5": "together with beta",
    "chart bilinear --y r1=.1:1:5": "`r1` is to vary, but the model bilinear has no penalties",
    "analyze bilinear --penalty r1=1": "`--penalty` was given, but the model bilinear has none; drop it",
    "analyze dirac --steps 99999999999999999999": "`steps` is 99999999999999999999; it must be",
    "analyze dirac --noise 1 --batch 3 --seed 99999999999999999999": "`seed` is 99999999999999999999",
    "analyze dirac --batch 3 --seed -1": "`seed` is -1",
    "analyze quadratic --set eigenvalues=-1": "`eigenvalues` is -1; it must be a list",
    "analyze quadratic --set eigenvalues=abc": "`eigenvalues` is 'abc'; it must be a list",
    "analyze quadratic --set players=0": "`players` is 0",
    "analyze quadratic --set players=a": "`players` is 'a'",
    "analyze quadratic --set seed=a": "`seed` is 'a'",
    "analyze bilinear --set matrix=1,2;3": "rows of the same length",
    "analyze bilinear --set matrix=abc": "`matrix` is 'abc'",
    "analyze dirac --set bias=maybe": "`bias` is 'maybe'; it may be true or false",
    "analyze dirac --set energy=nan": "`energy` is nan; it must be finite",
    "analyze dirac --set energy=abc": "`energy` is 'abc'; it must be a number",
    "analyze dirac --set foo": "for instance --set bias=true",
    "analyze dirac --adjust consensus": "for instance --adjust consensus=1",
    "analyze dirac --adjust foo=1": "symplectic, timescale",
    "analyze gaussian --set foo=1": "the model gaussian has no settings; drop it",
    "analyze dirac --rule lookahead,inner=foo": "`--rule lookahead,inner` is 'foo'",
    "analyze dirac --rule lookahead,alpha=2": "`alpha` is 2; it is a share",
    "analyze dirac --rule simultaneous --first discriminator": "`--first` was given with --rule simultaneous",
    "analyze dirac --penalty r1=.1 --penalty r1=.2": "`--penalty` names r1 twice",
    "analyze dirac --loss ra-logistic --batch 1": "with an average loss; such a loss compares",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_request_gets_one_line_and_code_2_and_leaves_nothing(ask, tmp_path, line):
    result, out, err = ask(line.format(tmp_path / "out"))
    assert result == 2
    assert err.startswith("tussle: ")
    assert err.count("\n") == 1
    assert WRONG[line] in err
    assert out == ""
    assert not any(tmp_path.iterdir())


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


# A game of one's own ----------------------------------------------------------------------------------------------

MISTAKES = {
    "def f(x, y):\n    if x[0] > 0:\n        return (x * y).sum(), -(x * y).sum()\n    return x.sum(), y.sum()\n": (
        "jax.numpy.where"
    ),
    "calls = []\ndef f(x, y):\n    calls.append(0)\n    if len(calls) > 5:\n        raise RuntimeError('later')\n"
    "    return (x * y).sum(), -(x * y).sum()\n": "(RuntimeError: later)",
    "def f():\n    raise KeyError('nothing')\n": "(KeyError: 'nothing')",
    "def f():\n    import sys\n    sys.exit(4)\n": "(SystemExit: 4)",
    "import sys\nsys.exit(3)\n": "does not import (SystemExit: 3)",
    "import notthere\n": "does not import (ModuleNotFoundError",
    "def f(x, y):\n    import notthere\n": "(ModuleNotFoundError",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_the_mistakes_of_a_file_are_told_in_one_line(ask, tmp_path, text):
    (tmp_path / "own.py").write_text(text)
    result, out, err = ask(f"analyze {tmp_path}/own.py:f --start 1,1")
    assert (result, out, err.count("\n")) == (2, "", 1)
    assert MISTAKES[text] in err


OWN = """
import tussle
from tussle.models import Model, dirac
from tussle.models.base import vectors


def model():
    return dirac(penalties=[tussle.r1(0.3)])


def lost():
    return Model("lost", tussle.Game(later), (vectors(0.0, 0.0),), vectors(1.0, 1.0), ("a", "b"))


def later(x, y):
    raise RuntimeError("late")


def tug(x, y):
    return (x * y - 2 * x).sum(), -(x * y - 2 * x).sum() + 0.5 * (y * y).sum()


def chase(*xs):
    n = len(xs)
    return tuple((0.5 * x * x + x * xs[(i + 1) % n]).sum() for i, x in enumerate(xs))


def flat(x, y):
    return x.sum(), y.sum()
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    return f"{tmp_path}/own.py"


def test_a_start_reaches_a_model_of_a_file(ask, own):
    found = json.loads(ask(f"analyze {own}:model --start 0.5,0.25 --steps 3 --json")[1])
    assert found["path"]["start"] == [0.5, 0.25]
    assert "`start` has 3 number" in ask(f"analyze {own}:model --start 1,2,3")[2]


def test_a_model_of_a_file_that_fails_later_is_told_so(ask, own):
    result, out, err = ask(f"analyze {own}:lost")
    assert (result, out, err.count("\n")) == (2, "", 1)
    assert "(RuntimeError: late)" in err


def test_a_game_of_three_players_runs_from_the_command_line(ask, own):
    found = json.loads(ask(f"analyze {own}:chase --start 1,1,1 --lr 0.1,0.1,0.1 --rule simultaneous --json")[1])
    # The field is -(I + P) x, P the cyclic shift: eigenvalues -2 and -1/2 +- i sqrt(3)/2.
    assert found["flow"]["eigenvalues"][0] == pytest.approx([-0.5, 0.75**0.5], abs=1e-10)
    assert found["flow"]["eigenvalues"][2] == pytest.approx([-2.0, 0.0], abs=1e-10)
    assert found["path"]["ending"] == "converged"
    # One turn of each by default, the first player first; with counts 1, 2, 1: by hand.
    one = json.loads(ask(f"analyze {own}:chase --start 1,1,1 --steps 1 --lr 0.1 --json")[1])["path"]["end"]
    assert one == pytest.approx([0.8, 0.8, 0.9 - 0.08], abs=1e-14)
    line = f"analyze {own}:chase --start 1,1,1 --steps 1 --lr 0.1 --steps-per-player 1,2,1 --json"
    second = 0.8 - 0.1 * (0.8 + 1)
    assert json.loads(ask(line)[1])["path"]["end"] == pytest.approx([0.8, second, 0.9 - 0.08], abs=1e-14)
    assert "`--lr` is 1,1; it may be one number or 3" in ask(f"analyze {own}:chase --start 1,1,1 --lr 1,1")[2]
    assert "one count for each" in ask(f"analyze {own}:chase --start 1,1,1 --steps-per-player 1,1")[2]
    assert "takes 3; give one" in ask(f"analyze {own}:chase --start 1,1,1 --adjust timescale=1,2")[2]


def test_chart_and_basin_search_the_equilibrium_of_a_function_from_the_start(ask, own):
    line = f"chart {own}:tug --start 1,1 --x lr=0.1:3:7 --y tau=0.5:2:3 --rule simultaneous --json"
    found = json.loads(ask(line)[1])
    for tau, row in zip(found["y"]["values"], found["radius"], strict=True):
        for h, radius in zip(found["x"]["values"], row, strict=True):
            # J = [[0, -1], [tau, -tau]]; det and trace of I + h J.
            roots = [1 + h * z for z in _roots(tau, tau)]
            assert radius == pytest.approx(max(abs(z) for z in roots), abs=1e-10)
    found = json.loads(ask(f"basin {own}:tug --start 1,1 --rule simultaneous --lr 0.5 --count 5 --json")[1])
    assert (found["count"], found["total"]) == (25, 25)
    assert found["legend"]["0"] == pytest.approx([2.0, 2.0], abs=1e-9)
    result, _, err = ask(f"basin {own}:flat --start 1,1 --count 3")
    assert result == 2
    assert "no equilibrium of" in err


def _roots(a, b):
    """Return the roots of z^2 + a z + b."""
    root = complex(a * a / 4 - b) ** 0.5
    return -a / 2 + root, -a / 2 - root


def test_the_parameters_that_do_not_vary_in_a_basin_stay_at_the_start(ask):
    line = "basin dirac --set bias=true --count 2 --window 0.1,0.2,0.1,0.2 --steps 1 --radius 10 --json "
    assert json.loads(ask(line + "--start 1,1,100")[1])["count"] == 0
    assert json.loads(ask(line + "--start 1,1,1")[1])["count"] == 4


def test_a_chart_has_axes_that_fit_the_model_and_what_is_fixed(ask):
    names = lambda line: [json.loads(ask(line + " --json")[1])[k]["name"] for k in "xy"]
    assert names("chart dirac") == ["lr", "r1"]
    assert names("chart dirac --x r1=0.1:1:3") == ["r1", "lr"]
    assert names("chart dirac --penalty r1=1") == ["lr", "consensus"]
    assert names("chart bilinear --x lr=.1:1:5") == ["lr", "consensus"]


# What is left behind ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("command", "name"), [("analyze", "flow"), ("chart", "chart"), ("basin", "basin")])
def test_a_folder_in_the_place_of_a_picture_leaves_nothing_new(ask, tmp_path, command, name):
    (tmp_path / "out" / f"{name}.png").mkdir(parents=True)
    small = {"analyze": "", "chart": "--x lr=.1:1:3 --y r1=.1:1:3", "basin": "--count 3 --steps 10"}[command]
    result, out, err = ask(f"{command} dirac {small} --out {tmp_path}/out")
    assert (result, out, err.count("\n")) == (2, "", 1)
    assert f"holds a folder {name}.png" in err
    assert [p.name for p in (tmp_path / "out").iterdir()] == [f"{name}.png"]


@pytest.mark.parametrize(
    ("line", "module", "words"),
    [
        ("analyze dirac", "matplotlib", "matplotlib is not installed; this needs it; run `pip install matplotlib`"),
        ("demo --steps 1", "sklearn", "pip install 'tussle[data]'"),
        ("demo --steps 1", "torch", "pip install 'tussle[torch]'"),
    ],
)
def test_a_missing_package_is_told_before_anything_is_made(ask, tmp_path, monkeypatch, line, module, words):
    for name in [n for n in sys.modules if n.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("tussle.demo.dirac_part", lambda *a: pytest.fail("began"))
    result, out, err = ask(f"{line} --out {tmp_path}/deep/out")
    assert (result, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert not any(tmp_path.iterdir())


def test_a_wrong_seed_of_the_demonstration_is_refused_before_anything_is_made(ask, tmp_path, monkeypatch):
    monkeypatch.setattr("tussle.demo.dirac_part", lambda *a: pytest.fail("began"))
    result, _, err = ask(f"demo --seed -1 --out {tmp_path}/out")
    assert result == 2
    assert "`seed` is -1" in err
    assert not any(tmp_path.iterdir())


def test_a_run_far_out_is_told_without_warnings(ask, tmp_path):
    result, _, err = ask(f"analyze dirac --start 1e300,1e300 --out {tmp_path}/out")  # a warning is an error here
    assert (result, err) == (0, "")


def test_a_paper_is_named_once(ask):
    for line in ("analyze dirac --penalty r1=1 --json", "analyze gaussian --penalty r1=1 --steps 2 --json"):
        sources = json.loads(ask(line)[1])["sources"]
        assert sum("Mescheder" in source for source in sources) == 1


def test_a_bar_is_shown_to_a_person_and_tells_the_share(monkeypatch, capsys):
    from rich.console import Console

    from tussle.cli import output

    monkeypatch.setattr("rich.console.Console", lambda **o: Console(force_terminal=True, width=80, **o))
    with output.waiting("running", False) as told:
        told(0.25)
        told(0.5)
    assert "running" in capsys.readouterr().err
    with output.waiting("running", True) as told:
        told(0.5)
    assert capsys.readouterr().err == ""


def test_ctrl_c_ends_a_long_run_within_two_seconds():
    import signal
    import time

    command = "from tussle.cli import main; main(['analyze', 'dirac', '--steps', '1000000000'])"
    run = subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(8)
    assert run.poll() is None
    began = time.monotonic()
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert time.monotonic() - began < 5  # two seconds, and what a busy machine adds
    assert (run.returncode, "Traceback" in err) == (1, False)
    assert "stopped" in err
