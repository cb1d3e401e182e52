"""The local-convergence certificate of a low-dimensional GAN (Mescheder et al. 2018, theorem 4.1), numerically.

At an equilibrium the regularized field's Jacobian is [[0, -K^T], [K, M]]. If the model is realizable (I), the loss is
curved (II) and the discriminator detects every deviation (III), gradient steps converge locally at a linear rate. The
certificate evaluates the blocks, names the assumption that fails, and confirms the rate by a run.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tussle.autodiff import compiled, float64, input_gradient, to_numpy
from tussle.field import AbstractField, read_many
from tussle.game import Point, as_point, placed, sizes_of, split
from tussle.gan import GAN
from tussle.jacobian import field_jacobian, map_jacobian
from tussle.losses import two_activation
from tussle.map import Map
from tussle.measures import Nodes
from tussle.records import record
from tussle.spectra import sorted_spectrum
from tussle.trajectory import run


@record
class Assumption:
    """One assumption of the theorem: its number, whether it holds, and the evidence in one sentence."""

    name: str
    holds: bool
    evidence: str


@record
class Certificate:
    """What the theorem says of one equilibrium, and what a run said.

    Attributes:
        assumptions: equilibrium, I, II and III, each with its evidence.
        eigenvalues: of the field's Jacobian on the space normal to the equilibria, sorted.
        bound: the theorem's upper bound of their real parts (nan if M is not negative definite there).
        largest_step: of simultaneous plain steps, from the eigenvalues; 0 if there is none.
        predicted_rate: factor per step by which the map contracts (its radius on moving directions).
        observed_rate: the factor fitted to a run from a small perturbation.
        generator_freedom: dimension of the directions that change nothing that the discriminator sees.
        discriminator_freedom: dimension of the discriminator's directions that are neither damped nor coupled.
    """

    assumptions: tuple[Assumption, ...]
    eigenvalues: np.ndarray
    bound: float
    largest_step: float
    predicted_rate: float
    observed_rate: float
    generator_freedom: int
    discriminator_freedom: int

    @property
    def holds(self) -> bool:
        """Whether every assumption holds."""
        return all(a.holds for a in self.assumptions)

    @property
    def failed(self) -> tuple[Assumption, ...]:
        """The assumptions that fail."""
        return tuple(a for a in self.assumptions if not a.holds)

    def __str__(self) -> str:
        """Return the assumptions and the rates as text."""
        lines = [f"{'holds' if a.holds else 'FAILS'}  {a.name}: {a.evidence}" for a in self.assumptions]
        rates = f"rate per step: predicted {self.predicted_rate:.6g}, observed {self.observed_rate:.6g}"
        return "\n".join([*lines, rates])


def certificate(map: Map, at: Any, *, tolerance: float = 1e-8, seed: int = 0) -> Certificate:
    """Examine one equilibrium of a GAN.

    Args:
        map: a method on a field of a `GAN` with exact expectations; its plain steps' rate is predicted and observed.
        at: the equilibrium, one vector per player.
        tolerance: relative size below which a singular value or an eigenvalue counts as zero.
        seed: of the perturbation from which the run begins.

    Raises:
        ValueError: if the game is not a GAN.
    """
    game = map.field.game
    if not isinstance(game, GAN):
        message = f"`map` plays a {type(game).__name__}; the certificate is about a GAN; give a map on a GAN's field."
        raise ValueError(message)
    point = tuple(np.atleast_1d(np.asarray(x, dtype=float)) for x in at)
    matrix = field_jacobian(map.field, point)
    n = len(point[0])
    coupling, damping = matrix[n:, :n], matrix[n:, n:]
    scale = max(float(np.abs(matrix).max()), 1e-300)
    theta_free, theta_seen = _null(coupling, tolerance * scale)
    psi_free, psi_moving = _null(np.vstack([damping, coupling.T]), tolerance * scale)
    normal = _block(theta_seen, psi_moving)
    found = sorted_spectrum(np.linalg.eigvals(normal.T @ matrix @ normal)) if normal.size else np.zeros(0, complex)
    assumptions = (
        _stationary(map.field, point, matrix[:n, :n], tolerance),
        _realizable(game, point, tolerance),
        _curved(game),
        _detecting(game, point, coupling, damping, theta_free, psi_free, tolerance),
    )
    predicted = _radius(map, point, normal)
    observed = _observed(map, point, normal, seed)
    step = min((2 * abs(z.real) / abs(z) ** 2 if z.real < 0 else 0.0 for z in found), default=0.0)
    bound = _bound(theta_seen, psi_moving, coupling, damping)
    return Certificate(assumptions, found, bound, step, predicted, observed, theta_free.shape[1], psi_free.shape[1])


def _null(matrix: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return orthonormal bases of the null space and of its complement, as columns."""
    _, values, rows = np.linalg.svd(matrix, full_matrices=True)
    rank = int(np.sum(values > threshold))
    return rows[rank:].T, rows[:rank].T


