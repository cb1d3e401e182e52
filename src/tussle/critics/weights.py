"""Generator weights: how much each fake counts, for any divergence, from one ratio critic.

With C = log(p/q), u = e^C, the gradient of D_f(P || Q_theta) = E_q f(u) is

    -E_z [ w(C) grad_x C . dG/dtheta ],    w = u^2 f''(u),

so that the choice of a divergence is a choice of weights and needs no critic of its own. `weight_of` makes w from any f
by differentiation; `loss_weight` gives the weight that a plain loss's generator has against its own optimal critic.

References:
    Nowozin, Cseke, Tomioka, NIPS 2016. Nie, Patel, "Towards a better understanding and regularization of GAN training
    dynamics", UAI 2019 (the choice of f as an assumption).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import Array, array, float64, gradient, namespace, sigmoid, stop, to_numpy
from tussle.critics.kinds import Kind, resolved
from tussle.fgan import divergence_names, f_divergence, generator_weight
from tussle.losses import Loss
from tussle.payoffs import bounded_exp

Weight = Callable[[Array], Array]


def weight_of(f: Callable[[Array], Array]) -> Weight:
    """Return w(C) = u^2 f''(u), u = e^C, of any f by differentiation.

    Args:
        f: the function of the ratio u > 0, elementwise, written for the engine of its argument.

    Returns:
        the function logits -> weights.

    >>> from tussle import autodiff
    >>> with autodiff.float64():
    ...     w = weight_of(lambda u: (u - 1.0) ** 2)(autodiff.array([0.0, 1.0]))
    >>> w.round(4).tolist()
    [2.0, 14.7781]
    """

    def weight(logits: Array) -> Array:
        xp = namespace(logits)
        u = bounded_exp(logits)
        return u * u * gradient(lambda v: xp.sum(gradient(lambda t: xp.sum(f(t)), v)), u)

    return weight


def weight(name: str | Callable[[Array], Array], a: float | None = None) -> Weight:
    """Return the generator weight of a divergence by its formula, or of a function f by differentiation.

    Args:
        name: a name of `fgan.divergence_names()` but total_variation; nonsaturating (2 KL(m || p)); or f itself.
        a: the order of f_alpha.

    Raises:
        ValueError: for an unknown name.

    >>> from tussle import autodiff
    >>> with autodiff.float64():
    ...     float(weight("nonsaturating")(autodiff.array(0.0)))
    0.5
    """
    if not isinstance(name, str):
        return weight_of(name)
    known = [n for n in divergence_names() if n != "total_variation"]
    checks.choice("weight", name, [*known, "nonsaturating"])
    return generator_weight(name, a)


# Losses -------------------------------------------------------------------------------------------------------------


def loss_weight(loss: Loss | str, **options: Any) -> Weight:
    """Return the weight of a plain loss's generator against its own optimal critic, w = -d/dl g2(c(l)), l = log(p/q).

    c(l) is the optimal output. The generator then descends the f-divergence with u^2 f''(u) = w; where w is negative
    that functional is not convex, and no divergence.

    Args:
        loss: a name of `loss_names()` or a Loss, plain and with a smooth optimal output.
        **options: of the loss, for a name.

    Raises:
        ValueError: for a relativistic loss (its weight depends on the whole laws), or one whose optimal output jumps.

    >>> from tussle import autodiff
    >>> with autodiff.float64():
    ...     round(float(loss_weight("least_squares")(autodiff.array(0.0))), 6)
    0.125
    """
    made, kind = resolved(loss, options)
    if made.coupling != "plain" or kind is None or kind.name in ("hinge", "linear", "tanh", "total_variation"):
        message = (
            f"`loss` is {made.name} with {made.coupling} coupling; a weight belongs to a plain loss whose optimal "
            "output is a smooth function of log(p/q); take one, or generator_descent."
        )
        raise ValueError(message)

    def weighted(logits: Array) -> Array:
        xp = namespace(logits)
        return -gradient(lambda ell: xp.sum(made.scale * made.generator_fake(output(kind, ell))), logits)

    return weighted


def output(kind: Kind, logits: Array) -> Array:
    """Return the optimal output of a smooth plain loss as a differentiable function of log(p/q)."""
    factors = {"logistic": 1.0, "exponential": 0.5, "alpha": kind.order, "reverse_kl": 1.0, "neyman": 2.0}
    factors |= {"hellinger": 0.5, "jensen_shannon": 1.0, "f_gan": 1.0}
    factor = factors.get(kind.name)
    if factor is not None:
        return factor * logits
    if kind.name == "least_squares" and kind.labels is not None:
        a, b, _ = kind.labels
        return kind.stretch * (a + (b - a) * sigmoid(logits))
    return f_divergence(kind.name, kind.order).optimal_output(bounded_exp(logits))


# Gradients ----------------------------------------------------------------------------------------------------------


def weighted_loss(weight: Weight, logits: Array, weights: Array | None = None) -> Array:
    """Return -E [stop(w(C)) C], whose gradient through the fakes is that of the divergence.

    Args:
        weight: logits -> generator weights.
        logits: C = log(p/q) at the fakes, (k,), differentiable in the generator's parameters through the fakes.
        weights: of the fakes, summing to 1; None for a sample.

    Returns:
        a scalar to minimize. Its value means nothing: its gradient is the divergence's.
    """
    xp = namespace(logits)
    terms = stop(weight(logits)) * logits
    return -(xp.mean(terms) if weights is None else xp.sum(weights * terms))


def generator_gradient(
    weight: Weight,
    log_ratio: Callable[[Array], Array],
    generator: Callable[[Array, Array], Array],
    latent: Any,
    theta: Any,
) -> np.ndarray:
    """Return the gradient of D_f(P || Q_theta) from the log ratio at theta, -E_z [w(C) grad C . dG/dtheta].

    Args:
        weight: logits -> generator weights, from `weight`, `weight_of` or `loss_weight`.
        log_ratio: x (n, d) -> log p(x) - log q_theta(x), (n,), in JAX; its own dependence on theta does not matter.
        generator: (theta, z) -> fakes (n, d), in JAX.
        latent: the measure of the latents.
        theta: the generator's parameters.

    Returns:
        the gradient, shape of theta.
    """
    nodes = latent.nodes()

    def surrogate(t: Array) -> Array:
        z = array(nodes.points, t)
        mass = None if nodes.weights is None else array(nodes.weights, t)
        return weighted_loss(weight, log_ratio(generator(t, z)), mass)

    with float64():
        return to_numpy(gradient(surrogate, array(np.atleast_1d(np.asarray(theta, dtype=np.float64)))))


def weights_at(weight: Weight, logits: np.ndarray) -> np.ndarray:
    """Return the weights at logits given as plain numbers, in NumPy."""
    with float64():
        return to_numpy(weight(array(np.asarray(logits, dtype=np.float64))))
