"""Probes during training: each against another way to its number, and that they leave the run alone."""

import itertools
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn

import tussle
from tussle.game import Pair, Stream, placed, reading
from tussle.gan import GAN
from tussle.laws import Normal
from tussle.losses import loss
from tussle.models import dirac
from tussle.networks import network_gan
from tussle.relativism import reading as critic_reading
from tussle.rules import alternating, averaging, simultaneous
from tussle.training import probe_cost, train
from tussle.training.probe_readings import ends
from tussle.training.probe_spectrum import MOST
from tussle.training.probes import PROBES, Probes, probe_names

PLAIN = tuple(name for name in probe_names() if name != "eigenvalues")
F = 0.5  # f'(0) of the log loss


def sigma(y):
    return 1 / (1 + np.exp(-np.asarray(y, dtype=float)))


def read(probes, map, point, batch=None, step=1, **options):
    """Take one step and read it; returns the numbers and the step."""
    state = map.init(point)
    drawn = placed(map.field.game.expectation() if batch is None else batch, point[0])
    after, later, info = map.step(point, state, drawn)
    found = probes.read(step, map, point, after, info.velocity, later, drawn, **options)
    return found, after, info.velocity


def tensors(*values):
    return tuple(torch.tensor([float(v)], dtype=torch.float64) for v in values)


# The Dirac-GAN, in closed form --------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["torch", "jax"])
def test_readings_of_the_dirac_gan_are_its_closed_forms_under_both_engines(engine):
    theta, psi, gamma, h = 0.8, -1.1, 0.3, 0.2
    map = tussle.Map(tussle.Field(dirac(penalties=[tussle.r1(gamma)]).game), simultaneous(tussle.sgd(h)))
    with tussle.autodiff.float64():
        start = tensors(theta, psi) if engine == "torch" else tussle.game.as_point((theta, psi))
        found, _, _ = read(Probes(eigen_every=1), map, start)

    def field(t, p):  # the critic is -psi x, and R1 pulls psi with gamma
        return np.array([-p * sigma(-t * p), t * sigma(-t * p) - gamma * p])

    def jacobian(t, p):
        s = sigma(-t * p)
        d = -s * (1 - s)  # of sigma(-u)
        return np.array([[-p * p * d, -s - t * p * d], [s + t * p * d, t * t * d - gamma]])

    now = field(theta, psi)
    after = np.array([theta, psi]) + h * now
    f = -psi * theta
    v = np.random.Generator(np.random.Philox(key=(0, 1))).standard_normal(2)
    J = jacobian(*after)
    A, S = (J - J.T) / 2, (J + J.T) / 2
    values = np.linalg.eigvals(J)
    turn = now @ field(*after) / np.linalg.norm(now) / np.linalg.norm(field(*after))
    wanted = {
        "gradient_norms/generator": abs(now[0]),
        "gradient_norms/discriminator": abs(now[1]),
        "input_gradients/real_mean": 1.1,
        "input_gradients/real_max": 1.1,
        "input_gradients/fake_mean": 1.1,
        "input_gradients/fake_max": 1.1,
        "fake_gradient/norm": 1.1,
        "fake_gradient/over_real": 1.0,
        "path_angle/turn": turn,
        "rotation_share": np.sum((A @ v) ** 2) / (np.sum((A @ v) ** 2) + np.sum((S @ v) ** 2)),
        "eigenvalues/flow_real": values.real.max(),
        "eigenvalues/flow_imaginary": np.abs(values.imag).max(),
        "eigenvalues/flow_modulus": np.abs(values).max(),
        "eigenvalues/update_radius": np.abs(1 + h * values).max(),
        "kappa": 0.5 + sigma(f) - 1,
        **{f"weights/q{q}": -sigma(f) for q in ("05", "25", "50", "75", "95")},
        "weights/vanished": 0.0,
        "pair_accuracy": 0.0,
        "scores/real_mean": -f / 2,
        "scores/fake_mean": f / 2,
        "scores/real_sd": 0.0,
        "scores/fake_sd": 0.0,
        "scores/level": f / 2,
        "real_share/start": 0.5 / (0.5 + sigma(f)),
        "real_share/end": 0.5 / (0.5 + sigma(-after[1] * theta)),
        "dominance/loss": (math.log(2) + np.log1p(np.exp(f))) / math.log(4),
        "dominance/share": 1 - (math.log(2) + np.log1p(np.exp(f))) / math.log(4),
    }
    wanted |= {key: -value for key, value in wanted.items() if key[:9] == "weights/q"}  # minimax: D(x_f)
    for key, value in wanted.items():
        assert found[key] == pytest.approx(value, rel=1e-12, abs=1e-14), key
    rest = set(found) - set(wanted)
    assert rest == {"path_angle/anchor", "eigenvalues/products"} | {k for k in found if k.startswith("held_out_gap")}


