"""The ledger on exact models: each row against a value known by another route."""

import json
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import norm

import tussle
from tussle import laws, losses, models
from tussle.assumptions import AssumptionLedger, Row, excess_risk, ledger
from tussle.assumptions.capacity_critic import critic_capacity
from tussle.assumptions.capacity_generator import generator_capacity
from tussle.assumptions.choice import choice
from tussle.assumptions.optimum import optimum
from tussle.assumptions.ratio import ratio
from tussle.assumptions.rows import NAMES, STATUSES
from tussle.assumptions.scene import scene
from tussle.gan import GAN
from tussle.measures import Atoms, Samples

LOG2 = math.log(2.0)
GANS = {
    "dirac": {},
    "gaussian": {},
    "isotropic": {},
    "erf-lsgan": {"case": "A"},
}


def affine(theta, z):
    return theta[0] + theta[1] * z


def bowl(psi, x):
    return psi[0] * x[:, 0] + psi[1] * x[:, 0] ** 2 + psi[2]


def line(psi, x):
    return psi[0] * x[:, 0] + psi[1]


TWO = laws.Mixture((laws.Normal(-4.0, 1.0), laws.Normal(4.0, 1.0)), (0.5, 0.5))


def gan(data, latent, loss="minimax", critic=bowl, sizes=(2, 3), generator=affine):
    return GAN(generator, critic, data, latent, losses.loss(loss), sizes=sizes)


def second(model, point=None, loss=None):
    """The row of the ratio alone."""
    seen = scene(model, point, None if loss is None else losses.loss(loss))
    return ratio(seen, optimum(seen))


def third(model, point=None, loss=None):
    """The row of the critic's capacity alone."""
    seen = scene(model, point, None if loss is None else losses.loss(loss))
    return critic_capacity(seen, optimum(seen))[0]


def fourth(model, point=None):
    """The row of the generator's capacity alone."""
    return generator_capacity(scene(model, point))


def fifth(model, point=None, loss=None):
    """The row of the choice of divergence alone."""
    seen = scene(model, point, None if loss is None else losses.loss(loss))
    return choice(seen, optimum(seen))


def softplus(t):
    return np.logaddexp(0.0, t)


def risk(critic, p, q):
    """The log loss of a critic by adaptive quadrature."""
    return quad(lambda x: p(x) * softplus(-critic(x)) + q(x) * softplus(critic(x)), -30, 30, limit=400, epsabs=1e-12)[0]


# Every model ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in models.MODELS if n not in ("bilinear", "quadratic")])
def test_every_gan_of_the_library_has_a_ledger_of_six_rows(name):
    found = ledger(models.MODELS[name](**GANS[name]))
    assert [row.name for row in found.rows] == list(NAMES)
    assert all(row.status in STATUSES and row.gap is not None and row.gap >= 0 for row in found.rows)
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["model"] == name
    assert [row["number"] for row in document["rows"]] == [1, 2, 3, 4, 5, 6]
    assert sorted(sum((found.numbers(s) for s in STATUSES), ())) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", ["bilinear", "quadratic"])
def test_a_game_that_is_no_gan_has_none(name):
    with pytest.raises(ValueError, match="the assumptions are those of a GAN"):
        ledger(models.MODELS[name]())


def test_the_loss_may_be_replaced():
    found = ledger(models.gaussian(), loss="hinge")
    assert found.loss == "hinge"
    assert found[2].status == "relaxed"  # sign(p - q) tells no ratio


# 1, absolute continuity -------------------------------------------------------------------------------------------


def test_the_dirac_gan_has_no_densities_at_all():
    found = ledger(models.dirac())
    assert (found[1].status, found[1].gap) == ("relaxed", 1.0)
    assert "neither has a density" in found[1].evidence


def test_instance_noise_gives_the_dirac_gan_densities():
    assert ledger(models.dirac(noise=0.5))[1].status == "held"


def test_mass_outside_the_other_law_is_counted():
    # Data exponential(1) on x > 0 against fakes -1 + U, U exponential(1): 1 - 1/e of the fakes lies where no data are.
    found = ledger(gan(laws.Exponential(1.0), laws.Exponential(1.0)), ([-1.0, 1.0], [0.0, 0.0, 0.0]))
    assert found[1].gap == pytest.approx(0.5 * (1 - math.exp(-1)), abs=1e-12)


