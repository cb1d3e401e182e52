"""Proven statements about boxes of parameters of the erf least-squares GAN, by interval Newton, with python-flint.

The game's field is (a, b, g, h)' = minus the gradient of each player's own loss: under the paper's cost D climbs J in
(a, b) and G descends it in (g, h); under the zero-sum label cost D descends V and G climbs it. All numbers are balls
that contain the truth for every point of the box, so a statement with `proven=True` is a theorem about the exact game
(as far as Arb is right). `proven=False` is not its negation, unless the reason says so.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flint import acb_mat, arb, arb_mat, ctx

from tussle import checks
from tussle.lowdim.enclosed import (
    Balls,
    Intervals,
    Jacobian,
    Term,
    balls_of,
    field_over,
    halves,
    intervals,
    middle_text,
    outward,
    players,
    signs_over,
)
from tussle.lowdim.ranges import BITS
from tussle.records import record, static

ROUNDS = 60  # of interval Newton


@record
class NoCriticalPoint:
    """Whether the field was proven to vanish nowhere in a box.

    Attributes:
        proven: True if on each part of the box some component of the field keeps its sign.
        reason: one sentence.
        signs: the evidence: on how many parts which component keeps which sign, as in {"h' > 0": 12}.
        parts: number of parts that were decided.
        undecided: the part that stopped the proof, or None.
    """

    proven: bool = static()
    reason: str = static()
    signs: dict[str, int] = static()
    parts: int = static()
    undecided: Intervals | None = static(default=None)


@record
class UniqueEquilibrium:
    """Whether a box was proven to contain exactly one zero of the field.

    Attributes:
        proven: True if it does.
        reason: one sentence; it also tells if there is proven to be none.
        enclosure: a small box that contains the equilibrium (the free parameters' intervals), or None.
        contraction: norm of I - Y J over the box of the proof, in units of its widths; below 1, nan without a proof.
        rounds: steps of interval Newton and of pruning.
    """

    proven: bool = static()
    reason: str = static()
    enclosure: Intervals | None = static(default=None)
    contraction: float = static(default=math.nan)
    rounds: int = static(default=0)


@record
class Attraction:
    """Whether all eigenvalues of the field's Jacobian were proven to have negative real parts in a box.

    Attributes:
        proven: True if they have.
        reason: one sentence; it also tells if all are proven to be positive.
        abscissa: lower and upper bound of the real parts of all eigenvalues over the box.
        parts: number of parts that the box was cut into.
    """

    proven: bool = static()
    reason: str = static()
    abscissa: tuple[float, float] = static()
    parts: int = static()


# No critical point --------------------------------------------------------------------------------------------------


def no_critical_point(
    box: Mapping[str, Any],
    cost: str | Sequence[float] = "paper",
    free: Sequence[str] = ("b", "h"),
    *,
    limit: int = 2000,
) -> NoCriticalPoint:
    """Try to prove that the field of the free parameters vanishes nowhere in a box.

    The box is halved until on each part some component of the field is proven to keep its sign. For the paper's cost
    and a > 0 one look is enough: h' = 2 a E[(1 - D(G)) phi(a G + b)] > 0.

    Args:
        box: for each of a, b, g, h and c a number or a pair (low, high); the statement holds for all of them.
        cost: `paper`, `zero_sum`, `labels=FAKE,REAL,GENERATOR` or three labels (fake, real, generator).
        free: the parameters that the players move.
        limit: most parts that are looked at.

    Returns:
        the statement with its evidence.

    Raises:
        ValueError: if the box, the cost or `free` is not as above.

    Example:
        >>> window = {"a": 2.2, "b": (-4, 2), "g": 1.5, "h": (-2.1, 3.1), "c": 0.5}
        >>> print(no_critical_point(window).signs)
        {"h' > 0": 1}
    """
    whole, terms = intervals(box, free), players(cost)
    checks.count("limit", limit)
    stack, signs, looked = [whole], dict[str, int](), 0
    while stack:
        part, looked = stack.pop(), looked + 1
        kept, jacobian = signs_over(part, terms, free)
        found = next((f"{n}' {'>' if s > 0 else '<'} 0" for n, s in kept.items() if s), None)
        if found is not None:
            signs[found] = signs.get(found, 0) + 1
            continue
        smaller = halves(part, whole, jacobian)
        if not smaller or looked + len(stack) + 2 > limit:
            why = "on the smallest part that is tried" if not smaller else f"within {limit} parts"
            reason = f"undecided: {why} no component of the field keeps its sign near {middle_text(part)}"
            return NoCriticalPoint(False, reason, signs, sum(signs.values()), part)
        stack += smaller
    reason = f"on each of {sum(signs.values())} parts a component of the field keeps its sign: {', '.join(signs)}"
    return NoCriticalPoint(True, reason, signs, sum(signs.values()))


# Exactly one equilibrium --------------------------------------------------------------------------------------------


def unique_equilibrium(
    box: Mapping[str, Any],
    cost: str | Sequence[float] = "zero_sum",
    free: Sequence[str] = ("a", "b", "h"),
    *,
    limit: int = 64,
) -> UniqueEquilibrium:
    """Try to prove that the field of the free parameters vanishes exactly once in a box, by Krawczyk's operator.

    With Y about the inverse of the Jacobian and m the middle of X,

        K(X) = m - Y f(m) + (I - Y J(X)) (X - m)

    contains every zero in X; if K(X) lies in the interior of X, there is exactly one (Krawczyk 1969, Moore 1977). X is
    replaced by X and K(X), or by the hull of those parts where no component keeps its sign, until this is so.

    Args:
        box: as in `no_critical_point`; if c or another parameter that is not free is an interval, the statement holds
            for each of its values.
        cost: as there.
        free: the parameters that the players move.
        limit: most parts of a box in one round of pruning.

    Returns:
        the statement with a small enclosure of the equilibrium.

    Raises:
        ValueError: if the box, the cost or `free` is not as above.

    Example:
        >>> box = {"a": (-0.02, 0.02), "b": (-0.02, 0.02), "g": 1.2, "h": (-0.23, -0.17), "c": 1}
        >>> found = unique_equilibrium(box)
        >>> print(found.proven, round(sum(found.enclosure["h"]) / 2, 9))
        True -0.2
    """
    whole, terms = intervals(box, free), players(cost)
    checks.count("limit", limit)
    x, contraction, none = balls_of(whole), math.nan, "refuted: the box is proven to contain no equilibrium"
    for rounds in range(1, ROUNDS + 1):
        image, norm = _newton(x, terms, free)
        if any(not x[n].overlaps(ball) for n, ball in image.items()):
            return UniqueEquilibrium(False, none, rounds=rounds)
        if image and math.isnan(contraction) and all(x[n].contains_interior(ball) for n, ball in image.items()):
            contraction = norm
        smaller = x | {n: x[n].intersection(ball) for n, ball in image.items()}
        if math.isnan(contraction) and not _shrunk(smaller, x, free):
            rest = _remaining(outward(x), whole, terms, free, limit)
            if rest is None:
                return UniqueEquilibrium(False, none, rounds=rounds)
            smaller = x | {n: ball for n, ball in balls_of(rest).items() if n in free}
        if not _shrunk(smaller, x, free):
            break
        x = smaller
    return _concluded(whole, outward({n: x[n] for n in free}), contraction, rounds)


def _concluded(whole: Intervals, found: Intervals, contraction: float, rounds: int) -> UniqueEquilibrium:
    if math.isnan(contraction):
        reason = f"undecided: interval Newton does not contract near {middle_text(found)}"
        return UniqueEquilibrium(False, reason, rounds=rounds)
    if any(low < whole[n][0] or high > whole[n][1] for n, (low, high) in found.items()):
        reason = f"undecided: there is an equilibrium near {middle_text(found)}, too close to the edge of the box"
        return UniqueEquilibrium(False, reason, found, contraction, rounds)
    reason = f"exactly one equilibrium, near {middle_text(found)}: Krawczyk's operator maps a box around it into itself"
    return UniqueEquilibrium(True, reason, found, contraction, rounds)


def _newton(x: Balls, terms: tuple[Term, Term], free: Sequence[str]) -> tuple[Balls, float]:
    """Return K(X) and the norm of I - Y J(X) in units of X's widths; nothing and infinity without an inverse Y."""
    middle = x | {n: x[n].mid() for n in free}
    field, _ = field_over(middle, terms)
    _, jacobian = field_over(x, terms)
    rows = [[jacobian[n, k] for k in free] for n in free]
    try:
        inverse = np.linalg.inv([[float(ball.mid()) for ball in row] for row in rows])
    except np.linalg.LinAlgError:
        return {}, math.inf
    if not np.all(np.isfinite(inverse)):
        return {}, math.inf
    with ctx.workprec(BITS):
        Y, size = arb_mat(inverse.tolist()), len(free)
        rest = arb_mat(np.eye(size).tolist()) - Y * arb_mat(rows)
        step = Y * arb_mat([[field[n]] for n in free])
        moved = rest * arb_mat([[x[n] - middle[n]] for n in free])
        radii = [x[n].rad() for n in free]
        sums = [sum((rest[i, j].abs_upper() * r for j, r in enumerate(radii)), arb(0)) for i in range(size)]
        norm = max(float((s / r).upper()) for s, r in zip(sums, radii, strict=True))
        return {n: middle[n] - step[i, 0] + moved[i, 0] for i, n in enumerate(free)}, norm


def _shrunk(new: Balls, old: Balls, names: Sequence[str]) -> bool:
    return any(float(new[n].rad()) < 0.9 * float(old[n].rad()) for n in names)


def _remaining(
    box: Intervals, whole: Intervals, terms: tuple[Term, Term], free: Sequence[str], limit: int
) -> Intervals | None:
    """Return a box around the parts where no component is proven to keep its sign, or None without such.

    Parts are halved until their hull is clearly smaller than the box or there are too many of them.
    """
    known = [(box, signs_over(box, terms, free)[1])]
    while True:
        count = len(known)
        cut = [half for part, jacobian in known for half in halves(part, whole, jacobian, free) or [part]]
        looks = [(half, *signs_over(half, terms, free)) for half in cut]
        known = [(half, jacobian) for half, kept, jacobian in looks if not any(kept.values())]
        if not known:
            return None
        hull = {n: (min(p[n][0] for p, _ in known), max(p[n][1] for p, _ in known)) for n in box}
        narrow = any(hull[n][1] - hull[n][0] < 0.7 * (box[n][1] - box[n][0]) for n in free)
        if narrow or 2 * len(known) > limit or len(cut) == count:
            return hull


# Attraction ---------------------------------------------------------------------------------------------------------


def attracts(
    box: Mapping[str, Any],
    cost: str | Sequence[float] = "zero_sum",
    free: Sequence[str] = ("a", "b", "h"),
    *,
    limit: int = 256,
) -> Attraction:
    """Try to prove that the field's Jacobian has only eigenvalues with negative real parts, everywhere in a box.

    In an approximate basis of eigenvectors V, V^-1 J(X) V is nearly diagonal, and by Gershgorin's theorem its discs
    contain all eigenvalues. An equilibrium in such a box attracts the flow of the free parameters.

    Args:
        box: as in `no_critical_point`; give the `enclosure` of `unique_equilibrium` for the sharpest bound.
        cost: as there.
        free: the parameters that the players move.
        limit: most parts that the box is cut into.

    Returns:
        the statement with bounds of the real parts.

    Raises:
        ValueError: if the box, the cost or `free` is not as above.

    Example:
        >>> box = {"a": (-1e-3, 1e-3), "b": (-1e-3, 1e-3), "g": 1.2, "h": (-0.201, -0.199), "c": 1}
        >>> print(attracts(box).proven)
        True
    """
    whole, terms = intervals(box, free), players(cost)
    checks.count("limit", limit)
    stack, low, high, looked = [whole], math.inf, -math.inf, 0
    while stack:
        part, looked = stack.pop(), looked + 1
        _, jacobian = field_over(balls_of(part), terms)
        bounds = _real_parts(jacobian, free)
        if bounds[1] < 0:
            low, high = min(low, bounds[0]), max(high, bounds[1])
            continue
        if _trace(jacobian, free) > 0:
            where = middle_text(part)
            reason = f"refuted: the trace is positive near {where}, so an eigenvalue has a positive real part"
            return Attraction(False, reason, bounds, looked)
        smaller = halves(part, whole, jacobian)
        if not smaller or looked + len(stack) + 2 > limit:
            where = f"[{bounds[0]:.6g}, {bounds[1]:.6g}] near {middle_text(part)}"
            return Attraction(False, f"undecided: the real parts are only known to lie in {where}", bounds, looked)
        stack += smaller
    reason = f"everywhere in the box the Jacobian's eigenvalues have real parts in [{low:.6g}, {high:.6g}]"
    return Attraction(True, reason, (low, high), looked)


def _trace(jacobian: Jacobian, free: Sequence[str]) -> arb:
    """Enclose the sum of the eigenvalues."""
    with ctx.workprec(BITS):
        return sum((jacobian[n, n] for n in free), arb(0))


def _real_parts(jacobian: Jacobian, free: Sequence[str]) -> tuple[float, float]:
    """Bound the real parts of all eigenvalues of an interval matrix by Gershgorin's discs."""
    rows = [[jacobian[n, k] for k in free] for n in free]
    middle = np.array([[float(ball.mid()) for ball in row] for row in rows])
    if not np.all(np.isfinite(middle)):
        return -math.inf, math.inf
    with ctx.workprec(BITS):
        basis = acb_mat(np.linalg.eig(middle)[1].astype(complex).tolist())
        try:
            near = basis.solve(acb_mat(arb_mat(rows)) * basis)
        except ZeroDivisionError:  # the eigenvectors do not span: nothing is known
            return -math.inf, math.inf
        discs: Balls = {}
        for i, name in enumerate(free):
            others = (near[i, j].abs_upper() for j in range(len(free)) if j != i)
            discs[name] = near[i, i].real + arb(0, sum(others, arb(0)).upper())
        found = outward(discs).values()
        return min(low for low, _ in found), max(high for _, high in found)
