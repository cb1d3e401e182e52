"""Rules and adjustments as torch optimizers: what each makes of a game that plain steps spiral out of."""

import torch
from torch import nn

import tussle
from tussle import torch_optim
from tussle.drop_in import discriminator_loss, generator_loss, penalty

# The bilinear game x y: from (1, 1) plain steps go outward, and its equilibrium is (0, 0).
OPTIMIZERS = {
    "simultaneous": lambda players: torch_optim.GameOptimizer(players, "simultaneous", 0.3),
    "extragradient": lambda players: torch_optim.Extragradient(players, 0.3),
    "optimistic": lambda players: torch_optim.Optimistic(players, 0.3),
    "lookahead": lambda players: torch_optim.Lookahead(players, 0.3, k=6),
    "consensus": lambda players: torch_optim.Consensus(players, 0.3, gamma=1.0),
    "symplectic": lambda players: torch_optim.Symplectic(players, 0.3, weight=1.0),
    "jare": lambda players: torch_optim.Jare(players, 0.3, gamma=1.0),
    "cgd": lambda players: torch_optim.CGD(players, 0.3),
}
distance = {}
for name, make in OPTIMIZERS.items():
    x, y = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    optimizer = make(([x], [y]))
    for _ in range(60):
        optimizer.step(lambda x=x, y=y: ((x * y).sum(), -(x * y).sum()))
    distance[name] = torch.cat([x, y]).norm().item()
    print(f"{name:14} {distance[name]:.2e}")
assert distance.pop("simultaneous") > 2
assert max(distance.values()) < 1

# Two networks: a relativistic loss with R1 and R2, extragradient steps with Adam, a scheduler, a state that resumes.
torch.set_num_threads(1)  # faster for networks of this size
torch.manual_seed(0)
angle = torch.rand(2000) * 6.2832
ring = torch.stack([angle.cos(), angle.sin()], dim=1)
g = nn.Sequential(nn.Linear(4, 32), nn.SiLU(), nn.Linear(32, 2))
d = nn.Sequential(nn.Linear(2, 32), nn.SiLU(), nn.Linear(32, 1))
players = ({"params": g, "lr": 2e-3}, {"params": d, "lr": 4e-3})
optimizer = torch_optim.Extragradient(players, tussle.adam(2e-3, 0.0, 0.99))
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)


def closure():
    """Return both losses on a batch of its own: extragradient calls it twice a step."""
    real, fake = ring[torch.randint(len(ring), (64,))], g(torch.randn(64, 4))
    real_scores, fake_scores = d(real), d(fake)
    penalties = penalty("r1=0.2", d, real) + penalty("r2=0.2", d, real, fake.detach())
    return (
        generator_loss("rp-logistic,scale=0.5", real_scores, fake_scores),
        discriminator_loss("rp-logistic,scale=0.5", real_scores, fake_scores) + penalties,
    )


for step in range(300):
    losses = optimizer.step(closure)
    scheduler.step()
    if step == 0:
        radius = g(torch.randn(500, 4)).norm(dim=1).mean()
radius_now = g(torch.randn(500, 4)).norm(dim=1).mean()
print(
    "losses", [round(x.item(), 3) for x in losses], "mean radius of the fakes", radius.item(), "->", radius_now.item()
)
resumed = torch_optim.Extragradient(players, tussle.adam(2e-3, 0.0, 0.99))
resumed.load_state_dict(optimizer.state_dict())
assert abs(radius_now - 1) < abs(radius - 1)
