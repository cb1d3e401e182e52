"""What a ledger looks at: a GAN at a point, the two laws as the critic sees them, and common points of both."""

import dataclasses
import functools
import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from tussle.analysis import start_point
from tussle.assumptions.pushforward import Generated, pushforward
from tussle.autodiff import Array, namespace
from tussle.critics.densities import density_critic
from tussle.critics.masses import Masses
from tussle.critics.sums import jensen_shannon
from tussle.divergences.supports import Side, leaves, mean_and_root, side_of
from tussle.game import Point
from tussle.gan import GAN
from tussle.laws import Located, Mixture, Normal, Panels
from tussle.losses import Loss
from tussle.lowdim.costs import loss_of
from tussle.models.base import Model
from tussle.models.erf_lsgan import ErfLSGAN
from tussle.moments import Part

GRID = 81  # nodes a dimension in the plane: JS to 1e-13 there
PAIRS_GRID = 33  # where the loss runs over all pairs of nodes
MOST = 3000  # points that quadrature nodes of a law may have where they stand beside atoms


class Common(NamedTuple):
    """Both laws as masses at common points.

    Attributes:
        points: (n, d).
        masses: of both laws at the points.
        error: of the Jensen-Shannon divergence that is read off them.
        order: points a panel where they lie on panels of a line, else 0.
        coarse: every other point of a grid in the plane, or None.
    """

    points: np.ndarray
    masses: Masses
    error: float
    order: int = 0
    coarse: np.ndarray | None = None

    @property
    def js(self) -> float:
        """The Jensen-Shannon divergence."""
        return jensen_shannon(self.masses)


class Scene(NamedTuple):
    """A GAN at a point.

    Attributes:
        name: of the model.
        game: the GAN.
        point: one NumPy vector for each player.
        real: the real law as the critic sees it (instance noise included), or None.
        fake: the generated law as the critic sees it, or None.
        reason: why one of the two is None.
        common: both laws at common points, or None.
        why: why there are none.
        starts: further generator's parameters that are worth a try.
        critics: further critic's parameters that are worth a try.
    """

    name: str
    game: GAN
    point: Point
    real: Side | None
    fake: Side | None
    reason: str
    common: Common | None
    why: str
    starts: tuple[np.ndarray, ...] = ()
    critics: tuple[np.ndarray, ...] = ()

    @property
    def loss(self) -> Loss:
        """The loss of the game."""
        return self.game.loss_function

    @property
    def pairs(self) -> bool:
        """Whether the loss runs over all pairs of points."""
        return self.loss.coupling == "paired"


def scene(model: Any, point: Any = None, loss: Loss | None = None) -> Scene:
    """Return what a ledger looks at.

    Args:
        model: a `Model` of a GAN, or a `GAN`.
        point: the players' parameters; the model's start by default.
        loss: in place of the game's own.

    Raises:
        ValueError: if it is neither, or the point is missing or does not fit.
    """
    if isinstance(model, (Model, GAN, ErfLSGAN)):
        game = gan_of(model.game if isinstance(model, Model) else model)
        name = model.name if isinstance(model, Model) else "GAN"
    else:
        game, name = None, type(model).__name__
    if game is None:
        message = f"`model` is {name}; the assumptions are those of a GAN; give a GAN, or a model of one: dirac, "
        raise ValueError(message + "gaussian, isotropic or erf-lsgan.")
    at = _point(model, game, point)
    if loss is not None:
        game = dataclasses.replace(game, loss_function=loss)
    real, first = noisy(side_of("data", game.data), game.noise, "data")
    fake, second = generated(game, at[0])
    reason = first or second
    starts, critics = zip(*model.equilibria, strict=True) if isinstance(model, Model) and model.equilibria else ((), ())
    pairs = game.loss_function.coupling == "paired"
    common, why = (None, reason) if real is None or fake is None else commonly(real, fake, pairs)
    return Scene(name, game, at, real, fake, reason, common, why, starts, critics)


