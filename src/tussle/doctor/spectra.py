"""The ends of the spectra of a patient's field and of its actual update, found on products alone.

The field's Jacobian J says what a flow would do here; the update's, what the method does, with the pace's own state.
The latter is read as the displacement step(x) - x, so that small rates do not crowd its eigenvalues; with nu such an
eigenvalue, the update's is 1 + nu. Second moments are held and momentum is put back into the eigenvalues (`held`).

All Krylov vectors are of J^T, whose spectrum is J's: a product J^T u is one pass back through the recorded field. An
eigenvector y of J^T is a left one of J: y . x follows a law of its own, whatever the rest does.

Uncertainties are those of the batch: y . J_b^T y of other batches b, spread and shift together. A shift tells of an
eigenvalue that is only the extreme of its own batch's noise.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tussle.doctor.densities import densities, share_of_rotation
from tussle.doctor.ends import Ends, place
from tussle.doctor.examination import Cannot, Examination
from tussle.doctor.held import held
from tussle.doctor.krylov import NotFiniteError, Operator, Subspace, krylov_schur
from tussle.doctor.products import (
    SMALL,
    cast,
    dense,
    kept,
    looked,
    quotient,
    recorded,
    seconds_of,
    verified,
    whole_field,
)
from tussle.game import joined, sizes_of
from tussle.rules import Alternating
from tussle.spectra import order_of

COUNT = {"quick": 4, "standard": 10, "deep": 10}  # leading eigenvalues
ACCURACY = {"quick": 1e-2, "standard": 1e-2, "deep": 1e-9}  # residual, relative to the largest modulus
MOST = {"quick": 24, "standard": 50, "deep": 1500}  # products; one of a convolutional GAN takes about three gradients
OTHERS = {"quick": 2, "standard": 4, "deep": 6}  # batches for the uncertainties
DENSE = 128  # parameters up to which the matrix is formed
MEMORY = 100 << 20  # bytes of a basis: 26 vectors of a million float32
Maker = Callable[[int], tuple[Callable[[Tensor], Tensor], Tensor]]
LEAST, LARGEST = 14, 60  # vectors of a basis


# Field and update -----------------------------------------------------------------------------------------------------


def field_ends(exam: Examination) -> Ends:
    """Return the ends of the spectrum of the method's field at the patient's point.

    Raises:
        Cannot: if the products are not finite or not to be trusted.
        OutOfTime: if they do not fit into the budget.
    """

    def make(number: int) -> tuple[Callable[[Tensor], Tensor], Tensor]:
        point, batch = cast(exam, looked(exam, number))
        return whole_field(exam.patient.field, point, batch)

    return exam.once("field ends", lambda: kept(exam, "field", _ends(exam, make, "the method's field")))


def map_ends(exam: Examination) -> Ends:
    """Return the ends of the spectrum of the update's displacement, the pace's state included.

    Raises:
        Cannot: if the products are not finite or not to be trusted.
        OutOfTime: if they do not fit into the budget.
    """
    return exam.once("map ends", lambda: kept(exam, "update", _map_ends(exam, 1.0)))


def plain_ends(exam: Examination) -> Ends:
    """Return the ends of the update's displacement without momentum, at rates of the same reach."""
    ends = map_ends(exam)
    if ends.subspace.basis.shape[1] == sum(sizes_of(exam.point)):
        return ends
    return exam.once("plain ends", lambda: _map_ends(exam, 1.0, plain=True))


def scaled_ends(exam: Examination, factor: float) -> Ends:
    """Return the ends of the update's displacement with all rates times a factor."""
    return exam.once(f"map ends {factor:g}", lambda: _map_ends(exam, factor))


def step_ends(exam: Examination) -> tuple[Any, dict[str, tuple[float, float]], str]:
    """Return the eigenvalues that a small step would multiply by, less 1: those of diag(rates) J, per step.

    Returns:
        the eigenvalues, the uncertainties at their ends, and how they were found: those of the field times the rate
        where all parameters have one; else from the update, whose own curvature in the rate is taken out to second
        order (its logarithm, for steps in turn).
    """
    model = held(exam)
    rate = 0.0 if model.rates is None else float(model.rates[0][0])
    if model.rates is not None and all(bool((r == rate).all()) for r in model.rates):
        ends = field_ends(exam)
        return rate * ends.values, {k: (rate * a, rate * b) for k, (a, b) in _sure(ends).items()}, "the field's"
    small = sum(sizes_of(exam.point)) <= SMALL
    ends = preconditioned_ends(exam) if small and model.rates is not None else map_ends(exam)
    values: Any = ends.values
    if not small and isinstance(model.map.rule, Alternating):
        values = np.log(1 + values)
    return values, _sure(ends), "those of the field times each parameter's rate"


def _sure(ends: Ends) -> dict[str, tuple[float, float]]:
    return {end: ends.uncertainty(end) for end in ends.spread}


def preconditioned_ends(exam: Examination) -> Ends:
    """Return the ends of the spectrum of diag(rates) J: the field as the pace stretches it."""

    def make(number: int) -> tuple[Callable[[Tensor], Tensor], Tensor]:
        point, batch = cast(exam, looked(exam, number))
        function, at = whole_field(exam.patient.field, point, batch)
        rates = held(exam).rates
        assert rates is not None
        factors = joined(rates).to(at.dtype)
        return (lambda x: factors * function(x)), at

    found = exam.once("preconditioned ends", lambda: _ends(exam, make, "the field times each parameter's rate"))
    return kept(exam, "preconditioned", found)


