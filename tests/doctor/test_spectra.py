"""Leading eigenvalues of field and update against dense matrices, closed forms and published numbers."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.doctor import densities as densities_file
from tussle.doctor import products, spectra
from tussle.doctor.adopt import adopt
from tussle.doctor.coupling import coupling
from tussle.doctor.examination import Cannot, Examination, OutOfTime
from tussle.doctor.held import held
from tussle.doctor.krylov import NotFiniteError, averaged, krylov_schur, lanczos
from tussle.doctor.patient import Patient
from tussle.paces import Aside

F64 = torch.float64


class Shift(torch.nn.Module):
    def __init__(self, theta=0.0):
        super().__init__()
        self.theta = torch.nn.Parameter(torch.tensor([theta], dtype=F64))

    def forward(self, z):
        return 0 * z + self.theta


class Slope(torch.nn.Module):
    def __init__(self, psi=0.0):
        super().__init__()
        self.psi = torch.nn.Parameter(torch.tensor([psi], dtype=F64))

    def forward(self, x):
        return self.psi * x


def dirac(**options):
    """The Dirac-GAN as two modules, at its equilibrium."""
    options = {"pace": "sgd,lr=0.2", "rule": "simultaneous"} | options
    data = torch.zeros(16, 1, dtype=F64)
    return adopt(Shift(), Slope(), loss="minimax", data=data, latent=1, batch=4, **options)


def net(inputs, outputs, width=8):
    return torch.nn.Sequential(
        torch.nn.Linear(inputs, width, dtype=F64), torch.nn.Tanh(), torch.nn.Linear(width, outputs, dtype=F64)
    )


@pytest.fixture(scope="module")
def small():
    """A function of options that makes a GAN of 147 smooth weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pair = net(2, 2, 16), net(2, 1, 16)
        data = torch.randn(256, 2, dtype=F64)
    return lambda **options: adopt(*pair, loss="minimax", data=data, latent=2, batch=16, penalties=["r1=1"], **options)


def dense_field(exam):
    batch = spectra.looked(exam)
    return np.asarray(tussle.field_jacobian(exam.patient.field, exam.point, batch))


def examined(patient, depth="deep", budget=600.0):
    return Examination(patient, depth, budget)


def distances(found, wanted):
    return np.abs(np.asarray(found)[:, None] - np.asarray(wanted)[None, :]).min(axis=1)


# Krylov ------------------------------------------------------------------------------------------------------------


def test_krylov_schur_finds_the_ends_of_a_matrix_and_tells_its_residuals():
    rng = np.random.default_rng(0)
    matrix = 0.3 * rng.standard_normal((150, 150)) / 150**0.5
    matrix[:4, :4] += np.array([[-5, 0, 0, 0], [0, -0.5, 3, 0], [0, -3, -0.5, 0], [0, 0, 0, 2.0]])
    a = torch.as_tensor(matrix)
    start = torch.as_tensor(rng.standard_normal(150))
    found = krylov_schur(lambda u: a @ u, start, 4, accuracy=1e-10, basis=16, most=400)
    values, vectors, residuals = found.pairs()
    wanted = sorted(np.linalg.eigvals(matrix), key=abs)[-4:]
    assert distances(wanted, values).max() < 1e-9
    basis = found.basis.numpy()
    np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-13)
    for value, vector, residual in zip(values, vectors.T, residuals, strict=True):
        y = basis.T @ vector
        assert np.linalg.norm(matrix @ y - value * y) == pytest.approx(residual, abs=1e-12)


def test_a_product_that_is_not_finite_ends_the_iteration():
    with pytest.raises(NotFiniteError, match="a Jacobian product is not finite"):
        krylov_schur(lambda u: u / 0, torch.ones(5), 1, accuracy=1e-3, basis=4, most=9)


