"""The suite on losses that are right: no false alarms, all engines and forms, plain assertions, refusals."""

import jax
import numpy as np
import pytest
import torch

from tussle.conformance import (
    MISTAKES,
    NAMES,
    PROPERTIES,
    assert_calibrated,
    assert_conforms,
    assert_equal_weights,
    assert_live_weights,
    assert_missing_property,
    assert_property,
    assert_translation_invariant,
    assert_trend,
    check_loss,
)
from tussle.losses import loss, loss_names

PLAIN_LOSS, PAIRED = loss("nonsaturating"), loss("rp-logistic")


def jax_critic(r, f):
    return jax.nn.softplus(-(r - f.mean())).mean() + jax.nn.softplus(f - r.mean()).mean()


def jax_generator(r, f):
    return jax.nn.softplus(r - f.mean()).mean() + jax.nn.softplus(-(f - r.mean())).mean()


def numpy_critic(r, f):
    return np.mean(np.maximum(0, 1 - (r - f)))


def numpy_generator(r, f):
    return np.mean(np.maximum(0, 1 - (f - r)))


# No false alarms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", loss_names())
def test_every_loss_of_the_library_conforms_to_its_name(name):
    found = check_loss(loss(name), claims=name, scale=1.0)
    assert found.conforms, str(found)
    assert found.scales == pytest.approx((1.0, 1.0), rel=1e-9)


@pytest.mark.parametrize("name", [n for n in loss_names() if n.startswith(("rp-", "ra-", "rc-", "ralf-"))][::4])
def test_a_loss_without_a_claim_is_recognized(name):
    found = check_loss(loss(name))
    assert found.conforms, str(found)
    assert found.claim is not None
    assert (found.claim.partition("-")[2] in name) or name.endswith("alpha")  # alpha = 1/2 is the exponential loss


@pytest.mark.parametrize(
    "text",
    [
        "rp-logistic,objective=zero-sum",
        "ra-hinge,objective=logit",
        "rc-exponential,objective=zero-sum",
        "rp-hinge,pairing=all",
        "ra-least_squares,unbiased=true",
        "least_squares,a=-1,b=1,c=0",
        "ra-logistic,scale=0.5",
        "hinge,objective=swap",
    ],
)
def test_options_of_a_claim_are_understood(text):
    from tussle.losses import parse_loss

    found = check_loss(parse_loss(text), claims=text)
    assert found.conforms, str(found)


def test_a_jax_loss_conforms_and_is_read_under_jax():
    found = check_loss((jax_critic, jax_generator), claims="ra-logistic")
    assert (found.conforms, found.engine) == (True, "jax"), str(found)


def test_a_numpy_loss_conforms_without_derivatives():
    found = check_loss((numpy_critic, numpy_generator), claims="rp-hinge")
    assert (found.conforms, found.engine) == (True, "numpy"), str(found)
    assert (found["P8"].status, found["P10"].status) == ("skipped", "skipped")
    assert found.scales == pytest.approx((0.5, 0.5), rel=1e-9)


@pytest.mark.parametrize("name", ["rp-logistic", "ra-least_squares", "hinge", "rc-exponential", "nonsaturating"])
def test_a_loss_that_computes_in_float32_conforms(name):
    chosen = loss(name)
    narrow = {k: lambda r, f, k=k: getattr(chosen, k)(r.float(), f.float()) for k in ("critic", "generator")}
    found = check_loss(narrow, claims=name)
    assert found.conforms, str(found)
    assert found.scales == pytest.approx((1.0, 1.0), rel=1e-5)


@pytest.mark.parametrize("column", [False, True], ids=["(k,)", "(k, 1)"])
def test_targets_made_in_float32_or_as_a_column_are_no_fault(column):
    bce = torch.nn.BCELoss()

    def labels(y, value):  # as in many tutorials: float32, of the shape that their critic returns
        return torch.full((len(y), 1) if column else (len(y),), value)

    def critic(r, f):
        return bce(torch.sigmoid(r), labels(r, 1.0)) + bce(torch.sigmoid(f), labels(f, 0.0))

    def generator(r, f):
        return bce(torch.sigmoid(f), labels(f, 1.0))

    found = check_loss((critic, generator), claims="nonsaturating")
    assert [f.number for f in found.failed] == ["P9"], str(found)  # a sigmoid before BCE, and nothing else
    assert found["P10"].status == "measured"
    assert "refuses outputs in bfloat16" in found["P10"].sentence
    assert found["P14"].status == "passed"


