"""How good a run's samples are: metrics with their floors, on the run's own data.

The network whose features are compared, and the judge of modes, are made once a run and recorded with every value: the
mixture's own centers; for digits a small classifier that is trained on the data set itself; for other images the
ImageNet weights of EfficientNet-Lite0, or of Inception where a path of its weights is given.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tussle import checks
from tussle.training.recipes import Recipe

MODES = ("modes", "quality", "mode_kl", "mode_reverse_kl")
FEATURED = ("precision", "recall", "density", "coverage", "frechet", "fid", "kid", "classifier_score", "birthday")
TRIED = 32  # samples that metrics are tried on before a run begins
LABELED = ("digits", "mnist5k", "stacked-mnist")  # data whose own classifier says more than ImageNet's


class Judging:
    """Measures the samples of a run.

    Args:
        found: the recipe.
        data: its data set.

    Raises:
        ValueError: if a metric is unknown, or needs what the data do not have.
    """

    def __init__(self, found: Recipe, data: Any) -> None:
        from tussle.metrics import metric_names

        self.recipe: Recipe = found
        self.data: Any = data
        self.names: tuple[str, ...] = tuple(
            checks.choice("metrics.names", n, metric_names()) for n in found.metrics.names
        )
        if self.names and data is None:
            message = "`metrics.names` came with an exact model, which has no data set to be judged by; leave them out."
            raise ValueError(message)

    def measure(self, step: int, draw: Callable[[np.ndarray], np.ndarray], latents: np.ndarray) -> dict[str, Any]:
        """Return what was measured at a step, as JSON knows it.

        Args:
            step: steps taken.
            draw: latents -> samples.
            latents: of as many samples as are wanted.
        """
        from tussle.metrics import evaluate

        seed = self.recipe.run.seed
        real, fake = self._real(len(latents), step), self._unpacked(draw(latents))
        kept = self.data.law if self.data.law is not None else self.data.held_out
        kept = None if self.data.law is None and len(kept) == 0 else self._plain(kept)
        found = evaluate(self.names, real, fake, held_out=kept, modes=self._modes, features=self._features, seed=seed)
        return {"step": step, "metrics": {name: one.to_json() for name, one in found.items()}}

    def check(self) -> None:
        """Try the metrics on a few real samples, before anything is trained.

        Raises:
            ValueError: if one of them cannot be measured on these data with these settings.
        """
        if not self.names:
            return
        from tussle.metrics import evaluate

        few = min(self.recipe.metrics.samples, TRIED)
        sides = self._real(few, 0), self._real(few, 1)
        try:
            evaluate(self.names, *sides, modes=self._modes, features=self._features, repeats=0)
        except ValueError as wrong:
            message = f"`metrics` cannot be measured as asked for: {wrong}"
            raise ValueError(message) from wrong

    def _real(self, count: int, number: int) -> np.ndarray:
        """Return real samples, independent ones also where batches are stratified."""
        rng = np.random.Generator(np.random.Philox(key=[self.recipe.run.seed, (1 << 41) + number]))
        if self.data.law is not None:
            return self.data.law.sample(rng, count).astype(np.float32)
        return self.data.train.draw(rng, count).x

    def _plain(self, part: Any) -> Any:
        """Return a part without labels that travel."""
        return part.inner if part is not None and self.data.labeled else part

    def _unpacked(self, samples: np.ndarray) -> np.ndarray:
        return samples[:, :-1].reshape(-1, *self.data.shape) if self.data.labeled else samples

    @functools.cached_property
    def _modes(self) -> Any:
        from tussle.metrics import Classes

        if not set(self.names) & set(MODES):
            return None
        if self.data.modes is not None:
            return self.data.modes.centers, self.data.modes.std
        if self.data.name == "stacked-mnist":
            return Classes(self._classifier, self.data.shape[0])
        if self.data.classes > 1:
            return Classes(self._classifier)
        message = f"`metrics.names` has modes, but {self.data.name} has neither modes nor labels; take others."
        raise ValueError(message)

    @functools.cached_property
    def _classifier(self) -> Any:
        """A classifier of the data set's own labels; for stacked digits of single ones."""
        from tussle.data import load
        from tussle.metrics import data_classifier

        if self.data.name != "stacked-mnist":
            part = self._plain(self.data.train)
            return data_classifier(part.points, part.labels)
        used = round(self.data.classes ** (1 / self.data.shape[0]))
        single = load("mnist5k", size=self.data.shape[1])
        keep = single.train.labels < used
        return data_classifier(single.train.points[keep], single.train.labels[keep])

    @functools.cached_property
    def _features(self) -> Any:
        from tussle.metrics import efficientnet_features, inception_features

        asked = self.recipe.metrics.features
        points = len(self.data.shape) != 3
        if points and asked != "auto":
            message = f"`metrics.features` is {asked}, but {self.data.name} has points, not images; leave it out."
            raise ValueError(message)
        if points or not set(self.names) & set(FEATURED):
            return None
        if asked == "auto":
            asked = "classifier" if self.data.name in LABELED[:2] else "efficientnet-lite0"
        if asked == "classifier":
            return self._classifier
        if asked == "efficientnet-lite0":
            return efficientnet_features()
        if not Path(asked).is_file():
            message = (
                f"`metrics.features` is {asked!r}; it may be auto, classifier, efficientnet-lite0, or the path of "
                "Inception's weights, and there is no such file; give one of these."
            )
            raise ValueError(message)
        return inception_features(weights=asked)
