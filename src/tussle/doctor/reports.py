"""The report of a diagnosis: what was found, with evidence, and which cure helped."""

from pathlib import Path
from typing import Any

from tussle.analysis import plain
from tussle.doctor.findings import RAN, Checked, Finding
from tussle.records import record, static

VERDICTS = {
    "illness": "ill",
    "warning": "at risk",
    "note": "healthy",
}


@record
class Report:
    """What a diagnosis found.

    Attributes:
        patient: who was examined.
        exam: the examination, with what it measured.
        checks: what each check did.
        trials: the cures that were tried, the best first.
        interrupted: whether it was stopped before its end.
    """

    patient: Any = static()
    exam: Any = static()
    checks: tuple[Checked, ...] = static()
    trials: tuple[Any, ...] = static(default=())
    interrupted: bool = static(default=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, the most important first; `healthy` alone where nothing worse than a note was."""
        found = sorted((c.finding for c in self.checks if c.finding is not None), key=lambda one: one.importance)
        if any(one.severity != "note" for one in found):
            return tuple(found)
        from tussle.doctor.healthy import healthy

        return (healthy(self.checks, self.interrupted), *found)

    @property
    def verdict(self) -> str:
        """`ill`, `at risk` or `healthy`; `unknown` where no check could run."""
        if not any(check.status == RAN for check in self.checks):
            return "unknown"
        return VERDICTS[self.findings[0].severity]

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        first = self.findings[0]
        words = f"{self.patient.name} is {self.verdict}: {first.words[:1].lower()}{first.words[1:]}"
        best = next((one for one in self.trials if one.better), None)
        cure = "" if best is None else f" Tried and better: {best.prescription.change}."
        return words + ("" if words.endswith(".") else ".") + cure + (" (interrupted)" if self.interrupted else "")

    @property
    def spectrum(self) -> dict[str, Any] | None:
        """Leading eigenvalues of the field and of the update, as JSON knows them; None where none were found."""
        from tussle.doctor.spectra import told

        return told(self.exam)

    @property
    def cost(self) -> dict[str, float]:
        """What the diagnosis took: seconds in all, and those of one training step for comparison."""
        trials = sum(one.seconds for one in self.trials)
        return {
            "seconds": self.exam.spent,
            "checks": sum(check.seconds for check in self.checks),
            "trials": trials,
            "step": self.exam.once("step seconds", lambda: self.exam.step_seconds),
            "products": float(self.exam.products),
        }

    @property
    def gamma(self) -> tuple[Any, ...]:
        """What the gamma advisor said, if it was asked."""
        from tussle.doctor.gamma_advice import advices

        return tuple(advices(self.exam))

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON knows it."""
        return plain(
            {
                "name": self.patient.name,
                "verdict": self.verdict,
                "summary": self.sentence,
                "findings": [one.to_json() for one in self.findings],
                "spectrum": self.spectrum,
                "checks": [one.to_json() for one in self.checks],
                "cures": [one.to_json() for one in self.trials],
                "gamma": [one.to_json() for one in self.gamma],
                "cost": self.cost,
                "assumed": list(self.patient.assumed),
                "interrupted": self.interrupted,
            }
        )

    def apply(self, name: str | None = None) -> Any:
        """Return the patient with a cure: new modules and a new method; the user's own stay as they are.

        Args:
            name: of the prescription; the best one that helped by default.

        Raises:
            ValueError: if nothing helped, or there is no cure of that name.
        """
        from tussle import checks

        chosen = [t for t in self.trials if (t.better if name is None else t.prescription.name == name)]
        if chosen:
            from tussle.doctor.changes import changed, own_modules

            treated = chosen[0].prescription.apply(self.patient)
            return changed(treated, modules=own_modules(treated))
        if name is not None:
            checks.choice("name", name, [t.prescription.name for t in self.trials])
        message = "`report` has no cure that helped when it was tried; name one to take it anyway: report.apply(name)."
        raise ValueError(message)

    def write(self, out: str | Path, theme: str = "light") -> Path:
        """Write the report as one self-contained HTML page with its pictures, and as JSON.

        Args:
            out: the folder.
            theme: light or dark.

        Returns:
            the page's path.
        """
        from tussle.doctor.page import write_page

        return write_page(self, Path(out), theme)
