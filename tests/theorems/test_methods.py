"""What is proved of consensus, Jacobian regularization, extrapolation, optimism, momentum and competition."""

import numpy as np
import pytest

import tussle
from battery import tensors
from tussle import autodiff, models
from tussle.field import read_many

ORIGIN = (0.0, 0.0)
F = 0.5


def dirac(*args, **kwargs):
    return tussle.Field(models.dirac(*args, **kwargs).game)


def sim(h):
    return tussle.simultaneous(tussle.sgd(h))


def spectrum(field, rule, at=ORIGIN):
    return tussle.spectrum(tussle.map_jacobian(tussle.Map(field, rule), tensors(at)), of="map", tolerance=1e-9)


def flow_values(field, at=ORIGIN):
    return tussle.spectrum(tussle.field_jacobian(field, tensors(at)), of="flow", tolerance=1e-9)


# Consensus (Mescheder, Nowozin, Geiger 2017) ----------------------------------------------------------------------


def random_game(seed, n=2, m=2):
    """A zero-sum game whose field has a random Jacobian that is negative semidefinite and invertible."""
    rng = np.random.default_rng(seed)
    s, p, q = rng.normal(size=(n, 1)), rng.normal(size=(n, m)), rng.normal(size=(m, 1))

    def loss(x, y):
        a, b, c = (autodiff.array(k, x) for k in (s @ s.T, p, q @ q.T))
        return 0.5 * x @ (a @ x) + x @ (b @ y) - 0.5 * y @ (c @ y)

    j = np.block([[-s @ s.T, -p], [p.T, -q @ q.T]])
    return tussle.Field(tussle.ZeroSum(loss)), j, (np.zeros(n), np.zeros(m))


@pytest.mark.parametrize("seed", range(3))
def test_consensus_makes_every_negative_semidefinite_game_stable(seed):
    field, j, at = random_game(seed)
    for gamma in (0.01, 1.0, 100.0):
        bent = tussle.field_jacobian(tussle.consensus(gamma)(field), at)
        assert bent == pytest.approx(j - gamma * j.T @ j, rel=1e-10, abs=1e-12)
        assert np.linalg.eigvals(bent).real.max() < 0


def test_consensus_bounds_the_rotation_by_the_published_quotient():
    # For a unit eigenvector u of w': |Im/Re| <= |u*(v' - v'^T)u|/2 / (|Re u* v' u| + gamma |v' u|^2) = O(1/gamma)
    field, j, at = random_game(0)
    ratios = []
    for gamma in (1.0, 10.0, 100.0):
        values, vectors = np.linalg.eig(tussle.field_jacobian(tussle.consensus(gamma)(field), at))
        for z, u in zip(values, vectors.T, strict=True):
            inner = u.conj() @ j @ u
            assert z.real == pytest.approx(inner.real - gamma * np.linalg.norm(j @ u) ** 2, rel=1e-9)
            assert z.imag == pytest.approx(inner.imag, abs=1e-9 * gamma)
            skew = abs(u.conj() @ (j - j.T) @ u) / 2
            bound = skew / (abs(inner.real) + gamma * np.linalg.norm(j @ u) ** 2)
            assert abs(z.imag / z.real) <= bound + 1e-9
        ratios.append(np.abs(j).max() / (gamma * np.linalg.svd(j)[1].min() ** 2))
        assert tussle.spectrum(np.diag(values.real), of="flow", tolerance=0).abscissa < 0
        assert np.abs(values.imag / values.real).max() <= 2 * ratios[-1]


def test_consensus_on_the_dirac_gan_rotates_at_the_same_speed_for_every_weight():
    for gamma in (0.1, 1.0, 30.0):
        values = flow_values(tussle.consensus(gamma)(dirac())).eigenvalues
        assert np.abs(values.imag) == pytest.approx([F, F], abs=1e-13)
        assert values.real == pytest.approx([-gamma * F**2] * 2, rel=1e-13)


