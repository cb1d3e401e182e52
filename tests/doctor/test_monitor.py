"""The monitor of a loop of one's own: what it reads, what it costs, what it finds, and that it changes nothing."""

import csv
import math
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn
from torch.nn.functional import softplus

import tussle
from tussle.doctor import adopt
from tussle.doctor.findings import Evidence, Finding, clear, found
from tussle.doctor.intervals import Intervals
from tussle.doctor.monitor import FindingWarning, FoundError, Monitor
from tussle.doctor.patient import changes, snapshot
from tussle.doctor.trends import SIGNS, raised, trend
from tussle.doctor.vitals import vitals

DATA = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))


class Pair:
    """Two small modules and a loop of one's own."""

    def __init__(self, loss="nonsaturating", extra=(), **options):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.g = nn.Sequential(nn.Linear(2, 8), *extra, nn.SiLU(), nn.Linear(8, 2))
            self.d = nn.Sequential(nn.Linear(2, 8), nn.SiLU(), nn.Linear(8, 1))
        self.random = torch.Generator().manual_seed(2)
        self.optimizers = [torch.optim.Adam(m.parameters(), 5e-3, betas=(0.0, 0.9)) for m in (self.g, self.d)]
        self.patient = adopt(self.g, self.d, loss=loss, data=DATA, latent=2, batch=16, pace=self.optimizers, **options)

    def step(self):
        x, z = DATA[torch.randint(200, (16,), generator=self.random)], torch.randn(16, 2, generator=self.random)
        for which in (1, 0):
            f = self.d(self.g(z))
            loss = softplus(-f).mean() if which == 0 else softplus(-self.d(x)).mean() + softplus(f).mean()
            self.optimizers[which].zero_grad()
            loss.backward()
            self.optimizers[which].step()


class Hands:
    """A clock whose hands are moved by hand."""

    now = 0.0

    def __call__(self):
        return self.now


# What is read ---------------------------------------------------------------------------------------------------------


def test_a_reading_is_that_of_the_live_parameters_before_and_after_the_step():
    pair = Pair()
    monitor = Monitor(pair.patient, every=3, checks=())
    seen = {}
    for k in range(1, 7):
        seen[k] = tuple(torch.cat([p.detach().reshape(-1).clone() for p in m.parameters()]) for m in (pair.g, pair.d))
        pair.step()
        monitor.step(g_loss=torch.tensor(float(k)))
    assert [row["step"] for row in monitor.rows] == [3, 6]
    assert monitor.rows[1]["g_loss"] == 6.0
    batch = tussle.game.placed(pair.patient.game.sampler(16)(0, 6), seen[6][0])
    velocity = pair.patient.field(seen[6], batch)
    for name, v in zip(("generator", "discriminator"), velocity, strict=True):
        assert monitor.rows[1][f"probe/gradient_norms/{name}"] == pytest.approx(float(v.norm()), rel=1e-5)
    with torch.no_grad():
        real, fake = pair.d(batch.real.points), pair.d(pair.g(batch.latent.points))
    gap = monitor.rows[1]["scores/real_mean"] - monitor.rows[1]["scores/fake_mean"]
    assert gap == pytest.approx(float(real.mean() - fake.mean()), rel=1e-5)


