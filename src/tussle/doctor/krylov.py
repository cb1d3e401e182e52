"""Krylov iterations on products alone, in a memory that is fixed beforehand.

Krylov-Schur finds several ends of a real matrix's spectrum at once: a basis of at most `basis` vectors grows by one
product each, and whenever it is full only the part that belongs to the wanted eigenvalues is kept (an ordered real
Schur form). With A V = V H + v b^T the residual of an eigenpair (z, s) of H is |b . s|, at no further cost.

Lanczos reads the spectral density of a symmetric or a skew-symmetric matrix as nodes with weights (Gauss quadrature).

References:
    Stewart, "A Krylov-Schur algorithm for large eigenproblems", SIAM J. Matrix Anal. Appl. 23 (2001).
    Golub, Meurant, "Matrices, Moments and Quadrature with Applications", Princeton 2010.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tussle.records import record, static

Operator = Callable[[Tensor], Tensor]
CHUNK = 1 << 16  # columns of the basis that are turned at a time: no second basis is ever held
EVERY = 4  # products between two looks at the residuals
FEW = 2  # eigenvalues that are wanted at the ends of real and of imaginary part


class NotFiniteError(ArithmeticError):
    """A product is not finite."""


@record
class Subspace:
    """An approximately invariant subspace: A V^T = V^T T + v b^T for the rows of V.

    Attributes:
        basis: V, (k, n), orthonormal rows.
        small: T, (k, k), float64.
        leak: b, (k,), float64; zero where the subspace is invariant.
        products: how many products it took.
    """

    basis: Tensor = static()
    small: np.ndarray = static()
    leak: np.ndarray = static()
    products: int = static()

    def pairs(self) -> tuple[Any, Any, np.ndarray]:
        """Return eigenvalues, the vectors in the basis (columns) and the residuals |A y - z y| for |y| = 1."""
        values, vectors = np.linalg.eig(self.small)
        return values.astype(complex), vectors.astype(complex), np.abs(self.leak @ vectors)


def krylov_schur(
    operator: Operator, start: Tensor, count: int, *, accuracy: float, basis: int, most: int, strict: bool = False
) -> Subspace:
    """Return a subspace with the eigenvalues of largest modulus, real part and imaginary part of a real matrix.

    Args:
        operator: u -> A u.
        start: the first vector; its type is that of the basis.
        count: how many eigenvalues of largest modulus are wanted; two of each other end are.
        accuracy: residual, relative to the largest modulus, at which an eigenvalue counts as found.
        basis: most vectors that are held (one more while it grows).
        most: most products.
        strict: whether the ends of real and imaginary part must be found before it stops, too.

    Returns:
        the subspace; whether its eigenvalues are found is told by their residuals.

    Raises:
        NotFiniteError: if a product is not finite.

    Example:
        >>> turn = torch.tensor([[0.0, -2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
        >>> found = krylov_schur(lambda u: turn @ u, turn.sum(0), 1, accuracy=1e-8, basis=3, most=9)
        >>> bool(abs(found.pairs()[0].imag.max() - 2) < 1e-12)
        True
    """
    room = max(min(basis, len(start)), 1)
    rows = torch.empty((room + 1, len(start)), dtype=start.dtype, device=start.device)
    rows[0] = start / start.norm()
    h, size, products = np.zeros((room + 1, room)), 0, 0
    while True:
        beta = _grow(operator, rows, h, size)
        products, size = products + 1, size + 1
        leak = np.append(np.zeros(size - 1), beta)
        done = beta == 0 or products >= most
        if done or size == room or (size > 2 * count and size % EVERY == 0):
            values, vectors = np.linalg.eig(h[:size, :size])
            kept, needed = wanted(values, count, strict)
            residuals = np.abs(leak @ vectors)
            limit = accuracy * max(float(np.abs(values).max(initial=0.0)), 1e-300)
            done = done or bool(np.all(residuals[needed] <= limit))
            if done or size == room:
                keep = kept if done else _more(values, kept, size // 2)
                turn, part = _ordered(h[:size, :size], values, keep)
                _turned(rows, turn, size)
                bent = leak @ turn
                if done:
                    return Subspace(rows[: turn.shape[1]].clone(), part, bent, products)
                rows[turn.shape[1]] = rows[size]
                size = turn.shape[1]
                h[:] = 0.0
                h[:size, :size], h[size, :size] = part, bent


def _grow(operator: Operator, rows: Tensor, h: np.ndarray, size: int) -> float:
    """Add one vector to the basis by one product, orthogonalized twice; return its length, 0 at a breakdown."""
    image = operator(rows[size])
    length = float(image.norm())
    if not np.isfinite(length):
        message = "a Jacobian product is not finite"
        raise NotFiniteError(message)
    held = rows[: size + 1]
    for _ in range(2):
        part = held @ image
        image = image - held.T @ part
        h[: size + 1, size] += part.double().cpu().numpy()
    beta = float(image.norm())
    if beta <= 10 * torch.finfo(rows.dtype).eps * length or beta == 0:
        return 0.0
    rows[size + 1] = image / beta
    if size + 1 < h.shape[1]:
        h[size + 1, size] = beta
    return beta


def wanted(values: Any, count: int, strict: bool = False) -> tuple[list[int], list[int]]:
    """Return the indices of the eigenvalues at the three ends, pairs whole, and of those that must be found."""
    modulus = list(np.argsort(-np.abs(values), kind="stable")[:count])
    real = list(np.argsort(-values.real, kind="stable")[:FEW])
    imaginary = list(np.argsort(-np.abs(values.imag), kind="stable")[:FEW])
    needed = [*modulus, *real[:1], *imaginary] if strict else modulus
    return _closed(values, [*modulus, *real, *imaginary]), _closed(values, needed)


def _more(values: Any, kept: list[int], least: int) -> list[int]:
    """Return the kept ones and as many of the next largest as fill half of the room; one place stays free."""
    order = [k for k in np.argsort(-np.abs(values), kind="stable") if k not in kept]
    most = len(values) - 2
    grown = _closed(values, [*kept, *order[: max(least - len(kept), 0)]])
    return grown if len(grown) <= most else _closed(values, list(np.argsort(-np.abs(values))[: max(most - 1, 1)]))


def _closed(values: Any, chosen: list[int]) -> list[int]:
    """Return indices in order, with the partners of the complex ones."""
    found = set(chosen)
    for k in chosen:
        if values[k].imag != 0:
            found.add(int(np.argmin(np.abs(values - values[k].conj()))))
    return sorted(int(k) for k in found)


def _ordered(h: Any, values: Any, keep: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return Q (m, k) with H Q = Q T for the kept eigenvalues, and T."""
    from scipy.linalg import schur

    kept, rest = values[keep], np.delete(values, keep)

    def first(re: float, im: float) -> bool:
        z = complex(re, im)
        return float(np.abs(kept - z).min(initial=np.inf)) <= float(np.abs(rest - z).min(initial=np.inf))

    if len(rest) == 0:
        return np.eye(len(h)), h.copy()
    try:
        found: Any = schur(h, output="real", sort=first)
        part, turn, size = found
        cut = 0 < size < len(h) and part[size, size - 1] == 0
    except np.linalg.LinAlgError:
        cut = False
    if not cut:  # eigenvalues too near to each other to be ordered: keep all but the last ones
        vectors: Any = np.linalg.eig(h)[1][:, keep]
        turn = np.linalg.qr(np.hstack([vectors.real, vectors.imag]))[0][:, : len(keep)]
        return turn, turn.T @ h @ turn
    return turn[:, :size], part[:size, :size]


def _turned(rows: Tensor, turn: np.ndarray, size: int) -> None:
    """Replace the first rows V by Q^T V in place, a few columns at a time."""
    by = torch.as_tensor(turn.T.copy(), dtype=rows.dtype, device=rows.device)
    for start in range(0, rows.shape[1], CHUNK):
        part = rows[:size, start : start + CHUNK]
        rows[: len(by), start : start + CHUNK] = by @ part


# Densities ------------------------------------------------------------------------------------------------------------


class Density(NamedTuple):
    """A spectral density as nodes with weights that sum to 1."""

    nodes: np.ndarray
    weights: np.ndarray

    def moment(self, power: int) -> float:
        """Return the mean of a power of the eigenvalues."""
        return float(self.weights @ self.nodes**power)


def lanczos(operator: Operator, start: Tensor, steps: int, skew: bool = False) -> Density:
    """Return the density that a vector sees of a symmetric matrix, or of a skew one (nodes are then frequencies).

    Three vectors are held; without orthogonalization against all of them an eigenvalue may come twice, with its weight
    divided among its copies, which leaves a density as it is.

    Args:
        operator: u -> S u with S^T = S, or A u with A^T = -A.
        start: the vector; random ones average to the density of the matrix.
        steps: Lanczos steps, one product each.
        skew: whether the matrix is skew: eigenvalues i w, with a node for each w.

    Example:
        >>> density = lanczos(lambda u: 3 * u, torch.ones(4, dtype=torch.float64), 2)
        >>> density.nodes.round(12).tolist(), density.weights.round(12).tolist()
        ([3.0], [1.0])
    """
    alphas: list[float] = []
    betas: list[float] = []
    before, now = torch.zeros_like(start), start / start.norm()
    for _ in range(min(steps, len(start))):
        image = operator(now)
        length = float(image.norm())
        alpha = 0.0 if skew else float(image @ now)
        # a skew matrix in place of a symmetric one: its subdiagonal comes back with the other sign
        image = image - alpha * now + (-1.0 if not skew else 1.0) * (betas[-1] if betas else 0.0) * before
        beta = float(image.norm())
        alphas.append(alpha)
        if not np.isfinite(beta):
            message = "a Jacobian product is not finite"
            raise NotFiniteError(message)
        if beta <= 10 * torch.finfo(start.dtype).eps * max(length, 1e-300):
            break
        betas.append(beta)
        before, now = now, image / beta
    off = np.array(betas[: len(alphas) - 1])
    # i times a skew tridiagonal matrix is similar to the symmetric one with the same moduli
    matrix = np.diag(alphas) + np.diag(off, 1) + np.diag(off, -1)
    nodes, vectors = np.linalg.eigh(matrix)
    return Density(nodes, vectors[0] ** 2)


def averaged(densities: list[Density]) -> Density:
    """Return the mean of several densities, nodes sorted."""
    nodes: Any = np.concatenate([one.nodes for one in densities])
    weights: Any = np.concatenate([one.weights for one in densities]) / len(densities)
    order = np.argsort(nodes)
    return Density(nodes[order], weights[order])
