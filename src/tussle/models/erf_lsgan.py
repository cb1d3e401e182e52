r"""Least-squares GANs in one dimension with an error-function discriminator, exactly.

Latent U of a standard law, generator G = g U + h, discriminator D(x) = (1 + erf(a x + b)) / 2, data X. The paper's
member is Rayleigh / Square / Exponential / Erf: z of a Rayleigh law with sigma = 1/sqrt 2, G = g z^2 + h, so U = z^2 is
exponential. Any subset of a, b, g, h may be free; the others keep their values.

>>> import tussle
>>> model = tussle.models.erf_lsgan("A", free="b,h")
>>> end = tussle.run(tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.sgd(0.4))), model.start, 249).end
>>> [f"{x:.10f}" for x in end]  # h, then b: the generator comes first
['1.4333417959', '1.6028697571']
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import Array, float64, namespace
from tussle.game import Point, as_point, placed
from tussle.gan import GAN
from tussle.laws import AbstractLaw, Exponential, Laplace, Normal, Panels, Rayleigh, Uniform
from tussle.lowdim.costs import Cost, cost_of, loss_of
from tussle.models.base import Model
from tussle.moments import EXPONENTIAL, NODES, Part, parts_of, square
from tussle.records import record, static

CASES = {
    "A": {"a": 2.2, "b": -3.0, "g": 1.5, "h": -2.0, "c": 0.5},
    "B": {"a": 1.21, "b": -1.0, "g": 0.35, "h": -4.0, "c": 4.04},
}
NAMES = ("a", "b", "g", "h")
POLICIES = ("allow", "log", "project", "stop")
DISCRIMINATORS = ("erf", "logistic", "probit")
LATENTS = ("exponential", "laplace", "normal", "rayleigh", "rayleigh-square", "uniform")
FLOOR = 1e-6  # where the policy `project` keeps a and g


@record
class ErfLSGAN:
    """The game by its closed forms: expectations of erf by one exact rule, no sampling.

    Attributes:
        data: the data law as moved standard shapes.
        latent: the law of U.
        a: slope of the discriminator, where it is not free; so b (offset), g (scale of the generator), h (its shift).
        cost: what both minimize.
        free: the free parameters, in the order g, h, a, b.
        policy: what becomes of a <= 0 and g <= 0.
        factor: 1 for erf, 1 / sqrt 2 for a probit Phi(a x + b).
        count: quadrature nodes.
    """

    data: tuple[Part, ...]
    latent: tuple[Part, ...]
    a: Any
    b: Any
    g: Any
    h: Any
    cost: Cost = static()
    free: tuple[str, ...] = static()
    policy: str = static(default="allow")
    factor: float = static(default=1.0)
    count: int = static(default=NODES)
    players: tuple[str, ...] = static(default=("generator", "discriminator"))

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of free parameters of generator and discriminator."""
        return sum(n in "gh" for n in self.free), sum(n in "ab" for n in self.free)

    def full(self, point: Point) -> tuple[Any, Any, Any, Any]:
        """Return a, b, g, h at a point (or at many: the last axis of each vector holds a player's parameters)."""
        values = {"a": self.a, "b": self.b, "g": self.g, "h": self.h}
        free: list[Any] = [x[..., k] for x in point for k in range(x.shape[-1])]
        for name, x in zip(self.free, free, strict=True):
            values[name] = namespace(x).exp(x) if self.policy == "log" and name in "ag" else x
        return values["a"], values["b"], values["g"], values["h"]

    def term(self, side: str, target: float, point: Point) -> Array:
        """Return E[(D - target)^2] over the data (`real`) or the generated law (`fake`)."""
        a, b, g, h = self.full(point)
        a, b = self.factor * a, self.factor * b
        if side == "real":
            return square(self.data, target, a, b, self.count)
        return square(self.latent, target, a * g, a * h + b, self.count)

    def loss(self, player: int, point: Point, batch: Any = None) -> Array:  # noqa: ARG002
        """Return the generator's (0) or the discriminator's (1) cost."""
        terms = self.cost.critic if player else self.cost.generator
        found = [t.sign * self.term(t.side, t.target, point) for t in terms]
        return sum(found[1:], found[0])

    def value(self, point: Point) -> Array:
        """Return the game's value: J of the paper's cost, V of the zero-sum one, L_D with labels."""
        found = [abs(t.sign) * self.term(t.side, t.target, point) for t in self.cost.value]
        return sum(found[1:], found[0])

    def expectation(self) -> None:
        """Return None: the closed forms need no nodes."""
        return

    def project(self, player: int, x: Array) -> Array:
        """Keep a and g at `FLOOR` or above under the policy `project`."""
        if self.policy != "project":
            return x
        xp = namespace(x)
        names = [n for n in self.free if n in ("ab" if player else "gh")]
        floors = xp.asarray([FLOOR if n in "ag" else -math.inf for n in names], dtype=x.dtype)
        return xp.maximum(x, floors)


