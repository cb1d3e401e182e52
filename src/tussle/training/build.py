"""From a recipe to the game, the method and the batches of a run."""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tussle import checks, rules
from tussle.adjust import ADJUSTMENTS
from tussle.field import Field
from tussle.game import Point
from tussle.gan import GAN
from tussle.losses import Loss, loss
from tussle.map import Map
from tussle.paces import PACES
from tussle.penalties import PENALTIES
from tussle.records import rebuild, record, static
from tussle.training.numbers import read_number, scheduled, weight_of
from tussle.training.recipes import Named, Penalty, Recipe

Values = Mapping[str, Any]
PLAIN_RULES = ("simultaneous", "extragradient", "optimistic", "competitive")
RULES = ("alternating", "lookahead", *PLAIN_RULES)


@record
class Setup:
    """A recipe, ready to be run.

    Attributes:
        recipe: what it was made from.
        engine: `torch` or `jax`.
        game: the GAN, with the penalties of step 0.
        start: the parameters at the start.
        method: `method(values)` -> the map, given the scheduled numbers by name.
        numbers: the scheduled numbers.
        data: the data set, or None for a model of the library.
        network: the players as networks, or None.
        twin: the method that probes read where it is another: on the modules that a dense network stands for, or on
            one process's game.
    """

    recipe: Recipe = static()
    engine: str = static()
    game: GAN = static()
    start: Point = static()
    method: Callable[[Values], Map] = static()
    numbers: dict[str, Callable[[int], float]] = static()
    data: Any = static(default=None)
    network: Any = static(default=None)
    twin: Callable[[Values], Map] | None = static(default=None)

    def values(self, step: int) -> dict[str, float]:
        """Return the scheduled numbers of a step."""
        return {name: at(step) for name, at in self.numbers.items()}

    def map(self, step: int) -> Map:
        """Return the method of a step."""
        return self.method(self.values(step))

    @property
    def readings(self) -> int:
        """How many batches a step takes."""
        return self.map(0).rule.readings

    @property
    def batches(self) -> Callable[[int, int], Any]:
        """The batches of the whole run: `batches(seed, step)`."""
        sampler = self.game.sampler(self.recipe.run.batch)
        if any(one.options.get("unbiased") for one in self.recipe.adjustments):
            sampler = sampler.pairs()
        return sampler.streams(self.readings)


def setup(found: Recipe, device: str = "cpu") -> Setup:
    """Return what a recipe describes, ready to be run.

    Args:
        found: the recipe.
        device: where PyTorch's tensors live.

    Raises:
        ValueError: if a part of it is unknown or does not fit the others.
    """
    objective = _called(loss, "loss", found.loss)
    if found.networks.name.startswith("model:"):
        return _of_model(found, objective)
    data = _data(found)
    engine = _engine(found, device)
    parts: dict[str, Any] = {"loss": objective, "noise": found.noise, "clip": found.clip}
    parts["penalties"] = tuple(
        _penalty(one, weight_of(one, data.shape, found, objective)(0)) for one in found.penalties
    )
    network = (_dense if engine == "jax" else _modules)(found, data, parts, device)
    return _ready(found, engine, network.game, network.start, data, network)


# Parts ------------------------------------------------------------------------------------------------------------


def _called(maker: Callable[..., Any], what: str, part: Named, *first: Any, **more: Any) -> Any:
    """Call a maker with a part's name and options, and say which part it was if that fails."""
    try:
        return maker(*first, part.name, **part.options, **more)
    except TypeError as wrong:
        message = f"`{what}` {part.name} has options {sorted(part.options)}, which do not fit ({wrong}); mend them."
        raise ValueError(message) from wrong


def _data(found: Recipe) -> Any:
    from tussle.data import load
    from tussle.networks.zoo import architecture

    if found.data is None:
        message = "`data` is missing; only a model:NAME brings its own; give the table [data] with a name."
        raise ValueError(message)
    classes = _called(architecture, "networks", found.networks).classes
    part = found.data
    if classes > 1:
        part = Named(name=part.name, **{**part.options, "labeled": True})
    data = _called(load, "data", part)
    if classes > 1 and data.classes > classes:
        message = (
            f"`networks.classes` is {classes}, but `data` {data.name} has {data.classes} classes; set it to as many."
        )
        raise ValueError(message)
    return data


def _engine(found: Recipe, device: str) -> str:
    from tussle.networks.dense import is_dense

    small = _called(is_dense, "networks", found.networks)
    asked = found.run.engine
    if asked == "jax" and not small:
        message = (
            f"`run.engine` is jax, which runs dense networks alone, not {found.networks.name}; take torch or auto."
        )
        raise ValueError(message)
    if asked != "auto":
        return asked
    plain = found.run.micro is None and device == "cpu" and not found.run.channels_last
    return "jax" if small and plain and found.run.precision != "bfloat16" and not _distributed() else "torch"


