"""The folder of a run, and what is in it.

recipe.toml          the recipe as it was run, every --set included
run.json             versions, machine, seed, how far it came and how it ended
last.safetensors     the state after the last step (or at the last checkpoint, while it runs)
checkpoints/         earlier states, if the recipe keeps any
log.parquet          a line every so many steps: losses, speeds, logits, probes
metrics.json         the metrics with their noise floors and provenance
samples/             generated samples as .npz, and as pictures where they can be drawn
generator.safetensors, discriminator.safetensors    the weights by the modules' own names, when a run ends
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tussle.training import checkpoints
from tussle.training.checkpoints import Checkpoint, written
from tussle.training.recipes import Recipe, differences, recipe
from tussle.training.recipes import written as toml

FREE = ("run.steps", "run.device", "run.threads", "log.", "metrics.", "name", "about", "source")


class RunFolder:
    """A run on the disk.

    Args:
        path: the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path: Path = Path(path)

    # Its files ---------------------------------------------------------------------------------------------------

    @property
    def last(self) -> Path:
        """The last checkpoint."""
        return self.path / "last.safetensors"

    @property
    def holds_run(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / "recipe.toml").is_file()

    def spare(self) -> str:
        """Return what to do about a bad last checkpoint, in words: the newest of those that were kept."""
        kept = sorted((self.path / "checkpoints").glob("step-*.safetensors"))
        return f": copy {kept[-1]} there" if kept else " (no earlier one was kept; log.keep keeps some)"

    def recipe(self) -> Recipe:
        """Return the recipe of the run.

        Raises:
            ValueError: if there is no run.
        """
        if not self.holds_run:
            message = f"`{self.path}` holds no run (no recipe.toml); give the folder that `tussle train --out` wrote."
            raise ValueError(message)
        return recipe(self.path / "recipe.toml")

    def note(self) -> dict[str, Any]:
        """Return what run.json says; nothing where it is missing."""
        path = self.path / "run.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    # Beginning ---------------------------------------------------------------------------------------------------

    def begin(self, found: Recipe) -> None:
        """Make the folder and write the recipe.

        Raises:
            ValueError: if the folder cannot be made, or holds a run already.
        """
        if self.holds_run:
            message = f"`--out` {self.path} holds a run already; go on with it by --resume, or give another place."
            raise ValueError(message)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as wrong:
            message = f"`--out` is {self.path}, which cannot be made a folder ({wrong.strerror}); give another place."
            raise ValueError(message) from wrong
        self.write("recipe.toml", toml(found))

    def resume(self, found: Recipe) -> None:
        """Check that a recipe goes on with the run, and write it down.

        Raises:
            ValueError: if there is no run, or the recipe changed in what the run depends on.
        """
        before = self.recipe()
        changes = {k: v for k, v in differences(before, found).items() if not k.startswith(FREE)}
        if changes:
            told = "; ".join(f"{key} was {_told(old)} and is {_told(new)}" for key, (old, new) in changes.items())
            message = (
                f"`--resume` goes on with a run in {self.path} whose recipe changed: {told}; only steps, device, log "
                "and metrics may change; undo that, or begin a new run in another folder."
            )
            raise ValueError(message)
        for partial in self.path.rglob(".tussle.*"):  # a run that was killed while it wrote
            partial.unlink(missing_ok=True)
        self.write("recipe.toml", toml(found))

    # Writing -----------------------------------------------------------------------------------------------------

    def write(self, name: str, text: str) -> Path:
        """Write a text file whole."""
        return written(self.path / name, text.encode("utf-8"))

    def write_note(self, note: dict[str, Any]) -> None:
        """Write run.json."""
        self.write("run.json", json.dumps(note, indent=2, ensure_ascii=False) + "\n")

    def write_log(self, lines: list[dict[str, Any]]) -> None:
        """Write the log: one column for each name, one row for each line."""
        import pyarrow as pa
        import pyarrow.parquet as parquet

        names = list(dict.fromkeys(name for line in lines for name in line))
        table = pa.table({name: pa.array([_cell(line.get(name)) for line in lines]) for name in names})
        sink = pa.BufferOutputStream()
        parquet.write_table(table, sink)
        written(self.path / "log.parquet", sink.getvalue().to_pybytes())

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of the log; what a line lacks is left out."""
        import pyarrow.parquet as parquet

        path = self.path / "log.parquet"
        if not path.is_file():
            return []
        try:
            rows = parquet.read_table(path).to_pylist()
        except (OSError, ValueError) as wrong:
            message = f"`{path}` cannot be read as a log ({wrong}); move it away, and the run goes on with a new one."
            raise ValueError(message) from wrong
        return [{name: value for name, value in row.items() if value is not None} for row in rows]

    def save(self, checkpoint: Checkpoint, keep: int = 0) -> Path:
        """Write the last checkpoint, and keep `keep` of the earlier ones besides."""
        path = checkpoints.save(self.last, checkpoint)
        if keep:
            folder = self.path / "checkpoints"
            folder.mkdir(exist_ok=True)
            checkpoints.save(folder / f"step-{checkpoint.step:09d}.safetensors", checkpoint)
            for old in sorted(folder.glob("step-*.safetensors"))[:-keep]:
                old.unlink()
        return path

    def write_samples(self, step: int, arrays: dict[str, np.ndarray]) -> Path:
        """Write samples of a step as .npz."""
        import io

        folder = self.path / "samples"
        folder.mkdir(exist_ok=True)
        sink = io.BytesIO()
        np.savez_compressed(sink, allow_pickle=False, **arrays)
        return written(folder / f"step-{step:09d}.npz", sink.getvalue())

    def samples(self) -> list[Path]:
        """Return the files of samples in the order of their steps."""
        return sorted((self.path / "samples").glob("step-*.npz"))

    def metrics(self) -> list[dict[str, Any]]:
        """Return the metrics by step."""
        path = self.path / "metrics.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []

    def write_metrics(self, found: list[dict[str, Any]]) -> None:
        """Write the metrics by step."""
        self.write("metrics.json", json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def _told(value: Any) -> str:
    return "unset" if value is None else repr(value)


def _cell(value: Any) -> Any:
    if isinstance(value, (np.floating, np.integer)):
        return value.item()
    return value
