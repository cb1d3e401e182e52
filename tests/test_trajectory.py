"""Trajectories: what is kept, how a run may be cut, many starts, batches across chunks, and records."""

import numpy as np
import pytest
import torch

import tussle
from battery import tensors
from tussle import models, trajectory

FIELD = tussle.Field(models.dirac(penalties=[tussle.r1(0.3)]).game)
MAP = tussle.Map(FIELD, tussle.alternating(tussle.sgd(0.1)))
START = (1.0, 1.0)
FULL = tussle.run(MAP, START, 23)


def test_a_run_keeps_every_point_unless_told_otherwise():
    assert FULL.path.shape == (24, 2)
    assert FULL.at.tolist() == list(range(24))
    assert FULL.start.tolist() == [1.0, 1.0]
    assert np.array_equal(FULL.end, FULL.path[-1])
    assert FULL.steps == 23
    assert FULL.sizes == (1, 1)
    assert FULL.path.dtype == np.float64


@pytest.mark.parametrize("engine", ["jax", "torch"])
@pytest.mark.parametrize(
    ("keep", "at"),
    [
        (tussle.Keep.every(5), [0, 5, 10, 15, 20, 23]),
        (tussle.Keep.every(23), [0, 23]),
        (tussle.Keep.every(40), [0, 23]),
        (tussle.Keep.ends(), [0, 23]),
        (tussle.Keep.all(), list(range(24))),
    ],
    ids=["every 5", "every 23", "every 40", "ends", "all"],
)
def test_what_is_kept_does_not_change_the_run(keep, at, engine):
    found = tussle.run(MAP, START if engine == "jax" else tensors(START), 23, keep=keep)
    assert found.at.tolist() == at
    assert found.path == pytest.approx(FULL.path[at], rel=1e-14)


def test_a_run_of_no_steps_is_its_start():
    found = tussle.run(MAP, START, 0)
    assert found.path.tolist() == [[1.0, 1.0]]
    assert found.steps == 0


def test_a_run_goes_on_from_its_state():
    map = tussle.Map(FIELD, tussle.optimistic(tussle.adam(0.01, 0.5, 0.9)))
    whole = tussle.run(map, START, 10, keep=tussle.Keep.ends())
    first = tussle.run(map, START, 4, keep=tussle.Keep.ends())
    second = tussle.run(map, first.last, 6, keep=tussle.Keep.ends(), state=first.state)
    assert np.array_equal(whole.end, second.end)
    fresh = tussle.run(map, first.last, 6, keep=tussle.Keep.ends())
    assert not np.array_equal(whole.end, fresh.end)


def test_players_have_their_parts_of_the_path():
    model = models.gaussian()
    map = tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.sgd(0.1)))
    found = tussle.run(map, model.start, 3)
    assert found.sizes == (2, 2)
    assert np.array_equal(found.player(0), found.path[:, :2])
    assert np.array_equal(found.player(1), found.path[:, 2:])
    assert set(found.to_numpy()) == {"path", "at"}


def test_many_starts_have_a_path_each():
    starts = np.random.default_rng(0).normal(size=(5, 2))
    found = tussle.run(MAP, (starts[:, :1], starts[:, 1:]), 7, keep=tussle.Keep.every(3))
    assert found.path.shape == (5, 4, 2)
    assert found.at.tolist() == [0, 3, 6, 7]
    assert found.end.shape == found.start.shape == (5, 2)
    assert found.start == pytest.approx(starts)


@pytest.mark.parametrize("count", [2048, 3001])
def test_lanes_of_threads_do_not_change_a_large_run(count):
    starts = np.random.default_rng(0).normal(size=(count, 2))
    large = tussle.run(MAP, (starts[:, :1], starts[:, 1:]), 5, keep=tussle.Keep.ends())
    small = tussle.run(MAP, (starts[:100, :1], starts[:100, 1:]), 5, keep=tussle.Keep.ends())
    assert large.end.shape == (count, 2)
    assert large.end[:100] == pytest.approx(small.end, rel=1e-14)
    assert large.start == pytest.approx(starts)
    assert large.last[0].shape == (count, 1)


def test_many_starts_under_pytorch_are_refused():
    # Only JAX vectorizes; a silent broadcast would run another game.
    with pytest.raises(ValueError, match="`start`"):
        tussle.run(MAP, (torch.ones(3, 1), torch.ones(3, 1)), 2)


