r"""Does a generator have a density? The numerical rank of its Jacobian against the dimension of the data.

If G: R^m -> R^n is locally Lipschitz, as all usual networks are, and m < n, then its image has volume 0: the law of
G(z) has no density p_g. For m >= n it has one if the rank of the Jacobian is n at almost every latent (and the latent
has a density); where the rank is smaller with some probability, that share of the law has none. A map that is only
continuous is not covered: a Hilbert curve fills the square from one number.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import Array, array, float64, is_torch, jacobian, jax_engine, to_numpy, vectorized
from tussle.records import record, static

LAYERS = 10.0  # rounding of some ten chained matrix products
NO_DENSITY = "no density"


@record
class DimensionReport:
    """What the Jacobians of a generator at sampled latents say of its law.

    Attributes:
        latent_dimension: m.
        data_dimension: n.
        ranks: numerical rank at each latent, (k,).
        singular_values: at each latent, descending, (k, min(m, n)).
        tolerance: a singular value below this share of the latent's largest counts as 0.
    """

    latent_dimension: int = static()
    data_dimension: int = static()
    ranks: np.ndarray
    singular_values: np.ndarray
    tolerance: float

    @property
    def rank(self) -> int:
        """The largest rank that was met."""
        return int(self.ranks.max())

    @property
    def singular_share(self) -> float:
        """The share of latents at which the rank is below the data dimension: about the mass without a density."""
        return float(np.mean(self.ranks < self.data_dimension))

    @property
    def has_density(self) -> bool:
        """Whether the rank is the data dimension at every latent that was looked at."""
        return self.singular_share == 0

    @property
    def gap(self) -> tuple[float, float]:
        """The smallest singular value that counted and the largest that did not, as shares of the largest.

        (1, 0) where none; the farther apart the two, the surer the rank.
        """
        top = self.singular_values[:, :1]
        share = self.singular_values / np.where(top > 0, top, 1.0)
        counted = np.arange(share.shape[1]) < self.ranks[:, None]
        kept, dropped = share[counted], share[~counted]
        return float(kept.min(initial=1.0)), float(dropped.max(initial=0.0))

    @property
    def sentence(self) -> str:
        """What to say of the generated law; it holds the words `no density` unless there is one."""
        m, n, k = self.latent_dimension, self.data_dimension, len(self.ranks)
        if self.has_density:
            return f"density: the Jacobian has rank {n} of {n} at all {k} latents."
        if m < n:
            makes = "1 latent number makes" if m == 1 else f"{m} latent numbers make"
            why = f"{makes} an image of dimension {self.rank} in {n} dimensions"
        elif self.singular_share == 1:
            why = f"the Jacobian has rank {self.rank} of {n} at all {k} latents"
        else:
            why = f"the Jacobian has a rank below {n} at {int(np.sum(self.ranks < n))} of {k} latents"
        part = "the generated law" if self.singular_share == 1 else "that part of the generated law"
        return f"{NO_DENSITY}: {why}, so {part} lies on a set of volume 0 and p_r / (p_r + p_g) does not exist."

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON knows it."""
        return {
            "latent_dimension": self.latent_dimension,
            "data_dimension": self.data_dimension,
            "rank": self.rank,
            "ranks": self.ranks.tolist(),
            "singular_share": self.singular_share,
            "has_density": self.has_density,
            "tolerance": self.tolerance,
            "gap": list(self.gap),
            "sentence": self.sentence,
        }


def dimension_check(
    generator: Callable[[Any, Array], Array],
    theta: Any,
    latents: Any,
    dimension: int | None = None,
    *,
    tolerance: float | None = None,
) -> DimensionReport:
    """Compare the numerical rank of a generator's Jacobian at sampled latents with the data dimension.

    Args:
        generator: (theta, z) -> samples, from latents (k, m) to (k, ...), as in `GAN`; JAX or PyTorch.
        theta: its parameters, in whatever form it takes them; None for a function that needs none.
        latents: (k, m), PyTorch for a PyTorch generator; a few dozen draws are enough.
        dimension: of the data, checked against what the generator returns; None takes the latter.
        tolerance: a singular value below this share of the largest counts as 0. By default ten times
            max(m, n) eps of the arrays' type: the rounding of a matrix of that size, for some ten layers. A larger
            one asks for more than a density in name: 1e-3 calls a direction flat that is a thousand times thinner.

    Returns:
        the report.

    Raises:
        ValueError: if the shapes do not fit or a Jacobian is not finite.

    Example:
        >>> from tussle.autodiff import namespace
        >>> bend = lambda theta, z: namespace(z).concat((z, theta * z**2), axis=1)
        >>> dimension_check(bend, 0.7, np.random.default_rng(0).random((20, 1))).sentence[:38]
        'no density: 1 latent number makes an i'
    """
    if tolerance is not None:
        checks.positive("tolerance", tolerance)
    found = _jacobians(generator, theta, _latents(latents, theta))
    _, n, m = found.shape
    if dimension is not None and checks.count("dimension", dimension) != n:
        message = f"`dimension` is {dimension}, but the generator returns {n} numbers a sample; it must be the same; "
        message += "give the dimension of the data that the generator imitates."
        raise ValueError(message)
    if not np.all(np.isfinite(found)):
        where = int(np.argmax(~np.all(np.isfinite(found), axis=(1, 2))))
        message = f"`generator` has a Jacobian that is not finite at latent {where}; its rank needs finite numbers; "
        message += "give other latents or parameters."
        raise ValueError(message)
    share = LAYERS * max(m, n) * float(np.finfo(found.dtype).eps) if tolerance is None else float(tolerance)
    values = np.linalg.svd(found, compute_uv=False)
    ranks = np.sum(values > share * values[:, :1], axis=1)
    return DimensionReport(m, n, ranks, values, share)


def _latents(latents: Any, theta: Any) -> Array:
    found: Any = latents if is_torch(latents) else np.asarray(latents)
    if found.ndim != 2 or 0 in tuple(found.shape):
        message = f"`latents` has shape {tuple(found.shape)}; it must be (k, m), one row a latent; reshape it."
        raise ValueError(message)
    if is_torch(found):
        return found.detach()
    return array(found, like=theta) if is_torch(theta) else found


def _jacobians(generator: Callable[[Any, Array], Array], theta: Any, latents: Array) -> np.ndarray:
    """Return the Jacobian at each latent, (k, n, m); the generator sees one latent at a time."""

    def one(z: Array) -> Array:
        return generator(theta, z[None, :]).reshape(-1)

    if is_torch(latents):
        return np.stack([to_numpy(jacobian(one, z)) for z in latents])
    with float64():
        jnp = jax_engine().numpy
        kept = latents.dtype if latents.dtype in (np.float32, np.float64) else np.float64
        return to_numpy(vectorized(lambda z: jacobian(one, z))(jnp.asarray(latents, dtype=kept)))
