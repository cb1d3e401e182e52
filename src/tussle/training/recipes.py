"""Recipes: everything that a training run depends on, written down in TOML and checked before anything is computed.

A recipe names its parts as the rest of the library does; options of a part stand beside its name:

    [loss]
    name = "rp-logistic"
    scale = 0.5

    [[penalties]]
    name = "r1"
    weight = { start = 0.05, end = 0.005, over = 20000, form = "cosine" }

Rates, weights and decays may be numbers or schedules. Unknown keys are refused with the nearest known one.
"""

import difflib
import math
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

PRESETS = Path(__file__).parent / "presets"
_UNIONS = ("float", "Schedule", "int", "bool")  # kinds that stand in the place of an error


class Part(BaseModel):
    """A table of a recipe; its fields are the keys that may come."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Named(BaseModel):
    """A part of the library by its name; further keys are its options."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    name: Annotated[str, Field(description="what it is called in the library")]

    @property
    def options(self) -> dict[str, Any]:
        """The further keys."""
        return dict(self.model_extra or {})


class Schedule(Part):
    """A number that changes with the steps and stays at its end."""

    start: Annotated[float, Field(description="value before the first step")]
    end: Annotated[float, Field(description="value from step `over` on")]
    over: Annotated[int, Field(gt=0, description="steps that it takes")]
    form: Annotated[
        Literal["cosine", "linear", "exponential"],
        Field(description="how it goes: a half cosine, a line, or a line in the logarithm"),
    ] = "cosine"

    @model_validator(mode="after")
    def _positive(self) -> "Schedule":
        if self.form == "exponential" and (self.start <= 0 or self.end <= 0):
            message = f"start is {self.start} and end {self.end}; both must be above 0 for form = exponential"
            raise ValueError(message)
        return self

    def at(self, step: int) -> float:
        """Return the value at a step, counted from 0."""
        if step >= self.over:
            return float(self.end)
        share = step / self.over
        if self.form == "exponential":
            return float(self.start * (self.end / self.start) ** share)
        if self.form == "cosine":
            share = 0.5 - 0.5 * math.cos(math.pi * share)
        return float(self.start + share * (self.end - self.start))


Number = float | Schedule


class Run(Part):
    """How long, how large, where."""

    steps: Annotated[int, Field(ge=0, description="steps in all; one step is one turn of every player")] = 1000
    seed: Annotated[int, Field(ge=0, description="of weights and batches")] = 0
    batch: Annotated[int, Field(ge=1, description="samples in a batch, over all processes together")] = 64
    micro: Annotated[
        int | None, Field(ge=1, description="samples at a time: a batch is read in parts of this size, exactly")
    ] = None
    engine: Annotated[
        Literal["auto", "torch", "jax"], Field(description="jax compiles the steps of small dense networks")
    ] = "auto"
    precision: Annotated[
        Literal["float32", "float64", "bfloat16"], Field(description="of the networks; bfloat16 is autocast")
    ] = "float32"
    channels_last: Annotated[bool, Field(description="lay images out with their channels last (torch)")] = False
    fused: Annotated[
        bool, Field(description="take the short ways to the same gradients where they are right (torch, on the CPU)")
    ] = True
    threads: Annotated[int | None, Field(ge=1, description="of PyTorch; as many as there are by default")] = None
    device: Annotated[str, Field(description="auto, cpu, cuda, cuda:1, mps")] = "auto"


class Penalty(Named):
    """A penalty on the critic."""

    weight: Annotated[
        Number | Literal["auto"], Field(description="gamma, in the gamma/2 convention, or auto (see gamma.py)")
    ]
    every: Annotated[
        int, Field(ge=1, description="lazy: only each so many steps, as many times as heavy; not what was published")
    ] = 1


class Adjustment(Named):
    """What bends the field: consensus, jare, symplectic, nagarajan_kolter, lss."""

    weight: Annotated[Number | tuple[float, float], Field(description="its weight; two for jare")]


class Pace(Named):
    """How far a step goes: sgd, momentum, rmsprop, adam."""

    lr: Annotated[
        Number | tuple[Number, Number], Field(description="rate; two are those of generator and discriminator")
    ]


class Average(Part):
    """The exponential average of the weights that samples are drawn with."""

    decay: Annotated[Number | None, Field(description="share of the old average that a step keeps, such as 0.999")] = (
        None
    )
    half_life: Annotated[Number | None, Field(description="in samples seen, as R3GAN counts; instead of decay")] = None

    @model_validator(mode="after")
    def _one(self) -> "Average":
        if (self.decay is None) == (self.half_life is None):
            message = "exactly one of decay and half_life may come; give one"
            raise ValueError(message)
        return self


