"""Optimal critics on a finite space, and what the critic's game is worth there.

The critic may give every point its own output. What it then gains over the best constant critic is a divergence of
the two laws; for most losses it has a name and a formula, and both are checked against each other at every call.
"""

import math
from typing import Any

import numpy as np

from tussle import checks
from tussle.analysis import plain
from tussle.critics import programs
from tussle.critics.kinds import Kind, resolved
from tussle.critics.masses import APART, ONE, Masses, masses
from tussle.critics.named import Named, named, plain_maximum
from tussle.critics.newton import critic_loss, minimize
from tussle.losses import Loss
from tussle.payoffs import HingePayoff, Linear, Mirror
from tussle.records import record, static

ROUTES = ("auto", "formula", "newton", "program")
FAR = 300.0  # stands for infinity where an infinite output is evaluated: log and exp losses are 0 to rounding there


@record
class OptimalCritic:
    """The optimal critic of a loss on a finite space.

    Attributes:
        loss: name of the loss.
        critic: the optimal outputs, (n,); infinite where only one law has mass and the loss asks for it; 0 where
            neither has. Under relativistic losses, which ignore a constant, their mean under (p + q)/2 is 0.
        value: the game's value for the critic, the supremum of minus its loss.
        rest: the value where q = p: what the best constant critic gets.
        divergence: value - rest.
        name: the divergence as a formula, or what is known of it.
        formula: the divergence by its own formula, nan where there is none.
        maximum: the divergence of laws that share no point.
        route: `formula`, `newton` or `program`: how the critic was found.
        gap: `formula`: difference of the loss of the critic and the formula; `newton`: what a last step would still
            gain; `program`: distance to the bound proved by the multipliers.
    """

    loss: str = static()
    critic: np.ndarray
    value: float
    rest: float
    divergence: float
    name: str = static()
    formula: float
    maximum: float
    route: str = static()
    gap: float

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON knows it; infinities as the strings inf and -inf."""
        keys = ("loss", "critic", "value", "rest", "divergence", "name", "formula", "maximum", "route", "gap")
        return plain({key: getattr(self, key) for key in keys})


def optimal_critic(
    loss: Loss | str, p: Any, q: Any, *, distance: Any = None, route: str = "auto", **options: Any
) -> OptimalCritic:
    """Return the optimal critic on a finite space: sup over C of minus the critic's loss.

    Args:
        loss: a name of `loss_names()`, a text NAME,option=value, or a Loss.
        p: probabilities of the real law, (n,).
        q: probabilities of the generated law, (n,).
        distance: for Wasserstein losses, the (n, n) distances that bound |C(x) - C(y)|.
        route: `auto`; or `formula`, `newton` (smooth convex payoffs) or `program` (hinges and linear payoffs).
        **options: of the loss, for a name.

    Returns:
        the critic, the value and the divergence that it is.

    Raises:
        ValueError: if p and q are not probabilities of one length, for an unknown loss, or a route it has not.

    Reference:
        Jolicoeur-Martineau, "On relativistic f-divergences", ICML 2020.

    >>> found = optimal_critic("rp-least_squares", (0.7, 0.2, 0.1), (0.2, 0.3, 0.5))
    >>> found.name, round(found.divergence, 8)
    ('4 Delta / (2 + Delta)', 0.88041594)
    """
    checks.choice("route", route, ROUTES)
    whole = masses(p, q)
    made, kind = resolved(loss, options)
    if is_linear(made):
        checks.choice(f"route of {made.name}", route, ("auto", "program"))
        return _wasserstein(made, whole, programs.metric(distance, len(whole.log_p)))
    if distance is not None:
        message = f"`distance` came for {made.name}; it is for linear payoffs (wasserstein); drop it."
        raise ValueError(message)
    reached = whole.reached()
    m, known = whole.take(reached), named(kind)
    chosen = _route(route, made, known)
    if chosen == "formula" and known is not None:
        found, rest = _by_formula(made, known, m)
    elif chosen == "program":
        found, rest = _by_program(made, m), _rest(made)
    else:
        low = minimize(made, m)
        found, rest = (low.critic, -low.loss, low.gap), _rest(made)
    critic, value, gap = found
    spread = np.zeros(len(reached))
    spread[reached] = critic
    formula = math.nan if known is None else known.value(m)
    divergence = formula if chosen == "formula" else value - rest
    text, most = describe(kind, known, made), maximum_of(kind, known)
    return OptimalCritic(made.name, spread, value, rest, divergence, text, formula, most, chosen, gap)


def _route(asked: str, loss: Loss, known: Named | None) -> str:
    """Return the route taken.

    Raises:
        ValueError: if the loss does not have the route that was asked for.
    """
    able = []
    if known is not None and known.output is not None:
        able.append("formula")
    if is_hinge(loss):
        able.append("program")
    elif not _bent_down(loss):
        able.append("newton")
    if asked == "auto":
        return able[0] if able else "newton"
    if asked not in able:
        message = (
            f"`route` is {asked!r} for {loss.name}; this loss has {' and '.join(able)}; take auto or one of these."
        )
        raise ValueError(message)
    return asked


def _bent_down(loss: Loss) -> bool:
    """Say whether the payoffs of a named loss are not convex, so that Newton's method proves nothing."""
    return loss.name in ("smooth_tv", "total_variation", "neyman", "f_alpha")


