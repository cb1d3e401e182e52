"""Two processes walk the path of one. This file is also the script that torchrun starts (see `main`)."""

import dataclasses
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.autodiff import gradient
from tussle.game import Pair, Stream, joined, placed
from tussle.gan import Batch
from tussle.measures import Nodes
from tussle.networks import network_gan
from tussle.networks.mlp import mlp_networks
from tussle.training import parallel as module
from tussle.training.accumulate import Accumulated, accumulated
from tussle.training.mixing import check_apart
from tussle.training.parallel import SharedLoss, own, parallel, share_of, shared
from tussle.training.processes import anyone, check_equal, environment, processes

WORLD, SIZE, STEPS = 2, 12, 6
SINGLE, DOUBLE = torch.float32, torch.float64
ADAM = tussle.alternating(tussle.adam(1e-3, 0.5, 0.99), first="discriminator")
SGD = tussle.simultaneous(tussle.sgd(0.05))
BOTH = (tussle.r1(0.5), tussle.r2(0.5))

# name -> type, loss, penalties, rule, adjustment, instance noise, micro-batch
CASES = {
    "plain": (DOUBLE, "nonsaturating", (), SGD, None, None, None),
    "least squares, R1": (DOUBLE, "least_squares", (tussle.r1(1.0),), ADAM, None, None, None),
    "hinge, WGAN-GP": (DOUBLE, "hinge", (tussle.wgan_gp(2.0),), ADAM, None, None, None),
    "wasserstein, DRAGAN, noise": (DOUBLE, "wasserstein", (tussle.dragan(2.0),), SGD, None, 0.1, None),
    "pairs by index, R1 + R2": (DOUBLE, "rp-logistic", BOTH, ADAM, None, None, None),
    "all pairs, R1 + R2": (DOUBLE, "rp-logistic,pairing=all", BOTH, ADAM, None, None, None),
    "all pairs of hinges": (DOUBLE, "rp-hinge,pairing=all", (), SGD, None, None, None),
    "average": (DOUBLE, "ra-least_squares,unbiased=true", (), ADAM, None, None, None),
    "centered": (DOUBLE, "rc-hinge", BOTH, ADAM, None, None, None),
    "one-sided": (DOUBLE, "ralf-logistic", (), ADAM, None, None, None),
    "consensus": (DOUBLE, "ra-logistic", (tussle.r1(1.0),), SGD, tussle.consensus(0.5), None, None),
    "unbiased consensus": (DOUBLE, "nonsaturating", (), SGD, tussle.consensus(0.5, unbiased=True), None, None),
    "JARE": (DOUBLE, "minimax", (), ADAM, tussle.jare(0.5), None, None),
    "symplectic": (DOUBLE, "rp-logistic", (), SGD, tussle.adjust.symplectic(), None, None),
    "extragradient": (DOUBLE, "rc-logistic", (), tussle.extragradient(tussle.sgd(0.05)), None, None, None),
    "competitive": (DOUBLE, "minimax", (), tussle.competitive(tussle.sgd(0.05)), None, None, None),
    "micro-batches": (DOUBLE, "rp-logistic,pairing=all", BOTH, ADAM, None, None, 4),
    "plain micro-batches": (DOUBLE, "nonsaturating", BOTH, ADAM, None, None, 4),
    "float32 plain, R1": (SINGLE, "nonsaturating", (tussle.r1(1.0),), SGD, None, None, None),
    "float32 average, R1 + R2": (SINGLE, "ra-logistic", BOTH, ADAM, None, None, None),
    "float32 all pairs": (SINGLE, "rp-logistic,pairing=all", BOTH, ADAM, None, None, None),
}


def network_of(dtype, loss="nonsaturating", penalties=(), noise=None):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        networks = [m.to(dtype) for m in mlp_networks(4, 2, width=8, depth=2, activation="tanh")]
    data = np.random.default_rng(1).normal(size=(64, 2))
    return network_gan(*networks, data=data, latent=4, loss=loss, penalties=penalties, noise=noise)


def walked(name):
    """Where a case ends, on as many processes as there are."""
    dtype, loss, penalties, rule, adjustment, noise, micro = CASES[name]
    network = network_of(dtype, loss, penalties, noise)
    game = parallel(network.game)
    field = tussle.Field(game) if micro is None else accumulated(game, micro, network.start)
    field = field if adjustment is None else adjustment(field)
    batches = network.game.sampler(SIZE).streams(rule.readings)
    batches = shared(batches.pairs() if name == "unbiased consensus" else batches)
    point, method = network.start, tussle.Map(field, rule)
    state = method.init(point)
    for step in range(STEPS):
        point, state, _ = method.step(point, state, placed(batches(3, step), point[0]))
    return point


# What the processes do --------------------------------------------------------------------------------------


def refused(function, *arguments):
    try:
        function(*arguments)
    except ValueError as wrong:
        return str(wrong)
    return "nothing"


