"""Experiments on laws that share nothing: segments, their noise, two rings, and the rank of a generator."""

import math

import mpmath as mp
import numpy as np
import pytest

from battery import printed
from tussle.assumptions import segments
from tussle.data.planes import Segments
from tussle.divergences import divergence
from tussle.laws import Normal
from tussle.measures import Atoms

THICKENED = """
1   .5   .111421 .199   1
.5  2    .336831 .450   4
.2  12.5 .675943 .118   25
.1  50   .693146 2.2e-5 100
.05 200  .693147 -      400
"""


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: segments.segments((-1.0,)), "`distances` is -1.0; it must be 0 or more"),
        (lambda: segments.segments(bandwidth=0.0), "`bandwidth` is 0.0; it must be above 0"),
        (lambda: segments.thickened((0.0,)), "`stds` is 0.0; it must be above 0"),
        (lambda: segments.rings(("hinge",)), "`losses` is 'hinge'"),
        (lambda: segments.rings(steps=(10, 1)), r"`steps` is \[10, 1\]; it must increase"),
        (lambda: segments.ranks((0,)), "`latents` is 0"),
    ],
)
def test_a_wrong_request_says_what_may_come(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# Segments -----------------------------------------------------------------------------------------------------------


def test_between_segments_only_transport_energy_and_kernels_tell_the_distance():
    table = segments.segments((0.0, 0.01, 0.5, 2.0)).to_numpy()
    apart = table["t"] > 0
    assert np.all(table["JS"][apart] == math.log(2))
    assert np.all(table["TV"][apart] == 1)
    assert np.all(np.isinf(table["KL(r||g)"][apart]) & np.isinf(table["KL(g||r)"][apart]))
    for name in ("W1", "W2"):
        assert table[name] == pytest.approx(table["t"], abs=1e-15)
    for name in table:
        assert table[name][0] == 0
    for name in ("energy", "MMD2"):
        assert np.all(np.diff(table[name]) > 0)


@pytest.mark.parametrize("t", [0.05, 0.5, 2.0])
def test_energy_and_mmd_of_segments_are_their_integrals(t):
    from scipy.integrate import dblquad

    mean = dblquad(lambda u, v: math.hypot(t, u - v), 0, 1, 0, 1, epsabs=1e-10)[0]
    assert segments.energy(t) == pytest.approx(2 * mean - 2 / 3, abs=1e-8)
    left, right = (Segments(np.array([[x, 0.0]]), np.array([[x, 1.0]])).nodes() for x in (0.0, t))
    p, q = Atoms(left.points, left.weights), Atoms(right.points, right.weights)
    exact = divergence("mmd2", p, q, bandwidth=0.7, route="closed").value
    assert segments.squared_mmd(t, 0.7) == pytest.approx(exact, abs=1e-13)


def test_energy_of_touching_segments_starts_flat():
    # 4 int (1 - r)(sqrt(t^2 + r^2) - r) dr < 2 t^2 (log(1/t) + 1): smooth enough to have slope 0.
    assert segments.energy(0.0) == 0
    for t in (1e-2, 1e-4):
        assert 0 < segments.energy(t) < 2 * t * t * (math.log(2 / t) + 1)


# Noise --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def thick():
    return segments.thickened()


@pytest.mark.parametrize("line", THICKENED.strip().splitlines())
def test_the_thickened_table_has_the_published_digits(thick, line):
    std, *expected = line.split()
    (row,) = thick.where(sigma=float(std)).rows
    for value, text in zip(row[1:], expected, strict=True):
        assert abs(value) < 1e-9 if text == "-" else value == printed(text)


@pytest.mark.parametrize("std", ["0.5", "0.1", "0.05"])
def test_the_slope_of_js_is_right_to_its_own_digits(thick, std):
    with mp.workdps(30):
        s = mp.mpf(std)

        def normal(x, mean):
            return mp.exp(-(((x - mean) / s) ** 2) / 2) / (s * mp.sqrt(2 * mp.pi))

        def slope(x):
            p, q = normal(x, 0), normal(x, 1)
            # log(2q/(p+q)) written so that it keeps its digits where p is nothing beside q
            return q * (x - 1) / s**2 * (mp.log(2) - mp.log1p(p / q)) / 2

        cuts = [mp.mpf(k) / 4 for k in range(-16, 21)]
        exact = mp.quad(slope, cuts)
    (row,) = thick.where(sigma=float(std)).rows
    assert row[3] == pytest.approx(float(exact), rel=1e-9)


@pytest.mark.parametrize("std", [1.0, 0.5, 0.2])
def test_both_slopes_are_differences_of_the_divergences(thick, std):
    (row,) = thick.where(sigma=std).rows
    h = 1e-3
    for name, found in (("js", row[3]), ("kl", row[4])):
        high, low = (divergence(name, Normal(0.0, std), Normal(1.0 + x, std), tolerance=1e-12).value for x in (h, -h))
        assert found == pytest.approx((high - low) / (2 * h), rel=1e-4)  # h^2 of the third derivative


# Rings --------------------------------------------------------------------------------------------------------------


def softplus(x):
    return np.logaddexp(0.0, x)


OBJECTIVES = {
    "minimax": lambda r, f: -softplus(f).mean(),
    "NS": lambda r, f: softplus(-f).mean(),
    "Rp": lambda r, f: softplus(r[None, :] - f[:, None]).mean(),
    "Ra": lambda r, f: softplus(-(f - r.mean())).mean() + softplus(r - f.mean()).mean(),
    "IPM": lambda r, f: -f.mean(),
}


@pytest.fixture(scope="module")
def ring():
    return segments.rings(steps=(1, 10, 100, 400), width=16, nodes=24, seed=3)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_first_gradient_on_rings_is_the_difference_of_the_loss_written_out(ring, name):
    widths = (2, 16, 16, 1)
    psi, circle = segments.drawn(widths, 3), segments.Ring(1.0, 24).nodes().points

    def height(theta):
        outs = (segments.perceptron(widths, x, psi)[:, 0] for x in (circle, theta[:2] + theta[2] * circle))
        return OBJECTIVES[name](*outs)

    at, h = np.array([0.0, 0.0, 2.0]), 1e-5
    slopes = [(height(at + h * e) - height(at - h * e)) / (2 * h) for e in np.eye(3)]
    (row,) = ring.where(**{"loss": name, "critic steps": 0}).rows
    assert row[3] == pytest.approx(np.linalg.norm(slopes), abs=1e-8)
    assert row[4] == pytest.approx(slopes[2], abs=1e-8)


def test_a_trained_critic_silences_minimax_drives_the_others_and_only_the_ipm_keeps_the_slope_of_w1(ring):
    last = {row[0]: row for row in ring.rows if row[1] == 400}
    assert last["minimax"][3] < 0.05
    assert all(last[name][3] > 3 for name in ("NS", "Rp", "Ra"))
    assert 0.7 < last["IPM"][3] < 1.3
    assert all(row[4] > 0 for row in last.values())  # all push the larger ring inward
    assert "nearest to it comes IPM" in ring.sentence


def test_training_lowers_the_critics_loss_and_ns_shares_it_with_minimax(ring):
    for name in OBJECTIVES:
        losses = ring.where(loss=name).column("critic loss")
        assert losses[-1] < losses[-2] < losses[0]
    assert ring.where(loss="NS").column("critic loss") == ring.where(loss="minimax").column("critic loss")


def test_the_same_seed_trains_the_same_critic():
    first, second, other = (segments.rings(("minimax",), (5,), width=16, nodes=24, seed=k) for k in (1, 1, 2))
    assert first.rows == second.rows != other.rows


# Rank ---------------------------------------------------------------------------------------------------------------


def test_the_rank_of_a_generator_is_bounded_by_its_latents_and_by_its_narrowest_layer():
    wide, narrow = (segments.ranks((1, 3), dimension=2, width=w, samples=4) for w in (8, 1))
    assert wide.column("rank") == (1, 2)
    assert wide.column("density") == ("no", "yes")
    assert narrow.column("rank") == (1, 1)
    assert narrow.column("density") == ("no", "no")


def test_the_perceptron_is_the_one_written_out():
    psi, x = segments.drawn((2, 3, 1), 0), np.array([[0.3, -0.7]])
    psi[6:9] = 0.1, -0.2, 0.4
    hidden = np.tanh(x @ psi[:6].reshape(2, 3) + psi[6:9])
    assert segments.perceptron((2, 3, 1), x, psi) == pytest.approx(hidden @ psi[9:12].reshape(3, 1), abs=1e-15)
    assert np.abs(psi[:6]).max() <= math.sqrt(6 / 5)