@pytest.mark.parametrize("skew", [False, True])
def test_lanczos_weighs_moments_as_the_matrix_does(skew):
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((12, 12))
    matrix = matrix - matrix.T if skew else matrix + matrix.T
    a = torch.as_tensor(matrix)
    parts = [lanczos(lambda u: a @ u, torch.as_tensor(e), 12, skew=skew) for e in np.eye(12)]
    density = averaged(parts)
    wanted = np.linalg.eigvals(matrix)
    wanted = wanted.imag if skew else wanted.real
    assert density.weights.sum() == pytest.approx(1, abs=1e-12)
    assert density.moment(2) == pytest.approx(np.mean(wanted**2), rel=1e-10)
    assert density.moment(4) == pytest.approx(np.mean(wanted**4), rel=1e-10)
    assert density.nodes.max() == pytest.approx(wanted.max(), rel=1e-10)


# Field -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("penalty", "wanted"), [([], [0.5j, -0.5j]), (["r1=1"], [-0.5, -0.5])])
def test_the_dirac_gan_has_its_published_field(penalty, wanted):
    found = spectra.field_ends(examined(dirac(penalties=penalty)))
    np.testing.assert_allclose(found.values, wanted, atol=1e-7)  # a double eigenvalue: the root of the rounding


def test_leading_eigenvalues_are_those_of_the_dense_jacobian(small):
    exam = examined(small())
    found = spectra.field_ends(exam)
    wanted = np.linalg.eigvals(dense_field(exam))
    assert found.size == 147
    assert (distances(found.values, wanted) / np.abs(found.values)).max() < 1e-6
    assert distances(sorted(wanted, key=abs)[-10:], found.values).max() < 1e-6 * found.modulus
    assert found.abscissa == pytest.approx(wanted.real.max(), rel=1e-6)
    assert found.frequency == pytest.approx(wanted.imag.max(), rel=1e-6)
    assert found.found.all()


def test_on_the_gan_of_2003_parameters_they_satisfy_the_dense_equation(monkeypatch):
    from scipy.linalg import lu_factor, lu_solve

    from tussle.data.planes import ring
    from tussle.networks import make_networks

    monkeypatch.setattr(products, "SAMPLES", 8)
    data = ring().sample(np.random.default_rng(0), 512).astype(np.float32)
    gan = adopt(*make_networks("numerics-mog"), loss="nonsaturating", data=data, latent=16, batch=8)
    exam = examined(gan)
    found = spectra.field_ends(exam)
    point, batch = spectra.cast(exam, spectra.looked(exam))
    matrix = np.asarray(tussle.field_jacobian(gan.field, point, batch))
    assert matrix.shape == (2003, 2003)
    # an eigenvalue of the dense matrix: Newton's method on its inverse iteration, with the matrix alone, stays there
    for value in (found.values[0], found.leading("imaginary"), found.leading("modulus")):
        lu = lu_factor(matrix - (value + 1e-4 * found.modulus) * np.eye(2003))
        y = w = np.ones(2003, dtype=complex)
        for _ in range(3):
            y, w = lu_solve(lu, y), lu_solve(lu, w, trans=1)
            y, w = y / np.linalg.norm(y), w / np.linalg.norm(w)
        assert abs((w @ (matrix @ y)) / (w @ y) - value) < 1e-6 * abs(value)


def test_a_quick_look_takes_few_products_and_tells_how_far_it_is_from_the_dense_matrix(small):
    exam = examined(small(), "quick")
    found = spectra.field_ends(exam)
    wanted = np.linalg.eigvals(dense_field(exam))
    assert found.products <= spectra.MOST["quick"] + 1 + 2 * 6  # one for the clock, six a batch for the uncertainty
    assert distances(found.values[found.found], wanted).max() < 0.05 * found.modulus


def test_uncertainties_are_those_of_the_batch(small, monkeypatch):
    monkeypatch.setattr(products, "SAMPLES", 16)
    few = spectra.field_ends(examined(small(), "standard")).uncertainty("modulus")[0]
    monkeypatch.setattr(products, "SAMPLES", 4096)
    many = spectra.field_ends(examined(small(), "standard")).uncertainty("modulus")[0]
    assert 0 < 3 * many < few


