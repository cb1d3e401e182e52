"""Optimal critics on finite spaces: published values, a second optimizer, duality, and what is refused."""

import json
import math

import numpy as np
import pytest
from scipy import optimize

import tussle
from tussle import losses, payoffs
from tussle.critics import loss_divergences, optimal_critic
from tussle.critics.finite import within
from tussle.critics.masses import masses
from tussle.critics.newton import critic_loss

P, Q = np.array([0.7, 0.2, 0.1]), np.array([0.2, 0.3, 0.5])
LINE = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))

# The reference instance, payoff by coupling; and ralf-hinge, which is 2 (1 - min p/q) = 1.6 by hand.
TABLE = {
    "logistic": (0.30271622, 0.52382303, 0.76083624, 0.80254258, 0.30264411),
    "least_squares": (0.56444444, 0.88041594, 1.22262335, 1.33491686, 0.56444444),
    "hinge": (1.0, 1.1, 1.36363636, 1.6, 0.96),
    "exponential": (0.31455698, 0.57964091, 0.96126381, 0.98250748, 0.31446973),
}
PLAIN = {"logistic": "minimax", "least_squares": "least_squares,a=-1,b=1,c=0,scale=2"}
CELLS = {
    (PLAIN.get(payoff, payoff) if not prefix else f"{prefix}-{payoff}"): value
    for payoff, row in TABLE.items()
    for prefix, value in zip(("", "rp", "ra", "ralf", "rc"), row, strict=True)
}


def random_pair(rng, n, zeros=0):
    p, q = rng.dirichlet(np.full(n, 2.0)), rng.dirichlet(np.full(n, 0.7))
    if zeros:
        p[0], q[-1] = 0.0, 0.0
    return p / p.sum(), q / q.sum()


# Values -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "value"), CELLS.items())
def test_the_published_table_is_reproduced(name, value):
    found = optimal_critic(name, P, Q)
    assert found.divergence == pytest.approx(value, abs=5e-9)
    assert found.gap < 1e-12
    assert math.isnan(found.formula) or found.divergence == pytest.approx(found.formula, abs=1e-12)


@pytest.mark.parametrize(
    "name", ["minimax", "exponential", "rp-logistic", "ra-least_squares", "ra-exponential", "ralf-exponential"]
)
def test_newton_finds_what_the_formula_says(name):
    known, found = optimal_critic(name, P, Q), optimal_critic(name, P, Q, route="newton")
    assert found.route == "newton"
    assert found.divergence == pytest.approx(known.formula, abs=1e-12)
    assert found.critic == pytest.approx(known.critic, abs=1e-6)


PAYOFF = {
    "logistic": lambda y: np.logaddexp(0, -y),
    "exponential": lambda y: np.exp(-y) - 1,
}


@pytest.mark.parametrize("coupling", ["average", "one_sided", "centered"])
@pytest.mark.parametrize("payoff", PAYOFF)
def test_a_second_optimizer_with_its_own_formulas_agrees(payoff, coupling):
    rng = np.random.default_rng(3)
    p, q = random_pair(rng, 3)
    f = PAYOFF[payoff]

    def lost(c):
        r, g = p @ c, q @ c
        if coupling == "average":
            return p @ f(c - g) + q @ f(r - c)
        if coupling == "one_sided":
            return 2 * (p @ f(c - g))
        return p @ f(c - (r + g) / 2) + q @ f((r + g) / 2 - c)

    best = min((optimize.minimize(lost, s, tol=1e-12) for s in np.eye(3)), key=lambda x: x.fun)
    prefix = {"average": "ra", "one_sided": "ralf", "centered": "rc"}[coupling]
    found = optimal_critic(f"{prefix}-{payoff}", p, q)
    assert found.value == pytest.approx(-best.fun, abs=1e-9)


def test_no_critic_does_better():
    rng = np.random.default_rng(0)
    p, q = random_pair(rng, 3)
    m = masses(p, q)
    for name in ("kl", "neyman", "rp-hinge", "ra-logistic", "smooth_tv"):
        found, made = optimal_critic(name, p, q), losses.loss(name)
        best = within(found.critic, m)
        for _ in range(10):
            other = best + 10 ** rng.uniform(-3, 0.5) * rng.standard_normal(3)
            assert -critic_loss(made, other, m) <= found.value + 1e-12


@pytest.mark.parametrize("name", [n for n in tussle.loss_names() if "wasserstein" not in n and "-alpha" not in n])
def test_laws_that_agree_are_at_distance_0(name):
    found = optimal_critic(name, P, P)
    assert found.divergence == pytest.approx(0.0, abs=1e-14)
    assert found.value == pytest.approx(found.rest, abs=1e-14)


@pytest.mark.parametrize("name", ["minimax", "rp-logistic", "ra-logistic", "ralf-logistic", "rc-logistic"])
def test_disjoint_laws_are_at_the_maximum_under_every_coupling(name):
    found = optimal_critic(name, (0.5, 0.5, 0.0), (0.0, 0.0, 1.0))
    assert found.maximum == pytest.approx(2 * math.log(2), abs=1e-15)
    assert found.divergence == pytest.approx(found.maximum, abs=1e-12)


