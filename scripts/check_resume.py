"""Kill a training run again and again, at random moments, and compare its end with that of an uninterrupted one.

    python scripts/check_resume.py [KILLS] [--preset digits-quick] [--seed S]

The two must agree bit for bit: parameters, the state of the optimizer, the average, and every line of the log but for
the seconds.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SMALL = (
    "run.steps=400", "run.threads=1", "log.every=7", "log.checkpoint_every=5", "log.sample_every=0",
    "log.probe_every=0", "log.keep=2", "metrics.names=[]",
)  # fmt: skip
RUN = """
import sys
from tussle.training.recipes import changed, checked, recipe, setting
from tussle.training.session import train_recipe
name, out, *settings = sys.argv[1:]
document = recipe(name).document()
for text in settings:
    changed(document, *setting(text))
from pathlib import Path
resume = (Path(out) / "recipe.toml").is_file()
train_recipe(checked(document), out, resume=resume)
"""


def command(preset: str, out: Path, settings: tuple[str, ...]) -> list[str]:
    """Return the command that begins a run, or goes on with it."""
    return [sys.executable, "-c", RUN, preset, str(out), *settings]


def killed(line: list[str], out: Path, kills: int, rng: np.random.Generator) -> int:
    """Run a command, killing it `kills` times at random moments of its training; return how often it was killed."""
    done = 0
    while done < kills:
        before = stamp(out)
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while stamp(out) == before and process.poll() is None:
            time.sleep(0.005)  # until it has trained and written again
        time.sleep(float(rng.uniform(0.0, 0.25)))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        done += 1
    subprocess.run(line, check=True, capture_output=True)
    return done


def stamp(out: Path) -> float:
    """Return when the last checkpoint was written."""
    path = out / "last.safetensors"
    return path.stat().st_mtime_ns if path.is_file() else 0.0


def differences(first: Path, second: Path) -> list[str]:
    """Return what differs between two runs that should be one."""
    from tussle.training.folder import RunFolder

    found = []
    if (first / "last.safetensors").read_bytes() != (second / "last.safetensors").read_bytes():
        found.append("last.safetensors differs")
    logs = [[{k: v for k, v in row.items() if k != "seconds"} for row in RunFolder(p).log()] for p in (first, second)]
    if logs[0] != logs[1]:
        found.append("the logs differ")
    partial = [p.name for p in second.rglob(".tussle.*")]
    return found + ([f"half-written and left behind: {', '.join(partial)}"] if partial else [])


def main() -> int:
    """Compare, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", type=int, nargs="?", default=50)
    parser.add_argument("--preset", default="digits-quick")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    settings = (*SMALL, f"run.steps={max(400, 12 * given.kills)}")
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder) / "whole", Path(folder) / "broken"
        subprocess.run(command(given.preset, whole, settings), check=True)
        rng = np.random.default_rng(given.seed)
        kills = killed(command(given.preset, broken, settings), broken, given.kills, rng)
        found = differences(whole, broken)
    print(f"{given.preset}: killed {kills} times; " + ("equal bit for bit" if not found else "; ".join(found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
