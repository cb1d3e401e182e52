"""Laboratories: published experiments as one call each, with a table, pictures and the sentence that follows from them.

A laboratory is a maker `make(size, seed, progress, **options) -> Laboratory`. Nothing of it is loaded before it is
asked for. `small` is what a continuous integration runs, `full` the size of the paper, or of this library where the
paper gives none.
"""

import hashlib
import importlib
import inspect
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tussle import checks
from tussle.records import record, static

SIZES = ("small", "full")
KINDS = ("dots", "lines", "samples", "spectra")
Told = Callable[[float], Any] | None


class Entry(NamedTuple):
    """A laboratory that can be asked for.

    Attributes:
        home: dotted name of its maker.
        about: what it shows, in a sentence.
        keeps: whether the maker takes `cells`, in which it keeps what is done, so that it can be gone on with.
    """

    home: str
    about: str
    keeps: bool = False


LABORATORIES: dict[str, Entry] = {
    "problems-2d": Entry(
        "tussle.training.lab_planes.problems_2d",
        "Ten methods on six laws in the plane, over learning rates and weights (Mescheder et al. 2018).",
        keeps=True,
    ),
    "jare-ring": Entry(
        "tussle.training.lab_jare.jare_ring",
        "Simultaneous steps, consensus and JARE on a ring of eight normals (Nie and Patel 2019).",
        keeps=True,
    ),
    "mixture": Entry(
        "tussle.training.lab_mixture.mixture",
        "The spectrum of 2,003 parameters along training on a mixture of normals (Mescheder et al. 2017).",
    ),
    "stacked-digits": Entry(
        "tussle.training.lab_digits.stacked_digits",
        "Modes of stacked digits that GAN and RpGAN cover with R1 or R1 + R2 (Huang et al. 2024).",
    ),
}


@record
class Panel:
    """What one picture of a results page shows, in plain numbers; `tussle.plots.laboratories` draws it.

    Attributes:
        kind: one of `KINDS`.
        title: of the picture.
        caption: the sentence below it.
        data: by kind. `dots`: `labels` [n], `marks` {name: [n numbers or None]}, `x` and perhaps `floor`; `lines`:
            `steps` [k], `lines` {name: [k numbers or None]}, `x`, `y`, `log`; `samples`: `real` [[x, y]], `groups`
            {name: [[x, y]]}; `spectra`: `groups` {name: [[real part, imaginary part]]}.
    """

    kind: str = static()
    title: str = static()
    caption: str = static()
    data: dict[str, Any] = static()

    def __post_init__(self) -> None:
        """Check the kind."""
        checks.choice("kind", self.kind, KINDS)


