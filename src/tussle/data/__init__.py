"""Data by name: laws in the plane, images that come with installed packages, and one's own folders and files."""

from tussle.data.ahead import Ahead
from tussle.data.base import DataSet, Drawn, Modes, Packed, Part
from tussle.data.catalog import data_names, data_options, load
from tussle.data.digits import Digits, Images, digits

__all__ = [
    "load", "data_names", "data_options",
    "DataSet", "Part", "Packed", "Drawn", "Modes",
    "Ahead",
    "digits", "Digits", "Images",
]  # fmt: skip
