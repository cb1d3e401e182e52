"""Every model, loss, penalty, adjustment, rule and pace of the library, once each: what the battery is run over.

A `Combination` names one choice of each part; `build` makes the map and the start of it. A new loss is a new name in
`loss_names()` and comes in by itself; a new penalty, adjustment, rule, pace or model is one line here, and
`test_battery.py` fails until that line is there.
"""

from typing import Any, NamedTuple

import numpy as np

import tussle
from tussle import models, penalties

LOSSES = tussle.loss_names()

PENALTIES: dict[str, tuple[tussle.Penalty, ...]] = {
    "none": (),
    "r1": (penalties.r1(0.3),),
    "r2": (penalties.r2(0.3),),
    "r1+r2": (penalties.r1(0.3), penalties.r2(0.2)),
    "wgan_gp": (penalties.wgan_gp(0.3),),
    "wgan_lp": (penalties.wgan_lp(0.3, center=0.5),),
    "dragan": (penalties.dragan(0.3),),
}
NOISE = {"none": None, "noise": 0.5}
CLIP = {"none": None, "clip": 0.7}

ADJUSTMENTS: dict[str, Any] = {
    "none": None,
    "consensus": tussle.consensus(0.5),
    "jare": tussle.jare(0.5),
    "jare one-sided": tussle.jare(0.0, 0.5),
    "symplectic": tussle.symplectic(0.5),
    "symplectic unaligned": tussle.symplectic(0.5, align=False),
    "nagarajan_kolter": tussle.nagarajan_kolter(0.5),
    "lss": tussle.lss(0.5),
    "timescale": tussle.timescale(1.0, 1.5),
}

# The epsilons of rmsprop and adam are large enough to matter: with 1e-8 a step near rest is h times the *sign* of a
# vanishing velocity, and two engines that differ by one rounding there part by 2 h.
PACES: dict[str, Any] = {
    "sgd": tussle.sgd(0.05),
    "sgd two rates": tussle.sgd((0.03, 0.06)),
    "momentum": tussle.momentum(0.02, 0.3),
    "negative momentum": tussle.momentum(0.05, -0.5),
    "rmsprop": tussle.rmsprop(0.01, eps=0.1),
    "rmsprop tensorflow1": tussle.rmsprop(0.01, eps=0.01, flavor="tensorflow1"),
    "adam": tussle.adam(0.01, 0.5, 0.99, eps=0.1),
    "adam eps inside": tussle.adam((0.01, 0.02), 0.0, 0.9, eps=0.0, eps_inside=0.01),
}

RULES: dict[str, Any] = {
    "simultaneous": tussle.simultaneous,
    "alternating": tussle.alternating,
    "alternating 1:5": lambda pace: tussle.alternating(pace, (1, 5)),
    "alternating 2:1 discriminator first": lambda pace: tussle.alternating(pace, (2, 1), first="discriminator"),
    "extragradient": tussle.extragradient,
    "optimistic": tussle.optimistic,
    "competitive": tussle.competitive,
    "lookahead": lambda pace: tussle.lookahead(tussle.simultaneous(pace), 3, 0.5),
    "lookahead of alternating": lambda pace: tussle.lookahead(tussle.alternating(pace), 2, 0.8),
    "averaging": lambda pace: tussle.averaging(tussle.simultaneous(pace)),
    "averaging with decay": lambda pace: tussle.averaging(tussle.alternating(pace), 0.9),
}

# Starts lie off every kink: at (1, 1) the Dirac-GAN's critic is exactly at the hinge's corner. `bilinear` and
# `quadratic` have neither a loss nor penalties of a critic.
MODELS: dict[str, Any] = {
    "dirac": models.dirac,
    "dirac with bias": lambda *parts: models.dirac(*parts, bias=True),
    "dirac with curvature": lambda *parts: models.dirac(*parts, energy=0.4),
    "gaussian": models.gaussian,
    "isotropic": lambda loss, penalties, noise, clip: models.isotropic(
        loss, penalties, order=3, noise=noise, clip=clip
    ),
    "bilinear": lambda *parts: models.bilinear(((1.0, 0.3), (-0.2, 0.8), (0.5, 0.1))),
    "erf-lsgan": lambda *parts: models.erf_lsgan("A", panels=2, tolerance=1.0),
    "quadratic": lambda *parts: models.quadratic((-0.1 + 1j, -0.1 - 1j, -0.5, 0.05 + 0.4j, 0.05 - 0.4j)),
}
STARTS = {
    "dirac": (0.9, 0.6),
    "dirac with bias": (0.9, [0.6, 0.1]),
    "dirac with curvature": (0.9, 0.6),
    "gaussian": ([0.5, 1.3], [0.2, -0.1]),
}


class Combination(NamedTuple):
    """One choice of every part, by its name above."""

    model: str = "dirac"
    loss: str = "minimax"
    penalty: str = "none"
    noise: str = "none"
    clip: str = "none"
    adjustment: str = "none"
    rule: str = "simultaneous"
    pace: str = "sgd"

    def __str__(self) -> str:
        """Return the parts that are not the defaults."""
        parts = [v for v, d in zip(self, Combination(), strict=True) if v != d]
        return " · ".join(parts) or "defaults"


def build_model(c: Combination) -> models.Model:
    """Return the model of a combination."""
    return MODELS[c.model](c.loss, PENALTIES[c.penalty], NOISE[c.noise], CLIP[c.clip])


