"""The ledger: the six assumptions behind a GAN's loss, each with its status, its measured gap and the evidence.

Nie and Patel derive the usual GAN from six assumptions. Each is a number here: what is lost because it does not hold.

 1. absolute continuity: real and generated law have densities, each where the other has one
 2. ratio by classification: the critic's outputs tell the ratio p/q
 3. critic capacity: the critic's class holds the optimal critic
 4. generator capacity: some generator of the class makes the real law
 5. choice of divergence: the generator descends the Jensen-Shannon divergence
 6. finite data: sample means stand for expectations

References:
    Nie, Patel, "Towards a better understanding and regularization of GAN training dynamics", UAI 2019.
    Goodfellow et al., "Generative adversarial nets", NIPS 2014.
"""

import math
from typing import Any

from tussle import checks
from tussle.analysis import plain
from tussle.records import record, static

HELD, RELAXED, UNKNOWN = "held", "relaxed", "unknown"
STATUSES = (HELD, RELAXED, UNKNOWN)
NAMES = (
    "absolute continuity",
    "ratio by classification",
    "critic capacity",
    "generator capacity",
    "choice of divergence",
    "finite data",
)
NIE_PATEL = "Nie, Patel: Towards a Better Understanding and Regularization of GAN Training Dynamics, UAI 2019"
SOURCES = (
    "Arjovsky, Bottou: Towards Principled Methods for Training Generative Adversarial Networks, ICLR 2017",
    "Goodfellow et al.: Generative Adversarial Nets, NIPS 2014 (the optimal critic and its excess risk)",
    "Arora, Ge, Liang, Ma, Zhang: Generalization and Equilibrium in Generative Adversarial Nets, ICML 2017",
    "Goodfellow et al.: Generative Adversarial Nets, NIPS 2014 (realizability)",
    "Nowozin, Cseke, Tomioka: f-GAN, NIPS 2016 (divergences and their weights)",
    "Arora, Risteski, Zhang: Do GANs Learn the Distribution? ICLR 2018 (the birthday test)",
)


@record
class Row:
    """One assumption.

    Attributes:
        number: 1 to 6.
        status: `held`, `relaxed`, or `unknown` where it cannot be measured.
        gap: what is lost because the assumption does not hold, 0 where it does; None where it is not measured.
        error: uncertainty of the gap; None without a gap.
        unit: of the gap: mass, nats, loss (of the critic's own loss), distance or share (0 to 1).
        evidence: one sentence with the numbers; for `unknown` the reason.
        values: the numbers behind the evidence, by name.
    """

    number: int = static()
    status: str = static()
    gap: float | None = static()
    error: float | None = static()
    unit: str = static()
    evidence: str = static()
    values: dict[str, Any] = static(default_factory=dict)

    def __post_init__(self) -> None:
        """Check number, status and that a gap has its error."""
        checks.count("number", self.number, 1, len(NAMES))
        checks.choice("status", self.status, STATUSES)
        if (self.gap is None) != (self.error is None) or (self.gap is not None and math.isnan(self.gap)):
            message = (
                f"`gap` is {self.gap} with `error` {self.error}; both must be numbers, or both None; give both or none."
            )
            raise ValueError(message)

    @property
    def name(self) -> str:
        """What the assumption is called."""
        return NAMES[self.number - 1]

    @property
    def source(self) -> str:
        """Where the measure comes from."""
        return SOURCES[self.number - 1]

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON knows it."""
        keys = ("number", "name", "status", "gap", "error", "unit", "evidence", "values", "source")
        return plain({key: getattr(self, key) for key in keys})


@record
class AssumptionLedger:
    """The six assumptions of one GAN at one point, in their order.

    Attributes:
        model: what was looked at.
        loss: name of its loss.
        rows: the six rows.
        point: the players' parameters, as plain numbers; empty for networks.
        note: how it was measured.
    """

    model: str = static()
    loss: str = static()
    rows: tuple[Row, ...] = static()
    point: tuple[tuple[float, ...], ...] = static(default=())
    note: str = static(default="")

    def __post_init__(self) -> None:
        """Check that there are six rows in their order."""
        numbers = [row.number for row in self.rows]
        if numbers != list(range(1, len(NAMES) + 1)):
            message = f"`rows` are of assumptions {numbers}; they must be 1 to {len(NAMES)} in this order; sort them."
            raise ValueError(message)

    def __getitem__(self, number: int) -> Row:
        """Return the row of an assumption, 1 to 6."""
        return self.rows[checks.count("number", number, 1, len(NAMES)) - 1]

    def numbers(self, status: str) -> tuple[int, ...]:
        """Return the numbers of the assumptions with a status."""
        checks.choice("status", status, STATUSES)
        return tuple(row.number for row in self.rows if row.status == status)

    @property
    def sentence(self) -> str:
        """What the ledger says, in one sentence."""
        found = [(status, self.numbers(status)) for status in STATUSES]
        parts = [f"{status}: {', '.join(map(str, numbers))}" for status, numbers in found if numbers]
        return f"of the six assumptions behind {self.loss} on {self.model}, " + "; ".join(parts) + "."

    def to_json(self) -> dict[str, Any]:
        """Return the ledger as JSON knows it."""
        return plain(
            {
                "model": self.model,
                "loss": self.loss,
                "point": [list(x) for x in self.point],
                "rows": [row.to_json() for row in self.rows],
                "summary": self.sentence,
                "note": self.note,
                "sources": [NIE_PATEL, *dict.fromkeys(row.source for row in self.rows)],
            }
        )


def unknown(number: int, reason: str, unit: str = "") -> Row:
    """Return the row of an assumption that cannot be measured here, with the reason."""
    return Row(number, UNKNOWN, None, None, unit, reason)


def measured(number: int, gap: float, error: float, unit: str, evidence: str, least: float = 0.0, **values: Any) -> Row:
    """Return a measured row: relaxed if the gap exceeds both its error and `least`, else held.

    Args:
        number: of the assumption.
        gap: its measure; a value below 0 by rounding counts as 0.
        error: uncertainty of the gap.
        unit: of both.
        evidence: the sentence.
        least: the gap that is still called none.
        **values: the numbers behind the evidence.
    """
    status = RELAXED if gap > max(least, error) else HELD
    return Row(number, status, max(float(gap), 0.0), float(error), unit, evidence, values)
