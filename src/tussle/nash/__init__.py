"""Nash equilibria: checks of finite games, of GANs on finite spaces and of parametric games, and examples."""

from tussle.nash.check import check_nash
from tussle.nash.deviations import Deviation, NashCheck
from tussle.nash.local import LocalNash, LocalStatus, check_local
from tussle.nash.matrices import MatrixGame
from tussle.nash.spaces import FiniteGAN, Indifference, indifference, outputs, value
from tussle.nash.stackelberg import Stackelberg

__all__ = [
    "Deviation",
    "FiniteGAN",
    "Indifference",
    "LocalNash",
    "LocalStatus",
    "MatrixGame",
    "NashCheck",
    "Stackelberg",
    "check_local",
    "check_nash",
    "indifference",
    "outputs",
    "value",
]
