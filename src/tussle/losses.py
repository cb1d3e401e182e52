"""Losses: payoffs x coupling x generator objective.

Every GAN loss of the literature is put together from three choices. Payoffs f1 (real) and f2 (fake) say what
the critic wants of its outputs. The coupling says what they are read at: the outputs themselves (plain),
differences of real and fake outputs (paired, names rp-...), or outputs less a mean (average ra-..., one_sided
ralf-..., centered rc-...). The objective derives the generator's payoffs g1, g2 from the critic's: `zero-sum`
-f1, -f2; `swap` (non-saturating) f2, f1; `logit` y, -y; `labels` (least squares) a label of its own. Both
players minimize.

The factor: the paired loss is E [f1(r - f) + f2(f - r)], for symmetric payoffs 2 E f1(r - f), so that 2 log 2
less the log loss is a divergence. `scale=0.5` gives the form without the 2 (the usual RSGAN, R3GAN), and the
halved average losses of the first relativistic code.

References:
    Goodfellow et al., "Generative adversarial nets", NIPS 2014.
    Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", ICLR 2019.
    Jolicoeur-Martineau, "On relativistic f-divergences", ICML 2020.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from tussle import checks
from tussle.autodiff import Array, array, float64, gradient
from tussle.couplings import BIASED, COUPLINGS, PAIRINGS, bias, coupled, side
from tussle.fgan import divergence_names, f_divergence
from tussle.payoffs import (
    AbstractPayoff,
    AlphaPayoff,
    Exponential,
    Function,
    HingePayoff,
    Linear,
    Logistic,
    Mirror,
    Negative,
    Square,
    Tanh,
    quadratic_weight,
)
from tussle.records import record, static


@record
class Loss:
    """What critic and generator minimize, as functions of the critic's outputs.

    Args:
        critic_real: f1.
        critic_fake: f2.
        generator_real: g1.
        generator_fake: g2.
        coupling: one of `plain`, `paired`, `average`, `one_sided`, `centered`.
        pairing: what `paired` averages over: `index` pairs (i, i), `all` pairs (i, j), or `auto`: index pairs
            for two samples of one length, all pairs otherwise.
        scale: a factor of both losses.
        unbiased: whether the bias that a batch's own means bring is taken off (quadratic payoffs only).
        name: what it is called.

    >>> from tussle import autodiff
    >>> with autodiff.float64():
    ...     r, f = autodiff.array([1.0, 3.0]), autodiff.array([0.0, 2.5])
    ...     value = float(loss("hinge").critic(r, f)), float(loss("rp-hinge", pairing="all").critic(r, f))
    >>> value
    (2.25, 1.5)
    """

    critic_real: AbstractPayoff
    critic_fake: AbstractPayoff
    generator_real: AbstractPayoff
    generator_fake: AbstractPayoff
    coupling: str = static(default="plain")
    pairing: str = static(default="auto")
    scale: Any = 1.0
    unbiased: bool = static(default=False)
    name: str = static(default="custom")

    def __post_init__(self) -> None:
        """Check coupling, pairing, scale and whether the bias is known."""
        checks.choice("coupling", self.coupling, COUPLINGS)
        checks.choice("pairing", self.pairing, PAIRINGS)
        checks.positive("scale", self.scale)
        payoffs = (self.critic_real, self.critic_fake, self.generator_real, self.generator_fake)
        if self.unbiased and (self.coupling not in BIASED or None in map(quadratic_weight, payoffs)):
            message = (
                f"`unbiased` came for {self.name} with {self.coupling} coupling; the bias is known for least "
                "squares with average, one_sided or centered coupling; drop it or take such a loss."
            )
            raise ValueError(message)

    def critic(
        self, real: Array, fake: Array, real_weights: Array | None = None, fake_weights: Array | None = None
    ) -> Array:
        """Return the critic's loss.

        Args:
            real: outputs on real data, shape (k,); half precision is brought to float32 first.
            fake: outputs on fakes, shape (l,).
            real_weights: weights of the real outputs that sum to one, or None for a sample.
            fake_weights: the same for the fakes.

        Returns:
            A scalar.
        """
        return self._value(self.critic_real, self.critic_fake, (real, real_weights), (fake, fake_weights))

    def generator(
        self, real: Array, fake: Array, real_weights: Array | None = None, fake_weights: Array | None = None
    ) -> Array:
        """Return the generator's loss, its terms in the real outputs included.

        Args:
            real: outputs on real data, shape (k,).
            fake: outputs on fakes, shape (l,).
            real_weights: weights of the real outputs that sum to one, or None for a sample.
            fake_weights: the same for the fakes.

        Returns:
            A scalar.
        """
        return self._value(self.generator_real, self.generator_fake, (real, real_weights), (fake, fake_weights))

    def _value(self, first: AbstractPayoff, second: AbstractPayoff, real: Any, fake: Any) -> Array:
        r, f = side("real", *real), side("fake", *fake)
        value = coupled(self.coupling, self.pairing, first, second, r, f)
        if self.unbiased:
            value = value - bias(self.coupling, first, second, r, f)
        return self.scale * value


# Names ------------------------------------------------------------------------------------------------------


class _Parts(NamedTuple):
    """The critic's payoffs, and the generator's own where it has one."""

    real: AbstractPayoff
    fake: AbstractPayoff
    own: AbstractPayoff | None = None


class _Recipe(NamedTuple):
    """How a name becomes a loss: a maker of payoffs from numbers, a coupling, the objectives it may have."""

    make: Callable[..., _Parts]
    coupling: str = "plain"
    objectives: tuple[str, ...] = ("swap", "zero-sum", "logit")
    biased: bool = False

    def options(self) -> dict[str, Any]:
        """Return the options and their defaults."""
        found = {k: p.default for k, p in inspect.signature(self.make).parameters.items()}
        found |= {"objective": self.objectives[0], "scale": 1.0}
        if self.coupling == "paired":
            found["pairing"] = "auto"
        if self.biased:
            found["unbiased"] = False
        return found


def _symmetric(payoff: AbstractPayoff) -> _Parts:
    return _Parts(payoff, Mirror(payoff))


def _logistic() -> _Parts:
    return _symmetric(Logistic())


def _labelled(a: float = 0.0, b: float = 1.0, c: float = 1.0) -> _Parts:
    return _Parts(Square(b), Square(a), Square(c))


def _alpha(alpha: float = 0.5) -> _Parts:
    return _symmetric(AlphaPayoff(alpha))


def _f_alpha(a: float = 0.5) -> _Parts:
    return _member("f_alpha", a)


def _member(name: str, a: float | None = None) -> _Parts:
    member = f_divergence(name, a)
    return _Parts(Negative(Function(member.activation)), Function(member.conjugate))


_PAYOFFS: dict[str, Callable[..., _Parts]] = {
    "logistic": _logistic,
    "least_squares": lambda: _symmetric(Square(1.0, 1.0)),
    "hinge": lambda: _symmetric(HingePayoff()),
    "exponential": lambda: _symmetric(Exponential()),
    "alpha": _alpha,
    "wasserstein": lambda: _symmetric(Linear()),
}
_PREFIXES = {"rp": "paired", "ra": "average", "rc": "centered", "ralf": "one_sided"}
_ZERO_SUM = ("zero-sum", "swap", "logit")


def _members() -> dict[str, _Recipe]:
    plain = [name for name in divergence_names() if name != "f_alpha"]
    found = {name: _Recipe(lambda name=name: _member(name), objectives=_ZERO_SUM) for name in plain}
    return found | {"f_alpha": _Recipe(_f_alpha, objectives=_ZERO_SUM)}


def _relativistic() -> dict[str, _Recipe]:
    return {
        f"{prefix}-{payoff}": _Recipe(make, coupling, biased=payoff == "least_squares" and coupling in BIASED)
        for prefix, coupling in _PREFIXES.items()
        for payoff, make in _PAYOFFS.items()
    }


_RECIPES: dict[str, _Recipe] = {
    "minimax": _Recipe(_logistic, objectives=("zero-sum",)),
    "nonsaturating": _Recipe(_logistic, objectives=("swap",)),
    "logit": _Recipe(_logistic, objectives=("logit",)),
    "wasserstein": _Recipe(_PAYOFFS["wasserstein"], objectives=_ZERO_SUM),
    "least_squares": _Recipe(_labelled, objectives=("labels", *_ZERO_SUM)),
    "hinge": _Recipe(_PAYOFFS["hinge"], objectives=("logit", "swap", "zero-sum")),
    "exponential": _Recipe(_PAYOFFS["exponential"]),
    "alpha": _Recipe(_alpha),
    "smooth_tv": _Recipe(lambda: _symmetric(Tanh()), objectives=_ZERO_SUM),
    **_members(),
    **_relativistic(),
}


def loss_names() -> tuple[str, ...]:
    """Return all names that `loss` knows."""
    return tuple(_RECIPES)


def loss(name: str, **options: Any) -> Loss:
    """Return a loss by name.

    Args:
        name: one of `loss_names()`. minimax, nonsaturating and logit are the log loss with one generator
            objective each; rp-, ra-, rc-, ralf- before logistic, least_squares, hinge, exponential, alpha or
            wasserstein is relativistic, least squares then with labels 1 and -1 and without the 1/2.
        **options: objective and scale; a, b, c of least_squares (the labels of fakes, of real data, and the
            generator's); alpha; a of f_alpha; pairing of rp-; unbiased of ra-, rc-, ralf-least_squares.

    Returns:
        The loss.

    Raises:
        ValueError: for an unknown name or option, or a value that may not come.

    >>> from tussle import autodiff
    >>> with autodiff.float64():
    ...     zero = autodiff.array([0.0])
    ...     round(float(loss("rp-logistic", scale=0.5).critic(zero, zero)), 6)
    0.693147
    """
    recipe = _RECIPES[checks.choice("loss", name, _RECIPES)]
    chosen = recipe.options()
    for key, value in options.items():
        checks.choice(f"option of {name}", key, chosen)
        chosen[key] = _checked(key, value, recipe.objectives)
    common = {key: chosen.pop(key) for key in ("scale", "pairing", "unbiased") if key in chosen}
    objective = chosen.pop("objective")
    parts = recipe.make(**chosen)
    return Loss(parts.real, parts.fake, *_generator(objective, parts), coupling=recipe.coupling, name=name, **common)


def parse_loss(text: str) -> Loss:
    """Return the loss that a text NAME[,option=value...] names.

    Args:
        text: for example `least_squares,a=-1,b=1,c=0`.

    Returns:
        The loss.

    Raises:
        ValueError: if the text is not of that form, or as `loss`.

    >>> parse_loss("least_squares,a=-1,b=1,c=0").critic_fake.target
    -1.0
    """
    name, *parts = (part.strip() for part in text.split(","))
    options: dict[str, Any] = {}
    for part in parts:
        key, _, value = (piece.strip() for piece in part.partition("="))
        if not key or not value or key in options:
            trouble = "given twice" if key in options else "not of the form option=value"
            message = f"`loss` is {text!r} with {part!r} {trouble}; write NAME,option=value, say hinge,scale=2."
            raise ValueError(message)
        options[key] = _read(value)
    return loss(name, **options)


def _read(value: str) -> Any:
    """Return a number, a truth value, or the text itself."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    try:
        return float(value)
    except ValueError:
        return value


def _checked(key: str, value: Any, objectives: tuple[str, ...]) -> Any:
    if key == "objective":
        return checks.choice(key, value, objectives)
    if key == "pairing":
        return checks.choice(key, value, PAIRINGS)
    if key != "unbiased":
        return checks.number(key, value)
    if not isinstance(value, bool):
        message = f"`unbiased` is {value!r}; it may be true or false; give one of these."
        raise ValueError(message)
    return value


def _generator(objective: str, parts: _Parts) -> tuple[AbstractPayoff, AbstractPayoff]:
    """Return g1 and g2."""
    if objective == "zero-sum":
        return Negative(parts.real), Negative(parts.fake)
    if objective == "logit":
        return Linear(1.0), Linear(-1.0)
    if objective == "labels" and parts.own is not None:
        return parts.own, parts.own
    return parts.fake, parts.real


# The theorem's activations ----------------------------------------------------------------------------------


class TwoActivation(NamedTuple):
    """The slopes phi1', phi2' and the sum of the curvatures phi1'' + phi2'' at equilibrium."""

    slopes: tuple[float, float]
    curvature: float


def two_activation(loss: Loss, at: float = 0.0) -> TwoActivation:
    """Return the derivatives that the local convergence theorem asks of a loss.

    In L = E phi1(D(fake)) + E phi2(-D(real)), which the discriminator maximizes with D large on fakes, D = at
    - C gives phi1(t) = -f2(at - t) and phi2(t) = -f1(at + t). The theorem needs phi1'(0), phi2'(0) nonzero
    and phi1''(0) + phi2''(0) < 0; an equilibrium there needs phi1'(0) = phi2'(0) besides.

    Args:
        loss: the loss; its scale counts.
        at: the critic's output at equilibrium (0.5 for least_squares with labels 0 and 1, 1 for kl).

    Returns:
        The slopes and the sum of the curvatures.

    Reference:
        Mescheder, Geiger, Nowozin, "Which training methods for GANs do actually converge?", ICML 2018, 4.1.

    >>> two_activation(loss("minimax"))
    TwoActivation(slopes=(0.5, 0.5), curvature=-0.5)
    """
    with float64():
        point = array(at)

        def derivatives(payoff: AbstractPayoff) -> tuple[float, float]:
            second = gradient(lambda y: gradient(payoff, y), point)
            return float(loss.scale * gradient(payoff, point)), float(loss.scale * second)

        (real, real_curve), (fake, fake_curve) = derivatives(loss.critic_real), derivatives(loss.critic_fake)
    return TwoActivation((fake, -real), -(real_curve + fake_curve))
