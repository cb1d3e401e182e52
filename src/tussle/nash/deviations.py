"""What a check of an equilibrium finds: the best deviation of each player, and so whether the point is one.

A point is a Nash equilibrium if no player can lower its own loss by changing its own strategy alone. One improving
deviation disproves it; the records here carry that deviation.
"""

from typing import Any

import numpy as np

from tussle.analysis import plain
from tussle.records import record, static


@record
class Deviation:
    """A change of one player's own strategy that lowers its own loss.

    Attributes:
        player: who deviates.
        strategy: what it changes to: a mixed strategy, a critic's outputs, a law, or parameters.
        gain: by how much its loss falls.
        how: what kind of change it is, in words.
    """

    player: str = static()
    strategy: np.ndarray
    gain: float
    how: str = static()

    def __str__(self) -> str:
        """Return the deviation as a sentence."""
        shown = np.array2string(np.asarray(self.strategy), precision=6, separator=", ", threshold=8)
        who = self.player if self.player.startswith("player") else f"the {self.player}"
        return f"{who} gains {self.gain:.6g} by {self.how}: {shown}"

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON knows it."""
        return plain({"player": self.player, "strategy": self.strategy, "gain": self.gain, "how": self.how})


@record
class NashCheck:
    """Whether a point of a finite game is a Nash equilibrium.

    Attributes:
        players: their names.
        losses: of each player at the point.
        deviations: the best deviation of each player, its gain 0 where there is none.
        tolerance: gain up to which a point counts as an equilibrium.
    """

    players: tuple[str, ...] = static()
    losses: np.ndarray
    deviations: tuple[Deviation, ...]
    tolerance: float

    @property
    def gains(self) -> np.ndarray:
        """What each player can gain alone, (n,)."""
        return np.array([d.gain for d in self.deviations])

    @property
    def holds(self) -> bool:
        """Whether no player can gain more than the tolerance."""
        return bool(np.all(self.gains <= self.tolerance))

    @property
    def exploitability(self) -> float:
        """The sum of the gains: 0 exactly at equilibria."""
        return float(np.sum(self.gains))

    @property
    def disproof(self) -> Deviation | None:
        """The deviation with the largest gain, None at an equilibrium."""
        return None if self.holds else self.deviations[int(np.argmax(self.gains))]

    def __str__(self) -> str:
        """Return the verdict as a sentence."""
        if self.disproof is None:
            return f"a Nash equilibrium: no player gains more than {self.gains.max():.3g}"
        return f"no Nash equilibrium: {self.disproof}"

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON knows it."""
        disproof = self.disproof
        return plain(
            {
                "players": list(self.players),
                "losses": self.losses,
                "gains": self.gains,
                "holds": self.holds,
                "exploitability": self.exploitability,
                "tolerance": self.tolerance,
                "disproof": None if disproof is None else disproof.to_json(),
            }
        )
