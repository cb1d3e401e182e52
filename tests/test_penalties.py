"""Penalties: value and gradient against the analytic ones of a quadratic critic, at every place, under both engines.

The critic is C(x) = a |x|^2 / 2 + b . x + c with psi = (a, b1, b2, c), so that grad C = a x + b.
"""

import numpy as np
import pytest
import torch

import tussle
from battery import one_thread
from tussle import autodiff, models
from tussle.field import read_many
from tussle.gan import GAN, Batch
from tussle.measures import Nodes
from tussle.penalties import Penalty

PSI = np.array([0.7, -0.4, 0.9, 0.3])
rng = np.random.default_rng(11)
REAL, FAKE, MIX, SHIFT = (
    rng.normal(size=(4, 2)),
    rng.normal(0.5, 1.0, (4, 2)),
    rng.random((4, 1)),
    rng.normal(size=(4, 2)),
)
WEIGHTS = {name: rng.dirichlet(np.ones(4)) for name in ("real", "fake", "mix", "shift")}


def critic(psi, x):
    square = (x * x).sum(axis=1) if not isinstance(x, torch.Tensor) else (x * x).sum(dim=1)
    return 0.5 * psi[0] * square + x @ psi[1:3] + psi[3]


PENALTIES = {
    "r1": tussle.r1(0.8),
    "r2": tussle.r2(0.8),
    "wgan_gp": tussle.wgan_gp(0.8),
    "wgan_gp on real data": tussle.wgan_gp(0.8, 0.6, place="real"),
    "wgan_lp": tussle.wgan_lp(0.8),
    "dragan": tussle.dragan(0.8, spread=0.4),
    "any center": Penalty(0.8, 1.3, "fake"),
    "one-sided, zero center": Penalty(0.8, 0.0, "real", one_sided=True),
    "zero-centered interpolates": Penalty(0.8, 0.0, "interpolates"),
    "one-sided, perturbed": Penalty(0.8, 0.9, "perturbed", one_sided=True, spread=0.2),
}


def by_hand(penalty, weighted):
    """Return value and gradient as plain sums over the points of the penalty's place."""
    w = (lambda name: WEIGHTS[name]) if weighted else (lambda name: np.full(4, 0.25))
    four = range(4)
    if penalty.place == "real":
        points = [(REAL[i], w("real")[i]) for i in four]
    elif penalty.place == "fake":
        points = [(FAKE[j], w("fake")[j]) for j in four]
    elif penalty.place == "perturbed" and weighted:
        points = [(REAL[i] + penalty.spread * SHIFT[k], w("real")[i] * w("shift")[k]) for i in four for k in four]
    elif penalty.place == "perturbed":
        points = [(REAL[i] + penalty.spread * SHIFT[i], 0.25) for i in four]
    elif weighted:
        points = [
            (MIX[k] * REAL[i] + (1 - MIX[k]) * FAKE[j], w("real")[i] * w("fake")[j] * w("mix")[k])
            for i in four
            for j in four
            for k in four
        ]
    else:
        points = [(MIX[i] * REAL[i] + (1 - MIX[i]) * FAKE[i], 0.25) for i in four]
    value, slope = 0.0, np.zeros(4)
    for x, weight in points:
        g = PSI[0] * x + PSI[1:3]
        length = np.linalg.norm(g)
        excess = length - penalty.center
        if penalty.one_sided:
            excess = max(excess, 0.0)
        value += weight * penalty.weight / 2 * excess**2
        slope += weight * penalty.weight * excess * np.array([g @ x, g[0], g[1], 0.0]) / length
    return value, slope


def batch_of(weighted):
    w = (lambda name: WEIGHTS[name]) if weighted else (lambda name: None)
    return Batch(
        Nodes(REAL, w("real")), Nodes(FAKE, w("fake")), None, None, Nodes(MIX, w("mix")), Nodes(SHIFT, w("shift"))
    )


def game_of(*penalties):
    # The generator passes its latents on, shifted by theta, so that the fakes at theta = 0 are the latents.
    loss = tussle.loss("wasserstein")
    return GAN(lambda theta, z: z + theta, critic, tussle.Samples(REAL), tussle.Samples(FAKE), loss, penalties)


@pytest.fixture(params=["jax", "torch"])
def array(request):
    if request.param == "torch":
        with one_thread():
            yield lambda x: torch.tensor(x, dtype=torch.float64)
    else:
        with autodiff.float64():
            yield autodiff.array


def fast(function, array):
    """The function itself, or compiled as one piece under JAX."""
    return autodiff.jax_engine().jit(function) if array is autodiff.array else function


def placed(batch, like):
    return autodiff.tree_map(lambda x: autodiff.array(x, like), batch)