def test_vital_signs_are_the_formulas_written_out():
    pair = Pair("minimax", held_out=DATA[:50] + 1)
    patient = pair.patient
    batch = tussle.game.placed(patient.game.sampler(16)(0, 0), patient.start[0])
    with torch.no_grad():
        fakes = pair.g(batch.latent.points)
        r, f = pair.d(batch.real.points)[:, 0].double(), pair.d(fakes)[:, 0].double()
    found = vitals(patient, patient.start, batch, 0.5, patient.held_out)
    level = (r.mean() + f.mean()) / 2
    pull = torch.cat([torch.sigmoid(-r), torch.sigmoid(f)]).mean()  # 1 - D(x) and D(G(z))
    flat = (torch.sigmoid(-level) + torch.sigmoid(level)) / 2
    table = torch.cdist(fakes, fakes) / torch.cdist(batch.real.points, batch.real.points).mean()
    x, y = (torch.cdist(p, p) + torch.diag(torch.full((16,), math.inf)) for p in (batch.real.points, fakes))
    wanted = {
        "scores/separation": (r.mean() - f.mean()) / ((r.var(correction=0) + f.var(correction=0)) / 2).sqrt(),
        "scores/pair_accuracy": ((r[:, None] > f).double() + 0.5 * (r[:, None] == f)).mean(),
        "weights/lost": 1 - pull / flat,
        "weights/vanished": 0.0,
        "slope/walk": 0.5 * (batch.real.points - fakes).square().sum(1).mean().sqrt(),
        "diversity/spread": table.mean(),
        "diversity/nearest": np.median(y.min(1).values) / np.median(x.min(1).values),
        "scores/held_out_gap": r.mean() - pair.d(DATA[:50] + 1).detach().mean(),
    }
    for name, value in wanted.items():
        assert found[name] == pytest.approx(float(value), rel=2e-4, abs=1e-9), name
    assert math.isnan(found["slope/lipschitz"])


@pytest.mark.parametrize(("loss", "linear"), [("wasserstein", True), ("hinge", False), ("rp-wasserstein", True)])
def test_only_a_loss_that_is_linear_everywhere_has_a_lipschitz_constant_to_watch(loss, linear):
    patient = Pair(loss).patient
    batch = tussle.game.placed(patient.game.sampler(16)(0, 0), patient.start[0])
    found = vitals(patient, patient.start, batch, 0.5, None)
    assert math.isnan(found["slope/walk"]) == linear
    assert math.isnan(found["slope/lipschitz"]) != linear


def test_two_functions_of_ones_own_are_read_like_the_loss_they_are():
    own = (lambda f: softplus(-f).mean(), lambda r, f: softplus(-r).mean() + softplus(f).mean())
    rows = []
    for loss in (own, "nonsaturating"):
        pair = Pair(loss)
        monitor = Monitor(pair.patient, every=2, checks=())
        for _ in range(2):
            pair.step()
            monitor()
        rows.append(monitor.rows[0])
    assert rows[0] == pytest.approx(rows[1], rel=1e-5, nan_ok=True)


def test_conditional_modules_are_watched_without_their_labels():
    class Labeled(nn.Module):
        def __init__(self):
            super().__init__()
            self.rows, self.out = nn.Embedding(3, 2), nn.Linear(2, 2)

        def forward(self, x, y):
            return self.out(x + self.rows(y))

    class Judge(Labeled):
        def forward(self, x, y):
            return super().forward(x, y).sum(1)

    g, d = Labeled(), Judge()
    patient = adopt(g, d, loss="hinge", data=(DATA, torch.arange(200) % 3), latent=2, classes=3, batch=16)
    monitor = Monitor(patient, every=1, checks=())
    with torch.no_grad():
        g.out.weight.mul_(1e-3)
        g.rows.weight.zero_()
    monitor.step()
    assert monitor.rows[0]["diversity/spread"] < 0.01  # with the labels it would be far from zero


# Nothing is changed ---------------------------------------------------------------------------------------------------


def test_modules_random_numbers_and_the_run_itself_are_left_alone():
    watched, alone = Pair(extra=[nn.BatchNorm1d(8)]), Pair(extra=[nn.BatchNorm1d(8)])
    monitor = Monitor(watched.patient, every=1)
    kept = snapshot((watched.patient.generator.module, watched.patient.discriminator.module))
    for _ in range(6):
        watched.step()
        before = snapshot((watched.g, watched.d))
        with torch.no_grad():
            monitor.step()
        assert changes(before, snapshot((watched.g, watched.d))) == []
        alone.step()
    assert len(monitor.rows) == 6
    assert changes(kept, snapshot((watched.patient.generator.module, watched.patient.discriminator.module))) == []
    assert changes(snapshot((watched.g, watched.d)), snapshot((alone.g, alone.d))) == []