# Golden numbers of the equilibrium at h = 0.2; R1 with gamma 0.3.
SPECTRA = {
    "simultaneous": (simultaneous(tussle.sgd(0.2)), 0.9746794344809),
    "alternating": (alternating(tussle.sgd(0.2)), 0.9695359714833),
    "five critic steps": (alternating(tussle.sgd(0.2), (1, 5)), 0.856681984403),
}


@pytest.mark.parametrize(("rule", "radius"), SPECTRA.values(), ids=SPECTRA)
def test_eigenvalues_at_the_equilibrium_are_the_published_ones(rule, radius):
    map = tussle.Map(tussle.Field(dirac(penalties=[tussle.r1(0.3)]).game), rule)
    found, _, _ = read(Probes("eigenvalues", eigen_every=1), map, tensors(0, 0))
    assert found["eigenvalues/flow_real"] == pytest.approx(-0.15, abs=1e-12)
    assert found["eigenvalues/flow_imaginary"] == pytest.approx(0.4769696007085, abs=1e-12)
    assert found["eigenvalues/update_radius"] == pytest.approx(radius, abs=1e-12)


def test_without_a_penalty_the_dirac_gan_only_rotates_and_r1_adds_its_share():
    shares = {}
    for gamma in (0.0, 0.3):
        map = tussle.Map(tussle.Field(dirac(penalties=[tussle.r1(gamma)]).game), simultaneous(tussle.sgd(0.2)))
        found = [read(Probes("rotation_share", seed=k), map, tensors(0, 0))[0]["rotation_share"] for k in range(40)]
        draws = [np.random.Generator(np.random.Philox(key=(k, 1))).standard_normal(2) for k in range(40)]
        wanted = [F**2 * (v @ v) / (F**2 * (v @ v) + gamma**2 * v[1] ** 2) for v in draws]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
        shares[gamma] = np.mean(found)
    assert shares[0.0] == pytest.approx(1.0, abs=1e-14)
    assert shares[0.3] < 0.9  # |A|^2 / |J|^2 = 2 F^2 / (2 F^2 + gamma^2) = 0.847


PATHS = {"R1 0.3": (0.3, 0.3939192986), "no penalty": (0.0, 0.0)}


@pytest.mark.parametrize(("gamma", "cosine"), PATHS.values(), ids=PATHS)
def test_path_angle_to_the_equilibrium_is_the_published_one(gamma, cosine):
    map = tussle.Map(tussle.Field(dirac(penalties=[tussle.r1(gamma)]).game), simultaneous(tussle.sgd(1e-9)))
    near = tensors(1e-5, 1e-5)  # on the way from (1, 1), where it is linear to 1e-10
    found, _, _ = read(Probes("path_angle"), map, near, anchor=(np.zeros(1), np.zeros(1)))
    assert found["path_angle/anchor"] == pytest.approx(cosine, abs=1e-8)
    one, _, _ = read(Probes("path_angle"), map, near, anchor=(None, np.zeros(1)))
    slope = F - gamma  # of psi's velocity along (1, 1)
    assert one["path_angle/anchor"] == pytest.approx(-np.sign(slope), abs=1e-8)


def test_the_anchor_is_the_average_of_a_rule_that_keeps_one():
    field = tussle.Field(dirac(penalties=[tussle.r1(0.3)]).game)
    map = tussle.Map(field, averaging(simultaneous(tussle.sgd(0.2))))
    start = tensors(1, 1)
    found, after, _ = read(Probes("path_angle"), map, start)
    x = np.array([float(v) for v in after])
    way = (np.ones(2) + x) / 2 - x
    v = np.array([float(y[0]) for y in field.at(after)])
    assert found["path_angle/anchor"] == pytest.approx(v @ way / np.linalg.norm(v) / np.linalg.norm(way), rel=1e-10)
    bare, _, _ = read(Probes("path_angle"), tussle.Map(field, simultaneous(tussle.sgd(0.2))), start)
    assert math.isnan(bare["path_angle/anchor"])


