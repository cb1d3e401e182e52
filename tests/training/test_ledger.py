"""The ledger of real GANs: against exact laws, on runs that went well and badly, and what it refuses."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from tussle import losses
from tussle.assumptions import excess_risk
from tussle.assumptions.rows import AssumptionLedger
from tussle.data.planes import circle
from tussle.divergences import divergence
from tussle.laws import Normal
from tussle.measures import Samples
from tussle.networks import network_gan
from tussle.networks.dense import dense_gan
from tussle.networks.mlp import MLP
from tussle.training.folder import RunFolder
from tussle.training.ledger import gan_ledger, run_ledger
from tussle.training.ledger_critic import calibration, is_logit
from tussle.training.ledger_data import objective
from tussle.training.ledger_probes import Reading, affine
from tussle.training.recipes import recipe
from tussle.training.session import train_recipe

LAW = Normal((0.0, 0.0), 1.0)
QUIET = {
    "run__threads": 1, "log__every": 200, "log__checkpoint_every": 200, "log__probe_every": 0, "log__sample_every": 0,
    "log__samples": 4, "metrics__names": [],
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small networks are done before a second thread has begun."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def line(weights, offset):
    """A linear network with given weights."""
    made = torch.nn.Linear(len(weights[0]), len(weights))
    with torch.no_grad():
        made.weight.copy_(torch.tensor(weights))
        made.bias.copy_(torch.tensor(offset))
    return made


def affine_gan(matrix=((1.0, 0.0), (0.0, 1.0)), shift=(1.0, 0.0), critic=None, **parts):
    """An affine map of normals against a critic; the data are standard normals."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        critic = MLP(2, None, 16, 1, "silu") if critic is None else critic
    parts = {"data": LAW, "latent": len(matrix[0]), "loss": "nonsaturating", **parts}
    return network_gan(line(matrix, shift), critic, **parts)


def measured(made, **options):
    """The ledger of a GAN where it starts, on few samples."""
    options = {"held_out": LAW, "samples": 1000, "probe_steps": 60, **options}
    return gan_ledger(made, made.start, **options)


# Against exact laws ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shifted():
    """N(0, I) against N((1, 0), I), under a critic that says three times the log ratio 1/2 - x."""
    return measured(affine_gan(critic=line([[-3.0, 0.0]], [1.5])), samples=4000, probe_steps=120)


def test_the_bound_of_js_lies_below_the_exact_one_and_near_it(shifted):
    exact = divergence("js", LAW, Normal((1.0, 0.0), 1.0)).value
    assert exact == pytest.approx(0.111421, abs=1e-6)  # spec 4.3, verified
    found, error = shifted[2].values["js bound"], shifted[2].values["js bound error"]
    assert error < 0.01
    assert exact - error - 0.005 < found < exact + error


def test_a_map_that_bends_covariances_is_bounded_too():
    root = ((1.0, 0.6), (0.0, 0.5))
    found = measured(affine_gan(root, (0.5, -0.5)), samples=2000, probe_steps=150)[2]
    covariance = np.array(root) @ np.array(root).T
    exact = divergence("js", LAW, Normal((0.5, -0.5), np.linalg.cholesky(covariance))).value
    assert exact - 0.03 < found.values["js bound"] < exact + found.values["js bound error"]


def test_the_excess_risk_of_a_critic_is_that_of_the_exact_identity(shifted):
    exact = excess_risk(lambda x: 1.5 - 3 * x, Normal(0.0), Normal(1.0)).identity
    assert shifted[2].status == "relaxed"
    assert shifted[2].gap == pytest.approx(exact, abs=shifted[2].error)


def test_a_critic_that_says_the_log_ratio_lacks_nothing_and_is_calibrated():
    found = measured(affine_gan(critic=line([[-1.0, 0.0]], [0.5])))[2]
    assert found.status == "held"
    assert found.values["calibration error"] < 2 * found.values["calibration floor"]
    assert abs(found.values["kappa"]) < 0.03


def test_an_affine_reading_takes_no_offence_at_the_scale_of_a_hinge():
    found = measured(affine_gan(critic=line([[-30.0, 0.0]], [7.0]), loss="hinge"))[2]
    assert found.status == "held"
    assert found.values["scale"] == pytest.approx(1 / 30, rel=0.2)
    assert found.values["shift"] == pytest.approx(0.5 - 7 / 30, abs=0.15)


