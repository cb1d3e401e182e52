"""Products with a patient's Jacobians: what is recorded, on which batch, at which spot, and how far they are right.

A product J^T u is one pass back through a record of the field, kept as long as its operator.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tussle.autodiff import pullback
from tussle.doctor.examination import Examination
from tussle.doctor.krylov import NotFiniteError, Operator, Subspace
from tussle.game import Point, joined, placed, sizes_of, split
from tussle.networks.spectrum import Verification
from tussle.records import record, static

SMALL = 20_000  # parameters up to which more samples are looked at, in float64
SAMPLES = 512  # that are looked at then
FIRST = 2000  # numbers of the batches; others look at those before
NUDGE = 1e-3  # relative shift off a kink
GENTLE = 4  # samples on which the products of large networks are verified, in float64
STEPS = tuple(10.0**-k for k in range(1, 7))  # of a central difference, times eps^(1/3) of the point's size
TOLERANCE = 1e-5  # relative error of a product that is believed; wrong third derivatives are off by 0.7 % and more


def looked(exam: Examination, number: int = 0) -> Any:
    """Return a batch for spectra: more samples of small networks."""
    few = sum(sizes_of(exam.point)) <= SMALL
    return exam.batch(FIRST + number, max(exam.patient.batch, SAMPLES) if few else None)


def recorded(exam: Examination, function: Callable[[Tensor], Tensor], at: Tensor) -> Operator:
    """Return u -> J^T u of a function at a vector, recorded once; products are counted."""
    _, pull = pullback(function, at)

    def product(u: Tensor) -> Tensor:
        exam.products += 1
        return pull(u)

    return product


def whole_field(field: Any, point: Point, batch: Any) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """Return a field as a function of one vector, and that vector."""
    sizes = sizes_of(point)
    return (lambda x: joined(field(split(x, sizes), batch))), joined(point)


def precise(exam: Examination) -> torch.dtype:
    """Return the type to compute in: float64 for small networks and deep looks, else the patient's own."""
    small = sum(sizes_of(exam.point)) <= SMALL
    return torch.float64 if small or exam.depth == "deep" else exam.point[0].dtype


def cast(exam: Examination, batch: Any) -> tuple[Point, Any]:
    """Return the spot that spectra are of, and a batch, in the type to compute in."""
    point = tuple(x.to(precise(exam)) for x in verified(exam).point)
    return point, placed(batch, point[0])


@record
class Spot:
    """Where spectra are of, and how far one Jacobian product there is from a central difference in float64.

    Attributes:
        point: the patient's, or one next to it where that lies on a kink.
        check: of the product.
        moved: by how much, relative to the patient's point; 0 for that itself.
    """

    point: Point = static()
    check: Verification = static()
    moved: float = static()


def verified(exam: Examination) -> Spot:
    """Return the spot that spectra are of, with its verification.

    Where the product fails at the patient's point and holds next to it, the point lies on a kink, as untrained
    piecewise linear networks with zero biases do: there is no Jacobian at the point, but there is one beside it.
    """

    def look() -> Spot:
        few = sum(sizes_of(exam.point)) <= SMALL
        batch = exam.batch(FIRST, None if few else min(exam.patient.batch, GENTLE))
        rng = np.random.default_rng(exam.seed)
        found = []
        for share in (0.0, NUDGE):
            shifts = (torch.as_tensor(rng.standard_normal(len(x)), dtype=x.dtype, device=x.device) for x in exam.point)
            sizes = (float(x.norm()) / len(x) ** 0.5 or 1.0 for x in exam.point)
            point = tuple(x + share * size * s for x, size, s in zip(exam.point, sizes, shifts, strict=True))
            check = compared(exam.patient.field, point, batch, exam.seed)
            found.append(Spot(point, check, share))
            if check.trusted:
                break
        return found[-1] if found[-1].check.trusted else found[0]

    return exam.once("product verification", look)


def compared(field: Any, point: Point, batch: Any, seed: int) -> Verification:
    """Compare one Jacobian product with central differences of the field, player by player, in float64.

    As `networks.verify_product`, in the direction t = J^T g of a random g, player by player: in it the field changes
    most, so that differences may be as small as the kinks of a large piecewise linear network ask for.
    """
    point = tuple(x.double() for x in point)
    batch, sizes = placed(batch, point[0]), sizes_of(point)
    function, x = whole_field(field, point, batch)
    _, pull = pullback(function, x)
    g = torch.as_tensor(np.random.default_rng(seed).standard_normal(len(x)), dtype=x.dtype, device=x.device)
    t = torch.cat([part / max(float(part.norm()), 1e-300) for part in split(pull(g), sizes)])
    t = t if bool(torch.any(t)) else g
    t = t / t.norm()
    first = float(np.finfo(np.float64).eps ** (1 / 3)) * max(float(x.norm()), 1.0)
    best = np.full(len(sizes), np.inf)
    for step in STEPS:
        difference = (function(x + first * step * t) - function(x - first * step * t)).detach() / (2 * first * step)
        best = np.minimum(best, [_off(pull, part, t, sizes, k) for k, part in enumerate(split(difference, sizes))])
        if best.max() <= TOLERANCE:
            break
    error = float(best.max())
    good = f"a Jacobian product agrees with a finite difference to {error:.1e}"
    bad = (
        f"a Jacobian product differs from finite differences by {error:.1e}; write batch, instance, layer, weight and "
        "spectral norms out in plain arithmetic or put them in evaluation mode"
    )
    return Verification(error, TOLERANCE, good if error <= TOLERANCE else bad)


def _off(pull: Operator, part: Tensor, t: Tensor, sizes: tuple[int, ...], player: int) -> float:
    """Return how far u . J t is from |D|, relatively, for u along one player's part D of the difference."""
    length = float(part.norm())
    if length == 0:
        return 0.0
    u = torch.zeros_like(t)
    start = sum(sizes[:player])
    u[start : start + sizes[player]] = part / length
    error = abs(float(pull(u) @ t) - length) / length
    return error if np.isfinite(error) else float("inf")


def seconds_of(operator: Operator, u: Tensor) -> float:
    """Return the seconds that one product takes."""
    began = time.perf_counter()
    operator(u)
    return time.perf_counter() - began


def dense(operator: Operator, at: Tensor) -> Subspace:
    """Return the whole space, with the matrix of J^T in its Schur basis."""
    from scipy.linalg import schur

    columns = [operator(e) for e in torch.eye(len(at), dtype=at.dtype, device=at.device)]
    matrix = torch.stack(columns, 1).double().cpu().numpy()
    if not np.all(np.isfinite(matrix)):
        message = "a Jacobian product is not finite"
        raise NotFiniteError(message)
    small, turn, *_ = schur(matrix, output="real")
    rows = torch.as_tensor(np.ascontiguousarray(turn.T), dtype=at.dtype, device=at.device)
    return Subspace(rows, small, np.zeros(len(at)), len(at))


def quotient(operator: Operator, basis: Tensor, vector: Any) -> complex:
    """Return y . J^T y / y . y for a vector given in a basis; two products for a complex one."""
    parts = [torch.as_tensor(p, dtype=basis.dtype, device=basis.device) @ basis for p in (vector.real, vector.imag)]
    square = sum(float(p @ p) for p in parts)
    images = [operator(p) if bool(torch.any(p)) else torch.zeros_like(p) for p in parts]
    (a, b), (c, d) = parts, images
    return complex(float(a @ c + b @ d), float(a @ d - b @ c)) / square


def kept(exam: Examination, name: str, value: Any) -> Any:
    """Return what was measured, and put it down for the report."""
    exam.once("told spectra", dict)[name] = value
    return value
