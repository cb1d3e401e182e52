"""Optimizers over live modules lead where the grammar's own maps lead, and behave as torch's optimizers do."""

import copy
import io
import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn

import tussle
from tussle.drop_in import discriminator_loss, generator_loss, penalty
from tussle.game import Pair, Stream, placed
from tussle.networks import network_gan
from tussle.torch_optim import (
    CGD,
    Consensus,
    Extragradient,
    GameOptimizer,
    Jare,
    Lookahead,
    Optimistic,
    Symplectic,
)

LOSS, PENALTIES = "rp-logistic,scale=0.5", (tussle.r1(0.7), tussle.wgan_gp(0.4))
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}
SGD, ADAM = tussle.sgd((0.05, 0.08)), tussle.adam((0.01, 0.02), 0.5, 0.9)
DATA = np.random.default_rng(0).standard_normal((200, 2)) + 1


def modules(dtype=torch.float64):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        g = nn.Sequential(nn.Linear(2, 4), nn.SiLU(), nn.Linear(4, 2))
        d = nn.Sequential(nn.Linear(2, 4), nn.SiLU(), nn.Linear(4, 1))
    return g.to(dtype), d.to(dtype)


def game(dtype=torch.float64):
    return network_gan(*modules(dtype), data=DATA.astype(np.float32), latent=2, loss=LOSS, penalties=PENALTIES)


def losses(g, d, batch):
    """What a user would write down, in the drop-in pieces."""
    x, z = batch.real.points, batch.latent.points
    fake = g(z)
    real_scores, fake_scores = d(x), d(fake)
    total = discriminator_loss(LOSS, real_scores, fake_scores)
    for one in PENALTIES:
        total = total + penalty(one, d, x, fake, mix=batch.mix.points)
    return generator_loss(LOSS, real_scores, fake_scores), total


def batches(network, count):
    sampler = network.game.sampler(8)
    return [placed(sampler(0, k), network.start[0]) for k in range(count)]


def flat(module):
    return torch.cat([p.detach().reshape(-1) for p in module.parameters()])


def follow(method, network, drawn):
    """The points of a map, one for each batch."""
    point = network.start
    state, found = method.init(point), []
    for batch in drawn:
        point, state, _ = method.step(point, state, batch)
        found.append(point)
    return found


def descend(optimizer, g, d, drawn):
    """The same by an optimizer; batches of a stream are drawn by the closure, one at each call."""
    found = []
    for batch in drawn:
        ahead = iter(batch.batches) if isinstance(batch, Stream) else itertools.repeat(batch)
        optimizer.step(lambda ahead=ahead: losses(g, d, next(ahead)))
        found.append((flat(g), flat(d)))
    return found


def assert_same(ours, theirs, tolerance):
    for a, b in zip(ours, theirs, strict=True):
        for x, y in zip(a, b, strict=True):
            assert float((x - y).abs().max()) <= tolerance * (1 + float(y.abs().max()))


def wise(adjust, rule=None):
    """A rule's map under an adjustment."""
    return lambda gan: tussle.Map(adjust(tussle.Field(gan)), rule or tussle.simultaneous(SGD))


def plain(rule):
    return lambda gan: tussle.Map(tussle.Field(gan), rule)