def test_parallel_segments_have_no_common_mass_and_no_density():
    def segment(theta, z):
        return tussle.autodiff.namespace(z).concat((theta[0] + 0 * z, z), axis=1)

    def plane(psi, x):
        return x @ psi[:2] + psi[2]

    height = np.linspace(0.0, 1.0, 12)
    data = Atoms(np.stack([np.zeros(12), height], axis=1))
    game = GAN(segment, plane, data, laws.Uniform(0.0, 1.0), losses.loss("minimax"), sizes=(1, 3))
    found = ledger(game, ([1.0], [0.0, 0.0, 0.0]))
    assert (found[1].status, found[1].gap) == ("relaxed", 1.0)
    assert "no density" in found[1].evidence


# 2, the ratio -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slope", [-0.8, 0.0, 2.0])
def test_the_excess_risk_identity_holds_both_ways(slope):
    p, q = laws.Normal(0.0), laws.Normal(1.0, 1.5)
    found = excess_risk(lambda x: 0.5 + slope * x, p, q)
    assert found.direct == pytest.approx(found.identity, abs=1e-12)
    densities = (norm(0, 1).pdf, norm(1, 1.5).pdf)
    best = risk(lambda x: norm(0, 1).logpdf(x) - norm(1, 1.5).logpdf(x), *densities)
    assert found.identity == pytest.approx(risk(lambda x: 0.5 + slope * x, *densities) - best, abs=1e-9)


@pytest.mark.parametrize("loss", ["minimax", "least_squares", "exponential", "kl", "pearson", "rp-logistic"])
def test_smooth_losses_tell_the_ratio(loss):
    assert second(models.gaussian(), loss=loss).status == "held"


def test_a_hinge_tells_only_on_which_side_of_p_equal_q_a_point_is():
    # N(0,1) against N(1,1): what is left of JS is that of two coins with P(x < 1/2), P(x > 1/2).
    game = gan(laws.Normal(), laws.Normal(), "hinge")
    found = second(game, ([1.0, 1.0], [0.0, 0.0, 0.0]))
    share = norm.cdf(0.5)
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    js = LOG2 - 0.5 * risk(lambda x: 0.5 - x, norm(0, 1).pdf, norm(1, 1).pdf)
    assert js == pytest.approx(0.11142148, abs=5e-9)
    assert found.gap == pytest.approx(2 * js - 2 * (LOG2 - entropy), abs=1e-9)


def test_a_paired_hinge_loses_some_of_the_ratio_on_cells():
    row = second(models.gaussian(), loss="rp-hinge")
    assert row.status == "relaxed"
    assert row.error < 0.1 * row.gap  # what the cells themselves lose


def test_the_potential_of_shifted_laws_tells_their_ratio():
    game = gan(laws.Normal(), laws.Normal(), "wasserstein")
    assert second(game, ([1.0, 1.0], [0.0, 0.0, 0.0])).status == "held"


# 3, the critic's class --------------------------------------------------------------------------------------------


def test_a_critic_with_the_right_features_loses_nothing():
    # log of a ratio of normal laws is a parabola with an offset.
    row = third(gan(laws.Normal(), laws.Normal()), ([0.5, 1.5], [0.0, 0.0, 0.0]))
    assert row.status == "held"
    psi = np.array(row.values["psi"])
    s2, m = 1.5**2, 0.5
    exact = [-m / s2, 0.5 / s2 - 0.5, math.log(1.5) + 0.5 * m**2 / s2]
    assert psi == pytest.approx(exact, abs=1e-6)


def test_the_gap_of_a_critic_without_offset_is_its_excess_risk():
    row = third(models.gaussian())
    densities = (norm(0, 1).pdf, norm(0.5, 1.5).pdf)

    def of(psi):
        return risk(lambda x: -(psi[0] * x + 0.5 * psi[1] * x * x), *densities)

    least = minimize(of, [0.1, 0.1], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-13}).fun
    best = risk(lambda x: norm(0, 1).logpdf(x) - norm(0.5, 1.5).logpdf(x), *densities)
    assert row.gap == pytest.approx(least - best, abs=1e-10)
    assert row.values["excess risk"] == pytest.approx(row.gap, abs=1e-11)