@pytest.mark.parametrize(
    ("p", "q", "separable", "paired"),
    [
        ((0.5, 0.5, 0), (0.5, 0.5, 0), -0.6931, -0.6931),
        ((0.5, 0.5, 0), (1, 0, 0), -0.4774, -0.3466),
        ((0.5, 0.5, 0), (0.5, 0, 0.5), -0.3466, -0.1733),
        ((0.5, 0.5, 0), (0, 0, 1), 0.0, 0.0),
        ((1 / 3, 1 / 3, 1 / 3, 0), (2 / 3, 0, 1 / 3, 0), -0.5493, -0.4432),
        ((1 / 3, 1 / 3, 1 / 3, 0), (1 / 3, 0, 1 / 3, 1 / 3), -0.4621, -0.3081),
    ],
)
def test_the_landscape_of_collapse_has_the_published_values(p, q, separable, paired):
    # phi = sup of minus half the loss: JS - log 2, of all pairs for the paired loss.
    assert optimal_critic("minimax", p, q).value / 2 == pytest.approx(separable, abs=5.1e-5)
    assert optimal_critic("rp-logistic", p, q).value / 2 == pytest.approx(paired, abs=5.1e-5)


# Critics ------------------------------------------------------------------------------------------------------------


def test_critics_are_infinite_where_one_law_alone_has_mass_and_0_where_none_has():
    found = optimal_critic("minimax", (0.5, 0.5, 0.0, 0.0), (0.0, 0.5, 0.5, 0.0))
    assert found.critic.tolist() == [np.inf, 0.0, -np.inf, 0.0]
    assert found.divergence == pytest.approx(math.log(2), abs=1e-15)


def test_relativistic_critics_are_centered():
    for name in ("rp-logistic", "ra-least_squares", "ralf-exponential", "rc-hinge", "ra-logistic"):
        critic = optimal_critic(name, P, Q).critic
        assert (P + Q) @ critic == pytest.approx(0.0, abs=1e-12)


def test_infinite_divergences_are_infinite():
    for name, route in (("kl", "newton"), ("kl", "formula"), ("pearson", "formula")):
        assert optimal_critic(name, (0.5, 0.5, 0.0), (0.5, 0.0, 0.5), route=route).divergence == math.inf
    assert optimal_critic("ralf-least_squares", (1.0, 0.0), (0.5, 0.5)).divergence == pytest.approx(2.0, abs=1e-14)


# Programmes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hinge", "rp-hinge", "ra-hinge", "ralf-hinge", "rc-hinge"])
def test_the_multipliers_prove_the_hinge_optimum(name):
    rng = np.random.default_rng(1)
    for zeros in (0, 1):
        p, q = random_pair(rng, 6, zeros)
        found = optimal_critic(name, p, q, route="program")
        assert found.gap < 1e-9
        assert -critic_loss(losses.loss(name), found.critic, masses(p, q)) == pytest.approx(found.value, abs=1e-12)


def test_the_one_sided_hinge_is_governed_by_the_rarest_ratio():
    rng = np.random.default_rng(2)
    p, q = random_pair(rng, 6)
    assert optimal_critic("ralf-hinge", p, q).divergence == pytest.approx(2 * (1 - (p / q).min()), abs=1e-10)


def test_the_centered_hinge_is_at_most_twice_total_variation():
    rng = np.random.default_rng(4)
    for _ in range(10):
        p, q = random_pair(rng, 4)
        assert optimal_critic("rc-hinge", p, q).divergence <= np.abs(p - q).sum() + 1e-12


@pytest.mark.parametrize(("name", "factor"), [("wasserstein", 1), ("rp-wasserstein", 2), ("ralf-wasserstein", 2)])
def test_the_wasserstein_critic_is_worth_the_distance_between_distribution_functions(name, factor):
    rng = np.random.default_rng(5)
    p, q = random_pair(rng, 7)
    x = np.sort(rng.standard_normal(7))
    found = optimal_critic(name, p, q, distance=np.abs(np.subtract.outer(x, x)))
    by_cdf = np.abs(np.cumsum(p - q)[:-1]) @ np.diff(x)
    assert found.divergence == pytest.approx(factor * by_cdf, abs=1e-10)
    assert found.formula == pytest.approx(factor * by_cdf, abs=1e-10)
    assert np.all(np.abs(np.subtract.outer(found.critic, found.critic)) <= np.abs(np.subtract.outer(x, x)) + 1e-9)
    assert found.name == ("W1(p, q)" if factor == 1 else "2 W1(p, q)")


