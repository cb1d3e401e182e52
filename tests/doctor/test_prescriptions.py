"""Prescriptions and the gamma advisor: the local model against exact games, changes on copies, modules mended."""

import numpy as np
import pytest
import torch
from torch import nn

from tussle.conventions import gamma_for_resolution
from tussle.doctor import adopt, changes, local, mended, pacing, remedies, structural
from tussle.doctor.examination import Examination
from tussle.doctor.findings import NAMES, Finding
from tussle.doctor.gamma_advice import PUBLISHED, Alive, advise, rule_of_thumb, window
from tussle.doctor.local import Pair, leading_pair
from tussle.doctor.patient import changes as differences
from tussle.doctor.patient import snapshot
from tussle.doctor.prescriptions import MOST, PLANS, prescriptions
from tussle.field import Field
from tussle.game import placed
from tussle.jacobian import field_jacobian, map_jacobian
from tussle.map import Map
from tussle.networks.conditional import LabeledDiscriminator, LabeledGenerator

EPS = np.finfo(np.float64).eps


class Shift(nn.Module):
    """The generator of the Dirac-GAN."""

    def __init__(self):
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, z):
        return self.theta + 0 * z


class Slope(nn.Module):
    """Its discriminator."""

    def __init__(self):
        super().__init__()
        self.psi = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x):
        return self.psi * x[:, 0]


def dirac(rule="simultaneous", lr=0.2, penalties=()):
    data = torch.zeros(64, 1, dtype=torch.float64)
    return adopt(
        Shift(), Slope(), loss="nonsaturating", data=data, latent=1, pace=f"sgd,lr={lr}", rule=rule, penalties=penalties
    )  # fmt: skip


def plane_data(count=256):
    rng = np.random.default_rng(0)
    angle = rng.integers(8, size=count) * np.pi / 4
    return torch.tensor(np.stack([np.cos(angle), np.sin(angle)], 1) + 0.05 * rng.standard_normal((count, 2))).float()


def networks(norm=False, end=()):
    torch.manual_seed(0)
    inner = [nn.BatchNorm1d(8)] if norm else []
    generator = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2), nn.Tanh())
    return generator, nn.Sequential(nn.Linear(2, 8), *inner, nn.ReLU(), nn.Linear(8, 1), *end)


def small(norm=False, end=(), **options):
    given = {"loss": "minimax", "pace": "sgd,lr=0.1", "rule": "simultaneous", "batch": 16} | options
    return adopt(*networks(norm, end), data=plane_data(), latent=2, **given)


def finding(name):
    return Finding(name, "illness", 1.0, (), "words", "source", "advice")


def exam(patient, **options):
    return Examination(patient, **({"depth": "quick", "budget": 600.0} | options))


# The gamma advisor ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("penalty", "critical"), [("r1", 1.0), ("r2", 1.0), ("r1+r2", 0.5)])
def test_critical_damping_of_the_dirac_gan_is_the_published_one(penalty, critical):
    advice = advise(exam(dirac()), penalty)
    assert advice.critical == pytest.approx(critical, rel=1e-10)  # Mescheder 2018; R3GAN with both penalties
    assert advice.pair is not None
    assert advice.pair.omega == pytest.approx(0.5 * 0.2, rel=1e-12)


@pytest.mark.parametrize("rule", ["simultaneous", "alternating"])
@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.9])
def test_the_local_model_multiplies_as_the_update_of_the_dirac_gan_does(rule, gamma):
    patient = dirac(rule, lr=0.4)
    pair = leading_pair(exam(patient), "r1")
    damped = changes.with_penalties(patient, {"r1": gamma})
    batch = placed(patient.game.sampler(8)(0, 0), patient.start[0])
    exact = np.abs(np.linalg.eigvals(map_jacobian(damped.method, damped.start, batch=batch))).max()
    assert pair.radius(gamma, rule == "simultaneous") == pytest.approx(exact, abs=1e-7)  # a double root for some gamma


