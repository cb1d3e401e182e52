"""Intake: a user's data and latents as measures of the grammar."""

import contextlib
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tussle import checks
from tussle.measures import Nodes, Samples
from tussle.networks.conditional import LabeledNormal, pack_labels
from tussle.networks.latent import StandardNormal
from tussle.records import record, static

LEAST = 2  # real samples


class Taken(NamedTuple):
    """What was taken from a user's data.

    Attributes:
        measure: that samples them.
        points: the samples, labels packed in.
        labels: (n,), or None.
        shape: of one sample, without its label.
        batch: samples a batch, where the data come in batches; else 0.
    """

    measure: Any
    points: np.ndarray
    labels: np.ndarray | None
    shape: tuple[int, ...]
    batch: int


def collected(data: Any, samples: int, classes: int, name: str) -> Taken:
    """Return samples taken from a tensor, a loader or a measure.

    Args:
        data: what the user gave.
        samples: how many at most.
        classes: how many classes there are.
        name: of the argument.

    Raises:
        ValueError: if there are fewer than two samples, they are not finite or of one shape, or labels are missing.
    """
    x, y, batch = _pieces(data, samples, name)
    if classes > 1 and y is None:
        message = (
            f"`{name}` has no labels, and `classes` is {classes}; a conditional GAN needs one with each sample; give a "
            "loader of (x, y) batches, or the pair (x, y)."
        )
        raise ValueError(message)
    if len(x) < LEAST:
        message = f"`{name}` has {len(x)} sample(s); a diagnosis needs at least {LEAST}, better hundreds; give more."
        raise ValueError(message)
    if not np.issubdtype(x.dtype, np.floating):
        message = (
            f"`{name}` has dtype {x.dtype}; it must be of floating type, as the discriminator takes it; scale it "
            "first, for instance to [-1, 1]."
        )
        raise ValueError(message)
    bad = int(np.sum(~np.isfinite(x.reshape(len(x), -1)).all(axis=1)))
    if bad:
        message = (
            f"`{name}` holds {bad} sample(s) of {len(x)} with nan or inf; all must be finite; drop or repair them."
        )
        raise ValueError(message)
    shape = tuple(x.shape[1:])
    if classes > 1:
        assert y is not None
        if y.max(initial=0) >= classes:
            message = (
                f"`{name}` has the label {int(y.max())}; labels go from 0 to classes - 1 = {classes - 1}; mend one."
            )
            raise ValueError(message)
        x = pack_labels(x, y)
    return Taken(Samples(x), x, y, shape, batch)


def _pieces(data: Any, samples: int, name: str) -> tuple[np.ndarray, np.ndarray | None, int]:
    """Return samples, labels and the size of a batch."""
    if isinstance(data, (Tensor, np.ndarray)):
        return _array(data)[:samples], None, 0
    if isinstance(data, tuple) and len(data) == 2 and all(isinstance(one, (Tensor, np.ndarray)) for one in data):
        return _array(data[0])[:samples], _labels(data[1])[:samples], 0
    if callable(getattr(data, "sample", None)):
        measure: Any = data
        return np.asarray(measure.sample(np.random.default_rng(0), samples)), None, 0
    if isinstance(data, Iterable):
        return _of_batches(data, samples, name)
    message = (
        f"`{name}` is a {type(data).__name__}; it may be a tensor or array of samples, the pair (x, y), a DataLoader, "
        "or a measure that samples; give one of these."
    )
    raise ValueError(message)


@contextlib.contextmanager
def left_alone(data: Any = None) -> Iterator[None]:
    """Within this context random numbers may be drawn; afterwards those of the process and of a loader are as before.

    A loader that shuffles, or a data set that augments, draws from PyTorch, from NumPy or from Python itself.
    """
    mine = [getattr(data, "generator", None), getattr(getattr(data, "sampler", None), "generator", None)]
    own = [one for one in mine if isinstance(one, torch.Generator)]
    states = [one.get_state() for one in own]
    kept: Any = (random.getstate(), np.random.get_state())  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(kept[0])
            np.random.set_state(kept[1])  # noqa: NPY002
            for one, state in zip(own, states, strict=True):
                one.set_state(state)


def _of_batches(data: Iterable[Any], samples: int, name: str) -> tuple[np.ndarray, np.ndarray | None, int]:
    parts: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    with left_alone(data):
        for batch in data:
            pair = isinstance(batch, (tuple, list))
            x = batch[0] if pair else batch
            if not isinstance(x, (Tensor, np.ndarray)):
                message = (
                    f"`{name}` gave a {type(x).__name__}; its batches must be tensors, or (x, y); collate them so."
                )
                raise ValueError(message)
            parts.append(_array(x))
            if pair and len(batch) > 1 and isinstance(batch[1], (Tensor, np.ndarray)):
                labels.append(_labels(batch[1]))
            if sum(map(len, parts)) >= samples:
                break
    if not parts:
        message = f"`{name}` gave no batch; a diagnosis needs samples; give a loader that is not empty."
        raise ValueError(message)
    if len({part.shape[1:] for part in parts}) > 1:
        shapes = sorted({part.shape[1:] for part in parts})
        message = f"`{name}` has samples of shapes {', '.join(map(str, shapes))}; all must have one; resize them."
        raise ValueError(message)
    y = np.concatenate(labels)[:samples] if len(labels) == len(parts) else None
    return np.concatenate(parts)[:samples], y, len(parts[0])


def _array(x: Any) -> np.ndarray:
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)


def _labels(y: Any) -> np.ndarray:
    return _array(y).reshape(-1).astype(np.int64)


@record
class Drawn:
    """Latents that a user's own function draws; the process's random numbers are left as they were.

    Args:
        function: `function(n)` -> tensor of n latents.
    """

    function: Callable[[int], Tensor] = static()

    def nodes(self) -> Nodes:
        """Refuse: there are no nodes.

        Raises:
            ValueError: always.
        """
        message = "`latent` is only sampled; take batches from game.sampler(size)."
        raise ValueError(message)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw latents from a seed that the generator of random numbers gives."""
        with left_alone():
            seed = int(rng.integers(2**32))
            torch.default_generator.manual_seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            random.seed(seed)
            return _array(self.function(count))


def latent_law(latent: Any, classes: int, labels: np.ndarray | None) -> Any:
    """Return the measure of the latents; with classes the label is the last number, drawn as often as in the data.

    Raises:
        ValueError: if it is no dimension, function or measure.
    """
    if callable(getattr(latent, "sample", None)):
        return latent
    if classes > 1:
        if not isinstance(latent, int):
            message = f"`latent` is {latent!r:.60} with {classes} classes; it must be a dimension then; give a number."
            raise ValueError(message)
        counts = np.bincount(labels if labels is not None else np.zeros(0, int), minlength=classes)
        return LabeledNormal(latent, classes, tuple(counts / counts.sum()))
    if isinstance(latent, (int, tuple)) and not isinstance(latent, bool):
        return StandardNormal(latent)
    if callable(latent):
        with left_alone():
            draw: Any = latent
            found = draw(2)
        if not isinstance(found, Tensor) or len(found) != 2:
            message = f"`latent`(2) returned {type(found).__name__}; it must return a tensor of two latents; mend it."
            raise ValueError(message)
        return Drawn(draw)
    checks.count("latent", latent)
    raise AssertionError
