"""Models: fields against formulas written by hand, equilibria, closed forms and refusals."""

import numpy as np
import pytest
from scipy.integrate import quad

import tussle
from tussle import models
from tussle.field import read_many
from tussle.models.dirac import flow_eigenvalues, stable_step
from tussle.models.gaussian import isotropic_eigenvalues

POINTS = np.array([[0.7, -1.3], [1.0, 1.0], [-2.0, 0.4], [0.2, 0.1], [-0.6, -0.9]])


def slope(t):
    """f'(t) = 1 / (1 + e^t) of f(t) = -log(1 + e^-t)."""
    return 1 / (1 + np.exp(t))


def smoothed(t, p, sigma):
    """E f'(p (t + s e)), E (t + s e) f'(p (t + s e)) and E s e f'(-p s e), by adaptive quadrature."""

    def mean(g):
        return quad(lambda e: g(sigma * e) * np.exp(-e * e / 2) / np.sqrt(2 * np.pi), -10, 10, epsabs=1e-13)[0]

    return (
        mean(lambda n: slope(p * (t + n))),
        mean(lambda n: (t + n) * slope(p * (t + n))),
        mean(lambda n: n * slope(-p * n)),
    )


def noisy(t, p):
    first, second, third = smoothed(t, p, 0.7)
    return -p * first, second - third


# v of each row of the master table, in the paper's letters: (t, p) = (theta, psi).
FIELDS = {
    "gan": (models.dirac(), lambda t, p: (-p * slope(t * p), t * slope(t * p))),
    "ns-gan": (models.dirac("nonsaturating"), lambda t, p: (-p * slope(-t * p), t * slope(t * p))),
    "wgan": (models.dirac("wasserstein"), lambda t, p: (-p, t)),
    "wgan-gp": (
        models.dirac("wasserstein", [tussle.wgan_gp(0.7, 0.8)]),
        lambda t, p: (-p, t - 0.7 * (abs(p) - 0.8) * np.sign(p)),
    ),
    "wgan-lp": (
        models.dirac("wasserstein", [tussle.wgan_lp(0.7)]),
        lambda t, p: (-p, t - 0.7 * max(abs(p) - 1, 0) * np.sign(p)),
    ),
    "dragan": (
        models.dirac(penalties=[tussle.dragan(0.7)]),
        lambda t, p: (-p * slope(t * p), t * slope(t * p) - 0.7 * (abs(p) - 1) * np.sign(p)),
    ),
    "r1": (models.dirac(penalties=[tussle.r1(0.3)]), lambda t, p: (-p * slope(t * p), t * slope(t * p) - 0.3 * p)),
    "r1 and r2": (
        models.dirac(penalties=[tussle.r1(0.3), tussle.r2(0.3)]),
        lambda t, p: (-p * slope(t * p), t * slope(t * p) - 0.6 * p),
    ),
    "noise": (models.dirac(noise=0.7), noisy),
    "energy": (
        models.dirac(energy=0.4),
        lambda t, p: (-(p + 0.8 * t) * slope(t * p + 0.4 * t * t), t * slope(t * p + 0.4 * t * t)),
    ),
    "least squares, labels -1, 1, 0": (
        models.dirac(tussle.loss("least_squares", a=-1.0, b=1.0, c=0.0)),
        # C = -p t on the fake: loss_D = (C(0) - 1)^2/2 + (C + 1)^2/2, loss_G = C^2/2
        lambda t, p: (-p * p * t, t * (1 - p * t)),
    ),
}


@pytest.mark.parametrize("name", FIELDS)
def test_the_fields_of_the_dirac_gan_are_the_papers(name):
    model, formula = FIELDS[name]
    expected = np.array([formula(t, p) for t, p in POINTS])
    assert read_many(tussle.Field(model.game), POINTS, (1, 1)) == pytest.approx(expected, rel=1e-12, abs=1e-14)


