"""The score of Salimans et al.: generated samples should each be of a clear class, and together of all classes."""

import numpy as np

from tussle import checks


def classifier_score(logits: np.ndarray, splits: int = 10) -> tuple[float, float]:
    """Return exp(E KL(p(y|x) || p(y))), mean and deviation over splits.

    With the logits of the FID network this is the Inception score. It looks at no real samples, and its value depends
    on the number of samples in a split.

    Args:
        logits: of a classifier at generated samples, (n, classes).
        splits: parts of equal size that are scored each; 10 as published.

    Returns:
        mean and standard deviation over the parts; the score lies between 1 and the number of classes.

    Raises:
        ValueError: if there are fewer than two samples a part.

    Reference:
        Salimans et al., "Improved techniques for training GANs", NeurIPS 2016.

    Example:
        >>> classifier_score(100 * np.tile(np.eye(3), (4, 1)), splits=1)[0].__round__(6)
        3.0
    """
    checks.count("splits", splits)
    if len(logits) < 2 * splits:
        message = f"`fake` has {len(logits)} sample(s); a score over {splits} splits needs {2 * splits} or more; draw "
        raise ValueError(message + "more samples or take fewer `splits`.")
    logs = logits - logits.max(axis=1, keepdims=True)
    logs = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
    scores = []
    for part in np.array_split(logs, splits):
        p = np.exp(part)
        marginal = p.mean(axis=0)
        own = np.sum(p * part, axis=1)  # p is 0 before its log overflows
        common = p @ np.log(np.maximum(marginal, 1e-300))
        scores.append(np.exp(np.mean(own - common)))
    return float(np.mean(scores)), float(np.std(scores))
