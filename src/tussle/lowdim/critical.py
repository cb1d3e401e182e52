"""Critical points of the paper's cost: none for a > 0, a line of saddles at a = 0, and the signs that prove it.

J_h = -2 a E[(1 - D(G)) phi(a G + b)] is negative for every a > 0: its integrand is. So the problem has no interior
minimum, maximum or saddle; its J_b = 0 nullclines are curves that no equilibrium lies on.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tussle.autodiff import Array, compiled, jax_engine, to_numpy, vectorized
from tussle.equilibria import find_root
from tussle.field import Field
from tussle.game import split
from tussle.jacobian import field_jacobian
from tussle.lowdim.optimality import law_of
from tussle.models.erf_lsgan import NAMES, ErfLSGAN, erf_lsgan, mean_of
from tussle.records import record
from tussle.spectra import sorted_spectrum


@record
class CriticalSearch:
    """What a search for critical points found.

    Attributes:
        points: where the field of the free parameters vanishes, (k, d), the generator's parameters first.
        signs: for each parameter the smallest and the largest derivative of the value seen in the window, by name.
        proof: the sentence that excludes critical points, or None where no sign is constant.
        starts: from how many places Newton's method began.
    """

    points: np.ndarray
    signs: dict[str, tuple[float, float]]
    proof: str | None
    starts: int

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {"points": self.points, "signs": {k: list(v) for k, v in self.signs.items()}, "proof": self.proof,
                "starts": self.starts}  # fmt: skip


@record
class CriticalLine:
    """The critical set of the extended domain, a of any sign: a = b = 0 with equal means.

    Attributes:
        point: a, b, g, h of one of its points, (4,).
        value: the value there.
        hessian: eigenvalues of the value's Hessian, ascending, (4,).
        paper: eigenvalues of the field of the paper's game there, (4,).
        zero_sum: eigenvalues of the field of the zero-sum label game there, (4,): the negatives.
        kind: what the two say.
    """

    point: np.ndarray
    value: float
    hessian: np.ndarray
    paper: np.ndarray
    zero_sum: np.ndarray
    kind: str


@record
class Threshold:
    """Which plateaux attract in the (b, h) problem with steps e_b and e_h: a^2 rho against 1, rho = e_h / e_b.

    Attributes:
        number: a^2 rho.
        attracts: the plateaux that attract an open set of starts.
        ratio: limit of -p' / q' on the way to D = 0 where that attracts, else nan.
        sentence: the same for a person.
    """

    number: float
    attracts: tuple[str, ...]
    ratio: float
    sentence: str


@compiled
def _gradients(game: ErfLSGAN, full: Array) -> Array:
    jax = jax_engine()

    def value(x: Array) -> Array:
        whole = ErfLSGAN(
            game.data, game.latent, game.a, game.b, game.g, game.h, game.cost, ("g", "h", "a", "b"), "allow",
            game.factor, game.count,
        )  # fmt: skip
        return whole.value((x[2:], x[:2]))

    return vectorized(jax.grad(value))(full)


def gradients(game: ErfLSGAN, full: np.ndarray) -> np.ndarray:
    """Return the gradient of the value over a, b, g, h at points a, b, g, h, both (n, 4)."""
    return to_numpy(_gradients(game, np.asarray(full, dtype=np.float64)))


def critical_points(
    model: Any, window: dict[str, tuple[float, float]], *, count: int = 9, seed: int = 0
) -> CriticalSearch:
    """Search a window for critical points by Newton's method from a grid, and report the signs of the derivatives.

    Args:
        model: from `models.erf_lsgan`, with closed forms.
        window: lower and upper end of each free parameter, by name.
        count: starts along each parameter (at most 2,000 in all, drawn at random beyond).
        seed: of the draw.

    Raises:
        ValueError: if a free parameter is missing in the window.
    """
    game: ErfLSGAN = model.game
    missing = [n for n in game.free if n not in window]
    if missing:
        message = f"`window` lacks {', '.join(missing)}; it must give both ends of each free parameter; add them."
        raise ValueError(message)
    sides = [np.linspace(*window[n], count) for n in game.free]
    starts = np.stack([axis.ravel() for axis in np.meshgrid(*sides)], axis=1)
    full = _full(game, starts)
    slopes = gradients(game, full)
    signs = {n: (float(slopes[:, k].min()), float(slopes[:, k].max())) for k, n in enumerate(NAMES) if n in game.free}
    if len(starts) > 2000:
        starts = starts[np.random.default_rng(seed).choice(len(starts), 2000, replace=False)]
    found: list[np.ndarray] = []
    proof = _proof(game, window)
    for start in starts[:: max(1, len(starts) // 40)] if proof is None else []:
        root = find_root(Field(game), split(start, game.sizes))
        at = np.concatenate(root.point)
        inside = all(window[n][0] <= v <= window[n][1] for n, v in zip(game.free, at, strict=True))
        if root.found and inside and not any(np.linalg.norm(at - p) < 1e-6 for p in found):
            found.append(at)
    return CriticalSearch(np.array(found).reshape(-1, len(game.free)), signs, proof, len(starts))


def _full(game: ErfLSGAN, points: np.ndarray) -> np.ndarray:
    values = game.full(split(points, game.sizes))
    return np.stack([np.broadcast_to(np.asarray(v, dtype=float), (len(points),)) for v in values], axis=1)


def _proof(game: ErfLSGAN, window: dict[str, tuple[float, float]]) -> str | None:
    """Return why there is no critical point, if a stays above 0 and the generator's h (or g, with U >= 0) is free."""
    low = window["a"][0] if "a" in game.free else float(game.a)
    targets = {t.target for t in game.cost.generator if t.side == "fake"}
    if low <= 0 or len(targets) != 1 or not targets <= {0.0, 1.0}:
        return None
    share = "(1 - D(G))" if targets == {1.0} else "D(G)"
    if "h" in game.free:
        return f"no critical point: the generator's slope along h is +-2 a E[{share} phi(a G + b)], never 0 for a > 0"
    forward = all(not p.shape.even and float(p.scale) > 0 and float(p.location) >= 0 for p in game.latent)
    if "g" in game.free and forward:
        return f"no critical point: the generator's slope along g is +-2 a E[U {share} phi(a G + b)], never 0 for a > 0"
    return None


