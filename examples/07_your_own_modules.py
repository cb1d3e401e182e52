"""Your own PyTorch modules as players: the same losses, penalties, rules and spectra as for the exact models."""

import torch
from torch import nn

import tussle
from tussle.networks import leading_spectrum, network_gan, verify_product
from tussle.training import train

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(4, 24), nn.SiLU(), nn.Linear(24, 2))
discriminator = nn.Sequential(nn.Linear(2, 24), nn.SiLU(), nn.Linear(24, 1))
angle = torch.rand(2000) * 6.2832
ring = torch.stack([angle.cos(), angle.sin()], dim=1)

gan = network_gan(generator, discriminator, data=ring, latent=4, loss="nonsaturating", penalties=[tussle.r1(0.1)])
method = tussle.Map(tussle.Field(gan.game), tussle.alternating(tussle.adam(2e-3, beta1=0.0), first="discriminator"))
run = train(method, gan.start, 400, batch=64, seed=0, every=100)
print("losses", run.losses[-1], "ending", run.ending)

field, batch = method.field, gan.game.sampler(256)(0, 0)
check = verify_product(field, run.point, batch)
print(f"Jacobian products are off by {check.relative_error:.1e}: {check.advice}")
found = leading_spectrum(field, run.point, batch, count=4, tolerance=1e-6)
print("largest real part", found.real.eigenvalues, "residuals", found.real.residuals)
print("fastest rotation ", found.imaginary.eigenvalues)

dense = tussle.field_jacobian(field, [x.double() for x in run.point], batch)
exact = tussle.spectrum(dense, of="flow", tolerance=1e-6)
assert check.trusted
assert abs(exact.abscissa - found.real.abscissa) < 1e-6 * exact.radius
