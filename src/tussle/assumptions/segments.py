"""Relaxing absolute continuity: laws on parallel segments and on two rings, which share nothing.

Between them every f-divergence sits at its extreme, whatever the distance, while transport, energy and kernel distances
still tell it. Noise brings the f-divergences back, and their slopes vanish or explode instead.

References:
    Arjovsky, Bottou, "Towards principled methods for training generative adversarial networks", ICLR 2017.
    Nie, Patel, UAI 2019.
"""

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tussle import checks
from tussle.assumptions.experiments import Experiment, Value
from tussle.autodiff import Array, array, compiled, float64, gradient, iterate, namespace, to_numpy
from tussle.critics.densities import density_critic
from tussle.divergences import divergence
from tussle.field import Field
from tussle.game import placed
from tussle.gan import GAN
from tussle.laws import Normal
from tussle.losses import Loss, loss
from tussle.measures import Atoms, Nodes
from tussle.paces import adam
from tussle.penalties import wgan_gp
from tussle.records import record, static
from tussle.singular.rank import dimension_check

LENGTHS = 16  # nodes along a segment
LOSSES = {
    "minimax": "minimax", "nonsaturating": "minimax", "rp-logistic": "rp-logistic", "ra-logistic": "ra-logistic",
    "wasserstein": "wasserstein",
}  # fmt: skip
SHORT = {
    "minimax": "minimax",
    "nonsaturating": "NS",
    "rp-logistic": "Rp",
    "ra-logistic": "Ra",
    "wasserstein": "IPM",
}


# Parallel segments --------------------------------------------------------------------------------------------------


def segments(distances: Sequence[float] = (0.0, 0.01, 0.1, 0.5, 1.0, 2.0), bandwidth: float = 1.0) -> Experiment:
    """Return the divergences of the uniform laws on {0} x [0, 1] and {t} x [0, 1].

    f-divergences and transport are those of equal masses at the same heights on both segments, which are those of the
    segments: the supports are disjoint, and the best plan moves each point straight across. Energy distance and
    squared MMD are exact integrals.

    Args:
        distances: t.
        bandwidth: h of the Gaussian kernel of the MMD.

    >>> [round(x, 4) for x in segments((0.5,)).rows[0]]
    [0.5, 0.6931, 1.0, inf, inf, 0.5, 0.5, 0.5945, 0.2172]
    """
    checks.positive("bandwidth", bandwidth)
    heights = (np.arange(LENGTHS) + 0.5) / LENGTHS
    rows = []
    for t in distances:
        checks.nonnegative("distances", t)
        p, q = (Atoms(np.column_stack([np.full(LENGTHS, place), heights])) for place in (0.0, float(t)))
        found = [divergence(name, p, q).value for name in ("js", "tv", "kl", "reverse_kl", "w1", "w2")]
        rows.append((float(t), *found, energy(float(t)), squared_mmd(float(t), bandwidth)))
    notes = (
        "JS = log 2, TV = 1 and KL = inf do not depend on t: no step of the generator short of t changes them.",
        f"MMD2 with the Gaussian kernel of bandwidth {bandwidth:g}; energy distance 2E|X-Y| - E|X-X'| - E|Y-Y'|.",
    )
    columns = ("t", "JS", "TV", "KL(r||g)", "KL(g||r)", "W1", "W2", "energy", "MMD2")
    sentence = (
        "Between segments that do not touch, f-divergences are the same at every distance t > 0 and fall to 0 only "
        "at t = 0; W1 and W2 are the distance itself, and energy and MMD2 grow smoothly with it."
    )
    return Experiment("segments", "Two parallel segments at a distance t", (1,), columns, tuple(rows), notes, sentence)


def energy(t: float) -> float:
    """Return the energy distance of two parallel unit segments at a distance t.

    With r the difference of two heights, of density 2 (1 - r), it is 4 int (1 - r) (sqrt(t^2 + r^2) - r) dr.

    >>> round(energy(0.5), 10)
    0.5944957338
    """
    t = abs(float(t))
    if t == 0:
        return 0.0
    rim = math.sqrt(1 + t * t)
    straight = 0.5 * (rim + t * t * math.asinh(1 / t))
    return 4 * (straight - (rim**3 - t**3) / 3 - 1 / 6)