def _distributed() -> bool:
    import os

    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _dense(found: Recipe, data: Any, parts: dict[str, Any], device: str) -> Any:  # noqa: ARG001
    from tussle.networks.dense import dense_gan

    options = found.networks.options
    made = dense_gan(found.networks.name, data=data.train, seed=found.run.seed, options=options, **parts)
    if found.run.precision == "float64":
        made = rebuild(type(made), {**vars(made), "start": tuple(x.astype(np.float64) for x in made.start)})
    return made


def _modules(found: Recipe, data: Any, parts: dict[str, Any], device: str) -> Any:
    import torch

    from tussle.networks import network_gan
    from tussle.networks.conditional import LabeledNormal, packed_pair
    from tussle.networks.zoo import architecture

    entry = _called(architecture, "networks", found.networks)
    if tuple(entry.shape) != tuple(data.shape):
        message = (
            f"`networks` {found.networks.name} makes samples of shape {tuple(entry.shape)}, but `data` "
            f"{data.name} has {tuple(data.shape)}; set size, channels or dimension of one of them."
        )
        raise ValueError(message)
    modules: Any = entry.make(found.run.seed)
    latent: Any = entry.latent
    if entry.classes > 1:
        modules = packed_pair(modules[0], modules[1], entry.shape)
        latent = LabeledNormal(entry.latent, entry.classes)
    dtype = torch.float64 if found.run.precision == "float64" else torch.float32
    placed = [module.to(device=device, dtype=dtype) for module in modules]
    return network_gan(*placed, data=data.train, latent=latent, **parts)


def _of_model(found: Recipe, objective: Loss) -> Setup:
    """Return the setup of an exact model of the library that is trained on samples."""
    from tussle.models import MODELS

    name = found.networks.name.removeprefix("model:")
    maker = MODELS[checks.choice("networks", name, MODELS)]
    penalties = tuple(_penalty(one, weight_of(one, (1,), found, objective)(0)) for one in found.penalties)
    given = {"loss_function": objective, "penalties": penalties, "noise": found.noise, "clip": found.clip}
    try:
        model = maker(**{k: v for k, v in given.items() if v}, **found.networks.options)
    except TypeError as wrong:
        message = f"`networks` {found.networks.name} does not take these parts ({wrong}); drop them."
        raise ValueError(message) from wrong
    if not isinstance(model.game, GAN):
        message = f"`networks` is {found.networks.name}, a {type(model.game).__name__} that is not sampled; take a GAN."
        raise ValueError(message)
    return _ready(found, "jax", model.game, model.start, None, None)


def _penalty(part: Penalty, weight: Any) -> Any:
    maker = PENALTIES[checks.choice("penalties.name", part.name, PENALTIES)]
    made = _made("penalties", maker, part, weight)
    return rebuild(type(made), {**vars(made), "weight": weight})


def _made(what: str, maker: Callable[..., Any], part: Named, *first: Any) -> Any:
    fitting(f"{what} {part.name}", maker, part.options, len(first))
    try:
        return maker(*first, **part.options)
    except TypeError as wrong:
        message = f"`{what}` {part.name} has options {sorted(part.options)}, which do not fit ({wrong}); mend them."
        raise ValueError(message) from wrong


def fitting(what: str, maker: Callable[..., Any], options: Mapping[str, Any], taken: int) -> None:
    """Check that a maker has options of these names beside its first `taken` arguments.

    Raises:
        ValueError: with the nearest name, if it has not.
    """
    known = inspect.signature(maker).parameters
    if any(one.kind is one.VAR_KEYWORD for one in known.values()):
        return
    for name in options:
        checks.choice(f"option of {what}", name, list(known)[taken:])


# The method -------------------------------------------------------------------------------------------------------


def _ready(found: Recipe, engine: str, game: GAN, start: Point, data: Any, network: Any) -> Setup:
    shape = (1,) if data is None else tuple(data.shape)
    weights = [weight_of(part, shape, found, game.loss_function) for part in found.penalties]
    numbers = scheduled(found, weights)
    fields: Callable[[GAN], Any] = Field
    if engine == "torch" and network is not None and not _distributed():
        from tussle.training.affine import fields as shortest

        fields = shortest(found, network)
    method, twin = _method(game, found, engine, fields), None
    if network is not None and engine == "jax":
        twin = _method(network.network.game, found, "alone")
    elif _distributed() or fields is not Field:
        twin = _method(game, found, "alone")
    made = Setup(found, engine, game, start, method, numbers, data, network, twin)
    made.map(0)
    if engine == "torch" and (found.run.micro is not None or _distributed()):
        from tussle.training.mixing import check_apart

        check_apart(game, start)
    return made


