"""The generated law of a generator, exactly: its density where the generator is affine, or monotone on a line."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tussle.autodiff import Array, compiled, gradient, namespace, to_numpy
from tussle.laws import Located, Mixture, Normal, Panels
from tussle.laws.base import check_one_dimension, column, composite
from tussle.measures import Atoms, Nodes
from tussle.records import record, static

Generator = Callable[[Any, Array], Array]

AFFINE = 1e-12  # relative departure from a straight line that is rounding
TABLE = 1025  # places at which a monotone map is read first
FLAT = 1e-13  # singular values below this share of the largest are 0


class Generated(NamedTuple):
    """The law of G(z).

    Attributes:
        measure: a law with a density, or `Atoms`; None where it is not known exactly.
        reason: in words, how it was found, or why there is none.
    """

    measure: Any
    reason: str


def pushforward(latent: Any, generator: Generator, theta: Any) -> Generated:
    """Return the law of G(z) for z of a latent law, with its exact density.

    Args:
        latent: a law or `Atoms`.
        generator: `generator(theta, z)` from latents (n, k) to fakes (n, d), in JAX.
        theta: its parameters.

    Returns:
        the law: atoms for atoms; of an affine G a normal law for a normal latent, a `Located` one for others on a line;
        of a monotone G on a line a `Monotone` one. Else None, with the reason.

    >>> from tussle.laws import Normal
    >>> made = pushforward(Normal(0.0, 1.0), lambda theta, z: theta[0] + theta[1] * z, (1.0, 2.0))
    >>> made.measure.log_density(np.array([[1.0]])).round(6).tolist()  # -log(2 sqrt(2 pi))
    [-1.612086]
    """
    while isinstance(latent, Panels):
        latent = latent.law
    call = _called(generator, theta)
    if isinstance(latent, Atoms):
        nodes = latent.nodes()
        return Generated(Atoms(call(nodes.points), nodes.weights), "atoms are moved one by one")
    if not callable(getattr(latent, "log_density", None)):
        return Generated(None, f"the latent {type(latent).__name__} has no density to be moved")
    found = _affine(call, latent)
    if found is not None:
        return _moved(latent, *found)
    if latent.dimension == 1 and call(np.zeros((1, 1))).shape[1] == 1:
        return _monotone(latent, generator, theta, call)
    return Generated(None, "the generator is neither affine nor a map of a line, so that its density has no formula")


def _called(generator: Generator, theta: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return the generator as a function of NumPy arrays (n, k) -> (n, d)."""
    at = np.atleast_1d(np.asarray(theta, dtype=np.float64))

    def call(z: np.ndarray) -> np.ndarray:
        return to_numpy(_made(at, z, generator=generator)).reshape(len(z), -1)

    return call


@compiled(static=("generator",))
def _made(theta: Array, z: Array, generator: Generator) -> Array:
    return generator(theta, z)


@compiled(static=("generator",))
def _slope(theta: Array, z: Array, generator: Generator) -> tuple[Array, Array]:
    """Return G(z) and G'(z) of a map of a line, both (n,)."""
    column = namespace(z).reshape(z, (-1, 1))
    value = generator(theta, column)
    return value[:, 0], gradient(lambda points: namespace(points).sum(generator(theta, points)), column)[:, 0]


# Affine -----------------------------------------------------------------------------------------------------------


