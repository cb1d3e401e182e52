"""The field of the erf least-squares GAN over boxes of parameters: balls and signs that are proven, with python-flint.

The field is (a, b, g, h)' = minus the gradient of each player's own loss: under the paper's cost D climbs J in (a, b)
and G descends it in (g, h); under the zero-sum label cost D descends V and G climbs it. A box gives each of a, b, g, h
and c an interval; what is returned holds for every point of the box.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flint import arb, ctx

from tussle import checks
from tussle.lowdim.ranges import BITS, Ends, ends, meet, panels, plus, psi_over, times
from tussle.lowdim.rigorous import Enclosure, chained, nothing

NAMES = ("a", "b", "g", "h")
SMALLEST = 1e-5  # width, relative to the whole, below which a part is not halved again

Intervals = dict[str, tuple[float, float]]
Balls = dict[str, arb]
Jacobian = dict[tuple[str, str], arb]


class Term(NamedTuple):
    """A player's field is `sign` times the gradient of E[(D(X) - real)^2] + E[(D(G) - fake)^2]."""

    sign: int
    real: float | None
    fake: float


# Requests -----------------------------------------------------------------------------------------------------------


def players(cost: str | Sequence[float]) -> tuple[Term, Term]:
    """Return what D and G follow: `paper`, `zero_sum`, `labels=FAKE,REAL,GENERATOR` or these three numbers.

    Raises:
        ValueError: if the name is unknown or the labels are not three numbers.
    """
    given: Sequence[Any] = (0.0, 1.0, 1.0) if cost == "labels" else cost
    if isinstance(given, str):
        name, equals, rest = given.partition("=")
        if not equals or name != "labels":
            name = checks.choice("cost", given.replace("-", "_"), ("paper", "zero_sum", "labels"))
            own = (0.0, 1.0) if name == "paper" else (1.0, 0.0)
            sign = 1 if name == "paper" else -1
            return Term(sign, *own), Term(-sign, *own)
        given = rest.split(",")
    try:
        fake, real, generator = (float(label) for label in given)
    except (TypeError, ValueError):
        fake = real = generator = math.nan
    if not math.isfinite(fake + real + generator):
        message = f"`cost` is {cost!r}; labels must be three numbers (fake, real, generator); write labels=0,1,1."
        raise ValueError(message)
    return Term(-1, real, fake), Term(-1, None, generator)


def intervals(box: Mapping[str, Any], free: Sequence[str]) -> Intervals:
    """Return a checked box: an interval for each of a, b, g, h and c; a number is the interval of itself.

    Raises:
        ValueError: if a parameter is missing or unknown, an interval is empty, c may be 0, or `free` is not free.
    """
    found: Intervals = {}
    for name in (*NAMES, "c"):
        if name not in box:
            message = f"`box` lacks {name}; it must give a, b, g, h and c; add a number or a pair (low, high)."
            raise ValueError(message)
    for name, value in box.items():
        checks.choice("box", name, (*NAMES, "c"))
        low, high = value if isinstance(value, tuple | list) else (value, value)
        found[name] = (float(checks.number(name, low)), float(checks.number(name, high)))
        if low > high:
            message = f"`{name}` is ({low}, {high}); its low end must not be above its high end; swap them."
            raise ValueError(message)
    checks.positive("c", found["c"][0])
    if not balls_of(found)["c"] > 0:
        message = f"`c` is {found['c']}; it must be bounded away from 0; raise its low end."
        raise ValueError(message)
    for name in free:
        checks.choice("free", name, NAMES)
        if found[name][0] == found[name][1]:
            message = f"`{name}` is free but {found[name][0]} is no interval; give `{name}` a pair (low, high)."
            raise ValueError(message)
    if not free:
        message = "`free` is empty; it must name at least one of a, b, g and h; give e.g. ('b', 'h')."
        raise ValueError(message)
    return found


def balls_of(box: Intervals) -> Balls:
    """Return balls that contain the intervals."""
    return {name: arb(low).union(arb(high)) for name, (low, high) in box.items()}


# The field over a box -----------------------------------------------------------------------------------------------


