"""Rules: where the field is read. One file a rule."""

from tussle.rules.alternating import Alternating, alternating
from tussle.rules.averaging import Averaging, averaging
from tussle.rules.base import AbstractRule, Info
from tussle.rules.competitive import Competitive, competitive
from tussle.rules.extragradient import Extragradient, extragradient
from tussle.rules.lookahead import Lookahead, lookahead
from tussle.rules.optimistic import Optimistic, optimistic
from tussle.rules.simultaneous import Simultaneous, simultaneous

__all__ = [
    "AbstractRule",
    "Alternating",
    "Averaging",
    "Competitive",
    "Extragradient",
    "Info",
    "Lookahead",
    "Optimistic",
    "Simultaneous",
    "alternating",
    "averaging",
    "competitive",
    "extragradient",
    "lookahead",
    "optimistic",
    "simultaneous",
]
