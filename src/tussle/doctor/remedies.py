"""Remedies of loss, penalty and noise: each looks at an examination and says what it would change, or None.

Where a remedy acts on the leading rotating pair, the local model says what a step multiplies that pair by, before and
after; see `local.py`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tussle import losses
from tussle.autodiff import array
from tussle.doctor import changes
from tussle.doctor.examination import Cannot, Examination, OutOfTime
from tussle.doctor.gamma_advice import advise
from tussle.doctor.local import Pair, leading_pair, simultaneous
from tussle.doctor.patient import Patient

CONVERGE = "Mescheder, Geiger, Nowozin, ICML 2018"
R3GAN = "Huang et al., NeurIPS 2024 (R3GAN)"
NOISE = "Sønderby et al., ICLR 2017; Arjovsky, Bottou, ICLR 2017"
SHARE = 0.1  # instance noise as a share of the data's own spread
START = 0.1  # least size of a new weight
CENTERED = ("wgan_gp", "wgan_lp", "dragan")


class Remedy(NamedTuple):
    """A change that fits a patient.

    Attributes:
        name: short.
        change: in words.
        apply: takes a patient and returns a new one.
        source: who recommends it.
        words: what is predicted.
        before: what a step multiplies the leading pair by now, or None.
        after: the same with the change.
        cost: how many times longer a step takes.
    """

    name: str
    change: str
    apply: Callable[[Patient], Patient]
    source: str
    words: str
    before: float | None = None
    after: float | None = None
    cost: float = 1.0


# The local model ---------------------------------------------------------------------------------------------------


def pair_of(exam: Examination) -> Pair | None:
    """Return the leading pair, or None where there is none."""
    try:
        found = leading_pair(exam)
    except (Cannot, OutOfTime, ValueError, RuntimeError):
        return None
    return found if found.omega > 0 and np.isfinite(found.damping) else None


def gamma_now(patient: Patient) -> float:
    """Return the weight that damps now: that of R1, or of R2 where it is larger."""
    return max(changes.weight_of(patient, "r1"), changes.weight_of(patient, "r2"))


def told(before: float, after: float) -> str:
    """Return a prediction about the leading pair in words."""
    what = "dies out" if after < 1 - 1e-9 else "neither grows nor dies out" if after <= 1 + 1e-9 else "still grows"
    return f"a step multiplies the leading rotation by {before:.4g} now and by {after:.4g} then: it {what}"


# Penalties ---------------------------------------------------------------------------------------------------------


def damp(exam: Examination, name: str = "r1") -> Remedy | None:
    """R1 (or R1 and R2) at the weight that the gamma advisor finds."""
    if name == "r1+r2" and changes.weight_of(exam.patient, "r1") and changes.weight_of(exam.patient, "r2"):
        return None
    advice = advise(exam, name)
    gamma = advice.suggested
    now = advice.now
    if now > 0 and 0.5 < gamma / now < 2:
        return None
    kinds = name.split("+")
    words = f"{' and '.join(kind.upper() for kind in kinds)} with gamma = {gamma:.3g} (gamma/2 convention)"
    change = f"{'set' if now else 'add'} {words}" + (f" in place of {now:.3g}" if now else "")
    cost = 1.0 if advice.cost is None else advice.cost.time
    said: dict[str, Any] = {"words": advice.why}
    if advice.pair is not None and advice.pair.omega > 0:
        at_once = simultaneous(exam.patient)
        before, after = advice.pair.radius(now, at_once), advice.pair.radius(gamma, at_once)
        said = {"words": f"{told(before, after)}; {advice.why}", "before": before, "after": after}
    apply = lambda p: changes.with_penalties(p, dict.fromkeys(kinds, gamma))
    return Remedy(name, change, apply, CONVERGE if name == "r1" else R3GAN, **said, cost=cost)


def _weighted(exam: Examination, name: str, factor: float, words: str) -> Remedy | None:
    """All gradient penalties times a factor."""
    if not any(float(one.weight) > 0 for one in exam.patient.game.penalties):
        return None
    told_weights = ", ".join(f"{p.name} {float(p.weight) * factor:.3g}" for p in exam.patient.game.penalties)
    change = f"multiply the penalties' weights by {factor:.3g} ({told_weights})"
    pair, now = pair_of(exam), gamma_now(exam.patient)
    said: dict[str, Any] = {"words": words}
    if pair is not None and now > 0:
        at_once = simultaneous(exam.patient)
        before, after = pair.radius(now, at_once), pair.radius(now * factor, at_once)
        said = {"words": told(before, after), "before": before, "after": after}
    return Remedy(name, change, lambda p: changes.with_scaled_penalties(p, factor), CONVERGE, **said)


def penalty_to_critical(exam: Examination) -> Remedy | None:
    """The weight at which the leading pair dies out fastest."""
    now, advice = gamma_now(exam.patient), advise(exam)
    if not now > 0 or advice.pair is None or not 0 < advice.suggested < 0.5 * now:
        return None
    return _weighted(exam, "penalty-to-critical", advice.suggested / now, "")


def zero_centered(exam: Examination) -> Remedy | None:
    """R1 and R2 in the place of penalties that are centered elsewhere."""
    if not any(one.name in CENTERED for one in exam.patient.game.penalties):
        return None
    gamma = advise(exam, "r1+r2").suggested
    return Remedy(
        "zero-centered",
        f"put R1 and R2 with gamma = {gamma:.3g} in the place of {_listed(exam.patient)}",
        lambda p: changes.with_penalties(p, {"r1": gamma, "r2": gamma}, only=True),
        CONVERGE,
        "penalties centered at 1 push the critic away from the flat one that every equilibrium has; centered at 0 they "
        "do not",
    )


def noise_for_penalty(exam: Examination) -> Remedy | None:
    """Instance noise in the place of gradient penalties."""
    noisy = noise(exam)
    if noisy is None or not exam.patient.game.penalties:
        return None
    return Remedy(
        "noise-for-penalty",
        f"put instance noise in the place of {_listed(exam.patient)}: {noisy.change}",
        lambda p: noisy.apply(changes.with_penalties(p, {}, only=True)),
        NOISE,
        "noise damps as R1 does to first order (gamma = 2 |f''(0)| sigma^2) and needs no second derivative",
    )


def _listed(patient: Patient) -> str:
    return " and ".join(f"{one.name} = {float(one.weight):.3g}" for one in patient.game.penalties)


# Loss and noise ----------------------------------------------------------------------------------------------------


def _loss(name: str, words: str, source: str) -> Callable[[Examination], Remedy | None]:
    def remedy(exam: Examination) -> Remedy | None:
        if getattr(exam.patient.game.loss_function, "name", "") == name:
            return None
        apply = lambda p: changes.with_parts(p, loss_function=losses.loss(name))
        return Remedy(name, f"take the loss {name}", apply, source, words)

    return remedy


def relativistic(exam: Examination) -> Remedy | None:
    """The loss of R3GAN: relativistic pairing, with R1 and R2."""
    if getattr(exam.patient.game.loss_function, "coupling", "") == "paired" or exam.patient.batch < 2:
        return None
    gamma = advise(exam, "r1+r2").suggested

    def apply(patient: Patient) -> Patient:
        paired = losses.loss("rp-logistic", scale=0.5)
        return changes.with_penalties(changes.with_parts(patient, loss_function=paired), {"r1": gamma, "r2": gamma})

    return Remedy(
        "rp-logistic+r1+r2", f"take the loss rp-logistic,scale=0.5 with R1 and R2, gamma = {gamma:.3g}", apply, R3GAN,
        "each fake is held against a real sample, so a critic that is sure of all fakes alike sends a gradient still",
        cost=1.5,
    )  # fmt: skip


def noise(exam: Examination) -> Remedy | None:
    """Instance noise at a tenth of the data's spread."""
    if exam.patient.classes > 1 or exam.patient.game.noise is not None:
        return None
    spread = float(exam.real.reshape(len(exam.real), -1).std(axis=0).mean())
    sigma = SHARE * spread
    if not sigma > 0:
        return None
    return Remedy(
        "instance-noise",
        f"add instance noise of standard deviation {sigma:.3g} ({SHARE:.0%} of the data's) to real and fake inputs",
        lambda p: changes.with_parts(p, noise=sigma), NOISE,
        "supports that do not touch overlap under noise, and the critic's slope stays bounded by about 1/sigma",
    )  # fmt: skip


