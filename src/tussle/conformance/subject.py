"""Subjects: a user's loss as two functions, and the engine under which they can be read and differentiated."""

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from tussle import checks
from tussle.autodiff import Array, float64, gradient, jax_engine, namespace, to_numpy

ENGINES = ("torch", "jax", "numpy")
WAYS = (("float64", False), ("float64", True), ("float32", False), ("float32", True))
CRITIC = ("critic_loss", "critic", "discriminator_loss", "discriminator")
GENERATOR = ("generator_loss", "generator")
STEP = 1e-3  # of differences, where there is nothing to differentiate with


@runtime_checkable
class Players(Protocol):
    """What a loss given as an object must offer."""

    def critic(self, real: Array, fake: Array) -> Array:
        """Return what the critic minimizes."""
        ...

    def generator(self, real: Array, fake: Array) -> Array:
        """Return what the generator minimizes."""
        ...


class Slopes(NamedTuple):
    """The derivatives of a loss with respect to the outputs on real data and on fakes, NumPy, (k,) and (l,)."""

    real: np.ndarray
    fake: np.ndarray


class Subject(NamedTuple):
    """A loss under test.

    Attributes:
        critic: from outputs on real data and on fakes to the critic's loss.
        generator: the same for the generator's.
        engine: `torch`, `jax` or `numpy` (then slopes are differences).
        kind: the type of outputs that it takes, `float64` where it can.
        column: whether it takes outputs of shape (k, 1) only.
    """

    critic: Callable[[Array, Array], Array]
    generator: Callable[[Array, Array], Array]
    engine: str
    kind: str = "float64"
    column: bool = False

    def player(self, name: str) -> Callable[[Array, Array], Array]:
        """Return the function of `critic` or `generator`, for outputs of shape (k,)."""
        function = self.critic if name == "critic" else self.generator
        return (lambda r, f: function(r[:, None], f[:, None])) if self.column else function

    def value(self, player: str, real: Any, fake: Any, kind: str | None = None) -> float:
        """Return a player's loss."""
        kind = kind or self.kind
        with float64():
            found = self.player(player)(placed(real, self.engine, kind), placed(fake, self.engine, kind))
            return scalar(player, found)

    def precision(self, player: str, real: Any, fake: Any) -> float:
        """Return the rounding unit of the player's loss for float64 outputs; larger if it computes in less."""
        with float64():
            found = self.player(player)(*(placed(y, self.engine, self.kind) for y in (real, fake)))
            dtype = str(found.dtype).rpartition(".")[2] if not isinstance(found, float) else "float64"
        return {"float32": 2.0**-23, "bfloat16": 2.0**-7, "float16": 2.0**-10}.get(dtype, 2.0**-52)

    def slopes(self, player: str, real: Any, fake: Any, kind: str | None = None) -> Slopes:
        """Return the derivatives of a player's loss."""
        kind = kind or self.kind
        real, fake = np.asarray(real, dtype=np.float64), np.asarray(fake, dtype=np.float64)
        if self.engine == "numpy":
            return self.differences(player, real, fake)
        return slopes_of(self.player(player), real, fake, self.engine, kind)

    def differences(self, player: str, real: np.ndarray, fake: np.ndarray, step: float = STEP) -> Slopes:
        """Return the derivatives as differences of values, with an error of the fourth order in the step."""
        whole, cut = np.concatenate([real, fake]), len(real)
        found = np.empty(len(whole))
        for i in range(len(whole)):
            ends = []
            for h in (step, -step, 2 * step, -2 * step):
                moved = whole.copy()
                moved[i] += h
                ends.append(self.value(player, moved[:cut], moved[cut:]))
            found[i] = (8 * (ends[0] - ends[1]) - (ends[2] - ends[3])) / (12 * step)
        return Slopes(found[:cut], found[cut:])


def placed(values: Any, engine: str, kind: str = "float64") -> Array:
    """Return NumPy values as an array of an engine and a type; under JAX to be called within `float64()`."""
    values = np.asarray(values, dtype=np.float64)
    if engine == "numpy":
        return values.astype(kind)
    space = jax_engine().numpy if engine == "jax" else importlib.import_module("array_api_compat.torch")
    return space.asarray(values, dtype=getattr(space, kind))


