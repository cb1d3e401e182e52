"""Requests: what the options of `analyze`, `chart` and `basin` mean in the grammar."""

import ast
import importlib.util
import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

MODEL = Annotated[
    str,
    typer.Argument(
        help="dirac, bilinear, quadratic, gaussian, isotropic, or FILE.py:FUNCTION (a function of the players' "
        "vectors that returns one loss for each)."
    ),
]
LOSS = Annotated[str | None, typer.Option(help="NAME[,option=value...], e.g. nonsaturating, rp-logistic, hinge.")]
PENALTY = Annotated[list[str] | None, typer.Option(help="NAME=WEIGHT (gamma/2): r1 r2 wgan_gp wgan_lp dragan.")]
NOISE = Annotated[float | None, typer.Option(help="Standard deviation of instance noise.")]
CLIP = Annotated[float | None, typer.Option(help="Bound of the critic's weights.")]
ADJUST = Annotated[
    list[str] | None,
    typer.Option(help="NAME=WEIGHT: consensus symplectic jare[=G,D] nagarajan_kolter timescale=1,TAU."),
]
RULE = Annotated[
    str, typer.Option(help="simultaneous alternating extragradient optimistic competitive lookahead[,k=5,alpha=0.5].")
]
PLAYER_STEPS = Annotated[str | None, typer.Option("--steps-per-player", help="G,D steps of an alternating turn.")]
FIRST = Annotated[str, typer.Option(help="Who begins an alternating turn: generator or discriminator.")]
PACE = Annotated[str, typer.Option(help="NAME[,option=value...]: sgd momentum rmsprop adam.")]
LR = Annotated[str, typer.Option(help="Step size, one number or H_G,H_D.")]
BETA = Annotated[float | None, typer.Option(help="Momentum factor (of momentum; beta1 of adam).")]
SET = Annotated[list[str] | None, typer.Option("--set", help="A parameter of the model, NAME=VALUE (e.g. bias=true).")]
START = Annotated[str | None, typer.Option(help="Start, all numbers generator first: x,... (players apart by ;).")]
OUT = Annotated[Path | None, typer.Option(help="Folder for pictures and the JSON document.")]
JSON = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


