"""f-divergences of laws with densities, by quadrature in one and two dimensions."""

import math
from typing import Any, NamedTuple

import numpy as np

from tussle.divergences import planes
from tussle.divergences.frames import Frame, frame_of
from tussle.divergences.members import Member
from tussle.divergences.quadrature import Integral, adaptive, crossings, product_panels, trapezoid
from tussle.divergences.result import EPS
from tussle.divergences.supports import is_singular, leaves

FADED = 45.0  # e^-45: what an integrand may leave out at its ends, relative to its top
LARGEST = 709.0  # the log of what a number may be
HIGH = 50.0  # log integrands above this are scaled down while they are summed
SPARE = 0.02  # of the tolerance is asked of smooth panels: once they converge the next digits cost little
PLANE = 1 << 18  # nodes of the first trapezoid in the plane, at most
GRID = 4096  # intervals of the first trapezoid, at most; panels are taken beyond
FAR = 2.0**18  # widths at which tails are looked at


class Scaled(NamedTuple):
    """An integral value e^log_scale, its error in the same scale, and how it was found."""

    value: float
    error: float
    note: str
    log_scale: float = 0.0


class Densities(NamedTuple):
    """Two densities in the coordinates of a frame, and what is integrated.

    Attributes:
        which: the member.
        p: the first law.
        q: the second law.
        frame: the coordinates.
        shift: of the log integrand.
        whole: whether the masses of both laws are integrated too.
    """

    which: Member
    p: Any
    q: Any
    frame: Frame
    shift: float = 0.0
    whole: bool = True

    def logs(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return both log densities at coordinates (n, d).

        Raises:
            ValueError: if one is nan, or infinite.
        """
        x = self.frame.points(y)
        found = self.p.log_density(x), self.q.log_density(x)
        for name, values in zip("pq", found, strict=True):
            bad = np.isnan(values) | (values == math.inf)
            if np.any(bad):
                message = f"`{name}` has the log density {values[bad][0]} at {x[bad][0].tolist()}; a density is a "
                message += "finite number of 0 or more, its log -inf where it is 0; mend the law."
                raise ValueError(message)
        return found

    def log_integrand(self, y: np.ndarray) -> np.ndarray:
        """Return the log of the integrand at coordinates (n, d)."""
        return self.which.log_integrand(*self.logs(y)) - self.shift

    def ratio(self, y: np.ndarray) -> np.ndarray:
        """Return the log ratio of the densities at coordinates (n, d)."""
        first, second = self.logs(y)
        with np.errstate(invalid="ignore"):
            return first - second

    def rows(self, y: np.ndarray) -> np.ndarray:
        """Return the integrand and, if wanted, both densities at coordinates (n, d), per volume of y."""
        first, second = self.logs(y)
        with np.errstate(over="ignore", under="ignore"):
            value = np.exp(self.which.log_integrand(first, second) - self.shift)
            both = [np.exp(first), np.exp(second)] if self.whole else []
            return self.frame.volume * np.stack([value, *both])


def integral(which: Member, p: Any, q: Any, tolerance: float) -> Scaled:
    """Integrate an f-divergence of two laws of one or two dimensions.

    Args:
        which: the member.
        p: the first law.
        q: the second law.
        tolerance: of the integral, relative where it exceeds 1.

    Returns:
        value and error; the value is infinite where the integral is.

    Raises:
        ValueError: if a density is nan, or does not integrate to 1.
    """
    for name, law in (("p", p), ("q", q)):
        if any(is_singular(part) for _, part in leaves(law)):
            message = f"`{name}` has a normal part whose covariance is singular, so it has no density; give it some "
            raise ValueError(message + "spread in every direction, or samples.")
    frame = frame_of(p, q)
    low, high = frame.low, frame.high
    found = Densities(which, p, q, frame)
    probe = _probe(frame)
    top = float(np.max(found.log_integrand(probe)))
    if not which.bounded and (top == math.inf or _tails(found, low, high) or _edges(found)):
        return Scaled(math.inf, 0.0, "the integral diverges")
    if not which.bounded or which.name == "overlap":
        low, high, top = _widened(found, low, high, top)
    if which.name == "overlap" and frame.smooth and len(leaves(p)) == len(leaves(q)) == 1:  # it has one peak only
        low, high, top = _narrowed(found, low, high)
        found = found._replace(whole=False)
    if math.isfinite(top) and (which.name == "overlap" or top > HIGH):
        found = found._replace(shift=top)
    rule = _line if p.dimension == 1 else _plane
    with np.errstate(over="ignore", under="ignore"):
        made = _checked(found, *rule(found, low, high, tolerance), low, high)
        if which.name == "overlap" or found.shift == 0.0:
            return made
    if made.value == math.inf or (made.value > 0 and math.log(made.value) + found.shift > LARGEST):
        return Scaled(math.inf, 0.0, "infinite, or above 1e308")
    return Scaled(made.value * math.exp(found.shift), made.error * math.exp(found.shift), made.note)


def _probe(frame: Frame) -> np.ndarray:
    """Return points at which an integrand is first looked at: a grid on each part's window and on the hull."""
    count = 65 if len(frame.center) == 1 else 9
    boxes = np.concatenate([frame.boxes, [[frame.low, frame.high]]])
    return np.concatenate([_grid(low, high, count) for low, high in boxes])


def _grid(low: np.ndarray, high: np.ndarray, count: int) -> np.ndarray:
    shares = (np.arange(count) + 0.5) / count  # never an end of a support, where a density may vanish
    return low + (high - low) * np.stack(np.meshgrid(*[shares] * len(low)), axis=-1).reshape(-1, len(low))


def _line(found: Densities, low: np.ndarray, high: np.ndarray, tolerance: float) -> tuple[Integral, str]:
    frame = found.frame
    count = math.ceil(float((high - low)[0]) / (0.5 * float(frame.scales.min())))
    if found.which.smooth and frame.smooth and count <= GRID:
        got = trapezoid(found.rows, low, high, [max(count, 16)], tolerance, 1 << 18)
        return got, f"trapezoid, {got.nodes} nodes"
    marks = frame.marks(0, float(low[0]), float(high[0]))
    if not found.which.smooth:
        grid = np.unique(np.clip(np.concatenate([_probe(frame)[:, 0], marks]), low[0], high[0]))
        marks = np.unique(np.concatenate([marks, crossings(lambda y: found.ratio(y[:, None]), grid)]))
    got = adaptive(lambda y: found.rows(y[:, None]), marks, SPARE * tolerance)
    return got, f"panels halved, {got.nodes} nodes"


def _plane(found: Densities, low: np.ndarray, high: np.ndarray, tolerance: float) -> tuple[Integral, str]:
    frame = found.frame
    counts = np.maximum(np.ceil((high - low) / (0.5 * frame.scales.min(axis=0))), 16)
    if not found.which.smooth:
        got = planes.total_variation(found.logs, frame, low, high, tolerance)
        return got, f"lines cut at the crossings, {got.nodes} nodes"
    if frame.smooth and math.prod(counts) <= PLANE:
        got = trapezoid(found.rows, low, high, [int(c) for c in counts], tolerance)
        return got, f"trapezoid, {got.nodes} nodes"
    marks = [frame.marks(k, float(low[k]), float(high[k])) for k in (0, 1)]
    got = product_panels(found.rows, marks, SPARE * tolerance if frame.smooth else tolerance, frame.smooth)
    return got, f"panels halved, {got.nodes} nodes"


def _log_size(found: Densities, low: np.ndarray, high: np.ndarray) -> float:
    """Return how large the logs are that make up the integrand where it is largest: their roundings are its errors."""
    places = np.concatenate([_probe(found.frame), _grid(low, high, 257 if len(low) == 1 else 33)])
    first, second = found.logs(places)
    logs = found.which.log_integrand(first, second)
    with np.errstate(invalid="ignore"):
        larger = np.maximum(first, second)
        sizes = 2 * np.abs(larger) + np.abs(logs - larger)
    k = int(np.argmax(logs))
    return float(sizes[k]) if math.isfinite(sizes[k]) else 0.0


def _checked(found: Densities, got: Integral, how: str, low: np.ndarray, high: np.ndarray) -> Scaled:
    """Check the masses, and add to the error what rounding and missed mass may do."""
    value = float(got.values[0])
    lost = 0.0
    for name, mass in zip("pq", got.values[1:], strict=False):
        off = abs(float(mass) - 1)
        if off > 1e-6 + 10 * got.error:
            message = f"`{name}` integrates to {float(mass):.8g} over its window; a density must integrate to 1; "
            raise ValueError(message + "divide it by that, or widen the window of the law.")
        lost += off
    if not math.isfinite(value):
        return Scaled(math.inf, 0.0, "the integral diverges")
    size = found.frame.condition * (value + math.sqrt(value)) + _log_size(found, low, high) * value
    error = got.error + 16 * EPS * size + (lost if lost > 1e-13 else 0.0) * max(1.0, value)
    note = how if got.reached else how + "; the tolerance was not reached"
    return Scaled(value, error, note, found.shift)


# Where integrals are infinite --------------------------------------------------------------------------------------


def _directions(dimension: int) -> np.ndarray:
    if dimension == 1:
        return np.array([[-1.0], [1.0]])
    angles = np.arange(256) * (2 * math.pi / 256)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).round(15)


