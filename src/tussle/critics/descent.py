"""What the generator really descends when the critic is optimal and held fixed.

A generator takes the gradient of its own loss L_G at the critic of the moment. With the optimal critic C(p, q) that
gradient is dL_G/dq at fixed C, a vector field on the laws q; it is the gradient of a divergence only if the field has
no curl. Zero-sum losses descend the critic's own divergence (the envelope theorem). Plain losses have no curl: the
gradient at a point depends on p/q there alone, and belongs to an f-divergence with the weight u^2 f''(u) (which may be
negative: then it is no divergence). Relativistic losses with the swapped objective have curl: no divergence at all.

References:
    Arjovsky, Bottou, "Towards principled methods for training generative adversarial networks", ICLR 2017.
    Mao et al., "Least squares generative adversarial networks", ICCV 2017 (the value of L_G at the optimum).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tussle.analysis import plain
from tussle.autodiff import Array, array, compiled, float64, gradient, jacobian, to_numpy, value_and_gradient
from tussle.critics import sums
from tussle.critics.finite import is_linear, optimal_critic, within
from tussle.critics.kinds import Kind, objective_of, resolved
from tussle.critics.masses import Masses, masses
from tussle.critics.named import named
from tussle.losses import Loss
from tussle.payoffs import HingePayoff
from tussle.records import record, static

CURL = 1e-8  # relative size below which a curl is rounding


@record
class Descent:
    """What a generator descends at the optimal critic.

    Attributes:
        loss: name of the loss.
        objective: the generator's: zero-sum, swap, logit, labels or custom.
        name: the divergence whose gradient it follows, or what is known.
        divergence: its value by its own formula, nan where there is none.
        gradient: dL_G/dq at fixed critic, (n,), with mean 0: what matters on the simplex.
        curl: |M - M^T| / |M| of the field's Jacobian M on the simplex; 0 for the gradient of a function; nan where the
            optimal critic is not smooth in q.
        integrable: whether there is a functional that it descends: curl 0; None where that is unknown.
        attained: L_G at the optimal critic.
    """

    loss: str = static()
    objective: str = static()
    name: str = static()
    divergence: float
    gradient: np.ndarray
    curl: float
    integrable: bool | None = static()
    attained: float

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON knows it."""
        keys = ("loss", "objective", "name", "divergence", "gradient", "curl", "integrable", "attained")
        return plain({key: getattr(self, key) for key in keys})


def generator_descent(loss: Loss | str, p: Any, q: Any, *, distance: Any = None, **options: Any) -> Descent:
    """Return what the generator descends on a finite space, against the optimal critic.

    Args:
        loss: a name of `loss_names()`, a text NAME,option=value, or a Loss.
        p: probabilities of the real law, (n,), above 0.
        q: probabilities of the generated law, (n,), above 0.
        distance: for Wasserstein losses, the (n, n) distances.
        **options: of the loss, for a name.

    Returns:
        the divergence by name and value, the generator's gradient, and its curl.

    Raises:
        ValueError: as `optimal_critic`, and where p or q has a 0.

    >>> found = generator_descent("nonsaturating", (0.7, 0.2, 0.1), (0.2, 0.3, 0.5))
    >>> found.name, round(found.divergence, 10)
    ('2 KL(m || p)', 0.3730896718)
    """
    m = masses(p, q)
    made, kind = resolved(loss, options)
    if np.any(np.isneginf(m.log_p)) or np.any(np.isneginf(m.log_q)):
        message = "`p` or `q` has a 0; the optimal critic is infinite there and has no gradient; give masses above 0."
        raise ValueError(message)
    best = optimal_critic(loss, p, q, distance=distance, **options)
    if not np.all(np.isfinite(best.critic)) and kind is not None and kind.objective == "logit":
        text, none = "nothing: the optimal outputs are infinite", np.full(len(m.log_p), math.nan)
        return Descent(made.name, "logit", text, math.nan, none, math.nan, None, math.nan)
    c = within(best.critic, m)
    attained, slope = _frozen(made, c, m)
    curl = _curl(made, c, m)
    found = descended(kind)
    if found is None and is_linear(made) and kind is not None and kind.objective != "custom":
        found = (best.name, lambda m: best.formula)
    integrable = None if math.isnan(curl) else curl <= CURL
    if found is None and objective_of(made) == "zero-sum":
        found = (f"the critic's own: {best.name}", lambda m: best.divergence)
    text = found[0] if found is not None else _unnamed(made, integrable)
    value = math.nan if found is None else float(found[1](m))
    return Descent(
        made.name, "custom" if kind is None else kind.objective, text, value, slope - slope.mean(), curl, integrable,
        attained,
    )  # fmt: skip


