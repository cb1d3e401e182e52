"""The routes to a divergence: closed form, quadrature, densities at drawn points, and samples."""

import math
from typing import Any

import numpy as np

from tussle.divergences import families, finite, kernels, lines, nodes, normals, samples, transport
from tussle.divergences.integrals import integral
from tussle.divergences.names import F_NAMES, disjoint, reading
from tussle.divergences.result import EPS, Divergence, exactly, extreme
from tussle.divergences.supports import Side, is_singular, leaves, normals_of, regions
from tussle.divergences.wanted import Wanted
from tussle.laws import Normal

DRAWN = 100_000  # points at which densities are read where there are too many dimensions for a grid


# Closed forms and exact sums ---------------------------------------------------------------------------------------


def closed(name: str, p: Side, q: Side, wanted: Wanted) -> Divergence | None:
    """Return a divergence in closed form, as an exact sum, or read off the supports; None where there is none."""
    if name in F_NAMES:
        return _closed_f(name, p, q, wanted)
    if p.kind != "law" and q.kind != "law":
        return finite.between(name, p, q, wanted)
    one, other = _normal(p), _normal(q)
    found = None if one is None or other is None else _closed_transport(name, one, other, wanted)
    if found is not None:
        return found
    first, second = normals_of(p), normals_of(q)
    if name in ("energy", "mmd2") and first is not None and second is not None:
        kernel = kernels.Kernel("energy") if name == "energy" else kernels.kernel_of(wanted.kernel, wanted.bandwidth)
        value, error = kernels.between_normals(kernel, first, second)
        return Divergence(value, error, "closed", f"normal laws, {finite.named(kernel)}")
    return None


def _normal(side: Side) -> Normal | None:
    """Return a measure that is one normal law, or one atom, as a normal law."""
    if side.kind == "law":
        parts = leaves(side.law)
        return parts[0][1] if len(parts) == 1 and isinstance(parts[0][1], Normal) else None
    d = side.dimension
    return Normal(side.points[0], np.zeros((d, d))) if len(side.points) == 1 else None


def _closed_transport(name: str, p: Normal, q: Normal, wanted: Wanted) -> Divergence | None:
    size = sum(float(np.abs(v).max()) for law in (p, q) for v in (np.asarray(law.mean), np.asarray(law.std)))
    if name == "sinkhorn":
        value, terms = normals.sinkhorn(p, q, wanted.epsilon)
        return exactly(value, f"closed form of two normal laws, epsilon {wanted.epsilon:.4g}", terms)
    if name == "w2" or (name == "sliced" and p.dimension == 1):
        return exactly(normals.w2(p, q), "closed form of two normal laws", size)
    value = normals.w1(p, q) if name == "w1" else None
    return None if value is None else exactly(value, "closed form of two normal laws", size)


def _closed_f(name: str, p: Side, q: Side, wanted: Wanted) -> Divergence | None:
    if p.kind != "law" and q.kind != "law":
        return finite.f_between(name, p.points, p.shares, q.points, q.shares, wanted)
    apart = disjoint(name, wanted.order)
    if p.kind != "law" or q.kind != "law":
        return extreme(apart, "atoms against a density: they share nothing")
    if _mutually_singular(p.law, q.law):
        return extreme(apart, "laws on different planes: they share nothing")
    if is_singular(p.law):
        return families.closed_f(name, p.law, q.law, wanted.order)
    where = regions(p.law, q.law)
    if not where.both:
        return extreme(apart, "the supports share nothing")
    which, read, _ = reading(name, wanted.order)
    if (where.left and which.at_infinity == math.inf) or (where.right and which.at_zero == math.inf):
        first, second = ("p", "q") if where.left and which.at_infinity == math.inf else ("q", "p")
        return extreme(read(math.inf, 0.0), f"{first} has mass where {second} has none")
    return None if name == "gan" else families.closed_f(name, p.law, q.law, wanted.order)


def _mutually_singular(p: Any, q: Any) -> bool:
    flat = [[is_singular(part) for _, part in leaves(law)] for law in (p, q)]
    if not any(flat[0]) and not any(flat[1]):
        return False
    if len(flat[0]) == len(flat[1]) == 1 and all(isinstance(law, Normal) for law in (p, q)):
        return normals.pair_of(p, q) is None
    return (all(flat[0]) and not any(flat[1])) or (all(flat[1]) and not any(flat[0]))


# Quadrature --------------------------------------------------------------------------------------------------------


