"""Adjustments against their formulas: on quadratic games with known Jacobians, off the equilibrium, and on batches."""

import numpy as np
import pytest
import torch

import tussle
from battery import central_difference, printed, tensors
from tussle import autodiff, models
from tussle.field import read_many
from tussle.models.dirac import notebook_consensus

ORIGIN = (0.0, 0.0)
rng = np.random.default_rng(4)
P, Q = rng.normal(size=(3, 2)), (lambda a: a @ a.T)(rng.normal(size=(2, 2)))
S = (lambda a: a @ a.T)(rng.normal(size=(3, 3)))
X = (np.array([0.5, -1.0, 0.3]), np.array([0.8, -0.6]))


def _zero_sum(x, y):
    """f(x, y) = x^T S x / 2 + x^T P y - y^T Q y / 2: the field's Jacobian is [[-S, -P], [P^T, -Q]]."""
    p, q, s = (autodiff.array(a, x) for a in (P, Q, S))
    return 0.5 * x @ (s @ x) + x @ (p @ y) - 0.5 * y @ (q @ y)


GAME = tussle.ZeroSum(_zero_sum)
J = np.block([[-S, -P], [P.T, -Q]])
V = J @ np.concatenate(X)


def velocity(adjustment, engine):
    start = X if engine == "jax" else tensors(X)
    return np.concatenate(adjustment(tussle.Field(GAME)).at(start))


G, D = np.s_[:3], np.s_[3:]
A = 0.5 * (J - J.T)
FORMULAS = {
    "consensus": (tussle.consensus(0.7), V - 0.7 * J.T @ V),
    "symplectic": (tussle.symplectic(0.7, align=False), V + 0.7 * A @ V),
    "jare": (
        tussle.jare(0.7, 0.4),
        V - np.concatenate([0.7 * J[D, G].T @ V[D], 0.4 * J[G, D].T @ V[G]]),
    ),
    "nagarajan_kolter": (
        tussle.nagarajan_kolter(0.7),
        V - np.concatenate([2 * 0.7 * J[D, G].T @ V[D], np.zeros(2)]),
    ),
    "timescale": (tussle.timescale(0.5, 3.0), V * np.array([0.5] * 3 + [3.0] * 2)),
}


@pytest.mark.parametrize("engine", ["jax", "torch"])
@pytest.mark.parametrize("name", FORMULAS)
def test_adjusted_velocities_are_their_formulas(name, engine):
    adjustment, expected = FORMULAS[name]
    assert velocity(adjustment, engine) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", FORMULAS)
def test_one_players_velocity_is_its_part_of_all(name):
    field = FORMULAS[name][0](tussle.Field(GAME))
    point = tensors(X)
    whole = field(point)
    for player in (0, 1):
        assert torch.allclose(field.player(player, point), whole[player], rtol=1e-13, atol=1e-14)


def test_adjustments_compose():
    field = tussle.timescale(2.0, 3.0)(tussle.consensus(0.7)(tussle.Field(GAME)))
    expected = (V - 0.7 * J.T @ V) * np.array([2.0] * 3 + [3.0] * 2)
    assert np.concatenate(field.at(tensors(X))) == pytest.approx(expected, rel=1e-12)
    assert field.game is GAME


# Jacobians --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["minimax", "nonsaturating"])
@pytest.mark.parametrize("gamma", [0.3, 2.0])
def test_the_consensus_identity_holds_at_an_equilibrium(name, gamma):
    model = models.gaussian(name, [tussle.r1(0.5)])
    field, at = tussle.Field(model.game), tensors(model.equilibrium)
    plain = tussle.field_jacobian(field, at)
    bent = tussle.field_jacobian(tussle.consensus(gamma)(field), at)
    assert bent == pytest.approx(plain - gamma * plain.T @ plain, abs=1e-13)


def test_off_the_equilibrium_the_identity_lacks_the_second_derivatives_of_the_field():
    # w' = v' - gamma (v'^T v' + sum_i v_i Hess v_i)
    field, gamma, at = tussle.Field(models.dirac().game), 0.7, np.array([0.6, -0.9])
    plain = tussle.field_jacobian(field, tuple(at))
    bent = tussle.field_jacobian(tussle.consensus(gamma)(field), tuple(at))
    short = plain - gamma * plain.T @ plain
    assert np.abs(bent - short).max() > 0.01
    v = np.concatenate(field.at(tuple(at)))
    hessians = central_difference(lambda x: tussle.field_jacobian(field, tuple(x)).ravel(), at).reshape(2, 2, 2)
    exact = short - gamma * np.einsum("i,ijk->jk", v, hessians)
    assert bent == pytest.approx(exact, abs=1e-9)


def test_the_consensus_gradient_off_the_equilibrium_as_printed():
    field = tussle.Field(models.dirac().game)
    point = np.array([[1.0, 2.0]])
    v = read_many(field, point, (1, 1))[0]
    push = v - read_many(tussle.consensus(1.0)(field), point, (1, 1))[0]
    assert list(push) == [printed("-0.1109460851"), printed("-0.0341590376")]
    notebook = v - read_many(notebook_consensus(1.0), point, (1, 1))[0]
    assert list(notebook) == [printed("-0.0483683742"), printed("-0.0028701822")]


def test_the_notebooks_field_is_not_a_gradient_and_agrees_with_it_to_second_order():
    field = tussle.Field(models.dirac().game)
    true, notebook = tussle.consensus(1.0)(field), notebook_consensus(1.0)
    gaps = []
    for size in (1e-1, 1e-2):
        point = size * np.array([[1.0, 0.7]])
        gaps.append(np.abs(read_many(true, point, (1, 1)) - read_many(notebook, point, (1, 1))).max())
    assert gaps[0] / gaps[1] == pytest.approx(1000, rel=0.05)


