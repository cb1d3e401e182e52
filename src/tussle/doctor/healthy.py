"""The finding of those in whom nothing was found: which checks ran, and what could not be checked."""

from collections.abc import Sequence

from tussle.doctor.findings import NOTE, RAN, UNKNOWN, Checked, Evidence, Finding

NAME = "healthy"


def healthy(checks: Sequence[Checked], interrupted: bool = False) -> Finding:
    """Return the finding `healthy`, whose confidence is the share of the checks that could run.

    Args:
        checks: what each check did.
        interrupted: whether the diagnosis was stopped before its end.

    Returns:
        a note.

    Example:
        >>> from tussle.doctor.findings import clear, unknown
        >>> one = healthy([clear("plateau", "it moves"), unknown("rotation", "no time")])
        >>> one.confidence, one.words
        (0.5, '1 of 2 checks ran and found nothing; not checked: rotation.')
    """
    ran = [one for one in checks if one.status == RAN]
    left = [one.name for one in checks if one.status == UNKNOWN]
    noted = [one.name for one in ran if one.finding is not None]
    share = len(ran) / len(checks) if checks else 0.0
    number = Evidence("share of the checks that ran", share, 0.0, 0.0)
    words = f"{len(ran)} of {len(checks)} checks ran and found nothing"
    words += f" worse than a note ({', '.join(noted)})" if noted else ""
    words += f"; not checked: {', '.join(left)}" if left else ""
    words += "; the diagnosis was interrupted" if interrupted else ""
    advice = (
        "go on" if not left else "what was not checked says why: give held-out data, a larger budget or more samples"
    )
    return Finding(NAME, NOTE, share, (number,), words + ".", "no check found more than a note", advice)
