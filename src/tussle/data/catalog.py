"""Data sets by name: the ones that come along, folders of images, files of arrays, and those of torchvision."""

import difflib
import inspect
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tussle import checks
from tussle.data import problems
from tussle.data.base import DataSet
from tussle.data.digits import digit_set
from tussle.data.files import file_set
from tussle.data.folder import folder_set
from tussle.data.mnist import mnist_set, stacked_set
from tussle.data.patches import patch_set
from tussle.data.vision import PREFIX, vision_set

Maker = Callable[..., DataSet]

MAKERS: dict[str, Maker] = {
    "gaussian": problems.gaussian_set,
    "segment": problems.segment_set,
    "circle": problems.circle_set,
    "lines": problems.lines_set,
    "eight": problems.eight_set,
    "squares": problems.squares_set,
    "ring-8": problems.ring_set(8),
    "grid-25": problems.grid_set(25),
    "jare-gaussian": problems.jare_gaussian_set,
    "jare-ring": problems.jare_ring_set,
    "digits": digit_set,
    "mnist5k": mnist_set,
    "stacked-mnist": stacked_set,
    "patches": patch_set,
}


def data_names() -> tuple[str, ...]:
    """Return the names of the data sets that come along; any ring-N and grid-N, paths and torchvision:NAME go too."""
    return tuple(MAKERS)


def data_options(name: str) -> tuple[str, ...]:
    """Return the options of a data set, besides `held_out` and `seed`.

    Args:
        name: as in `load`.

    Returns:
        the names of its options.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> data_options("circle")
        ('labeled', 'radius')
    """
    return ("labeled", *_options(_maker(name)))


def load(name: str | Path, *, held_out: float = 0.1, seed: int = 0, **options: Any) -> DataSet:
    """Return a data set by its name.

    Args:
        name: one of `data_names()`, or any `ring-N` or `grid-N`; a folder of images; an `.npy` or `.npz` file; or
            `torchvision:NAME`. A folder that is called like a data set is meant by `./NAME`.
        held_out: share of the samples to keep back.
        seed: seed of the split; what is drawn later depends on the generator that draws alone.
        **options: options of the data set, see `data_options(name)`: `labeled` (labels as last number of each sample),
            and for images `size`, `flip`, `dequantize`, `channels`, `limit` where it has them.

    Returns:
        the data set; nothing is downloaded, and nothing pickled is read.

    Raises:
        ValueError: if the name or an option is unknown, or the data are broken.
        ModuleNotFoundError: if a package that carries the data is not installed.

    Example:
        >>> data = load("mnist5k", size=32, held_out=0.2)
        >>> data.shape, data.classes, len(data.train), len(data.held_out)
        ((1, 32, 32), 10, 4000, 1000)
    """
    maker = _maker(str(name))
    labeled = checks.flag("labeled", options.pop("labeled", False))
    for option in options:
        checks.choice(f"option of {name}", option, ("labeled", *_options(maker)))
    made = maker(held_out, seed, **options)
    return made.packed() if labeled else made


def _options(maker: Maker) -> list[str]:
    return [key for key, p in inspect.signature(maker).parameters.items() if p.kind is p.KEYWORD_ONLY]


def _maker(name: str) -> Maker:
    """Return what makes the data set of a name."""
    if name in MAKERS:
        return MAKERS[name]
    family = re.fullmatch(r"(ring|grid)-([0-9]{1,6})", name)
    if family:
        return {"ring": problems.ring_set, "grid": problems.grid_set}[family[1]](int(family[2]))
    if name.startswith(PREFIX):
        return partial(vision_set, name.removeprefix(PREFIX))
    path = Path(name).expanduser()
    if path.is_dir():
        return partial(folder_set, path)
    if path.suffix in (".npy", ".npz") and path.is_file():
        return partial(file_set, path)
    return _refuse(name, path)


def _refuse(name: str, path: Path) -> Maker:
    """Raise what is wrong with a name.

    Raises:
        ValueError: always.
    """
    if path.is_file():
        message = (
            f"`name` is the file {name}; it may be an .npy or .npz file, or a folder of images; give one of these."
        )
    elif len(path.parts) > 1 or path.suffix:
        message = f"`name` is {name}, and there is no such folder or file; it may be one that exists; check the path."
    else:
        near = difflib.get_close_matches(name, MAKERS, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else "choose one of these."
        known = ", ".join(MAKERS)
        message = (
            f"`name` is {name!r}; it may be one of {known}, ring-N, grid-N, {PREFIX}NAME, or the path of a folder of "
            f"images or of an .npy or .npz file; {hint}"
        )
    raise ValueError(message)
