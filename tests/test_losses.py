"""Losses by name: gradient identities, invariance, the reference instance, far logits, names and refusals."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize

from tussle import autodiff
from tussle.losses import Loss, loss, loss_names, parse_loss, two_activation
from tussle.payoffs import Linear, Logistic, Mirror

ENGINES = {"jax": autodiff.array, "torch": lambda x: torch.tensor(x, dtype=torch.float64)}
rng, K = np.random.default_rng(3), 6
REAL, FAKE = rng.normal(0.5, 1.4, 6), rng.normal(-0.2, 1.1, 6)
PLAIN = ["minimax", "nonsaturating", "logit", "wasserstein", "least_squares", "hinge", "exponential", "alpha"]
PLAIN += ["smooth_tv", "kl", "reverse_kl", "pearson", "neyman", "hellinger", "jensen_shannon", "total_variation"]
PLAIN += ["f_gan", "f_alpha"]
PAYOFFS = ("logistic", "least_squares", "hinge", "exponential", "alpha", "wasserstein")
RELATIVISTIC = [f"{prefix}-{payoff}" for prefix in ("rp", "ra", "rc", "ralf") for payoff in PAYOFFS]


@pytest.fixture(params=ENGINES)
def array(request):
    with autodiff.float64():
        yield ENGINES[request.param]


def fast(function, array):
    """The function itself, or under JAX compiled as one piece (quickly: it runs once)."""
    jit = autodiff.jax_engine().jit
    return (
        jit(function, compiler_options={"xla_backend_optimization_level": 0}) if array is autodiff.array else function
    )


def coefficients(value, array, *outputs):
    """k dL/dr_i and k dL/df_j: what multiplies the critic's gradient at each sample."""
    sizes = np.cumsum([len(y) for y in outputs])[:-1]
    both = array(np.concatenate(outputs))

    def slope(z):
        return autodiff.gradient(lambda y: value(y[: sizes[0]], y[sizes[0] :]), z)

    parts = np.split(autodiff.to_numpy(slope(both)), sizes)
    return [len(y) * part for y, part in zip(outputs, parts, strict=True)]


def test_all_names_are_there():
    assert set(loss_names()) == {*PLAIN, *RELATIVISTIC}


# Gradient identities ----------------------------------------------------------------------------------------


def sigma(y):
    return 1 / (1 + np.exp(-y))


r, f = REAL, FAKE
mr, mf = r.mean(), f.mean()
D, GAP, ONES = sigma, r - f, np.ones(K)
REAL_MEAN = np.mean(1 - D(r - mf))  # E_p (1 - Dbar)
FAKE_MEAN = np.mean(D(f - mr))  # E_q Dbar
C = (mr + mf) / 2
S_LOG = np.mean(-D(C - r)) + np.mean(D(f - C))
S_EXP = np.mean(-np.exp(C - r)) + np.mean(np.exp(f - C))
HINGE_R, HINGE_F = -1.0 * (r - mf < 1), 1.0 * (f - mr > -1)

# name, options: the critic's coefficients on real and on fake outputs, the generator's on fake ones.
IDENTITIES = [
    ("minimax", {}, -(1 - D(r)), D(f), -D(f)),
    ("nonsaturating", {}, -(1 - D(r)), D(f), -(1 - D(f))),
    ("logit", {}, -(1 - D(r)), D(f), -ONES),
    ("least_squares", {"a": -0.3, "b": 1.2, "c": 0.4}, r - 1.2, f + 0.3, f - 0.4),
    ("hinge", {}, -1.0 * (r < 1), 1.0 * (f > -1), -ONES),
    ("wasserstein", {}, -ONES, ONES, -ONES),
    ("exponential", {}, -np.exp(-r), np.exp(f), -np.exp(-f)),
    ("smooth_tv", {}, np.tanh(r) ** 2 - 1, 1 - np.tanh(f) ** 2, np.tanh(f) ** 2 - 1),
    ("rp-logistic", {"scale": 0.5, "objective": "zero-sum"}, -D(-GAP), D(-GAP), -D(-GAP)),
    ("rp-logistic", {"scale": 0.5}, -D(-GAP), D(-GAP), -D(GAP)),
    ("rp-least_squares", {"scale": 0.5}, 2 * (GAP - 1), -2 * (GAP - 1), 2 * (-GAP - 1)),
    ("rp-hinge", {"scale": 0.5}, -1.0 * (GAP < 1), 1.0 * (GAP < 1), -1.0 * (-GAP < 1)),
    ("rp-exponential", {"scale": 0.5}, -np.exp(-GAP), np.exp(-GAP), -np.exp(GAP)),
    ("rp-wasserstein", {}, -2 * ONES, 2 * ONES, -2 * ONES),
    (
        "ra-logistic",
        {},
        -(1 - D(r - mf)) - FAKE_MEAN,
        D(f - mr) + REAL_MEAN,
        -(1 - D(f - mr)) - np.mean(D(r - mf)),
    ),
    (
        "ra-least_squares",
        {},
        2 * (r - mf - 1) + 2 * (mr - mf - 1),
        2 * (f - mr + 1) - 2 * (mr - mf - 1),
        2 * (f - mr - 1) - 2 * (mr - mf + 1),
    ),
    (
        "ra-hinge",
        {},
        HINGE_R - HINGE_F.mean(),
        HINGE_F - HINGE_R.mean(),
        -1.0 * (f - mr < 1) - np.mean(r - mf > -1),
    ),
    ("ralf-logistic", {}, -2 * D(mf - r), 2 * np.mean(D(mf - r)) * ONES, -2 * np.mean(D(r - mf)) * ONES),
    ("rc-logistic", {}, -D(C - r) - S_LOG / 2, D(f - C) - S_LOG / 2, None),
    ("rc-exponential", {"objective": "zero-sum"}, -np.exp(C - r) - S_EXP / 2, np.exp(f - C) - S_EXP / 2, None),
]


