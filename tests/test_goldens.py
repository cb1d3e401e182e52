"""Published and independently verified numbers: spectra, trajectories and rates, each to the digits it is printed with.

The step is h = 0.2 and the start (1, 1) unless said. Eigenvalues hold to 1e-10, those of a defective matrix to the root
of rounding only (1e-7); their trace and determinant then hold to 1e-12.
"""

import numpy as np
import pytest

import tussle
from battery import numbers, printed, tensors
from tussle import models
from tussle.models.dirac import flow_eigenvalues, notebook_consensus
from tussle.models.gaussian import isotropic_eigenvalues
from tussle.spectra import sorted_spectrum

H = 0.2
ORIGIN = (0.0, 0.0)


def dirac(*args, **kwargs):
    return tussle.Field(models.dirac(*args, **kwargs).game)


def sim(h=H):
    return tussle.simultaneous(tussle.sgd(h))


def alt(h=H, **kwargs):
    return tussle.alternating(tussle.sgd(h), **kwargs)


FIELDS = {
    "gan": lambda: dirac(),
    "ns": lambda: dirac("nonsaturating"),
    "wgan": lambda: dirac("wasserstein"),
    "wgan clip": lambda: dirac("wasserstein", clip=1.0),
    "wgan-gp": lambda: dirac("wasserstein", [tussle.wgan_gp(0.7)]),
    "wgan-lp": lambda: dirac("wasserstein", [tussle.wgan_lp(0.7)]),
    "dragan": lambda: dirac(penalties=[tussle.dragan(0.7)]),
    "noise": lambda: dirac(noise=0.7),
    "r1 0.3": lambda: dirac(penalties=[tussle.r1(0.3)]),
    "r2 0.3": lambda: dirac(penalties=[tussle.r2(0.3)]),
    "r1 1": lambda: dirac(penalties=[tussle.r1(1.0)]),
    "r1 2": lambda: dirac(penalties=[tussle.r1(2.0)]),
    "r1+r2": lambda: dirac(penalties=[tussle.r1(0.3), tussle.r2(0.3)]),
    "ns+r1": lambda: dirac("nonsaturating", [tussle.r1(0.3)]),
    "ns+noise": lambda: dirac("nonsaturating", noise=0.7),
    "wgan+r1": lambda: dirac("wasserstein", [tussle.r1(0.3)]),
    "consensus": lambda: tussle.consensus(1.0)(dirac()),
    "jare": lambda: tussle.jare(1.0)(dirac()),
    "smooth": lambda: tussle.jare(0.0, 1.0)(dirac()),
    "nk": lambda: tussle.nagarajan_kolter(1.0)(dirac()),
    "notebook": lambda: notebook_consensus(1.0),
    "tau": lambda: tussle.timescale(1.0, 4.0)(dirac(penalties=[tussle.r1(0.3)])),
    "bias": lambda: dirac(bias=True),
    "energy 0.4": lambda: dirac(energy=0.4),
    "energy 1": lambda: dirac(energy=1.0),
}


def flow_spectrum(name, at=ORIGIN):
    return tussle.spectrum(tussle.field_jacobian(FIELDS[name](), at), of="flow", tolerance=1e-9)


def map_spectrum(field, rule, at=ORIGIN):
    return tussle.spectrum(tussle.map_jacobian(tussle.Map(field, rule), at), of="map", tolerance=1e-9)


def close(found, expected, tolerance=1e-10):
    assert np.shape(found) == np.shape(expected)
    assert np.abs(found - expected).max() <= tolerance, (found, expected)


# The master table: Jacobian and eigenvalues of the field ---------------------------------------------------------

