"""The optimizer of a game: live parameters moved by a rule of the grammar, as torch's optimizers are.

Its state is the rule's: the leaves of nested tuples in their order, so that a `state_dict` is tensors and text alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tussle import checks, rules
from tussle.field import AbstractField, Field
from tussle.game import Pair, Point, Stream
from tussle.live import Live, Parameters, read, write
from tussle.paces import AbstractPace, Aside, Rate, rate, sgd
from tussle.records import rebuild, record
from tussle.rules.base import AbstractRule, Info

RULES: dict[str, Callable[[AbstractPace], Any]] = {
    "simultaneous": rules.simultaneous,
    "alternating": rules.alternating,
    "extragradient": rules.extragradient,
    "optimistic": rules.optimistic,
    "competitive": rules.competitive,
}


class GameOptimizer(torch.optim.Optimizer):
    """An optimizer that moves the parameters of all players by a rule of the grammar.

    Each player is one group of parameters with a rate `lr` of its own, which torch's schedulers may change. A lookahead
    takes one inner step at each call and comes back at every k-th.

    Args:
        players: generator and discriminator: modules, parameters, or groups such as
            `{"params": d.parameters(), "lr": 4e-4}`.
        rule: a name, a function from a pace to a rule such as `tussle.extragradient`, or a rule.
        pace: a pace such as `tussle.adam(2e-4)`, or the rate of plain steps; that of the rule by default.
        adjust: adjustments of the field, the innermost first.

    Raises:
        ValueError: if the players' parameters cannot be a point, or rule and pace do not fit.

    Example:
        >>> x, y = (torch.nn.Parameter(torch.tensor([v])) for v in (1.0, 2.0))
        >>> optimizer = GameOptimizer(([x], [y]), "simultaneous", 0.5)
        >>> optimizer.step(lambda: ((x * y).sum(), -(x * y).sum()))
        (tensor(2.), tensor(-2.))
        >>> x.tolist(), y.tolist()
        ([0.0], [2.5])
    """

    def __init__(
        self,
        players: Sequence[Any],
        rule: Any = "simultaneous",
        pace: AbstractPace | Rate | None = None,
        adjust: Sequence[Callable[[Any], Any]] | Callable[[Any], Any] = (),
    ) -> None:
        self.rule: AbstractRule = _stepwise(as_rule(rule, pace))
        self.adjust: tuple[Callable[[Any], Any], ...] = (adjust,) if callable(adjust) else tuple(adjust)
        self._tried = False
        groups = _groups(players, self.rule.pace.lr)
        super().__init__(groups, {"lr": 1e-3})
        self._parameters()

    @property
    def players(self) -> tuple[str, ...]:
        """The names of the players."""
        return tuple(group["player"] for group in self.param_groups)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step of all players.

        Args:
            closure: `closure()` -> (generator_loss, discriminator_loss), built on the live parameters.

        Returns:
            the losses that the first call returned, without their graph.

        Raises:
            ValueError: if there is no closure, or it does not return the losses; parameters are as before then.
        """
        if closure is None:
            message = (
                "`closure` is missing; it must be a function that returns the players' losses; give step(closure)."
            )
            raise ValueError(message)
        parameters = self._parameters()
        game = Live(closure, parameters, self.players, careful=not self._tried)
        field: Any = Field(game)
        for one in self.adjust:
            field = one(field)
        rule, start = self._method(), read(parameters)
        readings = Stream(tuple(Pair(2 * k, 2 * k + 1) for k in range(rule.readings)))
        try:
            point, state, _ = rule.step(field, start, self._held(rule, start), readings)
        except BaseException:
            write(parameters, start)
            raise
        write(parameters, point)
        self._tried = True
        self.state["game"] = {"method": _name(rule), "leaves": _leaves(state)}  # pyright: ignore[reportArgumentType]
        return game.first

    def load_state_dict(self, state_dict: Any) -> None:
        """Go on from a state that `state_dict` returned.

        Raises:
            ValueError: if it is that of another rule, pace, or of other parameters.
        """
        held = state_dict["state"].get("game")
        if held is not None and held["method"] != _name(self.rule):
            message = (
                f"`state_dict` is that of {held['method']}; this optimizer is {_name(self.rule)}; load it into one "
                "with the same rule and pace."
            )
            raise ValueError(message)
        if held is not None:
            point = read(self._parameters())
            leaves = _fitting(held["leaves"], _leaves(self.rule.init(point)))
            state_dict = state_dict | {"state": state_dict["state"] | {"game": held | {"leaves": leaves}}}
        super().load_state_dict(state_dict)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a player; only the constructor does.

        Raises:
            ValueError: if it is no player.
        """
        if "player" not in param_group:
            message = "`param_group` is new; each player must have one group; make a new optimizer with all players."
            raise ValueError(message)
        super().add_param_group(param_group)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs."""
        kept = {"rule": self.rule, "adjust": self.adjust, "_tried": self._tried}
        return {**super().__getstate__(), **kept}

    def _parameters(self) -> Parameters:
        found = tuple([p for p in group["params"] if p.requires_grad] for group in self.param_groups)
        for name, own in zip(self.players, found, strict=True):
            if not own:
                message = f"`players` has no trainable parameter for the {name}; each needs one; set requires_grad."
                raise ValueError(message)
        kinds = sorted({f"{p.dtype} on {p.device}" for own in found for p in own})
        if len(kinds) > 1:
            message = f"`players` has parameters of {', '.join(kinds)}; all must be of one kind; move them by to(...)."
            raise ValueError(message)
        return found

    def _method(self) -> AbstractRule:
        """Return the rule at the rates that the groups have now."""
        rates = tuple(group["lr"] for group in self.param_groups)
        for name, value in zip(self.players, rates, strict=True):
            checks.nonnegative(f"lr of the {name}", value)
        if isinstance(self.rule, rules.Competitive) and not all(rates):
            message = f"`lr` is {rates}; the competitive rule divides by the rates; give numbers above 0."
            raise ValueError(message)
        pace = self.rule.pace
        return self.rule.with_pace(rebuild(type(pace), {**vars(pace), "lr": rates}))  # a schedule may end at 0

    def _held(self, rule: AbstractRule, point: Point) -> Any:
        fresh = rule.init(point)
        held: Any = self.state.get("game")  # pyright: ignore[reportArgumentType]
        return fresh if held is None else _filled(fresh, iter(_fitting(held["leaves"], _leaves(fresh))))


