"""Compiled fields are the fields."""

import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.game import placed
from tussle.gan import GAN
from tussle.networks import network_gan, player
from tussle.networks.mlp import mlp_networks
from tussle.networks.norms import SpectralNorm
from tussle.training.compiling import Compiled, traced
from tussle.training.parallel import SharedLoss
from tussle.training.precision import with_precision

BOTH = (tussle.r1(1.0), tussle.r2(1.0))


def network_of(loss="rp-logistic", penalties=BOTH, dtype=torch.float64, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        networks = [m.to(dtype) for m in mlp_networks(3, 2, width=6, depth=2, activation="tanh", **options)]
    return network_gan(
        *networks, data=np.random.default_rng(0).normal(size=(40, 2)), latent=3, loss=loss, penalties=penalties
    )


def batch_of(network, seed=0, size=5):
    return placed(network.game.sampler(size)(seed, 0), network.start[0])


def same(first, second, tolerance=1e-13):
    return all(bool((a - b).norm() < tolerance * a.norm()) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("loss", ["nonsaturating", "rp-logistic,pairing=all"])
def test_the_graph_is_the_field_at_other_points_and_batches(loss):
    network = network_of(loss)
    field = tussle.Field(network.game)
    compiled = Compiled(field, "eager")
    compiled(network.start, batch_of(network))
    point = tuple(1.3 * x + 0.1 for x in network.start)
    for seed in range(2):
        assert same(field(point, batch_of(network, seed)), compiled(point, batch_of(network, seed)))
    assert len(compiled.made) == 2  # one for each player


@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # PyTorch's own, when its compiler is loaded
@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++", "c++"))), reason="no C++ compiler")
def test_a_penalty_passes_the_compiler_and_gives_the_same_numbers():
    networks = torch.nn.Linear(2, 2), torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
    network = network_gan(*networks, data=np.eye(2, dtype=np.float32), latent=2, penalties=[tussle.r1(1.0)])
    field, batch = tussle.Field(network.game), batch_of(network)
    found = Compiled(field).player(1, network.start, batch)
    assert same([field.player(1, network.start, batch)], [found], 1e-6)


def test_an_adjusted_field_is_compiled_whole():
    network = network_of("nonsaturating", ())
    field, batch = tussle.consensus(0.5)(tussle.Field(network.game)), batch_of(network)
    assert same(field(network.start, batch), Compiled(field, "eager")(network.start, batch))


def test_derivatives_of_a_compiled_field_are_those_of_the_field():
    network = network_of("nonsaturating", ())
    field, batch = tussle.Field(network.game), batch_of(network)
    bent = tussle.consensus(0.5)
    assert same(bent(field)(network.start, batch), bent(Compiled(field, "eager"))(network.start, batch))


def test_a_batch_of_another_shape_is_compiled_anew():
    network = network_of()
    field = tussle.Field(network.game)
    compiled = Compiled(field, "eager")
    for size in (2, 3):
        assert same(
            field(network.start, batch_of(network, 0, size)), compiled(network.start, batch_of(network, 0, size))
        )
    assert len(compiled.made) == 4


def test_autocast_is_in_the_graph():
    network = network_of(dtype=torch.float32)
    field, batch = tussle.Field(with_precision(network.game, "bfloat16")), batch_of(network)
    assert same(field(network.start, batch), Compiled(field, "eager")(network.start, batch), 1e-6)
    assert "bfloat16" in traced(field, 1, network.start, batch).code


# Refusals ---------------------------------------------------------------------------------------------------


def test_random_numbers_are_refused():
    critic = player(torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1)), seed=0)
    network = network_gan(torch.nn.Linear(3, 2), critic, data=np.eye(2, dtype=np.float32), latent=3)
    with pytest.raises(ValueError, match="`field` draws random numbers"):
        Compiled(tussle.Field(network.game), "eager").player(0, network.start, batch_of(network))


def test_a_spectral_norm_in_training_mode_starts_over_at_every_call():
    critic = torch.nn.Sequential(torch.nn.Linear(2, 4), SpectralNorm(torch.nn.Linear(4, 3)), torch.nn.Linear(3, 1))
    network = network_gan(torch.nn.Linear(3, 2), critic, data=np.eye(2, dtype=np.float32), latent=3)
    field, batch = tussle.Field(network.game), batch_of(network)
    compiled, point = Compiled(field, "eager"), tuple(x + 0.2 for x in network.start)
    for _ in range(3):
        assert same(field(point, batch), compiled(point, batch), 1e-6)


def test_a_network_that_writes_into_its_constants_is_refused():
    class Counting(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.line, self.calls = torch.nn.Linear(2, 1), torch.zeros(1)

        def forward(self, x):
            self.calls.add_(x.detach().mean())
            return self.line(x) + self.calls

    network = network_gan(torch.nn.Linear(3, 2), Counting(), data=np.eye(2, dtype=np.float32), latent=3)
    with pytest.raises(ValueError, match="`field` has a network that writes into its constants"):
        Compiled(tussle.Field(network.game), "eager").player(1, network.start, batch_of(network))


def test_what_cannot_be_compiled_is_named():
    game = network_of().game
    with pytest.raises(ValueError, match="`backend` is 'fast'; it may be one of aot_eager, eager, inductor"):
        Compiled(tussle.Field(game), "fast")
    with pytest.raises(ValueError, match=r"`field` is .*; a field must be given to be compiled"):
        Compiled(game)
    shared = GAN(game.generator, game.critic, game.data, game.latent, SharedLoss(game.loss_function))
    with pytest.raises(ValueError, match="`field` is that of a parallel game"):
        Compiled(tussle.Field(shared))
