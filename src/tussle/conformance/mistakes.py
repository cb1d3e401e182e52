"""Mistakes: the wrong forms of a loss that were published or asked about, to be told from the right one.

Each maker takes the loss that is meant and returns what the mistake turns it into, or None where the mistake cannot be
made. A player whose slopes agree with one of these, and not with the loss that is meant, is told so by name.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from tussle.autodiff import Array, sigmoid, stop
from tussle.couplings import expectation
from tussle.losses import Loss
from tussle.payoffs import Linear, Logistic, Mirror, Negative, Square

Function = Callable[[Array, Array], Array]


class Mistake(NamedTuple):
    """A known mistake.

    Attributes:
        name: short.
        player: `critic`, `generator`, or `both`.
        make: from the loss that is meant, and the player, to the wrong function; None where it does not apply.
        sentence: what is wrong and what to do.
        seen: where it was published.
        alone: whether it is one only beside a right critic.
    """

    name: str
    player: str
    make: Callable[[Loss, str], Function | None]
    sentence: str
    seen: str = ""
    alone: bool = False


def _payoffs(loss: Loss, player: str) -> tuple[Any, Any]:
    pair = (loss.critic_real, loss.critic_fake)
    return pair if player == "critic" else (loss.generator_real, loss.generator_fake)


def _of(loss: Loss, player: str) -> Function:
    return loss.critic if player == "critic" else loss.generator


def _average(form: Callable[[Array, Array, Array, Array], tuple[Array, Array]]) -> Callable[..., Function | None]:
    """Return a maker for average losses: `form` gives what the two payoffs are read at, from r, f and their means."""

    def make(loss: Loss, player: str) -> Function | None:
        if loss.coupling != "average":
            return None
        first, second = _payoffs(loss, player)

        def wrong(r: Array, f: Array) -> Array:
            at_real, at_fake = form(r, f, expectation(r), expectation(f))
            return expectation(first(at_real)) + expectation(second(at_fake))

        return wrong

    return make


def _detached(loss: Loss, player: str) -> Function | None:
    first, second = _payoffs(loss, player)
    if loss.coupling == "average":
        return lambda r, f: expectation(first(r - stop(expectation(f)))) + expectation(second(f - stop(expectation(r))))
    if loss.coupling == "one_sided":
        return lambda r, f: 2.0 * expectation(first(r - stop(expectation(f)))) + 0.0 * expectation(f)
    if loss.coupling == "centered":

        def centered(r: Array, f: Array) -> Array:
            middle = stop(0.5 * (expectation(r) + expectation(f)))
            return expectation(first(r - middle)) + expectation(second(f - middle))

        return centered
    return None


def _one_term(kept: str) -> Callable[..., Function | None]:
    """Return a maker that keeps one of the two terms."""

    def make(loss: Loss, player: str) -> Function | None:
        first, second = _payoffs(loss, player)
        match loss.coupling, kept:
            case "average", "real":
                return lambda r, f: expectation(first(r - expectation(f)))
            case "average", "fake":
                return lambda r, f: expectation(second(f - expectation(r)))
            case "centered", "real":
                return lambda r, f: expectation(first(r - 0.5 * (expectation(r) + expectation(f))))
            case "centered", "fake":
                return lambda r, f: expectation(second(f - 0.5 * (expectation(r) + expectation(f))))
            case "plain", "real":
                return None if player == "generator" else lambda r, f: expectation(first(r)) + 0.0 * expectation(f)
            case "plain", "fake":
                return None if player == "generator" else lambda r, f: expectation(second(f)) + 0.0 * expectation(r)
        return None

    return make


def _plain_generator(loss: Loss, _: str) -> Function | None:
    """Return the non-saturating generator's loss of the same payoffs, which reads the fakes alone."""
    if loss.coupling == "plain":
        return None
    return lambda r, f: expectation(loss.critic_real(f)) + 0.0 * expectation(r)


def _plain_critic(loss: Loss, _: str) -> Function | None:
    if loss.coupling == "plain":
        return None
    return lambda r, f: expectation(loss.critic_real(r)) + expectation(loss.critic_fake(f))


