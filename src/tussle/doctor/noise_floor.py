"""Noise floor: what keeps the players from settling is the noise of the batches, not a rotation.

Left eigenvectors of the update span a subspace whose coordinates z = V (x - x_0) obey a law of their own:
z <- M z + V e, with e the step of one batch at x_0. Its mean step drives, the covariance Q of the steps scatters:
after k steps the drift is |sum_j M^j mean|^2, the noise tr sum_j M^j Q M^jT. Both are predicted and their sum is held
against what short continuations on copies do. Where M contracts, the noise settles to the cloud C = M C M^T + Q, and
the share of noise says what is left.
"""

from typing import Any, NamedTuple

import numpy as np
import torch

from tussle.autodiff import to_numpy
from tussle.doctor.examination import Cannot, Examination
from tussle.doctor.findings import NOTE, WARNING, Checked, Evidence, Finding, clear, confidence, found
from tussle.doctor.held import Held, held
from tussle.doctor.rest import COMPARED, latents_of, way_to_go
from tussle.doctor.spectra import plain_ends
from tussle.game import joined, placed

NAME = "noise_floor"
STEPS = {"quick": 24, "standard": 64, "deep": 128}  # of a continuation
RUNS = {"quick": 1, "standard": 3, "deep": 6}  # continuations, on batches of their own
DRAWS = {"quick": 16, "standard": 48, "deep": 96}  # batches from which the noise of a step is estimated
FIRST = 4000  # numbers of the batches
SHARE = 0.5  # of the mean square way: above it noise does more than drift
MATCH = 3.0  # factor within which prediction and continuation must agree for the model to speak at all
WANDER = 0.1  # of the fakes' way: a smaller cloud does not show in the samples
RESAMPLED = 40
SOURCE = "covariance of the linearized update (Mandt, Hoffman, Blei, JMLR 2017); more than half of the way is noise"


class Forecast(NamedTuple):
    """What the linear model says of the mean square way in the second half of a continuation."""

    drift: float
    noise: float
    settled: float  # tr C over the noise above; infinite where M does not contract

    @property
    def share(self) -> float:
        """The share of noise."""
        total = self.drift + self.noise
        return self.noise / total if total > 0 else 0.0


def look(exam: Examination) -> Checked:
    """Look whether noise or drift moves the players."""
    model = held(exam)
    if model.plain is None:
        message = f"{model.words}: its noise is not known"
        raise Cannot(message)
    ends = plain_ends(exam)
    step = exam.once("step seconds", lambda: exam.step_seconds)
    exam.needs((DRAWS[exam.depth] + STEPS[exam.depth] * RUNS[exam.depth]) * step, "short continuations")
    matrix = np.eye(len(ends.subspace.small)) + ends.subspace.small.T
    basis = ends.subspace.basis
    radius = float(np.abs(np.linalg.eigvals(matrix)).max(initial=0.0))
    kept = Evidence("radius of the update on the leading subspace", radius, _slack(ends), 1.0)
    if kept.value > 1 + kept.uncertainty:
        return clear(NAME, "the update does not contract: no noise cloud settles here", kept)
    steps = _steps(exam, model, basis)
    seen, wander = _continued(exam, model, basis)
    count = STEPS[exam.depth]
    told = forecast(matrix, steps, count)
    rng = np.random.default_rng(exam.seed)
    shares = [forecast(matrix, steps[rng.integers(len(steps), size=len(steps))], count).share for _ in range(RESAMPLED)]
    first = Evidence("share of noise in the predicted way", told.share, float(np.std(shares)), SHARE)
    ratio = seen / max(told.drift + told.noise, 1e-300)
    match = Evidence("way of short continuations over the predicted one, mean squares", ratio, 0.0, MATCH)
    cloud = Evidence("wander of the fakes over their way", wander * min(told.settled, 1e6) ** 0.5, 0.0, WANDER)
    return _judged(first, match, kept, cloud)


