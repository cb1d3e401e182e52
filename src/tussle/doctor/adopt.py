"""Adoption: any two PyTorch modules, a loss and data become a patient. Nothing of the user's own is changed."""

import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tussle import checks, rules
from tussle.autodiff import Array
from tussle.doctor.intake import Taken, collected, latent_law, left_alone
from tussle.doctor.optimizers import pace_of
from tussle.doctor.patient import Patient
from tussle.field import Field
from tussle.losses import Loss, parse_loss
from tussle.map import Map
from tussle.networks.conditional import packed_pair
from tussle.networks.functional import player
from tussle.networks.gan import NetworkGAN, network_gan
from tussle.paces import PACES, adam
from tussle.penalties import PENALTIES, Penalty
from tussle.records import record, static

WRAPPERS = (torch.nn.parallel.DistributedDataParallel, torch.nn.DataParallel)
ASSUMED_PACE = "no `pace` was given: Adam with rate 2e-4 and betas (0.5, 0.999) was assumed"


@record
class OwnLoss:
    """A user's own two functions in the place of a loss.

    Args:
        generator_function: `(fake)` or `(real, fake)` -> scalar, of the discriminator's outputs.
        critic_function: `(real, fake)` -> scalar.
        coupling: read jointly, so that losses which compare real and fake are right.
    """

    generator_function: Callable[..., Array] = static()
    critic_function: Callable[[Array, Array], Array] = static()
    takes_real: bool = static(default=False)
    coupling: str = static(default="average")
    name: str = static(default="own")

    def critic(self, real: Array, fake: Array, *_: Any) -> Array:
        """Return the critic's loss."""
        return self.critic_function(real, fake)

    def generator(self, real: Array, fake: Array, *_: Any) -> Array:
        """Return the generator's loss."""
        return self.generator_function(real, fake) if self.takes_real else self.generator_function(fake)


@left_alone()  # even an import may draw random numbers
def adopt(
    generator: nn.Module,
    discriminator: nn.Module,
    *,
    loss: str | Loss | tuple[Callable[..., Any], Callable[..., Any]],
    penalties: Sequence[Penalty | str] = (),
    data: Any,
    latent: Any,
    rule: Any = None,
    pace: Any = None,
    player_steps: tuple[int, int] = (1, 1),
    first: str = "discriminator",
    adjust: Sequence[Callable[[Any], Any]] = (),
    noise: float | None = None,
    clip: float | None = None,
    held_out: Any = None,
    classes: int = 1,
    batch: int | None = None,
    samples: int = 10_000,
    seed: int | None = None,
    name: str = "GAN",
) -> Patient:
    """Return a user's own GAN as a game of the grammar, ready to be diagnosed.

    Args:
        generator: maps latents to samples; with classes `generator(z, y)`.
        discriminator: maps samples to one output each, large on real ones; with classes `discriminator(x, y)`.
        loss: a name such as `nonsaturating` or `rp-logistic`, a loss, or the user's own two functions
            `(generator_loss, discriminator_loss)`: `discriminator_loss(real_outputs, fake_outputs)` and
            `generator_loss(fake_outputs)` or `generator_loss(real_outputs, fake_outputs)`.
        penalties: penalties, or texts such as `r1=10` (in the gamma/2 convention).
        data: a tensor or array (n, ...), a DataLoader (or any iterable of batches; of (x, y) batches with classes), or
            a measure that samples.
        latent: the latents' dimension or shape, `latent(n)` -> tensor, or a measure that samples.
        rule: a rule, or a name; alternating steps by default.
        pace: a pace, a name with options such as `adam,lr=2e-4,beta1=0.5`, or the user's own two torch optimizers
            (generator's first), whose rates, betas and moments are read.
        player_steps: steps of generator and discriminator in a turn.
        first: which player moves first.
        adjust: adjustments of the field, such as `consensus(10.0)`.
        noise: standard deviation of instance noise.
        clip: bound of the discriminator's weights.
        held_out: real samples that the discriminator was not trained on; some checks need them.
        classes: how many classes; above 1 the labels come with the data.
        batch: samples of a batch in training; that of a DataLoader, or 64, by default.
        samples: how many real samples are kept for the diagnosis.
        seed: for modules that draw random numbers (dropout): the same numbers at each call.
        name: what the GAN is called in the report.

    Returns:
        the patient.

    Raises:
        ValueError: if the parts do not fit each other, lie on different devices, or hold values that are not finite.

    Example:
        >>> import torch, tussle
        >>> gan = adopt(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1), loss="hinge", data=torch.zeros(8, 2), latent=2)
        >>> gan.game.sizes
        (6, 3)
    """
    for which, module in (("generator", generator), ("discriminator", discriminator)):
        if not isinstance(module, nn.Module):
            message = f"`{which}` is a {type(module).__name__}; it must be a torch.nn.Module; wrap a function in one."
            raise ValueError(message)
    taken = collected(data, samples, classes, "data")
    kept = None if held_out is None else _fitting(collected(held_out, samples, classes, "held_out"), taken).points
    modules = (bare(generator), bare(discriminator))
    if checks.count("classes", classes) > 1:
        modules = packed_pair(*modules, taken.shape)
    else:
        _unconditional(modules)
    objective = _loss(loss)
    network = _network(
        _players(modules, seed),
        data=taken.measure,
        latent=latent_law(latent, classes, taken.labels),
        loss=objective,
        penalties=tuple(map(_penalty, penalties)),
        noise=noise,
        clip=clip,
    )
    made, state, assumed = pace_of(pace, network.start, (generator, discriminator)) if pace is not None else (
        adam(2e-4, 0.5), None, [ASSUMED_PACE])  # fmt: skip
    method = Map(_field(network.game, adjust), _rule(rule, made, tuple(player_steps), first))
    if state is not None and not _plain(method):
        assumed = [*assumed, "the optimizers' moments were not taken over: this rule keeps a state of its own"]
    if batch is None:
        batch = taken.batch or 64
        assumed = [*assumed, *([] if taken.batch else ["no `batch` was given: 64 samples a batch were assumed"])]
    return Patient(
        network.game, network.start, method, _state(method, network.start, state), network.generator,
        network.discriminator, (generator, discriminator), checks.count("batch", batch), tuple(assumed), kept,
        taken.shape, classes, name,
    )  # fmt: skip