def _own_variable(loss: Loss, player: str) -> Function | None:
    """Return the loss after real = real - mean(fake); fake = fake - mean(real)."""
    if loss.coupling != "average":
        return None
    first, second = _payoffs(loss, player)

    def wrong(r: Array, f: Array) -> Array:
        less = r - expectation(f)
        return expectation(first(less)) + expectation(second(f - expectation(less)))

    return wrong


def _unmirrored(loss: Loss, player: str) -> Function | None:
    first = _payoffs(loss, player)[0]
    match loss.coupling:
        case "average":
            return lambda r, f: expectation(first(r - expectation(f))) + expectation(first(f - expectation(r)))
        case "plain" if player == "critic":
            return lambda r, f: expectation(first(r)) + expectation(first(f))
    return None


def _zero_label(loss: Loss, player: str) -> Function | None:
    """Return a relativistic least-squares loss with labels 1 and 0 in place of 1 and -1."""
    if loss.coupling == "plain" or not isinstance(loss.critic_real, Square):
        return None
    one, none = Square(1.0, 1.0), Square(0.0, 1.0)
    pair = (one, none) if player == "critic" else (none, one)
    return Loss(*pair, *pair, coupling=loss.coupling, pairing=loss.pairing).critic


def _squashed(loss: Loss, player: str) -> Function | None:
    function = _of(loss, player)
    return lambda r, f: function(sigmoid(r), sigmoid(f))


def _flipped(loss: Loss, player: str) -> Function | None:
    function = _of(loss, player)
    return lambda r, f: -function(r, f)


def _exchanged(loss: Loss, player: str) -> Function | None:
    """Return the loss of a critic that is large on fakes."""
    function = _of(loss, player)
    return lambda r, f: function(f, r) if loss.coupling != "one_sided" else function(-r, -f)


def _critic_again(loss: Loss, _: str) -> Function | None:
    return loss.critic


def _other_objective(name: str) -> Callable[..., Function | None]:
    """Return a maker of the generator's loss under another objective."""

    def make(loss: Loss, _: str) -> Function | None:
        match name:
            case "zero-sum":
                pair = Negative(loss.critic_real), Negative(loss.critic_fake)
            case "swap":
                pair = loss.critic_fake, loss.critic_real
            case _:
                pair = Linear(1.0), Linear(-1.0)
        other = Loss(loss.critic_real, loss.critic_fake, *pair, coupling=loss.coupling, pairing=loss.pairing)
        return other.generator

    return make


def _other_pairs(loss: Loss, player: str) -> Function | None:
    if loss.coupling != "paired" or loss.pairing == "auto":
        return None
    other = "index" if loss.pairing == "all" else "all"
    pair = _payoffs(loss, player)
    return Loss(*pair, *pair, coupling="paired", pairing=other).critic


def _smoothed(loss: Loss, _: str) -> Function | None:
    """Return the log loss with the label 0.9 for real data."""
    if loss.coupling != "plain" or not isinstance(loss.critic_real, Logistic):
        return None
    sp = Logistic()
    return lambda r, f: expectation(0.9 * sp(r) + 0.1 * sp(-r)) + expectation(Mirror(sp)(f))


