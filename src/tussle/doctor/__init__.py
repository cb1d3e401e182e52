"""The doctor: a PyTorch GAN of the user's own, diagnosed with evidence, and cures tried before they are recommended."""

from tussle import networks as _networks  # noqa: F401  (says what to install where PyTorch is missing)
from tussle.doctor.adopt import adopt
from tussle.doctor.diagnose import diagnose
from tussle.doctor.findings import NAMES, Checked, Evidence, Finding
from tussle.doctor.monitor import FindingWarning, FoundError, Monitor
from tussle.doctor.patient import Patient
from tussle.doctor.reports import Report

__all__ = [
    "NAMES",
    "Checked",
    "Evidence",
    "Finding",
    "FindingWarning",
    "FoundError",
    "Monitor",
    "Patient",
    "Report",
    "adopt",
    "diagnose",
]
