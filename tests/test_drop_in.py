"""Drop-in losses and penalties against the GAN of the grammar and against formulas written out by hand."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn
from torch.nn.functional import softplus

import tussle
from tussle.autodiff import gradient
from tussle.drop_in import discriminator_loss, generator_loss, penalty, read_penalty
from tussle.game import placed, replaced
from tussle.networks import network_gan

R, F = torch.tensor([1.0, -0.5, 2.0]).double(), torch.tensor([0.3, 0.7, -1.0]).double()


def modules():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        g = nn.Sequential(nn.Linear(2, 5), nn.SiLU(), nn.Linear(5, 2))
        d = nn.Sequential(nn.Linear(2, 5), nn.SiLU(), nn.Linear(5, 1))
    return g.double(), d.double()


def data(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# Losses -----------------------------------------------------------------------------------------------------

BY_HAND = {
    "nonsaturating": (softplus(-F).mean(), softplus(-R).mean() + softplus(F).mean()),
    "wasserstein,objective=swap": (-F.mean(), F.mean() - R.mean()),
    "hinge": (-F.mean(), (1 - R).clamp(min=0).mean() + (1 + F).clamp(min=0).mean()),
    "least_squares,a=-1,b=1,c=0": (F.square().mean(), (R - 1).square().mean() + (F + 1).square().mean()),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_plain_losses_are_the_formulas_written_out(name):
    scale = 0.5 if name.startswith("least") else 1.0  # least squares come with the half of their paper
    ours = generator_loss(name, None, F), discriminator_loss(name, R, F)
    for found, wanted in zip(ours, BY_HAND[name], strict=True):
        torch.testing.assert_close(found, scale * wanted, rtol=1e-14, atol=0)


def test_the_relativistic_pairing_loss_is_the_formula_written_out():
    name = "rp-logistic,scale=0.5"
    torch.testing.assert_close(discriminator_loss(name, R, F), softplus(F - R).mean(), rtol=1e-14, atol=0)
    torch.testing.assert_close(generator_loss(name, R, F), softplus(R - F).mean(), rtol=1e-14, atol=0)


@pytest.mark.parametrize("shape", [(3, 1), (3, 1, 1, 1)])
def test_scores_may_keep_the_last_layers_axes(shape):
    wanted = discriminator_loss("ra-hinge", R, F)
    assert torch.equal(discriminator_loss("ra-hinge", R.reshape(shape), F.reshape(shape)), wanted)


@pytest.mark.parametrize("name", ["nonsaturating", "rp-logistic", "ra-least_squares", "hinge"])
def test_gradients_of_the_generators_loss_are_those_of_the_game(name):
    g, d = modules()
    network = network_gan(g, d, data=data(20, 2).numpy(), latent=2, loss=name)
    batch = placed(network.game.sampler(6)(0, 0), network.start[0])
    wanted = tussle.Field(network.game).player(0, network.start, batch)
    real = None if name in ("nonsaturating", "hinge") else d(batch.real.points)
    generator_loss(name, real, d(g(batch.latent.points))).backward()
    ours = torch.cat([p.grad.reshape(-1) for p in g.parameters()])
    torch.testing.assert_close(-ours, wanted, rtol=1e-12, atol=1e-15)


def test_a_loss_of_ones_own_payoffs_is_taken_too():
    assert torch.equal(discriminator_loss(tussle.loss("hinge"), R, F), discriminator_loss("hinge", R, F))


# Penalties --------------------------------------------------------------------------------------------------

KINDS = {
    "r1": tussle.r1(0.7),
    "r2": tussle.r2(0.7),
    "wgan_gp": tussle.wgan_gp(10.0),
    "wgan_lp": tussle.wgan_lp(10.0, center=0.1),
    "dragan": tussle.dragan(3.0, spread=0.2),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_penalty_on_modules_is_that_of_the_game_with_its_gradients_by_both_players(name):
    g, d = modules()
    network = network_gan(g, d, data=data(20, 2).numpy(), latent=2, penalties=[KINDS[name]])
    batch = placed(network.game.sampler(6)(0, 0), network.start[0])
    value = network.game.penalty
    mix, shift = (None if x is None else x.points for x in (batch.mix, batch.shift))
    found = penalty(KINDS[name], d, batch.real.points, g(batch.latent.points), mix=mix, shift=shift)
    torch.testing.assert_close(found.detach(), value(network.start, batch), rtol=1e-13, atol=0)
    for player, module in enumerate((g, d)):
        wanted = gradient(lambda x, i=player: value(replaced(network.start, i, x), batch), network.start[player])
        params = list(module.parameters())
        slopes = torch.autograd.grad(found, params, retain_graph=True, allow_unused=True)
        pairs = zip(slopes, params, strict=True)
        ours = torch.cat([torch.zeros(p.numel()) if x is None else x.reshape(-1) for x, p in pairs])
        torch.testing.assert_close(ours.double(), wanted, rtol=1e-11, atol=1e-14)


def test_detached_fakes_leave_the_generator_alone():
    g, d = modules()
    penalty("r2=1", d, data(4, 2), g(data(4, 2, seed=1)).detach()).backward()
    assert all(p.grad is None for p in g.parameters())
    assert d[0].weight.grad.abs().max() > 0


def test_shares_and_perturbations_are_drawn_where_none_are_given():
    _, d = modules()
    x, y = data(6, 2), data(6, 2, seed=1)
    for name in ("wgan_gp=1", "dragan=1"):
        with torch.random.fork_rng(devices=[]):
            first, second = (penalty(name, d, x, y).item() for _ in range(2))
        assert first != second


class Labeled(nn.Module):
    """A discriminator whose slope is the row of the label."""

    def __init__(self):
        super().__init__()
        self.rows = nn.Embedding(3, 2).double()

    def forward(self, x, y):
        return (x * self.rows(y)).sum(1)


def test_labels_are_handed_to_a_conditional_discriminator():
    d, x, fake = Labeled(), data(3, 2), data(3, 2, seed=1)
    labels, others = torch.tensor([0, 2, 2]), torch.tensor([1, 1, 0])
    lengths = d.rows.weight.square().sum(1)
    torch.testing.assert_close(penalty("r1=4", d, x, labels=labels), 2 * lengths[labels].mean())
    torch.testing.assert_close(penalty("r2=4", d, x, fake, labels=labels), 2 * lengths[labels].mean())
    found = penalty("r2=4", d, x, fake, labels=labels, fake_labels=others)
    torch.testing.assert_close(found, 2 * lengths[others].mean())


# Requests that are refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d, x: generator_loss("rp-hinge", None, F), r"`real_scores` is None with the loss rp-hinge"),
        (lambda d, x: generator_loss(3, R, F), r"`loss` is 3; it may be a name or a Loss"),
        (lambda d, x: discriminator_loss("hing", R, F), r"`loss` is 'hing'.*did you mean `hinge`"),
        (
            lambda d, x: discriminator_loss("hinge", R, torch.zeros(3, 2)),
            r"`fake_scores` gave scores of shape \(3, 2\)",
        ),
        (lambda d, x: discriminator_loss("hinge", [1.0], F), r"`real_scores` gave a list"),
        (lambda d, x: penalty(10.0, d, x), r"`kind` is 10.0; it must be a penalty"),
        (lambda d, x: penalty("r1=ten", d, x), r"`kind` is 'r1=ten'; its weight must be a number"),
        (lambda d, x: penalty("r3=1", d, x), r"`kind` is 'r3'"),
        (lambda d, x: penalty("r1=-1", d, x), r"`r1 weight` is -1.0"),
        (lambda d, x: penalty("r2=1", d, x), r"`fake` is missing; r2 is taken at fake"),
        (lambda d, x: penalty("wgan_gp=1", d, x, x[:2]), r"`fake` has shape \(2, 2\), `real` \(4, 2\)"),
        (lambda d, x: penalty("r1=1", d, x.numpy()), r"`real` is a ndarray"),
        (lambda d, x: penalty("r1=1", d, x.long()), r"`real` is a tensor of torch.int64"),
        (lambda d, x: penalty("r1=1", d[:2], x), r"`module` gave scores of shape \(4, 5\)"),
        (lambda d, x: penalty("r1=1", Labeled(), x, labels=torch.tensor([0])), r"`labels` are 1 for 4 samples"),
    ],
    ids=[str(k) for k in range(15)],
)
def test_arguments_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(modules()[1], data(4, 2))


def test_a_penalty_without_a_weight_has_weight_one():
    assert read_penalty("wgan_gp").weight == 1.0