def test_what_a_linear_critic_cannot_tell_is_nearly_all_of_js():
    found = measured(affine_gan(((2.0, 0.0), (0.0, 2.0)), (0.0, 0.0), line([[0.1, 0.1]], [0.0])), probe_steps=150)[3]
    whole = 2 * divergence("js", LAW, Normal((0.0, 0.0), 2.0)).value
    assert found.status == "relaxed"
    assert 0.8 * whole - found.error < found.gap < whole + found.error


def test_the_pull_of_the_nonsaturating_loss_is_that_of_quadrature(shifted):
    def mean(f):
        return quad(lambda x: f(1 / (1 + math.exp(x - 0.5))) * norm.pdf(x, 1.0), -9, 11)[0]

    sizes = mean(lambda d: 1 - d), mean(lambda d: d)
    exact = 0.5 * mean(lambda d: abs((1 - d) / sizes[0] - d / sizes[1]))
    assert shifted[5].gap == pytest.approx(exact, abs=0.03)
    assert shifted[5].values["weights"][2] == pytest.approx(1 / (1 + math.exp(-0.5)), abs=0.04)  # at the median x = 1
    assert "2 KL(m || p)" in shifted[5].evidence


def test_a_generator_that_makes_the_law_is_held_to_the_errors_of_the_samples():
    found = measured(affine_gan(shift=(0.0, 0.0), loss="minimax"))
    assert [found[k].status for k in (1, 3, 4, 5, 6)] == ["held"] * 5
    assert found.numbers("unknown") == ()
    assert found[4].gap <= found[4].error < 0.02


def test_tied_losses_have_the_weights_of_their_own_optimum():
    """Against the pair loss's optimum C = log(p/q), dL_G/df = -2 E_p sigma(r - f), read by quadrature."""
    found = measured(affine_gan(loss="rp-logistic"), samples=2000, probe_steps=120)[5]
    median = quad(lambda x: 2 / (1 + math.exp(-((0.5 - x) + 0.5))) * norm.pdf(x), -9, 9)[0]  # f = -1/2 at the median
    assert found.values["weights"][2] == pytest.approx(median, abs=0.08)


@pytest.mark.parametrize(
    ("loss", "reason"), [("wasserstein", "potential of transport"), ("hinge", "jumps where p = q")]
)
def test_losses_whose_pull_no_ratio_tells_leave_the_choice_unknown(loss, reason):
    found = measured(affine_gan(loss=loss), samples=200, probe_steps=10)[5]
    assert found.status == "unknown"
    assert reason in found.evidence


# Where things go wrong ------------------------------------------------------------------------------------------------


def test_a_generator_far_away_shares_nothing_with_the_data():
    found = measured(affine_gan(shift=(30.0, 0.0), loss="minimax"), samples=2000, probe_steps=200)
    assert found[1].status == "relaxed"
    assert found[1].gap == pytest.approx(1.0, abs=0.02)
    assert 0.66 < found[2].values["js bound"] <= math.log(2)
    assert found[5].values["weights"][2] < 0.01  # D(x) on fakes is what moves them, and it is 0
    assert "parts both sides" in found[5].evidence
    assert found[4].status == "unknown"


def test_a_constant_generator_has_rank_0_and_one_sample():
    found = measured(affine_gan(((0.0, 0.0), (0.0, 0.0)), (0.5, 0.5)))
    assert (found[1].status, found[1].gap, found[1].values["rank"]) == ("relaxed", 1.0, 0)
    assert found[6].values["support"] == pytest.approx(1.0)
    assert 0.2 < found[2].values["js bound"] < math.log(2)  # a smooth probe sees little of one point


def test_one_latent_cannot_fill_the_plane_whatever_its_weights():
    found = measured(affine_gan(((1.0,), (0.5,)), (0.0, 0.0)), samples=200, probe_steps=10)
    assert (found[1].status, found[1].gap) == ("relaxed", 1.0)
    assert (found[4].status, found[4].gap) == ("relaxed", pytest.approx(math.log(2)))


@pytest.mark.parametrize(
    ("generator", "latent", "shape", "rank"),
    [
        (torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 300)), (3, 1, 1), (300,), 3),
        (torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)), 2, (2,), 2),
    ],
    ids=["many dimensions", "batch norm"],
)
def test_the_rank_is_read_in_many_dimensions_and_across_a_batch(generator, latent, shape, rank):
    data = np.random.default_rng(0).normal(size=(60, *shape)).astype(np.float32)
    made = network_gan(generator, torch.nn.Linear(shape[0], 1), data=data, latent=latent)
    found = measured(made, held_out=data[:30] + 0.1, samples=60, probe_steps=3)
    assert found[1].values["rank"] == rank
    assert f"rank {rank} of {shape[0]}" in found[1].evidence


