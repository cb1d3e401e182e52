"""All metrics by name, each with its floor and its provenance, computed together where they share work."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from tussle import checks
from tussle.metrics.birthday import birthday_test, closest_pair
from tussle.metrics.distances import transport_statistic
from tussle.metrics.features import Features
from tussle.metrics.frechet import frechet_limit, frechet_torchmetrics, frechet_values
from tussle.metrics.kernel import kernel_values, kid_torchmetrics
from tussle.metrics.measured import Metric
from tussle.metrics.modes import counts, judge_of
from tussle.metrics.neighbors import manifold_values
from tussle.metrics.samples import flat
from tussle.metrics.score import classifier_score
from tussle.metrics.sides import Inputs, Sides, inputs


class Asked(NamedTuple):
    """What was asked for.

    Attributes:
        names: metrics of one group.
        given: the samples.
        plain: gives samples themselves as points, made when first asked for.
        points: gives features as points, or samples themselves where no network was given.
        seed: of all draws.
        repeats: of the floors.
        modes: how modes are judged, as given.
        neighbors: of precision, recall, density, coverage; None for those published.
        directions: of the sliced distance.
        threshold: of the birthday test, or None.
        extrapolate: whether the Frechet distance is extrapolated too.
        subset: points of a subset of KID.
        splits: of the classifier score.
    """

    names: tuple[str, ...]
    given: Inputs
    plain: Callable[[], Sides]
    points: Callable[[], Sides]
    seed: int
    repeats: int
    modes: Any
    neighbors: int | None
    directions: int
    threshold: float | None
    extrapolate: bool
    subset: int
    splits: int


def _transport(asked: Asked) -> list[Metric]:
    sides = asked.plain()
    statistic = transport_statistic(asked.names, sides.real.shape[1], asked.directions, sides.seed)
    found, floor = statistic(sides.real, sides.fake), sides.floor(statistic)
    notes = {
        "w1": "exact transport of all points, Euclidean cost",
        "w2": "exact transport of all points, root of the squared cost",
        "sliced": f"root of the mean squared W2 over {asked.directions} directions",
    }
    return [sides.metric(name, found[name], floor, note=notes[name]) for name in asked.names]


def _modes(asked: Asked) -> list[Metric]:
    if asked.modes is None:
        message = f"`modes` is not given, and {', '.join(asked.names)} need it; it must be centers (k, d) with their "
        raise ValueError(message + "standard deviation, a judge or a classifier; give modes=(centers, std).")
    judge = judge_of(asked.modes)
    tokens = lambda samples: np.stack(judge.assign(samples), axis=1)
    sides = asked.given.sides(tokens, None, asked.seed, asked.repeats)
    statistic = lambda t: counts(t[:, 0], t[:, 1].astype(bool), judge.count).values()
    found, floor = statistic(sides.fake), sides.ceiling(statistic)
    words = {
        "modes": f"modes of {judge.count} with at least one good sample",
        "quality": "share of good samples",
        "mode_kl": "KL(uniform || histogram)",
        "mode_reverse_kl": "KL(histogram || uniform), the published D_KL",
    }
    details = {"modes": judge.count, "histogram": np.bincount(sides.fake[:, 0], minlength=judge.count)}
    rest = {"details": details, "features": getattr(judge, "classifier", None)}
    better = {"modes": "higher", "quality": "higher"}
    return [
        sides.metric(
            name,
            found[name],
            floor,
            note=f"{words[name]}; {judge.convention}",
            better=better.get(name, "lower"),
            **rest,
        )
        for name in asked.names
    ]


def _manifold(asked: Asked) -> list[Metric]:
    k, dense = (3, 5) if asked.neighbors is None else (asked.neighbors, asked.neighbors)
    statistic = lambda x, y: manifold_values(x, y, k, dense)
    sides = asked.points()
    found, floor = statistic(sides.real, sides.fake), sides.floor(statistic)
    used = {"precision": k, "recall": k, "density": dense, "coverage": dense}
    return [
        sides.metric(
            name, found[name], floor, better="higher", note=f"closed balls to the neighbor of rank {used[name]}"
        )
        for name in asked.names
    ]


def _frechet(asked: Asked) -> list[Metric]:
    sides = asked.points()
    network = sides.features
    if "fid" in asked.names and (network is None or not network.fid):
        came = "not given" if network is None else network.name
        message = f"`features` is {came}; the metric `fid` is the Frechet distance of the Inception network of "
        message += "2015-12-05 with its published weights and of no other; ask for `frechet`, or give "
        raise ValueError(message + "features=inception_features(weights=...).")
    value, floor = frechet_torchmetrics(sides.real, sides.fake), sides.floor(frechet_values)
    few = min(len(sides.real), len(sides.fake)) <= sides.real.shape[1]
    note = "squared distance of the normal laws with the samples' means and covariances (torchmetrics); too large by "
    note += "about the floor" + (", and with fewer samples than dimensions by much" if few else "")
    details = {}
    if asked.extrapolate:
        limit, error = frechet_limit(sides.real, sides.fake, sides.seed)
        details = {"limit": limit, "limit_error": error}
    return [sides.metric(name, value, floor, "frechet", note=note, details=details) for name in asked.names]


def _kernel(asked: Asked) -> list[Metric]:
    sides = asked.points()
    value, deviation = kid_torchmetrics(sides.real, sides.fake, asked.subset, sides.seed)
    note = "unbiased, so it may fall below 0; kernel (x.y/d + 1)^3 (torchmetrics)"
    if sides.features is None or not sides.features.fid:
        note += "; not of the Inception network"
    return [sides.metric("kid", value, sides.floor(kernel_values), deviation=deviation or None, note=note)]


def _score(asked: Asked) -> list[Metric]:
    sides = asked.points()
    if sides.features is None:
        message = "`features` is not given, and classifier_score needs a network with classes; take data_classifier(), "
        raise ValueError(message + "efficientnet_features() or inception_features().")
    logits = sides.features.logits
    value, deviation = classifier_score(logits(sides.fake), asked.splits)
    ceiling = sides.ceiling(lambda y: {"classifier_score": classifier_score(logits(y), asked.splits)[0]})
    note = f"exp of the mean KL(p(y|x) || p(y)) over {asked.splits} splits"
    note += ": the Inception score" if sides.features.fid else "; not of the Inception network"
    return [sides.metric("classifier_score", value, ceiling, deviation=deviation, better="higher", note=note)]


def _birthday(asked: Asked) -> list[Metric]:
    sides = asked.points()
    threshold = closest_pair(sides.real) if asked.threshold is None else asked.threshold
    found = birthday_test(sides.fake, threshold=threshold)
    ceiling = sides.ceiling(lambda y: {"birthday": birthday_test(y, threshold=threshold).support}, False)
    note = "support from pairs of generated samples " + (
        "no farther apart than the closest two real ones" if asked.threshold is None else "within the threshold"
    )
    details = {
        "low": found.low,
        "high": found.high,
        "collisions": found.collisions,
        "threshold": threshold,
        "batch": found.batch,
    }
    return [sides.metric("birthday", found.support, ceiling, better="higher", note=note, details=details)]


GROUPS: tuple[tuple[Callable[[Asked], list[Metric]], tuple[str, ...]], ...] = (
    (_transport, ("w1", "w2", "sliced")),
    (_modes, ("modes", "quality", "mode_kl", "mode_reverse_kl")),
    (_manifold, ("precision", "recall", "density", "coverage")),
    (_frechet, ("frechet", "fid")),
    (_kernel, ("kid",)),
    (_score, ("classifier_score",)),
    (_birthday, ("birthday",)),
)


def metric_names() -> tuple[str, ...]:
    """Return the names of all metrics."""
    return tuple(name for _, names in GROUPS for name in names)


def _names(metrics: Iterable[str] | str) -> tuple[str, ...]:
    names = (metrics,) if isinstance(metrics, str) else tuple(dict.fromkeys(metrics))
    return tuple(checks.choice("metrics", name, metric_names()) for name in names)


def evaluate(
    metrics: Iterable[str] | str,
    real: Any,
    fake: Any,
    *,
    held_out: Any = None,
    modes: Any = None,
    features: Features | None = None,
    seed: int = 0,
    repeats: int = 5,
    neighbors: int | None = None,
    directions: int = 128,
    threshold: float | None = None,
    extrapolate: bool = False,
    subset: int = 1000,
    splits: int = 10,
    batch: int = 64,
) -> dict[str, Metric]:
    """Measure generated samples against real ones, every value with what real samples get among themselves.

    Args:
        metrics: names, see `metric_names`. Transport distances compare the samples themselves; precision, recall,
            density, coverage, frechet, kid and birthday compare features where `features` are given.
        real: samples (n, ...), an array, a tensor or a measure with points.
        fake: generated samples (m, ...).
        held_out: further real samples, or the law itself (anything with `sample(rng, count)`), for the floor.
        modes: centers (k, d) with their standard deviation, a judge (`Centers`, `Classes`) or a classifier.
        features: the network whose features are compared.
        seed: of floors, subsets and directions.
        repeats: pairs of samples a floor is the mean of; 0 for no floors.
        neighbors: k of precision, recall (default 3), density and coverage (default 5).
        directions: of `sliced`.
        threshold: of `birthday`; by default the distance of the closest two real points.
        extrapolate: whether `frechet` and `fid` are extrapolated to infinitely many samples too.
        subset: points of a subset of `kid`.
        splits: of `classifier_score`.
        batch: images the network sees at a time.

    Returns:
        records by name, in the order asked for.

    Raises:
        ValueError: for an unknown name, samples that are too few, not finite or of different shapes, or where a metric
            lacks the modes or the features it needs.

    Example:
        >>> x = np.arange(10.0)[:, None]
        >>> found = evaluate(["w1"], x, x + 0.25, repeats=0)
        >>> found["w1"].value
        0.25
    """
    names = _names(metrics)
    checks.count("seed", seed, least=0)
    checks.count("repeats", repeats, least=0)
    given = inputs(real, fake, held_out)
    plain = functools.cache(lambda: given.sides(flat, None, seed, repeats))
    points = plain
    if features is not None:
        points = functools.cache(lambda: given.sides(lambda x: features.of(x, batch), features, seed, repeats))
    rest = (given, plain, points, seed, repeats, modes, neighbors, directions, threshold, extrapolate, subset, splits)
    found = {}
    for group, members in GROUPS:
        if wanted := tuple(name for name in members if name in names):
            found |= {metric.name: metric for metric in group(Asked(wanted, *rest))}
    return {name: found[name] for name in names}
