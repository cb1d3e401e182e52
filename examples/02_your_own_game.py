"""Your own game is a Python function of the players' vectors that returns one loss for each. No class is needed.

Two firms choose quantities on a market (Cournot); the price falls with what both sell. A third joins in the second
part: games are not only for two.
"""

import numpy as np

import tussle


def duopoly(x, y):
    """Return each firm's loss: cost minus revenue at the price 10 - x - y."""
    price = 10.0 - x.sum() - y.sum()
    return x.sum() - price * x.sum(), y.sum() - price * y.sum()


found = tussle.analyze(duopoly, tussle.simultaneous(tussle.sgd(0.1)), start=(1.0, 5.0))
print("equilibrium", np.concatenate(found.equilibrium), "stable steps", found.stable.intervals, found.outcome.ending)
# The textbook answer: (10 - 1) / 3 for each.
assert np.allclose(np.concatenate(found.equilibrium), 3.0)


def oligopoly(x, y, z):
    """Return three firms' losses."""
    price = 10.0 - x.sum() - y.sum() - z.sum()
    return tuple(q.sum() - price * q.sum() for q in (x, y, z))


game = tussle.Game(oligopoly, players=("first", "second", "third"))
found = tussle.analyze(game, tussle.simultaneous(tussle.sgd(0.1)), start=(1.0, 5.0, 2.0))
print("three firms", np.concatenate(found.equilibrium), found.outcome.ending)
assert np.allclose(np.concatenate(found.equilibrium), 9 / 4)
