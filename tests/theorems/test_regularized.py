"""What is proved of penalties, noise and centered penalties on the Dirac-GAN and in general."""

import numpy as np
import pytest

import tussle
from battery import printed, tensors
from tussle import autodiff, models
from tussle.field import read_many

ORIGIN = (0.0, 0.0)
F = 0.5


def dirac(*args, **kwargs):
    return tussle.Field(models.dirac(*args, **kwargs).game)


def sim(h):
    return tussle.simultaneous(tussle.sgd(h))


def alt(h, **kwargs):
    return tussle.alternating(tussle.sgd(h), **kwargs)


def path(field, rule, steps, start=(1.0, 1.0)):
    return tussle.run(tussle.Map(field, rule), start, steps).path


def flow_values(field, at=ORIGIN):
    return tussle.spectrum(tussle.field_jacobian(field, tensors(at)), of="flow", tolerance=1e-9)


# R1, R2 and noise -------------------------------------------------------------------------------------------------


def test_r1_makes_the_dirac_gan_converge_under_both_rules():
    field = dirac(penalties=[tussle.r1(0.3)])
    for rule in (sim(0.2), alt(0.2), alt(0.2, steps=(1, 5))):
        map = tussle.Map(field, rule)
        assert tussle.outcome(map, tussle.run(map, (1.0, 1.0), 800), [ORIGIN]).ending == "converged"


@pytest.mark.parametrize(("gamma", "steps"), [(0.3, 957), (1.0, 331), (3.0, 1583)])
def test_r1_reaches_a_millionth_in_the_published_number_of_steps(gamma, steps):
    paired = tussle.loss("rp-logistic", scale=0.5)
    distance = np.linalg.norm(path(dirac(paired, [tussle.r1(gamma)]), sim(0.1), 1700, (0.8, 0.0)), axis=1)
    assert int(np.argmax(distance < 1e-6)) == steps


def test_r1_and_r2_are_the_same_for_a_linear_discriminator_and_not_for_others():
    points = np.random.default_rng(0).normal(size=(20, 2))
    first, second = (read_many(dirac(penalties=[p(0.7)]), points, (1, 1)) for p in (tussle.r1, tussle.r2))
    assert np.array_equal(first, second)
    points = np.random.default_rng(0).normal(size=(20, 4))
    first, second = (
        read_many(tussle.Field(models.gaussian(penalties=[p(0.7)]).game), points, (2, 2))
        for p in (tussle.r1, tussle.r2)
    )
    assert np.abs(first - second).max() > 0.1


def test_the_nonsaturating_game_has_the_same_linearization():
    for options in ({"penalties": [tussle.r1(0.3)]}, {"noise": 0.7}, {}):
        plain, swapped = (
            tussle.field_jacobian(dirac(name, **options), tensors(ORIGIN)) for name in ("minimax", "nonsaturating")
        )
        assert plain == pytest.approx(swapped, abs=1e-14)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.0])
def test_noise_is_linearized_like_the_penalty_of_the_published_weight(sigma):
    noisy = tussle.field_jacobian(dirac(noise=sigma), tensors(ORIGIN))
    bent = tussle.field_jacobian(dirac(penalties=[tussle.r1(sigma**2 / 2)]), tensors(ORIGIN))
    assert noisy == pytest.approx(bent, abs=1e-12)


def test_at_the_critical_penalty_a_linear_game_is_solved_in_two_steps():
    # WGAN with gamma = 2F = 2: both eigenvalues of the field are -1, and I + v' is nilpotent.
    found = path(dirac("wasserstein", [tussle.r1(2.0)]), sim(1.0), 3, (0.7, -1.3))
    assert np.abs(found[1]).max() > 0.1
    assert np.abs(found[2]).max() <= 1e-15


def test_more_penalty_is_not_always_faster():
    # Beyond the critical value the slow eigenvalue moves back towards zero.
    rates = [flow_values(dirac(penalties=[tussle.r1(g)])).abscissa for g in (0.5, 1.0, 2.0, 4.0)]
    assert rates[1] < rates[0]
    assert rates[1] < rates[2] < rates[3] < 0


def test_r1_on_the_discriminators_time_scale_is_stable_for_every_scale():
    field = dirac(penalties=[tussle.r1(0.3)])
    for tau in (0.01, 1.0, 11.0, 12.0, 1000.0):
        assert flow_values(tussle.timescale(1.0, tau)(field)).verdict == "converges"


def test_relativistic_pairs_with_r1_keep_the_square_in_their_eigenvalues():
    # A printed formula has f'(0) where f'(0)^2 belongs; it would give an imaginary part of 0.6910.
    paired = tussle.loss("rp-logistic", scale=0.5, objective="zero-sum")
    found = flow_values(dirac(paired, [tussle.r1(0.3)])).eigenvalues[0]
    assert found.imag == pytest.approx(np.sqrt(F**2 - 0.3**2 / 4), abs=1e-12)
    assert found.imag == pytest.approx(0.47697, abs=5e-6)
    assert np.sqrt(F - 0.3**2 / 4) == printed("0.6910")


# Centered penalties -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [sim(0.2), alt(0.2)], ids=["simultaneous", "alternating"])
@pytest.mark.parametrize("model", ["wgan_gp", "dragan"])
def test_centered_penalties_never_let_the_discriminator_rest_at_the_equilibrium(model, rule):
    # |psi_{k+1} - psi_k| >= h (gamma g0 - |theta f'|), which does not vanish as x_k -> 0.
    gamma, h = 0.7, 0.2
    loss, penalty = ("wasserstein", tussle.wgan_gp) if model == "wgan_gp" else ("minimax", tussle.dragan)
    field = dirac(loss, [penalty(gamma)])
    for start in ((1e-6, 1e-6), (-1e-3, 1e-5), (0.0, -1e-9)):
        found = path(field, rule, 1, start)
        assert abs(found[1, 1] - found[0, 1]) >= h * gamma - 1e-3
    tail = np.linalg.norm(path(field, sim(h), 3000)[-500:], axis=1)
    assert tail.min() > 1.0