COUPLED = tussle.consensus(0.1)
CASES = {
    "simultaneous": (lambda p: GameOptimizer(p, "simultaneous", SGD), plain(tussle.simultaneous(SGD))),
    "alternating, two steps of the discriminator first": (
        lambda p: GameOptimizer(p, tussle.alternating(ADAM, (1, 2), first="discriminator")),
        plain(tussle.alternating(ADAM, (1, 2), first="discriminator")),
    ),
    "extragradient": (lambda p: Extragradient(p, ADAM), plain(tussle.extragradient(ADAM))),
    "optimistic": (lambda p: Optimistic(p, ADAM), plain(tussle.optimistic(ADAM))),
    "averaging": (
        lambda p: GameOptimizer(p, lambda pace: tussle.averaging(tussle.alternating(pace), 0.9), SGD),
        plain(tussle.averaging(tussle.alternating(SGD), 0.9)),
    ),
    "consensus": (lambda p: Consensus(p, SGD, 0.3), wise(tussle.consensus(0.3))),
    "consensus with rmsprop, in turns": (
        lambda p: Consensus(p, tussle.rmsprop(0.01), 0.3, rule="alternating"),
        wise(tussle.consensus(0.3), tussle.alternating(tussle.rmsprop(0.01))),
    ),
    "symplectic": (lambda p: Symplectic(p, SGD, 0.5), wise(tussle.symplectic(0.5))),
    "jare": (lambda p: Jare(p, SGD, 0.3, 0.2), wise(tussle.jare(0.3, 0.2))),
    "nagarajan_kolter": (
        lambda p: GameOptimizer(p, "simultaneous", SGD, tussle.nagarajan_kolter(0.2)),
        wise(tussle.nagarajan_kolter(0.2)),
    ),
    "cgd": (lambda p: CGD(p, SGD.lr), plain(tussle.competitive(SGD))),
    "third derivatives: consensus of jare": (
        lambda p: GameOptimizer(p, "simultaneous", SGD, (tussle.jare(0.2), COUPLED)),
        lambda gan: tussle.Map(COUPLED(tussle.jare(0.2)(tussle.Field(gan))), tussle.simultaneous(SGD)),
    ),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_an_optimizer_leads_where_the_map_leads_on_the_same_batches(name, dtype):
    make, method = CASES[name]
    network, (g, d) = game(dtype), modules(dtype)
    drawn = batches(network, 4)
    assert_same(descend(make((g, d)), g, d, drawn), follow(method(network.game), network, drawn), TOLERANCE[dtype])


def test_a_closure_that_draws_gives_each_reading_its_own_batch():
    network, (g, d) = game(), modules()
    drawn = batches(network, 6)
    streams = [Stream(tuple(drawn[2 * k : 2 * k + 2])) for k in range(3)]
    theirs = follow(tussle.Map(tussle.Field(network.game), tussle.extragradient(ADAM)), network, streams)
    assert_same(descend(Extragradient((g, d), ADAM), g, d, streams), theirs, 1e-12)


def test_unbiased_consensus_multiplies_two_calls_of_the_closure():
    network, (g, d) = game(), modules()
    drawn = batches(network, 6)
    pairs = [Pair(*drawn[2 * k : 2 * k + 2]) for k in range(3)]
    theirs = follow(wise(tussle.consensus(0.3, unbiased=True))(network.game), network, pairs)
    ours = descend(Consensus((g, d), SGD, 0.3, unbiased=True), g, d, [Stream(tuple(pair)) for pair in pairs])
    assert_same(ours, theirs, 1e-12)


def test_k_steps_of_lookahead_are_one_outer_step_of_the_map():
    network, (g, d) = game(), modules()
    drawn = batches(network, 6)
    method = tussle.Map(tussle.Field(network.game), tussle.lookahead(tussle.extragradient(ADAM), 3, 0.4))
    streams = [Stream(tuple(batch for batch in drawn[3 * k : 3 * k + 3] for _ in range(2))) for k in range(2)]
    ours = descend(Lookahead((g, d), ADAM, k=3, alpha=0.4, rule="extragradient"), g, d, drawn)
    assert_same(ours[2::3], follow(method, network, streams), 1e-12)


def test_rotation_of_a_bilinear_game_ends_under_cgd_at_the_proximal_point():
    x, y = nn.Parameter(torch.tensor([1.0]).double()), nn.Parameter(torch.tensor([2.0]).double())
    optimizer = CGD(([x], [y]), 2.0)  # far beyond what plain steps survive
    optimizer.step(lambda: ((x * y).sum(), -(x * y).sum()))
    inverse = np.linalg.inv(np.array([[1.0, 2.0], [-2.0, 1.0]]))  # x' = x - h y', y' = y + h x'
    np.testing.assert_allclose([x.item(), y.item()], inverse @ [1.0, 2.0] @ np.diag([1, 1]), rtol=1e-12)


# As torch's optimizers ----------------------------------------------------------------------------------------------

NAMED = {
    "extragradient": lambda p: Extragradient(p, ADAM),
    "optimistic": lambda p: Optimistic(p, ADAM),
    "lookahead": lambda p: Lookahead(p, ADAM, k=2),
    "consensus": lambda p: Consensus(p, tussle.momentum(0.01, -0.3), 0.3),
    "jare": lambda p: Jare(p, tussle.rmsprop(0.01), 0.3),
    "symplectic": lambda p: Symplectic(p, SGD),
    "cgd": lambda p: CGD(p, 0.1),
    "averaging": lambda p: GameOptimizer(p, tussle.averaging(tussle.simultaneous(ADAM))),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_run_that_resumes_from_its_saved_state_repeats_bit_for_bit(name):
    network, (g, d) = game(torch.float32), modules(torch.float32)
    drawn = batches(network, 5)
    optimizer = NAMED[name]((g, d))
    descend(optimizer, g, d, drawn[:3])
    file = io.BytesIO()
    torch.save({"g": g.state_dict(), "d": d.state_dict(), "optimizer": optimizer.state_dict()}, file)
    whole = descend(optimizer, g, d, drawn[3:])
    file.seek(0)
    held = torch.load(file, weights_only=True)  # tensors and text alone: loading runs no code
    (g, d) = modules(torch.float32)
    g.load_state_dict(held["g"])
    d.load_state_dict(held["d"])
    other = NAMED[name]((g, d))
    other.load_state_dict(held["optimizer"])
    for a, b in zip(whole, descend(other, g, d, drawn[3:]), strict=True):
        assert all(map(torch.equal, a, b))


def test_a_copy_goes_on_alone():
    network, (g, d) = game(), modules()
    drawn = batches(network, 4)
    optimizer = Optimistic((g, d), ADAM)
    descend(optimizer, g, d, drawn[:2])
    g2, d2, copied = copy.deepcopy((g, d, optimizer))
    ours = descend(optimizer, g, d, drawn[2:])
    assert_same(descend(copied, g2, d2, drawn[2:]), ours, 0.0)


def test_each_player_has_its_rate_and_schedulers_change_it():
    network, (g, d) = game(), modules()
    drawn = batches(network, 4)
    players = ({"params": g.parameters(), "lr": 0.03}, {"params": d})
    optimizer = GameOptimizer(players, "alternating", 0.08)
    assert [group["lr"] for group in optimizer.param_groups] == [0.03, 0.08]
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, [lambda k: 0.5**k, lambda k: max(0.0, 1 - k / 2)])
    point, ours, theirs = network.start, [], []
    for k, batch in enumerate(drawn):
        ours += descend(optimizer, g, d, [batch])
        scheduler.step()
        rule = tussle.alternating(tussle.sgd((0.03 * 0.5**k, max(1e-300, 0.08 * (1 - k / 2)))))
        point, _, _ = tussle.Map(tussle.Field(network.game), rule).step(point, rule.init(point), batch)
        theirs.append(point)
    assert_same(ours, theirs, 1e-12)
    assert torch.equal(ours[-1][1], ours[-2][1])  # a rate of 0 stands still


@pytest.mark.parametrize(
    ("make", "calls"),
    [
        (lambda p: Extragradient(p, ADAM), 2),
        (lambda p: Consensus(p, SGD, 0.1), 1),
        (lambda p: Symplectic(p, SGD), 1),
        (lambda p: Jare(p, SGD, 0.1), 1),
        (lambda p: CGD(p, 0.05), 1),
        (lambda p: GameOptimizer(p, tussle.alternating(SGD, (1, 3))), 4),
    ],
    ids=["extragradient", "consensus", "symplectic", "jare", "cgd", "alternating 1:3"],
)
def test_the_closure_is_called_once_for_each_reading(make, calls):
    (g, d), seen = modules(), []
    batch = batches(game(), 1)[0]
    make((g, d)).step(lambda: seen.append(1) or losses(g, d, batch))
    assert len(seen) == calls


def test_gradients_and_frozen_parameters_stay_as_they_are():
    network, (g, d) = game(), modules()
    g[0].bias.requires_grad_(False)
    g[2].bias.grad = torch.ones_like(g[2].bias)
    before = g[0].bias.clone()
    optimizer = Consensus((g, d), SGD, 0.3)
    first = optimizer.step(lambda: losses(g, d, batches(network, 1)[0]))
    assert not any(x.requires_grad for x in first)
    assert torch.equal(g[0].bias, before)
    assert torch.equal(g[2].bias.grad, torch.ones_like(before[:2]))
    assert all(p.grad is None for p in d.parameters())


def test_a_closure_that_fails_ahead_leaves_the_parameters_where_they_were():
    network, (g, d) = game(), modules()
    batch, calls = batches(network, 1)[0], itertools.count()
    before = flat(g), flat(d)

    def closure():
        if next(calls) == 1:
            raise KeyboardInterrupt
        return losses(g, d, batch)

    with pytest.raises(KeyboardInterrupt):
        Extragradient((g, d), SGD).step(closure)
    assert all(map(torch.equal, before, (flat(g), flat(d))))


def test_three_players_have_names_of_their_own():
    xs = [nn.Parameter(torch.tensor([v])) for v in (1.0, 2.0, 3.0)]
    optimizer = GameOptimizer([[x] for x in xs], "simultaneous", 0.5)
    optimizer.step(lambda: tuple((x * x).sum() / 2 for x in xs))
    assert [x.item() for x in xs] == [0.5, 1.0, 1.5]
    assert optimizer.players == ("player 0", "player 1", "player 2")


# Requests that are refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda g, d: GameOptimizer(g, "simultaneous", 0.1), r"`players` must be two or more"),
        (lambda g, d: GameOptimizer((g, d)), r"`pace` is missing"),
        (lambda g, d: GameOptimizer((g, d), "simultanous", 0.1), r"`rule` is 'simultanous'.*did you mean `simult"),
        (lambda g, d: GameOptimizer((g, d), lambda pace: 3, 0.1), r"`rule` is .*function from a pace to a rule"),
        (lambda g, d: GameOptimizer((g, d), "simultaneous", "adam"), r"`pace` is 'adam'; it may be a rate or a pace"),
        (lambda g, d: Extragradient((g, d), (0.1, 0.1, 0.1)), r"`pace` has 3 rates for 2 players"),
        (lambda g, d: Extragradient((g, d), -0.1), r"`lr` is -0.1; it must be above 0"),
        (lambda g, d: CGD((g, d), 0.1, tolerance=0.0), r"`tolerance` is 0.0"),
        (lambda g, d: Extragradient((g, d.float()), 0.1), r"parameters of torch.float32 on cpu, torch.float64 on cpu"),
        (lambda g, d: Extragradient((g, d.requires_grad_(False)), 0.1), r"no trainable parameter for the discrim"),
        (lambda g, d: Extragradient((g, [{"params": d.parameters()}]), 0.1), r"several groups for the discriminator"),
    ],
    ids=[str(k) for k in range(11)],
)
def test_players_and_methods_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(*modules())


