"""A stochastic least-squares GAN predicted without sampling, and why its small gradient is not convergence."""

import numpy as np

import tussle
from tussle.lowdim.basins import plateau_basin
from tussle.plots import save
from tussle.plots.bands import ensemble_bands
from tussle.plots.plateaux import plateau_map
from tussle.plots.surface import cost_surface

rule = tussle.simultaneous(tussle.sgd(0.4))
model = tussle.models.erf_lsgan("A")  # Pulford and Kondrashov's case A: b and h learn, all expectations exact
found = tussle.analyze(model, rule, steps=249)
print("end of (h, b):", found.trajectory.end)
print(found.outcome.ending, "-", found.outcome.reason)
save(cost_surface(model, found.trajectory, window=((-4, 2), (-2.1, 3.1))), "surface.png")

# The same game by quadrature nodes can be sampled: 100 runs with batches of 100, and what is forecast of them.
nodes = tussle.models.erf_lsgan("A", panels=12)
method = tussle.Map(tussle.Field(nodes.game), rule)
runs = tussle.ensemble(method, nodes.start, 249, size=100, runs=100, seed=0)
predicted = tussle.forecast(method, nodes.start, 249, size=100)
print("mean of the runs:", runs.mean[-1], "predicted:", predicted.mean[-1])
print("their deviation: ", runs.sd[-1], "predicted:", predicted.sd[-1])
save(ensemble_bands(runs, found.trajectory, predicted, axes=nodes.axes), "bands.png")

basin = plateau_basin(model, rule, window=(-6, 4, -12, 6), count=(11, 10), steps=2000)
print("starts that end on each plateau:", basin.counts)
save(plateau_map(basin), "basin.png")

assert np.allclose(found.trajectory.end, (1.4333417959, 1.6028697571), rtol=0, atol=1e-9)
assert found.outcome.ending == "plateau"
assert np.all(np.abs(runs.mean[-1] - predicted.mean[-1]) < 0.4 * predicted.sd[-1] + 0.005 * np.abs(predicted.mean[-1]))
assert np.all(np.abs(runs.sd[-1] / predicted.sd[-1] - 1) < 0.4)
assert (basin.counts["D1"], basin.counts["J2"]) == (90, 20)
