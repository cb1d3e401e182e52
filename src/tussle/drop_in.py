"""Drop-in pieces for those who keep their own loop: losses of scores and penalties on modules, as plain functions.

    d_loss = discriminator_loss("rp-logistic,scale=0.5", D(x), D(fake)) + penalty("r1=10", D, x)
    g_loss = generator_loss("rp-logistic,scale=0.5", D(x), D(G(z)))

They take and return PyTorch tensors and can be differentiated as often as the modules can. Penalty weights are in the
gamma/2 convention; `tussle.gamma_from` converts others.
"""

from collections.abc import Callable
from typing import Any

from tussle import checks
from tussle.autodiff import Array, is_torch, namespace
from tussle.couplings import side
from tussle.game import scalar
from tussle.losses import Loss, parse_loss
from tussle.measures import Nodes
from tussle.penalties import PENALTIES, Penalty


def generator_loss(loss: str | Loss, real_scores: Array | None, fake_scores: Array) -> Array:
    """Return what the generator minimizes, given the discriminator's scores.

    Args:
        loss: a loss, or its name with options such as `rp-logistic,scale=0.5`.
        real_scores: one score for each real sample, (n,) or (n, 1); None leaves out what a plain loss reads on real
            samples, which the generator does not move.
        fake_scores: the same for fakes.

    Returns:
        a scalar.

    Raises:
        ValueError: if the loss compares real scores and fake ones, and there are no real ones.

    Example:
        >>> import torch
        >>> round(generator_loss("nonsaturating", None, torch.zeros(2)).item(), 6)
        0.693147
    """
    found = parse_loss(loss) if isinstance(loss, str) else _a_loss(loss)
    fake = _one_each("fake_scores", fake_scores)
    if real_scores is not None:
        return scalar(found.generator(_one_each("real_scores", real_scores), fake))
    if found.coupling != "plain":
        message = (
            f"`real_scores` is None with the loss {found.name}; it compares real scores and fake ones and must have "
            "both; give the discriminator's scores of real samples."
        )
        raise ValueError(message)
    return scalar(found.scale * side("fake_scores", fake, None).of(found.generator_fake))


def discriminator_loss(loss: str | Loss, real_scores: Array, fake_scores: Array) -> Array:
    """Return what the discriminator minimizes, given its scores, without penalties.

    Args:
        loss: a loss, or its name with options such as `rp-logistic,scale=0.5`.
        real_scores: one score for each real sample, (n,) or (n, 1).
        fake_scores: the same for fakes.

    Returns:
        a scalar.

    Example:
        >>> import torch
        >>> round(discriminator_loss("hinge", torch.ones(4), torch.zeros(4)).item(), 6)
        1.0
    """
    found = parse_loss(loss) if isinstance(loss, str) else _a_loss(loss)
    return scalar(found.critic(_one_each("real_scores", real_scores), _one_each("fake_scores", fake_scores)))


