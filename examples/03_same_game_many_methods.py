"""One game, many methods: only the rule changes, the exact spectrum of its map follows by differentiation."""

import tussle

model = tussle.models.dirac()
field = tussle.Field(model.game)
pace = tussle.sgd(0.2)
methods = {
    "simultaneous": tussle.Map(field, tussle.simultaneous(pace)),
    "alternating": tussle.Map(field, tussle.alternating(pace)),
    "alternating, momentum -0.5": tussle.Map(field, tussle.alternating(tussle.momentum(0.2, -0.5))),
    "extragradient": tussle.Map(field, tussle.extragradient(pace)),
    "optimistic": tussle.Map(field, tussle.optimistic(pace)),
    "competitive": tussle.Map(field, tussle.competitive(pace)),
    "lookahead 5": tussle.Map(field, tussle.lookahead(tussle.simultaneous(pace), k=5)),
    "consensus 1": tussle.Map(tussle.consensus(1.0)(field), tussle.simultaneous(pace)),
    "symplectic 1": tussle.Map(tussle.symplectic(1.0)(field), tussle.simultaneous(pace)),
    "JARE 1": tussle.Map(tussle.jare(1.0)(field), tussle.simultaneous(pace)),
}
for name, method in methods.items():
    found = tussle.spectrum(tussle.map_jacobian(method, model.equilibrium), of="map", tolerance=1e-9)
    steps = tussle.stable_range(method, model.equilibrium).largest
    print(f"{name:28s} radius {found.radius:.12f}  {found.verdict:10s}  stable up to {steps}")

assert tussle.stable_range(methods["alternating"], model.equilibrium).largest is None