# Frozen critic against a moved generator: p = N(0,1), q = N(mu,1), D = sigma(4.5 - 3x) ------------------------------


def gaussian(name, **options):
    """The game of the reference table: theta is the mean of the fakes, the critic is that of theta = 3."""
    critic = lambda psi, x: psi[0] * x[:, 0] + psi[1]
    return GAN(lambda theta, z: theta + z, critic, Normal(order=91), Normal(order=91), loss(name, **options))


def moved(name, mu, first, **options):
    """Read a step in which only the generator moves, from mean 3 to mu."""
    map = tussle.Map(tussle.Field(gaussian(name, **options)), alternating(tussle.sgd(1.0), first=first))
    with tussle.autodiff.float64():
        before, after = (tussle.game.as_point(([mean], [-3.0, 4.5])) for mean in (3.0, mu))
        probes = Probes(["kappa", "weights", "real_share"])
        return probes.read(1, map, before, after, before, map.init(before), None)


@pytest.mark.parametrize(("mu", "rho", "fake"), [(1.5, 0.1647, 0.5), (0.0, 0.0986, 0.9014), (-1.0, 0.0911, 0.9834)])
def test_the_real_share_falls_where_the_generator_answers_a_frozen_critic_as_published(mu, rho, fake):
    found = moved("nonsaturating", mu, "generator")  # the critic's turn comes after the move
    assert found["real_share/start"] == pytest.approx(rho, abs=5e-5)
    assert found["kappa"] == pytest.approx(0.9014 + fake - 1, abs=1e-4)
    assert moved("rp-logistic", mu, "generator")["real_share/start"] == pytest.approx(0.5, abs=1e-12)


def test_the_critics_turn_is_before_the_generators_move_where_the_critic_begins():
    found = moved("nonsaturating", 0.0, "discriminator")
    assert found["real_share/start"] == pytest.approx(0.5, abs=5e-5)
    assert found["kappa"] == pytest.approx(0.0, abs=1e-6)


def test_weights_are_read_at_the_generators_turn():
    found = moved("minimax", 0.0, "generator")  # before its move: D(x_f) with x_f ~ N(3, 1)
    assert found["weights/q50"] == pytest.approx(sigma(-4.5), rel=1e-12)  # the middle node is at the mean
    z, chance = np.polynomial.hermite_e.hermegauss(91)
    small = sigma(4.5 - 3 * (3 + z)) < 1e-3
    assert found["weights/vanished"] == pytest.approx(chance[small].sum() / chance.sum(), abs=1e-12)


# Networks -----------------------------------------------------------------------------------------------------------


