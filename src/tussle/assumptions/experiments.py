"""The experiments: each relaxation of an assumption as a table that anyone can compute again.

Nie and Patel blame the failures of GANs on assumptions that do not hold. Each experiment relaxes one of them where the
truth is known, and says in one sentence what the numbers show.

References:
    Nie, Patel, "Towards a better understanding and regularization of GAN training dynamics", UAI 2019.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tussle import checks
from tussle.analysis import plain
from tussle.records import record, static

Value = float | int | str


@record
class Experiment:
    """An experiment with its table.

    Attributes:
        name: what `experiment` knows it by.
        title: what it is about, for the head of its table.
        relaxes: the numbers of the assumptions that do not hold, 1 to 6.
        columns: the names of the columns.
        rows: one tuple of plain numbers and words for each row.
        notes: what one must know to read the table.
        sentence: what the numbers say.
    """

    name: str = static()
    title: str = static()
    relaxes: tuple[int, ...] = static()
    columns: tuple[str, ...] = static()
    rows: tuple[tuple[Value, ...], ...] = static()
    notes: tuple[str, ...] = static()
    sentence: str = static()

    def __post_init__(self) -> None:
        """Check that every row has a value for each column."""
        wrong = [len(row) for row in self.rows if len(row) != len(self.columns)]
        if wrong or not self.rows:
            came = f"a row of {wrong[0]} values" if wrong else "nothing"
            message = f"`rows` holds {came} for {len(self.columns)} columns; each row must have a value for each; "
            message += "give at least one such row."
            raise ValueError(message)

    def column(self, name: str) -> tuple[Value, ...]:
        """Return one column.

        Raises:
            ValueError: if there is none of that name.
        """
        checks.choice("name", name, self.columns)
        place = self.columns.index(name)
        return tuple(row[place] for row in self.rows)

    def where(self, **values: Value) -> "Experiment":
        """Return the experiment with only those rows whose columns have these values.

        Raises:
            ValueError: if a column is not known, or no row is left.
        """
        kept = [self.column(name) for name in values]
        rows = tuple(
            row
            for row, *found in zip(self.rows, *kept, strict=True)
            if all(a == b for a, b in zip(found, values.values(), strict=True))
        )
        return Experiment(self.name, self.title, self.relaxes, self.columns, rows, self.notes, self.sentence)

    def to_json(self) -> dict[str, Any]:
        """Return the experiment as JSON knows it; infinities are the string "inf"."""
        return plain(
            {
                "name": self.name,
                "title": self.title,
                "relaxes": list(self.relaxes),
                "columns": list(self.columns),
                "rows": [list(row) for row in self.rows],
                "notes": list(self.notes),
                "sentence": self.sentence,
            }
        )

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Return each column by name, as float64 where it holds numbers only."""
        found = {}
        for name in self.columns:
            values = self.column(name)
            words = any(isinstance(value, str) for value in values)
            found[name] = np.array([str(v) for v in values]) if words else np.array(values, dtype=np.float64)
        return found


@functools.cache
def _makers() -> dict[str, Callable[..., Experiment]]:
    """Return the experiments by name; they are imported here because they make `Experiment` records."""
    from tussle.assumptions import bumps, capacities, fits, samples, segments

    return {
        "segments": segments.segments,
        "thickened": segments.thickened,
        "rings": segments.rings,
        "ranks": segments.ranks,
        "realizability": fits.realizability,
        "memory": capacities.memory,
        "moments": capacities.moments,
        "dynamics": capacities.dynamics,
        "nash": capacities.nash,
        "bumps": bumps.bumps,
        "fits": fits.fits,
        "crossover": fits.crossover,
        "transport": samples.transport,
        "line": samples.line,
        "discrepancy": samples.discrepancy,
        "birthday": samples.birthday,
    }


def experiment_names() -> tuple[str, ...]:
    """Return the names that `experiment` knows, in the order of the assumptions.

    >>> experiment_names()[:4]
    ('segments', 'thickened', 'rings', 'ranks')
    """
    return tuple(_makers())


def experiment(name: str, **options: Any) -> Experiment:
    """Run an experiment.

    Args:
        name: one of `experiment_names()`.
        **options: of that experiment, which is a function of the same name in bumps, fits, segments, samples or
            capacities.

    Returns:
        the experiment with its table.

    Raises:
        ValueError: for an unknown name or option, or a value that may not come.

    >>> round(experiment("bumps").rows[0][2], 5)
    0.14448
    """
    import inspect

    maker = _makers()[checks.choice("name", name, _makers())]
    known = tuple(inspect.signature(maker).parameters)
    for option in options:
        if not known:
            message = f"`{option}` came for {name}; it takes no options; drop it."
            raise ValueError(message)
        checks.choice(f"option of {name}", option, known)
    return maker(**options)