def erf_lsgan(
    case: str | None = None,
    a: Any = None,
    b: Any = None,
    g: Any = None,
    h: Any = None,
    c: Any = None,
    free: str | Sequence[str] = "b,h",
    cost: Cost | str = "paper",
    latent: str | AbstractLaw = "rayleigh-square",
    sigma: float = 1 / math.sqrt(2),
    data: AbstractLaw | str | None = None,
    discriminator: str = "erf",
    policy: str = "allow",
    panels: int = 0,
    tolerance: float = 1e-9,
) -> Model:
    """Return a least-squares GAN of the family, exact.

    Args:
        case: the paper's case `A` or `B`: values of a, b, g, h, c that the other arguments may replace.
        a: slope of the discriminator D(x) = (1 + erf(a x + b)) / 2.
        b: its offset.
        g: scale of the generator.
        h: its shift.
        c: rate of exponential data (its mean is 1 / c); leave it out with `data`.
        free: the parameters that are learned; the others keep their values.
        cost: `paper`, `zero_sum`, `labels=FAKE,REAL,GENERATOR`, `log`, `nonsaturating`, or a `Cost`.
        latent: `rayleigh-square` (G = g z^2 + h), or one of `rayleigh`, `exponential`, `normal`, `uniform`, `laplace`
            or a law in one dimension (G = g z + h).
        sigma: scale of the Rayleigh latent (its mode); the paper's is 1 / sqrt 2.
        data: law of the data in place of the exponential one, or its text such as `normal(1,1)`.
        discriminator: `erf`, `probit` (Phi(a x + b), narrower by sqrt 2) or `logistic` (1 / (1 + a exp(-b x)); by
            quadrature nodes).
        policy: of a <= 0 and g <= 0: `allow` (the formulas hold for any sign), `project` (keep them at 1e-6), `log`
            (learn log a and log g) or `stop` (end the run there).
        tolerance: how much the losses at the start may change when the panels of a game of nodes are doubled.
        panels: quadrature panels between breaks, for a game of quadrature nodes in place of the closed forms; 0 for the
            closed forms where there are some.

    Returns:
        the model; its game has closed forms, or is a GAN of nodes (`log`, `nonsaturating`, `logistic`, `panels`).

    Raises:
        ValueError: if a value is missing, out of its domain or not finite, or the panels are too few (it says by how
            much).
    """
    checks.choice("policy", policy, POLICIES)
    if isinstance(data, str):
        from tussle.laws.parse import parse_law

        data = parse_law(data)
    checks.choice("discriminator", discriminator, DISCRIMINATORS)
    chosen = cost_of(cost)
    values = _values(case, {"a": a, "b": b, "g": g, "h": h, "c": c}, data, policy, discriminator)
    names = _free(free)
    drawn, law = _latent(latent, sigma)
    exact = discriminator != "logistic" and chosen.name in ("paper", "zero_sum", "labels") and not panels
    made: Any = None
    if exact:
        factor = 1 / math.sqrt(2) if discriminator == "probit" else 1.0
        # The rate may be traced, which a law's own number may not.
        real = (Part(EXPONENTIAL, 1.0, 0.0, 1.0 / values["c"]),) if data is None else parts_of(data)
        own = (values["a"], values["b"], values["g"], values["h"])
        game: Any = ErfLSGAN(real, parts_of(law), own[0], own[1], own[2], own[3], chosen, names, policy, factor)
    else:
        made = functools.partial(_by_nodes, values, names, chosen, latent, drawn, data, discriminator, policy)
        game = made(panels or 24)
    start = tuple(np.array([_coordinate(n, values[n], policy) for n in names if n in group]) for group in ("gh", "ab"))
    if not exact:
        _check_panels(made, panels or 24, start, tolerance)
    axes = tuple(f"log {n}" if policy == "log" and n in "ag" else n for n in names)
    equilibria = _line(chosen, names, values, law, data, policy) if exact else ()
    return Model("erf-lsgan", game, equilibria, start, axes, chosen.sources, _judge)