def networks(**options):
    """A small game of smooth networks in float64, with R1."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        one = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3))
        two = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1))
        data = torch.randn(40, 3).double()
    options = {"penalties": [tussle.r1(1.0)], "loss": "nonsaturating"} | options
    return network_gan(one.double(), two.double(), data=data, latent=2, **options)


def method(network, rule=None):
    return tussle.Map(tussle.Field(network.game), rule or alternating(tussle.sgd(0.5), first="discriminator"))


def by_hand(network, point, batch):
    """Outputs and lengths of input gradients from the modules, sample by sample."""
    generator, critic = network.modules(point)
    real = torch.as_tensor(np.asarray(batch.real.points)).double()
    fake = generator(torch.as_tensor(np.asarray(batch.latent.points)).double()).detach()
    outputs, lengths = [], []
    for x in (real, fake):
        samples = [sample.clone().requires_grad_() for sample in x]
        values = [critic(sample[None])[0, 0] for sample in samples]
        lengths.append(
            np.array([torch.autograd.grad(y, s)[0].norm().item() for y, s in zip(values, samples, strict=True)])
        )
        outputs.append(np.array([y.item() for y in values]))
    return outputs, lengths


def test_outputs_slopes_and_shares_of_networks_are_those_computed_by_hand():
    network = networks()
    batch = network.game.sampler(6)(0, 0)
    held = network.game.sampler(6)(1, 0)
    found, after, velocity = read(Probes(PLAIN), method(network), network.start, batch, held_out_batch=held)
    (r, f), (on_real, on_fake) = by_hand(network, network.start, batch)
    held_r = by_hand(network, network.start, held)[0][0]
    told = critic_reading(network.game.loss_function, r, f)
    begun = critic_reading(network.game.loss_function, *by_hand(network, (network.start[0], after[1]), batch)[0])
    wanted = {
        "gradient_norms/generator": float(velocity[0].norm()),
        "gradient_norms/discriminator": float(velocity[1].norm()),
        "input_gradients/real_mean": on_real.mean(),
        "input_gradients/real_max": on_real.max(),
        "input_gradients/fake_mean": on_fake.mean(),
        "input_gradients/fake_max": on_fake.max(),
        "fake_gradient/norm": np.sqrt(np.mean(on_fake**2)),
        "fake_gradient/over_real": np.sqrt(np.mean(on_fake**2) / np.mean(on_real**2)),
        "scores/real_mean": (r.mean() - f.mean()) / 2,
        "scores/fake_mean": (f.mean() - r.mean()) / 2,
        "scores/real_sd": r.std(),
        "scores/fake_sd": f.std(),
        "scores/level": (r.mean() + f.mean()) / 2,
        "kappa": sigma(r).mean() + sigma(f).mean() - 1,
        "pair_accuracy": np.mean([a > b for a, b in itertools.product(r, f)]),
        "real_share/start": told.rho,
        "real_share/end": begun.rho,
        **dict(zip([f"weights/q{q}" for q in ("05", "25", "50", "75", "95")], begun.quantiles, strict=True)),
        "weights/vanished": begun.vanished,
        "held_out_gap/score": r.mean() - held_r.mean(),
        "held_out_gap/share": (r.mean() - held_r.mean()) / (r.mean() - f.mean()),
        "held_out_gap/loss": np.log1p(np.exp(-r)).mean() - np.log1p(np.exp(-held_r)).mean(),
        "dominance/loss": told.loss / math.log(4),
        "dominance/share": told.estimate,
    }
    for key, value in wanted.items():
        assert found[key] == pytest.approx(value, rel=1e-9, abs=1e-12), key
    assert set(found) - set(wanted) == {"path_angle/anchor", "path_angle/turn", "rotation_share"}


def test_jacobian_probes_of_networks_are_those_of_the_dense_matrix():
    network = networks()
    batch = network.game.sampler(6)(0, 0)
    map = method(network, simultaneous(tussle.momentum(0.3, 0.5)))
    found, after, _ = read(Probes(eigen_every=1, seed=4), map, network.start, batch, step=9)
    J = tussle.field_jacobian(map.field, after, batch)
    v = np.random.Generator(np.random.Philox(key=(4, 9))).standard_normal(len(J))
    A, S = (J - J.T) / 2 @ v, (J + J.T) / 2 @ v
    assert found["rotation_share"] == pytest.approx(A @ A / (A @ A + S @ S), rel=1e-9)
    flow = np.linalg.eigvals(J)
    close = 2e-2 * np.abs(flow).max()  # Arnoldi stops at 1e-2 of the largest modulus
    assert found["eigenvalues/flow_real"] == pytest.approx(flow.real.max(), abs=close)
    assert found["eigenvalues/flow_imaginary"] == pytest.approx(np.abs(flow.imag).max(), abs=close)
    assert found["eigenvalues/flow_modulus"] == pytest.approx(np.abs(flow).max(), abs=close)
    # With a buffer m each lambda becomes the two roots of mu^2 - (1 + beta + h lambda) mu + beta = 0.
    roots = [np.abs(np.roots([1, -(1.5 + 0.3 * z), 0.5])).max() for z in flow]
    assert found["eigenvalues/update_radius"] == pytest.approx(max(roots), abs=2e-2)
    assert 0 < found["eigenvalues/products"] <= 2 * MOST
    start, now = (
        np.concatenate([x.numpy() for x in map.field(p, placed(batch, p[0]))]) for p in (network.start, after)
    )
    cosine = start @ now / np.linalg.norm(start) / np.linalg.norm(now)
    assert found["path_angle/turn"] == pytest.approx(cosine, rel=1e-10)


def test_under_instance_noise_the_outputs_are_those_that_the_loss_sees():
    network = networks(noise=0.4, penalties=[])
    batch = network.game.sampler(6)(0, 0)
    for names in (["scores"], ["scores", "input_gradients"]):
        found, _, _ = read(Probes(names), method(network), network.start, batch)
        real, fake = (x.points.numpy() for x in network.game.scores(network.start, placed(batch, network.start[0])))
        assert found["scores/level"] == pytest.approx((real.mean() + fake.mean()) / 2, rel=1e-12)
        assert found["scores/fake_sd"] == pytest.approx(fake.std(), rel=1e-12)


def test_a_stream_is_read_where_the_critic_begins():
    network = networks()
    for first, index in (("generator", 2), ("discriminator", 0)):
        map = method(network, alternating(tussle.sgd(0.5), (2, 1), first=first))
        stream = network.game.sampler(6).streams(3)(0, 0)
        assert isinstance(stream, Stream)
        found, after, _ = read(Probes(["scores"]), map, network.start, stream)
        theta = after[0] if first == "generator" else network.start[0]
        (r, f), _ = by_hand(network, (theta, network.start[1]), reading(stream, index))
        assert found["scores/level"] == pytest.approx((r.mean() + f.mean()) / 2, rel=1e-9)


def test_a_pair_of_batches_is_read_on_its_first():
    network = networks(penalties=[])
    field = tussle.consensus(0.1, unbiased=True)(tussle.Field(network.game))
    map = tussle.Map(field, simultaneous(tussle.sgd(0.1)))
    pair = network.game.sampler(6).pairs()(0, 0)
    assert isinstance(pair, Pair)
    found, _, _ = read(Probes(["scores", "rotation_share"]), map, network.start, pair)
    (r, f), _ = by_hand(network, network.start, pair.first)
    assert found["scores/level"] == pytest.approx((r.mean() + f.mean()) / 2, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "level", "least"),
    [
        ("nonsaturating", 2 * math.log(2), 0.0),
        ("least_squares", 0.25, 0.0),  # 1/2 (r - 1)^2 + 1/2 f^2 at r = f = 1/2
        ("hinge", 2.0, 0.0),
        ("rp-logistic", 2 * math.log(2), 0.0),
        ("wasserstein", 0.0, -math.inf),
        ("kl", 0.0, -math.inf),  # -V + exp(V - 1) is least at V = 1
    ],
)
def test_dominance_is_measured_from_the_best_constant_critic(name, level, least):
    assert ends(loss(name)) == pytest.approx((level, least), abs=1e-12)


def test_what_means_nothing_is_nan_and_keeps_its_column():
    network = networks(loss="hinge")
    found, _, _ = read(Probes(PLAIN), method(network), network.start, network.game.sampler(6)(0, 0))
    nan = {key for key, value in found.items() if math.isnan(value)}
    assert nan == {"kappa", "path_angle/anchor", "held_out_gap/score", "held_out_gap/share", "held_out_gap/loss"}


@pytest.mark.parametrize("name", ["minimax", "logit", "ra-logistic", "f_gan"])
def test_kappa_is_read_for_log_losses(name):
    network = networks(loss=name)
    found, _, _ = read(Probes("kappa"), method(network), network.start, network.game.sampler(6)(0, 0))
    assert abs(found["kappa"]) < 1


def test_held_out_data_may_be_fewer_than_the_batch_where_pairs_go_by_index():
    network = networks(loss=loss("rp-logistic", pairing="index"))
    batch, held = network.game.sampler(6)(0, 0), network.game.sampler(4)(1, 0)
    found, _, _ = read(Probes("held_out_gap"), method(network), network.start, batch, held_out_batch=held)
    (r, f), _ = by_hand(network, network.start, batch)
    held_r = by_hand(network, network.start, held)[0][0]
    wanted = 2 * np.log1p(np.exp(f - r)).mean() - 2 * np.log1p(np.exp(f[:4] - held_r)).mean()
    assert found["held_out_gap/loss"] == pytest.approx(wanted, rel=1e-9)


# Nothing of the run changes, and the same step gives the same numbers -----------------------------------------------


def test_a_run_with_probes_is_bit_for_bit_the_one_without():
    network = networks()
    network.discriminator.module.register_buffer("seen", torch.zeros(3))
    rule = alternating(tussle.adam(1e-2), first="discriminator")
    plain = train(method(network, rule), network.start, 4, batch=6, every=1)
    np.random.seed(5)  # noqa: NPY002  the process's own generator must stay where it is
    torch.manual_seed(5)
    states = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    buffers = {k: v.clone() for k, v in network.discriminator.module.state_dict().items()}
    map, point = method(network, rule), network.start
    state, probes = map.init(point), Probes(every=1, eigen_every=2)
    for step in range(1, 5):
        batch = placed(network.game.sampler(6).streams(2)(0, step - 1), point[0])
        drawn = [x for b in batch.batches for x in (b.real.points, b.latent.points)]
        copies = [x.clone() for x in drawn]
        after, later, info = map.step(point, state, batch)
        held = [x.clone() for x in (*after, *info.velocity, *later[0][:2], *later[1][:2])]
        probes.read(step, map, point, after, info.velocity, later, batch, network.game.sampler(6)(9, step))
        same = zip(held, (*after, *info.velocity, *later[0][:2], *later[1][:2]), strict=True)
        assert all(torch.equal(a, b) for a, b in same)
        assert all(itertools.starmap(torch.equal, zip(copies, drawn, strict=True)))
        assert not any(x.requires_grad for x in (*after, *drawn))
        point, state = after, later
    assert all(torch.equal(a, b) for a, b in zip(point, plain.point, strict=True))
    assert np.array_equal(states[0], np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(states[1], torch.get_rng_state())
    assert all(torch.equal(v, buffers[k]) for k, v in network.discriminator.module.state_dict().items())


def test_the_same_seed_and_step_give_the_same_numbers_and_others_another_direction():
    network = networks()
    batch = network.game.sampler(6)(0, 0)
    options = {"map": method(network), "point": network.start, "batch": batch}
    one, two = (read(Probes(eigen_every=1, seed=2), step=8, **options)[0] for _ in range(2))
    assert list(one) == list(two)
    np.testing.assert_array_equal(list(one.values()), list(two.values()))
    later = read(Probes(eigen_every=1, seed=2), step=9, **options)[0]
    other = read(Probes(eigen_every=1, seed=3), step=8, **options)[0]
    shares = {found["rotation_share"] for found in (one, later, other)}
    assert len(shares) == 3
    assert all(one[key] == later[key] for key in one if key.startswith(("scores", "weights", "path_angle/turn")))


def test_a_number_does_not_depend_on_which_other_probes_are_read():
    network = networks()
    batch, held = network.game.sampler(6)(0, 0), network.game.sampler(6)(1, 0)
    together, _, _ = read(Probes(PLAIN), method(network), network.start, batch, held_out_batch=held)
    for name in PLAIN:
        alone, _, _ = read(Probes(name), method(network), network.start, batch, held_out_batch=held)
        assert tuple(alone) == PROBES[name].columns
        for key, value in alone.items():
            assert value == pytest.approx(together[key], rel=1e-10, nan_ok=True), key


def test_what_probes_share_is_computed_once():
    network = networks()
    calls = []
    values = {**vars(network.game), "critic": lambda psi, x: calls.append(len(x)) or network.game.critic(psi, x)}
    game = GAN(**values)
    map = tussle.Map(tussle.Field(game), simultaneous(tussle.sgd(0.1)))
    batch, held = game.sampler(6)(0, 0), game.sampler(6)(1, 0)
    step = network.start, *map.step(network.start, map.init(network.start), placed(batch, network.start[0]))
    before, after, state, info = step
    names = [name for name in PLAIN if name not in ("path_angle", "rotation_share")]
    calls.clear()
    Probes(names).read(1, map, before, after, info.velocity, state, batch, held)
    assert len(calls) == 5  # real, fake and held-out data before the step; real and fake for the share after it
    calls.clear()
    Probes(["kappa", "scores", "dominance"]).read(1, map, before, after, info.velocity, state, batch)
    assert len(calls) == 2


# When, and at what cost ---------------------------------------------------------------------------------------------


def test_readings_come_at_their_interval_and_eigenvalues_at_their_own():
    probes = Probes(["scores", "eigenvalues"], every=3, eigen_every=4)
    assert [k for k in range(1, 13) if probes.due(k)] == [3, 4, 6, 8, 9, 12]
    network = networks()
    batch = network.game.sampler(6)(0, 0)
    kinds = {step: set(read(probes, method(network), network.start, batch, step=step)[0]) for step in (3, 4)}
    assert kinds[3] == set(PROBES["scores"].columns)
    assert kinds[4] == set(probes.columns) == set(PROBES["scores"].columns) | set(PROBES["eigenvalues"].columns)
    assert probes.repeatable
    assert [k for k in range(1, 9) if Probes("eigenvalues", every=1, eigen_every=4).due(k)] == [4, 8]
    assert not any(Probes([], every=1).due(k) for k in range(1, 4))


def test_all_probes_have_a_line_about_them_and_distinct_columns():
    assert all(len(p.summary) > 30 and p.summary.endswith((".", ",")) for p in PROBES.values())
    columns = Probes().columns
    assert len(columns) == len(set(columns))


class Watch:
    """A clock that moves only when told."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(probe_cost.time, "perf_counter", lambda: self.now)