@pytest.mark.parametrize("stride", [1, 7])
def test_batches_are_drawn_in_chunks_without_a_seam(stride, monkeypatch):
    model = models.isotropic()
    map = tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.sgd(0.05)))
    run = lambda: tussle.run(map, model.start, 40, batches=model.game.sampler(4), keep=tussle.Keep.every(stride))
    whole = run()
    monkeypatch.setattr(trajectory, "CHUNK", 16)
    pieces = run()
    assert np.array_equal(whole.at, pieces.at)
    assert pieces.path == pytest.approx(whole.path, rel=1e-14)


def test_batches_are_asked_for_by_seed_and_step():
    asked = []

    def batches(seed, step):
        asked.append((seed, step))
        return np.array([float(step)])

    game = tussle.Game(lambda x, y, batch: (-(batch * x).sum(), -y.sum()), takes_batch=True)
    map = tussle.Map(tussle.Field(game), tussle.simultaneous(tussle.sgd(1.0)))
    for start in ((0.0, 0.0), tensors((0.0, 0.0))):
        asked.clear()
        found = tussle.run(map, start, 5, batches=batches, seed=9)
        assert set(asked) == {(9, k) for k in range(5)}
        assert found.path[:, 0].tolist() == [0.0, 0.0, 1.0, 3.0, 6.0, 10.0]


def test_a_run_that_overflows_goes_on_without_an_error():
    map = tussle.Map(tussle.Field(tussle.ZeroSum(lambda x, y: (x * y).sum())), tussle.simultaneous(tussle.sgd(10.0)))
    for start in (START, tensors(START)):
        assert not np.any(np.isfinite(tussle.run(map, start, 400).end))


def test_torch_runs_keep_the_type_of_their_start():
    found = tussle.run(MAP, (torch.ones(1), torch.ones(1)), 3)
    assert found.path.dtype == np.float32
    assert found.last[0].dtype == torch.float32
    assert found.path == pytest.approx(FULL.path[:4], rel=1e-6)


def test_the_callers_precision_is_left_alone():
    import jax

    before = jax.config.jax_enable_x64
    tussle.run(MAP, START, 1)
    assert jax.config.jax_enable_x64 == before


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tussle.run(MAP, START, -1), "`steps` is -1; it must be a whole number of at least 0"),
        (lambda: tussle.run(MAP, START, 2.5), "`steps` is 2.5; it must be a whole number"),
        (lambda: tussle.Keep.every(0), "`stride` is 0; it must be a whole number of at least 1"),
    ],
)
def test_a_wrong_run_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("keep", [tussle.Keep.ends(), tussle.Keep.every(7)], ids=["ends", "every 7"])
def test_a_long_run_is_made_of_short_loops_without_a_seam(keep, monkeypatch):
    whole = tussle.run(MAP, START, 1000, keep=keep)
    monkeypatch.setattr(trajectory, "FIRST", 64)
    shares = []
    pieces = tussle.run(MAP, START, 1000, keep=keep, progress=shares.append)
    assert np.array_equal(whole.at, pieces.at)
    assert np.array_equal(whole.path, pieces.path)
    assert len(shares) > 2
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("count", [None, 2048], ids=["one start", "threads"])
def test_a_long_run_can_be_interrupted(count):
    start = START if count is None else (np.ones((count, 1)), np.ones((count, 1)))

    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # a thousand million steps would take minutes
        tussle.run(MAP, start, 10**9, keep=tussle.Keep.ends(), progress=stop)


def test_the_loops_of_a_run_grow_while_they_are_short_and_shrink_when_they_are_long():
    assert trajectory._next(64, 64, 0.01) == 512
    assert trajectory._next(64, 64, 0.4) == 64
    assert trajectory._next(64, 64, 5.0) == 8
    assert trajectory._next(64, 7, 0.001) == 64


def test_more_steps_than_a_run_can_take_are_refused():
    with pytest.raises(ValueError, match="`steps` is 99999999999999999999; it must be a whole number of at most 10000"):
        tussle.run(MAP, START, 99999999999999999999)
    with pytest.raises(ValueError, match="`seed` is 99999999999999999999; it must be a whole number of at most"):
        tussle.run(MAP, START, 1, seed=99999999999999999999)
