"""Check: whether the modules can be differentiated twice, as gradient penalties and this diagnosis ask of them.

A preflight on copies: the gradient of the squared input gradient of the discriminator, and that of the squared latent
gradient of the generator. What fails is looked for module by module. Where nothing fails, a backward of the user's own
may still be wrong in silence: it is compared with a central difference in double precision; and where parts compute in
half precision, they are compared with themselves in double precision. Wrappers (torch.compile, data parallelism) are
told by their kind; the diagnosis itself looks at the modules without them.

References:
    PyTorch: "torch.compile with aot_autograd does not currently support double backward"; DistributedDataParallel works
    with backward() and not with torch.autograd.grad. Both are said in its documentation.
    Gulrajani et al., NIPS 2017 (gradient penalties need double backward).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tussle.autodiff import array, gradient
from tussle.doctor.examination import Examination
from tussle.doctor.findings import ILLNESS, NOTE, WARNING, Checked, Evidence, Finding, clear, confidence, found
from tussle.doctor.intake import left_alone

NAME = "double_backward_unsafe"
WRONG = 1e-3  # relative error against a central difference in double precision, which agrees to 1e-6 where it is right
STEPS = (1e-5, 1e-7, 1e-9)  # of the difference, in sizes of the parameters; a kink in between spoils a step
ROUGH, LOST = 0.05, 0.3  # relative error of half precision: a risk; the penalty's step points elsewhere
HALVES = (torch.float16, torch.bfloat16)
SAMPLES, DIRECTIONS = 4, 4
PLAYERS = ("generator", "discriminator")
SOURCE = "penalties differentiate the discriminator's input gradient once more; PyTorch says which operations cannot be"


class Trouble(NamedTuple):
    """What is unsafe.

    Attributes:
        words: in one sentence.
        number: the evidence.
        breaks: whether it breaks training as soon as a second derivative is asked for.
        advice: what to change.
    """

    words: str
    number: Evidence
    breaks: bool
    advice: str


def look(exam: Examination) -> Checked:
    """Try second derivatives of both players on copies."""
    troubles = wrapped(exam)
    errors = []
    for player in (1, 0):
        trouble, error = tried(exam, player)
        errors.append(error)
        troubles += [trouble] if trouble is not None else rough(exam, player)
    number = Evidence("largest relative error of a backward of the user's own", max(errors), WRONG / 10, WRONG)
    if not troubles:
        told = f", their own functions right to {max(errors):.1g}" if any(errors) else ""
        return clear(NAME, f"both players can be differentiated twice{told}", number)
    needed = bool(exam.patient.game.penalties) or type(exam.patient.field).__name__ != "Field"
    breaks = any(one.breaks for one in troubles)
    severity = ILLNESS if breaks and needed else WARNING if breaks or needed else NOTE
    first = troubles[0].number
    words = " ".join(one.words for one in troubles)
    words += " The penalties of this GAN need that." if needed else ""
    numbers = tuple(one.number for one in troubles)
    return found(Finding(NAME, severity, confidence(first), numbers, words, SOURCE, troubles[0].advice))


# Wrappers -------------------------------------------------------------------------------------------------------------


def wrapped(exam: Examination) -> list[Trouble]:
    """Return what the user's own modules are wrapped in."""
    found_here = []
    for which, module in zip(PLAYERS, exam.patient.modules, strict=True):
        names = [name for name, one in module.named_modules() if _compiled(one)]
        if names:
            count = Evidence(f"compiled modules in the {which}", float(len(names)), 0.0, 0.0)
            part = f"{names[0]} of the {which}" if names[0] else f"The {which}"
            words = f"{part} is compiled, and compiled code cannot be differentiated twice."
            found_here.append(Trouble(words, count, True, "call the penalty on the module that is not compiled"))
        kinds = (torch.nn.parallel.DistributedDataParallel, torch.nn.DataParallel)
        if isinstance(module, kinds):
            kind = type(module).__name__
            count = Evidence(f"wrappers around the {which}", 1.0, 0.0, 0.0)
            words = (
                f"The {which} is in {kind}, whose reduction of gradients waits for backward() and misses autograd.grad."
            )
            advice = "take the penalty's inner gradient on module.module, or reduce one flat gradient yourself"
            found_here.append(Trouble(words, count, False, advice))
    return found_here


