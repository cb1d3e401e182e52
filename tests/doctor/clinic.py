"""The clinic: small GANs whose illness is known, because it was built in, and healthy ones.

Each case says what is expected of a diagnosis and to which half it belongs: thresholds are set on one half and judged
on the other. The half follows from the order of the list alone and was fixed before any threshold was looked at: the
cases of a finding alternate between both halves, and the first one of every other finding starts with "judged".
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from tussle.data.planes import ring
from tussle.doctor.adopt import adopt
from tussle.doctor.patient import Patient
from tussle.game import placed

SET, JUDGED = "set", "judged"
F64 = torch.float64


class Case(NamedTuple):
    """A patient of the clinic.

    Attributes:
        make: returns the patient; made once in a process.
        expected: the finding that is expected among the first two, or `healthy`.
        half: `set` or `judged`.
    """

    make: Callable[[], Patient]
    expected: str
    half: str


# Data -----------------------------------------------------------------------------------------------------------------


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@cache
def on_ring(count: int = 1200) -> Tensor:
    """Eight normal modes on a circle."""
    return torch.as_tensor(ring().sample(_rng(), count), dtype=torch.float32)


@cache
def normal(width: int = 2, count: int = 1200, dtype: torch.dtype = torch.float32) -> Tensor:
    """A normal law, centered exactly."""
    x = torch.as_tensor(_rng(1).standard_normal((count, width)), dtype=dtype)
    return x - x.mean(0)


@cache
def moons(count: int = 1200) -> Tensor:
    """Two half circles."""
    rng = _rng(2)
    angle, side = rng.uniform(0, np.pi, count), rng.integers(2, size=count)
    x = np.stack(
        [np.cos(angle) * (1 - 2 * side) + side - 0.5, np.sin(angle) * (1 - 2 * side) + 0.25 * (2 * side - 1)], 1
    )
    return torch.as_tensor(x + 0.1 * rng.standard_normal(x.shape), dtype=torch.float32)


@cache
def grid(count: int = 1200) -> Tensor:
    """Nine normal modes on a square grid."""
    rng = _rng(3)
    return torch.as_tensor(rng.integers(-1, 2, (count, 2)) + 0.1 * rng.standard_normal((count, 2)), dtype=torch.float32)


@cache
def blobs(count: int = 800, size: int = 8) -> Tensor:
    """Images in [-1, 1] of one bright spot at a random place."""
    rng, at = _rng(4), np.arange(size)
    place, width = rng.uniform(1.5, size - 2.5, (count, 2)), rng.uniform(0.9, 1.5, (count, 1, 1))
    square = (at[None, :, None] - place[:, :1, None]) ** 2 + (at[None, None] - place[:, 1:, None]) ** 2
    image = 1.8 * np.exp(-square / (2 * width**2)) - 0.9 + 0.03 * rng.standard_normal(square.shape)
    return torch.as_tensor(image[:, None].clip(-1, 1), dtype=torch.float32)


@cache
def bars(count: int = 800, size: int = 8) -> Tensor:
    """Images in [-1, 1] of a bright bar, lying or standing."""
    rng, at = _rng(5), np.arange(size)
    bar = np.exp(-((at[None] - rng.uniform(1, size - 2, (count, 1))) ** 2) / 2)[:, :, None] * np.ones((1, 1, size))
    bar[::2] = bar[::2].transpose(0, 2, 1)
    image = 1.8 * bar - 0.9 + 0.03 * rng.standard_normal(bar.shape)
    return torch.as_tensor(image[:, None].clip(-1, 1), dtype=torch.float32)


# Networks -------------------------------------------------------------------------------------------------------------


def net(inputs: int, outputs: int, end: nn.Module | None = None, width: int = 32, activation: Any = nn.SiLU) -> Any:
    """A perceptron of two hidden layers."""
    layers = [nn.Linear(inputs, width), activation(), nn.Linear(width, width), activation(), nn.Linear(width, outputs)]
    return nn.Sequential(*layers, *([] if end is None else [end]))


def painter(latent: int = 8, width: int = 12, end: Any = nn.Tanh) -> nn.Sequential:
    """A convolutional generator of 8x8 images."""
    first = [nn.Linear(latent, width * 16), nn.Unflatten(1, (width, 4, 4)), nn.SiLU(), nn.Upsample(scale_factor=2)]
    last = [nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, 1, 3, padding=1)]
    return nn.Sequential(*first, *last, *([] if end is None else [end()]))


def viewer(width: int = 12, norm: Any = None, activation: Any = nn.SiLU) -> nn.Sequential:
    """A convolutional discriminator of 8x8 images."""
    first = [nn.Conv2d(1, width, 3, 2, 1), activation(), nn.Conv2d(width, width, 3, 2, 1)]
    last = [*([] if norm is None else [norm(width)]), activation(), nn.Flatten(), nn.Linear(width * 4, 1)]
    return nn.Sequential(*first, *last)


class Shift(nn.Module):
    """Latents times a scale, plus parameters times their unit."""

    def __init__(self, theta: Any, scale: float = 0.0, units: Any = 1.0) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.as_tensor(theta, dtype=F64))
        self.scale, self.units = scale, torch.as_tensor(units, dtype=F64)

    def forward(self, z: Tensor) -> Tensor:
        return self.scale * z.reshape(len(z), *self.theta.shape) + self.units * self.theta


class Slope(nn.Module):
    """psi^power . (units x)."""

    def __init__(self, psi: Any, power: int = 1, units: Any = 1.0) -> None:
        super().__init__()
        self.psi, self.power = nn.Parameter(torch.as_tensor(psi, dtype=F64)), power
        self.units = torch.as_tensor(units, dtype=F64)

    def forward(self, x: Tensor) -> Tensor:
        return (self.psi**self.power * self.units * x).flatten(1).sum(1, keepdim=True)


def filtered(start: float = 0.0, width: int = 4) -> nn.Sequential:
    """A linear convolutional discriminator: fixed filters, and one trained linear layer on them."""
    filters = nn.Conv2d(1, width, 3, 2, 1, bias=False, dtype=F64)
    last = nn.Linear(width * 16, 1, bias=False, dtype=F64)
    filters.weight.requires_grad_(False)
    last.weight.data.fill_(start)
    return nn.Sequential(filters, nn.Flatten(), last)


# Making ---------------------------------------------------------------------------------------------------------------


def gan(generator: Callable[[], Any], discriminator: Callable[[], Any], data: Tensor, **options: Any) -> Patient:
    """Return networks of fixed start as a patient."""
    torch.manual_seed(0)
    given = {"loss": "nonsaturating", "latent": 8, "pace": "adam,lr=1e-3,beta1=0.0,beta2=0.9", "batch": 64} | options
    return adopt(generator(), discriminator(), data=data, **given)


def trained(one: Patient, steps: int, players: tuple[bool, bool] = (True, True)) -> Patient:
    """Return a patient after some steps of its own method, of both players or of one alone."""
    sampler, point, state = one.game.sampler(one.batch), one.start, one.state
    for k in range(steps):
        after, state, _ = one.method.step(point, state, placed(sampler(7, k), point[0]))
        point = tuple((new if moves else old).detach() for new, old, moves in zip(after, point, players, strict=True))
    return Patient(**{**vars(one), "start": point, "state": state})


def moved(one: Patient, there: Patient) -> Patient:
    """Return a patient at the point that another one has reached."""
    return Patient(**{**vars(one), "start": there.start})


Make = Callable[[], Patient]
_ILL: dict[str, list[tuple[str, Make]]] = {}


def case(expected: str) -> Callable[[Make], Make]:
    """Enter a patient under its expected finding."""

    def enter(make: Make) -> Make:
        kept = cache(make)
        _ILL.setdefault(expected, []).append((make.__name__, kept))
        return kept

    return enter


def linear(generator: Any, discriminator: Any, data: Tensor, **options: Any) -> Patient:
    """Return a game of players that are linear in their parameters, by plain steps."""
    given = {"loss": "minimax", "pace": "sgd,lr=0.1", "rule": "simultaneous"} | options
    return gan(lambda: generator, lambda: discriminator, data, **given)


def spots() -> Tensor:
    """Images around a mean of 0, float64."""
    x = blobs().to(F64)
    return x - x.mean(0)


# Rotation -------------------------------------------------------------------------------------------------------------


@case("rotation")
def rotation_linear() -> Patient:
    """A normal law's mean against a linear critic under a loss without curvature: nothing damps."""
    return linear(Shift([0.1, -0.1], 1.0), Slope([0.1, 0.1]), normal(dtype=F64), latent=2, loss="wasserstein")


