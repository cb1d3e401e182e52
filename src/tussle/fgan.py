"""f-divergences as games (f-GAN), and the exact generator weight of each.

D_f(P || Q) = E_q f(p/q) is the supremum over T of E_p T - E_q f*(T). The critic's free output V becomes T =
g_f(V) in the domain of the conjugate f*; the composition f*(g_f(V)) is written in a form that neither
overflows nor cancels. Exponentials are exact up to the bound of the type and linear beyond (see `payoffs`).

References:
    Nowozin, Cseke, Tomioka, "f-GAN: training generative neural samplers using variational divergence
    minimization", NIPS 2016.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

from tussle import checks
from tussle.autodiff import Array, namespace, sigmoid, softplus
from tussle.payoffs import bounded_exp, bounded_expm1, exponent_bound
from tussle.records import record, static

Scalar = Callable[[Array], Array]


@record
class FDivergence:
    """A divergence D_f(P || Q) = E_q f(u), u = p/q, with what its variational game needs.

    Args:
        name: its name.
        f: the convex function f(u), with f(1) = 0 (`f_gan`: -log 4).
        activation: T = g_f(V) of the critic's output V.
        conjugate: f*(g_f(V)) of the critic's output V.
        optimal_output: V*(u), at which E_p T - E_q f*(T) reaches D_f.
        weight: u^2 f''(u) of the logit log u, or None where f has no second derivative.
    """

    name: str = static()
    f: Scalar = static()
    activation: Scalar = static()
    conjugate: Scalar = static()
    optimal_output: Scalar = static()
    weight: Scalar | None = static(default=None)


def f_divergence(name: str, a: float | None = None) -> FDivergence:
    """Return an f-divergence by name.

    Args:
        name: kl, reverse_kl, pearson, neyman, hellinger, jensen_shannon (2 JS), f_gan (2 JS - log 4),
            total_variation or f_alpha. All are D(P || Q) except reverse_kl, which is KL(Q || P).
        a: the order of `f_alpha`, any number but 0 and 1; 0.5 if not given.

    Returns:
        Its record.

    Raises:
        ValueError: for an unknown name, or an order that does not exist.

    >>> from tussle import autodiff
    >>> with autodiff.float64():
    ...     round(float(f_divergence("kl").f(autodiff.array(2.0))), 6)
    1.386294
    """
    checks.choice("divergence", name, divergence_names())
    if name == "f_alpha":
        return _alpha_divergence(float(checks.number("a", 0.5 if a is None else a)))
    if a is not None:
        message = f"`a` came for {name}; only f_alpha has an order; drop it or take f_alpha."
        raise ValueError(message)
    return _DIVERGENCES[name]


def divergence_names() -> tuple[str, ...]:
    """Return the names that `f_divergence` knows."""
    return (*_DIVERGENCES, "f_alpha")


def generator_weight(name: str, a: float | None = None) -> Scalar:
    """Return w(C) = u^2 f''(u), u = exp(C), as a function of the logits C = log(p/q).

    The gradient of D_f(P || Q_theta) is -E_z [w(C) grad_x C . J_theta] at x = G_theta(z): one ratio critic
    serves every divergence, and the choice of the generator's objective is a choice of weights.

    Args:
        name: a name of `f_divergence`, or nonsaturating for 2 KL(m || p), m = (p+q)/2, whose weight is 1 - D.
        a: the order of `f_alpha`.

    Returns:
        The function logits -> weights.

    Raises:
        ValueError: for an unknown name, or total_variation, which has no such weight.

    >>> from tussle import autodiff
    >>> with autodiff.float64():
    ...     float(generator_weight("pearson")(autodiff.array(0.0)))
    2.0
    """
    known = [n for n in divergence_names() if n != "total_variation"]
    checks.choice("weight", name, [*known, "nonsaturating"])
    if name == "nonsaturating":
        return lambda logits: sigmoid(-logits)
    weight = f_divergence(name, a).weight
    assert weight is not None
    return weight


# Small functions of a ratio u > 0 or of an output V ---------------------------------------------------------


def _log(u: Array) -> Array:
    return namespace(u).log(u)


def _sqrt(u: Array) -> Array:
    return namespace(u).sqrt(u)


def _u_log_u(u: Array) -> Array:
    xp = namespace(u)
    inside = u > 0
    return xp.where(inside, u * xp.log(xp.where(inside, u, xp.ones_like(u))), xp.zeros_like(u))


def _log_softplus(x: Array) -> Array:
    """Return log(log(1 + exp(x))); below -37 it equals x to rounding."""
    xp = namespace(x)
    far = x < -37.0
    return xp.where(far, x, xp.log(softplus(xp.where(far, xp.zeros_like(x), x))))


def _pearson_conjugate(v: Array) -> Array:
    """Return v + v^2/4 for v >= -2 and -1 below, where sup over u >= 0 of u v - (u-1)^2 is at u = 0."""
    xp = namespace(v)
    half = xp.where(v > -2.0, 0.5 * v + 1.0, xp.zeros_like(v))
    return half * half - 1.0


def _sign_at_infinity(u: Array) -> Array:
    xp = namespace(u)
    edge = xp.where(u > 1, math.inf * xp.ones_like(u), -math.inf * xp.ones_like(u))
    return xp.where(u == 1, xp.zeros_like(u), edge)


# The members ------------------------------------------------------------------------------------------------

_LOG2 = math.log(2.0)

_MEMBERS = (
    FDivergence(
        name="kl",
        f=_u_log_u,
        activation=lambda v: v,
        conjugate=lambda v: bounded_exp(v - 1.0),
        optimal_output=lambda u: 1.0 + _log(u),
        weight=bounded_exp,
    ),
    FDivergence(
        name="reverse_kl",
        f=lambda u: -_log(u),
        activation=lambda v: -bounded_exp(-v),
        conjugate=lambda v: v - 1.0,
        optimal_output=_log,
        weight=lambda c: namespace(c).ones_like(c),
    ),
    FDivergence(
        name="pearson",
        f=lambda u: (u - 1.0) ** 2,
        activation=lambda v: v,
        conjugate=_pearson_conjugate,
        optimal_output=lambda u: 2.0 * (u - 1.0),
        weight=lambda c: 2.0 * bounded_exp(2.0 * c),
    ),
    FDivergence(
        name="neyman",
        f=lambda u: (1.0 - u) ** 2 / u,
        activation=lambda v: -bounded_expm1(-v),
        conjugate=lambda v: -2.0 * bounded_expm1(-0.5 * v),
        optimal_output=lambda u: 2.0 * _log(u),
        weight=lambda c: 2.0 * bounded_exp(-c),
    ),
    FDivergence(
        name="hellinger",
        f=lambda u: (_sqrt(u) - 1.0) ** 2,
        activation=lambda v: -bounded_expm1(-v),
        conjugate=bounded_expm1,
        optimal_output=lambda u: 0.5 * _log(u),
        weight=lambda c: 0.5 * bounded_exp(0.5 * c),
    ),
    FDivergence(
        name="jensen_shannon",
        f=lambda u: _u_log_u(u) - (u + 1.0) * _log(0.5 * (1.0 + u)),
        activation=lambda v: _LOG2 - softplus(-v),
        conjugate=lambda v: softplus(v) - _LOG2,
        optimal_output=_log,
        weight=sigmoid,
    ),
    FDivergence(
        name="f_gan",
        f=lambda u: _u_log_u(u) - (u + 1.0) * _log(1.0 + u),
        activation=lambda v: -softplus(-v),
        conjugate=softplus,
        optimal_output=_log,
        weight=sigmoid,
    ),
    FDivergence(
        name="total_variation",
        f=lambda u: 0.5 * abs(u - 1.0),
        activation=lambda v: 0.5 * namespace(v).tanh(v),
        conjugate=lambda v: 0.5 * namespace(v).tanh(v),
        optimal_output=_sign_at_infinity,
    ),
)

_DIVERGENCES = {d.name: d for d in _MEMBERS}


@functools.cache
def _alpha_divergence(a: float) -> FDivergence:
    """Return the divergence of f(u) = (u^a - 1 - a(u-1))/(a(a-1))."""
    if a in (0.0, 1.0):
        message = f"`a` is {a}; f_alpha may have any order but 0 and 1; its limits there are reverse_kl and kl."
        raise ValueError(message)
    parts = _alpha_above_one(a) if a > 1 else _alpha_below_one(a)
    return FDivergence(
        name="f_alpha",
        f=lambda u: (u**a - 1.0 - a * (u - 1.0)) / (a * (a - 1.0)),
        weight=lambda c: bounded_exp(a * c),
        **parts,
    )


def _alpha_above_one(a: float) -> dict[str, Any]:
    """T = V; f*(T) = (z^k - 1)/a, z = max(0, (a-1) T + 1), k = a/(a-1); linear where z^k is too large."""
    k = a / (a - 1.0)

    def conjugate(v: Array) -> Array:
        xp = namespace(v)
        z = (a - 1.0) * v + 1.0
        edge = math.exp(exponent_bound(v) / k)
        low = xp.where(z > edge, edge * xp.ones_like(v), z)
        inside = z > 0
        base = xp.where(inside, low, xp.ones_like(v))
        power = base**k + k * base ** (k - 1.0) * (z - low)
        return (xp.where(inside, power, xp.zeros_like(v)) - 1.0) / a

    return {
        "activation": lambda v: v,
        "conjugate": conjugate,
        "optimal_output": lambda u: (u ** (a - 1.0) - 1.0) / (a - 1.0),
    }


def _alpha_below_one(a: float) -> dict[str, Any]:
    """T = 1/(1-a) - softplus(-V), so that (a-1) T + 1 = (1-a) softplus(-V) is positive."""
    room = 1.0 - a

    def conjugate(v: Array) -> Array:
        return bounded_expm1(-(a / room) * (math.log(room) + _log_softplus(-v))) / a

    def optimal_output(u: Array) -> Array:
        xp = namespace(u)
        w = u ** (-room) / room
        return -w - xp.log(-xp.expm1(-w))

    return {
        "activation": lambda v: 1.0 / room - softplus(-v),
        "conjugate": conjugate,
        "optimal_output": optimal_output,
    }