def test_consensus_may_rest_where_the_game_does_not():
    # w = (I - gamma v'^T) v vanishes with an eigenvalue 1/gamma of v'^T: the generator climbs its own loss at rate 1.
    game = tussle.Game(lambda x, y: (-0.5 * (x * x).sum(), 0.5 * (y * y).sum()))
    field = tussle.Field(game)
    assert [v.item() for v in tussle.consensus(1.0)(field).at((3.0, 0.0))] == [0.0, 0.0]
    assert field.at((3.0, 0.0))[0].item() == 3.0


def test_penalizing_the_discriminator_alone_on_the_generators_gradient_is_r1_in_disguise():
    gamma = 0.8
    bent = tussle.field_jacobian(tussle.jare(0.0, gamma)(dirac()), tensors(ORIGIN))
    assert bent == pytest.approx(
        tussle.field_jacobian(dirac(penalties=[tussle.r1(gamma * F**2)]), tensors(ORIGIN)), abs=1e-13
    )


def test_the_true_and_the_notebooks_consensus_differ_in_their_global_fate_alone():
    from tussle.models.dirac import notebook_consensus

    true, notebook = tussle.consensus(1.0)(dirac()), notebook_consensus(1.0)
    matrices = [tussle.field_jacobian(f, tensors(ORIGIN)) for f in (true, notebook)]
    assert matrices[0] == pytest.approx(matrices[1], abs=1e-14)
    rule = tussle.alternating(tussle.sgd(0.2), (1, 5))
    endings = []
    for field in (true, notebook):
        map = tussle.Map(field, rule)
        endings.append(tussle.outcome(map, tussle.run(map, (1.0, 1.0), 500), [ORIGIN]).ending)
    assert endings == ["escaped", "converged"]


# Jacobian regularization (Nie, Patel 2019) ------------------------------------------------------------------------


def test_jare_equals_consensus_at_the_equilibrium_of_the_dirac_gan():
    bent = [tussle.field_jacobian(a(0.7)(dirac()), tensors(ORIGIN)) for a in (tussle.jare, tussle.consensus)]
    assert bent[0] == pytest.approx(bent[1], abs=1e-14)


def test_jare_cures_phase_and_conditioning_where_one_sided_penalties_cure_phase_alone():
    # One-sided penalties leave the determinant h^2 of each mode, so that conditioning worsens with gamma.
    model = models.isotropic(order=3)
    field = tussle.Field(model.game)

    def condition(adjustment):
        size = np.abs(flow_values(adjustment(field), model.equilibrium).eigenvalues)
        return size.max() / size.min()

    both, one = ([condition(tussle.jare(g, d * g)) for g in (10.0, 1000.0)] for d in (1.0, 0.0))
    assert both[1] < both[0] < 10
    assert one[1] > 10 * one[0]
    for gamma in (10.0, 1000.0):
        assert flow_values(tussle.jare(gamma, 0.0)(field), model.equilibrium).rotation == 0


def test_jare_is_real_from_the_published_weight_on():
    # gamma >= 2/m - m/2 for the smaller eigenvalue m = sigma^2 of the second moment
    model, m = models.isotropic(order=3), 0.49
    critical = tussle.critical_value(lambda g: tussle.jare(g)(tussle.Field(model.game)), model.equilibrium, 1.0, 8.0)
    assert critical == pytest.approx(2 / m - m / 2, abs=1e-9)


# Extrapolation, optimism, momentum --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "edge"),
    [(tussle.extragradient, 1.0), (tussle.optimistic, 1 / np.sqrt(3))],
    ids=["extragradient", "optimistic"],
)
def test_extrapolation_and_optimism_are_stable_on_a_rotation_up_to_their_edge(make, edge):
    for a, verdict in ((0.5 * edge, "converges"), (0.999 * edge, "converges"), (1.001 * edge, "diverges")):
        assert spectrum(dirac(), make(tussle.sgd(a / F))).verdict == verdict


