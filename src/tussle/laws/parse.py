"""Laws as a person writes them: `0.5*normal(-4,1) + 0.5*normal(4,1)`, or a file of samples. Read, never evaluated."""

import difflib
import re
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np

from tussle.laws.combined import Mixture
from tussle.laws.exponential import Erlang, Exponential
from tussle.laws.laplace import Laplace
from tussle.laws.normal import Normal
from tussle.laws.rayleigh import Rayleigh
from tussle.laws.uniform import Uniform
from tussle.measures import Atoms, Samples

FORMS = {
    "normal": "normal(mean, std) or normal([m1,m2], [[c11,c12],[c21,c22]])",
    "uniform": "uniform(low, high)",
    "exponential": "exponential(rate)",
    "erlang": "erlang(shape, rate)",
    "laplace": "laplace(mean, scale)",
    "rayleigh": "rayleigh(scale)",
    "atoms": "atoms([x1,x2], [weight1,weight2])",
}
FILES = (".npy", ".csv")

_token = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<word>[A-Za-z_]\w*)|(?P<sign>\S))",
    re.ASCII,
)


def parse_law(text: str) -> Any:
    """Return the measure that a text describes.

    A law is a name with its numbers; a mixture a sum of weight*law whose weights sum to 1. In more dimensions numbers
    are lists, and the second of a normal law is then its standard deviations, or the matrix of its covariance.

    Args:
        text: such as "normal(0,1)", "0.3*laplace(0,1)+0.7*uniform(-1,2)", "atoms([0,1],[0.5,0.5])" or "data.npy".

    Returns:
        a law, `Atoms`, or the `Samples` of a file.

    Raises:
        ValueError: if the text is none of these; it says where in the text.

    >>> parse_law("0.5*normal(-4,1) + 0.5*normal(4,1)").dimension
    1
    """
    if text.strip().lower().endswith(FILES):
        return read_samples(text.strip())
    return _Reader(text).measure()


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


