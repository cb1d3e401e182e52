"""Does the local convergence theorem apply, and if not, which of its assumptions fails?"""

import tussle

rule = tussle.alternating(tussle.sgd(0.1))
models = {
    "Gaussian game with R1": tussle.models.gaussian(penalties=[tussle.r1(1.0)]),
    "Dirac-GAN": tussle.models.dirac(),
    "Dirac-GAN with a bias": tussle.models.dirac(bias=True),
    "Dirac-GAN with a bias and R1": tussle.models.dirac(bias=True, penalties=[tussle.r1(1.0)]),
}
for name, model in models.items():
    found = tussle.certificate(tussle.Map(tussle.Field(model.game), rule), model.equilibrium)
    print(f"\n{name}\n{found}")

assert found.holds