def _tails(found: Densities, low: np.ndarray, high: np.ndarray) -> bool:
    """Say whether the integrand falls off too slowly far out: no faster than r^-d."""
    center, width = (low + high) / 2, (high - low) / 2
    ways = width * _directions(len(low))
    near, far = (found.log_integrand(center + FAR * k * ways) for k in (1.0, 2.0))
    with np.errstate(invalid="ignore"):
        slopes = (far - near) / math.log(2.0)
    return bool(np.any(np.isfinite(near) & (slopes > -len(low) - 1e-3)))


def _edges(found: Densities) -> bool:
    """Say whether the integrand grows too fast at an end of a support: no slower than 1/distance (on a line)."""
    if len(found.frame.center) > 1:
        return False
    for cut in found.frame.cuts[0]:
        width = float((found.frame.high - found.frame.low)[0])
        steps = max(2.0**-200 * width, 2.0**-40 * abs(cut)) * np.array([1.0, 2.0**-6])
        for way in (-1.0, 1.0):
            logs = found.log_integrand((cut + way * steps)[:, None])
            if np.all(np.isfinite(logs)) and (logs[1] - logs[0]) / math.log(2.0**6) > 1 - 1e-2:
                return True
    return False


def _widened(found: Densities, low: np.ndarray, high: np.ndarray, top: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Move the sides of a box out until the integrand has faded there."""
    low, high = low.copy(), high.copy()
    for axis in range(len(low)):
        for ends, way in ((low, -1.0), (high, 1.0)):
            step = float(high[axis] - low[axis]) / 4
            for _ in range(60):
                beyond = float(ends[axis]) + way * 1e-9 * step  # not on the end of a support itself
                logs = found.log_integrand(_side(low, high, axis, beyond))
                top = max(top, float(np.max(logs)))
                if np.max(logs) < top - FADED:
                    break
                ends[axis] += way * step
                step *= 1.5
    return low, high, top


def _narrowed(found: Densities, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Move the sides of a box in until the integrand, which has a single peak, has just faded there."""
    d, count, top = len(low), 64, -math.inf
    for _ in range(20):
        logs = found.log_integrand(_grid(low, high, count)).reshape((count,) * d)  # the second axis comes first
        top = float(logs.max())
        cell, before = (high - low) / count, high - low
        low, high = low.copy(), high.copy()
        for axis in range(d):
            held = np.flatnonzero(np.any(logs > top - FADED, axis=axis) if d == 2 else logs > top - FADED)
            high[axis] = min(high[axis], low[axis] + (held[-1] + 2) * cell[axis])
            low[axis] += max(held[0] - 1, 0) * cell[axis]
        if np.all(high - low > 0.8 * before):
            break
    return low, high, top


def _side(low: np.ndarray, high: np.ndarray, axis: int, at: float) -> np.ndarray:
    if len(low) == 1:
        return np.array([[at]])
    other = np.linspace(low[1 - axis], high[1 - axis], 257)
    points = np.empty((257, 2))
    points[:, axis], points[:, 1 - axis] = at, other
    return points