@record
class Laboratory:
    """What a laboratory found.

    Attributes:
        name: as it is asked for.
        title: of its page.
        size: `small` or `full`.
        columns: names of the columns.
        rows: cells, one of text, number or None for each column; infinities and nan are None in JSON.
        published: what the paper says, with what is not known of it.
        sentence: the conclusion, which follows from the numbers.
        notes: how the numbers came about, and their limits.
        cost: seconds and counts, by name.
        settings: everything that the numbers depend on.
        panels: the pictures.
        details: more numbers, as JSON knows them.
    """

    name: str = static()
    title: str = static()
    size: str = static()
    columns: tuple[str, ...] = static()
    rows: tuple[tuple[Any, ...], ...] = static()
    published: str = static()
    sentence: str = static()
    notes: tuple[str, ...] = static(default=())
    cost: dict[str, float] = static(default_factory=dict)
    settings: dict[str, Any] = static(default_factory=dict)
    panels: tuple[Panel, ...] = static(default=())
    details: dict[str, Any] = static(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that every row fills the columns."""
        for row in self.rows:
            if len(row) != len(self.columns):
                message = f"`rows` have one of {len(row)} cells for {len(self.columns)} columns; give a cell for each."
                raise ValueError(message)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON knows it."""
        return plain({
            "laboratory": self.name, "title": self.title, "size": self.size, "sentence": self.sentence,
            "published": self.published, "columns": self.columns, "rows": self.rows, "notes": self.notes,
            "settings": self.settings, "cost": self.cost, "details": self.details,
            "panels": [{"kind": p.kind, "title": p.title, "caption": p.caption, "data": p.data} for p in self.panels],
        })  # fmt: skip


def plain(value: Any) -> Any:
    """Return a value in the types of JSON: arrays as lists, numbers that are not finite as None.

    Example:
        >>> plain({"a": (1, float("inf")), "b": float("nan")})
        {'a': [1, None], 'b': None}
    """
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    convert = getattr(value, "tolist", None)
    if convert is not None:
        return plain(convert())
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Cells:
    """Parts of a laboratory that are done, a JSON file each, so that an interrupted one goes on where it was.

    A part is found again by everything it depends on: with other settings it is another part.

    Args:
        path: the folder, or None to keep nothing.

    Example:
        >>> Cells(None).kept({"law": "circle"}, lambda: {"w1": 0.1})
        {'w1': 0.1}
    """

    def __init__(self, path: str | Path | None) -> None:
        self.path: Path | None = None if path is None else Path(path)
        self.found: int = 0

    def kept(self, settings: dict[str, Any], make: Callable[[], dict[str, Any]], label: str = "cell") -> dict[str, Any]:
        """Return the part of these settings: the one that is kept, or a new one, which is then kept.

        Args:
            settings: everything that the part depends on.
            make: makes it.
            label: how its file begins.
        """
        settings = plain(settings)
        place = self._place(settings, label)
        known = self._read(place, settings)
        if known is not None:
            self.found += 1
            return known
        made = plain(make())
        if place is not None:
            from tussle.training.checkpoints import written

            place.parent.mkdir(parents=True, exist_ok=True)
            written(place, json.dumps({"settings": settings, "found": made}, allow_nan=False).encode("utf-8"))
        return made

    def _place(self, settings: dict[str, Any], label: str) -> Path | None:
        if self.path is None:
            return None
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode("utf-8")).hexdigest()[:12]
        return self.path / f"{label}-{digest}.json"

    def _read(self, place: Path | None, settings: dict[str, Any]) -> dict[str, Any] | None:
        if place is None or not place.is_file():
            return None
        try:
            found = json.loads(place.read_text(encoding="utf-8"))
        except ValueError:
            return None  # cut off or meddled with: it is made again
        return found["found"] if isinstance(found, dict) and found.get("settings") == settings else None


def laboratory_names() -> tuple[str, ...]:
    """Return the names of the laboratories."""
    return tuple(LABORATORIES)


def laboratory(
    name: str,
    size: str = "small",
    seed: int = 0,
    progress: Told = None,
    *,
    cells: str | Path | None = None,
    **options: Any,
) -> Laboratory:
    """Run a laboratory.

    Args:
        name: one of `laboratory_names()`.
        size: `small` (about a minute) or `full` (hours).
        seed: of networks and batches.
        progress: told the share that is done, from 0 to 1.
        cells: folder in which finished parts are kept and looked for, where the laboratory has parts.
        **options: what else its maker takes, in place of what the size says.

    Returns:
        the table, the pictures' numbers and the conclusion.

    Raises:
        ValueError: if the name, the size or an option is unknown.
    """
    entry = LABORATORIES[checks.choice("laboratory", name, LABORATORIES)]
    checks.choice("size", size, SIZES)
    checks.count("seed", seed, least=0)
    make = _maker(entry.home)
    _check_options(name, make, options)
    more = {"cells": Cells(cells)} if entry.keeps else {}
    return make(size, seed, progress, **more, **options)


def _maker(home: str) -> Callable[..., Laboratory]:
    module, _, name = home.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _check_options(name: str, make: Callable[..., Any], options: dict[str, Any]) -> None:
    takes = [p for p in inspect.signature(make).parameters if p not in ("size", "seed", "progress", "cells")]
    for key in options:
        if key not in takes:
            known = f"may be one of {', '.join(takes)}" if takes else "has no option"
            message = f"`option` is {key!r}; the laboratory {name} {known}; drop it."
            raise ValueError(message)
