"""Adjustments: fields bent by second-order terms.

Each is a record that is called with a field and returns a field. With v the velocity and J its Jacobian:

- consensus: v - gamma J^T v (Mescheder, Nowozin, Geiger 2017);
- symplectic: v + s (J - J^T) v / 2, the sign of s by alignment (Balduzzi et al. 2018);
- jare: each player also descends gamma/2 of the other's squared velocity (Nie, Patel 2019);
- nagarajan_kolter: the generator also descends eta times the discriminator's squared velocity (2017);
- lss: the mean of v and J^T J^-1 v, which linearizes to the symmetric part of J (Mazumdar, Jordan, Sastry 2019);
- timescale: each velocity times its player's factor.
"""

from collections.abc import Callable
from typing import Any, Protocol

from tussle import checks
from tussle.autodiff import Array, gradient, jacobian, jvp, namespace, stop, vjp
from tussle.field import AbstractField, at
from tussle.game import AbstractGame, Pair, Point, joined, placed, replaced, sizes_of, split
from tussle.records import record, static


class AbstractAdjustment(Protocol):
    """What an adjustment must offer: the adjusted velocity of one player or of all."""

    def velocity(self, field: AbstractField, players: tuple[int, ...], point: Point, batch: Any) -> tuple[Array, ...]:
        """Return the adjusted velocities of the named players."""
        ...

    def __call__(self, field: AbstractField) -> "Adjusted":
        """Return the adjusted field."""
        ...


@record
class Adjusted:
    """A field bent by an adjustment."""

    adjustment: AbstractAdjustment
    inner: AbstractField

    def __post_init__(self) -> None:
        """Check that there is a field."""
        if not callable(getattr(self.inner, "player", None)):
            message = f"`field` is {self.inner!r:.60}; an adjustment bends a field; give one, such as Field(game)."
            raise ValueError(message)

    @property
    def game(self) -> AbstractGame:
        """The game of the inner field."""
        return self.inner.game

    def player(self, player: int, point: Point, batch: Any = None) -> Array:
        """Return the adjusted velocity of one player."""
        batch = placed(self.game.expectation(), point[0]) if batch is None else batch
        return self.adjustment.velocity(self.inner, (player,), point, batch)[0]

    def __call__(self, point: Point, batch: Any = None) -> Point:
        """Return the adjusted velocities of all players."""
        batch = placed(self.game.expectation(), point[0]) if batch is None else batch
        return self.adjustment.velocity(self.inner, tuple(range(len(point))), point, batch)

    def at(self, values: Any, batch: Any = None) -> Point:
        """Return the velocities at a point given as plain numbers, as NumPy arrays (float64)."""
        return at(self, values, batch)


def _halves(batch: Any, needed: bool, what: str) -> tuple[Any, Any]:
    if not isinstance(batch, Pair):
        if needed:
            message = (
                f"`batch` is a single batch; {what} multiplies two independent ones; give Pair(first, second), "
                "for instance from sampler.pairs()."
            )
            raise ValueError(message)
        return batch, batch
    return batch.first, batch.second


def _square(vectors: tuple[Array, ...], others: tuple[Array, ...]) -> Array:
    xp = namespace(*vectors)
    total = xp.sum(vectors[0] * others[0])
    for a, b in zip(vectors[1:], others[1:], strict=True):
        total = total + xp.sum(a * b)
    return total


@record
class Consensus:
    """w = v - gamma J^T v: each player also descends gamma/2 of the squared length of the whole field.

    On batches the plain form estimates gamma/2 (|v|^2 + tr Cov), biased upward by the noise. With `unbiased` it takes
    a `Pair` of independent batches and descends gamma/2 of the product of their fields.
    """

    gamma: Any
    unbiased: bool = static(default=False)

    def __post_init__(self) -> None:
        """Check the weight."""
        checks.nonnegative("gamma", self.gamma)

    def __call__(self, field: AbstractField) -> Adjusted:
        """Return the adjusted field."""
        return Adjusted(self, field)

    def energy(self, field: AbstractField, point: Point, batch: Any) -> Array:
        """Return half the squared length of the field (or its unbiased estimate)."""
        if not self.unbiased:
            velocity = field(point, batch)
            return 0.5 * _square(velocity, velocity)
        first, second = _halves(batch, True, "unbiased consensus")
        return 0.5 * _square(field(point, first), field(point, second))

    def velocity(self, field: AbstractField, players: tuple[int, ...], point: Point, batch: Any) -> tuple[Array, ...]:
        """Return the adjusted velocities of the named players."""
        first, second = _halves(batch, self.unbiased, "unbiased consensus")
        read = batch if self.unbiased else first
        if len(players) == len(point):
            sizes = sizes_of(point)
            whole = joined(point)
            push = split(gradient(lambda x: self.energy(field, split(x, sizes), read), whole), sizes)
            plain = _mean(field(point, first), field(point, second)) if self.unbiased else field(point, first)
            return tuple(v - self.gamma * g for v, g in zip(plain, push, strict=True))
        found = []
        for i in players:
            push = gradient(lambda x, i=i: self.energy(field, replaced(point, i, x), read), point[i])
            plain = field.player(i, point, first)
            if self.unbiased:
                plain = 0.5 * (plain + field.player(i, point, second))
            found.append(plain - self.gamma * push)
        return tuple(found)


