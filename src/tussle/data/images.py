"""Images from files and arrays, through Pillow: decoded, fitted to a size, and refused in one sentence."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from tussle import checks

BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)


def check_channels(channels: int | None) -> None:
    """Check a number of channels.

    Raises:
        ValueError: if it is neither 1 nor 3.
    """
    if channels not in (None, 1, 3):
        message = f"`channels` is {channels!r}; it may be 1 (gray) or 3 (color); choose one of these."
        raise ValueError(message)


def read_image(path: Path, *, size: int | None = None, channels: int = 3) -> np.ndarray:
    """Return an image file as an array.

    It is turned upright as its EXIF data say; what is transparent shows white; 16-bit gray is rounded to 8 bits.

    Args:
        path: a PNG, JPEG or WebP file.
        size: side of the square that is cut from the middle and resized, or None for the image's own size.
        channels: 1 for gray, 3 for color.

    Returns:
        (channels, h, w) of uint8.

    Raises:
        ValueError: if the file is empty, broken or may not be read.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
            return fitted(image, size, channels)
    except (*BROKEN, Image.DecompressionBombError) as wrong:
        if path.is_file() and path.stat().st_size == 0:
            message = f"`{path}` is empty; it must hold an image; remove the file or replace it."
            raise ValueError(message) from wrong
        reason = " ".join(str(wrong).replace(repr(str(path)), "the file").split()).rstrip(".")
        message = (
            f"`{path}` cannot be decoded ({reason or type(wrong).__name__}); it must be a whole PNG, JPEG or WebP "
            "image; remove the file or replace it."
        )
        raise ValueError(message) from wrong


def fitted(image: Any, size: int | None, channels: int) -> np.ndarray:
    """Return a Pillow image as an array (channels, h, w) of uint8, cut and resized where a size is given."""
    from PIL import Image, ImageOps

    image = _in_color(ImageOps.exif_transpose(image), "L" if channels == 1 else "RGB")
    if size is not None and image.size != (size, size):
        image = ImageOps.fit(image, (checks.count("size", size), size), Image.Resampling.LANCZOS)
    array = np.asarray(image, dtype=np.uint8)
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def _in_color(image: Any, mode: str) -> Any:
    """Return an image as 8-bit gray or color."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        image = Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        message = f"pixels of mode {image.mode} are wider than 16 bits"
        raise ValueError(message)
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return image if image.mode == mode else image.convert(mode)


def refitted(values: np.ndarray, size: int | None, channels: int | None) -> np.ndarray:
    """Return images (n, c, h, w) of uint8 with another size or number of channels.

    Args:
        values: the images, of 1 or 3 channels.
        size: side of the square to cut and resize to, or None.
        channels: 1 or 3, or None for those that are there.

    Returns:
        the images themselves where nothing changes.
    """
    from PIL import Image

    check_channels(channels)
    if size is not None:
        checks.count("size", size)
    here, there = values.shape[1:], (channels or values.shape[1], *((size, size) if size else values.shape[2:]))
    if here == there:
        return values
    out = np.empty((len(values), *there), np.uint8)
    for k, value in enumerate(values):
        plain = value[0] if len(value) == 1 else np.ascontiguousarray(value.transpose(1, 2, 0))
        out[k] = fitted(Image.fromarray(plain), size, there[0])
    return out