def penalty(
    kind: str | Penalty,
    module: Callable[..., Array],
    real: Array,
    fake: Array | None = None,
    *,
    labels: Array | None = None,
    fake_labels: Array | None = None,
    mix: Array | None = None,
    shift: Array | None = None,
) -> Array:
    """Return a gradient penalty on a discriminator, weight/2 E (|grad_x C(x)| - center)^2.

    Args:
        kind: a penalty such as `tussle.r1(10.0)`, or its name with a weight such as `r1=10`.
        module: the discriminator, called with the samples and, where there are labels, with them.
        real: real samples (n, ...).
        fake: fakes, for penalties that read them; with their graph, where second derivatives through the generator are
            wanted, else detached.
        labels: of the real samples, handed to the module as they are.
        fake_labels: of the fakes; `labels` by default.
        mix: shares of the real samples in the interpolates, (n, 1); drawn from [0, 1] by default.
        shift: standard normal perturbations shaped as `real`; drawn by default.

    Returns:
        a scalar, differentiable by the module's parameters.

    Raises:
        ValueError: if the penalty lacks fakes, labels do not fit, or the module returns no single score for a sample.

    Example:
        >>> import torch
        >>> slope = torch.nn.Linear(3, 1)
        >>> found = penalty("r1=10", slope, torch.zeros(5, 3))
        >>> torch.isclose(found, 5 * slope.weight.square().sum()).item()
        True
    """
    one = read_penalty(kind) if isinstance(kind, str) else kind
    if not isinstance(one, Penalty):
        message = f"`kind` is {kind!r:.60}; it must be a penalty, or a text such as r1=10; give tussle.r1(10.0)."
        raise ValueError(message)
    if one.place in ("fake", "interpolates") and fake is None:
        message = f"`fake` is missing; {one.name} is taken at {one.place} and needs fakes; give them."
        raise ValueError(message)
    chosen = fake_labels if one.place == "fake" and fake_labels is not None else labels
    nodes = one.points(_nodes("real", real), _fakes(one, real, fake), *_drawn(one, real, mix, shift))
    points = nodes.points if nodes.points.requires_grad else nodes.points.detach().requires_grad_()
    if chosen is not None and len(chosen) != len(points):
        message = f"`labels` are {len(chosen)} for {len(points)} samples; there must be one for each; give that many."
        raise ValueError(message)
    asked = () if chosen is None else (chosen,)
    return one.value(lambda x: _one_each("module", module(x, *asked), len(x)), Nodes(points, nodes.weights))


def read_penalty(text: str) -> Penalty:
    """Return the penalty that a text NAME=WEIGHT names; without a weight it is 1.

    Raises:
        ValueError: for an unknown name or a weight that is no number.

    Example:
        >>> read_penalty("r1=10").weight
        10.0
    """
    name, _, weight = (part.strip() for part in text.partition("="))
    maker = PENALTIES[checks.choice("kind", name, PENALTIES)]
    try:
        number = float(weight or 1.0)
    except ValueError as wrong:
        message = f"`kind` is {text!r}; its weight must be a number; write, say, r1=10."
        raise ValueError(message) from wrong
    return maker(number)


def _a_loss(loss: Any) -> Loss:
    if isinstance(loss, Loss):
        return loss
    message = f"`loss` is {loss!r:.60}; it may be a name or a Loss; give, say, 'nonsaturating'."
    raise ValueError(message)


def _nodes(name: str, x: Any) -> Nodes:
    if not is_torch(x) or not x.is_floating_point():
        came = f"a tensor of {x.dtype}" if is_torch(x) else f"a {type(x).__name__}"
        message = f"`{name}` is {came}; it must be a tensor of floating type; convert it."
        raise ValueError(message)
    return Nodes(x)


def _fakes(one: Penalty, real: Array, fake: Array | None) -> Nodes:
    if fake is None:
        return Nodes(real)
    found = _nodes("fake", fake)
    if one.place == "interpolates" and fake.shape != real.shape:
        message = (
            f"`fake` has shape {tuple(fake.shape)}, `real` {tuple(real.shape)}; {one.name} mixes them; give one shape."
        )
        raise ValueError(message)
    return found


def _drawn(one: Penalty, real: Array, mix: Array | None, shift: Array | None) -> tuple[Nodes | None, Nodes | None]:
    """Return shares and perturbations, drawn where they are needed and were not given."""
    if one.place == "interpolates" and mix is None:
        mix = real.new_empty((len(real), 1)).uniform_()
    if one.place == "perturbed" and shift is None:
        shift = real.new_empty(real.shape).normal_()
    return None if mix is None else Nodes(mix), None if shift is None else Nodes(shift)


def _one_each(name: str, scores: Any, count: int | None = None) -> Array:
    """Return scores as (n,)."""
    if not is_torch(scores):
        message = (
            f"`{name}` gave a {type(scores).__name__}; scores must be one tensor; take the discriminator's output."
        )
        raise ValueError(message)
    many = scores.ndim > 1 and scores.numel() != len(scores)
    if scores.ndim == 0 or many or (count is not None and scores.numel() != count):
        message = (
            f"`{name}` gave scores of shape {tuple(scores.shape)}; there must be one for each sample, (n,) or (n, 1); "
            "pick the class's own, or take the mean over patches."
        )
        raise ValueError(message)
    return namespace(scores).reshape(scores, (-1,))