def test_dense_games_are_read_as_the_networks_they_stand_for():
    made = dense_gan("mlp", data=LAW, latent=2, options={"latent": 2, "width": 4, "depth": 1})
    found = [measured(one, samples=60, probe_steps=3).to_json() for one in (made, made.network)]
    assert found[0] == found[1]


def test_data_on_a_curve_have_no_density():
    found = measured(affine_gan(data=circle()), held_out=circle(), samples=200, probe_steps=10)[1]
    assert (found.status, found.gap) == ("relaxed", 1.0)
    assert "no density" in found.evidence


def test_instance_noise_gives_a_constant_generator_a_density():
    found = measured(affine_gan(((0.0, 0.0), (0.0, 0.0)), (0.0, 0.0), noise=1.0))
    assert found[1].status == "held"
    exact = divergence("js", Normal((0.0, 0.0), math.sqrt(2.0)), Normal((0.0, 0.0), 1.0)).value
    assert found[2].values["js bound"] < exact + found[2].values["js bound error"]


def test_a_generator_that_repeats_its_data_is_found_out_by_their_neighbors():
    known = LAW.sample(np.random.default_rng(5), 60).astype(np.float32)
    found = measured(affine_gan(shift=(0.0, 0.0), data=known, latent=Samples(known)), samples=300, probe_steps=10)
    assert found[6].status == "relaxed"
    assert found[6].values["nearer to training data"] == 1.0


def test_without_held_out_data_nothing_is_said_of_new_data():
    known = LAW.sample(np.random.default_rng(1), 200).astype(np.float32)
    found = measured(affine_gan(data=known), held_out=None, probe_steps=10)
    assert found.numbers("unknown") == (1, 2, 3, 4, 6)
    assert "no data were held out" in found[2].evidence
    few = measured(affine_gan(data=known), held_out=known[:5], probe_steps=10)
    assert "only 5 samples were held out" in few[6].evidence


# Runs -----------------------------------------------------------------------------------------------------------------


def test_a_run_in_the_plane_that_went_well_keeps_its_critic_from_overfitting(tmp_path):
    small = {"networks__depth": 1, "networks__width": 24, "networks__latent": 2, "run__batch": 64, "run__steps": 800}
    normal = {"name": "gaussian", "std": 1.0}
    train_recipe(recipe("ring-8", **QUIET, **small, data=normal, average__decay=0.99, pace__lr=3e-3), tmp_path)
    found = run_ledger(tmp_path, samples=1000, probe_steps=60)
    assert isinstance(found, AssumptionLedger)
    assert found.model == "ring-8"
    assert found[1].status == "held"
    assert found[6].status == "held"
    assert found[2].values["js bound"] < 0.05
    assert "drawn afresh" in found[6].evidence