@pytest.mark.parametrize(
    ("closure", "message"),
    [
        (None, r"`closure` is missing"),
        (lambda a, b: a, r"`closure` returned a Tensor.*\(generator_loss, discriminator_loss\)"),
        (lambda a, b: (a, b, a), r"`closure` returned 3 values"),
        (lambda a, b: (a.item(), b), r"`closure` returned a float for the generator"),
        (lambda a, b: (a, b.detach()), r"`closure` returned a tensor without a graph for the discriminator"),
        (lambda a, b: (torch.stack([a, a]), b), r"must be a scalar"),
    ],
    ids=["none", "one", "three", "number", "detached", "vector"],
)
def test_a_closure_that_does_not_return_the_losses_is_refused(closure, message):
    g, d = modules()
    batch = batches(game(), 1)[0]
    with pytest.raises(ValueError, match=message):
        Extragradient((g, d), SGD).step(closure and (lambda: closure(*losses(g, d, batch))))


def test_losses_that_do_not_depend_on_their_own_player_are_refused():
    g, d = modules()
    z = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=r"loss of the generator that does not depend on the generator's parameters"):
        Extragradient((g, d), SGD).step(lambda: (d(g(z).detach()).mean(), -d(g(z)).mean()))


def test_the_state_of_another_method_or_of_other_players_is_refused():
    network, (g, d) = game(), modules()
    optimizer = Optimistic((g, d), ADAM)
    descend(optimizer, g, d, batches(network, 1))
    with pytest.raises(ValueError, match=r"`state_dict` is that of Optimistic\(Adam\); this.* Optimistic\(SGD\)"):
        Optimistic((g, d), SGD).load_state_dict(optimizer.state_dict())
    wider = nn.Linear(3, 2).double()
    with pytest.raises(ValueError, match=r"load it for the same trainable parameters"):
        Optimistic((wider, d), ADAM).load_state_dict(optimizer.state_dict())
    with pytest.raises(ValueError, match=r"`param_group` is new"):
        optimizer.add_param_group({"params": wider.parameters()})


def test_cgd_at_a_rate_of_zero_is_refused():
    g, d = modules()
    optimizer = CGD((g, d), 0.1)
    optimizer.param_groups[0]["lr"] = 0.0
    with pytest.raises(ValueError, match=r"divides by the rates"):
        optimizer.step(lambda: losses(g, d, batches(game(), 1)[0]))