@pytest.mark.parametrize(("name", "options", "on_real", "on_fake", "of_generator"), IDENTITIES)
def test_coefficients_of_the_critic_gradient(name, options, on_real, on_fake, of_generator, array):
    chosen = loss(name, **options)
    real, fake = coefficients(chosen.critic, array, REAL, FAKE)
    np.testing.assert_allclose(real, on_real, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(fake, on_fake, rtol=1e-12, atol=1e-13)
    if of_generator is None:  # symmetric: zero-sum is minus the critic, swap is the critic with the sides exchanged
        flip = options.get("objective") == "zero-sum"
        of_generator = -on_fake if flip else coefficients(chosen.critic, array, FAKE, REAL)[0]
    found = coefficients(chosen.generator, array, REAL, FAKE)[1]
    np.testing.assert_allclose(found, of_generator, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", RELATIVISTIC)
def test_objectives_are_the_critic_with_its_sign_or_its_sides_exchanged(name, array):
    real, fake = array(REAL), array(FAKE)
    critic = loss(name).critic
    zero_sum = loss(name, objective="zero-sum").generator
    assert float(zero_sum(real, fake)) == pytest.approx(-float(critic(real, fake)), rel=1e-14)
    swap = float(loss(name).generator(real, fake))
    if name.startswith("ralf-"):  # one-sided: the real outputs stay where they are, mirrored
        assert swap == pytest.approx(float(critic(-real, -fake)), rel=1e-13)
    else:
        assert swap == pytest.approx(float(critic(fake, real)), rel=1e-13)


# Invariance -------------------------------------------------------------------------------------------------


def shift_response(players, array):
    """How much each player's loss changes under a constant, and the sum of its slopes."""

    def response(z):
        found = []
        for player in players:
            value = lambda y, p=player: p(y[:K], y[K:])
            found += [value(z + 0.7) - value(z), autodiff.gradient(value, z).sum()]
        return found

    found = fast(response, array)(array(np.concatenate([REAL, FAKE[:5]])))
    return np.abs([float(x) for x in found])


@pytest.mark.parametrize("prefix", ["rp-", "ra-", "rc-", "ralf-", ""])
def test_relativistic_losses_ignore_a_constant(prefix, array):
    chosen = [loss(prefix + payoff) for payoff in (PAYOFFS if prefix else ["wasserstein"])]
    players = [player for c in chosen for player in (c.critic, c.generator)]
    assert shift_response(players, array).max() < 2e-13


def test_index_pairs_ignore_a_constant(array):
    index = loss("rp-logistic", pairing="index")
    assert shift_response([lambda real, fake: index.critic(real[:5], fake)], array).max() < 1e-14


@pytest.mark.parametrize("name", [n for n in PLAIN if n != "wasserstein"])
def test_plain_losses_do_not_ignore_a_constant(name, array):
    assert shift_response([loss(name).critic], array).min() > 1e-3


# The reference instance p = (.7, .2, .1), q = (.2, .3, .5) --------------------------------------------------

P, Q = np.asarray([0.7, 0.2, 0.1]), np.asarray([0.2, 0.3, 0.5])
TOP = {"logistic": 2 * math.log(2), "least_squares": 2.0, "hinge": 2.0, "exponential": 0.0}
DELTA = float(np.sum((P - Q) ** 2 / (P + Q)))
CHI = float(np.sum((P - Q) ** 2 / P))
BC = float(np.sum(np.sqrt(P * Q)))
PHI = (P - Q) / (P + Q)
TABLE = {
    ("logistic", ""): 0.30271622, ("logistic", "rp-"): 0.52382303, ("logistic", "ra-"): 0.76083624,
    ("logistic", "ralf-"): 0.80254258, ("logistic", "rc-"): 0.30264411,
    ("least_squares", ""): 0.56444444, ("least_squares", "rp-"): 0.88041594, ("least_squares", "ra-"): 1.22262335,
    ("least_squares", "ralf-"): 1.33491686, ("least_squares", "rc-"): 0.56444444,
    ("exponential", ""): 0.31455698, ("exponential", "rp-"): 0.57964091, ("exponential", "ra-"): 0.96126381,
    ("exponential", "ralf-"): 0.98250748, ("exponential", "rc-"): 0.31446973,
}  # fmt: skip
# The optimal critics that are known.
OPTIMA = {
    ("logistic", ""): np.log(P / Q),
    ("logistic", "rp-"): np.log(P / Q),
    ("exponential", ""): 0.5 * np.log(P / Q),
    ("exponential", "rp-"): 0.5 * np.log(P / Q),
    ("least_squares", ""): PHI,
    ("least_squares", "rc-"): PHI,
    ("least_squares", "rp-"): 2 / (2 + DELTA) * PHI,
    ("least_squares", "ra-"): 4 / (2 + 3 * DELTA) * PHI,
    ("least_squares", "ralf-"): 1 - Q / P / (1 + CHI),
    ("hinge", ""): np.sign(P - Q),
}
CLOSED = {
    ("least_squares", "rp-"): 4 * DELTA / (2 + DELTA),
    ("least_squares", "ra-"): 8 * DELTA / (2 + 3 * DELTA),
    ("least_squares", "ralf-"): 2 * CHI / (1 + CHI),
    ("exponential", ""): 2 - 2 * BC,
    ("exponential", "rp-"): 2 * (1 - BC**2),
}


def divergence(payoff, prefix, array):
    """The critic -> what its game pays: the loss's top less the loss."""
    name = prefix + payoff if prefix else {"logistic": "minimax"}.get(payoff, payoff)
    options = {"a": -1.0, "b": 1.0, "c": 0.0, "scale": 2.0} if name == "least_squares" else {}
    p, q = array(P), array(Q)
    return lambda critic: TOP[payoff] - loss(name, **options).critic(critic, critic, p, q)


@pytest.mark.parametrize(("payoff", "prefix"), OPTIMA)
def test_known_optimal_critics_reach_the_published_values(payoff, prefix, array):
    game = divergence(payoff, prefix, array)
    value = float(game(array(OPTIMA[payoff, prefix])))
    assert value == pytest.approx(TABLE.get((payoff, prefix), 1.0), abs=6e-9)
    if (payoff, prefix) in CLOSED:
        assert value == pytest.approx(CLOSED[payoff, prefix], abs=1e-13)
    if payoff != "hinge":
        slope = autodiff.gradient(game, array(OPTIMA[payoff, prefix]))
        np.testing.assert_allclose(autodiff.to_numpy(slope), np.zeros(3), atol=1e-14)


@pytest.mark.parametrize(("payoff", "prefix"), TABLE)
def test_the_game_on_three_points_has_the_published_value(payoff, prefix):
    with autodiff.float64():
        game = divergence(payoff, prefix, autodiff.array)
        paid = autodiff.jax_engine().jit(lambda c: autodiff.value_and_gradient(lambda y: -game(y), c))
        found = optimize.minimize(
            lambda c: tuple(np.asarray(x, dtype=float) for x in paid(autodiff.array(c))), 0.1 * P, jac=True,
            options={"gtol": 1e-9},
        )  # fmt: skip
    assert -found.fun == pytest.approx(TABLE[payoff, prefix], abs=6e-9)


def hinge_program(prefix):
    """Minimize the hinge game on three points as a linear program: slacks s >= 1 - (what the hinge is read at)."""
    unit, none = np.eye(3), np.zeros(3)
    read = {
        "": [*(unit, P, none), *(-unit, Q, none)],
        "rp-": [(unit[i] - unit[j], 2 * P[i] * Q[j]) for i in range(3) for j in range(3)],
        "ra-": [(unit[i] - Q, P[i]) for i in range(3)] + [(P - unit[j], Q[j]) for j in range(3)],
        "rc-": [(unit[i] - (P + Q) / 2, P[i]) for i in range(3)] + [((P + Q) / 2 - unit[j], Q[j]) for j in range(3)],
    }[prefix]
    rows, costs = np.asarray([a for a, _ in read]), np.asarray([c for _, c in read])
    n = len(costs)
    found = optimize.linprog(
        np.concatenate([none, costs]),
        A_ub=np.hstack([-rows, -np.eye(n)]),
        b_ub=-np.ones(n),
        bounds=[(None, None)] * 3 + [(0, None)] * n,
    )
    return found.x[:3]


@pytest.mark.parametrize(("prefix", "value"), [("rp-", 1.1), ("ra-", 1.36363636), ("rc-", 0.96)])
def test_hinge_games_have_the_published_value(prefix, value, array):
    critic = hinge_program(prefix)
    assert float(divergence("hinge", prefix, array)(array(critic))) == pytest.approx(value, abs=6e-9)


@pytest.mark.parametrize(
    ("a", "b", "c", "value"),
    [(-1.0, 1.0, 0.0, DELTA), (0.0, 1.0, 0.5, DELTA / 4), (0.0, 1.0, 1.0, float(np.sum(Q**2 / (P + Q))))],
)
def test_least_squares_generators_measure_the_stated_divergence(a, b, c, value, array):
    critic = array((b * P + a * Q) / (P + Q))
    measured = 2 * float(loss("least_squares", a=a, b=b, c=c).generator(critic, critic, array(P), array(Q)))
    assert measured == pytest.approx(float(np.sum(((b - c) * P + (a - c) * Q) ** 2 / (P + Q))), abs=1e-14)
    assert measured == pytest.approx(value, abs=1e-14)


# Far logits -------------------------------------------------------------------------------------------------

FAR = [1e4, -1e4, 0.0, 1e4, -1e4, 50.0, -50.0]
FAR_FAKE = [-1e4, 1e4, 1e4, 0.0, -1e4, 90.0, -90.0]
VARIANTS = [(n, {}) for n in loss_names()]
VARIANTS += [(n, {"pairing": "all"}) for n in RELATIVISTIC if n.startswith("rp-")]
VARIANTS += [("alpha", {"alpha": a}) for a in (0.02, 0.9, 1.0)] + [("f_alpha", {"a": a}) for a in (-1.0, 1.05, 2.0)]
VARIANTS += [(n, {"objective": "zero-sum"}) for n in ("exponential", "rp-exponential")]


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_far_logits_give_finite_values_and_gradients(name, options, engine, kind):
    chosen = loss(name, **options)

    def total(r, f):  # one infinity or nan of either player spoils it
        return chosen.critic(r, f) + chosen.generator(r, f)

    if engine == "torch":
        real, fake = (torch.tensor(x, dtype=getattr(torch, kind), requires_grad=True) for x in (FAR, FAR_FAKE))
        value = total(real, fake)
        found = [value, *torch.autograd.grad(value, (real, fake), materialize_grads=True)]
        assert all(bool(torch.isfinite(x).all()) for x in found)
        return
    jax = autodiff.jax_engine()
    real, fake = (jax.numpy.asarray(x, dtype=kind) for x in (FAR, FAR_FAKE))
    value, slopes = jax.value_and_grad(total, argnums=(0, 1))(real, fake)
    assert all(np.isfinite(np.asarray(x, dtype=np.float32)).all() for x in (value, *slopes))


def test_far_logits_of_the_log_losses_are_exact():
    for name in ("nonsaturating", "rp-logistic", "rc-logistic"):
        real, fake = torch.tensor([-1e4]), torch.tensor([1e4])
        expected = {"nonsaturating": 2e4, "rp-logistic": 4e4, "rc-logistic": 2e4}[name]
        assert loss(name).critic(real, fake).item() == expected
        assert loss(name).critic(fake, real).item() == 0.0


# Activations of the convergence theorem ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at", "slopes", "curvature"),
    [
        ("minimax", 0.0, (0.5, 0.5), -0.5),
        ("minimax,scale=3", 0.0, (1.5, 1.5), -1.5),
        ("wasserstein", 0.0, (1.0, 1.0), 0.0),
        ("hinge", 0.0, (1.0, 1.0), 0.0),
        ("least_squares,a=-1,b=1,c=0", 0.0, (1.0, 1.0), -2.0),
        ("least_squares", 0.0, (0.0, 1.0), -2.0),
        ("least_squares", 0.5, (0.5, 0.5), -2.0),
        ("exponential", 0.0, (1.0, 1.0), -2.0),
        ("alpha,alpha=1", 0.0, (0.5, 0.5), -0.5),
        ("kl", 1.0, (1.0, 1.0), -1.0),
        ("jensen_shannon", 0.0, (0.5, 0.5), -0.5),
        ("smooth_tv", 0.0, (1.0, 1.0), 0.0),
    ],
)
def test_two_activation_derivatives(text, at, slopes, curvature):
    found = two_activation(parse_loss(text), at)
    assert found.slopes == pytest.approx(slopes, abs=1e-14)
    assert found.curvature == pytest.approx(curvature, abs=1e-13)


# Records ----------------------------------------------------------------------------------------------------


def test_a_loss_passes_through_compilation_and_vectorization():
    jax = autodiff.jax_engine()
    with autodiff.float64():
        real, fake = autodiff.array(REAL), autodiff.array(FAKE)
        value = jax.jit(lambda chosen, a, b: chosen.critic(a, b))(loss("rp-alpha", alpha=0.7), real, fake)
        assert float(value) == pytest.approx(float(loss("rp-alpha", alpha=0.7).critic(real, fake)), rel=1e-13)
        alphas = autodiff.array([0.3, 0.7])
        many = jax.vmap(lambda a: loss("rp-alpha", alpha=a, scale=2 * a).critic(real, fake))(alphas)
        assert float(many[1]) == pytest.approx(1.4 * float(value), rel=1e-13)


def test_a_loss_is_made_of_any_payoffs():
    odd = Loss(Logistic(), Linear(1.0), Linear(2.0), Mirror(Logistic()), coupling="centered", name="odd")
    value = float(odd.critic(torch.tensor([1.0, 3.0]), torch.tensor([0.0])))
    assert value == pytest.approx((math.log1p(1) + math.log1p(math.exp(-2))) / 2 - 1)


# What may come ----------------------------------------------------------------------------------------------


def test_text_is_read_as_name_and_options():
    chosen = parse_loss(" rp-alpha , alpha=0.25, pairing=all,objective=zero-sum,scale=5e-1 ")
    assert (chosen.name, chosen.pairing, chosen.scale, chosen.critic_real.alpha) == ("rp-alpha", "all", 0.5, 0.25)
    assert parse_loss("ra-least_squares,unbiased=true").unbiased is True
    labels = parse_loss("least_squares,a=-1,b=1,c=0.5")
    targets = (labels.critic_fake.target, labels.critic_real.target, labels.generator_fake.target)
    assert targets == (-1.0, 1.0, 0.5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wasserstien", r"`loss` is 'wasserstien'; it may be one of .*rp-hinge.*; did you mean `wasserstein`\?"),
        ("", "`loss` is ''; it may be one of"),
        ("hinge,margin=2", "`option of hinge` is 'margin'; it may be one of objective, scale; choose one"),
        ("hinge,scael=2", r"`option of hinge` is 'scael'; .*; did you mean `scale`\?"),
        ("minimax,objective=swap", "`objective` is 'swap'; it may be one of zero-sum; choose"),
        ("rp-hinge,pairing=some", "`pairing` is 'some'; it may be one of all, auto, index"),
        ("ra-hinge,unbiased=true", "`option of ra-hinge` is 'unbiased'; it may be one of objective, scale"),
        ("ra-least_squares,unbiased=1", "`unbiased` is 1.0; it may be true or false"),
        ("alpha,alpha=2", "`alpha` is 2.0; it must be above 0 and at most 1"),
        ("alpha,alpha=big", "`alpha` is 'big'; it must be a number"),
        ("f_alpha,a=1", "`a` is 1.0; f_alpha may have any order but 0 and 1"),
        ("least_squares,a=nan", "`a` is nan; it must be finite"),
        ("hinge,scale=-1", "`scale` is -1.0; it must be above 0"),
        ("hinge,scale", "`loss` is 'hinge,scale' with 'scale' not of the form option=value; write NAME,option=value"),
        ("hinge,scale=1,scale=2", "with 'scale=2' given twice; write NAME,option=value"),
    ],
)
def test_what_may_not_come_is_refused_in_one_sentence(text, words):
    with pytest.raises(ValueError, match=words):
        parse_loss(text)