ADJUSTED = {
    "consensus": (
        tussle.consensus(0.6),
        # gradient of (t^2 + p^2) f'^2 / 2 in t: t f'^2 + p (t^2 + p^2) f' f''
        lambda t, p, f, g: (
            -p * f - 0.6 * (t * f * f + p * (t * t + p * p) * f * g),
            t * f - 0.6 * (p * f * f + t * (t * t + p * p) * f * g),
        ),
    ),
    "nagarajan_kolter": (
        tussle.nagarajan_kolter(0.6),
        lambda t, p, f, g: (-p * f - 0.6 * (2 * t * f * f + 2 * t * t * p * f * g), t * f),
    ),
    "discriminator alone": (
        tussle.jare(0.0, 0.6),
        lambda t, p, f, g: (-p * f, t * f - 0.6 * (p * f * f + p * p * t * f * g)),
    ),
}


@pytest.mark.parametrize("name", ADJUSTED)
def test_the_adjusted_fields_of_the_dirac_gan_are_the_papers(name):
    adjustment, formula = ADJUSTED[name]
    f = slope(POINTS.prod(axis=1))
    expected = np.array([formula(t, p, s, -s * (1 - s)) for (t, p), s in zip(POINTS, f, strict=True)])
    found = read_many(adjustment(tussle.Field(models.dirac().game)), POINTS, (1, 1))
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_bias_is_a_third_parameter():
    model = models.dirac(bias=True)
    assert model.axes == ("theta", "psi", "b")
    assert model.sizes == (1, 2)
    t, p, b = 0.7, -1.3, 0.4
    # D = p x + b: fakes at p t + b, data at b.
    fake, real = slope(p * t + b), slope(-b)
    expected = [[-p * fake, t * fake, fake - real]]
    assert read_many(tussle.Field(model.game), np.array([[t, p, b]]), (1, 2)) == pytest.approx(np.array(expected))


@pytest.mark.parametrize("name", models.MODELS)
def test_models_are_at_rest_at_their_equilibria(name):
    label_game = {"case": "A", "free": "a,b,g,h", "cost": "zero_sum"}  # the paper's cost has no equilibrium
    model = models.MODELS[name](**(label_game if name == "erf-lsgan" else {}))
    assert model.name == name
    assert len(model.axes) == sum(model.sizes)
    for point in model.equilibria:
        velocity = read_many(tussle.Field(model.game), np.concatenate(point)[None], model.sizes)
        assert np.abs(velocity).max() <= 1e-13
    assert np.abs(np.concatenate(model.start) - np.concatenate(model.equilibrium)).max() > 0.01


# Quadratic and bilinear games -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [None, 0, 1])
@pytest.mark.parametrize(
    ("eigenvalues", "players"),
    [
        ((-0.1 + 1j, -0.1 - 1j), 2),
        ((-1.0, 0.5, -0.3), 2),
        ((-0.2 + 2j, -0.2 - 2j, 0.1 + 0.3j, 0.1 - 0.3j, -1.0), 3),
    ],
)
def test_quadratic_games_have_the_chosen_eigenvalues(eigenvalues, players, seed):
    model = models.quadratic(eigenvalues, players, seed)
    found = tussle.field_jacobian(tussle.Field(model.game), model.equilibrium)
    spectrum = tussle.spectrum(found, of="flow", tolerance=1e-9).eigenvalues
    from tussle.spectra import sorted_spectrum

    assert spectrum == pytest.approx(sorted_spectrum(np.array(eigenvalues)), abs=1e-12)
    assert len(model.game.players) == len(model.sizes) == players


def test_a_rotated_quadratic_game_is_another_game_of_the_same_spectrum():
    matrices = [
        tussle.field_jacobian(tussle.Field(m.game), m.equilibrium)
        for m in (models.quadratic((-1.0, -2.0, -0.1 + 1j, -0.1 - 1j), seed=s) for s in (0, 1))
    ]
    assert np.abs(matrices[0] - matrices[1]).max() > 0.1


def test_bilinear_games_rotate_with_the_singular_values():
    matrix = np.array([[1.0, 0.3], [-0.2, 0.8], [0.5, 0.1]])
    model = models.bilinear(matrix)
    assert model.sizes == (3, 2)
    found = np.linalg.eigvals(tussle.field_jacobian(tussle.Field(model.game), model.equilibrium))
    values = np.linalg.svd(matrix, compute_uv=False)
    expected = np.sort([*values, *(-values), 0.0])
    assert np.sort(found.imag) == pytest.approx(expected, abs=1e-12)
    assert np.abs(found.real).max() <= 1e-12