def test_extragradient_is_fastest_at_one_over_root_two():
    radius = lambda a: spectrum(dirac(), tussle.extragradient(tussle.sgd(a / F))).radius
    best = 1 / np.sqrt(2)
    assert radius(best) == pytest.approx(np.sqrt(0.75), abs=1e-12)
    assert radius(best) < min(radius(0.99 * best), radius(1.01 * best))


@pytest.mark.parametrize("a", [0.1, 0.5, 0.9])
def test_the_radius_of_extragradient_is_the_published_one(a):
    found = spectrum(dirac(), tussle.extragradient(tussle.sgd(a / F))).radius
    assert found**2 == pytest.approx(1 - a**2 + a**4, abs=1e-13)


def test_momentum_never_lets_simultaneous_steps_converge_on_a_rotation():
    betas = np.linspace(-0.95, 0.95, 39)
    path = tussle.eigenvalue_path(
        lambda b: tussle.Map(dirac(), tussle.simultaneous(tussle.momentum(0.2, b))), betas, ORIGIN, name="beta"
    )
    assert np.all(np.abs(path.eigenvalues).max(axis=1) > 1)


def test_negative_momentum_lets_alternating_steps_converge_and_positive_does_not():
    for beta, verdict in ((-0.5, "converges"), (-0.1, "converges"), (0.1, "diverges"), (0.5, "diverges")):
        assert spectrum(dirac(), tussle.alternating(tussle.momentum(0.2, beta))).verdict == verdict


# Competition, lookahead, averages ---------------------------------------------------------------------------------


@pytest.mark.parametrize("h", [0.1, 1.0, 50.0])
def test_competitive_steps_on_a_bilinear_game_are_the_proximal_point_method(h):
    matrix = np.array([[1.0, 0.3], [-0.2, 0.8]])
    model = models.bilinear(matrix)
    j = np.block([[np.zeros((2, 2)), -matrix], [matrix.T, np.zeros((2, 2))]])
    start = np.array([1.0, 0.5, -0.3, 2.0])
    map = tussle.Map(tussle.Field(model.game), tussle.competitive(tussle.sgd(h)))
    end = tussle.run(map, (start[:2], start[2:]), 1).end
    assert end == pytest.approx(np.linalg.solve(np.eye(4) - h * j, start), rel=1e-10)
    assert np.linalg.norm(end) < np.linalg.norm(start)


def test_lookahead_turns_a_spiral_outward_into_one_inward():
    field = dirac("wasserstein")
    assert spectrum(field, sim(0.2)).verdict == "diverges"
    rule = tussle.lookahead(sim(0.2), 5, 0.5)
    assert spectrum(field, rule).verdict == "converges"
    assert np.linalg.norm(tussle.run(tussle.Map(field, rule), (1.0, 1.0), 300).end) < 1e-6


def test_averages_hide_cycles():
    rule = tussle.averaging(tussle.alternating(tussle.sgd(0.2)))
    run = tussle.run(tussle.Map(dirac("wasserstein"), rule), (1.0, 1.0), 5000)
    average = np.array([float(a[0]) for a in rule.average(run.state)])
    assert np.linalg.norm(average) < 5e-3
    assert np.linalg.norm(run.path[-100:], axis=1).min() > 1.0


# Symplectic adjustment (Balduzzi et al. 2018) ---------------------------------------------------------------------


def test_the_symplectic_adjustment_turns_a_hamiltonian_game_into_descent_of_its_energy():
    # On a pure rotation A^T xi is the gradient of |xi|^2 / 2, so that s A v = -s grad H.
    field = tussle.Field(models.bilinear(((2.0,),)).game)
    points = np.array([[0.3, -0.7], [1.0, 2.0]])
    v = read_many(field, points, (1, 1))
    turned = read_many(tussle.symplectic(0.5, align=False)(field), points, (1, 1)) - v
    assert turned == pytest.approx(-0.5 * 4.0 * points, rel=1e-13)