def test_at_the_needed_weight_the_update_has_radius_one():
    patient = dirac(lr=0.4)
    advice = advise(exam(patient))
    damped = changes.with_penalties(patient, {"r1": advice.needed})
    batch = placed(patient.game.sampler(8)(0, 0), patient.start[0])
    values = np.linalg.eigvals(map_jacobian(damped.method, damped.start, batch=batch))
    assert np.abs(values).max() == pytest.approx(1.0, abs=1e-12)


def test_arnoldi_and_the_dense_matrix_find_the_same_pair(monkeypatch):
    patient = small(loss="nonsaturating")
    monkeypatch.setattr(local, "DENSE", 1000)
    dense = leading_pair(exam(patient))
    monkeypatch.setattr(local, "DENSE", 1)
    found = leading_pair(exam(patient))
    assert found.products > 0
    assert found[:3] == pytest.approx(dense[:3], rel=1e-5)


def test_the_slope_of_the_pair_is_the_finite_difference_in_gamma(monkeypatch):
    monkeypatch.setattr(local, "DENSE", 1000)
    patient = small(loss="nonsaturating")
    examined = exam(patient)
    pair = leading_pair(examined)
    point = tuple(x.double() for x in patient.start)
    batch = placed(examined.batch(0, local.LEAST), point[0])

    def value(gamma):
        # minus gamma is as good: the Jacobian is linear in it
        one = field_jacobian(Field(changes.with_penalties(patient, {"r1": 1.0}).game), point, batch)
        none = field_jacobian(patient.field, point, batch)
        found = np.linalg.eigvals(0.1 * (none + gamma * (one - none)))
        return found[np.argmin(np.abs(found - complex(pair.growth, pair.omega)))]

    step = 1e-4
    slope = (value(step) - value(-step)) / (2 * step)
    assert -slope.real == pytest.approx(pair.damping, rel=1e-5)


def test_a_pair_that_no_penalty_damps_has_no_window():
    assert window(Pair(0.1, 0.2, -1.0, 0), True) == (np.inf, np.inf, np.inf)
    assert window(Pair(-0.1, 0.2, 0.0, 0), False)[0] == 0.0


def test_the_rule_of_thumb_goes_with_the_pixels_and_against_the_batch():
    image = torch.rand(16, 1, 8, 8)
    pair = nn.Sequential(nn.Linear(2, 64), nn.Unflatten(1, (1, 8, 8))), nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    patient = adopt(*pair, loss="hinge", data=image, latent=2, batch=16)
    assert rule_of_thumb(patient) == gamma_for_resolution(8, 16) == pytest.approx(0.0002 * 64 / 16)
    advice = advise(exam(patient))
    assert advice.scaled(16, 16) == pytest.approx(4 * advice.suggested)
    assert advice.scaled(8, 64) == pytest.approx(advice.suggested / 4)


def test_published_weights_are_those_of_the_papers():
    starts = {name.split(" (")[0]: start for name, _, _, start, _ in PUBLISHED}
    assert starts["R3GAN, CIFAR-10"] == 0.05
    assert starts["R3GAN, FFHQ-256"] == 150.0
    assert starts["GAN_stability, all its data"] == 20.0  # reg_param 10


def test_bytes_that_are_alive_are_counted_and_let_go():
    with Alive() as alive:
        x = torch.zeros(1000)
        y = x + 1
        z = y.view(10, 100)  # the same storage
        del x
        w = y * 2
    assert alive.most == 8000
    assert alive.now == 8000
    del y, z, w
    assert alive.now == 0


def test_the_cost_of_a_penalty_is_measured_and_told_as_json():
    advice = advise(exam(small()))
    assert advice.cost is not None
    assert advice.cost.memory > 1
    assert advice.to_json()["cost"]["bytes_with"] == advice.cost.bytes_with
    assert len(advice.to_json()["published"]) == len(PUBLISHED)


# The lists ------------------------------------------------------------------------------------------------------------


def test_every_finding_has_a_list_of_remedies_that_exist():
    known = remedies.REMEDIES.keys() | pacing.REMEDIES.keys() | structural.REMEDIES.keys()
    assert set(PLANS) == set(NAMES)
    assert {name for plan in PLANS.values() for name in plan} <= known
    assert [name for name, plan in PLANS.items() if not plan] == ["healthy"]


