"""What a data set is: a part that is trained on and a part that is held back, each a measure that only samples.

Samples are drawn with replacement from the generator of random numbers that is handed in, so that a batch depends on
that generator alone: neither epochs nor an order have to be stored to go on with a run.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np

from tussle.measures import Nodes
from tussle.records import record, static

LIMITS = (-1.0, 1.0)  # the pixel values of black and white


class Modes(NamedTuple):
    """Where the modes of a mixture are.

    Attributes:
        centers: (k, d).
        std: their common standard deviation.
    """

    centers: np.ndarray
    std: float


class Drawn(NamedTuple):
    """Samples (n, ...) of float32 with their labels (n,), or None where there are none."""

    x: np.ndarray
    labels: np.ndarray | None


class AbstractPart(Protocol):
    """What a part of a data set must offer beyond a measure."""

    def draw(self, rng: np.random.Generator, count: int) -> Drawn:
        """Draw samples with their labels."""
        ...

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw samples as a game takes them, (count, ...) of float32."""
        ...

    def nodes(self) -> Nodes:
        """Return the nodes that stand for the measure."""
        ...


@record
class Part:
    """Finitely many samples, all equally likely; stored as they came and converted when they are drawn.

    Whole numbers 0 to levels - 1 of uint8 become low + (high - low) v / (levels - 1); with `dequantize`, samples that
    are drawn become low + (high - low) (v + u) / levels with u uniform on [0, 1). Floats stay what they are.

    Args:
        values: stored samples (m, ...), of uint8 or floating type; may be memory-mapped.
        rows: (n,), which of them belong to this part.
        known: labels of all stored samples, (m,), or None.
        limits: (low, high) of the converted values; needed for uint8.
        levels: how many gray levels uint8 values have.
        flip: whether half of the samples that are drawn are mirrored, left and right.
        dequantize: whether samples that are drawn are spread evenly over their gray level.
    """

    values: np.ndarray = static()
    rows: np.ndarray = static()
    known: np.ndarray | None = static(default=None)
    limits: tuple[float, float] | None = static(default=LIMITS)
    levels: int = static(default=256)
    flip: bool = static(default=False)
    dequantize: bool = static(default=False)

    def __len__(self) -> int:
        """Return how many samples there are."""
        return len(self.rows)

    @property
    def labels(self) -> np.ndarray | None:
        """The labels, (n,), or None."""
        return None if self.known is None else self.known[self.rows]

    @property
    def points(self) -> np.ndarray:
        """All samples, (n, ...) of float32, as they are: neither mirrored nor dequantized."""
        return self.at(np.arange(len(self)))

    def at(self, which: Any) -> np.ndarray:
        """Return chosen samples as they are, for walking through a large part piece by piece.

        Args:
            which: (k,), numbers from 0 to len(part) - 1.

        Returns:
            (k, ...) of float32.
        """
        return self._converted(self.values[self.rows[which]], None)

    def nodes(self) -> Nodes:
        """Return all samples, without weights."""
        return Nodes(self.points)

    def draw(self, rng: np.random.Generator, count: int) -> Drawn:
        """Draw samples with their labels, with replacement.

        Raises:
            ValueError: if the part is empty.
        """
        refuse_empty(len(self))
        which = self.rows[rng.integers(len(self), size=count)]
        x = self.values[which]
        if self.flip:
            turned = rng.random(count) < 0.5
            x[turned] = x[turned][..., ::-1]
        return Drawn(self._converted(x, rng), None if self.known is None else self.known[which])

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw samples with replacement, (count, ...) of float32."""
        return self.draw(rng, count).x

    def _converted(self, x: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        spread = rng if self.dequantize else None
        return converted(x, self.limits, self.levels, spread)


def refuse_empty(count: int) -> None:
    """Check that there is something to draw.

    Raises:
        ValueError: if there is not.
    """
    if count == 0:
        message = "`held_out` is 0: nothing was kept back to draw from; it must be above 0; load with held_out=0.1."
        raise ValueError(message)


def converted(
    x: np.ndarray, limits: tuple[float, float] | None, levels: int, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Return stored values as float32: gray levels within the limits, floats as they are.

    Args:
        x: uint8 or floating values.
        limits: (low, high) that gray levels are mapped to.
        levels: how many gray levels there are.
        rng: where the place within a gray level is drawn from, or None for its lower end.

    Returns:
        the values in order; those of float32 are not copied.

    Example:
        >>> converted(np.array([0, 51, 255], np.uint8), (-1, 1), 256).tolist()
        [-1.0, -0.6, 1.0]
    """
    out = x.astype(np.float32, order="C", copy=False)
    if x.dtype != np.uint8 or limits is None:
        return out
    low, high = limits
    if rng is None:
        out /= levels - 1
    else:
        out += rng.random(out.shape, dtype=np.float32)
        out /= levels
    out *= high - low
    out += low
    return out


