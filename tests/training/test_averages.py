"""Averages of the weights, and batch-norm statistics that belong to them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn

from tussle.networks import player
from tussle.networks.dcgan import dcgan_networks
from tussle.networks.norms import BatchNorm, SpectralNorm
from tussle.training.averages import Average, refreshed


def followed(average, vectors, batch):
    state = average.init(vectors[0])
    for vector in vectors[1:]:
        state = average.update(state, vector, batch)
    return state


def test_a_decay_gives_the_weighted_sum_of_the_path():
    vectors = torch.randn(30, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = 0.1 * 0.9 ** np.arange(28, -1, -1)
    expected = 0.9**29 * vectors[0].numpy() + weights @ vectors[1:].numpy()
    found = Average(decay=0.9).value(followed(Average(decay=0.9), vectors, 64), torch.float64)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-14)


@pytest.mark.parametrize("batch", [1, 10, 250])
def test_half_is_left_after_a_half_life_whatever_the_batch(batch):
    average = Average(half_life=1000)
    state = followed(average, [torch.ones(1), *[torch.zeros(1)] * (1000 // batch)], batch)
    assert float(state.vector) == pytest.approx(0.5, abs=1e-13)
    assert state.samples == 1000


def test_the_published_factors():
    assert Average(decay=0.999).kept(10**6, 64) == 0.999
    # R3GAN on CIFAR-10: half-life 0 -> 5 million images over 20 million, batch 512
    published = Average(half_life=5_000_000, burn_in=20_000_000)
    assert published.kept(0, 512) == 0.0
    for samples in (2_000_000, 10_000_000, 20_000_000, 90_000_000):
        share = 1 - (1 + np.cos(np.pi * min(samples / 2e7, 1))) / 2
        assert published.kept(samples, 512) == pytest.approx(0.5 ** (512 / (5e6 * share)), rel=1e-14)


def test_a_ramp_bounds_the_half_life_by_what_was_seen():
    average = Average(half_life=10_000, ramp=0.05)
    assert average.kept(1000, 10) == pytest.approx(0.5 ** (10 / 50))
    assert average.kept(10**9, 10) == pytest.approx(0.5 ** (10 / 10_000))


def test_a_long_average_is_not_lost_to_rounding():
    # 1 -> 1.0005 over a half-life: float32 would not move, since 7e-5 * 5e-4 is below half a unit of its last place
    average, vector = Average(decay=1 - 7e-5), torch.full((1,), 1.0005)
    state, naive = average.init(torch.ones(1)), torch.ones(1)
    for _ in range(2000):
        state = average.update(state, vector, 512)
        naive = torch.lerp(naive, vector, 7e-5)
    expected = 1 + 0.0005 * (1 - (1 - 7e-5) ** 2000)
    assert float(average.value(state)) == pytest.approx(expected, abs=1e-7)
    assert float(naive) == 1.0


def test_states_are_values():
    average, vector = Average(decay=0.5), torch.ones(3)
    first = average.init(vector)
    second = average.update(first, torch.zeros(3), 4)
    vector.fill_(7.0)
    assert first.vector.tolist() == [1.0, 1.0, 1.0]
    assert second.vector.tolist() == [0.5, 0.5, 0.5]
    assert first.samples == 0
    assert not average.update(first, torch.zeros(3, requires_grad=True), 4).vector.requires_grad
    assert average.value(second).dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "`decay` and `half_life`: neither came"),
        ({"decay": 0.9, "half_life": 10}, "`decay` and `half_life`: both came"),
        ({"decay": 1.0}, "`decay` is 1.0; it must be below 1"),
        ({"decay": -0.1}, "`decay` is -0.1; it must be 0 or more"),
        ({"half_life": -1}, "`half_life` is -1; it must be 0 or more"),
        ({"half_life": 10, "ramp": 0.0}, "`ramp` is 0.0; it must be above 0"),
        ({"decay": 0.9, "ramp": 0.05}, "`ramp` came with `decay`"),
        ({"decay": 0.9, "burn_in": 5}, "`burn_in` came with `decay`"),
    ],
)
def test_bad_arguments_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        Average(**options)


# Buffers ----------------------------------------------------------------------------------------------------


def latents(count, size=64, dimension=8, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(size, dimension, generator=draw) for _ in range(count)]


def generator():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return player(dcgan_networks(latent=8, size=8, channels=1, width=4, layers=2)[0])


def test_statistics_are_those_of_the_averaged_weights():
    net = generator()
    vector = net.vector + 0.5 * torch.randn(net.size, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        judged = torch.cat(
            [net.function(vector, z) for z in latents(4, 1024, seed=9)]
        )  # each batch by its own statistics
        fresh = refreshed(net, vector, latents(8, 1024))
        again = torch.cat([fresh.function(fresh.vector, z) for z in latents(4, 1024, seed=9)])
        stale = player(net.to_module(vector).eval())
        copied = torch.cat([stale.function(vector, z) for z in latents(4, 1024, seed=9)])
    assert torch.equal(fresh.vector, vector)
    error, defect = float((again - judged).square().mean().sqrt()), float((copied - judged).square().mean().sqrt())
    assert error < 0.1 * defect  # weights without buffers are the published defect
    assert error < 0.1 * float(judged.std())


def test_first_layers_statistics_are_the_means_over_batches():
    net, batches = player(nn.Sequential(BatchNorm(8), nn.Linear(8, 2))), latents(7)
    fresh = refreshed(net, net.vector, batches).module[0]
    torch.testing.assert_close(fresh.running_mean, torch.stack([z.mean(0) for z in batches]).mean(0))
    torch.testing.assert_close(fresh.running_var, torch.stack([z.var(0) for z in batches]).mean(0))
    assert fresh.momentum == 0.1
    assert net.module[0].running_mean.tolist() == [0.0] * 8  # the player itself is left alone


def test_torchs_own_batch_norm_is_measured_alike():
    ours, theirs = (player(nn.Sequential(norm, nn.Linear(8, 2))) for norm in (BatchNorm(8), nn.BatchNorm1d(8)))
    found = [refreshed(p, theirs.vector, latents(5)).module[0] for p in (ours, theirs)]
    torch.testing.assert_close(found[0].running_mean, found[1].running_mean)
    torch.testing.assert_close(found[0].running_var, found[1].running_var)


def test_a_spectral_norm_evaluates_as_the_player_does():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = player(nn.Sequential(SpectralNorm(nn.Linear(8, 4)), nn.Dropout(0.5)), seed=0)
    vector = net.vector + torch.randn(net.size, generator=torch.Generator().manual_seed(1))
    fresh = refreshed(net, vector, latents(3))
    (z,) = latents(1, seed=5)
    still = player(nn.Sequential(net.module[0]))  # without the dropout
    with torch.no_grad():
        torch.testing.assert_close(fresh.function(vector, z), still.function(vector, z))


def test_random_numbers_of_the_process_stay():
    net = player(nn.Sequential(BatchNorm(8), nn.Dropout(0.5), nn.Linear(8, 2)), seed=0)
    before = torch.random.get_rng_state()
    refreshed(net, net.vector, latents(2))
    assert torch.equal(before, torch.random.get_rng_state())


def test_without_batches_there_are_no_statistics():
    net = generator()
    with pytest.raises(ValueError, match="`batches` is empty"):
        refreshed(net, net.vector, [])