def test_every_finding_gets_a_prescription_that_takes_a_step_and_leaves_the_user_alone():
    own = nn.BCEWithLogitsLoss()
    losses = (lambda f: own(f, torch.ones_like(f)),
              lambda r, f: own(r, torch.ones_like(r)) + own(f, torch.zeros_like(f)))  # fmt: skip
    cases = {
        "plain": small(norm=True, penalties=["wgan_gp=10"], pace="momentum,lr=0.1"),
        "own": small(end=(nn.Sigmoid(),), loss=losses, pace="adam,lr=1e-3", rule=None),
    }
    covered = set()
    for patient in cases.values():
        before = snapshot(patient.modules)
        examined = exam(patient)
        for name in NAMES:
            for one in prescriptions(examined, [finding(name)]):
                treated = one.apply(patient)
                drawn = treated.game.sampler(treated.batch).streams(treated.method.rule.readings)(0, 0)
                after, _, _ = treated.method.step(treated.start, treated.state, placed(drawn, treated.start[0]))
                assert all(torch.isfinite(x).all() for x in after), one.name
                assert one.to_json()["finding"] == name
                covered.add(name)
        assert differences(before, snapshot(patient.modules)) == []
    assert covered == set(NAMES) - {"healthy"}


def test_several_findings_take_turns_and_names_do_not_repeat():
    found = prescriptions(exam(small()), [finding("noise_floor"), finding("plateau"), finding("rotation")])
    names = [one.name for one in found]
    assert len(names) == len(set(names)) <= MOST
    assert [one.finding for one in found[:2]] == ["noise_floor", "plateau"]


def test_predictions_of_the_dirac_gan_are_those_of_its_update():
    patient = dirac(lr=0.2)
    batch = placed(patient.game.sampler(8)(0, 0), patient.start[0])
    for one in prescriptions(exam(patient), [finding("rotation")]):
        if one.name not in ("r1", "extragradient", "optimistic", "alternating", "slower"):
            continue
        treated = one.apply(patient)
        state = treated.method.rule.rest(treated.start)
        radius = np.abs(np.linalg.eigvals(map_jacobian(treated.method, treated.start, state, batch))).max()
        assert one.predicted.after == pytest.approx(radius, abs=1e-6), one.name
        assert one.predicted.before == pytest.approx(np.hypot(1, 0.1), rel=1e-12)


# Changes --------------------------------------------------------------------------------------------------------------


def test_rates_change_and_moments_stay():
    patient = small(pace="adam,lr=1e-3")
    treated = changes.with_rates(patient, 0.5, 2.0)
    assert changes.rates_of(treated) == pytest.approx((0.5e-3, 2e-3))
    assert treated.state is patient.state


def test_adjusted_fields_keep_their_adjustment_on_another_game():
    from tussle.adjust import consensus

    patient = small(adjust=[consensus(1.0)])
    treated = changes.with_penalties(patient, {"r1": 1.0})
    assert treated.field.adjustment is patient.field.adjustment
    assert treated.field.game is treated.game
    assert changes.weight_of(treated, "r1") == 1.0


def test_a_field_of_another_kind_cannot_change_its_game():
    from tussle.field import Explicit

    patient = small()
    odd = changes.changed(patient, method=Map(Explicit(patient.game, lambda p, b: p), patient.method.rule))
    with pytest.raises(ValueError, match=r"`field` is a Explicit; only gradient fields"):
        changes.with_parts(odd, noise=0.1)


def test_without_its_sigmoid_a_discriminator_returns_the_logits_of_what_it_said():
    patient = small(end=(nn.Sigmoid(),), loss="nonsaturating")
    remedy = structural.strip_sigmoid(exam(patient))
    assert remedy is not None
    treated = remedy.apply(patient)
    x = patient.real[:32]
    said = torch.as_tensor(treated.logits(x)).sigmoid().numpy()
    assert said == pytest.approx(patient.logits(x), abs=1e-6)
    assert not any(isinstance(m, nn.Sigmoid) for m in treated.modules[1].modules())


