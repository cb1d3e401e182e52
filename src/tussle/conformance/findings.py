"""Findings: what a property test says, and the report of all of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tussle.records import record, static

PASSED, FAILED, MEASURED, SKIPPED = "passed", "failed", "measured", "skipped"

NAMES: Mapping[str, str] = {
    "P1": "translation invariance",
    "P2": "coefficient sum",
    "P3": "missing property",
    "P4": "half-fake calibration",
    "P5": "trend",
    "P6": "vanishing weights",
    "P7": "gradient identities",
    "P8": "gradient flow",
    "P9": "far outputs, float32",
    "P10": "far outputs, bfloat16",
    "P11": "one factor for both players",
    "P12": "batch size",
    "P13": "unequal batches",
    "P14": "shape of the outputs",
    "P15": "repeatability",
}


@record
class Finding:
    """What one property test found.

    Attributes:
        number: P1 to P15.
        status: `passed`, `failed`, `measured` (a number without a claim to hold it against) or `skipped`.
        sentence: what was found; for a failure what is wrong and what to do.
        measured: the number behind it, or None.
        mistake: name of the known mistake that it is, or empty.
    """

    number: str = static()
    status: str = static()
    sentence: str = static()
    measured: float | None = static(default=None)
    mistake: str = static(default="")

    @property
    def name(self) -> str:
        """The property's name."""
        return NAMES[self.number]

    def __str__(self) -> str:
        """Return the finding as one line."""
        return f"{self.number} {self.name}: {self.status}: {self.sentence}"


@record
class Conformance:
    """The report on a loss.

    Attributes:
        findings: one for each property, in order.
        claim: the loss that was claimed, or that was recognized; None if neither.
        stated: whether the user claimed it.
        scales: the factors of critic and generator over that loss; nan where its slopes are others.
        engine: under which the loss was read.
        weights: mean weights on real data and on fakes in the critic's update while the generator steps against a
            frozen critic, (2, steps + 1); None where it has no slopes.
    """

    findings: tuple[Finding, ...] = static()
    claim: str | None = static()
    stated: bool = static()
    scales: tuple[float, float] = static()
    engine: str = static()
    weights: np.ndarray | None = None

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The findings of properties that do not hold."""
        return tuple(f for f in self.findings if f.status == FAILED)

    @property
    def conforms(self) -> bool:
        """Whether no property failed."""
        return not self.failed

    def __getitem__(self, number: str) -> Finding:
        """Return the finding of a property by its number."""
        return next(f for f in self.findings if f.number == number)

    def __str__(self) -> str:
        """Return the report as text, one line for each property."""
        return "\n".join((self.headline, *map(str, self.findings)))

    @property
    def headline(self) -> str:
        """One line on what the loss is and whether it conforms."""
        word = "conforms" if self.conforms else "does not conform"
        what = "no loss of the library" if self.claim is None else self.claim
        return f"{'claimed' if self.stated else 'recognized'}: {what}; it {word} (read under {self.engine})"

    def document(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "conforms": self.conforms,
            "claim": self.claim,
            "stated": self.stated,
            "scales": {"critic": self.scales[0], "generator": self.scales[1]},
            "engine": self.engine,
            "properties": [
                {
                    "number": f.number,
                    "name": f.name,
                    "status": f.status,
                    "measured": f.measured,
                    "mistake": f.mistake or None,
                    "sentence": f.sentence,
                }
                for f in self.findings
            ],
        }
