"""Critics on densities: closed forms, published curves, error estimates, and the generator's gradient."""

import json
import math

import numpy as np
import pytest
from scipy import integrate

from tussle import laws
from tussle.critics import density_critic, sums, weight

UNIT = laws.Normal(0.0, 1.0)
MODES = laws.Mixture((laws.Normal(-2.0, 1.0), laws.Normal(2.0, 1.0)))

# N(0, 1) against N(1, 1).
CLOSED = {
    "minimax": 2 * 0.11142148,
    "least_squares,a=-1,b=1,c=0,scale=2": 0.40810853,
    "exponential": 0.23500620,
    "hinge": 2 * 0.38292492,
    "total_variation": 0.38292492,
    "kl": 0.5,
    "reverse_kl": 0.5,
    "pearson": math.e - 1,
    "neyman": math.e - 1,
    "rp-least_squares": 4 * 0.40810853 / 2.40810853,
    "ra-least_squares": 8 * 0.40810853 / (2 + 3 * 0.40810853),
    "ralf-least_squares": 2 * (math.e - 1) / math.e,
    "rp-exponential": 2 * (1 - math.exp(-0.25)),
    "ralf-exponential": 2 * (1 - math.exp(-0.5)),
    "ra-exponential": 2 * (1 - math.exp(-0.5)),
}


@pytest.mark.parametrize(("name", "value"), CLOSED.items())
def test_two_normals_have_the_published_divergences(name, value):
    found = density_critic(name, UNIT, laws.Normal(1.0, 1.0))
    assert found.divergence == pytest.approx(value, abs=4e-8)
    assert found.error < 1e-12
    assert found.value == found.rest + found.divergence


@pytest.mark.parametrize(
    ("shift", "real", "fake", "delta", "js"),
    [
        (6, 0.99792, 0.00208, 1.99170, 0.68930),
        (4, 0.96570, 0.03430, 1.86281, 0.63272),
        (3, 0.90138, 0.09862, 1.60551, 0.52678),
        (2, 0.77520, 0.22480, 1.10080, 0.33683),
        (1, 0.60203, 0.39797, 0.40811, 0.11142),
        (0.5, 0.52947, 0.47053, 0.11789, 0.03031),
        (0, 0.5, 0.5, 0.0, 0.0),
    ],
)
def test_the_optimal_discriminator_has_the_published_means(shift, real, fake, delta, js):
    found = density_critic("minimax", UNIT, laws.Normal(float(shift), 1.0))
    d = 1 / (1 + np.exp(-found(found.points.reshape(-1))))
    assert found.masses.p @ d == pytest.approx(real, abs=6e-6)
    assert found.masses.q @ d == pytest.approx(fake, abs=6e-6)
    assert sums.triangular(found.masses) == pytest.approx(delta, abs=6e-6)
    assert found.divergence / 2 == pytest.approx(js, abs=6e-6)


def test_pairing_equal_normals_is_moving_them_apart_by_root_two():
    # log(p/q) is linear, so that JS(p x q, q x p) of N(0, 1), N(t, 1) is JS of N(0, 1), N(sqrt2 t, 1).
    paired = density_critic("rp-logistic", UNIT, laws.Normal(1.3, 1.0)).divergence
    moved = density_critic("minimax", UNIT, laws.Normal(1.3 * math.sqrt(2), 1.0)).divergence
    assert paired == pytest.approx(moved, abs=1e-13)


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("minimax", lambda ell: ell),
        ("least_squares", lambda ell: 1 / (1 + np.exp(-ell))),
        ("hinge", np.sign),
        ("kl", lambda ell: 1 + ell),
        ("pearson", lambda ell: 2 * (np.exp(ell) - 1)),
        ("f_alpha,a=3", lambda ell: (np.exp(2 * ell) - 1) / 2),
    ],
)
def test_the_critic_is_a_function_of_the_ratio(name, output):
    found = density_critic(name, UNIT, laws.Normal(3.0, 1.0))
    x = np.array([-1.0, 0.0, 1.4, 1.6, 4.0])
    assert found(x) == pytest.approx(output(4.5 - 3 * x), rel=1e-12)


def test_kinks_and_ends_of_supports_are_integrated_exactly():
    # Uniform laws on (0, 1) and (1/2, 2): masses 1/2, (1/2, 1/3), 2/3.
    found = density_critic("minimax", laws.Uniform(0.0, 1.0), laws.Uniform(0.5, 2.0))
    ratio = 1 / (1 + 2 / 3)
    both = 0.5 * math.log(ratio) + math.log(1 - ratio) / 3
    assert found.value == pytest.approx(both, abs=1e-14)
    assert found([0.2, 0.7, 1.5, 3.0]).tolist() == [np.inf, pytest.approx(math.log(1.5), abs=1e-14), -np.inf, 0.0]
    tv = density_critic("total_variation", laws.Laplace(0.0, 1.0), laws.Normal(0.3, 1.0)).divergence

    def gap(x):
        return abs(0.5 * math.exp(-abs(x)) - math.exp(-0.5 * (x - 0.3) ** 2) / math.sqrt(2 * math.pi)) / 2

    pieces = [integrate.quad(gap, a, b, epsabs=1e-11, limit=400)[0] for a, b in ((-40, -2), (-2, 0), (0, 2), (2, 40))]
    assert tv == pytest.approx(sum(pieces), abs=1e-9)