def test_live_buffers_are_what_a_reading_sees():
    pair = Pair(extra=[nn.BatchNorm1d(8).eval()])
    monitor = Monitor(pair.patient, every=1, checks=())
    pair.g[1].running_mean.fill_(1e4)
    monitor.step()
    assert monitor.rows[0]["diversity/spread"] < 1e-6  # all units behind it are off


# What it costs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cost", "share"), [(3.0, 0.05), (40.0, 0.05), (0.5, 0.2)])
def test_readings_stay_within_their_share_whatever_they_cost(cost, share):
    clock = Hands()
    intervals = Intervals(clock, {"probes": share})
    for _ in range(4000):
        intervals.tick()
        clock.now += 1.0
        if intervals.affords("probes"):
            with intervals.spending("probes", whole=False):
                clock.now += cost / 3
            with intervals.spending("probes"):
                clock.now += cost * 2 / 3
    told = intervals.cost()
    assert told.share <= share
    assert told.share >= 0.7 * share  # and they do happen
    assert told.seconds["probes"] == pytest.approx(cost * told.readings["probes"])


def test_the_interval_follows_the_clock_that_it_was_given():
    pair, clock = Pair(), Hands()
    monitor = Monitor(pair.patient, clock=clock, budget=0.1, on_finding=None, checks=())
    for _ in range(400):
        clock.now += 1.0
        monitor.step()
    # A reading is taken to last 30 steps at first: due after 300. By this clock it costs nothing: then it always is.
    steps = [row["step"] for row in monitor.rows]
    assert steps[0] == pytest.approx(302, abs=2)
    assert len(steps) == 400 - steps[0] + 1
    assert "0.0 %" in str(monitor.cost)
    assert monitor.findings == []  # nothing moves: noise alone is no trend


# What it finds --------------------------------------------------------------------------------------------------------


def test_the_statistic_of_mann_and_kendall_is_the_one_that_counts_pairs():
    y = [1.0, 3.0, 2.0, 5.0, 5.0, 9.0]
    score = sum(np.sign(b - a) for i, a in enumerate(y) for b in y[i + 1 :])
    variance = (6 * 5 * 17 - 2 * 1 * 9) / 18  # one pair of equal numbers
    told = trend([math.nan, *y])
    assert told.z == pytest.approx((score - 1) / math.sqrt(variance))
    assert told.level == 5.0
    slopes = [(b - a) / (j - i) for i, a in enumerate(y) for j, b in enumerate(y) if j > i]
    assert told.slope == pytest.approx(np.median(slopes))
    assert trend([1.0, 2.0, math.nan, 3.0, 4.0]) is None


SICK = {  # what the numbers of a run do, and whether that is a finding
    "exploding_critic_gradient": ([10, 20, 40, 80, 160], [60, 60, 60, 60, 60], [1, 2, 4, 8, 16]),
    "vanishing_generator_gradient": ([0, 0.1, 0.3, 0.5, 0.6], [0.9, 0.7, 0.5, 0.4, 0.3], [0, 0, 0, 0.1, 0.1]),
    "saturated_discriminator": ([0.5, 0.8, 0.9, 0.95, 0.96], [0.99, 0.98, 0.97, 0.95, 0.9], [0, 0.1, 0.2, 0.3, 0.4]),
    "mode_collapse": ([1, 0.9, 0.8, 0.4, 0.3, 0.2], [0.1, 0.1, 0.2, 0.2, 0.3], [1, 0.9, 0.8, 0.8, 0.7]),
    "rotation": ([0.5, 0.7, 0.96, 0.97, 0.99], [0.99, 0.99, 0.98, 0.97, 0.96], [0.1, 0.3, 0.5, 0.7, 0.8]),
}