def test_jare_turns_the_jacobian_into_the_published_blocks():
    def losses(x, y):
        p, q = (autodiff.array(a, x) for a in (P, Q))
        return x @ (p @ y) - 0.5 * y @ (q @ y)

    field = tussle.jare(0.7)(tussle.Field(tussle.ZeroSum(losses)))
    found = tussle.field_jacobian(field, (np.zeros(3), np.zeros(2)))
    expected = np.block([[-0.7 * P @ P.T, -P + 0.7 * P @ Q], [P.T, -Q - 0.7 * P.T @ P]])
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("damping", [1.0, -1.0], ids=["stable", "unstable"])
def test_the_symplectic_sign_attracts_to_stable_points_and_repels_from_unstable_ones(damping):
    # v = J x with J = [[-s, -1], [1, -s]]: the turn A v, A = (J - J^T)/2, points at the origin or away from it.
    j = np.array([[-damping, -1.0], [1.0, -damping]])

    def losses(x, y):
        own, cross = 0.5 * damping, (x * y).sum()
        return own * (x * x).sum() + cross, own * (y * y).sum() - cross

    point = np.array([3.0, 1.0])
    v = j @ point
    turn, back = 0.5 * (j - j.T) @ v, j.T @ v
    chosen = np.concatenate(tussle.symplectic(1.0)(tussle.Field(tussle.Game(losses))).at(tensors(point))) - v
    assert chosen == pytest.approx(np.sign((v @ back) * (turn @ back) + 0.1) * turn, abs=1e-12)
    assert damping * (chosen @ point) < 0


# Batches ----------------------------------------------------------------------------------------------------------


def _noisy(x, y, batch):
    """v = (1, 2) + the batch's mean noise; |v|^2 = 5, tr Cov = 10 a sample."""
    xp = autodiff.namespace(x)
    mean = xp.mean(batch, axis=0)
    shift = mean[0] * x + mean[1] * y
    return -xp.sum(1.0 * x) - xp.sum(mean[0] * x), -xp.sum(2.0 * y) - xp.sum(mean[1] * y) + 0 * xp.sum(shift)


NOISY = tussle.Field(tussle.Game(_noisy, takes_batch=True))
BATCH, DRAWS = 16, 20_000


def draws(seed):
    # Variances 4 and 6: tr Cov = 10.
    return np.random.default_rng(seed).standard_normal((DRAWS, BATCH, 2)) * np.sqrt([4.0, 6.0])


def energies(adjustment, batches):
    from tussle.game import as_point

    def one(batch):
        return 2 * adjustment.energy(NOISY, as_point((0.0, 0.0)), batch)

    with autodiff.float64():
        return autodiff.to_numpy(autodiff.jax_engine().jit(autodiff.vectorized(one))(batches))


def test_the_energy_of_one_batch_is_biased_by_its_variance_as_printed():
    # E |v_B|^2 = |v|^2 + tr Cov / B = 5 + 10/16 = 5.625
    found = energies(tussle.consensus(1.0), draws(0))
    assert 5 + 10 / BATCH == 5.625
    assert found.mean() == pytest.approx(5.625, abs=4 * found.std() / np.sqrt(DRAWS))
    assert abs(found.mean() - 5.0) > 20 * found.std() / np.sqrt(DRAWS)


def test_the_product_of_two_batches_is_unbiased():
    pairs = tussle.Pair(draws(0), draws(1))
    found = energies(tussle.consensus(1.0, unbiased=True), pairs)
    assert found.mean() == pytest.approx(5.0, abs=4 * found.std() / np.sqrt(DRAWS))


def test_unbiased_consensus_is_the_plain_one_on_two_equal_batches():
    model = models.isotropic()
    batch = model.game.sampler(6)(0, 0)
    field = tussle.Field(model.game)
    start = tensors(model.start)
    placed = autodiff.tree_map(lambda x: autodiff.array(x, start[0]), batch)
    plain = tussle.consensus(0.5)(field)(start, placed)
    both = tussle.consensus(0.5, unbiased=True)(field)(start, tussle.Pair(placed, placed))
    for a, b in zip(plain, both, strict=True):
        assert torch.allclose(a, b, rtol=1e-13, atol=1e-14)


# Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tussle.consensus(-1.0), "`gamma` is -1.0; it must be 0 or more"),
        (lambda: tussle.consensus(np.nan), "`gamma` is nan; it must be finite"),
        (lambda: tussle.symplectic(-1.0), "`weight` is -1.0; it must be 0 or more"),
        (lambda: tussle.jare(-1.0), "`gamma_generator` is -1.0"),
        (lambda: tussle.jare(1.0, -1.0), "`gamma_discriminator` is -1.0"),
        (lambda: tussle.nagarajan_kolter(None), "`eta` is None; it must be a number; give a number such as 0.1"),
        (lambda: tussle.timescale(1.0, 0.0), "`factors` is 0.0; it must be above 0"),
    ],
)
def test_a_wrong_weight_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_unbiased_consensus_refuses_a_single_batch():
    field = tussle.consensus(1.0, unbiased=True)(tussle.Field(models.gaussian().game))
    with pytest.raises(
        ValueError, match=r"`batch` is a single batch; unbiased consensus .* give Pair\(first, second\)"
    ):
        field(tensors(models.gaussian().start))


@pytest.mark.parametrize("factors", [(1.0,), (1.0, 1.0, 1.0)])
def test_a_time_scale_for_another_number_of_players_is_refused(factors):
    field = tussle.timescale(*factors)(tussle.Field(GAME))
    with pytest.raises(ValueError, match="`factors`"):
        field(tensors(X))