def slopes_of(
    function: Callable[[Array, Array], Array], real: np.ndarray, fake: np.ndarray, engine: str, kind: str = "float64"
) -> Slopes:
    """Return the derivatives of a function of two arrays under PyTorch or JAX."""
    cut = len(real)
    with float64():
        both = placed(np.concatenate([real, fake]), engine, kind)
        slope = gradient(lambda z: function(z[:cut], z[cut:]).reshape(()), both)
        space = namespace(slope)
        found = to_numpy(space.astype(slope, space.float64)).astype(np.float64)
    return Slopes(found[:cut], found[cut:])


def scalar(player: str, found: Any) -> float:
    """Return a loss as a number.

    Raises:
        ValueError: if it is not one number.
    """
    shape = tuple(np.shape(found))
    if int(np.prod(shape)) != 1:
        message = f"`{player}` returned an array of shape {shape}; a loss must be one number; take the mean over the "
        message += "batch."
        raise ValueError(message)
    return float(found)


# From what a user has --------------------------------------------------------------------------------------------


def subject_of(loss: Any, engine: str | None = None) -> Subject:
    """Return a user's loss as a subject.

    Args:
        loss: a pair (critic, generator), a mapping with these two names, an object with these two methods (a
            `tussle.Loss` is one), or one function of both outputs that returns both losses. A function of the fakes
            alone serves as the generator's.
        engine: `torch`, `jax` or `numpy`; by default the first that the functions can be read and differentiated
            under.

    Returns:
        the subject.

    Raises:
        ValueError: if the loss is of another form or cannot be called.
    """
    critic, generator = (_both(f) for f in _functions(loss))
    names = ENGINES if engine is None else (checks.choice("engine", engine, ENGINES),)
    troubles = []
    for name in names:
        if name == "torch" and importlib.util.find_spec("torch") is None:
            continue
        for kind, column in WAYS:  # targets made in float32, or of shape (k, 1), are common
            made = Subject(critic, generator, name, kind, column)
            trouble = _trouble(made)
            if trouble is None:
                return made
            if (kind, column) == WAYS[0]:
                troubles.append(f"under {name} {trouble}")
    message = f"`loss` cannot be read ({'; '.join(troubles)}); each function must take the critic's outputs on real "
    message += "data and on fakes, arrays of shape (k,) of any length k, and return one number; mend it."
    raise ValueError(message)


def _trouble(made: Subject) -> str | None:
    """Say why a loss cannot be read under its engine, or return None."""
    real, fake = np.array([0.3, -0.2, 1.1]), np.array([-0.4, 0.6, -1.3])
    for player in ("critic", "generator"):
        try:
            made.value(player, real, fake)
            made.slopes(player, real, fake)
        except (Exception, SystemExit) as wrong:
            said = f"{type(wrong).__name__}: {wrong}".strip().split("\n")[0]
            return f"the {player}'s fails with {said[:160]}"
    return None


def _functions(loss: Any) -> tuple[Any, Any]:
    if isinstance(loss, Mapping):
        found = [next((loss[name] for name in names if name in loss), None) for names in (CRITIC, GENERATOR)]
        if callable(found[0]) and callable(found[1]):
            return found[0], found[1]
        came = f"a mapping with {', '.join(map(str, loss)) or 'nothing'}"
    elif isinstance(loss, (tuple, list)):
        if len(loss) == 2 and callable(loss[0]) and callable(loss[1]):
            return loss[0], loss[1]
        came = f"a sequence of {len(loss)}"
    elif isinstance(loss, Players):
        return loss.critic, loss.generator
    elif callable(loss):
        both: Callable[..., Any] = loss
        return (lambda r, f: both(r, f)[0]), (lambda r, f: both(r, f)[1])
    else:
        came = f"a {type(loss).__name__}"
    message = f"`loss` is {came}; it must be two functions of the outputs on real data and on fakes; give a pair "
    message += "(critic_loss, generator_loss) or a dictionary with these names."
    raise ValueError(message)


def _both(function: Callable[..., Any]) -> Callable[[Array, Array], Array]:
    """Return a function of both outputs; one of a single argument reads the fakes."""
    try:
        known = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a built-in function tells nothing
        return function
    needed = [p for p in known if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
    wide = any(p.kind is p.VAR_POSITIONAL for p in known)
    if len(needed) == 1 and not wide:
        return lambda real, fake: function(fake)
    return function