def _map_ends(exam: Examination, factor: float, plain: bool = False) -> Ends:
    model = held(exam)
    whole = sum(sizes_of(exam.point)) * (2 if model.beta else 1)
    full = model.plain is None or (whole <= DENSE and not plain)
    chosen = model if factor == 1.0 else model.at_scale(factor)

    def make(number: int) -> tuple[Callable[[Tensor], Tensor], Tensor]:
        point, batch = cast(exam, looked(exam, number))
        made = chosen.at(point)
        return made.displacement(batch, plain=not full)

    found = _ends(exam, make, f"the update: {type(chosen.map.rule).__name__.lower()} steps, {model.words}", update=True)
    if full:
        return found
    return Ends(**{**vars(found), "final": model.with_momentum(found.values)})


def _ends(exam: Examination, make: Maker, words: str, update: bool = False) -> Ends:
    """Return the ends of the spectrum of J^T for (function, vector) = make(number of a batch)."""
    check = verified(exam).check
    if not check.trusted:
        message = f"its Jacobian products are not to be trusted: {check.advice}"
        raise Cannot(message)
    before = exam.products
    found, accuracy = leading(exam, make, words)
    values, vectors, residuals = found.pairs()
    order = order_of(values)
    values, vectors, residuals = values[order], vectors[:, order], residuals[order]
    scale = max(float(np.abs(values).max(initial=0.0)), 1e-300)
    ends = ("real", "imaginary", "modulus", "radius") if update else ("real", "imaginary", "modulus")
    spread = _spread(exam, make, found, values, vectors, ends)
    size = found.basis.shape[1]
    return Ends(values, residuals / scale, found, spread, accuracy, size, exam.products - before, words)


def leading(exam: Examination, make: Maker, words: str) -> tuple[Subspace, float]:
    """Return a subspace with the leading eigenvalues, and the relative residual at which they count as found.

    Args:
        exam: the examination, for depth, budget and seed.
        make: from the number of a batch to the function and the vector whose J^T is meant.
        words: what it is, for the case that the budget is spent.

    Raises:
        Cannot: if a product is not finite.
    """
    function, at = make(0)
    operator, depth, size = recorded(exam, function, at), exam.depth, len(at)
    accuracy = max(ACCURACY[depth], 3e-5 if at.dtype == torch.float32 else 0.0)
    start = torch.as_tensor(np.random.default_rng(exam.seed).standard_normal(size), dtype=at.dtype, device=at.device)
    try:
        if size <= DENSE:
            return dense(operator, at), accuracy
        most, count = _affordable(exam, operator, start, words), min(COUNT[depth], size - 2)
        vectors = room(size, at.dtype)
        found = krylov_schur(
            operator, start, count, accuracy=accuracy, basis=vectors, most=most, strict=depth == "deep"
        )
    except NotFiniteError as trouble:
        message = f"{trouble} at the patient's point"
        raise Cannot(message) from trouble
    return found, accuracy


def room(size: int, dtype: torch.dtype) -> int:
    """Return how many vectors a basis may hold."""
    return int(np.clip(MEMORY // (size * torch.finfo(dtype).bits // 8), LEAST, LARGEST))


def _affordable(exam: Examination, operator: Operator, start: Tensor, words: str) -> int:
    """Return how many products may be taken; half of what is left of the budget may go."""
    each = seconds_of(operator, start)
    exam.needs(2 * LEAST * each, f"the spectrum of {words}")
    return int(np.clip(0.5 * exam.left / max(each, 1e-9), LEAST, MOST[exam.depth]))


def _spread(
    exam: Examination, make: Maker, found: Subspace, values: Any, vectors: Any, ends: Any
) -> dict[str, tuple[float, float]]:
    """Return the uncertainties at the ends: y . J_b^T y of other batches, their spread and their shift together."""
    places = {end: place(values, end) for end in ends}
    seen: dict[int, list[complex]] = {k: [] for k in places.values()}
    for number in range(1, 1 + OTHERS[exam.depth]):
        for k, one in _quotients(exam, make(number), found, vectors, list(seen)).items():
            seen[k].append(one)
    result = {}
    for end, k in places.items():
        q: Any = np.array(seen[k])
        shift, spread = q.mean() - values[k], np.array([q.real.std(ddof=1), q.imag.std(ddof=1)])
        result[end] = (float(np.hypot(spread[0], shift.real)), float(np.hypot(spread[1], shift.imag)))
    return result


# The report -----------------------------------------------------------------------------------------------------------


def _quotients(exam: Examination, made: Any, found: Subspace, vectors: Any, places: list[int]) -> dict[int, complex]:
    """Return y . J_b^T y of some eigenvectors on another batch, whose record lives no longer than this call."""
    operator = recorded(exam, *made)
    return {k: quotient(operator, found.basis, vectors[:, k]) for k in places}


def told(exam: Examination) -> dict[str, Any] | None:
    """Return what was measured of the spectra, as JSON knows it; None if nothing was."""
    measured = exam.once("told spectra", dict)
    if not measured:
        return None
    found = {name: one.to_json() for name, one in measured.items()}
    if "update" in measured:
        ends = measured["update"]
        found["update"] |= {"radius": ends.radius, "update": [[float(z.real), float(z.imag)] for z in ends.update]}
    check = verified(exam).check
    return found | {
        "verification": {
            "relative_error": check.relative_error,
            "trusted": check.trusted,
            "moved": verified(exam).moved,
        }
    }


__all__ = [
    "Ends",
    "densities",
    "field_ends",
    "map_ends",
    "plain_ends",
    "preconditioned_ends",
    "scaled_ends",
    "share_of_rotation",
    "step_ends",
    "told",
]
