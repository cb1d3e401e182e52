"""Endings: each of the seven, the published cycles, and the false successes that must not count as convergence."""

import numpy as np
import pytest
from scipy.optimize import brentq

import tussle
from battery import printed
from tussle import models
from tussle.autodiff import namespace, softplus

ORIGIN = (0.0, 0.0)


def dirac(*args, **kwargs):
    return tussle.Field(models.dirac(*args, **kwargs).game)


def gp(gamma):
    return dirac("wasserstein", [tussle.wgan_gp(gamma)])


def sim(h):
    return tussle.simultaneous(tussle.sgd(h))


def alt(h, **kwargs):
    return tussle.alternating(tussle.sgd(h), **kwargs)


def ended(field, rule, steps, start=(1.0, 1.0), equilibria=(ORIGIN,), keep=None):
    map = tussle.Map(field, rule)
    return tussle.outcome(map, tussle.run(map, start, steps, keep=keep), equilibria)


# The seven --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("equilibria", [(), (ORIGIN,)], ids=["searched for", "known"])
def test_a_damped_run_converges(equilibria):
    found = ended(dirac(penalties=[tussle.r1(0.3)]), alt(0.2), 500, equilibria=equilibria)
    assert found.ending == tussle.Ending.CONVERGED
    assert found.equilibrium == pytest.approx([0.0, 0.0], abs=1e-9)


@pytest.mark.parametrize("equilibria", [(), (ORIGIN,)], ids=["searched for", "known"])
@pytest.mark.parametrize("gamma", [2.0, 2.5, 3.0])
def test_wgan_gp_rests_at_a_false_equilibrium(gamma, equilibria):
    method = tussle.Map(gp(gamma), alt(0.05))
    run = tussle.run(method, (1.0, 1.0), 4000)
    assert run.end == pytest.approx([-gamma, 0.0], abs=1e-13)
    found = tussle.outcome(method, run, equilibria)
    assert found.ending == tussle.Ending.FALSE_EQUILIBRIUM
    assert "jumps" in found.reason


def test_wgan_gp_below_the_threshold_keeps_cycling():
    assert ended(gp(1.5), alt(0.05), 4000).ending == tussle.Ending.LIMIT_CYCLE


def test_dragan_rests_at_a_false_equilibrium():
    method = tussle.Map(dirac(penalties=[tussle.dragan(0.7)]), alt(0.2))
    run = tussle.run(method, (1.0, 1.0), 2000)
    assert run.end == pytest.approx([-1.4, 0.0], abs=1e-13)
    assert tussle.outcome(method, run, [ORIGIN]).ending == tussle.Ending.FALSE_EQUILIBRIUM


def _drifting(x, y):
    return softplus(-x).sum(), softplus(-y).sum()


def _saturated_generator(x, y):
    return softplus(-x - 10.0).sum(), (y * y).sum()


@pytest.mark.parametrize(
    ("losses", "steps"), [(_drifting, 20_000), (_saturated_generator, 2000)], ids=["no equilibrium", "generator stuck"]
)
def test_a_saturated_game_ends_on_a_plateau(losses, steps):
    found = ended(tussle.Field(tussle.Game(losses)), sim(0.1), steps, equilibria=())
    assert found.ending == tussle.Ending.PLATEAU


def test_a_growing_run_has_escaped():
    found = ended(tussle.Field(tussle.ZeroSum(lambda x, y: (x * y).sum())), sim(0.2), 500)
    assert found.ending == tussle.Ending.ESCAPED
    assert "grew" in found.reason


def test_a_run_that_overflows_is_nonfinite_and_does_not_raise():
    found = ended(tussle.Field(tussle.ZeroSum(lambda x, y: (x * y).sum())), sim(3.0), 2000)
    assert found.ending == tussle.Ending.NONFINITE
    # |x_k| = sqrt(2) sqrt(10)^k passes the largest double, 1.8e308, at k = 617.
    assert "step 617" in found.reason


def test_a_run_on_its_way_is_running():
    found = ended(dirac(penalties=[tussle.r1(0.3)]), alt(0.002), 300)
    assert found.ending == tussle.Ending.RUNNING
    assert "step 300" in found.reason


# No false success -------------------------------------------------------------------------------------------------


def _bump(x, y):
    """The generator must find the bump at 6; at 0 its gradient is 3e-15. The discriminator comes to rest at once."""
    return -namespace(x).exp(-((x - 6.0) ** 2)).sum(), (y * y).sum()


@pytest.mark.parametrize("equilibria", [(), ((6.0, 0.0),)], ids=["searched for", "known"])
def test_a_tiny_gradient_alone_is_not_convergence(equilibria):
    found = ended(tussle.Field(tussle.Game(_bump)), sim(0.1), 2000, start=(0.0, 1.0), equilibria=equilibria)
    assert found.ending != tussle.Ending.CONVERGED


