"""Resizing of images, by the filter named: the same network gives other features after another filter."""

import torch
from torch import Tensor

from tussle import checks

FILTERS = {
    "tf1": "bilinear of TensorFlow 1 (pixel corners aligned at 0, no antialiasing)",
    "bilinear": "bilinear, antialiased",
    "bicubic": "bicubic, antialiased",
    "none": "none",
}


def resized(images: Tensor, size: int, filter_name: str) -> Tensor:
    """Return images at size x size pixels.

    Args:
        images: (n, c, h, w), floating point.
        size: pixels of a side.
        filter_name: `tf1` is what the original FID was computed with, `bicubic` what clean-fid takes, `bilinear` what
            torchmetrics takes by default; `none` leaves images as they are.

    Returns:
        (n, c, size, size).

    Raises:
        ValueError: if the filter is unknown.

    Reference:
        Parmar, Zhang, Zhu, "On aliased resizing and surprising subtleties in GAN evaluation", CVPR 2022.
    """
    checks.choice("resize", filter_name, FILTERS)
    if filter_name == "none":
        return images
    if filter_name == "tf1":
        return _columns(_columns(images, size).mT, size).mT
    return torch.nn.functional.interpolate(
        images, size=(size, size), mode=filter_name, align_corners=False, antialias=True
    )


def _columns(images: Tensor, size: int) -> Tensor:
    """Interpolate along the last axis at the places j * width / size, as TensorFlow 1 does."""
    width = images.shape[-1]
    place = torch.arange(size, dtype=torch.float32) * (width / size)
    low = place.long()
    high = torch.clamp(low + 1, max=width - 1)
    share = (place - low).to(images.dtype).to(images.device)
    left = images[..., low]
    return left + (images[..., high] - left) * share
