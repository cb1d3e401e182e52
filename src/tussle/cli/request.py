"""Requests: what the options of `analyze`, `chart` and `basin` mean in the grammar."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from tussle.cli import own
from tussle.cli.words import named, numbers, pairs, separated, start_of, start_of_players, whole

MODEL = Annotated[
    str,
    typer.Argument(
        help="dirac, bilinear, quadratic, gaussian, isotropic, erf-lsgan, or FILE.py:FUNCTION (a function of the "
        "players' vectors that returns one loss for each)."
    ),
]
LOSS = Annotated[str | None, typer.Option(help="NAME[,option=value...], e.g. nonsaturating, rp-logistic, hinge.")]
PENALTY = Annotated[list[str] | None, typer.Option(help="NAME=WEIGHT (gamma/2): r1 r2 wgan_gp wgan_lp dragan.")]
NOISE = Annotated[float | None, typer.Option(help="Standard deviation of instance noise.")]
CLIP = Annotated[float | None, typer.Option(help="Bound of the critic's weights.")]
ADJUST = Annotated[
    list[str] | None,
    typer.Option(help="NAME=WEIGHT: consensus symplectic lss jare[=G,D] nagarajan_kolter timescale=1,TAU."),
]
RULE = Annotated[
    str, typer.Option(help="simultaneous alternating extragradient optimistic competitive lookahead[,k=5,alpha=0.5].")
]
PLAYER_STEPS = Annotated[str | None, typer.Option("--steps-per-player", help="G,D steps of an alternating turn.")]
FIRST = Annotated[
    str | None, typer.Option(help="Who begins an alternating turn: generator (default) or discriminator.")
]
PACE = Annotated[str, typer.Option(help="NAME[,option=value...]: sgd momentum rmsprop adam.")]
LR = Annotated[str | None, typer.Option(help="Step size, one number or H_G,H_D (default 0.2).")]
BETA = Annotated[float | None, typer.Option(help="Momentum factor (of momentum; beta1 of adam).")]
SET = Annotated[
    list[str] | None,
    typer.Option("--set", help="Parameters of the model, NAME=VALUE[,NAME=VALUE...]."),
]
CASE = Annotated[str | None, typer.Option(help="Published case of erf-lsgan: A or B.")]
FREE = Annotated[str | None, typer.Option(help="Free parameters of erf-lsgan, of a,b,g,h (default b,h).")]
COST = Annotated[
    str | None,
    typer.Option(help="Cost of erf-lsgan: paper zero-sum labels=FAKE,REAL,GENERATOR log nonsaturating."),
]
POLICY = Annotated[str | None, typer.Option(help="a <= 0 or g <= 0 in erf-lsgan: allow project log stop.")]
START = Annotated[str | None, typer.Option(help="Start, all numbers generator first: x,... (players apart by ;).")]
OUT = Annotated[Path | None, typer.Option(help="Folder for pictures and the JSON document.")]
JSON = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


LR_DEFAULT = "0.2"
PARTS = {"loss_function": ("--loss", "loss"), "penalties": ("--penalty", "penalties"), "noise": ("--noise", "noise"),
         "clip": ("--clip", "clip")}  # fmt: skip


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
    first: str | None = None
    pace: str = "sgd"
    lr: str | None = None
    beta: float | None = None
    settings: tuple[str, ...] = ()
    start: str | None = None
    case: str | None = None
    free: str | None = None
    cost: str | None = None
    policy: str | None = None

    def build(self, given: Mapping[str, Any] | None = None, model: Any = None) -> tuple[Any, Any]:
        """Return the model and the map.

        Args:
            given: values that vary along an axis, by name: `lr`, `beta`, `noise`, `clip`, `tau`, a penalty or an
                adjustment. They may be traced.
            model: the model as it was built before; one of a user's file is then not loaded and tried again.

        Raises:
            ValueError: if an option is wrong, or what varies is also fixed by an option.
        """
        from tussle.map import Map

        given = dict(given or {})
        for name in given:
            self._check_free(name)
        model = self._model(given, model)
        field = self._field(model, given)
        made = Map(field, self._rule(model, given))
        if given:
            message = (
                f"`{next(iter(given))}` is not a parameter that can vary here; it may be lr, beta, tau, noise, clip, a "
                "penalty or an adjustment; choose one of these."
            )
            raise ValueError(message)
        return model, made

    def fixes(self, name: str) -> str | None:
        """Return the option that gives a parameter a fixed value, or None."""
        values = {"lr": self.lr, "beta": self.beta, "noise": self.noise, "clip": self.clip}
        if values.get(name) is not None:
            return f"--{name} {values[name]}"
        for option, texts in (("--penalty", self.penalty), ("--adjust", self.adjust)):
            for text in texts:
                if text.partition("=")[0].strip() == ("timescale" if name == "tau" else name):
                    return f"{option} {text}"
        return None

    def has_penalties(self) -> bool:
        """Say whether the model is a GAN that takes penalties."""
        from tussle.models import MODELS

        return self.model in MODELS and "penalties" in inspect.signature(MODELS[self.model]).parameters

    def equilibria(self, model: Any) -> tuple[Any, ...]:
        """Return the equilibria that a chart or a basin is about.

        Those that the model knows, the one nearest to a given start first; else the one found from the start.

        Raises:
            ValueError: if none is found.
        """
        import numpy as np

        from tussle.equilibria import find_root
        from tussle.field import Field

        start = self.start_point(model)
        if model.equilibria:
            if start is None:
                return model.equilibria
            near = np.concatenate(start)
            return tuple(sorted(model.equilibria, key=lambda e: float(np.linalg.norm(np.concatenate(e) - near))))
        root = find_root(Field(model.game), model.start if start is None else start)
        if root.found:
            return (root.point,)
        message = (
            f"`--start` is {self.start}, and no equilibrium of {self.model} was found from there; a chart or a basin "
            "is about one; give another start, or a function that returns a Model which knows it."
        )
        raise ValueError(message)

    def start_point(self, model: Any) -> Any:
        """Return the start that was given, one vector per player, or None.

        Raises:
            ValueError: if it is of the wrong length or not finite.
        """
        from tussle.analysis import start_point

        return None if self.start is None else start_point(start_of(self.start), model.sizes)

    def _check_free(self, name: str) -> None:
        fixed = self.fixes(name)
        if fixed is not None:
            message = f"`{fixed}` was given, but {name} varies along an axis; it is one or the other; drop one."
            raise ValueError(message)

    def _model(self, given: dict[str, Any], model: Any) -> Any:
        if own.is_own(self.model):
            return self._own() if model is None else model
        from tussle import checks
        from tussle.models import MODELS

        maker = MODELS[checks.choice("MODEL", self.model, MODELS)]
        known = inspect.signature(maker).parameters
        options = self._settings(known)
        settings = [k for k in known if k not in PARTS]
        for name in options:
            if not settings:
                message = f"`--set {name}` was given, but the model {self.model} has no settings; drop it."
                raise ValueError(message)
            checks.choice("--set", name, settings)
        varying = set(given)
        for name, value in self._parts(given).items():
            if name not in known:
                raise ValueError(self._has_none(name, varying))
            options[name] = value
        try:
            return maker(**options)
        except (TypeError, ZeroDivisionError, OverflowError, IndexError) as wrong:
            message = f"`--set` {' '.join(self.settings)} makes no {self.model} ({own.said(wrong)}); mend the values."
            raise ValueError(message) from wrong

    def _settings(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """Return the model's parameters by name, from `--set` and from the options that have a name of their own."""
        options = pairs(separated(self.settings), "--set")
        for name in ("case", "free", "cost", "policy"):
            value = getattr(self, name)
            if value is None:
                continue
            if name not in known:
                message = f"`--{name}` was given, but the model {self.model} has none; drop it."
                raise ValueError(message)
            if name in options:
                message = f"`--{name}` came with --set {name}=...; it is one or the other; drop one."
                raise ValueError(message)
            options[name] = value
        return options

    def _has_none(self, name: str, varying: set[str]) -> str:
        from tussle.penalties import PENALTIES

        option, what = PARTS[name]
        axes = sorted(v for v in varying if v == name or (name == "penalties" and v in PENALTIES))
        if axes:
            return (
                f"`{axes[0]}` is to vary, but the model {self.model} has no {what}; an axis may be lr, beta, tau or an "
                "adjustment; name one of these."
            )
        return f"`{option}` was given, but the model {self.model} has none; drop it."

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

        asked = (self.loss, *self.penalty, *self.settings, self.noise, self.clip, self.case, self.free, self.cost)
        if any(value is not None for value in (*asked, self.policy)):
            message = f"`{self.model}` has its own losses; drop --loss, --penalty, --noise, --clip, --set and the like."
            raise ValueError(message)
        found: Any = own.load(self.model)
        if not inspect.signature(found).parameters:
            found = own.guarded(self.model, found)()
        if isinstance(found, Model):
            return found
        if self.start is None:
            message = f"`--start` is missing; {self.model} needs one; give --start x,y (players apart by ; if longer)."
            raise ValueError(message)
        start = start_of_players(self.start)
        own.tried(self.model, as_model(found, start))
        is_game = callable(getattr(found, "expectation", None))
        return as_model(found if is_game else own.guarded(self.model, found), start)

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
                field = timescale(*self._factors(values, len(model.game.players)))(field)
                continue
            maker = ADJUSTMENTS[checks.choice("--adjust", name, [*ADJUSTMENTS, "timescale"])]
            most = 2 if name == "jare" else 1
            if len(values) > most:
                message = f"`--adjust {name}` has {len(values)} weights; it takes {most}; drop some."
                raise ValueError(message)
            field = maker(*values)(field)
        return field

    def _factors(self, values: list[Any], players: int) -> list[Any]:
        if len(values) != players:
            wanted = "two; give 1,TAU" if players == 2 else f"{players}; give one for each player"
            message = f"`--adjust timescale` has {len(values)} factor(s); it takes {wanted}."
            raise ValueError(message)
        return values

    def _rule(self, model: Any, given: dict[str, Any]) -> Any:
        from tussle import checks, rules

        players = model.game.players
        pace = self._pace(len(players), given)
        name, options = named(self.rule, "--rule")
        names = ("simultaneous", "alternating", "extragradient", "optimistic", "competitive", "lookahead")
        checks.choice("--rule", name, names)
        within = options.pop("inner", "simultaneous") if name == "lookahead" else name
        if name == "lookahead":
            checks.choice("--rule lookahead,inner", within, ("simultaneous", "alternating"))
        if within == "alternating":
            turns = (1,) * len(players)
            if self.player_steps is not None:
                turns = whole(self.player_steps, "--steps-per-player")
            inner = rules.alternating(pace, turns, checks.choice("--first", self.first or players[0], players))
        else:
            self._check_no_turns(name)
            inner = rules.simultaneous(pace)
        if name == "lookahead":
            return _called(rules.lookahead, "--rule lookahead", inner, **options)
        if options:
            message = f"`--rule {name}` has options {sorted(options)}; it takes none; drop them."
            raise ValueError(message)
        return inner if name in ("alternating", "simultaneous") else getattr(rules, name)(pace)

    def _check_no_turns(self, name: str) -> None:
        for option, value in (("--steps-per-player", self.player_steps), ("--first", self.first)):
            if value is not None:
                message = f"`{option}` was given with --rule {name}; only alternating has turns; drop it."
                raise ValueError(message)

    def _pace(self, players: int, given: dict[str, Any]) -> Any:
        from tussle import checks
        from tussle.paces import PACES

        name, options = named(self.pace, "--pace")
        maker = PACES[checks.choice("--pace", name, PACES)]
        rates = numbers(LR_DEFAULT if self.lr is None else self.lr)
        for value in rates:
            checks.positive("--lr", value)
        if len(rates) not in (1, players):
            wanted = "H_G,H_D; give one or two" if players == 2 else f"{players}, one a player; give so many"
            message = f"`--lr` is {self.lr}; it may be one number or {wanted}."
            raise ValueError(message)
        lr = given.pop("lr", rates[0] if len(rates) == 1 else tuple(rates))
        beta = given.pop("beta", self.beta)
        if beta is not None:
            key = {"momentum": "beta", "adam": "beta1"}.get(name)
            if key is None:
                message = f"`--beta` is {beta} with --pace {name}; only momentum and adam take it; drop it."
                raise ValueError(message)
            if key in options:
                message = f"`--beta` was given together with {key} of --pace {self.pace}; they are the same; drop one."
                raise ValueError(message)
            options[key] = beta
        return _called(maker, f"--pace {name}", lr, **options)


def _called(maker: Any, what: str, *args: Any, **options: Any) -> Any:
    known = list(inspect.signature(maker).parameters)[len(args) :]
    for name in options:
        if name not in known:
            message = f"`{what}` has option {name!r}; it may have {', '.join(known)}; choose one of these."
            raise ValueError(message)
    return maker(*args, **options)
