"""What every map must pass, and the tools to say so: two engines, rest, resumption, many starts, finite differences."""

import contextlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import tussle
from tussle import autodiff
from tussle.map import ravel, unravel
from tussle.trajectory import Keep

AGREE = 1e-12  # of two engines, on the scale of the path
ESCAPED = 100.0  # times its start: from there on a run has escaped, and its engines are not compared


# Numbers as printed -----------------------------------------------------------------------------------------------


def printed(text: str, factor: float = 1.0) -> Any:
    """Return what a number printed as `text` stands for: itself, to half a unit of its last digit.

    >>> printed("0.5") == 0.54, printed("1.0e-3") == 1.06e-3
    (True, False)
    """
    mantissa, _, exponent = text.strip().lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    unit = 10.0 ** (int(exponent or 0) - digits)
    return pytest.approx(float(text), rel=0, abs=0.5001 * unit * factor)


def numbers(text: str) -> list[str]:
    """Return the numbers in a text, each as it is printed."""
    return re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)


# Points under both engines ----------------------------------------------------------------------------------------


def tensors(start: Any) -> tuple[torch.Tensor, ...]:
    """Return a point as float64 tensors."""
    return tuple(torch.tensor(np.atleast_1d(np.asarray(x, dtype=np.float64))) for x in start)


def engine_points(start: Any) -> dict[str, Any]:
    """Return the same point for each engine."""
    return {"jax": tuple(np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in start), "torch": tensors(start)}


@contextlib.contextmanager
def one_thread():
    """Within this context PyTorch uses one thread: two workers share two cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def difference(map: tussle.Map, start: Any, steps: int, **options: Any) -> float:
    """Return the largest difference of the two engines' paths, relative to the path's largest entry."""
    first = tussle.run(map, start, steps, **options).path
    with one_thread():
        second = tussle.run(map, tensors(start), steps, **options).path
    assert first.shape == second.shape
    kept = _before_escape(first)
    assert kept >= 2
    return float(np.abs(first[:kept] - second[:kept]).max() / np.abs(first[:kept]).max())


def _before_escape(path: np.ndarray) -> int:
    """Return how many points come before a run escapes: there rounding errors grow with it, and then overflow."""
    size = np.abs(path).reshape(len(path), -1).max(axis=1)
    gone = ~(size <= ESCAPED * max(1.0, size[0]))
    return int(gone.argmax()) if gone.any() else len(path)


# The checks -------------------------------------------------------------------------------------------------------


def stepper(map: tussle.Map, point: Any, state: Any) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
    """Return one step as a function of NumPy vectors (point and state joined), and the vector of point and state."""
    with autodiff.float64():
        arrays = tuple(autodiff.array(np.atleast_1d(x)) for x in point)
        state = map.rule.rest(arrays) if state is None else state
        whole, pattern = ravel((arrays, state))

        @autodiff.jax_engine().jit
        def step(x: Any) -> Any:
            now, before = unravel(x, pattern)
            after, then, _ = map.step(now, before)
            return ravel((after, then))[0]

        def read(x: np.ndarray) -> np.ndarray:
            with autodiff.float64():
                return autodiff.to_numpy(step(autodiff.array(x)))

        return read, autodiff.to_numpy(whole).copy()


def central_difference(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return the Jacobian of a function by central differences of fourth order.

    The step is 2e-3 of an entry, between 1e-6 and 1e-5: a mean square of 1e-3 under a root wants a small one. The
    error is a multiple of (step / entry)^4 < 2e-11 and of eps / step < 3e-10.
    """
    columns = []
    for k in range(len(x)):
        e = np.zeros_like(x)
        e[k] = np.clip(2e-3 * abs(x[k]), 1e-6, 1e-5)
        near, far = function(x + e) - function(x - e), function(x + 2 * e) - function(x - 2 * e)
        columns.append((8 * near - far) / (12 * e[k]))
    return np.array(columns).T


def check_rest(map: tussle.Map, equilibrium: Any) -> None:
    """The equilibrium with the rule's state at rest stays where it is."""
    step, whole = stepper(map, equilibrium, None)
    after = step(whole)
    finite = np.isfinite(whole)
    assert after[finite] == pytest.approx(whole[finite], abs=1e-14)
    assert np.array_equal(after[~finite], whole[~finite])


def check_resumption(map: tussle.Map, start: Any) -> None:
    """A run that stops and goes on from its state is the uninterrupted one, bit for bit."""
    ends = Keep.ends()
    for point in engine_points(start).values():
        whole = tussle.run(map, point, 9, keep=ends)
        first = tussle.run(map, point, 4, keep=ends)
        second = tussle.run(map, first.last, 5, keep=ends, state=first.state)
        assert np.array_equal(whole.end, second.end)


def check_many(map: tussle.Map, start: Any) -> None:
    """Many starts at once go where each goes alone."""
    shifts = np.array([0.0, 0.1, -0.07])
    many = tuple(np.stack([np.atleast_1d(x) + d for d in shifts]) for x in start)
    together = tussle.run(map, many, 20, keep=Keep.ends())
    assert together.end.shape[0] == 3
    for k in range(3):
        alone = tussle.run(map, tuple(x[k] for x in many), 20, keep=Keep.ends())
        assert together.end[k] == pytest.approx(alone.end, rel=1e-13, abs=1e-15)


def check_jacobian(map: tussle.Map, start: Any, steps: int = 3) -> None:
    """The map's Jacobian, state included, is the finite difference of a step, and the same under both engines."""
    run = tussle.run(map, start, steps, keep=Keep.ends())
    found = tussle.map_jacobian(map, run.last, run.state)
    step, whole = stepper(map, run.last, run.state)
    numeric = central_difference(step, whole)
    assert found == pytest.approx(numeric, abs=2e-9 * max(1.0, np.abs(numeric).max()))
    with one_thread():
        other = tussle.run(map, tensors(start), steps, keep=Keep.ends())
        again = tussle.map_jacobian(map, other.last, other.state)
    assert again == pytest.approx(found, abs=1e-11 * max(1.0, np.abs(found).max()))
