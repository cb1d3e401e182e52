"""Recipes: what they say, what they refuse, and that every preset can be built."""

import math

import pytest

from tussle.training.recipes import (
    Schedule,
    changed,
    checked,
    differences,
    preset_names,
    recipe,
    setting,
    written,
)

ISSUE = (
    "dirac-noise", "ring-8", "grid-25", "digits-quick", "mnist5k-dcgan", "stacked-mnist", "jare-ring", "mog-2003",
    "mescheder-2d",
)  # fmt: skip
ELSEWHERE = ("path/", "torchvision:")  # data that do not come along


def test_the_presets_that_people_rely_on_are_there():
    assert set(ISSUE) <= set(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_says_what_it_is_for_and_where_its_settings_come_from(name):
    found = recipe(name)
    assert found.name == name
    assert found.about.endswith(".")
    assert found.source


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_written_as_toml_reads_back_the_same(name, tmp_path):
    path = tmp_path / "again.toml"
    path.write_text(written(recipe(name)))
    assert differences(recipe(name), recipe(path)) == {}


def test_the_settings_of_r3gan_are_those_published():
    found = recipe("r3gan-cifar10")
    assert found.run.steps == round(250e6 / 512)
    assert found.run.batch == 512
    weight = found.penalties[0].weight
    assert isinstance(weight, Schedule)
    assert (weight.at(0), weight.at(10**9)) == (0.05, 0.005)
    assert weight.over == round(20e6 / 512)
    assert found.average is not None
    assert isinstance(found.average.half_life, Schedule)
    assert found.average.half_life.end == 5e6


def test_a_cosine_schedule_is_that_of_the_published_code():
    made = Schedule(start=2e-4, end=5e-5, over=1000)
    for step in (0, 1, 250, 500, 999, 1000, 5000):
        cosine = (1 + math.cos(math.pi * min(step / 1000, 1))) / 2
        assert made.at(step) == pytest.approx(5e-5 + (2e-4 - 5e-5) * cosine, rel=1e-14)


def test_an_exponential_schedule_is_a_line_in_the_logarithm():
    made = Schedule(start=1.0, end=1e-4, over=4, form="exponential")
    assert [made.at(k) for k in range(6)] == pytest.approx([1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-4])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"run.stepz": 3}, r"`run.stepz` is no key of run; it may be one of batch.*did you mean `steps`\?"),
        ({"runn": {}}, r"`runn` is no key of a recipe.*did you mean `run`\?"),
        ({"run.steps": -1}, r"`run.steps` is -1; input should be greater than or equal to 0"),
        ({"run.batch": "many"}, r"`run.batch` is 'many'"),
        ({"penalties.0.weight": "x"}, r"`penalties.0.weight` is 'x'"),
        ({"penalties.0.weight": {"start": 1, "end": 2}}, r"`penalties.0.weight.over` is missing"),
        ({"average": {"decay": 0.9, "half_life": 5}}, r"`average` is .*exactly one of decay and half_life"),
        ({"pace": {"name": "sgd"}}, r"`pace.lr` is missing; a recipe needs it"),
        ({"run.precision": "int8"}, r"`run.precision` is 'int8'.*'float32', 'float64' or 'bfloat16'"),
        ({"pace.lr": float("nan")}, r"`pace.lr` is nan"),
    ],
)
def test_a_wrong_recipe_says_what_came_and_what_may_come(change, match):
    document = recipe("ring-8").document()
    for key, value in change.items():
        changed(document, key, value)
    with pytest.raises(ValueError, match=match):
        checked(document)


def test_unknown_recipes_are_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(ValueError, match=r"`recipe` is 'ring8'.*did you mean `ring-8`\?"):
        recipe("ring8")
    bad = tmp_path / "bad.toml"
    bad.write_text("[run\nsteps = 3")
    with pytest.raises(ValueError, match=r"is no TOML"):
        recipe(bad)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pace.lr=1e-3", ("pace.lr", 1e-3)),
        ("loss.name=hinge", ("loss.name", "hinge")),
        ("rule.steps=[1, 5]", ("rule.steps", [1, 5])),
        ("data.flip=true", ("data.flip", True)),
        (
            "penalties.0.weight={start=1.0, end=0.1, over=5}",
            ("penalties.0.weight", {"start": 1, "end": 0.1, "over": 5}),
        ),
    ],
)
def test_settings_are_read_as_toml(text, expected):
    assert setting(text) == expected


@pytest.mark.parametrize("text", ["pace.lr", "=3", "pace.lr=", ""])
def test_a_setting_of_another_form_is_refused(text):
    with pytest.raises(ValueError, match="must be of the form key=value"):
        setting(text)


def test_settings_that_lead_nowhere_are_refused():
    document = recipe("ring-8").document()
    with pytest.raises(ValueError, match=r"names entry '7' of a list; it may be 0 to 1"):
        changed(document, "penalties.7.weight", 1.0)
    with pytest.raises(ValueError, match=r"leads into 'ring-8', which has no keys"):
        changed(document, "name.x", 1.0)


def test_differences_name_what_changed():
    first = recipe("ring-8")
    second = recipe("ring-8", pace__lr=5e-4, clip=0.1)
    assert differences(first, second) == {"clip": (None, 0.1), "pace.lr": (1e-3, 5e-4)}
