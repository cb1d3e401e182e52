"""Relaxing the choice of divergence: what a bump costs that only one of two laws has.

Real and generated law have the masses w and e on a bump and are proportional elsewhere: a two-point problem, whose
divergences are sums of two terms, such as KL = w log(w/e) + (1-w) log((1-w)/(1-e)).

Reference:
    Nie, Patel, UAI 2019; the source text's section 3.1.
"""

import math
from collections.abc import Sequence

from tussle import checks
from tussle.assumptions.experiments import Experiment, Value
from tussle.divergences import divergence
from tussle.measures import Atoms

MASSES = (1e-2, 1e-4, 1e-8, 1e-16, 0.0)
NAMES = ("kl", "reverse_kl", "js", "tv", "hellinger2", "w1")
COLUMNS = (
    "bump of", "e", "KL(r||g)", "KL(g||r)", "JS", "TV", "H2", "W1", "local KL(r||g)", "local KL(g||r)",
)  # fmt: skip
NOTES = (
    "The law that has the bump puts the mass w on it, the other e; elsewhere they are proportional. The row e = 0 is "
    "the limit.",
    "Of the KL of a law without the bump to one with it only the local term e log(e/w) goes to 0; normalization leaves "
    "-log(1-w). The source text says that it goes to 0.",
    "The specification prints KL(r||g) = 1.51694 for e = 1e-8 and 2.94219 for e = 1e-16; its own formula, w = 0.1, "
    "gives 1.51699 and 3.35905, as here.",
)


def bumps(w: float = 0.1, masses: Sequence[float] = MASSES, place: float = 8.0) -> Experiment:
    """Return the divergences of two laws of which one all but lacks a bump, for both roles.

    Args:
        w: mass of the bump, between 0 and 1.
        masses: what the other law has there, from 0 to w.
        place: how far the bump is from the rest, for W1.

    Raises:
        ValueError: if a mass is not one.

    >>> found = bumps()
    >>> [round(x, 5) for x in found.rows[4][2:8]]
    [inf, 0.10536, 0.03597, 0.1, 0.10263, 0.8]
    """
    if not 0 < checks.number("w", w) < 1:
        message = f"`w` is {w}; it must lie between 0 and 1; give such a mass."
        raise ValueError(message)
    checks.positive("place", place)
    for e in masses:
        if not 0 <= checks.number("masses", e) <= w:
            message = f"`masses` holds {e}; it must lie between 0 and `w` = {w}; give such masses."
            raise ValueError(message)
    rows = [_row(role, w, float(e), place) for role in ("real", "generated") for e in masses]
    low, jensen = -math.log1p(-w), limit(w)
    sentence = (
        f"A generator that drops a bump of mass {w:g} pays KL(r||g) without bound and KL(g||r) at most {low:.5f}; with "
        f"the roles swapped it is the other way round, and JS never exceeds {jensen:.5f}."
    )
    title = f"A bump of mass w = {w:g} that the other law all but lacks"
    return Experiment("bumps", title, (5,), COLUMNS, tuple(rows), NOTES, sentence)


def _row(role: str, w: float, e: float, place: float) -> tuple[Value, ...]:
    has, lacks = (Atoms((place, 0.0), (mass, 1.0 - mass)) for mass in (w, e))
    p, q = (has, lacks) if role == "real" else (lacks, has)
    found = [divergence(name, p, q).value for name in NAMES]
    dropped = math.inf if e == 0 else w * math.log(w / e)
    invented = 0.0 if e == 0 else e * math.log(e / w)
    local = (dropped, invented) if role == "real" else (invented, dropped)
    return (role, e, *found, *local)


def limit(w: float) -> float:
    """Return JS where one of the laws has the bump and the other lacks it.

    The value is (w log 2 + (1-w) log((1-w)/(1-w/2)) - log(1-w/2)) / 2.

    >>> round(limit(0.1), 7)
    0.0359738
    """
    return 0.5 * (w * math.log(2) + (1 - w) * (math.log1p(-w) - math.log1p(-w / 2)) - math.log1p(-w / 2))