def test_a_loss_of_probabilities_can_be_read_once_there_is_a_sigmoid():
    own = nn.BCELoss()
    losses = (lambda f: own(f, torch.ones_like(f)), lambda r, f: own(r, torch.ones_like(r)) + own(f, 0 * f))
    generator, discriminator = networks()
    nn.init.constant_(discriminator[-1].bias, 3.0)
    patient = adopt(generator, discriminator, loss=losses, data=plane_data(), latent=2, pace="sgd,lr=0.1")
    batch = placed(patient.game.sampler(16)(0, 0), patient.start[0])
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        patient.field(patient.start, batch)
    remedy = structural.add_sigmoid(exam(patient))
    assert remedy is not None
    assert all(torch.isfinite(v).all() for v in remedy.apply(patient).field(patient.start, batch))


def test_a_sigmoid_in_plain_code_is_undone():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(2, 1)

        def forward(self, x):
            return torch.sigmoid(self.line(x))

    module, x = Own(), torch.randn(5, 2)
    logits = mended.without_sigmoid(module, x)(x)
    assert torch.allclose(logits, module.line(x), atol=1e-5)


def test_group_norm_in_the_place_of_batch_norm_does_not_mix_samples():
    patient = small(norm=True)
    remedy = structural.REMEDIES["group_norm"](exam(patient))
    assert remedy is not None
    treated = remedy.apply(patient)
    x = patient.real[:8]
    assert treated.logits(x)[:1] == pytest.approx(treated.logits(x[:1]), abs=1e-6)
    assert patient.logits(x)[:1] != pytest.approx(patient.logits(x[:4])[:1], abs=1e-6)
    assert treated.game.sizes == patient.game.sizes


def test_the_generator_reaches_the_data_once_its_range_is_matched():
    patient = adopt(*networks(), loss="hinge", data=255 * torch.rand(200, 2), latent=2)
    remedy = structural.match_range(exam(patient))
    assert remedy is not None
    treated = remedy.apply(patient)
    inner = patient.fakes(50)
    low, high = (float(f(patient.real)) for f in (np.min, np.max))
    assert treated.fakes(50) == pytest.approx(low + (high - low) * (inner + 1) / 2, rel=1e-4)


def test_swapped_labels_exchange_the_arguments_of_the_users_own_loss():
    losses = (lambda f: f.mean(), lambda r, f: (2 * r + f).mean())
    patient = small(loss=losses)
    remedy = structural.swap_labels(exam(patient))
    assert remedy is not None
    r, f = torch.tensor([1.0]), torch.tensor([10.0])
    loss = remedy.apply(patient).game.loss_function
    assert float(loss.critic(r, f)) == float(patient.game.loss_function.critic(f, r)) == 21.0


def test_fused_norms_are_written_out_with_the_same_values():
    module = nn.Sequential(nn.Conv2d(1, 8, 3), nn.GroupNorm(2, 8), nn.InstanceNorm2d(8), nn.Flatten(), nn.LayerNorm(32))
    x = torch.randn(3, 1, 4, 4)
    before = module(x)
    after = mended.written_out(module)
    assert torch.allclose(after(x), before, atol=1e-5)
    assert not any(isinstance(m, (nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d)) for m in after.modules())


def test_labels_stay_what_they_are_when_a_conditional_generator_is_rescaled():
    torch.manual_seed(0)
    generator = LabeledGenerator(nn.Linear(4, 3), 2, 2)
    discriminator = LabeledDiscriminator(nn.Linear(3, 2), 2)
    y = torch.randint(2, (64,))
    patient = adopt(generator, discriminator, loss="hinge", data=(torch.rand(64, 3), y), latent=2, classes=2)
    treated = changes.with_modules(patient, generator=lambda m: mended.Affine(m, 10.0, 1.0))
    a, b = patient.fakes(20), treated.fakes(20)
    assert np.array_equal(a[:, -1], b[:, -1])
    assert b[:, :-1] == pytest.approx(10 * a[:, :-1] + 1, rel=1e-5)
    assert isinstance(treated.modules[0], mended.Affine)


def test_moments_move_with_the_device():
    patient = changes.on_device(small(pace="adam,lr=1e-3"), "meta")
    assert {str(x.device) for x in patient.start} == {"meta"}
    assert str(patient.state[0][2].value.device) == "meta"
