"""Decoded images kept on the disk: written once, then mapped into memory.

A cache holds `NAME-FINGERPRINT.npy` beside `NAME-FINGERPRINT.json`, where the name stands for the folder and the
options it was decoded with, and the fingerprint for the files in it: their names, sizes and times of change. The second
file holds the digest of the values and is written last, so that a pair is whole or is made again.
"""

import contextlib
import errno
import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

import numpy as np

HOUR = 3600.0  # an unfinished file that nobody wrote to for so long was left by a process that died


def cached(
    cache: Path, name: str, fingerprint: str, count: int, images: Iterable[np.ndarray]
) -> tuple[np.ndarray, str]:
    """Return decoded images, memory-mapped, from the cache or after writing them there.

    Args:
        cache: the cache's folder; it is made if need be.
        name: what folder and options they belong to.
        fingerprint: of the files that they come from.
        count: how many there are.
        images: gives them in order, all of one shape and of uint8; only read where the cache has none.

    Returns:
        the images, (count, ...), and the sha256 of their values.

    Raises:
        OSError: if the cache cannot be written.
    """
    stem = f"{name}-{fingerprint}"
    found = _found(cache, stem, count)
    if found is None:
        try:
            cache.mkdir(parents=True, exist_ok=True)
            _clear(cache, name, stem)
            digest = _written(cache / f"{stem}.npy", count, images)
            _write_text(cache / f"{stem}.json", json.dumps({"digest": digest, "count": count}, indent=2) + "\n")
        except OSError as wrong:
            _explain(cache, wrong)
            raise
        found = np.load(cache / f"{stem}.npy", mmap_mode="r", allow_pickle=False), digest
    return found


def _found(cache: Path, stem: str, count: int) -> tuple[np.ndarray, str] | None:
    """Return what the cache holds, or None where it is missing or not whole."""
    try:
        digest = json.loads((cache / f"{stem}.json").read_text(encoding="utf-8"))["digest"]
        values = np.load(cache / f"{stem}.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    whole = isinstance(values, np.ndarray) and values.dtype == np.uint8 and len(values) == count
    return (values, str(digest)) if whole else None


def _written(path: Path, count: int, images: Iterable[np.ndarray]) -> str:
    """Write images to a file, all of it or none, and return their digest."""
    total = hashlib.sha256()
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(unfinished, "wb") as file:
            for number, image in enumerate(images):
                if number == 0:
                    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *image.shape)}
                    np.lib.format.write_array_header_1_0(file, header)
                plain = np.ascontiguousarray(image).data
                file.write(plain)
                total.update(plain)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return total.hexdigest()


def _write_text(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def _clear(cache: Path, name: str, stem: str) -> None:
    """Remove what belongs to an earlier state of the same folder, and what dead processes left unfinished."""
    old = time.time() - HOUR
    for path in cache.iterdir():
        if not path.name.startswith(f"{name}-"):
            continue
        with contextlib.suppress(OSError):  # another process may be using it, or be faster
            earlier = path.suffix != ".tmp" and not path.name.startswith(f"{stem}.")
            if earlier or (path.suffix == ".tmp" and path.stat().st_mtime < old):
                path.unlink()


def _explain(cache: Path, wrong: OSError) -> None:
    """Raise what went wrong in words, where it is the cache's place or size.

    Raises:
        OSError: if the disk is full or the folder cannot be written to.
    """
    reasons = {
        errno.ENOSPC: "is on a disk that is full; it needs room for all decoded images; free some or name another",
        errno.EDQUOT: "has used up its quota; it needs room for all decoded images; free some or name another",
        errno.EACCES: "may not be written to; it must be a folder of your own; name another",
        errno.EROFS: "is on a disk that cannot be written to; it must be a folder of your own; name another",
        errno.ENOTDIR: "is not a folder; it must be one, or not exist yet; name another",
        errno.EEXIST: "is not a folder; it must be one, or not exist yet; name another",
    }
    if wrong.errno in reasons:
        message = f"`cache` {cache} {reasons[wrong.errno]}."
        raise OSError(wrong.errno, message) from wrong
