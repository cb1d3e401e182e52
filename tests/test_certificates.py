"""The local-convergence certificate: it holds where the theorem does, and names what fails elsewhere."""

import numpy as np
import pytest

import tussle
from tussle.models import dirac, gaussian, isotropic


def on(model, lr=0.1, rule=tussle.alternating):
    return tussle.Map(tussle.Field(model.game), rule(tussle.sgd(lr)))


def test_the_gaussian_golden_holds_and_its_rate_is_seen_in_a_run():
    model = gaussian(penalties=[tussle.r1(1.0)])
    found = tussle.certificate(on(model), model.equilibrium)
    assert found.holds
    # Spec dirac 3.3.
    golden = [-0.1909830056251, -0.2156353477956, -1.159364652204, -1.309016994375]
    assert found.eigenvalues.real == pytest.approx(golden, abs=1e-10)
    assert np.abs(found.eigenvalues.imag).max() == 0
    assert found.eigenvalues.real.max() <= found.bound < 0
    assert found.observed_rate == pytest.approx(found.predicted_rate, abs=2e-3)
    # h_max of simultaneous steps: 2 / 1.309016994375.
    assert found.largest_step == pytest.approx(2 / 1.309016994375, rel=1e-10)
    assert (found.generator_freedom, found.discriminator_freedom) == (0, 0)


def test_full_rank_features_need_no_penalty():
    model = gaussian()
    assert tussle.certificate(on(model), model.equilibrium).holds


def test_the_dirac_gan_fails_only_because_its_discriminator_is_undamped():
    model = dirac()
    found = tussle.certificate(on(model), model.equilibrium)
    assert [a.name[:4] for a in found.failed] == ["III:"]
    assert "not damped" in found.failed[0].evidence
    assert found.predicted_rate == pytest.approx(1.0, abs=1e-12)


def test_a_bias_does_not_help_and_the_reason_is_told():
    model = dirac(bias=True)
    found = tussle.certificate(on(model), model.equilibrium)
    assert not found.holds
    assert "driven by the generator" in found.failed[0].evidence
    assert "gradient penalty" in str(found)
    # Spec 3.4: +-iF stay, only the bias gets 2 F2.
    assert found.eigenvalues == pytest.approx([0.5j, -0.5j, -0.5], abs=1e-12)


def test_a_discriminator_that_is_only_a_bias_sees_nothing():
    from tussle.losses import loss
    from tussle.measures import Atoms

    game = tussle.GAN(
        lambda theta, z: theta[None, :] * z, lambda psi, x: psi[0] + 0 * x[:, 0], Atoms((0.0,)), Atoms((1.0,)),
        loss("minimax"), sizes=(1, 1),
    )  # fmt: skip
    found = tussle.certificate(tussle.Map(tussle.Field(game), tussle.simultaneous(tussle.sgd(0.1))), ((0.0,), (0.0,)))
    assert [a.name[:4] for a in found.failed] == ["III:"]
    assert "do not see" in found.failed[0].evidence
    assert found.generator_freedom == 1


def test_a_penalty_repairs_the_bias():
    model = dirac(bias=True, penalties=[tussle.r1(1.0)])
    assert tussle.certificate(on(model), model.equilibrium).holds


def test_the_linear_loss_needs_the_extension_with_a_penalty():
    assert tussle.certificate(on(dirac("wasserstein", [tussle.r1(1.0)])), ((0.0,), (0.0,))).holds
    bare = tussle.certificate(on(dirac("wasserstein")), ((0.0,), (0.0,)))
    assert {a.name[:3] for a in bare.failed} >= {"II:", "III"}


def test_an_energy_solution_converges_outside_the_theorem():
    model = dirac(energy=1.0)
    found = tussle.certificate(on(model), model.equilibrium)
    assert found.failed[0].name.startswith("stationary")
    assert found.predicted_rate < 1


def test_a_wrong_point_is_no_equilibrium_and_not_realizable():
    found = tussle.certificate(on(gaussian(penalties=[tussle.r1(1.0)])), ((0.3, 1.0), (0.1, 0.0)))
    assert {a.name.split(":")[0] for a in found.failed} >= {"I"}
    assert any(a.name.startswith("stationary") for a in found.failed)


def test_the_paired_loss_keeps_less_damping_but_still_holds():
    plain = isotropic()
    paired = isotropic(tussle.loss("rp-logistic", objective="zero-sum", scale=0.5))
    first, second = (tussle.certificate(on(m), m.equilibrium) for m in (plain, paired))
    assert first.holds
    assert second.holds
    assert second.eigenvalues.real.min() > first.eigenvalues.real.min()


def test_only_a_gan_has_a_certificate():
    game = tussle.ZeroSum(lambda x, y: (x * y).sum())
    with pytest.raises(ValueError, match="the certificate is about a GAN"):
        tussle.certificate(tussle.Map(tussle.Field(game), tussle.simultaneous(tussle.sgd(0.1))), (0.0, 0.0))


def test_the_bound_of_the_theorem_is_never_broken():
    rng = np.random.default_rng(0)
    from tussle.certificates import _bound

    for _ in range(300):
        n, m = rng.integers(1, 4), rng.integers(3, 6)
        b, root = rng.standard_normal((m, n)), rng.standard_normal((m, m))
        q = root @ root.T + 0.05 * np.eye(m)
        matrix = np.block([[np.zeros((n, n)), -b.T], [b, -q]])
        bound = _bound(np.eye(n), np.eye(m), b, -q)
        assert np.linalg.eigvals(matrix).real.max() <= bound + 1e-10