def test_share_and_densities_are_those_of_the_dense_parts(small, monkeypatch):
    exam = examined(small())
    matrix = dense_field(exam)
    s, a = (matrix + matrix.T) / 2, (matrix - matrix.T) / 2
    share, error = spectra.share_of_rotation(exam)
    assert share == pytest.approx(np.sum(a * a) / np.sum(matrix * matrix), abs=4 * error)
    monkeypatch.setattr(densities_file, "STEPS", {"deep": 60})
    found = spectra.densities(exam, probes=1)
    ends = np.linalg.eigvalsh(s)
    np.testing.assert_allclose(found.symmetric.nodes[[0, -1]], ends[[0, -1]], rtol=1e-6)
    assert found.rotating.nodes.max() == pytest.approx(np.linalg.eigvals(a).imag.max(), rel=1e-6)
    assert found.symmetric.weights.sum() == pytest.approx(1, abs=1e-12)


def test_the_share_of_rotation_of_the_dirac_gan_is_exact():
    assert spectra.share_of_rotation(examined(dirac()))[0] == pytest.approx(1, abs=1e-12)
    # S = diag(0, -1), |A|^2 = 2 (1/2)^2
    assert spectra.share_of_rotation(examined(dirac(penalties=["r1=1"])))[0] == pytest.approx(1 / 3, abs=1e-12)


# Update ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "wanted"), [("simultaneous", 0.9), ("alternating", 0.9270156211872)])
def test_the_update_of_the_critically_damped_dirac_gan_has_its_published_radius(rule, wanted):
    found = spectra.map_ends(examined(dirac(rule=rule, penalties=["r1=1"])))
    assert found.radius == pytest.approx(wanted, abs=1e-7 if rule == "simultaneous" else 1e-12)


def test_adam_is_read_with_its_own_moments():
    gan = dirac(pace="adam,lr=0.01,beta1=0.5", rule="alternating", penalties=["r1=1"])
    state = tuple(
        (torch.zeros(1, dtype=F64), torch.tensor([s], dtype=F64), Aside(torch.tensor([1e3], dtype=F64)))
        for s in (0.04, 0.01)
    )
    gan = Patient(**{**vars(gan), "state": state})
    exam = examined(gan)
    found = spectra.map_ends(exam)
    whole = np.linalg.eigvals(tussle.map_jacobian(gan.method, gan.start, state, exam.batch(0)))
    mine = whole[np.abs(whole - 0.999) > 1e-9]  # the second moments forget on their own
    assert len(mine) == 4
    assert "own mean squares" in found.words
    np.testing.assert_allclose(sorted(np.abs(found.update)), sorted(np.abs(mine)), atol=1e-12)


def test_without_moments_of_its_own_adam_is_read_with_those_of_batches(small):
    found = held(examined(small(pace="adam,lr=1e-3,beta1=0.5")))
    assert found.words == "Adam with mean squares of 4 batches, held"
    velocities = [found.map.field(found.point, examined(small()).batch(1000 + k)) for k in range(4)]
    square = torch.stack([v[0] ** 2 for v in velocities]).mean(0)
    torch.testing.assert_close(found.rates[0], 1e-3 / (square.sqrt() + 1e-8))


@pytest.mark.parametrize("rule", ["simultaneous", "alternating", "optimistic"])
def test_momentum_that_is_left_out_and_put_back_gives_the_eigenvalues_of_the_whole_state(small, rule):
    gan = small(pace="momentum,lr=0.02,beta=0.6", rule=rule)
    exam = examined(gan)
    found = spectra.map_ends(exam)
    state = gan.method.rule.rest(gan.start)
    if rule == "alternating":  # the second player looks at where the first goes in steady motion
        state = tuple((v / 0.4,) for v in gan.field(gan.start, spectra.looked(exam)))
    whole = np.linalg.eigvals(tussle.map_jacobian(gan.method, gan.start, state, spectra.looked(exam)))
    near = found.update[np.abs(found.update - 1) < 0.2]
    # steps in turn: right to second order in the displacement
    order = 1e-7 if rule != "alternating" else 1.5 * np.abs(found.values).max() ** 3
    assert len(near) >= 6
    assert distances(near, whole).max() < order
    assert found.radius == pytest.approx(np.abs(whole).max(), abs=order)


