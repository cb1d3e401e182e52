"""Divergences, what a loss really descends, and which of the six assumptions behind a GAN hold."""

import tussle
from tussle.assumptions import experiment, ledger
from tussle.critics import optimal_critic
from tussle.divergences import divergence

p, q = tussle.Normal(0.0, 1.0), tussle.Mixture((tussle.Normal(-4.0, 1.0), tussle.Normal(4.0, 1.0)), (0.5, 0.5))
for name in ("kl", "reverse_kl", "js", "tv", "hellinger2", "w1"):
    found = divergence(name, p, q)
    print(f"{name:11s} {found.value:.10f} +- {found.error:.0e} ({found.route})")

for name in ("minimax", "rp-logistic", "ra-logistic", "least_squares"):
    best = optimal_critic(name, (0.7, 0.2, 0.1), (0.2, 0.3, 0.5))
    print(f"{name}: the best critic gains {best.divergence:.8f}")

for row in ledger(tussle.models.gaussian(loss_function="nonsaturating")).rows:
    print(f"{row.number} {row.name}: {row.status}. {row.evidence}")
print(experiment("bumps").sentence)
