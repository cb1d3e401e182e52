"""Paces: how far a player goes along a velocity.

A pace is a record with `init(x) -> state`, `rest(x) -> state` and `step(player, v, state) -> (move, state)`. The rate
may be one number or one for each player. `rest` is the state in which the pace waits at an equilibrium: buffers at
zero and all start-up corrections faded.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from tussle import checks
from tussle.autodiff import Array, namespace, safe_sqrt
from tussle.records import record, static


class Aside(NamedTuple):
    """State that only counts or is only looked at; it is no part of the dynamics and is left out of Jacobians."""

    value: Any


Rate = float | tuple[float, ...] | Any


class AbstractPace(Protocol):
    """What a pace must offer."""

    @property
    def lr(self) -> Rate:
        """The rate, or one for each player."""
        ...

    def init(self, x: Array) -> Any:
        """Return the state before the first step."""
        ...

    def rest(self, x: Array) -> Any:
        """Return the state at rest at an equilibrium."""
        ...

    def step(self, player: int, v: Array, state: Any) -> tuple[Array, Any]:
        """Return the move along the velocity `v` and the next state."""
        ...


def rate(lr: Rate, player: int) -> Any:
    """Return the rate of one player."""
    return lr[player] if isinstance(lr, (tuple, list)) else lr


def scaled(lr: Rate, factor: Any) -> Rate:
    """Return the rates of all players times `factor`."""
    return tuple(x * factor for x in lr) if isinstance(lr, (tuple, list)) else lr * factor


def _check_rate(lr: Rate) -> None:
    for value in lr if isinstance(lr, (tuple, list)) else (lr,):
        checks.positive("lr", value)


@record
class SGD:
    """Plain steps: x <- x + h v."""

    lr: Rate
    keeps_state = False

    def __post_init__(self) -> None:
        """Check the rate."""
        _check_rate(self.lr)

    def init(self, x: Array) -> tuple[()]:  # noqa: ARG002
        """Return an empty state."""
        return ()

    def rest(self, x: Array) -> tuple[()]:  # noqa: ARG002
        """Return an empty state."""
        return ()

    def step(self, player: int, v: Array, state: Any) -> tuple[Array, Any]:
        """Return h v."""
        return rate(self.lr, player) * v, state


@record
class Momentum:
    """Heavy ball: m <- beta m + v, x <- x + h m, that is x_{k+1} = x_k + h v + beta (x_k - x_{k-1}).

    A negative `beta` damps rotation under alternating steps (Gidel et al. 2019).
    """

    lr: Rate
    beta: Any = 0.9
    keeps_state = True

    def __post_init__(self) -> None:
        """Check the rate and the factor."""
        _check_rate(self.lr)
        checks.number("beta", self.beta)

    def init(self, x: Array) -> tuple[Array]:
        """Return a zero buffer."""
        return (namespace(x).zeros_like(x),)

    def rest(self, x: Array) -> tuple[Array]:
        """Return a zero buffer."""
        return self.init(x)

    def step(self, player: int, v: Array, state: Any) -> tuple[Array, Any]:
        """Return h m and the new buffer m."""
        m = self.beta * state[0] + v
        return rate(self.lr, player) * m, (m,)


@record
class RMSProp:
    """Steps divided by a running root mean square of the velocity.

    s <- alpha s + (1 - alpha) v^2. The flavor `pytorch` moves h v / (sqrt(s) + eps) from s = 0; `tensorflow1` moves
    h v / sqrt(s + eps) from s = 1 (its published defaults are alpha 0.9 and eps 1e-10).
    """

    lr: Rate
    alpha: Any = 0.99
    eps: Any = 1e-8
    flavor: str = static(default="pytorch")
    keeps_state = True

    def __post_init__(self) -> None:
        """Check the rate, the decay and the flavor."""
        _check_rate(self.lr)
        checks.nonnegative("alpha", self.alpha)
        if checks.is_number(self.alpha) and self.alpha > 1:
            message = f"`alpha` is {self.alpha}; it must be at most 1; the usual values are 0.9 and 0.99."
            raise ValueError(message)
        checks.nonnegative("eps", self.eps)
        checks.choice("flavor", self.flavor, ("pytorch", "tensorflow1"))

    def init(self, x: Array) -> tuple[Array]:
        """Return the first mean square: 0, or 1 in the TensorFlow 1 flavor."""
        xp = namespace(x)
        return (xp.ones_like(x) if self.flavor == "tensorflow1" else xp.zeros_like(x),)

    def rest(self, x: Array) -> tuple[Array]:
        """Return a zero mean square."""
        return (namespace(x).zeros_like(x),)

    def step(self, player: int, v: Array, state: Any) -> tuple[Array, Any]:
        """Return the scaled velocity and the new mean square."""
        s = self.alpha * state[0] + (1 - self.alpha) * v * v
        inside = self.flavor == "tensorflow1"
        scale = safe_sqrt(s + self.eps) if inside else safe_sqrt(s) + self.eps
        return rate(self.lr, player) * v / scale, (s,)


@record
class Adam:
    """Adaptive moments with bias correction.

    m <- b1 m + (1 - b1) v and s <- b2 s + (1 - b2) v^2; the move is h m' / (sqrt(s' + eps_inside) + eps), with m' and
    s' corrected for their start at zero. Derivatives through the root at s = 0 are only finite for `eps_inside` > 0;
    at 0 they are taken as 0, which is the right linearization where s is of second order.
    """

    lr: Rate
    beta1: Any = 0.9
    beta2: Any = 0.999
    eps: Any = 1e-8
    eps_inside: Any = 0.0
    keeps_state = True

    def __post_init__(self) -> None:
        """Check the rate, the decays and the two epsilons."""
        _check_rate(self.lr)
        for name, value in (("beta1", self.beta1), ("beta2", self.beta2)):
            checks.nonnegative(name, value)
            if checks.is_number(value) and value >= 1:
                message = f"`{name}` is {value}; it must be below 1; the usual values are 0, 0.5, 0.9, 0.99 and 0.999."
                raise ValueError(message)
        checks.nonnegative("eps", self.eps)
        checks.nonnegative("eps_inside", self.eps_inside)

    def init(self, x: Array) -> tuple[Array, Array, Aside]:
        """Return zero moments and a count of zero."""
        zero = namespace(x).zeros_like(x)
        return zero, zero, Aside(zero[:1])

    def rest(self, x: Array) -> tuple[Array, Array, Aside]:
        """Return zero moments after infinitely many steps."""
        zero = namespace(x).zeros_like(x)
        return zero, zero, Aside(zero[:1] + float("inf"))

    def step(self, player: int, v: Array, state: Any) -> tuple[Array, Any]:
        """Return the move and the new moments."""
        m, s, clock = state
        count = clock.value + 1
        m = self.beta1 * m + (1 - self.beta1) * v
        s = self.beta2 * s + (1 - self.beta2) * v * v
        mean = m / (1 - self.beta1**count)
        root = safe_sqrt(s / (1 - self.beta2**count) + self.eps_inside) + self.eps
        return rate(self.lr, player) * mean / root, (m, s, Aside(count))


def sgd(lr: Rate) -> SGD:
    """Return plain steps of length `lr` (one number, or one for each player)."""
    return SGD(lr)


def momentum(lr: Rate, beta: Any = 0.9) -> Momentum:
    """Return heavy-ball steps; `beta` may be negative."""
    return Momentum(lr, beta)


def rmsprop(lr: Rate, alpha: Any = None, eps: Any = None, flavor: str = "pytorch") -> RMSProp:
    """Return RMSProp; `alpha` and `eps` default to what the flavor's library uses."""
    first, second = (0.9, 1e-10) if flavor == "tensorflow1" else (0.99, 1e-8)
    return RMSProp(lr, first if alpha is None else alpha, second if eps is None else eps, flavor)


def adam(lr: Rate, beta1: Any = 0.9, beta2: Any = 0.999, eps: Any = 1e-8, eps_inside: Any = 0.0) -> Adam:
    """Return Adam; `eps_inside` is added under the root, `eps` outside."""
    return Adam(lr, beta1, beta2, eps, eps_inside)


PACES: dict[str, Callable[..., AbstractPace]] = {"sgd": sgd, "momentum": momentum, "rmsprop": rmsprop, "adam": adam}
