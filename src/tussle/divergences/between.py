"""Any divergence between any two measures: by closed form, else by quadrature, else from samples."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from tussle import checks
from tussle.divergences import kernels, routes
from tussle.divergences.names import F_NAMES, canonical, divergence_names, reading
from tussle.divergences.result import Divergence
from tussle.divergences.supports import Side, side_of
from tussle.divergences.wanted import ROUTES, Wanted


def divergence(
    name: str,
    p: Any,
    q: Any,
    *,
    route: str = "auto",
    tolerance: float = 1e-10,
    order: float = 0.5,
    kernel: str = "gaussian",
    bandwidth: float | None = None,
    epsilon: float | None = None,
    count: int = 1000,
    seed: int = 0,
) -> Divergence:
    """Return a divergence between two measures.

    For f-divergences this is D_f(P || Q) = int q f(p/q) + f(0) Q(p = 0) + f'(inf) P(q = 0).

    Args:
        name: one of `divergence_names()`, such as kl, js, tv, w1, mmd2.
        p: a law, `Atoms`, `Nodes`, `Samples`, an array of samples (n, d), or a text such as "normal(0,1)".
        q: the other measure.
        route: auto (the first of the others that there is), closed, quadrature or samples. Atoms are summed exactly;
            so are samples if `closed` asks for the divergence of the samples themselves rather than of their laws.
        tolerance: of quadrature, relative where the value exceeds 1.
        order: of alpha and renyi.
        kernel: of mmd2: gaussian, laplacian, rational_quadratic or energy.
        bandwidth: of the kernel; 1 if not given, but the median distance between two sets of samples.
        epsilon: of sinkhorn; 0.1 if not given, but a tenth of the squared median distance between samples.
        count: samples that are drawn of a law where samples are needed.
        seed: of all that is drawn.

    Returns:
        value, error, route, note and, from samples, the noise floor.

    Raises:
        ValueError: for unknown names, measures that are none or of different dimensions, densities that are not
            normalized, too few samples, transport that is too large for memory, or a route that does not exist.

    >>> from tussle import Normal
    >>> round(divergence("js", Normal(0, 1), Normal(1, 1)).value, 8)
    0.11142148
    """
    checks.choice("route", route, ROUTES)
    sides = _sides(p, q)
    name = canonical(name)
    wanted = _wanted((name,), *sides, tolerance, order, kernel, bandwidth, epsilon, count, seed)
    found = _divergence(name, *sides, wanted, route)
    if found is None:
        kinds = " and ".join(_kind(side) for side in sides)
        message = (
            f"`route` is {route!r}, and {name} of {kinds} in {sides[0].dimension} dimension(s) has none; take auto."
        )
        raise ValueError(message)
    return found


def divergences(p: Any, q: Any, *, names: Iterable[str] | None = None, **options: Any) -> dict[str, Divergence]:
    """Return all divergences, or those of the given names, between two measures.

    Exact transport of more than `count` samples is taken between `count` of them, and its note says so.

    Args:
        p: the first measure, as in `divergence`.
        q: the second.
        names: of the divergences; all if not given.
        options: of `divergence`. A route leaves out what it does not have.

    Returns:
        the divergences by name.

    Raises:
        ValueError: as in `divergence`.

    >>> from tussle import Atoms
    >>> round(divergences(Atoms([0, 1], [0.5, 0.5]), Atoms([0], [1.0]))["tv"].value, 3)
    0.5
    """
    route = checks.choice("route", options.pop("route", "auto"), ROUTES)
    sides = _sides(p, q)
    defaults: dict[str, Any] = {"tolerance": 1e-10, "order": 0.5, "kernel": "gaussian", "bandwidth": None}
    defaults |= {"epsilon": None, "count": 1000, "seed": 0}
    for option in options:
        checks.choice("option", option, defaults)
    chosen = divergence_names() if names is None else tuple(canonical(n) for n in names)
    wanted = _wanted(chosen, *sides, **{**defaults, **options})
    found = {}
    for name in chosen:
        fewer = _thinned(name, *sides, wanted)
        made = _divergence(name, *fewer, wanted, route)
        if made is not None and any(a is not b for a, b in zip(fewer, sides, strict=True)):
            note = f"{made.note}; between {wanted.count} of the samples"
            made = Divergence(made.value, made.error, made.route, note, made.floor)
        found[name] = made
    return {name: made for name, made in found.items() if made is not None}


def _sides(p: Any, q: Any) -> tuple[Side, Side]:
    first, second = side_of("p", p), side_of("q", q)
    if first.dimension != second.dimension:
        message = (
            f"`q` has {second.dimension} dimension(s) and `p` {first.dimension}; both must live in the same space; "
        )
        raise ValueError(message + "give measures of one dimension.")
    return first, second


def _wanted(
    names: tuple[str, ...], p: Side, q: Side, tolerance: float, order: float, kernel: str, bandwidth: float | None,
    epsilon: float | None, count: int, seed: int,
) -> Wanted:  # fmt: skip
    scale = 1.0
    unknown = ("mmd2" in names and bandwidth is None) or ("sinkhorn" in names and epsilon is None)
    if unknown and p.kind == q.kind == "samples":
        scale = kernels.median_distance(p.points, q.points)
    bandwidth = scale if bandwidth is None else bandwidth
    epsilon = 0.1 * scale**2 if epsilon is None else epsilon
    return Wanted(tolerance, order, kernel, bandwidth, epsilon, count, seed=seed, memo={}).checked()


def _divergence(name: str, p: Side, q: Side, wanted: Wanted, route: str) -> Divergence | None:
    """Return a divergence, or None where the route does not have it."""
    if name in F_NAMES:
        reading(name, wanted.order)  # checks the order before anything is computed
    ways = _WAYS[route]
    if route == "auto" and "samples" in (p.kind, q.kind):
        ways = _WAYS["samples"]
    tries = (way(name, p, q, wanted) for way in ways)
    return next((found for found in tries if found is not None), None)


_WAYS = {
    "auto": (routes.closed, routes.quadrature, routes.densities, routes.sampled),
    "closed": (routes.closed,),
    "quadrature": (routes.quadrature,),
    "samples": (routes.sampled,),
}


def _thinned(name: str, p: Side, q: Side, wanted: Wanted) -> tuple[Side, Side]:
    """Return both measures, those of too many samples for exact transport replaced by some of them."""
    if name not in ("w1", "w2", "sinkhorn") or (p.dimension == 1 and name != "sinkhorn"):
        return p, q
    return _some(p, wanted), _some(q, wanted)


def _some(side: Side, wanted: Wanted) -> Side:
    if side.kind != "samples" or len(side.points) <= wanted.count:
        return side
    chosen = np.random.default_rng(wanted.seed).choice(len(side.points), wanted.count, replace=False)
    return side._replace(points=side.points[chosen])


def _kind(side: Side) -> str:
    return type(side.law).__name__ if side.kind == "law" else {"finite": "atoms"}.get(side.kind, side.kind)
