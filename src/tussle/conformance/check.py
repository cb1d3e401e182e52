"""The suite itself: all properties of a loss in one report, or one after another as plain assertions."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tussle import checks
from tussle.conformance import gradients, properties, values
from tussle.conformance.case import PLAYERS, Case
from tussle.conformance.findings import FAILED, SKIPPED, Conformance, Finding
from tussle.conformance.subject import subject_of
from tussle.losses import Loss

PROPERTIES: Mapping[str, Callable[[Case], Finding]] = {
    "P1": properties.translation_invariance,
    "P2": properties.coefficient_sum,
    "P3": properties.missing_property,
    "P4": properties.calibration,
    "P5": properties.trend_property,
    "P6": properties.live_weights,
    "P7": gradients.gradient_identities,
    "P8": gradients.gradient_flow,
    "P9": values.far_float32,
    "P10": values.far_bfloat16,
    "P11": gradients.one_factor,
    "P12": values.batch_size,
    "P13": values.unequal_batches,
    "P14": values.output_shape,
    "P15": values.repeatability,
}


def check_loss(
    loss: Any,
    claims: str | Loss | None = None,
    *,
    scale: float | None = None,
    engine: str | None = None,
    skip: Iterable[str] = (),
) -> Conformance:
    """Return which properties a loss has.

    Args:
        loss: a pair (critic_loss, generator_loss) of functions of the outputs on real data and on fakes, a mapping
            with these names, an object with methods `critic` and `generator`, or one function that returns both.
        claims: the loss of the library that it should be, such as `rp-logistic` or `least_squares,a=-1,b=1,c=0`; a
            paired loss may be of index pairs or all pairs unless `pairing` says which. None: recognized if it can be.
        scale: the factor over the library's loss that both players should carry; None for any.
        engine: `torch`, `jax` or `numpy`; by default the first that works.
        skip: numbers of properties to leave out, such as P10.

    Returns:
        the report; `conforms` says whether no property failed, and it prints as one line for each.

    Raises:
        ValueError: if the loss cannot be called, or claim, engine or skip are unknown.

    >>> from tussle.losses import loss
    >>> report = check_loss(loss("rp-hinge"), claims="rp-hinge")
    >>> report.conforms, report["P1"].status
    (True, 'passed')
    """
    left = {checks.choice("skip", number, PROPERTIES) for number in skip}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # overflows of the loss under test are findings, not warnings
        case = _case(loss, claims, scale, engine)
        found = _all(case, left)
        claim = case.claim
        scales = [case.matches[p].scale if claim and case.matches[p].holds else float("nan") for p in PLAYERS]
        run = case.run
    text, weights = None if claim is None else claim.text, None if run is None else np.array([run.a, run.b])
    return Conformance(found, text, claims is not None, (scales[0], scales[1]), case.subject.engine, weights)


def _all(case: Case, left: set[str]) -> tuple[Finding, ...]:
    random = _found("P15", case)
    found = []
    for number in PROPERTIES:
        if number in left:
            found.append(Finding(number, SKIPPED, "left out as asked"))
        elif number != "P15" and random.status == FAILED:
            found.append(Finding(number, SKIPPED, "the loss of the same outputs differs from call to call"))
        else:
            found.append(random if number == "P15" else _found(number, case))
    return tuple(found)


def _case(loss: Any, claims: str | Loss | None, scale: float | None, engine: str | None) -> Case:
    if scale is not None:
        checks.positive("scale", scale)
    case = Case(subject_of(loss, engine), claims, scale)
    assert case.claim is None or case.claim.text  # a wrong claim is refused before anything is tested
    return case


def _found(number: str, case: Case) -> Finding:
    try:
        return PROPERTIES[number](case)
    except Exception as wrong:  # the loss under test may fail anywhere
        said = f"{type(wrong).__name__}: {wrong}".splitlines()[0][:160]
        return Finding(number, FAILED, f"the loss fails on the test's outputs ({said}); mend it.")


# Plain assertions --------------------------------------------------------------------------------------------------


def assert_conforms(loss: Any, claims: str | Loss | None = None, **options: Any) -> None:
    """Assert that no property of a loss fails.

    Args:
        loss: as for `check_loss`.
        claims: as for `check_loss`.
        **options: as for `check_loss`.

    Raises:
        AssertionError: if one fails; the message holds a sentence for each.
    """
    failed = check_loss(loss, claims, **options).failed
    if failed:
        raise AssertionError("\n".join(map(str, failed)))


def assert_property(
    loss: Any, number: str, claims: str | Loss | None = None, *, scale: float | None = None, engine: str | None = None
) -> None:
    """Assert that one property of a loss does not fail.

    Args:
        loss: as for `check_loss`.
        number: P1 to P15.
        claims: as for `check_loss`.
        scale: as for `check_loss`.
        engine: as for `check_loss`.

    Raises:
        AssertionError: if it fails; the message says what is wrong and what to do.
    """
    checks.choice("number", number, PROPERTIES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        finding = _found(number, _case(loss, claims, scale, engine))
    if finding.status == FAILED:
        raise AssertionError(str(finding))


def assert_translation_invariant(loss: Any, claims: str | Loss | None = None) -> None:
    """Assert P1: a constant added to all outputs changes the loss if and only if the claim is a plain one."""
    assert_property(loss, "P1", claims)


def assert_equal_weights(loss: Any, claims: str | Loss | None = None) -> None:
    """Assert P2: the weights on real and on fake data in the critic's update are equal."""
    assert_property(loss, "P2", claims)


def assert_missing_property(loss: Any, claims: str | Loss | None = None) -> None:
    """Assert P3: as fakes improve, the critic's weight on real data grows."""
    assert_property(loss, "P3", claims)


def assert_calibrated(loss: Any, claims: str | Loss | None = None) -> None:
    """Assert P4: the optimal critic of a log loss says that half of what it sees is real."""
    assert_property(loss, "P4", claims)


def assert_trend(loss: Any, claims: str | Loss | None = None) -> None:
    """Assert P5: belief in real data falls as belief in fakes rises."""
    assert_property(loss, "P5", claims)


def assert_live_weights(loss: Any, claims: str | Loss | None = None) -> None:
    """Assert P6: clearly rejected fakes get a gradient where the claimed loss gives one."""
    assert_property(loss, "P6", claims)
