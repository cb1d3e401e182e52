"""A monitor in Lightning: a callback of five lines."""

import sys
import warnings

import torch
from torch import nn
from torch.nn.functional import softplus

from tussle.doctor import adopt
from tussle.doctor.monitor import Monitor

try:
    import lightning
except ModuleNotFoundError:
    print("this example needs Lightning: pip install lightning")
    sys.exit(0)

torch.set_num_threads(1)  # faster for networks of this size
torch.manual_seed(0)
angle = torch.rand(2000) * 6.2832
ring = torch.stack([angle.cos(), angle.sin()], dim=1)


class Watched(lightning.Callback):
    """Calls a monitor after each batch."""

    def __init__(self, monitor):
        self.monitor = monitor

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.monitor.step()


class Ring(lightning.LightningModule):
    """A GAN with two optimizers, stepped by hand as Lightning wants it."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.g = nn.Sequential(nn.Linear(4, 32), nn.SiLU(), nn.Linear(32, 2))
        self.d = nn.Sequential(nn.Linear(2, 32), nn.SiLU(), nn.Linear(32, 1))

    def configure_optimizers(self):
        return [torch.optim.Adam(m.parameters(), 2e-3, betas=(0.0, 0.99)) for m in (self.g, self.d)]

    def training_step(self, batch, batch_idx):
        (x,) = batch
        first, second = self.optimizers()
        f = self.d(self.g(torch.randn(len(x), 4, device=x.device)))
        loss = softplus(-self.d(x)).mean() + softplus(f).mean()
        second.zero_grad()
        self.manual_backward(loss)
        second.step()
        loss = softplus(-self.d(self.g(torch.randn(len(x), 4, device=x.device)))).mean()
        first.zero_grad()
        self.manual_backward(loss)
        first.step()


module = Ring()
gan = adopt(module.g, module.d, loss="nonsaturating", data=ring, latent=4, pace="adam,lr=2e-3,beta1=0,beta2=0.99")
monitor = Monitor(gan, every=50, out="rows.csv")
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(ring), batch_size=64, shuffle=True)
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", module="lightning")
    trainer = lightning.Trainer(
        max_steps=1000, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[Watched(monitor)],
    )  # fmt: skip
    trainer.fit(module, loader)
print(monitor.cost)
print("diversity of the fakes by step", [(row["step"], round(row["diversity/spread"], 2)) for row in monitor.rows])
assert [row["step"] for row in monitor.rows][:2] == [50, 100]
