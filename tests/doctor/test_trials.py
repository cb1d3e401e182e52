"""Trials: paired continuations, outcomes that do not know the loss, and what counts as better."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from tussle.doctor import adopt, changes, trials
from tussle.doctor.examination import Examination
from tussle.doctor.outcomes import Outcome, Yardstick, late
from tussle.doctor.patient import changes as differences
from tussle.doctor.patient import snapshot
from tussle.doctor.prescriptions import Predicted, Prescription
from tussle.doctor.trials import Curve, Trial, judged, try_all


def patient(lr=0.05, data=None, **options):
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 2))
    discriminator = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    if data is None:
        data = 2 + 0.3 * torch.randn(300, 2)
    given = {"loss": "nonsaturating", "pace": f"sgd,lr={lr}", "batch": 16} | options
    return adopt(generator, discriminator, data=data, latent=1, **given)


def exam(made, budget=600.0):
    return Examination(made, "quick", budget)


def plan(name, apply, cost=1.0):
    return Prescription(name, "rotation", f"do {name}", apply, Predicted("words"), "source", cost)


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setitem(trials.STEPS, "quick", 48)


# Continuations --------------------------------------------------------------------------------------------------------


def test_a_cure_that_changes_nothing_goes_exactly_as_its_twin_does_and_is_no_better():
    (one,) = try_all(exam(patient()), [plan("nothing", lambda p: p)])
    assert [c.distances for c in one.curves] == [c.distances for c in one.twins]
    assert one.gain == 0.0
    assert not one.better


def test_instance_noise_leaves_real_samples_and_latents_of_a_step_as_they_are():
    made = patient()
    noisy = changes.with_parts(made, noise=0.1)
    a, b = (one.game.sampler(16)(3, 5) for one in (made, noisy))
    assert np.array_equal(a.real.points, b.real.points)
    assert np.array_equal(a.latent.points, b.latent.points)


def test_a_method_that_stands_still_is_cured_by_larger_rates_and_one_that_diverges_comes_last():
    made = patient(lr=1e-6)
    before = snapshot(made.modules)
    plans = [
        plan("burst", lambda p: changes.with_rates(p, 1e60, 1e60)),
        plan("faster", lambda p: changes.with_rates(p, 1e5, 1e5)),
        plan("nothing", lambda p: p),
    ]
    found = try_all(exam(made), plans)
    assert [one.prescription.name for one in found] == ["faster", "nothing", "burst"]
    assert [one.better for one in found] == [True, False, False]
    assert [one.rank for one in found] == [1, 2, 3]
    assert "diverged" in found[-1].why
    assert found[0].treated < 0.9 * found[0].untreated
    assert differences(before, snapshot(made.modules)) == []


def test_the_end_of_a_continuation_is_that_of_as_many_steps():
    made = patient()
    examined = exam(made)
    curve = trials.continued(examined, made, 24, 0)
    assert curve.steps[0] == 0
    assert curve.steps[-1] == 24
    assert len(curve.steps) == trials.LOOKS + 1
    assert curve.finite
    point, state = made.start, made.state
    from tussle.game import placed

    for k in range(24):
        batch = made.game.sampler(16).streams(2)(examined.seed + 101, trials.FIRST + k)
        point, state, _ = made.method.step(point, state, placed(batch, point[0]))
    assert all(torch.equal(a, b) for a, b in zip(curve.ended, point, strict=True))


# The budget -----------------------------------------------------------------------------------------------------------


def test_without_time_every_cure_is_skipped_with_the_reason():
    found = try_all(exam(patient(), budget=1e-3), [plan("a", lambda p: p), plan("b", lambda p: p)])
    assert [one.status for one in found] == ["skipped", "skipped"]
    assert all("do not fit into" in one.why for one in found)
    assert not any(one.better for one in found)


def test_dear_cures_at_the_end_are_skipped_and_the_first_ones_tried(monkeypatch):
    monkeypatch.setattr(trials, "_step_seconds", lambda exam: 1e-4)
    plans = [plan("cheap", lambda p: p), plan("dear", lambda p: p, cost=1e9)]
    found = try_all(exam(patient(), budget=60.0), plans)
    assert {one.prescription.name: one.status for one in found} == {"cheap": "tried", "dear": "skipped"}
    assert "did not reach it" in found[1].why


def test_a_change_that_does_not_fit_has_failed_and_says_why():
    def broken(p):
        message = "no such layer"
        raise ValueError(message)

    found = try_all(exam(patient()), [plan("broken", broken), plan("nothing", lambda p: p)])
    assert [one.status for one in found] == ["tried", "failed"]
    assert found[1].why == "it failed: no such layer"


def test_what_was_tried_before_an_interruption_is_kept():
    def stop(p):
        raise KeyboardInterrupt

    examined = exam(patient())
    with pytest.raises(KeyboardInterrupt):
        try_all(examined, [plan("nothing", lambda p: p), plan("stop", stop)])
    assert [one.prescription.name for one in examined.once("trials", list)] == ["nothing"]


def test_no_prescriptions_are_no_trials():
    assert try_all(exam(patient()), []) == ()


# Judgement ------------------------------------------------------------------------------------------------------------


def curve(values, finite=True):
    point = (torch.zeros(1),)
    return Curve(tuple(range(len(values))), tuple(Outcome(v, 1.0, 0.5) for v in values), point, finite, 0.0)


def trial(treated, untreated, name="a"):
    curves, twins = tuple(map(curve, treated)), tuple(map(curve, untreated))
    return Trial(plan(name, lambda p: p), "tried", before=1.0, curves=curves, twins=twins)


def test_a_gain_within_its_uncertainty_is_no_better():
    # gains 0.5 and -0.1: mean 0.2, standard deviation 0.3 sqrt 2, standard error 0.3
    (one,) = judged([trial([[1, 1, 0.5], [1, 1, 1.1]], [[1, 1, 1], [1, 1, 1]])], 0.0)
    assert one.gain == pytest.approx(0.2)
    assert one.uncertainty == pytest.approx(0.6)
    assert not one.better


def test_a_gain_beyond_its_uncertainty_is_better_and_the_floor_counts():
    rows = [[1, 1, 0.5], [1, 1, 0.52]], [[1, 1, 1], [1, 1, 1]]
    (sure,) = judged([trial(*rows)], 0.0)
    assert sure.gain == pytest.approx(0.49)
    assert sure.uncertainty == pytest.approx(2 * 0.01)
    assert sure.better
    (noisy,) = judged([trial(*rows)], 1.0)
    assert noisy.uncertainty == pytest.approx(2 * np.sqrt(0.01**2 + 2 / 2))  # two looks in all
    assert not noisy.better


def test_a_twin_that_diverges_makes_a_finite_cure_better_only_if_it_comes_nearer():
    diverged = tuple(curve([1, 1, np.inf], False) for _ in range(2))
    near = Trial(plan("near", lambda p: p), "tried", curves=(curve([1, 1, 0.2]), curve([1, 1, 0.2])), twins=diverged)
    far = Trial(plan("far", lambda p: p), "tried", curves=(curve([1, 1, 3]), curve([1, 1, 3])), twins=diverged)
    found = judged([far, near], 0.0)
    assert [(one.prescription.name, one.better) for one in found] == [("near", True), ("far", False)]


def test_a_gain_that_comes_and_goes_is_less_sure_than_a_steady_one():
    steady, turning = ([[9, 9, 9, 9, 1, 1, 1, 1]] * 2, [[9, 9, 9, 9, 0, 2, 0, 2]] * 2)
    twins = [[9, 9, 9, 9, 2, 2, 2, 2]] * 2
    found = {one.prescription.name: one for one in judged([trial(steady, twins, "steady"), trial(turning, twins)], 0.0)}
    assert found["steady"].gain == found["a"].gain == 1.0
    assert found["steady"].uncertainty == 0.0
    assert found["a"].uncertainty == pytest.approx(2 * np.std([2, 0, 2, 0], ddof=1) / 2)
    assert found["steady"].better
    assert not found["a"].better


def test_the_last_half_counts():
    assert late([9, 9, 9, 1, 2, 3]) == 2.0
    assert late([5.0]) == 5.0


def test_a_trial_is_told_as_json():
    found = try_all(exam(patient()), [plan("nothing", lambda p: p)])
    told = json.loads(json.dumps(found[0].to_json(), allow_nan=False))
    assert told["better"] is False
    assert set(told["curves"]) == {"treated", "untreated"}
    assert len(told["curves"]["treated"][0]["distance"]) == len(told["curves"]["treated"][0]["steps"])
    assert told["outcome"]["before"] > 0
    assert found[0].seconds > 0


# Outcomes -------------------------------------------------------------------------------------------------------------


def test_the_energy_distance_of_points_on_a_line_is_the_one_by_hand():
    made = patient(data=torch.tensor([[0.0, 0.0], [2.0, 0.0]]))
    stick = Yardstick(exam(made))
    fake = np.array([[3.0, 0.0], [3.0, 0.0]])
    # E|x - y| = 2, E|x - x'| = 2, E|y - y'| = 0: (4 - 2 - 0) / 2
    assert stick.distance(stick.real, fake) == pytest.approx(1.0)


def test_equal_laws_lie_within_the_noise_floor_and_shifted_ones_beyond():
    made = patient(data=torch.as_tensor(np.random.default_rng(1).standard_normal((1000, 2))).float())
    stick = Yardstick(exam(made))
    rng = np.random.default_rng(2)
    same = [stick.distance(stick.real, rng.standard_normal((stick.count, 2))) for _ in range(20)]
    assert np.sqrt(np.mean(np.square(same))) < 3 * stick.floor
    assert stick.distance(stick.real, 0.5 + rng.standard_normal((stick.count, 2))) > 5 * stick.floor


def test_the_probe_separates_what_differs_and_nothing_else():
    made = patient(data=torch.as_tensor(np.random.default_rng(1).standard_normal((1000, 2))).float())
    stick = Yardstick(exam(made))
    rng = np.random.default_rng(3)
    same = stick.separation(rng.standard_normal((stick.count, 2)))
    assert abs(same - 0.5) < 4 * np.sqrt(1 / (6 * stick.count / 2))  # standard error of the rank statistic
    assert stick.separation(5 + rng.standard_normal((stick.count, 2))) > 0.99


def test_a_generator_that_is_not_finite_is_infinitely_far():
    made = patient()
    stick = Yardstick(exam(made))
    bad = (torch.full_like(made.start[0], np.nan), made.start[1])
    assert stick.measure(made, bad).distance == np.inf


def test_labels_count_in_the_distance_of_a_conditional_gan():
    from tussle.networks.conditional import LabeledDiscriminator, LabeledGenerator, pack_labels

    torch.manual_seed(0)
    x, y = torch.randn(200, 2), torch.randint(2, (200,))
    pair = LabeledGenerator(nn.Linear(3, 2), 2, 2), LabeledDiscriminator(nn.Linear(2, 2), 2)
    made = adopt(*pair, loss="hinge", data=(x + 3 * y[:, None], y), latent=1, classes=2)
    stick = Yardstick(exam(made))
    packed = made.real[: stick.count]
    wrong = pack_labels(packed[:, :-1], 1 - packed[:, -1].astype(int))
    assert stick.distance(stick.real, stick.flat(wrong)) > 0.1 > abs(stick.distance(stick.real, stick.flat(packed)))