def _unnamed(loss: Loss, integrable: bool | None) -> str:
    if integrable is None:
        return "unknown: the optimal critic jumps with q"
    if loss.coupling == "plain":
        return "the f-functional with the weight loss_weight(...)"
    return "a functional without a name" if integrable else "no divergence: the generator's field has curl"


# The field ----------------------------------------------------------------------------------------------------------


def _slope(loss: Loss, c: Array, p: Array, q: Array) -> Array:
    return gradient(lambda mass: loss.generator(c, c, p, mass), q)


def _frozen(loss: Loss, critic: np.ndarray, m: Masses) -> tuple[float, np.ndarray]:
    """Return the generator's loss and its gradient in q at fixed critic, read once and so not compiled."""
    with float64():
        c, p = array(critic), array(m.p)
        value, slope = value_and_gradient(lambda mass: loss.generator(c, c, p, mass), array(m.q))
        return float(value), to_numpy(slope)


@compiled
def _parts(loss: Loss, c: Array, p: Array, q: Array) -> tuple[Array, Array, Array, Array]:
    """Return the derivatives of dL_G/dq in q and C, and those of dL_D/dC in C and q."""

    def pull(x: Array, mass: Array) -> Array:
        return gradient(lambda y: loss.critic(y, y, p, mass), x)

    own = jacobian(lambda mass: _slope(loss, c, p, mass), q)
    through = jacobian(lambda x: _slope(loss, x, p, q), c)
    return own, through, jacobian(lambda x: pull(x, q), c), jacobian(lambda mass: pull(c, mass), q)


def _curl(loss: Loss, c: np.ndarray, m: Masses) -> float:
    """Return the relative curl of the generator's field, the critic answering each q.

    The optimal critic solves dL_D/dC = 0, so that dC/dq = -H^+ d2L_D/dC dq. A plain field is separable, and a zero-sum
    one is the gradient of the game's value: no curl.
    """
    if loss.coupling == "plain" or is_linear(loss) or objective_of(loss) == "zero-sum":
        return 0.0
    if isinstance(loss.critic_real, HingePayoff):
        return math.nan
    own, through, bend, cross = (to_numpy(x) for x in _parts(loss, c, m.p, m.q))
    answer = -np.linalg.pinv(bend, rcond=1e-11, hermitian=True) @ cross
    n = len(c)
    flat = np.eye(n) - np.ones((n, n)) / n
    whole = flat @ (own + through @ answer) @ flat
    size = float(np.abs(whole).max(initial=0.0))
    return 0.0 if size == 0 else float(np.abs(whole - whole.T).max()) / size


# Names --------------------------------------------------------------------------------------------------------------

Formula = tuple[str, Callable[[Masses], float]]


def descended(kind: Kind | None) -> Formula | None:
    """Return the functional whose gradient the generator follows, by name and formula; None where none is known.

    Args:
        kind: what the loss is made of.
    """
    if kind is None or kind.objective == "custom":
        return None
    if kind.objective == "zero-sum":
        found = named(kind)
        return None if found is None else (found.text, found.value)
    if kind.coupling != "plain":
        return _relativistic(kind)
    if kind.name == "least_squares":
        return _least_squares(kind)
    if kind.name in ("hinge", "tanh", "total_variation"):
        return _jumping(kind)
    return _smooth(kind)


def _scaled(factor: float, text: str, value: Callable[[Masses], float]) -> Formula:
    sum_of = " - " in text or " + " in text
    shown = text if factor == 1.0 else f"{factor:g} ({text})" if sum_of else f"{factor:g} {text}"
    return shown, lambda m: factor * value(m)


def _relativistic(kind: Kind) -> Formula | None:
    """Return those of the relativistic losses that have no curl."""
    match kind.name, kind.coupling, kind.objective:
        case "logistic", "paired", "swap":
            # dL_G/dq = 2 E_p log(1 + u_x/u) is the gradient of 2 KL(M || P) + KL(q || p) - KL(p || q), with P = p x q,
            # Q = q x p and M their middle; and 2 KL(M || P) = KL(Q || P) - 2 JS(P, Q).
            return _scaled(kind.scale, "2 KL(q || p) - 2 JS(p x q, q x p)", _paired_logistic)
        case "least_squares", "centered", _:
            return _least_squares(kind)  # at the optimum E_p C + E_q C = 0, and the center does not move to first order
        case "least_squares", "one_sided", "logit":
            return _scaled(kind.scale * kind.stretch, "log(1 + chi2(q || p))", _log_chi2)
        case "least_squares", "one_sided", "swap":
            return _scaled(kind.size, "4 log(1 + x) - 2 x/(1 + x), x = chi2(q || p)", _one_sided_squares)
    slope = {"logistic": 1.0, "exponential": 0.5, "alpha": kind.order}.get(kind.name)
    if kind.name == "exponential" and kind.coupling in ("average", "one_sided"):
        slope = 1.0
    elif kind.coupling != "paired":
        return None
    if kind.objective != "logit" or slope is None:
        return None
    return _scaled(2.0 * slope * kind.scale, "KL(q || p)", sums.reverse_kl)


