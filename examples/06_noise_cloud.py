"""What is left when noise keeps a run from settling: the predicted stationary cloud against a long run."""

import numpy as np

import tussle

model = tussle.models.gaussian(penalties=[tussle.r1(1.0)])
method = tussle.Map(tussle.Field(model.game), tussle.alternating(tussle.sgd(0.1)))
batches = model.game.sampler(64)
predicted = tussle.noise_cloud(method, model.equilibrium, batches)
mean, measured = tussle.sampled_cloud(method, model.equilibrium, batches, steps=20_000)
for name, a, b in zip(model.axes, np.sqrt(predicted.covariance.diagonal()), np.sqrt(measured.diagonal()), strict=True):
    print(f"{name}: predicted standard deviation {a:.5f}, measured {b:.5f}")

ratio = np.sqrt(predicted.covariance.diagonal() / measured.diagonal())
assert np.all(np.abs(ratio - 1) < 0.2)