@case("rotation")
def rotation_filters() -> Patient:
    """The mean of images against linear filters."""
    torch.manual_seed(3)
    mean = Shift(0.05 * torch.randn(1, 8, 8, dtype=F64), 0.4)
    return linear(mean, filtered(0.02), spots(), latent=64, loss="wasserstein")


@case("rotation")
def rotation_perceptron() -> Patient:
    """A Wasserstein critic trained under a penalty that was then taken away, by simultaneous plain steps."""
    parts = (lambda: net(2, 2), lambda: net(2, 1))
    options: Any = {"latent": 2, "rule": "simultaneous", "loss": "wasserstein"}
    well = trained(gan(*parts, normal(), penalties=["r1=1"], pace="adam,lr=3e-3,beta1=0.0,beta2=0.9", **options), 300)
    return moved(gan(*parts, normal(), pace="sgd,lr=0.05", **options), well)


# Steps ----------------------------------------------------------------------------------------------------------------


@case("step_too_large")
def step_stiff() -> Patient:
    """Plain steps beyond what a penalty's curvature bears."""
    return linear(Shift([0.1, 0.1], 1.0), Slope([0.1, -0.1]), normal(dtype=F64), latent=2, penalties=["r1=4"],
                  pace="sgd,lr=0.6")  # fmt: skip


