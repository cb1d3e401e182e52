"""The local model of a method: its leading rotating pair, per step, and what a gradient penalty does to it.

With r the rates that the pace really takes (a number for each parameter: lr for plain steps, lr / (root of the second
moment + eps) for Adam and RMSProp), a step is x + r v(x), and diag(r) J has the eigenvalues mu that a step multiplies
by: 1 + mu. A gradient penalty of weight gamma enters the critic's loss linearly, so J = J_0 + gamma P exactly, and a
simple eigenvalue moves with the slope d mu / d gamma = w^H diag(r) P u / w^H u, u and w its right and left vectors.

Along that pair the game is the Dirac-GAN, whose eigenvalues are known for every gamma:

    mu(gamma) = a - s + root(s^2 - omega^2),   s = sigma gamma,

with a and omega the real and the imaginary part without the penalty and sigma minus the slope. Critical damping is at
gamma = omega / sigma: the pair is then real, and beyond it the slower eigenvalue comes back towards 0.

References:
    Mescheder, Geiger, Nowozin, "Which training methods for GANs do actually converge?", ICML 2018.
    Wilkinson, "The algebraic eigenvalue problem", 1965, chapter 2 (the slope of a simple eigenvalue).
"""

import cmath
import math
from typing import Any, NamedTuple

import numpy as np
import torch

from tussle import rules
from tussle.autodiff import to_numpy
from tussle.doctor.changes import with_penalties
from tussle.doctor.examination import Cannot, Examination, OutOfTime
from tussle.doctor.patient import Patient
from tussle.game import placed
from tussle.jacobian import field_jacobian, products
from tussle.paces import Adam, Momentum, RMSProp, rate

DENSE = 64  # parameters up to which the matrices are formed
LEAST, MOST = 128, 512  # samples that stand for the expectation
COUNT, BASIS, RESTARTS = 4, 28, 6
ACCURACY = 1e-4  # of an eigenvalue, relative
SHARE = 0.2  # of what is left of the budget
REAL = 1e-3  # an eigenvalue whose imaginary part is a smaller share of its modulus counts as real


class Pair(NamedTuple):
    """The leading rotating pair of a step, without the penalty, and how the penalty moves it.

    Attributes:
        growth: real part, per step; positive if the pair grows under a flow.
        omega: imaginary part, radians per step; 0 where nothing rotates.
        damping: minus the slope of the real part in gamma, per step.
        products: Jacobian products that it took; 0 where the matrices were formed.
    """

    growth: float
    omega: float
    damping: float
    products: int

    def at(self, gamma: float) -> tuple[complex, complex]:
        """Return both eigenvalues under a penalty of weight gamma.

        Example:
            >>> [mu.real for mu in Pair(0.0, 0.5, 0.5, 0).at(1.0)]
            [-0.5, -0.5]
        """
        s = self.damping * gamma
        root = cmath.sqrt(complex(s * s - self.omega**2))
        return self.growth - s + root, self.growth - s - root

    def radius(self, gamma: float, simultaneous: bool = True) -> float:
        """Return what a step multiplies the pair by, in modulus; below 1 it dies out.

        Args:
            gamma: weight of the penalty.
            simultaneous: whether the players move at once; steps in turn leave a pure rotation's length as it is.
        """
        found = self.at(gamma)
        if simultaneous or abs(found[0].imag) == 0:
            return max(abs(1 + mu) for mu in found)
        # in turn: the determinant of two alternating steps is 1 + 2 Re mu to first order, and is exact on a rotation
        return math.sqrt(max(1 + 2 * found[0].real, 0.0))


def rates(exam: Examination) -> np.ndarray:
    """Return the rate that a step really takes for each parameter, both players joined.

    Moments that are still empty are taken from the mean square of the velocities of a few batches.
    """
    patient = exam.patient
    pace: Any = patient.method.rule.pace
    found = []
    for k, x in enumerate(patient.start):
        lr = float(rate(pace.lr, k))
        if isinstance(pace, (Adam, RMSProp)):
            second = _second(exam, k)
            found.append(lr / (np.sqrt(second) + max(float(pace.eps), 1e-12)))
        elif isinstance(pace, Momentum):
            found.append(np.full(len(x), lr / max(1 - float(pace.beta), 1e-3)))
        else:
            found.append(np.full(len(x), lr))
    return np.concatenate(found)


def _second(exam: Examination, player: int) -> np.ndarray:
    """Return the second moment of a player, corrected for its start at zero."""
    patient = exam.patient
    pace: Any = patient.method.rule.pace
    state = patient.state
    plain = isinstance(patient.method.rule, (rules.Alternating, rules.Simultaneous, rules.Extragradient))
    if plain:
        own = state[player]
        second = to_numpy(own[1] if isinstance(pace, Adam) else own[0]).astype(np.float64)
        count = float(own[2].value[0]) if isinstance(pace, Adam) else math.inf
        if second.any():
            return second / (1 - float(pace.beta2) ** count) if math.isfinite(count) and count > 0 else second
    drawn = [exam.velocity(exam.batch(k))[player] for k in range(4)]
    return np.mean(np.square(drawn), axis=0)


def leading_pair(exam: Examination, name: str = "r1") -> Pair:
    """Return the leading rotating pair and how a penalty moves it; looked for once an examination.

    Args:
        exam: the examination.
        name: of the penalty: `r1`, `r2`, or `r1+r2` at equal weights.

    Raises:
        Cannot: if the field cannot be linearized, or Arnoldi finds nothing.
    """
    return _once(exam, f"pair {name}", lambda: _pair(exam, name))


class _Mode(NamedTuple):
    """The leading eigenvalue without the penalty, its left and right vectors, and the products that it took."""

    value: complex
    left: np.ndarray
    right: np.ndarray
    products: int