def nullcline(
    model: Any, h: Sequence[float] | np.ndarray, *, window: tuple[float, float] = (-12.0, 8.0)
) -> list[np.ndarray]:
    """Return, for each h, the values of b in a window at which J_b = 0 (J_h has no nullcline for a > 0).

    Args:
        model: from `models.erf_lsgan`, with closed forms.
        h: values of the generator's shift.
        window: lower and upper end of b.

    Returns:
        for each h the roots, ascending; roots closer than a 4,000th of the window may be missed.
    """
    from scipy.optimize import brentq

    game: ErfLSGAN = model.game
    a, _, g, _ = (float(v) for v in (game.a, game.b, game.g, game.h))
    b = np.linspace(*window, 4001)
    found = []
    for shift in np.asarray(h, dtype=float):

        def slope(x: float, shift: float = shift) -> float:
            return float(gradients(game, np.array([[a, x, g, shift]]))[0, 1])

        full = np.stack([np.full_like(b, a), b, np.full_like(b, g), np.full_like(b, shift)], axis=1)
        values = gradients(game, full)[:, 1]
        turns = np.flatnonzero((values[:-1] < 0) != (values[1:] < 0))
        roots: Any = [brentq(slope, b[k], b[k + 1], xtol=1e-14) for k in turns]
        found.append(np.array(roots, dtype=float))
    return found


def critical_line(model: Any, g: float | None = None) -> CriticalLine:
    """Examine a point of the critical line a = b = 0, g E U + h = E X of the extended domain.

    Args:
        model: from `models.erf_lsgan`, with closed forms; only its laws matter.
        g: which point; the model's own g by default.
    """
    game: ErfLSGAN = model.game
    jax = jax_engine()
    scale = float(game.g) if g is None else float(g)
    h = mean_of(law_of(game.data)) - scale * mean_of(law_of(game.latent))
    at = np.array([0.0, 0.0, scale, h])
    data, latent = law_of(game.data), law_of(game.latent)
    games: dict[str, Any] = {
        cost: erf_lsgan(a=0.0, b=0.0, g=scale, h=h, data=data, latent=latent, free="a,b,g,h", cost=cost).game
        for cost in ("paper", "zero_sum")
    }
    point = (at[2:], at[:2])
    spectra = {k: sorted_spectrum(np.linalg.eigvals(field_jacobian(Field(v), point))) for k, v in games.items()}
    paper = games["paper"]

    @compiled
    def hessian(x: Array) -> Array:
        return jax.hessian(lambda y: paper.value((y[2:], y[:2])))(x)

    values = np.linalg.eigvalsh(to_numpy(hessian(at)))
    from tussle.lowdim.plateau import values as value_at

    value = float(value_at(paper, np.concatenate(point)[None])[0])
    kind = "degenerate saddle" if values[0] < 0 < values[-1] else "undecided"
    verdict = "repels the paper's game" if spectra["paper"].real.max() > 0 else "does not repel the paper's game"
    other = "attracts the zero-sum game across the line" if _attracts(spectra["zero_sum"]) else "does not attract"
    return CriticalLine(at, value, values, spectra["paper"], spectra["zero_sum"], f"{kind}; {verdict}; {other}")


def _attracts(values: Any) -> bool:
    return bool(np.sum(values.real < -1e-9) == len(values) - 1)


def threshold(
    a: float, *, lr: float | tuple[float, float] = 1.0, c: float | None = None, g: float | None = None
) -> Threshold:
    """Say which plateaux attract in the (b, h) problem of the paper's cost.

    Args:
        a: slope of the discriminator, above 0.
        lr: the step, or (e_h, e_b): generator first.
        c: rate of the data, for the limit of -p' / q'.
        g: scale of the generator.

    Example:
        >>> threshold(2.2).attracts, threshold(0.5, c=0.5, g=1.0).attracts
        (('D1',), ('D1', 'D0'))
    """
    rates = lr if isinstance(lr, tuple) else (lr, lr)
    number = a * a * rates[0] / rates[1]
    if number > 1:
        return Threshold(number, ("D1",), math.nan, f"a^2 rho = {number:.4g} > 1: every run ends on D = 1")
    ratio = math.nan
    if c is not None and g is not None:
        ratio = ((1 - number) - c * g) / (1 - c * g) if c * g < 1 - number else 0.0
    return Threshold(
        number, ("D1", "D0"), ratio, f"a^2 rho = {number:.4g} < 1: D = 0 attracts an open set of starts too"
    )
