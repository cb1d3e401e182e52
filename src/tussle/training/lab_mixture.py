"""The mixture of Gaussians of Mescheder, Nowozin and Geiger (2017): all 2,003 eigenvalues along training.

At several moments of a run by simultaneous steps and of one by consensus optimization stand three spectra: of J, the
Jacobian of the plain field; of the Jacobian of the consensus field; and of the short form J - gamma J^T J, which the
published code drew. Fields and Jacobians are averaged over minibatches that the training does not see.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tussle import checks
from tussle.autodiff import to_numpy
from tussle.field import Field
from tussle.records import record, static
from tussle.training.build import Setup, latents, setup
from tussle.training.compiled import CompiledSteps
from tussle.training.field_spectra import KINDS, FieldSpectra, consensus_spectra
from tussle.training.laboratories import SIZES, Laboratory, Told
from tussle.training.recipes import Recipe, recipe

RUNS = {"simultaneous": "mog-2003-simultaneous", "consensus": "mog-2003"}
FORMS = ("plain", "exact", "short")
WINDOW = ((-3.5, 0.75), (-1.2, 1.2))  # of the published picture: real parts, imaginary parts
SLOW = 0.01  # eigenvalues of smaller modulus are left out: most of the 2,003 are 0 but for rounding
NEAR = 0.1  # an eigenvalue is near the imaginary axis if its |Re| is at most this share of its modulus
APART = 1 << 42  # the minibatches of the Jacobians: far behind those of any training
CHUNK = 64
WORTH = 5000  # the spectra of a moment cost about as much as so many steps


@record
class Plan:
    """How much is computed.

    Attributes:
        moments: steps after which the spectra are taken, ascending.
        minibatches: how many the Jacobians are averaged over.
        reading: samples in one of them.
        batch: samples in a batch of the training.
        samples: drawn for modes and W1.
        kind: type of the Jacobian products.
        networks: options of the networks, none for the published ones.
    """

    moments: tuple[int, ...] = static()
    minibatches: int = static()
    reading: int = static()
    batch: int = static(default=512)
    samples: int = static(default=2048)
    kind: str = static(default="float32")
    networks: dict[str, Any] = static(default_factory=dict)


PLANS = {
    "small": Plan((0, 4000, 20_000), 2, 512, samples=1024),
    "full": Plan(tuple(range(0, 50_001, 500)), 10, 512, kind="float64"),
}


@record
class Measured:
    """What a spectrum comes to.

    Attributes:
        moving: how many eigenvalues have a modulus above `SLOW`; the next four are of these.
        near: the share within a tenth of their modulus of the imaginary axis; nan where none moves.
        rotation: the largest |Im / Re|.
        mean: the mean real part.
        within: the share in the published window.
        abscissa: the largest real part of all eigenvalues.
        leftmost: the least one.
    """

    moving: int = static()
    near: float = static()
    rotation: float = static()
    mean: float = static()
    within: float = static()
    abscissa: float = static()
    leftmost: float = static()


@record
class Moment:
    """A run at one moment.

    Attributes:
        run: `simultaneous` or `consensus`.
        step: steps taken.
        speed: the length of the plain field: 0 at an equilibrium.
        spectra: eigenvalues by form.
        measured: what they come to, by form.
        samples: generated, (n, 2).
        modes: that they reach.
        quality: the share of good ones.
        w1: exact transport distance from as many real samples.
    """

    run: str = static()
    step: int = static()
    speed: float = static()
    spectra: dict[str, np.ndarray] = static()
    measured: dict[str, Measured] = static()
    samples: np.ndarray = static()
    modes: int = static()
    quality: float = static()
    w1: float = static()


def measure_spectrum(eigenvalues: np.ndarray) -> Measured:
    """Return what a spectrum comes to.

    Args:
        eigenvalues: complex, (n,).

    Returns:
        the shares, largest and mean values.

    Example:
        >>> found = measure_spectrum(np.array([0.01 + 1j, 0.01 - 1j, -3, -5, 1e-4]))
        >>> found.moving, found.near, round(found.rotation), found.within, found.abscissa
        (4, 0.5, 100, 0.75, 0.01)
    """
    values = np.asarray(eigenvalues, dtype=np.complex128)
    moving = values[np.abs(values) > SLOW]
    if not len(moving) or not np.all(np.isfinite(values)):
        nan = float("nan")
        return Measured(len(moving), nan, nan, nan, nan, float(values.real.max()), float(values.real.min()))
    re, im = np.abs(moving.real), np.abs(moving.imag)
    ratio = np.divide(im, re, out=np.full(len(re), np.inf), where=re > 0)
    (left, right), (low, high) = WINDOW
    inside = (moving.real >= left) & (moving.real <= right) & (moving.imag >= low) & (moving.imag <= high)
    return Measured(
        len(moving),
        float(np.mean(re <= NEAR * np.abs(moving))),
        float(np.where(im > 0, ratio, 0).max()),
        float(moving.real.mean()),
        float(np.mean(inside)),
        float(values.real.max()),
        float(values.real.min()),
    )


def mixture(
    size: str = "small",
    seed: int = 0,
    progress: Told = None,
    *,
    moments: Sequence[int] | None = None,
    minibatches: int | None = None,
    reading: int | None = None,
    batch: int | None = None,
    samples: int | None = None,
    kind: str | None = None,
    networks: dict[str, Any] | None = None,
) -> Laboratory:
    """Train the mixture of Gaussians by simultaneous steps and by consensus, and take their whole spectra on the way.

    With v the field, J its Jacobian and gamma the weight of consensus, w = v - gamma J^T v has the Jacobian
    J - gamma (J^T J + sum_i v_i Hess(v_i)); the short form leaves the last term out.

    Args:
        size: `small` or `full`, the published one.
        seed: of networks and batches.
        progress: told the share that is done, from 0 to 1.
        moments: steps after which the spectra are taken.
        minibatches: how many the Jacobians are averaged over.
        reading: samples in one of them.
        batch: samples in a batch of the training.
        samples: drawn for modes and W1.
        kind: type of the Jacobian products, `float32` or `float64`.
        networks: options of the networks in place of the published ones, such as `{"width": 4}`.

    Returns:
        the table, the spectra and the conclusion.

    Raises:
        ValueError: if the size or an option is out of its range.

    Reference:
        Mescheder, Nowozin, Geiger, "The Numerics of GANs", NIPS 2017, section 5 and its public notebook.
    """
    given = {"moments": moments, "minibatches": minibatches, "reading": reading, "batch": batch, "samples": samples}
    plan = _plan(size, given | {"kind": kind, "networks": networks})
    began, clock = time.perf_counter(), _Clock(progress, plan)
    setups = {name: setup(_recipe(preset, plan, seed)) for name, preset in RUNS.items()}
    game = setups["consensus"].game  # both runs play it: one program reads both
    gamma = float(setups["consensus"].recipe.adjustments[0].weight)  # type: ignore[arg-type]
    judge = _Judge(setups["consensus"], plan, seed)
    found: list[Moment] = []
    for name, one in setups.items():
        found += _run(name, one, _Reading(game, plan, seed, gamma), judge, clock, found)
    cost = clock.seconds | {"seconds": time.perf_counter() - began}
    return _laboratory(found, plan, gamma, judge, size, seed, setups, cost)


# The plan ---------------------------------------------------------------------------------------------------------


def _plan(size: str, given: dict[str, Any]) -> Plan:
    base = PLANS[checks.choice("size", size, SIZES)]
    plan = Plan(**{**vars(base), **{k: v for k, v in given.items() if v is not None}})
    for name in ("minibatches", "reading", "batch"):
        checks.count(name, getattr(plan, name))
    checks.count("samples", plan.samples, least=2)
    checks.choice("kind", plan.kind, KINDS)
    at = tuple(plan.moments)
    if not at or any(checks.count("moments", m, least=0) != m for m in at) or list(at) != sorted(set(at)):
        message = f"`moments` are {at}; they must be one step or more, ascending; give some, such as (0, 1000)."
        raise ValueError(message)
    return plan


def _recipe(preset: str, plan: Plan, seed: int) -> Recipe:
    found = recipe(preset, run__seed=seed, run__batch=plan.batch, run__steps=max(plan.moments))
    return recipe(found, **{f"networks__{key}": value for key, value in plan.networks.items()})


class _Clock:
    """Counts seconds by what they are spent on, and tells the share that is done."""

    def __init__(self, progress: Told, plan: Plan) -> None:
        self.progress: Told = progress
        self.total: float = 2.0 * (max(plan.moments) + WORTH * len(plan.moments))
        self.done: float = 0.0
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, worth: float, call: Callable[[], Any]) -> Any:
        """Call something that is worth so many steps of the training."""
        began = time.perf_counter()
        found = call()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began
        self.done += worth
        if self.progress is not None:
            self.progress(min(self.done / max(self.total, 1.0), 1.0))
        return found


# The runs ---------------------------------------------------------------------------------------------------------


class _Judge:
    """Counts modes and measures W1; the floor is measured once, since law and number of samples stay the same."""

    def __init__(self, one: Setup, plan: Plan, seed: int) -> None:
        rng = np.random.Generator(np.random.Philox(key=[seed, APART]))
        self.data: Any = one.data
        self.real: np.ndarray = one.data.train.sample(rng, plan.samples)
        self.floor: Any = self._evaluate(self.data.train.sample(rng, plan.samples), ("modes", "quality", "w1"), 5)

    def _evaluate(self, fake: np.ndarray, names: tuple[str, ...], repeats: int) -> Any:
        from tussle.metrics import evaluate

        law = self.data.held_out if repeats else None
        modes = (self.data.modes.centers, self.data.modes.std)
        return evaluate(names, self.real, fake, held_out=law, modes=modes, repeats=repeats)

    def __call__(self, fake: np.ndarray) -> dict[str, float]:
        found = self._evaluate(fake, ("modes", "quality", "w1"), 0)
        return {name: float(one.value) for name, one in found.items()}


class _Reading(NamedTuple):
    """How the spectra of a point are read."""

    game: Any
    plan: Plan
    seed: int
    gamma: float

    def __call__(self, point: Any) -> FieldSpectra:
        draw = self.game.sampler(self.plan.reading)
        batches = [draw(self.seed, APART + k) for k in range(self.plan.minibatches)]
        return consensus_spectra(Field(self.game), point, batches, self.gamma, tolerance=1e-9, kind=self.plan.kind)


def _run(
    name: str, one: Setup, reading: _Reading, judge: _Judge, clock: _Clock, before: Sequence[Moment]
) -> list[Moment]:
    """Train one way and return its moments; the start is that of the other run, and is looked at once."""
    steps, (_, plan, seed, _) = CompiledSteps(one.method, CHUNK), reading
    point = steps.place(one.start)
    state, taken, found = steps.init(point), 0, []
    for moment in plan.moments:
        while taken < moment:
            batches = [one.batches(seed, taken + k) for k in range(min(CHUNK, moment - taken))]
            moved = clock.timed("training", len(batches), lambda p=point, s=state, b=batches: steps.advance(p, s, b))
            point, state, taken = moved.point, moved.state, taken + moved.taken
            if not moved.ok:
                return found
        same = next((m for m in before if m.step == moment == 0), None)
        if same is not None:
            found.append(Moment(**{**vars(same), "run": name}))
            clock.timed("spectra", WORTH, lambda: None)
            continue
        spectra = clock.timed("spectra", WORTH, lambda p=point: reading(p))
        made = clock.timed(
            "metrics", 0, lambda p=point, k=moment, s=spectra: _moment((name, k), one, p, s, plan, judge)
        )
        found.append(made)
    return found


def _moment(key: tuple[str, int], one: Setup, point: Any, spectra: FieldSpectra, plan: Plan, judge: _Judge) -> Moment:
    z = latents(one, plan.samples, one.recipe.run.seed)
    fake = np.asarray(to_numpy(one.game.generator(to_numpy(point[0]), z)), dtype=np.float64)
    values = spectra.to_numpy()
    measured = {form: measure_spectrum(values[form]) for form in FORMS}
    seen = judge(fake) if np.all(np.isfinite(fake)) else {"modes": 0.0, "quality": 0.0, "w1": float("inf")}
    return Moment(*key, spectra.speed, values, measured, fake, int(seen["modes"]), seen["quality"], seen["w1"])


def _laboratory(
    found: list[Moment],
    plan: Plan,
    gamma: float,
    judge: _Judge,
    size: str,
    seed: int,
    setups: Any,
    cost: dict[str, float],
) -> Laboratory:
    from tussle.training.lab_mixture_table import written

    base = vars(PLANS[size])
    settings = {**vars(plan), "seed": seed, "gamma": gamma}
    settings["changed"] = sorted(key for key, value in vars(plan).items() if value != base[key])
    settings["recipes"] = {name: one.recipe.document() for name, one in setups.items()}
    return written(found, judge.floor, judge.real, size, settings, cost)