def _affine(call: Callable[[np.ndarray], np.ndarray], latent: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Return offset (d,) and matrix (d, k) of an affine generator; None if it bends.

    It is read at the origin, one step along each axis, and at twelve further places in the latent's window.
    """
    k = latent.dimension
    low, high = latent.window
    others = low + (high - low) * np.random.default_rng(0).random((12, k))
    out = call(np.concatenate([np.zeros((1, k)), np.eye(k), others]))
    if not np.all(np.isfinite(out)):
        return None
    offset, matrix = out[0], (out[1 : 1 + k] - out[0]).T
    expected = offset + others @ matrix.T
    size = np.abs(offset).max() + np.abs(others).max() * np.abs(matrix).max(initial=0.0)
    return (offset, matrix) if np.abs(out[1 + k :] - expected).max() <= AFFINE * size else None


def _moved(latent: Any, offset: np.ndarray, matrix: np.ndarray) -> Generated:
    """Return the law of offset + matrix z."""
    if not np.any(matrix):
        return Generated(Atoms(offset[None, :]), "the generator is constant: one atom")
    if isinstance(latent, Mixture):
        parts = [_moved(law, offset, matrix) for law in latent.laws]
        if any(not callable(getattr(part.measure, "log_density", None)) for part in parts):
            return parts[0]
        return Generated(Mixture(tuple(part.measure for part in parts), latent.weights), "an affine map of a mixture")
    if isinstance(latent, Normal):
        return _moved_normal(latent, offset, matrix)
    if matrix.shape == (1, 1):
        return Generated(Located(latent, float(offset[0]), float(matrix[0, 0])), "an affine map of the latent law")
    kind = type(latent).__name__
    return Generated(None, f"affine maps of a {kind} law beyond one dimension have no density in closed form here")


def _moved_normal(latent: Normal, offset: np.ndarray, matrix: np.ndarray) -> Generated:
    k, d = latent.dimension, len(offset)
    std = np.asarray(latent.std, dtype=np.float64)
    root = matrix @ (std if std.ndim == 2 else np.diag(np.broadcast_to(std, (k,))))
    mean = offset + matrix @ np.broadcast_to(np.atleast_1d(np.asarray(latent.mean, dtype=np.float64)), (k,))
    values = np.linalg.svd(root, compute_uv=False)
    rank = int(np.sum(values > FLAT * values[0]))
    if rank < d:
        return Generated(None, f"the generator is affine of rank {rank} in {d} dimensions: it has no density")
    if d == 1:
        return Generated(Normal(float(mean[0]), float(np.linalg.norm(root)), latent.order), "an affine map of a normal")
    if root.shape != (d, d) or np.any(np.triu(root, 1)):
        # root = L Q with Q orthonormal: L is a root of the same covariance.
        root = np.asarray(np.linalg.qr(root.T, mode="r")).T
    diagonal = not np.any(root - np.diag(np.diagonal(root)))
    spread = np.abs(np.diagonal(root)) if diagonal else root
    return Generated(Normal(mean, spread, latent.order), "an affine map of a normal")


# Monotone ---------------------------------------------------------------------------------------------------------


def _monotone(latent: Any, generator: Generator, theta: Any, call: Callable[[np.ndarray], np.ndarray]) -> Generated:
    low, high = (float(v[0]) for v in latent.window)
    z = np.linspace(low, high, TABLE)
    x = call(z[:, None])[:, 0]
    steps = np.diff(x)
    if not np.all(np.isfinite(x)) or not (np.all(steps > 0) or np.all(steps < 0)):
        return Generated(None, "the generator is neither affine nor strictly monotone, so that its density is not made")
    return Generated(Monotone(latent, generator, np.atleast_1d(np.asarray(theta, dtype=np.float64))), "a monotone map")


@record
class Monotone:
    """The law of G(z) for a strictly monotone G on a line, inverted numerically.

    Its density at x = G(z) is that of z over |G'(z)|.

    Args:
        law: of z.
        generator: `generator(theta, z)`, in JAX.
        theta: its parameters.
    """

    law: Any = static()
    generator: Generator = static()
    theta: Any = static()

    def __post_init__(self) -> None:
        """Check the dimension."""
        check_one_dimension(self.law)

    @property
    def dimension(self) -> int:
        """One."""
        return 1

    @property
    def support(self) -> tuple[np.ndarray, np.ndarray]:
        """The image of the latent's support."""
        return self._image(self.law.support)

    @property
    def window(self) -> tuple[np.ndarray, np.ndarray]:
        """The image of the latent's window."""
        return self._image(self.law.window)

    @property
    def breaks(self) -> tuple[float, ...]:
        """The images of the latent's breaks."""
        return tuple(sorted(float(self(np.array([b]))[0]) for b in self.law.breaks))

    def _image(self, ends: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        places = np.array([float(v[0]) for v in ends])
        images = self(places)
        # A limit that cannot be read at infinity is taken where the latent's window ends.
        images = np.where(np.isnan(images), self(np.array([float(v[0]) for v in self.law.window])), images)
        return np.array([images.min()]), np.array([images.max()])

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Return G(z) at latents (n,)."""
        return _called(self.generator, self.theta)(np.asarray(z, dtype=np.float64)[:, None])[:, 0]

    def slope(self, z: np.ndarray) -> np.ndarray:
        """Return G'(z) at latents (n,)."""
        return self._both(np.asarray(z, dtype=np.float64))[1]

    def _both(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, slope = _slope(self.theta, z, generator=self.generator)
        return to_numpy(value), to_numpy(slope)

    def inverse(self, x: np.ndarray) -> np.ndarray:
        """Return the latents (n,) whose images are x (n,), to rounding; beyond the window's image its ends."""
        x = np.asarray(x, dtype=np.float64)
        ends = [float(v[0]) for v in self.law.window]
        table = np.linspace(ends[0], ends[1], TABLE)
        images = self(table)
        rising = images[-1] > images[0]
        order = images if rising else images[::-1]
        k = np.clip(np.searchsorted(order, x) - 1, 0, TABLE - 2)
        k = k if rising else TABLE - 2 - k
        return self._polished(np.clip(x, order[0], order[-1]), table[k], table[k + 1], rising)

    def _polished(self, x: np.ndarray, low: np.ndarray, high: np.ndarray, rising: bool) -> np.ndarray:
        """Return the roots between brackets: Newton's step where it stays inside, halving where it does not."""
        low, high = low.copy(), high.copy()
        z = 0.5 * (low + high)
        for _ in range(64):
            value, slope = self._both(z)
            miss = value - x
            above = (miss > 0) == rising
            high, low = np.where(above, z, high), np.where(above, low, z)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = z - miss / slope
            inside = np.isfinite(step) & (step > low) & (step < high)
            new = np.where(miss == 0, z, np.where(inside, step, 0.5 * (low + high)))
            moved = np.abs(new - z)
            z = new
            # Near a place where G is flat no latent is sharper than the rounding of its image.
            if np.all((moved <= 4 * np.spacing(np.abs(z))) | (np.abs(miss) <= 2 * np.spacing(np.abs(x)))):
                break
        return z

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return the log density at points (n, 1) or (n,), shape (n,); -inf outside the window's image."""
        x = column(x)
        low, high = (float(v[0]) for v in self.window)
        inside = (x >= low) & (x <= high)
        z = self.inverse(x[inside])
        found = np.full(len(x), -np.inf)
        with np.errstate(divide="ignore"):
            found[inside] = self.law.log_density(z[:, None]) - np.log(np.abs(self.slope(z)))
        return found

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Return P(X <= x), shape of `x`."""
        flat = np.ravel(np.asarray(x, dtype=np.float64))
        below = self.law.cdf(self.inverse(flat))
        ends = self(np.array([float(v[0]) for v in self.law.window]))
        below = below if ends[1] > ends[0] else 1.0 - below
        low, high = float(ends.min()), float(ends.max())
        return np.where(flat < low, 0.0, np.where(flat > high, 1.0, below)).reshape(np.shape(x))

    def nodes(self) -> Nodes:
        """Return the images of the latent's nodes on panels."""
        nodes = composite(self.law)
        return Nodes(self(nodes.points[:, 0])[:, None], nodes.weights)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw samples: latents, moved."""
        return self(self.law.sample(rng, count)[:, 0])[:, None]