F, F2 = 0.5, -0.25
JACOBIANS = {
    "gan": [[0, -F], [F, 0]],
    "ns": [[0, -F], [F, 0]],
    "wgan": [[0, -1], [1, 0]],
    "wgan clip": [[0, -1], [1, 0]],
    "wgan-lp": [[0, -1], [1, 0]],
    "noise": [[0, -F], [F, 2 * F2 * 0.49]],
    "ns+noise": [[0, -F], [F, 2 * F2 * 0.49]],
    "r1 0.3": [[0, -F], [F, -0.3]],
    "r2 0.3": [[0, -F], [F, -0.3]],
    "ns+r1": [[0, -F], [F, -0.3]],
    "wgan+r1": [[0, -1], [1, -0.3]],
    "r1+r2": [[0, -F], [F, -0.6]],
    "consensus": [[-(F**2), -F], [F, -(F**2)]],
    "notebook": [[-(F**2), -F], [F, -(F**2)]],
    "jare": [[-(F**2), -F], [F, -(F**2)]],
    "smooth": [[0, -F], [F, -(F**2)]],
    "nk": [[-2 * F**2, -F], [F, 0]],
    "energy 0.4": [[-2 * 0.4 * F, -F], [F, 0]],
    "tau": [[0, -F], [4 * F, -4 * 0.3]],
}


@pytest.mark.parametrize("name", JACOBIANS)
def test_jacobians_of_the_master_table(name):
    close(tussle.field_jacobian(FIELDS[name](), ORIGIN), np.array(JACOBIANS[name]), 1e-12)


