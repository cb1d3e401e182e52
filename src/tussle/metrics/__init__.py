"""Metrics of generated samples, each with its noise floor beside it and the provenance of its features.

>>> from tussle.metrics import evaluate
>>> evaluate("w1", [[0.0], [1.0]], [[0.5], [1.5]], repeats=0)["w1"].value
0.5
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tussle.metrics.birthday import Birthday, birthday_test
    from tussle.metrics.classifier import data_classifier
    from tussle.metrics.extractors import efficientnet_features, inception_features
    from tussle.metrics.features import Features, network_features
    from tussle.metrics.frechet import frechet_distance, frechet_limit
    from tussle.metrics.kernel import kernel_distance
    from tussle.metrics.measured import Metric
    from tussle.metrics.modes import Centers, Classes, ModeCounts, mode_counts
    from tussle.metrics.neighbors import Manifold, manifold
    from tussle.metrics.score import classifier_score
    from tussle.metrics.suite import evaluate, metric_names

_homes = {
    "birthday": "Birthday birthday_test",
    "classifier": "data_classifier",
    "extractors": "efficientnet_features inception_features",
    "features": "Features network_features",
    "frechet": "frechet_distance frechet_limit",
    "kernel": "kernel_distance",
    "measured": "Metric",
    "modes": "Centers Classes ModeCounts mode_counts",
    "neighbors": "Manifold manifold",
    "score": "classifier_score",
    "suite": "evaluate metric_names",
}
_home = {name: module for module, names in _homes.items() for name in names.split()}

__all__ = [
    "Birthday",
    "Centers",
    "Classes",
    "Features",
    "Manifold",
    "Metric",
    "ModeCounts",
    "birthday_test",
    "classifier_score",
    "data_classifier",
    "efficientnet_features",
    "evaluate",
    "frechet_distance",
    "frechet_limit",
    "inception_features",
    "kernel_distance",
    "manifold",
    "metric_names",
    "mode_counts",
    "network_features",
]


def __getattr__(name: str) -> Any:
    if name in _home:
        return getattr(importlib.import_module(f"tussle.metrics.{_home[name]}"), name)
    message = f"module 'tussle.metrics' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
