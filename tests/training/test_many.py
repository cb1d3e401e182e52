"""Many runs at once: each lane is its own run, whatever becomes of the others."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.data.planes import ring
from tussle.endings import Ending
from tussle.game import placed
from tussle.networks.dense import dense_gan, to_torch
from tussle.training.compiled import CompiledSteps
from tussle.training.many import stacked_starts, train_many

OPTIONS = {"width": 5, "depth": 1, "latent": 3}
SEEDS = (5, 3, 8)


@pytest.fixture(autouse=True)
def groups_of_two(monkeypatch):
    """Two lanes a group: three lanes are two groups, and the last is filled up."""
    monkeypatch.setattr(tussle.training.many, "WORK", 2 * 6 * sum(DENSE.game.sizes))


def game(seed=0):
    return dense_gan("mlp", data=ring(), penalties=[tussle.r1(1.0)], options=OPTIONS, seed=seed)


DENSE = game()
STARTS = stacked_starts([game(seed).start for seed in SEEDS])


def method(values=None):
    """Alternating momentum; the rate is the lane's own where it has one."""
    lr = 1e-2 if values is None else values["lr"]
    return tussle.Map(tussle.Field(DENSE.game), tussle.alternating(tussle.momentum(lr, 0.5), first="discriminator"))


def single(map, start, seed, count, size=6):
    steps = CompiledSteps(map, chunk=count)
    point = steps.place(start)
    sampler = DENSE.game.sampler(size).streams(2)
    return steps.advance(point, steps.init(point), [sampler(seed, k) for k in range(count)])


def close(lane, wanted):
    for a, b in zip(lane, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_each_lane_is_its_own_run():
    found = train_many(method(), STARTS, 30, batches=6, seeds=SEEDS, every=12, record={"first": lambda p, b: p[0][:2]})
    for k, seed in enumerate(SEEDS):
        alone = single(method(), [x[k] for x in STARTS], seed, 30)
        close(found.lane(k)[0], alone.point)
        np.testing.assert_allclose(found.speeds[k, -1], [np.linalg.norm(v) for v in alone.velocity], rtol=1e-4)
        batch = DENSE.game.sampler(6).streams(2)(seed, 29).batches[0]
        point = to_torch(alone.point)
        losses = [float(DENSE.network.game.loss(i, point, placed(batch, point[0]))) for i in range(2)]
        np.testing.assert_allclose(found.losses[k, -1], losses, rtol=1e-4)
    assert found.at.tolist() == [12, 24, 30]
    assert found.losses.shape == found.speeds.shape == found.logits.shape == (3, 3, 2)
    np.testing.assert_array_equal(found.extra["first"][:, -1], found.point[0][:, :2])
    assert found.endings == (Ending.RUNNING,) * 3
    assert set(found.to_numpy()) == {"at", "losses", "speeds", "logits", "first"}


def test_runs_go_on_from_their_record_bit_for_bit():
    whole = train_many(method(), STARTS, 30, batches=6, seeds=SEEDS, every=12)
    half = train_many(method(), STARTS, 13, batches=6, seeds=SEEDS, every=12)
    rest = train_many(method(), half.point, 17, batches=6, seeds=SEEDS, every=12, states=half.state, taken=13)
    for a, b in zip(
        (*whole.point, *tussle.autodiff.leaves(whole.state)),
        (*rest.point, *tussle.autodiff.leaves(rest.state)),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    assert rest.steps.tolist() == [30] * 3
    assert rest.at.tolist() == [25, 30]


def test_lanes_with_rates_of_their_own_and_the_same_batches():
    rates = np.array([1e-3, 1e-2, 1e30, 2e-2])
    start = stacked_starts([DENSE.start] * 4)
    seen = []
    found = train_many(method, start, 20, batches=6, seeds=4, values={"lr": rates}, every=10, progress=seen.append)
    for k in (0, 1, 3):
        close(found.lane(k)[0], single(method({"lr": rates[k]}), DENSE.start, 4, 20).point)
    assert [e.value for e in found.endings] == ["running", "running", "nonfinite", "running"]
    assert found.steps[2] < 20
    assert f"no longer finite at step {found.steps[2] + 1}" in found.reasons[2]
    assert all(np.isfinite(x).all() for x in found.point)
    assert np.isnan(found.losses[2]).all()
    assert np.isfinite(found.losses[[0, 1, 3]]).all()
    assert seen[-1] == 1.0


def test_no_step_leaves_the_starts_and_an_empty_log():
    found = train_many(method(), STARTS, 0, batches=6, seeds=SEEDS)
    np.testing.assert_array_equal(found.point[0], STARTS[0])
    assert found.losses.shape == (3, 0, 2)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"starts": DENSE.start}, r"`starts` have shapes \[\(\d+,\), \(\d+,\)\]; each must be \(lanes, d\)"),
        ({"seeds": (1, 2)}, r"lanes differ in number \(.*`seeds` 2\); there must be one entry"),
        ({"values": {"lr": [0.1]}}, r"lanes differ in number \(.*`values` of lr 1\)"),
        ({"every": 0}, "`every` is 0; it must be a whole number"),
        ({"steps": -1}, "`steps` is -1; it must be a whole number"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(options, match):
    chosen = {"starts": STARTS, "steps": 1, "seeds": SEEDS} | options
    with pytest.raises(ValueError, match=match):
        train_many(method(), **chosen)


def test_games_without_data_are_not_trained():
    map = tussle.Map(tussle.Field(tussle.ZeroSum(lambda x, y: (x * y).sum())), tussle.simultaneous(tussle.sgd(0.1)))
    with pytest.raises(ValueError, match=r"`map` is on a ZeroSum; .*; give a GAN"):
        train_many(map, (np.ones((1, 1)),) * 2, 1, seeds=0)


def test_a_group_of_one_lane_is_the_plain_program(monkeypatch):
    monkeypatch.setattr(tussle.training.many, "WORK", 1)
    found = train_many(method(), STARTS, 7, batches=6, seeds=SEEDS, every=7)
    for k, seed in enumerate(SEEDS):
        close(found.lane(k)[0], single(method(), [x[k] for x in STARTS], seed, 7).point)
