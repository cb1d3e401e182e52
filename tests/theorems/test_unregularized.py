"""What is proved of games without damping: rotations, the unregularized Dirac-GAN, and what steps make of them."""

import numpy as np
import pytest

import tussle
from battery import printed, tensors
from tussle import models
from tussle.field import read_many

ORIGIN = (0.0, 0.0)
F = 0.5


def dirac(*args, **kwargs):
    return tussle.Field(models.dirac(*args, **kwargs).game)


def sim(h):
    return tussle.simultaneous(tussle.sgd(h))


def alt(h, **kwargs):
    return tussle.alternating(tussle.sgd(h), **kwargs)


def spectrum(field, rule, at=ORIGIN):
    return tussle.spectrum(tussle.map_jacobian(tussle.Map(field, rule), tensors(at)), of="map", tolerance=1e-9)


def path(field, rule, steps, start=(1.0, 1.0)):
    return tussle.run(tussle.Map(field, rule), start, steps).path


# Mescheder, Geiger, Nowozin 2018, section 2 -----------------------------------------------------------------------


def test_the_field_is_tangent_to_circles():
    points = np.random.default_rng(0).normal(size=(50, 2)) * 2
    for name in ("minimax", "wasserstein", "smooth_tv"):
        velocity = read_many(dirac(name), points, (1, 1))
        sizes = np.linalg.norm(points, axis=1) * np.linalg.norm(velocity, axis=1)
        assert np.all(np.abs((points * velocity).sum(axis=1)) <= 1e-15 * sizes)


def test_the_origin_is_the_only_equilibrium():
    points = np.random.default_rng(0).normal(size=(200, 2)) * 3
    assert np.linalg.norm(read_many(dirac(), points, (1, 1)), axis=1).min() > 0
    assert np.all(read_many(dirac(), np.zeros((1, 2)), (1, 1)) == 0)


def test_against_a_fake_off_the_data_no_discriminator_is_optimal():
    psi = np.linspace(-30, 30, 601)
    for theta in (0.5, -2.0):
        velocity = read_many(dirac(), np.stack([np.full_like(psi, theta), psi], axis=1), (1, 1))[:, 1]
        assert np.all(velocity * theta > 0)


@pytest.mark.parametrize("h", [0.02, 0.2, 1.0])
def test_simultaneous_steps_on_a_rotation_spiral_out(h):
    # |x_{k+1}|^2 = |x_k|^2 (1 + h^2 f'(u_k)^2), exactly and everywhere
    found = path(dirac(), sim(h), 100)
    slope = 1 / (1 + np.exp(found.prod(axis=1)))
    square = (found**2).sum(axis=1)
    assert square[1:] == pytest.approx(square[:-1] * (1 + h * h * slope[:-1] ** 2), rel=1e-13)
    assert np.all(np.diff(square) > -1e-15 * square[1:])  # far out the slope, and with it the growth, vanishes
    assert square[-1] > square[0]
    assert spectrum(dirac(), sim(h)).radius == pytest.approx(np.sqrt(1 + h * h * F * F), abs=1e-14)


@pytest.mark.parametrize("h", [0.02, 0.2, 1.0])
def test_alternating_steps_on_a_rotation_close_their_orbits(h):
    for loss in ("minimax", "wasserstein"):
        matrix = tussle.map_jacobian(tussle.Map(dirac(loss), alt(h)), tensors(ORIGIN))
        assert np.linalg.det(matrix) == pytest.approx(1.0, abs=1e-14)
        assert spectrum(dirac(loss), alt(h)).verdict == "marginal"
    radius = np.linalg.norm(path(dirac("wasserstein"), alt(h), 4000), axis=1)
    assert radius[2000:].max() == pytest.approx(radius[:2000].max(), rel=1e-2)
    assert radius.min() > 0.5


@pytest.mark.parametrize("counts", [(1, 1), (1, 5), (3, 2)])
def test_alternating_eigenvalues_depend_on_the_geometric_mean_of_steps_and_rates(counts):
    h_g, h_d = 0.1, 0.3
    a = np.sqrt(np.prod(counts) * h_g * h_d) * F
    expected = 1 - a * a / 2 + np.array([1, -1]) * np.sqrt(complex((1 - a * a / 2) ** 2 - 1))
    found = spectrum(dirac(), tussle.alternating(tussle.sgd((h_g, h_d)), counts)).eigenvalues
    assert found == pytest.approx(expected, abs=1e-13)


def test_alternating_steps_stay_on_the_unit_circle_up_to_an_angle_of_two():
    assert spectrum(dirac(), alt(0.999 * 2 / F)).radius == pytest.approx(1.0, abs=1e-12)
    # The double root -1 is known to the root of rounding.
    assert spectrum(dirac(), alt(2 / F)).eigenvalues == pytest.approx([-1.0, -1.0], abs=1e-7)
    assert spectrum(dirac(), alt(2.5 / F)).eigenvalues == pytest.approx([-0.25, -4.0], abs=1e-12)