def test_the_symplectic_adjustment_leaves_potential_games_alone():
    game = tussle.Game(lambda x, y: ((x**2).sum() + (x * y).sum(), (y**2).sum() + (x * y).sum()))
    field = tussle.Field(game)
    points = np.array([[0.3, -0.7], [1.0, 2.0]])
    bent = read_many(tussle.symplectic(0.5)(field), points, (1, 1))
    assert bent == pytest.approx(read_many(field, points, (1, 1)), abs=1e-14)


# Local symplectic surgery, path angle and lazy penalties (spec 6) ---------------------------------------------------


def test_symplectic_surgery_leaves_the_symmetric_part_of_the_jacobian():
    """J = [[-1, -2], [2, -.5]]: gradient play -0.75 +- 1.98431348 i, surgery -0.5 and -1."""
    game = tussle.Game(lambda x, y: ((0.5 * x * x + 2 * x * y).sum(), (0.25 * y * y - 2 * x * y).sum()))
    plain = tussle.Field(game)
    pair = tussle.spectrum(tussle.field_jacobian(plain, ORIGIN), of="flow", tolerance=1e-9).eigenvalues
    assert pair == pytest.approx(np.array([-0.75 + 1.98431348j, -0.75 - 1.98431348j]), abs=5e-9)
    cut = tussle.spectrum(tussle.field_jacobian(tussle.lss()(plain), ORIGIN), of="flow", tolerance=1e-9).eigenvalues
    assert cut == pytest.approx(np.array([-0.5, -1.0]), abs=1e-14)


@pytest.mark.parametrize(("gamma", "values"), [(0.0, (0.0, 0.0)), (0.3, (0.0, -0.3))])
def test_symplectic_surgery_is_degenerate_on_the_dirac_gan(gamma, values):
    field = tussle.lss()(dirac(penalties=[tussle.r1(gamma)]))
    found = tussle.spectrum(tussle.field_jacobian(field, ORIGIN), of="flow", tolerance=1e-9).eigenvalues
    assert found == pytest.approx(np.array(values), abs=1e-14)


@pytest.mark.parametrize(
    ("make", "cosine"),
    [
        (lambda: dirac(penalties=[tussle.r1(0.3)]), 0.3939192986),
        (lambda: tussle.consensus(1.0)(dirac()), 0.4472135955),
        (lambda: dirac(), 0.0),
    ],
)
def test_the_path_angle_near_the_equilibrium(make, cosine):
    t, found = tussle.path_angle(make(), (1e-5, 1e-5), ORIGIN)
    assert (t[0], t[-1]) == (-0.1, 1.1)
    # The field is linear there up to the square of the distance, and the sign turns behind the equilibrium.
    assert found[t < 0.99] == pytest.approx(cosine, abs=1e-9)
    assert found[t > 1.01] == pytest.approx(-cosine, abs=1e-9)


def lazy(gamma, every=16, h=0.2):
    """The map of `every` unpenalized alternating steps and one step of the penalty alone, times `every`."""
    plain = tussle.map_jacobian(tussle.Map(dirac(), tussle.alternating(tussle.sgd(h))), ORIGIN)
    weighted, bare = (tussle.field_jacobian(dirac(penalties=[tussle.r1(w)]), ORIGIN) for w in (every * gamma, 0.0))
    whole = (np.eye(2) + h * (weighted - bare)) @ np.linalg.matrix_power(plain, every)
    return np.abs(np.linalg.eigvals(whole)).max() ** (1 / every)


def test_lazy_penalties_are_unstable_where_plain_ones_are_not():
    assert lazy(0.3) == pytest.approx(0.9043038394, abs=5e-11)
    assert lazy(1.0) == pytest.approx(1.0291828254, abs=5e-11)
    assert lazy(0.5960390066 - 1e-8) < 1 < lazy(0.5960390066 + 1e-8)
