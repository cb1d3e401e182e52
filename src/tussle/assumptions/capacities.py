"""Relaxing the capacities: an ideal critic of a training set, a finite critic, both finite, and what Nash says.

An ideal critic makes the generator learn its training set by heart; a finite critic is
content with any law that has the moments it sees; where both are finite, the Jacobian decides between convergence, slow
spirals and cycles, whether or not there is a Nash equilibrium.

References:
    Nie, Patel, UAI 2019. Arora et al., ICML 2017 (finite critics see moments only).
    Farnia, Ozdaglar, "Do GANs always have Nash equilibria?", ICML 2020.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tussle import checks
from tussle.adjust import jare
from tussle.assumptions.experiments import Experiment, Value
from tussle.assumptions.fits import two_modes
from tussle.autodiff import Array, namespace
from tussle.divergences import divergence
from tussle.field import AbstractField, Field
from tussle.game import Point
from tussle.gan import GAN
from tussle.jacobian import field_jacobian
from tussle.laws import Laplace, Mixture, Normal, Uniform
from tussle.laws.base import AbstractLaw, composite
from tussle.losses import loss
from tussle.map import Map
from tussle.measures import Atoms
from tussle.models import Model, dirac, gaussian, isotropic
from tussle.nash import FiniteGAN, check_nash, indifference, value
from tussle.nash.examples import gap, unreached_dirac, unreached_isotropic
from tussle.paces import sgd
from tussle.penalties import r1
from tussle.rules import simultaneous
from tussle.spectra import spectrum
from tussle.trajectory import run

LOG4 = 2 * math.log(2.0)
ORDER = 12  # nodes of the toys: the critic stays small, and its losses nearly polynomials


# An ideal critic of a training set ----------------------------------------------------------------------------------


def memory(count: int = 20, seed: int = 0) -> Experiment:
    """Return what an ideal critic of a training set says of several generators.

    The data are an empirical law of `count` points of N(0, 1). With k of these points 2 JS is
    log 4 - (n + k)/n log((n + k)/k) + log(n/k).

    Args:
        count: n points.
        seed: of all that is drawn.

    >>> [round(row[1], 4) for row in memory().rows]
    [1.1853, 0.4315, 0.0, 1.3863, 1.3863]
    """
    n = checks.count("count", count, 2)
    x, fresh = np.random.default_rng(checks.count("seed", seed, 0)).standard_normal((2, n, 1))
    data, held = Atoms(x), Normal(0.0, 1.0)
    laws: list[tuple[str, Any]] = [(f"{k} of its {n} points", Atoms(x[:k])) for k in sorted({1, n // 2, n})]
    laws += [(f"{n} fresh points of the law", Atoms(fresh)), ("the law itself, N(0, 1)", held)]
    rows: list[tuple[Value, ...]] = []
    for name, law in laws:
        near = divergence("w1", data, law).value
        rows.append((name, 2 * divergence("js", data, law).value, near, divergence("w1", law, held).value))
    notes = (
        f"2 JS to the training set, at most log 4 = {LOG4:.5f}; W1 to the training set and to N(0, 1) that it is of.",
    )
    columns = ("generator", "2 JS to the data", "W1 to the data", "W1 to the law")
    sentence = (
        f"Against an ideal critic of {n} points only the generator that memorizes all of them wins; the law itself "
        f"loses as clearly as anything, 2 JS = {rows[-1][1]:.5f}."
    )
    return Experiment("memory", "An ideal critic of a training set", (6, 4), columns, tuple(rows), notes, sentence)


# A finite critic, an ideal generator --------------------------------------------------------------------------------


class Seen(NamedTuple):
    """What the best critic of a class makes of two laws.

    Attributes:
        psi: its coefficients of 1, x, x^2.
        value: 2 JS as far as it sees it: the game's value + log 4.
        pull: length of the minimax generator's gradient in place and log-scale of its law.
    """

    psi: np.ndarray
    value: float
    pull: float


def best_quadratic(p: AbstractLaw, q: AbstractLaw, degree: int = 2) -> Seen:
    """Return what the best polynomial critic makes of two laws under the log loss, a concave problem.

    Args:
        p: the real law, in one dimension.
        q: the generated law.
        degree: of the critic.

    Raises:
        ValueError: for another dimension.

    >>> best_quadratic(Normal(0, 1), Normal(1, 1), degree=1).psi.round(6).tolist()
    [0.5, -1.0]
    """
    checks.count("degree", degree)
    sides = [composite(law, 32, 16) for law in (p, q)]
    scale = max(float(np.sqrt(s.weights @ s.points[:, 0] ** 2)) for s in sides)
    powers = np.arange(degree + 1)
    real, fake = ((s.points / scale) ** powers for s in sides)
    a, b = (np.asarray(s.weights) for s in sides)

    def height(psi: np.ndarray) -> float:
        return float(-(a @ np.logaddexp(0.0, -real @ psi)) - b @ np.logaddexp(0.0, fake @ psi))

    psi = np.zeros(degree + 1)
    for _ in range(100):
        first, second = 1 / (1 + np.exp(real @ psi)), 1 / (1 + np.exp(-fake @ psi))  # 1 - D on real, D on fake
        slope = real.T @ (a * first) - fake.T @ (b * second)
        bend = real.T @ ((a * first * (1 - first))[:, None] * real) + fake.T @ (
            (b * second * (1 - second))[:, None] * fake
        )
        move, share = np.linalg.solve(bend, slope), 1.0
        while height(psi + share * move) < height(psi) - 1e-15 and share > 1e-6:
            share /= 2
        psi = psi + share * move
        if np.abs(move).max() < 1e-13:
            break
    logits = fake @ psi
    steep = (fake[:, :-1] @ (powers[1:] * psi[1:])) / scale / (1 + np.exp(-logits))
    x = sides[1].points[:, 0]
    pull = math.hypot(float(b @ steep), float(b @ (steep * (x - b @ x))))
    return Seen(psi / scale**powers, height(psi) + LOG4, pull)


MOMENT_COLUMNS = ("generated law", "mean", "variance", "2 JS", "2 JS seen", "generator's gradient")


def moments(a: float = 4.0) -> Experiment:
    """Return laws that quadratic critics cannot tell from two modes at -a and a, and some that they can.

    Args:
        a: place of the modes.

    >>> [round(x, 5) for x in moments().rows[0][1:6]]
    [0.0, 17.0, 0.40197, 0.0, 0.0]
    """
    checks.positive("a", a)
    target, variance = two_modes(a), 1 + float(a) ** 2
    std, half = math.sqrt(variance), math.sqrt(3 * variance)
    laws: list[tuple[str, AbstractLaw]] = [
        (f"N(0, {variance:g})", Normal(0.0, std)),
        (f"uniform of variance {variance:g}", Uniform(-half, half)),
        (f"Laplace of variance {variance:g}", Laplace(0.0, std / math.sqrt(2))),
        ("the two modes", target),
        (f"N(0, {variance - 1:g})", Normal(0.0, math.sqrt(variance - 1))),
        (f"N(1, {variance:g})", Normal(1.0, std)),
    ]
    rows: list[tuple[Value, ...]] = []
    for name, law in laws:
        seen = best_quadratic(target, law)
        place, spread = (0.0, variance) if law is target else _moments(law)
        ideal = 0.0 if law is target else 2 * divergence("js", target, law).value
        rows.append((name, place, spread, ideal, max(seen.value, 0.0), seen.pull))
    velocity, abscissa = _tied(target, std)
    notes = (
        "2 JS seen: the best critic psi_0 + psi_1 x + psi_2 x^2's value of the game, less that of D = 1/2.",
        f"The GAN of a normal generator and that critic rests at N(0, {variance:g}) and D = 1/2: velocity "
        f"{velocity:.1g}, abscissa of the Jacobian {abscissa:.4g}, so that it attracts.",
    )
    sentence = (
        f"Any law of mean 0 and variance {variance:g} ties two modes at +-{a:g} under quadratic critics: the best of "
        f"them is D = 1/2 and the generator's gradient 0, though 2 JS to N(0, {variance:g}) is {rows[0][3]:.5f}."
    )
    return Experiment(
        "moments", "A finite critic against an ideal generator", (3,), MOMENT_COLUMNS, tuple(rows), notes, sentence
    )


def _moments(law: AbstractLaw) -> tuple[float, float]:
    nodes = composite(law, 32, 16)
    x, mass = nodes.points[:, 0], np.asarray(nodes.weights)
    mean = float(mass @ x)
    return mean, float(mass @ (x - mean) ** 2)


def _affine(theta: Array, z: Array) -> Array:
    return theta[0] + theta[1] * z


def _parabola(psi: Array, x: Array) -> Array:
    xp = namespace(psi, x)
    return psi[0] + psi[1] * x[:, 0] + psi[2] * xp.square(x[:, 0])


def _tied(target: Mixture, std: float) -> tuple[float, float]:
    """Return the velocity of the GAN of normal laws and quadratic critics where it ties, and its abscissa there."""
    game = GAN(_affine, _parabola, target, Normal(0.0, 1.0), loss("minimax"), sizes=(2, 3))
    field, point = Field(game), (np.array([0.0, std]), np.zeros(3))
    velocity = np.concatenate(field.at(point))
    values = np.linalg.eigvals(field_jacobian(field, point))
    return float(np.abs(velocity).max()), float(values.real.max())


# Both finite --------------------------------------------------------------------------------------------------------


def dynamics(lr: float = 0.1, steps: int = 2000, start: float = 0.01) -> Experiment:
    """Return what simultaneous steps do in games of two finite players, and what the Jacobian says of it.

    Args:
        lr: h of the run.
        steps: of the run.
        start: how far from the equilibrium it starts, in every parameter.
    """
    checks.positive("lr", lr)
    checks.positive("start", start)
    checks.count("steps", steps, 10)
    rows = [_dynamics_row(*case, lr, steps, start) for case in _cases()]
    notes = (
        f"Factor by which the distance to the equilibrium changes in a step of h = {lr:g}: the largest |1 + h lambda|, "
        f"and measured over the last half of {steps} steps from a distance of {start:g}.",
        "Largest step: beyond it simultaneous steps leave the equilibrium; 0 where every step does.",
    )
    columns = (
        "game", "method", "abscissa", "|Im/Re|", "condition", "largest step", "factor expected", "factor measured",
        "behavior",
    )  # fmt: skip
    kinds = {word: sum(row[-1] == word for row in rows) for word in ("converges", "slow spiral", "cycles outward")}
    sentence = (
        f"Of {len(rows)} games of two finite players, each with its equilibrium, {kinds['converges']} converge, "
        f"{kinds['slow spiral']} spiral slowly and {kinds['cycles outward']} cycle outward under steps of {lr:g}, as "
        "the eigenvalues of the Jacobian say."
    )
    title = "Two finite players: the Jacobian decides"
    return Experiment("dynamics", title, (3, 4), columns, tuple(rows), notes, sentence)


def _cases() -> list[tuple[str, str, Model, AbstractField]]:
    models = [
        ("Dirac", "plain", dirac(), None),
        ("Dirac", "R1 0.3", dirac(penalties=[r1(0.3)]), None),
        ("normal mean, linear critic", "plain", isotropic(mean=(2.0,), std=1.0, order=ORDER), None),
        ("normal, quadratic critic", "plain", gaussian(), None),
        ("toy, sigma 0.7", "plain", isotropic(std=0.7, order=ORDER), None),
        ("toy, sigma 0.3", "plain", isotropic(std=0.3, order=ORDER), None),
        ("toy, sigma 0.1", "plain", isotropic(std=0.1, order=ORDER), None),
        ("toy, sigma 0.1", "JARE 10", isotropic(std=0.1, order=ORDER), jare(10.0)),
    ]
    return [
        (name, method, model, Field(model.game) if bend is None else bend(Field(model.game)))
        for name, method, model, bend in models
    ]


def _dynamics_row(
    name: str, method: str, model: Model, field: AbstractField, lr: float, steps: int, start: float
) -> tuple[Value, ...]:
    found = spectrum(field_jacobian(field, model.equilibrium), of="flow", tolerance=1e-9)
    values = found.eigenvalues
    sizes = np.abs(values)
    largest = float(np.min(-2 * values.real / sizes**2))
    largest = max(largest, 0.0) if abs(largest) > 1e-9 else 0.0
    expected = float(np.abs(1 + lr * values).max())
    measured = _measured(field, model.equilibrium, lr, steps, start)
    rotation = found.rotation if found.rotation < 1e9 else math.inf
    kind = "cycles outward" if expected > 1 else "slow spiral" if rotation > 10 else "converges"
    condition = float(sizes.max() / sizes.min())
    return (name, method, found.abscissa + 0.0, rotation, condition, largest, expected, measured, kind)


def _measured(field: AbstractField, equilibrium: Point, lr: float, steps: int, start: float) -> float:
    """Return the mean factor of the distance to the equilibrium in a step, as long as it is above rounding."""
    begin = tuple(x + start for x in equilibrium)
    path = run(Map(field, simultaneous(sgd(lr))), begin, steps).path
    distance = np.linalg.norm(path - np.concatenate(equilibrium), axis=1)
    seen = int(np.argmax(distance < 1e-11)) or len(distance)
    half = np.arange(seen // 2, seen)
    slope = np.polyfit(half, np.log(distance[half]), 1)[0]
    return float(np.exp(slope))


# Nash ---------------------------------------------------------------------------------------------------------------

REAL = (0.3, 0.25, 0.2, 0.1, 0.1, 0.05)
CONSTANT = (
    "minimax", "nonsaturating", "kl", "reverse_kl", "pearson", "jensen_shannon", "hellinger", "hinge",
    "least_squares,a=0,b=1,c=0.5", "least_squares,a=0,b=1,c=1", "rp-logistic", "ra-logistic", "rc-logistic",
    "wasserstein",
)  # fmt: skip
Fact = tuple[Value, ...]


def nash(real: Sequence[float] = REAL, draws: int = 200, seed: int = 0) -> Experiment:
    """Return the facts of Nash equilibria that the framework needs, each with the number that shows it.

    Args:
        real: the real law, probabilities of a few points.
        draws: generated laws and critics that are tried.
        seed: of them.
    """
    p = np.asarray(real, dtype=np.float64)
    rows = [*_vanilla(p, checks.count("draws", draws), seed), *_indifferent(p, draws, seed), *_apart()]
    notes = (
        "gain: what both players together can win by leaving the point alone, 0 at a Nash equilibrium.",
        "spread: largest less smallest loss of the generator over all laws tried, at the constant critic.",
    )
    held = sum(row[4] == "yes" for row in rows)
    sentence = (
        f"{held} of {len(rows)} facts hold: the real law against a constant critic is a Nash equilibrium at which the "
        "generator is indifferent to its law, some games have none, and where one exists, steps may leave it."
    )
    columns = ("fact", "game", "number", "value", "holds")
    title = "Nash equilibria: where they are, where there are none, where they are not reached"
    return Experiment("nash", title, (3, 4), columns, tuple(rows), notes, sentence)


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def _vanilla(p: np.ndarray, draws: int, seed: int) -> list[Fact]:
    """Return fact (i): V(1/2, p_g) = -log 4 for every p_g, and V(D, p_r) <= -log 4 for every D."""
    rng = np.random.default_rng(seed)
    laws = rng.dirichlet(np.ones(len(p)), draws)
    half = np.full(len(p), 0.5)
    off = max(abs(value(half, p, law) + LOG4) for law in laws)
    best = max(value(d, p, p) + LOG4 for d in rng.uniform(0.0, 1.0, (draws, len(p))))
    fair = check_nash(FiniteGAN(p), (np.zeros(len(p)), p)).exploitability
    wrong = check_nash(FiniteGAN(p), (np.zeros(len(p)), laws[0])).exploitability
    game = f"vanilla on {len(p)} points"
    return [
        ("i", game, "V(1/2, p_g) + log 4, largest", off, _yes(off < 1e-12)),
        ("i", game, "V(D, p_r) + log 4, largest", best, _yes(best <= 1e-12)),
        ("i", game, "gain at (p_r, 1/2)", fair, _yes(fair < 1e-9)),
        ("i", game, "gain at (another law, 1/2)", wrong, _yes(wrong > 1e-9)),
    ]


def _indifferent(p: np.ndarray, draws: int, seed: int) -> list[Fact]:
    """Return fact (ii): for other losses the constant critic is an equilibrium too, and the generator indifferent."""
    rows: list[Fact] = []
    places = np.arange(len(p), dtype=float)
    apart = np.abs(np.subtract.outer(places, places))
    for name in CONSTANT:
        distance = apart if name == "wasserstein" else None
        found = indifference(name, p, distance=distance, draws=draws, seed=seed)
        gain = check_nash(FiniteGAN(p, name, distance), (np.full(len(p), found.level), p)).exploitability
        rows.append(("ii", name, "gain at (p_r, constant)", gain, _yes(gain < 1e-6)))
        rows.append(("ii", name, "spread", found.spread, _yes(found.spread < 1e-9)))
    made = loss("least_squares", a=0.0, b=1.0, c=1.0)
    fake = float(made.scale * made.generator_fake(np.array(0.5)))
    rows.append(("ii", "least_squares,a=0,b=1,c=1", "L_G of fakes at D = 1/2", fake, _yes(abs(fake - 0.125) < 1e-12)))
    return rows


def _apart() -> list[Fact]:
    """Return facts (iii), a game without an equilibrium, and (iv), equilibria that steps do not reach."""
    none = gap()
    away = unreached_dirac(steps=500).column("distance")
    narrow = unreached_isotropic()
    sigma, largest = narrow.column("sigma"), narrow.column("largest step")
    limit = float(largest[-1] / (2 * sigma[-1] ** 2))
    grown = float(away[-1] / away[0])
    return [
        ("iii", "one atom against two", "smallest sum of gains", none.smallest, _yes(none.width > 0)),
        ("iii", "one atom against two", "mutual best responses", none.meetings, _yes(none.meetings == 0)),
        ("iv", "Dirac, h = 0.1", "distance after 500 steps / before", grown, _yes(grown > 1)),
        ("iv", f"toy, sigma = {sigma[-1]:g}", "largest step", float(largest[-1]), _yes(largest[-1] < 1e-3)),
        ("iv", f"toy, sigma = {sigma[-1]:g}", "largest step / 2 sigma^2", limit, _yes(abs(limit - 1) < 1e-2)),
    ]