def quadrature(name: str, p: Side, q: Side, wanted: Wanted) -> Divergence | None:
    """Return a divergence by quadrature; None where there is none."""
    if name in F_NAMES:
        return _quadrature_f(name, p, q, wanted) if p.kind == q.kind == "law" else None
    if name == "sliced" and p.dimension == 2:
        return _sliced_normals(p, q, wanted)
    if p.dimension != 1 or (p.kind != "law" and q.kind != "law"):
        return None
    if name == "mmd2" and wanted.kernel == "energy":
        return lines.energy(p, q, wanted.tolerance)
    if name in ("mmd2", "sinkhorn"):
        return nodes.between(name, p, q, wanted)
    rule = {"w1": lines.w1, "w2": lines.w2, "sliced": lines.w2, "energy": lines.energy}[name]
    return rule(p, q, wanted.tolerance)


def _quadrature_f(name: str, p: Side, q: Side, wanted: Wanted) -> Divergence | None:
    first, second, note = p.law, q.law, ""
    alone = _normal(p), _normal(q)
    if p.dimension > 1 and alone[0] is not None and alone[1] is not None:
        pair = normals.pair_of(alone[0], alone[1])
        if pair is None:
            return None
        if len(pair.shift) < p.dimension:
            note = f", on the {len(pair.shift)} of {p.dimension} dimensions that differ"
        if len(pair.shift) == 0:
            which, read, _ = reading(name, wanted.order)
            return extreme(read(1.0 if which.name == "overlap" else 0.0, 0.0), "the laws are the same")
        first, second = pair.laws()
    if first.dimension > 2:
        return None
    which, read, slope = reading(name, wanted.order)
    found = integral(which, first, second, wanted.tolerance)
    value = min(found.value, which.at_zero + which.at_infinity) if which.name != "overlap" else found.value
    result = read(value, found.log_scale)
    error = 0.0 if math.isinf(result) else slope(value) * found.error + 4 * EPS * abs(result)
    return Divergence(float(result), float(error), "quadrature", found.note + note)


def _sliced_normals(p: Side, q: Side, wanted: Wanted) -> Divergence | None:
    first, second = normals_of(p), normals_of(q)
    if first is None or second is None or len(first.weights) > 1 or len(second.weights) > 1:
        return None
    means = []
    for count in (2 * wanted.directions, 4 * wanted.directions):
        ways = transport.directions(2, count, wanted.seed)
        shift = ways @ (first.means[0] - second.means[0])
        spread = np.linalg.norm(ways @ first.roots[0], axis=1) - np.linalg.norm(ways @ second.roots[0], axis=1)
        means.append(float(np.mean(shift**2 + spread**2)))
    error = abs(means[1] - means[0]) + 16 * EPS * means[1]
    return lines.rooted(Divergence(means[1], error, "quadrature", f"{4 * wanted.directions} directions in the plane"))


# Samples -----------------------------------------------------------------------------------------------------------


def densities(name: str, p: Side, q: Side, wanted: Wanted) -> Divergence | None:
    """Return an f-divergence of two laws from their densities at points drawn of both; None for other divergences."""
    if name not in F_NAMES or p.kind != "law" or q.kind != "law":
        return None
    which, read, slope = reading(name, wanted.order)
    means, variances = [], []
    for k, law in enumerate((p.law, q.law)):
        x = law.sample(np.random.default_rng([wanted.seed, k]), DRAWN)
        first, second = p.law.log_density(x), q.law.log_density(x)
        with np.errstate(over="ignore", invalid="ignore"):
            mean_density = np.logaddexp(first, second) - math.log(2.0)
            values = np.exp(which.log_integrand(first, second) - mean_density)
        means.append(float(values.mean()))
        variances.append(float(values.var()) / DRAWN)
    value, error = sum(means) / 2, 4 * math.sqrt(sum(variances)) / 2
    note = f"unbiased: both densities at {2 * DRAWN:,} drawn points, the error is four standard errors"
    result = read(value, 0.0)
    return Divergence(result, 0.0 if math.isinf(result) else slope(value) * error, "samples", note)


def sampled(name: str, p: Side, q: Side, wanted: Wanted) -> Divergence | None:
    """Return an estimate from samples; they are drawn of measures that are none."""
    drawn = [_drawn(side, wanted, k) for k, side in enumerate((p, q))]
    found = samples.estimate(name, drawn[0], drawn[1], wanted)
    if p.kind == q.kind == "samples":
        return found
    return Divergence(found.value, found.error, found.route, f"{wanted.count} drawn; {found.note}", found.floor)


def _drawn(side: Side, wanted: Wanted, index: int) -> np.ndarray:
    if side.kind == "samples":
        return side.points
    rng = np.random.default_rng([wanted.seed, index])
    if side.kind == "law":
        return np.asarray(side.law.sample(rng, wanted.count), dtype=np.float64).reshape(wanted.count, -1)
    return side.points[rng.choice(len(side.points), size=wanted.count, p=side.shares)]
