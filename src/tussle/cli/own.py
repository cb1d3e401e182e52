"""Own games: the function of FILE.py:FUNCTION, and what is said when it fails."""

import functools
import importlib.util
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def is_own(target: str) -> bool:
    """Say whether a model is a function in a file."""
    return ".py:" in target


def load(target: str) -> Any:
    """Return the function of FILE.py:FUNCTION.

    Raises:
        ValueError: if the file or the function does not exist, or the file does not import.
    """
    path, _, name = target.rpartition(":")
    file = Path(path)
    if not file.is_file():
        message = f"`MODEL` is {target!r}, but there is no file {path}; give the path of a Python file."
        raise ValueError(message)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as wrong:
        message = f"`MODEL` is {target!r}, but {path} does not import ({said(wrong)}); mend it first."
        raise ValueError(message) from wrong
    function = vars(module).get(name)
    if not callable(function):
        known = [n for n, v in vars(module).items() if inspect.isfunction(v)]
        message = f"`MODEL` is {target!r}, but {path} has no function {name!r}; it has {', '.join(known)}; name one."
        raise ValueError(message)
    return function


def said(wrong: BaseException) -> str:
    """Return what an exception says, on one line."""
    return f"{type(wrong).__name__}: {wrong}".split("\n")[0][:200]


def tried(target: str, model: Any) -> None:
    """Read a user's game once at its start, so that its own mistakes are told as such.

    Raises:
        ValueError: if it fails.
    """
    from tussle.field import Field

    try:
        Field(model.game).at(model.start)
    except (Exception, SystemExit) as wrong:
        message = f"`MODEL` {target} fails at its start ({said(wrong)}); it must return one loss a player."
        raise ValueError(_advised(message, wrong)) from wrong


def guarded(target: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a user's function whose own mistakes, at whichever call, are wrong requests and not failures of ours."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except (Exception, SystemExit) as wrong:
            message = f"`MODEL` {target} fails when it is called ({said(wrong)}); mend it first."
            raise ValueError(_advised(message, wrong)) from wrong

    return call


@contextmanager
def blamed(target: str) -> Iterator[None]:
    """Within this context an unexpected failure of a user's own model is told as such."""
    try:
        yield
    except (ValueError, OSError, MemoryError):
        raise
    except (Exception, SystemExit) as wrong:
        if not is_own(target):
            raise
        message = f"`MODEL` {target} fails when it is run ({said(wrong)}); mend it first."
        raise ValueError(_advised(message, wrong)) from wrong


def _advised(message: str, wrong: BaseException) -> str:
    """Add what to do where a function branches on values that it is compiled without."""
    if "Tracer" not in type(wrong).__name__ and "Concretization" not in type(wrong).__name__:
        return message
    return message[:-1] + "; it is compiled, so write jax.numpy.where(condition, a, b) in place of if and of float()."