def messages(kinds, loss, player, micro=None):
    """The sizes of the messages of one reading of one player's field."""
    network, sent = network_of(DOUBLE, loss, kinds), []
    batch = placed(shared(network.game.sampler(SIZE))(0, 0), network.start[0])
    real = torch.distributed.all_reduce

    def counted(x, *rest, **named):
        sent.append(x.numel())
        return real(x, *rest, **named)

    torch.distributed.all_reduce = counted
    try:
        field = tussle.Field(parallel(network.game))
        (field if micro is None else Accumulated(field, micro)).player(player, network.start, batch)
    finally:
        torch.distributed.all_reduce = real
    return sent


def bent(rank):
    """A third derivative through the two maps: of sum_k k (sum_k x^2)^2 with respect to x."""
    x = torch.tensor([1.0, 2.0], dtype=DOUBLE)

    def value(v):
        own_value = (rank + 1) * module.copied(v).square()
        return (module.summed(own_value) ** 2).sum()

    def second(v):
        return (gradient(lambda u: gradient(value, u).square().sum(), v)).sum()

    return gradient(second, x)


def main(folder):
    torch.set_num_threads(1)
    with processes("cpu", timeout=200.0) as place:
        found = {name: joined(walked(name)).numpy() for name in CASES}
        found["bent"] = bent(place.rank).numpy()
        for player in range(2):
            found[f"messages {player}"] = np.array(messages(BOTH, "rp-logistic,pairing=all", player))
            found[f"micro messages {player}"] = np.array(messages(BOTH, "rp-logistic,pairing=all", player, 2))
            found[f"plain messages {player}"] = np.array(messages((), "nonsaturating", player))
        start = network_of(DOUBLE).start
        check_equal(start)
        bad = (start[0], start[1].clone())
        bad[1][3:5] += place.rank
        longer = (torch.zeros(3 + place.rank),)
        texts = {
            "unequal": refused(check_equal, bad),
            "lengths": refused(check_equal, longer),
            "twice": refused(lambda: parallel(parallel(network_of(DOUBLE).game))),
            "changed": refused(lambda: own(dataclasses.replace(parallel(network_of(DOUBLE).game), penalties=BOTH))),
            "flag": str((anyone(place.rank == 1), anyone(False))),
            "place": str((place.rank, place.world, place.first, str(place.device))),
        }
        np.savez(Path(folder) / f"{place.rank}.npz", **found, **{f"text {k}": v for k, v in texts.items()})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What each of two processes found, started by torchrun."""
    folder = tmp_path_factory.mktemp("runs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc_per_node={WORLD}", "--nnodes=1"]
    command += ["--master_addr=127.0.0.1", f"--master_port={port}", __file__, str(folder)]
    clean = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=clean | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-4000:]
    return [dict(np.load(folder / f"{rank}.npz")) for rank in range(WORLD)]


# What must hold ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_two_processes_walk_the_path_of_one(runs, name):
    alone = joined(walked(name)).numpy()
    start = joined(network_of(CASES[name][0]).start).numpy()
    assert np.abs(alone - start).max() > 1e-4
    tolerance = 1e-6 if CASES[name][0] is SINGLE else 1e-12
    # A relativistic loss ignores the critic's last bias, the last entry: its gradient is rounding alone, and Adam
    # makes steps of full length of it.
    idle = CASES[name][1].startswith("r") and CASES[name][3] is ADAM
    gaps = np.abs(runs[0][name] - alone)
    assert gaps[: -1 if idle else None].max() < tolerance


@pytest.mark.parametrize("name", CASES)
def test_both_processes_hold_the_same_bits(runs, name):
    np.testing.assert_array_equal(runs[0][name], runs[1][name])


def test_each_players_gradient_is_one_sum_of_its_flat_vector(runs):
    sizes = network_of(DOUBLE).game.sizes
    for player in range(2):
        for name in ("messages", "plain messages", "micro messages"):
            sent = runs[0][f"{name} {player}"].tolist()
            assert sent.count(sizes[player]) == 1
            assert all(n <= 2 * SIZE for n in sent if n != sizes[player])
    assert len(runs[0]["messages 1"]) == 1 + len(BOTH) + 1  # scores, two penalties, the gradient
    assert len(runs[0]["micro messages 1"]) == 2  # scores, the gradient


def test_derivatives_of_third_order_pass_through_both_maps(runs):
    # f(x) = 9 x^4 for weights 1 and 2 (the sum is 3 x^2); sum of d/dx |f'|^2 = sum 2 * 36^2 * 3 x^5; once more d/dx
    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(runs[1]["bent"], 2 * 36**2 * 3 * 5 * x**4, rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unequal", "`start` of player 1 differs between processes: process 1 has 2 of 105"),
        ("lengths", "`start` of player 0 has 3, 4 numbers"),
        ("twice", "`gan` is already parallel"),
        ("changed", "`gan` was changed after `parallel`"),
        ("flag", r"(True, False)"),
    ],
)
def test_all_processes_say_the_same_of_what_is_wrong(runs, name, words):
    assert [words in str(run[f"text {name}"]) for run in runs] == [True, True]


def test_processes_know_their_places(runs):
    assert [str(run["text place"]) for run in runs] == ["(0, 2, True, 'cpu')", "(1, 2, False, 'cpu')"]


# Shares -----------------------------------------------------------------------------------------------------


def test_shares_put_together_are_the_whole_batch():
    game = network_of(DOUBLE, penalties=(tussle.wgan_gp(1.0), tussle.dragan(1.0)), noise=0.1).game
    whole = game.sampler(SIZE).pairs().streams(2)(5, 7)
    parts = [share_of(whole, rank, 3) for rank in range(3)]
    assert isinstance(parts[0], Stream)
    assert isinstance(parts[0].batches[0], Pair)
    for field in ("real", "latent", "noise", "noise_fake", "mix", "shift"):
        pieces = [getattr(part.batches[1].second, field).points for part in parts]
        np.testing.assert_array_equal(np.concatenate(pieces), getattr(whole.batches[1].second, field).points)


def test_a_batch_that_cannot_be_shared_equally_is_refused():
    with pytest.raises(ValueError, match=r"`batch` has 10 samples for 4 processes; .* take a batch of 8 or 12"):
        share_of(Nodes(np.zeros((10, 2))), 0, 4)
    with pytest.raises(ValueError, match=r"`batch` has 1 samples for 2 processes; .* take a batch of 2 or 2"):
        share_of(Nodes(np.zeros((1, 2))), 0, 2)


def test_weights_are_refused():
    with pytest.raises(ValueError, match="`batch` has weights"):
        SharedLoss(tussle.loss("hinge"), 0, 2).critic(torch.ones(2), torch.ones(2), torch.ones(2) / 2, None)


def test_one_process_plays_the_game_itself():
    network = network_of(DOUBLE)
    batches = network.game.sampler(4)
    assert parallel(network.game) is network.game
    assert shared(batches) is batches
    assert own(network.game).total(network.start[0]) is network.start[0]
    assert anyone(True)
    assert not anyone(False)
    check_equal(network.start)


def test_processes_that_were_not_joined_are_noticed(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="torchrun started 2 processes that have not been joined"):
        parallel(network_of(DOUBLE).game)


# Networks that mix samples ----------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["generator", "discriminator"])
def test_batch_norm_in_training_mode_is_seen(wrong):
    networks = dict(zip(("generator", "discriminator"), mlp_networks(4, 2, width=8, depth=2), strict=True))
    networks[wrong] = mlp_networks(4, 2, width=8, depth=2, norm="batch")[wrong == "discriminator"]
    data = np.random.default_rng(1).normal(size=(64, 2)).astype(np.float32)
    network = network_gan(*networks.values(), data=data, latent=4)
    with pytest.raises(ValueError, match=f"`{wrong}` mixes the samples of a batch"):
        check_apart(network.game, network.start)
    networks[wrong].eval()
    still = network_gan(*networks.values(), data=data, latent=4)
    check_apart(still.game, still.start)


def test_random_numbers_drawn_for_each_place_are_seen():
    critic = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Dropout(0.5), torch.nn.Linear(16, 1))
    generator, _ = mlp_networks(4, 2, width=8, depth=2)
    dropped = tussle.networks.player(critic, seed=0)
    network = network_gan(generator, dropped, data=np.eye(2, dtype=np.float32), latent=4)
    with pytest.raises(ValueError, match="`discriminator` mixes the samples"):
        check_apart(network.game, network.start)


# The environment --------------------------------------------------------------------------------------------

FULL = {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


def test_the_environment_of_torchrun_is_read():
    assert environment(FULL) == (1, 4, 1)
    assert environment({}) == (0, 1, 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"MASTER_PORT": None}, "the environment lacks MASTER_PORT; .* torchrun"),
        ({"WORLD_SIZE": None, "LOCAL_RANK": None}, "the environment lacks WORLD_SIZE, LOCAL_RANK"),
        ({"RANK": "one"}, "`RANK` is 'one'; it must be a whole number"),
        ({"RANK": "4"}, "`RANK` is 4 and `LOCAL_RANK` 1 for a `WORLD_SIZE` of 4"),
    ],
)
def test_a_broken_environment_is_named(change, words):
    variables = {name: change.get(name, value) for name, value in FULL.items()}
    with pytest.raises(ValueError, match=words):
        environment({name: value for name, value in variables.items() if value is not None})


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="`device` is 'tpu'; it may be one of cpu, cuda"), processes("tpu"):
        pass
    if not torch.cuda.is_available():
        words = r"with 0 CUDA device\(s\); every process must have its own"
        with pytest.raises(ValueError, match=words), processes("cuda"):
            pass


def test_a_batch_of_the_game_is_a_batch_in_each_share():
    game = network_of(DOUBLE).game
    assert isinstance(share_of(game.sampler(4)(0, 0), 1, 2), Batch)


if __name__ == "__main__":
    main(sys.argv[1])
