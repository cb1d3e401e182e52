"""Couplings: pairs without their matrix, weights as repeated samples, biases, half precision, refusals."""

import numpy as np
import pytest
import torch

from tussle import autodiff
from tussle.couplings import expectation, log_mean_exp, matrix_mean, pair_mean
from tussle.losses import Loss, loss
from tussle.payoffs import AlphaPayoff, Exponential, HingePayoff, Linear, Logistic, Mirror, Negative, Square

ENGINES = {"jax": autodiff.array, "torch": lambda x: torch.tensor(x, dtype=torch.float64)}
PAYOFFS = {
    "logistic": Logistic(),
    "linear": Linear(),
    "square": Square(0.7, 1.5),
    "hinge": HingePayoff(),
    "exponential": Exponential(),
    "alpha": AlphaPayoff(0.8),
    "mirrored hinge": Mirror(HingePayoff(0.3)),
    "negative mirrored square": Negative(Mirror(Square(1.0, 1.0))),
    "mirrored exponential": Mirror(Exponential()),
}
RELATIVISTIC = ("rp-logistic", "ra-hinge", "ralf-exponential", "rc-least_squares")
rng = np.random.default_rng(7)
REAL, FAKE = rng.normal(0.4, 1.3, 7), rng.normal(-0.3, 0.9, 5)
REAL_WEIGHTS, FAKE_WEIGHTS = rng.dirichlet(np.ones(7)), rng.dirichlet(np.ones(5))


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


def double_sum(payoff, array, a, b, wa, wb):
    """The definition: one pair after another."""
    terms = autodiff.to_numpy(fast(payoff, array)(array([x - y for x in a for y in b])))
    return sum(wa[i] * wb[j] * terms[i * len(b) + j] for i in range(len(a)) for j in range(len(b)))