def field_over(x: Balls, cost: tuple[Term, Term]) -> tuple[Balls, Jacobian]:
    """Enclose the field and its Jacobian, keyed by names, at every point of a box of balls."""
    with ctx.workprec(BITS):
        middle = {name: ball if name == "c" else ball.mid() for name, ball in x.items()}
        field: Balls = {}
        jacobian: Jacobian = {}
        known: dict[tuple[float | None, float], tuple[Enclosure, Enclosure]] = {}
        for term, own in zip(cost, (NAMES[:2], NAMES[2:]), strict=True):
            key = (term.real, term.fake)
            if key not in known:
                known[key] = _loss(x, term), _loss(middle, term)
            wide, center = known[key]
            for name in own:
                i = NAMES.index(name)
                moved = sum((wide.hessian[i][j] * (x[n] - middle[n]) for j, n in enumerate(NAMES)), center.gradient[i])
                field[name] = term.sign * meet(moved, wide.gradient[i])
                jacobian |= {(name, n): term.sign * wide.hessian[i][j] for j, n in enumerate(NAMES)}
        return field, jacobian


def _loss(x: Balls, term: Term) -> Enclosure:
    a, b, g, h, c = (x[name] for name in (*NAMES, "c"))
    first = nothing() if term.real is None else psi_over(a / c, b, arb(term.real))
    return chained(a, g, h, c, first, psi_over(a * g, a * h + b, arb(term.fake)))


def signs_over(box: Intervals, cost: tuple[Term, Term], free: Sequence[str]) -> tuple[dict[str, int], Jacobian]:
    """Return proven signs of the field's free components over a box: 1 or -1 where one is kept, else 0.

    The Jacobian over the box comes with them if it was needed; otherwise it is empty.
    """
    found: dict[str, int] = {}
    for term, own in zip(cost, (NAMES[:2], NAMES[2:]), strict=True):
        found |= _coarse_signs(box, term, [name for name in free if name in own])
    if any(found.values()):
        return found, {}
    field, jacobian = field_over(balls_of(box), cost)
    return {name: ends(field[name]).sign for name in free}, jacobian


def _coarse_signs(box: Intervals, term: Term, names: Sequence[str]) -> dict[str, int]:
    """Return the signs that panels alone prove, on boxes of any size if f' keeps its own sign."""
    if not names:
        return {}
    with ctx.workprec(BITS):
        a, b, g, h = (Ends(arb(box[n][0]), arb(box[n][1])) for n in NAMES)
        inverse = Ends((1 / arb(box["c"][1])).lower(), (1 / arb(box["c"][0])).upper())
        pB = pA = Ends(arb(0), arb(0))
        if term.real is not None:
            pB, pA = panels(times(a, inverse).ball, b.ball, arb(term.real)).first
        qB, qA = panels(times(a, g).ball, plus(times(a, h), b).ball, arb(term.fake)).first
        slope = plus(times(pA, inverse), times(g, qA), times(h, qB))
        gradient = {"a": slope, "b": plus(pB, qB), "g": times(a, qA), "h": times(a, qB)}
        return {name: term.sign * gradient[name].sign for name in names}


# Parts of a box -----------------------------------------------------------------------------------------------------


def halves(part: Intervals, whole: Intervals, jacobian: Jacobian, names: Sequence[str] = ()) -> list[Intervals]:
    """Halve a part along one of `names`, or any; none if it is too small.

    It is cut where the field changes most over it, |J_ij| times the width, or along c if that is by far the widest.
    """
    width = {n: high - low for n, (low, high) in part.items()}
    share = {n: width[n] / (whole[n][1] - whole[n][0]) for n in names or whole if whole[n][0] < whole[n][1]}
    if max(share.values(), default=0.0) <= SMALLEST:
        return []
    change = dict.fromkeys(share, 0.0)
    for (_, n), entry in jacobian.items():
        if share.get(n, 0.0) > SMALLEST:
            change[n] = max(change[n], float(entry.abs_upper()) * width[n])
    others = max((s for n, s in share.items() if n != "c"), default=0.0)
    name = "c" if share.get("c", 0.0) > 2 * others else max(share, key=lambda n: (change[n], share[n]))
    low, high = part[name]
    middle = low / 2 + high / 2
    return [{**part, name: (low, middle)}, {**part, name: (middle, high)}] if low < middle < high else []


def outward(x: Balls) -> Intervals:
    """Return floats that enclose the balls."""
    down = {n: math.nextafter(float(ball.lower()), -math.inf) for n, ball in x.items()}
    return {n: (down[n], math.nextafter(float(ball.upper()), math.inf)) for n, ball in x.items()}


def middle_text(box: Intervals) -> str:
    """Return the middle of a box's intervals as text."""
    middle = {name: low / 2 + high / 2 for name, (low, high) in box.items() if low < high}
    return ", ".join(f"{name} = {value:.6g}" for name, value in middle.items())
