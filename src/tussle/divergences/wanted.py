"""What was asked for beside the name and the two measures."""

from typing import Any, NamedTuple

from tussle import checks

ROUTES = ("auto", "closed", "quadrature", "samples")


class Wanted(NamedTuple):
    """The options of a divergence.

    Attributes:
        tolerance: of quadrature, relative where the value exceeds 1.
        order: of alpha and renyi.
        kernel: of mmd2.
        bandwidth: of that kernel.
        epsilon: of sinkhorn.
        count: samples that are drawn of a law where its route is `samples`.
        directions: of sliced transport.
        seed: of all that is drawn.
        memo: what is already known of these samples, so that neighbors are searched once for all divergences.
    """

    tolerance: float = 1e-10
    order: float = 0.5
    kernel: str = "gaussian"
    bandwidth: float = 1.0
    epsilon: float = 0.1
    count: int = 1000
    directions: int = 128
    seed: int = 0
    memo: dict[Any, Any] | None = None

    def checked(self) -> "Wanted":
        """Return the options.

        Raises:
            ValueError: if one is wrong.
        """
        from tussle.divergences.kernels import KERNELS

        checks.positive("tolerance", self.tolerance)
        checks.number("order", self.order)
        checks.choice("kernel", self.kernel, KERNELS)
        checks.positive("bandwidth", self.bandwidth)
        checks.positive("epsilon", self.epsilon)
        checks.count("count", self.count, 8)
        checks.count("directions", self.directions)
        checks.count("seed", self.seed, 0)
        return self
