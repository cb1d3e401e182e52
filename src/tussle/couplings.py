"""Couplings: what a loss's two payoffs are read at, and how the expectation is then taken.

With r = C(x_real), f = C(x_fake), payoffs f1 on real and f2 on fake data:

    plain       E f1(r) + E f2(f)
    paired      E [f1(r - f) + f2(f - r)]
    average     E f1(r - E f) + E f2(f - E r)
    one_sided   2 E f1(r - E f)
    centered    E f1(r - c) + E f2(f - c), c = (E r + E f)/2

All but the first ignore a constant added to all outputs. Means are never held constant for derivatives; they
tie the samples of a batch to each other, so that these losses depend on how a batch is divided over devices
or steps.

References:
    Jolicoeur-Martineau, "On relativistic f-divergences", ICML 2020.
"""

from typing import Any, NamedTuple

from tussle.autodiff import Array, namespace, stop
from tussle.payoffs import (
    AbstractPayoff,
    Exponential,
    HingePayoff,
    Linear,
    Mirror,
    Negative,
    Square,
    bounded_expm1,
    quadratic_weight,
)

COUPLINGS = ("plain", "paired", "average", "one_sided", "centered")
PAIRINGS = ("auto", "index", "all")
BIASED = ("average", "one_sided", "centered")


class Side(NamedTuple):
    """The outputs on real or on fake data, with weights that sum to one, or None for a sample."""

    y: Array
    weights: Array | None
    name: str

    def mean(self) -> Array:
        """Return E y."""
        return expectation(self.y, self.weights)

    def of(self, payoff: AbstractPayoff, shift: Any = 0.0) -> Array:
        """Return E payoff(y - shift)."""
        return expectation(payoff(self.y - shift), self.weights)


def side(name: str, y: Array, weights: Array | None) -> Side:
    """Return one side, in float32 if it came in half precision.

    Raises:
        ValueError: if the outputs are not one number each, or the weights do not fit them.
    """
    if y.ndim != 1 or y.shape[0] == 0:
        message = (
            f"`{name}` has shape {tuple(y.shape)}; it must hold one critic output for each input, shape (k,) "
            "with k of at least 1; reshape it, or differences would be taken between the wrong samples."
        )
        raise ValueError(message)
    if weights is not None and tuple(weights.shape) != tuple(y.shape):
        message = (
            f"`{name}_weights` has shape {tuple(weights.shape)} for outputs of shape {tuple(y.shape)}; "
            "it must hold one weight for each output; give that many, or None for a sample."
        )
        raise ValueError(message)
    xp = namespace(y)
    if xp.finfo(y.dtype).bits < 32:
        y = xp.astype(y, xp.float32)
    return Side(y, None if weights is None else xp.astype(weights, y.dtype), name)


def coupled(coupling: str, pairing: str, first: AbstractPayoff, second: AbstractPayoff, r: Side, f: Side) -> Array:
    """Return the loss of two payoffs under a coupling.

    Args:
        coupling: one of `COUPLINGS`.
        pairing: of the paired coupling, one of `PAIRINGS`.
        first: f1, the payoff on real data.
        second: f2, the payoff on fake data.
        r: the real side.
        f: the fake side.

    Returns:
        A scalar.
    """
    match coupling:
        case "paired":
            return _paired(_pairs(pairing, r, f), first, second, r, f)
        case "average":
            return r.of(first, f.mean()) + f.of(second, r.mean())
        case "one_sided":
            return 2.0 * r.of(first, f.mean())
        case "centered":
            middle = 0.5 * (r.mean() + f.mean())
            return r.of(first, middle) + f.of(second, middle)
    return r.of(first) + f.of(second)


def _paired(pairs: str, first: AbstractPayoff, second: AbstractPayoff, r: Side, f: Side) -> Array:
    if pairs == "index":
        gap = r.y - f.y
        return expectation(first(gap) + second(-gap))
    return pair_mean(first, r.y, f.y, r.weights, f.weights) + pair_mean(second, f.y, r.y, f.weights, r.weights)


def _pairs(pairing: str, r: Side, f: Side) -> str:
    """Return `index` or `all`."""
    sampled = r.weights is None and f.weights is None
    fits = sampled and r.y.shape == f.y.shape
    if pairing == "index" and not fits:
        came = f"{r.y.shape[0]} real and {f.y.shape[0]} fake outputs" if sampled else "weights"
        message = f"`pairing` is 'index' with {came}; it needs samples of one length; take 'all' or 'auto'."
        raise ValueError(message)
    if pairing == "auto":
        return "index" if fits else "all"
    return pairing


def bias(coupling: str, first: AbstractPayoff, second: AbstractPayoff, r: Side, f: Side) -> Array:
    """Return what a batch's own means add to a loss on average, for quadratic payoffs.

    With payoffs a y^2 + ... and b y^2 + ... and v, w the variances of the batch means of r and f this is a w
    + b v for average, 2 a w for one_sided and (a + b)(v + w)/4 - a v - b w for centered coupling: for least
    squares and k samples (var r + var f)/k and -(var r + var f)/(2k). The variances are the unbiased ones.

    Raises:
        ValueError: for a batch of one, whose variance is unknown.
    """
    a, b = quadratic_weight(first), quadratic_weight(second)
    v, w = _variance_of_mean(r), _variance_of_mean(f)
    match coupling:
        case "average":
            return a * w + b * v
        case "one_sided":
            return 2.0 * a * w
    return 0.25 * (a + b) * (v + w) - a * v - b * w


