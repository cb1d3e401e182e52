"""The gamma advisor: how much gradient penalty the local spectrum asks for, how much is too much, and what it costs.

The window comes from the leading rotating pair of a step (`local.py`): below `needed` it does not die out; at
`critical` it stops turning; beyond, the slower of its two real parts comes back as omega^2 / (2 sigma gamma) and the
game creeps (overdamped); from `limit` on the fast one overshoots (sigma gamma > 1 in steps).

Beside it stand the rule of thumb of StyleGAN2-ADA, gamma = 0.0002 pixels / batch, and published weights, all in the
gamma/2 convention.

References:
    Mescheder, Geiger, Nowozin, "Which training methods for GANs do actually converge?", ICML 2018.
    Karras et al., "Training generative adversarial networks with limited data", NeurIPS 2020.
    Huang et al., "The GAN is dead; long live the GAN!", NeurIPS 2024, table of hyper-parameters.
"""

import math
import time
import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tussle.analysis import plain
from tussle.conventions import gamma_for_resolution
from tussle.doctor.changes import weight_of, with_penalties
from tussle.doctor.examination import Cannot, Examination, OutOfTime
from tussle.doctor.local import Pair, leading_pair, simultaneous
from tussle.doctor.patient import Patient
from tussle.records import record, static
from tussle.training.gamma import automatic_gamma

PUBLISHED = (
    ("R3GAN, CIFAR-10 (R1 and R2)", 32, 512, 0.05, 0.005),
    ("R3GAN, ImageNet-32 (R1 and R2)", 32, 4096, 0.5, 0.05),
    ("R3GAN, StackedMNIST (R1 and R2)", 32, 512, 1.0, 0.1),
    ("R3GAN, ImageNet-64 (R1 and R2)", 64, 4096, 1.0, 0.1),
    ("R3GAN, FFHQ-64 (R1 and R2)", 64, 256, 2.0, 0.2),
    ("R3GAN, FFHQ-256 (R1 and R2)", 256, 256, 150.0, 15.0),
    ("GAN_stability, all its data (reg_param 10, R1)", None, None, 20.0, 20.0),
)  # name, resolution, batch, gamma at the start and at the end
READINGS = 5  # steps that are timed, in turn with and without; the quickest counts


@record
class PenaltyCost:
    """What a penalty costs: one training step with it and without, measured.

    Attributes:
        seconds_without: of a step without any gradient penalty.
        seconds_with: of a step with it.
        bytes_without: most bytes of tensors that were alive at once in a step, beyond those there before.
        bytes_with: the same with the penalty.
    """

    seconds_without: float = static()
    seconds_with: float = static()
    bytes_without: int = static()
    bytes_with: int = static()

    @property
    def time(self) -> float:
        """How many times longer a step takes."""
        return self.seconds_with / self.seconds_without

    @property
    def memory(self) -> float:
        """How many times more memory a step takes."""
        return self.bytes_with / max(self.bytes_without, 1)


@record
class GammaAdvice:
    """How much gradient penalty a patient needs.

    Attributes:
        penalty: `r1`, `r2` or `r1+r2`.
        now: its weight as it is.
        pair: the leading rotating pair without it; None where it could not be found.
        needed: the smallest weight at which the pair dies out; 0 if it does so by itself, inf if no weight helps.
        critical: the weight at which the pair stops turning; beyond it the game is overdamped.
        limit: the weight from which the step overshoots along it.
        suggested: what to take.
        rule: StyleGAN2-ADA's rule of thumb for images, for other data the critical weight of the Dirac-GAN.
        cost: what the penalty costs; None where there was no time to measure it.
        resolution: root of the pixels, or None for data that are no images.
        batch: samples in a batch.
        why: where the suggestion comes from, in one sentence.
    """

    penalty: str = static()
    now: float = static()
    pair: Pair | None = static()
    needed: float = static()
    critical: float = static()
    limit: float = static()
    suggested: float = static()
    rule: float = static()
    cost: PenaltyCost | None = static()
    resolution: float | None = static()
    batch: int = static()
    why: str = static()

    def scaled(self, resolution: float, batch: int) -> float:
        """Return what the suggestion becomes at another resolution and batch: with the pixels, against the batch.

        Args:
            resolution: pixels along a side.
            batch: samples in a batch.
        """
        pixels = 1.0 if self.resolution is None else (resolution / self.resolution) ** 2
        return self.suggested * pixels * self.batch / batch

    def to_json(self) -> dict[str, Any]:
        """Return the advice as JSON knows it."""
        names = ("penalty", "now", "needed", "critical", "limit", "suggested", "rule", "resolution", "batch", "why")
        found: dict[str, Any] = {name: getattr(self, name) for name in names}
        found["pair"] = None if self.pair is None else self.pair._asdict()
        if self.cost is not None:
            found["cost"] = {**vars(self.cost), "time": self.cost.time, "memory": self.cost.memory}
        found["published"] = [
            dict(zip(("name", "resolution", "batch", "start", "end"), p, strict=True)) for p in PUBLISHED
        ]
        return plain(found)


def advise(exam: Examination, penalty: str = "r1") -> GammaAdvice:
    """Return how much gradient penalty a patient needs; measured once an examination.

    Args:
        exam: the examination.
        penalty: `r1`, `r2`, or `r1+r2` at equal weights.

    Returns:
        the advice; where the local spectrum cannot be had, it falls back on the rule of thumb and says so.
    """

    def look() -> GammaAdvice:
        found = _advice(exam, penalty)
        advices(exam).append(found)
        return found

    return exam.once(f"gamma {penalty}", look)


def advices(exam: Examination) -> list[GammaAdvice]:
    """Return the advice that was given in an examination so far."""
    return exam.once("gamma advices", list)