def test_no_equilibrium_is_found_where_a_field_fades_to_infinity():
    root = tussle.find_root(tussle.Field(tussle.Game(_drifting)), (3.0, 3.0))
    assert not root.found


def test_tiny_steps_are_not_convergence():
    found = ended(dirac(), sim(1e-12), 100)
    assert found.ending != tussle.Ending.CONVERGED


def test_rest_at_a_zero_of_the_adjusted_field_alone_is_a_false_equilibrium():
    # w = (I - gamma J^T) v vanishes where J^T has the eigenvalue 1/gamma: v = (x - 1) + 1 there is 1, not 0.
    game = tussle.Game(lambda x, y: (-0.5 * (x * x).sum(), 0.5 * (y * y).sum()))
    field = tussle.consensus(1.0)(tussle.Field(game))
    found = ended(field, sim(0.2), 300, start=(1.0, 1.0))
    assert found.ending == tussle.Ending.FALSE_EQUILIBRIUM
    assert "own field" in found.reason


def test_a_slow_spiral_outward_near_the_equilibrium_is_not_convergence():
    field = dirac()
    run_map = tussle.Map(field, sim(0.2))
    far = tussle.run(run_map, (1.0, 1.0), 1).path
    path = np.vstack([far, 1e-4 * tussle.run(run_map, (1.0, 1.0), 200).path])
    near = tussle.Trajectory(path, np.arange(len(path)), (1, 1), None, None)
    assert tussle.outcome(run_map, near, [ORIGIN]).ending == tussle.Ending.RUNNING


# The published cycles, h = 0.2 from (1, 1) ------------------------------------------------------------------------


def test_the_cycle_of_wgan_gp_under_simultaneous_steps_as_printed():
    found = ended(gp(0.7), sim(0.2), 4000)
    assert found.ending == tussle.Ending.LIMIT_CYCLE
    assert list(found.amplitude) == [printed("1.7816570682"), printed("1.7961381125")]
    assert found.period == 32.0
    assert found.least == printed("1.6197704818")


def test_the_cycle_of_wgan_gp_under_alternating_steps_as_printed():
    map = tussle.Map(gp(0.7), alt(0.2))
    run = tussle.run(map, (1.0, 1.0), 4000)
    found = tussle.outcome(map, run, [ORIGIN])
    assert found.ending == tussle.Ending.LIMIT_CYCLE
    assert found.period == 33.0
    assert found.least == printed("1.138237872")
    # An odd period: the orbit is not symmetric, and the published amplitude is the largest coordinate.
    assert list(np.abs(run.path[2000:]).max(axis=0)) == [printed("1.286"), printed("1.296")]
    assert found.amplitude == pytest.approx([1.286, 1.296], abs=3e-3)


def test_the_cycle_of_dragan_under_simultaneous_steps_as_printed():
    found = ended(dirac(penalties=[tussle.dragan(0.7)]), sim(0.2), 4000)
    assert found.ending == tussle.Ending.LIMIT_CYCLE
    assert list(found.amplitude) == [printed("1.4661757284"), printed("1.2678350753")]
    assert found.period == 96.0
    assert found.least == printed("1.1552118079")


def test_the_cycle_of_clipped_wgan_under_simultaneous_steps_as_printed():
    found = ended(dirac("wasserstein", clip=1.0), sim(0.2), 20_000)
    assert found.ending == tussle.Ending.LIMIT_CYCLE
    # The orbit is quasi-periodic: the largest theta of a window rises to its supremum, in steps of 1e-6 here.
    assert found.amplitude == pytest.approx([1.1698094583, 1.0], abs=1e-5)
    assert found.period == printed("32.98")
    assert found.least == printed("1.0000")


def test_the_cycle_of_clipped_wgan_under_alternating_steps_as_printed():
    found = ended(dirac("wasserstein", clip=1.0), alt(0.2), 20_000)
    assert found.ending == tussle.Ending.LIMIT_CYCLE
    assert list(found.amplitude) == [printed("1.0000"), printed("1.0000")]
    assert found.period == printed("31.36")
    assert found.least == printed("0.94868")


def test_one_sided_penalty_drifts_out_to_the_printed_cycle():
    run = tussle.run(tussle.Map(dirac("wasserstein", [tussle.wgan_lp(0.7)]), sim(0.2)), (1.0, 1.0), 500)
    assert np.linalg.norm(run.end) == printed("1.64786827")


@pytest.mark.parametrize(("h", "measured"), [(0.2, "0.63176"), (0.1, "0.44710"), (0.05, "0.31621"), (0.02, "0.20000")])
def test_nonsaturating_simultaneous_steps_circle_at_the_root_of_twice_the_step(h, measured):
    found = ended(dirac("nonsaturating"), sim(h), int(4000 / h))
    assert found.ending == tussle.Ending.LIMIT_CYCLE
    assert found.radius == pytest.approx(np.sqrt(2 * h), rel=2e-3)
    # Over part of a turn the mean square is off by the orbit's ripple (1e-2) times that part of the window (1e-3).
    assert found.radius == pytest.approx(float(measured), abs=1.5e-5)
    # A turn of the angle h F a step.
    assert found.period == pytest.approx(2 * np.pi / (h / 2), rel=2e-3)