def _compiled(module: nn.Module) -> bool:
    return type(module).__name__ == "OptimizedModule" or getattr(module, "_compiled_call_impl", None) is not None


# Second derivatives ---------------------------------------------------------------------------------------------------


def squared_slope(exam: Examination, player: int, double: bool = False) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """Return a function of a player's parameters whose gradient needs a second derivative, and where to take it.

    Args:
        exam: the examination.
        player: 1: the squared input gradients of the discriminator; 0: the squared slope of a random sum of samples.
        double: whether in double precision.
    """
    game = exam.patient.game
    theta, psi = (x.double() if double else x for x in exam.point)
    batch = exam.batch(0, SAMPLES)
    x = array(batch.real.points, psi)
    z = array(batch.latent.points, theta)
    if player == 1:
        return lambda at: gradient(lambda inputs: game.logits(at, inputs).sum(), x).square().sum() / 2, psi
    weights = array(np.random.default_rng(exam.seed).standard_normal((SAMPLES, *exam.real.shape[1:])), theta)

    def slope(at: Tensor) -> Tensor:
        return gradient(lambda latents: (game.generator(at, latents) * weights).sum(), z).square().sum() / 2

    return slope, theta


def tried(exam: Examination, player: int) -> tuple[Trouble | None, float]:
    """Return what is wrong with a player's second derivatives, and their relative error."""
    function, at = squared_slope(exam, player)
    try:
        gradient(function, at)
    except RuntimeError as trouble:
        return _failed(exam, player, trouble), 0.0
    names = own_functions(exam, player)
    if not names:  # PyTorch's own operations are right twice, and what a module detaches it means to
        return None, 0.0
    try:
        error = difference_error(*squared_slope(exam, player, double=True), exam.seed)
    except (RuntimeError, TypeError):  # a module of a fixed precision
        return None, 0.0
    if error <= WRONG:
        return None, error
    number = Evidence(f"relative error of the {PLAYERS[player]}'s second derivative", error, WRONG / 10, WRONG)
    words = f"The {PLAYERS[player]}'s second derivative is wrong by {error:.2g} without an error being raised "
    words += f"(its own functions: {', '.join(names[:3])})."
    advice = "write backward with differentiable operations: no detach, no .data, no numbers taken out of the graph"
    return Trouble(words, number, True, advice), error


def own_functions(exam: Examination, player: int) -> list[str]:
    """Return the names of the autograd functions of the user's own that a player's outputs come of."""
    game, batch = exam.patient.game, exam.batch(0, SAMPLES)
    at = exam.point[player].detach().requires_grad_()
    with torch.enable_grad():
        out = game.logits(at, batch.real.points) if player else game.generator(at, batch.latent.points)
    names, seen, waiting = set(), set(), [out.grad_fn]
    while waiting:
        node: Any = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            names.add(type(node).__name__.removesuffix("Backward"))
        waiting += [one for one, _ in node.next_functions]
    return sorted(names)


def difference_error(function: Callable[[Tensor], Tensor], at: Tensor, seed: int) -> float:
    """Return the relative error of a directional derivative against a central difference, the best of several steps."""
    told = gradient(function, at)
    rows = np.random.default_rng(seed).standard_normal((DIRECTIONS, len(at)))
    directions = [array(row / np.linalg.norm(row), at) for row in rows]
    wanted = np.array([float(told @ one) for one in directions])
    errors = []
    for step in STEPS:
        h = step * max(float(at.norm()), 1e-3)
        ends = [float(function(at + h * one)) - float(function(at - h * one)) for one in directions]
        seen = np.array(ends) / (2 * h)
        size = max(float(np.linalg.norm(seen)), float(np.linalg.norm(wanted)), 1e-9 * abs(float(function(at))), 1e-300)
        errors.append(float(np.linalg.norm(seen - wanted)) / size)
        if errors[-1] <= WRONG:
            break
    return min(errors)


def _failed(exam: Examination, player: int, trouble: RuntimeError) -> Trouble:
    which = PLAYERS[player]
    names = culprits(exam, player)
    said = " ".join(str(trouble).split())[:160]
    words = f"The {which} cannot be differentiated twice{f' in {names[0]}' if names else ''}: {said}."
    number = Evidence(f"modules of the {which} that fail alone", float(max(len(names), 1)), 0.0, 0.0)
    advice = "write the module without in-place operations"
    if "scaled_dot_product" in said or "attention" in said:
        advice = "compute the attention with the math kernel: torch.nn.attention.sdpa_kernel(SDPBackend.MATH)"
    elif "once_differentiable" in said:
        advice = "give the operation a backward that is itself differentiable"
    return Trouble(words, number, True, advice)