def fresh_critic(exam: Examination) -> Remedy | None:
    """Other weights for a discriminator that is flat wherever it looks: no step leads away from there."""
    if exam.slopes.real.any() or exam.slopes.fake.any():
        return None
    psi = exam.point[1]
    noise = np.random.default_rng(exam.seed).standard_normal(len(psi))
    size = max(float(psi.double().norm()) / np.sqrt(len(psi)), START)

    def apply(patient: Patient) -> Patient:
        theta, now = patient.start
        return changes.changed(patient, start=(theta, now + array(size * noise, now)))

    return Remedy(
        "fresh-critic", f"give the discriminator other weights: add normal noise of deviation {size:.3g}", apply,
        CONVERGE, "a flat discriminator has no gradient that could lead it away; other weights have slopes",
    )  # fmt: skip


REMEDIES: dict[str, Callable[[Examination], Remedy | None]] = {
    "damp": damp,
    "damp_both": lambda exam: damp(exam, "r1+r2"),
    "heavier_penalty": lambda exam: _weighted(exam, "heavier-penalty", 4.0, "a flatter critic learns less by heart"),
    "lighter_penalty": lambda exam: _weighted(exam, "lighter-penalty", 0.1, "the critic may follow faster"),
    "much_lighter_penalty": lambda exam: _weighted(exam, "much-lighter-penalty", 0.01, "the critic may follow faster"),
    "penalty_to_critical": penalty_to_critical,
    "zero_centered": zero_centered,
    "noise_for_penalty": noise_for_penalty,
    "noise": noise,
    "fresh_critic": fresh_critic,
    "nonsaturating": _loss(
        "nonsaturating", "the generator's gradient does not vanish where the critic is sure", "Goodfellow et al., 2014"
    ),
    "least_squares": _loss(
        "least_squares", "outputs are held to labels, whatever their range", "Mao et al., ICCV 2017"
    ),
    "relativistic": relativistic,
}
