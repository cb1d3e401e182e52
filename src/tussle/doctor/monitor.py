"""The monitor: watches a training loop of the user's own, at a small share of its time.

It is called once a training step and needs no framework. Between two readings that is a look at the clock. A reading
takes the live parameters before and after one step as flat vectors and asks the probes and the vital signs about it;
now and then the cheapest checks of a diagnosis look at the same place. The user's modules are only read.
"""

import io
import math
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tussle import checks as arguments
from tussle.autodiff import to_numpy
from tussle.doctor.diagnose import run_check
from tussle.doctor.examination import Examination
from tussle.doctor.findings import ILLNESS, NOTE, Checked, Evidence, Finding, unknown
from tussle.doctor.intervals import Cost, Intervals
from tussle.doctor.patient import Patient
from tussle.doctor.registry import CHECKS
from tussle.doctor.trends import SIGNS, raised
from tussle.doctor.vitals import Body, settle, undisturbed, vitals
from tussle.game import Point, placed
from tussle.records import rebuild
from tussle.training.checkpoints import written
from tussle.training.probes import Probes

PROBES = ("gradient_norms", "input_gradients", "fake_gradient", "path_angle", "rotation_share")
WATCHED = ("saturated_discriminator", "vanishing_generator_gradient", "exploding_critic_gradient")
BUDGET = 0.05
LEAST = 8  # samples of a batch that is read
ROUND = 5  # readings between two rounds of checks at a fixed interval
TWICE = 2  # rounds in a row that must agree: one look at a moment is no trend
LOOK = 30.0  # seconds that a round of checks may take
TROUBLES = 3  # readings in a row that may fail before the monitor gives up


class FindingWarning(UserWarning):
    """What a monitor found."""


class FoundError(RuntimeError):
    """What a monitor found, where it was asked to stop the run.

    Attributes:
        finding: what was found.
        step: the step.
    """

    def __init__(self, finding: Finding, step: int) -> None:
        super().__init__(_told(finding, step))
        self.finding: Finding = finding
        self.step: int = step


