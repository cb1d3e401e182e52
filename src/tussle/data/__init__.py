"""Data that come with installed packages: no download, no account."""

from tussle.data.digits import Digits, Images, digits

__all__ = ["Digits", "Images", "digits"]