@pytest.mark.parametrize("name", SICK)
def test_a_finding_needs_a_level_and_a_trend_that_leads_there(name):
    sign = next(one for one in SIGNS if one.name == name)
    sick, recovering, mild = SICK[name]
    finding = raised(sign, sick)
    assert (finding.name, finding.severity) == (name, "warning")
    assert finding.evidence[0].threshold == sign.levels[0]
    assert 0.5 < finding.confidence <= 1
    assert raised(sign, recovering) is None
    assert raised(sign, mild) is None


def test_beyond_the_second_level_it_is_an_illness():
    assert raised(SIGNS[0], [10, 100, 400, 800, 1600]).severity == "illness"
    collapse = next(one for one in SIGNS if one.name == "mode_collapse")
    assert raised(collapse, [1, 0.9, 0.8, 0.1, 0.05, 0.02]).severity == "illness"


def run_off(on_finding, out=None):
    """A loop whose critic grows without bound."""
    pair = Pair("wasserstein")
    monitor = Monitor(pair.patient, every=1, on_finding=on_finding, out=out, checks=())
    for _ in range(9):
        with torch.no_grad():
            pair.d[0].weight.mul_(2.5)
        monitor.step()
    return monitor


def test_a_critic_that_grows_without_bound_is_found_once_and_again_as_an_illness():
    told = []
    monitor = run_off(lambda finding, step: told.append((step, finding.name, finding.severity)))
    assert [severity for _, _, severity in told] == ["warning", "illness"]
    assert {name for _, name, _ in told} == {"exploding_critic_gradient"}
    assert [(step, one.severity) for step, one in monitor.findings] == [(step, s) for step, _, s in told]


def test_a_finding_may_warn_or_stop_the_run():
    with pytest.warns(FindingWarning, match=r"step \d: exploding_critic_gradient \(\w+\): .* What to do: bound"):
        run_off("warn")
    with pytest.raises(FoundError, match=r"exploding_critic_gradient") as stopped:
        run_off("raise")
    assert stopped.value.finding.name == "exploding_critic_gradient"
    assert stopped.value.step >= 5
    assert len(run_off(None).findings) == 2


def test_fakes_that_fall_together_are_found():
    pair = Pair()
    monitor = Monitor(pair.patient, every=1, on_finding=None, checks=())
    with torch.no_grad():
        pair.g[2].weight.mul_(6.0)
        for _ in range(8):
            pair.g[2].weight.mul_(0.6)
            monitor.step()
    assert "mode_collapse" in {one.name for _, one in monitor.findings}


def test_parameters_that_are_no_numbers_any_more_are_found_at_once_and_nothing_is_read_then():
    pair = Pair()
    monitor = Monitor(pair.patient, every=1, on_finding=None)
    with torch.no_grad():
        pair.g[0].bias[0] = math.nan
    monitor.step()
    monitor.step()
    ((step, finding),) = monitor.findings
    assert (step, finding.name, finding.severity) == (1, "exploding_critic_gradient", "illness")
    assert finding.evidence[0].value == pytest.approx(1 / (42 + 33))
    assert len(monitor.rows) == 1


def checked(monkeypatch, answers):
    """A monitor with one check that gives these answers, a round at each reading."""
    from tussle.doctor import monitor as module

    left = iter(answers)

    def look(check, exam):
        value = next(left)
        if isinstance(value, Exception):
            raise value
        evidence = Evidence("lost", value, 0.0, 0.5)
        ill = Finding(check.name, "illness", 1.0, (evidence,), "Bad.", "here", "mend")
        return found(ill) if value > 0.5 else clear(check.name, "fine", evidence)

    monkeypatch.setattr(module, "run_check", look)
    monkeypatch.setattr(module, "ROUND", 1)
    pair = Pair()
    monitor = Monitor(pair.patient, every=1, on_finding=None, checks=["saturated_discriminator"])
    for _ in answers:
        monitor.step()
    return monitor