def _mean(first: Point, second: Point) -> Point:
    return tuple(0.5 * (a + b) for a, b in zip(first, second, strict=True))


@record
class Symplectic:
    """v + s A v with A = (J - J^T) / 2: a turn toward the equilibrium that leaves the symmetric part alone.

    With `align` the sign of s is chosen so that the adjustment attracts to stable points and repels from unstable
    ones: sign(<v, J^T v> <A v, J^T v> + eps).
    """

    weight: Any
    align: bool = static(default=True)
    eps: Any = 0.1

    def __post_init__(self) -> None:
        """Check the weight."""
        checks.nonnegative("weight", self.weight)

    def __call__(self, field: AbstractField) -> Adjusted:
        """Return the adjusted field."""
        return Adjusted(self, field)

    def velocity(self, field: AbstractField, players: tuple[int, ...], point: Point, batch: Any) -> tuple[Array, ...]:
        """Return the adjusted velocities of the named players."""
        sizes = sizes_of(point)
        whole = joined(point)

        def read(x: Array) -> Array:
            return joined(field(split(x, sizes), batch))

        v = read(whole)
        back = vjp(read, whole, v)
        turn = 0.5 * (jvp(read, whole, v) - back)
        weight = self.weight * self._sign(v, back, turn) if self.align else self.weight
        adjusted = split(v + weight * turn, sizes)
        return tuple(adjusted[i] for i in players)

    def _sign(self, v: Array, back: Array, turn: Array) -> Array:
        # Balduzzi's xi is -v, so that grad |xi|^2/2 = J^T v and A^T xi = -turn: the two minus signs cancel with that
        # of xi, and what is left is <xi, grad H> <A^T xi, grad H> = <v, back> <turn, back>.
        xp = namespace(v)
        v, back, turn = stop(v), stop(back), stop(turn)
        return xp.sign(xp.sum(v * back) * xp.sum(turn * back) + self.eps)


@record
class Jare:
    """Jacobian regularization: player i descends gamma_i/2 of the squared velocities of all the others.

    The two weights belong to generator and discriminator; with one of them zero it is a one-sided penalty.
    """

    gamma_generator: Any
    gamma_discriminator: Any

    def __post_init__(self) -> None:
        """Check the weights."""
        checks.nonnegative("gamma_generator", self.gamma_generator)
        checks.nonnegative("gamma_discriminator", self.gamma_discriminator)

    def __call__(self, field: AbstractField) -> Adjusted:
        """Return the adjusted field."""
        return Adjusted(self, field)

    def velocity(self, field: AbstractField, players: tuple[int, ...], point: Point, batch: Any) -> tuple[Array, ...]:
        """Return the adjusted velocities of the named players."""
        return tuple(self._one(field, i, point, batch) for i in players)

    def _one(self, field: AbstractField, player: int, point: Point, batch: Any) -> Array:
        others = [j for j in range(len(point)) if j != player]

        def energy(x: Array) -> Array:
            moved = replaced(point, player, x)
            velocity = tuple(field.player(j, moved, batch) for j in others)
            return 0.5 * _square(velocity, velocity)

        weight = self.gamma_discriminator if player else self.gamma_generator
        return field.player(player, point, batch) - weight * gradient(energy, point[player])