class Request(NamedTuple):
    """A game and a method as the options give them."""

    model: str
    loss: str | None = None
    penalty: tuple[str, ...] = ()
    noise: float | None = None
    clip: float | None = None
    adjust: tuple[str, ...] = ()
    rule: str = "alternating"
    player_steps: str | None = None
    first: str = "generator"
    pace: str = "sgd"
    lr: str = "0.2"
    beta: float | None = None
    settings: tuple[str, ...] = ()
    start: str | None = None

    def build(self, given: Mapping[str, Any] | None = None) -> tuple[Any, Any]:
        """Return the model and the map.

        Args:
            given: values in place of the options', by name: `lr`, `beta`, `noise`, `clip`, `tau`, a penalty, an
                adjustment or a model's own parameter. They may be traced.

        Raises:
            ValueError: if an option is wrong.
        """
        from tussle.map import Map

        given = dict(given or {})
        model = self._model(given)
        field = self._field(model, given)
        made = Map(field, self._rule(given))
        if given:
            message = (
                f"`{next(iter(given))}` is not a parameter that can vary here; it may be lr, beta, tau, noise, clip, a "
                "penalty or an adjustment; choose one of these."
            )
            raise ValueError(message)
        return model, made

    def _model(self, given: dict[str, Any]) -> Any:
        if ".py:" in self.model:
            return self._own()
        from tussle import checks
        from tussle.models import MODELS

        maker = MODELS[checks.choice("MODEL", self.model, MODELS)]
        known = inspect.signature(maker).parameters
        options = pairs(self.settings, "--set")
        for name, value in self._parts(given).items():
            if name not in known:
                message = f"`--{name.split('_')[0]}` was given, but the model {self.model} has none; drop it."
                raise ValueError(message)
            options[name] = value
        for name in options:
            if name not in known:
                checks.choice("--set", name, [k for k in known if _is_setting(k, known)])
        return maker(**options)

    def _parts(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the parts of a GAN that were asked for, by the names of the models' arguments."""
        from tussle import checks
        from tussle.losses import parse_loss
        from tussle.penalties import PENALTIES

        parts: dict[str, Any] = {}
        if self.loss is not None:
            parts["loss_function"] = parse_loss(self.loss)
        weights = pairs(self.penalty, "--penalty")
        weights.update({k: given.pop(k) for k in list(given) if k in PENALTIES})
        if weights:
            for name, weight in weights.items():
                checks.choice("--penalty", name, PENALTIES)
                checks.nonnegative(f"--penalty {name}", weight)
            parts["penalties"] = [PENALTIES[name](weight) for name, weight in weights.items()]
        for name, value in (("noise", self.noise), ("clip", self.clip)):
            value = given.pop(name, value)
            if value is not None:
                parts[name] = value
        return parts

    def _own(self) -> Any:
        from tussle.analysis import as_model
        from tussle.models.base import Model

        if self.loss or self.penalty or self.settings or self.noise is not None or self.clip is not None:
            message = f"`{self.model}` has its own losses; drop --loss, --penalty, --noise, --clip, --set."
            raise ValueError(message)
        function = load(self.model)
        found = function() if not inspect.signature(function).parameters else function
        if isinstance(found, Model):
            return found
        if self.start is None:
            message = f"`--start` is missing; {self.model} needs one; give --start x,y (players apart by ; if longer)."
            raise ValueError(message)
        model = as_model(found, [numbers(part) for part in _split_players(self.start)])
        _tried(self.model, model)
        return model

    def _field(self, model: Any, given: dict[str, Any]) -> Any:
        from tussle import checks
        from tussle.adjust import ADJUSTMENTS, timescale
        from tussle.field import Field

        field: Any = Field(model.game)
        weights = pairs(self.adjust, "--adjust")
        weights.update({k: given.pop(k) for k in list(given) if k in ADJUSTMENTS})
        if "tau" in given:
            weights["timescale"] = [1.0, given.pop("tau")]
        for name, weight in weights.items():
            values = weight if isinstance(weight, list) else [weight]
            if name == "timescale":
                if len(values) != 2:
                    message = f"`--adjust timescale` has {len(values)} factor(s); it takes two; give 1,TAU."
                    raise ValueError(message)
                field = timescale(*values)(field)
                continue
            maker = ADJUSTMENTS[checks.choice("--adjust", name, ADJUSTMENTS)]
            most = 2 if name == "jare" else 1
            if len(values) > most:
                message = f"`--adjust {name}` has {len(values)} weights; it takes {most}; drop some."
                raise ValueError(message)
            field = maker(*values)(field)
        return field

    def _rule(self, given: dict[str, Any]) -> Any:
        from tussle import checks, rules

        pace = self._pace(given)
        name, options = named(self.rule, "--rule")
        names = ("simultaneous", "alternating", "extragradient", "optimistic", "competitive", "lookahead")
        checks.choice("--rule", name, names)
        turns = None if self.player_steps is None else whole(self.player_steps, "--steps-per-player")
        alternates = name == "alternating" or options.get("inner") == "alternating"
        if turns is not None and not alternates:
            message = f"`--steps-per-player` was given with --rule {name}; only alternating has turns; drop it."
            raise ValueError(message)
        if alternates:
            inner = rules.alternating(pace, turns or (1, 1), checks.choice("--first", self.first, _PLAYERS))
        else:
            inner = rules.simultaneous(pace)
        if name == "lookahead":
            options.pop("inner", None)
            return _called(rules.lookahead, "--rule lookahead", inner, **options)
        if options:
            message = f"`--rule {name}` has options {sorted(options)}; it takes none; drop them."
            raise ValueError(message)
        return inner if name in ("alternating", "simultaneous") else getattr(rules, name)(pace)

    def _pace(self, given: dict[str, Any]) -> Any:
        from tussle import checks
        from tussle.paces import PACES

        name, options = named(self.pace, "--pace")
        maker = PACES[checks.choice("--pace", name, PACES)]
        rates = numbers(self.lr)
        for value in rates:
            checks.positive("--lr", value)
        if len(rates) > 2:
            message = f"`--lr` is {self.lr}; it may be one number or H_G,H_D; give one or two."
            raise ValueError(message)
        lr = given.pop("lr", rates[0] if len(rates) == 1 else tuple(rates))
        beta = given.pop("beta", self.beta)
        if beta is not None:
            key = {"momentum": "beta", "adam": "beta1"}.get(name)
            if key is None:
                message = f"`--beta` is {beta} with --pace {name}; only momentum and adam take it; drop it."
                raise ValueError(message)
            options[key] = beta
        return _called(maker, f"--pace {name}", lr, **options)


_PLAYERS = ("generator", "discriminator")


def _is_setting(name: str, known: Mapping[str, Any]) -> bool:
    return name in known and name not in ("noise", "clip", "penalties", "loss_function")


def _called(maker: Any, what: str, *args: Any, **options: Any) -> Any:
    known = list(inspect.signature(maker).parameters)[len(args) :]
    for name in options:
        if name not in known:
            message = f"`{what}` has option {name!r}; it may have {', '.join(known)}; choose one of these."
            raise ValueError(message)
    return maker(*args, **options)


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


def _tried(target: str, model: Any) -> None:
    """Read a user's game once at its start, so that its own mistakes are told as such."""
    from tussle.field import Field

    try:
        Field(model.game).at(model.start)
    except (Exception, SystemExit) as wrong:
        said = f"{type(wrong).__name__}: {wrong}".split("\n")[0][:200]
        message = f"`MODEL` {target} fails at its start ({said}); it must return one loss a player."
        raise ValueError(message) from wrong


def pairs(texts: tuple[str, ...], option: str) -> dict[str, Any]:
    """Return NAME=VALUE options as a dictionary of parsed values.

    Raises:
        ValueError: if one is not of that form.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            message = f"`{option} {text}` is not NAME=VALUE; write it so, for instance {option} r1=0.3."
            raise ValueError(message)
        found[name.strip()] = parsed(value.strip())
    return found


def named(text: str, option: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the options of NAME[,option=value...]."""
    name, *rest = text.split(",")
    return name.strip(), pairs(tuple(rest), option)


def parsed(text: str) -> Any:
    """Return a value: true or false, a number, a complex number, a list, a matrix (rows apart by ;), or the text."""
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


def _split_players(text: str) -> list[str]:
    return text.split(";") if ";" in text else text.split(",")


def start_of(text: str | None) -> list[list[float]] | None:
    """Return a start as one list of numbers per player, or as one list of all."""
    return None if text is None else [numbers(part) for part in text.split(";")]


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
    except Exception as wrong:
        message = f"`MODEL` is {target!r}, but {path} does not import ({type(wrong).__name__}: {wrong}); mend it first."
        raise ValueError(message) from wrong
    function = vars(module).get(name)
    if not callable(function):
        known = [n for n, v in vars(module).items() if inspect.isfunction(v)]
        message = f"`MODEL` is {target!r}, but {path} has no function {name!r}; it has {', '.join(known)}; name one."
        raise ValueError(message)
    return function