def test_smaller_rates_scale_the_displacement():
    exam = examined(dirac(penalties=["r1=0.3"]))
    one, part = spectra.map_ends(exam).values, spectra.scaled_ends(exam, 0.25).values
    np.testing.assert_allclose(part, one / 4, atol=1e-14)


def test_a_preconditioned_field_has_the_eigenvalues_of_rates_times_jacobian(small):
    exam = examined(small(pace="rmsprop,lr=1e-3"))
    rates = torch.cat(held(exam).rates).numpy()
    wanted = np.linalg.eigvals(rates[:, None] * dense_field(exam))
    values, sure, _ = spectra.step_ends(exam)
    assert distances(values, wanted).max() < 1e-6 * np.abs(wanted).max()
    assert min(sure["modulus"]) >= 0


# Coupling, trust and budget ----------------------------------------------------------------------------------------


def test_the_coupling_of_the_dirac_gan_is_known():
    pair = coupling(examined(dirac(penalties=["r1=50"])))
    assert pair.frequency == pytest.approx(0.5, abs=1e-12)
    assert (pair.penalty, pair.unit) == pytest.approx((50, 1), abs=1e-9)
    assert pair.excess[0] == pytest.approx(50, abs=1e-9)  # critical at 1
    slow = -25 + (25**2 - 0.25) ** 0.5
    assert pair.eigenvalues()[0] == pytest.approx(slow, abs=1e-12)
    assert pair.eigenvalues(pair.critical)[0].real == pytest.approx(-0.5, abs=1e-6)
    assert coupling(examined(dirac(penalties=["r1=0.3"]))).needed == pytest.approx(0.7, abs=1e-9)


def test_a_point_on_a_kink_is_looked_at_next_to_it():
    class Kinked(Slope):
        def forward(self, x):
            return torch.relu(self.psi * x)

    # fakes at 0, where relu turns: the generator's field jumps at theta = 0
    gan = adopt(Shift(0.0), Kinked(1.0), loss="minimax", data=torch.zeros(8, 1, dtype=F64), latent=1)
    spot = products.verified(examined(gan))
    assert not products.compared(gan.field, gan.start, examined(gan).batch(0), 0).trusted
    assert spot.check.trusted
    assert spot.moved == products.NUDGE
    assert abs(float(spot.point[0])) > 0


def test_products_that_differ_from_differences_are_not_believed():
    class Stopped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.ones(1, dtype=F64))

        def forward(self, x):
            return x * self.w * self.w.detach()

    gan = adopt(Shift(0.5), Stopped(), loss="minimax", data=torch.zeros(8, 1, dtype=F64), latent=1)
    with pytest.raises(Cannot, match="its Jacobian products are not to be trusted"):
        spectra.field_ends(examined(gan))


def test_a_spent_budget_refuses_in_a_sentence(small):
    with pytest.raises(OutOfTime, match="the spectrum of the method's field takes about"):
        spectra.field_ends(examined(small(), budget=1e-9))


def test_what_was_measured_is_told_as_json():
    exam = examined(dirac(penalties=["r1=1"]))
    assert spectra.told(exam) is None
    spectra.field_ends(exam)
    spectra.map_ends(exam)
    spectra.densities(exam)
    found = json.loads(json.dumps(spectra.told(exam)))
    assert set(found) == {"field", "update", "densities", "verification"}
    assert found["field"]["abscissa"] == pytest.approx(-0.5, abs=1e-6)
    assert found["update"]["radius"] == pytest.approx(0.9, abs=1e-6)
    assert found["verification"]["trusted"]
