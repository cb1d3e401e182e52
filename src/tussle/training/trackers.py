"""Trackers: the lines of the log also in TensorBoard, Weights & Biases or MLflow, where these are installed.

The run's own log is always written; a tracker is a copy for those who watch there. Nothing is sent anywhere unless the
tracker itself is set up to: Weights & Biases is started offline unless WANDB_MODE says otherwise.
"""

import importlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}


class Tracker(Protocol):
    """What a tracker must offer."""

    def log(self, step: int, line: Mapping[str, float]) -> None:
        """Take a line."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


def trackers(names: tuple[str, ...], folder: Path, run: str, document: dict[str, Any]) -> list[Tracker]:
    """Return trackers by name.

    Args:
        names: tensorboard, wandb, mlflow.
        folder: where they write.
        run: what the run is called.
        document: the recipe.

    Raises:
        ModuleNotFoundError: if one is not installed.
    """
    return [_MAKERS[name](_imported(name), folder, run, document) for name in names]


def check_installed(names: tuple[str, ...]) -> None:
    """Check that trackers are installed, before anything is written.

    Raises:
        ModuleNotFoundError: if one is not.
    """
    for name in names:
        _imported(name)


def _imported(name: str) -> Any:
    try:
        package = importlib.import_module(PACKAGES[name])
        return importlib.import_module("torch.utils.tensorboard") if name == "tensorboard" else package
    except ModuleNotFoundError as missing:
        message = f"`log.trackers` has {name}, which is not installed; run pip install {PACKAGES[name]}, or drop it."
        raise ModuleNotFoundError(message, name=PACKAGES[name]) from missing


def numbers(line: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a line that a tracker can draw."""
    return {k: float(v) for k, v in line.items() if isinstance(v, (int, float)) and k != "step"}


class TensorBoard:
    """Event files in the run's folder."""

    def __init__(self, package: Any, folder: Path, run: str, document: dict[str, Any]) -> None:
        self.writer: Any = package.SummaryWriter(str(folder / "tensorboard"))
        self.writer.add_text("recipe", f"```\n{run}: {document}\n```")

    def log(self, step: int, line: Mapping[str, float]) -> None:
        """Take a line."""
        for name, value in numbers(line).items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is left."""
        self.writer.close()


class WandB:
    """A run of Weights & Biases, offline unless the user says otherwise."""

    def __init__(self, package: Any, folder: Path, run: str, document: dict[str, Any]) -> None:
        mode = os.environ.get("WANDB_MODE", "offline")
        self.run: Any = package.init(project="tussle", name=run, dir=str(folder), config=document, mode=mode)

    def log(self, step: int, line: Mapping[str, float]) -> None:
        """Take a line."""
        self.run.log(numbers(line), step=step)

    def close(self) -> None:
        """Write what is left."""
        self.run.finish()


class MLflow:
    """A run of MLflow, in the folder unless MLFLOW_TRACKING_URI says otherwise."""

    def __init__(self, package: Any, folder: Path, run: str, document: dict[str, Any]) -> None:
        self.client: Any = package
        if "MLFLOW_TRACKING_URI" not in os.environ:
            package.set_tracking_uri(f"sqlite:///{(folder / 'mlflow.db').resolve()}")
        package.set_experiment("tussle")
        package.start_run(run_name=run)
        package.log_dict(document, "recipe.json")

    def log(self, step: int, line: Mapping[str, float]) -> None:
        """Take a line."""
        self.client.log_metrics({k.replace(".", "_"): v for k, v in numbers(line).items()}, step=step)

    def close(self) -> None:
        """Write what is left."""
        self.client.end_run()


_MAKERS: dict[str, Callable[..., Tracker]] = {"tensorboard": TensorBoard, "wandb": WandB, "mlflow": MLflow}