def bare(module: nn.Module) -> nn.Module:
    """Return a module without the wrappers of torch.compile and of data parallelism: its plain, eager self.

    Compiled code cannot be differentiated twice, and a wrapper's hooks wait for `backward()`.
    """
    while isinstance(module, WRAPPERS) or type(module).__name__ == "OptimizedModule":
        module = module.module if isinstance(module, WRAPPERS) else module._modules["_orig_mod"]  # type: ignore[assignment]
    if any(type(one).__name__ == "OptimizedModule" for one in module.modules()):
        module = copy.deepcopy(module)
        for parent in list(module.modules()):
            for name, child in list(parent.named_children()):
                setattr(parent, name, bare(child))
    return module


def _unconditional(modules: tuple[nn.Module, nn.Module]) -> None:
    """Refuse modules that want labels where there are none to be had."""
    for which, module in zip(("generator", "discriminator"), modules, strict=True):
        known = inspect.signature(module.forward).parameters.values()
        wanted = [p.name for p in known if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
                  and p.default is p.empty]  # fmt: skip
        if len(wanted) > 1:
            message = (
                f"`{which}` needs {len(wanted)} inputs ({', '.join(wanted)}), and `classes` is 1; without labels a "
                "module is called with one; give adopt(..., classes=K) and data with labels, or wrap the module."
            )
            raise ValueError(message)


def _fitting(held_out: Taken, data: Taken) -> Taken:
    if held_out.shape != data.shape:
        message = (
            f"`held_out` has samples of shape {held_out.shape}; they must have that of `data`, {data.shape}; give "
            "samples prepared in the same way."
        )
        raise ValueError(message)
    return held_out


def _network(players: Any, **parts: Any) -> NetworkGAN:
    """Return the game; an error of any kind in a user's module is told as one of that module."""
    try:
        return network_gan(*players, **parts)
    except ValueError:
        raise
    except Exception as trouble:  # a user's own forward may raise anything
        which, said = _culprit(players, parts["latent"], parts["data"])
        message = (
            f"`{which}` raised {type(trouble).__name__} when it was called ({said or trouble}); it must take a batch "
            "and return a tensor of finite values; call it once yourself on such a batch."
        )
        raise ValueError(message) from trouble