def _point(model: Any, game: GAN, point: Any) -> Point:
    if point is None:
        if not isinstance(model, Model):
            message = "`point` is missing; a GAN that is no model of the library has no start; give one vector for "
            raise ValueError(message + "each player.")
        return tuple(np.asarray(x, dtype=np.float64) for x in model.start)
    sizes = game.sizes
    if sizes is None:
        sizes = [np.size(x) for x in point] if isinstance(point, (tuple, list, np.ndarray)) else []
    if len(sizes) != 2:
        message = f"`point` is {point!r:.80}; it must hold one vector for each of the two players; give both."
        raise ValueError(message)
    try:
        return start_point(point, sizes)
    except ValueError as wrong:
        raise ValueError(str(wrong).replace("`start`", "`point`")) from wrong


# Games ------------------------------------------------------------------------------------------------------------


def gan_of(game: Any) -> GAN | None:
    """Return a game as a GAN of the grammar: a game of closed forms by its own parts; None for games that are none."""
    if isinstance(game, ErfLSGAN):
        return _parted(game)
    return game if isinstance(game, GAN) else None


@functools.lru_cache(maxsize=8)
def _parted(game: ErfLSGAN) -> GAN:
    """Return a game of error functions by its parts; kept, so that what was compiled for it is found again."""
    n, m = game.sizes

    def generator(theta: Array, z: Array) -> Array:
        zero = namespace(theta).zeros((m,), dtype=theta.dtype)
        _, _, g, h = game.full((theta, zero))
        return g * z + h

    def critic(psi: Array, x: Array) -> Array:
        zero = namespace(psi).zeros((n,), dtype=psi.dtype)
        a, b, _, _ = game.full((zero, psi))
        return game.factor * (a * x[:, 0] + b)

    data, latent = (_law(parts) for parts in (game.data, game.latent))
    return GAN(generator, critic, Panels(data), Panels(latent), loss_of(game.cost), sizes=game.sizes)


def _law(parts: tuple[Part, ...]) -> Any:
    """Return a law of moved standard shapes."""
    from tussle.laws import Erlang, Exponential, Rayleigh, Uniform

    standard: dict[str, Any] = {"normal": Normal(), "uniform": Uniform(), "rayleigh": Rayleigh(1.0)}

    def own(name: str) -> Any:
        if name in standard:
            return standard[name]
        k = int(name.split()[1])
        return Exponential(1.0) if k == 1 else Erlang(k, 1.0)

    laws = [Located(own(p.shape.name), float(p.location), float(p.scale)) for p in parts]
    return laws[0] if len(laws) == 1 else Mixture(tuple(laws), [float(p.weight) for p in parts])


def generated(game: GAN, theta: Any) -> tuple[Side | None, str]:
    """Return the generated law as the critic sees it, or None with the reason."""
    found: Generated = pushforward(game.latent, game.generator, theta)
    if found.measure is None:
        return None, found.reason
    return noisy(side_of("generated law", found.measure), game.noise, "generated law")


def noisy(side: Side, noise: Any, name: str) -> tuple[Side | None, str]:
    """Return a measure under instance noise N(0, noise^2): exact for atoms and normal laws; else None, and why."""
    if noise is None or float(noise) == 0:
        return side, ""
    width, d = float(noise), side.dimension
    if side.kind != "law":
        parts = [(w, x, np.zeros((d, d))) for w, x in zip(side.shares, side.points, strict=True)]
    else:
        found = leaves(side.law)
        if not all(isinstance(law, Normal) for _, law in found):
            return None, f"the {name} under instance noise has no closed density here"
        parts = [(w, *mean_and_root(law)) for w, law in found]
    laws = [_widened(mean, root, width) for _, mean, root in parts]
    law = laws[0] if len(laws) == 1 else Mixture(tuple(laws), [w for w, _, _ in parts])
    return Side("law", d, law), ""


def _widened(mean: np.ndarray, root: np.ndarray, width: float) -> Normal:
    d = len(mean)
    spread = np.linalg.cholesky(root @ root.T + width**2 * np.eye(d))
    return Normal(mean, np.diagonal(spread).copy() if np.count_nonzero(spread - np.diag(np.diagonal(spread))) == 0
                  else spread)  # fmt: skip


# Common points ----------------------------------------------------------------------------------------------------