def _judged(first: Evidence, match: Evidence, kept: Evidence, cloud: Evidence) -> Checked:
    evidence = (first, match, kept, cloud)
    if first.excess <= 0:
        return clear(NAME, f"noise makes {first.value:.0%} of the way: the mean step moves the players", *evidence)
    if not 1 / MATCH < match.value < MATCH:
        why = f"continuations go {match.value:.3g} times as far as the linear model says (mean square)"
        return clear(NAME, why, *evidence)
    severity = WARNING if cloud.value > WANDER else NOTE
    words = (
        f"What is left is the noise of the batches: it makes {first.value:.0%} of the players' way, as continuations "
        f"confirm ({match.value:.2g} times the prediction), and lets the fakes wander by {cloud.value:.2g} of their way"
    )
    advice = "lower the rates, average the weights or take larger batches; more damping does not help"
    return found(Finding(NAME, severity, confidence(first), evidence, words, SOURCE, advice))


def forecast(matrix: np.ndarray, steps: np.ndarray, count: int) -> Forecast:
    """Return the mean square drift and noise of z <- M z + e over the second half of `count` steps.

    Args:
        matrix: M, (k, k).
        steps: e of some batches, (n, k).
        count: how many steps.

    Example:
        >>> told = forecast(np.array([[0.5]]), np.array([[1.0], [-1.0]] * 50), 40)
        >>> round(told.drift, 6), round(told.noise, 2)
        (0.0, 1.35)
    """
    from scipy.linalg import solve_discrete_lyapunov

    mean, noise = steps.mean(axis=0), np.atleast_2d(np.cov(steps, rowvar=False))
    power, drift = np.eye(len(matrix)), np.zeros_like(matrix)
    spread = np.zeros_like(matrix)
    ways, scatters = [], []
    for k in range(1, count + 1):
        drift, spread = drift + power, spread + power @ noise @ power.T
        power = matrix @ power
        if 2 * k > count:
            # the mean of n steps is itself noisy: what its noise drives is taken out
            ways.append(np.sum((drift @ mean) ** 2) - np.trace(drift @ noise @ drift.T) / len(steps))
            scatters.append(np.trace(spread))
    way, scatter = max(float(np.mean(ways)), 0.0), float(np.mean(scatters))
    settled = float("inf")
    if scatter > 0 and np.abs(np.linalg.eigvals(matrix)).max(initial=0.0) < 1:
        settled = float(np.trace(solve_discrete_lyapunov(matrix, noise))) / scatter
    return Forecast(way, scatter, settled)


def _slack(ends: Any) -> float:
    return float(2 * np.hypot(*ends.uncertainty("radius")))


def _steps(exam: Examination, model: Held, basis: Any) -> np.ndarray:
    """Return the steps of several batches at the patient's point, in the subspace, (n, k)."""
    found_steps = [
        _project(basis, _moved(exam, model, exam.point, FIRST + j), exam.point) for j in range(DRAWS[exam.depth])
    ]
    return np.array(found_steps)


def _moved(exam: Examination, model: Held, point: Any, number: int) -> Any:
    method = model.plain
    assert method is not None
    batches = exam.patient.game.sampler(exam.patient.batch).streams(method.rule.readings)
    after, _, _ = method.step(point, method.init(point), placed(batches(exam.seed, number), point[0]))
    return tuple(x.detach() for x in after)


def _project(basis: Any, after: Any, before: Any) -> np.ndarray:
    return to_numpy(basis @ (joined(after) - joined(before)).to(basis.dtype)).astype(np.float64)


def _continued(exam: Examination, model: Held, basis: Any) -> tuple[float, float]:
    """Return the mean square way of continuations in the subspace, and the root mean square way of the fakes."""
    count, start = STEPS[exam.depth], exam.point
    squares, wander = [], []
    latents = latents_of(exam)[: COMPARED // 2]
    with torch.no_grad():
        fakes = exam.patient.game.generator(start[0], latents)
    for run in range(RUNS[exam.depth]):
        point = start
        for k in range(count):
            point = _moved(exam, model, point, FIRST + 1000 * (run + 1) + k)
            if 2 * (k + 1) > count:
                squares.append(float(np.sum(_project(basis, point, start) ** 2)))
        with torch.no_grad():
            now = exam.patient.game.generator(point[0], latents)
        wander.append(float((now - fakes).square().mean()))
    return float(np.mean(squares)), float(np.mean(wander)) ** 0.5 / max(way_to_go(exam), 1e-300)