@record
class Packed:
    """A part whose labels travel as the last number of each sample, as `networks.packed_pair` takes them.

    Args:
        inner: a part with labels.
    """

    inner: Any = static()

    def __len__(self) -> int:
        """Return how many samples there are."""
        return len(self.inner)

    @property
    def labels(self) -> np.ndarray:
        """The labels, (n,)."""
        return self.inner.labels

    @property
    def points(self) -> np.ndarray:
        """All samples, (n, ...) of float32, without their labels."""
        return self.inner.points

    def at(self, which: Any) -> np.ndarray:
        """Return chosen samples, without their labels."""
        return self.inner.at(which)

    def nodes(self) -> Nodes:
        """Return all samples with their labels, (n, values + 1).

        Raises:
            ValueError: if there are infinitely many.
        """
        if not isinstance(self.inner, Part):
            message = "`labeled` data of this kind are only sampled; take batches from game.sampler(size)."
            raise ValueError(message)
        return Nodes(_packed(Drawn(self.points, self.labels)))

    def draw(self, rng: np.random.Generator, count: int) -> Drawn:
        """Draw samples and labels side by side."""
        return self.inner.draw(rng, count)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw samples with their labels as last number, (count, values + 1) of float32."""
        return _packed(self.inner.draw(rng, count))


def _packed(drawn: Drawn) -> np.ndarray:
    """Return the rows that `networks.pack_labels` makes, without its detour over float64."""
    flat = drawn.x.reshape(len(drawn.x), -1)
    rows = np.empty((flat.shape[0], flat.shape[1] + 1), np.float32)
    rows[:, :-1] = flat
    rows[:, -1] = drawn.labels
    return rows


@record
class DataSet:
    """Data to train on and data to be judged by.

    Attributes:
        name: what it was loaded as.
        train: the part to train on: `train.sample(rng, count)` -> (count, *shape) of float32. Finite parts have
            `points`, `labels` and a length as well.
        held_out: the part that was kept back; of a law, fresh samples of the same law.
        shape: shape of one sample, without a label.
        classes: how many classes; 1 where there are no labels.
        class_names: their names, or none.
        limits: (low, high) of the values, or None.
        labeled: whether samples are packed: (count, values + 1) with the label as last number.
        source: one sentence about where it comes from.
        digest: sha256 of all raw values, the held-out ones included; empty for laws.
        law: the exact law, with a density or distances where it has them, or None.
        modes: centers and standard deviation of a mixture, or None.
    """

    name: str = static()
    train: Any = static()
    held_out: Any = static()
    shape: tuple[int, ...] = static()
    classes: int = static(default=1)
    class_names: tuple[str, ...] = static(default=())
    limits: tuple[float, float] | None = static(default=None)
    labeled: bool = static(default=False)
    source: str = static(default="")
    digest: str = static(default="")
    law: Any = static(default=None)
    modes: Modes | None = static(default=None)

    def packed(self) -> "DataSet":
        """Return the data set with its labels as last number of each sample.

        Raises:
            ValueError: if it has none.
        """
        if self.labeled:
            return self
        if self.classes == 1:
            message = f"`labeled` is true for {self.name}, which has no labels; it must be false; leave it out."
            raise ValueError(message)
        changed = {"train": Packed(self.train), "held_out": Packed(self.held_out), "labeled": True}
        return DataSet(**(vars(self) | changed))
