"""All metrics by one call: records, order, seeds, and what it says of input it cannot take."""

import json

import numpy as np
import pytest
import torch

from tussle import metrics
from tussle.data.planes import centers_of, plane, ring
from tussle.measures import Samples
from tussle.metrics import evaluate, metric_names

PLAIN = tuple(name for name in metric_names() if name not in ("fid", "classifier_score"))


@pytest.fixture(scope="module")
def sides():
    law, rng = ring(), np.random.default_rng(0)
    return law, law.sample(rng, 80), law.sample(rng, 60)


def test_every_metric_comes_in_the_order_asked_for_with_its_floor(sides):
    law, x, y = sides
    names = PLAIN[::-1]
    found = evaluate(names, x, y, held_out=law, modes=(centers_of(law), 0.01), repeats=2)
    assert tuple(found) == names
    for name, metric in found.items():
        assert metric.name == name
        assert metric.samples == (80, 60)
        assert metric.floor is not None
        told = json.loads(json.dumps(metric.to_json()))
        assert told["name"] == name
        assert {"value", "floor", "floor_deviation", "samples", "features"} <= set(told)
        assert told["note"]
        assert str(metric).startswith(f"{name} ")


def test_the_same_seed_gives_the_same_numbers(sides):
    _, x, y = sides
    names = ("w1", "sliced", "kid", "coverage")
    first, again, other = (evaluate(names, x, y, seed=s) for s in (3, 3, 4))
    assert [m.to_json() for m in first.values()] == [m.to_json() for m in again.values()]
    assert first["w1"].value == other["w1"].value
    assert first["w1"].floor != other["w1"].floor


def test_a_perfect_generator_is_at_the_floor_and_a_bad_one_is_not(sides):
    law, x, _ = sides
    perfect = law.sample(np.random.default_rng(1), 80)
    good = evaluate(("w1", "frechet", "recall"), x, perfect, held_out=law, repeats=20)
    bad = evaluate(("w1", "frechet", "recall"), x, perfect[:20].repeat(4, axis=0), held_out=law, repeats=20)
    for name, sign in (("w1", 1), ("frechet", 1), ("recall", -1)):
        assert abs(good[name].excess) < 4 * good[name].floor_deviation
        assert sign * (bad[name].value - good[name].value) > 0
    assert bad["recall"].excess < -4 * bad["recall"].floor_deviation


def test_tensors_integers_and_measures_are_samples_too(sides):
    _, x, y = sides
    plain = evaluate("w1", x, y, repeats=0)["w1"].value
    tensors = evaluate("w1", torch.tensor(x, requires_grad=True), Samples(y), repeats=0)["w1"].value
    assert tensors == plain
    whole = evaluate("w1", np.array([0, 1, 2]), np.array([1, 2, 3]), repeats=0)["w1"]
    assert whole.value == 1
    kept = evaluate("w1", x, y, held_out=Samples(y))["w1"]
    assert kept.floor_samples == (80, 60)


def test_without_repeats_there_is_no_floor(sides):
    _, x, y = sides
    found = evaluate("w1", x, y, repeats=0)["w1"]
    assert found.floor is found.floor_deviation is found.floor_samples is found.excess is None
    assert evaluate("w1", x, y, held_out=plane("ring"), repeats=1)["w1"].floor_deviation is None


def test_wrong_input_is_named(sides):
    _, x, y = sides
    with pytest.raises(ValueError, match=r"`metrics` is 'frechett'.*did you mean `frechet`"):
        evaluate("frechett", x, y)
    with pytest.raises(ValueError, match=r"`fake` has 1 sample.s.; this metric needs 2 or more"):
        evaluate("w1", x, y[:1])
    broken = y.copy()
    broken[[7, 9], 1] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"`fake` has 2 sample.s. that are not finite, the first at index 7"):
        evaluate("w1", x, broken)
    with pytest.raises(ValueError, match=r"`fake` has samples of shape \(3,\), and `real` of \(2,\)"):
        evaluate("w1", x, np.zeros((9, 3)))
    with pytest.raises(ValueError, match=r"`held_out` has samples of shape \(1,\), and `real` of \(2,\)"):
        evaluate("w1", x, y, held_out=np.zeros(9))
    with pytest.raises(ValueError, match="`real` is str of <U5; it must be samples"):
        evaluate("w1", "hello", y)
    with pytest.raises(ValueError, match="`features` is not given; the metric `fid` is"):
        evaluate("fid", x, y)
    with pytest.raises(ValueError, match="`features` is not given, and classifier_score needs"):
        evaluate("classifier_score", x, y)
    with pytest.raises(ValueError, match="`repeats` is -1"):
        evaluate("w1", x, y, repeats=-1)
    with pytest.raises(ValueError, match=r"transport problem of 5,?001 x 5,?001 points"):
        evaluate("w1", np.zeros((5001, 2)), np.zeros((5001, 2)), repeats=0)
    with pytest.raises(AttributeError, match="no attribute 'fid'"):
        metrics.__getattr__("fid")