@pytest.mark.parametrize(
    ("loss", "penalty", "threshold"),
    [("wasserstein", tussle.wgan_gp, 2.0), ("minimax", tussle.dragan, (np.sqrt(5) - 1) / 2)],
    ids=["wgan_gp", "dragan"],
)
def test_false_equilibria_attract_from_one_side_beyond_the_published_weight(loss, penalty, threshold):
    # The field vanishes as psi -> 0+ at theta = -gamma / F; overdamped, a run slides in without crossing.
    slope = 1.0 if loss == "wasserstein" else 0.5
    for gamma, real in ((0.98 * threshold, False), (1.02 * threshold, True)):
        field, beside = dirac(loss, [penalty(gamma)]), (-gamma / slope, 1e-9)
        assert np.abs(np.concatenate(field.at(beside))).max() <= 1e-8
        values = np.linalg.eigvals(tussle.field_jacobian(field, beside))
        assert (np.abs(values.imag).max() < 1e-6) == real
        assert values.real.max() < 0
    assert (np.sqrt(5) - 1) / 2 == printed("0.6180339887")


def test_a_run_into_a_false_equilibrium_looks_converged_by_its_steps_alone():
    found = path(dirac("wasserstein", [tussle.wgan_gp(2.5)]), alt(0.05), 4000)
    assert np.abs(np.diff(found[-100:], axis=0)).max() < 1e-14
    assert found[-1, 0] == pytest.approx(-2.5, abs=1e-12)


def test_the_usual_weight_of_wgan_gp_has_its_false_equilibrium_at_twenty():
    gamma = tussle.gamma_from(10.0)
    found = path(dirac("wasserstein", [tussle.wgan_gp(gamma)]), alt(0.02), 40_000)[-1]
    assert abs(found[0]) == pytest.approx(20.0, abs=1e-6)


def test_inside_its_ball_the_one_sided_penalty_leaves_the_rotation():
    points = 0.6 * np.random.default_rng(0).uniform(-1, 1, size=(50, 2))
    bent = read_many(dirac("wasserstein", [tussle.wgan_lp(0.7)]), points, (1, 1))
    assert np.array_equal(bent, read_many(dirac("wasserstein"), points, (1, 1)))
    assert flow_values(dirac("wasserstein", [tussle.wgan_lp(0.7)])).verdict == "marginal"
    radius = np.linalg.norm(path(dirac("wasserstein", [tussle.wgan_lp(0.7)]), alt(0.2), 4000), axis=1)
    assert radius[2000:].min() > 0.9


def test_a_clip_does_not_make_the_game_converge():
    for rule in (sim(0.2), alt(0.2)):
        radius = np.linalg.norm(path(dirac("wasserstein", clip=1.0), rule, 4000)[2000:], axis=1)
        assert radius.min() > 0.9


# The matrices of the local convergence theorem --------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(1, 1), (2, 3), (4, 4)])
def test_a_damped_and_fully_coupled_discriminator_is_stable_within_the_published_bounds(sizes):
    # [[0, -B^T], [B, -Q]], Q > 0, B of full column rank. Complex: Re <= -lmin(Q)/2. Real:
    # lambda <= -lmin(Q) lmin(B^T B) / (lmax(Q) lmin(Q) + lmin(B^T B)).
    n, m = sizes
    rng = np.random.default_rng(n + m)
    for _ in range(200):
        b, a = rng.normal(size=(m, n)), rng.normal(size=(m, m))
        q = a @ a.T + 0.05 * np.eye(m)
        found = np.linalg.eigvals(np.block([[np.zeros((n, n)), -b.T], [b, -q]]))
        low, high = np.linalg.eigvalsh(q)[[0, -1]]
        coupling = np.linalg.eigvalsh(b.T @ b)[0]
        rotating = np.abs(found.imag) > 1e-9
        assert np.all(found[rotating].real <= -low / 2 + 1e-9)
        assert np.all(found[~rotating].real <= -low * coupling / (high * low + coupling) + 1e-9)


def test_the_zero_sum_jacobian_has_a_symmetric_part_of_diagonal_blocks_alone():
    rng = np.random.default_rng(0)
    s, p, q = rng.normal(size=(2, 2)), rng.normal(size=(2, 3)), rng.normal(size=(3, 3))

    def loss(x, y):
        a, b, c = (autodiff.array(k, x) for k in (s + s.T, p, q + q.T))
        return 0.5 * x @ (a @ x) + x @ (b @ y) - 0.5 * y @ (c @ y)

    j = tussle.field_jacobian(tussle.Field(tussle.ZeroSum(loss)), (np.zeros(2), np.zeros(3)))
    symmetric = (j + j.T) / 2
    assert np.abs(symmetric[:2, 2:]).max() <= 1e-15
    assert symmetric[:2, :2] == pytest.approx(-(s + s.T), abs=1e-14)
    assert symmetric[2:, 2:] == pytest.approx(-(q + q.T), abs=1e-14)


def test_an_undamped_mode_that_is_still_coupled_is_stable_unless_the_coupling_is_diagonal():
    m = np.diag([0.0, -1.0])
    for k, verdict in ((np.array([[1.0, 0.5], [0.3, 1.0]]), "converges"), (np.diag([1.0, 0.7]), "marginal")):
        matrix = np.block([[np.zeros((2, 2)), -k.T], [k, m]])
        assert tussle.spectrum(matrix, of="flow", tolerance=1e-9).verdict == verdict
