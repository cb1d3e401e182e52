"""Feature networks with their provenance: what network, which weights, which resize filter, what preprocessing.

Distances between features of different networks, weights, filters or pixel conventions are different quantities; the
record of a metric therefore carries the record of its features.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tussle import checks
from tussle.records import record, static

if TYPE_CHECKING:
    from torch import Tensor, nn


@record
class Features:
    """A network that turns images into points, and where it comes from.

    Attributes:
        name: of the network.
        digest: SHA-256 of its weights: of the file, or of the parameters where there is none.
        resize: the filter images are resized with, and to what size.
        dimension: of the features.
        preprocessing: of pixel values, in words.
        embed: from images as they come, (n, c, h, w), to features (n, dimension).
        head: from features to logits of classes, or None.
        classes: how many, 0 without a head.
        accuracy: share of held-out images that a trained classifier labels right, else None.
        fid: whether this is the network of the FID with its published weights.
    """

    name: str = static()
    digest: str = static()
    resize: str = static()
    dimension: int = static()
    preprocessing: str = static()
    embed: Callable[["Tensor"], "Tensor"] = static()
    head: Callable[["Tensor"], "Tensor"] | None = static(default=None)
    classes: int = static(default=0)
    accuracy: float | None = static(default=None)
    fid: bool = static(default=False)

    def of(self, images: np.ndarray, batch: int = 64) -> np.ndarray:
        """Return the features of images, (n, dimension) in double precision.

        Args:
            images: (n, c, h, w).
            batch: images at a time.

        Raises:
            ValueError: if the images have another shape than the network takes.
        """
        import torch

        if images.ndim != 4:
            message = f"`images` have shape {images.shape}; {self.name} takes images (n, channels, height, width); "
            raise ValueError(message + "reshape them.")
        checks.count("batch", batch)
        found = np.empty((len(images), self.dimension))
        with torch.no_grad():
            for k in range(0, len(images), batch):
                part = torch.from_numpy(np.ascontiguousarray(images[k : k + batch], dtype=np.float32))
                found[k : k + batch] = self.embed(part).double().numpy()
        return found

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return logits (n, classes) of features (n, dimension).

        Raises:
            ValueError: if the network has no classes.
        """
        import torch

        if self.head is None:
            message = f"`features` is {self.name}, which has no classes; this metric needs a classifier; take "
            raise ValueError(message + "data_classifier(), efficientnet_features() or inception_features().")
        with torch.no_grad():
            return self.head(torch.from_numpy(features).float()).double().numpy()

    def to_json(self) -> dict[str, Any]:
        """Return the provenance as JSON knows it."""
        return {
            "name": self.name,
            "digest": self.digest,
            "resize": self.resize,
            "dimension": self.dimension,
            "preprocessing": self.preprocessing,
            "accuracy": self.accuracy,
            "fid": self.fid,
        }


def file_digest(path: str) -> str:
    """Return the SHA-256 of a file.

    Raises:
        FileNotFoundError: if there is none.
    """
    if not Path(path).is_file():
        message = f"`weights` is {path}, which is no file; it must be the path of a file of weights; give another path."
        raise FileNotFoundError(message)
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def module_digest(module: "nn.Module") -> str:
    """Return the SHA-256 of a module's parameters and buffers, names included."""
    made = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        made.update(name.encode())
        made.update(np.ascontiguousarray(value.detach().cpu().numpy()).tobytes())
    return made.hexdigest()


def network_features(module: "nn.Module", example: np.ndarray, *, name: str, preprocessing: str = "none") -> Features:
    """Return any module as a feature network.

    Args:
        module: from images (n, c, h, w) to features (n, ...); it is put into evaluation mode and copied.
        example: images (n, c, h, w), to find the dimension.
        name: of the network.
        preprocessing: what the module does with pixel values, in words.

    Returns:
        the features.
    """
    import copy

    import torch

    own = copy.deepcopy(module).eval().requires_grad_(False)
    embed = lambda x: own(x).flatten(1)
    with torch.no_grad():
        dimension = embed(torch.from_numpy(np.asarray(example[:1], dtype=np.float32))).shape[1]
    return Features(name, module_digest(own), "none", dimension, preprocessing, embed)
