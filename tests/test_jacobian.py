"""Jacobians of fields and maps against finite differences, thirty digits, products and each other."""

import mpmath
import numpy as np
import pytest

import tussle
from battery import central_difference, one_thread, tensors
from tussle import models
from tussle.field import read_many
from tussle.jacobian import products
from tussle.models.dirac import notebook_consensus

AT = np.array([0.6, -0.9])
FIELDS = {
    "minimax": lambda: tussle.Field(models.dirac().game),
    "nonsaturating with r1": lambda: tussle.Field(models.dirac("nonsaturating", [tussle.r1(0.3)]).game),
    "least squares": lambda: tussle.Field(models.dirac("least_squares").game),
    "wgan_gp": lambda: tussle.Field(models.dirac("wasserstein", [tussle.wgan_gp(0.7)]).game),
    "dragan": lambda: tussle.Field(models.dirac(penalties=[tussle.dragan(0.7)]).game),
    "noise": lambda: tussle.Field(models.dirac(noise=0.7).game),
    "consensus": lambda: tussle.consensus(0.8)(tussle.Field(models.dirac().game)),
    "jare": lambda: tussle.jare(0.8, 0.3)(tussle.Field(models.dirac().game)),
    "symplectic": lambda: tussle.symplectic(0.8)(tussle.Field(models.dirac().game)),
    "nagarajan_kolter": lambda: tussle.nagarajan_kolter(0.8)(tussle.Field(models.dirac().game)),
    "notebook": lambda: notebook_consensus(0.8),
}


@pytest.mark.parametrize("name", FIELDS)
def test_the_jacobian_of_a_field_is_its_finite_difference_under_both_engines(name):
    field = FIELDS[name]()
    found = tussle.field_jacobian(field, tuple(AT))
    numeric = central_difference(lambda x: read_many(field, x[None], (1, 1))[0], AT)
    assert found == pytest.approx(numeric, abs=1e-9)
    with one_thread():
        assert tussle.field_jacobian(field, tensors(AT)) == pytest.approx(found, abs=1e-13)


def test_the_jacobian_of_the_dirac_gan_agrees_with_thirty_digits():
    with mpmath.workdps(50):

        def velocity(theta, psi):
            slope = 1 / (1 + mpmath.exp(theta * psi))
            return -psi * slope, theta * slope

        exact = [
            [float(mpmath.diff(lambda t, p, i=i: velocity(t, p)[i], tuple(AT), order)) for order in ((1, 0), (0, 1))]
            for i in (0, 1)
        ]
    assert tussle.field_jacobian(FIELDS["minimax"](), tuple(AT)) == pytest.approx(np.array(exact), rel=1e-14)


def test_the_jacobian_of_consensus_agrees_with_thirty_digits():
    gamma = mpmath.mpf("0.8")
    with mpmath.workdps(50):

        def slope(theta, psi):
            return 1 / (1 + mpmath.exp(theta * psi))

        def energy(theta, psi):
            return (theta**2 + psi**2) * slope(theta, psi) ** 2 / 2

        def velocity(theta, psi):
            s = slope(theta, psi)
            pushes = [mpmath.diff(energy, (theta, psi), order) for order in ((1, 0), (0, 1))]
            return -psi * s - gamma * pushes[0], theta * s - gamma * pushes[1]

        step = mpmath.mpf("1e-15")
        exact = []
        for i in (0, 1):
            row = []
            for d in ((step, 0), (0, step)):
                up = velocity(AT[0] + d[0], AT[1] + d[1])[i]
                down = velocity(AT[0] - d[0], AT[1] - d[1])[i]
                row.append(float((up - down) / (2 * step)))
            exact.append(row)
    assert tussle.field_jacobian(FIELDS["consensus"](), tuple(AT)) == pytest.approx(np.array(exact), rel=1e-13)


