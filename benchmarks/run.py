"""How fast it is: `make bench`, or `python benchmarks/run.py [--only NAME ...] [--tiny] [--json FILE]`.

Everything is timed once compiled, as the best of several rounds in which ours and the reference take turns. A ratio
below 1 means that ours is the faster one. On a machine that is busy with other things only the ratios say something.
"""

import argparse
import json
import math
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from measure import Row, machine

BENCHMARKS = (
    "many_starts", "memory", "one_start", "stability_chart", "command_line", "network_product", "plateau_map",
    "erf_moments", "divergences", "assumption_ledger", "data_loading", "probes", "mlp_training",
    "resnet_training", "monitor", "doctor_spectra",
)  # fmt: skip
COLUMNS = ("benchmark", "ours", "reference", "ratio", "target", "met?")


def main() -> None:
    """Measure, print the table, and write the numbers where asked."""
    wanted = _arguments()
    found = machine()
    print(", ".join(f"{key} {value}" for key, value in found.items()), "\n")
    names = [name for name in wanted.only if name not in wanted.skip]
    rows = [row for name in names for row in import_module(name).benchmark(wanted.tiny)]
    print("\n".join(table(rows)))
    if wanted.json is not None:
        numbers = {"machine": found, "rows": [_plain(row) for row in rows]}
        wanted.json.write_text(json.dumps(numbers, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=BENCHMARKS, help="the benchmarks to run")
    parser.add_argument("--skip", nargs="+", choices=BENCHMARKS, default=(), help="the benchmarks not to run")
    parser.add_argument("--tiny", action="store_true", help="smallest sizes: try the suite, not the speed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers to a file as well")
    return parser.parse_args()


def table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of the report: a table, each row followed by its note."""
    cells = [COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()  # names left
        for line in cells
    ]
    rule = "-" * (sum(widths) + 2 * len(widths) - 2)
    noted = [text for line, row in zip(lines[1:], rows, strict=True) for text in (line, f"    {row.note}")]
    return [lines[0], rule, *noted]


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
    met = {True: "yes", False: "NO", None: "-"}[row.met]
    return row.name, _amount(row.ours, row.unit), _amount(row.reference, row.unit), ratio, _target(row), met


def _target(row: Row) -> str:
    if row.limit is None:
        return "-"
    return f"<= {_amount(row.limit, row.unit) if row.ratio is None else f'{row.limit:g}'}"


def _amount(value: float | None, unit: str) -> str:
    """Return seconds as s or ms, anything else as it is."""
    if value is None or math.isnan(value):
        return "-"
    if unit != "s":
        return f"{value:.0f} {unit}"
    return f"{value:.2f} s" if value >= 1 else f"{1e3 * value:.3g} ms"


def _plain(row: Row) -> dict[str, str | float | bool | None]:
    found = {**row._asdict(), "ratio": row.ratio, "met": row.met}
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in found.items()}


if __name__ == "__main__":
    main()