@case("step_too_large")
def step_convolutional() -> Patient:
    """Convolutional networks trained by small steps, which were then made fifty times larger."""
    options: Any = {"penalties": ["r1=1"], "loss": "least_squares"}
    well = trained(gan(painter, viewer, blobs(), pace="adam,lr=2e-3,beta1=0.0,beta2=0.9", **options), 120)
    return moved(gan(painter, viewer, blobs(), pace="sgd,lr=2.0", **options), well)


@case("step_too_large")
def step_perceptron() -> Patient:
    """A perceptron trained by small steps, which were then made large."""
    parts = (lambda: net(8, 2), lambda: net(2, 1))
    well = trained(gan(*parts, moons(), penalties=["r1=1"], pace="adam,lr=2e-3,beta1=0.0,beta2=0.9"), 300)
    return moved(gan(*parts, moons(), penalties=["r1=1"], pace="sgd,lr=30.0"), well)


# Gradients ------------------------------------------------------------------------------------------------------------


@case("vanishing_generator_gradient")
def vanishing_minimax() -> Patient:
    """The minimax loss under a discriminator that is sure of fakes far away."""
    start = gan(lambda: net(8, 2), lambda: net(2, 1), on_ring() + 3, loss="minimax", player_steps=(1, 150), noise=0.02,
                pace="adam,lr=2e-3,beta1=0.0,beta2=0.9")  # fmt: skip
    return trained(start, 4)


@case("vanishing_generator_gradient")
def vanishing_stuck() -> Patient:
    """A convolutional generator deep in the flat part of its tanh."""
    torch.manual_seed(0)
    last = painter()
    last[6].bias.data.fill_(-12.0)
    one = gan(lambda: last, viewer, blobs(), penalties=["r1=1"])
    return trained(one, 10, (False, True))


@case("vanishing_generator_gradient")
def vanishing_flat() -> Patient:
    """A discriminator that is a step between data and fakes, and flat elsewhere."""
    flat = net(2, 1, activation=nn.Tanh)
    flat[0].weight.data *= 400
    flat[0].bias.data.fill_(-600.0)
    return gan(lambda: net(8, 2), lambda: flat, moons() + 3, penalties=["r1=0.01"])


@case("saturated_discriminator")
def saturated_perceptron() -> Patient:
    """A discriminator trained far ahead of its generator."""
    start = gan(lambda: net(8, 2), lambda: net(2, 1), grid() + 2, player_steps=(1, 200),
                pace="adam,lr=3e-3,beta1=0.0,beta2=0.9")  # fmt: skip
    return trained(start, 3, (False, True))


@case("saturated_discriminator")
def saturated_convolutional() -> Patient:
    """The same with convolutions, on bars, under a penalty that is much too light."""
    start = gan(painter, viewer, bars(), player_steps=(1, 60), penalties=["r1=1e-4"],
                pace="adam,lr=3e-3,beta1=0.0,beta2=0.9")  # fmt: skip
    return trained(start, 3, (False, True))


@case("exploding_critic_gradient")
def exploding_perceptron() -> Patient:
    """A Wasserstein critic that nothing bounds."""
    start = gan(lambda: net(8, 2), lambda: net(2, 1), on_ring() + 3, loss="wasserstein", player_steps=(1, 10),
                pace="adam,lr=2e-2,beta1=0.0,beta2=0.9")  # fmt: skip
    return trained(start, 14)


