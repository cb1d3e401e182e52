"""The experiments as records, and those of the choice of divergence: bumps, fits, crossover, realizability."""

import math

import mpmath as mp
import numpy as np
import pytest

from battery import printed
from tussle.assumptions import bumps, capacities, fits, samples, segments
from tussle.assumptions.experiments import Experiment, experiment, experiment_names
from tussle.divergences import divergence
from tussle.laws import Normal

BUMPS = """
1e-2  .14448 .07133 .02244 .09   .04890 .72
1e-4  .59604 .10456 .03561 .0999 .09640 .7992
1e-8  -      .10536 .03597 .1    .10257 .8
1e-16 -      .10536 .03597 .1    .10263 .8
"""


# Records and the registry -------------------------------------------------------------------------------------------


def test_every_experiment_is_a_function_of_the_same_name_in_its_file():
    files = (bumps, fits, segments, samples, capacities)
    for name in experiment_names():
        assert sum(hasattr(file, name) and getattr(file, name).__module__ == file.__name__ for file in files) == 1


def test_a_record_gives_its_columns_as_json_and_as_arrays():
    found = Experiment("x", "title", (1,), ("a", "b"), ((1, "one"), (math.inf, "two")), ("note",), "so it is.")
    assert found.column("b") == ("one", "two")
    assert found.where(b="two").rows == ((math.inf, "two"),)
    assert found.to_json()["rows"] == [[1, "one"], ["inf", "two"]]
    arrays = found.to_numpy()
    assert arrays["a"].dtype == np.float64
    assert arrays["b"].tolist() == ["one", "two"]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: experiment("bump"), "`name` is 'bump'; .* did you mean `bumps`"),
        (lambda: experiment("bumps", W=0.2), "`option of bumps` is 'W'; it may be one of masses, place, w"),
        (lambda: Experiment("x", "t", (1,), ("a", "b"), ((1,),), (), ""), "a row of 1 values for 2 columns"),
        (lambda: Experiment("x", "t", (1,), ("a",), (), (), ""), "`rows` holds nothing"),
        (lambda: experiment("bumps").column("KL"), "`name` is 'KL'"),
        (lambda: bumps.bumps(w=1.5), "`w` is 1.5; it must lie between 0 and 1"),
        (lambda: bumps.bumps(masses=(0.5,)), "`masses` holds 0.5; it must lie between 0 and `w` = 0.1"),
        (lambda: fits.fits(a=0.5), "`a` is 0.5; it must lie from 1 to 12"),
        (lambda: fits.fits(names=("w2",)), "`names` is 'w2'"),
        (lambda: fits.crossover((5.0, 4.0)), r"`distances` is \[5.0, 4.0\]; it must increase"),
        (lambda: fits.crossover((5.0, 6.0)), "where the minima do not change places"),
        (lambda: fits.realizability(a=13), "`a` is 13; it must lie from 1 to 12"),
    ],
)
def test_a_wrong_request_says_what_may_come(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# Bumps --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bump():
    return bumps.bumps()


@pytest.mark.parametrize("line", BUMPS.strip().splitlines())
def test_the_bump_table_has_the_published_digits(bump, line):
    e, *expected = line.split()
    row = bump.where(**{"bump of": "real", "e": float(e)}).rows[0]
    for value, text in zip(row[2:8], expected, strict=True):
        assert text == "-" or value == printed(text)


def test_two_published_kl_values_contradict_their_own_formula(bump):
    kl = dict(zip(bump.column("e"), bump.where(**{"bump of": "real"}).column("KL(r||g)"), strict=False))
    with mp.workdps(30):
        w = mp.mpf("0.1")
        exact = {e: w * mp.log(w / mp.mpf(e)) + (1 - w) * mp.log((1 - w) / (1 - mp.mpf(e))) for e in ("1e-8", "1e-16")}
    for text, wrong, right in (("1e-8", "1.51694", "1.51699"), ("1e-16", "2.94219", "3.35905")):
        assert kl[float(text)] == pytest.approx(float(exact[text]), rel=1e-14)
        assert kl[float(text)] == printed(right)
        assert kl[float(text)] != printed(wrong)
        assert wrong in " ".join(bump.notes)


def test_swapped_roles_swap_the_two_kl_and_leave_the_rest(bump):
    real, made = (bump.where(**{"bump of": role}).rows for role in ("real", "generated"))
    for a, b in zip(real, made, strict=True):
        assert (a[2], a[3]) == (b[3], b[2])
        assert a[4:8] == pytest.approx(b[4:8], rel=1e-14)
        assert a[8:] == b[8:][::-1]


def test_the_limits_are_those_of_the_formulas_and_only_the_local_term_vanishes(bump):
    role, e, kl, reverse, js, *_ = bump.rows[4]
    assert (role, e, kl) == ("real", 0.0, math.inf)
    assert reverse == pytest.approx(-math.log(0.9), rel=1e-14)
    assert js == pytest.approx(bumps.limit(0.1), rel=1e-13)
    assert js == printed("0.0359738")
    assert bump.rows[4][9] == 0
    assert abs(bump.rows[3][9]) < 1e-14 < reverse
    assert js < bumps.limit(0.2)


# Fits ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    return fits.fits()


@pytest.mark.parametrize(
    ("name", "mu", "sigma", "value"),
    [
        ("KL", "0", "4.1231", ".72355"), ("reverse KL", "4", "1.0008", ".69305"), ("JS", "0", "4.085", ".20096"),
        ("H2", "0", "4.013", None), ("W1", "0", "4.000", None), ("TV", "3.52", "1.92", None),
    ],
)  # fmt: skip
def test_the_best_normal_law_for_two_modes_has_the_published_digits(fitted, name, mu, sigma, value):
    (row,) = fitted.where(divergence=name, minimum="global").rows
    assert row[2] == printed(mu)
    assert row[3] == printed(sigma)
    assert value is None or row[4] == printed(value)


def test_every_fit_is_a_local_minimum_of_the_divergence_itself(fitted):
    target = fits.two_modes(4.0)
    code = {title: name for name, title in fits.TITLES.items()}
    for title, _, mu, sigma, value, *_ in fitted.rows:
        near = [
            divergence(code[title], target, Normal(mu + 0.005 * math.cos(t), sigma + 0.005 * math.sin(t))).value
            for t in np.linspace(0, 2 * math.pi, 8, endpoint=False)
        ]
        # A bowl of curvature c rises by c 0.005^2/2; opposite neighbors differ by the slope, which is 0, and the cubic.
        assert min(near) > value
        assert np.abs(np.subtract(near[:4], near[4:])).max() < 0.2 * (max(near) - value)


def test_no_other_start_finds_another_minimum_of_js(fitted):
    from scipy.optimize import minimize

    target = fits.two_modes(4.0)
    known = fitted.where(divergence="JS").rows

    def height(v):
        return divergence("js", target, Normal(float(v[0]), math.exp(v[1])), tolerance=1e-6).value

    for start in ((-3.0, 0.0), (0.5, 1.2), (6.0, 0.5)):
        end = minimize(height, start, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-7}).x
        found = [math.hypot(abs(end[0]) - row[2], math.exp(end[1]) - row[3]) for row in known]
        assert min(found) < 2e-2


