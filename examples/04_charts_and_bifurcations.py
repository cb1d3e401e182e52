"""How stability changes with hyper-parameters: a chart over two of them, a bifurcation diagram over one."""

import numpy as np

import tussle


def method(lr, gamma):
    """Return simultaneous steps on the Dirac-GAN with R1."""
    model = tussle.models.dirac(penalties=[tussle.r1(gamma)])
    return tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.sgd(lr)))


origin = ((0.0,), (0.0,))
chart = tussle.chart(method, np.linspace(0.02, 4, 120), np.linspace(0.02, 2, 120), origin, names=("lr", "r1"))
edge = {"closed form": (np.linspace(0.08, 4, 50), np.linspace(0.02, 1, 50))}
tussle.plots.save(tussle.plots.stability_chart(chart, curves=edge), "chart.png")
print(f"stable on {100 * chart.stable.mean():.1f} % of the chart")

diagram = tussle.bifurcation(lambda lr: method(lr, 0.3), np.linspace(0.9, 1.5, 25), origin, name="lr")
tussle.plots.save(tussle.plots.bifurcation_diagram(diagram), "bifurcation.png")
print(f"the equilibrium loses its stability at lr = {diagram.onset:.12f} ({diagram.kind})")
# Spec of R1 under simultaneous steps: h < gamma / F^2 = 0.3 / 0.25.
assert abs(diagram.onset - 1.2) < 1e-8

critical = tussle.critical_value(
    lambda gamma: tussle.Field(tussle.models.dirac(penalties=[tussle.r1(gamma)]).game), origin, 0.0, 3.0
)
print(f"the rotation ends at gamma = {critical:.9f}")
assert abs(critical - 1.0) < 1e-9