def _pair(exam: Examination, name: str) -> Pair:
    if not all(isinstance(x, torch.Tensor) for x in exam.point):
        message = "the patient is not one of PyTorch"
        raise Cannot(message)
    mode: _Mode = _once(exam, "leading mode", lambda: _mode(exam))
    r, bare, point, batch = _bare(exam)
    full = with_penalties(bare, dict.fromkeys(name.split("+"), 1.0))
    ahead, plain = (products(one.field, point, batch)[0] for one in (full, bare))
    parts: Any = (np.real(mode.right), np.imag(mode.right))
    push = [r * (ahead(part) - plain(part)) for part in parts]
    return _made(mode, push[0] + 1j * push[1])


def _once(exam: Examination, name: str, make: Any) -> Any:
    """Return what was made under a name; a failure is kept, too, and raised again."""

    def look() -> Any:
        try:
            return make()
        except (Cannot, OutOfTime, RuntimeError, ValueError, ArithmeticError) as trouble:
            return Cannot(" ".join(str(trouble).split())[:200])

    found = exam.once(name, look)
    if isinstance(found, Exception):
        raise found
    return found


def _bare(exam: Examination) -> tuple[np.ndarray, Patient, Any, Any]:
    """Return the rates, the patient without R1 and R2, its point and a batch in float64."""

    def look() -> tuple[np.ndarray, Patient, Any, Any]:
        bare = with_penalties(exam.patient, dict.fromkeys(("r1", "r2"), 0.0))
        point = tuple(x.double() for x in exam.point)
        batch = placed(exam.batch(0, min(max(exam.patient.batch, LEAST), MOST)), point[0])
        return rates(exam), bare, point, batch

    return exam.once("bare patient", look)


def _mode(exam: Examination) -> _Mode:
    r, bare, point, batch = _bare(exam)
    if len(r) <= DENSE:
        return _dense(r[:, None] * field_jacobian(bare.field, point, batch))
    ahead, back = products(bare.field, point, batch)
    clock = _Clock(exam)
    left = _ends(lambda u: clock(back, r * u), len(r), np.random.default_rng(exam.seed).standard_normal(len(r)))
    k = _leading(left[0])
    start: Any = np.real(left[1][:, k])  # a rotation's left and right vectors are much alike
    right = _ends(lambda t: r * clock(ahead, t), len(r), start)
    return _matched(left, right, clock.products)


class _Clock:
    """Counts products, and stops where they take more than their share of the budget."""

    def __init__(self, exam: Examination) -> None:
        self.products: int = 0
        self.until: float = exam.spent + SHARE * max(exam.left, 0.0)
        self.exam: Examination = exam

    def __call__(self, product: Any, x: np.ndarray) -> np.ndarray:
        """Return a product.

        Raises:
            OutOfTime: if there is no time for it.
        """
        if self.exam.spent > self.until:
            message = f"the damping of the leading pair took more than {SHARE:.0%} of what was left of the budget"
            raise OutOfTime(message)
        self.products += 1
        return product(x)


def _matched(left: Any, right: Any, count: int) -> _Mode:
    """Return the leading eigenvalue of the right vectors, with the left vector of the same one."""
    k = _leading(right[0])
    value = right[0][k]
    j = int(np.argmin(np.abs(left[0] - value.conj())))
    if abs(left[0][j] - value.conj()) > 100 * ACCURACY * max(abs(value), 1e-300):
        message = "the left and the right vectors of the leading pair were not found to the same accuracy"
        raise Cannot(message)
    return _Mode(value, left[1][:, j], right[1][:, k], count)


def _dense(matrix: np.ndarray) -> _Mode:
    from scipy.linalg import eig

    if not np.isfinite(matrix).all():
        message = "the Jacobian of the field is not finite"
        raise Cannot(message)
    found: Any = eig(matrix, left=True, right=True)
    values, left, right = found
    k = _leading(values)
    return _Mode(values[k], left[:, k], right[:, k], 0)


def _ends(product: Any, size: int, start: np.ndarray) -> tuple[Any, Any]:
    """Return the eigenvalues of largest imaginary part, with their vectors."""
    from scipy.sparse import linalg

    operator: Any = linalg.LinearOperator
    eigs: Any = linalg.eigs
    try:
        return eigs(
            operator((size, size), matvec=product, dtype=np.float64), COUNT, which="LI", v0=start, tol=ACCURACY,
            ncv=min(BASIS, size), maxiter=RESTARTS,
        )  # fmt: skip
    except linalg.ArpackNoConvergence as failure:
        if len(failure.eigenvalues):
            return failure.eigenvalues, failure.eigenvectors
        message = f"Arnoldi found no eigenvalue of the step in {RESTARTS} restarts"
        raise Cannot(message) from failure
    except linalg.ArpackError as failure:
        message = f"Arnoldi failed on the step ({failure})"
        raise Cannot(message) from failure


def _leading(values: Any) -> int:
    """Return which eigenvalue turns fastest; of real ones, which a step multiplies by most."""
    turning = values.imag > REAL * np.abs(values)
    return int(np.argmax(np.where(turning, values.imag, -np.inf) if turning.any() else np.abs(1 + values)))


def _made(mode: _Mode, push: np.ndarray) -> Pair:
    product = np.vdot(mode.left, mode.right)
    slope = np.vdot(mode.left, push) / product if abs(product) > 0 else complex(math.nan)
    turning = abs(mode.value.imag) > REAL * abs(mode.value)
    omega = abs(float(mode.value.imag)) if turning else 0.0
    return Pair(float(mode.value.real), omega, -float(slope.real), mode.products)


def simultaneous(patient: Patient) -> bool:
    """Say whether the players move at once."""
    return isinstance(patient.method.rule, rules.Simultaneous)
