"""Properties of a loss's gradients: which loss they are, whether they flow everywhere, and by which factor."""

import numpy as np

from tussle.conformance.case import PLAYERS, Case
from tussle.conformance.claims import compared
from tussle.conformance.findings import FAILED, MEASURED, PASSED, SKIPPED, Finding


def gradient_identities(case: Case) -> Finding:
    """P7: the slopes are those of the loss that it claims to be, up to a factor."""
    if case.claim is None:
        return _unknown(case)
    wrong = [player for player in PLAYERS if not case.matches[player].holds]
    if not wrong:
        said = f"critic and generator have the slopes of {case.claim.text}"
        return Finding("P7", PASSED, said, max(m.gap for m in case.matches.values()))
    told = {player: _told(case, player) for player in wrong}
    named = next((name for name, _ in told.values() if name), "")
    status = FAILED if case.claim.stated or named else MEASURED
    sentences = [text for _, text in told.values()]
    if len(set(sentences)) == 1:
        whose = f"the {wrong[0]}'s slopes" if len(wrong) == 1 else "both players' slopes"
        said = f"{whose} are not those of {case.claim.text}: {sentences[0]}"
    else:
        said = f"neither player's slopes are those of {case.claim.text}: "
        said += " ".join(f"({player}) {text}" for player, text in zip(wrong, sentences, strict=True))
    return Finding("P7", status, said, max(case.matches[p].gap for p in wrong), named)


def _unknown(case: Case) -> Finding:
    """Say of a critic that is none of the library whether it is one with a known mistake."""
    near = case.resembles()
    if near is None:
        return Finding(
            "P7", MEASURED, "no loss of the library has the critic's slopes; give a claim to hold it against"
        )
    name, known = near
    said = (
        f"the critic's slopes are those of {name} with a known mistake: {known.name}: {known.sentence[:-1]}, or claim "
    )
    return Finding("P7", MEASURED, said + "what it should be.", None, known.name)


def _told(case: Case, player: str) -> tuple[str, str]:
    """Return the known mistake of a player and what to say of it."""
    mine = case.slopes(player)
    if all(not np.any(s.fake) for s in mine) and _moves(case, player):
        return (
            "fakes detached",
            "all slopes on fakes are 0; do not detach the fakes' outputs, nor reuse detached fakes.",
        )
    known = case.mistake(player)
    if known is not None:
        seen = f" (seen in {known.seen})" if known.seen else ""
        return known.name, f"{known.name}: {known.sentence[:-1]}{seen}."
    others = case.recognized.critic if player == "critic" else case.recognized.whole
    if others:
        return "another loss", f"they are those of {others[0].text}; claim that, or mend the formula."
    gap = case.matches[player].gap
    return "", f"they differ{_where(case, player)} by {gap:.2g} of the largest; compare the formula term by term."


def _moves(case: Case, player: str) -> bool:
    """Say whether a player's loss changes with the fakes' outputs: if not, they are not detached but left out."""
    real, fake = case.batches[0]
    return case.subject.value(player, real, fake) != case.subject.value(player, real, fake + 1.0)


def _where(case: Case, player: str) -> str:
    """Say on which side a critic's slopes are off."""
    if player == "generator":
        return " on fakes"
    exact = [case.reference(player, b) for b in case.batches]
    pairs = zip(case.slopes(player), exact, strict=True)
    sides = [([a.real, b.real], [a.fake, b.fake]) for a, b in pairs]
    off = []
    for k, name in enumerate(("real data", "fakes")):
        found, wanted = ([side[k][j] for side in sides] for j in (0, 1))
        if not compared(found, wanted, case.tolerance(player)).holds:
            off.append(name)
    return f" on {' and '.join(off)}" if off else " by another factor on each side,"


def gradient_flow(case: Case) -> Finding:
    """P8: the derivative that the engine takes is that of the value: nothing is detached."""
    if case.subject.engine == "numpy":
        return Finding("P8", SKIPPED, "NumPy takes no derivatives")
    for player in PLAYERS:
        limit = 2e-2 if case.rough(player) else 1e-6
        for side in ("real", "fake") if player == "critic" else ("fake",):  # real outputs may be detached for it
            gap = _difference(case, player, side, limit)
            if not gap < limit:
                said = f"the derivative of the {player}'s loss on {side} outputs is not that of its value (off by "
                said += f"{gap:.2g} of the largest): something is held constant; remove detach, stop_gradient, no_grad "
                return Finding("P8", FAILED, said + "and item() from outputs and their means.", gap, "mean detached")
    return Finding("P8", PASSED, "derivatives are those of the values")


def _difference(case: Case, player: str, side: str, limit: float) -> float:
    """Return how far derivatives are from differences of values, as a share of the largest."""
    first, shorter = (1e-2, 3e-3) if case.rough(player) else (1e-3, 1e-4)
    gaps = []
    for k, slopes in enumerate(case.slopes(player)):
        exact, found = case.differences(player, k, first), getattr(slopes, side)
        size = max(np.abs(np.concatenate(exact)).max(), 1e-300)
        off = np.abs(found - getattr(exact, side))
        if off.max() > limit * size:  # a difference across a corner is no derivative; a shorter one does not cross it
            off = np.minimum(off, np.abs(found - getattr(case.differences(player, k, shorter), side)))
        gaps.append(float(off.max() / size))
    return max(gaps)


def one_factor(case: Case) -> Finding:
    """P11: both players carry one factor over the library's loss, that which is claimed."""
    if case.claim is None or not all(case.matches[p].holds for p in PLAYERS):
        return Finding("P11", SKIPPED, "the factor shows only where the slopes agree")
    first, second = (case.scale(p) for p in PLAYERS)
    ratio, limit, text = second / first, 10 * max(case.tolerance("critic"), 1e-6), case.claim.text
    if abs(ratio - 1) > limit:
        said = (
            f"the critic's loss is {first:.4g} and the generator's {second:.4g} times {text}; under SGD and beside a "
        )
        said += "penalty such a factor is a second learning rate: give both players one factor."
        return Finding("P11", FAILED, said, ratio, "two factors")
    if case.claim.scale is not None and abs(first / case.claim.scale - 1) > limit:
        said = f"both losses are {first:.4g} times {text}, not {case.claim.scale:.4g} times; "
        said += f"multiply them, or claim scale={first:.4g}."
        return Finding("P11", FAILED, said, first, "another factor")
    return Finding("P11", PASSED, f"both losses are {first:.6g} times the library's (its scale)", first)
