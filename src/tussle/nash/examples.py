"""Equilibria and dynamics apart: games whose equilibrium is not reached, that have none, or that rest elsewhere.

Each example carries its game, a point, an argument in words, the check of the point, and numbers that anyone can
compute again.

References:
    Mescheder, Geiger, Nowozin, ICML 2018 (the Dirac-GAN). Nie, Patel, UAI 2019 (the isotropic toy).
    Farnia, Ozdaglar, "Do GANs always have Nash equilibria?", ICML 2020.
    Mazumdar, Jordan, Sastry, "On finding local Nash equilibria (and only local Nash equilibria)", 2019.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tussle import checks
from tussle.analysis import plain
from tussle.autodiff import Array
from tussle.field import Field, read_many
from tussle.game import AbstractGame, Game, Point, ZeroSum
from tussle.gan import GAN
from tussle.losses import loss
from tussle.map import Map
from tussle.measures import Atoms
from tussle.models import dirac, isotropic
from tussle.models.gaussian import isotropic_eigenvalues
from tussle.nash.local import LocalNash, check_local
from tussle.paces import sgd
from tussle.records import record, static
from tussle.rules import simultaneous
from tussle.trajectory import run


@record
class Example:
    """An example with its evidence.

    Attributes:
        name: what it is called.
        game: the game.
        point: the point in question, one vector per player.
        claim: what the example shows, in a sentence.
        argument: why it is so.
        check: the Nash check of the point.
        rows: names of columns of numbers, and the numbers, (rows, columns): the evidence.
    """

    name: str = static()
    game: AbstractGame
    point: Point
    claim: str = static()
    argument: str = static()
    check: LocalNash
    rows: tuple[tuple[str, ...], np.ndarray] = static()

    def column(self, name: str) -> np.ndarray:
        """Return one column of the evidence."""
        return self.rows[1][:, self.rows[0].index(name)]

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON knows it."""
        names, numbers = self.rows
        table = [dict(zip(names, row, strict=True)) for row in numbers.tolist()]
        words = {"name": self.name, "claim": self.claim, "argument": self.argument}
        return plain({**words, "point": list(self.point), "check": self.check.to_json(), "evidence": table})


def _vectors(*values: Any) -> Point:
    return tuple(np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in values)


# A Nash equilibrium that is not reached ----------------------------------------------------------------------------


def unreached_dirac(lr: float = 0.1, steps: int = 2000) -> Example:
    """Return the Dirac-GAN: its equilibrium (0, 0) is a Nash point, and simultaneous steps leave it from anywhere.

    L(theta, 0) and L(0, psi) are constant: neither player can gain alone. The field is a rotation (L depends on theta
    psi only), so that every simultaneous step lengthens the distance: |x + h v|^2 = |x|^2 + h^2 |v|^2.

    Args:
        lr: h.
        steps: of the run from (0.1, 0).

    >>> found = unreached_dirac(steps=200)
    >>> found.check.holds, bool(found.column("distance")[-1] > found.column("distance")[0])
    (True, True)
    """
    checks.positive("lr", lr)
    model = dirac()
    path = run(Map(Field(model.game), simultaneous(sgd(lr))), (0.1, 0.0), checks.count("steps", steps)).path
    distance = np.linalg.norm(path, axis=1)
    velocity = np.linalg.norm(read_many(Field(model.game), path, (1, 1)), axis=1)
    predicted = np.concatenate([distance[:1], np.sqrt(distance[:-1] ** 2 + (lr * velocity[:-1]) ** 2)])
    rows = (("step", "distance", "predicted"), np.column_stack([np.arange(len(path)), distance, predicted]))
    argument = (
        "At psi = 0 the generator's loss does not depend on theta, and at theta = 0 the discriminator's not on psi: "
        "(0, 0) is a Nash equilibrium. The field is perpendicular to the position, so that a simultaneous step of "
        "length h takes |x|^2 to |x|^2 + h^2 |v|^2: the distance grows at every step."
    )
    claim = "a Nash equilibrium exists and simultaneous steps leave it, however short"
    check = check_local(model.game, model.equilibrium, reach=3.0)
    return Example("unreached_dirac", model.game, _vectors(0.0, 0.0), claim, argument, check, rows)