CLOSED_FORMS = {
    "gan": flow_eigenvalues("gan"),
    "ns": flow_eigenvalues("gan"),
    "wgan": flow_eigenvalues("wgan", slope=1.0),
    "wgan-lp": flow_eigenvalues("lp", slope=1.0),
    "noise": flow_eigenvalues("noise", sigma=0.7),
    "r1 0.3": flow_eigenvalues("r1", gamma=0.3),
    "r1 2": flow_eigenvalues("r1", gamma=2.0),
    "r1+r2": flow_eigenvalues("r1r2", gamma=0.3),
    "consensus": flow_eigenvalues("consensus", gamma=1.0),
    "nk": flow_eigenvalues("nagarajan_kolter", eta=1.0),
    "bias": flow_eigenvalues("bias"),
    "energy 0.4": flow_eigenvalues("energy", c=0.4),
    "tau": flow_eigenvalues("r1", gamma=0.3, tau=4.0),
    "smooth": flow_eigenvalues("r1", gamma=0.25),  # gamma_eff = gamma F^2
    "wgan+r1": flow_eigenvalues("r1", slope=1.0, gamma=0.3),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_eigenvalues_are_the_published_closed_forms(name):
    at = (0.0, [0.0, 0.0]) if name == "bias" else ORIGIN
    close(flow_spectrum(name, at).eigenvalues, sorted_spectrum(CLOSED_FORMS[name]))


PRINTED_FLOW = {
    "gan": ("0", "0.5"),
    "ns": ("0", "0.5"),
    "wgan": ("0", "1"),
    "r1 0.3": ("-0.15", "0.4769696007085"),
    "r1+r2": ("-0.3", "0.4"),
    "noise": ("-0.1225", "0.484761539316"),
    "consensus": ("-0.25", "0.5"),
    "nk": ("-0.25", "0.433012701892"),
}


@pytest.mark.parametrize("name", PRINTED_FLOW)
def test_complex_eigenvalues_as_printed(name):
    re, im = map(float, PRINTED_FLOW[name])
    close(flow_spectrum(name).eigenvalues, np.array([re + 1j * im, re - 1j * im]))


def test_overdamped_r1_has_two_real_eigenvalues_as_printed():
    close(flow_spectrum("r1 2").eigenvalues, np.array([-0.133974596216, -1.866025403784]))


@pytest.mark.parametrize(("name", "double"), [("r1 1", -0.5), ("energy 1", -0.5)])
def test_critical_damping_gives_a_double_eigenvalue(name, double):
    matrix = tussle.field_jacobian(FIELDS[name](), ORIGIN)
    assert np.trace(matrix) == pytest.approx(2 * double, abs=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(double**2, abs=1e-12)
    close(flow_spectrum(name).eigenvalues, np.array([double, double]), 1e-7)


# Maps -------------------------------------------------------------------------------------------------------------

PRINTED_RADII = {
    "gan": ("1.004987562112", "1"),
    "ns": ("1.004987562112", "1"),
    "wgan": ("1.019803902719", "1"),
    "r1 0.3": ("0.9746794344809", "0.9695359714833"),
    "r1 2": ("0.973205080757", "0.973955301682"),
    "r1+r2": ("0.943398113206", "0.938083151965"),
    "noise": ("0.9803060746522", "0.975192288731"),
    "consensus": ("0.9552486587271", "0.95"),
    "nk": ("0.953939201417", "0.948683298051"),
}


@pytest.mark.parametrize("name", PRINTED_RADII)
def test_radii_of_simultaneous_and_alternating_steps_as_printed(name):
    simultaneous, alternating = map(float, PRINTED_RADII[name])
    field = FIELDS[name]()
    assert map_spectrum(field, sim()).radius == pytest.approx(simultaneous, abs=1e-10)
    assert map_spectrum(field, alt()).radius == pytest.approx(alternating, abs=1e-10)


PRINTED_ALTERNATING = {
    "gan": ((1, 1), 0.995 + 0.09987492177719j, 1.0),
    "gan 1:5": ((1, 5), 0.975 + 0.222204860433j, 1.0),
    "wgan": ((1, 1), 0.98 + 0.198997487421j, 1.0),
    "wgan 1:5": ((1, 5), 0.9 + 0.435889894354j, 1.0),
    "r1 0.3": ((1, 1), 0.965 + 0.093674969976j, 0.9695359714833),
    "r1 0.3 1:5": ((1, 5), 0.8447773464 + 0.142320966162j, 0.856681984403),
    "consensus": ((1, 1), 0.945 + 0.0973396116697j, 0.95),
}


@pytest.mark.parametrize("name", PRINTED_ALTERNATING)
def test_eigenvalues_of_alternating_steps_as_printed(name):
    steps, value, radius = PRINTED_ALTERNATING[name]
    found = map_spectrum(FIELDS[name.removesuffix(" 1:5")](), alt(steps=steps))
    tolerance = 1e-10 if name != "r1 0.3 1:5" else 5.1e-11  # its real part is printed to ten digits
    close(found.eigenvalues, np.array([value, value.conjugate()]), tolerance)
    assert found.radius == pytest.approx(radius, abs=1e-10)


def test_critical_r1_under_both_rules_as_printed():
    # Simultaneous: the double eigenvalue 1 - h/2 is known to the root of rounding, its trace and determinant exactly.
    matrix = tussle.map_jacobian(tussle.Map(FIELDS["r1 1"](), sim()), ORIGIN)
    assert [np.trace(matrix), np.linalg.det(matrix)] == pytest.approx([1.8, 0.81], abs=1e-12)
    found = map_spectrum(FIELDS["r1 1"](), alt()).eigenvalues
    close(found, np.array([0.9270156211872, 0.862984378813]))
    found = map_spectrum(FIELDS["r1 2"](), alt()).eigenvalues
    close(found, np.array([0.973955301682, 0.616044698318]))


@pytest.mark.parametrize("steps", [(1, 1), (1, 5), (3, 2)])
@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.7])
def test_alternating_r1_matches_the_general_formula(steps, gamma):
    """s = (1 - h_d gamma)^n_d, q = F (1 - s)/gamma, M = [[1, -n_g h_g F], [q, s - n_g h_g F q]]."""
    n_g, n_d = steps
    h_g, h_d = 0.1, 0.3
    s = (1 - h_d * gamma) ** n_d
    q = F * n_d * h_d if gamma == 0 else F * (1 - s) / gamma
    expected = np.array([[1, -n_g * h_g * F], [q, s - n_g * h_g * F * q]])
    rule = tussle.alternating(tussle.sgd((h_g, h_d)), steps)
    found = tussle.map_jacobian(tussle.Map(dirac(penalties=[tussle.r1(gamma)]), rule), tensors(ORIGIN))
    close(found, expected, 1e-13)
    assert np.trace(found) == pytest.approx(1 + s - n_g * h_g * F * q, abs=1e-13)
    assert np.linalg.det(found) == pytest.approx(s, abs=1e-13)


@pytest.mark.parametrize("name", ["gan", "r1 0.3", "consensus", "noise", "energy 0.4"])
@pytest.mark.parametrize("steps", [(1, 1), (1, 5)])
def test_the_order_of_the_players_does_not_change_the_spectrum(name, steps):
    field = FIELDS[name]()
    first, second = (
        map_spectrum(field, alt(steps=steps, first=who), tensors(ORIGIN)).eigenvalues
        for who in ("generator", "discriminator")
    )
    close(first, second, 1e-12)


