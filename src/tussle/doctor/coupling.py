"""The strongest coupling of the two players: how fast it rotates, and how fast each player damps it.

The off-diagonal blocks of the field's Jacobian make a rotation; its strongest pair has the frequency w and lives on one
vector of each player. On those two vectors the field is the Dirac-GAN's, [[a, -w], [w, b - gamma c]], with a and b the
players' own slopes and c what a unit of penalty weight damps the discriminator by. It rotates while
|a - b + gamma c| < 2 w, is critically damped at equality, and far beyond crawls: the slower eigenvalue comes back
towards a, as w^2 / (gamma c).

The strongest coupling is the last that a penalty overdamps: where it crawls, all others do.

References:
    Mescheder, Geiger, Nowozin, "Which training methods for GANs do actually converge?", ICML 2018.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tussle.doctor.examination import Examination
from tussle.doctor.krylov import Operator, krylov_schur
from tussle.doctor.products import cast, looked, recorded, seconds_of, whole_field
from tussle.doctor.spectra import OTHERS
from tussle.field import Field
from tussle.game import sizes_of
from tussle.penalties import Penalty, r1
from tussle.records import rebuild, record, static

BASIS, MOST = 12, {"quick": 12, "standard": 24, "deep": 200}  # products of the off-diagonal part: two passes each
ACCURACY = 1e-2


@record
class Coupling:
    """The strongest rotating pair of the off-diagonal part, and its damping.

    Attributes:
        frequency: w.
        frequency_error: from other batches and the residual.
        generator: a, the generator's own slope on its vector (negative damps).
        discriminator: b - gamma c, the discriminator's, the penalties included.
        penalty: gamma c, what the penalties damp it by; 0 without.
        penalty_error: from other batches.
        unit: c of R1, what a unit of its weight would damp it by; nan where it cannot be differentiated.
    """

    frequency: float = static()
    frequency_error: float = static()
    generator: float = static()
    discriminator: float = static()
    penalty: float = static()
    penalty_error: float = static()
    unit: float = static()

    def eigenvalues(self, scale: float = 1.0) -> tuple[complex, complex]:
        """Return the pair's eigenvalues with all penalty weights times a number, the slower one first."""
        b = self.discriminator + (1 - scale) * self.penalty
        mean, half = (self.generator + b) / 2, (self.generator - b) / 2
        root = np.sqrt(complex(half * half - self.frequency**2))
        return complex(mean + root), complex(mean - root)

    @property
    def critical(self) -> float:
        """The scale of the penalty weights at which the pair is critically damped; infinite without a penalty."""
        if self.penalty <= 0:
            return math.inf
        bare = self.generator - self.discriminator - self.penalty
        return max((2 * self.frequency - bare) / self.penalty, 0.0)

    @property
    def excess(self) -> tuple[float, float]:
        """How many times critical the penalty is, and the uncertainty; 0 without one."""
        if self.penalty <= 0:
            return 0.0, 0.0
        ratio = 1 / max(self.critical, 1e-12)
        share = self.frequency_error / max(self.frequency, 1e-300), self.penalty_error / self.penalty
        return ratio, ratio * math.hypot(*share)

    @property
    def needed(self) -> float:
        """The weight of an R1 penalty, on top of what there is, that would damp the pair critically."""
        return max(2 * self.frequency - (self.generator - self.discriminator), 0.0) / self.unit


def coupling(exam: Examination) -> Coupling:
    """Return the strongest coupling of the patient's field.

    Raises:
        Cannot: if products are not finite or not to be trusted.
        OutOfTime: if they do not fit into the budget.
    """
    return exam.once("coupling", lambda: _coupling(exam))


def _coupling(exam: Examination) -> Coupling:
    point, batch = cast(exam, looked(exam))
    operator = recorded(exam, *whole_field(exam.patient.field, point, batch))
    sizes = sizes_of(point)
    size = sum(sizes)
    rng = np.random.default_rng(exam.seed)
    start = torch.as_tensor(rng.standard_normal(size), dtype=point[0].dtype, device=point[0].device)
    exam.needs(2 * seconds_of(operator, start) * 8, "the coupling of the players")
    found = krylov_schur(
        _crossed(operator, sizes[0]), start, min(2, size), accuracy=ACCURACY, basis=BASIS, most=MOST[exam.depth]
    )
    values, vectors, residuals = found.pairs()
    k = int(np.argmax(values.imag))
    parts = [torch.as_tensor(p, dtype=start.dtype, device=start.device) @ found.basis
             for p in (vectors[:, k].real, vectors[:, k].imag)]  # fmt: skip
    others = []
    for number in range(1, 1 + OTHERS[exam.depth]):
        other = recorded(exam, *whole_field(exam.patient.field, *cast(exam, looked(exam, number))))
        others.append(_quotient(_crossed(other, sizes[0]), parts).imag)
    first = [_only(p, sizes[0], 0) for p in parts]
    second = [_only(p, sizes[0], 1) for p in parts]
    error = math.hypot(float(np.std(others, ddof=1)), float(np.mean(others) - values[k].imag), float(residuals[k]))
    penalty, penalty_error = _penalty(exam, second, exam.patient.game.penalties)
    return Coupling(
        float(values[k].imag), error, _quotient(operator, first).real, _quotient(operator, second).real, penalty,
        penalty_error, _unit(exam, second),
    )  # fmt: skip


def _crossed(operator: Operator, cut: int) -> Operator:
    """Return the off-diagonal part of J^T: what each player's part does to the other's."""

    def product(y: Tensor) -> Tensor:
        one, two = operator(_only(y, cut, 0)), operator(_only(y, cut, 1))
        return torch.cat([two[:cut], one[cut:]])

    return product


def _only(y: Tensor, cut: int, player: int) -> Tensor:
    kept = y.clone()
    if player:
        kept[:cut] = 0
    else:
        kept[cut:] = 0
    return kept


def _quotient(operator: Operator, parts: list[Tensor]) -> complex:
    """Return y . B y / y . y of a complex vector given by its parts."""
    a, b = parts
    square = float(a @ a + b @ b)
    if square == 0:
        return 0j
    c, d = (operator(p) if bool(torch.any(p)) else torch.zeros_like(p) for p in parts)
    return complex(float(a @ c + b @ d), float(a @ d - b @ c)) / square


def _penalty(exam: Examination, parts: list[Tensor], penalties: tuple[Penalty, ...]) -> tuple[float, float]:
    """Return what penalties damp a vector of the discriminator by, and the uncertainty from other batches."""
    if not penalties:
        return 0.0, 0.0
    found = []
    for number in range(1 + OTHERS[exam.depth]):
        values = []
        for game in (_with(exam, penalties), _with(exam, ())):
            place = cast(exam, looked(exam, number))
            operator = recorded(exam, *whole_field(Field(game), *place))
            values.append(_quotient(operator, parts).real)
        found.append(values[1] - values[0])
    return float(np.mean(found)), float(np.std(found, ddof=1) / math.sqrt(len(found)))


def _with(exam: Examination, penalties: tuple[Penalty, ...]) -> Any:
    game = exam.patient.game
    return rebuild(type(game), {**vars(game), "penalties": penalties})


def _unit(exam: Examination, parts: list[Tensor]) -> float:
    """Return c of R1, or nan where the discriminator cannot be differentiated so often."""
    try:
        return _penalty(exam, parts, (r1(1.0),))[0]
    except (RuntimeError, ValueError):
        return math.nan