@pytest.mark.parametrize("weighted", [False, True], ids=["samples", "weighted nodes"])
@pytest.mark.parametrize("name", PENALTIES)
def test_value_and_gradient_are_the_analytic_ones(name, weighted, array):
    game, psi, theta = game_of(PENALTIES[name]), array(PSI), array(np.zeros(2))
    batch = placed(batch_of(weighted), psi)
    both = fast(lambda p: autodiff.value_and_gradient(lambda q: game.penalty((theta, q), batch), p), array)
    value, slope = both(psi)
    exact, gradient = by_hand(PENALTIES[name], weighted)
    assert float(value) == pytest.approx(exact, rel=1e-13)
    assert autodiff.to_numpy(slope) == pytest.approx(gradient, rel=1e-12, abs=1e-14)


def test_several_penalties_add_up(array):
    both, psi, theta = (PENALTIES["r1"], PENALTIES["wgan_lp"]), array(PSI), array(np.zeros(2))
    batch = placed(batch_of(True), psi)
    found = float(game_of(*both).penalty((theta, psi), batch))
    assert found == pytest.approx(sum(by_hand(p, True)[0] for p in both), rel=1e-13)


def test_the_discriminator_alone_is_penalized(array):
    psi, theta = array(PSI), array(np.array([0.3, -0.2]))
    batch = placed(batch_of(False), psi)
    plain, bent = game_of(), game_of(tussle.r2(0.8), tussle.wgan_gp(0.5))
    assert float(bent.loss(0, (theta, psi), batch)) == float(plain.loss(0, (theta, psi), batch))
    expected = float(plain.loss(1, (theta, psi), batch)) + float(bent.penalty((theta, psi), batch))
    assert float(bent.loss(1, (theta, psi), batch)) == pytest.approx(expected, rel=1e-14)


def test_the_penalty_of_a_flat_critic_has_no_slope(array):
    # |grad C| has a corner where grad C = 0; the library takes 0 there, as sign(0) = 0 in one dimension.
    psi, theta = array(np.zeros(4)), array(np.zeros(2))
    game = game_of(tussle.wgan_gp(0.8))
    batch = placed(batch_of(False), psi)
    value, slope = autodiff.value_and_gradient(lambda p: game.penalty((theta, p), batch), psi)
    assert float(value) == pytest.approx(0.4, rel=1e-14)
    assert autodiff.to_numpy(slope).tolist() == [0.0] * 4


def test_a_penalty_takes_inputs_of_any_shape(array):
    images = array(rng.normal(size=(3, 2, 2)))
    found = tussle.r1(2.0).value(lambda x: (x * x).sum((1, 2)) / 2, Nodes(images))
    assert float(found) == pytest.approx(float((images * images).sum()) / 3, rel=1e-14)


def test_second_derivatives_of_a_penalty_are_finite_differences_of_the_first(array):
    game, psi, theta = game_of(PENALTIES["wgan_gp"]), array(PSI), array(np.zeros(2))
    batch = placed(batch_of(False), psi)

    def read(p):
        return autodiff.gradient(lambda q: game.penalty((theta, q), batch), p)

    slope = fast(read, array)
    found = autodiff.to_numpy(fast(lambda p: autodiff.jacobian(read, p), array)(psi))
    step = 1e-5
    columns = [autodiff.to_numpy(slope(array(PSI + e)) - slope(array(PSI - e))) / (2 * step) for e in step * np.eye(4)]
    assert found == pytest.approx(np.array(columns).T, abs=1e-8)


@pytest.mark.parametrize(
    ("make", "center"), [(tussle.r1, 0.0), (tussle.r2, 0.0), (tussle.wgan_gp, 1.0), (tussle.dragan, 1.0)]
)
def test_on_the_dirac_gan_the_penalty_is_that_of_the_slope(make, center):
    field = tussle.Field(models.dirac("wasserstein", [make(0.6)]).game)
    points = np.array([[0.4, 1.5], [-1.0, -0.2], [0.7, 0.0]])
    theta, psi = points.T
    expected = np.stack([-psi, theta - 0.6 * (np.abs(psi) - center) * np.sign(psi)], axis=1)
    assert read_many(field, points, (1, 1)) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tussle.r1(-0.1), "`r1 weight` is -0.1; it must be 0 or more; give a number that is not negative"),
        (lambda: tussle.r2(np.inf), "`r2 weight` is inf; it must be finite; give a finite number"),
        (lambda: tussle.wgan_gp(1.0, -1.0), "`wgan_gp center` is -1.0; it must be 0 or more"),
        (lambda: tussle.wgan_lp("1"), "`wgan_lp weight` is '1'; it must be a number"),
        (lambda: tussle.dragan(1.0, spread=-0.5), "`spread` is -0.5; it must be 0 or more"),
        (lambda: tussle.wgan_gp(1.0, place="reel"), "`place` is 'reel'; it may be one of .*; did you mean `real`"),
    ],
)
def test_a_wrong_penalty_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("place", ["interpolates", "perturbed"])
def test_a_batch_without_the_nodes_of_the_place_is_refused(place):
    nodes = Nodes(REAL)
    with pytest.raises(ValueError, match=f"`batch` has no nodes for {place}; .* take the batch from the GAN itself"):
        Penalty(1.0, place=place).points(nodes, nodes, None, None)
