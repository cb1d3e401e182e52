"""The six properties of the relativistic argument, as tests of any loss.

P1 a constant added to all outputs changes nothing; P2 so the slopes sum to zero; P3 a better generator makes the critic
doubt real data; P4 the optimal critic is calibrated; P5 over a run, belief in real data falls as belief in fakes rises;
P6 no fake is left without a gradient. The first three and P5 are what relativistic losses have and plain ones lack.

Reference:
    Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", ICLR 2019.
"""

import numpy as np

from tussle.conformance.case import SIZE, Case
from tussle.conformance.claims import Batch
from tussle.conformance.findings import FAILED, MEASURED, PASSED, SKIPPED, Finding

SHIFTS = (0.7, -2.0)
DEAD = 1e-3
COUNTS = (np.array([7, 2, 1]), np.array([2, 3, 5]))  # tenths of p and q on three points


def _finding(number: str, holds: bool | None, sentence: str, measured: float | None = None) -> Finding:
    status = MEASURED if holds is None else PASSED if holds else FAILED
    return Finding(number, status, sentence, measured)


# P1, P2 ----------------------------------------------------------------------------------------------------------


def _response(case: Case, player: str) -> float:
    """Return the largest change of a player's loss under a constant, as a share of the loss's size."""
    found = []
    for real, fake in case.batches:
        level = case.subject.value(player, real, fake)
        moved = [case.subject.value(player, real + k, fake + k) - level for k in SHIFTS]
        found.append(max(map(abs, moved)) / max(1.0, abs(level)))
    return max(found)


def translation_invariance(case: Case) -> Finding:
    """P1: adding k to all outputs changes no loss, if it is relativistic or an integral probability metric."""
    change, limit = _response(case, "critic"), max(case.tolerance("critic"), 1e-6)
    ignores = change < limit
    if case.claim is None:
        return _finding("P1", None, f"the critic's loss {'ignores' if ignores else 'feels'} a constant added", change)
    if not case.claim.invariant:
        if ignores:
            said = f"the critic's loss ignores a constant added to all outputs, which {case.claim.text} must feel; it "
            return _finding("P1", False, said + "compares real with fake: claim a relativistic loss.", change)
        return _finding("P1", True, "the critic's loss feels a constant, as a plain loss does", change)
    if not ignores:
        said = f"a constant added to all outputs changes the critic's loss by {change:.2g}; read the payoffs at "
        return _finding("P1", False, said + "differences of real and fake outputs, or at outputs less a mean.", change)
    return _generator_invariance(case, change, limit)


def _generator_invariance(case: Case, change: float, limit: float) -> Finding:
    assert case.claim is not None
    if case.claim.loss.coupling != "plain" and not case.claim.linear:
        other = _response(case, "generator")
        if other >= limit and "logit" not in case.claim.text:
            said = (
                f"a constant changes the generator's loss by {other:.2g}, so it does not compare fakes with real data; "
            )
            return _finding("P1", False, said + "read it at the same differences as the critic's.", other)
    return _finding("P1", True, "a constant added to all outputs changes nothing", change)


def coefficient_sum(case: Case) -> Finding:
    """P2: the critic's slopes on real and on fake outputs sum to zero."""
    sums = [abs(s.real.sum() + s.fake.sum()) / max(1e-300, np.abs(np.concatenate(s)).max()) for s in case.critic]
    worst, limit = float(max(sums)), 10 * max(case.tolerance("critic"), 1e-6)
    must = case.claim.invariant if case.claim is not None else _response(case, "critic") < 1e-6
    if not must:
        return _finding(
            "P2", None if case.claim is None else True, f"the slopes sum to {worst:.2g} (plain loss)", worst
        )
    if worst < limit:
        return _finding("P2", True, "the weights on real and on fake data are equal", worst)
    said = f"the critic's slopes sum to {worst:.2g} of the largest, not to 0: real and fake data weigh differently; "
    held = _response(case, "critic") < 1e-6
    cure = "let gradients flow through every mean (no detach)." if held else "compare real with fake outputs."
    return _finding("P2", False, said + cure, worst)


# P3, P5 ----------------------------------------------------------------------------------------------------------


def _must_bind(case: Case) -> bool | None:
    """Say whether the critic's weights on real data must follow the fakes; None without a claim."""
    if case.claim is None:
        return None
    return case.claim.loss.coupling != "plain" and not case.claim.linear


def _stuck(case: Case) -> str:
    """Say why the generator's run shows nothing, or return nothing."""
    if case.run is None:
        return "the generator's slopes are 0 or not finite; let gradients reach the fakes."
    if case.run.rise < 0:
        return "the generator lowers the critic's outputs on fakes; turn its sign, its labels or its sides around."
    return ""


def missing_property(case: Case) -> Finding:
    """P3: steps of the generator, the critic frozen, raise the critic's weight on real data: D(x_real) falls."""
    run, must, stuck = case.run, _must_bind(case), _stuck(case)
    if run is None or stuck:
        return _finding("P3", False, stuck)
    growth = float((run.a[-1] - run.a[0]) / max(np.abs(run.a).max(), np.abs(run.b).max()))
    moved = abs(growth) > 1e3 * case.tolerance("critic")
    if must is None:
        word = "grows" if growth > 0 and moved else "falls" if moved else "stays"
        return _finding("P3", None, f"the weight on real data {word} as fakes improve", growth)
    if must and not (moved and growth > 0):
        said = (
            "the critic's weight on real data does not grow as fakes improve, so D(x_real) never falls; the real term "
        )
        return _finding("P3", False, said + "must read the fakes too (r - f or r - E f), with gradients.", growth)
    if not must and moved:
        said = "the weight on real data changes with the fakes, which it does in no plain loss; claim the relativistic "
        return _finding("P3", False, said + "loss that it is.", growth)
    said = "the weight on real data grows as fakes improve" if must else "the weight on real data ignores the fakes"
    return _finding("P3", True, said, growth)