@case("exploding_critic_gradient")
def exploding_convolutional() -> Patient:
    """The same with convolutions."""
    start = gan(painter, viewer, bars(), loss="wasserstein", player_steps=(1, 5),
                pace="rmsprop,lr=1e-2")  # fmt: skip
    return trained(start, 25)


# Data -----------------------------------------------------------------------------------------------------------------


@case("disjoint_supports")
def disjoint_perceptron() -> Patient:
    """A thin circle and fakes beside it, no penalty, and a discriminator that knows."""
    start = gan(lambda: net(8, 2), lambda: net(2, 1), 0.5 * on_ring() - 2.5, player_steps=(1, 120),
                pace="adam,lr=1e-3,beta1=0.0,beta2=0.9")  # fmt: skip
    return trained(start, 4, (False, True))


@case("disjoint_supports")
def disjoint_convolutional() -> Patient:
    """Images against a generator at its beginning, the log loss and no penalty."""
    start = gan(painter, viewer, blobs(), player_steps=(1, 40), pace="adam,lr=1e-3,beta1=0.0,beta2=0.9")
    return trained(start, 4, (False, True))


@case("discriminator_overfit")
def overfit_perceptron() -> Patient:
    """Forty samples in 24 dimensions, learned by heart against fakes of their own law."""
    noise = torch.as_tensor(_rng().standard_normal((440, 24)), dtype=torch.float32)
    same = nn.Linear(24, 24)
    same.weight.data, same.bias.data = torch.eye(24), torch.zeros(24)
    start = gan(lambda: same, lambda: net(24, 1, width=128), noise[:40], held_out=noise[40:], latent=24,
                player_steps=(1, 60))  # fmt: skip
    return trained(start, 4)


@case("discriminator_overfit")
def overfit_convolutional() -> Patient:
    """Forty noisy images, learned by heart against fakes of their own law."""
    noise = 0.5 * torch.as_tensor(_rng(8).standard_normal((440, 1, 8, 8)), dtype=torch.float32)
    same = nn.Sequential(nn.Linear(64, 64), nn.Unflatten(1, (1, 8, 8)))
    same[0].weight.data, same[0].bias.data = 0.5 * torch.eye(64), torch.zeros(64)  # type: ignore[union-attr]
    start = gan(lambda: same, lambda: viewer(24), noise[:40], held_out=noise[40:], latent=64, batch=40,
                penalties=["r1=0.001"], player_steps=(1, 60))  # fmt: skip
    return trained(start, 4)


@case("mode_collapse")
def collapse_two_modes() -> Patient:
    """A perceptron that was trained on two of the eight modes."""
    angle = torch.atan2(on_ring()[:, 1], on_ring()[:, 0])
    few = on_ring()[(angle.abs() < 0.4) | (angle.abs() > 2.74)]
    parts = (lambda: net(8, 2), lambda: net(2, 1))
    options: Any = {"penalties": ["r1=0.5"], "pace": "adam,lr=3e-3,beta1=0.0,beta2=0.9"}
    there = trained(gan(*parts, few, **options), 300)
    return trained(moved(gan(*parts, on_ring(), **options), there), 20, (False, True))


@case("mode_collapse")
def collapse_convolutional() -> Patient:
    """A convolutional generator that makes one and the same image."""
    torch.manual_seed(1)
    one = painter()
    goal, optimizer = blobs()[:1], torch.optim.Adam(one.parameters(), 1e-2)
    for _ in range(80):
        optimizer.zero_grad()
        loss = (one(torch.randn(32, 8)) - goal).square().mean()
        loss.backward()
        optimizer.step()
    return trained(gan(lambda: one, viewer, blobs(), penalties=["r1=1"]), 20, (False, True))


@case("mode_collapse")
def collapse_one_mode() -> Patient:
    """A perceptron that makes one of nine modes of a grid."""
    few = grid()[(grid() - torch.tensor([1.0, 0.0])).norm(dim=1) < 0.4]
    parts = (lambda: net(8, 2), lambda: net(2, 1))
    options: Any = {"penalties": ["r1=0.5"], "pace": "adam,lr=3e-3,beta1=0.0,beta2=0.9"}
    there = trained(gan(*parts, few, **options), 300)
    return trained(moved(gan(*parts, grid(), **options), there), 20, (False, True))