def _method(game: GAN, found: Recipe, engine: str, fields: Callable[[GAN], Any] = Field) -> Callable[[Values], Map]:
    """Return the method on a game, given the scheduled numbers."""

    def method(values: Values) -> Map:
        now = _with_penalties(game, found, values)
        field: Any = fields(_shared(now, found) if engine == "torch" else now)
        if found.run.micro is not None:
            field = _accumulated(field, found)
        for k, part in enumerate(found.adjustments):
            field = _adjustment(part, values.get(f"adjustments.{k}"))(field)
        rule = _rule(found, _pace(found, values))
        if found.average is not None:
            rule = rules.averaging(rule, values["average"])
        return Map(field, rule)

    return method


def _shared(game: GAN, found: Recipe) -> GAN:
    """Return the game as PyTorch runs it: in its precision and layout, and on its share of the batch."""
    from tussle.training.parallel import parallel
    from tussle.training.precision import channels_last, with_precision

    if found.run.precision == "bfloat16":
        game = with_precision(game, "bfloat16")
    return parallel(channels_last(game) if found.run.channels_last else game)


def _accumulated(field: Field, found: Recipe) -> Any:
    from tussle.training.accumulate import Accumulated

    assert found.run.micro is not None
    if found.adjustments:
        message = "`run.micro` came with adjustments, which differentiate the field; drop one of them."
        raise ValueError(message)
    return Accumulated(field, found.run.micro)


def _with_penalties(game: GAN, found: Recipe, values: Values) -> GAN:
    """Return the game with its penalties at their weights; those that are plainly 0 are left out."""
    if not any(name.startswith("penalties.") for name in values):
        return game
    made = []
    for k in range(len(found.penalties)):
        one = game.penalties[k]
        weight = values.get(f"penalties.{k}", one.weight)
        if not (checks.is_number(weight) and weight == 0):
            made.append(rebuild(type(one), {**vars(one), "weight": weight}))
    return rebuild(GAN, {**vars(game), "penalties": tuple(made)})


def _adjustment(part: Any, weight: Any) -> Any:
    maker = ADJUSTMENTS[checks.choice("adjustments.name", part.name, ADJUSTMENTS)]
    given = part.weight if weight is None else weight
    return _made("adjustments", maker, part, *(given if isinstance(given, tuple) else (given,)))


def _pace(found: Recipe, values: Values) -> Any:
    maker = PACES[checks.choice("pace.name", found.pace.name, PACES)]
    lr, *others = _filled("pace.lr", found.pace.lr, values), *found.pace.options
    fitting(f"pace {found.pace.name}", maker, found.pace.options, 0)
    options = {name: _filled(f"pace.{name}", found.pace.options[name], values) for name in others}
    try:
        return maker(lr, **options)
    except TypeError as wrong:
        message = f"`pace` {found.pace.name} has options {sorted(options)}, which do not fit ({wrong}); mend them."
        raise ValueError(message) from wrong


def _filled(name: str, value: Any, values: Values) -> Any:
    value = read_number(value)
    if isinstance(value, tuple):
        return tuple(values.get(f"{name}.{k}", one) for k, one in enumerate(value))
    return values.get(name, value)


def _rule(found: Recipe, pace: Any) -> Any:
    name, options = checks.choice("rule.name", found.rule.name, RULES), found.rule.options
    turns = {key: options.pop(key) for key in ("steps", "first") if key in options}
    inner = checks.choice("rule.inner", options.pop("inner", "simultaneous"), ("simultaneous", "alternating"))
    if turns and "alternating" not in (name, inner if name == "lookahead" else ""):
        message = f"`rule` {name} has {', '.join(turns)}; only alternating has turns; drop it."
        raise ValueError(message)
    if "steps" in turns:
        turns["steps"] = tuple(turns["steps"])
    part = Named(name=name, **options)
    fitting(f"rule {name}", getattr(rules, name), options, 1)
    if name == "alternating":
        return _made("rule", lambda **more: rules.alternating(pace, **turns, **more), part)
    if name == "lookahead":
        first = rules.alternating(pace, **turns) if inner == "alternating" else rules.simultaneous(pace)
        return _made("rule", rules.lookahead, part, first)
    return _made("rule", getattr(rules, name), part, pace)


def averaged(method: Map, state: Any, point: Point) -> Point:
    """Return the averaged point of a rule's state; the point itself where no average is kept."""
    return method.rule.average(state) if isinstance(method.rule, rules.Averaging) else point


def latents(found: Setup, count: int, seed: int) -> np.ndarray:
    """Return the latents that samples are drawn with: the same for a whole run."""
    rng = np.random.Generator(np.random.Philox(key=[checks.count("seed", seed, least=0), 1 << 40]))
    return found.game.latent.sample(rng, count)


def pixels(shape: tuple[int, ...]) -> int:
    """Return how many numbers a sample has."""
    return math.prod(shape)