def _block(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    out = np.zeros((first.shape[0] + second.shape[0], first.shape[1] + second.shape[1]))
    out[: first.shape[0], : first.shape[1]] = first
    out[first.shape[0] :, first.shape[1] :] = second
    return out


def _stationary(field: AbstractField, point: Point, corner: np.ndarray, tolerance: float) -> Assumption:
    joined = np.concatenate(point)
    residual = float(np.linalg.norm(read_many(field, joined[None], [len(x) for x in point])[0]))
    size = float(np.abs(corner).max())
    holds = residual <= tolerance and size <= tolerance
    evidence = f"the field has length {residual:.2g} there and the generator's own block has size {size:.2g}"
    if not holds:
        evidence += "; it must vanish with a zero generator block (an energy solution has a damped one)"
    return Assumption("stationary point of the form [[0, -K^T], [K, M]]", holds, evidence)


@compiled
def _examined(game: GAN, point: Point, spread: Any) -> Any:
    batch = placed(game.expectation(), point[0])
    real, fake = batch.real, game.fakes(point[0], batch)

    def critic(x: Any) -> Any:
        return game.logits(point[1], x)

    around = critic(real.points + spread), critic(real.points - spread)
    return real, fake, critic(real.points), input_gradient(critic, real.points), around


def _realizable(game: GAN, point: Point, tolerance: float) -> Assumption:
    with float64():
        moved = _examined(game, as_point(point), 1e-3)
    real, fake, scores, slopes, around = moved
    scores = to_numpy(scores)
    level = scores.mean() if game.loss_function.coupling != "plain" else 0.0
    on = float(np.abs(scores - level).max())
    near = max(float(np.abs(to_numpy(a) - level).max()) for a in around)
    slope = float(np.abs(to_numpy(slopes)).max())
    distance = discrepancy(real, fake)
    holds = max(on, near, slope) <= tolerance and distance <= tolerance
    evidence = (
        f"D is within {max(on, near):.2g} of its constant around the data (slope {slope:.2g}), and the kernel distance "
        f"of data and fakes is {distance:.2g}"
    )
    return Assumption("I: realizable, D = 0 around the data", holds, evidence)


def discrepancy(first: Nodes, second: Nodes) -> float:
    """Return the maximum mean discrepancy of two weighted node sets, with a Gaussian kernel as wide as the data."""
    x, y = to_numpy(first.points), to_numpy(second.points)
    p = np.full(len(x), 1 / len(x)) if first.weights is None else to_numpy(first.weights)
    q = np.full(len(y), 1 / len(y)) if second.weights is None else to_numpy(second.weights)
    width = max(float(np.sqrt(p @ np.sum((x - p @ x) ** 2, axis=1))), 1e-1)
    both, weights = np.vstack([x, y]), np.concatenate([p, -q])
    squares = np.sum(both**2, axis=1)
    square = squares[:, None] + squares[None, :] - 2 * both @ both.T
    value = float(weights @ np.exp(-np.maximum(square, 0) / (2 * width**2)) @ weights)
    return float(np.sqrt(max(value, 0.0)))


def _curved(game: GAN) -> Assumption:
    found = two_activation(game.loss_function)
    first, second = found.slopes
    evidence = f"f' = {first:.4g} and {second:.4g} at 0, f'' summed over both activations = {found.curvature:.4g}"
    sloped = min(abs(first), abs(second)) > 1e-12
    holds = sloped and found.curvature < -1e-12
    if sloped and abs(found.curvature) <= 1e-12 and any(p.center == 0 for p in game.penalties):
        holds = True
        evidence += "; a linear loss is covered by the extension with a zero-centered gradient penalty"
    elif not holds:
        evidence += "; the slopes must not vanish and the curvature must be negative"
    return Assumption("II: the loss is curved at 0", holds, evidence)


def _detecting(
    game: GAN, point: Point, coupling: np.ndarray, damping: np.ndarray, theta_free: np.ndarray, psi_free: np.ndarray,
    tolerance: float,
) -> Assumption:  # fmt: skip
    name = "III: the discriminator detects every deviation, and every deviation is damped"
    scale = max(float(np.abs(coupling).max()), float(np.abs(damping).max()), 1e-300)
    undamped, _ = _null(damping, tolerance * scale)
    driven = coupling.T @ undamped
    strength = np.linalg.norm(driven, axis=0) if driven.size else np.zeros(0)
    if np.any(strength > tolerance * scale):
        frequency = float(np.linalg.norm(driven, ord=2))
        evidence = (
            f"{int(np.sum(strength > tolerance * scale))} direction(s) of the discriminator are driven by the "
            f"generator (|K^T u| = {frequency:.4g}) but not damped (M u = 0): they can rotate without end; "
            "a gradient penalty or instance noise would damp them"
        )
        return Assumption(name, False, evidence)
    growing = np.linalg.eigvalsh((damping + damping.T) / 2).max(initial=-np.inf)
    if growing > tolerance * scale:
        return Assumption(name, False, f"M has the positive eigenvalue {growing:.4g}: the discriminator runs away")
    for free, player, what in ((theta_free, 0, "generator"), (psi_free, 1, "discriminator")):
        change = _visible(game, point, free, player)
        if change > 1e-6:
            evidence = (
                f"{free.shape[1]} direction(s) of the {what} change it (by {change:.2g} at distance 1e-2) but K and M "
                "do not see them: deviations go undetected; a richer discriminator would see them"
            )
            return Assumption(name, False, evidence)
    evidence = (
        f"K has rank {coupling.shape[1] - theta_free.shape[1]} of {coupling.shape[1]}, M is negative definite on the "
        f"{damping.shape[0] - psi_free.shape[1]} coupled direction(s)"
    )
    return Assumption(name, True, evidence)


def _visible(game: GAN, point: Point, free: np.ndarray, player: int) -> float:
    """Return how much fakes (player 0) or scores on the data (player 1) change along directions of the null space."""
    worst = 0.0
    for direction in free.T:
        moved = tuple(x + 1e-2 * direction if i == player else x for i, x in enumerate(point))
        with float64():
            real, fake, scores, slopes, _ = _examined(game, as_point(moved), 0.0)
        if player == 0:
            worst = max(worst, discrepancy(real, fake))
        else:
            level = to_numpy(scores).mean() if game.loss_function.coupling != "plain" else 0.0
            worst = max(worst, float(np.abs(to_numpy(scores) - level).max()), float(np.abs(to_numpy(slopes)).max()))
    return worst


def _bound(theta: np.ndarray, psi: np.ndarray, coupling: np.ndarray, damping: np.ndarray) -> float:
    """Return the bound of theorem A.7 on the real parts of [[0, -B^T], [B, -Q]]."""
    b, q = psi.T @ coupling @ theta, -psi.T @ damping @ psi
    if b.size == 0 or q.size == 0:
        return np.nan
    values, gram = np.linalg.eigvalsh((q + q.T) / 2), np.linalg.eigvalsh(b.T @ b)
    if values[0] <= 0 or gram[0] <= 0:
        return np.nan
    real = values[0] * gram[0] / (values[-1] * values[0] + gram[0])
    return -float(min(values[0] / 2, real))


def _radius(map: Map, point: Point, normal: np.ndarray) -> float:
    matrix = map_jacobian(map, point)
    extra = matrix.shape[0] - normal.shape[0]
    wide = _block(normal, np.eye(extra))
    values = np.linalg.eigvals(wide.T @ matrix @ wide)
    return float(np.abs(values).max(initial=0.0))


def _observed(map: Map, point: Point, normal: np.ndarray, seed: int, steps: int = 400) -> float:
    """Fit the factor per step at which a run from a small perturbation approaches the equilibrium."""
    rng = np.random.default_rng(seed)
    push = normal @ rng.standard_normal(normal.shape[1])
    start = np.concatenate(point) + 1e-4 * push / max(float(np.linalg.norm(push)), 1e-300)
    sizes: Sequence[int] = sizes_of(point)
    path = run(map, split(start, sizes), steps).path
    distance = np.linalg.norm((path - np.concatenate(point)) @ normal, axis=1)
    good = np.flatnonzero((distance > 1e-13) & np.isfinite(distance))
    if len(good) < 20:
        return 0.0 if np.all(np.isfinite(distance)) else np.inf
    tail = good[len(good) // 3 :]
    return float(np.exp(np.polyfit(tail, np.log(distance[tail]), 1)[0]))
