"""The wheel, installed into an empty environment without the extras, runs."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WINDOWS = os.name == "nt"

SAY = """
import importlib.resources
import tussle
print(tussle.__version__, importlib.resources.files(tussle).joinpath("py.typed").is_file())
"""


def run(*command, cwd):
    """Run a command outside the source tree and give back what it printed; say all of it when it fails."""
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONWARNINGS"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    result = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("tussle-*.whl")
    return wheel


@pytest.fixture(scope="module")
def scripts(wheel, tmp_path_factory):
    """The folder of programs of an environment that holds the wheel and what it depends on, nothing else."""
    folder = tmp_path_factory.mktemp("install")
    venv.create(folder / "env", with_pip=False, symlinks=not WINDOWS)
    programs = folder / "env" / ("Scripts" if WINDOWS else "bin")
    pip = (sys.executable, "-m", "pip", "--python", programs / "python", "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-compile", "-c", ROOT / "constraints.txt", wheel, cwd=folder)
    run(*pip, "check", cwd=folder)
    yield programs
    shutil.rmtree(folder)


@pytest.mark.slow_install
def test_an_installed_wheel_is_typed_knows_its_version_and_analyzes_the_dirac_gan(scripts, wheel, tmp_path):
    version = wheel.name.split("-")[1]
    assert run(scripts / "python", "-c", SAY, cwd=tmp_path).split() == [version, "True"]
    document = json.loads(run(scripts / "tussle", "analyze", "dirac", "--json", cwd=tmp_path))
    assert {"model", "flow", "map"} <= document.keys()