@case("wrong_data_range")
def range_bytes() -> Patient:
    """Images as bytes, and a generator that ends in a tanh."""
    return trained(gan(painter, viewer, (blobs() + 1) * 127.5, penalties=["r1=1"]), 20)


@case("wrong_data_range")
def range_sigmoid() -> Patient:
    """A generator in [0, 1] and data around 0."""
    return trained(gan(lambda: net(8, 2, nn.Sigmoid()), lambda: net(2, 1), moons(), penalties=["r1=1"]), 50)


# Rest -----------------------------------------------------------------------------------------------------------------


@case("plateau")
def plateau_saturated() -> Patient:
    """A Dirac-GAN in the flat part of the minimax loss."""
    zeros = torch.zeros(32, 1, dtype=F64)
    return linear(Shift([1.0]), Slope([-18.0]), zeros, latent=1, batch=4)


@case("plateau")
def plateau_decayed() -> Patient:
    """Convolutional networks whose rates a schedule has taken to next to nothing, too soon."""
    early = trained(gan(painter, viewer, blobs(), penalties=["r1=1"]), 30)
    return moved(gan(painter, viewer, blobs(), penalties=["r1=1"], pace="sgd,lr=1e-8"), early)


@case("plateau")
def plateau_perceptron() -> Patient:
    """The same with a perceptron under Adam."""
    early = trained(gan(lambda: net(8, 2), lambda: net(2, 1), moons(), penalties=["r1=1"]), 30)
    late = gan(
        lambda: net(8, 2), lambda: net(2, 1), moons(), penalties=["r1=1"], pace="adam,lr=1e-9,beta1=0.0,beta2=0.9"
    )
    return moved(late, early)


@case("false_equilibrium")
def false_dead() -> Patient:
    """psi^2 x at psi = 0: nobody moves, wherever the generator is."""
    return linear(Shift([1.0, 1.0], 1.0), Slope([0.0, 0.0], power=2), normal(dtype=F64), latent=2)


@case("false_equilibrium")
def false_moments() -> Patient:
    """Images whose mean is right, and a linear discriminator that sees nothing else."""
    mean = Shift(torch.zeros(1, 8, 8, dtype=F64), 0.05)
    return linear(mean, filtered(), spots(), latent=64, penalties=["r1=0.1"], batch=256)


# Conditioning and damping ---------------------------------------------------------------------------------------------


@case("ill_conditioned")
def conditioned_units() -> Patient:
    """Two components in units a hundred thousand times apart, the small one left over."""
    units = torch.tensor([100.0, 1e-3], dtype=F64)
    return linear(Shift([0.0, 1e-3]), Slope([0.0, 1e-3], units=units), torch.zeros(64, 2, dtype=F64), latent=2, batch=4,
                  pace="sgd,lr=1e-3")  # fmt: skip


@case("ill_conditioned")
def conditioned_image() -> Patient:
    """An image whose last column the critic hardly sees, and which alone is wrong."""
    units = torch.full((1, 8, 8), 10.0, dtype=F64)
    units[..., -1] = 1e-4
    wrong = torch.zeros(1, 8, 8, dtype=F64)
    wrong[..., -1] = 1.0
    zeros = torch.zeros(64, 1, 8, 8, dtype=F64)
    return linear(Shift(wrong), Slope(1e-2 * wrong, units=units), zeros, latent=64, batch=4,
                  pace="sgd,lr=1e-2", penalties=["r1=0.05"])  # fmt: skip


@case("overdamped")
def overdamped_linear() -> Patient:
    """Fifty times the critical weight."""
    return linear(Shift([0.3, 0.0], 1.0), Slope([0.0, 0.1]), normal(dtype=F64), latent=2, penalties=["r1=50"],
                  pace="sgd,lr=0.01")  # fmt: skip


@case("overdamped")
def overdamped_filters() -> Patient:
    """The mean of images against linear filters under far too heavy a penalty."""
    torch.manual_seed(3)
    mean = Shift(0.2 * torch.randn(1, 8, 8, dtype=F64), 0.4)
    return linear(mean, filtered(0.002), spots(), latent=64, penalties=["r1=300"], pace="sgd,lr=1e-3")


