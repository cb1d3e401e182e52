"""The wall: the two engines give the same derivatives, of every order, and the smooth functions are exact far out."""

import mpmath
import numpy as np
import pytest
import torch

from battery import one_thread
from tussle import autodiff

X = np.array([0.3, -0.7, 1.1])


@pytest.fixture(params=["jax", "torch"])
def array(request):
    if request.param == "torch":
        with one_thread():
            yield lambda x: torch.tensor(x, dtype=torch.float64)
    else:
        with autodiff.float64():
            yield autodiff.array


def npy(x):
    return autodiff.to_numpy(x)


def scalar(x):
    """x0 x1^2 + sin-free polynomial: gradient and Hessian by hand."""
    return x[0] * x[1] ** 2 + 0.5 * x[2] ** 3


GRADIENT = np.array([X[1] ** 2, 2 * X[0] * X[1], 1.5 * X[2] ** 2])
HESSIAN = np.array([[0, 2 * X[1], 0], [2 * X[1], 2 * X[0], 0], [0, 0, 3 * X[2]]])


def vector(x):
    xp = autodiff.namespace(x)
    return xp.stack([x[0] * x[1], x[2] ** 2])


JACOBIAN = np.array([[X[1], X[0], 0], [0, 0, 2 * X[2]]])


# Derivatives ------------------------------------------------------------------------------------------------------


def test_gradients(array):
    value, slope = autodiff.value_and_gradient(scalar, array(X))
    assert float(value) == pytest.approx(scalar(X), rel=1e-15)
    assert npy(slope) == pytest.approx(GRADIENT, rel=1e-14)
    assert npy(autodiff.gradient(scalar, array(X))) == pytest.approx(GRADIENT, rel=1e-14)


def test_products_with_the_jacobian(array):
    t, u = np.array([0.2, -1.0, 0.5]), np.array([1.5, -0.4])
    assert npy(autodiff.jacobian(vector, array(X))) == pytest.approx(JACOBIAN, rel=1e-14)
    assert npy(autodiff.jvp(vector, array(X), array(t))) == pytest.approx(JACOBIAN @ t, rel=1e-14)
    assert npy(autodiff.vjp(vector, array(X), array(u))) == pytest.approx(JACOBIAN.T @ u, rel=1e-14)
    value, pull = autodiff.pullback(vector, array(X))
    assert npy(value) == pytest.approx(vector(torch.tensor(X)).numpy())
    for v in (u, 2 * u):
        assert npy(pull(array(v))) == pytest.approx(JACOBIAN.T @ v, rel=1e-14)


def test_derivatives_nest(array):
    first = lambda x: autodiff.gradient(scalar, x)
    assert npy(autodiff.jacobian(first, array(X))) == pytest.approx(HESSIAN, rel=1e-14)
    length = lambda x: 0.5 * (first(x) ** 2).sum()
    assert npy(autodiff.gradient(length, array(X))) == pytest.approx(HESSIAN @ GRADIENT, rel=1e-14)
    t = array(np.array([1.0, 2.0, -1.0]))
    push = lambda x: autodiff.jvp(first, x, t)
    # d/dx (H(x) t): the third derivatives are 2 (x0 x1 x1) and 3 (x2 x2 x2).
    third = np.array([[0, 2 * 2.0, 0], [2 * 2.0, 2 * 1.0, 0], [0, 0, 3 * -1.0]])
    assert npy(autodiff.jacobian(push, array(X))) == pytest.approx(third, rel=1e-14)
    back = lambda x: autodiff.vjp(first, x, t)
    assert npy(autodiff.jacobian(back, array(X))) == pytest.approx(third, rel=1e-14)


def test_what_does_not_depend_on_the_argument_has_no_derivative(array):
    constant = array(np.array([2.0, 3.0]))
    assert npy(autodiff.gradient(lambda x: constant.sum(), array(X))).tolist() == [0.0] * 3
    assert npy(autodiff.jvp(lambda x: constant, array(X), array(X))).tolist() == [0.0] * 2
    assert npy(autodiff.jacobian(lambda x: constant, array(X))).tolist() == [[0.0] * 3] * 2
    assert npy(autodiff.gradient(lambda x: (autodiff.stop(x) * x).sum(), array(X))) == pytest.approx(X)


def test_input_gradients_are_sample_by_sample(array):
    points = np.array([[0.2, 1.0], [-0.5, 0.3], [2.0, -1.0]])
    found = autodiff.input_gradient(lambda x: x[:, 0] ** 2 * x[:, 1], array(points))
    expected = np.stack([2 * points[:, 0] * points[:, 1], points[:, 0] ** 2], axis=1)
    assert npy(found) == pytest.approx(expected, rel=1e-14)


def test_a_linear_system_is_solved_from_products_alone(array):
    matrix = np.array([[3.0, 1.0], [-0.5, 2.0]])
    a, b = array(matrix), array(np.array([1.0, -2.0]))

    def by_elimination(matvec, right):
        xp = autodiff.namespace(right)
        unit = xp.eye(2, dtype=right.dtype)
        return xp.linalg.solve(xp.stack([matvec(unit[0]), matvec(unit[1])], axis=1), right)

    assert npy(autodiff.solve(lambda x: a @ x, b, by_elimination)) == pytest.approx(np.linalg.solve(matrix, npy(b)))


