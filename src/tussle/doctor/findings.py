"""What a diagnosis is made of: findings with their evidence, checks with their status."""

import math
from typing import Any

from tussle import checks
from tussle.analysis import plain
from tussle.records import record, static

ILLNESS, WARNING, NOTE = "illness", "warning", "note"
SEVERITIES = (ILLNESS, WARNING, NOTE)
RAN, UNKNOWN = "ran", "unknown"
NAMES = (
    "rotation",
    "step_too_large",
    "vanishing_generator_gradient",
    "saturated_discriminator",
    "disjoint_supports",
    "discriminator_overfit",
    "mode_collapse",
    "plateau",
    "false_equilibrium",
    "ill_conditioned",
    "exploding_critic_gradient",
    "overdamped",
    "normalisation_breaks_penalty",
    "loss_mismatch",
    "dead_units",
    "noise_floor",
    "double_backward_unsafe",
    "wrong_data_range",
    "healthy",
)


@record
class Evidence:
    """One number that a check measured.

    Attributes:
        what: in words, with its unit.
        value: the number.
        uncertainty: of the number (one standard error, or the error of the arithmetic); 0 where it is exact.
        threshold: what it is held against.
    """

    what: str = static()
    value: float = static()
    uncertainty: float = static()
    threshold: float = static()

    @property
    def excess(self) -> float:
        """How many uncertainties the number lies above its threshold; infinite for exact numbers above it."""
        gap = self.value - self.threshold
        if self.uncertainty > 0:
            return gap / self.uncertainty
        return math.copysign(math.inf, gap) if gap else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the evidence as JSON knows it."""
        return plain({key: getattr(self, key) for key in ("what", "value", "uncertainty", "threshold")})


@record
class Finding:
    """Something that was found.

    Attributes:
        name: one of `NAMES`.
        severity: `illness` (training will not go on well like this), `warning`, or `note`.
        confidence: from 0 to 1: how sure the check is.
        evidence: the numbers, the deciding one first.
        words: one sentence that says what was found, with its numbers.
        source: where the threshold comes from.
        advice: what to change, in one sentence.
    """

    name: str = static()
    severity: str = static()
    confidence: float = static()
    evidence: tuple[Evidence, ...] = static()
    words: str = static()
    source: str = static()
    advice: str = static()

    def __post_init__(self) -> None:
        """Check name, severity and confidence."""
        checks.choice("name", self.name, NAMES)
        checks.choice("severity", self.severity, SEVERITIES)
        if not 0 <= self.confidence <= 1:
            message = f"`confidence` is {self.confidence}; it must be from 0 to 1; give such a share."
            raise ValueError(message)

    @property
    def importance(self) -> tuple[int, float]:
        """Sorts findings: illnesses first, the surest first among equals."""
        return SEVERITIES.index(self.severity), -self.confidence

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON knows it."""
        return plain(
            {
                "name": self.name,
                "severity": self.severity,
                "confidence": self.confidence,
                "words": self.words,
                "evidence": [one.to_json() for one in self.evidence],
                "source": self.source,
                "advice": self.advice,
            }
        )


@record
class Checked:
    """What one check did.

    Attributes:
        name: of the check, which is that of the finding it can raise.
        status: `ran`, or `unknown` where it could not run.
        evidence: what it measured.
        finding: what it found, or None.
        why: for `unknown` the reason; else what was seen, in one sentence.
        seconds: that it took.
    """

    name: str = static()
    status: str = static()
    evidence: tuple[Evidence, ...] = static(default=())
    finding: Finding | None = static(default=None)
    why: str = static(default="")
    seconds: float = static(default=0.0)

    def to_json(self) -> dict[str, Any]:
        """Return the check as JSON knows it."""
        found = None if self.finding is None else self.finding.severity
        return plain(
            {
                "name": self.name,
                "status": self.status,
                "found": found,
                "why": self.why,
                "evidence": [one.to_json() for one in self.evidence],
                "seconds": round(self.seconds, 3),
            }
        )


def clear(name: str, why: str, *evidence: Evidence) -> Checked:
    """Return a check that ran and found nothing."""
    return Checked(name, RAN, tuple(evidence), None, why)


def found(finding: Finding) -> Checked:
    """Return a check that ran and found something."""
    return Checked(finding.name, RAN, finding.evidence, finding, finding.words)


def unknown(name: str, why: str) -> Checked:
    """Return a check that could not run, and why."""
    return Checked(name, UNKNOWN, (), None, why)


def confidence(evidence: Evidence) -> float:
    """Return how sure a number above its threshold is: the normal probability that the true value is above it, too.

    Example:
        >>> confidence(Evidence("x", 2.0, 1.0, 0.0)) > 0.97
        True
    """
    excess = evidence.excess
    if math.isinf(excess):
        return 1.0 if excess > 0 else 0.0
    return 0.5 * math.erfc(-excess / math.sqrt(2))