# Rules and players -------------------------------------------------------------------------------------------------


def as_rule(rule: Any, pace: Any) -> Any:
    """Return the rule that a name, a function or a rule stands for, with a pace or rates of plain steps.

    Raises:
        ValueError: if they do not fit.
    """
    if checks.is_number(pace) or isinstance(pace, (tuple, list)):
        pace = sgd(tuple(pace) if isinstance(pace, (tuple, list)) else pace)
    if pace is not None and not callable(getattr(pace, "init", None)):
        message = f"`pace` is {pace!r:.60}; it may be a rate or a pace; give, say, 1e-3 or tussle.adam(2e-4)."
        raise ValueError(message)
    if callable(getattr(rule, "step", None)) and callable(getattr(rule, "with_pace", None)):
        return rule if pace is None else rule.with_pace(pace)
    if pace is None:
        message = "`pace` is missing; a rule by name needs one; give a rate, or a pace such as tussle.adam(2e-4)."
        raise ValueError(message)
    made = rule(pace) if callable(rule) else RULES[checks.choice("rule", rule, RULES)](pace)
    if not callable(getattr(made, "step", None)):
        message = f"`rule` is {rule!r:.60}; it may be a name, a rule, or a function from a pace to a rule; give one."
        raise ValueError(message)
    return made


