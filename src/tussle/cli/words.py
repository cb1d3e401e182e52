"""Words: what the text of an option means, numbers, lists and NAME=VALUE pairs."""

import ast
import math
import re
from typing import Any

# What a right option looks like, for the sentence about a wrong one.
EXAMPLES = {
    "--penalty": "--penalty r1=0.3",
    "--adjust": "--adjust consensus=1",
    "--set": "--set bias=true",
    "--rule": "--rule lookahead,k=5",
    "--pace": "--pace adam,beta2=0.99",
    "--loss": "--loss alpha,order=2",
}


def numbers(text: str) -> list[float]:
    """Return the finite numbers of a comma-separated list.

    Raises:
        ValueError: if an entry is no finite number.
    """
    found = []
    for part in text.split(","):
        try:
            value = float(part)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            message = f"`{part.strip()}` in {text!r} is no finite number; give numbers such as 0.1,0.2."
            raise ValueError(message)
        found.append(value)
    return found


def whole(text: str, option: str) -> tuple[int, ...]:
    """Return the whole numbers of a comma-separated list.

    Raises:
        ValueError: if one is not whole.
    """
    found = numbers(text)
    if any(n != int(n) for n in found):
        message = f"`{option}` is {text}; it takes whole numbers; round them."
        raise ValueError(message)
    return tuple(int(n) for n in found)


def pairs(texts: tuple[str, ...], option: str) -> dict[str, Any]:
    """Return NAME=VALUE options as a dictionary of parsed values.

    Raises:
        ValueError: if one is not of that form, or a name comes twice.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name or not value:
            example = EXAMPLES.get(option, f"{option} name=1")
            message = f"`{option} {text}` is not NAME=VALUE; write it so, for instance {example}."
            raise ValueError(message)
        if name in found:
            message = f"`{option}` names {name} twice; each name may come once; drop one."
            raise ValueError(message)
        found[name] = parsed(value)
    return found


def separated(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return `a=1,b=2` as `a=1` and `b=2`; a comma within a value (`a=1,2`) stays.

    Example:
        >>> separated(("a=2.2,b=-3", "v=1,2"))
        ('a=2.2', 'b=-3', 'v=1,2')
    """
    return tuple(part for text in texts for part in re.split(r",(?=\s*[A-Za-z_]\w*\s*=)", text))


def named(text: str, option: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the options of NAME[,option=value...]."""
    name, *rest = text.split(",")
    return name.strip(), pairs(tuple(rest), option)


def parsed(text: str) -> Any:
    """Return a value: true or false, a number, a complex number, a list, a matrix (rows apart by ;), or the text."""
    if text[:1].isalpha() and "(" in text:
        return text  # a law such as normal(0,1), whose commas are its own
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if ";" in text:
        return [parsed(row) for row in text.split(";") if row]
    if "," in text:
        return [parsed(part) for part in text.split(",") if part]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        try:
            return complex(text) if "j" in text else float(text)
        except ValueError:
            return text
    return value if isinstance(value, (int, float, complex)) else text


def start_of(text: str) -> list[list[float]]:
    """Return a start as one list of numbers per player (apart by ;), or as one list of all."""
    return [numbers(part) for part in text.split(";")]


def start_of_players(text: str) -> list[list[float]]:
    """Return the start of a game whose players are not known yet: apart by ; or, of one number each, by commas."""
    return [numbers(part) for part in (text.split(";") if ";" in text else text.split(","))]
