"""The laboratory of the mixture of Gaussians: its forms against finite differences, its sentence by its numbers."""

import dataclasses

import mpmath
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.plots.mixture import mixture_spectra
from tussle.training.field_spectra import consensus_spectra
from tussle.training.lab_mixture import PLANS, RUNS, Measured, Moment, measure_spectrum, mixture
from tussle.training.lab_mixture_table import crosses, sentence_of

TINY = {
    "moments": (0, 6),
    "minibatches": 3,
    "reading": 8,
    "batch": 16,
    "samples": 40,
    "networks": {"width": 3, "depth": 1, "latent": 2},
}


@pytest.fixture(scope="module")
def found():
    told = []
    return mixture("small", 1, told.append, **TINY), told


def test_both_runs_have_a_row_for_each_moment_and_share_their_start(found):
    made, told = found
    named = [dict(zip(made.columns, row, strict=True)) for row in made.rows]
    assert [(row["run"], row["step"]) for row in named] == [(run, step) for run in RUNS for step in (0, 6)]
    assert made.rows[0][1:] == made.rows[2][1:]
    assert made.rows[1][2] != made.rows[3][2]
    assert told[-1] == 1.0
    assert told == sorted(told)
    assert made.details["bound of the short form"] == 1 / 40


def test_the_settings_are_the_published_ones_but_for_what_came(found):
    kept = found[0].settings
    assert kept["gamma"] == 10.0
    assert kept["changed"] == ["batch", "minibatches", "moments", "networks", "reading", "samples"]
    assert kept["recipes"]["simultaneous"]["pace"] == {"name": "rmsprop", "lr": 1e-4, "flavor": "tensorflow1"}
    assert not kept["recipes"]["simultaneous"]["adjustments"]
    assert PLANS["full"].moments[:3] == (0, 500, 1000)
    assert PLANS["full"].minibatches == 10


def test_a_laboratory_is_json_and_can_be_drawn_from_it(found):
    document = found[0].to_json()
    assert [panel["kind"] for panel in document["panels"][:3]] == ["spectra", "spectra", "samples"]
    page = mixture_spectra(document, theme="dark")
    assert len(page.axes) == 6 * 2
    dots = [line for ax in page.axes for line in ax.lines if line.get_gid() == "eigenvalues"]
    shown = document["details"]["moments"][1]["spectra"]["plain"]
    assert len(dots[1].get_xdata()) == sum(1 + (im > 0) for _, im in shown)
    with pytest.raises(ValueError, match=r"`found` has .* and no moments; it must be of the laboratory mixture"):
        mixture_spectra({"details": {}})


# The forms --------------------------------------------------------------------------------------------------------


def test_the_exact_form_is_the_difference_quotient_of_the_consensus_field_and_the_short_form_is_not():
    """w = v - gamma grad(|v|^2 / 2) of the Dirac-GAN with R1, differenced twice in 40 digits off the equilibrium."""
    model, x, gamma, weight = tussle.models.dirac(penalties=[tussle.r1(0.3)]), (0.7, 0.4), 2.0, 0.3
    field, batches = tussle.Field(model.game), [model.game.expectation()]
    made = consensus_spectra(field, ([x[0]], [x[1]]), batches, gamma, tolerance=1e-9)

    def velocity(theta, psi):
        slope = 1 / (1 + mpmath.exp(theta * psi))
        return mpmath.matrix([-slope * psi, slope * theta - weight * psi])

    def quotient(function, at, h):
        def moved(k, s):
            return function(*[v + s * h * (k == i) for i, v in enumerate(at)])

        return [(moved(k, 1) - moved(k, -1)) / (2 * h) for k in range(2)]

    def bent(theta, psi):
        slope = quotient(lambda *y: sum(v**2 for v in velocity(*y)) / 2, (theta, psi), mpmath.mpf(10) ** -9)
        return velocity(theta, psi) - gamma * mpmath.matrix(slope)

    with mpmath.workdps(40):
        at = tuple(map(mpmath.mpf, x))
        columns = quotient(bent, at, mpmath.mpf(10) ** -9)
        wanted = np.array([[float(column[i]) for column in columns] for i in range(2)])
        speed = float(mpmath.norm(velocity(*at)))
    exact = made.jacobian - gamma * (made.jacobian.T @ made.jacobian + made.bend)
    np.testing.assert_allclose(exact, wanted, rtol=1e-12)
    np.testing.assert_allclose(np.sort_complex(made.exact.eigenvalues), np.sort_complex(np.linalg.eigvals(wanted)))
    assert made.speed == pytest.approx(speed, rel=1e-14)
    assert np.abs(made.jacobian - gamma * made.jacobian.T @ made.jacobian - wanted).max() > 0.1