def _judge(model: Model, method: Any, run: Any, found: Any) -> Any:
    from tussle.lowdim.plateau import judged

    return judged(model, method, run, found)


def _values(case: str | None, given: dict[str, Any], data: Any, policy: str, discriminator: str) -> dict[str, Any]:
    known: dict[str, Any] = {} if case is None else dict(CASES[checks.choice("case", str(case).upper(), CASES)])
    known |= {k: v for k, v in given.items() if v is not None}
    if data is not None:
        known["c"] = 1.0
    missing = [k for k in ("a", "b", "g", "h", "c") if k not in known]
    if missing:
        message = f"`{', '.join(missing)}` of erf-lsgan came without a value; give each, or a case (A or B)."
        raise ValueError(message)
    for name, value in known.items():
        checks.number(name, value)
    checks.positive("c", known["c"])
    if policy != "allow" or discriminator == "logistic":
        for name in ("a", "g") if policy != "allow" else ("a",):
            if checks.is_number(known[name]) and known[name] <= 0:
                message = (
                    f"`{name}` is {known[name]}; with policy {policy} it must be above 0; give a positive number or "
                    "policy allow."
                )
                raise ValueError(message)
    return known


def _free(free: str | Sequence[str]) -> tuple[str, ...]:
    asked = [n.strip() for n in free.split(",")] if isinstance(free, str) else list(free)
    for name in asked:
        checks.choice("free", name, NAMES)
    if len(set(asked)) != len(asked) or not asked:
        message = f"`free` is {free!r}; it must name some of a, b, g, h, each once; write for instance b,h."
        raise ValueError(message)
    return tuple(n for n in ("g", "h", "a", "b") if n in asked)


def _latent(latent: str | AbstractLaw, sigma: float) -> tuple[AbstractLaw, AbstractLaw]:
    """Return the law of the latent z and of U, with G = g U + h."""
    checks.positive("sigma", sigma)
    if not isinstance(latent, str):
        return latent, latent
    checks.choice("latent", latent, LATENTS)
    if latent == "rayleigh-square":
        return Rayleigh(sigma), Exponential(1 / (2 * sigma**2))
    made = {
        "rayleigh": lambda: Rayleigh(sigma), "exponential": Exponential, "normal": Normal, "uniform": Uniform,
        "laplace": Laplace,
    }[latent]()  # fmt: skip
    return made, made


def _coordinate(name: str, value: Any, policy: str) -> float:
    return math.log(value) if policy == "log" and name in "ag" else float(value)


def mean_of(law: AbstractLaw) -> float:
    """Return the mean of a law made of standard shapes."""
    standard = {"normal": 0.0, "uniform": 0.5, "rayleigh": math.sqrt(math.pi / 2)}

    def own(part: Part) -> float:
        name = part.shape.name
        return float(name.split()[1]) if name.startswith("erlang") else standard[name]

    return float(sum(p.weight * (p.location + p.scale * own(p)) for p in parts_of(law)))


