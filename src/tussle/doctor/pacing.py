"""Remedies of pace and rule: how far the players move, how they remember, and in which order.

Where the leading rotating pair is known, the local model says what a step multiplies it by, before and after.
"""

import cmath
from collections.abc import Callable
from typing import Any

import numpy as np

from tussle import adjust, paces, rules
from tussle.doctor import changes
from tussle.doctor.examination import Cannot, Examination, OutOfTime
from tussle.doctor.local import rates, simultaneous
from tussle.doctor.patient import Patient
from tussle.doctor.remedies import R3GAN, Remedy, gamma_now, pair_of, told

# The local model ---------------------------------------------------------------------------------------------------


def _eigenvalue(exam: Examination) -> complex | None:
    pair = pair_of(exam)
    return None if pair is None else pair.at(gamma_now(exam.patient))[0]


def _predicted(exam: Examination, after: Callable[[complex], float], otherwise: str) -> dict[str, Any]:
    """Return the prediction of a change that makes `after(mu)` of the leading eigenvalue."""
    mu, pair = _eigenvalue(exam), pair_of(exam)
    if mu is None or pair is None:
        return {"words": otherwise}
    now = pair.radius(gamma_now(exam.patient), simultaneous(exam.patient))
    then = after(mu)
    return {"words": told(now, then), "before": now, "after": then}


def _radius(exam: Examination, mu: complex) -> float:
    """Return what a step with eigenvalue mu multiplies by under the patient's rule."""
    if simultaneous(exam.patient) or mu.imag == 0:
        return abs(1 + mu)
    return float(np.sqrt(max(1 + 2 * mu.real, 0.0)))


# Rates and paces ---------------------------------------------------------------------------------------------------


def _rates(name: str, generator: float, discriminator: float, words: str) -> Callable[[Examination], Remedy]:
    def remedy(exam: Examination) -> Remedy:
        now = changes.rates_of(exam.patient)
        then = now[0] * generator, now[1] * discriminator
        change = (
            f"rates {then[0]:.3g} (generator) and {then[1]:.3g} (discriminator) in place of {now[0]:.3g}, {now[1]:.3g}"
        )
        apply = lambda p: changes.with_rates(p, generator, discriminator)
        said: dict[str, Any] = {"words": words}
        if generator == discriminator:
            said = _predicted(exam, lambda mu: _radius(exam, generator * mu), words)
        return Remedy(name, change, apply, "Heusel et al., NIPS 2017", **said)

    return remedy


def step_to_fit(exam: Examination) -> Remedy | None:
    """Rates at which the update's eigenvalues come back within the unit circle, with a third to spare."""
    values: Any = _displacement(exam)
    beyond = values[(np.abs(1 + values) > 1) & (values.real < 0)]
    if len(beyond) == 0:
        return None
    factor = 0.67 * float(np.min(-2 * beyond.real / np.abs(beyond) ** 2))
    if not 0.01 < factor < 0.9:
        return None
    made = _rates("step-to-fit", factor, factor, "")(exam)
    before, after = float(np.abs(1 + beyond).max()), float(np.abs(1 + factor * beyond).max())
    return made._replace(words=told(before, after), before=before, after=after)


def _displacement(exam: Examination) -> np.ndarray:
    """Return the leading eigenvalues of step(x) - x; none where they cannot be had."""
    from tussle.doctor.spectra import map_ends

    try:
        return np.asarray(map_ends(exam).values)
    except (Cannot, OutOfTime, ValueError, RuntimeError):
        return np.zeros(0, dtype=complex)


def less_momentum(exam: Examination) -> Remedy | None:
    """A smaller first momentum."""
    pace: Any = exam.patient.method.rule.pace
    if isinstance(pace, paces.Adam) and float(pace.beta1) > 0:
        made, beta = paces.Adam(**{**vars(pace), "beta1": 0.0}), float(pace.beta1)
        change = f"Adam's beta1 = 0 in place of {beta:.3g}"
    elif isinstance(pace, paces.Momentum) and float(pace.beta) > 0:
        beta = float(pace.beta)
        lr = paces.scaled(pace.lr, 1 / (1 - beta))
        made, change = paces.Momentum(lr, 0.0), f"no momentum in place of {beta:.3g}, at rates of the same reach"
    else:
        return None
    words = "momentum turns a rotation faster than it damps it"
    said = _predicted(exam, lambda mu: abs(1 + mu), words)
    mu = _eigenvalue(exam)
    if mu is not None:  # heavy ball: z^2 - (1 + beta + (1 - beta) mu) z + beta = 0
        b = 1 + beta + (1 - beta) * mu
        root = cmath.sqrt(b * b - 4 * beta)
        before = max(abs(b + root), abs(b - root)) / 2
        said = {"words": told(before, said["after"]), "before": before, "after": said["after"]}
    return Remedy("less-momentum", change, lambda p: changes.with_pace(p, made), "Gidel et al., AISTATS 2019", **said)


def adaptive(exam: Examination) -> Remedy | None:
    """Adam in the place of a pace without moments."""
    if isinstance(exam.patient.method.rule.pace, (paces.Adam, paces.RMSProp)):
        return None
    pace = paces.adam(1e-3, 0.0, 0.99)
    return Remedy(
        "adam", "Adam with rate 1e-3 and betas (0, 0.99)", lambda p: changes.with_pace(p, pace), R3GAN,
        "each parameter's step is divided by the root of its own mean square: directions of small slope move on",
    )  # fmt: skip


