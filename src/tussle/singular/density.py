r"""The optimal discriminator D* = p_r / (p_r + p_g), where both laws have a density, and a refusal where one has none.

The step from E log(1 - D(G(z))) to int p_g log(1 - D) dx needs P_g(dx) = p_g(x) dx. Atoms, samples, and generators of
smaller rank than the data have no p_g: read as density 0 almost everywhere, the formula gives D = 1 with V = -inf, the
worst discriminator in place of the best.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tussle.laws import Mixture, Normal, Panels
from tussle.measures import Atoms, Samples
from tussle.records import record, static
from tussle.singular.rank import NO_DENSITY, DimensionReport

LogDensity = Callable[[np.ndarray], np.ndarray]


@record
class DensityDiscriminator:
    """D = p_r / (p_r + p_g) from two log densities.

    Attributes:
        real: log p_r at points (n, d), shape (n,).
        fake: log p_g.
    """

    real: LogDensity = static()
    fake: LogDensity = static()

    def __call__(self, points: Any) -> np.ndarray:
        """Return D at points (n, d), shape (n,); nan where both densities are 0 and D is whatever one likes."""
        return np.exp(self.logs(points)[0])

    def logs(self, points: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return log D and log(1 - D), (n,) each.

        Raises:
            ValueError: if the log densities are not one number for each point.
        """
        points = np.asarray(points, dtype=np.float64)
        real, fake = (np.asarray(log(points), dtype=np.float64) for log in (self.real, self.fake))
        if real.shape != points.shape[:1] or fake.shape != points.shape[:1]:
            message = f"`points` of shape {points.shape} have log densities of shapes {real.shape} and {fake.shape}; "
            message += "there must be one for each point; give points (n, d) and log densities that return (n,)."
            raise ValueError(message)
        with np.errstate(invalid="ignore"):  # -inf - (-inf): outside both supports
            u = fake - real
            return -np.logaddexp(0.0, u), -np.logaddexp(0.0, -u)


def density_discriminator(real: Any, fake: Any, report: DimensionReport | None = None) -> DensityDiscriminator:
    """Return the optimal discriminator p_r / (p_r + p_g), or refuse where a law has no density.

    Args:
        real: the data: a law of `tussle.laws`, or a function of points (n, d) that returns log densities (n,).
        fake: the generated law, likewise.
        report: of `dimension_check`, where `fake` is the law of a generator.

    Returns:
        the discriminator, a function of points.

    Raises:
        ValueError: with the words "no density" if a law is of atoms or samples, is a normal law whose covariance is
            singular, or is that of a generator whose Jacobian has a smaller rank than the data dimension; and if a
            log density is not known or the dimensions differ.

    Example:
        >>> from tussle import Atoms, Normal
        >>> density_discriminator(Normal(0.0, 1.0), Normal(1.0, 1.0))(np.array([[0.5], [0.0]]))
        array([0.5       , 0.62245933])

    Reference:
        Goodfellow et al., "Generative adversarial nets", NIPS 2014, Proposition 1, which assumes densities.
    """
    if isinstance(fake, DimensionReport):
        report, fake = fake, None
    if report is not None and not report.has_density:
        message = f"`fake` has {report.sentence[:-1]}; give a generator of full rank, or add noise of that rank to it."
        raise ValueError(message)
    real, fake = (law.law if isinstance(law, Panels) else law for law in (real, fake))
    logs = _log_density("real", real), _log_density("fake", fake)
    sizes = [law.dimension for law in (real, fake) if not callable(law)]
    sizes += [] if report is None else [report.data_dimension]
    if len(set(sizes)) > 1:
        message = f"`real` and `fake` are of dimensions {sizes}; they must be of one; give laws on the same space."
        raise ValueError(message)
    return DensityDiscriminator(*logs)


def _log_density(name: str, law: Any) -> LogDensity:
    """Return the log density of a law, or refuse."""
    if isinstance(law, (Atoms, Samples)):
        kind = "atoms" if isinstance(law, Atoms) else "samples, which are atoms"
        message = f"`{name}` has {NO_DENSITY}: it is a law of {kind}, so p_r / (p_r + p_g) does not exist; "
        message += "blur it with noise, or give a law with a density."
        raise ValueError(message)
    for part in law.laws if isinstance(law, Mixture) else (law,):
        if isinstance(part, Normal) and _flat(part):
            message = f"`{name}` has {NO_DENSITY}: its covariance is singular, so p_r / (p_r + p_g) does not exist; "
            message += "give a root of full rank."
            raise ValueError(message)
    found: Any = law if callable(law) else getattr(law, "log_density", None)
    if found is None:
        came = "a generator of full rank without its log density" if law is None else f"a {type(law).__name__}"
        message = f"`{name}` is {came}; it must be a law with a log density; give one, or a function of points."
        raise ValueError(message)
    return found


def _flat(law: Normal) -> bool:
    """Say whether a normal law lives on a plane of smaller dimension, to rounding."""
    root = np.asarray(law.std, dtype=np.float64)
    return root.ndim == 2 and int(np.linalg.matrix_rank(root)) < root.shape[0]