def unreached_isotropic(stds: Sequence[float] = (0.7, 0.3, 0.1, 0.03, 0.01), lr: float = 0.1) -> Example:
    """Return JARE's toy for narrower and narrower data: the equilibrium stays, the steps that reach it vanish.

    Across the mean, m = sigma^2 and lambda = -m/4 +- sqrt(m^2 - 4)/4: simultaneous steps converge only for h < 2 m, and
    at best by the factor sqrt(1 - m^2/4) a step.

    Args:
        stds: sigma, the standard deviation of data and fakes.
        lr: a rate of which it is said whether it converges.

    >>> unreached_isotropic().column("largest step").round(6).tolist()
    [0.940075, 0.18, 0.02, 0.0018, 0.0002]
    """
    checks.positive("lr", lr)
    rows = []
    for std in stds:
        values: NDArray[np.complex128] = isotropic_eigenvalues("none", 0.0, std=checks.positive("stds", std))
        across = values[np.argmax(np.abs(values.imag))]
        largest = float(np.min(2 * np.abs(values.real) / np.abs(values) ** 2))
        best = float(np.sqrt(1 - (across.real / abs(across)) ** 2))
        rows.append([std, values.real.max(), largest, best, np.abs(1 + lr * values).max()])
    model = isotropic(std=float(stds[-1]), order=6)
    argument = (
        "Data and fakes are N(v, sigma^2 I): at phi = v and psi = 0 the generator's loss is constant and the critic's "
        "is strictly convex: a Nash equilibrium for every sigma. Its damping is sigma^2/4 while it rotates by 1/2: "
        "simultaneous steps longer than 2 sigma^2 leave it, and at sigma = 0 none reaches it."
    )
    claim = "a Nash equilibrium exists and, as sigma goes to 0, simultaneous steps cease to reach it"
    names = ("sigma", "abscissa", "largest step", "best factor", f"radius at {lr:g}")
    check = check_local(model.game, model.equilibrium)
    return Example(
        "unreached_isotropic", model.game, model.equilibrium, claim, argument, check, (names, np.array(rows))
    )


# No Nash equilibrium ------------------------------------------------------------------------------------------------


def _atom(theta: Array, z: Array) -> Array:
    return theta[None, :] * z


def _parabola(psi: Array, x: Array) -> Array:
    return psi[0] * x[:, 0] + psi[1] * x[:, 0] ** 2


