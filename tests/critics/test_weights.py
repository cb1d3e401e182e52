"""Generator weights: the published table, differentiation against formulas, and gradients of divergences."""

import numpy as np
import pytest
import torch

from tussle import autodiff, laws, losses
from tussle.critics import density_critic, generator_gradient, loss_weight, weight, weight_of, weighted_loss
from tussle.critics.weights import weights_at
from tussle.fgan import divergence_names, f_divergence

C = np.linspace(-4.0, 4.0, 17)
U = np.exp(C)
D = U / (1 + U)
TABLE = {
    "kl": U,
    "reverse_kl": np.ones(17),
    "jensen_shannon": D,
    "nonsaturating": 1 - D,
    "pearson": 2 * U**2,
    "hellinger": np.sqrt(U) / 2,
}


@pytest.mark.parametrize("name", TABLE)
def test_the_weights_are_the_published_ones(name):
    assert weights_at(weight(name), C) == pytest.approx(TABLE[name], rel=1e-13)


@pytest.mark.parametrize("name", [n for n in divergence_names() if n != "total_variation"])
def test_differentiating_f_gives_the_formula(name):
    member = f_divergence(name)
    assert weights_at(weight_of(member.f), C) == pytest.approx(weights_at(weight(name), C), rel=1e-9)


def test_a_function_may_stand_for_its_name():
    # 2 KL(m || p): f(u) = (1 + u) log((1 + u)/(2 u)).
    def f(u):
        xp = autodiff.namespace(u)
        return (1 + u) * xp.log((1 + u) / (2 * u))

    assert weights_at(weight(f), C) == pytest.approx(1 - D, rel=1e-11)


LOSSES = {
    "minimax": D,
    "nonsaturating": 1 - D,
    "logit": np.ones(17),
    "least_squares": D * (1 - D) ** 2,
    "least_squares,a=-1,b=1,c=0": -2 * (2 * D - 1) * D * (1 - D),
    "least_squares,objective=zero-sum": D**2 * (1 - D),
    "exponential": 0.5 / np.sqrt(U),
    "kl": U,
    "pearson,objective=swap": 2 * U,
    "f_alpha,a=1.5": U**1.5,
    "jensen_shannon,scale=3": 3 * D,
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_plain_loss_has_the_weight_of_its_frozen_critic(name):
    assert weights_at(loss_weight(name), C) == pytest.approx(LOSSES[name], rel=1e-11, abs=1e-15)


@pytest.mark.parametrize("name", ["hinge", "rp-logistic", "total_variation", "wasserstein"])
def test_losses_without_a_pointwise_weight_are_refused(name):
    with pytest.raises(ValueError, match=f"`loss` is {name} with .* coupling; a weight belongs to a plain loss"):
        loss_weight(name)


def test_an_unknown_weight_is_refused():
    with pytest.raises(ValueError, match=r"`weight` is 'kll'; it may be one of .* did you mean `kl`"):
        weight("kll")


# Gradients ----------------------------------------------------------------------------------------------------------

THETA = np.array([1.5, 0.9])
TARGET = laws.Mixture((laws.Normal(-2.0, 1.0), laws.Normal(2.0, 1.0)))


def log_ratio(x):
    """log of (N(-2, 1) + N(2, 1))/2 against N(1.5, 0.9^2), for JAX arrays (n, 1)."""
    xp = autodiff.namespace(x)
    y = x[:, 0]
    real = xp.logaddexp(-0.5 * (y + 2) ** 2, -0.5 * (y - 2) ** 2) - np.log(2)
    return real + 0.5 * ((y - THETA[0]) / THETA[1]) ** 2 + np.log(THETA[1])


def generator(theta, z):
    return theta[0] + theta[1] * z


@pytest.mark.parametrize(
    ("name", "loss"),
    [("jensen_shannon", "minimax"), ("reverse_kl", "reverse_kl"), ("kl", "kl"), ("hellinger", "hellinger")],
)
def test_one_ratio_critic_gives_the_gradient_of_every_divergence(name, loss):
    # Under KL's weight u the integrand is p, not q: it needs nodes farther out than a window of q.
    latent = laws.Normal(0.0, 1.0, 120) if name == "kl" else laws.Panels(laws.Normal(0.0, 1.0))
    found = generator_gradient(weight(name), log_ratio, generator, latent, THETA)

    def divergence(mean, std):
        return density_critic(loss, TARGET, laws.Normal(mean, std)).divergence

    for k in range(2):
        h = 3e-4
        shift = h * np.eye(2)[k]
        first = divergence(*(THETA + shift)) - divergence(*(THETA - shift))
        second = divergence(*(THETA + 2 * shift)) - divergence(*(THETA - 2 * shift))
        expected = (8 * first - second) / (12 * h)
        # The difference is of fourth order: h^4 = 1e-14 times a fifth derivative of order 1 to 1e3.
        assert found[k] == pytest.approx(expected, abs=1e-9 * max(1.0, abs(expected)))


def test_the_surrogate_has_minus_the_weights_as_gradient_under_torch():
    logits = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64, requires_grad=True)
    weighted_loss(weight("nonsaturating"), logits).backward()
    assert logits.grad.numpy() == pytest.approx(-1 / (1 + np.exp([-1.0, 0.5, 2.0])) / 3, rel=1e-14)
    masses = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    value = weighted_loss(weight("kl"), logits.detach(), masses)
    expected = -np.sum([0.2, 0.3, 0.5] * np.exp([-1.0, 0.5, 2.0]) * [-1.0, 0.5, 2.0])
    assert float(value) == pytest.approx(expected, rel=1e-14)


def test_a_ready_loss_has_its_weight_too():
    assert weights_at(loss_weight(losses.loss("nonsaturating")), C) == pytest.approx(1 - D, rel=1e-13)
