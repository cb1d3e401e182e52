"""What must not be called converged, stable or a cycle, and what must."""

import numpy as np
import pytest

import tussle
from tussle.autodiff import namespace
from tussle.models import dirac

ORIGIN = ((0.0,), (0.0,))


def sim(h):
    return tussle.simultaneous(tussle.sgd(h))


def exp(x):
    return namespace(x).exp(x)


def logistic(r):
    # x <- r x (1 - x) as plain steps of length 1; the equilibrium 1 - 1/r moves with r, and flips at r = 3.
    def losses(x, y):
        return -((r - 1) * x**2 / 2 - r * x**3 / 3).sum(), (y * y).sum() / 2

    return tussle.Map(tussle.Field(tussle.Game(losses)), sim(1.0))


def test_a_saturated_dirac_gan_is_a_plateau():
    found = tussle.analyze(dirac(), sim(8.0))
    assert (str(found.map.verdict), found.outcome.ending) == ("diverges", "plateau")


def test_a_field_that_fades_has_no_equilibrium():
    found = tussle.analyze(lambda x, y: (exp(-x).sum(), (y * y).sum() / 2), sim(0.1), start=(1.0, 1.0))
    assert found.equilibrium is None
    assert found.outcome.ending != "converged"


def test_clocks_and_averages_are_no_part_of_the_dynamics():
    model = dirac(penalties=[tussle.r1(0.3)])
    adam = tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.adam(0.01, beta1=0.0, eps=1.0)))
    plain = tussle.Map(tussle.Field(model.game), sim(0.01))
    # With beta1 = 0 and eps = 1 the linearized step is a plain one; only the second moments' own 0.999 is added.
    assert np.abs(np.linalg.eigvals(tussle.map_jacobian(adam, ORIGIN))).max() == pytest.approx(0.999, abs=1e-12)
    assert tussle.stable_range(adam, ORIGIN).largest == pytest.approx(1.2, abs=1e-9)
    averaged = tussle.Map(tussle.Field(model.game), tussle.averaging(sim(0.01)))
    assert tussle.map_jacobian(averaged, ORIGIN) == pytest.approx(tussle.map_jacobian(plain, ORIGIN), abs=1e-15)


def test_a_slow_spiral_is_still_running():
    found = tussle.analyze(dirac(penalties=[tussle.r1(1e-4)]), tussle.alternating(tussle.sgd(0.05)), steps=3000)
    assert (str(found.map.verdict), found.outcome.ending) == ("converges", "running")


def test_a_neutral_orbit_is_called_one():
    found = tussle.analyze(dirac(), tussle.alternating(tussle.sgd(0.2)))
    assert found.outcome.ending == "limit_cycle"
    assert "neutral orbit" in found.outcome.reason


def test_a_point_made_by_the_adjustment_is_no_equilibrium_of_the_game():
    def losses(x, y):
        return (x**3).sum() / 6, (y * y).sum() / 2

    found = tussle.analyze(losses, sim(0.1), start=(-0.9, 1.0), adjust=[tussle.consensus(1.0)])
    assert found.trajectory.end == pytest.approx([-1.0, 0.0], abs=1e-6)
    assert found.outcome.ending == "false_equilibrium"


def test_short_steps_have_not_arrived_anywhere():
    found = tussle.analyze(dirac(penalties=[tussle.r1(0.3)]), tussle.alternating(tussle.sgd(1e-7)))
    assert found.outcome.ending == "running"
    assert "steps are short" in found.outcome.reason


def test_a_saddle_that_is_passed_is_not_where_it_ends():
    found = tussle.analyze(lambda x, y: ((x * x).sum() / 2, -(y * y).sum() / 2), sim(0.1), start=(1.0, 1e-9), steps=100)
    assert (str(found.map.verdict), found.outcome.ending) == ("diverges", "running")


def test_a_run_that_bounces_in_its_noise_has_not_converged():
    model = dirac(penalties=[tussle.r1(0.3)], noise=0.01)
    found = tussle.analyze(model, sim(0.1), batches=model.game.sampler(16), steps=3000)
    assert found.outcome.ending != "converged"


def test_where_the_field_jumps_nothing_is_stable():
    field = tussle.nagarajan_kolter(1.0)(tussle.Field(dirac("wasserstein", [tussle.wgan_gp(0.5)]).game))
    assert len(tussle.stable_range(tussle.Map(field, sim(0.1)), ORIGIN).intervals) == 0

    def build(h, gamma):
        return tussle.Map(tussle.Field(dirac("wasserstein", [tussle.wgan_gp(gamma)]).game), sim(h))

    chart = tussle.chart(build, np.linspace(0.1, 1, 3), np.linspace(0.5, 2, 3), ORIGIN, names=("lr", "wgan_gp"))
    assert np.all(np.isnan(chart.radius))
    assert not np.any(chart.stable)


@pytest.mark.parametrize("values", [np.linspace(2.65, 3.35, 8), np.linspace(2.95, 3.35, 3)])
def test_the_onset_is_found_where_the_equilibrium_moves(values):
    found = tussle.bifurcation(logistic, values, ((0.6,), (0.0,)), name="r", steps=2000)
    assert found.onset == pytest.approx(3.0, abs=1e-9)
    assert found.kind == "flip"


def test_a_cycle_of_two_steps_has_period_two():
    map = logistic(3.2)
    found = tussle.outcome(map, tussle.run(map, (0.6, 0.1), 2000))
    # The two points are (r + 1 +- sqrt((r - 3)(r + 1))) / 2r.
    half = ((3.2 - 3) * (3.2 + 1)) ** 0.5 / (2 * 3.2)
    assert (found.ending, found.period) == ("limit_cycle", 2.0)
    assert found.amplitude[0] == pytest.approx(half, abs=1e-9)
