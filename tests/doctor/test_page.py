"""The page of a report: whole or not there, self-contained, and honest about what is missing."""

import json
import re

import numpy as np
import pytest
import torch
from torch import nn

from tussle.doctor import adopt, page, shown, trials
from tussle.doctor.examination import Examination
from tussle.doctor.findings import Evidence, Finding, clear, found, unknown
from tussle.doctor.gamma_advice import advise
from tussle.doctor.page import page_of, write_page
from tussle.doctor.prescriptions import prescriptions
from tussle.doctor.reports import Report
from tussle.doctor.spectra import field_ends, map_ends
from tussle.doctor.trials import try_all
from tussle.plots import doctor as pictures
from tussle.training import checkpoints


def patient(dimension=2, name="<b>ring</b>"):
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, dimension))
    discriminator = nn.Sequential(nn.Linear(dimension, 6), nn.Tanh(), nn.Linear(6, 1))
    data = torch.randn(120, dimension)
    return adopt(generator, discriminator, loss="minimax", data=data[:100], held_out=data[100:], latent=2, batch=16,
                 pace="sgd,lr=0.1", rule="simultaneous", name=name)  # fmt: skip


def ill():
    number = Evidence("imaginary over real part", 7.0, 0.5, 1.0)
    return Finding("rotation", "illness", 0.97, (number,), "It turns by <7>.", "Mescheder 2017", "damp it")


@pytest.fixture(scope="module")
def whole():
    """Return a report with everything in it."""
    made = patient()
    exam = Examination(made, "quick", 600.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(trials.STEPS, "quick", 48)
        field_ends(exam)
        map_ends(exam)
        advise(exam)
        tried = try_all(exam, prescriptions(exam, [ill()])[:2])
    checks = (found(ill()), clear("plateau", "it moves"), unknown("noise_floor", "no time"))
    return Report(made, exam, checks, tried)


@pytest.fixture
def _no_pictures(monkeypatch):
    monkeypatch.setattr(page, "shown", lambda report, theme: [])


def test_the_page_and_the_document_are_written_and_stand_alone(whole, tmp_path):
    path = write_page(whole, tmp_path / "deep" / "out")
    text = path.read_text(encoding="utf-8")
    assert path == tmp_path / "deep" / "out" / "index.html"
    assert sorted(p.name for p in path.parent.iterdir()) == ["index.html", "report.json"]
    assert not re.findall(r"(?:src|href)=\"(?!data:)", text)
    assert text.count("<img ") == 8  # samples, scores, gradients, weights, two spectra, angle, cures
    told = json.loads((path.parent / "report.json").read_text(encoding="utf-8"))
    assert told["verdict"] == "ill"
    assert told["findings"][0]["name"] == "rotation"
    assert [one["status"] for one in told["checks"]] == ["ran", "ran", "unknown"]
    assert len(told["cures"]) == 2
    assert told["gamma"][0]["penalty"] == "r1"


@pytest.mark.usefixtures("_no_pictures")
def test_a_stranger_finds_evidence_advice_and_what_was_not_checked(whole):
    text = page_of(whole)
    for words in (
        "It turns by &lt;7&gt;.",
        "7 ± 0.5 (threshold 1)",
        "damp it",
        "Mescheder 2017",
        "no time",
        "97% sure",
    ):
        assert words in text
    assert "<b>ring</b>" not in text  # names are text, never HTML
    assert "energy distance" in text
    assert "no `batch` was given" not in text


@pytest.mark.usefixtures("_no_pictures")
def test_both_themes_are_drawn_and_another_is_refused(whole, tmp_path):
    assert "#15181c" in page_of(whole, "dark")
    with pytest.raises(ValueError, match="`theme` is 'blue'; it may be one of dark, light"):
        write_page(whole, tmp_path, "blue")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_a_file_is_refused(whole, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(ValueError, match=r"`out` is .*taken, which cannot be made a folder"):
        write_page(whole, tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.usefixtures("_no_pictures")
def test_a_page_that_cannot_be_written_leaves_the_old_one(whole, tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_page(whole, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["index.html"]
    assert (tmp_path / "index.html").read_text() == "old"


@pytest.mark.usefixtures("_no_pictures")
def test_nothing_is_written_if_a_part_fails(whole, tmp_path, monkeypatch):
    def broken(report):
        raise RuntimeError("no table")

    monkeypatch.setattr(page, "_checks", broken)
    with pytest.raises(RuntimeError, match="no table"):
        write_page(whole, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_report_says_so_and_measures_nothing_more(monkeypatch):
    made = patient()
    exam = Examination(made, "quick", 600.0)
    checks = (found(ill()), unknown("plateau", "the diagnosis was interrupted before it"))
    report = Report(made, exam, checks, (), True)
    exam.__dict__["step_seconds"] = 1e-3  # what the cost tells
    text = page_of(report)
    assert "this report is partial" in text
    assert "the diagnosis was interrupted before it" in text
    assert "<img " not in text
    assert not {"scores", "noise", "real", "fake"} & set(vars(exam))


def test_numbers_and_long_vectors_are_drawn_too():
    for dimension in (1, 5):
        made = patient(dimension)
        report = Report(made, Examination(made, "quick", 600.0), (clear("plateau", "it moves"),))
        assert len(dict(shown.shown(report, "light"))["What it makes, and what its discriminator says"]) == 2


def test_images_become_a_grid():
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(2, 16), nn.Unflatten(1, (1, 4, 4)))
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    made = adopt(generator, discriminator, loss="hinge", data=torch.rand(50, 1, 4, 4), latent=2)
    report = Report(made, Examination(made, "quick", 600.0), (clear("plateau", "it moves"),))
    drawn = dict(shown.shown(report, "light"))["What it makes, and what its discriminator says"][0].figure
    assert [im.get_gid() for im in drawn.axes[0].images] == ["samples"]


def test_weights_of_the_generator_are_those_of_the_nonsaturating_loss():
    made = patient()
    exam = Examination(made, "quick", 600.0)
    fake = exam.scores.fake.astype(np.float64)
    # minimax: the generator minimizes log(1 - D), whose slope in the logit is -D
    assert shown.generator_weights(exam) == pytest.approx(1 / (1 + np.exp(-fake)), rel=1e-4)


def test_cures_that_diverge_stay_in_the_picture_and_none_is_refused():
    course = pictures.Course("burst", [0, 1, 2], [[1, np.inf, np.inf]], [[1, 0.9, 0.8]], False)
    drawn = pictures.cure_curves([course])
    low, high = drawn.axes[0].get_ylim()
    assert low < 0 < 1 < high < 4
    with pytest.raises(ValueError, match="`courses` is empty; at least one cure"):
        pictures.cure_curves([])


@pytest.mark.usefixtures("_no_pictures")
def test_the_advice_to_apply_names_the_best_cure(whole):
    best = next((one for one in whole.trials if one.better), None)
    assert ("report.apply(" in page_of(whole)) == (best is not None)
    name = whole.trials[0].prescription.name
    treated = whole.apply(name)
    assert treated.modules[0] is not whole.patient.modules[0]
