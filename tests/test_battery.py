"""The battery: every part of the grammar under both engines, and what every rule and pace must pass."""

import os

import numpy as np
import pytest

import battery
import cases
import tussle
from battery import AGREE, difference
from cases import Combination, build, heavy_combinations, one_part_varied, random_combinations
from tussle import models, penalties, rules
from tussle.adjust import ADJUSTMENTS
from tussle.paces import PACES

STEPS = 500
LONG = os.environ.get("TUSSLE_LONG") == "1"  # `make long`: 200 drawn combinations in place of 60


def described(combinations):
    return [pytest.param(c, id=str(c)) for c in combinations]


# The cases are complete -------------------------------------------------------------------------------------------


def test_every_registered_part_is_a_case():
    assert set(cases.LOSSES) == set(tussle.loss_names())
    assert {p.name for ps in cases.PENALTIES.values() for p in ps} == set(penalties.PENALTIES)
    makers = {type(make(0.5)) for make in ADJUSTMENTS.values()}
    assert makers <= {type(a) for a in cases.ADJUSTMENTS.values()}
    assert {type(make(0.1)) for make in PACES.values()} == {type(p) for p in cases.PACES.values()}
    assert set(models.MODELS) <= {name.split(" with ")[0] for name in cases.MODELS}


def test_every_exported_rule_is_a_case():
    exported = {name for name in rules.__all__ if name.islower()}
    made = {type(make(tussle.sgd(0.1))).__name__.lower() for make in cases.RULES.values()}
    assert made == exported


def test_no_case_is_listed_twice():
    combinations = one_part_varied()
    assert len(set(combinations)) == len(combinations)
    assert len({str(c) for c in combinations}) == len(combinations)


def test_the_random_combinations_use_every_part():
    drawn = random_combinations(200, seed=2018)
    assert len(set(drawn)) == 200
    light = {k for k in (*cases.ADJUSTMENTS, *cases.RULES) if cases.EFFORT.get(k, 1.0) <= 3.0}
    seen = {part for c in (*drawn, *heavy_combinations()) for part in c}
    assert seen >= {*cases.MODELS, *cases.LOSSES, *cases.PENALTIES, *cases.PACES, "noise", "clip"} | light
    assert {part for c in heavy_combinations() for part in c} >= {"symplectic", "symplectic unaligned", "competitive"}


# Two engines, one path --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "combination",
    described([*one_part_varied(), *heavy_combinations(), *random_combinations(200 if LONG else 60, seed=2018)]),
)
def test_both_engines_draw_the_same_path(combination):
    assert difference(*build(combination), STEPS) <= AGREE


def _sampled(model, rule, adjustment=None, change=lambda sampler: sampler, size=8):
    field = tussle.Field(model.game)
    field = field if adjustment is None else adjustment(field)
    return tussle.Map(field, rule), model.start, change(model.game.sampler(size))


SGD = tussle.sgd(0.05)
STOCHASTIC = {
    "dirac with noise": lambda: _sampled(models.dirac(noise=0.5), tussle.simultaneous(SGD)),
    "dirac with dragan": lambda: _sampled(models.dirac("wasserstein", [tussle.dragan(0.3)]), tussle.alternating(SGD)),
    "gaussian": lambda: _sampled(models.gaussian(), tussle.simultaneous(SGD)),
    "gaussian with wgan_gp": lambda: _sampled(
        models.gaussian("wasserstein", [tussle.wgan_gp(0.3)]), tussle.alternating(SGD)
    ),
    "gaussian, index pairs": lambda: _sampled(
        models.gaussian("rp-logistic", [tussle.r1(0.3)]), tussle.alternating(SGD)
    ),
    "isotropic, average coupling": lambda: _sampled(
        models.isotropic("ra-logistic"), tussle.simultaneous(tussle.adam(0.01))
    ),
    "consensus": lambda: _sampled(models.gaussian(), tussle.simultaneous(SGD), tussle.consensus(0.5)),
    "unbiased consensus on pairs": lambda: _sampled(
        models.isotropic(), tussle.simultaneous(SGD), tussle.consensus(0.5, unbiased=True), lambda s: s.pairs()
    ),
    "unbiased consensus, alternating": lambda: _sampled(
        models.gaussian(),
        tussle.alternating(SGD),
        tussle.consensus(0.5, unbiased=True),
        lambda s: s.pairs().streams(2),
    ),
    "extragradient on two batches": lambda: _sampled(
        models.isotropic(), tussle.extragradient(SGD), None, lambda s: s.streams(2)
    ),
    "alternating 1:3 on four batches": lambda: _sampled(
        models.gaussian(), tussle.alternating(SGD, (1, 3)), None, lambda s: s.streams(4)
    ),
    "lookahead on its inner batches": lambda: _sampled(
        models.isotropic(), tussle.lookahead(tussle.extragradient(SGD), 2), None, lambda s: s.streams(4)
    ),
}


@pytest.mark.parametrize("name", STOCHASTIC)
def test_both_engines_draw_the_same_path_from_the_same_batches(name):
    map, start, batches = STOCHASTIC[name]()
    assert difference(map, start, 200, batches=batches, seed=5) <= AGREE


def test_the_seed_of_the_batches_decides_the_path():
    map, start, batches = STOCHASTIC["gaussian"]()
    paths = [tussle.run(map, start, 50, batches=batches, seed=seed).path for seed in (5, 5, 6)]
    assert np.array_equal(paths[0], paths[1])
    assert np.abs(paths[0][-1] - paths[2][-1]).max() > 1e-3


def test_a_stream_gives_each_reading_a_batch_of_its_own():
    map, start, streams = STOCHASTIC["extragradient on two batches"]()
    single = tussle.run(map, start, 5, batches=map.field.game.sampler(8), seed=5).path
    fresh = tussle.run(map, start, 5, batches=streams, seed=5).path
    assert np.abs(single[-1] - fresh[-1]).max() > 1e-6


# What every rule and every pace must pass -------------------------------------------------------------------------

RULE_CASES = [pytest.param(Combination(model="dirac with bias", rule=name), id=name) for name in cases.RULES]
PACE_CASES = [pytest.param(Combination(penalty="r1", pace=name), id=name) for name in cases.PACES if name != "sgd"]
MIXED = [
    pytest.param(Combination(penalty="r1", rule="optimistic", pace="adam eps inside"), id="optimistic adam"),
    pytest.param(Combination(penalty="r1", rule="lookahead of alternating", pace="momentum"), id="lookahead momentum"),
    pytest.param(Combination(penalty="r1", rule="averaging", pace="rmsprop"), id="averaging rmsprop"),
    pytest.param(Combination(penalty="r1", adjustment="consensus", rule="extragradient"), id="extragradient consensus"),
]
ALL = [*RULE_CASES, *PACE_CASES, *MIXED]


# One test a combination, so that the checks share what JAX has compiled.
@pytest.mark.parametrize("combination", ALL)
def test_rest_is_a_fixed_point_and_runs_can_be_resumed_and_vectorized(combination):
    map, start = build(combination)
    battery.check_rest(map, cases.build_model(combination).equilibrium)
    battery.check_resumption(map, start)
    battery.check_many(map, start)


@pytest.mark.parametrize("combination", ALL)
def test_the_jacobian_of_the_map_is_its_finite_difference_under_both_engines(combination):
    battery.check_jacobian(*build(combination))