class Monitor:
    """A callback for a training loop of one's own, to be called once a step after both players have moved.

    Args:
        gan: what `tussle.adopt` returns; its modules are the live ones.
        every: steps between two readings; `auto` keeps them within the budget.
        budget: share of the time that readings may take under `auto`.
        on_finding: `warn`, `raise`, or `on_finding(finding, step)`; None only keeps it in `findings`.
        out: file that the rows are written to at each reading, .parquet or .csv, or None.
        probes: names of the training's probes to read, besides the vital signs.
        checks: names of the checks to run, which may be none.
        seed: of the batches and directions that are drawn.
        clock: seconds.

    Attributes:
        rows: numbers by name, one dictionary for each reading.
        findings: what was found, with its step.
        cost: what it has cost so far.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> import torch, tussle
        >>> from tussle.doctor import adopt
        >>> g, d = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
        >>> monitor = Monitor(adopt(g, d, loss="hinge", data=torch.randn(64, 2), latent=2), every=2, checks=())
        >>> for _ in range(4): monitor.step()
        >>> [row["step"] for row in monitor.rows]
        [2, 4]
    """

    def __init__(
        self,
        gan: Patient,
        every: int | str = "auto",
        budget: float = BUDGET,
        on_finding: str | Callable[[Finding, int], Any] | None = "warn",
        out: str | Path | None = None,
        *,
        probes: Iterable[str] = PROBES,
        checks: Iterable[str] = WATCHED,
        seed: int = 0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not isinstance(gan, Patient):
            message = (
                f"`gan` is a {type(gan).__name__}; it must be what tussle.adopt returns; adopt your modules first."
            )
            raise ValueError(message)
        self.patient: Patient = gan
        self.every: int | str = every if every == "auto" else arguments.count("every", every)
        self.on_finding: Any = _answer(on_finding)
        self.out: Path | None = None if out is None else _file(out)
        self.rows: list[dict[str, Any]] = []
        self.findings: list[tuple[int, Finding]] = []
        self._body = Body(gan)
        self._probes = _probes(probes, seed)
        known = {check.name: check for check in CHECKS}
        self._checks = tuple(known[arguments.choice("checks", name, known)] for name in checks)
        whole = arguments.positive("budget", budget)
        shares = {"probes": whole / 2, "checks": whole / 2} if self._checks else {"probes": whole, "checks": 0.0}
        self._intervals = Intervals(clock, shares)
        self._seed = arguments.count("seed", seed, least=0)
        sampler = gan.game.sampler(max(gan.batch, LEAST))
        self._sampler = sampler.pairs() if _wants_pairs(gan.field) else sampler
        self._step = 0
        self._before: Point | None = None
        self._agreed: dict[str, tuple[int, float]] = {}
        self._troubles = 0
        self._over = False
        if self.every == 1:
            self._before = self._body.point()

    @property
    def cost(self) -> Cost:
        """What the monitor has cost so far."""
        return self._intervals.cost()

    def step(self, number: int | None = None, **values: Any) -> None:
        """Count a step of the training, and read it if its turn has come.

        Args:
            number: which step this was; one more than before by default.
            **values: numbers of the user's own that are written beside those that are read, such as losses.

        Raises:
            FoundError: if something was found, and `on_finding` is `raise`.
        """
        self._step = self._step + 1 if number is None else arguments.count("number", number, least=0)
        self._intervals.tick()
        if self._over:
            return
        found: list[Finding] = []
        if self._before is not None:
            found = self._read(self._before, values)
        self._before = None
        if not self._over and self._wants_next():
            with self._intervals.spending("probes", whole=False):
                self._before = self._body.point()
        for finding in found:
            self._tell(finding)

    __call__ = step

    def _wants_next(self) -> bool:
        """Say whether the next step will be read: its beginning must be kept then."""
        if isinstance(self.every, int):
            return (self._step + 1) % self.every == 0
        return self._intervals.affords("probes")

    # Readings --------------------------------------------------------------------------------------------------------

    def _read(self, before: Point, values: dict[str, Any]) -> list[Finding]:
        settle(before[0])
        row: dict[str, Any] = {"step": self._step} | {name: _number(value) for name, value in values.items()}
        found: list[Finding] = []
        try:
            with self._intervals.spending("probes"), undisturbed(before[0]), self._body.dressed():
                after = self._body.point()
                found += self._alive(after)
                if not found:
                    row |= self._looked(before, after)
            self.rows.append(row)
            found += [one for sign in SIGNS if (one := raised(sign, self._column(sign.column))) is not None]
            if self._checks_are_due():
                with self._intervals.spending("checks"), undisturbed(before[0]), self._body.dressed():
                    found += self._checked(after, row)
            self._troubles = 0
        except (RuntimeError, ValueError, ArithmeticError, IndexError) as trouble:
            self._troubles += 1
            told = " ".join(str(trouble).split())[:300]
            self._over = self._troubles >= TROUBLES
            more = "; it gives up" if self._over else ""
            warnings.warn(f"the monitor could not read step {self._step} ({told}){more}", FindingWarning, stacklevel=3)
        self._save()
        return found

    def _save(self) -> None:
        if self.out is None:
            return
        try:
            with self._intervals.spending("probes", whole=False):
                self.write()
        except OSError as trouble:
            message = f"`out` {self.out} cannot be written ({trouble.strerror}); the rows stay in `monitor.rows`"
            warnings.warn(message, FindingWarning, stacklevel=4)
            self.out = None

    def _looked(self, before: Point, after: Point) -> dict[str, float]:
        method, patient = self.patient.method, self.patient
        batch = placed(self._sampler(self._seed, self._step), after[0])
        velocity = method.field(before, batch)
        read = self._probes.read(self._step, method, before, after, velocity, patient.state, batch)
        slope = read.get("fake_gradient/norm", math.nan)
        told = {f"probe/{name}": value for name, value in read.items()}
        return told | vitals(patient, after, batch, slope, self._held_out())

    def _held_out(self) -> np.ndarray | None:
        kept = self.patient.held_out
        if kept is None:
            return None
        rng = np.random.default_rng([self._seed, self._step])
        return kept[rng.integers(len(kept), size=min(len(kept), max(self.patient.batch, LEAST)))]

    def _alive(self, point: Point) -> list[Finding]:
        """Return a finding if parameters are not finite: nothing else can be read then."""
        bad = float(np.mean(~np.isfinite(np.concatenate([to_numpy(x.float()) for x in point]))))
        if not bad:
            return []
        share = Evidence("share of the parameters that are not finite", bad, 0.0, 0.0)
        words = f"{100 * bad:.3g} % of the parameters are not finite."
        advice = "go back to a state before this, and take smaller steps or a gradient penalty"
        self._over = True
        source = "training ends at the first nan"
        return [Finding("exploding_critic_gradient", ILLNESS, 1.0, (share,), words, source, advice)]

    def _column(self, name: str) -> list[float]:
        return [row[name] for row in self.rows if name in row]

    # Checks ----------------------------------------------------------------------------------------------------------

    def _checks_are_due(self) -> bool:
        if not self._checks or self._over:
            return False
        return len(self.rows) % ROUND == 0 if isinstance(self.every, int) else self._intervals.affords("checks")

    def _checked(self, point: Point, row: dict[str, Any]) -> list[Finding]:
        """Run the checks at a point; a finding counts once rounds in a row have made it and it did not get better."""
        here = rebuild(Patient, {**vars(self.patient), "start": point})
        exam = Examination(here, "quick", LOOK, self._seed + self._step)
        found = []
        for check in self._checks:
            seen = _looked_at(check, exam)
            if seen.evidence:
                row[f"check/{check.name}"] = float(seen.evidence[0].value)
            one = seen.finding
            if one is None or one.severity == NOTE:
                self._agreed.pop(check.name, None)
                continue
            times, before = self._agreed.get(check.name, (0, -math.inf))
            now = float(one.evidence[0].value)
            self._agreed[check.name] = (times + 1 if now >= before else 1, now)
            if self._agreed[check.name][0] >= TWICE:
                found.append(one)
        return found

    # Findings --------------------------------------------------------------------------------------------------------

    def _tell(self, finding: Finding) -> None:
        """Raise a finding the first time, and once more where a warning has become an illness."""
        before = {one.severity for _, one in self.findings if one.name == finding.name}
        if ILLNESS in before or finding.severity in before:
            return
        self.findings.append((self._step, finding))
        if self.on_finding == "raise":
            raise FoundError(finding, self._step)
        if self.on_finding == "warn":
            warnings.warn(_told(finding, self._step), FindingWarning, stacklevel=3)
        elif self.on_finding is not None:
            self.on_finding(finding, self._step)

    # The log ---------------------------------------------------------------------------------------------------------

    def write(self, path: str | Path | None = None) -> Path:
        """Write the rows, one column for each name.

        Args:
            path: a file ending in .parquet or .csv; `out` by default.

        Returns:
            the file.

        Raises:
            ValueError: if there is no file to write to, or it is of another kind.
        """
        target = self.out if path is None else _file(path)
        if target is None:
            message = "`path` is missing, and the monitor has no `out`; it must end in .parquet or .csv; give one."
            raise ValueError(message)
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        return written(target, (_csv if target.suffix == ".csv" else _parquet)(names, self.rows))


def _wants_pairs(field: Any) -> bool:
    """Say whether an adjustment multiplies two independent batches."""
    inner = getattr(field, "inner", None)
    return inner is not None and (getattr(field.adjustment, "unbiased", False) or _wants_pairs(inner))


def _looked_at(check: Any, exam: Examination) -> Checked:
    try:
        return run_check(check, exam)
    except ImportError as trouble:
        return unknown(check.name, f"it cannot be loaded: {trouble}")


def _told(finding: Finding, step: int) -> str:
    return f"step {step}: {finding.name} ({finding.severity}): {finding.words} What to do: {finding.advice}."


def _answer(on_finding: Any) -> Any:
    if on_finding in ("warn", "raise", None) or callable(on_finding):
        return on_finding
    message = (
        f"`on_finding` is {on_finding!r:.60}; it may be warn, raise, None or a function (finding, step); give one."
    )
    raise ValueError(message)


def _probes(names: Iterable[str], seed: int) -> Probes:
    found = Probes(names, 1, 1, seed)
    if "eigenvalues" in found.names:
        message = (
            "`probes` has eigenvalues, which last as long as hundreds of steps and need the optimizer's state; it may "
            "have the others; take tussle.diagnose for eigenvalues."
        )
        raise ValueError(message)
    return found


def _file(out: str | Path) -> Path:
    path = Path(out)
    if path.suffix not in (".parquet", ".csv"):
        message = f"`out` is {str(out)!r}; it must be a file ending in .parquet or .csv; rename it."
        raise ValueError(message)
    if not path.parent.is_dir():
        message = f"`out` is {str(out)!r}, whose folder is not there; it must be; make it first."
        raise ValueError(message)
    if path.suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ModuleNotFoundError as missing:
            message = "`out` ends in .parquet, which needs pyarrow; it may end in .csv; or run pip install pyarrow."
            raise ValueError(message) from missing
    return path


def _number(value: Any) -> Any:
    value = value.detach() if callable(getattr(value, "detach", None)) else value
    return value if isinstance(value, str) else float(value)


def _csv(names: list[str], rows: list[dict[str, Any]]) -> bytes:
    import csv

    sink = io.StringIO(newline="")
    table = csv.DictWriter(sink, names, restval="")
    table.writeheader()
    table.writerows(rows)
    return sink.getvalue().encode("utf-8")


def _parquet(names: list[str], rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), sink)
    return sink.getvalue().to_pybytes()