def test_real_outputs_may_be_detached_in_the_generators_step():
    def generator(r, f):
        return PAIRED.generator(r.detach(), f)

    assert check_loss((PAIRED.critic, generator), claims="rp-logistic").conforms


def test_a_new_loss_is_measured_and_not_blamed():
    def critic(r, f):
        return torch.nn.functional.softplus(f - r).square().mean()

    def generator(r, f):
        return torch.nn.functional.softplus(r - f).square().mean()

    found = check_loss((critic, generator))
    assert (found.conforms, found.claim) == (True, None), str(found)
    assert "ignores a constant" in found["P1"].sentence
    assert found["P5"].measured == pytest.approx(-1.0)


def test_half_precision_near_ties_are_told_but_not_held_against_a_loss():
    def average(r, f):
        return torch.nn.functional.softplus(-(r - f.mean())).mean() + torch.nn.functional.softplus(f - r.mean()).mean()

    found = check_loss((average, loss("ra-logistic").generator), claims="ra-logistic")
    assert (found.conforms, found["P10"].status) == (True, "measured")
    assert "bring outputs to float32 before they are subtracted" in found["P10"].sentence
    assert check_loss(loss("ra-logistic"))["P10"].status == "passed"


# Factors --------------------------------------------------------------------------------------------------------------


def test_a_common_factor_is_recorded_and_refused_only_where_another_is_claimed():
    half = loss("ra-logistic", scale=0.5)
    assert check_loss(half, claims="ra-logistic").scales == pytest.approx((0.5, 0.5))
    found = check_loss(half, claims="ra-logistic", scale=1.0)
    assert [f.number for f in found.failed] == ["P11"]
    assert "0.5 times ra-logistic, not 1 times" in found["P11"].sentence
    assert [f.number for f in check_loss(half, claims=loss("ra-logistic")).failed] == ["P11"]


# Without a claim ------------------------------------------------------------------------------------------------------


def test_what_needs_no_claim_is_found_without_one():
    def overwritten(r, f):
        return torch.nn.functional.softplus(-f).mean()

    found = check_loss((PAIRED.critic, overwritten))
    assert found["P7"].mistake == "loss overwritten"
    assert not found.stated
    assert "recognized: rp-logistic; it does not conform" in str(found)


def test_a_critic_of_no_loss_is_compared_with_known_mistakes():
    chosen = loss("ra-hinge")
    found = check_loss((lambda r, f: chosen.critic(f, r), chosen.generator))
    assert (found.claim, found["P7"].status, found["P7"].mistake) == (None, "measured", "sides exchanged")
    assert "those of ra-hinge with a known mistake" in found["P7"].sentence


# Forms ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        (PLAIN_LOSS.critic, PLAIN_LOSS.generator),
        {"critic_loss": PLAIN_LOSS.critic, "generator_loss": PLAIN_LOSS.generator},
        {"discriminator": PLAIN_LOSS.critic, "generator": PLAIN_LOSS.generator},
        PLAIN_LOSS,
        lambda r, f: (PLAIN_LOSS.critic(r, f), PLAIN_LOSS.generator(r, f)),
        (PLAIN_LOSS.critic, lambda fake: PLAIN_LOSS.generator(fake, fake) - PLAIN_LOSS.critic_fake(fake).mean()),
    ],
    ids=["pair", "mapping", "short names", "object", "one function", "generator of fakes"],
)
def test_a_loss_may_come_in_many_forms(form):
    found = check_loss(form, claims="nonsaturating", skip=("P13",))
    assert found.conforms, str(found)


# Assertions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", PROPERTIES)
def test_each_property_can_be_asserted_alone(number):
    assert_property(PAIRED, number, claims="rp-logistic")


