"""Transport distances between samples: exact W1 and W2, and sliced W2, by the engine of `tussle.divergences`."""

import math

import numpy as np

from tussle import checks
from tussle.divergences import transport
from tussle.metrics.floors import Statistic, Values

NAMES = ("w1", "w2", "sliced")


def transport_statistic(names: tuple[str, ...], dimension: int, directions: int = 128, seed: int = 0) -> Statistic:
    """Return a function of two point sets that measures transport distances.

    Args:
        names: of `w1`, `w2` (exact, all points) and `sliced` (root of the mean squared W2 over directions).
        dimension: of the points.
        directions: how many, for `sliced`; in the plane they are evenly spread, beyond drawn.
        seed: of drawn directions.

    Returns:
        the function.

    Raises:
        ValueError: if a name is unknown.

    Example:
        >>> x = np.array([[0.0], [1.0]])
        >>> transport_statistic(("w1",), 1)(x, x + 0.5)
        {'w1': 0.5}
    """
    for name in names:
        checks.choice("metric", name, NAMES)
    ways = transport.directions(dimension, checks.count("directions", directions), seed)

    def statistic(x: np.ndarray, y: np.ndarray) -> Values:
        a, b = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
        found = {name: transport.exact(x, a, y, b, int(name[1])) for name in names if name != "sliced"}
        if "sliced" in names:
            found["sliced"] = math.sqrt(float(np.mean(transport.sliced(x, a, y, b, ways))))
        return found

    return statistic