def _variance_of_mean(one: Side) -> Any:
    """Return the unbiased estimate of the variance of a side's mean; 0 where weights make the mean exact."""
    if one.weights is not None:
        return 0.0
    count = one.y.shape[0]
    if count == 1:
        message = f"`{one.name}` has 1 output; `unbiased` needs 2 or more for a variance; take a larger batch."
        raise ValueError(message)
    return variance(one.y) / (count - 1)


# Expectations -----------------------------------------------------------------------------------------------


def expectation(y: Array, weights: Array | None = None) -> Array:
    """Return the mean of `y`, or its sum under weights that sum to one."""
    xp = namespace(y, weights)
    return xp.mean(y) if weights is None else xp.sum(weights * y)


def variance(y: Array, weights: Array | None = None) -> Array:
    """Return E (y - E y)^2 (the biased one where `y` is a sample)."""
    gap = y - expectation(y, weights)
    return expectation(gap * gap, weights)


def log_mean_exp(y: Array, weights: Array | None = None) -> Array:
    """Return log E exp(y) without overflow; where a weight is 0 the value of `y` does not matter."""
    xp = namespace(y, weights)
    if weights is not None:
        y = xp.where(weights != 0, y, xp.min(y) * xp.ones_like(y))
    top = stop(xp.max(y))
    return top + xp.log(expectation(xp.exp(y - top), weights))


def pair_mean(
    payoff: AbstractPayoff, a: Array, b: Array, a_weights: Array | None = None, b_weights: Array | None = None
) -> Array:
    """Return E payoff(a_i - b_j) over all pairs (i, j), without forming them where a shorter way is known.

    Linear and square payoffs need means and variances, hinges a sorting, exponentials two sums, others the
    matrix of all differences. For samples this is the minimum-variance unbiased estimator of the paired
    expectation (Jolicoeur-Martineau 2020).

    Args:
        payoff: the payoff of the difference.
        a: outputs, shape (k,).
        b: outputs, shape (l,).
        a_weights: weights of `a` that sum to one, or None for equal ones.
        b_weights: weights of `b` that sum to one, or None for equal ones.

    Returns:
        A scalar.
    """
    match payoff:
        case Mirror():
            return pair_mean(payoff.of, b, a, b_weights, a_weights)
        case Negative():
            return -pair_mean(payoff.of, a, b, a_weights, b_weights)
        case Linear():
            return payoff(expectation(a, a_weights) - expectation(b, b_weights))
        case Square():
            spread = variance(a, a_weights) + variance(b, b_weights)
            return payoff(expectation(a, a_weights) - expectation(b, b_weights)) + payoff.scale * spread
        case Exponential():
            return bounded_expm1(log_mean_exp(-a, a_weights) + log_mean_exp(b, b_weights))
        case HingePayoff():
            return _hinge_pairs(payoff.margin, a, b, a_weights, b_weights)
    return matrix_mean(payoff, a, b, a_weights, b_weights)


def matrix_mean(
    payoff: AbstractPayoff, a: Array, b: Array, a_weights: Array | None = None, b_weights: Array | None = None
) -> Array:
    """Return E payoff(a_i - b_j) from the matrix of all differences."""
    xp = namespace(a, b)
    table = payoff(a[:, None] - b[None, :])
    rows = xp.mean(table, axis=1) if b_weights is None else xp.sum(table * b_weights[None, :], axis=1)
    return expectation(rows, a_weights)


def _hinge_pairs(margin: Any, a: Array, b: Array, a_weights: Array | None, b_weights: Array | None) -> Array:
    """Return E max(0, margin - a + b): sort the edges b + margin, then add up those above each a.

    All is measured from one level, which changes no difference and keeps the sums small.
    """
    xp = namespace(a, b)
    level = stop(expectation(b, b_weights))
    a, edges = a - level, b - level + margin
    weights = xp.ones_like(b) / b.shape[0] if b_weights is None else b_weights
    order = xp.argsort(stop(edges))
    edges, weights = xp.take(edges, order, axis=0), xp.take(weights, order, axis=0)
    above = xp.searchsorted(stop(edges), stop(a), side="right")
    mass = xp.take(_tail_sums(weights), above, axis=0)
    moment = xp.take(_tail_sums(weights * edges), above, axis=0)
    return expectation(moment - mass * a, a_weights)


def _tail_sums(x: Array) -> Array:
    """Return the sums of x[i:] for i = 0, ..., k, the last of them 0."""
    xp = namespace(x)
    return xp.flip(xp.cumulative_sum(xp.flip(x, axis=0), axis=0, include_initial=True), axis=0)