def test_kl_matches_moments(fitted):
    (row,) = fitted.where(divergence="KL").rows
    assert row[3] == pytest.approx(math.sqrt(17), rel=1e-12)


def test_js_has_both_minima_and_the_winner_changes_between_4_and_4_5():
    found = fits.crossover((4.0, 4.5, 8.0))
    assert found.column("winner") == ("cover", "tie", "one mode", "one mode")
    tie = found.rows[1]
    assert 4.2 < tie[0] < 4.3  # "near 4.25"
    assert tie[2] == pytest.approx(tie[5], abs=1e-11)
    target = fits.two_modes(tie[0])
    cover, one = Normal(0.0, tie[1]), Normal(tie[3], tie[4])
    assert divergence("js", target, cover).value == pytest.approx(divergence("js", target, one).value, abs=1e-9)
    assert found.rows[3][5] == printed(".21576")
    assert found.rows[3][5] == pytest.approx(fits.single_js(), abs=1e-9)
    assert fits.single_js() == pytest.approx(0.75 * math.log(4 / 3), rel=1e-14)


def test_near_modes_leave_no_minimum_at_one_of_them():
    found = fits.crossover((2.0, 4.0, 4.5))
    assert math.isnan(found.rows[0][5])
    assert found.rows[0][6] == "cover"


# An ideal critic, a finite generator --------------------------------------------------------------------------------


def test_the_ideal_critic_keeps_the_realizability_gap():
    found = fits.realizability()
    gap, loss = found.column("min 2 JS"), found.column("L_D")
    for least, left in zip(gap, loss, strict=True):
        assert left == pytest.approx(2 * math.log(2) - least, abs=1e-9)  # two routes of quadrature
    assert gap[1] == printed(".40192", 2.0)  # twice .20096
    assert gap[0] > gap[1] > gap[2] == pytest.approx(0, abs=1e-12)
