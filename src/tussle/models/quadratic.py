"""Quadratic games of a chosen spectrum, for any number of players."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import Array, array, namespace
from tussle.game import Game
from tussle.models.base import Model
from tussle.records import record, static


@record
class Quadratic:
    """Losses whose field is J x, with J's diagonal blocks symmetric."""

    jacobian: Any = static()
    sizes: tuple[int, ...] = static()

    def __call__(self, *point: Array) -> tuple[Array, ...]:
        """Return the losses -x_i (J_ii / 2) x_i - x_i sum_{j != i} J_ij x_j."""
        j = array(self.jacobian, point[0])
        xp = namespace(*point)
        ends = np.cumsum(self.sizes)
        spans = [slice(e - s, e) for e, s in zip(ends, self.sizes, strict=True)]
        losses = []
        for i, x in enumerate(point):
            push = 0.5 * (j[spans[i], spans[i]] @ x)
            for k, y in enumerate(point):
                push = push if k == i else push + j[spans[i], spans[k]] @ y
            losses.append(-xp.sum(x * push))
        return tuple(losses)


def quadratic(eigenvalues: Sequence[complex] = (-0.1 + 1j, -0.1 - 1j), players: int = 2, seed: int | None = 0) -> Model:
    """Return a quadratic game whose field has exactly the given eigenvalues.

    Each complex pair a +- ib becomes a block [[a, -b], [b, a]] between two players, each real eigenvalue a direction
    of one player; then each player's parameters are rotated at random, which changes no eigenvalue.

    Args:
        eigenvalues: real ones, and complex ones together with their conjugates.
        players: number of players, at least 2.
        seed: seed of the rotations; None for none.

    Raises:
        ValueError: if the eigenvalues are no list of finite numbers, a complex one has no conjugate, or a player would
            be left without parameters.
    """
    values = _numbers(eigenvalues)
    if checks.count("players", players, 0) < 2:
        raise ValueError(_too_few(players, len(values)))
    if seed is not None:
        checks.count("seed", seed, 0)
    upper = [z for z in values if z.imag > 0]
    lower = sorted((z.conjugate() for z in values if z.imag < 0), key=lambda z: (z.real, z.imag))
    if sorted(upper, key=lambda z: (z.real, z.imag)) != lower:
        message = f"`eigenvalues` {values} are not closed under conjugation; give each complex one with its conjugate."
        raise ValueError(message)
    blocks: list[tuple[tuple[int, ...], np.ndarray]] = []
    for k, z in enumerate(upper):
        pair = (k % players, (k + 1) % players)
        blocks.append((pair, np.array([[z.real, -z.imag], [z.imag, z.real]])))
    for k, z in enumerate(z for z in values if z.imag == 0):
        blocks.append((((k + 2 * len(upper)) % players,), np.array([[z.real]])))
    return _assembled(blocks, players, seed)


def _numbers(eigenvalues: Any) -> list[complex]:
    """Return the eigenvalues as finite complex numbers."""
    try:
        values = [complex(z) for z in eigenvalues]
    except (TypeError, ValueError):
        values = []
    if isinstance(eigenvalues, str) or not values or not np.all(np.isfinite(values)):
        message = (
            f"`eigenvalues` is {eigenvalues!r:.80}; it must be a list of finite numbers, complex ones with their "
            "conjugates; give such numbers, for instance -0.1+1j,-0.1-1j."
        )
        raise ValueError(message)
    return values


def _too_few(players: int, eigenvalues: int) -> str:
    return (
        f"`players` is {players} for {eigenvalues} eigenvalue(s); every player needs a parameter; give more "
        "eigenvalues or fewer players (at least 2)."
    )


def _assembled(blocks: list[tuple[tuple[int, ...], np.ndarray]], players: int, seed: int | None) -> Model:
    sizes = [0] * players
    places = []
    for owners, _ in blocks:
        spots = []
        for owner in owners:
            spots.append((owner, sizes[owner]))
            sizes[owner] += 1
        places.append(spots)
    if 0 in sizes:
        raise ValueError(_too_few(players, sum(sizes)))
    offset = np.concatenate([[0], np.cumsum(sizes)])
    total = int(offset[-1])
    jacobian = np.zeros((total, total))
    for spots, (_, block) in zip(places, blocks, strict=True):
        at = [offset[owner] + index for owner, index in spots]
        jacobian[np.ix_(at, at)] = block
    if seed is not None:
        rng = np.random.default_rng(seed)
        turn = np.zeros((total, total))
        for owner, size in enumerate(sizes):
            span = slice(offset[owner], offset[owner] + size)
            turn[span, span] = np.linalg.qr(rng.standard_normal((size, size)))[0]
        jacobian = turn @ jacobian @ turn.T
    names = ("generator", "discriminator") if players == 2 else tuple(f"player {i + 1}" for i in range(players))
    game = Game(Quadratic(jacobian, tuple(sizes)), names)
    axes = tuple(f"x{i + 1}{chr(97 + k)}" for i, s in enumerate(sizes) for k in range(s))
    zero, one = tuple(np.zeros(s) for s in sizes), tuple(np.ones(s) for s in sizes)
    return Model("quadratic", game, (zero,), one, axes)