# Trajectories -----------------------------------------------------------------------------------------------------

RULES = {"sim": sim(), "alt": alt(), "alt 1:5": alt(steps=(1, 5))}
PATHS = """
gan       | sim     | 0.25705337437, 1.4176821683    | -2.1616112825, -2.2177753965
gan       | alt     | 0.2596009529, 1.3946230857     | 0.68683366122, 1.2440072943
gan       | alt 1:5 | 0.10557696786, 2.4718883706    | 0.76885651314, 1.6774665978
ns        | sim     | -0.3582619623, 1.202800508     | 0.548337319, 0.33044105582
ns        | alt     | -0.33417146878, 1.1207271778   | 0.20488849198, 0.19655333282
wgan clip | sim     | -0.92032, 0.608                | -0.065640782194, 1
wgan clip | alt     | -0.846618112, 0.4542309376     | 0.97907629729, 0.30038151978
wgan-gp   | sim     | -1.3400826657, 0.5388045562    | -0.18084919428, -1.7926941401
wgan-gp   | alt     | -1.1026925715, 0.44564405486   | -0.13255947296, 1.2138499514
dragan    | alt     | 0.28635616895, 1.2039684275    | -1.4, 0.0
noise     | sim     | 0.284052090923, 1.032566761324 | norm 5.730552e-5
noise     | alt     | 0.290371178421, 1.002709197208 | norm 4.001282e-6
r1 0.3    | sim     | 0.36493219829, 0.89153696778   | 1.1103367488e-6, -2.3980793511e-6
r1 0.3    | alt     | 0.36827385362, 0.87180969104   | -5.1670484317e-8, -2.2421453822e-7
r1 1      | sim     | 0.55932489444, 0.3610389266    | norm 9.5287e-22
ns+r1     | sim     | -0.12176100688, 0.73694381875  | 2.147384604e-6, -5.3057355763e-7
consensus | sim     | 0.48808272542, 1.4237868744    | -7.5072429992e-11, 2.4668503281e-10
consensus | alt     | 0.48340152051, 1.3863848141    | 1.1186233791e-11, 1.3119502074e-11
consensus | alt 1:5 | 0.70891103887, 2.7607542671    | 0.43624743364, 10.960060175
notebook  | sim     | 0.29282136958, 1.2796846232    | norm 2.0808e-10
notebook  | alt 1:5 | 0.39610481983, 2.089734759     | norm 4.5561e-33
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in PATHS.strip().splitlines()]


@pytest.mark.parametrize(("name", "rule", "early", "late"), ROWS, ids=[f"{r[0]} {r[1]}" for r in ROWS])
def test_trajectories_as_printed(name, rule, early, late):
    path = tussle.run(tussle.Map(FIELDS[name](), RULES[rule]), (1.0, 1.0), 500).path
    assert list(path[10]) == [printed(x) for x in numbers(early)]
    if late.startswith("norm"):
        assert np.linalg.norm(path[500]) == printed(numbers(late)[0])
    elif name == "wgan clip":  # a clipped psi is exact; the printed theta of a finite decimal path is too
        assert path[500] == pytest.approx([float(x) for x in numbers(late)], abs=1.1e-12 if rule == "sim" else 6e-12)
    elif name == "dragan":  # printed as (-1.4, 1.1e-16): at rest there to rounding
        assert path[500] == pytest.approx([-1.4, 0.0], abs=2e-15)
    else:
        assert list(path[500]) == [printed(x) for x in numbers(late)]


# The same paths in 30-digit arithmetic ----------------------------------------------------------------------------


def _by_hand(velocity, alternate, steps):
    import mpmath

    mp = mpmath.mp.clone() if hasattr(mpmath.mp, "clone") else mpmath.MPContext()
    mp.dps = 30
    h, theta, psi = mp.mpf("0.2"), mp.mpf(1), mp.mpf(1)
    for _ in range(steps):
        moved = theta + h * velocity(mp, theta, psi)[0]
        psi += h * velocity(mp, moved if alternate else theta, psi)[1]
        theta = moved
    return float(theta), float(psi)


def _slope(mp, t):
    return 1 / (1 + mp.exp(t))


HAND = {
    "gan": lambda mp, t, p: (-p * _slope(mp, t * p), t * _slope(mp, t * p)),
    "ns": lambda mp, t, p: (-p * _slope(mp, -t * p), t * _slope(mp, t * p)),
    "r1 0.3": lambda mp, t, p: (-p * _slope(mp, t * p), t * _slope(mp, t * p) - mp.mpf("0.3") * p),
    "wgan-gp": lambda mp, t, p: (-p, t - mp.mpf("0.7") * (abs(p) - 1) * mp.sign(p)),
}


@pytest.mark.parametrize("rule", ["sim", "alt"])
@pytest.mark.parametrize("name", HAND)
def test_trajectories_agree_with_thirty_digits(name, rule):
    exact = _by_hand(HAND[name], rule == "alt", 500)
    found = tussle.run(tussle.Map(FIELDS[name](), RULES[rule]), (1.0, 1.0), 500).end
    assert found == pytest.approx(exact, abs=5e-13)


# Momentum ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beta", "simultaneous", "alternating"),
    [
        (-0.5, "1.000743033427", "0.9985177891006"),
        (0.0, "1.004987562112", "1.0"),
        (0.5, "1.04568739215", "1.03229650714"),
    ],
)
def test_radii_of_heavy_ball_steps_as_printed(beta, simultaneous, alternating):
    pace = tussle.momentum(H, beta)
    for rule, expected in ((tussle.simultaneous, simultaneous), (tussle.alternating, alternating)):
        found = map_spectrum(FIELDS["gan"](), rule(pace)).radius
        assert found == pytest.approx(float(expected), abs=1e-10)


@pytest.mark.parametrize("beta", [-0.5, 0.5])
def test_heavy_ball_maps_have_the_published_polynomials(beta):
    a, field, pace = H * F, FIELDS["gan"](), tussle.momentum(H, beta)
    for mu in map_spectrum(field, tussle.simultaneous(pace)).eigenvalues:
        residuals = [abs(mu**2 - (1 + beta + s * 1j * a) * mu + beta) for s in (1, -1)]
        assert min(residuals) <= 1e-13
    for mu in map_spectrum(field, tussle.alternating(pace)).eigenvalues:
        assert abs((mu - 1) ** 2 * (mu - beta) ** 2 + a**2 * mu**3) <= 1e-13


# Published as "about": the exact optima lie at -0.49877, -0.46911 and -0.37613, where the radius is flat.
@pytest.mark.parametrize(
    ("a", "beta", "radius", "digits"),
    [(0.1, -0.497, 0.998517795, 1e-8), (0.5, -0.467, 0.962492, 1e-6), (1.0, -0.377, 0.843541, 1e-6)],
)
def test_the_best_momentum_is_the_published_negative_one(a, beta, radius, digits):
    field = FIELDS["gan"]()
    betas = beta + np.linspace(-0.06, 0.06, 121)
    build = lambda b: tussle.Map(field, tussle.alternating(tussle.momentum(a / F, b)))
    radii = np.abs(tussle.eigenvalue_path(build, betas, ORIGIN, name="beta").eigenvalues).max(axis=1)
    published = [np.polyadd(np.polymul([1, -2, 1], [1, -2 * b, b * b]), [a * a, 0, 0, 0]) for b in betas]
    # Near its minimum two pairs almost meet, and a root is as accurate as rounding divided by their distance.
    assert radii == pytest.approx([np.abs(np.roots(p)).max() for p in published], abs=1e-12)
    assert abs(betas[radii.argmin()] - beta) <= 0.004
    assert radii.min() == pytest.approx(radius, abs=digits)


# Other methods ----------------------------------------------------------------------------------------------------

METHODS = {
    "extragradient": ("gan", tussle.extragradient(tussle.sgd(H)), "0.9950376877285"),
    "extragradient at its best": ("gan", tussle.extragradient(tussle.sgd(2 / np.sqrt(2))), "0.866025403784"),
    "optimistic": ("gan", tussle.optimistic(tussle.sgd(H)), "0.9949361530051"),
    "competitive": ("gan", tussle.competitive(tussle.sgd(H)), "0.99503719021"),
    "competitive on r1": ("r1 0.3", tussle.competitive(tussle.sgd(H)), "0.9647243488722"),
    "lookahead": ("gan", tussle.lookahead(sim(), 5, 0.5), "0.9813269141958"),
}


@pytest.mark.parametrize("name", METHODS)
def test_radii_of_other_rules_as_printed(name):
    field, rule, radius = METHODS[name]
    assert map_spectrum(FIELDS[field](), rule).radius == pytest.approx(float(radius), abs=1e-10)


A = H * F
FORMULAS = {
    "extragradient": lambda z: [1 + z + z * z],
    "optimistic": lambda z: list(np.roots([1, -(1 + 2 * z), z])),
    "competitive": lambda z: [1 / (1 - z)],
    "lookahead": lambda z: [0.5 + 0.5 * (1 + z) ** 5],
}


@pytest.mark.parametrize("name", FORMULAS)
def test_eigenvalues_of_other_rules_are_the_published_functions_of_h_lambda(name):
    expected = FORMULAS[name](1j * A) + FORMULAS[name](-1j * A)
    field, rule, _ = METHODS[name]
    found = map_spectrum(FIELDS[field](), rule).eigenvalues
    # Optimism keeps its last moves and a mark in the state: those add zeros.
    assert all(np.abs(found - z).min() <= 1e-11 for z in expected)
    rest = [z for z in found if np.abs(np.array(expected) - z).min() > 1e-7]
    assert np.abs(rest).max(initial=0.0) <= 1e-7 or np.abs(np.array(rest) - 1).max() <= 1e-12


def test_lookahead_with_two_inner_steps_is_stable_below_the_published_share_only():
    bound = 2 / (4 + A * A)
    assert bound == pytest.approx(0.498753117207, abs=1e-12)
    radius = lambda k, share: map_spectrum(FIELDS["gan"](), tussle.lookahead(sim(), k, share)).radius
    assert radius(2, 0.9999 * bound) < 1 < radius(2, 1.0001 * bound)
    assert radius(2, 0.5) > 1 > radius(5, 0.5)


def test_symplectic_adjustment_equals_consensus_without_a_penalty_and_differs_with_one():
    spectrum = lambda field: tussle.spectrum(tussle.field_jacobian(field, ORIGIN), of="flow", tolerance=1e-9)
    close(spectrum(tussle.symplectic(1.0)(dirac())).eigenvalues, np.array([-0.25 + 0.5j, -0.25 - 0.5j]))
    r1 = FIELDS["r1 0.3"]()
    found = spectrum(tussle.symplectic(1.0)(r1)).eigenvalues
    close(found, np.array([-0.4 + 0.3905124837953j, -0.4 - 0.3905124837953j]))
    found = spectrum(tussle.consensus(1.0)(r1)).eigenvalues
    close(found, np.array([-0.445 + 0.4352872614722j, -0.445 - 0.4352872614722j]))


def test_time_scales_of_the_published_example_cross_at_two():
    game = models.dirac().game
    field = tussle.Explicit(game, lambda point, batch: (point[0] - 2 * point[1], 2 * point[0] - 0.5 * point[1]))
    for tau, abscissa in ((1.99, 0.0025), (2.01, -0.0025)):
        scaled = tussle.timescale(1.0, tau)(field)
        found = tussle.spectrum(tussle.field_jacobian(scaled, ORIGIN), of="flow", tolerance=1e-9)
        assert found.abscissa == pytest.approx(abscissa, abs=1e-12)
    critical = tussle.critical_value(lambda tau: tussle.timescale(1.0, tau)(field), ORIGIN, 0.5, 3.0, what="stable")
    assert critical == pytest.approx(2.0, abs=1e-9)


def test_the_relativistic_pair_with_both_penalties_has_the_published_eigenvalues():
    # The published form: paired loss without the factor 2, zero-sum. Its field on the Dirac-GAN is the GAN's.
    paired = tussle.loss("rp-logistic", scale=0.5, objective="zero-sum")
    field = dirac(paired, [tussle.r1(0.3), tussle.r2(0.3)])
    found = tussle.spectrum(tussle.field_jacobian(field, ORIGIN), of="flow", tolerance=1e-9)
    close(found.eigenvalues, np.array([-0.3 + 0.4j, -0.3 - 0.4j]))
    for point in ((1.0, 1.0), (0.3, -2.0)):
        plain = dirac().at(point)
        assert [v.item() for v in dirac(paired).at(point)] == pytest.approx([v.item() for v in plain], abs=1e-15)


# The general slopes: +- sqrt(f2'(0) g2'(0)) of any loss.
SLOPES = {
    "logistic": ("minimax", 1.0, 0.5),
    "paired logistic": ("rp-logistic", 0.5, 0.5),
    "wasserstein": ("wasserstein", 1.0, 1.0),
    "hinge": ("hinge", 1.0, 1.0),
    "average logistic": ("ra-logistic", 1.0, 1.0),
    "average least squares, halved": ("ra-least_squares", 0.5, 2.0),
}


@pytest.mark.parametrize("name", SLOPES)
def test_rotation_of_the_losses_as_published(name):
    loss, scale, rotation = SLOPES[name]
    field = dirac(tussle.loss(loss, scale=scale))
    found = tussle.spectrum(tussle.field_jacobian(field, ORIGIN), of="flow", tolerance=1e-9)
    close(found.eigenvalues, np.array([1j * rotation, -1j * rotation]), 1e-12)


# Gaussian games ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("penalties", "expected"),
    [
        (
            [],
            [
                -0.1875 + 0.4635124054435j,
                -0.1875 - 0.4635124054435j,
                -0.25 + 0.4330127018922j,
                -0.25 - 0.4330127018922j,
            ],
        ),
        ([tussle.r1(1.0)], [-0.1909830056251, -0.2156353477956, -1.159364652204, -1.309016994375]),
        ([tussle.r2(1.0)], [-0.1909830056251, -0.2156353477956, -1.159364652204, -1.309016994375]),
    ],
    ids=["none", "r1", "r2"],
)
def test_the_gaussian_game_has_the_published_eigenvalues(penalties, expected):
    model = models.gaussian(penalties=penalties)
    matrix = tussle.field_jacobian(tussle.Field(model.game), model.equilibrium)
    close(tussle.spectrum(matrix, of="flow", tolerance=1e-9).eigenvalues, np.array(expected))
    weight = 1.0 if penalties else 0.0
    close(matrix[2:, :2], np.eye(2) / 2, 1e-13)
    close(matrix[:2, 2:], -np.eye(2) / 2, 1e-13)
    close(matrix[:2, :2], np.zeros((2, 2)), 1e-13)
    close(matrix[2:, 2:], np.diag([-0.5, -0.375]) - weight * np.eye(2), 1e-13)


def test_the_gaussian_game_with_both_penalties_as_printed():
    model = models.gaussian(penalties=[tussle.r1(1.0), tussle.r2(1.0)])
    matrix = tussle.field_jacobian(tussle.Field(model.game), model.equilibrium)
    found = tussle.spectrum(matrix, of="flow", tolerance=1e-9).eigenvalues
    assert np.abs(found.imag).max() == 0
    assert list(found.real) == [printed(x) for x in ("-0.10435608", "-0.1103945", "-2.2646055", "-2.39564392")]


def test_relativism_replaces_the_second_moment_by_the_covariance():
    # K_DD = 2 f''(0) Cov(grad_psi D): the quadratic mode falls from -0.375 to -0.25.
    paired = tussle.loss("rp-logistic", scale=0.5, objective="zero-sum")
    model = models.isotropic(paired, order=5)
    matrix = tussle.field_jacobian(tussle.Field(model.game), model.equilibrium)
    close(matrix[2:, 2:], -0.5 * 0.49 * np.eye(2), 1e-13)
    plain = models.isotropic(order=5)
    matrix = tussle.field_jacobian(tussle.Field(plain.game), plain.equilibrium)
    close(matrix[2:, 2:], -0.5 * np.diag([0.49, 4.49]), 1e-13)


# JARE's toy: v = (0, 2), sigma = 0.7. Five nodes a dimension are exact at the equilibrium (second moments) and leave
# 1e-5 of the distance near it; the paired loss forms all pairs of nodes.
JARE = {
    "simgd": ("minimax", None, "-0.1225", "0.4848", "3.96", "18.1", "0.940", 1.8e-2),
    "consensus": (
        "minimax",
        tussle.consensus(10.0),
        "-0.2109 -1.7271 -4.1181 -57.43",
        "",
        "0",
        "272.3",
        "0.035",
        1.7e-3,
    ),
    "jare": ("minimax", tussle.jare(10.0), "-1.0491 -2.0081 -3.2369 -6.1959", "", "0", "5.9", "0.323", 9.4e-9),
    "paired": ("paired", None, "-0.1225", "0.4848", "3.96", "1.0", "0.980", 1.9e-2),
    "paired jare": ("paired", tussle.jare(10.0), "-2.0081 -2.0081 -3.2369 -3.2369", "", "0", "1.6", "0.618", None),
}


def _jare(name):
    loss, adjustment = JARE[name][:2]
    paired = tussle.loss("rp-logistic", scale=0.5, objective="zero-sum")
    model = models.isotropic(paired if loss == "paired" else loss, order=5)
    field = tussle.Field(model.game)
    return model, field if adjustment is None else adjustment(field)


@pytest.mark.parametrize("name", JARE)
def test_the_spectra_of_jares_table(name):
    model, field = _jare(name)
    _, _, real, imaginary, ratio, condition, step, _ = JARE[name]
    spectrum = tussle.spectrum(tussle.field_jacobian(field, model.equilibrium), of="flow", tolerance=1e-9)
    values = spectrum.eigenvalues
    if imaginary:
        pair = values[np.abs(values.imag) > 1e-9]
        assert list(pair.real) == [printed(real)] * len(pair)
        assert list(np.abs(pair.imag)) == [printed(imaginary)] * len(pair)
        if name == "simgd":
            rest = values[np.abs(values.imag) <= 1e-9].real
            assert list(rest) == [printed("-0.1175"), printed("-2.1275")]
    else:
        assert list(values.real) == [printed(x) for x in numbers(real)]
    assert spectrum.rotation == printed(ratio) or float(ratio) == spectrum.rotation == 0
    assert np.abs(values).max() / np.abs(values).min() == printed(condition)
    largest = min(2 * abs(z.real) / abs(z) ** 2 for z in values)
    assert largest == printed(step)
    method = tussle.Map(field, sim(0.01))
    found = tussle.stable_range(method, model.equilibrium, span=(0.01, 2.0), count=40).largest
    assert found == pytest.approx(largest, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "method", "paired"),
    [
        ("simgd", "none", False),
        ("consensus", "consensus", False),
        ("jare", "jare", False),
        ("paired jare", "jare", True),
    ],
)
def test_the_spectra_of_jares_table_are_the_closed_forms(name, method, paired):
    model, field = _jare(name)
    found = tussle.spectrum(tussle.field_jacobian(field, model.equilibrium), of="flow", tolerance=1e-9).eigenvalues
    close(found, sorted_spectrum(isotropic_eigenvalues(method, 10.0, paired=paired)), 1e-9)


@pytest.mark.parametrize("method", ["generator_only", "discriminator_only"])
def test_one_sided_jacobian_penalties_have_the_closed_form(method):
    weights = (10.0, 0.0) if method == "generator_only" else (0.0, 10.0)
    model = models.isotropic(order=5)
    field = tussle.jare(*weights)(tussle.Field(model.game))
    found = tussle.spectrum(tussle.field_jacobian(field, model.equilibrium), of="flow", tolerance=1e-9).eigenvalues
    close(found, sorted_spectrum(isotropic_eigenvalues(method, 10.0)), 1e-9)


@pytest.mark.parametrize("name", JARE)
def test_the_distances_of_jares_table_after_15000_steps(name):
    model, field = _jare(name)
    end = tussle.run(tussle.Map(field, sim(1e-3)), model.start, 15_000, keep=tussle.Keep.ends()).end
    distance = np.linalg.norm(end - np.concatenate(model.equilibrium))
    expected = JARE[name][-1]
    if expected is None:
        assert distance < 1e-12
    else:
        assert distance == printed(f"{expected:.1e}")