@pytest.mark.parametrize(("one_step", "one_reading"), [(0.01, 0.05), (0.01, 0.9), (1.0, 0.01)])
def test_automatic_intervals_keep_to_the_budget_and_say_that_they_depend_on_time(monkeypatch, one_step, one_reading):
    watch, probes = Watch(monkeypatch), Probes(["gradient_norms"], every="auto", budget=0.05)
    map, point = tussle.Map(tussle.Field(dirac().game), simultaneous(tussle.sgd(0.1))), tensors(1, 1)
    true = probes._clock.spent
    monkeypatch.setattr(
        probes._clock, "spent", lambda kind: (setattr(watch, "now", watch.now + one_reading), true(kind))
    )
    steps, shares = [], []
    for k in range(1, 8000):
        watch.now += one_step
        if probes.due(k):
            probes.read(k, map, point, point, point, (), None)
            steps.append(k)
            shares.append(probes.cost.share)
    assert not probes.repeatable
    assert len(steps) > 2
    # Only the first reading, whose cost nobody knew, may break the budget.
    assert max(shares[1:]) <= 0.05 + 1e-12
    expected = max(one_reading * 0.95 / 0.05 / one_step, 1)
    assert np.mean(np.diff(steps[1:])) == pytest.approx(expected, rel=0.1)