def squared_mmd(t: float, bandwidth: float) -> float:
    """Return the squared MMD of two parallel unit segments at a distance t, of the Gaussian kernel.

    The kernel is a product, so that MMD^2 = 2 (1 - exp(-t^2/2h^2)) E exp(-r^2/2h^2), r the difference of two heights.
    """
    h = bandwidth
    along = math.sqrt(2 * math.pi) * h * math.erf(1 / (math.sqrt(2) * h)) + 2 * h * h * math.expm1(-0.5 / (h * h))
    return -2 * along * math.expm1(-0.5 * (t / h) ** 2)


# Thickened ----------------------------------------------------------------------------------------------------------


def thickened(stds: Sequence[float] = (1.0, 0.5, 0.2, 0.1, 0.05), t: float = 1.0) -> Experiment:
    """Return KL, JS and their slopes in t for parallel segments with normal noise across them.

    Along the segments both laws agree, so that N(0, sigma^2) and N(t, sigma^2) remain: KL = t^2/2 sigma^2.

    Args:
        stds: sigma of the noise.
        t: distance of the segments.

    >>> [round(x, 6) for x in thickened((0.5,)).rows[0]]
    [0.5, 2.0, 0.336831, 0.4496, 4.0]
    """
    checks.positive("t", t)
    rows = []
    for std in stds:
        sigma = float(checks.positive("stds", std))
        p, q = Normal(0.0, sigma), Normal(float(t), sigma)
        # The minimax generator descends 2 JS.
        slope = 0.5 * density_critic("minimax", p, q).generator_gradient()
        rows.append((sigma, divergence("kl", p, q).value, divergence("js", p, q).value, slope, t / sigma**2))
    notes = (
        "dJS/dt is half of the saturating generator's gradient; dKL/dt, the same for both KL, is t/sigma^2.",
        "The logarithm of the nodes' weights keeps dJS/dt to its own digits, far below the rounding of JS.",
    )
    sentence = (
        f"At distance {t:g} the slope of JS is {rows[0][3]:.3g} under noise {rows[0][0]:g} and {rows[-1][3]:.1g} under "
        f"noise {rows[-1][0]:g}, where that of KL has grown to {rows[-1][4]:.4g}: one vanishes, the other explodes."
    )
    title = f"Segments at distance {t:g} with noise sigma across them"
    columns = ("sigma", "KL", "JS", "dJS/dt", "dKL/dt")
    return Experiment("thickened", title, (1, 5), columns, tuple(rows), notes, sentence)


# Two rings ----------------------------------------------------------------------------------------------------------


