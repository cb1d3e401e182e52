"""A monitor in a plain PyTorch loop: it reads at a twentieth of the time, and stops a run that goes wrong early."""

import torch
from torch import nn
from torch.nn.functional import softplus

from tussle.doctor import adopt
from tussle.doctor.monitor import FoundError, Monitor

torch.set_num_threads(1)  # faster for networks of this size
torch.manual_seed(0)
angle = torch.rand(2000) * 6.2832
ring = torch.stack([angle.cos(), angle.sin()], dim=1)


def modules(critic_rate):
    """Return a generator and a discriminator with their optimizers."""
    g = nn.Sequential(nn.Linear(4, 32), nn.SiLU(), nn.Linear(32, 2))
    d = nn.Sequential(nn.Linear(2, 32), nn.SiLU(), nn.Linear(32, 1))
    rates = ((g, 2e-3), (d, critic_rate))
    return g, d, [torch.optim.Adam(m.parameters(), rate, betas=(0.0, 0.99)) for m, rate in rates]


def train(g, d, optimizers, losses, monitor, steps):
    """Train as one would without the library; the monitor is one line."""
    for step in range(1, steps + 1):
        for player in (1, 0):
            x, z = ring[torch.randint(len(ring), (64,))], torch.randn(64, 4)
            loss = losses[player](d(x), d(g(z)))
            optimizers[player].zero_grad()
            loss.backward()
            optimizers[player].step()
        monitor.step(step, last_loss=loss)


logistic = (lambda r, f: softplus(-f).mean(), lambda r, f: softplus(-r).mean() + softplus(f).mean())
g, d, optimizers = modules(2e-3)
gan = adopt(g, d, loss=logistic, data=ring, latent=4, pace=optimizers, batch=64)
monitor = Monitor(gan, out="healthy.csv")
train(g, d, optimizers, logistic, monitor, 1000)
print(monitor.cost)
print([(step, finding.name) for step, finding in monitor.findings] or "nothing found")

# The same with a Wasserstein loss and nothing that bounds the critic, which moves fast.
wasserstein = (lambda r, f: -f.mean(), lambda r, f: f.mean() - r.mean())
g, d, optimizers = modules(2e-2)
gan = adopt(g, d, loss=wasserstein, data=ring, latent=4, pace=optimizers, batch=64)
monitor = Monitor(gan, every=20, on_finding="raise")
try:
    train(g, d, optimizers, wasserstein, monitor, 1500)
except FoundError as stopped:
    print("stopped at", stopped)
assert monitor.findings[0][1].name == "exploding_critic_gradient"