def test_a_cycle_is_measured_from_every_few_points_too():
    found = ended(gp(0.7), sim(0.2), 8000, keep=tussle.Keep.every(2))
    assert found.ending == tussle.Ending.LIMIT_CYCLE
    assert found.period == 32.0


def _well(x, y):
    """The generator sits in log cosh x, whose slope tanh x saturates; the discriminator follows it."""
    xp = namespace(x)
    return xp.log(xp.cosh(x)).sum(), 0.5 * ((y - x) ** 2).sum()


def test_a_flip_from_side_to_side_is_a_cycle_of_period_two():
    h = 2.5
    found = ended(tussle.Field(tussle.Game(_well)), tussle.simultaneous(tussle.sgd((h, 0.5))), 400, start=(0.1, 0.1))
    assert found.ending == tussle.Ending.LIMIT_CYCLE
    assert found.period == 2.0
    x = brentq(lambda x: h * np.tanh(x) - 2 * x, 0.1, 5.0, xtol=1e-15)  # -x = x - h tanh x, and -y = y + (x - y)/2
    assert found.amplitude == pytest.approx([x, x / 3], abs=1e-12)


# Escape under consensus -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("steps", "psi"), [(500, "10.96"), (5000, "21.17"), (50_000, "39.88")])
def test_consensus_with_five_discriminator_steps_escapes_as_printed(steps, psi):
    map = tussle.Map(tussle.consensus(1.0)(dirac()), alt(0.2, steps=(1, 5)))
    run = tussle.run(map, (1.0, 1.0), steps, keep=tussle.Keep.every(steps // 500))
    assert run.end[1] == printed(psi)
    assert tussle.outcome(map, run, [ORIGIN]).ending == tussle.Ending.ESCAPED


@pytest.mark.parametrize("gamma", [3.0, 10.0])
def test_strong_consensus_escapes_under_simultaneous_steps(gamma):
    assert ended(tussle.consensus(gamma)(dirac()), sim(0.2), 5000).ending == tussle.Ending.ESCAPED


# Repelled ---------------------------------------------------------------------------------------------------------


def test_a_run_that_passes_through_an_equilibrium_that_repels_has_not_converged():
    # Adam at rest divides by its tiny epsilon: the map's radius is 2.5e9, and rounding leads it away again.
    found = ended(dirac(penalties=[tussle.r1(0.3)]), tussle.alternating(tussle.adam(0.01)), 5000)
    assert found.ending == tussle.Ending.RUNNING
    assert "repels" in found.reason


@pytest.mark.parametrize("equilibria", [(), (ORIGIN,)], ids=["searched for", "known"])
def test_a_run_that_starts_at_an_equilibrium_that_repels_has_not_converged(equilibria):
    found = ended(dirac(), sim(0.2), 50, start=(0.0, 0.0), equilibria=equilibria)
    assert found.ending == tussle.Ending.RUNNING
    assert "at an equilibrium that repels" in found.reason


def test_a_run_that_starts_at_an_equilibrium_that_attracts_has_converged():
    found = ended(dirac(penalties=[tussle.r1(0.3)]), sim(0.2), 50, start=(0.0, 0.0))
    assert found.ending == tussle.Ending.CONVERGED


def test_a_run_that_rests_at_another_equilibrium_that_repels_has_not_converged():
    # (x^2 - 1)^2 / 4: x = 0 repels plain steps, and it is not the equilibrium that was named.
    game = tussle.Game(lambda x, y: (((x**2 - 1) ** 2 / 4).sum(), (y**2).sum() / 2))
    found = ended(tussle.Field(game), sim(0.1), 50, start=(0.0, 0.0), equilibria=((1.0, 0.0),))
    assert found.ending == tussle.Ending.RUNNING
    assert "repels" in found.reason


# Far out ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("far", [1e3, 1e300])
def test_a_run_that_never_moves_because_the_field_has_underflowed_has_not_converged(far):
    # At theta psi = 1e6 the slope of the logistic loss is 0 in floating point: every point around is at rest too.
    found = ended(dirac(), alt(0.2), 50, start=(far, far))
    assert found.ending == tussle.Ending.PLATEAU


def test_distances_beyond_the_root_of_the_largest_number_are_numbers():
    found = ended(dirac("wasserstein"), alt(0.2), 200, start=(1e200, 1e200))
    assert found.ending == tussle.Ending.LIMIT_CYCLE
    assert found.radius == pytest.approx(2**0.5 * 1e200, rel=0.2)