@pytest.mark.parametrize(
    ("answers", "steps"),
    [([0.6, 0.6, 0.7], [2]), ([0.9, 0.8, 0.7, 0.6], []), ([0.6, 0.1, 0.6], []), ([ImportError("x"), 0.6, 0.6], [3])],
    ids=["stays", "gets better", "comes and goes", "cannot be loaded"],
)
def test_a_check_counts_once_two_rounds_agree_and_it_does_not_get_better(monkeypatch, answers, steps):
    monitor = checked(monkeypatch, answers)
    assert [step for step, _ in monitor.findings] == steps
    last = monitor.rows[-1]["check/saturated_discriminator"]
    assert last == answers[-1]


def test_the_checks_of_a_diagnosis_run_on_the_live_parameters(monkeypatch):
    from tussle.doctor import monitor as module

    monkeypatch.setattr(module, "ROUND", 1)
    pair = Pair("minimax")
    monitor = Monitor(pair.patient, every=1, on_finding=None, checks=["saturated_discriminator"])
    monitor.step()
    with torch.no_grad():
        pair.d[2].weight.mul_(1e3)
        pair.d[0].weight.mul_(10.0)
    monitor.step()
    lost = [row["check/saturated_discriminator"] for row in monitor.rows]
    assert abs(lost[0]) < 0.2
    assert abs(lost[1] - lost[0]) > 0.2


# Trouble --------------------------------------------------------------------------------------------------------------


def test_a_reading_that_fails_is_told_and_never_stops_the_training():
    pair = Pair()
    monitor = Monitor(pair.patient, every=1, checks=())
    pair.patient.discriminator.module.forward = lambda x: x[:, :0].sum(0)
    with pytest.warns(FindingWarning, match=r"could not read step 1 \(`critic` returned shape"):
        monitor.step()
    with pytest.warns(FindingWarning, match=r"could not read step 2"):
        monitor.step()
    with pytest.warns(FindingWarning, match=r"it gives up"):
        monitor.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor.step()
    assert monitor.rows == []


def test_rows_are_written_as_csv_and_as_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    monitor = run_off(None, tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [int(line["step"]) for line in lines] == list(range(1, 10))
    assert float(lines[3]["slope/lipschitz"]) == monitor.rows[3]["slope/lipschitz"]
    table = parquet.read_table(monitor.write(tmp_path / "rows.parquet")).to_pylist()
    assert table[8]["slope/lipschitz"] == monitor.rows[8]["slope/lipschitz"]


def test_a_log_that_cannot_be_written_is_told_once_and_kept(tmp_path):
    (tmp_path / "runs").mkdir()
    monitor = Monitor(Pair().patient, every=1, out=tmp_path / "runs" / "rows.csv", checks=())
    (tmp_path / "runs").rmdir()
    with pytest.warns(FindingWarning, match=r"cannot be written \(No such file or directory\); the rows stay"):
        monitor.step()
    monitor.step()
    assert len(monitor.rows) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, r"`every` is 0"),
        ({"every": "often"}, r"`every` is 'often'"),
        ({"budget": 0.0}, r"`budget` is 0.0; it must be above 0"),
        ({"on_finding": "shout"}, r"`on_finding` is 'shout'; it may be warn, raise, None or a function"),
        ({"out": "rows.txt"}, r"`out` is 'rows.txt'; it must be a file ending in .parquet or .csv"),
        ({"out": "nowhere/rows.csv"}, r"`out` is 'nowhere/rows.csv', whose folder is not there"),
        ({"checks": ["saturated"]}, r"`checks` is 'saturated'.*did you mean `saturated_discriminator`"),
        ({"probes": ["eigenvalues"]}, r"`probes` has eigenvalues"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_arguments_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Monitor(Pair().patient, **options)


def test_what_was_not_adopted_or_has_changed_is_refused():
    pair = Pair()
    with pytest.raises(ValueError, match=r"`gan` is a Sequential; it must be what tussle.adopt returns"):
        Monitor(pair.g)
    pair.g[0] = nn.Linear(2, 9)
    with pytest.raises(ValueError, match=r"`gan` has changed: parameter 0.weight has shape \(9, 2\) in place of"):
        Monitor(pair.patient)
    with pytest.raises(ValueError, match=r"`path` is missing"):
        Monitor(Pair().patient).write()
