"""Run every numbered script in `examples/`, each in an empty folder and without a screen.

With no argument all scripts run; arguments are the paths of the scripts to run. If one fails, the exit code
is 1.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SECONDS = 300


def run(script: Path) -> bool:
    """Run one script; print its time, or what it said when it failed."""
    environment = os.environ | {
        "MPLBACKEND": "Agg",
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "default"),
    }
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = subprocess.run(
                [sys.executable, str(script)],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=SECONDS,
            )
            good, output = result.returncode == 0, result.stdout
        except subprocess.TimeoutExpired:
            good, output = False, f"stopped after {SECONDS} s\n"
    print(f"{'passed' if good else 'FAILED'}  {script.name}  {time.perf_counter() - started:.1f} s", flush=True)
    if not good:
        print(output, flush=True)
    return good


def main(paths: list[str]) -> int:
    """Run the scripts named, or all of them, and return the exit code."""
    scripts = [Path(path).resolve() for path in paths] or sorted(EXAMPLES.glob("[0-9]*.py"))
    if not scripts:
        print("examples/ holds no numbered script")
    results = [run(script) for script in scripts]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
