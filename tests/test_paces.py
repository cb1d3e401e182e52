"""Paces against recurrences written by hand, PyTorch's own optimizers, and refusals."""

import numpy as np
import pytest
import torch

import tussle
from tussle.paces import rate, scaled

VELOCITIES = np.random.default_rng(2).normal(size=(12, 3))


def moves(pace, player=0):
    """Return the moves along the given velocities."""
    state, found = pace.init(torch.zeros(3, dtype=torch.float64)), []
    for v in VELOCITIES:
        move, state = pace.step(player, torch.tensor(v), state)
        found.append(move.numpy())
    return np.array(found)


def positions(optimizer, **options):
    """Return the moves of one of PyTorch's optimizers that is handed minus the velocities as gradients."""
    x = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    steps, before = optimizer([x], **options), np.zeros(3)
    found = []
    for v in VELOCITIES:
        x.grad = torch.tensor(-v)
        steps.step()
        now = x.detach().numpy().copy()
        found.append(now - before)
        before = now
    return np.array(found)


def test_plain_steps_are_h_times_the_velocity():
    assert moves(tussle.sgd(0.1)) == pytest.approx(0.1 * VELOCITIES, rel=1e-15)


def test_each_player_has_its_own_rate():
    pace = tussle.sgd((0.1, 0.3))
    assert moves(pace, 1) == pytest.approx(0.3 * VELOCITIES, rel=1e-15)
    assert rate((0.1, 0.3), 1) == 0.3
    assert rate(0.1, 1) == 0.1
    assert scaled((0.1, 0.3), 2.0) == (0.2, 0.6)
    assert scaled(0.1, 2.0) == 0.2


OPTIMIZERS = {
    "momentum": (tussle.momentum(0.1, 0.7), torch.optim.SGD, {"lr": 0.1, "momentum": 0.7}),
    "rmsprop": (tussle.rmsprop(0.1), torch.optim.RMSprop, {"lr": 0.1}),
    "rmsprop with options": (
        tussle.rmsprop(0.1, 0.9, 1e-3),
        torch.optim.RMSprop,
        {"lr": 0.1, "alpha": 0.9, "eps": 1e-3},
    ),
    "adam": (tussle.adam(0.1), torch.optim.Adam, {"lr": 0.1}),
    "adam with options": (
        tussle.adam(0.1, 0.0, 0.9, 1e-4),
        torch.optim.Adam,
        {"lr": 0.1, "betas": (0.0, 0.9), "eps": 1e-4},
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_moves_are_those_of_pytorchs_own_optimizers(name):
    pace, optimizer, options = OPTIMIZERS[name]
    assert moves(pace) == pytest.approx(positions(optimizer, **options), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("beta", [-0.5, 0.0, 0.9])
def test_momentum_is_the_heavy_ball(beta):
    # x_{k+1} - x_k = h v_k + beta (x_k - x_{k-1})
    found, last = moves(tussle.momentum(0.1, beta)), np.zeros(3)
    for move, v in zip(found, VELOCITIES, strict=True):
        assert move == pytest.approx(0.1 * v + beta * last, rel=1e-13, abs=1e-16)
        last = move


def test_the_tensorflow_1_flavor_starts_at_one_and_has_its_epsilon_inside():
    square, expected = np.ones(3), []
    for v in VELOCITIES:
        square = 0.9 * square + 0.1 * v * v
        expected.append(0.1 * v / np.sqrt(square + 1e-10))
    assert moves(tussle.rmsprop(0.1, flavor="tensorflow1")) == pytest.approx(np.array(expected), rel=1e-13)


def test_the_inner_epsilon_of_adam_is_under_the_root():
    mean, square, expected = np.zeros(3), np.zeros(3), []
    for k, v in enumerate(VELOCITIES, 1):
        mean = 0.5 * mean + 0.5 * v
        square = 0.9 * square + 0.1 * v * v
        root = np.sqrt(square / (1 - 0.9**k) + 0.01) + 1e-3
        expected.append(0.1 * mean / (1 - 0.5**k) / root)
    pace = tussle.adam(0.1, 0.5, 0.9, 1e-3, 0.01)
    assert moves(pace) == pytest.approx(np.array(expected), rel=1e-13)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tussle.sgd(0.0), "`lr` is 0.0; it must be above 0; give a positive number"),
        (lambda: tussle.sgd(-0.1), "`lr` is -0.1; it must be above 0"),
        (lambda: tussle.sgd((0.1, np.inf)), "`lr` is inf; it must be finite"),
        (lambda: tussle.sgd("fast"), "`lr` is 'fast'; it must be a number"),
        (lambda: tussle.momentum(0.1, np.nan), "`beta` is nan; it must be finite"),
        (lambda: tussle.momentum(-0.1), "`lr` is -0.1"),
        (lambda: tussle.rmsprop(0.1, -0.5), "`alpha` is -0.5; it must be 0 or more"),
        (lambda: tussle.rmsprop(0.1, eps=-1e-8), "`eps` is -1e-08; it must be 0 or more"),
        (lambda: tussle.rmsprop(0.1, flavor="tensorflow"), "`flavor` is 'tensorflow'; .* did you mean `tensorflow1`"),
        (lambda: tussle.adam(0.1, 1.0), "`beta1` is 1.0; it must be below 1; the usual values are"),
        (lambda: tussle.adam(0.1, 0.9, 1.5), "`beta2` is 1.5; it must be below 1"),
        (lambda: tussle.adam(0.1, -0.1), "`beta1` is -0.1; it must be 0 or more"),
        (lambda: tussle.adam(0.1, eps=-1.0), "`eps` is -1.0"),
        (lambda: tussle.adam(0.1, eps_inside=-1.0), "`eps_inside` is -1.0"),
        (lambda: tussle.rmsprop(0.1, 2.0), "`alpha` is 2.0"),
    ],
)
def test_a_wrong_pace_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("rates", [(0.1,), (0.1, 0.2, 0.3)])
def test_rates_for_another_number_of_players_are_refused(rates):
    field = tussle.Field(tussle.ZeroSum(lambda x, y: (x * y).sum()))
    with pytest.raises(ValueError, match="`lr`"):
        tussle.run(tussle.Map(field, tussle.simultaneous(tussle.sgd(rates))), (1.0, 1.0), 1)