def test_the_linear_critic_of_the_dirac_gan_loses_log_2():
    # C(0) = 0 whatever psi, so the data cost log 2, and the fake nothing as psi grows.
    row = third(models.dirac())
    assert row.gap == pytest.approx(LOG2, abs=1e-12)
    assert "at infinity" in row.evidence


def test_an_offset_gives_the_dirac_gan_a_critic_that_tells_everything():
    row = third(models.dirac(bias=True))
    assert row.status == "held"
    assert row.gap < 1e-12


def test_a_linear_critic_reaches_w1_of_shifted_laws():
    row = third(models.isotropic("wasserstein"))
    assert (row.status, row.unit) == ("held", "distance")
    assert row.values["optimal"] == pytest.approx(0.05 * math.sqrt(2), abs=1e-12)


def test_a_parabola_of_slope_1_falls_short_of_w1():
    # W1 of N(0,1) and N(1/2, 1.5): E|N(1/2, 1/2)|; the best parabola is a line, worth the difference of the means.
    w1 = 0.5 * (2 * norm.pdf(1.0) + (2 * norm.cdf(1.0) - 1))
    row = third(models.gaussian("wasserstein"))
    assert row.gap == pytest.approx(w1 - 0.5, abs=1e-9)


def test_the_least_squares_critic_against_its_normal_equations():
    # A critic linear in its features under least squares is a regression: labels 1 and 0, weights p and q.
    row = third(gan(laws.Normal(), laws.Normal(), "least_squares"), ([0.5, 1.5], [0.0, 0.0, 0.0]))
    x = np.linspace(-20, 20, 8001)
    p, q = norm(0, 1).pdf(x), norm(0.5, 1.5).pdf(x)
    features = np.stack([x, x * x, np.ones_like(x)])
    left, right = (features * (p + q)) @ features.T, features @ p
    psi = np.linalg.solve(left, right)
    c, best = psi @ features, p / (p + q)
    step = x[1] - x[0]
    exact = 0.5 * step * np.sum((p + q) * (c - best) ** 2)
    assert row.gap == pytest.approx(exact, rel=1e-8)


def test_an_infinite_divergence_leaves_the_gap_of_the_class_unknown():
    # chi2(q || p) of N(0.5, 1.5) and N(0, 1) is infinite, 1.5^2 being above 2.
    row = third(models.gaussian(), loss="neyman")
    assert row.status == "unknown"
    assert "is infinite" in row.evidence


def test_a_clip_bounds_the_class():
    free, bound = (third(models.gaussian(clip=c)) for c in (None, 0.01))
    assert bound.gap > free.gap
    assert np.abs(bound.values["psi"]).max() <= 0.01


# 4, the generator's class -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("theta", [[0.3, 1.5], [4.0, 1.0]])
def test_one_normal_law_for_two_modes_stays_twice_the_js_of_the_specification_away(theta):
    row = fourth(gan(TWO, laws.Normal()), (theta, [0.0, 0.0, 0.0]))
    assert row.status == "relaxed"
    assert row.gap == pytest.approx(2 * 0.20096, abs=1e-5)
    assert np.abs(row.values["theta"]) == pytest.approx([0.0, 4.085], abs=1e-3)


@pytest.mark.parametrize(
    ("loss", "theta"), [("wasserstein", (0.0, 4.0)), ("hinge", (3.52, 1.92)), ("exponential", (0.0, 4.013))]
)
def test_other_losses_have_the_best_normal_law_of_the_specification(loss, theta):
    row = fourth(gan(TWO, laws.Normal(), loss), ([0.3, 1.5], [0.0, 0.0, 0.0]))
    assert np.abs(row.values["theta"]) == pytest.approx(theta, abs=5e-3)


def test_generators_that_can_make_the_data_are_found():
    row = fourth(gan(Atoms((0.0, 1.0, 2.0)), Atoms((-1.0, 0.0, 1.0))), ([0.3, 1.5], [0.0, 0.0, 0.0]))
    assert row.status == "held"
    assert row.values["theta"] == pytest.approx([1.0, 1.0], abs=1e-9)