def test_the_jacobian_follows_the_published_formula_off_the_equilibrium():
    # v' = [[-psi^2 f'', -f' - u f''], [f' + u f'', theta^2 f'']], u = theta psi
    theta, psi = AT
    u = theta * psi
    first = 1 / (1 + np.exp(u))
    second = -first * (1 - first)
    expected = [[-(psi**2) * second, -first - u * second], [first + u * second, theta**2 * second]]
    assert tussle.field_jacobian(FIELDS["minimax"](), tuple(AT)) == pytest.approx(np.array(expected), rel=1e-14)


# Maps -------------------------------------------------------------------------------------------------------------


def test_the_jacobian_of_simultaneous_steps_is_one_plus_h_times_the_fields():
    field = FIELDS["nonsaturating with r1"]()
    map = tussle.Map(field, tussle.simultaneous(tussle.sgd((0.1, 0.3))))
    expected = np.eye(2) + np.diag([0.1, 0.3]) @ tussle.field_jacobian(field, tuple(AT))
    assert tussle.map_jacobian(map, tuple(AT)) == pytest.approx(expected, abs=1e-14)


def test_the_jacobian_of_alternating_steps_has_the_published_second_order_term():
    # h^2 [[0, 0], [C A, C B]] at a point where the field vanishes
    field, h = tussle.Field(models.gaussian(penalties=[tussle.r1(1.0)]).game), 0.3
    at = tensors(models.gaussian().equilibrium)
    j = tussle.field_jacobian(field, at)
    lower = np.zeros_like(j)
    lower[2:] = j[2:, :2] @ j[:2]
    map = tussle.Map(field, tussle.alternating(tussle.sgd(h)))
    assert tussle.map_jacobian(map, at) == pytest.approx(np.eye(4) + h * j + h * h * lower, abs=1e-13)


def test_the_points_entries_come_before_the_states():
    map = tussle.Map(FIELDS["minimax"](), tussle.simultaneous(tussle.momentum(0.2, 0.5)))
    found = tussle.map_jacobian(map, (0.0, 0.0))
    v = np.array([[0, -0.5], [0.5, 0]])
    expected = np.block([[np.eye(2) + 0.2 * v, 0.2 * 0.5 * np.eye(2)], [v, 0.5 * np.eye(2)]])
    assert found == pytest.approx(expected, abs=1e-15)


# Operators --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["jax", "torch"])
def test_operators_are_the_dense_matrix_without_forming_it(engine):
    model = models.dirac(penalties=[tussle.r1(1.0)], bias=True)
    field = tussle.consensus(0.5)(tussle.Field(model.game))
    at = model.start if engine == "jax" else tensors(model.start)
    matrix = tussle.field_jacobian(field, at)
    rng = np.random.default_rng(0)
    for transposed in (False, True):
        operator = tussle.field_operator(field, at, transposed=transposed)
        expected = matrix.T if transposed else matrix
        assert operator.shape == (3, 3)
        for _ in range(2):
            x = rng.standard_normal(3)
            assert operator @ x == pytest.approx(expected @ x, rel=1e-12, abs=1e-13)
            assert operator.rmatvec(x) == pytest.approx(expected.T @ x, rel=1e-12, abs=1e-13)
    push, pull = products(field, at)
    t, u = rng.standard_normal((2, 3))
    assert u @ push(t) == pytest.approx(pull(u) @ t, rel=1e-12)


@pytest.mark.parametrize("engine", ["jax", "torch"])
def test_operators_take_a_batch(engine):
    model = models.isotropic()
    batch = model.game.sampler(5)(0, 0)
    at = model.start if engine == "jax" else tensors(model.start)
    field = tussle.Field(model.game)
    from tussle import autodiff

    if engine == "torch":
        batch = autodiff.tree_map(lambda x: autodiff.array(x, at[0]), batch)
    matrix = tussle.field_jacobian(field, at, batch)
    assert np.abs(matrix - tussle.field_jacobian(field, at)).max() > 0.01
    x = np.arange(4.0)
    assert tussle.field_operator(field, at, batch) @ x == pytest.approx(matrix @ x, rel=1e-12, abs=1e-13)