def test_assertions_raise_with_the_number_and_the_cure():
    def generator(r, f):
        return torch.nn.functional.softplus(-f).mean()

    bad = (PAIRED.critic, generator)
    with pytest.raises(AssertionError, match="P7 gradient identities: failed: the generator's slopes are not those of"):
        assert_conforms(bad, claims="rp-logistic")
    with pytest.raises(AssertionError, match=r"P1 translation invariance: failed: .*; read it at the same differences"):
        assert_translation_invariant(bad, claims="rp-logistic")
    saturating = (PLAIN_LOSS.critic, loss("minimax").generator)
    with pytest.raises(AssertionError, match="P6 vanishing weights: failed: 100% of clearly rejected fakes"):
        assert_live_weights(saturating, claims="nonsaturating")
    assert_conforms(saturating, claims="minimax")


def test_the_six_assertions_hold_for_a_paired_loss():
    for claim in (
        assert_translation_invariant,
        assert_equal_weights,
        assert_missing_property,
        assert_calibrated,
        assert_trend,
        assert_live_weights,
    ):
        claim(PAIRED, claims="rp-logistic")


# The report -----------------------------------------------------------------------------------------------------------


def test_a_report_names_every_property_once_in_order():
    found = check_loss(PAIRED, claims="rp-logistic", skip=("P4",))
    assert [f.number for f in found.findings] == [f"P{k}" for k in range(1, 16)] == list(NAMES)
    assert (found["P4"].status, found["P4"].sentence) == ("skipped", "left out as asked")
    lines = str(found).splitlines()
    assert lines[0] == "claimed: rp-logistic; it conforms (read under torch)"
    assert lines[1].startswith("P1 translation invariance: passed: ")
    assert found.document()["properties"][2]["name"] == "missing property"


def test_the_run_of_a_report_is_that_of_the_property():
    # Relativistic: equal weights that grow. Plain: the weight on real data stays.
    paired, plain = check_loss(PAIRED).weights, check_loss(PLAIN_LOSS).weights
    assert paired is not None
    assert plain is not None
    np.testing.assert_allclose(paired[0], paired[1], rtol=1e-12)
    assert np.all(np.diff(paired[0]) > 0)
    assert np.ptp(plain[0]) < 1e-15
    assert np.all(np.diff(plain[1]) > 0)


def test_mistakes_have_a_sentence_with_a_cure():
    for known in MISTAKES:
        assert known.player in ("critic", "generator", "both")
        assert known.sentence.endswith(".")
        assert any(mark in known.sentence for mark in (";", ",")), known


# What may come --------------------------------------------------------------------------------------------------------


def test_refusals_say_what_to_do():
    with pytest.raises(ValueError, match=r"`loss` is 'rp-logistik'; it may be one of .*; did you mean `rp-logistic`"):
        check_loss(PAIRED, claims="rp-logistik")
    with pytest.raises(ValueError, match="`skip` is 'P16'; it may be one of"):
        check_loss(PAIRED, skip=("P16",))
    with pytest.raises(ValueError, match="`engine` is 'tf'; it may be one of jax, numpy, torch"):
        check_loss(PAIRED, engine="tf")
    with pytest.raises(ValueError, match="`scale` is -1; it must be above 0"):
        check_loss(PAIRED, scale=-1)
    with pytest.raises(ValueError, match=r"`loss` is a sequence of 3; it must be two functions .*; give a pair"):
        check_loss((1, 2, 3))
    with pytest.raises(ValueError, match="`loss` is a mapping with critic; it must be two functions"):
        check_loss({"critic": PAIRED.critic})
    with pytest.raises(ValueError, match="`loss` is a int; it must be two functions"):
        check_loss(3)
    with pytest.raises(
        ValueError, match=r"`loss` cannot be read \(under torch the critic's fails with ValueError: `critic` "
    ):
        check_loss((lambda r, f: r - f, PAIRED.generator), engine="torch")
    with pytest.raises(ValueError, match=r"the generator's fails with NameError: .*; each function must take"):
        check_loss((PAIRED.critic, lambda r, f: missing(f)), engine="torch")  # noqa: F821
    with pytest.raises(ValueError, match="`number` is 'P0'"):
        assert_property(PAIRED, "P0")
