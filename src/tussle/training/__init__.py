"""Training of real networks by the maps of the grammar."""

from tussle import networks as _networks  # noqa: F401  (says what to install where PyTorch is missing)
from tussle.training.digits import DigitsRun, digits_gan, train_digits
from tussle.training.loop import Progress, TrainingRecord, train

__all__ = ["DigitsRun", "Progress", "TrainingRecord", "digits_gan", "train", "train_digits"]