@case("overdamped")
def overdamped_perceptron() -> Patient:
    """A trained perceptron under a penalty ten thousand times heavier."""
    parts = (lambda: net(2, 2), lambda: net(2, 1))
    well = trained(gan(*parts, normal(), penalties=["r1=1"], latent=2, pace="adam,lr=3e-3,beta1=0.0,beta2=0.9"), 200)
    return moved(gan(*parts, normal(), penalties=["r1=10000"], latent=2, pace="sgd,lr=1e-5"), well)


# Modules --------------------------------------------------------------------------------------------------------------


def normed(norm: nn.Module) -> nn.Module:
    """A discriminator with one norm."""
    return nn.Sequential(nn.Linear(2, 16), norm, nn.LeakyReLU(0.2), nn.Linear(16, 1))


@case("normalisation_breaks_penalty")
def batch_norm_perceptron() -> Patient:
    """Batch norm under R1."""
    return trained(gan(lambda: net(8, 2), lambda: normed(nn.BatchNorm1d(16)), on_ring(), penalties=["r1=1"]), 50)


@case("normalisation_breaks_penalty")
def batch_norm_convolutional() -> Patient:
    """Batch norm under WGAN-GP, with convolutions."""
    start = gan(painter, lambda: viewer(norm=nn.BatchNorm2d), bars(), loss="wasserstein", penalties=["wgan_gp=10"])
    return trained(start, 20)


@case("loss_mismatch")
def sigmoid_perceptron() -> Patient:
    """A sigmoid before a loss of logits."""
    return trained(gan(lambda: net(8, 2), lambda: net(2, 1, nn.Sigmoid()), on_ring(), penalties=["r1=1"]), 50)


@case("loss_mismatch")
def swapped_convolutional() -> Patient:
    """Own functions whose labels are swapped for the generator alone."""
    softplus = nn.functional.softplus
    own = (lambda f: softplus(f).mean(), lambda r, f: softplus(-r).mean() + softplus(f).mean())
    return trained(gan(painter, viewer, blobs(), loss=own, penalties=["r1=1"]), 10)


@case("loss_mismatch")
def bounded_convolutional() -> Patient:
    """A Wasserstein loss, which wants outputs ever further apart, behind a tanh."""
    tanh = lambda: nn.Sequential(viewer(), nn.Tanh())
    return trained(gan(painter, tanh, bars(), loss="wasserstein", penalties=["r1=1"]), 10)


@case("dead_units")
def dead_perceptron() -> Patient:
    """A discriminator whose rectifiers are off, but for a few."""
    torch.manual_seed(5)
    one = net(2, 1, activation=nn.ReLU)
    one[0].bias.data[:30] = -100.0
    return trained(gan(lambda: net(8, 2), lambda: one, on_ring(), penalties=["r1=1"]), 100)


@case("dead_units")
def dead_convolutional() -> Patient:
    """A generator whose channels are off, but for one."""
    torch.manual_seed(5)
    one = nn.Sequential(*(nn.ReLU() if isinstance(part, nn.SiLU) else part for part in painter()))
    one[4].bias.data[1:] = -50.0  # type: ignore[union-attr]
    return trained(gan(lambda: one, viewer, blobs(), penalties=["r1=1"]), 40)


@case("noise_floor")
def noise_mean() -> Patient:
    """A mean at its equilibrium, under the noise of small batches."""
    return linear(Shift([0.0], 1.0), Slope([0.0]), normal(1, 4096, F64), latent=1, batch=4, loss="nonsaturating",
                  penalties=["r1=1"], pace="sgd,lr=0.3")  # fmt: skip


@case("noise_floor")
def noise_filters() -> Patient:
    """The mean of images at its equilibrium, linear filters, batches of four."""
    mean = Shift(torch.zeros(1, 8, 8, dtype=F64), 1.0)
    noise = torch.as_tensor(_rng(9).standard_normal((4096, 1, 8, 8)))
    return linear(mean, filtered(), noise - noise.mean(0), latent=64, batch=4, penalties=["r1=1"], pace="sgd,lr=0.5")


class InPlace(nn.Module):
    """Changes a value that its backward needs once more."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.sigmoid()
        z = 2 * y
        y.mul_(2)
        return z * y


class Once(torch.autograd.Function):
    """A tanh whose backward hides its own derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grads[0] * (1 - x.detach().tanh() ** 2)


class Silent(nn.Module):
    """Calls it."""

    def forward(self, x: Tensor) -> Any:
        return Once.apply(x)


