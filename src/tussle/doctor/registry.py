"""The checks by name, the cheapest first; each is a file of its own with a function `look(exam) -> Checked`."""

import importlib
from typing import Any

from tussle.records import record, static


@record
class Check:
    """A check.

    Attributes:
        name: that of the finding it can raise.
        module: the file that it stands in.
    """

    name: str = static()
    module: str = static()

    def look(self, exam: Any) -> Any:
        """Run it on an examination."""
        return importlib.import_module(f"tussle.doctor.{self.module}").look(exam)


CHECKS: tuple[Check, ...] = tuple(
    Check(name, name)
    for name in (
        "double_backward_unsafe",
        "normalisation_breaks_penalty",
        "wrong_data_range",
        "loss_mismatch",
        "saturated_discriminator",
        "vanishing_generator_gradient",
        "exploding_critic_gradient",
        "dead_units",
        "mode_collapse",
        "discriminator_overfit",
        "disjoint_supports",
        "plateau",
        "rotation",
        "step_too_large",
        "overdamped",
        "ill_conditioned",
        "noise_floor",
        "false_equilibrium",
    )
)
