"""The checks of the dynamics on GANs whose answer is known: the Dirac-GAN in its many states, and relatives of it."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.doctor import false_equilibrium as false_file
from tussle.doctor import (
    ill_conditioned,
    noise_floor,
    overdamped,
    plateau,
    rest,
    rotation,
    step_too_large,
)
from tussle.doctor.adopt import adopt
from tussle.doctor.examination import Examination, OutOfTime
from tussle.doctor.findings import ILLNESS

F64 = torch.float64


class Shift(torch.nn.Module):
    """Latents times a scale, plus theta."""

    def __init__(self, theta=0.0, scale=0.0):
        super().__init__()
        self.theta = torch.nn.Parameter(torch.as_tensor(theta, dtype=F64).reshape(-1))
        self.scale = scale

    def forward(self, z):
        return self.scale * z + self.theta


class Slope(torch.nn.Module):
    """psi . (w x), or psi^2 x."""

    def __init__(self, psi=0.0, power=1, weights=1.0):
        super().__init__()
        self.psi = torch.nn.Parameter(torch.as_tensor(psi, dtype=F64).reshape(-1))
        self.power, self.weights = power, torch.as_tensor(weights, dtype=F64)

    def forward(self, x):
        return (self.psi**self.power * self.weights * x).sum(1, keepdim=True)


def dirac(theta=0.1, psi=0.1, depth="quick", budget=600.0, power=1, **options):
    options = {"pace": "sgd,lr=0.1", "rule": "simultaneous", "loss": "minimax"} | options
    data = torch.zeros(16, 1, dtype=F64)
    return Examination(adopt(Shift(theta), Slope(psi, power), data=data, latent=1, batch=4, **options), depth, budget)


def noisy(**options):
    """A GAN whose generator has nothing to learn but its mean, at its equilibrium, under the noise of small batches."""
    options = {"pace": "sgd,lr=0.3", "rule": "simultaneous", "loss": "nonsaturating", "penalties": ["r1=1"]} | options
    data = torch.as_tensor(np.random.default_rng(0).standard_normal((4096, 1)))
    data = data - data.mean()
    return Examination(adopt(Shift(0.0, 1.0), Slope(0.0), data=data, latent=1, batch=4, **options), "standard", 600.0)


def number(checked, place=0):
    return checked.evidence[place].value


# Rotation ----------------------------------------------------------------------------------------------------------


def test_the_undamped_dirac_gan_rotates_at_a_right_angle_with_nothing_else():
    seen = rotation.look(dirac(0.0, 0.0))
    assert seen.finding.severity == ILLNESS
    assert number(seen) == pytest.approx(90, abs=1e-9)
    assert number(seen, 1) == pytest.approx(1, abs=1e-9)
    assert number(seen, 2) == pytest.approx(1e5 * 0.1 * 0.5 / (2 * math.pi), rel=1e-9)  # h w = 0.1 / 2 a step
    assert "no plain simultaneous steps of any length contract it" in seen.finding.words
    assert "needs R1 of weight 1 in the local model" in seen.finding.words


def test_an_angle_is_that_of_the_published_eigenvalues():
    seen = rotation.look(dirac(0.0, 0.0, penalties=["r1=0.3"]))
    assert seen.finding is None
    assert number(seen) == pytest.approx(math.degrees(math.atan2(0.4769696007085, 0.15)), abs=1e-9)


def test_the_threshold_is_where_half_of_the_swing_comes_back():
    slope = math.tan(math.radians(rotation.ANGLE))  # |Im / Re|
    assert math.exp(-2 * math.pi / slope) == pytest.approx(0.5, abs=1e-12)
    weights = {True: 0.1, False: 0.12}  # |Im / Re| = root(1 / gamma^2 - 1): 9.95 and 8.27, the threshold is 9.06
    for ill, weight in weights.items():
        assert (rotation.look(dirac(0.0, 0.0, penalties=[f"r1={weight}"])).finding is not None) is ill


@pytest.mark.parametrize("alternating", [False, True])
def test_the_stable_range_is_where_the_radius_of_the_map_crosses_one(alternating):
    pair = complex(-0.15, 0.4769696007085)
    model = tussle.models.dirac(penalties=[tussle.r1(0.3)])
    rule = tussle.alternating if alternating else tussle.simultaneous
    edge = rotation.stable_factor(pair, alternating)
    for factor, stable in ((1 - 1e-6, True), (1 + 1e-6, False)):
        method = tussle.Map(tussle.Field(model.game), rule(tussle.sgd(edge * factor)))
        matrix = tussle.map_jacobian(method, model.equilibrium)
        assert bool(np.abs(np.linalg.eigvals(matrix)).max() < 1) is stable


# Steps -------------------------------------------------------------------------------------------------------------


def test_a_stiff_penalty_under_a_long_step_is_the_step_s_fault():
    seen = step_too_large.look(dirac(penalties=["r1=50"], depth="standard"))
    assert seen.finding.severity == ILLNESS
    assert number(seen) == pytest.approx(4, abs=0.02)  # |1 - 0.1 * 49.995| at the equilibrium
    assert "below 0.4 times the present rates" in seen.finding.words


def test_a_step_within_its_range_is_not():
    assert step_too_large.look(dirac(penalties=["r1=50"], pace="sgd,lr=0.03")).finding is None


def test_a_rotation_that_grows_at_any_step_is_not_the_step_s_fault():
    seen = step_too_large.look(dirac(0.0, 0.0))
    assert seen.finding is None
    assert number(seen) == pytest.approx(math.hypot(1, 0.05), abs=1e-12)
    assert "does so at any step" in seen.why


def test_steps_in_turn_are_judged_by_their_own_map():
    # J = [[0, -1/2], [1/2, -1]]: in turn stable below (root(g^2 + 4 a^2) - g) / a^2 = 4 (root(2) - 1) = 1.657
    for rate, ill in (("1.6", False), ("1.7", True)):
        exam = dirac(0.0, 0.0, penalties=["r1=1"], rule="alternating", pace=f"sgd,lr={rate}")
        assert (step_too_large.look(exam).finding is not None) is ill


# Damping -----------------------------------------------------------------------------------------------------------


def test_fifty_times_the_critical_weight_is_overdamped():
    seen = overdamped.look(dirac(0.0, 0.0, penalties=["r1=50"]))
    assert seen.finding.severity == ILLNESS
    assert number(seen) == pytest.approx(50, abs=1e-6)
    slow = -25 + (25**2 - 0.25) ** 0.5
    assert number(seen, 1) == pytest.approx(-0.5 / slow, rel=1e-5)  # faster at the critical weight


@pytest.mark.parametrize("weight", ["0.3", "1", "9"])
def test_less_than_ten_times_the_critical_weight_is_not(weight):
    assert overdamped.look(dirac(0.0, 0.0, penalties=[f"r1={weight}"])).finding is None


def test_without_a_penalty_nothing_is_overdamped():
    assert overdamped.look(dirac()).why == "there is no penalty that could overdamp"


# Conditioning ------------------------------------------------------------------------------------------------------


def scaled(theta, psi, weights):
    data = torch.zeros(16, 2, dtype=F64)
    pair = Shift([0.0, 0.0]), Slope([0.0, 0.0], weights=weights)
    pair[0].theta.data, pair[1].psi.data = (torch.tensor(x, dtype=F64) for x in (theta, psi))
    gan = adopt(*pair, loss="minimax", data=data, latent=2, batch=4, pace="sgd,lr=0.1", rule="simultaneous")
    return Examination(gan, "quick", 600.0)


def test_a_slow_component_that_is_left_over_is_ill_conditioned():
    # two Dirac-GANs side by side, of frequencies 50 and 1e-3 / 2: what is left lies in the second
    seen = ill_conditioned.look(scaled([0.0, 1e-3], [0.0, 1e-3], [100.0, 1e-3]))
    assert number(seen) == pytest.approx(1e5, rel=1e-3)
    assert seen.finding.name == "ill_conditioned"


def test_a_slow_component_that_is_done_is_not():
    seen = ill_conditioned.look(scaled([1e-3, 0.0], [1e-3, 0.0], [100.0, 1e-3]))
    assert number(seen) == pytest.approx(1, rel=1e-2)
    assert seen.finding is None


def test_at_an_equilibrium_nothing_is_left_over():
    assert "nothing remains" in ill_conditioned.look(dirac(0.0, 0.0)).why


# Rest --------------------------------------------------------------------------------------------------------------


def test_a_saturated_loss_is_a_plateau_and_no_false_equilibrium():
    exam = dirac(1.0, -18.0)
    seen = plateau.look(exam)
    assert seen.finding.severity == ILLNESS
    # the fakes move by h |psi| s(psi theta) a step, and have 1 to go
    assert -number(seen) == pytest.approx(math.log10(1e5 * 0.1 * 18 / (1 + math.exp(18))), abs=1e-6)
    assert false_file.look(exam).finding is None


def test_a_dead_discriminator_is_a_false_equilibrium_and_no_plateau():
    exam = dirac(1.0, 0.0, power=2)  # psi^2 x: at psi = 0 nobody moves, and theta = 1 is not the data
    seen = false_file.look(exam)
    assert seen.finding.severity == ILLNESS
    assert number(seen) == pytest.approx(1)
    assert plateau.look(exam).finding is None


def test_an_adjustment_that_adds_a_zero_is_told_from_the_game():
    class Still:
        """A field that stands still where the game's own does not."""

        def __init__(self, field):
            self.field = field

        @property
        def game(self):
            return self.field.game

        def player(self, player, point, batch=None):
            return 0 * self.field.player(player, point, batch)

        def __call__(self, point, batch=None):
            return tuple(0 * v for v in self.field(point, batch))

    options = {"pace": "sgd,lr=0.1", "rule": "simultaneous", "loss": "minimax", "adjust": [Still]}
    data = torch.zeros(16, 1, dtype=F64)
    exam = Examination(adopt(Shift(0.0), Slope(0.5), data=data, latent=1, batch=4, **options), "quick", 600.0)
    seen = false_file.look(exam)
    assert "The method rests where the game's own field has length 0.25" in seen.finding.words


