"""The public face: every name exists, is typed, and costs nothing until it is used."""

import ast
import json
from pathlib import Path

import pytest

import tussle


def test_every_public_name_can_be_imported():
    for name in tussle.__all__:
        assert getattr(tussle, name) is not None, name
    assert set(dir(tussle)) == set(tussle.__all__)


def test_the_typed_names_are_the_lazy_names():
    tree = ast.parse(Path(tussle.__file__).read_text())
    block = next(n for n in tree.body if isinstance(n, ast.If))
    typed = {alias.asname: node.module for node in block.body for alias in node.names}
    lazy = {name: f"tussle.{module}" for name, module in tussle._home.items()}
    assert typed == {**lazy, **dict.fromkeys(tussle._rooms, "tussle")}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tussle.nothing  # noqa: B018


def test_an_analysis_is_json_and_reads_the_game_of_a_plain_function():
    found = tussle.analyze(
        lambda x, y: ((x * y).sum(), -(x * y).sum() + 0.1 * (y * y).sum()), tussle.extragradient(tussle.sgd(0.5)),
        start=(1.0, 1.0),
    )  # fmt: skip
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    # J = [[0, -1], [1, -0.2]]: abscissa -0.1.
    assert document["flow"]["abscissa"] == pytest.approx(-0.1, abs=1e-10)
    assert document["path"]["ending"] == "converged"


def test_an_analysis_wants_a_start_and_a_game():
    rule = tussle.simultaneous(tussle.sgd(0.1))
    with pytest.raises(ValueError, match="`start` is missing"):
        tussle.analyze(lambda x, y: (x, y), rule)
    with pytest.raises(ValueError, match="`game` is int"):
        tussle.analyze(3, rule, start=(1.0, 1.0))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="every entry must be finite"):
        tussle.analyze(tussle.models.dirac(), rule, start=(1.0, float("inf")))
    with pytest.raises(ValueError, match="3 number"):
        tussle.analyze(tussle.models.dirac(), rule, start=(1.0, 1.0, 1.0))


def test_infinities_are_words_in_json():
    from tussle.analysis import plain

    assert plain({"a": [float("inf"), float("-inf"), float("nan"), 1.5]}) == {"a": ["inf", "-inf", "nan", 1.5]}
