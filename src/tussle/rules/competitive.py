"""Competitive gradient descent: the Nash point of the local bilinear game, without a matrix."""

from collections.abc import Callable
from typing import Any

from tussle.autodiff import Array, jvp, namespace, repeat_while, solve
from tussle.field import AbstractField
from tussle.game import Point, joined, reading, replaced, sizes_of, split
from tussle.paces import SGD, AbstractPace, rate
from tussle.records import record, static
from tussle.rules.base import Info, moved, paces_init


@record
class Competitive:
    """d_i = h_i (v_i + sum_{j != i} (d v_i / d x_j) d_j) for all players at once (Schaefer, Anandkumar 2019).

    The moves solve (I - h N) d = h v, N the Jacobian of the field without its diagonal blocks, by BiCGStab on Jacobian
    products. On a bilinear game this is the proximal point method, stable at every step.

    Args:
        pace: plain steps only; the local game has no place for a pace with a state.
        tolerance: relative residual at which the solver stops.
        iterations: most iterations of the solver.
    """

    pace: AbstractPace
    tolerance: float = static(default=1e-14)
    iterations: int = static(default=200)
    readings = 1

    def __post_init__(self) -> None:
        """Check the pace."""
        if type(self.pace) is not SGD:
            message = (
                f"`pace` is {type(self.pace).__name__}; the competitive rule solves a local game whose steps are "
                "plain; give sgd(lr)."
            )
            raise ValueError(message)

    def with_pace(self, pace: AbstractPace) -> "Competitive":
        """Return the same rule with another pace."""
        return Competitive(pace, self.tolerance, self.iterations)

    def init(self, point: Point) -> Any:
        """Return the pace's (empty) state for each player."""
        return paces_init(self.pace, point)

    def rest(self, point: Point) -> Any:
        """Return the pace's (empty) state for each player."""
        return self.init(point)

    def step(self, field: AbstractField, point: Point, state: Any, batch: Any) -> tuple[Point, Any, Info]:
        """Take one step."""
        batch, sizes = reading(batch, 0), sizes_of(point)
        velocity = field(point, batch)

        def matvec(moves: Array) -> Array:
            return moves - joined(self._answer(field, point, batch, split(moves, sizes)))

        start = joined(tuple(rate(self.pace.lr, i) * v for i, v in enumerate(velocity)))
        moves = split(solve(matvec, start, self._bicgstab), sizes)
        plain = tuple(d / rate(self.pace.lr, i) for i, d in enumerate(moves))
        point, state = moved(field, self.pace, point, state, plain)
        return point, state, Info(velocity)

    def _answer(self, field: AbstractField, point: Point, batch: Any, moves: Point) -> Point:
        """Return h_i (d v_i / d x_{-i}) d_{-i}: how each velocity answers the other players' moves."""
        sizes = sizes_of(point)
        found = []
        for i in range(len(point)):
            others = replaced(moves, i, 0 * moves[i])

            def own(x: Array, i: int = i) -> Array:
                return field.player(i, split(x, sizes), batch)

            found.append(rate(self.pace.lr, i) * jvp(own, joined(point), joined(others)))
        return tuple(found)

    def _bicgstab(self, matvec: Callable[[Array], Array], b: Array) -> Array:
        """Solve matvec(x) = b from x = 0 by the stabilized biconjugate gradient method (van der Vorst 1992)."""
        xp = namespace(b)
        tiny = xp.finfo(b.dtype).tiny
        goal = self.tolerance**2 * xp.sum(b * b)
        one = xp.sum(0 * b) + 1

        def quotient(a: Array, c: Array) -> Array:
            return xp.where(xp.abs(c) > tiny, a / xp.where(xp.abs(c) > tiny, c, one), 0 * one)

        def go_on(carry: tuple[Array, ...]) -> Array:
            residual, count = carry[1], carry[-1]
            square = xp.sum(residual * residual)
            return (square > goal) & (square > tiny) & (count < self.iterations)

        def iterate(carry: tuple[Array, ...]) -> tuple[Array, ...]:
            x, r, p, v, rho, alpha, omega, count = carry
            fresh = xp.sum(b * r)
            p = r + quotient(fresh, rho) * quotient(alpha, omega) * (p - omega * v)
            v = matvec(p)
            alpha = quotient(fresh, xp.sum(b * v))
            s = r - alpha * v
            t = matvec(s)
            omega = quotient(xp.sum(t * s), xp.sum(t * t))
            return x + alpha * p + omega * s, s - omega * t, p, v, fresh, alpha, omega, count + 1

        zero = 0 * b
        start = (zero, b, zero, zero, one, one, one, 0 * one)
        return repeat_while(go_on, iterate, start, b)[0]


def competitive(pace: AbstractPace) -> Competitive:
    """Return competitive gradient descent with plain steps."""
    return Competitive(pace)