class Log(Part):
    """What is written down, and how often."""

    every: Annotated[int, Field(ge=1, description="steps between lines of the log")] = 100
    probes: Annotated[tuple[str, ...] | None, Field(description="probes to read; the cheap ones by default")] = None
    probe_every: Annotated[int, Field(ge=0, description="steps between readings of the probes; 0 for never")] = 500
    eigen_every: Annotated[int, Field(ge=0, description="steps between leading eigenvalues; 0 for never")] = 0
    sample_every: Annotated[int, Field(ge=0, description="steps between grids of samples; 0: at the end alone")] = 0
    samples: Annotated[int, Field(ge=1, description="samples in a grid")] = 64
    checkpoint_every: Annotated[int, Field(ge=1, description="steps between checkpoints")] = 1000
    keep: Annotated[int, Field(ge=0, description="checkpoints kept beside the last")] = 0
    trackers: Annotated[
        tuple[Literal["tensorboard", "wandb", "mlflow"], ...], Field(description="also log there, where installed")
    ] = ()


class Metrics(Part):
    """How good the samples are."""

    names: Annotated[tuple[str, ...], Field(description="metrics by name; none by default")] = ()
    every: Annotated[int, Field(ge=0, description="steps between them; 0: at the end alone")] = 0
    samples: Annotated[int, Field(ge=2, description="samples of each side")] = 1024
    features: Annotated[
        str,
        Field(description="auto, classifier, efficientnet-lite0, or a path of Inception's weights"),
    ] = "auto"


class Recipe(Part):
    """A whole training run."""

    name: Annotated[str, Field(description="what the run is called")] = "custom"
    about: Annotated[str, Field(description="what it is for")] = ""
    source: Annotated[str, Field(description="where the settings come from, and what is not published")] = ""
    run: Run = Run()
    data: Annotated[
        Named | None, Field(description="data set by name or path, with its options; not for a model:NAME")
    ] = None
    networks: Annotated[Named, Field(description="networks by name, with their options, or model:NAME")]
    loss: Annotated[Named, Field(description="loss by name, with its options")] = Named(name="nonsaturating")
    penalties: Annotated[tuple[Penalty, ...], Field(description="penalties on the critic")] = ()
    noise: Annotated[float | None, Field(ge=0, description="standard deviation of instance noise")] = None
    clip: Annotated[float | None, Field(gt=0, description="bound of the critic's weights")] = None
    adjustments: Annotated[tuple[Adjustment, ...], Field(description="adjustments of the field, innermost first")] = ()
    rule: Annotated[Named, Field(description="rule by name; alternating has steps = [G, D] and first")] = Named(
        name="alternating"
    )
    pace: Pace
    average: Average | None = None
    log: Log = Log()
    metrics: Metrics = Metrics()

    def document(self) -> dict[str, Any]:
        """Return the recipe as plain tables, without what is unset."""
        return self.model_dump(mode="json", exclude_none=True)


# Reading ----------------------------------------------------------------------------------------------------------


