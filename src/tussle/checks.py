"""Checks of arguments: what came, what may come, what to do.

Only plain numbers are checked. A traced or array value (a rate inside a chart, say) passes: mathematics never raises.
"""

import difflib
import math
from collections.abc import Iterable
from typing import Any

import numpy as np


def is_number(value: Any) -> bool:
    """Say whether `value` is a plain number (not an array, a tracer or a truth value)."""
    return isinstance(value, (int, float, np.floating, np.integer)) and not isinstance(value, bool)


def number(name: str, value: Any) -> Any:
    """Return `value` if it is a finite number or an array of an engine.

    Raises:
        ValueError: if it is a plain number that is not finite, or is of another kind.
    """
    if is_number(value):
        if not math.isfinite(value):
            message = f"`{name}` is {value}; it must be finite; give a finite number."
            raise ValueError(message)
    elif value is None or isinstance(value, (str, bool, list, dict)):
        message = f"`{name}` is {value!r}; it must be a number; give a number such as 0.1."
        raise ValueError(message)
    return value


def nonnegative(name: str, value: Any) -> Any:
    """Return `value` if it is not a negative number.

    Raises:
        ValueError: if it is negative or not finite.
    """
    number(name, value)
    if is_number(value) and value < 0:
        message = f"`{name}` is {value}; it must be 0 or more; give a number that is not negative."
        raise ValueError(message)
    return value


def positive(name: str, value: Any) -> Any:
    """Return `value` if it is not a number that is zero or negative.

    Raises:
        ValueError: if it is not above zero or not finite.
    """
    number(name, value)
    if is_number(value) and value <= 0:
        message = f"`{name}` is {value}; it must be above 0; give a positive number."
        raise ValueError(message)
    return value


def count(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """Return `value` if it is a whole number of at least `least` and, where given, at most `most`.

    Raises:
        ValueError: if it is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        message = f"`{name}` is {value!r}; it must be a whole number of at least {least}; give one."
        raise ValueError(message)
    if most is not None and value > most:
        message = f"`{name}` is {value}; it must be a whole number of at most {most}; give a smaller one."
        raise ValueError(message)
    return int(value)


def flag(name: str, value: Any) -> bool:
    """Return `value` if it is true or false.

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(value, (bool, np.bool_)):
        message = f"`{name}` is {value!r}; it may be true or false; give one of these."
        raise ValueError(message)
    return bool(value)


def real_array(name: str, value: Any, what: str) -> np.ndarray:
    """Return `value` as an array of real numbers.

    Args:
        name: of the argument.
        value: numbers, or lists of them.
        what: what it must be, such as `a matrix: rows of the same length`.

    Raises:
        ValueError: if it is not that.
    """
    try:
        found = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as wrong:
        message = f"`{name}` is {value!r:.80}; it must be {what}; give such numbers."
        raise ValueError(message) from wrong
    return found


def choice(name: str, value: Any, allowed: Iterable[str]) -> Any:
    """Return `value` if it is one of the `allowed` names.

    Raises:
        ValueError: if it is not; the message names the nearest known name and all of them.
    """
    known = sorted(allowed)
    if value not in known:
        near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else "choose one of these."
        message = f"`{name}` is {value!r}; it may be one of {', '.join(known)}; {hint}"
        raise ValueError(message)
    return value
