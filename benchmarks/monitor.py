"""Training with a monitor that chooses its interval, against the same training without.

Short stretches with the monitor and without take turns. All times are those of the processor, on one thread: other work
on the machine then hardly shows. The monitor's own clock is the processor's, too.
"""

import time
from importlib.util import find_spec

import numpy as np
from measure import Row

LIMIT = 1.05


def benchmark(tiny: bool) -> list[Row]:
    """Compare on the digits GAN with R1, in a loop of plain PyTorch."""
    if find_spec("torch") is None:
        return [Row("training with a monitor", float("nan"), None, LIMIT, "skipped: PyTorch is not installed")]
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = [_row(10 if tiny else 25, 2 if tiny else 100, tiny)]
    torch.set_num_threads(threads)
    return rows


def _row(steps: int, rounds: int, tiny: bool) -> Row:
    loop = _Loop(4 if tiny else 32, 1 if tiny else 12)
    loop.run(2)
    bare, watched = [], []
    for _ in range(rounds):
        bare.append(loop.run(steps))
        watched.append(loop.run(steps, loop.monitor))
    # what stands between two stretches with the monitor is none of its time: its clock stands still there
    cost = loop.monitor.cost
    note = (
        f"{steps * rounds} steps each, {1000 * sum(bare) / steps / rounds:.2f} ms a step; {cost.readings['probes']} "
        f"reading(s) and {cost.readings['checks']} round(s) of checks, {100 * cost.share:.1f} % by its own account"
    )
    return Row("training with a monitor / without, digits GAN", sum(watched), sum(bare), LIMIT, note)


class _Loop:
    """A GAN on images of 8 x 8, trained as a user would."""

    def __init__(self, size: int, width: int) -> None:
        import torch

        from tussle.doctor import adopt
        from tussle.doctor.monitor import Monitor
        from tussle.networks import small_networks

        self.size = size
        self.images = torch.tensor(np.random.default_rng(0).uniform(-1, 1, (256, 1, 8, 8)).astype(np.float32))
        self.modules = small_networks(16, width)
        self.optimizers = [torch.optim.Adam(m.parameters(), 2e-4, betas=(0.0, 0.99)) for m in self.modules]
        gan = adopt(
            *self.modules, loss="nonsaturating", penalties=["r1=1"], data=self.images, latent=16, pace=self.optimizers,
            batch=size,
        )  # fmt: skip
        self.away = 0.0  # seconds without the monitor
        self.monitor = Monitor(gan, on_finding=None, clock=lambda: time.process_time() - self.away)

    def run(self, steps: int, monitor=None) -> float:
        """Return the seconds of a stretch."""
        start = time.process_time()
        for _ in range(steps):
            self.step()
            if monitor is not None:
                monitor.step()
        took = time.process_time() - start
        if monitor is None:
            self.away += took
        return took

    def step(self) -> None:
        """Take one step of each player."""
        import torch

        from tussle.drop_in import discriminator_loss, generator_loss, penalty

        g, d = self.modules
        x = self.images[torch.randint(len(self.images), (self.size,))]
        for player in (1, 0):
            fake = g(torch.randn(self.size, 16))
            if player:
                fake = fake.detach()
                loss = discriminator_loss("nonsaturating", d(x), d(fake)) + penalty("r1=1", d, x)
            else:
                loss = generator_loss("nonsaturating", None, d(fake))
            self.optimizers[player].zero_grad()
            loss.backward()
            self.optimizers[player].step()