@case("double_backward_unsafe")
def unsafe_in_place() -> Patient:
    """An operation in place, under R1."""
    parts = nn.Sequential(nn.Linear(2, 16), InPlace(), nn.Linear(16, 1))
    return gan(lambda: net(8, 2), lambda: parts, on_ring(), penalties=["r1=1"])


@case("double_backward_unsafe")
def unsafe_convolutional() -> Patient:
    """A hand-written backward that cannot be differentiated, with convolutions."""
    return gan(painter, lambda: viewer(activation=Silent), blobs(), penalties=["r1=1"])


# Healthy --------------------------------------------------------------------------------------------------------------


@case("healthy")
def healthy_ring() -> Patient:
    """The non-saturating loss with R1 on a ring."""
    start = gan(lambda: net(8, 2), lambda: net(2, 1), on_ring(), penalties=["r1=1"],
                pace="adam,lr=2e-3,beta1=0.0,beta2=0.9")  # fmt: skip
    return trained(start, 300)


@case("healthy")
def healthy_blobs() -> Patient:
    """Convolutions, the non-saturating loss and R1."""
    start = gan(painter, viewer, blobs(), penalties=["r1=0.5"], pace="adam,lr=2e-3,beta1=0.0,beta2=0.9")
    return trained(start, 200)


@case("healthy")
def healthy_paired() -> Patient:
    """The relativistic paired loss with R1 and R2 on a normal law."""
    start = gan(lambda: net(2, 2), lambda: net(2, 1), normal(), latent=2, loss="rp-logistic,scale=0.5",
                penalties=["r1=1", "r2=1"], pace="adam,lr=2e-3,beta1=0.0,beta2=0.9")  # fmt: skip
    return trained(start, 250)


@case("healthy")
def healthy_wgan_gp() -> Patient:
    """WGAN-GP on two moons."""
    start = gan(lambda: net(8, 2), lambda: net(2, 1), moons(), loss="wasserstein", penalties=["wgan_gp=10"],
                player_steps=(1, 3), pace="adam,lr=1e-3,beta1=0.0,beta2=0.9")  # fmt: skip
    return trained(start, 200)


@case("healthy")
def healthy_new() -> Patient:
    """Networks as they were drawn."""
    return gan(lambda: net(8, 2), lambda: net(2, 1), grid(), penalties=["r1=1"])


@case("healthy")
def healthy_bars() -> Patient:
    """Convolutions, least squares and R1, at an early stage."""
    return trained(gan(painter, viewer, bars(), loss="least_squares", penalties=["r1=1"]), 120)


@case("healthy")
def healthy_damped() -> Patient:
    """A critically damped linear game, on its way."""
    return linear(
        Shift([0.5, -0.5], 1.0), Slope([0.1, 0.1]), normal(dtype=F64), latent=2, batch=256, penalties=["r1=1"]
    )


@case("healthy")
def healthy_hinge() -> Patient:
    """The hinge loss with R1 on a grid, held-out data at hand."""
    start = gan(lambda: net(8, 2), lambda: net(2, 1), grid()[:900], held_out=grid()[900:], loss="hinge",
                penalties=["r1=0.5"], pace="adam,lr=2e-3,beta1=0.0,beta2=0.9")  # fmt: skip
    return trained(start, 300)


@case("healthy")
def healthy_rmsprop() -> Patient:
    """The minimax loss with R1 under RMSProp, on a normal law."""
    start = gan(lambda: net(4, 2), lambda: net(2, 1), normal(), latent=4, loss="minimax", penalties=["r1=1"],
                pace="rmsprop,lr=1e-3")  # fmt: skip
    return trained(start, 250)


@case("healthy")
def healthy_blobs_paired() -> Patient:
    """Convolutions with the relativistic paired loss, R1 and R2."""
    start = gan(painter, viewer, blobs(), loss="rp-logistic,scale=0.5", penalties=["r1=0.5", "r2=0.5"],
                pace="adam,lr=1e-3,beta1=0.0,beta2=0.9")  # fmt: skip
    return trained(start, 150)


def _halved() -> dict[str, Case]:
    """Return all cases with their halves: alternating within a finding, every other one starting with `judged`."""
    halves = (SET, JUDGED)
    return {
        name: Case(make, expected, halves[(place + turn) % 2])
        for turn, (expected, cases) in enumerate(_ILL.items())
        for place, (name, make) in enumerate(cases)
    }


PATIENTS: dict[str, Case] = _halved()