def test_no_density_comes_near_to_atoms_under_js():
    row = fourth(gan(Atoms((0.0, 1.0)), laws.Normal()), ([0.3, 1.5], [0.0, 0.0, 0.0]))
    assert row.gap == pytest.approx(2 * LOG2, abs=1e-12)
    assert "whatever theta" in row.evidence


def test_a_shifted_exponential_law_stops_where_the_data_begin():
    # Data of rate 1/2, fakes h + 1.5 E: h = 0 is best, and the paper's cost measures the total variation.
    row = fourth(models.erf_lsgan("A"))
    place = 6 * math.log(4 / 3)  # where the densities e^(-x/2)/2 and e^(-x/1.5)/1.5 cross
    exact = math.exp(-place / 2) - math.exp(-place / 1.5)
    assert row.gap == pytest.approx(exact, abs=1e-7)
    assert row.values["theta"] == pytest.approx([0.0], abs=1e-6)


# 5, the choice ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["minimax", "jensen_shannon", "f_gan"])
def test_zero_sum_log_losses_descend_js(loss):
    row = fifth(models.gaussian(), loss=loss)
    assert row.status == "held"
    assert row.values["descends"] == "2 JS(p, q)"


def test_the_nonsaturating_generator_descends_twice_kl_of_the_middle():
    game = gan(laws.Normal(), laws.Normal(), "nonsaturating")
    row = fifth(game, ([1.0, 1.0], [0.0, 0.0, 0.0]))
    assert row.status == "relaxed"
    assert row.values["descends"] == "2 KL(m || p)"
    assert row.values["w"] == pytest.approx([1 / (1 + u) for u in row.values["u"]], abs=1e-12)

    def share(x):  # N(0,1) against N(1,1): log p/q = 1/2 - x, so the pulls are q (1 - D) and q D
        d = 1 / (1 + math.exp(x - 0.5))
        return 0.5 * norm.pdf(x, 1) * abs((1 - d) / whole[0] - d / whole[1])

    def part(x, sign):
        return norm.pdf(x, 1) / (1 + math.exp(sign * (0.5 - x)))

    whole = [quad(part, -15, 15, args=(sign,), epsabs=1e-13)[0] for sign in (1.0, -1.0)]
    assert row.gap == pytest.approx(quad(share, -15, 17, epsabs=1e-12, limit=200)[0], abs=1e-8)
    kl = quad(lambda x: 0.5 * (norm.pdf(x) + norm.pdf(x, 1)) * (math.log1p(math.exp(x - 0.5)) - LOG2), -15, 15)[0]
    assert row.values["value"] == pytest.approx(2 * kl, abs=1e-9)


def test_the_pull_of_w1_is_the_same_on_every_fake():
    game = gan(laws.Normal(), laws.Normal(), "wasserstein")
    row = fifth(game, ([1.0, 1.0], [0.0, 0.0, 0.0]))
    whole = quad(lambda x: norm.pdf(x, 1) / (1 + math.exp(x - 0.5)), -15, 15)[0]
    exact = quad(lambda x: 0.5 * norm.pdf(x, 1) * abs(1 - 1 / (1 + math.exp(x - 0.5)) / whole), -15, 17, limit=200)[0]
    assert row.gap == pytest.approx(exact, abs=1e-8)


def test_a_hinge_pulls_only_where_its_critic_jumps():
    row = fifth(models.gaussian(), loss="hinge")
    assert row.gap == 1.0
    assert row.values["descends"] == "2 TV"


def test_labels_of_least_squares_have_the_weight_of_their_formula():
    # -(c* - c) dc*/dl with c* = D, c = 1 and the factor 1: (1 - D) D (1 - D).
    row = fifth(models.gaussian(), loss="least_squares")
    d = np.array(row.values["w of JS"])
    assert row.values["w"] == pytest.approx(d * (1 - d) ** 2, abs=1e-12)


def test_nothing_pulls_at_the_equilibrium():
    model = models.gaussian("nonsaturating")
    row = fifth(model, model.equilibrium)
    assert (row.status, row.gap) == ("unknown", None)
    assert "here neither pulls" in row.evidence
    assert fifth(model, model.equilibrium, "minimax").status == "held"


