"""Checkpoints: the whole state of a run in one safetensors file, written beside its place and moved there.

A file holds numbers and a JSON text, never code. What is in it, by name: `generator` and `discriminator` (flat vectors
of parameters), `average.generator` where an average is kept, and `state.0`, `state.1`, ... (the rule's state). The text
says how they belong together, and the step.
"""

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tussle.autodiff import Array, array, to_numpy
from tussle.game import Point
from tussle.paces import Aside

FORMAT = "tussle run 1"
PLAYERS = ("generator", "discriminator")


class Checkpoint(NamedTuple):
    """Where a run stood.

    Attributes:
        step: steps taken.
        point: the parameters of both players.
        state: the rule's state.
        notes: what else was written down, as JSON knows it.
    """

    step: int
    point: Point
    state: Any
    notes: dict[str, Any]


def flattened(tree: Any) -> tuple[list[np.ndarray], Any]:
    """Return the arrays of nested tuples in order, and the pattern that `rebuilt` needs."""
    found: list[np.ndarray] = []

    def walk(node: Any) -> Any:
        if isinstance(node, Aside):
            return {"aside": walk(node.value)}
        if isinstance(node, tuple):
            return [walk(child) for child in node]
        found.append(to_numpy(node))
        return len(found) - 1

    pattern = walk(tree)
    return found, pattern


def rebuilt(pattern: Any, arrays: list[Any], like: Array) -> Any:
    """Return nested tuples of arrays of the engine of `like`."""
    if isinstance(pattern, dict):
        return Aside(rebuilt(pattern["aside"], arrays, like))
    if isinstance(pattern, list):
        return tuple(rebuilt(part, arrays, like) for part in pattern)
    return array(arrays[pattern], like)


def save(path: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint whole: the one that was there stays until the new one is on the disk.

    Raises:
        OSError: if it cannot be written, as on a full disk; nothing half-written is left.
    """
    from safetensors.numpy import save as encoded

    arrays, pattern = flattened(checkpoint.state)
    tensors = dict(zip(PLAYERS, map(to_numpy, checkpoint.point), strict=True))
    tensors |= {f"state.{k}": one for k, one in enumerate(arrays)}
    whole = {name: np.ascontiguousarray(one) for name, one in tensors.items()}
    about = {"format": FORMAT, "step": checkpoint.step, "state": pattern, "notes": checkpoint.notes}
    about["digest"] = digest(whole)
    return written(path, encoded(whole, metadata={"tussle": json.dumps(about)}))


def digest(tensors: dict[str, np.ndarray]) -> str:
    """Return the sha256 of tensors, names and numbers."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode("utf-8"))
        found.update(np.ascontiguousarray(tensors[name]).tobytes())
    return found.hexdigest()


def written(path: Path, content: bytes) -> Path:
    """Write a file whole: first beside its place, then, once it is on the disk, moved there.

    Raises:
        OSError: if it cannot be written; what was there before stays.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tussle.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    return path


def load(path: Path, like: Array) -> Checkpoint:
    """Return a checkpoint, with arrays of the engine, type and device of `like`.

    Raises:
        ValueError: if the file is none, or was cut short.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get("tussle", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, json.JSONDecodeError) as wrong:
        message = f"`{path}` is no checkpoint that can be read ({wrong}); take another one of the run's."
        raise ValueError(message) from wrong
    if about.get("format") != FORMAT:
        message = f"`{path}` has the format {about.get('format')!r}; it must be {FORMAT!r}; give a checkpoint of a run."
        raise ValueError(message)
    if about.get("digest") != digest(tensors):
        message = f"`{path}` is damaged: its numbers do not have the digest that was written with them; take another."
        raise ValueError(message)
    count = sum(name.startswith("state.") for name in tensors)
    state = rebuilt(about["state"], [tensors[f"state.{k}"] for k in range(count)], like)
    point = tuple(array(tensors[name], like) for name in PLAYERS)
    return Checkpoint(int(about["step"]), point, state, about["notes"])
