"""Prescriptions: for each finding an ordered list of changes, each with what the local model predicts of it.

A change takes a patient and returns a new one; nothing of the user's is touched. Predictions are those of the leading
rotating pair (`local.py`), where there is one: what a step multiplies it by, before and after. Everything else is
words, and what happens is what `trials.py` measures.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tussle.analysis import plain
from tussle.doctor import pacing, remedies, structural
from tussle.doctor.examination import Examination
from tussle.doctor.findings import NAMES, Finding
from tussle.doctor.patient import Patient
from tussle.records import record, static

MOST = 12  # prescriptions of one diagnosis


class Predicted(NamedTuple):
    """What the local model says a change will do.

    Attributes:
        words: in one sentence.
        before: what a step multiplies the leading pair by, as it is; None where no local model says.
        after: the same with the change.
    """

    words: str
    before: float | None = None
    after: float | None = None


@record
class Prescription:
    """A change that may help.

    Attributes:
        name: short, for `report.apply(name)`.
        finding: what it is against.
        change: what to do, in words.
        apply: takes a patient and returns a new one.
        predicted: what the local model says of it.
        source: who recommends it.
        cost: how many times longer a step takes, roughly.
    """

    name: str = static()
    finding: str = static()
    change: str = static()
    apply: Callable[[Patient], Patient] = static()
    predicted: Predicted = static()
    source: str = static()
    cost: float = static(default=1.0)

    def to_json(self) -> dict[str, Any]:
        """Return the prescription as JSON knows it."""
        return plain(
            {
                "name": self.name,
                "finding": self.finding,
                "change": self.change,
                "predicted": self.predicted._asdict(),
                "source": self.source,
                "cost": self.cost,
            }
        )


PLANS: dict[str, tuple[str, ...]] = {
    "rotation": ("damp", "damp_both", "extragradient", "optimistic", "alternate", "less_momentum", "relativistic",
                 "consensus", "slower"),
    "step_too_large": ("step_to_fit", "slower", "slower_critic", "less_momentum", "damp", "lighter_penalty"),
    "vanishing_generator_gradient": ("fresh_critic", "nonsaturating", "damp", "relativistic", "noise", "slower_critic",
                                     "faster_generator"),
    "saturated_discriminator": ("damp", "damp_both", "noise", "relativistic", "slower_critic", "nonsaturating"),
    "disjoint_supports": ("noise", "damp_both", "damp", "relativistic", "slower_critic"),
    "discriminator_overfit": ("heavier_penalty", "damp", "noise", "slower_critic", "damp_both"),
    "mode_collapse": ("relativistic", "damp_both", "damp", "noise", "less_momentum", "faster_critic", "larger_batch"),
    "plateau": ("nonsaturating", "faster", "faster_generator", "adaptive", "relativistic", "noise"),
    "false_equilibrium": ("fresh_critic", "zero_centered", "damp", "damp_both", "relativistic", "noise"),
    "ill_conditioned": ("adaptive", "faster", "balanced_rates", "damp", "consensus"),
    "exploding_critic_gradient": ("damp_both", "damp", "heavier_penalty", "slower_critic", "spectral", "slower"),
    "overdamped": ("penalty_to_critical", "lighter_penalty", "much_lighter_penalty", "faster_critic"),
    "normalisation_breaks_penalty": ("group_norm", "no_norm", "running_norm", "noise_for_penalty", "written_out"),
    "loss_mismatch": ("strip_sigmoid", "add_sigmoid", "negate", "swap_labels", "nonsaturating", "least_squares"),
    "dead_units": ("leaky", "slower", "slower_critic", "adaptive"),
    "noise_floor": ("larger_batch", "slower", "averaged", "much_slower"),
    "double_backward_unsafe": ("differentiable", "noise_for_penalty", "spectral"),
    "wrong_data_range": ("match_range", "match_moments"),
    "healthy": (),
}  # fmt: skip


def prescriptions(exam: Examination, findings: Sequence[Finding]) -> tuple[Prescription, ...]:
    """Return what may help against findings, the most promising first: each finding's first, then each one's second.

    Args:
        exam: the examination.
        findings: what was found, in any order.

    Returns:
        at most twelve prescriptions of different names; what does not fit the patient is left out.
    """
    ordered = sorted(findings, key=lambda one: one.importance)
    queues = [list(PLANS[one.name]) for one in ordered]
    found: dict[str, Prescription] = {}
    for turn in range(max(map(len, queues), default=0)):
        for finding, queue in zip(ordered, queues, strict=True):
            if turn < len(queue) and len(found) < MOST:
                made = _made(queue[turn], finding.name, exam)
                if made is not None:
                    found.setdefault(made.name, made)
    return tuple(found.values())


def _made(kind: str, finding: str, exam: Examination) -> Prescription | None:
    """Return a remedy as a prescription, or None where it does not fit the patient."""
    remedy = (remedies.REMEDIES | pacing.REMEDIES | structural.REMEDIES)[kind](exam)
    if remedy is None:
        return None
    predicted = Predicted(remedy.words, remedy.before, remedy.after)
    return Prescription(remedy.name, finding, remedy.change, remedy.apply, predicted, remedy.source, remedy.cost)


assert set(PLANS) == set(NAMES)
