"""The training loop: it repeats, resumes, stops in time, and logs what the game says."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.endings import Ending
from tussle.game import placed
from tussle.networks import leading_spectrum, network_gan, small_networks
from tussle.training import train

DATA = np.random.default_rng(0).uniform(-1, 1, (50, 1, 8, 8))


def small_game(dtype=torch.float64, **options):
    networks = [m.to(dtype) for m in small_networks(2, 1, seed=1)]
    return network_gan(*networks, data=DATA, latent=2, **{"penalties": [tussle.r1(1.0)]} | options)


def method(network, lr=1e-2):
    return tussle.Map(tussle.Field(network.game), tussle.alternating(tussle.adam(lr, 0.0, 0.99), first="discriminator"))


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_same_seed_repeats_bit_for_bit_and_another_does_not():
    network = small_game(torch.float32)
    first, again, other = (train(method(network), network.start, 12, batch=4, seed=seed, every=5) for seed in (0, 0, 1))
    assert equal(first.point, again.point)
    assert not equal(first.point, other.point)
    for name in ("at", "losses", "speeds", "logits"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_a_resumed_run_equals_one_that_never_stopped():
    network = small_game(torch.float32)
    whole = train(method(network), network.start, 10, batch=4)
    half = train(method(network), network.start, 4, batch=4)
    rest = train(method(network), half.point, 6, batch=4, state=half.state, taken=half.steps)
    assert equal(whole.point, rest.point)
    assert rest.steps == 10
    np.testing.assert_array_equal(whole.losses[-1], rest.losses[-1])


def test_the_loop_walks_the_path_of_run():
    network = small_game()
    batches = network.game.sampler(4).streams(2)
    path = tussle.run(method(network), network.start, 5, batches=batches, seed=7)
    ours = train(method(network), network.start, 5, batch=4, seed=7)
    assert equal(path.last, ours.point)


def test_a_run_that_overflows_keeps_its_last_finite_state():
    network = small_game(torch.float32, penalties=())
    wild = tussle.Map(tussle.Field(network.game), tussle.simultaneous(tussle.sgd(1e25)))
    ended = train(wild, network.start, 50, batch=4, every=1)
    assert ended.ending is Ending.NONFINITE
    assert "no longer finite at step" in ended.reason
    assert ended.steps < 50
    assert len(ended.at) == ended.steps
    assert all(torch.isfinite(x).all() for x in ended.point)
    again = train(wild, network.start, ended.steps, batch=4)
    assert again.ending is Ending.RUNNING
    assert equal(again.point, ended.point)


def test_the_log_holds_what_the_game_says_at_the_point_it_names():
    network, seen = small_game(), []
    found = train(
        method(network),
        network.start,
        7,
        batch=4,
        every=3,
        record={"size": lambda point, batch: point[0].norm()},
        progress=lambda step, info: seen.append((step, info["losses"])),
    )
    assert found.at.tolist() == [3, 6, 7]
    assert [step for step, _ in seen] == [3, 6, 7]
    batch = placed(network.game.sampler(4).streams(2)(0, 6), network.start[0]).batches[0]
    losses = [float(network.game.loss(i, found.point, batch)) for i in range(2)]
    np.testing.assert_allclose(found.losses[-1], losses, rtol=1e-12)
    assert found.extra["size"][-1] == float(found.point[0].norm())
    real, fake = network.game.scores(found.point, batch)
    np.testing.assert_allclose(found.logits[-1], [float(real.points.mean()), float(fake.points.mean())])
    assert np.all(np.diff(found.seconds) > 0)
    assert set(found.to_numpy()) == {"at", "losses", "speeds", "logits", "seconds", "size"}


def test_training_leaves_the_process_as_it_was():
    def world():
        return torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()

    before, random = world(), torch.random.get_rng_state()
    network = small_game(torch.float32)
    train(method(network), network.start, 2, batch=4)
    leading_spectrum(tussle.Field(network.game), network.start, network.game.sampler(4)(0, 0), 2, tolerance=1e-8)
    assert world() == before
    assert torch.equal(random, torch.random.get_rng_state())


def test_games_without_data_are_not_trained():
    game = tussle.ZeroSum(lambda x, y: (x * y).sum())
    with pytest.raises(ValueError, match=r"`map` is on a ZeroSum; .*; give a GAN"):
        train(tussle.Map(tussle.Field(game), tussle.simultaneous(tussle.sgd(0.1))), (torch.ones(1),) * 2, 1)


@pytest.mark.parametrize(
    ("start", "options", "match"),
    [
        (([1.0], [2.0]), {}, r"`start` holds list, list; .*; give network.start"),
        ((torch.ones(3), torch.ones(3)), {}, r"`vector` has shape \(3,\); the module has 125 .*; give"),
        (None, {"batch": 2.5}, r"`size` is 2.5; it must be a whole number"),
        (None, {"every": 0}, r"`every` is 0; it must be a whole number"),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(start, options, match):
    network = small_game(torch.float32)
    with pytest.raises(ValueError, match=match):
        train(method(network), start or network.start, 1, **{"batch": 4} | options)
