"""10,000 starts of the Dirac-GAN x 10,000 steps, against the same loop written by hand in parallel Numba.

The loop by hand knows the Dirac-GAN: one logistic function a step. `tussle.run` differentiates the general GAN, which
reads the critic at the data as well, and so takes two; it makes up for that by vectors and by blocks of starts that
stay in a core's first cache. Nearly all of its time goes into these two functions. Each divides twice, once within the
exponential, and with 512-bit vectors the divider is busy for nine tenths of that time: only fewer divisions would help.
"""

import math

import models
import numba
import numpy as np
from measure import Row, best

import tussle


def benchmark(tiny: bool) -> list[Row]:
    """Compare with Numba's loop, and with one whose inner loop runs over the starts."""
    starts, steps, rounds = (64, 20, 1) if tiny else (10_000, 10_000, 5)
    method = models.dirac_r1()
    theta, psi = np.random.default_rng(0).uniform(-2, 2, (2, starts))

    def ours() -> np.ndarray:
        return tussle.run(method, (theta[:, None], psi[:, None]), steps, keep=tussle.Keep.ends()).end.T

    def by_hand() -> np.ndarray:
        return _start_by_start(theta, psi, steps, models.GAMMA, models.RATE)

    def in_blocks() -> np.ndarray:
        return _block_by_block(theta, psi, steps, models.GAMMA, models.RATE)

    apart = np.max(np.abs(ours() / by_hand() - 1))
    times = best(rounds, ours=ours, by_hand=by_hand, in_blocks=in_blocks)
    name = f"{starts:,} starts x {steps:,} steps"
    note = f"parallel, fastmath, {numba.get_num_threads()} threads; the ends agree to {apart:.0e}"
    blocks = "the same with 256 starts in the inner loop, written out by hand for the first cache"
    return [
        Row(f"{name} / Numba", times["ours"], times["by_hand"], 1.0, note),
        Row(f"{name} / Numba in blocks", times["ours"], times["in_blocks"], None, blocks),
    ]


@numba.njit(parallel=True, fastmath=True)
def _start_by_start(thetas, psis, steps, gamma, h):
    ends = np.empty((2, thetas.size))
    for k in numba.prange(thetas.size):
        theta, psi = thetas[k], psis[k]
        for _ in range(steps):
            slope = 1 / (1 + math.exp(theta * psi))
            theta, psi = theta - h * psi * slope, psi + h * (theta * slope - gamma * psi)
        ends[0, k], ends[1, k] = theta, psi
    return ends


@numba.njit(parallel=True, fastmath=True)
def _block_by_block(thetas, psis, steps, gamma, h, width=256):
    ends = np.empty((2, thetas.size))
    ends[0], ends[1] = thetas, psis
    for block in numba.prange((thetas.size + width - 1) // width):
        theta, psi = ends[0, block * width : (block + 1) * width], ends[1, block * width : (block + 1) * width]
        for _ in range(steps):
            for k in range(theta.size):
                slope = 1 / (1 + math.exp(theta[k] * psi[k]))
                moved = theta[k] - h * psi[k] * slope
                psi[k] += h * (theta[k] * slope - gamma * psi[k])
                theta[k] = moved
    return ends