MISTAKES: tuple[Mistake, ...] = (
    Mistake(
        "mean swapped",
        "both",
        _average(lambda r, f, mr, mf: (r - mf, mf - r)),
        "the fake term is read at E f - r, or is missing: real outputs are compared twice and no single fake is; read "
        "it at f - E r.",
        "RelativisticGAN issue 2",
    ),
    Mistake(
        "loss overwritten",
        "generator",
        _plain_generator,
        "the relativistic loss is gone and the plain non-saturating one is left, as after a second `loss = ...`; "
        "delete that line, and keep the real outputs in the generator's loss: they stand inside a nonlinearity.",
        "PyTorch-GAN issue 52, R3GAN issue 8",
    ),
    Mistake(
        "half of the loss missing",
        "generator",
        _one_term("fake"),
        "only the term at f - E r reaches the fakes; add the term in r - E f, or let gradients flow through E f if it "
        "is there.",
        "PyTorch-GAN pull request 93",
    ),
    Mistake(
        "half of the loss missing",
        "generator",
        _one_term("real"),
        "only the term at r - E f reaches the fakes; add the term in f - E r.",
    ),
    Mistake(
        "fake term missing",
        "critic",
        _one_term("real"),
        "only the real term is left, as after a second `loss = ...`; add both terms before you return.",
        "PyTorch-GAN issue 52",
    ),
    Mistake(
        "real term missing",
        "critic",
        _one_term("fake"),
        "only the fake term is left, as after a second `loss = ...`; add both terms before you return.",
        "PyTorch-GAN issue 52",
    ),
    Mistake(
        "mean detached",
        "both",
        _detached,
        "a batch mean is held constant for derivatives, so the slopes no longer sum to 0; remove detach, "
        "stop_gradient or no_grad around it.",
        "mmagic issue 40",
    ),
    Mistake(
        "variable overwritten",
        "both",
        _own_variable,
        "the real outputs are replaced by r - E f before their mean is taken for the fakes; give the two differences "
        "names of their own.",
        "ESRGAN-tensorflow issue 4",
    ),
    Mistake(
        "own mean subtracted",
        "both",
        _average(lambda r, f, mr, mf: (r - mr, f - mf)),
        "each side is read less its own mean, so real and fake are never compared; take r - E f and f - E r.",
    ),
    Mistake(
        "not mirrored",
        "both",
        _unmirrored,
        "both terms have the sign of the first; mirror the payoff of the second, f2(y) = f1(-y).",
    ),
    Mistake(
        "labels 1 and 0",
        "both",
        _zero_label,
        "the differences are drawn to the labels 1 and 0; a relativistic least-squares loss has 1 and -1: what is "
        "asked of a difference must be the opposite of what is asked of its negative.",
        "relativistic-f-divergences issue 8",
    ),
    Mistake(
        "label smoothing",
        "critic",
        _smoothed,
        "the label of real data is 0.9, so that the optimal critic is 0.9 p/(p + q) and never calibrated; use 1, or "
        "claim no library loss.",
    ),
    Mistake(
        "sigmoid twice",
        "both",
        _squashed,
        "the outputs pass through a sigmoid before a loss that has its own; give the loss the raw outputs.",
        "RelativisticGAN issue 23",
    ),
    Mistake(
        "another pairing",
        "both",
        _other_pairs,
        "the pairs are not those that are claimed (index pairs (i, i), or all pairs (i, j)); say which, they differ "
        "in variance and in the landscape.",
        "relativistic-f-divergences ids 33 and 43",
    ),
    Mistake(
        "labels not flipped",
        "generator",
        _critic_again,
        "the generator minimizes the critic's own loss and helps it; exchange the labels or the sides.",
        alone=True,
    ),
    Mistake(
        "sides exchanged",
        "both",
        _exchanged,
        "the critic is asked to be large on fakes, as some papers write it; exchange the arguments, or read its "
        "outputs with the other sign.",
        "R3GAN issue 10",
    ),
    Mistake(
        "zero-sum objective",
        "generator",
        _other_objective("zero-sum"),
        "the generator maximizes the critic's loss (zero-sum), which saturates; swap the two sides of the critic's "
        "loss, or claim objective=zero-sum.",
        "R3GAN issue 10",
    ),
    Mistake(
        "swapped objective",
        "generator",
        _other_objective("swap"),
        "the generator minimizes the critic's loss with the sides exchanged (non-saturating); claim objective=swap if "
        "that is meant.",
        "R3GAN issue 10",
    ),
    Mistake(
        "linear objective",
        "generator",
        _other_objective("logit"),
        "the generator raises its outputs linearly; claim objective=logit if that is meant.",
    ),
    Mistake(
        "sign flipped",
        "both",
        _flipped,
        "the loss has the wrong sign: this player minimizes, and so climbs; drop the minus.",
        "R3GAN issue 10",
    ),
    Mistake(
        "not relativistic",
        "critic",
        _plain_critic,
        "the critic's loss is the plain one of the same payoffs: real and fake are never compared; read the payoffs "
        "at differences.",
    ),
)  # fmt: skip
