"""Training with all probes on at their default intervals, against the same training without.

Runs with one reading and runs without take turns; the difference is what a reading costs, with all that it does to the
steps around it. A reading of eigenvalues is timed by itself. Both are then spread over the steps between two of them.
All times are those of the processor, on one thread: other work on the machine then hardly shows.
"""

import time
from importlib.util import find_spec

import numpy as np
from measure import Row

import tussle
from tussle.game import placed

LIMIT = 1.10


def benchmark(tiny: bool) -> list[Row]:
    """Compare on the digits GAN and on a residual network of 32 x 32 images, both with R1."""
    if find_spec("torch") is None:
        return [Row("training with probes", float("nan"), None, LIMIT, "skipped: PyTorch is not installed")]
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = [_row("digits GAN", *_digits(tiny), tiny), _row("ResNet 32 x 32", *_resnet(tiny), tiny)]
    torch.set_num_threads(threads)
    return rows


def _digits(tiny: bool):
    from tussle.networks import network_gan, small_networks

    images = np.random.default_rng(0).uniform(-1, 1, (256, 1, 8, 8)).astype(np.float32)
    networks = small_networks(16, 1 if tiny else 12)
    return network_gan(*networks, data=images, latent=16, penalties=[tussle.r1(1.0)]), 4 if tiny else 32, 9


def _resnet(tiny: bool):
    from tussle.networks import network_gan
    from tussle.networks.zoo import make_networks

    images = np.random.default_rng(0).uniform(-1, 1, (64, 3, 32, 32)).astype(np.float32)
    networks = make_networks("resnet", width=1 if tiny else 16, most=2 if tiny else 1024, latent=4 if tiny else 64)
    latent = 4 if tiny else 64
    return network_gan(*networks, data=images, latent=latent, penalties=[tussle.r1(10.0)]), 2 if tiny else 16, 5


def _row(name: str, network, size: int, rounds: int, tiny: bool) -> Row:
    from tussle.rules import alternating
    from tussle.training.probes import EIGEN_EVERY, EVERY, Probes, probe_names

    method = tussle.Map(tussle.Field(network.game), alternating(tussle.adam(2e-4, 0.0, 0.99), first="discriminator"))
    plain = [name for name in probe_names() if name != "eigenvalues"]
    steps = 2 if tiny else 50
    run = _Run(method, network, size)
    run(2, Probes(plain, every=2))  # compiles what is compiled
    extra, bare = [], []
    for k in range(1 if tiny else rounds):
        order = (True, False) if k % 2 else (False, True)
        times = {watched: run(steps, Probes(plain, every=steps) if watched else None) for watched in order}
        extra.append(times[True] - times[False])
        bare.append(times[False] / steps)
    step, reading = float(np.median(bare)), max(float(np.median(extra)), 0.0)
    eigen = run(1, Probes("eigenvalues", eigen_every=1)) - step
    note = (
        f"{sum(map(len, network.start)):,} weights, batches of {size}, {EVERY} steps; a reading lasts "
        f"{reading / step:.1f} steps, one of eigenvalues {eigen / step:.0f} each {EIGEN_EVERY:,} steps"
    )
    without = EVERY * step
    return Row(
        f"training with probes / without, {name}", without + reading + eigen * EVERY / EIGEN_EVERY, without, LIMIT, note
    )


class _Run:
    def __init__(self, method: tussle.Map, network, size: int) -> None:
        self.method, self.network = method, network
        self.sampler = network.game.sampler(size).streams(2)
        self.held = network.game.sampler(size)(1, 0)

    def __call__(self, steps: int, probes=None) -> float:
        """Return the seconds of a run."""
        start, point = time.process_time(), self.network.start
        state = self.method.init(point)
        for step in range(1, steps + 1):
            batch, before = placed(self.sampler(0, step - 1), point[0]), point
            point, state, info = self.method.step(point, state, batch)
            if probes is not None and probes.due(step):
                probes.read(step, self.method, before, point, info.velocity, state, batch, self.held, anchor=before)
        return time.process_time() - start