def test_the_cost_says_how_much_of_the_loop_was_spent(monkeypatch):
    watch, probes = Watch(monkeypatch), Probes(["scores"], every=2)
    assert str(probes.cost) == "probes took 0.00 s of 0.0 s (0.0 %) in 0 reading(s)"
    network = networks()
    batch = network.game.sampler(4)(0, 0)
    true = probes._clock.spent
    monkeypatch.setattr(probes._clock, "spent", lambda kind: (setattr(watch, "now", watch.now + 1.5), true(kind)))
    probes.due(0)
    watch.now += 28.5
    assert probes.due(2)
    read(probes, method(network), network.start, batch, step=2)
    assert str(probes.cost) == "probes took 1.50 s of 30.0 s (5.0 %) in 1 reading(s)"
    assert probes.cost.share == pytest.approx(0.05)


# Bad requests -------------------------------------------------------------------------------------------------------

REFUSED = [
    ({"names": ["score"]}, "`probe` is 'score'; it may be one of .*; did you mean `scores`?"),
    ({"names": "rotation"}, "`probe` is 'rotation'; .*; did you mean `rotation_share`?"),
    ({"every": 0}, "`every` is 0; it must be a whole number of at least 1"),
    ({"every": "often"}, "`every` is 'often'; it may be a number of steps, or auto"),
    ({"eigen_every": 1.5}, "`eigen_every` is 1.5; it must be a whole number"),
    ({"seed": -1}, "`seed` is -1"),
    ({"budget": 0.0}, "`budget` is 0.0; it must be above 0"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_requests_that_cannot_be_met_are_refused_with_a_remedy(options, message):
    with pytest.raises(ValueError, match=message):
        Probes(**options)


def test_on_a_game_that_is_no_gan_the_field_is_read_and_a_critic_asked_for():
    game = tussle.ZeroSum(lambda x, y: (x * y).sum())
    map = tussle.Map(tussle.Field(game), simultaneous(tussle.sgd(0.1)))
    names = ["gradient_norms", "path_angle", "rotation_share", "eigenvalues"]
    found, _, _ = read(Probes(names, eigen_every=1), map, tensors(1, 2))
    assert found["rotation_share"] == pytest.approx(1.0)
    assert found["eigenvalues/update_radius"] == pytest.approx(math.hypot(1, 0.1), rel=1e-12)
    with pytest.raises(ValueError, match="`map` is on a ZeroSum; this probe reads a critic's outputs and needs a GAN"):
        read(Probes("kappa"), map, tensors(1, 2))