@pytest.mark.parametrize(("first", "sign"), [("generator", -1), ("discriminator", 1)])
def test_alternating_steps_on_a_bilinear_game_have_an_exact_invariant(first, sign):
    h = 0.2
    theta, psi = path(dirac("wasserstein"), alt(h, first=first), 2000).T
    invariant = theta**2 + psi**2 + sign * h * theta * psi
    assert invariant == pytest.approx(invariant[0], rel=1e-12)


def test_averages_of_alternating_steps_on_a_bilinear_game_vanish_as_one_over_k():
    field = tussle.Field(models.bilinear().game)
    rule = tussle.averaging(alt(0.2))
    sizes = []
    for steps in (1000, 10_000):
        run = tussle.run(tussle.Map(field, rule), (1.0, 1.0), steps)
        average = np.array([float(a[0]) for a in rule.average(run.state)])
        assert average == pytest.approx(run.path.mean(axis=0), abs=1e-12)
        sizes.append(np.linalg.norm(average) * steps)
    # sum_k M^k x0 = (I - M)^-1 (I - M^n) x0, at most twice the length of (I - M)^-1 times that of the orbit
    matrix = tussle.map_jacobian(tussle.Map(field, alt(0.2)), tensors(ORIGIN))
    bound = 2 * np.linalg.norm(np.linalg.inv(np.eye(2) - matrix), 2) * 1.6
    assert max(sizes) < bound


# The non-saturating game: the same linearization, another fate ----------------------------------------------------


def test_the_nonsaturating_field_points_inward():
    # d|x|^2/dt = 2u (f'(u) - f'(-u)) = -2u tanh(u/2), u = theta psi
    points = np.random.default_rng(0).normal(size=(50, 2)) * 2
    u = points.prod(axis=1)
    found = 2 * (points * read_many(dirac("nonsaturating"), points, (1, 1))).sum(axis=1)
    assert found == pytest.approx(-2 * u * np.tanh(u / 2), abs=1e-14)


def test_nonsaturating_alternating_steps_decay_like_one_over_k():
    h, steps = 0.2, 100_000
    run = tussle.run(tussle.Map(dirac("nonsaturating"), alt(h)), (1.0, 1.0), steps)
    square = (run.path**2).sum(axis=1)
    turn = square[-63:]  # a turn is 2 pi / (h F) = 62.8 steps, along which the square swings by h F / 2 = 5 %
    # The published value at k = 1e5 does not say its start: it lies on the last turn of any.
    assert turn.min() < float("3.83e-4") < turn.max()
    assert np.sqrt(turn.min() * turn.max()) == pytest.approx(1 / (1 / 2 + steps * h / 8), rel=5e-3)
    theta = psi = 1.0
    for _ in range(steps):
        theta -= h * psi / (1 + np.exp(-theta * psi))
        psi += h * theta / (1 + np.exp(theta * psi))
    assert square[-1] == pytest.approx(theta * theta + psi * psi, rel=1e-10)
    assert spectrum(dirac("nonsaturating"), alt(h)).verdict == "marginal"


@pytest.mark.parametrize("start", [(0.05, 0.0), (1.5, 1.5)], ids=["from inside", "from outside"])
def test_nonsaturating_simultaneous_steps_settle_on_a_circle_of_radius_root_2h(start):
    h = 0.05
    radius = np.linalg.norm(path(dirac("nonsaturating"), sim(h), 120_000, start)[-2514:], axis=1)  # ten turns
    assert np.sqrt(np.mean(radius**2)) == pytest.approx(np.sqrt(2 * h), rel=2e-3)


def test_zero_sum_relativistic_steps_diverge_as_published():
    # 0.8 -> 3.35 in 3000 steps of 0.1
    paired = tussle.loss("rp-logistic", scale=0.5, objective="zero-sum")
    end = path(dirac(paired), sim(0.1), 3000, (0.8, 0.0))[-1]
    assert np.linalg.norm(end) == printed("3.35")


def test_a_relativistic_loss_leaves_the_critics_bias_alone():
    points = np.random.default_rng(0).normal(size=(20, 3))
    for name in ("rp-logistic", "ra-logistic", "rc-least_squares", "ralf-hinge", "wasserstein"):
        assert np.all(np.abs(read_many(dirac(name, bias=True), points, (1, 2))[:, 2]) <= 1e-15)
    assert np.abs(read_many(dirac(bias=True), points, (1, 2))[:, 2]).max() > 0.1


def test_least_squares_with_labels_minus_one_one_and_zero_degenerates():
    # A line of equilibria, theta = 0 with any psi: the run ends at a psi that is not zero.
    loss = tussle.loss("least_squares", a=-1.0, b=1.0, c=0.0)
    line = np.stack([np.zeros(9), np.linspace(-2, 2, 9)], axis=1)
    assert np.all(read_many(dirac(loss), line, (1, 1)) == 0)
    end = path(dirac(loss), sim(0.1), 3000)[-1]
    assert abs(end[0]) < 1e-9
    assert abs(end[1]) > 0.5