def _culprit(players: Any, latent: Any, data: Any) -> tuple[str, str]:
    """Return which of the modules fails, and what it says."""
    if any(str(one.vector.device) == "meta" for one in players):
        return ("generator" if str(players[0].vector.device) == "meta" else "discriminator"), (
            "its parameters lie on the device meta, where they have no values"
        )
    law = zip(("generator", "discriminator"), players, (latent, data), strict=True)
    for which, one, measure in law:
        x = torch.as_tensor(np.asarray(measure.sample(np.random.default_rng(0), 2))).to(one.vector)
        try:
            with left_alone(), torch.no_grad():
                one.function(one.vector, x)
        except Exception as trouble:
            return which, " ".join(str(trouble).split())
    return "discriminator", ""


def _players(modules: tuple[nn.Module, nn.Module], seed: int | None) -> Any:
    return tuple(player(module, seed) for module in modules)


def _loss(loss: Any) -> Any:
    if isinstance(loss, str):
        return parse_loss(loss)
    if isinstance(loss, tuple) and len(loss) == 2 and all(map(callable, loss)):
        first, second = loss
        wanted = [p for p in inspect.signature(first).parameters.values() if p.default is p.empty]
        return OwnLoss(first, second, takes_real=len(wanted) > 1)
    if callable(getattr(loss, "critic", None)) and callable(getattr(loss, "generator", None)):
        return loss
    message = (
        f"`loss` is {loss!r:.60}; it may be a name, a Loss, or two functions (generator_loss, discriminator_loss); "
        "give one of these."
    )
    raise ValueError(message)


def _penalty(one: Penalty | str) -> Penalty:
    if not isinstance(one, str):
        return one
    name, _, weight = (part.strip() for part in one.partition("="))
    try:
        return PENALTIES[checks.choice("penalties", name, PENALTIES)](float(weight or 1.0))
    except ValueError as wrong:
        if "could not convert" not in str(wrong):
            raise
        message = f"`penalties` has {one!r}; its weight must be a number; write, say, r1=10."
        raise ValueError(message) from wrong


def _field(game: Any, adjust: Sequence[Callable[[Any], Any]]) -> Any:
    field: Any = Field(game)
    for one in adjust:
        field = one(field)
    return field


def _rule(rule: Any, pace: Any, steps: tuple[int, ...], first: str) -> Any:
    if rule is None or rule == "alternating":
        return rules.alternating(pace, steps, first)
    if isinstance(rule, str):
        names = ("alternating", "simultaneous", "extragradient", "optimistic")
        if steps != (1, 1):
            message = f"`player_steps` is {steps} with rule {rule}; only alternating has turns; drop it."
            raise ValueError(message)
        return getattr(rules, checks.choice("rule", rule, names))(pace)
    return rule


def _state(method: Map, start: Any, state: Any) -> Any:
    """Return the rule's state with the paces' own, where these were read off the user's optimizers."""
    fresh = method.init(start)
    if state is None:
        return fresh
    return tuple(state) if _plain(method) else fresh


def _plain(method: Map) -> bool:
    """Say whether a rule's state is the paces' own, one for each player."""
    return isinstance(method.rule, (rules.Alternating, rules.Simultaneous))


def read_pace(text: str) -> Any:
    """Return the pace that a text NAME[,option=value...] names.

    Raises:
        ValueError: if the text is not of that form.
    """
    name, *parts = (part.strip() for part in text.split(","))
    options: dict[str, float] = {}
    for part in parts:
        key, _, value = part.partition("=")
        try:
            options[key.strip()] = float(value)
        except ValueError as wrong:
            message = f"`pace` is {text!r} with {part!r}; its options are numbers; write adam,lr=2e-4,beta1=0.5."
            raise ValueError(message) from wrong
    maker = PACES[checks.choice("pace", name, PACES)]
    try:
        return maker(options.pop("lr", 1e-3), **options)
    except TypeError as wrong:
        message = f"`pace` {name} has options {sorted(options)}, which do not fit ({wrong}); mend them."
        raise ValueError(message) from wrong


def tensor_of(x: Any) -> Tensor:
    """Return samples as a tensor."""
    return x if isinstance(x, Tensor) else torch.as_tensor(np.asarray(x))
