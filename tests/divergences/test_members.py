"""Every f-divergence's integrand against its book formula in 60 digits, from equal densities to ratios of e^200000."""

import math

import mpmath
import numpy as np
import pytest

from tussle.divergences.members import MEMBER_NAMES, member, overlap

EPS = float(np.finfo(np.float64).eps)
RATIOS = [0.0, 1e-9, -1e-9, 1e-4, -1e-4, 0.3, -0.3, 0.7, -0.7, 0.999, -1.001, 3.0, -3.0, 40.0, -40.0, 800.0, -800.0]
FAR = [2e5, -2e5]

# f with f(1) = f'(1) = 0, as in spec 1.3; alpha of order a.
F = {
    "kl": lambda u, a: u * mpmath.log(u) - u + 1,
    "reverse_kl": lambda u, a: -mpmath.log(u) + u - 1,
    "js": lambda u, a: (u * mpmath.log(u) - (u + 1) * mpmath.log((1 + u) / 2)) / 2,
    "tv": lambda u, a: abs(u - 1) / 2,
    "hellinger2": lambda u, a: (mpmath.sqrt(u) - 1) ** 2,
    "chi2": lambda u, a: (u - 1) ** 2,
    "neyman": lambda u, a: (1 - u) ** 2 / u,
    "jeffreys": lambda u, a: (u - 1) * mpmath.log(u),
    "delta": lambda u, a: (u - 1) ** 2 / (u + 1),
    "nonsaturating": lambda u, a: (1 + u) * mpmath.log((1 + u) / (2 * u)) - 1 + u,
    "alpha": lambda u, a: (u**a - 1 - a * (u - 1)) / (a * (a - 1)),
}


def test_every_member_has_its_formula_here():
    assert set(F) == set(MEMBER_NAMES)


@pytest.mark.parametrize(("name", "order"), [*((name, 0.5) for name in F), *(("alpha", a) for a in (0.3, -1.5, 2.5))])
def test_the_integrand_is_q_times_f_of_the_ratio(name, order):
    """The log integrand is right to a few roundings of the logs that come in, however far apart the densities are."""
    which = member(name, order)
    for log_ratio in RATIOS + FAR:
        log_q = -1.7 if log_ratio < 0 else -1.7 - log_ratio  # the larger density stays where it is
        log_p = log_q + log_ratio
        found = float(which.log_integrand(np.array([log_p]), np.array([log_q]))[0])
        with mpmath.workdps(60):
            u = mpmath.exp(mpmath.mpf(log_p) - mpmath.mpf(log_q))
            value = F[name](u, mpmath.mpf(order))
            wanted = float(mpmath.log(value) + log_q) if value > 0 else -math.inf
        power = max(1.0, abs(order) + 1 if name == "alpha" else 2.0)
        sizes = 4 + (power * abs(log_ratio) if which.at_zero + which.at_infinity == math.inf else 0.0)
        assert found == pytest.approx(wanted, rel=0, abs=40 * EPS * sizes), (name, log_ratio)


def test_the_overlap_is_a_geometric_mean():
    for a in (0.5, 0.3, 2.0):
        for log_p, log_q in ((-3.0, -5.0), (-1e4, -2.0), (-2.0, -2e5)):
            found = float(overlap(a).log_integrand(np.array([log_p]), np.array([log_q]))[0])
            assert found == pytest.approx(a * log_p + (1 - a) * log_q, rel=8 * EPS, abs=0)


@pytest.mark.parametrize("name", MEMBER_NAMES)
def test_where_one_density_is_zero_the_other_pays_its_price(name):
    which = member(name)
    found = which.log_integrand(np.array([-math.inf, -2.0, -math.inf]), np.array([-3.0, -math.inf, -math.inf]))
    with np.errstate(divide="ignore"):
        prices = np.log([which.at_zero, which.at_infinity])
    assert found.tolist() == [-3.0 + prices[0], -2.0 + prices[1], -math.inf]
