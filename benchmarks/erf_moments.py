"""Exact erf moments: how right, and how fast against adaptive quadrature; and a whole path of case A."""

import numpy as np
from measure import Row, best
from scipy import integrate, special

import tussle
from tussle.autodiff import compiled, to_numpy
from tussle.lowdim.reference import psi
from tussle.moments import EXPONENTIAL, Part, value_gradient_hessian

PARTS = (Part(EXPONENTIAL),)


@compiled
def ours(a, b):
    """Return value, gradient and Hessian of E D0(a E + b)^2 at many a and b."""
    return value_gradient_hessian(PARTS, 0.0, a, b)


def sets(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes over six decades and both signs; offsets up to 40, half of them where D turns in the data."""
    rng = np.random.default_rng(0)
    a = rng.choice([-1.0, 1.0], count) * 10.0 ** rng.uniform(-3, 3, count)
    turning = np.clip(rng.normal(size=count) - a * rng.exponential(size=count), -40, 40)
    return a, np.where(rng.random(count) < 0.5, turning, rng.uniform(-40, 40, count))


def by_quad(a: float, b: float) -> list[float]:
    """Return the same six numbers by scipy.integrate.quad."""
    rise, bump = (lambda u: 0.5 * special.erfc(-u)), (lambda u: np.exp(-u * u) / np.sqrt(np.pi))
    integrands = [lambda u: rise(u) ** 2]
    integrands += [lambda u, n=n: 2 * ((u - b) / a) ** n * rise(u) * bump(u) for n in (0, 1)]
    integrands += [
        lambda u, n=n: ((u - b) / a) ** n * (2 * bump(u) ** 2 - 4 * u * rise(u) * bump(u)) for n in (0, 1, 2)
    ]
    return [integrate.quad(lambda e, f=f: np.exp(-e) * f(a * e + b), 0, 40)[0] for f in integrands]


def benchmark(tiny: bool) -> list[Row]:
    """Compare speed with quadrature, report the worst error, and run a path."""
    count, some, checked = (50, 3, 3) if tiny else (10_000, 30, 1000)
    a, b = sets(count)
    times = best(3, ours=lambda: [to_numpy(x) for x in _flat(ours(a, b))])
    slow = best(1, quad=lambda: [by_quad(x, y) for x, y in zip(a[:some], b[:some], strict=True)])["quad"]
    model = tussle.models.erf_lsgan("A")
    method = tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.sgd(0.4)))
    path = best(20, path=lambda: tussle.run(method, model.start, 249))["path"]
    error = worst(checked)
    faster = slow / some * count / times["ours"]
    note = f"{faster:.0f} times faster; largest absolute error over {checked} sets: {error:.1e} (asked: 1e-13)"
    return [
        Row(f"value, gradient, Hessian at {count} sets", times["ours"], slow / some * count, 0.01, note),
        Row("path of 249 steps, case A", path, None, 1e-3, "b and h free, every point kept"),
    ]


def worst(count: int) -> float:
    """Return the largest absolute error of the six numbers over random sets."""
    a, b = sets(count)
    found = np.stack([to_numpy(x) for x in _flat(ours(a, b))], axis=1)
    exact = []
    for x, y in zip(a, b, strict=True):
        known = psi(float(x), float(y), 0)
        bends = (known.hessian[0][0], known.hessian[0][1], known.hessian[1][1])
        exact.append([float(v) for v in (known.value, *known.gradient, *bends)])
    return float(np.abs(found - np.array(exact)).max())


def _flat(found):
    return (found[0], *found[1], *found[2])
