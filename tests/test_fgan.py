"""f-divergences: their variational games against direct sums, conjugates against a supremum, generator weights."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize

from tussle import autodiff
from tussle.fgan import divergence_names, f_divergence, generator_weight
from tussle.losses import loss

ENGINES = {"jax": autodiff.array, "torch": lambda x: torch.tensor(x, dtype=torch.float64)}
P, Q = np.asarray([0.7, 0.2, 0.1]), np.asarray([0.2, 0.3, 0.5])
M = (P + Q) / 2
U = P / Q


def kl(p, q):
    return float(np.sum(p * np.log(p / q)))


def alpha_divergence(p, q, a):
    """The sum that f_alpha stands for, from its own definition."""
    return float(np.sum(p**a * q ** (1 - a)) - 1) / (a * (a - 1))


TV = float(np.sum(abs(P - Q)) / 2)
DIRECT = {
    "kl": kl(P, Q),
    "reverse_kl": kl(Q, P),
    "pearson": float(np.sum((P - Q) ** 2 / Q)),
    "neyman": float(np.sum((P - Q) ** 2 / P)),
    "hellinger": float(np.sum((np.sqrt(P) - np.sqrt(Q)) ** 2)),
    "jensen_shannon": kl(P, M) + kl(Q, M),
    "f_gan": kl(P, M) + kl(Q, M) - math.log(4),
    "total_variation": TV,
}
ORDERS = (-1.0, 0.3, 0.5, 1.5, 2.0, 3.0)
MEMBERS = [(name, None) for name in DIRECT] + [("f_alpha", a) for a in ORDERS]
SMOOTH = [m for m in MEMBERS if m[0] != "total_variation"]


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


def direct(name, a):
    return DIRECT[name] if a is None else alpha_divergence(P, Q, a)


# The variational game ---------------------------------------------------------------------------------------


PUBLISHED = {
    "kl": 0.6348972651,
    "reverse_kl": 0.6758058950,
    "jensen_shannon": 2 * 0.1513581116,
    "hellinger": 0.3145569786,
    "pearson": 1.6033333333,
    "neyman": 2.0071428571,
    "total_variation": 0.5,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_direct_sums_are_the_published_instance(name):
    assert DIRECT[name] == pytest.approx(PUBLISHED[name], abs=2e-10)


@pytest.mark.parametrize(("name", "a"), MEMBERS)
def test_the_game_value_at_the_optimum_is_the_divergence(name, a, array):
    options = {} if a is None else {"a": a}
    chosen, member = loss(name, **options), f_divergence(name, a)

    def play(u, p, q):
        output = member.optimal_output(u)
        bounded = autodiff.namespace(u).clip(output, -40.0, 40.0)
        return chosen.critic(bounded, bounded, p, q), chosen.generator(bounded, bounded, p, q), member.f(u)

    critic, generator, f = fast(play, array)(array(U), array(P), array(Q))
    assert -float(critic) == pytest.approx(direct(name, a), abs=1e-10)
    assert float(generator) == pytest.approx(direct(name, a), abs=1e-10)
    assert Q @ autodiff.to_numpy(f) == pytest.approx(direct(name, a), abs=1e-12)


@pytest.mark.parametrize(("name", "a"), SMOOTH)
def test_the_optimal_output_gives_the_slope_of_f_and_a_stationary_critic(name, a, array):
    member, chosen = f_divergence(name, a), loss(name, **({} if a is None else {"a": a}))
    p, q = array(P), array(Q)

    def slopes(u):
        v = member.optimal_output(u)
        stationary = autodiff.gradient(lambda y: chosen.critic(y, y, p, q), v)
        return member.activation(v), autodiff.gradient(lambda x: member.f(x).sum(), u), stationary

    activated, slope, stationary = fast(slopes, array)(array(U))
    np.testing.assert_allclose(autodiff.to_numpy(activated), autodiff.to_numpy(slope), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(autodiff.to_numpy(stationary), np.zeros(3), atol=1e-13)


@pytest.mark.parametrize(("name", "a"), MEMBERS)
def test_the_conjugate_is_the_supremum(name, a):
    member = f_divergence(name, a)
    outputs = torch.tensor([-2.6, -1.9, -1.0, -0.2, 0.0, 0.4, 1.3], dtype=torch.float64)
    ratios = np.concatenate([[0.0], np.exp(np.linspace(-45.0, 25.0, 701))])
    with np.errstate(divide="ignore", invalid="ignore"):
        f = member.f(ratios)
    f = np.where(np.isfinite(f), f, np.inf)
    for t, conjugate in zip(member.activation(outputs).tolist(), member.conjugate(outputs).tolist(), strict=True):
        best = int(np.argmax(ratios * t - f))
        around = ratios[max(best - 1, 0)], ratios[min(best + 1, 701)]

        def gap(u, t=t):
            return float((member.f(np.asarray([u])) - u * t)[0])

        found = optimize.minimize_scalar(gap, bounds=around, method="bounded", options={"xatol": 1e-14})
        assert conjugate == pytest.approx(max(-found.fun, ratios[best] * t - f[best]), abs=2e-11), t


def test_the_pearson_conjugate_is_flat_where_the_ratio_would_be_negative(array):
    v = array([-7.0, -2.0, -1.0])
    member = f_divergence("pearson")
    slope = autodiff.gradient(lambda y: member.conjugate(y).sum(), v)
    assert autodiff.to_numpy(member.conjugate(v)).tolist() == [-1.0, -1.0, -0.75]
    assert autodiff.to_numpy(slope).tolist() == [0.0, 0.0, 0.5]


def test_activations_stay_in_the_domain_of_the_conjugate():
    v = torch.linspace(-30, 30, 61, dtype=torch.float64)
    top = {"reverse_kl": 0.0, "neyman": 1.0, "hellinger": 1.0, "jensen_shannon": math.log(2), "f_gan": 0.0}
    for name, edge in top.items():
        assert float(f_divergence(name).activation(v).max()) < edge + 1e-12, name
    assert float(f_divergence("f_alpha", 0.3).activation(v).max()) < 1 / 0.7 + 1e-12
    assert float(f_divergence("total_variation").activation(v).abs().max()) <= 0.5


def test_the_ends_of_the_alpha_family_are_the_two_kl_divergences():
    u = torch.tensor(U)
    for a, name in [(1e-7, "reverse_kl"), (1 + 1e-7, "kl"), (1 - 1e-7, "kl")]:
        found = Q @ f_divergence("f_alpha", a).f(u).numpy()
        assert found == pytest.approx(DIRECT[name], abs=1e-6)


# Generator weights ------------------------------------------------------------------------------------------

X = np.linspace(-16, 16, 6401)
STEP = X[1] - X[0]


def normal(mean):
    return np.exp(-0.5 * (X - mean) ** 2) / math.sqrt(2 * math.pi)


DATA = 0.5 * normal(-1.5) + 0.5 * normal(2.0)
DATA_SCORE = (0.5 * normal(-1.5) * (-1.5 - X) + 0.5 * normal(2.0) * (2.0 - X)) / DATA


def divergence_on_the_line(name, a, theta):
    """D_f of the two-mode data from N(theta, 1), by the trapezoid rule."""
    q = normal(theta)
    if name == "nonsaturating":
        middle = (DATA + q) / 2
        return 2 * np.sum(middle * np.log(middle / DATA)) * STEP
    return np.sum(q * f_divergence(name, a).f(DATA / q)) * STEP


@pytest.mark.parametrize(("name", "a"), [*SMOOTH, ("nonsaturating", None)])
@pytest.mark.parametrize("theta", [-1.0, 0.3, 1.5])
def test_weights_give_the_gradient_of_the_divergence(name, a, theta):
    logit = np.log(DATA / normal(theta))
    weights = generator_weight(name, a)(torch.tensor(logit)).numpy()
    slope = -np.sum(normal(theta) * weights * (DATA_SCORE - (theta - X))) * STEP
    h = 1e-4
    ahead, behind = (divergence_on_the_line(name, a, theta + s * h) for s in (1, -1))
    assert slope == pytest.approx((ahead - behind) / (2 * h), rel=2e-6)


@pytest.mark.parametrize(("name", "a"), SMOOTH)
def test_weights_are_the_curvature_of_f(name, a, array):
    member, u = f_divergence(name, a), array(U)

    def curvature(x):
        return autodiff.gradient(lambda z: autodiff.gradient(lambda y: member.f(y).sum(), z).sum(), x)

    found = autodiff.to_numpy(generator_weight(name, a)(array(np.log(U))))
    np.testing.assert_allclose(found, U**2 * autodiff.to_numpy(fast(curvature, array)(u)), rtol=1e-11)


def test_the_nonsaturating_and_the_minimax_weights_add_up_to_one():
    logits = torch.tensor([-1e4, -3.0, 0.0, 2.0, 1e4])
    total = generator_weight("nonsaturating")(logits) + generator_weight("jensen_shannon")(logits)
    assert total.tolist() == pytest.approx([1.0] * 5)


# What may come ----------------------------------------------------------------------------------------------


def test_unknown_divergences_are_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"`divergence` is 'helinger'; it may be one of .*; did you mean `hellinger`"):
        f_divergence("helinger")
    with pytest.raises(ValueError, match="`weight` is 'total_variation'; it may be one of"):
        generator_weight("total_variation")


def test_orders_that_do_not_exist_are_refused():
    for a in (0.0, 1.0):
        with pytest.raises(ValueError, match=f"`a` is {a}; f_alpha may have any order but 0 and 1"):
            f_divergence("f_alpha", a)
    with pytest.raises(ValueError, match="`a` came for kl; only f_alpha has an order"):
        f_divergence("kl", 0.5)


def test_every_member_is_a_loss():
    assert {name: loss(name).name for name in divergence_names()} == {name: name for name in divergence_names()}
