"""Check that the type of every public name of `tussle` is known: none missing, none partly unknown.

Types that other packages leave open do not count. If a name is open, it is printed with its reason and the
exit code is 1.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def report() -> dict[str, Any]:
    """What `pyright --verifytypes` says of the package installed beside the running interpreter."""
    folder = Path(sys.executable).parent
    command = [sys.executable, "-m", "pyright", "--verifytypes", "tussle", "--ignoreexternal", "--outputjson"]
    path = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"  # pyright asks the first python on the path
    result = subprocess.run(command, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    try:
        return json.loads(result.stdout)
    except json.JSONDecodeError:
        sys.exit(f"pyright gave no report:\n{result.stdout}{result.stderr}")


def reasons(symbol: dict[str, Any]) -> list[str]:
    """One line a complaint about a symbol: where, and what is open."""
    lines = []
    for diagnostic in symbol["diagnostics"]:
        where = Path(diagnostic["file"])
        where = where.relative_to(ROOT) if where.is_relative_to(ROOT) else where
        line = diagnostic.get("range", {}).get("start", {}).get("line", 0) + 1
        message = " ".join(diagnostic["message"].split())
        lines.append(f"{where}:{line}: {symbol['name']}: {message}")
    return lines or [f"{symbol['name']}: its type is not known"]


def main() -> int:
    """Print the open names and return the exit code."""
    completeness = report()["typeCompleteness"]
    if "pyTypedPath" not in completeness:
        sys.exit("`tussle` is not installed beside this python, or src/tussle/py.typed is missing: `make env`")
    symbols = [symbol for symbol in completeness["symbols"] if symbol["isExported"]]
    open_symbols = [s for s in symbols if not s["isTypeKnown"] or s["isTypeAmbiguous"]]
    for symbol in open_symbols:
        print(*reasons(symbol), sep="\n")
    print(f"{len(symbols) - len(open_symbols)} of {len(symbols)} public names have a known type")
    return 1 if open_symbols else 0


if __name__ == "__main__":
    sys.exit(main())