def test_laws_far_apart_and_of_unlike_width_keep_their_digits():
    assert density_critic("kl", UNIT, laws.Normal(50.0, 1.0)).divergence == pytest.approx(1250.0, rel=1e-13)
    found = density_critic("kl", laws.Normal(0.0, 0.01), laws.Normal(3.0, 5.0))
    exact = math.log(500) + (1e-4 + 9) / 50 - 0.5
    assert found.divergence == pytest.approx(exact, rel=1e-12)


def test_the_error_estimate_is_not_smaller_than_the_error():
    rng = np.random.default_rng(0)
    for _ in range(40):
        m, s = rng.uniform(-3, 3), rng.uniform(0.3, 3.0)
        exact = math.log(s) + (1 + m * m) / (2 * s * s) - 0.5
        found = density_critic("kl", UNIT, laws.Normal(m, s))
        assert abs(found.divergence - exact) <= found.error + 4e-15 * (1 + exact)


# The generator ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "slope"), [("nonsaturating", -0.134864), ("jensen_shannon", -0.022714), ("reverse_kl", -0.157578)]
)
def test_a_normal_between_two_modes_has_the_published_slopes(name, slope):
    found = density_critic("minimax", MODES, laws.Normal(1.5, 1.0))
    assert found.generator_gradient(weight(name)) == pytest.approx(slope, abs=5.1e-7)


@pytest.mark.parametrize(
    ("name", "slope"), [("nonsaturating", 2.704136), ("jensen_shannon", 0.295864), ("reverse_kl", 3.0)]
)
def test_the_first_generator_step_of_the_frozen_critic_is_the_published_one(name, slope):
    found = density_critic("minimax", UNIT, laws.Normal(3.0, 1.0))
    assert found.generator_gradient(weight(name)) == pytest.approx(slope, abs=5.1e-7)


@pytest.mark.parametrize("theta", [-1.0, 1.5])
@pytest.mark.parametrize(
    ("name", "divergence"),
    [
        ("nonsaturating", lambda m: 2 * sums.from_middle(m)),
        ("jensen_shannon", lambda m: 2 * sums.jensen_shannon(m)),
        ("reverse_kl", sums.reverse_kl),
        ("kl", sums.kl),
        ("hellinger", sums.hellinger),
    ],
)
def test_the_weights_give_the_derivative_of_the_divergence(name, divergence, theta):
    def at(step):
        return divergence(density_critic("minimax", MODES, laws.Normal(theta + step, 1.0)).masses)

    h = 1e-3
    expected = (8 * (at(h) - at(-h)) - at(2 * h) + at(-2 * h)) / (12 * h)
    found = density_critic("minimax", MODES, laws.Normal(theta, 1.0)).generator_gradient(weight(name))
    assert found == pytest.approx(expected, abs=1e-9 * max(1.0, abs(expected)))


def test_the_loss_brings_its_own_weight_and_scales_move_too():
    found = density_critic("nonsaturating", MODES, laws.Normal(1.5, 1.0))
    assert found.generator_gradient() == found.generator_gradient(weight("nonsaturating"))
    # x = 1.5 + s z: dx/ds = (x - 1.5)/s; KL(N(1.5, s) || N(0, 1)) has the derivative s - 1/s.
    scaled = density_critic("minimax", UNIT, laws.Normal(1.5, 2.0))
    slope = scaled.generator_gradient(weight("reverse_kl"), lambda x: (x - 1.5) / 2.0)
    assert slope == pytest.approx(2.0 - 1 / 2.0, abs=1e-11)


def test_the_record_is_json():
    found = density_critic("minimax", UNIT, MODES).to_json()
    assert set(found) == {"loss", "name", "divergence", "rest", "value", "error", "panels"}
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("name", "p", "q", "message"),
    [
        ("ra-logistic", UNIT, UNIT, "`loss` is ra-logistic; on densities it may be a plain loss or a relativistic one"),
        ("wasserstein", UNIT, UNIT, "`loss` is wasserstein; on densities it may be a plain loss"),
        ("minimax", laws.Normal([0.0, 0.0], 1.0), UNIT, "`p` has 2 dimensions; critics on densities are of one"),
        ("minimax", UNIT, laws.Normal([0.0, 0.0], 1.0), "`q` has 2 dimensions"),
    ],
)
def test_what_has_no_density_critic_is_refused(name, p, q, message):
    with pytest.raises(ValueError, match=message):
        density_critic(name, p, q)


def test_tolerances_and_supports_are_checked():
    with pytest.raises(ValueError, match="`tolerance` is 0; it must be above 0"):
        density_critic("minimax", UNIT, UNIT, tolerance=0)
    with pytest.raises(ValueError, match="`laws` have different supports"):
        density_critic("minimax", laws.Uniform(0.0, 1.0), laws.Uniform(0.5, 2.0)).generator_gradient()
