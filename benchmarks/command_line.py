"""How long one waits for `tussle --help` and for `import tussle`, in a fresh process each."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from measure import Row, best

SCRIPT = Path(sys.executable).parent / ("tussle.exe" if sys.platform == "win32" else "tussle")
PYTHON = (sys.executable, "-c")


def benchmark(tiny: bool) -> list[Row]:
    """Time whole processes, the bare interpreter's own start included."""
    rounds = 1 if tiny else 10
    times = best(rounds, bare=_process(*PYTHON, "pass"), imported=_process(*PYTHON, "import tussle"))
    note = f"of this {1e3 * times['bare']:.0f} ms is the start of Python"
    return [_help(rounds, note), Row("import tussle", times["imported"], None, 0.3, note)]


def _help(rounds: int, note: str) -> Row:
    if not SCRIPT.exists():
        return Row("tussle --help", float("nan"), None, 0.3, "skipped: the command is not installed beside Python")
    return Row("tussle --help", best(rounds, help=_process(str(SCRIPT), "--help"))["help"], None, 0.3, note)


def _process(*command: str) -> Callable[[], object]:
    return lambda: subprocess.run(command, capture_output=True, check=True)
