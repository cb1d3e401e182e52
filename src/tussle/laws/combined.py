"""Laws made of laws: moved, mixed, or with nodes on panels."""

import math
from typing import Any

import numpy as np

from tussle import checks
from tussle.laws.base import check_one_dimension, column, composite
from tussle.measures import Nodes
from tussle.records import record, static


@record
class Located:
    """The law of location + scale U, with U of a law in one dimension; a negative scale turns it around."""

    law: Any = static()
    location: Any = static(default=0.0)
    scale: Any = static(default=1.0)

    def __post_init__(self) -> None:
        """Check the two numbers."""
        checks.number("location", self.location)
        checks.number("scale", self.scale)
        if self.scale == 0:
            message = "`scale` is 0; the law would be an atom; give another number, or Atoms."
            raise ValueError(message)
        check_one_dimension(self.law)

    @property
    def dimension(self) -> int:
        """One."""
        return 1

    def _moved(self, ends: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        first, last = (self.location + self.scale * v for v in ends)
        return np.minimum(first, last), np.maximum(first, last)

    @property
    def support(self) -> tuple[np.ndarray, np.ndarray]:
        """The moved support."""
        return self._moved(self.law.support)

    @property
    def window(self) -> tuple[np.ndarray, np.ndarray]:
        """The moved window."""
        return self._moved(self.law.window)

    @property
    def breaks(self) -> tuple[float, ...]:
        """The moved breaks."""
        return tuple(self.location + self.scale * b for b in self.law.breaks)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return the log density at points (n, 1) or (n,), shape (n,)."""
        u = (column(x) - self.location) / self.scale
        return self.law.log_density(u[:, None]) - math.log(abs(self.scale))

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Return P(X <= x), shape of `x`."""
        below = self.law.cdf((np.asarray(x, dtype=np.float64) - self.location) / self.scale)
        return below if self.scale > 0 else 1.0 - below

    def nodes(self) -> Nodes:
        """Return the moved nodes."""
        nodes = self.law.nodes()
        return Nodes(self.location + self.scale * nodes.points, nodes.weights)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw samples."""
        return self.location + self.scale * self.law.sample(rng, count)


@record
class Mixture:
    """A mixture of laws of one dimension each, or of one common dimension, with weights that sum to 1."""

    laws: tuple[Any, ...] = static()
    weights: Any = static(default=None)

    def __post_init__(self) -> None:
        """Check the parts and their weights."""
        weights = self.shares
        other = [type(law).__name__ for law in self.laws if getattr(law, "dimension", None) is None]
        if other:
            message = f"`laws` holds {other[0]}, which has no density; a mixture is of laws; mix atoms in one Atoms."
            raise ValueError(message)
        if len(self.laws) == 0 or len({law.dimension for law in self.laws}) > 1:
            message = (
                f"`laws` has {len(self.laws)} law(s); a mixture is of one or more of the same dimension; give these."
            )
            raise ValueError(message)
        if weights.shape != (len(self.laws),) or np.any(weights < 0) or abs(weights.sum() - 1) > 1e-12:
            message = (
                f"`weights` {weights.tolist()} are wrong for {len(self.laws)} law(s); they must be one number of 0 or "
                "more for each and sum to 1; divide them by their sum."
            )
            raise ValueError(message)

    @property
    def shares(self) -> np.ndarray:
        """The weights, (k,)."""
        equal = np.full(len(self.laws), 1.0 / max(len(self.laws), 1))
        return equal if self.weights is None else np.asarray(self.weights, dtype=np.float64)

    @property
    def dimension(self) -> int:
        """Dimension of the space."""
        return self.laws[0].dimension

    def _hull(self, boxes: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
        return np.min([b[0] for b in boxes], axis=0), np.max([b[1] for b in boxes], axis=0)

    @property
    def support(self) -> tuple[np.ndarray, np.ndarray]:
        """The box around all supports."""
        return self._hull([law.support for law in self.laws])

    @property
    def window(self) -> tuple[np.ndarray, np.ndarray]:
        """The box around all windows."""
        return self._hull([law.window for law in self.laws])

    @property
    def breaks(self) -> tuple[float, ...]:
        """The breaks of all parts."""
        return tuple(sorted({b for law in self.laws for b in law.breaks}))

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return the log density at points (n, d), shape (n,)."""
        held = [(law, math.log(w)) for law, w in zip(self.laws, self.shares, strict=True) if w > 0]
        parts = np.stack([law.log_density(x) + log for law, log in held])
        top = np.max(parts, axis=0)
        top[top == -math.inf] = 0.0
        with np.errstate(divide="ignore", under="ignore"):
            return top + np.log(np.sum(np.exp(parts - top), axis=0))

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Return P(X <= x), shape of `x`."""
        values = [w * law.cdf(x) for law, w in zip(self.laws, self.shares, strict=True)]
        return np.sum(values, axis=0)

    def nodes(self) -> Nodes:
        """Return the nodes of all parts."""
        parts = [law.nodes() for law in self.laws]
        weights = [w * n.weights for n, w in zip(parts, self.shares, strict=True)]
        return Nodes(np.concatenate([n.points for n in parts]), np.concatenate(weights))

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw samples: first the part, then from it."""
        which = rng.choice(len(self.laws), size=count, p=self.shares)
        drawn = np.empty((count, self.dimension))
        for k, law in enumerate(self.laws):
            drawn[which == k] = law.sample(rng, int(np.sum(which == k)))
        return drawn


@record
class Panels:
    """A law of one dimension with composite Gauss-Legendre nodes, for integrands with a steep place somewhere.

    Args:
        law: the law.
        panels: equal panels between each two of its breaks and edges.
        order: nodes a panel.
        edges: further points where panels end; thin panels belong where integrands are steep.
    """

    law: Any = static()
    panels: int = static(default=8)
    order: int = static(default=16)
    edges: tuple[float, ...] = static(default=())

    def __post_init__(self) -> None:
        """Check the counts."""
        checks.count("panels", self.panels)
        checks.count("order", self.order)

    def nodes(self) -> Nodes:
        """Return the nodes."""
        return composite(self.law, self.panels, self.order, self.edges)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw samples of the law."""
        return self.law.sample(rng, count)