@final
class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str) -> None:
        self.text: str = text
        found = [m for m in _token.finditer(text) if m.lastgroup]
        kinds = [str(m.lastgroup) for m in found]
        self.tokens: list[_Token] = [_Token(k, m.group(k), m.start(k)) for k, m in zip(kinds, found, strict=True)]
        self.tokens.append(_Token("end", "", len(text.rstrip())))
        self.place: int = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.place]

    def wrong(self, wanted: str, at: int | None = None) -> ValueError:
        """Return the error of a text that goes wrong at a place."""
        at = self.next.at if at is None else at
        came = self.text[at : at + 12].strip() or "the end"
        shown = self.text if len(self.text) <= 80 else self.text[:77] + "..."
        stop = "" if wanted.endswith("?") else "."
        return ValueError(f"`{shown}` goes wrong at position {at + 1} ({came!r}); {wanted}{stop}")

    def take(self, sign: str, wanted: str) -> None:
        if self.next.text != sign:
            raise self.wrong(wanted)
        self.place += 1

    def measure(self) -> Any:
        parts = [self.part()]
        while self.next.text == "+":
            self.place += 1
            parts.append(self.part())
        if self.next.kind != "end":
            raise self.wrong("after a law there may come + and another weight*law, or nothing")
        if len(parts) == 1 and parts[0][0] is None:
            return parts[0][1]
        if any(weight is None for weight, _ in parts):
            raise self.wrong("each law of a mixture needs its weight, such as 0.5*normal(0,1)", 0)
        return self.mixed([float(w) for w, _ in parts if w is not None], [law for _, law in parts])

    def mixed(self, weights: list[float], laws: list[Any]) -> Any:
        total = sum(weights)
        if min(weights) < 0 or abs(total - 1) > 1e-9:
            raise self.wrong(f"the weights {weights} must be 0 or more and sum to 1, not {total:.10g}", 0)
        shares = np.array(weights) / total
        atoms = [isinstance(law, Atoms) for law in laws]
        if all(atoms):
            nodes = [law.nodes() for law in laws]
            masses = np.concatenate([w * n.weights for w, n in zip(shares, nodes, strict=True)])
            return Atoms(np.concatenate([n.points for n in nodes]), masses / masses.sum())
        if any(atoms):
            raise self.wrong("atoms mix with atoms only, laws with laws", 0)
        if len({law.dimension for law in laws}) > 1:
            raise self.wrong("the laws of a mixture must be of one dimension", 0)
        return Mixture(tuple(laws), tuple(float(s) for s in shares))

    def part(self) -> tuple[float | None, Any]:
        weight = None
        if self.next.kind == "number" or self.next.text in ("-", "."):
            weight = self.number()
            self.take("*", "a weight is followed by * and its law")
        return weight, self.law()

    def law(self) -> Any:
        name, at = self.next.text, self.next.at
        if self.next.kind != "word":
            known = ", ".join(FORMS)
            raise self.wrong(f"here a law must stand, one of {known}, or the name of a .npy or .csv file")
        if name.lower() not in FORMS:
            near = difflib.get_close_matches(name.lower(), FORMS, n=1, cutoff=0.5)
            hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(FORMS)}, and .npy and .csv files"
            raise self.wrong(f"{name} is no law; {hint}", at)
        self.place += 1
        values = self.values(name)
        try:
            return _made(name.lower(), values)
        except (ValueError, TypeError, np.linalg.LinAlgError) as wrong:
            raise self.wrong(f"{str(wrong).rstrip('.')}; the form is {FORMS[name.lower()]}", at) from wrong

    def values(self, name: str) -> list[Any]:
        self.take("(", f"{name} is followed by its numbers in parentheses, {FORMS[name.lower()]}")
        found = [self.value()]
        while self.next.text == ",":
            self.place += 1
            found.append(self.value())
        self.take(")", "here a comma or a closing parenthesis must stand")
        return found

    def value(self, depth: int = 0) -> Any:
        if self.next.text != "[":
            return self.number()
        if depth == 2:
            raise self.wrong("lists may hold lists of numbers, but no deeper ones")
        self.place += 1
        found = [self.value(depth + 1)]
        while self.next.text == ",":
            self.place += 1
            found.append(self.value(depth + 1))
        self.take("]", "here a comma or a closing bracket must stand")
        return found

    def number(self) -> float:
        sign = 1.0
        if self.next.text in ("-", "+"):
            sign = -1.0 if self.next.text == "-" else 1.0
            self.place += 1
        if self.next.kind != "number":
            raise self.wrong("here a number must stand, such as 0.5 or -1e-3")
        value = float(self.next.text)
        self.place += 1
        return sign * value


def _made(name: str, values: list[Any]) -> Any:
    """Return a law of its numbers; it checks them itself.

    Raises:
        ValueError: if there are too many or too few, or they are wrong.
    """
    most = 1 if name in ("exponential", "rayleigh") else 2
    least = 1 if name == "atoms" else most
    if not least <= len(values) <= most:
        count = f"{least}" if least == most else f"{least} or {most}"
        message = f"{name} takes {count} value(s), not {len(values)}"
        raise ValueError(message)
    if name == "normal":
        return _normal(values[0], values[1])
    if name == "atoms":
        return _atoms(*values)
    if name == "uniform":
        low, high = (v if isinstance(v, float) else _array(v) for v in values)
        if np.ndim(low) > 1 or np.ndim(high) > 1 or (np.ndim(low) == np.ndim(high) and np.shape(low) != np.shape(high)):
            message = (
                f"the ends have shapes {np.shape(low)} and {np.shape(high)}; both must be numbers or lists as long"
            )
            raise ValueError(message)
        return Uniform(low, high)
    if any(not isinstance(v, float) for v in values):
        message = f"{name} is of one dimension and takes plain numbers"
        raise ValueError(message)
    if name == "erlang":
        if values[0] != int(values[0]):
            message = f"the shape {values[0]:g} of erlang must be a whole number"
            raise ValueError(message)
        return Erlang(int(values[0]), values[1])
    makers = {"exponential": Exponential, "laplace": Laplace, "rayleigh": Rayleigh}
    return makers[name](*values)


def _atoms(points: Any, weights: Any = None) -> Atoms:
    points, weights = _array(points), None if weights is None else _array(weights)
    if weights is not None and abs(weights.sum() - 1) <= 1e-9:  # decimals such as 0.3333333333
        weights = weights / weights.sum()
    atoms = Atoms(points, weights)
    atoms.nodes()
    return atoms


