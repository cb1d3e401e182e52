"""The benchmarks run; how fast is not asked here."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parent.parent / "benchmarks" / "run.py"
PLENTY = 600  # seconds
LONG = os.environ.get("TUSSLE_LONG") == "1"
SLOW = ("data_loading", "mlp_training", "resnet_training", "monitor", "doctor_spectra")  # at their smallest, too


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The table and the numbers of the whole suite at its smallest sizes."""
    file = tmp_path_factory.mktemp("benchmarks") / "results.json"
    command = [sys.executable, str(RUN), "--tiny", "--json", str(file)]
    if not LONG:
        command += ["--skip", *SLOW]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PLENTY)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(file.read_text())


def test_every_benchmark_reports_times_that_are_finite_and_positive(report):
    rows = report[1]["rows"]
    assert len(rows) >= 10
    for row in rows:
        skipped = row["ours"] is None
        assert row["note"].startswith("skipped") == skipped
        for value in (row["ours"], row["reference"], row["ratio"]):
            assert value is None or (value > 0 and math.isfinite(value))


def test_each_target_of_the_project_has_a_row(report):
    targets = {row["name"]: row["limit"] for row in report[1]["rows"] if row["limit"] is not None}
    wanted = {"Numba": 1.0, "one start": 2e-3, "chart": 30e-3, "--help": 0.3, "J^T u": 4.0}
    for word, limit in wanted.items():
        assert limit in [found for name, found in targets.items() if word in name]


def test_the_table_shows_every_row_and_the_machine(report):
    printed, numbers = report
    assert numbers["machine"]["processor"] in printed
    assert all(row["name"] in printed and row["note"] in printed for row in numbers["rows"])


def test_an_unknown_benchmark_is_refused_with_the_names_of_the_others():
    command = [sys.executable, str(RUN), "--only", "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PLENTY)
    assert done.returncode == 2
    assert "many_starts" in done.stderr
