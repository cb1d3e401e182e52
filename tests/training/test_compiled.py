"""Compiled steps: the numbers of the loop under PyTorch, and the same ones wherever a run was cut."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.data.planes import ring
from tussle.game import Pair, Stream, placed
from tussle.networks.dense import dense_gan, from_torch, to_torch
from tussle.training.compiled import CompiledSteps, held, kind_of

OPTIONS = {"width": 5, "depth": 1, "latent": 3}
R1 = (tussle.r1(1.0),)


def small_game(loss="nonsaturating", penalties=R1, **options):
    return dense_gan("mlp", data=ring(), loss=loss, penalties=penalties, options=OPTIONS, seed=1, **options)


def first_batches(map, count, size=6, double=False):
    sampler = map.field.game.sampler(size).streams(map.rule.readings)
    sampler = sampler.pairs() if double else sampler
    return [sampler(0, k) for k in range(count)]


def advanced(steps, point, state, batches, cuts=(), values=None):
    """The end of a run in pieces that end at the cuts."""
    for begin, end in zip((0, *cuts), (*cuts, len(batches)), strict=True):
        part = None if values is None else {name: v[begin:end] for name, v in values.items()}
        found = steps.advance(point, state, batches[begin:end], part)
        point, state = found.point, found.state
    return found


def same_bits(first, second):
    trees = tussle.autodiff.leaves(((first.point, first.state), (second.point, second.state)))
    half = len(trees) // 2
    return all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(trees[:half], trees[half:], strict=True))


METHODS = {
    "alternating adam": lambda f: tussle.Map(f, tussle.alternating(tussle.adam(1e-2, 0.0, 0.99), (1, 2))),
    "optimistic rmsprop": lambda f: tussle.Map(f, tussle.optimistic(tussle.rmsprop(1e-3))),
    "consensus with momentum": lambda f: tussle.Map(
        tussle.consensus(0.1, unbiased=True)(f), tussle.simultaneous(tussle.momentum(1e-2))
    ),
}


@pytest.mark.parametrize("name", METHODS)
def test_a_run_cut_anywhere_equals_one_that_never_stopped_bit_for_bit(name):
    dense = small_game()
    map = METHODS[name](tussle.Field(dense.game))
    steps = CompiledSteps(map, chunk=40)
    point = steps.place(dense.start)
    batches = first_batches(map, 40, double="consensus" in name)
    whole = advanced(steps, point, steps.init(point), batches)
    rng = np.random.default_rng(0)
    for _ in range(8):
        cuts = np.unique(rng.integers(1, 40, size=rng.integers(1, 6)))
        assert same_bits(whole, advanced(steps, point, steps.init(point), batches, cuts))
    # A checkpoint holds NumPy arrays: they go on just as well.
    half = advanced(steps, point, steps.init(point), batches[:17])
    kept = tussle.autodiff.tree_map(lambda x: np.array(x), (half.point, half.state))
    assert same_bits(whole, advanced(steps, steps.place(kept[0]), kept[1], batches[17:]))


def _plain():
    return tussle.simultaneous(tussle.rmsprop(1e-3, flavor="tensorflow1"))


def _turns():
    return tussle.alternating(tussle.momentum(1e-2, -0.3), first="discriminator")


ADJUSTMENTS = {"none": None, "jare": tussle.jare(0.1), "nagarajan_kolter": tussle.nagarajan_kolter(0.1)}
PARTS = [
    ("hinge", (tussle.wgan_gp(1.0),), "none", lambda: tussle.extragradient(tussle.sgd((1e-2, 2e-2))), {}),
    ("rp-logistic", (tussle.r1(0.5), tussle.r2(0.5)), "none", lambda: tussle.lookahead(_plain(), 2), {}),
    ("wasserstein", (tussle.dragan(1.0),), "jare", lambda: tussle.averaging(_plain()), {}),
    ("minimax", (), "nagarajan_kolter", _turns, {"noise": 0.3, "clip": 0.5}),
]  # fmt: skip


@pytest.mark.parametrize("parts", PARTS, ids=[p[0] for p in PARTS])
def test_the_path_is_that_of_the_modules_under_pytorch(parts):
    loss, penalties, adjustment, rule, options = parts
    dense = small_game(loss, penalties, **options)
    bend = ADJUSTMENTS[adjustment] or (lambda field: field)
    ours, theirs = (tussle.Map(bend(tussle.Field(g)), rule()) for g in (dense.game, dense.network.game))
    batches = first_batches(ours, 5)
    steps = CompiledSteps(ours, chunk=5)
    start = tuple(x.astype(np.float64) for x in dense.start)
    point = steps.place(start)
    found = steps.advance(point, steps.init(point), batches)
    other = to_torch(start)
    state = theirs.init(other)
    for batch in batches:
        other, state, info = theirs.step(other, state, placed(batch, other[0]))
    for a, b in zip((*found.point, *found.velocity), from_torch((*other, *info.velocity)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
    assert found.ok


def scheduled(game):
    def method(values):
        penalized = tussle.GAN(
            game.generator, game.critic, game.data, game.latent, game.loss_function, (tussle.r1(values["gamma"]),)
        )
        return tussle.Map(tussle.Field(penalized), tussle.simultaneous(tussle.sgd(values["lr"])))

    return method


def test_rates_and_weights_change_from_step_to_step():
    dense = small_game(penalties=())
    method = scheduled(dense.game)
    values = {"lr": np.linspace(1e-2, 5e-2, 12), "gamma": np.linspace(2.0, 0.1, 12)}
    rows = [{name: v[k] for name, v in values.items()} for k in range(12)]
    batches = first_batches(method(rows[0]), 12)
    steps = CompiledSteps(method, chunk=12)
    point = steps.place(tuple(x.astype(np.float64) for x in dense.start))
    state = steps.init(point, rows[0])
    found = advanced(steps, point, state, batches, values=values)
    assert same_bits(found, advanced(steps, point, state, batches, (5, 6), values))
    assert same_bits(found, steps.advance(point, state, batches, rows))
    other = to_torch(point)
    for batch, now in zip(batches, rows, strict=True):
        other, _, _ = method({k: float(v) for k, v in now.items()}).step(other, ((), ()), placed(batch, other[0]))
    for a, b in zip(found.point, from_torch(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_a_step_that_is_not_finite_is_not_taken_and_the_point_before_it_is_kept():
    dense = small_game(penalties=())
    steps = CompiledSteps(scheduled(dense.game), chunk=12)
    batches = first_batches(scheduled(dense.game)({"lr": 0.1, "gamma": 0.1}), 12)
    values = {"lr": np.where(np.arange(12) < 7, 1e-2, 1e38), "gamma": np.ones(12)}
    point = steps.place(dense.start)
    found = steps.advance(point, steps.init(point, {"lr": 1, "gamma": 1}), batches, values)
    assert not found.ok
    assert 7 <= found.taken < 12
    assert all(np.isfinite(x).all() for x in (*found.point, *found.velocity))
    again = steps.advance(point, ((), ()), batches[: found.taken], {k: v[: found.taken] for k, v in values.items()})
    assert again.ok
    assert same_bits(found, again)
    on = steps.advance(
        found.point, found.state, batches[found.taken :], {k: v[found.taken :] for k, v in values.items()}
    )
    assert (on.taken, on.bad) == (0, found.bad)
    bad = steps.place(tuple(x * np.nan for x in dense.start))
    assert steps.advance(bad, ((), ()), batches[:1], {"lr": [0.1], "gamma": [1.0]}).bad == "velocities"


def test_games_with_an_exact_expectation_need_no_batch():
    model = tussle.models.dirac(penalties=[tussle.r1(0.3)])
    map = tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.sgd(0.2)))
    steps = CompiledSteps(map, chunk=9)
    point = steps.place((np.ones(1), np.ones(1)))
    found = steps.advance(point, steps.init(point), [None] * 9)
    np.testing.assert_allclose(np.concatenate(found.point), tussle.run(map, (1.0, 1.0), 9).end, rtol=1e-14)


def test_no_step_changes_nothing():
    steps = CompiledSteps(METHODS["optimistic rmsprop"](tussle.Field(small_game().game)))
    point = steps.place(small_game().start)
    found = steps.advance(point, steps.init(point), [])
    assert (found.taken, found.bad) == (0, "")
    assert all(a is b for a, b in zip(found.point, point, strict=True))


def test_batches_are_held_as_they_are_drawn():
    streams = [Stream((Pair(np.full((2, 1), k), None),)) for k in range(3)]
    buffer = held(streams, 5, np.dtype(np.float32)).batches[0].first
    assert buffer.shape == (5, 2, 1)
    assert buffer[:3, 0, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda s, p, b: CompiledSteps(3.0), "`map` is 3.0; it must be a Map or a function"),
        (lambda s, p, b: CompiledSteps(lambda v: v, chunk=0), "`chunk` is 0; it must be a whole number"),
        (lambda s, p, b: s.advance(p, (), b * 9), r"`len\(batches\)` is 9; it must be a whole number of at most 4"),
        (lambda s, p, b: s.advance(p, (), b, [{}, {}]), "`values` are 2 for 1 batches; there must be one mapping"),
        (lambda s, p, b: s.advance(p, (), b, {"lr": [1, 2]}), r"`values` of lr have shape \(2,\); they must be 1"),
        (lambda s, p, b: held([np.zeros(2), np.zeros(3)], 2, np.dtype(float)), r"`batches` hold arrays of shapes"),
        (lambda s, p, b: kind_of((np.zeros(2), np.zeros(2, np.float32))), "`point` has arrays of float32, float64"),
        (lambda s, p, b: kind_of((np.zeros(2, np.float16),)), "`point` has arrays of float16; all must be float32"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_a_sentence(call, match):
    dense = small_game()
    steps = CompiledSteps(METHODS["alternating adam"](tussle.Field(dense.game)), chunk=4)
    with pytest.raises(ValueError, match=match):
        call(steps, steps.place(dense.start), [None])