def is_hinge(loss: Loss) -> bool:
    """Say whether a loss is made of two hinges."""
    fake = loss.critic_fake
    return isinstance(loss.critic_real, HingePayoff) and isinstance(fake, Mirror) and isinstance(fake.of, HingePayoff)


def is_linear(loss: Loss) -> bool:
    """Say whether a loss is linear in the critic's outputs."""
    fake = loss.critic_fake
    return isinstance(loss.critic_real, Linear) and isinstance(fake.of if isinstance(fake, Mirror) else fake, Linear)


def describe(kind: Kind | None, known: Named | None, loss: Loss) -> str:
    """Return the name of the divergence that a loss's critic measures."""
    if known is not None:
        return known.text
    if kind is not None and kind.name == "linear":
        factor = linear_factor(loss)
        return "W1(p, q)" if factor == 1.0 else f"{factor:g} W1(p, q)"
    bound = ""
    if loss.coupling == "centered" and kind is not None:
        plain_one = named(kind._replace(coupling="plain"))
        bound = "" if plain_one is None else f", at most {plain_one.text}"
    return f"a divergence without a formula{bound}"


def linear_factor(loss: Loss) -> float:
    """Return the factor of W1 in a linear loss: 2 for paired, average and one-sided coupling, else 1."""
    slope = -float(loss.critic_real.slope)  # pyright: ignore[reportAttributeAccessIssue]
    return float(loss.scale) * slope * (2.0 if loss.coupling in ("paired", "average", "one_sided") else 1.0)


# Routes -------------------------------------------------------------------------------------------------------------


def _by_formula(loss: Loss, known: Named, m: Masses) -> tuple[tuple[np.ndarray, float, float], float]:
    """Return (outputs, value, difference of loss and formula) and the rest."""
    output = known.output
    assert output is not None
    critic = output(m.logit, m)
    rest = rest_of(loss, known)
    if loss.coupling != "plain" and np.all(np.isfinite(critic)):
        critic = critic - 0.5 * float((m.p + m.q) @ critic)
    value = known.value(m) + rest
    if not math.isfinite(value):
        return (critic, value, 0.0), rest
    reached = -critic_loss(loss, within(critic, m), m)
    return (critic, value, abs(value - reached)), rest


def rest_of(loss: Loss, known: Named) -> float:
    """Return the value where q = p, by the formula's own constant output."""
    assert known.output is not None
    return 0.0 - critic_loss(loss, known.output(np.zeros(1), ONE), ONE)


def within(critic: np.ndarray, m: Masses) -> np.ndarray:
    """Return outputs with infinite ones brought so far out, by the masses there, that their means are beyond `FAR`."""
    return np.where(np.isinf(critic), np.copysign(FAR / (m.p + m.q), critic), critic)


def _by_program(loss: Loss, m: Masses) -> tuple[np.ndarray, float, float]:
    found = programs.hinge(loss, m)
    scale = float(loss.scale)
    return found.critic, -scale * found.value, scale * found.gap


def _rest(loss: Loss) -> float:
    """Return the value where q = p: of the constant 0 under a relativistic loss, of the best constant otherwise."""
    constant = loss.coupling != "plain" or is_hinge(loss)
    return 0.0 - (critic_loss(loss, np.zeros(1), ONE) if constant else minimize(loss, ONE).loss)


def _wasserstein(loss: Loss, m: Masses, distance: np.ndarray) -> OptimalCritic:
    found, factor = programs.lipschitz(m, distance), linear_factor(loss)
    value = factor * found.value
    reached = float(distance.max())
    name = describe(Kind("linear", loss.coupling, ""), None, loss)
    formula = factor * transport(m, distance)
    return OptimalCritic(
        loss.name, found.critic, value, 0.0, value, name, formula, factor * reached, "program", factor * found.gap
    )


def transport(m: Masses, distance: np.ndarray) -> float:
    """Return W1 as the cheapest transport of p to q, the dual of the critic's programme."""
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, kron, vstack

    n = len(m.p)
    ones = np.ones((1, n))
    table = vstack([kron(eye_array(n), ones), kron(ones, eye_array(n))])
    found = linprog(distance.reshape(-1), A_eq=table, b_eq=np.concatenate([m.p, m.q]), method="highs")
    return float(found.fun)


def maximum_of(kind: Kind | None, known: Named | None) -> float:
    """Return the divergence of laws that share no point, nan where it is not known."""
    if known is not None:
        return known.value(APART)
    return math.nan if kind is None else plain_maximum(kind)
