"""A monitor in a loop with Accelerate: adopt the modules as they are, before they are prepared."""

import sys

import torch
from torch import nn
from torch.nn.functional import softplus

from tussle.doctor import adopt
from tussle.doctor.monitor import Monitor

try:
    from accelerate import Accelerator
except ModuleNotFoundError:
    print("this example needs Accelerate: pip install accelerate")
    sys.exit(0)

torch.set_num_threads(1)  # faster for networks of this size
torch.manual_seed(0)
angle = torch.rand(2000) * 6.2832
ring = torch.stack([angle.cos(), angle.sin()], dim=1)
g = nn.Sequential(nn.Linear(4, 32), nn.SiLU(), nn.Linear(32, 2))
d = nn.Sequential(nn.Linear(2, 32), nn.SiLU(), nn.Linear(32, 1))
optimizers = [torch.optim.Adam(m.parameters(), 2e-3, betas=(0.0, 0.99)) for m in (g, d)]
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(ring), batch_size=64, shuffle=True)

accelerator = Accelerator(cpu=True)
gan = adopt(g, d, loss="nonsaturating", data=ring, latent=4, pace=optimizers, batch=64)
monitor = Monitor(gan, every=50) if accelerator.is_main_process else None
g, d, first, second, loader = accelerator.prepare(g, d, *optimizers, loader)

for _ in range(15):
    for (x,) in loader:
        f = d(g(torch.randn(len(x), 4, device=x.device)))
        loss = softplus(-d(x)).mean() + softplus(f).mean()
        second.zero_grad()
        accelerator.backward(loss)
        second.step()
        loss = softplus(-d(g(torch.randn(len(x), 4, device=x.device)))).mean()
        first.zero_grad()
        accelerator.backward(loss)
        first.step()
        if monitor is not None:
            monitor.step(g_loss=loss)
if monitor is not None:
    print(monitor.cost)
    print("diversity of the fakes by step", [(row["step"], round(row["diversity/spread"], 2)) for row in monitor.rows])
    assert [row["step"] for row in monitor.rows][:2] == [50, 100]
