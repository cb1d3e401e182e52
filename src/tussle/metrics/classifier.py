"""A small classifier trained on a labeled data set: its modes are the classes, its last hidden layer gives features.

Training is deterministic: it depends on data, seed and settings alone, runs on one thread, and leaves the process's own
random numbers where they are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tussle import checks
from tussle.metrics.features import Features, module_digest
from tussle.metrics.samples import array

HIDDEN = 64  # dimension of the features


class SmallClassifier(nn.Module):
    """Three convolutions, a hidden layer, logits; no norms."""

    mean: Tensor
    scale: Tensor
    unit: Tensor
    body: nn.Sequential
    last: nn.Linear

    def __init__(self, shape: tuple[int, ...], classes: int, width: int) -> None:
        super().__init__()
        channels, height, wide = shape
        cells = ((height + 3) // 4) * ((wide + 3) // 4)
        self.mean, self.scale, self.unit = (nn.Buffer(torch.tensor(v)) for v in (0.0, 1.0, 1.0))
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(2 * width * cells, HIDDEN), nn.ReLU(),
        )  # fmt: skip
        self.last = nn.Linear(HIDDEN, classes)

    def pooled(self, x: Tensor) -> Tensor:
        """Return the features (n, 64) of images, in a unit in which their mean square is 1."""
        return self.body((x - self.mean) / self.scale) / self.unit

    def logits(self, pooled: Tensor) -> Tensor:
        """Return the logits of features."""
        return self.last(pooled * self.unit)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images."""
        return self.logits(self.pooled(x))


def data_classifier(
    images: Any,
    labels: Any,
    *,
    held_out: float = 0.1,
    seed: int = 0,
    epochs: int | None = None,
    batch: int = 64,
    lr: float = 2e-3,
    width: int = 16,
) -> Features:
    """Train a small classifier on labeled images and return it as a feature network with its held-out accuracy.

    Args:
        images: (n, c, h, w).
        labels: (n,), whole numbers from 0.
        held_out: share of the images kept back, for the accuracy.
        seed: of split, weights and batches.
        epochs: passes through the images; by default 8, or as many as make 1,000 steps.
        batch: images a step.
        lr: highest rate of Adam; it falls along a cosine to zero.
        width: channels of the first convolution.

    Returns:
        the features, of dimension 64, with logits of the classes.

    Raises:
        ValueError: if an argument is out of its range, or images and labels do not fit.
    """
    x, y = _labeled(images, labels)
    for name, value in (("epochs", 1 if epochs is None else epochs), ("batch", batch), ("width", width)):
        checks.count(name, value)
    checks.positive("lr", lr)
    kept, train = _split(len(y), held_out, seed)
    epochs = max(8, -(-1000 * batch // len(train))) if epochs is None else epochs
    with _alone(seed):
        network = SmallClassifier(x.shape[1:], int(y.max()) + 1, width)
        _fit(network, torch.from_numpy(x[train]), torch.from_numpy(y[train]), seed, epochs, batch, lr)
        network = network.eval().requires_grad_(False)
        guesses = torch.cat([network(part).argmax(1) for part in torch.from_numpy(x[kept]).split(500)]).numpy()
    classes = int(y.max()) + 1
    return Features(
        f"classifier of {classes} classes, trained on {len(train)} images of this data set (seed {seed})",
        module_digest(network),
        "none",
        HIDDEN,
        f"(v - {float(network.mean):.4g}) / {float(network.scale):.4g}; features over {float(network.unit):.4g}",
        network.pooled,
        network.logits,
        classes,
        float(np.mean(guesses == y[kept])),
    )


def _labeled(images: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    x, y = array("images", images, 20).astype(np.float32), np.asarray(labels)
    if x.ndim != 4:
        message = f"`images` have shape {x.shape}; they must be (n, channels, height, width); reshape them."
        raise ValueError(message)
    whole = y.ndim == 1 and np.issubdtype(y.dtype, np.integer)
    if not whole or len(y) != len(x) or y.min() < 0 or y.max() < 1:
        message = f"`labels` of shape {y.shape} and type {y.dtype} do not fit {len(x)} images; they must be one whole "
        raise ValueError(message + "number from 0 for each, of two classes or more; give the classes' numbers.")
    return x, y.astype(np.int64)


def _split(count: int, held_out: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices kept back and those trained on."""
    checks.positive("held_out", held_out)
    if held_out >= 1:
        message = f"`held_out` is {held_out}; it must be above 0 and below 1; give the share to keep back, say 0.1."
        raise ValueError(message)
    order = np.random.default_rng(checks.count("seed", seed, least=0)).permutation(count)
    cut = max(1, round(held_out * count))
    return order[:cut], order[cut:]


@contextmanager
def _alone(seed: int) -> Iterator[None]:
    """Compute on one thread with random numbers of one's own: sums in the same order on every machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


def _fit(network: SmallClassifier, x: Tensor, y: Tensor, seed: int, epochs: int, batch: int, lr: float) -> None:
    """Minimize the cross-entropy by Adam."""
    network.mean.copy_(x.mean())
    network.scale.copy_(x.std().clamp(min=1e-12))
    rng, reach = np.random.default_rng(seed), min(x.shape[-2:]) // 14
    steps = max(1, len(x) // batch)
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(x)), steps):
            optimizer.zero_grad()
            shifted = _shifted(x[rows], rng.integers(-reach, reach + 1, size=2))
            nn.functional.cross_entropy(network(shifted), y[rows]).backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        network.unit.copy_(network.pooled(x[:2000]).square().mean().sqrt().clamp(min=1e-12))


def _shifted(x: Tensor, by: np.ndarray) -> Tensor:
    """Move images by whole pixels; their edges are repeated."""
    if not by.any():
        return x
    down, right = (int(v) for v in by)
    sides = (max(right, 0), max(-right, 0), max(down, 0), max(-down, 0))
    grown = nn.functional.pad(x, sides, mode="replicate")
    height, wide = x.shape[-2:]
    return grown[..., max(-down, 0) : max(-down, 0) + height, max(-right, 0) : max(-right, 0) + wide]