# Closed forms -----------------------------------------------------------------------------------------------------


def test_closed_forms_solve_their_characteristic_polynomials():
    for gamma in (0.0, 0.3, 1.0, 2.5):
        for z in flow_eigenvalues("r1", gamma=gamma, tau=2.0):
            assert abs(z * z + 2.0 * gamma * z + 2.0 * 0.25) <= 1e-14
        for z in flow_eigenvalues("consensus", gamma=gamma):
            assert abs((z + gamma / 4) ** 2 + 0.25) <= 1e-15
    for z in flow_eigenvalues("noise", sigma=0.7):
        assert abs(z * z + 0.245 * z + 0.25) <= 1e-15


def test_the_closed_form_of_the_stable_step_joins_at_the_critical_penalty():
    below, above = stable_step(1 - 1e-9), stable_step(1 + 1e-9)
    assert below == pytest.approx(4.0, rel=1e-8)
    assert above == pytest.approx(4.0, rel=1e-4)  # the root of the distance
    assert stable_step(0.3, slope=1.0) == pytest.approx(0.3)


def test_jares_closed_form_has_its_published_limits():
    # JARE is real from gamma = 2/m - m/2 on, and its condition number tends to 1.
    m = 0.49
    gamma = 2 / m - m / 2
    for g, real in ((gamma - 0.01, False), (gamma + 0.01, True)):
        values = isotropic_eigenvalues("jare", g, mean=(0.0,), std=0.7)
        assert (np.abs(values.imag).max() == 0) == real
    # The two roots are (m + gamma) / 4 -+ sqrt(m^2 + 2 gamma m - 4) / 4: apart by sqrt(8 m / gamma) of their size.
    for gamma in (1e4, 1e6, 1e8):
        values = np.abs(isotropic_eigenvalues("jare", gamma, mean=(0.0,), std=0.7))
        assert values.max() / values.min() - 1 == pytest.approx(np.sqrt(8 * m / gamma), rel=0.05)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: models.dirac(bias=True, energy=0.5), "`energy` is 0.5 together with `bias`; .* drop one"),
        (lambda: models.bilinear((1.0, 2.0)), r"`matrix` has shape \(2,\); it must be a finite matrix"),
        (lambda: models.bilinear(((np.nan,),)), r"`matrix` has shape \(1, 1\); it must be a finite matrix"),
        (lambda: models.quadratic((1j, -2j)), "`eigenvalues` .* are not closed under conjugation"),
        (lambda: models.quadratic((-1.0,)), r"`players` is 2 for 1 eigenvalue\(s\); every player needs a parameter"),
        (lambda: models.quadratic((-1.0, -2.0), players=1), "`players` is 1 for 2"),
        (lambda: flow_eigenvalues("r3"), "`variant` is 'r3'; it may be gan, wgan, lp, r1"),
    ],
)
def test_a_wrong_model_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: models.dirac(bias="maybe"), "`bias` is 'maybe'; it may be true or false"),
        (lambda: models.dirac(energy=float("nan")), "`energy` is nan; it must be finite"),
        (lambda: models.dirac(energy="abc"), "`energy` is 'abc'; it must be a number"),
        (lambda: models.bilinear([[1, 2], [3]]), "`matrix` is .*; it must be a matrix: rows of the same length"),
        (lambda: models.bilinear(np.zeros((0, 2))), r"`matrix` has shape \(0, 2\)"),
        (lambda: models.quadratic(-1), "`eigenvalues` is -1; it must be a list of finite numbers"),
        (lambda: models.quadratic("abc"), "`eigenvalues` is 'abc'"),
        (lambda: models.quadratic((-1.0, float("inf"))), "`eigenvalues` is .*inf"),
        (lambda: models.quadratic(players=0), "`players` is 0 for 2 eigenvalue"),
        (lambda: models.quadratic(players=2.5), "`players` is 2.5; it must be a whole number"),
        (lambda: models.quadratic(seed="a"), "`seed` is 'a'; it must be a whole number"),
    ],
)
def test_values_of_another_kind_make_no_model(make, words):
    with pytest.raises(ValueError, match=words):
        make()