@record
class NagarajanKolter:
    """The generator also descends eta |v_D|^2 (without the half); the discriminator is left alone."""

    eta: Any

    def __post_init__(self) -> None:
        """Check the weight."""
        checks.nonnegative("eta", self.eta)

    def __call__(self, field: AbstractField) -> Adjusted:
        """Return the adjusted field."""
        return Adjusted(self, field)

    def velocity(self, field: AbstractField, players: tuple[int, ...], point: Point, batch: Any) -> tuple[Array, ...]:
        """Return the adjusted velocities of the named players."""
        return tuple(self._one(field, i, point, batch) for i in players)

    def _one(self, field: AbstractField, player: int, point: Point, batch: Any) -> Array:
        plain = field.player(player, point, batch)
        if player != 0:
            return plain

        def energy(x: Array) -> Array:
            velocity = field.player(1, replaced(point, 0, x), batch)
            return _square((velocity,), (velocity,))

        return plain - self.eta * gradient(energy, point[0])


@record
class SymmetricSurgery:
    """(v + J^T (J^T J + l I)^-1 J^T v) / 2, l = weight |v|^2 (local symplectic surgery).

    At an equilibrium with invertible J it linearizes to (J + J^T) / 2: nothing rotates, and only local Nash points
    attract. It forms J, so it is for small games.

    Reference:
        Mazumdar, Jordan, Sastry, "On finding local Nash equilibria (and only local Nash equilibria) in zero-sum games",
        arXiv 1901.00838 (2019).
    """

    weight: Any = 1.0

    def __post_init__(self) -> None:
        """Check the weight."""
        checks.nonnegative("weight", self.weight)

    def __call__(self, field: AbstractField) -> Adjusted:
        """Return the adjusted field."""
        return Adjusted(self, field)

    def velocity(self, field: AbstractField, players: tuple[int, ...], point: Point, batch: Any) -> tuple[Array, ...]:
        """Return the adjusted velocities of the named players."""
        sizes, whole = sizes_of(point), joined(point)
        xp = namespace(whole)

        def read(x: Array) -> Array:
            return joined(field(split(x, sizes), batch))

        v, matrix = read(whole), jacobian(read, whole)
        damping = self.weight * xp.sum(v * v) * xp.eye(whole.shape[0], dtype=v.dtype)
        turned = matrix.T @ xp.linalg.solve(matrix.T @ matrix + damping, (matrix.T @ v)[:, None])[:, 0]
        parts = split(0.5 * (v + turned), sizes)
        return tuple(parts[i] for i in players)


@record
class Timescale:
    """Each velocity times its player's factor; `(1, tau)` is a discriminator that moves tau times as fast."""

    factors: tuple[Any, ...]

    def __post_init__(self) -> None:
        """Check the factors."""
        for factor in self.factors:
            checks.positive("factors", factor)

    def __call__(self, field: AbstractField) -> Adjusted:
        """Return the adjusted field."""
        return Adjusted(self, field)

    def velocity(self, field: AbstractField, players: tuple[int, ...], point: Point, batch: Any) -> tuple[Array, ...]:
        """Return the scaled velocities of the named players."""
        if len(self.factors) != len(point):
            message = f"`factors` are {len(self.factors)} for {len(point)} players; give one for each."
            raise ValueError(message)
        return tuple(self.factors[i] * field.player(i, point, batch) for i in players)


def consensus(gamma: Any, unbiased: bool = False) -> Consensus:
    """Return consensus optimization with weight `gamma`."""
    return Consensus(gamma, unbiased)


def symplectic(weight: Any = 1.0, align: bool = True) -> Symplectic:
    """Return the symplectic gradient adjustment with the given weight."""
    return Symplectic(weight, align)


def jare(gamma: Any, gamma_discriminator: Any = None) -> Jare:
    """Return JARE with one weight, or with one for the generator and one for the discriminator."""
    return Jare(gamma, gamma if gamma_discriminator is None else gamma_discriminator)


def nagarajan_kolter(eta: Any) -> NagarajanKolter:
    """Return the Nagarajan-Kolter penalty with weight `eta`."""
    return NagarajanKolter(eta)


def lss(weight: Any = 1.0) -> SymmetricSurgery:
    """Return local symplectic surgery, damped by `weight` times the squared velocity."""
    return SymmetricSurgery(weight)


def timescale(*factors: Any) -> Timescale:
    """Return the adjustment that multiplies each player's velocity by its factor."""
    return Timescale(tuple(factors))


ADJUSTMENTS: dict[str, Callable[..., AbstractAdjustment]] = {
    "consensus": consensus,
    "symplectic": symplectic,
    "jare": jare,
    "nagarajan_kolter": nagarajan_kolter,
    "lss": lss,
}
