"""Quadrature against 30-digit closed forms and a second route: right, and never more sure than right.

Forty pairs of `scripts/check_divergence_errors.py`, which takes a thousand; each divergence that quadrature has.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import check_divergence_errors as check
from divergence_oracle import exact
from divergence_truth import second_route

SEED = 2
LINE = [k for k in range(48) if "plane" not in check.KINDS[k % 10]]  # in the plane the second route takes seconds
PAIRS = [*LINE, 16]


@pytest.mark.parametrize("index", PAIRS)
def test_no_error_is_smaller_than_the_true_one(index):
    outcomes = list(check.check(SEED, index))
    assert len(outcomes) >= 10
    assert [one for one in outcomes if not one.holds] == []


def test_the_second_route_agrees_with_closed_forms():
    """Two normal laws have both: what the pairs above are compared with is right to 16 digits."""
    for index in range(0, 30, 3):
        pair = check.draw(SEED, index)
        if check.KINDS[index % 10] != "normals":
            continue
        known = exact(pair.p, pair.q, check.ORDER)
        names = tuple(n for n in known if n not in ("energy", "mmd2"))
        found = second_route(pair.p, pair.q, names, check.ORDER)
        for name in names:
            if np.isfinite(float(known[name])) and float(known[name]) < 1e100:
                assert float(found[name]) == pytest.approx(float(known[name]), rel=1e-13, abs=1e-15), name