def _array(value: Any) -> np.ndarray:
    try:
        return np.asarray(value, dtype=np.float64)
    except ValueError as wrong:
        message = "the rows of a list must have the same length"
        raise ValueError(message) from wrong


def _normal(mean: Any, spread: Any) -> Normal:
    center, second = _array(mean), _array(spread)
    if second.ndim < 2:
        if center.ndim > 1 or (center.ndim == second.ndim == 1 and center.shape != second.shape):
            message = f"the mean has shape {center.shape} and the standard deviations {second.shape}"
            raise ValueError(message)
        if center.ndim == 1 and second.ndim == 0:
            second = np.full(center.shape, float(second))
        return Normal(center if center.ndim else float(center), second if second.ndim else float(second))
    d, center = center.size, np.atleast_1d(center)
    if second.shape != (d, d) or center.ndim != 1:
        message = f"the mean has {d} number(s) and the covariance shape {second.shape}, not ({d}, {d})"
        raise ValueError(message)
    values, turn = np.linalg.eigh((second + second.T) / 2)
    if not np.allclose(second, second.T, rtol=1e-9) or values[0] < -1e-12 * abs(values[-1]):
        message = f"the covariance must be symmetric without negative eigenvalues, but has {values[0]:.4g}"
        raise ValueError(message)
    if values[0] <= 1e-14 * values[-1]:  # it lives in a plane: no Cholesky root
        return Normal(center, turn * np.sqrt(np.maximum(values, 0.0)))
    return Normal(center, np.linalg.cholesky(second))


# Files -------------------------------------------------------------------------------------------------------------


def read_samples(path: str | Path) -> Samples:
    """Return the samples of a `.npy` or `.csv` file, one a row; a first line of words in a `.csv` is skipped.

    Args:
        path: of the file.

    Returns:
        the samples.

    Raises:
        ValueError: if there is no such file, or it does not hold finite numbers.
    """
    path = Path(path)
    if not path.is_file():
        message = f"`{path}` is no file; give a law such as normal(0,1), or the path of a .npy or .csv file."
        raise ValueError(message)
    try:
        values = np.load(path, allow_pickle=False) if path.suffix.lower() == ".npy" else _table(path)
        values = np.asarray(values)
        numbers = values.astype(np.float64) if values.dtype.kind in "biuf" else None
    except (ValueError, OSError, EOFError) as wrong:
        why = "it is no .npy array of plain numbers" if path.suffix.lower() == ".npy" else str(wrong)
        message = f"`{path}` cannot be read as numbers ({why}); give a .npy array or a .csv table of numbers."
        raise ValueError(message) from wrong
    if numbers is None or numbers.size == 0 or numbers.ndim == 0:
        message = f"`{path}` holds {values.dtype} of shape {values.shape}; it must hold numbers, one sample a row; "
        raise ValueError(message + "mend it.")
    rows = numbers.reshape(len(numbers), -1)
    bad = np.flatnonzero(~np.all(np.isfinite(rows), axis=1))
    if len(bad):
        message = f"`{path}` has {len(bad)} row(s) with NaN or infinity, first row {bad[0] + 1}; every number must be "
        message += "finite; drop these rows."
        raise ValueError(message)
    return Samples(rows)


def _table(path: Path) -> np.ndarray:
    """Read comma-separated numbers, one sample a line."""
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if lines and not any(_is_row(cell) for cell in lines[0].split(",")):  # words only
        lines = lines[1:]
    rows = []
    for k, line in enumerate(lines):
        if not _is_row(line):
            message = f"line {k + 1} of the numbers is {line[:40]!r}"
            raise ValueError(message)
        rows.append([float(cell) for cell in line.split(",")])
    if len({len(row) for row in rows}) > 1:
        message = f"rows of {min(len(r) for r in rows)} and of {max(len(r) for r in rows)} numbers"
        raise ValueError(message)
    return np.array(rows, dtype=np.float64)


def _is_row(line: str) -> bool:
    try:
        return "_" not in line and bool([float(cell) for cell in line.split(",")])
    except ValueError:
        return False