def test_a_solution_is_differentiated_as_the_exact_one(array):
    """d x = A^-1 (db - dA x), though the solver here is a fixed number of crude sweeps that knows nothing of it."""

    def solution(x):
        xp = autodiff.namespace(x)
        scale = xp.stack([x[0], 2 * x[1]])

        def matvec(y):
            return y + 0.1 * scale * xp.flip(y, axis=0)

        def sweeps(matvec, b):
            y = b
            for _ in range(30):
                y = y + (b - matvec(y))
            return autodiff.stop(y)

        found = autodiff.solve(matvec, x[:2] ** 2, sweeps)
        scale = None  # what a derivative reads has been recorded by now
        return found

    def exact(x):
        a = np.array([[1.0, 0.1 * x[0]], [0.2 * x[1], 1.0]])
        b = np.array([x[0] ** 2, x[1] ** 2])
        y = np.linalg.solve(a, b)
        changes = [
            (np.array([[0, 0.1], [0, 0]]), np.array([2 * x[0], 0])),
            (np.array([[0, 0], [0.2, 0]]), np.array([0, 2 * x[1]])),
        ]
        return np.array([np.linalg.solve(a, db - da @ y) for da, db in changes] + [np.zeros(2)]).T

    assert npy(autodiff.jacobian(solution, array(X))) == pytest.approx(exact(X), rel=1e-13)


# Smooth functions -------------------------------------------------------------------------------------------------

EPS = np.finfo(float).eps
FAR = [-800.0, -40.0, -5.0, -1e-9, 0.0, 0.3, 20.0, 37.0, 800.0]


def exact(function, x, order):
    with mpmath.workdps(40):
        if order == 0:
            return float(function(mpmath.mpf(x)))
        s = 1 / (1 + mpmath.exp(-mpmath.mpf(x)))
        slopes = {1: s, 2: s * (1 - s), 3: s * (1 - s) * (1 - 2 * s)}
        return float(slopes[order])


def derivative(function, order):
    for _ in range(order):
        function = (lambda f: lambda x: autodiff.gradient(f, x))(function)
    return function


@pytest.mark.parametrize("x", FAR)
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_softplus_and_its_derivatives_agree_with_forty_digits(x, order, array):
    found = float(derivative(autodiff.softplus, order)(array(x)))
    expected = exact(lambda t: mpmath.log1p(mpmath.exp(t)), x, order)
    assert found == pytest.approx(expected, rel=1e-15, abs=0 if order == 0 else EPS)


@pytest.mark.parametrize("x", FAR)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_sigmoid_and_its_derivatives_agree_with_forty_digits(x, order, array):
    found = float(derivative(autodiff.sigmoid, order)(array(x)))
    assert found == pytest.approx(exact(None, x, order + 1), rel=1e-15, abs=0 if order == 0 else EPS)


def test_the_safe_root_has_no_slope_at_zero(array):
    x = array(np.array([0.0, 4.0]))
    assert npy(autodiff.safe_sqrt(x)).tolist() == [0.0, 2.0]
    slope = autodiff.gradient(lambda y: autodiff.safe_sqrt(y).sum(), x)
    assert npy(slope).tolist() == [0.0, 0.25]
    curve = autodiff.gradient(lambda y: autodiff.gradient(lambda z: autodiff.safe_sqrt(z).sum(), y).sum(), x)
    assert npy(curve) == pytest.approx([0.0, -0.25 * 4**-1.5])


# Loops and arrays -------------------------------------------------------------------------------------------------


def test_loops(array):
    x = array(np.array([1.0]))
    assert float(autodiff.loop(10, lambda y: 2 * y, x, x)[0]) == 1024.0
    assert float(autodiff.repeat_while(lambda y: (y < 100.0).all(), lambda y: 3 * y, x, x)[0]) == 243.0


@pytest.mark.parametrize(("kept", "stride"), [(6, 1), (3, 2), (1, 6)])
def test_iteration_stacks_what_is_picked_and_hands_inputs_out_in_order(kept, stride, array):
    start, inputs = (array(np.zeros(1)),), array(np.arange(6.0))
    body = lambda carry, given: (carry[0] + given,)
    (last,), picked = autodiff.iterate(body, start, kept, stride, lambda c: c, start[0], inputs)
    sums = np.cumsum(np.arange(6.0))
    assert float(last[0]) == 15.0
    assert npy(picked[0])[:, 0].tolist() == sums[stride - 1 :: stride].tolist()
    (last,), picked = autodiff.iterate(body, start, kept, stride, None, start[0], inputs)
    assert float(last[0]) == 15.0
    assert picked is None


def test_arrays_follow_their_model(array):
    like = array(X)
    assert type(autodiff.array([1.0], like)) is type(like)
    assert autodiff.array([1.0], torch.zeros(1, dtype=torch.float32)).dtype == torch.float32
    assert autodiff.namespace(None, 1.0, like) is autodiff.namespace(like)
    assert autodiff.is_torch(like) == isinstance(like, torch.Tensor)


def test_float64_is_a_scope():
    assert autodiff.array(1.0).dtype == "float32"
    with autodiff.float64():
        assert autodiff.array(1.0).dtype == "float64"
    assert autodiff.array(1.0).dtype == "float32"