@record
class Ring:
    """The uniform law on a circle, at equally spaced nodes."""

    radius: float = static(default=1.0)
    count: int = static(default=64)

    def nodes(self) -> Nodes:
        """Return the nodes."""
        angle = 2 * np.pi * np.arange(self.count) / self.count
        rim = self.radius * np.column_stack([np.cos(angle), np.sin(angle)])
        return Nodes(rim)  # without weights: interpolates are those of the points side by side

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw points of the circle."""
        angle = 2 * np.pi * rng.random(count)
        return self.radius * np.column_stack([np.cos(angle), np.sin(angle)])


def _placed_ring(theta: Array, z: Array) -> Array:
    return theta[None, :2] + theta[2] * z


def perceptron(widths: Sequence[int], x: Array, psi: Array) -> Array:
    """Return the outputs of a perceptron with tanh between its layers, (n, widths[-1]).

    Args:
        widths: inputs, hidden layers, outputs.
        x: (n, widths[0]).
        psi: all weights and biases in a row, layer by layer.
    """
    xp, start = namespace(x, psi), 0
    for k, (first, second) in enumerate(itertools.pairwise(widths)):
        matrix = xp.reshape(psi[start : start + first * second], (first, second))
        start += first * second
        x = (x if k == 0 else xp.tanh(x)) @ matrix + psi[start : start + second]
        start += second
    return x


def drawn(widths: Sequence[int], seed: int) -> np.ndarray:
    """Return weights uniform in +-sqrt(6/(inputs + outputs)) and biases 0, in a row."""
    rng, parts = np.random.default_rng(seed), []
    for first, second in itertools.pairwise(widths):
        bound = math.sqrt(6 / (first + second))
        parts += [rng.uniform(-bound, bound, first * second), np.zeros(second)]
    return np.concatenate(parts)


# Equal games must be the same to the engine, so that each is compiled once.


@functools.cache
def _circle(count: int) -> Ring:
    return Ring(1.0, count)


@functools.cache
def _critic(width: int) -> Any:
    return lambda psi, x: perceptron((2, width, width, 1), x, psi)


@compiled
def _trained(game: GAN, theta: Array, psi: Array, state: Any, batch: Any, count: Array, lr: float) -> Any:
    """Take steps of Adam with the critic alone."""
    field, pace = Field(game), adam(lr, beta1=0.9)

    def body(carry: Any, _: Any) -> Any:
        now, before = carry
        move, after = pace.step(1, field.player(1, (theta, now), batch), before)
        return now + move, after

    return iterate(body, (psi, state), 1, count, None, psi)[0]


def rings(
    losses: Sequence[str] = tuple(LOSSES),
    steps: Sequence[int] = (1, 10, 100, 1000),
    radius: float = 2.0,
    width: int = 32,
    nodes: int = 64,
    lr: float = 3e-3,
    penalty: float = 10.0,
    seed: int = 0,
) -> Experiment:
    """Train critics on two rings and return how strongly each then pushes the generator.

    Data uniform on the unit circle; the generator makes a circle of center (theta_1, theta_2) and radius theta_3, here
    0 and `radius`; the critic is a perceptron with two hidden layers. Before the first step all critics are the same.

    Args:
        losses: among minimax, nonsaturating, rp-logistic, ra-logistic and wasserstein (an IPM with gradient penalty).
        steps: of the critic after which the gradient is read, in increasing order.
        radius: of the generated ring.
        width: of the critic's hidden layers.
        nodes: points on each ring.
        lr: rate of the critic's Adam.
        penalty: weight of the wasserstein critic's gradient penalty, gamma/2 convention.
        seed: of the critic's weights.

    Raises:
        ValueError: for another loss, or steps that do not increase.
    """
    for name in losses:
        checks.choice("losses", name, LOSSES)
    counts = [checks.count("steps", s) for s in steps]
    if not counts or sorted(set(counts)) != counts:
        message = f"`steps` is {counts}; it must increase; sort it and drop what comes twice."
        raise ValueError(message)
    checks.count("width", width)
    circle = _circle(checks.count("nodes", nodes, 3))
    theta, start = np.array([0.0, 0.0, float(checks.positive("radius", radius))]), drawn((2, width, width, 1), seed)
    rows: list[tuple[Value, ...]] = []
    known: dict[str, Any] = {}
    for name in losses:
        penalties = (wgan_gp(penalty),) if name == "wasserstein" else ()
        made = GAN(_placed_ring, _critic(width), circle, circle, _loss(name), penalties)
        trainer = made if LOSSES[name] == name else _with_loss(made, LOSSES[name])
        if LOSSES[name] not in known:
            known[LOSSES[name]] = _critics(trainer, theta, start, counts, lr)
        rows += [_ring_row(made, name, theta, psi, at) for at, psi in known[LOSSES[name]]]
    return Experiment(
        "rings", "Critics trained on two rings, and what they tell the generator", (1,), RING_COLUMNS, tuple(rows),
        _ring_notes(radius, penalty), _ring_sentence(rows, losses, counts[-1]),
    )  # fmt: skip


RING_COLUMNS = ("loss", "critic steps", "critic loss", "|grad L_G|", "dL_G/d radius")


def _with_loss(game: GAN, name: str) -> GAN:
    return GAN(game.generator, game.critic, game.data, game.latent, _loss(name), game.penalties)


def _loss(name: str) -> Loss:
    # One of the two mirror images of a paired term, so that it is the E softplus(C(fake) - C(real)) of the paper.
    return loss(name, pairing="all", scale=0.5) if name == "rp-logistic" else loss(name)


def _critics(game: GAN, theta: Any, start: Any, counts: Sequence[int], lr: float) -> list[tuple[int, Any]]:
    """Return the critic before training and after each count of steps."""
    found, done = [(0, start)], 0
    with float64():
        point = (array(theta), array(start))
        batch, state, psi = placed(game.expectation(), point[0]), adam(lr, beta1=0.9).init(point[1]), point[1]
        for count in counts:
            psi, state = _trained(game, point[0], psi, state, batch, count - done, lr)
            done = count
            found.append((count, to_numpy(psi)))
    return found


@compiled
def _read(game: GAN, theta: Array, psi: Array, batch: Any) -> tuple[Array, Array]:
    """Return the generator's gradient and the critic's loss."""
    push = gradient(lambda x: game.loss(0, (x, psi), batch), theta)
    return push, game.loss(1, (theta, psi), batch)


def _ring_row(game: GAN, name: str, theta: np.ndarray, psi: np.ndarray, count: int) -> tuple[Value, ...]:
    with float64():
        point = (array(theta), array(psi))
        push, value = (to_numpy(x) for x in _read(game, *point, placed(game.expectation(), point[0])))
    return (SHORT[name], count, float(value), float(np.linalg.norm(push)), float(push[2]))


def _ring_notes(radius: float, penalty: float) -> tuple[str, ...]:
    return (
        f"Unit circle against one of radius {radius:g} around the same center: W1 = {abs(radius - 1):g}, of slope "
        f"{math.copysign(1, radius - 1):g} in the radius.",
        "NS and minimax share one critic. dL_G/d radius above 0 pushes the generated ring inward.",
        f"IPM: Wasserstein with a gradient penalty of weight {penalty:g}; the others have none, and no finite optimum.",
        "The generator's loss of Ra has two terms, of fakes and of real data; those of NS and Rp have one.",
    )


def _ring_sentence(rows: list[tuple[Value, ...]], losses: Sequence[str], last: int) -> str:
    found = {str(row[0]): float(row[3]) for row in rows if row[1] == last}
    words = ", ".join(f"{SHORT[name]} {found[SHORT[name]]:.2g}" for name in losses)
    near = min(found, key=lambda name: abs(math.log(max(found[name], 1e-300))))
    return (
        f"After {last} steps of the critic the generator's gradient has the norm: {words}; that of W1 is 1, and "
        f"nearest to it comes {near}."
    )


@functools.cache
def _generator(widths: tuple[int, ...]) -> Any:
    return compiled(lambda psi, z: perceptron(widths, z, array(psi, z)))


# Rank ---------------------------------------------------------------------------------------------------------------


def ranks(
    latents: Sequence[int] = (1, 2, 3, 4), dimension: int = 3, width: int = 16, samples: int = 32, seed: int = 0
) -> Experiment:
    """Return the numerical rank of a perceptron generator's Jacobian for several numbers of latents.

    Args:
        latents: dimension of the latent.
        dimension: of the data.
        width: of the two hidden layers.
        samples: latents at which the Jacobian is read.
        seed: of weights and latents.

    >>> [(row[0], row[2], row[5]) for row in ranks((1, 3)).rows]
    [(1, 1, 'no'), (3, 3, 'yes')]
    """
    checks.count("dimension", dimension)
    rows: list[tuple[Value, ...]] = []
    for m in latents:
        widths = (checks.count("latents", m), checks.count("width", width), width, dimension)
        z = np.random.default_rng((seed, m)).standard_normal((checks.count("samples", samples), m))
        report = dimension_check(_generator(widths), drawn(widths, seed), z, dimension)
        kept, dropped = report.gap
        rows.append((m, dimension, report.rank, kept, dropped, "yes" if report.has_density else "no"))
    notes = (
        "Shares of the largest singular value: the smallest that counts, the largest that does not (0 where none).",
        "A smooth map from m numbers has an image of dimension m at most: below the data's there is no density p_g.",
    )
    columns = ("latents", "data", "rank", "smallest kept", "largest dropped", "density")
    lacking = [str(row[0]) for row in rows if row[5] == "no"]
    said = f"with {', '.join(lacking)} latent numbers it has no density" if lacking else "it always has a density"
    sentence = f"The rank of the generator's Jacobian never exceeds the number of latents: {said} in {dimension}."
    title = "Latents, and the rank of the generator's Jacobian"
    return Experiment("ranks", title, (1,), columns, tuple(rows), notes, sentence)