def test_no_matrix_makes_the_short_form_look_more_unstable_than_a_quarter_of_one_over_gamma():
    rng, gamma = np.random.default_rng(0), 10.0
    worst = []
    for k in range(200):
        j = rng.standard_normal((6, 6)) * 10.0 ** rng.uniform(-3, 2)
        worst.append(np.linalg.eigvals(j - gamma * j.T @ j).real.max())
        assert worst[-1] <= 1 / (4 * gamma) + 1e-9 * np.linalg.norm(j) ** 2 * gamma, k
    best = np.linalg.eigvals(np.eye(6) / (2 * gamma) - gamma * np.eye(6) / (2 * gamma) ** 2).real.max()
    assert best == pytest.approx(1 / (4 * gamma), rel=1e-12)  # a - gamma a^2 at a = 1 / (2 gamma)
    assert min(worst) < 0


def test_a_rotation_is_on_the_axis_and_a_gradient_field_is_not():
    turning = np.linalg.eigvals(np.array([[0.0, -0.5], [0.5, 0.0]]))
    falling = np.array([-0.5 + 0j, -2, -5])
    assert measure_spectrum(turning).near == 1
    assert measure_spectrum(turning).rotation == np.inf
    down = measure_spectrum(falling)
    assert (down.near, down.rotation, down.abscissa, down.leftmost, down.mean) == (0, 0, -0.5, -5, -2.5)
    assert down.within == pytest.approx(2 / 3)
    idle = measure_spectrum(np.array([1e-3 + 0j, -1e-3]))
    assert (idle.moving, idle.abscissa) == (0, 1e-3)
    assert np.isnan(idle.near)


# The sentence -----------------------------------------------------------------------------------------------------


def moment(run, step, near, exact):
    plain = Measured(10, near, 1e3, -0.01, 1.0, 0.02, -0.5)
    forms = {"plain": plain, "exact": exact, "short": dataclasses.replace(exact, abscissa=0.02)}
    empty = np.zeros((0, 2))
    return Moment(run, step, 0.1, dict.fromkeys(forms, np.zeros(1, complex)), forms, empty, 8, 0.9, 0.05)


LEFT = Measured(10, 0.0, 5.0, -0.2, 0.9, -0.001, -5.0)
STILL = Measured(10, 0.6, 900.0, -0.02, 1.0, 0.02, -0.6)


@pytest.mark.parametrize(
    ("near", "exact", "words"),
    [
        (0.8, LEFT, "The spectrum crosses as published"),
        (0.8, STILL, "The spectrum does not cross as published"),
        (0.2, LEFT, "The spectrum does not cross as published"),
    ],
)
def test_the_sentence_says_crosses_only_where_the_numbers_do(near, exact, words):
    runs = [moment("simultaneous", 100, 0.0, STILL), moment("consensus", 100, near, exact)]
    said = sentence_of(runs, 10.0)
    assert said.startswith(words)
    assert crosses(runs[1]) == ("does not" not in words)
    assert ("not all left of the axis" in said) == (exact.abscissa > 0)
    assert "does not come to such a point" in said


def test_a_run_that_broke_off_lets_nothing_follow():
    assert "nothing follows" in sentence_of([moment("simultaneous", 5, 1.0, LEFT)], 10.0)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"moments": ()}, r"`moments` are \(\); they must be one step or more, ascending"),
        ({"moments": (5, 1)}, "ascending; give some"),
        ({"kind": "float16"}, "`kind` is 'float16'; it may be one of float32, float64"),
        ({"minibatches": 0}, "`minibatches` is 0"),
        ({"size": "huge"}, "`size` is 'huge'; it may be one of full, small"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(options, match):
    with pytest.raises(ValueError, match=match):
        mixture(**options)