def commonly(p: Side, q: Side, pairs: bool = False) -> tuple[Common | None, str]:
    """Return two measures as masses at common points, or None and the reason.

    Args:
        p: the real law.
        q: the generated law.
        pairs: whether all pairs of points will be looked at, so that they must be fewer.
    """
    if p.kind != "law" and q.kind != "law":
        return _of_atoms(p, q), ""
    if p.kind != "law" or q.kind != "law":
        return _apart(p, q)
    if p.dimension == 1:
        found = density_critic("minimax", p.law, q.law)
        masses = Masses(found.masses.log_p.reshape(-1), found.masses.log_q.reshape(-1))
        return Common(found.points.reshape(-1, 1), masses, found.error + 1e-15, found.points.shape[1]), ""
    smooth = all(isinstance(law, Normal) for side in (p, q) for _, law in leaves(side.law))
    if p.dimension > 2 or not smooth:
        return None, "quadrature here is for laws on a line and for normal laws and their mixtures in the plane"
    return _in_the_plane(p.law, q.law, pairs), ""


def _of_atoms(p: Side, q: Side) -> Common:
    points, where = np.unique(np.concatenate([p.points, q.points]), axis=0, return_inverse=True)
    where, n = where.reshape(-1), len(p.points)
    sums = [np.bincount(w, m, minlength=len(points)) for w, m in ((where[:n], p.shares), (where[n:], q.shares))]
    with np.errstate(divide="ignore"):
        return Common(points, Masses(*(np.log(m) for m in sums)), 1e-15)


def _apart(p: Side, q: Side) -> tuple[Common | None, str]:
    """Return atoms beside the nodes of a law: they share nothing."""
    parts = []
    for side in (p, q):
        if side.kind != "law":
            parts.append((side.points, side.shares))
            continue
        if side.dimension > 2:
            return None, f"a law in {side.dimension} dimensions has no quadrature nodes here"
        nodes = side.law.nodes()
        parts.append((np.asarray(nodes.points), np.asarray(nodes.weights)))
    (x, a), (y, b) = parts
    if len(x) + len(y) > MOST:
        return None, f"the laws have {len(x) + len(y)} nodes together; at most {MOST} are taken"
    empty = [np.full(len(other), -math.inf) for other in (y, x)]
    masses = Masses(np.concatenate([np.log(a), empty[0]]), np.concatenate([empty[1], np.log(b)]))
    return Common(np.concatenate([x, y]), masses, 1e-12), ""


def _in_the_plane(p: Any, q: Any, pairs: bool) -> Common:
    """Return a product trapezoid on the box of both windows; its error is the change from half of the nodes."""
    parts = [law for side in (p, q) for _, law in leaves(side)]
    low = np.min([law.window[0] for law in parts], axis=0)
    high = np.max([law.window[1] for law in parts], axis=0)
    thinnest = min(float(np.linalg.svd(mean_and_root(law)[1], compute_uv=False)[-1]) for law in parts)
    least, most, density = (PAIRS_GRID, 51, 1.6) if pairs else (GRID, 401, 4.0)
    count = [int(min(most, max(least, math.ceil(density * w / thinnest)))) | 1 for w in high - low]
    axes = [np.linspace(a, b, n) for a, b, n in zip(low, high, count, strict=True)]
    grid = np.array(list(itertools.product(*axes)))
    cell = float(np.sum([math.log(x[1] - x[0]) for x in axes]))
    masses = Masses(p.log_density(grid) + cell, q.log_density(grid) + cell)
    every_other = _every_other(count)
    coarse = masses.take(every_other)
    fewer = Masses(coarse.log_p + math.log(4), coarse.log_q + math.log(4))
    error = (jensen_shannon(masses) - jensen_shannon(fewer)) ** 2  # the trapezoid's error squares as nodes double
    return Common(grid, masses, error + 1e-14, coarse=every_other)


def _every_other(count: list[int]) -> np.ndarray:
    kept = np.ix_(np.arange(count[0]) % 2 == 0, np.arange(count[1]) % 2 == 0)
    chosen = np.zeros(count, dtype=bool)
    chosen[kept] = True
    return chosen.reshape(-1)