# JARE's toy ------------------------------------------------------------------------------------------------------


def test_the_isotropic_toy_misses_only_the_offset_of_its_critic():
    # log p/q of N(v, s I) and N(w, s I) is linear with the offset (|w|^2 - |v|^2) / 2 s.
    found = ledger(models.isotropic())
    assert found.numbers("relaxed") == (3,)
    s, v, w = 0.49, np.array([0.0, 2.0]), np.array([0.05, 2.05])
    way = (v - w) / np.linalg.norm(v - w)
    # Along the shift both laws are N(., s) on a line; the best critic through 0 uses x.way and the other direction.
    across = np.array([way[1], -way[0]])
    z, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    a, b = np.meshgrid(z, z)
    mass = np.outer(weights, weights).ravel()
    points = math.sqrt(s) * np.stack([a.ravel(), b.ravel()], axis=1)
    turn = np.stack([way, across], axis=1)
    x, y = points + v @ turn, points + w @ turn

    def of(psi):
        return mass @ softplus(-(x @ psi)) + mass @ softplus(y @ psi)

    least = minimize(of, [0.0, 0.0], method="BFGS", options={"gtol": 1e-12}).fun
    slope, offset = (v - w) @ way / s, (w @ w - v @ v) / (2 * s)
    best = mass @ softplus(-(slope * x[:, 0] + offset)) + mass @ softplus(slope * y[:, 0] + offset)
    assert found[3].gap == pytest.approx(least - best, rel=1e-6)


def test_pairs_take_the_offset_away():
    assert third(models.isotropic("rp-logistic")).status == "held"


# Wrong inputs -----------------------------------------------------------------------------------------------------


def test_wrong_inputs_are_told_in_one_sentence():
    model = models.gaussian()
    with pytest.raises(ValueError, match="`model` is int"):
        ledger(3)
    with pytest.raises(ValueError, match="`point` is missing"):
        ledger(model.game)
    with pytest.raises(ValueError, match="`point` has 3 number"):
        ledger(model, [1.0, 2.0, 3.0])
    bare = GAN(affine, bowl, laws.Normal(), laws.Normal(), losses.loss("minimax"))
    with pytest.raises(ValueError, match="one vector for each of the two players"):
        ledger(bare, 3.0)
    with pytest.raises(ValueError, match="`loss` is 'nothing'"):
        ledger(model, loss="nothing")
    with pytest.raises(ValueError, match="`loss` is int; it may be a Loss"):
        ledger(model, loss=3)
    with pytest.raises(ValueError, match="`samples` is 1"):
        ledger(model, samples=1)
    with pytest.raises(ValueError, match="`seed` is -1"):
        ledger(model, seed=-1)


def test_a_row_needs_an_error_with_its_gap_and_a_ledger_all_rows():
    with pytest.raises(ValueError, match="both must be numbers"):
        Row(1, "held", 0.1, None, "mass", "")
    with pytest.raises(ValueError, match="`number` is 7"):
        Row(7, "held", 0.0, 0.0, "mass", "")
    with pytest.raises(ValueError, match="they must be 1 to 6"):
        AssumptionLedger("m", "l", (Row(1, "held", 0.0, 0.0, "mass", ""),))


def test_a_generator_that_folds_a_line_leaves_what_needs_its_density_unknown():
    def folded(theta, z):
        return theta[0] + theta[1] * z * z

    found = ledger(gan(laws.Normal(), laws.Normal(), generator=folded), ([0.0, 1.0], [0.0, 0.0, 0.0]))
    assert found.numbers("unknown") == (1, 2, 3, 4, 5)
    assert "neither affine nor strictly monotone" in found[2].evidence
    assert found[2].gap is None
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["rows"][1]["gap"] is None


def test_data_that_are_samples_are_split():
    data = Samples(np.random.default_rng(3).normal(size=(40, 1)))
    atoms = Atoms(np.linspace(-1, 1, 7))
    found = ledger(gan(data, atoms, critic=line, sizes=(2, 2)), ([0.0, 1.0], [0.0, 0.0]))
    assert "trained on one half" in found[6].evidence
    assert found[1].gap == 1.0
