"""Frozen records: the values that the grammar is made of.

A record is a frozen dataclass whose numeric fields (rates, weights, arrays, other records) may be varied, traced
and vectorized, while the fields marked `static()` (functions, names, counts) fix its structure. JAX learns of records
only when it is first used, so that defining one costs no import.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T", bound=type)

_known: list[type] = []
_listeners: list[Callable[[type], None]] = []


def static(**options: Any) -> Any:
    """Mark a record's field as structure: not a number, never traced."""
    return field(metadata={"static": True}, **options)


@dataclass_transform(frozen_default=True, field_specifiers=(field, static))
def record(cls: T) -> T:
    """Make `cls` a frozen record.

    Two records are equal only if they are the same object: their fields may hold arrays.
    """
    made = dataclass(frozen=True, eq=False)(cls)
    _known.append(made)
    for listener in _listeners:
        listener(made)
    return made


def split_fields(cls: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the varying and of the static fields of a record class."""
    varying = tuple(f.name for f in fields(cls) if not f.metadata.get("static"))
    fixed = tuple(f.name for f in fields(cls) if f.metadata.get("static"))
    return varying, fixed


def on_record(listener: Callable[[type], None]) -> None:
    """Call `listener` for each record class, those defined so far and those to come."""
    _listeners.append(listener)
    for cls in _known:
        listener(cls)


def rebuild(cls: type, values: dict[str, Any]) -> Any:
    """Make a record from its fields without checking them: they may be tracers."""
    made = object.__new__(cls)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made