def test_a_critic_of_twenty_samples_knows_them_by_heart(tmp_path):
    points = LAW.sample(np.random.default_rng(0), 420).astype(np.float32)
    np.save(tmp_path / "points.npy", points)
    train_recipe(
        recipe(
            "ring-8", **QUIET, run__batch=64, run__steps=400, networks__depth=1, networks__width=48, penalties=[],
            networks__latent=2, loss={"name": "nonsaturating"}, pace__lr=(1e-4, 1e-2),
            data={"name": str(tmp_path / "points.npy"), "held_out": 400 / 420},
        ),
        tmp_path / "run",
    )  # fmt: skip
    found = run_ledger(tmp_path / "run", samples=1000, probe_steps=20)[6]
    assert found.status == "relaxed"
    assert found.gap > 2 * found.error > 0
    assert found.values["score gap"] > found.values["score error"]
    assert "trained on 20 samples" in found.evidence


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A conditional run on digits, hardly trained."""
    path = tmp_path_factory.mktemp("images") / "run"
    networks = {"name": "dcgan", "size": 8, "layers": 2, "width": 2, "latent": 4, "channels": 1, "classes": 10}
    quiet = QUIET | {"log__checkpoint_every": 2}
    train_recipe(recipe("digits-quick", **quiet, run__batch=8, run__steps=4, networks=networks, log__keep=2), path)
    return path


def test_a_ledger_repeats_itself_and_leaves_the_run_as_it_was(images):
    before = {p: p.read_bytes() for p in images.rglob("*") if p.is_file()}
    first, second = (run_ledger(images, samples=60, probe_steps=4, seed=3).to_json() for _ in range(2))
    assert first == second
    assert {p: p.read_bytes() for p in images.rglob("*") if p.is_file()} == before
    assert run_ledger(images, samples=60, probe_steps=4, seed=4).to_json() != first


def test_a_conditional_run_is_read_without_its_labels(images):
    found = run_ledger(images, samples=60, probe_steps=4)
    assert (found[1].values["rank"], found[1].values["latent"]) == (4, 4)
    assert "rank 4 of 64" in found[1].evidence
    assert "twice the width" in found[3].values["larger"]
    assert "the averaged generator" in found.note


def test_a_kept_checkpoint_is_read_by_its_step(images):
    assert "after 2 steps" in run_ledger(images, step=2, samples=40, probe_steps=2).note
    assert "after 4 steps" in run_ledger(images, samples=40, probe_steps=2).note


def test_an_exact_model_that_was_sampled_has_the_exact_ledger(tmp_path):
    train_recipe(recipe("dirac-noise", run__steps=3), tmp_path)
    found = run_ledger(tmp_path)
    assert len(found.point) == 2
    assert "exact laws" in found.note


# Parts ----------------------------------------------------------------------------------------------------------------


def test_the_variance_of_a_plain_loss_is_that_of_its_terms():
    real, fake = np.random.default_rng(0).normal(size=(2, 50))
    value, variance = objective(losses.loss("nonsaturating"), real, fake)
    terms = np.logaddexp(0, -real)
    assert value == pytest.approx(terms.mean() + np.logaddexp(0, fake).mean(), rel=1e-12)
    assert variance == pytest.approx(terms.var(ddof=1) / 50, rel=1e-12)


@pytest.mark.parametrize("name", ["rp-logistic", "ra-least_squares", "rc-logistic"])
def test_the_variance_of_a_tied_loss_is_that_of_resampled_data(name):
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(2, 200))
    loss = losses.loss(name)
    variance = objective(loss, real, fake)[1]
    again = [objective(loss, rng.choice(real, 200), fake)[0] for _ in range(300)]
    assert np.var(again) == pytest.approx(variance, rel=0.35)  # 300 draws: 8 % each way, four deviations


def test_an_affine_reading_of_parted_outputs_stays_finite():
    scale, shift = affine(np.array([5.0, 6.0, 7.0]), np.array([-1.0, -2.0, -3.0]))
    assert 0 < scale < 100
    assert math.isfinite(shift)
    assert affine(np.ones(4), np.ones(4)) == (0.0, 0.0)


def test_calibration_counts_what_is_said_too_surely():
    """D = 0.9 on all of both sides, of which one half is real: the error is 0.4, kappa 0.8."""
    logit = np.full(500, math.log(9.0))
    found = calibration(Reading("c", lambda x: x, 1.0, 0.0, 0.0, logit, logit))
    assert found.error >= 0.4 - 1e-12  # no less in any bins of ties
    assert found.kappa == pytest.approx(0.8, abs=1e-12)


def test_logits_are_the_outputs_of_plain_log_losses_alone():
    said = {name: is_logit(losses.loss(name)) for name in ("minimax", "nonsaturating", "jensen_shannon", "hinge")}
    assert said == {"minimax": True, "nonsaturating": True, "jensen_shannon": True, "hinge": False}
    assert not is_logit(losses.loss("ra-logistic"))


# Refusals -------------------------------------------------------------------------------------------------------------


def test_folders_without_a_run_are_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no run"):
        run_ledger(tmp_path)


def test_a_run_without_a_checkpoint_is_refused(tmp_path):
    RunFolder(tmp_path).begin(recipe("digits-quick"))
    with pytest.raises(ValueError, match="holds a run without a checkpoint"):
        run_ledger(tmp_path)


def test_steps_that_were_not_kept_are_refused(images):
    with pytest.raises(ValueError, match=r"`step` is 3; the run kept 2, 4"):
        run_ledger(images, step=3)
    with pytest.raises(ValueError, match="`step` is -1"):
        run_ledger(images, step=-1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 1}, "`samples` is 1"),
        ({"probe_steps": 0}, "`probe_steps` is 0"),
        ({"seed": -1}, "`seed` is -1"),
        ({"held_out": np.zeros((3, 2), int)}, r"`held_out` has shape \(3, 2\) and dtype int"),
        ({"data": np.full((3, 2), np.nan)}, r"`data` has shape .* must be finite samples"),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        measured(affine_gan(), **options)


def test_games_and_points_of_another_kind_are_refused():
    made = affine_gan()
    with pytest.raises(ValueError, match="`game` is a GAN; it must be a NetworkGAN"):
        gan_ledger(made.game, made.start)
    with pytest.raises(ValueError, match=r"`point` has vectors of lengths \(6, 6\)"):
        gan_ledger(made, (made.start[0], made.start[0]))