def _advice(exam: Examination, penalty: str) -> GammaAdvice:
    patient = exam.patient
    rule = rule_of_thumb(patient)
    try:
        pair, why = leading_pair(exam, penalty), ""
    except (Cannot, OutOfTime, ValueError, RuntimeError) as reason:
        pair, why = None, f"the local spectrum could not be had ({reason}); the rule of thumb stands in"
    needed, critical, limit = window(pair, simultaneous(patient)) if pair else (math.nan,) * 3
    suggested = rule
    if pair is not None:
        suggested, why = _suggested(pair, needed, critical, limit, rule)
    try:
        cost = penalty_cost(exam, penalty, suggested)
    except (Cannot, OutOfTime, ValueError, RuntimeError):
        cost = None
    shape = patient.shape
    resolution = math.sqrt(shape[1] * shape[2]) if len(shape) == 3 else None
    now = min(weight_of(patient, name) for name in penalty.split("+"))
    return GammaAdvice(
        penalty, now, pair, needed, critical, limit, suggested, rule, cost, resolution, patient.batch, why
    )  # fmt: skip


def rule_of_thumb(patient: Patient) -> float:
    """Return 0.0002 pixels / batch for images, and the critical weight of the Dirac-GAN for other data.

    Losses of a user's own have no slope that is known: 1 stands in for data that are no images.
    """
    if len(patient.shape) == 3:
        side = math.sqrt(patient.shape[1] * patient.shape[2])
        if side == int(side):
            return gamma_for_resolution(int(side), patient.batch)
        return 0.0002 * side * side / patient.batch
    try:
        return automatic_gamma(patient.shape, patient.batch, patient.game.loss_function)
    except (AttributeError, TypeError, ValueError):
        return 1.0


def window(pair: Pair, at_once: bool) -> tuple[float, float, float]:
    """Return the weights at which the pair begins to die out, stops turning, and overshoots.

    While the pair turns, |1 + mu|^2 = (1 + a - s)^2 + omega^2 - s^2 with s = sigma gamma, which is 1 for players that
    move at once where s = ((1 + a)^2 + omega^2 - 1) / (2 (1 + a)); players in turn need s > a.

    Args:
        pair: the leading pair.
        at_once: whether the players move at once.

    Example:
        >>> window(Pair(0.0, 0.1, 0.1, 0), False)
        (0.0, 1.0, 10.0)
    """
    if not pair.damping > 0:
        return (0.0 if pair.growth < 0 else math.inf), math.inf, math.inf
    least, reach = pair.growth, 1 + pair.growth
    if at_once:
        least = (reach**2 + pair.omega**2 - 1) / (2 * reach) if reach > 0 else math.inf
        least = math.inf if pair.omega > 0 and least > pair.omega else least  # it would have to stop turning before
    return max(least / pair.damping, 0.0), pair.omega / pair.damping, 1 / pair.damping


def _suggested(pair: Pair, needed: float, critical: float, limit: float, rule: float) -> tuple[float, str]:
    if pair.omega == 0:
        return rule, "nothing rotates here, so the spectrum asks for no damping; the rule of thumb stands in"
    if not math.isfinite(critical):
        return rule, "the penalty does not damp the leading pair here; the rule of thumb stands in"
    if needed > 0.5 * limit:
        words = (
            f"the leading pair needs {needed:.3g}, where the step overshoots already ({limit:.3g}): lower the rates too"
        )
        return 0.5 * limit, words
    found = min(max(critical, 2 * needed), 0.5 * limit)
    return found, (
        f"the leading pair turns by {pair.omega:.3g} a step; it begins to die out at {needed:.3g}, dies out fastest at "
        f"{critical:.3g} and is overdamped beyond"
    )


# Cost --------------------------------------------------------------------------------------------------------------


def penalty_cost(exam: Examination, penalty: str, gamma: float) -> PenaltyCost:
    """Measure one training step with a penalty and without; the quickest of a few readings counts."""
    exam.needs(5 * READINGS * exam.step_seconds, "the cost of the penalty")
    without = with_penalties(exam.patient, {}, only=True)
    full = with_penalties(without, dict.fromkeys(penalty.split("+"), gamma))
    pair = (without, full)
    taken = [
        min(column) for column in zip(*([_seconds(exam, one) for one in pair] for _ in range(READINGS)), strict=True)
    ]
    most = [_bytes(exam, one) for one in pair]
    return PenaltyCost(taken[0], taken[1], most[0], most[1])


def _seconds(exam: Examination, patient: Patient) -> float:
    batch, began = exam.batch(0), time.perf_counter()
    patient.method.step(patient.start, patient.state, batch)
    return time.perf_counter() - began


def _bytes(exam: Examination, patient: Patient) -> int:
    batch = exam.batch(0)
    with Alive() as alive:
        patient.method.step(patient.start, patient.state, batch)
    return alive.most


class Alive(TorchDispatchMode):
    """Counts the bytes of tensors made within this context that are alive at once; `most` is their peak."""

    def __init__(self) -> None:
        super().__init__()
        self.now: int = 0
        self.most: int = 0
        self._seen: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count what it makes."""
        given = {id(x.untyped_storage()) for x in args if isinstance(x, torch.Tensor)}
        out = func(*args, **(kwargs or {}))
        for x in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(x, torch.Tensor):
                self._add(x.untyped_storage(), given)
        return out

    def _add(self, storage: Any, given: set[int]) -> None:
        if id(storage) in given or storage in self._seen:
            return
        size = int(storage.nbytes())
        self._seen[storage] = size
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._drop, size)

    def _drop(self, size: int) -> None:
        self.now -= size