def _paired_logistic(m: Masses) -> float:
    return 2.0 * (sums.reverse_kl(m) - sums.jensen_shannon(m.product()))


def _log_chi2(m: Masses) -> float:
    return math.log1p(sums.chi2(m.swapped()))


def _one_sided_squares(m: Masses) -> float:
    chi = sums.chi2(m.swapped())
    return math.inf if math.isinf(chi) else 4.0 * math.log1p(chi) - 2.0 * chi / (1.0 + chi)


def _least_squares(kind: Kind) -> Formula | None:
    """Return (b-a)(c-a) KL(p || m) - (b-a)^2/8 Delta for a generator with the label c, times twice the square's scale.

    The weight is -(c* - c) dc*/dl with c* = a + (b - a) sigma(l): sigma (1 - sigma) belongs to KL(p || m) and sigma^2
    (1 - sigma) to Delta/8. The swapped generator has the label b, the logit one the weight dc*/dl alone.
    """
    assert kind.labels is not None
    a, b, c = kind.labels
    size = 2.0 * kind.size
    if kind.objective == "logit":
        return _scaled(kind.scale * kind.stretch * (b - a), "KL(p || m)", sums.to_middle)
    c = b if kind.objective == "swap" else c
    if math.isnan(c):
        return None
    first, second = size * (b - a) * (c - a), size * (b - a) ** 2 / 8
    if first == 0:
        return None
    text = f"{first:g} KL(p || m) - {second:g} Delta".removeprefix("1 ").replace(" 1 Delta", " Delta")
    return text, lambda m: first * sums.to_middle(m) - second * sums.triangular(m)


def _jumping(kind: Kind) -> Formula | None:
    """Return the total variation, which critics of the form sign(p - q) descend under every objective."""
    if kind.name == "tanh" and kind.objective == "logit":
        return None  # the critic is infinite
    if kind.name == "total_variation":
        return None if kind.objective == "logit" else _scaled(kind.size, "TV", sums.total_variation)
    return _scaled(2.0 * kind.size, "TV", sums.total_variation)


def _smooth(kind: Kind) -> Formula | None:
    """Return the f-divergence of a smooth plain loss, swap or logit."""
    name, size = kind.name, kind.size
    if kind.objective == "logit":
        # dC/dl constant: reverse KL. KL's critic 1 + l, Pearson's 2 (u - 1): weights 1 and 2 u.
        slopes = {"logistic": 1.0, "exponential": 0.5, "alpha": kind.order, "kl": 1.0, "reverse_kl": 1.0}
        slopes |= {"neyman": 2.0, "hellinger": 0.5, "jensen_shannon": 1.0, "f_gan": 1.0}
        slope = slopes.get(name)
        if slope is not None:
            return _scaled(slope * size, "KL(q || p)", sums.reverse_kl)
        if name == "pearson":
            return _scaled(2.0 * size, "KL(p || q)", sums.kl)
        above = name == "f_alpha" and kind.order is not None and kind.order > 1
        return _power(size, kind.order - 1.0) if above and kind.order is not None else None
    if name in ("logistic", "jensen_shannon", "f_gan"):
        return _scaled(2.0 * size, "KL(m || p)", sums.from_middle)
    # Swapped, an f-divergence's weight w(u) becomes w(u)/u.
    powers = {"exponential": (0.5, -0.5), "kl": (1.0, 0.0), "reverse_kl": (1.0, -1.0), "pearson": (2.0, 1.0)}
    powers |= {"neyman": (2.0, -2.0), "hellinger": (0.5, -0.5)}
    if name == "f_alpha" and kind.order is not None:
        powers["f_alpha"] = (1.0, kind.order - 1.0)
    return _power(size * powers[name][0], powers[name][1]) if name in powers else None


def _power(factor: float, a: float) -> Formula:
    """Return factor times the divergence with the weight u^a."""
    if a == 1.0:
        return _scaled(factor, "KL(p || q)", sums.kl)
    if a == 0.0:
        return _scaled(factor, "KL(q || p)", sums.reverse_kl)
    if a == -1.0:
        return _scaled(0.5 * factor, "chi2(q || p)", lambda m: sums.chi2(m.swapped()))
    return _scaled(factor, f"alpha-divergence of order {a:g}", lambda m: sums.order(m, a))