def test_a_bias_does_not_stop_the_rotation():
    matrix = tussle.field_jacobian(dirac(bias=True), (0.0, [0.0, 0.0]))
    found = tussle.spectrum(matrix, of="flow", tolerance=1e-9)
    assert found.eigenvalues == pytest.approx([0.5j, -0.5j, -0.5], abs=1e-14)
    assert found.verdict == "marginal"


def test_an_energy_discriminator_converges_without_a_penalty():
    for c, expected in ((0.4, None), (1.0, -0.5)):
        matrix = tussle.field_jacobian(dirac(energy=c), tensors(ORIGIN))
        found = tussle.spectrum(matrix, of="flow", tolerance=1e-9)
        assert found.verdict == "converges"
        if expected is not None:
            assert found.eigenvalues == pytest.approx([expected] * 2, abs=1e-7)


def test_full_rank_features_converge_without_a_penalty():
    model = models.gaussian()
    map = tussle.Map(tussle.Field(model.game), sim(0.2))
    run = tussle.run(map, model.start, 2000)
    assert tussle.outcome(map, run, model.equilibria).ending == "converged"


# General games ----------------------------------------------------------------------------------------------------


def test_a_purely_imaginary_pair_makes_simultaneous_steps_unstable_at_every_step():
    field = tussle.Field(models.quadratic((0.7j, -0.7j, -1.0, -2.0)).game)
    found = tussle.stable_range(tussle.Map(field, sim(0.1)), (np.zeros(2), np.zeros(2)))
    assert found.largest is None


def test_gradient_flows_can_be_attracted_to_a_point_that_is_no_nash_point():
    # v' = [[1, -2], [2 tau, -tau/2]]: the generator is at a maximum of its own loss; from tau = 2 on all is stable.
    game = models.quadratic().game
    for tau, verdict in ((1.9, "diverges"), (2.1, "converges")):
        velocity = lambda x, batch, tau=tau: (x[0] - 2 * x[1], tau * (2 * x[0] - x[1] / 2))
        field = tussle.Explicit(game, velocity)
        found = tussle.field_jacobian(field, tensors(ORIGIN))
        assert found[0, 0] > 0
        assert tussle.spectrum(found, of="flow", tolerance=1e-9).verdict == verdict
        # Re lambda = (1 - tau/2)/2 = -+0.025: a factor exp(-+2.5) = 12 over a time of 100.
        end = np.linalg.norm(tussle.flow(field, (1.0, 1.0), 100.0, rtol=1e-8, atol=1e-10).end)
        assert (end < 0.5, end > 5.0) == (verdict == "converges", verdict == "diverges")


@pytest.mark.parametrize("seed", range(3))
def test_the_step_bound_of_one_eigenvalue_is_the_stable_range_of_simultaneous_steps(seed):
    rng = np.random.default_rng(seed)
    a, b = -rng.random(2) - 0.05, 3 * rng.random(2)
    values = [complex(a[0], b[0]), complex(a[0], -b[0]), complex(a[1], b[1]), complex(a[1], -b[1])]
    model = models.quadratic(values, seed=seed)
    # h < 2 |Re| / |lambda|^2 for every eigenvalue
    bound = min(2 * abs(z.real) / abs(z) ** 2 for z in values)
    found = tussle.stable_range(tussle.Map(tussle.Field(model.game), sim(0.1)), model.equilibrium)
    assert found.largest == pytest.approx(bound, rel=1e-9)


def test_the_best_step_for_a_pair_leaves_the_sine_of_its_angle():
    # h* = |a| / |lambda|^2, rho* = |b| / |lambda|
    a, b = -0.3, 0.9
    field = tussle.Field(models.quadratic((complex(a, b), complex(a, -b))).game)
    h = abs(a) / (a * a + b * b)
    radii = [spectrum(field, sim(s * h)).radius for s in (0.99, 1.0, 1.01)]
    assert radii[1] == pytest.approx(b / np.hypot(a, b), abs=1e-12)
    assert radii[1] < min(radii[0], radii[2])


def test_the_step_bound_is_not_one_of_alternating_steps():
    field = dirac(penalties=[tussle.r1(0.3)])
    bound = tussle.stable_range(tussle.Map(field, sim(0.1)), ORIGIN).largest
    assert spectrum(field, alt(2 * bound)).verdict == "converges"
    field = dirac(penalties=[tussle.r1(1.0)])
    bound = tussle.stable_range(tussle.Map(field, sim(0.1)), ORIGIN).largest
    assert spectrum(field, alt(0.5 * bound)).verdict == "diverges"


def test_a_radius_below_one_is_a_linear_rate():
    # Not a sublinear one: the distance falls by the radius at each step.
    field = dirac(penalties=[tussle.r1(0.3)])
    distance = np.linalg.norm(path(field, sim(0.2), 400, (1e-3, 0.0)), axis=1)
    fitted = np.exp(np.polyfit(np.arange(401), np.log(distance), 1)[0])
    assert fitted == pytest.approx(spectrum(field, sim(0.2)).radius, abs=1e-4)