def trend_property(case: Case) -> Finding:
    """P5: over steps of the generator, belief in real data falls in step with belief in fakes."""
    from tussle.relativism.panels import trend

    run, must, stuck = case.run, _must_bind(case), _stuck(case)
    if run is None or stuck:
        return _finding("P5", False, stuck)
    scale = max(np.abs(run.a).max(), np.abs(run.b).max())
    digits = 3 if case.rough("critic") else 9
    found = trend(np.round(-run.a / scale, digits), np.round(run.b / scale, digits))
    if must is None:
        return _finding("P5", None, f"rank correlation of belief in real data and in fakes: {found:.2f}", found)
    if must and found > -0.9:
        said = (
            f"belief in real data and in fakes correlate with {found:.2f} over a run, not with -1; compare real with "
        )
        return _finding("P5", False, said + "fake in both terms, so that their weights are bound.", found)
    if not must and abs(found) > 0.1:
        said = f"belief in real data follows the fakes (correlation {found:.2f}), as in no plain loss; claim a "
        return _finding("P5", False, said + "relativistic one.", found)
    said = "belief in real data falls as belief in fakes rises" if must else "belief in real data stays where it was"
    return _finding("P5", True, said, found)


# P4 --------------------------------------------------------------------------------------------------------------


def calibration(case: Case) -> Finding:
    """P4: E_p D + E_q D = 1 at the optimal critic of a log loss; D(a, b) + D(b, a) = 1 for a paired one."""
    if case.claim is None or not case.claim.logistic or case.claim.loss.coupling not in ("plain", "paired"):
        return Finding("P4", SKIPPED, "calibration is of plain and paired log losses")
    if case.claim.loss.coupling == "paired":
        return _pair_calibration(case)
    found = optimal_critic(case)
    if found is None:
        said = "the critic's loss has no optimum over three outputs; it must be bounded below: check signs and terms."
        return _finding("P4", False, said)
    p, q = (n / n.sum() for n in COUNTS)
    kappa = float((p + q) @ (1 / (1 + np.exp(-found))) - 1)
    if abs(kappa) < (3e-3 if case.rough("critic") else 1e-4):
        return _finding("P4", True, "the optimal critic says that half of what it sees is real", kappa)
    said = (
        f"at the optimal critic E_p D + E_q D is {1 + kappa:.4f}, not 1; weigh both terms equally, use labels 1 and 0, "
    )
    return _finding("P4", False, said + "and give raw outputs to a loss with a sigmoid of its own.", kappa)


def _pair_calibration(case: Case) -> Finding:
    gaps = (0.0, 0.6, -1.1, 2.3)
    sums = []
    for gap in gaps:
        one, other = np.array([gap]), np.array([0.0])
        weights = [-case.subject.slopes("critic", *pair).real[0] for pair in ((one, other), (other, one))]
        sums.append(sum(weights))
    spread = float(np.ptp(sums) / max(np.abs(sums).max(), 1e-300))
    if spread < 100 * max(case.tolerance("critic"), 1e-6):
        return _finding("P4", True, "D(a, b) + D(b, a) is the same for all pairs", spread)
    said = f"D(a, b) + D(b, a), read from the weights of a pair, varies by {spread:.2g}; a pair must be judged by one "
    return _finding("P4", False, said + "sigmoid of r - f.", spread)


def optimal_critic(case: Case) -> np.ndarray | None:
    """Return the user's optimal critic on p = (.7, .2, .1), q = (.2, .3, .5), or None if there is none."""
    from scipy.optimize import minimize

    real, fake = (np.repeat(np.arange(3), n) for n in COUNTS)

    def value(c: np.ndarray) -> tuple[float, np.ndarray]:
        batch = Batch(c[real], c[fake])
        slopes = case.subject.slopes("critic", *batch)
        slope = np.bincount(real, slopes.real, 3) + np.bincount(fake, slopes.fake, 3)
        return case.subject.value("critic", *batch), slope

    found = minimize(value, np.zeros(3), jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 200})
    settled = np.all(np.isfinite(found.x)) and np.abs(found.x).max() < 30 and np.abs(found.jac).max() < 1e-4
    return found.x if settled else None


# P6 --------------------------------------------------------------------------------------------------------------


def live_weights(case: Case) -> Finding:
    """P6: fakes that the critic rejects by far still get a gradient, where the claimed loss gives one."""
    real, fake = np.linspace(19.0, 21.0, SIZE), np.linspace(-21.0, -19.0, SIZE)
    weights = len(fake) * np.abs(case.subject.slopes("generator", real, fake).fake) / case.scale("generator")
    dead = float(np.mean(~(weights >= DEAD)))
    if case.claim is None:
        return _finding("P6", None, f"{dead:.0%} of clearly rejected fakes get no gradient", dead)
    usual = float(np.mean(len(fake) * np.abs(case.reference("generator", Batch(real, fake)).fake) < DEAD))
    if dead > usual:
        said = f"{dead:.0%} of clearly rejected fakes get no gradient, in {case.claim.text} {usual:.0%}; use the "
        return _finding("P6", False, said + "non-saturating form, on raw outputs.", dead)
    said = f"{dead:.0%} of clearly rejected fakes get no gradient"
    return _finding("P6", True, said + (", as this loss saturates" if usual else ""), dead)