def _groups(players: Any, lr: Rate) -> list[dict[str, Any]]:
    if not isinstance(players, (tuple, list)) or len(players) < 2:
        message = "`players` must be two or more players; give (generator, discriminator): modules or parameters."
        raise ValueError(message)
    if isinstance(lr, (tuple, list)) and len(lr) != len(players):
        message = f"`pace` has {len(lr)} rates for {len(players)} players; give one number or one for each player."
        raise ValueError(message)
    two = ("generator", "discriminator")
    names = two if len(players) == 2 else tuple(f"player {k}" for k in range(len(players)))
    groups = []
    for k, (name, one) in enumerate(zip(names, players, strict=True)):
        group = dict(one) if isinstance(one, dict) else {"params": one}
        params = group.get("params")
        group["params"] = list(params.parameters()) if isinstance(params, nn.Module) else list(params or ())
        if any(isinstance(p, dict) for p in group["params"]):
            message = f"`players` has several groups for the {name}; each player has one rate; give one group."
            raise ValueError(message)
        groups.append({"lr": rate(lr, k), **group, "player": name})
    return groups


@record
class Stepwise:
    """A lookahead that takes one inner step at a time; every k-th comes back part of the way.

    Args:
        of: the lookahead.
    """

    of: rules.Lookahead

    @property
    def pace(self) -> AbstractPace:
        """The pace of the inner rule."""
        return self.of.pace

    @property
    def readings(self) -> int:
        """The readings of one inner step."""
        return self.of.inner.readings

    def with_pace(self, pace: AbstractPace) -> "Stepwise":
        """Return the same rule with another pace."""
        return Stepwise(self.of.with_pace(pace))

    def init(self, point: Point) -> Any:
        """Return the inner state, the point to come back to, and a count of zero."""
        return self.of.init(point), point, Aside(0 * point[0][:1])

    def rest(self, point: Point) -> Any:
        """Return the state at rest."""
        return self.of.rest(point), point, Aside(0 * point[0][:1])

    def step(self, field: AbstractField, point: Point, state: Any, batch: Any) -> tuple[Point, Any, Info]:
        """Take one inner step."""
        inner, slow, clock = state
        point, inner, info = self.of.inner.step(field, point, inner, batch)
        count = clock.value + 1
        if int(count) == self.of.k:
            point = tuple(x + self.of.alpha * (y - x) for x, y in zip(slow, point, strict=True))
            slow, count = point, 0 * count
        return point, (inner, slow, Aside(count)), info


def _stepwise(rule: Any) -> Any:
    return Stepwise(rule) if isinstance(rule, rules.Lookahead) else rule


def _name(rule: Any) -> str:
    inner = getattr(rule, "inner", getattr(rule, "of", None))
    return f"{type(rule).__name__}({type(rule.pace).__name__ if inner is None else _name(inner)})"


# States ------------------------------------------------------------------------------------------------------------


def _leaves(state: Any) -> list[Tensor]:
    if isinstance(state, Aside):
        return _leaves(state.value)
    return [leaf for part in state for leaf in _leaves(part)] if isinstance(state, tuple) else [state]


def _filled(pattern: Any, leaves: Any) -> Any:
    if isinstance(pattern, Aside):
        return Aside(_filled(pattern.value, leaves))
    return tuple(_filled(part, leaves) for part in pattern) if isinstance(pattern, tuple) else next(leaves)


def _fitting(leaves: list[Tensor], wanted: list[Tensor]) -> list[Tensor]:
    came = [tuple(x.shape) for x in leaves]
    if came != [tuple(x.shape) for x in wanted]:
        message = (
            f"`state_dict` holds {sum(x.numel() for x in leaves)} numbers in {len(leaves)} parts; these players' rule "
            f"has {sum(x.numel() for x in wanted)} in {len(wanted)}; load it for the same trainable parameters."
        )
        raise ValueError(message)
    return [x.to(device=like.device, dtype=like.dtype) for x, like in zip(leaves, wanted, strict=True)]