def _line(
    cost: Cost, free: tuple[str, ...], values: dict[str, Any], latent: AbstractLaw, data: Any, policy: str
) -> tuple[Point, ...]:
    """Return the point nearest to the start on the line of equilibria a = b = 0, E G = E X, where it is one."""
    middle = cost.name == "zero_sum" or (cost.name == "labels" and sum(t.target for t in cost.critic) == 1.0)
    if not middle or not {"a", "b"} <= set(free) or policy != "allow" or not {"g", "h"} & set(free):
        return ()
    mean = 1.0 / values["c"] if data is None else mean_of(data)
    u, gap = mean_of(latent), mean - values["g"] * mean_of(latent) - values["h"]
    moves = {"g": u if "g" in free else 0.0, "h": 1.0 if "h" in free else 0.0}
    length = moves["g"] ** 2 + moves["h"] ** 2
    if length == 0:
        return ()
    at = {"a": 0.0, "b": 0.0} | {n: values[n] + gap * moves[n] / length for n in "gh"}
    return (tuple(np.array([at[n] for n in free if n in group]) for group in ("gh", "ab")),)


# The same game as a GAN of the grammar ----------------------------------------------------------------------------


@record
class _Generator:
    """G(z) = g z + h, or g z^2 + h."""

    g: Any
    h: Any
    free: tuple[str, ...] = static()
    squared: bool = static(default=False)
    log: bool = static(default=False)

    def __call__(self, theta: Array, z: Array) -> Array:
        values = {"g": self.g, "h": self.h}
        for k, name in enumerate(self.free):
            values[name] = namespace(theta).exp(theta[k]) if self.log and name == "g" else theta[k]
        return values["g"] * (z * z if self.squared else z) + values["h"]


@record
class _Critic:
    """a x + b, the argument of erf; for a probit over sqrt 2; for the logistic discriminator b x - log a."""

    a: Any
    b: Any
    free: tuple[str, ...] = static()
    kind: str = static(default="erf")
    log: bool = static(default=False)

    def __call__(self, psi: Array, x: Array) -> Array:
        values = {"a": self.a, "b": self.b}
        for k, name in enumerate(self.free):
            values[name] = namespace(psi).exp(psi[k]) if self.log and name == "a" else psi[k]
        if self.kind == "logistic":
            xp = namespace(x)
            return values["b"] * x[:, 0] - xp.log(values["a"] * xp.ones_like(x[:, 0]))
        scores = values["a"] * x[:, 0] + values["b"]
        return scores / math.sqrt(2) if self.kind == "probit" else scores


def _by_nodes(
    values: dict[str, Any], free: tuple[str, ...], cost: Cost, latent: Any, drawn: AbstractLaw, data: Any,
    discriminator: str, policy: str, panels: int,
) -> GAN:  # fmt: skip
    if policy in ("project", "stop"):
        message = f"`policy` is {policy} for a game of quadrature nodes; there it may be allow or log; choose one."
        raise ValueError(message)
    own = tuple(n for n in free if n in "gh")
    generator = _Generator(values["g"], values["h"], own, latent == "rayleigh-square", policy == "log")
    theirs = tuple(n for n in free if n in "ab")
    critic = _Critic(values["a"], values["b"], theirs, discriminator, policy == "log")
    link = "logistic" if discriminator == "logistic" else "erf"
    sizes = (len(own), len(theirs))
    source = _graded(Exponential(values["c"]) if data is None else data, panels)
    return GAN(generator, critic, source, _graded(drawn, panels), loss_of(cost, link), sizes=sizes)


def _check_panels(made: Any, panels: int, start: Point, tolerance: float) -> None:
    """Check that twice as many panels give the same losses at the start.

    Raises:
        ValueError: if they do not, with the difference.
    """

    def losses(count: int) -> np.ndarray:
        with float64():
            game = made(count)
            point = as_point(start)
            batch = placed(game.expectation(), point[0])
            return np.array([float(game.loss(player, point, batch)) for player in (0, 1)])

    gap = float(np.abs(losses(panels) - losses(2 * panels)).max())
    if not gap <= checks.positive("tolerance", tolerance):
        message = (
            f"`panels` is {panels}: twice as many change the losses at the start by {gap:.2g}, more than the tolerance "
            f"{tolerance:g}; give more panels, or a larger tolerance."
        )
        raise ValueError(message)


def _graded(law: AbstractLaw, panels: int) -> Panels:
    """Return panels of about equal width where most of the mass is, wider ones in the far tails."""
    low, high = (float(v[0]) for v in law.window)
    inner = [low + share * (high - low) for share in (0.1, 0.3)] if math.isfinite(low) else []
    return Panels(law, panels, 16, tuple(inner))