# Rules -------------------------------------------------------------------------------------------------------------


def extragradient(exam: Examination) -> Remedy | None:
    """A step that is read after a trial step."""
    if isinstance(exam.patient.method.rule, rules.Extragradient):
        return None
    said = _predicted(exam, lambda mu: abs(1 + mu + mu * mu), "the second reading sees where the rotation leads")
    apply = lambda p: changes.with_rule(p, rules.extragradient(p.method.rule.pace))
    return Remedy(
        "extragradient", "extragradient steps (two readings each)", apply, "Gidel et al., ICLR 2019", **said, cost=2.0
    )  # fmt: skip


def optimistic(exam: Examination) -> Remedy | None:
    """A step that takes off half of what the last one overshot."""
    if isinstance(exam.patient.method.rule, rules.Optimistic):
        return None

    def after(mu: complex) -> float:  # z^2 - (1 + 2 mu) z + mu = 0
        root = cmath.sqrt((1 + 2 * mu) ** 2 - 4 * mu)
        return max(abs(1 + 2 * mu + root), abs(1 + 2 * mu - root)) / 2

    said = _predicted(exam, after, "the last velocity says where the rotation leads")
    apply = lambda p: changes.with_rule(p, rules.optimistic(p.method.rule.pace))
    return Remedy("optimistic", "optimistic steps", apply, "Daskalakis et al., ICLR 2018", **said)


def alternate(exam: Examination) -> Remedy | None:
    """Players that move in turn."""
    if not simultaneous(exam.patient):
        return None
    said = _predicted(exam, lambda mu: float(np.sqrt(max(1 + 2 * mu.real, 0.0))), "steps in turn do not spiral out")
    apply = lambda p: changes.with_rule(p, rules.alternating(p.method.rule.pace))
    return Remedy("alternating", "let the players move in turn", apply, "Gidel et al., AISTATS 2019", **said)


def consensus(exam: Examination) -> Remedy | None:
    """Descent on the field's own length besides."""
    mu = _eigenvalue(exam)
    if mu is None:
        return None
    rate = float(rates(exam).mean())
    lam = mu / rate
    gamma = 0.5 / max(abs(lam), 1e-12)
    said = _predicted(exam, lambda m: _radius(exam, m - gamma * rate * abs(lam) ** 2), "")
    apply = lambda p: changes.with_adjustment(p, adjust.consensus(gamma))
    return Remedy(
        "consensus", f"consensus with weight {gamma:.3g}", apply, "Mescheder, Nowozin, Geiger, NIPS 2017", **said,
        cost=2.5,
    )  # fmt: skip


def averaged(exam: Examination) -> Remedy | None:
    """A running average of the weights beside the training."""
    if isinstance(exam.patient.method.rule, rules.Averaging):
        return None

    def apply(patient: Patient) -> Patient:
        rule = rules.averaging(patient.method.rule, 0.98)
        made = changes.with_rule(patient, rule)
        return changes.changed(made, state=(patient.state, *rule.init(patient.start)[1:]))

    return Remedy(
        "average", "sample from a running average of the weights (decay 0.98 a step here; 0.999 in a long run)", apply,
        "Yaz et al., ICLR 2019", "noise around a point averages out; a rotation averages to its center",
    )  # fmt: skip


def larger_batch(exam: Examination) -> Remedy:
    """Four times the samples."""
    size = 4 * exam.patient.batch
    return Remedy(
        "larger-batch", f"{size} samples a batch in place of {exam.patient.batch}",
        lambda p: changes.changed(p, batch=size), "Brock et al., ICLR 2019",
        "the variance of the gradient, and of the cloud that it keeps the players in, falls to a quarter", cost=4.0,
    )  # fmt: skip


def balanced_rates(exam: Examination) -> Remedy | None:
    """Rates at which both players' velocities move them alike far."""
    lengths = exam.noise.norms
    if isinstance(exam.patient.method.rule.pace, (paces.Adam, paces.RMSProp)) or min(lengths) <= 0:
        return None
    factor = float(np.clip(lengths[1] / lengths[0], 0.1, 10.0))
    if 0.5 < factor < 2:
        return None
    return _rates("balanced-rates", factor, 1.0, "both players move alike far in a step")(exam)


REMEDIES: dict[str, Callable[[Examination], Remedy | None]] = {
    "slower": _rates("slower", 0.3, 0.3, "shorter steps follow the flow more closely"),
    "much_slower": _rates("much-slower", 0.1, 0.1, "the cloud that noise keeps around a point shrinks with the rate"),
    "faster": _rates("faster", 3.0, 3.0, "longer steps cross flat ground sooner"),
    "slower_critic": _rates("slower-critic", 1.0, 0.25, "the critic stays nearer to what the generator can answer"),
    "faster_critic": _rates("faster-critic", 1.0, 4.0, "the critic follows the generator more closely"),
    "faster_generator": _rates("faster-generator", 4.0, 1.0, "the generator catches up with the critic"),
    "step_to_fit": step_to_fit,
    "less_momentum": less_momentum,
    "adaptive": adaptive,
    "extragradient": extragradient,
    "optimistic": optimistic,
    "alternate": alternate,
    "consensus": consensus,
    "averaged": averaged,
    "larger_batch": larger_batch,
    "balanced_rates": balanced_rates,
}