def test_the_equilibrium_is_neither():
    exam = dirac(0.0, 0.0, penalties=["r1=1"])
    assert plateau.look(exam).finding is None
    assert false_file.look(exam).finding is None


def test_a_moving_gan_is_neither():
    exam = dirac(0.3, 0.2)
    assert plateau.look(exam).finding is None
    assert false_file.look(exam).finding is None


def test_the_energy_distance_of_two_points_is_known():
    found = rest.energy(np.array([[0.0], [2.0]] * 30), np.array([[0.0], [2.0]] * 30), 0)
    assert abs(found.score) < 3
    # laws {0, 2} and {1}: 2 E|x-y| - E|x-x'| - E|y-y'| = 2 - 1, over 2 E|x-y| = 2; minus what permutations give
    apart = rest.energy(np.array([[0.0], [2.0]] * 30), np.ones((60, 1)), 0)
    assert apart.coefficient == pytest.approx(0.5, abs=0.03)
    assert apart.score > 4


# Noise -------------------------------------------------------------------------------------------------------------


def test_at_a_damped_equilibrium_what_is_left_is_noise():
    seen = noise_floor.look(noisy())
    assert seen.finding.name == "noise_floor"
    assert 1 / 3 < number(seen, 1) < 3


def test_far_from_the_equilibrium_it_is_drift():
    seen = noise_floor.look(dirac(0.3, 0.2, penalties=["r1=1"]))
    assert seen.finding is None
    assert number(seen) < 1e-9  # batches of points have no noise
    assert number(seen, 1) == pytest.approx(1, abs=0.05)  # and the linear model foretells the way


def test_where_the_update_does_not_contract_no_cloud_settles():
    seen = noise_floor.look(dirac(0.0, 0.0))
    assert "the update does not contract" in seen.why


def test_the_forecast_is_the_sum_of_a_geometric_series():
    steps = np.array([[1.0], [3.0]] * 20)
    told = noise_floor.forecast(np.array([[0.5]]), steps, 60)
    noise = np.var(steps, ddof=1)
    assert told.noise == pytest.approx(noise / (1 - 0.25), rel=1e-6)
    assert told.drift == pytest.approx(4 * 4 - 4 * noise / 40, rel=1e-6)
    assert told.settled == pytest.approx(1, rel=1e-6)


def test_a_spent_budget_is_refused():
    with pytest.raises(OutOfTime, match="short continuations takes about"):
        noise_floor.look(dirac(0.1, 0.1, penalties=["r1=1"], budget=1e-9))
