"""Properties of a loss's values: outputs far out, batches of all sizes, shapes, repeatability."""

import dataclasses

import numpy as np

from tussle.conformance.case import PLAYERS, SIZE, Case
from tussle.conformance.claims import Batch, outputs_that_move
from tussle.conformance.findings import FAILED, MEASURED, PASSED, SKIPPED, Finding
from tussle.conformance.subject import Slopes

HUGE = 1e6  # slopes beyond this are those of exponentials, which each code may bound in its own way


# P9, P10: far outputs ----------------------------------------------------------------------------------------------


BIG = 9984.0  # a number of bfloat16, next to 10^4


def _far_batches() -> list[Batch]:
    ones = np.ones(SIZE)
    ends = np.tile([1.0, -1.0], SIZE // 2)
    return [Batch(BIG * ones, -BIG * ones), Batch(-BIG * ones, BIG * ones), Batch(BIG * ends, BIG * ends)]


def _near_batch() -> Batch:
    """Return outputs near 10^4 that differ by few units of the last place of bfloat16, which is 64 there."""
    steps = np.tile([0.0, 2.0, 1.0, 1.0], SIZE // 4), np.tile([1.0, 1.0, 0.0, 3.0], SIZE // 4)
    return Batch(*(BIG + 64.0 * step for step in steps))


def far_float32(case: Case) -> Finding:
    """P9: finite and right at outputs of +-10^4 in float32."""
    said = _first_trouble(case, "float32", [*_far_batches(), _near_batch()])
    if said:
        return Finding("P9", FAILED, f"{said}; use the form on raw outputs (softplus, log-sigmoid, BCE with logits).")
    return Finding("P9", PASSED, "values and slopes are finite and right")


def far_bfloat16(case: Case) -> Finding:
    """P10: finite and right at outputs of +-10^4 in bfloat16, where differences of large outputs lose their digits."""
    if case.subject.engine == "numpy":
        return Finding("P10", SKIPPED, "NumPy has no bfloat16")
    refusal = _refusal(case, "bfloat16")
    if refusal:
        return Finding("P10", MEASURED, f"the loss refuses outputs in bfloat16 ({refusal})")
    said = _first_trouble(case, "bfloat16", _far_batches())
    if said:
        return Finding("P10", FAILED, f"{said}; use the form on raw outputs, and bring them to float32 first.")
    said = _first_trouble(case, "bfloat16", [_near_batch()])
    if said:
        cure = "bring outputs to float32 before they are subtracted, if you ever compute in bfloat16."
        return Finding("P10", MEASURED, f"finite and right far apart, but near each other {said}; {cure}")
    return Finding("P10", PASSED, "values and slopes are finite and right")


def _refusal(case: Case, kind: str) -> str:
    """Say why a loss cannot be computed in a type at all, or return nothing."""
    for player in PLAYERS:
        try:
            case.subject.slopes(player, *case.batches[0], kind)
        except (TypeError, RuntimeError, ValueError) as wrong:
            return f"{type(wrong).__name__}: {str(wrong).splitlines()[0][:100]}"
    return ""


def _first_trouble(case: Case, kind: str, batches: list[Batch]) -> str:
    """Say what is wrong with the first player and batch that has a trouble, or return nothing."""
    for player in PLAYERS:
        for batch in batches:
            trouble = _trouble(case, player, batch, kind, 2.0**-5 if kind == "bfloat16" else 1e-4)
            if trouble:
                return f"at outputs of +-10^4 in {kind} the {player}'s loss {trouble}"
    return ""


def _trouble(case: Case, player: str, batch: Batch, kind: str, tolerance: float) -> str:
    """Say what is wrong with a player's loss on a far batch, or return nothing."""
    value = case.subject.value(player, *batch, kind)
    slopes = case.subject.slopes(player, *batch, kind) if case.subject.engine != "numpy" else None
    found = [] if slopes is None else outputs_that_move(player, [slopes])
    if not np.isfinite(value) or any(not np.all(np.isfinite(s)) for s in found):
        return "is not finite, nor are its slopes" if not np.isfinite(value) else "has slopes that are not finite"
    exact = _exact(case, player, batch)
    if exact is None:
        return ""
    right, wanted = exact
    # The real side counts too: a slope on fakes may be a small rest of large numbers.
    size = max(float(np.abs(np.concatenate(wanted)).max()), 1e-3)
    if size > HUGE:
        return ""
    if slopes is not None:
        pairs = zip(outputs_that_move(player, [slopes]), outputs_that_move(player, [wanted]), strict=True)
        if max(float(np.abs(s - w).max()) for s, w in pairs) > tolerance * size:
            return "has wrong slopes"
    if right is not None and abs(value - right) > tolerance * max(abs(right), 10.0):
        return f"is {value:.4g}, not {right:.4g}"
    return ""


def _exact(case: Case, player: str, batch: Batch) -> tuple[float | None, Slopes] | None:
    """Return the right value and slopes: the claim's if it agrees at moderate outputs, else the loss's in float64."""
    if case.claim is not None and case.matches[player].holds:
        wanted, scale = case.reference(player, batch), case.scale(player)
        # A generator may leave out its terms in real outputs.
        right = case.claimed_value(player, batch) if player == "critic" else None
        return right, Slopes(scale * wanted.real, scale * wanted.fake)
    own, right = case.subject.slopes(player, *batch), case.subject.value(player, *batch)
    return (right, own) if np.isfinite(right) and np.all(np.isfinite(np.concatenate(own))) else None


# P12 to P15: batches and shapes --------------------------------------------------------------------------------------


def _agrees(case: Case, player: str, found: float, wanted: float) -> bool:
    return abs(found - wanted) <= 10 * max(case.tolerance(player), 1e-9) * max(1.0, abs(wanted))


def batch_size(case: Case) -> Finding:
    """P12: a batch counted twice has the same loss."""
    if case.claim is not None and case.claim.loss.unbiased:
        return Finding("P12", SKIPPED, "a loss that corrects its bias depends on the batch size")
    real, fake = case.batches[0]
    for player in PLAYERS:
        once = case.subject.value(player, real, fake)
        twice = case.subject.value(player, np.tile(real, 2), np.tile(fake, 2))
        if not _agrees(case, player, twice, once):
            said = f"the {player}'s loss of a batch counted twice is {twice:.6g}, of the batch itself {once:.6g}; "
            return Finding("P12", FAILED, said + "take means over the batch, not sums.", twice / once if once else None)
    return Finding("P12", PASSED, "a batch counted twice has the same loss")


def unequal_batches(case: Case) -> Finding:
    """P13: batches of different length are treated rightly or refused.

    Index pairs need equal batches; a paired loss that takes others must mean all pairs.
    """
    (real, fake), refused = case.batches[0], False
    for player in PLAYERS:
        for batch in (Batch(np.tile(real, 2), fake), Batch(real, np.tile(fake, 2))):
            try:
                found = case.subject.value(player, *batch)
            except (Exception, SystemExit):
                refused = True
                continue
            wanted = _unequal(case, player, batch)
            if wanted is not None and not _agrees(case, player, found, wanted):
                said = (
                    f"with the batch of one side counted twice the {player}'s loss is {found:.6g}, not {wanted:.6g}; "
                )
                said += "take the mean of each side by its own length, or refuse such batches."
                return Finding("P13", FAILED if case.claim else MEASURED, said, found)
    return Finding("P13", PASSED, "unequal batches are refused" if refused else "unequal batches are treated rightly")


def _unequal(case: Case, player: str, batch: Batch) -> float | None:
    """Return the right loss of a batch whose one side is counted twice, None where it is not known."""
    if case.claim is None or case.claim.loss.coupling != "paired":
        unbiased = case.claim is not None and case.claim.loss.unbiased
        return None if unbiased else case.subject.value(player, *case.batches[0])
    every = dataclasses.replace(case.claim.loss, pairing="all")
    return case.claimed_value(player, batch, every) if case.matches[player].holds else None


def output_shape(case: Case) -> Finding:
    """P14: outputs of shape (k, 1) have the loss of those of shape (k,), or are refused."""
    if case.subject.column:
        return Finding("P14", PASSED, "outputs of shape (k, 1) are what it takes")
    real, fake = case.batches[0]
    for player in PLAYERS:
        wanted = case.subject.value(player, real, fake)
        try:
            found = case.subject.value(player, real[:, None], fake[:, None])
        except (Exception, SystemExit):
            continue
        if not _agrees(case, player, found, wanted):
            said = f"the {player}'s loss of outputs of shape (k, 1) is {found:.6g}, of shape (k,) {wanted:.6g}: an "
            return Finding("P14", FAILED, said + "operation has formed a (k, k) table; flatten the outputs first.")
    return Finding("P14", PASSED, "outputs of shape (k, 1) are treated rightly or refused")


def repeatability(case: Case) -> Finding:
    """P15: the same outputs give the same loss."""
    for player in PLAYERS:
        for real, fake in case.batches:
            first, second = (case.subject.value(player, real, fake) for _ in range(2))
            if first != second:
                said = f"the {player}'s loss of the same outputs is {first:.9g}, then {second:.9g}; draw nothing at "
                said += "random in it (pair by index), and keep no state."
                return Finding("P15", FAILED, said, second - first)
    return Finding("P15", PASSED, "the same outputs give the same loss")