def build(c: Combination) -> tuple[tussle.Map, tuple[np.ndarray, ...]]:
    """Return the map and the start of a combination."""
    model = build_model(c)
    field = tussle.Field(model.game)
    field = field if ADJUSTMENTS[c.adjustment] is None else ADJUSTMENTS[c.adjustment](field)
    start = STARTS.get(c.model, model.start)
    return tussle.Map(field, RULES[c.rule](PACES[c.pace])), tuple(np.atleast_1d(np.asarray(x, float)) for x in start)


def one_part_varied() -> list[Combination]:
    """Return the defaults with each part varied in turn."""
    parts = {
        "model": MODELS,
        "loss": LOSSES,
        "penalty": PENALTIES,
        "noise": NOISE,
        "clip": CLIP,
        "adjustment": ADJUSTMENTS,
        "rule": RULES,
        "pace": PACES,
    }
    varied = [Combination(**{part: name}) for part, names in parts.items() for name in names]
    return list(dict.fromkeys(varied))


# What a step costs under PyTorch, in plain steps; parts multiply. Third derivatives of tiny arrays cost milliseconds.
EFFORT = {
    "r1": 1.4,
    "r2": 1.4,
    "r1+r2": 1.7,
    "wgan_gp": 2.0,
    "wgan_lp": 2.0,
    "dragan": 1.7,
    "noise": 1.3,
    "consensus": 2.5,
    "jare": 2.0,
    "jare one-sided": 2.0,
    "symplectic": 6.0,
    "symplectic unaligned": 6.0,
    "nagarajan_kolter": 1.5,
    "alternating 1:5": 3.5,
    "alternating 2:1 discriminator first": 1.7,
    "extragradient": 2.0,
    "competitive": 15.0,
    "lss": 8.0,
    "lookahead": 3.0,
    "lookahead of alternating": 2.0,
}


LIGHT, MOST = 3.0, 24.0  # plain steps that a step of a light and of a heavy combination may cost
HEAVY = 0.15  # the share of heavy combinations
# How often each model is drawn: those of one or two atoms cost least, and `bilinear` and `quadratic` have few parts.
SHARES = {
    "dirac": 0.36,
    "dirac with bias": 0.2,
    "dirac with curvature": 0.2,
    "gaussian": 0.06,
    "isotropic": 0.06,
    "bilinear": 0.06,
    "quadratic": 0.06,
}
BARE = ("bilinear", "quadratic")  # games without a loss function and a critic


def effort(c: Combination) -> float:
    """Return what a step of a combination costs, in plain steps."""
    return float(np.prod([EFFORT.get(part, 1.0) for part in c]))


# The parts that make a combination heavy, in turn: each meets losses, penalties, rules and paces at random.
LEADS: tuple[dict[str, str], ...] = (
    {"adjustment": "symplectic"},
    {"adjustment": "consensus", "penalty": "r1"},
    {"rule": "alternating 1:5"},
    {"adjustment": "symplectic unaligned"},
    {"adjustment": "consensus", "penalty": "wgan_gp"},
    {"rule": "competitive"},
)


def random_combinations(count: int, seed: int) -> list[Combination]:
    """Return distinct combinations drawn at random: the models by their shares, each extra two times in five.

    A bounded share of them is heavy and led in turn by each of the heavy parts.
    """
    rng = np.random.default_rng(seed)
    heavy = round(HEAVY * count)
    found: dict[Combination, None] = {}
    while len(found) < count:
        lead = LEADS[len(found) % len(LEADS)] if len(found) < heavy else {}
        c = _drawn(rng)._replace(**lead)
        fits = LIGHT < effort(c) <= MOST if lead else effort(c) <= LIGHT
        if fits and playable(c) and not (lead and c.model in BARE):
            found[c] = None
    return list(found)


def _drawn(rng: np.random.Generator) -> Combination:
    def pick(names: Any, share: float = 1.0) -> str:
        return str(rng.choice(list(names))) if rng.random() < share else "none"

    model = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    parts = (pick(LOSSES), pick(PENALTIES, 0.4), pick(NOISE, 0.4), pick(CLIP, 0.4))
    parts = ("minimax", "none", "none", "none") if model in BARE else parts
    return Combination(model, *parts, pick(ADJUSTMENTS, 0.4), pick(RULES), pick(PACES))


def heavy_combinations() -> list[Combination]:
    """Return a few combinations of the parts that are too heavy to be drawn at random."""
    return [
        Combination(model="erf-lsgan", adjustment="jare", rule="optimistic", pace="adam"),
        Combination(penalty="r1", adjustment="symplectic", rule="alternating", pace="momentum"),
        Combination(loss="rp-logistic", penalty="r1+r2", adjustment="consensus", rule="extragradient", pace="adam"),
        Combination(loss="nonsaturating", noise="noise", adjustment="symplectic unaligned"),
        Combination(loss="hinge", penalty="r2", rule="competitive", pace="sgd two rates"),
        Combination("gaussian", "minimax", "r1", adjustment="jare", rule="lookahead", pace="rmsprop"),
    ]


def playable(c: Combination) -> bool:
    """Say whether a combination may be run: competitive steps are plain ones; and it is small enough for a test."""
    if c.rule == "competitive" and not c.pace.startswith("sgd"):
        return False
    if c.model in ("gaussian", "isotropic"):  # products of 80 nodes, 20 of noise and 20 of the mix, all pairs of those
        return not (c.noise != "none" and c.loss.startswith("rp-")) and c.penalty not in ("wgan_gp", "wgan_lp")
    return True