# Options ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [(0.0, 1.0), (-1.0, 1.0), (-2.0, 2.0), (0.3, 0.9)])
def test_least_squares_with_any_labels_measure_delta(labels):
    a, b = labels
    found = optimal_critic("least_squares", P, Q, a=a, b=b)
    assert found.critic == pytest.approx((b * P + a * Q) / (P + Q), abs=1e-14)
    assert found.divergence == pytest.approx((b - a) ** 2 / 8 * 0.5644444444, abs=1e-10)
    assert found.gap < 1e-15


@pytest.mark.parametrize("coupling", ["paired", "average", "one_sided", "centered"])
def test_labels_and_margins_only_stretch_relativistic_losses(coupling):
    prefix = {"paired": "rp", "average": "ra", "one_sided": "ralf", "centered": "rc"}[coupling]
    square, hinge = payoffs.Square(3.0, 0.5), payoffs.HingePayoff(3.0)
    for name, payoff, factor in (("least_squares", square, 4.5), ("hinge", hinge, 3.0)):
        mirror = payoffs.Mirror(payoff)
        made = losses.Loss(payoff, mirror, mirror, payoff, coupling)
        one, wide = optimal_critic(f"{prefix}-{name}", P, Q), optimal_critic(made, P, Q)
        assert wide.divergence == pytest.approx(factor * one.divergence, abs=1e-9)
        assert wide.gap < 1e-10


def test_scales_and_orders_count():
    assert optimal_critic("minimax", P, Q, scale=0.5).divergence == pytest.approx(0.1513581116, abs=1e-10)
    order = optimal_critic("f_alpha,a=2", P, Q)
    assert order.divergence == pytest.approx(1.6033333333 / 2, abs=1e-10)
    assert order.gap < 1e-12
    half = optimal_critic("ra-alpha", P, Q)
    assert half.divergence == pytest.approx(0.96126381, abs=5e-9)


def test_a_loss_of_ones_own_is_solved_without_a_name():
    # f1(y) = log(1 + exp(-y)) + y^2/20, mirrored: strictly convex, so that its slope vanishes at the optimum.
    def payoff(y):
        return losses.Logistic()(y) + y * y / 20

    own = payoffs.Function(payoff)
    mirror = payoffs.Mirror(own)
    found = optimal_critic(losses.Loss(own, mirror, mirror, own), P, Q)
    d = 1 / (1 + np.exp(-found.critic))
    assert -P * (1 - d) + Q * d + (P + Q) * found.critic / 10 == pytest.approx(np.zeros(3), abs=1e-8)
    assert math.isnan(found.formula)
    assert found.name == "a divergence without a formula"


def test_an_f_gan_whose_order_is_not_told_is_solved_by_newton():
    found = optimal_critic(losses.loss("f_alpha", a=0.3), P, Q)
    assert found.route == "newton"
    assert found.divergence == pytest.approx((np.sum(P**0.3 * Q**0.7) - 1) / (0.3 * -0.7), abs=1e-12)


def test_every_loss_says_what_it_is():
    for name in tussle.loss_names():
        found = loss_divergences(name)
        assert found.critic
        assert found.generator
        json.dumps(found.to_json(), allow_nan=False)
    assert loss_divergences("ra-hinge").maximum == 2.0
    assert loss_divergences("kl").maximum == math.inf
    assert loss_divergences("rc-logistic").critic == "a divergence without a formula, at most 2 JS(p, q)"


def test_the_record_is_json():
    text = json.dumps(optimal_critic("kl", (0.5, 0.5), (1.0, 0.0)).to_json(), allow_nan=False)
    assert json.loads(text)["divergence"] == "inf"
    assert json.loads(text)["critic"] == [1 + math.log(0.5), "inf"]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("minimx", P, Q), {}, "`loss` is 'minimx'; it may be one of .* did you mean `minimax`?"),
        (("wasserstein", P, Q), {}, "`distance` is missing; a linear payoff has no optimal critic without a bound"),
        (("wasserstein", P, Q), {"distance": LINE[:2]}, r"`distance` has shape \(2, 3\) for 3 point"),
        (("wasserstein", P, Q), {"distance": LINE**2}, "`distance` is no metric .shortest detour less the way"),
        (("minimax", P, Q), {"distance": LINE}, "`distance` came for minimax; it is for linear payoffs"),
        (("minimax", P, Q), {"route": "program"}, "`route` is 'program' for minimax; this loss has formula and newton"),
        (("minimax", P, Q), {"route": "guess"}, "`route` is 'guess'; it may be one of"),
        ((losses.loss("kl"), P, Q), {"scale": 2.0}, "`loss` is 'kl' with options .'scale'.; it must be a name"),
        ((3, P, Q), {}, "`loss` is 3; it must be a name, with options, or a Loss"),
        (("alpha,alpha=0.3", P, Q), {"scale": 2.0}, "`loss` is 'alpha,alpha=0.3' together with options"),
        (("rp-hinge", np.full(300, 1 / 300), np.full(300, 1 / 300)), {}, "`p` has 300 points under a paired hinge"),
    ],
)
def test_what_cannot_be_solved_is_refused_in_one_sentence(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        optimal_critic(*arguments, **options)