# Pairs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAYOFFS)
def test_fast_means_over_pairs_are_the_double_sum(name, array):
    payoff = PAYOFFS[name]
    for wa, wb in [(None, None), (REAL_WEIGHTS, FAKE_WEIGHTS), (None, FAKE_WEIGHTS)]:
        weights = [None if w is None else array(w) for w in (wa, wb)]
        found = fast(lambda r, f, w=weights: pair_mean(payoff, r, f, *w), array)(array(REAL), array(FAKE))
        equal = np.full(7, 1 / 7) if wa is None else wa, np.full(5, 1 / 5) if wb is None else wb
        exact = double_sum(payoff, array, REAL, FAKE, *equal)
        assert float(found) == pytest.approx(exact, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", PAYOFFS)
def test_fast_means_over_pairs_have_the_derivatives_of_the_double_sum(name, array):
    payoff, wa, wb = PAYOFFS[name], array(REAL_WEIGHTS), array(FAKE_WEIGHTS)
    both, turn = array(np.concatenate([REAL, FAKE])), array(np.cos(np.arange(12.0)))

    def derivatives(mean):
        def value(z):
            return mean(payoff, z[:7], z[7:], wa, wb)

        def slopes(z):
            return autodiff.gradient(value, z), autodiff.jvp(lambda y: autodiff.gradient(value, y), z, turn)

        return [autodiff.to_numpy(x) for x in fast(slopes, array)(both)]

    for short, long in zip(derivatives(pair_mean), derivatives(matrix_mean), strict=True):
        np.testing.assert_allclose(short, long, rtol=1e-11, atol=1e-12)


def test_hinge_pairs_at_the_corner_have_slope_zero(array):
    slope = autodiff.gradient(lambda r: pair_mean(HingePayoff(), r, array([0.0, 2.0])), array([1.0, 3.0]))
    assert autodiff.to_numpy(slope).tolist() == [-0.25, 0.0]


@pytest.mark.parametrize("name", ["linear", "square", "hinge", "exponential"])
def test_sixty_thousand_outputs_need_no_matrix(name, array):
    fake = np.linspace(-1.0, 2.0, 60_000)
    pairs = fast(lambda r, f: pair_mean(PAYOFFS[name], r, f), array)
    found = pairs(array(np.full(60_000, 0.25)), array(fake))
    assert float(found) == pytest.approx(float(expectation(PAYOFFS[name](array(0.25 - fake)))), rel=1e-10)


def test_hinge_pairs_keep_float32_digits_far_from_zero():
    far = [torch.tensor(x + 1024.0, dtype=torch.float32) for x in (REAL, FAKE)]
    exact = matrix_mean(HingePayoff(), far[0].double(), far[1].double())
    assert float(pair_mean(HingePayoff(), *far)) == pytest.approx(float(exact), rel=5e-7)


def test_outputs_without_weight_do_not_matter(array):
    y, weights = array([900.0, 1.0, -1.0]), array([0.0, 0.25, 0.75])
    exact = np.log(0.25 * np.e + 0.75 / np.e)
    assert float(log_mean_exp(y, weights)) == pytest.approx(exact, rel=1e-15)
    slope = fast(lambda x: autodiff.gradient(lambda z: log_mean_exp(z, weights), x), array)(y)
    expected = np.asarray([0.0, 0.25 * np.e, 0.75 / np.e]) / np.exp(exact)
    np.testing.assert_allclose(autodiff.to_numpy(slope), expected, rtol=1e-14)


# Weights and pairings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*RELATIVISTIC, "hinge", "minimax", "kl", "ra-logistic", "rp-alpha"])
@pytest.mark.parametrize("player", ["critic", "generator"])
def test_weights_are_repeated_samples(name, player, array):
    options = {"pairing": "all"} if name.startswith("rp-") else {}
    value = fast(getattr(loss(name, **options), player), array)
    weighted = value(array([0.3, -1.2, 2.0]), array([0.9, -0.4]), array([0.5, 0.25, 0.25]), array([0.2, 0.8]))
    repeated = value(array([0.3, 0.3, -1.2, 2.0]), array([0.9, -0.4, -0.4, -0.4, -0.4]))
    assert float(weighted) == pytest.approx(float(repeated), rel=1e-13)


def test_auto_takes_index_pairs_for_samples_of_one_length_and_all_pairs_otherwise(array):
    auto, index, every = (loss("rp-logistic", pairing=p) for p in ("auto", "index", "all"))
    r, f = array(REAL[:5]), array(FAKE)
    assert float(auto.critic(r, f)) == float(index.critic(r, f)) != float(every.critic(r, f))
    assert float(auto.critic(array(REAL), f)) == float(every.critic(array(REAL), f))
    fifth = array(np.full(5, 0.2))
    assert float(auto.critic(r, f, fifth, fifth)) == pytest.approx(float(every.critic(r, f)), rel=1e-14)
    assert float(index.critic(r, f)) == pytest.approx(2 * np.mean(np.log1p(np.exp(FAKE - REAL[:5]))))


# Biases of batch means --------------------------------------------------------------------------------------

MEANS, SPREADS, SIZES = (0.6, -0.5), (1.2, 0.8), (4, 3)
GAP = MEANS[0] - MEANS[1]
V, W = (s**2 / k for s, k in zip(SPREADS, SIZES, strict=True))
SQUARES = SPREADS[0] ** 2 + SPREADS[1] ** 2
POPULATION = {
    "ra-least_squares": (SQUARES + 2 * (GAP - 1) ** 2, V + W),
    "rc-least_squares": (SQUARES + 2 * (GAP / 2 - 1) ** 2, -(V + W) / 2),
    "ralf-least_squares": (2 * (SPREADS[0] ** 2 + (GAP - 1) ** 2), 2 * W),
    "rp-least_squares": (2 * (SQUARES + (GAP - 1) ** 2), 0.0),
}


def batch_mean(chosen):
    """Mean of the critic's loss over 200,000 seeded batches, and its standard error."""
    draw = np.random.default_rng(11)
    r, f = (m + s * draw.standard_normal((200_000, k)) for m, s, k in zip(MEANS, SPREADS, SIZES, strict=True))
    with autodiff.float64():
        values = np.asarray(autodiff.vectorized(chosen.critic)(autodiff.array(r), autodiff.array(f)))
    return values.mean(), values.std() / np.sqrt(len(values))


@pytest.mark.parametrize("name", POPULATION)
def test_the_bias_of_batch_means_is_the_stated_one(name):
    exact, bias = POPULATION[name]
    mean, error = batch_mean(loss(name))
    assert abs(mean - exact - bias) < 4 * error
    assert bias == 0 or abs(bias) > 40 * error


@pytest.mark.parametrize("name", [n for n in POPULATION if not n.startswith("rp-")])
def test_unbiased_takes_the_bias_off(name):
    mean, error = batch_mean(loss(name, unbiased=True))
    assert abs(mean - POPULATION[name][0]) < 4 * error


@pytest.mark.parametrize(("coupling", "gap"), [("average", GAP - 1), ("centered", GAP / 2 - 1)])
def test_the_correction_knows_which_side_is_which(coupling, gap):
    payoffs = Square(1.0, 1.0), Square(-1.0, 0.2)
    mean, error = batch_mean(Loss(*payoffs, *payoffs, coupling=coupling, unbiased=True))
    exact = SPREADS[0] ** 2 + gap**2 + 0.2 * (SPREADS[1] ** 2 + gap**2)
    assert abs(mean - exact) < 4 * error < 0.02


def test_the_correction_follows_the_sign_of_the_payoffs_and_leaves_exact_sides_alone(array):
    r, f = array(REAL), array(FAKE)
    chosen = loss("ra-least_squares", unbiased=True, objective="zero-sum")
    assert float(chosen.generator(r, f)) == -float(chosen.critic(r, f))
    weighted = chosen.critic(r, f, array(REAL_WEIGHTS), array(FAKE_WEIGHTS))
    plain = loss("ra-least_squares").critic(r, f, array(REAL_WEIGHTS), array(FAKE_WEIGHTS))
    assert float(weighted) == float(plain)
    logit = loss("ra-least_squares", unbiased=True, objective="logit")
    assert float(logit.generator(r, f)) == pytest.approx(2 * (REAL.mean() - FAKE.mean()))


# Half precision ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*RELATIVISTIC, "minimax"])
@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_half_precision_is_computed_in_float32(name, kind):
    r, f = ([264.0, 262.0, 268.0, 262.0], [262.0, 266.0, 262.0, 262.0])
    half = [torch.tensor(x, dtype=getattr(torch, kind), requires_grad=True) for x in (r, f)]
    value = loss(name).critic(*half)
    assert value.dtype == torch.float32
    exact = loss(name).critic(torch.tensor(r), torch.tensor(f))
    assert value.item() == pytest.approx(exact.item(), rel=1e-6)
    value.backward()
    assert half[0].grad.dtype == getattr(torch, kind)
    assert float(half[0].grad.abs().sum()) > 0 or name == "minimax"
    numpy = autodiff.jax_engine().numpy
    traced = loss(name).critic(numpy.asarray(r, dtype=kind), numpy.asarray(f, dtype=kind))
    assert str(traced.dtype) == "float32"
    assert float(traced) == pytest.approx(float(exact), rel=1e-6)


# What may come ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 1), (0,), ()])
def test_outputs_must_be_one_number_each(shape):
    with pytest.raises(ValueError, match=r"`fake` has shape \(.*\); it must hold one critic output for each"):
        loss("hinge").critic(torch.zeros(4), torch.zeros(shape))


def test_weights_must_fit_their_outputs():
    with pytest.raises(ValueError, match=r"`real_weights` has shape \(3,\) for outputs of shape \(4,\)"):
        loss("hinge").critic(torch.zeros(4), torch.zeros(2), torch.full((3,), 1 / 3))


def test_index_pairs_need_two_samples_of_one_length():
    chosen = loss("rp-hinge", pairing="index")
    with pytest.raises(ValueError, match="`pairing` is 'index' with 4 real and 2 fake outputs; it needs"):
        chosen.critic(torch.zeros(4), torch.zeros(2))
    with pytest.raises(ValueError, match="`pairing` is 'index' with weights; it needs samples"):
        chosen.critic(torch.zeros(2), torch.zeros(2), torch.full((2,), 0.5))


def test_an_unbiased_loss_needs_two_outputs_of_each_kind():
    with pytest.raises(ValueError, match="`fake` has 1 output; `unbiased` needs 2 or more"):
        loss("rc-least_squares", unbiased=True).critic(torch.zeros(3), torch.zeros(1))


def test_unbiased_is_refused_where_the_bias_is_not_known():
    parts = (Logistic(), Mirror(Logistic()), Mirror(Logistic()), Logistic())
    with pytest.raises(ValueError, match="`unbiased` came for custom with average coupling; the bias is known for"):
        Loss(*parts, coupling="average", unbiased=True)
    with pytest.raises(ValueError, match="`unbiased` came for custom with paired coupling"):
        Loss(Square(), Square(), Square(), Square(), coupling="paired", unbiased=True)


@pytest.mark.parametrize(("field", "value"), [("coupling", "avg"), ("pairing", "random"), ("scale", 0.0)])
def test_fields_of_a_loss_are_checked(field, value):
    with pytest.raises(ValueError, match=f"`{field}` is '?{value}'?; it m"):
        Loss(Linear(), Linear(), Linear(), Linear(), **{field: value})
