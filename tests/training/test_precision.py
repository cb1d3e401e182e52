"""Autocast and layouts change the arithmetic of the networks and nothing else."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.autodiff import gradient
from tussle.game import placed
from tussle.networks import network_gan
from tussle.networks.dcgan import dcgan_networks
from tussle.training.accumulate import Accumulated
from tussle.training.mixing import check_apart
from tussle.training.parallel import SharedLoss
from tussle.training.precision import channels_last, with_precision

BOTH = (tussle.r1(1.0), tussle.r2(1.0))


def network_of(loss="rp-logistic", penalties=BOTH, dtype=torch.float32):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = dcgan_networks(latent=8, size=16, channels=2, width=16, layers=2, norm="none", initial="glorot")
    data = np.random.default_rng(0).uniform(-1, 1, (40, 2, 16, 16))
    return network_gan(*(m.to(dtype) for m in made), data=data, latent=8, loss=loss, penalties=penalties)


def read(network, game=None):
    batch = placed(network.game.sampler(8)(1, 0), network.start[0])
    return tussle.Field(game or network.game)(network.start, batch)


def distances(first, second):
    return [float((a - b).norm() / a.norm()) for a, b in zip(first, second, strict=True)]


def test_bfloat16_is_used_inside_and_the_type_of_the_point_outside():
    network, seen = network_of(), []
    hook = network.discriminator.module.register_forward_hook(lambda m, x, y: seen.append(y.dtype))
    game = with_precision(network.game, "bfloat16")
    batch = placed(network.game.sampler(8)(1, 0), network.start[0])
    seen.clear()
    real, fake = game.scores(network.start, batch)
    hook.remove()
    assert set(seen) == {torch.bfloat16}
    assert real.points.dtype == fake.points.dtype == torch.float32
    assert game.fakes(network.start[0], batch).points.dtype == torch.float32
    assert game.loss(1, network.start, batch).dtype == torch.float32


def test_the_gradient_of_a_penalty_passes_twice_through_the_rounded_weights():
    # R1 of a linear critic is |w|^2 gamma/2 with gradient gamma w; in bfloat16 w is rounded, once, to 8 bits
    generator, critic = torch.nn.Linear(3, 4), torch.nn.Linear(4, 1)
    network = network_gan(generator, critic, data=np.eye(4, dtype=np.float32), latent=3, penalties=[tussle.r1(4.0)])
    game, psi = with_precision(network.game, "bfloat16"), network.start[1]
    batch = placed(network.game.sampler(8)(1, 0), psi)
    found = gradient(lambda x: game.penalty((network.start[0], x), batch), psi)
    rounded = psi[:4].bfloat16().float()
    assert torch.equal(found, torch.cat([4.0 * rounded, torch.zeros(1)]))
    assert not torch.equal(rounded, psi[:4])


def test_gradients_of_networks_keep_their_direction_in_bfloat16():
    network = network_of()
    plain, half = read(network), read(network, with_precision(network.game, "bfloat16"))
    assert all(torch.cosine_similarity(a, b, dim=0) > 0.99 for a, b in zip(plain, half, strict=True))
    assert all(d > 2**-9 for d in distances(plain, half))


def test_second_derivatives_of_an_adjustment_pass_through_autocast():
    network = network_of("nonsaturating", ())
    batch = placed(network.game.sampler(8)(1, 0), network.start[0])
    games = network.game, with_precision(network.game, "bfloat16")
    plain, half = (tussle.consensus(1.0)(tussle.Field(game))(network.start, batch) for game in games)
    assert all(d < 0.05 for d in distances(plain, half))
    pushes = [
        [a - v for a, v in zip(bent, read(network, g), strict=True)] for bent, g in ((plain, None), (half, games[1]))
    ]
    assert all(d < 0.15 for d in distances(*pushes))


def test_differences_of_large_logits_are_taken_in_full():
    real = torch.tensor([1000.5, 1001.25], dtype=torch.float32)
    loss = tussle.loss("rp-logistic")
    game = with_precision(network_of().game, "bfloat16")
    assert game.loss_function.name == loss.name
    exact = float(loss.critic(real.double(), torch.full((2,), 1000.0).double()))
    assert float(game.loss_function.critic(real, torch.full((2,), 1000.0))) == pytest.approx(exact, rel=1e-6)


def test_float64_is_left_alone():
    network = network_of(dtype=torch.float64)
    assert distances(read(network), read(network, with_precision(network.game, "bfloat16"))) == [0.0, 0.0]


def test_float32_is_the_game_itself():
    game = network_of().game
    assert with_precision(game, "float32") is game


def test_float16_is_refused_under_penalties_unless_forced():
    game = network_of().game
    with pytest.raises(ValueError, match=r"`precision` is 'float16' with r1, r2; .* give 'bfloat16', or force=True"):
        with_precision(game, "float16")
    for allowed in (
        with_precision(game, "float16", force=True),
        with_precision(network_of(penalties=()).game, "float16"),
    ):
        assert allowed.critic.dtype is torch.float16


def test_an_unknown_precision_is_named():
    with pytest.raises(ValueError, match="`precision` is 'bf16'; it may be one of bfloat16, float16, float32"):
        with_precision(network_of().game, "bf16")


def test_precision_and_layout_are_set_before_processes_share_the_game():
    game = network_of().game
    shared = tussle.gan.GAN(game.generator, game.critic, game.data, game.latent, SharedLoss(game.loss_function))
    with pytest.raises(ValueError, match="already parallel; its precision must be set before"):
        with_precision(shared, "bfloat16")
    with pytest.raises(ValueError, match="already parallel; its layout must be set before"):
        channels_last(shared)


def test_channels_last_gives_the_same_numbers_and_the_layout():
    network, seen = network_of(), []
    first = next(m for m in network.discriminator.module.modules() if isinstance(m, torch.nn.Conv2d))
    hook = first.register_forward_hook(lambda m, x, y: seen.append(y.is_contiguous(memory_format=torch.channels_last)))
    found = read(network, channels_last(network.game))
    hook.remove()
    assert seen
    assert all(seen)
    assert all(d < 1e-5 for d in distances(read(network), found))


def test_flat_samples_have_no_channels():
    networks = tussle.networks.mlp.mlp_networks(3, 2, width=4, depth=1)
    network = network_gan(*networks, data=np.eye(2, dtype=np.float32), latent=3)
    assert distances(read(network), read(network, channels_last(network.game))) == [0.0, 0.0]


def test_micro_batches_and_precision_work_together():
    network = network_of("ra-logistic")
    game = with_precision(channels_last(network.game), "bfloat16")
    check_apart(game, network.start)
    batch = placed(network.game.sampler(8)(1, 0), network.start[0])
    parts = Accumulated(tussle.Field(game), 4)(network.start, batch)
    assert all(d < 0.02 for d in distances(read(network, game), parts))