def culprits(exam: Examination, player: int) -> list[str]:
    """Return the innermost modules whose second derivative fails on the inputs that they get."""
    own = (exam.patient.generator, exam.patient.discriminator)[player]
    copy = own.to_module(exam.point[player])
    seen: dict[str, tuple[nn.Module, tuple[Any, ...]]] = {}
    handles = [
        one.register_forward_pre_hook(lambda m, args, name=name: seen.setdefault(name, (m, _kept(args))) and None)
        for name, one in copy.named_modules()
    ]
    batch = exam.batch(0, SAMPLES)
    with left_alone(), torch.no_grad():  # dropout may draw
        copy(array(batch.real.points if player else batch.latent.points, exam.point[player]))
    for handle in handles:
        handle.remove()
    with left_alone():
        wrong = [name for name, (module, args) in seen.items() if not _twice(module, args)]
    inner = [
        name for name in wrong if not any(other != name and other.startswith(f"{name}.") for other in wrong if name)
    ]
    inner = [name for name in inner if name or len(wrong) == 1]
    kinds = dict(copy.named_modules())
    return [f"{name or 'its own forward'} ({type(kinds[name]).__name__})" for name in inner]


def _kept(args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(a.detach().clone() if isinstance(a, Tensor) else a for a in args)


def _twice(module: nn.Module, args: tuple[Any, ...]) -> bool:
    """Say whether a module can be differentiated twice at its inputs."""
    leaves = [a.requires_grad_() for a in args if isinstance(a, Tensor) and a.is_floating_point()]
    given = [a.clone() if isinstance(a, Tensor) else a for a in args]  # in-place operations may not meet a leaf
    try:
        with torch.enable_grad():
            out = module(*given)
            out = out[0] if isinstance(out, (tuple, list)) else out
            first = torch.autograd.grad(out.square().sum(), leaves, create_graph=True, allow_unused=True)
            total = sum(g.square().sum() for g in first if g is not None)
            if isinstance(total, Tensor) and total.requires_grad:
                torch.autograd.grad(total, leaves, allow_unused=True)
    except (RuntimeError, TypeError, AttributeError) as trouble:
        return not isinstance(trouble, RuntimeError)
    return True


# Half precision -------------------------------------------------------------------------------------------------------


def half_operations(exam: Examination, player: int) -> set[torch.dtype]:
    """Return the half precisions that a player's forward computes in."""
    seen: set[torch.dtype] = set()

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            if isinstance(out, Tensor):
                seen.add(out.dtype)
            return out

    game, batch = exam.patient.game, exam.batch(0, SAMPLES)
    with Watch(), torch.no_grad():
        game.logits(exam.point[1], batch.real.points) if player else game.generator(exam.point[0], batch.latent.points)
    return seen & set(HALVES)


def rough(exam: Examination, player: int) -> list[Trouble]:
    """Return whether half precision spoils a player's second derivative."""
    kinds = half_operations(exam, player)
    if not kinds:
        return []
    try:
        wanted = gradient(*squared_slope(exam, player, double=True)).double()
        seen = gradient(*squared_slope(exam, player)).double()
    except (RuntimeError, TypeError):
        return []
    error = float((seen - wanted).norm() / max(float(wanted.norm()), 1e-300))
    kind = " and ".join(sorted(str(one).rpartition(".")[2] for one in kinds))
    number = Evidence(f"relative error of the {PLAYERS[player]}'s second derivative in {kind}", error, 0.0, ROUGH)
    risky = torch.float16 in kinds and bool(exam.patient.game.penalties)
    if error <= ROUGH and not risky:
        return []
    words = f"The {PLAYERS[player]} computes in {kind}, and its second derivative is off by {error:.2g}"
    if risky:
        number = Evidence(number.what, error, 0.0, 0.0)
        words += "; inner gradients below 6e-8 become 0 in float16 where nothing scales them"
    words += "."
    advice = "compute the penalty outside autocast, or scale its inner gradient before it is squared"
    return [Trouble(words, number, error > LOST, advice)]