def preset_names() -> tuple[str, ...]:
    """Return the names of the recipes that come with the library."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.toml")))


def recipe(source: "str | Path | dict[str, Any] | Recipe", **settings: Any) -> Recipe:
    """Return a recipe: a preset by name, a file, or tables.

    Args:
        source: the name of a preset, the path of a TOML file, nested dictionaries, or a recipe.
        **settings: values to be changed, by dotted key with `__` for the dot: `pace__lr=1e-3`.

    Returns:
        the recipe, checked.

    Raises:
        ValueError: if there is no such recipe, or a key or value of it may not come.

    Example:
        >>> found = recipe("ring-8", run__steps=10)
        >>> found.run.steps, found.data.name
        (10, 'ring-8')
    """
    document = source.document() if isinstance(source, Recipe) else _document(source)
    for key, value in settings.items():
        changed(document, key.replace("__", "."), value)
    return checked(document)


def _document(source: "str | Path | dict[str, Any]") -> dict[str, Any]:
    if isinstance(source, dict):
        return _copied(source)
    path = Path(source)
    if str(source) in preset_names():
        path = PRESETS / f"{source}.toml"
    elif path.suffix != ".toml" or not path.is_file():
        near = difflib.get_close_matches(str(source), preset_names(), n=1, cutoff=0.4)
        hint = f"did you mean `{near[0]}`?" if near else "give one of these, or the path of a .toml file."
        message = f"`recipe` is {str(source)!r}; it may be one of {', '.join(preset_names())}, or a .toml file; {hint}"
        raise ValueError(message)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        message = f"`recipe` {path} is no TOML ({wrong}); mend that line."
        raise ValueError(message) from wrong


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, (list, tuple)) else value


def checked(document: dict[str, Any]) -> Recipe:
    """Return tables as a recipe.

    Raises:
        ValueError: with the first thing that is wrong.
    """
    try:
        return Recipe.model_validate(document)
    except ValidationError as wrong:
        deepest = max(wrong.errors(), key=lambda error: (len(_place(error)), error["type"] == "extra_forbidden"))
        raise ValueError(_said(deepest)) from None


def schedule(table: dict[str, Any]) -> Schedule:
    """Return an option that is a table as the schedule it must be.

    Raises:
        ValueError: if it is none.
    """
    try:
        return Schedule.model_validate(table)
    except ValidationError as wrong:
        first = max(wrong.errors(), key=lambda error: error["type"] == "extra_forbidden")
        known = ", ".join(Schedule.model_fields)
        message = (
            f"`{'.'.join(map(str, first['loc'])) or 'schedule'}` of a schedule {table} is wrong "
            f"({first['msg'].lower()}); a schedule has {known}; mend it."
        )
        raise ValueError(message) from None


def _place(error: Any) -> list[Any]:
    """Return where an error stands, without the names of the kinds that were tried."""
    return [part for part in error["loc"] if isinstance(part, int) or not (part in _UNIONS or "[" in part)]


def _said(error: Any) -> str:
    place = _place(error)
    key = ".".join(map(str, place))
    if error["type"] == "extra_forbidden":
        known = sorted(_table(place[:-1]).model_fields)
        near = difflib.get_close_matches(str(place[-1]), known, n=1, cutoff=0.4)
        hint = f"did you mean `{near[0]}`?" if near else "drop it."
        where = ".".join(map(str, place[:-1])) or "a recipe"
        return f"`{key}` is no key of {where}; it may be one of {', '.join(known)}; {hint}"
    if error["type"] == "missing":
        return f"`{key}` is missing; a recipe needs it; give it a value."
    came = error["input"]
    words = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"`{key}` is {came!r:.80}; {words[:1].lower()}{words[1:]}; give such a value."


def _table(place: list[Any]) -> type[BaseModel]:
    """Return the table that stands at a place of the recipe."""
    found: type[BaseModel] = Recipe
    for part in place:
        if isinstance(part, int) or part not in found.model_fields:
            continue
        kinds = {
            "run": Run, "penalties": Penalty, "adjustments": Adjustment, "pace": Pace, "average": Average, "log": Log,
            "metrics": Metrics, "weight": Schedule, "lr": Schedule, "decay": Schedule, "half_life": Schedule,
        }  # fmt: skip
        found = kinds.get(part, found)
    return found


# Changing ---------------------------------------------------------------------------------------------------------


def changed(document: dict[str, Any], key: str, value: Any) -> None:
    """Write a value into tables, at a dotted key such as `pace.lr` or `penalties.0.weight`.

    Raises:
        ValueError: if the key leads nowhere.
    """
    *path, last = key.split(".")
    table: Any = document
    for part in path:
        table = _into(table, part, key)
    if isinstance(table, list):
        table[_index(table, last, key)] = value
    elif isinstance(table, dict) and last:
        table[last] = value
    else:
        message = f"`{key}` leads into {table!r:.60}, which has no keys; name one of the recipe's keys."
        raise ValueError(message)


def _into(table: Any, part: str, key: str) -> Any:
    if isinstance(table, list):
        return table[_index(table, part, key)]
    if isinstance(table, dict):
        return table.setdefault(part, {})
    message = f"`{key}` leads into {table!r:.60}, which has no keys; name one of the recipe's keys."
    raise ValueError(message)


def _index(table: list[Any], part: str, key: str) -> int:
    if not part.isdigit() or int(part) >= len(table):
        last = f"0 to {len(table) - 1}" if table else "nothing, for it is empty"
        message = f"`{key}` names entry {part!r} of a list; it may be {last}; give its number."
        raise ValueError(message)
    return int(part)


def setting(text: str) -> tuple[str, Any]:
    """Return key and value of a text `key=value`; the value is read as TOML, or is the text itself.

    Raises:
        ValueError: if it is not of that form.

    Example:
        >>> setting("pace.lr=1e-3"), setting("loss.name=hinge")
        (('pace.lr', 0.001), ('loss.name', 'hinge'))
    """
    key, sign, value = text.partition("=")
    if not sign or not key.strip() or not value.strip():
        message = f"`--set` is {text!r}; it must be of the form key=value; write, say, --set pace.lr=1e-3."
        raise ValueError(message)
    try:
        return key.strip(), tomllib.loads(f"x = {value.strip()}")["x"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def written(found: Recipe) -> str:
    """Return a recipe as TOML."""
    import tomli_w

    return tomli_w.dumps(found.document())


def differences(before: Recipe, after: Recipe) -> dict[str, tuple[Any, Any]]:
    """Return what differs between two recipes, by dotted key: what was, and what is (None where it is unset)."""
    first, second = (_flat(one.document()) for one in (before, after))
    keys = [*first, *(key for key in second if key not in first)]
    return {key: (first.get(key), second.get(key)) for key in keys if first.get(key) != second.get(key)}


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    if isinstance(value, (dict, list)) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for part, one in items for k, v in _flat(one, f"{key}.{part}" if key else str(part)).items()}
    return {key: value}