@record
class Gap:
    """Why a zero-sum game V(theta, psi) has no equilibrium: sup_psi V >= upper for all theta, inf_theta V <= lower.

    Then at every point the players' gains sum to upper - lower or more, and one of them gains at least half of it.

    Attributes:
        lower: bound of inf_theta V(theta, psi) for every psi, from a mixture of two generators.
        upper: bound of sup_psi V(theta, psi) for every theta.
        smallest: the smallest sum of gains seen on a grid of both players.
        meetings: number of grid points where each player's strategy is a best response on the grid.
    """

    lower: float
    upper: float
    smallest: float
    meetings: int = static()

    @property
    def width(self) -> float:
        """How much both players together gain at least, anywhere."""
        return self.upper - self.lower

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON knows it."""
        keys = ("lower", "upper", "width", "smallest", "meetings")
        return plain({key: getattr(self, key) for key in keys})


def without_equilibrium() -> Example:
    """Return a Wasserstein GAN without a Nash equilibrium: one atom against data on two.

    Data -1 and 1 with probability 1/2 each, generator delta_theta, critic psi_1 x + psi_2 x^2 in the unit box:
    V = psi_2 (1 - theta^2) - psi_1 theta. Every critic leaves the generator at -1 or 1 a value of 0 or less;
    every theta leaves the critic |1 - theta^2| + |theta| >= 1. An equilibrium would have both: 1 <= V <= 0.

    >>> found = without_equilibrium()
    >>> found.check.holds, float(found.column("sum of gains").min())
    (False, 1.0)
    """
    game = GAN(_atom, _parabola, Atoms((-1.0, 1.0)), Atoms((1.0,)), loss("wasserstein"), clip=1.0, sizes=(1, 2))
    theta = np.linspace(-3.0, 3.0, 61)
    upper = np.abs(1 - theta**2) + np.abs(theta)
    # Opposite: the critic's answer to theta, and what the generator makes of it by moving to -1 or 1.
    answer = np.column_stack([-np.sign(theta), np.sign(1 - theta**2)])
    lowest = -np.abs(answer[:, 0])
    numbers = np.column_stack([theta, answer, upper, lowest, upper - lowest.clip(max=0.0)])
    names = ("theta", "psi_1", "psi_2", "critic's best", "generator's best", "sum of gains")
    argument = (
        "V = psi_2 (1 - theta^2) - psi_1 theta. For any psi, V(-1, psi) + V(1, psi) = 0, so that one of the two is 0 "
        "or less. For any theta the critic can reach |1 - theta^2| + |theta|, which is 1 + |theta| (1 - |theta|) >= 1 "
        "up to |theta| = 1 and theta^2 + |theta| - 1 >= 1 beyond. At an equilibrium V would be at most 0 and at least "
        "1. The generator has no law like the data: the capacity that theory assumes is missing. The mixture of -1 and "
        "1, which is the data, against psi = 0 is an equilibrium in mixed strategies."
    )
    claim = "no Nash equilibrium exists: whoever moves last gains at least 1/2"
    point = _vectors(0.0, [0.0, 1.0])
    check = check_local(game, point, reach=2.0)
    return Example("without_equilibrium", game, point, claim, argument, check, (names, numbers))


def gap(count: int = 61, reach: float = 3.0) -> Gap:
    """Return the certificate that `without_equilibrium` has none, from the losses of the game itself.

    The bound of the value that the critic reaches holds between the grid's points too: V is Lipschitz in theta with the
    constant 2 reach + 1, and beyond the reach theta^2 + |theta| - 1 only grows.

    Args:
        count: points in each parameter; the grid of theta is a hundred times finer for the bound.
        reach: the grid covers |theta| <= reach.

    >>> found = gap()
    >>> found.meetings, found.smallest, found.width > 0.99
    (0, 1.0, True)
    """
    checks.count("count", count, 3)
    theta, psi = np.linspace(-reach, reach, count), np.linspace(-1.0, 1.0, count)
    pairs = np.array([(a, b) for a in psi for b in psi])
    table = _payoff(theta[:, None], pairs[None, :, 0], pairs[None, :, 1])
    best_critic, best_generator = table.max(axis=1, keepdims=True), table.min(axis=0, keepdims=True)
    gains = (best_critic - table) + (table - best_generator)
    corners = np.array([(a, b) for a in (-1.0, 1.0) for b in (-1.0, 1.0)])
    # The mixture of -1 and 1 is linear in psi: its largest value over the box is at a corner.
    mixed = 0.5 * (_payoff(-1.0, corners[:, 0], corners[:, 1]) + _payoff(1.0, corners[:, 0], corners[:, 1]))
    fine = np.linspace(-reach, reach, 100 * (count - 1) + 1)
    reached = _payoff(fine[:, None], corners[None, :, 0], corners[None, :, 1]).max(axis=1)
    upper = min(float(reached.min()) - 0.5 * (fine[1] - fine[0]) * (2 * reach + 1), reach**2 + reach - 1)
    both = (table >= best_critic - 1e-12) & (table <= best_generator + 1e-12)
    return Gap(float(mixed.max()), float(upper), float(gains.min()), int(both.sum()))


def _payoff(theta: Any, first: Any, second: Any) -> np.ndarray:
    """Return V = E_real C - C(theta)."""
    return second * 1.0 - (first * theta + second * theta**2)


# Stability and equilibrium apart ------------------------------------------------------------------------------------


def stable_not_nash() -> Example:
    """Return a zero-sum game whose field is attracted to a point that is no Nash equilibrium.

    L = x^2/2 + 2 x y + y^2/4, field [[-1, -2], [2, 1/2]]: eigenvalues -1/4 +- i sqrt(55)/4. The second player maximizes
    a function that is convex in its own y: any move helps it. It is the differential Stackelberg equilibrium of the
    second player as leader.

    >>> found = stable_not_nash()
    >>> found.check.holds, str(found.check.flow.verdict), found.check.stackelberg[1].holds
    (False, 'converges', True)
    """

    def function(x: Array, y: Array) -> Array:
        return 0.5 * (x * x).sum() + 2 * (x * y).sum() + 0.25 * (y * y).sum()

    argument = (
        "L_yy = 1/2 > 0 where the second player maximizes: it gains y^2/4 by any move y. Yet the trace -1/2 and the "
        "determinant 7/2 of the field make both eigenvalues attract: the first player's answer x = -2 y outweighs it, "
        "as the Schur complement 1/2 - 2 * 2 < 0 says."
    )
    return _quadratic("stable_not_nash", ZeroSum(function), "the field is attracted to a point that is no Nash "
                      "equilibrium", argument)  # fmt: skip


def nash_not_stable() -> Example:
    """Return a game whose strict Nash equilibrium repels: f = x^2/20 + 2 x y, g = y^2/20 + 2 x y.

    The field [[-1/10, -2], [-2, -1/10]] has the eigenvalues -1/10 +- 2. (In a zero-sum game a strict local Nash
    equilibrium always attracts the field: the cross terms cancel in its symmetric part.)

    >>> found = nash_not_stable()
    >>> str(found.check.status), str(found.check.flow.verdict)
    ('strict local Nash equilibrium', 'diverges')
    """

    def functions(x: Array, y: Array) -> tuple[Array, Array]:
        cross = 2 * (x * y).sum()
        return 0.05 * (x * x).sum() + cross, 0.05 * (y * y).sum() + cross

    argument = (
        "Each player's own curvature is 1/10 > 0: alone, neither gains. Together they slide along x = -y, where both "
        "losses fall: the eigenvalue -1/10 + 2."
    )
    claim = "a strict Nash equilibrium exists and the field leaves it"
    return _quadratic("nash_not_stable", Game(functions), claim, argument)


def _quadratic(name: str, game: AbstractGame, claim: str, argument: str) -> Example:
    point = _vectors(0.0, 0.0)
    check = check_local(game, point)
    values = check.flow.eigenvalues
    rows = (("real part", "imaginary part"), np.column_stack([values.real, values.imag]))
    return Example(name, game, point, claim, argument, check, rows)


EXAMPLES: dict[str, Callable[..., Example]] = {
    "unreached_dirac": unreached_dirac,
    "unreached_isotropic": unreached_isotropic,
    "without_equilibrium": without_equilibrium,
    "stable_not_nash": stable_not_nash,
    "nash_not_stable": nash_not_stable,
}
