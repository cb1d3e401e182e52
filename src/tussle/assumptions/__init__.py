"""The six assumptions behind a GAN's loss, each held, relaxed or unknown, with its measured gap; and experiments.

>>> from tussle import models
>>> ledger(models.gaussian()).numbers("relaxed")
(3,)
"""

from tussle.assumptions.experiments import Experiment, experiment, experiment_names
from tussle.assumptions.ledgers import ledger
from tussle.assumptions.ratio import ExcessRisk, excess_risk
from tussle.assumptions.rows import AssumptionLedger, Row

__all__ = [
    "AssumptionLedger",
    "ExcessRisk",
    "Experiment",
    "Row",
    "excess_risk",
    "experiment",
    "experiment_names",
    "ledger",
]
